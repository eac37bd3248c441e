/* held list, show, retry, reject. Brokers and agents answer `held list` with the same rows. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#define PLACES_A_CALL 256

const char *lth_cli_by(const lth_cli *cli)
{
    const char *by = lth_cli_option(cli, "--by=", 0);
    if (by == NULL)
        by = getenv("SUDO_USER");
    if (by != NULL && by[0] != '\0')
        return by;
    const struct passwd *user = getpwuid(getuid());
    return user != NULL ? user->pw_name : "root";
}

void lth_cli_print_rule(const lth_cli *cli, const json_t *row)
{
    const json_t *rule = json_object_get(row, "rule");
    const char *text = lth_cli_str(rule, cli->english ? "en" : "vi");
    if (rule == NULL)
        return;
    printf("\n    %s %lld %s: %s", lth_cli_say(cli, "quy tắc", "rule"),
           (long long)lth_cli_int(rule, "number"), lth_cli_str(rule, "id"), text);
}

static void print_totals(const lth_cli *cli, const json_t *totals)
{
    printf(lth_cli_say(cli, "    đã gộp %lld, đang giữ %lld", "    merged %lld, held %lld"),
           (long long)lth_cli_int(totals, "merged"), (long long)lth_cli_int(totals, "held"));
    if (json_object_get(totals, "merged_with_it") != NULL)
        printf(lth_cli_say(cli, "; nếu nhận bản ghi này: %lld", "; with this one: %lld"),
               (long long)lth_cli_int(totals, "merged_with_it"));
    putchar('\n');
}

static void print_rejected(const lth_cli *cli, const json_t *rejected)
{
    if (json_is_object(rejected))
        printf(lth_cli_say(cli, "\n    %s từ chối: %s (%s)", "\n    %s rejected it: %s (%s)"),
               lth_cli_str(rejected, "name"), lth_cli_str(rejected, "why"),
               lth_cli_str(rejected, "by"));
}

static void print_held(const lth_cli *cli, const json_t *row)
{
    const json_t *reason = json_object_get(row, "reason");
    printf("%lld/%lld  %s %s  %s %s  %s", (long long)lth_cli_int(row, "accept_no"),
           (long long)lth_cli_int(row, "index"), lth_cli_str(row, "org"),
           lth_cli_str(row, "dataset"), lth_cli_str(row, "record_id"), lth_cli_str(reason, "code"),
           lth_cli_str(reason, cli->english ? "en" : "vi"));
    if (json_object_get(row, "field") != NULL)
        printf(" (%s.%s)", lth_cli_str(row, "group"), lth_cli_str(row, "field"));
    if (json_object_get(row, "here") != NULL && !json_is_true(json_object_get(row, "here")))
        printf(lth_cli_say(cli, "  [giữ tại %s]", "  [held at %s]"), lth_cli_str(row, "tier"));
    lth_cli_print_rule(cli, row);
    print_rejected(cli, json_object_get(row, "rejected"));
    putchar('\n');
    if (json_object_get(row, "other") != NULL)
        printf(lth_cli_say(cli, "    bản ghi đang có giá trị ấy: %s\n",
                           "    the record that has that value: %s\n"),
               lth_cli_str(row, "other"));
    if (json_object_get(row, "totals") != NULL)
        print_totals(cli, json_object_get(row, "totals"));
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

static json_t *list_request(const lth_cli *cli)
{
    const char *org = lth_cli_option(cli, "--org=", 0), *code = lth_cli_option(cli, "--code=", 0);
    json_t *request = json_pack("{s:s}", "verb", "held_list");
    if (org != NULL)
        json_object_set_new(request, "org", json_string(org));
    if (code != NULL)
        json_object_set_new(request, "code", json_string(code));
    return request;
}

int lth_cli_held_list(const lth_cli *cli)
{
    return cli->argc != 0 ? lth_cli_usage(cli) : show(cli, list_request(cli), 0);
}

/* "12/3", or 12 and 3. */
static bool read_key(const char *text, json_int_t *accept_no, json_int_t *index)
{
    char *end = NULL;
    *accept_no = strtoll(text, &end, 10);
    if (end == text || *end != '/' || *accept_no < 0)
        return false;
    const char *rest = end + 1;
    *index = strtoll(rest, &end, 10);
    return end != rest && *end == '\0' && *index >= 0;
}

int lth_cli_held_show(const lth_cli *cli)
{
    json_int_t accept_no, index;
    char key[64];
    if (cli->argc != 1 && cli->argc != 2)
        return lth_cli_usage(cli);
    int n = snprintf(key, sizeof(key), cli->argc == 2 ? "%s/%s" : "%s", cli->argv[0],
                     cli->argc == 2 ? cli->argv[1] : "");
    if (n < 0 || (size_t)n >= sizeof(key) || !read_key(key, &accept_no, &index))
        return lth_cli_usage(cli);
    return show(
        cli,
        json_pack("{s:s,s:I,s:I}", "verb", "held_show", "accept_no", accept_no, "index", index), 1);
}

