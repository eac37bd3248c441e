/* Certificates made by another implementation (tests/golden/certs/make_certs.py): which are
 * believed, which are refused and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "lth/crypto.h"

static lth_trust trust; /* of root.pem, new for every test */

static const char *path_of(char out[512], const char *name)
{
    snprintf(out, 512, "%s/%s.pem", LTH_GOLDEN_CERTS, name);
    return out;
}

static int init(void **state)
{
    (void)state;
    return lth_crypto_init(NULL) ? -1 : 0;
}

static int setup(void **state)
{
    (void)state;
    char path[512];
    return lth_crypto_trust_open(&trust, path_of(path, "root"), NULL) ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    lth_crypto_trust_close(&trust);
    return 0;
}

static lth_err learn(const char *name, lth_key_info *info, lth_diag *diag)
{
    char path[512];
    return lth_crypto_trust_learn_file(&trust, path_of(path, name), info, diag);
}

static lth_key_info must_learn(const char *name)
{
    lth_key_info info = {0};
    lth_diag diag = {0};
    if (learn(name, &info, &diag))
        fail_msg("%s", diag.text);
    return info;
}

static size_t read_golden(const char *name, uint8_t *out, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", LTH_GOLDEN_CERTS, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(out, 1, size, f);
    fclose(f);
    return n;
}

static void a_good_certificate_says_what_it_holds(void **state)
{
    (void)state;
    lth_key_info info = must_learn("good"), found;
    uint8_t key_id[LTH_HASH_SIZE], sig[LTH_SIG_SIZE], school[16], province[16] = {0};
    memset(school, 0x99, sizeof school);
    province[15] = 0x4f;
    assert_int_equal(read_golden("good.key_id", key_id, sizeof key_id), sizeof key_id);
    assert_int_equal(read_golden("good.sig", sig, sizeof sig), sizeof sig);

    assert_memory_equal(info.key_id, key_id, sizeof key_id);
    assert_memory_equal(info.org.b, school, sizeof school);
    assert_memory_equal(info.issuer_org.b, province, sizeof province);
    assert_int_equal(info.role, LTH_ROLE_AGENT);
    assert_int_equal(info.not_before_ms, UINT64_C(1767225600000)); /* 2026-01-01 */
    assert_int_equal(info.not_after_ms, UINT64_C(1767225600000) + UINT64_C(400) * 86400000);
    for (uint8_t i = 0; i < 32; i++)
        assert_int_equal(info.curve_key[i], i);

    assert_int_equal(trust.find(trust.ctx, key_id, &found), LTH_REFUSE_none);
    assert_memory_equal(&found, &info, sizeof info);
    assert_int_equal(lth_crypto_trust_by_curve(&trust, info.curve_key, &found), LTH_OK);
    assert_memory_equal(&found, &info, sizeof info);
    assert_int_equal(trust.verify(trust.ctx, key_id, lth_slice_of("lienthong", 9), sig),
                     LTH_REFUSE_none);
    assert_int_equal(trust.verify(trust.ctx, key_id, lth_slice_of("Lienthong", 9), sig),
                     LTH_REFUSE_bad_signature);
}

static void every_leaf_role_is_known(void **state)
{
    (void)state;
    assert_int_equal(must_learn("good").role, LTH_ROLE_AGENT);
    assert_int_equal(must_learn("host").role, LTH_ROLE_HOST);
    assert_int_equal(must_learn("broker").role, LTH_ROLE_BROKER);
    assert_int_equal(must_learn("admin").role, LTH_ROLE_ADMIN);
    must_learn("no_constraints");
}

static void dates_are_not_judged(void **state)
{
    (void)state;
    lth_key_info info = must_learn("expired");
    assert_int_equal(info.not_before_ms, UINT64_C(981173106000)); /* 2001-02-03T04:05:06Z */
    assert_int_equal(info.not_after_ms, UINT64_C(981259506000));
}

