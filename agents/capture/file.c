#include "agents/capture/file.h"

#include "agents/capture/headers.h"
#include "lth/diag.h"
#include "lth/sheet.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)
#define MARK_ROOM 64u

/* A file being read, and the tops of its sheets as far as they were looked at. */
typedef struct reader {
    lth_sheet *sheet;
    lth_arena *arena;
    headers_top *tops[LTH_SHEET_SHEETS_MAX];
    lth_slice org; /* Whose rows all must be; empty: anybody's. */
    char vi[LTH_DETAIL_MAX], en[LTH_DETAIL_MAX];
    lth_scan_fault fault;
} reader;

/* Where one table of the request stands. */
typedef struct table {
    const lth_capture_file_table *asked;
    headers_place place;
    uint32_t sheet;
    bool there;
    bool numbering; /* The next row may only number the columns. */
    bool foreign;   /* `found` is the row of another organisation. */
    rows found;
} table;

/* ---- faults ---- */

static void refuse(reader *self, lth_scan_fault fault, const char *vi, const char *en)
{
    if (self->fault == LTH_SCAN_none) {
        self->fault = fault;
        (void)lth_format(self->vi, sizeof self->vi, "%s", vi);
        (void)lth_format(self->en, sizeof self->en, "%s", en);
    }
}

/* LTH_OK when it is a fault of the file, which is kept; else the error itself. */
static lth_err sheet_fault(reader *self, lth_err err, lth_sheet_fault fault)
{
    if (err == LTH_E_NOMEM)
        return err;
    if (err != LTH_OK) {
        fault = err == LTH_E_FORMAT ? fault : LTH_SHEET_FAULT_unreadable;
        refuse(self, LTH_SCAN_bad_file, lth_sheet_fault_text(fault, false),
               lth_sheet_fault_text(fault, true));
    }
    return LTH_OK;
}

static lth_err reader_open(reader *self, const char *path)
{
    lth_sheet_fault fault = LTH_SHEET_FAULT_none;
    lth_diag diag = {0};
    *self = (reader){.arena = lth_arena_new(ARENA_MAX)};
    if (self->arena == NULL)
        return LTH_E_NOMEM;
    lth_err err = lth_sheet_open(&self->sheet, path, &fault, &diag);
    return sheet_fault(self, err, fault);
}

static void reader_close(reader *self)
{
    lth_sheet_close(&self->sheet);
    lth_arena_free(&self->arena);
}

/* ---- headers ---- */

static lth_err select_sheet(reader *self, uint32_t index)
{
    lth_sheet_fault fault = LTH_SHEET_FAULT_none;
    lth_diag diag = {0};
    return sheet_fault(self, lth_sheet_select(self->sheet, index, &fault, &diag), fault);
}

/* Next row of the selected sheet; *more false at the end, or at a fault. */
static lth_err next_row(reader *self, lth_sheet_row *row, bool *more)
{
    lth_sheet_fault fault = LTH_SHEET_FAULT_none;
    lth_diag diag = {0};
    lth_err err = lth_sheet_next(self->sheet, row, &fault, &diag);
    *more = err == LTH_OK;
    return err == LTH_E_NOT_FOUND ? LTH_OK : sheet_fault(self, err, fault);
}

static lth_err top_of(reader *self, uint32_t index, const headers_top **out)
{
    static headers_cell cells[LTH_SHEET_COLUMNS_MAX];
    headers_top *top = self->tops[index];
    bool more = true;
    lth_sheet_row row;
    if (top != NULL) {
        *out = top;
        return LTH_OK;
    }
    top = lth_arena_alloc(self->arena, sizeof *top);
    if (top == NULL)
        return LTH_E_NOMEM;
    *top = (headers_top){.arena = self->arena};
    lth_err err = select_sheet(self, index);
    while (!err && self->fault == LTH_SCAN_none && top->n < HEADERS_LOOK_ROWS) {
        err = next_row(self, &row, &more);
        if (err || !more)
            break;
        for (uint32_t i = 0; i < row.n_cells; i++)
            cells[i] = (headers_cell){row.cells[i].text, row.merged != NULL && row.merged[i] != 0};
        err = headers_top_add(top, row.number, cells, row.n_cells) ? LTH_OK : LTH_E_NOMEM;
    }
    *out = self->tops[index] = top;
    return err;
}

