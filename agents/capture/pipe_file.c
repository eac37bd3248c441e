#include "agents/capture/pipe_text.h"

#define FILE_MAGIC   "LCF1"
#define ANSWER_MAGIC "LCA1"
#define HEADERS_MAX  10u
#define ALIASES_MAX  32u
#define HAS_ORG      1u
#define OPTIONAL     1u

const char *pipe_get_text(lth_rd *rd, lth_arena *arena)
{
    uint32_t n = lth_rd32(rd);
    const uint8_t *p = lth_rd_bytes(rd, n);
    if (p == NULL || memchr(p, 0, n) != NULL) {
        rd->bad = true;
        return NULL;
    }
    char *copy = lth_arena_alloc(arena, (size_t)n + 1);
    if (copy != NULL) {
        memcpy(copy, p, n);
        copy[n] = '\0';
    }
    return copy;
}

lth_capture_task lth_capture_task_of(lth_slice in)
{
    static const struct {
        const char *magic;
        lth_capture_task task;
    } known[] = {{"LCQ1", LTH_CAPTURE_TASK_QUERY},
                 {FILE_MAGIC, LTH_CAPTURE_TASK_FILE},
                 {ANSWER_MAGIC, LTH_CAPTURE_TASK_ANSWER},
                 {"LCV1", LTH_CAPTURE_TASK_VIEW}};
    for (size_t i = 0; i < sizeof known / sizeof known[0] && in.n >= 4; i++) {
        if (memcmp(in.p, known[i].magic, 4) == 0)
            return known[i].task;
    }
    return (lth_capture_task)0;
}

/* ---- encoding: one walk that first counts, then writes ---- */

typedef struct sink {
    lth_wr wr;
    size_t n;
    bool writing;
} sink;

static void put_number(sink *s, uint32_t value, uint32_t bytes)
{
    s->n += bytes;
    if (s->writing && bytes == 1)
        lth_wr8(&s->wr, (uint8_t)value);
    else if (s->writing && bytes == 2)
        lth_wr16(&s->wr, (uint16_t)value);
    else if (s->writing)
        lth_wr32(&s->wr, value);
}

static void put_string(sink *s, const char *text)
{
    s->n += pipe_text_size(text);
    if (s->writing)
        pipe_put_text(&s->wr, text);
}

static void put_column(sink *s, const lth_capture_column *column)
{
    put_number(s, column->optional ? OPTIONAL : 0, 1);
    put_number(s, column->n_names, 1);
    for (uint32_t i = 0; i < column->n_names; i++)
        put_string(s, column->names[i]);
}

static void put_table(sink *s, const lth_capture_file_table *table)
{
    put_number(s, table->number, 1);
    put_number(s, table->part, 1);
    put_number(s, table->optional ? OPTIONAL : 0, 1);
    put_number(s, table->sheet, 2);
    put_string(s, table->sheet_name);
    put_number(s, table->header_rows, 1);
    put_number(s, table->org != NULL ? HAS_ORG : 0, 1);
    if (table->org != NULL)
        put_column(s, table->org);
    put_number(s, table->n_columns, 2);
    for (uint32_t i = 0; i < table->n_columns; i++)
        put_column(s, &table->columns[i]);
}

static void put_file(sink *s, const void *request)
{
    const lth_capture_file_request *r = request;
    put_string(s, r->path);
    put_number(s, r->kinds, 4);
    put_string(s, r->org);
    put_number(s, r->n_tables, 1);
    for (uint32_t i = 0; i < r->n_tables; i++)
        put_table(s, &r->tables[i]);
}

static void put_answer(sink *s, const void *request)
{
    const lth_capture_answer_request *r = request;
    put_string(s, r->path);
    put_string(s, r->out_path);
    put_table(s, r->table);
    put_number(s, r->n_rows, 4);
    for (uint32_t i = 0; i < r->n_rows; i++) {
        put_number(s, r->rows[i].row, 4);
        put_string(s, r->rows[i].text);
    }
}

