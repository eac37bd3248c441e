/* Frames: golden bytes both ways, and where decoded slices point. */
#include "test_proto.h"

static const char *golden_dir;

static void assert_slice(lth_slice got, lth_slice wanted, lth_slice in)
{
    assert_true(lth_slice_equal(got, wanted));
    if (got.n > 0) {
        assert_true(got.p >= in.p && got.p + got.n <= in.p + in.n);
    }
}

/* Every slice of a frame; returns how many. */
static size_t slices_of(const lth_frame *frame, lth_slice out[2 * LTH_CERTS_MAX])
{
    size_t n = 0;
    switch (frame->kind) {
    case LTH_FRAME_BATCH:
        out[n++] = frame->batch.signed_header;
        out[n++] = frame->batch.body;
        out[n++] = frame->batch.attest;
        out[n++] = frame->batch.grant;
        break;
    case LTH_FRAME_CERTS:
        for (uint32_t i = 0; i < frame->certs.n; i++) {
            out[n++] = frame->certs.pairs[i].leaf;
            out[n++] = frame->certs.pairs[i].ca;
        }
        break;
    case LTH_FRAME_RECEIPT:
        out[n++] = frame->receipt.bytes;
        break;
    case LTH_FRAME_REJECT:
        out[n++] = frame->reject.detail;
        break;
    case LTH_FRAME_HELD:
        out[n++] = frame->held.by;
        out[n++] = frame->held.why;
        out[n++] = frame->held.other;
        break;
    case LTH_FRAME_ACCEPTED:
        out[n++] = frame->accepted.by;
        out[n++] = frame->accepted.why;
        break;
    case LTH_FRAME_EPOCH_GRANT:
        out[n++] = frame->epoch_grant.bytes;
        break;
    default:
        break;
    }
    return n;
}

/* Decoded slices replaced by the sample's equal ones; the rest is compared by its encoding, which
 * test_golden_both_ways has compared with bytes that are not ours. */
static void take_slices(lth_frame *to, const lth_frame *from)
{
    switch (from->kind) {
    case LTH_FRAME_BATCH:
        to->batch.signed_header = from->batch.signed_header;
        to->batch.body = from->batch.body;
        to->batch.attest = from->batch.attest;
        to->batch.grant = from->batch.grant;
        break;
    case LTH_FRAME_CERTS:
        to->certs = from->certs;
        break;
    case LTH_FRAME_RECEIPT:
        to->receipt = from->receipt;
        break;
    case LTH_FRAME_REJECT:
        to->reject.detail = from->reject.detail;
        break;
    case LTH_FRAME_HELD:
        to->held.by = from->held.by;
        to->held.why = from->held.why;
        to->held.other = from->held.other;
        break;
    case LTH_FRAME_ACCEPTED:
        to->accepted.by = from->accepted.by;
        to->accepted.why = from->accepted.why;
        break;
    case LTH_FRAME_EPOCH_GRANT:
        to->epoch_grant = from->epoch_grant;
        break;
    default:
        break;
    }
}

static void assert_same_frame(lth_frame got, const lth_frame *wanted, lth_slice in)
{
    lth_slice a[2 * LTH_CERTS_MAX];
    lth_slice b[2 * LTH_CERTS_MAX];
    assert_int_equal(got.kind, wanted->kind);
    size_t n = slices_of(wanted, b);
    assert_int_equal(slices_of(&got, a), n);
    for (size_t i = 0; i < n; i++) {
        assert_slice(a[i], b[i], in);
    }
    take_slices(&got, wanted);
    lth_buf one;
    lth_buf two;
    lth_buf_init(&one, LTH_FRAME_MAX);
    lth_buf_init(&two, LTH_FRAME_MAX);
    assert_int_equal(lth_frame_encode(&one, &got), LTH_OK);
    assert_int_equal(lth_frame_encode(&two, wanted), LTH_OK);
    assert_true(lth_slice_equal(lth_buf_slice(&one), lth_buf_slice(&two)));
    lth_buf_fini(&one);
    lth_buf_fini(&two);
}

