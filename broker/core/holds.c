#include "settle.h"

/* A record of somebody else must not touch the owner's own hold of it: holds for scope have a place
 * of their own under the sender's prefix. */
#define SLOT_SCOPE  0xffffu
#define SLOT_RANGE  0xfffeu /* A RANGE is held beside the record that its upper end names. */
#define TELL_A_TICK 4096u   /* Open holds repeated in one second, to all. */

static void hold_key(const broker_batch *b, const lth_checked_record *r, uint16_t code,
                     uint8_t key[20])
{
    lth_id id = r->record_id;
    if (code == LTH_REFUSE_scope) {
        memcpy(id.b, b->org->id.b, 8);
        lth_broker__key_record(key, r->dataset, &id, SLOT_SCOPE);
        return;
    }
    bool range =
        r->op == LTH_OP_RANGE && (code == LTH_REFUSE_mass_deletion || code == LTH_REFUSE_rejected);
    lth_broker__key_record(key, r->dataset, &id, range ? SLOT_RANGE : r->slot);
}

/* Who has the value that it may not have. */
static lth_err add_other(lth_broker *self, lth_txn *txn, const lth_held_row *row,
                         lth_frame_held *held)
{
    lth_id other;
    TRY(lth_held_other(txn, row, &other));
    if (lth_id_is_zero(&other)) {
        return LTH_OK;
    }
    held->other = lth_slice_of(other.b, sizeof other.b);
    return lth_broker__keep(self, &held->other);
}

/* What a person said about it; version 2 has no place for that, nor for another record. */
static lth_err add_details(lth_broker *self, lth_txn *txn, const lth_held_row *row,
                           lth_frame_held *held)
{
    lth_decided_by decided;
    TRY(lth_decided_read(&decided, txn, row->decided_no));
    held->by = decided.by;
    held->why = decided.why;
    held->decided_ms = decided.when_ms;
    TRY(lth_broker__keep(self, &held->by));
    TRY(lth_broker__keep(self, &held->why));
    return add_other(self, txn, row, held);
}

static lth_err tell(lth_broker *self, lth_txn *txn, lth_peer to, const lth_held_row *row,
                    uint32_t index)
{
    if (to == LTH_PEER_PARENT || !lth_id_equal(&row->tier_org, &self->env.org)) {
        return LTH_OK; /* Nobody listens, or its school heard of it from the broker that held it. */
    }
    const broker_peer *peer = lth_broker__peer(self, to);
    if (peer == NULL || lth_broker__crowded(self)) {
        return LTH_OK; /* The receipt says how many are open. */
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
                                .tier_org = row->tier_org,
                                .rule = row->rule}};
    TRY(peer->version < 3 ? LTH_OK : add_details(self, txn, row, &frame.held));
    return lth_broker__send(self, to, &frame);
}

/* The open hold of one key. */
typedef struct open_hold {
    bool found;
    uint8_t place[12]; /* accept_no 8 | index 4 */
    lth_held_row row;
} open_hold;

static void place_of(const broker_batch *b, uint32_t index, uint8_t place[12])
{
    lth_put64(place, b->accept_no);
    lth_put32(place + 8, index);
}

/* <0, 0, >0 as the open hold is of an earlier record than this one, of this one, or of a later. */
static int open_against(const open_hold *open, const broker_batch *b, uint32_t index)
{
    uint8_t place[12];
    place_of(b, index, place);
    return memcmp(open->place, place, sizeof place);
}

static lth_err find_open(const broker_batch *b, const uint8_t key[20], open_hold *open)
{
    lth_slice value;
    lth_err err = lth_get(b->txn, LTH_T_heldby, lth_slice_of(key, 20), &value);
    open->found = err == LTH_OK;
    if (err == LTH_E_NOT_FOUND) {
        return LTH_OK;
    }
    TRY(err);
    if (value.n != sizeof open->place) {
        return LTH_E_STORE_CORRUPT;
    }
    memcpy(open->place, value.p, sizeof open->place);
    TRY(lth_get(b->txn, LTH_T_held, lth_slice_of(open->place, sizeof open->place), &value));
    return lth_held_row_decode(&open->row, value) ? LTH_OK : LTH_E_STORE_CORRUPT;
}

static lth_peer listener(const broker_batch *b)
{
    return b->peer != NULL ? b->peer->handle : LTH_PEER_PARENT;
}

/* The record stays in the log. */
static lth_err close_open(lth_broker *self, broker_batch *b, const uint8_t key[20], open_hold *open)
{
    TRY(lth_broker__wanted_del(b->txn, &open->row.wait, open->place));
    TRY(lth_del(b->txn, LTH_T_held, lth_slice_of(open->place, sizeof open->place)));
    TRY(lth_del(b->txn, LTH_T_heldby, lth_slice_of(key, 20)));
    self->held--;
    b->head.held--;
    open->row.code = LTH_REFUSE_none;
    open->row.decided_no = 0;
    return tell(self, b->txn, listener(b), &open->row, lth_get32(open->place + 8));
}

