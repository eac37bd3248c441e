/* What the readers of lib/sheet share. Names that leave a file begin with lth_sheet__. */
#pragma once

#include "lth/sheet.h"

#define LTH_SHEET__CELL_BYTES_MAX (LTH_SHEET_CELL_MAX * 4u)
#define LTH_SHEET__ROW_BYTES_MAX  (8u * 1024u * 1024u)

/* ---- faults ---- */

typedef struct lth_sheet__report {
    lth_sheet_fault *fault;
    lth_diag *diag;
} lth_sheet__report;

/* Sets both and returns LTH_E_FORMAT. */
lth_err lth_sheet__fault(const lth_sheet__report *to, lth_sheet_fault fault, const char *fmt, ...)
    LTH_PRINTF(3, 4);
lth_err lth_sheet__nomem(const lth_sheet__report *to);
lth_err lth_sheet__io(const lth_sheet__report *to, const char *path);

/* ---- a row being made ---- */

typedef struct lth_sheet__row {
    uint32_t number;
    uint32_t n;     /* Cells set, the gaps between them empty. */
    bool is_merged; /* Some merged[] is set. */
    lth_buf text;   /* Of cells that are not borrowed. */
    lth_sheet_cell cells[LTH_SHEET_COLUMNS_MAX];
    size_t offsets[LTH_SHEET_COLUMNS_MAX]; /* In text; SIZE_MAX: cells[].text is borrowed. */
    uint8_t merged[LTH_SHEET_COLUMNS_MAX];
} lth_sheet__row;

void lth_sheet__row_init(lth_sheet__row *row);
void lth_sheet__row_fini(lth_sheet__row *row);
void lth_sheet__row_begin(lth_sheet__row *row, uint32_t number);
/* Set cell @p column (from 0). Text of blanks alone is no text. Line ends become LF in text.
 * @return LTH_OK, LTH_E_FORMAT (column or size out of range, *fault), LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_sheet__row_set(lth_sheet__row *row, uint32_t column,
                                        lth_sheet_cell_kind kind, lth_slice text,
                                        const lth_sheet__report *to);
/* Likewise without a copy: @p text lives until select and is clean already. */
LTH_MUST_USE lth_err lth_sheet__row_borrow(lth_sheet__row *row, uint32_t column, lth_slice text,
                                           const lth_sheet__report *to);
/* Covered by a merged area that began to the left. Beyond the last column: nothing. */
void lth_sheet__row_merge(lth_sheet__row *row, uint32_t column);
lth_slice lth_sheet__row_text(const lth_sheet__row *row, uint32_t column);
/* Some cell holds something. */
bool lth_sheet__row_any(const lth_sheet__row *row);
void lth_sheet__row_give(lth_sheet__row *row, lth_sheet_row *out);

/* CR LF and CR become LF; returns the new size. */
size_t lth_sheet__clean(uint8_t *text, size_t n);
/* Spaces, tabs, line ends and no-break spaces alone. */
bool lth_sheet__blank(lth_slice text);
/* At most LTH_SHEET_CELL_MAX characters as Excel counts them (UTF-16). */
bool lth_sheet__fits(lth_slice text);

/* ---- merged areas ---- */

#define LTH_SHEET__MERGES    1024u /* Areas kept... */
#define LTH_SHEET__MERGE_ROW 64u   /* ...for the rows up to this one: headers. */

typedef struct lth_sheet__merge {
    uint32_t row_first, row_last, column_first, column_last; /* rows from 1, columns from 0 */
} lth_sheet__merge;

typedef struct lth_sheet__merges {
    uint32_t n;
    lth_sheet__merge areas[LTH_SHEET__MERGES];
} lth_sheet__merges;

void lth_sheet__merges_add(lth_sheet__merges *self, lth_sheet__merge area);
/* Mark what they cover of a row. */
void lth_sheet__merges_apply(const lth_sheet__merges *self, lth_sheet__row *row);

/* ---- shared strings ---- */

/* Text of all of them, one behind the other, and where each ends. */
typedef struct lth_sheet__strings {
    lth_buf text;
    lth_buf ends; /* uint32_t each */
} lth_sheet__strings;

