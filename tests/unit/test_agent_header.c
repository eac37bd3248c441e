/* What a file calls its columns goes into what is said of its rows, and stays with its upload. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_file.h"

#define CODE_FIELD 1u
#define BORN_FIELD 4u

static const pupil AN = {"999001", NULL, "Nguyễn Văn An", "01/02/2012", "6A", "2026"};
static const pupil WRONG = {"999001", NULL, "Nguyễn Văn An", "31/02/2012", "6A", "2026"};
static const pupil NOBODY = {NULL, NULL, NULL, "03/04/2012", "6A", "2026"};

static lth_header header(uint16_t at, const char *text)
{
    return (lth_header){at, lth_slice_of(text, strlen(text))};
}

/* The columns of a file, with this header over the dates of birth. */
static void tell(world *w, uint16_t at, const char *born)
{
    const lth_header headers[] = {header(2, "Mã HS"), {0},           header(3, "Họ tên"),
                                  header(at, born),   header(7, ""), header(8, "Năm học 2026")};
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_HEADERS, .headers = headers});
}

static void take(world *w, const char *id, const pupil *p, uint16_t at, const char *born)
{
    file_begin(w, id);
    if (at > 0)
        tell(w, at, born);
    file_row(w, p, 2);
    file_end(w, LTH_SCAN_none);
}

static bool header_is(world *w, uint64_t upload, uint16_t field, uint16_t at, const char *text)
{
    lth_txn *txn;
    lth_header found;
    assert_int_equal(lth_store_begin(w->store, false, &txn), LTH_OK);
    bool there = lth_agent_header_of(txn, &w->schools[0].org, DS_F, upload, field, &found);
    bool same =
        there && found.at == at && lth_slice_equal(found.text, lth_slice_of(text, strlen(text)));
    lth_store_abort(&txn);
    return at == 0 ? !there : same;
}

static void expect_column(const lth_upload_finding *finding, const char *column, uint16_t at)
{
    assert_true(lth_slice_equal(finding->column, lth_slice_of(column, strlen(column))));
    assert_int_equal(finding->at, at);
}

static void findings_name_the_files_own_header(void **state)
{
    (void)state;
    world *w = file_world();
    lth_upload_finding findings[16];
    take(w, "1", &WRONG, 6, "Ngày, tháng, năm sinh");
    assert_int_equal(file_findings(w, 1, findings), 1);
    assert_int_equal(findings[0].code, LTH_REFUSE_bad_value);
    expect_column(&findings[0], "Ngày, tháng, năm sinh", 6);
    /* also what is said of the row as a whole, at the end of the table */
    take(w, "2", &NOBODY, 6, "Ngày, tháng, năm sinh");
    assert_int_equal(file_findings(w, 2, findings), 1);
    expect_column(&findings[0], "Mã HS", 2);
    /* a file that told nothing: as the profile has it */
    take(w, "3", &WRONG, 0, NULL);
    file_world_free(&w);
    w = file_world();
    take(w, "1", &WRONG, 0, NULL);
    assert_int_equal(file_findings(w, 1, findings), 1);
    expect_column(&findings[0], "Ngày sinh", 0);
    file_world_free(&w);
}

static void alike_headers_are_kept_once(void **state)
{
    (void)state;
    world *w = file_world();
    take(w, "0", &AN, 0, NULL);
    for (const char *const *id = (const char *const[]){"1", "2", "3", NULL}; *id != NULL; id++)
        take(w, *id, &AN, 4, "Ngày sinh");
    assert_int_equal(world_count(w, LTH_A_header), 1);
    take(w, "4", &AN, 9, "Sinh ngày");
    take(w, "5", &AN, 4, "Ngày sinh");
    assert_int_equal(world_count(w, LTH_A_header), 3);
    world_reopen(w);
    assert_true(header_is(w, 1, BORN_FIELD, 0, ""));
    assert_true(header_is(w, 2, BORN_FIELD, 4, "Ngày sinh"));
    assert_true(header_is(w, 4, BORN_FIELD, 4, "Ngày sinh"));
    assert_true(header_is(w, 5, BORN_FIELD, 9, "Sinh ngày"));
    assert_true(header_is(w, 6, BORN_FIELD, 4, "Ngày sinh"));
    assert_true(header_is(w, 6, CODE_FIELD, 2, "Mã HS"));
    assert_true(header_is(w, 6, 3, 0, "")); /* the file has no such column */
    assert_true(header_is(w, 6, 0, 0, "")); /* no field */
    file_world_free(&w);
}

