/* Accepting batches: order, duplicates, gaps, forks, and every refusal of a whole batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_broker_fixture.h"

static node province;
static school a;
static const record one[] = {{.id = 1, .natural = "999001", .study = "x", .secret = "s"}};

static int setup(void **state)
{
    (void)state;
    country_init();
    node_init(&province, ORG_PROVINCE, false);
    school_begin(&a, ORG_A, &province);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    node_fini(&province);
    country_fini();
    return 0;
}

static void refused(const batch *b, lth_refusal code)
{
    lth_head before, after;
    node_head(&province, ORG_A, &before);
    const lth_frame_reject *reject = send_batch(&province, &a, b);
    node_head(&province, ORG_A, &after);
    assert_non_null(reject);
    assert_string_equal(lth_refusal_name(reject->code), lth_refusal_name(code));
    assert_int_equal(reject->class_, lth_refusal_class_of(code));
    assert_int_equal(after.at.seq, before.at.seq);
}

static void accepted_batch_is_stored_and_receipted(void **state)
{
    (void)state;
    batch b = school_batch(&a, one, 1);
    assert_null(send_batch(&province, &a, &b));
    const lth_frame *frame = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_RECEIPT);
    lth_receipt receipt;
    lth_broker_info info;
    lth_broker_info_of(province.broker, &info);
    assert_non_null(frame);
    assert_true(lth_receipt_decode(&receipt, frame->receipt.bytes));
    assert_int_equal(
        lth_statement_verify(frame->receipt.bytes, province.signer.key_id, &province.trust),
        LTH_REFUSE_none);
    assert_int_equal(receipt.at.epoch, 1);
    assert_int_equal(receipt.at.seq, 1);
    assert_memory_equal(receipt.at.hash, b.hash, LTH_HASH_SIZE);
    assert_int_equal(receipt.form, LTH_RECEIPT_WHOLE);
    assert_int_equal(receipt.tree_size, 1);
    assert_memory_equal(receipt.root, info.root, LTH_HASH_SIZE);
    assert_int_equal(node_entries(&province, LTH_T_log), 1);
    assert_int_equal(node_entries(&province, LTH_T_body), 1);
    assert_int_equal(node_entries(&province, LTH_T_chain), 1);
    assert_int_equal(node_entries(&province, LTH_T_feed), 1);
    lth_record_row row;
    assert_true(node_row(&province, record_id(ORG_A, 1), 0, &row));
    assert_int_equal(row.state, LTH_ROW_LIVE);
    assert_int_equal(row.rec_seq, 1);
    assert_true(lth_slice_equal(row.wire, b.body));
}

static void duplicate_is_acknowledged_and_changes_nothing(void **state)
{
    (void)state;
    uint64_t live, absent;
    batch first = school_batch(&a, one, 1);
    batch second = school_batch(&a, one, 1);
    assert_null(send_batch(&province, &a, &first));
    assert_null(send_batch(&province, &a, &second));
    node_clear(&province);
    assert_null(send_batch(&province, &a, &second));
    assert_null(send_batch(&province, &a, &first));
    assert_int_equal(node_count(&province, PEER_OF(ORG_A), LTH_FRAME_RECEIPT), 2);
    node_counts(&province, ORG_A, &live, &absent);
    assert_int_equal(live, 1);
    assert_int_equal(node_entries(&province, LTH_T_log), 2);
}

static void gap_asks_for_what_is_missing(void **state)
{
    (void)state;
    send_good(&province, &a, one, 1);
    batch second = school_batch(&a, one, 1), third = school_batch(&a, one, 1);
    const lth_frame_reject *reject = send_batch(&province, &a, &third);
    assert_non_null(reject);
    assert_int_equal(reject->code, LTH_REFUSE_gap);
    assert_int_equal(reject->resend_from, 2);
    assert_int_equal(reject->epoch, 1);
    assert_null(send_batch(&province, &a, &second));
    assert_null(send_batch(&province, &a, &third));
}

static void first_batch_must_be_number_one(void **state)
{
    (void)state;
    (void)school_batch(&a, one, 1);
    batch second = school_batch(&a, one, 1);
    const lth_frame_reject *reject = send_batch(&province, &a, &second);
    assert_non_null(reject);
    assert_int_equal(reject->code, LTH_REFUSE_gap);
    assert_int_equal(reject->resend_from, 1);
}

static void fork_freezes_the_origin_and_keeps_both_headers(void **state)
{
    (void)state;
    static const record other[] = {{.id = 1, .natural = "999001", .study = "y"}};
    school clone = a;
    school b;
    batch first = school_batch(&a, one, 1), second = school_batch(&clone, other, 1);
    assert_null(send_batch(&province, &a, &first));
    node_clear(&province);
    refused(&second, LTH_REFUSE_fork);
    lth_head head;
    node_head(&province, ORG_A, &head);
    assert_int_equal(head.state, LTH_ORIGIN_FROZEN);
    assert_int_equal(node_entries(&province, LTH_T_fork), 1);
    assert_int_equal(province.errors_logged, 1);
    batch next = school_batch(&a, one, 1);
    refused(&next, LTH_REFUSE_frozen);
    school_begin(&b, ORG_B, &province); /* Nobody else is harmed. */
    send_good(&province, &b, one, 1);
}

