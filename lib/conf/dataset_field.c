#include <stddef.h>
#include <string.h>

#include "internal.h"

#define TEXT_CHARS_MAX 65535
#define LIST_ITEMS_MAX 1000

const conf_item lth_conf__title_items[] = {
    {"vi", CONF_TEXT, 0, NULL, 1, 300, NULL, NULL, offsetof(conf_title_text, vi),
     "Tên tiếng Việt, cho người đọc", "Vietnamese title, for people"},
    {"en", CONF_TEXT, 0, NULL, 1, 300, NULL, NULL, offsetof(conf_title_text, en), "Tên tiếng Anh",
     "English title"},
    {.key = NULL},
};

typedef struct field_texts {
    conf_number number, required, digits, scale;
    conf_text group, type, max, min, list, key;
    const conf_node *precision, *items;
    conf_title_text title;
} field_texts;

#define AT(member) offsetof(field_texts, member)
#define TYPES      "text|code|integer|decimal|bool|date|list|document"
#define ITEM_TYPES "text|code|integer|decimal|bool|date"

/* The keys that a field of a record and a field of a list's item have in common. */
#define COMMON_ITEMS                                                                                                \
    {"number",                                                                                                      \
     CONF_COUNT,                                                                                                    \
     CONF_REQUIRED,                                                                                                 \
     NULL,                                                                                                          \
     1,                                                                                                             \
     2047,                                                                                                          \
     NULL,                                                                                                          \
     NULL,                                                                                                          \
     AT(number),                                                                                                    \
     "Số hiệu trường, không bao giờ đổi hay dùng lại",                                                              \
     "Field number, never changed or used again"},                                                                  \
        {"required",                                                                                                \
         CONF_BOOL,                                                                                                 \
         0,                                                                                                         \
         "false",                                                                                                   \
         0,                                                                                                         \
         0,                                                                                                         \
         NULL,                                                                                                      \
         NULL,                                                                                                      \
         AT(required),                                                                                              \
         "Bắt buộc có giá trị",                                                                                     \
         "Must have a value"},                                                                                      \
        {"max",                                                                                                     \
         CONF_TEXT,                                                                                                 \
         0,                                                                                                         \
         NULL,                                                                                                      \
         1,                                                                                                         \
         20,                                                                                                        \
         NULL,                                                                                                      \
         NULL,                                                                                                      \
         AT(max),                                                                                                   \
         "text, code: số ký tự (mặc định 255, 35); list: số mục (100); integer, decimal: giá trị " \
         "lớn nhất",                                                                                                \
         "text, code: characters (default 255, 35); list: items (100); integer, decimal: largest "                  \
         "value"},                                                                                                  \
        {"min",                                                                                                     \
         CONF_TEXT,                                                                                                 \
         0,                                                                                                         \
         NULL,                                                                                                      \
         1,                                                                                                         \
         20,                                                                                                        \
         NULL,                                                                                                      \
         NULL,                                                                                                      \
         AT(min),                                                                                                   \
         "integer, decimal: giá trị nhỏ nhất",                                                                      \
         "integer, decimal: smallest value"},                                                                       \
        {"digits",                                                                                                  \
         CONF_COUNT,                                                                                                \
         0,                                                                                                         \
         NULL,                                                                                                      \
         1,                                                                                                         \
         18,                                                                                                        \
         NULL,                                                                                                      \
         NULL,                                                                                                      \
         AT(digits),                                                                                                \
         "decimal: tổng số chữ số",                                                                                 \
         "decimal: digits in all"},                                                                                 \
        {"scale",                                                                                                   \
         CONF_COUNT,                                                                                                \
         0,                                                                                                         \
         NULL,                                                                                                      \
         0,                                                                                                         \
         18,                                                                                                        \
         NULL,                                                                                                      \
         NULL,                                                                                                      \
         AT(scale),                                                                                                 \
         "decimal: số chữ số sau dấu phẩy",                                                                         \
         "decimal: digits behind the point"},                                                                       \
        {"precision",                                                                                               \
         CONF_ANY,                                                                                                  \
         0,                                                                                                         \
         NULL,                                                                                                      \
         0,                                                                                                         \
         0,                                                                                                         \
         NULL,                                                                                                      \
         NULL,                                                                                                      \
         AT(precision),                                                                                             \
         "date: [day, month, year], mức chi tiết được phép; mặc định [day]",                                        \
         "date: [day, month, year], how much may be known; default [day]"},                                         \
        {"list",                                                                                                    \
         CONF_NAME,                                                                                                 \
         0,                                                                                                         \
         NULL,                                                                                                      \
         0,                                                                                                         \
         0,                                                                                                         \
         NULL,                                                                                                      \
         NULL,                                                                                                      \
         AT(list),                                                                                                  \
         "code: tên danh mục",                                                                                      \
         "code: name of its code list"},                                                                            \
    {                                                                                                               \
        "title", CONF_TABLE, 0, NULL, 0, 0, NULL, lth_conf__title_items, AT(title), "Tên trường",                   \
            "Title of the field"                                                                                    \
    }

