/* What lth/store.h promises, tried on both back ends by the same tests. */
#include "tests/store/fixture.h"

#include <stdlib.h>

#define MAP_SIZE (32u << 20)

static bool with_lmdb;

static int setup(void **state)
{
    fixture *self = malloc(sizeof *self);
    assert_non_null(self);
    fixture_init(self, with_lmdb, MAP_SIZE);
    fixture_open(self);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture_fini(*state);
    free(*state);
    return 0;
}

static void put_all(lth_store *store, const char *const *keys, size_t n)
{
    lth_txn *txn = begin(store, true);
    for (size_t i = 0; i < n; i++)
        put_text(txn, 0, keys[i], keys[i]);
    commit(&txn);
}

/** Walk table 0 with next() from a new cursor; the keys must be these. */
static void assert_keys(lth_store *store, const char *const *want, size_t n)
{
    lth_cursor *cursor;
    lth_slice key;
    lth_slice value;
    lth_txn *txn = begin(store, false);
    assert_int_equal(lth_cursor_open(txn, 0, &cursor), LTH_OK);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(lth_cursor_next(cursor, &key, &value), LTH_OK);
        assert_slice(key, want[i]);
        assert_slice(value, want[i]);
    }
    assert_int_equal(lth_cursor_next(cursor, &key, &value), LTH_E_NOT_FOUND);
    assert_int_equal(lth_cursor_next(cursor, &key, &value), LTH_E_NOT_FOUND);
    lth_cursor_close(&cursor);
    lth_store_abort(&txn);
}

static void test_order_is_memcmp_shorter_first(void **state)
{
    fixture *self = *state;
    static const char *const mixed[] = {"b", "\xff", "ab", "a", "\x01", "abc", "\x80", "B"};
    static const char *const sorted[] = {"\x01", "B", "a", "ab", "abc", "b", "\x80", "\xff"};
    put_all(self->store, mixed, 8);
    assert_keys(self->store, sorted, 8);
}

static void test_order_with_zero_bytes(void **state)
{
    fixture *self = *state;
    static const uint8_t zeros[3] = {0, 0, 0};
    lth_cursor *cursor;
    lth_slice key;
    lth_slice value;
    lth_txn *txn = begin(self->store, true);
    for (size_t n = 3; n >= 1; n--)
        assert_int_equal(put_tagged(txn, 0, lth_slice_of(zeros, n), n, 7, LTH_PUT_NEW), LTH_OK);
    assert_int_equal(lth_cursor_open(txn, 0, &cursor), LTH_OK);
    for (size_t n = 1; n <= 3; n++) {
        assert_int_equal(lth_cursor_next(cursor, &key, &value), LTH_OK);
        assert_int_equal(key.n, n);
        assert_tagged(value, n, 7);
    }
    lth_cursor_close(&cursor);
    commit(&txn);
}

static void test_tables_are_apart(void **state)
{
    fixture *self = *state;
    lth_txn *txn = begin(self->store, true);
    put_text(txn, 0, "k", "zero");
    put_text(txn, 2, "k", "two");
    assert_text(txn, 0, "k", "zero");
    assert_text(txn, 1, "k", NULL);
    assert_int_equal(lth_del(txn, 0, text("k")), LTH_OK);
    assert_text(txn, 2, "k", "two");
    commit(&txn);
}

static void test_put_modes(void **state)
{
    fixture *self = *state;
    lth_txn *txn = begin(self->store, true);
    put_text(txn, 0, "k", "one");
    put_text(txn, 0, "k", "a longer value");
    assert_text(txn, 0, "k", "a longer value");
    assert_int_equal(lth_put_kv(txn, 0, text("k"), text("no"), LTH_PUT_NEW), LTH_E_EXISTS);
    assert_text(txn, 0, "k", "a longer value");
    assert_int_equal(lth_put_kv(txn, 0, text("j"), text("yes"), LTH_PUT_NEW), LTH_OK);
    assert_int_equal(lth_put_kv(txn, 0, text("l"), text("last"), LTH_PUT_APPEND), LTH_OK);
    assert_int_equal(lth_put_kv(txn, 1, text("x"), text("first"), LTH_PUT_APPEND), LTH_OK);
    commit(&txn);

    txn = begin(self->store, false);
    assert_text(txn, 0, "j", "yes");
    assert_text(txn, 0, "k", "a longer value");
    assert_text(txn, 0, "l", "last");
    assert_text(txn, 1, "x", "first");
    lth_store_abort(&txn);
}

