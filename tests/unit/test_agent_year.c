/* A school year of one clerk: files in the order in which people really hand them in. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_file.h"

enum { CLASS = 10 };

static char codes[2 * CLASS][12];

/* Ten of 6A, then ten of 6B; none resembles another. */
static void fill(pupil rows[2 * CLASS])
{
    for (uint32_t i = 0; i < 2 * CLASS; i++) {
        (void)snprintf(codes[i], sizeof codes[i], "9998%02u", i);
        rows[i] = (pupil){codes[i], NULL, codes[i], "01/02/2012", i < CLASS ? "6A" : "6B", "2026"};
    }
}

static world *guarded(void)
{
    world *w = file_world();
    w->env.gone_percent = 20;
    w->env.gone_least = 5;
    world_reopen(w);
    world_connect(w);
    return w;
}

static void word(world *w, lth_agent_act_kind kind, uint64_t upload)
{
    lth_agent_act act = {.kind = kind,
                         .upload = upload,
                         .dataset = DS_F,
                         .by = lth_slice_of("clerk", 5),
                         .reason = lth_slice_of("known", 5)};
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ACT, .act = &act});
}

/* ---- a pupil who changes class ---- */

static void one_who_moves_between_two_files_stays_the_same(void **state)
{
    (void)state;
    pupil rows[2 * CLASS], moved[CLASS + 1];
    world *w = guarded();
    fill(rows);
    (void)file_take(w, "a", rows, 2 * CLASS);
    lth_id id = file_find(w, codes[0])->id;
    /* 6A without him: he may have left, or be in the file that comes tomorrow */
    lth_upload u = file_take(w, "6a", rows + 1, CLASS - 1);
    assert_int_equal(u.state, LTH_UPLOAD_WAITING);
    assert_int_equal(u.tables[0].fault, LTH_SCAN_may_be_elsewhere);
    assert_int_equal(u.tables[0].gone, 1);
    assert_int_equal(file_living(w), 2 * CLASS);
    memcpy(moved, rows + CLASS, CLASS * sizeof *rows);
    moved[CLASS] = rows[0];
    moved[CLASS].class_ = "6B";
    u = file_take(w, "6b", moved, CLASS + 1);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].changed, 1);
    assert_int_equal(file_living(w), 2 * CLASS);
    assert_memory_equal(&file_find(w, codes[0])->id, &id, sizeof id);
    assert_int_equal(file_find(w, codes[0])->versions, 2);
    /* whatever is said of the first file now, nobody ends */
    word(w, LTH_ACT_CONFIRM, 2);
    u = file_take(w, "6a", rows + 1, CLASS - 1);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].ended, 0);
    assert_int_equal(file_living(w), 2 * CLASS);
    file_world_free(&w);
}

static void one_who_left_ends_when_a_person_says_so(void **state)
{
    (void)state;
    pupil rows[2 * CLASS];
    world *w = guarded();
    fill(rows);
    (void)file_take(w, "a", rows, 2 * CLASS);
    (void)file_take(w, "6a", rows + 1, CLASS - 1);
    /* another class's file in between is no answer to the question */
    lth_upload u = file_take(w, "6b", rows + CLASS, CLASS);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    word(w, LTH_ACT_CONFIRM, 2);
    u = file_take(w, "6a", rows + 1, CLASS - 1);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].ended, 1);
    assert_int_equal(file_living(w), 2 * CLASS - 1);
    file_world_free(&w);
}

static void a_file_of_all_classes_needs_no_word(void **state)
{
    (void)state;
    pupil rows[2 * CLASS];
    world *w = guarded();
    fill(rows);
    (void)file_take(w, "a", rows, 2 * CLASS);
    lth_upload u = file_take(w, "b", rows + 1, 2 * CLASS - 1);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].ended, 1);
    file_world_free(&w);
}

/* ---- an older file read again: a person spoke, and newer ones came meanwhile ---- */

static const pupil TWINS[] = {{"999201", NULL, "Nguyễn Thị Hoa", "01/02/2012", "6A", "2026"},
                              {"999202", NULL, "Nguyễn Thị Hoa", "01/02/2012", "6A", "2026"},
                              {"999203", NULL, "Trần Văn Ba", "02/02/2012", "6A", "2026"}};

static void an_answer_to_an_old_file_turns_nothing_back(void **state)
{
    (void)state;
    world *w = file_world();
    lth_upload_finding findings[16];
    lth_upload u = file_take(w, "old", TWINS, 3);
    assert_int_equal(u.tables[0].asked, 1);
    /* a newer file: one corrected, one new */
    pupil rows[] = {TWINS[0], TWINS[2], {"999204", NULL, "Lê Thị Tư", "03/02/2012", "6A", "2026"}};
    rows[1].name = "Trần Văn Bá";
    u = file_take(w, "new", rows, 3);
    assert_int_equal(u.tables[0].changed, 1);
    assert_int_equal(u.tables[0].fresh, 1);
    assert_int_equal(file_living(w), 3);

    assert_int_equal(file_findings(w, 1, findings), 1);
    file_answer(w, findings[0].row_hash, NULL);
    u = file_take(w, "old", TWINS, 3);
    assert_int_equal(lth_agent_upload_number(w->agent, 0), 1);
    assert_int_equal(u.tables[0].asked, 0);
    assert_int_equal(u.tables[0].ended, 0); /* the new one stood in a newer file */
    assert_int_equal(u.tables[0].changed, 0);
    assert_int_equal(file_living(w), 4);
    assert_int_equal(file_find(w, "999203")->versions, 2); /* still as corrected */
    assert_int_equal(file_find(w, "999204")->versions, 1);
    file_world_free(&w);
}

