#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>
#include <xlsxwriter.h>

#include "internal.h"

#define FIRST_COLUMN_WIDTH 48.0
#define COLUMN_WIDTH       16.0
#define PATH_BYTES_MAX     4096u
#define HEADER_COLOUR      0xDDEBF7
#define FIRST_COLOUR       0xFFF2CC

/* How a cell looks. */
enum { LOOK_TEXT, LOOK_FIRST, LOOK_HEADER, LOOK_DATE, LOOK_DATE_TIME, N_LOOKS };

struct lth_sheet_writer {
    lxw_workbook *book;
    lxw_worksheet *sheet;
    lxw_format *looks[N_LOOKS];
    locale_t plain; /* The "C" locale: a decimal point whatever the environment says. */
    lxw_row_t n_rows, n_headers;
    bool bad;
    char text[LTH_SHEET__CELL_BYTES_MAX + 8]; /* Of one cell, with its terminator. */
    char path[PATH_BYTES_MAX], folder[PATH_BYTES_MAX];
};

static bool make_looks(lth_sheet_writer *self)
{
    static const struct {
        const char *format;
        bool bold, wrap;
        lxw_color_t colour; /* 0: none */
    } LOOKS[N_LOOKS] = {
        [LOOK_TEXT] = {.format = "@"},
        [LOOK_FIRST] = {.format = "@", .wrap = true, .colour = FIRST_COLOUR},
        [LOOK_HEADER] = {.format = "@", .bold = true, .wrap = true, .colour = HEADER_COLOUR},
        [LOOK_DATE] = {.format = "dd/mm/yyyy"},
        [LOOK_DATE_TIME] = {.format = "dd/mm/yyyy hh:mm:ss"},
    };
    for (size_t i = 0; i < N_LOOKS; i++) {
        lxw_format *look = workbook_add_format(self->book);
        if (look == NULL) {
            return false;
        }
        format_set_num_format(look, LOOKS[i].format);
        format_set_align(look, LXW_ALIGN_VERTICAL_TOP);
        if (LOOKS[i].bold) {
            format_set_bold(look);
        }
        if (LOOKS[i].wrap) {
            format_set_text_wrap(look);
        }
        if (LOOKS[i].colour != 0) {
            format_set_bg_color(look, LOOKS[i].colour);
        }
        self->looks[i] = look;
    }
    return true;
}

/* Temporary files stay beside the workbook, on a disk that is meant for it. */
static bool set_paths(lth_sheet_writer *self, const char *path)
{
    size_t n = strlen(path);
    if (n == 0 || n >= PATH_BYTES_MAX) {
        return false;
    }
    memcpy(self->path, path, n + 1);
    memcpy(self->folder, path, n + 1);
    char *slash = strrchr(self->folder, '/');
    if (slash == NULL) {
        memcpy(self->folder, ".", 2);
    } else {
        slash[slash == self->folder ? 1 : 0] = '\0';
    }
    return true;
}

static void writer_free(lth_sheet_writer **self)
{
    lth_sheet_writer *w = *self;
    if (w->book != NULL) {
        lxw_workbook_free(w->book);
    }
    if (w->plain != (locale_t)0) {
        freelocale(w->plain);
    }
    free(w);
    *self = NULL;
}

lth_err lth_sheet_writer_open(lth_sheet_writer **out, const char *path, const char *sheet_name,
                              lth_diag *diag)
{
    *out = NULL;
    lth_sheet_writer *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return lth_fail(diag, LTH_E_NOMEM, "out of memory");
    }
    lth_err err = LTH_E_NOMEM;
    if (!set_paths(self, path)) {
        err = lth_fail(diag, LTH_E_USAGE, "the path of the workbook is empty or too long");
        goto fail;
    }
    if (access(self->folder, W_OK) != 0) {
        err = lth_fail(diag, LTH_E_IO, "%s: its folder cannot be written to", path);
        goto fail;
    }
    self->plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    lxw_workbook_options options = {.constant_memory = LXW_TRUE, .tmpdir = self->folder};
    self->book = workbook_new_opt(self->path, &options);
    if (self->plain == (locale_t)0 || self->book == NULL) {
        goto fail;
    }
    if (workbook_validate_sheet_name(self->book, sheet_name) != LXW_NO_ERROR) {
        err = lth_fail(diag, LTH_E_USAGE, "\"%s\" cannot be the name of a sheet", sheet_name);
        goto fail;
    }
    self->sheet = workbook_add_worksheet(self->book, sheet_name);
    if (self->sheet == NULL) {
        err = lth_fail(diag, LTH_E_IO, "%s: no temporary file can be made beside it", path);
        goto fail;
    }
    if (!make_looks(self)) {
        goto fail;
    }
    (void)worksheet_set_column(self->sheet, 0, 0, FIRST_COLUMN_WIDTH, self->looks[LOOK_TEXT]);
    (void)worksheet_set_column(self->sheet, 1, LTH_SHEET_COLUMNS_MAX - 1, COLUMN_WIDTH,
                               self->looks[LOOK_TEXT]);
    *out = self;
    return LTH_OK;
fail:
    writer_free(&self);
    return err;
}

static lxw_error write_number(lth_sheet_writer *self, lxw_col_t column, lxw_format *look)
{
    char *end = NULL;
    double value = strtod_l(self->text, &end, self->plain);
    if (end == self->text || *end != '\0') {
        return worksheet_write_string(self->sheet, self->n_rows, column, self->text, look);
    }
    return worksheet_write_number(self->sheet, self->n_rows, column, value,
                                  look == self->looks[LOOK_TEXT] ? NULL : look);
}

