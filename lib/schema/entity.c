#include <utf8proc.h>

#include "internal.h"

/* Web pages saved as workbooks write letters as HTML entities. */

#define NAME_MAX_SIZE 10u

static const struct {
    const char *name;
    int32_t c;
} NAMES[] = {
    {"amp", '&'},      {"lt", '<'},       {"gt", '>'},       {"quot", '"'},     {"apos", '\''},
    {"nbsp", 0xa0},    {"ndash", 0x2013}, {"mdash", 0x2014}, {"lsquo", 0x2018}, {"rsquo", 0x2019},
    {"ldquo", 0x201c}, {"rdquo", 0x201d}, {"Agrave", 0xc0},  {"Aacute", 0xc1},  {"Acirc", 0xc2},
    {"Atilde", 0xc3},  {"Egrave", 0xc8},  {"Eacute", 0xc9},  {"Ecirc", 0xca},   {"Igrave", 0xcc},
    {"Iacute", 0xcd},  {"ETH", 0xd0},     {"Ograve", 0xd2},  {"Oacute", 0xd3},  {"Ocirc", 0xd4},
    {"Otilde", 0xd5},  {"Ugrave", 0xd9},  {"Uacute", 0xda},  {"Yacute", 0xdd},  {"agrave", 0xe0},
    {"aacute", 0xe1},  {"acirc", 0xe2},   {"atilde", 0xe3},  {"egrave", 0xe8},  {"eacute", 0xe9},
    {"ecirc", 0xea},   {"igrave", 0xec},  {"iacute", 0xed},  {"eth", 0xf0},     {"ograve", 0xf2},
    {"oacute", 0xf3},  {"ocirc", 0xf4},   {"otilde", 0xf5},  {"ugrave", 0xf9},  {"uacute", 0xfa},
    {"yacute", 0xfd},  {"Abreve", 0x102}, {"abreve", 0x103}, {"Dstrok", 0x110}, {"dstrok", 0x111},
    {"Itilde", 0x128}, {"itilde", 0x129}, {"Utilde", 0x168}, {"utilde", 0x169},
};

static int32_t by_name(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strlen(NAMES[i].name) == n && memcmp(NAMES[i].name, p, n) == 0) {
            return NAMES[i].c;
        }
    }
    return -1;
}

/* Behind '#': decimal, or hexadecimal after an x. */
static int32_t by_number(const uint8_t *p, size_t n)
{
    bool hex = n > 1 && (p[0] | 0x20) == 'x';
    int32_t v = 0;
    for (size_t i = hex ? 1 : 0; i < n; i++) {
        uint8_t lower = p[i] | 0x20;
        int32_t digit = p[i] >= '0' && p[i] <= '9'            ? p[i] - '0'
                        : hex && lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                              : -1;
        v = v * (hex ? 16 : 10) + digit;
        if (digit < 0 || v > 0x10ffff) {
            return -1;
        }
    }
    bool sound = n > 0 && v >= 0x20 && (v < 0x7f || v > 0x9f) && (v < 0xd800 || v > 0xdfff);
    return sound ? v : -1;
}

/* The character an entity at @p p stands for, and its size; -1: it is just an ampersand. */
static int32_t read_entity(const uint8_t *p, const uint8_t *end, size_t *size)
{
    size_t room = (size_t)(end - p) < NAME_MAX_SIZE ? (size_t)(end - p) : NAME_MAX_SIZE;
    const uint8_t *close = memchr(p, ';', room);
    if (close == NULL || close - p < 3) {
        return -1;
    }
    *size = (size_t)(close + 1 - p);
    size_t n = *size - 2;
    return p[1] == '#' ? by_number(p + 2, n - 1) : by_name(p + 1, n);
}

lth_err lth_schema__entities(lth_slice *text, lth_arena *scratch)
{
    if (text->n == 0 || memchr(text->p, '&', text->n) == NULL) {
        return LTH_OK;
    }
    uint8_t *out = lth_arena_alloc(scratch, text->n); /* an entity is longer than its character */
    if (out == NULL) {
        return LTH_E_NOMEM;
    }
    const uint8_t *end = text->p + text->n;
    size_t n = 0;
    for (const uint8_t *p = text->p; p < end;) {
        size_t size = 1;
        int32_t c = *p == '&' ? read_entity(p, end, &size) : -1;
        if (c < 0) {
            out[n++] = *p++;
        } else {
            n += (size_t)utf8proc_encode_char(c, out + n);
            p += size;
        }
    }
    *text = lth_slice_of(out, n);
    return LTH_OK;
}