static const conf_item ITEM_FIELD_ITEMS[] = {
    {"type", CONF_ENUM, CONF_REQUIRED, NULL, 0, 0, ITEM_TYPES, NULL, AT(type), "Kiểu dữ liệu",
     "Type of the value"},
    COMMON_ITEMS,
    {.key = NULL},
};

const conf_item lth_conf__field_items[] = {
    {"group", CONF_NAME, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(group), "Nhóm trường",
     "Field group"},
    {"type", CONF_ENUM, CONF_REQUIRED, NULL, 0, 0, TYPES, NULL, AT(type), "Kiểu dữ liệu",
     "Type of the value"},
    COMMON_ITEMS,
    {"items", CONF_NAMED, 0, NULL, 1, 64, NULL, ITEM_FIELD_ITEMS, AT(items),
     "list: các trường của một mục", "list: the fields of one item"},
    {"key", CONF_NAME, 0, NULL, 0, 0, NULL, NULL, AT(key),
     "list: trường của mục dùng làm khoá, không lặp trong danh sách",
     "list: the item's field that is its key, once in a list"},
    {.key = NULL},
};

static lth_type type_of(const char *name)
{
    for (int type = LTH_TYPE_TEXT; type <= LTH_TYPE_DOCUMENT; type++) {
        if (strcmp(lth_type_name((lth_type)type), name) == 0) {
            return (lth_type)type;
        }
    }
    return LTH_TYPE_TEXT;
}

/* Which keys a type does not know. */
static void check_keys(const conf_file *file, const field_texts *t, lth_type type)
{
    bool number = type == LTH_TYPE_INTEGER || type == LTH_TYPE_DECIMAL;
    bool text = type == LTH_TYPE_TEXT || type == LTH_TYPE_CODE;
    bool list = type == LTH_TYPE_LIST;
    const struct {
        const conf_node *at;
        const char *key;
        bool fits;
    } uses[] = {
        {t->max.at, "max", number || text || list},
        {t->min.at, "min", number},
        {t->digits.at, "digits", type == LTH_TYPE_DECIMAL},
        {t->scale.at, "scale", type == LTH_TYPE_DECIMAL},
        {t->precision, "precision", type == LTH_TYPE_DATE},
        {t->list.at, "list", type == LTH_TYPE_CODE},
        {t->items, "items", list},
        {t->key.at, "key", list},
    };
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        if (uses[i].at != NULL && !uses[i].fits) {
            lth_conf__error(file, uses[i].at, "\"%s\" không dùng cho kiểu %s: bỏ nó đi",
                            "\"%s\" has no meaning for type %s: remove it", uses[i].key,
                            lth_type_name(type));
        }
    }
}

