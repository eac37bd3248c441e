/**
 * @file lth/sheet.h
 * Tables in files that people keep: CSV, XLSX, old XLS, and the HTML or XML that some programs save
 * as ".xls". What a file is, is told by its content, never by its name. Read row by row in bounded
 * memory; and the answer workbook is written here. lib/sheet alone includes zip.h, expat.h and
 * xlsxwriter.h. Not pure: reads and writes files. Used in a child process, since the
 * files come from strangers.
 *
 * Text is given as UTF-8, NFC not yet applied, without a byte order mark; TCVN3 and VNI are turned
 * into Unicode only when the whole file (of a workbook: the sheet, or all its shared strings)
 * leaves no doubt, and never told from short text. Line ends inside a cell are LF. A text of blanks
 * alone is an empty cell. A number under a date format that is no day of the calendar (a time of
 * day, an elapsed time, below 1) stays a number. HTML: all tables are one sheet, one below the
 * other.
 */
#pragma once

#include "lth/bytes.h"
#include "lth/diag.h"

#define LTH_SHEET_FILE_MAX  (64u * 1024u * 1024u)  /**< Bytes of an uploaded file. */
#define LTH_SHEET_UNZIP_MAX (512u * 1024u * 1024u) /**< Bytes of all its parts unpacked. */
#define LTH_SHEET_RATIO_MAX 200u                   /**< Unpacked : packed of a part over 1 MiB. */
#define LTH_SHEET_ROWS_MAX  1048576u               /**< Excel's own. Empty ones cost nothing. */
#define LTH_SHEET_COLUMNS_MAX                                                                      \
    512u /**< Columns beyond this are read past when empty, else a fault. */
#define LTH_SHEET_CELL_MAX   32767u /**< Characters of a cell, Excel's own. */
#define LTH_SHEET_SHEETS_MAX 64u
#define LTH_SHEET_STRINGS_MAX                                                                      \
    (48u * 1024u * 1024u) /**< Bytes of shared strings kept in memory.                             \
                           */

typedef enum lth_sheet_kind {
    LTH_SHEET_CSV = 1, /**< Separator , ; tab or |, told by content; quotes as RFC 4180. */
    LTH_SHEET_XLSX,    /**< Also .xlsm: macros are never looked at. */
    LTH_SHEET_XLS,     /**< BIFF5 and BIFF8 (Excel 95 to 2003), with stored results of formulas. */
    LTH_SHEET_HTML,    /**< A <table>. */
    LTH_SHEET_XML,     /**< SpreadsheetML 2003. */
} lth_sheet_kind;
const char *lth_sheet_kind_name(lth_sheet_kind kind); /**< "csv", "xlsx", "xls", "html", "xml" */

/** What is wrong with a file. name, number, Vietnamese: what and what to do, English. */
#define LTH_SHEET_FAULT_MAP(X)                                                                     \
    X(none, 0, "", "")                                                                             \
    X(empty, 1, "tệp rỗng: lưu lại rồi nộp tệp có dữ liệu",                                        \
      "the file is empty: save it again with data in it")                                          \
    X(not_a_table, 2, "không phải tệp Excel hay CSV: trong Excel chọn Lưu dưới dạng .xlsx",        \
      "not an Excel or CSV file: save it as .xlsx in Excel")                                       \
    X(too_large, 3, "tệp quá lớn: bỏ hình ảnh và các trang không cần rồi nộp lại",                 \
      "the file is too large: remove pictures and sheets that are not needed")                     \
    X(unpacks_too_large, 4, "tệp nén phình quá lớn khi mở: lưu lại thành tệp mới",                 \
      "the file unpacks to far more than it should: save it as a new file")                        \
    X(encrypted, 5, "tệp đặt mật khẩu: bỏ mật khẩu rồi nộp lại",                                   \
      "the file has a password: remove it and send the file again")                                \
    X(truncated, 6, "tệp bị cắt hoặc hỏng: lưu lại rồi nộp lại",                                   \
      "the file is cut off or damaged: save it again")                                             \
    X(no_sheet, 7, "không có trang tính nào chứa các cột cần thiết",                               \
      "no sheet has the columns that are needed")                                                  \
    X(encoding, 8, "không rõ bảng mã chữ: lưu dạng Unicode (UTF-8) rồi nộp lại",                   \
      "the text's encoding cannot be told: save it as Unicode (UTF-8)")                            \
    X(too_many_columns, 9, "quá nhiều cột", "too many columns")                                    \
    X(too_many_rows, 10, "quá nhiều dòng", "too many rows")                                        \
    X(cell_too_long, 11, "một ô dài quá giới hạn của Excel", "a cell is longer than Excel allows") \
    X(unreadable, 12, "không đọc được tệp", "the file cannot be read")
