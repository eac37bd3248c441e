/* Rows of a view dealt out to a file a school, read back with our own reader of tables. */

#include "agents/capture/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lth/sheet.h"

#define ORGS_MOST 1700u

static char dir[64];
static char codes[ORGS_MOST][16];
static struct lth_capture_view_org orgs[ORGS_MOST];
static const char *const ORG_COLUMN[] = {"ma_truong"};
static const lth_capture_table TABLE = {0, "", ORG_COLUMN, 1};
static lth_capture_view_request request;
static split self;
static char detail[LTH_DETAIL_MAX];

static int start(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/lth-split-XXXXXX");
    assert_non_null(mkdtemp(dir));
    for (unsigned i = 0; i < ORGS_MOST; i++) {
        (void)snprintf(codes[i], sizeof codes[i], "79%06u", i);
        orgs[i] = (struct lth_capture_view_org){codes[i], false};
    }
    request = (lth_capture_view_request){.source = {.tables = &TABLE, .n_tables = 1},
                                         .dir = dir,
                                         .file_max = 20u << 20,
                                         .orgs = orgs,
                                         .n_orgs = 3};
    detail[0] = '\0';
    assert_int_equal(split_init(&self, &request), LTH_OK);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    char command[128];
    split_fini(&self);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static lth_cell cell(const char *text)
{
    return text != NULL ? (lth_cell){(const uint8_t *)text, (int64_t)strlen(text)}
                        : (lth_cell){NULL, -1};
}

static lth_scan_fault add(const char *a, const char *b, const char *c)
{
    const lth_cell cells[] = {cell(a), cell(b), cell(c)};
    return split_row(&self, cells, 3, detail);
}

static void begin(const char *const *names, uint32_t n)
{
    assert_int_equal(split_columns(&self, names, n, detail), LTH_SCAN_none);
}

static const char *const USUAL[] = {"Họ và tên", "MA_Truong", "Ghi chú"};

static const char *path_of(unsigned school)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%u", dir, school);
    return path;
}

static unsigned files(void)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.' ? 1 : 0;
    (void)closedir(d);
    return n;
}

/* ---- reading back ---- */

/* Row @p number of a file must have these cells; NULL and "" are empty. */
static void expect_row(lth_sheet *sheet, const char *const *texts, uint32_t n)
{
    lth_sheet_row row;
    lth_sheet_fault fault;
    assert_int_equal(lth_sheet_next(sheet, &row, &fault, NULL), LTH_OK);
    assert_true(row.n_cells <= n);
    for (uint32_t i = 0; i < n; i++) {
        const char *text = texts[i] != NULL ? texts[i] : "";
        lth_slice found = i < row.n_cells ? row.cells[i].text : lth_slice_of("", 0);
        assert_int_equal(found.n, strlen(text));
        assert_memory_equal(found.n > 0 ? found.p : (const uint8_t *)"", text, found.n);
    }
}

static lth_sheet *open_sheet(unsigned school)
{
    lth_sheet *sheet = NULL;
    lth_sheet_fault fault;
    lth_diag diag = {0};
    assert_int_equal(lth_sheet_open(&sheet, path_of(school), &fault, &diag), LTH_OK);
    assert_int_equal(lth_sheet_kind_of(sheet), LTH_SHEET_CSV);
    assert_string_equal(lth_sheet_encoding(sheet), "utf-8");
    return sheet;
}

static void close_at_end(lth_sheet **sheet)
{
    lth_sheet_row row;
    lth_sheet_fault fault;
    assert_int_equal(lth_sheet_next(*sheet, &row, &fault, NULL), LTH_E_NOT_FOUND);
    lth_sheet_close(sheet);
}

