/**
 * @file agents/capture/source.h
 * One ODBC connection to a school's source, for reading only, and what its faults mean.
 */
#pragma once

#include <sql.h>
#include <sqlext.h>

#include "agents/capture/rows.h"

/** What differs between drivers, found by the driver's name. */
typedef struct source_family {
    const char *name;    /**< Beginning of the driver's name, without case. */
    const char *options; /**< Always part of the connection string. */
    const char *first;   /**< Statement that makes the session read-only; NULL if options do. */
    bool file;           /**< `database` is the path of a SQLite file. */
} source_family;
const source_family *source_family_of(const char *driver);

typedef struct source {
    SQLHENV env;
    SQLHDBC dbc;
    bool connected;
} source;

/** Connect. @p database as the driver wants it (sqlite_file_uri() for a SQLite file).
 * @return none, bad_driver, unreachable, locked. */
lth_scan_fault source_open(source *out, const lth_capture_request *request, const char *database,
                           char detail[LTH_DETAIL_MAX]);
void source_close(source *self);

/** Read one table to the end, or to @p rows_max rows when that is not 0, and close its cursor. A
 * row with an over-long value is left out and the fault is `truncated`. */
lth_scan_fault source_read(source *self, const lth_capture_table *table, uint32_t rows_max,
                           uint32_t seconds_max, rows *out, char detail[LTH_DETAIL_MAX]);

/** The fault that a handle's first diagnostic record tells of, @p otherwise if it tells nothing
 * known. Detail: the missing name, or SQLSTATE and native code; never the driver's text, which may
 * quote values. */
lth_scan_fault source_fault(SQLSMALLINT type, SQLHANDLE handle, lth_scan_fault otherwise,
                            char detail[LTH_DETAIL_MAX]);
