/* Records of the public stream: what they carry comes back, what is not one is not taken, and the
 * built-in datasets are those of config/public. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lth/conf.h"
#include "lth/public.h"
#include "test_hasher.h"

static lth_slice text(const char *s)
{
    return lth_slice_of(s, strlen(s));
}

/* ---- making records ---- */

static lth_buf natural, content, body;

static lth_slice wire_of(uint16_t dataset, lth_op op)
{
    static lth_batch_builder builder;
    lth_hasher h = test_hasher();
    lth_record_new record = {.op = op, .dataset = dataset, .n_groups = op == LTH_OP_STATE ? 2 : 1};
    record.groups[0].number = LTH_PUBLIC_NATURAL;
    record.groups[0].value = lth_buf_slice(&natural);
    record.groups[1].number = LTH_PUBLIC_CONTENT;
    record.groups[1].value = lth_buf_slice(&content);
    lth_batch_builder_fini(&builder);
    lth_batch_builder_init(&builder);
    lth_batch_builder_reset(&builder, 1);
    assert_int_equal(lth_batch_builder_add(&builder, &h, &record), LTH_OK);
    return lth_buf_slice(&builder.body);
}

static lth_record_view view_of(lth_slice wire)
{
    lth_record_view view;
    lth_rd rd = lth_rd_of(wire);
    assert_int_equal(lth_record_parse(&view, &rd), LTH_REFUSE_none);
    return view;
}

static int begin(void **state)
{
    (void)state;
    lth_buf_init(&natural, 4096);
    lth_buf_init(&content, LTH_RECORD_MAX);
    lth_buf_init(&body, LTH_RECORD_MAX);
    return 0;
}

static int end(void **state)
{
    (void)state;
    lth_buf_fini(&natural);
    lth_buf_fini(&content);
    lth_buf_fini(&body);
    return 0;
}

/* ---- tests ---- */

static void a_definition_comes_back(void **state)
{
    (void)state;
    lth_hasher h = test_hasher();
    lth_public_definition in = {.kind = LTH_PUBLIC_DATASET,
                                .name = text("book"),
                                .version = 7,
                                .text = text("dataset: book\n")};
    lth_public_definition out;
    assert_int_equal(lth_public_definition_encode(&natural, &content, &h, &in), LTH_OK);
    lth_record_view view = view_of(wire_of(LTH_PUBLIC_DEFINITION, LTH_OP_STATE));
    assert_true(lth_public_definition_read(&out, &h, &view));
    assert_int_equal(out.kind, LTH_PUBLIC_DATASET);
    assert_int_equal(out.version, 7);
    assert_true(lth_slice_equal(out.name, in.name));
    assert_true(lth_slice_equal(out.text, in.text));
    lth_findings found;
    assert_int_equal(lth_record_judge(lth_public_schema(), &view, NULL, &found), LTH_REFUSE_none);
    lth_public_code code;
    assert_false(lth_public_code_read(&code, &view));
}

/* Bytes by hand: field, length, text. */
static void the_bytes_of_a_code_are_fixed(void **state)
{
    (void)state;
    static const uint8_t key[] = {0x0a, 3,    's',  'e',  'x',  0x12, 1,
                                  '1',  0x18, 0xcd, 0x80, 0xd4, 0x09};
    static const uint8_t rest[] = {0x22, 3, 'N', 'a', 'm', 0x2a, 4, 'M', 'a', 'l', 'e'};
    lth_public_code in = {.list = text("sex"),
                          .code = text("1"),
                          .from = 20250701,
                          .vi = text("Nam"),
                          .en = text("Male")};
    assert_int_equal(lth_public_code_encode(&natural, &content, &in), LTH_OK);
    assert_int_equal(natural.n, sizeof key);
    assert_memory_equal(natural.p, key, sizeof key);
    assert_int_equal(content.n, sizeof rest);
    assert_memory_equal(content.p, rest, sizeof rest);
}

static void a_code_comes_back(void **state)
{
    (void)state;
    const lth_public_code all[] = {
        {.list = text("commune"),
         .code = text("00097"),
         .from = 20250701,
         .to = 20301231,
         .vi = text("Phường"),
         .en = text("Ward"),
         .parent = text("01"),
         .replaced_by = text("00100 00101")},
        {.list = text("sex"), .code = text("1")},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        lth_public_code out;
        lth_findings found;
        assert_int_equal(lth_public_code_encode(&natural, &content, &all[i]), LTH_OK);
        lth_record_view view = view_of(wire_of(LTH_PUBLIC_CODE, LTH_OP_STATE));
        assert_int_equal(lth_record_judge(lth_public_schema(), &view, NULL, &found),
                         LTH_REFUSE_none);
        assert_true(lth_public_code_read(&out, &view));
        assert_int_equal(out.from, all[i].from);
        assert_int_equal(out.to, all[i].to);
        assert_true(lth_slice_equal(out.list, all[i].list));
        assert_true(lth_slice_equal(out.code, all[i].code));
        assert_true(lth_slice_equal(out.vi, all[i].vi));
        assert_true(lth_slice_equal(out.en, all[i].en));
        assert_true(lth_slice_equal(out.parent, all[i].parent));
        assert_true(lth_slice_equal(out.replaced_by, all[i].replaced_by));
    }
}

