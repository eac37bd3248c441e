#include "settle.h"

static const lth_batch_header *header_of(const broker_batch *b)
{
    return &b->c->batch.header;
}

/* What this broker decided, signed: made here at the entry, else passed on as received. */
static lth_err make_attest(lth_broker *self, broker_batch *b)
{
    if (!b->entry) {
        b->attest = b->frame->attest;
        return LTH_OK;
    }
    lth_attest *a = &self->attest;
    const lth_batch_header *h = header_of(b);
    a->entry_org = self->env.org;
    a->origin = h->origin;
    a->stream = h->stream;
    a->at = (lth_position){.epoch = h->epoch, .seq = h->batch_seq};
    memcpy(a->at.hash, b->c->batch.header_hash, LTH_HASH_SIZE);
    a->receive_ms = b->receive_ms;
    a->registry_version = self->env.registry->version;
    a->n_held = 0;
    for (uint32_t i = 0; i < b->c->n_records; i++) {
        const broker_outcome *o = &self->merge.out[i];
        bool judged =
            o->code != LTH_REFUSE_await_definition; /* Else each tier by its own schema. */
        if (judged && (o->fate == FATE_HELD || o->fate == FATE_HELD_CLOSED)) {
            a->held[a->n_held++] = (lth_held_mark){.index = i, .code = o->code};
        }
    }
    size_t size = lth_attest_sign(self->attest_bytes, a, self->env.signer);
    b->attest = lth_slice_of(self->attest_bytes, size);
    return size > 0 ? LTH_OK : LTH_E_CRYPTO;
}

static void grow_tree(lth_broker *self, const broker_batch *b)
{
    static const uint8_t tag = 0;
    uint8_t disposition[LTH_HASH_SIZE], time[8], leaf[LTH_HASH_SIZE];
    lth_sha256(self->hasher, b->attest.p, b->attest.n, disposition);
    lth_put64(time, b->now.wall_ms);
    lth_slice parts[] = {{&tag, 1},
                         {b->c->batch.header_hash, LTH_HASH_SIZE},
                         {time, sizeof time},
                         {disposition, sizeof disposition}};
    self->hasher->sha256(self->hasher->ctx, parts, 4, leaf);
    lth_frontier_add(self->hasher, &self->frontier, leaf);
}

static uint8_t log_flags(const broker_batch *b)
{
    return (uint8_t)((b->c->batch.headers_only ? LOG_HEADERS : 0) |
                     (b->c->batch.redacted ? LOG_REDACTED : 0) | (b->entry ? LOG_ENTRY : 0));
}

static lth_err put_log(broker_batch *b)
{
    uint8_t key[8], *value;
    lth_put64(key, b->accept_no);
    TRY(lth_put_reserve(b->txn, LTH_T_log, lth_slice_of(key, sizeof key), LOG_FIXED + b->attest.n,
                        LTH_PUT_APPEND, &value));
    memcpy(value, b->frame->signed_header.p, LTH_BATCH_SIGNED_SIZE);
    lth_put64(value + LTH_BATCH_SIGNED_SIZE, b->now.wall_ms);
    value[LTH_BATCH_SIGNED_SIZE + 8] = log_flags(b);
    memcpy(value + LOG_FIXED, b->attest.p, b->attest.n);
    if (b->frame->body.n == 0) {
        return LTH_OK;
    }
    return lth_put_kv(b->txn, LTH_T_body, lth_slice_of(key, sizeof key), b->frame->body,
                      LTH_PUT_APPEND);
}

static lth_err put_chain(broker_batch *b)
{
    const lth_batch_header *h = header_of(b);
    uint8_t key[36], value[8 + LTH_HASH_SIZE];
    lth_broker__key_position(key, &h->origin, h->stream, h->epoch, h->batch_seq);
    lth_put64(value, b->accept_no);
    memcpy(value + 8, b->c->batch.header_hash, LTH_HASH_SIZE);
    return lth_put_kv(b->txn, LTH_T_chain, lth_slice_of(key, sizeof key),
                      lth_slice_of(value, sizeof value), LTH_PUT);
}

/* A grant that another broker gave is kept: it goes up with the first batch of its epoch. */
static lth_err put_grant(broker_batch *b)
{
    const lth_batch_header *h = header_of(b);
    uint8_t key[28];
    b->origin->granted = h->epoch > b->origin->granted ? h->epoch : b->origin->granted;
    if (!b->c->has_grant) {
        return LTH_OK;
    }
    lth_broker__key_origin(key, &h->origin, h->stream);
    lth_put32(key + 24, h->epoch);
    lth_err err = lth_put_kv(b->txn, LTH_T_grants, lth_slice_of(key, sizeof key), b->frame->grant,
                             LTH_PUT_NEW);
    return err == LTH_E_EXISTS ? LTH_OK : err;
}

static void move_head(lth_broker *self, broker_batch *b)
{
    const lth_batch_header *h = header_of(b);
    lth_head *head = &b->head;
    head->at.epoch = h->epoch;
    head->at.seq = h->batch_seq;
    memcpy(head->at.hash, b->c->batch.header_hash, LTH_HASH_SIZE);
    head->next_rec_seq = h->first_rec_seq + h->rec_count;
    head->last_ms = b->now.wall_ms;
    head->via_org = b->via;
    head->entry_org = b->entry ? self->env.org : b->c->attest.entry_org;
    head->records_total += h->rec_count;
    if (b->new_epoch) {
        head->state = LTH_ORIGIN_OK;
        head->code = LTH_REFUSE_none;
    }
}

static void note_receipt(broker_batch *b)
{
    const lth_batch_check *c = &b->c->batch;
    b->origin->at = b->head.at;
    b->origin->held = b->head.held;
    b->origin->form = c->headers_only ? LTH_RECEIPT_HEADERS
                      : c->redacted   ? LTH_RECEIPT_REDACTED
                                      : LTH_RECEIPT_WHOLE;
}

lth_err lth_broker__accept(lth_broker *self, broker_batch *b)
{
    const lth_batch_header *h = header_of(b);
    b->accept_no = self->accept_no + 1;
    TRY(lth_broker__merge(self, b));
    TRY(lth_broker__await_put(self, b));
    TRY(make_attest(self, b));
    TRY(put_log(b));
    TRY(put_chain(b));
    if (b->new_epoch) {
        TRY(put_grant(b));
    }
    grow_tree(self, b);
    self->accept_no = b->accept_no;
    self->meta_dirty = true;
    move_head(self, b);
    TRY(h->stream == LTH_STREAM_OWN ? lth_broker__out_batch(self, b) : LTH_OK);
    if (b->stated && h->stream == LTH_STREAM_OWN && !b->origin->requeue) {
        TRY(lth_broker__releases_queue(self, b->txn, b->org, &h->origin, h->stream, &b->head.at,
                                       LTH_LANE_LIVE, &b->head));
    }
    TRY(lth_broker__head_put(b->txn, &h->origin, h->stream, &b->head));
    note_receipt(b);
    self->batches++;
    self->records += h->rec_count;
    self->step_records += h->rec_count;
    if (b->peer != NULL) {
        b->peer->batches++;
        b->peer->records += h->rec_count;
    }
    return lth_broker__touch(self, b->origin);
}