/* The sheet that the profile names goes first; a sheet that was moved or renamed is found too. */
static bool named(const reader *self, const lth_capture_file_table *asked, uint32_t index)
{
    return asked->sheet == index + 1 ||
           (asked->sheet_name[0] != '\0' &&
            strcmp(asked->sheet_name, lth_sheet_name(self->sheet, index)) == 0);
}

/* Look for a table in every sheet; @p why gets the fault of the sheet that comes nearest. */
static lth_err find_table(reader *self, table *t, headers_fault *why)
{
    uint32_t n = lth_sheet_count(self->sheet);
    lth_err err = LTH_OK;
    *why = (headers_fault){0};
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < n && !err && !t->there; i++) {
            const headers_top *top;
            headers_fault fault;
            if (named(self, t->asked, i) != (pass == 0))
                continue;
            err = top_of(self, i, &top);
            if (err || self->fault != LTH_SCAN_none)
                return err;
            t->there = headers_find(&t->place, top, t->asked, &fault);
            t->sheet = i;
            if (!t->there && (why->vi[0] == '\0' || fault.slip || fault.found > why->found))
                *why = fault;
        }
    }
    return err;
}

/* Every table of a layout is there but those that may be missing, and one at least. */
static bool part_there(const table *tables, uint32_t n, uint32_t part)
{
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        if (tables[i].asked->part != part)
            continue;
        if (!tables[i].there && !tables[i].asked->optional)
            return false;
        any = any || tables[i].there;
    }
    return any;
}

/* Of a file that is of no layout, what is said of the one that comes nearest. */
static lth_err find_tables(reader *self, table *tables, uint32_t n)
{
    headers_fault best = {0};
    bool any = false;
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < n && !err && self->fault == LTH_SCAN_none; i++) {
        headers_fault why;
        err = find_table(self, &tables[i], &why);
        if (!tables[i].there && why.slip && tables[i].asked->optional)
            refuse(self, LTH_SCAN_wrong_file, why.vi, why.en);
        if (!tables[i].there && (best.vi[0] == '\0' || why.found > best.found))
            best = why;
    }
    for (uint32_t i = 0; i < n; i++)
        any = any || part_there(tables, n, tables[i].asked->part);
    for (uint32_t i = 0; i < n && any; i++)
        tables[i].there = tables[i].there && part_there(tables, n, tables[i].asked->part);
    if (!err && !any)
        refuse(self, LTH_SCAN_wrong_file, best.vi, best.en);
    return err;
}

/* ---- rows ---- */

static lth_slice text_of(const lth_sheet_row *row, int32_t column)
{
    return column >= 0 && (uint32_t)column < row->n_cells ? row->cells[column].text
                                                          : (lth_slice){0};
}

/* Texts of the row under this table's columns; false when there is none. */
static bool pick(const table *t, const lth_sheet_row *row, lth_slice *texts)
{
    bool any = false;
    for (uint32_t c = 0; c < t->asked->n_columns; c++) {
        int32_t at = t->place.columns[c];
        bool there =
            at >= 0 && (uint32_t)at < row->n_cells && row->cells[at].kind != LTH_CELL_EMPTY;
        texts[c] = text_of(row, at);
        any = any || there;
    }
    return any;
}

/* The headers once more, as on every page of a printed list. */
static bool is_header_again(reader *self, const table *t, const lth_slice *texts)
{
    const headers_top *top = self->tops[t->sheet];
    uint32_t equal = 0;
    for (uint32_t r = 0; r < top->n; r++) {
        if (top->rows[r].number != t->place.last_row)
            continue;
        for (uint32_t c = 0; c < t->asked->n_columns; c++) {
            int32_t at = t->place.columns[c];
            if (texts[c].n == 0)
                continue;
            if (at < 0 || (uint32_t)at >= top->rows[r].n ||
                !lth_slice_equal(top->rows[r].shown[at], texts[c]))
                return false;
            equal++;
        }
    }
    return equal > 0;
}

