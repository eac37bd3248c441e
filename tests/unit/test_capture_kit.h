/* For the tests of capture: databases made through ODBC, and the real child driven over its pipes.
 */
#pragma once

#include <sys/types.h>

#include "agents/capture/pipe.h"

#define KIT_ROWS_MAX  512u
#define KIT_CELLS_MAX 8u

/** Path of lienthong-capture. */
extern const char *kit_program;

/** An ordinary connection of the school's own program. */
typedef struct kit_db kit_db;
kit_db *kit_open(const char *path);
void kit_close(kit_db **self);
/** True if the statement was carried out. */
bool kit_try(kit_db *self, const char *sql);
/** Begins a SELECT and reads one row, leaving the cursor open until kit_close(). */
void kit_pause_in(kit_db *self, const char *select);
void kit_must(kit_db *self, const char *sql);
/** Open, run every statement up to NULL, close. */
void kit_make(const char *path, const char *const *statements);

typedef struct kit_row {
    uint32_t table, n_cells;
    char *text[KIT_CELLS_MAX]; /* NULL = NULL. */
} kit_row;

typedef struct kit_end {
    uint32_t table;
    lth_scan_fault fault;
    char detail[LTH_DETAIL_MAX];
} kit_end;

typedef struct kit_result {
    kit_row rows[KIT_ROWS_MAX]; /* The first ones. */
    uint32_t n_rows;
    kit_end ends[8];
    uint32_t n_ends;
    bool ended;
    int status; /* As waitpid() gives it. */
} kit_result;

/** Any program, with pipes to its stdin and from its stdout. */
pid_t kit_spawn(const char *program, const char *const *argv, int *to, int *from);
/** Start the child with a request; its stdout is *out. */
pid_t kit_start(const lth_capture_request *request, int *out);
void kit_finish(pid_t pid, int out, kit_result *result);
/** Both. */
void kit_scan(const lth_capture_request *request, kit_result *result);
void kit_result_free(kit_result *result);
