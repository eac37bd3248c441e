#include "agents/capture/pipe_text.h"

#define MAGIC      "LCQ1"
#define NULL_CELL  UINT32_MAX
#define ABSENT     (UINT32_MAX - 1)
#define PREFIX     PIPE_PREFIX
#define READ_AHEAD (64u * 1024u)
#define ROW_HEAD   (PREFIX + 1u + 1u + 4u + 4u + 2u)

/* ---- request ---- */

static size_t request_size(const lth_capture_request *r)
{
    size_t n = PREFIX + 4 + 4 + 4 + 1 + pipe_text_size(r->driver) + pipe_text_size(r->database) +
               pipe_text_size(r->dsn) + pipe_text_size(r->password);
    for (uint32_t i = 0; i < r->n_tables; i++) {
        n += 1 + pipe_text_size(r->tables[i].query) + 2;
        for (uint32_t c = 0; c < r->tables[i].n_columns; c++)
            n += pipe_text_size(r->tables[i].columns[c]);
    }
    return n;
}

lth_err lth_capture_request_encode(lth_buf *out, const lth_capture_request *r)
{
    size_t size = request_size(r);
    if (size > PREFIX + LTH_CAPTURE_REQUEST_MAX || r->n_tables > LTH_CAPTURE_TABLES_MAX)
        return LTH_E_LIMIT;
    for (uint32_t i = 0; i < r->n_tables; i++) {
        if (r->tables[i].n_columns > LTH_CAPTURE_COLUMNS_MAX)
            return LTH_E_LIMIT;
    }
    uint8_t *p = lth_buf_more(out, size);
    if (p == NULL)
        return LTH_E_NOMEM;
    lth_wr wr = lth_wr_of(p, size);
    lth_wr32(&wr, (uint32_t)(size - PREFIX));
    lth_wr_bytes(&wr, MAGIC, 4);
    lth_wr32(&wr, r->seconds_max);
    lth_wr32(&wr, r->rows_max);
    pipe_put_text(&wr, r->driver);
    pipe_put_text(&wr, r->database);
    pipe_put_text(&wr, r->dsn);
    pipe_put_text(&wr, r->password);
    lth_wr8(&wr, (uint8_t)r->n_tables);
    for (uint32_t i = 0; i < r->n_tables; i++) {
        const lth_capture_table *table = &r->tables[i];
        lth_wr8(&wr, (uint8_t)table->number);
        pipe_put_text(&wr, table->query);
        lth_wr16(&wr, (uint16_t)table->n_columns);
        for (uint32_t c = 0; c < table->n_columns; c++)
            pipe_put_text(&wr, table->columns[c]);
    }
    LTH_ASSERT(!wr.bad && lth_wr_size(&wr) == size);
    return LTH_OK;
}

static lth_err get_table(lth_capture_table *out, lth_rd *rd, lth_arena *arena)
{
    out->number = lth_rd8(rd);
    out->query = pipe_get_text(rd, arena);
    out->n_columns = lth_rd16(rd);
    if (rd->bad || out->n_columns == 0 || out->n_columns > LTH_CAPTURE_COLUMNS_MAX)
        return LTH_E_FORMAT;
    const char **columns = lth_arena_alloc(arena, out->n_columns * sizeof *columns);
    if (columns == NULL)
        return LTH_E_NOMEM;
    for (uint32_t c = 0; c < out->n_columns; c++) {
        columns[c] = pipe_get_text(rd, arena);
        if (columns[c] == NULL)
            return rd->bad ? LTH_E_FORMAT : LTH_E_NOMEM;
    }
    out->columns = columns;
    return out->query != NULL ? LTH_OK : LTH_E_NOMEM;
}

