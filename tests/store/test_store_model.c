/* Random histories, step by step on three stores: memory, LMDB, and a sorted array that is copied
 * whole for each transaction. Every answer must be the same. The seed of a failure is printed. */
#include "tests/store/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define ROWS_MAX  400u
#define KEY_MAX   12u
#define SEEDS     12u
#define ROUNDS    30u
#define STEPS     60u
#define SNAPSHOTS 3u
#define BACK_ENDS 2u

typedef struct row {
    uint8_t key[KEY_MAX];
    size_t key_n;
    size_t value_n;
    uint32_t tag;
} row;

/** A table of the naive store. */
typedef struct rows {
    size_t n;
    row at[ROWS_MAX];
} rows;

typedef struct naive {
    rows table[FIXTURE_TABLES];
} naive;

typedef struct world {
    fixture back_end[BACK_ENDS];
    uint64_t random;
    naive committed;
    naive now; /**< The open write transaction's. */
    lth_txn *writer[BACK_ENDS];
    lth_cursor *cursor[BACK_ENDS]; /**< On table 0, open over many writes. */
    row place;                     /**< The key it stands on. */
    bool placed;
    bool deleted;
    struct {
        naive state;
        lth_txn *txn[BACK_ENDS];
    } snapshot[SNAPSHOTS];
} world;

static uint32_t below(world *w, uint32_t n)
{
    return (uint32_t)(next_random(&w->random) % n);
}

static lth_slice key_of(const row *r)
{
    return lth_slice_of(r->key, r->key_n);
}

/** Few different bytes, so that keys meet again and are often prefixes of each other. */
static row random_row(world *w)
{
    static const uint8_t letters[] = {0x00, 'a', 'b', 0xff};
    static const uint32_t sizes[] = {1, 20, 700, 9000};
    row r = {.key_n = 1 + below(w, below(w, 4) == 0 ? KEY_MAX : 4)};
    for (size_t i = 0; i < r.key_n; i++)
        r.key[i] = letters[below(w, sizeof letters)];
    r.value_n = below(w, sizes[below(w, 4)]);
    r.tag = below(w, 1000000);
    return r;
}

/** Index of the first row with key >= (or > if @p after) the given one. */
static size_t position(const rows *t, lth_slice key, bool after)
{
    size_t i = 0;
    while (i < t->n && lth_slice_compare(key_of(&t->at[i]), key) < (after ? 1 : 0))
        i++;
    return i;
}

static bool is_at(const rows *t, size_t i, lth_slice key)
{
    return i < t->n && lth_slice_equal(key_of(&t->at[i]), key);
}

static void remove_row(rows *t, size_t i)
{
    memmove(&t->at[i], &t->at[i + 1], (t->n - i - 1) * sizeof t->at[0]);
    t->n--;
}

static void check_entry(const rows *t, size_t i, lth_err err, lth_slice key, lth_slice value)
{
    assert_int_equal(err, i < t->n ? LTH_OK : LTH_E_NOT_FOUND);
    if (err != LTH_OK)
        return;
    assert_int_equal(key.n, t->at[i].key_n);
    assert_memory_equal(key.p, t->at[i].key, key.n);
    assert_tagged(value, t->at[i].value_n, t->at[i].tag);
}

static void step_put(world *w)
{
    static const lth_put modes[] = {LTH_PUT, LTH_PUT, LTH_PUT_NEW, LTH_PUT_APPEND};
    row r = random_row(w);
    uint32_t table = below(w, FIXTURE_TABLES);
    rows *t = &w->now.table[table];
    size_t i = position(t, key_of(&r), false);
    bool there = is_at(t, i, key_of(&r));
    lth_put how = modes[below(w, 4)];
    if (how == LTH_PUT_APPEND && i < t->n)
        how = LTH_PUT;
    if (!there && t->n == ROWS_MAX)
        return;

    lth_err want = there && how == LTH_PUT_NEW ? LTH_E_EXISTS : LTH_OK;
    for (size_t b = 0; b < BACK_ENDS; b++)
        assert_int_equal(put_tagged(w->writer[b], table, key_of(&r), r.value_n, r.tag, how), want);
    if (want != LTH_OK)
        return;
    if (!there) {
        memmove(&t->at[i + 1], &t->at[i], (t->n - i) * sizeof t->at[0]);
        t->n++;
    }
    t->at[i] = r;
}

static void step_del(world *w)
{
    uint32_t table = below(w, FIXTURE_TABLES);
    rows *t = &w->now.table[table];
    row r = t->n > 0 && below(w, 4) > 0 ? t->at[below(w, (uint32_t)t->n)] : random_row(w);
    size_t i = position(t, key_of(&r), false);
    bool there = is_at(t, i, key_of(&r));
    for (size_t b = 0; b < BACK_ENDS; b++)
        assert_int_equal(lth_del(w->writer[b], table, key_of(&r)),
                         there ? LTH_OK : LTH_E_NOT_FOUND);
    if (there)
        remove_row(t, i);
}

static void step_get(world *w)
{
    uint32_t table = below(w, FIXTURE_TABLES);
    const rows *t = &w->now.table[table];
    row r = t->n > 0 && below(w, 2) > 0 ? t->at[below(w, (uint32_t)t->n)] : random_row(w);
    size_t i = position(t, key_of(&r), false);
    lth_slice value;
    for (size_t b = 0; b < BACK_ENDS; b++) {
        lth_err err = lth_get(w->writer[b], table, key_of(&r), &value);
        check_entry(t, is_at(t, i, key_of(&r)) ? i : t->n, err, key_of(&r), value);
    }
}