static void edit_prev(lth_batch_header *h)
{
    h->prev[0] ^= 1;
}
static void edit_rec_seq(lth_batch_header *h)
{
    h->first_rec_seq += 5;
}
static void edit_stream(lth_batch_header *h)
{
    h->stream = 9;
}
static void edit_root(lth_batch_header *h)
{
    h->root[3] ^= 1;
}
static void edit_count(lth_batch_header *h)
{
    h->rec_count = 2;
}
static void edit_key(lth_batch_header *h)
{
    lth_signer other = test_signer(ORG_B);
    memcpy(h->key_id, other.key_id, LTH_HASH_SIZE);
}
static void edit_unknown_key(lth_batch_header *h)
{
    memset(h->key_id, 7, LTH_HASH_SIZE);
}
static void edit_unknown_origin(lth_batch_header *h)
{
    h->origin = test_org(ORG_NOBODY);
}
static void edit_epoch(lth_batch_header *h)
{
    h->epoch = 2;
    h->batch_seq = 1;
}

static void each_refusal_has_its_code(void **state)
{
    (void)state;
    static const struct {
        header_edit edit;
        lth_refusal code;
    } cases[] = {{edit_prev, LTH_REFUSE_chain},
                 {edit_rec_seq, LTH_REFUSE_bad_seq},
                 {edit_stream, LTH_REFUSE_bad_header},
                 {edit_root, LTH_REFUSE_bad_root},
                 {edit_count, LTH_REFUSE_bad_count},
                 {edit_key, LTH_REFUSE_bad_signature},
                 {edit_unknown_key, LTH_REFUSE_unknown_key},
                 {edit_unknown_origin, LTH_REFUSE_unknown_origin},
                 {edit_epoch, LTH_REFUSE_epoch_not_granted}};
    send_good(&province, &a, one, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        school copy = a;
        batch b = school_batch_edited(&copy, one, 1, cases[i].edit);
        refused(&b, cases[i].code);
    }
    send_good(&province, &a, one, 1);
}

static void bytes_changed_on_the_way_are_refused(void **state)
{
    (void)state;
    batch b = school_batch(&a, one, 1);
    ((uint8_t *)(uintptr_t)b.frame.batch.body.p)[b.body.n - 1] ^= 1;
    refused(&b, LTH_REFUSE_bad_root);
    ((uint8_t *)(uintptr_t)b.frame.batch.body.p)[b.body.n - 1] ^= 1;
    ((uint8_t *)(uintptr_t)b.frame.batch.signed_header.p)[255] ^= 1;
    refused(&b, LTH_REFUSE_bad_signature);
    b.frame.batch.signed_header.n = 255;
    node_frame(&province, ORG_A, &b.frame);
    const lth_frame *reject = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_REJECT);
    assert_int_equal(reject->reject.code, LTH_REFUSE_bad_context);
}

static void nobody_speaks_for_another_school(void **state)
{
    (void)state;
    batch b = school_batch(&a, one, 1);
    node_greet(&province, ORG_B);
    node_frame(&province, ORG_B, &b.frame);
    const lth_frame *frame = node_take(&province, PEER_OF(ORG_B), LTH_FRAME_REJECT);
    assert_non_null(frame);
    assert_int_equal(frame->reject.code, LTH_REFUSE_not_carrier);
    school thief = a; /* B's key under A's name, over A's connection. */
    thief.n = ORG_B;
    thief.at.seq = 0;
    memset(thief.at.hash, 0, LTH_HASH_SIZE);
    batch c = school_batch(&thief, one, 1);
    lth_id org = test_org(ORG_A);
    memcpy((uint8_t *)(uintptr_t)c.frame.batch.signed_header.p + 24, org.b, 16);
    refused(&c, LTH_REFUSE_bad_signature);
}

