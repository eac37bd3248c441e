#include "settle.h"

#define SWEEP_SLICE 64u

/* Batches of one origin found in its chain. */
typedef struct found {
    lth_position at;
    uint64_t accept_no;
} found;

void lth_broker__requeue_want(lth_broker *self, broker_origin *origin, uint32_t epoch, uint64_t seq,
                              lth_lane lane, lth_mono at)
{
    bool earlier =
        epoch < origin->from.epoch || (epoch == origin->from.epoch && seq < origin->from.seq);
    if (!origin->requeue) {
        self->n_requeues++;
        origin->requeue = true;
        origin->requeue_fresh = true;
        origin->requeue_at = at;
        origin->lane = (uint8_t)(lane < LTH_LANES ? lane : LTH_LANE_LIVE);
    }
    if (origin->requeue_fresh || earlier) {
        bool first = origin->from.epoch == 0 && origin->from.seq == 0;
        origin->requeue_fresh = true;
        if (first || earlier) {
            origin->from = (lth_position){.epoch = epoch, .seq = seq};
        }
    }
    if (origin->requeue_at < self->requeue_due) {
        self->requeue_due = origin->requeue_at;
    }
}

/* The next batch of the chain at or behind @p from. */
static lth_err next_in_chain(lth_txn *txn, const broker_origin *origin, found *out, bool *have)
{
    uint8_t from[36];
    lth_slice key, value;
    lth_cursor *cursor;
    lth_broker__key_position(from, &origin->id, origin->stream, origin->from.epoch,
                             origin->from.seq);
    TRY(lth_cursor_open(txn, LTH_T_chain, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    *have = err == LTH_OK && memcmp(key.p, from, 24) == 0;
    if (*have && (key.n != 36 || value.n < 8)) {
        err = LTH_E_STORE_CORRUPT;
    } else if (*have) {
        out->at = (lth_position){.epoch = lth_get32(key.p + 24), .seq = lth_get64(key.p + 28)};
        out->accept_no = lth_get64(value.p);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static lth_err queue_again(lth_broker *self, lth_txn *txn, broker_origin *origin,
                           const lth_org *org, lth_head *head, const found *f)
{
    uint64_t accept_no = f->accept_no;
    uint8_t key[8];
    lth_slice body;
    bool written;
    lth_put64(key, accept_no);
    lth_err err = lth_get(txn, LTH_T_body, lth_slice_of(key, sizeof key), &body);
    if (err != LTH_OK && err != LTH_E_NOT_FOUND) {
        return err;
    }
    uint16_t *list = self->merge.spare;
    uint32_t n = err == LTH_OK ? lth_broker__datasets_of(body, list) : 0;
    lth_lane lane = lth_broker__lane_of(self, head, (lth_lane)origin->lane);
    TRY(lth_broker__out_put(self, txn, org, accept_no, list, n, lane, head, &written));
    if (written && origin->requeue_fresh) {
        origin->requeue_fresh = false;
        head->requeued_at = (uint64_t)lane << LANE_SHIFT | head->out_no;
    }
    return written ? lth_broker__releases_queue(self, txn, org, &origin->id, origin->stream, &f->at,
                                                lane, head)
                   : LTH_OK;
}

static lth_err run_one(lth_broker *self, lth_txn *txn, broker_origin *origin, uint32_t *room)
{
    const lth_org *org = lth_registry_find(self->env.registry, &origin->id);
    lth_head head;
    bool have, has_head, skip = LTH_MUTANT(8) && origin->requeue_fresh;
    found f;
    TRY(lth_broker__head_get(txn, &origin->id, origin->stream, &head, &has_head));
    have = org != NULL && has_head && head.state == LTH_ORIGIN_OK;
    while (have && *room > 0) {
        TRY(next_in_chain(txn, origin, &f, &have));
        if (have) {
            TRY(skip ? LTH_OK : queue_again(self, txn, origin, org, &head, &f));
            skip = false;
            origin->from = (lth_position){.epoch = f.at.epoch, .seq = f.at.seq + 1};
            (*room)--;
        }
    }
    if (!have) {
        origin->requeue = false;
        origin->from = (lth_position){0};
        self->n_requeues--;
    }
    return has_head ? lth_broker__head_put(txn, &origin->id, origin->stream, &head) : LTH_OK;
}

lth_err lth_broker__requeue_run(lth_broker *self, lth_txn *txn, lth_now now)
{
    uint32_t room = SLICE_MAX;
    if (self->n_requeues == 0 || now.mono < self->requeue_due) {
        return LTH_OK;
    }
    self->requeue_due = LTH_MONO_NEVER;
    for (uint32_t i = 0; i < self->n_origins && self->n_requeues > 0; i++) {
        broker_origin *origin = &self->origins[i];
        if (origin->requeue && origin->requeue_at <= now.mono && room > 0) {
            TRY(run_one(self, txn, origin, &room));
        }
        if (origin->requeue && origin->requeue_at < self->requeue_due) {
            self->requeue_due = origin->requeue_at;
        }
    }
    return LTH_OK;
}

/* Everything of this origin was acknowledged on the link, yet the parent's newest receipt is behind
 * our head: an answer of it was lost. From where on to send again. */
static lth_err lags(lth_broker *self, lth_txn *txn, const lth_id *id, uint64_t stream,
                    const lth_head *head, bool *lagging, lth_position *from)
{
    const lth_org *org = lth_registry_find(self->env.registry, id);
    uint8_t key[40];
    lth_slice value;
    lth_receipt receipt;
    *lagging = false;
    if (head->at.epoch == 0 || head->state != LTH_ORIGIN_OK || org == NULL ||
        stream != LTH_STREAM_OWN || head->out_no > self->out_acked[head->out_lane] ||
        !lth_policy_names(self->env.policy, self->env.registry, org, NULL, self->today)) {
        return LTH_OK;
    }
    lth_broker__key_origin(key, id, stream);
    memcpy(key + 24, self->env.parent_org.b, 16);
    lth_err err = lth_get(txn, LTH_T_receipt, lth_slice_of(key, sizeof key), &value);
    *from = (lth_position){.epoch = 1, .seq = 1};
    if (err == LTH_E_NOT_FOUND) {
        *lagging = true;
        return LTH_OK;
    }
    TRY(err);
    if (!lth_receipt_decode(&receipt, value)) {
        return LTH_E_STORE_CORRUPT;
    }
    *lagging = receipt.at.epoch != head->at.epoch || receipt.at.seq != head->at.seq;
    *from = (lth_position){.epoch = receipt.at.epoch, .seq = receipt.at.seq + 1};
    return LTH_OK;
}

static lth_err sweep_one(lth_broker *self, lth_txn *txn, const lth_id *id, uint64_t stream,
                         const lth_head *head)
{
    bool lagging;
    lth_position from;
    broker_origin *origin;
    TRY(lags(self, txn, id, stream, head, &lagging, &from));
    if (!lagging) {
        return LTH_OK;
    }
    TRY(lth_broker__origin_add(self, txn, id, stream, &origin));
    if (!origin->requeue) {
        lth_broker__requeue_want(self, origin, from.epoch, from.seq, LTH_LANE_REPAIR, self->now);
    }
    return LTH_OK;
}

lth_err lth_broker__sweep(lth_broker *self, lth_txn *txn)
{
    lth_slice key, value;
    lth_head head;
    lth_cursor *cursor;
    if (!self->link.ready || !self->link.believed || self->now < self->sweep_at) {
        return LTH_OK;
    }
    TRY(lth_cursor_open(txn, LTH_T_head, &cursor));
    lth_err err =
        lth_cursor_seek(cursor, lth_slice_of(self->sweep_key, self->sweep_n), &key, &value);
    for (uint32_t n = 0; err == LTH_OK && n < SWEEP_SLICE; n++) {
        lth_id id;
        memcpy(id.b, key.p, sizeof id.b);
        uint64_t stream = lth_get64(key.p + 16);
        err = lth_head_decode(&head, value) ? LTH_OK : LTH_E_STORE_CORRUPT;
        err = err == LTH_OK ? sweep_one(self, txn, &id, stream, &head) : err;
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
        if (err == LTH_OK) {
            memcpy(self->sweep_key, key.p, sizeof self->sweep_key);
            self->sweep_n = sizeof self->sweep_key;
        }
    }
    lth_cursor_close(&cursor);
    if (err == LTH_E_NOT_FOUND) {
        self->sweep_n = 0;
        self->sweep_at = self->now + SWEEP_NS;
        return LTH_OK;
    }
    return err;
}
