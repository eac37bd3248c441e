/* One query: columns by name or as they stand, every row to a sink, the cursor closed. */

#include <stdlib.h>

#include "agents/capture/source.h"
#include "lth/diag.h"

#define NAME_SIZE      2048
#define NAMES_MAX      (LTH_CAPTURE_COLUMNS_MAX * (size_t)NAME_SIZE)
#define VALUE_ROOM     4096u
#define RESULT_COLUMNS 2048

/* A cell and the result column (from 1) that fills it. */
typedef struct pick {
    SQLUSMALLINT column;
    uint32_t cell;
} pick;

typedef struct table_reader {
    SQLHSTMT stmt;
    const source_query *query;
    const source_sink *sink;
    const char *columns[LTH_CAPTURE_COLUMNS_MAX];
    uint32_t n_columns;
    pick picks[LTH_CAPTURE_COLUMNS_MAX]; /* By column: some drivers give them only in order. */
    lth_cell cells[LTH_CAPTURE_COLUMNS_MAX];
    size_t starts[LTH_CAPTURE_COLUMNS_MAX]; /* Of each cell in `values`, which may move. */
    lth_buf values, names;
} table_reader;

/* ---- columns ---- */

/* ASCII without case, everything else byte by byte. */
static bool same_name(const char *a, const char *b)
{
    for (;; a++, b++) {
        unsigned char x = (unsigned char)*a, y = (unsigned char)*b;
        x = x >= 'A' && x <= 'Z' ? (unsigned char)(x + 32) : x;
        y = y >= 'A' && y <= 'Z' ? (unsigned char)(y + 32) : y;
        if (x != y)
            return false;
        if (x == 0)
            return true;
    }
}

static int pick_order(const void *a, const void *b)
{
    const pick *x = a, *y = b;
    return x->column != y->column ? (x->column < y->column ? -1 : 1)
                                  : (x->cell < y->cell ? -1 : x->cell > y->cell);
}

static bool column_name(const table_reader *self, SQLSMALLINT column, SQLCHAR name[NAME_SIZE])
{
    SQLSMALLINT n = 0;
    name[0] = '\0';
    return SQL_SUCCEEDED(SQLColAttribute(self->stmt, (SQLUSMALLINT)column, SQL_DESC_NAME, name,
                                         NAME_SIZE, &n, NULL));
}

static lth_scan_fault find_named(table_reader *self, SQLSMALLINT n, char detail[LTH_DETAIL_MAX])
{
    self->n_columns = self->query->n_columns;
    for (uint32_t i = 0; i < self->n_columns; i++) {
        self->columns[i] = self->query->columns[i];
        self->picks[i] = (pick){0, i};
    }
    for (SQLSMALLINT c = 1; c <= n; c++) {
        SQLCHAR name[NAME_SIZE];
        if (!column_name(self, c, name))
            return source_fault(SQL_HANDLE_STMT, self->stmt, LTH_SCAN_incomplete, detail);
        for (uint32_t i = 0; i < self->n_columns; i++) {
            if (self->picks[i].column == 0 && same_name(self->columns[i], (const char *)name))
                self->picks[i].column = (SQLUSMALLINT)c;
        }
    }
    for (uint32_t i = 0; i < self->n_columns; i++) {
        if (self->picks[i].column == 0) {
            lth_format(detail, LTH_DETAIL_MAX, "%s", self->columns[i]);
            return LTH_SCAN_missing_column;
        }
    }
    qsort(self->picks, self->n_columns, sizeof self->picks[0], pick_order);
    return LTH_SCAN_none;
}

static lth_scan_fault find_all(table_reader *self, SQLSMALLINT n, char detail[LTH_DETAIL_MAX])
{
    size_t starts[LTH_CAPTURE_COLUMNS_MAX];
    if (n < 1 || n > (SQLSMALLINT)LTH_CAPTURE_COLUMNS_MAX) {
        lth_format(detail, LTH_DETAIL_MAX, "%d > %u", (int)n, LTH_CAPTURE_COLUMNS_MAX);
        return LTH_SCAN_incomplete;
    }
    for (SQLSMALLINT c = 1; c <= n; c++) {
        SQLCHAR name[NAME_SIZE];
        if (!column_name(self, c, name))
            return source_fault(SQL_HANDLE_STMT, self->stmt, LTH_SCAN_incomplete, detail);
        starts[c - 1] = self->names.n;
        if (lth_buf_add(&self->names, name, strlen((const char *)name) + 1) != LTH_OK)
            return LTH_SCAN_incomplete;
        self->picks[c - 1] = (pick){(SQLUSMALLINT)c, (uint32_t)c - 1};
    }
    self->n_columns = (uint32_t)n;
    for (uint32_t i = 0; i < self->n_columns; i++)
        self->columns[i] = (const char *)self->names.p + starts[i];
    return LTH_SCAN_none;
}

static lth_scan_fault find_columns(table_reader *self, char detail[LTH_DETAIL_MAX])
{
    SQLSMALLINT n = 0;
    if (!SQL_SUCCEEDED(SQLNumResultCols(self->stmt, &n)) || n > RESULT_COLUMNS)
        return source_fault(SQL_HANDLE_STMT, self->stmt, LTH_SCAN_incomplete, detail);
    lth_scan_fault fault =
        self->query->columns != NULL ? find_named(self, n, detail) : find_all(self, n, detail);
    if (fault == LTH_SCAN_none && self->sink->columns != NULL)
        fault = self->sink->columns(self->sink->ctx, self->columns, self->n_columns, detail);
    return fault;
}

