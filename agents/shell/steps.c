/* One step = one transaction: begin, feed, seal, commit, and only then act. */

#include "agents/capture/pipe.h"
#include "agents/shell/engine.h"

#define HOLD_FIRST LTH_MONO_S(1)
#define HOLD_MOST  LTH_MONO_S(60)
#define FULL_FOR   LTH_MONO_S(600)
#define BULK_TIME  LTH_MONO_MS(100)
#define BULK_BYTES (8u * 1024u * 1024u)

static void die(lth_engine *self, lth_err err, const char *what, const lth_diag *diag)
{
    if (self->fatal == LTH_OK)
        lth_log_event(&self->log, LTH_LEVEL_ERROR, "stopped", "during=%s error=%s reason=\"%s\"",
                      what, lth_err_name(err), diag->text);
    self->fatal = err;
}

static void begin(lth_engine *self)
{
    lth_diag diag = {0};
    if (self->txn != NULL || self->fatal != LTH_OK)
        return;
    lth_err err = lth_store_begin(self->store, true, &self->txn);
    if (err)
        die(self, err, "begin", &diag);
    self->step_began = lth_platform_now().mono;
    self->step_bytes = 0;
}

static void drop_step(lth_engine *self)
{
    if (self->txn != NULL)
        lth_store_abort(&self->txn);
}

/* ---- a full store ---- */

void lth_engine_rebuild(lth_engine *self)
{
    lth_txn *txn = NULL;
    lth_diag diag = {0};
    lth_agent_env env = {
        .node_org = self->node.org,
        .role = self->node.self.role,
        .broker_org = self->node.broker_org,
        .hasher = self->node.hasher,
        .random = lth_crypto_random(),
        .trust = &self->node.trust,
        .log = self->log,
        .registry = &self->node.conf->registry,
        .schools = self->node.schools,
        .n_schools = self->node.n_schools,
        .live_ms = self->node.conf->live_ms,
        .scans_max = LTH_ENGINE_ROUNDS_MAX,
        .keep_days = 35,
        .schema = &self->node.conf->schema,
        .gone_percent = self->node.conf->gone_percent,
        .gone_least = self->node.conf->gone_least,
    };
    drop_step(self);
    self->generation++;
    self->rounds_end_together = false;
    lth_children_drop(&self->children, &lth_engine_round_listener, NULL);
    lth_hosted_reset(self);
    lth_agent_free(&self->core);
    lth_err err = lth_store_begin(self->store, false, &txn);
    if (!err) {
        err = lth_agent_open(&self->core, &env, txn, lth_platform_now(), &diag);
        lth_store_abort(&txn);
    }
    if (err) {
        die(self, err, "open", &diag);
        return;
    }
    self->rounds_wanted = false;
    for (uint32_t i = 0; i < self->node.n_schools; i++) {
        lth_agent_school_info info;
        lth_agent_school_info_of(self->core, i, &info);
        self->schools[i].wanted = 0;
        self->schools[i].seen_seq = info.head.at.seq;
    }
}

/* Small steps go on fitting in; what did not is tried again at the latest after FULL_FOR. */
bool lth_engine_full(const lth_engine *self)
{
    return self->full_at != 0 && lth_platform_now().mono - self->full_at < FULL_FOR;
}

/* The round is lost and comes again; until there is room both reading and the link slow down. */
static void full(lth_engine *self)
{
    lth_mono now = lth_platform_now().mono;
    self->full_at = now;
    self->hold = self->hold == 0 ? HOLD_FIRST : self->hold * 2;
    self->hold = self->hold > HOLD_MOST ? HOLD_MOST : self->hold;
    self->hold_until = now + self->hold;
    lth_log_event(&self->log, LTH_LEVEL_ERROR, "store_full", "again_in_s=%llu",
                  (unsigned long long)(self->hold / LTH_MONO_S(1)));
    lth_engine_rebuild(self);
    lth_link_reopen(&self->link, self->hold_until);
}

static void failed(lth_engine *self, lth_err err, const char *what, const lth_diag *diag)
{
    drop_step(self);
    if (err == LTH_E_STORE_FULL)
        full(self);
    else
        die(self, err, what, diag);
}

/* ---- feeding ---- */

/* In a stream of changed rows several batches share a commit: their keys are in random order, and
 * pages of the store that many rows touch are then written once. */
