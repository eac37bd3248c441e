/**
 * @file agents/capture/headers.h
 * Where in a sheet a table's columns are, told by the text of their headers. Pure.
 *
 * The first rows of a sheet are looked at for a block of at most as many rows as the profile says
 * headers have; titles above it do not matter, nor does the order of columns. Several header rows
 * make a path, outermost first, joined by " / "; an alias is the whole path or its last part. The
 * whole path goes before the last part alone, so that "Họ tên" means the pupil and not the father.
 */
#pragma once

#include "agents/capture/pipe.h"

#define HEADERS_LOOK_ROWS 60u /**< Rows with something in them, from the top. */
#define HEADERS_DEEP      10u

/** A row near the top of a sheet, its texts folded (lth/text.h). */
typedef struct headers_row {
    uint32_t number;
    uint32_t n;
    const lth_slice *folded; /**< Empty for an empty cell. */
    const lth_slice *shown;  /**< As it stands there. */
} headers_row;

typedef struct headers_top {
    lth_arena *arena;
    uint32_t n;
    headers_row rows[HEADERS_LOOK_ROWS];
} headers_top;

/** One cell of a row, as headers_top_add() takes it. */
typedef struct headers_cell {
    lth_slice text;
    bool covered; /**< By a merged area that began to the left: has its text. */
} headers_cell;
/** False: full, or no memory. */
bool headers_top_add(headers_top *self, uint32_t number, const headers_cell *cells, uint32_t n);

typedef struct headers_place {
    uint32_t first_row, last_row; /**< Of the headers, as Excel numbers them. */
    int32_t org;                  /**< Column of the sheet, from 0; -1: none. */
    bool correction; /**< Its first column is that of an answer workbook: single rows, corrected. */
    int32_t columns[LTH_CAPTURE_COLUMNS_MAX]; /**< Per column of the table; -1: not there. */
} headers_place;

/** What stands in the way, for the school. */
typedef struct headers_fault {
    uint32_t found; /**< Columns that were found: the best sheet is the one spoken of. */
    char vi[LTH_DETAIL_MAX], en[LTH_DETAIL_MAX];
    bool slip; /**< All is there but a column whose header has one letter wrong. */
} headers_fault;

/** False with @p fault when a column that must be there is not, or two have its header. */
bool headers_find(headers_place *out, const headers_top *top, const lth_capture_file_table *table,
                  headers_fault *fault);

/** The table's columns as the sheet calls them: the parts of a column's path, outermost first and
 * without a title over all of them, or its last part alone where they are long. Into @p out, and
 * the texts into @p arena; false: no memory. */
bool headers_names(lth_header *out, const headers_top *top, const headers_place *place,
                   uint32_t n_columns, lth_arena *arena);

/** Header of the answer workbook's first column. */
#define HEADERS_ANSWER "Lỗi"

/** A row under the headers that only numbers the columns: "(1)", "(2)", ... or 1, 2, ... */
bool headers_numbering(const lth_slice *texts, uint32_t n);
