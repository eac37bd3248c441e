#include "test_schema_kit.h"

/* Columns of the source: 0 id, 1 ten, 2 so, 3 diem, 4 co, 5 ngay, 6 toan, 7 van, 8 loai, 9 ma. */
static const char *const COLUMNS[] = {"id",   "ten",  "so",  "diem", "co",
                                      "ngay", "toan", "van", "loai", "ma"};

typedef struct fixture {
    lth_map_field fields[8];
    lth_map_field item_fields[3][2];
    lth_map_item items[3];
    lth_mapping mapping;
    lth_arena *arena;
} fixture;

static lth_map_field from(const char *field, int32_t column)
{
    return (lth_map_field){.field = kit_field(field), .column = column};
}

static int setup(void **state)
{
    static fixture f;
    static const lth_map_pair pairs[] = {{"Có", "1"}, {"Không", "0"}};
    static const char *const constants[] = {"VAN", "TOAN", "THE"};
    const lth_field *list = kit_field("parts");
    f.fields[0] = from("name", 1);
    f.fields[1] = from("count", 2);
    f.fields[2] = from("mark", 3);
    f.fields[3] = from("yes", 4);
    f.fields[3].pairs = pairs;
    f.fields[3].n_pairs = 2;
    f.fields[4] = from("born", 5);
    f.fields[4].as = "date_vn";
    f.fields[5] = from("parts", -1);
    for (int i = 0; i < 3; i++) {
        f.item_fields[i][0] =
            (lth_map_field){.field = &list->items[0], .column = -1, .constant = constants[i]};
        f.item_fields[i][1] =
            (lth_map_field){.field = &list->items[i == 2 ? 2 : 1], .column = i == 2 ? 8 : 7 - i};
        f.items[i] = (lth_map_item){f.item_fields[i], 2};
    }
    f.fields[5].items = f.items;
    f.fields[5].n_items = 3;
    f.fields[6] = from("code", 9);
    f.fields[7] = from("day", -1);
    f.fields[7].constant = "2014-05-03";
    f.mapping = (lth_mapping){.dataset = kit_dataset(),
                              .columns = COLUMNS,
                              .n_columns = 10,
                              .fields = f.fields,
                              .n_fields = 8};
    f.arena = lth_arena_new((size_t)4 * 1024 * 1024);
    *state = &f;
    return f.arena == NULL;
}

static int teardown(void **state)
{
    fixture *f = *state;
    lth_arena_free(&f->arena);
    return 0;
}

/* NULL stands for a NULL of the database. */
static void map(fixture *f, lth_mapped_row *out, const char *const cells[10])
{
    lth_cell row[10];
    for (int i = 0; i < 10; i++) {
        const uint8_t *p = (const uint8_t *)cells[i];
        row[i] = (lth_cell){p, p == NULL ? -1 : (int64_t)strlen(cells[i])};
    }
    lth_arena_reset(f->arena);
    assert_int_equal(lth_map_row(out, &f->mapping, NULL, row, 20140901, f->arena), LTH_OK);
    assert_int_equal(out->n_groups, 3);
    assert_int_equal(out->groups[0].number, KIT_MAIN);
    assert_int_equal(out->groups[1].number, KIT_KEY);
    assert_int_equal(out->groups[2].number, KIT_SECRET);
}

static void expect_main(const lth_mapped_row *row, lth_slice bytes)
{
    assert_int_equal(row->groups[0].value.n, bytes.n);
    assert_memory_equal(row->groups[0].value.p, bytes.p, bytes.n);
}

static void test_whole_row(void **state)
{
    lth_mapped_row row;
    const char *const cells[] = {"17", " Lan ", "3", "8,5", "Có", "3/5/2014", "9", NULL, "T", "x"};
    map(*state, &row, cells);
    assert_int_equal(row.findings.n, 0);
    /* The list is sorted by its key; the subject without score is left out. */
    expect_main(&row, KIT_BYTES("\x0a\x03Lan\x10\x06\x18\xa4\x0d\x20\x01\x28\xd7\xa3\xcd\x09"
                                "\x32\x08\x0a\x03THE\x1a\x01T"
                                "\x32\x09\x0a\x04TOAN\x10\x88\x0e"));
    assert_int_equal(row.groups[2].value.n, 0);
    for (uint32_t i = 0; i < row.n_groups; i++) {
        assert_int_equal(
            lth_group_check(kit_group(row.groups[i].number), row.groups[i].value, NULL),
            LTH_REFUSE_none);
    }
}

static void test_faults(void **state)
{
    lth_mapped_row row;
    /* count out of range, "Hết" not in the map, an impossible score: three faults, all left out. */
    const char *const cells[] = {"17", "Lan", "300", NULL, "Hết", "", "x", "8", NULL, "x"};
    map(*state, &row, cells);
    assert_int_equal(row.findings.items[0].code, LTH_REFUSE_bad_value);
    assert_int_equal(row.findings.items[0].field, 2);
    assert_int_equal(row.findings.n, 3);
    expect_main(&row, KIT_BYTES("\x0a\x03Lan\x32\x08\x0a\x03VAN\x10\xc0\x0c"));
}

