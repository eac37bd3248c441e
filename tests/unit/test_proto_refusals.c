/* What the gate refuses: each of its rules, every cut, every flipped bit. */
#include "test_proto.h"

typedef struct refusal {
    const char *hex;
    lth_err err;
    const char *says; /* Part of the diagnosis. */
} refusal;

#define ID15 "000102030405060708090a0b0c0d0e"
#define ID16 ID15 "0f"
#define F9   "ffffffffffffffffff"

/* Tags of bodies: 62 heartbeat (clock 08), 42 link_ack (lane 08, out_no 10), 7a head_query (origin
 * 0a, stream 11), 22 certs (pairs 0a: leaf 0a, ca 12), 3a batch, 4a receipt. */
static const refusal REFUSALS[] = {
    {"62020801", LTH_OK, NULL},
    {"6200", LTH_OK, NULL},
    {"620b08" F9 "01", LTH_OK, NULL},
    {"42020802", LTH_OK, NULL},
    {"7a120a10" ID16, LTH_OK, NULL},
    {"22080a060a0100120100", LTH_OK, NULL},
    {"", LTH_E_FORMAT, "no body"},
    {"62", LTH_E_FORMAT, "cut short"},
    {"6202", LTH_E_FORMAT, "cut short"},
    {"620208", LTH_E_FORMAT, "cut short"},
    {"620108", LTH_E_FORMAT, "field 1 of heartbeat (clock_ms): cut short"},
    {"6202080100", LTH_E_FORMAT, "behind it"},
    {"6202080162020801", LTH_E_FORMAT, "more than one body"},
    {"62006200", LTH_E_FORMAT, "more than one body"},
    {"0a00", LTH_E_FORMAT, "unknown body"},
    {"aa0100", LTH_E_FORMAT, "field 1 of accepted (origin): missing"},
    {"b20100", LTH_E_FORMAT, "unknown body"},
    {"9a0100", LTH_E_FORMAT, "field 1 of release (signed_release): missing"},
    {"a20100", LTH_E_FORMAT, "field 1 of released (hash): missing"},
    {"6001", LTH_E_FORMAT, "unknown body"},
    {"e20000", LTH_E_FORMAT, "unknown body"},
    {"6282000801", LTH_E_FORMAT, "cut short"},
    {"6203088100", LTH_E_FORMAT, "not minimal"},
    {"6203880001", LTH_E_FORMAT, "tag cut short or not minimal"},
    {"62020800", LTH_E_FORMAT, "zero must be left out"},
    {"620408010801", LTH_E_FORMAT, "repeated"},
    {"62021001", LTH_E_FORMAT, "field 2 of heartbeat (unknown): not known"},
    {"6204f8ffff01", LTH_E_FORMAT, "not known"},
    {"62020001", LTH_E_FORMAT, "field 0 of heartbeat (unknown): not known"},
    {"6209090100000000000000", LTH_E_FORMAT, "wrong wire type"},
    {"62020a00", LTH_E_FORMAT, "wrong wire type"},
    {"62010b", LTH_E_FORMAT, "wrong wire type"},
    {"62010c", LTH_E_FORMAT, "wrong wire type"},
    {"62010f", LTH_E_FORMAT, "wrong wire type"},
    {"620b08" F9 "02", LTH_E_FORMAT, "not minimal"},
    {"620c08" F9 "ff01", LTH_E_FORMAT, "not minimal"},
    {"42020803", LTH_E_FORMAT, "field 1 of link_ack (lane): out of range"},
    {"420410010801", LTH_E_FORMAT, "ascending"},
    {"7a00", LTH_E_FORMAT, "field 1 of head_query (origin): missing"},
    {"7a110a0f" ID15, LTH_E_FORMAT, "wrong size"},
    {"7a130a11" ID16 "10", LTH_E_FORMAT, "wrong size"},
    {"7a120a9000" ID15, LTH_E_FORMAT, "length"},
    {"7a1a0a10" ID16 "1101000000000000", LTH_E_FORMAT, "cut short"},
    {"22050a030a0100", LTH_E_FORMAT, "field 2 of cert pair (ca): missing"},
    {"22040a050a01", LTH_E_FORMAT, "past the end"},
    {"22060a040a001200", LTH_E_FORMAT, "wrong size"},
    {"220a0a080a010012010018010a", LTH_E_FORMAT, "more than one body"},
    {"220a0a080a01001201001801", LTH_E_FORMAT, "field 3 of cert pair (unknown)"},
    {"92010108", LTH_E_FORMAT, "field 1 of bye (unknown)"},
};

