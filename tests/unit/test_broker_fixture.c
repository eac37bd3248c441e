#include "test_broker_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/store/store_mem.h"

#define START_MS 1760000000000u

static lth_arena *memory;
static lth_org orgs[6];
static lth_org_parent parents[6];
static lth_registry registry;

static const lth_field f_natural = {
    .name = "code", .number = 1, .group = 1, .type = LTH_TYPE_TEXT, .max = 500};
static const lth_field f_study = {
    .name = "study", .number = 2, .group = 2, .type = LTH_TYPE_TEXT, .max = 100};
static const lth_field f_official = {
    .name = "official", .number = 3, .group = 3, .type = LTH_TYPE_TEXT, .max = 100};
static const lth_field f_secret = {
    .name = "secret", .number = 4, .group = 4, .type = LTH_TYPE_TEXT, .max = 100};
static const lth_field *const g1[] = {&f_natural}, *const g2[] = {&f_study},
                              *const g3[] = {&f_official}, *const g4[] = {&f_secret};
static const lth_group groups[] = {
    {.name = "identity", .number = 1, .fields = g1, .n_fields = 1},
    {.name = "study", .number = 2, .fields = g2, .n_fields = 1},
    {.name = "official", .number = 3, .owner_kind = "ministry", .fields = g3, .n_fields = 1},
    {.name = "secret", .number = 4, .sensitive = true, .fields = g4, .n_fields = 1}};
static const lth_field fields[] = {
    {.name = "code", .number = 1, .group = 1, .type = LTH_TYPE_TEXT},
    {.name = "study", .number = 2, .group = 2, .type = LTH_TYPE_TEXT},
    {.name = "official", .number = 3, .group = 3, .type = LTH_TYPE_TEXT},
    {.name = "secret", .number = 4, .group = 4, .type = LTH_TYPE_TEXT}};
static const lth_dataset datasets[] = {{.name = "thing",
                                        .number = DATASET,
                                        .version = 1,
                                        .groups = groups,
                                        .n_groups = 4,
                                        .fields = fields,
                                        .n_fields = 4,
                                        .natural_group = 1}};
static const lth_schema schema = {.dict_ver = 1, .datasets = datasets, .n_datasets = 1};

static void add_org(uint32_t at, uint32_t n, const char *kind, uint32_t parent)
{
    parents[at] = (lth_org_parent){.id = test_org(parent), .type = LTH_PARENT_ADMINISTRATIVE};
    orgs[at] = (lth_org){.id = test_org(n),
                         .code = kind,
                         .name = kind,
                         .kind = kind,
                         .parents = &parents[at],
                         .n_parents = n == ORG_ROOT ? 0 : 1};
}

static int by_id(const void *a, const void *b)
{
    return lth_id_compare(&((const lth_org *)a)->id, &((const lth_org *)b)->id);
}

void country_init(void)
{
    memory = lth_arena_new((size_t)256 << 20);
    add_org(0, ORG_ROOT, "root", 0);
    add_org(1, ORG_MINISTRY, "ministry", ORG_ROOT);
    add_org(2, ORG_PROVINCE, "province", ORG_MINISTRY);
    add_org(3, ORG_A, "school", ORG_PROVINCE);
    add_org(4, ORG_B, "school", ORG_PROVINCE);
    add_org(5, ORG_STRANGER, "school", ORG_ROOT);
    qsort(orgs, 6, sizeof *orgs, by_id);
    registry = (lth_registry){.version = 7, .orgs = orgs, .n_orgs = 6};
}

void country_fini(void)
{
    lth_arena_free(&memory);
}

const lth_registry *country_registry(void)
{
    return &registry;
}

const lth_schema *country_schema(void)
{
    return &schema;
}

/* ---- nodes ---- */

static void fill(void *ctx, void *out, size_t n)
{
    node *self = ctx;
    memset(out, (int)self->n, n);
}

static void count_errors(void *ctx, lth_level level, const char *event, const char *detail)
{
    (void)event;
    (void)detail;
    ((node *)ctx)->errors_logged += level == LTH_LEVEL_ERROR;
}

static void open_broker(node *self)
{
    lth_txn *txn;
    lth_diag diag;
    assert_int_equal(lth_store_begin(self->store, true, &txn), LTH_OK);
    assert_int_equal(lth_broker_open(&self->broker, &self->env, txn, self->now, &diag), LTH_OK);
    assert_int_equal(lth_store_commit(&txn), LTH_OK);
}

