/* The real capture child over real SQLite files: values, every fault, and that a scan neither
 * changes the school's file nor stops its program. */

#include "test_capture_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test_hasher.h"

#define COLUMNS(...) ((const char *const[]){__VA_ARGS__})
#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))

static char dir[64];
static char db_path[256];
static kit_result result;

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/lth-capture-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(db_path, sizeof db_path, "%s/Trường; 50%% & một?#[x].db", dir);
    return 0;
}

static uint32_t each_file(void (*act)(const char *path))
{
    uint32_t n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[512];
        if (e->d_name[0] == '.')
            continue;
        n++;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (act != NULL)
            act(path);
    }
    closedir(d);
    return n;
}

static void remove_file(const char *path)
{
    (void)unlink(path);
}

static int drop_dir(void **state)
{
    (void)state;
    kit_result_free(&result);
    result = (kit_result){0};
    each_file(remove_file);
    return rmdir(dir);
}

/* A plain name for the driver's own way of opening, which knows no encoding. */
static char *plain(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void hash_file(const char *path, uint8_t out[LTH_HASH_SIZE])
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    lth_hasher hasher = test_hasher();
    lth_sha256(&hasher, bytes, (size_t)st.st_size, out);
    free(bytes);
}

static void scan(const char *path, const lth_capture_table *tables, uint32_t n_tables)
{
    kit_result_free(&result);
    kit_scan(&(lth_capture_request){.driver = "SQLite3",
                                    .database = path,
                                    .dsn = "",
                                    .password = "",
                                    .seconds_max = 60,
                                    .tables = tables,
                                    .n_tables = n_tables},
             &result);
    assert_true(WIFEXITED(result.status));
    assert_int_equal(WEXITSTATUS(result.status), 0);
    assert_true(result.ended);
    assert_int_equal(result.n_ends, n_tables);
}

static void expect_end(uint32_t i, lth_scan_fault fault, const char *detail)
{
    assert_int_equal(result.ends[i].fault, fault);
    assert_string_equal(result.ends[i].detail, detail);
}

static void scan_one(const char *path, const char *query, const char *column)
{
    lth_capture_table table = {3, query, &column, 1};
    scan(path, &table, 1);
    assert_int_equal(result.ends[0].table, 3);
}

/* ---- values ---- */

static void test_values(void **state)
{
    (void)state;
    kit_make(plain("a.db"),
             COLUMNS("CREATE TABLE hoc_sinh (id INTEGER PRIMARY KEY, ho_ten VARCHAR(5), diem REAL, "
                     "ngay DATE, \"Tên lớp\" TEXT, trong TEXT, luc DATETIME, co BOOLEAN, so "
                     "DECIMAL(5,2))",
                     "INSERT INTO hoc_sinh VALUES (9990000001, 'Nguyễn Thị Ánh', 7.5, "
                     "'05/09/2015', '3A', NULL, '2026-01-02 03:04:05', 1, 8.25)",
                     "INSERT INTO hoc_sinh VALUES (-7, '', 0.1, '2015-09-05', 'x;''y', '', NULL, "
                     "0, 10)",
                     NULL));
    assert_int_equal(rename(plain("a.db"), db_path), 0);
    lth_capture_table table = {1, "SELECT * FROM hoc_sinh ORDER BY id DESC;",
                               COLUMNS("DIEM", "Id", "ho_ten", "Tên lớp", "trong", "ngay", "so"),
                               7};
    scan(db_path, &table, 1);
    expect_end(0, LTH_SCAN_none, "");
    assert_int_equal(result.n_rows, 2);
    const char *const expected[2][7] = {
        {"7.5", "9990000001", "Nguyễn Thị Ánh", "3A", NULL, "05/09/2015", "8.25"},
        {"0.1", "-7", "", "x;'y", "", "2015-09-05", "10"}};
    for (uint32_t r = 0; r < 2; r++) {
        assert_int_equal(result.rows[r].table, 1);
        assert_int_equal(result.rows[r].n_cells, 7);
        for (uint32_t c = 0; c < 7; c++) {
            if (expected[r][c] == NULL)
                assert_null(result.rows[r].text[c]);
            else
                assert_string_equal(result.rows[r].text[c], expected[r][c]);
        }
    }
}

