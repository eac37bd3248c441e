#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_file.h"

static const pupil THREE[] = {
    {"999001", "999000000001", "Nguyễn Văn An", "01/02/2012", "6A", "2026"},
    {"999002", "999000000002", "Trần Thị Bình", "03/04/2012", "6A", "2026"},
    {"999003", NULL, "Lê Văn Cường", "05/06/2012", "6B", "2026"},
};

static void the_same_file_three_times_makes_no_version(void **state)
{
    (void)state;
    world *w = file_world();
    lth_upload u = file_take(w, "one.xlsx", THREE, 3);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].rows, 3);
    assert_int_equal(u.tables[0].fresh, 3);
    assert_int_equal(u.tables[0].same, 0);
    assert_int_equal(u.first_seq, 1);
    assert_int_equal(u.head.seq, 3); /* a step and a batch each row */
    assert_int_equal(file_living(w), 3);
    for (uint32_t i = 0; i < 3; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "again-%u", i);
        u = file_take(w, id, THREE, 3);
        assert_int_equal(u.tables[0].same, 3);
        assert_int_equal(u.tables[0].fresh + u.tables[0].changed + u.tables[0].ended, 0);
        assert_int_equal(u.first_seq, 0);
        assert_int_equal(u.head.seq, 3);
    }
    assert_int_equal(lth_agent_upload_number(w->agent, 0), 4);
    /* the same id is the same upload */
    (void)file_take(w, "one.xlsx", THREE, 3);
    assert_int_equal(lth_agent_upload_number(w->agent, 0), 1);
    u = file_upload(w, 1);
    assert_int_equal(u.tables[0].fresh, 3);
    assert_int_equal(u.first_seq, 1);
    assert_int_equal(file_versions(w), 3);
    file_world_free(&w);
}

static void a_changed_cell_is_a_version_of_the_same_record(void **state)
{
    (void)state;
    world *w = file_world();
    (void)file_take(w, "1", THREE, 3);
    lth_id before = file_find(w, "999002")->id;
    pupil rows[] = {THREE[0], THREE[1], THREE[2]};
    rows[1].name = "Trần Thị Thanh Bình";
    rows[1].class_ = "6B";
    lth_upload u = file_take(w, "2", rows, 3);
    assert_int_equal(u.tables[0].changed, 1);
    assert_int_equal(u.tables[0].same, 2);
    assert_memory_equal(&file_find(w, "999002")->id, &before, sizeof before);
    assert_int_equal(file_living(w), 3);
    file_world_free(&w);
}

/* ---- every way in which one row may resemble one record ---- */

enum { SAME, OTHER, NONE, NAME_ONLY };
typedef enum outcome { RECORD, NEW, ASKED, HELD } outcome;

/* From the words of the design: the first complete key that finds the record decides; two others
 * that are on both sides and all differ, or a better one that differs while the record has its own
 * row: a question; a name alone without a better key of the row's own: a question, unless the
 * record has its own row. A row whose code and national id are both others, while the record has
 * its own row, is a namesake. */
static outcome expected(int code, int nid, int name, bool own_row)
{
    int keys[] = {code, nid, name == NAME_ONLY ? OTHER : name};
    int found = -1, others = 0, differ = 0;
    bool better = false, complete = false;
    for (int i = 0; i < 3; i++) {
        complete = complete || keys[i] != NONE;
        found = found < 0 && keys[i] == SAME ? i : found;
    }
    if (!complete) {
        return HELD;
    }
    if (found < 0) {
        bool stronger = code != NONE || nid != NONE;
        return name == NAME_ONLY && !stronger && !own_row ? ASKED : NEW;
    }
    for (int i = 0; i < 3; i++) {
        others += i != found && keys[i] != NONE ? 1 : 0;
        differ += i != found && keys[i] == OTHER ? 1 : 0;
        better = better || (i < found && keys[i] == OTHER);
    }
    if (others >= 2 && differ == others) {
        return found == 2 && own_row ? NEW : ASKED; /* a namesake, with a row of each */
    }
    if (better) {
        return own_row ? ASKED : RECORD;
    }
    return own_row ? HELD : RECORD; /* twice the same record in one file */
}