void node_init(node *self, uint32_t n, bool has_parent)
{
    lth_store_options options = {.tables = lth_broker_table_names, .n_tables = LTH_T_COUNT};
    *self = (node){.n = n, .now = {.mono = LTH_MONO_S(1), .wall_ms = START_MS}};
    self->signer = test_signer(n);
    self->trust = test_trust();
    self->env = (lth_broker_env){.org = test_org(n),
                                 .has_parent = has_parent,
                                 .parent_org = test_org(ORG_MINISTRY),
                                 .hasher = test_hasher(),
                                 .signer = &self->signer,
                                 .trust = &self->trust,
                                 .random = {self, fill},
                                 .log = {self, count_errors},
                                 .registry = &registry,
                                 .schema = &schema,
                                 .policy = &self->policy,
                                 .own_leaf_der = test_certificate(n),
                                 .own_ca_der = test_certificate(n),
                                 .peers_max = 64};
    assert_int_equal(lth_store_open_mem(&self->store, &options), LTH_OK);
    open_broker(self);
}

void node_fini(node *self)
{
    lth_broker_free(&self->broker);
    lth_store_close(&self->store);
}

void node_restart(node *self)
{
    lth_broker_free(&self->broker);
    open_broker(self);
    node_clear(self);
}

static void route(node *self, lth_send send, const uint16_t *share, uint32_t n_share,
                  uint16_t n_datasets)
{
    lth_route_dataset *ds = lth_arena_alloc(memory, n_datasets * sizeof *ds);
    lth_route *made = lth_arena_alloc(memory, sizeof *made);
    lth_id *top = lth_arena_alloc(memory, sizeof *top);
    *top = test_org(ORG_PROVINCE);
    for (uint16_t i = 0; i < n_datasets; i++) {
        ds[i] = (lth_route_dataset){
            .dataset = (uint16_t)(DATASET + i), .send = send, .share = share, .n_share = n_share};
    }
    *made = (lth_route){.name = "up",
                        .from = LTH_FROM_UNDER,
                        .from_orgs = top,
                        .n_from_orgs = 1,
                        .to_parent = true,
                        .datasets = ds,
                        .n_datasets = send == LTH_SEND_NOTHING ? 0 : n_datasets};
    self->policy.routes = made;
    self->policy.n_routes = 1;
}

void node_route(node *self, lth_send send, const uint16_t *share, uint32_t n_share)
{
    route(self, send, share, n_share, 1);
}

void node_route_both(node *self, const uint16_t *share, uint32_t n_share)
{
    route(self, LTH_SEND_GROUPS, share, n_share, 2);
}

static void copy(lth_slice *s)
{
    s->p = s->n == 0 ? NULL : lth_arena_copy(memory, s->p, s->n);
}

/* What a driver does with an action: the bytes leave. */
static void keep(lth_frame *frame)
{
    switch (frame->kind) {
    case LTH_FRAME_BATCH:
        copy(&frame->batch.signed_header);
        copy(&frame->batch.body);
        copy(&frame->batch.attest);
        copy(&frame->batch.grant);
        break;
    case LTH_FRAME_RECEIPT:
        copy(&frame->receipt.bytes);
        break;
    case LTH_FRAME_RELEASE:
        copy(&frame->release.bytes);
        break;
    case LTH_FRAME_EPOCH_GRANT:
        copy(&frame->epoch_grant.bytes);
        break;
    case LTH_FRAME_REJECT:
        copy(&frame->reject.detail);
        break;
    case LTH_FRAME_HELD:
        copy(&frame->held.by);
        copy(&frame->held.why);
        copy(&frame->held.other);
        break;
    case LTH_FRAME_CERTS:
        for (uint32_t i = 0; i < frame->certs.n; i++) {
            copy(&frame->certs.pairs[i].leaf);
            copy(&frame->certs.pairs[i].ca);
        }
        break;
    default:
        break;
    }
}

static void drain(node *self)
{
    lth_action action;
    while (lth_broker_next(self->broker, &action)) {
        assert_true(self->n_sent < sizeof self->sent / sizeof *self->sent);
        keep(&action.frame);
        self->sent[self->n_sent].action = action;
        self->sent[self->n_sent++].taken = false;
    }
}

static void pump(node *self)
{
    bool more = true;
    lth_txn *txn;
    lth_diag diag;
    while (more) {
        assert_int_equal(lth_store_begin(self->store, false, &txn), LTH_OK);
        assert_int_equal(lth_broker_pump(self->broker, txn, self->now, &more, &diag), LTH_OK);
        drain(self);
        lth_store_abort(&txn);
    }
}

