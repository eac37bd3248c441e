#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_world.h"

static const row ONE = {"1", "999A", "An", "3"};

/* Both tables of a round end like this. */
static void end_round(world *w, uint32_t school, lth_scan_fault fault)
{
    uint64_t tables = w->asked[school];
    for (uint32_t t = 0; t < WORLD_TABLES; t++) {
        if ((tables >> t & 1) != 0) {
            world_table_end(w, school, t, fault);
        }
    }
    world_round_end(w, school);
    world_run(w);
}

static void advance_ms(world *w, uint64_t ms)
{
    world_advance(w, LTH_MONO_MS(ms));
    world_run(w);
}

static void first_rounds_at_once_then_by_interval(void **state)
{
    (void)state;
    world *w = world_new(1);
    world_timer(w);
    assert_int_equal(w->rounds[0], 0);
    world_connect(w);
    assert_int_equal(w->rounds[0], 1);
    end_round(w, 0, LTH_SCAN_none);
    advance_ms(w, 9999);
    assert_int_equal(w->rounds[0], 1);
    advance_ms(w, 1002); /* at most a tenth later */
    assert_int_equal(w->rounds[0], 2);
    world_free(&w);
}

static void no_second_round_beside_the_first(void **state)
{
    (void)state;
    world *w = world_new(1);
    world_connect(w);
    advance_ms(w, 60000);
    assert_int_equal(w->rounds[0], 1);
    end_round(w, 0, LTH_SCAN_none);
    assert_int_equal(w->rounds[0], 2); /* overdue */
    world_free(&w);
}

static void few_rounds_at_a_time_and_every_school_has_its_turn(void **state)
{
    (void)state;
    world *w = world_new(3);
    w->env.scans_max = 1;
    world_reopen(w);
    world_connect(w);
    assert_int_equal(w->rounds[0] + w->rounds[1] + w->rounds[2], 1);
    for (uint32_t i = 0; i < 9; i++) {
        advance_ms(w, 20000); /* all are due, always */
        for (uint32_t s = 0; s < 3; s++) {
            if (w->asked[s] != 0) {
                end_round(w, s, LTH_SCAN_none);
                break;
            }
        }
    }
    for (uint32_t s = 0; s < 3; s++) {
        assert_true(w->rounds[s] >= 3);
    }
    world_free(&w);
}

/* How long until the next round, in milliseconds, seen from the end of a round. */
static uint64_t wait_for_round(world *w)
{
    uint32_t before = w->rounds[0];
    uint64_t ms = 0;
    while (w->rounds[0] == before) {
        advance_ms(w, 100);
        ms += 100;
        assert_true(ms < 2000000);
    }
    return ms;
}

static void a_broken_source_is_read_less_and_less(void **state)
{
    (void)state;
    world *w = world_new(1);
    world_connect(w);
    uint64_t last = 0;
    for (uint32_t i = 0; i < 9; i++) {
        end_round(w, 0, LTH_SCAN_unreachable);
        uint64_t ms = wait_for_round(w);
        assert_true(ms >= last || last >= 900000);
        assert_true(ms <= 901000);
        last = ms;
    }
    assert_true(last >= 900000);
    end_round(w, 0, LTH_SCAN_none);
    assert_true(wait_for_round(w) <= 11100);
    world_free(&w);
}

static void locks_and_bad_keys_do_not_slow_it(void **state)
{
    (void)state;
    static const lth_scan_fault faults[] = {LTH_SCAN_locked, LTH_SCAN_null_key,
                                            LTH_SCAN_duplicate_key};
    for (size_t f = 0; f < 3; f++) {
        world *w = world_new(1);
        world_connect(w);
        for (uint32_t i = 0; i < 6; i++) {
            end_round(w, 0, faults[f]);
            assert_true(wait_for_round(w) <= 11100);
        }
        world_free(&w);
    }
}

static void after_live_batches_a_school_pauses(void **state)
{
    (void)state;
    world *w = world_new(1);
    w->env.live_ms = 60000;
    world_reopen(w);
    world_connect(w);
    world_row(w, 0, 0, &ONE);
    end_round(w, 0, LTH_SCAN_none);
    assert_true(wait_for_round(w) <= 11100); /* a first scan is not live */
    const row changed = {"1", "999A", "An An", "3"};
    world_row(w, 0, 0, &changed);
    end_round(w, 0, LTH_SCAN_none);
    uint64_t ms = wait_for_round(w);
    assert_true(ms >= 60000 && ms <= 60200);
    world_free(&w);
}

static void asked_for_is_at_once(void **state)
{
    (void)state;
    world *w = world_new(1);
    w->env.live_ms = 60000;
    world_reopen(w);
    world_connect(w);
    end_round(w, 0, LTH_SCAN_unreachable);
    end_round(w, 0, LTH_SCAN_unreachable);
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_SCAN_NOW});
    assert_int_equal(w->rounds[0], 2);
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_SCAN_NOW}); /* while it runs: once more */
    assert_int_equal(w->rounds[0], 2);
    w->asked[0] = 3;
    end_round(w, 0, LTH_SCAN_none);
    assert_int_equal(w->rounds[0], 3);
    world_free(&w);
}

static void a_dataset_comes_from_one_table_only(void **state)
{
    (void)state;
    world *w = world_new(1);
    lth_txn *txn;
    lth_agent *agent;
    lth_diag diag;
    w->tables[0][1].mapping = w->tables[0][0].mapping;
    assert_int_equal(lth_store_begin(w->store, false, &txn), LTH_OK);
    assert_int_equal(lth_agent_open(&agent, &w->env, txn, w->now, &diag), LTH_E_CONFIG);
    assert_null(agent);
    lth_store_abort(&txn);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_rounds_at_once_then_by_interval),
        cmocka_unit_test(no_second_round_beside_the_first),
        cmocka_unit_test(few_rounds_at_a_time_and_every_school_has_its_turn),
        cmocka_unit_test(a_broken_source_is_read_less_and_less),
        cmocka_unit_test(locks_and_bad_keys_do_not_slow_it),
        cmocka_unit_test(after_live_batches_a_school_pauses),
        cmocka_unit_test(asked_for_is_at_once),
        cmocka_unit_test(a_dataset_comes_from_one_table_only)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
