#include "internal.h"

static const char DOMAIN_ATTEST[DOMAIN_SIZE] = "LTH-ATTEST-v1";
static const char DOMAIN_RECEIPT[DOMAIN_SIZE] = "LTH-RECEIPT-v1";
static const char DOMAIN_EPOCH[DOMAIN_SIZE] = "LTH-EPOCH-v1";
static const char DOMAIN_RELEASE[DOMAIN_SIZE] = "LTH-RELEASE-v1";

/* Sign what was written; returns the size of the whole statement, 0 if signing failed. */
static size_t sign(lth_wr *wr, const lth_signer *signer)
{
    LTH_ASSERT(!wr->bad && wr->end - wr->p >= LTH_SIG_SIZE);
    size_t n = lth_wr_size(wr);
    if (signer->sign(signer->ctx, lth_slice_of(wr->start, n), wr->p) != LTH_OK) {
        return 0;
    }
    return n + LTH_SIG_SIZE;
}

/* Reader of the fields between domain and signature; bad if @p in is of another domain. */
static lth_rd open_statement(lth_slice in, const char domain[DOMAIN_SIZE])
{
    bool long_enough = in.n >= DOMAIN_SIZE + LTH_SIG_SIZE;
    lth_rd rd = lth_rd_of(long_enough ? lth_slice_of(in.p, in.n - LTH_SIG_SIZE) : (lth_slice){0});
    const uint8_t *start = lth_rd_bytes(&rd, DOMAIN_SIZE);
    rd.bad = start == NULL || memcmp(start, domain, DOMAIN_SIZE) != 0;
    return rd;
}

static void write_id(lth_wr *wr, const lth_id *id)
{
    lth_wr_bytes(wr, id->b, sizeof id->b);
}

static void read_id(lth_rd *rd, lth_id *id)
{
    lth_rd_copy(rd, id->b, sizeof id->b);
}

static void write_position(lth_wr *wr, const lth_position *at)
{
    lth_wr32(wr, at->epoch);
    lth_wr64(wr, at->seq);
    lth_wr_bytes(wr, at->hash, LTH_HASH_SIZE);
}

static void read_position(lth_rd *rd, lth_position *at)
{
    at->epoch = lth_rd32(rd);
    at->seq = lth_rd64(rd);
    lth_rd_copy(rd, at->hash, LTH_HASH_SIZE);
}

size_t lth_attest_sign(uint8_t out[LTH_ATTEST_BYTES_MAX], const lth_attest *a,
                       const lth_signer *signer)
{
    LTH_ASSERT(a->n_held <= LTH_BATCH_RECORDS_MAX);
    lth_wr wr = lth_wr_of(out, LTH_ATTEST_BYTES_MAX);
    lth_wr_bytes(&wr, DOMAIN_ATTEST, DOMAIN_SIZE);
    write_id(&wr, &a->entry_org);
    lth_wr_bytes(&wr, signer->key_id, LTH_HASH_SIZE);
    write_id(&wr, &a->origin);
    lth_wr64(&wr, a->stream);
    write_position(&wr, &a->at);
    lth_wr64(&wr, a->receive_ms);
    lth_wr32(&wr, a->registry_version);
    lth_wr32(&wr, a->n_held);
    for (uint32_t i = 0; i < a->n_held; i++) {
        lth_wr32(&wr, a->held[i].index);
        lth_wr16(&wr, a->held[i].code);
    }
    return sign(&wr, signer);
}

/* Ascending indexes of records that a batch can have, each with a reason. */
static bool read_held(lth_rd *rd, lth_attest *out)
{
    if (out->n_held > LTH_BATCH_RECORDS_MAX) {
        return false;
    }
    uint32_t least = 0;
    for (uint32_t i = 0; i < out->n_held; i++) {
        lth_held_mark *mark = &out->held[i];
        mark->index = lth_rd32(rd);
        mark->code = lth_rd16(rd);
        if (mark->index < least || mark->index >= LTH_BATCH_RECORDS_MAX || mark->code == 0) {
            return false;
        }
        least = mark->index + 1;
    }
    return true;
}

bool lth_attest_decode(lth_attest *out, lth_slice in)
{
    lth_rd rd = open_statement(in, DOMAIN_ATTEST);
    read_id(&rd, &out->entry_org);
    lth_rd_copy(&rd, out->key_id, LTH_HASH_SIZE);
    read_id(&rd, &out->origin);
    out->stream = lth_rd64(&rd);
    read_position(&rd, &out->at);
    out->receive_ms = lth_rd64(&rd);
    out->registry_version = lth_rd32(&rd);
    out->n_held = lth_rd32(&rd);
    return read_held(&rd, out) && lth_rd_done(&rd);
}

size_t lth_receipt_sign(uint8_t out[LTH_RECEIPT_BYTES], const lth_receipt *r,
                        const lth_signer *signer)
{
    lth_wr wr = lth_wr_of(out, LTH_RECEIPT_BYTES);
    lth_wr_bytes(&wr, DOMAIN_RECEIPT, DOMAIN_SIZE);
    write_id(&wr, &r->origin);
    lth_wr64(&wr, r->stream);
    write_position(&wr, &r->at);
    write_id(&wr, &r->tier_org);
    lth_wr_bytes(&wr, signer->key_id, LTH_HASH_SIZE);
    lth_wr64(&wr, r->incarnation);
    lth_wr8(&wr, r->form);
    lth_wr8(&wr, r->level);
    lth_wr_zero(&wr, 2);
    lth_wr64(&wr, r->held_count);
    lth_wr64(&wr, r->tree_size);
    lth_wr_bytes(&wr, r->root, LTH_HASH_SIZE);
    return sign(&wr, signer);
}

