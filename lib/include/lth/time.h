/**
 * @file lth/time.h
 * Time as the cores see it: handed in by the driver, never read.
 */
#pragma once

#include <stdint.h>

/** Monotonic nanoseconds; only differences mean something. Used for every timeout. */
typedef uint64_t lth_mono;
#define LTH_MONO_NEVER  UINT64_MAX
#define LTH_MONO_MS(ms) ((lth_mono)(ms)*1000000u)
#define LTH_MONO_S(s)   ((lth_mono)(s)*1000000000u)

/** Both clocks at one instant. Wall time is only ever recorded or compared with certificate
 * validity and registry dates; it orders nothing (invariant 4). */
typedef struct lth_now {
    lth_mono mono;
    uint64_t wall_ms; /**< Unix time, milliseconds, UTC. */
} lth_now;

/** Calendar day as YYYYMMDD (proleptic Gregorian, Vietnam time UTC+7) of a Unix time in ms. */
uint32_t lth_day_of(uint64_t wall_ms);
