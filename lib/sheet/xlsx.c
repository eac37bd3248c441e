#include <stdlib.h>

#include "xlsx.h"

#define COLUMNS_OF_EXCEL 16384u
#define LOOK_PIECE       (64 * 1024)
#define LOOK_KEPT        256u /* bytes that a piece and the next have in common */

/* Types of a cell; the order of TYPES. */
enum { NUMBER, SHARED, BOOL, ERROR, FORMULA_TEXT, INLINE_TEXT, ISO_DATE };
static const char *const TYPES[] = {"n", "s", "b", "e", "str", "inlineStr", "d"};
#define N_TYPES (sizeof TYPES / sizeof TYPES[0])

/* ---- cells ---- */

/* "AB12" as a column from 0; false: no such place. */
static bool read_place(const char *text, uint32_t *column, uint32_t *row)
{
    uint32_t value = 0;
    for (; *text >= 'A' && *text <= 'Z' && value <= COLUMNS_OF_EXCEL; text++) {
        value = value * 26 + (uint32_t)(*text - 'A' + 1);
    }
    *column = value - 1;
    return value >= 1 && value <= COLUMNS_OF_EXCEL &&
           lth_sheet__xml_number(text, LTH_SHEET_ROWS_MAX, row) && *row >= 1;
}

static void damaged(lth_sheet__xlsx *x, const char *what)
{
    lth_sheet__xml_stop(&x->xml, lth_sheet__fault(x->xml.to, LTH_SHEET_FAULT_truncated,
                                                  "behind row %u: %s", x->last_row, what));
}

static void start_row(lth_sheet__xlsx *x, const char **attributes)
{
    const char *text = lth_sheet__xml_attribute(attributes, "r");
    uint32_t number = x->last_row + 1;
    if (text != NULL &&
        (!lth_sheet__xml_number(text, UINT32_MAX, &number) || number <= x->last_row)) {
        damaged(x, "rows are not in order");
        return;
    }
    if (number > LTH_SHEET_ROWS_MAX) {
        lth_sheet__xml_stop(&x->xml, lth_sheet__fault(x->xml.to, LTH_SHEET_FAULT_too_many_rows,
                                                      "more than %u rows", LTH_SHEET_ROWS_MAX));
        return;
    }
    x->in_row = true;
    x->last_row = number;
    x->column = UINT32_MAX;
    lth_sheet__row_begin(&x->sheet->row, number);
}

static void start_cell(lth_sheet__xlsx *x, const char **attributes)
{
    uint32_t row;
    const char *type = NULL, *place = NULL;
    x->style = 0;
    for (; attributes[0] != NULL; attributes += 2) {
        if (attributes[0][0] == '\0' || attributes[0][1] != '\0') {
            continue;
        }
        switch (attributes[0][0]) {
        case 'r':
            place = attributes[1];
            break;
        case 's':
            (void)lth_sheet__xml_number(attributes[1], UINT32_MAX, &x->style);
            break;
        case 't':
            type = attributes[1];
            break;
        default:
            break;
        }
    }
    if (place == NULL) {
        x->column++;
    } else if (!read_place(place, &x->column, &row) || row != x->last_row) {
        damaged(x, "a cell in the wrong place");
        return;
    }
    x->type = NUMBER;
    for (uint8_t i = 0; type != NULL && i < N_TYPES; i++) {
        if (strcmp(type, TYPES[i]) == 0) {
            x->type = i;
        }
    }
    x->in_cell = true;
    x->has_value = false;
    x->has_formula = false;
    lth_buf_clear(&x->cell);
}

static void cells_start(void *ctx, const char *name, const char **attributes)
{
    lth_sheet__xlsx *x = ctx;
    if (x->in_cell) {
        if (strcmp(name, "v") == 0) {
            x->capture = LTH_SHEET__VALUE;
            x->has_value = true;
        } else if (strcmp(name, "t") == 0 && x->type == INLINE_TEXT && !x->in_phonetic) {
            x->capture = LTH_SHEET__INLINE;
            x->has_value = true;
        } else if (strcmp(name, "f") == 0) {
            x->has_formula = true;
        } else if (strcmp(name, "rPh") == 0) {
            x->in_phonetic = true;
        }
    } else if (x->in_row) {
        if (strcmp(name, "c") == 0) {
            start_cell(x, attributes);
        }
    } else if (x->in_data && strcmp(name, "row") == 0) {
        start_row(x, attributes);
    } else if (strcmp(name, "sheetData") == 0) {
        x->in_data = true;
    }
}

