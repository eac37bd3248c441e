#include "test_schema_kit.h"

static lth_arena *arena;

typedef struct row {
    const char *field, *as, *in;
    const char *out; /* Text form; NULL: bad_value; "": NULL value. */
} row;

static void expect(const row *r)
{
    lth_value value;
    lth_refusal code = lth_value_parse(&value, kit_field(r->field), KIT_TEXT(r->in), r->as, arena);
    if (r->out == NULL) {
        if (code != LTH_REFUSE_bad_value || value.kind != LTH_VALUE_NULL) {
            fail_msg("%s \"%s\": taken", r->field, r->in);
        }
        return;
    }
    lth_buf text;
    lth_buf_init(&text, 4096);
    assert_int_equal(lth_value_text(&text, kit_field(r->field), &value), LTH_OK);
    if (code != LTH_REFUSE_none || text.n != strlen(r->out) ||
        (text.n > 0 && memcmp(text.p, r->out, text.n) != 0) ||
        (value.kind == LTH_VALUE_NULL) != (r->out[0] == '\0')) {
        fail_msg("%s \"%s\": %s \"%.*s\"", r->field, r->in, lth_refusal_name(code), (int)text.n,
                 text.n > 0 ? (const char *)text.p : "");
    }
    lth_buf_fini(&text);
}

/* What is written in a cell, and what it says: NULL = it says nothing that may stand there. */
static const row ROWS[] = {
    {"name", NULL, "  Lan \t\r\n", "Lan"},
    {"name", NULL, "", ""},
    {"name", NULL, " \xc2\xa0\xef\xbb\xbf ", ""},
    {"name", NULL, "a\r\nb\rc", "a\nb\nc"},
    {"name", NULL, "Nguye\xcc\x82\xcc\x83n", "Nguyễn"}, /* e, circumflex, tilde */
    {"name", NULL, "12345678901", NULL},
    {"name", NULL, "a\x02", NULL},
    {"name", NULL, "\xff", NULL},
    {"name", "date_vn", "Lan", NULL},
    {"count", NULL, "0", "0"},
    {"count", NULL, "+7", "7"},
    {"count", NULL, "007", "7"},
    {"count", NULL, "12.00", "12"},
    {"count", NULL, "12.5", NULL},
    {"count", NULL, "101", NULL},
    {"count", NULL, "-1", NULL},
    {"count", NULL, "-", NULL},
    {"count", NULL, "1e2", NULL},
    {"count", NULL, "1 2", NULL},
    {"count", NULL, "99999999999999999999", NULL},
    {"mark", NULL, "8.5", "8.50"},
    {"mark", NULL, "8,5", "8.50"},
    {"mark", NULL, "-0.05", "-0.05"},
    {"mark", NULL, "8", "8.00"},
    {"mark", NULL, "99.99", "99.99"},
    {"mark", NULL, "100", NULL},
    {"mark", NULL, "8.555", NULL},
    {"mark", NULL, "8.550", "8.55"},
    {"mark", NULL, ".5", NULL},
    {"mark", NULL, "8.", NULL},
    {"mark", NULL, "8.5.1", NULL},
    {"yes", NULL, "1", "true"},
    {"yes", NULL, "X", "true"},
    {"yes", NULL, "FALSE", "false"},
    {"yes", NULL, "Có", NULL},
    {"yes", NULL, "2", NULL},
    {"yes", "bool_vn", "CÓ", "true"},
    {"yes", "bool_vn", "kho\xcc\x82ng", "false"},
    {"yes", "bool_vn", "X", "true"},
    {"yes", "bool_vn", "1", NULL},
    {"yes", "date_vn", "1", NULL},
    {"born", NULL, "2014-05-03", "2014-05-03"},
    {"born", NULL, "2014-05", "2014-05"},
    {"born", NULL, "2014", "2014"},
    {"born", NULL, "2014-05-03 00:00:00", "2014-05-03"},
    {"born", NULL, "2014-05-03T00:00:00.000", "2014-05-03"},
    {"born", NULL, "2014-05-03 17:00:00", NULL},
    {"born", NULL, "2014-5-3", NULL},
    {"born", NULL, "2014-02-29", NULL},
    {"born", NULL, "2016-02-29", "2016-02-29"},
    {"born", NULL, "1900-02-29", NULL},
    {"born", NULL, "2000-02-29", "2000-02-29"},
    {"born", NULL, "2014-13-01", NULL},
    {"born", NULL, "2014-00-01", NULL},
    {"born", NULL, "3/5/2014", NULL},
    {"born", NULL, "41762", NULL}, /* a serial number of a spreadsheet */
    {"born", "date_vn", "3/5/2014", "2014-05-03"},
    {"born", "date_vn", "03-05-2014", "2014-05-03"},
    {"born", "date_vn", "5/2014", "2014-05"},
    {"born", "date_vn", "2014", "2014"},
    {"born", "date_vn", "31/4/2014", NULL},
    {"born", "date_vn", "3/5/14", NULL},
    {"born", "date_vn", "0/5/2014", NULL},
    {"born", "date_vn", "3/5/2014/1", NULL},
    {"born", "date_compact", "20140503", "2014-05-03"},
    {"born", "date_compact", "20140500", "2014-05"},
    {"born", "date_compact", "2014", "2014"},
    {"born", "date_compact", "2014050", NULL},
    {"born", "date_vn", "20000", "1954-10-03"},
    {"born", "date_vn", "25569", "1970-01-01"},
    {"born", "date_vn", "36526", "2000-01-01"},
    {"born", "date_vn", "36585", "2000-02-29"},
    {"born", "date_vn", "36586", "2000-03-01"},
    {"born", "date_vn", "41762", "2014-05-03"},
    {"born", "date_vn", "45658", "2025-01-01"},
    {"born", "date_vn", "60000", "2064-04-08"},
    {"born", "date_vn", "41762.75", "2014-05-03"},
    {"born", "date_vn", "19999", NULL},
    {"born", "date_vn", "60001", NULL},
    {"born", "date_vn", "41762.", NULL},
    {"born", "date_vn", "041762", NULL},
    {"born", "date_vn", "2014-05-03", "2014-05-03"},
    {"born", "date_vn", "2014-05", "2014-05"},
    {"born", "date_vn", "3.5.2014", "2014-05-03"},
    {"born", "date_vn", "3/5/2014 07:30", "2014-05-03"},
    {"born", "date_vn", "2014-05-03 17:00:00", "2014-05-03"},
    {"born", "date_vn", "2014-05-02T17:00:00.000Z", "2014-05-03"}, /* midnight in Vietnam */
    {"born", "date_vn", "2014-12-31T17:00:00Z", "2015-01-01"},
    {"born", "date_vn", "2016-02-28T17:00:00Z", "2016-02-29"},
    {"born", "date_vn", "2014-05-03T16:59:59Z", "2014-05-03"},
    {"born", "date_vn", "2014-05-03T00:00:00+07:00", "2014-05-03"},
    {"born", "date_vn", "2014-05-03T00:00:00+09:00", NULL},
    {"born", "date_vn", "2014-05-03 25:00", NULL},
    {"born", "date_vn", "2014-05 10:00", NULL},
    {"born", "date_vn", "3/5/2014 ", "2014-05-03"},
    {"name", "digits", "123", "0000000123"},
    {"name", "digits", "1234567890", "1234567890"},
    {"name", "digits", "12a", "12a"},
    {"name", "digits", "", ""},
    {"count", "digits", "12", NULL},
    {"count", "grade", "Lớp 6A1", "6"},
    {"count", "grade", "Khối 12", "12"},
    {"count", "grade", "6", "6"},
    {"count", "grade", "Mầm", NULL},
    {"count", "grade", "Lớp 101", NULL},
    {"name", NULL, "Tr&#7847;n", "Trần"},
    {"name", NULL, "&#x110;&#x1ED7;", "Đỗ"},
    {"name", NULL, "&Agrave; &dstrok;&abreve;", "À đă"},
    {"name", NULL, "&nbsp;L&amp;amp;&nbsp;", "L&amp;"}, /* once, not twice */
    {"name", NULL, "A & B;", "A & B;"},
    {"name", NULL, "&nosuch;", "&nosuch;"},
    {"name", NULL, "&#0;&#1;", "&#0;&#1;"},
    {"name", NULL, "&#xD800;", "&#xD800;"},
    {"name", NULL, "&#999;&", "ϧ&"},
    {"name", NULL, "e&#770;&#771;", "ễ"},
    {"born", "no_such", "2014", NULL},
    {"day", NULL, "2014-05", NULL}, /* a field that wants the day */
    {"day", NULL, "2014-05-03", "2014-05-03"},
    {"parts", NULL, "A", NULL},
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        expect(&ROWS[i]);
    }
}