/* A limit on characters or items. */
static uint32_t read_size(const conf_file *file, const conf_text *text, uint32_t def, uint32_t most)
{
    if (text->s == NULL) {
        return def;
    }
    uint32_t v = 0;
    bool good = strlen(text->s) <= 6;
    for (const char *p = text->s; *p != '\0' && good; p++) {
        good = *p >= '0' && *p <= '9';
        v = v * 10 + (uint32_t)(*p - '0');
    }
    if (!good || v == 0 || v > most) {
        lth_conf__error(file, text->at, "max phải từ 1 đến %u", "max must be from 1 to %u", most);
    }
    return v;
}

static void read_limit(const conf_file *file, const conf_text *text, const lth_field *field,
                       bool *has, int64_t *out)
{
    if (text->s == NULL) {
        return;
    }
    lth_field open = *field;
    open.has_min = false;
    open.has_max_value = false;
    lth_value value;
    lth_slice in = lth_slice_of(text->s, strlen(text->s));
    if (lth_value_parse(&value, &open, in, NULL, file->load->scratch) != LTH_REFUSE_none ||
        value.kind != LTH_VALUE_INT) {
        lth_conf__error(file, text->at, "giới hạn \"%s\" không phải giá trị của kiểu %s",
                        "limit \"%s\" is not a value of type %s", text->s,
                        lth_type_name(field->type));
        return;
    }
    *has = true;
    *out = value.number;
}

static uint8_t read_precision(const conf_file *file, const conf_node *list)
{
    static const char *const names[] = {"day", "month", "year"};
    static const uint8_t bits[] = {LTH_DATE_DAY, LTH_DATE_MONTH, LTH_DATE_YEAR};
    uint8_t mask = 0;
    if (list == NULL) {
        return LTH_DATE_DAY;
    }
    if (!lth_conf__is(file, list, CONF_LIST)) {
        return 0;
    }
    for (const conf_node *one = list->first; one != NULL; one = one->next) {
        if (!lth_conf__is(file, one, CONF_SCALAR)) {
            continue;
        }
        uint8_t bit = 0;
        for (size_t i = 0; i < 3; i++) {
            bit = strcmp(one->text, names[i]) == 0 ? bits[i] : bit;
        }
        if (bit == 0) {
            static const conf_what what = {"giá trị", "value", "các giá trị của", "the values of",
                                           "precision"};
            lth_conf__unknown(file, one, one->text, &what, &(conf_names){names, 3});
        }
        mask |= bit;
    }
    if (list->n == 0) {
        lth_conf__error(file, list, "precision trống: viết [day]",
                        "precision is empty: write [day]");
    }
    return mask;
}

static int compare_fields(const lth_field *a, const lth_field *b)
{
    return (a->number > b->number) - (a->number < b->number);
}

/* Sort by number (insertion: a dataset is short) and refuse equal ones. */
bool lth_conf__field_numbers(const conf_file *file, lth_field *fields, uint32_t n,
                             const conf_node **keys)
{
    bool good = true;
    for (uint32_t i = 1; i < n; i++) {
        lth_field field = fields[i];
        const conf_node *key = keys[i];
        uint32_t at = i;
        for (; at > 0 && compare_fields(&fields[at - 1], &field) > 0; at--) {
            fields[at] = fields[at - 1];
            keys[at] = keys[at - 1];
        }
        fields[at] = field;
        keys[at] = key;
        if (at > 0 && fields[at - 1].number == field.number) {
            lth_conf__error(file, key, "trường \"%s\" trùng số hiệu %u với trường \"%s\"",
                            "field \"%s\" has the same number %u as field \"%s\"", field.name,
                            (unsigned)field.number, fields[at - 1].name);
            good = false;
        }
    }
    return good;
}