void node_event(node *self, const lth_event *event)
{
    static lth_checked checked;
    lth_event full = *event;
    lth_check_env env = {.hasher = test_hasher(),
                         .trust = &self->trust,
                         .registry = &registry,
                         .schema = self->env.schema};
    if (event->frame != NULL && event->frame->kind == LTH_FRAME_BATCH) {
        lth_broker_check(&checked, &env, &event->frame->batch);
        full.checked = &checked;
    }
    lth_txn *txn;
    lth_diag diag = {0};
    self->now.mono += LTH_MONO_MS(1);
    self->now.wall_ms++;
    assert_int_equal(lth_store_begin(self->store, true, &txn), LTH_OK);
    lth_err err = lth_broker_handle(self->broker, txn, self->now, &full, &diag);
    if (err != LTH_OK) {
        fail_msg("handle: %s", diag.text);
    }
    assert_int_equal(lth_store_commit(&txn), LTH_OK);
    assert_int_equal(lth_broker_committed(self->broker, self->now), LTH_OK);
    pump(self);
}

static lth_role role_of(uint32_t n)
{
    return n < 128 ? LTH_ROLE_AGENT : LTH_ROLE_BROKER;
}

void node_frame(node *self, uint32_t org, const lth_frame *frame)
{
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = PEER_OF(org),
                       .user = test_org(org),
                       .role = role_of(org),
                       .frame = frame};
    node_event(self, &event);
}

void node_timer(node *self, uint64_t ms)
{
    lth_event event = {.kind = LTH_EVENT_TIMER};
    self->now.mono += LTH_MONO_MS(ms);
    self->now.wall_ms += ms;
    node_event(self, &event);
}

void node_greet_as(node *self, uint32_t org, uint32_t version)
{
    lth_frame frame = {.kind = LTH_FRAME_LINK_HELLO,
                       .link_hello = {.version = version,
                                      .node_org = test_org(org),
                                      .incarnation = org,
                                      .role = role_of(org),
                                      .clock_ms = START_MS}};
    node_frame(self, org, &frame);
    assert_non_null(node_take(self, PEER_OF(org), LTH_FRAME_LINK_RESUME));
}

void node_greet(node *self, uint32_t org)
{
    node_greet_as(self, org, LTH_PROTOCOL_VERSION);
}

const lth_frame *node_take(node *self, lth_peer to, lth_frame_kind kind)
{
    for (uint32_t i = 0; i < self->n_sent; i++) {
        const lth_action *action = &self->sent[i].action;
        if (!self->sent[i].taken && action->kind == LTH_ACTION_SEND && action->peer == to &&
            action->frame.kind == kind) {
            self->sent[i].taken = true;
            return &action->frame;
        }
    }
    return NULL;
}

uint32_t node_count(const node *self, lth_peer to, lth_frame_kind kind)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < self->n_sent; i++) {
        const lth_action *action = &self->sent[i].action;
        n += !self->sent[i].taken && action->kind == LTH_ACTION_SEND && action->peer == to &&
             action->frame.kind == kind;
    }
    return n;
}

void node_clear(node *self)
{
    self->n_sent = 0;
}

/* Deliver what @p from has for @p to; true if there was anything. */
static bool deliver(node *from, lth_peer to, node *other, lth_peer as)
{
    bool any = false;
    uint32_t n = from->n_sent;
    for (uint32_t i = 0; i < n; i++) {
        const lth_action *action = &from->sent[i].action;
        if (from->sent[i].taken || action->kind != LTH_ACTION_SEND || action->peer != to) {
            continue;
        }
        lth_event event = {.kind = LTH_EVENT_FRAME,
                           .peer = as,
                           .user = test_org(from->n),
                           .role = LTH_ROLE_BROKER,
                           .frame = &action->frame};
        from->sent[i].taken = any = true;
        node_event(other, &event);
    }
    return any;
}

void carry(node *child, node *parent)
{
    bool any = true;
    while (any) {
        any = deliver(child, LTH_PEER_PARENT, parent, PEER_OF(child->n));
        any = deliver(parent, PEER_OF(child->n), child, LTH_PEER_PARENT) || any;
    }
}

void link_up(node *child, node *parent)
{
    lth_event down = {.kind = LTH_EVENT_PEER_DOWN, .peer = PEER_OF(child->n)};
    lth_event up = {.kind = LTH_EVENT_PARENT_UP, .user = test_org(parent->n)};
    node_event(parent, &down);
    node_event(child, &up);
    carry(child, parent);
}

