#include "internal.h"

/* Cells of one row beyond this cannot become a record: not even mapped. */
#define ROW_CELLS_MAX (2u * (size_t)LTH_RECORD_MAX)

void lth_agent__fault(agent_ctx *c, lth_scan_fault fault, const char *detail)
{
    lth_scan_info *info = &c->scan->info;
    if (info->fault == LTH_SCAN_none) {
        info->fault = fault;
        (void)lth_format(info->detail, sizeof info->detail, "%s", detail);
    }
}

/* A row that cannot be sent: said once as long as it is so, the others go on. */
static void report(agent_ctx *c, const char *event, const char *detail)
{
    lth_scan_info *info = &c->scan->info;
    info->invalid++;
    c->scan->held++;
    if (info->detail[0] == '\0') {
        (void)lth_format(info->detail, sizeof info->detail, "%s", detail);
    }
    if (!c->scan->unsendable && !c->table->unsendable) {
        lth_log_event(&c->self->env.log, LTH_LEVEL_WARN, event, "org=%s dataset=%s",
                      lth_agent__code_of(c->self, c->school), c->table->mapping->dataset->name);
    }
    c->scan->unsendable = true;
}

lth_err lth_agent__row_load(agent_ctx *c, const lth_cell *cells, uint32_t number)
{
    agent_row *row = &c->self->row;
    lth_arena_reset(c->self->rows);
    row->cells = cells;
    row->number = number;
    row->known = false;
    row->prints.has = 0;
    row->prints.scoped = false;
    lth_agent__row_print(c->self, c->table, cells, row->hash);
    if (c->table->matched) {
        return LTH_OK;
    }
    row->local_key = lth_agent__local_key(c->table->mapping, cells);
    lth_agent__print(&c->self->env.hasher, row->local_key, row->key);
    lth_err err = lth_agent__map_get(c, row->key, &row->old);
    row->known = err == LTH_OK;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* Everything of the row but its header, as a record to be sent. */
static void fill_record(agent_ctx *c, const lth_mapped_row *mapped)
{
    lth_record_new *record = &c->self->record;
    record->dataset = c->table->mapping->dataset->number;
    record->src_version = 0; /* a scan sees states, not versions */
    record->src_commit_time_ms = c->now.wall_ms;
    record->n_groups = mapped->n_groups;
    for (uint32_t i = 0; i < mapped->n_groups; i++) {
        record->groups[i].number = mapped->groups[i].number;
        record->groups[i].value = mapped->groups[i].value;
    }
}

/* A faulty natural key is nobody's. */
void lth_agent__row_natural(agent_row *row, const lth_hasher *h, const lth_dataset *ds)
{
    row->natural = (lth_slice){0};
    for (uint32_t i = 0; i < row->mapped.n_groups; i++) {
        if (row->mapped.groups[i].number == ds->natural_group) {
            row->natural = row->mapped.groups[i].value;
        }
    }
    const lth_group *group = lth_dataset_group(ds, ds->natural_group);
    LTH_ASSERT(group != NULL);
    row->natural_sound =
        row->natural.n > 0 && lth_group_check(group, row->natural, NULL) == LTH_REFUSE_none;
    lth_agent__print(h, row->natural, row->natural_print);
}

/* Has it errors that are not a matter of rules, lists and other fields? */
static bool unreadable(const lth_findings *findings)
{
    uint32_t healable = 0;
    for (uint32_t i = 0; i < findings->n; i++) {
        lth_refusal code = findings->items[i].code;
        bool error = findings->items[i].severity == LTH_SEVERITY_ERROR;
        healable +=
            error && (code == LTH_REFUSE_unknown_code || code == LTH_REFUSE_code_not_in_force ||
                      code == LTH_REFUSE_broken_rule || code == LTH_REFUSE_missing_required);
    }
    return healable < findings->errors;
}

static lth_err too_large(agent_ctx *c)
{
    report(c, "row_too_large", "a row is larger than a record may be");
    return lth_agent__finding_own(c, LTH_REFUSE_too_large, 0, "Hàng quá lớn: bớt chữ trong các ô.",
                                  "The row is too large: shorten its cells.");
}

lth_err lth_agent__row_map(agent_ctx *c, bool *fits)
{
    const lth_mapping *mapping = c->table->mapping;
    agent_row *row = &c->self->row;
    size_t size = 0;
    for (uint32_t i = 0; i < mapping->n_columns; i++) {
        size += row->cells[i].n > 0 ? (size_t)row->cells[i].n : 0;
    }
    lth_err err = size > ROW_CELLS_MAX
                      ? LTH_E_LIMIT
                      : lth_map_row(&row->mapped, mapping, c->self->env.schema, row->cells,
                                    lth_day_of(c->now.wall_ms), c->self->rows);
    if (err == LTH_OK) {
        row->unreadable = unreadable(&row->mapped.findings);
        fill_record(c, &row->mapped);
        err = lth_agent__widest(&c->self->record) > LTH_RECORD_MAX ? LTH_E_LIMIT : LTH_OK;
    }
    *fits = err == LTH_OK;
    if (err == LTH_E_LIMIT) {
        return too_large(c);
    }
    if (err == LTH_OK) {
        lth_agent__row_natural(row, &c->self->env.hasher, mapping->dataset);
    }
    return err;
}

/* ---- what is stored and sent ---- */

/* The broker holds this version and goes on with the one before, which keeps its natural key. */
static lth_err keep_natural(agent_ctx *c, agent_map_row *fresh)
{
    agent_row *row = &c->self->row;
    uint8_t print[PRINT_SIZE], owner[PRINT_SIZE];
    fresh->natural = row->old.natural;
    lth_agent__print(&c->self->env.hasher, fresh->natural, print);
    lth_err err = lth_agent__natural_owner(c, print, owner);
    bool free = err == LTH_E_NOT_FOUND; /* Released when it was put off. */
    if (free || (err == LTH_OK && memcmp(owner, row->key, PRINT_SIZE) == 0)) {
        fresh->flags |= MAP_HAS_NATURAL;
    }
    return free ? lth_agent__natural_claim(c, print, row->key) : err;
}

/* What a row that went back is compared with. */
static void remember_before(const agent_ctx *c, agent_map_row *fresh)
{
    const agent_row *row = &c->self->row;
    bool same = row->known && memcmp(row->hash, row->old.hash, PRINT_SIZE) == 0;
    if (row->known && (same ? (row->old.flags & MAP_BEFORE) != 0 : !c->table->remapped)) {
        fresh->flags |= MAP_BEFORE;
        memcpy(fresh->before, same ? row->old.before : row->old.hash, PRINT_SIZE);
    }
}

/* A cell that is empty, or a column that is not there, takes no match key away: without its code a
 * record would soon be anybody's of its name. */
static void keep_prints(agent_row *row)
{
    for (uint32_t i = 0; i < PRINTS_MAX; i++) {
        uint16_t bit = (uint16_t)(1u << i);
        if ((row->prints.has & bit) == 0 && (row->old.prints.has & bit) != 0) {
            row->prints.has |= bit;
            memcpy(row->prints.of[i], row->old.prints.of[i], PRINT_SIZE);
        }
    }
}

/* Map and natmap as they are after this row; releases the natural key it had before. */
static lth_err remember(agent_ctx *c, const lth_id *id, bool clash)
{
    agent_row *row = &c->self->row;
    if (row->known && c->table->matched) {
        keep_prints(row);
    }
    agent_map_row fresh = {.record_id = *id, .natural = row->natural, .prints = row->prints};
    lth_err err = LTH_OK;
    memcpy(fresh.hash, row->hash, PRINT_SIZE);
    bool invalid = clash || row->mapped.findings.errors > 0;
    fresh.flags = (uint8_t)((invalid ? MAP_INVALID : 0) | (clash ? MAP_CLASH : 0) |
                            (row->warned ? MAP_WARNED : 0) | (c->table->matched ? MAP_MATCH : 0));
    remember_before(c, &fresh);
    bool had = row->known && (row->old.flags & MAP_HAS_NATURAL) != 0;
    if ((invalid || !row->natural_sound) && had) {
        err = keep_natural(c, &fresh);
    } else if (had && !lth_slice_equal(row->old.natural, row->natural)) {
        err = lth_agent__natural_release(c, &row->old, row->key);
    }
    if (err == LTH_OK && row->natural_sound && !invalid) {
        fresh.flags |= MAP_HAS_NATURAL;
        err = lth_agent__natural_claim(c, row->natural_print, row->key);
    }
    if (err == LTH_OK && c->table->matched) {
        err =
            lth_agent__match_index(c, row->key, row->known ? &row->old.prints : NULL, &row->prints);
    }
    return err == LTH_OK ? lth_agent__map_put(c, row->key, &fresh) : err;
}

static void count_change(agent_ctx *c, bool invalid)
{
    agent_scan *scan = c->scan;
    bool known = c->self->row.known;
    scan->info.changed++;
    scan->info.fresh += known ? 0 : 1;
    scan->info.invalid += invalid ? 1 : 0;
    scan->held += invalid ? 1 : 0;
    scan->fresh += !invalid && !known ? 1 : 0;
    scan->changed += !invalid && known ? 1 : 0;
}

static lth_err identify(agent_ctx *c, lth_id *id, bool *collides)
{
    lth_err err = lth_agent__id_new(c, &c->self->row, id);
    *collides = err == LTH_E_EXISTS;
    if (!*collides) {
        return err;
    }
    report(c, "id_collision", "two local keys give one record id");
    return lth_agent__finding_own(c, LTH_REFUSE_id_collision, 0,
                                  "Mã nguồn của hàng này đã thuộc bản ghi khác.",
                                  "This row's own number belongs to another record.");
}

lth_err lth_agent__row_store(agent_ctx *c, lth_op op, bool clash)
{
    agent_row *row = &c->self->row;
    lth_record_new *record = &c->self->record;
    lth_err err = lth_agent__keep_absent(c);
    lth_id id = row->old.record_id;
    if (err == LTH_OK && !row->known) {
        bool collides;
        err = identify(c, &id, &collides);
        if (err != LTH_OK || collides) {
            return err;
        }
    }
    err = err == LTH_OK ? lth_agent__findings(c, &id) : err;
    if (err == LTH_OK && clash) {
        err = lth_agent__finding_own(c, LTH_REFUSE_natural_key_taken, 0,
                                     "Khoá của hàng này đã thuộc bản ghi khác trong tệp.",
                                     "This row's key belongs to another record of the file.");
    }
    err = err == LTH_OK ? remember(c, &id, clash) : err;
    if (err == LTH_OK && c->table->matched && (!row->known || op == LTH_OP_REKEY)) {
        err = lth_agent__answer_done(c);
    }
    if (err == LTH_OK && row->known && op == LTH_OP_REKEY) {
        err = lth_agent__moved_note(c);
    }
    if (err != LTH_OK) {
        return err;
    }
    bool invalid = clash || row->mapped.findings.errors > 0;
    record->op = op;
    record->record_id = id;
    record->flags = invalid ? LTH_RECORD_INVALID : 0;
    count_change(c, invalid);
    err = c->table->kept ? lth_agent__spool_put(c, LTH_A_state) : LTH_OK;
    return err == LTH_OK ? lth_agent__emit(c) : err;
}

/* ---- what is decided ---- */

/* As it was sent: no version. A file's row still says where it stands and what is found in it. */
static lth_err keep(agent_ctx *c)
{
    agent_row *row = &c->self->row;
    lth_record_new *record = &c->self->record;
    bool invalid = (row->old.flags & MAP_INVALID) != 0;
    lth_err err = lth_agent__findings(c, &row->old.record_id);
    uint8_t flags =
        (uint8_t)((row->old.flags & ~(MAP_WARNED | MAP_JUDGE)) | (row->warned ? MAP_WARNED : 0));
    c->scan->info.invalid += invalid ? 1 : 0;
    c->scan->held += invalid ? 1 : 0;
    if (err == LTH_OK && flags != row->old.flags) {
        row->old.flags = flags;
        err = lth_agent__map_put(c, row->key, &row->old);
    }
    if (err == LTH_OK && c->table->kept && lth_agent__upload(c) != NULL) {
        record->record_id = row->old.record_id;
        record->flags = invalid ? LTH_RECORD_INVALID : 0;
        err = lth_agent__spool_put(c, LTH_A_state);
    }
    return err;
}

/* Put off until it is known how many rows went back (internal.h, guards). */
static lth_err on_back(agent_ctx *c)
{
    agent_scan *scan = c->scan;
    bool room = false;
    lth_agent__set_add(&scan->old, c->self->row.key);
    lth_err err = scan->old_spilled ? LTH_OK : lth_agent__defer(c, DEFER_BACK, &room);
    scan->old_spilled = scan->old_spilled || !room;
    return err;
}

static lth_err on_change(agent_ctx *c, lth_op op)
{
    const agent_row *row = &c->self->row;
    uint8_t owner[PRINT_SIZE];
    lth_err err = row->natural_sound ? lth_agent__natural_owner(c, row->natural_print, owner)
                                     : LTH_E_NOT_FOUND;
    if (err == LTH_OK && memcmp(owner, row->key, PRINT_SIZE) != 0) {
        bool room;
        err = lth_agent__defer(c, DEFER_NATURAL, &room);
        if (err == LTH_OK && !room) {
            lth_agent__fault(c, LTH_SCAN_incomplete,
                             "too many rows with another row's natural key");
            c->scan->stopped = true;
        }
        return err;
    }
    if (err != LTH_OK && err != LTH_E_NOT_FOUND) {
        return err;
    }
    bool waits = !row->known && c->scan->weighs;
    err = waits ? lth_agent__defer_new(c, &waits) : LTH_OK;
    return err == LTH_OK && !waits ? lth_agent__row_store(c, op, false) : err;
}

/* What it would be, or is. */
static lth_err is_older(agent_ctx *c, bool *yes)
{
    const lth_agent_school *conf = c->school->conf;
    const agent_row *row = &c->self->row;
    lth_id id = row->old.record_id;
    if (!row->known) {
        lth_record_id_make(&id, &c->self->env.hasher, &conf->org, conf->id_key,
                           c->table->mapping->dataset->number, row->local_key);
    }
    lth_err err = lth_agent__older(c, &id, yes);
    return err == LTH_OK && !*yes && !row->known && c->table->matched
               ? lth_agent__match_ended(c, yes)
               : err;
}

lth_err lth_agent__row_take(agent_ctx *c, lth_op op)
{
    const agent_row *row = &c->self->row;
    const agent_upload *upload = lth_agent__upload(c);
    bool older = false;
    lth_err err =
        upload != NULL && upload->number < c->school->uploads ? is_older(c, &older) : LTH_OK;
    if (err != LTH_OK || older) {
        return err;
    }
    bool invalid = row->mapped.findings.errors > 0;
    bool same = row->known && memcmp(row->old.hash, row->hash, PRINT_SIZE) == 0 &&
                (row->old.flags & MAP_CLASH) == 0;
    if (same && !c->scan->spooling && invalid == ((row->old.flags & MAP_INVALID) != 0)) {
        return keep(c);
    }
    bool back = row->known && !same && !c->table->remapped && (row->old.flags & MAP_BEFORE) != 0 &&
                memcmp(row->old.before, row->hash, PRINT_SIZE) == 0;
    bool repeated = upload != NULL && upload->repeats && !same;
    return back || repeated ? on_back(c) : on_change(c, op);
}

/* ---- rows with a key of their own ---- */

static const char *key_column(const agent_ctx *c)
{
    return c->table->mapping->columns[c->table->mapping->key_column];
}

/* In a file one bad row harms only itself; it may be anybody's, so nothing ends. */
static lth_err on_null_key(agent_ctx *c, const lth_cell *cells, uint32_t number)
{
    if (lth_agent__upload(c) == NULL) {
        lth_agent__fault(c, LTH_SCAN_null_key, key_column(c));
        return LTH_OK;
    }
    agent_row *row = &c->self->row;
    row->cells = cells;
    row->number = number;
    lth_agent__row_print(c->self, c->table, cells, row->hash);
    c->scan->never_ends = true;
    c->scan->info.invalid++;
    c->scan->held++;
    return lth_agent__finding_own(c, LTH_REFUSE_missing_required, 0, "Hàng thiếu khoá.",
                                  "The row has no key.");
}

static lth_err on_keyed(agent_ctx *c, const lth_cell *cells, uint32_t number)
{
    agent_scan *scan = c->scan;
    const agent_row *row = &c->self->row;
    if (lth_agent__local_key(c->table->mapping, cells).n == 0) {
        return on_null_key(c, cells, number);
    }
    lth_err err = lth_agent__row_load(c, cells, number);
    if (err != LTH_OK) {
        return err;
    }
    switch (lth_agent__seen_add(&scan->seen, row->key)) {
    case SEEN_NOMEM:
        return LTH_E_NOMEM;
    case SEEN_TWICE:
        if (scan->seen.tracked) {
            return lth_agent__row_again(c);
        }
        lth_agent__fault(c, LTH_SCAN_duplicate_key, key_column(c));
        return LTH_OK;
    case SEEN_NEW:
        lth_agent__row_seen(c);
        break;
    }
    bool same = row->known && memcmp(row->old.hash, row->hash, PRINT_SIZE) == 0 &&
                (row->old.flags & (MAP_CLASH | MAP_JUDGE)) == 0;
    if (same && !scan->spooling && !scan->judging) {
        scan->info.invalid += (row->old.flags & MAP_INVALID) != 0 ? 1 : 0;
        scan->info.warned += (row->old.flags & MAP_WARNED) != 0 ? 1 : 0;
        return LTH_OK;
    }
    bool fits;
    err = lth_agent__row_map(c, &fits);
    return err == LTH_OK && fits ? lth_agent__row_take(c, LTH_OP_STATE) : err;
}

void lth_agent__row_seen(agent_ctx *c)
{
    if (c->scan->seen.tracked) {
        agent_where *where = lth_agent__seen_where(&c->scan->seen, c->self->row.key);
        where->row = c->self->row.number;
        memcpy(where->hash, c->self->row.hash, PRINT_SIZE);
    }
}

lth_err lth_agent__row_again(agent_ctx *c)
{
    const agent_row *row = &c->self->row;
    const agent_where *where = lth_agent__seen_where(&c->scan->seen, row->key);
    char vi[80], en[80];
    if (memcmp(where->hash, row->hash, PRINT_SIZE) == 0) {
        return LTH_OK;
    }
    (void)lth_format(vi, sizeof vi, "Đã có ở hàng %u với nội dung khác: chỉ giữ một hàng.",
                     (unsigned)where->row);
    (void)lth_format(en, sizeof en, "Already in row %u with other contents: keep one of them.",
                     (unsigned)where->row);
    c->scan->info.invalid++;
    c->scan->held++;
    return lth_agent__finding_own(c, LTH_REFUSE_natural_key_taken, 0, vi, en);
}

lth_err lth_agent__on_row(agent_ctx *c, const lth_cell *cells, uint32_t number)
{
    agent_scan *scan = c->scan;
    if (scan->state != SCAN_READING || scan->read || scan->stopped) {
        return LTH_OK;
    }
    if (scan->info.rows == LTH_SCAN_ROWS_MAX) {
        scan->stopped = true;
        scan->info.fault = LTH_SCAN_none; /* outweighs what single rows had wrong */
        lth_agent__fault(c, LTH_SCAN_too_many_rows, c->table->mapping->dataset->name);
        return LTH_OK;
    }
    if (scan->info.rows++ == 0) {
        lth_agent__absent_note(c, cells);
    }
    if (!c->table->matched) {
        return on_keyed(c, cells, number);
    }
    lth_err err = lth_agent__row_load(c, cells, number);
    return err == LTH_OK ? lth_agent__match_row(c, false) : err;
}
