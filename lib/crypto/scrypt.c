/* A passphrase to a key, slowly (RFC 7914). */

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "lib/crypto/internal.h"

#define MEMORY_MAX (64u * 1024u * 1024u) /* N = 2^15, r = 8 takes 32 MiB */

lth_err lth_crypto_scrypt(uint8_t out[LTH_HASH_SIZE], lth_slice passphrase, lth_slice salt,
                          lth_diag *diag)
{
    uint64_t n = LTH_SCRYPT_N, memory = MEMORY_MAX;
    uint32_t r = LTH_SCRYPT_R, p = LTH_SCRYPT_P;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)passphrase.p,
                                          passphrase.n),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.p, salt.n),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
        OSSL_PARAM_construct_end(),
    };
    lth_err err = LTH_OK;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    if (!ctx || EVP_KDF_derive(ctx, out, LTH_HASH_SIZE, params) != 1) {
        OPENSSL_cleanse(out, LTH_HASH_SIZE);
        err = lth_crypto__fail(diag, "scrypt");
    }
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return err;
}
