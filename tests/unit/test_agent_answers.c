#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_world.h"

static const row THREE[] = {
    {"1", "999A", "An", "3"}, {"2", "999B", "Binh", NULL}, {"3", "999C", NULL, "0"}};

static lth_agent_school_info info_of(const world *w, uint32_t school)
{
    lth_agent_school_info info;
    lth_agent_school_info_of(w->agent, school, &info);
    return info;
}

static lth_agent_info totals(const world *w)
{
    lth_agent_info info;
    lth_agent_info_of(w->agent, &info);
    return info;
}

/* Sent, taken by the broker, but no receipt came yet. */
static world *unanswered(void)
{
    world *w = world_new(1);
    w->b.no_receipts = true;
    world_connect(w);
    world_scan(w, 0, 0, THREE, 3, LTH_SCAN_none);
    assert_int_equal(info_of(w, 0).outbox, 3); /* every row was a step */
    return w;
}

static void a_receipt_advances_what_is_acknowledged(void **state)
{
    (void)state;
    world *w = unanswered();
    broker_receipt(w, 0, &w->b.origins[0].head, BROKER_KEY, LTH_RECEIPT_WHOLE, LTH_RECEIPT_DURABLE);
    world_run(w);
    assert_int_equal(info_of(w, 0).outbox, 0);
    assert_int_equal(totals(w).receipts, 1);
    assert_int_equal(totals(w).sent_batches, 3);
    assert_int_equal(totals(w).sent_records, 3);
    world_reopen(w);
    assert_int_equal(info_of(w, 0).head.acked.seq, 3);
    world_free(&w);
}

static void receipts_of_each_tier_are_kept_but_only_the_entry_acknowledges(void **state)
{
    (void)state;
    world *w = unanswered();
    lth_position first = {.epoch = 1, .seq = 1};
    lth_batch_header_hash(&w->hasher, w->b.origins[0].batches[0].header, first.hash);
    broker_receipt(w, 0, &w->b.origins[0].head, OTHER_BROKER, LTH_RECEIPT_REDACTED,
                   LTH_RECEIPT_DURABLE);
    broker_receipt(w, 0, &first, OTHER_BROKER, LTH_RECEIPT_REDACTED, LTH_RECEIPT_DURABLE);
    world_run(w);
    assert_int_equal(info_of(w, 0).outbox, 3);
    assert_int_equal(world_count(w, LTH_A_areceipt), 1);
    broker_receipt(w, 0, &first, BROKER_KEY, LTH_RECEIPT_WHOLE, LTH_RECEIPT_DURABLE);
    world_run(w);
    assert_int_equal(info_of(w, 0).outbox, 2);
    assert_int_equal(world_count(w, LTH_A_areceipt), 2);

    /* the newest of a tier stays */
    lth_txn *txn;
    lth_slice value;
    uint8_t key[40] = {0};
    memcpy(key, w->schools[0].org.b, 16);
    memcpy(key + 24, test_org(OTHER_BROKER).b, 16);
    lth_receipt kept;
    assert_int_equal(lth_store_begin(w->store, false, &txn), LTH_OK);
    assert_int_equal(lth_get(txn, LTH_A_areceipt, lth_slice_of(key, sizeof key), &value), LTH_OK);
    assert_true(lth_receipt_decode(&kept, value));
    assert_int_equal(kept.at.seq, 3);
    lth_store_abort(&txn);
    world_free(&w);
}

static void false_receipts_are_ignored(void **state)
{
    (void)state;
    world *w = unanswered();
    lth_position head = w->b.origins[0].head;
    lth_position other = head;
    other.hash[0] ^= 1;
    lth_position ahead = head;
    ahead.seq = 99;
    broker_receipt(w, 0, &other, BROKER_KEY, LTH_RECEIPT_WHOLE, LTH_RECEIPT_DURABLE);
    broker_receipt(w, 0, &ahead, BROKER_KEY, LTH_RECEIPT_WHOLE, LTH_RECEIPT_DURABLE);
    broker_receipt(w, 0, &head, SCHOOL_KEY(0), LTH_RECEIPT_WHOLE, LTH_RECEIPT_DURABLE);
    broker_receipt(w, 0, &head, BROKER_KEY, LTH_RECEIPT_WHOLE, LTH_RECEIPT_DURABLE);
    ((uint8_t *)(uintptr_t)w->replies[w->reply_n - 1].receipt.bytes.p)[200] ^= 1;
    world_run(w);
    assert_int_equal(totals(w).receipts, 0);
    assert_int_equal(info_of(w, 0).outbox, 3);
    assert_int_equal(world_count(w, LTH_A_areceipt), 0);
    world_free(&w);
}

static lth_frame reject(const world *w, lth_refusal code, lth_refusal_class class_)
{
    return (lth_frame){.kind = LTH_FRAME_REJECT,
                       .reject = {.origin = w->schools[0].org,
                                  .epoch = 1,
                                  .seq = 3,
                                  .code = code,
                                  .class_ = class_,
                                  .wait_ms = 5000,
                                  .tier_org = test_org(BROKER_KEY)}};
}

