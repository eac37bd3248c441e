/* The pipe between agent and child: both directions, cut anywhere, and the guard of queries. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agents/capture/pipe.h"
#include "lth/diag.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const COLUMNS[] = {"id", "họ tên"};
static const lth_capture_table TABLES[] = {{7, "SELECT 1", COLUMNS, 2},
                                           {63, "SELECT 2", COLUMNS, 1}};
static const lth_capture_request REQUEST = {"SQLite3", "/srv/a.db", "",     "bí mật",
                                            300,       5,           TABLES, 2};

static void test_request(void **state)
{
    (void)state;
    lth_buf bytes;
    lth_buf_init(&bytes, LTH_CAPTURE_REQUEST_MAX);
    assert_int_equal(lth_capture_request_encode(&bytes, &REQUEST), LTH_OK);
    assert_int_equal(lth_get32(bytes.p), bytes.n - 4);
    lth_arena *arena = lth_arena_new(1u << 20);
    lth_capture_request got;
    lth_slice body = lth_slice_of(bytes.p + 4, bytes.n - 4);
    assert_int_equal(lth_capture_request_decode(&got, body, arena), LTH_OK);
    assert_string_equal(got.driver, "SQLite3");
    assert_string_equal(got.database, "/srv/a.db");
    assert_string_equal(got.dsn, "");
    assert_string_equal(got.password, "bí mật");
    assert_int_equal(got.seconds_max, 300);
    assert_int_equal(got.rows_max, 5);
    assert_int_equal(got.n_tables, 2);
    assert_int_equal(got.tables[0].number, 7);
    assert_string_equal(got.tables[0].columns[1], "họ tên");
    assert_int_equal(got.tables[1].number, 63);
    assert_string_equal(got.tables[1].query, "SELECT 2");
    for (size_t n = 0; n < body.n; n++) /* Every shorter form, and a longer one. */
        assert_int_equal(lth_capture_request_decode(&got, lth_slice_of(body.p, n), arena),
                         LTH_E_FORMAT);
    assert_int_equal(lth_buf_add(&bytes, "", 1), LTH_OK);
    body = lth_slice_of(bytes.p + 4, bytes.n - 4);
    assert_int_equal(lth_capture_request_decode(&got, body, arena), LTH_E_FORMAT);
    lth_arena_free(&arena);
    lth_buf_fini(&bytes);
}

static void test_request_limits(void **state)
{
    (void)state;
    lth_buf bytes;
    lth_buf_init(&bytes, 2 * LTH_CAPTURE_REQUEST_MAX);
    char *query = calloc(1, LTH_CAPTURE_REQUEST_MAX + 1);
    memset(query, 'x', LTH_CAPTURE_REQUEST_MAX);
    lth_capture_table table = {0, query, COLUMNS, 1};
    lth_capture_request request = REQUEST;
    request.tables = &table;
    request.n_tables = 1;
    assert_int_equal(lth_capture_request_encode(&bytes, &request), LTH_E_LIMIT);
    request.n_tables = LTH_CAPTURE_TABLES_MAX + 1;
    lth_capture_table many[LTH_CAPTURE_TABLES_MAX + 1];
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = TABLES[0];
    request.tables = many;
    assert_int_equal(lth_capture_request_encode(&bytes, &request), LTH_E_LIMIT);
    free(query);
    lth_buf_fini(&bytes);
}

/* A row, the end of its table and the end, as the child writes them. */
static size_t stream(uint8_t out[512])
{
    const lth_cell cells[] = {
        {(const uint8_t *)"9990000001", 10}, {NULL, -1}, {(const uint8_t *)"", 0}};
    const lth_capture_row_head head = {4, 17, lth_slice_of("79000001", 8)};
    size_t n = lth_capture_row_size(&head, cells, 3);
    lth_capture_row_encode(out, &head, cells, 3);
    n += lth_capture_table_end_encode(
        out + n, &(lth_capture_table_end){4, LTH_SCAN_missing_column, true, "họ tên", "name"});
    return n + lth_capture_end_encode(out + n);
}

