/* Statements of entry brokers about records they had held.
 *
 * A statement is an act of the log, is found by the batch it is about, and goes up in that origin's
 * lane. Nothing shows when one is lost on a link, so each is owed to the parent until it confirms
 * it. It may come before its batch, late, or twice: what it says is looked up whenever records of
 * the batch are judged here, and it closes only the hold of exactly that record. */
#include "settle.h"

#define RELEASE_KEY 52u
#define ACT_FIXED   9u
#define OWED_SLICE  64u

static void batch_key(uint8_t key[36], const lth_id *origin, uint64_t stream, uint32_t epoch,
                      uint64_t seq)
{
    lth_broker__key_position(key, origin, stream, epoch, seq);
}

/* ---- one's own and others': kept, logged, forwarded ---- */

static lth_err put(lth_broker *self, lth_txn *txn, const lth_release *r,
                   const uint8_t hash[LTH_HASH_SIZE], uint64_t accept_no)
{
    uint8_t key[RELEASE_KEY], value[8];
    (void)self;
    batch_key(key, &r->origin, r->stream, r->at.epoch, r->at.seq);
    lth_put64(key + 36, r->when_ms);
    memcpy(key + 44, hash, 8);
    lth_put64(value, accept_no);
    return lth_put_kv(txn, LTH_T_release, lth_slice_of(key, sizeof key),
                      lth_slice_of(value, sizeof value), LTH_PUT);
}

static lth_err owe(lth_txn *txn, const uint8_t hash[LTH_HASH_SIZE], uint64_t accept_no,
                   const lth_head *head)
{
    uint8_t value[17];
    lth_put64(value, accept_no);
    value[8] = head->out_lane;
    lth_put64(value + 9, head->out_no);
    return lth_put_kv(txn, LTH_T_owed, lth_slice_of(hash, LTH_HASH_SIZE),
                      lth_slice_of(value, sizeof value), LTH_PUT);
}

static lth_err queue(lth_broker *self, lth_txn *txn, const lth_org *org,
                     const uint8_t hash[LTH_HASH_SIZE], uint64_t accept_no, lth_lane lane,
                     lth_head *head)
{
    bool written;
    lane = lth_broker__lane_of(self, head, lane);
    TRY(lth_broker__out_release(self, txn, org, accept_no, lane, head, &written));
    return written ? owe(txn, hash, accept_no, head) : LTH_OK;
}

lth_err lth_broker__state(lth_broker *self, broker_batch *b, lth_release_action action,
                          uint16_t code, const uint32_t *index, uint32_t n)
{
    const lth_batch_header *h = &b->c->batch.header;
    lth_release *r = &self->statement;
    uint8_t hash[LTH_HASH_SIZE];
    *r = (lth_release){.entry_org = self->env.org,
                       .origin = h->origin,
                       .stream = h->stream,
                       .at = {.epoch = h->epoch, .seq = h->batch_seq},
                       .when_ms = b->now.wall_ms,
                       .action = action,
                       .code = code,
                       .n = n};
    lth_batch_header_hash(self->hasher, b->frame->signed_header.p, r->at.hash);
    memcpy(r->index, index, n * sizeof *index);
    size_t size = lth_release_sign(self->statement_bytes, r, self->env.signer);
    if (size == 0) {
        return LTH_E_CRYPTO;
    }
    lth_slice bytes = lth_slice_of(self->statement_bytes, size);
    lth_sha256(self->hasher, bytes.p, bytes.n, hash);
    TRY(lth_broker__act(self, b->txn, b->now, LTH_ACT_RELEASE, &bytes, 1));
    TRY(put(self, b->txn, r, hash, self->accept_no));
    TRY(queue(self, b->txn, b->org, hash, self->accept_no, LTH_LANE_LIVE, &b->head));
    return lth_broker__head_put(b->txn, &h->origin, h->stream, &b->head);
}

/* ---- what is stated about one batch ---- */

static lth_err statement_of(lth_txn *txn, uint64_t accept_no, lth_release *out, lth_slice *bytes)
{
    uint8_t key[8];
    lth_slice value;
    lth_put64(key, accept_no);
    lth_err err = lth_get(txn, LTH_T_act, lth_slice_of(key, sizeof key), &value);
    if (err == LTH_E_NOT_FOUND ||
        (err == LTH_OK && (value.n < ACT_FIXED || value.p[0] != LTH_ACT_RELEASE))) {
        return LTH_E_STORE_CORRUPT;
    }
    TRY(err);
    *bytes = lth_slice_of(value.p + ACT_FIXED, value.n - ACT_FIXED);
    return lth_release_decode(out, *bytes) ? LTH_OK : LTH_E_STORE_CORRUPT;
}

