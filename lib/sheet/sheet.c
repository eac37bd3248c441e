#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

typedef lth_err (*open_fn)(lth_sheet *self, const lth_sheet__report *to);

static const open_fn OPENERS[] = {
    [LTH_SHEET_CSV] = lth_sheet__open_csv, [LTH_SHEET_XLSX] = lth_sheet__open_xlsx,
    [LTH_SHEET_XLS] = lth_sheet__open_xls, [LTH_SHEET_HTML] = lth_sheet__open_html,
    [LTH_SHEET_XML] = lth_sheet__open_xml,
};

lth_err lth_sheet__add_name(lth_sheet *self, lth_slice name, const lth_sheet__report *to)
{
    if (self->n_sheets == LTH_SHEET_SHEETS_MAX) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_too_large, "more than %u sheets",
                                LTH_SHEET_SHEETS_MAX);
    }
    char *copy = malloc(name.n + 1);
    if (copy == NULL) {
        return lth_sheet__nomem(to);
    }
    if (name.n > 0) {
        memcpy(copy, name.p, name.n);
    }
    copy[name.n] = '\0';
    self->names[self->n_sheets++] = copy;
    return LTH_OK;
}

static lth_err open_file(lth_sheet *self, const lth_sheet__report *to)
{
    struct stat info;
    self->fd = open(self->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (self->fd < 0 || fstat(self->fd, &info) != 0) {
        return lth_sheet__io(to, self->path);
    }
    if (!S_ISREG(info.st_mode)) {
        return lth_fail(to->diag, LTH_E_IO, "%s: not a file", self->path);
    }
    if ((uint64_t)info.st_size > LTH_SHEET_FILE_MAX) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_too_large, "%llu bytes, at most %u",
                                (unsigned long long)info.st_size, LTH_SHEET_FILE_MAX);
    }
    return lth_sheet__survey_file(&self->survey, self->fd) == LTH_OK
               ? LTH_OK
               : lth_sheet__io(to, self->path);
}

static lth_err open_all(lth_sheet *self, const lth_sheet__report *to)
{
    lth_err err = open_file(self, to);
    if (err != LTH_OK) {
        return err;
    }
    lth_sheet_kind kind = lth_sheet__sniff(self, to);
    if (kind == 0) {
        return LTH_E_FORMAT;
    }
    err = OPENERS[kind](self, to);
    if (err == LTH_OK && self->n_sheets == 0) {
        err = lth_sheet__fault(to, LTH_SHEET_FAULT_no_sheet, "no visible sheet");
    }
    return err == LTH_OK ? lth_sheet_select(self, 0, to->fault, to->diag) : err;
}

lth_err lth_sheet_open(lth_sheet **out, const char *path, lth_sheet_fault *fault, lth_diag *diag)
{
    lth_sheet__report to = {fault, diag};
    *out = NULL;
    *fault = LTH_SHEET_FAULT_none;
    lth_sheet *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return lth_sheet__nomem(&to);
    }
    self->fd = -1;
    self->path = path;
    lth_sheet__row_init(&self->row);
    lth_buf_init(&self->scratch, LTH_SHEET__CELL_BYTES_MAX);
    lth_err err = open_all(self, &to);
    self->path = NULL;
    if (err == LTH_OK) {
        *out = self;
    } else {
        lth_sheet_close(&self);
    }
    return err;
}

void lth_sheet_close(lth_sheet **self)
{
    lth_sheet *s = *self;
    if (s == NULL) {
        return;
    }
    if (s->state != NULL) {
        s->ops->close(s);
    }
    for (uint32_t i = 0; i < s->n_sheets; i++) {
        free(s->names[i]);
    }
    if (s->fd >= 0) {
        (void)close(s->fd);
    }
    lth_sheet__row_fini(&s->row);
    lth_buf_fini(&s->scratch);
    free(s);
    *self = NULL;
}

lth_sheet_kind lth_sheet_kind_of(const lth_sheet *self)
{
    return self->kind;
}

const char *lth_sheet_encoding(const lth_sheet *self)
{
    bool wide =
        self->survey.coding == LTH_SHEET__UTF16LE || self->survey.coding == LTH_SHEET__UTF16BE;
    bool text =
        self->kind == LTH_SHEET_CSV || self->kind == LTH_SHEET_HTML || self->kind == LTH_SHEET_XML;
    return self->legacy == LTH_SHEET__UNICODE && wide && text
               ? "utf-16"
               : lth_sheet__legacy_name(self->legacy);
}