static void test_del(void **state)
{
    fixture *self = *state;
    static const char *const left[] = {"a", "c"};
    put_all(self->store, (const char *const[]){"a", "b", "c"}, 3);
    lth_txn *txn = begin(self->store, true);
    assert_int_equal(lth_del(txn, 0, text("b")), LTH_OK);
    assert_int_equal(lth_del(txn, 0, text("b")), LTH_E_NOT_FOUND);
    commit(&txn);
    assert_keys(self->store, left, 2);
}

static void test_reserve(void **state)
{
    fixture *self = *state;
    lth_slice value;
    uint8_t *room;
    lth_txn *txn = begin(self->store, true);
    assert_int_equal(put_tagged(txn, 0, text("r"), 1000, 5, LTH_PUT_NEW), LTH_OK);
    assert_int_equal(put_tagged(txn, 0, text("r"), 1000, 6, LTH_PUT), LTH_OK);
    assert_int_equal(put_tagged(txn, 0, text("s"), 0, 0, LTH_PUT_APPEND), LTH_OK);
    assert_int_equal(lth_put_reserve(txn, 0, text("r"), 9, LTH_PUT_NEW, &room), LTH_E_EXISTS);
    commit(&txn);

    txn = begin(self->store, false);
    assert_int_equal(lth_get(txn, 0, text("r"), &value), LTH_OK);
    assert_tagged(value, 1000, 6);
    assert_int_equal(lth_get(txn, 0, text("s"), &value), LTH_OK);
    assert_int_equal(value.n, 0);
    lth_store_abort(&txn);
}

static void test_snapshot(void **state)
{
    fixture *self = *state;
    put_all(self->store, (const char *const[]){"a", "b"}, 2);
    lth_txn *old = begin(self->store, false);
    lth_txn *writer = begin(self->store, true);
    put_text(writer, 0, "a", "changed");
    put_text(writer, 0, "c", "added");
    assert_int_equal(lth_del(writer, 0, text("b")), LTH_OK);
    assert_text(writer, 0, "a", "changed");
    assert_text(old, 0, "a", "a");
    lth_txn *beside = begin(self->store, false);
    commit(&writer);
    lth_txn *fresh = begin(self->store, false);

    for (int i = 0; i < 2; i++) {
        lth_txn *before = i == 0 ? old : beside;
        assert_text(before, 0, "a", "a");
        assert_text(before, 0, "b", "b");
        assert_text(before, 0, "c", NULL);
    }
    assert_text(fresh, 0, "a", "changed");
    assert_text(fresh, 0, "b", NULL);
    assert_text(fresh, 0, "c", "added");
    lth_store_abort(&old);
    lth_store_abort(&fresh);
    commit(&beside);
}

static void test_abort_restores(void **state)
{
    fixture *self = *state;
    static const char *const keys[] = {"a", "b", "c"};
    put_all(self->store, keys, 3);
    lth_txn *txn = begin(self->store, true);
    put_text(txn, 0, "a", "changed");
    put_text(txn, 0, "aa", "added");
    assert_int_equal(lth_del(txn, 0, text("c")), LTH_OK);
    lth_store_abort(&txn);
    assert_null(txn);
    lth_store_abort(&txn);
    assert_keys(self->store, keys, 3);
}

static void test_cursor_on_empty_table(void **state)
{
    fixture *self = *state;
    lth_cursor *cursor;
    lth_slice key;
    lth_slice value;
    lth_txn *txn = begin(self->store, false);
    assert_int_equal(lth_cursor_open(txn, 1, &cursor), LTH_OK);
    assert_int_equal(lth_cursor_next(cursor, &key, &value), LTH_E_NOT_FOUND);
    assert_int_equal(lth_cursor_seek(cursor, text("a"), &key, &value), LTH_E_NOT_FOUND);
    assert_int_equal(lth_cursor_seek(cursor, text(""), &key, &value), LTH_E_NOT_FOUND);
    assert_int_equal(lth_cursor_before(cursor, text("a"), &key, &value), LTH_E_NOT_FOUND);
    assert_int_equal(lth_cursor_before(cursor, text(""), &key, &value), LTH_E_NOT_FOUND);
    lth_cursor_close(&cursor);
    assert_null(cursor);
    lth_cursor_close(&cursor);
    lth_store_abort(&txn);
}

