#include <stdio.h>
#include <stdlib.h>

#include "test_rules_kit.h"

static lth_arena *arena;
static lth_codelist lists[2];

static const lth_code KINDS[] = {
    {.code = "a1", .title = {"Lá", "Leaf"}, .parent = "P1"},
    {.code = "b2", .title = {"Hoa", NULL}, .parent = "P2"},
    {.code = "c3", .title = {"Quả", "Fruit"}},
};

/* 02 was another people before 2020; 97 ended, its place was taken by 01 and 03. */
static const lth_code PEOPLES[] = {
    {.code = "01", .title = {"Kinh", "Kinh"}},
    {.code = "02", .to = 20191231, .title = {"Thổ", NULL}},
    {.code = "02", .from = 20200101, .title = {"Tày", NULL}},
    {.code = "03", .title = {"HMông", "Hmong"}},
    {.code = "04", .title = {"Ba-na", NULL}},
    {.code = "05", .title = {"Ê-đê", NULL}},
    {.code = "06", .title = {"Bru - Vân Kiều", NULL}},
    {.code = "07", .title = {"Hoà Bình", NULL}},
    {.code = "08", .title = {"Trùng", NULL}},
    {.code = "09", .title = {"TRÙNG", NULL}},
    {.code = "97",
     .from = 20000101,
     .to = 20250630,
     .title = {"Cũ", "Old"},
     .replaced_by = "01 03"},
};

static lth_field items[] = {
    {.name = "k", .number = 1, .type = LTH_TYPE_TEXT, .max = 20, .required = true},
    {.name = "v", .number = 2, .type = LTH_TYPE_DECIMAL, .digits = 4, .scale = 1},
    {.name = "w", .number = 3, .type = LTH_TYPE_CODE, .max = 5, .list = "kinds"},
};

static lth_field fields[RULES_KIT_FIELDS] = {
    {.name = "n", .number = 1, .group = 1, .type = LTH_TYPE_INTEGER, .title = {"Số", "Number"}},
    {.name = "d", .number = 2, .group = 1, .type = LTH_TYPE_DECIMAL, .digits = 12, .scale = 2},
    {.name = "s", .number = 3, .group = 1, .type = LTH_TYPE_TEXT, .max = 50},
    {.name = "c", .number = 4, .group = 1, .type = LTH_TYPE_CODE, .max = 5, .list = "kinds"},
    {.name = "b", .number = 5, .group = 1, .type = LTH_TYPE_BOOL},
    {.name = "t",
     .number = 6,
     .group = 1,
     .type = LTH_TYPE_DATE,
     .precision = 7,
     .title = {"Ngày sinh", "Date of birth"}},
    {.name = "u", .number = 7, .group = 1, .type = LTH_TYPE_DATE, .precision = LTH_DATE_DAY},
    {.name = "l",
     .number = 8,
     .group = 1,
     .type = LTH_TYPE_LIST,
     .max = 5,
     .items = items,
     .n_items = 3,
     .key_item = 1,
     .title = {"Các môn", "Subjects"}},
    {.name = "key", .number = 9, .group = 2, .type = LTH_TYPE_TEXT, .max = 20, .required = true},
    {.name = "q",
     .number = 10,
     .group = 1,
     .type = LTH_TYPE_CODE,
     .max = 2,
     .list = "peoples",
     .title = {"Dân tộc", "Ethnic group"}},
};
static const lth_field *const MAIN[] = {&fields[0], &fields[1], &fields[2], &fields[3], &fields[4],
                                        &fields[5], &fields[6], &fields[7], &fields[9]};
static const lth_field *const KEY[] = {&fields[8]};
static const lth_group GROUPS[] = {
    {.name = "main", .number = 1, .fields = MAIN, .n_fields = 9},
    {.name = "key", .number = 2, .fields = KEY, .n_fields = 1},
};
static lth_dataset dataset = {.name = "thing",
                              .number = 3,
                              .version = 1,
                              .groups = GROUPS,
                              .n_groups = 2,
                              .fields = fields,
                              .n_fields = RULES_KIT_FIELDS,
                              .natural_group = 2};
lth_schema rules_kit_schema = {.datasets = &dataset, .n_datasets = 1, .lists = lists, .n_lists = 2};

