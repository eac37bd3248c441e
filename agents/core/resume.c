#include "internal.h"

void lth_agent__stop(lth_agent *self, agent_school *school, lth_refusal code)
{
    lth_agent__session(self, school, SESSION_STOPPED, LTH_MONO_NEVER);
    if (school->head.stopped != code) {
        school->head.stopped = code;
        school->head_dirty = true;
        lth_log_event(&self->env.log, LTH_LEVEL_WARN, "origin_stopped", "org=%s code=%s",
                      lth_agent__code_of(self, school), lth_refusal_name(code));
    }
}

lth_err lth_agent__ask_epoch(lth_agent *self, agent_school *school)
{
    agent_item item = {.kind = ITEM_EPOCH_REQUEST, .school = (uint32_t)(school - self->schools)};
    lth_agent__session(self, school, SESSION_EPOCH, TIMEOUT_ANSWER);
    return lth_agent__push(self, &item);
}

static bool same_hash(const uint8_t *a, const uint8_t *b)
{
    return LTH_MUTANT(22) || memcmp(a, b, LTH_HASH_SIZE) == 0;
}

/* Before anything of this epoch was taken, a broker may still name what its grant closes. */
static lth_err is_closing(agent_ctx *c, const lth_position *theirs, bool *yes)
{
    uint8_t key[STREAM_KEY_SIZE + 4];
    lth_slice value;
    lth_grant grant;
    (void)lth_agent__stream_key(key, &c->school->conf->org);
    lth_put32(key + STREAM_KEY_SIZE, c->school->head.at.epoch);
    *yes = false;
    lth_err err = lth_get(c->txn, LTH_A_agrant, lth_slice_of(key, sizeof key), &value);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    if (!lth_grant_decode(&grant, value)) {
        return LTH_E_STORE_CORRUPT;
    }
    *yes = grant.closes.epoch == theirs->epoch && grant.closes.seq == theirs->seq &&
           same_hash(grant.closes.hash, theirs->hash);
    return LTH_OK;
}

/* Does our chain pass through @p theirs, so that it can go on from there? The hash of a position
 * is `prev` of the batch after it. */
static lth_err in_chain(agent_ctx *c, const lth_position *theirs, bool *yes)
{
    const lth_position *ours = &c->school->head.at;
    lth_slice entry;
    lth_batch_header header;
    *yes = false;
    if (theirs->epoch != ours->epoch || theirs->seq > ours->seq) {
        return LTH_OK;
    }
    if (theirs->seq == ours->seq) {
        *yes = theirs->seq == 0 || same_hash(theirs->hash, ours->hash);
        return LTH_OK;
    }
    lth_err err =
        lth_agent__entry_get(c->txn, &c->school->conf->org, ours->epoch, theirs->seq + 1, &entry);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    if (lth_batch_header_decode(&header, entry.p) != LTH_REFUSE_none) {
        return LTH_E_STORE_CORRUPT;
    }
    *yes = theirs->seq == 0 || same_hash(theirs->hash, header.prev);
    return LTH_OK;
}

static void go(agent_ctx *c, const lth_position *from)
{
    agent_school *school = c->school;
    lth_agent_head *head = &school->head;
    lth_agent__session(c->self, school, SESSION_GO, LTH_MONO_NEVER);
    school->confirmed = from->seq;
    school->next_send = from->seq + 1;
    lth_agent__accepted_again(school);
    if (from->epoch == head->at.epoch && from->seq > head->acked.seq) {
        head->acked = *from;
        school->head_dirty = true;
    }
    if (head->stopped != LTH_REFUSE_none) {
        head->stopped = LTH_REFUSE_none;
        school->head_dirty = true;
    }
}

static lth_err on_go(agent_ctx *c, const lth_position *theirs)
{
    const lth_agent_head *head = &c->school->head;
    bool yes = false;
    if (head->at.epoch == 0) {
        return lth_agent__ask_epoch(c->self, c->school);
    }
    lth_err err = in_chain(c, theirs, &yes);
    if (err == LTH_OK && yes) {
        go(c, theirs);
        return LTH_OK;
    }
    if (err == LTH_OK && theirs->epoch < head->at.epoch) {
        err = is_closing(c, theirs, &yes);
        const lth_position start = {.epoch = head->at.epoch};
        if (err == LTH_OK && yes) {
            err = in_chain(c, &start, &yes);
        }
        if (err == LTH_OK && yes) {
            go(c, &start);
            return LTH_OK;
        }
    }
    if (err != LTH_OK) {
        return err;
    }
    lth_log_event(&c->self->env.log, LTH_LEVEL_WARN, "position_mismatch",
                  "org=%s ours=%u/%llu broker=%u/%llu", lth_agent__code_of(c->self, c->school),
                  (unsigned)head->at.epoch, (unsigned long long)head->at.seq,
                  (unsigned)theirs->epoch, (unsigned long long)theirs->seq);
    return lth_agent__ask_epoch(c->self, c->school);
}