static void test_cursor_moves(void **state)
{
    fixture *self = *state;
    enum { SEEK, BEFORE };
    static const struct {
        int move;
        const char *key;
        const char *found; /**< NULL = not found. */
        const char *next;
    } cases[] = {
        {SEEK, "", "b", "d"},      {SEEK, "a", "b", "d"},    {SEEK, "b", "b", "d"},
        {SEEK, "c", "d", "f"},     {SEEK, "f", "f", NULL},   {SEEK, "g", NULL, NULL},
        {BEFORE, "", "f", NULL},   {BEFORE, "z", "f", NULL}, {BEFORE, "f", "d", "f"},
        {BEFORE, "e", "d", "f"},   {BEFORE, "c", "b", "d"},  {BEFORE, "b", NULL, NULL},
        {BEFORE, "a", NULL, NULL},
    };
    put_all(self->store, (const char *const[]){"f", "b", "d"}, 3);
    lth_txn *txn = begin(self->store, false);
    lth_cursor *cursor;
    lth_slice key;
    lth_slice value;
    assert_int_equal(lth_cursor_open(txn, 0, &cursor), LTH_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lth_err err = cases[i].move == SEEK
                          ? lth_cursor_seek(cursor, text(cases[i].key), &key, &value)
                          : lth_cursor_before(cursor, text(cases[i].key), &key, &value);
        assert_int_equal(err, cases[i].found == NULL ? LTH_E_NOT_FOUND : LTH_OK);
        if (err == LTH_OK)
            assert_slice(key, cases[i].found);
        err = lth_cursor_next(cursor, &key, &value);
        assert_int_equal(err, cases[i].next == NULL ? LTH_E_NOT_FOUND : LTH_OK);
        if (err == LTH_OK)
            assert_slice(value, cases[i].next);
    }
    lth_cursor_close(&cursor);
    lth_store_abort(&txn);
}

/** Enough entries for several pages, every @p keep-th kept (0 = none) by a cursor that deletes. */
static void delete_while_walking(fixture *self, uint32_t keep)
{
    const uint32_t n = 2000;
    lth_cursor *cursor;
    lth_slice key;
    lth_slice value;
    uint8_t name[4];
    lth_txn *txn = begin(self->store, true);
    for (uint32_t i = 0; i < n; i++) {
        lth_put32(name, i);
        assert_int_equal(put_tagged(txn, 0, lth_slice_of(name, 4), 50, i, LTH_PUT), LTH_OK);
    }
    commit(&txn);

    txn = begin(self->store, true);
    assert_int_equal(lth_cursor_open(txn, 0, &cursor), LTH_OK);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(lth_cursor_next(cursor, &key, &value), LTH_OK);
        assert_int_equal(lth_get32(key.p), i);
        assert_tagged(value, 50, i);
        if (keep == 0 || i % keep != 0)
            assert_int_equal(lth_cursor_del(cursor), LTH_OK);
    }
    assert_int_equal(lth_cursor_next(cursor, &key, &value), LTH_E_NOT_FOUND);

    uint32_t left = 0;
    for (lth_err err = lth_cursor_seek(cursor, text(""), &key, &value); err == LTH_OK;
         err = lth_cursor_next(cursor, &key, &value))
        assert_int_equal(lth_get32(key.p), left++ * keep);
    assert_int_equal(left, keep == 0 ? 0 : (n + keep - 1) / keep);
    lth_cursor_close(&cursor);
    lth_store_abort(&txn);
}

static void test_cursor_deletes_while_walking(void **state)
{
    delete_while_walking(*state, 0);
    delete_while_walking(*state, 1);
    delete_while_walking(*state, 2);
    delete_while_walking(*state, 97);
}

static void test_cursor_survives_writes(void **state)
{
    fixture *self = *state;
    lth_cursor *cursor;
    lth_slice key;
    lth_slice value;
    put_all(self->store, (const char *const[]){"b", "d", "f"}, 3);
    lth_txn *txn = begin(self->store, true);
    assert_int_equal(lth_cursor_open(txn, 0, &cursor), LTH_OK);
    assert_int_equal(lth_cursor_seek(cursor, text("b"), &key, &value), LTH_OK);
    put_text(txn, 0, "a", "behind");
    put_text(txn, 0, "c", "ahead");
    assert_int_equal(lth_cursor_next(cursor, &key, &value), LTH_OK);
    assert_slice(key, "c");
    assert_int_equal(lth_del(txn, 0, key), LTH_OK); /* Not through the cursor. */
    assert_int_equal(lth_cursor_next(cursor, &key, &value), LTH_OK);
    assert_slice(key, "d");
    assert_int_equal(lth_del(txn, 0, text("f")), LTH_OK);
    assert_int_equal(lth_cursor_del(cursor), LTH_OK);
    assert_int_equal(lth_cursor_next(cursor, &key, &value), LTH_E_NOT_FOUND);
    lth_cursor_close(&cursor);
    commit(&txn);
    txn = begin(self->store, false);
    assert_text(txn, 0, "a", "behind");
    assert_text(txn, 0, "b", "b");
    assert_text(txn, 0, "d", NULL);
    lth_store_abort(&txn);
}

