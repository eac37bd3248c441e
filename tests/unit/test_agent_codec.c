#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_world.h"

static void heads_round_trip(void **state)
{
    (void)state;
    lth_agent_head head = {.at = {.epoch = 3, .seq = UINT64_C(1) << 40, .hash = {1, 2, 3}},
                           .next_rec_seq = 77,
                           .acked = {.epoch = 3, .seq = 5, .hash = {9}},
                           .resync = true,
                           .stopped = LTH_REFUSE_not_allowed};
    lth_agent_head back;
    uint8_t bytes[128];
    size_t n = lth_agent_head_encode(bytes, &head);
    assert_true(lth_agent_head_decode(&back, lth_slice_of(bytes, n)));
    assert_int_equal(back.at.seq, head.at.seq);
    assert_memory_equal(back.at.hash, head.at.hash, LTH_HASH_SIZE);
    assert_int_equal(back.next_rec_seq, 77);
    assert_int_equal(back.acked.seq, 5);
    assert_true(back.resync);
    assert_int_equal(back.stopped, LTH_REFUSE_not_allowed);
    assert_false(lth_agent_head_decode(&back, lth_slice_of(bytes, n - 1)));
    assert_false(lth_agent_head_decode(&back, lth_slice_of(bytes, n + 1)));
}

static void scan_infos_round_trip(void **state)
{
    (void)state;
    lth_scan_info info = {.started_ms = 1,
                          .ended_ms = 2,
                          .last_good_ms = 3,
                          .fault = LTH_SCAN_truncated,
                          .faults_in_a_row = 4,
                          .rows = 5,
                          .changed = 6,
                          .deleted = 7,
                          .invalid = 8,
                          .detail = "HO_TEN"};
    lth_scan_info back;
    uint8_t bytes[LTH_SCAN_INFO_BYTES_MAX];
    size_t n = lth_scan_info_encode(bytes, &info);
    assert_true(lth_scan_info_decode(&back, lth_slice_of(bytes, n)));
    assert_int_equal(back.started_ms, 1);
    assert_int_equal(back.fault, LTH_SCAN_truncated);
    assert_int_equal(back.faults_in_a_row, 4);
    assert_int_equal(back.invalid, 8);
    assert_string_equal(back.detail, "HO_TEN");
    memset(info.detail, 'x', sizeof info.detail - 1);
    n = lth_scan_info_encode(bytes, &info);
    assert_true(lth_scan_info_decode(&back, lth_slice_of(bytes, n)));
    assert_string_equal(back.detail, info.detail);
    bytes[24] = 99 | 0x80;
    assert_false(lth_scan_info_decode(&back, lth_slice_of(bytes, n)));
}

static void held_rows_round_trip(void **state)
{
    (void)state;
    lth_frame_held held = {.dataset = 7,
                           .code = LTH_REFUSE_bad_value,
                           .group = 2,
                           .field = 3,
                           .record_id = {{1, 2}},
                           .tier_org = {{3, 4}}};
    lth_frame_held back;
    uint8_t key[40] = {5}, value[LTH_AGENT_HELD_BYTES];
    lth_put32(key + 36, 17);
    size_t n = lth_agent_held_encode(value, &held);
    assert_int_equal(n, LTH_AGENT_HELD_BYTES);
    assert_true(lth_agent_held_decode(&back, lth_slice_of(key, 40), lth_slice_of(value, n)));
    assert_int_equal(back.origin.b[0], 5);
    assert_int_equal(back.index, 17);
    assert_int_equal(back.code, LTH_REFUSE_bad_value);
    assert_int_equal(back.field, 3);
    assert_memory_equal(&back.tier_org, &held.tier_org, sizeof held.tier_org);
    assert_false(lth_agent_held_decode(&back, lth_slice_of(key, 39), lth_slice_of(value, n)));
}

static void faults_have_names(void **state)
{
    (void)state;
    assert_string_equal(lth_scan_fault_name(LTH_SCAN_none), "none");
    assert_string_equal(lth_scan_fault_name(LTH_SCAN_bad_driver), "bad_driver");
    assert_string_equal(lth_scan_fault_text(LTH_SCAN_missing_table, true), "a table is missing");
    assert_string_equal(lth_scan_fault_text(LTH_SCAN_missing_table, false), "không có bảng");
    assert_string_equal(lth_scan_fault_name((lth_scan_fault)99), "unknown");
    assert_string_equal(lth_agent_table_names[LTH_A_outbox], "outbox");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_round_trip), cmocka_unit_test(scan_infos_round_trip),
        cmocka_unit_test(held_rows_round_trip), cmocka_unit_test(faults_have_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
