/**
 * @file agents/shell/children.h
 * Capture processes under way: started for tables of a school, read over a pipe, killed at their
 * time limit.
 */
#pragma once

#include <poll.h>

#include "agents/shell/node.h"
#include "agents/shell/platform.h"

typedef struct lth_child lth_child;
typedef struct lth_children {
    char program[4096];
    lth_child *first;
} lth_children;

/** What a child tells. Every table asked for ends exactly once, then end() comes, exactly once;
 * nothing comes after lth_children_drop(). Callbacks may start and drop children. */
typedef struct lth_child_listener {
    void (*row)(void *ctx, uint32_t table, const lth_cell *cells);
    void (*table_end)(void *ctx, uint32_t table, lth_scan_fault fault, const char *detail);
    void (*end)(void *ctx);
} lth_child_listener;

typedef struct lth_child_plan {
    const lth_source_conf *source; /**< Borrowed until end() or drop. */
    uint64_t tables;               /**< Bit per table of the source. */
    uint32_t rows_max;             /**< 0 = all. */
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