static void bad_certificates_are_refused_for_their_reason(void **state)
{
    (void)state;
    static const struct {
        const char *name, *why;
    } cases[] = {
        {"no_san", "not exactly one"},
        {"two_sans", "not exactly one"},
        {"san_twice", "not exactly one"},
        {"san_and_dns", "not exactly one"},
        {"san_dns", "not a URI lth://"},
        {"role_unknown", "not a URI lth://"},
        {"org_short", "not a URI lth://"},
        {"org_upper", "not a URI lth://"},
        {"org_zero", "not a URI lth://"},
        {"number_zeros", "not a URI lth://"},
        {"number_large", "not a URI lth://"},
        {"number_none", "not a URI lth://"},
        {"number_wraps", "not a URI lth://"},
        {"uri_tail", "not a URI lth://"},
        {"uri_nul", "not a URI lth://"},
        {"scheme", "not a URI lth://"},
        {"role_ca", "role does not fit"},
        {"p384", "not a point of the named curve P-256"},
        {"secp256k1", "not a point of the named curve P-256"},
        {"ed25519", "not a point of the named curve P-256"},
        {"explicit_parameters", "not a point of the named curve P-256"},
        {"off_curve", "not a point of the named curve P-256"},
        {"compressed_point", "not a point of the named curve P-256"},
        {"sha384", "not ECDSA with SHA-256"},
        {"no_curve", "CURVE key are not exactly one"},
        {"curve_short", "not an OCTET STRING of 32"},
        {"curve_bare", "not an OCTET STRING of 32"},
        {"curve_tail", "not an OCTET STRING of 32"},
        {"no_usage", "not digitalSignature"},
        {"usage_more", "not digitalSignature"},
        {"leaf_is_ca", "a CA in the place of a leaf"},
        {"critical_unknown", "unknown critical extension"},
        {"too_large", "1 to 4096"},
        {"trailing_byte", "not one certificate in DER"},
        {"not_minimal_length", "not one certificate in DER"},
        {"ca_as_leaf", "key usage is not digitalSignature"},
        {"leaf_as_ca", "key usage is not keyCertSign"},
        {"root_as_ca", "path length is not 0"},
        {"other_issuer_name", "issuer is not the subject"},
        {"other_issuer_key", "does not verify"},
        {"foreign_root", "does not verify"},
        {"chain_of_two_cas", "issuer is not the subject"},
        {"ca_pathlen_1", "path length is not 0"},
        {"ca_no_pathlen", "path length is not 0"},
        {"ca_no_san", "not exactly one"},
        {"ca_role", "role does not fit"},
        {"ca_usage", "key usage is not keyCertSign"},
        {"ca_false", "not a CA"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lth_diag diag = {0};
        lth_err err = learn(cases[i].name, NULL, &diag);
        if (err != LTH_E_REFUSED || !strstr(diag.text, cases[i].why))
            fail_msg("%s: %d %s", cases[i].name, err, diag.text);
        assert_non_null(strstr(diag.text, cases[i].name)); /* the file is named */
    }
    must_learn("good");
}

static lth_key_info learn_der(const char *name, lth_slice *leaf, lth_slice *ca)
{
    lth_key_info info = must_learn(name);
    assert_int_equal(lth_crypto_trust_der(&trust, info.key_id, leaf, ca), LTH_OK);
    return info;
}

static lth_refusal learn_copy(const lth_trust *into, lth_slice leaf, lth_slice ca)
{
    /* Exact heap copies, so that a sanitizer sees a read beyond the end. */
    uint8_t *a = malloc(leaf.n + 1), *b = malloc(ca.n + 1);
    assert_true(a && b);
    memcpy(a, leaf.p, leaf.n);
    memcpy(b, ca.p, ca.n);
    a = realloc(a, leaf.n ? leaf.n : 1);
    b = realloc(b, ca.n ? ca.n : 1);
    lth_refusal refusal =
        into->learn(into->ctx, lth_slice_of(a, leaf.n), lth_slice_of(b, ca.n), NULL);
    free(a);
    free(b);
    return refusal;
}

static void a_truncated_certificate_is_refused(void **state)
{
    (void)state;
    lth_slice leaf, ca;
    lth_trust fresh;
    char path[512];
    learn_der("good", &leaf, &ca);
    assert_int_equal(lth_crypto_trust_open(&fresh, path_of(path, "root"), NULL), LTH_OK);
    for (size_t n = 0; n < leaf.n; n++)
        assert_int_equal(learn_copy(&fresh, lth_slice_of(leaf.p, n), ca), LTH_REFUSE_wrong_key);
    for (size_t n = 0; n < ca.n; n++)
        assert_int_equal(learn_copy(&fresh, leaf, lth_slice_of(ca.p, n)), LTH_REFUSE_wrong_key);
    assert_int_equal(learn_copy(&fresh, leaf, ca), LTH_REFUSE_none);
    lth_crypto_trust_close(&fresh);
}

static void an_altered_byte_is_refused(void **state)
{
    (void)state;
    lth_slice leaf, ca;
    lth_trust fresh;
    char path[512];
    uint8_t bytes[4096];
    learn_der("good", &leaf, &ca);
    assert_int_equal(lth_crypto_trust_open(&fresh, path_of(path, "root"), NULL), LTH_OK);
    for (size_t at = 0; at < leaf.n; at++) {
        memcpy(bytes, leaf.p, leaf.n);
        bytes[at] ^= 1;
        assert_int_equal(learn_copy(&fresh, lth_slice_of(bytes, leaf.n), ca), LTH_REFUSE_wrong_key);
    }
    for (size_t at = 0; at < ca.n; at++) {
        memcpy(bytes, ca.p, ca.n);
        bytes[at] ^= 1;
        assert_int_equal(learn_copy(&fresh, leaf, lth_slice_of(bytes, ca.n)), LTH_REFUSE_wrong_key);
    }
    lth_crypto_trust_close(&fresh);
}

static void a_renewed_certificate_replaces_the_older(void **state)
{
    (void)state;
    static const uint8_t renewed_curve[32];
    lth_slice leaf, again, ca;
    lth_key_info good = learn_der("good", &leaf, &ca), found;
    lth_key_info renewed = must_learn("renewed");
    assert_memory_equal(good.key_id, renewed.key_id, LTH_HASH_SIZE);
    assert_true(renewed.not_after_ms > good.not_after_ms);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(trust.find(trust.ctx, good.key_id, &found), LTH_REFUSE_none);
        assert_memory_equal(&found, &renewed, sizeof found);
        /* The older certificate's CURVE key still leads to it, its DER still stands. */
        assert_int_equal(lth_crypto_trust_by_curve(&trust, good.curve_key, &found), LTH_OK);
        assert_int_equal(found.not_after_ms, good.not_after_ms);
        assert_int_equal(lth_crypto_trust_by_curve(&trust, renewed_curve, &found), LTH_OK);
        assert_int_equal(found.not_after_ms, renewed.not_after_ms);
        assert_int_equal(lth_crypto_trust_der(&trust, good.key_id, &again, &ca), LTH_OK);
        assert_false(lth_slice_equal(leaf, again));
        assert_int_equal(learn_copy(&trust, leaf, ca), LTH_REFUSE_none); /* changes nothing */
    }
}

