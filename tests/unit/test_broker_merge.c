/* What becomes of the records of a batch: order independence, natural keys, holds, ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/core/internal.h"
#include "test_broker_fixture.h"

static node province;
static school a;

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

#define SEND(...)                                                                                  \
    do {                                                                                           \
        static const record sent_[] = {__VA_ARGS__};                                               \
        send_good(&province, &a, sent_, sizeof sent_ / sizeof *sent_);                             \
    } while (0)

static void expect_counts(uint64_t want_live, uint64_t want_absent)
{
    uint64_t live, absent;
    node_counts(&province, ORG_A, &live, &absent);
    assert_int_equal(live, want_live);
    assert_int_equal(absent, want_absent);
}

static void expect_row(uint32_t id, lth_row_state state, uint64_t rec_seq)
{
    lth_record_row row;
    assert_true(node_row(&province, record_id(ORG_A, id), 0, &row));
    assert_int_equal(row.state, state);
    assert_int_equal(row.rec_seq, rec_seq);
}

static uint64_t open_holds(void)
{
    lth_head head;
    node_head(&province, ORG_A, &head);
    assert_int_equal(node_entries(&province, LTH_T_held), head.held);
    return head.held;
}

static lth_refusal next_held(void)
{
    const lth_frame *frame = node_take(&province, PEER_OF(ORG_A), LTH_FRAME_HELD);
    assert_non_null(frame);
    return frame->held.code;
}

static void state_deletion_and_return(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "999001"}, {.id = 2, .natural = "999002"});
    expect_counts(2, 0);
    SEND({.id = 1, .op = LTH_OP_DELETE, .natural = "999001"});
    expect_counts(1, 0);
    expect_row(1, LTH_ROW_DELETED, 3);
    assert_int_equal(node_entries(&province, LTH_T_natural), 1);
    SEND({.id = 3, .natural = "999001"}); /* The key is free again. */
    expect_counts(2, 0);
    assert_int_equal(open_holds(), 0);
    SEND({.id = 1, .natural = "999009"});
    expect_counts(3, 0);
    expect_row(1, LTH_ROW_LIVE, 5);
    assert_int_equal(node_entries(&province, LTH_T_feed), 5);
}

static void last_version_in_a_batch_wins(void **state)
{
    (void)state;
    SEND({.id = 9, .natural = "999009"}, {.id = 1, .natural = "999001"},
         {.id = 9, .natural = "999009", .study = "second"}, {.id = 1, .natural = "999011"});
    expect_row(9, LTH_ROW_LIVE, 3);
    expect_row(1, LTH_ROW_LIVE, 4);
    expect_counts(2, 0);
    assert_int_equal(node_entries(&province, LTH_T_natural), 2);
    assert_int_equal(open_holds(), 0);
}

static void two_records_swap_their_keys(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "999001"}, {.id = 2, .natural = "999002"});
    SEND({.id = 1, .natural = "999002"}, {.id = 2, .natural = "999001"});
    assert_int_equal(open_holds(), 0);
    expect_row(1, LTH_ROW_LIVE, 3);
    expect_row(2, LTH_ROW_LIVE, 4);
    assert_int_equal(node_entries(&province, LTH_T_natural), 2);
}

static void deleted_and_created_in_one_batch(void **state)
{
    (void)state;
    SEND({.id = 5, .natural = "999001"});
    SEND({.id = 1, .natural = "999001"}, {.id = 5, .op = LTH_OP_DELETE, .natural = "999001"});
    assert_int_equal(open_holds(), 0);
    expect_counts(1, 0);
    expect_row(1, LTH_ROW_LIVE, 2);
}

static void taken_key_is_held_and_closed_by_a_good_version(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "999001"}, {.id = 2, .natural = "999002"});
    SEND({.id = 2, .natural = "999001"});
    assert_int_equal(next_held(), LTH_REFUSE_natural_key_taken);
    assert_int_equal(open_holds(), 1);
    expect_row(2, LTH_ROW_LIVE, 2); /* The version before stays in force, with its key. */
    SEND({.id = 3, .natural = "999002"});
    assert_int_equal(next_held(), LTH_REFUSE_natural_key_taken);
    assert_int_equal(open_holds(), 2);
    SEND({.id = 2, .natural = "999003"});
    assert_int_equal(next_held(), LTH_REFUSE_none);
    expect_row(2, LTH_ROW_LIVE, 5);
    assert_int_equal(next_held(), LTH_REFUSE_none); /* 3 gets the key that is free now. */
    assert_int_equal(open_holds(), 0);
    expect_row(3, LTH_ROW_LIVE, 4);
}

/* 1 wants the key of 9 (outside the batch), 2 wants that of 1, 3 wants that of 2: when 1 fails, all
 * keep what they had. */
