/* What is wrong with an upload, row by row: what the agent found, and what is held above. */

#include <stdlib.h>

#include "agents/shell/engine.h"

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

/* What was sent as invalid is held for what the agent has found itself. */
static lth_err held_above(walk *self)
{
    lth_cursor *cursor = NULL;
    lth_slice key, value, prefix = lth_slice_of(self->school->org.b, 16);
    lth_frame_held held;
    lth_err err = lth_cursor_open(self->txn, LTH_A_aheld, &cursor);
    if (!err)
        err = lth_cursor_seek(cursor, prefix, &key, &value);
    for (; !err && !self->over && key.n >= 16 && memcmp(key.p, prefix.p, 16) == 0;
         err = lth_cursor_next(cursor, &key, &value)) {
        if (!lth_agent_held_decode(&held, key, value) || held.code == LTH_REFUSE_invalid_at_source)
            continue;
        came_from from = where_from(self->txn, &self->school->org, held.dataset, &held.record_id);
        if (from.upload == self->number)
            self->over = !self->each(
                self->ctx, &(lth_finding_row){from.row, HELD_ABOVE, NULL, &held, self->txn});
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_findings_each(const lth_engine *self, lth_txn *txn, uint32_t school, uint64_t number,
                          bool (*each)(void *ctx, const lth_finding_row *row), void *ctx)
{
    walk w = {self, txn,          &self->node.schools[school], number, each, ctx, false, 0,
              0,    {{{NULL, 0}}}};
    lth_err err = own_findings(&w);
    return err ? err : held_above(&w);
}

/* ---- words ---- */

static const lth_field *field_of(const lth_dataset *dataset, uint16_t number)
{
    for (uint32_t i = 0; dataset != NULL && i < dataset->n_fields; i++) {
        if (dataset->fields[i].number == number)
            return &dataset->fields[i];
    }
    return NULL;
}

const char *lth_finding_column(const lth_engine *self, uint32_t school, uint16_t dataset,
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
    const lth_rule *rule = dataset != NULL ? lth_rule_find(dataset, number) : NULL;
    const lth_reference *reference = dataset != NULL ? lth_reference_find(dataset, number) : NULL;
    return rule != NULL ? rule->id : reference != NULL ? reference->id : "";
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
    return json_pack(
        "{s:I,s:s,s:o,s:s,s:s,s:s,s:o,s:s,s:o,s:b,s:o,s:n}", "row", (json_int_t)row->row, "dataset",
        dataset != NULL ? dataset->name : "?", "column", words(f->column), "severity",
        question ? "question" : lth_severity_name(f->severity), "code",
        question ? "question" : lth_refusal_name(f->code), "rule", rule_id(dataset, f->rule),
        "text", text_json(f->vi, f->en), "hash", hash, "record",
        lth_id_is_zero(&f->record_id) ? json_null() : json_string(record), "accepted",
        (int)f->accepted, "candidates", candidates_json(self, school, row), "tier");
}

static json_t *held_json(const lth_engine *self, uint32_t school, const lth_finding_row *row,
                         const lth_dataset *dataset)
{
    const lth_frame_held *held = row->held;
    const lth_field *field = field_of(dataset, held->field);
    const lth_rule *rule = dataset != NULL ? lth_rule_find(dataset, held->rule) : NULL;
    char record[33], vi[1024], en[1024];
    lth_hex(record, held->record_id.b, 16);
    const char *title_vi = field != NULL && field->title.vi != NULL ? field->title.vi : "";
    const char *title_en = field != NULL && field->title.en != NULL ? field->title.en : title_vi;
    const char *rule_vi = rule != NULL ? rule->id : "", *sign = rule_vi[0] != '\0' ? ": " : "";
    (void)lth_format(vi, sizeof vi, "%s%s%s%s%s", title_vi, title_vi[0] != '\0' ? ": " : "",
                     lth_refusal_text(held->code, false), sign, rule_vi);
    (void)lth_format(en, sizeof en, "%s%s%s%s%s", title_en, title_en[0] != '\0' ? ": " : "",
                     lth_refusal_text(held->code, true), sign, rule_vi);
    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:{s:s,s:s},s:s,s:s,s:b,s:[],s:o}", "row",
                     (json_int_t)row->row, "dataset", dataset != NULL ? dataset->name : "?",
                     "column", lth_finding_column(self, school, held->dataset, held->field),
                     "severity", "error", "code", lth_refusal_name(held->code), "rule",
                     rule_id(dataset, held->rule), "text", "vi", vi, "en", en, "hash", "", "record",
                     record, "accepted", 0, "candidates", "tier",
                     lth_engine_json_org(self, &held->tier_org));
}

json_t *lth_finding_json(const lth_engine *self, uint32_t school, const lth_finding_row *row)
{
    uint16_t number = row->finding != NULL ? row->finding->dataset : row->held->dataset;
    const lth_dataset *dataset = lth_schema_find(&self->node.conf->schema, number);
    return row->finding != NULL ? own_json(self, school, row, dataset)
                                : held_json(self, school, row, dataset);
}
