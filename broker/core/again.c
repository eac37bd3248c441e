/* A stored batch, some of whose records are judged again. */
#include <stdlib.h>

#include "settle.h"

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
    if (!lth_broker__judge_again(self->again, &check, frame, self->merge.pick)) {
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

lth_err lth_broker__stored(lth_broker *self, broker_batch *b, lth_frame_batch *frame)
{
    TRY(load(self, b, frame));
    const lth_batch_header *h = &b->c->batch.header;
    b->org = lth_registry_find(self->env.registry, &h->origin);
    if (b->org == NULL) {
        return LTH_OK;
    }
    TRY(lth_broker__origin_add(self, b->txn, &h->origin, h->stream, &b->origin));
    TRY(lth_broker__head_get(b->txn, &h->origin, h->stream, &b->head, &b->has_head));
    b->peer = listener(self, b);
    return LTH_OK;
}

lth_err lth_broker__settle_head(lth_broker *self, broker_batch *b, uint64_t held_before)
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

void lth_broker__pick(lth_broker *self, const uint32_t *index, uint32_t n)
{
    memset(self->merge.pick, 0, sizeof self->merge.pick);
    for (uint32_t i = 0; i < n; i++) {
        self->merge.pick[index[i]] = 1;
    }
}

/* Only what is open, and only by whose judgement it was held; what a person rejected waits for a
 * person. Their codes are remembered in @p before. A statement may also come when the next version
 * is held already: whether it is, is seen once the batch is read. */
static lth_err keep_own(lth_broker *self, lth_txn *txn, uint64_t accept_no, broker_again why,
                        uint16_t before[LTH_BATCH_RECORDS_MAX], uint32_t *n)
{
    uint8_t *pick = self->merge.pick;
    *n = 0;
    for (uint32_t i = 0; i < LTH_BATCH_RECORDS_MAX; i++) {
        lth_held_row row;
        bool found;
        if (pick[i] == 0) {
            continue;
        }
        TRY(lth_broker__held_at(txn, accept_no, i, &row, &found));
        bool own = found && lth_id_equal(&row.tier_org, &self->env.org);
        bool open = found && own == (why != AGAIN_STATED) &&
                    (why != AGAIN_HEALED || row.code != LTH_REFUSE_rejected);
        bool closed = !found && why == AGAIN_STATED;
        pick[i] = open || closed ? 1 : 0;
        before[i] = open ? (uint16_t)row.code : 0;
        *n += pick[i];
    }
    return LTH_OK;
}

/* Of what has no open hold here any more only what a later version took the place of that is held
 * itself; what a RANGE ended is over. */
static lth_err keep_followed(lth_broker *self, broker_batch *b,
                             const uint16_t before[LTH_BATCH_RECORDS_MAX])
{
    uint8_t *pick = self->merge.pick;
    for (uint32_t i = 0; i < LTH_BATCH_RECORDS_MAX; i++) {
        uint8_t key[20], place[12];
        lth_slice value;
        if (pick[i] == 0 || before[i] != 0) {
            continue;
        }
        pick[i] = 0;
        if (i >= b->c->n_records || b->c->records[i].form == LTH_FORM_LEAF) {
            continue;
        }
        const lth_checked_record *r = &b->c->records[i];
        lth_broker__key_record(key, r->dataset, &r->record_id, r->slot);
        lth_put64(place, b->accept_no);
        lth_put32(place + 8, i);
        lth_err err = lth_get(b->txn, LTH_T_heldby, lth_slice_of(key, sizeof key), &value);
        TRY(err == LTH_E_NOT_FOUND ? LTH_OK : err);
        pick[i] =
            err == LTH_OK && value.n == sizeof place && memcmp(value.p, place, sizeof place) > 0;
    }
    return LTH_OK;
}

/* What this entry broker finds now of the picked records: tiers above follow. */
lth_err lth_broker__state_all(lth_broker *self, broker_batch *b,
                              const uint16_t before[LTH_BATCH_RECORDS_MAX])
{
    uint32_t index[LTH_BATCH_RECORDS_MAX], n = 0;
    uint8_t *pick = self->merge.pick;
    for (uint32_t i = 0; i < b->c->n_records; i++) {
        uint8_t fate = self->merge.out[i].fate;
        bool good = pick[i] != 0 && fate != FATE_HELD && fate != FATE_HELD_CLOSED;
        if (good) {
            index[n++] = i;
        }
        if (good || (pick[i] != 0 && self->merge.out[i].code == before[i])) {
            pick[i] = 0;
        }
    }
    TRY(n > 0 ? lth_broker__state(self, b, LTH_RELEASE_MERGE, 0, index, n) : LTH_OK);
    for (uint32_t i = 0; i < b->c->n_records; i++) {
        uint16_t code = self->merge.out[i].code;
        n = 0;
        for (uint32_t k = i; k < b->c->n_records && pick[i] != 0; k++) {
            if (pick[k] != 0 && self->merge.out[k].code == code) {
                index[n++] = k;
            }
        }
        for (uint32_t k = 0; k < n; k++) {
            pick[index[k]] = 0;
        }
        TRY(n > 0 ? lth_broker__state(self, b, LTH_RELEASE_KEEP, code, index, n) : LTH_OK);
    }
    return LTH_OK;
}

/* Of a batch that came as its header alone nothing is merged here. */
static lth_err has_body(lth_txn *txn, uint64_t accept_no, bool *yes)
{
    uint8_t key[8];
    lth_slice body;
    lth_put64(key, accept_no);
    lth_err err = lth_get(txn, LTH_T_body, lth_slice_of(key, sizeof key), &body);
    *yes = err == LTH_OK;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_broker__again(lth_broker *self, lth_txn *txn, lth_now now, uint64_t accept_no,
                          broker_again why)
{
    lth_frame_batch frame;
    broker_batch b = {.txn = txn, .now = now, .accept_no = accept_no, .again = why};
    uint16_t before[LTH_BATCH_RECORDS_MAX];
    uint32_t n;
    bool whole = true;
    TRY(keep_own(self, txn, accept_no, why, before, &n));
    TRY(n > 0 && why == AGAIN_STATED ? has_body(txn, accept_no, &whole) : LTH_OK);
    if (n == 0 || !whole) {
        return LTH_OK;
    }
    TRY(lth_broker__stored(self, &b, &frame));
    if (b.org == NULL) {
        return LTH_OK; /* It left the registry: its records wait until it is back. */
    }
    uint64_t held = b.head.held;
    TRY(why == AGAIN_STATED ? keep_followed(self, &b, before) : LTH_OK);
    TRY(lth_broker__merge(self, &b));
    TRY(lth_broker__await_put(self, &b));
    self->step_records += n;
    bool states = b.entry && !LTH_MUTANT(15);
    TRY(states ? lth_broker__state_all(self, &b, before) : LTH_OK);
    return lth_broker__settle_head(self, &b, held);
}

/* ---- rules, lists or the registry may have changed ---- */

/* Would another set of rules, lists or records have let it pass? */
static bool may_heal(lth_refusal code)
{
    static const lth_refusal codes[] = {LTH_REFUSE_bad_group,         LTH_REFUSE_bad_value,
                                        LTH_REFUSE_missing_required,  LTH_REFUSE_unknown_code,
                                        LTH_REFUSE_code_not_in_force, LTH_REFUSE_broken_rule,
                                        LTH_REFUSE_missing_reference, LTH_REFUSE_not_unique};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i] == code) {
            return true;
        }
    }
    return false;
}