static void the_order_of_learning_does_not_matter(void **state)
{
    (void)state;
    lth_key_info found;
    lth_key_info renewed = must_learn("renewed");
    lth_key_info good = must_learn("good");
    assert_int_equal(trust.find(trust.ctx, good.key_id, &found), LTH_REFUSE_none);
    assert_int_equal(found.not_after_ms, renewed.not_after_ms);
    assert_int_equal(lth_crypto_trust_by_curve(&trust, good.curve_key, &found), LTH_OK);
    assert_int_equal(found.not_after_ms, good.not_after_ms);
}

static void a_key_cannot_be_taken_by_another_org(void **state)
{
    (void)state;
    lth_diag diag;
    lth_key_info good = must_learn("good"), found;
    assert_int_equal(learn("taken_key", NULL, &diag), LTH_E_REFUSED);
    assert_non_null(strstr(diag.text, "known already"));
    assert_int_equal(trust.find(trust.ctx, good.key_id, &found), LTH_REFUSE_none);
    assert_memory_equal(&found, &good, sizeof good);
}

static void a_connection_cannot_be_taken_by_another_org(void **state)
{
    (void)state;
    lth_key_info good = must_learn("good"), found;
    lth_key_info other = must_learn("same_curve");
    assert_memory_equal(good.curve_key, other.curve_key, 32);
    assert_int_equal(lth_crypto_trust_by_curve(&trust, good.curve_key, &found), LTH_OK);
    assert_memory_equal(&found.org, &good.org, sizeof good.org);
    assert_int_equal(trust.find(trust.ctx, other.key_id, &found), LTH_REFUSE_none);
    assert_memory_equal(&found.org, &other.org, sizeof other.org);
}

