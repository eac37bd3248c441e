#include "lth/registry.h"
#include "test_schema_kit.h"

/* The reform of 1 July 2025: district offices end, communes take over the administration, schools
 * come professionally under the department. */
enum { MINISTRY, PROVINCE, DISTRICT, COMMUNE, SCHOOL, HOST, N };
#define ID(n)                                                                                      \
    {                                                                                              \
        {                                                                                          \
            (uint8_t)(n + 1), 9                                                                    \
        }                                                                                          \
    }
#define PRO LTH_PARENT_PROFESSIONAL
#define ADM LTH_PARENT_ADMINISTRATIVE

static const lth_org_parent PROVINCE_UP[] = {{ID(MINISTRY), PRO, 0, 0}};
static const lth_org_parent DISTRICT_UP[] = {{ID(PROVINCE), PRO, 0, 20250630}};
static const lth_org_parent COMMUNE_UP[] = {{ID(PROVINCE), ADM, 20250701, 0}};
static const lth_org_parent SCHOOL_UP[] = {{ID(DISTRICT), PRO, 0, 20250630},
                                           {ID(COMMUNE), ADM, 20250701, 0},
                                           {ID(PROVINCE), PRO, 20250701, 0}};
static const lth_id CARRIED[] = {ID(SCHOOL)};

static const lth_org ORGS[N] = {
    {ID(MINISTRY), "bo", "Bộ", "ministry", 0, 0, NULL, 0, NULL, 0},
    {ID(PROVINCE), "79", "Sở", "province", 0, 0, PROVINCE_UP, 1, NULL, 0},
    {ID(DISTRICT), "79-760", "Phòng", "district", 0, 20250630, DISTRICT_UP, 1, NULL, 0},
    {ID(COMMUNE), "26740", "Phường", "commune", 20250701, 0, COMMUNE_UP, 1, NULL, 0},
    {ID(SCHOOL), "79000123", "Trường", "school", 0, 0, SCHOOL_UP, 3, NULL, 0},
    {ID(HOST), "host", "Nơi chạy hộ", "centre", 0, 0, NULL, 0, CARRIED, 1},
};
/* By code: 26740, 79, 79-760, 79000123, bo, host. */
static const uint32_t BY_CODE[N] = {COMMUNE, PROVINCE, DISTRICT, SCHOOL, MINISTRY, HOST};
static const lth_registry R = {.version = 3, .orgs = ORGS, .n_orgs = N, .by_code = BY_CODE};

static void test_find(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++) {
        assert_ptr_equal(lth_registry_find(&R, &ORGS[i].id), &ORGS[i]);
        assert_ptr_equal(lth_registry_find_code(&R, ORGS[i].code), &ORGS[i]);
        assert_ptr_equal(lth_registry_find_prefix(&R, ORGS[i].id.b), &ORGS[i]);
    }
    lth_id near = ORGS[0].id;
    near.b[15] = 1;
    assert_null(lth_registry_find(&R, &near));
    assert_ptr_equal(lth_registry_find_prefix(&R, near.b), &ORGS[0]);
    assert_null(lth_registry_find_code(&R, "7"));
    assert_null(lth_registry_find_code(&R, "zz"));
}

static void test_reform(void **state)
{
    (void)state;
    const lth_org *school = &ORGS[SCHOOL];
    assert_ptr_equal(lth_registry_path_parent(&R, school, 20250630), &ORGS[DISTRICT]);
    assert_ptr_equal(lth_registry_path_parent(&R, school, 20250701), &ORGS[PROVINCE]);
    assert_ptr_equal(lth_registry_path_parent(&R, &ORGS[COMMUNE], 20250701), &ORGS[PROVINCE]);
    assert_null(lth_registry_path_parent(&R, &ORGS[COMMUNE], 20250630));
    assert_null(lth_registry_path_parent(&R, &ORGS[MINISTRY], 20250701));

    assert_true(lth_registry_under(&R, school, &ORGS[DISTRICT], 20250630));
    assert_false(lth_registry_under(&R, school, &ORGS[DISTRICT], 20250701));
    assert_true(lth_registry_under(&R, school, &ORGS[MINISTRY], 20250630));
    assert_true(lth_registry_under(&R, school, &ORGS[MINISTRY], 20250701));
    assert_true(lth_registry_under(&R, school, school, 20250701));
    assert_false(lth_registry_under(&R, &ORGS[PROVINCE], school, 20250701));
    /* The commune is not on the path, but it is above all the same. */
    assert_false(lth_registry_under(&R, school, &ORGS[COMMUNE], 20250701));
    assert_true(lth_registry_under_any(&R, school, &ORGS[COMMUNE], 20250701));
    assert_false(lth_registry_under_any(&R, school, &ORGS[COMMUNE], 20250630));
    assert_true(lth_registry_under_any(&R, school, &ORGS[MINISTRY], 20250701));
}

static void test_carries(void **state)
{
    (void)state;
    assert_true(lth_registry_carries(&R, &ORGS[SCHOOL], &ORGS[SCHOOL], 20250701));
    assert_true(lth_registry_carries(&R, &ORGS[PROVINCE], &ORGS[SCHOOL], 20250701));
    assert_true(lth_registry_carries(&R, &ORGS[HOST], &ORGS[SCHOOL], 20250701));
    assert_false(lth_registry_carries(&R, &ORGS[HOST], &ORGS[PROVINCE], 20250701));
    assert_false(lth_registry_carries(&R, &ORGS[COMMUNE], &ORGS[SCHOOL], 20250701));
    assert_false(lth_registry_carries(&R, &ORGS[DISTRICT], &ORGS[SCHOOL], 20250701));
    assert_true(lth_registry_carries(&R, &ORGS[DISTRICT], &ORGS[SCHOOL], 20250630));
}

