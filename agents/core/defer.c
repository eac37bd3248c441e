#include "internal.h"

lth_err lth_agent__defer(agent_ctx *c)
{
    agent_scan *scan = c->scan;
    const agent_row *row = &c->self->row;
    uint32_t n = c->table->mapping->n_columns;
    if (scan->deferred_arena == NULL) {
        scan->deferred_arena = lth_arena_new(DEFERRED_BYTES_MAX);
        scan->deferred_end = &scan->deferred;
    }
    if (scan->deferred_arena == NULL) {
        return LTH_E_NOMEM;
    }
    agent_deferred *one = lth_arena_alloc(scan->deferred_arena, sizeof *one);
    lth_cell *cells = lth_arena_alloc(scan->deferred_arena, n * sizeof *cells);
    bool fits = one != NULL && cells != NULL;
    for (uint32_t i = 0; i < n && fits; i++) {
        size_t size = row->cells[i].n > 0 ? (size_t)row->cells[i].n : 0;
        cells[i].n = row->cells[i].n;
        cells[i].p = lth_arena_copy(scan->deferred_arena, row->cells[i].p, size);
        fits = cells[i].p != NULL;
    }
    if (!fits) {
        lth_agent__fault(c, LTH_SCAN_incomplete, "too many rows with another row's natural key");
        scan->stopped = true;
        return LTH_OK;
    }
    *one = (agent_deferred){.cells = cells};
    memcpy(one->natural_print, row->natural_print, PRINT_SIZE);
    *scan->deferred_end = one;
    scan->deferred_end = &one->next;
    return LTH_OK;
}

/* A sound row that goes to another natural key frees the one it had, so that two rows may swap. */
static lth_err release(agent_ctx *c, const agent_deferred *one)
{
    bool fits;
    lth_err err = lth_agent__row_load(c, one->cells);
    const agent_row *row = &c->self->row;
    if (err != LTH_OK || !row->known) {
        return err;
    }
    err = lth_agent__row_map(c, &fits);
    if (err != LTH_OK || !fits || row->mapped.findings.errors > 0) {
        return err;
    }
    uint8_t had[PRINT_SIZE];
    lth_agent__print(&c->self->env.hasher, row->old.natural, had);
    return memcmp(had, one->natural_print, PRINT_SIZE) == 0
               ? LTH_OK
               : lth_agent__natural_release(c, &row->old, row->key);
}

/* A new local key takes the record of a row that is gone and had its natural key. */
static lth_err alias(agent_ctx *c, agent_deferred *one)
{
    agent_row *row = &c->self->row;
    uint8_t owner[PRINT_SIZE];
    lth_err err = lth_agent__row_load(c, one->cells);
    if (err == LTH_OK && !row->known) {
        err = lth_agent__natural_owner(c, one->natural_print, owner);
    }
    if (err != LTH_OK || row->known || lth_agent__seen_has(&c->scan->seen, owner)) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    bool fits;
    one->done = true;
    err = lth_agent__row_map(c, &fits);
    if (err != LTH_OK || !fits) {
        return err;
    }
    err = lth_agent__map_get(c, owner, &row->old);
    if (err == LTH_OK) {
        err = lth_agent__map_del(c, owner);
    }
    if (err == LTH_OK) {
        err = lth_agent__id_move(c, &row->old.record_id, row->key);
    }
    if (err == LTH_OK) {
        row->known = true;
        err = lth_agent__row_store(c, LTH_OP_REKEY, false);
    }
    return err;
}

lth_err lth_agent__defer_aliases(agent_ctx *c)
{
    lth_err err = LTH_OK;
    for (agent_deferred *d = c->scan->deferred; d != NULL && err == LTH_OK; d = d->next) {
        err = release(c, d);
    }
    for (agent_deferred *d = c->scan->deferred; d != NULL && err == LTH_OK; d = d->next) {
        err = c->scan->clean ? alias(c, d) : LTH_OK;
    }
    return err;
}

/* Free by now: an ordinary row. Else two rows with one natural key: sent once as invalid, so that
 * the entry broker holds it. Not decided when the other row may only have been missed. */
static lth_err settle(agent_ctx *c, const agent_deferred *one)
{
    agent_row *row = &c->self->row;
    uint8_t owner[PRINT_SIZE];
    lth_err err = lth_agent__row_load(c, one->cells);
    if (err != LTH_OK) {
        return err;
    }
    err = lth_agent__natural_owner(c, one->natural_print, owner);
    if (err != LTH_OK && err != LTH_E_NOT_FOUND) {
        return err;
    }
    bool clash = err == LTH_OK && memcmp(owner, row->key, PRINT_SIZE) != 0;
    if (clash && !lth_agent__seen_has(&c->scan->seen, owner)) {
        return LTH_OK;
    }
    bool told = row->known && (row->old.flags & MAP_CLASH) != 0 &&
                memcmp(row->old.hash, row->hash, PRINT_SIZE) == 0;
    if (clash && told && !c->scan->spooling) {
        c->scan->info.invalid++;
        return LTH_OK;
    }
    bool fits;
    err = lth_agent__row_map(c, &fits);
    return err == LTH_OK && fits ? lth_agent__row_store(c, LTH_OP_STATE, clash) : err;
}

lth_err lth_agent__defer_settle(agent_ctx *c)
{
    lth_err err = LTH_OK;
    for (agent_deferred *d = c->scan->deferred; d != NULL && err == LTH_OK; d = d->next) {
        err = d->done ? LTH_OK : settle(c, d);
    }
    return err;
}
