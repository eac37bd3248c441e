/* Profiles: one mapping for every school that uses the same export. A profile's columns are those
 * of a source (mapping.c) whose names are lists of headers; they are turned into single names
 * first, and the lists are put beside the columns again. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"
#include "profile.h"

#define ALIASES_MAX 32u
#define EXTRAS_MAX  64u

typedef struct file_texts {
    const conf_node *kinds;
    conf_text sheet;
    conf_number header_rows;
} file_texts;

static const conf_item FILE_ITEMS[] = {
    {"kinds", CONF_ANY, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, offsetof(file_texts, kinds),
     "Loại tệp được nhận, biết qua nội dung: [xlsx, csv, xls, html, xml]",
     "Kinds of file that are taken, told by content: [xlsx, csv, xls, html, xml]"},
    {"sheet", CONF_TEXT, 0, NULL, 1, 64, NULL, NULL, offsetof(file_texts, sheet),
     "Trang tính: số thứ tự hoặc tên; không ghi thì tìm trang có đủ cột",
     "Sheet: its number or name; without it the one that has the columns"},
    {"header_rows", CONF_COUNT, 0, "1", 1, 10, NULL, NULL, offsetof(file_texts, header_rows),
     "Số hàng tiêu đề nhiều nhất", "How many rows the headers take at most"},
    {.key = NULL},
};

typedef struct table_texts {
    conf_text dataset, sheet;
    conf_number header_rows, optional_table;
    const conf_node *columns, *also, *optional, *match, *complete_for;
} table_texts;

static const conf_item TABLE_ITEMS[] = {
    {"dataset", CONF_NAME, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, offsetof(table_texts, dataset),
     "Tập dữ liệu", "Dataset"},
    {"sheet", CONF_TEXT, 0, NULL, 1, 64, NULL, NULL, offsetof(table_texts, sheet),
     "Trang tính của riêng bảng này", "Sheet of this table alone"},
    {"header_rows", CONF_COUNT, 0, "0", 0, 10, NULL, NULL, offsetof(table_texts, header_rows),
     "Số hàng tiêu đề nhiều nhất của riêng bảng này", "Header rows of this table alone, at most"},
    {"may_be_missing", CONF_BOOL, 0, "false", 0, 0, NULL, NULL,
     offsetof(table_texts, optional_table), "Tệp đúng mẫu vẫn có thể không có bảng này",
     "A file of this layout may lack this table"},
    {"columns", CONF_ANY, CONF_REQUIRED, NULL, 0, 0, NULL, lth_conf__source_items,
     offsetof(table_texts, columns),
     "{ trường: [tiêu đề, ...] } hoặc { trường: { from: [tiêu đề, ...], as, map } }",
     "{ field: [header, ...] } or { field: { from: [header, ...], as, map } }"},
    {"also", CONF_ANY, 0, NULL, 0, 0, NULL, NULL, offsetof(table_texts, also),
     "Cột không phải trường của tập dữ liệu, dùng cho match và complete_for: "
     "{ tên: [tiêu đề, ...] } hoặc { tên: { const: giá trị } }",
     "Columns that are no field of the dataset, for match and complete_for: "
     "{ name: [header, ...] } or { name: { const: value } }"},
    {"optional", CONF_ANY, 0, NULL, 0, 0, NULL, NULL, offsetof(table_texts, optional),
     "[trường, ...]: cột có thể không có trong tệp", "[field, ...]: columns a file may lack"},
    {"match", CONF_ANY, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, offsetof(table_texts, match),
     "[[trường, ...], ...]: khoá tìm bản ghi của một dòng, tin cậy nhất trước; hai bản ghi cùng "
     "khớp, hoặc chỉ khớp tên, thì hỏi người",
     "[[field, ...], ...]: keys by which a row's record is found, most trusted first; two "
     "candidates, or a match by name alone, are asked"},
    {"complete_for", CONF_ANY, 0, NULL, 0, 0, NULL, NULL, offsetof(table_texts, complete_for),
     "[trường, ...]: bản ghi thiếu trong tệp chỉ kết thúc khi tệp có dòng cùng các giá trị này; "
     "không ghi thì tệp không bao giờ xoá",
     "[field, ...]: a record that the file lacks ends only when the file has a row with its values "
     "of these; without it a file never deletes"},
    {.key = NULL},
};

typedef struct profile_texts {
    conf_text profile;
    file_texts file;
    const conf_node *org_from, *tables;
} profile_texts;

const conf_item lth_conf__profile_items[] = {
    {"profile", CONF_TEXT, CONF_REQUIRED, NULL, 1, 64, NULL, NULL, offsetof(profile_texts, profile),
     "Tên, như tên tệp", "Name, as that of the file"},
    {"file", CONF_TABLE, CONF_REQUIRED, NULL, 0, 0, NULL, FILE_ITEMS, offsetof(profile_texts, file),
     "Tệp", "The file"},
    {"org_from", CONF_ANY, 0, NULL, 0, 0, NULL, NULL, offsetof(profile_texts, org_from),
     "Cột mang mã trường: [tiêu đề, ...]", "Column that names the school: [header, ...]"},
    {"tables", CONF_ITEMS, CONF_REQUIRED, NULL, 0, 0, NULL, TABLE_ITEMS,
     offsetof(profile_texts, tables), "Bảng trong tệp, mỗi tập dữ liệu một mục",
     "Tables in the file, one entry a dataset"},
    {.key = NULL},
};

/* ---- headers ---- */

