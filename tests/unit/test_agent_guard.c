#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_file.h"

enum { MANY = 20 };

typedef struct table {
    char text[MANY][12];
    row rows[MANY];
} table;

static void fill(table *t, const char *name)
{
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(t->text[i], sizeof t->text[i], "999%02u", i);
        t->rows[i] = (row){t->text[i], t->text[i], name, "1"};
    }
}

static world *loaded(table *t)
{
    world *w = world_new(1);
    w->env.gone_percent = 20;
    w->env.gone_least = 5;
    world_reopen(w);
    world_connect(w);
    fill(t, "first");
    world_scan(w, 0, 0, t->rows, MANY, LTH_SCAN_none);
    expect_records(w, 0, DS_A, t->rows, MANY);
    return w;
}

static void a_few_may_go(void **state)
{
    (void)state;
    table t;
    world *w = loaded(&t);
    world_scan(w, 0, 0, t.rows, 16, LTH_SCAN_none); /* 4 of 20: a fifth, not more */
    expect_records(w, 0, DS_A, t.rows, 16);
    world_scan(w, 0, 0, t.rows, 12, LTH_SCAN_none); /* 4 of 16: a fourth, but less than five */
    expect_records(w, 0, DS_A, t.rows, 12);
    world_free(&w);
}

/* New rows do not make the share of those that are gone smaller: five of twenty, not of thirty. */
static void many_are_replaced(void **state)
{
    (void)state;
    enum { FRESH = 10, KEPT = MANY - 5 };
    table t;
    char text[FRESH][12];
    row rows[KEPT + FRESH];
    world *w = loaded(&t);
    memcpy(rows, t.rows + 5, KEPT * sizeof *rows);
    for (uint32_t i = 0; i < FRESH; i++) {
        (void)snprintf(text[i], sizeof text[i], "9991%02u", i);
        rows[KEPT + i] = (row){text[i], text[i], "new", "1"};
    }
    world_scan(w, 0, 0, rows, KEPT + FRESH, LTH_SCAN_none);
    lth_scan_info info = world_info(w, 0, 0);
    assert_int_equal(info.fault, LTH_SCAN_mass_deletion);
    assert_int_equal(info.known, MANY);
    assert_int_equal(info.gone, 5);
    world_free(&w);
}

static void many_wait_for_a_person(void **state)
{
    (void)state;
    table t;
    world *w = loaded(&t);
    uint64_t good = world_info(w, 0, 0).last_good_ms;
    world_advance(w, LTH_MONO_S(5));
    for (int i = 0; i < 3; i++) {
        world_scan(w, 0, 0, t.rows, 15, LTH_SCAN_none);
        lth_scan_info info = world_info(w, 0, 0);
        assert_int_equal(info.fault, LTH_SCAN_mass_deletion);
        assert_int_equal(info.gone, 5);
        assert_int_equal(info.known, MANY);
        assert_int_equal(info.deleted, 0);
        assert_int_equal(info.last_good_ms, good);
        expect_records(w, 0, DS_A, t.rows, MANY);
    }
    /* other rows go their way meanwhile */
    t.rows[0].name = "changed";
    world_scan(w, 0, 0, t.rows, 15, LTH_SCAN_none);
    expect_records(w, 0, DS_A, t.rows, MANY);

    /* the word survives a restart; a larger set is not covered by it, a smaller one is */
    world_act(w, 0, LTH_ACT_CONFIRM, DS_A);
    world_reopen(w);
    world_connect(w);
    world_scan(w, 0, 0, t.rows, 10, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_mass_deletion);
    expect_records(w, 0, DS_A, t.rows, MANY);
    world_act(w, 0, LTH_ACT_CONFIRM, DS_A);
    world_scan(w, 0, 0, t.rows, 12, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).deleted, 8);
    expect_records(w, 0, DS_A, t.rows, 12);

    /* and is used up */
    world_scan(w, 0, 0, t.rows, 6, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_mass_deletion);
    expect_records(w, 0, DS_A, t.rows, 12);
    world_free(&w);
}

static void another_set_of_the_same_size_is_not_covered(void **state)
{
    (void)state;
    table t;
    world *w = loaded(&t);
    world_scan(w, 0, 0, t.rows, 14, LTH_SCAN_none);
    world_act(w, 0, LTH_ACT_CONFIRM, DS_A);
    world_scan(w, 0, 0, t.rows + 6, 14, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_mass_deletion);
    expect_records(w, 0, DS_A, t.rows, MANY);
    world_free(&w);
}

