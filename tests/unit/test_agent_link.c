#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_world.h"

#include "lib/store/store_mem.h"

static const row THREE[] = {
    {"1", "999A", "An", "3"}, {"2", "999B", "Binh", NULL}, {"3", "999C", NULL, "0"}};

static lth_agent_school_info info_of(const world *w, uint32_t school)
{
    lth_agent_school_info info;
    lth_agent_school_info_of(w->agent, school, &info);
    return info;
}

/* Both tables read to their end, so that a resync is through as well. */
static void scan_all(world *w, uint32_t school, const row *rows, uint32_t n)
{
    world_begin_round(w, school);
    for (uint32_t i = 0; i < n; i++) {
        world_row(w, school, 0, &rows[i]);
    }
    world_table_end(w, school, 0, LTH_SCAN_none);
    world_table_end(w, school, 1, LTH_SCAN_none);
    world_round_end(w, school);
    world_run(w);
}

static world *loaded(void)
{
    world *w = world_new(1);
    world_connect(w);
    scan_all(w, 0, THREE, 3);
    return w;
}

static void link_down(world *w)
{
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_LINK_DOWN});
    w->reply_at = w->reply_n = 0;
}

static void the_link_opens_in_order(void **state)
{
    (void)state;
    world *w = world_new(3);
    world_timer(w);
    assert_int_equal(w->rounds[0], 0); /* nothing is read before an epoch is granted */
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_LINK_UP});
    assert_int_equal(w->sent[LTH_FRAME_LINK_HELLO], 1);
    const lth_frame_link_hello *hello = &w->last[LTH_FRAME_LINK_HELLO].link_hello;
    assert_int_equal(hello->version, LTH_PROTOCOL_VERSION);
    assert_int_equal(hello->role, LTH_ROLE_AGENT);
    assert_memory_equal(&hello->node_org, &w->env.node_org, sizeof hello->node_org);
    lth_agent_info info;
    lth_agent_info_of(w->agent, &info);
    assert_false(info.link_up);
    assert_int_equal(hello->incarnation, info.session);
    assert_int_equal(w->sent[LTH_FRAME_HELLO], 0);

    world_run(w);
    lth_agent_info_of(w->agent, &info);
    assert_true(info.link_up);
    assert_int_equal(w->sent[LTH_FRAME_CERTS], 1);
    assert_int_equal(w->last[LTH_FRAME_CERTS].certs.n, 3);
    assert_int_equal(w->sent[LTH_FRAME_HELLO], 3);
    assert_int_equal(w->sent[LTH_FRAME_EPOCH_REQUEST], 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(info_of(w, i).head.at.epoch, 1);
        assert_true(info_of(w, i).resumed);
        assert_false(info_of(w, i).head.resync);
        assert_int_equal(w->rounds[i], 1);
    }
    world_free(&w);
}

static void another_broker_is_not_talked_to(void **state)
{
    (void)state;
    world *w = world_new(1);
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_LINK_UP});
    w->reply_at = w->reply_n = 0;
    lth_frame frame = {.kind = LTH_FRAME_LINK_RESUME,
                       .link_resume = {.version = LTH_PROTOCOL_VERSION,
                                       .node_org = test_org(OTHER_BROKER),
                                       .credit = 1000000}};
    world_frame(w, &frame);
    assert_int_equal(w->sent[LTH_FRAME_HELLO], 0);
    assert_true(world_logged(w, "wrong_broker"));
    world_free(&w);
}

static void grants_of_others_or_of_old_are_ignored(void **state)
{
    (void)state;
    world *w = loaded();
    lth_position before = w->b.origins[0].head;
    broker_grant(w, 0, 2, OTHER_BROKER);
    broker_grant(w, 0, 2, SCHOOL_KEY(0));
    broker_grant(w, 0, 1, BROKER_KEY);
    broker_grant(w, 0, 3, BROKER_KEY);
    ((uint8_t *)(uintptr_t)w->replies[w->reply_n - 1].epoch_grant.bytes.p)[150] ^= 1;
    w->b.origins[0].head = before;
    world_run(w);
    assert_int_equal(info_of(w, 0).head.at.epoch, 1);
    assert_true(world_logged(w, "grant_ignored"));
    world_free(&w);
}

