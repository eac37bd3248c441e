#include "internal.h"

bool lth_broker__may_carry(const lth_broker *self, const lth_id *carrier, const lth_id *origin)
{
    const lth_registry *registry = self->env.registry;
    const lth_org *from = lth_registry_find(registry, carrier);
    const lth_org *org = lth_registry_find(registry, origin);
    return from != NULL && org != NULL && lth_registry_carries(registry, from, org, self->today);
}

lth_err lth_broker__reject(lth_broker *self, lth_peer to, const lth_frame_reject *reject)
{
    lth_frame frame = {.kind = LTH_FRAME_REJECT, .reject = *reject};
    if (lth_id_is_zero(&frame.reject.tier_org)) {
        frame.reject.tier_org = self->env.org;
    }
    return lth_broker__send(self, to, &frame);
}

/* Place of a child broker's link; what an older incarnation of it left is of no use any more. */
static lth_err load_place(lth_txn *txn, broker_peer *peer)
{
    uint8_t from[24];
    lth_slice key, value;
    lth_cursor *cursor;
    memset(peer->acked, 0, sizeof peer->acked);
    lth_broker__key_origin(from, &peer->org, 0);
    TRY(lth_cursor_open(txn, LTH_T_link, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    while (err == LTH_OK && memcmp(key.p, from, 16) == 0) {
        if (lth_get64(key.p + 16) != peer->incarnation) {
            err = lth_cursor_del(cursor);
        } else if (value.n != 8 * LTH_LANES) {
            err = LTH_E_STORE_CORRUPT;
        } else {
            for (uint32_t i = 0; i < LTH_LANES; i++) {
                peer->acked[i] = lth_get64(value.p + 8 * i);
            }
        }
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static lth_err answer_hello(lth_broker *self, lth_now now, broker_peer *peer)
{
    lth_frame frame = {.kind = LTH_FRAME_LINK_RESUME,
                       .link_resume = {.version = peer->version,
                                       .node_org = self->env.org,
                                       .incarnation = self->incarnation,
                                       .registry_version = self->env.registry->version,
                                       .policy_version = self->env.policy->version,
                                       .credit = peer->granted,
                                       .clock_ms = now.wall_ms}};
    memcpy(frame.link_resume.acked, peer->acked, sizeof peer->acked);
    TRY(lth_broker__certs_greet(self, peer->handle));
    return lth_broker__send(self, peer->handle, &frame);
}

static lth_refusal judge_hello(const lth_broker *self, const lth_event *event)
{
    const lth_frame_link_hello *hello = &event->frame->link_hello;
    if (hello->version + 1 < LTH_PROTOCOL_VERSION || hello->version > LTH_PROTOCOL_VERSION + 1) {
        return LTH_REFUSE_bad_version;
    }
    bool role = hello->role == event->role &&
                (hello->role == LTH_ROLE_AGENT || hello->role == LTH_ROLE_HOST ||
                 hello->role == LTH_ROLE_BROKER);
    bool known = lth_registry_find(self->env.registry, &event->user) != NULL;
    return role && known && lth_id_equal(&hello->node_org, &event->user) ? LTH_REFUSE_none
                                                                         : LTH_REFUSE_not_allowed;
}

lth_err lth_broker__link_hello(lth_broker *self, lth_txn *txn, lth_now now, broker_peer *peer,
                               const lth_event *event)
{
    const lth_frame_link_hello *hello = &event->frame->link_hello;
    lth_refusal code = judge_hello(self, event);
    if (code != LTH_REFUSE_none) {
        lth_frame_reject reject = {.code = code, .class_ = LTH_REFUSAL_STOPPED};
        TRY(lth_broker__reject(self, peer->handle, &reject));
        return lth_broker__drop(self, peer->handle);
    }
    peer->hello = true;
    peer->version = hello->version < LTH_PROTOCOL_VERSION ? hello->version : LTH_PROTOCOL_VERSION;
    peer->incarnation = hello->incarnation;
    peer->skew_ms = (int64_t)(hello->clock_ms - now.wall_ms);
    peer->used = peer->done = 0;
    peer->granted = peer->window;
    memset(peer->ack_due, 0, sizeof peer->ack_due);
    if (peer->role == LTH_ROLE_BROKER) {
        TRY(load_place(txn, peer));
        peer->resync = true;
        peer->resync_n = 0;
    }
    return answer_hello(self, now, peer);
}

lth_err lth_broker__resume(lth_broker *self, const broker_origin *origin, const lth_head *head,
                           lth_resume_state state, lth_refusal code, uint32_t wait_ms)
{
    lth_frame frame = {.kind = LTH_FRAME_RESUME,
                       .resume = {.origin = origin->id,
                                  .stream = origin->stream,
                                  .head = head->at,
                                  .state = state,
                                  .code = code,
                                  .wait_ms = wait_ms}};
    return lth_broker__send(self, origin->peer, &frame);
}

/* A newer session of the same origin takes over; the older one is told. */
static lth_err fence(lth_broker *self, broker_origin *origin, const broker_peer *peer,
                     const lth_frame_hello *hello)
{
    lth_frame_reject reject = {.origin = origin->id,
                               .stream = origin->stream,
                               .code = LTH_REFUSE_fenced,
                               .class_ = LTH_REFUSAL_STOPPED};
    lth_peer old = origin->peer;
    if (old != 0 && old != peer->handle) {
        TRY(lth_broker__reject(self, old, &reject));
    }
    origin->peer = peer->handle;
    origin->session = hello->session;
    return LTH_OK;
}

/* What the agent's store says against what this broker holds. */
static lth_resume_state compare(const broker_origin *origin, const lth_head *head,
                                const lth_position *theirs)
{
    const lth_position *ours = &head->at;
    if (theirs->epoch == 0 || theirs->epoch < origin->granted || theirs->epoch < ours->epoch) {
        return LTH_RESUME_GRANT;
    }
    if (theirs->epoch > ours->epoch) {
        return theirs->epoch == origin->granted ? LTH_RESUME_GO : LTH_RESUME_GRANT;
    }
    if (theirs->seq == ours->seq) {
        bool same = memcmp(theirs->hash, ours->hash, LTH_HASH_SIZE) == 0;
        return same ? LTH_RESUME_GO : LTH_RESUME_GRANT;
    }
    return theirs->seq > ours->seq ? LTH_RESUME_GO : LTH_RESUME_GRANT;
}

static lth_err answer_origin(lth_broker *self, lth_txn *txn, broker_origin *origin,
                             const lth_frame_hello *hello)
{
    lth_head head;
    bool found;
    TRY(lth_broker__head_get(txn, &origin->id, origin->stream, &head, &found));
    lth_resume_state state = compare(origin, &head, &hello->head);
    lth_refusal code = LTH_REFUSE_none;
    if (head.state != LTH_ORIGIN_OK) {
        bool person = head.state == LTH_ORIGIN_FROZEN || lth_broker__needs_person(head.code);
        bool granted = hello->head.epoch > head.at.epoch && state == LTH_RESUME_GO;
        state = person ? LTH_RESUME_STOPPED : granted ? LTH_RESUME_GO : LTH_RESUME_GRANT;
        code = head.code;
    }
    TRY(lth_broker__resume(self, origin, &head, state, code, 0));
    if (head.at.epoch == 0) {
        return LTH_OK;
    }
    TRY(lth_broker__receipt_note(txn, origin, &head));
    TRY(lth_broker__receipt_send(self, origin->peer, origin));
    TRY(lth_broker__receipts_above(self, txn, origin->peer, &origin->id, origin->stream));
    return head.held > 0 ? lth_broker__holds_repeat(self, txn, origin) : LTH_OK;
}

lth_err lth_broker__hello(lth_broker *self, lth_txn *txn, broker_peer *peer,
                          const lth_frame_hello *hello)
{
    lth_frame_reject reject = {.origin = hello->origin, .stream = hello->stream};
    broker_origin *origin;
    if (hello->stream == LTH_STREAM_PUBLIC) {
        return lth_broker__public_hello(self, txn, peer, hello);
    }
    if (lth_registry_find(self->env.registry, &hello->origin) == NULL) {
        reject.code = LTH_REFUSE_unknown_origin;
        reject.wait_ms = 60000;
    } else if (hello->stream != LTH_STREAM_OWN ||
               !lth_broker__may_carry(self, &peer->org, &hello->origin)) {
        reject.code = LTH_REFUSE_not_carrier;
    }
    if (reject.code != LTH_REFUSE_none) {
        reject.class_ = lth_refusal_class_of(reject.code);
        return lth_broker__reject(self, peer->handle, &reject);
    }
    TRY(lth_broker__origin_add(self, txn, &hello->origin, hello->stream, &origin));
    TRY(fence(self, origin, peer, hello));
    return answer_origin(self, txn, origin, hello);
}
