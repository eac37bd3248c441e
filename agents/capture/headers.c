#include "agents/capture/headers.h"

#include "lth/diag.h"
#include "lth/text.h"

#define PATH_MAX_BYTES 1024u
#define NAME_CHARS     60u /* Of a header as it is told, with the sign that it was cut. */
#define CUT            "…"
#define PART_BYTES     256u
#define NAME_ROOM      (HEADERS_DEEP * (PART_BYTES + 3u))
#define NEAR_MOST      3u
#define NUMBERED_LEAST 3u
#define SLIP_LEAST     6u /* Bytes of a header that is long enough for a slip to be one. */
#define NOT_THERE      (-1)
#define TWICE          (-2)

/* ---- the top of a sheet ---- */

static bool fold(lth_arena *arena, lth_slice text, lth_slice *out)
{
    lth_buf buf;
    *out = (lth_slice){0};
    if (text.n == 0)
        return true;
    lth_buf_init(&buf, LTH_TEXT_FOLD_MAX * 4);
    lth_err err = lth_text_fold(&buf, text);
    bool good = err == LTH_OK || err == LTH_E_FORMAT;
    if (err == LTH_OK && buf.n > 0) {
        const uint8_t *copy = lth_arena_copy(arena, buf.p, buf.n);
        *out = lth_slice_of(copy, copy != NULL ? buf.n : 0);
        good = copy != NULL;
    }
    lth_buf_fini(&buf);
    return good;
}

bool headers_top_add(headers_top *self, uint32_t number, const headers_cell *cells, uint32_t n)
{
    if (self->n == HEADERS_LOOK_ROWS)
        return false;
    lth_slice *folded = lth_arena_alloc(self->arena, (n + (size_t)1) * sizeof *folded);
    lth_slice *shown = lth_arena_alloc(self->arena, (n + (size_t)1) * sizeof *shown);
    if (folded == NULL || shown == NULL)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (cells[i].covered && i > 0) {
            folded[i] = folded[i - 1];
            shown[i] = shown[i - 1];
            continue;
        }
        shown[i] = (lth_slice){lth_arena_copy(self->arena, cells[i].text.p, cells[i].text.n),
                               cells[i].text.n};
        if (shown[i].p == NULL || !fold(self->arena, cells[i].text, &folded[i]))
            return false;
    }
    self->rows[self->n++] = (headers_row){number, n, folded, shown};
    return true;
}

/* ---- a block of header rows ---- */

typedef struct block {
    const headers_top *top;
    uint32_t first, n; /* Rows of `top`. */
    uint32_t width;
} block;

static lth_slice text_at(const block *b, uint32_t row, uint32_t column)
{
    const headers_row *r = &b->top->rows[b->first + row];
    return column < r->n ? r->folded[column] : (lth_slice){0};
}

/* An outer header stands over the empty cells to its right as long as there is something below.
 * Where this part of a column's path stands. */
static uint32_t part_at(const block *b, uint32_t row, uint32_t column)
{
    bool below = false;
    for (uint32_t r = row + 1; r < b->n; r++)
        below = below || text_at(b, r, column).n > 0;
    while (text_at(b, row, column).n == 0 && below && column > 0)
        column--;
    return column;
}

/* The last part of a column's path, and the path in @p out. */
static lth_slice path_of(const block *b, uint32_t column, char out[PATH_MAX_BYTES], size_t *n)
{
    lth_slice last = {0};
    *n = 0;
    for (uint32_t r = 0; r < b->n; r++) {
        lth_slice part = text_at(b, r, part_at(b, r, column));
        if (part.n == 0 || lth_slice_equal(part, last))
            continue;
        *n += lth_format(out + *n, PATH_MAX_BYTES - *n, "%s%.*s", *n > 0 ? " / " : "", (int)part.n,
                         (const char *)part.p);
        last = part;
    }
    return last;
}

/* ---- columns ---- */

typedef struct finding {
    int32_t column; /* NOT_THERE, TWICE */
    uint32_t twice[2];
} finding;

static void note(finding *f, uint32_t column)
{
    if (f->column == NOT_THERE) {
        f->column = (int32_t)column;
        f->twice[0] = column;
    } else {
        f->column = TWICE;
        f->twice[1] = column;
    }
}

static bool same(lth_slice text, const lth_buf *alias)
{
    return text.n == alias->n && memcmp(text.p, alias->p, text.n) == 0;
}

