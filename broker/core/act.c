#include "settle.h"

/* Tag and hash alone: no leaf of a batch has this length. */
static void grow_tree(lth_broker *self, const uint8_t hash[LTH_HASH_SIZE])
{
    static const uint8_t tag = 0;
    uint8_t leaf[LTH_HASH_SIZE];
    lth_slice parts[] = {{&tag, 1}, {hash, LTH_HASH_SIZE}};
    self->hasher->sha256(self->hasher->ctx, parts, 2, leaf);
    lth_frontier_add(self->hasher, &self->frontier, leaf);
}

lth_err lth_broker__act(lth_broker *self, lth_txn *txn, lth_now now, lth_act_kind kind,
                        const lth_slice *parts, uint32_t n)
{
    uint8_t key[8], hash[LTH_HASH_SIZE], *value;
    size_t size = 9;
    for (uint32_t i = 0; i < n; i++) {
        size += parts[i].n;
    }
    lth_put64(key, ++self->accept_no);
    self->meta_dirty = true;
    TRY(lth_put_reserve(txn, LTH_T_act, lth_slice_of(key, sizeof key), size, LTH_PUT_APPEND,
                        &value));
    lth_wr wr = lth_wr_of(value, size);
    lth_wr8(&wr, (uint8_t)kind);
    lth_wr64(&wr, now.wall_ms);
    for (uint32_t i = 0; i < n; i++) {
        lth_wr_bytes(&wr, parts[i].p, parts[i].n);
    }
    lth_sha256(self->hasher, value, size, hash);
    grow_tree(self, hash);
    return LTH_OK;
}