/* ---- an emptied sheet ---- */

static void an_emptied_sheet_confirmed_ends_all(void **state)
{
    (void)state;
    pupil rows[2 * CLASS];
    world *w = guarded();
    fill(rows);
    (void)file_take(w, "a", rows, 2 * CLASS);
    lth_upload u = file_take(w, "b", rows, 0);
    assert_int_equal(u.state, LTH_UPLOAD_WAITING);
    assert_int_equal(u.tables[0].fault, LTH_SCAN_emptied);
    assert_int_equal(u.tables[0].gone, 2 * CLASS);
    assert_int_equal(file_living(w), 2 * CLASS);
    word(w, LTH_ACT_CONFIRM, 2);
    u = file_take(w, "b", rows, 0);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].ended, 2 * CLASS);
    assert_int_equal(file_living(w), 0);
    /* they come back as whom they were */
    u = file_take(w, "c", rows, 2 * CLASS);
    assert_int_equal(file_living(w), 2 * CLASS);
    assert_int_equal(w->b.origins[0].n_records, 2 * CLASS);
    file_world_free(&w);
}

/* ---- words about one of several files ---- */

static void each_file_has_its_own_word(void **state)
{
    (void)state;
    pupil rows[2 * CLASS];
    world *w = guarded();
    fill(rows);
    (void)file_take(w, "all", rows, 2 * CLASS);
    assert_int_equal(file_take(w, "6a", rows, 3).state, LTH_UPLOAD_WAITING);
    assert_int_equal(file_take(w, "6b", rows + CLASS, 2).state, LTH_UPLOAD_WAITING);
    word(w, LTH_ACT_WITHDRAW, 3);
    assert_int_equal(file_upload(w, 3).state, LTH_UPLOAD_WITHDRAWN);
    assert_int_equal(file_upload(w, 2).state, LTH_UPLOAD_WAITING);
    word(w, LTH_ACT_CONFIRM, 2);
    world_reopen(w);
    world_connect(w);
    lth_upload u = file_take(w, "6a", rows, 3);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].ended, 7);
    u = file_take(w, "6b", rows + CLASS, 2);
    assert_int_equal(u.state, LTH_UPLOAD_WITHDRAWN);
    assert_int_equal(file_living(w), 13);
    file_world_free(&w);
}

/* ---- an old file handed in once more ---- */

static void an_old_file_handed_in_again_waits(void **state)
{
    (void)state;
    pupil rows[2 * CLASS], later[2 * CLASS];
    world *w = guarded();
    fill(rows);
    file_hash(7);
    (void)file_take(w, "1", rows, 2 * CLASS);
    memcpy(later, rows, sizeof rows);
    later[0].name = "Một";
    file_hash(8);
    (void)file_take(w, "2", later + 0, 2 * CLASS - 1); /* the last one left */
    later[0].name = "Hai";
    file_hash(9);
    (void)file_take(w, "3", later, 2 * CLASS - 1);
    assert_int_equal(file_living(w), 2 * CLASS - 1);
    uint32_t versions = file_versions(w);
    /* the very first file: nothing of it is new */
    file_hash(7);
    lth_upload u = file_take(w, "4", rows, 2 * CLASS);
    assert_int_equal(u.state, LTH_UPLOAD_WAITING);
    assert_int_equal(u.tables[0].fault, LTH_SCAN_restored);
    assert_int_equal(u.tables[0].old, 2);
    assert_int_equal(file_versions(w), versions);
    assert_int_equal(file_living(w), 2 * CLASS - 1);
    word(w, LTH_ACT_CONFIRM, 4);
    u = file_take(w, "4", rows, 2 * CLASS);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(file_living(w), 2 * CLASS);
    assert_int_equal(w->b.origins[0].n_records, 2 * CLASS);
    /* the same once more: no question, no version */
    versions = file_versions(w);
    u = file_take(w, "5", rows, 2 * CLASS);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(file_versions(w), versions);
    file_hash(0);
    file_world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_who_moves_between_two_files_stays_the_same),
        cmocka_unit_test(one_who_left_ends_when_a_person_says_so),
        cmocka_unit_test(a_file_of_all_classes_needs_no_word),
        cmocka_unit_test(an_answer_to_an_old_file_turns_nothing_back),
        cmocka_unit_test(an_emptied_sheet_confirmed_ends_all),
        cmocka_unit_test(each_file_has_its_own_word),
        cmocka_unit_test(an_old_file_handed_in_again_waits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
