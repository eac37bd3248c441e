/* What is wrong with an upload, row by row: what the agent found, and what is held above. */

#include <stdlib.h>

#include "agents/shell/rejected.h"

#define HELD_ABOVE 0xFFFFu
#define SAID_MAX   32u

/* ---- walking ---- */

typedef struct walk {
    const lth_engine *engine;
    lth_txn *txn;
    const lth_agent_school *school;
    uint64_t number;
    bool (*each)(void *ctx, const lth_finding_row *row);
    void *ctx;
    bool over;
    uint32_t row, n_said; /* What was said of this row. */
    lth_slice said[SAID_MAX][2];
} walk;

/* Two datasets read one column: one wrong cell is one thing to correct, and is told once. */
static bool is_told(walk *self, uint32_t row, const lth_upload_finding *finding)
{
    if (row != self->row)
        self->n_said = 0;
    self->row = row;
    if (finding->severity != LTH_SEVERITY_ERROR || finding->code == LTH_REFUSE_none)
        return false;
    for (uint32_t i = 0; i < self->n_said; i++) {
        if (lth_slice_equal(self->said[i][0], finding->column) &&
            lth_slice_equal(self->said[i][1], finding->vi))
            return true;
    }
    if (self->n_said < SAID_MAX) {
        self->said[self->n_said][0] = finding->column;
        self->said[self->n_said++][1] = finding->vi;
    }
    return false;
}

