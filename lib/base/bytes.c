#include "lth/bytes.h"

#include <stdlib.h>

static const uint8_t NOTHING[1];

int lth_slice_compare(lth_slice a, lth_slice b)
{
    size_t shorter = a.n < b.n ? a.n : b.n;
    int order = shorter > 0 ? memcmp(a.p, b.p, shorter) : 0;
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

lth_rd lth_rd_of(lth_slice in)
{
    const uint8_t *p = in.p != NULL ? in.p : NOTHING;
    return (lth_rd){.p = p, .end = p + in.n, .bad = false};
}

const uint8_t *lth_rd_bytes(lth_rd *rd, size_t n)
{
    if (rd->bad || n > (size_t)(rd->end - rd->p)) {
        rd->bad = true;
        return NULL;
    }
    const uint8_t *p = rd->p;
    rd->p += n;
    return p;
}

uint8_t lth_rd8(lth_rd *rd)
{
    const uint8_t *p = lth_rd_bytes(rd, 1);
    return p != NULL ? p[0] : 0;
}

uint16_t lth_rd16(lth_rd *rd)
{
    const uint8_t *p = lth_rd_bytes(rd, 2);
    return p != NULL ? lth_get16(p) : 0;
}

uint32_t lth_rd32(lth_rd *rd)
{
    const uint8_t *p = lth_rd_bytes(rd, 4);
    return p != NULL ? lth_get32(p) : 0;
}

uint64_t lth_rd64(lth_rd *rd)
{
    const uint8_t *p = lth_rd_bytes(rd, 8);
    return p != NULL ? lth_get64(p) : 0;
}

void lth_rd_copy(lth_rd *rd, void *out, size_t n)
{
    if (n == 0) {
        return;
    }
    const uint8_t *p = lth_rd_bytes(rd, n);
    if (p != NULL) {
        memcpy(out, p, n);
    } else {
        memset(out, 0, n);
    }
}

size_t lth_rd_left(const lth_rd *rd)
{
    return rd->bad ? 0 : (size_t)(rd->end - rd->p);
}

bool lth_rd_done(const lth_rd *rd)
{
    return !rd->bad && rd->p == rd->end;
}

lth_wr lth_wr_of(void *out, size_t size)
{
    uint8_t *p = out;
    return (lth_wr){.start = p, .p = p, .end = p + size, .bad = false};
}

/* Where the next @p n bytes go, or NULL. */
static uint8_t *wr_take(lth_wr *wr, size_t n)
{
    if (wr->bad || n > (size_t)(wr->end - wr->p)) {
        wr->bad = true;
        return NULL;
    }
    uint8_t *p = wr->p;
    wr->p += n;
    return p;
}

void lth_wr8(lth_wr *wr, uint8_t v)
{
    uint8_t *p = wr_take(wr, 1);
    if (p != NULL) {
        p[0] = v;
    }
}

void lth_wr16(lth_wr *wr, uint16_t v)
{
    uint8_t *p = wr_take(wr, 2);
    if (p != NULL) {
        lth_put16(p, v);
    }
}

void lth_wr32(lth_wr *wr, uint32_t v)
{
    uint8_t *p = wr_take(wr, 4);
    if (p != NULL) {
        lth_put32(p, v);
    }
}

void lth_wr64(lth_wr *wr, uint64_t v)
{
    uint8_t *p = wr_take(wr, 8);
    if (p != NULL) {
        lth_put64(p, v);
    }
}

void lth_wr_bytes(lth_wr *wr, const void *p, size_t n)
{
    uint8_t *to = n > 0 ? wr_take(wr, n) : NULL;
    if (to != NULL) {
        memcpy(to, p, n);
    }
}

void lth_wr_zero(lth_wr *wr, size_t n)
{
    uint8_t *to = n > 0 ? wr_take(wr, n) : NULL;
    if (to != NULL) {
        memset(to, 0, n);
    }
}

void lth_buf_init(lth_buf *buf, size_t max)
{
    *buf = (lth_buf){.max = max};
}

void lth_buf_fini(lth_buf *buf)
{
    free(buf->p);
    *buf = (lth_buf){.max = buf->max};
}

/* Room for @p n more bytes; doubles, so that many small additions stay cheap. */
static lth_err buf_reserve(lth_buf *buf, size_t n)
{
    if (n > buf->max - buf->n) {
        return LTH_E_LIMIT;
    }
    size_t need = buf->n + n;
    if (buf->p != NULL && need <= buf->cap) {
        return LTH_OK;
    }
    size_t cap = buf->cap < 128 ? 256 : buf->cap > buf->max / 2 ? buf->max : buf->cap * 2;
    cap = cap > buf->max ? buf->max : cap;
    cap = cap < need ? need : cap;
    cap = cap == 0 ? 1 : cap;
    uint8_t *p = realloc(buf->p, cap);
    if (p == NULL) {
        return LTH_E_NOMEM;
    }
    buf->p = p;
    buf->cap = cap;
    return LTH_OK;
}

lth_err lth_buf_add(lth_buf *buf, const void *p, size_t n)
{
    lth_err err = buf_reserve(buf, n);
    if (err == LTH_OK && n > 0) {
        memcpy(buf->p + buf->n, p, n);
        buf->n += n;
    }
    return err;
}

uint8_t *lth_buf_more(lth_buf *buf, size_t n)
{
    if (buf_reserve(buf, n) != LTH_OK) {
        return NULL;
    }
    uint8_t *p = buf->p + buf->n;
    buf->n += n;
    return p;
}

bool lth_id_is_zero(const lth_id *id)
{
    static const lth_id zero;
    return lth_id_equal(id, &zero);
}

void lth_hex(char *out, const void *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = p;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool lth_unhex(void *out, size_t n, const char *text, size_t text_size)
{
    if (text_size / 2 != n || text_size % 2 != 0) {
        return false;
    }
    uint8_t *bytes = out;
    for (size_t i = 0; i < n; i++) {
        int high = nibble(text[2 * i]);
        int low = nibble(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