/* A letter under many marks: up to 31 are taken, more are not. */
static void test_marks(void **state)
{
    (void)state;
    static const lth_field text = {.name = "t", .type = LTH_TYPE_TEXT, .max = 1000};
    char in[128] = "q";
    for (size_t n = 1; n <= 40; n++) {
        memcpy(in + 1 + 2 * (n - 1), "\xcc\x80", 3);
        lth_value value;
        lth_refusal code = lth_value_parse(&value, &text, KIT_TEXT(in), NULL, arena);
        assert_int_equal(code, n <= 31 ? LTH_REFUSE_none : LTH_REFUSE_bad_value);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(lth_type_name(LTH_TYPE_DECIMAL), "decimal");
    assert_string_equal(lth_type_name((lth_type)99), "unknown");
    lth_type type = LTH_TYPE_TEXT;
    assert_string_equal(lth_as_name(0, &type), "date_vn");
    assert_int_equal(type, LTH_TYPE_DATE);
    assert_string_equal(lth_as_name(4, &type), "grade");
    assert_int_equal(type, LTH_TYPE_INTEGER);
    assert_null(lth_as_name(5, &type));
}

static int setup(void **state)
{
    (void)state;
    arena = lth_arena_new((size_t)8 * 1024 * 1024);
    return arena == NULL;
}

static int teardown(void **state)
{
    (void)state;
    lth_arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
