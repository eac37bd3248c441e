/* The formatter without stdio, against snprintf() where that knows the answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lth/diag.h"

#define SAME(...)                                                                                  \
    do {                                                                                           \
        char expected[256], found[256];                                                            \
        int n = snprintf(expected, sizeof expected, __VA_ARGS__);                                  \
        assert_int_equal(lth_format(found, sizeof found, __VA_ARGS__), n);                         \
        assert_string_equal(found, expected);                                                      \
    } while (0)

static void agrees_with_snprintf(void **state)
{
    (void)state;
    SAME("plain");
    SAME("%s|%.*s|%.*s", "text", 3, "abcdef", 9, "abc");
    SAME("%d %d %d %d", 0, -1, INT_MAX, INT_MIN);
    SAME("%u %x", UINT_MAX, UINT_MAX);
    SAME("%zu %zu", (size_t)0, SIZE_MAX);
    SAME("%llu %llx", ULLONG_MAX, ULLONG_MAX);
    SAME("%lld %lld", LLONG_MAX, LLONG_MIN);
    SAME("%lu %ld %lx", ULONG_MAX, LONG_MIN, ULONG_MAX);
    SAME("%c%c %% %s", 'a', 'b', "");
}

static void agrees_with_snprintf_on_many_numbers(void **state)
{
    (void)state;
    uint64_t x = 1;
    for (int i = 0; i < 2000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        uint64_t v = x >> (i % 64);
        SAME("%llu %lld %llx %d %u %x", (unsigned long long)v, (long long)v, (unsigned long long)v,
             (int)v, (unsigned)v, (unsigned)v);
    }
}

static void does_not_read_past_the_given_size_of_a_string(void **state)
{
    (void)state;
    const char open_ended[3] = {'x', 'y', 'z'};
    char out[16];
    assert_int_equal(lth_format(out, sizeof out, "%.*s", 3, open_ended), 3);
    assert_string_equal(out, "xyz");
}

static void cuts_at_a_character_boundary(void **state)
{
    (void)state;
    /* Characters of 1, 2, 3 and 4 bytes. */
    const char text[] = "aĐ\xe1\xbb\xaf\xf0\x9f\x98\x80z";
    static const size_t boundaries[] = {0, 1, 3, 6, 10, 11};
    for (size_t size = 1; size <= sizeof text; size++) {
        char out[32];
        memset(out, '#', sizeof out);
        size_t longest = 0;
        for (size_t i = 0; i < 6; i++) {
            longest = boundaries[i] <= size - 1 ? boundaries[i] : longest;
        }
        assert_int_equal(lth_format(out, size, "%s", text), longest);
        assert_memory_equal(out, text, longest);
        assert_int_equal(out[longest], '\0');
        assert_int_equal(out[size], '#');
    }
}

static void writes_nothing_after_the_cut(void **state)
{
    (void)state;
    char out[6];
    assert_int_equal(lth_format(out, sizeof out, "%s%s", "abcd\xc4\x90", "z"), 4);
    assert_string_equal(out, "abcd");
    assert_int_equal(lth_format(out, 0, "x"), 0);
    assert_int_equal(lth_format(out, 1, "x"), 0);
    assert_string_equal(out, "");
}

static size_t unchecked(char *out, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t n = lth_format_v(out, size, fmt, args);
    va_end(args);
    return n;
}

static void copies_what_it_does_not_understand(void **state)
{
    (void)state;
    char out[32];
    (void)unchecked(out, sizeof out, "a %d %f %s", 7, 1.0, "x");
    assert_string_equal(out, "a 7 %f %s");
    (void)unchecked(out, sizeof out, "end %");
    assert_string_equal(out, "end %");
    const char *nothing = NULL;
    (void)unchecked(out, sizeof out, "%s", nothing);
    assert_string_equal(out, "(null)");
}

static void fail_fills_the_diag_and_returns_the_code(void **state)
{
    (void)state;
    lth_diag diag;
    assert_int_equal(lth_fail(&diag, LTH_E_IO, "file %s line %d", "a.yaml", 3), LTH_E_IO);
    assert_int_equal(diag.err, LTH_E_IO);
    assert_string_equal(diag.text, "file a.yaml line 3");
    assert_int_equal(lth_fail(NULL, LTH_E_LIMIT, "x"), LTH_E_LIMIT);
}

static void appends_whole_or_not_at_all(void **state)
{
    (void)state;
    static char word[5000];
    lth_buf out;
    lth_buf_init(&out, 100000);
    assert_int_equal(lth_buf_format(&out, "%s=%d", "a", 1), LTH_OK);
    assert_int_equal(lth_buf_format(&out, ";%s", "b"), LTH_OK);
    assert_int_equal(out.n, 5);
    assert_memory_equal(out.p, "a=1;b", 5);
    memset(word, 'x', 4000);
    assert_int_equal(lth_buf_format(&out, "%s", word), LTH_OK);
    assert_int_equal(out.n, 4005);
    word[4000] = 'x';
    assert_int_equal(lth_buf_format(&out, "%s", word), LTH_E_LIMIT);
    memset(word, 'x', sizeof word - 1);
    assert_int_equal(lth_buf_format(&out, "%s", word), LTH_E_LIMIT);
    assert_int_equal(out.n, 4005);
    lth_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_snprintf),
        cmocka_unit_test(agrees_with_snprintf_on_many_numbers),
        cmocka_unit_test(does_not_read_past_the_given_size_of_a_string),
        cmocka_unit_test(cuts_at_a_character_boundary),
        cmocka_unit_test(appends_whole_or_not_at_all),
        cmocka_unit_test(writes_nothing_after_the_cut),
        cmocka_unit_test(copies_what_it_does_not_understand),
        cmocka_unit_test(fail_fills_the_diag_and_returns_the_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
