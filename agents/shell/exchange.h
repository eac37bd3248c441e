/**
 * @file agents/shell/exchange.h
 * How long a change takes: capture (from the start of a round to its rows being sealed) and
 * exchange (from there to each tier's receipt, checked).
 */
#pragma once

#include "lth/log.h"
#include "lth/record.h"
#include "lth/time.h"

#define LTH_EXCHANGE_TIERS 8u

typedef struct lth_exchange_tier {
    lth_id org;
    uint64_t seen_ms; /**< Wall time of its newest receipt. */
    bool answered;    /**< The live batch that is being timed. */
    lth_mono took;    /**< Of the last one answered; 0 = none yet. */
} lth_exchange_tier;

/** One school. All zeros to begin with. */
typedef struct lth_exchange {
    lth_mono round_began;
    uint32_t epoch;
    uint64_t seq; /**< Of the live batch that is being timed; 0 = none. */
    lth_mono sealed;
    lth_mono capture_took;
    uint32_t n_tiers;
    lth_exchange_tier tiers[LTH_EXCHANGE_TIERS];
} lth_exchange;

/** A live batch at @p at was sealed from rows in hand since @p sealed. */
void lth_exchange_sealed(lth_exchange *self, const lth_position *at, lth_mono sealed);
/** A receipt that was checked; logs `exchange` when it answers the live batch. */
void lth_exchange_receipt(lth_exchange *self, const lth_receipt *receipt, lth_now now,
                          const lth_log *log, const char *org, const char *tier);
