/* Columns found by the text of their headers, wherever they stand. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "agents/capture/headers.h"

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof((a)[0])))
#define WIDTH    12u

static const char *const CODE[] = {"Mã học sinh", "Mã HS", "Lên lớp"};
static const char *const NAME[] = {"Họ và tên", "Họ tên"};
static const char *const BORN[] = {"Ngày sinh"};
static const char *const JOB[] = {"Thông tin cha / Nghề nghiệp", "Nghề thứ 2", "Tên lớp"};
static const lth_capture_column COLUMNS[] = {
    {CODE, 3, false}, {NAME, 2, false}, {BORN, 1, false}, {JOB, 3, true}};

/* A sheet as text: rows of cells apart by '|'; "<" is covered by a merge from the left, an empty
 * row is left out as the reader does. */
static void fill(headers_top *top, lth_arena *arena, const char *const *rows, uint32_t n)
{
    *top = (headers_top){.arena = arena};
    for (uint32_t r = 0; r < n; r++) {
        headers_cell cells[WIDTH] = {0};
        uint32_t width = 0;
        for (const char *p = rows[r]; *p != '\0';) {
            size_t size = strcspn(p, "|");
            cells[width].covered = size == 1 && *p == '<';
            if (!cells[width].covered)
                cells[width].text = lth_slice_of(p, size);
            width++;
            p += size + (p[size] == '|' ? 1 : 0);
        }
        if (width > 0)
            assert_true(headers_top_add(top, r + 1, cells, width));
    }
}

typedef struct sheet_case {
    const char *rows[6];
    uint32_t header_rows;
    int32_t columns[4]; /* -9 in the first: not found. */
    uint32_t last_row;
    const char *fault; /* Part of the Vietnamese text. */
} sheet_case;

static const sheet_case CASES[] = {
    /* in order, in another order, with other case, blanks, marks */
    {{"Mã học sinh|Họ và tên|Ngày sinh"}, 1, {0, 1, 2, -1}, 1, NULL},
    {{"STT|NGÀY  SINH:|Mã HS (*)|họ tên *"}, 1, {2, 3, 1, -1}, 1, NULL},
    /* titles above, an empty row between */
    {{"SỞ GIÁO DỤC", "DANH SÁCH", "", "STT|Mã HS|Họ tên|Ngày sinh"}, 1, {1, 2, 3, -1}, 4, NULL},
    /* two rows: the pupil's name, not the father's; merged or only empty beside */
    {{"Mã HS|Họ tên|Ngày sinh|Thông tin cha|<", "|||Họ tên|Nghề nghiệp"}, 2, {0, 1, 2, 4}, 2, NULL},
    {{"Mã HS|Họ tên|Ngày sinh|Thông tin cha|", "|||Họ tên|Nghề nghiệp"}, 2, {0, 1, 2, 4}, 2, NULL},
    /* a title right above the headers is no header */
    {{"DANH SÁCH", "Mã HS|Họ tên|Ngày sinh|Thông tin cha|<", "|||Họ tên|Nghề nghiệp"},
     2,
     {0, 1, 2, 4},
     3,
     NULL},
    /* nor above fewer rows than there may be, whose columns have names of two rows */
    {{"DANH SÁCH", "Mã HS|Họ tên|Ngày sinh|Thông tin cha|<", "|||Họ tên|Nghề nghiệp",
      "(1)|(2)|(3)|(4)|(5)"},
     3,
     {0, 1, 2, 4},
     3,
     NULL},
    /* fewer header rows than there may be, under titles or not */
    {{"Mã HS|Họ tên|Ngày sinh", "9990000001|A|2014", "9990000002|B|2014"},
     3,
     {0, 1, 2, -1},
     1,
     NULL},
    {{"SỞ", "DANH SÁCH", "Mã HS|Họ tên|Ngày sinh", "9990000001|A|2014"}, 3, {0, 1, 2, -1}, 3, NULL},
    /* nearly right: named, with its cell */
    {{"Mã HS|Họ tên|Ngày snh"}, 1, {-9}, 0, "\"Ngày snh\" ở ô C1"},
    {{"Mã HS|Họ tên|Điểm"}, 1, {-9}, 0, "thiếu cột \"Ngày sinh\" (hàng tiêu đề 1)"},
    {{"Mã HS|Họ tên|Ngày sinh|Họ tên"}, 1, {-9}, 0, "hai cột cùng tiêu đề \"Họ tên\" (B1 và D1)"},
    {{"1|2|3"}, 1, {-9}, 0, "thiếu cột"},
    /* one letter from a column that may be missing: said, not passed over */
    {{"Mã HS|Họ tên|Ngày sinh|Thông tin cha|<", "|||Họ tên|Nghề nghiêp"},
     2,
     {-9},
     0,
     "\"Nghề nghiêp\" ở ô E2"},
    {{"Mã HS|Họ tên|Ngày sinh|Tên lơp"}, 3, {-9}, 0, "\"Tên lơp\" ở ô D1"},
    /* but another number is another column, and the right name of one column is no slip */
    {{"Mã HS|Họ tên|Ngày sinh|Nghề thứ 1"}, 1, {0, 1, 2, -1}, 1, NULL},
    {{"Mã HS|Họ tên|Ngày sinh|Lên lớp"}, 1, {0, 1, 2, -1}, 1, NULL},
};

