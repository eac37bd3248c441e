#include "internal.h"

/* ---- receipts ---- */

static bool receipt_is_good(agent_ctx *c, lth_slice bytes, lth_receipt *receipt)
{
    const lth_trust *trust = c->self->env.trust;
    lth_key_info key;
    if (!lth_receipt_decode(receipt, bytes) || receipt->stream != LTH_STREAM_OWN) {
        return false;
    }
    c->school = lth_agent__school_of(c->self, &receipt->origin);
    return c->school != NULL && trust->find(trust->ctx, receipt->key_id, &key) == LTH_REFUSE_none &&
           key.role == LTH_ROLE_BROKER && lth_id_equal(&key.org, &receipt->tier_org) &&
           lth_statement_verify(bytes, receipt->key_id, trust) == LTH_REFUSE_none;
}

/* Does it speak of a batch that we sealed? Of an older epoch there is nothing left to compare. */
static lth_err is_of_our_chain(agent_ctx *c, const lth_receipt *receipt, bool *yes)
{
    const lth_position *ours = &c->school->head.at;
    const lth_position *at = &receipt->at;
    uint8_t hash[LTH_HASH_SIZE];
    lth_slice entry;
    *yes = false;
    if (at->epoch != ours->epoch || at->seq > ours->seq || at->seq == 0) {
        return LTH_OK;
    }
    if (at->seq == ours->seq) {
        *yes = memcmp(at->hash, ours->hash, LTH_HASH_SIZE) == 0;
        return LTH_OK;
    }
    lth_err err = lth_agent__entry_get(c->txn, &c->school->conf->org, at->epoch, at->seq, &entry);
    if (err != LTH_OK) {
        *yes = err == LTH_E_NOT_FOUND; /* pruned: acknowledged long ago */
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    lth_batch_header_hash(&c->self->env.hasher, entry.p, hash);
    *yes = memcmp(at->hash, hash, LTH_HASH_SIZE) == 0;
    return LTH_OK;
}

static bool newer(const lth_receipt *a, const lth_receipt *b)
{
    if (a->at.epoch != b->at.epoch) {
        return a->at.epoch > b->at.epoch;
    }
    return a->at.seq != b->at.seq ? a->at.seq > b->at.seq : a->level >= b->level;
}

/* The newest of each tier is kept. */
static lth_err keep_receipt(agent_ctx *c, const lth_receipt *receipt, lth_slice bytes)
{
    uint8_t key[STREAM_KEY_SIZE + sizeof receipt->tier_org.b];
    lth_slice value;
    lth_receipt before;
    (void)lth_agent__stream_key(key, &receipt->origin);
    memcpy(key + STREAM_KEY_SIZE, receipt->tier_org.b, sizeof receipt->tier_org.b);
    lth_err err = lth_get(c->txn, LTH_A_areceipt, lth_slice_of(key, sizeof key), &value);
    if (err == LTH_OK && lth_receipt_decode(&before, value) && !newer(receipt, &before)) {
        return LTH_OK;
    }
    return err == LTH_OK || err == LTH_E_NOT_FOUND
               ? lth_put_kv(c->txn, LTH_A_areceipt, lth_slice_of(key, sizeof key), bytes, LTH_PUT)
               : err;
}

lth_err lth_agent__on_receipt(agent_ctx *c, lth_slice bytes)
{
    lth_receipt receipt;
    bool ours = false;
    lth_err err = LTH_OK;
    if (receipt_is_good(c, bytes, &receipt)) {
        err = is_of_our_chain(c, &receipt, &ours);
    }
    if (err != LTH_OK || !ours) {
        if (err == LTH_OK) {
            lth_log_event(&c->self->env.log, LTH_LEVEL_INFO, "receipt_ignored", "bytes=%u",
                          (unsigned)bytes.n);
        }
        return err;
    }
    c->self->info.receipts++;
    agent_school *school = c->school;
    if (lth_id_equal(&receipt.tier_org, &c->self->env.broker_org)) {
        if (school->session == SESSION_GO && receipt.at.seq > school->confirmed) {
            school->confirmed = receipt.at.seq;
            school->until = c->now.mono + TIMEOUT_STALL;
            if (school->next_send <= receipt.at.seq) { /* sent before a rewind */
                school->next_send = receipt.at.seq + 1;
                school->next_lane = -1;
            }
        }
        if (receipt.at.seq > school->head.acked.seq) {
            school->head.acked = receipt.at;
            school->head_dirty = true;
        }
    }
    err = lth_agent__tiers_receipt(c, &receipt);
    return err == LTH_OK ? keep_receipt(c, &receipt, bytes) : err;
}

/* ---- refusals ---- */

/* Refusals that no new epoch heals: a person must act. */
static const lth_refusal FOR_A_PERSON[] = {LTH_REFUSE_fork,        LTH_REFUSE_frozen,
                                           LTH_REFUSE_key_expired, LTH_REFUSE_key_revoked,
                                           LTH_REFUSE_wrong_key,   LTH_REFUSE_not_carrier,
                                           LTH_REFUSE_fenced,      LTH_REFUSE_unknown_origin};

static bool for_a_person(lth_refusal code)
{
    for (size_t i = 0; i < sizeof FOR_A_PERSON / sizeof FOR_A_PERSON[0]; i++) {
        if (FOR_A_PERSON[i] == code) {
            return true;
        }
    }
    return false;
}

static lth_err on_retry_later(agent_ctx *c, const lth_frame_reject *reject)
{
    uint32_t ms = reject->wait_ms < WAIT_LEAST_MS ? WAIT_LEAST_MS : reject->wait_ms;
    ms = ms > WAIT_MOST_MS ? WAIT_MOST_MS : ms;
    lth_agent__session(c->self, c->school, SESSION_WAIT, LTH_MONO_MS(ms));
    if (reject->code != LTH_REFUSE_unknown_key) {
        return LTH_OK;
    }
    uint32_t index = (uint32_t)(c->school - c->self->schools);
    agent_item item = {.kind = ITEM_CERTS, .school = index - index % LTH_CERTS_MAX};
    return lth_agent__push(c->self, &item);
}

static lth_err on_resend_from(agent_ctx *c, const lth_frame_reject *reject)
{
    agent_school *school = c->school;
    const lth_position *at = &school->head.at;
    lth_slice entry;
    if (school->session != SESSION_GO || reject->seq >= school->next_send ||
        reject->resend_from == 0 || reject->resend_from > at->seq) {
        return LTH_OK; /* answers to what was sent before the last rewind */
    }
    lth_err err =
        lth_agent__entry_get(c->txn, &school->conf->org, at->epoch, reject->resend_from, &entry);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? lth_agent__ask_epoch(c->self, school) : err;
    }
    school->next_send = reject->resend_from;
    school->confirmed = reject->resend_from - 1;
    school->next_lane = -1;
    return LTH_OK;
}

