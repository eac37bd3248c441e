/* Key and certificate files: who may read them, what is never overwritten, what is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lth/crypto.h"

#define NOW_MS UINT64_C(1763800000000)
#define DAY_MS UINT64_C(86400000)

static char base[64];

static const char *under(char out[192], const char *name)
{
    snprintf(out, 192, "%s/%s", base, name);
    return out;
}

static int setup(void **state)
{
    (void)state;
    strcpy(base, "/tmp/lth-file-XXXXXX");
    return mkdtemp(base) && !lth_crypto_init(NULL) ? 0 : -1;
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
    remove_dir(base);
    return 0;
}

static size_t count_files(const char *path)
{
    size_t n = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(dir);
    return n;
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void write_text(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static const uint8_t curve_key[32] = {1, 2, 3};

static lth_cert_request request(uint8_t org, lth_role role, uint32_t days)
{
    return (lth_cert_request){.org = {{org}},
                              .role = role,
                              .number = 3,
                              .now_ms = NOW_MS,
                              .days = days,
                              .curve_key = role == LTH_ROLE_CA ? NULL : curve_key};
}

static void make_chain(const lth_cert_request *leaf)
{
    char a[192], b[192];
    lth_diag diag = {0};
    lth_cert_request root = request(1, LTH_ROLE_CA, 7300), ca = request(2, LTH_ROLE_CA, 3650);
    if (lth_crypto_make_root(under(a, "root"), &root, &diag) ||
        lth_crypto_make_ca(under(b, "ca"), a, &ca, &diag) ||
        lth_crypto_make_leaf(under(a, "leaf"), b, leaf, &diag))
        fail_msg("%s", diag.text);
}

static void a_secret_comes_back(void **state)
{
    (void)state;
    char path[192];
    uint8_t secret[32], back[32];
    lth_random random = lth_crypto_random();
    random.fill(random.ctx, secret, sizeof secret);
    mode_t old = umask(0777);
    assert_int_equal(lth_crypto_secret_write(under(path, "id.key"), secret, NULL), LTH_OK);
    umask(old);
    assert_int_equal(mode_of(path), 0400);
    assert_int_equal(lth_crypto_secret_open(back, path, NULL), LTH_OK);
    assert_memory_equal(secret, back, sizeof secret);
    assert_int_equal(count_files(base), 1); /* nothing temporary is left */
}

static void a_secret_is_never_overwritten(void **state)
{
    (void)state;
    char path[192];
    lth_diag diag;
    const uint8_t first[32] = {1}, second[32] = {2};
    uint8_t back[32];
    assert_int_equal(lth_crypto_secret_write(under(path, "id.key"), first, NULL), LTH_OK);
    assert_int_equal(lth_crypto_secret_write(path, second, &diag), LTH_E_EXISTS);
    assert_non_null(strstr(diag.text, path));
    assert_int_equal(lth_crypto_secret_open(back, path, NULL), LTH_OK);
    assert_memory_equal(first, back, sizeof first);
    assert_int_equal(count_files(base), 1);
}

static void a_malformed_secret_is_refused(void **state)
{
    (void)state;
#define DIGITS63 "012345678901234567890123456789012345678901234567890123456789abc"
    static const struct {
        const char *text;
        lth_err err;
    } cases[] = {
        {DIGITS63 "d", LTH_OK},
        {DIGITS63 "D\n", LTH_OK},
        {"", LTH_E_FORMAT},
        {DIGITS63, LTH_E_FORMAT},
        {DIGITS63 "\n", LTH_E_FORMAT},
        {DIGITS63 "de", LTH_E_FORMAT},
        {DIGITS63 "g", LTH_E_FORMAT},
        {DIGITS63 "d\n\n", LTH_E_FORMAT},
        {DIGITS63 "d ", LTH_E_FORMAT},
    };
    static const uint8_t zero[32];
    char path[192];
    uint8_t back[32];
    under(path, "id.key");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_text(path, cases[i].text, 0600);
        assert_int_equal(lth_crypto_secret_open(back, path, NULL), cases[i].err);
        if (cases[i].err)
            assert_memory_equal(back, zero, sizeof zero);
        unlink(path);
    }
}

