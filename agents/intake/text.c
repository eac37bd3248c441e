/* Names, codes, passphrases, times. */
#include "agents/intake/text.h"

#include <time.h>

#define VIETNAM_S (7 * 3600)

/* Length of the UTF-8 character at @p p (at most @p n bytes), its code point in *code; 0 = none. */
static size_t character(const uint8_t *p, size_t n, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = p[0] < 0x80             ? 1
                  : (p[0] & 0xe0) == 0xc0 ? 2
                  : (p[0] & 0xf0) == 0xe0 ? 3
                  : (p[0] & 0xf8) == 0xf0 ? 4
                                          : 0;
    if (size == 0 || size > n)
        return 0;
    *code = size == 1 ? p[0] : p[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (p[i] & 0x3fu);
    }
    bool surrogate = *code >= 0xd800 && *code < 0xe000;
    return *code < least[size] || *code > 0x10ffff || surrogate ? 0 : size;
}

bool lth_utf8_ok(lth_slice text)
{
    uint32_t code = 0;
    for (size_t at = 0; at < text.n;) {
        size_t size = character(text.p + at, text.n - at, &code);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool word_ok(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(text[i]) && strchr("._-", text[i]) == NULL)
            return false;
    return true;
}

bool lth_code_clean(char out[LTH_CODE_MAX + 1], const char *text)
{
    text += strspn(text, " \t");
    size_t n = strcspn(text, " \t");
    if (n == 0 || n > LTH_CODE_MAX || text[0] == '.' || !word_ok(text, n) ||
        text[n + strspn(text + n, " \t")] != '\0')
        return false;
    memcpy(out, text, n);
    out[n] = '\0';
    return true;
}

static bool ends_with(const char *text, size_t n, const char *end)
{
    size_t size = strlen(end);
    return n >= size && memcmp(text + n - size, end, size) == 0;
}

bool lth_upload_id_ok(const char *text)
{
    size_t n = strlen(text);
    return n > 0 && n <= 80 && is_alnum(text[0]) && word_ok(text, n) &&
           !ends_with(text, n, ".part") && !ends_with(text, n, ".tmp") &&
           !ends_with(text, n, ".filepart");
}

/* Control characters, and those that turn the direction of what stands around them. */
static bool unseen(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
           code == 0xfeff;
}

void lth_name_clean(char out[LTH_NAME_MAX + 1], const char *text, size_t n)
{
    size_t start = n, used = 0;
    while (start > 0 && text[start - 1] != '/' && text[start - 1] != '\\')
        start--;
    const uint8_t *p = (const uint8_t *)text;
    for (size_t at = start; at < n;) {
        uint32_t code = 0;
        size_t size = character(p + at, n - at, &code);
        if (size == 0) {
            at++;
            continue;
        }
        if (!unseen(code)) {
            if (used + size > LTH_NAME_MAX)
                break;
            memcpy(out + used, text + at, size);
            used += size;
        }
        at += size;
    }
    out[used] = '\0';
    if (used == strspn(out, " ."))
        (void)lth_format(out, LTH_NAME_MAX + 1, "?");
}

bool lth_line_clean(char *out, size_t max, const char *text)
{
    text += strspn(text, " \t\r\n");
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
        n--;
    if (n == 0 || n > max)
        return false;
    for (size_t at = 0; at < n;) {
        uint32_t code = 0;
        size_t size = character((const uint8_t *)text + at, n - at, &code);
        bool blank = size == 1 && strchr("\t\r\n", text[at]) != NULL;
        if (size == 0 || (unseen(code) && !blank))
            return false;
        memcpy(out + at, text + at, size);
        if (blank)
            out[at] = ' ';
        at += size;
    }
    out[n] = '\0';
    return true;
}

bool lth_once_clean(char out[LTH_ONCE_SIZE], const char *text)
{
    static const char symbols[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    size_t used = 0, n = 0;
    for (; *text != '\0'; text++) {
        char c = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
        if (strchr("- \t\r\n.", c) != NULL)
            continue;
        c = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
        if (strchr(symbols, c) == NULL || n == 32)
            return false;
        if (n > 0 && n % 4 == 0)
            out[used++] = '-';
        out[used++] = c;
        n++;
    }
    out[used] = '\0';
    return n == 32;
}

/* Lower case of ASCII letters only: enough to know "Password123". */
static bool holds(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (i < n && (text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]) == word[i])
            i++;
        if (i == n)
            return true;
    }
    return false;
}

