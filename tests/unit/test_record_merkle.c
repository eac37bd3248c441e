/* Trees against the recursive definition of RFC 6962 and the published vectors of its log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lth/record.h"
#include "test_hasher.h"

enum { N_MAX = 130 };
typedef uint8_t hash[LTH_HASH_SIZE];

static void make_leaves(hash *out, size_t n)
{
    lth_hasher h = test_hasher();
    for (size_t i = 0; i < n; i++) {
        uint8_t in[8];
        lth_put64(in, i);
        lth_sha256(&h, in, sizeof in, out[i]);
    }
}

/* MTH of RFC 6962 section 2.1, over ready leaves. */
static void by_definition(hash *leaves, size_t n, hash out)
{
    lth_hasher h = test_hasher();
    if (n <= 1) {
        if (n == 1) {
            memcpy(out, leaves[0], LTH_HASH_SIZE);
        } else {
            lth_sha256(&h, "", 0, out);
        }
        return;
    }
    size_t k = 1;
    while (2 * k < n) {
        k *= 2;
    }
    uint8_t in[1 + 2 * LTH_HASH_SIZE] = {1};
    by_definition(leaves, k, in + 1);
    by_definition(leaves + k, n - k, in + 1 + LTH_HASH_SIZE);
    lth_sha256(&h, in, sizeof in, out);
}

static void roots_follow_the_definition(void **state)
{
    (void)state;
    static hash leaves[N_MAX], scratch[N_MAX];
    lth_hasher h = test_hasher();
    lth_frontier frontier = {0};
    make_leaves(leaves, N_MAX);
    for (size_t n = 0; n <= N_MAX; n++) {
        hash expected, found;
        by_definition(leaves, n, expected);
        memcpy(scratch, leaves, n * sizeof(hash));
        lth_merkle_root(&h, scratch, n, found);
        assert_memory_equal(found, expected, LTH_HASH_SIZE);

        uint8_t bytes[LTH_FRONTIER_BYTES_MAX];
        size_t size = lth_frontier_encode(bytes, &frontier);
        lth_frontier again;
        assert_true(lth_frontier_decode(&again, lth_slice_of(bytes, size)));
        assert_true(again.size == n);
        lth_frontier_root(&h, &again, found);
        assert_memory_equal(found, expected, LTH_HASH_SIZE);
        assert_false(lth_frontier_decode(&again, lth_slice_of(bytes, size - 1)));
        assert_true(again.size == 0);
        if (n < N_MAX) {
            lth_frontier_add(&h, &frontier, leaves[n]);
        }
    }
    uint8_t bytes[LTH_FRONTIER_BYTES_MAX + 1] = {0};
    size_t size = lth_frontier_encode(bytes, &frontier);
    assert_false(lth_frontier_decode(&frontier, lth_slice_of(bytes, size + 1)));
}

static void published_vectors(void **state)
{
    (void)state;
    static const char *const entries[] = {"",
                                          "00",
                                          "10",
                                          "2021",
                                          "3031",
                                          "40414243",
                                          "5051525354555657",
                                          "606162636465666768696a6b6c6d6e6f"};
    static const char *const roots[] = {
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    lth_hasher h = test_hasher();
    lth_frontier frontier = {0};
    for (size_t i = 0; i < 8; i++) {
        uint8_t in[17] = {0};
        size_t size = strlen(entries[i]) / 2;
        assert_true(lth_unhex(in + 1, size, entries[i], 2 * size));
        hash leaf, root;
        lth_sha256(&h, in, 1 + size, leaf);
        lth_frontier_add(&h, &frontier, leaf);
        lth_frontier_root(&h, &frontier, root);
        char text[2 * LTH_HASH_SIZE + 1];
        lth_hex(text, root, LTH_HASH_SIZE);
        assert_string_equal(text, roots[i]);
    }
}

static void check_one_path(hash *leaves, size_t n, size_t index, const hash root)
{
    static hash scratch[N_MAX], path[65];
    lth_hasher h = test_hasher();
    memcpy(scratch, leaves, n * sizeof(hash));
    memset(path, 0, sizeof path);
    size_t path_n = lth_merkle_path(&h, scratch, n, index, path);
    const hash *const p = (const hash *)path;
    assert_true(path_n <= 8);
    assert_true(lth_merkle_verify(&h, leaves[index], n, index, p, path_n, root));
    assert_false(lth_merkle_verify(&h, leaves[index], n, index, p, path_n + 1, root));
    assert_false(path_n > 0 && lth_merkle_verify(&h, leaves[index], n, index, p, path_n - 1, root));
    assert_false(n > 1 &&
                 lth_merkle_verify(&h, leaves[(index + 1) % n], n, index, p, path_n, root));
    for (size_t other = 0; other < n + 3; other++) {
        assert_int_equal(lth_merkle_verify(&h, leaves[index], n, other, p, path_n, root),
                         other == index);
    }
    for (size_t i = 0; i < path_n; i++) {
        path[i][i % LTH_HASH_SIZE] ^= 1;
        assert_false(lth_merkle_verify(&h, leaves[index], n, index, p, path_n, root));
        path[i][i % LTH_HASH_SIZE] ^= 1;
    }
}

static void every_path_proves_its_leaf_alone(void **state)
{
    (void)state;
    static hash leaves[N_MAX];
    make_leaves(leaves, N_MAX);
    static const size_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 100, N_MAX};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        hash root;
        by_definition(leaves, sizes[s], root);
        for (size_t index = 0; index < sizes[s]; index++) {
            check_one_path(leaves, sizes[s], index, root);
        }
    }
}

static void the_largest_frontier_can_be_kept(void **state)
{
    (void)state;
    lth_hasher h = test_hasher();
    static uint8_t bytes[LTH_FRONTIER_BYTES_MAX];
    memset(bytes, 0xab, sizeof bytes);
    lth_put64(bytes, UINT64_MAX - 1);
    lth_frontier frontier;
    assert_true(lth_frontier_decode(&frontier, lth_slice_of(bytes, sizeof bytes - LTH_HASH_SIZE)));
    lth_frontier_add(&h, &frontier, bytes + 8);
    assert_true(frontier.size == UINT64_MAX);
    uint8_t again[LTH_FRONTIER_BYTES_MAX];
    assert_int_equal(lth_frontier_encode(again, &frontier), LTH_FRONTIER_BYTES_MAX);
    hash root;
    lth_frontier_root(&h, &frontier, root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_follow_the_definition),
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(every_path_proves_its_leaf_alone),
        cmocka_unit_test(the_largest_frontier_can_be_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