static void test_cases(void **state)
{
    (void)state;
    static headers_top top;
    static headers_place place;
    for (uint32_t i = 0; i < COUNT(CASES); i++) {
        const sheet_case *c = &CASES[i];
        lth_arena *arena = lth_arena_new(1u << 20);
        uint32_t n = 0;
        while (n < COUNT(c->rows) && c->rows[n] != NULL)
            n++;
        fill(&top, arena, c->rows, n);
        const lth_capture_file_table table = {
            .sheet_name = "", .header_rows = c->header_rows, .columns = COLUMNS, .n_columns = 4};
        headers_fault fault;
        bool found = headers_find(&place, &top, &table, &fault);
        if (found != (c->columns[0] != -9))
            fail_msg("case %u: %s", i, fault.vi);
        for (uint32_t k = 0; k < 4 && found; k++) {
            if (place.columns[k] != c->columns[k])
                fail_msg("case %u column %u: %d", i, k, place.columns[k]);
        }
        if (found)
            assert_int_equal(place.last_row, c->last_row);
        if (!found && strstr(fault.vi, c->fault) == NULL)
            fail_msg("case %u: %s", i, fault.vi);
        lth_arena_free(&arena);
    }
}

/* What a column is called on the page: as it stands there, on one line, short, and where it is. */
static void test_names(void **state)
{
    (void)state;
    static headers_top top;
    static headers_place place;
    static const struct {
        const char *rows[3];
        uint32_t header_rows;
        const char *names[4]; /* NULL: not there. */
        uint16_t at[4];
    } cases[] = {
        {{"STT|Mã HS (*)|  Họ   tên |Ngày\nsinh:"},
         1,
         {"Mã HS (*)", "Họ tên", "Ngày sinh:"},
         {2, 3, 4}},
        {{"Mã HS|Họ tên|Ngày sinh|Thông tin cha|", "|||Họ tên|Nghề nghiệp"},
         2,
         {"Mã HS", "Họ tên", "Ngày sinh", "Thông tin cha / Nghề nghiệp"},
         {1, 2, 3, 5}},
        {{"DANH SÁCH", "Mã HS|Họ tên|Học sinh", "Mã HS||Ngày sinh"},
         2,
         {"Mã HS", "Họ tên", "Học sinh / Ngày sinh"},
         {1, 2, 3}},
        /* a title right above, over all of them */
        {{"DANH SÁCH|<|<|<", "Mã HS|Họ tên|Ngày sinh|Lớp"},
         2,
         {"Mã HS", "Họ tên", "Ngày sinh"},
         {1, 2, 3}},
        /* a long path: its last part */
        {{"Mã HS|Họ tên|Thông tin của học sinh như trong học bạ và giấy khai sinh bản gốc",
          "||Ngày sinh"},
         2,
         {"Mã HS", "Họ tên", "Ngày sinh"},
         {1, 2, 3}},
    };
    for (uint32_t i = 0; i < COUNT(cases); i++) {
        lth_arena *arena = lth_arena_new(1u << 20);
        lth_header headers[4];
        headers_fault fault;
        uint32_t n = 0;
        while (n < COUNT(cases[i].rows) && cases[i].rows[n] != NULL)
            n++;
        fill(&top, arena, cases[i].rows, n);
        const lth_capture_file_table table = {.sheet_name = "",
                                              .header_rows = cases[i].header_rows,
                                              .columns = COLUMNS,
                                              .n_columns = 4};
        assert_true(headers_find(&place, &top, &table, &fault));
        assert_true(headers_names(headers, &top, &place, 4, arena));
        for (uint32_t k = 0; k < 4; k++) {
            assert_int_equal(headers[k].at, cases[i].at[k]);
            const char *name = cases[i].names[k] != NULL ? cases[i].names[k] : "";
            if (!lth_slice_equal(headers[k].text, lth_slice_of(name, strlen(name))))
                fail_msg("case %u: \"%.*s\"", i, (int)headers[k].text.n,
                         (const char *)headers[k].text.p);
        }
        lth_arena_free(&arena);
    }
}

