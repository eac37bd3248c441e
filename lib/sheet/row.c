#include <stdarg.h>

#include "internal.h"

#define BORROWED SIZE_MAX

lth_err lth_sheet__fault(const lth_sheet__report *to, lth_sheet_fault fault, const char *fmt, ...)
{
    *to->fault = fault;
    if (to->diag != NULL) {
        va_list args;
        va_start(args, fmt);
        to->diag->err = LTH_E_FORMAT;
        (void)lth_format_v(to->diag->text, sizeof to->diag->text, fmt, args);
        va_end(args);
    }
    return LTH_E_FORMAT;
}

lth_err lth_sheet__nomem(const lth_sheet__report *to)
{
    return lth_fail(to->diag, LTH_E_NOMEM, "out of memory");
}

lth_err lth_sheet__io(const lth_sheet__report *to, const char *path)
{
    return lth_fail(to->diag, LTH_E_IO, "%s: cannot be read", path);
}

void lth_sheet__row_init(lth_sheet__row *row)
{
    row->number = 0;
    row->n = 0;
    row->is_merged = false;
    memset(row->merged, 0, sizeof row->merged);
    lth_buf_init(&row->text, LTH_SHEET__ROW_BYTES_MAX);
}

void lth_sheet__row_fini(lth_sheet__row *row)
{
    lth_buf_fini(&row->text);
}

void lth_sheet__row_begin(lth_sheet__row *row, uint32_t number)
{
    row->number = number;
    row->n = 0;
    lth_buf_clear(&row->text);
    if (row->is_merged) {
        memset(row->merged, 0, sizeof row->merged);
        row->is_merged = false;
    }
}

size_t lth_sheet__clean(uint8_t *text, size_t n)
{
    uint8_t *from = n > 0 ? memchr(text, '\r', n) : NULL;
    if (from == NULL) {
        return n;
    }
    uint8_t *to = from, *end = text + n;
    for (; from < end; from++) {
        if (*from != '\r') {
            *to++ = *from;
        } else if (from + 1 == end || from[1] != '\n') {
            *to++ = '\n';
        }
    }
    return (size_t)(to - text);
}

bool lth_sheet__blank(lth_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        bool no_break = c == 0xc2 && i + 1 < text.n && text.p[i + 1] == 0xa0;
        if (no_break) {
            i++;
        } else if (c != ' ' && (c < '\t' || c > '\r')) {
            return false;
        }
    }
    return true;
}

bool lth_sheet__fits(lth_slice text)
{
    if (text.n <= LTH_SHEET_CELL_MAX) {
        return true;
    }
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        n += (text.p[i] & 0xc0) != 0x80; /* the first byte of a character */
        n += text.p[i] >= 0xf0;          /* which takes two of UTF-16 */
    }
    return n <= LTH_SHEET_CELL_MAX;
}

/* Make cell @p column exist; the gap before it is empty. */
static void reach(lth_sheet__row *row, uint32_t column)
{
    for (; row->n <= column; row->n++) {
        row->cells[row->n] = (lth_sheet_cell){.kind = LTH_CELL_EMPTY};
        row->offsets[row->n] = BORROWED;
    }
}

static lth_err place(lth_sheet__row *row, uint32_t column, lth_slice text,
                     const lth_sheet__report *to)
{
    if (column >= LTH_SHEET_COLUMNS_MAX) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_too_many_columns,
                                "row %u: a cell beyond column %u", row->number,
                                LTH_SHEET_COLUMNS_MAX);
    }
    if (!lth_sheet__fits(text)) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_cell_too_long,
                                "row %u, column %u: more than %u characters", row->number,
                                column + 1, LTH_SHEET_CELL_MAX);
    }
    reach(row, column);
    return LTH_OK;
}

lth_err lth_sheet__row_borrow(lth_sheet__row *row, uint32_t column, lth_slice text,
                              const lth_sheet__report *to)
{
    if (lth_sheet__blank(text)) {
        return LTH_OK;
    }
    lth_err err = place(row, column, text, to);
    if (err == LTH_OK) {
        row->cells[column] = (lth_sheet_cell){.kind = LTH_CELL_TEXT, .text = text};
        row->offsets[column] = BORROWED;
    }
    return err;
}

lth_err lth_sheet__row_set(lth_sheet__row *row, uint32_t column, lth_sheet_cell_kind kind,
                           lth_slice text, const lth_sheet__report *to)
{
    if (kind == LTH_CELL_EMPTY || (kind == LTH_CELL_TEXT && lth_sheet__blank(text))) {
        return LTH_OK;
    }
    lth_err err = place(row, column, text, to);
    if (err != LTH_OK) {
        return err;
    }
    size_t offset = row->text.n;
    err = lth_buf_add(&row->text, text.p, text.n);
    if (err == LTH_E_LIMIT) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_cell_too_long, "row %u: more than %u bytes",
                                row->number, LTH_SHEET__ROW_BYTES_MAX);
    }
    if (err != LTH_OK) {
        return lth_sheet__nomem(to);
    }
    size_t n = text.n;
    if (kind == LTH_CELL_TEXT) {
        n = lth_sheet__clean(row->text.p + offset, n);
    }
    row->cells[column] = (lth_sheet_cell){.kind = kind, .text = {.n = n}};
    row->offsets[column] = offset;
    return LTH_OK;
}

void lth_sheet__row_merge(lth_sheet__row *row, uint32_t column)
{
    if (column < LTH_SHEET_COLUMNS_MAX) {
        row->merged[column] = 1;
        row->is_merged = true;
    }
}

lth_slice lth_sheet__row_text(const lth_sheet__row *row, uint32_t column)
{
    const lth_sheet_cell *cell = &row->cells[column];
    return row->offsets[column] == BORROWED
               ? cell->text
               : lth_slice_of(row->text.n > 0 ? row->text.p + row->offsets[column] : NULL,
                              cell->text.n);
}

bool lth_sheet__row_any(const lth_sheet__row *row)
{
    return row->n > 0; /* no empty cell is ever set last */
}

void lth_sheet__row_give(lth_sheet__row *row, lth_sheet_row *out)
{
    for (uint32_t i = 0; i < row->n; i++) {
        row->cells[i].text = lth_sheet__row_text(row, i);
        row->offsets[i] = BORROWED;
    }
    if (row->is_merged) { /* the covered cells behind the last value belong to the row too */
        uint32_t last = LTH_SHEET_COLUMNS_MAX;
        while (last > row->n && row->merged[last - 1] == 0) {
            last--;
        }
        if (last > row->n) {
            reach(row, last - 1);
        }
    }
    *out = (lth_sheet_row){.number = row->number,
                           .n_cells = row->n,
                           .cells = row->cells,
                           .merged = row->is_merged ? row->merged : NULL};
}
