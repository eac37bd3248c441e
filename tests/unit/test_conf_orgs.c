#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_conf_kit.h"

#define SCHOOLS 54000u

static const char WITH_CSV[] = "version: 1\ncsv: list.csv\n";
static const char HEADER[] = "id,code,name,kind,from,to,parents,carries\n";

static const lth_registry *load(lth_conf **owner, const char *csv, size_t n,
                                lth_conf_errors *errors)
{
    const lth_registry *out = NULL;
    conf_kit_write("orgs.yaml", WITH_CSV, sizeof WITH_CSV - 1);
    conf_kit_write("list.csv", csv, n);
    (void)!lth_conf_load_orgs(owner, &out, conf_kit_path("orgs.yaml"), errors);
    return out;
}

static void test_long_list(void **state)
{
    (void)state;
    size_t size = (size_t)SCHOOLS * 160 + 4096;
    char *csv = malloc(size);
    assert_non_null(csv);
    size_t n = lth_format(csv, size, "%s%s", HEADER,
                          "ffffffffffffffffffffffffffffffff,top,\"Sở \"\"một\"\"\",province,,,,\n");
    /* Ids in no order, codes in no order: both indexes must be sorted. */
    for (uint32_t i = 0; i < SCHOOLS; i++) {
        uint32_t mixed = i * 2654435761u;
        n += (size_t)snprintf(csv + n, size - n,
                              "%08x%08x%08x%08x,s%05u,\"Trường số %u, cơ sở 1\",school,2005-09-05,,"
                              "ffffffffffffffffffffffffffffffff professional 2010-01-01,\n",
                              mixed, i, i, i, (i * 7919u) % SCHOOLS, i);
    }
    lth_conf *owner = NULL;
    lth_conf_errors errors = {.n = 0};
    const lth_registry *r = load(&owner, csv, n, &errors);
    assert_string_equal(conf_kit_first(&errors, true), "");
    assert_non_null(r);
    assert_int_equal(r->n_orgs, SCHOOLS + 1);
    for (uint32_t i = 1; i < r->n_orgs; i++) {
        assert_true(lth_id_compare(&r->orgs[i - 1].id, &r->orgs[i].id) < 0);
        assert_true(strcmp(r->orgs[r->by_code[i - 1]].code, r->orgs[r->by_code[i]].code) < 0);
    }
    const lth_org *school = lth_registry_find_code(r, "s00000");
    assert_string_equal(school->name, "Trường số 0, cơ sở 1");
    assert_int_equal(school->from_day, 20050905);
    assert_string_equal(lth_registry_path_parent(r, school, 20100101)->name, "Sở \"một\"");
    assert_null(lth_registry_path_parent(r, school, 20091231));
    lth_conf_free(&owner);
    free(csv);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *csv, *first;
    } rows[] = {
        {"", "orgs.yaml: danh bạ không có đơn vị nào: viết orgs hoặc csv"},
        {"id,code,name\n", "list.csv:1:1: thiếu cột \"kind\" ở dòng tiêu đề"},
        {"id,code,nmae,kind,name\n",
         "list.csv:1:9: cột \"nmae\" không có trong danh sách đơn vị; ý bạn là \"name\"?"},
        {"id,code,name,kind,code\n", "list.csv:1:19: cột \"code\" viết hai lần"},
        {"id,code,name,kind\n01,A,Name,kind\n",
         "list.csv:2:1: \"01\" không phải org_id (32 chữ số hệ 16)"},
        {"id,code,name,kind\n01000000000000000000000000000000,A,Name\n",
         "list.csv:2:1: dòng có 3 ô, dòng tiêu đề có 4"},
        {"id,code,name,kind\n01000000000000000000000000000000,Đ,Name,kind\n",
         "list.csv:2:34: mã đơn vị \"Đ\" sai (chữ, số, '.', '_', '-'; nhiều nhất 35)"},
        {"id,code,name,kind\r\n01000000000000000000000000000000,A,\"Đ\r\nB\",Kind\r\n",
         "list.csv:3:4: kind chỉ gồm chữ thường a-z, chữ số và '_'"},
        {"id,code,name,kind\n01000000000000000000000000000000,A,\"Name,kind\n",
         "list.csv:2:36: thiếu dấu ngoặc kép đóng"},
        {"id,code,name,kind\n01000000000000000000000000000000,A,\"N\"ame,kind\n",
         "list.csv:2:39: sau dấu ngoặc kép đóng phải là dấu phẩy hoặc hết dòng"},
        {"id,code,name,kind\n01000000000000000000000000000000,A,N\"ame\",kind\n",
         "list.csv:2:37: dấu ngoặc kép giữa ô: đặt cả ô trong ngoặc kép và viết đôi dấu bên trong"},
        {"id,code,name,kind\rx", "list.csv:1:19: ký tự xuống dòng CR đứng một mình"},
        {"id,code,name,kind,from\n01000000000000000000000000000000,A,Name,kind,1/7/2025\n",
         "list.csv:2:46: \"1/7/2025\" không phải ngày có thật, dạng 2025-07-01"},
        {"id,code,name,kind,parents\n01000000000000000000000000000000,A,Name,kind,02 adm\n",
         "list.csv:2:46: cấp trên phải viết \"ID LOẠI [TỪ [ĐẾN]]\", LOẠI là administrative hoặc "
         "professional, ngày mở viết \"-\""},
        {"id,code,name,kind\n\n01000000000000000000000000000000,A,Name,kind\n\n"
         "02000000000000000000000000000000,A,Name,kind\n",
         "list.csv:5:1: đơn vị \"A\": mã trùng với đơn vị ở dòng 3"},
        {"id,code,name,kind,carries\n01000000000000000000000000000000,A,Name,kind,"
         "01000000000000000000000000000000; 02000000000000000000000000000000\n",
         "list.csv:2:1: đơn vị \"A\": carries: không có đơn vị nào mang org_id "
         "02000000000000000000000000000000"},
    };
    uint32_t wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lth_conf *owner = NULL;
        lth_conf_errors errors = {.n = 0};
        const lth_registry *r = load(&owner, rows[i].csv, strlen(rows[i].csv), &errors);
        const char *first = conf_kit_first(&errors, false);
        if (r != NULL || strcmp(first, rows[i].first) != 0) {
            print_error("row %zu\n got: %s\nwant: %s\n", i, first, rows[i].first);
            wrong++;
        }
        lth_conf_errors_fini(&errors);
    }
    assert_int_equal(wrong, 0);
}