lth_err lth_capture_request_decode(lth_capture_request *out, lth_slice in, lth_arena *arena)
{
    *out = (lth_capture_request){0};
    lth_rd rd = lth_rd_of(in);
    const uint8_t *magic = lth_rd_bytes(&rd, 4);
    if (magic == NULL || memcmp(magic, MAGIC, 4) != 0)
        return LTH_E_FORMAT;
    out->seconds_max = lth_rd32(&rd);
    out->rows_max = lth_rd32(&rd);
    const char **parts[] = {&out->driver, &out->database, &out->dsn, &out->password};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        *parts[i] = pipe_get_text(&rd, arena);
        if (*parts[i] == NULL)
            return rd.bad ? LTH_E_FORMAT : LTH_E_NOMEM;
    }
    out->n_tables = lth_rd8(&rd);
    if (rd.bad || out->n_tables == 0 || out->n_tables > LTH_CAPTURE_TABLES_MAX)
        return LTH_E_FORMAT;
    lth_capture_table *tables = lth_arena_alloc(arena, out->n_tables * sizeof *tables);
    if (tables == NULL)
        return LTH_E_NOMEM;
    for (uint32_t i = 0; i < out->n_tables; i++) {
        lth_err err = get_table(&tables[i], &rd, arena);
        if (err)
            return err;
    }
    out->tables = tables;
    return lth_rd_done(&rd) ? LTH_OK : LTH_E_FORMAT;
}

/* ---- messages ---- */

size_t lth_capture_row_size(const lth_capture_row_head *head, const lth_cell *cells,
                            uint32_t n_cells)
{
    size_t n = ROW_HEAD + head->org.n;
    for (uint32_t i = 0; i < n_cells; i++)
        n += 4 + (cells[i].n > 0 ? (size_t)cells[i].n : 0);
    return n;
}

void lth_capture_row_encode(uint8_t *out, const lth_capture_row_head *head, const lth_cell *cells,
                            uint32_t n_cells)
{
    size_t size = lth_capture_row_size(head, cells, n_cells);
    LTH_ASSERT(size <= PREFIX + LTH_CAPTURE_MESSAGE_MAX && n_cells <= LTH_CAPTURE_COLUMNS_MAX);
    lth_wr wr = lth_wr_of(out, size);
    lth_wr32(&wr, (uint32_t)(size - PREFIX));
    lth_wr8(&wr, LTH_CAPTURE_ROW);
    lth_wr8(&wr, (uint8_t)head->table);
    lth_wr32(&wr, head->row);
    lth_wr32(&wr, (uint32_t)head->org.n);
    if (head->org.n > 0)
        lth_wr_bytes(&wr, head->org.p, head->org.n);
    lth_wr16(&wr, (uint16_t)n_cells);
    for (uint32_t i = 0; i < n_cells; i++) {
        lth_wr32(&wr, cells[i].n == LTH_CELL_ABSENT ? ABSENT
                      : cells[i].n < 0              ? NULL_CELL
                                                    : (uint32_t)cells[i].n);
        if (cells[i].n > 0)
            lth_wr_bytes(&wr, cells[i].p, (size_t)cells[i].n);
    }
    LTH_ASSERT(!wr.bad);
}

size_t lth_capture_table_end_encode(uint8_t out[LTH_CAPTURE_END_BYTES_MAX],
                                    const lth_capture_table_end *end)
{
    const char *texts[2] = {end->detail, end->detail_en};
    char cut[2][LTH_DETAIL_MAX];
    size_t n[2];
    for (int i = 0; i < 2; i++)
        n[i] = lth_format(cut[i], sizeof cut[i], "%s", texts[i] != NULL ? texts[i] : "");
    lth_wr wr = lth_wr_of(out, LTH_CAPTURE_END_BYTES_MAX);
    lth_wr32(&wr, (uint32_t)(4 + 4 + n[0] + 4 + n[1]));
    lth_wr8(&wr, LTH_CAPTURE_TABLE_END);
    lth_wr8(&wr, (uint8_t)end->table);
    lth_wr8(&wr, (uint8_t)end->fault);
    lth_wr8(&wr, end->correction ? 1 : 0);
    for (int i = 0; i < 2; i++) {
        lth_wr32(&wr, (uint32_t)n[i]);
        lth_wr_bytes(&wr, cut[i], n[i]);
    }
    LTH_ASSERT(!wr.bad);
    return lth_wr_size(&wr);
}

