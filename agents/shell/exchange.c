#include "agents/shell/exchange.h"

void lth_exchange_sealed(lth_exchange *self, const lth_position *at, lth_mono sealed)
{
    self->epoch = at->epoch;
    self->seq = at->seq;
    self->sealed = sealed;
    self->capture_took = sealed > self->round_began ? sealed - self->round_began : 0;
    for (uint32_t i = 0; i < self->n_tiers; i++)
        self->tiers[i].answered = false;
}

/* A tier beyond the last place takes the last place: nobody has that many. */
static lth_exchange_tier *tier_of(lth_exchange *self, const lth_id *org)
{
    uint32_t i = 0;
    while (i < self->n_tiers && !lth_id_equal(&self->tiers[i].org, org))
        i++;
    if (i == self->n_tiers) {
        i = i < LTH_EXCHANGE_TIERS ? i : LTH_EXCHANGE_TIERS - 1;
        self->n_tiers = i + 1;
        self->tiers[i] = (lth_exchange_tier){.org = *org};
    }
    return &self->tiers[i];
}

void lth_exchange_receipt(lth_exchange *self, const lth_receipt *receipt, lth_now now,
                          const lth_log *log, const char *org, const char *tier)
{
    lth_exchange_tier *at = tier_of(self, &receipt->tier_org);
    at->seen_ms = now.wall_ms;
    if (at->answered || self->seq == 0 || receipt->at.epoch != self->epoch ||
        receipt->at.seq < self->seq)
        return;
    at->answered = true;
    at->took = now.mono - self->sealed;
    lth_log_event(log, LTH_LEVEL_INFO, "exchange",
                  "org=%s tier=%s epoch=%u batch=%llu sealed_ns=%llu exchange_ns=%llu "
                  "capture_ns=%llu",
                  org, tier, self->epoch, (unsigned long long)self->seq,
                  (unsigned long long)self->sealed, (unsigned long long)at->took,
                  (unsigned long long)self->capture_took);
}