/* A header longer than anybody reads is cut at a character, and marked. */
static void test_long_name(void **state)
{
    (void)state;
    static headers_top top;
    static headers_place place;
    static char alias[3 * 300 + 1];
    const char *names[] = {alias};
    const lth_capture_column column = {names, 1, false};
    const lth_capture_file_table table = {
        .sheet_name = "", .header_rows = 1, .columns = &column, .n_columns = 1};
    for (uint32_t chars = 58; chars <= 300; chars += chars < 62 ? 1 : 119) {
        const char *rows[] = {alias};
        lth_arena *arena = lth_arena_new(1u << 20);
        lth_header header;
        headers_fault fault;
        for (uint32_t i = 0; i < chars; i++)
            memcpy(alias + (size_t)3 * i, "ệ", 4);
        fill(&top, arena, rows, 1);
        assert_true(headers_find(&place, &top, &table, &fault));
        assert_true(headers_names(&header, &top, &place, 1, arena));
        uint32_t told = chars <= 60 ? chars : 59;
        assert_int_equal(header.text.n, told * 3 + (chars > 60 ? 3 : 0));
        assert_memory_equal(header.text.p, alias, (size_t)told * 3);
        if (chars > 60)
            assert_memory_equal(header.text.p + (size_t)told * 3, "…", 3);
        lth_arena_free(&arena);
    }
}

static void test_answer_workbook_and_org(void **state)
{
    (void)state;
    static headers_top top;
    static headers_place place;
    static const char *const ORG[] = {"Mã trường"};
    static const lth_capture_column org = {ORG, 1, false};
    const char *rows[] = {"Lỗi|Mã trường|Mã HS|Họ tên|Ngày sinh"};
    lth_arena *arena = lth_arena_new(1u << 20);
    headers_fault fault;
    fill(&top, arena, rows, 1);
    const lth_capture_file_table table = {
        .sheet_name = "", .header_rows = 1, .org = &org, .columns = COLUMNS, .n_columns = 4};
    assert_true(headers_find(&place, &top, &table, &fault));
    assert_true(place.correction);
    assert_int_equal(place.org, 1);
    assert_int_equal(place.columns[0], 2);
    rows[0] = "Mã HS|Họ tên|Ngày sinh|Lỗi";
    fill(&top, arena, rows, 1);
    assert_false(headers_find(&place, &top, &table, &fault));
    assert_non_null(strstr(fault.vi, "Mã trường"));
    lth_arena_free(&arena);
}

static void test_numbering(void **state)
{
    (void)state;
    static const struct {
        const char *texts[5];
        bool yes;
    } cases[] = {
        {{"(1)", "(2)", "(3)", "(4)", "(5)"}, true},
        {{"1", "2", "", "3", ""}, true},
        {{"2", "3", "4", "5", ""}, true},
        {{"1", "2", "", "", ""}, false},
        {{"10", "9", "8", "7", ""}, false},
        {{"1", "Nguyễn", "2", "3", ""}, false},
        {{"9", "10", "11", "12", "13"}, false},
        {{"", "", "", "", ""}, false},
    };
    for (uint32_t i = 0; i < COUNT(cases); i++) {
        lth_slice texts[5];
        for (uint32_t k = 0; k < 5; k++)
            texts[k] = lth_slice_of(cases[i].texts[k], strlen(cases[i].texts[k]));
        if (headers_numbering(texts, 5) != cases[i].yes)
            fail_msg("case %u", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_long_name), cmocka_unit_test(test_answer_workbook_and_org),
        cmocka_unit_test(test_numbering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
