/**
 * @file agents/capture/pipe.h
 * What the agent and its capture child say to each other: one request on the child's stdin,
 * messages on its stdout. Pure; every message is a 4-byte length, then that many bytes. Both sides
 * treat the other's bytes as hostile: an ODBC driver runs in the child.
 *
 *   query    "LCQ1" | seconds_max 4 | rows_max 4 | driver | database | dsn | password |
 *            n_tables 1 | per table: number 1 | query | n_columns 2 | column...
 *   file     "LCF1" | path | kinds 4 | n_tables 1 | table...
 *   answer   "LCA1" | path | out path | table | n_rows 4 | per row: number 4, text
 *   view     "LCV1" | directory | file_max 4 | n_orgs 4 | per org: had 1, code | query (as above)
 *   table    number 1 | part 1 | optional 1 | sheet 2 | sheet name | header_rows 1 |
 *            has_org 1 | org column if so | n_columns 2 | column...
 *   column   optional 1 | n_names 1 | name...
 *
 *   message  kind 1, then
 *   ROW        table 1 | row 4 | org | n_cells 2 | per cell: n 4 (all ones = NULL, one less = no
 *              such column), bytes
 *   HEADERS    table 1 | n_columns 2 | per column: where 2, 0 = no such column; if so n 1, bytes
 *              (of a file; before the table's first row)
 *   TABLE_END  table 1 | fault 1 | correction 1 | detail | detail in English
 *   END        nothing
 *
 * A string is its length 4, then its bytes without NUL. The password travels here and nowhere else.
 */
#pragma once

#include "agents/core/agent.h"

#define LTH_CAPTURE_REQUEST_MAX (4u * 1024u * 1024u)
#define LTH_CAPTURE_MESSAGE_MAX (2u * 1024u * 1024u)
#define LTH_CAPTURE_TABLES_MAX  64u
#define LTH_CAPTURE_COLUMNS_MAX 512u
#define LTH_CAPTURE_VALUE_MAX   (256u * 1024u)  /**< Bytes of one value; more is `truncated`. */
#define LTH_CAPTURE_ROW_MAX     (1024u * 1024u) /**< Bytes of one row's values; more likewise. */
#define LTH_CAPTURE_ROWS_BYTES  (512u * 1024u * 1024u) /**< What the child keeps of one table. */

typedef struct lth_capture_table {
    uint32_t number; /**< The agent's index of this table. */
    const char *query;
    const char *const *columns; /**< In cell order. */
    uint32_t n_columns;
} lth_capture_table;

typedef struct lth_capture_request {
    const char *driver, *database;
    const char *dsn;      /**< Further connection parts; "" for none. */
    const char *password; /**< "" for none. */
    uint32_t seconds_max; /**< Of processor time and of one query. */
    uint32_t rows_max;    /**< Rows to read of a table before it ends without fault; 0 = all. */
    const lth_capture_table *tables;
    uint32_t n_tables;
} lth_capture_request;

/** A column of a file: found by the text of its header. */
typedef struct lth_capture_column {
    const char *const *names; /**< Aliases, the first one is the name it is spoken of by. */
    uint32_t n_names;
    bool optional; /**< May be missing: its cells are NULL. */
} lth_capture_column;

typedef struct lth_capture_file_table {
    uint32_t number;
    uint32_t part;  /**< Tables of one layout share it: a file has all of its tables, or is not of
                       that layout. 0..255 */
    bool optional;  /**< This one may be missing all the same. */
    uint32_t sheet; /**< From 1; 0: by name, or the first one that has the columns. */
    const char *sheet_name; /**< "" for none. */
    uint32_t header_rows;   /**< At most so many, 1..10; titles above them are passed over. */
    const lth_capture_column *org;     /**< Column that names the row's organisation, or NULL. */
    const lth_capture_column *columns; /**< In cell order. */
    uint32_t n_columns;
} lth_capture_file_table;

typedef struct lth_capture_file_request {
    const char *path;
    uint32_t kinds;  /**< Bit (1 << lth_sheet_kind) per kind of file that is taken. */
    const char *org; /**< "": rows may be anybody's; else of the first that names another one only
                        this row is told, and the file is wrong_file. */
    const lth_capture_file_table *tables;
    uint32_t n_tables;
} lth_capture_file_request;

/** Write the answer workbook: rows of `path` that are named, with a first column of texts. */
typedef struct lth_capture_answer_request {
    const char *path, *out_path;
    const lth_capture_file_table *table; /**< For its sheet and headers. */
    uint32_t n_rows;
    const struct lth_capture_answer_row {
        uint32_t row;
        const char *text;
    } * rows; /**< Ascending. */
} lth_capture_answer_request;

/** Read a view that holds many schools and write what each has as one CSV file, named by the
 * school's index in `orgs`, into a directory (agents/capture/split.h). Told as ROWs of table 0
 * after the reading: org = a code of the view, row = how many rows it had, one cell: empty =
 * served, NULL = not served here; an empty org = further rows that no code is told of. Then
 * TABLE_END. */
#define LTH_CAPTURE_ORGS_MAX 65536u
typedef struct lth_capture_view_request {
    lth_capture_request source; /**< One table, number 0: the query; its one column: the code. */
    const char *dir;            /**< Absolute; there, and empty. */
    uint32_t file_max;          /**< Bytes of one school's file. */
    const struct lth_capture_view_org {
        const char *code;
        bool had; /**< It had rows the last time: if it has none, a file of headers is made. */
    } * orgs;     /**< Ascending codes. */
    uint32_t n_orgs;
} lth_capture_view_request;

