/* The ministry's public stream: definitions and codes, kept as they came. They are believed only
 * with the signature of the top organisation's broker, in the order of its chain. */
#include <stdlib.h>

#include "internal.h"

#define HEAD_NAME "head"
#define HEAD_SIZE (4u + 8u + LTH_HASH_SIZE + 8u + 8u + 8u + 1u)
#define AGAIN     LTH_MONO_S(60)
#define SOON      LTH_MONO_S(5)

static lth_slice head_key(void)
{
    return lth_slice_of(HEAD_NAME, sizeof HEAD_NAME - 1);
}

/* ---- what is held ---- */

static const lth_org *find_author(const lth_agent *self)
{
    const lth_registry *registry = self->env.registry;
    if (registry == NULL) {
        return NULL;
    }
    if (!lth_id_is_zero(&self->env.public_org)) {
        return lth_registry_find(registry, &self->env.public_org);
    }
    const lth_org *own = lth_registry_find(registry, &self->env.node_org);
    return own != NULL ? lth_public_author(registry, own, lth_day_of(self->now.wall_ms)) : NULL;
}

lth_err lth_agent__public_load(lth_agent *self, lth_txn *txn)
{
    agent_public *p = &self->public_;
    lth_slice value;
    *p = (agent_public){.author = find_author(self), .next_rec_seq = 1};
    lth_err err = lth_get(txn, LTH_A_public, head_key(), &value);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    lth_rd rd = lth_rd_of(value);
    p->at.epoch = lth_rd32(&rd);
    p->at.seq = lth_rd64(&rd);
    lth_rd_copy(&rd, p->at.hash, sizeof p->at.hash);
    p->next_rec_seq = lth_rd64(&rd);
    p->through = lth_rd64(&rd);
    p->taken_ms = lth_rd64(&rd);
    p->frozen = lth_rd8(&rd) != 0;
    return lth_rd_done(&rd) ? LTH_OK : LTH_E_STORE_CORRUPT;
}

static lth_err put_head(agent_ctx *c)
{
    const agent_public *p = &c->self->public_;
    uint8_t value[HEAD_SIZE];
    lth_wr wr = lth_wr_of(value, sizeof value);
    lth_wr32(&wr, p->at.epoch);
    lth_wr64(&wr, p->at.seq);
    lth_wr_bytes(&wr, p->at.hash, sizeof p->at.hash);
    lth_wr64(&wr, p->next_rec_seq);
    lth_wr64(&wr, p->through);
    lth_wr64(&wr, p->taken_ms);
    lth_wr8(&wr, p->frozen ? 1 : 0);
    LTH_ASSERT(!wr.bad && wr.p == wr.end);
    return lth_put_kv(c->txn, LTH_A_public, head_key(), lth_slice_of(value, sizeof value), LTH_PUT);
}

/* ---- asking ---- */

lth_err lth_agent__public_ask(lth_agent *self)
{
    agent_public *p = &self->public_;
    agent_item item = {.kind = ITEM_PUBLIC_HELLO};
    p->asked_at = self->now.mono;
    p->ask_at = self->now.mono + AGAIN;
    return p->author != NULL ? lth_agent__push(self, &item) : LTH_OK;
}

void lth_agent__public_hello(const lth_agent *self, lth_frame_hello *hello)
{
    *hello = (lth_frame_hello){.origin = self->public_.author->id,
                               .stream = LTH_STREAM_PUBLIC,
                               .head = self->public_.at,
                               .session = self->info.session};
}

/* Having taken more is the acknowledgement of an answer and asks for the next one. */
lth_err lth_agent__public_tick(lth_agent *self)
{
    agent_public *p = &self->public_;
    bool ask = p->moved || self->now.mono >= p->ask_at;
    p->moved = false;
    return ask ? lth_agent__public_ask(self) : LTH_OK;
}

lth_mono lth_agent__public_deadline(const lth_agent *self)
{
    return self->public_.author != NULL ? self->public_.ask_at : LTH_MONO_NEVER;
}

static void ask_soon(agent_public *p)
{
    lth_mono soon = p->asked_at + SOON;
    p->ask_at = soon < p->ask_at ? soon : p->ask_at;
}

void lth_agent__public_resume(lth_agent *self, const lth_frame_resume *resume)
{
    agent_public *p = &self->public_;
    if (p->author == NULL || !lth_id_equal(&resume->origin, &p->author->id)) {
        return;
    }
    p->above = resume->head;
    bool behind =
        p->at.epoch != p->above.epoch ? p->at.epoch < p->above.epoch : p->at.seq < p->above.seq;
    if (behind) {
        ask_soon(p);
    }
}

/* ---- believing a batch ---- */

