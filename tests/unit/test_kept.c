/* agents/shell/kept.h: in what order files were dealt with, and which of them a store does not
 * know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/shell/kept.h"

#define ZEROS32 "00000000000000000000000000000000"

static lth_kept file_of(unsigned number, const char *id)
{
    lth_kept file = {.number = number, .received_ms = 1000, .done_ms = 2000, .org = "t01"};
    (void)snprintf(file.id, sizeof file.id, "%s", id);
    file.sha256[0] = (uint8_t)number;
    return file;
}

static void add(lth_kept_list *list, unsigned number, const char *id)
{
    bool changed;
    lth_kept file = file_of(number, id);
    assert_int_equal(lth_kept_add(list, &file, false, &changed), LTH_OK);
    assert_true(changed);
}

/* ids apart by blanks */
static void is_order(const lth_kept_list *list, const char *expected)
{
    char text[1000] = "";
    for (uint32_t i = 0; i < list->n; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i > 0 ? " " : "",
                       list->files[i].id);
    assert_string_equal(text, expected);
}

/* ---- lines ---- */

static void test_lines_come_back(void **state)
{
    (void)state;
    lth_kept_list list = {0}, again;
    lth_buf text;
    lth_buf_init(&text, LTH_KEPT_TEXT_MAX);
    add(&list, 7, "a.xlsx");
    add(&list, 8, "b.csv");
    list.files[1].withdrawn = true;
    list.files[1].received_ms = UINT64_C(1763849000123);
    memset(list.files[0].org, 0, sizeof list.files[0].org);
    assert_int_equal(lth_kept_write(&text, &list), LTH_OK);
    static const char expected[] =
        "1000 2000 7 - - 07" ZEROS32 "000000000000000000000000000000 a.xlsx\n"
        "1763849000123 2000 8 w t01 08" ZEROS32 "000000000000000000000000000000 b.csv\n";
    assert_int_equal(text.n, sizeof expected - 1);
    assert_memory_equal(text.p, expected, text.n);
    assert_int_equal(lth_kept_parse(&again, lth_buf_slice(&text)), LTH_OK);
    assert_int_equal(again.n, 2);
    assert_memory_equal(again.files, list.files, 2 * sizeof *list.files);
    lth_kept_fini(&list);
    lth_kept_fini(&again);
    lth_buf_fini(&text);
}

static void test_bad_lines_are_passed_over(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "1000 2000 7 - t01 07" ZEROS32 "000000000000000000000000000000", /* no id */
        "1000 2000 7 - t01 07" ZEROS32 "000000000000000000000000000000 ",
        "1000 2000 7 - t01 07" ZEROS32 "000000000000000000000000000000 a b",
        "1000 2000 7 - t01 07" ZEROS32 "000000000000000000000000000000 ../a",
        "1000 2000 7 - t01 07" ZEROS32 "0000000000000000000000000000 a",
        "1000 2000 7 - t01 0x" ZEROS32 "000000000000000000000000000000 a",
        "1000 2000 7 x t01 07" ZEROS32 "000000000000000000000000000000 a",
        "1000  7 - t01 07" ZEROS32 "000000000000000000000000000000 a",
        "-1 2000 7 - t01 07" ZEROS32 "000000000000000000000000000000 a",
        "99999999999999999999 2000 7 - t01 07" ZEROS32 "000000000000000000000000000000 a",
        "1000 2000 7 - " ZEROS32 "1 07" ZEROS32 "000000000000000000000000000000 a",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[1000];
        lth_kept_list list;
        (void)snprintf(text, sizeof text,
                       "%s\n1 2 3 - t01 07" ZEROS32 "000000000000000000000000000000 good\n"
                       "1 2 3 - t01 07" ZEROS32 "000000000000000000000000000000 torn",
                       bad[i]);
        assert_int_equal(lth_kept_parse(&list, lth_slice_of(text, strlen(text))), LTH_OK);
        is_order(&list, "good");
        lth_kept_fini(&list);
    }
}