static void assert_refused(const char *which, lth_slice in, lth_err err, const char *says)
{
    lth_diag diag = {0};
    lth_frame frame;
    lth_err got = lth_frame_decode(&frame, in, &diag);
    if (got != err || (says != NULL && strstr(diag.text, says) == NULL)) {
        fail_msg("%s: %d instead of %d, \"%s\" instead of \"%s\"", which, got, err, diag.text,
                 says != NULL ? says : "");
    }
}

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSALS / sizeof REFUSALS[0]; i++) {
        const refusal *r = &REFUSALS[i];
        size_t n = strlen(r->hex) / 2;
        uint8_t *exact = malloc(n > 0 ? n : 1);
        assert_non_null(exact);
        assert_true(lth_unhex(exact, n, r->hex, strlen(r->hex)));
        assert_refused(r->hex, lth_slice_of(exact, n), r->err, r->says);
        free(exact);
    }
    assert_refused("nothing", (lth_slice){0}, LTH_E_FORMAT, "no body");
    assert_int_equal(lth_frame_peek((lth_slice){0}), 0);
}

static void add_varint(lth_buf *out, uint64_t value)
{
    for (; value > 0x7f; value >>= 7) {
        uint8_t byte = (uint8_t)(value | 0x80);
        assert_int_equal(lth_buf_add(out, &byte, 1), LTH_OK);
    }
    uint8_t last = (uint8_t)value;
    assert_int_equal(lth_buf_add(out, &last, 1), LTH_OK);
}

/* A frame of @p body under the tag of @p kind. */
static void frame_of(lth_buf *out, lth_frame_kind kind, lth_slice body)
{
    lth_buf_clear(out);
    add_varint(out, (uint64_t)kind << 3 | 2);
    add_varint(out, body.n);
    assert_int_equal(lth_buf_add(out, body.p, body.n), LTH_OK);
}

/* A field of @p n zero bytes at the end of @p body. */
static void add_bytes(lth_buf *body, uint32_t number, size_t n)
{
    add_varint(body, number << 3 | 2);
    add_varint(body, n);
    uint8_t *p = lth_buf_more(body, n);
    assert_non_null(p);
    memset(p, 0, n);
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        lth_frame_kind kind;
        uint32_t before; /* Size of a field 1 in front, or 0. */
        uint32_t number;
        size_t n;
        lth_err err;
    } cases[] = {
        {LTH_FRAME_RECEIPT, 0, 1, LTH_RECEIPT_BYTES, LTH_OK},
        {LTH_FRAME_RECEIPT, 0, 1, LTH_RECEIPT_BYTES - 1, LTH_E_FORMAT},
        {LTH_FRAME_RECEIPT, 0, 1, LTH_RECEIPT_BYTES + 1, LTH_E_FORMAT},
        {LTH_FRAME_EPOCH_GRANT, 0, 1, LTH_GRANT_BYTES, LTH_OK},
        {LTH_FRAME_EPOCH_GRANT, 0, 1, LTH_GRANT_BYTES - 1, LTH_E_FORMAT},
        {LTH_FRAME_EPOCH_GRANT, 0, 1, LTH_GRANT_BYTES + 1, LTH_E_FORMAT},
        {LTH_FRAME_BATCH, 0, 1, 255, LTH_E_FORMAT},
        {LTH_FRAME_BATCH, 0, 1, 257, LTH_E_FORMAT},
        {LTH_FRAME_BATCH, 256, 5, LTH_GRANT_BYTES, LTH_OK},
        {LTH_FRAME_BATCH, 256, 5, LTH_GRANT_BYTES - 1, LTH_E_FORMAT},
        {LTH_FRAME_BATCH, 256, 4, LTH_ATTEST_BYTES_MAX, LTH_OK},
        {LTH_FRAME_BATCH, 256, 4, LTH_ATTEST_BYTES_MAX + 1, LTH_E_LIMIT},
        {LTH_FRAME_BATCH, 256, 6, LTH_BATCH_BODY_MAX, LTH_OK},
        {LTH_FRAME_BATCH, 256, 6, LTH_BATCH_BODY_MAX + 1, LTH_E_LIMIT},
        {LTH_FRAME_BATCH, 256, 6, LTH_FRAME_MAX, LTH_E_LIMIT},
        {LTH_FRAME_HELD, 16, 13, LTH_BY_MAX, LTH_E_FORMAT}, /* Ids are missing, no more. */
        {LTH_FRAME_HELD, 16, 13, LTH_BY_MAX + 1, LTH_E_LIMIT},
        {LTH_FRAME_HELD, 16, 14, LTH_WHY_MAX, LTH_E_FORMAT},
        {LTH_FRAME_HELD, 16, 14, LTH_WHY_MAX + 1, LTH_E_LIMIT},
        {LTH_FRAME_HELD, 16, 16, 15, LTH_E_FORMAT},
        {LTH_FRAME_HELD, 16, 16, 17, LTH_E_FORMAT},
        {LTH_FRAME_ACCEPTED, 16, 5, LTH_BY_MAX + 1, LTH_E_LIMIT},
        {LTH_FRAME_ACCEPTED, 16, 6, LTH_WHY_MAX + 1, LTH_E_LIMIT},
    };
    lth_buf body;
    lth_buf frame;
    lth_buf_init(&body, 2 * LTH_FRAME_MAX);
    lth_buf_init(&frame, 2 * LTH_FRAME_MAX);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lth_buf_clear(&body);
        if (cases[i].before > 0) {
            add_bytes(&body, 1, cases[i].before);
        }
        add_bytes(&body, cases[i].number, cases[i].n);
        frame_of(&frame, cases[i].kind, lth_buf_slice(&body));
        assert_refused(lth_frame_name(cases[i].kind), lth_buf_slice(&frame), cases[i].err, NULL);
    }
    lth_buf_clear(&body);
    static const uint8_t pair[] = {0x0a, 6, 0x0a, 1, 0x30, 0x12, 1, 0x30};
    for (uint32_t n = 1; n <= LTH_CERTS_MAX + 1; n++) {
        assert_int_equal(lth_buf_add(&body, pair, sizeof pair), LTH_OK);
        frame_of(&frame, LTH_FRAME_CERTS, lth_buf_slice(&body));
        assert_refused("certs", lth_buf_slice(&frame), n <= LTH_CERTS_MAX ? LTH_OK : LTH_E_LIMIT,
                       NULL);
    }
    lth_buf_fini(&body);
    lth_buf_fini(&frame);
}

