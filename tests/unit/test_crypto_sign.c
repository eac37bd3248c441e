/* Signatures: round trips, tampering, ranges of r and s, threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lth/crypto.h"

#define NOW_MS UINT64_C(1763800000000)

/* n of P-256 (SEC 2, 2.4.2) and n - 1, n + 1 */
#define ORDER       "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define ORDER_MINUS "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"
#define ORDER_PLUS  "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552"
#define ZERO        "0000000000000000000000000000000000000000000000000000000000000000"
#define ALL_ONES    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static char base[64];
static lth_trust trust;
static lth_signer signer;

static const char *under(char out[128], const char *name)
{
    snprintf(out, 128, "%s/%s", base, name);
    return out;
}

static lth_cert_request request(uint8_t org, lth_role role)
{
    static const uint8_t curve_key[32] = {9, 9, 9};
    return (lth_cert_request){.org = {{org}},
                              .role = role,
                              .number = 1,
                              .now_ms = NOW_MS,
                              .days = 400,
                              .curve_key = curve_key};
}

static int setup(void **state)
{
    (void)state;
    lth_diag diag = {0};
    char a[128], b[128];
    strcpy(base, "/tmp/lth-sign-XXXXXX");
    lth_cert_request root = request(1, LTH_ROLE_CA), leaf = request(2, LTH_ROLE_AGENT);
    bool good = mkdtemp(base) && !lth_crypto_init(&diag) &&
                !lth_crypto_make_root(under(a, "root"), &root, &diag) &&
                !lth_crypto_make_ca(under(b, "ca"), a, &root, &diag) &&
                !lth_crypto_make_leaf(under(a, "leaf"), b, &leaf, &diag) &&
                !lth_crypto_trust_open(&trust, under(a, "root/root.crt"), &diag) &&
                !lth_crypto_trust_learn_file(&trust, under(a, "leaf/sign.crt"), NULL, &diag) &&
                !lth_crypto_signer_open(&signer, under(a, "leaf/sign.key"), &diag);
    if (!good)
        fprintf(stderr, "%s\n", diag.text);
    return good ? 0 : -1;
}

