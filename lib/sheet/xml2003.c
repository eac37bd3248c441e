#include <stdlib.h>
#include <unistd.h>

#include "xml.h"

/* SpreadsheetML of Excel 2002 and 2003: a workbook in one XML document. */

typedef struct xml2003 {
    lth_sheet *sheet;
    lth_sheet__xml xml;
    uint64_t offset;
    /* While the sheets are listed. */
    bool listing, in_visible, is_hidden;
    uint32_t n_all;
    uint32_t places[LTH_SHEET_SHEETS_MAX]; /* Of the visible ones among all. */
    char *name;
    /* While one is read. */
    uint32_t wanted; /* Its place among all. */
    uint32_t at;     /* Worksheets begun. */
    bool in_row, in_cell, in_data, in_comment, has_formula, has_data;
    uint32_t last_row, column, across, down;
    lth_sheet_cell_kind kind;
    lth_buf cell;
    struct {
        uint32_t row_last, first, last;
    } area; /* The last merged area that goes down. */
} xml2003;

static const struct {
    const char *name;
    lth_sheet_cell_kind kind;
} TYPES[] = {{"String", LTH_CELL_TEXT},
             {"Number", LTH_CELL_NUMBER},
             {"DateTime", LTH_CELL_DATE},
             {"Boolean", LTH_CELL_BOOL},
             {"Error", LTH_CELL_ERROR}};

static bool is(const char *name, const char *what)
{
    return strcmp(name, what) == 0;
}

/* ---- listing ---- */

static void list_start(xml2003 *x, const char *name, const char **attributes)
{
    if (is(name, "Worksheet")) {
        const char *title = lth_sheet__xml_attribute(attributes, "Name");
        free(x->name);
        x->name = strdup(title != NULL ? title : "");
        x->is_hidden = false;
    }
    x->in_visible = is(name, "Visible");
}

static void list_end(xml2003 *x, const char *name)
{
    x->in_visible = false;
    if (!is(name, "Worksheet")) {
        return;
    }
    lth_err err = LTH_OK;
    if (x->name == NULL) {
        err = lth_sheet__nomem(x->xml.to);
    } else if (!x->is_hidden) {
        err = lth_sheet__add_name(x->sheet, lth_slice_of(x->name, strlen(x->name)), x->xml.to);
        if (err == LTH_OK) {
            x->places[x->sheet->n_sheets - 1] = x->n_all;
        }
    }
    x->n_all++;
    if (err != LTH_OK) {
        lth_sheet__xml_stop(&x->xml, err);
    }
}

/* ---- reading ---- */

/* "ss:Index" counts from 1 and never goes back. */
static bool read_index(const char **attributes, uint32_t max, uint32_t *number)
{
    const char *text = lth_sheet__xml_attribute(attributes, "Index");
    uint32_t index = 0;
    if (text == NULL) {
        return *number <= max;
    }
    bool good = lth_sheet__xml_number(text, max, &index) && index >= *number;
    *number = good ? index : *number;
    return good;
}

static void damaged(xml2003 *x, const char *what)
{
    lth_sheet__xml_stop(&x->xml, lth_sheet__fault(x->xml.to, LTH_SHEET_FAULT_truncated,
                                                  "behind row %u: %s", x->last_row, what));
}

static void start_row(xml2003 *x, const char **attributes)
{
    uint32_t number = x->last_row + 1, span = 0;
    if (!read_index(attributes, LTH_SHEET_ROWS_MAX, &number)) {
        damaged(x, "rows are not in order, or too many");
        return;
    }
    x->in_row = true;
    lth_sheet__row_begin(&x->sheet->row, number);
    x->last_row = number;
    x->column = 0;
    const char *text = lth_sheet__xml_attribute(attributes, "Span");
    if (lth_sheet__xml_number(text, LTH_SHEET_ROWS_MAX, &span)) {
        x->last_row += span; /* as many more rows that look alike, all empty */
    }
}

