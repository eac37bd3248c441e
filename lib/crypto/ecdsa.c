/* ECDSA on P-256 over SHA-256, signatures as raw r||s. */

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "lib/crypto/internal.h"

#define SCALAR_SIZE  32
#define SIG_DER_SIZE 80 /* 72 at most for P-256 */

static const uint8_t group_order[SCALAR_SIZE] = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

/* SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { 04 ... } } up to the point */
static const uint8_t spki_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};

bool lth_crypto__p256_spki(EVP_PKEY *key, uint8_t out[LTH_CRYPTO__SPKI_SIZE])
{
    EVP_PKEY_CTX *check = NULL;
    uint8_t *der = NULL;
    bool good = false;

    int n = i2d_PUBKEY(key, &der);
    if (n != LTH_CRYPTO__SPKI_SIZE || memcmp(der, spki_head, sizeof spki_head) != 0)
        goto done;
    check = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (!check || EVP_PKEY_public_check_quick(check) != 1)
        goto done;
    memcpy(out, der, LTH_CRYPTO__SPKI_SIZE);
    good = true;
done:
    EVP_PKEY_CTX_free(check);
    OPENSSL_free(der);
    return good;
}

bool lth_crypto__key_id(EVP_PKEY *key, uint8_t out[LTH_HASH_SIZE])
{
    uint8_t spki[LTH_CRYPTO__SPKI_SIZE];
    return lth_crypto__p256_spki(key, spki) &&
           EVP_Digest(spki, sizeof spki, out, NULL, lth_crypto__sha256(), NULL) == 1;
}

/* Keys of one kind differ only in the call that starts the operation. */
static EVP_PKEY_CTX *operation_new(EVP_PKEY *key, int (*start)(EVP_PKEY_CTX *))
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (ctx && start(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, lth_crypto__sha256()) == 1)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

EVP_PKEY_CTX *lth_crypto__verifier_new(EVP_PKEY *key)
{
    return operation_new(key, EVP_PKEY_verify_init);
}

static bool in_range(const uint8_t scalar[SCALAR_SIZE])
{
    static const uint8_t zero[SCALAR_SIZE];
    return memcmp(scalar, zero, SCALAR_SIZE) != 0 && memcmp(scalar, group_order, SCALAR_SIZE) < 0;
}

static int der_of_raw(uint8_t der[SIG_DER_SIZE], const uint8_t sig[LTH_SIG_SIZE])
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(sig, SCALAR_SIZE, NULL);
    BIGNUM *s = BN_bin2bn(sig + SCALAR_SIZE, SCALAR_SIZE, NULL);
    int n = 0;

    if (!pair || !r || !s || ECDSA_SIG_set0(pair, r, s) != 1)
        goto done;
    r = s = NULL; /* now owned by the pair */
    n = i2d_ECDSA_SIG(pair, &der);
done:
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return n;
}

static bool raw_of_der(uint8_t sig[LTH_SIG_SIZE], const uint8_t *der, size_t n)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)n);
    bool good = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig, SCALAR_SIZE) == SCALAR_SIZE &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), sig + SCALAR_SIZE, SCALAR_SIZE) == SCALAR_SIZE;
    ECDSA_SIG_free(pair);
    return good;
}

/*
 * Copying a prepared context costs 47.5 us a verification against 49.8 with a fresh context and
 * 50.4 with EVP_DigestVerify (OpenSSL 3.0, one EPYC core), and takes no lock of the method store.
 */
lth_refusal lth_crypto__verify(const EVP_PKEY_CTX *verifier, lth_slice message,
                               const uint8_t sig[LTH_SIG_SIZE])
{
    if (!in_range(sig) || !in_range(sig + SCALAR_SIZE))
        return LTH_REFUSE_bad_signature;

    ERR_clear_error();
    uint8_t der[SIG_DER_SIZE];
    uint8_t digest[LTH_HASH_SIZE];
    lth_refusal verdict = LTH_REFUSE_busy;
    int n = der_of_raw(der, sig);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(verifier);
    if (!ctx || n <= 0 ||
        EVP_Digest(message.p, message.n, digest, NULL, lth_crypto__sha256(), NULL) != 1)
        goto done;
    verdict = EVP_PKEY_verify(ctx, der, (size_t)n, digest, sizeof digest) == 1
                  ? LTH_REFUSE_none
                  : LTH_REFUSE_bad_signature;
done:
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return verdict;
}

static lth_err sign(void *signer, lth_slice message, uint8_t out[LTH_SIG_SIZE])
{
    ERR_clear_error();
    uint8_t der[SIG_DER_SIZE];
    uint8_t digest[LTH_HASH_SIZE];
    size_t n = sizeof der;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(signer);
    bool good = ctx &&
                EVP_Digest(message.p, message.n, digest, NULL, lth_crypto__sha256(), NULL) == 1 &&
                EVP_PKEY_sign(ctx, der, &n, digest, sizeof digest) == 1 && raw_of_der(out, der, n);
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return good ? LTH_OK : LTH_E_CRYPTO;
}

/* Without this OpenSSL would ask for a passphrase on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
    (void)buf, (void)size, (void)writing, (void)ctx;
    return -1;
}

static bool pair_matches(EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool good = ctx && EVP_PKEY_pairwise_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return good;
}

lth_err lth_crypto__private_key_open(EVP_PKEY **out, const char *path, lth_diag *diag)
{
    uint8_t pem[LTH_CRYPTO__FILE_MAX];
    uint8_t spki[LTH_CRYPTO__SPKI_SIZE];
    size_t n = 0;
    BIO *bio = NULL;

    *out = NULL;
    ERR_clear_error();
    lth_err err = lth_crypto__read(path, LTH_CRYPTO__SECRET, pem, &n, diag);
    if (err)
        return err;
    bio = BIO_new_mem_buf(pem, (int)n);
    EVP_PKEY *key =
        bio ? PEM_read_bio_PrivateKey_ex(bio, NULL, no_passphrase, NULL, NULL, NULL) : NULL;
    if (!key || !lth_crypto__p256_spki(key, spki) || !pair_matches(key)) {
        err = lth_fail(diag, LTH_E_FORMAT,
                       "%s: không phải khoá riêng P-256 dạng PEM không mật khẩu / not a P-256 "
                       "private key in PEM without passphrase",
                       path);
        EVP_PKEY_free(key);
        key = NULL;
    }
    *out = key;
    BIO_free(bio);
    OPENSSL_cleanse(pem, sizeof pem);
    ERR_clear_error();
    return err;
}

lth_err lth_crypto_signer_open(lth_signer *out, const char *path, lth_diag *diag)
{
    *out = (lth_signer){0};
    EVP_PKEY *key;
    lth_err err = lth_crypto__private_key_open(&key, path, diag);
    if (err)
        return err;
    EVP_PKEY_CTX *ctx = operation_new(key, EVP_PKEY_sign_init);
    if (ctx && lth_crypto__key_id(key, out->key_id)) {
        out->ctx = ctx; /* holds its own reference to the key */
        out->sign = sign;
    } else {
        EVP_PKEY_CTX_free(ctx);
        err = lth_crypto__fail(diag, path);
    }
    EVP_PKEY_free(key);
    return err;
}

void lth_crypto_signer_close(lth_signer *signer)
{
    EVP_PKEY_CTX_free(signer->ctx);
    *signer = (lth_signer){0};
}
