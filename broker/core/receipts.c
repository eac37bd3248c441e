#include "internal.h"

static uint8_t form_of(uint8_t flags)
{
    if ((flags & LOG_HEADERS) != 0) {
        return LTH_RECEIPT_HEADERS;
    }
    return (flags & LOG_REDACTED) != 0 ? LTH_RECEIPT_REDACTED : LTH_RECEIPT_WHOLE;
}

lth_err lth_broker__receipt_note(lth_txn *txn, broker_origin *origin, const lth_head *head)
{
    uint64_t accept_no;
    uint8_t hash[LTH_HASH_SIZE];
    lth_slice log;
    bool found;
    TRY(lth_broker__chain_get(txn, &origin->id, origin->stream, head->at.epoch, head->at.seq,
                              &accept_no, hash, &found));
    if (!found) {
        return LTH_E_STORE_CORRUPT;
    }
    TRY(lth_broker__log_get(txn, accept_no, &log));
    origin->form = form_of(log.p[LTH_BATCH_SIGNED_SIZE + 8]);
    origin->at = head->at;
    origin->held = head->held;
    return LTH_OK;
}

lth_err lth_broker__receipt_send(lth_broker *self, lth_peer to, const broker_origin *origin)
{
    uint8_t bytes[LTH_RECEIPT_BYTES];
    lth_receipt receipt = {.origin = origin->id,
                           .stream = origin->stream,
                           .at = origin->at,
                           .tier_org = self->env.org,
                           .incarnation = self->incarnation,
                           .form = LTH_MUTANT(13) ? LTH_RECEIPT_WHOLE : origin->form,
                           .level = LTH_RECEIPT_DURABLE,
                           .held_count = origin->held,
                           .tree_size = self->frontier.size};
    lth_frontier_root(self->hasher, &self->frontier, receipt.root);
    lth_frame frame = {
        .kind = LTH_FRAME_RECEIPT,
        .receipt.bytes = {bytes, lth_receipt_sign(bytes, &receipt, self->env.signer)}};
    if (frame.receipt.bytes.n == 0) {
        return LTH_E_CRYPTO;
    }
    TRY(lth_broker__keep(self, &frame.receipt.bytes));
    return lth_broker__send(self, to, &frame);
}