lth_err lth_agent__on_resume(agent_ctx *c, const lth_frame_resume *resume)
{
    if (resume->stream == LTH_STREAM_PUBLIC) {
        lth_agent__public_resume(c->self, resume);
        return LTH_OK;
    }
    c->school = lth_agent__school_of(c->self, &resume->origin);
    if (c->school == NULL || resume->stream != LTH_STREAM_OWN) {
        return LTH_OK;
    }
    bool greeted = resume->state == LTH_RESUME_GO || resume->state == LTH_RESUME_GRANT;
    if (greeted || c->school->session == SESSION_HELLO) { /* not an answer to EPOCH_REQUEST */
        lth_err err = lth_agent__holds_forget(c);
        if (err != LTH_OK) {
            return err;
        }
    }
    switch (resume->state) {
    case LTH_RESUME_GO:
        return on_go(c, &resume->head);
    case LTH_RESUME_GRANT:
        return lth_agent__ask_epoch(c->self, c->school);
    case LTH_RESUME_STOPPED:
        lth_agent__stop(c->self, c->school, resume->code);
        return LTH_OK;
    case LTH_RESUME_WAIT: {
        uint32_t ms = resume->wait_ms < WAIT_LEAST_MS ? WAIT_LEAST_MS : resume->wait_ms;
        ms = ms > WAIT_MOST_MS ? WAIT_MOST_MS : ms;
        lth_agent__session(c->self, c->school, SESSION_WAIT, LTH_MONO_MS(ms));
        return LTH_OK;
    }
    }
    return LTH_OK;
}

/* ---- epochs ---- */

/* Only our own broker grants, and only a higher number. */
static bool grant_is_good(agent_ctx *c, lth_slice bytes, lth_grant *grant)
{
    const lth_agent_env *env = &c->self->env;
    lth_key_info key;
    if (!lth_grant_decode(grant, bytes) || grant->stream != LTH_STREAM_OWN) {
        return false;
    }
    c->school = lth_agent__school_of(c->self, &grant->origin);
    return c->school != NULL && grant->epoch > c->school->head.at.epoch &&
           lth_id_equal(&grant->grantor_org, &env->broker_org) &&
           env->trust->find(env->trust->ctx, grant->key_id, &key) == LTH_REFUSE_none &&
           key.role == LTH_ROLE_BROKER && lth_id_equal(&key.org, &env->broker_org) &&
           lth_statement_verify(bytes, grant->key_id, env->trust) == LTH_REFUSE_none;
}

/* Has the broker what our store does not know: was it lost, or restored from a copy? A broker that
 * lost something closes at a position that is behind ours. */
static lth_err is_older(agent_ctx *c, const lth_position *closes, bool *yes)
{
    const lth_position *ours = &c->school->head.at;
    lth_slice entry;
    *yes = closes->epoch > ours->epoch || (closes->epoch == ours->epoch && closes->seq > ours->seq);
    if (*yes || closes->epoch < ours->epoch || closes->seq == 0) {
        return LTH_OK;
    }
    bool known = closes->seq == ours->seq, ours_too;
    if (!known) {
        lth_err err = lth_agent__entry_get(c->txn, &c->school->conf->org, ours->epoch,
                                           closes->seq + 1, &entry);
        if (err != LTH_OK) {
            return err == LTH_E_NOT_FOUND ? LTH_OK : err; /* pruned, for it was acknowledged */
        }
    }
    lth_err err = in_chain(c, closes, &ours_too);
    *yes = err == LTH_OK && !ours_too;
    return err;
}

/* A database is read again. Files were read already: what is kept of them is the truth, unless our
 * store is the older one. */
static lth_err owe_snapshot(agent_ctx *c, bool older)
{
    if (c->table->kept && older) {
        return lth_agent__state_doubt(c);
    }
    return lth_agent__resync_owe(c);
}

/* All that an older epoch numbered is void; its contents come again as a snapshot. */
static lth_err begin_epoch(agent_ctx *c, const lth_grant *grant)
{
    lth_agent_head *head = &c->school->head;
    const uint64_t ours = head->at.seq;
    bool older;
    lth_err err = is_older(c, &grant->closes, &older);
    err = err == LTH_OK && older ? lth_agent__uploads_void(c) : err;
    err = err == LTH_OK ? lth_agent__outbox_drop_before(c, grant->epoch) : err;
    head->at = (lth_position){.epoch = grant->epoch, .seq = 0};
    memcpy(head->at.hash, grant->closes.hash, LTH_HASH_SIZE);
    head->next_rec_seq = LTH_MUTANT(23) ? head->next_rec_seq : 1;
    head->acked = head->at;
    head->resync = false;
    head->stopped = LTH_REFUSE_none;
    c->school->head_dirty = true;
    uint32_t n = grant->epoch > 1 ? c->school->conf->n_tables : 0;
    for (uint32_t i = 0; i < n && err == LTH_OK; i++) {
        c->index = i;
        c->table = &c->school->tables[i];
        err = owe_snapshot(c, older);
    }
    if (n > 0 && older) {
        lth_log_event(&c->self->env.log, LTH_LEVEL_WARN, "store_older",
                      "org=%s ours=%llu broker=%llu", lth_agent__code_of(c->self, c->school),
                      (unsigned long long)ours, (unsigned long long)grant->closes.seq);
    }
    return err;
}

lth_err lth_agent__on_grant(agent_ctx *c, lth_slice bytes)
{
    lth_grant grant;
    if (!grant_is_good(c, bytes, &grant)) {
        lth_log_event(&c->self->env.log, LTH_LEVEL_NOTICE, "grant_ignored", "bytes=%u",
                      (unsigned)bytes.n);
        return LTH_OK;
    }
    uint8_t key[STREAM_KEY_SIZE + 4];
    (void)lth_agent__stream_key(key, &grant.origin);
    lth_put32(key + STREAM_KEY_SIZE, grant.epoch);
    lth_err err = lth_put_kv(c->txn, LTH_A_agrant, lth_slice_of(key, sizeof key), bytes, LTH_PUT);
    err = err == LTH_OK ? begin_epoch(c, &grant) : err;
    if (err == LTH_OK) {
        go(c, &c->school->head.at);
        lth_log_event(&c->self->env.log, LTH_LEVEL_NOTICE, "epoch_granted", "org=%s epoch=%u",
                      lth_agent__code_of(c->self, c->school), (unsigned)grant.epoch);
    }
    return err;
}