static void start_cell(xml2003 *x, const char **attributes)
{
    uint32_t number = x->column + 1;
    if (!read_index(attributes, 16384, &number)) {
        damaged(x, "cells are not in order, or too many");
        return;
    }
    x->column = number - 1;
    x->in_cell = true;
    x->has_data = false;
    x->has_formula = lth_sheet__xml_attribute(attributes, "Formula") != NULL;
    (void)lth_sheet__xml_number(lth_sheet__xml_attribute(attributes, "MergeAcross"), 16384,
                                &x->across);
    (void)lth_sheet__xml_number(lth_sheet__xml_attribute(attributes, "MergeDown"),
                                LTH_SHEET_ROWS_MAX, &x->down);
    lth_buf_clear(&x->cell);
}

static void start_data(xml2003 *x, const char **attributes)
{
    const char *type = lth_sheet__xml_attribute(attributes, "Type");
    x->in_data = true;
    x->has_data = true;
    x->kind = LTH_CELL_TEXT;
    for (size_t i = 0; type != NULL && i < sizeof TYPES / sizeof TYPES[0]; i++) {
        if (is(type, TYPES[i].name)) {
            x->kind = TYPES[i].kind;
        }
    }
}

static void on_start(void *ctx, const char *name, const char **attributes)
{
    xml2003 *x = ctx;
    if (x->listing) {
        list_start(x, name, attributes);
    } else if (is(name, "Worksheet")) {
        x->at++;
    } else if (x->at != x->wanted + 1) {
        return;
    } else if (x->in_cell) {
        x->in_comment = x->in_comment || is(name, "Comment");
        if (is(name, "Data") && !x->in_comment) {
            start_data(x, attributes);
        }
    } else if (x->in_row) {
        if (is(name, "Cell")) {
            start_cell(x, attributes);
        }
    } else if (is(name, "Row")) {
        start_row(x, attributes);
    }
}

static lth_err put_cell(xml2003 *x)
{
    char text[LTH_SHEET__NUMBER_MAX];
    lth_slice value = lth_buf_slice(&x->cell);
    lth_sheet_cell_kind kind = x->kind;
    lth_sheet__date date;
    size_t n = 0;
    if (x->has_formula && value.n == 0 && !(x->has_data && kind == LTH_CELL_TEXT)) {
        return lth_sheet__row_set(&x->sheet->row, x->column, LTH_CELL_FORMULA, value, x->xml.to);
    }
    if (kind == LTH_CELL_NUMBER) {
        n = lth_sheet__decimal(text, value);
    } else if (kind == LTH_CELL_DATE && lth_sheet__read_date(value, &date)) {
        n = lth_sheet__show_date(text, &date);
    } else if (kind == LTH_CELL_BOOL && value.n == 1) {
        n = 1;
        text[0] = value.p[0] == '1' ? '1' : '0';
    }
    if (n > 0) {
        value = lth_slice_of(text, n);
    } else if (kind != LTH_CELL_ERROR) {
        kind = LTH_CELL_TEXT;
    }
    return value.n == 0 ? LTH_OK
                        : lth_sheet__row_set(&x->sheet->row, x->column, kind, value, x->xml.to);
}

static void end_cell(xml2003 *x)
{
    x->in_cell = false;
    x->in_comment = false;
    lth_err err = put_cell(x);
    uint32_t last = x->column + x->across;
    for (uint32_t c = x->column + 1; c <= last && c < LTH_SHEET_COLUMNS_MAX; c++) {
        lth_sheet__row_merge(&x->sheet->row, c);
    }
    if (x->across > 0 && x->down > 0) {
        x->area.row_last = x->last_row + x->down;
        x->area.first = x->column + 1;
        x->area.last = last < LTH_SHEET_COLUMNS_MAX ? last : LTH_SHEET_COLUMNS_MAX - 1;
    }
    x->column = last + 1;
    if (err != LTH_OK) {
        lth_sheet__xml_stop(&x->xml, err);
    }
}

