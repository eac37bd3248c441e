#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "lth/conf.h"

/* test_conf_docs FILE: docs/config.md is what the tables say.
 * test_conf_docs FILE --write: write it anew. */

static const char *path;

static void read_docs(lth_buf *out)
{
    lth_buf_init(out, 1024 * 1024);
    assert_int_equal(lth_conf_docs(out), LTH_OK);
}

static void test_same(void **state)
{
    (void)state;
    lth_buf docs;
    read_docs(&docs);
    char *kept = malloc(docs.n + 2);
    FILE *in = fopen(path, "rb");
    assert_non_null(kept);
    assert_non_null(in);
    size_t n = fread(kept, 1, docs.n + 2, in);
    (void)fclose(in);
    if (n != docs.n || memcmp(kept, docs.p, n) != 0) {
        fail_msg("%s differs from the tables: run this test with --write", path);
    }
    free(kept);
    lth_buf_fini(&docs);
}

static void test_says(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "| `limits.keep_days` | số · number | `35` | 35–3650 |",
        "| `schools[].tables[].every` | thời gian · duration | `30s` | 1s–24h |",
        "| `fields.NAME.items.NAME.type` |",
        "| `routes[].purpose` | chữ · text | **bắt buộc · required** |",
        "| `rules[].check` | chữ · text | **bắt buộc · required** | ≤ 2000 |",
        "| `valid` |  | chưa hỗ trợ · not yet |",
    };
    lth_buf docs;
    read_docs(&docs);
    assert_int_equal(lth_buf_add(&docs, "", 1), LTH_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strstr((const char *)docs.p, rows[i]) == NULL) {
            fail_msg("no row %s", rows[i]);
        }
    }
    lth_buf_fini(&docs);
}

static int write_docs(void)
{
    lth_buf docs;
    lth_buf_init(&docs, 1024 * 1024);
    FILE *out = fopen(path, "wb");
    bool good =
        out != NULL && lth_conf_docs(&docs) == LTH_OK && fwrite(docs.p, 1, docs.n, out) == docs.n;
    good = out != NULL && fclose(out) == 0 && good;
    lth_buf_fini(&docs);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same), cmocka_unit_test(test_says)};
    path = argc > 1 ? argv[1] : "docs/config.md";
    if (argc > 2 && strcmp(argv[2], "--write") == 0) {
        return write_docs();
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
