#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

#define DIGITS_MAX     15 /* significant ones, as Excel shows and keeps */
#define DIGITS_READ    64
#define EXPONENT_MAX   330
#define DAY_SECONDS    86400u
#define LAST_SERIAL    2958465u /* 9999-12-31 */
#define DAYS_1904      1462u    /* between the two systems */
#define DAYS_FROM_1600 109512u  /* from 1600-03-01 to 1899-12-31 */

/* 0.d1d2d3... * 10^point */
typedef struct decimal {
    bool negative;
    int n, point;
    uint8_t digits[DIGITS_READ];
} decimal;

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* "E+9" at @p at; false if something else stands there. */
static bool read_exponent(lth_slice text, size_t at, int *exponent)
{
    if (at == text.n) {
        return true;
    }
    if (text.p[at] != 'e' && text.p[at] != 'E') {
        return false;
    }
    at++;
    bool negative = at < text.n && text.p[at] == '-';
    if (at < text.n && (text.p[at] == '-' || text.p[at] == '+')) {
        at++;
    }
    int value = 0;
    size_t start = at;
    for (; at < text.n && is_digit(text.p[at]); at++) {
        value = value < 10000 ? value * 10 + (text.p[at] - '0') : value;
    }
    *exponent = negative ? -value : value;
    return at == text.n && at > start;
}

static bool read_decimal(decimal *out, lth_slice text)
{
    size_t at = 0;
    *out = (decimal){0};
    if (text.n > 0 && (text.p[0] == '-' || text.p[0] == '+')) {
        out->negative = text.p[0] == '-';
        at = 1;
    }
    bool any = false, behind_point = false;
    for (; at < text.n && (is_digit(text.p[at]) || (text.p[at] == '.' && !behind_point)); at++) {
        if (text.p[at] == '.') {
            behind_point = true;
            continue;
        }
        any = true;
        bool leading = out->n == 0 && text.p[at] == '0';
        if (!leading && out->n < DIGITS_READ) {
            out->digits[out->n++] = (uint8_t)(text.p[at] - '0');
        }
        if (behind_point ? leading : !leading) {
            out->point += behind_point ? -1 : 1;
        }
        if (out->point > 10000 || out->point < -10000) {
            return false;
        }
    }
    int exponent = 0;
    if (!any || !read_exponent(text, at, &exponent)) {
        return false;
    }
    out->point += exponent;
    return out->n == 0 || (out->point <= EXPONENT_MAX && out->point >= -EXPONENT_MAX);
}

static void round_digits(decimal *d)
{
    if (d->n > DIGITS_MAX) {
        bool up = d->digits[DIGITS_MAX] >= 5;
        d->n = DIGITS_MAX;
        while (up && d->n > 0 && d->digits[d->n - 1] == 9) {
            d->n--;
        }
        if (up && d->n > 0) {
            d->digits[d->n - 1]++;
        } else if (up) {
            d->digits[0] = 1;
            d->n = 1;
            d->point++;
        }
    }
    while (d->n > 0 && d->digits[d->n - 1] == 0) {
        d->n--;
    }
}

static size_t show_decimal(char *out, const decimal *d)
{
    size_t n = 0;
    if (d->n == 0) {
        out[n++] = '0';
        out[n] = '\0';
        return n;
    }
    if (d->negative) {
        out[n++] = '-';
    }
    int at = 0;
    if (d->point <= 0) {
        out[n++] = '0';
    }
    for (; at < d->point; at++) {
        out[n++] = (char)('0' + (at < d->n ? d->digits[at] : 0));
    }
    if (at < d->n) {
        out[n++] = '.';
        for (int zeros = d->point; zeros < 0; zeros++) {
            out[n++] = '0';
        }
        for (; at < d->n; at++) {
            out[n++] = (char)('0' + d->digits[at]);
        }
    }
    out[n] = '\0';
    return n;
}

