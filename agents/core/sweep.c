#include "internal.h"

/* One row that is gone: its deletion carries the natural key; nothing in a resync, where the
 * snapshot's ranges say it. The row of `ids` stays: the same key gives the same record again. */
static lth_err remove_row(agent_ctx *c, const uint8_t key[PRINT_SIZE], const agent_map_row *old)
{
    lth_record_new *record = &c->self->record;
    const lth_dataset *ds = c->table->mapping->dataset;
    c->scan->info.deleted++;
    lth_err err = lth_agent__natural_release(c, old, key);
    if (err == LTH_OK && c->table->matched) {
        err = lth_agent__match_index(c, key, &old->prints, NULL);
    }
    if (err == LTH_OK && c->table->kept) {
        err = lth_agent__state_del(c, &old->record_id);
    }
    if (err == LTH_OK && lth_agent__upload(c) != NULL) {
        err = lth_agent__id_ended(c, &old->record_id, key);
        err = err == LTH_OK && c->table->matched ? lth_agent__match_end(c, &old->prints) : err;
    }
    if (err != LTH_OK || c->scan->spooling) {
        return err;
    }
    record->op = LTH_OP_DELETE;
    record->dataset = ds->number;
    record->flags = 0;
    record->record_id = old->record_id;
    record->src_version = 0;
    record->src_commit_time_ms = c->now.wall_ms;
    record->n_groups = 1;
    record->groups[0].number = ds->natural_group;
    record->groups[0].value = old->natural;
    return lth_agent__emit(c);
}

static lth_err sweep_one(agent_ctx *c, lth_cursor *cursor, lth_slice value)
{
    agent_map_row old;
    lth_arena_reset(c->self->rows);
    lth_err err = lth_agent__map_decode(c, value, &old);
    if (err == LTH_OK) {
        err = lth_cursor_del(cursor);
    }
    return err == LTH_OK ? remove_row(c, c->scan->swept, &old) : err;
}

/* Where rows are found by `match`: only within what the file says that it holds completely, not
 * where a row may be anybody's, not what a question is about, and not what a newer file brought. An
 * empty sheet, should a person confirm it, speaks of all. */
lth_err lth_agent__may_end(agent_ctx *c, const uint8_t key[PRINT_SIZE], lth_slice value, bool *yes,
                           bool *elsewhere)
{
    const agent_scan *scan = c->scan;
    agent_map_row old;
    bool older = false;
    *yes = true;
    *elsewhere = false;
    if (!c->table->matched) {
        return LTH_OK;
    }
    lth_arena_reset(c->self->rows);
    lth_err err = lth_agent__map_decode(c, value, &old);
    err = err == LTH_OK ? lth_agent__older(c, &old.record_id, &older) : err;
    if (err != LTH_OK) {
        return err;
    }
    bool empty = scan->info.rows == 0;
    bool spoken = old.prints.scoped && lth_agent__seen_has(&scan->scopes, old.prints.scope) &&
                  (!lth_agent__seen_has(&scan->blind, old.prints.scope) || LTH_MUTANT(33));
    bool spared = lth_agent__seen_has(&scan->spared, key) && !LTH_MUTANT(34);
    *yes = (empty || spoken) && !older && !spared;
    *elsewhere = old.prints.scoped && !lth_agent__seen_has(&scan->scopes, old.prints.scope);
    return LTH_OK;
}

lth_err lth_agent__sweep(agent_ctx *c, bool *done)
{
    agent_scan *scan = c->scan;
    uint8_t bytes[KEY_SIZE];
    lth_cursor *cursor;
    lth_slice key, value;
    *done = false;
    lth_err err = lth_cursor_open(c->txn, LTH_A_map, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    lth_slice from = lth_agent__key(bytes, &c->school->conf->org,
                                    c->table->mapping->dataset->number, scan->swept);
    err = lth_cursor_seek(cursor, from, &key, &value);
    while (err == LTH_OK && !lth_agent_step_full(c->self)) {
        bool elsewhere;
        if (key.n != KEY_SIZE || memcmp(key.p, bytes, TABLE_KEY_SIZE) != 0) {
            err = LTH_E_NOT_FOUND;
            break;
        }
        bool ends = false;
        memcpy(scan->swept, key.p + TABLE_KEY_SIZE, PRINT_SIZE);
        if (!lth_agent__seen_has(&scan->seen, scan->swept)) {
            err = lth_agent__may_end(c, scan->swept, value, &ends, &elsewhere);
        }
        if (err == LTH_OK && ends) {
            err = sweep_one(c, cursor, value);
        }
        if (err == LTH_OK) {
            err = lth_cursor_next(cursor, &key, &value);
        }
    }
    lth_cursor_close(&cursor);
    *done = err == LTH_E_NOT_FOUND;
    return *done ? LTH_OK : err;
}
