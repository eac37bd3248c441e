/* Two tiers: what goes up, in which shape, and what comes back down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_broker_fixture.h"

static node province, ministry;
static school a;
static const uint16_t share_1[] = {1}, share_12[] = {1, 2}, share_all[] = {1, 2, 3, 4};
static const record pupils[] = {{.id = 1, .natural = "999001", .study = "x", .secret = "s"},
                                {.id = 2, .natural = "999002", .study = "y", .secret = "t"}};

static int setup(void **state)
{
    (void)state;
    country_init();
    node_init(&ministry, ORG_MINISTRY, false);
    node_init(&province, ORG_PROVINCE, true);
    node_route(&province, LTH_SEND_GROUPS, share_12, 2);
    link_up(&province, &ministry);
    /* The school's first epoch: the province asks upward, the ministry never saw it. */
    lth_id org = test_org(ORG_A);
    lth_frame hello = {.kind = LTH_FRAME_HELLO, .hello = {.origin = org, .session = 1}};
    lth_frame request = {.kind = LTH_FRAME_EPOCH_REQUEST, .epoch_request = {.origin = org}};
    node_greet(&province, ORG_A);
    node_frame(&province, ORG_A, &hello);
    node_frame(&province, ORG_A, &request);
    carry(&province, &ministry);
    assert_non_null(node_take(&province, PEER_OF(ORG_A), LTH_FRAME_EPOCH_GRANT));
    node_clear(&province);
    a = (school){.n = ORG_A, .at = {.epoch = 1}, .next_rec_seq = 1};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    node_fini(&province);
    node_fini(&ministry);
    country_fini();
    return 0;
}

/* Everything was carried, and both heads are equal. */
static void expect_equal(void)
{
    lth_head below, above;
    lth_broker_info info;
    carry(&province, &ministry);
    node_timer(&province, 10); /* Acknowledged entries go. */
    assert_true(node_head(&province, ORG_A, &below));
    assert_true(node_head(&ministry, ORG_A, &above));
    assert_int_equal(above.at.epoch, below.at.epoch);
    assert_int_equal(above.at.seq, below.at.seq);
    assert_memory_equal(above.at.hash, below.at.hash, LTH_HASH_SIZE);
    assert_int_equal(node_entries(&province, LTH_T_out), 0);
    lth_broker_info_of(province.broker, &info);
    for (uint32_t i = 0; i < LTH_LANES; i++) {
        assert_int_equal(info.out_waiting[i], 0);
    }
}

static void expect_shown(uint16_t group, bool shown)
{
    lth_record_row row;
    lth_record_view view;
    assert_true(node_row(&ministry, record_id(ORG_A, 1), 0, &row));
    lth_rd rd = lth_rd_of(row.wire);
    assert_int_equal(lth_record_parse(&view, &rd), LTH_REFUSE_none);
    const lth_group_view *found = lth_record_group(&view, group);
    assert_non_null(found);
    assert_int_equal(found->shown, shown);
}

/* The receipts of both tiers for the head are at the school. */
static void expect_receipts(uint8_t form_above)
{
    bool own = false, above = false;
    const lth_frame *frame;
    lth_head head;
    lth_receipt r;
    node_head(&province, ORG_A, &head);
    while ((frame = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_RECEIPT)) != NULL) {
        lth_id up = test_org(ORG_MINISTRY);
        assert_true(lth_receipt_decode(&r, frame->receipt.bytes));
        if (r.at.seq == head.at.seq && lth_id_equal(&r.tier_org, &up)) {
            assert_int_equal(r.form, form_above);
            above = true;
        } else if (r.at.seq == head.at.seq) {
            assert_int_equal(r.form, LTH_RECEIPT_WHOLE);
            own = true;
        }
    }
    assert_true(own);
    assert_true(above);
}

static void withheld_group_is_not_above_and_still_verifies(void **state)
{
    (void)state;
    send_good(&province, &a, pupils, 2); /* The ministry's own check recomputes the root. */
    expect_equal();
    expect_shown(1, true);
    expect_shown(2, true);
    expect_shown(4, false);
    expect_receipts(LTH_RECEIPT_REDACTED);
    uint64_t live, absent;
    node_counts(&ministry, ORG_A, &live, &absent);
    assert_int_equal(live, 2);
}