static void test_a_column_may_be_used_twice(void **state)
{
    (void)state;
    kit_make(plain("a.db"), COLUMNS("CREATE TABLE t (id INTEGER, ten TEXT)",
                                    "INSERT INTO t VALUES (1, 'Lan')", NULL));
    lth_capture_table table = {0, "SELECT ten, id FROM t", COLUMNS("id", "TEN", "ten"), 3};
    scan(plain("a.db"), &table, 1);
    assert_int_equal(result.n_rows, 1);
    assert_string_equal(result.rows[0].text[0], "1");
    assert_string_equal(result.rows[0].text[1], "Lan");
    assert_string_equal(result.rows[0].text[2], "Lan");
}

static void test_long_values(void **state)
{
    (void)state;
    kit_make(plain("a.db"),
             COLUMNS("CREATE TABLE t (id INTEGER, v TEXT)",
                     "INSERT INTO t VALUES (1, replace(hex(zeroblob(50000)), '0', 'é'))",
                     "INSERT INTO t VALUES (2, replace(hex(zeroblob(131072)), '0', 'x'))",
                     "INSERT INTO t VALUES (3, replace(hex(zeroblob(131073)), '0', 'x'))",
                     "INSERT INTO t VALUES (4, 'ngắn')", NULL));
    lth_capture_table table = {0, "SELECT id, v FROM t ORDER BY id", COLUMNS("id", "v"), 2};
    scan(plain("a.db"), &table, 1);
    expect_end(0, LTH_SCAN_truncated, "v");
    assert_int_equal(result.n_rows, 3); /* The long one is left out, the ones after it are not. */
    assert_int_equal(strlen(result.rows[0].text[1]), 200000);
    assert_memory_equal(result.rows[0].text[1] + 199998, "é", 2);
    assert_int_equal(strlen(result.rows[1].text[1]), LTH_CAPTURE_VALUE_MAX);
    assert_string_equal(result.rows[2].text[0], "4");
    assert_string_equal(result.rows[2].text[1], "ngắn");
}

static void test_many_rows(void **state)
{
    (void)state;
    kit_make(plain("a.db"), COLUMNS("CREATE TABLE t (id INTEGER)",
                                    "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                                    "SELECT i + 1 FROM n WHERE i < 200001) SELECT i FROM n",
                                    NULL));
    scan_one(plain("a.db"), "SELECT id FROM t WHERE id <= 200000", "id");
    expect_end(0, LTH_SCAN_none, "");
    assert_int_equal(result.n_rows, LTH_SCAN_ROWS_MAX);
    scan_one(plain("a.db"), "SELECT id FROM t", "id");
    assert_int_equal(result.ends[0].fault, LTH_SCAN_too_many_rows);
}

static void test_rows_max(void **state)
{
    (void)state;
    kit_make(plain("a.db"), COLUMNS("CREATE TABLE t (id INTEGER)",
                                    "INSERT INTO t VALUES (1), (2), (3), (4), (5), (6)", NULL));
    const char *column = "id";
    lth_capture_table table = {0, "SELECT id FROM t ORDER BY id", &column, 1};
    kit_scan(&(lth_capture_request){"SQLite3", plain("a.db"), "", "", 60, 5, &table, 1}, &result);
    assert_int_equal(result.n_rows, 5);
    expect_end(0, LTH_SCAN_none, "");
}

/* ---- faults ---- */

static void test_missing_file_is_not_created(void **state)
{
    (void)state;
    lth_capture_table tables[] = {{0, "SELECT id FROM t", COLUMNS("id"), 1},
                                  {1, "SELECT id FROM u", COLUMNS("id"), 1}};
    scan(plain("khong_co.db"), tables, 2);
    expect_end(0, LTH_SCAN_unreachable, plain("khong_co.db"));
    expect_end(1, LTH_SCAN_unreachable, plain("khong_co.db"));
    assert_int_equal(each_file(NULL), 0);
}

