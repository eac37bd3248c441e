#include "internal.h"

/* Rows of files stay in `state`: they are judged again when rules or lists change (here), and a
 * resync cuts its snapshot from them (snapshot.c). */

#define JUDGED_NAME    "judged "
#define JUDGED_SIZE    (sizeof JUDGED_NAME - 1 + TABLE_KEY_SIZE)
#define JUDGED_AT_ONCE 500u

bool lth_agent_state_values(lth_slice row, const lth_dataset *ds, uint64_t *upload,
                            uint32_t *number, lth_value *values)
{
    agent_kept kept;
    uint64_t shown[(LTH_FIELDS_MAX + 63) / 64];
    bool fine = lth_agent__kept_decode(&kept, row, true);
    if (!fine) {
        kept.view.n_groups = 0;
    }
    lth_row_values_read(ds, &kept.view, values, shown);
    *upload = kept.upload;
    *number = kept.number;
    return fine;
}

lth_err lth_agent__state_del(agent_ctx *c, const lth_id *id)
{
    uint8_t key[KEY_SIZE];
    lth_err err = lth_del(
        c->txn, LTH_A_state,
        lth_agent__key(key, &c->school->conf->org, c->table->mapping->dataset->number, id->b));
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* ---- by what its rows were judged: one row of `ameta` a table ---- */

static lth_slice judged_key(const agent_ctx *c, uint8_t out[JUDGED_SIZE])
{
    memcpy(out, JUDGED_NAME, sizeof JUDGED_NAME - 1);
    (void)lth_agent__table_key(out + sizeof JUDGED_NAME - 1, &c->school->conf->org,
                               c->table->mapping->dataset->number);
    return lth_slice_of(out, JUDGED_SIZE);
}

lth_err lth_agent__judged_load(agent_ctx *c)
{
    uint8_t key[JUDGED_SIZE];
    agent_table *table = c->table;
    lth_slice value;
    lth_err err = lth_get(c->txn, LTH_A_ameta, judged_key(c, key), &value);
    if (err == LTH_E_NOT_FOUND) {
        table->rejudge = true;
        return LTH_OK;
    }
    if (err != LTH_OK || value.n != (size_t)2 * PRINT_SIZE) {
        return err != LTH_OK ? err : LTH_E_STORE_CORRUPT;
    }
    table->remapped = memcmp(value.p, table->print, PRINT_SIZE) != 0;
    table->rejudge =
        table->remapped || memcmp(value.p + PRINT_SIZE, table->judged, PRINT_SIZE) != 0;
    return LTH_OK;
}

lth_err lth_agent__judged_save(agent_ctx *c)
{
    uint8_t key[JUDGED_SIZE], value[2 * PRINT_SIZE];
    agent_table *table = c->table;
    table->remapped = false;
    table->rejudge = false;
    memcpy(value, table->print, PRINT_SIZE);
    memcpy(value + PRINT_SIZE, table->judged, PRINT_SIZE);
    return lth_put_kv(c->txn, LTH_A_ameta, judged_key(c, key), lth_slice_of(value, sizeof value),
                      LTH_PUT);
}

/* ---- resync ---- */

static lth_err count(agent_ctx *c, uint32_t table, uint64_t *n)
{
    uint8_t prefix[TABLE_KEY_SIZE];
    lth_slice from =
        lth_agent__table_key(prefix, &c->school->conf->org, c->table->mapping->dataset->number);
    lth_cursor *cursor;
    lth_slice key, value;
    *n = 0;
    lth_err err = lth_cursor_open(c->txn, table, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    err = lth_cursor_seek(cursor, from, &key, &value);
    while (err == LTH_OK && key.n == KEY_SIZE && memcmp(key.p, prefix, sizeof prefix) == 0) {
        (*n)++;
        err = lth_cursor_next(cursor, &key, &value);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* A table that was read from a database before has records that no file has brought yet: a snapshot
 * without them would end them. */
lth_err lth_agent__state_resync(agent_ctx *c)
{
    uint64_t known, kept;
    lth_err err = count(c, LTH_A_map, &known);
    err = err == LTH_OK ? count(c, LTH_A_state, &kept) : err;
    if (err != LTH_OK || kept < known) {
        return err;
    }
    memset(c->table->cut_to.b, 0, sizeof c->table->cut_to.b);
    return lth_agent__resync_mark(c, RESYNC_CUTTING);
}

lth_err lth_agent__state_doubt(agent_ctx *c)
{
    uint8_t at[KEY_SIZE];
    lth_cursor *cursor;
    lth_slice key, value;
    agent_map_row row;
    lth_err err = lth_agent__resync_mark(c, RESYNC_NONE);
    err = err == LTH_OK ? lth_agent__arenas(c->self) : err;
    err = err == LTH_OK ? lth_cursor_open(c->txn, LTH_A_map, &cursor) : err;
    if (err != LTH_OK) {
        return err;
    }
    (void)lth_agent__table_key(at, &c->school->conf->org, c->table->mapping->dataset->number);
    err = lth_cursor_seek(cursor, lth_slice_of(at, TABLE_KEY_SIZE), &key, &value);
    while (err == LTH_OK && key.n == KEY_SIZE && memcmp(key.p, at, TABLE_KEY_SIZE) == 0) {
        memcpy(at, key.p, KEY_SIZE);
        lth_arena_reset(c->self->rows);
        err = lth_agent__map_decode(c, value, &row);
        memset(row.hash, 0, sizeof row.hash);
        row.flags = (uint8_t)(row.flags & ~MAP_BEFORE);
        err = err == LTH_OK ? lth_agent__map_put(c, at + TABLE_KEY_SIZE, &row) : err;
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* ---- judging again, in slices ---- */

static agent_table *due_table(const agent_school *school)
{
    bool free = school->round == NULL && school->head.at.epoch > 0;
    for (uint32_t i = 0; free && i < school->conf->n_tables; i++) {
        agent_table *table = &school->tables[i];
        if (table->kept && table->rejudge && table->resync == RESYNC_NONE) {
            return table;
        }
    }
    return NULL;
}

bool lth_agent__rejudge_due(const agent_school *school)
{
    return due_table(school) != NULL;
}

/* The stored row as if it had just been mapped; its values are copied. */
static lth_err restore(agent_ctx *c, lth_slice key, lth_slice value)
{
    agent_row *row = &c->self->row;
    lth_record_new *record = &c->self->record;
    lth_arena_reset(c->self->rows);
    if (!lth_agent__spool_decode(c, key, value, record)) {
        return LTH_E_STORE_CORRUPT;
    }
    row->stood_in = lth_get64(value.p);
    row->number = lth_get32(value.p + 8);
    row->unreadable = (record->flags & STATE_UNREADABLE) != 0;
    row->warned = false;
    record->flags = 0;
    record->src_commit_time_ms = c->now.wall_ms;
    row->mapped.n_groups = record->n_groups;
    for (uint32_t i = 0; i < record->n_groups; i++) {
        lth_slice *group = &record->groups[i].value;
        group->p = lth_arena_copy(c->self->rows, group->p, group->n);
        if (group->p == NULL) {
            return LTH_E_NOMEM;
        }
        row->mapped.groups[i].number = record->groups[i].number;
        row->mapped.groups[i].value = *group;
    }
    lth_agent__row_natural(row, &c->self->env.hasher, c->table->mapping->dataset);
    return LTH_OK;
}

static void view_of(const lth_record_new *record, lth_record_view *view)
{
    *view = (lth_record_view){.form = LTH_FORM_FULL,
                              .header = {.op = LTH_OP_STATE,
                                         .n_groups = (uint8_t)record->n_groups,
                                         .dataset = record->dataset,
                                         .record_id = record->record_id,
                                         .src_commit_time_ms = record->src_commit_time_ms},
                              .n_groups = record->n_groups};
    for (uint32_t i = 0; i < record->n_groups; i++) {
        view->groups[i].number = record->groups[i].number;
        view->groups[i].shown = true;
        view->groups[i].value = record->groups[i].value;
    }
}

/* Under another mapping its match keys may be others. Those with columns that are no fields come
 * back with the next file. */
static lth_err index_anew(agent_ctx *c, const lth_record_view *view)
{
    const lth_mapping *mapping = c->table->mapping;
    const lth_dataset *ds = mapping->dataset;
    agent_row *row = &c->self->row;
    size_t words = (ds->n_fields + 63) / 64;
    lth_value *values = lth_arena_alloc(c->self->rows, ds->n_fields * sizeof *values);
    uint64_t *shown = lth_arena_alloc(c->self->rows, words * sizeof *shown);
    lth_cell *cells = lth_arena_alloc(c->self->rows, mapping->n_columns * sizeof *cells);
    if (values == NULL || shown == NULL || cells == NULL) {
        return LTH_E_NOMEM;
    }
    for (uint32_t i = 0; i < mapping->n_columns; i++) {
        cells[i] = (lth_cell){.n = -1};
    }
    lth_row_values_read(ds, view, values, shown);
    row->mapped.values = values;
    row->mapped.arena = c->self->rows;
    row->cells = cells;
    row->prints.has = 0;
    row->prints.scoped = false;
    lth_err err = lth_agent__match_prints(c);
    if (err == LTH_OK) {
        err = lth_agent__match_index(c, row->key, &row->old.prints, &row->prints);
    }
    row->old.prints = row->prints;
    row->old.flags = (uint8_t)((row->old.flags & ~MAP_BEFORE) | MAP_MATCH);
    return err == LTH_OK ? lth_agent__map_put(c, row->key, &row->old) : err;
}

/* As the entry broker will judge it. */
static void judge(agent_ctx *c, const lth_record_view *view)
{
    lth_findings *findings = &c->self->row.mapped.findings;
    lth_refusal code = lth_record_judge(c->self->env.schema, view, NULL, findings);
    LTH_ASSERT((code == LTH_REFUSE_none) == (findings->errors == 0));
}

/* Its row of the map; *has false: there is none. */
static lth_err load_map(agent_ctx *c, bool *has)
{
    agent_row *row = &c->self->row;
    lth_err err = lth_agent__handle_of(c, &c->self->record.record_id, row->key);
    err = err == LTH_OK ? lth_agent__map_get(c, row->key, &row->old) : err;
    *has = err == LTH_OK;
    if (*has) {
        row->known = true;
        row->prints = row->old.prints;
        memcpy(row->hash, row->old.hash, PRINT_SIZE);
    }
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static lth_err rejudge_one(agent_ctx *c, lth_slice key, lth_slice value)
{
    agent_row *row = &c->self->row;
    uint8_t owner[PRINT_SIZE];
    bool has;
    lth_err err = restore(c, key, value);
    err = err == LTH_OK ? load_map(c, &has) : err;
    if (err != LTH_OK || !has) {
        return err;
    }
    lth_record_view view;
    view_of(&c->self->record, &view);
    err = c->table->remapped && c->table->matched ? index_anew(c, &view) : LTH_OK;
    if (err != LTH_OK || row->unreadable || (row->old.flags & MAP_CLASH) != 0) {
        return err;
    }
    judge(c, &view);
    bool invalid = row->mapped.findings.errors > 0;
    if (invalid == ((row->old.flags & MAP_INVALID) != 0)) {
        return LTH_OK;
    }
    if (!invalid && row->natural_sound) {
        err = lth_agent__natural_owner(c, row->natural_print, owner);
        bool taken = err == LTH_OK && memcmp(owner, row->key, PRINT_SIZE) != 0;
        if (taken || (err != LTH_OK && err != LTH_E_NOT_FOUND)) {
            return err; /* decided when a file brings it again */
        }
    }
    return lth_agent__row_store(c, LTH_OP_STATE, false);
}

lth_err lth_agent__rejudge(agent_ctx *c)
{
    agent_scan scan = {.state = SCAN_SETTLING};
    lth_cursor *cursor;
    lth_slice key, value;
    lth_err err = lth_agent__arenas(c->self);
    c->table = due_table(c->school);
    c->index = (uint32_t)(c->table - c->school->tables);
    c->scan = &scan;
    err = err == LTH_OK ? lth_cursor_open(c->txn, LTH_A_state, &cursor) : err;
    if (err != LTH_OK) {
        c->scan = NULL;
        return err;
    }
    err = lth_agent__spool_after(c, cursor, &c->table->judged_to, &key, &value);
    for (uint32_t n = 0; err == LTH_OK && n < JUDGED_AT_ONCE && !lth_agent_step_full(c->self);
         n++) {
        memcpy(c->table->judged_to.b, key.p + TABLE_KEY_SIZE, sizeof c->table->judged_to.b);
        err = rejudge_one(c, key, value);
        err = err == LTH_OK ? lth_agent__spool_next(c, cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    c->scan = NULL;
    return err == LTH_E_NOT_FOUND ? lth_agent__judged_save(c) : err;
}
