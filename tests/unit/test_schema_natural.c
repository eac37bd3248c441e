#include "test_hasher.h"
#include "test_schema_kit.h"

static void test_text_and_back(void **state)
{
    (void)state;
    static const char *const keys[] = {"HS1/2014-05-03", "a\\/b\\\\c/2014-05-03", "/2014-05-03",
                                       "Nguyễn/"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        lth_buf bytes;
        lth_buf text;
        lth_diag diag;
        lth_buf_init(&bytes, 4096);
        lth_buf_init(&text, 4096);
        assert_int_equal(lth_natural_parse(&bytes, kit_dataset(), KIT_TEXT(keys[i]), &diag),
                         LTH_OK);
        assert_int_equal(lth_natural_text(&text, kit_dataset(), lth_buf_slice(&bytes)), LTH_OK);
        assert_int_equal(text.n, strlen(keys[i]));
        assert_memory_equal(text.p, keys[i], text.n);
        lth_buf_fini(&bytes);
        lth_buf_fini(&text);
    }
}

static void test_bytes(void **state)
{
    (void)state;
    lth_buf bytes;
    lth_buf_init(&bytes, 4096);
    assert_int_equal(lth_natural_parse(&bytes, kit_dataset(), KIT_TEXT("x/2014-05-03"), NULL),
                     LTH_OK);
    assert_int_equal(bytes.n, 8);
    assert_memory_equal(bytes.p, "\x3a\x01x\x40\xd7\xa3\xcd\x09", 8);
    lth_buf_fini(&bytes);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const keys[] = {"HS1", "HS1/2014-05-03/x", "HS1/2014-02-30", "HS1/x"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        lth_buf bytes;
        lth_diag diag = {.err = LTH_OK};
        lth_buf_init(&bytes, 4096);
        assert_int_equal(lth_natural_parse(&bytes, kit_dataset(), KIT_TEXT(keys[i]), &diag),
                         LTH_E_USAGE);
        assert_int_equal(diag.err, LTH_E_USAGE);
        assert_int_equal(bytes.n, 0);
        lth_buf_fini(&bytes);
    }
}

static void test_key(void **state)
{
    (void)state;
    lth_hasher h = test_hasher();
    static const uint8_t org[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t long_value[401];
    uint8_t key[512];
    memset(long_value, 'a', sizeof long_value);
    assert_int_equal(lth_natural_key(key, &h, 0x1234, org, KIT_BYTES("abc")), 13);
    assert_memory_equal(key,
                        "\x12\x34\x01\x02\x03\x04\x05\x06\x07\x08"
                        "abc",
                        13);
    assert_int_equal(lth_natural_key(key, &h, 1, org, lth_slice_of(long_value, 400)), 410);
    assert_int_equal(key[10], 'a');
    /* Longer ones by their hash, behind a byte that no group begins with. */
    uint8_t hash[32];
    lth_sha256(&h, long_value, sizeof long_value, hash);
    assert_int_equal(lth_natural_key(key, &h, 1, org, lth_slice_of(long_value, 401)), 43);
    assert_int_equal(key[10], 0xff);
    assert_memory_equal(key + 11, hash, 32);
}

/* Against OpenSSL's own HMAC. */
static void test_record_id(void **state)
{
    (void)state;
    lth_hasher h = test_hasher();
    uint8_t id_key[32];
    uint8_t message[2 + 300] = {0x01, 0x02};
    lth_id org = test_org(3);
    for (size_t i = 0; i < sizeof id_key; i++) {
        id_key[i] = (uint8_t)(i * 7);
    }
    memset(message + 2, 'k', 300);
    static const size_t sizes[] = {0, 1, 63, 64, 300};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t mac[32];
        lth_id id;
        h.hmac(h.ctx, lth_slice_of(id_key, 32), lth_slice_of(message, 2 + sizes[i]), mac);
        lth_record_id_make(&id, &h, &org, id_key, 0x0102, lth_slice_of(message + 2, sizes[i]));
        assert_memory_equal(id.b, org.b, 8);
        assert_memory_equal(id.b + 8, mac, 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_back), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_key),
        cmocka_unit_test(test_record_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
