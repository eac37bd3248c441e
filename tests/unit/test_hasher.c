#include "test_hasher.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#define CERT_SIZE 8u

static void require(bool fine)
{
    if (!fine) {
        abort();
    }
}

static void hash_parts(void *ctx, const lth_slice *parts, size_t n_parts,
                       uint8_t out[LTH_HASH_SIZE])
{
    EVP_MD_CTX *md = ctx;
    require(EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1);
    for (size_t i = 0; i < n_parts; i++) {
        require(parts[i].n == 0 || EVP_DigestUpdate(md, parts[i].p, parts[i].n) == 1);
    }
    require(EVP_DigestFinal_ex(md, out, NULL) == 1);
}

static void hmac(void *ctx, lth_slice key, lth_slice message, uint8_t out[LTH_HASH_SIZE])
{
    (void)ctx;
    unsigned size = 0;
    require(HMAC(EVP_sha256(), key.n > 0 ? key.p : (const uint8_t *)"", (int)key.n, message.p,
                 message.n, out, &size) != NULL);
    require(size == LTH_HASH_SIZE);
}

lth_hasher test_hasher(void)
{
    static EVP_MD_CTX *ctx;
    if (ctx == NULL) {
        ctx = EVP_MD_CTX_new();
        require(ctx != NULL);
    }
    return (lth_hasher){.ctx = ctx, .sha256 = hash_parts, .hmac = hmac};
}

/* SHA-256(label | n). */
static void derive(const char *label, uint32_t n, uint8_t out[LTH_HASH_SIZE])
{
    uint8_t in[32];
    size_t size = strlen(label);
    memcpy(in, label, size);
    lth_put32(in + size, n);
    require(EVP_Digest(in, size + 4, out, NULL, EVP_sha256(), NULL) == 1);
}

lth_id test_org(uint32_t n)
{
    uint8_t hash[LTH_HASH_SIZE];
    derive("org", n, hash);
    lth_id org;
    memcpy(org.b, hash, sizeof org.b);
    return org;
}

static void sign_with(uint32_t n, lth_slice message, uint8_t out[LTH_SIG_SIZE])
{
    uint8_t key[LTH_HASH_SIZE];
    derive("key", n, key);
    hmac(NULL, lth_slice_of(key, sizeof key), message, out);
    memcpy(out + LTH_HASH_SIZE, out, LTH_HASH_SIZE);
}

static lth_err sign(void *ctx, lth_slice message, uint8_t out[LTH_SIG_SIZE])
{
    sign_with((uint32_t)(uintptr_t)ctx, message, out);
    return LTH_OK;
}

lth_signer test_signer(uint32_t n)
{
    require(n < TEST_KEYS);
    lth_signer signer = {.ctx = (void *)(uintptr_t)n, .sign = sign};
    derive("key_id", n, signer.key_id);
    return signer;
}

static lth_key_info key_info(uint32_t n)
{
    lth_key_info info = {.org = test_org(n),
                         .role = n < 128   ? LTH_ROLE_AGENT
                                 : n < 192 ? LTH_ROLE_BROKER
                                           : LTH_ROLE_HOST,
                         .not_before_ms = 0,
                         .not_after_ms = UINT64_MAX,
                         .issuer_org = test_org(1000)};
    derive("key_id", n, info.key_id);
    derive("curve", n, info.curve_key);
    return info;
}

/* Number of a key, or TEST_KEYS. */
static uint32_t find_key(const uint8_t key_id[LTH_HASH_SIZE])
{
    static uint8_t ids[TEST_KEYS][LTH_HASH_SIZE];
    static bool made;
    for (uint32_t n = 0; n < TEST_KEYS && !made; n++) {
        derive("key_id", n, ids[n]);
    }
    made = true;
    uint32_t n = 0;
    while (n < TEST_KEYS && memcmp(ids[n], key_id, LTH_HASH_SIZE) != 0) {
        n++;
    }
    return n;
}

static lth_refusal find(void *ctx, const uint8_t key_id[LTH_HASH_SIZE], lth_key_info *out)
{
    (void)ctx;
    uint32_t n = find_key(key_id);
    if (n == TEST_KEYS) {
        return LTH_REFUSE_unknown_key;
    }
    if (out != NULL) {
        *out = key_info(n);
    }
    return LTH_REFUSE_none;
}

static lth_refusal verify(void *ctx, const uint8_t key_id[LTH_HASH_SIZE], lth_slice message,
                          const uint8_t sig[LTH_SIG_SIZE])
{
    (void)ctx;
    uint32_t n = find_key(key_id);
    if (n == TEST_KEYS) {
        return LTH_REFUSE_unknown_key;
    }
    uint8_t expected[LTH_SIG_SIZE];
    sign_with(n, message, expected);
    bool same = memcmp(expected, sig, LTH_SIG_SIZE) == 0;
    return same ? LTH_REFUSE_none : LTH_REFUSE_bad_signature;
}

lth_slice test_certificate(uint32_t n)
{
    static uint8_t certificates[TEST_KEYS][CERT_SIZE];
    require(n < TEST_KEYS);
    memcpy(certificates[n], "CERT", 4);
    lth_put32(certificates[n] + 4, n);
    return lth_slice_of(certificates[n], CERT_SIZE);
}

static lth_refusal learn(void *ctx, lth_slice leaf_der, lth_slice ca_der, lth_key_info *out)
{
    (void)ctx;
    if (leaf_der.n != CERT_SIZE || ca_der.n == 0 || memcmp(leaf_der.p, "CERT", 4) != 0 ||
        lth_get32(leaf_der.p + 4) >= TEST_KEYS) {
        return LTH_REFUSE_wrong_key;
    }
    if (out != NULL) {
        *out = key_info(lth_get32(leaf_der.p + 4));
    }
    return LTH_REFUSE_none;
}

lth_trust test_trust(void)
{
    return (lth_trust){.ctx = NULL, .find = find, .verify = verify, .learn = learn};
}
