#include <stdio.h>
#include <stdlib.h>

#include "test_rules_kit.h"

/* test_schema_expr VECTORS: expressions against what a second implementation found
 * (tests/tools/expr_vectors.py), and what is refused. */

static const char *vectors;

static const lth_expr *compile(const char *text)
{
    const lth_expr *out = NULL;
    lth_diag diag = {.text = ""};
    lth_err err = lth_expr_compile(&out, rules_kit_dataset(), text, rules_kit_arena(), &diag);
    if (err != LTH_OK) {
        fail_msg("%s: %s", text, diag.text);
    }
    return out;
}

static char truth_of(const char *text, const char *given)
{
    lth_value values[RULES_KIT_FIELDS];
    rules_kit_values(values, given);
    lth_row_values row = {.ds = rules_kit_dataset(), .values = values, .today = 20260901};
    return "FTN"[lth_expr_truth(compile(text), &row)];
}

static void test_vectors(void **state)
{
    (void)state;
    static char line[8192];
    FILE *in = fopen(vectors, "rb");
    assert_non_null(in);
    unsigned n = 0, wrong = 0;
    while (fgets(line, sizeof line, in) != NULL) {
        char *given = strchr(line, '\t');
        assert_non_null(given);
        *given++ = '\0';
        char *result = strchr(given, '\t');
        assert_non_null(result);
        *result++ = '\0';
        n++;
        if (truth_of(line, given) != result[0]) {
            wrong++;
            print_message("%s with %s is %c, want %c\n", line, given, truth_of(line, given),
                          result[0]);
        }
    }
    (void)fclose(in);
    assert_true(n >= 1000);
    assert_int_equal(wrong, 0);
}