static lxw_error write_date(lth_sheet_writer *self, lxw_col_t column, lxw_format *look)
{
    lth_sheet__date date;
    if (!lth_sheet__read_date(lth_slice_of(self->text, strlen(self->text)), &date) ||
        date.year < 1901) {
        return worksheet_write_string(self->sheet, self->n_rows, column, self->text, look);
    }
    lxw_datetime value = {.year = (int)date.year,
                          .month = (int)date.month,
                          .day = (int)date.day,
                          .hour = (int)(date.second / 3600),
                          .min = (int)(date.second / 60 % 60),
                          .sec = (double)(date.second % 60)};
    return worksheet_write_datetime(self->sheet, self->n_rows, column, &value,
                                    self->looks[date.has_time ? LOOK_DATE_TIME : LOOK_DATE]);
}

static bool is_escape(const uint8_t *p, size_t n)
{
    uint8_t bytes[2];
    return n >= 7 && p[0] == '_' && p[1] == 'x' && p[6] == '_' &&
           lth_unhex(bytes, 2, (const char *)p + 2, 4);
}

/* Bytes at @p p that may not stand in XML as they are: *code is written as "_x000D_" in place of
 * them. Text that looks like such an escape has its first character escaped. */
static size_t to_escape(const uint8_t *p, size_t n, uint32_t *code)
{
    bool control = p[0] < ' ' && p[0] != '\t' && p[0] != '\n';
    if (control || is_escape(p, n)) {
        *code = p[0];
        return 1;
    }
    bool never = n >= 3 && p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe; /* U+FFFE, U+FFFF */
    *code = never ? 0xff40u + p[2] : 0;
    return never ? 3 : 0;
}

/* False: too long. */
static bool copy_text(lth_sheet_writer *self, lth_slice text)
{
    size_t n = 0;
    for (size_t at = 0; at < text.n;) {
        uint32_t code;
        size_t size = to_escape(text.p + at, text.n - at, &code);
        if (n + 7 >= sizeof self->text) {
            return false;
        }
        if (size == 0) {
            self->text[n++] = (char)text.p[at++];
            continue;
        }
        uint8_t bytes[2] = {(uint8_t)(code >> 8), (uint8_t)code};
        memcpy(self->text + n, "_x", 2);
        lth_hex(self->text + n + 2, bytes, 2);
        self->text[n + 6] = '_';
        n += 7;
        at += size;
    }
    self->text[n] = '\0';
    return true;
}

static lxw_error write_cell(lth_sheet_writer *self, lxw_col_t column, const lth_sheet_cell *cell,
                            lxw_format *look)
{
    if (!copy_text(self, cell->text)) {
        return LXW_ERROR_MAX_STRING_LENGTH_EXCEEDED;
    }
    switch (cell->kind) {
    case LTH_CELL_EMPTY:
    case LTH_CELL_FORMULA:
        return worksheet_write_blank(self->sheet, self->n_rows, column, look);
    case LTH_CELL_NUMBER:
        return write_number(self, column, look);
    case LTH_CELL_DATE:
        return write_date(self, column, look);
    case LTH_CELL_BOOL:
        return worksheet_write_boolean(self->sheet, self->n_rows, column, self->text[0] == '1',
                                       look == self->looks[LOOK_TEXT] ? NULL : look);
    case LTH_CELL_TEXT:
    case LTH_CELL_ERROR:
        break;
    }
    return worksheet_write_string(self->sheet, self->n_rows, column, self->text, look);
}

lth_err lth_sheet_writer_row(lth_sheet_writer *self, bool header, const lth_sheet_cell *cells,
                             uint32_t n)
{
    if (n > LTH_SHEET_COLUMNS_MAX || self->n_rows >= LTH_SHEET_ROWS_MAX) {
        return LTH_E_LIMIT;
    }
    lxw_error bad = LXW_NO_ERROR;
    locale_t before = uselocale(self->plain); /* libxlsxwriter prints numbers as the locale says */
    for (uint32_t i = 0; i < n && bad == LXW_NO_ERROR; i++) {
        lxw_format *look = self->looks[header ? LOOK_HEADER : i == 0 ? LOOK_FIRST : LOOK_TEXT];
        bad = write_cell(self, (lxw_col_t)i, &cells[i], look);
    }
    (void)uselocale(before);
    if (bad != LXW_NO_ERROR) {
        self->bad = true;
        return bad == LXW_ERROR_MAX_STRING_LENGTH_EXCEEDED ? LTH_E_LIMIT : LTH_E_IO;
    }
    if (header && self->n_headers == self->n_rows) {
        self->n_headers++;
    }
    self->n_rows++;
    return LTH_OK;
}

static bool sync_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return done;
}

lth_err lth_sheet_writer_close(lth_sheet_writer **self, lth_diag *diag)
{
    lth_sheet_writer *w = *self;
    if (w == NULL) {
        return LTH_OK;
    }
    lth_err err = LTH_OK;
    if (w->bad) {
        err = lth_fail(diag, LTH_E_IO, "%s: a row of the workbook could not be written", w->path);
    } else {
        worksheet_freeze_panes(w->sheet, w->n_headers, 0);
        locale_t before = uselocale(w->plain);
        lxw_error bad = workbook_close(w->book); /* frees it, whatever it returns */
        (void)uselocale(before);
        w->book = NULL;
        if (bad != LXW_NO_ERROR) {
            err = lth_fail(diag, LTH_E_IO, "%s: %s", w->path, lxw_strerror(bad));
        } else if (!sync_file(w->path)) {
            err = lth_fail(diag, LTH_E_IO, "%s: the workbook cannot be synced to disk", w->path);
        }
    }
    writer_free(self);
    return err;
}
