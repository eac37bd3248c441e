/* SHA-256 against FIPS 180 examples, HMAC-SHA-256 against RFC 4231. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "lth/crypto.h"

static int setup(void **state)
{
    static lth_hasher hasher;
    lth_diag diag;
    if (lth_crypto_init(&diag) || lth_crypto_hasher_new(&hasher, &diag))
        return -1;
    *state = &hasher;
    return 0;
}

static int teardown(void **state)
{
    lth_crypto_hasher_free(*state);
    return 0;
}

static void assert_digest(const uint8_t digest[LTH_HASH_SIZE], const char *hex)
{
    char text[2 * LTH_HASH_SIZE + 1];
    lth_hex(text, digest, LTH_HASH_SIZE);
    assert_string_equal(text, hex);
}

static void sha256_of_the_standard(void **state)
{
    static const struct {
        const char *message, *digest;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    const lth_hasher *h = *state;
    uint8_t digest[LTH_HASH_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lth_sha256(h, cases[i].message, strlen(cases[i].message), digest);
        assert_digest(digest, cases[i].digest);
    }
}

static void sha256_of_a_million_a(void **state)
{
    const lth_hasher *h = *state;
    uint8_t digest[LTH_HASH_SIZE];
    uint8_t *million = malloc(1000000);
    assert_non_null(million);
    memset(million, 'a', 1000000);
    lth_sha256(h, million, 1000000, digest);
    free(million);
    assert_digest(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* However the bytes are cut into parts, short of and beyond the length that is joined. */
static void sha256_does_not_see_the_cuts(void **state)
{
    const lth_hasher *h = *state;
    uint8_t bytes[600], whole[LTH_HASH_SIZE], cut[LTH_HASH_SIZE];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n <= sizeof bytes; n += 5) {
        lth_sha256(h, bytes, n, whole);
        size_t a = n / 3, b = n / 2;
        lth_slice parts[] = {{bytes, a}, {NULL, 0}, {bytes + a, b - a}, {bytes + b, n - b}};
        h->sha256(h->ctx, parts, 4, cut);
        assert_memory_equal(whole, cut, LTH_HASH_SIZE);
    }
    h->sha256(h->ctx, NULL, 0, cut);
    assert_digest(cut, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static lth_slice filled(uint8_t *out, uint8_t value, size_t n)
{
    memset(out, value, n);
    return lth_slice_of(out, n);
}

static void assert_hmac(const lth_hasher *h, lth_slice key, const char *message, const char *hex)
{
    uint8_t mac[LTH_HASH_SIZE];
    h->hmac(h->ctx, key, lth_slice_of(message, strlen(message)), mac);
    assert_digest(mac, hex);
}

static void hmac_of_rfc_4231(void **state)
{
    const lth_hasher *h = *state;
    uint8_t key[131], counted[25];
    char repeated[51] = {0};
    for (uint8_t i = 0; i < sizeof counted; i++)
        counted[i] = (uint8_t)(i + 1);

    assert_hmac(h, filled(key, 0x0b, 20), "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_hmac(h, lth_slice_of("Jefe", 4), "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(repeated, 0xdd, 50);
    assert_hmac(h, filled(key, 0xaa, 20), repeated,
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    memset(repeated, 0xcd, 50);
    assert_hmac(h, lth_slice_of(counted, sizeof counted), repeated,
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    assert_hmac(h, filled(key, 0xaa, 131), "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_hmac(h, filled(key, 0xaa, 131),
                "This is a test using a larger than block-size key and a larger than block-size "
                "data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

static void random_bytes_differ(void **state)
{
    (void)state;
    lth_random random = lth_crypto_random();
    uint8_t a[70000], b[70000];
    random.fill(random.ctx, a, sizeof a);
    random.fill(random.ctx, b, sizeof b);
    assert_memory_not_equal(a, b, 32);
    assert_memory_not_equal(a + sizeof a - 32, b + sizeof b - 32, 32);
}

static void cleanse_zeroes(void **state)
{
    (void)state;
    uint8_t secret[32];
    uint8_t zero[32] = {0};
    memset(secret, 7, sizeof secret);
    lth_crypto_cleanse(secret, sizeof secret);
    assert_memory_equal(secret, zero, sizeof secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_the_standard),       cmocka_unit_test(sha256_of_a_million_a),
        cmocka_unit_test(sha256_does_not_see_the_cuts), cmocka_unit_test(hmac_of_rfc_4231),
        cmocka_unit_test(random_bytes_differ),          cmocka_unit_test(cleanse_zeroes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