static pupil resembling(int code, int nid, int name)
{
    pupil p = THREE[0];
    p.code = code == SAME ? p.code : code == OTHER ? "999777" : NULL;
    p.nid = nid == SAME ? p.nid : nid == OTHER ? "999000000777" : NULL;
    p.name = name == NONE ? NULL : name == OTHER ? "Phạm Thị Dung" : p.name;
    p.born = name == NAME_ONLY || name == OTHER ? "09/09/2012" : p.born;
    return p;
}

/* @p place: where the row of the record itself stands: -1 nowhere, 0 before, 1 after. */
static void try_one(int code, int nid, int name, int place)
{
    world *w = file_world();
    pupil first = THREE[0], p = resembling(code, nid, name);
    pupil rows[2] = {p, first};
    lth_upload_finding findings[16];
    (void)file_take(w, "1", &first, 1);
    lth_id id = file_find(w, "999001")->id;
    if (place == 0) {
        rows[0] = first;
        rows[1] = p;
    }
    lth_upload u = file_take(w, "2", rows, place < 0 ? 1 : 2);
    uint32_t records = w->b.origins[0].n_records;
    bool twin = code == SAME && nid == SAME && name == SAME; /* the very same row */
    outcome out = twin && place >= 0 ? RECORD : expected(code, nid, name, place >= 0);
    bool faulty = p.code == NULL || p.name == NULL; /* required */
    uint32_t n = file_findings(w, 2, findings);
    bool asked = u.tables[0].asked == 1;
    switch (out) {
    case RECORD:
        assert_int_equal(records, 1);
        assert_false(asked);
        assert_memory_equal(&w->b.origins[0].records[0].id, &id, sizeof id);
        assert_true(faulty == (n > 0));
        break;
    case NEW:
        assert_int_equal(records, 2);
        assert_false(asked);
        break;
    case ASKED:
        assert_int_equal(records, 1);
        assert_true(asked);
        assert_int_equal(n, 1);
        assert_int_equal(findings[0].code, LTH_REFUSE_none);
        assert_int_equal(findings[0].n_candidates, 1);
        assert_memory_equal(&findings[0].candidates[0], &id, sizeof id);
        break;
    case HELD:
        assert_int_equal(records, 1);
        assert_false(asked);
        assert_true(u.tables[0].held >= 1 && n >= 1);
        break;
    }
    /* a class that came without the record ends it, but not while a row may still be its own */
    assert_int_equal(w->b.origins[0].records[0].live, out != NEW || place >= 0);
    uint32_t versions = file_versions(w);
    lth_upload again = file_take(w, "3", rows, place < 0 ? 1 : 2);
    assert_int_equal(again.tables[0].asked, u.tables[0].asked);
    assert_int_equal(again.tables[0].held, u.tables[0].held);
    assert_int_equal(file_versions(w), versions);
    file_world_free(&w);
}

static void every_resemblance_of_a_row(void **state)
{
    (void)state;
    for (int code = SAME; code <= NONE; code++) {
        for (int nid = SAME; nid <= NONE; nid++) {
            for (int name = SAME; name <= NAME_ONLY; name++) {
                for (int place = -1; place <= 1; place++) {
                    try_one(code, nid, name, place);
                }
            }
        }
    }
}

static void a_temporary_code_becomes_the_official_one(void **state)
{
    (void)state;
    world *w = file_world();
    const pupil temporary = {"TAM-1", NULL, "Nguyễn Văn An", "01/02/2012", "6A", "2026"};
    pupil official = temporary;
    official.code = "999123";
    (void)file_take(w, "1", &temporary, 1);
    lth_id id = file_find(w, "TAM-1")->id;
    lth_upload u = file_take(w, "2", &official, 1);
    assert_int_equal(u.tables[0].changed, 1);
    assert_int_equal(u.tables[0].ended, 0);
    const merged *r = file_find(w, "999123");
    assert_non_null(r);
    assert_memory_equal(&r->id, &id, sizeof id);
    assert_int_equal(r->op, LTH_OP_REKEY);
    assert_int_equal(file_living(w), 1);

    /* the official code leads to it now; the temporary one is free for somebody else */
    const pupil rows[] = {official, {"TAM-1", NULL, "Đỗ Văn Em", "07/08/2012", "6A", "2026"}};
    u = file_take(w, "3", rows, 2);
    assert_int_equal(u.tables[0].same, 1);
    assert_int_equal(u.tables[0].fresh, 1);
    assert_memory_equal(&file_find(w, "999123")->id, &id, sizeof id);
    assert_memory_not_equal(&file_find(w, "TAM-1")->id, &id, sizeof id);
    file_world_free(&w);
}

