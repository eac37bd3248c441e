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
    if (info->detail[0] == '\0') {
        (void)lth_format(info->detail, sizeof info->detail, "%s", detail);
    }
    if (!c->scan->unsendable && !c->table->unsendable) {
        lth_log_event(&c->self->env.log, LTH_LEVEL_WARN, event, "org=%s dataset=%s",
                      lth_agent__code_of(c->self, c->school), c->table->mapping->dataset->name);
    }
    c->scan->unsendable = true;
}

lth_err lth_agent__row_load(agent_ctx *c, const lth_cell *cells)
{
    agent_row *row = &c->self->row;
    lth_arena_reset(c->self->rows);
    row->cells = cells;
    row->local_key = lth_agent__local_key(c->table->mapping, cells);
    lth_agent__print(&c->self->env.hasher, row->local_key, row->key);
    lth_agent__row_print(c->self, c->table, cells, row->hash);
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

/* The natural key, and whether it is one: a faulty one is nobody's. */
static void find_natural(agent_ctx *c, agent_row *row)
{
    const lth_dataset *ds = c->table->mapping->dataset;
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
    lth_agent__print(&c->self->env.hasher, row->natural, row->natural_print);
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
                      : lth_map_row(&row->mapped, mapping, NULL, row->cells, 0, c->self->rows);
    if (err == LTH_OK) {
        fill_record(c, &row->mapped);
        err = lth_agent__widest(&c->self->record) > LTH_RECORD_MAX ? LTH_E_LIMIT : LTH_OK;
    }
    *fits = err == LTH_OK;
    if (err == LTH_E_LIMIT) {
        report(c, "row_too_large", "a row is larger than a record may be");
        return LTH_OK;
    }
    if (err == LTH_OK) {
        find_natural(c, row);
    }
    return err;
}

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

/* Map and natmap as they are after this row; releases the natural key it had before. */
static lth_err remember(agent_ctx *c, const lth_id *id, bool clash)
{
    agent_row *row = &c->self->row;
    agent_map_row fresh = {.record_id = *id, .natural = row->natural};
    lth_err err = LTH_OK;
    memcpy(fresh.hash, row->hash, PRINT_SIZE);
    bool invalid = clash || row->mapped.findings.errors > 0;
    fresh.flags = (uint8_t)((invalid ? MAP_INVALID : 0) | (clash ? MAP_CLASH : 0));
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
    return err == LTH_OK ? lth_agent__map_put(c, row->key, &fresh) : err;
}

lth_err lth_agent__row_store(agent_ctx *c, lth_op op, bool clash)
{
    agent_row *row = &c->self->row;
    lth_record_new *record = &c->self->record;
    lth_err err = LTH_OK;
    lth_id id = row->old.record_id;
    if (!row->known) {
        err = lth_agent__id_new(c, row, &id);
        if (err == LTH_E_EXISTS) {
            report(c, "id_collision", "two local keys give one record id");
            return LTH_OK;
        }
    }
    if (err == LTH_OK) {
        err = remember(c, &id, clash);
    }
    if (err != LTH_OK) {
        return err;
    }
    bool invalid = clash || row->mapped.findings.errors > 0;
    record->op = op;
    record->record_id = id;
    record->flags = invalid ? LTH_RECORD_INVALID : 0;
    c->scan->info.changed++;
    c->scan->info.invalid += invalid ? 1 : 0;
    return lth_agent__emit(c);
}

/* New or changed. */
static lth_err on_change(agent_ctx *c)
{
    agent_row *row = &c->self->row;
    bool fits;
    lth_err err = lth_agent__row_map(c, &fits);
    if (err != LTH_OK || !fits) {
        return err;
    }
    if (row->natural_sound) {
        uint8_t owner[PRINT_SIZE];
        err = lth_agent__natural_owner(c, row->natural_print, owner);
        if (err == LTH_OK && memcmp(owner, row->key, PRINT_SIZE) != 0) {
            return lth_agent__defer(c);
        }
    }
    return err == LTH_OK || err == LTH_E_NOT_FOUND ? lth_agent__row_store(c, LTH_OP_STATE, false)
                                                   : err;
}

lth_err lth_agent__on_row(agent_ctx *c, const lth_cell *cells)
{
    agent_scan *scan = c->scan;
    if (scan->state != SCAN_READING || scan->stopped) {
        return LTH_OK;
    }
    if (scan->info.rows == LTH_SCAN_ROWS_MAX) {
        scan->stopped = true;
        scan->info.fault = LTH_SCAN_none; /* outweighs what single rows had wrong */
        lth_agent__fault(c, LTH_SCAN_too_many_rows, c->table->mapping->dataset->name);
        return LTH_OK;
    }
    scan->info.rows++;
    if (lth_agent__local_key(c->table->mapping, cells).n == 0) {
        lth_agent__fault(c, LTH_SCAN_null_key,
                         c->table->mapping->columns[c->table->mapping->key_column]);
        return LTH_OK;
    }
    lth_err err = lth_agent__row_load(c, cells);
    if (err != LTH_OK) {
        return err;
    }
    const agent_row *row = &c->self->row;
    switch (lth_agent__seen_add(&scan->seen, row->key)) {
    case SEEN_NOMEM:
        return LTH_E_NOMEM;
    case SEEN_TWICE:
        lth_agent__fault(c, LTH_SCAN_duplicate_key,
                         c->table->mapping->columns[c->table->mapping->key_column]);
        return LTH_OK;
    case SEEN_NEW:
        break;
    }
    bool same = row->known && memcmp(row->old.hash, row->hash, PRINT_SIZE) == 0 &&
                (row->old.flags & MAP_CLASH) == 0;
    if (same && !scan->spooling) {
        scan->info.invalid += (row->old.flags & MAP_INVALID) != 0 ? 1 : 0;
        return LTH_OK;
    }
    return on_change(c);
}
