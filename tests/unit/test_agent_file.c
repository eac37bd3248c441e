#include "test_agent_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const lth_field FIELDS[] = {
    {.name = "code", .number = 1, .group = 1, .type = LTH_TYPE_TEXT, .required = true, .max = 40},
    {.name = "name", .number = 2, .group = 2, .type = LTH_TYPE_TEXT, .required = true, .max = 200},
    {.name = "nid", .number = 3, .group = 2, .type = LTH_TYPE_TEXT, .max = 20},
    {.name = "born", .number = 4, .group = 2, .type = LTH_TYPE_DATE, .precision = LTH_DATE_DAY},
    {.name = "class", .number = 5, .group = 2, .type = LTH_TYPE_TEXT, .max = 20},
};
static const lth_field *const IN_KEY[] = {&FIELDS[0]};
static const lth_field *const IN_ABOUT[] = {&FIELDS[1], &FIELDS[2], &FIELDS[3], &FIELDS[4]};
static const lth_group GROUPS[] = {
    {.name = "key", .number = 1, .fields = IN_KEY, .n_fields = 1},
    {.name = "about", .number = 2, .fields = IN_ABOUT, .n_fields = 4},
};
static lth_rule RULES[2];
static lth_dataset DATASETS[] = {{.name = "alpha",
                                  .number = DS_F,
                                  .version = 1,
                                  .groups = GROUPS,
                                  .n_groups = 2,
                                  .fields = FIELDS,
                                  .n_fields = 5,
                                  .natural_group = 1,
                                  .rules = RULES}};
static lth_schema SCHEMA = {.dict_ver = 1, .datasets = DATASETS, .n_datasets = 1};
static lth_arena *expressions;

static const char *const COLUMNS[] = {"Mã học sinh", "CCCD", "Họ và tên",
                                      "Ngày sinh",   "Lớp",  "Năm học"};
static const lth_map_field MAPPED[] = {{.field = &FIELDS[0], .column = 0},
                                       {.field = &FIELDS[1], .column = 2},
                                       {.field = &FIELDS[2], .column = 1},
                                       {.field = &FIELDS[3], .column = 3, .as = "date_vn"},
                                       {.field = &FIELDS[4], .column = 4}};
static const lth_map_term BY_CODE[] = {{.field = 0, .column = -1}};
static const lth_map_term BY_NID[] = {{.field = 2, .column = -1}};
static const lth_map_term BY_NAME[] = {
    {.field = 1, .column = -1}, {.field = 3, .column = -1}, {.field = 4, .column = -1}};
static const lth_map_term COMPLETE[] = {{.field = -1, .column = 5}, {.field = 4, .column = -1}};
static const lth_map_key KEYS[] = {{BY_CODE, 1}, {BY_NID, 1}, {BY_NAME, 3}};
static const lth_mapping MAPPING = {.dataset = DATASETS,
                                    .columns = COLUMNS,
                                    .n_columns = 6,
                                    .key_column = LTH_MAP_NO_KEY,
                                    .match = KEYS,
                                    .n_match = 3,
                                    .complete_for = COMPLETE,
                                    .n_complete_for = 2,
                                    .fields = MAPPED,
                                    .n_fields = 5};

static const lth_mapping KEYED = {.dataset = DATASETS,
                                  .columns = COLUMNS,
                                  .n_columns = 6,
                                  .key_column = 0,
                                  .fields = MAPPED,
                                  .n_fields = 5};

static const lth_map_key OTHER_KEYS[] = {{BY_NID, 1}, {BY_NAME, 3}, {BY_CODE, 1}};
static const lth_mapping REORDERED = {.dataset = DATASETS,
                                      .columns = COLUMNS,
                                      .n_columns = 6,
                                      .key_column = LTH_MAP_NO_KEY,
                                      .match = OTHER_KEYS,
                                      .n_match = 3,
                                      .complete_for = COMPLETE,
                                      .n_complete_for = 2,
                                      .fields = MAPPED,
                                      .n_fields = 5};

