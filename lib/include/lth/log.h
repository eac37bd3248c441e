/**
 * @file lth/log.h
 * Log lines for operators: logfmt on stderr with the <n> prefix of journald.
 *
 * Cores get a lth_log (a table) and report events by name from one table; shells give it a sink.
 * Warning and above only when somebody should act. Never names, codes of persons or record bodies:
 * org code, record id, dataset, refusal code and sizes only (invariant 12).
 */
#pragma once

#include "lth/bytes.h"
#include "lth/err.h"

typedef enum lth_level {
    LTH_LEVEL_ERROR = 3,
    LTH_LEVEL_WARN = 4,
    LTH_LEVEL_NOTICE = 5,
    LTH_LEVEL_INFO = 6,
    LTH_LEVEL_DEBUG = 7
} lth_level;

typedef struct lth_log {
    void *ctx;
    /** @p event: stable snake_case id; @p detail: "key=value ..." already formatted, may be "". */
    void (*write)(void *ctx, lth_level level, const char *event, const char *detail);
} lth_log;

/** Format and write; @p log or its write may be NULL (nothing happens). Formatter of lth_fail(). */
void lth_log_event(const lth_log *log, lth_level level, const char *event, const char *fmt, ...)
    LTH_PRINTF(4, 5);

/** An event with one free text: `key="text"`, with \\ before quotes and backslashes inside. */
void lth_log_text(const lth_log *log, lth_level level, const char *event, const char *key,
                  const char *text);

/** A sink to stderr (lib/base/log_stderr.c, archive lth_log: the only part of base with stdio).
 * Lines above @p max_level are dropped; the same event more than 20 times a minute is counted, not
 * written. Thread-safe. */
lth_log lth_log_stderr(lth_level max_level);