static void a_withdrawn_set_is_passed_over(void **state)
{
    (void)state;
    table t;
    world *w = loaded(&t);
    world_scan(w, 0, 0, t.rows, 14, LTH_SCAN_none);
    world_act(w, 0, LTH_ACT_WITHDRAW, DS_A);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_none);
    world_scan(w, 0, 0, t.rows, 14, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_none);
    expect_records(w, 0, DS_A, t.rows, MANY);
    world_scan(w, 0, 0, t.rows, 13, LTH_SCAN_none); /* the source changed again */
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_mass_deletion);
    world_scan(w, 0, 0, t.rows, MANY, LTH_SCAN_none); /* everybody is back */
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_none);
    expect_records(w, 0, DS_A, t.rows, MANY);
    world_free(&w);
}

static void an_empty_table_waits_in_any_number(void **state)
{
    (void)state;
    world *w = world_new(1);
    const row one = {"1", "999A", "An", "3"};
    world_connect(w);
    world_scan(w, 0, 0, &one, 0, LTH_SCAN_none); /* nothing known yet: no fault */
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_none);
    world_scan(w, 0, 0, &one, 1, LTH_SCAN_none);
    world_scan(w, 0, 0, &one, 0, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_emptied);
    assert_int_equal(world_info(w, 0, 0).gone, 1);
    expect_records(w, 0, DS_A, &one, 1);
    world_act(w, 0, LTH_ACT_CONFIRM, 0);
    world_scan(w, 0, 0, &one, 0, LTH_SCAN_none);
    expect_records(w, 0, DS_A, &one, 0);
    world_free(&w);
}

/* ---- a source that went back ---- */

static void a_restored_source_waits_with_its_new_rows(void **state)
{
    (void)state;
    table t, later;
    world *w = loaded(&t);
    fill(&later, "second");
    world_scan(w, 0, 0, later.rows, MANY, LTH_SCAN_none);
    expect_records(w, 0, DS_A, later.rows, MANY);

    row restored[MANY + 1];
    memcpy(restored, t.rows, sizeof t.rows);
    restored[MANY] = (row){"new", "999new", "fresh", "1"};
    row expected[MANY + 1];
    memcpy(expected, later.rows, sizeof later.rows);
    expected[MANY] = restored[MANY];
    for (int i = 0; i < 2; i++) {
        world_scan(w, 0, 0, restored, MANY + 1, LTH_SCAN_none);
        lth_scan_info info = world_info(w, 0, 0);
        assert_int_equal(info.fault, LTH_SCAN_restored);
        assert_int_equal(info.old, MANY);
        assert_int_equal(info.waiting, 1);
        expect_records(w, 0, DS_A, expected, MANY);
    }
    /* held until somebody speaks; a withdrawn database goes on without what went back */
    world_act(w, 0, LTH_ACT_WITHDRAW, DS_A);
    world_scan(w, 0, 0, restored, MANY + 1, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).waiting, 0);
    expect_records(w, 0, DS_A, expected, MANY + 1);
    world_act(w, 0, LTH_ACT_CONFIRM, DS_A);
    world_scan(w, 0, 0, restored, MANY + 1, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_none);
    expect_records(w, 0, DS_A, restored, MANY + 1);
    world_free(&w);
}

/* Nobody of it is known: nobody ends, and nobody comes in, however often it is read. */
static void the_database_of_another_school(void **state)
{
    (void)state;
    table ours;
    row theirs[MANY];
    char text[MANY][12];
    world *w = loaded(&ours);
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(text[i], sizeof text[i], "9997%02u", i);
        theirs[i] = (row){text[i], text[i], "other", "1"};
    }
    uint32_t records = w->b.origins[0].n_records;
    for (int i = 0; i < 2; i++) {
        world_scan(w, 0, 0, theirs, MANY, LTH_SCAN_none);
        assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_mass_deletion);
        assert_int_equal(world_info(w, 0, 0).waiting, MANY);
        expect_records(w, 0, DS_A, ours.rows, MANY);
    }
    assert_int_equal(w->b.origins[0].n_records, records);
    world_scan(w, 0, 0, ours.rows, MANY, LTH_SCAN_none); /* the right one again */
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_none);
    expect_records(w, 0, DS_A, ours.rows, MANY);

    /* it was right: confirmed, all of it is taken */
    world_scan(w, 0, 0, theirs, MANY, LTH_SCAN_none);
    world_act(w, 0, LTH_ACT_CONFIRM, DS_A);
    world_scan(w, 0, 0, theirs, MANY, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_none);
    expect_records(w, 0, DS_A, theirs, MANY);
    world_free(&w);
}