static void everything_shared_goes_as_received(void **state)
{
    (void)state;
    node_route(&province, LTH_SEND_GROUPS, share_all, 4);
    batch b = school_batch(&a, pupils, 2);
    assert_null(send_batch(&province, &a, &b));
    const lth_frame *up = node_take(&province, LTH_PEER_PARENT, LTH_FRAME_BATCH);
    assert_non_null(up);
    assert_true(lth_slice_equal(up->batch.body, b.body));
    assert_memory_equal(up->batch.signed_header.p, b.header, LTH_BATCH_SIGNED_SIZE);
    assert_true(up->batch.grant.n == LTH_GRANT_BYTES);
}

static void headers_only(void **state)
{
    (void)state;
    node_route(&province, LTH_SEND_HEADERS, NULL, 0);
    send_good(&province, &a, pupils, 2);
    expect_equal();
    assert_int_equal(node_entries(&ministry, LTH_T_body), 0);
    assert_int_equal(node_entries(&ministry, LTH_T_record), 0);
    expect_receipts(LTH_RECEIPT_HEADERS);
}

static void nothing_leaves_without_a_route(void **state)
{
    (void)state;
    lth_head head;
    province.policy.n_routes = 0;
    send_good(&province, &a, pupils, 2);
    carry(&province, &ministry);
    assert_int_equal(node_entries(&province, LTH_T_out), 0);
    assert_false(node_head(&ministry, ORG_A, &head));
}

/* The mask of the merge AND the policy in force: narrowed while the ministry was away. */
static void narrowing_holds_for_what_still_waits(void **state)
{
    (void)state;
    lth_event down = {.kind = LTH_EVENT_PARENT_DOWN};
    node_event(&province, &down);
    send_good(&province, &a, pupils, 2);
    node_route(&province, LTH_SEND_GROUPS, share_1, 1);
    link_up(&province, &ministry);
    expect_equal();
    expect_shown(1, true);
    expect_shown(2, false);
}

static void widening_does_not_reach_what_was_decided(void **state)
{
    (void)state;
    lth_event down = {.kind = LTH_EVENT_PARENT_DOWN};
    node_event(&province, &down);
    send_good(&province, &a, pupils, 2);
    node_route(&province, LTH_SEND_GROUPS, share_all, 4);
    link_up(&province, &ministry);
    expect_equal();
    expect_shown(4, false);
}

static void held_records_travel_and_are_held_above_too(void **state)
{
    (void)state;
    static const record mixed[] = {{.id = 1, .natural = "999001"},
                                   {.id = 2, .natural = "999001"},
                                   {.id = 3, .natural = "999003", .flags = LTH_RECORD_INVALID}};
    lth_head above;
    node_route(&province, LTH_SEND_GROUPS, share_all, 4);
    send_good(&province, &a, mixed, 3);
    assert_int_equal(node_count(&province, PEER_OF(ORG_A), LTH_FRAME_HELD), 2);
    expect_equal();
    node_head(&ministry, ORG_A, &above);
    assert_int_equal(above.held, 2);
    assert_int_equal(node_count(&province, PEER_OF(ORG_A), LTH_FRAME_HELD), 2); /* Told once. */
    uint8_t here[LTH_HASH_SIZE], there[LTH_HASH_SIZE];
    static const uint32_t same[] = {LTH_T_record, LTH_T_natural, LTH_T_count, LTH_T_heldby};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        node_table_hash(&province, same[i], here);
        node_table_hash(&ministry, same[i], there);
        assert_memory_equal(here, there, LTH_HASH_SIZE);
    }
}

