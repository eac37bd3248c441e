/* XML read piece by piece by expat, which stops whenever a row is whole. */
#pragma once

#include <expat.h>

#include "internal.h"

#define LTH_SHEET__DEPTH_MAX 64u

/* Gives up to @p n bytes; 0 at the end; negative: an lth_err. */
typedef int (*lth_sheet__read_fn)(void *ctx, void *out, int n, const lth_sheet__report *to);

typedef struct lth_sheet__xml {
    XML_Parser parser;
    lth_sheet__read_fn read;
    void *ctx; /* Of read and of the handlers. */
    void (*start)(void *ctx, const char *name, const char **attributes);
    void (*end)(void *ctx, const char *name);
    void (*text)(void *ctx, const char *text, int n);
    const lth_sheet__report *to; /* During a call of lth_sheet__xml_run(). */
    lth_err err;                 /* Set by lth_sheet__xml_stop(). */
    int64_t n_fed;               /* Bytes given to expat. */
    uint32_t depth;
    bool stopped, ended;
} lth_sheet__xml;

/* Fill read, ctx and the handlers before. Names come without their prefix. */
LTH_MUST_USE lth_err lth_sheet__xml_begin(lth_sheet__xml *self, const lth_sheet__report *to);
void lth_sheet__xml_fini(lth_sheet__xml *self);
/* From a handler: leave lth_sheet__xml_run() with @p err, or with LTH_OK to be continued. */
void lth_sheet__xml_stop(lth_sheet__xml *self, lth_err err);
/* Until a handler stops it. @return what the handler gave; LTH_E_NOT_FOUND at the end of a whole
 * document; LTH_E_FORMAT, LTH_E_NOMEM, LTH_E_IO. */
LTH_MUST_USE lth_err lth_sheet__xml_run(lth_sheet__xml *self, const lth_sheet__report *to);
/* The same for a document that is not stopped: LTH_OK at its end. */
LTH_MUST_USE lth_err lth_sheet__xml_all(lth_sheet__xml *self, const lth_sheet__report *to);

/* Behind the prefix. */
const char *lth_sheet__xml_local(const char *name);
/* The value of the attribute, whatever its prefix; NULL: not there. */
const char *lth_sheet__xml_attribute(const char **attributes, const char *name);
/* A decimal number of at most @p max; false: anything else. */
bool lth_sheet__xml_number(const char *text, uint32_t max, uint32_t *out);
bool lth_sheet__xml_true(const char *text);
