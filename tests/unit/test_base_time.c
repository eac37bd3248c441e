/* The day in Vietnam of an instant, against gmtime_r() of the C library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "lth/time.h"

#define HOUR_MS UINT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

static uint32_t by_library(uint64_t wall_ms)
{
    time_t local_s = (time_t)((wall_ms + 7 * HOUR_MS) / 1000);
    struct tm tm;
    assert_non_null(gmtime_r(&local_s, &tm));
    return (uint32_t)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday);
}

static void every_day_of_six_centuries(void **state)
{
    (void)state;
    for (uint64_t day = 0; day < 600 * UINT64_C(366); day++) {
        uint64_t midnight = day * DAY_MS + 17 * HOUR_MS;
        assert_int_equal(lth_day_of(midnight), by_library(midnight));
        assert_int_equal(lth_day_of(midnight - 1), by_library(midnight - 1));
    }
}

static void known_days(void **state)
{
    (void)state;
    assert_int_equal(lth_day_of(0), 19700101);
    assert_int_equal(lth_day_of(17 * HOUR_MS), 19700102);
    assert_int_equal(lth_day_of(UINT64_C(1709139599999)), 20240228);
    assert_int_equal(lth_day_of(UINT64_C(1709139600000)), 20240229);
    assert_int_equal(lth_day_of(UINT64_C(1709226000000)), 20240301);
}

static void the_last_day_is_of_the_year_9999(void **state)
{
    (void)state;
    assert_int_equal(lth_day_of(UINT64_C(253402300799999) - 7 * HOUR_MS), 99991231);
    assert_int_equal(lth_day_of(UINT64_C(253402300799999)), 99991231);
    assert_int_equal(lth_day_of(UINT64_MAX), 99991231);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_of_six_centuries),
        cmocka_unit_test(known_days),
        cmocka_unit_test(the_last_day_is_of_the_year_9999),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