size_t lth_capture_headers_encode(uint8_t *out, uint32_t table, const lth_header *headers,
                                  uint32_t n)
{
    LTH_ASSERT(n <= LTH_CAPTURE_COLUMNS_MAX);
    lth_wr wr = lth_wr_of(out, LTH_CAPTURE_HEADERS_BYTES_MAX);
    lth_wr32(&wr, 0);
    lth_wr8(&wr, LTH_CAPTURE_HEADERS);
    lth_wr8(&wr, (uint8_t)table);
    lth_wr16(&wr, (uint16_t)n);
    for (uint32_t i = 0; i < n; i++) {
        lth_wr16(&wr, headers[i].at);
        if (headers[i].at == 0)
            continue;
        LTH_ASSERT(headers[i].text.n <= LTH_HEADER_MAX);
        lth_wr8(&wr, (uint8_t)headers[i].text.n);
        if (headers[i].text.n > 0)
            lth_wr_bytes(&wr, headers[i].text.p, headers[i].text.n);
    }
    LTH_ASSERT(!wr.bad);
    lth_put32(out, (uint32_t)(lth_wr_size(&wr) - PREFIX));
    return lth_wr_size(&wr);
}

size_t lth_capture_end_encode(uint8_t out[LTH_CAPTURE_END_BYTES_MAX])
{
    lth_wr wr = lth_wr_of(out, LTH_CAPTURE_END_BYTES_MAX);
    lth_wr32(&wr, 1);
    lth_wr8(&wr, LTH_CAPTURE_END);
    return lth_wr_size(&wr);
}

static void get_row(lth_capture_message *out, lth_rd *rd)
{
    out->row = lth_rd32(rd);
    uint32_t org = lth_rd32(rd);
    out->org = lth_slice_of(lth_rd_bytes(rd, org), org);
    out->n_cells = lth_rd16(rd);
    if (out->n_cells > LTH_CAPTURE_COLUMNS_MAX)
        rd->bad = true;
    for (uint32_t i = 0; i < out->n_cells && !rd->bad; i++) {
        uint32_t n = lth_rd32(rd);
        if (n >= ABSENT)
            out->cells[i] = (lth_cell){NULL, n == ABSENT ? LTH_CELL_ABSENT : -1};
        else
            out->cells[i] = (lth_cell){lth_rd_bytes(rd, n), n};
    }
}

/* Bytes of the character at @p p; 0: it is none, or a control character. */
static size_t char_size(const uint8_t *p, size_t n)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0, ' '}, {0xE0, 0xC0, 0xA0}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};
    for (size_t size = 1; size <= sizeof forms / sizeof forms[0] && size <= n; size++) {
        uint32_t value = p[0] & (uint8_t)~forms[size - 1].mask;
        bool good = (p[0] & forms[size - 1].mask) == forms[size - 1].lead;
        for (size_t i = 1; i < size && good; i++) {
            good = (p[i] & 0xC0) == 0x80;
            value = value << 6 | (p[i] & 0x3F);
        }
        bool surrogate = value >= 0xD800 && value <= 0xDFFF;
        if (good && value >= forms[size - 1].least && value != 0x7F && value <= 0x10FFFF &&
            !surrogate)
            return size;
    }
    return 0;
}

static bool is_line(lth_slice text)
{
    size_t at = 0, n = 1;
    for (; at < text.n && n > 0; at += n)
        n = char_size(text.p + at, text.n - at);
    return n > 0;
}

static void get_headers(lth_capture_message *out, lth_rd *rd)
{
    out->n_headers = lth_rd16(rd);
    if (out->n_headers > LTH_CAPTURE_COLUMNS_MAX)
        rd->bad = true;
    for (uint32_t i = 0; i < out->n_headers && !rd->bad; i++) {
        lth_header *header = &out->headers[i];
        *header = (lth_header){.at = lth_rd16(rd)};
        size_t n = header->at != 0 ? lth_rd8(rd) : 0;
        header->text = lth_slice_of(lth_rd_bytes(rd, n), n);
        rd->bad = rd->bad || n > LTH_HEADER_MAX || !is_line(header->text);
    }
}

