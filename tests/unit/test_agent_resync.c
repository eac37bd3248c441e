#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_world.h"

enum { MANY = 1200 };

typedef struct table {
    char text[MANY][12];
    row rows[MANY];
} table;

static void fill(table *t)
{
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(t->text[i], sizeof t->text[i], "999%u", i);
        t->rows[i] = (row){t->text[i], t->text[i], t->text[i], "1"};
    }
}

/* A round as a driver feeds it: many rows a step. */
static void scan_in_one_step(world *w, const row *rows, uint32_t n, lth_scan_fault fault)
{
    lth_txn *txn;
    lth_cell cells[4];
    world_begin_round(w, 0);
    assert_int_equal(lth_store_begin(w->store, true, &txn), LTH_OK);
    for (uint32_t i = 0; i < n; i++) {
        const char *texts[] = {rows[i].key, rows[i].code, rows[i].name, rows[i].count};
        for (uint32_t j = 0; j < 4; j++) {
            cells[j] = (lth_cell){(const uint8_t *)texts[j], (int64_t)strlen(texts[j])};
        }
        lth_agent_event event = {.kind = LTH_AEVENT_ROW, .cells = cells};
        assert_int_equal(lth_agent_handle(w->agent, txn, w->now, &event, NULL), LTH_OK);
    }
    assert_int_equal(lth_agent_seal(w->agent, txn, w->now, NULL), LTH_OK);
    assert_int_equal(lth_store_commit(&txn), LTH_OK);
    assert_int_equal(lth_agent_committed(w->agent, w->now), LTH_OK);
    world_table_end(w, 0, 0, fault);
    world_table_end(w, 0, 1, fault);
    world_round_end(w, 0);
    world_run(w);
}

static lth_agent_school_info info_of(const world *w)
{
    lth_agent_school_info info;
    lth_agent_school_info_of(w->agent, 0, &info);
    return info;
}

static world *granted_again(const table *t)
{
    world *w = world_new(2);
    world_connect(w);
    scan_in_one_step(w, t->rows, MANY, LTH_SCAN_none);
    expect_records(w, 0, DS_A, t->rows, MANY);
    broker_grant(w, 0, 2, BROKER_KEY);
    world_run(w);
    assert_true(info_of(w).head.resync);
    assert_int_equal(info_of(w).head.at.epoch, 2);
    assert_int_equal(info_of(w).head.at.seq, 0);
    assert_int_equal(world_count(w, LTH_A_outbox), 0);
    w->b.origins[0].ranges_last = 0;
    return w;
}

/* The chunks of a dataset: from zero to the end of the org's ids without gap or overlap, each
 * record inside its own range, in order. Returns their number. */
static uint32_t check_chunks(world *w, uint16_t dataset, uint32_t expected_records)
{
    broker_origin *o = &w->b.origins[0];
    lth_id at = {{0}};
    uint32_t chunks = 0, records = 0;
    bool last = false;
    for (uint32_t i = 0; i < o->n_batches; i++) {
        lth_batch_header header;
        lth_record_view view;
        lth_id lo, hi;
        assert_int_equal(lth_batch_header_decode(&header, o->batches[i].header), LTH_REFUSE_none);
        if (header.epoch != 2 || header.kind != LTH_KIND_SNAPSHOT) {
            continue;
        }
        lth_rd in = lth_rd_of(o->batches[i].body);
        assert_int_equal(lth_record_parse(&view, &in), LTH_REFUSE_none);
        if (view.header.dataset != dataset) {
            continue;
        }
        assert_false(last);
        assert_true(lth_record_range(&view, &lo, &hi, &last));
        assert_memory_equal(&lo, &at, sizeof at);
        assert_int_equal(o->batches[i].lane, LTH_LANE_SNAPSHOT);
        assert_true(header.rec_count <= 500);
        while (lth_rd_left(&in) > 0) {
            assert_int_equal(lth_record_parse(&view, &in), LTH_REFUSE_none);
            assert_int_equal(view.header.op, LTH_OP_STATE);
            assert_true(lth_id_compare(&view.header.record_id, &lo) > 0);
            assert_true(lth_id_compare(&view.header.record_id, &hi) <= 0);
            lo = view.header.record_id;
            records++;
        }
        at = hi;
        chunks++;
    }
    assert_true(last);
    lth_id end;
    memcpy(end.b, w->schools[0].org.b, 8);
    memset(end.b + 8, 0xFF, 8);
    assert_memory_equal(&at, &end, sizeof end);
    assert_int_equal(records, expected_records);
    return chunks;
}

