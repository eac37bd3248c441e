#include "test_agent_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/store/store_mem.h"

#define REPLY_SIZE 512u

static const lth_field FIELDS[] = {
    {.name = "code", .number = 1, .group = 1, .type = LTH_TYPE_TEXT, .required = true, .max = 40},
    {.name = "name", .number = 2, .group = 2, .type = LTH_TYPE_TEXT, .max = 2000000},
    {.name = "count", .number = 3, .group = 2, .type = LTH_TYPE_INTEGER},
    {.name = "office", .number = 4, .group = 3, .type = LTH_TYPE_TEXT, .max = 40},
    {.name = "spare", .number = 5, .group = 5, .type = LTH_TYPE_TEXT, .max = 40},
};
static const lth_field *const IN_KEY[] = {&FIELDS[0]};
static const lth_field *const IN_ABOUT[] = {&FIELDS[1], &FIELDS[2]};
static const lth_field *const IN_OFFICE[] = {&FIELDS[3]};
static const lth_field *const IN_SPARE[] = {&FIELDS[4]};
static const lth_group GROUPS[] = {
    {.name = "key", .number = 1, .fields = IN_KEY, .n_fields = 1},
    {.name = "about", .number = 2, .fields = IN_ABOUT, .n_fields = 2},
    {.name = "office", .number = 3, .owner_kind = "over", .fields = IN_OFFICE, .n_fields = 1},
    {.name = "spare", .number = 5, .fields = IN_SPARE, .n_fields = 1},
};
#define DATASET(n, label)                                                                          \
    {                                                                                              \
        .name = (label), .number = (n), .version = 1, .groups = GROUPS, .n_groups = 4,             \
        .fields = FIELDS, .n_fields = 5, .natural_group = 1                                        \
    }
static const lth_dataset DATASETS[] = {DATASET(DS_A, "alpha"), DATASET(DS_B, "beta")};
static const lth_schema SCHEMA = {.dict_ver = 1, .datasets = DATASETS, .n_datasets = 2};
static const char *const COLUMNS[] = {"key", "code", "name", "count"};
static const lth_map_field MAPPED[] = {{.field = &FIELDS[0], .column = 1},
                                       {.field = &FIELDS[1], .column = 2},
                                       {.field = &FIELDS[2], .column = 3}};
#define MAPPING(ds)                                                                                \
    {                                                                                              \
        .dataset = &DATASETS[ds], .columns = COLUMNS, .n_columns = 4, .key_column = 0,             \
        .fields = MAPPED, .n_fields = 3                                                            \
    }
static const lth_mapping MAPPINGS[] = {MAPPING(0), MAPPING(1)};

static void fill_random(void *ctx, void *out, size_t n)
{
    world *w = ctx;
    uint8_t *to = out;
    for (size_t i = 0; i < n; i++) {
        w->random = w->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        to[i] = (uint8_t)(w->random >> 56);
    }
}

static void write_log(void *ctx, lth_level level, const char *event, const char *detail)
{
    world *w = ctx;
    size_t used = strlen(w->events);
    size_t said = strlen(w->details);
    (void)level;
    if (detail != NULL && said + strlen(detail) + 2 < sizeof w->details) {
        (void)snprintf(w->details + said, sizeof w->details - said, "%s ", detail);
    }
    if (used + strlen(event) + 2 < sizeof w->events) {
        (void)snprintf(w->events + used, sizeof w->events - used, "%s ", event);
    }
}

bool world_logged(const world *w, const char *event)
{
    return strstr(w->events, event) != NULL;
}

static void open_agent(world *w)
{
    lth_txn *txn;
    assert_int_equal(lth_store_begin(w->store, false, &txn), LTH_OK);
    assert_int_equal(lth_agent_open(&w->agent, &w->env, txn, w->now, NULL), LTH_OK);
    lth_store_abort(&txn);
}

