/* Bounded readers, writers and buffers; hex; slices; ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "lth/bytes.h"

static void numbers_are_big_endian(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0x01, 0x02, 0x03, 0xa4, 0xa5, 0xa6, 0xa7, 0xf0,
                                       0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7};
    uint8_t out[sizeof expected];
    lth_wr wr = lth_wr_of(out, sizeof out);
    lth_wr8(&wr, 0x01);
    lth_wr16(&wr, 0x0203);
    lth_wr32(&wr, 0xa4a5a6a7);
    lth_wr64(&wr, UINT64_C(0xf0f1f2f3f4f5f6f7));
    assert_false(wr.bad);
    assert_int_equal(lth_wr_size(&wr), sizeof expected);
    assert_memory_equal(out, expected, sizeof expected);

    lth_rd rd = lth_rd_of(lth_slice_of(expected, sizeof expected));
    assert_int_equal(lth_rd8(&rd), 0x01);
    assert_int_equal(lth_rd16(&rd), 0x0203);
    assert_int_equal(lth_rd32(&rd), 0xa4a5a6a7);
    assert_false(lth_rd_done(&rd));
    assert_true(lth_rd64(&rd) == UINT64_C(0xf0f1f2f3f4f5f6f7));
    assert_true(lth_rd_done(&rd));
}

static void a_reader_stays_bad(void **state)
{
    (void)state;
    static const uint8_t in[3] = {1, 2, 3};
    lth_rd rd = lth_rd_of(lth_slice_of(in, sizeof in));
    assert_int_equal(lth_rd32(&rd), 0);
    assert_true(rd.bad);
    assert_int_equal(lth_rd8(&rd), 0);
    assert_int_equal(lth_rd16(&rd), 0);
    assert_int_equal(lth_rd64(&rd), 0);
    assert_null(lth_rd_bytes(&rd, 0));
    assert_int_equal(lth_rd_left(&rd), 0);
    assert_false(lth_rd_done(&rd));
    uint8_t out[2] = {9, 9};
    lth_rd_copy(&rd, out, sizeof out);
    assert_int_equal(out[0] | out[1], 0);
}

static void a_reader_knows_what_is_left(void **state)
{
    (void)state;
    static const uint8_t in[3] = {1, 2, 3};
    lth_rd rd = lth_rd_of(lth_slice_of(in, sizeof in));
    assert_ptr_equal(lth_rd_bytes(&rd, 2), in);
    assert_int_equal(lth_rd_left(&rd), 1);
    assert_null(lth_rd_bytes(&rd, SIZE_MAX));
    lth_rd empty = lth_rd_of((lth_slice){0});
    assert_non_null(lth_rd_bytes(&empty, 0));
    assert_true(lth_rd_done(&empty));
}

static void a_writer_never_passes_its_end(void **state)
{
    (void)state;
    uint8_t out[5] = {7, 7, 7, 7, 7};
    lth_wr wr = lth_wr_of(out, 4);
    lth_wr_bytes(&wr, "ab", 2);
    lth_wr_zero(&wr, 1);
    lth_wr16(&wr, 0xffff);
    assert_true(wr.bad);
    lth_wr8(&wr, 0xff);
    assert_int_equal(lth_wr_size(&wr), 3);
    assert_memory_equal(out, "ab\0\7\7", 5);
    lth_wr_bytes(&wr, NULL, 0);
}

static void a_buffer_grows_to_its_limit(void **state)
{
    (void)state;
    lth_buf buf;
    lth_buf_init(&buf, 1000);
    assert_non_null(lth_buf_more(&buf, 0));
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t byte = (uint8_t)i;
        assert_int_equal(lth_buf_add(&buf, &byte, 1), LTH_OK);
    }
    assert_int_equal(lth_buf_add(&buf, "x", 1), LTH_E_LIMIT);
    assert_null(lth_buf_more(&buf, 1));
    assert_null(lth_buf_more(&buf, SIZE_MAX));
    assert_int_equal(buf.n, 1000);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(buf.p[i], i & 255);
    }
    lth_buf_clear(&buf);
    assert_int_equal(lth_buf_add(&buf, NULL, 0), LTH_OK);
    uint8_t *more = lth_buf_more(&buf, 1000);
    assert_ptr_equal(more, buf.p);
    lth_buf_fini(&buf);
    assert_null(buf.p);
    assert_int_equal(lth_buf_add(&buf, "again", 5), LTH_OK);
    assert_true(lth_slice_equal(lth_buf_slice(&buf), lth_slice_of("again", 5)));
    lth_buf_fini(&buf);
}

static int sign_of(int x)
{
    return (x > 0) - (x < 0);
}

static void slices_are_ordered_as_by_memcmp(void **state)
{
    (void)state;
    const lth_slice ordered[] = {{NULL, 0},
                                 lth_slice_of("\0", 1),
                                 lth_slice_of("a", 1),
                                 lth_slice_of("a\0", 2),
                                 lth_slice_of("ab", 2),
                                 lth_slice_of("b", 1),
                                 lth_slice_of("\xff", 1)};
    for (int i = 0; i < 7; i++) {
        for (int j = 0; j < 7; j++) {
            assert_int_equal(sign_of(lth_slice_compare(ordered[i], ordered[j])), sign_of(i - j));
            assert_int_equal(lth_slice_equal(ordered[i], ordered[j]), i == j);
        }
    }
}

static void hex_is_strict(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x9a, 0xff};
    char text[7];
    lth_hex(text, bytes, sizeof bytes);
    assert_string_equal(text, "009aff");
    uint8_t out[3];
    assert_true(lth_unhex(out, 3, "009AfF", 6));
    assert_memory_equal(out, bytes, 3);
    static const char *const wrong[] = {"",       "009a",   "009aff0", "009aff00", "009afg",
                                        "009a-f", " 09aff", "0x9aff",  "/:@G`g"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(lth_unhex(out, 3, wrong[i], strlen(wrong[i])));
    }
    assert_true(lth_unhex(out, 0, "", 0));
}

static void ids_compare_all_their_bytes(void **state)
{
    (void)state;
    lth_id zero = {{0}};
    assert_true(lth_id_is_zero(&zero));
    for (size_t i = 0; i < 16; i++) {
        lth_id id = {{0}};
        id.b[i] = 1;
        assert_false(lth_id_is_zero(&id));
        assert_false(lth_id_equal(&id, &zero));
        assert_true(lth_id_compare(&id, &zero) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_big_endian),
        cmocka_unit_test(a_reader_stays_bad),
        cmocka_unit_test(a_reader_knows_what_is_left),
        cmocka_unit_test(a_writer_never_passes_its_end),
        cmocka_unit_test(a_buffer_grows_to_its_limit),
        cmocka_unit_test(slices_are_ordered_as_by_memcmp),
        cmocka_unit_test(hex_is_strict),
        cmocka_unit_test(ids_compare_all_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