/* A broker's key of the author, from an authority that stands above it. */
static lth_refusal author_key(const lth_agent *self, const uint8_t key_id[LTH_HASH_SIZE],
                              uint64_t at_ms)
{
    const lth_agent_env *env = &self->env;
    const lth_org *author = self->public_.author;
    lth_key_info key;
    lth_refusal code = env->trust->find(env->trust->ctx, key_id, &key);
    if (code != LTH_REFUSE_none) {
        return code;
    }
    const lth_org *issuer = lth_registry_find(env->registry, &key.issuer_org);
    if (key.role != LTH_ROLE_BROKER || !lth_id_equal(&key.org, &author->id) || issuer == NULL ||
        !lth_registry_under_any(env->registry, author, issuer, lth_day_of(at_ms))) {
        return LTH_REFUSE_wrong_key;
    }
    return at_ms < key.not_before_ms || at_ms > key.not_after_ms ? LTH_REFUSE_key_expired
                                                                 : LTH_REFUSE_none;
}

static lth_refusal check_attest(const lth_agent *self, const lth_batch_check *check,
                                lth_slice bytes, lth_attest *a)
{
    const lth_batch_header *h = &check->header;
    const lth_org *author = self->public_.author;
    if (!lth_attest_decode(a, bytes) || !lth_id_equal(&a->entry_org, &author->id) ||
        !lth_id_equal(&a->origin, &author->id) || a->stream != LTH_STREAM_PUBLIC ||
        a->at.epoch != h->epoch || a->at.seq != h->batch_seq ||
        memcmp(a->at.hash, check->header_hash, LTH_HASH_SIZE) != 0) {
        return LTH_REFUSE_bad_attestation;
    }
    lth_refusal code = lth_statement_verify(bytes, a->key_id, self->env.trust);
    return code == LTH_REFUSE_none ? author_key(self, a->key_id, a->receive_ms) : code;
}

static lth_refusal check_batch(lth_agent *self, const lth_frame_batch *batch,
                               lth_batch_check *check)
{
    const lth_agent_env *env = &self->env;
    uint8_t(*leaves)[LTH_HASH_SIZE] = malloc(LTH_BATCH_RECORDS_MAX * sizeof *leaves);
    lth_attest *attest = malloc(sizeof *attest);
    lth_refusal code = LTH_REFUSE_busy;
    if (leaves != NULL && attest != NULL) {
        code = lth_batch_verify(check, &env->hasher, env->trust, batch->signed_header, batch->body,
                                leaves, NULL);
    }
    const lth_batch_header *h = &check->header;
    if (code == LTH_REFUSE_none &&
        (!lth_id_equal(&h->origin, &self->public_.author->id) || h->stream != LTH_STREAM_PUBLIC)) {
        code = LTH_REFUSE_not_carrier;
    }
    if (code == LTH_REFUSE_none && (check->headers_only || check->redacted)) {
        code = LTH_REFUSE_bad_body;
    }
    code = code == LTH_REFUSE_none ? check_attest(self, check, batch->attest, attest) : code;
    code = code == LTH_REFUSE_none ? author_key(self, h->key_id, attest->receive_ms) : code;
    free(leaves);
    free(attest);
    return code;
}

/* ---- its place in the chain ---- */

/* Only the author grants an epoch of its stream, closing where we stand. */
static lth_refusal check_grant(const lth_agent *self, const lth_batch_header *h, lth_slice bytes)
{
    const agent_public *p = &self->public_;
    lth_grant grant;
    if (!lth_grant_decode(&grant, bytes) || grant.stream != LTH_STREAM_PUBLIC ||
        !lth_id_equal(&grant.origin, &p->author->id) ||
        !lth_id_equal(&grant.grantor_org, &p->author->id) || grant.epoch != h->epoch ||
        grant.closes.epoch != p->at.epoch || grant.closes.seq != p->at.seq ||
        memcmp(grant.closes.hash, p->at.hash, LTH_HASH_SIZE) != 0 ||
        lth_statement_verify(bytes, grant.key_id, self->env.trust) != LTH_REFUSE_none) {
        return LTH_REFUSE_epoch_not_granted;
    }
    return author_key(self, grant.key_id, grant.grant_ms);
}

typedef enum place { PLACE_NEXT, PLACE_PAST, PLACE_FORK, PLACE_GAP, PLACE_BAD } place;

static place place_of(const lth_agent *self, const lth_batch_check *check,
                      const lth_frame_batch *batch)
{
    const agent_public *p = &self->public_;
    const lth_batch_header *h = &check->header;
    if (h->epoch == p->at.epoch && h->batch_seq == p->at.seq) {
        return memcmp(check->header_hash, p->at.hash, LTH_HASH_SIZE) == 0 ? PLACE_PAST : PLACE_FORK;
    }
    if (h->epoch < p->at.epoch || (h->epoch == p->at.epoch && h->batch_seq < p->at.seq)) {
        return PLACE_PAST;
    }
    bool same = h->epoch == p->at.epoch;
    if (h->batch_seq != (same ? p->at.seq + 1 : 1)) {
        return PLACE_GAP;
    }
    bool fits = memcmp(h->prev, p->at.hash, LTH_HASH_SIZE) == 0 &&
                h->first_rec_seq == (same ? p->next_rec_seq : 1) &&
                (same || check_grant(self, h, batch->grant) == LTH_REFUSE_none);
    return fits ? PLACE_NEXT : PLACE_BAD;
}

