#include <stdlib.h>

#include "internal.h"

/* Bytes of a record in its widest redaction, as lib/record counts them. */
#define RECORD_WIDE_FIXED (1u + LTH_RECORD_HEADER_SIZE)
#define GROUP_WIDE_SHOWN  (2u + 1u + 16u + 4u)
#define GROUP_WIDE_HIDDEN (2u + 1u + LTH_HASH_SIZE)

size_t lth_agent__widest(const lth_record_new *record)
{
    size_t size = RECORD_WIDE_FIXED;
    for (uint32_t i = 0; i < record->n_groups; i++) {
        size_t shown = GROUP_WIDE_SHOWN + record->groups[i].value.n;
        size += shown > GROUP_WIDE_HIDDEN ? shown : GROUP_WIDE_HIDDEN;
    }
    return size;
}

uint64_t lth_agent__unacked(const agent_school *school)
{
    const lth_agent_head *head = &school->head;
    bool same = head->acked.epoch == head->at.epoch && head->acked.seq <= head->at.seq;
    return same ? head->at.seq - head->acked.seq : head->at.seq;
}

/* Copies everything: the row's arena is reset before the step ends. */
static agent_change *copy_change(lth_agent *self, const lth_record_new *record)
{
    size_t values = 0;
    for (uint32_t i = 0; i < record->n_groups; i++) {
        values += record->groups[i].value.n;
    }
    agent_change *change =
        lth_arena_alloc(self->changes, sizeof *change + record->n_groups * sizeof *change->groups);
    uint8_t *to = change != NULL ? lth_arena_alloc(self->changes, values) : NULL;
    if (to == NULL) {
        return NULL;
    }
    *change = (agent_change){.op = record->op,
                             .dataset = record->dataset,
                             .flags = record->flags,
                             .record_id = record->record_id,
                             .commit_ms = record->src_commit_time_ms,
                             .n_groups = record->n_groups,
                             .widest = lth_agent__widest(record)};
    self->env.random.fill(self->env.random.ctx, change->seed, sizeof change->seed);
    for (uint32_t i = 0; i < record->n_groups; i++) {
        lth_slice value = record->groups[i].value;
        change->groups[i].number = record->groups[i].number;
        change->groups[i].value = lth_slice_of(to, value.n);
        if (value.n > 0) {
            memcpy(to, value.p, value.n);
        }
        to += value.n;
    }
    return change;
}

lth_err lth_agent__emit(agent_ctx *c)
{
    lth_agent *self = c->self;
    agent_school *school = c->school;
    if (c->scan->spooling) {
        return lth_agent__spool_put(c, LTH_A_spool);
    }
    agent_change *change = copy_change(self, &self->record);
    if (change == NULL) {
        return LTH_E_NOMEM;
    }
    bool slow = c->scan->first || lth_agent__unacked(school) >= BACKLOG_BATCHES;
    change->lane = slow ? LTH_LANE_SNAPSHOT : LTH_LANE_LIVE;
    if (school->last != NULL) {
        school->last->next = change;
    } else {
        school->first = change;
    }
    school->last = change;
    self->n_changes++;
    self->changes_size += change->widest;
    return LTH_OK;
}

bool lth_agent_step_full(const lth_agent *self)
{
    return self->n_changes >= STEP_RECORDS_MAX || self->changes_size >= STEP_BYTES_MAX ||
           self->state_size >= STATE_BYTES_MAX;
}

lth_err lth_agent__seal_batch(agent_ctx *c, lth_batch_builder *b, lth_batch_kind kind,
                              lth_lane lane)
{
    lth_agent_head *head = &c->school->head;
    const lth_hasher *h = &c->self->env.hasher;
    uint8_t signed_header[LTH_BATCH_SIGNED_SIZE];
    LTH_ASSERT(head->at.epoch > 0 && b->first_rec_seq == head->next_rec_seq);
    lth_batch_header header = {.kind = (uint8_t)kind,
                               .origin = c->school->conf->org,
                               .epoch = head->at.epoch,
                               .dict_ver = c->self->env.schema->dict_ver,
                               .batch_seq = head->at.seq + 1,
                               .source_time_ms = c->now.wall_ms,
                               .stream = LTH_STREAM_OWN};
    memcpy(header.prev, head->at.hash, LTH_HASH_SIZE);
    lth_err err = lth_batch_builder_seal(b, h, c->school->conf->signer, &header, signed_header);
    if (err != LTH_OK) {
        return err;
    }
    head->at.seq++;
    head->next_rec_seq += b->n_records;
    lth_batch_header_hash(h, signed_header, head->at.hash);
    c->school->head_dirty = true;
    return lth_agent__outbox_put(c, signed_header, lane, lth_buf_slice(&b->body));
}

