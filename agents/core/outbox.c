#include "internal.h"

#define ENTRY_FIXED   (LTH_BATCH_SIGNED_SIZE + 1u + 8u)
#define DAY_MS        UINT64_C(86400000)
#define PRUNE_EVERY   LTH_MONO_S(3600)
#define PRUNE_AT_ONCE 256u

bool lth_agent__entry_decode(lth_slice value, lth_slice *signed_header, lth_lane *lane,
                             uint64_t *sealed_ms, lth_slice *body)
{
    lth_rd rd = lth_rd_of(value);
    *signed_header = lth_slice_of(lth_rd_bytes(&rd, LTH_BATCH_SIGNED_SIZE), LTH_BATCH_SIGNED_SIZE);
    uint8_t number = lth_rd8(&rd);
    *lane = (lth_lane)number;
    *sealed_ms = lth_rd64(&rd);
    body->n = lth_rd_left(&rd);
    body->p = lth_rd_bytes(&rd, body->n);
    return lth_rd_done(&rd) && number < LTH_LANES;
}

lth_err lth_agent__entry_get(lth_txn *txn, const lth_id *origin, uint32_t epoch, uint64_t seq,
                             lth_slice *value)
{
    uint8_t key[ENTRY_KEY_SIZE];
    lth_err err = lth_get(txn, LTH_A_outbox, lth_agent__entry_key(key, origin, epoch, seq), value);
    return err == LTH_OK && value->n < ENTRY_FIXED ? LTH_E_STORE_CORRUPT : err;
}

lth_err lth_agent__outbox_put(agent_ctx *c, const uint8_t *signed_header, lth_lane lane,
                              lth_slice body)
{
    const lth_position *at = &c->school->head.at;
    uint8_t key[ENTRY_KEY_SIZE], *to;
    size_t size = ENTRY_FIXED + body.n;
    lth_err err = lth_put_reserve(
        c->txn, LTH_A_outbox, lth_agent__entry_key(key, &c->school->conf->org, at->epoch, at->seq),
        size, LTH_PUT_NEW, &to);
    if (err != LTH_OK) {
        return err == LTH_E_EXISTS ? LTH_E_STORE_CORRUPT : err;
    }
    lth_wr wr = lth_wr_of(to, size);
    lth_wr_bytes(&wr, signed_header, LTH_BATCH_SIGNED_SIZE);
    lth_wr8(&wr, (uint8_t)lane);
    lth_wr64(&wr, c->now.wall_ms);
    lth_wr_bytes(&wr, body.p, body.n);
    LTH_ASSERT(!wr.bad && wr.p == wr.end);
    return LTH_OK;
}

static bool of_origin(lth_slice key, const lth_id *origin)
{
    uint8_t prefix[STREAM_KEY_SIZE];
    (void)lth_agent__stream_key(prefix, origin);
    return key.n == ENTRY_KEY_SIZE && memcmp(key.p, prefix, STREAM_KEY_SIZE) == 0;
}

lth_err lth_agent__outbox_drop_before(agent_ctx *c, uint32_t epoch)
{
    const lth_id *origin = &c->school->conf->org;
    uint8_t from[ENTRY_KEY_SIZE];
    lth_cursor *cursor;
    lth_slice key, value;
    lth_err err = lth_cursor_open(c->txn, LTH_A_outbox, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    err = lth_cursor_seek(cursor, lth_agent__entry_key(from, origin, 0, 0), &key, &value);
    while (err == LTH_OK && of_origin(key, origin) && lth_get32(key.p + STREAM_KEY_SIZE) < epoch) {
        err = lth_cursor_del(cursor);
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* ---- pruning: only what a second, safe copy covers, and not before its time ---- */

/* Highest number of this epoch that some tier holds whole and safely; 0 = none. */
static lth_err safe_to(lth_agent *self, lth_txn *txn, const agent_school *school, uint64_t *seq)
{
    uint8_t prefix[STREAM_KEY_SIZE];
    lth_slice from = lth_agent__stream_key(prefix, &school->conf->org);
    lth_cursor *cursor;
    lth_slice key, value;
    *seq = 0;
    lth_err err = lth_cursor_open(txn, LTH_A_areceipt, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    err = lth_cursor_seek(cursor, from, &key, &value);
    while (err == LTH_OK && key.n > STREAM_KEY_SIZE &&
           memcmp(key.p, prefix, STREAM_KEY_SIZE) == 0) {
        lth_receipt receipt;
        bool fine = lth_receipt_decode(&receipt, value);
        if (fine && receipt.form == LTH_RECEIPT_WHOLE &&
            (receipt.level == LTH_RECEIPT_SAFE || LTH_MUTANT(24)) &&
            receipt.at.epoch == school->head.at.epoch && receipt.at.seq > *seq) {
            *seq = receipt.at.seq;
        }
        err = lth_cursor_next(cursor, &key, &value);
    }
    lth_cursor_close(&cursor);
    (void)self;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* Oldest entries first; *more when there may be further ones. */
static lth_err prune_school(lth_agent *self, lth_txn *txn, const agent_school *school, bool *more)
{
    uint64_t keep_ms = self->env.keep_days * DAY_MS;
    uint64_t safe;
    uint8_t from[ENTRY_KEY_SIZE];
    lth_cursor *cursor;
    lth_slice key, value, header, body;
    lth_lane lane;
    uint64_t sealed_ms;
    *more = false;
    lth_err err = safe_to(self, txn, school, &safe);
    if (err != LTH_OK || safe == 0) {
        return err;
    }
    err = lth_cursor_open(txn, LTH_A_outbox, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    lth_slice start = lth_agent__entry_key(from, &school->conf->org, school->head.at.epoch, 0);
    err = lth_cursor_seek(cursor, start, &key, &value);
    for (uint32_t n = 0; err == LTH_OK; n++) {
        bool fine = lth_agent__entry_decode(value, &header, &lane, &sealed_ms, &body);
        if (!of_origin(key, &school->conf->org) || !fine ||
            lth_get64(key.p + STREAM_KEY_SIZE + 4) > safe ||
            sealed_ms + keep_ms > self->now.wall_ms) {
            break;
        }
        *more = n == PRUNE_AT_ONCE;
        if (*more) {
            break;
        }
        err = lth_cursor_del(cursor);
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* One school a step; all of them once an hour. */
lth_err lth_agent__prune(lth_agent *self, lth_txn *txn)
{
    bool more = false;
    lth_err err = LTH_OK;
    if (self->prune_school < self->env.n_schools) {
        err = prune_school(self, txn, &self->schools[self->prune_school], &more);
        self->prune_school += more ? 0 : 1;
    }
    if (self->prune_school == self->env.n_schools) {
        self->prune_school = 0;
        self->prune_at = self->now.mono + PRUNE_EVERY;
    }
    return err;
}
