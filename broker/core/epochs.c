#include "internal.h"

#define GRANTS_A_DAY  3u
#define ASKED_WAIT_MS 2000u
#define NO_PARENT_MS  5000u
#define ASK_AGAIN_NS  LTH_MONO_S(10)

bool lth_broker__needs_person(lth_refusal code)
{
    static const lth_refusal codes[] = {LTH_REFUSE_wrong_key,   LTH_REFUSE_key_expired,
                                        LTH_REFUSE_key_revoked, LTH_REFUSE_not_carrier,
                                        LTH_REFUSE_fork,        LTH_REFUSE_frozen};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i] == code) {
            return true;
        }
    }
    return false;
}

static lth_err send_grant(lth_broker *self, const broker_origin *origin, const uint8_t *bytes)
{
    lth_frame frame = {.kind = LTH_FRAME_EPOCH_GRANT,
                       .epoch_grant.bytes = {bytes, LTH_GRANT_BYTES}};
    TRY(lth_broker__keep(self, &frame.epoch_grant.bytes));
    return lth_broker__send(self, origin->peer, &frame);
}

/* At most three a day without a person, counted where the head is; the first epoch is free. */
static bool within_limit(lth_broker *self, lth_head *head)
{
    if (head->grant_day != self->today) {
        head->grant_day = self->today;
        head->grants_today = 0;
    }
    return head->grants_today++ < GRANTS_A_DAY;
}

static uint32_t greatest(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t ab = a > b ? a : b;
    return ab > c ? ab : c;
}

/* Before the first batch nothing counts the grants, and none but the newest is of use: the one it
 * takes the place of goes, so that asking again and again fills no table. */