static void test_messages_cut_anywhere(void **state)
{
    (void)state;
    static lth_capture_message m;
    uint8_t bytes[512];
    size_t n = stream(bytes);
    for (size_t piece = 1; piece <= n; piece++) {
        lth_capture_reader reader;
        lth_capture_reader_init(&reader);
        int seen = 0;
        for (size_t at = 0; at < n; at += piece) {
            size_t room, size = at + piece > n ? n - at : piece;
            uint8_t *p = lth_capture_reader_room(&reader, &room);
            assert_true(p != NULL && room >= size);
            memcpy(p, bytes + at, size);
            lth_capture_reader_put(&reader, size);
            lth_err err;
            while ((err = lth_capture_reader_next(&reader, &m)) == LTH_OK) {
                seen++;
                assert_int_equal(m.kind, seen);
                if (seen == 1) {
                    assert_int_equal(m.table, 4);
                    assert_int_equal(m.row, 17);
                    assert_int_equal(m.org.n, 8);
                    assert_memory_equal(m.org.p, "79000001", 8);
                    assert_int_equal(m.n_cells, 3);
                    assert_int_equal(m.cells[0].n, 10);
                    assert_memory_equal(m.cells[0].p, "9990000001", 10);
                    assert_int_equal(m.cells[1].n, -1);
                    assert_int_equal(m.cells[2].n, 0);
                } else if (seen == 2) {
                    assert_int_equal(m.fault, LTH_SCAN_missing_column);
                    assert_string_equal(m.detail, "họ tên");
                    assert_string_equal(m.detail_en, "name");
                    assert_true(m.correction);
                }
            }
            assert_int_equal(err, LTH_E_AGAIN);
        }
        assert_int_equal(seen, 3);
        lth_capture_reader_fini(&reader);
    }
}

static void test_long_detail_is_cut_at_a_character(void **state)
{
    (void)state;
    static lth_capture_message m;
    char detail[3 * LTH_DETAIL_MAX + 1] = "";
    for (size_t i = 0; i + 3 < sizeof detail; i += 3)
        memcpy(detail + i, "ệ", 4);
    uint8_t bytes[LTH_CAPTURE_END_BYTES_MAX];
    size_t n = lth_capture_table_end_encode(bytes, &(lth_capture_table_end){.detail = detail});
    assert_true(n <= sizeof bytes);
    assert_int_equal(lth_capture_message_decode(&m, lth_slice_of(bytes + 4, n - 4)), LTH_OK);
    assert_int_equal(strlen(m.detail) % 3, 0);
    assert_true(strlen(m.detail) > LTH_DETAIL_MAX - 4);
}

static size_t headers_bytes(uint8_t out[LTH_CAPTURE_HEADERS_BYTES_MAX])
{
    static const lth_header headers[] = {
        {6, {(const uint8_t *)"Ngày, tháng, năm sinh", 24}}, {0, {NULL, 0}}, {512, {NULL, 0}}};
    return lth_capture_headers_encode(out, 63, headers, 3);
}

static void test_headers(void **state)
{
    (void)state;
    static lth_capture_message m;
    static uint8_t bytes[LTH_CAPTURE_HEADERS_BYTES_MAX];
    size_t n = headers_bytes(bytes) - 4;
    assert_int_equal(lth_get32(bytes), n);
    assert_int_equal(lth_capture_message_decode(&m, lth_slice_of(bytes + 4, n)), LTH_OK);
    assert_int_equal(m.kind, LTH_CAPTURE_HEADERS);
    assert_int_equal(m.table, 63);
    assert_int_equal(m.n_headers, 3);
    assert_int_equal(m.headers[0].at, 6);
    assert_true(lth_slice_equal(m.headers[0].text, lth_slice_of("Ngày, tháng, năm sinh", 24)));
    assert_int_equal(m.headers[1].at, 0);
    assert_int_equal(m.headers[2].at, 512);
    assert_int_equal(m.headers[2].text.n, 0);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(lth_capture_message_decode(&m, lth_slice_of(bytes + 4, cut)),
                         LTH_E_FORMAT);
    lth_put16(bytes + 6, LTH_CAPTURE_COLUMNS_MAX + 1);
    assert_int_equal(lth_capture_message_decode(&m, lth_slice_of(bytes + 4, n)), LTH_E_FORMAT);
}

/* One header of one column, as a child that lies would write it. */
static lth_err header_of(const void *text, size_t n)
{
    static lth_capture_message m;
    uint8_t bytes[8 + UINT8_MAX] = {LTH_CAPTURE_HEADERS, 0, 0, 1, 0, 1, (uint8_t)n};
    memcpy(bytes + 7, text, n);
    return lth_capture_message_decode(&m, lth_slice_of(bytes, 7 + n));
}

