#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lth/conf.h"

/* A schema from texts: datasets with rules and references, code lists with dates; and what is
 * wrong with them, at its place. */

static const char THING[] =
    "dataset: thing\n"
    "number: 7\n"
    "version: 1\n"
    "natural_key: [day, code]\n"
    "dated_by: day\n"
    "groups: { key: { number: 2 }, main: { number: 1 } }\n"
    "fields:\n"
    "  code: { number: 1, group: key, type: text, max: 20, required: true }\n"
    "  day: { number: 2, group: key, type: date, required: true }\n"
    "  commune: { number: 3, group: main, type: code, max: 5, list: commune }\n"
    "  province: { number: 4, group: main, type: code, max: 2, list: province }\n"
    "  other: { number: 5, group: main, type: code, max: 5, list: elsewhere }\n"
    "  parent: { number: 6, group: main, type: text, max: 20 }\n"
    "  parent_day: { number: 7, group: main, type: date }\n"
    "  parts:\n"
    "    number: 8\n"
    "    group: main\n"
    "    type: list\n"
    "    key: at\n"
    "    items: { at: { number: 1, type: code, max: 5, list: commune } }\n"
    "rules:\n"
    "  - number: 12\n"
    "    id: commune_in_province\n"
    "    severity: error\n"
    "    field: commune\n"
    "    when: province is not null\n"
    "    check: code(commune, 'parent') == province\n"
    "    text: { vi: \"Xã {commune} không thuộc tỉnh {province}.\",\n"
    "            en: \"{commune} is not in {province}\" }\n"
    "  - { number: 3, id: late, severity: warning, check: \"day <= today\",\n"
    "      text: { vi: \"Ngày {day}\", en: \"Day {day}\" } }\n"
    "references:\n"
    "  - { number: 2, id: parent, severity: warning, dataset: thing,\n"
    "      fields: [parent_day, parent], text: { vi: \"a\", en: \"b\" } }\n"
    "  - { number: 4, id: stranger, severity: error, dataset: unknown, fields: [a, b],\n"
    "      text: { vi: \"a\", en: \"b\" } }\n"
    "unique:\n"
    "  - { number: 202, id: parent_once, severity: warning, fields: [parent, commune],\n"
    "      text: { vi: \"a\", en: \"b\" } }\n"
    "  - { number: 201, id: commune_once, severity: error, fields: [commune],\n"
    "      when: \"parent is null\",\n"
    "      text: { vi: \"{commune} của {other.code}\", en: \"{other.code} has {commune}\" } }\n";

static const char LISTS[] = "lists:\n"
                            "  province: { title: { vi: Tỉnh } }\n"
                            "  commune: { title: { vi: Xã, en: Commune }, parent: province }\n";

static const char PROVINCES[] = "code,vi\n75,Đồng Nai\n79,TP. Hồ Chí Minh\n";

/* Columns in another order, quotes, a BOM, CRLF; a code that came again. */
static const char COMMUNES[] = "\xef\xbb\xbfvi,code,parent,valid_from,valid_to,replaced_by,en\r\n"
                               "\"Xã A, cũ\",001,75,,2025-06-30,002 003\r\n"
                               "Phường A,001,79,2025-07-01\r\n"
                               "Phường B,003,79,,,,Ward B\r\n"
                               "  Phường C  ,002,75\r\n";

typedef struct load {
    lth_conf *owner;
    const lth_schema *schema;
    lth_conf_errors errors;
    lth_err err;
    char first[1000];
} load;

static void keep_first(void *ctx, const char *line)
{
    load *self = ctx;
    if (self->first[0] == '\0') {
        (void)snprintf(self->first, sizeof self->first, "%s", line);
    }
}

static void build(load *self, const char *thing, const char *lists, const char *provinces,
                  const char *communes)
{
    lth_schema_source parts[] = {
        {LTH_PART_DATASET, "thing.yaml", lth_slice_of(thing, strlen(thing))},
        {LTH_PART_CODES, "x/commune.csv", lth_slice_of(communes, strlen(communes))},
        {LTH_PART_LISTS, "lists.yaml", lth_slice_of(lists, strlen(lists))},
        {LTH_PART_CODES, "province", lth_slice_of(provinces, strlen(provinces))},
    };
    memset(self, 0, sizeof *self);
    self->err = lth_conf_build_schema(&self->owner, &self->schema, parts, 4, &self->errors);
    lth_conf_errors_each(&self->errors, false, keep_first, self);
    lth_conf_errors_fini(&self->errors);
}

