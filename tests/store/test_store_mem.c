/* What only the store in memory has: planned faults, copies, crashes, canonical hashes. */
#include "lib/store/store_mem.h"
#include "lib/store/tree.h"
#include "tests/store/fixture.h"

static int setup(void **state)
{
    static fixture self;
    fixture_init(&self, false, 0);
    fixture_open(&self);
    *state = &self;
    return 0;
}

static int teardown(void **state)
{
    fixture_fini(*state);
    return 0;
}

static void put_one(lth_store *store, const char *key, const char *value)
{
    lth_txn *txn = begin(store, true);
    put_text(txn, 0, key, value);
    commit(&txn);
}

static void assert_holds(lth_store *store, const char *key, const char *value)
{
    lth_txn *txn = begin(store, false);
    assert_text(txn, 0, key, value);
    lth_store_abort(&txn);
}

static void test_fault_hits_the_nth_call(void **state)
{
    lth_store *store = ((fixture *)*state)->store;
    lth_slice value;
    put_one(store, "k", "v");
    for (uint64_t n = 1; n <= 3; n++) {
        lth_store_mem_fail_after(store, n, LTH_E_NOMEM);
        lth_txn *txn = begin(store, true);
        lth_err got = lth_get(txn, 0, text("k"), &value);
        lth_err put = lth_put_kv(txn, 0, text("k"), text("new"), LTH_PUT);
        lth_err end = lth_store_commit(&txn);
        assert_int_equal(got, n == 1 ? LTH_E_NOMEM : LTH_OK);
        assert_int_equal(put, n <= 2 ? LTH_E_NOMEM : LTH_OK);
        assert_int_equal(end, LTH_E_NOMEM);
        assert_holds(store, "k", "v");
    }
    put_one(store, "k", "after");
    assert_holds(store, "k", "after");
}

static void test_full_does_not_hit_reads(void **state)
{
    lth_store *store = ((fixture *)*state)->store;
    put_one(store, "k", "v");
    lth_store_mem_fail_after(store, 1, LTH_E_STORE_FULL);
    assert_holds(store, "k", "v");
    lth_txn *txn = begin(store, true);
    assert_int_equal(lth_del(txn, 0, text("k")), LTH_OK);
    assert_int_equal(lth_store_commit(&txn), LTH_E_STORE_FULL);
    assert_holds(store, "k", "v");
}

static void test_unknown_outcome_both_ways(void **state)
{
    lth_store *store = ((fixture *)*state)->store;
    for (int stored = 0; stored <= 1; stored++) {
        put_one(store, "k", "old");
        lth_txn *txn = begin(store, true);
        put_text(txn, 0, "k", "new");
        if (stored)
            lth_store_mem_fail_stored(store, 1);
        else
            lth_store_mem_fail_after(store, 1, LTH_E_STORE_IO);
        assert_int_equal(lth_store_commit(&txn), LTH_E_STORE_IO);
        assert_int_equal(lth_store_begin(store, false, &txn), LTH_E_STORE_IO);
        assert_null(txn);
        lth_store_mem_crash(store);
        assert_holds(store, "k", stored ? "new" : "old");
    }
}

static void test_crash_loses_what_is_open(void **state)
{
    lth_store *store = ((fixture *)*state)->store;
    lth_cursor *cursor;
    put_one(store, "k", "v");
    lth_txn *reader = begin(store, false);
    lth_txn *writer = begin(store, true);
    put_text(writer, 0, "k", "lost");
    assert_int_equal(lth_cursor_open(reader, 0, &cursor), LTH_OK);
    assert_int_equal(lth_cursor_open(writer, 0, &cursor), LTH_OK);
    lth_store_mem_crash(store);
    assert_holds(store, "k", "v");
    put_one(store, "k", "again");
    assert_holds(store, "k", "again");
}

static void test_clone_is_the_committed_state(void **state)
{
    lth_store *store = ((fixture *)*state)->store;
    put_one(store, "k", "v");
    lth_txn *writer = begin(store, true);
    put_text(writer, 0, "k", "later");
    lth_store *backup = lth_store_mem_clone(store);
    assert_non_null(backup);
    commit(&writer);
    put_one(backup, "own", "x");
    assert_holds(store, "k", "later");
    assert_holds(store, "own", NULL);
    assert_holds(backup, "k", "v");
    assert_holds(backup, "own", "x");
    lth_store_close(&backup);
    assert_holds(store, "k", "later");
}

