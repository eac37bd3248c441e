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
                          .fresh = 9,
                          .warned = 10,
                          .asked = 11,
                          .gone = 12,
                          .old = 13,
                          .known = 14,
                          .detail = "HO_TEN"};
    lth_scan_info back;
    uint8_t bytes[LTH_SCAN_INFO_BYTES_MAX];
    size_t n = lth_scan_info_encode(bytes, &info);
    assert_true(lth_scan_info_decode(&back, lth_slice_of(bytes, n)));
    assert_int_equal(back.started_ms, 1);
    assert_int_equal(back.fault, LTH_SCAN_truncated);
    assert_int_equal(back.faults_in_a_row, 4);
    assert_int_equal(back.invalid, 8);
    assert_int_equal(back.fresh, 9);
    assert_int_equal(back.warned, 10);
    assert_int_equal(back.asked, 11);
    assert_int_equal(back.gone, 12);
    assert_int_equal(back.old, 13);
    assert_int_equal(back.known, 14);
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
                           .rule = 101,
                           .code = LTH_REFUSE_bad_value,
                           .group = 2,
                           .field = 3,
                           .record_id = {{1, 2}},
                           .tier_org = {{3, 4}}};
    lth_frame_held back;
    uint8_t key[40] = {5}, value[LTH_AGENT_HELD_BYTES_MAX];
    lth_put32(key + 36, 17);
    size_t n = lth_agent_held_encode(value, &held);
    assert_int_equal(n, LTH_AGENT_HELD_BYTES);
    assert_true(lth_agent_held_decode(&back, lth_slice_of(key, 40), lth_slice_of(value, n)));
    assert_int_equal(back.origin.b[0], 5);
    assert_int_equal(back.index, 17);
    assert_int_equal(back.code, LTH_REFUSE_bad_value);
    assert_int_equal(back.field, 3);
    assert_memory_equal(&back.tier_org, &held.tier_org, sizeof held.tier_org);
    assert_int_equal(back.rule, 101);
    /* As it was stored before rules travelled. */
    assert_true(lth_agent_held_decode(&back, lth_slice_of(key, 40), lth_slice_of(value, n - 2)));
    assert_int_equal(back.rule, 0);
    assert_false(lth_agent_held_decode(&back, lth_slice_of(key, 39), lth_slice_of(value, n)));
}

static void held_rows_keep_what_a_person_said(void **state)
{
    (void)state;
    static uint8_t why[LTH_WHY_MAX];
    memset(why, 'w', sizeof why);
    lth_frame_held held = {.code = LTH_REFUSE_rejected,
                           .rule = 101,
                           .by = lth_slice_of("co Lan", 6),
                           .why = lth_slice_of(why, sizeof why),
                           .decided_ms = 1700000000123};
    lth_frame_held back;
    uint8_t key[40] = {5}, value[LTH_AGENT_HELD_BYTES_MAX];
    size_t n = lth_agent_held_encode(value, &held);
    assert_true(lth_agent_held_decode(&back, lth_slice_of(key, 40), lth_slice_of(value, n)));
    assert_int_equal(back.rule, 101);
    assert_true(lth_slice_equal(back.by, held.by) && lth_slice_equal(back.why, held.why));
    assert_true(back.decided_ms == 1700000000123);
    for (size_t cut = LTH_AGENT_HELD_BYTES + 1; cut < n; cut++) {
        assert_false(lth_agent_held_decode(&back, lth_slice_of(key, 40), lth_slice_of(value, cut)));
    }
    assert_true(lth_agent_held_decode(&back, lth_slice_of(key, 40),
                                      lth_slice_of(value, LTH_AGENT_HELD_BYTES)));
    assert_int_equal(back.by.n + back.why.n + back.decided_ms, 0);
}

