/* Batch headers, bodies, redaction and statements from arbitrary bytes. The input is a signed
 * header of 256 bytes, then a body; the signature is taken as good, so that the parsers behind it
 * are reached. */
#include <stdlib.h>

#include "test_hasher.h"

#include "lth/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool fine)
{
    if (!fine) {
        abort();
    }
}

static lth_refusal believe(void *ctx, const uint8_t key_id[LTH_HASH_SIZE], lth_slice message,
                           const uint8_t sig[LTH_SIG_SIZE])
{
    (void)ctx;
    (void)key_id;
    (void)message;
    (void)sig;
    return LTH_REFUSE_none;
}

/* Group numbers picked by the bits of @p choice. */
static uint32_t pick(uint16_t out[LTH_GROUPS_MAX], const lth_record_view *record, uint32_t choice)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < record->n_groups; i++) {
        if ((choice >> i % 32 & 1) != 0) {
            out[n++] = record->groups[i].number;
        }
    }
    return n;
}

/* Whatever is withheld, the record keeps its leaf and stays within its limit. */
static void check_redaction(const lth_hasher *h, const lth_record_view *record, uint32_t choice)
{
    uint8_t leaf[LTH_HASH_SIZE], again[LTH_HASH_SIZE];
    uint16_t share[LTH_GROUPS_MAX];
    static lth_record_view redacted;
    lth_buf out;
    lth_buf_init(&out, LTH_RECORD_MAX);
    uint32_t n = pick(share, record, choice);
    lth_record_leaf(h, record, leaf);
    require(lth_record_redact(&out, h, record, share, n, false) == LTH_OK);
    lth_rd in = lth_rd_of(lth_buf_slice(&out));
    require(lth_record_parse(&redacted, &in) == LTH_REFUSE_none && lth_rd_done(&in));
    lth_record_leaf(h, &redacted, again);
    require(memcmp(leaf, again, LTH_HASH_SIZE) == 0);
    lth_buf_fini(&out);
}

static void read_records(const lth_hasher *h, lth_slice body)
{
    static lth_record_view record;
    lth_rd in = lth_rd_of(body);
    lth_id lo, hi;
    bool last;
    while (lth_rd_left(&in) > 0 && lth_record_parse(&record, &in) == LTH_REFUSE_none) {
        (void)lth_record_range(&record, &lo, &hi, &last);
        (void)lth_record_group(&record, 7);
        check_redaction(h, &record, (uint32_t)(record.wire.n * 2654435761u));
    }
}

static void read_statements(lth_slice bytes)
{
    static lth_attest attest;
    lth_receipt receipt;
    lth_grant grant;
    lth_frontier frontier;
    lth_trust trust = {.verify = believe};
    (void)lth_attest_decode(&attest, bytes);
    (void)lth_receipt_decode(&receipt, bytes);
    (void)lth_grant_decode(&grant, bytes);
    (void)lth_frontier_decode(&frontier, bytes);
    bool has_signature = bytes.n > LTH_SIG_SIZE;
    require(lth_statement_verify(bytes, attest.key_id, &trust) ==
            (has_signature ? LTH_REFUSE_none : LTH_REFUSE_bad_signature));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t leaves[LTH_BATCH_RECORDS_MAX][LTH_HASH_SIZE];
    lth_hasher h = test_hasher();
    lth_trust trust = {.verify = believe};
    lth_batch_check check;
    lth_diag diag;
    size_t head = size < LTH_BATCH_SIGNED_SIZE ? size : LTH_BATCH_SIGNED_SIZE;
    lth_slice body = lth_slice_of(data + head, size - head);
    lth_refusal code =
        lth_batch_verify(&check, &h, &trust, lth_slice_of(data, head), body, leaves, &diag);
    require(code != LTH_REFUSE_none || check.headers_only ||
            check.n_records == check.header.rec_count);
    read_records(&h, body);
    read_statements(lth_slice_of(data, size));
    return 0;
}