static void test_awkward_cells(void **state)
{
    (void)state;
    static const char *const names[] = {"sep=;", "ma_truong", "<table>", "a\"b", "PK\x03\x04"};
    static const char *const read_names[] = {"sep=;", "ma_truong", "<table>", "a\"b", "PK  "};
    static char longest[1201];
    static const char *const values[][2] = {
        {"a,b;c\td|e", NULL},
        {"\"", NULL},
        {"\"\"a\"", NULL},
        {"hai\ndòng", NULL},
        {"ba\r\ndòng\n", "ba\ndòng\n"},
        {"=1+2", NULL},
        {"+84", NULL},
        {"@a", NULL},
        {"\xEF\xBB\xBFnhư BOM", NULL},
        {"sep=,", NULL},
        {" đầu và cuối ", NULL},
        {"có\x01\x02ký tự điều khiển\x7F", "có  ký tự điều khiển\x7F"},
        {"0123", NULL},
        {"NULL", NULL},
        {"#N/A", NULL},
        {"𠮷野", NULL},
        {longest, NULL},
    };
    for (size_t i = 0; i < 300; i++)
        memcpy(longest + 4 * i, "\xF0\xA0\xAE\xB7", 4);
    begin(names, 5);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const lth_cell cells[] = {cell(values[i][0]), cell(" 79000000\t"), cell(NULL), cell(""),
                                  cell(values[i][0])};
        assert_int_equal(split_row(&self, cells, 5, detail), LTH_SCAN_none);
    }
    assert_int_equal(split_end(&self, detail), LTH_SCAN_none);
    assert_int_equal(files(), 1);
    lth_sheet *sheet = open_sheet(0);
    expect_row(sheet, read_names, 5);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const char *text = values[i][1] != NULL ? values[i][1] : values[i][0];
        expect_row(sheet, (const char *const[]){text, " 79000000\t", NULL, NULL, text}, 5);
    }
    close_at_end(&sheet);
}

static void expect_file(unsigned school, const char *text)
{
    char found[512];
    FILE *file = fopen(path_of(school), "r");
    assert_non_null(file);
    size_t n = fread(found, 1, sizeof found - 1, file);
    (void)fclose(file);
    found[n] = '\0';
    assert_string_equal(found, text);
}

#define HEADER "\xEF\xBB\xBF\"Họ và tên\",\"MA_Truong\",\"Ghi chú\"\n"

/* NULL and the empty text differ as far as CSV can say so; a school that had rows and has none gets
 * its headers, one that never had any gets nothing. */
static void test_bytes(void **state)
{
    (void)state;
    orgs[1].had = true;
    begin(USUAL, 3);
    assert_int_equal(add(NULL, "79000000", ""), LTH_SCAN_none);
    assert_int_equal(add("A", "79000000", "\"b\""), LTH_SCAN_none);
    assert_int_equal(split_end(&self, detail), LTH_SCAN_none);
    expect_file(0, HEADER ",\"79000000\",\"\"\n\"A\",\"79000000\",\"\"\"b\"\"\"\n");
    expect_file(1, HEADER);
    assert_int_equal(files(), 2);
}

/* ---- what is told ---- */

typedef struct told {
    char org[40];
    uint32_t rows;
    bool served;
} told;

static uint32_t tell(told *out, uint32_t most)
{
    rows found = {0};
    int pipes[2];
    uint32_t n = 0;
    lth_capture_reader reader;
    static lth_capture_message message;
    assert_int_equal(split_tell(&self, &found), LTH_OK);
    assert_int_equal(pipe(pipes), 0);
    (void)fcntl(pipes[1], F_SETPIPE_SZ, 1 << 20);
    assert_int_equal(rows_write(&found, pipes[1]), LTH_OK);
    (void)close(pipes[1]);
    lth_capture_reader_init(&reader);
    for (size_t room;;) {
        uint8_t *p = lth_capture_reader_room(&reader, &room);
        ssize_t got = read(pipes[0], p, room);
        if (got <= 0)
            break;
        lth_capture_reader_put(&reader, (size_t)got);
        while (lth_capture_reader_next(&reader, &message) == LTH_OK && n < most) {
            out[n].rows = message.row;
            out[n].served = message.cells[0].n == 0;
            (void)lth_format(out[n++].org, sizeof out->org, "%.*s", (int)message.org.n,
                             message.org.n > 0 ? (const char *)message.org.p : "");
        }
    }
    lth_capture_reader_fini(&reader);
    (void)close(pipes[0]);
    rows_clear(&found);
    return n;
}