static void test_missing(void **state)
{
    lth_mapped_row row;
    const char *const cells[] = {"17", "  ", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    map(*state, &row, cells);
    assert_int_equal(row.findings.items[0].code, LTH_REFUSE_missing_required);
    assert_int_equal(row.findings.items[0].field, 1);
    assert_int_equal(row.findings.n, 2); /* name, code */
    assert_int_equal(row.groups[0].value.n, 0);
}

static void test_pairs_are_exact(void **state)
{
    lth_mapped_row row;
    const char *const nfd[] = {"1", "Lan", NULL, NULL, " Co\xcc\x81 ", NULL, NULL, NULL, NULL, "x"};
    map(*state, &row, nfd);
    assert_int_equal(row.findings.n, 0);
    const char *const other[] = {"1", "Lan", NULL, NULL, "có", NULL, NULL, NULL, NULL, "x"};
    map(*state, &row, other);
    assert_int_equal(row.findings.n, 1);
    assert_int_equal(row.findings.items[0].field, 4);
}

static void test_same_item_twice(void **state)
{
    fixture *f = *state;
    lth_mapped_row row;
    f->item_fields[0][0].constant = "TOAN";
    const char *const cells[] = {"1", "Lan", NULL, NULL, NULL, NULL, "9", "8", NULL, "x"};
    map(f, &row, cells);
    f->item_fields[0][0].constant = "VAN";
    assert_int_equal(row.findings.items[0].code, LTH_REFUSE_bad_value);
    assert_int_equal(row.findings.items[0].field, 6);
    expect_main(&row, KIT_BYTES("\x0a\x03Lan\x32\x09\x0a\x04TOAN\x10\xc0\x0c"));
}

/* Every fault of a row, with column and item; the rest of the row is there. */
static void test_all_faults(void **state)
{
    lth_mapped_row row;
    const char *const cells[] = {"17", "Lan", "300", "x", "Hết", "?", "x", "8", "LONG", "x"};
    map(*state, &row, cells);
    static const struct {
        uint16_t field, item, item_field;
        int32_t column;
    } want[] = {{2, 0, 0, 2}, {3, 0, 0, 3}, {4, 0, 0, 4}, {5, 0, 0, 5}, {6, 2, 2, 6}, {6, 3, 3, 8}};
    assert_int_equal(row.findings.n, 6);
    assert_int_equal(row.findings.errors, 6);
    for (uint32_t i = 0; i < 6; i++) {
        const lth_finding *f = &row.findings.items[i];
        assert_string_equal(lth_refusal_name(f->code), "bad_value");
        assert_int_equal(f->severity, LTH_SEVERITY_ERROR);
        assert_int_equal(f->field, want[i].field);
        assert_int_equal(f->item, want[i].item);
        assert_int_equal(f->item_field, want[i].item_field);
        assert_int_equal(f->column, want[i].column);
        assert_int_equal(f->group, KIT_MAIN);
    }
    expect_main(&row, KIT_BYTES("\x0a\x03Lan\x32\x08\x0a\x03VAN\x10\xc0\x0c"));
    const lth_dataset *ds = kit_dataset();
    assert_int_equal(row.values[0].text.n, 3);
    assert_int_equal(row.values[1].kind, LTH_VALUE_NULL);
    assert_int_equal(row.values[kit_field("day") - ds->fields].number, 20140503);
}

static void expect_term(fixture *f, const lth_mapped_row *row, const lth_cell *cells,
                        lth_map_term term, const char *want)
{
    lth_buf out;
    bool present;
    lth_buf_init(&out, 1000);
    assert_int_equal(lth_map_term_text(&out, &f->mapping, &term, cells, row, &present), LTH_OK);
    assert_int_equal(present, want != NULL);
    assert_int_equal(out.n, want != NULL ? strlen(want) : 0);
    if (want != NULL) {
        assert_memory_equal(out.p, want, out.n);
    }
    lth_buf_fini(&out);
}

static void test_terms(void **state)
{
    fixture *f = *state;
    lth_mapped_row row;
    const char *const texts[] = {"17",       "Lan", NULL,          "8,5",  "Có",
                                 "3/5/2014", NULL,  " o\xcc\x82 ", "\xff", "x"};
    lth_cell cells[10];
    for (int i = 0; i < 10; i++) {
        const uint8_t *p = (const uint8_t *)texts[i];
        cells[i] = (lth_cell){p, p == NULL ? -1 : (int64_t)strlen(texts[i])};
    }
    map(f, &row, texts);
    expect_term(f, &row, cells, (lth_map_term){.field = 0, .column = -1}, "Lan");
    expect_term(f, &row, cells, (lth_map_term){.field = 1, .column = -1}, NULL);
    expect_term(f, &row, cells, (lth_map_term){.field = 2, .column = -1}, "8.50");
    expect_term(f, &row, cells, (lth_map_term){.field = 4, .column = -1}, "2014-05-03");
    expect_term(f, &row, cells, (lth_map_term){.field = -1, .column = 7}, "ô");
    expect_term(f, &row, cells, (lth_map_term){.field = -1, .column = 6}, NULL);
    expect_term(f, &row, cells, (lth_map_term){.field = -1, .column = 8}, NULL); /* not text */
    expect_term(f, &row, cells, (lth_map_term){.field = -1, .column = -1, .constant = "2026"},
                "2026");
}

static void test_limits(void **state)
{
    fixture *f = *state;
    lth_mapped_row row;
    lth_arena *small = lth_arena_new(64);
    const lth_cell cells[10] = {{0}};
    assert_int_equal(lth_map_row(&row, &f->mapping, NULL, cells, 20140901, small), LTH_E_NOMEM);
    lth_arena_free(&small);
    /* A text over the largest record is a bad value, not an overflow. */
    static char huge[300 * 1024];
    memset(huge, 'a', sizeof huge - 1);
    const char *const long_cells[] = {"1", huge, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "x"};
    map(f, &row, long_cells);
    assert_int_equal(row.findings.items[0].code, LTH_REFUSE_bad_value);
    assert_int_equal(row.findings.items[0].field, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_row),       cmocka_unit_test(test_faults),
        cmocka_unit_test(test_missing),         cmocka_unit_test(test_pairs_are_exact),
        cmocka_unit_test(test_same_item_twice), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_all_faults),      cmocka_unit_test(test_terms),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