static void cells_text(void *ctx, const char *text, int n)
{
    lth_sheet__xlsx *x = ctx;
    if (x->capture == LTH_SHEET__SKIP) {
        return;
    }
    lth_err err = lth_buf_add(&x->cell, text, (size_t)n);
    if (err == LTH_E_LIMIT) {
        lth_sheet__xml_stop(&x->xml, lth_sheet__fault(x->xml.to, LTH_SHEET_FAULT_cell_too_long,
                                                      "row %u: a cell of more than %u characters",
                                                      x->last_row, LTH_SHEET_CELL_MAX));
    } else if (err != LTH_OK) {
        lth_sheet__xml_stop(&x->xml, lth_sheet__nomem(x->xml.to));
    }
}

static lth_err put_shared(lth_sheet__xlsx *x, lth_slice value)
{
    char text[12];
    uint32_t index = 0;
    bool found = false;
    lth_slice string = {NULL, 0};
    if (value.n < sizeof text) {
        memcpy(text, value.p, value.n);
        text[value.n] = '\0';
        if (lth_sheet__xml_number(text, UINT32_MAX - 1, &index)) {
            string = lth_sheet__string(&x->strings, index, &found);
        }
    }
    if (!found) {
        damaged(x, "a shared string that is not there");
        return LTH_OK;
    }
    return lth_sheet__row_borrow(&x->sheet->row, x->column, string, x->xml.to);
}

static lth_err put_number(lth_sheet__xlsx *x, lth_slice value)
{
    char decimal[LTH_SHEET__NUMBER_MAX], date[LTH_SHEET__NUMBER_MAX];
    lth_sheet_cell_kind kind = LTH_CELL_NUMBER;
    size_t n = lth_sheet__decimal(decimal, value);
    lth_slice text = lth_slice_of(decimal, n);
    if (n == 0) {
        kind = LTH_CELL_TEXT;
        text = value;
    } else if (x->style < x->date_styles.n && x->date_styles.p[x->style] != 0) {
        size_t size = lth_sheet__serial(date, text, x->is_1904);
        if (size > 0) {
            kind = LTH_CELL_DATE;
            text = lth_slice_of(date, size);
        }
    }
    return lth_sheet__row_set(&x->sheet->row, x->column, kind, text, x->xml.to);
}

static lth_err put_iso_date(lth_sheet__xlsx *x, lth_slice value)
{
    char text[LTH_SHEET__NUMBER_MAX];
    lth_sheet__date date;
    bool good = lth_sheet__read_date(value, &date);
    size_t n = good ? lth_sheet__show_date(text, &date) : 0;
    return lth_sheet__row_set(&x->sheet->row, x->column, good ? LTH_CELL_DATE : LTH_CELL_TEXT,
                              good ? lth_slice_of(text, n) : value, x->xml.to);
}

static lth_err put_cell(lth_sheet__xlsx *x)
{
    lth_sheet__row *row = &x->sheet->row;
    if (x->has_formula && (x->type == FORMULA_TEXT ? !x->has_value : x->cell.n == 0)) {
        return lth_sheet__row_set(row, x->column, LTH_CELL_FORMULA, lth_slice_of(NULL, 0),
                                  x->xml.to);
    }
    if (x->cell.n == 0) {
        return LTH_OK;
    }
    lth_slice value = lth_buf_slice(&x->cell);
    switch (x->type) {
    case SHARED:
        return put_shared(x, value);
    case BOOL:
        value = lth_slice_of(value.p[0] == '1' || value.p[0] == 't' ? "1" : "0", 1);
        return lth_sheet__row_set(row, x->column, LTH_CELL_BOOL, value, x->xml.to);
    case ERROR:
        return lth_sheet__row_set(row, x->column, LTH_CELL_ERROR, value, x->xml.to);
    case ISO_DATE:
        return put_iso_date(x, value);
    case NUMBER:
        return put_number(x, value);
    default:
        value.n = lth_sheet__unescape(x->cell.p, value.n);
        return lth_sheet__row_set(row, x->column, LTH_CELL_TEXT, value, x->xml.to);
    }
}