static void test_big_values(void **state)
{
    fixture *self = *state;
    lth_slice value;
    lth_txn *txn = begin(self->store, true);
    assert_int_equal(put_tagged(txn, 0, text("big"), 2u << 20, 3, LTH_PUT), LTH_OK);
    assert_int_equal(put_tagged(txn, 0, text("more"), (2u << 20) - 1, 4, LTH_PUT), LTH_OK);
    commit(&txn);
    txn = begin(self->store, true);
    assert_int_equal(lth_get(txn, 0, text("big"), &value), LTH_OK);
    assert_tagged(value, 2u << 20, 3);
    put_text(txn, 0, "big", "small");
    commit(&txn);
    txn = begin(self->store, false);
    assert_text(txn, 0, "big", "small");
    assert_int_equal(lth_get(txn, 0, text("more"), &value), LTH_OK);
    assert_tagged(value, (2u << 20) - 1, 4);
    lth_store_abort(&txn);
}

static void test_longest_key(void **state)
{
    fixture *self = *state;
    uint8_t key[LTH_STORE_KEY_MAX];
    lth_slice value;
    lth_txn *txn = begin(self->store, true);
    memset(key, 'k', sizeof key);
    for (size_t n = 1; n <= sizeof key; n += n == 1 ? 509 : 1)
        assert_int_equal(put_tagged(txn, 0, lth_slice_of(key, n), n, (uint32_t)n, LTH_PUT), LTH_OK);
    commit(&txn);
    txn = begin(self->store, false);
    for (size_t n = 1; n <= sizeof key; n += n == 1 ? 509 : 1) {
        assert_int_equal(lth_get(txn, 0, lth_slice_of(key, n), &value), LTH_OK);
        assert_tagged(value, n, (uint32_t)n);
    }
    lth_store_abort(&txn);
}

/** One transaction of @p n new entries of 1,000 bytes; what its first failure and commit said. */
static lth_err put_batch(fixture *self, uint32_t from, uint32_t n)
{
    uint8_t name[4];
    lth_slice value;
    lth_err err = LTH_OK;
    lth_txn *txn = begin(self->store, true);
    for (uint32_t i = from; i < from + n && err == LTH_OK; i++) {
        lth_put32(name, i);
        err = put_tagged(txn, 0, lth_slice_of(name, 4), 1000, i, LTH_PUT);
    }
    if (err != LTH_OK) { /* Nothing but the error is to be had from it now. */
        assert_int_equal(lth_get(txn, 0, text("any"), &value), err);
        assert_int_equal(lth_put_kv(txn, 1, text("k"), text("v"), LTH_PUT), err);
    }
    lth_err committed = lth_store_commit(&txn);
    if (err != LTH_OK)
        assert_int_equal(committed, err);
    return committed;
}

static void del_batch(fixture *self, uint32_t from, uint32_t n)
{
    uint8_t name[4];
    lth_txn *txn = begin(self->store, true);
    for (uint32_t i = from; i < from + n; i++) {
        lth_put32(name, i);
        assert_int_equal(lth_del(txn, 0, lth_slice_of(name, 4)), LTH_OK);
    }
    commit(&txn);
}

static void test_full_then_recovery(void **state)
{
    fixture *self = *state;
    lth_store_stat stat;
    uint32_t n = 0;
    lth_err err;
    while ((err = put_batch(self, n, 1000)) == LTH_OK)
        n += 1000;
    assert_int_equal(err, LTH_E_STORE_FULL);
    assert_in_range(n, 10000, MAP_SIZE / 1000);
    assert_int_equal(lth_store_stat_of(self->store, &stat), LTH_OK);
    assert_int_equal(stat.entries, n);
    assert_int_equal(stat.bytes_max, MAP_SIZE);
    assert_in_range(stat.bytes_used, MAP_SIZE / 2, MAP_SIZE);

    for (uint32_t i = 0; i < n / 2; i += 100)
        del_batch(self, i, 100);
    assert_int_equal(lth_store_stat_of(self->store, &stat), LTH_OK);
    assert_in_range(stat.bytes_used, MAP_SIZE / 4, MAP_SIZE * 6 / 10);
    for (uint32_t i = 0; i < n / 4; i += 500)
        assert_int_equal(put_batch(self, i, 500), LTH_OK);
}

