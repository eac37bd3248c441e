/* lienthong-agent: reads the schools' databases, signs what changed and brings it to the broker. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "agents/shell/engine.h"

typedef struct options {
    const char *node, *lang;
    lth_level level;
} options;

enum { GO_ON = -1, DONE = 0, USAGE = 2 };

static bool want_english(const char *lang)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; lang == NULL && i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        lang = value != NULL && value[0] != '\0' ? value : NULL;
    }
    return lang != NULL && strncmp(lang, "en", 2) == 0;
}

static int usage(FILE *out, bool english, int status)
{
    (void)fputs(
        english ? "usage: lienthong-agent --node DIR [--log-level error|warn|notice|info|debug] "
                  "[--lang vi|en]\n"
                  "Runs the agent whose directory (or agent.yaml) is DIR; env LIENTHONG_NODE names "
                  "it too.\n"
                  "SIGHUP reads the configuration again; SIGTERM stops cleanly.\n"
                : "cách dùng: lienthong-agent --node THƯ_MỤC [--log-level "
                  "error|warn|notice|info|debug] [--lang vi|en]\n"
                  "Chạy agent có thư mục (hoặc tệp agent.yaml) đó; có thể đặt biến "
                  "LIENTHONG_NODE.\n"
                  "SIGHUP: đọc lại cấu hình; SIGTERM: dừng an toàn.\n",
        out);
    return status;
}

static bool parse_level(const char *text, lth_level *level)
{
    static const struct {
        const char *name;
        lth_level level;
    } levels[] = {{"error", LTH_LEVEL_ERROR},
                  {"warn", LTH_LEVEL_WARN},
                  {"notice", LTH_LEVEL_NOTICE},
                  {"info", LTH_LEVEL_INFO},
                  {"debug", LTH_LEVEL_DEBUG}};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(levels[i].name, text) == 0) {
            *level = levels[i].level;
            return true;
        }
    }
    return false;
}

static int parse(options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        {"node", required_argument, NULL, 'n'}, {"log-level", required_argument, NULL, 'l'},
        {"lang", required_argument, NULL, 'g'}, {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "n:h", longs, NULL)) != -1;) {
        switch (c) {
        case 'n':
            o->node = optarg;
            break;
        case 'g':
            o->lang = optarg;
            break;
        case 'l':
            if (!parse_level(optarg, &o->level))
                return usage(stderr, want_english(o->lang), USAGE);
            break;
        case 'V':
            (void)puts("lienthong-agent " LTH_VERSION);
            return DONE;
        case 'h':
            return usage(stdout, want_english(o->lang), DONE);
        default:
            return usage(stderr, want_english(o->lang), USAGE);
        }
    }
    return o->node != NULL && optind == argc ? GO_ON : usage(stderr, want_english(o->lang), USAGE);
}

static void print_line(void *ctx, const char *line)
{
    (void)fprintf(ctx, "%s\n", line);
}

static int run(const options *o)
{
    static lth_engine engine;
    lth_conf_errors errors = {0};
    lth_diag diag = {0};
    int status = USAGE;
    lth_err err = lth_crypto_init(&diag);
    if (!err)
        err = lth_engine_start(&engine, o->node, lth_log_stderr(o->level), &errors, &diag);
    if (err == LTH_OK) {
        status = lth_engine_run(&engine);
    } else {
        lth_conf_errors_each(&errors, want_english(o->lang), print_line, stderr);
        if (errors.n == 0)
            (void)fprintf(stderr, "lienthong-agent: %s\n", diag.text);
    }
    lth_engine_stop(&engine);
    lth_conf_errors_fini(&errors);
    return status;
}

int main(int argc, char **argv)
{
    options o = {.node = getenv("LIENTHONG_NODE"), .level = LTH_LEVEL_NOTICE};
    int status = parse(&o, argc, argv);
    if (status != GO_ON)
        return status;
    lth_platform_small_heap();
    return run(&o);
}