static void table_hash(lth_store *store, uint8_t out[LTH_HASH_SIZE])
{
    lth_txn *txn = begin(store, false);
    assert_int_equal(lth_store_table_hash(txn, 0, &toy_hasher, out), LTH_OK);
    lth_store_abort(&txn);
}

static void test_hash_is_of_contents_only(void **state)
{
    lth_store *store = ((fixture *)*state)->store;
    fixture disk;
    uint8_t a[LTH_HASH_SIZE];
    uint8_t b[LTH_HASH_SIZE];
    fixture_init(&disk, true, 1u << 20);
    fixture_open(&disk);
    table_hash(store, a);
    table_hash(disk.store, b);
    assert_memory_equal(a, b, sizeof a);

    put_one(store, "k", "v");
    put_one(store, "ab", "c");
    put_one(disk.store, "ab", "x");
    put_one(disk.store, "k", "v");
    table_hash(store, a);
    table_hash(disk.store, b);
    assert_memory_not_equal(a, b, sizeof a);
    put_one(disk.store, "ab", "c");
    table_hash(disk.store, b);
    assert_memory_equal(a, b, sizeof a);

    lth_txn *txn = begin(disk.store, true);
    assert_int_equal(lth_del(txn, 0, text("ab")), LTH_OK);
    put_text(txn, 0, "a", "bc"); /* The same bytes, cut elsewhere. */
    commit(&txn);
    table_hash(disk.store, b);
    assert_memory_not_equal(a, b, sizeof a);
    fixture_fini(&disk);
}

/** Check order and balance of every node; returns the height. */
static int check_tree(const lth_tree_node *node, size_t *n)
{
    if (node == NULL)
        return 0;
    int left = check_tree(node->kid[0], n);
    int right = check_tree(node->kid[1], n);
    assert_in_range(left - right + 1, 0, 2);
    assert_int_equal(node->height, 1 + (left > right ? left : right));
    for (int side = 0; side < 2; side++)
        if (node->kid[side] != NULL)
            assert_true((lth_slice_compare(lth_tree_key(node->kid[side]->item),
                                           lth_tree_key(node->item)) > 0) == (side == 1));
    ++*n;
    return node->height;
}

enum order { ASCENDING, DESCENDING, SHUFFLED };

static uint32_t nth_key(enum order order, uint32_t i)
{
    return order == ASCENDING ? i : order == DESCENDING ? ~i : i * 2654435761u;
}

static void test_tree_stays_balanced(void **state)
{
    const uint32_t n_keys = 1500;
    (void)state;
    for (int order = ASCENDING; order <= SHUFFLED; order++) {
        lth_tree_pool pool = {0};
        lth_tree_node *root = NULL;
        lth_tree_node *kept = NULL;
        uint8_t key[4];
        for (uint32_t i = 0; i < 2 * n_keys; i++) {
            bool add = i < n_keys;
            if (i % 64 == 0) { /* From time to time somebody holds the version. */
                lth_tree_release(&pool, kept);
                kept = lth_tree_retain(root);
            }
            assert_int_equal(lth_tree_prepare(&pool, root), LTH_OK);
            lth_put32(key, nth_key((enum order)order, add ? i : i - n_keys));
            root = add ? lth_tree_set(&pool, root, lth_tree_item_new(lth_slice_of(key, 4), 0))
                       : lth_tree_del(&pool, root, lth_slice_of(key, 4));
            size_t n = 0;
            if (i % 37 == 0) {
                check_tree(root, &n);
                assert_int_equal(n, add ? i + 1 : 2 * n_keys - i - 1);
            }
        }
        assert_null(root);
        lth_tree_release(&pool, kept);
        lth_tree_pool_fini(&pool);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_tree_stays_balanced),      TEST(test_fault_hits_the_nth_call),
        TEST(test_full_does_not_hit_reads),  TEST(test_unknown_outcome_both_ways),
        TEST(test_crash_loses_what_is_open), TEST(test_clone_is_the_committed_state),
        TEST(test_hash_is_of_contents_only),
    };
    return cmocka_run_group_tests_name("store in memory", tests, NULL, NULL);
}