static void a_key_open_to_others_is_refused(void **state)
{
    (void)state;
    char path[192], advice[256];
    lth_diag diag;
    lth_signer signer;
    lth_cert_request leaf = request(3, LTH_ROLE_AGENT, 400);
    make_chain(&leaf);
    under(path, "leaf/sign.key");
    snprintf(advice, sizeof advice, "chmod 0400 %s", path);
    static const mode_t open_modes[] = {0440, 0404, 0410, 0401, 0420, 0402, 0644};
    for (size_t i = 0; i < sizeof open_modes / sizeof open_modes[0]; i++) {
        assert_int_equal(chmod(path, open_modes[i]), 0);
        assert_int_equal(lth_crypto_signer_open(&signer, path, &diag), LTH_E_IO);
        assert_non_null(strstr(diag.text, advice));
        assert_null(signer.ctx);
    }
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(lth_crypto_signer_open(&signer, path, &diag), LTH_OK);
    lth_crypto_signer_close(&signer);
}

static void a_key_of_somebody_else_is_refused(void **state)
{
    (void)state;
    char path[192];
    lth_diag diag;
    const uint8_t secret[32] = {1};
    uint8_t back[32];
    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    assert_int_equal(lth_crypto_secret_write(under(path, "id.key"), secret, NULL), LTH_OK);
    assert_int_equal(chown(path, 12345, 12345), 0);
    assert_int_equal(lth_crypto_secret_open(back, path, &diag), LTH_E_IO);
    assert_non_null(strstr(diag.text, path));
    assert_non_null(strstr(diag.text, "chown"));
    assert_int_equal(chown(path, 0, 0), 0);
    assert_int_equal(lth_crypto_secret_open(back, path, &diag), LTH_OK);
}

static void what_is_not_a_key_file_is_refused(void **state)
{
    (void)state;
    static const char ed25519[] =
        "-----BEGIN PRIVATE KEY-----\n"
        "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
        "-----END PRIVATE KEY-----\n"; /* RFC 8410, 10.3 */
    char path[192];
    lth_diag diag;
    lth_signer signer;
    assert_int_equal(lth_crypto_signer_open(&signer, under(path, "none.key"), &diag), LTH_E_IO);
    assert_int_equal(lth_crypto_signer_open(&signer, base, &diag), LTH_E_IO);
    assert_int_equal(mkfifo(under(path, "fifo.key"), 0400), 0);
    assert_int_equal(lth_crypto_signer_open(&signer, path, &diag), LTH_E_IO);
    write_text(under(path, "text.key"), "not a key\n", 0400);
    assert_int_equal(lth_crypto_signer_open(&signer, path, &diag), LTH_E_FORMAT);
    write_text(under(path, "ed.key"), ed25519, 0400);
    assert_int_equal(lth_crypto_signer_open(&signer, path, &diag), LTH_E_FORMAT);
    FILE *f = fopen(under(path, "large.key"), "wb");
    assert_non_null(f);
    for (int i = 0; i < 20000; i++)
        fputc('A', f);
    fclose(f);
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(lth_crypto_signer_open(&signer, path, &diag), LTH_E_FORMAT);
    assert_non_null(strstr(diag.text, "larger"));
}

static void a_made_chain_is_believed(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        mode_t mode;
    } files[] = {{"root/root.key", 0400}, {"root/root.crt", 0444}, {"ca/ca.key", 0400},
                 {"ca/ca.crt", 0444},     {"ca/root.crt", 0444},   {"leaf/sign.key", 0400},
                 {"leaf/sign.crt", 0444}, {"leaf/ca.crt", 0444},   {"leaf/root.crt", 0444},
                 {"leaf/id.key", 0400}};
    char path[192];
    uint8_t secret[32];
    lth_trust trust;
    lth_key_info info;
    lth_signer signer;
    lth_cert_request leaf = request(3, LTH_ROLE_BROKER, 400);
    mode_t old = umask(0077);
    make_chain(&leaf);
    umask(old);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_int_equal(mode_of(under(path, files[i].name)), files[i].mode);
    assert_int_equal(count_files(under(path, "root")), 2);
    assert_int_equal(count_files(under(path, "ca")), 3);
    assert_int_equal(count_files(under(path, "leaf")), 5);

    assert_int_equal(lth_crypto_trust_open(&trust, under(path, "leaf/root.crt"), NULL), LTH_OK);
    assert_int_equal(lth_crypto_trust_learn_file(&trust, under(path, "leaf/sign.crt"), &info, NULL),
                     LTH_OK);
    assert_int_equal(lth_crypto_signer_open(&signer, under(path, "leaf/sign.key"), NULL), LTH_OK);
    assert_memory_equal(info.key_id, signer.key_id, LTH_HASH_SIZE);
    assert_memory_equal(&info.org, &leaf.org, sizeof leaf.org);
    assert_int_equal(info.issuer_org.b[0], 2);
    assert_int_equal(info.role, LTH_ROLE_BROKER);
    assert_int_equal(info.not_before_ms, NOW_MS - 2 * DAY_MS);
    assert_int_equal(info.not_after_ms, NOW_MS + 400 * DAY_MS);
    assert_memory_equal(info.curve_key, curve_key, sizeof curve_key);
    assert_int_equal(lth_crypto_secret_open(secret, under(path, "leaf/id.key"), NULL), LTH_OK);
    lth_crypto_signer_close(&signer);
    lth_crypto_trust_close(&trust);
}

