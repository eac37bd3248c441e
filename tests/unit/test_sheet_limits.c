/* Workbooks that would fill memory or time; made here, since they are large. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zip.h>

#include "test_sheet_kit.h"

static const char HEAD[] = "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/"
                           "2006/main\"><sheetData>";
static const char TAIL[] = "</sheetData></worksheet>";
static const char BOOK[] = "<workbook><sheets><sheet name=\"A\" id=\"r1\"/></sheets></workbook>";
static const char RELATIONS[] = "<Relationships><Relationship Id=\"r1\" Type=\"x/worksheet\" "
                                "Target=\"worksheets/sheet1.xml\"/></Relationships>";

static void add_part(zip_t *zip, const char *name, const void *bytes, size_t n)
{
    zip_source_t *source = zip_source_buffer(zip, bytes, n, 0);
    assert_non_null(source);
    assert_true(zip_file_add(zip, name, source, 0) >= 0);
}

static void make(char path[64], const void *sheet, size_t n)
{
    int code;
    write_bytes(path, "", 0);
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    assert_non_null(zip);
    add_part(zip, "xl/workbook.xml", BOOK, sizeof BOOK - 1);
    add_part(zip, "xl/_rels/workbook.xml.rels", RELATIONS, sizeof RELATIONS - 1);
    add_part(zip, "xl/worksheets/sheet1.xml", sheet, n);
    assert_int_equal(zip_close(zip), 0);
}

static void add(lth_buf *out, const char *text)
{
    assert_int_equal(lth_buf_add(out, text, strlen(text)), LTH_OK);
}

static long peak_kib(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

/* Rows and columns that were only coloured, to the end of the sheet. */
static void formatted_rows_cost_nothing(void **state)
{
    (void)state;
    lth_buf xml;
    char text[96], path[64];
    lth_buf_init(&xml, 128u << 20);
    add(&xml, HEAD);
    for (uint32_t r = 1; r <= LTH_SHEET_ROWS_MAX; r++) {
        (void)snprintf(text, sizeof text,
                       r % 8 == 0 ? "<row r=\"%u\"><c r=\"XFD%u\" s=\"1\"/></row>"
                                  : "<row r=\"%u\" s=\"1\"/>",
                       r, r);
        add(&xml, r == 9 ? "<row r=\"9\"><c r=\"B9\"><v>7</v></c></row>" : text);
    }
    add(&xml, TAIL);
    make(path, xml.p, xml.n);
    lth_buf_fini(&xml);

    lth_sheet *sheet;
    lth_sheet_fault fault;
    lth_sheet_row row;
    long before = peak_kib();
    assert_int_equal(lth_sheet_open(&sheet, path, &fault, NULL), LTH_OK);
    assert_int_equal(lth_sheet_next(sheet, &row, &fault, NULL), LTH_OK);
    assert_int_equal(row.number, 9);
    assert_int_equal(row.n_cells, 2);
    assert_int_equal(lth_sheet_next(sheet, &row, &fault, NULL), LTH_E_NOT_FOUND);
    assert_int_equal(lth_sheet_next(sheet, &row, &fault, NULL), LTH_E_NOT_FOUND);
    lth_sheet_close(&sheet);
    assert_true(peak_kib() - before < 8 * 1024);
    (void)unlink(path);
}

static lth_sheet_fault fault_of(const char *path)
{
    lth_sheet *sheet;
    lth_sheet_fault fault;
    lth_diag diag;
    assert_int_equal(lth_sheet_open(&sheet, path, &fault, &diag), LTH_E_FORMAT);
    assert_null(sheet);
    assert_int_equal(diag.err, LTH_E_FORMAT);
    assert_true(diag.text[0] != '\0');
    return fault;
}

static void a_zip_bomb_is_refused_unopened(void **state)
{
    (void)state;
    char path[64];
    size_t n = 32u << 20;
    char *spaces = malloc(n);
    assert_non_null(spaces);
    memset(spaces, ' ', n);
    make(path, spaces, n);
    free(spaces);
    assert_int_equal(fault_of(path), LTH_SHEET_FAULT_unpacks_too_large);
    (void)unlink(path);
}

/* The directory of the ZIP file says less than what comes out. */
static void a_lying_size_is_found_out(void **state)
{
    (void)state;
    char path[64];
    lth_buf xml;
    lth_buf_init(&xml, 1u << 20);
    add(&xml, HEAD);
    for (int i = 1; i < 2000; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "<row r=\"%d\"><c><v>%d</v></c></row>", i, i * 7919);
        add(&xml, text);
    }
    add(&xml, TAIL);
    make(path, xml.p, xml.n);
    size_t n = 0, found = 0;
    uint8_t *bytes = read_bytes(path, &n);
    for (size_t at = 0; at + 4 <= n; at++) { /* the size is little end first in the directory */
        uint32_t size = (uint32_t)bytes[at] | (uint32_t)bytes[at + 1] << 8 |
                        (uint32_t)bytes[at + 2] << 16 | (uint32_t)bytes[at + 3] << 24;
        if (size == xml.n) {
            bytes[at + 1] = 1;
            bytes[at + 2] = 0;
            found++;
        }
    }
    assert_true(found >= 1);
    (void)unlink(path);
    lth_sheet_fault fault = read_through(bytes, n);
    assert_true(fault == LTH_SHEET_FAULT_unpacks_too_large || fault == LTH_SHEET_FAULT_truncated);
    free(bytes);
    lth_buf_fini(&xml);
}

