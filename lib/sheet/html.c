#include <stdlib.h>

#include "html.h"

/* A table in HTML as programs save it under the name ".xls": tags in any case, left open, nested;
 * attributes with or without quotes. All tables of a document are one sheet, one below the other;
 * text outside of them is not read. */

#define HEAD_MAX  4096u
#define TAG_MAX   32u
#define VALUE_MAX 16u

typedef struct tag {
    char name[TAG_MAX];
    bool is_end;
    uint32_t across, down; /* colspan and rowspan */
} tag;

/* What reaches down from rows above, for each column. */
typedef struct span {
    uint32_t rows; /* still to come */
    bool covered;  /* by an area that began to the left */
} span;

typedef struct html {
    lth_sheet__text *in;
    uint32_t row; /* The last one begun. */
    uint32_t column;
    uint32_t n_tables; /* Open ones. */
    bool any_table;
    bool in_cell, in_row, is_open; /* is_open: <html> without its end so far */
    bool gap, line;                /* White space or a line's end before the next character. */
    bool has_pending;
    tag pending; /* Ended a row, and begins what follows it. */
    tag cell_tag;
    lth_buf cell;
    lth_sheet__legacy declared;
    span spans[LTH_SHEET_COLUMNS_MAX];
} html;

static const char *const LINES[] = {"br", "p", "div", "li", "h1", "h2", "h3"};
static const char *const RAW[] = {"script", "style"};

static bool is(const char *name, const char *what)
{
    return strcmp(name, what) == 0;
}

static bool is_any(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is(name, list[i])) {
            return true;
        }
    }
    return false;
}

static bool is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* ---- tags ---- */

static int skip_spaces(lth_sheet__text *in)
{
    int c;
    while (is_space(c = lth_sheet__text_peek(in))) {
        (void)lth_sheet__text_get(in);
    }
    return c;
}

/* Up to one of @p ends, a space or the end of the file; what does not fit is dropped. */
static void read_word(lth_sheet__text *in, char *out, size_t size, const char *ends)
{
    size_t n = 0;
    int c;
    while ((c = lth_sheet__text_peek(in)) >= 0 && !is_space(c) && (c == 0 || !strchr(ends, c))) {
        (void)lth_sheet__text_get(in);
        if (n + 1 < size) {
            out[n++] = (char)lower(c);
        }
    }
    out[n] = '\0';
}

static void read_value(lth_sheet__text *in, char *out, size_t size)
{
    int quote = skip_spaces(in);
    if (quote != '"' && quote != '\'') {
        read_word(in, out, size, ">");
        return;
    }
    size_t n = 0;
    (void)lth_sheet__text_get(in);
    int c;
    while ((c = lth_sheet__text_get(in)) >= 0 && c != quote) {
        if (n + 1 < size) {
            out[n++] = (char)lower(c);
        }
    }
    out[n] = '\0';
}

static uint32_t number_of(const char *text)
{
    uint32_t value = 0;
    for (; *text >= '0' && *text <= '9' && value < 100000; text++) {
        value = value * 10 + (uint32_t)(*text - '0');
    }
    return value > 0 ? value : 1;
}

/* Behind '<' and perhaps '/'; reads past '>'. */
static void read_tag(lth_sheet__text *in, tag *out)
{
    char name[TAG_MAX], value[VALUE_MAX];
    *out = (tag){.across = 1, .down = 1};
    if (lth_sheet__text_peek(in) == '/') {
        (void)lth_sheet__text_get(in);
        out->is_end = true;
    }
    read_word(in, out->name, sizeof out->name, "/>");
    int c;
    while ((c = skip_spaces(in)) >= 0 && c != '>') {
        if (c == '/' || c == '=') {
            (void)lth_sheet__text_get(in);
            continue;
        }
        read_word(in, name, sizeof name, "=/>");
        value[0] = '\0';
        if (skip_spaces(in) == '=') {
            (void)lth_sheet__text_get(in);
            read_value(in, value, sizeof value);
        }
        if (is(name, "colspan")) {
            out->across = number_of(value);
        } else if (is(name, "rowspan")) {
            out->down = number_of(value);
        }
    }
    (void)lth_sheet__text_get(in);
}

