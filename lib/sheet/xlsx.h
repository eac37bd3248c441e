/* The parts of an XLSX file. */
#pragma once

#include <zip.h>

#include "xml.h"

#define LTH_SHEET__PATH_MAX 256u

/* One part being read, counted against the limits. */
typedef struct lth_sheet__part {
    zip_file_t *file;
    uint64_t n, size;
} lth_sheet__part;

/* @return LTH_OK; LTH_E_FORMAT (damaged, encrypted, unpacks to too much); LTH_E_NOMEM, LTH_E_IO.
 * The descriptor stays the caller's. */
LTH_MUST_USE lth_err lth_sheet__zip_open(zip_t **out, int fd, const lth_sheet__report *to);
/* Names without regard to case and kind of slash. */
bool lth_sheet__zip_find(zip_t *zip, const char *path, uint64_t *index);
LTH_MUST_USE lth_err lth_sheet__part_open(lth_sheet__part *self, zip_t *zip, uint64_t index,
                                          const lth_sheet__report *to);
int lth_sheet__part_read(lth_sheet__part *self, void *out, int n, const lth_sheet__report *to);
void lth_sheet__part_close(lth_sheet__part *self);

typedef struct lth_sheet__xlsx {
    zip_t *zip;
    lth_sheet__part part;
    lth_sheet__xml xml;
    lth_sheet__strings strings;
    lth_sheet__legacy strings_legacy;
    lth_buf date_styles; /* A byte for each cell format: 1 shows a date. */
    bool is_1904;
    uint64_t sheets[LTH_SHEET_SHEETS_MAX]; /* Places in the ZIP file. */
    /* What a quick look over the bytes of a sheet found. */
    uint32_t looked_at; /* index + 1 */
    bool has_inline;
    lth_sheet__merges merges;
    /* The sheet being read. */
    lth_sheet *sheet;
    bool in_data, in_row, in_cell, in_phonetic, has_value, has_formula;
    enum { LTH_SHEET__SKIP, LTH_SHEET__VALUE, LTH_SHEET__INLINE } capture;
    uint8_t type; /* Of the cell. */
    uint32_t column, style;
    uint32_t last_row;
    lth_buf cell;
} lth_sheet__xlsx;

/* Workbook, relations, styles and shared strings: everything but the sheets. */
LTH_MUST_USE lth_err lth_sheet__book_read(lth_sheet *self, const lth_sheet__report *to);
/* "_x000D_" in a text of OOXML becomes the character; returns the new size. */
size_t lth_sheet__unescape(uint8_t *text, size_t n);

/* Reading one sheet from xml->read; the fuzz target comes in here. */
LTH_MUST_USE lth_err lth_sheet__cells_begin(lth_sheet__xlsx *x, const lth_sheet__report *to);
LTH_MUST_USE lth_err lth_sheet__cells_next(lth_sheet__xlsx *x, const lth_sheet__report *to);
void lth_sheet__look(lth_sheet__xlsx *x, lth_slice bytes);
void lth_sheet__xlsx_init(lth_sheet__xlsx *x, lth_sheet *sheet);
void lth_sheet__xlsx_fini(lth_sheet__xlsx *x);
/* One document of the workbook by its handlers; the fuzz target comes in here too. */
typedef enum lth_sheet__document {
    LTH_SHEET__RELATIONS,
    LTH_SHEET__WORKBOOK,
    LTH_SHEET__STYLES,
    LTH_SHEET__STRINGS,
    LTH_SHEET__N_DOCUMENTS,
} lth_sheet__document;
typedef struct lth_sheet__book lth_sheet__book;
LTH_MUST_USE lth_err lth_sheet__book_new(lth_sheet__book **out, lth_sheet *self);
void lth_sheet__book_free(lth_sheet__book **self);
LTH_MUST_USE lth_err lth_sheet__book_document(lth_sheet__book *self, lth_sheet__document which,
                                              lth_sheet__read_fn read, void *source,
                                              const lth_sheet__report *to);
