/**
 * @file lth/crypto.h
 * OpenSSL behind a narrow door: the only folder that includes openssl/ is lib/crypto.
 *
 * Leaf certificates (wire.md section 2): P-256, exactly one SAN URI lth://<org_id hex>/<role>/<n>,
 * digitalSignature, extension 2.25.158426247369267631158914543885999711971 (OCTET STRING, 32 bytes:
 * the CURVE public key). CA certificates carry SAN lth://<org_id hex>/ca/<n>. Ministry root signs
 * CAs (and is self-signed); a CA signs leaves.
 */
#pragma once

#include "lth/diag.h"
#include "lth/hash.h"

/** Call once at start: OPENSSL_INIT_NO_LOAD_CONFIG, fetches algorithms. */
LTH_MUST_USE lth_err lth_crypto_init(lth_diag *diag);

/** A hasher with its own EVP_MD_CTX; one per thread. Release with lth_crypto_hasher_free(). */
LTH_MUST_USE lth_err lth_crypto_hasher_new(lth_hasher *out, lth_diag *diag);
void lth_crypto_hasher_free(lth_hasher *hasher);
lth_random lth_crypto_random(void);

/** Private signing key from a PEM file; the file must be owned by us or root and not be accessible
 * to others (mode & 077 == 0). The signer is thread-safe. LTH_E_IO, LTH_E_CRYPTO, LTH_E_FORMAT. */
LTH_MUST_USE lth_err lth_crypto_signer_open(lth_signer *out, const char *path, lth_diag *diag);
void lth_crypto_signer_close(lth_signer *signer);

/** Trust store over one root certificate (PEM file, or DER bytes). */
LTH_MUST_USE lth_err lth_crypto_trust_open(lth_trust *out, const char *root_path, lth_diag *diag);
LTH_MUST_USE lth_err lth_crypto_trust_of_der(lth_trust *out, lth_slice root_der, lth_diag *diag);
void lth_crypto_trust_close(lth_trust *trust);
/** SHA-256 of the root certificate's DER. */
void lth_crypto_trust_root_hash(const lth_trust *trust, uint8_t out[LTH_HASH_SIZE]);
/** Learn from a PEM bundle: leaf first, its CA second. LTH_E_IO, LTH_E_FORMAT (not two PEM
 * certificates), LTH_E_REFUSED; the diag names the file and the reason. */
LTH_MUST_USE lth_err lth_crypto_trust_learn_file(lth_trust *trust, const char *path,
                                                 lth_key_info *info, lth_diag *diag);
/** DER of a learned leaf and of its CA; borrowed until close (certificates are kept for ever).
 * LTH_E_NOT_FOUND. */
LTH_MUST_USE lth_err lth_crypto_trust_der(const lth_trust *trust,
                                          const uint8_t key_id[LTH_HASH_SIZE], lth_slice *leaf_der,
                                          lth_slice *ca_der);
/** The learned key whose certificate names this CURVE key; for the ZAP handler. Where several do, a
 * leaf that is not a host's goes before one that is, then the org learned first keeps it, then the
 * org's certificate that ends later. LTH_E_NOT_FOUND. */
LTH_MUST_USE lth_err lth_crypto_trust_by_curve(const lth_trust *trust, const uint8_t curve_key[32],
                                               lth_key_info *out);

/** Make a node's or school's keys and certificates. All files are written to a temporary name,
 * synced and renamed; keys mode 0400, certificates 0444. EXISTS if any is there already, and
 * then nothing is written. The directory is made (0700) if missing. A certificate never ends later
 * than the one above it; LTH_E_CONFIG when that has expired. Also LTH_E_IO, LTH_E_FORMAT (key and
 * certificate above do not belong together), LTH_E_CRYPTO. */
typedef struct lth_cert_request {
    lth_id org;
    lth_role role;            /**< Of a leaf: agent, host, broker or admin; not read otherwise. */
    uint32_t number;          /**< <n> of the SAN. */
    uint64_t now_ms;          /**< notBefore = now - 48 h. */
    uint32_t days;            /**< 400 for leaves, 3,650 for CAs, 7,300 for the root. */
    const uint8_t *curve_key; /**< 32 bytes; NULL for CAs. */
} lth_cert_request;
/** Writes DIR/root.key, DIR/root.crt. */
LTH_MUST_USE lth_err lth_crypto_make_root(const char *dir, const lth_cert_request *req,
                                          lth_diag *diag);
/** Writes DIR/ca.key, DIR/ca.crt, and copies root.crt; signed with ROOT_DIR/root.key. */
LTH_MUST_USE lth_err lth_crypto_make_ca(const char *dir, const char *root_dir,
                                        const lth_cert_request *req, lth_diag *diag);
/** Writes DIR/sign.key, DIR/sign.crt (leaf, then its CA, PEM), DIR/ca.crt, DIR/root.crt, DIR/id.key
 * (32 random bytes, hex line); signed with CA_DIR/ca.key. */
LTH_MUST_USE lth_err lth_crypto_make_leaf(const char *dir, const char *ca_dir,
                                          const lth_cert_request *req, lth_diag *diag);
/** A 32-byte secret written as one line of 64 hex digits, mode 0400; same ownership rule. */
LTH_MUST_USE lth_err lth_crypto_secret_open(uint8_t out[32], const char *path, lth_diag *diag);
LTH_MUST_USE lth_err lth_crypto_secret_write(const char *path, const uint8_t secret[32],
                                             lth_diag *diag);
/** A passphrase to 32 bytes (scrypt, RFC 7914). Takes 32 MiB and about a tenth of a second: callers
 * do one at a time. LTH_E_CRYPTO (also: no memory). */
#define LTH_SCRYPT_N 32768u
#define LTH_SCRYPT_R 8u
#define LTH_SCRYPT_P 1u
LTH_MUST_USE lth_err lth_crypto_scrypt(uint8_t out[LTH_HASH_SIZE], lth_slice passphrase,
                                       lth_slice salt, lth_diag *diag);
/** Are the @p n bytes the same? Takes equally long whatever they are. */
bool lth_crypto_same(const void *a, const void *b, size_t n);
/** Zero memory that the compiler may not skip. */
void lth_crypto_cleanse(void *p, size_t n);
