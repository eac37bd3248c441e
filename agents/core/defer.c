#include "internal.h"

/* ---- a row's cells as they are kept ---- */

static size_t varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7) {
        n++;
    }
    return n;
}

static uint64_t length_of(const lth_cell *cell)
{
    return cell->n < 0 ? 0 : (uint64_t)cell->n + 1;
}

static size_t cells_size(const lth_cell *cells, uint32_t n)
{
    size_t size = 0;
    for (uint32_t i = 0; i < n; i++) {
        size += varint_size(length_of(&cells[i])) + (cells[i].n > 0 ? (size_t)cells[i].n : 0);
    }
    return size;
}

static void put_cells(uint8_t *to, size_t size, const lth_cell *cells, uint32_t n)
{
    lth_wr wr = lth_wr_of(to, size);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t v = length_of(&cells[i]);
        for (; v >= 0x80; v >>= 7) {
            lth_wr8(&wr, (uint8_t)(v | 0x80));
        }
        lth_wr8(&wr, (uint8_t)v);
        lth_wr_bytes(&wr, cells[i].p, cells[i].n > 0 ? (size_t)cells[i].n : 0);
    }
    LTH_ASSERT(!wr.bad && wr.p == wr.end);
}

static const lth_cell *get_cells(agent_ctx *c, const agent_deferred *one)
{
    lth_rd rd = lth_rd_of(lth_slice_of(one->cells, one->size));
    lth_cell *cells = c->self->cells;
    for (uint32_t i = 0; i < c->table->mapping->n_columns; i++) {
        uint64_t v = 0;
        uint8_t byte = 0x80;
        for (unsigned shift = 0; (byte & 0x80) != 0; shift += 7) {
            byte = lth_rd8(&rd);
            v |= (uint64_t)(byte & 0x7F) << shift;
        }
        cells[i] = (lth_cell){.n = v == 0 ? -1 : (int64_t)v - 1};
        cells[i].p = lth_rd_bytes(&rd, v == 0 ? 0 : (size_t)v - 1);
    }
    LTH_ASSERT(lth_rd_done(&rd));
    return cells;
}

/* NULL: no place left. */
static agent_deferred *copy_row(agent_ctx *c)
{
    const agent_row *row = &c->self->row;
    uint32_t n = c->table->mapping->n_columns;
    size_t size = cells_size(row->cells, n);
    agent_deferred *one = lth_arena_alloc(c->scan->deferred_arena, sizeof *one + size);
    if (one != NULL) {
        *one = (agent_deferred){.number = row->number, .size = (uint32_t)size};
        put_cells(one->cells, size, row->cells, n);
    }
    return one;
}

/* ---- putting off ---- */

lth_err lth_agent__defer(agent_ctx *c, agent_defer why, bool *room)
{
    agent_scan *scan = c->scan;
    const agent_row *row = &c->self->row;
    if (scan->deferred_arena == NULL) {
        scan->deferred_arena = lth_arena_new(DEFERRED_BYTES_MAX);
        scan->deferred_end = &scan->deferred;
    }
    if (scan->deferred_arena == NULL) {
        return LTH_E_NOMEM;
    }
    agent_deferred *one = copy_row(c);
    *room = one != NULL;
    if (one == NULL) {
        return LTH_OK;
    }
    one->why = why;
    memcpy(one->key, row->key, PRINT_SIZE);
    memcpy(one->natural_print, row->natural_print, PRINT_SIZE);
    *scan->deferred_end = one;
    scan->deferred_end = &one->next;
    return LTH_OK;
}

lth_err lth_agent__defer_new(agent_ctx *c, bool *waits)
{
    agent_scan *scan = c->scan;
    bool room = scan->new_spilled == 0;
    lth_agent__set_add(&scan->newcomers, c->self->row.hash);
    lth_err err = room ? lth_agent__defer(c, DEFER_NEW, &room) : LTH_OK;
    const agent_guard *said = &scan->guards[GUARD_NEW];
    *waits = room || said->state != GUARD_CONFIRMED || scan->newcomers.n > said->set.n;
    if (!room && *waits) {
        scan->new_spilled++;
        scan->info.waiting++;
    }
    return err;
}

