#include <stdlib.h>

#include "internal.h"

/* 2: rows of `map` and `scan` may have more behind what they had in 1 (flags say it), and the
 * tables of files are there. A store of 1 is read as it is and becomes one of 2 with the next step.
 */
#define FORMAT_NAME    "format"
#define FORMAT_VERSION 2u
#define FORMAT_OLDEST  1u
#define TERMS_MAX      (8u * 1024u * 1024u)
#define TEXT_MAX       4000u
#define CODED_MAX      (64u * 1024u)
#define PRUNE_FIRST    LTH_MONO_S(60)

static lth_slice format_key(void)
{
    return lth_slice_of(FORMAT_NAME, sizeof FORMAT_NAME - 1);
}

/* ---- opening ---- */

static lth_err load_format(lth_agent *self, lth_txn *txn)
{
    lth_slice value;
    lth_err err = lth_get(txn, LTH_A_ameta, format_key(), &value);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    if (value.n != 4) {
        return LTH_E_STORE_CORRUPT;
    }
    uint32_t version = lth_get32(value.p);
    self->format_stored = version == FORMAT_VERSION;
    return version >= FORMAT_OLDEST && version <= FORMAT_VERSION ? LTH_OK : LTH_E_STORE_VERSION;
}

static lth_err store_format(lth_agent *self, lth_txn *txn)
{
    uint8_t value[4];
    lth_put32(value, FORMAT_VERSION);
    self->format_stored = true;
    return lth_put_kv(txn, LTH_A_ameta, format_key(), lth_slice_of(value, sizeof value), LTH_PUT);
}

static lth_err load_head(agent_ctx *c)
{
    uint8_t key[STREAM_KEY_SIZE];
    lth_slice value;
    lth_agent_head *head = &c->school->head;
    *head = (lth_agent_head){.next_rec_seq = 1};
    lth_err err =
        lth_get(c->txn, LTH_A_ahead, lth_agent__stream_key(key, &c->school->conf->org), &value);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    return lth_agent_head_decode(head, value) ? LTH_OK : LTH_E_STORE_CORRUPT;
}

/* Schools that share a mapping come one after another as a rule. */
static lth_err print_table(agent_ctx *c)
{
    agent_table *table = c->table;
    const agent_school *first = c->self->schools;
    if (c->school > first && c->index < c->school[-1].conf->n_tables &&
        c->school[-1].tables[c->index].mapping == table->mapping) {
        memcpy(table->print, c->school[-1].tables[c->index].print, PRINT_SIZE);
        memcpy(table->judged, c->school[-1].tables[c->index].judged, PRINT_SIZE);
        return LTH_OK;
    }
    const lth_hasher *h = &c->self->env.hasher;
    lth_err err = lth_agent__mapping_print(h, table->mapping, table->print);
    return err == LTH_OK ? lth_agent__judge_print(h, c->self->env.schema, table->mapping->dataset,
                                                  table->judged)
                         : err;
}

static lth_err load_table(agent_ctx *c)
{
    lth_scan_info info;
    agent_table *table = c->table;
    lth_err err = print_table(c);
    err = err == LTH_OK ? lth_agent__resync_load(c) : err;
    err = err == LTH_OK ? lth_agent__judged_load(c) : err;
    err = err == LTH_OK ? lth_agent__info_load(c, &info) : err;
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    table->fault = info.fault;
    table->faults_in_a_row = info.faults_in_a_row;
    table->last_good_ms = info.last_good_ms;
    table->read_before = info.last_good_ms > 0 || info.fault == LTH_SCAN_null_key ||
                         info.fault == LTH_SCAN_duplicate_key || lth_scan_fault_waits(info.fault);
    return LTH_OK;
}

/* One dataset from two tables of a school would delete each other's rows. */
static bool datasets_differ(const lth_agent_school *conf)
{
    for (uint32_t i = 0; i < conf->n_tables; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (conf->tables[i].mapping->dataset->number ==
                conf->tables[j].mapping->dataset->number) {
                return false;
            }
        }
    }
    return true;
}

static bool has_term(const lth_map_key *key, const lth_map_term *term)
{
    for (uint32_t i = 0; i < key->n_terms; i++) {
        const lth_map_term *own = &key->terms[i];
        if (own->field == term->field && own->column == term->column) {
            return true;
        }
    }
    return false;
}

