/**
 * @file lth/program.h
 * What every program of the project does the same way: language, arguments of a daemon, service
 * manager.
 */
#pragma once

#include "lth/log.h"

/** English wanted? @p lang is --lang or NULL; then LC_ALL, LC_MESSAGES, LANG as text (never
 * setlocale: decimal commas, missing locales). Vietnamese unless it starts with "en". */
bool lth_english_wanted(const char *lang);

typedef struct lth_daemon_options {
    const char *node; /**< --node, else LIENTHONG_NODE. */
    bool english;
    lth_level level; /**< --log-level, default notice. */
} lth_daemon_options;

typedef struct lth_daemon_text {
    const char *name;    /**< "lienthong-broker" */
    const char *vi, *en; /**< What it does, behind the usage line; each ends with a new line. */
} lth_daemon_text;

/** Parse --node, --log-level, --lang, --version, --help. -1: go on; else the exit status to end
 * with (text printed). */
int lth_daemon_parse(lth_daemon_options *out, const lth_daemon_text *text, int argc, char **argv);

/** Tell the service manager ("READY=1", "WATCHDOG=1", "STOPPING=1"): one datagram to $NOTIFY_SOCKET
 * as sd_notify(3) describes; nothing happens when nobody asked for it. */
void lth_service_notify(const char *state);