/* ---- rows ---- */

/* Append the whole value of a column. none, truncated, or what the driver said. */
static lth_scan_fault read_value(table_reader *self, SQLUSMALLINT column, int64_t *size,
                                 char detail[LTH_DETAIL_MAX])
{
    size_t start = self->values.n;
    for (size_t room = VALUE_ROOM;; room *= 2) {
        uint8_t *p = lth_buf_more(&self->values, room);
        if (p == NULL)
            return LTH_SCAN_truncated;
        SQLLEN left = 0;
        SQLRETURN rc = SQLGetData(self->stmt, column, SQL_C_CHAR, p, (SQLLEN)room, &left);
        self->values.n -= room;
        if (!SQL_SUCCEEDED(rc))
            return source_fault(SQL_HANDLE_STMT, self->stmt, LTH_SCAN_incomplete, detail);
        if (left == SQL_NULL_DATA) {
            *size = -1;
            return LTH_SCAN_none;
        }
        bool whole = left != SQL_NO_TOTAL && left >= 0 && (size_t)left < room;
        self->values.n += whole ? (size_t)left : room - 1;
        if (self->values.n - start > LTH_CAPTURE_VALUE_MAX)
            return LTH_SCAN_truncated;
        if (whole) {
            *size = (int64_t)(self->values.n - start);
            return LTH_SCAN_none;
        }
    }
}

static lth_scan_fault read_row(table_reader *self, char detail[LTH_DETAIL_MAX])
{
    const pick *picks = self->picks;
    lth_buf_clear(&self->values);
    for (uint32_t i = 0; i < self->n_columns; i++) {
        uint32_t cell = picks[i].cell;
        if (i > 0 && picks[i].column == picks[i - 1].column) {
            self->cells[cell].n = self->cells[picks[i - 1].cell].n;
            self->starts[cell] = self->starts[picks[i - 1].cell];
            continue;
        }
        self->starts[cell] = self->values.n;
        lth_scan_fault fault = read_value(self, picks[i].column, &self->cells[cell].n, detail);
        if (fault == LTH_SCAN_truncated)
            lth_format(detail, LTH_DETAIL_MAX, "%s", self->columns[cell]);
        if (fault != LTH_SCAN_none)
            return fault;
    }
    for (uint32_t i = 0; i < self->n_columns; i++)
        self->cells[i].p = self->values.p + self->starts[i];
    return LTH_SCAN_none;
}

static lth_scan_fault read_rows(table_reader *self, char detail[LTH_DETAIL_MAX])
{
    const source_query *query = self->query;
    lth_scan_fault kept = LTH_SCAN_none;
    for (uint32_t n = 0;; n++) {
        if (query->rows_max != 0 && n == query->rows_max)
            return kept;
        SQLRETURN rc = SQLFetch(self->stmt);
        if (rc == SQL_NO_DATA)
            return kept;
        if (!SQL_SUCCEEDED(rc))
            return source_fault(SQL_HANDLE_STMT, self->stmt, LTH_SCAN_incomplete, detail);
        if (query->rows_max == 0 && n == query->rows_limit)
            return LTH_SCAN_too_many_rows;
        lth_scan_fault fault = read_row(self, detail);
        if (fault == LTH_SCAN_truncated) {
            kept = fault;
            continue;
        }
        if (fault == LTH_SCAN_none)
            fault = self->sink->row(self->sink->ctx, self->cells, self->n_columns, detail);
        if (fault != LTH_SCAN_none)
            return fault;
    }
}

lth_scan_fault source_read(source *db, const source_query *query, const source_sink *sink,
                           char detail[LTH_DETAIL_MAX])
{
    static table_reader self; /* 28 KiB that a stack need not hold; one table at a time. */
    lth_scan_fault fault = LTH_SCAN_incomplete;
    self = (table_reader){.query = query, .sink = sink};
    /* Twice, for the last doubling of the room of a value. */
    lth_buf_init(&self.values, 2 * (size_t)LTH_CAPTURE_ROW_MAX);
    lth_buf_init(&self.names, NAMES_MAX);
    const char *why;
    if (!lth_capture_query_ok(query->text, &why)) {
        lth_format(detail, LTH_DETAIL_MAX, "query: %s", why);
        goto done;
    }
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, db->dbc, &self.stmt))) {
        fault = source_fault(SQL_HANDLE_DBC, db->dbc, LTH_SCAN_unreachable, detail);
        goto done;
    }
    (void)SQLSetStmtAttr(self.stmt, SQL_ATTR_QUERY_TIMEOUT,
                         (SQLPOINTER)(uintptr_t)query->seconds_max, 0);
    SQLRETURN rc = SQLExecDirect(self.stmt, (SQLCHAR *)(uintptr_t)query->text, SQL_NTS);
    if (!SQL_SUCCEEDED(rc) && rc != SQL_NO_DATA)
        fault = source_fault(SQL_HANDLE_STMT, self.stmt, LTH_SCAN_incomplete, detail);
    else
        fault = find_columns(&self, detail);
    if (fault == LTH_SCAN_none)
        fault = read_rows(&self, detail);
done:
    if (self.stmt != NULL)
        (void)SQLFreeHandle(SQL_HANDLE_STMT, self.stmt);
    lth_buf_fini(&self.values);
    lth_buf_fini(&self.names);
    return fault;
}