/* A merge is for good; of reasons to stay held the newest counts. */
static void note(lth_broker *self, const broker_batch *b)
{
    broker_merge *m = &self->merge;
    const lth_release *r = &self->statement;
    const lth_id *entry = b->entry ? &self->env.org : &b->c->attest.entry_org;
    if (!lth_id_equal(&r->entry_org, entry)) {
        return;
    }
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t index = r->index[i];
        if (index >= b->c->n_records || m->stated[index] == LTH_RELEASE_MERGE) {
            continue;
        }
        m->stated[index] = (uint8_t)r->action;
        m->attested[index] = r->code;
    }
}

lth_err lth_broker__stated(lth_broker *self, const broker_batch *b, bool *any)
{
    const lth_batch_header *h = &b->c->batch.header;
    uint8_t from[36];
    lth_slice key, value, bytes;
    lth_cursor *cursor;
    batch_key(from, &h->origin, h->stream, h->epoch, h->batch_seq);
    *any = false;
    TRY(lth_cursor_open(b->txn, LTH_T_release, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    while (err == LTH_OK && memcmp(key.p, from, sizeof from) == 0) {
        uint8_t hash[LTH_HASH_SIZE];
        err = value.n == 8 ? statement_of(b->txn, lth_get64(value.p), &self->statement, &bytes)
                           : LTH_E_STORE_CORRUPT;
        lth_batch_header_hash(self->hasher, b->frame->signed_header.p, hash);
        if (err == LTH_OK && memcmp(hash, self->statement.at.hash, sizeof hash) == 0) {
            *any = true;
            note(self, b);
        }
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* Numbers of the acts, so that nothing is written while the cursor stands. */
static lth_err list_acts(lth_txn *txn, const uint8_t from[36], uint64_t list[OWED_SLICE],
                         uint32_t *n)
{
    lth_slice key, value;
    lth_cursor *cursor;
    *n = 0;
    TRY(lth_cursor_open(txn, LTH_T_release, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, 36), &key, &value);
    while (err == LTH_OK && memcmp(key.p, from, 36) == 0 && *n < OWED_SLICE) {
        list[(*n)++] = lth_get64(value.p);
        err = lth_cursor_next(cursor, &key, &value);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_broker__releases_queue(lth_broker *self, lth_txn *txn, const lth_org *org,
                                   const lth_id *origin, uint64_t stream, const lth_position *at,
                                   lth_lane lane, lth_head *head)
{
    uint8_t from[36], hash[LTH_HASH_SIZE];
    uint64_t list[OWED_SLICE];
    uint32_t n;
    batch_key(from, origin, stream, at->epoch, at->seq);
    TRY(list_acts(txn, from, list, &n));
    for (uint32_t i = 0; i < n; i++) {
        lth_slice bytes;
        TRY(statement_of(txn, list[i], &self->statement, &bytes));
        lth_sha256(self->hasher, bytes.p, bytes.n, hash);
        TRY(queue(self, txn, org, hash, list[i], lane, head));
    }
    return LTH_OK;
}

/* ---- from a broker below ---- */

/* Signed by a broker that stands below this one and was the entry of that school. */
static lth_refusal judge(lth_broker *self, const lth_release *r, lth_slice bytes)
{
    const lth_registry *registry = self->env.registry;
    const lth_check_env env = {.hasher = self->env.hasher,
                               .trust = self->env.trust,
                               .registry = registry,
                               .schema = self->env.schema};
    const lth_org *entry = lth_registry_find(registry, &r->entry_org);
    const lth_org *org = lth_registry_find(registry, &r->origin);
    if (entry == NULL || org == NULL || self->self_org == NULL || entry == self->self_org ||
        !lth_registry_under(registry, entry, self->self_org, self->today) ||
        !lth_registry_carries(registry, entry, org, self->today)) {
        return LTH_REFUSE_bad_attestation;
    }
    lth_key_info key;
    const lth_trust *trust = self->env.trust;
    lth_refusal code = lth_broker__statement_key(&env, bytes, r->key_id, &r->entry_org);
    code = code == LTH_REFUSE_none ? trust->find(trust->ctx, r->key_id, &key) : code;
    const lth_org *issuer =
        code == LTH_REFUSE_none ? lth_registry_find(registry, &key.issuer_org) : NULL;
    bool fits =
        issuer != NULL && lth_registry_under_any(registry, entry, issuer, lth_day_of(r->when_ms));
    return code != LTH_REFUSE_none || fits ? code : LTH_REFUSE_wrong_key;
}

/* The entry broker of a batch is the one whose attestation came with it. */
static bool same_entry(lth_slice log, const lth_release *r)
{
    lth_slice attest = lth_slice_of(log.p + LOG_FIXED, log.n - LOG_FIXED);
    return attest.n >= 32 && memcmp(attest.p + 16, r->entry_org.b, sizeof r->entry_org.b) == 0;
}

/* To a batch that is here. */
static lth_err apply(lth_broker *self, lth_txn *txn, lth_now now, uint64_t accept_no)
{
    const lth_release *r = &self->statement;
    if (r->action == LTH_RELEASE_MERGE) {
        lth_broker__pick(self, r->index, r->n);
        return LTH_MUTANT(18) ? LTH_OK : lth_broker__again(self, txn, now, accept_no, AGAIN_STATED);
    }
    lth_frame_batch frame;
    broker_batch b = {.txn = txn, .now = now, .accept_no = accept_no, .again = AGAIN_STATED};
    lth_refusal code = (lth_refusal)r->code;
    bool loaded = false;
    for (uint32_t i = 0; i < r->n; i++) {
        lth_held_row row;
        bool found;
        TRY(lth_broker__held_at(txn, accept_no, r->index[i], &row, &found));
        if (!found || !lth_id_equal(&row.tier_org, &r->entry_org)) {
            continue;
        }
        memset(self->merge.pick, 0, sizeof self->merge.pick);
        TRY(loaded ? LTH_OK : lth_broker__stored(self, &b, &frame));
        loaded = true;
        TRY(b.org != NULL ? lth_broker__hold_because(self, &b, r->index[i], code, 0) : LTH_OK);
    }
    return LTH_OK;
}

static lth_err confirm(lth_broker *self, const broker_peer *peer, const uint8_t hash[LTH_HASH_SIZE])
{
    lth_frame frame = {.kind = LTH_FRAME_RELEASED};
    memcpy(frame.released.hash, hash, LTH_HASH_SIZE);
    return lth_broker__send(self, peer->handle, &frame);
}

static lth_err known(lth_txn *txn, const lth_release *r, const uint8_t hash[LTH_HASH_SIZE],
                     bool *yes)
{
    uint8_t key[RELEASE_KEY];
    lth_slice value;
    batch_key(key, &r->origin, r->stream, r->at.epoch, r->at.seq);
    lth_put64(key + 36, r->when_ms);
    memcpy(key + 44, hash, 8);
    lth_err err = lth_get(txn, LTH_T_release, lth_slice_of(key, sizeof key), &value);
    *yes = err == LTH_OK;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* Kept in any case; applied and passed on now when its batch is here, else with it. */
static lth_err take(lth_broker *self, lth_txn *txn, lth_now now, lth_slice bytes,
                    const uint8_t hash[LTH_HASH_SIZE])
{
    lth_release *r = &self->statement;
    uint8_t at[LTH_HASH_SIZE];
    uint64_t batch_no = 0;
    lth_slice log;
    lth_head head;
    bool here, has_head;
    TRY(lth_broker__chain_get(txn, &r->origin, r->stream, r->at.epoch, r->at.seq, &batch_no, at,
                              &here));
    if (here) {
        TRY(lth_broker__log_get(txn, batch_no, &log));
        here = memcmp(at, r->at.hash, sizeof at) == 0 && same_entry(log, r);
    }
    TRY(lth_broker__act(self, txn, now, LTH_ACT_RELEASE, &bytes, 1));
    uint64_t act_no = self->accept_no;
    TRY(put(self, txn, r, hash, act_no));
    if (!here) {
        return LTH_OK;
    }
    const lth_org *org = lth_registry_find(self->env.registry, &r->origin);
    TRY(lth_broker__head_get(txn, &r->origin, r->stream, &head, &has_head));
    TRY(queue(self, txn, org, hash, act_no, LTH_LANE_LIVE, &head));
    TRY(lth_broker__head_put(txn, &r->origin, r->stream, &head));
    return apply(self, txn, now, batch_no);
}

lth_err lth_broker__release(lth_broker *self, lth_txn *txn, lth_now now, broker_peer *peer,
                            const lth_frame_release *frame)
{
    lth_release *r = &self->statement;
    uint8_t hash[LTH_HASH_SIZE];
    bool again;
    TRY(lth_broker__keep_place(txn, peer, frame->lane, frame->out_no));
    bool fine =
        lth_release_decode(r, frame->bytes) && lth_broker__may_carry(self, &peer->org, &r->origin);
    lth_refusal code = fine ? judge(self, r, frame->bytes) : LTH_REFUSE_bad_attestation;
    if (code != LTH_REFUSE_none) {
        char hex[33];
        lth_hex(hex, peer->org.b, sizeof peer->org.b);
        lth_log_event(&self->env.log, LTH_LEVEL_WARN, "release_not_believed", "from=%s code=%s",
                      hex, lth_refusal_name(code));
        return LTH_OK; /* It is owed: it comes again until the registry or the keys fit. */
    }
    lth_sha256(self->hasher, frame->bytes.p, frame->bytes.n, hash);
    TRY(known(txn, r, hash, &again));
    TRY(again ? LTH_OK : take(self, txn, now, frame->bytes, hash));
    return confirm(self, peer, hash);
}

/* ---- owed to the parent ---- */

lth_err lth_broker__released(lth_broker *self, lth_txn *txn, const lth_frame_released *frame)
{
    (void)self;
    lth_err err = lth_del(txn, LTH_T_owed, lth_slice_of(frame->hash, LTH_HASH_SIZE));
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* What is acknowledged on the link and not confirmed, a slice. */
static lth_err list_owed(lth_broker *self, lth_txn *txn, uint8_t list[OWED_SLICE][LTH_HASH_SIZE],
                         uint32_t *n)
{
    uint8_t *from = self->owed_from;
    lth_slice key, value;
    lth_cursor *cursor;
    *n = 0;
    TRY(lth_cursor_open(txn, LTH_T_owed, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof self->owed_from), &key, &value);
    for (uint32_t looked = 0; err == LTH_OK && *n < OWED_SLICE && looked < SLICE_MAX; looked++) {
        if (key.n != LTH_HASH_SIZE || value.n != 17 || value.p[8] >= LTH_LANES) {
            err = LTH_E_STORE_CORRUPT;
            break;
        }
        if (lth_get64(value.p + 9) <= self->out_acked[value.p[8]]) {
            memcpy(list[(*n)++], key.p, LTH_HASH_SIZE);
        }
        err = lth_cursor_next(cursor, &key, &value);
        if (err == LTH_OK) {
            memcpy(from, key.p, sizeof self->owed_from);
        }
    }
    lth_cursor_close(&cursor);
    if (err == LTH_E_NOT_FOUND) {
        memset(from, 0, sizeof self->owed_from);
        self->owed_at = self->now + SWEEP_NS;
        return LTH_OK;
    }
    return err;
}

static lth_err queue_again(lth_broker *self, lth_txn *txn, const uint8_t hash[LTH_HASH_SIZE])
{
    lth_slice value, bytes;
    lth_head head;
    bool found;
    TRY(lth_get(txn, LTH_T_owed, lth_slice_of(hash, LTH_HASH_SIZE), &value));
    uint64_t accept_no = lth_get64(value.p);
    const lth_release *r = &self->statement;
    TRY(statement_of(txn, accept_no, &self->statement, &bytes));
    const lth_org *org = lth_registry_find(self->env.registry, &r->origin);
    if (org == NULL) {
        return LTH_OK;
    }
    TRY(lth_broker__head_get(txn, &r->origin, r->stream, &head, &found));
    TRY(queue(self, txn, org, hash, accept_no, LTH_LANE_REPAIR, &head));
    return lth_broker__head_put(txn, &r->origin, r->stream, &head);
}

lth_err lth_broker__owed_sweep(lth_broker *self, lth_txn *txn)
{
    uint8_t list[OWED_SLICE][LTH_HASH_SIZE];
    uint32_t n;
    if (!self->link.ready || self->now < self->owed_at || LTH_MUTANT(19)) {
        return LTH_OK;
    }
    TRY(list_owed(self, txn, list, &n));
    if (n > 0) {
        lth_broker__told_forget(self); /* Its key may not have come either. */
    }
    for (uint32_t i = 0; i < n; i++) {
        TRY(queue_again(self, txn, list[i]));
    }
    return LTH_OK;
}
