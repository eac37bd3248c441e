/* Keys and certificates for a new node. Every certificate passes our own checks before a file of it
 * is written. */

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/crypto/internal.h"

#define BACKDATE_MS     (UINT64_C(48) * 3600 * 1000)
#define DAY_S           86400
#define SERIAL_BITS     128
#define CURVE_KEY_SIZE  32
#define SECRET_LINE     65
#define KEY_MODE        0400
#define CERT_MODE       0444
#define COMMON_NAME_MAX 64

typedef struct extension {
    int nid;
    const char *value; /* of openssl's x509v3_config */
} extension;

/* Beside the SAN and the CURVE key. */
static const extension extensions[][4] = {
    [LTH_CRYPTO__ROOT] = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:1"},
                          {NID_key_usage, "critical,keyCertSign"},
                          {NID_subject_key_identifier, "hash"}},
    [LTH_CRYPTO__CA] = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                        {NID_key_usage, "critical,keyCertSign"},
                        {NID_subject_key_identifier, "hash"},
                        {NID_authority_key_identifier, "keyid:always"}},
    [LTH_CRYPTO__LEAF] = {{NID_basic_constraints, "critical,CA:FALSE"},
                          {NID_key_usage, "critical,digitalSignature"},
                          {NID_subject_key_identifier, "hash"},
                          {NID_authority_key_identifier, "keyid:always"}},
};

/* Who signs: itself for a root. */
typedef struct issuer {
    EVP_PKEY *key;
    lth_crypto__cert cert;
    lth_slice der;      /* of cert; from OpenSSL's heap */
    lth_slice root_der; /* the root above a CA */
} issuer;

static bool add_extension(X509 *x509, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_nconf_nid(NULL, ctx, nid, value);
    bool good = ext && X509_add_ext(x509, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return good;
}

static bool add_san(X509 *x509, X509V3_CTX *ctx, const lth_cert_request *req, lth_role role)
{
    char uri[LTH_CRYPTO__URI_MAX];
    char value[LTH_CRYPTO__URI_MAX + 4];
    lth_crypto__uri(uri, &req->org, role, req->number);
    lth_format(value, sizeof value, "URI:%s", uri);
    return add_extension(x509, ctx, NID_subject_alt_name, value);
}

static bool add_curve(X509 *x509, const uint8_t curve_key[CURVE_KEY_SIZE])
{
    uint8_t der[2 + CURVE_KEY_SIZE] = {V_ASN1_OCTET_STRING, CURVE_KEY_SIZE};
    memcpy(der + 2, curve_key, CURVE_KEY_SIZE);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext = NULL;
    bool good = value && ASN1_OCTET_STRING_set(value, der, sizeof der) == 1 &&
                (ext = X509_EXTENSION_create_by_OBJ(NULL, lth_crypto__curve_oid(), 0, value)) &&
                X509_add_ext(x509, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    return good;
}

static bool add_extensions(X509 *x509, const issuer *by, lth_crypto__kind kind,
                           const lth_cert_request *req)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, by ? by->cert.x509 : x509, x509, NULL, NULL, 0);
    for (size_t i = 0; i < 4 && extensions[kind][i].value; i++)
        if (!add_extension(x509, &ctx, extensions[kind][i].nid, extensions[kind][i].value))
            return false;
    if (kind == LTH_CRYPTO__ROOT)
        return true;
    lth_role role = kind == LTH_CRYPTO__CA ? LTH_ROLE_CA : req->role;
    return add_san(x509, &ctx, req, role) &&
           (kind != LTH_CRYPTO__LEAF || add_curve(x509, req->curve_key));
}

static bool set_serial(X509 *x509)
{
    BIGNUM *serial = BN_new();
    bool good = serial && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
                BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x509)) != NULL;
    BN_free(serial);
    return good;
}

/* A root and the CA of the same ministry have different names, or chains would be ambiguous. */
static bool set_names(X509 *x509, const issuer *by, lth_crypto__kind kind,
                      const lth_cert_request *req)
{
    char hex[2 * sizeof req->org.b + 1];
    char name[COMMON_NAME_MAX];
    const char *what[] = {"root", lth_role_name(LTH_ROLE_CA), lth_role_name(req->role)};
    lth_hex(hex, req->org.b, sizeof req->org.b);
    lth_format(name, sizeof name, "%s %s %u", hex, what[kind], (unsigned)req->number);
    X509_NAME *subject = X509_get_subject_name(x509);
    if (X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const uint8_t *)name,
                                   -1, -1, 0) != 1)
        return false;
    return X509_set_issuer_name(x509, by ? X509_get_subject_name(by->cert.x509) : subject) == 1;
}