static void a_leaf_does_not_outlive_its_ca(void **state)
{
    (void)state;
    char path[192], dir[192];
    lth_trust trust;
    lth_key_info info;
    lth_diag diag;
    lth_cert_request leaf = request(3, LTH_ROLE_AGENT, 4000);
    make_chain(&leaf);
    assert_int_equal(lth_crypto_trust_open(&trust, under(path, "leaf/root.crt"), NULL), LTH_OK);
    assert_int_equal(lth_crypto_trust_learn_file(&trust, under(path, "leaf/sign.crt"), &info, NULL),
                     LTH_OK);
    assert_int_equal(info.not_after_ms, NOW_MS + 3650 * DAY_MS);
    lth_crypto_trust_close(&trust);

    leaf.now_ms += 3650 * DAY_MS;
    assert_int_equal(lth_crypto_make_leaf(under(dir, "late"), under(path, "ca"), &leaf, &diag),
                     LTH_E_CONFIG);
    assert_non_null(strstr(diag.text, "expired"));
}

static void making_replaces_nothing_and_leaves_nothing_half_made(void **state)
{
    (void)state;
    char dir[192], path[192], ca[192];
    lth_diag diag;
    lth_cert_request leaf = request(3, LTH_ROLE_AGENT, 400);
    make_chain(&leaf);
    under(ca, "ca");
    assert_int_equal(lth_crypto_make_leaf(under(dir, "leaf"), ca, &leaf, &diag), LTH_E_EXISTS);
    assert_int_equal(count_files(dir), 5);

    assert_int_equal(mkdir(under(dir, "half"), 0700), 0);
    write_text(under(path, "half/sign.key"), "precious", 0400);
    assert_int_equal(lth_crypto_make_leaf(dir, ca, &leaf, &diag), LTH_E_EXISTS);
    assert_non_null(strstr(diag.text, path));
    assert_int_equal(count_files(dir), 1);
    assert_int_equal(lth_crypto_make_leaf(under(dir, "no/such"), ca, &leaf, &diag), LTH_E_IO);
}

static void keys_and_certificates_must_belong_together(void **state)
{
    (void)state;
    char dir[192], ca[192], path[192], from[192];
    lth_diag diag;
    lth_cert_request leaf = request(3, LTH_ROLE_AGENT, 400), other = request(9, LTH_ROLE_CA, 7300);
    make_chain(&leaf);
    under(ca, "ca");

    assert_int_equal(lth_crypto_make_root(under(dir, "root2"), &other, NULL), LTH_OK);
    assert_int_equal(unlink(under(path, "ca/root.crt")), 0);
    assert_int_equal(link(under(from, "root2/root.crt"), path), 0);
    assert_int_equal(lth_crypto_make_leaf(under(dir, "leaf2"), ca, &leaf, &diag), LTH_E_CONFIG);
    assert_non_null(strstr(diag.text, "not signed by root.crt"));

    assert_int_equal(unlink(under(path, "ca/ca.key")), 0);
    assert_int_equal(link(under(from, "root2/root.key"), path), 0);
    assert_int_equal(lth_crypto_make_leaf(dir, ca, &leaf, &diag), LTH_E_FORMAT);
    assert_non_null(strstr(diag.text, "does not belong"));
    assert_int_not_equal(access(dir, F_OK), 0);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_secret_comes_back),
        EACH(a_secret_is_never_overwritten),
        EACH(a_malformed_secret_is_refused),
        EACH(a_key_open_to_others_is_refused),
        EACH(a_key_of_somebody_else_is_refused),
        EACH(what_is_not_a_key_file_is_refused),
        EACH(a_made_chain_is_believed),
        EACH(a_leaf_does_not_outlive_its_ca),
        EACH(making_replaces_nothing_and_leaves_nothing_half_made),
        EACH(keys_and_certificates_must_belong_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
