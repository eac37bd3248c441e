#include "test_schema_kit.h"

#define MAIN_OK KIT_BYTES("\x0a\x03Lan")

static const uint8_t SALT[16];
static const uint8_t COMMITMENT[32];

/* code = "x", day = 20140503 */
static const char KEY_BYTES[] = "\x3a\x01x\x40\xd7\xa3\xcd\x09";

static lth_group_view shown(uint16_t number, lth_slice value)
{
    return (lth_group_view){.number = number, .shown = true, .salt = SALT, .value = value};
}

static lth_group_view withheld(uint16_t number)
{
    return (lth_group_view){.number = number, .commitment = COMMITMENT};
}

/* A record of the owner, whole and good. */
static lth_record_view good(void)
{
    lth_record_view r = {
        .form = LTH_FORM_FULL, .header = {.op = LTH_OP_STATE, .dataset = 7}, .n_groups = 3};
    r.groups[0] = shown(KIT_MAIN, MAIN_OK);
    r.groups[1] = shown(KIT_KEY, KIT_BYTES(KEY_BYTES));
    r.groups[2] = shown(KIT_SECRET, KIT_BYTES(""));
    return r;
}

static void expect(const lth_record_view *r, const char *kind, lth_refusal code, uint16_t group,
                   uint16_t field)
{
    lth_findings out;
    lth_refusal found = lth_record_judge(&kit_schema, r, kind, &out);
    assert_string_equal(lth_refusal_name(found), lth_refusal_name(code));
    assert_int_equal(out.n, code != LTH_REFUSE_none);
    assert_int_equal(out.errors, out.n);
    assert_int_equal(out.n > 0 ? out.items[0].group : 0, group);
    assert_int_equal(out.n > 0 ? out.items[0].field : 0, field);
}

static void test_owner(void **state)
{
    (void)state;
    lth_record_view r = good();
    expect(&r, NULL, LTH_REFUSE_none, 0, 0);
    r.header.dataset = 8;
    expect(&r, NULL, LTH_REFUSE_await_definition, 0, 0);
    r = good();
    r.groups[0].value = KIT_BYTES("\x0a\x03Lan\x10\xca\x01");
    expect(&r, NULL, LTH_REFUSE_bad_value, KIT_MAIN, 2);
    r.groups[0].value = KIT_BYTES("");
    expect(&r, NULL, LTH_REFUSE_missing_required, KIT_MAIN, 1);
    r.groups[0].value = KIT_BYTES("\xff");
    expect(&r, NULL, LTH_REFUSE_bad_group, KIT_MAIN, 0);
}

static void test_set_of_groups(void **state)
{
    (void)state;
    lth_record_view r = good();
    r.n_groups = 2; /* Group 4 is not there: nothing of it is required. */
    expect(&r, NULL, LTH_REFUSE_none, 0, 0);
    r.n_groups = 1; /* Group 2 is not there. */
    expect(&r, NULL, LTH_REFUSE_bad_group, KIT_KEY, 0);
    r = good();
    r.groups[3] = shown(9, KIT_BYTES(""));
    r.n_groups = 4;
    expect(&r, NULL, LTH_REFUSE_bad_group, 9, 0);
    r = good();
    r.groups[3] = r.groups[2];
    r.groups[2] = shown(KIT_OFFICIAL, KIT_BYTES("")); /* The ministry's. */
    r.n_groups = 4;
    expect(&r, NULL, LTH_REFUSE_bad_author, KIT_OFFICIAL, 0);
}

static void test_other_author(void **state)
{
    (void)state;
    lth_record_view r = {
        .form = LTH_FORM_FULL, .header = {.op = LTH_OP_STATE, .dataset = 7}, .n_groups = 1};
    r.groups[0] = shown(KIT_OFFICIAL, KIT_BYTES("\x4a\x01n"));
    expect(&r, "ministry", LTH_REFUSE_none, 0, 0);
    expect(&r, "province", LTH_REFUSE_bad_author, KIT_OFFICIAL, 0);
    expect(&r, NULL, LTH_REFUSE_bad_author, KIT_OFFICIAL, 0);
    r.header.op = LTH_OP_DELETE; /* A record ends only as its owner says. */
    expect(&r, "ministry", LTH_REFUSE_bad_author, 0, 0);
}

static void test_withheld(void **state)
{
    (void)state;
    lth_record_view r = good();
    r.form = LTH_FORM_REDACTED;
    r.groups[2] = withheld(KIT_SECRET);
    r.groups[0].value = KIT_BYTES("");
    expect(&r, NULL, LTH_REFUSE_missing_required, KIT_MAIN, 1);
    r.groups[0] = withheld(KIT_MAIN);
    expect(&r, NULL, LTH_REFUSE_none, 0, 0);
    r.groups[0].number = 3; /* What a withheld group is cannot be judged here. */
    expect(&r, NULL, LTH_REFUSE_none, 0, 0);
    lth_record_view leaf = {.form = LTH_FORM_LEAF};
    expect(&leaf, NULL, LTH_REFUSE_none, 0, 0);
}

static void test_deletion(void **state)
{
    (void)state;
    lth_record_view r = {
        .form = LTH_FORM_FULL, .header = {.op = LTH_OP_DELETE, .dataset = 7}, .n_groups = 1};
    r.groups[0] = shown(KIT_KEY, KIT_BYTES(KEY_BYTES));
    expect(&r, NULL, LTH_REFUSE_none, 0, 0);
    r.groups[0] = shown(KIT_KEY, KIT_BYTES("")); /* a row that never had its key goes as well */
    expect(&r, NULL, LTH_REFUSE_none, 0, 0);
    r.groups[0] = withheld(KIT_KEY);
    expect(&r, NULL, LTH_REFUSE_none, 0, 0);
    r.groups[0] = shown(KIT_MAIN, MAIN_OK);
    expect(&r, NULL, LTH_REFUSE_bad_group, KIT_KEY, 0);
}

static void test_operations(void **state)
{
    (void)state;
    lth_record_view r = good();
    r.header.op = LTH_OP_ERASE;
    expect(&r, NULL, LTH_REFUSE_bad_op, 0, 0);
    r.header.op = LTH_OP_REKEY; /* the full state of a record that the source renumbered */
    expect(&r, NULL, LTH_REFUSE_none, 0, 0);
    expect(&r, "ministry", LTH_REFUSE_bad_op, 0, 0);
    r.header.op = LTH_OP_RANGE;
    expect(&r, NULL, LTH_REFUSE_none, 0, 0);
    expect(&r, "ministry", LTH_REFUSE_bad_author, 0, 0);
}

static void test_invalid_at_source(void **state)
{
    (void)state;
    lth_record_view r = good();
    r.header.flags = LTH_RECORD_INVALID;
    expect(&r, NULL, LTH_REFUSE_invalid_at_source, 0, 0);
    r.groups[0].value = KIT_BYTES("");
    expect(&r, NULL, LTH_REFUSE_invalid_at_source, KIT_MAIN, 1);
    r.groups[0].value = KIT_BYTES("\xff");
    expect(&r, NULL, LTH_REFUSE_bad_group, KIT_MAIN, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owner),
        cmocka_unit_test(test_set_of_groups),
        cmocka_unit_test(test_other_author),
        cmocka_unit_test(test_withheld),
        cmocka_unit_test(test_deletion),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_invalid_at_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
