#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/store/store_mem.h"
#include "test_agent_file.h"

static const pupil FIVE[] = {
    {"999001", NULL, "Nguyễn Văn An", "01/02/2012", "6A", "2026"},
    {"999002", NULL, "Trần Thị Bình", "03/04/2012", "6A", "2026"},
    {"999003", NULL, "Lê Văn Cường", "05/06/2012", "6A", "2026"},
    {"999004", NULL, "Phạm Thị Dung", "07/08/2012", "6B", "2026"},
    {"999005", NULL, "Hoàng Văn Em", "09/10/2012", "6B", "2026"},
};

/* The third of class 6A has left. */
static const pupil FOUR[] = {
    {"999001", NULL, "Nguyễn Văn An", "01/02/2012", "6A", "2026"},
    {"999002", NULL, "Trần Thị Bình", "03/04/2012", "6A", "2026"},
    {"999004", NULL, "Phạm Thị Dung", "07/08/2012", "6B", "2026"},
    {"999005", NULL, "Hoàng Văn Em", "09/10/2012", "6B", "2026"},
};

/* ---- what a missing row ends ---- */

static void a_file_ends_only_what_it_is_complete_for(void **state)
{
    (void)state;
    world *w = file_world();
    (void)file_take(w, "1", FIVE, 5);
    lth_upload u = file_take(w, "one class", FIVE, 3);
    assert_int_equal(u.state, LTH_UPLOAD_DONE);
    assert_int_equal(u.tables[0].ended, 0);
    u = file_take(w, "2", FOUR, 4);
    assert_int_equal(u.tables[0].ended, 1);
    assert_null(file_find(w, "999003"));
    assert_int_equal(file_living(w), 4);
    assert_int_equal(world_count(w, LTH_A_state), 4);

    /* he is back: the same record again */
    u = file_take(w, "3", FIVE, 3);
    assert_int_equal(u.tables[0].fresh, 1);
    assert_int_equal(w->b.origins[0].n_records, 5);
    assert_int_equal(file_living(w), 5);

    /* an answer workbook holds single rows */
    assert_true(file_read_as(w, "4", &FIVE[0], 1, true));
    assert_int_equal(file_upload(w, 5).tables[0].ended, 0);
    assert_int_equal(file_living(w), 5);

    /* a row without its year says nothing about a class */
    pupil timeless = FIVE[0];
    timeless.year = NULL;
    u = file_take(w, "5", &timeless, 1);
    assert_int_equal(u.tables[0].ended, 0);
    file_world_free(&w);
}

static void a_row_that_may_be_anybodys_ends_nobody_of_its_class(void **state)
{
    (void)state;
    world *w = file_world();
    (void)file_take(w, "1", FIVE, 5);
    const pupil rows[] = {FIVE[0], {NULL, NULL, NULL, "03/04/2012", "6A", "2026"}, FIVE[3]};
    lth_upload_finding findings[16];
    lth_upload u = file_take(w, "2", rows, 3);
    assert_int_equal(u.tables[0].held, 1);
    assert_int_equal(u.tables[0].ended, 1); /* of the other class */
    assert_int_equal(file_findings(w, 2, findings), 1);
    assert_int_equal(findings[0].code, LTH_REFUSE_missing_required);
    assert_int_equal(findings[0].row, 3);
    char column[40] = {0};
    memcpy(column, findings[0].column.p, findings[0].column.n);
    assert_string_equal(column, "Mã học sinh");
    file_world_free(&w);
}

/* ---- files that cannot be taken ---- */