static void place_cursor(world *w, const rows *t, size_t i)
{
    w->placed = i < t->n;
    w->deleted = false;
    if (w->placed)
        w->place = t->at[i];
}

static void step_cursor_find(world *w)
{
    const rows *t = &w->now.table[0];
    bool before = below(w, 2) == 0;
    row r = random_row(w);
    if (below(w, 10) == 0)
        r.key_n = 0;
    size_t i = position(t, key_of(&r), false);
    if (before) {
        size_t end = r.key_n == 0 ? t->n : i;
        i = end == 0 ? t->n : end - 1;
    }
    lth_slice key;
    lth_slice value;
    for (size_t b = 0; b < BACK_ENDS; b++) {
        lth_err err = before ? lth_cursor_before(w->cursor[b], key_of(&r), &key, &value)
                             : lth_cursor_seek(w->cursor[b], key_of(&r), &key, &value);
        check_entry(t, i, err, key, value);
    }
    place_cursor(w, t, i);
}

static void step_cursor_next(world *w)
{
    const rows *t = &w->now.table[0];
    size_t i = w->placed ? position(t, key_of(&w->place), true) : t->n;
    lth_slice key;
    lth_slice value;
    for (size_t b = 0; b < BACK_ENDS; b++)
        check_entry(t, i, lth_cursor_next(w->cursor[b], &key, &value), key, value);
    place_cursor(w, t, i);
}

static void step_cursor_del(world *w)
{
    rows *t = &w->now.table[0];
    if (!w->placed || w->deleted)
        return;
    size_t i = position(t, key_of(&w->place), false);
    bool there = is_at(t, i, key_of(&w->place));
    for (size_t b = 0; b < BACK_ENDS; b++)
        assert_int_equal(lth_cursor_del(w->cursor[b]), there ? LTH_OK : LTH_E_NOT_FOUND);
    if (there)
        remove_row(t, i);
    w->deleted = there;
}

static void check_all(lth_txn *txn, const naive *want)
{
    for (uint32_t table = 0; table < FIXTURE_TABLES; table++) {
        const rows *t = &want->table[table];
        lth_cursor *cursor;
        lth_slice key;
        lth_slice value;
        assert_int_equal(lth_cursor_open(txn, table, &cursor), LTH_OK);
        for (size_t i = 0; i <= t->n; i++)
            check_entry(t, i, lth_cursor_next(cursor, &key, &value), key, value);
        lth_cursor_close(&cursor);
    }
}

/** End the snapshot of a slot, or take one. */
static void change_snapshot(world *w, size_t slot)
{
    bool open = w->snapshot[slot].txn[0] != NULL;
    if (!open)
        w->snapshot[slot].state = w->committed;
    for (size_t b = 0; b < BACK_ENDS; b++) {
        if (open) {
            check_all(w->snapshot[slot].txn[b], &w->snapshot[slot].state);
            lth_store_abort(&w->snapshot[slot].txn[b]);
        } else {
            w->snapshot[slot].txn[b] = begin(w->back_end[b].store, false);
        }
    }
}

static void check_stat(world *w)
{
    size_t entries = 0;
    for (size_t t = 0; t < FIXTURE_TABLES; t++)
        entries += w->committed.table[t].n;
    for (size_t b = 0; b < BACK_ENDS; b++) {
        lth_store_stat stat;
        assert_int_equal(lth_store_stat_of(w->back_end[b].store, &stat), LTH_OK);
        assert_int_equal(stat.entries, entries);
    }
}

static void run_round(world *w)
{
    static void (*const steps[])(world *) = {
        step_put,         step_put,         step_put,         step_del,        step_get,
        step_cursor_find, step_cursor_next, step_cursor_next, step_cursor_del,
    };
    w->now = w->committed;
    w->placed = false;
    for (size_t b = 0; b < BACK_ENDS; b++) {
        lth_slice key;
        lth_slice value;
        w->writer[b] = begin(w->back_end[b].store, true);
        assert_int_equal(lth_cursor_open(w->writer[b], 0, &w->cursor[b]), LTH_OK);
        assert_int_equal(lth_cursor_seek(w->cursor[b],
                                         lth_slice_of("\xff\xff\xff\xff\xff\xff\xff"
                                                      "\xff\xff\xff\xff\xff\xff",
                                                      13),
                                         &key, &value),
                         LTH_E_NOT_FOUND);
    }
    for (uint32_t i = 0; i < STEPS; i++) {
        steps[below(w, sizeof steps / sizeof steps[0])](w);
        if (below(w, 20) == 0)
            change_snapshot(w, below(w, SNAPSHOTS));
    }
    bool keep = below(w, 4) > 0;
    for (size_t b = 0; b < BACK_ENDS; b++) {
        lth_cursor_close(&w->cursor[b]);
        check_all(w->writer[b], &w->now);
        if (keep)
            commit(&w->writer[b]);
        else
            lth_store_abort(&w->writer[b]);
    }
    if (keep)
        w->committed = w->now;
    check_stat(w);
}

static void test_random_histories(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world *w = calloc(1, sizeof *w);
        assert_non_null(w);
        w->random = seed;
        print_message("seed %llu\n", (unsigned long long)seed);
        for (size_t b = 0; b < BACK_ENDS; b++) {
            fixture_init(&w->back_end[b], b == 1, 64u << 20);
            fixture_open(&w->back_end[b]);
        }
        for (uint32_t i = 0; i < ROUNDS; i++)
            run_round(w);
        for (size_t slot = 0; slot < SNAPSHOTS; slot++)
            if (w->snapshot[slot].txn[0] != NULL)
                change_snapshot(w, slot);
        for (size_t b = 0; b < BACK_ENDS; b++)
            fixture_fini(&w->back_end[b]);
        free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