static void end_cell(lth_sheet__xlsx *x)
{
    x->in_cell = false;
    lth_err err = put_cell(x);
    if (err != LTH_OK) {
        lth_sheet__xml_stop(&x->xml, err);
    }
}

static void end_row(lth_sheet__xlsx *x)
{
    lth_sheet__row *row = &x->sheet->row;
    x->in_row = false;
    if (!lth_sheet__row_any(row)) {
        return;
    }
    lth_sheet__merges_apply(&x->merges, row);
    lth_sheet__xml_stop(&x->xml, LTH_OK);
}

static void cells_end(void *ctx, const char *name)
{
    lth_sheet__xlsx *x = ctx;
    x->capture = LTH_SHEET__SKIP;
    if (x->in_cell) {
        if (strcmp(name, "c") == 0) {
            end_cell(x);
        } else if (strcmp(name, "rPh") == 0) {
            x->in_phonetic = false;
        }
    } else if (x->in_row && strcmp(name, "row") == 0) {
        end_row(x);
    } else if (x->in_data && strcmp(name, "sheetData") == 0) {
        x->in_data = false;
    }
}

lth_err lth_sheet__cells_begin(lth_sheet__xlsx *x, const lth_sheet__report *to)
{
    x->in_data = false;
    x->in_row = false;
    x->in_cell = false;
    x->in_phonetic = false;
    x->capture = LTH_SHEET__SKIP;
    x->last_row = 0;
    x->xml.start = cells_start;
    x->xml.end = cells_end;
    x->xml.text = cells_text;
    return lth_sheet__xml_begin(&x->xml, to);
}

lth_err lth_sheet__cells_next(lth_sheet__xlsx *x, const lth_sheet__report *to)
{
    return lth_sheet__xml_run(&x->xml, to);
}

/* ---- a quick look over a sheet's bytes ---- */

/* 'ref="A1:C2"' among the attributes of an element. */
static void keep_merge(lth_sheet__xlsx *x, lth_slice attributes)
{
    char text[32];
    const uint8_t *ref = memmem(attributes.p, attributes.n, "ref=", 4);
    if (ref == NULL) {
        return;
    }
    size_t left = (size_t)(attributes.p + attributes.n - ref) - 4, n = 0;
    for (size_t i = 1; i < left && n < sizeof text - 1 && ref[4 + i] != ref[4]; i++) {
        text[n++] = (char)ref[4 + i];
    }
    text[n] = '\0';
    char *second = strchr(text, ':');
    lth_sheet__merge m;
    if (second == NULL) {
        return;
    }
    *second++ = '\0';
    if (read_place(text, &m.column_first, &m.row_first) &&
        read_place(second, &m.column_last, &m.row_last)) {
        lth_sheet__merges_add(&x->merges, m);
    }
}

void lth_sheet__look(lth_sheet__xlsx *x, lth_slice bytes)
{
    static const char MERGE[] = "mergeCell ", INLINE[] = "\"inlineStr\"";
    x->has_inline = x->has_inline || memmem(bytes.p, bytes.n, INLINE, sizeof INLINE - 1) != NULL;
    const uint8_t *at = bytes.p, *end = bytes.p + bytes.n;
    while ((at = memmem(at, (size_t)(end - at), MERGE, sizeof MERGE - 1)) != NULL) {
        const uint8_t *close = memchr(at, '>', (size_t)(end - at));
        bool tag = at > bytes.p && (at[-1] == '<' || at[-1] == ':');
        if (tag && close != NULL) {
            keep_merge(x, lth_slice_of(at, (size_t)(close - at)));
        }
        at += sizeof MERGE - 1;
    }
}

