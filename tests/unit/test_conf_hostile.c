#include <stdlib.h>
#include <string.h>

#include "test_conf_kit.h"

/* Files that no person writes: each must be refused with one error at its place, cheaply. */

#define SIZE ((size_t)200 * 1024)

static char *bytes;

static const char *refused(const char *data, size_t n)
{
    lth_conf *owner = NULL;
    const lth_registry *registry = NULL;
    static lth_conf_errors errors;
    conf_kit_write("orgs.yaml", data, n);
    assert_int_equal(lth_conf_load_orgs(&owner, &registry, conf_kit_path("orgs.yaml"), &errors),
                     LTH_E_CONFIG);
    assert_null(owner);
    const char *first = conf_kit_first(&errors, true);
    lth_conf_errors_fini(&errors);
    return first;
}

static void test_depth(void **state)
{
    (void)state;
    memset(bytes, '[', SIZE);
    assert_string_equal(refused(bytes, SIZE),
                        "orgs.yaml:1:11: nested too deep (at most 10 levels)");
    memset(bytes, '{', SIZE);
    assert_non_null(strstr(refused(bytes, SIZE), "orgs.yaml:1:"));
    for (size_t i = 0; i + 1 < SIZE; i += 2) {
        memcpy(bytes + i, "- ", 2);
    }
    assert_string_equal(refused(bytes, SIZE),
                        "orgs.yaml:1:21: nested too deep (at most 10 levels)");
    for (size_t i = 0; i + 1 < SIZE; i += 2) {
        memcpy(bytes + i, "? ", 2);
    }
    assert_non_null(strstr(refused(bytes, SIZE), "orgs.yaml:1:"));
}

static void test_many(void **state)
{
    (void)state;
    bytes[0] = '[';
    for (size_t i = 1; i + 1 < SIZE; i += 2) {
        memcpy(bytes + i, "a,", 2);
    }
    assert_string_equal(refused(bytes, SIZE), "orgs.yaml:1:4002: too many entries (at most 2000): "
                                              "use a CSV file");
}

static void test_billion_laughs(void **state)
{
    (void)state;
    static const char laughs[] = "a: &a [x, x]\nb: &b [*a, *a]\nversion: 1\n";
    assert_string_equal(refused(laughs, sizeof laughs - 1),
                        "orgs.yaml:1:4: anchors (&) and aliases (*) are not used: write it out");
}

static void test_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t n;
    } rows[] = {
#define ROW(literal) {literal, sizeof(literal) - 1}
        ROW(""),
        ROW("\n\n# nothing\n"),
        ROW("just text"),
        ROW("- a\n- b\n"),
        ROW("version: \xff\n"),
        ROW("version: \"\\0\"\n"),
        ROW("\xff\xfev\0e\0r\0"),
        ROW("%YAML 1.1\n---\nversion: 1\n"),
        ROW("%TAG ! tag:x,2000:\n---\nversion: 1\n"),
        ROW("? [a]\n: b\n"),
        ROW("? \n: b\n"),
        ROW("version: |\n  1\n  2\n"),
        ROW("version: 99999999999999999999\n"),
        ROW("version: -1\n"),
        ROW("version: 1\norgs: *x\n"),
        ROW("version: 1\n\torgs: []\n"),
        ROW("<<: {version: 1}\n"),
#undef ROW
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *first = refused(rows[i].data, rows[i].n);
        if (strncmp(first, "orgs.yaml:", 10) != 0) {
            fail_msg("row %zu: \"%s\"", i, first);
        }
    }
}

static void test_size(void **state)
{
    (void)state;
    size_t n = 1024 * 1024 + 1;
    char *large = malloc(n);
    assert_non_null(large);
    memset(large, '#', n);
    assert_string_equal(refused(large, n), "orgs.yaml: the file is larger than 1 MiB: put long "
                                           "lists into CSV files");
    free(large);
}

static int setup(void **state)
{
    (void)state;
    bytes = malloc(SIZE);
    conf_kit_open();
    return bytes == NULL;
}

static int teardown(void **state)
{
    (void)state;
    free(bytes);
    conf_kit_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depth),          cmocka_unit_test(test_many),
        cmocka_unit_test(test_billion_laughs), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_size),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
