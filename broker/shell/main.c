/* lienthong-broker: accepts, verifies, merges, stores and forwards. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "broker/shell/engine.h"
#include "lth/program.h"

static const lth_daemon_text text = {
    "lienthong-broker",
    "Chạy nút trung chuyển có thư mục (hoặc tệp broker.yaml) đó; có thể đặt biến LIENTHONG_NODE.\n"
    "SIGHUP: đọc lại cấu hình và peers/; SIGTERM: dừng an toàn.\n",
    "Runs the broker whose directory (or broker.yaml) is DIR; env LIENTHONG_NODE names it too.\n"
    "SIGHUP reads configuration and peers/ again; SIGTERM stops cleanly.\n"};

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

static int run(const lth_daemon_options *o)
{
    lth_node node = {.log = lth_log_stderr(o->level)};
    lth_engine engine;
    lth_conf_errors errors = {0};
    lth_diag diag = {0};
    int status = 2;
    if (lth_crypto_init(&diag) != LTH_OK ||
        lth_node_open(&node, o->node, &errors, &diag) != LTH_OK) {
        lth_conf_errors_each(&errors, o->english, print_error, NULL);
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
    lth_daemon_options o;
    int status = lth_daemon_parse(&o, &text, argc, argv);
    if (status >= 0)
        return status;
    block_signals();
    raise_descriptor_limit();
    return run(&o);
}