static void a_bad_file_is_refused_whole(void **state)
{
    (void)state;
    static const lth_scan_fault faults[] = {LTH_SCAN_bad_file, LTH_SCAN_wrong_file,
                                            LTH_SCAN_child_failed, LTH_SCAN_missing_table};
    world *w = file_world();
    (void)file_take(w, "1", FIVE, 5);
    for (uint32_t i = 0; i < 4; i++) {
        char id[8];
        (void)snprintf(id, sizeof id, "x%u", i);
        file_begin(w, id);
        file_end(w, faults[i]);
        lth_upload u = file_upload(w, 2 + i);
        assert_int_equal(u.state, LTH_UPLOAD_REFUSED);
        assert_int_equal(u.fault,
                         faults[i] == LTH_SCAN_missing_table ? LTH_SCAN_wrong_file : faults[i]);
        assert_string_equal(u.detail, "chi tiết");
        assert_string_equal(u.detail_en, "detail");
        assert_int_equal(u.n_tiers, 0);
    }
    /* the reader died before the table's end */
    file_begin(w, "y");
    file_row(w, &FIVE[0], 2);
    world_round_end(w, 0);
    assert_int_equal(file_upload(w, 6).state, LTH_UPLOAD_REFUSED);
    assert_int_equal(file_upload(w, 6).fault, LTH_SCAN_incomplete);
    assert_int_equal(file_living(w), 5);
    assert_int_equal(file_versions(w), 5);
    file_world_free(&w);
}

/* ---- receipts ---- */

static void receipts_of_every_tier_reach_the_upload(void **state)
{
    (void)state;
    world *w = file_world();
    w->b.no_receipts = true;
    lth_upload u = file_take(w, "1", FIVE, 5);
    assert_int_equal(u.n_tiers, 0);
    world_advance(w, LTH_MONO_S(7));
    lth_position head = w->b.origins[0].head;
    broker_receipt(w, 0, &head, OTHER_BROKER, LTH_RECEIPT_WHOLE, LTH_RECEIPT_DURABLE);
    world_run(w);
    u = file_upload(w, 1);
    assert_int_equal(u.n_tiers, 1);
    assert_int_equal(u.tiers[0].ms, w->now.wall_ms);
    lth_id other = test_org(OTHER_BROKER);
    assert_memory_equal(&u.tiers[0].org, &other, sizeof other);

    /* of an earlier position: not this upload */
    pupil changed = FIVE[3];
    changed.name = "Phạm Thị Kim Dung";
    const pupil rows[] = {changed, FIVE[4]};
    u = file_take(w, "2", rows, 2);
    assert_int_equal(u.n_tiers, 0);
    broker_receipt(w, 0, &head, BROKER_KEY, LTH_RECEIPT_WHOLE, LTH_RECEIPT_DURABLE);
    world_run(w);
    assert_int_equal(file_upload(w, 1).n_tiers, 2);
    assert_int_equal(file_upload(w, 2).n_tiers, 0);

    /* nothing was new: who holds the head already holds it all */
    head = w->b.origins[0].head;
    broker_receipt(w, 0, &head, BROKER_KEY, LTH_RECEIPT_WHOLE, LTH_RECEIPT_DURABLE);
    world_run(w);
    assert_int_equal(file_upload(w, 2).n_tiers, 1);
    u = file_take(w, "3", rows, 2);
    assert_int_equal(u.first_seq, 0);
    assert_int_equal(u.n_tiers, 1);
    file_world_free(&w);
}

/* ---- a new epoch ---- */

static void a_snapshot_is_cut_without_the_file(void **state)
{
    (void)state;
    world *w = file_world();
    (void)file_take(w, "1", FIVE, 5);
    (void)file_take(w, "2", FOUR, 4);
    uint32_t before = w->b.origins[0].n_batches;
    broker_grant(w, 0, 2, BROKER_KEY);
    w->b.origins[0].ranges_last = 0;
    world_run(w);
    assert_int_equal(file_living(w), 4);
    assert_int_equal(w->b.origins[0].n_batches, before + 1);
    assert_int_equal(w->b.origins[0].ranges_last, 1);
    for (uint32_t i = 0; i < w->b.origins[0].n_records; i++) {
        const merged *r = &w->b.origins[0].records[i];
        assert_int_equal(r->epoch, r->live ? 2 : 1);
    }
    assert_int_equal(world_count(w, LTH_A_state), 4); /* stays for the next one */
    lth_upload u = file_take(w, "3", FOUR, 4);
    assert_int_equal(u.tables[0].same, 4);
    file_world_free(&w);
}

