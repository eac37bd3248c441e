#include "internal.h"

#define FORMAT     1u
#define META_FIXED (4u + 4u * 8u + 3u * 8u * LTH_LANES)
#define META_KEY   "state"

static lth_slice meta_key(void)
{
    return lth_slice_of(META_KEY, sizeof META_KEY - 1);
}

static void read_lanes(lth_rd *rd, uint64_t out[LTH_LANES])
{
    for (uint32_t i = 0; i < LTH_LANES; i++) {
        out[i] = lth_rd64(rd);
    }
}

static void write_lanes(lth_wr *wr, const uint64_t in[LTH_LANES])
{
    for (uint32_t i = 0; i < LTH_LANES; i++) {
        lth_wr64(wr, in[i]);
    }
}

static bool decode(lth_broker *self, lth_slice in)
{
    lth_rd rd = lth_rd_of(in);
    (void)lth_rd32(&rd);
    self->incarnation = lth_rd64(&rd);
    self->accept_no = lth_rd64(&rd);
    self->feed_no = lth_rd64(&rd);
    self->held = lth_rd64(&rd);
    read_lanes(&rd, self->out_no);
    read_lanes(&rd, self->out_acked);
    read_lanes(&rd, self->out_count);
    return !rd.bad && lth_frontier_decode(&self->frontier, lth_slice_of(rd.p, lth_rd_left(&rd)));
}

lth_err lth_broker__meta_load(lth_broker *self, lth_txn *txn, bool *fresh, lth_diag *diag)
{
    lth_slice value;
    lth_err err = lth_get(txn, LTH_T_meta, meta_key(), &value);
    *fresh = err == LTH_E_NOT_FOUND;
    if (*fresh) {
        while (self->incarnation == 0) {
            self->env.random.fill(self->env.random.ctx, &self->incarnation,
                                  sizeof self->incarnation);
        }
        self->meta_dirty = true;
        return lth_broker__meta_save(self, txn);
    }
    TRY(err);
    if (value.n >= 4 && lth_get32(value.p) > FORMAT) {
        return lth_fail(diag, LTH_E_STORE_VERSION,
                        "the store has format %u, this program knows %u: install the newer version",
                        (unsigned)lth_get32(value.p), FORMAT);
    }
    if (!decode(self, value) || self->frontier.size != self->accept_no) {
        return lth_fail(diag, LTH_E_STORE_CORRUPT, "the broker's own counters cannot be read");
    }
    return LTH_OK;
}

lth_err lth_broker__meta_save(lth_broker *self, lth_txn *txn)
{
    if (!self->meta_dirty) {
        return LTH_OK;
    }
    uint8_t bytes[META_FIXED + LTH_FRONTIER_BYTES_MAX];
    uint8_t tree[LTH_FRONTIER_BYTES_MAX];
    lth_wr wr = lth_wr_of(bytes, sizeof bytes);
    lth_wr32(&wr, FORMAT);
    lth_wr64(&wr, self->incarnation);
    lth_wr64(&wr, self->accept_no);
    lth_wr64(&wr, self->feed_no);
    lth_wr64(&wr, self->held);
    write_lanes(&wr, self->out_no);
    write_lanes(&wr, self->out_acked);
    write_lanes(&wr, self->out_count);
    lth_wr_bytes(&wr, tree, lth_frontier_encode(tree, &self->frontier));
    LTH_ASSERT(!wr.bad);
    self->meta_dirty = false;
    return lth_put_kv(txn, LTH_T_meta, meta_key(), lth_slice_of(bytes, lth_wr_size(&wr)), LTH_PUT);
}