static void failure_goes_through_the_batch(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "1"}, {.id = 2, .natural = "2"}, {.id = 3, .natural = "3"},
         {.id = 9, .natural = "9"});
    SEND({.id = 3, .natural = "2"}, {.id = 2, .natural = "1"}, {.id = 1, .natural = "9"});
    assert_int_equal(open_holds(), 3);
    for (uint32_t id = 1; id <= 3; id++) {
        expect_row(id, LTH_ROW_LIVE, id);
    }
    assert_int_equal(node_entries(&province, LTH_T_natural), 4);
    SEND({.id = 4, .natural = "3"}, {.id = 5, .natural = "1"}, {.id = 6, .natural = "2"});
    assert_int_equal(open_holds(), 6); /* All three are still taken. */
}

static void bad_records_are_held_and_harm_nobody(void **state)
{
    (void)state;
    static char long_text[150];
    static record list[] = {{.id = 1, .natural = "999001"},
                            {.id = 2, .natural = "999002", .flags = LTH_RECORD_INVALID},
                            {.id = 3, .natural = "999003", .study = long_text},
                            {.id = 4, .natural = "999004", .dataset = 77},
                            {.owner = ORG_B, .id = 5, .natural = "999005"},
                            {.id = 6, .natural = "999006", .op = LTH_OP_ERASE},
                            {.id = 8, .op = LTH_OP_RANGE, .lo = 0, .hi = 8},
                            {.id = 7, .official = "mine"}};
    static const lth_refusal codes[] = {LTH_REFUSE_invalid_at_source,
                                        LTH_REFUSE_bad_value,
                                        LTH_REFUSE_await_definition,
                                        LTH_REFUSE_scope,
                                        LTH_REFUSE_bad_op,
                                        LTH_REFUSE_bad_op,
                                        LTH_REFUSE_bad_author};
    bool seen[sizeof codes / sizeof *codes] = {false};
    memset(long_text, 'x', sizeof long_text - 1);
    send_good(&province, &a, list, 8);
    expect_counts(1, 0);
    assert_int_equal(open_holds(), 7);
    for (size_t i = 0; i < 7; i++) {
        lth_refusal code = next_held();
        size_t k = 0;
        while (k < 7 && (codes[k] != code || seen[k])) {
            k++;
        }
        assert_true(k < 7);
        seen[k] = true;
    }
    lth_record_row row;
    assert_false(node_row(&province, record_id(ORG_B, 5), 0, &row));
}

static void bad_version_replaces_the_hold(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "999001"});
    SEND({.id = 1, .natural = "999001", .flags = LTH_RECORD_INVALID});
    SEND({.id = 1, .natural = "999001", .op = LTH_OP_ERASE});
    assert_int_equal(open_holds(), 1);
    assert_int_equal(next_held(), LTH_REFUSE_invalid_at_source);
    assert_int_equal(next_held(), LTH_REFUSE_none);
    assert_int_equal(next_held(), LTH_REFUSE_bad_op);
    SEND({.id = 1, .natural = "999001", .study = "good"});
    assert_int_equal(open_holds(), 0);
    assert_int_equal(node_entries(&province, LTH_T_heldby), 0);
    expect_row(1, LTH_ROW_LIVE, 4);
}

/* A school that claims another's record cannot touch that school's own hold. */
static void foreign_hold_stands_apart(void **state)
{
    (void)state;
    school b;
    static const record bad[] = {{.id = 1, .natural = "999001", .flags = LTH_RECORD_INVALID}};
    static const record theft[] = {{.owner = ORG_A, .id = 1, .natural = "999001"}};
    static const record good[] = {{.id = 1, .natural = "999001"}};
    school_begin(&b, ORG_B, &province);
    send_good(&province, &a, bad, 1);
    send_good(&province, &b, theft, 1);
    assert_int_equal(node_entries(&province, LTH_T_held), 2);
    send_good(&province, &a, good, 1);
    assert_int_equal(node_entries(&province, LTH_T_held), 1);
    expect_row(1, LTH_ROW_LIVE, 2);
    lth_head head;
    node_head(&province, ORG_B, &head);
    assert_int_equal(head.held, 1);
}

static void range_ends_what_the_snapshot_has_not(void **state)
{
    (void)state;
    SEND({.id = 1, .natural = "1"}, {.id = 2, .natural = "2"}, {.id = 3, .natural = "3"},
         {.id = 4, .natural = "4"}, {.id = 5, .natural = "5"}, {.id = 6, .natural = "6"});
    SEND({.op = LTH_OP_RANGE, .lo = 1, .hi = 5}, {.id = 2, .natural = "2"},
         {.id = 4, .natural = "3"}); /* 3 is gone, 4 has its key. */
    expect_row(1, LTH_ROW_LIVE, 1);
    expect_row(2, LTH_ROW_LIVE, 8);
    expect_row(3, LTH_ROW_ABSENT, 7);
    expect_row(4, LTH_ROW_LIVE, 9);
    expect_row(5, LTH_ROW_ABSENT, 7); /* The upper end belongs to the range. */
    expect_row(6, LTH_ROW_LIVE, 6);
    expect_counts(4, 2);
    assert_int_equal(open_holds(), 0);
    assert_int_equal(node_entries(&province, LTH_T_natural), 4);
    SEND({.id = 5, .natural = "5"});
    expect_counts(5, 1);
}