/* ---- committed state ---- */

static bool get(node *self, uint32_t table, lth_slice key, lth_slice *out)
{
    lth_txn *txn;
    assert_int_equal(lth_store_begin(self->store, false, &txn), LTH_OK);
    bool found = lth_get(txn, table, key, out) == LTH_OK;
    copy(out);
    lth_store_abort(&txn);
    return found;
}

bool node_head(node *self, uint32_t org, lth_head *out)
{
    uint8_t key[24] = {0};
    lth_slice value;
    lth_id id = test_org(org);
    memcpy(key, id.b, 16);
    *out = (lth_head){0};
    bool found = get(self, LTH_T_head, lth_slice_of(key, sizeof key), &value);
    assert_true(!found || lth_head_decode(out, value));
    return found;
}

bool node_row(node *self, lth_id id, uint16_t slot, lth_record_row *out)
{
    uint8_t key[20];
    lth_slice value;
    lth_put16(key, DATASET);
    memcpy(key + 2, id.b, 16);
    lth_put16(key + 18, slot);
    bool found = get(self, LTH_T_record, lth_slice_of(key, sizeof key), &value);
    assert_true(!found || lth_record_row_decode(out, value));
    return found;
}

void node_counts(node *self, uint32_t org, uint64_t *live, uint64_t *absent)
{
    uint8_t key[10];
    lth_slice value;
    lth_id id = test_org(org);
    memcpy(key, id.b, 8);
    lth_put16(key + 8, DATASET);
    *live = *absent = 0;
    if (get(self, LTH_T_count, lth_slice_of(key, sizeof key), &value)) {
        *live = lth_get64(value.p);
        *absent = lth_get64(value.p + 8);
    }
}

uint64_t node_entries(node *self, uint32_t table)
{
    lth_txn *txn;
    lth_cursor *cursor;
    lth_slice key, value;
    uint64_t n = 0;
    assert_int_equal(lth_store_begin(self->store, false, &txn), LTH_OK);
    assert_int_equal(lth_cursor_open(txn, table, &cursor), LTH_OK);
    while (lth_cursor_next(cursor, &key, &value) == LTH_OK) {
        n++;
    }
    lth_cursor_close(&cursor);
    lth_store_abort(&txn);
    return n;
}

void node_table_hash(node *self, uint32_t table, uint8_t out[LTH_HASH_SIZE])
{
    lth_txn *txn;
    lth_hasher hasher = test_hasher();
    assert_int_equal(lth_store_begin(self->store, false, &txn), LTH_OK);
    assert_int_equal(lth_store_table_hash(txn, table, &hasher, out), LTH_OK);
    lth_store_abort(&txn);
}

/* ---- schools ---- */

lth_id record_id(uint32_t org, uint32_t id)
{
    lth_id out = test_org(org);
    memset(out.b + 8, 0, 4);
    lth_put32(out.b + 12, id);
    return out;
}

static lth_slice text(uint8_t field, const char *value)
{
    size_t n = value == NULL ? 0 : strlen(value);
    uint8_t *p = lth_arena_alloc(memory, n + 3);
    if (n == 0) {
        return lth_slice_of(p, 0);
    }
    size_t head = 2;
    p[0] = (uint8_t)(field << 3 | 2);
    p[1] = (uint8_t)(n & 0x7f);
    if (n > 0x7f) {
        p[1] |= 0x80;
        p[2] = (uint8_t)(n >> 7);
        head = 3;
    }
    memcpy(p + head, value, n);
    return lth_slice_of(p, n + head);
}

static void put_group(lth_record_new *out, uint16_t number, lth_slice value)
{
    out->groups[out->n_groups].number = number;
    out->groups[out->n_groups++].value = value;
}

static void fill_groups(lth_record_new *out, const record *r, uint32_t org)
{
    if (r->op == LTH_OP_RANGE) {
        lth_id *lo = lth_arena_alloc(memory, sizeof *lo);
        *lo = record_id(org, r->lo);
        out->record_id = record_id(org, r->hi);
        put_group(out, 1, lth_slice_of(lo->b, sizeof lo->b));
        if (r->study != NULL) {
            put_group(out, 2, text(2, r->study));
        }
    } else if (r->official != NULL) {
        put_group(out, 3, text(3, r->official));
    } else {
        put_group(out, 1, text(1, r->natural));
        put_group(out, 2, text(2, r->study));
        put_group(out, 4, text(4, r->secret));
    }
}