static bool step_over(lth_engine *self, const lth_agent_event *event)
{
    if (event->kind == LTH_AEVENT_ROUND_END && !self->rounds_end_together)
        return true;
    if (!lth_agent_step_full(self->core))
        return false;
    self->bulk = true;
    return event->kind != LTH_AEVENT_ROW || self->step_bytes >= BULK_BYTES ||
           lth_platform_now().mono - self->step_began >= BULK_TIME;
}

static size_t row_bytes(const lth_engine *self, const lth_agent_event *event)
{
    if (event->kind != LTH_AEVENT_ROW)
        return 0;
    const lth_agent_table *table = &self->node.schools[event->school].tables[event->table];
    const lth_capture_row_head head = {event->table, event->row, {0}};
    return lth_capture_row_size(&head, event->cells, table->mapping->n_columns);
}

void lth_engine_feed(lth_engine *self, const lth_agent_event *event)
{
    lth_diag diag = {0};
    begin(self);
    if (self->fatal != LTH_OK)
        return;
    self->step_bytes += row_bytes(self, event);
    lth_err err = lth_agent_handle(self->core, self->txn, lth_platform_now(), event, &diag);
    if (err)
        failed(self, err, "handle", &diag);
    else if (step_over(self, event))
        lth_engine_end_step(self);
}

static lth_engine_school *school_of(lth_engine *self, const lth_id *org)
{
    for (uint32_t i = 0; i < self->node.n_schools; i++) {
        if (lth_id_equal(&self->node.schools[i].org, org))
            return &self->schools[i];
    }
    return NULL;
}

static const char *code_of(const lth_engine *self, const lth_id *org)
{
    const lth_org *found = lth_registry_find(&self->node.conf->registry, org);
    return found != NULL ? found->code : "?";
}

/* The machine keeps only receipts that it has checked. */
static void time_receipt(lth_engine *self, lth_slice bytes)
{
    lth_receipt receipt;
    lth_slice kept;
    uint8_t key[40];
    lth_engine_school *school;
    if (self->txn == NULL || !lth_receipt_decode(&receipt, bytes) ||
        (school = school_of(self, &receipt.origin)) == NULL)
        return;
    memcpy(key, receipt.origin.b, 16);
    lth_put64(key + 16, receipt.stream);
    memcpy(key + 24, receipt.tier_org.b, 16);
    if (lth_get(self->txn, LTH_A_areceipt, lth_slice_of(key, sizeof key), &kept) == LTH_OK &&
        lth_slice_equal(kept, bytes))
        lth_exchange_receipt(&school->exchange, &receipt, lth_platform_now(), &self->log,
                             code_of(self, &receipt.origin), code_of(self, &receipt.tier_org));
}

void lth_engine_frame(lth_engine *self, lth_slice bytes)
{
    lth_frame frame;
    lth_diag diag = {0};
    lth_err err = lth_frame_decode(&frame, bytes, &diag);
    if (err) {
        lth_log_event(&self->log, LTH_LEVEL_WARN, "bad_frame", "error=%s reason=\"%s\"",
                      lth_err_name(err), diag.text);
        return;
    }
    lth_engine_feed(self, &(lth_agent_event){.kind = LTH_AEVENT_FRAME, .frame = &frame});
    if (frame.kind == LTH_FRAME_RECEIPT)
        time_receipt(self, frame.receipt.bytes);
}

/* ---- acting ---- */

static void take_actions(lth_engine *self)
{
    lth_agent_action action;
    while (lth_agent_next(self->core, &action)) {
        if (action.kind == LTH_AACTION_SCAN) {
            self->schools[action.school].wanted |= action.tables;
            self->rounds_wanted = true;
            continue;
        }
        lth_err err = lth_link_send(&self->link, &action.frame);
        if (err)
            die(self, err, "send", &(lth_diag){.text = "a frame could not be encoded"});
    }
}

/* Batches sealed by this step that go in the live lane are timed. */
static void time_batches(lth_engine *self, lth_txn *read, lth_mono sealed)
{
    for (uint32_t i = 0; i < self->node.n_schools; i++) {
        lth_engine_school *school = &self->schools[i];
        lth_agent_school_info info;
        if (!school->watched)
            continue;
        lth_agent_school_info_of(self->core, i, &info);
        school->watched = info.scanning;
        if (info.head.at.seq == school->seen_seq)
            continue;
        school->seen_seq = info.head.at.seq;
        uint8_t key[36];
        lth_slice entry;
        memcpy(key, self->node.schools[i].org.b, 16);
        lth_put64(key + 16, LTH_STREAM_OWN);
        lth_put32(key + 24, info.head.at.epoch);
        lth_put64(key + 28, info.head.at.seq);
        if (lth_get(read, LTH_A_outbox, lth_slice_of(key, sizeof key), &entry) == LTH_OK &&
            entry.n > LTH_BATCH_SIGNED_SIZE && entry.p[LTH_BATCH_SIGNED_SIZE] == LTH_LANE_LIVE)
            lth_exchange_sealed(&school->exchange, &info.head.at, sealed);
    }
}