/* The row again as it was when it was put off; *fits false: today it cannot be sent. */
static lth_err load(agent_ctx *c, const agent_deferred *one, bool *fits)
{
    agent_row *row = &c->self->row;
    lth_err err = lth_agent__row_load(c, get_cells(c, one), one->number);
    err = err == LTH_OK ? lth_agent__row_map(c, fits) : err;
    if (err != LTH_OK || !*fits || !c->table->matched) {
        return err;
    }
    err = lth_agent__match_prints(c);
    memcpy(row->key, one->key, PRINT_SIZE);
    if (err == LTH_OK) {
        err = lth_agent__map_get(c, row->key, &row->old);
        row->known = err == LTH_OK;
    }
    return err == LTH_E_NOT_FOUND ? lth_agent__match_new(c) : err;
}

/* A sound row that goes to another natural key frees the one it had, so that two rows may swap. */
static lth_err release(agent_ctx *c, const agent_deferred *one)
{
    bool fits;
    lth_err err = load(c, one, &fits);
    const agent_row *row = &c->self->row;
    if (err != LTH_OK || !fits || !row->known || row->mapped.findings.errors > 0) {
        return err;
    }
    uint8_t had[PRINT_SIZE];
    lth_agent__print(&c->self->env.hasher, row->old.natural, had);
    return memcmp(had, one->natural_print, PRINT_SIZE) == 0
               ? LTH_OK
               : lth_agent__natural_release(c, &row->old, row->key);
}

/* The record of @p owner is this row's now. Where rows have a key of their own that is its handle.
 */
static lth_err adopt(agent_ctx *c, const uint8_t owner[PRINT_SIZE])
{
    agent_row *row = &c->self->row;
    lth_err err = lth_agent__map_get(c, owner, &row->old);
    row->known = true;
    if (err == LTH_OK && c->table->matched) {
        memcpy(row->key, owner, PRINT_SIZE);
        if (lth_agent__seen_add(&c->scan->seen, owner) == SEEN_NOMEM) {
            return LTH_E_NOMEM;
        }
        lth_agent__row_seen(c);
        return LTH_OK;
    }
    err = err == LTH_OK ? lth_agent__map_del(c, owner) : err;
    return err == LTH_OK ? lth_agent__id_move(c, &row->old.record_id, row->key) : err;
}

/* A new local key takes the record of a row that is gone and had its natural key. */
static lth_err alias(agent_ctx *c, agent_deferred *one)
{
    const agent_row *row = &c->self->row;
    uint8_t owner[PRINT_SIZE];
    bool fits;
    lth_err err = load(c, one, &fits);
    if (err == LTH_OK && fits && !row->known) {
        err = lth_agent__natural_owner(c, one->natural_print, owner);
    }
    if (err != LTH_OK || !fits || row->known || lth_agent__seen_has(&c->scan->seen, owner)) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    one->done = true;
    err = adopt(c, owner);
    return err == LTH_OK ? lth_agent__row_store(c, LTH_OP_REKEY, false) : err;
}

static lth_err match(agent_ctx *c, agent_deferred *one)
{
    one->done = true;
    lth_err err = lth_agent__row_load(c, get_cells(c, one), one->number);
    return err == LTH_OK ? lth_agent__match_row(c, true) : err;
}

lth_err lth_agent__defer_match(agent_ctx *c, bool *done)
{
    agent_scan *scan = c->scan;
    lth_err err = LTH_OK;
    while (scan->unmatched != NULL && err == LTH_OK && !lth_agent_step_full(c->self)) {
        agent_deferred *one = scan->unmatched;
        err = one->why == DEFER_MATCH && scan->clean ? match(c, one) : LTH_OK;
        scan->unmatched = one->next;
    }
    *done = scan->unmatched == NULL;
    return err;
}

/* A new row that names a record as it is called since this file: perhaps the row of one that named
 * it as before. */
static lth_err follow(agent_ctx *c, agent_deferred *one)
{
    bool fits, yes = false;
    uint8_t key[PRINT_SIZE];
    const lth_cell *cells = get_cells(c, one);
    lth_err err = lth_agent__row_load(c, cells, one->number);
    err = err == LTH_OK ? lth_agent__row_map(c, &fits) : err;
    err = err == LTH_OK && fits ? lth_agent__moved_before(c, &yes) : err;
    err = err == LTH_OK && yes ? lth_agent__match_before(c, &yes) : err;
    if (err != LTH_OK || !yes) {
        return err;
    }
    memcpy(key, c->self->row.key, PRINT_SIZE);
    one->done = true;
    err = lth_agent__row_load(c, cells, one->number);
    return err == LTH_OK ? lth_agent__match_moved(c, key) : err;
}