void lth_sheet__strings_init(lth_sheet__strings *self);
void lth_sheet__strings_fini(lth_sheet__strings *self);
/* Text added since the last end is one string. @return LTH_OK, LTH_E_LIMIT, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_sheet__strings_end(lth_sheet__strings *self);
lth_slice lth_sheet__string(const lth_sheet__strings *self, uint32_t index, bool *found);

/* ---- numbers and dates ---- */

#define LTH_SHEET__NUMBER_MAX 400 /* Characters of a plain decimal and its terminator. */

/* "8.4000000000000004" and "7.9123456E+9" as Excel shows them at full width: plain decimal, 15
 * significant digits. 0: not a number. */
size_t lth_sheet__decimal(char out[LTH_SHEET__NUMBER_MAX], lth_slice text);
size_t lth_sheet__decimal_of(char out[LTH_SHEET__NUMBER_MAX], double value);
/* A plain decimal as days to "2012-09-05" or "2012-09-05 07:30:00". 0: no day of the calendar
 * (below 1, the 29 February 1900 that never was, beyond 9999). */
size_t lth_sheet__serial(char out[LTH_SHEET__NUMBER_MAX], lth_slice decimal, bool is_1904);

typedef struct lth_sheet__date {
    uint32_t year, month, day, second;
    bool has_time;
} lth_sheet__date;

/* "2012-09-05", "2012-09-05 07:30:00", "2012-09-05T07:30:00.000Z". */
bool lth_sheet__read_date(lth_slice text, lth_sheet__date *out);
/* As cells have it; the time only if it is not midnight. */
size_t lth_sheet__show_date(char out[LTH_SHEET__NUMBER_MAX], const lth_sheet__date *date);
/* A number format that shows a date ("dd/mm/yyyy"; not elapsed time "[h]:mm"). */
bool lth_sheet__is_date_format(lth_slice format);
bool lth_sheet__is_date_format_id(uint32_t id);

/* ---- text ---- */

/* Bytes written, 1 to 4; what is no character becomes U+FFFD. */
size_t lth_sheet__put_utf8(uint8_t out[4], uint32_t character);
/* The character at @p text.p (n > 0), @p size its bytes; invalid: 0xFFFFFFFF and 1. */
uint32_t lth_sheet__get_utf8(lth_slice text, size_t *size);

/* ---- Vietnamese before Unicode ---- */

typedef enum lth_sheet__legacy {
    LTH_SHEET__UNICODE = 0,
    LTH_SHEET__CP1258,
    LTH_SHEET__TCVN3,
    LTH_SHEET__VNI,
    LTH_SHEET__N_LEGACY,
} lth_sheet__legacy;
const char *lth_sheet__legacy_name(lth_sheet__legacy legacy);

#define LTH_SHEET__WORD_MAX     16
#define LTH_SHEET__DISTINCT_MIN 8 /* different good words that it takes */

/* Evidence gathered from a text whose characters up to U+00FF may be bytes of an old encoding. */
typedef struct lth_sheet__detector {
    uint32_t good[LTH_SHEET__N_LEGACY], bad[LTH_SHEET__N_LEGACY];
    uint32_t n_distinct[LTH_SHEET__N_LEGACY]; /* Counted up to LTH_SHEET__DISTINCT_MIN. */
    uint32_t distinct[LTH_SHEET__N_LEGACY][LTH_SHEET__DISTINCT_MIN];
    uint64_t n_unicode; /* Vietnamese characters that no old encoding gives. */
    uint64_t n_strange; /* Words with a letter of Latin-1 that Vietnamese has not. */
    uint64_t n_high;    /* Characters U+0080 to U+00FF. */
    uint8_t word[LTH_SHEET__WORD_MAX];
    uint32_t word_n;
    bool word_high, word_bad;
} lth_sheet__detector;

void lth_sheet__detect_text(lth_sheet__detector *self, lth_slice text);
/* One character; ends of texts are told by a space. */
void lth_sheet__detect_char(lth_sheet__detector *self, uint32_t character);
/* The one encoding that leaves no doubt, else UNICODE. @p bytes: windows-1258 is possible too. */
lth_sheet__legacy lth_sheet__detected(lth_sheet__detector *self, bool bytes);
/* Append @p text in Unicode to @p out. @return LTH_OK, LTH_E_LIMIT, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_sheet__convert(lth_buf *out, lth_slice text, lth_sheet__legacy legacy);
bool lth_sheet__has_high(lth_slice text);

/* ---- the bytes of a file, and its characters ---- */

