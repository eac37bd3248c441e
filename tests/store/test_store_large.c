/* Many pages: batches written in key order into the middle of tables, read before they are written,
 * deleted in between and appended, in the LMDB store and in the one in memory; after every few
 * transactions both hold the same, entry by entry. */
#include "tests/store/fixture.h"

#define TXNS     160u
#define RUNS     6u /* of keys in order, a transaction */
#define RUN_KEYS 90u
#define SCHOOLS  40u
#define COMPARE  8u /* transactions */

enum { T_MIDDLE, T_END };

typedef struct both {
    fixture fixtures[2];
    uint64_t random, appended;
} both;

static void put_both(lth_txn *txns[2], uint32_t table, lth_slice key, size_t size, lth_put how)
{
    lth_err got[2];
    for (int i = 0; i < 2; i++) {
        uint8_t *room = NULL;
        got[i] = lth_put_reserve(txns[i], table, key, size, how, &room);
        if (got[i] == LTH_OK && size > 0)
            memset(room, (int)(key.p[key.n - 1] + size), size);
    }
    assert_int_equal(got[0], got[1]);
}

static void get_both(lth_txn *txns[2], uint32_t table, lth_slice key)
{
    lth_slice values[2];
    lth_err a = lth_get(txns[0], table, key, &values[0]);
    assert_int_equal(a, lth_get(txns[1], table, key, &values[1]));
    assert_true(a != LTH_OK || lth_slice_equal(values[0], values[1]));
}

/* Keys of one school, ascending: read, written, now and then deleted. */
static void one_run(both *b, lth_txn *txns[2])
{
    uint8_t bytes[12];
    lth_slice key = {bytes, sizeof bytes};
    uint64_t at = next_random(&b->random) % 4000;
    lth_put64(bytes, (next_random(&b->random) % SCHOOLS) * 0x9e3779b97f4a7c15u);
    for (uint32_t i = 0; i < RUN_KEYS; i++, at += 1 + next_random(&b->random) % 3) {
        uint64_t kind = next_random(&b->random) % 16;
        size_t size = kind == 0 ? 9000 : next_random(&b->random) % 900;
        lth_put32(bytes + 8, (uint32_t)at);
        get_both(txns, T_MIDDLE, key);
        if (kind == 1)
            assert_int_equal(lth_del(txns[0], T_MIDDLE, key), lth_del(txns[1], T_MIDDLE, key));
        else
            put_both(txns, T_MIDDLE, key, size, kind < 6 ? LTH_PUT_NEW : LTH_PUT);
    }
}

static void one_end(both *b, lth_txn *txns[2])
{
    uint8_t bytes[8];
    lth_slice key = {bytes, sizeof bytes};
    for (uint32_t i = 0; i < 30; i++) {
        lth_put64(bytes, ++b->appended);
        put_both(txns, T_END, key, next_random(&b->random) % 200, LTH_PUT_APPEND);
        lth_put64(bytes, next_random(&b->random) % (b->appended + 2));
        get_both(txns, T_END, key);
    }
    lth_put64(bytes, b->appended - next_random(&b->random) % 20);
    if (next_random(&b->random) % 4 == 0)
        assert_int_equal(lth_del(txns[0], T_END, key), lth_del(txns[1], T_END, key));
}

static void one_txn(both *b)
{
    lth_txn *txns[2];
    for (int i = 0; i < 2; i++)
        txns[i] = begin(b->fixtures[i].store, true);
    for (uint32_t run = 0; run < RUNS; run++) {
        one_run(b, txns);
        one_end(b, txns);
    }
    uint64_t appended = b->appended - 30 * RUNS;
    bool give_up = next_random(&b->random) % 8 == 0;
    for (int i = 0; i < 2; i++) {
        if (give_up)
            lth_store_abort(&txns[i]);
        else
            commit(&txns[i]);
    }
    b->appended = give_up ? appended : b->appended;
}

/* Entry by entry; returns how many there are. */
static uint64_t compare_table(lth_txn *txns[2], uint32_t table)
{
    lth_cursor *cursors[2];
    uint64_t n = 0;
    for (int i = 0; i < 2; i++)
        assert_int_equal(lth_cursor_open(txns[i], table, &cursors[i]), LTH_OK);
    for (lth_err err = LTH_OK; err == LTH_OK;) {
        lth_slice keys[2], values[2];
        err = lth_cursor_next(cursors[0], &keys[0], &values[0]);
        assert_int_equal(err, lth_cursor_next(cursors[1], &keys[1], &values[1]));
        if (err == LTH_OK) {
            assert_true(lth_slice_equal(keys[0], keys[1]));
            assert_true(lth_slice_equal(values[0], values[1]));
            n++;
        }
    }
    for (int i = 0; i < 2; i++)
        lth_cursor_close(&cursors[i]);
    return n;
}

static uint64_t compare_all(both *b)
{
    lth_txn *txns[2];
    for (int i = 0; i < 2; i++)
        txns[i] = begin(b->fixtures[i].store, false);
    uint64_t n = compare_table(txns, T_MIDDLE);
    compare_table(txns, T_END);
    for (int i = 0; i < 2; i++)
        lth_store_abort(&txns[i]);
    return n;
}

static void same_as_in_memory(void **state)
{
    both *b = *state;
    uint64_t entries = 0;
    for (uint32_t i = 1; i <= TXNS; i++) {
        one_txn(b);
        if (i % COMPARE == 0)
            entries = compare_all(b);
    }
    assert_true(entries > 10000); /* hundreds of pages and more than two levels of them */
    lth_store_close(&b->fixtures[0].store);
    fixture_open(&b->fixtures[0]);
    assert_int_equal(compare_all(b), entries);
}

static int setup(void **state)
{
    static both self = {.random = 7};
    fixture_init(&self.fixtures[0], true, 256u << 20);
    fixture_init(&self.fixtures[1], false, 0);
    for (int i = 0; i < 2; i++)
        fixture_open(&self.fixtures[i]);
    *state = &self;
    return 0;
}

static int teardown(void **state)
{
    both *b = *state;
    for (int i = 0; i < 2; i++)
        fixture_fini(&b->fixtures[i]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(same_as_in_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