/* Merged areas stand behind the rows they belong to, so the bytes go by once before. */
static lth_err look_over(lth_sheet__xlsx *x, uint32_t index, const lth_sheet__report *to)
{
    uint8_t *piece = malloc(LOOK_PIECE + LOOK_KEPT);
    lth_err err = piece != NULL ? lth_sheet__part_open(&x->part, x->zip, x->sheets[index], to)
                                : lth_sheet__nomem(to);
    x->merges.n = 0;
    x->has_inline = false;
    size_t kept = 0;
    while (err == LTH_OK) {
        int n = lth_sheet__part_read(&x->part, piece + kept, LOOK_PIECE, to);
        err = n < 0 ? (lth_err)n : LTH_OK;
        if (n <= 0) {
            break;
        }
        size_t all = kept + (size_t)n;
        lth_sheet__look(x, lth_slice_of(piece, all));
        kept = all < LOOK_KEPT ? all : LOOK_KEPT;
        memmove(piece, piece + all - kept, kept);
    }
    lth_sheet__part_close(&x->part);
    free(piece);
    x->looked_at = err == LTH_OK ? index + 1 : 0;
    return err;
}

/* ---- the kind ---- */

static int read_part(void *ctx, void *out, int n, const lth_sheet__report *to)
{
    lth_sheet__xlsx *x = ctx;
    return lth_sheet__part_read(&x->part, out, n, to);
}

static lth_err xlsx_select(lth_sheet *self, uint32_t index, const lth_sheet__report *to)
{
    lth_sheet__xlsx *x = self->state;
    lth_sheet__part_close(&x->part);
    lth_err err = x->looked_at == index + 1 ? LTH_OK : look_over(x, index, to);
    if (err == LTH_OK) {
        err = lth_sheet__part_open(&x->part, x->zip, x->sheets[index], to);
    }
    self->legacy = x->strings_legacy;
    self->is_told = !x->has_inline;
    return err == LTH_OK ? lth_sheet__cells_begin(x, to) : err;
}

static lth_err xlsx_next(lth_sheet *self, const lth_sheet__report *to)
{
    return lth_sheet__cells_next(self->state, to);
}

void lth_sheet__xlsx_init(lth_sheet__xlsx *x, lth_sheet *sheet)
{
    x->sheet = sheet;
    x->xml.ctx = x;
    x->xml.read = read_part;
    lth_buf_init(&x->cell, LTH_SHEET__CELL_BYTES_MAX);
    lth_buf_init(&x->date_styles, 64u * 1024u);
    lth_sheet__strings_init(&x->strings);
}

void lth_sheet__xlsx_fini(lth_sheet__xlsx *x)
{
    lth_sheet__xml_fini(&x->xml);
    lth_sheet__part_close(&x->part);
    if (x->zip != NULL) {
        zip_discard(x->zip);
    }
    lth_buf_fini(&x->cell);
    lth_buf_fini(&x->date_styles);
    lth_sheet__strings_fini(&x->strings);
}

static void xlsx_close(lth_sheet *self)
{
    lth_sheet__xlsx_fini(self->state);
    free(self->state);
}

/* The strings of the whole workbook tell whether they were typed in fonts of an old encoding. */
static lth_err tell_strings(lth_sheet__xlsx *x, const lth_sheet__report *to)
{
    lth_sheet__detector *detector = calloc(1, sizeof *detector);
    if (detector == NULL) {
        return lth_sheet__nomem(to);
    }
    bool found = true;
    for (uint32_t i = 0; found; i++) {
        lth_sheet__detect_text(detector, lth_sheet__string(&x->strings, i, &found));
    }
    x->strings_legacy = lth_sheet__detected(detector, false);
    free(detector);
    return LTH_OK;
}

lth_err lth_sheet__open_xlsx(lth_sheet *self, const lth_sheet__report *to)
{
    static const lth_sheet__ops OPS = {xlsx_select, xlsx_next, xlsx_close};
    lth_sheet__xlsx *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return lth_sheet__nomem(to);
    }
    lth_sheet__xlsx_init(x, self);
    self->ops = &OPS;
    self->state = x;
    self->kind = LTH_SHEET_XLSX;
    lth_err err = lth_sheet__zip_open(&x->zip, self->fd, to);
    if (err == LTH_OK) {
        err = lth_sheet__book_read(self, to);
    }
    return err == LTH_OK ? tell_strings(x, to) : err;
}
