/* Records of a dataset that is not defined here yet, or of a newer definition of it.
 *
 * Each of their batches stands in table `await`. Once the definition is there, these batches are
 * merged again in the order in which they came, those records alone; until the last of them is done
 * new good records of the dataset wait behind them. So everything becomes what it would have been,
 * had the definition been there from the start. A batch is merged whole: a slice is SLICE_MAX
 * records, or one larger batch. */
#include "settle.h"

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

/* What this entry broker holds after all, tiers above hold too, unless they know better already. */
static lth_err state_held(lth_broker *self, broker_batch *b)
{
    uint16_t before[LTH_BATCH_RECORDS_MAX];
    for (uint32_t i = 0; i < b->c->n_records; i++) {
        const broker_outcome *o = &self->merge.out[i];
        bool held = self->merge.pick[i] != 0 && o->fate == FATE_HELD;
        self->merge.pick[i] = held ? 1 : 0;
        before[i] = LTH_REFUSE_await_definition;
    }
    return lth_broker__state_all(self, b, before);
}

static lth_err release(lth_broker *self, lth_txn *txn, lth_now now, uint16_t dataset,
                       uint64_t accept_no)
{
    lth_frame_batch frame;
    broker_batch b = {.txn = txn, .now = now, .accept_no = accept_no, .again = AGAIN_DEFINED};
    uint8_t *pick = self->merge.pick;
    memset(pick, 1, sizeof self->merge.pick);
    TRY(lth_broker__stored(self, &b, &frame));
    if (b.org == NULL) {
        return LTH_OK; /* It left the registry: its records wait until it is back. */
    }
    for (uint32_t i = 0; i < b.c->n_records; i++) {
        pick[i] = b.c->records[i].dataset == dataset ? 1 : 0;
    }
    uint8_t key[10];
    make_key(key, dataset, accept_no);
    TRY(lth_del(txn, LTH_T_await, lth_slice_of(key, sizeof key)));
    uint64_t held = b.head.held;
    TRY(lth_broker__merge(self, &b));
    TRY(b.entry ? state_held(self, &b) : LTH_OK);
    self->step_records += b.c->n_records;
    return lth_broker__settle_head(self, &b, held);
}

static lth_err header_of(lth_txn *txn, uint64_t accept_no, lth_batch_header *out)
{
    lth_slice log;
    TRY(lth_broker__log_get(txn, accept_no, &log));
    return lth_batch_header_decode(out, log.p) == LTH_REFUSE_none ? LTH_OK : LTH_E_STORE_CORRUPT;
}

/* The next entry of the walk. @p room: records that this slice may still take. */
static lth_err take(lth_broker *self, lth_txn *txn, lth_now now, const uint8_t key[10],
                    uint32_t *room)
{
    uint16_t dataset = lth_get16(key);
    uint64_t accept_no = lth_get64(key + 2);
    lth_batch_header header;
    if (lth_schema_find(self->env.schema, dataset) == NULL) {
        make_key(self->release_from, (uint16_t)(dataset + 1), 0);
        self->releasing = dataset != UINT16_MAX;
        (*room)--;
        return LTH_OK;
    }
    TRY(header_of(txn, accept_no, &header));
    if (header.dict_ver > self->env.schema->dict_ver) { /* Its author is still ahead. */
        make_key(self->release_from, dataset, accept_no + 1);
        (*room)--;
        return LTH_OK;
    }
    uint32_t n = header.rec_count;
    if (n > *room && *room < SLICE_MAX) {
        *room = 0; /* The next slice begins with it. */
        return LTH_OK;
    }
    TRY(release(self, txn, now, dataset, accept_no));
    TRY(lth_broker__wake_run(self, txn, now)); /* As between two batches that come. */
    make_key(self->release_from, dataset, accept_no + 1);
    *room -= n < *room ? n : *room;
    return LTH_OK;
}

lth_err lth_broker__await_run(lth_broker *self, lth_txn *txn, lth_now now)
{
    uint32_t room = SLICE_MAX;
    while (self->releasing && room > 0) {
        uint8_t key[10];
        TRY(seek(txn, self->release_from, key, &self->releasing));
        TRY(self->releasing ? take(self, txn, now, key, &room) : LTH_OK);
    }
    return LTH_OK;
}
