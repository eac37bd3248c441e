/* Start of OpenSSL, its errors as ours, randomness. */

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <pthread.h>

#include "lib/crypto/internal.h"

#define CURVE_OID "2.25.158426247369267631158914543885999711971"

static struct {
    EVP_MD *sha256;
    ASN1_OBJECT *curve_oid;
} fetched;

static void fetch(void)
{
    /* A host's openssl.cnf must not change what we accept. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return;
    fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    fetched.curve_oid = OBJ_txt2obj(CURVE_OID, 1);
}

lth_err lth_crypto_init(lth_diag *diag)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch);
    if (!fetched.sha256 || !fetched.curve_oid)
        return lth_crypto__fail(diag, "OpenSSL không khởi động được / OpenSSL does not start");
    return LTH_OK;
}

const EVP_MD *lth_crypto__sha256(void)
{
    LTH_ASSERT(fetched.sha256);
    return fetched.sha256;
}

const ASN1_OBJECT *lth_crypto__curve_oid(void)
{
    LTH_ASSERT(fetched.curve_oid);
    return fetched.curve_oid;
}

lth_err lth_crypto__fail(lth_diag *diag, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    lth_err err = lth_fail(diag, LTH_E_CRYPTO, "%s (%s)", what, reason ? reason : "OpenSSL");
    ERR_clear_error();
    return err;
}

static void random_fill(void *ctx, void *out, size_t n)
{
    (void)ctx;
    uint8_t *p = out;
    while (n > 0) {
        int step = n < 65536 ? (int)n : 65536;
        LTH_ASSERT(RAND_bytes(p, step) == 1);
        p += step;
        n -= (size_t)step;
    }
}

lth_random lth_crypto_random(void)
{
    return (lth_random){NULL, random_fill};
}

void lth_crypto_cleanse(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}

bool lth_crypto_same(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}