static void test_stat(void **state)
{
    fixture *self = *state;
    lth_store_stat stat;
    lth_txn *reader = begin(self->store, false);
    for (int i = 0; i < 3; i++) {
        lth_txn *txn = begin(self->store, true);
        char key[2] = {(char)('a' + i), 0};
        put_text(txn, (uint32_t)i, key, "v");
        commit(&txn);
    }
    assert_int_equal(lth_store_stat_of(self->store, &stat), LTH_OK);
    assert_int_equal(stat.entries, 3);
    assert_int_equal(stat.oldest_reader_lag, 3);
    assert_int_equal(stat.bytes_max, MAP_SIZE);
    lth_store_abort(&reader);
    lth_store_tidy(self->store);
    assert_int_equal(lth_store_stat_of(self->store, &stat), LTH_OK);
    assert_int_equal(stat.oldest_reader_lag, 0);
}

static void append_out_of_order(fixture *self)
{
    lth_txn *txn = begin(self->store, true);
    put_text(txn, 0, "b", "");
    (void)!lth_put_kv(txn, 0, text("b"), text(""), LTH_PUT_APPEND);
}
static void put_empty_key(fixture *self)
{
    (void)!lth_put_kv(begin(self->store, true), 0, text(""), text(""), LTH_PUT);
}
static void put_long_key(fixture *self)
{
    static const uint8_t key[LTH_STORE_KEY_MAX + 1];
    (void)!lth_put_kv(begin(self->store, true), 0, lth_slice_of(key, sizeof key), text(""),
                      LTH_PUT);
}
static void put_long_value(fixture *self)
{
    uint8_t *room;
    (void)!lth_put_reserve(begin(self->store, true), 0, text("k"), (2u << 20) + 1, LTH_PUT, &room);
}
static void put_in_unknown_table(fixture *self)
{
    (void)!lth_put_kv(begin(self->store, true), FIXTURE_TABLES, text("k"), text(""), LTH_PUT);
}
static void put_in_read_transaction(fixture *self)
{
    (void)!lth_put_kv(begin(self->store, false), 0, text("k"), text(""), LTH_PUT);
}
static void begin_two_writers(fixture *self)
{
    begin(self->store, true);
    begin(self->store, true);
}
static void commit_with_open_cursor(fixture *self)
{
    lth_cursor *cursor;
    lth_txn *txn = begin(self->store, false);
    (void)!lth_cursor_open(txn, 0, &cursor);
    (void)!lth_store_commit(&txn);
}
static void delete_at_no_entry(fixture *self)
{
    lth_cursor *cursor;
    lth_txn *txn = begin(self->store, true);
    (void)!lth_cursor_open(txn, 0, &cursor);
    (void)!lth_cursor_del(cursor);
}
static void close_with_open_transaction(fixture *self)
{
    begin(self->store, false);
    lth_store_close(&self->store);
}

static void test_misuse_stops_the_program(void **state)
{
    assert_dies(append_out_of_order, *state);
    assert_dies(put_empty_key, *state);
    assert_dies(put_long_key, *state);
    assert_dies(put_long_value, *state);
    assert_dies(put_in_unknown_table, *state);
    assert_dies(put_in_read_transaction, *state);
    assert_dies(begin_two_writers, *state);
    assert_dies(commit_with_open_cursor, *state);
    assert_dies(delete_at_no_entry, *state);
    assert_dies(close_with_open_transaction, *state);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_order_is_memcmp_shorter_first),
        TEST(test_order_with_zero_bytes),
        TEST(test_tables_are_apart),
        TEST(test_put_modes),
        TEST(test_del),
        TEST(test_reserve),
        TEST(test_snapshot),
        TEST(test_abort_restores),
        TEST(test_cursor_on_empty_table),
        TEST(test_cursor_moves),
        TEST(test_cursor_deletes_while_walking),
        TEST(test_cursor_survives_writes),
        TEST(test_big_values),
        TEST(test_longest_key),
        TEST(test_full_then_recovery),
        TEST(test_stat),
        TEST(test_misuse_stops_the_program),
    };
    int failed = cmocka_run_group_tests_name("memory", tests, NULL, NULL);
    with_lmdb = true;
    return failed + cmocka_run_group_tests_name("lmdb", tests, NULL, NULL);
}