static world *world_of(const lth_mapping *mapping, uint32_t every_ms)
{
    world *w = world_new(1);
    DATASETS[0].n_rules = 0;
    SCHEMA.dict_ver = 1;
    w->tables[0][0] = (lth_agent_table){.mapping = mapping, .every_ms = every_ms};
    w->env.schema = &SCHEMA;
    world_reopen(w);
    world_connect(w);
    return w;
}

world *file_world(void)
{
    return world_of(&MAPPING, 0);
}

world *file_world_keyed(uint32_t every_ms)
{
    return world_of(&KEYED, every_ms);
}

void file_remap(world *w, file_mapping mapping, uint32_t every_ms)
{
    static const lth_mapping *const ALL[] = {
        [FILE_MATCH] = &MAPPING, [FILE_MATCH_REORDERED] = &REORDERED, [FILE_KEYED] = &KEYED};
    w->tables[0][0] = (lth_agent_table){.mapping = ALL[mapping], .every_ms = every_ms};
    world_reopen(w);
    world_connect(w);
}

void file_world_free(world **w)
{
    world_free(w);
    lth_arena_free(&expressions);
}

static void add_rule(uint32_t n, lth_severity severity, const char *check)
{
    lth_diag diag = {0};
    RULES[n] = (lth_rule){.number = (uint16_t)(10 + n),
                          .id = "rule",
                          .severity = severity,
                          .field = 2,
                          .text = {.vi = "sai", .en = "wrong"}};
    assert_int_equal(lth_expr_compile(&RULES[n].check, DATASETS, check, expressions, &diag),
                     LTH_OK);
}

void file_rules(world *w, const char *warning, const char *error, uint32_t dict_ver)
{
    uint32_t n = 0;
    if (expressions == NULL) {
        expressions = lth_arena_new(1u << 20);
    }
    if (warning != NULL) {
        add_rule(n++, LTH_SEVERITY_WARNING, warning);
    }
    if (error != NULL) {
        add_rule(n++, LTH_SEVERITY_ERROR, error);
    }
    DATASETS[0].n_rules = n;
    SCHEMA.dict_ver = dict_ver;
    world_reopen(w);
    world_connect(w);
}

/* ---- feeding ---- */

static lth_cell cell(const char *text)
{
    return text == NULL ? (lth_cell){.p = NULL, .n = -1}
                        : (lth_cell){.p = (const uint8_t *)text, .n = (int64_t)strlen(text)};
}

/* The database is of no interest here, but its round is in the way. */
static void end_other_round(world *w)
{
    while (w->asked[0] != 0) {
        world_table_end(w, 0, 1, LTH_SCAN_locked);
        world_round_end(w, 0);
        world_run(w);
    }
}

static uint8_t same_hash;

void file_hash(uint8_t first)
{
    same_hash = first;
}

void file_begin(world *w, const char *id)
{
    end_other_round(w);
    lth_upload upload = {.bytes = 1000, .received_ms = w->now.wall_ms};
    (void)snprintf(upload.id, sizeof upload.id, "%s", id);
    memcpy(upload.sha256, id, strnlen(id, sizeof upload.sha256));
    if (same_hash != 0) {
        memset(upload.sha256, same_hash, sizeof upload.sha256);
    }
    assert_true(lth_agent_may_upload(w->agent, 0));
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_UPLOAD, .upload = &upload, .tables = 1});
}

void file_row(world *w, const pupil *p, uint32_t number)
{
    lth_cell cells[] = {cell(p->code), cell(p->nid),    cell(p->name),
                        cell(p->born), cell(p->class_), cell(p->year)};
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ROW, .cells = cells, .row = number});
}

void file_end(world *w, lth_scan_fault fault)
{
    uint32_t crashes = w->crashes;
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_TABLE_END,
                                     .fault = fault,
                                     .detail = "chi tiết",
                                     .detail_en = "detail"});
    if (crashes == w->crashes) {
        world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ROUND_END});
    }
    if (crashes == w->crashes) {
        world_run(w);
    }
}

