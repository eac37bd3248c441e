/* The answer workbook: read again by our reader, and by openpyxl (test_sheet_writer.py). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test_sheet_kit.h"

static const char *path;

static lth_sheet_cell cell(lth_sheet_cell_kind kind, const char *text)
{
    return (lth_sheet_cell){.kind = kind, .text = lth_slice_of(text, strlen(text))};
}

/* Kinds as test_sheet_writer.py lists them. */
static const struct {
    lth_sheet_cell_kind kind;
    const char *text;
} CELLS[] = {
    {LTH_CELL_TEXT, "Dòng 7, cột \"Ngày sinh\": nhập dạng ngày/tháng/năm\nThí dụ 05/09/2012"},
    {LTH_CELL_TEXT, "0012345678901"},
    {LTH_CELL_TEXT, "=1+1"},
    {LTH_CELL_TEXT, "{=SUM(A1)}"},
    {LTH_CELL_TEXT, "https://example.vn/?a=1&b=<2>"},
    {LTH_CELL_TEXT, "@SUM(A1)"},
    {LTH_CELL_TEXT, "-1"},
    {LTH_CELL_TEXT, "true"},
    {LTH_CELL_NUMBER, "8.4"},
    {LTH_CELL_NUMBER, "7912345678"},
    {LTH_CELL_NUMBER, "-0.0000005"},
    {LTH_CELL_DATE, "2012-09-05"},
    {LTH_CELL_DATE, "2012-09-05 07:30:15"},
    {LTH_CELL_DATE, "2012-02-31"},
    {LTH_CELL_DATE, "1899-05-06"},
    {LTH_CELL_BOOL, "1"},
    {LTH_CELL_BOOL, "0"},
    {LTH_CELL_ERROR, "#N/A"},
    {LTH_CELL_EMPTY, ""},
    {LTH_CELL_FORMULA, ""},
    {LTH_CELL_TEXT, "ẩn _x0041_ không phải ký tự"},
    {LTH_CELL_TEXT, " hai đầu "},
    {LTH_CELL_TEXT, "a\x01\x1f\xef\xbf\xbf_x_b"},
};
#define N_CELLS (sizeof CELLS / sizeof CELLS[0])

static void write_book(void)
{
    lth_sheet_writer *writer;
    lth_diag diag;
    lth_sheet_cell cells[N_CELLS];
    assert_int_equal(lth_sheet_writer_open(&writer, path, "Lỗi", &diag), LTH_OK);
    for (size_t i = 0; i < N_CELLS; i++) {
        cells[i] = cell(LTH_CELL_TEXT, i == 0 ? "Lỗi" : "Cột");
    }
    assert_int_equal(lth_sheet_writer_row(writer, true, cells, N_CELLS), LTH_OK);
    assert_int_equal(lth_sheet_writer_row(writer, true, cells, 3), LTH_OK);
    for (size_t i = 0; i < N_CELLS; i++) {
        cells[i] = cell(CELLS[i].kind, CELLS[i].text);
    }
    assert_int_equal(lth_sheet_writer_row(writer, false, cells, N_CELLS), LTH_OK);
    assert_int_equal(lth_sheet_writer_row(writer, false, cells, 0), LTH_OK);
    assert_int_equal(lth_sheet_writer_row(writer, false, cells, 1), LTH_OK);
    assert_int_equal(lth_sheet_writer_close(&writer, &diag), LTH_OK);
    assert_null(writer);
}

/* What a cell comes back as: days that are none are text, errors are text, formulas empty. */
static void check_cell(size_t i, const lth_sheet_cell *found)
{
    lth_sheet_cell_kind kind = CELLS[i].kind;
    bool no_day = i == 13 || i == 14;
    if (kind == LTH_CELL_ERROR || no_day) {
        kind = LTH_CELL_TEXT;
    }
    kind = kind == LTH_CELL_FORMULA ? LTH_CELL_EMPTY : kind;
    if (found->kind != kind || found->text.n != strlen(CELLS[i].text) ||
        (found->text.n > 0 && memcmp(found->text.p, CELLS[i].text, found->text.n) != 0)) {
        fail_msg("cell %zu: kind %d, \"%.*s\" for \"%s\"", i, (int)found->kind, (int)found->text.n,
                 (const char *)found->text.p, CELLS[i].text);
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    lth_sheet *sheet;
    lth_sheet_fault fault;
    lth_sheet_row row;
    write_book();
    assert_int_equal(lth_sheet_open(&sheet, path, &fault, NULL), LTH_OK);
    assert_int_equal(lth_sheet_kind_of(sheet), LTH_SHEET_XLSX);
    assert_string_equal(lth_sheet_name(sheet, 0), "Lỗi");
    assert_int_equal(lth_sheet_next(sheet, &row, &fault, NULL), LTH_OK);
    assert_int_equal(row.n_cells, N_CELLS);
    assert_int_equal(lth_sheet_next(sheet, &row, &fault, NULL), LTH_OK);
    assert_int_equal(row.n_cells, 3);
    assert_int_equal(lth_sheet_next(sheet, &row, &fault, NULL), LTH_OK);
    assert_int_equal(row.number, 3);
    assert_int_equal(row.n_cells, N_CELLS);
    for (size_t i = 0; i < N_CELLS; i++) {
        check_cell(i, &row.cells[i]);
    }
    assert_int_equal(lth_sheet_next(sheet, &row, &fault, NULL), LTH_OK);
    assert_int_equal(row.number, 5);
    assert_int_equal(lth_sheet_next(sheet, &row, &fault, NULL), LTH_E_NOT_FOUND);
    lth_sheet_close(&sheet);
}

static void what_cannot_be_written_is_told(void **state)
{
    (void)state;
    lth_sheet_writer *writer;
    lth_diag diag;
    assert_int_equal(lth_sheet_writer_open(&writer, "/tmp/x.xlsx", "a/b", &diag), LTH_E_USAGE);
    assert_null(writer);
    assert_int_equal(lth_sheet_writer_open(&writer, "", "A", &diag), LTH_E_USAGE);
    assert_int_equal(lth_sheet_writer_close(&writer, &diag), LTH_OK);

    assert_int_equal(lth_sheet_writer_open(&writer, "/tmp/no-such-folder/x.xlsx", "A", &diag),
                     LTH_E_IO);
    char *text = malloc(LTH_SHEET_CELL_MAX + 2);
    assert_non_null(text);
    memset(text, 'x', LTH_SHEET_CELL_MAX + 1);
    text[LTH_SHEET_CELL_MAX + 1] = '\0';
    char other[64];
    write_bytes(other, "", 0);
    assert_int_equal(lth_sheet_writer_open(&writer, other, "A", &diag), LTH_OK);
    lth_sheet_cell wide = cell(LTH_CELL_TEXT, text);
    assert_int_equal(lth_sheet_writer_row(writer, false, &wide, 1), LTH_E_LIMIT);
    assert_int_equal(lth_sheet_writer_close(&writer, &diag), LTH_E_IO);
    assert_null(writer);
    free(text);
    (void)unlink(other);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return 2;
    }
    path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_cannot_be_written_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
