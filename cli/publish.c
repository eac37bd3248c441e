/* dictionary publish, dictionary status. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* ---- publish ---- */

static const char *change_text(const lth_cli *cli, const char *change)
{
    static const char *const texts[][3] = {
        {"added", "mới", "new"}, {"changed", "đổi", "changed"}, {"removed", "bỏ", "removed"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i][0], change) == 0)
            return lth_cli_say(cli, texts[i][1], texts[i][2]);
    return change;
}

static void print_change(const lth_cli *cli, const json_t *row)
{
    const char *kind = lth_cli_str(row, "kind");
    if (strcmp(kind, "definition") == 0)
        printf("  %-12s %-20s %s %lld: %s\n", lth_cli_str(row, "what"), lth_cli_str(row, "name"),
               lth_cli_say(cli, "bản", "version"), (long long)lth_cli_int(row, "version"),
               change_text(cli, lth_cli_str(row, "change")));
    else if (strcmp(kind, "codes") == 0)
        printf(lth_cli_say(cli, "  %-12s %-20s %lld mã mới, %lld đổi, %lld bỏ\n",
                           "  %-12s %-20s %lld codes new, %lld changed, %lld removed\n"),
               lth_cli_say(cli, "danh mục", "list"), lth_cli_str(row, "list"),
               (long long)lth_cli_int(row, "added"), (long long)lth_cli_int(row, "changed"),
               (long long)lth_cli_int(row, "removed"));
    else if (strcmp(kind, "error") == 0)
        fprintf(stderr, "%s%s%s\n", lth_cli_str(row, "name"),
                lth_cli_str(row, "name")[0] != '\0' ? ": " : "", lth_cli_str(row, "text"));
}

static void collect(void *ctx, const json_t *row)
{
    json_array_append(ctx, (json_t *)(uintptr_t)row);
}

static void print_outcome(const lth_cli *cli, const json_t *end)
{
    bool published = json_is_true(json_object_get(end, "published"));
    long long changes = (long long)lth_cli_int(end, "changes");
    if (published)
        printf(lth_cli_say(cli, "đã công bố %lld thay đổi, phiên bản %lld\n",
                           "%lld changes published, version %lld\n"),
               changes, (long long)lth_cli_int(end, "version"));
    else
        puts(changes == 0 ? lth_cli_say(cli, "không có gì thay đổi", "nothing has changed")
                          : lth_cli_say(cli, "chưa công bố gì (--dry-run)",
                                        "nothing was published (--dry-run)"));
}

int lth_cli_dictionary_publish(const lth_cli *cli)
{
    char dir[PATH_MAX];
    const char *by = lth_cli_option(cli, "--by", 0), *reason = lth_cli_option(cli, "--reason", 0);
    if (cli->argc != 1 || by == NULL || reason == NULL)
        return lth_cli_usage(cli);
    if (realpath(cli->argv[0], dir) == NULL)
        return lth_cli_fail(cli, 2, "không có thư mục này", "no such directory", cli->argv[0]);
    json_t *request =
        json_pack("{s:s,s:s,s:s,s:s,s:b}", "verb", "dictionary_publish", "dir", dir, "by", by,
                  "reason", reason, "dry_run", lth_cli_option(cli, "--dry-run", 0) != NULL);
    json_t *rows = json_array(), *end = NULL;
    int status = lth_cli_ask(cli, request, collect, rows, &end);
    size_t i;
    const json_t *row;
    if (cli->json) {
        lth_cli_print_json(json_pack("{s:O,s:O?}", "rows", rows, "outcome", end));
    } else {
        json_array_foreach(rows, i, row) print_change(cli, row);
        if (status == 0)
            print_outcome(cli, end);
    }
    json_decref(rows);
    json_decref(end);
    return status;
}

/* ---- status ---- */

static void print_versions(const lth_cli *cli, const json_t *row)
{
    printf(lth_cli_say(cli, "  từ điển: đang dùng phiên bản %lld, đã có %lld, nguồn %s",
                       "  dictionary: version %lld in force, %lld held, author %s"),
           (long long)lth_cli_int(row, "applied"), (long long)lth_cli_int(row, "held"),
           lth_cli_str(row, "author"));
    if (!json_is_true(json_object_get(row, "author_here")))
        printf(lth_cli_say(cli, ", cấp trên có %lld", ", the parent holds %lld"),
               (long long)lth_cli_int(row, "above"));
}

void lth_cli_print_dictionary(const lth_cli *cli, const json_t *row)
{
    if (lth_cli_int(row, "held") == 0 && lth_cli_int(row, "above") == 0)
        printf(lth_cli_say(cli, "  từ điển: nguồn %s chưa công bố gì, dùng datasets/ tại chỗ",
                           "  dictionary: author %s has published nothing, datasets/ is used"),
               lth_cli_str(row, "author"));
    else
        print_versions(cli, row);
    if (strcmp(lth_cli_str(row, "state"), "ok") != 0)
        printf(lth_cli_say(cli, "; BỊ DỪNG: hai bản khác nhau cùng vị trí",
                           "; STOPPED: two versions of one position"));
    if (json_object_get(row, "fault") != NULL)
        printf(lth_cli_say(cli, "; phiên bản %lld KHÔNG dùng được: %s",
                           "; version %lld is NOT usable: %s"),
               (long long)lth_cli_int(row, "failed"), lth_cli_str(row, "fault"));
    putchar('\n');
}

static void print_reader(const lth_cli *cli, const json_t *row)
{
    printf(lth_cli_say(cli, "  %s (%s): có phiên bản %lld, nói %lld giây trước\n",
                       "  %s (%s): holds version %lld, heard %lld s ago\n"),
           lth_cli_str(row, "org"), lth_cli_str(row, "role"), (long long)lth_cli_int(row, "held"),
           (long long)(lth_cli_int(row, "silent_ms") / 1000));
}

int lth_cli_dictionary_status(const lth_cli *cli)
{
    json_t *rows;
    size_t i;
    const json_t *row;
    if (cli->argc != 0)
        return lth_cli_usage(cli);
    int status = lth_cli_collect(cli, json_pack("{s:s}", "verb", "dictionary_status"), &rows);
    if (status == 0 && cli->json) {
        lth_cli_print_json(json_pack("{s:O}", "rows", rows));
    } else if (status == 0) {
        json_array_foreach(rows, i, row)
        {
            if (strcmp(lth_cli_str(row, "kind"), "reader") == 0)
                print_reader(cli, row);
            else
                lth_cli_print_dictionary(cli, row);
        }
    }
    json_decref(rows);
    return status;
}
