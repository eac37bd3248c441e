/* scrypt against a pure Python reading of RFC 7914 (itself right on the RFC's own vectors). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lth/crypto.h"

static void derive(char hex[2 * LTH_HASH_SIZE + 1], const char *pass, const void *salt, size_t n)
{
    uint8_t key[LTH_HASH_SIZE];
    lth_diag diag;
    assert_int_equal(lth_crypto_init(&diag), LTH_OK);
    assert_int_equal(
        lth_crypto_scrypt(key, lth_slice_of(pass, strlen(pass)), lth_slice_of(salt, n), &diag),
        LTH_OK);
    lth_hex(hex, key, sizeof key);
}

static void known_keys(void **state)
{
    (void)state;
    char hex[2 * LTH_HASH_SIZE + 1];
    derive(hex, "pleaseletmein", "SodiumChloride", 14);
    assert_string_equal(hex, "f72cbc204bdcfc3ff5b115d8508aec1566ff0ef3f658388601a3933078ef7ac8");
    uint8_t salt[16];
    for (uint8_t i = 0; i < sizeof salt; i++)
        salt[i] = i;
    derive(hex, "mật khẩu dài của trường", salt, sizeof salt);
    assert_string_equal(hex, "449cd15fa31c510f186ac270867304e77f08c37521f2e47d6009e1a12ff24f59");
}

static void same_bytes(void **state)
{
    (void)state;
    assert_true(lth_crypto_same("abc", "abc", 3));
    assert_false(lth_crypto_same("abc", "abd", 3));
    assert_true(lth_crypto_same("abc", "abd", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_keys), cmocka_unit_test(same_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
