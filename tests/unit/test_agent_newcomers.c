/* New rows of a file wait with its guards (agents/core/internal.h). */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_file.h"

enum { MANY = 24 };

typedef struct roll {
    char codes[MANY][12], nids[MANY][16];
    pupil rows[MANY];
} roll;

/* Pupils @p from, from + 1 ... of one class. */
static void enrol(roll *r, uint32_t from, const char *class_)
{
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(r->codes[i], sizeof r->codes[i], "999%04u", from + i);
        (void)snprintf(r->nids[i], sizeof r->nids[i], "99900000%04u", from + i);
        r->rows[i] = (pupil){r->codes[i], r->nids[i], r->codes[i], "01/02/2012", class_, "2026"};
    }
}

static world *school_of(roll *r)
{
    world *w = file_world();
    w->env.gone_percent = 20;
    w->env.gone_least = 5;
    world_reopen(w);
    world_connect(w);
    enrol(r, 0, "6A");
    lth_upload u = file_take(w, "first", r->rows, MANY);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].fresh, MANY);
    return w;
}

static void say(world *w, lth_agent_act_kind kind, uint64_t upload)
{
    lth_agent_act act = {.kind = kind,
                         .upload = upload,
                         .by = lth_slice_of("clerk", 5),
                         .reason = lth_slice_of("because", 7)};
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ACT, .act = &act});
}

static void expect_roll(world *w, const roll *r, bool there)
{
    for (uint32_t i = 0; i < MANY; i++) {
        if (there) {
            assert_non_null(file_find(w, r->codes[i]));
        } else {
            assert_null(file_find(w, r->codes[i]));
        }
    }
}

/* Its classes have the names of ours, its pupils are others. */
static void the_file_of_another_school(void **state)
{
    (void)state;
    roll ours, theirs;
    world *w = school_of(&ours);
    enrol(&theirs, 500, "6A");
    uint32_t versions = file_versions(w);
    for (int i = 0; i < 2; i++) { /* and once more, as after a crash */
        lth_upload u = file_take(w, "wrong", theirs.rows, MANY);
        assert_int_equal(u.state, LTH_UPLOAD_WAITING);
        assert_int_equal(u.tables[0].fault, LTH_SCAN_mass_deletion);
        assert_int_equal(u.tables[0].gone, MANY);
        assert_int_equal(u.tables[0].waiting, MANY);
        assert_int_equal(u.tables[0].fresh, 0);
        assert_int_equal(u.tables[0].same, 0);
        assert_int_equal(u.first_seq, 0);
    }
    assert_int_equal(file_versions(w), versions);
    assert_int_equal(world_count(w, LTH_A_state), MANY);
    say(w, LTH_ACT_WITHDRAW, 2);
    lth_upload u = file_take(w, "wrong", theirs.rows, MANY); /* asked to read it again */
    assert_int_equal(u.state, LTH_UPLOAD_WITHDRAWN);
    assert_int_equal(file_versions(w), versions);
    expect_roll(w, &ours, true);
    expect_roll(w, &theirs, false);
    u = file_take(w, "right", ours.rows, MANY);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].same, MANY);
    assert_int_equal(file_versions(w), versions);
    file_world_free(&w);
}

/* The right file came in between, and brought all that the wrong one lacks. */
static void a_wrong_file_stays_what_it_is(void **state)
{
    (void)state;
    roll ours, theirs;
    world *w = school_of(&ours);
    enrol(&theirs, 500, "6A");
    lth_upload u = file_take(w, "wrong", theirs.rows, 10);
    assert_int_equal(u.state, LTH_UPLOAD_WAITING);
    ours.rows[3].born = "03/03/2012";
    u = file_take(w, "right", ours.rows, MANY);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    uint32_t versions = file_versions(w);
    (void)file_take(w, "wrong", theirs.rows, 10); /* read again because of an answer */
    u = file_upload(w, 2);
    assert_int_equal(u.state, LTH_UPLOAD_WAITING);
    assert_int_equal(u.tables[0].fault, LTH_SCAN_mass_deletion);
    assert_int_equal(u.tables[0].gone, MANY);
    assert_int_equal(u.tables[0].waiting, 10);
    say(w, LTH_ACT_WITHDRAW, 2);
    (void)file_take(w, "wrong", theirs.rows, 10);
    u = file_upload(w, 2);
    assert_int_equal(u.state, LTH_UPLOAD_WITHDRAWN);
    assert_int_equal(file_versions(w), versions);
    assert_int_equal(file_living(w), MANY);
    file_world_free(&w);
}