static void make_row(const lth_broker *self, const broker_batch *b, uint32_t index,
                     lth_held_row *row)
{
    const lth_checked_record *r = &b->c->records[index];
    const broker_outcome *o = &self->merge.out[index];
    const lth_batch_header *h = &b->c->batch.header;
    bool attested = !b->entry && self->merge.attested[index] == o->code;
    *row = (lth_held_row){.origin = h->origin,
                          .stream = h->stream,
                          .epoch = h->epoch,
                          .seq = h->batch_seq,
                          .dataset = r->dataset,
                          .record_id = r->record_id,
                          .code = (lth_refusal)o->code,
                          .group = o->group,
                          .field = o->field,
                          .receive_ms = b->receive_ms,
                          .tier_org = attested ? b->c->attest.entry_org : self->env.org,
                          .rule = o->rule,
                          .wait = o->wait};
}

static lth_err put_row(lth_broker *self, broker_batch *b, const uint8_t place[12],
                       const lth_held_row *row)
{
    uint8_t value[LTH_HELD_ROW_MAX];
    size_t size = lth_held_row_encode(value, row);
    TRY(lth_put_kv(b->txn, LTH_T_held, lth_slice_of(place, 12), lth_slice_of(value, size),
                   LTH_PUT));
    return lth_broker__wanted_put(self, b->txn, &row->wait, place);
}

static bool same_reason(const lth_held_row *a, const lth_held_row *b)
{
    return a->code == b->code && a->rule == b->rule && a->group == b->group &&
           a->field == b->field && a->decided_no == b->decided_no &&
           lth_id_equal(&a->tier_org, &b->tier_org);
}

/* It stays open, perhaps for another reason. */
static lth_err hold_still(lth_broker *self, broker_batch *b, const open_hold *open,
                          const lth_held_row *row)
{
    TRY(lth_broker__wanted_del(b->txn, &open->row.wait, open->place));
    TRY(put_row(self, b, open->place, row));
    bool other = row->code == LTH_REFUSE_not_unique; /* Perhaps another record has it now. */
    return same_reason(&open->row, row) && !other
               ? LTH_OK
               : tell(self, b->txn, listener(b), row, lth_get32(open->place + 8));
}

lth_err lth_broker__hold(lth_broker *self, broker_batch *b, uint32_t index)
{
    lth_held_row row;
    open_hold open;
    uint8_t key[20], place[12];
    make_row(self, b, index, &row);
    hold_key(b, &b->c->records[index], (uint16_t)row.code, key);
    TRY(find_open(b, key, &open));
    int order = open.found ? open_against(&open, b, index) : -1;
    if (order == 0 && row.code == LTH_REFUSE_rejected) {
        row.decided_no = open.row.decided_no;
    }
    if (order >= 0) {
        return order > 0 ? LTH_OK : hold_still(self, b, &open, &row);
    }
    /* Of the same record for another kind of reason, under another key. */
    TRY(b->again != AGAIN_NOT ? lth_broker__unhold_own(self, b, index) : LTH_OK);
    TRY(open.found ? close_open(self, b, key, &open) : LTH_OK);
    place_of(b, index, place);
    TRY(put_row(self, b, place, &row));
    TRY(lth_put_kv(b->txn, LTH_T_heldby, lth_slice_of(key, sizeof key),
                   lth_slice_of(place, sizeof place), LTH_PUT));
    self->held++;
    b->head.held++;
    return tell(self, b->txn, listener(b), &row, index);
}

lth_err lth_broker__held_at(lth_txn *txn, uint64_t accept_no, uint32_t index, lth_held_row *out,
                            bool *found)
{
    uint8_t place[12];
    lth_slice value;
    lth_put64(place, accept_no);
    lth_put32(place + 8, index);
    lth_err err = lth_get(txn, LTH_T_held, lth_slice_of(place, sizeof place), &value);
    *found = err == LTH_OK;
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    return lth_held_row_decode(out, value) ? LTH_OK : LTH_E_STORE_CORRUPT;
}

lth_err lth_broker__hold_because(lth_broker *self, broker_batch *b, uint32_t index,
                                 lth_refusal code, uint64_t decided_no)
{
    open_hold open;
    lth_held_row row;
    place_of(b, index, open.place);
    TRY(lth_broker__held_at(b->txn, b->accept_no, index, &open.row, &open.found));
    if (!open.found) {
        return LTH_OK;
    }
    row = open.row;
    row.code = code;
    row.decided_no = decided_no;
    row.wait = (lth_wait){0};
    return hold_still(self, b, &open, &row);
}

lth_err lth_broker__unhold(lth_broker *self, broker_batch *b, uint32_t index)
{
    open_hold open;
    uint8_t key[20];
    hold_key(b, &b->c->records[index], LTH_REFUSE_none, key);
    TRY(find_open(b, key, &open));
    bool closes = open.found && open_against(&open, b, index) <= 0;
    return closes ? close_open(self, b, key, &open) : LTH_OK;
}

