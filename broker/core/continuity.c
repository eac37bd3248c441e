#include "internal.h"

static lth_err say(broker_verdict *v, lth_refusal code)
{
    v->code = code;
    return LTH_OK;
}

static lth_err gap(broker_verdict *v, uint32_t epoch, uint64_t from)
{
    v->code = LTH_REFUSE_gap;
    v->epoch = epoch;
    v->resend_from = from;
    return LTH_OK;
}

/* A position we passed already: the same header, another one, or one of a life that is closed. */
static lth_err judge_past(broker_batch *b, broker_verdict *v)
{
    const lth_batch_header *h = &b->c->batch.header;
    uint64_t accept_no;
    uint8_t hash[LTH_HASH_SIZE];
    bool found;
    TRY(lth_broker__chain_get(b->txn, &h->origin, h->stream, h->epoch, h->batch_seq, &accept_no,
                              hash, &found));
    if (!found) {
        return say(v, LTH_REFUSE_epoch_closed);
    }
    bool same = memcmp(hash, b->c->batch.header_hash, LTH_HASH_SIZE) == 0;
    if (same || LTH_MUTANT(10)) {
        v->duplicate = !LTH_MUTANT(6);
        return LTH_OK;
    }
    v->fork = true;
    b->accept_no = accept_no;
    return say(v, LTH_REFUSE_fork);
}

/* The grant that opens this epoch: ours, or the one that came along from a broker that may carry
 * for this origin. Also where a new epoch's grant is kept. */
static lth_err find_grant(lth_broker *self, broker_batch *b, lth_grant *out, bool *found)
{
    const lth_batch_header *h = &b->c->batch.header;
    uint8_t bytes[LTH_GRANT_BYTES];
    TRY(lth_broker__grant_get(b->txn, &h->origin, h->stream, h->epoch, bytes, out, found));
    if (*found || !b->c->has_grant) {
        return LTH_OK;
    }
    *out = b->c->grant;
    *found = lth_broker__may_carry(self, &out->grantor_org, &h->origin);
    return LTH_OK;
}

/* <0, 0, >0 as the grant closes before, at or after our head. */
static int closes_where(const lth_grant *grant, const lth_head *head)
{
    const lth_position *a = &grant->closes, *b = &head->at;
    if (a->epoch != b->epoch) {
        return a->epoch < b->epoch ? -1 : 1;
    }
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static lth_err judge_new_epoch(lth_broker *self, broker_batch *b, broker_verdict *v)
{
    const lth_batch_header *h = &b->c->batch.header;
    lth_grant grant;
    bool found;
    if (h->batch_seq != 1) {
        return gap(v, h->epoch, 1);
    }
    b->new_epoch = true;
    TRY(find_grant(self, b, &grant, &found));
    if (LTH_MUTANT(5)) {
        return LTH_OK;
    }
    if (!found) {
        return say(v, LTH_REFUSE_epoch_not_granted);
    }
    bool past_refused = b->head.state == LTH_ORIGIN_STOPPED;
    int where = b->has_head && b->head.at.epoch > 0 ? closes_where(&grant, &b->head) : 0;
    if (where > 0 && !past_refused) {
        return gap(v, b->head.at.epoch, b->head.at.seq + 1);
    }
    bool other = b->has_head && b->head.at.epoch > 0 && where == 0 &&
                 memcmp(grant.closes.hash, b->head.at.hash, LTH_HASH_SIZE) != 0;
    if (where < 0 || other) {
        return say(v, LTH_REFUSE_epoch_not_granted);
    }
    if (memcmp(h->prev, grant.closes.hash, LTH_HASH_SIZE) != 0) {
        return say(v, LTH_REFUSE_chain);
    }
    return h->first_rec_seq == 1 ? LTH_OK : say(v, LTH_REFUSE_bad_seq);
}

static lth_err judge_next(broker_batch *b, broker_verdict *v)
{
    const lth_batch_header *h = &b->c->batch.header;
    if (h->batch_seq > b->head.at.seq + 1) {
        return LTH_MUTANT(4) ? LTH_OK : gap(v, b->head.at.epoch, b->head.at.seq + 1);
    }
    if (memcmp(h->prev, b->head.at.hash, LTH_HASH_SIZE) != 0) {
        return say(v, LTH_REFUSE_chain);
    }
    return h->first_rec_seq == b->head.next_rec_seq ? LTH_OK : say(v, LTH_REFUSE_bad_seq);
}

lth_err lth_broker__continuity(lth_broker *self, broker_batch *b, broker_verdict *v)
{
    const lth_batch_header *h = &b->c->batch.header;
    uint32_t epoch = b->head.at.epoch;
    if (h->epoch < epoch || (h->epoch == epoch && h->batch_seq <= b->head.at.seq)) {
        return judge_past(b, v);
    }
    if (h->epoch < b->origin->granted && !LTH_MUTANT(5)) {
        return say(v, LTH_REFUSE_epoch_closed); /* A newer epoch was granted, not yet begun. */
    }
    return h->epoch > epoch ? judge_new_epoch(self, b, v) : judge_next(b, v);
}

lth_err lth_broker__fork(lth_broker *self, broker_batch *b)
{
    const lth_batch_header *h = &b->c->batch.header;
    uint8_t key[36], value[2 * LTH_BATCH_SIGNED_SIZE];
    lth_slice log;
    char hex[33];
    TRY(lth_broker__log_get(b->txn, b->accept_no, &log));
    memcpy(value, log.p, LTH_BATCH_SIGNED_SIZE);
    memcpy(value + LTH_BATCH_SIGNED_SIZE, b->frame->signed_header.p, LTH_BATCH_SIGNED_SIZE);
    lth_broker__key_position(key, &h->origin, h->stream, h->epoch, h->batch_seq);
    TRY(lth_put_kv(b->txn, LTH_T_fork, lth_slice_of(key, sizeof key),
                   lth_slice_of(value, sizeof value), LTH_PUT));
    b->head.state = LTH_ORIGIN_FROZEN;
    b->head.code = LTH_REFUSE_fork;
    lth_hex(hex, h->origin.b, sizeof h->origin.b);
    lth_log_event(&self->env.log, LTH_LEVEL_ERROR, "fork", "origin=%s epoch=%u seq=%llu", hex,
                  (unsigned)h->epoch, (unsigned long long)h->batch_seq);
    return lth_broker__head_put(b->txn, &h->origin, h->stream, &b->head);
}
