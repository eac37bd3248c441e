/* held list, held show. Brokers and agents answer with the same rows. */
#include <stdlib.h>

#include "cli/cli.h"

static void print_held(const lth_cli *cli, const json_t *row)
{
    const json_t *reason = json_object_get(row, "reason");
    printf("%s %s/%lld:%lld  %s %s  %s", lth_cli_str(row, "org"), lth_cli_str(row, "dataset"),
           (long long)lth_cli_int(row, "accept_no"), (long long)lth_cli_int(row, "index"),
           lth_cli_str(row, "record_id"), lth_cli_str(reason, "code"),
           lth_cli_str(reason, cli->english ? "en" : "vi"));
    if (json_object_get(row, "field") != NULL)
        printf(" (%s.%s)", lth_cli_str(row, "group"), lth_cli_str(row, "field"));
    putchar('\n');
}

/* @p none: the exit status when there is nothing to show. */
static int show(const lth_cli *cli, json_t *request, int none)
{
    json_t *rows;
    int status = lth_cli_collect(cli, request, &rows);
    bool answered = status == 0;
    if (status == 0 && cli->json) {
        lth_cli_print_json(json_pack("{s:O}", "held", rows));
    } else if (status == 0) {
        size_t i;
        const json_t *row;
        json_array_foreach(rows, i, row) print_held(cli, row);
        if (json_array_size(rows) == 0)
            puts(none == 0 ? lth_cli_say(cli, "không có bản ghi nào bị giữ", "nothing is held")
                           : lth_cli_say(cli, "không có bản ghi bị giữ mang số đó",
                                         "no held record has that number"));
    }
    if (answered && json_array_size(rows) == 0)
        status = none;
    json_decref(rows);
    return status;
}

int lth_cli_held_list(const lth_cli *cli)
{
    return cli->argc != 0 ? lth_cli_usage(cli)
                          : show(cli, json_pack("{s:s}", "verb", "held_list"), 0);
}

int lth_cli_held_show(const lth_cli *cli)
{
    char *end1 = NULL, *end2 = NULL;
    if (cli->argc != 2)
        return lth_cli_usage(cli);
    json_int_t accept_no = strtoll(cli->argv[0], &end1, 10),
               index = strtoll(cli->argv[1], &end2, 10);
    if (*end1 != '\0' || *end2 != '\0' || accept_no < 0 || index < 0)
        return lth_cli_usage(cli);
    return show(
        cli,
        json_pack("{s:s,s:I,s:I}", "verb", "held_show", "accept_no", accept_no, "index", index), 1);
}
