/* Certificates as wire.md section 2 allows them, and nothing else. */

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "lib/crypto/internal.h"

#define URI_SCHEME      "lth://"
#define CURVE_KEY_SIZE  32
#define PATHLEN_NOT_SET (-1L)

/* What a kind of certificate must say. */
typedef struct cert_form {
    bool is_ca;
    bool has_name;  /* the SAN */
    bool has_curve; /* the CURVE key */
    bool may_sign_cas;
    uint32_t usage;
} cert_form;

static const cert_form forms[] = {
    [LTH_CRYPTO__ROOT] = {.is_ca = true, .may_sign_cas = true, .usage = KU_KEY_CERT_SIGN},
    [LTH_CRYPTO__CA] = {.is_ca = true, .has_name = true, .usage = KU_KEY_CERT_SIGN},
    [LTH_CRYPTO__LEAF] = {.has_name = true, .has_curve = true, .usage = KU_DIGITAL_SIGNATURE},
};

/* OpenSSL reads BER; only what it would write itself is let in, so that one certificate has one
 * form. */
static bool is_canonical(X509 *x509, lth_slice der)
{
    uint8_t *again = NULL;
    int tbs = i2d_re_X509_tbs(x509, &again); /* forgets the bytes kept from parsing */
    OPENSSL_free(again);
    again = NULL;
    int n = tbs > 0 ? i2d_X509(x509, &again) : 0;
    bool same = n > 0 && lth_slice_equal(lth_slice_of(again, (size_t)n), der);
    OPENSSL_free(again);
    return same;
}

static const char *check_signature_algorithm(lth_crypto__cert *cert, const cert_form *form)
{
    (void)form;
    const X509_ALGOR *algorithm;
    const ASN1_OBJECT *oid;
    int parameter;
    X509_get0_signature(NULL, &algorithm, cert->x509);
    X509_ALGOR_get0(&oid, &parameter, NULL, algorithm);
    return OBJ_obj2nid(oid) == NID_ecdsa_with_SHA256 && parameter == V_ASN1_UNDEF
               ? NULL
               : "signature algorithm is not ECDSA with SHA-256";
}

static const char *check_key(lth_crypto__cert *cert, const cert_form *form)
{
    (void)form;
    cert->key = X509_get0_pubkey(cert->x509);
    return cert->key && lth_crypto__key_id(cert->key, cert->info.key_id)
               ? NULL
               : "key is not a point of the named curve P-256";
}

static const char *check_extensions(lth_crypto__cert *cert, const cert_form *form)
{
    uint32_t flags = X509_get_extension_flags(cert->x509);
    if (X509_get_version(cert->x509) != X509_VERSION_3)
        return "not X.509 version 3";
    if (flags & EXFLAG_INVALID)
        return "malformed extension";
    if (flags & EXFLAG_CRITICAL)
        return "unknown critical extension";
    if (!(flags & EXFLAG_KUSAGE) || X509_get_key_usage(cert->x509) != form->usage)
        return form->is_ca ? "key usage is not keyCertSign" : "key usage is not digitalSignature";
    return NULL;
}

static const char *check_constraints(lth_crypto__cert *cert, const cert_form *form)
{
    bool is_ca = (X509_get_extension_flags(cert->x509) & EXFLAG_CA) != 0;
    if (is_ca != form->is_ca)
        return form->is_ca ? "not a CA" : "a CA in the place of a leaf";
    long pathlen = X509_get_pathlen(cert->x509);
    if (form->may_sign_cas && pathlen != PATHLEN_NOT_SET && pathlen < 1)
        return "path length leaves no room for a CA";
    if (is_ca && !form->may_sign_cas && pathlen != 0)
        return "path length is not 0";
    return NULL;
}

