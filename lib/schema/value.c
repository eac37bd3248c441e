#include "internal.h"

static const struct {
    const char *name;
    lth_type type;
} WAYS[] = {
    {"date_vn", LTH_TYPE_DATE}, {"date_compact", LTH_TYPE_DATE}, {"bool_vn", LTH_TYPE_BOOL},
    {"digits", LTH_TYPE_TEXT},  {"grade", LTH_TYPE_INTEGER},
};
#define N_WAYS (sizeof WAYS / sizeof WAYS[0])

const char *lth_as_name(uint32_t i, lth_type *type)
{
    if (i >= N_WAYS) {
        return NULL;
    }
    *type = WAYS[i].type;
    return WAYS[i].name;
}

bool lth_as_fits(lth_type way, lth_type type)
{
    return way == type || (way == LTH_TYPE_TEXT && type == LTH_TYPE_CODE);
}

static bool way_fits(const char *as, lth_type type)
{
    for (size_t i = 0; i < N_WAYS; i++) {
        if (strcmp(WAYS[i].name, as) == 0) {
            return lth_as_fits(WAYS[i].type, type);
        }
    }
    return false;
}

/* Digits with an optional sign and fraction; at most @p scale digits behind the point count, more
 * are allowed only as zeros. */
static bool parse_number(int64_t *out, lth_slice text, unsigned scale)
{
    size_t i = text.n > 0 && (text.p[0] == '-' || text.p[0] == '+') ? 1 : 0;
    bool negative = i == 1 && text.p[0] == '-';
    int64_t v = 0;
    unsigned fraction = 0;
    bool point = false;
    bool digit = false;
    for (; i < text.n; i++) {
        uint8_t c = text.p[i];
        if ((c == '.' || c == ',') && !point && digit) {
            point = true;
            digit = false;
            continue;
        }
        if (c < '0' || c > '9') {
            return false;
        }
        digit = true;
        if (point && fraction == scale) {
            if (c != '0') {
                return false;
            }
            continue;
        }
        fraction += point ? 1 : 0;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, c - '0', &v)) {
            return false;
        }
    }
    for (; fraction < scale; fraction++) {
        if (__builtin_mul_overflow(v, 10, &v)) {
            return false;
        }
    }
    *out = negative ? -v : v;
    return digit;
}

bool lth_schema__number_read(int64_t *out, uint8_t *scale, lth_slice text)
{
    size_t digits = 0;
    size_t behind = 0;
    bool point = false;
    for (size_t i = 0; i < text.n; i++) {
        bool digit = text.p[i] >= '0' && text.p[i] <= '9';
        digits += digit ? 1 : 0;
        behind += digit && point ? 1 : 0;
        point = point || text.p[i] == '.' || text.p[i] == ',';
    }
    *scale = (uint8_t)behind;
    return digits <= 18 && parse_number(out, text, (unsigned)behind);
}

static bool parse_bool(int64_t *out, lth_slice text, const char *as)
{
    static const struct {
        const char *word;
        enum { PLAIN = 1, VN = 2 } ways;
        uint8_t value;
    } words[] = {{"1", PLAIN, 1},      {"0", PLAIN, 0}, {"true", PLAIN, 1}, {"false", PLAIN, 0},
                 {"x", PLAIN | VN, 1}, {"có", VN, 1},   {"không", VN, 0}};
    unsigned way = as != NULL ? VN : PLAIN;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if ((words[i].ways & way) != 0 && lth_schema__text_same(text, words[i].word)) {
            *out = words[i].value;
            return true;
        }
    }
    return false;
}

/* The first whole number in it, or nothing. */
static lth_slice first_number(lth_slice text)
{
    size_t start = 0;
    while (start < text.n && (text.p[start] < '0' || text.p[start] > '9')) {
        start++;
    }
    size_t end = start;
    while (end < text.n && text.p[end] >= '0' && text.p[end] <= '9') {
        end++;
    }
    return end > start ? lth_slice_of(text.p + start, end - start) : text;
}

/* Spreadsheets take codes of digits for numbers and drop the zeros in front. */
static lth_err fill_zeros(lth_slice *text, const lth_field *field, lth_arena *scratch)
{
    for (size_t i = 0; i < text->n; i++) {
        if (text->p[i] < '0' || text->p[i] > '9') {
            return LTH_OK;
        }
    }
    if (text->n >= field->max) {
        return LTH_OK;
    }
    uint8_t *out = lth_arena_alloc(scratch, field->max);
    if (out == NULL) {
        return LTH_E_NOMEM;
    }
    memset(out, '0', field->max - text->n);
    memcpy(out + field->max - text->n, text->p, text->n);
    *text = lth_slice_of(out, field->max);
    return LTH_OK;
}

lth_err lth_schema__value_shape(lth_slice *text, const lth_field *field, const char *as,
                                lth_arena *scratch)
{
    if (as == NULL || text->n == 0 || !way_fits(as, field->type)) {
        return LTH_OK;
    }
    if (field->type == LTH_TYPE_INTEGER) {
        *text = first_number(*text);
        return LTH_OK;
    }
    bool letters = field->type == LTH_TYPE_TEXT || field->type == LTH_TYPE_CODE;
    return letters ? fill_zeros(text, field, scratch) : LTH_OK;
}

