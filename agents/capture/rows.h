/**
 * @file agents/capture/rows.h
 * Encoded rows of one table, kept until the source is closed and then written to the agent.
 * Bounded by LTH_CAPTURE_ROWS_BYTES.
 */
#pragma once

#include "agents/capture/pipe.h"

typedef struct rows_block rows_block;
typedef struct rows {
    rows_block *first, *last;
    size_t bytes;
    uint32_t n;
} rows;

/** LTH_OK, LTH_E_LIMIT, LTH_E_NOMEM. */
LTH_MUST_USE lth_err rows_add(rows *self, const lth_capture_row_head *head, const lth_cell *cells,
                              uint32_t n_cells);
/** Write everything to @p fd; blocks while the reader is busy. LTH_OK or LTH_E_IO. */
LTH_MUST_USE lth_err rows_write(const rows *self, int fd);
void rows_clear(rows *self);
LTH_MUST_USE lth_err write_all(int fd, const void *p, size_t n);
