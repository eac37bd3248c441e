/**
 * @file agents/capture/split.h
 * Rows of a view that holds many schools, dealt out to one CSV file a school, in any order of rows
 * and in bounded memory: what a school has is collected and appended to its file when it is much,
 * or when all of it together is much. No file stays open.
 *
 * A file: UTF-8 with a byte order mark (Excel then reads it as such), a header row with the view's
 * column names, "," and LF; every value in quotes, so that no text can be taken for a separator, a
 * mark or another kind of file; NULL is an empty cell without quotes. lib/sheet reads back the same
 * cells, but for what a cell of a file cannot hold: control characters are blanks here, a line end
 * is LF, an empty text and NULL are both empty, and text that is TCVN3 or VNI beyond doubt becomes
 * Unicode there.
 *
 * Limits, beside those of the source (LTH_CAPTURE_VALUE_MAX, LTH_CAPTURE_COLUMNS_MAX) and of a cell
 * (LTH_SHEET_CELL_MAX): LTH_SCAN_ROWS_MAX rows of a school, the request's file_max bytes of its
 * file, and of a view what follows. Any of them, or a row without a code, is a fault of the whole
 * view. Text that is no UTF-8 is, too: the connection's character set is wrong then, and
 * everybody's names with it.
 */
#pragma once

#include "agents/capture/rows.h"

#define SPLIT_ROWS_MAX      4000000u                   /**< Of all schools together. */
#define SPLIT_BYTES_MAX     (UINT64_C(4) << 30)        /**< Of all files together. */
#define SPLIT_STRANGERS_MAX 1000u                      /**< Codes not served that are told. */
#define SPLIT_BUFFERED_MAX  ((size_t)32 * 1024 * 1024) /**< Collected of all schools. */
#define SPLIT_BUFFER_MAX    ((size_t)256 * 1024)       /**< Collected of one school. */
#define SPLIT_CODE_MAX      35u                        /**< Bytes of an organisation's code. */

typedef struct split_school {
    uint8_t *p; /**< Collected. */
    size_t n, cap;
    uint64_t bytes; /**< Written and collected. */
    uint32_t rows;
    bool written; /**< Its file is there. */
} split_school;

typedef struct split_stranger {
    char code[SPLIT_CODE_MAX + 1];
    uint32_t rows;
} split_stranger;

typedef struct split {
    const lth_capture_view_request *request;
    int dir;
    split_school *schools; /**< Parallel to request->orgs. */
    split_stranger *strangers;
    uint32_t n_strangers, more_rows; /**< more_rows: of codes that are not told. */
    const char *const *names;        /**< Columns of the view, borrowed until the end. */
    uint32_t n_columns, org;
    lth_buf header;
    uint32_t rows, last; /**< last: the school of the row before. */
    size_t buffered;
    uint64_t bytes;
} split;

/** LTH_OK, LTH_E_IO (no such directory), LTH_E_NOMEM. Call split_fini() whatever is returned. */
LTH_MUST_USE lth_err split_init(split *self, const lth_capture_view_request *request);
void split_fini(split *self);

/** Which columns there are: missing_column, bad_text, not_written. */
lth_scan_fault split_columns(split *self, const char *const *names, uint32_t n,
                             char detail[LTH_DETAIL_MAX]);
/** One row: no_org, bad_text, truncated, too_many_rows, not_written. */
lth_scan_fault split_row(split *self, const lth_cell *cells, uint32_t n,
                         char detail[LTH_DETAIL_MAX]);
/** Write what is collected, and the files of schools that had rows and have none. */
lth_scan_fault split_end(split *self, char detail[LTH_DETAIL_MAX]);
/** Forget everything, also what was written. */
void split_undo(split *self);
/** What agents/capture/pipe.h tells of a view. LTH_OK, LTH_E_NOMEM, LTH_E_LIMIT. */
LTH_MUST_USE lth_err split_tell(const split *self, rows *out);
