/* The agent's side of a capture process: the real one, and programs that die, hang or lie. */

#include "test_capture_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agents/shell/children.h"

static char dir[64];
static lth_children children;

/* ---- what was told ---- */

typedef struct told {
    uint32_t rows, ends, overs, headers;
    char first[64], header[64];
    lth_scan_fault fault[2];
    char detail[2][LTH_DETAIL_MAX];
} told;

static void on_row(void *ctx, const lth_child_row *row)
{
    told *t = ctx;
    assert_int_equal(row->table, 0);
    assert_int_equal(row->org.n, 0);
    if (t->rows++ == 0)
        lth_format(t->first, sizeof t->first, "%.*s", (int)row->cells[1].n,
                   (const char *)row->cells[1].p);
}

static void on_table_end(void *ctx, const lth_child_end *end)
{
    told *t = ctx;
    assert_true(end->table < 2 && t->overs == 0);
    t->ends++;
    t->fault[end->table] = end->fault;
    lth_format(t->detail[end->table], LTH_DETAIL_MAX, "%s", end->detail);
}

static void on_end(void *ctx)
{
    told *t = ctx;
    t->overs++;
}

static void on_headers(void *ctx, uint32_t table, const lth_header *headers, uint32_t n)
{
    told *t = ctx;
    assert_int_equal(table, 0);
    assert_int_equal(n, 2);
    lth_format(t->header, sizeof t->header, "%u %.*s", headers[0].at, (int)headers[0].text.n,
               (const char *)headers[0].text.p);
    t->headers++;
}

static const lth_child_listener LISTENER = {on_row, on_table_end, on_end, on_headers};

/* ---- a source of two tables ---- */

static const char *const COLUMNS[] = {"id", "ten"};
static lth_source_table tables[2];
static lth_source_conf source;
static char database[96];

static int start(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/lth-capture-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(database, sizeof database, "%s/a.db", dir);
    for (int i = 0; i < 2; i++)
        tables[i] = (lth_source_table){.query = i == 0 ? "SELECT id, ten FROM lop"
                                                       : "SELECT id, ten FROM khong_co",
                                       .mapping = {.columns = COLUMNS, .n_columns = 2}};
    source = (lth_source_conf){.org = "79000123",
                               .driver = "SQLite3",
                               .database = database,
                               .scan_seconds_max = 30,
                               .tables = tables,
                               .n_tables = 2};
    children = (lth_children){0};
    snprintf(children.program, sizeof children.program, "%s", kit_program);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    char command[128];
    lth_children_fini(&children);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

/* A program in the place of the real one. */
static void instead(const char *script)
{
    snprintf(children.program, sizeof children.program, "%s/program", dir);
    FILE *f = fopen(children.program, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(children.program, 0700), 0);
}

static lth_err begin(told *t, lth_diag *diag)
{
    lth_child_plan plan = {.source = &source, .tables = 3, .listener = &LISTENER, .ctx = t};
    *t = (told){0};
    return lth_children_start(&children, &plan, LTH_MONO_S(100), diag);
}

/* Until it is over and gone, at one instant of the clock. */
static void finish_at(lth_mono now)
{
    while (children.first != NULL) {
        struct pollfd fds[8];
        size_t n = lth_children_poll(&children, fds, 8);
        (void)poll(fds, n, 5);
        lth_children_work(&children, now);
    }
}

static void run(told *t)
{
    assert_int_equal(begin(t, NULL), LTH_OK);
    assert_int_equal(lth_children_busy(&children), 1);
    finish_at(LTH_MONO_S(100));
    assert_int_equal(lth_children_busy(&children), 0);
    assert_int_equal(t->ends, 2);
    assert_int_equal(t->overs, 1);
}

static void expect_both(const told *t, lth_scan_fault fault, const char *detail)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(t->fault[i], fault);
        assert_string_equal(t->detail[i], detail);
    }
}

static void test_the_real_one(void **state)
{
    (void)state;
    told t;
    kit_make(database, (const char *const[]){"CREATE TABLE lop (id INTEGER, ten TEXT)",
                                             "INSERT INTO lop VALUES (1, '3Ă'), (2, '3B')", NULL});
    run(&t);
    assert_int_equal(t.rows, 2);
    assert_string_equal(t.first, "3Ă");
    assert_int_equal(t.fault[0], LTH_SCAN_none);
    assert_int_equal(t.fault[1], LTH_SCAN_missing_table);
    assert_string_equal(t.detail[1], "khong_co");
}

