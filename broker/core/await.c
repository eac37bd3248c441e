/* Records of a dataset that is not defined here yet.
 *
 * Each of their batches stands in table `await`. Once the definition is there, these batches are
 * merged again in the order in which they came, those records alone; until the last of them is done
 * new good records of the dataset wait behind them. So everything becomes what it would have been,
 * had the definition been there from the start. A batch is merged whole: a slice is SLICE_MAX
 * records, or one larger batch. */
#include <stdlib.h>

#include "internal.h"

static void make_key(uint8_t key[10], uint16_t dataset, uint64_t accept_no)
{
    lth_put16(key, dataset);
    lth_put64(key + 2, accept_no);
}

lth_err lth_broker__await_put(lth_broker *self, const broker_batch *b)
{
    uint32_t last = NONE;
    uint8_t key[10];
    for (uint32_t k = 0; k < b->c->n_records; k++) {
        uint32_t index = self->merge.order[k];
        uint16_t dataset = b->c->records[index].dataset;
        if (self->merge.out[index].code != LTH_REFUSE_await_definition || dataset == last) {
            continue;
        }
        last = dataset;
        make_key(key, dataset, b->accept_no);
        TRY(lth_put_kv(b->txn, LTH_T_await, lth_slice_of(key, sizeof key), (lth_slice){0},
                       LTH_PUT));
    }
    return LTH_OK;
}