static lth_err drop_unused(lth_txn *txn, const broker_origin *origin, const lth_head *head)
{
    uint8_t key[28];
    if (head->at.epoch > 0 || origin->granted == 0) {
        return LTH_OK;
    }
    lth_broker__key_origin(key, &origin->id, origin->stream);
    lth_put32(key + 24, origin->granted);
    lth_err err = lth_del(txn, LTH_T_grants, lth_slice_of(key, sizeof key));
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* Sign and keep the grant that follows @p closes, which is the highest position known here or on
 * the path above. */
static lth_err give(lth_broker *self, lth_txn *txn, lth_now now, broker_origin *origin,
                    lth_head *head, const lth_position *closes)
{
    uint8_t bytes[LTH_GRANT_BYTES], key[28];
    uint32_t known = greatest(closes->epoch, origin->granted, origin->used);
    bool exhausted = known == UINT32_MAX;
    if (exhausted || (head->at.epoch > 0 && !within_limit(self, head))) {
        return lth_broker__resume(self, origin, head, LTH_RESUME_STOPPED,
                                  LTH_REFUSE_epoch_not_granted, 0);
    }
    lth_grant grant = {.origin = origin->id,
                       .stream = origin->stream,
                       .epoch = known + 1,
                       .closes = *closes,
                       .grantor_org = self->env.org,
                       .grant_ms = now.wall_ms};
    if (lth_grant_sign(bytes, &grant, self->env.signer) != LTH_GRANT_BYTES) {
        return LTH_E_CRYPTO;
    }
    lth_broker__key_origin(key, &origin->id, origin->stream);
    lth_put32(key + 24, grant.epoch);
    TRY(drop_unused(txn, origin, head));
    TRY(lth_put_kv(txn, LTH_T_grants, lth_slice_of(key, sizeof key),
                   lth_slice_of(bytes, sizeof bytes), LTH_PUT));
    if (head->at.epoch > 0) {
        TRY(lth_broker__head_put(txn, &origin->id, origin->stream, head));
    }
    origin->granted = grant.epoch;
    char hex[33];
    lth_hex(hex, origin->id.b, sizeof origin->id.b);
    lth_log_event(&self->env.log, LTH_LEVEL_NOTICE, "epoch_granted", "origin=%s epoch=%u", hex,
                  (unsigned)grant.epoch);
    return send_grant(self, origin, bytes);
}

static lth_err wait(lth_broker *self, const broker_origin *origin, const lth_head *head,
                    uint32_t ms)
{
    return lth_broker__resume(self, origin, head, LTH_RESUME_WAIT, LTH_REFUSE_none, ms);
}

/* One question upward per origin at a time. */
static lth_err ask(lth_broker *self, broker_origin *origin)
{
    lth_frame frame = {.kind = LTH_FRAME_HEAD_QUERY,
                       .head_query = {.origin = origin->id, .stream = origin->stream}};
    if (origin->asked_at != 0 && self->now - origin->asked_at < ASK_AGAIN_NS) {
        return LTH_OK;
    }
    origin->asked_at = self->now != 0 ? self->now : 1;
    return lth_broker__send(self, LTH_PEER_PARENT, &frame);
}

/* The newest grant, when no batch of its epoch came yet and its sender is not in that epoch already
 * (then the first batch was refused, and the grant would bring it nowhere). */
static lth_err unused_grant(lth_txn *txn, const broker_origin *origin, const lth_head *head,
                            uint8_t bytes[LTH_GRANT_BYTES], bool *found)
{
    lth_grant grant;
    *found = origin->granted > head->at.epoch && origin->granted > origin->used;
    if (!*found) {
        return LTH_OK;
    }
    return lth_broker__grant_get(txn, &origin->id, origin->stream, UINT32_MAX, bytes, &grant,
                                 found);
}

static lth_err request(lth_broker *self, lth_txn *txn, lth_now now, broker_origin *origin)
{
    lth_head head;
    uint8_t bytes[LTH_GRANT_BYTES];
    bool has_head, unused;
    TRY(lth_broker__head_get(txn, &origin->id, origin->stream, &head, &has_head));
    if (head.state == LTH_ORIGIN_FROZEN ||
        (head.state == LTH_ORIGIN_STOPPED && lth_broker__needs_person(head.code))) {
        return lth_broker__resume(self, origin, &head, LTH_RESUME_STOPPED, head.code, 0);
    }
    TRY(unused_grant(txn, origin, &head, bytes, &unused));
    if (unused) {
        return send_grant(self, origin, bytes);
    }
    if (head.at.epoch > 0 || !self->env.has_parent) {
        return give(self, txn, now, origin, &head, &head.at);
    }
    if (!self->link.ready) {
        return wait(self, origin, &head, NO_PARENT_MS);
    }
    origin->wants_grant = true;
    TRY(ask(self, origin));
    return wait(self, origin, &head, ASKED_WAIT_MS);
}

lth_err lth_broker__epoch_request(lth_broker *self, lth_txn *txn, lth_now now, broker_peer *peer,
                                  const lth_frame_epoch_request *in)
{
    broker_origin *origin = lth_broker__origin(self, &in->origin, in->stream);
    lth_frame_reject reject = {.origin = in->origin, .stream = in->stream};
    if (origin == NULL || origin->peer != peer->handle) {
        reject.code = origin == NULL || origin->peer == 0 ? LTH_REFUSE_no_hello : LTH_REFUSE_fenced;
    } else if (!lth_broker__may_carry(self, &peer->org, &in->origin)) {
        reject.code = LTH_REFUSE_not_carrier;
    }
    if (reject.code != LTH_REFUSE_none) {
        reject.class_ = lth_refusal_class_of(reject.code);
        return lth_broker__reject(self, peer->handle, &reject);
    }
    origin->used = in->head.epoch;
    return request(self, txn, now, origin);
}

static lth_err answer(lth_broker *self, lth_peer to, const broker_origin *origin,
                      const lth_position *head)
{
    lth_frame frame = {
        .kind = LTH_FRAME_HEAD_ANSWER,
        .head_answer = {.origin = origin->id, .stream = origin->stream, .head = *head}};
    return lth_broker__send(self, to, &frame);
}

lth_err lth_broker__head_query(lth_broker *self, lth_txn *txn, broker_peer *peer,
                               const lth_frame_head_query *query)
{
    broker_origin *origin;
    lth_head head;
    bool found;
    if (query->stream != LTH_STREAM_OWN ||
        !lth_broker__may_carry(self, &peer->org, &query->origin)) {
        lth_frame_reject reject = {.origin = query->origin,
                                   .stream = query->stream,
                                   .code = LTH_REFUSE_not_carrier,
                                   .class_ = LTH_REFUSAL_STOPPED};
        return lth_broker__reject(self, peer->handle, &reject);
    }
    TRY(lth_broker__origin_add(self, txn, &query->origin, query->stream, &origin));
    TRY(lth_broker__head_get(txn, &origin->id, origin->stream, &head, &found));
    if (head.at.epoch > 0 || !self->env.has_parent) {
        return answer(self, peer->handle, origin, &head.at);
    }
    origin->asker = peer->handle;
    return self->link.ready ? ask(self, origin) : LTH_OK; /* It asks again. */
}

lth_err lth_broker__head_answer(lth_broker *self, lth_txn *txn, lth_now now,
                                const lth_frame_head_answer *in)
{
    broker_origin *origin = lth_broker__origin(self, &in->origin, in->stream);
    lth_head head;
    bool found;
    if (origin == NULL || origin->asked_at == 0) {
        return LTH_OK;
    }
    origin->asked_at = 0;
    if (origin->asker != 0) {
        TRY(answer(self, origin->asker, origin, &in->head));
        origin->asker = 0;
    }
    if (!origin->wants_grant) {
        return LTH_OK;
    }
    origin->wants_grant = false;
    TRY(lth_broker__head_get(txn, &origin->id, origin->stream, &head, &found));
    uint32_t used = greatest(in->head.epoch, origin->used, 0);
    bool still = origin->peer != 0 && head.at.epoch == 0 && origin->granted <= used;
    return still ? give(self, txn, now, origin, &head, &in->head) : LTH_OK;
}