/* What is left once a common word is taken away must still be four characters. */
static bool is_common(const char *text, size_t characters)
{
    static const char *const words[] = {
        "0123456789", "123456789",  "12345678",  "987654321", "1234512345", "1122334455",
        "password",   "qwertyuiop", "qwerty",    "asdfghjkl", "1q2w3e4r",   "abc123",
        "abcdefghij", "iloveyou",   "matkhau",   "mat khau",  "mật khẩu",   "truonghoc",
        "truong hoc", "trường học", "lienthong", "hoc sinh",  "hocsinh",    "giaovien",
        "vietnam",    "viet nam",   "việt nam",  "saigon",    "hanoi",      "admin",
        "welcome",    "letmein",    "anhyeuem",  "khongbiet", "khong biet",
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (holds(text, words[i]) && characters < strlen(words[i]) + 4)
            return true;
    uint8_t seen[256] = {0};
    size_t different = 0;
    for (const uint8_t *p = (const uint8_t *)text; *p != '\0'; p++) {
        different += seen[*p] == 0;
        seen[*p] = 1;
    }
    return different < 5;
}

lth_passphrase lth_passphrase_judge(const char *text, const char *code)
{
    size_t n = strlen(text), characters = 0;
    if (n > 200)
        return LTH_PASSPHRASE_LONG;
    for (size_t at = 0; at < n; characters++) {
        uint32_t point = 0;
        size_t size = character((const uint8_t *)text + at, n - at, &point);
        if (size == 0 || unseen(point))
            return LTH_PASSPHRASE_LONG;
        at += size;
    }
    if (characters < 10)
        return LTH_PASSPHRASE_SHORT;
    if (code[0] != '\0' && strstr(text, code) != NULL && n < strlen(code) + 6)
        return LTH_PASSPHRASE_CODE;
    return is_common(text, characters) ? LTH_PASSPHRASE_COMMON : LTH_PASSPHRASE_OK;
}

/* @p n digits at *at; -1 when there are fewer. */
static int digits(const char **at, int n)
{
    int value = 0;
    for (; n > 0; n--, (*at)++) {
        if (**at < '0' || **at > '9')
            return -1;
        value = value * 10 + (**at - '0');
    }
    return value;
}

static bool literal(const char **at, char c)
{
    bool same = **at == c;
    *at += same;
    return same;
}

int64_t lth_iso_seconds(const char *iso)
{
    struct tm tm = {0};
    tm.tm_year = digits(&iso, 4) - 1900;
    bool ok = literal(&iso, '-');
    tm.tm_mon = ok ? digits(&iso, 2) - 1 : -1;
    ok = ok && literal(&iso, '-');
    tm.tm_mday = ok ? digits(&iso, 2) : -1;
    ok = ok && literal(&iso, 'T');
    tm.tm_hour = ok ? digits(&iso, 2) : -1;
    ok = ok && literal(&iso, ':');
    tm.tm_min = ok ? digits(&iso, 2) : -1;
    if (ok && literal(&iso, ':'))
        tm.tm_sec = digits(&iso, 2);
    if (ok && literal(&iso, '.'))
        iso += strspn(iso, "0123456789");
    if (!ok || !literal(&iso, 'Z') || *iso != '\0' || tm.tm_year < 70 || tm.tm_mon < 0 ||
        tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 ||
        tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
        return 0;
    return (int64_t)timegm(&tm);
}

bool lth_vietnam_time(char out[24], const char *iso)
{
    time_t there = (time_t)lth_iso_seconds(iso) + VIETNAM_S;
    struct tm tm;
    out[0] = '\0';
    return there != VIETNAM_S && gmtime_r(&there, &tm) != NULL &&
           strftime(out, 24, "%H:%M %d/%m/%Y", &tm) > 0;
}
