#include <stddef.h>
#include <string.h>

#include "internal.h"

#define MESSAGE_CHARS_MAX 500

/* What a rule says, in both languages: a person must be able to act on it. */
static const conf_item TEXT_ITEMS[] = {
    {"vi", CONF_TEXT, CONF_REQUIRED, NULL, 1, MESSAGE_CHARS_MAX, NULL, NULL,
     offsetof(conf_title_text, vi), "Câu tiếng Việt", "The sentence in Vietnamese"},
    {"en", CONF_TEXT, CONF_REQUIRED, NULL, 1, MESSAGE_CHARS_MAX, NULL, NULL,
     offsetof(conf_title_text, en), "Câu tiếng Anh", "The sentence in English"},
    {.key = NULL},
};

typedef struct rule_texts {
    conf_number number;
    conf_text id, severity, field, when, check, dataset;
    const conf_node *fields;
    conf_title_text text;
} rule_texts;

#define AT(member) offsetof(rule_texts, member)

#define NUMBER_ITEM                                                                                \
    {                                                                                              \
        "number", CONF_COUNT, CONF_REQUIRED, NULL, 1, 999, NULL, NULL, AT(number),                 \
            "Số hiệu, không bao giờ đổi hay dùng lại; rules, references và unique dùng chung",     \
            "Number, never changed or used again; rules, references and unique share them"         \
    }
#define ID_ITEM                                                                                    \
    {                                                                                              \
        "id", CONF_NAME, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(id), "Tên ngắn", "Short name"   \
    }
#define TEXT_ITEM                                                                                  \
    {                                                                                              \
        "text", CONF_TABLE, CONF_REQUIRED, NULL, 0, 0, NULL, TEXT_ITEMS, AT(text),                 \
            "Câu cho người sửa; {trường} là giá trị, {trường.title} là tên trường, {today}",       \
            "A sentence for whoever corrects it; {field} is its value, {field.title} its title, "  \
            "{today}"                                                                              \
    }

const conf_item lth_conf__rule_items[] = {
    NUMBER_ITEM,
    ID_ITEM,
    {"severity", CONF_ENUM, CONF_REQUIRED, NULL, 0, 0, "error|warning|blocks", NULL, AT(severity),
     "error: giữ bản ghi lại; warning: nhận và ghi vào danh sách; blocks: nhận, nhưng chưa chốt "
     "được kỳ",
     "error: the record is held; warning: taken and listed; blocks: taken, but a period cannot be "
     "closed"},
    {"field", CONF_NAME, 0, NULL, 0, 0, NULL, NULL, AT(field),
     "Trường cần sửa; không có: cả bản ghi", "The field to correct; none: the record"},
    {"when", CONF_TEXT, 0, NULL, 1, LTH_EXPR_TEXT_MAX, NULL, NULL, AT(when),
     "Chỉ xét khi biểu thức này đúng", "Judged only when this expression is true"},
    {"check", CONF_TEXT, CONF_REQUIRED, NULL, 1, LTH_EXPR_TEXT_MAX, NULL, NULL, AT(check),
     "Biểu thức phải không sai (thiếu giá trị thì coi như đạt)",
     "Expression that must not be false (a missing value passes)"},
    TEXT_ITEM,
    {.key = NULL},
};

const conf_item lth_conf__reference_items[] = {
    NUMBER_ITEM,
    ID_ITEM,
    {"severity", CONF_ENUM, CONF_REQUIRED, NULL, 0, 0, "error|warning", NULL, AT(severity),
     "error: giữ bản ghi lại; warning: nhận và ghi vào danh sách",
     "error: the record is held; warning: taken and listed"},
    {"dataset", CONF_NAME, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(dataset),
     "Tập dữ liệu của bản ghi phải có", "Dataset of the record that must exist"},
    {"fields", CONF_ANY, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(fields),
     "[trường, ...]: theo thứ tự natural_key của tập dữ liệu đó",
     "[field, ...]: in the order of that dataset's natural_key"},
    TEXT_ITEM,
    {.key = NULL},
};