static lth_err own_findings(walk *self)
{
    uint8_t prefix[24];
    lth_cursor *cursor = NULL;
    lth_slice key, value;
    lth_upload_finding finding;
    memcpy(prefix, self->school->org.b, 16);
    lth_put64(prefix + 16, self->number);
    lth_err err = lth_cursor_open(self->txn, LTH_A_finding, &cursor);
    if (!err)
        err = lth_cursor_seek(cursor, lth_slice_of(prefix, sizeof prefix), &key, &value);
    for (; !err && !self->over && key.n == 30 && memcmp(key.p, prefix, sizeof prefix) == 0;
         err = lth_cursor_next(cursor, &key, &value)) {
        if (!lth_upload_finding_decode(&finding, value) ||
            is_told(self, lth_get32(key.p + 24), &finding))
            continue;
        const lth_finding_row row = {lth_get32(key.p + 24), lth_get16(key.p + 28), &finding, NULL,
                                     self->txn};
        self->over = !self->each(self->ctx, &row);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* A record as its school handed it in last; upload 0: not known. */
typedef struct came_from {
    uint64_t upload;
    uint32_t row;
} came_from;

static lth_slice state_of(lth_txn *txn, const lth_id *org, uint16_t dataset, const lth_id *record)
{
    uint8_t key[26];
    lth_slice value;
    memcpy(key, org->b, 8);
    lth_put16(key + 8, dataset);
    memcpy(key + 10, record->b, 16);
    bool there = lth_get(txn, LTH_A_state, lth_slice_of(key, sizeof key), &value) == LTH_OK;
    return there && value.n >= 12 ? value : (lth_slice){0};
}

static came_from where_from(lth_txn *txn, const lth_id *org, uint16_t dataset, const lth_id *record)
{
    lth_slice value = state_of(txn, org, dataset, record);
    return value.n > 0 ? (came_from){lth_get64(value.p), lth_get32(value.p + 8)}
                       : (came_from){0, 0};
}

/* Each hold of another tier on a record of the school, as what came from where. What was sent as
 * invalid is held for what the agent has found itself. */
static lth_err each_above(const lth_engine *self, lth_txn *txn, uint32_t school,
                          bool (*each)(void *ctx, came_from from, const lth_frame_held *held),
                          void *ctx)
{
    lth_cursor *cursor = NULL;
    const lth_id *org = &self->node.schools[school].org;
    lth_slice key, value, prefix = lth_slice_of(org->b, 16);
    lth_frame_held held;
    bool going = true;
    lth_err err = lth_cursor_open(txn, LTH_A_aheld, &cursor);
    if (!err)
        err = lth_cursor_seek(cursor, prefix, &key, &value);
    for (; !err && going && key.n >= 16 && memcmp(key.p, prefix.p, 16) == 0;
         err = lth_cursor_next(cursor, &key, &value)) {
        if (lth_agent_held_decode(&held, key, value) && held.code != LTH_REFUSE_invalid_at_source)
            going = each(ctx, where_from(txn, org, held.dataset, &held.record_id), &held);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static bool walk_above(void *ctx, came_from from, const lth_frame_held *held)
{
    walk *self = ctx;
    if (from.upload == self->number)
        self->over =
            !self->each(self->ctx, &(lth_finding_row){from.row, HELD_ABOVE, NULL, held, self->txn});
    return !self->over;
}

static bool count_above(void *ctx, came_from from, const lth_frame_held *held)
{
    lth_held_above *self = ctx;
    (void)held;
    for (uint32_t i = 0; i < self->n; i++) {
        if (self->items[i].number == from.upload) {
            self->items[i].n++;
            return true;
        }
    }
    if (self->n == self->room) {
        uint32_t room = self->room * 2 + 16;
        struct lth_held_upload *items = realloc(self->items, room * sizeof *items);
        if (items == NULL)
            return false;
        self->items = items;
        self->room = room;
    }
    self->items[self->n++] = (struct lth_held_upload){from.upload, 1};
    return true;
}

lth_err lth_held_above_count(const lth_engine *self, lth_txn *txn, uint32_t school,
                             lth_held_above *out)
{
    return each_above(self, txn, school, count_above, out);
}

void lth_held_above_tell(const lth_held_above *self, uint64_t number, json_t *upload)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < self->n; i++)
        n = self->items[i].number == number ? self->items[i].n : n;
    json_object_set_new(upload, "held_above", json_integer(n));
}

lth_err lth_findings_each(const lth_engine *self, lth_txn *txn, uint32_t school, uint64_t number,
                          bool (*each)(void *ctx, const lth_finding_row *row), void *ctx)
{
    walk w = {self, txn,          &self->node.schools[school], number, each, ctx, false, 0,
              0,    {{{NULL, 0}}}};
    lth_err err = own_findings(&w);
    return err || w.over ? err : each_above(self, txn, school, walk_above, &w);
}

/* ---- words ---- */

static const char *name_of_profile(const lth_engine *self, uint32_t school, uint16_t dataset,
                                   uint16_t field)
{
    const lth_source_conf *conf = &self->node.conf->schools[school];
    for (uint32_t t = 0; t < conf->n_tables; t++) {
        const lth_mapping *mapping = &conf->tables[t].mapping;
        if (mapping->dataset->number != dataset)
            continue;
        for (uint32_t i = 0; i < mapping->n_fields; i++) {
            const lth_map_field *one = &mapping->fields[i];
            if (one->field->number == field && one->column >= 0)
                return mapping->columns[one->column];
        }
    }
    return "";
}

static const char *rule_id(const lth_dataset *dataset, uint16_t number)
{
    lth_rule_about about;
    return dataset != NULL && lth_rule_about_number(&about, dataset, number) ? about.id : "";
}

static const lth_mapping *mapping_of(const lth_engine *self, uint32_t school, uint16_t dataset)
{
    const lth_source_conf *conf = &self->node.conf->schools[school];
    for (uint32_t t = 0; t < conf->n_tables; t++) {
        if (conf->tables[t].mapping.dataset->number == dataset)
            return &conf->tables[t].mapping;
    }
    return NULL;
}

/* A record as its school knows it: by name, code, and the row that it came from. */
static json_t *candidate_text(const lth_engine *self, uint32_t school, const lth_finding_row *row,
                              const lth_id *record)
{
    char hex[33];
    uint64_t number = 0;
    uint32_t at = 0;
    const lth_mapping *mapping = mapping_of(self, school, row->finding->dataset);
    lth_slice state =
        state_of(row->txn, &self->node.schools[school].org, row->finding->dataset, record);
    lth_value *values = mapping != NULL ? calloc(mapping->dataset->n_fields, sizeof *values) : NULL;
    lth_upload *upload = malloc(sizeof *upload);
    lth_buf who;
    json_t *text = NULL;
    lth_buf_init(&who, LTH_RECORD_MAX);
    if (values != NULL && upload != NULL && state.n > 0 &&
        lth_agent_state_values(state, mapping->dataset, &number, &at, values) &&
        lth_map_who(&who, mapping, values) == LTH_OK && who.n > 0 &&
        lth_upload_of(self, row->txn, school, number, upload))
        text = json_sprintf("%.*s (hàng %u của tệp %s)", (int)who.n, (const char *)who.p,
                            (unsigned)at, upload->id);
    lth_buf_fini(&who);
    free(values);
    free(upload);
    lth_hex(hex, record->b, 16);
    return text != NULL ? text : json_string(hex);
}

static json_t *candidates_json(const lth_engine *self, uint32_t school, const lth_finding_row *row)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < row->finding->n_candidates; i++) {
        char hex[33];
        lth_hex(hex, row->finding->candidates[i].b, 16);
        json_array_append_new(
            list, json_pack("{s:s,s:o}", "record", hex, "text",
                            candidate_text(self, school, row, &row->finding->candidates[i])));
    }
    return list;
}