/* Whatever is let through is what we would write ourselves. True if it was. */
static bool canonical_or_refused(lth_slice in, lth_buf *again)
{
    uint8_t *exact = malloc(in.n > 0 ? in.n : 1);
    assert_non_null(exact);
    if (in.n > 0) {
        memcpy(exact, in.p, in.n);
    }
    lth_frame frame;
    bool passed = lth_frame_decode(&frame, lth_slice_of(exact, in.n), NULL) == LTH_OK;
    if (passed) {
        assert_int_equal(lth_frame_encode(again, &frame), LTH_OK);
        assert_true(lth_slice_equal(lth_buf_slice(again), in));
    }
    free(exact);
    return passed;
}

static void test_cut_at_every_length(void **state)
{
    (void)state;
    size_t n = 0;
    const sample *list = samples(&n);
    lth_buf whole;
    lth_buf cut;
    lth_buf again;
    lth_buf_init(&whole, LTH_FRAME_MAX);
    lth_buf_init(&cut, LTH_FRAME_MAX);
    lth_buf_init(&again, LTH_FRAME_MAX);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(lth_frame_encode(&whole, &list[i].frame), LTH_OK);
        size_t head = 1;
        for (size_t at = 0; at < whole.n; at++) {
            assert_false(canonical_or_refused(lth_slice_of(whole.p, at), &again));
        }
        /* The same cuts with the outer length made right, so that the fields inside are cut. */
        for (unsigned varints = 0; varints < 2; head++) {
            varints += (whole.p[head - 1] & 0x80) == 0;
        }
        head--;
        for (size_t at = head; at<whole.n; at += whole.n> 8192 ? 997 : 1) {
            frame_of(&cut, list[i].frame.kind, lth_slice_of(whole.p + head, at - head));
            (void)canonical_or_refused(lth_buf_slice(&cut), &again);
        }
    }
    lth_buf_fini(&whole);
    lth_buf_fini(&cut);
    lth_buf_fini(&again);
}

static void test_every_flipped_bit(void **state)
{
    (void)state;
    size_t n = 0;
    const sample *list = samples(&n);
    lth_buf whole;
    lth_buf again;
    lth_buf_init(&whole, LTH_FRAME_MAX);
    lth_buf_init(&again, LTH_FRAME_MAX);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(lth_frame_encode(&whole, &list[i].frame), LTH_OK);
        for (size_t bit = 0; bit < 8 * whole.n && bit < 8 * 700; bit++) {
            whole.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
            (void)canonical_or_refused(lth_buf_slice(&whole), &again);
            whole.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    lth_buf_fini(&whole);
    lth_buf_fini(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_cut_at_every_length),
        cmocka_unit_test(test_every_flipped_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
