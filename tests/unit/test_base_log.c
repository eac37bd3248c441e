/* Log events, and the sink to stderr. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lth/log.h"

typedef struct last_line {
    unsigned n;
    lth_level level;
    char event[64];
    char detail[2000];
} last_line;

static void keep(void *ctx, lth_level level, const char *event, const char *detail)
{
    last_line *last = ctx;
    last->n++;
    last->level = level;
    (void)snprintf(last->event, sizeof last->event, "%s", event);
    (void)snprintf(last->detail, sizeof last->detail, "%s", detail);
}

static void an_event_is_formatted_for_its_sink(void **state)
{
    (void)state;
    last_line last = {0};
    lth_log log = {.ctx = &last, .write = keep};
    lth_log_event(&log, LTH_LEVEL_WARN, "batch_refused", "origin=%s code=%d", "ab12", 10);
    assert_int_equal(last.n, 1);
    assert_int_equal(last.level, LTH_LEVEL_WARN);
    assert_string_equal(last.event, "batch_refused");
    assert_string_equal(last.detail, "origin=ab12 code=10");
    lth_log none = {0};
    lth_log_event(&none, LTH_LEVEL_WARN, "x", "%s", "y");
    lth_log_event(NULL, LTH_LEVEL_WARN, "x", "%s", "y");
    assert_int_equal(last.n, 1);
}

static void a_text_cannot_end_its_own_quotes(void **state)
{
    (void)state;
    last_line last = {0};
    const lth_log log = {.ctx = &last, .write = keep};
    lth_log_text(&log, LTH_LEVEL_WARN, "fault", "reason", "group \"a\\b\" unknown");
    assert_string_equal(last.detail, "reason=\"group \\\"a\\\\b\\\" unknown\"");
}

/* What @p write_lines writes to stderr. */
static void capture(void (*write_lines)(const lth_log *), const lth_log *log, char *out,
                    size_t size)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    int saved = dup(STDERR_FILENO);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    write_lines(log);
    (void)fflush(stderr);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved);
    rewind(file);
    out[fread(out, 1, size - 1, file)] = '\0';
    (void)fclose(file);
}

static void write_levels(const lth_log *log)
{
    lth_log_event(log, LTH_LEVEL_NOTICE, "started", "%s", "");
    lth_log_event(log, LTH_LEVEL_INFO, "not_shown", "%s", "");
    lth_log_event(log, LTH_LEVEL_ERROR, "forged", "a=%s", "x\n<3>event=y\x1b[31m");
}

static void a_line_is_logfmt_with_the_prefix_of_journald(void **state)
{
    (void)state;
    char out[4096];
    lth_log log = lth_log_stderr(LTH_LEVEL_NOTICE);
    capture(write_levels, &log, out, sizeof out);
    assert_string_equal(out, "<5>event=started\n<3>event=forged a=x <3>event=y [31m\n");
}

static void write_flood(const lth_log *log)
{
    for (int i = 0; i < 1000; i++) {
        lth_log_event(log, LTH_LEVEL_WARN, "flood", "i=%d", i);
    }
    lth_log_event(log, LTH_LEVEL_WARN, "after_flood", "%s", "");
}

static void one_event_cannot_flood_the_log(void **state)
{
    (void)state;
    char out[8192];
    lth_log log = lth_log_stderr(LTH_LEVEL_INFO);
    capture(write_flood, &log, out, sizeof out);
    unsigned lines = 0;
    for (const char *p = out; (p = strchr(p, '\n')) != NULL; p++) {
        lines++;
    }
    assert_int_equal(lines, 21);
    assert_non_null(strstr(out, "event=flood i=19\n"));
    assert_null(strstr(out, "event=flood i=20\n"));
    assert_non_null(strstr(out, "<4>event=after_flood\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_formatted_for_its_sink),
        cmocka_unit_test(a_text_cannot_end_its_own_quotes),
        cmocka_unit_test(a_line_is_logfmt_with_the_prefix_of_journald),
        cmocka_unit_test(one_event_cannot_flood_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