static void add_record(lth_batch_builder *builder, const record *r, uint32_t org, uint32_t salt)
{
    static lth_record_new out;
    lth_hasher hasher = test_hasher();
    out = (lth_record_new){.op = r->op == 0 ? LTH_OP_STATE : r->op,
                           .dataset = r->dataset == 0 ? DATASET : r->dataset,
                           .flags = r->flags,
                           .record_id = record_id(r->owner == 0 ? org : r->owner, r->id)};
    lth_put32(out.seed, salt);
    fill_groups(&out, r, org);
    assert_int_equal(lth_batch_builder_add(builder, &hasher, &out), LTH_OK);
}

batch school_batch_edited(school *self, const record *records, uint32_t n, header_edit edit)
{
    static lth_batch_builder builder;
    batch out;
    lth_hasher hasher = test_hasher();
    lth_signer signer = test_signer(self->n);
    lth_batch_header header = {.kind = n > 0 && records[0].op == LTH_OP_RANGE ? LTH_KIND_SNAPSHOT
                                                                              : LTH_KIND_DELTA,
                               .origin = test_org(self->n),
                               .epoch = self->at.epoch,
                               .dict_ver = 1,
                               .batch_seq = self->at.seq + 1};
    memcpy(header.prev, self->at.hash, LTH_HASH_SIZE);
    lth_batch_builder_init(&builder);
    lth_batch_builder_reset(&builder, self->next_rec_seq);
    for (uint32_t i = 0; i < n; i++) {
        add_record(&builder, &records[i], self->n, (uint32_t)self->next_rec_seq + i);
    }
    assert_int_equal(lth_batch_builder_seal(&builder, &hasher, &signer, &header, out.header),
                     LTH_OK);
    if (edit != NULL) {
        edit(&header);
        lth_batch_header_encode(out.header, &header);
        assert_int_equal(signer.sign(signer.ctx, lth_slice_of(out.header, LTH_BATCH_HEADER_SIZE),
                                     out.header + LTH_BATCH_HEADER_SIZE),
                         LTH_OK);
    }
    out.body = lth_buf_slice(&builder.body);
    copy(&out.body);
    lth_batch_builder_fini(&builder);
    lth_batch_header_hash(&hasher, out.header, out.hash);
    lth_slice signed_header = lth_slice_of(out.header, sizeof out.header);
    copy(&signed_header);
    out.frame = (lth_frame){.kind = LTH_FRAME_BATCH,
                            .batch = {.signed_header = signed_header, .body = out.body}};
    self->at.seq = header.batch_seq;
    memcpy(self->at.hash, out.hash, LTH_HASH_SIZE);
    self->next_rec_seq += n;
    return out;
}

batch school_batch(school *self, const record *records, uint32_t n)
{
    return school_batch_edited(self, records, n, NULL);
}

void school_begin(school *self, uint32_t n, node *broker)
{
    lth_grant grant;
    lth_id org = test_org(n);
    *self = (school){.n = n, .next_rec_seq = 1};
    lth_frame hello = {.kind = LTH_FRAME_HELLO, .hello = {.origin = org, .session = n}};
    lth_frame request = {.kind = LTH_FRAME_EPOCH_REQUEST, .epoch_request = {.origin = org}};
    node_greet(broker, n);
    node_frame(broker, n, &hello);
    const lth_frame *resume = node_take(broker, PEER_OF(n), LTH_FRAME_RESUME);
    assert_non_null(resume);
    assert_int_equal(resume->resume.state, LTH_RESUME_GRANT);
    node_frame(broker, n, &request);
    const lth_frame *answer = node_take(broker, PEER_OF(n), LTH_FRAME_EPOCH_GRANT);
    assert_non_null(answer);
    assert_true(lth_grant_decode(&grant, answer->epoch_grant.bytes));
    self->at = grant.closes;
    self->at.epoch = grant.epoch;
    self->at.seq = 0;
}

const lth_frame_reject *send_batch(node *broker, const school *from, const batch *b)
{
    node_frame(broker, from->n, &b->frame);
    const lth_frame *answer = node_take(broker, PEER_OF(from->n), LTH_FRAME_REJECT);
    return answer == NULL ? NULL : &answer->reject;
}

void send_good(node *broker, school *from, const record *records, uint32_t n)
{
    batch b = school_batch(from, records, n);
    const lth_frame_reject *reject = send_batch(broker, from, &b);
    if (reject != NULL) {
        fail_msg("refused: %s", lth_refusal_name(reject->code));
    }
}
