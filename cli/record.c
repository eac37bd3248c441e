/* record list, record show [--proof FILE]. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* ---- list: streamed, never collected ---- */

typedef struct list_state {
    const lth_cli *cli;
    bool first;
} list_state;

static void list_row(void *ctx, const json_t *row)
{
    list_state *s = ctx;
    if (!s->cli->json) {
        const char *key = lth_cli_str(row, "key");
        printf("%s %s %s %s%s\n", lth_cli_str(row, "org"), lth_cli_str(row, "state"),
               lth_cli_str(row, "id"), key[0] != '\0' ? key : "-",
               lth_cli_int(row, "slot") != 0 ? " +" : "");
        return;
    }
    fputs(s->first ? "{\"records\":[\n" : ",\n", stdout);
    s->first = false;
    json_dumpf(row, stdout, JSON_COMPACT);
}

int lth_cli_record_list(const lth_cli *cli)
{
    if (cli->argc != 1)
        return lth_cli_usage(cli);
    json_t *request = json_pack("{s:s,s:s}", "verb", "record_list", "dataset", cli->argv[0]);
    const char *org = lth_cli_option(cli, "--org", 0);
    if (org != NULL)
        json_object_set_new(request, "org", json_string(org));
    list_state s = {.cli = cli, .first = true};
    int status = lth_cli_ask(cli, request, list_row, &s, NULL);
    if (cli->json && status == 0)
        puts(s.first ? "{\"records\":[]}" : "\n]}");
    return status;
}

/* ---- show ---- */

static void print_group(const lth_cli *cli, const json_t *group)
{
    bool shown = json_is_true(json_object_get(group, "shown"));
    printf("  [%s] %s\n", lth_cli_str(group, "name"),
           shown ? ""
                 : lth_cli_say(cli, "không gửi tới nút này (chỉ có cam kết)",
                               "withheld from this node (commitment only)"));
    lth_cli_print_fields(cli, json_object_get(group, "fields"));
}

static void print_record(const lth_cli *cli, const json_t *row)
{
    const json_t *p = json_object_get(row, "provenance");
    bool verified = json_is_true(json_object_get(p, "verified"));
    bool host = strcmp(lth_cli_str(p, "signed_by"), "host") == 0;
    printf("%s %s id:%s %s\n", lth_cli_str(row, "dataset"), lth_cli_str(row, "org"),
           lth_cli_str(row, "id"), lth_cli_str(row, "state"));
    size_t i;
    const json_t *group;
    json_array_foreach(json_object_get(row, "groups"), i, group) print_group(cli, group);
    printf(lth_cli_say(cli, "  nguồn: %s, kỳ %lld, gói %lld, bản ghi %lld; nhận đầu tiên tại %s\n",
                       "  from: %s, epoch %lld, batch %lld, record %lld; first received at %s\n"),
           lth_cli_str(row, "author"), (long long)lth_cli_int(p, "epoch"),
           (long long)lth_cli_int(p, "batch_seq"), (long long)lth_cli_int(p, "rec_seq"),
           lth_cli_str(p, "entry"));
    if (verified && host)
        printf(lth_cli_say(cli, "  chữ ký: đúng, %s ký thay trường\n",
                           "  signature: good, by %s on the school's behalf\n"),
               lth_cli_str(p, "issuer"));
    else
        printf("  %s: %s\n", lth_cli_say(cli, "chữ ký", "signature"),
               verified ? lth_cli_say(cli, "đúng, ký tại trường", "good, signed at the school")
                        : lth_cli_str(p, "result"));
}

static int save_proof(const lth_cli *cli, const json_t *row, const char *path)
{
    const char *hex = lth_cli_str(row, "proof");
    size_t n = strlen(hex) / 2;
    uint8_t *bytes = n > 0 ? malloc(n) : NULL;
    int status;
    if (bytes != NULL && lth_unhex(bytes, n, hex, 2 * n))
        status = lth_cli_write_file(cli, path, bytes, n, lth_cli_option(cli, "--force", 0) != NULL);
    else
        status = lth_cli_fail(cli, 1, "nút này không có đủ để chứng minh bản ghi",
                              "this node cannot prove the record", "");
    free(bytes);
    return status;
}

int lth_cli_record_show(const lth_cli *cli)
{
    if (cli->argc != 3)
        return lth_cli_usage(cli);
    const char *proof = lth_cli_option(cli, "--proof", 0);
    json_t *rows, *row;
    int status = lth_cli_collect(cli,
                                 json_pack("{s:s,s:s,s:s,s:s,s:b}", "verb", "record_show",
                                           "dataset", cli->argv[0], "org", cli->argv[1], "key",
                                           cli->argv[2], "proof", proof != NULL),
                                 &rows);
    if (status == 0 && proof != NULL)
        status = save_proof(cli, json_array_get(rows, 0), proof);
    if (status == 0) {
        size_t i;
        json_array_foreach(rows, i, row)
        {
            json_object_del(row, "proof");
            if (!cli->json)
                print_record(cli, row);
        }
        if (cli->json)
            lth_cli_print_json(json_pack("{s:O}", "parts", rows));
    }
    json_decref(rows);
    return status;
}
