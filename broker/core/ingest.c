#include "settle.h"

#define UNKNOWN_WAIT_MS 60000u

static void refuse(broker_verdict *v, lth_refusal code, const char *detail)
{
    v->code = code;
    v->detail = detail;
    v->wait_ms = lth_refusal_class_of(code) == LTH_REFUSAL_RETRY_LATER ? UNKNOWN_WAIT_MS : 0;
}

/* The header could not be read: nothing in it says whose it is. */
static bool unreadable(lth_refusal code)
{
    return code >= LTH_REFUSE_too_large && code <= LTH_REFUSE_bad_header;
}

/* Only an org's own stream travels upward, and only over a connection that carries for it. */
static lth_err judge_sender(lth_broker *self, broker_batch *b, broker_verdict *v)
{
    const lth_batch_header *h = &b->c->batch.header;
    if (unreadable(b->c->code)) {
        refuse(v, b->c->code, b->c->detail);
    } else if (b->org == NULL) {
        refuse(v, LTH_REFUSE_unknown_origin, NULL);
    } else if (!lth_broker__may_carry(self, &b->peer->org, &b->org->id)) {
        refuse(v, LTH_REFUSE_not_carrier, NULL);
    } else if (b->c->code != LTH_REFUSE_none) {
        refuse(v, b->c->code, b->c->detail);
    } else if (h->stream != LTH_STREAM_OWN) {
        refuse(v, LTH_REFUSE_bad_header, "only an organisation's own stream travels upward");
    }
    return LTH_OK;
}

/* Behind the first broker a batch comes with what that broker decided. */
static lth_err judge_attest(lth_broker *self, broker_batch *b, broker_verdict *v)
{
    if (b->entry) {
        return LTH_OK;
    }
    const lth_attest *a = &b->c->attest;
    if (!b->c->has_attest) {
        refuse(v, LTH_REFUSE_bad_attestation, "the batch came without an entry attestation");
        return LTH_OK;
    }
    const lth_org *entry = lth_registry_find(self->env.registry, &a->entry_org);
    bool below = entry != NULL && self->self_org != NULL && entry != self->self_org &&
                 lth_registry_under(self->env.registry, entry, self->self_org, self->today) &&
                 lth_registry_carries(self->env.registry, entry, b->org, self->today);
    if (!below) {
        refuse(v, LTH_REFUSE_bad_attestation, "that broker was not the entry of this organisation");
    }
    b->receive_ms = a->receive_ms;
    return LTH_OK;
}

/* Is the certificate of this key from an org that stood above @p org when the batch was received?
 * The trust also knows keys whose certificates were refused here for their issuer. */
static bool issuer_fits(const lth_broker *self, const broker_batch *b, const uint8_t *key_id,
                        const lth_id *org)
{
    lth_key_info key;
    const lth_trust *trust = self->env.trust;
    const lth_registry *registry = self->env.registry;
    if (trust->find(trust->ctx, key_id, &key) != LTH_REFUSE_none) {
        return false;
    }
    const lth_org *holder = lth_registry_find(registry, org);
    const lth_org *issuer = lth_registry_find(registry, &key.issuer_org);
    return holder != NULL && issuer != NULL &&
           lth_registry_under_any(registry, holder, issuer, lth_day_of(b->receive_ms));
}

static lth_err judge_issuers(lth_broker *self, broker_batch *b, broker_verdict *v)
{
    const lth_checked *c = b->c;
    if (!issuer_fits(self, b, c->batch.header.key_id, &c->batch.header.origin)) {
        refuse(v, LTH_REFUSE_wrong_key, "the certificate was issued by another organisation's CA");
    } else if (c->has_attest && !issuer_fits(self, b, c->attest.key_id, &c->attest.entry_org)) {
        refuse(v, LTH_REFUSE_bad_attestation, NULL);
    } else if (c->has_grant && !issuer_fits(self, b, c->grant.key_id, &c->grant.grantor_org)) {
        refuse(v, LTH_REFUSE_epoch_not_granted, NULL);
    }
    return LTH_OK;
}

static lth_err judge_validity(lth_broker *self, broker_batch *b, broker_verdict *v)
{
    lth_key_info key;
    const lth_trust *trust = self->env.trust;
    lth_refusal code = trust->find(trust->ctx, b->c->batch.header.key_id, &key);
    if (code != LTH_REFUSE_none) {
        refuse(v, code, NULL);
    } else if (b->receive_ms < key.not_before_ms || b->receive_ms > key.not_after_ms) {
        refuse(v, LTH_REFUSE_key_expired, NULL);
    }
    return LTH_OK;
}