typedef struct alias {
    const char *name; /* The first header: the column's name. */
    lth_profile_column column;
    bool seen; /* Some field needs it. */
} alias;

typedef struct reader {
    const conf_file *file;
    const lth_dataset *ds;
    alias aliases[512];
    uint32_t n_aliases;
} reader;

static bool read_headers(const conf_file *file, const conf_node *node, lth_profile_column *out)
{
    bool list = node->kind == CONF_LIST;
    uint32_t n = list ? node->n : 1;
    if (node->kind == CONF_MAP || n == 0 || n > ALIASES_MAX) {
        lth_conf__error(file, node, "cần tiêu đề cột: \"Họ và tên\" hoặc [\"Họ và tên\", ...]",
                        "a header is needed: \"Full name\" or [\"Full name\", ...]");
        return false;
    }
    const char **names = lth_conf__keep(file->load, n * sizeof *names);
    uint32_t i = 0;
    for (const conf_node *one = list ? node->first : node; one != NULL && names != NULL;
         one = list ? one->next : NULL) {
        if (!lth_conf__is(file, one, CONF_SCALAR)) {
            return false;
        }
        if (one->text[0] == '\0') {
            lth_conf__error(file, one, "tiêu đề trống", "an empty header");
            return false;
        }
        names[i++] = lth_conf__keep_text(file->load, one->text);
    }
    *out = (lth_profile_column){.names = names, .n_names = i};
    return names != NULL;
}

/* A list of headers becomes its first one, remembered with the others. */
static conf_node *single(reader *r, const conf_node *node)
{
    lth_profile_column column;
    conf_node *copy = lth_conf__scratch(r->file->load, sizeof *copy);
    if (copy == NULL || !read_headers(r->file, node, &column)) {
        return NULL;
    }
    *copy = (conf_node){.kind = CONF_SCALAR,
                        .line = node->line,
                        .column = node->column,
                        .text = column.names[0],
                        .quoted = true};
    for (uint32_t i = 0; i < r->n_aliases; i++) {
        if (strcasecmp(r->aliases[i].name, column.names[0]) == 0) {
            return copy;
        }
    }
    if (r->n_aliases < sizeof r->aliases / sizeof r->aliases[0]) {
        r->aliases[r->n_aliases++] = (alias){.name = column.names[0], .column = column};
    }
    return copy;
}

/* A field's node with single headers, wherever headers stand in it. */
static conf_node *singled(reader *r, const conf_node *node);

static conf_node *singled_children(reader *r, const conf_node *node,
                                   bool (*is_header)(const char *))
{
    conf_node *copy = lth_conf__scratch(r->file->load, sizeof *copy);
    if (copy == NULL) {
        return NULL;
    }
    *copy = *node;
    copy->first = NULL;
    conf_node **end = &copy->first;
    for (const conf_node *one = node->first; one != NULL; one = one->next) {
        conf_node *next = lth_conf__scratch(r->file->load, sizeof *next);
        if (next == NULL) {
            return NULL;
        }
        *next = *one;
        next->next = NULL;
        if (node->kind == CONF_MAP && is_header(one->text)) {
            next->value = singled(r, one->value);
        } else if (node->kind == CONF_LIST) {
            next = singled(r, one);
        }
        if (next == NULL || (node->kind == CONF_MAP && next->value == NULL)) {
            return NULL;
        }
        *end = next;
        end = &next->next;
    }
    return copy;
}