static void link_resumes_where_the_parent_stands(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        send_good(&province, &a, pupils, 2);
    }
    /* The province dies with everything on its way, before any acknowledgement. */
    node_restart(&province);
    link_up(&province, &ministry);
    expect_equal();
    node_restart(&ministry);
    node_greet(&province, ORG_A);
    send_good(&province, &a, pupils, 1); /* Still on the old connection: refused as no_hello. */
    carry(&province, &ministry);
    link_up(&province, &ministry);
    expect_equal();
    assert_int_equal(node_entries(&ministry, LTH_T_log), 6);
}

/* Everything under way is refused when the parent forgot the session: it is greeted once for all of
 * it. */
static void many_refusals_are_one_greeting(void **state)
{
    (void)state;
    lth_frame reject = {.kind = LTH_FRAME_REJECT,
                        .reject = {.code = LTH_REFUSE_no_hello, .class_ = LTH_REFUSAL_STOPPED}};
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = LTH_PEER_PARENT,
                       .user = test_org(ORG_MINISTRY),
                       .frame = &reject};
    node_clear(&province);
    for (int i = 0; i < 40; i++) {
        node_event(&province, &event);
    }
    assert_int_equal(node_count(&province, LTH_PEER_PARENT, LTH_FRAME_LINK_HELLO), 1);
    carry(&province, &ministry);
    send_good(&province, &a, pupils, 1);
    expect_equal();
    assert_int_equal(node_entries(&ministry, LTH_T_log), 1);
    node_event(&province, &event); /* The next time it forgets. */
    assert_int_equal(node_count(&province, LTH_PEER_PARENT, LTH_FRAME_LINK_HELLO), 1);
    node_clear(&province); /* That greeting is lost: another follows by itself. */
    node_timer(&province, 11000);
    assert_int_equal(node_count(&province, LTH_PEER_PARENT, LTH_FRAME_LINK_HELLO), 1);
}

static void lost_answers_are_made_good(void **state)
{
    (void)state;
    send_good(&province, &a, pupils, 2);
    const lth_frame *up = node_take(&province, LTH_PEER_PARENT, LTH_FRAME_BATCH);
    assert_non_null(up);
    /* It never arrives; the next one brings the gap to light. */
    send_good(&province, &a, pupils, 2);
    expect_equal();
    assert_int_equal(node_entries(&ministry, LTH_T_log), 2);
}

static lth_refusal (*real_verify)(void *, const uint8_t *, lth_slice, const uint8_t *);
static lth_refusal verify_nothing(void *ctx, const uint8_t *key_id, lth_slice message,
                                  const uint8_t *sig)
{
    (void)ctx, (void)key_id, (void)message, (void)sig;
    return LTH_REFUSE_unknown_key;
}

static void retry_later_comes_back_by_itself(void **state)
{
    (void)state;
    lth_head head;
    send_good(&province, &a, pupils, 2);
    real_verify = ministry.trust.verify;
    ministry.trust.verify = verify_nothing;
    carry(&province, &ministry);
    assert_false(node_head(&ministry, ORG_A, &head));
    ministry.trust.verify = real_verify;
    send_good(&province, &a, pupils, 1);
    carry(&province, &ministry);
    assert_false(node_head(&ministry, ORG_A, &head));
    node_timer(&province, 61000);
    expect_equal();
}

/* The refusal itself is lost, its place on the link is acknowledged: the receipts tell. */
static void lost_refusal_is_noticed_by_its_missing_receipt(void **state)
{
    (void)state;
    lth_head head;
    send_good(&province, &a, pupils, 2);
    expect_equal();
    send_good(&province, &a, pupils, 1);
    ministry.trust.verify = verify_nothing;
    lth_frame *up = (lth_frame *)(uintptr_t)node_take(&province, LTH_PEER_PARENT, LTH_FRAME_BATCH);
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = PEER_OF(ORG_PROVINCE),
                       .user = test_org(ORG_PROVINCE),
                       .role = LTH_ROLE_BROKER,
                       .frame = up};
    node_event(&ministry, &event);
    ministry.trust = test_trust();
    assert_non_null(node_take(&ministry, PEER_OF(ORG_PROVINCE), LTH_FRAME_REJECT));
    carry(&province, &ministry);
    node_head(&ministry, ORG_A, &head);
    assert_int_equal(head.at.seq, 1);
    for (int i = 0; i < 4; i++) {
        node_timer(&province, 31000);
        carry(&province, &ministry);
    }
    expect_equal();
}