void lth_broker__rejudge_look(lth_broker *self)
{
    self->rejudging = self->held > 0;
    memset(self->rejudge_from, 0, sizeof self->rejudge_from);
}

/* Pick what may heal of the next batch with holds, and move on behind what was looked at. */
static lth_err pick_next(lth_broker *self, lth_txn *txn, uint64_t *accept_no, uint32_t *looked,
                         uint32_t *n)
{
    uint8_t *from = self->rejudge_from;
    lth_slice key, value;
    lth_held_row row;
    lth_cursor *cursor;
    *n = *looked = 0;
    memset(self->merge.pick, 0, sizeof self->merge.pick);
    TRY(lth_cursor_open(txn, LTH_T_held, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, 12), &key, &value);
    while (err == LTH_OK) {
        if (key.n != 12 || !lth_held_row_decode(&row, value) ||
            lth_get32(key.p + 8) >= LTH_BATCH_RECORDS_MAX) {
            err = LTH_E_STORE_CORRUPT;
            break;
        }
        if (*looked > 0 && lth_get64(key.p) != *accept_no) {
            break;
        }
        *accept_no = lth_get64(key.p);
        memcpy(from, key.p, 12);
        lth_put32(from + 8, lth_get32(from + 8) + 1);
        bool heals = lth_id_equal(&row.tier_org, &self->env.org) && may_heal(row.code);
        self->merge.pick[lth_get32(key.p + 8)] = heals ? 1 : 0;
        *n += heals ? 1 : 0;
        (*looked)++;
        err = lth_cursor_next(cursor, &key, &value);
    }
    lth_cursor_close(&cursor);
    self->rejudging = err != LTH_E_NOT_FOUND || *looked > 0;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_broker__rejudge_run(lth_broker *self, lth_txn *txn, lth_now now)
{
    uint32_t room = self->indexing ? 0 : SLICE_MAX;
    while (self->rejudging && room > 0) {
        uint64_t accept_no = 0;
        uint32_t looked, n;
        TRY(pick_next(self, txn, &accept_no, &looked, &n));
        TRY(n > 0 ? lth_broker__again(self, txn, now, accept_no, AGAIN_HEALED) : LTH_OK);
        looked += n > 0 ? 16 : 1;
        room -= looked < room ? looked : room;
    }
    return LTH_OK;
}
