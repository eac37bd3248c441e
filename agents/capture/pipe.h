/**
 * @file agents/capture/pipe.h
 * What the agent and its capture child say to each other: one request on the child's stdin,
 * messages on its stdout. Pure; every message is a 4-byte length, then that many bytes. Both sides
 * treat the other's bytes as hostile: an ODBC driver runs in the child.
 *
 *   request  "LCQ1" | seconds_max 4 | rows_max 4 | driver | database | dsn | password |
 *            n_tables 1 | per table: number 1 | query | n_columns 2 | column...
 *   message  kind 1 | ROW:       table 1 | n_cells 2 | per cell: n 4 (all ones = NULL), bytes
 *                   | TABLE_END: table 1 | fault 1 | detail
 *                   | END
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

/** Length prefix included. LTH_OK, LTH_E_LIMIT, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_capture_request_encode(lth_buf *out, const lth_capture_request *request);
/** @param in  Without the length prefix. Strings are copied to @p arena.
 * LTH_OK, LTH_E_FORMAT, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_capture_request_decode(lth_capture_request *out, lth_slice in,
                                                lth_arena *arena);

typedef enum lth_capture_kind {
    LTH_CAPTURE_ROW = 1,
    LTH_CAPTURE_TABLE_END = 2,
    LTH_CAPTURE_END = 3
} lth_capture_kind;

typedef struct lth_capture_message {
    lth_capture_kind kind;
    uint32_t table;
    uint32_t n_cells;
    lth_cell cells[LTH_CAPTURE_COLUMNS_MAX]; /**< Pointing into the reader's buffer. */
    lth_scan_fault fault;
    char detail[LTH_DETAIL_MAX];
} lth_capture_message;

/** Size of an encoded ROW, length prefix included. */
size_t lth_capture_row_size(const lth_cell *cells, uint32_t n_cells);
/** Writes exactly that many bytes. */
void lth_capture_row_encode(uint8_t *out, uint32_t table, const lth_cell *cells, uint32_t n_cells);
#define LTH_CAPTURE_END_BYTES_MAX (4u + 3u + 4u + LTH_DETAIL_MAX)
/** Return bytes written. Detail is cut to LTH_DETAIL_MAX - 1. */
size_t lth_capture_table_end_encode(uint8_t out[LTH_CAPTURE_END_BYTES_MAX], uint32_t table,
                                    lth_scan_fault fault, const char *detail);
size_t lth_capture_end_encode(uint8_t out[LTH_CAPTURE_END_BYTES_MAX]);

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
