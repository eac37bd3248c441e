#include <string.h>

#include "internal.h"

bool lth_conf__is(const conf_file *file, const conf_node *node, conf_kind kind)
{
    static const struct {
        const char *vi, *en;
    } texts[] = {
        [CONF_SCALAR] = {"chỗ này phải là một giá trị", "one value is expected here"},
        [CONF_MAP] = {"chỗ này phải gồm \"khoá: giá trị\"", "\"key: value\" is expected here"},
        [CONF_LIST] = {"chỗ này phải là danh sách: [a, b] hoặc các dòng \"- a\"",
                       "a list is expected here: [a, b] or \"- a\" lines"},
    };
    if (node->kind != kind) {
        lth_conf__error_text(file, node->line, node->column, texts[kind].vi, texts[kind].en);
    }
    return node->kind == kind;
}

void lth_conf__later(const conf_file *file, const conf_node *at, const char *what)
{
    lth_conf__error(file, at, "\"%s\" chưa được phiên bản này hỗ trợ: bỏ nó đi",
                    "\"%s\" is not supported by this version yet: remove it", what);
}

size_t lth_conf__chars(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return n;
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool lth_conf__name_ok(const char *text)
{
    size_t n = strlen(text);
    if (n == 0 || n > CONF_NAME_MAX || !is_lower(text[0]) || text[n - 1] == '_') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        bool twice = i > 0 && text[i] == '_' && text[i - 1] == '_';
        if (twice || (!is_lower(text[i]) && !is_digit(text[i]) && text[i] != '_')) {
            return false;
        }
    }
    return true;
}

bool lth_conf__code_ok(const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        bool upper = c >= 'A' && c <= 'Z';
        if (!is_lower(c) && !upper && !is_digit(c) && strchr("._-", c) == NULL) {
            return false;
        }
    }
    return n > 0 && n <= 35;
}

static bool parse_count(int64_t *out, const char *text)
{
    int64_t v = 0;
    size_t n = strlen(text);
    if (n == 0 || n > 18) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(text[i])) {
            return false;
        }
        v = v * 10 + (text[i] - '0');
    }
    *out = v;
    return true;
}

static const struct {
    const char *unit;
    int64_t ms;
} UNITS[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

static bool parse_duration(int64_t *out, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    char number[20];
    if (digits == 0 || digits > 9) {
        return false;
    }
    memcpy(number, text, digits);
    number[digits] = '\0';
    for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++) {
        if (strcmp(text + digits, UNITS[i].unit) == 0 && parse_count(out, number)) {
            *out *= UNITS[i].ms;
            return true;
        }
    }
    return false;
}

void lth_conf__duration_text(char out[32], int64_t ms)
{
    for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++) {
        if (ms % UNITS[i].ms == 0) {
            (void)lth_format(out, 32, "%lld%s", (long long)(ms / UNITS[i].ms), UNITS[i].unit);
            return;
        }
    }
}

bool lth_conf__date(int64_t *out, const char *text)
{
    static const lth_field day = {.type = LTH_TYPE_DATE, .precision = LTH_DATE_DAY};
    lth_value value;
    if (strlen(text) != 10 || strspn(text, "0123456789-") != 10 ||
        lth_value_parse(&value, &day, lth_slice_of(text, 10), NULL, NULL) != LTH_REFUSE_none ||
        value.kind != LTH_VALUE_INT) {
        return false;
    }
    *out = value.number;
    return true;
}

static bool endpoint_ok(const char *text)
{
    const char *port = strrchr(text, ':');
    int64_t number = 0;
    return strncmp(text, "tcp://", 6) == 0 && port > text + 6 && strlen(text) < 300 &&
           strpbrk(text, " \t\r\n") == NULL && parse_count(&number, port + 1) && number >= 1 &&
           number <= 65535;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t n = strlen(text);
    for (const char *p = choices; *p != '\0'; p += strcspn(p, "|") + (strchr(p, '|') ? 1 : 0)) {
        if (strcspn(p, "|") == n && memcmp(p, text, n) == 0) {
            return true;
        }
    }
    return false;
}

static void error_range(const conf_file *file, const conf_node *at, const conf_item *item)
{
    char low[32];
    char high[32];
    if (item->type == CONF_DURATION) {
        lth_conf__duration_text(low, item->min);
        lth_conf__duration_text(high, item->max);
    } else {
        (void)lth_format(low, sizeof low, "%lld", (long long)item->min);
        (void)lth_format(high, sizeof high, "%lld", (long long)item->max);
    }
    lth_conf__error(file, at, "%s phải từ %s đến %s", "%s must be from %s to %s", item->key, low,
                    high);
}