world *world_new(uint32_t n_schools)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->hasher = test_hasher();
    w->trust = test_trust();
    w->random = 42;
    w->now = (lth_now){.mono = LTH_MONO_S(1), .wall_ms = WALL_START};
    w->broker_signer = test_signer(BROKER_KEY);
    for (uint32_t i = 0; i < n_schools; i++) {
        w->signers[i] = test_signer(SCHOOL_KEY(i));
        for (uint32_t t = 0; t < WORLD_TABLES; t++) {
            w->tables[i][t] = (lth_agent_table){.mapping = &MAPPINGS[t], .every_ms = 10000};
        }
        w->schools[i] = (lth_agent_school){.org = test_org(SCHOOL_KEY(i)),
                                           .id_key = {1, 2, 3},
                                           .signer = &w->signers[i],
                                           .leaf_der = test_certificate(SCHOOL_KEY(i)),
                                           .ca_der = test_certificate(0),
                                           .tables = w->tables[i],
                                           .n_tables = WORLD_TABLES};
    }
    w->env = (lth_agent_env){.node_org = test_org(SCHOOL_KEY(0)),
                             .role = LTH_ROLE_AGENT,
                             .broker_org = test_org(BROKER_KEY),
                             .hasher = w->hasher,
                             .random = {.ctx = w, .fill = fill_random},
                             .trust = &w->trust,
                             .log = {.ctx = w, .write = write_log},
                             .schools = w->schools,
                             .n_schools = n_schools,
                             .live_ms = 0,
                             .scans_max = 8,
                             .keep_days = 35,
                             .schema = &SCHEMA,
                             .gone_percent = 100};
    w->b = (broker){.credit = 64u << 20,
                    .strict = true,
                    .form = LTH_RECEIPT_WHOLE,
                    .level = LTH_RECEIPT_DURABLE};
    lth_store_options options = {.tables = lth_agent_table_names, .n_tables = LTH_A_COUNT};
    assert_int_equal(lth_store_open_mem(&w->store, &options), LTH_OK);
    w->replies = calloc(FRAMES_MAX, sizeof *w->replies);
    w->reply_bytes = calloc(FRAMES_MAX, REPLY_SIZE);
    assert_true(w->replies != NULL && w->reply_bytes != NULL);
    open_agent(w);
    return w;
}

void world_free(world **w)
{
    lth_agent_free(&(*w)->agent);
    lth_store_close(&(*w)->store);
    broker_free(&(*w)->b);
    free((*w)->replies);
    free((*w)->reply_bytes);
    free(*w);
    *w = NULL;
}

void world_reopen(world *w)
{
    lth_agent_free(&w->agent);
    w->reply_at = w->reply_n = 0;
    memset(w->asked, 0, sizeof w->asked);
    open_agent(w);
}

/* ---- steps ---- */

static void take_actions(world *w)
{
    lth_agent_action action;
    while (lth_agent_next(w->agent, &action)) {
        if (action.kind == LTH_AACTION_SCAN) {
            w->asked[action.school] = action.tables;
            w->rounds[action.school]++;
            continue;
        }
        w->sent[action.frame.kind]++;
        w->last[action.frame.kind] = action.frame;
        if (action.frame.kind == LTH_FRAME_ACCEPTED) {
            lth_frame_accepted *kept = &w->last[LTH_FRAME_ACCEPTED].accepted;
            memcpy(w->by, kept->by.p, kept->by.n);
            memcpy(w->why, kept->why.p, kept->why.n);
            kept->by.p = w->by;
            kept->why.p = w->why;
        }
        broker_take(w, &action.frame);
    }
}

/* True when the step is in the store; else the process is as good as dead. */
static bool commit_step(world *w, const lth_agent_event *event)
{
    lth_txn *txn;
    assert_int_equal(lth_store_begin(w->store, true, &txn), LTH_OK);
    lth_err err = lth_agent_handle(w->agent, txn, w->now, event, NULL);
    err = err == LTH_OK ? lth_agent_seal(w->agent, txn, w->now, NULL) : err;
    bool crash = ++w->steps == w->crash_at;
    if (err != LTH_OK || (crash && !w->crash_late)) {
        lth_store_abort(&txn);
    } else {
        err = lth_store_commit(&txn);
    }
    assert_true(err == LTH_OK || (err == LTH_E_STORE_FULL && w->may_be_full));
    return err == LTH_OK && !crash;
}

void world_step(world *w, const lth_agent_event *event)
{
    bool more = true;
    if (!commit_step(w, event)) {
        w->crashes++;
        world_reopen(w);
        return;
    }
    assert_int_equal(lth_agent_committed(w->agent, w->now), LTH_OK);
    while (more) {
        lth_txn *txn;
        assert_int_equal(lth_store_begin(w->store, false, &txn), LTH_OK);
        assert_int_equal(lth_agent_pump(w->agent, txn, w->now, &more, NULL), LTH_OK);
        take_actions(w);
        lth_store_abort(&txn);
    }
}

