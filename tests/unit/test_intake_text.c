/* What strangers send to the upload page: forms, cookies, addresses, names, codes, times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "agents/intake/text.h"

static lth_form form;

static bool parse(const char *text, char *buffer, size_t size)
{
    size_t n = strlen(text);
    assert_true(n < size);
    memcpy(buffer, text, n);
    return lth_form_parse(&form, buffer, n);
}

static void forms(void **state)
{
    (void)state;
    char b[4000];
    assert_true(parse("code=79000123&pass=m%C6%B0a+to&&csrf=&x", b, sizeof b));
    assert_int_equal(form.n, 4);
    assert_string_equal(lth_form_get(&form, "code"), "79000123");
    assert_string_equal(lth_form_get(&form, "pass"), "mưa to");
    assert_string_equal(lth_form_get(&form, "csrf"), "");
    assert_string_equal(lth_form_get(&form, "x"), "");
    assert_null(lth_form_get(&form, "y"));
    assert_true(parse("", b, sizeof b));
    assert_int_equal(form.n, 0);
    assert_false(parse("a=%0", b, sizeof b));
    assert_false(parse("a=%zz", b, sizeof b));
    assert_false(parse("a=%00", b, sizeof b));
    assert_false(parse("a=%ff", b, sizeof b)); /* not UTF-8 */
    assert_false(parse("a=%c0%80", b, sizeof b));
    char many[2 * (LTH_FORM_FIELDS_MAX + 1) + 1];
    for (size_t i = 0; i <= LTH_FORM_FIELDS_MAX; i++)
        memcpy(many + 2 * i, "a&", 3);
    assert_false(parse(many, b, sizeof b));
}

static void cookies(void **state)
{
    (void)state;
    char out[9];
    assert_true(lth_cookie_get(out, sizeof out, "a=1; lang=en ;b=2", "lang"));
    assert_string_equal(out, "en");
    assert_false(lth_cookie_get(out, sizeof out, "xlang=en", "lang"));
    assert_false(lth_cookie_get(out, sizeof out, "lang=", "lang"));
    assert_false(lth_cookie_get(out, sizeof out, "lang=123456789", "lang"));
    assert_false(lth_cookie_get(out, sizeof out, NULL, "lang"));
    assert_true(lth_bearer_get(out, sizeof out, "bEaReR  ab-._~+"));
    assert_string_equal(out, "ab-._~+");
    assert_false(lth_bearer_get(out, sizeof out, "Bearer 123456789"));
    assert_false(lth_bearer_get(out, sizeof out, "Bearer a b"));
    assert_false(lth_bearer_get(out, sizeof out, "Bearer "));
    assert_false(lth_bearer_get(out, sizeof out, "Bear"));
    assert_false(lth_bearer_get(out, sizeof out, "Basic abc"));
    assert_false(lth_bearer_get(out, sizeof out, NULL));
}

static void addresses(void **state)
{
    (void)state;
    char out[LTH_ADDRESS_SIZE];
    assert_true(lth_forwarded_get(out, "203.0.113.9"));
    assert_string_equal(out, "203.0.113.9");
    assert_true(lth_forwarded_get(out, "6.6.6.6, 203.0.113.9 ")); /* the last is our proxy's */
    assert_string_equal(out, "203.0.113.9");
    assert_true(lth_forwarded_get(out, "2001:DB8:0:0::1"));
    assert_string_equal(out, "2001:db8::1");
    assert_false(lth_forwarded_get(out, "203.0.113.9, unknown"));
    assert_false(lth_forwarded_get(out, "203.0.113.9:80"));
    assert_false(lth_forwarded_get(out, ""));
    assert_false(lth_forwarded_get(out, NULL));
    assert_true(lth_address_in("127.0.0.1", "127.0.0.1 ::1"));
    assert_true(lth_address_in("::1", "127.0.0.1, 0:0::1"));
    assert_false(lth_address_in("127.0.0.2", "127.0.0.1 ::1"));
    assert_false(lth_address_in("?", ""));
    lth_address_group(out, "2001:db8:1:2:3:4:5:6");
    assert_string_equal(out, "2001:db8:1:2::");
    lth_address_group(out, "203.0.113.9");
    assert_string_equal(out, "203.0.113.9");
}