/* Past the first @p end, or to the end of the file. */
static void skip_past(lth_sheet__text *in, const char *end)
{
    size_t n = 0;
    int c;
    while (end[n] != '\0' && (c = lth_sheet__text_get(in)) >= 0) {
        bool same = lower(c) == end[n];
        /* of these ends only "-->" repeats its first character */
        n = same ? n + 1 : c == end[0] ? (n == 2 && end[1] == end[0] ? 2 : 1) : 0;
    }
}

/* Behind '<!': a comment, or a declaration such as <!DOCTYPE> or <![if]>. */
static void skip_declaration(lth_sheet__text *in)
{
    if (lth_sheet__text_peek(in) != '-') {
        skip_past(in, ">");
        return;
    }
    (void)lth_sheet__text_get(in);
    bool comment = lth_sheet__text_peek(in) == '-';
    if (comment) {
        (void)lth_sheet__text_get(in);
    }
    skip_past(in, comment ? "-->" : ">");
}

/* ---- cells ---- */

static lth_err add(html *h, const void *p, size_t n, const lth_sheet__report *to)
{
    lth_err err = lth_buf_add(&h->cell, p, n);
    if (err == LTH_E_LIMIT) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_cell_too_long,
                                "row %u: a cell of more than %u characters", h->row,
                                LTH_SHEET_CELL_MAX);
    }
    return err == LTH_OK ? LTH_OK : lth_sheet__nomem(to);
}

/* Text of a cell: white space in between counts once, at the ends not at all. */
static lth_err add_text(html *h, const uint8_t *p, size_t n, const lth_sheet__report *to)
{
    if (!h->in_cell) {
        return LTH_OK;
    }
    if (n == 1 && is_space(p[0])) {
        h->gap = true;
        return LTH_OK;
    }
    lth_err err = LTH_OK;
    if (h->cell.n > 0 && (h->gap || h->line)) {
        err = add(h, h->line ? "\n" : " ", 1, to);
    }
    h->gap = false;
    h->line = false;
    return err == LTH_OK ? add(h, p, n, to) : err;
}

static lth_err add_entity(html *h, const lth_sheet__report *to)
{
    char name[LTH_SHEET__ENTITY_MAX + 1];
    size_t n = 0;
    int c;
    while (n < LTH_SHEET__ENTITY_MAX && (c = lth_sheet__text_peek(h->in)) >= 0 &&
           lth_sheet__entity_character(c, n)) {
        name[n++] = (char)lth_sheet__text_get(h->in);
    }
    name[n] = '\0';
    uint32_t character = lth_sheet__entity(name);
    if (character == 0) {
        lth_err err = add_text(h, (const uint8_t *)"&", 1, to);
        for (size_t i = 0; i < n && err == LTH_OK; i++) {
            err = add_text(h, (const uint8_t *)name + i, 1, to);
        }
        return err;
    }
    if (lth_sheet__text_peek(h->in) == ';') {
        (void)lth_sheet__text_get(h->in);
    }
    uint8_t utf8[4];
    size_t size = lth_sheet__put_utf8(utf8, character == 0xa0 ? ' ' : character);
    return add_text(h, utf8, size, to);
}

/* Cells of rows above that reach down to this one stand before the next of its own. */
static void pass_spans(lth_sheet *self, html *h)
{
    while (h->column < LTH_SHEET_COLUMNS_MAX && h->spans[h->column].rows > 0) {
        span *s = &h->spans[h->column];
        s->rows--;
        if (s->covered) {
            lth_sheet__row_merge(&self->row, h->column);
        }
        h->column++;
    }
}