static void remove_dir(const char *path)
{
    char child[600];
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(child, sizeof child, "%s/%s", path, e->d_name);
        if (unlink(child) != 0)
            remove_dir(child);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static int teardown(void **state)
{
    (void)state;
    lth_crypto_signer_close(&signer);
    lth_crypto_trust_close(&trust);
    remove_dir(base);
    return 0;
}

static lth_refusal verify(const char *message, size_t n, const uint8_t sig[LTH_SIG_SIZE])
{
    return trust.verify(trust.ctx, signer.key_id, lth_slice_of(message, n), sig);
}

static void a_signature_verifies(void **state)
{
    (void)state;
    uint8_t sig[LTH_SIG_SIZE];
    char message[300];
    memset(message, 'm', sizeof message);
    for (size_t n = 0; n <= sizeof message; n += 50) {
        assert_int_equal(signer.sign(signer.ctx, lth_slice_of(message, n), sig), LTH_OK);
        assert_int_equal(verify(message, n, sig), LTH_REFUSE_none);
    }
}

static void an_altered_bit_is_noticed(void **state)
{
    (void)state;
    uint8_t sig[LTH_SIG_SIZE];
    char message[] = "header";
    assert_int_equal(signer.sign(signer.ctx, lth_slice_of(message, 6), sig), LTH_OK);
    for (size_t bit = 0; bit < 8 * LTH_SIG_SIZE; bit += 3) {
        sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(verify(message, 6, sig), LTH_REFUSE_bad_signature);
        sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 48; bit++) {
        message[bit / 8] = (char)(message[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(verify(message, 6, sig), LTH_REFUSE_bad_signature);
        message[bit / 8] = (char)(message[bit / 8] ^ 1 << bit % 8);
    }
    assert_int_equal(verify(message, 5, sig), LTH_REFUSE_bad_signature);
    assert_int_equal(verify(message, 6, sig), LTH_REFUSE_none);
}

static void r_and_s_out_of_range_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {ZERO, ORDER, ORDER_PLUS, ALL_ONES, ORDER_MINUS};
    uint8_t good[LTH_SIG_SIZE], sig[LTH_SIG_SIZE];
    assert_int_equal(signer.sign(signer.ctx, lth_slice_of("m", 1), good), LTH_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        for (size_t half = 0; half <= 32; half += 32) {
            memcpy(sig, good, sizeof sig);
            assert_true(lth_unhex(sig + half, 32, wrong[i], 64));
            assert_int_equal(verify("m", 1, sig), LTH_REFUSE_bad_signature);
        }
    assert_int_equal(verify("m", 1, good), LTH_REFUSE_none);
}

/* ECDSA is malleable: (r, n - s) is a signature too, and nothing of ours relies on it not being. */
static void the_other_s_is_accepted(void **state)
{
    (void)state;
    uint8_t sig[LTH_SIG_SIZE], n[32];
    assert_true(lth_unhex(n, 32, ORDER, 64));
    for (int round = 0; round < 8; round++) {
        assert_int_equal(signer.sign(signer.ctx, lth_slice_of("m", 1), sig), LTH_OK);
        int borrow = 0;
        for (int i = 31; i >= 0; i--) {
            int d = n[i] - sig[32 + i] - borrow;
            borrow = d < 0;
            sig[32 + i] = (uint8_t)(d + 256 * borrow);
        }
        assert_int_equal(borrow, 0);
        assert_int_equal(verify("m", 1, sig), LTH_REFUSE_none);
    }
}

static void an_unknown_key_is_said_to_be_unknown(void **state)
{
    (void)state;
    uint8_t sig[LTH_SIG_SIZE], key_id[LTH_HASH_SIZE];
    assert_int_equal(signer.sign(signer.ctx, lth_slice_of("m", 1), sig), LTH_OK);
    memcpy(key_id, signer.key_id, sizeof key_id);
    key_id[31] ^= 1;
    assert_int_equal(trust.verify(trust.ctx, key_id, lth_slice_of("m", 1), sig),
                     LTH_REFUSE_unknown_key);
    assert_int_equal(trust.find(trust.ctx, key_id, NULL), LTH_REFUSE_unknown_key);
    assert_int_equal(trust.find(trust.ctx, signer.key_id, NULL), LTH_REFUSE_none);
}

#define THREADS      4
#define NEW_A_THREAD 15 /* together more than the first table of keys has room for */

typedef struct worker {
    pthread_t thread;
    unsigned number;
    unsigned failures;
} worker;

static void leaf_name(char out[32], unsigned thread, unsigned i)
{
    snprintf(out, 32, "leaf-%u-%u", thread, i);
}

static void learn_new(worker *self, unsigned i)
{
    char name[32], path[128], bundle[160];
    lth_key_info info;
    leaf_name(name, self->number, i);
    snprintf(bundle, sizeof bundle, "%s/sign.crt", under(path, name));
    self->failures += lth_crypto_trust_learn_file(&trust, bundle, &info, NULL) != LTH_OK;
    self->failures += trust.find(trust.ctx, info.key_id, NULL) != LTH_REFUSE_none;
}

/* Sign, verify, learn and look up at the same moment, while the tables grow. */
static void *work(void *arg)
{
    worker *self = arg;
    lth_slice leaf, ca;
    lth_key_info info;
    uint8_t sig[LTH_SIG_SIZE];
    self->failures += lth_crypto_trust_der(&trust, signer.key_id, &leaf, &ca) != LTH_OK;
    for (unsigned i = 0; i < 50 && !self->failures; i++) {
        if (i < NEW_A_THREAD)
            learn_new(self, i);
        unsigned message[2] = {self->number, i};
        lth_slice bytes = lth_slice_of(message, sizeof message);
        self->failures += signer.sign(signer.ctx, bytes, sig) != LTH_OK;
        self->failures += trust.learn(trust.ctx, leaf, ca, &info) != LTH_REFUSE_none;
        self->failures += trust.verify(trust.ctx, info.key_id, bytes, sig) != LTH_REFUSE_none;
        sig[40] ^= 1;
        self->failures +=
            trust.verify(trust.ctx, info.key_id, bytes, sig) != LTH_REFUSE_bad_signature;
        self->failures += lth_crypto_trust_by_curve(&trust, info.curve_key, &info) != LTH_OK;
    }
    return NULL;
}

static void make_leaves(void)
{
    char dir[128], ca[128], name[32];
    lth_cert_request leaf = request(3, LTH_ROLE_AGENT);
    uint8_t curve_key[32] = {1};
    leaf.curve_key = curve_key;
    for (unsigned i = 0; i < THREADS * NEW_A_THREAD; i++) {
        leaf_name(name, i / NEW_A_THREAD, i % NEW_A_THREAD);
        leaf.org.b[1] = curve_key[1] = (uint8_t)i;
        assert_int_equal(lth_crypto_make_leaf(under(dir, name), under(ca, "ca"), &leaf, NULL),
                         LTH_OK);
    }
}

static void threads_share_a_trust_and_a_signer(void **state)
{
    (void)state;
    worker workers[THREADS] = {0};
    make_leaves();
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].number = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].failures, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_verifies),
        cmocka_unit_test(an_altered_bit_is_noticed),
        cmocka_unit_test(r_and_s_out_of_range_are_refused),
        cmocka_unit_test(the_other_s_is_accepted),
        cmocka_unit_test(an_unknown_key_is_said_to_be_unknown),
        cmocka_unit_test(threads_share_a_trust_and_a_signer),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