static void to_record(lth_record_new *record, const agent_change *change)
{
    record->op = change->op;
    record->dataset = change->dataset;
    record->flags = change->flags;
    record->record_id = change->record_id;
    record->src_version = 0;
    record->src_commit_time_ms = change->commit_ms;
    memcpy(record->seed, change->seed, sizeof record->seed);
    record->n_groups = change->n_groups;
    for (uint32_t i = 0; i < change->n_groups; i++) {
        record->groups[i].number = change->groups[i].number;
        record->groups[i].value = change->groups[i].value;
    }
}

/* One batch from the front of the school's changes: same lane, within the limits of a batch. */
static lth_err seal_front(agent_ctx *c, lth_batch_builder *b)
{
    agent_school *school = c->school;
    lth_lane lane = school->first->lane;
    lth_batch_builder_reset(b, school->head.next_rec_seq);
    while (school->first != NULL && school->first->lane == lane &&
           b->n_records < STEP_RECORDS_MAX &&
           (b->n_records == 0 || b->widest + school->first->widest <= STEP_BYTES_MAX)) {
        to_record(&c->self->record, school->first);
        lth_err err = lth_batch_builder_add(b, &c->self->env.hasher, &c->self->record);
        LTH_ASSERT(err != LTH_E_LIMIT);
        if (err != LTH_OK) {
            return err;
        }
        school->first = school->first->next;
    }
    if (lane == LTH_LANE_LIVE && school->round != NULL) {
        school->round->sealed_live = true;
    }
    lth_err err = lth_agent__seal_batch(c, b, LTH_KIND_DELTA, lane);
    agent_upload *upload = lth_agent__upload(c);
    if (upload != NULL && upload->row.first_seq == 0) {
        upload->row.first_seq = school->head.at.seq;
    }
    return err;
}

static lth_err seal_changes(agent_ctx *c)
{
    lth_batch_builder *b = malloc(sizeof *b);
    if (b == NULL) {
        return LTH_E_NOMEM;
    }
    lth_batch_builder_init(b);
    lth_err err = LTH_OK;
    while (c->school->first != NULL && err == LTH_OK) {
        err = seal_front(c, b);
    }
    c->school->last = NULL;
    lth_batch_builder_fini(b);
    free(b);
    return err;
}

static lth_err save_head(agent_ctx *c)
{
    uint8_t key[STREAM_KEY_SIZE], value[128];
    size_t n = lth_agent_head_encode(value, &c->school->head);
    c->school->head_dirty = false;
    return lth_put_kv(c->txn, LTH_A_ahead, lth_agent__stream_key(key, &c->school->conf->org),
                      lth_slice_of(value, n), LTH_PUT);
}

/* The hash map that a step leaves and the batches that say so, in one transaction. */
static lth_err seal_school(agent_ctx *c, bool wait)
{
    agent_school *school = c->school;
    lth_err err = school->round != NULL ? lth_agent__round_work(c) : LTH_OK;
    if (err == LTH_OK && lth_agent__rejudge_due(school)) {
        err = lth_agent__rejudge(c);
    }
    if (err == LTH_OK && school->first != NULL && !wait) {
        err = seal_changes(c);
        if (err == LTH_OK && lth_agent__upload(c) != NULL) {
            err = lth_agent__upload_save(c);
        }
    }
    if (err == LTH_OK && lth_agent__cut_due(c->self, school)) {
        err = lth_agent__cut(c);
    }
    if (err == LTH_OK && school->head_dirty) {
        err = save_head(c);
    }
    if (err == LTH_OK && school->round != NULL && school->first == NULL) {
        err = lth_agent__round_finish(c);
    }
    return err;
}

lth_err lth_agent_seal(lth_agent *self, lth_txn *txn, lth_now now, lth_diag *diag)
{
    self->now = now;
    self->seal_waited = LTH_MUTANT(20) && !self->seal_waited && self->n_changes > 0;
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < self->env.n_schools && err == LTH_OK; i++) {
        agent_ctx c = {.self = self, .txn = txn, .now = now, .school = &self->schools[i]};
        err = seal_school(&c, self->seal_waited);
    }
    if (err == LTH_OK && now.mono >= self->prune_at) {
        err = lth_agent__prune(self, txn);
    }
    if (err != LTH_OK) {
        return lth_fail(diag, err, "sealing what changed: %s", lth_err_text(err));
    }
    if (!self->seal_waited) {
        self->n_changes = 0;
        self->changes_size = 0;
        self->state_size = 0;
        if (self->changes != NULL) {
            lth_arena_reset(self->changes);
        }
    }
    return LTH_OK;
}