static void test_codes_that_are_not_served(void **state)
{
    (void)state;
    static const char *const strange[] = {"99000001", "99000002", "99000001", "Nguyễn Văn A",
                                          "a b"};
    told found[8];
    begin(USUAL, 3);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(add("x", strange[i], ""), LTH_SCAN_none);
    assert_int_equal(add("x", "79000002", ""), LTH_SCAN_none);
    assert_int_equal(split_end(&self, detail), LTH_SCAN_none);
    assert_int_equal(tell(found, 8), 4);
    assert_string_equal(found[0].org, "79000002");
    assert_true(found[0].served && found[0].rows == 1);
    assert_string_equal(found[1].org, "99000001");
    assert_true(!found[1].served && found[1].rows == 2);
    assert_string_equal(found[2].org, "99000002");
    assert_true(!found[2].served && found[2].rows == 1);
    /* What is no code may be a name: counted, not repeated. */
    assert_string_equal(found[3].org, "");
    assert_true(!found[3].served && found[3].rows == 2);
}

static void test_many_strangers(void **state)
{
    (void)state;
    static told found[SPLIT_STRANGERS_MAX + 2];
    begin(USUAL, 3);
    for (unsigned i = 0; i < SPLIT_STRANGERS_MAX + 10; i++) {
        char code[16];
        (void)snprintf(code, sizeof code, "99%06u", i);
        assert_int_equal(add("x", code, ""), LTH_SCAN_none);
    }
    uint32_t n = tell(found, SPLIT_STRANGERS_MAX + 2);
    assert_int_equal(n, SPLIT_STRANGERS_MAX + 1);
    assert_int_equal(found[n - 1].rows, 10);
    assert_string_equal(found[n - 1].org, "");
}

/* ---- faults ---- */

static void test_rows_without_a_code(void **state)
{
    (void)state;
    static const char *const bad[] = {NULL, "", " ", "\t  "};
    begin(USUAL, 3);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(add("x", bad[i], ""), LTH_SCAN_no_org);
        assert_string_equal(detail, "MA_Truong");
    }
}

static void test_columns(void **state)
{
    (void)state;
    assert_int_equal(split_columns(&self, (const char *const[]){"a", "b"}, 2, detail),
                     LTH_SCAN_missing_column);
    assert_string_equal(detail, "ma_truong");
    assert_int_equal(split_columns(&self, (const char *const[]){"a\xFF", "ma_truong"}, 2, detail),
                     LTH_SCAN_bad_text);
}

static void test_text_that_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\xFF", "a\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE0\x9F\xBF", "\x80"};
    begin(USUAL, 3);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(add(bad[i], "79000001", ""), LTH_SCAN_bad_text);
        assert_string_equal(detail, "79000001: Họ và tên");
    }
}

static void test_limits(void **state)
{
    (void)state;
    static char text[LTH_SHEET_CELL_MAX + 2];
    memset(text, 'a', LTH_SHEET_CELL_MAX);
    begin(USUAL, 3);
    assert_int_equal(add(text, "79000000", ""), LTH_SCAN_none);
    text[LTH_SHEET_CELL_MAX] = 'a';
    assert_int_equal(add(text, "79000000", ""), LTH_SCAN_truncated);
    assert_string_equal(detail, "79000000: Họ và tên");
    text[LTH_SHEET_CELL_MAX] = '\0';
    request.file_max = 1u << 20;
    lth_scan_fault fault = LTH_SCAN_none;
    uint32_t n = 1;
    for (; fault == LTH_SCAN_none; n++)
        fault = add(text, "79000000", "");
    assert_int_equal(fault, LTH_SCAN_too_many_rows);
    assert_string_equal(detail, "79000000: > 1 MiB");
    assert_int_equal(n, (1u << 20) / (LTH_SHEET_CELL_MAX + 17) + 1); /* quotes, code, separators */
}

