#include "agents/capture/split.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "lth/diag.h"
#include "lth/sheet.h"

#define MARK       "\xEF\xBB\xBF"
#define HEADER_MAX (2u * 1024u * 1024u)
#define ROOM_FIRST 4096u
#define NAME_BYTES 12u

lth_err split_init(split *self, const lth_capture_view_request *request)
{
    *self = (split){.request = request, .last = request->n_orgs};
    lth_buf_init(&self->header, HEADER_MAX);
    self->dir = open(request->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    self->schools = calloc((size_t)request->n_orgs + 1, sizeof *self->schools);
    self->strangers = calloc(SPLIT_STRANGERS_MAX, sizeof *self->strangers);
    if (self->schools == NULL || self->strangers == NULL)
        return LTH_E_NOMEM;
    return self->dir >= 0 ? LTH_OK : LTH_E_IO;
}

static void drop_buffer(split *self, split_school *school)
{
    self->buffered -= school->cap;
    free(school->p);
    school->p = NULL;
    school->n = school->cap = 0;
}

void split_fini(split *self)
{
    for (uint32_t i = 0; self->schools != NULL && i < self->request->n_orgs; i++)
        drop_buffer(self, &self->schools[i]);
    free(self->schools);
    free(self->strangers);
    lth_buf_fini(&self->header);
    if (self->dir >= 0)
        (void)close(self->dir);
}

static void name_of(uint32_t school, char out[NAME_BYTES])
{
    (void)snprintf(out, NAME_BYTES, "%u", school);
}

void split_undo(split *self)
{
    for (uint32_t i = 0; i < self->request->n_orgs; i++) {
        split_school *school = &self->schools[i];
        char name[NAME_BYTES];
        drop_buffer(self, school);
        name_of(i, name);
        if (school->written)
            (void)unlinkat(self->dir, name, 0);
        *school = (split_school){0};
    }
    lth_buf_clear(&self->header);
    self->n_strangers = self->more_rows = self->rows = 0;
    self->last = self->request->n_orgs;
    self->bytes = 0;
}

/* ---- text ---- */

/* Bytes of the character at @p p; 0: it is no UTF-8. */
static size_t utf8_size(const uint8_t *p, size_t n)
{
    size_t size = p[0] < 0x80                    ? 1
                  : p[0] >= 0xC2 && p[0] < 0xE0  ? 2
                  : p[0] >= 0xE0 && p[0] < 0xF0  ? 3
                  : p[0] >= 0xF0 && p[0] <= 0xF4 ? 4
                                                 : 0;
    if (size == 0 || size > n)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    bool overlong = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF4 && p[1] > 0x8F);
    return overlong || beyond ? 0 : size;
}

/* Is it text, and short enough for a cell (counted as Excel does)? */
static lth_scan_fault judge_text(lth_slice text)
{
    size_t units = 0;
    for (size_t i = 0, size; i < text.n; i += size) {
        size = utf8_size(text.p + i, text.n - i);
        if (size == 0)
            return LTH_SCAN_bad_text;
        units += size == 4 ? 2 : 1;
    }
    return units > LTH_SHEET_CELL_MAX ? LTH_SCAN_truncated : LTH_SCAN_none;
}

/* Enough for a value in quotes, each of its quotes doubled. */
static size_t quoted_most(lth_slice text)
{
    return 2 * text.n + 2;
}

static uint8_t *put_quoted(uint8_t *to, lth_slice text)
{
    *to++ = '"';
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        bool blank = c < ' ' && (c < '\t' || c > '\r');
        if (c == '"')
            *to++ = '"';
        *to++ = blank ? ' ' : c;
    }
    *to++ = '"';
    return to;
}