/* The whole path first, then its last part; of the aliases the first that is there. */
static finding find_column(const block *b, const lth_capture_column *wanted)
{
    finding found = {NOT_THERE, {0}};
    for (uint32_t a = 0; a < wanted->n_names && found.column == NOT_THERE; a++) {
        finding whole = {NOT_THERE, {0}}, last = {NOT_THERE, {0}};
        lth_buf alias;
        lth_buf_init(&alias, LTH_TEXT_FOLD_MAX * 4);
        lth_err err =
            lth_text_fold(&alias, lth_slice_of(wanted->names[a], strlen(wanted->names[a])));
        for (uint32_t c = 0; c < b->width && err == LTH_OK && alias.n > 0; c++) {
            char path[PATH_MAX_BYTES];
            size_t n;
            lth_slice part = path_of(b, c, path, &n);
            if (n > 0 && same(lth_slice_of(path, n), &alias))
                note(&whole, c);
            else if (part.n > 0 && same(part, &alias))
                note(&last, c);
        }
        lth_buf_fini(&alias);
        found = whole.column != NOT_THERE ? whole : last;
    }
    return found;
}

/* ---- as they stand there ---- */

/* Bytes of the character at @p at, and whether it is a blank or control character. */
static size_t char_at(lth_slice text, size_t at, bool *blank)
{
    const uint8_t *p = text.p + at;
    size_t n = 1;
    while (at + n < text.n && (p[n] & 0xC0) == 0x80)
        n++;
    *blank = p[0] <= ' ' || p[0] == 0x7F || (n == 2 && p[0] == 0xC2 && p[1] <= 0xA0);
    return n;
}

/* On one line, blanks of any kind as one space; of a long text one character more than is told. */
static size_t one_line(uint8_t out[PART_BYTES], lth_slice text)
{
    size_t n = 0, size;
    uint32_t chars = 0;
    bool gap = false, blank;
    for (size_t at = 0; at < text.n && chars <= NAME_CHARS && n + 5 < PART_BYTES; at += size) {
        size = char_at(text, at, &blank);
        gap = gap || (blank && n > 0);
        if (blank || size > 4)
            continue;
        if (gap)
            out[n++] = ' ';
        memcpy(out + n, text.p + at, size);
        n += size;
        chars += gap ? 2 : 1;
        gap = false;
    }
    return n;
}

/* So many bytes of a header are told: all, or whole characters of its beginning. */
static size_t told_of(lth_slice text)
{
    size_t at = 0, fits = 0;
    bool blank;
    for (uint32_t chars = 0; at < text.n; chars++) {
        if (chars < NAME_CHARS && at <= LTH_HEADER_MAX - sizeof CUT)
            fits = at;
        at += char_at(text, at, &blank);
        if (chars >= NAME_CHARS || at > LTH_HEADER_MAX)
            return fits;
    }
    return at;
}

/* The path of a column, or where that is long its last part alone.
 * @param titles  Bit per row of the block that tells no column from another. */
static size_t name_of(const block *b, uint32_t column, uint32_t titles, uint8_t out[NAME_ROOM])
{
    lth_slice last = {0};
    size_t n = 0, tail = 0;
    for (uint32_t r = 0; r < b->n; r++) {
        uint32_t at = part_at(b, r, column);
        lth_slice part = text_at(b, r, at);
        if (part.n == 0 || lth_slice_equal(part, last) || (titles >> r & 1) != 0)
            continue;
        if (n > 0) {
            memcpy(out + n, " / ", 3);
            n += 3;
        }
        tail = n;
        n += one_line(out + n, b->top->rows[b->first + r].shown[at]);
        last = part;
    }
    if (told_of(lth_slice_of(out, n)) < n) {
        n -= tail;
        memmove(out, out + tail, n);
    }
    size_t told = told_of(lth_slice_of(out, n));
    if (told == n)
        return n;
    memcpy(out + told, CUT, sizeof CUT - 1);
    return told + sizeof CUT - 1;
}

/* ---- what is wrong with them ---- */

static void cell_name(char out[16], uint32_t column, uint32_t row)
{
    char letters[4];
    lth_capture_letters(letters, column + 1);
    (void)lth_format(out, 16, "%s%u", letters, row);
}