lth_err lth_agent__defer_follow(agent_ctx *c, bool *done)
{
    agent_scan *scan = c->scan;
    const agent_upload *upload = lth_agent__upload(c);
    bool any = upload != NULL && upload->moved != NULL && c->table->matched && scan->clean &&
               c->table->mapping->dataset->n_references > 0;
    lth_err err = LTH_OK;
    while (any && scan->unmatched != NULL && err == LTH_OK && !lth_agent_step_full(c->self)) {
        agent_deferred *one = scan->unmatched;
        err = one->why == DEFER_NEW ? follow(c, one) : LTH_OK;
        scan->unmatched = one->next;
    }
    *done = !any || scan->unmatched == NULL;
    return err;
}

lth_err lth_agent__defer_aliases(agent_ctx *c)
{
    lth_err err = LTH_OK;
    for (agent_deferred *d = c->scan->deferred; d != NULL && err == LTH_OK; d = d->next) {
        err = d->why == DEFER_NATURAL ? release(c, d) : LTH_OK;
    }
    for (agent_deferred *d = c->scan->deferred; d != NULL && err == LTH_OK; d = d->next) {
        err = d->why == DEFER_NATURAL && c->scan->clean ? alias(c, d) : LTH_OK;
    }
    return err;
}

lth_err lth_agent__defer_backs(agent_ctx *c)
{
    lth_err err = LTH_OK;
    for (agent_deferred *d = c->scan->deferred; d != NULL && err == LTH_OK; d = d->next) {
        err = d->why == DEFER_BACK ? release(c, d) : LTH_OK;
    }
    return err;
}

/* Free by now: an ordinary row. Else two rows with one natural key: sent once as invalid, so that
 * the entry broker holds it. Not decided when the other row may only have been missed. */
static lth_err settle(agent_ctx *c, const agent_deferred *one)
{
    agent_row *row = &c->self->row;
    uint8_t owner[PRINT_SIZE];
    bool fits;
    lth_err err = load(c, one, &fits);
    if (err != LTH_OK || !fits) {
        return err;
    }
    err = row->natural_sound ? lth_agent__natural_owner(c, one->natural_print, owner)
                             : LTH_E_NOT_FOUND;
    if (err != LTH_OK && err != LTH_E_NOT_FOUND) {
        return err;
    }
    bool clash = err == LTH_OK && memcmp(owner, row->key, PRINT_SIZE) != 0;
    if (clash && !lth_agent__seen_has(&c->scan->seen, owner)) {
        return LTH_OK;
    }
    if (!row->known && lth_agent__new_waits(c)) {
        c->scan->info.waiting++;
        return LTH_OK;
    }
    bool told = row->known && (row->old.flags & MAP_CLASH) != 0 &&
                memcmp(row->old.hash, row->hash, PRINT_SIZE) == 0;
    if (clash && told && !c->scan->spooling) {
        c->scan->info.invalid++;
        c->scan->held++;
        return lth_agent__findings(c, &row->old.record_id);
    }
    return lth_agent__row_store(c, LTH_OP_STATE, clash);
}

/* A row whose guard waits is not even looked at: its record stays as it is, or is none. */
static bool may_settle(const agent_ctx *c, const agent_deferred *one)
{
    switch (one->why) {
    case DEFER_BACK:
        return !c->scan->hold_old;
    case DEFER_NEW:
        return !lth_agent__new_waits(c);
    case DEFER_NATURAL:
        return true;
    case DEFER_MATCH:
        break;
    }
    return false;
}

lth_err lth_agent__defer_settle(agent_ctx *c, bool *done)
{
    agent_scan *scan = c->scan;
    lth_err err = LTH_OK;
    while (scan->deferred != NULL && err == LTH_OK && !lth_agent_step_full(c->self)) {
        agent_deferred *one = scan->deferred;
        if (!one->done && may_settle(c, one)) {
            err = one->why == DEFER_NEW && c->table->matched ? match(c, one) : settle(c, one);
        } else if (!one->done && one->why == DEFER_NEW) {
            scan->info.waiting++;
        }
        scan->deferred = one->next;
    }
    *done = scan->deferred == NULL;
    return err;
}
