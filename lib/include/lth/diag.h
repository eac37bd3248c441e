/**
 * @file lth/diag.h
 * One line of context for a person, owned by the caller; no thread-local state.
 *
 * Filled where the fault is detected, passed on untouched. Says what happened, to which thing, and
 * what to do; no "failed to", no full stop, no personal data (record id and codes only).
 */
#pragma once

#include <stdarg.h>
#include <stdint.h>

#include "lth/bytes.h"
#include "lth/err.h"

#define LTH_DIAG_TEXT_SIZE 400

typedef struct lth_diag {
    lth_err err;
    char text[LTH_DIAG_TEXT_SIZE]; /**< UTF-8, always terminated. */
} lth_diag;

/**
 * Fill @p diag (may be NULL) and return @p err, so that `return lth_fail(diag, LTH_E_X, ...)` reads
 * as one statement. Understands %s %.*s %d %u %zu %llu %lld %x %c %% only (formatted without stdio:
 * the pure cores call it). An over-long text is cut at a character boundary.
 */
lth_err lth_fail(lth_diag *diag, lth_err err, const char *fmt, ...) LTH_PRINTF(3, 4);

/** The same formatter into any buffer; always terminates; returns bytes written without the NUL. */
size_t lth_format(char *out, size_t out_size, const char *fmt, ...) LTH_PRINTF(3, 4);
size_t lth_format_v(char *out, size_t out_size, const char *fmt, va_list args);

/** Append formatted text to @p out, at most 4,000 bytes a call.
 * @return LTH_OK, LTH_E_LIMIT (also: longer than that), LTH_E_NOMEM; on error nothing is appended.
 */
LTH_MUST_USE lth_err lth_buf_format(lth_buf *out, const char *fmt, ...) LTH_PRINTF(2, 3);
LTH_MUST_USE lth_err lth_buf_format_v(lth_buf *out, const char *fmt, va_list args);
