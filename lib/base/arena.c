#include <stdalign.h>
#include <stdlib.h>

#include "lth/bytes.h"

#define ALIGN       ((size_t)16)
#define FIRST_BLOCK ((size_t)64 * 1024)

typedef struct block {
    struct block *older;
    size_t size, used;
    alignas(16) uint8_t data[];
} block;

struct lth_arena {
    block *newest;
    size_t max;
    size_t reserved; /* Sum of the block sizes. */
    size_t used;     /* Handed out since the last reset. */
};

lth_arena *lth_arena_new(size_t max)
{
    lth_arena *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->max = max;
    }
    return self;
}

void lth_arena_free(lth_arena **self)
{
    if (*self == NULL) {
        return;
    }
    for (block *b = (*self)->newest; b != NULL;) {
        block *older = b->older;
        free(b);
        b = older;
    }
    free(*self);
    *self = NULL;
}

/* A block of at least @p n bytes, twice as large as the last one if the limit allows. */
static block *add_block(lth_arena *self, size_t n)
{
    size_t room = self->max - self->reserved;
    if (n > room) {
        return NULL;
    }
    size_t size = self->newest == NULL ? FIRST_BLOCK : self->newest->size;
    size = self->newest != NULL && size <= room / 2 ? size * 2 : size;
    size = size > room ? room : size;
    size = size < n ? n : size;
    block *b = malloc(sizeof *b + size);
    if (b != NULL) {
        *b = (block){.older = self->newest, .size = size};
        self->newest = b;
        self->reserved += size;
    }
    return b;
}

void *lth_arena_alloc(lth_arena *self, size_t n)
{
    if (n > self->max) {
        return NULL;
    }
    size_t rounded = n == 0 ? ALIGN : (n + ALIGN - 1) & ~(ALIGN - 1);
    block *b = self->newest;
    if (b == NULL || rounded > b->size - b->used) {
        b = add_block(self, rounded);
        if (b == NULL) {
            return NULL;
        }
    }
    void *p = b->data + b->used;
    b->used += rounded;
    self->used += rounded;
    return p;
}

void *lth_arena_copy(lth_arena *self, const void *p, size_t n)
{
    void *copy = lth_arena_alloc(self, n);
    if (copy != NULL && n > 0) {
        memcpy(copy, p, n);
    }
    return copy;
}

void lth_arena_reset(lth_arena *self)
{
    block *b = self->newest;
    while (b != NULL && b->older != NULL) {
        block *older = b->older;
        self->reserved -= b->size;
        free(b);
        b = older;
    }
    if (b != NULL) {
        b->used = 0;
    }
    self->newest = b;
    self->used = 0;
}

size_t lth_arena_used(const lth_arena *self)
{
    return self->used;
}