static void a_hosted_school_does_not_speak_for_the_connection(void **state)
{
    (void)state;
    lth_key_info found;
    lth_key_info hosted = must_learn("host");
    assert_int_equal(lth_crypto_trust_by_curve(&trust, hosted.curve_key, &found), LTH_OK);
    assert_int_equal(found.role, LTH_ROLE_HOST);
    must_learn("broker");
    assert_int_equal(lth_crypto_trust_by_curve(&trust, hosted.curve_key, &found), LTH_OK);
    assert_int_equal(found.role, LTH_ROLE_BROKER);
    must_learn("host");
    assert_int_equal(lth_crypto_trust_by_curve(&trust, hosted.curve_key, &found), LTH_OK);
    assert_int_equal(found.role, LTH_ROLE_BROKER);
}

static void unknown_keys_are_not_found(void **state)
{
    (void)state;
    static const uint8_t none[32] = {1};
    lth_key_info info;
    lth_slice leaf, ca;
    assert_int_equal(trust.find(trust.ctx, none, &info), LTH_REFUSE_unknown_key);
    assert_int_equal(lth_crypto_trust_by_curve(&trust, none, &info), LTH_E_NOT_FOUND);
    assert_int_equal(lth_crypto_trust_der(&trust, none, &leaf, &ca), LTH_E_NOT_FOUND);
}

static void only_a_root_is_taken_as_root(void **state)
{
    (void)state;
    lth_slice leaf, ca;
    lth_trust other;
    lth_diag diag;
    uint8_t root_hash[LTH_HASH_SIZE];
    char path[512];
    learn_der("good", &leaf, &ca);
    lth_crypto_trust_root_hash(&trust, root_hash);
    assert_int_equal(lth_crypto_trust_of_der(&other, leaf, &diag), LTH_E_FORMAT);
    assert_int_equal(lth_crypto_trust_of_der(&other, ca, &diag), LTH_E_FORMAT);
    assert_non_null(strstr(diag.text, "no room for a CA"));
    assert_int_equal(lth_crypto_trust_open(&other, path_of(path, "good"), &diag), LTH_E_FORMAT);
    assert_int_equal(learn("root", NULL, &diag), LTH_E_FORMAT);
    assert_int_equal(learn("nowhere", NULL, &diag), LTH_E_IO);
    assert_null(other.ctx);
    lth_crypto_trust_close(&other);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_good_certificate_says_what_it_holds),
        EACH(every_leaf_role_is_known),
        EACH(dates_are_not_judged),
        EACH(bad_certificates_are_refused_for_their_reason),
        EACH(a_truncated_certificate_is_refused),
        EACH(an_altered_byte_is_refused),
        EACH(a_renewed_certificate_replaces_the_older),
        EACH(the_order_of_learning_does_not_matter),
        EACH(a_key_cannot_be_taken_by_another_org),
        EACH(a_connection_cannot_be_taken_by_another_org),
        EACH(a_hosted_school_does_not_speak_for_the_connection),
        EACH(unknown_keys_are_not_found),
        EACH(only_a_root_is_taken_as_root),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