static void edit_to_a(lth_batch_header *h)
{
    h->origin = test_org(ORG_A);
}

static void key_of_another_org_is_refused(void **state)
{
    (void)state;
    school thief = {.n = ORG_B, .at = a.at, .next_rec_seq = 1};
    batch b = school_batch_edited(&thief, one, 1, edit_to_a);
    refused(&b, LTH_REFUSE_wrong_key);
}

static lth_refusal (*real_find)(void *, const uint8_t *, lth_key_info *);
static lth_refusal find_expired(void *ctx, const uint8_t key_id[LTH_HASH_SIZE], lth_key_info *out)
{
    lth_refusal code = real_find(ctx, key_id, out);
    if (code == LTH_REFUSE_none && out != NULL) {
        out->not_after_ms = 1000;
    }
    return code;
}

static void expired_certificate_is_refused(void **state)
{
    (void)state;
    batch b = school_batch(&a, one, 1);
    real_find = province.trust.find;
    province.trust.find = find_expired;
    refused(&b, LTH_REFUSE_key_expired);
    province.trust.find = real_find;
    assert_null(send_batch(&province, &a, &b));
}

static void nothing_before_hello(void **state)
{
    (void)state;
    batch b = school_batch(&a, one, 1);
    node_frame(&province, ORG_STRANGER, &b.frame);
    const lth_frame *frame = node_take(&province, PEER_OF(ORG_STRANGER), LTH_FRAME_REJECT);
    assert_non_null(frame);
    assert_int_equal(frame->reject.code, LTH_REFUSE_no_hello);
}

static bool dropped(lth_peer peer)
{
    for (uint32_t i = 0; i < province.n_sent; i++) {
        const lth_action *action = &province.sent[i].action;
        if (action->kind == LTH_ACTION_DROP_PEER && action->peer == peer) {
            return true;
        }
    }
    return false;
}

static void third_bad_frame_drops_the_peer(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_false(dropped(PEER_OF(ORG_A)));
        node_frame(&province, ORG_A, NULL);
        const lth_frame *frame = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_REJECT);
        assert_int_equal(frame->reject.code, LTH_REFUSE_bad_frame);
    }
    assert_true(dropped(PEER_OF(ORG_A)));
}

static void hello_with_another_role_or_version_is_turned_away(void **state)
{
    (void)state;
    lth_frame frame = {.kind = LTH_FRAME_LINK_HELLO,
                       .link_hello = {.version = LTH_PROTOCOL_VERSION,
                                      .node_org = test_org(ORG_B),
                                      .role = LTH_ROLE_BROKER}};
    node_frame(&province, ORG_B, &frame);
    assert_int_equal(node_take(&province, PEER_OF(ORG_B), LTH_FRAME_REJECT)->reject.code,
                     LTH_REFUSE_not_allowed);
    assert_true(dropped(PEER_OF(ORG_B)));
    frame.link_hello.version = 9;
    node_frame(&province, ORG_B, &frame);
    assert_int_equal(node_take(&province, PEER_OF(ORG_B), LTH_FRAME_REJECT)->reject.code,
                     LTH_REFUSE_bad_version);
}

/* A peer that ignores its credit inside one step is dropped; one with nothing outstanding may
 * always send. */