static void test_too_many_rows_of_one(void **state)
{
    (void)state;
    begin(USUAL, 3);
    for (uint32_t i = 0; i < LTH_SCAN_ROWS_MAX; i++)
        assert_int_equal(add(NULL, "79000001", NULL), LTH_SCAN_none);
    assert_int_equal(add(NULL, "79000001", NULL), LTH_SCAN_too_many_rows);
    assert_string_equal(detail, "79000001: > 200000");
}

/* ---- many schools in any order ---- */

static uint32_t rows_of(unsigned school)
{
    lth_sheet_row row;
    lth_sheet_fault fault;
    uint32_t n = 0;
    lth_sheet *sheet = open_sheet(school);
    expect_row(sheet, USUAL, 3);
    for (; lth_sheet_next(sheet, &row, &fault, NULL) == LTH_OK; n++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%u", n);
        assert_int_equal(row.n_cells, 3);
        assert_true(lth_slice_equal(row.cells[0].text, lth_slice_of(name, strlen(name))));
        assert_true(lth_slice_equal(row.cells[1].text, lth_slice_of(codes[school], 8)));
    }
    lth_sheet_close(&sheet);
    return n;
}

/* Every school is written to in turns, far more than is collected, with few descriptors. */
static void test_very_many_schools(void **state)
{
    (void)state;
    static char remark[1001];
    static told found[ORGS_MOST];
    const uint32_t each = 30;
    const struct rlimit few = {40, 40};
    struct rlimit before;
    memset(remark, 'x', sizeof remark - 1);
    split_fini(&self);
    request.n_orgs = ORGS_MOST;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){few.rlim_cur, before.rlim_max}), 0);
    assert_int_equal(split_init(&self, &request), LTH_OK);
    begin(USUAL, 3);
    size_t most = 0;
    for (uint32_t n = 0; n < each; n++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%u", n);
        for (unsigned i = 0; i < ORGS_MOST; i++) {
            assert_int_equal(add(name, codes[i], remark), LTH_SCAN_none);
            most = self.buffered > most ? self.buffered : most;
        }
    }
    assert_true(self.bytes > SPLIT_BUFFERED_MAX && most >= SPLIT_BUFFERED_MAX / 2);
    assert_true(most <= SPLIT_BUFFERED_MAX + SPLIT_BUFFER_MAX);
    assert_int_equal(split_end(&self, detail), LTH_SCAN_none);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(files(), ORGS_MOST);
    for (unsigned i = 0; i < ORGS_MOST; i += 17)
        assert_int_equal(rows_of(i), each);
    assert_int_equal(tell(found, ORGS_MOST), ORGS_MOST);
    for (unsigned i = 0; i < ORGS_MOST; i++)
        assert_true(found[i].served && found[i].rows == each);
}

/* ---- when it cannot be done ---- */

static void test_undone(void **state)
{
    (void)state;
    static char remark[1001];
    memset(remark, 'x', sizeof remark - 1);
    begin(USUAL, 3);
    for (unsigned i = 0; i < 600; i++)
        assert_int_equal(add("a", codes[i % 3], remark), LTH_SCAN_none);
    assert_int_equal(add("a", "99000001", remark), LTH_SCAN_none);
    assert_int_equal(split_end(&self, detail), LTH_SCAN_none);
    assert_int_equal(files(), 3);
    split_undo(&self);
    assert_int_equal(files(), 0);
    begin(USUAL, 3);
    assert_int_equal(add("b", "79000001", "c"), LTH_SCAN_none);
    assert_int_equal(split_end(&self, detail), LTH_SCAN_none);
    told found[4];
    assert_int_equal(tell(found, 4), 1);
    assert_int_equal(found[0].rows, 1);
    expect_file(1, HEADER "\"b\",\"79000001\",\"c\"\n");
}

