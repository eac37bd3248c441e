#include "internal.h"

/* A record of somebody else must not touch the owner's own hold of it: holds for scope have a place
 * of their own under the sender's prefix. */
#define SLOT_SCOPE 0xffffu

static void hold_key(const broker_batch *b, const lth_checked_record *r, uint16_t code,
                     uint8_t key[20])
{
    lth_id id = r->record_id;
    if (code == LTH_REFUSE_scope) {
        memcpy(id.b, b->org->id.b, 8);
        lth_broker__key_record(key, r->dataset, &id, SLOT_SCOPE);
        return;
    }
    lth_broker__key_record(key, r->dataset, &id, r->slot);
}

static lth_err tell(lth_broker *self, lth_peer to, const lth_held_row *row, uint32_t index)
{
    if (!lth_id_equal(&row->tier_org, &self->env.org)) {
        return LTH_OK; /* Its school heard of it from the broker that held it. */
    }
    lth_frame frame = {.kind = LTH_FRAME_HELD,
                       .held = {.origin = row->origin,
                                .stream = row->stream,
                                .epoch = row->epoch,
                                .seq = row->seq,
                                .index = index,
                                .dataset = row->dataset,
                                .record_id = row->record_id,
                                .code = row->code,
                                .group = row->group,
                                .field = row->field,
                                .tier_org = row->tier_org}};
    return lth_broker__send(self, to, &frame);
}

/* Take the open hold of a key away, if there is one; the row stays only in the log. */
static lth_err remove_open(broker_batch *b, const uint8_t key[20], lth_held_row *row,
                           uint32_t *index, bool *found)
{
    lth_slice value;
    uint8_t place[12];
    lth_err err = lth_get(b->txn, LTH_T_heldby, lth_slice_of(key, 20), &value);
    *found = err == LTH_OK;
    if (err == LTH_E_NOT_FOUND) {
        return LTH_OK;
    }
    TRY(err);
    if (value.n != sizeof place) {
        return LTH_E_STORE_CORRUPT;
    }
    memcpy(place, value.p, sizeof place);
    *index = lth_get32(place + 8);
    TRY(lth_get(b->txn, LTH_T_held, lth_slice_of(place, sizeof place), &value));
    if (!lth_held_row_decode(row, value)) {
        return LTH_E_STORE_CORRUPT;
    }
    TRY(lth_del(b->txn, LTH_T_held, lth_slice_of(place, sizeof place)));
    return lth_del(b->txn, LTH_T_heldby, lth_slice_of(key, 20));
}

lth_err lth_broker__hold(lth_broker *self, broker_batch *b, uint32_t index)
{
    const lth_checked_record *r = &b->c->records[index];
    const broker_outcome *o = &self->merge.out[index];
    const lth_batch_header *h = &b->c->batch.header;
    bool attested = !b->entry && self->merge.attested[index] == o->code;
    lth_held_row row = {.origin = h->origin,
                        .stream = h->stream,
                        .epoch = h->epoch,
                        .seq = h->batch_seq,
                        .dataset = r->dataset,
                        .record_id = r->record_id,
                        .code = (lth_refusal)o->code,
                        .group = o->group,
                        .field = o->field,
                        .receive_ms = b->receive_ms,
                        .tier_org = attested ? b->c->attest.entry_org : self->env.org};
    lth_held_row old;
    uint32_t old_index;
    bool replaced;
    uint8_t key[20], place[12], value[96];
    hold_key(b, r, o->code, key);
    TRY(remove_open(b, key, &old, &old_index, &replaced));
    lth_put64(place, b->accept_no);
    lth_put32(place + 8, index);
    size_t size = lth_held_row_encode(value, &row);
    TRY(lth_put_kv(b->txn, LTH_T_held, lth_slice_of(place, sizeof place), lth_slice_of(value, size),
                   LTH_PUT));
    TRY(lth_put_kv(b->txn, LTH_T_heldby, lth_slice_of(key, sizeof key),
                   lth_slice_of(place, sizeof place), LTH_PUT));
    self->held += replaced ? 0 : 1;
    b->head.held += replaced ? 0 : 1;
    if (replaced) {
        old.code = LTH_REFUSE_none;
        TRY(tell(self, b->peer->handle, &old, old_index));
    }
    return tell(self, b->peer->handle, &row, index);
}

