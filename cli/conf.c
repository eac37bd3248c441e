/* conf check [DIR], conf docs. */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static int checked(const lth_cli *cli, lth_err err, lth_conf_errors *errors, const char *what)
{
    if (err != LTH_OK && errors->n == 0)
        return lth_cli_fail(cli, 2, what, what, lth_err_text(err));
    if (err == LTH_OK && !cli->json)
        printf("%s: %s\n", what, lth_cli_say(cli, "đúng", "good"));
    if (cli->json) {
        json_t *list = json_array();
        for (uint32_t i = 0; i < errors->n; i++) {
            const lth_conf_error *e = &errors->items[i];
            json_array_append_new(list, json_pack("{s:s,s:i,s:i,s:s,s:s}", "file", e->file, "line",
                                                  (int)e->line, "column", (int)e->column, "vi",
                                                  e->vi, "en", e->en));
        }
        lth_cli_print_json(json_pack("{s:b,s:s,s:o,s:i}", "good", err == LTH_OK, "what", what,
                                     "errors", list, "more", (int)errors->more));
        lth_conf_errors_fini(errors);
        return err == LTH_OK ? 0 : 2;
    }
    return err == LTH_OK ? 0 : lth_cli_conf_errors(cli, errors);
}

static lth_err load_broker(lth_conf **owner, const char *path, lth_conf_errors *errors)
{
    const lth_broker_conf *conf;
    const lth_public_set none = {.version = 0};
    return lth_conf_load_broker_with(owner, &conf, path, &none, errors);
}

static lth_err load_agent(lth_conf **owner, const char *path, lth_conf_errors *errors)
{
    const lth_agent_conf *conf;
    const lth_public_set none = {.version = 0};
    return lth_conf_load_agent_with(owner, &conf, path, &none, errors);
}

static lth_err load_intake(lth_conf **owner, const char *path, lth_conf_errors *errors)
{
    const lth_intake_conf *conf;
    return lth_conf_load_intake(owner, &conf, path, errors);
}

/* In the order in which a directory is looked through; what holds none of them is no node. */
static const struct kind {
    const char *file;
    lth_err (*load)(lth_conf **owner, const char *path, lth_conf_errors *errors);
} kinds[] = {
    {"agent.yaml", load_agent}, {"broker.yaml", load_broker}, {"intake.yaml", load_intake}};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

static bool is_kind(const struct kind *kind, const char *path)
{
    char file[4200];
    size_t n = strlen(path), m = strlen(kind->file);
    if (n >= m && strcmp(path + n - m, kind->file) == 0 && (n == m || path[n - m - 1] == '/'))
        return true;
    snprintf(file, sizeof(file), "%s/%s", path, kind->file);
    return access(file, F_OK) == 0;
}

/* A page beside its agent in one directory: the first that is wrong is told. */
int lth_cli_conf_check(const lth_cli *cli)
{
    const char *dir = cli->argc == 1 ? cli->argv[0] : cli->node;
    if (cli->argc > 1 || dir == NULL)
        return lth_cli_usage(cli);
    lth_conf *owner = NULL;
    lth_conf_errors errors = {0};
    lth_err err = LTH_OK;
    size_t found = 0;
    for (size_t i = 0; i < N_KINDS && err == LTH_OK; i++) {
        if (!is_kind(&kinds[i], dir))
            continue;
        lth_conf_errors_fini(&errors);
        err = kinds[i].load(&owner, dir, &errors);
        lth_conf_free(&owner);
        found++;
    }
    if (found == 0)
        return lth_cli_fail(cli, 2, "không có agent.yaml, broker.yaml hay intake.yaml ở đây",
                            "there is no agent.yaml, broker.yaml or intake.yaml here", dir);
    return checked(cli, err, &errors, dir);
}

int lth_cli_conf_docs(const lth_cli *cli)
{
    lth_buf out;
    lth_buf_init(&out, 4u * 1024u * 1024u);
    lth_err err = lth_conf_docs(&out);
    if (err == LTH_OK)
        fwrite(out.p, 1, out.n, stdout);
    lth_buf_fini(&out);
    return err == LTH_OK ? 0 : lth_cli_fail(cli, 4, "lỗi", "error", lth_err_text(err));
}
