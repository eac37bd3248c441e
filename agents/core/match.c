#include "internal.h"

/* Rows without a key of their own: whose are they? (commands.md, `match`) */

#define CANDIDATES_MAX 4u
#define ENTRY_SIZE     (TABLE_KEY_SIZE + 1u + 2u * PRINT_SIZE)
#define HANDLES_TRIED  64u

typedef struct candidates {
    uint32_t n; /**< Found; only the first ones are kept. */
    uint8_t keys[CANDIDATES_MAX][PRINT_SIZE];
} candidates;

typedef enum verdict {
    VERDICT_NEW,
    VERDICT_FOUND,
    VERDICT_REKEY, /**< Found, but a better key differs: the same record unless its own row is here.
                    */
    VERDICT_LONE,  /**< Found by the name, and the row has a better key, the record none: likewise.
                    */
    VERDICT_NAME,  /**< Only by its first term: new if all these have rows of their own here. */
    VERDICT_ASK,
} verdict;

/* ---- the row's keys ---- */

/* Bytes of the first @p n terms, each with its length, appended to self->terms. */
static lth_err add_terms(agent_ctx *c, const lth_map_term *terms, uint32_t n, bool *complete)
{
    lth_buf *buf = &c->self->terms;
    const agent_row *row = &c->self->row;
    *complete = n > 0;
    for (uint32_t i = 0; i < n; i++) {
        static const uint8_t ROOM[4];
        size_t at = buf->n;
        bool present = false;
        lth_err err = lth_buf_add(buf, ROOM, sizeof ROOM);
        err = err == LTH_OK ? lth_map_term_text(buf, c->table->mapping, &terms[i], row->cells,
                                                &row->mapped, &present)
                            : err;
        if (err != LTH_OK || !present) {
            *complete = false;
            return err;
        }
        lth_put32(buf->p + at, (uint32_t)(buf->n - at - sizeof ROOM));
    }
    return LTH_OK;
}

/* @p tag is the key's place, so that equal texts under two keys have two hashes. */
static lth_err print_terms(agent_ctx *c, uint8_t tag, const lth_map_term *terms, uint32_t n,
                           uint8_t out[PRINT_SIZE], bool *complete)
{
    lth_buf *buf = &c->self->terms;
    lth_buf_clear(buf);
    lth_err err = lth_buf_add(buf, &tag, 1);
    err = err == LTH_OK ? add_terms(c, terms, n, complete) : err;
    if (err == LTH_OK && *complete) {
        lth_agent__print(&c->self->env.hasher, lth_buf_slice(buf), out);
    }
    return err;
}

static lth_err keep_local_key(agent_ctx *c)
{
    agent_row *row = &c->self->row;
    const lth_buf *buf = &c->self->terms;
    row->local_key = lth_slice_of(lth_arena_copy(c->self->rows, buf->p, buf->n), buf->n);
    return row->local_key.p != NULL ? LTH_OK : LTH_E_NOMEM;
}

lth_err lth_agent__match_prints(agent_ctx *c)
{
    const lth_mapping *mapping = c->table->mapping;
    agent_row *row = &c->self->row;
    agent_prints *prints = &row->prints;
    lth_err err = LTH_OK;
    row->local_key = (lth_slice){0};
    for (uint32_t i = 0; i < mapping->n_match && err == LTH_OK; i++) {
        const lth_map_key *key = &mapping->match[i];
        bool complete;
        err = print_terms(c, (uint8_t)i, key->terms, key->n_terms, prints->of[i], &complete);
        if (err == LTH_OK && complete) {
            prints->has |= (uint16_t)(1u << i);
            err = row->local_key.n == 0 ? keep_local_key(c) : LTH_OK;
        }
        if (err == LTH_OK && key->n_terms > 1) {
            uint32_t place = LTH_MAP_KEYS_MAX + i;
            err = print_terms(c, (uint8_t)place, key->terms, 1, prints->of[place], &complete);
            prints->has |= (uint16_t)(complete ? 1u << place : 0);
        }
    }
    if (err == LTH_OK) {
        err = print_terms(c, UINT8_MAX, mapping->complete_for, mapping->n_complete_for,
                          prints->scope, &prints->scoped);
    }
    return err;
}

