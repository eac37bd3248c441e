/*
 * SHA-256 and HMAC-SHA-256 over one fetched EVP_MD and one re-used context.
 *
 * Measured on OpenSSL 3.0 and one EPYC core, three parts, 65 bytes in all: EVP with a re-used
 * context 125 ns, the same with the parts joined first 113 ns, the low-level SHA256_* functions
 * 98 ns. The gain over the joined form (1.15) is too small for functions deprecated since 3.0.
 */

#include <openssl/crypto.h>
#include <stdlib.h>

#include "lib/crypto/internal.h"

#define BLOCK_SIZE  64  /* of SHA-256 */
#define JOINED_SIZE 256 /* above this, one update a part costs nothing noticeable */

typedef struct hasher {
    EVP_MD_CTX *md;
    uint8_t joined[JOINED_SIZE];
} hasher;

static void sha256_large(hasher *self, const lth_slice *parts, size_t n_parts)
{
    for (size_t i = 0; i < n_parts; i++)
        LTH_ASSERT(EVP_DigestUpdate(self->md, parts[i].p, parts[i].n) == 1);
}

static void sha256_small(hasher *self, const lth_slice *parts, size_t n_parts)
{
    size_t used = 0;
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].n > 0)
            memcpy(self->joined + used, parts[i].p, parts[i].n);
        used += parts[i].n;
    }
    LTH_ASSERT(EVP_DigestUpdate(self->md, self->joined, used) == 1);
}

static void sha256(void *ctx, const lth_slice *parts, size_t n_parts, uint8_t out[LTH_HASH_SIZE])
{
    hasher *self = ctx;
    bool small = true;
    for (size_t i = 0, room = JOINED_SIZE; i < n_parts && small; i++) {
        small = parts[i].n <= room;
        room -= small ? parts[i].n : 0;
    }
    LTH_ASSERT(EVP_DigestInit_ex2(self->md, lth_crypto__sha256(), NULL) == 1);
    (small ? sha256_small : sha256_large)(self, parts, n_parts);
    LTH_ASSERT(EVP_DigestFinal_ex(self->md, out, NULL) == 1);
}

/* RFC 2104 from two passes of the context at hand: EVP_MAC would set up a key object a call. */
static void hmac(void *ctx, lth_slice key, lth_slice message, uint8_t out[LTH_HASH_SIZE])
{
    uint8_t inner[BLOCK_SIZE] = {0};
    uint8_t outer[BLOCK_SIZE];
    uint8_t digest[LTH_HASH_SIZE];

    if (key.n > BLOCK_SIZE)
        sha256(ctx, &key, 1, inner);
    else if (key.n > 0)
        memcpy(inner, key.p, key.n);
    for (size_t i = 0; i < BLOCK_SIZE; i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    sha256(ctx, (lth_slice[]){{inner, BLOCK_SIZE}, message}, 2, digest);
    sha256(ctx, (lth_slice[]){{outer, BLOCK_SIZE}, {digest, LTH_HASH_SIZE}}, 2, out);
    OPENSSL_cleanse(inner, sizeof inner);
    OPENSSL_cleanse(outer, sizeof outer);
}

lth_err lth_crypto_hasher_new(lth_hasher *out, lth_diag *diag)
{
    *out = (lth_hasher){0};
    hasher *self = calloc(1, sizeof *self);
    if (!self)
        return lth_fail(diag, LTH_E_NOMEM, "hết bộ nhớ / out of memory");
    self->md = EVP_MD_CTX_new();
    if (!self->md) {
        free(self);
        return lth_fail(diag, LTH_E_NOMEM, "hết bộ nhớ / out of memory");
    }
    *out = (lth_hasher){self, sha256, hmac};
    return LTH_OK;
}

void lth_crypto_hasher_free(lth_hasher *out)
{
    hasher *self = out->ctx;
    if (self) {
        EVP_MD_CTX_free(self->md);
        OPENSSL_cleanse(self, sizeof *self);
        free(self);
    }
    *out = (lth_hasher){0};
}