/* The store of yesterday comes back: the broker holds more than this agent knows of. */
static void a_restored_store_is_noticed_before_anything_is_sent(void **state)
{
    (void)state;
    world *w = loaded();
    lth_store *old = lth_store_mem_clone(w->store);
    const row more[] = {THREE[0], THREE[1], THREE[2], {"4", "999D", "Dung", "1"}};
    scan_all(w, 0, more, 4);
    lth_agent_free(&w->agent);
    lth_store_close(&w->store);
    w->store = old;
    world_reopen(w);
    uint32_t batches = w->n_order;
    const row now[] = {THREE[0], {"2", "999B", "Bình", NULL}, more[3]};
    scan_all(w, 0, now, 3); /* while not connected: numbers that are used up already */
    assert_int_equal(w->n_order, batches);
    world_connect(w);
    assert_true(world_logged(w, "position_mismatch"));
    assert_int_equal(info_of(w, 0).head.at.epoch, 2);
    assert_int_equal(info_of(w, 0).head.at.seq, 0);
    assert_true(info_of(w, 0).head.resync);
    scan_all(w, 0, now, 3);
    expect_records(w, 0, DS_A, now, 3);
    assert_false(info_of(w, 0).head.resync);
    world_free(&w);
}

/* Both went on from the same point: numbers agree, hashes do not. */
static void a_fork_of_equal_length_is_noticed_by_its_hash(void **state)
{
    (void)state;
    for (uint32_t further = 0; further < 2; further++) {
        world *w = loaded();
        lth_store *old = lth_store_mem_clone(w->store);
        const row one[] = {THREE[0], THREE[1], {"3", "999C", "x", "0"}};
        scan_all(w, 0, one, 3);
        lth_agent_free(&w->agent);
        lth_store_close(&w->store);
        w->store = old;
        world_reopen(w);
        const row two[] = {THREE[0], THREE[1], {"3", "999C", "y", "0"}};
        scan_all(w, 0, two, 3);
        if (further == 1) {
            scan_all(w, 0, two, 2);
        }
        world_connect(w);
        assert_int_equal(info_of(w, 0).head.at.epoch, 2);
        scan_all(w, 0, two, 3);
        expect_records(w, 0, DS_A, two, 3);
        world_free(&w);
    }
}

static void a_restored_broker_gets_everything_again(void **state)
{
    (void)state;
    world *w = loaded();
    broker_origin yesterday = w->b.origins[0];
    const row more[] = {THREE[0], {"2", "999B", "x", NULL}, {"4", "999D", "Dung", "1"}};
    scan_all(w, 0, more, 3);
    scan_all(w, 0, more, 2);
    link_down(w);
    w->b.origins[0].head = yesterday.head;
    w->b.origins[0].next_rec_seq = yesterday.next_rec_seq;
    world_connect(w);
    expect_records(w, 0, DS_A, more, 2);
    assert_int_equal(info_of(w, 0).head.at.epoch, 1);
    assert_int_equal(w->b.origins[0].head.seq, info_of(w, 0).head.at.seq);

    /* back to the beginning of the epoch */
    link_down(w);
    w->b.origins[0].head = (lth_position){.epoch = 1};
    w->b.origins[0].next_rec_seq = 1;
    world_connect(w);
    expect_records(w, 0, DS_A, more, 2);
    assert_int_equal(info_of(w, 0).head.at.epoch, 1);
    world_free(&w);
}

static void a_broker_without_the_grant_leads_to_a_new_epoch(void **state)
{
    (void)state;
    world *w = loaded();
    link_down(w);
    w->b.origins[0].head = (lth_position){0};
    world_connect(w);
    assert_int_equal(info_of(w, 0).head.at.epoch, 2);
    assert_int_equal(world_count(w, LTH_A_outbox), 0);
    scan_all(w, 0, THREE, 3);
    expect_records(w, 0, DS_A, THREE, 3);
    world_free(&w);
}

static void without_link_batches_wait_in_the_outbox(void **state)
{
    (void)state;
    world *w = loaded();
    link_down(w);
    const row rows[] = {THREE[0], THREE[1], {"3", "999C", "x", "0"}};
    for (uint32_t i = 0; i < 20; i++) {
        scan_all(w, 0, i % 2 == 0 ? rows : THREE, 3);
    }
    expect_records(w, 0, DS_A, THREE, 3);
    assert_int_equal(info_of(w, 0).outbox, 20);
    world_reopen(w);
    world_connect(w);
    assert_int_equal(info_of(w, 0).outbox, 0);
    expect_records(w, 0, DS_A, THREE, 3);
    broker_origin *o = &w->b.origins[0];
    assert_int_equal(o->batches[o->n_batches - 20].lane, LTH_LANE_LIVE);
    assert_int_equal(o->batches[o->n_batches - 1].lane, LTH_LANE_SNAPSHOT); /* a backlog */
    world_free(&w);
}

