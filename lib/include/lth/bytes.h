/**
 * @file lth/bytes.h
 * Bounded reading and writing of bytes. Everything hashed or stored is fixed-width big-endian.
 *
 * Reader and writer have a sticky error: run a whole parse, test `bad` once at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lth/err.h"

/** Borrowed bytes. {NULL, 0} is empty. */
typedef struct lth_slice {
    const uint8_t *p;
    size_t n;
} lth_slice;

static inline lth_slice lth_slice_of(const void *p, size_t n)
{
    return (lth_slice){(const uint8_t *)p, n};
}
static inline bool lth_slice_equal(lth_slice a, lth_slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
/** memcmp order, a shorter prefix first. Returns <0, 0, >0. */
int lth_slice_compare(lth_slice a, lth_slice b);

static inline uint16_t lth_get16(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}
static inline uint32_t lth_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t lth_get64(const uint8_t *p)
{
    return (uint64_t)lth_get32(p) << 32 | lth_get32(p + 4);
}
static inline void lth_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void lth_put32(uint8_t *p, uint32_t v)
{
    lth_put16(p, (uint16_t)(v >> 16));
    lth_put16(p + 2, (uint16_t)v);
}
static inline void lth_put64(uint8_t *p, uint64_t v)
{
    lth_put32(p, (uint32_t)(v >> 32));
    lth_put32(p + 4, (uint32_t)v);
}

/** Bounded reader over borrowed bytes. After `bad`, every read yields 0 or NULL. */
typedef struct lth_rd {
    const uint8_t *p;
    const uint8_t *end;
    bool bad;
} lth_rd;

lth_rd lth_rd_of(lth_slice in);
uint8_t lth_rd8(lth_rd *rd);
uint16_t lth_rd16(lth_rd *rd);
uint32_t lth_rd32(lth_rd *rd);
uint64_t lth_rd64(lth_rd *rd);
/** Borrowed pointer to the next @p n bytes, or NULL and bad. n = 0 yields a non-NULL pointer. */
const uint8_t *lth_rd_bytes(lth_rd *rd, size_t n);
/** Copy @p n bytes to @p out; on bad, out is zeroed. */
void lth_rd_copy(lth_rd *rd, void *out, size_t n);
size_t lth_rd_left(const lth_rd *rd);
/** True when nothing went wrong and every byte was read (trailing bytes are an error). */
bool lth_rd_done(const lth_rd *rd);

/** Bounded writer into a caller's buffer. After `bad` nothing more is written. */
typedef struct lth_wr {
    uint8_t *start;
    uint8_t *p;
    uint8_t *end;
    bool bad;
} lth_wr;

lth_wr lth_wr_of(void *out, size_t size);
void lth_wr8(lth_wr *wr, uint8_t v);
void lth_wr16(lth_wr *wr, uint16_t v);
void lth_wr32(lth_wr *wr, uint32_t v);
void lth_wr64(lth_wr *wr, uint64_t v);
void lth_wr_bytes(lth_wr *wr, const void *p, size_t n);
void lth_wr_zero(lth_wr *wr, size_t n);
static inline size_t lth_wr_size(const lth_wr *wr)
{
    return (size_t)(wr->p - wr->start);
}

/** Growable bytes with a limit fixed at init. */
typedef struct lth_buf {
    uint8_t *p;
    size_t n;
    size_t cap;
    size_t max;
} lth_buf;

/** @p max: bytes it may ever hold; more is LTH_E_LIMIT. No allocation yet. */
void lth_buf_init(lth_buf *buf, size_t max);
void lth_buf_fini(lth_buf *buf);
static inline void lth_buf_clear(lth_buf *buf)
{
    buf->n = 0;
}
static inline lth_slice lth_buf_slice(const lth_buf *buf)
{
    return (lth_slice){buf->p, buf->n};
}
/** @return LTH_OK, LTH_E_LIMIT, LTH_E_NOMEM. On error the contents are unchanged. */
LTH_MUST_USE lth_err lth_buf_add(lth_buf *buf, const void *p, size_t n);
/** Make room for @p n more bytes and return where they go (n is added to the length); NULL on limit
 * or memory. */
uint8_t *lth_buf_more(lth_buf *buf, size_t n);

/** 16-byte identity of an org or a record. */
typedef struct lth_id {
    uint8_t b[16];
} lth_id;

static inline bool lth_id_equal(const lth_id *a, const lth_id *b)
{
    return memcmp(a->b, b->b, 16) == 0;
}
static inline int lth_id_compare(const lth_id *a, const lth_id *b)
{
    return memcmp(a->b, b->b, 16);
}
bool lth_id_is_zero(const lth_id *id);

/** Lower-case hex; @p out holds 2 n + 1 characters. */
void lth_hex(char *out, const void *p, size_t n);
/** Exactly 2 n hex digits (either case) and the end of @p text. */
bool lth_unhex(void *out, size_t n, const char *text, size_t text_size);

/** A bump allocator for one step. Blocks grow to @p max bytes in total, then NULL. */
typedef struct lth_arena lth_arena;
lth_arena *lth_arena_new(size_t max);
void lth_arena_free(lth_arena **self);
/** 16-byte aligned, not zeroed; NULL at the limit or out of memory. */
void *lth_arena_alloc(lth_arena *self, size_t n);
void *lth_arena_copy(lth_arena *self, const void *p, size_t n);
/** Forget everything; keeps the first block for re-use. */
void lth_arena_reset(lth_arena *self);
size_t lth_arena_used(const lth_arena *self);
