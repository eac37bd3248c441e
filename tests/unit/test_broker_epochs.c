/* Sessions and epochs: what a broker answers to a store that is new, old, ahead or cloned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_broker_fixture.h"

static node province, ministry;
static school a;
static const record one[] = {{.id = 1, .natural = "999001", .study = "x"}};

static int setup(void **state)
{
    (void)state;
    country_init();
    node_init(&ministry, ORG_MINISTRY, false);
    node_init(&province, ORG_PROVINCE, false);
    school_begin(&a, ORG_A, &province);
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

static const lth_frame_resume *say_hello(node *to, lth_peer peer, const lth_position *head)
{
    lth_frame frame = {.kind = LTH_FRAME_HELLO,
                       .hello = {.origin = test_org(ORG_A), .head = *head, .session = peer}};
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = peer,
                       .user = test_org(ORG_A),
                       .role = LTH_ROLE_AGENT,
                       .frame = &frame};
    node_event(to, &event);
    const lth_frame *answer = node_take(to, peer, LTH_FRAME_RESUME);
    assert_non_null(answer);
    return &answer->resume;
}

static void ask(node *to, const lth_position *head)
{
    lth_frame frame = {.kind = LTH_FRAME_EPOCH_REQUEST,
                       .epoch_request = {.origin = test_org(ORG_A), .head = *head}};
    node_frame(to, ORG_A, &frame);
}

static uint32_t granted(node *from, lth_grant *out)
{
    const lth_frame *frame = node_take(from, PEER_OF(ORG_A), LTH_FRAME_EPOCH_GRANT);
    if (frame == NULL) {
        return 0;
    }
    assert_true(lth_grant_decode(out, frame->epoch_grant.bytes));
    assert_int_equal(
        lth_statement_verify(frame->epoch_grant.bytes, from->signer.key_id, &from->trust),
        LTH_REFUSE_none);
    return out->epoch;
}

static void resume_answers_each_state_of_a_store(void **state)
{
    (void)state;
    lth_position first, none = {0};
    assert_int_equal(say_hello(&province, PEER_OF(ORG_A), &a.at)->state, LTH_RESUME_GO);
    send_good(&province, &a, one, 1);
    first = a.at;
    send_good(&province, &a, one, 1);
    lth_position ahead = a.at, other = a.at, later = a.at;
    ahead.seq++;
    other.hash[0] ^= 1;
    later.epoch = 2;
    const struct {
        const lth_position *theirs;
        lth_resume_state state;
    } cases[] = {{&a.at, LTH_RESUME_GO},     {&ahead, LTH_RESUME_GO},   {&first, LTH_RESUME_GRANT},
                 {&other, LTH_RESUME_GRANT}, {&none, LTH_RESUME_GRANT}, {&later, LTH_RESUME_GRANT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lth_frame_resume *r = say_hello(&province, PEER_OF(ORG_A), cases[i].theirs);
        assert_int_equal(r->state, cases[i].state);
        assert_int_equal(r->head.seq, 2);
        assert_memory_equal(r->head.hash, a.at.hash, LTH_HASH_SIZE);
    }
}

/* Its first batch was refused for good: the agent stands in the granted epoch already, and that
 * grant would bring it nowhere. */
static void a_grant_in_use_is_not_given_again(void **state)
{
    (void)state;
    lth_grant grant;
    send_good(&province, &a, one, 1);
    ask(&province, &a.at);
    assert_int_equal(granted(&province, &grant), 2);
    lth_position inside = {.epoch = 2, .seq = 1};
    ask(&province, &inside);
    assert_int_equal(granted(&province, &grant), 3);
    assert_int_equal(grant.closes.epoch, 1);
    inside.epoch = 7; /* A store that knows of epochs this broker lost: none is used twice. */
    ask(&province, &inside);
    assert_int_equal(granted(&province, &grant), 8);
}

/* A sender that never sends a batch and always asks for another epoch leaves one grant behind. */
static void grants_before_the_first_batch_do_not_pile_up(void **state)
{
    (void)state;
    lth_grant grant;
    lth_position inside = {.epoch = 1, .seq = 1};
    for (uint32_t epoch = 2; epoch < 50; epoch++) {
        ask(&province, &inside);
        inside.epoch = granted(&province, &grant);
        assert_int_equal(inside.epoch, epoch);
        assert_int_equal(node_entries(&province, LTH_T_grants), 1);
    }
    a.at = (lth_position){.epoch = inside.epoch};
    send_good(&province, &a, one, 1);
}