/* Lost inside a session: nothing is acknowledged, so the link begins anew. */
static void stalled_link_greets_again(void **state)
{
    (void)state;
    send_good(&province, &a, pupils, 2);
    assert_non_null(node_take(&province, LTH_PEER_PARENT, LTH_FRAME_BATCH));
    node_timer(&province, 61000);
    expect_equal();
}

/* Refused for good above: stopped here with the code, the school is told, others go on, and the
 * next granted epoch is the way out. */
static void permanent_refusal_stops_one_origin_until_a_new_epoch(void **state)
{
    (void)state;
    school b;
    lth_head head;
    send_good(&province, &a, pupils, 2);
    expect_equal();
    send_good(&province, &a, pupils, 1);
    ministry.trust.verify = NULL;
    ministry.trust = test_trust();
    lth_frame *up = (lth_frame *)(uintptr_t)node_take(&province, LTH_PEER_PARENT, LTH_FRAME_BATCH);
    ((uint8_t *)(uintptr_t)up->batch.body.p)[up->batch.body.n - 1] ^= 1; /* On its way. */
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = PEER_OF(ORG_PROVINCE),
                       .user = test_org(ORG_PROVINCE),
                       .role = LTH_ROLE_BROKER,
                       .frame = up};
    node_event(&ministry, &event);
    carry(&province, &ministry);
    node_head(&province, ORG_A, &head);
    assert_int_equal(head.state, LTH_ORIGIN_STOPPED);
    assert_int_equal(head.code, LTH_REFUSE_bad_root);
    const lth_frame *told = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_REJECT);
    assert_non_null(told);
    assert_int_equal(told->reject.code, LTH_REFUSE_bad_root);
    batch next = school_batch(&a, pupils, 1);
    const lth_frame_reject *reject = send_batch(&province, &a, &next);
    assert_non_null(reject);
    assert_int_equal(reject->code, LTH_REFUSE_bad_root);

    lth_id org = test_org(ORG_B);
    lth_frame hello = {.kind = LTH_FRAME_HELLO, .hello = {.origin = org, .session = 1}};
    lth_frame request = {.kind = LTH_FRAME_EPOCH_REQUEST, .epoch_request = {.origin = org}};
    node_greet(&province, ORG_B);
    node_frame(&province, ORG_B, &hello);
    node_frame(&province, ORG_B, &request);
    carry(&province, &ministry);
    b = (school){.n = ORG_B, .at = {.epoch = 1}, .next_rec_seq = 1};
    send_good(&province, &b, pupils, 2);
    carry(&province, &ministry);
    assert_true(node_head(&ministry, ORG_B, &head));

    school_begin(&a, ORG_A, &province);
    assert_int_equal(a.at.epoch, 2);
    send_good(&province, &a, pupils, 2);
    expect_equal();
    node_head(&ministry, ORG_A, &head);
    assert_int_equal(head.state, LTH_ORIGIN_OK);
}

/* A frame of the province, changed on its way to the ministry. */
static void send_up(const lth_frame *frame)
{
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = PEER_OF(ORG_PROVINCE),
                       .user = test_org(ORG_PROVINCE),
                       .role = LTH_ROLE_BROKER,
                       .frame = frame};
    node_event(&ministry, &event);
}