typedef enum lth_sheet__coding {
    LTH_SHEET__UTF8 = 1,
    LTH_SHEET__UTF16LE,
    LTH_SHEET__UTF16BE,
    LTH_SHEET__BYTES, /* Some encoding of one byte a character: given as U+0080 to U+00FF. */
} lth_sheet__coding;

/* What one pass over all bytes of a file says. */
typedef struct lth_sheet__survey {
    uint64_t size;
    uint32_t mark; /* Bytes of the byte order mark. */
    lth_sheet__coding coding;
    bool blank, binary;
    uint8_t head[8];
} lth_sheet__survey;

/* @return LTH_OK, LTH_E_IO. */
LTH_MUST_USE lth_err lth_sheet__survey_file(lth_sheet__survey *out, int fd);

/* A file as a stream of UTF-8. */
typedef struct lth_sheet__text {
    int fd;
    lth_sheet__coding coding;
    uint64_t offset; /* Of the next read. */
    bool failed;     /* Reading failed. */
    bool broken;     /* UTF-16 with half a character. */
    size_t at, n;    /* In out. */
    size_t raw_n;    /* Bytes of a character of which not all were read. */
    uint8_t raw[16 * 1024];
    uint8_t out[32 * 1024];
} lth_sheet__text;

void lth_sheet__text_begin(lth_sheet__text *self, int fd, const lth_sheet__survey *survey);
/* Decode the next piece into out; false at the end and on failed. */
bool lth_sheet__text_more(lth_sheet__text *self);
/* The next byte, or -1. */
static inline int lth_sheet__text_get(lth_sheet__text *self)
{
    return self->at < self->n || lth_sheet__text_more(self) ? self->out[self->at++] : -1;
}
static inline int lth_sheet__text_peek(lth_sheet__text *self)
{
    return self->at < self->n || lth_sheet__text_more(self) ? self->out[self->at] : -1;
}

/* ---- kinds of file ---- */

/* What the reader of a kind does; state is its own. A kind's open fills ops, state, n_sheets and
 * names; select begins a sheet; next gives the next row, perhaps an empty one, or
 * LTH_E_NOT_FOUND. */
typedef struct lth_sheet__ops {
    lth_err (*select)(lth_sheet *self, uint32_t index, const lth_sheet__report *to);
    lth_err (*next)(lth_sheet *self, const lth_sheet__report *to);
    void (*close)(lth_sheet *self);
} lth_sheet__ops;

struct lth_sheet {
    const lth_sheet__ops *ops;
    void *state;
    lth_sheet_kind kind;
    lth_sheet__survey survey;
    lth_sheet__text in; /* For kinds that are text. */
    int fd;
    const char *path; /* As given to open; NULL after it. */
    uint32_t n_sheets;
    char *names[LTH_SHEET_SHEETS_MAX];
    lth_sheet__row row;
    lth_buf scratch;
    /* How old encodings are told: by the reader when it opens or selects, or by reading the sheet
     * twice (is_told false). */
    lth_sheet__legacy legacy;
    bool is_told;
    bool ended;
    lth_err failed; /* What the sheet selected ended with, given again by each further call. */
    lth_sheet_fault failed_fault;
};

/* Append to the list of sheets. @return LTH_OK, LTH_E_FORMAT (too many), LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_sheet__add_name(lth_sheet *self, lth_slice name,
                                         const lth_sheet__report *to);

LTH_MUST_USE lth_err lth_sheet__open_csv(lth_sheet *self, const lth_sheet__report *to);
LTH_MUST_USE lth_err lth_sheet__open_xlsx(lth_sheet *self, const lth_sheet__report *to);
LTH_MUST_USE lth_err lth_sheet__open_xls(lth_sheet *self, const lth_sheet__report *to);
LTH_MUST_USE lth_err lth_sheet__open_html(lth_sheet *self, const lth_sheet__report *to);
LTH_MUST_USE lth_err lth_sheet__open_xml(lth_sheet *self, const lth_sheet__report *to);

/* What a file is by its first bytes and the survey; 0 with *fault set: none of ours. */
lth_sheet_kind lth_sheet__sniff(lth_sheet *self, const lth_sheet__report *to);