static bool is_from(const char *key)
{
    return strcmp(key, "from") == 0;
}

static bool always(const char *key)
{
    (void)key;
    return true;
}

static conf_node *singled_items(reader *r, const conf_node *node)
{
    conf_node *copy = lth_conf__scratch(r->file->load, sizeof *copy);
    if (copy == NULL) {
        return NULL;
    }
    *copy = *node;
    copy->first = NULL;
    conf_node **end = &copy->first;
    for (const conf_node *one = node->first; one != NULL; one = one->next) {
        conf_node *item =
            one->kind == CONF_MAP ? singled_children(r, one, always) : (conf_node *)(uintptr_t)one;
        if (item == NULL) {
            return NULL;
        }
        item->next = NULL;
        *end = item;
        end = &item->next;
    }
    return copy;
}

static conf_node *singled(reader *r, const conf_node *node)
{
    if (node->kind != CONF_MAP) {
        return single(r, node);
    }
    const conf_node *items = lth_conf__node_find(node, "items");
    if (items == NULL || items->value->kind != CONF_LIST) {
        return singled_children(r, node, is_from);
    }
    conf_node *copy = lth_conf__scratch(r->file->load, sizeof *copy);
    conf_node *key = lth_conf__scratch(r->file->load, sizeof *key);
    if (copy == NULL || key == NULL) {
        return NULL;
    }
    *copy = *node;
    *key = *items;
    key->value = singled_items(r, items->value);
    copy->first = key;
    return key->value != NULL ? copy : NULL;
}

/* ---- extra columns ---- */

typedef struct extra {
    const char *name;
    int32_t column; /* Of the mapping; -1: constant. */
    const char *constant;
} extra;

typedef struct extras {
    extra items[EXTRAS_MAX];
    uint32_t n;
    const char *columns[EXTRAS_MAX]; /* Headers that the mapping has not. */
    uint32_t n_columns;
} extras;

static int32_t column_at(const lth_mapping *mapping, extras *x, const char *name)
{
    for (uint32_t i = 0; i < mapping->n_columns; i++) {
        if (strcasecmp(mapping->columns[i], name) == 0) {
            return (int32_t)i;
        }
    }
    for (uint32_t i = 0; i < x->n_columns; i++) {
        if (strcasecmp(x->columns[i], name) == 0) {
            return (int32_t)(mapping->n_columns + i);
        }
    }
    x->columns[x->n_columns++] = name;
    return (int32_t)(mapping->n_columns + x->n_columns - 1);
}

static void read_extra(reader *r, const conf_node *key, const lth_mapping *mapping, extras *x)
{
    const conf_node *constant =
        key->value->kind == CONF_MAP ? lth_conf__node_find(key->value, "const") : NULL;
    extra *out = &x->items[x->n];
    *out = (extra){.name = lth_conf__keep_text(r->file->load, key->text), .column = -1};
    if (lth_dataset_field_name(r->ds, key->text) != NULL) {
        lth_conf__error(r->file, key, "\"%s\" là trường của tập dữ liệu: đặt trong columns",
                        "\"%s\" is a field of the dataset: it belongs in columns", key->text);
        return;
    }
    if (key->value->kind == CONF_MAP) {
        if (constant == NULL || key->value->n != 1 ||
            !lth_conf__is(r->file, constant->value, CONF_SCALAR)) {
            lth_conf__error(r->file, key->value, "viết [tiêu đề, ...] hoặc { const: giá trị }",
                            "write [header, ...] or { const: value }");
            return;
        }
        out->constant = lth_conf__keep_text(r->file->load, constant->value->text);
    } else {
        conf_node *node = single(r, key->value);
        if (node == NULL) {
            return;
        }
        out->column = column_at(mapping, x, node->text);
    }
    x->n++;
}