/* What is said of one upload changes nothing about those after it. */
static void an_upload_read_again_keeps_to_itself(void **state)
{
    (void)state;
    world *w = file_world();
    take(w, "1", &AN, 0, NULL);
    take(w, "2", &AN, 0, NULL);
    take(w, "3", &AN, 4, "Ngày sinh");
    take(w, "4", &AN, 4, "Ngày sinh");
    take(w, "1", &AN, 5, "Sinh");
    assert_true(header_is(w, 1, BORN_FIELD, 5, "Sinh"));
    assert_true(header_is(w, 2, BORN_FIELD, 0, ""));
    assert_true(header_is(w, 3, BORN_FIELD, 4, "Ngày sinh"));
    take(w, "3", &AN, 6, "Sinh ngày");
    assert_true(header_is(w, 3, BORN_FIELD, 6, "Sinh ngày"));
    assert_true(header_is(w, 4, BORN_FIELD, 4, "Ngày sinh"));
    take(w, "3", &AN, 6, "Sinh ngày");
    assert_true(header_is(w, 4, BORN_FIELD, 4, "Ngày sinh"));
    file_world_free(&w);
}

static void what_no_kept_upload_needs_goes(void **state)
{
    (void)state;
    world *w = file_world();
    char id[16];
    for (unsigned i = 1; i <= 230; i++) {
        snprintf(id, sizeof id, "%u", i);
        take(w, id, &AN, (uint16_t)(4 + i % 2), "Ngày sinh");
    }
    assert_int_equal(world_count(w, LTH_A_header), 201);
    assert_true(header_is(w, 230, BORN_FIELD, 4, "Ngày sinh"));
    assert_true(header_is(w, 31, BORN_FIELD, 5, "Ngày sinh"));
    assert_true(header_is(w, 30, BORN_FIELD, 4, "Ngày sinh"));
    assert_true(header_is(w, 29, BORN_FIELD, 0, ""));
    file_world_free(&w);
}

static void outside_an_upload_nothing_is_kept(void **state)
{
    (void)state;
    world *w = file_world();
    tell(w, 4, "Ngày sinh");
    take(w, "1", &AN, 0, NULL);
    tell(w, 4, "Ngày sinh");
    assert_int_equal(world_count(w, LTH_A_header), 0);
    file_world_free(&w);
}

/* What is wrong with a file may repeat its headers: the school reads it, and no log has it. */
static void what_a_file_says_is_in_no_log(void **state)
{
    (void)state;
    world *w = file_world();
    file_begin(w, "1");
    file_end(w, LTH_SCAN_wrong_file);
    assert_string_equal(file_upload(w, 1).detail, "chi tiết");
    assert_true(world_logged(w, "scan_fault"));
    assert_non_null(strstr(w->details, "fault=wrong_file"));
    assert_null(strstr(w->details, "chi tiết"));
    file_world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings_name_the_files_own_header),
        cmocka_unit_test(alike_headers_are_kept_once),
        cmocka_unit_test(an_upload_read_again_keeps_to_itself),
        cmocka_unit_test(what_no_kept_upload_needs_goes),
        cmocka_unit_test(outside_an_upload_nothing_is_kept),
        cmocka_unit_test(what_a_file_says_is_in_no_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