static lth_slice trimmed(lth_slice text)
{
    while (text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
        text = lth_slice_of(text.p + 1, text.n - 1);
    while (text.n > 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    return text;
}

/* ---- columns ---- */

static lth_scan_fault make_header(split *self)
{
    if (lth_buf_add(&self->header, MARK, strlen(MARK)) != LTH_OK)
        return LTH_SCAN_incomplete;
    for (uint32_t i = 0; i < self->n_columns; i++) {
        lth_slice name = lth_slice_of(self->names[i], strlen(self->names[i]));
        size_t most = quoted_most(name) + 1;
        uint8_t *start = lth_buf_more(&self->header, most);
        if (start == NULL)
            return LTH_SCAN_incomplete;
        uint8_t *end = put_quoted(start, name);
        *end++ = i + 1 < self->n_columns ? ',' : '\n';
        self->header.n -= most - (size_t)(end - start);
    }
    return LTH_SCAN_none;
}

lth_scan_fault split_columns(split *self, const char *const *names, uint32_t n,
                             char detail[LTH_DETAIL_MAX])
{
    const char *wanted = self->request->source.tables[0].columns[0];
    self->names = names;
    self->n_columns = self->org = n;
    for (uint32_t i = 0; i < n; i++) {
        lth_scan_fault fault = judge_text(lth_slice_of(names[i], strlen(names[i])));
        if (fault != LTH_SCAN_none)
            return fault;
        if (self->org == n && strcasecmp(names[i], wanted) == 0)
            self->org = i;
    }
    if (self->org == n) {
        (void)lth_format(detail, LTH_DETAIL_MAX, "%s", wanted);
        return LTH_SCAN_missing_column;
    }
    return make_header(self);
}

/* ---- files ---- */

static lth_scan_fault not_written(char detail[LTH_DETAIL_MAX])
{
    (void)lth_format(detail, LTH_DETAIL_MAX, "%s", strerrordesc_np(errno));
    return LTH_SCAN_not_written;
}

/* Append what is collected of one school, behind the headers if it is the first. */
static lth_scan_fault flush_school(split *self, uint32_t index, char detail[LTH_DETAIL_MAX])
{
    char name[NAME_BYTES];
    split_school *school = &self->schools[index];
    name_of(index, name);
    int fresh = school->written ? 0 : O_CREAT | O_EXCL;
    int fd = openat(self->dir, name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | fresh, 0640);
    if (fd < 0)
        return not_written(detail);
    lth_err err = LTH_OK;
    if (!school->written)
        err = write_all(fd, self->header.p, self->header.n);
    school->written = true;
    if (!err)
        err = write_all(fd, school->p, school->n);
    lth_scan_fault fault = err ? not_written(detail) : LTH_SCAN_none;
    if (close(fd) != 0 && fault == LTH_SCAN_none)
        fault = not_written(detail);
    drop_buffer(self, school);
    return fault;
}

static lth_scan_fault flush_all(split *self, char detail[LTH_DETAIL_MAX])
{
    lth_scan_fault fault = LTH_SCAN_none;
    for (uint32_t i = 0; fault == LTH_SCAN_none && i < self->request->n_orgs; i++) {
        if (self->schools[i].n > 0)
            fault = flush_school(self, i, detail);
    }
    return fault;
}

lth_scan_fault split_end(split *self, char detail[LTH_DETAIL_MAX])
{
    lth_scan_fault fault = flush_all(self, detail);
    for (uint32_t i = 0; fault == LTH_SCAN_none && i < self->request->n_orgs; i++) {
        if (self->request->orgs[i].had && !self->schools[i].written)
            fault = flush_school(self, i, detail);
    }
    return fault;
}

/* ---- rows ---- */

static int compare_code(const void *key, const void *element)
{
    const lth_slice *code = key;
    const struct lth_capture_view_org *org = element;
    return lth_slice_compare(*code, lth_slice_of(org->code, strlen(org->code)));
}

/* Rows of a school mostly lie together. n_orgs: it is not served here. */
static uint32_t school_of(split *self, lth_slice code)
{
    const lth_capture_view_request *request = self->request;
    if (self->last < request->n_orgs && compare_code(&code, &request->orgs[self->last]) == 0)
        return self->last;
    const struct lth_capture_view_org *found =
        request->n_orgs > 0
            ? bsearch(&code, request->orgs, request->n_orgs, sizeof *request->orgs, compare_code)
            : NULL;
    self->last = found != NULL ? (uint32_t)(found - request->orgs) : request->n_orgs;
    return self->last;
}

static bool is_code(lth_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return text.n > 0 && text.n <= SPLIT_CODE_MAX;
}

/* What is no code is not repeated anywhere: it may be anything. */
static void count_stranger(split *self, lth_slice org)
{
    char code[SPLIT_CODE_MAX + 1];
    uint32_t i = 0;
    if (!is_code(org)) {
        self->more_rows++;
        return;
    }
    memcpy(code, org.p, org.n);
    code[org.n] = '\0';
    while (i < self->n_strangers && strcmp(self->strangers[i].code, code) != 0)
        i++;
    if (i == SPLIT_STRANGERS_MAX) {
        self->more_rows++;
        return;
    }
    if (i == self->n_strangers) {
        memcpy(self->strangers[i].code, code, sizeof code);
        self->strangers[i].rows = 0;
        self->n_strangers++;
    }
    self->strangers[i].rows++;
}

static uint8_t *room_for(split *self, split_school *school, size_t most)
{
    size_t cap = school->cap == 0 ? ROOM_FIRST : school->cap;
    while (cap - school->n < most)
        cap *= 2;
    if (cap != school->cap) {
        uint8_t *p = realloc(school->p, cap);
        if (p == NULL)
            return NULL;
        self->buffered += cap - school->cap;
        school->p = p;
        school->cap = cap;
    }
    return school->p + school->n;
}

static lth_scan_fault judge_cells(const split *self, const lth_cell *cells, const char *code,
                                  size_t *most, char detail[LTH_DETAIL_MAX])
{
    *most = 0;
    for (uint32_t i = 0; i < self->n_columns; i++) {
        lth_slice text = lth_slice_of(cells[i].p, cells[i].n > 0 ? (size_t)cells[i].n : 0);
        lth_scan_fault fault = judge_text(text);
        *most += quoted_most(text) + 1;
        if (fault != LTH_SCAN_none) {
            (void)lth_format(detail, LTH_DETAIL_MAX, "%s: %s", code, self->names[i]);
            return fault;
        }
    }
    return LTH_SCAN_none;
}

static void add_cells(const split *self, split_school *school, const lth_cell *cells, uint8_t *to)
{
    uint8_t *start = to;
    for (uint32_t i = 0; i < self->n_columns; i++) {
        if (cells[i].n >= 0)
            to = put_quoted(to, lth_slice_of(cells[i].p, (size_t)cells[i].n));
        *to++ = i + 1 < self->n_columns ? ',' : '\n';
    }
    school->n += (size_t)(to - start);
}

static lth_scan_fault check_limits(split *self, uint32_t index, size_t added,
                                   char detail[LTH_DETAIL_MAX])
{
    split_school *school = &self->schools[index];
    school->bytes += added + (school->rows == 0 ? self->header.n : 0);
    self->bytes += added;
    school->rows++;
    if (school->rows > LTH_SCAN_ROWS_MAX)
        (void)lth_format(detail, LTH_DETAIL_MAX, "%s: > %u", self->request->orgs[index].code,
                         LTH_SCAN_ROWS_MAX);
    else if (school->bytes > self->request->file_max)
        (void)lth_format(detail, LTH_DETAIL_MAX, "%s: > %u MiB", self->request->orgs[index].code,
                         self->request->file_max >> 20);
    else if (self->bytes > SPLIT_BYTES_MAX)
        (void)lth_format(detail, LTH_DETAIL_MAX, "> %u MiB", (unsigned)(SPLIT_BYTES_MAX >> 20));
    else
        return LTH_SCAN_none;
    return LTH_SCAN_too_many_rows;
}

static lth_scan_fault add_row(split *self, uint32_t index, const lth_cell *cells,
                              char detail[LTH_DETAIL_MAX])
{
    split_school *school = &self->schools[index];
    size_t most;
    lth_scan_fault fault = judge_cells(self, cells, self->request->orgs[index].code, &most, detail);
    if (fault != LTH_SCAN_none)
        return fault;
    uint8_t *to = room_for(self, school, most);
    if (to == NULL)
        return LTH_SCAN_incomplete;
    size_t before = school->n;
    add_cells(self, school, cells, to);
    fault = check_limits(self, index, school->n - before, detail);
    if (fault == LTH_SCAN_none && school->n >= SPLIT_BUFFER_MAX)
        fault = flush_school(self, index, detail);
    if (fault == LTH_SCAN_none && self->buffered >= SPLIT_BUFFERED_MAX)
        fault = flush_all(self, detail);
    return fault;
}

lth_scan_fault split_row(split *self, const lth_cell *cells, uint32_t n,
                         char detail[LTH_DETAIL_MAX])
{
    LTH_ASSERT(n == self->n_columns);
    const lth_cell *cell = &cells[self->org];
    lth_slice code = trimmed(lth_slice_of(cell->p, cell->n > 0 ? (size_t)cell->n : 0));
    if (code.n == 0) {
        (void)lth_format(detail, LTH_DETAIL_MAX, "%s", self->names[self->org]);
        return LTH_SCAN_no_org;
    }
    self->rows++;
    uint32_t school = school_of(self, code);
    if (school < self->request->n_orgs)
        return add_row(self, school, cells, detail);
    count_stranger(self, code);
    return LTH_SCAN_none;
}

/* ---- telling ---- */

static lth_err tell_one(rows *out, const char *code, uint32_t n, bool served)
{
    const lth_capture_row_head head = {.row = n, .org = lth_slice_of(code, strlen(code))};
    return rows_add(out, &head, &(lth_cell){(const uint8_t *)"", served ? 0 : -1}, 1);
}

lth_err split_tell(const split *self, rows *out)
{
    lth_err err = LTH_OK;
    for (uint32_t i = 0; !err && i < self->request->n_orgs; i++) {
        if (self->schools[i].written)
            err = tell_one(out, self->request->orgs[i].code, self->schools[i].rows, true);
    }
    for (uint32_t i = 0; !err && i < self->n_strangers; i++)
        err = tell_one(out, self->strangers[i].code, self->strangers[i].rows, false);
    if (!err && self->more_rows > 0)
        err = tell_one(out, "", self->more_rows, false);
    return err;
}