/* Not when every key holds all of complete_for: elsewhere it is another record. */
static bool movable(const lth_mapping *mapping)
{
    for (uint32_t k = 0; k < mapping->n_match; k++) {
        for (uint32_t i = 0; i < mapping->n_complete_for; i++) {
            const lth_map_term *term = &mapping->complete_for[i];
            bool constant = term->field < 0 && term->column < 0;
            if (!constant && !has_term(&mapping->match[k], term)) {
                return true;
            }
        }
    }
    return false;
}

static lth_err load_school(agent_ctx *c, lth_diag *diag)
{
    agent_school *school = c->school;
    uint32_t n = school->conf->n_tables;
    if (n > 64 || !datasets_differ(school->conf)) {
        return lth_fail(diag, LTH_E_CONFIG, "school %s: at most 64 tables, each of another dataset",
                        lth_agent__code_of(c->self, school));
    }
    school->tables = calloc(n > 0 ? n : 1, sizeof *school->tables);
    if (school->tables == NULL) {
        return lth_fail(diag, LTH_E_NOMEM, "opening the agent");
    }
    lth_err err = load_head(c);
    err = err == LTH_OK ? lth_agent__upload_load(c) : err;
    for (uint32_t i = 0; i < n && err == LTH_OK; i++) {
        c->index = i;
        c->table = &school->tables[i];
        c->table->mapping = school->conf->tables[i].mapping;
        c->table->every_ms = school->conf->tables[i].every_ms;
        c->table->matched = c->table->mapping->key_column == LTH_MAP_NO_KEY;
        c->table->kept = c->table->matched || c->table->every_ms == 0;
        c->table->movable = movable(c->table->mapping);
        c->table->due = c->now.mono;
        err = load_table(c);
    }
    return err == LTH_OK ? LTH_OK
                         : lth_fail(diag, err, "reading the agent's store: %s", lth_err_text(err));
}

static uint32_t widest_mapping(const lth_agent_env *env)
{
    uint32_t most = 1;
    for (uint32_t i = 0; i < env->n_schools; i++) {
        for (uint32_t t = 0; t < env->schools[i].n_tables; t++) {
            uint32_t n = env->schools[i].tables[t].mapping->n_columns;
            most = n > most ? n : most;
        }
    }
    return most;
}

/* Insertion sort: schools come from a sorted list as a rule. */
static void sort_schools(lth_agent *self)
{
    for (uint32_t i = 0; i < self->env.n_schools; i++) {
        uint32_t at = i;
        while (at > 0 && lth_id_compare(&self->schools[self->by_org[at - 1]].conf->org,
                                        &self->schools[i].conf->org) > 0) {
            self->by_org[at] = self->by_org[at - 1];
            at--;
        }
        self->by_org[at] = i;
    }
}

static lth_agent *make(const lth_agent_env *env)
{
    lth_agent *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    uint32_t columns = widest_mapping(env);
    self->env = *env;
    self->schools = calloc(env->n_schools, sizeof *self->schools);
    self->by_org = calloc(env->n_schools, sizeof *self->by_org);
    self->parts = calloc(1 + 2 * (size_t)columns, sizeof *self->parts);
    self->sizes = calloc(columns, sizeof *self->sizes);
    self->cells = calloc(columns, sizeof *self->cells);
    if (self->schools == NULL || self->by_org == NULL || self->parts == NULL ||
        self->sizes == NULL || self->cells == NULL) {
        lth_agent_free(&self);
        return NULL;
    }
    for (uint32_t i = 0; i < env->n_schools; i++) {
        self->schools[i].conf = &env->schools[i];
        self->schools[i].next_send = 1;
        self->schools[i].next_lane = -1;
    }
    sort_schools(self);
    lth_buf_init(&self->terms, TERMS_MAX);
    lth_buf_init(&self->vi, TEXT_MAX);
    lth_buf_init(&self->en, TEXT_MAX);
    lth_buf_init(&self->coded, CODED_MAX);
    return self;
}

