#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

#define COLUMNS_MAX 512u

typedef struct source_texts {
    conf_text from, as, constant;
    const conf_node *map, *items;
} source_texts;

#define AT(member) offsetof(source_texts, member)

/* Form of a field that is written out; the short form is the column's name alone. */
const conf_item lth_conf__source_items[] = {
    {"from", CONF_TEXT, 0, NULL, 1, 128, NULL, NULL, AT(from), "Tên cột của nguồn",
     "Column of the source"},
    {"as", CONF_TEXT, 0, NULL, 1, 32, NULL, NULL, AT(as),
     "Cách đọc: date_vn (d/m/yyyy, ISO, số ngày của Excel), date_compact (yyyymmdd), bool_vn "
     "(Có/Không), digits (thêm lại số 0 ở đầu cho đủ max), grade (số đầu tiên, như trong Lớp 6A1)",
     "How to read it: date_vn (d/m/yyyy, ISO, Excel's day number), date_compact (yyyymmdd), "
     "bool_vn (Có/Không), digits (zeros in front, up to max), grade (the first number, as in Lớp "
     "6A1)"},
    {"map", CONF_ANY, 0, NULL, 0, 0, NULL, NULL, AT(map),
     "{ giá trị nguồn: giá trị chuẩn }; giá trị không có ở đây là lỗi của dòng đó",
     "{ source value: standard value }; a value not listed is an error of that row"},
    {"const", CONF_TEXT, 0, NULL, 0, 1000, NULL, NULL, AT(constant), "Giá trị cố định",
     "A fixed value"},
    {"items", CONF_ANY, 0, NULL, 0, 0, NULL, NULL, AT(items),
     "Trường list: [ { trường của mục: cột hoặc { const: ... } }, ... ], mỗi mục một nhóm cột",
     "A list field: [ { item's field: column or { const: ... } }, ... ], one entry an item"},
    {.key = NULL},
};

const lth_dataset *lth_conf__dataset(const conf_file *file, const conf_node *at, const char *name,
                                     const lth_schema *schema)
{
    const lth_dataset *ds = lth_schema_find_name(schema, name);
    if (ds == NULL && !file->load->bare) {
        const char *names[256];
        uint32_t n = 0;
        for (; n < schema->n_datasets && n < 256; n++) {
            names[n] = schema->datasets[n].name;
        }
        static const conf_what what = {"tập dữ liệu", "dataset", "thư mục datasets",
                                       "the datasets directory", NULL};
        lth_conf__unknown(file, at, name, &what, &(conf_names){names, n});
    }
    return ds;
}

typedef struct mapper {
    const conf_file *file;
    const lth_dataset *ds;
    const char **columns;
    uint32_t n_columns;
} mapper;

static int32_t column_of(mapper *m, const conf_node *at, const char *name)
{
    for (uint32_t i = 0; i < m->n_columns; i++) {
        if (strcasecmp(m->columns[i], name) == 0) {
            return (int32_t)i;
        }
    }
    if (m->n_columns == COLUMNS_MAX) {
        lth_conf__error(m->file, at, "quá %u cột", "more than %u columns", COLUMNS_MAX);
        return 0;
    }
    m->columns[m->n_columns] = lth_conf__keep_text(m->file->load, name);
    return (int32_t)m->n_columns++;
}

/* Would the agent take this text as a value of the field? */
static void check_value(mapper *m, const conf_node *at, const lth_field *field, const char *text,
                        const char *as)
{
    lth_value value;
    if (lth_value_parse(&value, field, lth_slice_of(text, strlen(text)), as,
                        m->file->load->scratch) != LTH_REFUSE_none) {
        lth_conf__error(m->file, at, "\"%s\" không phải giá trị hợp lệ của trường \"%s\" (kiểu %s)",
                        "\"%s\" is not a valid value of field \"%s\" (type %s)", text, field->name,
                        lth_type_name(field->type));
    }
}

static void check_as(mapper *m, const conf_text *as, const lth_field *field)
{
    const char *names[16];
    uint32_t n = 0;
    lth_type type;
    for (uint32_t i = 0; n < 16; i++) {
        const char *name = lth_as_name(i, &type);
        if (name == NULL) {
            break;
        }
        if (strcmp(name, as->s) == 0 && !lth_as_fits(type, field->type)) {
            lth_conf__error(m->file, as->at, "as: %s không đọc được trường \"%s\" (kiểu %s)",
                            "as: %s cannot read field \"%s\" (type %s)", name, field->name,
                            lth_type_name(field->type));
            return;
        }
        if (strcmp(name, as->s) == 0) {
            return;
        }
        names[n++] = name;
    }
    static const conf_what what = {"cách đọc", "reading", "danh sách của as", "the list of as",
                                   NULL};
    lth_conf__unknown(m->file, as->at, as->s, &what, &(conf_names){names, n});
}