static lth_err encode(lth_buf *out, const char *magic, void (*put)(sink *, const void *),
                      const void *request)
{
    sink s = {0};
    put(&s, request);
    size_t size = PIPE_PREFIX + 4 + s.n;
    if (size > PIPE_PREFIX + LTH_CAPTURE_REQUEST_MAX)
        return LTH_E_LIMIT;
    uint8_t *p = lth_buf_more(out, size);
    if (p == NULL)
        return LTH_E_NOMEM;
    s = (sink){.wr = lth_wr_of(p, size), .writing = true};
    lth_wr32(&s.wr, (uint32_t)(size - PIPE_PREFIX));
    lth_wr_bytes(&s.wr, magic, 4);
    put(&s, request);
    LTH_ASSERT(!s.wr.bad && lth_wr_size(&s.wr) == size);
    return LTH_OK;
}

static bool column_fits(const lth_capture_column *column)
{
    return column->n_names > 0 && column->n_names <= ALIASES_MAX;
}

static bool table_fits(const lth_capture_file_table *table)
{
    bool fits = table->n_columns > 0 && table->n_columns <= LTH_CAPTURE_COLUMNS_MAX &&
                table->header_rows > 0 && table->header_rows <= HEADERS_MAX &&
                table->number < LTH_CAPTURE_TABLES_MAX && table->part <= UINT8_MAX &&
                table->sheet <= UINT16_MAX && (table->org == NULL || column_fits(table->org));
    for (uint32_t i = 0; i < table->n_columns && fits; i++)
        fits = column_fits(&table->columns[i]);
    return fits;
}

lth_err lth_capture_file_encode(lth_buf *out, const lth_capture_file_request *request)
{
    bool fits = request->n_tables > 0 && request->n_tables <= LTH_CAPTURE_TABLES_MAX;
    for (uint32_t i = 0; i < request->n_tables && fits; i++)
        fits = table_fits(&request->tables[i]);
    return fits ? encode(out, FILE_MAGIC, put_file, request) : LTH_E_LIMIT;
}

lth_err lth_capture_answer_encode(lth_buf *out, const lth_capture_answer_request *request)
{
    return table_fits(request->table) ? encode(out, ANSWER_MAGIC, put_answer, request)
                                      : LTH_E_LIMIT;
}

/* ---- decoding ---- */

static lth_err get_column(lth_capture_column *out, lth_rd *rd, lth_arena *arena)
{
    uint8_t flags = lth_rd8(rd);
    out->optional = flags == OPTIONAL;
    out->n_names = lth_rd8(rd);
    if (rd->bad || flags > OPTIONAL || !column_fits(out))
        return LTH_E_FORMAT;
    const char **names = lth_arena_alloc(arena, out->n_names * sizeof *names);
    if (names == NULL)
        return LTH_E_NOMEM;
    for (uint32_t i = 0; i < out->n_names; i++) {
        names[i] = pipe_get_text(rd, arena);
        if (names[i] == NULL)
            return rd->bad ? LTH_E_FORMAT : LTH_E_NOMEM;
    }
    out->names = names;
    return LTH_OK;
}

static lth_err get_columns(const lth_capture_column **out, uint32_t n, lth_rd *rd, lth_arena *arena)
{
    if (n == 0 || n > LTH_CAPTURE_COLUMNS_MAX)
        return LTH_E_FORMAT;
    lth_capture_column *columns = lth_arena_alloc(arena, n * sizeof *columns);
    lth_err err = columns == NULL ? LTH_E_NOMEM : LTH_OK;
    for (uint32_t i = 0; i < n && !err; i++)
        err = get_column(&columns[i], rd, arena);
    *out = columns;
    return err;
}