static void read_extras(reader *r, const conf_node *also, lth_mapping *mapping, extras *x)
{
    if (also != NULL && lth_conf__is(r->file, also, CONF_MAP)) {
        if (also->n > EXTRAS_MAX) {
            lth_conf__error(r->file, also, "quá %u mục", "more than %u entries", EXTRAS_MAX);
            return;
        }
        for (const conf_node *key = also->first; key != NULL; key = key->next) {
            read_extra(r, key, mapping, x);
        }
    }
    uint32_t n = mapping->n_columns + x->n_columns;
    const char **columns = lth_conf__keep(r->file->load, (n + 1u) * sizeof *columns);
    if (columns == NULL) {
        return;
    }
    memcpy(columns, mapping->columns, mapping->n_columns * sizeof *columns);
    memcpy(columns + mapping->n_columns, x->columns, x->n_columns * sizeof *columns);
    mapping->columns = columns;
    mapping->n_columns = n;
}

/* ---- match, complete_for, optional ---- */

static bool find_term(const reader *r, const conf_node *node, const lth_mapping *mapping,
                      const extras *x, lth_map_term *out)
{
    const char *names[512 + EXTRAS_MAX];
    uint32_t n = 0;
    if (!lth_conf__is(r->file, node, CONF_SCALAR)) {
        return false;
    }
    for (uint32_t i = 0; i < mapping->n_fields && n < 512; i++) {
        names[n++] = mapping->fields[i].field->name;
        if (strcmp(names[n - 1], node->text) == 0) {
            *out = (lth_map_term){.field = (int32_t)i, .column = -1};
            return true;
        }
    }
    for (uint32_t i = 0; i < x->n; i++) {
        names[n++] = x->items[i].name;
        if (strcmp(names[n - 1], node->text) == 0) {
            *out = (lth_map_term){
                .field = -1, .column = x->items[i].column, .constant = x->items[i].constant};
            return true;
        }
    }
    static const conf_what what = {"cột", "column", "columns và also của bảng này",
                                   "columns and also of this table", NULL};
    lth_conf__unknown(r->file, node, node->text, &what, &(conf_names){names, n});
    return false;
}

static uint32_t read_terms(const reader *r, const conf_node *list, const lth_mapping *mapping,
                           const extras *x, const lth_map_term **out)
{
    if (!lth_conf__is(r->file, list, CONF_LIST)) {
        return 0;
    }
    lth_map_term *terms = lth_conf__keep(r->file->load, (list->n + 1u) * sizeof *terms);
    uint32_t n = 0;
    for (const conf_node *one = list->first; one != NULL && terms != NULL; one = one->next) {
        n += find_term(r, one, mapping, x, &terms[n]) ? 1 : 0;
    }
    *out = terms;
    return n;
}

static void read_match(const reader *r, const conf_node *match, const extras *x, lth_mapping *out)
{
    if (!lth_conf__is(r->file, match, CONF_LIST)) {
        return;
    }
    if (match->n == 0 || match->n > LTH_MAP_KEYS_MAX) {
        lth_conf__error(r->file, match, "cần từ 1 đến %u khoá", "1 to %u keys are needed",
                        LTH_MAP_KEYS_MAX);
        return;
    }
    lth_map_key *keys = lth_conf__keep(r->file->load, match->n * sizeof *keys);
    uint32_t n = 0;
    for (const conf_node *one = match->first; one != NULL && keys != NULL; one = one->next) {
        keys[n].n_terms = read_terms(r, one, out, x, &keys[n].terms);
        if (one->kind == CONF_LIST && one->n == 0) {
            lth_conf__error(r->file, one, "khoá trống", "an empty key");
        }
        n += keys[n].n_terms > 0 ? 1 : 0;
    }
    out->match = keys;
    out->n_match = n;
}

