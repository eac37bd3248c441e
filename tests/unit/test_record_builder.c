/* What fits in a record and a batch, and that what fits can always be passed on redacted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_hasher.h"
#include "test_record_make.h"

static lth_batch_builder builder;
static uint8_t value[LTH_RECORD_MAX];

static lth_record_new record_of(uint32_t n_groups, size_t value_size)
{
    lth_record_new record = {.op = LTH_OP_STATE, .dataset = 1, .n_groups = n_groups};
    for (uint32_t i = 0; i < n_groups; i++) {
        record.groups[i].number = (uint16_t)(i + 1);
        record.groups[i].value = lth_slice_of(value, value_size);
    }
    return record;
}

static uint32_t add_until_full(const lth_record_new *record)
{
    lth_hasher h = test_hasher();
    lth_err err = LTH_OK;
    lth_batch_builder_reset(&builder, 100);
    for (;;) {
        size_t before = builder.body.n;
        err = lth_batch_builder_add(&builder, &h, record);
        if (err != LTH_OK) {
            assert_int_equal(err, LTH_E_LIMIT);
            assert_int_equal(builder.body.n, before);
            return builder.n_records;
        }
    }
}

/* Seal, withhold @p n_share groups of each record, verify. */
static void check_passes_on(uint32_t n_share)
{
    lth_hasher h = test_hasher();
    lth_signer signer = test_signer(0);
    lth_batch_header header = test_header();
    uint8_t head[LTH_BATCH_SIGNED_SIZE];
    assert_int_equal(lth_batch_builder_seal(&builder, &h, &signer, &header, head), LTH_OK);
    uint16_t share[LTH_GROUPS_MAX];
    for (uint16_t i = 0; i < n_share; i++) {
        share[i] = (uint16_t)(i + 1);
    }
    lth_buf out;
    lth_buf_init(&out, LTH_BATCH_BODY_MAX);
    lth_rd in = lth_rd_of(lth_buf_slice(&builder.body));
    while (lth_rd_left(&in) > 0) {
        lth_record_view view;
        assert_int_equal(lth_record_parse(&view, &in), LTH_REFUSE_none);
        assert_int_equal(lth_record_redact(&out, &h, &view, share, n_share, false), LTH_OK);
    }
    lth_batch_check check;
    assert_int_equal(test_verify(&check, lth_slice_of(head, sizeof head), lth_buf_slice(&out)),
                     LTH_REFUSE_none);
    lth_buf_fini(&out);
}

static void a_batch_holds_a_thousand_records(void **state)
{
    (void)state;
    lth_record_new record = record_of(5, 100);
    assert_int_equal(add_until_full(&record), LTH_BATCH_RECORDS_MAX);
    check_passes_on(4);
}

static void a_full_batch_can_be_passed_on_with_any_group_withheld(void **state)
{
    (void)state;
    static const struct {
        uint32_t n_groups;
        size_t value_size;
    } shapes[] = {{64, 0}, {64, 12}, {64, 13}, {20, 30}, {2, 3000}, {1, 60000}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        lth_record_new record = record_of(shapes[i].n_groups, shapes[i].value_size);
        for (uint32_t n_share = 1; n_share <= shapes[i].n_groups; n_share += 21) {
            assert_true(add_until_full(&record) < LTH_BATCH_RECORDS_MAX);
            check_passes_on(n_share);
        }
    }
}

static void the_largest_record(void **state)
{
    (void)state;
    /* Form byte, header, number, shown, salt and length leave this much for one value. */
    size_t largest = LTH_RECORD_MAX - (1 + 48 + 2 + 1 + 16 + 4);
    lth_record_new record = record_of(1, largest);
    assert_int_equal(add_until_full(&record), 3);
    check_passes_on(1);
    record = record_of(1, largest + 1);
    assert_int_equal(add_until_full(&record), 0);
    record.groups[0].value.n = SIZE_MAX;
    assert_int_equal(add_until_full(&record), 0);
}

