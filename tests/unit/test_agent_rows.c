#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_world.h"

static const row THREE[] = {
    {"1", "999A", "An", "3"}, {"2", "999B", "Binh", NULL}, {" 3 ", "999C", NULL, "0"}};

static world *loaded(void)
{
    world *w = world_new(1);
    world_connect(w);
    world_scan(w, 0, 0, THREE, 3, LTH_SCAN_none);
    return w;
}

static void a_first_scan_sends_every_row(void **state)
{
    (void)state;
    world *w = world_new(1);
    assert_int_equal(w->rounds[0], 0);
    world_connect(w);
    assert_int_equal(w->rounds[0], 1);
    assert_int_equal(w->asked[0], 3);
    for (uint32_t i = 0; i < 3; i++) {
        world_row(w, 0, 0, &THREE[i]);
    }
    world_table_end(w, 0, 0, LTH_SCAN_none);
    world_table_end(w, 0, 1, LTH_SCAN_none);
    world_round_end(w, 0);
    world_run(w);
    expect_records(w, 0, DS_A, THREE, 3);
    expect_records(w, 0, DS_B, NULL, 0);
    lth_batch_header header = last_header(w, 0);
    assert_int_equal(header.kind, LTH_KIND_DELTA);
    assert_int_equal(header.epoch, 1);
    assert_int_equal(header.source_time_ms, WALL_START);
    for (uint32_t i = 0; i < w->b.origins[0].n_batches; i++) {
        assert_int_equal(w->b.origins[0].batches[i].lane, LTH_LANE_SNAPSHOT);
    }
    lth_scan_info info = world_info(w, 0, 0);
    assert_int_equal(info.fault, LTH_SCAN_none);
    assert_int_equal(info.rows, 3);
    assert_int_equal(info.changed, 3);
    assert_int_equal(info.last_good_ms, WALL_START);
    world_free(&w);
}

static void record_ids_come_from_the_trimmed_key(void **state)
{
    (void)state;
    world *w = loaded();
    lth_id id;
    lth_record_id_make(&id, &w->hasher, &w->schools[0].org, w->schools[0].id_key, DS_A,
                       lth_slice_of("3", 1));
    assert_memory_equal(&find_record(w, 0, DS_A, "999C")->id, &id, sizeof id);
    world_free(&w);
}

static void an_unchanged_row_is_not_sent(void **state)
{
    (void)state;
    world *w = loaded();
    uint32_t before = w->b.origins[0].n_batches;
    world_scan(w, 0, 0, THREE, 3, LTH_SCAN_none);
    world_reopen(w);
    world_connect(w);
    world_scan(w, 0, 0, THREE, 3, LTH_SCAN_none);
    assert_int_equal(w->b.origins[0].n_batches, before);
    assert_int_equal(world_info(w, 0, 0).changed, 0);
    world_free(&w);
}

static void a_changed_row_goes_alone_in_the_live_lane(void **state)
{
    (void)state;
    world *w = loaded();
    lth_id before = find_record(w, 0, DS_A, "999B")->id;
    const row changed[] = {THREE[0], {"2", "999B", "Bình", "7"}, THREE[2]};
    world_scan(w, 0, 0, changed, 3, LTH_SCAN_none);
    expect_records(w, 0, DS_A, changed, 3);
    assert_int_equal(last_header(w, 0).rec_count, 1);
    assert_int_equal(w->b.origins[0].batches[w->b.origins[0].n_batches - 1].lane, LTH_LANE_LIVE);
    assert_memory_equal(&find_record(w, 0, DS_A, "999B")->id, &before, sizeof before);
    world_free(&w);
}