/* What cannot be read names an origin that nobody has vouched for. */
static void unreadable_batch_stops_no_origin_of_others(void **state)
{
    (void)state;
    lth_id stranger = test_org(ORG_STRANGER);
    lth_head head = {.at = {.epoch = 1, .seq = 5}};
    uint8_t key[24] = {0}, value[160];
    lth_txn *txn;
    memcpy(key, stranger.b, sizeof stranger.b);
    size_t size = lth_head_encode(value, &head);
    assert_int_equal(lth_store_begin(ministry.store, true, &txn), LTH_OK);
    assert_int_equal(lth_put_kv(txn, LTH_T_head, lth_slice_of(key, sizeof key),
                                lth_slice_of(value, size), LTH_PUT),
                     LTH_OK);
    assert_int_equal(lth_store_commit(&txn), LTH_OK);

    school other = {.n = ORG_STRANGER, .at = {.epoch = 1, .seq = 5}, .next_rec_seq = 1};
    batch b = school_batch(&other, pupils, 1);
    b.header[19] = 1; /* flags */
    lth_frame frame = {.kind = LTH_FRAME_BATCH,
                       .batch = {.signed_header = {b.header, sizeof b.header},
                                 .body = b.body,
                                 .lane = LTH_LANE_LIVE,
                                 .out_no = 1}};
    send_up(&frame);
    const lth_frame *no = node_take(&ministry, PEER_OF(ORG_PROVINCE), LTH_FRAME_REJECT);
    assert_int_equal(no->reject.code, LTH_REFUSE_bad_header);
    assert_true(node_head(&ministry, ORG_STRANGER, &head));
    assert_int_equal(head.state, LTH_ORIGIN_OK);
}

static void make_snapshot(lth_batch_header *header)
{
    header->kind = LTH_KIND_SNAPSHOT;
}

/* An entry broker that attests a malformed RANGE as good does not bring the tier above down. */
static void attested_malformed_range_is_held_above(void **state)
{
    (void)state;
    static const record range[] = {{.op = LTH_OP_RANGE, .lo = 0, .hi = 9, .study = "too much"}};
    static lth_attest attest;
    static uint8_t bytes[LTH_ATTEST_BYTES_MAX];
    batch b = school_batch_edited(&a, range, 1, make_snapshot);
    assert_null(send_batch(&province, &a, &b));
    lth_frame *up = (lth_frame *)(uintptr_t)node_take(&province, LTH_PEER_PARENT, LTH_FRAME_BATCH);
    assert_true(lth_attest_decode(&attest, up->batch.attest));
    assert_int_equal(attest.n_held, 1);
    assert_int_equal(attest.held[0].code, LTH_REFUSE_bad_op);
    assert_int_equal(up->batch.body.n, 1 + LTH_HASH_SIZE); /* what it carries does not leave */
    attest.n_held = 0;
    up->batch.attest = lth_slice_of(bytes, lth_attest_sign(bytes, &attest, &province.signer));
    up->batch.body = b.body; /* a broker of the middle that lets it through all the same */
    send_up(up);
    assert_null(node_take(&ministry, PEER_OF(ORG_PROVINCE), LTH_FRAME_REJECT));
    assert_int_equal(node_entries(&ministry, LTH_T_held), 1);
}

static void attestation_is_demanded_from_a_broker(void **state)
{
    (void)state;
    send_good(&province, &a, pupils, 2);
    lth_frame *up = (lth_frame *)(uintptr_t)node_take(&province, LTH_PEER_PARENT, LTH_FRAME_BATCH);
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = PEER_OF(ORG_PROVINCE),
                       .user = test_org(ORG_PROVINCE),
                       .role = LTH_ROLE_BROKER,
                       .frame = up};
    lth_slice attest = up->batch.attest;
    up->batch.attest.n = 0;
    node_event(&ministry, &event);
    const lth_frame *no = node_take(&ministry, PEER_OF(ORG_PROVINCE), LTH_FRAME_REJECT);
    assert_int_equal(no->reject.code, LTH_REFUSE_bad_attestation);
    up->batch.attest = attest;
    ((uint8_t *)(uintptr_t)attest.p)[attest.n - 1] ^= 1;
    node_event(&ministry, &event);
    no = node_take(&ministry, PEER_OF(ORG_PROVINCE), LTH_FRAME_REJECT);
    assert_int_equal(no->reject.code, LTH_REFUSE_bad_attestation);
    /* A refusal is an answer: the place on the link moved all the same. */
    const lth_frame *ack = node_take(&ministry, PEER_OF(ORG_PROVINCE), LTH_FRAME_LINK_ACK);
    assert_int_equal(ack->link_ack.out_no, 1);
}