static void a_refusal_that_an_epoch_heals_asks_for_one(void **state)
{
    (void)state;
    static const lth_refusal codes[] = {LTH_REFUSE_bad_root, LTH_REFUSE_bad_body, LTH_REFUSE_chain,
                                        LTH_REFUSE_epoch_closed, LTH_REFUSE_bad_signature};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        world *w = unanswered();
        w->b.no_receipts = false;
        lth_frame frame = reject(w, codes[i], LTH_REFUSAL_STOPPED);
        world_frame(w, &frame);
        world_frame(w, &frame); /* a batch behind it has the same fate */
        assert_int_equal(w->sent[LTH_FRAME_EPOCH_REQUEST], 2);
        world_run(w);
        assert_int_equal(totals(w).rejects, 2);
        assert_int_equal(info_of(w, 0).head.at.epoch, 2);
        assert_int_equal(info_of(w, 0).head.next_rec_seq, 1);
        world_frame(w, &frame); /* late, of the closed epoch */
        assert_int_equal(w->sent[LTH_FRAME_EPOCH_REQUEST], 2);
        world_scan(w, 0, 0, THREE, 2, LTH_SCAN_none);
        expect_records(w, 0, DS_A, THREE, 2);
        world_free(&w);
    }
}

static void a_refusal_for_a_person_stops_until_the_next_link(void **state)
{
    (void)state;
    static const lth_refusal codes[] = {LTH_REFUSE_fork,        LTH_REFUSE_frozen,
                                        LTH_REFUSE_key_revoked, LTH_REFUSE_key_expired,
                                        LTH_REFUSE_wrong_key,   LTH_REFUSE_not_carrier,
                                        LTH_REFUSE_fenced,      LTH_REFUSE_unknown_origin};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        world *w = unanswered();
        lth_frame frame = reject(w, codes[i], LTH_REFUSAL_STOPPED);
        world_frame(w, &frame);
        assert_int_equal(info_of(w, 0).head.stopped, codes[i]);
        assert_false(info_of(w, 0).resumed);
        assert_true(world_logged(w, "origin_stopped"));
        uint32_t batches = w->n_order;
        uint32_t hellos = w->sent[LTH_FRAME_HELLO];
        world_scan(w, 0, 0, THREE, 2, LTH_SCAN_none);
        world_advance(w, LTH_MONO_S(100));
        world_run(w);
        assert_int_equal(w->n_order, batches);
        assert_int_equal(w->sent[LTH_FRAME_HELLO], hellos);
        assert_int_equal(w->sent[LTH_FRAME_EPOCH_REQUEST], 1);
        world_reopen(w);
        assert_int_equal(info_of(w, 0).head.stopped, codes[i]);
        world_connect(w);
        assert_int_equal(info_of(w, 0).head.stopped, LTH_REFUSE_none);
        expect_records(w, 0, DS_A, THREE, 2);
        world_free(&w);
    }
}

static void resume_may_say_stopped_or_wait(void **state)
{
    (void)state;
    world *w = unanswered();
    lth_frame frame = {
        .kind = LTH_FRAME_RESUME,
        .resume = {.origin = w->schools[0].org, .state = LTH_RESUME_WAIT, .wait_ms = 3000}};
    uint32_t hellos = w->sent[LTH_FRAME_HELLO];
    world_frame(w, &frame);
    world_advance(w, LTH_MONO_MS(2999));
    world_run(w);
    assert_int_equal(w->sent[LTH_FRAME_HELLO], hellos);
    world_advance(w, LTH_MONO_MS(1));
    world_run(w);
    assert_int_equal(w->sent[LTH_FRAME_HELLO], hellos + 1);
    assert_true(info_of(w, 0).resumed);
    frame.resume.state = LTH_RESUME_STOPPED;
    frame.resume.code = LTH_REFUSE_frozen;
    world_frame(w, &frame);
    assert_int_equal(info_of(w, 0).head.stopped, LTH_REFUSE_frozen);
    world_free(&w);
}

static void retry_later_waits(void **state)
{
    (void)state;
    world *w = unanswered();
    uint32_t hellos = w->sent[LTH_FRAME_HELLO];
    uint32_t certs = w->sent[LTH_FRAME_CERTS];
    lth_frame frame = reject(w, LTH_REFUSE_unknown_key, LTH_REFUSAL_RETRY_LATER);
    world_frame(w, &frame);
    world_frame(w, &frame);
    assert_int_equal(w->sent[LTH_FRAME_CERTS], certs + 1);
    world_advance(w, LTH_MONO_MS(4999));
    world_run(w);
    assert_int_equal(w->sent[LTH_FRAME_HELLO], hellos);
    world_advance(w, LTH_MONO_MS(1));
    world_run(w);
    assert_int_equal(w->sent[LTH_FRAME_HELLO], hellos + 1);
    world_free(&w);
}

