/**
 * @file agents/shell/children.h
 * Capture processes under way: started for tables of a database or of a file, to split a view, or
 * to write an answer workbook; read over a pipe, killed at their time limit.
 */
#pragma once

#include <poll.h>

#include "agents/capture/pipe.h"
#include "agents/shell/node.h"
#include "agents/shell/platform.h"

typedef struct lth_child lth_child;
typedef struct lth_children {
    char program[4096];
    lth_child *first;
} lth_children;

/** One row. From a file: `row` as Excel shows it, `org` as the org column says; else 0 and empty.
 */
typedef struct lth_child_row {
    uint32_t table, row;
    lth_slice org;
    const lth_cell *cells;
} lth_child_row;

/** How a table ended. Details are never NULL; English empty: the same. */
typedef struct lth_child_end {
    uint32_t table;
    lth_scan_fault fault;
    bool correction; /**< Of a file: it holds single corrected rows, or not this table at all. */
    const char *detail, *detail_en;
} lth_child_end;

/** What a child tells. Every table asked for ends exactly once (an answer task: its one table),
 * then end() comes, exactly once; nothing comes after lth_children_drop(). Callbacks may start and
 * drop children. */
typedef struct lth_child_listener {
    void (*row)(void *ctx, const lth_child_row *row);
    void (*table_end)(void *ctx, const lth_child_end *end);
    void (*end)(void *ctx);
    /** FILE: where a table's columns are, once, before its rows; NULL: not wanted. */
    void (*headers)(void *ctx, uint32_t table, const lth_header *headers, uint32_t n);
} lth_child_listener;

/** Rows of the file that the answer workbook shows, ascending. */
typedef struct lth_child_answer {
    const char *out_path;
    uint32_t table; /**< Of the profile: whose sheet and headers. */
    const struct lth_capture_answer_row *rows;
    uint32_t n_rows;
} lth_child_answer;

/** A view that holds many schools, of the plan's source: agents/capture/pipe.h. */
typedef struct lth_child_view {
    const char *query, *org_from, *dir;
    uint32_t file_max;
    const struct lth_capture_view_org *orgs;
    uint32_t n_orgs;
} lth_child_view;

typedef struct lth_child_plan {
    const lth_source_conf *source;  /**< QUERY, VIEW: a database. Borrowed until end() or drop. */
    const lth_child_view *view;     /**< VIEW: its one table is number 0. Likewise. */
    const lth_profile *profile;     /**< FILE, ANSWER (then source is NULL). Likewise. */
    const char *path;               /**< FILE, ANSWER: the file, copied. */
    const lth_child_answer *answer; /**< ANSWER: copied. */
    const char *name;               /**< For messages: an org's code, borrowed. */
    bool org_needed;                /**< FILE: one without the org column is of another layout. */
    const char *only;               /**< FILE: code of the org whose rows all must be, or NULL. */
    uint64_t tables;                /**< Bit per table of the source or profile. */
    uint32_t rows_max;              /**< QUERY: 0 = all. */
    uint32_t seconds_max;           /**< FILE, ANSWER. */
    const lth_child_listener *listener;
    void *ctx;
} lth_child_plan;

/** On failure nothing was started and no callback comes. */
LTH_MUST_USE lth_err lth_children_start(lth_children *self, const lth_child_plan *plan,
                                        lth_mono now, lth_diag *diag);
/** Kill and forget those with this listener, and with this ctx unless it is NULL. */
void lth_children_drop(lth_children *self, const lth_child_listener *listener, const void *ctx);
/** Kill and forget all of them. */
void lth_children_fini(lth_children *self);
/** Number of children that still have to say something. */
uint32_t lth_children_busy(const lth_children *self);
/** Is any in the middle of giving rows? */
bool lth_children_flowing(const lth_children *self);

/** Descriptors to poll; returns how many were written (<= max). */
size_t lth_children_poll(const lth_children *self, struct pollfd *fds, size_t max);
/** Move what can be moved: read pipes, reap, kill what is over its time. Call after every poll. */
void lth_children_work(lth_children *self, lth_mono now);
lth_mono lth_children_deadline(const lth_children *self);
