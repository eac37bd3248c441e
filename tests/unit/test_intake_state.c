/* Accounts, tokens, sessions and failed sign-ins, by a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/intake/state.h"

#define CODE "79000123"
#define PASS "chiều nay trời lại mưa"

static int64_t now_s = 1800000000;
static char dir[64], hosted[128], state_dir[128];
static lth_clock clock_of_test;
static lth_accounts accounts;
static const uint8_t secret[LTH_HASH_SIZE] = {1, 2, 3};

static int64_t wall_s(void *ctx)
{
    (void)ctx;
    return now_s;
}

static int64_t mono_ms(void *ctx)
{
    (void)ctx;
    return now_s * 1000;
}

static const char *path_of(const char *rest)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, rest);
    return path;
}

static int setup(void **state)
{
    (void)state;
    lth_diag diag;
    (void)snprintf(dir, sizeof dir, "/tmp/lth-intake-XXXXXX");
    clock_of_test = (lth_clock){wall_s, mono_ms, NULL};
    if (lth_crypto_init(&diag) != LTH_OK || mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(hosted, sizeof hosted, "%s/hosted", dir);
    (void)snprintf(state_dir, sizeof state_dir, "%s/state", dir);
    accounts = (lth_accounts){state_dir, hosted, &clock_of_test};
    return mkdir(hosted, 0700) | mkdir(state_dir, 0700) | mkdir(path_of("hosted/" CODE), 0700) |
           mkdir(path_of("state/accounts"), 0700) | mkdir(path_of("state/names"), 0700);
}

static int teardown(void **state)
{
    (void)state;
    static const char *const left[] = {"hosted/" CODE "/once",
                                       "hosted/" CODE,
                                       "hosted",
                                       "state/accounts/" CODE ".json",
                                       "state/accounts",
                                       "state/names/" CODE,
                                       "state/names",
                                       "state/failures.json",
                                       "state",
                                       ""};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
        (void)remove(path_of(left[i]));
    return access(dir, F_OK) == 0 ? -1 : 0; /* nothing else was left behind */
}