static void credit_is_enforced(void **state)
{
    (void)state;
    static lth_checked checked;
    static record big[200];
    static char names[200][8];
    char text[101];
    memset(text, 'x', 100);
    text[100] = '\0';
    for (uint32_t i = 0; i < 200; i++) {
        (void)lth_format(names[i], sizeof names[i], "999%u", i);
        big[i] = (record){.id = i + 1, .natural = names[i], .study = text, .secret = text};
    }
    lth_check_env env = {.hasher = test_hasher(),
                         .trust = &province.trust,
                         .registry = country_registry(),
                         .schema = country_schema()};
    lth_txn *txn;
    lth_diag diag;
    uint64_t sent = 0;
    assert_int_equal(lth_store_begin(province.store, true, &txn), LTH_OK);
    for (int i = 0; i < 200 && !dropped(PEER_OF(ORG_A)); i++) {
        batch b = school_batch(&a, big, 200);
        lth_broker_check(&checked, &env, &b.frame.batch);
        lth_event event = {.kind = LTH_EVENT_FRAME,
                           .peer = PEER_OF(ORG_A),
                           .user = test_org(ORG_A),
                           .role = LTH_ROLE_AGENT,
                           .frame = &b.frame,
                           .checked = &checked};
        assert_int_equal(lth_broker_handle(province.broker, txn, province.now, &event, &diag),
                         LTH_OK);
        sent += b.body.n + LTH_BATCH_SIGNED_SIZE;
        lth_action action;
        while (lth_broker_next(province.broker, &action)) {
            province.sent[province.n_sent++].action = action;
        }
    }
    assert_int_equal(lth_store_commit(&txn), LTH_OK);
    assert_true(dropped(PEER_OF(ORG_A)));
    assert_true(sent > (256u << 20) / 64 && sent < (256u << 20) / 64 + (1u << 20));
    assert_true(lth_broker_step_full(province.broker));
}

static bool greeted(lth_peer peer)
{
    lth_frame frame = {.kind = LTH_FRAME_LINK_HELLO,
                       .link_hello = {.version = LTH_PROTOCOL_VERSION,
                                      .node_org = test_org(ORG_A),
                                      .incarnation = 1,
                                      .role = LTH_ROLE_AGENT}};
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = peer,
                       .user = test_org(ORG_A),
                       .role = LTH_ROLE_AGENT,
                       .frame = &frame};
    node_event(&province, &event);
    return node_take(&province, peer, LTH_FRAME_LINK_RESUME) != NULL;
}

/* After an outage all are back at once, beside what is left of their old connections. */
static void silent_connection_gives_way_to_a_new_one(void **state)
{
    (void)state;
    lth_broker_info info;
    lth_broker_info_of(province.broker, &info);
    for (lth_peer peer = 1000; info.n_peers < province.env.peers_max; peer++) {
        assert_true(greeted(peer));
        lth_broker_info_of(province.broker, &info);
    }
    assert_false(greeted(2000)); /* All of them may be alive: turned away, not shut out. */
    assert_false(dropped(2000));
    province.now.mono += LTH_MONO_S(31);
    assert_true(greeted(2000));
    assert_true(greeted(2001));
    lth_broker_info_of(province.broker, &info);
    assert_int_equal(info.n_peers, province.env.peers_max);
}

static void head_codec_round_trip(void **state)
{
    (void)state;
    uint8_t bytes[160], again[160];
    lth_head head = {.at = {.epoch = 3, .seq = 1u << 20},
                     .next_rec_seq = 9,
                     .last_ms = 8,
                     .state = LTH_ORIGIN_STOPPED,
                     .code = LTH_REFUSE_chain,
                     .held = 5,
                     .records_total = 6,
                     .out_lane = 2,
                     .out_no = 7,
                     .requeued_at = 4,
                     .grant_day = 20251009,
                     .grants_today = 2};
    lth_head out;
    size_t n = lth_head_encode(bytes, &head);
    assert_true(lth_head_decode(&out, lth_slice_of(bytes, n)));
    assert_int_equal(lth_head_encode(again, &out), n);
    assert_memory_equal(bytes, again, n);
    assert_false(lth_head_decode(&out, lth_slice_of(bytes, n - 1)));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(accepted_batch_is_stored_and_receipted),
                                       TEST(duplicate_is_acknowledged_and_changes_nothing),
                                       TEST(gap_asks_for_what_is_missing),
                                       TEST(first_batch_must_be_number_one),
                                       TEST(fork_freezes_the_origin_and_keeps_both_headers),
                                       TEST(each_refusal_has_its_code),
                                       TEST(bytes_changed_on_the_way_are_refused),
                                       TEST(nobody_speaks_for_another_school),
                                       TEST(key_of_another_org_is_refused),
                                       TEST(expired_certificate_is_refused),
                                       TEST(nothing_before_hello),
                                       TEST(third_bad_frame_drops_the_peer),
                                       TEST(hello_with_another_role_or_version_is_turned_away),
                                       TEST(credit_is_enforced),
                                       TEST(silent_connection_gives_way_to_a_new_one),
                                       TEST(head_codec_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