static void error_choice(const conf_file *file, const conf_node *at, const conf_item *item)
{
    const char *names[16];
    char copy[200];
    uint32_t n = 0;
    (void)lth_format(copy, sizeof copy, "%s", item->choices);
    for (char *p = copy; p != NULL && n < 16; n++) {
        names[n] = p;
        p = strchr(p, '|');
        if (p != NULL) {
            *p++ = '\0';
        }
    }
    static const char *const value[] = {"giá trị", "value"};
    conf_what what = {value[0], value[1], "các giá trị của", "the values of", item->key};
    lth_conf__unknown(file, at, at->text, &what, &(conf_names){names, n});
}

static bool in_range(const conf_file *file, const conf_node *at, const conf_item *item, int64_t v)
{
    if (v < item->min || v > item->max) {
        error_range(file, at, item);
        return false;
    }
    return true;
}

/* Texts of what each scalar type wants. */
static const struct {
    const char *vi, *en;
} WANTED[] = {
    [CONF_NAME] = {"chỉ gồm chữ thường a-z, chữ số và '_', bắt đầu bằng chữ",
                   "must be lower-case letters, digits and '_', beginning with a letter"},
    [CONF_CODE] = {"phải là mã đơn vị (chữ, số, '.', '_', '-'; nhiều nhất 35)",
                   "must be an organisation's code (letters, digits, '.', '_', '-'; at most 35)"},
    [CONF_ENDPOINT] = {"phải có dạng tcp://MÁY:CỔNG, ví dụ tcp://so79.example:7601",
                       "must look like tcp://HOST:PORT, for example tcp://so79.example:7601"},
    [CONF_ID] = {"phải gồm 32 chữ số hệ 16", "must be 32 hexadecimal digits"},
    [CONF_COUNT] = {"phải là số nguyên không âm", "must be a whole number"},
    [CONF_DURATION] = {"phải là số kèm đơn vị: 500ms, 30s, 5m, 1h",
                       "must be a number with its unit: 500ms, 30s, 5m, 1h"},
    [CONF_BOOL] = {"phải là true hoặc false", "must be true or false"},
    [CONF_DATE] = {"phải là ngày có thật, dạng 2025-07-01",
                   "must be a day that exists, as 2025-07-01"},
};

static void error_form(const conf_file *file, const conf_node *at, const conf_item *item)
{
    char vi[300];
    char en[300];
    (void)lth_format(vi, sizeof vi, "%s %s", item->key, WANTED[item->type].vi);
    (void)lth_format(en, sizeof en, "%s %s", item->key, WANTED[item->type].en);
    lth_conf__error_text(file, at->line, at->column, vi, en);
}

static bool text_ok(const conf_file *file, const conf_node *at, const conf_item *item,
                    const char *text)
{
    bool good = true;
    uint8_t id[16];
    switch (item->type) {
    case CONF_NAME:
        good = lth_conf__name_ok(text);
        break;
    case CONF_CODE:
        good = lth_conf__code_ok(text);
        break;
    case CONF_ENDPOINT:
        good = endpoint_ok(text);
        break;
    case CONF_ID:
        good = lth_unhex(id, sizeof id, text, strlen(text));
        break;
    case CONF_ENUM:
        if (!is_choice(item->choices, text)) {
            error_choice(file, at, item);
            return false;
        }
        return true;
    default: {
        size_t n = lth_conf__chars(text);
        size_t max = item->max > 0 ? (size_t)item->max : 1000;
        if (n > max) {
            lth_conf__error(file, at, "%s dài quá %zu ký tự", "%s is longer than %zu characters",
                            item->key, max);
            return false;
        }
    }
    }
    if (!good) {
        error_form(file, at, item);
    }
    return good;
}

static bool number_ok(const conf_file *file, const conf_node *at, const conf_item *item,
                      const char *text, int64_t *v)
{
    bool good = false;
    switch (item->type) {
    case CONF_COUNT:
        good = parse_count(v, text);
        break;
    case CONF_DURATION:
        good = parse_duration(v, text);
        break;
    case CONF_DATE:
        good = lth_conf__date(v, text);
        break;
    default:
        *v = strcmp(text, "true") == 0;
        good = *v == 1 || strcmp(text, "false") == 0;
    }
    if (!good) {
        error_form(file, at, item);
        return false;
    }
    bool ranged = item->type == CONF_COUNT || item->type == CONF_DURATION;
    return !ranged || in_range(file, at, item, *v);
}

