#include "internal.h"

static const char DOMAIN_BATCH[DOMAIN_SIZE] = "LTH-BATCH-v1";

enum { AT_RESERVED = 72, RESERVED_SIZE = 8 };

void lth_batch_header_encode(uint8_t out[LTH_BATCH_HEADER_SIZE], const lth_batch_header *header)
{
    lth_wr wr = lth_wr_of(out, LTH_BATCH_HEADER_SIZE);
    lth_wr_bytes(&wr, DOMAIN_BATCH, DOMAIN_SIZE);
    lth_wr8(&wr, header->sig_alg);
    lth_wr8(&wr, header->hash_alg);
    lth_wr8(&wr, header->kind);
    lth_wr8(&wr, header->flags);
    lth_wr32(&wr, header->rec_count);
    lth_wr_bytes(&wr, header->origin.b, sizeof header->origin.b);
    lth_wr32(&wr, header->epoch);
    lth_wr32(&wr, header->dict_ver);
    lth_wr64(&wr, header->batch_seq);
    lth_wr64(&wr, header->first_rec_seq);
    lth_wr64(&wr, header->source_time_ms);
    lth_wr_zero(&wr, RESERVED_SIZE);
    lth_wr64(&wr, header->source_position);
    lth_wr64(&wr, header->stream);
    lth_wr_bytes(&wr, header->key_id, LTH_HASH_SIZE);
    lth_wr_bytes(&wr, header->prev, LTH_HASH_SIZE);
    lth_wr_bytes(&wr, header->root, LTH_HASH_SIZE);
    LTH_ASSERT(!wr.bad && wr.p == wr.end);
}

static void read_header(lth_batch_header *out, lth_rd *rd)
{
    out->sig_alg = lth_rd8(rd);
    out->hash_alg = lth_rd8(rd);
    out->kind = lth_rd8(rd);
    out->flags = lth_rd8(rd);
    out->rec_count = lth_rd32(rd);
    lth_rd_copy(rd, out->origin.b, sizeof out->origin.b);
    out->epoch = lth_rd32(rd);
    out->dict_ver = lth_rd32(rd);
    out->batch_seq = lth_rd64(rd);
    out->first_rec_seq = lth_rd64(rd);
    out->source_time_ms = lth_rd64(rd);
    (void)lth_rd_bytes(rd, RESERVED_SIZE);
    out->source_position = lth_rd64(rd);
    out->stream = lth_rd64(rd);
    lth_rd_copy(rd, out->key_id, LTH_HASH_SIZE);
    lth_rd_copy(rd, out->prev, LTH_HASH_SIZE);
    lth_rd_copy(rd, out->root, LTH_HASH_SIZE);
}

static bool fields_in_range(const lth_batch_header *h)
{
    bool kind_known = h->kind >= LTH_KIND_DELTA && h->kind <= LTH_KIND_HEARTBEAT;
    bool counted_from_1 = h->epoch != 0 && h->batch_seq != 0 && h->first_rec_seq != 0;
    bool records_fit = h->rec_count <= (h->kind == LTH_KIND_HEARTBEAT ? 0 : LTH_BATCH_RECORDS_MAX);
    return kind_known && counted_from_1 && records_fit && h->flags == 0;
}

lth_refusal lth_batch_header_decode(lth_batch_header *out,
                                    const uint8_t bytes[LTH_BATCH_HEADER_SIZE])
{
    static const uint8_t zeros[RESERVED_SIZE];
    *out = (lth_batch_header){0};
    lth_rd rd = lth_rd_of(lth_slice_of(bytes, LTH_BATCH_HEADER_SIZE));
    if (memcmp(lth_rd_bytes(&rd, DOMAIN_SIZE), DOMAIN_BATCH, DOMAIN_SIZE) != 0) {
        return LTH_REFUSE_bad_context;
    }
    read_header(out, &rd);
    LTH_ASSERT(lth_rd_done(&rd));
    if (out->sig_alg != LTH_SIG_P256 || out->hash_alg != LTH_HASH_SHA256) {
        return LTH_REFUSE_bad_algorithm;
    }
    if (memcmp(bytes + AT_RESERVED, zeros, RESERVED_SIZE) != 0) {
        return LTH_REFUSE_bad_reserved;
    }
    return fields_in_range(out) ? LTH_REFUSE_none : LTH_REFUSE_bad_header;
}

void lth_batch_header_hash(const lth_hasher *h, const uint8_t bytes[LTH_BATCH_HEADER_SIZE],
                           uint8_t out[LTH_HASH_SIZE])
{
    lth_sha256(h, bytes, LTH_BATCH_HEADER_SIZE, out);
}