static void credit_is_kept(void **state)
{
    (void)state;
    world *w = loaded();
    link_down(w);
    const row rows[] = {THREE[0], THREE[1], {"3", "999C", "x", "0"}};
    for (uint32_t i = 0; i < 10; i++) {
        scan_all(w, 0, i % 2 == 0 ? rows : THREE, 3);
    }
    w->b.no_receipts = true;
    w->b.credit = 1000; /* one batch has some 370 bytes */
    uint32_t before = w->n_order;
    world_connect(w);
    assert_int_equal(w->n_order - before, 2);
    assert_true(w->b.received <= 1000);
    lth_frame more = {.kind = LTH_FRAME_CREDIT, .credit.total = w->b.received + 400};
    world_frame(w, &more);
    world_run(w);
    assert_int_equal(w->n_order - before, 3);
    world_free(&w);
}

static void one_batch_may_always_go(void **state)
{
    (void)state;
    world *w = loaded();
    link_down(w);
    const row rows[] = {THREE[0], THREE[1], {"3", "999C", "x", "0"}};
    scan_all(w, 0, rows, 3);
    scan_all(w, 0, THREE, 3);
    w->b.credit = 10;
    w->b.no_receipts = true;
    uint32_t before = w->n_order;
    world_connect(w);
    assert_int_equal(w->n_order - before, 1);
    w->b.no_receipts = false;
    broker_receipt(w, 0, &w->b.origins[0].head, BROKER_KEY, LTH_RECEIPT_WHOLE, LTH_RECEIPT_DURABLE);
    world_run(w);
    assert_int_equal(w->n_order - before, 2);
    assert_int_equal(info_of(w, 0).outbox, 0);
    world_free(&w);
}

/* LINK_RESUME and the GO of every school in one step. */
static void let_all_go(world *w)
{
    lth_txn *txn;
    lth_agent_action action;
    bool more;
    assert_int_equal(lth_store_begin(w->store, true, &txn), LTH_OK);
    for (uint32_t i = 0; i < w->reply_n; i++) {
        lth_agent_event event = {.kind = LTH_AEVENT_FRAME, .frame = &w->replies[i]};
        assert_int_equal(lth_agent_handle(w->agent, txn, w->now, &event, NULL), LTH_OK);
    }
    for (uint32_t i = 0; i < w->env.n_schools; i++) {
        lth_frame go = {.kind = LTH_FRAME_RESUME,
                        .resume = {.origin = w->schools[i].org,
                                   .head = w->b.origins[i].head,
                                   .state = LTH_RESUME_GO}};
        lth_agent_event event = {.kind = LTH_AEVENT_FRAME, .frame = &go};
        assert_int_equal(lth_agent_handle(w->agent, txn, w->now, &event, NULL), LTH_OK);
    }
    assert_int_equal(lth_agent_seal(w->agent, txn, w->now, NULL), LTH_OK);
    assert_int_equal(lth_store_commit(&txn), LTH_OK);
    assert_int_equal(lth_store_begin(w->store, false, &txn), LTH_OK);
    assert_int_equal(lth_agent_pump(w->agent, txn, w->now, &more, NULL), LTH_OK);
    assert_false(more);
    while (lth_agent_next(w->agent, &action)) {
        if (action.kind == LTH_AACTION_SEND) {
            broker_take(w, &action.frame);
        }
    }
    lth_store_abort(&txn);
}

static void schools_take_turns_and_live_goes_first(void **state)
{
    (void)state;
    world *w = world_new(3);
    world_connect(w);
    scan_all(w, 0, THREE, 3);
    scan_all(w, 1, THREE, 3);
    link_down(w);
    const row rows[] = {THREE[0], THREE[1], {"3", "999C", "x", "0"}};
    scan_all(w, 2, THREE, 3); /* a first scan: slow lane; a batch per row */
    for (uint32_t i = 0; i < 3; i++) {
        scan_all(w, 0, i % 2 == 0 ? rows : THREE, 3);
        scan_all(w, 1, i % 2 == 0 ? rows : THREE, 3);
    }
    w->n_order = 0;
    w->b.no_receipts = true;
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_LINK_UP});
    let_all_go(w);
    static const lth_lane lanes[] = {LTH_LANE_LIVE,     LTH_LANE_LIVE,     LTH_LANE_LIVE,
                                     LTH_LANE_LIVE,     LTH_LANE_LIVE,     LTH_LANE_LIVE,
                                     LTH_LANE_SNAPSHOT, LTH_LANE_SNAPSHOT, LTH_LANE_SNAPSHOT};
    assert_int_equal(w->n_order, 9);
    for (uint32_t i = 0; i < 9; i++) {
        assert_int_equal(w->order[i] & 0xFF, lanes[i]);
        assert_true(i == 0 || i > 5 || w->order[i] != w->order[i - 1]);
    }
    world_free(&w);
}

