#include "internal.h"

/* What is found in the rows of a file, as sentences for its school. Nothing of it is logged. */

#define KEY_BYTES  (16u + 8u + 4u + 2u)
#define OWN_NUMBER (LTH_FINDINGS_MAX + 1u) /**< Of what is not mapping's to find. */
#define OWN_LAST   0xFFu

static const lth_finding NOTHING = {.column = -1};

static int32_t column_of(const lth_mapping *mapping, const lth_finding *finding)
{
    for (uint32_t i = 0; finding->column < 0 && finding->field != 0 && i < mapping->n_fields; i++) {
        if (mapping->fields[i].field->number == finding->field) {
            return mapping->fields[i].column;
        }
    }
    return finding->column;
}

/* As the file has it: its own header, and where it stands. */
static lth_err name_column(agent_ctx *c, int32_t column, lth_upload_finding *out)
{
    lth_header header = {0};
    lth_err err = column >= 0 ? lth_agent__header(c, column, &header) : LTH_OK;
    out->column = header.text;
    out->at = header.at;
    return err;
}

static lth_slice given(const agent_row *row, int32_t column)
{
    if (column < 0 || row->cells[column].n <= 0) {
        return (lth_slice){0};
    }
    return lth_slice_of(row->cells[column].p, (size_t)row->cells[column].n);
}

/* Not a duplicate's: each row has its findings written once. */
static lth_err next_number(agent_ctx *c, uint8_t key[KEY_BYTES], uint32_t n)
{
    const agent_upload *upload = lth_agent__upload(c);
    memcpy(key, c->school->conf->org.b, 16);
    lth_put64(key + 16, upload->number);
    lth_put32(key + 24, c->self->row.number);
    for (; n < OWN_LAST; n++) {
        lth_slice value;
        lth_put16(key + 28, (uint16_t)(c->index << 8 | n));
        lth_err err = lth_get(c->txn, LTH_A_finding, lth_slice_of(key, KEY_BYTES), &value);
        if (err != LTH_OK) {
            return err == LTH_E_NOT_FOUND ? LTH_OK : err;
        }
    }
    return LTH_OK;
}

static lth_err put(agent_ctx *c, uint32_t n, lth_upload_finding *out)
{
    agent_upload *upload = lth_agent__upload(c);
    uint8_t key[KEY_BYTES];
    if (upload->row.n_findings++ >= LTH_UPLOAD_FINDINGS_MAX) {
        return LTH_OK;
    }
    out->row = c->self->row.number;
    out->dataset = c->table->mapping->dataset->number;
    memcpy(out->row_hash, c->self->row.hash, PRINT_SIZE);
    out->vi = lth_buf_slice(&c->self->vi);
    out->en = lth_buf_slice(&c->self->en);
    lth_buf_clear(&c->self->coded);
    lth_err err = lth_upload_finding_encode(&c->self->coded, out);
    err = err == LTH_OK ? next_number(c, key, n) : err;
    return err == LTH_OK ? lth_put_kv(c->txn, LTH_A_finding, lth_slice_of(key, sizeof key),
                                      lth_buf_slice(&c->self->coded), LTH_PUT)
                         : err;
}

/* ---- what mapping found ---- */

static lth_err say(agent_ctx *c, const lth_finding *finding, lth_slice cell, bool english)
{
    const agent_row *row = &c->self->row;
    lth_buf *out = english ? &c->self->en : &c->self->vi;
    const lth_row_values values = {.ds = c->table->mapping->dataset,
                                   .values = row->mapped.values,
                                   .today = lth_day_of(c->now.wall_ms)};
    lth_buf_clear(out);
    lth_err err = lth_finding_text(out, c->self->env.schema, finding, &values, cell, english);
    if (err == LTH_E_LIMIT) {
        const char *text = lth_refusal_text(finding->code, english);
        lth_buf_clear(out);
        err = lth_buf_add(out, text, strlen(text));
    }
    return err;
}