/* A scan that broke off, or has two rows of one key, does not know what is gone: the guard stands,
 * and so does a person's word. */
static void a_bad_reading_lets_nothing_in(void **state)
{
    (void)state;
    table ours;
    row theirs[MANY + 1];
    char text[MANY][12];
    world *w = loaded(&ours);
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(text[i], sizeof text[i], "9997%02u", i);
        theirs[i] = (row){text[i], text[i], "other", "1"};
    }
    theirs[MANY] = theirs[0]; /* the same key twice */
    world_scan(w, 0, 0, theirs, MANY + 1, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_duplicate_key);
    assert_int_equal(world_info(w, 0, 0).waiting, MANY);
    expect_records(w, 0, DS_A, ours.rows, MANY);
    world_scan(w, 0, 0, theirs, MANY, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_mass_deletion);
    world_scan(w, 0, 0, theirs, MANY / 2, LTH_SCAN_incomplete);
    expect_records(w, 0, DS_A, ours.rows, MANY);
    world_act(w, 0, LTH_ACT_CONFIRM, DS_A);
    world_scan(w, 0, 0, theirs, 0, LTH_SCAN_unreachable);
    expect_records(w, 0, DS_A, ours.rows, MANY);
    world_scan(w, 0, 0, theirs, MANY, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_none);
    expect_records(w, 0, DS_A, theirs, MANY);
    world_free(&w);
}

static void a_few_rows_may_go_back(void **state)
{
    (void)state;
    table t, later;
    world *w = loaded(&t);
    fill(&later, "second");
    row rows[MANY];
    memcpy(rows, t.rows, sizeof rows);
    memcpy(rows, later.rows, 4 * sizeof *rows);
    world_scan(w, 0, 0, rows, MANY, LTH_SCAN_none);
    world_scan(w, 0, 0, t.rows, MANY, LTH_SCAN_none); /* four, all that changed: fewer than five */
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_none);
    expect_records(w, 0, DS_A, t.rows, MANY);

    /* six of fourteen: less than half */
    memcpy(rows, later.rows, 6 * sizeof *rows);
    world_scan(w, 0, 0, rows, MANY, LTH_SCAN_none);
    memcpy(rows, t.rows, 6 * sizeof *rows);
    for (uint32_t i = 6; i < 14; i++) {
        rows[i].name = "third";
    }
    world_scan(w, 0, 0, rows, MANY, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_none);
    expect_records(w, 0, DS_A, rows, MANY);
    world_free(&w);
}

static void rows_that_go_back_free_their_natural_keys(void **state)
{
    (void)state;
    world *w = world_new(1);
    const row first[] = {{"1", "999A", "a", "1"}, {"2", "999B", "b", "1"}};
    const row swapped[] = {{"1", "999B", "a", "1"}, {"2", "999A", "b", "1"}};
    world_connect(w);
    world_scan(w, 0, 0, first, 2, LTH_SCAN_none);
    world_scan(w, 0, 0, swapped, 2, LTH_SCAN_none);
    expect_records(w, 0, DS_A, swapped, 2);
    world_scan(w, 0, 0, first, 2, LTH_SCAN_none);
    expect_records(w, 0, DS_A, first, 2);
    assert_int_equal(count_held(w, 0, DS_A), 0);
    assert_int_equal(world_count(w, LTH_A_natmap), 2);
    world_free(&w);
}

/* More than can be put off is a restored source whatever its share. */
static void more_than_can_be_put_off(void **state)
{
    (void)state;
    static char big[2][250001];
    table t;
    row rows[MANY];
    world *w = world_new(1);
    world_connect(w);
    memset(big[0], 'x', sizeof big[0] - 1);
    memset(big[1], 'y', sizeof big[1] - 1);
    fill(&t, big[0]);
    memcpy(rows, t.rows, sizeof rows);
    world_scan(w, 0, 0, rows, MANY, LTH_SCAN_none);
    for (uint32_t i = 0; i < MANY; i++) {
        rows[i].name = big[1];
    }
    world_scan(w, 0, 0, rows, MANY, LTH_SCAN_none);
    uint32_t batches = w->b.origins[0].n_batches;
    world_scan(w, 0, 0, t.rows, MANY, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_restored);
    assert_int_equal(w->b.origins[0].n_batches, batches);
    world_free(&w);
}

