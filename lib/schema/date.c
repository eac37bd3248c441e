#include "internal.h"

/* Dates are numbers YYYYMMDD; 00 for a month or day that is not known. */

#define YEAR_MIN       1000
#define YEAR_MAX       9999

#define DAY_NUMBER_MIN 20000
#define DAY_NUMBER_MAX 60000

static int64_t days_in(int64_t year, int64_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* LTH_DATE_DAY, _MONTH, _YEAR by how much of it is known; 0 if there is no such date. */
static uint8_t precision_of(int64_t date)
{
    int64_t year = date / 10000;
    int64_t month = date / 100 % 100;
    int64_t day = date % 100;
    if (year < YEAR_MIN || year > YEAR_MAX || month > 12) {
        return 0;
    }
    if (month == 0) {
        return day == 0 ? LTH_DATE_YEAR : 0;
    }
    if (day == 0) {
        return LTH_DATE_MONTH;
    }
    return day <= days_in(year, month) ? LTH_DATE_DAY : 0;
}

bool lth_schema__date_ok(const lth_field *field, int64_t date)
{
    return date >= 0 && (precision_of(date) & field->precision) != 0;
}

/* One to three numbers of 1 to 4 digits with one separator of @p separators between them. */
static size_t split(lth_slice text, const char *separators, int64_t part[3], size_t digits[3])
{
    size_t n = 0;
    size_t i = 0;
    for (;;) {
        part[n] = 0;
        digits[n] = 0;
        for (; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
            part[n] = part[n] * 10 + (text.p[i] - '0');
            if (++digits[n] > 4) {
                return 0;
            }
        }
        if (digits[n] == 0) {
            return 0;
        }
        n++;
        if (i == text.n) {
            return n;
        }
        if (n == 3 || text.p[i] == '\0' || strchr(separators, text.p[i]) == NULL) {
            return 0;
        }
        i++;
    }
}

bool lth_schema__date_like(lth_slice text)
{
    int64_t part[3];
    size_t digits[3];
    return split(text, "/-.", part, digits) == 3 && (digits[0] == 4 || digits[2] == 4);
}

/* A database's timestamp at midnight is the day. */
static lth_slice without_midnight(lth_slice text)
{
    static const char zero[] = "00:00:00";
    if (text.n < 11 || (text.p[10] != ' ' && text.p[10] != 'T')) {
        return text;
    }
    size_t i = 11;
    for (; i < text.n && i - 11 < sizeof zero - 1; i++) {
        if (text.p[i] != (uint8_t)zero[i - 11]) {
            return text;
        }
    }
    bool fraction = i < text.n && text.p[i] == '.';
    for (i += fraction ? 1 : 0; i < text.n; i++) {
        if (!fraction || text.p[i] != '0') {
            return text;
        }
    }
    return lth_slice_of(text.p, 10);
}

/* YYYY-MM-DD, YYYY-MM, YYYY */
static bool parse_iso(int64_t *out, lth_slice text)
{
    int64_t part[3];
    size_t digits[3];
    size_t n = split(without_midnight(text), "-", part, digits);
    if (n == 0 || digits[0] != 4 || (n > 1 && digits[1] != 2) || (n > 2 && digits[2] != 2)) {
        return false;
    }
    if ((n > 1 && part[1] == 0) || (n > 2 && part[2] == 0)) {
        return false;
    }
    *out = part[0] * 10000 + (n > 1 ? part[1] * 100 : 0) + (n > 2 ? part[2] : 0);
    return true;
}

/* d/m/yyyy, m/yyyy, yyyy */
static bool parse_day_first(int64_t *out, lth_slice text)
{
    int64_t part[3];
    size_t digits[3];
    size_t n = split(text, "/-.", part, digits);
    if (n == 0 || digits[n - 1] != 4) {
        return false;
    }
    for (size_t i = 0; i + 1 < n; i++) {
        if (digits[i] > 2 || part[i] == 0) {
            return false;
        }
    }
    *out = part[n - 1] * 10000 + (n > 1 ? part[n - 2] * 100 : 0) + (n > 2 ? part[0] : 0);
    return true;
}

/* "hh:mm", "hh:mm:ss" and a fraction; how it ends tells the zone. */
static bool parse_time(lth_slice text, int64_t *hour, lth_slice *zone)
{
    size_t i = 0;
    for (; i < text.n && i < 8; i++) {
        bool colon = i == 2 || i == 5;
        bool fits = colon ? text.p[i] == ':' : text.p[i] >= '0' && text.p[i] <= '9';
        if (!fits) {
            break;
        }
    }
    if (i != 5 && i != 8) {
        return false;
    }
    *hour = (text.p[0] - '0') * 10 + (text.p[1] - '0');
    if (i == 8 && i < text.n && text.p[i] == '.') {
        for (i++; i < text.n && text.p[i] >= '0' && text.p[i] <= '9';) {
            i++;
        }
    }
    *zone = lth_slice_of(text.p + i, text.n - i);
    return *hour < 24;
}

static int64_t next_day(int64_t date)
{
    int64_t year = date / 10000;
    int64_t month = date / 100 % 100;
    if (date % 100 < days_in(year, month)) {
        return date + 1;
    }
    return month < 12 ? year * 10000 + (month + 1) * 100 + 1 : (year + 1) * 10000 + 101;
}

/* Days since 30/12/1899, as spreadsheets count them; the time of day behind the point is left. */
static bool parse_day_number(int64_t *out, lth_slice text)
{
    int64_t v = 0;
    size_t i = 0;
    for (; i < text.n && text.p[i] >= '0' && text.p[i] <= '9' && i < 6; i++) {
        v = v * 10 + (text.p[i] - '0');
    }
    bool five = i == 5;
    bool fraction = i + 1 < text.n && (text.p[i] == '.' || text.p[i] == ',');
    for (i += fraction ? 1 : 0; i < text.n; i++) {
        if (!fraction || text.p[i] < '0' || text.p[i] > '9') {
            return false;
        }
    }
    if (!five || v < DAY_NUMBER_MIN || v > DAY_NUMBER_MAX) {
        return false;
    }
    int64_t year = 1900;
    int64_t left = v - 2; /* 2 is 1/1/1900: the count has a 29/2/1900 that never was */
    for (int64_t days = 365; left >= days; year++) {
        left -= days;
        days = days_in(year + 1, 2) + 337;
    }
    int64_t month = 1;
    for (; left >= days_in(year, month); month++) {
        left -= days_in(year, month);
    }
    *out = year * 10000 + month * 100 + left + 1;
    return true;
}

/* A day that may be followed by the time of day. A time in UTC is told by its Z: that day in
 * Vietnam begins at 17:00. */
static bool parse_day(int64_t *out, lth_slice text)
{
    size_t n = 0;
    while (n < text.n && text.p[n] != ' ' && text.p[n] != 'T') {
        n++;
    }
    lth_slice day = lth_slice_of(text.p, n);
    if (!parse_iso(out, day) && !parse_day_first(out, day)) {
        return false;
    }
    if (n == text.n) {
        return true;
    }
    int64_t hour;
    lth_slice zone;
    if (precision_of(*out) != LTH_DATE_DAY ||
        !parse_time(lth_slice_of(text.p + n + 1, text.n - n - 1), &hour, &zone)) {
        return false;
    }
    bool utc = zone.n == 1 && zone.p[0] == 'Z';
    bool local = zone.n == 0 || (zone.n == 6 && memcmp(zone.p, "+07:00", 6) == 0);
    *out = utc && hour >= 17 ? next_day(*out) : *out;
    return utc || local;
}

static bool parse_vn(int64_t *out, lth_slice text)
{
    return parse_day_number(out, text) || parse_day(out, text);
}

/* yyyymmdd, yyyymm, yyyy */
static bool parse_compact(int64_t *out, lth_slice text)
{
    if (text.n != 4 && text.n != 6 && text.n != 8) {
        return false;
    }
    int64_t v = 0;
    for (size_t i = 0; i < 8; i++) {
        uint8_t c = i < text.n ? text.p[i] : '0';
        if (c < '0' || c > '9') {
            return false;
        }
        v = v * 10 + (c - '0');
    }
    *out = v;
    return true;
}

bool lth_schema__date_parse(int64_t *out, lth_slice text, const char *as)
{
    if (as == NULL) {
        return parse_iso(out, text);
    }
    return strcmp(as, "date_vn") == 0 ? parse_vn(out, text) : parse_compact(out, text);
}
