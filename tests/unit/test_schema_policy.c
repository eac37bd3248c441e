#include "lth/policy.h"
#include "test_schema_kit.h"

#define ID(n)                                                                                      \
    {                                                                                              \
        {                                                                                          \
            (uint8_t)(n + 1)                                                                       \
        }                                                                                          \
    }

enum { PROVINCE, COMMUNE, SCHOOL, OTHER, GATEWAY, N };
static const lth_org_parent UP[] = {{ID(PROVINCE), LTH_PARENT_PROFESSIONAL, 0, 0},
                                    {ID(COMMUNE), LTH_PARENT_ADMINISTRATIVE, 20250701, 0}};
static const lth_org ORGS[N] = {
    {ID(PROVINCE), "79", "", "province", 0, 0, NULL, 0, NULL, 0},
    {ID(COMMUNE), "c", "", "commune", 0, 0, NULL, 0, NULL, 0},
    {ID(SCHOOL), "s", "", "school", 0, 0, UP, 2, NULL, 0},
    {ID(OTHER), "o", "", "school", 0, 0, NULL, 0, NULL, 0},
    {ID(GATEWAY), "g", "", "gateway", 0, 0, NULL, 0, NULL, 0},
};
static const uint32_t BY_CODE[N] = {0, 1, 4, 3, 2};
static const lth_registry R = {.version = 1, .orgs = ORGS, .n_orgs = N, .by_code = BY_CODE};

static const lth_id PROVINCE_ID = ID(PROVINCE), COMMUNE_ID = ID(COMMUNE), OTHER_ID = ID(OTHER);
static const lth_id GATEWAY_ID = ID(GATEWAY);
static const uint16_t FIRST[] = {KIT_MAIN}, REST[] = {KIT_KEY, KIT_OFFICIAL, KIT_SECRET};
static const lth_route_dataset SHARE_FIRST[] = {{7, LTH_SEND_GROUPS, FIRST, 1}};
static const lth_route_dataset SHARE_REST[] = {{7, LTH_SEND_GROUPS, REST, 3}};
static const lth_route_dataset HEADERS[] = {{7, LTH_SEND_HEADERS, NULL, 0}};

static const lth_route ROUTES[] = {
    {"a", "p", "l", LTH_FROM_UNDER, NULL, &PROVINCE_ID, 1, true, {{0}}, SHARE_FIRST, 1},
    {"b", "p", "l", LTH_FROM_UNDER, NULL, &COMMUNE_ID, 1, true, {{0}}, SHARE_REST, 1},
    {"c", "p", "l", LTH_FROM_LIST, NULL, &OTHER_ID, 1, false, ID(GATEWAY), HEADERS, 1},
    {"d", "p", "l", LTH_FROM_KIND, "school", NULL, 0, false, ID(GATEWAY), SHARE_FIRST, 1},
};
static const lth_policy POLICY = {.version = 1, .routes = ROUTES, .n_routes = 4};
static const lth_policy FIRST_THREE = {.version = 1, .routes = ROUTES, .n_routes = 3};

static lth_grantset find(const lth_policy *policy, int origin, uint16_t dataset, const lth_id *to,
                         uint32_t day)
{
    lth_grantset out;
    lth_policy_find(&out, policy, &R, &kit_schema, &ORGS[origin], dataset, to, day);
    return out;
}

static void test_nothing_leaves(void **state)
{
    (void)state;
    const lth_policy empty = {.version = 1};
    lth_grantset g = find(&empty, SCHOOL, 7, NULL, 20250701);
    assert_int_equal(g.send, LTH_SEND_NOTHING);
    assert_int_equal(g.n_share, 0);
    assert_false(g.whole);
    assert_false(lth_policy_names(&empty, &R, &ORGS[SCHOOL], NULL, 20250701));
    /* No route names this origin, this dataset, this destination. */
    assert_int_equal(find(&POLICY, OTHER, 7, NULL, 20250701).send, LTH_SEND_NOTHING);
    assert_false(lth_policy_names(&POLICY, &R, &ORGS[OTHER], NULL, 20250701));
    assert_int_equal(find(&POLICY, SCHOOL, 8, NULL, 20250701).send, LTH_SEND_NOTHING);
    assert_true(lth_policy_names(&POLICY, &R, &ORGS[SCHOOL], NULL, 20250701));
    assert_int_equal(find(&POLICY, SCHOOL, 7, &COMMUNE_ID, 20250701).send, LTH_SEND_NOTHING);
}

static void test_union_by_date(void **state)
{
    (void)state;
    lth_grantset g = find(&POLICY, SCHOOL, 7, NULL, 20250630);
    assert_int_equal(g.send, LTH_SEND_GROUPS);
    assert_int_equal(g.n_share, 1);
    assert_int_equal(g.share[0], KIT_MAIN);
    assert_false(g.whole);
    /* From the reform on the school is under the commune as well: both routes together. */
    g = find(&POLICY, SCHOOL, 7, NULL, 20250701);
    assert_int_equal(g.n_share, 4);
    for (uint16_t i = 0; i < 4; i++) {
        assert_int_equal(g.share[i], i + 1);
    }
    assert_true(g.whole);
}

static void test_headers_and_groups(void **state)
{
    (void)state;
    lth_grantset g = find(&FIRST_THREE, OTHER, 7, &GATEWAY_ID, 20250701);
    assert_int_equal(g.send, LTH_SEND_HEADERS);
    assert_int_equal(g.n_share, 0);
    g = find(&POLICY, OTHER, 7, &GATEWAY_ID, 20250701);
    assert_int_equal(g.send, LTH_SEND_GROUPS);
    assert_int_equal(g.n_share, 1);
}

static void test_why(void **state)
{
    (void)state;
    const lth_org *school = &ORGS[SCHOOL];
    const lth_route *route = lth_policy_why(&POLICY, &R, school, 7, KIT_SECRET, NULL, 20250701);
    assert_string_equal(route->name, "b");
    assert_null(lth_policy_why(&POLICY, &R, school, 7, KIT_SECRET, NULL, 20250630));
    assert_string_equal(lth_policy_why(&POLICY, &R, school, 7, KIT_MAIN, NULL, 20250630)->name,
                        "a");
    assert_null(lth_policy_why(&FIRST_THREE, &R, &ORGS[OTHER], 7, KIT_MAIN, &GATEWAY_ID, 20250701));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_leaves),
        cmocka_unit_test(test_union_by_date),
        cmocka_unit_test(test_headers_and_groups),
        cmocka_unit_test(test_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