/* A store from before the second file; with @p lost an empty one. */
static lth_store *store_of_before(const world *w, bool lost)
{
    const lth_store_options options = {.tables = lth_agent_table_names, .n_tables = LTH_A_COUNT};
    lth_store *store = NULL;
    if (lost) {
        assert_int_equal(lth_store_open_mem(&store, &options), LTH_OK);
        return store;
    }
    return lth_store_mem_clone(w->store);
}

/* Nothing ends and nothing goes back, and the next file says all of it again. */
static void an_older_store_ends_nothing(void **state)
{
    (void)state;
    for (int lost = 0; lost < 2; lost++) {
        world *w = file_world();
        pupil rows[5];
        (void)file_take(w, "1", FOUR, 4);
        lth_store *older = store_of_before(w, lost == 1);
        memcpy(rows, FIVE, sizeof rows);
        rows[0].born = "11/11/2012";
        lth_upload u = file_take(w, "2", rows, 5);
        assert_int_equal(u.tables[0].fresh + u.tables[0].changed, 2);
        uint32_t batches = w->b.origins[0].n_batches, versions = file_versions(w);
        lth_store *newer = w->store;
        w->store = older;
        world_reopen(w);
        lth_store_close(&newer);
        world_connect(w);
        assert_true(world_logged(w, "store_older"));
        assert_int_equal(w->b.origins[0].head.epoch, 2);
        world_run(w);
        assert_int_equal(w->b.origins[0].n_batches, batches);
        assert_int_equal(file_living(w), 5);

        u = file_take(w, "3", rows, 5);
        assert_int_equal(u.state, LTH_UPLOAD_DONE);
        assert_int_equal(file_versions(w), versions + 5);
        assert_int_equal(w->b.origins[0].n_records, 5);
        assert_int_equal(file_living(w), 5);
        u = file_take(w, "4", rows, 5);
        assert_int_equal(u.tables[0].same, 5);
        file_world_free(&w);
    }
}

/* Dealt with by the older store before the broker could say so: its batches are void, it is not. */
static void what_an_older_store_sealed_is_read_again(void **state)
{
    (void)state;
    world *w = file_world();
    (void)file_take(w, "1", FOUR, 4);
    lth_store *older = store_of_before(w, false);
    (void)file_take(w, "2", FIVE, 5);
    lth_store *newer = w->store;
    w->store = older;
    world_reopen(w);
    lth_store_close(&newer);
    pupil rows[5];
    memcpy(rows, FIVE, sizeof rows);
    rows[0].born = "11/11/2012";
    assert_true(file_read(w, "3", rows, 5)); /* the line is down */
    assert_int_equal(file_upload(w, 2).state, LTH_UPLOAD_DONE);
    world_connect(w);
    world_run(w);
    assert_int_equal(file_upload(w, 1).state, LTH_UPLOAD_DONE);
    assert_int_equal(file_upload(w, 2).state, LTH_UPLOAD_READING);
    (void)file_take(w, "3", rows, 5);
    assert_int_equal(lth_agent_upload_number(w->agent, 0), 2);
    assert_int_equal(file_upload(w, 2).state, LTH_UPLOAD_DONE);
    assert_int_equal(file_living(w), 5);
    file_world_free(&w);
}

/* Of what an older store does not know only a person can say that it is no more. */
static void a_person_says_that_the_files_are_all(void **state)
{
    (void)state;
    world *w = file_world();
    const lth_agent_act act = {.kind = LTH_ACT_RESYNC,
                               .dataset = DS_F,
                               .by = lth_slice_of("officer", 7),
                               .reason = lth_slice_of("moved", 5)};
    (void)file_take(w, "1", FIVE, 5);
    lth_store *known = w->store;
    w->store = store_of_before(w, true);
    world_reopen(w);
    lth_store_close(&known);
    world_connect(w);
    world_step(w,
               &(lth_agent_event){.kind = LTH_AEVENT_ACT, .act = &act}); /* nothing was brought */
    world_run(w);
    assert_int_equal(file_living(w), 5);
    (void)file_take(w, "2", FOUR, 4);
    assert_int_equal(file_living(w), 5);
    w->b.origins[0].ranges_last = 0;
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ACT, .act = &act});
    world_run(w);
    assert_int_equal(w->b.origins[0].ranges_last, 1);
    assert_int_equal(file_living(w), 4);
    assert_null(file_find(w, "999003"));
    lth_upload u = file_take(w, "3", FOUR, 4);
    assert_int_equal(u.tables[0].same, 4);
    file_world_free(&w);
}