typedef enum lth_sheet_fault {
#define X(name, number, vi, en) LTH_SHEET_FAULT_##name = (number),
    LTH_SHEET_FAULT_MAP(X)
#undef X
} lth_sheet_fault;
const char *lth_sheet_fault_name(lth_sheet_fault fault);
const char *lth_sheet_fault_text(lth_sheet_fault fault, bool english);

typedef enum lth_sheet_cell_kind {
    LTH_CELL_EMPTY = 0,
    LTH_CELL_TEXT,
    LTH_CELL_NUMBER,  /**< Plain decimal: "8.5", "7912345678": no exponent, no trailing zeros, at
                         most 15 significant digits as Excel shows them. */
    LTH_CELL_DATE,    /**< A number under a date format: "2012-09-05", with a time
                         "2012-09-05 07:30:00". 1900 and 1904 systems. */
    LTH_CELL_BOOL,    /**< "1" or "0" */
    LTH_CELL_ERROR,   /**< "#N/A", "#REF!", ... as shown. */
    LTH_CELL_FORMULA, /**< A formula without a stored value: text empty. */
} lth_sheet_cell_kind;

typedef struct lth_sheet_cell {
    lth_sheet_cell_kind kind;
    lth_slice text; /**< Valid until the next call of lth_sheet_next() or select. */
} lth_sheet_cell;

typedef struct lth_sheet_row {
    uint32_t number;  /**< As Excel shows it, from 1; lines of a CSV file likewise (first line of a
                         record that spans several). */
    uint32_t n_cells; /**< Up to the last cell that is not empty or is covered by a merged area;
                         0 never comes. */
    const lth_sheet_cell *cells; /**< A merged area has its value in its first cell only. */
    const uint8_t *merged; /**< Per cell 1: covered by a merged area that began to the left; such
                              headers are filled by the reader of headers. NULL: none in this row.
                              In XLSX and XLS only for the first 64 rows. */
} lth_sheet_row;

typedef struct lth_sheet lth_sheet;

/** Opens, tells what it is, lists its sheets, selects the first one.
 * @return LTH_OK; LTH_E_FORMAT with *fault (and @p diag: where); LTH_E_IO, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_sheet_open(lth_sheet **out, const char *path, lth_sheet_fault *fault,
                                    lth_diag *diag);
void lth_sheet_close(lth_sheet **self);
lth_sheet_kind lth_sheet_kind_of(const lth_sheet *self);
/** "utf-8", "utf-16", "windows-1258", "tcvn3", "vni": how text was read. */
const char *lth_sheet_encoding(const lth_sheet *self);

/** Visible sheets in their order; a CSV has one, named "". */
uint32_t lth_sheet_count(const lth_sheet *self);
const char *lth_sheet_name(const lth_sheet *self, uint32_t index);
/** Begin again at the first row of that sheet. As lth_sheet_open(). */
LTH_MUST_USE lth_err lth_sheet_select(lth_sheet *self, uint32_t index, lth_sheet_fault *fault,
                                      lth_diag *diag);
/** Next row that has a cell with something in it. LTH_OK; LTH_E_NOT_FOUND at the end (then, and
 * only then, the file was whole); LTH_E_FORMAT with *fault; LTH_E_IO, LTH_E_NOMEM. The last three
 * come again until a sheet is selected. */
LTH_MUST_USE lth_err lth_sheet_next(lth_sheet *self, lth_sheet_row *out, lth_sheet_fault *fault,
                                    lth_diag *diag);

/* ---- writing: the answer workbook ---- */

typedef struct lth_sheet_writer lth_sheet_writer;
/** An XLSX with one sheet. Columns are text unless a cell says otherwise; the first column is wide,
 * wrapped and coloured. Written under @p path as it goes; nothing is promised before close. */
LTH_MUST_USE lth_err lth_sheet_writer_open(lth_sheet_writer **out, const char *path,
                                           const char *sheet_name, lth_diag *diag);
/** Header rows are bold and stay in view. Cells as read: numbers and dates stay numbers and dates,
 * so that the file can be corrected and sent as it is; text never becomes a formula. */
LTH_MUST_USE lth_err lth_sheet_writer_row(lth_sheet_writer *self, bool header,
                                          const lth_sheet_cell *cells, uint32_t n);
/** Finish and sync. */
LTH_MUST_USE lth_err lth_sheet_writer_close(lth_sheet_writer **self, lth_diag *diag);