size_t lth_sheet__decimal(char out[LTH_SHEET__NUMBER_MAX], lth_slice text)
{
    decimal d;
    if (!read_decimal(&d, text)) {
        return 0;
    }
    round_digits(&d);
    return show_decimal(out, &d);
}

size_t lth_sheet__decimal_of(char out[LTH_SHEET__NUMBER_MAX], double value)
{
    /* The digits are the same in every locale; only what parts them is not. */
    char text[64], plain[64];
    size_t n = 0;
    int size = snprintf(text, sizeof text, "%.*e", DIGITS_MAX - 1, value);
    bool parted = false;
    for (int i = 0; i < size && i < (int)sizeof text - 1; i++) {
        uint8_t c = (uint8_t)text[i];
        if (is_digit(c) || c == '-' || c == '+' || c == 'e') {
            plain[n++] = (char)c;
        } else if (!parted) {
            plain[n++] = '.';
            parted = true;
        }
    }
    return lth_sheet__decimal(out, lth_slice_of(plain, n));
}

/* ---- dates ---- */

static bool is_leap(uint32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static uint32_t days_of_month(uint32_t year, uint32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* @p day: 0 is 1899-12-31. */
static void date_of_day(lth_sheet__date *out, uint32_t day)
{
    /* Count from 1600-03-01, the start of a cycle of 400 years that ends with its leap day. */
    uint32_t n = day + DAYS_FROM_1600;
    uint32_t cycle = n / 146097u;
    n %= 146097u;
    uint32_t century = n / 36524u < 3 ? n / 36524u : 3;
    n -= century * 36524u;
    uint32_t four = n / 1461u;
    n %= 1461u;
    uint32_t year = n / 365u < 3 ? n / 365u : 3;
    n -= year * 365u;
    uint32_t month = (5 * n + 2) / 153; /* from March */
    out->day = n - (153 * month + 2) / 5 + 1;
    out->month = month < 10 ? month + 3 : month - 9;
    out->year = 1600 + cycle * 400 + century * 100 + four * 4 + year + (month >= 10);
}

size_t lth_sheet__show_date(char out[LTH_SHEET__NUMBER_MAX], const lth_sheet__date *date)
{
    int n =
        snprintf(out, LTH_SHEET__NUMBER_MAX, "%04u-%02u-%02u", date->year, date->month, date->day);
    if (date->has_time) {
        n += snprintf(out + n, LTH_SHEET__NUMBER_MAX - (size_t)n, " %02u:%02u:%02u",
                      date->second / 3600, date->second / 60 % 60, date->second % 60);
    }
    return (size_t)n;
}

size_t lth_sheet__serial(char out[LTH_SHEET__NUMBER_MAX], lth_slice text, bool is_1904)
{
    uint64_t day = 0, part = 0, scale = 1;
    size_t at = 0;
    for (; at < text.n && is_digit(text.p[at]) && day <= LAST_SERIAL; at++) {
        day = day * 10 + (uint64_t)(text.p[at] - '0');
    }
    if (at < text.n && text.p[at] == '.') {
        for (at++; at < text.n && is_digit(text.p[at]); at++) {
            if (scale < 10000000000u) {
                part = part * 10 + (uint64_t)(text.p[at] - '0');
                scale *= 10;
            }
        }
    }
    if (at != text.n) {
        return 0; /* negative, or far too large */
    }
    uint64_t second = (part * DAY_SECONDS + scale / 2) / scale;
    day += second / DAY_SECONDS + (is_1904 ? DAYS_1904 : 0);
    second %= DAY_SECONDS;
    if (day < 1 || day == 60 || day > LAST_SERIAL) {
        return 0;
    }
    lth_sheet__date date = {.second = (uint32_t)second, .has_time = second != 0};
    date_of_day(&date, (uint32_t)(day > 60 ? day - 1 : day));
    return lth_sheet__show_date(out, &date);
}

/* @p n digits at *at, then @p end (0: nothing is asked). */
static bool read_part(lth_slice text, size_t *at, size_t n, uint32_t *out)
{
    *out = 0;
    if (text.n - *at < n) {
        return false;
    }
    for (size_t end = *at + n; *at < end; ++*at) {
        if (!is_digit(text.p[*at])) {
            return false;
        }
        *out = *out * 10 + (uint32_t)(text.p[*at] - '0');
    }
    return true;
}

static bool read_mark(lth_slice text, size_t *at, const char *marks)
{
    bool found = *at < text.n && strchr(marks, text.p[*at]) != NULL && text.p[*at] != '\0';
    *at += found;
    return found;
}

bool lth_sheet__read_date(lth_slice text, lth_sheet__date *out)
{
    size_t at = 0;
    *out = (lth_sheet__date){0};
    if (!read_part(text, &at, 4, &out->year) || !read_mark(text, &at, "-") ||
        !read_part(text, &at, 2, &out->month) || !read_mark(text, &at, "-") ||
        !read_part(text, &at, 2, &out->day)) {
        return false;
    }
    if (out->year == 0 || out->month < 1 || out->month > 12 || out->day < 1 ||
        out->day > days_of_month(out->year, out->month)) {
        return false;
    }
    if (at == text.n) {
        return true;
    }
    uint32_t hour, minute, second = 0;
    if (!read_mark(text, &at, "T ") || !read_part(text, &at, 2, &hour) ||
        !read_mark(text, &at, ":") || !read_part(text, &at, 2, &minute)) {
        return false;
    }
    if (read_mark(text, &at, ":") && !read_part(text, &at, 2, &second)) {
        return false;
    }
    if (read_mark(text, &at, ".")) {
        while (at < text.n && is_digit(text.p[at])) {
            at++;
        }
    }
    (void)read_mark(text, &at, "Z");
    out->second = hour * 3600 + minute * 60 + second;
    out->has_time = out->second != 0;
    return at == text.n && hour < 24 && minute < 60 && second < 60;
}

bool lth_sheet__is_date_format_id(uint32_t id)
{
    static const struct {
        uint8_t from, to;
    } DATES[] = {{14, 22}, {27, 36}, {45, 45}, {47, 47}, {50, 58}};
    for (size_t i = 0; i < sizeof DATES / sizeof DATES[0]; i++) {
        if (id >= DATES[i].from && id <= DATES[i].to) {
            return true;
        }
    }
    return false;
}

/* Where what begins at @p at ends: quoted, bracketed or escaped text; at + 1 if it is none. */
static size_t skip_literal(lth_slice format, size_t at)
{
    static const char PAIRS[] = "\"\"[]";
    uint8_t c = format.p[at];
    if (c == '\\' || c == '_' || c == '*') {
        return at + 2;
    }
    const char *open = c != '\0' ? strchr(PAIRS, c) : NULL;
    if (open == NULL || c == ']') {
        return at;
    }
    const uint8_t *close = memchr(format.p + at + 1, open[1], format.n - at - 1);
    return close != NULL ? (size_t)(close - format.p) + 1 : format.n;
}

bool lth_sheet__is_date_format(lth_slice format)
{
    bool date = false;
    for (size_t at = 0; at < format.n && format.p[at] != ';';) {
        uint8_t c = format.p[at] | 0x20;
        uint8_t inner = at + 1 < format.n ? format.p[at + 1] | 0x20 : 0;
        bool elapsed = format.p[at] == '[' && (inner == 'h' || inner == 'm' || inner == 's') &&
                       at + 2 < format.n &&
                       (format.p[at + 2] == ']' || (format.p[at + 2] | 0x20) == inner);
        if (elapsed || format.p[at] == '#' || format.p[at] == '?') {
            return false;
        }
        size_t next = skip_literal(format, at);
        if (next == at) {
            date = date || c == 'y' || c == 'm' || c == 'd' || c == 'h' || c == 's';
            next++;
        }
        at = next;
    }
    return date;
}