static void granted_epoch_closes_the_old_one(void **state)
{
    (void)state;
    lth_grant grant, again;
    school old;
    send_good(&province, &a, one, 1);
    old = a;
    ask(&province, &a.at);
    assert_int_equal(granted(&province, &grant), 2);
    assert_int_equal(grant.closes.epoch, 1);
    assert_int_equal(grant.closes.seq, 1);
    assert_memory_equal(grant.closes.hash, a.at.hash, LTH_HASH_SIZE);
    ask(&province, &a.at); /* The answer was lost: the same grant once more. */
    assert_int_equal(granted(&province, &again), 2);
    assert_int_equal(again.grant_ms, grant.grant_ms);
    batch past = school_batch(&old, one, 1); /* A clone goes on in the old epoch. */
    assert_int_equal(send_batch(&province, &a, &past)->code, LTH_REFUSE_epoch_closed);
    a.at = (lth_position){.epoch = 2};
    memcpy(a.at.hash, grant.closes.hash, LTH_HASH_SIZE);
    a.next_rec_seq = 1;
    send_good(&province, &a, one, 1);
    assert_int_equal(send_batch(&province, &a, &past)->code, LTH_REFUSE_epoch_closed);
    lth_record_row row;
    assert_true(node_row(&province, record_id(ORG_A, 1), 0, &row));
    assert_int_equal(row.epoch, 2);
    assert_int_equal(row.rec_seq, 1);
}

static void first_batch_of_an_epoch_must_fit_its_grant(void **state)
{
    (void)state;
    lth_grant grant;
    send_good(&province, &a, one, 1);
    ask(&province, &a.at);
    assert_int_equal(granted(&province, &grant), 2);
    school wrong = {.n = ORG_A, .at = {.epoch = 2}, .next_rec_seq = 1};
    batch no_prev = school_batch(&wrong, one, 1);
    assert_int_equal(send_batch(&province, &a, &no_prev)->code, LTH_REFUSE_chain);
    wrong = (school){.n = ORG_A, .at = grant.closes, .next_rec_seq = 2};
    wrong.at.epoch = 2;
    wrong.at.seq = 0;
    batch no_start = school_batch(&wrong, one, 1);
    assert_int_equal(send_batch(&province, &a, &no_start)->code, LTH_REFUSE_bad_seq);
    wrong.at = grant.closes;
    wrong.at.epoch = 3;
    wrong.at.seq = 0;
    batch no_grant = school_batch(&wrong, one, 1);
    assert_int_equal(send_batch(&province, &a, &no_grant)->code, LTH_REFUSE_epoch_not_granted);
}

static void three_grants_a_day(void **state)
{
    (void)state;
    lth_grant grant;
    send_good(&province, &a, one, 1);
    for (uint32_t epoch = 2; epoch <= 4; epoch++) {
        ask(&province, &a.at);
        assert_int_equal(granted(&province, &grant), epoch);
        a.at = grant.closes;
        a.at.epoch = epoch;
        a.at.seq = 0;
        a.next_rec_seq = 1;
        send_good(&province, &a, one, 1);
        node_restart(&province); /* The count is kept. */
        node_greet(&province, ORG_A);
        (void)say_hello(&province, PEER_OF(ORG_A), &a.at);
    }
    ask(&province, &a.at);
    assert_int_equal(granted(&province, &grant), 0);
    const lth_frame *stop = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_RESUME);
    assert_int_equal(stop->resume.state, LTH_RESUME_STOPPED);
    assert_int_equal(stop->resume.code, LTH_REFUSE_epoch_not_granted);
    province.now.wall_ms += 86400000;
    ask(&province, &a.at);
    assert_int_equal(granted(&province, &grant), 5);
}