/* ---- decisions ---- */

typedef struct outcome {
    const lth_cli *cli;
    json_t *rows;
    json_int_t done, held, other;
} outcome;

static void see_decided(void *ctx, const json_t *row)
{
    outcome *o = ctx;
    const char *result = lth_cli_str(row, "result");
    const json_t *reason = json_object_get(row, "reason");
    const lth_cli *cli = o->cli;
    bool done = strcmp(result, "done") == 0, held = strcmp(result, "held") == 0;
    o->done += done;
    o->held += held;
    o->other += !done && !held;
    json_array_append(o->rows, (json_t *)(uintptr_t)row);
    if (cli->json)
        return;
    printf("%lld/%lld  ", (long long)lth_cli_int(row, "accept_no"),
           (long long)lth_cli_int(row, "index"));
    if (done)
        puts(lth_cli_say(cli, "xong", "done"));
    else if (held)
        printf(lth_cli_say(cli, "vẫn bị giữ: %s\n", "still held: %s\n"),
               lth_cli_str(reason, cli->english ? "en" : "vi"));
    else if (strcmp(result, "not_here") == 0)
        printf(lth_cli_say(cli,
                           "chỉ nơi nhận đầu tiên (%s) được quyết định: làm việc này ở nút đó\n",
                           "only the entry broker (%s) may decide: ask there\n"),
               lth_cli_str(row, "tier"));
    else
        puts(lth_cli_say(cli, "không có bản ghi bị giữ mang số đó",
                         "no held record has that number"));
}

static int decide_some(const lth_cli *cli, const char *verb, json_t *places, outcome *o)
{
    const char *reason = lth_cli_option(cli, "--reason=", 0);
    json_t *request = json_pack("{s:s,s:o,s:s,s:s}", "verb", verb, "places", places, "by",
                                lth_cli_by(cli), "reason", reason != NULL ? reason : "");
    return lth_cli_ask(cli, request, see_decided, o, NULL);
}

/* All that are held by this node, with that code if one is named. */
static int collect_all(const lth_cli *cli, json_t **places)
{
    json_t *rows;
    size_t i;
    const json_t *row;
    int status = lth_cli_collect(cli, list_request(cli), &rows);
    *places = json_array();
    json_array_foreach(rows, i, row)
    {
        if (status == 0 && json_is_true(json_object_get(row, "here")))
            json_array_append_new(*places, json_pack("[I,I]", lth_cli_int(row, "accept_no"),
                                                     lth_cli_int(row, "index")));
    }
    json_decref(rows);
    return status;
}

static int collect_named(const lth_cli *cli, json_t **places)
{
    *places = json_array();
    for (int i = 0; i < cli->argc; i++) {
        json_int_t accept_no, index;
        if (!read_key(cli->argv[i], &accept_no, &index))
            return lth_cli_usage(cli);
        json_array_append_new(*places, json_pack("[I,I]", accept_no, index));
    }
    return 0;
}

/* A few hundred at a time, so that no step of the node is long. */
static int decide_all(const lth_cli *cli, const char *verb, const json_t *places)
{
    outcome o = {.cli = cli, .rows = json_array()};
    int status = 0;
    for (size_t from = 0; from < json_array_size(places) && status <= 1;) {
        json_t *some = json_array();
        for (size_t k = 0; k < PLACES_A_CALL && from < json_array_size(places); k++)
            json_array_append(some, json_array_get(places, from++));
        int got = decide_some(cli, verb, some, &o);
        status = got > status ? got : status;
    }
    if (status <= 1 && cli->json)
        lth_cli_print_json(json_pack("{s:I,s:I,s:I,s:O}", "done", o.done, "held", o.held, "other",
                                     o.other, "decided", o.rows));
    else if (status <= 1)
        printf(lth_cli_say(cli, "xong %lld, vẫn giữ %lld, không làm được %lld\n",
                           "done %lld, still held %lld, not possible %lld\n"),
               (long long)o.done, (long long)o.held, (long long)o.other);
    json_decref(o.rows);
    return status;
}

int lth_cli_held_retry(const lth_cli *cli)
{
    bool all = lth_cli_option(cli, "--all", 0) != NULL;
    json_t *places = NULL;
    if (all ? cli->argc != 0 : cli->argc == 0)
        return lth_cli_usage(cli);
    int status = all ? collect_all(cli, &places) : collect_named(cli, &places);
    status = status == 0 ? decide_all(cli, "held_retry", places) : status;
    json_decref(places);
    return status;
}

int lth_cli_held_reject(const lth_cli *cli)
{
    json_t *places = NULL;
    if (cli->argc == 0 || lth_cli_option(cli, "--reason=", 0) == NULL)
        return lth_cli_usage(cli);
    int status = collect_named(cli, &places);
    status = status == 0 ? decide_all(cli, "held_reject", places) : status;
    json_decref(places);
    return status;
}