/* The text as the agent compares it: trimmed and NFC. */
static const char *normal_text(mapper *m, const char *text)
{
    static const lth_field any = {.type = LTH_TYPE_TEXT, .max = 1000};
    lth_value value;
    if (lth_value_parse(&value, &any, lth_slice_of(text, strlen(text)), NULL,
                        m->file->load->scratch) != LTH_REFUSE_none ||
        value.kind != LTH_VALUE_TEXT) {
        return NULL;
    }
    char *kept = lth_conf__keep(m->file->load, value.text.n + 1);
    if (kept != NULL) {
        memcpy(kept, value.text.p, value.text.n);
    }
    return kept;
}

static void read_pairs(mapper *m, const conf_node *map, const char *as, lth_map_field *out)
{
    if (!lth_conf__is(m->file, map, CONF_MAP)) {
        return;
    }
    lth_map_pair *pairs = lth_conf__keep(m->file->load, (map->n + 1u) * sizeof *pairs);
    uint32_t n = 0;
    for (const conf_node *key = map->first; key != NULL && pairs != NULL; key = key->next) {
        const char *from = normal_text(m, key->text);
        if (from == NULL) {
            lth_conf__error(m->file, key, "giá trị nguồn trống hoặc có ký tự điều khiển",
                            "the source value is empty or holds control characters");
        } else if (lth_conf__is(m->file, key->value, CONF_SCALAR)) {
            check_value(m, key->value, out->field, key->value->text, as);
            pairs[n].from = from;
            pairs[n++].to = lth_conf__keep_text(m->file->load, key->value->text);
        }
    }
    if (map->n == 0) {
        lth_conf__error(m->file, map, "map trống", "map is empty");
    }
    out->pairs = pairs;
    out->n_pairs = n;
}

static void read_written_out(mapper *m, const conf_node *node, lth_map_field *out)
{
    source_texts t = {0};
    uint32_t before = conf_faults(m->file->load);
    lth_conf__read(m->file, node, out->field->name, lth_conf__source_items, &t);
    if (conf_faults(m->file->load) != before) {
        return;
    }
    if (t.items != NULL || (t.from.s != NULL) == (t.constant.s != NULL)) {
        lth_conf__error(m->file, node, "trường \"%s\" cần đúng một trong from, const",
                        "field \"%s\" needs exactly one of from, const", out->field->name);
        return;
    }
    if (t.as.s != NULL) {
        check_as(m, &t.as, out->field);
        out->as = t.as.s;
    }
    if (t.constant.s != NULL) {
        if (t.map != NULL) {
            lth_conf__error(m->file, t.map, "const không đi với map", "const does not go with map");
        }
        out->constant = t.constant.s;
        check_value(m, t.constant.at, out->field, t.constant.s, t.as.s);
        return;
    }
    out->column = column_of(m, t.from.at, t.from.s);
    if (t.map != NULL) {
        read_pairs(m, t.map, t.as.s, out);
    }
}

/* A field that is one value. */
static void read_scalar_field(mapper *m, const conf_node *node, lth_map_field *out)
{
    out->column = -1;
    out->constant = "";
    if (node->kind == CONF_SCALAR) {
        if (node->text[0] == '\0') {
            lth_conf__error(m->file, node, "trường \"%s\" chưa có tên cột",
                            "field \"%s\" has no column", out->field->name);
        } else {
            out->column = column_of(m, node, node->text);
        }
        return;
    }
    read_written_out(m, node, out);
}

static const lth_field *find_item_field(const mapper *m, const conf_node *key,
                                        const lth_field *list)
{
    const char *names[64];
    uint32_t n = 0;
    for (; n < list->n_items && n < 64; n++) {
        if (strcmp(list->items[n].name, key->text) == 0) {
            return &list->items[n];
        }
        names[n] = list->items[n].name;
    }
    conf_what what = {"trường", "field", "mục của trường", "an item of field", list->name};
    lth_conf__unknown(m->file, key, key->text, &what, &(conf_names){names, n});
    return NULL;
}

static void read_item(mapper *m, const conf_node *node, const lth_field *list, lth_map_item *out)
{
    if (!lth_conf__is(m->file, node, CONF_MAP)) {
        return;
    }
    lth_map_field *fields = lth_conf__keep(m->file->load, (node->n + 1u) * sizeof *fields);
    bool keyed = false;
    uint32_t n = 0;
    for (const conf_node *key = node->first; key != NULL && fields != NULL; key = key->next) {
        const lth_field *field = find_item_field(m, key, list);
        if (field != NULL) {
            keyed = keyed || field->number == list->key_item;
            fields[n].field = field;
            read_scalar_field(m, key->value, &fields[n++]);
        }
    }
    if (!keyed && n == node->n) {
        lth_conf__error(m->file, node, "mục của \"%s\" thiếu trường khoá của nó",
                        "an item of \"%s\" lacks its key field", list->name);
    }
    out->fields = fields;
    out->n_fields = n;
}