static void confirmed_all_of_it_is_taken(void **state)
{
    (void)state;
    roll ours, theirs;
    world *w = school_of(&ours);
    enrol(&theirs, 500, "6A");
    (void)file_take(w, "other", theirs.rows, MANY);
    say(w, LTH_ACT_CONFIRM, 2);
    world_reopen(w);
    world_connect(w);
    lth_upload u = file_take(w, "other", theirs.rows, MANY);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].fresh, MANY);
    assert_int_equal(u.tables[0].ended, MANY);
    assert_int_equal(u.tables[0].waiting, 0);
    expect_roll(w, &ours, false);
    expect_roll(w, &theirs, true);
    file_world_free(&w);
}

/* Nothing of ours is missing where the file speaks, and nobody of it is known either. */
static void a_file_with_nobody_known(void **state)
{
    (void)state;
    roll ours, theirs;
    world *w = school_of(&ours);
    enrol(&theirs, 500, "7C");
    lth_upload u = file_take(w, "2", theirs.rows, MANY);
    assert_int_equal(u.state, LTH_UPLOAD_WAITING);
    assert_int_equal(u.tables[0].fault, LTH_SCAN_mass_addition);
    assert_int_equal(u.tables[0].waiting, MANY);
    assert_int_equal(u.tables[0].known, MANY);
    expect_roll(w, &theirs, false);
    say(w, LTH_ACT_CONFIRM, 2);
    u = file_take(w, "2", theirs.rows, MANY);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].fresh, MANY);
    expect_roll(w, &ours, true);
    expect_roll(w, &theirs, true);

    /* the word is used up; less than a class is no question, nor many beside one who is known */
    enrol(&theirs, 600, "7D");
    theirs.rows[MANY - 1] = ours.rows[0];
    theirs.rows[MANY - 1].name = "another name";
    u = file_take(w, "3", theirs.rows, MANY - 5);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].fresh, MANY - 5);
    enrol(&theirs, 700, "7D");
    theirs.rows[MANY - 1] = ours.rows[0];
    u = file_take(w, "4", theirs.rows, MANY);
    assert_int_equal(u.tables[0].fault, LTH_SCAN_mass_deletion); /* of class 7D */
    file_world_free(&w);
}

static void new_rows_beside_a_class_in_another_file(void **state)
{
    (void)state;
    roll ours, more;
    pupil rows[MANY + 2];
    world *w = school_of(&ours);
    enrol(&more, 500, "6B");
    say(w, LTH_ACT_CONFIRM, 0);
    for (uint32_t i = 0; i < MANY; i++) {
        rows[i] = ours.rows[i];
    }
    rows[MANY] = more.rows[0];
    rows[MANY + 1] = more.rows[1];
    (void)file_take(w, "2", rows, MANY + 2);
    /* class 6A alone, one is missing and one is new: who is missing may have moved */
    rows[0] = more.rows[2];
    rows[0].class_ = "6A";
    lth_upload u = file_take(w, "3", rows, MANY);
    assert_int_equal(u.tables[0].fault, LTH_SCAN_may_be_elsewhere);
    assert_int_equal(u.tables[0].fresh, 1);
    assert_int_equal(u.tables[0].waiting, 0);
    assert_non_null(file_find(w, more.codes[2]));
    assert_non_null(file_find(w, ours.codes[0]));
    file_world_free(&w);
}

