#include "internal.h"

static lth_refusal refuse(lth_diag *diag, lth_refusal code, const char *detail)
{
    (void)lth_fail(diag, LTH_E_REFUSED, "%s: %s", lth_refusal_name(code),
                   detail != NULL ? detail : lth_refusal_text(code, true));
    return code;
}

static lth_refusal refuse_record(lth_diag *diag, lth_refusal code, uint32_t index)
{
    (void)lth_fail(diag, LTH_E_REFUSED, "%s: record %u of the batch: %s", lth_refusal_name(code),
                   (unsigned)index, lth_refusal_text(code, true));
    return code;
}

static bool is_redacted(const lth_record_view *record)
{
    bool hidden = record->form == LTH_FORM_LEAF;
    for (uint32_t i = 0; i < record->n_groups && !hidden; i++) {
        hidden = !record->groups[i].shown;
    }
    return hidden;
}

/* One record into its leaf. @p widest: sum of what redaction can make of the records so far. */
static lth_refusal check_record(lth_batch_check *out, const lth_hasher *h, lth_record_view *record,
                                lth_rd *in, size_t *widest, uint8_t leaf[LTH_HASH_SIZE])
{
    lth_refusal code = lth_record_parse(record, in);
    if (code != LTH_REFUSE_none) {
        return code;
    }
    *widest += lth_record__widest(record);
    if (*widest > LTH_BATCH_BODY_MAX) {
        return LTH_REFUSE_too_large;
    }
    if (record->form != LTH_FORM_LEAF &&
        record->header.rec_seq != out->header.first_rec_seq + out->n_records) {
        return LTH_REFUSE_bad_seq;
    }
    out->redacted = out->redacted || is_redacted(record);
    lth_record_leaf(h, record, leaf);
    return LTH_REFUSE_none;
}

static lth_refusal check_body(lth_batch_check *out, const lth_hasher *h, lth_slice body,
                              uint8_t (*leaves)[LTH_HASH_SIZE], const lth_record_visitor *each,
                              lth_diag *diag)
{
    lth_record_view record;
    lth_rd in = lth_rd_of(body);
    size_t widest = 0;
    while (out->n_records < out->header.rec_count && lth_rd_left(&in) > 0) {
        uint32_t i = out->n_records;
        lth_refusal code = check_record(out, h, &record, &in, &widest, leaves[i]);
        if (code != LTH_REFUSE_none) {
            return refuse_record(diag, code, i);
        }
        if (each != NULL) {
            each->visit(each->ctx, i, &record, leaves[i]);
        }
        out->n_records++;
    }
    if (out->n_records != out->header.rec_count || !lth_rd_done(&in)) {
        return refuse(diag, LTH_REFUSE_bad_count, NULL);
    }
    uint8_t root[LTH_HASH_SIZE];
    lth_merkle_root(h, leaves, out->n_records, root);
    if (memcmp(root, out->header.root, LTH_HASH_SIZE) != 0) {
        return refuse(diag, LTH_REFUSE_bad_root, NULL);
    }
    return LTH_REFUSE_none;
}

lth_refusal lth_batch_verify(lth_batch_check *out, const lth_hasher *h, const lth_trust *trust,
                             lth_slice signed_header, lth_slice body,
                             uint8_t (*leaves)[LTH_HASH_SIZE], lth_diag *diag)
{
    return lth_batch_verify_each(out, h, trust, signed_header, body, leaves, NULL, diag);
}

lth_refusal lth_batch_verify_each(lth_batch_check *out, const lth_hasher *h, const lth_trust *trust,
                                  lth_slice signed_header, lth_slice body,
                                  uint8_t (*leaves)[LTH_HASH_SIZE], const lth_record_visitor *each,
                                  lth_diag *diag)
{
    *out = (lth_batch_check){0};
    if (signed_header.n != LTH_BATCH_SIGNED_SIZE) {
        return refuse(diag, LTH_REFUSE_bad_context, "a signed batch header has 256 bytes");
    }
    if (body.n > LTH_BATCH_BODY_MAX) {
        return refuse(diag, LTH_REFUSE_too_large, NULL);
    }
    const uint8_t *signature = signed_header.p + LTH_BATCH_HEADER_SIZE;
    lth_refusal code = lth_batch_header_decode(&out->header, signed_header.p);
    if (code == LTH_REFUSE_none) {
        lth_batch_header_hash(h, signed_header.p, out->header_hash);
        code = trust->verify(trust->ctx, out->header.key_id,
                             lth_slice_of(signed_header.p, LTH_BATCH_HEADER_SIZE), signature);
    }
    if (code != LTH_REFUSE_none) {
        return refuse(diag, code, NULL);
    }
    if (body.n == 0 && out->header.rec_count > 0) {
        out->headers_only = true;
        return LTH_REFUSE_none;
    }
    return check_body(out, h, body, leaves, each, diag);
}