static bool is_numbering(const lth_sheet_row *row)
{
    static lth_slice texts[LTH_SHEET_COLUMNS_MAX];
    for (uint32_t i = 0; i < row->n_cells; i++)
        texts[i] = row->cells[i].text;
    return headers_numbering(texts, row->n_cells);
}

static lth_err add_row(table *t, const lth_sheet_row *row)
{
    static lth_cell cells[LTH_CAPTURE_COLUMNS_MAX];
    static uint8_t marked[LTH_CAPTURE_COLUMNS_MAX][MARK_ROOM];
    for (uint32_t c = 0; c < t->asked->n_columns; c++) {
        int32_t at = t->place.columns[c];
        lth_slice text = text_of(row, at);
        lth_sheet_cell_kind kind =
            at >= 0 && (uint32_t)at < row->n_cells ? row->cells[at].kind : LTH_CELL_EMPTY;
        cells[c] = (lth_cell){text.p, at < 0                   ? LTH_CELL_ABSENT
                                      : kind == LTH_CELL_EMPTY ? -1
                                                               : (int64_t)text.n};
        if (kind == LTH_CELL_ERROR || kind == LTH_CELL_FORMULA) {
            lth_slice sign = kind == LTH_CELL_ERROR ? text : lth_slice_of("=", 1);
            size_t n = sign.n < MARK_ROOM - 1 ? sign.n : MARK_ROOM - 1;
            marked[c][0] = LTH_CELL_NO_VALUE;
            memcpy(marked[c] + 1, sign.p, n);
            cells[c] = (lth_cell){marked[c], (int64_t)n + 1};
        }
    }
    const lth_capture_row_head head = {t->asked->number, row->number, text_of(row, t->place.org)};
    return lth_capture_row_size(&head, cells, t->asked->n_columns) > LTH_CAPTURE_ROW_MAX
               ? LTH_E_LIMIT
               : rows_add(&t->found, &head, cells, t->asked->n_columns);
}

static lth_err take_row(reader *self, table *t, const lth_sheet_row *row)
{
    static lth_slice texts[LTH_CAPTURE_COLUMNS_MAX];
    if (row->number <= t->place.last_row || !pick(t, row, texts))
        return LTH_OK;
    bool first = t->numbering;
    t->numbering = false;
    if ((first && is_numbering(row)) || is_header_again(self, t, texts))
        return LTH_OK;
    lth_slice org = text_of(row, t->place.org);
    t->foreign = self->org.n > 0 && org.n > 0 && !lth_slice_equal(org, self->org);
    if (t->foreign) {
        rows_clear(&t->found);
        refuse(self, LTH_SCAN_wrong_file, "tệp của đơn vị khác", "a file of another organisation");
    }
    lth_err err = add_row(t, row);
    if (err == LTH_E_LIMIT)
        refuse(self, LTH_SCAN_too_many_rows, "tệp quá nhiều dòng hoặc dòng quá dài",
               "the file has too many rows, or a row is too long");
    return err == LTH_E_LIMIT ? LTH_OK : err;
}

static lth_err read_sheet(reader *self, uint32_t index, table *tables, uint32_t n)
{
    bool wanted = false, more = true;
    lth_sheet_row row;
    for (uint32_t i = 0; i < n; i++)
        wanted = wanted || (tables[i].there && tables[i].sheet == index);
    lth_err err = wanted ? select_sheet(self, index) : LTH_OK;
    while (wanted && !err && self->fault == LTH_SCAN_none) {
        err = next_row(self, &row, &more);
        if (err || !more)
            break;
        for (uint32_t i = 0; i < n && !err && self->fault == LTH_SCAN_none; i++) {
            if (tables[i].there && tables[i].sheet == index)
                err = take_row(self, &tables[i], &row);
        }
    }
    return err;
}

/* ---- tasks ---- */

static lth_err write_end(int fd, const lth_capture_table_end *end)
{
    uint8_t bytes[LTH_CAPTURE_END_BYTES_MAX];
    return write_all(fd, bytes, lth_capture_table_end_encode(bytes, end));
}