/* Two files' rows want to be the same old record: neither is believed. */
static void two_claims_on_one_record_are_both_asked(void **state)
{
    (void)state;
    world *w = file_world();
    const pupil old = {"TAM-1", NULL, "Nguyễn Văn An", "01/02/2012", "6A", "2026"};
    const pupil rows[] = {{"999123", NULL, "Nguyễn Văn An", "01/02/2012", "6A", "2026"},
                          {"999124", NULL, "Nguyễn Văn An", "01/02/2012", "6A", "2026"}};
    (void)file_take(w, "1", &old, 1);
    lth_upload u = file_take(w, "2", rows, 2);
    assert_int_equal(u.tables[0].asked, 2);
    assert_int_equal(u.tables[0].ended, 0);
    assert_int_equal(file_versions(w), 1);
    file_world_free(&w);
}

/* ---- two of one name, born on one day, in one class ---- */

static const pupil TWINS[] = {{"999201", NULL, "Nguyễn Thị Hoa", "01/02/2012", "6A", "2026"},
                              {"999202", NULL, "Nguyễn Thị Hoa", "01/02/2012", "6A", "2026"}};

static void twins_are_asked_once_and_answered(void **state)
{
    (void)state;
    world *w = file_world();
    lth_upload_finding findings[16];
    lth_upload u = file_take(w, "1", TWINS, 2);
    assert_int_equal(u.tables[0].fresh, 1);
    assert_int_equal(u.tables[0].asked, 1);
    assert_int_equal(file_findings(w, 1, findings), 1);
    assert_int_equal(findings[0].row, 3);
    assert_true(findings[0].vi.n > 0 && findings[0].en.n > 0);

    file_answer(w, findings[0].row_hash, NULL);
    u = file_take(w, "1", TWINS, 2);
    assert_int_equal(u.tables[0].asked, 0);
    assert_int_equal(u.tables[0].fresh, 2);
    assert_int_equal(file_living(w), 2);
    assert_int_equal(world_count(w, LTH_A_act), 1);
    uint32_t versions = file_versions(w);
    u = file_take(w, "2", TWINS, 2);
    assert_int_equal(u.tables[0].asked, 0);
    assert_int_equal(file_versions(w), versions);

    /* from now on each is known by its code, also with other cells */
    pupil later[] = {TWINS[0], TWINS[1]};
    later[0].class_ = later[1].class_ = "7A";
    u = file_take(w, "3", later, 2);
    assert_int_equal(u.tables[0].changed, 2);
    assert_int_equal(u.tables[0].asked, 0);
    file_world_free(&w);
}

static void an_answer_may_name_the_record(void **state)
{
    (void)state;
    world *w = file_world();
    lth_upload_finding findings[16];
    /* name alone, no key of its own */
    const pupil lost = {NULL, NULL, "Nguyễn Văn An", "02/02/2012", "6A", "2026"};
    (void)file_take(w, "1", THREE, 3);
    lth_upload u = file_take(w, "2", &lost, 1);
    assert_int_equal(u.tables[0].asked, 1);
    assert_int_equal(u.tables[0].gone, 1); /* the other one of the class, not the one in question */
    assert_int_equal(file_findings(w, 2, findings), 1);
    lth_id id = findings[0].candidates[0];
    const lth_id stranger = {{1, 2, 3}};
    file_answer(w, findings[0].row_hash, &stranger);
    assert_true(world_logged(w, "act_ignored"));
    u = file_take(w, "2", &lost, 1);
    assert_int_equal(u.tables[0].asked, 1);
    file_answer(w, findings[0].row_hash, &id);
    u = file_take(w, "2", &lost, 1);
    assert_int_equal(u.tables[0].asked, 0);
    assert_int_equal(u.tables[0].held, 1); /* still without its code: sent as invalid */
    assert_int_equal(count_held(w, 0, DS_F), 1);
    file_world_free(&w);
}

static void a_vendor_that_numbers_anew_is_asked(void **state)
{
    (void)state;
    world *w = file_world();
    (void)file_take(w, "1", THREE, 3);
    /* the codes of two pupils changed places */
    pupil rows[] = {THREE[0], THREE[1], THREE[2]};
    rows[0].code = THREE[1].code;
    rows[1].code = THREE[0].code;
    lth_upload u = file_take(w, "2", rows, 3);
    assert_int_equal(u.tables[0].asked, 2);
    assert_int_equal(u.tables[0].changed, 0);
    assert_int_equal(file_versions(w), 3);
    file_world_free(&w);
}