/* While frames wait for ZeroMQ no more are fetched: the outbox is the queue. */
static void pump(lth_engine *self, lth_mono sealed)
{
    bool more = true;
    while (more && self->fatal == LTH_OK) {
        lth_txn *read = NULL;
        lth_diag diag = {0};
        more = false;
        lth_err err = lth_store_begin(self->store, false, &read);
        if (!err && sealed != 0)
            time_batches(self, read, sealed);
        if (!err && lth_link_clear(&self->link))
            err = lth_agent_pump(self->core, read, lth_platform_now(), &more, &diag);
        if (!err)
            take_actions(self);
        if (read != NULL)
            lth_store_abort(&read);
        if (err)
            die(self, err, "pump", &diag);
        sealed = 0;
        self->unpumped = more || !lth_link_clear(&self->link);
        more = more && lth_link_clear(&self->link);
    }
}

void lth_engine_end_step(lth_engine *self)
{
    lth_diag diag = {0};
    lth_now now = lth_platform_now();
    bool had_step = self->txn != NULL;
    if (self->fatal != LTH_OK)
        return;
    if (had_step) {
        lth_err err = lth_agent_seal(self->core, self->txn, now, &diag);
        if (!err)
            err = lth_store_commit(&self->txn);
        if (err) {
            failed(self, err, "commit", &diag);
            return;
        }
        self->hold = 0;
        err = lth_agent_committed(self->core, lth_platform_now());
        if (err) {
            failed(self, err, "committed", &diag);
            return;
        }
    }
    pump(self, had_step ? now.mono : 0);
}

/* ---- rounds ---- */

static void round_row(void *ctx, const lth_child_row *row)
{
    lth_engine_school *school = ctx;
    lth_engine_feed(school->engine, &(lth_agent_event){.kind = LTH_AEVENT_ROW,
                                                       .school = school->index,
                                                       .table = row->table,
                                                       .cells = row->cells});
}

static void round_table_end(void *ctx, const lth_child_end *end)
{
    lth_engine_school *school = ctx;
    lth_engine_feed(school->engine, &(lth_agent_event){.kind = LTH_AEVENT_TABLE_END,
                                                       .school = school->index,
                                                       .table = end->table,
                                                       .fault = end->fault,
                                                       .detail = end->detail});
}

static void round_end(void *ctx)
{
    lth_engine_school *school = ctx;
    school->engine->trim = true;
    lth_engine_feed(school->engine,
                    &(lth_agent_event){.kind = LTH_AEVENT_ROUND_END, .school = school->index});
}

const lth_child_listener lth_engine_round_listener = {
    .row = round_row, .table_end = round_table_end, .end = round_end};

static void begin_round(lth_engine *self, lth_engine_school *school)
{
    lth_diag diag = {0};
    uint64_t tables = school->wanted;
    lth_mono now = lth_platform_now().mono;
    school->wanted = 0;
    school->watched = true;
    school->exchange.round_began = now;
    const lth_source_conf *source = &self->node.conf->schools[school->index];
    lth_child_plan plan = {.source = source,
                           .name = source->org,
                           .tables = tables,
                           .listener = &lth_engine_round_listener,
                           .ctx = school};
    if (lth_children_start(&self->children, &plan, now, &diag) == LTH_OK)
        return;
    lth_log_event(&self->log, LTH_LEVEL_WARN, "capture_not_started", "org=%s reason=\"%s\"",
                  plan.source->org, diag.text);
    for (uint32_t i = 0; i < 64; i++) {
        if ((tables >> i & 1) != 0)
            round_table_end(school, &(lth_child_end){i, LTH_SCAN_child_failed, false, "start", ""});
    }
    round_end(school);
}

void lth_engine_begin_rounds(lth_engine *self)
{
    if (!self->rounds_wanted || lth_platform_now().mono < self->hold_until)
        return;
    self->rounds_wanted = false;
    for (uint32_t i = 0; i < self->node.n_schools && self->fatal == LTH_OK; i++) {
        /* Only databases are asked for; a file's round begins with the file. */
        if (self->schools[i].wanted != 0 && self->node.conf->schools[i].profile == NULL)
            begin_round(self, &self->schools[i]);
    }
}