static bool is_text_type(conf_type type)
{
    return type <= CONF_ID;
}

/* @p at: the scalar, or NULL for the default. */
static void read_scalar(const conf_file *file, const conf_node *at, const conf_item *item,
                        const char *text, void *slot)
{
    if (is_text_type(item->type)) {
        conf_text *out = slot;
        if (at == NULL || text_ok(file, at, item, text)) {
            out->at = at;
            out->s = item->type == CONF_PATH ? lth_conf__path(file, text)
                                             : lth_conf__keep_text(file->load, text);
        }
        return;
    }
    conf_number *out = slot;
    int64_t v = 0;
    if (number_ok(file, at, item, text, &v)) {
        *out = (conf_number){.v = v, .at = at};
    }
}

static void read_value(const conf_file *file, const conf_node *node, const conf_item *item,
                       void *slot)
{
    switch (item->type) {
    case CONF_TABLE:
        if (lth_conf__is(file, node, CONF_MAP)) {
            lth_conf__read(file, node, item->key, item->items, slot);
        }
        return;
    case CONF_NAMED:
    case CONF_ITEMS:
        if (lth_conf__is(file, node, item->type == CONF_NAMED ? CONF_MAP : CONF_LIST)) {
            *(const conf_node **)slot = node;
        }
        return;
    case CONF_ANY:
        *(const conf_node **)slot = node;
        return;
    default:
        break;
    }
    if (!lth_conf__is(file, node, CONF_SCALAR)) {
        return;
    }
    if (node->text[strspn(node->text, " \t\r\n")] == '\0') {
        lth_conf__error(file, node, "%s chưa có giá trị", "%s has no value", item->key);
        return;
    }
    read_scalar(file, node, item, node->text, slot);
}

static const conf_item *find_item(const conf_item *items, const char *key)
{
    for (; items->key != NULL; items++) {
        if (strcmp(items->key, key) == 0) {
            return items;
        }
    }
    return NULL;
}

static void unknown_key(const conf_file *file, const conf_node *key, const char *name,
                        const conf_item *items)
{
    const char *names[64];
    uint32_t n = 0;
    for (; items->key != NULL && n < 64; items++) {
        if ((items->flags & CONF_LATER) == 0) {
            names[n++] = items->key;
        }
    }
    conf_what what = {"khoá", "key", "phần", "section", name};
    lth_conf__unknown(file, key, key->text, &what, &(conf_names){names, n});
}

/* What a map leaves out. */
static void read_absent(const conf_file *file, const conf_node *map, const char *name,
                        const conf_item *item, void *slot)
{
    if ((item->flags & CONF_REQUIRED) != 0 && map != NULL) {
        lth_conf__error(file, map, "thiếu khoá \"%s\" trong phần \"%s\"",
                        "key \"%s\" is missing in section \"%s\"", item->key, name);
    } else if (item->def != NULL) {
        read_scalar(file, NULL, item, item->def, slot);
    } else if (item->type == CONF_TABLE) {
        for (const conf_item *inner = item->items; inner->key != NULL; inner++) {
            read_absent(file, NULL, item->key, inner, (char *)slot + inner->at);
        }
    }
}

void lth_conf__read(const conf_file *file, const conf_node *map, const char *name,
                    const conf_item *items, void *out)
{
    if (!lth_conf__is(file, map, CONF_MAP)) {
        return;
    }
    for (const conf_node *key = map->first; key != NULL; key = key->next) {
        const conf_item *item = find_item(items, key->text);
        if (item == NULL) {
            unknown_key(file, key, name, items);
        } else if ((item->flags & CONF_LATER) != 0) {
            lth_conf__later(file, key, key->text);
        } else {
            read_value(file, key->value, item, (char *)out + item->at);
        }
    }
    for (const conf_item *item = items; item->key != NULL; item++) {
        if ((item->flags & CONF_LATER) == 0 && lth_conf__node_find(map, item->key) == NULL) {
            read_absent(file, map, name, item, (char *)out + item->at);
        }
    }
}