static void the_first_time(void **state)
{
    (void)state;
    lth_account account;
    lth_diag diag;
    char once[LTH_ONCE_SIZE], lower[LTH_ONCE_SIZE];
    struct stat st;
    assert_false(lth_account_sign_in(&account, &accounts, CODE, PASS));
    assert_int_equal(lth_account_open(&account, &accounts, CODE, "x", PASS, &diag), LTH_E_REFUSED);
    assert_int_equal(lth_account_reset(once, &accounts, CODE, &diag), LTH_OK);
    assert_int_equal(lth_account_reset(once, &accounts, "nobody", &diag), LTH_E_NOT_FOUND);
    assert_int_equal(lth_account_reset(once, &accounts, CODE, &diag), LTH_OK);
    assert_int_equal(strlen(once), LTH_ONCE_SIZE - 1);
    for (size_t i = 0; i < sizeof lower; i++)
        lower[i] = (char)(once[i] == '-'                     ? ' '
                          : once[i] >= 'A' && once[i] <= 'Z' ? once[i] | 0x20
                                                             : once[i]);
    assert_int_equal(lth_account_open(&account, &accounts, CODE, lower, PASS, &diag), LTH_OK);
    assert_int_equal(stat(path_of("state/accounts/" CODE ".json"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(lth_account_open(&account, &accounts, CODE, once, PASS, &diag),
                     LTH_E_REFUSED); /* used */
    assert_true(lth_account_sign_in(&account, &accounts, CODE, PASS));
    assert_false(lth_account_sign_in(&account, &accounts, CODE, PASS "!"));
    assert_false(lth_account_sign_in(&account, &accounts, "nobody", PASS));
    lth_buf file;
    lth_buf_init(&file, 100000);
    assert_int_equal(lth_file_read(&file, path_of("state/accounts/" CODE ".json")), LTH_OK);
    assert_int_equal(lth_buf_add(&file, "", 1), LTH_OK);
    assert_null(strstr((const char *)file.p, PASS));
    lth_buf_fini(&file);
    assert_int_equal(lth_account_reset(once, &accounts, CODE, &diag), LTH_OK); /* forgotten */
    assert_false(lth_account_sign_in(&account, &accounts, CODE, PASS));
    assert_int_equal(lth_account_open(&account, &accounts, CODE, once, PASS, &diag), LTH_OK);
}

/* The same letters typed as one code point or as two are one passphrase. */
static void composed_or_not(void **state)
{
    (void)state;
    lth_account account;
    lth_diag diag;
    char once[LTH_ONCE_SIZE];
    assert_int_equal(lth_account_reset(once, &accounts, CODE, &diag), LTH_OK);
    assert_int_equal(
        lth_account_open(&account, &accounts, CODE, once, "tr\u1eddi m\u01b0a to", &diag), LTH_OK);
    assert_true(lth_account_sign_in(&account, &accounts, CODE, "tro\u031b\u0300i mu\u031ba to"));
}

static void tokens(void **state)
{
    (void)state;
    lth_account account;
    lth_diag diag;
    char once[LTH_ONCE_SIZE], token[LTH_TOKENS_MAX + 1][LTH_KEY_TEXT];
    assert_int_equal(lth_token_make(token[0], &accounts, CODE, "máy", &diag), LTH_E_NOT_FOUND);
    assert_int_equal(lth_account_reset(once, &accounts, CODE, &diag), LTH_OK);
    assert_int_equal(lth_account_open(&account, &accounts, CODE, once, PASS, &diag), LTH_OK);
    for (size_t i = 0; i < LTH_TOKENS_MAX; i++)
        assert_int_equal(lth_token_make(token[i], &accounts, CODE, "máy", &diag), LTH_OK);
    assert_int_equal(lth_token_make(token[LTH_TOKENS_MAX], &accounts, CODE, "máy", &diag),
                     LTH_E_LIMIT);
    assert_true(lth_token_right(&accounts, CODE, token[3]));
    assert_false(lth_token_right(&accounts, "79000456", token[3]));
    assert_int_equal(lth_account_load(&account, &accounts, CODE), LTH_OK);
    assert_false(lth_token_right(&accounts, CODE, account.tokens[3].hash)); /* what a thief reads */
    assert_int_equal(lth_token_revoke(&accounts, CODE, account.tokens[3].id, &diag), LTH_OK);
    assert_int_equal(lth_token_revoke(&accounts, CODE, account.tokens[3].id, &diag),
                     LTH_E_NOT_FOUND);
    assert_false(lth_token_right(&accounts, CODE, token[3]));
    assert_true(lth_token_right(&accounts, CODE, token[4]));
    char generation[33];
    memcpy(generation, account.generation, sizeof generation);
    assert_int_equal(lth_account_change(&account, &accounts, CODE, "gió mùa đông bắc", &diag),
                     LTH_OK);
    assert_string_not_equal(account.generation, generation);
    assert_true(lth_token_right(&accounts, CODE, token[4]));
    assert_true(lth_account_sign_in(&account, &accounts, CODE, "gió mùa đông bắc"));
}

static void sessions(void **state)
{
    (void)state;
    lth_sessions *s = lth_sessions_new(&clock_of_test, 1800 * 1000, 3600 * 1000);
    lth_session in = {.code = CODE, .generation = "g"}, out;
    lth_session_begin(s, "cookie", &in);
    assert_true(lth_session_find(s, "cookie", &out));
    assert_string_equal(out.code, CODE);
    assert_false(lth_session_find(s, "other", &out));
    now_s += 1700;
    assert_true(lth_session_find(s, "cookie", &out));
    now_s += 1700;
    assert_true(lth_session_find(s, "cookie", &out)); /* used meanwhile */
    now_s += 300;
    assert_false(lth_session_find(s, "cookie", &out)); /* but no longer than an hour */
    lth_session_begin(s, "cookie", &in);
    now_s += 1801;
    assert_false(lth_session_find(s, "cookie", &out));
    lth_session_begin(s, "cookie", &in);
    lth_session_end(s, "cookie");
    assert_false(lth_session_find(s, "cookie", &out));
    char many[24];
    for (int i = 0; i < 5000; i++) { /* more than there is room for: the oldest gives way */
        (void)snprintf(many, sizeof many, "c%d", i);
        now_s += i % 100 == 0;
        lth_session_begin(s, many, &in);
    }
    assert_true(lth_session_find(s, "c4999", &out));
    assert_true(lth_session_find(s, "c1200", &out));
    assert_false(lth_session_find(s, "c10", &out));
    lth_sessions_free(&s);
}

static void failures(void **state)
{
    (void)state;
    lth_diag diag;
    const char *path = path_of("state/failures.json");
    char file[256];
    (void)snprintf(file, sizeof file, "%s", path);
    lth_failures *f = lth_failures_new(&clock_of_test, file, secret);
    for (int i = 0; i < 4; i++)
        lth_failures_add(f, LTH_WHOM_ACCOUNT, CODE);
    assert_int_equal(lth_failures_wait(f, LTH_WHOM_ACCOUNT, CODE), 0);
    static const int64_t waits[] = {30, 60, 120, 240, 480, 900, 900};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        lth_failures_add(f, LTH_WHOM_ACCOUNT, CODE);
        assert_int_equal(lth_failures_wait(f, LTH_WHOM_ACCOUNT, CODE), waits[i]);
    }
    assert_int_equal(lth_failures_wait(f, LTH_WHOM_ADDRESS, CODE), 0);
    assert_int_equal(lth_failures_wait(f, LTH_WHOM_ACCOUNT, "79000456"), 0);
    for (int i = 0; i < 12; i++)
        lth_failures_add(f, LTH_WHOM_ADDRESS, "203.0.113.9");
    assert_int_equal(lth_failures_wait(f, LTH_WHOM_ADDRESS, "203.0.113.9"), 3600);
    assert_int_equal(lth_failures_save(f, &diag), LTH_OK);
    lth_failures_free(&f);
    lth_buf text; /* kept over a restart, and the file names nobody */
    lth_buf_init(&text, 100000);
    assert_int_equal(lth_file_read(&text, file), LTH_OK);
    assert_int_equal(lth_buf_add(&text, "", 1), LTH_OK);
    assert_null(strstr((const char *)text.p, "203.0"));
    assert_null(strstr((const char *)text.p, CODE));
    lth_buf_fini(&text);
    f = lth_failures_new(&clock_of_test, file, secret);
    assert_int_equal(lth_failures_wait(f, LTH_WHOM_ACCOUNT, CODE), 900);
    now_s -= 86400; /* a clock set back */
    assert_int_equal(lth_failures_wait(f, LTH_WHOM_ACCOUNT, CODE), 900);
    now_s += 86400 + 901;
    assert_int_equal(lth_failures_wait(f, LTH_WHOM_ACCOUNT, CODE), 0);
    lth_failures_success(f, LTH_WHOM_ACCOUNT, CODE);
    lth_failures_add(f, LTH_WHOM_ACCOUNT, CODE);
    assert_int_equal(lth_failures_wait(f, LTH_WHOM_ACCOUNT, CODE), 0);
    char name[32];
    for (int i = 0; i < 6000; i++) { /* a flood of names does not push out who is locked */
        (void)snprintf(name, sizeof name, "n%d", i);
        lth_failures_add(f, LTH_WHOM_ACCOUNT, name);
    }
    assert_true(lth_failures_wait(f, LTH_WHOM_ADDRESS, "203.0.113.9") > 0);
    lth_failures_free(&f);
}

static void names(void **state)
{
    (void)state;
    lth_names n = {state_dir};
    char id[40], out[LTH_NAME_MAX + 1], ids[3][81];
    lth_names_find(&n, CODE, "x", out);
    assert_string_equal(out, "");
    for (int i = 0; i < 1500; i++) {
        (void)snprintf(id, sizeof id, "20260905T032000Z-%016d.csv", i);
        lth_names_add(&n, CODE, id, i % 2 ? "lớp 6.csv" : "lớp 7.csv");
    }
    lth_names_find(&n, CODE, id, out);
    assert_string_equal(out, "lớp 6.csv");
    assert_int_equal(lth_names_newest(&n, CODE, ids, 3), 3);
    assert_string_equal(ids[0], id);
    lth_names_find(&n, CODE, "20260905T032000Z-0000000000000001.csv", out);
    assert_string_equal(out, ""); /* the oldest are forgotten, the file stays small */
    struct stat st;
    assert_int_equal(stat(path_of("state/names/" CODE), &st), 0);
    assert_true(st.st_size < 1000 * 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_time, setup, teardown),
        cmocka_unit_test_setup_teardown(composed_or_not, setup, teardown),
        cmocka_unit_test_setup_teardown(tokens, setup, teardown),
        cmocka_unit_test_setup_teardown(sessions, setup, teardown),
        cmocka_unit_test_setup_teardown(failures, setup, teardown),
        cmocka_unit_test_setup_teardown(names, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
