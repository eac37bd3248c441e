#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_world.h"

/* What a school's table looks like from day to day. */
typedef struct day {
    const row *rows;
    uint32_t n;
} day;
static const row DAY_1[] = {
    {"1", "999A", "An", "3"}, {"2", "999B", "Binh", NULL}, {"3", "999C", NULL, "0"}};
static const row DAY_2[] = {
    {"1", "999A", "An An", "3"}, {"3", "999C", NULL, "0"}, {"4", "999D", "Dung", "1"}};
static const row DAY_3[] = {
    {"77", "999A", "An", "3"}, {"3", "999E", "Em", "0"}, {"5", "999B", "Binh", NULL}};
static const day DAYS[] = {{DAY_1, 3}, {DAY_2, 3}, {DAY_3, 3}, {DAY_1, 0}, {DAY_1, 3}};
#define N_DAYS (sizeof DAYS / sizeof DAYS[0])

/* After a crash the round is lost: connect again, read again. */
static void live_a_day(world *w, const day *d)
{
    for (;;) {
        uint32_t crashes = w->crashes;
        world_begin_round(w, 0);
        if (crashes == w->crashes) {
            world_scan(w, 0, 0, d->rows, d->n, LTH_SCAN_none);
        }
        if (crashes == w->crashes) {
            return;
        }
        world_connect(w);
    }
}

/* Steps of the whole life when nothing goes wrong. */
static uint32_t live(uint32_t crash_at, bool late, uint32_t *versions, uint32_t *epoch)
{
    world *w = world_new(1);
    w->crash_at = crash_at;
    w->crash_late = late;
    world_connect(w);
    while (w->b.origins[0].head.epoch == 0) {
        world_connect(w);
    }
    if (w->crashes > 0) {
        world_connect(w);
    }
    for (size_t i = 0; i < N_DAYS; i++) {
        live_a_day(w, &DAYS[i]);
        expect_records(w, 0, DS_A, DAYS[i].rows, DAYS[i].n);
        assert_int_equal(count_held(w, 0, DS_A), 0);
    }
    *versions = 0;
    for (uint32_t i = 0; i < w->b.origins[0].n_records; i++) {
        *versions += w->b.origins[0].records[i].versions;
    }
    *epoch = w->b.origins[0].head.epoch;
    uint32_t steps = w->steps;
    world_free(&w);
    return steps;
}

/* A crash before or after the commit of any step: the same records at the end, in one unbroken
 * chain (the broker demands it), and no version made twice. A grant that was lost is asked for
 * again; then a snapshot repeats what is there. */
static void a_crash_at_any_step_loses_and_doubles_nothing(void **state)
{
    (void)state;
    uint32_t versions, with_crash, epoch, repeats = 0;
    uint32_t steps = live(0, false, &versions, &epoch);
    assert_true(steps > 30);
    assert_int_equal(epoch, 1);
    for (uint32_t at = 2; at <= steps; at++) {
        for (int late = 0; late <= 1; late++) {
            (void)live(at, late != 0, &with_crash, &epoch);
            if (epoch == 1) {
                assert_int_equal(with_crash, versions);
            } else {
                assert_int_equal(epoch, 2);
                repeats++;
            }
        }
    }
    assert_int_equal(repeats, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_at_any_step_loses_and_doubles_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
