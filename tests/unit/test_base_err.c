/* Names, numbers and classes of result codes and refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lth/hash.h"

static void each_error_has_the_name_of_its_constant(void **state)
{
    (void)state;
#define X(NAME, number, class, text)                                                               \
    {                                                                                              \
        char lower[] = #NAME;                                                                      \
        for (char *p = lower; *p != '\0'; p++) {                                                   \
            *p = (char)tolower((unsigned char)*p);                                                 \
        }                                                                                          \
        assert_string_equal(lth_err_name((lth_err)(number)), lower);                               \
        assert_string_equal(lth_err_text((lth_err)(number)), text);                                \
        assert_int_equal(lth_err_class_of((lth_err)(number)), LTH_CLASS_##class);                  \
    }
    LTH_ERR_MAP(X)
#undef X
    assert_string_equal(lth_err_name(LTH_E_STORE_FULL), "store_full");
}

static void numbers_outside_the_table_are_unknown(void **state)
{
    (void)state;
    static const int outside[] = {1, -21, -1000, 1000};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        assert_string_equal(lth_err_name((lth_err)outside[i]), "unknown");
        assert_int_equal(lth_err_class_of((lth_err)outside[i]), LTH_CLASS_FATAL);
    }
    assert_string_equal(lth_refusal_name((lth_refusal)99), "unknown");
    assert_int_equal(lth_refusal_class_of((lth_refusal)65535), LTH_REFUSAL_STOPPED);
    assert_true(strlen(lth_refusal_text((lth_refusal)99, false)) > 0);
}

static void each_refusal_is_in_its_range(void **state)
{
    (void)state;
#define X(name, number, class, vi, en)                                                             \
    assert_string_equal(lth_refusal_name((lth_refusal)(number)), #name);                           \
    assert_string_equal(lth_refusal_text((lth_refusal)(number), false), vi);                       \
    assert_string_equal(lth_refusal_text((lth_refusal)(number), true), en);                        \
    assert_int_equal(lth_refusal_class_of((lth_refusal)(number)), LTH_REFUSAL_##class);            \
    assert_true((LTH_REFUSAL_##class == LTH_REFUSAL_HOLD) == ((number) >= 100 && (number) < 200));
    LTH_REFUSAL_MAP(X)
#undef X
}

static void refusal_numbers_never_change(void **state)
{
    (void)state;
    assert_int_equal(LTH_REFUSE_bad_signature, 10);
    assert_int_equal(LTH_REFUSE_stopped, 26);
    assert_int_equal(LTH_REFUSE_scope, 100);
    assert_int_equal(LTH_REFUSE_not_allowed, 205);
}

static void roles_have_the_names_of_the_certificates(void **state)
{
    (void)state;
    assert_string_equal(lth_role_name(LTH_ROLE_AGENT), "agent");
    assert_string_equal(lth_role_name(LTH_ROLE_HOST), "host");
    assert_string_equal(lth_role_name(LTH_ROLE_BROKER), "broker");
    assert_string_equal(lth_role_name(LTH_ROLE_ADMIN), "admin");
    assert_string_equal(lth_role_name(LTH_ROLE_CA), "ca");
    assert_string_equal(lth_role_name((lth_role)0), "unknown");
    assert_string_equal(lth_role_name((lth_role)6), "unknown");
}

static void a_failed_assertion_stops_the_program(void **state)
{
    (void)state;
    LTH_ASSERT(1 + 1 == 2);
    pid_t child = fork();
    if (child == 0) {
        (void)close(STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        LTH_ASSERT(1 + 1 == 3);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_has_the_name_of_its_constant),
        cmocka_unit_test(numbers_outside_the_table_are_unknown),
        cmocka_unit_test(each_refusal_is_in_its_range),
        cmocka_unit_test(refusal_numbers_never_change),
        cmocka_unit_test(roles_have_the_names_of_the_certificates),
        cmocka_unit_test(a_failed_assertion_stops_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
