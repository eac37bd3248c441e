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

typedef struct source_query {
    const char *text;
    const char *const *columns; /**< By name; NULL: all of the result, as they stand. */
    uint32_t n_columns;
    uint32_t rows_max;    /**< End without fault after so many; 0 = all. */
    uint32_t rows_limit;  /**< More than these are too_many_rows. */
    uint32_t seconds_max; /**< Of the query. */
} source_query;

/** Where rows go. A fault that is returned ends the reading. */
typedef struct source_sink {
    void *ctx;
    /** Once, before the first row; NULL: not asked for. Names are valid until the end. */
    lth_scan_fault (*columns)(void *ctx, const char *const *names, uint32_t n,
                              char detail[LTH_DETAIL_MAX]);
    /** Cells in the order asked for, valid in the call. */
    lth_scan_fault (*row)(void *ctx, const lth_cell *cells, uint32_t n,
                          char detail[LTH_DETAIL_MAX]);
} source_sink;

/** Run a query to its end and close its cursor. A row with an over-long value is left out and the
 * fault is `truncated`. */
lth_scan_fault source_read(source *db, const source_query *query, const source_sink *sink,
                           char detail[LTH_DETAIL_MAX]);

/** The fault that a handle's first diagnostic record tells of, @p otherwise if it tells nothing
 * known. Detail: the missing name, or SQLSTATE and native code; never the driver's text, which may
 * quote values. */
lth_scan_fault source_fault(SQLSMALLINT type, SQLHANDLE handle, lth_scan_fault otherwise,
                            char detail[LTH_DETAIL_MAX]);
