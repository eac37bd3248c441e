#include "internal.h"

/* Level by level with an odd last node promoted: the same tree as RFC 6962's, whose left subtree is
 * the largest power of two. */

void lth_record__node(const lth_hasher *h, const uint8_t left[LTH_HASH_SIZE],
                      const uint8_t right[LTH_HASH_SIZE], uint8_t out[LTH_HASH_SIZE])
{
    uint8_t in[1 + 2 * LTH_HASH_SIZE];
    in[0] = TAG_NODE;
    memcpy(in + 1, left, LTH_HASH_SIZE);
    memcpy(in + 1 + LTH_HASH_SIZE, right, LTH_HASH_SIZE);
    lth_sha256(h, in, sizeof in, out);
}

/* Replace a level of @p n nodes by the one above; returns its size. */
static size_t climb(const lth_hasher *h, uint8_t (*nodes)[LTH_HASH_SIZE], size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        lth_record__node(h, nodes[2 * i], nodes[2 * i + 1], nodes[i]);
    }
    if (n % 2 != 0) {
        memmove(nodes[n / 2], nodes[n - 1], LTH_HASH_SIZE);
    }
    return n / 2 + n % 2;
}

static bool is_promoted(size_t n, size_t index)
{
    return index % 2 == 0 && index + 1 == n;
}

void lth_merkle_root(const lth_hasher *h, uint8_t (*leaves)[LTH_HASH_SIZE], size_t n,
                     uint8_t out[LTH_HASH_SIZE])
{
    if (n == 0) {
        lth_sha256(h, NULL, 0, out);
        return;
    }
    while (n > 1) {
        n = climb(h, leaves, n);
    }
    memcpy(out, leaves[0], LTH_HASH_SIZE);
}

size_t lth_merkle_path(const lth_hasher *h, uint8_t (*leaves)[LTH_HASH_SIZE], size_t n,
                       size_t index, uint8_t path[64][LTH_HASH_SIZE])
{
    LTH_ASSERT(index < n);
    size_t path_n = 0;
    for (; n > 1; index /= 2) {
        if (!is_promoted(n, index)) {
            memcpy(path[path_n++], leaves[index ^ 1], LTH_HASH_SIZE);
        }
        n = climb(h, leaves, n);
    }
    return path_n;
}

bool lth_merkle_verify(const lth_hasher *h, const uint8_t leaf[LTH_HASH_SIZE], size_t n,
                       size_t index, const uint8_t (*path)[LTH_HASH_SIZE], size_t path_n,
                       const uint8_t root[LTH_HASH_SIZE])
{
    if (index >= n) {
        return false;
    }
    uint8_t node[LTH_HASH_SIZE];
    memcpy(node, leaf, LTH_HASH_SIZE);
    size_t used = 0;
    for (; n > 1; n = n / 2 + n % 2, index /= 2) {
        if (is_promoted(n, index)) {
            continue;
        }
        if (used == path_n) {
            return false;
        }
        const uint8_t *sibling = path[used++];
        if (index % 2 == 0) {
            lth_record__node(h, node, sibling, node);
        } else {
            lth_record__node(h, sibling, node, node);
        }
    }
    return used == path_n && memcmp(node, root, LTH_HASH_SIZE) == 0;
}