static void read_list_field(mapper *m, const conf_node *node, lth_map_field *out)
{
    const conf_node *key = lth_conf__node_find(node, "items");
    if (node->kind != CONF_MAP || key == NULL || node->n != 1) {
        lth_conf__error(m->file, node, "trường \"%s\" là danh sách: viết { items: [ {...}, ... ] }",
                        "field \"%s\" is a list: write { items: [ {...}, ... ] }",
                        out->field->name);
        return;
    }
    const conf_node *list = key->value;
    if (!lth_conf__is(m->file, list, CONF_LIST)) {
        return;
    }
    if (list->n == 0 || list->n > out->field->max) {
        lth_conf__error(m->file, list, "cần từ 1 đến %u mục", "1 to %u items are needed",
                        (unsigned)out->field->max);
        return;
    }
    lth_map_item *items = lth_conf__keep(m->file->load, list->n * sizeof *items);
    uint32_t n = 0;
    for (const conf_node *one = list->first; one != NULL && items != NULL; one = one->next) {
        read_item(m, one, out->field, &items[n++]);
    }
    out->column = -1;
    out->constant = "";
    out->items = items;
    out->n_items = n;
}

static const lth_field *find_field(const mapper *m, const conf_node *key)
{
    const lth_field *field = lth_dataset_field_name(m->ds, key->text);
    if (field == NULL) {
        const char **names = lth_conf__scratch(m->file->load, m->ds->n_fields * sizeof *names);
        for (uint32_t i = 0; names != NULL && i < m->ds->n_fields; i++) {
            names[i] = m->ds->fields[i].name;
        }
        conf_what what = {"trường", "field", "tập dữ liệu", "dataset", m->ds->name};
        lth_conf__unknown(m->file, key, key->text, &what,
                          &(conf_names){names, names != NULL ? m->ds->n_fields : 0});
        return NULL;
    }
    const lth_group *group = lth_dataset_group(m->ds, field->group);
    if (group == NULL || group->owner_kind != NULL) {
        lth_conf__error(
            m->file, key, "trường \"%s\" do đơn vị khác viết, trường học không gửi được",
            "field \"%s\" is written by another organisation, not by the school", key->text);
        return NULL;
    }
    if (field->type == LTH_TYPE_DOCUMENT) {
        lth_conf__error(
            m->file, key, "trường \"%s\" kiểu document chưa được phiên bản này hỗ trợ ở nguồn",
            "document field \"%s\" cannot be read from a source by this version yet", key->text);
        return NULL;
    }
    return field;
}

/* Every required field of the record owner's groups must come from somewhere. */
static void check_required(const mapper *m, const conf_node *fields)
{
    for (uint32_t i = 0; i < m->ds->n_fields; i++) {
        const lth_field *field = &m->ds->fields[i];
        const lth_group *group = lth_dataset_group(m->ds, field->group);
        if (field->required && group != NULL && group->owner_kind == NULL &&
            lth_conf__node_find(fields, field->name) == NULL) {
            lth_conf__error(m->file, fields, "thiếu trường bắt buộc \"%s\" của tập dữ liệu \"%s\"",
                            "required field \"%s\" of dataset \"%s\" is missing", field->name,
                            m->ds->name);
        }
    }
}

bool lth_conf__mapping(const conf_file *file, const conf_node *fields, const conf_text *key,
                       const lth_dataset *dataset, lth_mapping *out)
{
    mapper m = {.file = file, .ds = dataset};
    uint32_t before = conf_faults(file->load);
    m.columns = lth_conf__scratch(file->load, COLUMNS_MAX * sizeof *m.columns);
    lth_map_field *all = lth_conf__keep(file->load, (fields->n + 1u) * sizeof *all);
    if (m.columns == NULL || all == NULL) {
        return false;
    }
    uint32_t n = 0;
    *out = (lth_mapping){.dataset = dataset, .key_column = LTH_MAP_NO_KEY};
    if (key->s != NULL) {
        out->key_column = (uint32_t)column_of(&m, NULL, key->s);
    }
    for (const conf_node *one = fields->first; one != NULL; one = one->next) {
        const lth_field *field = find_field(&m, one);
        if (field == NULL) {
            continue;
        }
        all[n].field = field;
        if (field->type == LTH_TYPE_LIST) {
            read_list_field(&m, one->value, &all[n++]);
        } else {
            read_scalar_field(&m, one->value, &all[n++]);
        }
    }
    check_required(&m, fields);
    const char **columns = lth_conf__keep(file->load, (m.n_columns + 1u) * sizeof *columns);
    if (columns == NULL) {
        return false;
    }
    memcpy(columns, m.columns, m.n_columns * sizeof *columns);
    out->columns = columns;
    out->n_columns = m.n_columns;
    out->fields = all;
    out->n_fields = n;
    return conf_faults(file->load) == before;
}