static void what_is_no_definition_is_not_taken(void **state)
{
    (void)state;
    lth_hasher h = test_hasher();
    lth_public_definition out, in = {.kind = LTH_PUBLIC_LIST,
                                     .name = text("sex"),
                                     .version = 1,
                                     .text = text("list: sex\n")};
    assert_int_equal(lth_public_definition_encode(&natural, &content, &h, &in), LTH_OK);
    lth_record_view gone = view_of(wire_of(LTH_PUBLIC_DEFINITION, LTH_OP_DELETE));
    assert_false(lth_public_definition_read(&out, &h, &gone));
    lth_record_view other = view_of(wire_of(LTH_PUBLIC_CODE, LTH_OP_STATE));
    assert_false(lth_public_definition_read(&out, &h, &other));
    content.p[content.n - 1] ^= 1; /* no longer the text of its hash */
    lth_record_view changed = view_of(wire_of(LTH_PUBLIC_DEFINITION, LTH_OP_STATE));
    assert_false(lth_public_definition_read(&out, &h, &changed));
    in.text = (lth_slice){0};
    assert_int_equal(lth_public_definition_encode(&natural, &content, &h, &in), LTH_E_LIMIT);
    static uint8_t large[LTH_PUBLIC_TEXT_MAX + 1];
    memset(large, 'x', sizeof large);
    in.text = lth_slice_of(large, sizeof large);
    assert_int_equal(lth_public_definition_encode(&natural, &content, &h, &in), LTH_E_LIMIT);
    in.text.n--;
    assert_int_equal(lth_public_definition_encode(&natural, &content, &h, &in), LTH_OK);
    lth_record_view whole = view_of(wire_of(LTH_PUBLIC_DEFINITION, LTH_OP_STATE));
    assert_true(lth_public_definition_read(&out, &h, &whole));
}

/* ---- sets ---- */

static void add_definition(lth_public_set *set, lth_public_kind kind, const char *name, uint32_t v,
                           const char *of)
{
    lth_public_definition one = {.kind = kind, .name = text(name), .version = v, .text = text(of)};
    assert_int_equal(lth_public_set_definition(set, &one), LTH_OK);
}

static void add_code(lth_public_set *set, const char *list, const char *code, uint32_t from,
                     const char *vi)
{
    lth_public_code one = {.list = text(list), .code = text(code), .from = from, .vi = text(vi)};
    assert_int_equal(lth_public_set_code(set, &one), LTH_OK);
}

static void the_difference_is_in_the_order_of_publication(void **state)
{
    (void)state;
    lth_public_set old = {0}, new_ = {0};
    add_definition(&old, LTH_PUBLIC_DATASET, "b", 1, "b1");
    add_definition(&old, LTH_PUBLIC_DATASET, "a", 1, "a1");
    add_definition(&old, LTH_PUBLIC_DATASET, "gone", 1, "g");
    add_definition(&old, LTH_PUBLIC_ACT, "1", 1, "who");
    add_code(&old, "sex", "2", 0, "Nữ");
    add_code(&old, "sex", "1", 0, "Nam");
    add_code(&old, "sex", "1", 20250101, "Nam");
    add_definition(&new_, LTH_PUBLIC_LIST, "sex", 1, "list");
    add_definition(&new_, LTH_PUBLIC_DATASET, "a", 1, "a1");
    add_definition(&new_, LTH_PUBLIC_DATASET, "b", 2, "b2");
    add_code(&new_, "sex", "9", 0, "Chưa rõ");
    add_code(&new_, "sex", "1", 0, "Nam giới");
    add_code(&new_, "sex", "2", 0, "Nữ");
    assert_int_equal(lth_public_set_sort(&old), LTH_OK);
    assert_int_equal(lth_public_set_sort(&new_), LTH_OK);
    static const struct {
        uint16_t dataset;
        const char *name;
        uint32_t from;
        bool ends, fresh;
    } expected[] = {
        {LTH_PUBLIC_CODE, "1", 0, false, false},
        {LTH_PUBLIC_CODE, "9", 0, false, true},
        {LTH_PUBLIC_DEFINITION, "b", 0, false, false},
        {LTH_PUBLIC_DEFINITION, "sex", 0, false, true},
        {LTH_PUBLIC_DEFINITION, "gone", 0, true, false},
        {LTH_PUBLIC_CODE, "1", 20250101, true, false},
    };
    lth_public_change *changes;
    uint32_t n;
    assert_int_equal(lth_public_diff(&changes, &n, &old, &new_), LTH_OK);
    assert_int_equal(n, sizeof expected / sizeof *expected);
    for (uint32_t i = 0; i < n; i++) {
        lth_slice name = changes[i].dataset == LTH_PUBLIC_CODE ? changes[i].code->code
                                                               : changes[i].definition->name;
        assert_int_equal(changes[i].dataset, expected[i].dataset);
        assert_true(lth_slice_equal(name, text(expected[i].name)));
        assert_int_equal(changes[i].ends, expected[i].ends);
        assert_int_equal(changes[i].fresh, expected[i].fresh);
        if (changes[i].code != NULL) {
            assert_int_equal(changes[i].code->from, expected[i].from);
        }
    }
    free(changes);
    assert_int_equal(lth_public_diff(&changes, &n, &new_, &new_), LTH_OK);
    assert_int_equal(n, 0);
    free(changes);
    const lth_public_definition *found = lth_public_set_find(&new_, LTH_PUBLIC_DATASET, text("b"));
    assert_non_null(found);
    assert_int_equal(found->version, 2);
    assert_null(lth_public_set_find(&new_, LTH_PUBLIC_LIST, text("b")));
    lth_public_set_fini(&old);
    lth_public_set_fini(&new_);
}