static lth_err write_down(agent_ctx *c, uint32_t n, const lth_finding *finding, const lth_id *id,
                          bool accepted)
{
    const lth_mapping *mapping = c->table->mapping;
    int32_t column = column_of(mapping, finding);
    lth_slice cell = given(&c->self->row, column);
    lth_upload_finding out = {.code = finding->code,
                              .severity = finding->severity,
                              .field = finding->field,
                              .rule = finding->rule,
                              .accepted = accepted};
    if (id != NULL) {
        out.record_id = *id;
    }
    lth_err err = name_column(c, column, &out);
    err = err == LTH_OK ? say(c, finding, cell, false) : err;
    err = err == LTH_OK ? say(c, finding, cell, true) : err;
    return err == LTH_OK ? put(c, n, &out) : err;
}

/* Did a person accept this warning of the record as it is now? */
static lth_err is_accepted(agent_ctx *c, const lth_finding *finding, const lth_id *id, bool *yes)
{
    *yes = false;
    return id == NULL || !c->self->row.known || finding->rule == 0
               ? LTH_OK
               : lth_agent__accepted_find(c, id, finding->rule, c->self->row.hash, yes);
}

lth_err lth_agent__findings(agent_ctx *c, const lth_id *id)
{
    agent_row *row = &c->self->row;
    const lth_findings *findings = &row->mapped.findings;
    lth_err err = LTH_OK;
    row->warned = false;
    for (uint32_t i = 0; i < findings->n && err == LTH_OK; i++) {
        const lth_finding *finding = &findings->items[i];
        bool warning = finding->severity != LTH_SEVERITY_ERROR;
        bool accepted = false;
        if (warning) {
            err = is_accepted(c, finding, id, &accepted);
        }
        row->warned = row->warned || (warning && !accepted);
        if (err == LTH_OK && lth_agent__upload(c) != NULL) {
            err = write_down(c, i, finding, id, accepted);
        }
    }
    c->scan->info.warned += row->warned ? 1 : 0;
    return err;
}

/* ---- what only the whole file or the table shows ---- */

static lth_err say_own(agent_ctx *c, const char *vi, const char *en)
{
    lth_buf_clear(&c->self->vi);
    lth_buf_clear(&c->self->en);
    lth_err err = lth_buf_add(&c->self->vi, vi, strlen(vi));
    return err == LTH_OK ? lth_buf_add(&c->self->en, en, strlen(en)) : err;
}

static lth_err say_question(agent_ctx *c)
{
    lth_buf *vi = &c->self->vi, *en = &c->self->en;
    lth_err err = lth_map_who(vi, c->table->mapping, c->self->row.mapped.values);
    lth_buf_clear(en);
    err = err == LTH_OK ? lth_buf_add(en, vi->p, vi->n) : err;
    err = err == LTH_OK ? lth_buf_format(vi, ": chưa rõ hàng này là của ai; chọn bản ghi đã có, "
                                             "hoặc xác nhận là bản ghi mới.")
                        : err;
    return err == LTH_OK ? lth_buf_format(en, ": it is not clear whose row this is; choose a known "
                                              "record, or say that it is a new one.")
                         : err;
}

lth_err lth_agent__finding_own(agent_ctx *c, lth_refusal code, uint16_t field, const char *vi,
                               const char *en)
{
    const lth_mapping *mapping = c->table->mapping;
    lth_upload_finding out = {.code = code, .severity = LTH_SEVERITY_ERROR, .field = field};
    if (lth_agent__upload(c) == NULL) {
        return LTH_OK;
    }
    lth_finding place = NOTHING;
    place.field = field;
    lth_err err = name_column(c, column_of(mapping, &place), &out);
    err = err == LTH_OK ? say_own(c, vi, en) : err;
    return err == LTH_OK ? put(c, OWN_NUMBER, &out) : err;
}

lth_err lth_agent__finding_ask(agent_ctx *c, const uint8_t (*keys)[PRINT_SIZE], uint32_t n)
{
    lth_upload_finding out = {.code = LTH_REFUSE_none, .severity = LTH_SEVERITY_ERROR};
    if (lth_agent__upload(c) == NULL) {
        return LTH_OK;
    }
    for (uint32_t i = 0; i < n; i++) {
        agent_map_row known;
        lth_err err = lth_agent__map_get(c, keys[i], &known);
        if (err == LTH_OK) {
            out.candidates[out.n_candidates++] = known.record_id;
        } else if (err != LTH_E_NOT_FOUND) {
            return err;
        }
    }
    lth_err err = say_question(c);
    return err == LTH_OK ? put(c, OWN_NUMBER, &out) : err;
}
