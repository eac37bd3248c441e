/**
 * @file lib/crypto/internal.h
 * What the files of lib/crypto share. Nothing outside this folder includes it.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "lth/crypto.h"

#define LTH_CRYPTO__PATH_MAX 4096
#define LTH_CRYPTO__FILE_MAX 16384 /**< Bytes of a key, secret or certificate file. */

/* init.c */

/** SHA-256, fetched once by lth_crypto_init(); calling it earlier is a bug and aborts. */
const EVP_MD *lth_crypto__sha256(void);
/** The extension that names the CURVE key. */
const ASN1_OBJECT *lth_crypto__curve_oid(void);
/** LTH_E_CRYPTO with OpenSSL's own reason; empties its error queue. */
lth_err lth_crypto__fail(lth_diag *diag, const char *what);

/* ecdsa.c */

/** Bytes of a P-256 SubjectPublicKeyInfo: named curve, uncompressed point. No other form is used,
 * so that one key has one key_id. */
#define LTH_CRYPTO__SPKI_SIZE 91
/** The SubjectPublicKeyInfo of a P-256 key on its curve; false for any other key or form. */
bool lth_crypto__p256_spki(EVP_PKEY *key, uint8_t out[LTH_CRYPTO__SPKI_SIZE]);
bool lth_crypto__key_id(EVP_PKEY *key, uint8_t out[LTH_HASH_SIZE]);
/** A context ready to verify; every verification works on its own copy, so threads may share it. */
EVP_PKEY_CTX *lth_crypto__verifier_new(EVP_PKEY *key);
/** LTH_REFUSE_none, bad_signature, or busy when memory is short. */
lth_refusal lth_crypto__verify(const EVP_PKEY_CTX *verifier, lth_slice message,
                               const uint8_t sig[LTH_SIG_SIZE]);
/** A P-256 private key from an owner-checked PEM file; release with EVP_PKEY_free(). */
LTH_MUST_USE lth_err lth_crypto__private_key_open(EVP_PKEY **out, const char *path, lth_diag *diag);

/* file.c */

typedef enum lth_crypto__secrecy { LTH_CRYPTO__PUBLIC, LTH_CRYPTO__SECRET } lth_crypto__secrecy;

/** Whole small file into @p out (LTH_CRYPTO__FILE_MAX bytes). A secret one must be owned by us or
 * root and closed to others. LTH_E_IO, LTH_E_FORMAT (too large). */
LTH_MUST_USE lth_err lth_crypto__read(const char *path, lth_crypto__secrecy secrecy, uint8_t *out,
                                      size_t *out_size, lth_diag *diag);

typedef struct lth_crypto__file {
    const char *name; /**< Within the directory. */
    mode_t mode;
    lth_slice content;
} lth_crypto__file;

#define LTH_CRYPTO__FILES_MAX 8
/** All files or none: each is written under a temporary name and synced, then all get their names,
 * then the directory is synced. The directory is made (0700) if missing. A name that is taken is
 * never replaced: LTH_E_EXISTS. LTH_E_IO. */
LTH_MUST_USE lth_err lth_crypto__write_all(const char *dir, const lth_crypto__file *files,
                                           size_t n_files, lth_diag *diag);
/** DIR/NAME into @p out. LTH_E_LIMIT. */
LTH_MUST_USE lth_err lth_crypto__path(char out[LTH_CRYPTO__PATH_MAX], const char *dir,
                                      const char *name, lth_diag *diag);

/* cert.c */

#define LTH_CRYPTO__CERT_MAX 4096 /**< Bytes of DER. */
#define LTH_CRYPTO__URI_MAX  64   /**< "lth://" 32 hex "/" role "/" number. */

typedef enum lth_crypto__kind {
    LTH_CRYPTO__ROOT,
    LTH_CRYPTO__CA,
    LTH_CRYPTO__LEAF
} lth_crypto__kind;

/** A parsed certificate; not changed after parsing, so threads may share it. */
typedef struct lth_crypto__cert {
    X509 *x509;
    EVP_PKEY *key;     /**< Borrowed from x509. */
    lth_key_info info; /**< issuer_org is left zero; org and role are zero for a root. */
} lth_crypto__cert;

/** Strict: canonical DER without a byte more, and exactly the form that its kind asks for.
 * Signature not judged. NULL, or the reason for refusing it; release @p out in both cases. */
const char *lth_crypto__cert_parse(lth_crypto__cert *out, lth_slice der, lth_crypto__kind kind);
void lth_crypto__cert_release(lth_crypto__cert *cert);
/** NULL when @p parent's name and key signed @p child; the reason otherwise. */
const char *lth_crypto__cert_follows(const lth_crypto__cert *child, const lth_crypto__cert *parent);
/** "lth://ORG/ROLE/N". */
void lth_crypto__uri(char out[LTH_CRYPTO__URI_MAX], const lth_id *org, lth_role role,
                     uint32_t number);
/** Exactly @p n_ders certificates of a PEM file as DER; release each with OPENSSL_free(). LTH_E_IO,
 * LTH_E_FORMAT. On error nothing is to be released. */
LTH_MUST_USE lth_err lth_crypto__certs_read(const char *path, lth_slice *ders, size_t n_ders,
                                            lth_diag *diag);