/* Column of the block whose header is nearest to one of the aliases; -1: none is near. */
static int32_t nearest(const block *b, const lth_capture_column *wanted, lth_slice *shown)
{
    int32_t best = NOT_THERE;
    uint32_t least = NEAR_MOST + 1;
    for (uint32_t a = 0; a < wanted->n_names; a++) {
        lth_buf alias;
        lth_buf_init(&alias, LTH_TEXT_FOLD_MAX * 4);
        lth_err err =
            lth_text_fold(&alias, lth_slice_of(wanted->names[a], strlen(wanted->names[a])));
        for (uint32_t c = 0; c < b->width && err == LTH_OK; c++) {
            for (uint32_t r = 0; r < b->n; r++) {
                lth_slice text = text_at(b, r, c);
                uint32_t far =
                    text.n == 0 ? least : lth_text_distance(lth_slice_of(alias.p, alias.n), text);
                if (far < least && far * 3 <= text.n) {
                    least = far;
                    best = (int32_t)c;
                    *shown = b->top->rows[b->first + r].shown[c];
                }
            }
        }
        lth_buf_fini(&alias);
    }
    return best;
}

static void say_missing(headers_fault *fault, const block *b, const lth_capture_column *wanted,
                        int32_t near, lth_slice shown)
{
    const char *name = wanted->names[0];
    uint32_t row = b->top->rows[b->first + b->n - 1].number;
    char cell[16];
    if (near < 0) {
        (void)lth_format(fault->vi, sizeof fault->vi, "thiếu cột \"%s\" (hàng tiêu đề %u)", name,
                         row);
        (void)lth_format(fault->en, sizeof fault->en, "column \"%s\" is missing (header row %u)",
                         name, row);
        return;
    }
    cell_name(cell, (uint32_t)near, row);
    (void)lth_format(fault->vi, sizeof fault->vi,
                     "thiếu cột \"%s\"; có phải là \"%.*s\" ở ô %s? Hãy sửa lại tiêu đề", name,
                     (int)shown.n, (const char *)shown.p, cell);
    (void)lth_format(fault->en, sizeof fault->en,
                     "column \"%s\" is missing; is it \"%.*s\" in cell %s? Correct the header",
                     name, (int)shown.n, (const char *)shown.p, cell);
}

static void say_twice(headers_fault *fault, const block *b, const finding *found)
{
    uint32_t row = b->top->rows[b->first + b->n - 1].number;
    uint8_t name[NAME_ROOM];
    size_t n = name_of(b, found->twice[0], 0, name);
    char one[16], two[16];
    cell_name(one, found->twice[0], row);
    cell_name(two, found->twice[1], row);
    (void)lth_format(fault->vi, sizeof fault->vi,
                     "hai cột cùng tiêu đề \"%.*s\" (%s và %s): đổi tên hoặc bỏ một cột", (int)n,
                     (const char *)name, one, two);
    (void)lth_format(fault->en, sizeof fault->en,
                     "two columns have the header \"%.*s\" (%s and %s): rename or remove one",
                     (int)n, (const char *)name, one, two);
}

/* ---- slips of the pen in headers of columns that may be missing ---- */

static lth_slice next_digit(lth_slice text)
{
    while (text.n > 0 && (text.p[0] < '0' || text.p[0] > '9'))
        text = lth_slice_of(text.p + 1, text.n - 1);
    return text;
}

/* "Ngoại ngữ 1" and "Ngoại ngữ 2" are two columns. */
static bool same_digits(lth_slice a, lth_slice b)
{
    for (a = next_digit(a), b = next_digit(b); a.n > 0 && b.n > 0 && a.p[0] == b.p[0];
         a = next_digit(lth_slice_of(a.p + 1, a.n - 1)))
        b = next_digit(lth_slice_of(b.p + 1, b.n - 1));
    return a.n == 0 && b.n == 0;
}

static bool is_slip(lth_slice text, const lth_buf *alias)
{
    lth_slice name = lth_slice_of(alias->p, alias->n);
    return text.n >= SLIP_LEAST && lth_text_distance(name, text) == 1 && same_digits(name, text);
}

/* Is the text, whole, a name of this column? */
static bool is_named(lth_slice text, const lth_capture_column *column)
{
    bool named = false;
    for (uint32_t a = 0; a < column->n_names && !named; a++) {
        lth_buf alias;
        lth_buf_init(&alias, LTH_TEXT_FOLD_MAX * 4);
        lth_slice name = lth_slice_of(column->names[a], strlen(column->names[a]));
        named = lth_text_fold(&alias, name) == LTH_OK && same(text, &alias);
        lth_buf_fini(&alias);
    }
    return named;
}

/* A header that is right for some column, read or not, is no slip: "Tên lớp" beside "Khối" where
 * there is no "Lên lớp". */
static bool is_right(const lth_capture_file_table *table, lth_slice part, lth_slice path)
{
    bool right = false;
    for (uint32_t i = 0; i <= table->n_columns && !right; i++) {
        const lth_capture_column *one = i < table->n_columns ? &table->columns[i] : table->org;
        right = one != NULL && (is_named(part, one) || is_named(path, one));
    }
    return right;
}