/* Never longer than the certificate above it. */
static bool set_dates(X509 *x509, const issuer *by, const lth_cert_request *req)
{
    uint64_t before_ms = req->now_ms > BACKDATE_MS ? req->now_ms - BACKDATE_MS : 0;
    time_t now = (time_t)(req->now_ms / 1000);
    time_t after = now + (time_t)req->days * DAY_S;
    if (by && (uint64_t)after > by->cert.info.not_after_ms / 1000)
        after = (time_t)(by->cert.info.not_after_ms / 1000);
    return ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(before_ms / 1000)) &&
           ASN1_TIME_set(X509_getm_notAfter(x509), after);
}

static lth_err encode(lth_slice *out, const X509 *x509)
{
    uint8_t *der = NULL;
    int n = i2d_X509(x509, &der);
    *out = lth_slice_of(der, n > 0 ? (size_t)n : 0);
    return n > 0 ? LTH_OK : LTH_E_CRYPTO;
}

static void der_free(lth_slice *der)
{
    OPENSSL_free((void *)der->p);
    *der = (lth_slice){0};
}

/* A new key and its certificate; @p by is NULL for a root. */
static lth_err issue(issuer *out, const issuer *by, lth_crypto__kind kind,
                     const lth_cert_request *req, lth_diag *diag)
{
    lth_err err = LTH_OK;
    X509 *x509 = X509_new();
    out->key = EVP_EC_gen("P-256");
    EVP_PKEY *signing_key = by ? by->key : out->key;
    bool good = x509 && out->key && X509_set_version(x509, X509_VERSION_3) == 1 &&
                set_serial(x509) && set_names(x509, by, kind, req) && set_dates(x509, by, req) &&
                X509_set_pubkey(x509, out->key) == 1 && add_extensions(x509, by, kind, req) &&
                X509_sign(x509, signing_key, lth_crypto__sha256()) > 0;
    if (!good || encode(&out->der, x509)) {
        err = lth_crypto__fail(diag, "không làm được chứng thư / certificate could not be made");
        goto done;
    }
    const char *why = lth_crypto__cert_parse(&out->cert, out->der, kind);
    if (!why)
        why = lth_crypto__cert_follows(&out->cert, by ? &by->cert : &out->cert);
    if (why)
        err = lth_fail(diag, LTH_E_CRYPTO,
                       "chứng thư vừa làm không đạt / the new certificate does not pass: %s", why);
done:
    X509_free(x509);
    return err;
}

static void issuer_fini(issuer *self)
{
    EVP_PKEY_free(self->key);
    lth_crypto__cert_release(&self->cert);
    der_free(&self->der);
    der_free(&self->root_der);
}

static lth_err read_cert(lth_slice *out, const char *dir, const char *name, lth_diag *diag)
{
    char path[LTH_CRYPTO__PATH_MAX];
    lth_err err = lth_crypto__path(path, dir, name, diag);
    return err ? err : lth_crypto__certs_read(path, out, 1, diag);
}

static lth_err issuer_open(issuer *out, const char *dir, lth_crypto__kind kind,
                           const lth_cert_request *req, lth_diag *diag)
{
    const char *name = kind == LTH_CRYPTO__ROOT ? "root" : "ca";
    char file[16], path[LTH_CRYPTO__PATH_MAX];
    uint8_t key_id[LTH_HASH_SIZE];

    lth_format(file, sizeof file, "%s.key", name);
    lth_err err = lth_crypto__path(path, dir, file, diag);
    if (!err)
        err = lth_crypto__private_key_open(&out->key, path, diag);
    lth_format(file, sizeof file, "%s.crt", name);
    if (!err)
        err = read_cert(&out->der, dir, file, diag);
    if (!err)
        err = read_cert(&out->root_der, dir, "root.crt", diag);
    if (err)
        return err;
    const char *why = lth_crypto__cert_parse(&out->cert, out->der, kind);
    if (why)
        return lth_fail(diag, LTH_E_FORMAT, "%s/%s: chứng thư bị từ chối / certificate refused: %s",
                        dir, file, why);
    if (!lth_crypto__key_id(out->key, key_id) ||
        memcmp(key_id, out->cert.info.key_id, sizeof key_id) != 0)
        return lth_fail(diag, LTH_E_FORMAT,
                        "%s/%s: không đi với %s.key / does not belong to %s.key", dir, file, name,
                        name);
    if (out->cert.info.not_after_ms <= req->now_ms)
        return lth_fail(diag, LTH_E_CONFIG, "%s/%s: chứng thư hết hạn / certificate has expired",
                        dir, file);
    return LTH_OK;
}

static lth_slice bio_content(BIO *bio)
{
    char *p = NULL;
    long n = bio ? BIO_get_mem_data(bio, &p) : 0;
    return lth_slice_of(p, n > 0 ? (size_t)n : 0);
}

static bool put_key(BIO *bio, EVP_PKEY *key)
{
    return bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
}

