/* intake.yaml: the example as people copy it, the defaults, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "test_conf_kit.h"

static const char *examples;

static void the_example(void **state)
{
    (void)state;
    lth_conf *owner = NULL;
    lth_conf_errors errors;
    const lth_intake_conf *conf = NULL;
    char path[512];
    (void)lth_format(path, sizeof path, "%s/intake.yaml", examples);
    assert_int_equal(lth_conf_load_intake(&owner, &conf, path, &errors), LTH_OK);
    assert_string_equal(conf->listen, "127.0.0.1:7680");
    assert_string_equal(conf->agent, "/run/lienthong/agent.sock");
    assert_string_equal(conf->proxies, "127.0.0.1 ::1");
    assert_int_equal(conf->upload_mib, 20);
    assert_int_equal(conf->upload_ms, 15 * 60 * 1000);
    assert_int_equal(conf->session_ms, 12 * 3600 * 1000);
    lth_conf_errors_fini(&errors);
    lth_conf_free(&owner);
}

static const struct {
    const char *text, *error;
} wrong[] = {
    {"intake: { agent: a, hosted: h, state: s, listen: \"localhost:80\" }\n",
     "intake.yaml:1:50: \"localhost:80\" is not IP_ADDRESS:PORT: for example 127.0.0.1:7680"},
    {"intake: { agent: a, hosted: h, state: s, listen: \"127.0.0.1:0\" }\n",
     "intake.yaml:1:50: \"127.0.0.1:0\" is not IP_ADDRESS:PORT: for example 127.0.0.1:7680"},
    {"intake: { agent: a, hosted: h, state: s, listen: \"[::1:80\" }\n",
     "intake.yaml:1:50: \"[::1:80\" is not IP_ADDRESS:PORT: for example 127.0.0.1:7680"},
    {"intake: { agent: a, hosted: h, state: s }\npage: { url: \"http://x\" }\n",
     "intake.yaml:2:14: the address must begin with https://"},
};

static void wrong_ones(void **state)
{
    (void)state;
    conf_kit_open();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        lth_conf *owner = NULL;
        lth_conf_errors errors;
        const lth_intake_conf *conf = NULL;
        conf_kit_write("intake.yaml", wrong[i].text, strlen(wrong[i].text));
        assert_int_equal(lth_conf_load_intake(&owner, &conf, conf_kit_path(""), &errors),
                         LTH_E_CONFIG);
        assert_string_equal(conf_kit_first(&errors, true), wrong[i].error);
        lth_conf_errors_fini(&errors);
    }
    static const char least[] = "intake: { agent: a, hosted: h, state: s, listen: \"[::1]:80\" }\n";
    lth_conf *owner = NULL;
    lth_conf_errors errors;
    const lth_intake_conf *conf = NULL;
    conf_kit_write("intake.yaml", least, sizeof least - 1);
    assert_int_equal(lth_conf_load_intake(&owner, &conf, conf_kit_path(""), &errors), LTH_OK);
    assert_string_equal(conf->listen, "[::1]:80");
    assert_null(conf->url);
    assert_string_equal(conf->name, "Liên thông");
    lth_conf_errors_fini(&errors);
    lth_conf_free(&owner);
    (void)unlink(conf_kit_path("intake.yaml"));
    conf_kit_close();
}

int main(int argc, char **argv)
{
    examples = argc > 1 ? argv[1] : "config";
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_example), cmocka_unit_test(wrong_ones)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
