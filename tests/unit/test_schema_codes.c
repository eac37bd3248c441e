#include "test_rules_kit.h"

static const char *code_at(const char *code, uint32_t on, lth_code_state state)
{
    const lth_code *found = NULL;
    assert_int_equal(lth_codelist_find(rules_kit_list("peoples"), rules_kit_text(code), on, &found),
                     state);
    assert_int_equal(lth_codelist_find(rules_kit_list("peoples"), rules_kit_text(code), on, NULL),
                     state);
    return found == NULL ? "" : found->title.vi;
}

static void test_find(void **state)
{
    (void)state;
    assert_string_equal(code_at("01", 20260101, LTH_CODE_IN_FORCE), "Kinh");
    assert_string_equal(code_at("02", 20191231, LTH_CODE_IN_FORCE), "Thổ");
    assert_string_equal(code_at("02", 20200101, LTH_CODE_IN_FORCE), "Tày");
    assert_string_equal(code_at("97", 20250630, LTH_CODE_IN_FORCE), "Cũ");
    assert_string_equal(code_at("97", 20250701, LTH_CODE_NOT_IN_FORCE), "Cũ");
    assert_string_equal(code_at("97", 19991231, LTH_CODE_NOT_IN_FORCE), "Cũ");
    assert_string_equal(code_at("98", 20250630, LTH_CODE_UNKNOWN), "");
    assert_string_equal(code_at("0", 20250630, LTH_CODE_UNKNOWN), "");
    assert_string_equal(code_at("010", 20250630, LTH_CODE_UNKNOWN), "");
    assert_string_equal(code_at("", 20250630, LTH_CODE_UNKNOWN), "");
    assert_null(lth_schema_list(&rules_kit_schema, "kind"));
}

static void test_titles(void **state)
{
    (void)state;
    static const struct {
        const char *text, *code;
    } rows[] = {
        {"Kinh", "01"},
        {"KINH", "01"},
        {"  kinh ", "01"},
        {"Ki nh", "01"},
        {"Mông", "03"},
        {"H'Mông", "03"},
        {"H’mông", "03"},
        {"H - Mông", "03"},
        {"hmong", "03"}, /* the English title */
        {"Hông", NULL},
        {"Ba na", "04"},
        {"BA-NA", "04"},
        {"Bana", "04"},
        {"Êđê", "05"},
        {"Ê đê", "05"},
        {"Ê-Ðê", "05"}, /* eth instead of d with stroke */
        {"E\xcc\x82-\xc4\x91\x65\xcc\x82", "05"},
        {"Bru-Vân Kiều", "06"},
        {"Bru – Vân Kiều", "06"},
        {"Hòa Bình", "07"},
        {"hoà bình", "07"},
        {"Hoa Bình", NULL},
        {"Trùng", NULL}, /* two codes */
        {"Tày", "02"},
        {"Thổ", NULL}, /* not any more */
        {"Cũ", NULL},
        {"", NULL},
        {" - ", NULL},
        {"\xff", NULL},
    };
    const lth_codelist *list = rules_kit_list("peoples");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const lth_code *found = lth_codelist_by_title(list, rules_kit_text(rows[i].text), 20250701);
        const char *code = found == NULL ? "none" : found->code;
        if (strcmp(code, rows[i].code == NULL ? "none" : rows[i].code) != 0) {
            fail_msg("%s is %s", rows[i].text, code);
        }
    }
    assert_string_equal(lth_codelist_by_title(list, rules_kit_text("Thổ"), 20190101)->code, "02");
    static char title[2000];
    memset(title, 'a', sizeof title - 1);
    assert_null(lth_codelist_by_title(list, rules_kit_text(title), 20190101));
}

static void test_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *text, *title;
    } rows[] = {
        {"Kính", "Kinh"},
        {"kihn", "Kinh"},
        {"Ba ma", "Ba-na"},
        {"Tay", "Tày"},
        {"Mường Thanh", NULL},
        {"", NULL},
        /* of numbers only one that lost its zeros: a digit more or less is another code */
        {"1", "Kinh"},
        {"0003", "HMông"},
        {"10", NULL},
        {"99", NULL},
        {"00", NULL},
    };
    const lth_codelist *list = rules_kit_list("peoples");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const lth_code *found = lth_codelist_nearest(list, rules_kit_text(rows[i].text), 20250701);
        const char *title = found == NULL ? "none" : found->title.vi;
        if (strcmp(title, rows[i].title == NULL ? "none" : rows[i].title) != 0) {
            fail_msg("%s is near %s", rows[i].text, title);
        }
    }
}

static void test_distance(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        uint32_t d;
    } rows[] = {
        {"", "", 0},
        {"abc", "", 3},
        {"abc", "ABC", 0},
        {"Kính", "Kinh", 1},
        {"ab", "ba", 1},
        {"abcd", "acd", 1},
        {"kitten", "sitting", 3},
        {"Đỗ", "Đỏ", 2},
        {"\xff", "a", UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(lth_text_distance(rules_kit_text(rows[i].a), rules_kit_text(rows[i].b)),
                         rows[i].d);
        assert_int_equal(lth_text_distance(rules_kit_text(rows[i].b), rules_kit_text(rows[i].a)),
                         rows[i].d);
    }
}

/* A list of thousands, sorted by an independent rule: every title finds its own code. */
static void test_large(void **state)
{
    (void)state;
    enum { N = 5000 };
    static lth_code codes[N];
    static char texts[N][2][8];
    for (unsigned i = 0; i < N; i++) {
        (void)lth_format(texts[i][0], 8, "%u", 10000 + i);
        (void)lth_format(texts[i][1], 8, "T%u", (i * 7919u) % N);
        codes[i] = (lth_code){.code = texts[i][0], .title = {texts[i][1], NULL}};
    }
    lth_codelist list = {.name = "large", .codes = codes, .n_codes = N};
    assert_int_equal(lth_codelist_index(&list, rules_kit_arena()), LTH_OK);
    for (unsigned i = 0; i < N; i++) {
        const lth_code *found = lth_codelist_by_title(&list, rules_kit_text(texts[i][1]), 20250101);
        assert_non_null(found);
        assert_ptr_equal(found, &codes[i]);
    }
}

static int setup(void **state)
{
    (void)state;
    rules_kit_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rules_kit_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),    cmocka_unit_test(test_titles),
        cmocka_unit_test(test_nearest), cmocka_unit_test(test_distance),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