static void lost_batches_are_noticed_and_sent_again(void **state)
{
    (void)state;
    world *w = loaded();
    w->b.deaf = true;
    const row rows[] = {THREE[0], THREE[1], {"3", "999C", "x", "0"}};
    scan_all(w, 0, rows, 3);
    w->b.deaf = false;
    w->b.strict = false;
    const row next[] = {THREE[0], {"2", "999B", "y", NULL}, rows[2]};
    scan_all(w, 0, next, 3); /* makes a gap; the broker asks for the one before */
    assert_int_equal(w->b.origins[0].gaps, 1);
    expect_records(w, 0, DS_A, next, 3);

    w->b.deaf = true; /* and with nothing after it: silence */
    scan_all(w, 0, THREE, 3);
    w->b.deaf = false;
    expect_records(w, 0, DS_A, next, 3);
    world_advance(w, LTH_MONO_S(61));
    world_run(w);
    expect_records(w, 0, DS_A, THREE, 3);
    assert_int_equal(info_of(w, 0).outbox, 0);
    world_free(&w);
}

/* The disk lost an entry: only a new epoch closes the hole. */
static void a_hole_in_the_outbox_leads_to_a_new_epoch(void **state)
{
    (void)state;
    world *w = loaded();
    link_down(w);
    const row rows[] = {THREE[0], THREE[1], {"3", "999C", "x", "0"}};
    scan_all(w, 0, rows, 3);
    scan_all(w, 0, THREE, 3);
    lth_txn *txn;
    uint8_t key[36] = {0};
    memcpy(key, w->schools[0].org.b, 16);
    lth_put32(key + 24, 1);
    lth_put64(key + 28, info_of(w, 0).head.at.seq);
    assert_int_equal(lth_store_begin(w->store, true, &txn), LTH_OK);
    assert_int_equal(lth_del(txn, LTH_A_outbox, lth_slice_of(key, sizeof key)), LTH_OK);
    assert_int_equal(lth_store_commit(&txn), LTH_OK);
    world_connect(w);
    assert_true(world_logged(w, "outbox_hole"));
    assert_int_equal(info_of(w, 0).head.at.epoch, 2);
    scan_all(w, 0, THREE, 3);
    expect_records(w, 0, DS_A, THREE, 3);
    world_free(&w);
}

static void an_idle_link_has_a_heartbeat(void **state)
{
    (void)state;
    world *w = loaded();
    uint32_t before = w->sent[LTH_FRAME_HEARTBEAT];
    assert_true(lth_agent_deadline(w->agent) <= w->now.mono + LTH_MONO_S(15));
    world_advance(w, LTH_MONO_S(15));
    world_run(w);
    assert_int_equal(w->sent[LTH_FRAME_HEARTBEAT], before + 1);
    link_down(w);
    world_advance(w, LTH_MONO_S(15));
    world_run(w);
    assert_int_equal(w->sent[LTH_FRAME_HEARTBEAT], before + 1);
    world_free(&w);
}

static void unanswered_hellos_are_said_again(void **state)
{
    (void)state;
    world *w = world_new(1);
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_LINK_UP});
    w->reply_at = w->reply_n = 0;
    world_advance(w, LTH_MONO_S(31));
    world_timer(w);
    assert_int_equal(w->sent[LTH_FRAME_LINK_HELLO], 2);
    lth_frame resume = w->replies[0];
    world_frame(w, &resume);
    w->reply_at = w->reply_n = 0;
    assert_int_equal(w->sent[LTH_FRAME_HELLO], 1);
    world_advance(w, LTH_MONO_S(31));
    world_run(w);
    assert_int_equal(w->sent[LTH_FRAME_HELLO], 2);
    assert_int_equal(info_of(w, 0).head.at.epoch, 1);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_link_opens_in_order),
        cmocka_unit_test(another_broker_is_not_talked_to),
        cmocka_unit_test(grants_of_others_or_of_old_are_ignored),
        cmocka_unit_test(a_restored_store_is_noticed_before_anything_is_sent),
        cmocka_unit_test(a_fork_of_equal_length_is_noticed_by_its_hash),
        cmocka_unit_test(a_restored_broker_gets_everything_again),
        cmocka_unit_test(a_broker_without_the_grant_leads_to_a_new_epoch),
        cmocka_unit_test(without_link_batches_wait_in_the_outbox),
        cmocka_unit_test(credit_is_kept),
        cmocka_unit_test(one_batch_may_always_go),
        cmocka_unit_test(schools_take_turns_and_live_goes_first),
        cmocka_unit_test(lost_batches_are_noticed_and_sent_again),
        cmocka_unit_test(a_hole_in_the_outbox_leads_to_a_new_epoch),
        cmocka_unit_test(an_idle_link_has_a_heartbeat),
        cmocka_unit_test(unanswered_hellos_are_said_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