/* Sorted, however large and in whatever order it came. */
static void many_codes_are_sorted(void **state)
{
    (void)state;
    lth_public_set set = {0};
    uint32_t x = 1;
    for (uint32_t i = 0; i < 14321; i++) {
        char code[16];
        x = x * 1664525u + 1013904223u;
        (void)snprintf(code, sizeof code, "%05u", x >> 16);
        add_code(&set, "commune", code, 20000101 + x % 7, "Xã");
    }
    assert_int_equal(lth_public_set_sort(&set), LTH_OK);
    assert_int_equal(set.n_codes, 14321);
    for (uint32_t i = 1; i < set.n_codes; i++) {
        int order = lth_slice_compare(set.codes[i - 1].code, set.codes[i].code);
        assert_true(order < 0 || (order == 0 && set.codes[i - 1].from <= set.codes[i].from));
    }
    lth_public_set_fini(&set);
}

/* ---- the built-in datasets ---- */

static void same_field(const lth_field *a, const lth_field *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->group, b->group);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->required, b->required);
    assert_int_equal(a->max, b->max);
    assert_int_equal(a->precision, b->precision);
    assert_int_equal(a->has_min, b->has_min);
    assert_int_equal(a->min, b->min);
    assert_string_equal(a->title.vi, b->title.vi);
    assert_string_equal(a->title.en, b->title.en);
}

static void the_files_say_what_is_built_in(void **state)
{
    (void)state;
    lth_conf *owner;
    const lth_schema *files;
    lth_conf_errors errors;
    const lth_schema *built = lth_public_schema();
    assert_int_equal(lth_conf_load_datasets(&owner, &files, LTH_CONFIG_DIR "/public", &errors),
                     LTH_OK);
    lth_conf_errors_fini(&errors);
    assert_int_equal(files->n_datasets, built->n_datasets);
    for (uint32_t i = 0; i < built->n_datasets; i++) {
        const lth_dataset *a = &built->datasets[i], *b = &files->datasets[i];
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->number, b->number);
        assert_int_equal(a->version, b->version);
        assert_int_equal(a->natural_group, b->natural_group);
        assert_int_equal(a->n_groups, b->n_groups);
        assert_int_equal(a->n_fields, b->n_fields);
        for (uint32_t g = 0; g < a->n_groups; g++) {
            assert_string_equal(a->groups[g].name, b->groups[g].name);
            assert_int_equal(a->groups[g].number, b->groups[g].number);
            assert_int_equal(a->groups[g].n_fields, b->groups[g].n_fields);
            for (uint32_t f = 0; f < a->groups[g].n_fields; f++) {
                same_field(a->groups[g].fields[f], b->groups[g].fields[f]);
            }
        }
    }
    lth_conf_free(&owner);
}

static void they_are_added_to_any_schema(void **state)
{
    (void)state;
    static const lth_dataset others[] = {{.name = "two", .number = 2},
                                         {.name = "nine", .number = 9}};
    static const lth_dataset same[] = {{.name = "seven", .number = 7}};
    const lth_schema in = {.dict_ver = 4, .datasets = others, .n_datasets = 2};
    const lth_schema clash = {.datasets = same, .n_datasets = 1};
    lth_arena *arena = lth_arena_new(1 << 20);
    lth_schema out;
    lth_diag diag = {0};
    assert_int_equal(lth_public_extend(&out, &in, arena, &diag), LTH_OK);
    assert_int_equal(out.n_datasets, 4);
    for (uint16_t i = 0; i < 4; i++) {
        static const uint16_t numbers[] = {1, 2, 7, 9};
        assert_int_equal(out.datasets[i].number, numbers[i]);
    }
    assert_int_equal(out.dict_ver, 4);
    assert_int_equal(lth_public_extend(&out, &clash, arena, &diag), LTH_E_CONFIG);
    lth_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_definition_comes_back),
        cmocka_unit_test(the_bytes_of_a_code_are_fixed),
        cmocka_unit_test(a_code_comes_back),
        cmocka_unit_test(what_is_no_definition_is_not_taken),
        cmocka_unit_test(the_difference_is_in_the_order_of_publication),
        cmocka_unit_test(many_codes_are_sorted),
        cmocka_unit_test(the_files_say_what_is_built_in),
        cmocka_unit_test(they_are_added_to_any_schema),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
