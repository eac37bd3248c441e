/* Records of an old workbook (MS-XLS): BIFF8 of Excel 97 to 2003 and BIFF5 of Excel 95. */
#pragma once

#include "ole.h"

#define LTH_SHEET__FORMATS_MAX 4096u
#define LTH_SHEET__STYLES_MAX  65536u

enum {
    LTH_SHEET__R_FORMULA = 0x06,
    LTH_SHEET__R_EOF = 0x0a,
    LTH_SHEET__R_DATEMODE = 0x22,
    LTH_SHEET__R_FILEPASS = 0x2f,
    LTH_SHEET__R_CONTINUE = 0x3c,
    LTH_SHEET__R_BOUNDSHEET = 0x85,
    LTH_SHEET__R_MULRK = 0xbd,
    LTH_SHEET__R_RSTRING = 0xd6,
    LTH_SHEET__R_XF = 0xe0,
    LTH_SHEET__R_MERGES = 0xe5,
    LTH_SHEET__R_SST = 0xfc,
    LTH_SHEET__R_LABELSST = 0xfd,
    LTH_SHEET__R_NUMBER = 0x203,
    LTH_SHEET__R_LABEL = 0x204,
    LTH_SHEET__R_BOOLERR = 0x205,
    LTH_SHEET__R_STRING = 0x207,
    LTH_SHEET__R_RK = 0x27e,
    LTH_SHEET__R_FORMAT = 0x41e,
    LTH_SHEET__R_BOF = 0x809,
};

typedef struct lth_sheet__record {
    uint32_t type, n;
    uint8_t p[65536];
} lth_sheet__record;

typedef struct lth_sheet__format {
    uint32_t id;
    bool is_date;
} lth_sheet__format;

typedef struct lth_sheet__xls {
    lth_sheet__ole ole;
    lth_sheet__stream in;
    lth_sheet__record record;
    lth_sheet__strings strings;
    lth_sheet__merges merges;
    bool is_wide; /* BIFF8: strings have a byte that says how wide they are. */
    bool is_1904;
    uint32_t n_formats, n_styles;
    lth_sheet__format formats[LTH_SHEET__FORMATS_MAX];
    uint8_t date_styles[LTH_SHEET__STYLES_MAX];
    uint32_t offsets[LTH_SHEET_SHEETS_MAX];
    /* The sheet being read. */
    bool is_held, has_text;   /* The record at hand waits; a formula's text is to come. */
    uint32_t depth, last_row; /* Of substreams; row from 1. */
    uint32_t text_column;
    lth_buf cell;
} lth_sheet__xls;

/* The next record. LTH_E_NOT_FOUND when the stream ends. */
LTH_MUST_USE lth_err lth_sheet__record_next(lth_sheet__xls *x, const lth_sheet__report *to);
/* Append @p n characters at @p at of the record, wide or not, as far as they are there. */
LTH_MUST_USE lth_err lth_sheet__record_text(lth_buf *out, const lth_sheet__record *record,
                                            size_t at, uint32_t n, bool wide);
/* A string with a length of @p length_size bytes before it. */
LTH_MUST_USE lth_err lth_sheet__record_string(lth_sheet__xls *x, lth_buf *out, size_t at,
                                              uint32_t length_size);
/* Everything before the sheets. */
LTH_MUST_USE lth_err lth_sheet__xls_globals(lth_sheet *self, const lth_sheet__report *to);