const conf_item lth_conf__unique_items[] = {
    NUMBER_ITEM,
    ID_ITEM,
    {"severity", CONF_ENUM, CONF_REQUIRED, NULL, 0, 0, "error|warning|blocks", NULL, AT(severity),
     "error: giữ bản ghi đến sau lại; warning: nhận và ghi vào danh sách; blocks: nhận, nhưng chưa "
     "chốt được kỳ",
     "error: the later record is held; warning: taken and listed; blocks: taken, but a period "
     "cannot be closed"},
    {"fields", CONF_ANY, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(fields),
     "[trường, ...]: không được trùng tất cả; thiếu một trường thì không xét",
     "[field, ...]: not all of them alike; not judged while one is missing"},
    {"when", CONF_TEXT, 0, NULL, 1, LTH_EXPR_TEXT_MAX, NULL, NULL, AT(when),
     "Bản ghi chỉ được xét khi biểu thức này đúng",
     "A record takes part only while this expression is true"},
    {"text", CONF_TABLE, CONF_REQUIRED, NULL, 0, 0, NULL, TEXT_ITEMS, AT(text),
     "Câu cho người sửa; như ở rules, và {other.trường}: trường khoá tự nhiên của bản ghi kia",
     "A sentence for whoever corrects it; as in rules, and {other.field}: a natural-key field of "
     "the other record"},
    {.key = NULL},
};

/* The rules of one dataset while they are read. */
typedef struct draft {
    const conf_dataset *of;
    const conf_file *file;
    const lth_dataset *ds;
    lth_rule *rules;
    uint32_t n_rules;
    lth_reference *references;
    uint32_t n_references;
    lth_unique *uniques;
    uint32_t n_uniques;
} draft;

static lth_severity severity_of(const char *name)
{
    for (int i = LTH_SEVERITY_ERROR; i <= LTH_SEVERITY_BLOCKS; i++) {
        if (name != NULL && strcmp(lth_severity_name((lth_severity)i), name) == 0) {
            return (lth_severity)i;
        }
    }
    return LTH_SEVERITY_ERROR;
}

/* Where the @p column-th character of a scalar stands; in a folded one only its start is known. */
static void error_inside(const conf_file *file, const conf_node *at, const lth_expr_fault *fault)
{
    if (at->one_line) {
        uint32_t column = at->column + (at->quoted ? 1 : 0) + fault->column - 1;
        lth_conf__error_text(file, at->line, column, fault->vi, fault->en);
    } else {
        char vi[LTH_DIAG_TEXT_SIZE + 60];
        char en[LTH_DIAG_TEXT_SIZE + 60];
        (void)lth_format(vi, sizeof vi, "ký tự thứ %u của biểu thức: %s", (unsigned)fault->column,
                         fault->vi);
        (void)lth_format(en, sizeof en, "character %u of the expression: %s",
                         (unsigned)fault->column, fault->en);
        lth_conf__error_text(file, at->line, at->column, vi, en);
    }
}

static const lth_expr *read_expr(const draft *d, const conf_text *text)
{
    const lth_expr *out = NULL;
    lth_expr_fault fault;
    if (text->s == NULL) {
        return NULL;
    }
    lth_err err = lth_expr_read(&out, d->ds, text->s, d->file->load->keep, &fault);
    if (err == LTH_E_NOMEM) {
        d->file->load->nomem = true;
    } else if (err != LTH_OK) {
        error_inside(d->file, text->at, &fault);
    }
    return out;
}

static void check_message(const draft *d, const conf_text *text, bool other)
{
    size_t n = 0;
    const char *bad = text->s != NULL ? lth_rule_text_fault(d->ds, text->s, other, &n) : NULL;
    if (bad != NULL && other) {
        lth_conf__error(d->file, text->at,
                        "trong câu, {%.*s} không phải trường của tập dữ liệu: viết {trường}, "
                        "{trường.title}, {today} hoặc {other.trường} với trường của natural_key",
                        "{%.*s} is not a field of the dataset: write {field}, {field.title}, "
                        "{today}, or {other.field} with a field of natural_key",
                        (int)(n < 60 ? n : 60), bad);
    } else if (bad != NULL) {
        lth_conf__error(d->file, text->at,
                        "trong câu, {%.*s} không phải trường của tập dữ liệu: viết {trường}, "
                        "{trường.title} hoặc {today}",
                        "{%.*s} is not a field of the dataset: write {field}, {field.title} or "
                        "{today}",
                        (int)(n < 60 ? n : 60), bad);
    }
}