static lth_err write_close(int fd)
{
    uint8_t bytes[LTH_CAPTURE_END_BYTES_MAX];
    return write_all(fd, bytes, lth_capture_end_encode(bytes));
}

/* Where the table's columns were found. */
static lth_err write_headers(const reader *self, const table *t, int fd)
{
    static lth_header headers[LTH_CAPTURE_COLUMNS_MAX];
    static uint8_t bytes[LTH_CAPTURE_HEADERS_BYTES_MAX];
    uint32_t n = t->asked->n_columns;
    if (!headers_names(headers, self->tops[t->sheet], &t->place, n, self->arena))
        return LTH_E_NOMEM;
    return write_all(fd, bytes, lth_capture_headers_encode(bytes, t->asked->number, headers, n));
}

/* Also when the clerk took the first column away: the sheet keeps its name. */
static bool is_correction(const reader *self, const table *t)
{
    return t->place.correction ||
           strcmp(lth_sheet_name(self->sheet, t->sheet), HEADERS_ANSWER) == 0;
}

/* A table that the file does not hold ends as an empty correction: it ends no record. */
static lth_err write_tables(const reader *self, table *tables, uint32_t n, int fd)
{
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < n && !err; i++) {
        if (tables[i].there && self->fault == LTH_SCAN_none)
            err = write_headers(self, &tables[i], fd);
        if (!err && (self->fault == LTH_SCAN_none || tables[i].foreign))
            err = rows_write(&tables[i].found, fd);
        const lth_capture_table_end end = {.table = tables[i].asked->number,
                                           .fault = self->fault,
                                           .correction =
                                               !tables[i].there || is_correction(self, &tables[i]),
                                           .detail = self->vi,
                                           .detail_en = self->en};
        if (!err)
            err = write_end(fd, &end);
    }
    return err ? err : write_close(fd);
}

static void check_kind(reader *self, uint32_t kinds)
{
    char vi[LTH_DETAIL_MAX], en[LTH_DETAIL_MAX], list[64] = "";
    size_t n = 0;
    if (self->fault != LTH_SCAN_none ||
        (kinds >> (unsigned)lth_sheet_kind_of(self->sheet) & 1u) != 0)
        return;
    for (int k = LTH_SHEET_CSV; k <= LTH_SHEET_XML; k++) {
        if ((kinds >> (unsigned)k & 1u) != 0)
            n += lth_format(list + n, sizeof list - n, "%s%s", n > 0 ? ", " : "",
                            lth_sheet_kind_name((lth_sheet_kind)k));
    }
    (void)lth_format(vi, sizeof vi, "tệp là %s; ở đây nhận: %s",
                     lth_sheet_kind_name(lth_sheet_kind_of(self->sheet)), list);
    (void)lth_format(en, sizeof en, "the file is %s; taken here: %s",
                     lth_sheet_kind_name(lth_sheet_kind_of(self->sheet)), list);
    refuse(self, LTH_SCAN_wrong_file, vi, en);
}

lth_err file_read(const lth_capture_file_request *request, int fd)
{
    static table tables[LTH_CAPTURE_TABLES_MAX];
    static reader self;
    for (uint32_t i = 0; i < request->n_tables; i++)
        tables[i] = (table){.asked = &request->tables[i], .numbering = true};
    lth_err err = reader_open(&self, request->path);
    self.org = lth_slice_of(request->org, strlen(request->org));
    if (!err)
        check_kind(&self, request->kinds);
    if (!err && self.fault == LTH_SCAN_none)
        err = find_tables(&self, tables, request->n_tables);
    uint32_t sheets = self.fault == LTH_SCAN_none && !err ? lth_sheet_count(self.sheet) : 0;
    for (uint32_t i = 0; i < sheets && !err && self.fault == LTH_SCAN_none; i++)
        err = read_sheet(&self, i, tables, request->n_tables);
    if (!err)
        err = write_tables(&self, tables, request->n_tables, fd);
    for (uint32_t i = 0; i < request->n_tables; i++)
        rows_clear(&tables[i].found);
    reader_close(&self);
    return err;
}