bool lth_receipt_decode(lth_receipt *out, lth_slice in)
{
    lth_rd rd = open_statement(in, DOMAIN_RECEIPT);
    read_id(&rd, &out->origin);
    out->stream = lth_rd64(&rd);
    read_position(&rd, &out->at);
    read_id(&rd, &out->tier_org);
    lth_rd_copy(&rd, out->key_id, LTH_HASH_SIZE);
    out->incarnation = lth_rd64(&rd);
    out->form = lth_rd8(&rd);
    out->level = lth_rd8(&rd);
    uint16_t zero = lth_rd16(&rd);
    out->held_count = lth_rd64(&rd);
    out->tree_size = lth_rd64(&rd);
    lth_rd_copy(&rd, out->root, LTH_HASH_SIZE);
    bool form_known = out->form >= LTH_RECEIPT_WHOLE && out->form <= LTH_RECEIPT_HEADERS;
    bool level_known = out->level == LTH_RECEIPT_DURABLE || out->level == LTH_RECEIPT_SAFE;
    return lth_rd_done(&rd) && zero == 0 && form_known && level_known;
}

size_t lth_grant_sign(uint8_t out[LTH_GRANT_BYTES], const lth_grant *g, const lth_signer *signer)
{
    lth_wr wr = lth_wr_of(out, LTH_GRANT_BYTES);
    lth_wr_bytes(&wr, DOMAIN_EPOCH, DOMAIN_SIZE);
    write_id(&wr, &g->origin);
    lth_wr64(&wr, g->stream);
    lth_wr32(&wr, g->epoch);
    write_position(&wr, &g->closes);
    write_id(&wr, &g->grantor_org);
    lth_wr_bytes(&wr, signer->key_id, LTH_HASH_SIZE);
    lth_wr64(&wr, g->grant_ms);
    return sign(&wr, signer);
}

bool lth_grant_decode(lth_grant *out, lth_slice in)
{
    lth_rd rd = open_statement(in, DOMAIN_EPOCH);
    read_id(&rd, &out->origin);
    out->stream = lth_rd64(&rd);
    out->epoch = lth_rd32(&rd);
    read_position(&rd, &out->closes);
    read_id(&rd, &out->grantor_org);
    lth_rd_copy(&rd, out->key_id, LTH_HASH_SIZE);
    out->grant_ms = lth_rd64(&rd);
    return lth_rd_done(&rd) && out->epoch != 0;
}

size_t lth_release_sign(uint8_t out[LTH_RELEASE_BYTES_MAX], const lth_release *r,
                        const lth_signer *signer)
{
    LTH_ASSERT(r->n >= 1 && r->n <= LTH_BATCH_RECORDS_MAX);
    lth_wr wr = lth_wr_of(out, LTH_RELEASE_BYTES_MAX);
    lth_wr_bytes(&wr, DOMAIN_RELEASE, DOMAIN_SIZE);
    write_id(&wr, &r->entry_org);
    lth_wr_bytes(&wr, signer->key_id, LTH_HASH_SIZE);
    write_id(&wr, &r->origin);
    lth_wr64(&wr, r->stream);
    write_position(&wr, &r->at);
    lth_wr64(&wr, r->when_ms);
    lth_wr8(&wr, (uint8_t)r->action);
    lth_wr_zero(&wr, 1);
    lth_wr16(&wr, r->code);
    lth_wr32(&wr, r->n);
    for (uint32_t i = 0; i < r->n; i++) {
        lth_wr32(&wr, r->index[i]);
    }
    return sign(&wr, signer);
}

/* A merge needs no reason, a hold has one. */
static bool read_indexes(lth_rd *rd, lth_release *out)
{
    bool merge = out->action == LTH_RELEASE_MERGE, keep = out->action == LTH_RELEASE_KEEP;
    if ((!merge && !keep) || merge != (out->code == 0) || out->n < 1 ||
        out->n > LTH_BATCH_RECORDS_MAX) {
        return false;
    }
    uint32_t least = 0;
    for (uint32_t i = 0; i < out->n; i++) {
        out->index[i] = lth_rd32(rd);
        if (out->index[i] < least || out->index[i] >= LTH_BATCH_RECORDS_MAX) {
            return false;
        }
        least = out->index[i] + 1;
    }
    return true;
}

bool lth_release_decode(lth_release *out, lth_slice in)
{
    lth_rd rd = open_statement(in, DOMAIN_RELEASE);
    read_id(&rd, &out->entry_org);
    lth_rd_copy(&rd, out->key_id, LTH_HASH_SIZE);
    read_id(&rd, &out->origin);
    out->stream = lth_rd64(&rd);
    read_position(&rd, &out->at);
    out->when_ms = lth_rd64(&rd);
    out->action = (lth_release_action)lth_rd8(&rd);
    uint8_t zero = lth_rd8(&rd);
    out->code = lth_rd16(&rd);
    out->n = lth_rd32(&rd);
    return read_indexes(&rd, out) && lth_rd_done(&rd) && zero == 0;
}

lth_refusal lth_statement_verify(lth_slice statement, const uint8_t key_id[LTH_HASH_SIZE],
                                 const lth_trust *trust)
{
    if (statement.n <= LTH_SIG_SIZE) {
        return LTH_REFUSE_bad_signature;
    }
    size_t n = statement.n - LTH_SIG_SIZE;
    return trust->verify(trust->ctx, key_id, lth_slice_of(statement.p, n), statement.p + n);
}
