#include "internal.h"

static size_t node_count(uint64_t size)
{
    size_t n = 0;
    for (; size != 0; size &= size - 1) {
        n++;
    }
    return n;
}

void lth_frontier_add(const lth_hasher *h, lth_frontier *f, const uint8_t leaf[LTH_HASH_SIZE])
{
    LTH_ASSERT(f->size != UINT64_MAX);
    uint8_t node[LTH_HASH_SIZE];
    memcpy(node, leaf, LTH_HASH_SIZE);
    size_t merged = 0;
    for (uint64_t size = f->size; (size & 1) != 0; size >>= 1) {
        lth_record__node(h, f->nodes[merged++], node, node);
    }
    size_t kept = node_count(f->size) - merged;
    memmove(f->nodes[1], f->nodes[merged], kept * LTH_HASH_SIZE);
    memcpy(f->nodes[0], node, LTH_HASH_SIZE);
    f->size++;
}

void lth_frontier_root(const lth_hasher *h, const lth_frontier *f, uint8_t out[LTH_HASH_SIZE])
{
    if (f->size == 0) {
        lth_sha256(h, NULL, 0, out);
        return;
    }
    size_t n = node_count(f->size);
    memcpy(out, f->nodes[0], LTH_HASH_SIZE);
    for (size_t i = 1; i < n; i++) {
        lth_record__node(h, f->nodes[i], out, out);
    }
}

size_t lth_frontier_encode(uint8_t out[LTH_FRONTIER_BYTES_MAX], const lth_frontier *f)
{
    lth_wr wr = lth_wr_of(out, LTH_FRONTIER_BYTES_MAX);
    lth_wr64(&wr, f->size);
    lth_wr_bytes(&wr, f->nodes, node_count(f->size) * LTH_HASH_SIZE);
    LTH_ASSERT(!wr.bad);
    return lth_wr_size(&wr);
}

bool lth_frontier_decode(lth_frontier *f, lth_slice in)
{
    *f = (lth_frontier){0};
    lth_rd rd = lth_rd_of(in);
    uint64_t size = lth_rd64(&rd);
    lth_rd_copy(&rd, f->nodes, node_count(size) * LTH_HASH_SIZE);
    f->size = size;
    if (!lth_rd_done(&rd)) {
        *f = (lth_frontier){0};
        return false;
    }
    return true;
}