/* expat would keep a comment whole. */
static void a_huge_tag_is_refused(void **state)
{
    (void)state;
    char path[64];
    lth_buf xml;
    uint32_t seed = 1;
    lth_buf_init(&xml, 4u << 20);
    add(&xml, "<worksheet><!--");
    for (uint32_t i = 0; i < 2u << 20; i++) {
        uint8_t letter = (uint8_t)('a' + (seed >> 24) % 26);
        assert_int_equal(lth_buf_add(&xml, &letter, 1), LTH_OK);
        seed = seed * 1664525u + 1013904223u;
    }
    add(&xml, "--><sheetData/></worksheet>");
    make(path, xml.p, xml.n);
    lth_buf_fini(&xml);
    size_t n = 0;
    uint8_t *bytes = read_bytes(path, &n);
    (void)unlink(path);
    assert_int_equal(read_through(bytes, n), LTH_SHEET_FAULT_unreadable);
    free(bytes);
}

static void a_file_over_the_limit_is_not_read(void **state)
{
    (void)state;
    char path[64];
    write_bytes(path, "a,b\n", 4);
    assert_int_equal(truncate(path, (off_t)LTH_SHEET_FILE_MAX + 1), 0);
    assert_int_equal(fault_of(path), LTH_SHEET_FAULT_too_large);
    (void)unlink(path);
}

static void a_fault_comes_again(void **state)
{
    (void)state;
    static const char TEXT[] = "a,b\n1,2\n3,\"4\n";
    char path[64];
    lth_sheet *sheet;
    lth_sheet_fault fault;
    lth_sheet_row row;
    write_bytes(path, TEXT, sizeof TEXT - 1);
    assert_int_equal(lth_sheet_open(&sheet, path, &fault, NULL), LTH_OK);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(lth_sheet_next(sheet, &row, &fault, NULL), LTH_OK);
        assert_int_equal(lth_sheet_next(sheet, &row, &fault, NULL), LTH_OK);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(lth_sheet_next(sheet, &row, &fault, NULL), LTH_E_FORMAT);
            assert_int_equal(fault, LTH_SHEET_FAULT_truncated);
        }
        assert_int_equal(lth_sheet_select(sheet, 0, &fault, NULL), LTH_OK);
        assert_int_equal(fault, LTH_SHEET_FAULT_none);
    }
    lth_sheet_close(&sheet);
    (void)unlink(path);
}

static void what_is_no_file_is_an_io_error(void **state)
{
    (void)state;
    lth_sheet *sheet;
    lth_sheet_fault fault;
    lth_diag diag;
    assert_int_equal(lth_sheet_open(&sheet, "/tmp", &fault, &diag), LTH_E_IO);
    assert_int_equal(lth_sheet_open(&sheet, "/nowhere/at/all", &fault, &diag), LTH_E_IO);
    assert_int_equal(lth_sheet_open(&sheet, "/dev/zero", &fault, &diag), LTH_E_IO);
    lth_sheet_close(&sheet);
}

static void names_and_texts_are_complete(void **state)
{
    (void)state;
    assert_string_equal(lth_sheet_fault_name(LTH_SHEET_FAULT_encrypted), "encrypted");
    assert_string_equal(lth_sheet_fault_name((lth_sheet_fault)99), "unknown");
    assert_string_equal(lth_sheet_kind_name(LTH_SHEET_XML), "xml");
    assert_string_equal(lth_sheet_kind_name((lth_sheet_kind)0), "unknown");
    for (int i = LTH_SHEET_FAULT_empty; i <= LTH_SHEET_FAULT_unreadable; i++) {
        assert_true(lth_sheet_fault_text((lth_sheet_fault)i, true)[0] != '\0');
        assert_true(lth_sheet_fault_text((lth_sheet_fault)i, false)[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zip_bomb_is_refused_unopened),
        cmocka_unit_test(a_lying_size_is_found_out),
        cmocka_unit_test(a_huge_tag_is_refused),
        cmocka_unit_test(a_file_over_the_limit_is_not_read),
        cmocka_unit_test(a_fault_comes_again),
        cmocka_unit_test(what_is_no_file_is_an_io_error),
        cmocka_unit_test(names_and_texts_are_complete),
        cmocka_unit_test(formatted_rows_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
