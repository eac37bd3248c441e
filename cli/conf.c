/* conf check [DIR], conf docs. */
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

int lth_cli_conf_check(const lth_cli *cli)
{
    const char *dir = cli->argc == 1 ? cli->argv[0] : cli->node;
    if (cli->argc > 1 || dir == NULL)
        return lth_cli_usage(cli);
    lth_conf *owner = NULL;
    lth_conf_errors errors = {0};
    const lth_broker_conf *broker;
    const lth_agent_conf *agent;
    const lth_public_set none = {.version = 0};
    lth_err err = lth_cli_is_agent(dir)
                      ? lth_conf_load_agent_with(&owner, &agent, dir, &none, &errors)
                      : lth_conf_load_broker_with(&owner, &broker, dir, &none, &errors);
    int status = checked(cli, err, &errors, dir);
    lth_conf_free(&owner);
    return status;
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