static void frozen_origin_gets_no_grant(void **state)
{
    (void)state;
    static const record other[] = {{.id = 1, .natural = "999002"}};
    lth_grant grant;
    school clone = a;
    batch twin = school_batch(&clone, other, 1);
    send_good(&province, &a, one, 1);
    assert_int_equal(send_batch(&province, &a, &twin)->code, LTH_REFUSE_fork);
    assert_int_equal(say_hello(&province, PEER_OF(ORG_A), &a.at)->state, LTH_RESUME_STOPPED);
    ask(&province, &a.at);
    assert_int_equal(granted(&province, &grant), 0);
    const lth_frame *stop = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_RESUME);
    assert_int_equal(stop->resume.code, LTH_REFUSE_fork);
}

static void newer_session_fences_the_older(void **state)
{
    (void)state;
    lth_frame hello = {.kind = LTH_FRAME_LINK_HELLO,
                       .link_hello = {.version = LTH_PROTOCOL_VERSION,
                                      .node_org = test_org(ORG_A),
                                      .role = LTH_ROLE_AGENT}};
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = 900,
                       .user = test_org(ORG_A),
                       .role = LTH_ROLE_AGENT,
                       .frame = &hello};
    node_event(&province, &event);
    (void)say_hello(&province, 900, &a.at);
    const lth_frame *told = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_REJECT);
    assert_non_null(told);
    assert_int_equal(told->reject.code, LTH_REFUSE_fenced);
    ask(&province, &a.at); /* From the older one. */
    told = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_REJECT);
    assert_int_equal(told->reject.code, LTH_REFUSE_fenced);
}

/* A province that lost its store asks the ministry, which still knows the school's head. */
static void highest_head_on_the_path_is_closed(void **state)
{
    (void)state;
    static const uint16_t share[] = {1, 2, 3, 4};
    static node first, second;
    lth_grant grant;
    lth_position none = {0};
    node_init(&first, ORG_PROVINCE, true);
    node_route(&first, LTH_SEND_GROUPS, share, 4);
    node_greet(&first, ORG_A);
    (void)say_hello(&first, PEER_OF(ORG_A), &none);
    ask(&first, &none); /* The ministry is away. */
    assert_int_equal(granted(&first, &grant), 0);
    const lth_frame *wait = node_take(&first, PEER_OF(ORG_A), LTH_FRAME_RESUME);
    assert_int_equal(wait->resume.state, LTH_RESUME_WAIT);
    assert_int_equal(wait->resume.wait_ms, 5000);
    link_up(&first, &ministry);
    ask(&first, &none);
    wait = node_take(&first, PEER_OF(ORG_A), LTH_FRAME_RESUME);
    assert_int_equal(wait->resume.state, LTH_RESUME_WAIT);
    carry(&first, &ministry);
    assert_int_equal(granted(&first, &grant), 1);
    a = (school){.n = ORG_A, .at = {.epoch = 1}, .next_rec_seq = 1};
    send_good(&first, &a, one, 1);
    carry(&first, &ministry);

    node_init(&second, ORG_PROVINCE, true);
    node_route(&second, LTH_SEND_GROUPS, share, 4);
    link_up(&second, &ministry);
    node_greet(&second, ORG_A);
    assert_int_equal(say_hello(&second, PEER_OF(ORG_A), &a.at)->state, LTH_RESUME_GRANT);
    ask(&second, &a.at);
    carry(&second, &ministry);
    assert_int_equal(granted(&second, &grant), 2);
    assert_memory_equal(grant.closes.hash, a.at.hash, LTH_HASH_SIZE);
    a.at.epoch = 2;
    a.at.seq = 0;
    a.next_rec_seq = 1;
    send_good(&second, &a, one, 1);
    carry(&second, &ministry);
    lth_head head;
    assert_true(node_head(&ministry, ORG_A, &head));
    assert_int_equal(head.at.epoch, 2);
    assert_int_equal(head.at.seq, 1);
    node_fini(&first);
    node_fini(&second);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(resume_answers_each_state_of_a_store),
                                       TEST(granted_epoch_closes_the_old_one),
                                       TEST(a_grant_in_use_is_not_given_again),
                                       TEST(grants_before_the_first_batch_do_not_pile_up),
                                       TEST(first_batch_of_an_epoch_must_fit_its_grant),
                                       TEST(three_grants_a_day),
                                       TEST(frozen_origin_gets_no_grant),
                                       TEST(newer_session_fences_the_older),
                                       TEST(highest_head_on_the_path_is_closed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