static void read_texts(const conf_file *file, const conf_node *key, const conf_item *items,
                       field_texts *t, lth_field *out)
{
    uint32_t before = conf_faults(file->load);
    if (!lth_conf__name_ok(key->text)) {
        lth_conf__error(file, key, "tên trường \"%s\" chỉ gồm chữ thường a-z, chữ số và '_'",
                        "field name \"%s\" must be lower-case letters, digits and '_'", key->text);
    }
    lth_conf__read(file, key->value, key->text, items, t);
    *out = (lth_field){.name = lth_conf__keep_text(file->load, key->text),
                       .number = (uint16_t)t->number.v,
                       .required = t->required.v != 0,
                       .digits = (uint8_t)t->digits.v,
                       .scale = (uint8_t)t->scale.v,
                       .list = t->list.s,
                       .title = {t->title.vi.s, t->title.en.s}};
    if (t->list.s != NULL && file->load->lists != NULL) {
        out->codes = lth_schema_list(file->load->lists, t->list.s);
    }
    if (t->type.s == NULL || conf_faults(file->load) != before) {
        return;
    }
    out->type = type_of(t->type.s);
    check_keys(file, t, out->type);
    switch (out->type) {
    case LTH_TYPE_TEXT:
    case LTH_TYPE_CODE:
        out->max = read_size(file, &t->max, out->type == LTH_TYPE_TEXT ? 255 : 35, TEXT_CHARS_MAX);
        break;
    case LTH_TYPE_LIST:
        out->max = read_size(file, &t->max, 100, LIST_ITEMS_MAX);
        break;
    case LTH_TYPE_DATE:
        out->precision = read_precision(file, t->precision);
        break;
    case LTH_TYPE_DECIMAL:
        if (t->digits.at == NULL || t->scale.v > t->digits.v) {
            lth_conf__error(file, key,
                            "trường \"%s\" kiểu decimal cần digits, và scale không lớn hơn",
                            "decimal field \"%s\" needs digits, and scale not above it", key->text);
        }
        break;
    default:
        break;
    }
    bool number = out->type == LTH_TYPE_INTEGER || out->type == LTH_TYPE_DECIMAL;
    if (number && conf_faults(file->load) == before) {
        read_limit(file, &t->min, out, &out->has_min, &out->min);
        read_limit(file, &t->max, out, &out->has_max_value, &out->max_value);
    }
}

static const lth_field *find_name(const lth_field *fields, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

/* The item's fields of a list, and its key. */
static bool read_list(const conf_file *file, const conf_node *key, const field_texts *t,
                      lth_field *out)
{
    if (t->items == NULL || t->items->n == 0 || t->key.s == NULL) {
        lth_conf__error(file, key, "trường \"%s\" kiểu list cần items và key",
                        "list field \"%s\" needs items and key", key->text);
        return false;
    }
    lth_field *items = lth_conf__keep(file->load, t->items->n * sizeof *items);
    const char **names = lth_conf__scratch(file->load, t->items->n * sizeof *names);
    const conf_node **keys = lth_conf__scratch(file->load, t->items->n * sizeof *keys);
    if (items == NULL || names == NULL || keys == NULL) {
        return false;
    }
    uint32_t n = 0;
    for (const conf_node *one = t->items->first; one != NULL; one = one->next) {
        field_texts texts = {0};
        read_texts(file, one, ITEM_FIELD_ITEMS, &texts, &items[n]);
        names[n] = one->text;
        keys[n++] = one;
    }
    out->items = items;
    out->n_items = n;
    if (find_name(items, n, t->key.s) == NULL) {
        conf_what what = {"trường", "field", "các mục của", "the items of", key->text};
        lth_conf__unknown(file, t->key.at, t->key.s, &what, &(conf_names){names, n});
        return false;
    }
    bool good = lth_conf__field_numbers(file, items, n, keys);
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(items[i].name, t->key.s) == 0) {
            items[i].required = true;
            out->key_item = items[i].number;
        }
    }
    return good;
}

bool lth_conf__field(const conf_file *file, const conf_node *key, lth_field *out, conf_text *group)
{
    field_texts t = {0};
    uint32_t before = conf_faults(file->load);
    read_texts(file, key, lth_conf__field_items, &t, out);
    *group = t.group;
    if (out->type == LTH_TYPE_LIST) {
        (void)read_list(file, key, &t, out);
    }
    return conf_faults(file->load) == before;
}
