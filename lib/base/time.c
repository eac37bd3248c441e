#include "lth/time.h"

#define DAY_MS        86400000u
#define VIETNAM_MS    (7u * 3600000u)
#define LAST_DAY_MS   UINT64_C(253402300799999) /* 9999-12-31, the last day of eight digits */
#define DAYS_400Y     146097u
#define DAYS_TO_EPOCH 719468u /* from 0000-03-01 to 1970-01-01 */

/* Years counted from 1 March, so that the leap day is the last of its year. */
uint32_t lth_day_of(uint64_t wall_ms)
{
    uint64_t local_ms = wall_ms > LAST_DAY_MS - VIETNAM_MS ? LAST_DAY_MS : wall_ms + VIETNAM_MS;
    uint32_t days = (uint32_t)(local_ms / DAY_MS) + DAYS_TO_EPOCH;
    uint32_t cycle = days / DAYS_400Y;
    uint32_t day_of_cycle = days % DAYS_400Y;
    uint32_t year_of_cycle =
        (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36524 - day_of_cycle / 146096) / 365;
    uint32_t day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    uint32_t month_from_march = (5 * day_of_year + 2) / 153;
    uint32_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    uint32_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    uint32_t year = cycle * 400 + year_of_cycle + (month <= 2 ? 1 : 0);
    return year * 10000 + month * 100 + day;
}
