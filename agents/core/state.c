#include "internal.h"

/* Rows of files stay in `state`: they are judged again when rules or lists change (here), and a
 * resync cuts its snapshot from them (snapshot.c). */

#define JUDGED_NAME    "judged "
#define JUDGED_SIZE    (sizeof JUDGED_NAME - 1 + TABLE_KEY_SIZE)
#define JUDGED_AT_ONCE 500u

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
        memcpy(table->mapped_as, table->print, PRINT_SIZE);
        return LTH_OK;
    }
    if (err != LTH_OK || value.n != (size_t)2 * PRINT_SIZE) {
        return err != LTH_OK ? err : LTH_E_STORE_CORRUPT;
    }
    memcpy(table->mapped_as, value.p, PRINT_SIZE);
    table->remapped = memcmp(table->mapped_as, table->print, PRINT_SIZE) != 0;
    table->rejudge = memcmp(value.p + PRINT_SIZE, table->judged, PRINT_SIZE) != 0;
    return LTH_OK;
}

lth_err lth_agent__judged_save(agent_ctx *c, bool mapped)
{
    uint8_t key[JUDGED_SIZE], value[2 * PRINT_SIZE];
    agent_table *table = c->table;
    if (mapped) {
        memcpy(table->mapped_as, table->print, PRINT_SIZE);
        table->remapped = false;
    }
    table->rejudge = false;
    memcpy(value, table->mapped_as, PRINT_SIZE);
    memcpy(value + PRINT_SIZE, table->judged, PRINT_SIZE);
    return lth_put_kv(c->txn, LTH_A_ameta, judged_key(c, key), lth_slice_of(value, sizeof value),
                      LTH_PUT);
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

/* As the entry broker will judge it. */
static void judge(agent_ctx *c)
{
    const lth_record_new *record = &c->self->record;
    lth_findings *findings = &c->self->row.mapped.findings;
    lth_record_view view = {.form = LTH_FORM_FULL,
                            .header = {.op = LTH_OP_STATE,
                                       .n_groups = (uint8_t)record->n_groups,
                                       .dataset = record->dataset,
                                       .record_id = record->record_id,
                                       .src_commit_time_ms = record->src_commit_time_ms},
                            .n_groups = record->n_groups};
    for (uint32_t i = 0; i < record->n_groups; i++) {
        view.groups[i].number = record->groups[i].number;
        view.groups[i].shown = true;
        view.groups[i].value = record->groups[i].value;
    }
    lth_refusal code = lth_record_judge(c->self->env.schema, &view, NULL, findings);
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
    if (err != LTH_OK || !has || row->unreadable || (row->old.flags & MAP_CLASH) != 0) {
        return err;
    }
    judge(c);
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
    return err == LTH_E_NOT_FOUND ? lth_agent__judged_save(c, false) : err;
}