static lth_err judge_state(lth_broker *self, broker_batch *b, broker_verdict *v)
{
    const lth_batch_header *h = &b->c->batch.header;
    TRY(lth_broker__origin_add(self, b->txn, &h->origin, h->stream, &b->origin));
    TRY(lth_broker__head_get(b->txn, &h->origin, h->stream, &b->head, &b->has_head));
    if (b->head.state == LTH_ORIGIN_FROZEN) {
        refuse(v, LTH_REFUSE_frozen, NULL);
    } else if (b->head.state == LTH_ORIGIN_STOPPED && h->epoch <= b->head.at.epoch) {
        refuse(v, b->head.code, NULL);
    }
    return LTH_OK;
}

/* The public stream is the top organisation's, written by its broker and attested by it. */
static lth_err judge_author(lth_broker *self, broker_batch *b, broker_verdict *v)
{
    const lth_checked *c = b->c;
    const lth_org *author = self->public_.author;
    if (unreadable(c->code)) {
        refuse(v, c->code, c->detail);
    } else if (b->org == NULL || b->org != author || c->batch.header.stream != LTH_STREAM_PUBLIC) {
        refuse(v, LTH_REFUSE_not_carrier, "only the top organisation publishes");
    } else if (c->code != LTH_REFUSE_none) {
        refuse(v, c->code, c->detail);
    } else if (c->batch.headers_only || c->batch.redacted) {
        refuse(v, LTH_REFUSE_bad_body, "a public batch comes whole");
    } else if (!b->entry && (!c->has_attest || !lth_id_equal(&c->attest.entry_org, &author->id))) {
        refuse(v, LTH_REFUSE_bad_attestation, NULL);
    } else if (!b->entry) {
        b->receive_ms = c->attest.receive_ms;
    }
    return LTH_OK;
}

typedef lth_err (*judge_step)(lth_broker *self, broker_batch *b, broker_verdict *v);

static lth_err judge_by(const judge_step *steps, lth_broker *self, broker_batch *b,
                        broker_verdict *v)
{
    for (; *steps != NULL && v->code == LTH_REFUSE_none; steps++) {
        TRY((*steps)(self, b, v));
    }
    return LTH_OK;
}

static lth_err judge(lth_broker *self, broker_batch *b, broker_verdict *v)
{
    static const judge_step steps[] = {
        judge_sender, judge_attest,           judge_issuers, judge_validity,
        judge_state,  lth_broker__continuity, NULL};
    return judge_by(steps, self, b, v);
}

lth_err lth_broker__judge_public(lth_broker *self, broker_batch *b, broker_verdict *v)
{
    static const judge_step steps[] = {judge_author, judge_issuers,          judge_validity,
                                       judge_state,  lth_broker__continuity, NULL};
    return judge_by(steps, self, b, v);
}

/* Of a header that may not even decode, as its sender has it. */
static void name_batch(const broker_batch *b, lth_frame_reject *out)
{
    lth_slice in = b->frame->signed_header;
    if (in.n == LTH_BATCH_SIGNED_SIZE) {
        memcpy(out->origin.b, in.p + 24, 16);
        out->epoch = lth_get32(in.p + 40);
        out->seq = lth_get64(in.p + 48);
        out->stream = lth_get64(in.p + 88);
    }
}

/* A batch refused for good between brokers stops its origin here too: the next one it may send is
 * the first of a granted epoch, which then need not close where this head stands. Who sent it is
 * asked here as well, because an unreadable one was refused before that. */
static lth_err stop_origin(lth_broker *self, broker_batch *b, const broker_verdict *v)
{
    const lth_batch_header *h = &b->c->batch.header;
    if (b->entry || b->org == NULL || lth_refusal_class_of(v->code) != LTH_REFUSAL_STOPPED ||
        v->code == LTH_REFUSE_epoch_closed ||
        !lth_broker__may_carry(self, &b->peer->org, &b->org->id)) {
        return LTH_OK;
    }
    TRY(lth_broker__head_get(b->txn, &h->origin, h->stream, &b->head, &b->has_head));
    if (!b->has_head || b->head.state != LTH_ORIGIN_OK) {
        return LTH_OK;
    }
    b->head.state = LTH_ORIGIN_STOPPED;
    b->head.code = v->code;
    return lth_broker__head_put(b->txn, &h->origin, h->stream, &b->head);
}