static void test_death(void **state)
{
    (void)state;
    told t;
    instead("exit 3");
    run(&t);
    expect_both(&t, LTH_SCAN_child_failed, "exit 3");
    instead("kill -SEGV $$");
    run(&t);
    expect_both(&t, LTH_SCAN_child_failed, "signal 11");
}

static void test_lies(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        "cat >/dev/null; printf 'no such thing'",
        /* The end of table 7, which nobody asked for. */
        "cat >/dev/null; printf '\\000\\000\\000\\007\\002\\007\\000\\000\\000\\000\\000'",
        /* A row of one cell instead of two. */
        "cat >/dev/null; printf '\\000\\000\\000\\010\\001\\000\\000\\001\\377\\377\\377\\377'",
        /* A database has no headers. */
        "cat >/dev/null; printf '\\000\\000\\000\\010\\004\\000\\000\\002\\000\\000\\000\\000'",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        told t;
        instead(scripts[i]);
        run(&t);
        assert_int_equal(t.rows, 0);
        expect_both(&t, LTH_SCAN_child_failed, "pipe");
    }
}

/* Headers of a file come once, of all columns, and before its rows. */
static void test_headers(void **state)
{
    (void)state;
#define HEADERS "\\000\\000\\000\\014\\004\\000\\000\\002\\000\\006\\002ab\\000\\007\\000"
#define FEWER   "\\000\\000\\000\\006\\004\\000\\000\\001\\000\\000"
#define OTHER   "\\000\\000\\000\\010\\004\\007\\000\\002\\000\\000\\000\\000"
#define ROW                                                                                        \
    "\\000\\000\\000\\025\\001\\000\\000\\000\\000\\003\\000\\000\\000\\000\\000\\002\\377\\377\\" \
    "377"                                                                                          \
    "\\377\\000\\000\\000\\001x"
#define END  "\\000\\000\\000\\014\\002\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000"
#define OVER "\\000\\000\\000\\001\\003"
    static const struct {
        const char *script;
        uint32_t headers, rows;
        lth_scan_fault fault;
    } cases[] = {{"printf '" HEADERS ROW END OVER "'", 1, 1, LTH_SCAN_none},
                 {"printf '" ROW END OVER "'", 0, 1, LTH_SCAN_none},
                 {"printf '" HEADERS HEADERS "'", 1, 0, LTH_SCAN_child_failed},
                 {"printf '" ROW HEADERS "'", 0, 1, LTH_SCAN_child_failed},
                 {"printf '" FEWER "'", 0, 0, LTH_SCAN_child_failed},
                 {"printf '" OTHER "'", 0, 0, LTH_SCAN_child_failed},
                 {"printf '" END HEADERS "'", 0, 0, LTH_SCAN_none}};
    static const char *const NAMES[] = {"ab"};
    lth_profile_column headers[2] = {{.names = NAMES, .n_names = 1},
                                     {.names = NAMES, .n_names = 1}};
    lth_source_table table = tables[0];
    table.headers = headers;
    table.place.header_rows = 1;
    const lth_profile profile = {.kinds = 1, .tables = &table, .n_tables = 1};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        told t = {0};
        instead(cases[i].script);
        const lth_child_plan plan = {.profile = &profile,
                                     .path = "/dev/null",
                                     .tables = 1,
                                     .seconds_max = 30,
                                     .listener = &LISTENER,
                                     .ctx = &t};
        assert_int_equal(lth_children_start(&children, &plan, LTH_MONO_S(100), NULL), LTH_OK);
        finish_at(LTH_MONO_S(100));
        if (t.headers != cases[i].headers || t.rows != cases[i].rows || t.ends != 1 ||
            t.fault[0] != cases[i].fault)
            fail_msg("case %zu: %u headers, %u rows, %u ends, %d", i, t.headers, t.rows, t.ends,
                     (int)t.fault[0]);
        assert_true(t.headers == 0 || strcmp(t.header, "6 ab") == 0);
    }
}

static void test_an_end_too_early(void **state)
{
    (void)state;
    told t;
    instead("cat >/dev/null; printf '\\000\\000\\000\\001\\003'");
    run(&t);
    expect_both(&t, LTH_SCAN_child_failed, "END");
}