static bool has(const agent_prints *prints, uint32_t place)
{
    return (prints->has >> place & 1) != 0;
}

/* Place of the loaded row's first complete key; n_match: it has none. */
static uint32_t best_key(const agent_ctx *c)
{
    uint32_t i = 0;
    while (i < c->table->mapping->n_match && !has(&c->self->row.prints, i)) {
        i++;
    }
    return i;
}

/* ---- table `match` ---- */

static lth_slice entry_key(const agent_ctx *c, uint8_t out[ENTRY_SIZE], uint32_t place,
                           const uint8_t print[PRINT_SIZE], const uint8_t key[PRINT_SIZE])
{
    (void)lth_agent__table_key(out, &c->school->conf->org, c->table->mapping->dataset->number);
    out[TABLE_KEY_SIZE] = (uint8_t)place;
    memcpy(out + TABLE_KEY_SIZE + 1, print, PRINT_SIZE);
    memcpy(out + TABLE_KEY_SIZE + 1 + PRINT_SIZE, key, PRINT_SIZE);
    return lth_slice_of(out, ENTRY_SIZE);
}

lth_err lth_agent__match_index(agent_ctx *c, const uint8_t key[PRINT_SIZE], const agent_prints *old,
                               const agent_prints *fresh)
{
    uint8_t bytes[ENTRY_SIZE];
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < PRINTS_MAX && err == LTH_OK; i++) {
        bool had = old != NULL && has(old, i);
        bool gets = fresh != NULL && has(fresh, i);
        if (had && gets && memcmp(old->of[i], fresh->of[i], PRINT_SIZE) == 0) {
            continue;
        }
        if (had) {
            err = lth_del(c->txn, LTH_A_match, entry_key(c, bytes, i, old->of[i], key));
            err = err == LTH_E_NOT_FOUND ? LTH_OK : err;
        }
        if (gets && err == LTH_OK) {
            err = lth_put_kv(c->txn, LTH_A_match, entry_key(c, bytes, i, fresh->of[i], key),
                             (lth_slice){0}, LTH_PUT);
        }
    }
    return err;
}

/* Beside the entries: with this bit in the place and no handle, which file ended who had the key. A
 * code may have come late, so that the record's own id does not tell. */
#define ENDED 0x80u
static const uint8_t NOBODY[PRINT_SIZE];

lth_err lth_agent__match_end(agent_ctx *c, const agent_prints *prints)
{
    uint8_t bytes[ENTRY_SIZE], number[8];
    lth_err err = LTH_OK;
    lth_put64(number, lth_agent__upload(c)->number);
    for (uint32_t i = 0; i < c->table->mapping->n_match && err == LTH_OK; i++) {
        if (has(prints, i)) {
            err = lth_put_kv(c->txn, LTH_A_match,
                             entry_key(c, bytes, i | ENDED, prints->of[i], NOBODY),
                             lth_slice_of(number, sizeof number), LTH_PUT);
        }
    }
    return err;
}