lth_err lth_broker__unhold_own(lth_broker *self, broker_batch *b, uint32_t index)
{
    static const uint16_t keys[] = {LTH_REFUSE_none, LTH_REFUSE_scope, LTH_REFUSE_mass_deletion};
    open_hold open;
    lth_held_row row;
    uint8_t key[20];
    bool found;
    TRY(lth_broker__held_at(b->txn, b->accept_no, index, &row, &found));
    for (size_t i = 0; i < sizeof keys / sizeof *keys && found; i++) {
        hold_key(b, &b->c->records[index], keys[i], key);
        TRY(find_open(b, key, &open));
        if (open.found && open_against(&open, b, index) == 0) {
            return close_open(self, b, key, &open);
        }
    }
    return found ? LTH_E_STORE_CORRUPT : LTH_OK;
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

lth_err lth_broker__unhold_range(lth_broker *self, broker_batch *b, uint32_t index,
                                 const lth_id *lo, const lth_id *hi)
{
    uint16_t dataset = b->c->records[index].dataset;
    uint8_t key[21] = {0};
    bool found = b->head.held > 0, ends = self->merge.out[index].fate != FATE_HELD;
    lth_broker__key_record(key, dataset, lo, UINT16_MAX);
    while (found) {
        lth_id id;
        open_hold open;
        TRY(next_hold(b->txn, key, hi, &found));
        memcpy(id.b, key + 2, sizeof id.b);
        uint16_t slot = lth_get16(key + 18);
        bool named = lth_broker__find_in_batch(self, b->c, dataset, &id, false) != NONE;
        bool counts = slot == SLOT_RANGE || (slot == 0 && !named && ends);
        if (!found || !counts) {
            continue;
        }
        TRY(find_open(b, key, &open));
        bool closes = open.found && open_against(&open, b, index) <= 0;
        TRY(closes ? close_open(self, b, key, &open) : LTH_OK);
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
    return own ? tell(self, txn, origin->peer, &row, index) : LTH_OK;
}

/* Before the first hold that this origin has of @p dataset. */
static void tell_start(broker_origin *origin, uint16_t dataset)
{
    memset(origin->tell_from, 0, sizeof origin->tell_from);
    lth_put16(origin->tell_from, dataset);
    memcpy(origin->tell_from + 2, origin->id.b, 8);
}

/* Holds are found by dataset and owner, also those of datasets that no schema here names: from one
 * dataset that has holds the search goes on to the next. */
static lth_err tell_slice(lth_broker *self, lth_txn *txn, broker_origin *origin, uint32_t *room)
{
    uint8_t *from = origin->tell_from;
    lth_slice key, place;
    lth_cursor *cursor;
    TRY(lth_cursor_open(txn, LTH_T_heldby, &cursor));
    lth_err err =
        lth_cursor_seek(cursor, lth_slice_of(from, sizeof origin->tell_from), &key, &place);
    while (err == LTH_OK && *room > 0) {
        int order = memcmp(key.p + 2, origin->id.b, 8);
        uint16_t dataset = lth_get16(key.p);
        if (order == 0) {
            (*room)--;
            err = repeat(self, txn, origin, place);
            err = err == LTH_OK ? lth_cursor_next(cursor, &key, &place) : err;
        } else if (order > 0 && dataset == UINT16_MAX) {
            err = LTH_E_NOT_FOUND;
        } else {
            tell_start(origin, (uint16_t)(dataset + (order > 0)));
            err =
                lth_cursor_seek(cursor, lth_slice_of(from, sizeof origin->tell_from), &key, &place);
        }
    }
    if (err == LTH_OK) {
        memcpy(from, key.p, sizeof origin->tell_from);
    }
    lth_cursor_close(&cursor);
    if (err == LTH_E_NOT_FOUND) {
        origin->telling = false;
        self->n_telling--;
        return LTH_OK;
    }
    return err;
}

lth_err lth_broker__holds_repeat(lth_broker *self, lth_txn *txn, broker_origin *origin)
{
    uint32_t room = SLICE_MAX;
    self->n_telling += origin->telling ? 0 : 1;
    origin->telling = true;
    tell_start(origin, 0);
    return tell_slice(self, txn, origin, &room);
}

lth_err lth_broker__holds_tell(lth_broker *self, lth_txn *txn)
{
    uint32_t left = TELL_A_TICK;
    for (uint32_t i = 0; i < self->n_origins && self->n_telling > 0 && left > 0; i++) {
        uint32_t slice = left < SLICE_MAX ? left : SLICE_MAX, room = slice;
        if (self->origins[i].telling) {
            TRY(tell_slice(self, txn, &self->origins[i], &room));
            left -= slice - room;
        }
    }
    return LTH_OK;
}
