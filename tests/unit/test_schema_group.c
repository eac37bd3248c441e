#include "test_schema_kit.h"

/* Bytes are written by hand from the protobuf encoding: tag = number << 3 | wire type. */

static void expect(lth_slice bytes, lth_refusal code, uint16_t field)
{
    uint16_t at = 999;
    assert_string_equal(lth_refusal_name(lth_group_check(kit_group(KIT_MAIN), bytes, &at)),
                        lth_refusal_name(code));
    assert_int_equal(at, field);
}

static void test_canonical(void **state)
{
    (void)state;
    expect(KIT_BYTES("\x0a\x03"
                     "Lan"),
           LTH_REFUSE_none, 0);
    expect(KIT_BYTES("\x0a\x03"
                     "Lan\x10\xc8\x01\x18\xb4\x0d\x20\x01\x28\xd7\xa3\xcd\x09"
                     "\x32\x05\x0a\x03"
                     "ABC"),
           LTH_REFUSE_none, 0);
    /* An optional group may be empty. */
    assert_int_equal(lth_group_check(kit_group(KIT_SECRET), KIT_BYTES(""), NULL), LTH_REFUSE_none);
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        uint16_t field;
    } rows[] = {
#define ROW(literal, field) {literal, sizeof(literal) - 1, field}
        ROW("\x10\x02\x0a\x01x", 1),         /* descending */
        ROW("\x0a\x01x\x0a\x01y", 1),        /* twice */
        ROW("\x0a\x01x\x10\x82\x00", 1),     /* value not minimal */
        ROW("\x8a\x00\x01x", 0),             /* tag not minimal */
        ROW("\x0a\x81\x00x", 0),             /* length not minimal */
        ROW("\x0a\x01x\x50\x01", 10),        /* unknown field 10 */
        ROW("\x0a\x01x\x12\x01\x02", 2),     /* count as bytes */
        ROW("\x08\x01", 1),                  /* name as number */
        ROW("\x0a\x01x\x15\x00\x00\x00", 1), /* fixed32 */
        ROW("\x0a\x01x\x13", 1),             /* a group of old protobuf */
        ROW("\x0a\x05x", 0),                 /* cut short */
        ROW("\x0a", 0),
        ROW("\x0a\x01x\x10", 1),
        ROW("\x0a\x01x\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 1), /* over 64 bits */
        ROW("\x0a\x01x\x20\x02", 4),                                     /* bool 2 */
        ROW("\x0a\x00", 1),                                              /* empty text */
        ROW("\x0a\x02\xc3\x28", 1),                                      /* not UTF-8 */
        ROW("\x0a\x02\xc0\xaf", 1),                                      /* over-long */
        ROW("\x0a\x03\xed\xa0\x80", 1),                                  /* a surrogate */
        ROW("\x0a\x04\xf4\x90\x80\x80", 1),                              /* above U+10FFFF */
        ROW("\x0a\x03"
            "a\xcc\x81",
            1), /* a + acute is not NFC */
        ROW("\x0a\x01x\x32\x03\x0a\x01"
            "B\x32\x03\x0a\x01"
            "A",
            6), /* items descend */
        ROW("\x0a\x01x\x32\x03\x0a\x01"
            "A\x32\x03\x0a\x01"
            "A",
            6),                               /* key twice */
        ROW("\x0a\x01x\x32\x02\x10\x02", 6),  /* the first field at fault counts: no key */
        ROW("\x0a\x01x\x32\x04\x0a\x01Z", 1), /* item cut short by the end */
#undef ROW
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint16_t at = 0;
        lth_slice in = lth_slice_of(rows[i].bytes, rows[i].n);
        lth_refusal code = lth_group_check(kit_group(KIT_MAIN), in, &at);
        bool no_key = i == sizeof rows / sizeof rows[0] - 2;
        if (code != (no_key ? LTH_REFUSE_missing_required : LTH_REFUSE_bad_group) ||
            at != rows[i].field) {
            fail_msg("row %zu: %s, field %u", i, lth_refusal_name(code), (unsigned)at);
        }
    }
}