static lth_err reject(lth_broker *self, broker_batch *b, const broker_verdict *v)
{
    const char *detail = v->detail != NULL ? v->detail : "";
    lth_frame_reject out = {.code = v->code,
                            .class_ = lth_refusal_class_of(v->code),
                            .resend_from = v->resend_from,
                            .wait_ms = v->wait_ms,
                            .lane = b->frame->lane,
                            .out_no = b->frame->out_no,
                            .detail = lth_slice_of(detail, strlen(detail))};
    name_batch(b, &out);
    out.epoch = v->resend_from != 0 ? v->epoch : out.epoch;
    char hex[33];
    lth_hex(hex, out.origin.b, sizeof out.origin.b);
    lth_log_event(&self->env.log,
                  out.class_ == LTH_REFUSAL_STOPPED ? LTH_LEVEL_WARN : LTH_LEVEL_INFO,
                  "batch_refused", "origin=%s epoch=%u seq=%llu code=%s", hex, (unsigned)out.epoch,
                  (unsigned long long)out.seq, lth_refusal_name(v->code));
    self->rejected++;
    b->peer->rejected++;
    TRY(lth_broker__keep(self, &out.detail));
    return lth_broker__reject(self, b->peer->handle, &out);
}

/* Also of a refused batch. */
lth_err lth_broker__keep_place(lth_txn *txn, broker_peer *peer, lth_lane lane, uint64_t out_no)
{
    if (peer->role != LTH_ROLE_BROKER) {
        return LTH_OK;
    }
    peer->ack_due[lane] = true;
    peer->touched = true;
    if (out_no <= peer->acked[lane]) {
        return LTH_OK;
    }
    peer->acked[lane] = out_no;
    uint8_t key[24], value[8 * LTH_LANES];
    lth_broker__key_origin(key, &peer->org, peer->incarnation);
    for (uint32_t i = 0; i < LTH_LANES; i++) {
        lth_put64(value + 8 * i, peer->acked[i]);
    }
    return lth_put_kv(txn, LTH_T_link, lth_slice_of(key, sizeof key),
                      lth_slice_of(value, sizeof value), LTH_PUT);
}

/* False: over the credit while something is still outstanding. */
static bool within_credit(lth_broker *self, broker_peer *peer, uint64_t size)
{
    bool fine = peer->used + size <= peer->granted || peer->used == peer->done;
    peer->used += size;
    peer->touched = true;
    self->step_bytes += size;
    return fine;
}

static lth_err over_credit(lth_broker *self, broker_peer *peer)
{
    lth_frame_reject out = {.code = LTH_REFUSE_over_credit, .class_ = LTH_REFUSAL_STOPPED};
    char hex[33];
    lth_hex(hex, peer->org.b, sizeof peer->org.b);
    lth_log_event(&self->env.log, LTH_LEVEL_WARN, "peer_cut", "org=%s code=%s", hex,
                  lth_refusal_name(out.code)); /* the cut may overtake the answer */
    TRY(lth_broker__reject(self, peer->handle, &out));
    return lth_broker__drop(self, peer->handle);
}

lth_err lth_broker__batch(lth_broker *self, lth_txn *txn, lth_now now, broker_peer *peer,
                          const lth_event *event)
{
    const lth_frame_batch *frame = &event->frame->batch;
    broker_verdict v = {0};
    broker_batch b = {.txn = txn,
                      .now = now,
                      .peer = peer,
                      .via = peer->org,
                      .frame = frame,
                      .c = event->checked,
                      .entry = peer->role != LTH_ROLE_BROKER,
                      .receive_ms = now.wall_ms};
    if (!within_credit(self, peer, frame->signed_header.n + frame->body.n)) {
        return over_credit(self, peer);
    }
    b.org = lth_registry_find(self->env.registry, &b.c->batch.header.origin);
    TRY(judge(self, &b, &v));
    TRY(lth_broker__keep_place(txn, peer, frame->lane, frame->out_no));
    if (v.fork) {
        TRY(lth_broker__fork(self, &b));
    } else if (v.code != LTH_REFUSE_none) {
        TRY(stop_origin(self, &b, &v));
    }
    if (v.code != LTH_REFUSE_none) {
        return reject(self, &b, &v);
    }
    b.origin->peer = peer->handle;
    if (v.duplicate) {
        self->duplicates++;
        TRY(lth_broker__receipt_note(txn, b.origin, &b.head));
        return lth_broker__touch(self, b.origin);
    }
    return lth_broker__accept(self, &b);
}