/* By hand, from the sentences of lth/rule.h. */
static void test_meaning(void **state)
{
    (void)state;
    static const struct {
        const char *text, *given;
        char want;
    } rows[] = {
        {"n > 3 and s == 'a'", "n=4\x1fs=a", 'T'},
        {"n > 3 or s == 'a'", "s=b", 'N'},
        {"n > 3 and s == 'a'", "s=b", 'F'},
        {"not n > 3", "", 'N'},
        {"n is null and s is not null", "s=b", 'T'},
        {"d * 2 == 17.0", "d=850", 'T'},
        {"d == 8.5", "d=850", 'T'},
        {"n + 1 > n", "n=9223372036854775807", 'N'},
        {"-n > 0", "n=-9223372036854775808", 'N'},
        {"n > 0.0000000001", "n=9223372036854775807", 'T'},
        {"n < 0.0000000001", "n=-9223372036854775807", 'T'},
        {"n * 0.000000001 * 0.0000000001 == 0", "n=0", 'N'},
        {"t < u", "t=20120000\x1fu=20120101", 'N'},
        {"t < u", "t=20110000\x1fu=20120101", 'T'},
        {"t == t", "t=20120500", 'N'},
        {"age_on(t, u) == 5", "t=20120000\x1fu=20180101", 'N'},
        {"age_on(t, u) == 6", "t=20120500\x1fu=20180901", 'T'},
        {"age_on(t, u) == 0", "t=20120229\x1fu=20130228", 'T'},
        {"age_on(t, u) == 1", "t=20120229\x1fu=20130301", 'T'},
        {"date(2025, 2, 29) is null", "", 'T'},
        {"date(2024, 2, 29) == u", "u=20240229", 'T'},
        {"today == date(2026, 9, 1)", "", 'T'},
        {"length(s) == 3", "s=Đỗ!", 'T'},
        {"part(s, 5, 2) == '14'", "s=001014", 'T'},
        {"part(s, 9, 2) is null", "s=001014", 'T'},
        {"number(part(s, 4, 1)) == 2", "s=079214", 'T'},
        {"number(s) is null", "s=8,5a", 'T'},
        {"number(s) == 8.5", "s=8,50", 'T'},
        {"matches(s, '\\d{12}')", "s=079214000001", 'T'},
        {"matches(s, '\\d{12}')", "s=0792140000011", 'F'},
        {"matches(s, 'it''s')", "s=it's", 'T'},
        {"c in ['a1', 'b2']", "c=b2", 'T'},
        {"n not in [1, -2, 3.0]", "n=-2", 'F'},
        {"n not in [1, -2, 3.0]", "n=3", 'F'},
        {"n between 1 and 3 and not b",
         "n=2\x1f"
         "b=0",
         'T'},
        {"all(l, v <= 10)", "l=a:85;b:100", 'T'},
        {"all(l, v <= 10)", "l=a:85;b:101", 'F'},
        {"all(l, v <= 10)", "l=a:85;b:", 'N'},
        {"all(l, v <= 10)", "", 'T'},
        {"any(l, v <= 10)", "", 'F'},
        {"count(l) == 0", "", 'T'},
        {"count(l, v is null) == 1", "l=a:85;b:", 'T'},
        {"any(l, k == s)", "s=b\x1fl=a:85;b:", 'T'},
        {"any(l, code(w, 'parent') == 'P2')", "l=a:85:a1;b::b2", 'T'},
        {"l is null", "", 'T'},
        {"code(c, 'parent') == 'P1'", "c=a1", 'T'},
        {"code(c, 'parent') == 'P1'", "c=zz", 'N'},
        {"code(c, 'en') == 'Fruit'", "c=c3", 'T'},
        {"code(q, 'vi') == 'Tày'", "q=02", 'T'},
        {"code(q, 'vi') is null", "q=97", 'T'},
        {"n >= 5 and n - 2 * 3 + 1 == 0 or false", "n=5", 'T'},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char found = truth_of(rows[i].text, rows[i].given);
        if (found != rows[i].want) {
            fail_msg("%s with %s is %c, want %c", rows[i].text, rows[i].given, found, rows[i].want);
        }
    }
}

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool match;
    } rows[] = {
        {"a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
        {"[a-c]+x{2}", "abcxx", true},
        {"[a-c]+x{2}", "abcx", false},
        {"x{2,}", "xxxxx", true},
        {"x{0,2}y", "xxxy", false},
        {"x{0,2}y", "y", true},
        {"[^\\d\\s]+", "Đỗ", true},
        {"[^\\d\\s]+", "Đỗ 1", false},
        {"[à-ỹ]+", "ươ", true},
        {"[]-]+", "]-]", true},
        {"[a\\]\\\\]*", "a]\\", true},
        {"\\(\\d\\)", "(1)", true},
        {"..", "ệ", false},
        {".", "ệ", true},
        {"a?b?c?", "ac", true},
        {"", "", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[200], given[200];
        (void)snprintf(text, sizeof text, "matches(s, '%s')", rows[i].pattern);
        (void)snprintf(given, sizeof given, "s=%s", rows[i].text);
        char found = truth_of(text, given);
        if (found != (rows[i].match ? 'T' : 'F')) {
            fail_msg("%s on %s: %c", text, given, found);
        }
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", "column 1: a field, number, 'text' or function is expected here"},
        {"n", "column 1: a condition is expected here, not a number"},
        {"n = 3", "column 3: = is no part of an expression; write == to compare"},
        {"n == 'a'", "column 6: a number is expected here, not text"},
        {"birth == 3", "column 1: field \"birth\" is not in the dataset; text stands in '...'"},
        {"key == 'a' and kez == 'b'",
         "column 16: field \"kez\" is not in the dataset; did you mean \"key\"?"},
        {"n > 3 n < 4", "column 7: \"n\" is too much; join two conditions with and or or"},
        {"s == 'ab", "column 6: the closing ' is missing; write 'text'"},
        {"(n > 3", "column 7: \")\" is expected here"},
        {"s == 'Đỗ' and n == ", "column 20: a field, number, 'text' or function is expected here"},
        {"b < true", "column 1: this value cannot be compared with <"},
        {"l == l", "column 1: this value cannot be compared with =="},
        {"matches(s, s)", "column 12: the pattern must be written out in '...'"},
        {"matches(s, '[a-')", "column 13: the class lacks its ']'; write for example [a-z0-9]"},
        {"matches(s, 'a{3,1}')", "column 14: the count is wrong; write {3}, {1,5} or {2,}"},
        {"matches(s, 'a|b')",
         "column 14: patterns have no ( ) | ^ $ and a count must follow a character; write \\ "
         "before it when it stands for itself"},
        {"code(s, 'vi') == 'a'", "column 6: field \"s\" is not of type code"},
        {"code(c, 'name') == 'a'", "column 9: 'parent', 'vi' or 'en' is expected here"},
        {"code(q, 'parent') == 'a'", "column 9: code list \"peoples\" has no parent list"},
        {"all(l, any(l, v > 1))", "column 12: all, any and count do not nest"},
        {"all(n, n > 1)", "column 5: field \"n\" is not a list"},
        {"age(t, u) > 3",
         "column 1: there is no function \"age\"; allowed: age_on, date, year, month, length, "
         "matches, number, part, code, all, any, count"},
        {"n not 3", "column 7: only in [...] or between may follow not here"},
        {"n in ['a']", "column 7: a number is expected here, not text"},
        {"n > 99999999999999999999", "column 5: a number of more than 18 digits"},
        {"v > 3", "column 1: field \"v\" is not in the dataset; text stands in '...'"},
        {"s == 'Do\xcc\x82'",
         "column 1: the expression must be precomposed Unicode text (UTF-8, NFC)"},
        {"s == '\xff'", "column 1: the expression must be precomposed Unicode text (UTF-8, NFC)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const lth_expr *out = NULL;
        lth_diag diag = {.text = ""};
        lth_err err =
            lth_expr_compile(&out, rules_kit_dataset(), rows[i].text, rules_kit_arena(), &diag);
        assert_int_equal(err, LTH_E_FORMAT);
        assert_null(out);
        assert_string_equal(diag.text, rows[i].want);
    }
}

static lth_err compile_long(const char *first, const char *each, const char *last, unsigned n)
{
    static char text[20000];
    const lth_expr *out = NULL;
    lth_diag diag;
    size_t at = (size_t)snprintf(text, sizeof text, "%s", first);
    for (unsigned i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s", each);
    }
    (void)snprintf(text + at, sizeof text - at, "%s", last);
    lth_err err = lth_expr_compile(&out, rules_kit_dataset(), text, rules_kit_arena(), &diag);
    assert_true(err != LTH_OK || lth_expr_cost(out) <= LTH_EXPR_COST_MAX);
    return err;
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(compile_long("b", " or b", "", 100), LTH_OK);
    assert_int_equal(compile_long("b", " or b", "", 200), LTH_E_LIMIT);
    assert_int_equal(compile_long("", "(", "b", 24), LTH_E_FORMAT); /* never closed */
    assert_int_equal(compile_long("", "(", "b", 25), LTH_E_LIMIT);
    assert_int_equal(compile_long("", "not ", "b", 300), LTH_E_FORMAT); /* one not a condition */
    assert_int_equal(compile_long("n > ", "1 + (", "1", 20), LTH_E_LIMIT);
    assert_int_equal(compile_long("n in [1", ",1", "]", 400), LTH_OK);
    assert_int_equal(compile_long("n in [1", ",1", "]", 600), LTH_E_LIMIT);
    assert_int_equal(compile_long("b", " ", "", 2001), LTH_E_LIMIT);
    assert_int_equal(compile_long("matches(s, '", "a{100}", "')", 2), LTH_OK);
    assert_int_equal(compile_long("matches(s, '", "a{100}", "')", 3), LTH_E_FORMAT);
    assert_int_equal(compile_long("b", " or matches(s, 'a{250}')", "", 3), LTH_E_LIMIT);
}

static void test_reads(void **state)
{
    (void)state;
    lth_dataset *ds = rules_kit_dataset();
    const uint64_t *reads = lth_expr_fields(compile("n > 1 or any(l, v > 1 and b)"));
    assert_int_equal(*reads, 1u << 0 | 1u << 4 | 1u << 7);
    ds->dated_by = 7; /* what code() says depends on the day */
    reads = lth_expr_fields(compile("code(c, 'vi') == 'a'"));
    ds->dated_by = 0;
    assert_int_equal(*reads, 1u << 3 | 1u << 6);
}

static int setup(void **state)
{
    (void)state;
    rules_kit_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rules_kit_close();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),  cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_patterns), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_reads),
    };
    vectors = argc > 1 ? argv[1] : "expr_vectors.txt";
    return cmocka_run_group_tests(tests, setup, teardown);
}