static void test_headers_are_lines_of_text(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "A", "Ngày sinh", "€", "\xF0\x9F\x8E\x93", "\xC2\xA0", "\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {"\x01",
                                      "a\nb",
                                      "\t",
                                      "\x7F",
                                      "\x80",
                                      "\xC3",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x80\x80",
                                      "\xED\xA0\x80",
                                      "\xF4\x90\x80\x80",
                                      "\xF8\x88\x80\x80\x80",
                                      "\xE1\xBB",
                                      "a\xFF",
                                      "\xC2\x85"};
    uint8_t many[UINT8_MAX];
    for (size_t i = 0; i < COUNT(good); i++)
        assert_int_equal(header_of(good[i], strlen(good[i])), LTH_OK);
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (header_of(bad[i], strlen(bad[i])) != LTH_E_FORMAT)
            fail_msg("case %zu", i);
    }
    memset(many, 'x', sizeof many);
    assert_int_equal(header_of(many, LTH_HEADER_MAX), LTH_OK);
    assert_int_equal(header_of(many, LTH_HEADER_MAX + 1), LTH_E_FORMAT);
    assert_int_equal(header_of("", 1), LTH_E_FORMAT);
}

static void test_letters(void **state)
{
    (void)state;
    static const struct {
        uint32_t at;
        const char *letters;
    } cases[] = {{0, ""},    {1, "A"},    {6, "F"},    {26, "Z"},    {27, "AA"},    {52, "AZ"},
                 {53, "BA"}, {512, "SR"}, {702, "ZZ"}, {703, "AAA"}, {16384, "XFD"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char letters[4];
        lth_capture_letters(letters, cases[i].at);
        assert_string_equal(letters, cases[i].letters);
    }
}

static void test_nonsense(void **state)
{
    (void)state;
    static lth_capture_message m;
    uint8_t bytes[512];
    size_t n = stream(bytes), row = 4 + lth_get32(bytes);
    for (size_t cut = 0; cut < row - 4; cut++)
        assert_int_equal(lth_capture_message_decode(&m, lth_slice_of(bytes + 4, cut)),
                         LTH_E_FORMAT);
    uint8_t *end = bytes + row;
    size_t end_n = lth_get32(end);
    assert_true(row + 4 + end_n < n);
    end[6] = 99; /* A fault that nobody knows. */
    assert_int_equal(lth_capture_message_decode(&m, lth_slice_of(end + 4, end_n)), LTH_E_FORMAT);
    const uint8_t kinds[] = {0, 5, 255};
    for (size_t i = 0; i < COUNT(kinds); i++)
        assert_int_equal(lth_capture_message_decode(&m, lth_slice_of(&kinds[i], 1)), LTH_E_FORMAT);
    lth_capture_reader reader;
    lth_capture_reader_init(&reader);
    size_t room;
    uint8_t *p = lth_capture_reader_room(&reader, &room);
    lth_put32(p, LTH_CAPTURE_MESSAGE_MAX + 1);
    lth_capture_reader_put(&reader, 4);
    assert_int_equal(lth_capture_reader_next(&reader, &m), LTH_E_FORMAT);
    lth_capture_reader_fini(&reader);
}

static void test_guard(void **state)
{
    (void)state;
    static const struct {
        const char *query, *why; /* NULL: allowed. */
    } cases[] = {
        {"SELECT id FROM t", NULL},
        {"  -- ghi chú\n /* và nữa */ select id from t ; \n", NULL},
        {"WITH x AS (SELECT 1) SELECT * FROM x", NULL},
        {"SELECT 'a;b', \"delete\", [update], `into` FROM t -- ; delete", NULL},
        {"SELECT deleted, update_time, \"x;\" FROM t", NULL},
        {"SELECT 'it''s; delete' FROM t", NULL},
        {"", "SELECT"},
        {"SELECTED", "SELECT"},
        {"DELETE FROM t", "SELECT"},
        {"/* SELECT */ DROP TABLE t", "SELECT"},
        {"SELECT 1; DROP TABLE t", ";"},
        {"SELECT 1;;", ";"},
        {"WITH x AS (SELECT 1) DELETE FROM t", "DELETE"},
        {"WITH x AS (SELECT 1) insert into t SELECT 1", "INSERT"},
        {"SELECT * INTO u FROM t", "INTO"},
        {"SELECT * FROM t FOR UPDATE", "UPDATE"},
        {"SELECT 'open", NULL}, /* A syntax error of its own: harmless. */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *why = NULL;
        bool good = lth_capture_query_ok(cases[i].query, &why);
        if (good != (cases[i].why == NULL))
            fail_msg("%s", cases[i].query);
        if (!good)
            assert_string_equal(why, cases[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_request_limits),
        cmocka_unit_test(test_messages_cut_anywhere),
        cmocka_unit_test(test_long_detail_is_cut_at_a_character),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_headers_are_lines_of_text),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_guard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