static lth_err on_link_reject(agent_ctx *c, const lth_frame_reject *reject)
{
    lth_log_event(&c->self->env.log, LTH_LEVEL_WARN, "link_refused", "code=%s",
                  lth_refusal_name(reject->code));
    return reject->code == LTH_REFUSE_no_hello ? lth_agent__link_up(c->self) : LTH_OK;
}

lth_err lth_agent__on_reject(agent_ctx *c, const lth_frame_reject *reject)
{
    c->self->info.rejects++;
    if (lth_id_is_zero(&reject->origin) || reject->code == LTH_REFUSE_no_hello) {
        return on_link_reject(c, reject);
    }
    c->school = lth_agent__school_of(c->self, &reject->origin);
    if (c->school == NULL || reject->stream != LTH_STREAM_OWN) {
        return LTH_OK;
    }
    if (reject->class_ == LTH_REFUSAL_STOPPED && for_a_person(reject->code)) {
        lth_agent__stop(c->self, c->school, reject->code);
        return LTH_OK;
    }
    agent_session session = c->school->session;
    if (reject->epoch != c->school->head.at.epoch || session == SESSION_EPOCH ||
        session == SESSION_WAIT || session == SESSION_STOPPED) {
        return LTH_OK; /* of what is void already */
    }
    switch (reject->class_) {
    case LTH_REFUSAL_RETRY_LATER:
        return on_retry_later(c, reject);
    case LTH_REFUSAL_RESEND_FROM:
        return on_resend_from(c, reject);
    case LTH_REFUSAL_STOPPED:
        lth_log_event(&c->self->env.log, LTH_LEVEL_WARN, "batch_refused",
                      "org=%s epoch=%u seq=%llu code=%s", lth_agent__code_of(c->self, c->school),
                      (unsigned)reject->epoch, (unsigned long long)reject->seq,
                      lth_refusal_name(reject->code));
        return lth_agent__ask_epoch(c->self, c->school);
    default:
        return LTH_OK;
    }
}

/* ---- held records ---- */

lth_err lth_agent__on_held(agent_ctx *c, const lth_frame_held *held)
{
    uint8_t key[ENTRY_KEY_SIZE + 4], value[LTH_AGENT_HELD_BYTES_MAX];
    c->school = lth_agent__school_of(c->self, &held->origin);
    if (c->school == NULL || held->stream != LTH_STREAM_OWN) {
        return LTH_OK;
    }
    (void)lth_agent__entry_key(key, &held->origin, held->epoch, held->seq);
    lth_put32(key + ENTRY_KEY_SIZE, held->index);
    if (held->code == LTH_REFUSE_none) {
        lth_err err = lth_del(c->txn, LTH_A_aheld, lth_slice_of(key, sizeof key));
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    size_t n = lth_agent_held_encode(value, held);
    return lth_put_kv(c->txn, LTH_A_aheld, lth_slice_of(key, sizeof key), lth_slice_of(value, n),
                      LTH_PUT);
}

/* What the broker has open it says again after its answer to HELLO. */
lth_err lth_agent__holds_forget(agent_ctx *c)
{
    uint8_t from[STREAM_KEY_SIZE];
    lth_cursor *cursor;
    lth_slice key, value;
    lth_err err = lth_cursor_open(c->txn, LTH_A_aheld, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    err = lth_cursor_seek(cursor, lth_agent__stream_key(from, &c->school->conf->org), &key, &value);
    while (err == LTH_OK && key.n > sizeof from && memcmp(key.p, from, sizeof from) == 0) {
        lth_frame_held held;
        if (!lth_agent_held_decode(&held, key, value)) {
            err = LTH_E_STORE_CORRUPT;
        } else if (lth_id_equal(&held.tier_org, &c->self->env.broker_org)) {
            err = lth_cursor_del(cursor);
        }
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}