static void test_not_a_database(void **state)
{
    (void)state;
    int fd = open(plain("a.db"), O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd,
                           "đây là một tệp khác hẳn, dài hơn một trăm byte một chút, không phải "
                           "cơ sở dữ liệu SQLite",
                           100),
                     100);
    close(fd);
    scan_one(plain("a.db"), "SELECT id FROM t", "id");
    assert_int_equal(result.ends[0].fault, LTH_SCAN_unreachable);
}

static void test_missing_things_harm_only_themselves(void **state)
{
    (void)state;
    kit_make(plain("a.db"), COLUMNS("CREATE TABLE lop (id INTEGER, ten TEXT)",
                                    "INSERT INTO lop VALUES (1, '3A')", NULL));
    lth_capture_table tables[] = {
        {0, "SELECT id FROM hoc_sinh", COLUMNS("id"), 1},
        {1, "SELECT id, khoi FROM lop", COLUMNS("id"), 1},
        {2, "SELECT id FROM lop", COLUMNS("id", "Tên"), 2},
        {3, "SELECT id, ten FROM lop", COLUMNS("ID", "TEN"), 2},
    };
    scan(plain("a.db"), tables, 4);
    expect_end(0, LTH_SCAN_missing_table, "hoc_sinh");
    expect_end(1, LTH_SCAN_missing_column, "khoi");
    expect_end(2, LTH_SCAN_missing_column, "Tên");
    expect_end(3, LTH_SCAN_none, "");
    assert_int_equal(result.n_rows, 1);
    assert_int_equal(result.rows[0].table, 3);
}

static void test_vietnamese_names_match_byte_by_byte(void **state)
{
    (void)state;
    kit_make(plain("a.db"), COLUMNS("CREATE TABLE t (id INTEGER, \"HỌ TÊN\" TEXT)", NULL));
    scan_one(plain("a.db"), "SELECT * FROM t", "họ tên");
    expect_end(0, LTH_SCAN_missing_column, "họ tên");
    scan_one(plain("a.db"), "SELECT * FROM t", "HỌ TÊN");
    expect_end(0, LTH_SCAN_none, "");
}

static void test_only_reading(void **state)
{
    (void)state;
    kit_make(plain("a.db"),
             COLUMNS("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)", NULL));
    static const char *const queries[] = {
        "DELETE FROM t",
        "SELECT id FROM t; DELETE FROM t",
        "WITH x AS (SELECT 1) DELETE FROM t",
        "PRAGMA journal_mode = WAL",
        "",
    };
    for (size_t i = 0; i < COUNT(queries); i++) {
        scan_one(plain("a.db"), queries[i], "id");
        assert_int_equal(result.ends[0].fault, LTH_SCAN_incomplete);
    }
    scan_one(plain("a.db"), "SELECT id FROM t", "id");
    assert_int_equal(result.n_rows, 1);
    scan_one(plain("a.db"), "WITH x AS (SELECT id FROM t) SELECT id FROM x", "id");
    assert_int_equal(result.n_rows, 1);
}

static void test_no_driver(void **state)
{
    (void)state;
    lth_capture_table table = {0, "SELECT id FROM t", COLUMNS("id"), 1};
    kit_scan(&(lth_capture_request){"KhongCo", "x", "", "", 60, 0, &table, 1}, &result);
    assert_int_equal(result.ends[0].fault, LTH_SCAN_bad_driver);
}

static void test_locked_by_the_school(void **state)
{
    (void)state;
    kit_make(plain("a.db"),
             COLUMNS("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)", NULL));
    kit_db *school = kit_open(plain("a.db"));
    kit_must(school, "BEGIN EXCLUSIVE");
    scan_one(plain("a.db"), "SELECT id FROM t", "id");
    expect_end(0, LTH_SCAN_locked, "");
    assert_int_equal(result.n_rows, 0);
    kit_must(school, "COMMIT");
    kit_close(&school);
    scan_one(plain("a.db"), "SELECT id FROM t", "id");
    assert_int_equal(result.n_rows, 1);
}

