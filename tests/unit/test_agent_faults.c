#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_world.h"

static const row THREE[] = {
    {"1", "999A", "An", "3"}, {"2", "999B", "Binh", NULL}, {"3", "999C", NULL, "0"}};
static const row CHANGED_FIRST = {"1", "999A", "An An", "3"};

static world *loaded(void)
{
    world *w = world_new(1);
    world_connect(w);
    world_scan(w, 0, 0, THREE, 3, LTH_SCAN_none);
    return w;
}

static void after_any_fault_nothing_is_deleted(void **state)
{
    (void)state;
    for (int fault = LTH_SCAN_unreachable; fault <= LTH_SCAN_bad_driver; fault++) {
        world *w = loaded();
        world_scan(w, 0, 0, &CHANGED_FIRST, 1, (lth_scan_fault)fault);
        const row rows[] = {CHANGED_FIRST, THREE[1], THREE[2]};
        expect_records(w, 0, DS_A, rows, 3); /* what was read still counts */
        lth_scan_info info = world_info(w, 0, 0);
        assert_int_equal(info.fault, fault);
        assert_int_equal(info.faults_in_a_row, 1);
        assert_int_equal(info.deleted, 0);
        assert_string_equal(info.detail, "detail");
        assert_int_equal(info.last_good_ms, WALL_START);
        world_free(&w);
    }
}

static void a_round_that_just_ends_is_incomplete(void **state)
{
    (void)state;
    world *w = loaded();
    world_begin_round(w, 0);
    world_row(w, 0, 0, &THREE[0]);
    world_round_end(w, 0);
    world_run(w);
    expect_records(w, 0, DS_A, THREE, 3);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_incomplete);
    assert_int_equal(world_info(w, 0, 1).fault, LTH_SCAN_incomplete);
    lth_agent_school_info info;
    lth_agent_school_info_of(w->agent, 0, &info);
    assert_false(info.scanning);
    world_free(&w);
}

static void rows_without_key_stop_deletions_only(void **state)
{
    (void)state;
    world *w = loaded();
    const row rows[] = {{NULL, "999X", "x", NULL},
                        {"  ", "999Y", "y", NULL},
                        CHANGED_FIRST,
                        {"4", "999D", "Dung", NULL}};
    world_scan(w, 0, 0, rows, 4, LTH_SCAN_none);
    const row after[] = {CHANGED_FIRST, THREE[1], THREE[2], rows[3]};
    expect_records(w, 0, DS_A, after, 4);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_null_key);
    assert_string_equal(world_info(w, 0, 0).detail, "key");
    assert_int_equal(world_info(w, 0, 0).rows, 4);
    world_free(&w);
}

static void rows_with_one_key_stop_deletions_only(void **state)
{
    (void)state;
    world *w = loaded();
    const row rows[] = {CHANGED_FIRST, {"1", "999Z", "z", NULL}, {"4", "999D", "Dung", NULL}};
    world_scan(w, 0, 0, rows, 3, LTH_SCAN_none);
    const row after[] = {CHANGED_FIRST, THREE[1], THREE[2], rows[2]};
    expect_records(w, 0, DS_A, after, 4);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_duplicate_key);
    world_scan(w, 0, 0, after, 2, LTH_SCAN_none);
    expect_records(w, 0, DS_A, after, 2);
    world_free(&w);
}

static void too_many_rows_are_a_fault(void **state)
{
    (void)state;
    world *w = loaded();
    lth_txn *txn;
    lth_cell cells[4] = {{NULL, -1}, {NULL, -1}, {NULL, -1}, {NULL, -1}};
    lth_agent_event event = {.kind = LTH_AEVENT_ROW, .cells = cells};
    world_begin_round(w, 0);
    assert_int_equal(lth_store_begin(w->store, true, &txn), LTH_OK);
    for (uint32_t i = 0; i < LTH_SCAN_ROWS_MAX + 2; i++) {
        assert_int_equal(lth_agent_handle(w->agent, txn, w->now, &event, NULL), LTH_OK);
    }
    assert_int_equal(lth_agent_seal(w->agent, txn, w->now, NULL), LTH_OK);
    assert_int_equal(lth_store_commit(&txn), LTH_OK);
    assert_int_equal(lth_agent_committed(w->agent, w->now), LTH_OK);
    world_scan(w, 0, 0, NULL, 0, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_too_many_rows);
    assert_int_equal(world_info(w, 0, 0).rows, LTH_SCAN_ROWS_MAX);
    expect_records(w, 0, DS_A, THREE, 3);
    world_free(&w);
}

/* A school with one table: the helpers say "locked" of a second one. */
static world *one_table(void)
{
    world *w = world_new(1);
    w->schools[0].n_tables = 1;
    world_reopen(w);
    world_connect(w);
    world_scan(w, 0, 0, THREE, 3, LTH_SCAN_none);
    return w;
}

static void faults_are_counted_and_said_once(void **state)
{
    (void)state;
    world *w = one_table();
    for (uint32_t i = 1; i <= 4; i++) {
        w->events[0] = '\0';
        world_scan(w, 0, 0, NULL, 0, LTH_SCAN_missing_table);
        assert_int_equal(world_info(w, 0, 0).faults_in_a_row, i);
        assert_int_equal(world_logged(w, "scan_fault"), i == 1);
        world_reopen(w); /* counted and said across a restart too */
        world_connect(w);
    }
    world_scan(w, 0, 0, NULL, 0, LTH_SCAN_missing_column);
    assert_true(world_logged(w, "scan_fault"));
    world_scan(w, 0, 0, THREE, 3, LTH_SCAN_none);
    assert_true(world_logged(w, "scan_recovered"));
    assert_int_equal(world_info(w, 0, 0).faults_in_a_row, 0);
    world_free(&w);
}

static void a_lock_is_said_at_the_third_scan(void **state)
{
    (void)state;
    world *w = one_table();
    for (uint32_t i = 1; i <= 5; i++) {
        w->events[0] = '\0';
        world_scan(w, 0, 0, NULL, 0, LTH_SCAN_locked);
        assert_int_equal(world_logged(w, "scan_fault"), i == 3);
    }
    expect_records(w, 0, DS_A, THREE, 3);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(after_any_fault_nothing_is_deleted),
                                       cmocka_unit_test(a_round_that_just_ends_is_incomplete),
                                       cmocka_unit_test(rows_without_key_stop_deletions_only),
                                       cmocka_unit_test(rows_with_one_key_stop_deletions_only),
                                       cmocka_unit_test(too_many_rows_are_a_fault),
                                       cmocka_unit_test(faults_are_counted_and_said_once),
                                       cmocka_unit_test(a_lock_is_said_at_the_third_scan)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