/* The number and id of one entry against those above it, of all three kinds. */
static void check_names(const draft *d, const rule_texts *t)
{
    const lth_dataset above = {.rules = d->rules,
                               .n_rules = d->n_rules,
                               .references = d->references,
                               .n_references = d->n_references,
                               .uniques = d->uniques,
                               .n_uniques = d->n_uniques};
    lth_rule_about same;
    if (t->number.at != NULL && lth_rule_about_number(&same, &above, (uint16_t)t->number.v)) {
        lth_conf__error(d->file, t->number.at, "số hiệu %u đã dùng cho \"%s\"",
                        "number %u is that of \"%s\"", (unsigned)same.number,
                        same.id != NULL ? same.id : "");
    }
    if (t->id.s != NULL && lth_rule_about_id(&same, &above, t->id.s)) {
        lth_conf__error(d->file, t->id.at, "tên \"%s\" đã dùng ở trên",
                        "the name \"%s\" stands above", same.id);
    }
}

/* What rules, references and uniques have in common. */
static void read_common(const draft *d, const conf_node *node, const conf_item *items,
                        const char *section, rule_texts *t)
{
    bool other = items == lth_conf__unique_items;
    lth_conf__read(d->file, node, section, items, t);
    check_names(d, t);
    check_message(d, &t->text.vi, other);
    check_message(d, &t->text.en, other);
}

static void read_rule(draft *d, const conf_node *node)
{
    rule_texts t = {0};
    read_common(d, node, lth_conf__rule_items, "rules", &t);
    const lth_field *field =
        t.field.s != NULL ? lth_conf__dataset_field(d->file, t.field.at, t.field.s, d->ds) : NULL;
    lth_rule rule = {.number = (uint16_t)t.number.v,
                     .id = t.id.s,
                     .severity = severity_of(t.severity.s),
                     .when = read_expr(d, &t.when),
                     .check = read_expr(d, &t.check),
                     .field = field != NULL ? field->number : 0,
                     .text = {t.text.vi.s, t.text.en.s}};
    uint32_t at = d->n_rules++;
    for (; at > 0 && d->rules[at - 1].number > rule.number; at--) {
        d->rules[at] = d->rules[at - 1];
    }
    d->rules[at] = rule;
}

static bool same_form(const lth_field *a, const lth_field *b)
{
    return a->type == b->type && (a->type != LTH_TYPE_DECIMAL || a->scale == b->scale);
}

/* One field of a reference, put where the target's key wants it. */
static void read_reference_field(const draft *d, const conf_node *at, const conf_node *key,
                                 const lth_dataset *target, uint16_t *numbers)
{
    const lth_field *field = lth_conf__is(d->file, at, CONF_SCALAR)
                                 ? lth_conf__dataset_field(d->file, at, at->text, d->ds)
                                 : NULL;
    const lth_field *wanted = lth_dataset_field_name(target, key->text);
    const lth_group *natural = lth_dataset_group(target, target->natural_group);
    if (field == NULL || wanted == NULL || natural == NULL) {
        return;
    }
    if (!same_form(field, wanted)) {
        lth_conf__error(d->file, at, "trường \"%s\" kiểu %s, khoá \"%s\" của \"%s\" kiểu %s",
                        "field \"%s\" has type %s, key \"%s\" of \"%s\" has type %s", field->name,
                        lth_type_name(field->type), wanted->name, target->name,
                        lth_type_name(wanted->type));
    }
    for (uint32_t i = 0; i < natural->n_fields; i++) {
        if (natural->fields[i] == wanted) {
            numbers[i] = field->number;
        }
    }
}