static void test_values(void **state)
{
    (void)state;
    expect(KIT_BYTES("\x0a\x0b"
                     "12345678901"),
           LTH_REFUSE_bad_value, 1);
    expect(KIT_BYTES("\x0a\x02x\x01"), LTH_REFUSE_bad_value, 1);
    expect(KIT_BYTES("\x0a\x02x\x7f"), LTH_REFUSE_bad_value, 1);
    expect(KIT_BYTES("\x0a\x01x\x10\xca\x01"), LTH_REFUSE_bad_value, 2);     /* 101 */
    expect(KIT_BYTES("\x0a\x01x\x10\x01"), LTH_REFUSE_bad_value, 2);         /* -1 */
    expect(KIT_BYTES("\x0a\x01x\x18\xa0\x9c\x01"), LTH_REFUSE_bad_value, 3); /* 100.00 */
    expect(KIT_BYTES("\x0a\x01x\x28\x00"), LTH_REFUSE_bad_value, 5);
    /* Ten letters of three bytes are ten characters. */
    expect(KIT_BYTES("\x0a\x1eếếếếếếếếếế"), LTH_REFUSE_none, 0);
    /* A bad value is reported before what is missing, a malformed run before both. */
    expect(KIT_BYTES("\x10\xca\x01"), LTH_REFUSE_bad_value, 2);
    expect(KIT_BYTES("\x10\xca\x01\x20\x02"), LTH_REFUSE_bad_group, 4);
    expect(KIT_BYTES("\x10\x02"), LTH_REFUSE_missing_required, 1);
    expect(KIT_BYTES(""), LTH_REFUSE_missing_required, 1);
    /* Four items where three are allowed. */
    expect(KIT_BYTES("\x0a\x01x\x32\x03\x0a\x01"
                     "A\x32\x03\x0a\x01"
                     "B\x32\x03\x0a\x01"
                     "C\x32\x03\x0a\x01"
                     "D"),
           LTH_REFUSE_bad_value, 6);
}

static void test_encode(void **state)
{
    (void)state;
    lth_value values[6] = {
        {.kind = LTH_VALUE_TEXT, .text = KIT_TEXT("Lan")}, {.kind = LTH_VALUE_INT, .number = 100},
        {.kind = LTH_VALUE_INT, .number = -850},           {.kind = LTH_VALUE_NULL},
        {.kind = LTH_VALUE_INT, .number = 20140500},       {.kind = LTH_VALUE_NULL},
    };
    lth_buf out;
    lth_buf_init(&out, 64);
    assert_int_equal(lth_group_encode(&out, kit_group(KIT_MAIN), values), LTH_OK);
    static const char bytes[] = "\x0a\x03Lan\x10\xc8\x01\x18\xa3\x0d\x28\xd4\xa3\xcd\x09";
    assert_int_equal(out.n, sizeof bytes - 1);
    assert_memory_equal(out.p, bytes, out.n);
    lth_buf_fini(&out);
    lth_buf_init(&out, 4);
    assert_int_equal(lth_group_encode(&out, kit_group(KIT_MAIN), values), LTH_E_LIMIT);
    assert_int_equal(out.n, 0);
    lth_buf_fini(&out);
}

static void test_next_on_any_bytes(void **state)
{
    (void)state;
    /* Iterating ends at the first thing that is not a field of the group. */
    const lth_field *field = NULL;
    lth_value value;
    lth_slice in = KIT_BYTES("\x0a\x01x\x50\x01");
    size_t at = 0;
    assert_true(lth_group_next(kit_group(KIT_MAIN), in, &at, &field, &value));
    assert_string_equal(field->name, "name");
    assert_false(lth_group_next(kit_group(KIT_MAIN), in, &at, &field, &value));
    assert_false(lth_group_next(kit_group(KIT_MAIN), KIT_BYTES(""), &(size_t){0}, &field, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_next_on_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