/* ---- rules ---- */

static void accepted_warnings_count_no_more(void **state)
{
    (void)state;
    lth_upload_finding findings[16];
    world *w = file_world();
    file_rules(w, "length(name) > 12", NULL, 2);
    lth_upload u = file_take(w, "1", FIVE, 5);
    assert_int_equal(u.tables[0].warned, 2);
    assert_int_equal(u.tables[0].fresh, 5);
    assert_int_equal(file_findings(w, 1, findings), 2);
    assert_int_equal(findings[0].severity, LTH_SEVERITY_WARNING);
    assert_int_equal(findings[0].rule, 10);
    assert_false(findings[0].accepted);
    const lth_agent_act act = {.kind = LTH_ACT_ACCEPT,
                               .dataset = DS_F,
                               .record_id = findings[0].record_id,
                               .rule = 10,
                               .by = lth_slice_of("clerk", 5),
                               .reason = lth_slice_of("so in the register", 18)};
    uint32_t at = findings[0].row;
    /* a new record has its identity only when it is stored: the finding names it all the same */
    assert_false(lth_id_is_zero(&findings[0].record_id));
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_ACT, .act = &act});
    u = file_take(w, "2", FIVE, 5);
    assert_int_equal(u.tables[0].warned, 1);
    assert_int_equal(file_findings(w, 2, findings), 2);
    assert_true(findings[findings[0].row == at ? 0 : 1].accepted);
    assert_int_equal(file_versions(w), 5);

    /* of these contents only */
    pupil rows[5];
    memcpy(rows, FIVE, sizeof rows);
    rows[at - 2].born = "02/02/2012";
    u = file_take(w, "3", rows, 5);
    assert_int_equal(u.tables[0].warned, 2);
    file_world_free(&w);
}

static void rows_are_judged_again_when_the_rules_change(void **state)
{
    (void)state;
    world *w = file_world();
    file_rules(w, NULL, "length(name) > 12", 2);
    lth_upload u = file_take(w, "1", FIVE, 5);
    assert_int_equal(u.tables[0].held, 2);
    assert_int_equal(count_held(w, 0, DS_F), 2);
    assert_int_equal(file_living(w), 3);

    file_rules(w, NULL, "length(name) > 1", 3); /* a milder rule heals, without any file */
    assert_int_equal(count_held(w, 0, DS_F), 0);
    assert_int_equal(file_living(w), 5);
    assert_int_equal(file_versions(w), 7);

    file_rules(w, NULL, "length(name) > 12", 4); /* a stricter one holds */
    uint32_t held = count_held(w, 0, DS_F);
    assert_int_equal(held, 2);
    uint32_t versions = file_versions(w);
    world_reopen(w);
    world_connect(w);
    u = file_take(w, "2", FIVE, 5);
    assert_int_equal(u.tables[0].held, held);
    assert_int_equal(file_versions(w), versions);
    file_world_free(&w);
}

static void an_unreadable_cell_is_not_healed_by_rules(void **state)
{
    (void)state;
    lth_upload_finding findings[16];
    world *w = file_world();
    pupil bad = FIVE[0];
    bad.born = "31/02/2012";
    lth_upload u = file_take(w, "1", &bad, 1);
    assert_int_equal(u.tables[0].held, 1);
    assert_int_equal(file_findings(w, 1, findings), 1);
    assert_int_equal(findings[0].code, LTH_REFUSE_bad_value);
    char text[400] = {0};
    memcpy(text, findings[0].vi.p, findings[0].vi.n < 399 ? findings[0].vi.n : 399);
    assert_non_null(strstr(text, "31/02/2012"));
    file_rules(w, NULL, "length(name) > 1", 5);
    assert_int_equal(count_held(w, 0, DS_F), 1);
    assert_int_equal(file_versions(w), 1);
    u = file_take(w, "2", FIVE, 1);
    assert_int_equal(u.tables[0].changed, 1);
    assert_int_equal(count_held(w, 0, DS_F), 0);
    file_world_free(&w);
}