/* ---- keeping it ---- */

/* What is not a sound record of the two datasets, or not the author's, is passed over. */
static lth_err keep_record(agent_ctx *c, const lth_record_view *record)
{
    const lth_record_header *h = &record->header;
    lth_findings found;
    uint8_t key[18];
    if (memcmp(h->record_id.b, c->self->public_.author->id.b, 8) != 0 ||
        lth_record_judge(lth_public_schema(), record, NULL, &found) != LTH_REFUSE_none) {
        return LTH_OK;
    }
    lth_put16(key, h->dataset);
    memcpy(key + 2, h->record_id.b, 16);
    if (h->op == LTH_OP_STATE) {
        return lth_put_kv(c->txn, LTH_A_public, lth_slice_of(key, sizeof key), record->wire,
                          LTH_PUT);
    }
    lth_err err = h->op == LTH_OP_DELETE && !LTH_MUTANT(42)
                      ? lth_del(c->txn, LTH_A_public, lth_slice_of(key, sizeof key))
                      : LTH_OK;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static lth_err keep_batch(agent_ctx *c, const lth_batch_check *check, lth_slice body)
{
    agent_public *p = &c->self->public_;
    const lth_batch_header *h = &check->header;
    lth_record_view record;
    lth_rd rd = lth_rd_of(body);
    lth_err err = LTH_OK;
    while (err == LTH_OK && lth_rd_left(&rd) > 0 &&
           lth_record_parse(&record, &rd) == LTH_REFUSE_none) {
        err = keep_record(c, &record);
    }
    p->at.epoch = h->epoch;
    p->at.seq = h->batch_seq;
    memcpy(p->at.hash, check->header_hash, sizeof p->at.hash);
    p->next_rec_seq = h->first_rec_seq + h->rec_count;
    p->through = h->source_position;
    p->taken_ms = c->now.wall_ms;
    p->moved = true;
    return err == LTH_OK ? put_head(c) : err;
}

static void log_refused(const lth_agent *self, const lth_batch_header *h, lth_refusal code)
{
    lth_log_event(&self->env.log, LTH_LEVEL_ERROR, "public_refused", "epoch=%u seq=%llu code=%s",
                  (unsigned)h->epoch, (unsigned long long)h->batch_seq, lth_refusal_name(code));
}

lth_err lth_agent__public_batch(agent_ctx *c, const lth_frame_batch *batch)
{
    lth_agent *self = c->self;
    agent_public *p = &self->public_;
    lth_batch_check check = {.n_records = 0};
    if (p->author == NULL || p->frozen) {
        return LTH_OK;
    }
    lth_refusal code = check_batch(self, batch, &check);
    if (code != LTH_REFUSE_none) {
        log_refused(self, &check.header, code);
        return LTH_OK;
    }
    switch (place_of(self, &check, batch)) {
    case PLACE_NEXT:
        return keep_batch(c, &check, batch->body);
    case PLACE_GAP:
        ask_soon(p);
        return LTH_OK;
    case PLACE_FORK:
        p->frozen = true;
        log_refused(self, &check.header, LTH_REFUSE_fork);
        return put_head(c);
    case PLACE_BAD:
        log_refused(self, &check.header, LTH_REFUSE_chain);
        return LTH_OK;
    case PLACE_PAST:
        return LTH_OK;
    }
    return LTH_OK;
}

/* ---- what the shell asks ---- */

void lth_agent_public_of(const lth_agent *self, lth_agent_public_info *out)
{
    const agent_public *p = &self->public_;
    *out = (lth_agent_public_info){.at = p->at,
                                   .above = p->above,
                                   .whole = p->at.seq == p->through,
                                   .frozen = p->frozen,
                                   .taken_ms = p->taken_ms};
    if (p->author != NULL) {
        out->author = p->author->id;
    }
}

lth_err lth_agent_public_read(lth_public_set *out, const lth_hasher *h, lth_txn *txn)
{
    lth_cursor *cursor;
    lth_slice key, value;
    *out = (lth_public_set){.version = 0};
    lth_err err = lth_cursor_open(txn, LTH_A_public, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    err = lth_cursor_next(cursor, &key, &value);
    while (err == LTH_OK) {
        if (key.n == sizeof HEAD_NAME - 1) {
            out->version = value.n == HEAD_SIZE ? (uint32_t)lth_get64(value.p + 4) : 0;
        } else {
            err = lth_public_set_record(out, h, value);
        }
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    err = err == LTH_E_NOT_FOUND ? lth_public_set_sort(out) : err;
    if (err != LTH_OK) {
        lth_public_set_fini(out);
    }
    return err == LTH_E_FORMAT ? LTH_E_STORE_CORRUPT : err;
}