lth_refusal lth_schema__value_read(lth_value *out, const lth_field *field, lth_slice text,
                                   const char *as)
{
    lth_value value = {.kind = LTH_VALUE_INT};
    bool read = as == NULL || way_fits(as, field->type);
    switch (field->type) {
    case LTH_TYPE_TEXT:
    case LTH_TYPE_CODE:
        value = (lth_value){.kind = LTH_VALUE_TEXT, .text = text};
        break;
    case LTH_TYPE_INTEGER:
        read = read && parse_number(&value.number, text, 0);
        break;
    case LTH_TYPE_DECIMAL:
        read = read && parse_number(&value.number, text, field->scale);
        break;
    case LTH_TYPE_BOOL:
        read = read && parse_bool(&value.number, text, as);
        break;
    case LTH_TYPE_DATE:
        read = read && lth_schema__date_parse(&value.number, text, as);
        break;
    default:
        read = false;
    }
    if (!read || lth_schema__value_check(field, &value) != LTH_REFUSE_none) {
        *out = (lth_value){.kind = LTH_VALUE_NULL};
        return LTH_REFUSE_bad_value;
    }
    *out = value;
    return LTH_REFUSE_none;
}

lth_refusal lth_value_parse(lth_value *out, const lth_field *field, lth_slice text, const char *as,
                            lth_arena *scratch)
{
    *out = (lth_value){.kind = LTH_VALUE_NULL};
    lth_slice clean;
    if (lth_schema__text_clean(&clean, text, scratch) != LTH_OK ||
        lth_schema__value_shape(&clean, field, as, scratch) != LTH_OK) {
        return LTH_REFUSE_bad_value;
    }
    return clean.n == 0 ? LTH_REFUSE_none : lth_schema__value_read(out, field, clean, as);
}

static lth_err add_decimal(lth_buf *out, int64_t number, unsigned scale)
{
    char digits[32];
    uint64_t v = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    size_t at = sizeof digits;
    for (unsigned i = 0; v != 0 || i <= scale; i++) {
        if (i == scale && scale > 0) {
            digits[--at] = '.';
        }
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    }
    if (number < 0) {
        digits[--at] = '-';
    }
    return lth_buf_add(out, digits + at, sizeof digits - at);
}

static lth_err add_date(lth_buf *out, int64_t number)
{
    char text[11];
    unsigned date = (unsigned)number;
    static const unsigned divide[] = {10000000, 1000000, 100000, 10000, 0, 1000, 100, 0, 10, 1};
    size_t size = date % 10000 == 0 ? 4 : date % 100 == 0 ? 7 : 10;
    for (size_t i = 0; i < size; i++) {
        text[i] = divide[i] == 0 ? '-' : (char)('0' + date / divide[i] % 10);
    }
    return lth_buf_add(out, text, size);
}

static lth_err add_text(lth_buf *out, const char *text)
{
    return lth_buf_add(out, text, strlen(text));
}

/* media type, then the hash: what a person can compare. */
static lth_err add_document(lth_buf *out, lth_slice bytes)
{
    const uint8_t *p = bytes.p;
    const uint8_t *end = p + bytes.n;
    token type;
    token hash;
    if (!lth_schema__token(&type, &p, end) || !lth_schema__token(&hash, &p, end) ||
        hash.bytes.n != LTH_HASH_SIZE) {
        return LTH_E_FORMAT;
    }
    char hex[2 * LTH_HASH_SIZE + 1];
    lth_hex(hex, hash.bytes.p, LTH_HASH_SIZE);
    lth_err err = lth_buf_add(out, type.bytes.p, type.bytes.n);
    err = err != LTH_OK ? err : add_text(out, " sha256:");
    return err != LTH_OK ? err : add_text(out, hex);
}

static lth_err add_scalar(lth_buf *out, const lth_field *field, const lth_value *value)
{
    if (value->kind == LTH_VALUE_NULL) {
        return LTH_OK;
    }
    switch (field->type) {
    case LTH_TYPE_INTEGER:
        return add_decimal(out, value->number, 0);
    case LTH_TYPE_DECIMAL:
        return add_decimal(out, value->number, field->scale);
    case LTH_TYPE_BOOL:
        return add_text(out, value->number != 0 ? "true" : "false");
    case LTH_TYPE_DATE:
        return add_date(out, value->number);
    case LTH_TYPE_DOCUMENT:
        return add_document(out, value->text);
    default:
        return lth_buf_add(out, value->text.p, value->text.n);
    }
}

/* One item: name=value, name=value */
static lth_err add_item(lth_buf *out, const lth_field *list, lth_slice item)
{
    const lth_field *field = NULL;
    lth_value value;
    lth_err err = LTH_OK;
    bool first = true;
    for (size_t at = 0; err == LTH_OK && lth_item_next(list, item, &at, &field, &value);) {
        err = add_text(out, first ? "" : ", ");
        first = false;
        err = err != LTH_OK ? err : add_text(out, field->name);
        err = err != LTH_OK ? err : add_text(out, "=");
        err = err != LTH_OK ? err : add_scalar(out, field, &value);
    }
    return err;
}

lth_err lth_value_text(lth_buf *out, const lth_field *field, const lth_value *value)
{
    if (field->type == LTH_TYPE_LIST && value->kind != LTH_VALUE_NULL) {
        return add_item(out, field, value->text);
    }
    return add_scalar(out, field, value);
}
