#include "lth/diag.h"

#include <string.h>

/* Output of the formatter: after the first byte that does not fit nothing more is written. */
typedef struct text_out {
    char *p;
    size_t n, max;
    bool cut;
} text_out;

static void put_text(text_out *out, const char *text, size_t n)
{
    if (out->cut) {
        return;
    }
    size_t room = out->max - out->n;
    if (n > room) {
        n = room;
        out->cut = true;
    }
    if (n > 0) {
        memcpy(out->p + out->n, text, n);
        out->n += n;
    }
}

static void put_number(text_out *out, unsigned long long value, bool negative, unsigned base)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    if (negative) {
        digits[--at] = '-';
    }
    put_text(out, digits + at, sizeof digits - at);
}

static void put_signed(text_out *out, long long value)
{
    unsigned long long magnitude = (unsigned long long)value;
    put_number(out, value < 0 ? 0 - magnitude : magnitude, value < 0, 10);
}

/* Bytes of the UTF-8 sequence that begins with @p lead. */
static size_t sequence_size(unsigned char lead)
{
    return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
}

/* Drop a last character of which only some bytes were written. */
static void drop_partial(text_out *out)
{
    size_t back = 0;
    while (back < 3 && back < out->n && ((unsigned char)out->p[out->n - 1 - back] & 0xc0) == 0x80) {
        back++;
    }
    if (back < out->n && sequence_size((unsigned char)out->p[out->n - 1 - back]) > back + 1) {
        out->n -= back + 1;
    }
}

typedef struct arg_list {
    va_list args;
} arg_list;

/* Length modifiers: 0 none, 1 l, 2 ll, 3 z. */
static unsigned long long next_unsigned(arg_list *list, int length)
{
    switch (length) {
    case 0:
        return va_arg(list->args, unsigned);
    case 1:
        return va_arg(list->args, unsigned long);
    case 2:
        return va_arg(list->args, unsigned long long);
    default:
        return va_arg(list->args, size_t);
    }
}

static long long next_signed(arg_list *list, int length)
{
    switch (length) {
    case 0:
        return va_arg(list->args, int);
    case 1:
        return va_arg(list->args, long);
    case 2:
        return va_arg(list->args, long long);
    default:
        return va_arg(list->args, ptrdiff_t);
    }
}

/* @p precision < 0: up to the terminator. */
static void put_string(text_out *out, const char *text, int precision)
{
    if (text == NULL) {
        text = "(null)";
        precision = -1;
    }
    size_t n = 0;
    if (precision < 0) {
        n = strlen(text);
    } else {
        const char *end = memchr(text, 0, (size_t)precision);
        n = end != NULL ? (size_t)(end - text) : (size_t)precision;
    }
    put_text(out, text, n);
}

/* One conversion; @p at is behind its '%'. Returns what follows it, or NULL if it is none of ours:
 * then the arguments cannot be trusted any more. */
static const char *put_conversion(text_out *out, const char *at, arg_list *list)
{
    int precision = -1;
    int length = 0;
    if (at[0] == '.' && at[1] == '*' && at[2] == 's') {
        precision = va_arg(list->args, int);
        at += 2;
    }
    if (*at == 'z') {
        length = 3;
        at++;
    }
    for (; length < 2 && *at == 'l'; at++) {
        length++;
    }
    switch (*at) {
    case 's':
        put_string(out, va_arg(list->args, const char *), precision);
        break;
    case 'd':
        put_signed(out, next_signed(list, length));
        break;
    case 'u':
        put_number(out, next_unsigned(list, length), false, 10);
        break;
    case 'x':
        put_number(out, next_unsigned(list, length), false, 16);
        break;
    case 'c': {
        char c = (char)va_arg(list->args, int);
        put_text(out, &c, 1);
        break;
    }
    case '%':
        put_text(out, "%", 1);
        break;
    default:
        return NULL;
    }
    return at + 1;
}

size_t lth_format_v(char *out, size_t out_size, const char *fmt, va_list args)
{
    if (out_size == 0) {
        return 0;
    }
    text_out text = {.p = out, .max = out_size - 1};
    arg_list list;
    va_copy(list.args, args);
    while (*fmt != '\0') {
        const char *percent = strchr(fmt, '%');
        size_t plain = percent != NULL ? (size_t)(percent - fmt) : strlen(fmt);
        put_text(&text, fmt, plain);
        fmt += plain;
        if (percent != NULL) {
            const char *next = put_conversion(&text, percent + 1, &list);
            if (next == NULL) {
                put_text(&text, fmt, strlen(fmt));
                break;
            }
            fmt = next;
        }
    }
    va_end(list.args);
    if (text.cut) {
        drop_partial(&text);
    }
    out[text.n] = '\0';
    return text.n;
}

size_t lth_format(char *out, size_t out_size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t n = lth_format_v(out, out_size, fmt, args);
    va_end(args);
    return n;
}

lth_err lth_fail(lth_diag *diag, lth_err err, const char *fmt, ...)
{
    if (diag != NULL) {
        va_list args;
        va_start(args, fmt);
        diag->err = err;
        (void)lth_format_v(diag->text, sizeof diag->text, fmt, args);
        va_end(args);
    }
    return err;
}

lth_err lth_buf_format_v(lth_buf *out, const char *fmt, va_list args)
{
    char text[4096]; /* a cut at a character's boundary still leaves more than 4,000 */
    size_t n = lth_format_v(text, sizeof text, fmt, args);
    return n > 4000 ? LTH_E_LIMIT : lth_buf_add(out, text, n);
}

lth_err lth_buf_format(lth_buf *out, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    lth_err err = lth_buf_format_v(out, fmt, args);
    va_end(args);
    return err;
}