/* ---- files ---- */

static void a_class_that_loses_half_of_its_pupils(void **state)
{
    (void)state;
    static char codes[MANY][12];
    pupil rows[MANY];
    world *w = file_world();
    w->env.gone_percent = 20;
    w->env.gone_least = 5;
    world_reopen(w);
    world_connect(w);
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(codes[i], sizeof codes[i], "9995%02u", i);
        rows[i] = (pupil){codes[i], NULL, codes[i], "01/02/2012", i < 10 ? "6A" : "6B", "2026"};
    }
    (void)file_take(w, "1", rows, MANY);
    /* five of the ten of one class, the other class did not come at all */
    lth_upload u = file_take(w, "2", rows, 5);
    assert_int_equal(u.state, LTH_UPLOAD_WAITING);
    assert_int_equal(u.tables[0].fault, LTH_SCAN_mass_deletion);
    assert_int_equal(u.tables[0].gone, 5);
    assert_int_equal(file_living(w), MANY);
    /* withdrawn: a corrected file comes later */
    lth_agent_act act = {.kind = LTH_ACT_WITHDRAW,
                         .upload = 2,
                         .by = lth_slice_of("clerk", 5),
                         .reason = lth_slice_of("half a file", 11)};
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ACT, .act = &act});
    assert_int_equal(file_upload(w, 2).state, LTH_UPLOAD_WITHDRAWN);
    assert_int_equal(file_living(w), MANY);
    u = file_take(w, "3", rows, 10);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);

    u = file_take(w, "4", rows, 5);
    assert_int_equal(u.state, LTH_UPLOAD_WAITING);
    act.kind = LTH_ACT_CONFIRM;
    act.upload = 4;
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ACT, .act = &act});
    u = file_take(w, "4", rows, 5);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].ended, 5);
    assert_int_equal(file_living(w), MANY - 5);
    assert_int_equal(lth_agent_upload_number(w->agent, 0), 4);
    file_world_free(&w);
}

static void last_weeks_file_waits(void **state)
{
    (void)state;
    static char codes[8][12];
    pupil first[8], second[8];
    world *w = file_world();
    for (uint32_t i = 0; i < 8; i++) {
        (void)snprintf(codes[i], sizeof codes[i], "9996%02u", i);
        first[i] = (pupil){codes[i], NULL, codes[i], "01/02/2012", "6A", "2026"};
        second[i] = first[i];
        second[i].born = "02/03/2012";
    }
    (void)file_take(w, "1", first, 8);
    lth_upload u = file_take(w, "2", second, 8);
    assert_int_equal(u.tables[0].changed, 8);
    u = file_take(w, "3", first, 8);
    assert_int_equal(u.state, LTH_UPLOAD_WAITING);
    assert_int_equal(u.tables[0].fault, LTH_SCAN_restored);
    assert_int_equal(u.tables[0].old, 8);
    assert_int_equal(u.tables[0].changed, 0);
    assert_int_equal(file_versions(w), 16);
    world_act(w, 0, LTH_ACT_CONFIRM, DS_F);
    u = file_take(w, "3", first, 8);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].changed, 8);
    assert_int_equal(file_versions(w), 24);
    file_world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_may_go),
        cmocka_unit_test(many_are_replaced),
        cmocka_unit_test(many_wait_for_a_person),
        cmocka_unit_test(another_set_of_the_same_size_is_not_covered),
        cmocka_unit_test(a_withdrawn_set_is_passed_over),
        cmocka_unit_test(an_empty_table_waits_in_any_number),
        cmocka_unit_test(a_restored_source_waits_with_its_new_rows),
        cmocka_unit_test(the_database_of_another_school),
        cmocka_unit_test(a_bad_reading_lets_nothing_in),
        cmocka_unit_test(a_few_rows_may_go_back),
        cmocka_unit_test(rows_that_go_back_free_their_natural_keys),
        cmocka_unit_test(more_than_can_be_put_off),
        cmocka_unit_test(a_class_that_loses_half_of_its_pupils),
        cmocka_unit_test(last_weeks_file_waits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