/* ---- order ---- */

static void test_the_same_file_keeps_its_place(void **state)
{
    (void)state;
    lth_kept_list list = {0};
    bool changed;
    add(&list, 1, "a");
    add(&list, 2, "b");
    lth_kept again = list.files[0];
    assert_int_equal(lth_kept_add(&list, &again, false, &changed), LTH_OK);
    assert_false(changed);
    again.number = 9;
    again.withdrawn = true;
    again.done_ms = 5000;
    assert_int_equal(lth_kept_add(&list, &again, true, &changed), LTH_OK);
    assert_true(changed);
    is_order(&list, "a b");
    assert_int_equal(list.files[0].number, 9);
    assert_int_equal(list.files[0].done_ms, 2000);
    assert_true(list.files[0].withdrawn);
    lth_kept_fini(&list);
}

static void test_another_file_under_an_old_name_is_the_newest(void **state)
{
    (void)state;
    lth_kept_list list = {0};
    add(&list, 1, "a");
    add(&list, 2, "b");
    add(&list, 3, "a");
    is_order(&list, "b a");
    lth_kept_fini(&list);
}

static void test_a_file_without_a_line_gets_none_when_read_again(void **state)
{
    (void)state;
    lth_kept_list list = {0};
    lth_kept file = file_of(1, "a");
    bool changed;
    assert_int_equal(lth_kept_add(&list, &file, true, &changed), LTH_OK);
    assert_false(changed);
    assert_int_equal(list.n, 0);
    lth_kept_fini(&list);
}

static void test_the_newest_two_hundred_stay(void **state)
{
    (void)state;
    lth_kept_list list = {0};
    for (unsigned i = 1; i <= LTH_KEPT_MAX + 3; i++) {
        char id[20];
        (void)snprintf(id, sizeof id, "f%u", i);
        add(&list, i, id);
    }
    assert_int_equal(list.n, LTH_KEPT_MAX);
    assert_string_equal(list.files[0].id, "f4");
    assert_string_equal(list.files[LTH_KEPT_MAX - 1].id, "f203");
    lth_kept_fini(&list);
}

/* ---- what a store does not know ---- */

static bool is_known(void *ctx, const lth_kept *file)
{
    return strchr(ctx, file->id[0]) != NULL;
}

static void test_what_came_after_the_last_known(void **state)
{
    (void)state;
    static const struct {
        const char *known;
        uint32_t from;
    } cases[] = {
        {"abcd", 4}, /* intact */
        {"", 0},     /* lost */
        {"ab", 2},   /* a copy */
        {"abd", 4},  /* c was dealt with before d: this store has seen it go */
        {"xyz", 0},
    };
    lth_kept_list list = {0};
    add(&list, 1, "a");
    add(&list, 2, "b"); /* all of the same moment: lines tell the order, not times */
    add(&list, 3, "c");
    add(&list, 4, "d");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char known[8];
        (void)snprintf(known, sizeof known, "%s", cases[i].known);
        assert_int_equal(lth_kept_newer(&list, is_known, known), cases[i].from);
    }
    lth_kept_fini(&list);
    assert_int_equal(lth_kept_newer(&list, is_known, (char[]){""}), 0);
}

/* An intact store of a school with many uploads, some of which are other files' than these. */
static void test_what_was_pruned_is_known(void **state)
{
    (void)state;
    lth_kept file = file_of(7, "a");
    assert_false(lth_kept_outlived(&file, 0));
    assert_false(lth_kept_outlived(&file, 7));
    assert_false(lth_kept_outlived(&file, 6 + LTH_KEPT_MAX));
    assert_true(lth_kept_outlived(&file, 7 + LTH_KEPT_MAX));
    file.number = UINT64_MAX;
    assert_false(lth_kept_outlived(&file, UINT64_MAX - 1));
}