/* A column whose header is one letter from this one's and right for none; -1: none. */
static int32_t find_slip(const block *b, const lth_capture_file_table *table,
                         const lth_capture_column *wanted, lth_slice *shown)
{
    int32_t found = NOT_THERE;
    for (uint32_t a = 0; a < wanted->n_names && found < 0; a++) {
        lth_buf alias;
        lth_buf_init(&alias, LTH_TEXT_FOLD_MAX * 4);
        lth_err err =
            lth_text_fold(&alias, lth_slice_of(wanted->names[a], strlen(wanted->names[a])));
        for (uint32_t c = 0; c < b->width && err == LTH_OK && found < 0; c++) {
            char path[PATH_MAX_BYTES];
            size_t size;
            lth_slice part = path_of(b, c, path, &size), whole = lth_slice_of(path, size);
            if ((is_slip(part, &alias) || is_slip(whole, &alias)) && !is_right(table, part, whole))
                found = (int32_t)c;
        }
        lth_buf_fini(&alias);
    }
    for (uint32_t r = 0; r < b->n && found >= 0; r++) {
        const headers_row *row = &b->top->rows[b->first + r];
        if ((uint32_t)found < row->n && row->shown[found].n > 0)
            *shown = row->shown[found];
    }
    return found;
}

/* Passed over, such a column would be lost without a word. */
static bool no_slips(const headers_place *place, const block *b,
                     const lth_capture_file_table *table, headers_fault *fault)
{
    for (uint32_t i = 0; i < table->n_columns; i++) {
        lth_slice shown = {0};
        int32_t near =
            place->columns[i] >= 0 ? NOT_THERE : find_slip(b, table, &table->columns[i], &shown);
        if (near >= 0) {
            say_missing(fault, b, &table->columns[i], near, shown);
            fault->slip = true;
            return false;
        }
    }
    return true;
}

static void say_fault(headers_fault *fault, const block *b, const lth_capture_file_table *table,
                      const lth_capture_column *wanted, const finding *found)
{
    lth_slice shown = {0};
    if (found->column == TWICE) {
        say_twice(fault, b, found);
        return;
    }
    fault->slip = find_slip(b, table, wanted, &shown) >= 0;
    int32_t near = nearest(b, wanted, &shown);
    say_missing(fault, b, wanted, near, shown);
}

/* How many columns this block has; 0 when one that must be there is not. */
static uint32_t try_block(headers_place *out, const block *b, const lth_capture_file_table *table,
                          headers_fault *fault)
{
    headers_fault now = {0};
    uint32_t missing = 0;
    out->org = NOT_THERE;
    for (uint32_t i = 0; i <= table->n_columns; i++) {
        bool org = i == table->n_columns;
        const lth_capture_column *wanted = org ? table->org : &table->columns[i];
        if (wanted == NULL)
            continue;
        finding found = find_column(b, wanted);
        int32_t *place = org ? &out->org : &out->columns[i];
        *place = found.column >= 0 ? found.column : NOT_THERE;
        now.found += found.column >= 0 ? 1 : 0;
        if (found.column >= 0 || (found.column == NOT_THERE && wanted->optional))
            continue;
        if (missing++ == 0)
            say_fault(&now, b, table, wanted, &found);
    }
    now.slip = now.slip && missing == 1;
    bool whole = missing == 0 && no_slips(out, b, table, &now);
    bool worse = now.slip == fault->slip ? now.found > fault->found : now.slip;
    if (!whole && (fault->vi[0] == '\0' || worse))
        *fault = now;
    return whole ? now.found : 0;
}

static bool is_answer(const headers_row *row)
{
    lth_slice first = row->n > 0 ? row->folded[0] : (lth_slice){0};
    lth_buf wanted;
    lth_buf_init(&wanted, 64);
    bool yes =
        lth_text_fold(&wanted, lth_slice_of(HEADERS_ANSWER, strlen(HEADERS_ANSWER))) == LTH_OK &&
        same(first, &wanted);
    lth_buf_fini(&wanted);
    return yes;
}

static block block_at(const headers_top *top, uint32_t first, uint32_t header_rows)
{
    block b = {.top = top, .first = first};
    uint32_t end = top->rows[first].number + header_rows;
    /* Rows of the block that are wholly empty are not in `top`. */
    while (b.n < header_rows && first + b.n < top->n && top->rows[first + b.n].number < end) {
        uint32_t width = top->rows[first + b.n++].n;
        b.width = width > b.width ? width : b.width;
    }
    return b;
}