static lth_registry_fault fault_of(const lth_org orgs[N], const uint32_t by_code[N])
{
    lth_registry r = {.version = 1, .orgs = orgs, .n_orgs = N, .by_code = by_code};
    lth_registry_fault fault = {.org = 99};
    lth_err err = LTH_E_NOMEM;
    lth_diag diag;
    assert_true(lth_registry_find_fault(&r, &fault, &err));
    assert_int_equal(err, LTH_OK);
    assert_int_equal(lth_registry_check(&r, &diag), LTH_E_CONFIG);
    assert_non_null(strstr(diag.text, orgs[fault.org].code));
    return fault;
}

static void test_faults(void **state)
{
    (void)state;
    lth_org orgs[N];
    lth_diag diag;
    assert_int_equal(lth_registry_check(&R, &diag), LTH_OK);

    memcpy(orgs, ORGS, sizeof orgs);
    memcpy(orgs[DISTRICT].id.b, orgs[PROVINCE].id.b, 8);
    orgs[DISTRICT].id.b[15] = 1;
    lth_registry_fault fault = fault_of(orgs, BY_CODE);
    assert_int_equal(fault.kind, LTH_REGISTRY_SAME_ID);
    assert_int_equal(fault.org, DISTRICT);

    memcpy(orgs, ORGS, sizeof orgs);
    orgs[DISTRICT].code = "79";
    fault = fault_of(orgs, BY_CODE);
    assert_int_equal(fault.kind, LTH_REGISTRY_SAME_CODE);

    memcpy(orgs, ORGS, sizeof orgs);
    static const lth_org_parent nobody[] = {{ID(40), PRO, 0, 0}};
    orgs[PROVINCE].parents = nobody;
    fault = fault_of(orgs, BY_CODE);
    assert_int_equal(fault.kind, LTH_REGISTRY_UNKNOWN_PARENT);
    assert_int_equal(fault.org, PROVINCE);

    memcpy(orgs, ORGS, sizeof orgs);
    orgs[HOST].carries = &nobody[0].id;
    fault = fault_of(orgs, BY_CODE);
    assert_int_equal(fault.kind, LTH_REGISTRY_UNKNOWN_CARRIED);
}

static void test_loops(void **state)
{
    (void)state;
    lth_org orgs[N];
    memcpy(orgs, ORGS, sizeof orgs);
    static const lth_org_parent school_on_top[] = {{ID(SCHOOL), ADM, 20300101, 20301231}};
    orgs[MINISTRY].parents = school_on_top;
    orgs[MINISTRY].n_parents = 1;
    assert_int_equal(fault_of(orgs, BY_CODE).kind, LTH_REGISTRY_LOOP);

    /* A loop that no single day has is none: two nodes swap places. */
    memcpy(orgs, ORGS, sizeof orgs);
    static const lth_org_parent before[] = {{ID(DISTRICT), PRO, 0, 20241231}};
    static const lth_org_parent after[] = {{ID(HOST), PRO, 20250101, 0}};
    orgs[HOST].parents = before;
    orgs[HOST].n_parents = 1;
    orgs[DISTRICT].parents = after;
    lth_registry r = {.version = 1, .orgs = orgs, .n_orgs = N, .by_code = BY_CODE};
    assert_int_equal(lth_registry_check(&r, NULL), LTH_OK);
    assert_true(lth_registry_under(&r, &orgs[HOST], &orgs[DISTRICT], 20241231));
    assert_true(lth_registry_under(&r, &orgs[DISTRICT], &orgs[HOST], 20250101));

    static const lth_org_parent self[] = {{ID(HOST), PRO, 0, 0}};
    orgs[HOST].parents = self;
    assert_int_equal(fault_of(orgs, BY_CODE).kind, LTH_REGISTRY_LOOP);
}

static void test_depth(void **state)
{
    (void)state;
    static lth_org orgs[40];
    static lth_org_parent up[40];
    static char codes[40][4];
    static uint32_t by_code[40];
    for (uint32_t i = 0; i < 40; i++) {
        orgs[i] = (lth_org){.id = ID(i), .code = codes[i], .name = "x", .kind = "x"};
        up[i] = (lth_org_parent){.id = ID(i - 1), .type = PRO};
        orgs[i].parents = &up[i];
        orgs[i].n_parents = i > 0 ? 1 : 0;
        codes[i][0] = (char)('a' + i / 10);
        codes[i][1] = (char)('0' + i % 10);
        by_code[i] = i;
    }
    lth_registry r = {.version = 1, .orgs = orgs, .n_orgs = 33, .by_code = by_code};
    assert_int_equal(lth_registry_check(&r, NULL), LTH_OK);
    assert_true(lth_registry_under(&r, &orgs[32], &orgs[0], 20250101));
    r.n_orgs = 34;
    lth_diag diag;
    assert_int_equal(lth_registry_check(&r, &diag), LTH_E_CONFIG);
    r.n_orgs = 40;
    assert_int_equal(lth_registry_check(&r, &diag), LTH_E_CONFIG);
    assert_false(lth_registry_under(&r, &orgs[39], &orgs[0], 20250101));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),    cmocka_unit_test(test_reform),
        cmocka_unit_test(test_carries), cmocka_unit_test(test_faults),
        cmocka_unit_test(test_loops),   cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
