/* lienthong-broker: accepts, verifies, merges, stores and forwards. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "broker/shell/engine.h"

typedef struct options {
    const char *node;
    const char *lang;
    lth_level level;
} options;

static bool want_english(const char *lang)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; lang == NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            lang = value;
    }
    return lang != NULL && strncmp(lang, "en", 2) == 0;
}

static void usage(FILE *out, bool english)
{
    fputs(english ? "usage: lienthong-broker --node DIR [--log-level error|warn|notice|info|debug] "
                    "[--lang vi|en]\n"
                    "Runs the broker whose directory (or broker.yaml) is DIR; env LIENTHONG_NODE "
                    "names it too.\n"
                    "SIGHUP reads configuration and peers/ again; SIGTERM stops cleanly.\n"
                  : "cách dùng: lienthong-broker --node THƯ_MỤC [--log-level "
                    "error|warn|notice|info|debug] "
                    "[--lang vi|en]\n"
                    "Chạy nút trung chuyển có thư mục (hoặc tệp broker.yaml) đó; có thể đặt biến "
                    "LIENTHONG_NODE.\n"
                    "SIGHUP: đọc lại cấu hình và peers/; SIGTERM: dừng an toàn.\n",
          out);
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
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(levels[i].name, text) == 0) {
            *level = levels[i].level;
            return true;
        }
    return false;
}

/* Exit status to end with, or -1 to go on. */
static int parse_args(options *o, int argc, char **argv)
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
            if (parse_level(optarg, &o->level))
                break;
            usage(stderr, want_english(o->lang));
            return 2;
        case 'V':
            puts("lienthong-broker " LTH_VERSION);
            return 0;
        case 'h':
            usage(stdout, want_english(o->lang));
            return 0;
        default:
            usage(stderr, want_english(o->lang));
            return 2;
        }
    }
    if (o->node != NULL && optind == argc)
        return -1;
    usage(stderr, want_english(o->lang));
    return 2;
}

static void print_error(void *ctx, const char *line)
{
    (void)ctx;
    fprintf(stderr, "%s\n", line);
}

static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ,
           SIG_IGN); /* a full quota is an error of the commit, not the end of the process */
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(const options *o)
{
    lth_node node = {.log = lth_log_stderr(o->level)};
    lth_engine engine;
    lth_conf_errors errors = {0};
    lth_diag diag = {0};
    int status = 2;
    if (lth_crypto_init(&diag) != LTH_OK ||
        lth_node_open(&node, o->node, &errors, &diag) != LTH_OK) {
        lth_conf_errors_each(&errors, want_english(o->lang), print_error, NULL);
        if (errors.n == 0)
            fprintf(stderr, "lienthong-broker: %s\n", diag.text);
        goto done;
    }
    if (lth_engine_start(&engine, &node, &diag) != LTH_OK) {
        fprintf(stderr, "lienthong-broker: %s\n", diag.text);
        exit(2); /* threads may be half started: nothing was written beyond the last commit */
    }
    status = lth_io_run(&engine);
    lth_engine_stop(&engine);
done:
    lth_conf_errors_fini(&errors);
    lth_node_close(&node);
    return status;
}

int main(int argc, char **argv)
{
    options o = {.node = getenv("LIENTHONG_NODE"), .level = LTH_LEVEL_NOTICE};
    int status = parse_args(&o, argc, argv);
    if (status >= 0)
        return status;
    block_signals();
    raise_descriptor_limit();
    return run(&o);
}
