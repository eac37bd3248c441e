#include "test_sheet_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char KINDS[] = "_tndbef";

static void put(lth_buf *out, const char *text, size_t n)
{
    assert_int_equal(lth_buf_add(out, text, n), LTH_OK);
}

static void put_text(lth_buf *out, const char *text)
{
    put(out, text, strlen(text));
}

static void put_escaped(lth_buf *out, lth_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = (char)text.p[i];
        const char *escaped = c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\\' ? "\\\\" : NULL;
        put(out, escaped != NULL ? escaped : &c, escaped != NULL ? 2 : 1);
    }
}

static void put_row(lth_buf *out, const lth_sheet_row *row)
{
    char head[32];
    (void)snprintf(head, sizeof head, "row %u", row->number);
    put_text(out, head);
    for (uint32_t i = 0; i < row->n_cells; i++) {
        bool merged = row->merged != NULL && row->merged[i] != 0;
        put(out, "\t", 1);
        put(out, &KINDS[row->cells[i].kind], 1);
        put_text(out, merged ? "^:" : ":");
        put_escaped(out, row->cells[i].text);
    }
    put(out, "\n", 1);
}

static lth_sheet_fault dump_sheet(lth_sheet *sheet, uint32_t index, lth_buf *out)
{
    lth_sheet_fault fault;
    lth_diag diag;
    lth_sheet_row row;
    lth_err err = lth_sheet_select(sheet, index, &fault, &diag);
    put_text(out, "sheet ");
    put_text(out, lth_sheet_name(sheet, index));
    put(out, "\n", 1);
    while (err == LTH_OK && (err = lth_sheet_next(sheet, &row, &fault, &diag)) == LTH_OK) {
        put_row(out, &row);
    }
    assert_true(err == LTH_E_NOT_FOUND || err == LTH_E_FORMAT);
    assert_int_equal(err == LTH_E_FORMAT, fault != LTH_SHEET_FAULT_none);
    return fault;
}

static lth_sheet_fault dump_open(lth_sheet *sheet, lth_buf *out)
{
    lth_sheet_fault fault = LTH_SHEET_FAULT_none;
    lth_buf sheets;
    lth_buf_init(&sheets, 64u << 20);
    uint32_t n = lth_sheet_count(sheet);
    for (uint32_t i = n; i-- > 0 && fault == LTH_SHEET_FAULT_none;) { /* backwards first */
        fault = dump_sheet(sheet, i, &sheets);
    }
    lth_buf_clear(&sheets);
    for (uint32_t i = 0; i < n && fault == LTH_SHEET_FAULT_none; i++) {
        fault = dump_sheet(sheet, i, &sheets);
    }
    put_text(out, "kind ");
    put_text(out, lth_sheet_kind_name(lth_sheet_kind_of(sheet)));
    put_text(out, "\nencoding ");
    put_text(out, lth_sheet_encoding(sheet));
    put(out, "\n", 1);
    put(out, (const char *)sheets.p, sheets.n);
    lth_buf_fini(&sheets);
    return fault;
}

char *dump_file(const char *path)
{
    lth_sheet *sheet;
    lth_sheet_fault fault;
    lth_diag diag;
    lth_buf out;
    lth_buf_init(&out, 64u << 20);
    lth_err err = lth_sheet_open(&sheet, path, &fault, &diag);
    assert_true(err == LTH_OK || err == LTH_E_FORMAT);
    if (err == LTH_OK) {
        fault = dump_open(sheet, &out);
    }
    if (fault != LTH_SHEET_FAULT_none) {
        lth_buf_clear(&out);
        put_text(&out, "fault ");
        put_text(&out, lth_sheet_fault_name(fault));
        put(&out, "\n", 1);
    }
    lth_sheet_close(&sheet);
    put(&out, "", 1);
    return (char *)out.p;
}

uint8_t *read_bytes(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    assert_int_equal(fseek(in, 0, SEEK_END), 0);
    long n = ftell(in);
    assert_true(n >= 0);
    rewind(in);
    uint8_t *bytes = malloc((size_t)n + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)n, in), (size_t)n);
    assert_int_equal(fclose(in), 0);
    *size = (size_t)n;
    return bytes;
}

void write_bytes(char path[64], const void *bytes, size_t n)
{
    (void)strcpy(path, "/tmp/lth-sheet-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *out = fdopen(fd, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
}

lth_sheet_fault read_through(const void *bytes, size_t n)
{
    char path[64];
    lth_sheet *sheet;
    lth_sheet_fault fault;
    lth_diag diag;
    lth_sheet_row row;
    write_bytes(path, bytes, n);
    lth_err err = lth_sheet_open(&sheet, path, &fault, &diag);
    for (uint32_t i = 0; err == LTH_OK && i < lth_sheet_count(sheet); i++) {
        err = lth_sheet_select(sheet, i, &fault, &diag);
        while (err == LTH_OK) {
            err = lth_sheet_next(sheet, &row, &fault, &diag);
        }
        err = err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    lth_sheet_close(&sheet);
    (void)unlink(path);
    assert_true(err == LTH_OK || err == LTH_E_FORMAT);
    return fault;
}