static void test_golden_both_ways(void **state)
{
    (void)state;
    size_t n = 0;
    const sample *list = samples(&n);
    uint32_t kinds = 0;
    lth_buf out;
    lth_buf_init(&out, LTH_FRAME_MAX);
    for (size_t i = 0; i < n; i++) {
        lth_slice golden = golden_read(golden_dir, list[i].name);
        lth_diag diag = {0};
        lth_frame frame;
        assert_int_equal(lth_frame_encode(&out, &list[i].frame), LTH_OK);
        if (!lth_slice_equal(lth_buf_slice(&out), golden)) {
            fail_msg("%s is encoded otherwise", list[i].name);
        }
        if (lth_frame_decode(&frame, golden, &diag) != LTH_OK) {
            fail_msg("%s: %s", list[i].name, diag.text);
        }
        assert_same_frame(frame, &list[i].frame, golden);
        assert_int_equal(lth_frame_peek(golden), list[i].frame.kind);
        kinds |= 1u << frame.kind;
        golden_free(golden);
    }
    for (uint32_t kind = LTH_FRAME_LINK_HELLO; kind <= LTH_FRAME_KIND_LAST; kind++) {
        assert_true((kinds >> kind & 1) != 0);
    }
    lth_buf_fini(&out);
}

/* Field by field where order in the structure and on the wire differ or widths change. */
static void test_decoded_values(void **state)
{
    (void)state;
    lth_frame frame;
    lth_slice golden = golden_read(golden_dir, "link_resume_high");
    assert_int_equal(lth_frame_decode(&frame, golden, NULL), LTH_OK);
    assert_true(frame.link_resume.acked[LTH_LANE_LIVE] == UINT64_MAX);
    assert_true(frame.link_resume.acked[LTH_LANE_REPAIR] == 1);
    assert_true(frame.link_resume.version == UINT32_MAX);
    assert_int_equal(frame.link_resume.node_org.b[15], (1 + 7 * 15) & 0xff);
    golden_free(golden);
    golden = golden_read(golden_dir, "held_high");
    assert_int_equal(lth_frame_decode(&frame, golden, NULL), LTH_OK);
    assert_int_equal(frame.held.dataset, UINT16_MAX);
    assert_int_equal(frame.held.code, 299);
    assert_int_equal(frame.held.record_id.b[0], 90);
    assert_int_equal(frame.held.tier_org.b[0], 1);
    golden_free(golden);
    golden = golden_read(golden_dir, "hello_high");
    assert_int_equal(lth_frame_decode(&frame, golden, NULL), LTH_OK);
    assert_true(frame.hello.head.epoch == UINT32_MAX && frame.hello.head.seq == UINT64_MAX);
    assert_int_equal(frame.hello.head.hash[31], (40 + 7 * 31) & 0xff);
    golden_free(golden);
}

static void test_encode_limits(void **state)
{
    (void)state;
    static uint8_t zeros[LTH_FRAME_MAX];
    lth_buf out;
    lth_frame frame = {LTH_FRAME_BATCH,
                       .batch = {.signed_header = lth_slice_of(zeros, LTH_BATCH_SIGNED_SIZE),
                                 .body = lth_slice_of(zeros, LTH_BATCH_BODY_MAX)}};
    lth_buf_init(&out, LTH_FRAME_MAX);
    assert_int_equal(lth_frame_encode(&out, &frame), LTH_OK);
    frame.batch.body.n++;
    assert_int_equal(lth_frame_encode(&out, &frame), LTH_E_LIMIT);
    assert_int_equal(out.n, 0);
    frame.batch.body.n = LTH_FRAME_MAX;
    assert_int_equal(lth_frame_encode(&out, &frame), LTH_E_LIMIT);
    frame = (lth_frame){LTH_FRAME_CERTS, .certs = {.n = LTH_CERTS_MAX + 1}};
    assert_int_equal(lth_frame_encode(&out, &frame), LTH_E_LIMIT);
    frame = (lth_frame){
        LTH_FRAME_REJECT,
        .reject = {.code = LTH_REFUSE_gap, .detail = lth_slice_of(zeros, LTH_DETAIL_MAX + 1)}};
    assert_int_equal(lth_frame_encode(&out, &frame), LTH_E_LIMIT);
    lth_buf_fini(&out);
    lth_buf_init(&out, 100);
    frame = (lth_frame){LTH_FRAME_BATCH,
                        .batch = {.signed_header = lth_slice_of(zeros, LTH_BATCH_SIGNED_SIZE)}};
    assert_int_equal(lth_frame_encode(&out, &frame), LTH_E_LIMIT);
    lth_buf_fini(&out);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(lth_frame_name(LTH_FRAME_LINK_HELLO), "link_hello");
    assert_string_equal(lth_frame_name(LTH_FRAME_BYE), "bye");
    assert_string_equal(lth_frame_name((lth_frame_kind)0), "unknown");
    assert_string_equal(lth_frame_name((lth_frame_kind)99), "unknown");
}

int main(int argc, char **argv)
{
    golden_dir = argc > 1 ? argv[1] : ".";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_both_ways),
        cmocka_unit_test(test_decoded_values),
        cmocka_unit_test(test_encode_limits),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