static void codes(void **state)
{
    (void)state;
    char out[LTH_CODE_MAX + 1];
    assert_true(lth_code_clean(out, " 79000123\t"));
    assert_string_equal(out, "79000123");
    static const char *const bad[] = {
        "",     " ",   "..",   ".x", "a/b",
        "a\\b", "a b", "a\nb", "mã", "123456789012345678901234567890123456"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(lth_code_clean(out, bad[i]));
    assert_true(lth_upload_id_ok("20260905T032000Z-0011223344556677.xlsx"));
    static const char *const ids[] = {"", ".in", "-a", "a/b", "a.part", "a.tmp", "a.filepart", "á"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        assert_false(lth_upload_id_ok(ids[i]));
}

static void once(void **state)
{
    (void)state;
    char out[LTH_ONCE_SIZE];
    assert_true(lth_once_clean(out, "abcd efgh-jkmn.PQRS tvwxYZ01 2345-6789"));
    assert_string_equal(out, "ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345-6789");
    assert_true(lth_once_clean(out, "oOiI lL00 0000 0000 0000 0000 0000 0000"));
    assert_string_equal(out, "0011-1100-0000-0000-0000-0000-0000-0000");
    assert_false(lth_once_clean(out, "ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345-678"));
    assert_false(lth_once_clean(out, "ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345-67890"));
    assert_false(lth_once_clean(out, "UBCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345-6789"));
    assert_false(lth_once_clean(out, ""));
}

static void expect_name(const char *given, const char *shown)
{
    char out[LTH_NAME_MAX + 1];
    lth_name_clean(out, given, strlen(given));
    assert_string_equal(out, shown);
}

static void names(void **state)
{
    (void)state;
    expect_name("Danh sách lớp 6.xlsx", "Danh sách lớp 6.xlsx");
    expect_name("../../etc/passwd", "passwd");
    expect_name("C:\\Users\\Văn phòng\\lop6.xlsx", "lop6.xlsx");
    expect_name("a\r\nSet-Cookie: x\x1b[31m", "aSet-Cookie: x[31m");
    expect_name("x\xe2\x80\xae"
                "slx.exe",
                "xslx.exe"); /* turned text direction */
    expect_name("bad\xff\xfename", "badname");
    expect_name("..", "?");
    expect_name("/", "?");
    expect_name("", "?");
    char longer[600], out[LTH_NAME_MAX + 1];
    for (size_t i = 0; i < 300; i++)
        memcpy(longer + 2 * i, "đ", 2);
    lth_name_clean(out, longer, 599);
    assert_int_equal(strlen(out), LTH_NAME_MAX);
    assert_true(lth_utf8_ok(lth_slice_of(out, strlen(out))));
    char line[21];
    assert_true(lth_line_clean(line, 20, "  cô Lan\n(6A1) "));
    assert_string_equal(line, "cô Lan (6A1)");
    assert_false(lth_line_clean(line, 20, " \n "));
    assert_false(lth_line_clean(line, 20, "\x1b[0m"));
    assert_false(lth_line_clean(line, 20, "123456789012345678901"));
}

static void passphrases(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        lth_passphrase judged;
    } cases[] = {
        {"chiều nay trời lại mưa", LTH_PASSPHRASE_OK},
        {"mưa to quá", LTH_PASSPHRASE_OK},
        {"mưa rất to", LTH_PASSPHRASE_OK},
        {"mưa to qu", LTH_PASSPHRASE_SHORT}, /* nine characters, twelve bytes */
        {"1234567890", LTH_PASSPHRASE_COMMON},
        {"Matkhau123", LTH_PASSPHRASE_COMMON},
        {"password12", LTH_PASSPHRASE_COMMON},
        {"aaaaaaaaaaaaaaaa", LTH_PASSPHRASE_COMMON},
        {"x79000123x", LTH_PASSPHRASE_CODE},
        {"tab\tin it, long", LTH_PASSPHRASE_LONG},
        {"not utf-8 \xff\xff", LTH_PASSPHRASE_LONG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(lth_passphrase_judge(cases[i].text, "79000123"), cases[i].judged);
}

static void times(void **state)
{
    (void)state;
    char out[24];
    assert_true(lth_vietnam_time(out, "2026-09-05T03:20:00Z"));
    assert_string_equal(out, "10:20 05/09/2026");
    assert_true(lth_vietnam_time(out, "2026-12-31T20:59:59.123Z"));
    assert_string_equal(out, "03:59 01/01/2027");
    assert_int_equal(lth_iso_seconds("2026-09-05T03:20:00Z"), 1788578400);
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-09-05",
                                      "2026-13-05T03:20:00Z",
                                      "2026-09-05T03:20:00",
                                      "2026-09-05T03:20:00Zx",
                                      "2026-09-05T25:20:00Z"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(lth_vietnam_time(out, bad[i]));
        assert_string_equal(out, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms), cmocka_unit_test(cookies),     cmocka_unit_test(addresses),
        cmocka_unit_test(codes), cmocka_unit_test(once),        cmocka_unit_test(names),
        cmocka_unit_test(times), cmocka_unit_test(passphrases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