static void duplicate_rows_of_one_file(void **state)
{
    (void)state;
    world *w = file_world();
    lth_upload_finding findings[16];
    pupil rows[] = {THREE[0], THREE[1], THREE[0], THREE[1]};
    rows[3].name = "Trần Thị Khác";
    lth_upload u = file_take(w, "1", rows, 4);
    assert_int_equal(u.tables[0].fresh, 2);
    assert_int_equal(u.tables[0].same, 1);
    assert_int_equal(u.tables[0].held, 1);
    assert_int_equal(file_findings(w, 1, findings), 1);
    assert_int_equal(findings[0].row, 5);
    char text[200] = {0};
    memcpy(text, findings[0].vi.p, findings[0].vi.n);
    assert_non_null(strstr(text, "hàng 3"));
    file_world_free(&w);
}

/* The page still shows the question of an older file, whose row is a record by now. */
static void a_question_answered_twice(void **state)
{
    (void)state;
    lth_upload_finding findings[16];
    world *w = file_world();
    lth_upload u = file_take(w, "a", TWINS, 2);
    assert_int_equal(u.tables[0].asked, 1);
    u = file_take(w, "b", TWINS, 2);
    assert_int_equal(file_findings(w, 2, findings), 1);
    uint8_t asked[16];
    memcpy(asked, findings[0].row_hash, sizeof asked);
    file_answer(w, asked, NULL);
    u = file_take(w, "b", TWINS, 2);
    assert_int_equal(u.tables[0].fresh, 1);
    assert_int_equal(file_living(w), 2);
    file_answer(w, asked, NULL); /* of "a" */
    (void)file_take(w, "a", TWINS, 2);
    (void)file_take(w, "c", TWINS, 2);
    assert_int_equal(file_living(w), 2);
    assert_int_equal(w->b.origins[0].n_records, 2);
    file_world_free(&w);
}

/* Without its code a record would be anybody's of its name. */
static void an_empty_cell_takes_no_key_away(void **state)
{
    (void)state;
    pupil rows[] = {{"999002", NULL, "Nguyễn An", "01/02/2012", "6A", "2026"},
                    {"999001", "999000000091", "Nguyễn An", "01/02/2012", "6A", "2026"}};
    world *w = file_world();
    (void)file_take(w, "1", rows + 1, 1);
    rows[1].code = NULL;
    lth_upload u = file_take(w, "2", rows + 1, 1);
    assert_int_equal(u.tables[0].held, 1);
    rows[1].code = "999001";
    u = file_take(w, "3", rows, 2); /* a namesake above */
    assert_int_equal(u.tables[0].asked, 1);
    assert_int_equal(u.tables[0].held, 0);
    assert_int_equal(file_living(w), 1);
    assert_non_null(file_find(w, "999001"));
    file_world_free(&w);
}

/* The question offers a record; no other row takes it away meanwhile. */
static void what_a_question_is_about_stays(void **state)
{
    (void)state;
    static const pupil BEFORE[] = {
        {"TAM1", NULL, "Nguyễn An", "01/02/2012", "6A", "2026"},
        {"999004", "999000000094", "Nguyễn An", "01/02/2012", "6A", "2026"}};
    static const pupil AFTER[] = {
        {"999004", "999000000094", "Nguyễn An", "01/02/2012", "6A", "2026"},
        {"999002", "999000000092", "Nguyễn An", "01/02/2012", "6A", "2026"},
        {"999009", NULL, "Nguyễn An", "01/02/2012", "6A", "2026"}};
    lth_upload_finding findings[16];
    world *w = file_world();
    (void)file_take(w, "1", BEFORE, 2);
    assert_int_equal(file_findings(w, 1, findings), 1);
    file_answer(w, findings[0].row_hash, NULL);
    lth_upload u = file_take(w, "1", BEFORE, 2);
    assert_int_equal(file_living(w), 2);
    u = file_take(w, "2", AFTER, 3);
    assert_int_equal(u.tables[0].asked, 2);
    assert_non_null(file_find(w, "TAM1"));
    assert_null(file_find(w, "999002"));
    file_world_free(&w);
}

/* A record that never had a code is found by its name; a namesake with a code may stand before the
 * record's own row. */