void world_timer(world *w)
{
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_TIMER});
}

void world_frame(world *w, const lth_frame *frame)
{
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_FRAME, .frame = frame});
}

void world_run(world *w)
{
    for (uint32_t i = 0; i < 100000; i++) {
        if (w->reply_at < w->reply_n) {
            lth_frame frame = w->replies[w->reply_at++];
            world_frame(w, &frame);
        } else if (lth_agent_deadline(w->agent) <= w->now.mono) {
            world_timer(w);
        } else {
            w->reply_at = w->reply_n = 0;
            return;
        }
    }
    fail_msg("never at rest");
}

void world_connect(world *w)
{
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_LINK_UP});
    world_run(w);
}

void world_advance(world *w, lth_mono by)
{
    w->now.mono += by;
    w->now.wall_ms += by / 1000000;
}

/* ---- rounds ---- */

void world_begin_round(world *w, uint32_t school)
{
    if (w->asked[school] == 0) {
        world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_SCAN_NOW, .school = school});
    }
    assert_true(w->asked[school] != 0 || w->crash_at > 0 || w->may_be_full);
}

static lth_cell cell(const char *text)
{
    return text == NULL ? (lth_cell){.p = NULL, .n = -1}
                        : (lth_cell){.p = (const uint8_t *)text, .n = (int64_t)strlen(text)};
}

void world_row(world *w, uint32_t school, uint32_t table, const row *r)
{
    lth_cell cells[4] = {cell(r->key), cell(r->code), cell(r->name), cell(r->count)};
    world_step(w, &(lth_agent_event){
                      .kind = LTH_AEVENT_ROW, .school = school, .table = table, .cells = cells});
}

void world_table_end(world *w, uint32_t school, uint32_t table, lth_scan_fault fault)
{
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_TABLE_END,
                                     .school = school,
                                     .table = table,
                                     .fault = fault,
                                     .detail = "detail"});
}

void world_round_end(world *w, uint32_t school)
{
    w->asked[school] = 0;
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ROUND_END, .school = school});
}

/* A process that died takes its capture along: no further event of that round. */
void world_scan(world *w, uint32_t school, uint32_t table, const row *rows, uint32_t n,
                lth_scan_fault fault)
{
    uint32_t crashes = w->crashes;
    world_begin_round(w, school);
    uint64_t tables = w->asked[school];
    for (uint32_t i = 0; i < n && crashes == w->crashes; i++) {
        world_row(w, school, table, &rows[i]);
    }
    if (crashes == w->crashes) {
        world_table_end(w, school, table, fault);
    }
    uint32_t other = 1 - table;
    if ((tables >> other & 1) != 0 && crashes == w->crashes) {
        world_table_end(w, school, other, LTH_SCAN_locked);
    }
    if (crashes == w->crashes) {
        world_round_end(w, school);
    }
    world_run(w);
}

void world_act(world *w, uint32_t school, lth_agent_act_kind kind, uint16_t dataset)
{
    const lth_agent_act act = {.kind = kind,
                               .dataset = dataset,
                               .by = lth_slice_of("clerk", 5),
                               .reason = lth_slice_of("so it is", 8)};
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ACT, .school = school, .act = &act});
}

/* ---- what is stored ---- */

lth_scan_info world_info(world *w, uint32_t school, uint32_t table)
{
    uint8_t key[10];
    lth_scan_info info = {0};
    lth_txn *txn;
    lth_slice value;
    memcpy(key, w->schools[school].org.b, 8);
    lth_put16(key + 8, w->tables[school][table].mapping->dataset->number);
    assert_int_equal(lth_store_begin(w->store, false, &txn), LTH_OK);
    assert_int_equal(lth_get(txn, LTH_A_scan, lth_slice_of(key, sizeof key), &value), LTH_OK);
    assert_true(lth_scan_info_decode(&info, value));
    lth_store_abort(&txn);
    return info;
}

uint64_t world_count(world *w, uint32_t table)
{
    lth_txn *txn;
    lth_cursor *cursor;
    lth_slice key, value;
    uint64_t n = 0;
    assert_int_equal(lth_store_begin(w->store, false, &txn), LTH_OK);
    assert_int_equal(lth_cursor_open(txn, table, &cursor), LTH_OK);
    while (lth_cursor_next(cursor, &key, &value) == LTH_OK) {
        n++;
    }
    lth_cursor_close(&cursor);
    lth_store_abort(&txn);
    return n;
}
