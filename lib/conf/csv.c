#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define ROW_BYTES_MAX (64u * 1024u)
#define CELLS_MAX     64u

typedef enum csv_state {
    CELL_START, /* Nothing of the cell has come. */
    BARE,       /* Inside a cell without quotes. */
    QUOTED,     /* Inside quotes. */
    QUOTE,      /* Behind a quote inside quotes: the end, or half of a doubled one. */
} csv_state;

typedef struct csv {
    const conf_file *file;
    conf_csv_row row;
    void *ctx;
    csv_state state;
    uint32_t line, column; /* Of the next character. */
    uint32_t start_line, start_column;
    bool carriage; /* A CR has come; LF must follow. */
    bool stopped;
    size_t total;      /* Bytes read. */
    size_t used, cell; /* In text; where the present cell begins. */
    uint32_t n;
    conf_cell cells[CELLS_MAX];
    size_t offsets[CELLS_MAX];
    char text[ROW_BYTES_MAX];
} csv;

static void stop(csv *c, uint32_t line, uint32_t column, const char *vi, const char *en)
{
    lth_conf__error_text(c->file, line, column, vi, en);
    c->stopped = true;
}

static void add_char(csv *c, char byte)
{
    if (byte == '\0') {
        stop(c, c->line, c->column, "dòng có ký tự NUL", "the line holds a NUL character");
    } else if (c->used + 2 > ROW_BYTES_MAX) {
        stop(c, c->start_line, c->start_column, "dòng dài quá 64 KiB: thiếu dấu ngoặc kép đóng?",
             "the line is longer than 64 KiB: is a closing quote missing?");
    } else {
        c->text[c->used++] = byte;
    }
}

static void end_cell(csv *c)
{
    if (c->n == CELLS_MAX) {
        stop(c, c->start_line, c->start_column, "quá 64 cột", "more than 64 columns");
        return;
    }
    add_char(c, ' ');
    c->text[c->used - 1] = '\0';
    c->offsets[c->n] = c->cell;
    c->cells[c->n] = (conf_cell){.line = c->start_line, .column = c->start_column};
    c->n++;
    c->cell = c->used;
    c->state = CELL_START;
}

static void end_row(csv *c)
{
    bool blank = c->n == 0 && c->state == CELL_START;
    if (!blank) {
        end_cell(c);
        for (uint32_t i = 0; i < c->n && !c->stopped; i++) {
            c->cells[i].text = c->text + c->offsets[i];
        }
        if (!c->stopped && !c->row(c->ctx, c->file, c->cells, c->n)) {
            c->stopped = true;
        }
    }
    c->n = 0;
    c->used = 0;
    c->cell = 0;
    c->state = CELL_START;
}

/* A separator or line end outside quotes; false if it is neither. */
static bool on_separator(csv *c, char byte)
{
    if (byte == ',') {
        end_cell(c);
        return true;
    }
    if (byte == '\r') {
        c->carriage = true;
        return true;
    }
    if (byte == '\n') {
        end_row(c);
        return true;
    }
    return false;
}

static void on_char(csv *c, char byte)
{
    if (c->state == CELL_START) {
        c->start_line = c->line;
        c->start_column = c->column;
    }
    if (c->carriage && byte != '\n') {
        stop(c, c->line, c->column, "ký tự xuống dòng CR đứng một mình", "a CR stands alone");
        return;
    }
    c->carriage = false;
    if (c->state == QUOTED) {
        if (byte == '"') {
            c->state = QUOTE;
        } else {
            add_char(c, byte);
        }
    } else if (c->state == QUOTE && byte == '"') {
        add_char(c, byte);
        c->state = QUOTED;
    } else if (on_separator(c, byte)) {
        return;
    } else if (c->state == QUOTE) {
        stop(c, c->line, c->column, "sau dấu ngoặc kép đóng phải là dấu phẩy hoặc hết dòng",
             "a comma or the end of the line must follow a closing quote");
    } else if (byte == '"') {
        if (c->state == BARE) {
            stop(c, c->line, c->column,
                 "dấu ngoặc kép giữa ô: đặt cả ô trong ngoặc kép và viết đôi dấu bên trong",
                 "a quote inside a cell: quote the whole cell and double the quotes inside");
        }
        c->state = QUOTED;
    } else {
        add_char(c, byte);
        c->state = BARE;
    }
}

static void advance(csv *c, char byte)
{
    if (byte == '\n') {
        c->line++;
        c->column = 1;
    } else if (((unsigned char)byte & 0xc0) != 0x80) {
        c->column++;
    }
}

static void finish(csv *c)
{
    if (c->state == QUOTED) {
        stop(c, c->start_line, c->start_column, "thiếu dấu ngoặc kép đóng",
             "the closing quote is missing");
    } else if (!c->stopped) {
        end_row(c);
    }
}

static void read_piece(csv *c, const char *piece, size_t n)
{
    size_t i = c->total == 0 && n >= 3 && memcmp(piece, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    c->total += n;
    if (c->total > CONF_CSV_MAX) {
        stop(c, 0, 0, "tệp lớn hơn 64 MiB", "the file is larger than 64 MiB");
    }
    for (; i < n && !c->stopped; i++) {
        on_char(c, piece[i]);
        advance(c, piece[i]);
    }
}

static void read_pieces(csv *c, FILE *in)
{
    char piece[16 * 1024];
    for (size_t n = fread(piece, 1, sizeof piece, in); n > 0 && !c->stopped;
         n = fread(piece, 1, sizeof piece, in)) {
        read_piece(c, piece, n);
    }
    if (ferror(in)) {
        stop(c, 0, 0, "không đọc được tệp", "cannot read the file");
    }
}

static csv *begin(const conf_file *file, conf_csv_row row, void *ctx)
{
    csv *c = lth_conf__scratch(file->load, sizeof *c);
    if (c != NULL) {
        c->file = file;
        c->row = row;
        c->ctx = ctx;
        c->line = 1;
        c->column = 1;
    }
    return c;
}

void lth_conf__csv_text(const conf_file *file, lth_slice text, conf_csv_row row, void *ctx)
{
    csv *c = begin(file, row, ctx);
    if (c != NULL && text.n > 0) {
        read_piece(c, (const char *)text.p, text.n);
    }
    if (c != NULL && !c->stopped) {
        finish(c);
    }
}

void lth_conf__csv(const conf_file *file, conf_csv_row row, void *ctx)
{
    csv *c = begin(file, row, ctx);
    if (c == NULL) {
        return;
    }
    FILE *in = fopen(file->path, "rbe");
    if (in == NULL) {
        lth_conf__error(file, NULL, "không mở được tệp (%s): kiểm tra đường dẫn và quyền đọc",
                        "cannot open the file (%s): check the path and the right to read it",
                        strerror(errno));
        return;
    }
    read_pieces(c, in);
    (void)fclose(in);
    if (!c->stopped) {
        finish(c);
    }
}