static bool put_cert(BIO *bio, lth_slice der)
{
    return bio && der.n > 0 && PEM_write_bio(bio, PEM_STRING_X509, "", der.p, (long)der.n) > 0;
}

/* What a directory of identity gets, beside its own key: chain[0] is its own certificate. */
typedef struct output {
    const char *key_name;
    const char *names[3];
    lth_slice chain[3];
    bool bundle; /* the first file holds the second certificate too */
    bool id_key;
} output;

static lth_err write_output(const char *dir, EVP_PKEY *key, const output *out, lth_diag *diag)
{
    char id_line[SECRET_LINE + 1];
    uint8_t id[32];
    BIO *bios[4] = {BIO_new(BIO_s_mem())};
    bool good = put_key(bios[0], key);
    lth_crypto__file files[5];
    size_t n = 0;

    /* The key last: where it is, the others are. */
    for (; good && n < 3 && out->names[n]; n++) {
        BIO *bio = bios[n + 1] = BIO_new(BIO_s_mem());
        good =
            put_cert(bio, out->chain[n]) && (n > 0 || !out->bundle || put_cert(bio, out->chain[1]));
        files[n] = (lth_crypto__file){out->names[n], CERT_MODE, bio_content(bio)};
    }
    if (out->id_key) {
        lth_random random = lth_crypto_random();
        random.fill(random.ctx, id, sizeof id);
        lth_hex(id_line, id, sizeof id);
        id_line[SECRET_LINE - 1] = '\n';
        files[n++] = (lth_crypto__file){"id.key", KEY_MODE, lth_slice_of(id_line, SECRET_LINE)};
    }
    files[n++] = (lth_crypto__file){out->key_name, KEY_MODE, bio_content(bios[0])};
    lth_err err = good ? lth_crypto__write_all(dir, files, n, diag)
                       : lth_crypto__fail(diag, "không ghi được PEM / PEM could not be written");
    for (size_t i = 0; i < 4; i++)
        BIO_free(bios[i]);
    OPENSSL_cleanse(id, sizeof id);
    OPENSSL_cleanse(id_line, sizeof id_line);
    return err;
}

lth_err lth_crypto_make_root(const char *dir, const lth_cert_request *req, lth_diag *diag)
{
    issuer root = {0};
    ERR_clear_error();
    lth_err err = issue(&root, NULL, LTH_CRYPTO__ROOT, req, diag);
    if (!err)
        err = write_output(
            dir, root.key,
            &(output){.key_name = "root.key", .names = {"root.crt"}, .chain = {root.der}}, diag);
    issuer_fini(&root);
    return err;
}

lth_err lth_crypto_make_ca(const char *dir, const char *root_dir, const lth_cert_request *req,
                           lth_diag *diag)
{
    issuer root = {0}, ca = {0};
    ERR_clear_error();
    lth_err err = issuer_open(&root, root_dir, LTH_CRYPTO__ROOT, req, diag);
    if (!err)
        err = issue(&ca, &root, LTH_CRYPTO__CA, req, diag);
    if (!err)
        err = write_output(dir, ca.key,
                           &(output){.key_name = "ca.key",
                                     .names = {"ca.crt", "root.crt"},
                                     .chain = {ca.der, root.der}},
                           diag);
    issuer_fini(&ca);
    issuer_fini(&root);
    return err;
}

lth_err lth_crypto_make_leaf(const char *dir, const char *ca_dir, const lth_cert_request *req,
                             lth_diag *diag)
{
    issuer ca = {0}, leaf = {0};
    lth_trust trust = {0};
    LTH_ASSERT(req->curve_key && req->role >= LTH_ROLE_AGENT && req->role <= LTH_ROLE_ADMIN);
    ERR_clear_error();
    lth_err err = issuer_open(&ca, ca_dir, LTH_CRYPTO__CA, req, diag);
    if (!err)
        err = lth_crypto_trust_of_der(&trust, ca.root_der, diag);
    if (!err)
        err = issue(&leaf, &ca, LTH_CRYPTO__LEAF, req, diag);
    if (!err && trust.learn(trust.ctx, leaf.der, ca.der, NULL) != LTH_REFUSE_none)
        err =
            lth_fail(diag, LTH_E_CONFIG,
                     "%s: ca.crt không do root.crt ký / ca.crt is not signed by root.crt", ca_dir);
    if (!err)
        err = write_output(dir, leaf.key,
                           &(output){.key_name = "sign.key",
                                     .names = {"sign.crt", "ca.crt", "root.crt"},
                                     .chain = {leaf.der, ca.der, ca.root_der},
                                     .bundle = true,
                                     .id_key = true},
                           diag);
    lth_crypto_trust_close(&trust);
    issuer_fini(&leaf);
    issuer_fini(&ca);
    return err;
}
