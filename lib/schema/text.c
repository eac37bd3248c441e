#include <utf8proc.h>

#include "internal.h"

#define HIGH_BITS 0x8080808080808080u
#define EACH_BYTE 0x0101010101010101u

/* Longest run of marks after one letter that we take (Unicode's stream-safe format has 30). */
#define SEGMENT_MAX 32u

/* Eight bytes that are all printable ASCII? */
static bool eight_plain(const uint8_t *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    uint64_t below_space = (w - EACH_BYTE * 0x20u) & ~w & HIGH_BITS;
    uint64_t delete = w ^ (EACH_BYTE * 0x7fu);
    uint64_t is_delete = (delete - EACH_BYTE) & ~delete &HIGH_BITS;
    return ((w & HIGH_BITS) | below_space | is_delete) == 0;
}

/* Is it the second, third or fourth byte of a sequence? */
static bool continues(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Strict UTF-8: no over-long forms, no surrogates, up to U+10FFFF. -1 when it is not that. */
static inline int32_t decode(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *p = *at;
    int32_t lead = p[0];
    if (lead < 0x80) {
        *at = p + 1;
        return lead;
    }
    if (lead < 0xe0) {
        if (lead < 0xc2 || end - p < 2 || !continues(p[1])) {
            return -1;
        }
        *at = p + 2;
        return (lead & 0x1f) << 6 | (p[1] & 0x3f);
    }
    if (lead < 0xf0) {
        if (end - p < 3 || !continues(p[1]) || !continues(p[2])) {
            return -1;
        }
        *at = p + 3;
        int32_t cp = (lead & 0x0f) << 12 | (p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        return cp < 0x800 || (cp >= 0xd800 && cp <= 0xdfff) ? -1 : cp;
    }
    if (end - p < 4 || !continues(p[1]) || !continues(p[2]) || !continues(p[3])) {
        return -1;
    }
    *at = p + 4;
    int32_t cp = (lead & 0x0f) << 18 | (p[1] & 0x3f) << 12 | (p[2] & 0x3f) << 6 | (p[3] & 0x3f);
    return cp < 0x10000 || cp > 0x10ffff ? -1 : cp;
}

int32_t lth_schema__text_decode(const uint8_t **at, const uint8_t *end)
{
    int32_t c = decode(at, end);
    LTH_ASSERT(c >= 0);
    return c;
}

size_t lth_schema__text_chars(lth_slice text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        n += continues(text.p[i]) ? 0 : 1;
    }
    return n;
}

/* Never changed by NFC, whatever stands before or behind: all of Vietnamese as it is written. */
static bool always_nfc(int32_t cp)
{
    return cp < 0x300 || (cp >= 0x1e00 && cp <= 0x1eff);
}

static bool is_control(int32_t cp)
{
    return (cp < 0x20 && cp != '\n' && cp != '\t') || (cp >= 0x7f && cp <= 0x9f);
}

/* May a normal form be cut before this character? Yes for a starter that joins nothing before it.
 */
static bool is_boundary(int32_t cp)
{
    if (always_nfc(cp)) {
        return true;
    }
    const utf8proc_property_t *property = utf8proc_get_property(cp);
    bool second = property->comb_index != UINT16_MAX && property->comb_index >= 0x8000;
    bool jamo = (cp >= 0x1161 && cp <= 0x1175) || (cp >= 0x11a8 && cp <= 0x11c2);
    return property->combining_class == 0 && !second && !jamo;
}

static bool segment_nfc(const uint8_t *p, size_t n)
{
    utf8proc_int32_t buffer[SEGMENT_MAX * 4 + 1];
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    utf8proc_ssize_t count =
        utf8proc_decompose(p, (utf8proc_ssize_t)n, buffer, SEGMENT_MAX * 4, options);
    if (count < 0 || count > (utf8proc_ssize_t)(SEGMENT_MAX * 4)) {
        return false;
    }
    utf8proc_ssize_t size = utf8proc_reencode(buffer, count, options);
    return size == (utf8proc_ssize_t)n && memcmp(buffer, p, n) == 0;
}

/* The full check, piece by piece between boundaries; @p text is valid UTF-8. */
static bool is_nfc(lth_slice text)
{
    const uint8_t *end = text.p + text.n;
    const uint8_t *start = text.p;
    uint32_t length = 0;
    for (const uint8_t *p = text.p; p < end;) {
        const uint8_t *before = p;
        int32_t cp = decode(&p, end);
        if (before > start && is_boundary(cp)) {
            if (!segment_nfc(start, (size_t)(before - start))) {
                return false;
            }
            start = before;
            length = 0;
        }
        if (++length > SEGMENT_MAX) {
            return false;
        }
    }
    return segment_nfc(start, (size_t)(end - start));
}

lth_refusal lth_schema__text_check(lth_slice text, uint32_t *chars)
{
    const uint8_t *p = text.p;
    const uint8_t *end = p + text.n;
    bool simple = true;
    bool control = false;
    uint32_t n = 0;
    while (p < end) {
        if ((size_t)(end - p) >= 8 && eight_plain(p)) {
            p += 8;
            n += 8;
            continue;
        }
        int32_t cp = decode(&p, end);
        if (cp < 0) {
            return LTH_REFUSE_bad_group;
        }
        n++;
        simple = simple && always_nfc(cp);
        control = control || is_control(cp);
    }
    *chars = n;
    if (!simple && !is_nfc(text)) {
        return LTH_REFUSE_bad_group;
    }
    return control ? LTH_REFUSE_bad_value : LTH_REFUSE_none;
}

/* Bytes of a blank at the start of @p text: white space, no-break space, zero-width space, BOM. */
static size_t blank_size(lth_slice text)
{
    static const char *const wide[] = {"\xc2\xa0", "\xe2\x80\x8b", "\xef\xbb\xbf"};
    if (text.n > 0 && (text.p[0] == ' ' || (text.p[0] >= '\t' && text.p[0] <= '\r'))) {
        return 1;
    }
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        size_t n = strlen(wide[i]);
        if (text.n >= n && memcmp(text.p, wide[i], n) == 0) {
            return n;
        }
    }
    return 0;
}

