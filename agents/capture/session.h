/**
 * @file agents/capture/session.h
 * Reading a source in peace: a connection that is made when it is first needed, and for a SQLite
 * file the looks before and after (sqlite_file.h). What was read while somebody wrote is thrown
 * away and read again for PATIENCE_MS at most; then the source is `locked`.
 */
#pragma once

#include "agents/capture/source.h"
#include "agents/capture/sqlite_file.h"

typedef struct session {
    const lth_capture_request *request; /**< Driver, database, dsn, password. */
    source db;
    bool file, without_locks;
    sqlite_file_look look;
    int64_t give_up_ms;
} session;

/** What is read, and how to forget it. */
typedef struct session_task {
    void *ctx;
    lth_scan_fault (*read)(void *ctx, source *db, char detail[LTH_DETAIL_MAX]);
    void (*forget)(void *ctx);
} session_task;

session session_of(const lth_capture_request *request);
/** Of the task, or unreachable, bad_driver, locked. */
lth_scan_fault session_read(session *self, const session_task *task, char detail[LTH_DETAIL_MAX]);
void session_close(session *self);