static void test_forms(void **state)
{
    (void)state;
    /* BOM, CR LF, any order of columns, no line end at the end, open days. */
    static const char csv[] = "\xef\xbb\xbfname,kind,code,id,parents\r\n"
                              "Bộ,ministry,M,01000000000000000000000000000000,\r\n"
                              "\"Trường\",school,S,02000000000000000000000000000000,"
                              "01000000000000000000000000000000 administrative - 2025-06-30 ; "
                              "01000000000000000000000000000000 professional 2025-07-01";
    lth_conf *owner = NULL;
    lth_conf_errors errors = {.n = 0};
    const lth_registry *r = load(&owner, csv, sizeof csv - 1, &errors);
    assert_string_equal(conf_kit_first(&errors, true), "");
    const lth_org *school = lth_registry_find_code(r, "S");
    assert_int_equal(school->n_parents, 2);
    assert_int_equal(school->parents[0].from_day, 0);
    assert_int_equal(school->parents[0].to_day, 20250630);
    assert_int_equal(school->parents[1].type, LTH_PARENT_PROFESSIONAL);
    assert_int_equal(school->parents[1].to_day, 0);
    lth_conf_free(&owner);
}

static void test_endless_line(void **state)
{
    (void)state;
    size_t n = 200 * 1024;
    char *csv = malloc(n);
    assert_non_null(csv);
    memset(csv, 'a', n);
    lth_conf *owner = NULL;
    lth_conf_errors errors = {.n = 0};
    assert_null(load(&owner, csv, n, &errors));
    assert_int_equal(errors.n, 1);
    lth_conf_errors_fini(&errors);
    memset(csv, ',', n);
    assert_null(load(&owner, csv, n, &errors));
    assert_int_equal(errors.n, 1);
    lth_conf_errors_fini(&errors);
    free(csv);
}

static int setup(void **state)
{
    (void)state;
    conf_kit_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    conf_kit_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_list),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_endless_line),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