static lth_err end_cell(lth_sheet *self, html *h, const lth_sheet__report *to)
{
    if (!h->in_cell) {
        return LTH_OK;
    }
    h->in_cell = false;
    pass_spans(self, h);
    lth_err err =
        lth_sheet__row_set(&self->row, h->column, LTH_CELL_TEXT, lth_buf_slice(&h->cell), to);
    for (uint32_t i = 0; i < h->cell_tag.across && h->column < LTH_SHEET_COLUMNS_MAX; i++) {
        if (i > 0) {
            lth_sheet__row_merge(&self->row, h->column);
        }
        h->spans[h->column] = (span){.rows = h->cell_tag.down - 1, .covered = i > 0};
        h->column++;
    }
    return err;
}

static void start_cell(html *h, const tag *t)
{
    h->in_cell = true;
    h->cell_tag = *t;
    h->gap = false;
    h->line = false;
    lth_buf_clear(&h->cell);
}

static void start_row(lth_sheet *self, html *h)
{
    h->row++;
    h->column = 0;
    h->in_row = true;
    lth_sheet__row_begin(&self->row, h->row);
}

static void end_row(lth_sheet *self, html *h)
{
    h->in_row = false;
    while (h->column < LTH_SHEET_COLUMNS_MAX) { /* rows above reach down behind the last cell too */
        pass_spans(self, h);
        h->column++;
    }
}

/* ---- the document ---- */

/* One tag; *whole: a row ended with it. A row that begins anew ends the one before. */
static lth_err on_tag(lth_sheet *self, html *h, const tag *t, bool *whole,
                      const lth_sheet__report *to)
{
    bool row = is(t->name, "tr"), table = is(t->name, "table");
    bool cell = is(t->name, "td") || is(t->name, "th");
    lth_err err = row || table || cell ? end_cell(self, h, to) : LTH_OK;
    if (err != LTH_OK) {
        return err;
    }
    if ((row || table) && h->in_row) {
        end_row(self, h);
        *whole = true;
    }
    if (table) {
        h->any_table = true;
        h->n_tables += t->is_end ? 0 : 1;
        h->n_tables -= t->is_end && h->n_tables > 0;
        memset(h->spans, 0, sizeof h->spans);
    } else if (h->in_cell && is_any(t->name, LINES, sizeof LINES / sizeof LINES[0])) {
        h->line = h->cell.n > 0;
    } else if (is(t->name, "html")) {
        h->is_open = !t->is_end;
    }
    return LTH_OK;
}

/* What the tag begins, once the row before it is given away. */
static void begin_after(lth_sheet *self, html *h, const tag *t)
{
    bool cell = is(t->name, "td") || is(t->name, "th");
    if (t->is_end || h->n_tables == 0) {
        return;
    }
    if (is(t->name, "tr") || (cell && !h->in_row)) {
        start_row(self, h);
    }
    if (cell) {
        start_cell(h, t);
    }
}

static lth_err at_end(html *h, const lth_sheet__report *to)
{
    if (h->in->failed) {
        return lth_fail(to->diag, LTH_E_IO, "the file cannot be read");
    }
    if (h->n_tables > 0 || h->is_open || h->in->broken) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_truncated, "the file ends inside the table");
    }
    return h->any_table
               ? LTH_E_NOT_FOUND
               : lth_sheet__fault(to, LTH_SHEET_FAULT_not_a_table, "a page without a table");
}

static void skip_raw(lth_sheet__text *in, const char *name)
{
    skip_past(in, is(name, RAW[0]) ? "</script" : "</style");
    skip_past(in, ">");
}