lth_err lth_agent_open(lth_agent **out, const lth_agent_env *env, lth_txn *txn, lth_now now,
                       lth_diag *diag)
{
    LTH_ASSERT(env->n_schools > 0 && env->scans_max >= 1 && env->schema != NULL);
    *out = NULL;
    lth_agent *self = make(env);
    if (self == NULL) {
        return lth_fail(diag, LTH_E_NOMEM, "opening the agent");
    }
    self->now = now;
    self->prune_at = now.mono + PRUNE_FIRST;
    env->random.fill(env->random.ctx, &self->info.session, sizeof self->info.session);
    lth_err err = load_format(self, txn);
    if (err != LTH_OK) {
        (void)lth_fail(diag, err, "the agent's store: %s", lth_err_text(err));
    }
    err = err == LTH_OK ? lth_agent__public_load(self, txn) : err;
    for (uint32_t i = 0; i < env->n_schools && err == LTH_OK; i++) {
        agent_ctx c = {.self = self, .txn = txn, .now = now, .school = &self->schools[i]};
        err = load_school(&c, diag);
    }
    if (err != LTH_OK) {
        lth_agent_free(&self);
        return err;
    }
    *out = self;
    return LTH_OK;
}

void lth_agent_free(lth_agent **self)
{
    lth_agent *agent = *self;
    if (agent == NULL) {
        return;
    }
    for (uint32_t i = 0; agent->schools != NULL && i < agent->env.n_schools; i++) {
        lth_agent__round_free(agent, &agent->schools[i]);
        free(agent->schools[i].tables);
    }
    lth_arena_free(&agent->rows);
    lth_arena_free(&agent->changes);
    lth_buf_fini(&agent->terms);
    lth_buf_fini(&agent->vi);
    lth_buf_fini(&agent->en);
    lth_buf_fini(&agent->coded);
    free(agent->schools);
    free(agent->by_org);
    free(agent->parts);
    free(agent->sizes);
    free(agent->cells);
    free(agent->items);
    free(agent);
    *self = NULL;
}

/* ---- the step ---- */

static lth_err scan_now(agent_ctx *c)
{
    c->school->scan_now = true;
    return LTH_OK;
}

static lth_err dispatch(agent_ctx *c, const lth_agent_event *event)
{
    switch (event->kind) {
    case LTH_AEVENT_LINK_UP:
        return lth_agent__link_up(c->self);
    case LTH_AEVENT_LINK_DOWN:
        lth_agent__link_down(c->self);
        return LTH_OK;
    case LTH_AEVENT_FRAME:
        return lth_agent__on_frame(c, event->frame);
    case LTH_AEVENT_TIMER:
        return LTH_OK; /* what time calls for is done when the step is committed */
    case LTH_AEVENT_ROW:
    case LTH_AEVENT_TABLE_END:
    case LTH_AEVENT_ROUND_END:
    case LTH_AEVENT_SCAN_NOW:
    case LTH_AEVENT_UPLOAD:
    case LTH_AEVENT_HEADERS:
    case LTH_AEVENT_ACT:
        break;
    }
    LTH_ASSERT(event->school < c->self->env.n_schools);
    c->school = &c->self->schools[event->school];
    switch (event->kind) {
    case LTH_AEVENT_SCAN_NOW:
        return scan_now(c);
    case LTH_AEVENT_UPLOAD:
        return lth_agent__upload_begin(c, event);
    case LTH_AEVENT_HEADERS:
        return lth_agent__on_headers(c, event);
    case LTH_AEVENT_ACT:
        return lth_agent__on_act(c, event->act);
    default:
        return lth_agent__on_round_event(c, event);
    }
}

lth_err lth_agent_handle(lth_agent *self, lth_txn *txn, lth_now now, const lth_agent_event *event,
                         lth_diag *diag)
{
    agent_ctx c = {.self = self, .txn = txn, .now = now};
    LTH_ASSERT(now.mono >= self->now.mono);
    self->now = now;
    lth_err err = self->format_stored ? LTH_OK : store_format(self, txn);
    err = err == LTH_OK ? dispatch(&c, event) : err;
    return err == LTH_OK ? LTH_OK : lth_fail(diag, err, "agent: %s", lth_err_text(err));
}

lth_err lth_agent_committed(lth_agent *self, lth_now now)
{
    self->now = now;
    if (self->rounds == 0 && self->n_changes == 0) {
        lth_arena_free(&self->rows);
        lth_arena_free(&self->changes);
    }
    lth_err err = lth_agent__link_tick(self);
    return err == LTH_OK ? lth_agent__schedule(self) : err;
}