static void test_no_directory(void **state)
{
    (void)state;
    split_fini(&self);
    request.dir = "/nonexistent";
    assert_int_equal(split_init(&self, &request), LTH_E_IO);
}

static void test_a_directory_that_goes_away(void **state)
{
    (void)state;
    char command[128];
    begin(USUAL, 3);
    assert_int_equal(add("a", "79000001", ""), LTH_SCAN_none);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(split_end(&self, detail), LTH_SCAN_not_written);
    assert_string_equal(detail, "No such file or directory");
    assert_int_equal(mkdir(dir, 0700), 0);
}

/* As on a disk that is full. */
static void test_a_file_that_cannot_grow(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*usual)(int) = signal(SIGXFSZ, SIG_IGN);
    begin(USUAL, 3);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(add("abcdefghij", "79000002", "x"), LTH_SCAN_none);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){2048, before.rlim_max}), 0);
    lth_scan_fault fault = split_end(&self, detail);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, usual);
    assert_int_equal(fault, LTH_SCAN_not_written);
    assert_string_equal(detail, "File too large");
    split_undo(&self);
    assert_int_equal(files(), 0);
}

/* ---- how it is asked for ---- */

static void test_request(void **state)
{
    (void)state;
    lth_buf out;
    lth_capture_view_request again;
    lth_arena *arena = lth_arena_new(1u << 20);
    const lth_capture_table table = {0, "SELECT * FROM v", ORG_COLUMN, 1};
    request.source = (lth_capture_request){.driver = "SQLite3",
                                           .database = "/a.db",
                                           .dsn = "",
                                           .password = "secret",
                                           .seconds_max = 7,
                                           .tables = &table,
                                           .n_tables = 1};
    orgs[1].had = true;
    lth_buf_init(&out, LTH_CAPTURE_REQUEST_MAX + 4);
    assert_int_equal(lth_capture_view_encode(&out, &request), LTH_OK);
    assert_int_equal(lth_get32(out.p), out.n - 4);
    lth_slice body = lth_slice_of(out.p + 4, out.n - 4);
    assert_int_equal(lth_capture_task_of(body), LTH_CAPTURE_TASK_VIEW);
    assert_int_equal(lth_capture_view_decode(&again, body, arena), LTH_OK);
    assert_string_equal(again.dir, dir);
    assert_int_equal(again.file_max, 20u << 20);
    assert_int_equal(again.n_orgs, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(again.orgs[i].code, codes[i]);
        assert_int_equal(again.orgs[i].had, i == 1);
    }
    assert_string_equal(again.source.password, "secret");
    assert_int_equal(again.source.seconds_max, 7);
    assert_string_equal(again.source.tables[0].query, "SELECT * FROM v");
    assert_string_equal(again.source.tables[0].columns[0], "ma_truong");
    for (size_t n = 0; n < body.n; n++) {
        lth_arena_reset(arena);
        assert_int_equal(lth_capture_view_decode(&again, lth_slice_of(body.p, n), arena),
                         LTH_E_FORMAT);
    }
    /* Codes that do not ascend, and more than one table. */
    lth_buf_clear(&out);
    orgs[2].code = codes[0];
    assert_int_equal(lth_capture_view_encode(&out, &request), LTH_OK);
    assert_int_equal(lth_capture_view_decode(&again, lth_slice_of(out.p + 4, out.n - 4), arena),
                     LTH_E_FORMAT);
    lth_arena_free(&arena);
    lth_buf_fini(&out);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_awkward_cells),
        T(test_bytes),
        T(test_codes_that_are_not_served),
        T(test_many_strangers),
        T(test_rows_without_a_code),
        T(test_columns),
        T(test_text_that_is_none),
        T(test_limits),
        T(test_too_many_rows_of_one),
        T(test_very_many_schools),
        T(test_undone),
        T(test_no_directory),
        T(test_a_directory_that_goes_away),
        T(test_a_file_that_cannot_grow),
        T(test_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
