/* A snapshot that would end a great part of what its owner had waits for a person: more often than
 * not a table was emptied or an export cut short. What its chunks ended so far is counted from its
 * first RANGE on, so that a loss spread over many chunks is seen, too. A chunk that is held keeps
 * nothing back but its own end: its records merge, and the chunks behind it are judged by
 * themselves, with what was ended before. */
#include "settle.h"

#define GONE_PERCENT 20u
#define GONE_LEAST   50u

typedef struct guard {
    uint8_t key[10];
    uint32_t epoch;
    uint64_t live, ended;
} guard;

static lth_err live_of(lth_txn *txn, const uint8_t key[10], uint64_t *live)
{
    lth_slice value;
    lth_err err = lth_get(txn, LTH_T_count, lth_slice_of(key, 10), &value);
    *live = err == LTH_OK && value.n == 16 ? lth_get64(value.p) : 0;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static lth_err load(lth_txn *txn, guard *g)
{
    lth_slice value;
    lth_err err = lth_get(txn, LTH_T_guard, lth_slice_of(g->key, sizeof g->key), &value);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    if (value.n != 20) {
        return LTH_E_STORE_CORRUPT;
    }
    g->epoch = lth_get32(value.p);
    g->live = lth_get64(value.p + 4);
    g->ended = lth_get64(value.p + 12);
    return LTH_OK;
}

static lth_err save(lth_txn *txn, const guard *g)
{
    uint8_t value[20];
    lth_put32(value, g->epoch);
    lth_put64(value + 4, g->live);
    lth_put64(value + 12, g->ended);
    return lth_put_kv(txn, LTH_T_guard, lth_slice_of(g->key, sizeof g->key),
                      lth_slice_of(value, sizeof value), LTH_PUT);
}

/* The first RANGE of a snapshot begins below every record of its owner. */
static bool is_first(const lth_id *lo)
{
    static const uint8_t zero[8];
    return memcmp(lo->b + 8, zero, sizeof zero) == 0;
}

lth_err lth_broker__guard(lth_broker *self, broker_batch *b, uint32_t index, bool *holds)
{
    uint32_t percent = self->env.gone_percent != 0 ? self->env.gone_percent : GONE_PERCENT;
    uint32_t least = self->env.gone_least != 0 ? self->env.gone_least : GONE_LEAST;
    guard g = {0};
    lth_id lo, hi;
    uint64_t n, live;
    *holds = false;
    lth_broker__range_span(b, index, &lo, &hi);
    memcpy(g.key, hi.b, 8);
    lth_put16(g.key + 8, b->c->records[index].dataset);
    TRY(live_of(b->txn, g.key, &live));
    TRY(load(b->txn, &g));
    if (is_first(&lo) || g.epoch != b->c->batch.header.epoch) {
        g.epoch = b->c->batch.header.epoch;
        g.live = live;
        g.ended = 0;
    }
    if (g.live < least) {
        return LTH_OK;
    }
    TRY(lth_broker__range_count(self, b, index, UINT64_MAX, &n));
    uint64_t gone = g.ended + n;
    *holds = n > 0 && gone >= least && gone * 100 > g.live * percent && !LTH_MUTANT(17);
    g.ended = *holds ? g.ended : gone;
    return save(b->txn, &g);
}
