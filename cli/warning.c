/* warning list, warning accept: rules that merged records do not meet. */
#include "cli/cli.h"

static void print_one(const lth_cli *cli, const json_t *row)
{
    const json_t *school = json_object_get(row, "school");
    printf("%s %s  %s  %s", lth_cli_str(row, "org"), lth_cli_str(row, "dataset"),
           lth_cli_str(row, "record_id"), lth_cli_str(row, "severity"));
    if (json_is_true(json_object_get(row, "accepted")))
        printf(lth_cli_say(cli, "  đã chấp nhận: %s, %s", "  accepted: %s, %s"),
               lth_cli_str(row, "by"), lth_cli_str(row, "why"));
    lth_cli_print_rule(cli, row);
    if (json_is_object(school))
        printf(lth_cli_say(cli, "\n    nhà trường đã chấp nhận: %s (%s)",
                           "\n    accepted at the school: %s (%s)"),
               lth_cli_str(school, "why"), lth_cli_str(school, "by"));
    putchar('\n');
}

static void print_count(const lth_cli *cli, const json_t *row)
{
    printf(lth_cli_say(cli, "%s %s  chưa xử lý %lld, đã chấp nhận %lld",
                       "%s %s  open %lld, accepted %lld"),
           lth_cli_str(row, "org"), lth_cli_str(row, "dataset"),
           (long long)lth_cli_int(row, "open"), (long long)lth_cli_int(row, "accepted"));
    lth_cli_print_rule(cli, row);
    putchar('\n');
}

int lth_cli_warning_list(const lth_cli *cli)
{
    static const char *const texts[] = {"org", "dataset"};
    static const char *const options[] = {"--org=", "--dataset="};
    bool counts = lth_cli_option(cli, "--counts", 0) != NULL;
    json_t *rows;
    size_t i;
    const json_t *row;
    if (cli->argc != 0)
        return lth_cli_usage(cli);
    json_t *request = json_pack("{s:s,s:b,s:b}", "verb", "warning_list", "blocks",
                                lth_cli_option(cli, "--blocks", 0) != NULL, "counts", counts);
    for (size_t k = 0; k < 2; k++) {
        const char *value = lth_cli_option(cli, options[k], 0);
        if (value != NULL)
            json_object_set_new(request, texts[k], json_string(value));
    }
    int status = lth_cli_collect(cli, request, &rows);
    if (status == 0 && cli->json)
        lth_cli_print_json(json_pack("{s:O}", "warnings", rows));
    else if (status == 0 && json_array_size(rows) == 0)
        puts(lth_cli_say(cli, "không có cảnh báo", "no warnings"));
    else if (status == 0)
        json_array_foreach(rows, i, row) counts ? print_count(cli, row) : print_one(cli, row);
    json_decref(rows);
    return status;
}

int lth_cli_warning_accept(const lth_cli *cli)
{
    const char *reason = lth_cli_option(cli, "--reason=", 0);
    if (cli->argc != 3 || reason == NULL)
        return lth_cli_usage(cli);
    json_t *end = NULL;
    json_t *request = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "verb", "warning_accept", "dataset",
                                cli->argv[0], "record_id", cli->argv[1], "rule", cli->argv[2], "by",
                                lth_cli_by(cli), "reason", reason);
    int status = lth_cli_ask(cli, request, NULL, NULL, &end);
    if (status <= 1 && cli->json)
        lth_cli_print_json(json_pack("{s:b}", "accepted", status == 0));
    else if (status <= 1)
        puts(status == 0 ? lth_cli_say(cli, "đã chấp nhận", "accepted")
                         : lth_cli_say(cli, "không có cảnh báo đó", "no such warning"));
    json_decref(end);
    return status;
}