/* Never NULL: what is no UTF-8 is left out. */
static json_t *words(lth_slice text)
{
    json_t *json = text.n > 0 ? json_stringn((const char *)text.p, text.n) : NULL;
    return json != NULL ? json : json_string("");
}

static json_t *text_json(lth_slice vi, lth_slice en)
{
    return json_pack("{s:o,s:o}", "vi", words(vi), "en", words(en.n > 0 ? en : vi));
}

static json_t *own_json(const lth_engine *self, uint32_t school, const lth_finding_row *row,
                        const lth_dataset *dataset)
{
    const lth_upload_finding *f = row->finding;
    char hash[33], record[33];
    bool question = f->code == LTH_REFUSE_none;
    lth_hex(hash, f->row_hash, sizeof f->row_hash);
    lth_hex(record, f->record_id.b, 16);
    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:o,s:s,s:o,s:b,s:o,s:n}", "row", (json_int_t)row->row,
                     "dataset", dataset != NULL ? dataset->name : "?", "severity",
                     question ? "question" : lth_severity_name(f->severity), "code",
                     question ? "question" : lth_refusal_name(f->code), "rule",
                     rule_id(dataset, f->rule), "text", text_json(f->vi, f->en), "hash", hash,
                     "record", lth_id_is_zero(&f->record_id) ? json_null() : json_string(record),
                     "accepted", (int)f->accepted, "candidates", candidates_json(self, school, row),
                     "tier");
}

/* Of a reference the last of its fields: the most particular one. What a person rejected is the
 * record. */
static uint16_t field_to_blame(const lth_dataset *dataset, const lth_frame_held *held)
{
    if (held->code == LTH_REFUSE_rejected)
        return 0;
    const lth_reference *reference =
        dataset != NULL ? lth_reference_find(dataset, held->rule) : NULL;
    return reference != NULL ? reference->fields[reference->n_fields - 1] : held->field;
}

/* The values of a record of the school as they were handed in last. NULL: not known. */
static lth_value *values_of(const lth_engine *self, uint32_t school, lth_txn *txn,
                            const lth_dataset *dataset, const lth_id *record)
{
    uint64_t number = 0;
    uint32_t at = 0;
    lth_slice state = dataset != NULL
                          ? state_of(txn, &self->node.schools[school].org, dataset->number, record)
                          : (lth_slice){0};
    lth_value *values = state.n > 0 ? calloc(dataset->n_fields, sizeof *values) : NULL;
    if (values != NULL && !lth_agent_state_values(state, dataset, &number, &at, values)) {
        free(values);
        values = NULL;
    }
    return values;
}

/* What its school can do so that the hold ends by itself. */
static lth_err say_way_out(lth_refusal code, lth_buf *vi, lth_buf *en)
{
    static const struct {
        lth_refusal code;
        const char *vi, *en;
    } ways[] = {{LTH_REFUSE_missing_reference,
                 " Nộp tệp có mã ấy thì hàng này tự được nhận; gõ sai thì sửa ô.",
                 " Upload the file that has it, or correct the cell if mistyped."},
                {LTH_REFUSE_not_unique,
                 " Sửa ô này, hoặc sửa ở bản ghi kia thì hàng này tự được nhận.",
                 " Correct this cell, or the other record: then this row is taken by itself."}};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (ways[i].code == code) {
            lth_err err = lth_buf_format(vi, "%s", ways[i].vi);
            return err ? err : lth_buf_format(en, "%s", ways[i].en);
        }
    }
    return LTH_OK;
}

