#include "sheet_check.h"

#include "lib/sheet/internal.h"

static void check_utf8(lth_slice text)
{
    size_t size;
    for (size_t at = 0; at < text.n; at += size) {
        lth_slice rest = lth_slice_of(text.p + at, text.n - at);
        LTH_ASSERT(lth_sheet__get_utf8(rest, &size) != UINT32_MAX);
    }
}

/* "-12.5": nothing but a sign, digits and a point with digits on both sides. */
static void check_number(lth_slice text)
{
    size_t n_digits = 0, n_points = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        n_points += c == '.';
        n_digits += c >= '0' && c <= '9';
        LTH_ASSERT((c >= '0' && c <= '9') || c == '.' || (c == '-' && i == 0));
    }
    LTH_ASSERT(n_digits > 0 && n_points <= 1 && text.p[text.n - 1] != '.');
}

static void check_cell(const lth_sheet_cell *cell)
{
    lth_sheet__date date;
    check_utf8(cell->text);
    LTH_ASSERT(cell->text.n <= LTH_SHEET__CELL_BYTES_MAX);
    switch (cell->kind) {
    case LTH_CELL_EMPTY:
    case LTH_CELL_FORMULA:
        LTH_ASSERT(cell->text.n == 0);
        break;
    case LTH_CELL_NUMBER:
        check_number(cell->text);
        break;
    case LTH_CELL_DATE:
        LTH_ASSERT(lth_sheet__read_date(cell->text, &date));
        break;
    case LTH_CELL_BOOL:
        LTH_ASSERT(cell->text.n == 1 && (cell->text.p[0] == '0' || cell->text.p[0] == '1'));
        break;
    case LTH_CELL_TEXT:
    case LTH_CELL_ERROR:
        LTH_ASSERT(cell->text.n > 0);
        break;
    }
}

void check_row(const lth_sheet_row *row, uint32_t last)
{
    bool any = false;
    LTH_ASSERT(row->number > last && row->number <= LTH_SHEET_ROWS_MAX);
    LTH_ASSERT(row->n_cells > 0 && row->n_cells <= LTH_SHEET_COLUMNS_MAX);
    for (uint32_t i = 0; i < row->n_cells; i++) {
        check_cell(&row->cells[i]);
        any = any || row->cells[i].kind != LTH_CELL_EMPTY;
    }
    LTH_ASSERT(any);
}