static void who_has_no_code_is_no_namesakes(void **state)
{
    (void)state;
    pupil rows[] = {{"999016", NULL, "Nguyễn Bình", "01/02/2012", "6A", "2026"},
                    {NULL, "999000000093", "Nguyễn Bình", "01/02/2012", "6A", "2026"}};
    world *w = file_world();
    lth_upload u = file_take(w, "1", rows + 1, 1);
    assert_int_equal(u.tables[0].held, 1);
    assert_int_equal(w->b.origins[0].n_records, 1);
    rows[1].code = "999014";
    u = file_take(w, "2", rows, 2);
    assert_int_equal(u.tables[0].asked, 1);
    assert_null(file_find(w, "999016"));
    assert_non_null(file_find(w, "999014"));

    /* alone in its file it is the record */
    file_world_free(&w);
    w = file_world();
    rows[1].code = NULL;
    (void)file_take(w, "1", rows + 1, 1);
    u = file_take(w, "2", rows, 1);
    assert_int_equal(u.tables[0].asked, 0);
    assert_int_equal(w->b.origins[0].n_records, 1);
    assert_non_null(file_find(w, "999016"));
    file_world_free(&w);
}

/* The answer is of a day when the code led nowhere; by now another row brought the pupil. */
static void an_old_answer_gives_way_to_the_code(void **state)
{
    (void)state;
    pupil later = TWINS[1];
    lth_upload_finding findings[16];
    world *w = file_world();
    (void)file_take(w, "1", TWINS, 2);
    assert_int_equal(file_findings(w, 1, findings), 1);
    file_answer(w, findings[0].row_hash, NULL); /* and the file is not read again */
    pupil rows[] = {TWINS[0], later};
    rows[1].nid = "999000000094";
    rows[1].born = "03/02/2012";
    lth_upload u = file_take(w, "2", rows, 2);
    assert_int_equal(u.tables[0].fresh, 1);
    assert_int_equal(file_living(w), 2);
    u = file_take(w, "3", TWINS, 2);
    assert_int_equal(u.tables[0].fresh, 0);
    assert_int_equal(w->b.origins[0].n_records, 2);
    file_world_free(&w);
}

/* He was known under a temporary code first, has left since, and an older file is read again. */
static void who_left_under_another_code_stays_away(void **state)
{
    (void)state;
    pupil rows[] = {{"999002", NULL, "Nguyễn An", "01/02/2012", "6A", "2026"},
                    {"999003", NULL, "Nguyễn Bình", "01/02/2012", "6A", "2026"},
                    {"TAM1", "999000000091", "Nguyễn Cường", "01/02/2012", "6A", "2026"}};
    world *w = file_world();
    (void)file_take(w, "1", rows, 3);
    rows[2].code = "999001";
    (void)file_take(w, "2", rows, 3);
    assert_non_null(file_find(w, "999001"));
    lth_upload u = file_take(w, "3", rows, 2);
    assert_int_equal(u.tables[0].ended, 1);
    (void)file_take(w, "2", rows, 3);
    assert_int_equal(file_living(w), 2);
    assert_int_equal(w->b.origins[0].n_records, 3);
    u = file_take(w, "4", rows, 3); /* and he may come back */
    assert_int_equal(u.tables[0].fresh, 1);
    assert_int_equal(file_living(w), 3);
    file_world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_file_three_times_makes_no_version),
        cmocka_unit_test(a_changed_cell_is_a_version_of_the_same_record),
        cmocka_unit_test(every_resemblance_of_a_row),
        cmocka_unit_test(a_temporary_code_becomes_the_official_one),
        cmocka_unit_test(two_claims_on_one_record_are_both_asked),
        cmocka_unit_test(twins_are_asked_once_and_answered),
        cmocka_unit_test(a_question_answered_twice),
        cmocka_unit_test(an_empty_cell_takes_no_key_away),
        cmocka_unit_test(what_a_question_is_about_stays),
        cmocka_unit_test(who_has_no_code_is_no_namesakes),
        cmocka_unit_test(an_old_answer_gives_way_to_the_code),
        cmocka_unit_test(who_left_under_another_code_stays_away),
        cmocka_unit_test(an_answer_may_name_the_record),
        cmocka_unit_test(a_vendor_that_numbers_anew_is_asked),
        cmocka_unit_test(duplicate_rows_of_one_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