static void a_snapshot_covers_everything_exactly(void **state)
{
    (void)state;
    static table t;
    fill(&t);
    world *w = granted_again(&t);
    /* meanwhile one row changed, a hundred are gone */
    t.rows[5].name = "changed";
    scan_in_one_step(w, t.rows, MANY - 100, LTH_SCAN_none);
    expect_records(w, 0, DS_A, t.rows, MANY - 100);
    assert_int_equal(check_chunks(w, DS_A, MANY - 100), 3);
    assert_int_equal(check_chunks(w, DS_B, 0), 1); /* an empty table: one range */
    assert_int_equal(w->b.origins[0].ranges_last, 2);
    assert_false(info_of(w).head.resync);
    assert_int_equal(world_count(w, LTH_A_spool), 0);
    assert_int_equal(world_count(w, LTH_A_map), MANY - 100);
    assert_int_equal(world_count(w, LTH_A_natmap), MANY - 100);
    /* the format, and by what each table was judged: no mark of a resync is left */
    assert_int_equal(world_count(w, LTH_A_ameta), 1 + WORLD_TABLES);

    uint32_t batches = w->b.origins[0].n_batches;
    scan_in_one_step(w, t.rows, MANY - 100, LTH_SCAN_none);
    assert_int_equal(w->b.origins[0].n_batches, batches);
    world_free(&w);
}

static void a_scan_that_breaks_off_is_no_snapshot(void **state)
{
    (void)state;
    static table t;
    fill(&t);
    world *w = granted_again(&t);
    scan_in_one_step(w, t.rows, 700, LTH_SCAN_incomplete);
    assert_int_equal(w->b.origins[0].head.seq, 0);
    assert_int_equal(world_count(w, LTH_A_spool), 700);
    world_reopen(w);
    world_connect(w);
    assert_true(info_of(w).head.resync);
    scan_in_one_step(w, t.rows + 600, MANY - 600, LTH_SCAN_none);
    expect_records(w, 0, DS_A, t.rows + 600, MANY - 600);
    (void)check_chunks(w, DS_A, MANY - 600);
    world_free(&w);
}

static void chunks_wait_for_room_and_survive_a_restart(void **state)
{
    (void)state;
    static table t;
    fill(&t);
    world *w = granted_again(&t);
    w->b.no_receipts = true;
    /* the other dataset is cut after this one; stop in the middle of it all */
    world_begin_round(w, 0);
    w->crash_at = w->steps + MANY + 4;
    w->crash_late = true;
    for (uint32_t i = 0; i < MANY; i++) {
        world_row(w, 0, 0, &t.rows[i]);
    }
    world_table_end(w, 0, 0, LTH_SCAN_none);
    world_table_end(w, 0, 1, LTH_SCAN_none);
    world_round_end(w, 0);
    world_timer(w);
    assert_int_equal(w->crashes, 1);
    w->b.no_receipts = false;
    world_connect(w);
    assert_false(info_of(w).head.resync);
    expect_records(w, 0, DS_A, t.rows, MANY);
    assert_int_equal(check_chunks(w, DS_A, MANY), 3);
    assert_int_equal(check_chunks(w, DS_B, 0), 1);
    world_free(&w);
}

static void a_table_is_not_read_while_its_chunks_are_cut(void **state)
{
    (void)state;
    static table t;
    fill(&t);
    world *w = granted_again(&t);
    w->b.deaf = true; /* nothing is acknowledged: cutting stops for want of room */
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_LINK_DOWN});
    for (uint32_t i = 0; i < 8; i++) { /* live batches of the other table fill the outbox */
        world_begin_round(w, 0);
        const row one = {"1", "999X", i % 2 == 0 ? "x" : "y", "1"};
        world_row(w, 0, 1, &one);
        world_table_end(w, 0, 1, LTH_SCAN_none);
        world_round_end(w, 0);
        world_run(w);
    }
    assert_true(info_of(w).outbox >= 8);
    scan_in_one_step(w, t.rows, MANY, LTH_SCAN_none);
    assert_int_equal(world_count(w, LTH_A_spool), MANY);
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_SCAN_NOW, .school = 0});
    assert_int_equal(w->asked[0], 2); /* only the other table */
    w->b.deaf = false;
    world_round_end(w, 0);
    world_connect(w);
    assert_int_equal(world_count(w, LTH_A_spool), 0);
    expect_records(w, 0, DS_A, t.rows, MANY);
    world_free(&w);
}

static void a_second_grant_in_the_middle_starts_over(void **state)
{
    (void)state;
    static table t;
    fill(&t);
    world *w = granted_again(&t);
    world_step(w, &(lth_agent_event){.kind = LTH_AEVENT_LINK_DOWN});
    scan_in_one_step(w, t.rows, MANY, LTH_SCAN_none);
    assert_int_equal(info_of(w).outbox, 4);
    w->b.origins[0].head.epoch = 3; /* a clone of this agent was granted one more */
    world_connect(w);
    assert_int_equal(info_of(w).head.at.epoch, 4);
    assert_true(info_of(w).head.resync);
    scan_in_one_step(w, t.rows, MANY - 1, LTH_SCAN_none);
    expect_records(w, 0, DS_A, t.rows, MANY - 1);
    assert_false(info_of(w).head.resync);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_covers_everything_exactly),
        cmocka_unit_test(a_scan_that_breaks_off_is_no_snapshot),
        cmocka_unit_test(chunks_wait_for_room_and_survive_a_restart),
        cmocka_unit_test(a_table_is_not_read_while_its_chunks_are_cut),
        cmocka_unit_test(a_second_grant_in_the_middle_starts_over)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