/* Put off or not, two rows of one new pupil are one pupil. */
static void a_new_pupil_twice_in_a_file(void **state)
{
    (void)state;
    roll ours;
    pupil rows[MANY + 4];
    world *w = school_of(&ours);
    for (uint32_t i = 0; i < MANY; i++) {
        rows[i] = ours.rows[i];
    }
    rows[MANY] = (pupil){"9998001", "999111111111", "Nguyễn Văn Mới", "01/02/2012", "6A", "2026"};
    rows[MANY + 1] = rows[MANY];
    rows[MANY + 2] = rows[MANY];
    rows[MANY + 2].name = "Nguyễn Văn Khác";
    rows[MANY + 3] = rows[MANY]; /* the same number, no code */
    rows[MANY + 3].code = NULL;
    rows[MANY + 3].name = "Nguyễn Văn Thứ Ba";
    lth_upload_finding findings[16];
    lth_upload u = file_take(w, "2", rows, MANY + 4);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].fresh, 1);
    assert_int_equal(u.tables[0].held, 2);
    assert_int_equal(file_findings(w, 2, findings), 2);
    assert_int_equal(findings[0].row, MANY + 4);
    assert_int_equal(findings[0].code, LTH_REFUSE_natural_key_taken);
    assert_int_equal(findings[1].row, MANY + 5);
    assert_int_equal(file_living(w), MANY + 1);
    file_world_free(&w);
}

/* What a person said of a row is not lost while the row waits for the word about the file. */
static void an_answer_waits_with_its_row(void **state)
{
    (void)state;
    roll ours;
    pupil rows[MANY];
    lth_upload_finding findings[16];
    world *w = school_of(&ours);
    for (uint32_t i = 0; i < MANY; i++) {
        rows[i] = ours.rows[i];
    }
    rows[0].code = "9998002"; /* numbered anew, or a namesake; and many others are gone */
    rows[0].nid = "999222222222";
    lth_upload u = file_take(w, "2", rows, 10);
    assert_int_equal(u.tables[0].fault, LTH_SCAN_mass_deletion);
    assert_int_equal(u.tables[0].asked, 1);
    assert_int_equal(file_findings(w, 2, findings), 1);
    file_answer(w, findings[0].row_hash, NULL);
    u = file_take(w, "2", rows, 10);
    assert_int_equal(u.tables[0].asked, 0);
    assert_int_equal(u.tables[0].waiting, 1);
    assert_int_equal(file_living(w), MANY);
    say(w, LTH_ACT_CONFIRM, 2);
    u = file_take(w, "2", rows, 10);
    assert_int_equal(u.tables[0].asked, 0);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].fresh, 1);
    assert_int_equal(file_living(w), 10);
    uint32_t versions = file_versions(w);
    u = file_take(w, "3", rows, 10); /* and it stays answered */
    assert_int_equal(u.tables[0].asked, 0);
    assert_int_equal(file_versions(w), versions);
    file_world_free(&w);
}

/* More than can be put off is a guard's matter by itself, and a person may let it in. */
static void more_new_rows_than_can_be_put_off(void **state)
{
    (void)state;
    static char big[400001];
    roll ours, more;
    world *w = school_of(&ours);
    memset(big, 'x', sizeof big - 1);
    enrol(&more, 500, "6B");
    for (uint32_t i = 0; i < MANY; i++) {
        more.rows[i].name = big;
    }
    more.rows[0] = ours.rows[0]; /* somebody is known */
    more.rows[0].class_ = "6B";
    lth_upload u = file_take(w, "2", more.rows, MANY);
    assert_int_equal(u.tables[0].fault, LTH_SCAN_mass_addition);
    assert_int_equal(u.tables[0].waiting, MANY - 1);
    say(w, LTH_ACT_CONFIRM, 2);
    u = file_take(w, "2", more.rows, MANY);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].waiting, 0);
    file_world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_file_of_another_school),
                                       cmocka_unit_test(a_wrong_file_stays_what_it_is),
                                       cmocka_unit_test(confirmed_all_of_it_is_taken),
                                       cmocka_unit_test(a_file_with_nobody_known),
                                       cmocka_unit_test(new_rows_beside_a_class_in_another_file),
                                       cmocka_unit_test(a_new_pupil_twice_in_a_file),
                                       cmocka_unit_test(an_answer_waits_with_its_row),
                                       cmocka_unit_test(more_new_rows_than_can_be_put_off)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
