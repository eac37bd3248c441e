#include <stdlib.h>

#include "biff.h"

static const struct {
    uint8_t code;
    const char *text;
} ERRORS[] = {{0x00, "#NULL!"}, {0x07, "#DIV/0!"}, {0x0f, "#VALUE!"}, {0x17, "#REF!"},
              {0x1d, "#NAME?"}, {0x24, "#NUM!"},   {0x2a, "#N/A"}};

/* ---- values ---- */

static lth_err put_number(lth_sheet *self, uint32_t column, uint32_t style, double value,
                          const lth_sheet__report *to)
{
    char decimal[LTH_SHEET__NUMBER_MAX], date[LTH_SHEET__NUMBER_MAX];
    const lth_sheet__xls *x = self->state;
    size_t n = lth_sheet__decimal_of(decimal, value), size = 0;
    lth_slice text = lth_slice_of(decimal, n);
    if (n == 0) {
        return lth_sheet__row_set(&self->row, column, LTH_CELL_ERROR, lth_slice_of("#NUM!", 5), to);
    }
    if (style < x->n_styles && x->date_styles[style] != 0) {
        size = lth_sheet__serial(date, text, x->is_1904);
    }
    return size > 0
               ? lth_sheet__row_set(&self->row, column, LTH_CELL_DATE, lth_slice_of(date, size), to)
               : lth_sheet__row_set(&self->row, column, LTH_CELL_NUMBER, text, to);
}

static double double_of(const uint8_t *p)
{
    uint64_t bits = (uint64_t)lth_sheet__le32(p + 4) << 32 | lth_sheet__le32(p);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* 30 bits of an integer or of a double, perhaps times 100. */
static double rk_of(const uint8_t *p)
{
    uint32_t rk = lth_sheet__le32(p);
    uint64_t bits = (uint64_t)(rk & ~3u) << 32;
    double value;
    memcpy(&value, &bits, sizeof value);
    if ((rk & 2) != 0) {
        int32_t whole = (int32_t)(rk & ~3u) / 4;
        value = (double)whole;
    }
    return (rk & 1) != 0 ? value / 100 : value;
}

static lth_err put_flag(lth_sheet *self, uint32_t column, uint8_t code, bool is_error,
                        const lth_sheet__report *to)
{
    if (!is_error) {
        return lth_sheet__row_set(&self->row, column, LTH_CELL_BOOL,
                                  lth_slice_of(code != 0 ? "1" : "0", 1), to);
    }
    const char *text = "#N/A";
    for (size_t i = 0; i < sizeof ERRORS / sizeof ERRORS[0]; i++) {
        text = ERRORS[i].code == code ? ERRORS[i].text : text;
    }
    return lth_sheet__row_set(&self->row, column, LTH_CELL_ERROR, lth_slice_of(text, strlen(text)),
                              to);
}

static lth_err put_string(lth_sheet *self, uint32_t column, size_t at, const lth_sheet__report *to)
{
    lth_sheet__xls *x = self->state;
    lth_buf_clear(&x->cell);
    lth_err err = lth_sheet__record_string(x, &x->cell, at, 2);
    if (err == LTH_E_LIMIT) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_cell_too_long, "row %u: too long a text",
                                self->row.number);
    }
    return err == LTH_OK
               ? lth_sheet__row_set(&self->row, column, LTH_CELL_TEXT, lth_buf_slice(&x->cell), to)
               : lth_sheet__nomem(to);
}

static lth_err put_shared(lth_sheet *self, uint32_t column, uint32_t index,
                          const lth_sheet__report *to)
{
    const lth_sheet__xls *x = self->state;
    bool found;
    lth_slice text = lth_sheet__string(&x->strings, index, &found);
    return found ? lth_sheet__row_borrow(&self->row, column, text, to)
                 : lth_sheet__fault(to, LTH_SHEET_FAULT_truncated,
                                    "row %u: a shared string that is not there", self->row.number);
}

