#include <utf8proc.h>

#include "internal.h"

/* How people write the same name: titles of code lists are found by this form of them. */

#define CHARS_MAX    256
#define DISTANCE_MAX 64

/* Case folded and taken apart into letters and marks. < 0: not UTF-8 or too long. */
static utf8proc_ssize_t take_apart(utf8proc_int32_t *out, size_t max, lth_slice text)
{
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD;
    if (text.n == 0) {
        return 0;
    }
    utf8proc_ssize_t n =
        utf8proc_decompose(text.p, (utf8proc_ssize_t)text.n, out, (utf8proc_ssize_t)max, options);
    return n > (utf8proc_ssize_t)max ? -1 : n;
}

/* Grave, acute, tilde, hook above, dot below: one a syllable, wherever it is written. */
static bool is_tone(int32_t c)
{
    return c == 0x300 || c == 0x301 || c == 0x303 || c == 0x309 || c == 0x323;
}

/* Between the words of a name: blanks, hyphens and dashes, apostrophes, points. */
static bool is_gap(int32_t c)
{
    static const int32_t gaps[] = {' ',    '\t',   '\n',   '-',    '\'',   '.',
                                   0xa0,   0xb4,   0x2bc,  0x2010, 0x2011, 0x2012,
                                   0x2013, 0x2014, 0x2018, 0x2019, 0x200b, 0x60};
    for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++) {
        if (gaps[i] == c) {
            return true;
        }
    }
    return false;
}

static size_t put(uint8_t *out, size_t n, int32_t c)
{
    return n + 4 <= TITLE_FOLD_MAX ? n + (size_t)utf8proc_encode_char(c, out + n) : n;
}

size_t lth_schema__title_fold(uint8_t out[TITLE_FOLD_MAX], lth_slice text)
{
    utf8proc_int32_t chars[CHARS_MAX + 1];
    utf8proc_ssize_t count = take_apart(chars, CHARS_MAX, text);
    int32_t tone = 0;
    bool begins = true; /* A word. */
    size_t n = 0;
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        int32_t c = chars[i] == 0xf0 ? 0x111 : chars[i]; /* eth is often typed for d with stroke */
        bool gap = is_gap(c);
        if (is_tone(c)) {
            tone = c;
            continue;
        }
        if (gap && tone != 0) {
            n = put(out, n, tone);
            tone = 0;
        }
        utf8proc_ssize_t next = i + 1;
        while (c == 'h' && begins && next < count && is_gap(chars[next])) {
            next++;
        }
        bool silent = c == 'h' && begins && next < count && chars[next] == 'm';
        if (!gap && !silent) {
            n = put(out, n, c);
        }
        begins = gap;
    }
    return tone != 0 ? put(out, n, tone) : n;
}

uint32_t lth_text_distance(lth_slice a, lth_slice b)
{
    utf8proc_int32_t left[DISTANCE_MAX + 1], right[DISTANCE_MAX + 1];
    uint32_t row[3][DISTANCE_MAX + 1];
    utf8proc_ssize_t na = take_apart(left, DISTANCE_MAX, a);
    utf8proc_ssize_t nb = take_apart(right, DISTANCE_MAX, b);
    if (na < 0 || nb < 0) {
        return UINT32_MAX;
    }
    for (uint32_t j = 0; j <= nb; j++) {
        row[0][j] = j;
    }
    for (uint32_t i = 1; i <= na; i++) {
        uint32_t *now = row[i % 3];
        const uint32_t *before = row[(i + 2) % 3];
        const uint32_t *earlier = row[(i + 1) % 3];
        now[0] = i;
        for (uint32_t j = 1; j <= nb; j++) {
            uint32_t best = before[j - 1] + (left[i - 1] != right[j - 1] ? 1 : 0);
            best = before[j] + 1 < best ? before[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            bool swapped =
                i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
            if (swapped && earlier[j - 2] + 1 < best) {
                best = earlier[j - 2] + 1;
            }
            now[j] = best;
        }
    }
    return row[na % 3][nb];
}
