/**
 * @file lth/hash.h
 * Hashing, signing and randomness as tables of functions, so that the pure parts link no OpenSSL.
 * lib/crypto gives the real tables; the simulator gives its own.
 */
#pragma once

#include "lth/bytes.h"
#include "lth/err.h"

#define LTH_HASH_SIZE 32
#define LTH_SIG_SIZE  64

/** SHA-256 and HMAC-SHA-256. Not thread-safe: one table (with its own ctx) per thread. */
typedef struct lth_hasher {
    void *ctx;
    /** Hash of the parts one after another. Cannot fail (an internal fault aborts). */
    void (*sha256)(void *ctx, const lth_slice *parts, size_t n_parts, uint8_t out[LTH_HASH_SIZE]);
    void (*hmac)(void *ctx, lth_slice key, lth_slice message, uint8_t out[LTH_HASH_SIZE]);
} lth_hasher;

static inline void lth_sha256(const lth_hasher *h, const void *p, size_t n,
                              uint8_t out[LTH_HASH_SIZE])
{
    lth_slice part = lth_slice_of(p, n);
    h->sha256(h->ctx, &part, 1, out);
}

/** One private key. */
typedef struct lth_signer {
    void *ctx;
    uint8_t key_id[LTH_HASH_SIZE]; /**< SHA-256 of the SubjectPublicKeyInfo. */
    /** ECDSA P-256 over SHA-256 of @p message; raw r||s. LTH_OK or LTH_E_CRYPTO. */
    lth_err (*sign)(void *ctx, lth_slice message, uint8_t out[LTH_SIG_SIZE]);
} lth_signer;

typedef struct lth_random {
    void *ctx;
    void (*fill)(void *ctx, void *out, size_t n); /**< Aborts if the system has no randomness. */
} lth_random;

/** Role in a certificate's SAN (wire.md section 2). */
typedef enum lth_role {
    LTH_ROLE_AGENT = 1,
    LTH_ROLE_HOST = 2,
    LTH_ROLE_BROKER = 3,
    LTH_ROLE_ADMIN = 4,
    LTH_ROLE_CA = 5
} lth_role;
const char *lth_role_name(lth_role role);

/** What a verified certificate says. */
typedef struct lth_key_info {
    uint8_t key_id[LTH_HASH_SIZE];
    lth_id org;
    lth_role role;
    uint64_t not_before_ms;
    uint64_t not_after_ms;
    lth_id issuer_org;     /**< Org of the CA that signed it. */
    uint8_t curve_key[32]; /**< CURVE public key named in the certificate. */
} lth_key_info;

/** Keys this node believes, all chained to its root. Thread-safe. */
typedef struct lth_trust {
    void *ctx;
    /** LTH_REFUSE_none or unknown_key. @p out optional. */
    lth_refusal (*find)(void *ctx, const uint8_t key_id[LTH_HASH_SIZE], lth_key_info *out);
    /** LTH_REFUSE_none, unknown_key, bad_signature, or busy when memory is short. Does not judge
     * validity dates. */
    lth_refusal (*verify)(void *ctx, const uint8_t key_id[LTH_HASH_SIZE], lth_slice message,
                          const uint8_t sig[LTH_SIG_SIZE]);
    /** Check a leaf certificate and the CA certificate that signed it (both DER) up to the root and
     * keep them in memory. Idempotent; of two certificates of one key `find` tells the one that
     * ends later, and one key has one org, role and issuing org for ever. LTH_REFUSE_none,
     * wrong_key (malformed, no chain, no or two SANs, key of another org), store_full (262,144
     * leaves, 1,024 CAs, memory). */
    lth_refusal (*learn)(void *ctx, lth_slice leaf_der, lth_slice ca_der, lth_key_info *out);
} lth_trust;