/* The stored result of a formula: a number, or what the first byte says. */
static lth_err put_result(lth_sheet *self, uint32_t column, uint32_t style, const uint8_t *p,
                          const lth_sheet__report *to)
{
    enum { TEXT, BOOL, ERROR };
    lth_sheet__xls *x = self->state;
    if (p[6] != 0xff || p[7] != 0xff) {
        return put_number(self, column, style, double_of(p), to);
    }
    if (p[0] == BOOL || p[0] == ERROR) {
        return put_flag(self, column, p[2], p[0] == ERROR, to);
    }
    x->has_text = p[0] == TEXT;
    x->text_column = column;
    return LTH_OK;
}

static lth_err put_many(lth_sheet *self, uint32_t column, const lth_sheet__report *to)
{
    const lth_sheet__record *r = &((lth_sheet__xls *)self->state)->record;
    lth_err err = LTH_OK;
    for (size_t at = 4; at + 8 <= r->n && err == LTH_OK; at += 6, column++) {
        err = put_number(self, column, lth_sheet__le16(r->p + at), rk_of(r->p + at + 2), to);
    }
    return err;
}

/* ---- rows ---- */

/* Records of cells, and the bytes that each has at least. */
static const struct {
    uint16_t type, n;
} CELLS[] = {{LTH_SHEET__R_FORMULA, 14},  {LTH_SHEET__R_MULRK, 12},  {LTH_SHEET__R_RSTRING, 8},
             {LTH_SHEET__R_LABELSST, 10}, {LTH_SHEET__R_NUMBER, 14}, {LTH_SHEET__R_LABEL, 8},
             {LTH_SHEET__R_BOOLERR, 8},   {LTH_SHEET__R_RK, 10}};

static bool is_cell(const lth_sheet__record *r)
{
    for (size_t i = 0; i < sizeof CELLS / sizeof CELLS[0]; i++) {
        if (CELLS[i].type == r->type) {
            return r->n >= CELLS[i].n;
        }
    }
    return false;
}

static lth_err put_cell(lth_sheet *self, const lth_sheet__report *to)
{
    lth_sheet__xls *x = self->state;
    const lth_sheet__record *r = &x->record;
    uint32_t column = lth_sheet__le16(r->p + 2), style = lth_sheet__le16(r->p + 4);
    x->has_text = false;
    switch (r->type) {
    case LTH_SHEET__R_FORMULA:
        return put_result(self, column, style, r->p + 6, to);
    case LTH_SHEET__R_MULRK:
        return put_many(self, column, to);
    case LTH_SHEET__R_LABELSST:
        return put_shared(self, column, lth_sheet__le32(r->p + 6), to);
    case LTH_SHEET__R_NUMBER:
        return put_number(self, column, style, double_of(r->p + 6), to);
    case LTH_SHEET__R_RK:
        return put_number(self, column, style, rk_of(r->p + 6), to);
    case LTH_SHEET__R_BOOLERR:
        return put_flag(self, column, r->p[6], r->p[7] != 0, to);
    default:
        return put_string(self, column, 6, to);
    }
}

/* The cell's row is the one being made, or begins it, or waits until that one is given away. */
static lth_err on_cell(lth_sheet *self, bool *waits, const lth_sheet__report *to)
{
    lth_sheet__xls *x = self->state;
    uint32_t row = lth_sheet__le16(x->record.p) + 1;
    if (row < x->last_row) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_truncated, "row %u behind row %u", row,
                                x->last_row);
    }
    *waits = row > x->last_row && lth_sheet__row_any(&self->row);
    if (*waits) {
        return LTH_OK;
    }
    if (row > x->last_row) {
        x->last_row = row;
        lth_sheet__row_begin(&self->row, row);
    }
    return put_cell(self, to);
}

/* LTH_E_NOT_FOUND at the end of the sheet. */
static lth_err next_record(lth_sheet__xls *x, const lth_sheet__report *to)
{
    lth_err err = lth_sheet__record_next(x, to);
    if (err == LTH_E_NOT_FOUND) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_truncated,
                                "behind row %u: the sheet ends early", x->last_row);
    }
    if (err == LTH_OK && x->record.type == LTH_SHEET__R_BOF) {
        x->depth++;
    } else if (err == LTH_OK && x->record.type == LTH_SHEET__R_EOF) {
        x->depth--;
        err = x->depth == 0 ? LTH_E_NOT_FOUND : LTH_OK;
    }
    return err;
}