/* ---- the answer workbook ---- */

static lth_err answer_row(lth_sheet_writer *writer, bool header, const char *text,
                          const lth_sheet_cell *cells, uint32_t n)
{
    static lth_sheet_cell out[LTH_SHEET_COLUMNS_MAX + 1];
    out[0] = (lth_sheet_cell){text[0] != '\0' ? LTH_CELL_TEXT : LTH_CELL_EMPTY,
                              lth_slice_of(text, strlen(text))};
    for (uint32_t i = 0; i < n; i++)
        out[i + 1] = cells[i];
    return lth_sheet_writer_row(writer, header, out, n + 1);
}

/* Headers as they stood, outer ones repeated over the columns they cover. */
static lth_err answer_headers(const headers_top *top, const headers_place *place, uint32_t skip,
                              lth_sheet_writer *writer)
{
    static lth_sheet_cell cells[LTH_SHEET_COLUMNS_MAX];
    lth_err err = LTH_OK;
    for (uint32_t number = place->first_row; number <= place->last_row && !err; number++) {
        const headers_row *row = NULL;
        for (uint32_t r = 0; r < top->n; r++)
            row = top->rows[r].number == number ? &top->rows[r] : row;
        uint32_t n = row != NULL && row->n > skip ? row->n - skip : 0;
        for (uint32_t i = 0; i < n; i++) {
            lth_slice text = row->shown[i + skip];
            cells[i] = (lth_sheet_cell){text.n > 0 ? LTH_CELL_TEXT : LTH_CELL_EMPTY, text};
        }
        err = answer_row(writer, true, number == place->first_row ? HEADERS_ANSWER : "", cells, n);
    }
    return err;
}

static lth_err answer_rows(reader *self, const lth_capture_answer_request *request, uint32_t skip,
                           lth_sheet_writer *writer)
{
    uint32_t at = 0;
    bool more = true;
    lth_sheet_row row;
    lth_err err = LTH_OK;
    while (!err && at < request->n_rows && self->fault == LTH_SCAN_none) {
        err = next_row(self, &row, &more);
        if (err || !more)
            break;
        while (at < request->n_rows && request->rows[at].row < row.number)
            at++;
        if (at < request->n_rows && request->rows[at].row == row.number)
            err = answer_row(writer, false, request->rows[at++].text,
                             row.cells + (row.n_cells > skip ? skip : row.n_cells),
                             row.n_cells > skip ? row.n_cells - skip : 0);
    }
    return err;
}

static lth_err answer_write(reader *self, const table *t, const lth_capture_answer_request *request)
{
    lth_sheet_writer *writer = NULL;
    lth_diag diag = {0};
    uint32_t skip = t->place.correction ? 1 : 0;
    lth_err err = lth_sheet_writer_open(&writer, request->out_path, HEADERS_ANSWER, &diag);
    if (!err)
        err = answer_headers(self->tops[t->sheet], &t->place, skip, writer);
    if (!err)
        err = select_sheet(self, t->sheet);
    if (!err)
        err = answer_rows(self, request, skip, writer);
    if (writer != NULL) {
        lth_err closed = lth_sheet_writer_close(&writer, &diag);
        err = err ? err : closed;
    }
    if (err && err != LTH_E_NOMEM) {
        refuse(self, LTH_SCAN_bad_file, "không ghi được tệp trả lời",
               "the answer workbook cannot be written");
        err = LTH_OK;
    }
    return err;
}

lth_err file_answer(const lth_capture_answer_request *request, int fd)
{
    static reader self;
    static table t;
    t = (table){.asked = request->table};
    lth_err err = reader_open(&self, request->path);
    if (!err && self.fault == LTH_SCAN_none)
        err = find_tables(&self, &t, 1);
    if (!err && self.fault == LTH_SCAN_none)
        err = answer_write(&self, &t, request);
    const lth_capture_table_end end = {.table = request->table->number,
                                       .fault = self.fault,
                                       .detail = self.vi,
                                       .detail_en = self.en};
    if (!err)
        err = write_end(fd, &end);
    if (!err)
        err = write_close(fd);
    reader_close(&self);
    return err;
}
