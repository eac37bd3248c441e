/* Every fixture, whole, against what an independent reader found in it (tests/fixtures/sheets:
 * make.py says who). Each is read twice: the second time after another sheet was selected. */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_sheet_kit.h"

static const char *folder;

static char *read_text(const char *path)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    assert_int_equal(fseek(in, 0, SEEK_END), 0);
    long size = ftell(in);
    assert_true(size >= 0);
    rewind(in);
    char *text = malloc((size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, in), (size_t)size);
    text[size] = '\0';
    assert_int_equal(fclose(in), 0);
    return text;
}

/* Where two texts part, told by its line. */
static void same_lines(const char *name, const char *found, const char *expected)
{
    size_t at = 0, line = 0, number = 1;
    while (found[at] != '\0' && found[at] == expected[at]) {
        at++;
        if (found[at - 1] == '\n') {
            line = at;
            number++;
        }
    }
    if (found[at] != expected[at]) {
        fail_msg("%s, line %zu of its expected file:\n  found    %.*s\n  expected %.*s", name,
                 number, (int)strcspn(found + line, "\n"), found + line,
                 (int)strcspn(expected + line, "\n"), expected + line);
    }
}

static void check_file(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s.expected", folder, name);
    char *expected = read_text(path);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    char *found = dump_file(path);
    same_lines(name, found, expected);
    free(found);
    free(expected);
}

static void every_file_is_read_as_expected(void **state)
{
    (void)state;
    static const char END[] = ".expected";
    int n = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char *end = strstr(entry->d_name, END);
        if (end != NULL && end[sizeof END - 1] == '\0') {
            *end = '\0';
            check_file(entry->d_name);
            n++;
        }
    }
    (void)closedir(dir);
    assert_true(n > 80);
}

/* A file that is cut is refused (all but CSV, which has no end of its own). The last sector of an
 * old Office file may be short. */
static void no_cut_file_is_whole(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"xlsxwriter.xlsx", "office.xls", "xml2003.xls", "tags.xls"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", folder, NAMES[i]);
        size_t size = 0;
        uint8_t *bytes = read_bytes(path, &size);
        size_t step = size / 40 + 1;
        for (size_t n = 0; n + 512 < size; n += step) {
            lth_sheet_fault fault = read_through(bytes, n);
            if (fault == LTH_SHEET_FAULT_none) {
                fail_msg("%s cut to %zu of %zu bytes is read to its end", NAMES[i], n, size);
            }
        }
        free(bytes);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_is_read_as_expected),
        cmocka_unit_test(no_cut_file_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