/* Behind '<'. */
static lth_err on_markup(lth_sheet *self, html *h, bool *whole, const lth_sheet__report *to)
{
    int c = lth_sheet__text_peek(h->in);
    if (c == '!' || c == '?') {
        (void)lth_sheet__text_get(h->in);
        if (c == '!') {
            skip_declaration(h->in);
        } else {
            skip_past(h->in, ">");
        }
        return LTH_OK;
    }
    if (c != '/' && (lower(c) < 'a' || lower(c) > 'z')) {
        return add_text(h, (const uint8_t *)"<", 1, to);
    }
    read_tag(h->in, &h->pending);
    if (!h->pending.is_end && is_any(h->pending.name, RAW, sizeof RAW / sizeof RAW[0])) {
        skip_raw(h->in, h->pending.name);
        return LTH_OK;
    }
    lth_err err = on_tag(self, h, &h->pending, whole, to);
    if (err == LTH_OK && !*whole) {
        begin_after(self, h, &h->pending);
    }
    h->has_pending = *whole;
    return err;
}

static lth_err html_next(lth_sheet *self, const lth_sheet__report *to)
{
    html *h = self->state;
    if (h->has_pending) {
        h->has_pending = false;
        begin_after(self, h, &h->pending);
    }
    for (;;) {
        bool whole = false;
        lth_err err;
        int c = lth_sheet__text_get(h->in);
        if (c < 0) {
            return at_end(h, to);
        }
        if (c == '<') {
            err = on_markup(self, h, &whole, to);
        } else if (c == '&') {
            err = add_entity(h, to);
        } else {
            uint8_t byte = (uint8_t)c;
            err = add_text(h, &byte, 1, to);
        }
        if (err == LTH_OK && h->row > LTH_SHEET_ROWS_MAX) {
            err = lth_sheet__fault(to, LTH_SHEET_FAULT_too_many_rows, "more than %u rows",
                                   LTH_SHEET_ROWS_MAX);
        }
        if (err != LTH_OK || whole) {
            return err;
        }
    }
}

/* ---- the kind ---- */

static lth_err html_select(lth_sheet *self, uint32_t index, const lth_sheet__report *to)
{
    html *h = self->state;
    (void)index;
    (void)to;
    lth_sheet__text_begin(h->in, self->fd, &self->survey);
    h->row = 0;
    h->column = 0;
    h->n_tables = 0;
    h->any_table = false;
    h->in_cell = false;
    h->in_row = false;
    h->is_open = false;
    h->has_pending = false;
    memset(h->spans, 0, sizeof h->spans);
    self->legacy = h->declared;
    return LTH_OK;
}

static void html_close(lth_sheet *self)
{
    html *h = self->state;
    lth_buf_fini(&h->cell);
    free(h);
}

/* The encoding that the document names; only where its bytes are not UTF-8 does it matter. */
static void read_declared(lth_sheet *self, html *h)
{
    static const char MARK[] = "charset=";
    char head[HEAD_MAX + 1];
    size_t n = 0;
    int c;
    lth_sheet__text_begin(h->in, self->fd, &self->survey);
    while (n < HEAD_MAX && (c = lth_sheet__text_get(h->in)) >= 0) {
        if (c != '"' && c != '\'' && c != 0 && !is_space(c)) {
            head[n++] = (char)lower(c);
        }
    }
    head[n] = '\0';
    const char *name = strstr(head, MARK);
    name = name != NULL ? name + sizeof MARK - 1 : "";
    if (strncmp(name, "windows-1258", 12) == 0) {
        h->declared = LTH_SHEET__CP1258;
        self->is_told = true;
    }
}

lth_err lth_sheet__open_html(lth_sheet *self, const lth_sheet__report *to)
{
    static const lth_sheet__ops OPS = {html_select, html_next, html_close};
    html *h = calloc(1, sizeof *h);
    if (h == NULL) {
        return lth_sheet__nomem(to);
    }
    self->ops = &OPS;
    self->state = h;
    self->kind = LTH_SHEET_HTML;
    h->in = &self->in;
    lth_buf_init(&h->cell, LTH_SHEET__CELL_BYTES_MAX);
    if (self->survey.coding == LTH_SHEET__BYTES) {
        read_declared(self, h);
    }
    return lth_sheet__add_name(self, lth_slice_of("", 0), to);
}
