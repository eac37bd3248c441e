#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_world.h"

static const row THREE[] = {
    {"1", "999A", "An", "3"}, {"2", "999B", "Binh", NULL}, {"3", "999C", NULL, "0"}};

static world *loaded(void)
{
    world *w = world_new(1);
    world_connect(w);
    world_scan(w, 0, 0, THREE, 3, LTH_SCAN_none);
    return w;
}

static void a_new_key_takes_over_the_record_of_one_that_is_gone(void **state)
{
    (void)state;
    world *w = loaded();
    lth_id before = find_record(w, 0, DS_A, "999B")->id;
    const row rows[] = {{"77", "999B", "Binh", "1"}, THREE[0], THREE[2]};
    world_scan(w, 0, 0, rows, 3, LTH_SCAN_none);
    expect_records(w, 0, DS_A, rows, 3);
    const merged *r = find_record(w, 0, DS_A, "999B");
    assert_memory_equal(&r->id, &before, sizeof before);
    assert_int_equal(r->op, LTH_OP_REKEY);
    assert_int_equal(last_header(w, 0).rec_count, 1);
    assert_int_equal(world_info(w, 0, 0).deleted, 0);
    assert_int_equal(world_count(w, LTH_A_map), 3);
    assert_int_equal(world_count(w, LTH_A_natmap), 3);

    /* from now on it is an ordinary row */
    uint32_t batches = w->b.origins[0].n_batches;
    world_scan(w, 0, 0, rows, 3, LTH_SCAN_none);
    assert_int_equal(w->b.origins[0].n_batches, batches);

    /* the old key coming back for somebody else would have the record's identity: refused */
    const row back[] = {rows[0], rows[1], rows[2], {"2", "999X", "x", NULL}};
    world_scan(w, 0, 0, back, 4, LTH_SCAN_none);
    expect_records(w, 0, DS_A, rows, 3);
    assert_true(world_logged(w, "id_collision"));
    assert_int_equal(world_info(w, 0, 0).invalid, 1);

    /* until the record itself is gone */
    const row without[] = {rows[1], rows[2], {"2", "999X", "x", NULL}};
    world_scan(w, 0, 0, without, 3, LTH_SCAN_none);
    world_scan(w, 0, 0, without, 3, LTH_SCAN_none);
    expect_records(w, 0, DS_A, without, 3);
    world_free(&w);
}

static void no_alias_after_a_scan_that_may_have_missed_the_old_key(void **state)
{
    (void)state;
    const row rekeyed = {"77", "999B", "Binh", "1"};
    world *w = loaded();
    world_scan(w, 0, 0, &rekeyed, 1, LTH_SCAN_incomplete);
    expect_records(w, 0, DS_A, THREE, 3);
    const row unclean[] = {rekeyed, {NULL, "999N", NULL, NULL}};
    world_scan(w, 0, 0, unclean, 2, LTH_SCAN_none);
    expect_records(w, 0, DS_A, THREE, 3);
    assert_int_equal(count_held(w, 0, DS_A), 0);
    const row clean[] = {rekeyed, THREE[0], THREE[2]};
    world_scan(w, 0, 0, clean, 3, LTH_SCAN_none);
    expect_records(w, 0, DS_A, clean, 3);
    world_free(&w);
}

static void two_rows_with_one_natural_key(void **state)
{
    (void)state;
    world *w = loaded();
    const row rows[] = {{"77", "999B", "other", NULL}, THREE[0], THREE[1], THREE[2]};
    world_scan(w, 0, 0, rows, 4, LTH_SCAN_none);
    expect_records(w, 0, DS_A, THREE, 3);
    assert_int_equal(count_held(w, 0, DS_A), 1);
    assert_int_equal(world_info(w, 0, 0).invalid, 1);

    /* once per content */
    uint32_t batches = w->b.origins[0].n_batches;
    world_scan(w, 0, 0, rows, 4, LTH_SCAN_none);
    assert_int_equal(w->b.origins[0].n_batches, batches);
    assert_int_equal(world_info(w, 0, 0).invalid, 1);

    /* the older goes: the other is a good row with a record of its own */
    const row fewer[] = {rows[0], THREE[0], THREE[2]};
    world_scan(w, 0, 0, fewer, 3, LTH_SCAN_none);
    expect_records(w, 0, DS_A, fewer, 3);
    assert_int_equal(count_held(w, 0, DS_A), 0);
    assert_int_equal(world_info(w, 0, 0).deleted, 1);
    assert_int_equal(world_count(w, LTH_A_natmap), 3);
    world_free(&w);
}

static void two_new_keys_for_one_that_is_gone(void **state)
{
    (void)state;
    world *w = loaded();
    const row rows[] = {{"77", "999B", "x", NULL}, {"78", "999B", "y", NULL}, THREE[0], THREE[2]};
    world_scan(w, 0, 0, rows, 4, LTH_SCAN_none);
    const row good[] = {rows[0], THREE[0], THREE[2]};
    expect_records(w, 0, DS_A, good, 3);
    assert_int_equal(count_held(w, 0, DS_A), 1);
    world_free(&w);
}

static void natural_keys_may_be_swapped_or_moved_on(void **state)
{
    (void)state;
    world *w = loaded();
    const row swapped[] = {{"1", "999B", "An", "3"}, {"2", "999A", "Binh", NULL}, THREE[2]};
    world_scan(w, 0, 0, swapped, 3, LTH_SCAN_none);
    expect_records(w, 0, DS_A, swapped, 3);
    const row chain[] = {
        {"1", "999A", "An", "3"}, {"2", "999C", "Binh", NULL}, {"3", "999D", NULL, "0"}};
    world_scan(w, 0, 0, chain, 3, LTH_SCAN_none);
    expect_records(w, 0, DS_A, chain, 3);
    const row taken[] = {chain[0], {"3", "999C", NULL, "0"}};
    world_scan(w, 0, 0, taken, 2, LTH_SCAN_none);
    expect_records(w, 0, DS_A, taken, 2);
    assert_int_equal(world_count(w, LTH_A_natmap), 2);
    assert_int_equal(count_held(w, 0, DS_A), 0);
    world_free(&w);
}

static void too_many_deferred_rows_end_the_scan(void **state)
{
    (void)state;
    world *w = loaded();
    static char name[200001];
    static char keys[50][8];
    row rows[53];
    memset(name, 'x', 200000);
    memcpy(rows, THREE, sizeof THREE);
    for (uint32_t i = 0; i < 50; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "d%u", i);
        rows[3 + i] = (row){keys[i], "999B", name, NULL};
    }
    world_scan(w, 0, 0, &rows[1], 52, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_incomplete);
    expect_records(w, 0, DS_A, THREE, 3);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_key_takes_over_the_record_of_one_that_is_gone),
        cmocka_unit_test(no_alias_after_a_scan_that_may_have_missed_the_old_key),
        cmocka_unit_test(two_rows_with_one_natural_key),
        cmocka_unit_test(two_new_keys_for_one_that_is_gone),
        cmocka_unit_test(natural_keys_may_be_swapped_or_moved_on),
        cmocka_unit_test(too_many_deferred_rows_end_the_scan)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