/* First key at or behind @p from. */
static lth_err seek(lth_txn *txn, const uint8_t from[10], uint8_t key[10], bool *found)
{
    lth_slice at, value;
    lth_cursor *cursor;
    TRY(lth_cursor_open(txn, LTH_T_await, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, 10), &at, &value);
    *found = err == LTH_OK;
    if (*found && at.n != 10) {
        err = LTH_E_STORE_CORRUPT;
    } else if (*found) {
        memcpy(key, at.p, at.n);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_broker__await_pending(lth_broker *self, lth_txn *txn, uint16_t dataset, bool *yes)
{
    uint8_t from[10], key[10];
    *yes = self->releasing && dataset >= lth_get16(self->release_from);
    if (!*yes) {
        return LTH_OK;
    }
    make_key(from, dataset, 0);
    bool begun = dataset == lth_get16(self->release_from);
    TRY(seek(txn, begun ? self->release_from : from, key, yes));
    *yes = *yes && lth_get16(key) == dataset;
    return LTH_OK;
}

void lth_broker__await_look(lth_broker *self)
{
    self->releasing = true;
    memset(self->release_from, 0, sizeof self->release_from);
}

/* The stored batch as it was when it came. */
static lth_err load(lth_broker *self, broker_batch *b, lth_frame_batch *frame)
{
    const lth_broker_env *env = &self->env;
    const lth_check_env check = {.hasher = env->hasher,
                                 .trust = env->trust,
                                 .registry = env->registry,
                                 .schema = env->schema};
    uint8_t key[8];
    lth_slice log, body;
    if (self->again == NULL) {
        self->again = calloc(1, sizeof *self->again);
    }
    if (self->again == NULL) {
        return LTH_E_NOMEM;
    }
    lth_put64(key, b->accept_no);
    lth_err err = lth_get(b->txn, LTH_T_body, lth_slice_of(key, sizeof key), &body);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_E_STORE_CORRUPT : err;
    }
    lth_buf_clear(&self->body);
    TRY(lth_buf_add(&self->body, body.p, body.n));
    TRY(lth_broker__log_get(b->txn, b->accept_no, &log));
    *frame = (lth_frame_batch){.signed_header = lth_slice_of(log.p, LTH_BATCH_SIGNED_SIZE),
                               .body = lth_buf_slice(&self->body),
                               .attest = lth_slice_of(log.p + LOG_FIXED, log.n - LOG_FIXED)};
    if (!lth_broker__judge_again(self->again, &check, frame)) {
        return LTH_E_STORE_CORRUPT;
    }
    b->entry = (log.p[LTH_BATCH_SIGNED_SIZE + 8] & LOG_ENTRY) != 0;
    b->receive_ms = self->again->attest.receive_ms;
    b->frame = frame;
    b->c = self->again;
    return LTH_OK;
}

/* Who hears of this origin's holds: the peer that serves it now, else the node it came through. */
static broker_peer *listener(lth_broker *self, const broker_batch *b)
{
    if (b->origin->peer != 0) {
        return lth_broker__peer(self, b->origin->peer);
    }
    for (uint32_t i = 0; i < self->n_peers; i++) {
        broker_peer *peer = self->peers[i];
        if (peer->hello && lth_id_equal(&peer->org, &b->head.via_org)) {
            return peer;
        }
    }
    return NULL;
}

/* A receipt says how many holds are open. */
static lth_err settle_head(lth_broker *self, broker_batch *b, uint64_t held_before)
{
    if (b->head.held == held_before) {
        return LTH_OK;
    }
    self->meta_dirty = true;
    TRY(lth_broker__head_put(b->txn, &b->origin->id, b->origin->stream, &b->head));
    if (b->origin->peer == 0) {
        return LTH_OK;
    }
    TRY(lth_broker__receipt_note(b->txn, b->origin, &b->head));
    return lth_broker__touch(self, b->origin);
}

static lth_err release(lth_broker *self, lth_txn *txn, uint16_t dataset, uint64_t accept_no)
{
    lth_frame_batch frame;
    broker_batch b = {.txn = txn, .accept_no = accept_no, .again = dataset};
    TRY(load(self, &b, &frame));
    const lth_batch_header *h = &b.c->batch.header;
    b.org = lth_registry_find(self->env.registry, &h->origin);
    if (b.org == NULL) {
        return LTH_OK; /* It left the registry: its records wait until it is back. */
    }
    uint8_t key[10];
    make_key(key, dataset, accept_no);
    TRY(lth_del(txn, LTH_T_await, lth_slice_of(key, sizeof key)));
    TRY(lth_broker__origin_add(self, txn, &h->origin, h->stream, &b.origin));
    TRY(lth_broker__head_get(txn, &h->origin, h->stream, &b.head, &b.has_head));
    uint64_t held = b.head.held;
    b.peer = listener(self, &b);
    TRY(lth_broker__merge(self, &b));
    self->step_records += b.c->n_records;
    return settle_head(self, &b, held);
}

/* Records in a stored batch. */
static lth_err size_of(lth_txn *txn, uint64_t accept_no, uint32_t *n)
{
    lth_slice log;
    lth_batch_header header;
    TRY(lth_broker__log_get(txn, accept_no, &log));
    *n = 0;
    if (lth_batch_header_decode(&header, log.p) != LTH_REFUSE_none) {
        return LTH_E_STORE_CORRUPT;
    }
    *n = header.rec_count;
    return LTH_OK;
}

/* The next entry of the walk. @p room: records that this slice may still take. */
static lth_err take(lth_broker *self, lth_txn *txn, const uint8_t key[10], uint32_t *room)
{
    uint16_t dataset = lth_get16(key);
    uint64_t accept_no = lth_get64(key + 2);
    uint32_t n;
    if (lth_schema_find(self->env.schema, dataset) == NULL) {
        make_key(self->release_from, (uint16_t)(dataset + 1), 0);
        self->releasing = dataset != UINT16_MAX;
        (*room)--;
        return LTH_OK;
    }
    TRY(size_of(txn, accept_no, &n));
    if (n > *room && *room < SLICE_MAX) {
        *room = 0; /* The next slice begins with it. */
        return LTH_OK;
    }
    TRY(release(self, txn, dataset, accept_no));
    make_key(self->release_from, dataset, accept_no + 1);
    *room -= n < *room ? n : *room;
    return LTH_OK;
}

lth_err lth_broker__await_run(lth_broker *self, lth_txn *txn)
{
    uint32_t room = SLICE_MAX;
    while (self->releasing && room > 0) {
        uint8_t key[10];
        TRY(seek(txn, self->release_from, key, &self->releasing));
        TRY(self->releasing ? take(self, txn, key, &room) : LTH_OK);
    }
    return LTH_OK;
}