/* What is wrong is known from the values that were sent; without them the code alone is told. */
static void say_held(const lth_engine *self, uint32_t school, const lth_finding_row *row,
                     const lth_dataset *dataset, lth_buf *vi, lth_buf *en)
{
    const lth_frame_held *held = row->held;
    const lth_finding finding = {.code = held->code,
                                 .severity = LTH_SEVERITY_ERROR,
                                 .group = held->group,
                                 .field = field_to_blame(dataset, held),
                                 .rule = held->rule,
                                 .column = -1};
    lth_id other = {{0}};
    if (held->other.n == sizeof other.b)
        memcpy(other.b, held->other.p, sizeof other.b);
    lth_value *values = values_of(self, school, row->txn, dataset, &held->record_id);
    lth_value *others =
        held->other.n > 0 ? values_of(self, school, row->txn, dataset, &other) : NULL;
    lth_row_values seen = {.ds = dataset,
                           .values = values,
                           .today = lth_day_of(lth_platform_now().wall_ms),
                           .other = others};
    lth_err err = values == NULL ? LTH_E_NOT_FOUND
                                 : lth_finding_text(vi, &self->node.conf->schema, &finding, &seen,
                                                    (lth_slice){NULL, 0}, false);
    if (!err)
        err = lth_finding_text(en, &self->node.conf->schema, &finding, &seen, (lth_slice){NULL, 0},
                               true);
    if (err) {
        vi->n = en->n = 0;
        err = lth_buf_format(vi, "%s", lth_refusal_text(held->code, false));
        if (!err)
            err = lth_buf_format(en, "%s", lth_refusal_text(held->code, true));
    }
    if (!err)
        (void)say_way_out(held->code, vi, en);
    free(values);
    free(others);
}

static json_t *held_json(const lth_engine *self, uint32_t school, const lth_finding_row *row,
                         const lth_dataset *dataset)
{
    const lth_frame_held *held = row->held;
    char record[33];
    lth_buf vi, en;
    lth_buf_init(&vi, LTH_RECORD_MAX);
    lth_buf_init(&en, LTH_RECORD_MAX);
    say_held(self, school, row, dataset, &vi, &en);
    lth_hex(record, held->record_id.b, 16);
    json_t *said = lth_rejected_text(self, held);
    json_t *text =
        said != NULL ? said : text_json(lth_slice_of(vi.p, vi.n), lth_slice_of(en.p, en.n));
    lth_buf_fini(&vi);
    lth_buf_fini(&en);
    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:o,s:s,s:s,s:b,s:[],s:o}", "row", (json_int_t)row->row,
                     "dataset", dataset != NULL ? dataset->name : "?", "severity", "error", "code",
                     lth_refusal_name(held->code), "rule", rule_id(dataset, held->rule), "text",
                     text, "hash", "", "record", record, "accepted", 0, "candidates", "tier",
                     lth_engine_json_org(self, &held->tier_org));
}

/* Its column in the file that it came from: as it is called there, else as the profile has it. */
static lth_header column_of(const lth_engine *self, uint32_t school, const lth_finding_row *row,
                            const lth_dataset *dataset)
{
    lth_header header;
    const lth_id *org = &self->node.schools[school].org;
    if (row->finding != NULL)
        return (lth_header){row->finding->at, row->finding->column};
    uint16_t number = row->held->dataset, field = field_to_blame(dataset, row->held);
    came_from from = where_from(row->txn, org, number, &row->held->record_id);
    if (lth_agent_header_of(row->txn, org, number, from.upload, field, &header))
        return header;
    const char *name = name_of_profile(self, school, number, field);
    return (lth_header){0, lth_slice_of(name, strlen(name))};
}

json_t *lth_finding_json(const lth_engine *self, uint32_t school, const lth_finding_row *row)
{
    char letters[4];
    uint16_t number = row->finding != NULL ? row->finding->dataset : row->held->dataset;
    const lth_dataset *dataset = lth_schema_find(&self->node.conf->schema, number);
    lth_header column = column_of(self, school, row, dataset);
    lth_capture_letters(letters, column.at);
    json_t *json = row->finding != NULL ? own_json(self, school, row, dataset)
                                        : held_json(self, school, row, dataset);
    json_object_set_new(json, "column", words(column.text));
    json_object_set_new(json, "letter", json_string(letters));
    json_object_set_new(json, "rejected",
                        row->held != NULL ? lth_rejected_json(self, row->held) : json_null());
    return json;
}