void lth_crypto__uri(char out[LTH_CRYPTO__URI_MAX], const lth_id *org, lth_role role,
                     uint32_t number)
{
    char hex[2 * sizeof org->b + 1];
    lth_hex(hex, org->b, sizeof org->b);
    lth_format(out, LTH_CRYPTO__URI_MAX, URI_SCHEME "%s/%s/%u", hex, lth_role_name(role),
               (unsigned)number);
}

/* Read loosely, write again, compare: only the one spelling of a name passes. */
static bool parse_uri(lth_key_info *info, const char *text, size_t size)
{
    char uri[LTH_CRYPTO__URI_MAX], again[LTH_CRYPTO__URI_MAX];
    const size_t org_at = sizeof URI_SCHEME - 1;
    const size_t role_at = org_at + 2 * sizeof info->org.b + 1;
    if (size <= role_at || size >= sizeof uri)
        return false;
    memcpy(uri, text, size);
    uri[size] = '\0';
    if (!lth_unhex(info->org.b, sizeof info->org.b, uri + org_at, 2 * sizeof info->org.b))
        return false;
    const char *slash = strchr(uri + role_at, '/');
    uint64_t number = 0;
    for (const char *p = slash ? slash + 1 : ""; *p >= '0' && *p <= '9' && number <= UINT32_MAX;
         p++)
        number = number * 10 + (uint64_t)(*p - '0');
    if (number > UINT32_MAX)
        return false;
    for (int role = LTH_ROLE_AGENT; role <= LTH_ROLE_CA; role++) {
        lth_crypto__uri(again, &info->org, (lth_role)role, (uint32_t)number);
        if (strlen(again) == size && memcmp(again, text, size) == 0) {
            info->role = (lth_role)role;
            return !lth_id_is_zero(&info->org);
        }
    }
    return false;
}

static const char *check_name(lth_crypto__cert *cert, const cert_form *form)
{
    if (!form->has_name)
        return NULL;
    const char *why = NULL;
    GENERAL_NAMES *names = X509_get_ext_d2i(cert->x509, NID_subject_alt_name, NULL, NULL);
    if (!names || sk_GENERAL_NAME_num(names) != 1) {
        why = "subject alternative names are not exactly one";
        goto done;
    }
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, 0);
    const ASN1_STRING *uri = name->type == GEN_URI ? name->d.uniformResourceIdentifier : NULL;
    if (!uri || !parse_uri(&cert->info, (const char *)ASN1_STRING_get0_data(uri),
                           (size_t)ASN1_STRING_length(uri)))
        why = "subject alternative name is not a URI lth://ORG/ROLE/N";
    else if ((cert->info.role == LTH_ROLE_CA) != form->is_ca)
        why = "role does not fit the kind of certificate";
done:
    GENERAL_NAMES_free(names);
    return why;
}

static const char *check_curve(lth_crypto__cert *cert, const cert_form *form)
{
    static const uint8_t head[] = {V_ASN1_OCTET_STRING, CURVE_KEY_SIZE};
    if (!form->has_curve)
        return NULL;
    int at = X509_get_ext_by_OBJ(cert->x509, lth_crypto__curve_oid(), -1);
    if (at < 0 || X509_get_ext_by_OBJ(cert->x509, lth_crypto__curve_oid(), at) >= 0)
        return "extensions with a CURVE key are not exactly one";
    const ASN1_STRING *value = X509_EXTENSION_get_data(X509_get_ext(cert->x509, at));
    const uint8_t *der = ASN1_STRING_get0_data(value);
    if (ASN1_STRING_length(value) != sizeof head + CURVE_KEY_SIZE ||
        memcmp(der, head, sizeof head) != 0)
        return "CURVE key is not an OCTET STRING of 32 bytes";
    memcpy(cert->info.curve_key, der + sizeof head, CURVE_KEY_SIZE);
    return NULL;
}

static bool ms_of_time(uint64_t *out, const ASN1_TIME *time)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) != 1)
        return false;
    time_t seconds = timegm(&tm);
    *out = (uint64_t)seconds * 1000;
    return seconds >= 0;
}