bool file_read_as(world *w, const char *id, const pupil *rows, uint32_t n, bool correction)
{
    end_other_round(w);
    uint32_t crashes = w->crashes;
    file_begin(w, id);
    for (uint32_t i = 0; i < n && crashes == w->crashes; i++) {
        file_row(w, &rows[i], 2 + i);
    }
    if (crashes == w->crashes) {
        world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_TABLE_END, .correction = correction});
    }
    if (crashes == w->crashes) {
        world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ROUND_END});
    }
    if (crashes == w->crashes) {
        world_run(w);
    }
    return crashes == w->crashes;
}

bool file_read(world *w, const char *id, const pupil *rows, uint32_t n)
{
    return file_read_as(w, id, rows, n, false);
}

lth_upload file_take(world *w, const char *id, const pupil *rows, uint32_t n)
{
    assert_true(file_read(w, id, rows, n));
    return file_upload(w, lth_agent_upload_number(w->agent, 0));
}

/* ---- what is stored ---- */

lth_upload file_upload(world *w, uint64_t number)
{
    uint8_t key[24];
    lth_txn *txn;
    lth_slice value;
    lth_upload upload;
    memcpy(key, w->schools[0].org.b, 16);
    lth_put64(key + 16, number);
    assert_int_equal(lth_store_begin(w->store, false, &txn), LTH_OK);
    assert_int_equal(lth_get(txn, LTH_A_upload, lth_slice_of(key, sizeof key), &value), LTH_OK);
    assert_true(lth_upload_decode(&upload, value));
    lth_store_abort(&txn);
    return upload;
}

uint32_t file_findings(world *w, uint64_t number, lth_upload_finding *out)
{
    static uint8_t bytes[16][2048];
    uint8_t from[24];
    uint32_t n = 0;
    lth_txn *txn;
    lth_cursor *cursor;
    lth_slice key, value;
    memcpy(from, w->schools[0].org.b, 16);
    lth_put64(from + 16, number);
    assert_int_equal(lth_store_begin(w->store, false, &txn), LTH_OK);
    assert_int_equal(lth_cursor_open(txn, LTH_A_finding, &cursor), LTH_OK);
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    while (err == LTH_OK && memcmp(key.p, from, sizeof from) == 0 && n < 16) {
        assert_true(value.n <= sizeof bytes[n]);
        memcpy(bytes[n], value.p, value.n);
        assert_true(lth_upload_finding_decode(&out[n], lth_slice_of(bytes[n], value.n)));
        assert_int_equal(out[n].row, lth_get32(key.p + 24));
        n++;
        err = lth_cursor_next(cursor, &key, &value);
    }
    lth_cursor_close(&cursor);
    lth_store_abort(&txn);
    return n;
}

void file_answer(world *w, const uint8_t row_hash[16], const lth_id *record)
{
    lth_agent_act act = {.kind = LTH_ACT_ANSWER,
                         .dataset = DS_F,
                         .by = lth_slice_of("clerk", 5),
                         .reason = lth_slice_of("known", 5)};
    memcpy(act.row_hash, row_hash, sizeof act.row_hash);
    if (record != NULL) {
        act.record_id = *record;
    }
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ACT, .act = &act});
}

uint32_t file_versions(world *w)
{
    const broker_origin *o = &w->b.origins[0];
    uint32_t n = 0;
    for (uint32_t i = 0; i < o->n_records; i++) {
        n += o->records[i].dataset == DS_F ? o->records[i].versions : 0;
    }
    return n;
}

uint32_t file_living(world *w)
{
    const broker_origin *o = &w->b.origins[0];
    uint32_t n = 0;
    for (uint32_t i = 0; i < o->n_records; i++) {
        const merged *r = &o->records[i];
        n += r->dataset == DS_F && r->live && !r->held ? 1 : 0;
    }
    return n;
}

const merged *file_find(world *w, const char *code)
{
    return find_record(w, 0, DS_F, code);
}