static void get_detail(char out[LTH_DETAIL_MAX], lth_rd *rd)
{
    uint32_t n = lth_rd32(rd);
    out[0] = '\0';
    if (rd->bad || n >= LTH_DETAIL_MAX) {
        rd->bad = true;
        return;
    }
    lth_rd_copy(rd, out, n);
    out[n] = '\0';
}

static void get_table_end(lth_capture_message *out, lth_rd *rd)
{
    static const bool known[UINT8_MAX + 1] = {
#define X(name, number, vi, en) [number] = true,
        LTH_SCAN_FAULT_MAP(X)
#undef X
    };
    uint8_t fault = lth_rd8(rd), correction = lth_rd8(rd);
    rd->bad = rd->bad || !known[fault] || correction > 1;
    out->fault = (lth_scan_fault)fault;
    out->correction = correction == 1;
    get_detail(out->detail, rd);
    get_detail(out->detail_en, rd);
}

lth_err lth_capture_message_decode(lth_capture_message *out, lth_slice in)
{
    lth_rd rd = lth_rd_of(in);
    out->kind = (lth_capture_kind)lth_rd8(&rd);
    switch (out->kind) {
    case LTH_CAPTURE_ROW:
        out->table = lth_rd8(&rd);
        get_row(out, &rd);
        break;
    case LTH_CAPTURE_TABLE_END:
        out->table = lth_rd8(&rd);
        get_table_end(out, &rd);
        break;
    case LTH_CAPTURE_END:
        break;
    case LTH_CAPTURE_HEADERS:
        out->table = lth_rd8(&rd);
        get_headers(out, &rd);
        break;
    default:
        return LTH_E_FORMAT;
    }
    return lth_rd_done(&rd) ? LTH_OK : LTH_E_FORMAT;
}

void lth_capture_letters(char out[4], uint32_t at)
{
    char backwards[3];
    size_t n = 0, i = 0;
    for (; at > 0 && n < sizeof backwards; at = (at - 1) / 26)
        backwards[n++] = (char)('A' + (at - 1) % 26);
    while (n > 0)
        out[i++] = backwards[--n];
    out[i] = '\0';
}

/* ---- reader ---- */

void lth_capture_reader_init(lth_capture_reader *self)
{
    lth_buf_init(&self->buf, PREFIX + LTH_CAPTURE_MESSAGE_MAX + READ_AHEAD);
    self->at = 0;
}

void lth_capture_reader_fini(lth_capture_reader *self)
{
    lth_buf_fini(&self->buf);
}

uint8_t *lth_capture_reader_room(lth_capture_reader *self, size_t *room)
{
    size_t left = self->buf.n - self->at;
    if (self->at > 0 && left > 0)
        memmove(self->buf.p, self->buf.p + self->at, left);
    self->buf.n = left;
    self->at = 0;
    uint8_t *p = lth_buf_more(&self->buf, READ_AHEAD);
    self->buf.n = left;
    *room = READ_AHEAD;
    return p;
}

void lth_capture_reader_put(lth_capture_reader *self, size_t n)
{
    LTH_ASSERT(n <= self->buf.cap - self->buf.n);
    self->buf.n += n;
}

lth_err lth_capture_reader_next(lth_capture_reader *self, lth_capture_message *out)
{
    size_t left = self->buf.n - self->at;
    if (left < PREFIX)
        return LTH_E_AGAIN;
    const uint8_t *p = self->buf.p + self->at;
    uint32_t n = lth_get32(p);
    if (n > LTH_CAPTURE_MESSAGE_MAX)
        return LTH_E_FORMAT;
    if (left - PREFIX < n)
        return LTH_E_AGAIN;
    lth_err err = lth_capture_message_decode(out, lth_slice_of(p + PREFIX, n));
    if (!err)
        self->at += PREFIX + n;
    return err;
}