typedef enum lth_capture_task {
    LTH_CAPTURE_TASK_QUERY = 1,
    LTH_CAPTURE_TASK_FILE,
    LTH_CAPTURE_TASK_ANSWER,
    LTH_CAPTURE_TASK_VIEW
} lth_capture_task;
/** What the request is, by its first bytes; 0 = none of them. */
lth_capture_task lth_capture_task_of(lth_slice in);

/* Each: length prefix included in what is encoded, not in what is decoded; strings are copied to
 * the arena. LTH_OK, LTH_E_LIMIT or LTH_E_FORMAT, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_capture_file_encode(lth_buf *out, const lth_capture_file_request *request);
LTH_MUST_USE lth_err lth_capture_file_decode(lth_capture_file_request *out, lth_slice in,
                                             lth_arena *arena);
LTH_MUST_USE lth_err lth_capture_answer_encode(lth_buf *out,
                                               const lth_capture_answer_request *request);
LTH_MUST_USE lth_err lth_capture_answer_decode(lth_capture_answer_request *out, lth_slice in,
                                               lth_arena *arena);
LTH_MUST_USE lth_err lth_capture_view_encode(lth_buf *out, const lth_capture_view_request *request);
LTH_MUST_USE lth_err lth_capture_view_decode(lth_capture_view_request *out, lth_slice in,
                                             lth_arena *arena);

/** Length prefix included. LTH_OK, LTH_E_LIMIT, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_capture_request_encode(lth_buf *out, const lth_capture_request *request);
/** @param in  Without the length prefix. Strings are copied to @p arena.
 * LTH_OK, LTH_E_FORMAT, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_capture_request_decode(lth_capture_request *out, lth_slice in,
                                                lth_arena *arena);

typedef enum lth_capture_kind {
    LTH_CAPTURE_ROW = 1,
    LTH_CAPTURE_TABLE_END = 2,
    LTH_CAPTURE_END = 3,
    LTH_CAPTURE_HEADERS = 4
} lth_capture_kind;

typedef struct lth_capture_message {
    lth_capture_kind kind;
    uint32_t table;
    uint32_t row;  /**< Of a file, as Excel shows it; 0 from a database. */
    lth_slice org; /**< Code as it stands in the org column, trimmed; empty when there is none. */
    uint32_t n_cells;
    lth_cell cells[LTH_CAPTURE_COLUMNS_MAX]; /**< Pointing into the reader's buffer. */
    uint32_t n_headers;
    lth_header headers[LTH_CAPTURE_COLUMNS_MAX]; /**< Likewise: text without control characters. */
    lth_scan_fault fault;
    char detail[LTH_DETAIL_MAX];
    char detail_en[LTH_DETAIL_MAX]; /**< Empty: the same. */
    bool correction;                /**< The file is an answer workbook sent back: single rows. */
} lth_capture_message;

/** What a ROW says beside its cells. */
typedef struct lth_capture_row_head {
    uint32_t table, row;
    lth_slice org;
} lth_capture_row_head;
/** Size of an encoded ROW, length prefix included. */
size_t lth_capture_row_size(const lth_capture_row_head *head, const lth_cell *cells,
                            uint32_t n_cells);
/** Writes exactly that many bytes. */
void lth_capture_row_encode(uint8_t *out, const lth_capture_row_head *head, const lth_cell *cells,
                            uint32_t n_cells);
#define LTH_CAPTURE_HEADERS_BYTES_MAX                                                              \
    (4u + 4u + LTH_CAPTURE_COLUMNS_MAX * (2u + 1u + LTH_HEADER_MAX))
/** Returns bytes written. Texts are of at most LTH_HEADER_MAX bytes. */
size_t lth_capture_headers_encode(uint8_t *out, uint32_t table, const lth_header *headers,
                                  uint32_t n);
/** What a TABLE_END says. Details are cut to LTH_DETAIL_MAX - 1; NULL is empty. */
typedef struct lth_capture_table_end {
    uint32_t table;
    lth_scan_fault fault;
    bool correction;
    const char *detail, *detail_en;
} lth_capture_table_end;
#define LTH_CAPTURE_END_BYTES_MAX (4u + 4u + 8u + 2u * LTH_DETAIL_MAX)
/** Return bytes written. */
size_t lth_capture_table_end_encode(uint8_t out[LTH_CAPTURE_END_BYTES_MAX],
                                    const lth_capture_table_end *end);
size_t lth_capture_end_encode(uint8_t out[LTH_CAPTURE_END_BYTES_MAX]);

/** What Excel calls column @p at, from 1: "A", ..., "XFD"; "" for 0. */
void lth_capture_letters(char out[4], uint32_t at);

/** One message without its length prefix. LTH_OK or LTH_E_FORMAT. */
LTH_MUST_USE lth_err lth_capture_message_decode(lth_capture_message *out, lth_slice in);

/** Cuts a stream of bytes into messages. Memory appears with the first byte. */
typedef struct lth_capture_reader {
    lth_buf buf;
    size_t at;
} lth_capture_reader;
void lth_capture_reader_init(lth_capture_reader *self);
void lth_capture_reader_fini(lth_capture_reader *self);
/** Where to put bytes that come from the pipe, and how many fit (never 0); NULL: out of memory. */
uint8_t *lth_capture_reader_room(lth_capture_reader *self, size_t *room);
/** @p n bytes were put there. */
void lth_capture_reader_put(lth_capture_reader *self, size_t n);
/** LTH_OK: a message, valid until the next call of room(); LTH_E_AGAIN: more bytes are needed;
 * LTH_E_FORMAT: the child talks nonsense, kill it. */
LTH_MUST_USE lth_err lth_capture_reader_next(lth_capture_reader *self, lth_capture_message *out);

/** Is this one SELECT (or WITH ... SELECT) that changes nothing? On false @p why names what stands
 * in the way, as a word of the query or a sign. */
bool lth_capture_query_ok(const char *query, const char **why);