static bool named_in(const conf_node *list, const char *name)
{
    for (const conf_node *one = list != NULL ? list->first : NULL; one != NULL; one = one->next) {
        if (one->kind == CONF_SCALAR && strcmp(one->text, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A column is needed when some field that is not optional uses it. */
static void need(bool *needed, const lth_map_field *field)
{
    if (field->column >= 0) {
        needed[field->column] = true;
    }
    for (uint32_t i = 0; i < field->n_items; i++) {
        for (uint32_t f = 0; f < field->items[i].n_fields; f++) {
            need(needed, &field->items[i].fields[f]);
        }
    }
}

static void check_optional(const reader *r, const conf_node *optional, const lth_mapping *mapping,
                           const extras *x)
{
    for (const conf_node *one = optional->first; one != NULL; one = one->next) {
        lth_map_term term;
        if (!find_term(r, one, mapping, x, &term)) {
            continue;
        }
        const lth_field *field = term.field >= 0 ? mapping->fields[term.field].field : NULL;
        if (field != NULL && field->required) {
            lth_conf__error(r->file, one, "trường \"%s\" bắt buộc: cột của nó phải có trong tệp",
                            "field \"%s\" is required: a file must have its column", field->name);
        }
    }
}

static void read_optional(const reader *r, const conf_node *optional, const extras *x,
                          lth_source_table *out)
{
    const lth_mapping *mapping = &out->mapping;
    if (optional != NULL && !lth_conf__is(r->file, optional, CONF_LIST)) {
        return;
    }
    if (optional != NULL) {
        check_optional(r, optional, mapping, x);
    }
    bool *needed = lth_conf__scratch(r->file->load, mapping->n_columns + 1u);
    lth_profile_column *headers =
        lth_conf__keep(r->file->load, (mapping->n_columns + 1u) * sizeof *headers);
    if (needed == NULL || headers == NULL) {
        return;
    }
    memset(needed, 0, mapping->n_columns + 1u);
    for (uint32_t i = 0; i < mapping->n_fields; i++) {
        if (!named_in(optional, mapping->fields[i].field->name)) {
            need(needed, &mapping->fields[i]);
        }
    }
    for (uint32_t i = 0; i < x->n; i++) {
        if (x->items[i].column >= 0 && !named_in(optional, x->items[i].name)) {
            needed[x->items[i].column] = true;
        }
    }
    for (uint32_t c = 0; c < mapping->n_columns; c++) {
        for (uint32_t a = 0; a < r->n_aliases; a++) {
            if (strcasecmp(r->aliases[a].name, mapping->columns[c]) == 0) {
                headers[c] = r->aliases[a].column;
            }
        }
        headers[c].optional = !needed[c];
    }
    out->headers = headers;
}

/* ---- a table ---- */

static void read_place(const conf_text *sheet, uint32_t header_rows, lth_profile_place *out)
{
    if (sheet->s != NULL) {
        char *end;
        unsigned long number = strtoul(sheet->s, &end, 10);
        bool is_number = *end == '\0' && !sheet->at->quoted && number > 0 && number <= 64;
        out->sheet = is_number ? (uint32_t)number : 0;
        out->sheet_name = is_number ? "" : sheet->s;
    }
    if (header_rows > 0) {
        out->header_rows = header_rows;
    }
}

static void read_table(const conf_file *file, const conf_node *node, const lth_schema *schema,
                       lth_source_table *out)
{
    table_texts t = {0};
    lth_conf__read(file, node, "tables", TABLE_ITEMS, &t);
    const lth_dataset *ds =
        t.dataset.s != NULL ? lth_conf__dataset(file, t.dataset.at, t.dataset.s, schema) : NULL;
    if (ds == NULL || t.columns == NULL || t.match == NULL ||
        !lth_conf__is(file, t.columns, CONF_MAP)) {
        return;
    }
    reader *r = lth_conf__scratch(file->load, sizeof *r);
    extras *x = lth_conf__scratch(file->load, sizeof *x);
    if (r == NULL || x == NULL) {
        return;
    }
    *r = (reader){.file = file, .ds = ds};
    *x = (extras){0};
    const conf_node *columns = singled_children(r, t.columns, always);
    if (columns == NULL ||
        !lth_conf__mapping(file, columns, &(conf_text){NULL, NULL}, ds, &out->mapping)) {
        return;
    }
    out->mode = "file";
    read_place(&t.sheet, (uint32_t)t.header_rows.v, &out->place);
    out->place.optional = t.optional_table.v != 0;
    read_extras(r, t.also, &out->mapping, x);
    read_match(r, t.match, x, &out->mapping);
    if (t.complete_for != NULL) {
        out->mapping.n_complete_for =
            read_terms(r, t.complete_for, &out->mapping, x, &out->mapping.complete_for);
    }
    read_optional(r, t.optional, x, out);
}

/* ---- the file ---- */

static uint32_t read_kinds(const conf_file *file, const conf_node *list)
{
    static const char *const names[] = {"csv", "xlsx", "xls", "html", "xml"};
    static const conf_what what = {"loại tệp", "kind of file", "kinds", "kinds", NULL};
    uint32_t kinds = 0;
    if (!lth_conf__is(file, list, CONF_LIST)) {
        return 0;
    }
    for (const conf_node *one = list->first; one != NULL; one = one->next) {
        uint32_t found = 0;
        if (!lth_conf__is(file, one, CONF_SCALAR)) {
            continue;
        }
        for (uint32_t i = 0; i < 5; i++) {
            found = strcmp(one->text, names[i]) == 0 ? 1u << (i + 1) : found;
        }
        if (found == 0) {
            lth_conf__unknown(file, one, one->text, &what, &(conf_names){names, 5});
        }
        kinds |= found;
    }
    if (list->n == 0) {
        lth_conf__error(file, list, "chưa có loại tệp nào", "there is no kind of file");
    }
    return kinds;
}

static void read_profile(const conf_file *file, const lth_schema *schema, lth_profile *out)
{
    profile_texts t = {0};
    lth_conf__read(file, file->root, "profile", lth_conf__profile_items, &t);
    if (t.file.kinds == NULL || t.tables == NULL) {
        return;
    }
    out->name = t.profile.s;
    out->kinds = read_kinds(file, t.file.kinds);
    if (t.tables->n == 0 || t.tables->n > LTH_PROFILE_TABLES_MAX) {
        lth_conf__error(file, t.tables, "cần từ 1 đến %u bảng", "1 to %u tables are needed",
                        LTH_PROFILE_TABLES_MAX);
        return;
    }
    if (t.org_from != NULL) {
        lth_profile_column *org = lth_conf__keep(file->load, sizeof *org);
        if (org == NULL || !read_headers(file, t.org_from, org)) {
            return;
        }
        out->org_from = org;
    }
    lth_source_table *tables = lth_conf__keep(file->load, t.tables->n * sizeof *tables);
    uint32_t n = 0;
    for (const conf_node *one = t.tables->first; one != NULL && tables != NULL; one = one->next) {
        lth_source_table *table = &tables[n++];
        table->place.sheet_name = "";
        read_place(&t.file.sheet, (uint32_t)t.file.header_rows.v, &table->place);
        read_table(file, one, schema, table);
    }
    out->tables = tables;
    out->n_tables = file->load->bare ? 0 : n;
}

bool lth_conf__profile(conf_load *load, const char *path, const lth_schema *schema,
                       lth_profile *out)
{
    conf_file file;
    uint32_t before = conf_faults(load);
    *out = (lth_profile){0};
    if (lth_conf__file_open(&file, load, path)) {
        read_profile(&file, schema, out);
    }
    return !load->nomem && conf_faults(load) == before;
}

/* One dataset is read by one table: two would undo each other's rows. */
static bool check_datasets(const conf_file *file, const conf_node *at, const lth_profile *profile)
{
    for (uint32_t i = 0; i < profile->n_tables; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (profile->tables[i].mapping.dataset == profile->tables[j].mapping.dataset) {
                lth_conf__error(file, at,
                                "tập dữ liệu \"%s\" có trong hai bảng: mỗi trường chỉ một",
                                "dataset \"%s\" is in two tables: one per school",
                                profile->tables[i].mapping.dataset->name);
                return false;
            }
        }
    }
    return true;
}

bool lth_conf__profiles_join(const conf_file *file, const conf_node *at, const lth_profile *parts,
                             uint32_t n, lth_profile *out)
{
    char name[256] = "";
    size_t at_name = 0;
    uint32_t n_tables = 0;
    *out = (lth_profile){.org_from = parts[0].org_from};
    for (uint32_t p = 0; p < n; p++) {
        n_tables += parts[p].n_tables;
        out->kinds |= parts[p].kinds;
        at_name += lth_format(name + at_name, sizeof name - at_name, "%s%s", p > 0 ? "+" : "",
                              parts[p].name);
    }
    if (n_tables > LTH_PROFILE_TABLES_MAX) {
        lth_conf__error(file, at, "quá %u bảng", "more than %u tables", LTH_PROFILE_TABLES_MAX);
        return false;
    }
    lth_source_table *tables = lth_conf__keep(file->load, (n_tables + 1u) * sizeof *tables);
    out->name = lth_conf__keep_text(file->load, name);
    for (uint32_t p = 0; p < n && tables != NULL; p++) {
        for (uint32_t i = 0; i < parts[p].n_tables; i++) {
            tables[out->n_tables] = parts[p].tables[i];
            tables[out->n_tables++].place.part = p;
        }
    }
    out->tables = tables;
    return tables != NULL && check_datasets(file, at, out);
}