static void a_row_that_is_gone_is_deleted_and_comes_back_as_itself(void **state)
{
    (void)state;
    world *w = loaded();
    lth_id before = find_record(w, 0, DS_A, "999B")->id;
    const row two[] = {THREE[0], THREE[2]};
    world_scan(w, 0, 0, two, 2, LTH_SCAN_none);
    expect_records(w, 0, DS_A, two, 2);
    assert_int_equal(last_header(w, 0).rec_count, 1);
    assert_int_equal(world_info(w, 0, 0).deleted, 1);
    assert_int_equal(world_count(w, LTH_A_map), 2);
    assert_int_equal(world_count(w, LTH_A_natmap), 2);

    /* the deletion carries the natural key and nothing else */
    broker_origin *o = &w->b.origins[0];
    lth_rd in = lth_rd_of(o->batches[o->n_batches - 1].body);
    lth_record_view view;
    assert_int_equal(lth_record_parse(&view, &in), LTH_REFUSE_none);
    assert_int_equal(view.header.op, LTH_OP_DELETE);
    assert_int_equal(view.n_groups, 1);
    assert_memory_equal(view.groups[0].value.p,
                        "\x0a\x04"
                        "999B",
                        6);

    world_scan(w, 0, 0, THREE, 3, LTH_SCAN_none);
    expect_records(w, 0, DS_A, THREE, 3);
    assert_memory_equal(&find_record(w, 0, DS_A, "999B")->id, &before, sizeof before);
    world_free(&w);
}

static void a_faulty_row_is_sent_once_as_invalid(void **state)
{
    (void)state;
    world *w = loaded();
    const row bad[] = {THREE[0], {"2", "999B", "Binh", "many"}, THREE[2]};
    world_scan(w, 0, 0, bad, 3, LTH_SCAN_none);
    assert_int_equal(count_held(w, 0, DS_A), 1);
    assert_int_equal(world_info(w, 0, 0).invalid, 1);
    uint32_t before = w->b.origins[0].n_batches;
    world_scan(w, 0, 0, bad, 3, LTH_SCAN_none);
    assert_int_equal(w->b.origins[0].n_batches, before);
    assert_int_equal(world_info(w, 0, 0).invalid, 1);
    world_scan(w, 0, 0, THREE, 3, LTH_SCAN_none);
    assert_int_equal(count_held(w, 0, DS_A), 0);
    expect_records(w, 0, DS_A, THREE, 3);
    world_free(&w);
}

static void a_row_without_natural_key_keeps_its_record(void **state)
{
    (void)state;
    world *w = loaded();
    const row bad[] = {THREE[0], {"2", NULL, "Binh", NULL}, {"4", "", "none", NULL}, THREE[2]};
    world_scan(w, 0, 0, bad, 4, LTH_SCAN_none);
    assert_int_equal(count_held(w, 0, DS_A), 2);
    assert_int_equal(world_count(w, LTH_A_natmap), 3); /* its last sound one is still its own */
    const row two[] = {THREE[0], THREE[2]};
    world_scan(w, 0, 0, two, 2, LTH_SCAN_none);
    expect_records(w, 0, DS_A, two, 2);
    assert_int_equal(world_count(w, LTH_A_map), 2);
    assert_int_equal(world_count(w, LTH_A_natmap), 2);
    world_free(&w);
}

static void a_row_too_large_harms_only_itself(void **state)
{
    (void)state;
    world *w = loaded();
    char *big = malloc(LTH_RECORD_MAX + 1);
    assert_non_null(big);
    for (size_t size = LTH_RECORD_MAX - 200; size <= LTH_RECORD_MAX; size += 200) {
        memset(big, 'x', size);
        big[size] = '\0';
        const row rows[] = {THREE[0], {"2", "999B", big, NULL}, {"3", "999C", NULL, "1"}};
        world_scan(w, 0, 0, rows, 3, LTH_SCAN_none);
    }
    assert_int_equal(world_info(w, 0, 0).fault, LTH_SCAN_none);
    assert_int_equal(world_info(w, 0, 0).invalid, 1);
    assert_true(world_logged(w, "row_too_large"));
    const row after[] = {THREE[0], {"2", "999B", "Binh", NULL}, {"3", "999C", NULL, "1"}};
    world_scan(w, 0, 0, after, 3, LTH_SCAN_none);
    expect_records(w, 0, DS_A, after, 3);
    free(big);
    world_free(&w);
}

