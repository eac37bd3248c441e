#include "lth/text.h"

#include <utf8proc.h>

static bool is_blank(utf8proc_int32_t cp)
{
    return cp == ' ' || (cp >= '\t' && cp <= '\r') || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200B) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F ||
           cp == 0x205F || cp == 0x3000 || cp == 0xFEFF;
}

/* Blanks in @p text (n code points) to single spaces, none at the ends. */
static size_t collapse(utf8proc_int32_t *text, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_blank(text[i])) {
            text[kept++] = text[i];
        } else if (kept > 0 && text[kept - 1] != ' ') {
            text[kept++] = ' ';
        }
    }
    return kept > 0 && text[kept - 1] == ' ' ? kept - 1 : kept;
}

/* Marks that say "required" or "here it comes". */
static size_t drop_marks(const utf8proc_int32_t *text, size_t n)
{
    for (;;) {
        if (n > 3 && text[n - 1] == ')' && text[n - 2] == '*' && text[n - 3] == '(') {
            n -= 3;
        } else if (n > 1 && (text[n - 1] == '*' || text[n - 1] == ':')) {
            n--;
        } else {
            return n;
        }
        while (n > 0 && text[n - 1] == ' ') {
            n--;
        }
    }
}

lth_err lth_text_fold(lth_buf *out, lth_slice text)
{
    utf8proc_int32_t chars[LTH_TEXT_FOLD_MAX + 1];
    size_t size = text.n;
    if (size > LTH_TEXT_FOLD_MAX / 4) {
        size = LTH_TEXT_FOLD_MAX / 4;
        while (size > 0 && (text.p[size] & 0xC0u) == 0x80u) {
            size--;
        }
    }
    utf8proc_ssize_t n = utf8proc_decompose(
        text.p, (utf8proc_ssize_t)size, chars, LTH_TEXT_FOLD_MAX,
        (utf8proc_option_t)(UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_STABLE));
    if (n < 0 || n > (utf8proc_ssize_t)LTH_TEXT_FOLD_MAX) {
        return LTH_E_FORMAT;
    }
    size_t kept = drop_marks(chars, collapse(chars, (size_t)n));
    n = utf8proc_reencode(chars, (utf8proc_ssize_t)kept,
                          (utf8proc_option_t)(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    return n < 0 ? LTH_E_FORMAT : lth_buf_add(out, chars, (size_t)n);
}