/* ---- keeping ---- */

static void old_uploads_make_room(void **state)
{
    (void)state;
    world *w = file_world();
    pupil bad = FIVE[0];
    bad.born = "x";
    for (uint32_t i = 0; i < 205; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "n%u", i);
        (void)file_take(w, id, &bad, 1);
    }
    assert_int_equal(world_count(w, LTH_A_upload), 200);
    assert_int_equal(world_count(w, LTH_A_finding), 20);
    world_reopen(w);
    assert_int_equal(lth_agent_upload_number(w->agent, 0), 205);
    file_world_free(&w);
}

/* ---- crashes ---- */

/* Until it is through; a crash takes the reader along, and the file is still in the inbox. */
static void take_whatever_comes(world *w, const char *id, const pupil *rows, uint32_t n)
{
    while (!file_read(w, id, rows, n)) {
        world_connect(w);
    }
}

static uint32_t live(uint32_t crash_at, bool late, uint32_t *versions)
{
    world *w = file_world();
    pupil second[5], four[4];
    memcpy(second, FIVE, sizeof second);
    memcpy(four, FOUR, sizeof four);
    second[0].code = four[0].code = "999111";
    second[1].name = four[1].name = "Trần Thị Thanh Bình";
    uint32_t before = w->steps;
    w->crash_at = crash_at > 0 ? before + crash_at : 0;
    w->crash_late = late;
    take_whatever_comes(w, "1", FIVE, 5);
    take_whatever_comes(w, "2", four, 4);
    take_whatever_comes(w, "3", second, 5);
    uint32_t steps = w->steps - before;
    w->crash_at = 0;
    world_connect(w);
    const lth_upload u1 = file_upload(w, 1), u2 = file_upload(w, 2), u3 = file_upload(w, 3);
    assert_int_equal(u1.tables[0].fresh, 5);
    assert_int_equal(u1.first_seq, 1);
    assert_int_equal(u2.tables[0].changed, 2);
    assert_int_equal(u2.tables[0].ended, 1);
    assert_int_equal(u3.tables[0].fresh, 1);
    assert_int_equal(u3.tables[0].same, 4);
    assert_int_equal(u3.state, LTH_UPLOAD_DONE);
    assert_int_equal(file_living(w), 5);
    assert_int_equal(count_held(w, 0, DS_F), 0);
    assert_non_null(file_find(w, "999111"));
    *versions = file_versions(w);
    file_world_free(&w);
    return steps;
}

static void a_crash_at_any_step_loses_and_doubles_nothing(void **state)
{
    (void)state;
    uint32_t versions, with_crash;
    uint32_t steps = live(0, false, &versions);
    assert_true(steps > 20);
    for (uint32_t at = 1; at <= steps; at++) {
        (void)live(at, false, &with_crash);
        assert_int_equal(with_crash, versions);
        (void)live(at, true, &with_crash);
        assert_int_equal(with_crash, versions);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_ends_only_what_it_is_complete_for),
        cmocka_unit_test(a_row_that_may_be_anybodys_ends_nobody_of_its_class),
        cmocka_unit_test(a_bad_file_is_refused_whole),
        cmocka_unit_test(receipts_of_every_tier_reach_the_upload),
        cmocka_unit_test(a_snapshot_is_cut_without_the_file),
        cmocka_unit_test(an_older_store_ends_nothing),
        cmocka_unit_test(what_an_older_store_sealed_is_read_again),
        cmocka_unit_test(a_person_says_that_the_files_are_all),
        cmocka_unit_test(accepted_warnings_count_no_more),
        cmocka_unit_test(rows_are_judged_again_when_the_rules_change),
        cmocka_unit_test(an_unreadable_cell_is_not_healed_by_rules),
        cmocka_unit_test(old_uploads_make_room),
        cmocka_unit_test(a_crash_at_any_step_loses_and_doubles_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
