#include "agents/capture/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)256 * 1024)

struct rows_block {
    rows_block *next;
    size_t n, cap;
    uint8_t bytes[];
};

static rows_block *block_with_room(rows *self, size_t size)
{
    if (self->last != NULL && self->last->cap - self->last->n >= size)
        return self->last;
    size_t cap = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    rows_block *block = malloc(sizeof *block + cap);
    if (block == NULL)
        return NULL;
    block->next = NULL;
    block->n = 0;
    block->cap = cap;
    if (self->last != NULL)
        self->last->next = block;
    else
        self->first = block;
    self->last = block;
    return block;
}

lth_err rows_add(rows *self, const lth_capture_row_head *head, const lth_cell *cells,
                 uint32_t n_cells)
{
    size_t size = lth_capture_row_size(head, cells, n_cells);
    if (size > LTH_CAPTURE_ROWS_BYTES - self->bytes)
        return LTH_E_LIMIT;
    rows_block *block = block_with_room(self, size);
    if (block == NULL)
        return LTH_E_NOMEM;
    lth_capture_row_encode(block->bytes + block->n, head, cells, n_cells);
    block->n += size;
    self->bytes += size;
    self->n++;
    return LTH_OK;
}

lth_err write_all(int fd, const void *p, size_t n)
{
    const uint8_t *at = p;
    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno != EINTR)
            return LTH_E_IO;
        if (done > 0) {
            at += done;
            n -= (size_t)done;
        }
    }
    return LTH_OK;
}

lth_err rows_write(const rows *self, int fd)
{
    lth_err err = LTH_OK;
    for (const rows_block *b = self->first; b != NULL && !err; b = b->next)
        err = write_all(fd, b->bytes, b->n);
    return err;
}

void rows_clear(rows *self)
{
    for (rows_block *b = self->first; b != NULL;) {
        rows_block *next = b->next;
        free(b);
        b = next;
    }
    *self = (rows){0};
}