static void test_only_what_is_left_stays_in_memory(void **state)
{
    (void)state;
    lth_kept_list list = {0};
    add(&list, 1, "a");
    add(&list, 2, "b");
    add(&list, 3, "c");
    lth_kept_drop(&list, 1);
    is_order(&list, "b c");
    lth_kept_drop(&list, 2);
    assert_null(list.files);
    assert_int_equal(list.n, 0);
    lth_kept_drop(&list, 0);
}

/* ---- on a disk ---- */

static char box[64];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(box, sizeof box, "/tmp/test-kept-XXXXXX");
    return mkdtemp(box) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    char command[100];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", box);
    return system(command); // NOLINT(cert-env33-c): our own directory
}

static void test_written_and_read(void **state)
{
    (void)state;
    lth_diag diag = {0};
    lth_kept_list list;
    lth_kept a = file_of(1, "a"), b = file_of(2, "b");
    char path[100];
    struct stat before, after;
    assert_int_equal(lth_kept_read(&list, box, &diag), LTH_OK);
    assert_int_equal(list.n, 0);
    assert_int_equal(lth_kept_note(box, &a, false, &diag), LTH_OK);
    assert_int_equal(lth_kept_note(box, &b, false, &diag), LTH_OK);
    assert_int_equal(lth_kept_read(&list, box, &diag), LTH_OK);
    is_order(&list, "a b");
    assert_memory_equal(&list.files[1], &b, sizeof b);
    lth_kept_fini(&list);
    (void)snprintf(path, sizeof path, "%s/.kept/.order", box);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(lth_kept_note(box, &a, true, &diag), LTH_OK);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino); /* nothing new, nothing written */
}

static void test_what_is_not_there_any_more_is_dropped(void **state)
{
    (void)state;
    lth_diag diag = {0};
    lth_kept_list list;
    lth_kept a = file_of(1, "a"), b = file_of(2, "b");
    char path[100];
    assert_int_equal(lth_kept_note(box, &a, false, &diag), LTH_OK);
    assert_int_equal(lth_kept_note(box, &b, false, &diag), LTH_OK);
    (void)snprintf(path, sizeof path, "%s/.kept/b", box);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(lth_kept_read(&list, box, &diag), LTH_OK);
    lth_kept_there(&list, box);
    is_order(&list, "b");
    assert_int_equal(unlink(path), 0);
    lth_kept_there(&list, box);
    assert_int_equal(list.n, 0);
    assert_null(list.files);
}

static void test_a_link_is_not_followed(void **state)
{
    (void)state;
    lth_diag diag = {0};
    lth_kept_list list;
    lth_kept a = file_of(1, "a");
    char path[100];
    (void)snprintf(path, sizeof path, "%s/.kept", box);
    assert_int_equal(mkdir(path, 0750), 0);
    (void)snprintf(path, sizeof path, "%s/.kept/.order", box);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_int_equal(lth_kept_read(&list, box, &diag), LTH_E_IO);
    assert_int_equal(lth_kept_note(box, &a, false, &diag), LTH_E_IO);
    assert_non_null(strstr(diag.text, ".order"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_come_back),
        cmocka_unit_test(test_bad_lines_are_passed_over),
        cmocka_unit_test(test_the_same_file_keeps_its_place),
        cmocka_unit_test(test_another_file_under_an_old_name_is_the_newest),
        cmocka_unit_test(test_a_file_without_a_line_gets_none_when_read_again),
        cmocka_unit_test(test_the_newest_two_hundred_stay),
        cmocka_unit_test(test_what_came_after_the_last_known),
        cmocka_unit_test(test_what_was_pruned_is_known),
        cmocka_unit_test(test_only_what_is_left_stays_in_memory),
        cmocka_unit_test_setup_teardown(test_written_and_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_there_any_more_is_dropped, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_link_is_not_followed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