static const uint16_t *read_reference_fields(const draft *d, const conf_node *list,
                                             const conf_dataset *target)
{
    uint16_t *numbers = lth_conf__keep(d->file->load, LTH_REFERENCE_FIELDS_MAX * sizeof *numbers);
    const conf_node *key = target->natural_key->first;
    uint32_t wanted = target->natural_key->n;
    if (numbers == NULL || !lth_conf__is(d->file, list, CONF_LIST)) {
        return numbers;
    }
    if (list->n != wanted || wanted > LTH_REFERENCE_FIELDS_MAX) {
        lth_conf__error(d->file, list, "natural_key của \"%s\" có %u trường, ở đây có %u",
                        "the natural_key of \"%s\" has %u fields, here are %u", target->ds->name,
                        (unsigned)wanted, (unsigned)list->n);
        return numbers;
    }
    for (const conf_node *one = list->first; one != NULL; one = one->next, key = key->next) {
        read_reference_field(d, one, key, target->ds, numbers);
    }
    return numbers;
}

static const conf_dataset *find_dataset(const conf_dataset *all, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (name != NULL && strcmp(all[i].ds->name, name) == 0) {
            return &all[i];
        }
    }
    return NULL;
}

static void read_reference(draft *d, const conf_node *node, const conf_dataset *all, uint32_t n)
{
    rule_texts t = {0};
    read_common(d, node, lth_conf__reference_items, "references", &t);
    const conf_dataset *target = find_dataset(all, n, t.dataset.s);
    if (target == NULL || t.fields == NULL) {
        return;
    }
    lth_reference one = {.number = (uint16_t)t.number.v,
                         .id = t.id.s,
                         .severity = severity_of(t.severity.s),
                         .dataset = target->ds->number,
                         .fields = read_reference_fields(d, t.fields, target),
                         .n_fields = target->natural_key->n,
                         .text = {t.text.vi.s, t.text.en.s}};
    uint32_t at = d->n_references++;
    for (; at > 0 && d->references[at - 1].number > one.number; at--) {
        d->references[at] = d->references[at - 1];
    }
    d->references[at] = one;
}

/* ---- uniques ---- */

/* One value that the owner of the record writes, and that stands once. */
static uint16_t read_unique_field(const draft *d, const conf_node *list, const conf_node *at)
{
    const lth_field *field = lth_conf__is(d->file, at, CONF_SCALAR)
                                 ? lth_conf__dataset_field(d->file, at, at->text, d->ds)
                                 : NULL;
    if (field == NULL) {
        return 0;
    }
    const lth_group *group = lth_dataset_group(d->ds, field->group);
    for (const conf_node *one = list->first; one != at; one = one->next) {
        if (one->kind == CONF_SCALAR && strcmp(one->text, at->text) == 0) {
            lth_conf__error(d->file, at, "trường \"%s\" viết hai lần", "field \"%s\" stands twice",
                            at->text);
        }
    }
    if (field->type == LTH_TYPE_LIST || field->type == LTH_TYPE_DOCUMENT) {
        lth_conf__error(d->file, at,
                        "trường \"%s\" kiểu %s không so trùng được: cần một giá trị đơn",
                        "field \"%s\" has type %s and cannot be compared: it must be one value",
                        field->name, lth_type_name(field->type));
    }
    if (group != NULL && group->owner_kind != NULL) {
        lth_conf__error(
            d->file, at,
            "trường \"%s\" do đơn vị khác viết (nhóm \"%s\"): chỉ xét được trường mà đơn "
            "vị giữ bản ghi viết",
            "field \"%s\" is written by somebody else (group \"%s\"): only what the "
            "record's owner writes can be judged",
            field->name, group->name);
    }
    return field->number;
}

/* Two records never have one natural key: with all of its fields nothing is said. */
static bool has_whole_key(const lth_dataset *ds, const uint16_t *numbers, uint32_t n)
{
    const lth_group *natural = lth_dataset_group(ds, ds->natural_group);
    uint32_t found = 0;
    for (uint32_t i = 0; natural != NULL && i < natural->n_fields; i++) {
        for (uint32_t k = 0; k < n; k++) {
            found += numbers[k] == natural->fields[i]->number ? 1 : 0;
        }
    }
    return natural != NULL && found >= natural->n_fields;
}

