/* Looking at a SQLite file that another process writes, without taking a lock. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <time.h>

#include "agents/capture/sqlite_file.h"
#include "test_capture_kit.h"

/* Another process (locks of one's own are not seen): runs a statement a line, answers a line. */
static const char SHELL[] = "import sqlite3, sys\n"
                            "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
                            "for line in sys.stdin:\n"
                            "    db.execute(line).fetchall()\n"
                            "    print('done', flush=True)\n";
static char dir[64], path[96];
static pid_t school;
static FILE *to, *from;

static void school_does(const char *sql)
{
    char line[16];
    assert_true(fprintf(to, "%s\n", sql) > 0 && fflush(to) == 0);
    assert_non_null(fgets(line, sizeof line, from));
}

static int start(void **state)
{
    (void)state;
    int in, out;
    snprintf(dir, sizeof dir, "/tmp/lth-capture-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.db", dir);
    school = kit_spawn("/usr/bin/python3",
                       (const char *const[]){"python3", "-c", SHELL, path, NULL}, &in, &out);
    to = fdopen(in, "w");
    from = fdopen(out, "r");
    school_does("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    school_does("INSERT INTO t VALUES (1, 'a')");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    int status;
    char command[128];
    fclose(to);
    fclose(from);
    waitpid(school, &status, 0);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command) == 0 && status == 0 ? 0 : -1;
}

/* A file written a moment ago is not quiet yet. */
static sqlite_file_look await(sqlite_file_state wanted)
{
    sqlite_file_look look;
    time_t give_up = time(NULL) + 10;
    while (sqlite_file_look_at(&look, path) != wanted)
        assert_true(time(NULL) < give_up);
    return look;
}

static void test_left_alone(void **state)
{
    (void)state;
    sqlite_file_look look = await(SQLITE_FILE_QUIET);
    assert_true(sqlite_file_unchanged(&look, path));
    school_does("SELECT * FROM t");
    assert_true(sqlite_file_unchanged(&look, path));
}

static void test_a_commit_is_seen(void **state)
{
    (void)state;
    sqlite_file_look look = await(SQLITE_FILE_QUIET);
    school_does("UPDATE t SET v = 'b'");
    assert_false(sqlite_file_unchanged(&look, path));
    (void)await(SQLITE_FILE_QUIET);
    assert_false(sqlite_file_unchanged(&look, path));
}

static void test_a_writer_at_work_is_seen(void **state)
{
    (void)state;
    sqlite_file_look look = await(SQLITE_FILE_QUIET);
    school_does("BEGIN IMMEDIATE");
    assert_false(sqlite_file_unchanged(&look, path));
    assert_int_equal(sqlite_file_look_at(&look, path), SQLITE_FILE_BUSY);
    school_does("ROLLBACK");
    (void)await(SQLITE_FILE_QUIET);
}

/* Pages that reach the file before the commit, and are put back by a rollback. */
static void test_a_rolled_back_spill_is_seen(void **state)
{
    (void)state;
    school_does("PRAGMA cache_size = 1");
    sqlite_file_look look = await(SQLITE_FILE_QUIET);
    school_does("BEGIN");
    school_does("INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n "
                "WHERE i < 3000) SELECT i, hex(randomblob(50)) FROM n");
    assert_false(sqlite_file_unchanged(&look, path));
    school_does("ROLLBACK");
    (void)await(SQLITE_FILE_QUIET);
    assert_false(sqlite_file_unchanged(&look, path));
}

static void test_wal(void **state)
{
    (void)state;
    school_does("PRAGMA journal_mode = WAL");
    sqlite_file_look look = await(SQLITE_FILE_QUIET);
    school_does("INSERT INTO t VALUES (2, 'b')");
    assert_false(sqlite_file_unchanged(&look, path));
    (void)await(SQLITE_FILE_WAL);
    school_does("PRAGMA wal_checkpoint(TRUNCATE)");
    assert_false(sqlite_file_unchanged(&look, path));
    (void)await(SQLITE_FILE_QUIET);
}

static void test_bad(void **state)
{
    (void)state;
    sqlite_file_look look;
    assert_int_equal(sqlite_file_look_at(&look, "/nonexistent/a.db"), SQLITE_FILE_BAD);
    assert_int_equal(sqlite_file_look_at(&look, dir), SQLITE_FILE_BAD);
    assert_int_equal(sqlite_file_look_at(&look, "/proc/self/exe"), SQLITE_FILE_BAD);
}

static void test_uri(void **state)
{
    (void)state;
    char out[128];
    assert_true(sqlite_file_uri(out, sizeof out, "/a b;c?d#e%f&g={h}/ệ.db", false));
    assert_string_equal(out, "file:/a%20b%3Bc%3Fd%23e%25f%26g%3D%7Bh%7D/%E1%BB%87.db?mode=ro");
    assert_true(sqlite_file_uri(out, sizeof out, "/a.db", true));
    assert_string_equal(out, "file:/a.db?mode=ro&immutable=1");
    for (unsigned size = 1; size < 31; size++)
        assert_false(sqlite_file_uri(out, size, "/a.db", true));
    assert_true(sqlite_file_uri(out, 31, "/a.db", true));
    assert_false(sqlite_file_uri(out, sizeof out, "", true));
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_left_alone),
        T(test_a_commit_is_seen),
        T(test_a_writer_at_work_is_seen),
        T(test_a_rolled_back_spill_is_seen),
        T(test_wal),
        T(test_bad),
        cmocka_unit_test(test_uri),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
