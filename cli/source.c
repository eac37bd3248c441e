/* source check ORG [DATASET], source scan ORG|VIEW: asked of the agent. */
#include "cli/cli.h"

static void print_row(const lth_cli *cli, const json_t *row)
{
    const json_t *fault = json_object_get(row, "fault");
    printf("%s %s", lth_cli_str(row, "org"), lth_cli_str(row, "dataset"));
    if (fault != NULL)
        printf(": %s (%s) %s", lth_cli_str(fault, cli->english ? "en" : "vi"),
               lth_cli_str(fault, "code"), lth_cli_str(row, "detail"));
    putchar('\n');
    lth_cli_print_fields(cli, json_object_get(row, "fields"));
}

static int show(const lth_cli *cli, json_t *request)
{
    json_t *rows;
    int status = lth_cli_collect(cli, request, &rows);
    if (cli->json && (status == 0 || json_array_size(rows) > 0)) {
        lth_cli_print_json(json_pack("{s:O}", "rows", rows));
    } else {
        size_t i;
        const json_t *row;
        json_array_foreach(rows, i, row) print_row(cli, row);
    }
    json_decref(rows);
    return status;
}

int lth_cli_source_check(const lth_cli *cli)
{
    if (cli->argc < 1 || cli->argc > 2)
        return lth_cli_usage(cli);
    json_t *request = json_pack("{s:s,s:s}", "verb", "source_check", "org", cli->argv[0]);
    if (cli->argc == 2)
        json_object_set_new(request, "dataset", json_string(cli->argv[1]));
    return show(cli, request);
}

int lth_cli_scan(const lth_cli *cli)
{
    if (cli->argc != 1)
        return lth_cli_usage(cli);
    return show(cli, json_pack("{s:s,s:s}", "verb", "scan", "org", cli->argv[0]));
}