static void test_time_limit(void **state)
{
    (void)state;
    told t;
    instead("cat >/dev/null; exec tail -f /dev/null");
    assert_int_equal(begin(&t, NULL), LTH_OK);
    assert_true(lth_children_deadline(&children) == LTH_MONO_S(130));
    lth_children_work(&children, LTH_MONO_S(130) - 1);
    assert_int_equal(t.overs, 0);
    finish_at(LTH_MONO_S(130));
    assert_int_equal(t.overs, 1);
    expect_both(&t, LTH_SCAN_timeout, "");
}

/* It is gone, but a process that it left behind holds the pipe. */
static void test_time_limit_of_one_left_behind(void **state)
{
    (void)state;
    told t;
    siginfo_t info;
    struct pollfd fds[8];
    char script[256], command[128];
    snprintf(script, sizeof script, "cat >/dev/null; tail -f /dev/null & echo $! >%s/left", dir);
    instead(script);
    assert_int_equal(begin(&t, NULL), LTH_OK);
    while (lth_children_poll(&children, fds, 8) > 1) /* until the request is written */
        lth_children_work(&children, LTH_MONO_S(130) - 1);
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
    lth_children_work(&children, LTH_MONO_S(130) - 1);
    assert_int_equal(t.overs, 0);
    lth_children_work(&children, LTH_MONO_S(130));
    snprintf(command, sizeof command, "kill $(cat %s/left)", dir);
    assert_int_equal(system(command), 0);
    assert_null(children.first);
    assert_int_equal(t.overs, 1);
    expect_both(&t, LTH_SCAN_timeout, "");
}

static void test_dropped(void **state)
{
    (void)state;
    told t, other;
    instead("cat >/dev/null; exec tail -f /dev/null");
    assert_int_equal(begin(&t, NULL), LTH_OK);
    assert_int_equal(begin(&other, NULL), LTH_OK);
    assert_int_equal(lth_children_busy(&children), 2);
    lth_children_drop(&children, &LISTENER, &other);
    assert_int_equal(lth_children_busy(&children), 1);
    lth_children_drop(&children, &LISTENER, NULL);
    finish_at(LTH_MONO_S(100));
    assert_int_equal(t.ends + t.overs + other.ends + other.overs, 0);
}

static void test_not_there(void **state)
{
    (void)state;
    told t;
    lth_diag diag = {0};
    snprintf(children.program, sizeof children.program, "%s/program", dir);
    assert_int_equal(begin(&t, &diag), LTH_E_IO);
    assert_non_null(strstr(diag.text, children.program));
    assert_null(children.first);
}

static void write_secret(const char *path, const char *text, mode_t mode)
{
    (void)unlink(path);
    int fd = open(path, O_CREAT | O_WRONLY | O_EXCL, mode);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* The password goes through the pipe, from a file that nobody else can read. */
static void test_password(void **state)
{
    (void)state;
    told t;
    lth_diag diag = {0};
    char path[96], command[400], long_one[200];
    snprintf(path, sizeof path, "%s/secret", dir);
    source.secret_file = path;
    assert_int_equal(begin(&t, &diag), LTH_E_IO);
    write_secret(path, "mật khẩu 1\n", 0644);
    assert_int_equal(begin(&t, &diag), LTH_E_CONFIG);
    assert_non_null(strstr(diag.text, "chmod"));
    memset(long_one, 'x', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    write_secret(path, long_one, 0400);
    assert_int_equal(begin(&t, &diag), LTH_E_CONFIG);
    write_secret(path, "mật khẩu 1\nhai", 0400);
    snprintf(command, sizeof command,
             "tr '\\0' ' ' </proc/$$/cmdline >%s/args; cat >%s/request; exit 0", dir, dir);
    instead(command);
    run(&t);
    snprintf(command, sizeof command,
             "grep -qa 'mật khẩu 1' %s/request && ! grep -qa 'hai' %s/request && "
             "! grep -q mật %s/args",
             dir, dir, dir);
    assert_int_equal(system(command), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s LIENTHONG-CAPTURE\n", argv[0]);
        return 2;
    }
    kit_program = argv[1];
    assert_true(lth_platform_signals() >= 0); /* as the agent does: a broken pipe kills nobody */
    const struct CMUnitTest tests[] = {
        T(test_the_real_one),
        T(test_death),
        T(test_lies),
        T(test_an_end_too_early),
        T(test_headers),
        T(test_time_limit),
        T(test_time_limit_of_one_left_behind),
        T(test_dropped),
        T(test_not_there),
        T(test_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