static void a_range_carries_both_ends(void **state)
{
    (void)state;
    static const uint8_t lo_bytes[16] = {1, 2, 3};
    lth_hasher h = test_hasher();
    lth_record_new record = {.op = LTH_OP_RANGE,
                             .dataset = 9,
                             .flags = LTH_RECORD_LAST,
                             .record_id = {{0xff, 0xfe}},
                             .n_groups = 1,
                             .groups = {{1, {lo_bytes, 16}}}};
    lth_batch_builder_reset(&builder, 7);
    assert_int_equal(lth_batch_builder_add(&builder, &h, &record), LTH_OK);
    record.flags = 0;
    record.groups[0].value.n = 15;
    assert_int_equal(lth_batch_builder_add(&builder, &h, &record), LTH_OK);
    record.op = LTH_OP_STATE;
    record.groups[0].value.n = 16;
    assert_int_equal(lth_batch_builder_add(&builder, &h, &record), LTH_OK);

    lth_rd in = lth_rd_of(lth_buf_slice(&builder.body));
    lth_record_view view;
    lth_id lo, hi;
    bool last = false;
    assert_int_equal(lth_record_parse(&view, &in), LTH_REFUSE_none);
    assert_true(lth_record_range(&view, &lo, &hi, &last));
    assert_true(last);
    assert_memory_equal(lo.b, lo_bytes, 16);
    assert_int_equal(hi.b[0] << 8 | hi.b[1], 0xfffe);
    lth_buf copy;
    lth_buf_init(&copy, LTH_RECORD_MAX);
    assert_int_equal(lth_record_redact(&copy, &h, &view, NULL, 0, false), LTH_OK);
    assert_true(lth_slice_equal(lth_buf_slice(&copy), view.wire));
    lth_buf_fini(&copy);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lth_record_parse(&view, &in), LTH_REFUSE_none);
        assert_false(lth_record_range(&view, &lo, &hi, &last));
        /* What calls itself a RANGE and is none could carry anything: only its leaf leaves. */
        lth_buf_init(&copy, LTH_RECORD_MAX);
        assert_int_equal(lth_record_redact(&copy, &h, &view, NULL, 0, false), LTH_OK);
        assert_int_equal(copy.n, 1 + LTH_HASH_SIZE);
        assert_int_equal(copy.p[0], LTH_FORM_LEAF);
        lth_buf_fini(&copy);
    }
}

static void groups_are_found_by_number(void **state)
{
    (void)state;
    lth_hasher h = test_hasher();
    lth_record_new record = record_of(3, 4);
    record.groups[1].number = 300;
    record.groups[2].number = 65535;
    lth_batch_builder_reset(&builder, 7);
    assert_int_equal(lth_batch_builder_add(&builder, &h, &record), LTH_OK);
    lth_rd in = lth_rd_of(lth_buf_slice(&builder.body));
    lth_record_view view;
    assert_int_equal(lth_record_parse(&view, &in), LTH_REFUSE_none);
    assert_ptr_equal(lth_record_group(&view, 1), &view.groups[0]);
    assert_ptr_equal(lth_record_group(&view, 300), &view.groups[1]);
    assert_ptr_equal(lth_record_group(&view, 65535), &view.groups[2]);
    assert_null(lth_record_group(&view, 0));
    assert_null(lth_record_group(&view, 2));
    assert_true(view.header.rec_seq == 7);
}

static int set_up(void **state)
{
    (void)state;
    lth_batch_builder_init(&builder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lth_batch_builder_fini(&builder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_holds_a_thousand_records),
        cmocka_unit_test(a_full_batch_can_be_passed_on_with_any_group_withheld),
        cmocka_unit_test(the_largest_record),
        cmocka_unit_test(a_range_carries_both_ends),
        cmocka_unit_test(groups_are_found_by_number),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