lth_err lth_broker__receipts_above(lth_broker *self, lth_txn *txn, lth_peer to,
                                   const lth_id *origin, uint64_t stream)
{
    uint8_t from[24];
    lth_slice key, value;
    lth_cursor *cursor;
    lth_broker__key_origin(from, origin, stream);
    TRY(lth_cursor_open(txn, LTH_T_receipt, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    while (err == LTH_OK && memcmp(key.p, from, sizeof from) == 0) {
        lth_frame frame = {.kind = LTH_FRAME_RECEIPT, .receipt.bytes = value};
        err = lth_broker__keep(self, &frame.receipt.bytes);
        err = err == LTH_OK ? lth_broker__send(self, to, &frame) : err;
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* Signed by the key of a broker of the tier it names, which stands above this one. */
static bool believed(const lth_broker *self, const lth_receipt *r, lth_slice bytes)
{
    const lth_trust *trust = self->env.trust;
    const lth_org *tier = lth_registry_find(self->env.registry, &r->tier_org);
    lth_key_info key;
    return tier != NULL && self->self_org != NULL && tier != self->self_org &&
           lth_registry_under_any(self->env.registry, self->self_org, tier, self->today) &&
           trust->find(trust->ctx, r->key_id, &key) == LTH_REFUSE_none &&
           key.role == LTH_ROLE_BROKER && lth_id_equal(&key.org, &r->tier_org) &&
           lth_statement_verify(bytes, r->key_id, trust) == LTH_REFUSE_none;
}

static bool is_newer(const lth_position *a, const lth_position *b)
{
    return a->epoch != b->epoch ? a->epoch > b->epoch : a->seq > b->seq;
}

/* Keep the newest of its tier. */
static lth_err store(lth_txn *txn, const lth_receipt *r, lth_slice bytes)
{
    uint8_t key[40];
    lth_slice value;
    lth_receipt old;
    lth_broker__key_origin(key, &r->origin, r->stream);
    memcpy(key + 24, r->tier_org.b, sizeof r->tier_org.b);
    lth_err err = lth_get(txn, LTH_T_receipt, lth_slice_of(key, sizeof key), &value);
    if (err == LTH_OK && lth_receipt_decode(&old, value) && is_newer(&old.at, &r->at)) {
        return LTH_OK;
    }
    if (err != LTH_OK && err != LTH_E_NOT_FOUND) {
        return err;
    }
    return lth_put_kv(txn, LTH_T_receipt, lth_slice_of(key, sizeof key), bytes, LTH_PUT);
}

lth_err lth_broker__receipt_from_parent(lth_broker *self, lth_txn *txn,
                                        const lth_frame_receipt *receipt)
{
    lth_receipt r;
    uint64_t accept_no;
    uint8_t hash[LTH_HASH_SIZE];
    bool found;
    if (!lth_receipt_decode(&r, receipt->bytes) || !believed(self, &r, receipt->bytes)) {
        lth_log_event(&self->env.log, LTH_LEVEL_NOTICE, "receipt_not_believed", "bytes=%zu",
                      receipt->bytes.n);
        return LTH_OK;
    }
    TRY(lth_broker__chain_get(txn, &r.origin, r.stream, r.at.epoch, r.at.seq, &accept_no, hash,
                              &found));
    if (!found || memcmp(hash, r.at.hash, LTH_HASH_SIZE) != 0) {
        lth_log_event(&self->env.log, LTH_LEVEL_WARN, "receipt_of_other_chain", "epoch=%u seq=%llu",
                      (unsigned)r.at.epoch, (unsigned long long)r.at.seq);
        return LTH_OK;
    }
    self->link.believed = self->link.believed || lth_id_equal(&r.tier_org, &self->env.parent_org);
    const broker_origin *origin = lth_broker__origin(self, &r.origin, r.stream);
    if (origin != NULL && origin->peer != 0) {
        lth_frame frame = {.kind = LTH_FRAME_RECEIPT, .receipt = *receipt};
        TRY(lth_broker__keep(self, &frame.receipt.bytes));
        TRY(lth_broker__send(self, origin->peer, &frame));
    }
    return store(txn, &r, receipt->bytes);
}

lth_err lth_broker__peer_credit(lth_broker *self, broker_peer *peer)
{
    peer->touched = false;
    peer->done = peer->used;
    for (uint32_t lane = 0; lane < LTH_LANES; lane++) {
        lth_frame ack = {.kind = LTH_FRAME_LINK_ACK,
                         .link_ack = {.lane = (lth_lane)lane,
                                      .out_no = peer->acked[lane] + (LTH_MUTANT(1) ? 1 : 0)}};
        if (peer->ack_due[lane]) {
            peer->ack_due[lane] = false;
            TRY(lth_broker__send(self, peer->handle, &ack));
        }
    }
    if (peer->hello && peer->done + peer->window >= peer->granted + peer->window / 2) {
        peer->granted = peer->done + peer->window;
        lth_frame credit = {.kind = LTH_FRAME_CREDIT, .credit.total = peer->granted};
        return lth_broker__send(self, peer->handle, &credit);
    }
    return LTH_OK;
}

/* What this broker and the tiers above hold of one origin, or why it is stopped. */
static lth_err repeat_one(lth_broker *self, lth_txn *read, const broker_peer *peer,
                          const lth_id *id, uint64_t stream, const lth_head *head)
{
    if (head->state != LTH_ORIGIN_OK) {
        lth_frame_reject reject = {.origin = *id,
                                   .stream = stream,
                                   .epoch = head->at.epoch,
                                   .seq = head->at.seq,
                                   .code = head->code,
                                   .class_ = LTH_REFUSAL_STOPPED};
        return lth_broker__reject(self, peer->handle, &reject);
    }
    broker_origin origin = {.id = *id, .stream = stream};
    if (head->at.epoch == 0) {
        return LTH_OK;
    }
    TRY(lth_broker__receipt_note(read, &origin, head));
    TRY(lth_broker__receipt_send(self, peer->handle, &origin));
    return lth_broker__receipts_above(self, read, peer->handle, id, stream);
}

/* One slice of the heads for one peer. */
static lth_err repeat_slice(lth_broker *self, lth_txn *read, broker_peer *peer)
{
    lth_slice key, value;
    lth_head head;
    lth_cursor *cursor;
    TRY(lth_cursor_open(read, LTH_T_head, &cursor));
    lth_err err =
        lth_cursor_seek(cursor, lth_slice_of(peer->resync_key, peer->resync_n), &key, &value);
    for (uint32_t n = 0; err == LTH_OK && n < SLICE_MAX; n++) {
        lth_id id;
        memcpy(id.b, key.p, sizeof id.b);
        uint64_t stream = lth_get64(key.p + 16);
        memcpy(peer->resync_key, key.p, sizeof peer->resync_key);
        peer->resync_n = sizeof peer->resync_key;
        if (!lth_head_decode(&head, value)) {
            err = LTH_E_STORE_CORRUPT;
            break;
        }
        if (lth_id_equal(&head.via_org, &peer->org)) {
            err = repeat_one(self, read, peer, &id, stream, &head);
        }
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
        if (err == LTH_OK) {
            memcpy(peer->resync_key, key.p, sizeof peer->resync_key);
        }
    }
    lth_cursor_close(&cursor);
    peer->resync = err == LTH_OK;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_broker__receipts_repeat(lth_broker *self, lth_txn *read, bool *more)
{
    for (uint32_t i = 0; i < self->n_peers; i++) {
        if (self->peers[i]->resync) {
            TRY(repeat_slice(self, read, self->peers[i]));
            *more = *more || self->peers[i]->resync;
            return LTH_OK; /* One slice a call. */
        }
    }
    return LTH_OK;
}
