#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_file.h"

static const pupil THREE[] = {
    {"999001", NULL, "Nguyễn Văn An", "01/02/2012", "6A", "2026"},
    {"999002", NULL, "Trần Bình", "03/04/2012", "6A", "2026"},
    {"999003", NULL, "Lê Cường", "05/06/2012", "6A", "2026"},
};

/* ---- databases ---- */

static lth_scan_info scan(world *w, const pupil *rows, uint32_t n)
{
    world_begin_round(w, 0);
    for (uint32_t i = 0; i < n; i++) {
        file_row(w, &rows[i], 0);
    }
    world_table_end(w, 0, 0, LTH_SCAN_none);
    if ((w->asked[0] >> 1 & 1) != 0) {
        world_table_end(w, 0, 1, LTH_SCAN_locked);
    }
    world_round_end(w, 0);
    world_run(w);
    return world_info(w, 0, 0);
}

static void a_table_is_judged_again_in_its_next_scan(void **state)
{
    (void)state;
    world *w = file_world_keyed(10000);
    lth_scan_info info = scan(w, THREE, 3);
    assert_int_equal(info.fresh, 3);
    assert_int_equal(file_living(w), 3);

    file_rules(w, NULL, "length(name) < 10", 2);
    assert_int_equal(file_versions(w), 3); /* its source is read again anyway */
    info = scan(w, THREE, 3);
    assert_int_equal(info.invalid, 1);
    assert_int_equal(count_held(w, 0, DS_F), 1);
    assert_int_equal(file_versions(w), 4);
    info = scan(w, THREE, 3);
    assert_int_equal(info.invalid, 1);
    assert_int_equal(file_versions(w), 4);

    file_rules(w, NULL, NULL, 3);
    info = scan(w, THREE, 3);
    assert_int_equal(info.invalid, 0);
    assert_int_equal(file_living(w), 3);
    assert_int_equal(file_versions(w), 5);
    assert_int_equal(world_count(w, LTH_A_state), 0); /* nothing is kept of a database */
    file_world_free(&w);
}

static void a_warning_of_a_table_is_accepted(void **state)
{
    (void)state;
    world *w = file_world_keyed(10000);
    file_rules(w, "length(name) < 10", NULL, 2);
    assert_int_equal(scan(w, THREE, 3).warned, 1);
    assert_int_equal(scan(w, THREE, 3).warned, 1); /* also when nothing changed */
    assert_int_equal(file_versions(w), 3);
    lth_agent_act act = {.kind = LTH_ACT_ACCEPT,
                         .dataset = DS_F,
                         .record_id = file_find(w, "999001")->id,
                         .rule = 10,
                         .by = lth_slice_of("clerk", 5),
                         .reason = lth_slice_of("so it is", 8)};
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ACT, .act = &act});
    assert_int_equal(scan(w, THREE, 3).warned, 0);
    assert_int_equal(scan(w, THREE, 3).warned, 0);
    assert_int_equal(file_versions(w), 3);
    assert_int_equal(world_count(w, LTH_A_accepted), 1);

    act.reason = lth_slice_of("", 0); /* nobody acts without a reason */
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ACT, .act = &act});
    assert_int_equal(world_count(w, LTH_A_act), 1);
    assert_true(world_logged(w, "act_ignored"));
    file_world_free(&w);
}

static void expect_told(const world *w, const char *by, const char *why)
{
    const lth_frame_accepted *told = &w->last[LTH_FRAME_ACCEPTED].accepted;
    assert_int_equal(told->dataset, DS_F);
    assert_int_equal(told->rule, 10);
    assert_true(lth_slice_equal(told->by, lth_slice_of(by, strlen(by))));
    assert_true(lth_slice_equal(told->why, lth_slice_of(why, strlen(why))));
    assert_true(told->accepted_ms > 0);
}

/* The broker hears of it at once, again in each session, and no more when the row is another. */
static void an_acceptance_is_told_to_the_broker(void **state)
{
    (void)state;
    world *w = file_world_keyed(10000);
    file_rules(w, "length(name) < 10", NULL, 2);
    assert_int_equal(scan(w, THREE, 3).warned, 1);
    assert_int_equal(w->sent[LTH_FRAME_ACCEPTED], 0);
    lth_agent_act act = {.kind = LTH_ACT_ACCEPT,
                         .dataset = DS_F,
                         .record_id = file_find(w, "999001")->id,
                         .rule = 10,
                         .by = lth_slice_of("clerk", 5),
                         .reason = lth_slice_of("so it is", 8)};
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ACT, .act = &act});
    assert_int_equal(w->sent[LTH_FRAME_ACCEPTED], 1);
    expect_told(w, "clerk", "so it is");
    assert_memory_equal(&w->last[LTH_FRAME_ACCEPTED].accepted.record_id, &act.record_id, 16);

    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_LINK_DOWN});
    world_connect(w);
    assert_int_equal(w->sent[LTH_FRAME_ACCEPTED], 2);
    expect_told(w, "clerk", "so it is");

    pupil rows[] = {THREE[0], THREE[1], THREE[2]};
    uint32_t at = strcmp(rows[0].code, "999001") == 0   ? 0
                  : strcmp(rows[1].code, "999001") == 0 ? 1
                                                        : 2;
    rows[at].name = "Nguyễn Thị Một Tên Khác";
    assert_int_equal(scan(w, rows, 3).warned, 1);
    uint32_t told = w->sent[LTH_FRAME_ACCEPTED];
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_LINK_DOWN});
    world_connect(w);
    assert_int_equal(w->sent[LTH_FRAME_ACCEPTED], told);
    file_world_free(&w);
}