/* A program that died in mid-write leaves a journal that only a writer may roll back. */
static void test_hot_journal(void **state)
{
    (void)state;
    char journal[160];
    kit_make(plain("a.db"),
             COLUMNS("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)", NULL));
    snprintf(journal, sizeof journal, "%s-journal", plain("a.db"));
    static const uint8_t head[512] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7, 0, 0, 0, 1};
    int fd = open(journal, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, head, sizeof head), sizeof head);
    close(fd);
    scan_one(plain("a.db"), "SELECT id FROM t", "id");
    expect_end(0, LTH_SCAN_locked, "");
    assert_int_equal(truncate(journal, 0), 0); /* A finished one, as journal_mode=TRUNCATE has. */
    scan_one(plain("a.db"), "SELECT id FROM t", "id");
    expect_end(0, LTH_SCAN_none, "");
}

static void test_corrupt_page_is_an_incomplete_scan(void **state)
{
    (void)state;
    kit_make(plain("a.db"),
             COLUMNS("CREATE TABLE t (id INTEGER, v TEXT)",
                     "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                     "WHERE i < 5000) SELECT i, hex(zeroblob(50)) FROM n",
                     NULL));
    int fd = open(plain("a.db"), O_RDWR);
    static const uint8_t dirt[4096] = {0x55};
    assert_int_equal(pwrite(fd, dirt, sizeof dirt, 40L * 4096), sizeof dirt);
    close(fd);
    scan_one(plain("a.db"), "SELECT v, id FROM t", "id");
    assert_int_equal(result.ends[0].fault, LTH_SCAN_incomplete);
    assert_true(result.n_rows > 0 && result.n_rows < 5000);
}

/* ---- the school's file and program are left alone ---- */

static void test_nothing_is_changed(void **state)
{
    (void)state;
    static const char *const modes[] = {"PRAGMA journal_mode = DELETE",
                                        "PRAGMA journal_mode = PERSIST",
                                        "PRAGMA journal_mode = WAL"};
    for (size_t i = 0; i < COUNT(modes); i++) {
        uint8_t before[LTH_HASH_SIZE], after[LTH_HASH_SIZE];
        kit_make(plain("a.db"), COLUMNS(modes[i], "CREATE TABLE IF NOT EXISTS t (id INTEGER)",
                                        "INSERT INTO t VALUES (1)", NULL));
        hash_file(plain("a.db"), before);
        uint32_t files = each_file(NULL);
        scan_one(plain("a.db"), "SELECT id FROM t", "id");
        expect_end(0, LTH_SCAN_none, "");
        assert_int_equal(result.n_rows, i + 1);
        hash_file(plain("a.db"), after);
        assert_memory_equal(before, after, sizeof before);
        assert_int_equal(each_file(NULL), files);
    }
}