static void held_rows_keep_the_other_record(void **state)
{
    (void)state;
    lth_frame_held held = {
        .code = LTH_REFUSE_not_unique, .rule = 201, .other = lth_slice_of("0123456789abcdef", 16)};
    lth_frame_held back;
    uint8_t key[40] = {5}, value[LTH_AGENT_HELD_BYTES_MAX];
    size_t n = lth_agent_held_encode(value, &held);
    assert_true(lth_agent_held_decode(&back, lth_slice_of(key, 40), lth_slice_of(value, n)));
    assert_true(lth_slice_equal(back.other, held.other));
    assert_int_equal(back.rule, 201);
    assert_int_equal(back.why.n, 0);
    assert_false(lth_agent_held_decode(&back, lth_slice_of(key, 40), lth_slice_of(value, n - 1)));
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

/* As a store of format 1 has it: nothing between `invalid` and the detail. */
static void scan_infos_of_the_first_format_are_read(void **state)
{
    (void)state;
    uint8_t bytes[61 + 3] = {0};
    lth_scan_info back;
    bytes[7] = 5; /* started */
    bytes[24] = LTH_SCAN_locked;
    bytes[28] = 2; /* in a row */
    bytes[36] = 7; /* rows */
    bytes[60] = 4; /* invalid */
    memcpy(bytes + 61, "abc", 3);
    assert_true(lth_scan_info_decode(&back, lth_slice_of(bytes, sizeof bytes)));
    assert_int_equal(back.started_ms, 5);
    assert_int_equal(back.fault, LTH_SCAN_locked);
    assert_int_equal(back.faults_in_a_row, 2);
    assert_int_equal(back.rows, 7);
    assert_int_equal(back.invalid, 4);
    assert_int_equal(back.known, 0);
    assert_string_equal(back.detail, "abc");
}

static void uploads_round_trip(void **state)
{
    (void)state;
    lth_upload upload = {.id = "a.xlsx",
                         .sha256 = {1, 2},
                         .bytes = 3,
                         .received_ms = 4,
                         .done_ms = 5,
                         .state = LTH_UPLOAD_WAITING,
                         .fault = LTH_SCAN_wrong_file,
                         .detail = "sai",
                         .detail_en = "wrong",
                         .head = {.epoch = 6, .seq = 7, .hash = {8}},
                         .first_seq = 9,
                         .n_tiers = 2,
                         .tiers = {{.org = {{1}}, .ms = 10}, {.org = {{2}}, .ms = 11}},
                         .n_findings = 12,
                         .n_tables = 1};
    upload.tables[0].dataset = 5;
    upload.tables[0].fault = LTH_SCAN_mass_deletion;
    upload.tables[0].rows = 13;
    upload.tables[0].known = 14;
    lth_upload back;
    lth_buf buf;
    lth_buf_init(&buf, 1u << 16);
    assert_int_equal(lth_upload_encode(&buf, &upload), LTH_OK);
    assert_true(lth_upload_decode(&back, lth_buf_slice(&buf)));
    assert_string_equal(back.id, upload.id);
    assert_string_equal(back.detail_en, "wrong");
    assert_int_equal(back.head.seq, 7);
    assert_int_equal(back.tiers[1].ms, 11);
    assert_int_equal(back.tables[0].fault, LTH_SCAN_mass_deletion);
    assert_int_equal(back.tables[0].known, 14);
    assert_string_equal(lth_upload_state_name(back.state), "waiting");
    for (size_t n = 0; n < buf.n; n++) {
        assert_false(lth_upload_decode(&back, lth_slice_of(buf.p, n)));
    }
    lth_buf_fini(&buf);
}

static void findings_and_acts_round_trip(void **state)
{
    (void)state;
    const lth_upload_finding finding = {.row = 7,
                                        .dataset = 5,
                                        .code = LTH_REFUSE_bad_value,
                                        .severity = LTH_SEVERITY_WARNING,
                                        .field = 2,
                                        .rule = 3,
                                        .accepted = true,
                                        .record_id = {{1}},
                                        .row_hash = {2},
                                        .n_candidates = 2,
                                        .candidates = {{{3}}, {{4}}},
                                        .column = lth_slice_of("Cột", 4),
                                        .at = 300,
                                        .vi = lth_slice_of("sai", 3),
                                        .en = lth_slice_of("wrong", 5)};
    const lth_agent_act act = {.kind = LTH_ACT_ANSWER,
                               .dataset = 5,
                               .upload = 6,
                               .row_hash = {7},
                               .record_id = {{8}},
                               .rule = 9,
                               .by = lth_slice_of("me", 2),
                               .reason = lth_slice_of("why", 3)};
    lth_upload_finding finding_back;
    lth_agent_act act_back;
    lth_buf buf;
    lth_buf_init(&buf, 1u << 16);
    assert_int_equal(lth_upload_finding_encode(&buf, &finding), LTH_OK);
    assert_true(lth_upload_finding_decode(&finding_back, lth_buf_slice(&buf)));
    assert_int_equal(finding_back.row, 7);
    assert_true(finding_back.accepted);
    assert_int_equal(finding_back.candidates[1].b[0], 4);
    assert_int_equal(finding_back.at, 300);
    assert_true(lth_slice_equal(finding_back.en, finding.en));
    for (size_t n = 0; n < buf.n; n++) {
        bool older = n == buf.n - 2; /* without the column's place */
        assert_int_equal(lth_upload_finding_decode(&finding_back, lth_slice_of(buf.p, n)), older);
        assert_true(!older || finding_back.at == 0);
    }
    lth_buf_clear(&buf);
    assert_int_equal(lth_agent_act_encode(&buf, &act), LTH_OK);
    assert_true(lth_agent_act_decode(&act_back, lth_buf_slice(&buf)));
    assert_int_equal(act_back.kind, LTH_ACT_ANSWER);
    assert_int_equal(act_back.record_id.b[0], 8);
    assert_true(lth_slice_equal(act_back.reason, act.reason));
    for (size_t n = 0; n < buf.n; n++) {
        assert_false(lth_agent_act_decode(&act_back, lth_slice_of(buf.p, n)));
    }
    lth_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(heads_round_trip),
                                       cmocka_unit_test(scan_infos_round_trip),
                                       cmocka_unit_test(scan_infos_of_the_first_format_are_read),
                                       cmocka_unit_test(uploads_round_trip),
                                       cmocka_unit_test(findings_and_acts_round_trip),
                                       cmocka_unit_test(held_rows_round_trip),
                                       cmocka_unit_test(held_rows_keep_the_other_record),
                                       cmocka_unit_test(held_rows_keep_what_a_person_said),
                                       cmocka_unit_test(faults_have_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