static const char *check_dates(lth_crypto__cert *cert, const cert_form *form)
{
    (void)form;
    return ms_of_time(&cert->info.not_before_ms, X509_get0_notBefore(cert->x509)) &&
                   ms_of_time(&cert->info.not_after_ms, X509_get0_notAfter(cert->x509)) &&
                   cert->info.not_before_ms < cert->info.not_after_ms
               ? NULL
               : "validity dates make no sense";
}

static const char *(*const checks[])(lth_crypto__cert *cert, const cert_form *form) = {
    check_signature_algorithm,
    check_key,
    check_extensions,
    check_constraints,
    check_name,
    check_curve,
    check_dates,
};

const char *lth_crypto__cert_parse(lth_crypto__cert *out, lth_slice der, lth_crypto__kind kind)
{
    *out = (lth_crypto__cert){0};
    const uint8_t *p = der.p;
    const char *why = NULL;

    ERR_clear_error();
    if (der.n == 0 || der.n > LTH_CRYPTO__CERT_MAX)
        return "size is not 1 to 4096 bytes";
    out->x509 = d2i_X509(NULL, &p, (long)der.n);
    if (!out->x509 || p != der.p + der.n || !is_canonical(out->x509, der))
        why = "not one certificate in DER";
    for (size_t i = 0; !why && i < sizeof checks / sizeof checks[0]; i++)
        why = checks[i](out, &forms[kind]);
    ERR_clear_error();
    return why;
}

void lth_crypto__cert_release(lth_crypto__cert *cert)
{
    X509_free(cert->x509);
    *cert = (lth_crypto__cert){0};
}

static lth_slice name_der(const X509_NAME *name)
{
    lth_slice der = {0};
    LTH_ASSERT(X509_NAME_get0_der(name, &der.p, &der.n) == 1);
    return der;
}

const char *lth_crypto__cert_follows(const lth_crypto__cert *child, const lth_crypto__cert *parent)
{
    if (!lth_slice_equal(name_der(X509_get_issuer_name(child->x509)),
                         name_der(X509_get_subject_name(parent->x509))))
        return "issuer is not the subject of the certificate above it";
    ERR_clear_error();
    int good = X509_verify(child->x509, parent->key);
    ERR_clear_error();
    return good == 1 ? NULL : "signature of the certificate above it does not verify";
}

static bool next_cert(BIO *bio, lth_slice *out)
{
    char *name = NULL, *header = NULL;
    uint8_t *data = NULL;
    long n = 0;
    bool good = PEM_read_bio(bio, &name, &header, &data, &n) == 1 && n > 0 &&
                strcmp(name, PEM_STRING_X509) == 0;
    *out = lth_slice_of(good ? data : NULL, good ? (size_t)n : 0);
    if (!good)
        OPENSSL_free(data);
    OPENSSL_free(name);
    OPENSSL_free(header);
    return good;
}

lth_err lth_crypto__certs_read(const char *path, lth_slice *ders, size_t n_ders, lth_diag *diag)
{
    uint8_t pem[LTH_CRYPTO__FILE_MAX];
    size_t n = 0, got = 0;
    lth_slice more = {0};

    lth_err err = lth_crypto__read(path, LTH_CRYPTO__PUBLIC, pem, &n, diag);
    if (err)
        return err;
    BIO *bio = BIO_new_mem_buf(pem, (int)n);
    while (bio && got < n_ders && next_cert(bio, &ders[got]))
        got++;
    if (got != n_ders || next_cert(bio, &more)) {
        err = lth_fail(diag, LTH_E_FORMAT,
                       "%s: cần đúng %zu chứng thư PEM / exactly %zu PEM certificates wanted", path,
                       n_ders, n_ders);
        for (size_t i = 0; i < got; i++)
            OPENSSL_free((void *)ders[i].p);
        OPENSSL_free((void *)more.p);
    }
    BIO_free(bio);
    ERR_clear_error();
    return err;
}