/* Not before the broker has what was sealed: its warning would be of another version. */
static void an_acceptance_waits_for_what_is_sealed(void **state)
{
    (void)state;
    world *w = file_world_keyed(10000);
    file_rules(w, "length(name) < 10", NULL, 2);
    w->b.no_receipts = true;
    assert_int_equal(scan(w, THREE, 3).warned, 1);
    lth_agent_act act = {.kind = LTH_ACT_ACCEPT,
                         .dataset = DS_F,
                         .record_id = file_find(w, "999001")->id,
                         .rule = 10,
                         .by = lth_slice_of("clerk", 5),
                         .reason = lth_slice_of("so it is", 8)};
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ACT, .act = &act});
    assert_int_equal(w->sent[LTH_FRAME_ACCEPTED], 0);
    w->b.no_receipts = false;
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_LINK_DOWN});
    world_connect(w);
    assert_int_equal(w->sent[LTH_FRAME_ACCEPTED], 1);
    file_world_free(&w);
}

/* ---- files whose rows have a key of their own ---- */

static void a_keyed_file_ends_nothing_and_tells_its_bad_rows(void **state)
{
    (void)state;
    lth_upload_finding findings[16];
    world *w = file_world_keyed(0);
    lth_upload u = file_take(w, "1", THREE, 3);
    assert_int_equal(u.tables[0].fresh, 3);
    pupil rows[] = {THREE[0], THREE[0], THREE[0], THREE[1]};
    rows[2].name = "Nguyễn Văn Khác";
    rows[3].code = "  ";
    u = file_take(w, "2", rows, 4);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].same, 2);
    assert_int_equal(u.tables[0].held, 2);
    assert_int_equal(u.tables[0].ended, 0);
    assert_int_equal(file_findings(w, 2, findings), 2);
    assert_int_equal(findings[0].row, 4);
    assert_int_equal(findings[1].row, 5);
    assert_int_equal(findings[1].code, LTH_REFUSE_missing_required);
    assert_int_equal(file_living(w), 3);
    file_world_free(&w);
}

static void a_keyed_files_snapshot_is_cut_without_it(void **state)
{
    (void)state;
    world *w = file_world_keyed(0);
    (void)file_take(w, "1", THREE, 3);
    broker_grant(w, 0, 2, BROKER_KEY);
    world_run(w);
    assert_int_equal(file_living(w), 3);
    for (uint32_t i = 0; i < w->b.origins[0].n_records; i++) {
        assert_int_equal(w->b.origins[0].records[i].epoch, 2);
    }
    file_world_free(&w);
}

/* ---- configured otherwise ---- */

static void other_match_keys_find_the_records_known(void **state)
{
    (void)state;
    world *w = file_world();
    (void)file_take(w, "1", THREE, 3);
    file_remap(w, FILE_MATCH_REORDERED, 0);
    assert_int_equal(file_versions(w), 3);
    pupil rows[] = {THREE[0], THREE[1], THREE[2]};
    rows[0].name = "Nguyễn Văn Anh"; /* known by its code, which is the last key now */
    lth_upload u = file_take(w, "2", rows, 3);
    assert_int_equal(u.tables[0].fresh, 0);
    assert_int_equal(u.tables[0].asked, 0);
    assert_int_equal(w->b.origins[0].n_records, 3);
    /* and back: rows told apart by another mapping are not a restored source */
    file_remap(w, FILE_MATCH, 0);
    u = file_take(w, "3", THREE, 3);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].fresh, 0);
    assert_int_equal(file_living(w), 3);
    file_world_free(&w);
}

static void a_snapshot_waits_for_records_that_no_file_brought(void **state)
{
    (void)state;
    world *w = file_world_keyed(10000);
    (void)scan(w, THREE, 3);
    file_remap(w, FILE_KEYED, 0); /* from now on in files */
    broker_grant(w, 0, 2, BROKER_KEY);
    world_run(w);
    assert_int_equal(file_living(w), 3);
    (void)file_take(w, "1", THREE, 2);
    assert_int_equal(file_living(w), 3);
    (void)file_take(w, "2", THREE, 3);
    assert_int_equal(file_living(w), 3);
    for (uint32_t i = 0; i < w->b.origins[0].n_records; i++) {
        assert_int_equal(w->b.origins[0].records[i].epoch, 2);
    }
    file_world_free(&w);
}

static void a_snapshot_passes_over_nobody(void **state)
{
    (void)state;
    world *w = file_world_keyed(10000);
    (void)scan(w, THREE, 3);
    (void)scan(w, THREE, 0);
    world_act(w, 0, LTH_ACT_WITHDRAW, DS_F);
    assert_int_equal(scan(w, THREE, 0).fault, LTH_SCAN_none);
    broker_grant(w, 0, 2, BROKER_KEY);
    world_run(w);
    assert_int_equal(scan(w, THREE, 0).fault, LTH_SCAN_emptied); /* asked again */
    assert_int_equal(file_living(w), 3);
    assert_int_equal(scan(w, THREE, 3).fault, LTH_SCAN_none);
    assert_int_equal(file_living(w), 3);
    file_world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_judged_again_in_its_next_scan),
        cmocka_unit_test(a_warning_of_a_table_is_accepted),
        cmocka_unit_test(an_acceptance_is_told_to_the_broker),
        cmocka_unit_test(an_acceptance_waits_for_what_is_sealed),
        cmocka_unit_test(a_keyed_file_ends_nothing_and_tells_its_bad_rows),
        cmocka_unit_test(a_keyed_files_snapshot_is_cut_without_it),
        cmocka_unit_test(other_match_keys_find_the_records_known),
        cmocka_unit_test(a_snapshot_waits_for_records_that_no_file_brought),
        cmocka_unit_test(a_snapshot_passes_over_nobody)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