lth_err lth_agent__match_ended(agent_ctx *c, bool *yes)
{
    const agent_prints *prints = &c->self->row.prints;
    uint8_t bytes[ENTRY_SIZE];
    lth_slice value = {0};
    uint32_t best = best_key(c);
    *yes = false;
    if (best == c->table->mapping->n_match) {
        return LTH_OK;
    }
    lth_err err = lth_get(c->txn, LTH_A_match,
                          entry_key(c, bytes, best | ENDED, prints->of[best], NOBODY), &value);
    *yes = err == LTH_OK && value.n == 8 && lth_get64(value.p) > lth_agent__upload(c)->number;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static bool among(const candidates *list, const uint8_t key[PRINT_SIZE])
{
    for (uint32_t i = 0; i < list->n && i < CANDIDATES_MAX; i++) {
        if (memcmp(list->keys[i], key, PRINT_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

static void add(candidates *list, const uint8_t key[PRINT_SIZE])
{
    if (!among(list, key)) {
        if (list->n < CANDIDATES_MAX) {
            memcpy(list->keys[list->n], key, PRINT_SIZE);
        }
        list->n++;
    }
}

/* Handles of one value of a place in their order; *handle NULL: there are no more. */
static lth_err step(lth_cursor *cursor, lth_slice from, bool first, const uint8_t **handle)
{
    lth_slice key = {0}, value;
    lth_err err =
        first ? lth_cursor_seek(cursor, from, &key, &value) : lth_cursor_next(cursor, &key, &value);
    bool one =
        err == LTH_OK && key.n == ENTRY_SIZE && memcmp(key.p, from.p, ENTRY_SIZE - PRINT_SIZE) == 0;
    *handle = one ? key.p + ENTRY_SIZE - PRINT_SIZE : NULL;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* Records that have the row's values in this place; no further ones than make too many. */
static lth_err find(agent_ctx *c, uint32_t place, candidates *out)
{
    uint8_t from[ENTRY_SIZE];
    lth_slice seek = entry_key(c, from, place, c->self->row.prints.of[place], NOBODY);
    const uint8_t *handle = NULL;
    lth_cursor *cursor;
    lth_err err = lth_cursor_open(c->txn, LTH_A_match, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    err = step(cursor, seek, true, &handle);
    while (err == LTH_OK && handle != NULL && out->n <= CANDIDATES_MAX) {
        add(out, handle);
        err = step(cursor, seek, false, &handle);
    }
    lth_cursor_close(&cursor);
    return err;
}

/* At the end of a table: those without a row of their own, and none of them ends. All of a value
 * are spared when it is looked at first; later only as many are looked at as make too many, from
 * the first that is left, since who has a row keeps it. */
static lth_err find_unseen(agent_ctx *c, uint32_t place, candidates *out)
{
    agent_scan *scan = c->scan;
    const uint8_t *print = c->self->row.prints.of[place], *handle = NULL;
    uint8_t from[ENTRY_SIZE];
    agent_seen_add before = lth_agent__seen_add(&scan->names, print);
    if (before == SEEN_NOMEM) {
        return LTH_E_NOMEM;
    }
    agent_where *left = lth_agent__seen_where(&scan->names, print); /* row 1: none is left */
    lth_slice seek = entry_key(c, from, place, print, left->hash);
    lth_cursor *cursor;
    lth_err err = left->row == 0 ? lth_cursor_open(c->txn, LTH_A_match, &cursor) : LTH_OK;
    if (err != LTH_OK || left->row != 0) {
        return err;
    }
    bool any = false;
    err = step(cursor, seek, true, &handle);
    while (err == LTH_OK && handle != NULL && (before == SEEN_NEW || out->n <= CANDIDATES_MAX)) {
        if (!lth_agent__seen_has(&scan->seen, handle)) {
            add(out, handle);
            err = lth_agent__seen_add(&scan->spared, handle) == SEEN_NOMEM ? LTH_E_NOMEM : err;
            if (!any) {
                memcpy(left->hash, handle, PRINT_SIZE);
            }
            any = true;
        }
        err = err == LTH_OK ? step(cursor, seek, false, &handle) : err;
    }
    left->row = err == LTH_OK && handle == NULL && !any ? 1 : 0;
    lth_cursor_close(&cursor);
    return err;
}

/* ---- the verdict ---- */

static lth_slice answer_key(const agent_ctx *c, uint8_t out[KEY_SIZE])
{
    return lth_agent__key(out, &c->school->conf->org, c->table->mapping->dataset->number,
                          c->self->row.hash);
}

lth_err lth_agent__answer_done(agent_ctx *c)
{
    uint8_t bytes[KEY_SIZE];
    lth_slice value;
    lth_err err = lth_get(c->txn, LTH_A_answer, answer_key(c, bytes), &value);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    uint8_t done[ANSWER_DONE];
    memcpy(done, c->self->row.key, PRINT_SIZE);
    done[PRINT_SIZE] = 1;
    return lth_put_kv(c->txn, LTH_A_answer, answer_key(c, bytes), lth_slice_of(done, sizeof done),
                      LTH_PUT);
}

/* What a person said of this very row. *said false: nothing, or of a record that is gone. */
static lth_err answered(agent_ctx *c, verdict *out, uint8_t key[PRINT_SIZE], bool *said)
{
    static const uint8_t NEW[PRINT_SIZE];
    uint8_t bytes[KEY_SIZE];
    lth_slice value;
    *said = false;
    lth_err err = lth_get(c->txn, LTH_A_answer, answer_key(c, bytes), &value);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    if (value.n != PRINT_SIZE && value.n != ANSWER_DONE) {
        return LTH_E_STORE_CORRUPT;
    }
    memcpy(key, value.p, PRINT_SIZE);
    *out = memcmp(key, NEW, PRINT_SIZE) == 0 ? VERDICT_NEW : VERDICT_FOUND;
    if (*out == VERDICT_FOUND) {
        err = lth_agent__map_get(c, key, &c->self->row.old);
    }
    *said = err == LTH_OK;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* The record that only key @p by leads to: do the other keys, present on both sides, agree? */
static lth_err compare(agent_ctx *c, uint32_t by, const uint8_t key[PRINT_SIZE], verdict *out)
{
    agent_row *row = &c->self->row;
    uint32_t both = 0, differ = 0;
    bool better = false, lone = false;
    lth_err err = lth_agent__map_get(c, key, &row->old);
    for (uint32_t i = 0; i < c->table->mapping->n_match && err == LTH_OK; i++) {
        if (i == by || !has(&row->prints, i) || !has(&row->old.prints, i)) {
            lone = lone || (i < by && has(&row->prints, i) && !has(&row->old.prints, i));
            continue;
        }
        bool differs = memcmp(row->prints.of[i], row->old.prints.of[i], PRINT_SIZE) != 0;
        both++;
        differ += differs ? 1 : 0;
        better = better || (differs && i < by);
    }
    bool swapped = both >= 2 && differ == both; /* a vendor numbered anew */
    *out = swapped                                                         ? VERDICT_ASK
           : better                                                        ? VERDICT_REKEY
           : lone && both == 0 && c->table->mapping->match[by].n_terms > 1 ? VERDICT_LONE
                                                                           : VERDICT_FOUND;
    return err == LTH_E_NOT_FOUND ? LTH_E_STORE_CORRUPT : err;
}

/* No complete key leads anywhere. A row with a better key of its own merely shares a name. */
static lth_err by_name(agent_ctx *c, bool unseen, candidates *list, verdict *out)
{
    const agent_prints *prints = &c->self->row.prints;
    lth_err err = LTH_OK;
    bool better = false;
    for (uint32_t i = 0; i < c->table->mapping->n_match && !better && err == LTH_OK; i++) {
        if (has(prints, LTH_MAP_KEYS_MAX + i)) {
            err = unseen ? find_unseen(c, LTH_MAP_KEYS_MAX + i, list)
                         : find(c, LTH_MAP_KEYS_MAX + i, list);
        }
        better = has(prints, i);
    }
    *out = list->n > 0 ? VERDICT_NAME : VERDICT_NEW;
    return err;
}

/* Somebody else of the same name: the row and the record have at least two better keys than @p by,
 * and all that both have differ. */
static lth_err is_namesake(agent_ctx *c, uint32_t by, const uint8_t key[PRINT_SIZE], bool *yes)
{
    const agent_prints *prints = &c->self->row.prints;
    agent_map_row known;
    uint32_t both = 0, differ = 0;
    lth_err err = lth_agent__map_get(c, key, &known);
    for (uint32_t i = 0; i < by && err == LTH_OK; i++) {
        if (has(prints, i) && has(&known.prints, i)) {
            both++;
            differ += memcmp(prints->of[i], known.prints.of[i], PRINT_SIZE) != 0 ? 1 : 0;
        }
    }
    *yes = err == LTH_OK && both >= 2 && differ == both;
    return err == LTH_E_NOT_FOUND ? LTH_E_STORE_CORRUPT : err;
}

/* A namesake whose own row is in this file is another person; that is known at the table's end, and
 * until then the row waits. Without it the pupil may have been numbered anew: a question. */
static lth_err drop_namesakes(agent_ctx *c, uint32_t by, bool last, candidates *list, bool *waits)
{
    uint32_t kept = 0;
    *waits = false;
    for (uint32_t k = 0; k < list->n && list->n <= CANDIDATES_MAX; k++) {
        bool other;
        lth_err err = is_namesake(c, by, list->keys[k], &other);
        if (err != LTH_OK) {
            return err;
        }
        *waits = *waits || (other && !last);
        if (!other || !last || !lth_agent__seen_has(&c->scan->seen, list->keys[k])) {
            memmove(list->keys[kept++], list->keys[k], PRINT_SIZE);
        }
    }
    list->n = list->n <= CANDIDATES_MAX ? kept : list->n;
    return LTH_OK;
}

/* "New" was said of the row when its code led nowhere. By now another row may have brought it. */
static lth_err was_new(agent_ctx *c, candidates *list, verdict *out)
{
    const lth_mapping *mapping = c->table->mapping;
    candidates found = {.n = 0};
    uint32_t best = best_key(c);
    if (best == mapping->n_match || mapping->match[best].n_terms > 1) {
        return LTH_OK;
    }
    lth_err err = find(c, best, &found);
    if (err == LTH_OK && found.n == 1) {
        verdict now;
        err = compare(c, best, found.keys[0], &now);
        *list = now == VERDICT_FOUND ? found : *list;
        *out = now == VERDICT_FOUND ? now : *out;
    }
    return err;
}

/* The first key that finds exactly one record decides. */
static lth_err judge(agent_ctx *c, bool last, candidates *list, verdict *out)
{
    const agent_prints *prints = &c->self->row.prints;
    bool said;
    list->n = 0;
    lth_err err = answered(c, out, list->keys[0], &said);
    if (err != LTH_OK || said) {
        list->n = 1;
        return err == LTH_OK && *out == VERDICT_NEW ? was_new(c, list, out) : err;
    }
    for (uint32_t i = 0; i < c->table->mapping->n_match && err == LTH_OK; i++) {
        candidates found = {.n = 0};
        bool waits = false;
        err = has(prints, i) ? find(c, i, &found) : LTH_OK;
        err = err == LTH_OK ? drop_namesakes(c, i, last, &found, &waits) : err;
        if (err == LTH_OK && waits) {
            *list = found;
            *out = VERDICT_NAME;
            return LTH_OK;
        }
        if (err == LTH_OK && found.n == 1 && (list->n == 0 || among(list, found.keys[0]))) {
            *list = found;
            return compare(c, i, found.keys[0], out);
        }
        for (uint32_t k = 0; k < found.n && k < CANDIDATES_MAX; k++) {
            add(list, found.keys[k]);
        }
    }
    *out = VERDICT_ASK;
    return err == LTH_OK && list->n == 0 ? by_name(c, last, list, out) : err;
}

/* ---- acting on it ---- */

lth_err lth_agent__match_new(agent_ctx *c)
{
    agent_row *row = &c->self->row;
    size_t n = row->local_key.n;
    uint8_t *bytes = lth_arena_alloc(c->self->rows, n + 1);
    uint8_t living[KEY_SIZE];
    lth_slice value;
    if (bytes == NULL) {
        return LTH_E_NOMEM;
    }
    memcpy(bytes, row->local_key.p, n);
    for (uint32_t i = 0; i < HANDLES_TRIED; i++) {
        bytes[n] = (uint8_t)i;
        row->local_key = lth_slice_of(bytes, n + (i > 0 ? 1 : 0));
        lth_agent__print(&c->self->env.hasher, row->local_key, row->key);
        lth_err err = lth_get(c->txn, LTH_A_map,
                              lth_agent__key(living, &c->school->conf->org,
                                             c->table->mapping->dataset->number, row->key),
                              &value);
        if (err != LTH_OK) { /* a record that was first seen under it may live on under others */
            return err == LTH_E_NOT_FOUND ? LTH_OK : err;
        }
    }
    return LTH_OK; /* sent away as a collision of ids */
}

static lth_err ask(agent_ctx *c, const candidates *list)
{
    uint32_t n = list->n < CANDIDATES_MAX ? list->n : CANDIDATES_MAX;
    c->scan->info.asked++;
    for (uint32_t i = 0; i < n; i++) {
        if (lth_agent__seen_add(&c->scan->spared, list->keys[i]) == SEEN_NOMEM) {
            return LTH_E_NOMEM;
        }
    }
    return lth_agent__finding_ask(c, list->keys, n);
}

/* Once in a file. A new row that was put off was seen when it came. */
static lth_err take(agent_ctx *c, lth_op op)
{
    agent_seen *seen = &c->scan->seen;
    const agent_row *row = &c->self->row;
    switch (lth_agent__seen_add(seen, row->key)) {
    case SEEN_NOMEM:
        return LTH_E_NOMEM;
    case SEEN_TWICE:
        if (c->scan->state == SCAN_READING || row->known ||
            lth_agent__seen_where(seen, row->key)->row != row->number) {
            return LTH_MUTANT(28) ? lth_agent__row_take(c, op) : lth_agent__row_again(c);
        }
        break;
    case SEEN_NEW:
        lth_agent__row_seen(c);
        break;
    }
    return lth_agent__row_take(c, op);
}

static lth_err take_found(agent_ctx *c, const uint8_t key[PRINT_SIZE], lth_op op)
{
    c->self->row.known = true;
    memcpy(c->self->row.key, key, PRINT_SIZE);
    return take(c, op);
}

static lth_err take_new(agent_ctx *c)
{
    lth_err err = lth_agent__match_new(c);
    return err == LTH_OK ? take(c, LTH_OP_STATE) : err;
}

/* One cell alone is a title, a sum or who signed, as lists have them above and below. */
static bool is_remark(const agent_ctx *c)
{
    const lth_mapping *mapping = c->table->mapping;
    uint32_t filled = 0;
    for (uint32_t i = 0; i < mapping->n_columns; i++) {
        filled += c->self->row.cells[i].n > 0 ? 1 : 0;
    }
    return filled <= 1;
}

/* Nothing leads from it to a record. It may be anybody of its scope. */
static lth_err nobody(agent_ctx *c)
{
    const lth_mapping *mapping = c->table->mapping;
    const lth_map_term *term = &mapping->match[0].terms[0];
    uint16_t field = term->field >= 0 ? mapping->fields[term->field].field->number : 0;
    c->scan->info.invalid++;
    c->scan->held++;
    return lth_agent__finding_own(
        c, LTH_REFUSE_missing_required, field,
        "Không đủ thông tin để biết hàng này là ai: điền ô này, hoặc xoá hàng.",
        "Not enough to tell whose row this is: fill in this cell, or "
        "remove the row.");
}

static lth_err note_scope(agent_ctx *c, agent_seen *scopes)
{
    const agent_prints *prints = &c->self->row.prints;
    bool fine = !prints->scoped || lth_agent__seen_add(scopes, prints->scope) != SEEN_NOMEM;
    return fine ? LTH_OK : LTH_E_NOMEM;
}

/* What the rest of the file says about it decides: in time there is a row of the other's own. */
static lth_err put_off(agent_ctx *c, verdict v, const candidates *list)
{
    bool room;
    lth_err err = lth_agent__defer(c, DEFER_MATCH, &room);
    if (err != LTH_OK || !room) {
        return err == LTH_OK ? ask(c, list) : err;
    }
    agent_seen_add claim = v == VERDICT_REKEY || v == VERDICT_LONE
                               ? lth_agent__seen_add(&c->scan->claimed, list->keys[0])
                               : SEEN_NEW;
    if (claim == SEEN_TWICE) {
        claim = lth_agent__seen_add(&c->scan->contested, list->keys[0]);
    }
    return claim == SEEN_NOMEM ? LTH_E_NOMEM : LTH_OK;
}

static bool may_rekey(const agent_ctx *c, const uint8_t key[PRINT_SIZE])
{
    const agent_scan *scan = c->scan;
    return !lth_agent__seen_has(&scan->seen, key) && !lth_agent__seen_has(&scan->contested, key) &&
           !lth_agent__seen_has(&scan->spared, key); /* it is what a question is about */
}

static lth_err act(agent_ctx *c, bool last, verdict v, const candidates *list)
{
    switch (v) {
    case VERDICT_NEW:
        return take_new(c);
    case VERDICT_FOUND:
        return take_found(c, list->keys[0], LTH_OP_STATE);
    case VERDICT_REKEY:
    case VERDICT_LONE:
        if (last && may_rekey(c, list->keys[0])) {
            return take_found(c, list->keys[0], v == VERDICT_REKEY ? LTH_OP_REKEY : LTH_OP_STATE);
        }
        break;
    case VERDICT_NAME:
    case VERDICT_ASK:
        break;
    }
    return last || v == VERDICT_ASK ? ask(c, list) : put_off(c, v, list);
}

lth_err lth_agent__match_row(agent_ctx *c, bool last)
{
    candidates list;
    verdict v;
    bool fits;
    lth_err err = lth_agent__row_map(c, &fits);
    if (err != LTH_OK || !fits) {
        c->scan->never_ends = true; /* it may be anybody's */
        return err;
    }
    err = lth_agent__match_prints(c);
    if (err == LTH_OK && c->self->row.local_key.n == 0 && is_remark(c)) {
        c->scan->info.rows--;
        return LTH_OK;
    }
    if (err == LTH_OK && c->self->row.local_key.n == 0) {
        err = nobody(c);
        return err == LTH_OK ? note_scope(c, &c->scan->blind) : err;
    }
    err = err == LTH_OK ? note_scope(c, &c->scan->scopes) : err;
    err = err == LTH_OK ? judge(c, last, &list, &v) : err;
    return err == LTH_OK ? act(c, last, v, &list) : err;
}

lth_err lth_agent__match_before(agent_ctx *c, bool *yes)
{
    agent_row *row = &c->self->row;
    lth_err err = lth_agent__match_prints(c);
    *yes = false;
    for (uint32_t i = 0; i < c->table->mapping->n_match && !*yes && err == LTH_OK; i++) {
        candidates found = {.n = 0};
        err = has(&row->prints, i) ? find(c, i, &found) : LTH_OK;
        *yes = err == LTH_OK && found.n == 1 && may_rekey(c, found.keys[0]);
        memcpy(row->key, found.keys[0], *yes ? PRINT_SIZE : 0);
    }
    return err;
}

lth_err lth_agent__match_moved(agent_ctx *c, const uint8_t key[PRINT_SIZE])
{
    bool fits;
    lth_err err = lth_agent__row_map(c, &fits);
    err = err == LTH_OK ? lth_agent__match_prints(c) : err;
    err = err == LTH_OK ? lth_agent__map_get(c, key, &c->self->row.old) : err;
    LTH_ASSERT(err != LTH_OK || fits);
    return err == LTH_OK ? take_found(c, key, LTH_OP_REKEY) : err;
}
