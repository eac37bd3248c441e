#include "internal.h"

/* Where the columns of an upload's file were and what they were called there, for its findings and
 * for what is held above later. Kept once for as many uploads as have them alike: the last row at
 * or before an upload is its own. */

#define KEY_BYTES    (16u + 2u + 8u)
#define PREFIX_BYTES (16u + 2u)
#define KEPT_BYTES   (16u * 1024u) /* Of one upload's table; columns beyond have no header. */
#define KEPT_UPLOADS 200u          /* As uploads themselves. */
#define FIXED_BYTES  (2u + 2u + 2u + 1u)

/* One row of `header` is a run of these; an empty row: not known. */
typedef struct entry {
    uint16_t field; /* 0: none, but a column that is no field's alone. */
    uint16_t column;
    lth_header header;
} entry;

static lth_slice row_key(uint8_t out[KEY_BYTES], const lth_id *org, uint16_t dataset,
                         uint64_t upload)
{
    memcpy(out, org->b, 16);
    lth_put16(out + 16, dataset);
    lth_put64(out + PREFIX_BYTES, upload);
    return lth_slice_of(out, KEY_BYTES);
}

/* ---- reading ---- */

/* The row that speaks of this upload, and the upload that brought it; empty: there is none. */
static lth_err row_of(lth_txn *txn, const lth_id *org, uint16_t dataset, uint64_t upload,
                      uint64_t *from, lth_slice *value)
{
    uint8_t key[KEY_BYTES];
    lth_cursor *cursor;
    lth_slice found;
    *from = 0;
    *value = (lth_slice){0};
    lth_err err = lth_cursor_open(txn, LTH_A_header, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    err = lth_cursor_before(cursor, row_key(key, org, dataset, upload + 1), &found, value);
    if (err == LTH_OK && found.n == KEY_BYTES && memcmp(found.p, key, PREFIX_BYTES) == 0) {
        *from = lth_get64(found.p + PREFIX_BYTES);
    } else {
        *value = (lth_slice){0};
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static bool next(lth_rd *rd, entry *out)
{
    out->field = lth_rd16(rd);
    out->column = lth_rd16(rd);
    out->header.at = lth_rd16(rd);
    size_t n = lth_rd8(rd);
    out->header.text = lth_slice_of(lth_rd_bytes(rd, n), n);
    return !rd->bad;
}

bool lth_agent_header_of(lth_txn *txn, const lth_id *org, uint16_t dataset, uint64_t upload,
                         uint16_t field, lth_header *out)
{
    uint64_t from;
    lth_slice value;
    entry one;
    bool found = false;
    if (field == 0 || row_of(txn, org, dataset, upload, &from, &value) != LTH_OK) {
        return false;
    }
    for (lth_rd rd = lth_rd_of(value); !found && next(&rd, &one);) {
        found = one.field == field;
    }
    *out = found ? one.header : (lth_header){0};
    return found;
}

lth_err lth_agent__header(agent_ctx *c, int32_t column, lth_header *out)
{
    const agent_upload *upload = lth_agent__upload(c);
    const lth_mapping *mapping = c->table->mapping;
    uint64_t from;
    lth_slice value;
    entry one;
    *out = (lth_header){0};
    const char *name = mapping->columns[column];
    out->text = lth_slice_of(name, strlen(name));
    lth_err err = row_of(c->txn, &c->school->conf->org, mapping->dataset->number, upload->number,
                         &from, &value);
    for (lth_rd rd = lth_rd_of(value); err == LTH_OK && out->at == 0 && next(&rd, &one);) {
        *out = one.column == column ? one.header : *out;
    }
    return err;
}

/* ---- writing ---- */

static lth_err add(lth_buf *out, uint16_t field, uint32_t column, const lth_header *header)
{
    uint8_t fixed[FIXED_BYTES];
    if (out->n + sizeof fixed + header->text.n > KEPT_BYTES) {
        return LTH_OK;
    }
    lth_wr wr = lth_wr_of(fixed, sizeof fixed);
    lth_wr16(&wr, field);
    lth_wr16(&wr, (uint16_t)column);
    lth_wr16(&wr, header->at);
    lth_wr8(&wr, (uint8_t)header->text.n);
    lth_err err = lth_buf_add(out, fixed, sizeof fixed);
    return err == LTH_OK && header->text.n > 0 ? lth_buf_add(out, header->text.p, header->text.n)
                                               : err;
}

static lth_err encode(lth_buf *out, const lth_mapping *mapping, const lth_header *headers)
{
    lth_err err = LTH_OK;
    lth_buf_clear(out);
    for (uint32_t i = 0; i < mapping->n_columns && err == LTH_OK; i++) {
        bool any = false;
        LTH_ASSERT(headers[i].text.n <= LTH_HEADER_MAX);
        for (uint32_t f = 0; f < mapping->n_fields && headers[i].at > 0 && err == LTH_OK; f++) {
            if (mapping->fields[f].column == (int32_t)i) {
                err = add(out, mapping->fields[f].field->number, i, &headers[i]);
                any = true;
            }
        }
        if (!any && headers[i].at > 0 && err == LTH_OK) {
            err = add(out, 0, i, &headers[i]);
        }
    }
    return err;
}

static lth_err put(agent_ctx *c, uint64_t upload, lth_slice value)
{
    uint8_t key[KEY_BYTES];
    lth_slice k = row_key(key, &c->school->conf->org, c->table->mapping->dataset->number, upload);
    c->self->state_size += value.n;
    return lth_put_kv(c->txn, LTH_A_header, k, value, LTH_PUT);
}

/* Rows of which no upload is kept any more. */
static lth_err prune(agent_ctx *c)
{
    uint64_t newest = c->school->uploads, from, at;
    uint16_t dataset = c->table->mapping->dataset->number;
    const lth_id *org = &c->school->conf->org;
    uint8_t key[KEY_BYTES];
    lth_slice value;
    if (newest <= KEPT_UPLOADS) {
        return LTH_OK;
    }
    lth_err err = row_of(c->txn, org, dataset, newest - KEPT_UPLOADS, &from, &value);
    while (err == LTH_OK && from > 0) {
        err = row_of(c->txn, org, dataset, from - 1, &at, &value);
        from = at;
        if (err == LTH_OK && at > 0) {
            err = lth_del(c->txn, LTH_A_header, row_key(key, org, dataset, at));
        }
    }
    return err;
}

/* Uploads after one that is read again keep what they had. */
static lth_err part_from_later(agent_ctx *c, uint64_t upload, lth_slice before)
{
    uint64_t from;
    lth_slice value;
    lth_buf *copy = &c->self->terms;
    if (upload >= c->school->uploads) {
        return LTH_OK;
    }
    lth_buf_clear(copy);
    lth_err err = before.n > 0 ? lth_buf_add(copy, before.p, before.n) : LTH_OK;
    err = err == LTH_OK ? row_of(c->txn, &c->school->conf->org, c->table->mapping->dataset->number,
                                 upload + 1, &from, &value)
                        : err;
    return err == LTH_OK && from <= upload ? put(c, upload + 1, lth_buf_slice(copy)) : err;
}

lth_err lth_agent__on_headers(agent_ctx *c, const lth_agent_event *event)
{
    const agent_upload *upload = lth_agent__upload(c);
    uint64_t from;
    lth_slice before;
    LTH_ASSERT(event->table < c->school->conf->n_tables);
    if (upload == NULL || c->school->round->over) {
        return LTH_OK;
    }
    c->table = &c->school->tables[event->table];
    const lth_mapping *mapping = c->table->mapping;
    lth_err err = encode(&c->self->coded, mapping, event->headers);
    err = err == LTH_OK ? row_of(c->txn, &c->school->conf->org, mapping->dataset->number,
                                 upload->number, &from, &before)
                        : err;
    if (err != LTH_OK || lth_slice_equal(before, lth_buf_slice(&c->self->coded))) {
        return err;
    }
    err = part_from_later(c, upload->number, before);
    err = err == LTH_OK ? put(c, upload->number, lth_buf_slice(&c->self->coded)) : err;
    return err == LTH_OK ? prune(c) : err;
}