static void many_rows_make_batches_of_five_hundred(void **state)
{
    (void)state;
    world *w = world_new(1);
    lth_txn *txn;
    enum { N = 1234 };
    static char text[N][12];
    static row rows[N];
    world_connect(w);
    assert_int_equal(lth_store_begin(w->store, true, &txn), LTH_OK);
    for (uint32_t i = 0; i < N; i++) {
        (void)snprintf(text[i], sizeof text[i], "999%u", i);
        rows[i] = (row){text[i], text[i], text[i], NULL};
        lth_cell cells[4] = {{(const uint8_t *)text[i], (int64_t)strlen(text[i])}};
        cells[1] = cells[2] = cells[0];
        cells[3].n = -1;
        assert_int_equal(
            lth_agent_handle(w->agent, txn, w->now,
                             &(lth_agent_event){.kind = LTH_AEVENT_ROW, .cells = cells}, NULL),
            LTH_OK);
        assert_int_equal(lth_agent_step_full(w->agent), i >= 499);
    }
    assert_int_equal(lth_agent_seal(w->agent, txn, w->now, NULL), LTH_OK);
    assert_false(lth_agent_step_full(w->agent));
    assert_int_equal(lth_store_commit(&txn), LTH_OK);
    assert_int_equal(lth_agent_committed(w->agent, w->now), LTH_OK);
    world_timer(w);
    world_run(w);
    assert_int_equal(w->b.origins[0].n_batches, 3);
    assert_int_equal(last_header(w, 0).rec_count, 234);
    expect_records(w, 0, DS_A, rows, N);

    /* and all of them gone at once: deletions are sealed in steps */
    world_table_end(w, 0, 0, LTH_SCAN_none);
    world_round_end(w, 0);
    world_run(w);
    world_scan(w, 0, 0, rows, 1, LTH_SCAN_none);
    expect_records(w, 0, DS_A, rows, 1);
    assert_int_equal(world_info(w, 0, 0).deleted, N - 1);
    world_free(&w);
}

static void a_changed_mapping_sends_every_row_again(void **state)
{
    (void)state;
    world *w = loaded();
    static lth_map_field fields[3];
    lth_mapping mapping = *w->tables[0][0].mapping;
    memcpy(fields, mapping.fields, sizeof fields);
    fields[1].column = -1;
    fields[1].constant = "same";
    mapping.fields = fields;
    w->tables[0][0].mapping = &mapping;
    world_reopen(w);
    world_connect(w);
    world_scan(w, 0, 0, THREE, 3, LTH_SCAN_none);
    const row same[] = {
        {"1", "999A", "same", "3"}, {"2", "999B", "same", NULL}, {"3", "999C", "same", "0"}};
    expect_records(w, 0, DS_A, same, 3);
    assert_int_equal(world_info(w, 0, 0).changed, 3);
    world_free(&w);
}

static void every_version_has_its_own_seed(void **state)
{
    (void)state;
    world *w = loaded();
    broker_origin *o = &w->b.origins[0];
    uint8_t seeds[3][16];
    uint32_t n = 0;
    for (uint32_t i = 0; i < o->n_batches; i++) {
        lth_rd in = lth_rd_of(o->batches[i].body);
        while (lth_rd_left(&in) > 0) {
            lth_record_view view;
            assert_int_equal(lth_record_parse(&view, &in), LTH_REFUSE_none);
            memcpy(seeds[n++], view.seed, 16);
        }
    }
    assert_int_equal(n, 3);
    assert_memory_not_equal(seeds[0], seeds[1], 16);
    assert_memory_not_equal(seeds[1], seeds[2], 16);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_scan_sends_every_row),
        cmocka_unit_test(record_ids_come_from_the_trimmed_key),
        cmocka_unit_test(an_unchanged_row_is_not_sent),
        cmocka_unit_test(a_changed_row_goes_alone_in_the_live_lane),
        cmocka_unit_test(a_row_that_is_gone_is_deleted_and_comes_back_as_itself),
        cmocka_unit_test(a_faulty_row_is_sent_once_as_invalid),
        cmocka_unit_test(a_row_without_natural_key_keeps_its_record),
        cmocka_unit_test(a_row_too_large_harms_only_itself),
        cmocka_unit_test(many_rows_make_batches_of_five_hundred),
        cmocka_unit_test(a_changed_mapping_sends_every_row_again),
        cmocka_unit_test(every_version_has_its_own_seed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
