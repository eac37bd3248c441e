/* multipart/form-data: the same parts wherever the stream is cut; garbage is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "agents/intake/multipart.h"

typedef struct seen {
    char text[4096];
    size_t n;
    int stop_at; /* the data call that says no; 0 never */
    int calls;
} seen;

static void note(seen *to, const char *p, size_t n)
{
    assert_true(to->n + n < sizeof to->text);
    memcpy(to->text + to->n, p, n);
    to->n += n;
    to->text[to->n] = '\0';
}

static bool begin(void *ctx, const lth_multipart_part *part)
{
    note(ctx, "[", 1);
    note(ctx, part->name, strlen(part->name));
    if (part->is_file) {
        note(ctx, "|", 1);
        note(ctx, part->file_name, strlen(part->file_name));
    }
    note(ctx, "]", 1);
    return true;
}

static bool data(void *ctx, const uint8_t *p, size_t n)
{
    seen *to = ctx;
    note(to, (const char *)p, n);
    return ++to->calls != to->stop_at;
}

static bool end(void *ctx)
{
    note(ctx, ";", 1);
    return true;
}

static const char type[] = "multipart/form-data; boundary=xyz";
static const char body[] =
    "preamble, passed over\r\n--xyz\r\n"
    "Content-Disposition: form-data; name=\"csrf\"\r\n\r\n"
    "abc\r\n--xyz  \r\n"
    "content-disposition:form-data; name=\"tep\"; filename=\"a;b=\\\"1\\\".csv\"\r\n"
    "Content-Type: text/csv\r\n\r\n"
    "1\r\r\n--xy\r\n2\r\n\r\n--xyz--\r\nepilogue --xyz\r\n";
static const char parts[] = "[csrf]abc;[tep|a;b=\\\"1\\\".csv]1\r\r\n--xy\r\n2\r\n;";

static bool feed(seen *to, const char *content_type, const char *text, size_t size, size_t cut,
                 bool *done)
{
    lth_multipart m;
    const lth_multipart_sink sink = {to, begin, data, end};
    if (!lth_multipart_init(&m, content_type, &sink))
        return false;
    bool ok = lth_multipart_feed(&m, (const uint8_t *)text, cut) &&
              lth_multipart_feed(&m, (const uint8_t *)text + cut, size - cut);
    *done = lth_multipart_done(&m);
    return ok;
}

static void cut_anywhere(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= sizeof body - 1; cut++) {
        seen to = {.n = 0};
        bool done = false;
        assert_true(feed(&to, type, body, sizeof body - 1, cut, &done));
        assert_true(done);
        assert_string_equal(to.text, parts);
    }
    for (size_t size = 0; size < sizeof body - 20; size++) { /* cut short: never whole */
        seen to = {.n = 0};
        bool done = false;
        assert_true(feed(&to, type, body, size, size / 2, &done));
        assert_int_equal(done, strstr(body, "--xyz--") + 7 <= body + size);
    }
}

static void first_boundary_at_once(void **state)
{
    (void)state;
    static const char text[] = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--b--";
    seen to = {.n = 0};
    bool done = false;
    assert_true(feed(&to, "Multipart/Form-Data; charset=x; boundary=\"b\"", text, sizeof text - 1,
                     3, &done));
    assert_true(done);
    assert_string_equal(to.text, "[a];");
}

static void types(void **state)
{
    (void)state;
    static const char too_long[] =
        "multipart/form-data; boundary="
        "01234567890123456789012345678901234567890123456789012345678901234567890";
    static const char *const bad[] = {"multipart/form-data",
                                      "multipart/form-datax; boundary=b",
                                      "text/plain; boundary=b",
                                      "multipart/form-data; boundary=",
                                      "multipart/form-data; boundary=\"\"",
                                      "multipart/form-data; boundary=\"a",
                                      "multipart/form-data; boundary=\"a b\"",
                                      "multipart/form-data; xboundary=b",
                                      too_long};
    lth_multipart m;
    const lth_multipart_sink sink = {NULL, begin, data, end};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(lth_multipart_init(&m, bad[i], &sink));
    assert_false(lth_multipart_init(&m, NULL, &sink));
    assert_false(lth_multipart_feed(&m, (const uint8_t *)"x", 1));
}

static void garbage(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "--b\r\n\r\nx\r\n--b--",                                             /* no header */
        "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",           /* no name */
        "--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--",  /* not a form's */
        "--bX\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--",  /* no boundary */
        "--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--b--", /* no end of quote */
        "--b\rX",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        seen to = {.n = 0};
        bool done = false;
        assert_false(
            feed(&to, "multipart/form-data; boundary=b", bad[i], strlen(bad[i]), 1, &done));
        assert_false(done);
    }
}

static void limits(void **state)
{
    (void)state;
    static char text[LTH_MULTIPART_HEAD_MAX + 100];
    size_t n =
        (size_t)snprintf(text, sizeof text, "--b\r\nContent-Disposition: form-data; name=a\r\nX: ");
    memset(text + n, 'x', LTH_MULTIPART_HEAD_MAX);
    seen to = {.n = 0};
    bool done = false;
    assert_false(
        feed(&to, "multipart/form-data; boundary=b", text, n + LTH_MULTIPART_HEAD_MAX, n, &done));
    lth_multipart m;
    const lth_multipart_sink sink = {&to, begin, data, end};
    static const char part[] = "\r\n--b\r\nContent-Disposition: form-data; name=a\r\n\r\n";
    assert_true(lth_multipart_init(&m, "multipart/form-data; boundary=b", &sink));
    for (uint32_t i = 0; i < LTH_MULTIPART_PARTS_MAX; i++)
        assert_true(lth_multipart_feed(&m, (const uint8_t *)part, sizeof part - 1));
    assert_false(lth_multipart_feed(&m, (const uint8_t *)part, sizeof part - 1));
}

static void the_sink_says_no(void **state)
{
    (void)state;
    seen to = {.stop_at = 1};
    bool done = false;
    assert_false(feed(&to, type, body, sizeof body - 1, 90, &done));
    assert_false(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_anywhere), cmocka_unit_test(first_boundary_at_once),
        cmocka_unit_test(types),        cmocka_unit_test(garbage),
        cmocka_unit_test(limits),       cmocka_unit_test(the_sink_says_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