static void test_lists(void **state)
{
    (void)state;
    load l;
    build(&l, THING, LISTS, PROVINCES, COMMUNES);
    assert_string_equal(l.first, "");
    assert_int_equal(l.err, LTH_OK);
    assert_int_equal(l.schema->n_lists, 2);
    assert_string_equal(l.schema->lists[0].name, "commune");
    assert_string_equal(l.schema->lists[1].name, "province");
    const lth_codelist *communes = lth_schema_list(l.schema, "commune");
    assert_string_equal(communes->parent_list, "province");
    assert_string_equal(communes->title.en, "Commune");
    static const lth_code want[] = {
        {"001", 0, 20250630, {"Xã A, cũ", NULL}, "75", "002 003"},
        {"001", 20250701, 0, {"Phường A", NULL}, "79", NULL},
        {"002", 0, 0, {"Phường C", NULL}, "75", NULL},
        {"003", 0, 0, {"Phường B", "Ward B"}, "79", NULL},
    };
    assert_int_equal(communes->n_codes, 4);
    for (uint32_t i = 0; i < 4; i++) {
        const lth_code *code = &communes->codes[i];
        assert_string_equal(code->code, want[i].code);
        assert_int_equal(code->from, want[i].from);
        assert_int_equal(code->to, want[i].to);
        assert_string_equal(code->title.vi, want[i].title.vi);
        assert_string_equal(code->parent, want[i].parent);
        assert_int_equal(code->title.en == NULL, want[i].title.en == NULL);
        assert_int_equal(code->replaced_by == NULL, want[i].replaced_by == NULL);
    }
    assert_string_equal(communes->codes[0].replaced_by, "002 003");
    lth_slice title = lth_slice_of("phuờng a", strlen("phuờng a"));
    assert_null(lth_codelist_by_title(communes, title, 20250701));
    title = lth_slice_of("PHƯỜNG A", strlen("PHƯỜNG A"));
    assert_ptr_equal(lth_codelist_by_title(communes, title, 20250701), &communes->codes[1]);
    lth_conf_free(&l.owner);
}

static void test_dataset(void **state)
{
    (void)state;
    load l;
    build(&l, THING, LISTS, PROVINCES, COMMUNES);
    const lth_dataset *ds = lth_schema_find(l.schema, 7);
    assert_int_equal(ds->dated_by, 2);
    assert_ptr_equal(ds->fields[2].codes, lth_schema_list(l.schema, "commune"));
    assert_ptr_equal(ds->fields[7].items[0].codes, ds->fields[2].codes);
    assert_null(ds->fields[4].codes);
    assert_int_equal(ds->n_rules, 2);
    assert_int_equal(ds->rules[0].number, 3);
    assert_string_equal(ds->rules[0].id, "late");
    assert_int_equal(ds->rules[0].severity, LTH_SEVERITY_WARNING);
    assert_int_equal(ds->rules[0].field, 0);
    assert_null(ds->rules[0].when);
    assert_int_equal(ds->rules[1].number, 12);
    assert_int_equal(ds->rules[1].field, 3);
    assert_non_null(ds->rules[1].when);
    assert_string_equal(ds->rules[1].text.en, "{commune} is not in {province}");
    /* The unknown dataset's reference is passed over; fields stand as its key's bytes do: code,
     * day. */
    assert_int_equal(ds->n_references, 1);
    assert_int_equal(ds->references[0].dataset, 7);
    assert_int_equal(ds->references[0].n_fields, 2);
    assert_int_equal(ds->references[0].fields[0], 6);
    assert_int_equal(ds->references[0].fields[1], 7);
    assert_int_equal(ds->n_uniques, 2);
    assert_int_equal(ds->uniques[0].number, 201);
    assert_string_equal(ds->uniques[0].id, "commune_once");
    assert_int_equal(ds->uniques[0].severity, LTH_SEVERITY_ERROR);
    assert_int_equal(ds->uniques[0].n_fields, 1);
    assert_int_equal(ds->uniques[0].fields[0], 3);
    assert_non_null(ds->uniques[0].when);
    assert_string_equal(ds->uniques[0].when_text, "parent is null");
    assert_string_equal(ds->uniques[0].text.en, "{other.code} has {commune}");
    assert_int_equal(ds->uniques[1].severity, LTH_SEVERITY_WARNING);
    assert_int_equal(ds->uniques[1].fields[0], 6);
    assert_int_equal(ds->uniques[1].fields[1], 3);
    assert_null(ds->uniques[1].when);
    lth_conf_free(&l.owner);
}

/* Codes are judged at the day in the record, rules with them. */
static void test_judged(void **state)
{
    (void)state;
    load l;
    build(&l, THING, LISTS, PROVINCES, COMMUNES);
    const lth_dataset *ds = lth_schema_find(l.schema, 7);
    lth_value values[8] = {{0}};
    values[1] = (lth_value){.kind = LTH_VALUE_INT, .number = 20250630};
    values[2] = (lth_value){.kind = LTH_VALUE_TEXT, .text = lth_slice_of("001", 3)};
    values[3] = (lth_value){.kind = LTH_VALUE_TEXT, .text = lth_slice_of("79", 2)};
    lth_row_values row = {.ds = ds, .values = values, .today = 20260101};
    lth_findings out = {.n = 0};
    lth_rules_judge(l.schema, &row, &out); /* in June it was in province 75 */
    assert_int_equal(out.n, 1);
    assert_int_equal(out.items[0].rule, 12);
    lth_buf text;
    lth_buf_init(&text, 1000);
    assert_int_equal(lth_finding_text(&text, l.schema, &out.items[0], &row, (lth_slice){0}, false),
                     LTH_OK);
    assert_int_equal(text.n, strlen("Xã Xã A, cũ không thuộc tỉnh TP. Hồ Chí Minh."));
    assert_memory_equal(text.p, "Xã Xã A, cũ không thuộc tỉnh TP. Hồ Chí Minh.", text.n);
    lth_buf_fini(&text);
    values[1].number = 20250701;
    out.n = out.errors = 0;
    lth_rules_judge(l.schema, &row, &out);
    assert_int_equal(out.n, 0);
    lth_conf_free(&l.owner);
}