uint32_t lth_sheet_count(const lth_sheet *self)
{
    return self->n_sheets;
}

const char *lth_sheet_name(const lth_sheet *self, uint32_t index)
{
    LTH_ASSERT(index < self->n_sheets);
    return self->names[index];
}

static void detect_row(lth_sheet__detector *out, const lth_sheet__row *row)
{
    for (uint32_t i = 0; i < row->n; i++) {
        if (row->cells[i].kind == LTH_CELL_TEXT) {
            lth_sheet__detect_text(out, lth_sheet__row_text(row, i));
        }
    }
}

/* Read the sheet once to the end, to tell the encoding of its text. */
static lth_err tell_legacy(lth_sheet *self, uint32_t index, const lth_sheet__report *to)
{
    lth_sheet__detector *detector = calloc(1, sizeof *detector);
    if (detector == NULL) {
        return lth_sheet__nomem(to);
    }
    lth_err err;
    while ((err = self->ops->next(self, to)) == LTH_OK) {
        detect_row(detector, &self->row);
    }
    bool bytes = self->survey.coding == LTH_SHEET__BYTES && self->kind == LTH_SHEET_HTML;
    lth_sheet__legacy legacy = lth_sheet__detected(detector, bytes);
    bool doubt = bytes && legacy == LTH_SHEET__UNICODE && detector->n_high > 0;
    free(detector);
    if (err != LTH_E_NOT_FOUND) {
        return err;
    }
    if (doubt) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_encoding,
                                "not UTF-8, and too little text to tell what else");
    }
    err = self->ops->select(self, index, to);
    self->legacy = legacy;
    return err;
}

lth_err lth_sheet_select(lth_sheet *self, uint32_t index, lth_sheet_fault *fault, lth_diag *diag)
{
    lth_sheet__report to = {fault, diag};
    LTH_ASSERT(index < self->n_sheets);
    *fault = LTH_SHEET_FAULT_none;
    self->ended = false;
    lth_err err = self->ops->select(self, index, &to);
    err = err == LTH_OK && !self->is_told ? tell_legacy(self, index, &to) : err;
    self->failed = err;
    self->failed_fault = *fault;
    return err;
}

static lth_err convert_cell(lth_sheet *self, uint32_t column, const lth_sheet__report *to)
{
    lth_slice text = lth_sheet__row_text(&self->row, column);
    lth_buf_clear(&self->scratch);
    lth_err err = lth_sheet__convert(&self->scratch, text, self->legacy);
    if (err == LTH_E_NOMEM) {
        return lth_sheet__nomem(to);
    }
    if (err != LTH_OK) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_cell_too_long,
                                "row %u, column %u: more than %u characters", self->row.number,
                                column + 1, LTH_SHEET_CELL_MAX);
    }
    return lth_sheet__row_set(&self->row, column, LTH_CELL_TEXT, lth_buf_slice(&self->scratch), to);
}

static lth_err convert_row(lth_sheet *self, const lth_sheet__report *to)
{
    for (uint32_t i = 0; i < self->row.n; i++) {
        if (self->row.cells[i].kind == LTH_CELL_TEXT &&
            lth_sheet__has_high(lth_sheet__row_text(&self->row, i))) {
            lth_err err = convert_cell(self, i, to);
            if (err != LTH_OK) {
                return err;
            }
        }
    }
    return LTH_OK;
}

lth_err lth_sheet_next(lth_sheet *self, lth_sheet_row *out, lth_sheet_fault *fault, lth_diag *diag)
{
    lth_sheet__report to = {fault, diag};
    *fault = LTH_SHEET_FAULT_none;
    lth_err err = self->ended ? LTH_E_NOT_FOUND : LTH_OK;
    if (self->failed != LTH_OK) {
        *fault = self->failed_fault;
        return lth_fail(diag, self->failed, "cannot be read behind row %u", self->row.number);
    }
    while (err == LTH_OK) {
        err = self->ops->next(self, &to);
        if (err == LTH_OK && lth_sheet__row_any(&self->row)) {
            err = self->legacy == LTH_SHEET__UNICODE ? LTH_OK : convert_row(self, &to);
            if (err == LTH_OK) {
                lth_sheet__row_give(&self->row, out);
                return LTH_OK;
            }
        }
    }
    self->ended = self->ended || err == LTH_E_NOT_FOUND;
    if (err != LTH_E_NOT_FOUND) {
        self->failed = err;
        self->failed_fault = *fault;
    }
    return err;
}