static void test_rows_still_in_the_wal_are_read(void **state)
{
    (void)state;
    uint8_t before[LTH_HASH_SIZE], after[LTH_HASH_SIZE];
    kit_make(plain("a.db"),
             COLUMNS("PRAGMA journal_mode = WAL", "CREATE TABLE t (id INTEGER)", NULL));
    kit_db *school = kit_open(plain("a.db"));
    kit_must(school, "INSERT INTO t VALUES (9)");
    hash_file(plain("a.db"), before);
    scan_one(plain("a.db"), "SELECT id FROM t", "id");
    hash_file(plain("a.db"), after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(result.n_rows, 1);
    assert_string_equal(result.rows[0].text[0], "9");
    kit_must(school, "BEGIN EXCLUSIVE");
    scan_one(plain("a.db"), "SELECT id FROM t", "id");
    assert_int_equal(result.n_rows, 1); /* A writer of a WAL stops nobody. */
    kit_must(school, "COMMIT");
    kit_close(&school);
}

/* The school's own program, as most are written: no waiting for locks, no retry. For every line it
 * gets it makes 25 changes and answers how many were refused. */
static const char WRITER[] = "import sqlite3, sys\n"
                             "db = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)\n"
                             "db.execute('PRAGMA synchronous = OFF')\n"
                             "for line in sys.stdin:\n"
                             "    refused = 0\n"
                             "    for i in range(25):\n"
                             "        try:\n"
                             "            db.execute('UPDATE t SET v = v + 1')\n"
                             "        except sqlite3.OperationalError:\n"
                             "            refused += 1\n"
                             "    print(refused, flush=True)\n";

typedef struct writer {
    pid_t pid;
    FILE *to, *from;
} writer;

static writer writer_start(const char *path)
{
    int to, from;
    writer self = {.pid = kit_spawn("/usr/bin/python3",
                                    (const char *const[]){"python3", "-c", WRITER, path, NULL}, &to,
                                    &from)};
    self.to = fdopen(to, "w");
    self.from = fdopen(from, "r");
    return self;
}

static void writer_go(const writer *self)
{
    assert_true(fputs("\n", self->to) >= 0 && fflush(self->to) == 0);
}

static int writer_refused(const writer *self)
{
    char line[32];
    assert_non_null(fgets(line, sizeof line, self->from));
    return atoi(line);
}

static void writer_stop(writer *self)
{
    int status;
    fclose(self->to);
    fclose(self->from);
    assert_int_equal(waitpid(self->pid, &status, 0), self->pid);
    assert_int_equal(status, 0);
}

/* First: a plain reader does stop that program, so the test can see what it looks for. */
static void test_the_school_never_waits(void **state)
{
    (void)state;
    kit_make(plain("a.db"), COLUMNS("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)",
                                    "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                                    "SELECT i + 1 FROM n WHERE i < 3000) SELECT i, 0 FROM n",
                                    NULL));
    writer school = writer_start(plain("a.db"));
    kit_db *other = kit_open(plain("a.db"));
    kit_pause_in(other, "SELECT id FROM t");
    writer_go(&school);
    assert_int_equal(writer_refused(&school), 25);
    kit_close(&other);

    const char *column = "v";
    lth_capture_table table = {0, "SELECT v FROM t", &column, 1};
    lth_capture_request request = {"SQLite3", plain("a.db"), "", "", 60, 0, &table, 1};
    for (int round = 0; round < 40; round++) { /* 1,000 changes */
        int out;
        pid_t pid = kit_start(&request, &out);
        writer_go(&school);
        kit_result_free(&result);
        kit_finish(pid, out, &result);
        assert_int_equal(writer_refused(&school), 0);
        expect_end(0, LTH_SCAN_none, "");
        assert_int_equal(result.n_rows, 3000);
        for (uint32_t r = 1; r < KIT_ROWS_MAX; r++) /* One moment: no half of a change. */
            assert_string_equal(result.rows[r].text[0], result.rows[0].text[0]);
    }
    writer_stop(&school);
}

static void test_the_child_refuses_nonsense(void **state)
{
    (void)state;
    char command[512];
    snprintf(command, sizeof command, "printf '\\000\\000\\000\\004LCQ9' | %s 2>/dev/null",
             kit_program);
    int status = system(command);
    assert_int_equal(WEXITSTATUS(status), 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s LIENTHONG-CAPTURE\n", argv[0]);
        return 2;
    }
    kit_program = argv[1];
    const struct CMUnitTest tests[] = {
        T(test_values),
        T(test_a_column_may_be_used_twice),
        T(test_long_values),
        T(test_many_rows),
        T(test_rows_max),
        T(test_missing_file_is_not_created),
        T(test_not_a_database),
        T(test_missing_things_harm_only_themselves),
        T(test_vietnamese_names_match_byte_by_byte),
        T(test_only_reading),
        T(test_no_driver),
        T(test_locked_by_the_school),
        T(test_hot_journal),
        T(test_corrupt_page_is_an_incomplete_scan),
        T(test_nothing_is_changed),
        T(test_rows_still_in_the_wal_are_read),
        T(test_the_school_never_waits),
        T(test_the_child_refuses_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