static lth_slice trim(lth_slice text)
{
    for (size_t n = blank_size(text); n > 0; n = blank_size(text)) {
        text = lth_slice_of(text.p + n, text.n - n);
    }
    for (size_t back = 1; back <= 3 && back <= text.n;) {
        if (blank_size(lth_slice_of(text.p + text.n - back, back)) == back) {
            text.n -= back;
            back = 1;
        } else {
            back++;
        }
    }
    return text;
}

/* CR LF and a CR alone become LF. */
static lth_err plain_newlines(lth_slice *text, lth_arena *scratch)
{
    if (text->n == 0 || memchr(text->p, '\r', text->n) == NULL) {
        return LTH_OK;
    }
    uint8_t *out = lth_arena_alloc(scratch, text->n);
    if (out == NULL) {
        return LTH_E_NOMEM;
    }
    size_t n = 0;
    for (size_t i = 0; i < text->n; i++) {
        if (text->p[i] != '\r') {
            out[n++] = text->p[i];
        } else if (i + 1 == text->n || text->p[i + 1] != '\n') {
            out[n++] = '\n';
        }
    }
    *text = lth_slice_of(out, n);
    return LTH_OK;
}

static lth_err compose(lth_slice *text, lth_arena *scratch)
{
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    utf8proc_ssize_t size = (utf8proc_ssize_t)text->n;
    utf8proc_ssize_t count = utf8proc_decompose(text->p, size, NULL, 0, options);
    if (count < 0) {
        return LTH_E_FORMAT;
    }
    utf8proc_int32_t *buffer = lth_arena_alloc(scratch, ((size_t)count + 1) * sizeof *buffer);
    if (buffer == NULL) {
        return LTH_E_NOMEM;
    }
    count = utf8proc_decompose(text->p, size, buffer, count, options);
    size = count < 0 ? count : utf8proc_reencode(buffer, count, options);
    if (size < 0) {
        return LTH_E_FORMAT;
    }
    *text = lth_slice_of(buffer, (size_t)size);
    return LTH_OK;
}

lth_err lth_schema__text_clean(lth_slice *out, lth_slice in, lth_arena *scratch)
{
    if (in.n > LTH_RECORD_MAX) {
        return LTH_E_FORMAT;
    }
    lth_slice text = in;
    lth_err err = lth_schema__entities(&text, scratch);
    text = trim(text);
    err = err != LTH_OK ? err : plain_newlines(&text, scratch);
    uint32_t chars = 0;
    if (err == LTH_OK && text.n > 0 &&
        lth_schema__text_check(text, &chars) == LTH_REFUSE_bad_group) {
        err = compose(&text, scratch);
    }
    *out = text;
    return err;
}

bool lth_schema__text_same(lth_slice text, const char *word)
{
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD;
    utf8proc_int32_t folded[2][SEGMENT_MAX];
    lth_slice in[2] = {text, lth_slice_of(word, strlen(word))};
    lth_slice out[2];
    for (int i = 0; i < 2; i++) {
        utf8proc_ssize_t count = utf8proc_decompose(in[i].p, (utf8proc_ssize_t)in[i].n, folded[i],
                                                    SEGMENT_MAX - 1, options);
        if (count < 0 || count >= (utf8proc_ssize_t)SEGMENT_MAX) {
            return false;
        }
        utf8proc_ssize_t size = utf8proc_reencode(folded[i], count, options);
        out[i] = lth_slice_of(folded[i], size < 0 ? 0 : (size_t)size);
    }
    return lth_slice_equal(out[0], out[1]);
}