static void expect_error(const char *lists, const char *provinces, const char *communes,
                         const char *want)
{
    load l;
    build(&l, THING, lists, provinces, communes);
    assert_string_equal(l.first, want);
    assert_int_equal(l.err, LTH_E_CONFIG);
    assert_null(l.owner);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *communes, *want;
    } rows[] = {
        {"", "x/commune.csv: tệp trống: cần dòng tiêu đề code,vi,..."},
        {"code\n", "x/commune.csv:1:1: thiếu cột \"vi\" ở dòng tiêu đề"},
        {"code,vi,parnt\n",
         "x/commune.csv:1:9: cột \"parnt\" không có trong tệp danh mục; ý bạn là \"parent\"?"},
        {"code,vi,vi\n", "x/commune.csv:1:9: cột \"vi\" viết hai lần"},
        {"code,vi\n001,\n", "x/commune.csv:2:1: dòng này thiếu code hoặc vi"},
        {"code,vi\n001,a,b\n", "x/commune.csv:2:1: dòng có 3 ô, tiêu đề có 2"},
        {"code,vi,valid_to\n001,a,30/6/2025\n",
         "x/commune.csv:2:7: valid_to phải trống hoặc là ngày có thật, dạng 2025-07-01"},
        {"code,vi,valid_from,valid_to\n001,a,2025-07-01,2025-06-30\n",
         "x/commune.csv:2:18: valid_to của mã \"001\" đứng trước valid_from"},
        {"code,vi,valid_from,valid_to\n001,a,,2025-07-01\n002,b\n001,c,2025-07-01,\n",
         "x/commune.csv:4:1: mã \"001\" đã có hiệu lực vào ngày đó ở dòng 2"},
        {"code,vi\n001,a\n001,b\n",
         "x/commune.csv:3:1: mã \"001\" đã có hiệu lực vào ngày đó ở dòng 2"},
        {"code,vi,parent\n001,a,80\n",
         "x/commune.csv:2:1: mã cha \"80\" không có trong danh mục \"province\""},
        {"code,vi,replaced_by\n001,a,001 9\n",
         "x/commune.csv:2:1: mã thay thế \"9\" không có trong danh mục này"},
        {"code,vi\n001,\"a\n", "x/commune.csv:2:5: thiếu dấu ngoặc kép đóng"},
        {"code,vi\n001,a\x01"
         "b\n",
         "x/commune.csv:2:5: vi dài quá 300 ký tự hoặc có ký tự không dùng được"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_error(LISTS, PROVINCES, rows[i].communes, rows[i].want);
    }
    expect_error("lists: { province: {} }\n", PROVINCES, COMMUNES,
                 "x/commune.csv: danh mục \"commune\" không có trong lists.yaml: thêm vào đó");
    expect_error("lists:\n  province: {}\n  commune: { parent: province }\n  third: {}\n",
                 PROVINCES, COMMUNES, "lists.yaml:4:3: danh mục \"third\" chưa có tệp third.csv");
    expect_error("lists:\n  province: {}\n  commune: { parent: country }\n", PROVINCES, COMMUNES,
                 "lists.yaml:3:22: danh mục cha \"country\" không có trong lists.yaml");
    expect_error(LISTS, "code,vi,parent\n75,a,1\n", COMMUNES,
                 "province:2:6: danh mục \"province\" không có danh mục cha trong lists.yaml");
    expect_error("lists: { Commune: {} }\n", PROVINCES, COMMUNES,
                 "lists.yaml:1:10: tên danh mục \"Commune\" chỉ gồm chữ thường a-z, chữ số và '_'");
}

/* The administrative units and the dictionary that are shipped. */
static void test_shipped(void **state)
{
    (void)state;
    load l = {.owner = NULL};
    l.err = lth_conf_load_datasets(&l.owner, &l.schema, LTH_CONFIG_DIR "/datasets", &l.errors);
    lth_conf_errors_each(&l.errors, false, keep_first, &l);
    lth_conf_errors_fini(&l.errors);
    assert_string_equal(l.first, "");
    assert_int_equal(l.err, LTH_OK);
    assert_true(l.schema->n_lists > 0);
    lth_conf_free(&l.owner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),   cmocka_unit_test(test_dataset),
        cmocka_unit_test(test_judged),  cmocka_unit_test(test_errors),
        cmocka_unit_test(test_shipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