lth_mono lth_agent_deadline(const lth_agent *self)
{
    bool busy = self->seal_waited;
    for (uint32_t i = 0; i < self->env.n_schools; i++) {
        const agent_school *school = &self->schools[i];
        busy = busy || lth_agent__round_busy(school) || lth_agent__cut_due(self, school) ||
               lth_agent__rejudge_due(school);
    }
    if (busy) {
        return self->now.mono;
    }
    lth_mono a = lth_agent__link_deadline(self);
    lth_mono b = lth_agent__schedule_deadline(self);
    lth_mono least = a < b ? a : b;
    return self->prune_at < least ? self->prune_at : least;
}

/* ---- actions ---- */

static void put_certs(const lth_agent *self, uint32_t from, lth_frame_certs *certs)
{
    uint32_t left = self->env.n_schools - from;
    certs->n = left > LTH_CERTS_MAX ? LTH_CERTS_MAX : left;
    for (uint32_t i = 0; i < certs->n; i++) {
        certs->pairs[i].leaf = self->env.schools[from + i].leaf_der;
        certs->pairs[i].ca = self->env.schools[from + i].ca_der;
    }
}

static void put_hello(const lth_agent *self, const agent_school *school, lth_frame_hello *hello)
{
    hello->origin = school->conf->org;
    hello->stream = LTH_STREAM_OWN;
    hello->head = school->head.at;
    hello->session = self->info.session;
}

static void put_frame(const lth_agent *self, const agent_item *item, lth_frame *frame)
{
    const agent_school *school = &self->schools[item->school];
    *frame = (lth_frame){0};
    switch (item->kind) {
    case ITEM_LINK_HELLO:
        frame->kind = LTH_FRAME_LINK_HELLO;
        frame->link_hello = (lth_frame_link_hello){.version = LTH_PROTOCOL_VERSION,
                                                   .node_org = self->env.node_org,
                                                   .incarnation = self->info.session,
                                                   .role = self->env.role,
                                                   .clock_ms = self->now.wall_ms,
                                                   .dict_ver = self->env.schema->dict_ver};
        break;
    case ITEM_CERTS:
        frame->kind = LTH_FRAME_CERTS;
        put_certs(self, item->school, &frame->certs);
        break;
    case ITEM_HELLO:
        frame->kind = LTH_FRAME_HELLO;
        put_hello(self, school, &frame->hello);
        break;
    case ITEM_PUBLIC_HELLO:
        frame->kind = LTH_FRAME_HELLO;
        lth_agent__public_hello(self, &frame->hello);
        break;
    case ITEM_EPOCH_REQUEST:
        frame->kind = LTH_FRAME_EPOCH_REQUEST;
        frame->epoch_request = (lth_frame_epoch_request){
            .origin = school->conf->org, .stream = LTH_STREAM_OWN, .head = school->head.at};
        break;
    case ITEM_HEARTBEAT:
        frame->kind = LTH_FRAME_HEARTBEAT;
        frame->heartbeat.clock_ms = self->now.wall_ms;
        break;
    case ITEM_BATCH:
        frame->kind = LTH_FRAME_BATCH;
        frame->batch.signed_header = item->signed_header;
        frame->batch.body = item->body;
        frame->batch.lane = item->lane;
        break;
    case ITEM_ACCEPTED:
        frame->kind = LTH_FRAME_ACCEPTED;
        lth_agent__accepted_frame(item, &school->conf->org, &frame->accepted);
        break;
    case ITEM_SCAN:
        LTH_ASSERT(false);
    }
}

bool lth_agent_next(lth_agent *self, lth_agent_action *out)
{
    if (self->item_at == self->item_n) {
        return false;
    }
    const agent_item *item = &self->items[self->item_at++];
    out->school = item->school;
    out->tables = item->tables;
    if (item->kind == ITEM_SCAN) {
        out->kind = LTH_AACTION_SCAN;
        return true;
    }
    out->kind = LTH_AACTION_SEND;
    put_frame(self, item, &out->frame);
    self->last_sent = self->now.mono;
    return true;
}

/* ---- what `status` shows ---- */

void lth_agent_info_of(const lth_agent *self, lth_agent_info *out)
{
    *out = self->info;
}

void lth_agent_school_info_of(const lth_agent *self, uint32_t school, lth_agent_school_info *out)
{
    LTH_ASSERT(school < self->env.n_schools);
    const agent_school *of = &self->schools[school];
    *out = (lth_agent_school_info){.head = of->head,
                                   .outbox = lth_agent__unacked(of),
                                   .resumed = of->session == SESSION_GO,
                                   .scanning = of->round != NULL};
}