static lth_err get_table(lth_capture_file_table *out, lth_rd *rd, lth_arena *arena)
{
    out->number = lth_rd8(rd);
    out->part = lth_rd8(rd);
    uint8_t optional = lth_rd8(rd);
    out->optional = optional == OPTIONAL;
    out->sheet = lth_rd16(rd);
    out->sheet_name = pipe_get_text(rd, arena);
    if (out->sheet_name == NULL)
        return rd->bad ? LTH_E_FORMAT : LTH_E_NOMEM;
    out->header_rows = lth_rd8(rd);
    uint8_t flags = lth_rd8(rd);
    out->org = NULL;
    lth_err err = rd->bad || flags > HAS_ORG || optional > OPTIONAL ? LTH_E_FORMAT : LTH_OK;
    if (!err && flags == HAS_ORG)
        err = get_columns(&out->org, 1, rd, arena);
    if (err)
        return err;
    out->n_columns = lth_rd16(rd);
    err = rd->bad ? LTH_E_FORMAT : get_columns(&out->columns, out->n_columns, rd, arena);
    return err || table_fits(out) ? err : LTH_E_FORMAT;
}

static lth_err get_paths(lth_rd *rd, lth_slice in, const char *magic, const char **paths[],
                         lth_arena *arena)
{
    *rd = lth_rd_of(in);
    const uint8_t *begin = lth_rd_bytes(rd, 4);
    if (begin == NULL || memcmp(begin, magic, 4) != 0)
        return LTH_E_FORMAT;
    for (; *paths != NULL; paths++) {
        **paths = pipe_get_text(rd, arena);
        if (**paths == NULL)
            return rd->bad ? LTH_E_FORMAT : LTH_E_NOMEM;
    }
    return LTH_OK;
}

lth_err lth_capture_file_decode(lth_capture_file_request *out, lth_slice in, lth_arena *arena)
{
    lth_rd rd;
    *out = (lth_capture_file_request){0};
    lth_err err = get_paths(&rd, in, FILE_MAGIC, (const char **[]){&out->path, NULL}, arena);
    if (err)
        return err;
    out->kinds = lth_rd32(&rd);
    out->org = pipe_get_text(&rd, arena);
    if (out->org == NULL)
        return rd.bad ? LTH_E_FORMAT : LTH_E_NOMEM;
    out->n_tables = lth_rd8(&rd);
    if (rd.bad || out->n_tables == 0 || out->n_tables > LTH_CAPTURE_TABLES_MAX)
        return LTH_E_FORMAT;
    lth_capture_file_table *tables = lth_arena_alloc(arena, out->n_tables * sizeof *tables);
    if (tables == NULL)
        return LTH_E_NOMEM;
    for (uint32_t i = 0; i < out->n_tables && !err; i++)
        err = get_table(&tables[i], &rd, arena);
    out->tables = tables;
    return err || lth_rd_done(&rd) ? err : LTH_E_FORMAT;
}

lth_err lth_capture_answer_decode(lth_capture_answer_request *out, lth_slice in, lth_arena *arena)
{
    lth_rd rd;
    *out = (lth_capture_answer_request){0};
    lth_err err = get_paths(&rd, in, ANSWER_MAGIC,
                            (const char **[]){&out->path, &out->out_path, NULL}, arena);
    lth_capture_file_table *table = lth_arena_alloc(arena, sizeof *table);
    if (!err)
        err = table == NULL ? LTH_E_NOMEM : get_table(table, &rd, arena);
    if (err)
        return err;
    out->table = table;
    out->n_rows = lth_rd32(&rd);
    if (rd.bad || out->n_rows > LTH_CAPTURE_REQUEST_MAX / 8)
        return LTH_E_FORMAT;
    struct lth_capture_answer_row *rows =
        lth_arena_alloc(arena, (out->n_rows + (size_t)1) * sizeof *rows);
    if (rows == NULL)
        return LTH_E_NOMEM;
    for (uint32_t i = 0; i < out->n_rows; i++) {
        rows[i].row = lth_rd32(&rd);
        rows[i].text = pipe_get_text(&rd, arena);
        if (rows[i].text == NULL)
            return rd.bad ? LTH_E_FORMAT : LTH_E_NOMEM;
        if (i > 0 && rows[i].row <= rows[i - 1].row)
            return LTH_E_FORMAT;
    }
    out->rows = rows;
    return lth_rd_done(&rd) ? LTH_OK : LTH_E_FORMAT;
}