static void long_range_goes_in_slices_and_stays_with_its_owner(void **state)
{
    (void)state;
    static record list[300];
    static char names[300][8];
    school b;
    for (uint32_t i = 0; i < 300; i++) {
        (void)lth_format(names[i], sizeof names[i], "n%u", i);
        list[i] = (record){.id = i + 1, .natural = names[i]};
    }
    province.env.gone_percent = 100; /* Nothing is too much. */
    node_restart(&province);
    node_greet(&province, ORG_A);
    school_begin(&b, ORG_B, &province);
    send_good(&province, &b, list, 300);
    send_good(&province, &a, list, 300);
    SEND({.op = LTH_OP_RANGE, .lo = 0, .hi = 1000}, {.id = 77, .natural = "n76"});
    expect_counts(1, 299);
    uint64_t live, absent;
    node_counts(&province, ORG_B, &live, &absent);
    assert_int_equal(live, 300);
    assert_int_equal(absent, 0);
}

/* ---- the order in which versions arrive does not matter ---- */

#define VERSIONS 4u

/* Merge one batch as if it had just been accepted, whatever came before it. */
static void merge_alone(node *to, const batch *b, uint64_t accept_no)
{
    static lth_checked checked;
    lth_txn *txn;
    broker_origin origin = {.peer = 0};
    broker_peer peer = {.role = LTH_ROLE_AGENT};
    lth_check_env env = {.hasher = test_hasher(),
                         .trust = &to->trust,
                         .registry = country_registry(),
                         .schema = country_schema()};
    lth_broker_check(&checked, &env, &b->frame.batch);
    assert_int_equal(checked.code, LTH_REFUSE_none);
    assert_int_equal(lth_store_begin(to->store, true, &txn), LTH_OK);
    broker_batch one = {.txn = txn,
                        .now = to->now,
                        .peer = &peer,
                        .origin = &origin,
                        .frame = &b->frame.batch,
                        .c = &checked,
                        .org = lth_registry_find(country_registry(), &checked.batch.header.origin),
                        .entry = true,
                        .receive_ms = to->now.wall_ms,
                        .accept_no = accept_no};
    assert_int_equal(lth_broker__merge(to->broker, &one), LTH_OK);
    assert_int_equal(one.head.held, 0);
    assert_int_equal(lth_store_commit(&txn), LTH_OK);
}

static void try_order(const batch *list, const uint32_t *order, bool first)
{
    static const uint32_t tables[] = {LTH_T_record, LTH_T_natural, LTH_T_count};
    static uint8_t expected[3][LTH_HASH_SIZE];
    static node fresh;
    node_init(&fresh, ORG_PROVINCE, false);
    for (uint32_t i = 0; i < 2 * VERSIONS; i++) { /* Everything twice. */
        uint32_t at = order[i % VERSIONS];
        merge_alone(&fresh, &list[at], at + 1);
    }
    for (uint32_t t = 0; t < 3; t++) {
        uint8_t hash[LTH_HASH_SIZE];
        node_table_hash(&fresh, tables[t], first ? expected[t] : hash);
        assert_true(first || memcmp(hash, expected[t], LTH_HASH_SIZE) == 0);
    }
    node_fini(&fresh);
}

static uint32_t permute(const batch *list, uint32_t *order, uint32_t n, uint32_t done)
{
    if (n == VERSIONS) {
        try_order(list, order, done == 0);
        return done + 1;
    }
    for (uint32_t i = n; i < VERSIONS; i++) {
        uint32_t swap = order[n];
        order[n] = order[i];
        order[i] = swap;
        done = permute(list, order, n + 1, done);
        order[i] = order[n];
        order[n] = swap;
    }
    return done;
}

static void order_of_arrival_does_not_matter(void **state)
{
    (void)state;
    static const record versions[VERSIONS][2] = {
        {{.id = 1, .natural = "1", .study = "a"}, {.id = 2, .natural = "2"}},
        {{.id = 1, .op = LTH_OP_DELETE, .natural = "1"}, {.id = 3, .natural = "3"}},
        {{.id = 1, .natural = "1", .study = "b"}, {.id = 2, .natural = "2", .study = "c"}},
        {{.id = 2, .op = LTH_OP_DELETE, .natural = "2"}, {.id = 3, .natural = "3", .study = "d"}}};
    static batch list[VERSIONS];
    uint32_t order[VERSIONS] = {0, 1, 2, 3};
    for (uint32_t i = 0; i < VERSIONS; i++) {
        list[i] = school_batch(&a, versions[i], 2);
    }
    assert_int_equal(permute(list, order, 0, 0), 24);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(state_deletion_and_return),
                                       TEST(last_version_in_a_batch_wins),
                                       TEST(two_records_swap_their_keys),
                                       TEST(deleted_and_created_in_one_batch),
                                       TEST(taken_key_is_held_and_closed_by_a_good_version),
                                       TEST(failure_goes_through_the_batch),
                                       TEST(bad_records_are_held_and_harm_nobody),
                                       TEST(bad_version_replaces_the_hold),
                                       TEST(foreign_hold_stands_apart),
                                       TEST(range_ends_what_the_snapshot_has_not),
                                       TEST(long_range_goes_in_slices_and_stays_with_its_owner),
                                       TEST(order_of_arrival_does_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
