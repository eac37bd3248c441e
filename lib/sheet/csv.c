#include <stdlib.h>

#include "internal.h"

#define SAMPLE_ROWS 64u

static const char SEPARATORS[] = {'\t', ';', '|', ','}; /* of two as good, the first */
#define N_SEPARATORS (sizeof SEPARATORS)

typedef enum place {
    CELL_START, /* Nothing of the cell has come. */
    BARE,       /* In a cell without quotes, or behind the closing one. */
    QUOTED,     /* Inside quotes. */
} place;

typedef struct csv {
    lth_sheet__text *in;
    uint32_t line;   /* Of the next character, from 1. */
    uint32_t n_skip; /* Lines before the first row: "sep=;". */
    char separator;
    lth_buf cell;
} csv;

/* ---- which separator ---- */

typedef struct sample {
    uint32_t n_rows;
    uint32_t counts[SAMPLE_ROWS][N_SEPARATORS];
} sample;

static void take_sample(sample *out, lth_sheet__text *in)
{
    *out = (sample){0};
    bool quoted = false, any = false;
    int c;
    while (out->n_rows < SAMPLE_ROWS && (c = lth_sheet__text_get(in)) >= 0) {
        if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == '\n' || c == '\r')) {
            out->n_rows += any;
            any = false;
            continue;
        }
        any = true;
        const char *found = c != 0 && !quoted ? memchr(SEPARATORS, c, N_SEPARATORS) : NULL;
        if (found != NULL) {
            out->counts[out->n_rows][found - SEPARATORS]++;
        }
    }
    if (any && out->n_rows < SAMPLE_ROWS) {
        out->n_rows++;
    }
}

/* How many rows have the number of this separator that most rows have. */
static uint32_t agreement(const sample *s, size_t separator)
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < s->n_rows; i++) {
        uint32_t same = 0;
        for (uint32_t j = 0; j < s->n_rows; j++) {
            same +=
                s->counts[i][separator] > 0 && s->counts[j][separator] == s->counts[i][separator];
        }
        best = same > best ? same : best;
    }
    return best;
}

static char tell_separator(lth_sheet__text *in)
{
    sample s;
    take_sample(&s, in);
    char best = ',';
    uint32_t most = 0;
    for (size_t i = 0; i < N_SEPARATORS; i++) {
        uint32_t rows = agreement(&s, i);
        if (rows > most) {
            most = rows;
            best = SEPARATORS[i];
        }
    }
    return best;
}

/* A first line "sep=;" is an order to Excel and no row. */
static bool told_separator(csv *self)
{
    static const char ORDER[] = "sep=";
    char line[6] = {0};
    size_t n = 0;
    int c;
    while (n < sizeof line && (c = lth_sheet__text_get(self->in)) >= 0 && c != '\n' && c != '\r') {
        line[n++] = (char)c;
    }
    if (n != 5 || memcmp(line, ORDER, 4) != 0) {
        return false;
    }
    self->separator = line[4];
    self->n_skip = 1;
    return true;
}

/* ---- reading ---- */

static int get(csv *self)
{
    int c = lth_sheet__text_get(self->in);
    if (c == '\r') {
        if (lth_sheet__text_peek(self->in) == '\n') {
            (void)lth_sheet__text_get(self->in);
        }
        c = '\n';
    }
    self->line += c == '\n';
    return c;
}

static void start(lth_sheet *self)
{
    csv *c = self->state;
    lth_sheet__text_begin(c->in, self->fd, &self->survey);
    c->line = 1;
}

static lth_err csv_select(lth_sheet *self, uint32_t index, const lth_sheet__report *to)
{
    (void)index;
    (void)to;
    csv *c = self->state;
    start(self);
    while (c->line <= c->n_skip && get(c) >= 0) {
    }
    return LTH_OK;
}

static lth_err add(lth_sheet *self, int byte, const lth_sheet__report *to)
{
    csv *c = self->state;
    uint8_t one = (uint8_t)byte;
    lth_err err = lth_buf_add(&c->cell, &one, 1);
    if (err == LTH_E_LIMIT) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_cell_too_long,
                                "line %u: a cell that does not end: is a closing quote missing?",
                                self->row.number);
    }
    return err == LTH_OK ? LTH_OK : lth_sheet__nomem(to);
}

static lth_err end_cell(lth_sheet *self, uint32_t *column, const lth_sheet__report *to)
{
    csv *c = self->state;
    lth_err err =
        lth_sheet__row_set(&self->row, *column, LTH_CELL_TEXT, lth_buf_slice(&c->cell), to);
    lth_buf_clear(&c->cell);
    ++*column;
    return err;
}