static const uint16_t *read_unique_fields(const draft *d, const conf_node *list, uint32_t *n)
{
    uint16_t *numbers = lth_conf__keep(d->file->load, LTH_UNIQUE_FIELDS_MAX * sizeof *numbers);
    *n = 0;
    if (numbers == NULL || list == NULL || !lth_conf__is(d->file, list, CONF_LIST)) {
        return numbers;
    }
    if (list->n == 0 || list->n > LTH_UNIQUE_FIELDS_MAX) {
        lth_conf__error(d->file, list, "cần từ 1 đến %u trường", "1 to %u fields are needed",
                        LTH_UNIQUE_FIELDS_MAX);
        return numbers;
    }
    for (const conf_node *one = list->first; one != NULL; one = one->next) {
        numbers[(*n)++] = read_unique_field(d, list, one);
    }
    if (has_whole_key(d->ds, numbers, *n)) {
        lth_conf__error(d->file, list,
                        "có đủ các trường của natural_key nên không bao giờ trùng: bỏ bớt trường",
                        "holds all fields of natural_key and so is never alike: leave some out");
    }
    return numbers;
}

static void read_unique(draft *d, const conf_node *node)
{
    rule_texts t = {0};
    read_common(d, node, lth_conf__unique_items, "unique", &t);
    lth_unique one = {.number = (uint16_t)t.number.v,
                      .id = t.id.s,
                      .severity = severity_of(t.severity.s),
                      .when = read_expr(d, &t.when),
                      .when_text = t.when.s,
                      .text = {t.text.vi.s, t.text.en.s}};
    one.fields = read_unique_fields(d, t.fields, &one.n_fields);
    uint32_t at = d->n_uniques++;
    for (; at > 0 && d->uniques[at - 1].number > one.number; at--) {
        d->uniques[at] = d->uniques[at - 1];
    }
    d->uniques[at] = one;
}

/* ---- a dataset ---- */

static void read_dated_by(const conf_dataset *one)
{
    const conf_text *name = &one->dated_by;
    const lth_field *field =
        name->s != NULL ? lth_conf__dataset_field(&one->file, name->at, name->s, one->ds) : NULL;
    if (field == NULL) {
        return;
    }
    if (field->type != LTH_TYPE_DATE || field->precision != LTH_DATE_DAY) {
        lth_conf__error(&one->file, name->at,
                        "dated_by: trường \"%s\" phải kiểu date, precision: [day]",
                        "dated_by: field \"%s\" must have type date and precision: [day]", name->s);
    }
    one->ds->dated_by = field->number;
}

static bool count_ok(const conf_file *file, const conf_node *list, uint32_t most)
{
    if (list != NULL && list->n > most) {
        lth_conf__error(file, list, "quá %u mục", "more than %u entries", (unsigned)most);
        return false;
    }
    return true;
}

static bool counts_ok(const conf_dataset *one)
{
    return count_ok(&one->file, one->rules, LTH_RULES_MAX) &&
           count_ok(&one->file, one->references, LTH_RULES_MAX) &&
           count_ok(&one->file, one->uniques, LTH_UNIQUES_MAX);
}

void lth_conf__rules(const conf_dataset *one, const conf_dataset *all, uint32_t n_all)
{
    conf_load *load = one->file.load;
    draft d = {.of = one, .file = &one->file, .ds = one->ds};
    d.rules = lth_conf__keep(load, LTH_RULES_MAX * sizeof *d.rules);
    d.references = lth_conf__keep(load, LTH_RULES_MAX * sizeof *d.references);
    d.uniques = lth_conf__keep(load, LTH_UNIQUES_MAX * sizeof *d.uniques);
    if (load->nomem || !counts_ok(one)) {
        return;
    }
    read_dated_by(one);
    const conf_node *node = one->rules != NULL ? one->rules->first : NULL;
    for (; node != NULL; node = node->next) {
        read_rule(&d, node);
    }
    node = one->references != NULL ? one->references->first : NULL;
    for (; node != NULL; node = node->next) {
        read_reference(&d, node, all, n_all);
    }
    node = one->uniques != NULL ? one->uniques->first : NULL;
    for (; node != NULL; node = node->next) {
        read_unique(&d, node);
    }
    one->ds->rules = d.rules;
    one->ds->n_rules = d.n_rules;
    one->ds->references = d.references;
    one->ds->n_references = d.n_references;
    one->ds->uniques = d.uniques;
    one->ds->n_uniques = d.n_uniques;
}