lth_dataset *rules_kit_dataset(void)
{
    return &dataset;
}

const lth_codelist *rules_kit_list(const char *name)
{
    return lth_schema_list(&rules_kit_schema, name);
}

lth_arena *rules_kit_arena(void)
{
    return arena;
}

void rules_kit_open(void)
{
    arena = lth_arena_new((size_t)256 * 1024 * 1024);
    assert_non_null(arena);
    lists[0] =
        (lth_codelist){.name = "kinds", .parent_list = "parents", .codes = KINDS, .n_codes = 3};
    lists[1] = (lth_codelist){.name = "peoples",
                              .title = {"Dân tộc", "Ethnic groups"},
                              .codes = PEOPLES,
                              .n_codes = sizeof PEOPLES / sizeof PEOPLES[0]};
    assert_int_equal(lth_codelist_index(&lists[0], arena), LTH_OK);
    assert_int_equal(lth_codelist_index(&lists[1], arena), LTH_OK);
    fields[3].codes = items[2].codes = &lists[0];
    fields[9].codes = &lists[1];
}

void rules_kit_close(void)
{
    lth_arena_free(&arena);
}

lth_slice rules_kit_text(const char *text)
{
    return lth_slice_of(text, strlen(text));
}

/* "k:v;k:v", v and a code w behind another ':' may be missing, to the run of encoded items. */
static lth_slice read_items(const char *text)
{
    lth_buf out;
    static const lth_field *const item_fields[] = {&items[0], &items[1], &items[2]};
    const lth_group item = {.fields = item_fields, .n_fields = 3};
    lth_buf_init(&out, 4096);
    while (*text != '\0') {
        size_t n = strcspn(text, ";");
        size_t k = strcspn(text, ":");
        size_t w = k + 1 + strcspn(text + k + 1, ":;");
        lth_value values[3] = {{.kind = LTH_VALUE_TEXT, .text = lth_slice_of(text, k)}};
        if (w > k + 1) {
            values[1] =
                (lth_value){.kind = LTH_VALUE_INT, .number = strtoll(text + k + 1, NULL, 10)};
        }
        if (w < n) {
            values[2] =
                (lth_value){.kind = LTH_VALUE_TEXT, .text = lth_slice_of(text + w + 1, n - w - 1)};
        }
        lth_buf one;
        lth_buf_init(&one, 1024);
        assert_int_equal(lth_group_encode(&one, &item, values), LTH_OK);
        uint8_t head[] = {8 << 3 | 2, (uint8_t)one.n};
        assert_true(one.n < 128);
        assert_int_equal(lth_buf_add(&out, head, 2), LTH_OK);
        assert_int_equal(lth_buf_add(&out, one.p, one.n), LTH_OK);
        lth_buf_fini(&one);
        text += n + (text[n] == ';' ? 1 : 0);
    }
    const void *kept = lth_arena_copy(arena, out.p, out.n);
    lth_slice run = lth_slice_of(kept, out.n);
    lth_buf_fini(&out);
    return run;
}

void rules_kit_values(lth_value values[RULES_KIT_FIELDS], const char *text)
{
    memset(values, 0, RULES_KIT_FIELDS * sizeof *values);
    while (*text != '\0') {
        size_t n = strcspn(text, "\x1f");
        size_t name = strcspn(text, "=");
        uint32_t i = 0;
        while (strncmp(fields[i].name, text, name) != 0 || fields[i].name[name] != '\0') {
            i++;
        }
        char *value = lth_arena_copy(arena, text + name + 1, n - name);
        value[n - name - 1] = '\0';
        if (fields[i].type == LTH_TYPE_TEXT || fields[i].type == LTH_TYPE_CODE) {
            values[i] = (lth_value){.kind = LTH_VALUE_TEXT, .text = rules_kit_text(value)};
        } else if (fields[i].type == LTH_TYPE_LIST) {
            values[i] = (lth_value){.kind = LTH_VALUE_BYTES, .text = read_items(value)};
        } else {
            values[i] = (lth_value){.kind = LTH_VALUE_INT, .number = strtoll(value, NULL, 10)};
        }
        text += n + (text[n] != '\0' ? 1 : 0);
    }
}
