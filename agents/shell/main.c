/* lienthong-agent: reads the schools' databases, signs what changed and brings it to the broker. */

#include <stdio.h>

#include "agents/shell/engine.h"
#include "lth/program.h"

static const lth_daemon_text text = {
    "lienthong-agent",
    "Chạy agent có thư mục (hoặc tệp agent.yaml) đó; có thể đặt biến LIENTHONG_NODE.\n"
    "SIGHUP: đọc lại cấu hình; SIGTERM: dừng an toàn.\n",
    "Runs the agent whose directory (or agent.yaml) is DIR; env LIENTHONG_NODE names it too.\n"
    "SIGHUP reads the configuration again; SIGTERM stops cleanly.\n"};

static void print_line(void *ctx, const char *line)
{
    (void)fprintf(ctx, "%s\n", line);
}

static int run(const lth_daemon_options *o)
{
    static lth_engine engine;
    lth_conf_errors errors = {0};
    lth_diag diag = {0};
    int status = 2;
    lth_err err = lth_crypto_init(&diag);
    if (!err)
        err = lth_engine_start(&engine, o->node, lth_log_stderr(o->level), &errors, &diag);
    if (err == LTH_OK) {
        status = lth_engine_run(&engine);
    } else {
        lth_conf_errors_each(&errors, o->english, print_line, stderr);
        if (errors.n == 0)
            (void)fprintf(stderr, "lienthong-agent: %s\n", diag.text);
    }
    lth_engine_stop(&engine);
    lth_conf_errors_fini(&errors);
    return status;
}

int main(int argc, char **argv)
{
    lth_daemon_options o;
    int status = lth_daemon_parse(&o, &text, argc, argv);
    if (status >= 0)
        return status;
    lth_platform_small_heap();
    return run(&o);
}