static void end_row(xml2003 *x)
{
    lth_sheet__row *row = &x->sheet->row;
    x->in_row = false;
    if (lth_sheet__row_any(row)) {
        for (uint32_t c = x->area.first; row->number <= x->area.row_last && c <= x->area.last;
             c++) {
            lth_sheet__row_merge(row, c);
        }
        lth_sheet__xml_stop(&x->xml, LTH_OK);
    }
}

static void on_end(void *ctx, const char *name)
{
    xml2003 *x = ctx;
    if (x->listing) {
        list_end(x, name);
    } else if (x->in_data) {
        x->in_data = !is(name, "Data");
    } else if (x->in_cell) {
        x->in_comment = x->in_comment && !is(name, "Comment");
        if (is(name, "Cell")) {
            end_cell(x);
        }
    } else if (x->in_row && is(name, "Row")) {
        end_row(x);
    }
}

static void on_text(void *ctx, const char *text, int n)
{
    static const char HIDDEN[] = "SheetHidden", VERY[] = "SheetVeryHidden";
    xml2003 *x = ctx;
    if (x->listing) {
        size_t size = (size_t)n;
        x->is_hidden =
            x->is_hidden ||
            (x->in_visible && ((size == sizeof HIDDEN - 1 && memcmp(text, HIDDEN, size) == 0) ||
                               (size == sizeof VERY - 1 && memcmp(text, VERY, size) == 0)));
        return;
    }
    if (!x->in_data) {
        return;
    }
    lth_err err = lth_buf_add(&x->cell, text, (size_t)n);
    if (err == LTH_E_LIMIT) {
        err = lth_sheet__fault(x->xml.to, LTH_SHEET_FAULT_cell_too_long,
                               "row %u: a cell of more than %u characters", x->last_row,
                               LTH_SHEET_CELL_MAX);
    } else if (err != LTH_OK) {
        err = lth_sheet__nomem(x->xml.to);
    }
    if (err != LTH_OK) {
        lth_sheet__xml_stop(&x->xml, err);
    }
}

static int on_read(void *ctx, void *out, int n, const lth_sheet__report *to)
{
    xml2003 *x = ctx;
    ssize_t got = pread(x->sheet->fd, out, (size_t)n, (off_t)x->offset);
    if (got < 0) {
        return (int)lth_fail(to->diag, LTH_E_IO, "the file cannot be read");
    }
    x->offset += (uint64_t)got;
    return (int)got;
}

static lth_err xml_select(lth_sheet *self, uint32_t index, const lth_sheet__report *to)
{
    xml2003 *x = self->state;
    x->offset = 0;
    x->at = 0;
    x->wanted = x->places[index];
    x->in_row = false;
    x->in_cell = false;
    x->in_data = false;
    x->in_comment = false;
    x->last_row = 0;
    x->area.row_last = 0;
    self->legacy = LTH_SHEET__UNICODE;
    return lth_sheet__xml_begin(&x->xml, to);
}

static lth_err xml_next(lth_sheet *self, const lth_sheet__report *to)
{
    xml2003 *x = self->state;
    return lth_sheet__xml_run(&x->xml, to);
}

static void xml_close(lth_sheet *self)
{
    xml2003 *x = self->state;
    lth_sheet__xml_fini(&x->xml);
    lth_buf_fini(&x->cell);
    free(x->name);
    free(x);
}

lth_err lth_sheet__open_xml(lth_sheet *self, const lth_sheet__report *to)
{
    static const lth_sheet__ops OPS = {xml_select, xml_next, xml_close};
    xml2003 *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return lth_sheet__nomem(to);
    }
    self->ops = &OPS;
    self->state = x;
    self->kind = LTH_SHEET_XML;
    x->sheet = self;
    x->xml.ctx = x;
    x->xml.read = on_read;
    x->xml.start = on_start;
    x->xml.end = on_end;
    x->xml.text = on_text;
    lth_buf_init(&x->cell, LTH_SHEET__CELL_BYTES_MAX);
    x->listing = true;
    lth_err err = lth_sheet__xml_all(&x->xml, to);
    x->listing = false;
    return err;
}
