/* What people decide about held records, at the broker that held them. */
#include "settle.h"

static void place_of(const lth_decision *d, uint32_t i, uint8_t place[12])
{
    lth_put64(place, d->holds[i].accept_no);
    lth_put32(place + 8, d->holds[i].index);
}

/* In the order of their batches; equal ones once. */
static void sort(lth_decision *d)
{
    for (uint32_t i = 1; i < d->n; i++) {
        for (uint32_t k = i; k > 0; k--) {
            uint8_t a[12], b[12];
            place_of(d, k - 1, a);
            place_of(d, k, b);
            if (memcmp(a, b, sizeof a) <= 0) {
                break;
            }
            uint64_t accept_no = d->holds[k].accept_no;
            uint32_t index = d->holds[k].index;
            d->holds[k].accept_no = d->holds[k - 1].accept_no;
            d->holds[k].index = d->holds[k - 1].index;
            d->holds[k - 1].accept_no = accept_no;
            d->holds[k - 1].index = index;
        }
    }
}

lth_err lth_decided_read(lth_decided_by *out, lth_txn *txn, uint64_t decided_no)
{
    uint8_t key[8];
    lth_slice value;
    *out = (lth_decided_by){.when_ms = 0};
    if (decided_no == 0) {
        return LTH_OK;
    }
    lth_put64(key, decided_no);
    lth_err err = lth_get(txn, LTH_T_act, lth_slice_of(key, sizeof key), &value);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_E_STORE_CORRUPT : err;
    }
    lth_rd rd = lth_rd_of(value);
    bool fits = lth_rd8(&rd) == LTH_ACT_DECISION;
    out->when_ms = lth_rd64(&rd);
    fits = lth_rd8(&rd) == LTH_DECIDE_REJECT && fits;
    (void)lth_rd_bytes(&rd, (size_t)12 * lth_rd32(&rd));
    out->by.n = lth_rd8(&rd);
    out->by.p = lth_rd_bytes(&rd, out->by.n);
    out->why.n = lth_rd16(&rd);
    out->why.p = lth_rd_bytes(&rd, out->why.n);
    return fits && lth_rd_done(&rd) ? LTH_OK : LTH_E_STORE_CORRUPT;
}

/* Which of them are open, and held by this node? */
static lth_err look(lth_broker *self, lth_txn *txn, lth_decision *d, uint32_t *n)
{
    *n = 0;
    for (uint32_t i = 0; i < d->n; i++) {
        lth_held_row row;
        bool found = d->holds[i].index < LTH_BATCH_RECORDS_MAX;
        TRY(found ? lth_broker__held_at(txn, d->holds[i].accept_no, d->holds[i].index, &row, &found)
                  : LTH_OK);
        bool own = found && lth_id_equal(&row.tier_org, &self->env.org);
        d->holds[i].result = !found ? LTH_DECIDED_NOT_FOUND
                             : own  ? LTH_DECIDED_HELD
                                    : LTH_DECIDED_NOT_HERE;
        d->holds[i].code = found ? row.code : LTH_REFUSE_none;
        d->holds[i].tier_org = found ? row.tier_org : (lth_id){{0}};
        *n += own ? 1 : 0;
    }
    return LTH_OK;
}

static lth_err write_act(lth_broker *self, lth_txn *txn, lth_now now, const lth_decision *d,
                         uint32_t n)
{
    uint8_t head[5] = {(uint8_t)d->what}, places[12 * LTH_DECIDE_MAX], by_n = (uint8_t)d->by.n;
    uint8_t why_n[2];
    uint32_t k = 0;
    lth_put32(head + 1, n);
    lth_put16(why_n, (uint16_t)d->why.n);
    for (uint32_t i = 0; i < d->n; i++) {
        if (d->holds[i].result == LTH_DECIDED_HELD) {
            place_of(d, i, places + (size_t)12 * k++);
        }
    }
    lth_slice parts[] = {
        {head, sizeof head}, {places, (size_t)12 * k}, {&by_n, 1}, d->by, {why_n, 2}, d->why};
    return lth_broker__act(self, txn, now, LTH_ACT_DECISION, parts, 6);
}

/* They stay out, with the reason that a person said no (act @p decided_no), until their next
 * version. */
static lth_err reject(lth_broker *self, lth_txn *txn, lth_now now, uint64_t accept_no,
                      uint64_t decided_no)
{
    lth_frame_batch frame;
    broker_batch b = {.txn = txn, .now = now, .accept_no = accept_no, .again = AGAIN_RETRIED};
    uint32_t index[LTH_BATCH_RECORDS_MAX], n = 0;
    TRY(lth_broker__stored(self, &b, &frame));
    for (uint32_t i = 0; i < b.c->n_records && b.org != NULL; i++) {
        if (self->merge.pick[i] != 0) {
            index[n++] = i;
            TRY(lth_broker__hold_because(self, &b, i, LTH_REFUSE_rejected, decided_no));
        }
    }
    return b.entry && n > 0
               ? lth_broker__state(self, &b, LTH_RELEASE_KEEP, LTH_REFUSE_rejected, index, n)
               : LTH_OK;
}

/* The run of one batch that begins at @p i. */
static lth_err decide_batch(lth_broker *self, lth_txn *txn, lth_now now, lth_decision *d,
                            uint32_t *i, uint64_t decided_no)
{
    uint64_t accept_no = d->holds[*i].accept_no;
    uint32_t n = 0;
    memset(self->merge.pick, 0, sizeof self->merge.pick);
    for (; *i < d->n && d->holds[*i].accept_no == accept_no; ++*i) {
        if (d->holds[*i].result == LTH_DECIDED_HELD) {
            self->merge.pick[d->holds[*i].index] = 1;
            n++;
        }
    }
    if (n == 0) {
        return LTH_OK;
    }
    return d->what == LTH_DECIDE_REJECT
               ? reject(self, txn, now, accept_no, decided_no)
               : lth_broker__again(self, txn, now, accept_no, AGAIN_RETRIED);
}

static lth_err tell_results(lth_txn *txn, lth_decision *d)
{
    for (uint32_t i = 0; i < d->n; i++) {
        lth_held_row row;
        bool found;
        if (d->holds[i].result != LTH_DECIDED_HELD) {
            continue;
        }
        TRY(lth_broker__held_at(txn, d->holds[i].accept_no, d->holds[i].index, &row, &found));
        d->holds[i].code = found ? row.code : LTH_REFUSE_none;
        bool done = !found || (d->what == LTH_DECIDE_REJECT && row.code == LTH_REFUSE_rejected);
        d->holds[i].result = done ? LTH_DECIDED_DONE : LTH_DECIDED_HELD;
    }
    return LTH_OK;
}

lth_err lth_broker__decide(lth_broker *self, lth_txn *txn, lth_now now, lth_decision *decision)
{
    uint32_t n;
    LTH_ASSERT(decision->n <= LTH_DECIDE_MAX && decision->by.n <= LTH_BY_MAX &&
               decision->why.n <= LTH_WHY_MAX);
    if (decision->what == LTH_DECIDE_ACCEPT) {
        return lth_broker__warning_accept(self, txn, now, decision);
    }
    sort(decision);
    TRY(look(self, txn, decision, &n));
    if (n == 0) {
        return LTH_OK;
    }
    TRY(write_act(self, txn, now, decision, n));
    uint64_t decided_no = self->accept_no;
    for (uint32_t i = 0; i < decision->n;) {
        TRY(decide_batch(self, txn, now, decision, &i, decided_no));
    }
    return tell_results(txn, decision);
}