static void receipts_are_repeated_on_every_new_link(void **state)
{
    (void)state;
    uint8_t before[LTH_HASH_SIZE], after[LTH_HASH_SIZE];
    send_good(&province, &a, pupils, 2);
    expect_equal();
    node_table_hash(&province, LTH_T_receipt, before);
    assert_int_equal(node_entries(&province, LTH_T_receipt), 1);
    node_clear(&province);
    lth_frame hello = {.kind = LTH_FRAME_HELLO,
                       .hello = {.origin = test_org(ORG_A), .head = a.at, .session = 2}};
    node_frame(&province, ORG_A, &hello);
    assert_int_equal(node_take(&province, PEER_OF(ORG_A), LTH_FRAME_RESUME)->resume.state,
                     LTH_RESUME_GO);
    assert_int_equal(node_count(&province, PEER_OF(ORG_A), LTH_FRAME_RECEIPT), 2);
    link_up(&province, &ministry);
    assert_int_equal(node_entries(&province, LTH_T_receipt), 1);
    node_table_hash(&province, LTH_T_receipt, after);
    assert_memory_equal(before, after, LTH_HASH_SIZE);
}

static void lane_order_and_change_of_lane(void **state)
{
    (void)state;
    lth_event down = {.kind = LTH_EVENT_PARENT_DOWN};
    lth_broker_info info;
    node_event(&province, &down);
    batch first = school_batch(&a, pupils, 2), second = school_batch(&a, pupils, 1);
    first.frame.batch.lane = LTH_LANE_SNAPSHOT;
    second.frame.batch.lane = LTH_LANE_LIVE;
    assert_null(send_batch(&province, &a, &first));
    assert_null(send_batch(&province, &a, &second));
    lth_broker_info_of(province.broker, &info);
    assert_int_equal(info.out_waiting[LTH_LANE_LIVE], 0); /* Its order is the chain's. */
    assert_int_equal(info.out_waiting[LTH_LANE_SNAPSHOT], 2);
    link_up(&province, &ministry);
    expect_equal();
    batch third = school_batch(&a, pupils, 1);
    assert_null(send_batch(&province, &a, &third));
    const lth_frame *up = node_take(&province, LTH_PEER_PARENT, LTH_FRAME_BATCH);
    assert_int_equal(up->batch.lane, LTH_LANE_LIVE);
}

static void heartbeats_when_idle_and_silence_is_noticed(void **state)
{
    (void)state;
    lth_broker_info info;
    node_clear(&province);
    node_timer(&province, 15000);
    assert_int_equal(node_count(&province, PEER_OF(ORG_A), LTH_FRAME_HEARTBEAT), 1);
    assert_int_equal(node_count(&province, LTH_PEER_PARENT, LTH_FRAME_HEARTBEAT), 1);
    node_timer(&province, 80000);
    lth_broker_info_of(province.broker, &info);
    assert_int_equal(info.n_peers, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(withheld_group_is_not_above_and_still_verifies),
                                       TEST(everything_shared_goes_as_received),
                                       TEST(headers_only),
                                       TEST(nothing_leaves_without_a_route),
                                       TEST(narrowing_holds_for_what_still_waits),
                                       TEST(widening_does_not_reach_what_was_decided),
                                       TEST(held_records_travel_and_are_held_above_too),
                                       TEST(link_resumes_where_the_parent_stands),
                                       TEST(many_refusals_are_one_greeting),
                                       TEST(lost_answers_are_made_good),
                                       TEST(retry_later_comes_back_by_itself),
                                       TEST(lost_refusal_is_noticed_by_its_missing_receipt),
                                       TEST(stalled_link_greets_again),
                                       TEST(permanent_refusal_stops_one_origin_until_a_new_epoch),
                                       TEST(unreadable_batch_stops_no_origin_of_others),
                                       TEST(attested_malformed_range_is_held_above),
                                       TEST(attestation_is_demanded_from_a_broker),
                                       TEST(receipts_are_repeated_on_every_new_link),
                                       TEST(lane_order_and_change_of_lane),
                                       TEST(heartbeats_when_idle_and_silence_is_noticed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