static void resend_from_goes_back_once(void **state)
{
    (void)state;
    world *w = unanswered();
    w->b.no_receipts = false;
    lth_frame frame = reject(w, LTH_REFUSE_gap, LTH_REFUSAL_RESEND_FROM);
    frame.reject.resend_from = 2;
    uint32_t before = w->n_order;
    world_frame(w, &frame);
    assert_int_equal(w->n_order, before + 2);
    assert_int_equal(w->b.origins[0].duplicates, 2);
    frame.reject.resend_from = 77;
    world_frame(w, &frame);
    assert_int_equal(w->n_order, before + 2);
    world_run(w);
    assert_int_equal(info_of(w, 0).outbox, 0);
    world_free(&w);
}

static void a_broker_that_forgot_us_is_greeted_again(void **state)
{
    (void)state;
    world *w = unanswered();
    lth_frame frame = {.kind = LTH_FRAME_REJECT,
                       .reject = {.code = LTH_REFUSE_no_hello, .class_ = LTH_REFUSAL_STOPPED}};
    world_frame(w, &frame);
    world_frame(w, &frame);
    assert_int_equal(w->sent[LTH_FRAME_LINK_HELLO], 2);
    world_run(w);
    assert_true(info_of(w, 0).resumed);
    world_free(&w);
}

static void held_records_are_kept_until_closed(void **state)
{
    (void)state;
    world *w = unanswered();
    lth_frame frame = {.kind = LTH_FRAME_HELD,
                       .held = {.origin = w->schools[0].org,
                                .epoch = 1,
                                .seq = 2,
                                .index = 5,
                                .dataset = DS_A,
                                .code = LTH_REFUSE_bad_value,
                                .field = 3}};
    world_frame(w, &frame);
    assert_int_equal(world_count(w, LTH_A_aheld), 1);
    frame.held.index = 6;
    world_frame(w, &frame);
    assert_int_equal(world_count(w, LTH_A_aheld), 2);
    frame.held.code = LTH_REFUSE_none;
    world_frame(w, &frame);
    world_frame(w, &frame);
    assert_int_equal(world_count(w, LTH_A_aheld), 1);
    frame.held.origin = test_org(99);
    frame.held.code = LTH_REFUSE_bad_value;
    world_frame(w, &frame);
    assert_int_equal(world_count(w, LTH_A_aheld), 1);
    world_free(&w);
}

/* Days pass, hourly work is done. */
static void wait_days(world *w, uint32_t days)
{
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_LINK_DOWN});
    world_advance(w, LTH_MONO_S(86400) * days);
    world_timer(w);
    world_connect(w);
}

static void only_what_is_whole_safe_and_old_is_pruned(void **state)
{
    (void)state;
    world *w = unanswered();
    lth_position head = w->b.origins[0].head;
    lth_position second = {.epoch = 1, .seq = 2};
    lth_batch_header_hash(&w->hasher, w->b.origins[0].batches[1].header, second.hash);
    broker_receipt(w, 0, &head, BROKER_KEY, LTH_RECEIPT_WHOLE, LTH_RECEIPT_DURABLE);
    world_run(w);
    wait_days(w, 40);
    assert_int_equal(world_count(w, LTH_A_outbox), 3);
    broker_receipt(w, 0, &head, OTHER_BROKER, LTH_RECEIPT_REDACTED, LTH_RECEIPT_SAFE);
    world_run(w);
    wait_days(w, 1);
    assert_int_equal(world_count(w, LTH_A_outbox), 3);
    broker_receipt(w, 0, &second, OTHER_BROKER + 1, LTH_RECEIPT_WHOLE, LTH_RECEIPT_SAFE);
    world_run(w);
    wait_days(w, 1);
    assert_int_equal(world_count(w, LTH_A_outbox), 1);

    /* it still goes on from there */
    w->b.no_receipts = false;
    world_scan(w, 0, 0, THREE, 2, LTH_SCAN_none);
    expect_records(w, 0, DS_A, THREE, 2);
    assert_int_equal(info_of(w, 0).head.at.epoch, 1);
    world_free(&w);
}

static void young_batches_stay(void **state)
{
    (void)state;
    world *w = unanswered();
    broker_receipt(w, 0, &w->b.origins[0].head, BROKER_KEY, LTH_RECEIPT_WHOLE, LTH_RECEIPT_SAFE);
    world_run(w);
    wait_days(w, 34);
    assert_int_equal(world_count(w, LTH_A_outbox), 3);
    wait_days(w, 1);
    assert_int_equal(world_count(w, LTH_A_outbox), 0);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_receipt_advances_what_is_acknowledged),
        cmocka_unit_test(receipts_of_each_tier_are_kept_but_only_the_entry_acknowledges),
        cmocka_unit_test(false_receipts_are_ignored),
        cmocka_unit_test(a_refusal_that_an_epoch_heals_asks_for_one),
        cmocka_unit_test(a_refusal_for_a_person_stops_until_the_next_link),
        cmocka_unit_test(resume_may_say_stopped_or_wait),
        cmocka_unit_test(retry_later_waits),
        cmocka_unit_test(resend_from_goes_back_once),
        cmocka_unit_test(a_broker_that_forgot_us_is_greeted_again),
        cmocka_unit_test(held_records_are_kept_until_closed),
        cmocka_unit_test(only_what_is_whole_safe_and_old_is_pruned),
        cmocka_unit_test(young_batches_stay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