lth_err lth_broker__unhold(lth_broker *self, broker_batch *b, uint32_t index)
{
    const lth_checked_record *r = &b->c->records[index];
    lth_held_row row;
    uint32_t old_index;
    bool found;
    uint8_t key[20];
    hold_key(b, r, LTH_REFUSE_none, key);
    TRY(remove_open(b, key, &row, &old_index, &found));
    if (!found) {
        return LTH_OK;
    }
    self->held--;
    b->head.held--;
    row.code = LTH_REFUSE_none;
    return tell(self, b->peer->handle, &row, old_index);
}

/* First key of `heldby` after @p key, of the same dataset and up to @p hi. */
static lth_err next_hold(lth_txn *txn, uint8_t key[21], const lth_id *hi, bool *found)
{
    lth_slice at, value;
    lth_cursor *cursor;
    TRY(lth_cursor_open(txn, LTH_T_heldby, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(key, 21), &at, &value);
    *found = err == LTH_OK && at.n == 20 && memcmp(at.p, key, 2) == 0 &&
             memcmp(at.p + 2, hi->b, sizeof hi->b) <= 0;
    if (*found) {
        memcpy(key, at.p, at.n);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_broker__unhold_range(lth_broker *self, broker_batch *b, uint16_t dataset,
                                 const lth_id *lo, const lth_id *hi)
{
    uint8_t key[21] = {0};
    bool found = b->head.held > 0;
    lth_broker__key_record(key, dataset, lo, UINT16_MAX);
    while (found) {
        lth_held_row row;
        lth_id id;
        uint32_t index;
        bool open;
        TRY(next_hold(b->txn, key, hi, &found));
        memcpy(id.b, key + 2, sizeof id.b);
        bool named = lth_broker__find_in_batch(self, b->c, dataset, &id, false) != NONE;
        if (!found || named || lth_get16(key + 18) != 0) {
            continue;
        }
        TRY(remove_open(b, key, &row, &index, &open));
        self->held--;
        b->head.held--;
        row.code = LTH_REFUSE_none;
        TRY(tell(self, b->peer->handle, &row, index));
    }
    return LTH_OK;
}

/* One open hold, as its school is told again. */
static lth_err repeat(lth_broker *self, lth_txn *txn, const broker_origin *origin, lth_slice place)
{
    lth_slice value;
    lth_held_row row;
    uint32_t index = place.n == 12 ? lth_get32(place.p + 8) : 0;
    lth_err err = lth_get(txn, LTH_T_held, place, &value);
    if (err == LTH_E_NOT_FOUND || place.n != 12 ||
        (err == LTH_OK && !lth_held_row_decode(&row, value))) {
        return LTH_E_STORE_CORRUPT;
    }
    TRY(err);
    bool own = lth_id_equal(&row.origin, &origin->id) && row.stream == origin->stream;
    return own ? tell(self, origin->peer, &row, index) : LTH_OK;
}

lth_err lth_broker__holds_repeat(lth_broker *self, lth_txn *txn, const broker_origin *origin)
{
    const lth_schema *schema = self->env.schema;
    lth_cursor *cursor;
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < schema->n_datasets && err == LTH_OK; i++) {
        uint8_t from[10];
        lth_slice key, place;
        lth_put16(from, schema->datasets[i].number);
        memcpy(from + 2, origin->id.b, 8);
        TRY(lth_cursor_open(txn, LTH_T_heldby, &cursor));
        err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &place);
        while (err == LTH_OK && memcmp(key.p, from, sizeof from) == 0) {
            err = repeat(self, txn, origin, place);
            err = err == LTH_OK ? lth_cursor_next(cursor, &key, &place) : err;
        }
        lth_cursor_close(&cursor);
        err = err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    return err;
}