static lth_err xls_next(lth_sheet *self, const lth_sheet__report *to)
{
    lth_sheet__xls *x = self->state;
    lth_err err = LTH_OK;
    if (x->depth == 0 && !x->is_held) {
        return LTH_E_NOT_FOUND;
    }
    lth_sheet__row_begin(&self->row, x->last_row);
    while (err == LTH_OK) {
        err = x->is_held ? LTH_OK : next_record(x, to);
        x->is_held = false;
        if (err == LTH_E_NOT_FOUND && lth_sheet__row_any(&self->row)) {
            break;
        }
        if (err != LTH_OK || x->depth != 1) {
            continue; /* inside a chart */
        }
        if (is_cell(&x->record)) {
            err = on_cell(self, &x->is_held, to);
            if (x->is_held) {
                break;
            }
        } else if (x->record.type == LTH_SHEET__R_STRING && x->has_text) {
            x->has_text = false;
            err = put_string(self, x->text_column, 0, to);
        }
    }
    bool whole = err == LTH_OK || (err == LTH_E_NOT_FOUND && lth_sheet__row_any(&self->row));
    if (whole) {
        lth_sheet__merges_apply(&x->merges, &self->row);
    }
    return whole ? LTH_OK : err;
}

/* Merged areas stand behind the cells. */
static void keep_merges(lth_sheet__xls *x)
{
    const lth_sheet__record *r = &x->record;
    for (size_t at = 2; at + 8 <= r->n; at += 8) {
        lth_sheet__merges_add(&x->merges,
                              (lth_sheet__merge){.row_first = lth_sheet__le16(r->p + at) + 1,
                                                 .row_last = lth_sheet__le16(r->p + at + 2) + 1,
                                                 .column_first = lth_sheet__le16(r->p + at + 4),
                                                 .column_last = lth_sheet__le16(r->p + at + 6)});
    }
}

static lth_err begin(lth_sheet__xls *x, uint32_t index, const lth_sheet__report *to)
{
    x->depth = 0;
    x->last_row = 0;
    x->is_held = false;
    x->has_text = false;
    lth_err err = lth_sheet__stream_begin(&x->in, &x->ole, x->offsets[index], to);
    err = err == LTH_OK ? lth_sheet__record_next(x, to) : err;
    if (err == LTH_E_NOT_FOUND || (err == LTH_OK && x->record.type != LTH_SHEET__R_BOF)) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_truncated, "a sheet is not where it should be");
    }
    x->depth = 1;
    return err;
}

static lth_err xls_select(lth_sheet *self, uint32_t index, const lth_sheet__report *to)
{
    lth_sheet__xls *x = self->state;
    x->merges.n = 0;
    self->legacy = LTH_SHEET__UNICODE;
    lth_err err = begin(x, index, to);
    while (err == LTH_OK && (err = next_record(x, to)) == LTH_OK) {
        if (x->depth == 1 && x->record.type == LTH_SHEET__R_MERGES) {
            keep_merges(x);
        }
    }
    return err == LTH_E_NOT_FOUND ? begin(x, index, to) : err;
}

static void xls_close(lth_sheet *self)
{
    lth_sheet__xls *x = self->state;
    lth_sheet__ole_close(&x->ole);
    lth_sheet__strings_fini(&x->strings);
    lth_buf_fini(&x->cell);
    free(x);
}

lth_err lth_sheet__open_xls(lth_sheet *self, const lth_sheet__report *to)
{
    static const lth_sheet__ops OPS = {xls_select, xls_next, xls_close};
    lth_sheet__xls *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return lth_sheet__nomem(to);
    }
    self->ops = &OPS;
    self->state = x;
    self->kind = LTH_SHEET_XLS;
    lth_sheet__strings_init(&x->strings);
    lth_buf_init(&x->cell, LTH_SHEET__CELL_BYTES_MAX);
    lth_err err = lth_sheet__ole_open(&x->ole, self->fd, self->survey.size, to);
    if (err == LTH_OK && x->ole.has_encrypted) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_encrypted, "the workbook has a password");
    }
    if (err == LTH_OK && !x->ole.has_workbook) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_not_a_table,
                                "an Office file that is no workbook");
    }
    return err == LTH_OK ? lth_sheet__xls_globals(self, to) : err;
}