/* Is one of the rows down to the headers' last the mark of an answer workbook? */
static bool is_correction(const headers_top *top, uint32_t last_row)
{
    bool yes = false;
    for (uint32_t r = 0; r < top->n && top->rows[r].number <= last_row; r++)
        yes = yes || is_answer(&top->rows[r]);
    return yes;
}

/* Headers of exactly @p rows rows: how many columns they have. A title right above them may stand
 * for their first row: of blocks that follow each other the last one that has as many columns
 * counts. */
static uint32_t find_block(headers_place *out, const headers_top *top,
                           const lth_capture_file_table *table, uint32_t rows, headers_fault *fault)
{
    static headers_place tried; /* 2 KiB that a stack need not hold. */
    uint32_t best = 0;
    for (uint32_t first = 0; first < top->n; first++) {
        block b = block_at(top, first, rows);
        uint32_t found = try_block(&tried, &b, table, fault);
        if (found < best || found == 0) {
            if (best > 0)
                break;
            continue;
        }
        best = found;
        *out = tried;
        out->first_row = top->rows[first].number;
        out->last_row = top->rows[first + b.n - 1].number;
        out->correction = is_correction(top, out->last_row);
    }
    return best;
}

/* With a title taken for a header, or without the row above, fewer columns have their names. */
bool headers_find(headers_place *out, const headers_top *top, const lth_capture_file_table *table,
                  headers_fault *fault)
{
    static headers_place tried;
    uint32_t best = 0;
    *fault = (headers_fault){0};
    for (uint32_t rows = table->header_rows; rows > 0; rows--) {
        uint32_t found = find_block(&tried, top, table, rows, fault);
        if (found > best) {
            best = found;
            *out = tried;
        }
    }
    if (best == 0 && fault->vi[0] == '\0') {
        (void)lth_format(fault->vi, sizeof fault->vi, "không có hàng tiêu đề nào");
        (void)lth_format(fault->en, sizeof fault->en, "there is no header row");
    }
    return best > 0 && (!fault->slip || fault->found < best);
}

/* Rows but the last with one text over all columns of the table. */
static uint32_t titles_of(const block *b, const headers_place *place, uint32_t n_columns)
{
    uint32_t titles = 0;
    for (uint32_t r = 0; r + 1 < b->n; r++) {
        int32_t first = NOT_THERE;
        bool same_text = true;
        for (uint32_t i = 0; i < n_columns && same_text; i++) {
            int32_t column = place->columns[i];
            if (column < 0)
                continue;
            first = first < 0 ? column : first;
            same_text = lth_slice_equal(text_at(b, r, part_at(b, r, (uint32_t)column)),
                                        text_at(b, r, part_at(b, r, (uint32_t)first)));
        }
        titles |= same_text ? 1u << r : 0;
    }
    return titles;
}

bool headers_names(lth_header *out, const headers_top *top, const headers_place *place,
                   uint32_t n_columns, lth_arena *arena)
{
    uint8_t name[NAME_ROOM];
    block b = {.top = top};
    while (b.first < top->n && top->rows[b.first].number < place->first_row)
        b.first++;
    while (b.first + b.n < top->n && top->rows[b.first + b.n].number <= place->last_row)
        b.n++;
    uint32_t titles = titles_of(&b, place, n_columns);
    for (uint32_t i = 0; i < n_columns; i++) {
        out[i] = (lth_header){0};
        if (place->columns[i] < 0)
            continue;
        size_t n = name_of(&b, (uint32_t)place->columns[i], titles, name);
        const uint8_t *copy = lth_arena_copy(arena, name, n);
        out[i] = (lth_header){(uint16_t)(place->columns[i] + 1), lth_slice_of(copy, n)};
        if (copy == NULL)
            return false;
    }
    return true;
}

bool headers_numbering(const lth_slice *texts, uint32_t n)
{
    uint32_t seen = 0, last = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *p = texts[i].p;
        size_t size = texts[i].n, at = 0;
        uint32_t value = 0;
        if (size == 0)
            continue;
        bool bracket = p[0] == '(' && p[size - 1] == ')' && size > 2;
        for (at = bracket ? 1 : 0; at < size - (bracket ? 1 : 0); at++) {
            if (p[at] < '0' || p[at] > '9' || value > 999)
                return false;
            value = value * 10 + (uint32_t)(p[at] - '0');
        }
        if (value != last + 1 && seen > 0)
            return false;
        last = value;
        seen++;
    }
    return seen >= NUMBERED_LEAST && last <= seen + 2;
}