/* The stream's end: was it one? */
static lth_err at_end(lth_sheet *self, place where, const lth_sheet__report *to)
{
    csv *c = self->state;
    if (c->in->failed) {
        return lth_fail(to->diag, LTH_E_IO, "the file cannot be read");
    }
    if (c->in->broken) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_truncated,
                                "line %u: half a character of UTF-16", c->line);
    }
    if (where == QUOTED) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_truncated,
                                "line %u: the file ends inside quotes", self->row.number);
    }
    return LTH_E_NOT_FOUND;
}

/* One byte inside a cell; *where follows. */
static lth_err in_cell(lth_sheet *self, int byte, place *where, const lth_sheet__report *to)
{
    csv *c = self->state;
    if (*where == QUOTED && byte == '"') {
        if (lth_sheet__text_peek(c->in) != '"') {
            *where = BARE;
            return LTH_OK;
        }
        (void)lth_sheet__text_get(c->in);
    } else if (*where == CELL_START) {
        *where = byte == '"' ? QUOTED : BARE;
        if (byte == '"') {
            return LTH_OK;
        }
    }
    return add(self, byte, to);
}

static lth_err csv_next(lth_sheet *self, const lth_sheet__report *to)
{
    csv *c = self->state;
    uint32_t column = 0;
    place where = CELL_START;
    lth_err err = LTH_OK;
    lth_sheet__row_begin(&self->row, c->line);
    lth_buf_clear(&c->cell);
    if (c->line > LTH_SHEET_ROWS_MAX) {
        return lth_sheet__text_peek(c->in) < 0
                   ? at_end(self, where, to)
                   : lth_sheet__fault(to, LTH_SHEET_FAULT_too_many_rows, "more than %u lines",
                                      LTH_SHEET_ROWS_MAX);
    }
    while (err == LTH_OK) {
        int byte = get(c);
        if (byte < 0) {
            err = at_end(self, where, to);
            bool last = err == LTH_E_NOT_FOUND && (column > 0 || where != CELL_START);
            return last ? end_cell(self, &column, to) : err;
        }
        if (where != QUOTED && byte == '\n') {
            return end_cell(self, &column, to);
        }
        if (where != QUOTED && byte == (uint8_t)c->separator) {
            err = end_cell(self, &column, to);
            where = CELL_START;
        } else {
            err = in_cell(self, byte, &where, to);
        }
    }
    return err;
}

static void csv_close(lth_sheet *self)
{
    csv *c = self->state;
    lth_buf_fini(&c->cell);
    free(c);
}

static void detect(lth_sheet__detector *out, lth_sheet__text *in)
{
    size_t kept = 0; /* Bytes of a character that is cut between two pieces. */
    uint8_t one[4];
    int c;
    while ((c = lth_sheet__text_get(in)) >= 0) {
        if (kept == 0 && c < 0x80) {
            lth_sheet__detect_char(out, (uint32_t)c);
            continue;
        }
        size_t size;
        one[kept++] = (uint8_t)c;
        uint32_t character = lth_sheet__get_utf8(lth_slice_of(one, kept), &size);
        if (character != UINT32_MAX || kept == 4) {
            lth_sheet__detect_char(out, character);
            kept = 0;
        }
    }
}

/* Tells the encoding over the whole file. */
static lth_err tell_encoding(lth_sheet *self, const lth_sheet__report *to)
{
    csv *c = self->state;
    lth_sheet__detector *detector = calloc(1, sizeof *detector);
    if (detector == NULL) {
        return lth_sheet__nomem(to);
    }
    start(self);
    detect(detector, c->in);
    bool bytes = self->survey.coding == LTH_SHEET__BYTES;
    self->legacy = lth_sheet__detected(detector, bytes);
    self->is_told = true;
    free(detector);
    if (bytes && self->legacy == LTH_SHEET__UNICODE) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_encoding,
                                "not UTF-8, and too little text to tell what else");
    }
    return c->in->failed ? lth_sheet__io(to, self->path) : LTH_OK;
}

lth_err lth_sheet__open_csv(lth_sheet *self, const lth_sheet__report *to)
{
    static const lth_sheet__ops OPS = {csv_select, csv_next, csv_close};
    csv *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return lth_sheet__nomem(to);
    }
    self->ops = &OPS;
    self->state = c;
    self->kind = LTH_SHEET_CSV;
    c->in = &self->in;
    lth_buf_init(&c->cell, LTH_SHEET__CELL_BYTES_MAX);
    start(self);
    if (!told_separator(c)) {
        start(self);
        c->separator = tell_separator(c->in);
    }
    lth_err err = tell_encoding(self, to);
    return err == LTH_OK ? lth_sheet__add_name(self, lth_slice_of("", 0), to) : err;
}
