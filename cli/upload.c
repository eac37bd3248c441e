/* upload list / show / receipt / answers / confirm / withdraw / answer / accept, and source confirm
 * / withdraw: files of hosted schools, and what waits for a person's word. Asked of the agent. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* ---- words ---- */

static const char *both(const lth_cli *cli, const json_t *texts)
{
    return lth_cli_str(texts, cli->english ? "en" : "vi");
}

const char *lth_cli_upload_state(const lth_cli *cli, const char *state)
{
    static const char *const texts[][3] = {
        {"received", "đã nhận, chờ đọc", "received, to be read"},
        {"reading", "đang đọc", "being read"},
        {"done", "đã đọc xong", "read"},
        {"refused", "KHÔNG NHẬN", "REFUSED"},
        {"waiting", "CHỜ NGƯỜI XÁC NHẬN", "WAITS FOR A PERSON"},
        {"withdrawn", "đã rút", "withdrawn"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(texts[i][0], state) == 0)
            return lth_cli_say(cli, texts[i][1], texts[i][2]);
    return state;
}

static void print_table(const lth_cli *cli, const json_t *table)
{
    const json_t *fault = json_object_get(table, "fault");
    printf(lth_cli_say(cli,
                       "    %s: %lld hàng; mới %lld, đổi %lld, như cũ %lld, kết thúc %lld, giữ "
                       "lại %lld, cần hỏi %lld, cảnh báo %lld\n",
                       "    %s: %lld rows; %lld new, %lld changed, %lld as before, %lld ended, "
                       "%lld held, %lld asked, %lld warned\n"),
           lth_cli_str(table, cli->english ? "dataset" : "title"),
           (long long)lth_cli_int(table, "rows"), (long long)lth_cli_int(table, "fresh"),
           (long long)lth_cli_int(table, "changed"), (long long)lth_cli_int(table, "same"),
           (long long)lth_cli_int(table, "ended"), (long long)lth_cli_int(table, "held"),
           (long long)lth_cli_int(table, "asked"), (long long)lth_cli_int(table, "warned"));
    if (json_is_object(fault))
        printf(lth_cli_say(cli, "      %s: %lld trong %lld bản ghi đã biết, %lld hàng trở về cũ\n",
                           "      %s: %lld of %lld known records, %lld rows went back\n"),
               both(cli, fault), (long long)lth_cli_int(table, "gone"),
               (long long)lth_cli_int(table, "known"), (long long)lth_cli_int(table, "old"));
    if (lth_cli_int(table, "waiting") > 0)
        printf(lth_cli_say(cli, "      %lld hàng mới chờ, chưa gửi đi\n",
                           "      %lld new rows wait and were not sent\n"),
               (long long)lth_cli_int(table, "waiting"));
}

static void print_tiers(const lth_cli *cli, const json_t *tiers)
{
    size_t i;
    const json_t *tier;
    json_array_foreach(tiers, i, tier)
    {
        const char *when = lth_cli_str(tier, "received");
        printf("    %s: %s%s\n", lth_cli_str(tier, "name"),
               when[0] != '\0' ? lth_cli_say(cli, "đã nhận ", "received ")
                               : lth_cli_say(cli, "chưa nhận", "not yet"),
               when);
    }
}

static void print_upload(const lth_cli *cli, const json_t *u, bool whole)
{
    size_t i;
    const json_t *table;
    printf("%s  %s  %s  %lld B", lth_cli_str(u, "received"), lth_cli_str(u, "id"),
           lth_cli_upload_state(cli, lth_cli_str(u, "state")), (long long)lth_cli_int(u, "bytes"));
    long long findings = lth_cli_int(u, "findings") + lth_cli_int(u, "held_above");
    if (findings > 0)
        printf(lth_cli_say(cli, "  %lld chỗ cần xem", "  %lld findings"), findings);
    putchar('\n');
    if (json_is_object(json_object_get(u, "fault")))
        printf("    %s: %s\n", both(cli, json_object_get(u, "fault")),
               both(cli, json_object_get(u, "detail")));
    if (!whole)
        return;
    printf("    SHA-256 %s\n    %s\n", lth_cli_str(u, "sha256"),
           both(cli, json_object_get(u, "signed")));
    json_array_foreach(json_object_get(u, "tables"), i, table) print_table(cli, table);
    print_tiers(cli, json_object_get(u, "tiers"));
}

static const char *severity_text(const lth_cli *cli, const char *severity)
{
    static const char *const texts[][3] = {
        {"error", "LỖI", "ERROR"},
        {"warning", "cảnh báo", "warning"},
        {"blocks", "chặn kỳ báo cáo", "blocks the period"},
        {"question", "HỎI", "QUESTION"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(texts[i][0], severity) == 0)
            return lth_cli_say(cli, texts[i][1], texts[i][2]);
    return severity;
}

/* Row and column as Excel shows them, and the column's header. */
static void print_place(const lth_cli *cli, const char *row, const json_t *f)
{
    const char *column = lth_cli_str(f, "column"), *letter = lth_cli_str(f, "letter");
    printf("%s %lld%s%s", row, (long long)lth_cli_int(f, "row"), column[0] != '\0' ? " · " : "",
           column);
    if (letter[0] != '\0')
        printf(lth_cli_say(cli, " (cột %s)", " (column %s)"), letter);
}

static void print_finding(const lth_cli *cli, const json_t *f)
{
    const char *tier = lth_cli_str(f, "tier");
    size_t i;
    const json_t *candidate;
    print_place(cli, lth_cli_say(cli, "  hàng", "  row"), f);
    printf(": %s: %s", severity_text(cli, lth_cli_str(f, "severity")),
           both(cli, json_object_get(f, "text")));
    if (tier[0] != '\0')
        printf(lth_cli_say(cli, " (giữ tại %s)", " (held at %s)"), tier);
    if (json_is_true(json_object_get(f, "accepted")))
        printf(" (%s)", lth_cli_say(cli, "đã chấp nhận", "accepted"));
    printf("\n    %s", lth_cli_str(f, "dataset"));
    if (lth_cli_str(f, "rule")[0] != '\0')
        printf(" rule=%s", lth_cli_str(f, "rule"));
    if (lth_cli_str(f, "record")[0] != '\0')
        printf(" record=%s", lth_cli_str(f, "record"));
    if (lth_cli_str(f, "hash")[0] != '\0')
        printf(" hash=%s", lth_cli_str(f, "hash"));
    putchar('\n');
    json_array_foreach(json_object_get(f, "candidates"), i, candidate) printf(
        "      ? record=%s %s\n", lth_cli_str(candidate, "record"), lth_cli_str(candidate, "text"));
}

/* ---- which upload ---- */

static json_t *about(const lth_cli *cli, const char *verb, const char *id)
{
    json_t *request = json_pack("{s:s,s:s}", "verb", verb, "org", cli->argv[0]);
    if (id != NULL)
        json_object_set_new(request, "id", json_string(id));
    return request;
}

/* The one named, else the newest one that was begun; 0, or an exit status. */
static int find_id(const lth_cli *cli, char out[128])
{
    json_t *rows, *row;
    size_t i;
    if (cli->argc > 1) {
        snprintf(out, 128, "%s", cli->argv[1]);
        return 0;
    }
    out[0] = '\0';
    int status = lth_cli_collect(cli, about(cli, "upload_list", NULL), &rows);
    json_array_foreach(rows, i, row)
    {
        const json_t *u = json_object_get(row, "upload");
        if (out[0] == '\0' && lth_cli_int(u, "number") != 0)
            snprintf(out, 128, "%s", lth_cli_str(u, "id"));
    }
    json_decref(rows);
    if (status == 0 && out[0] == '\0')
        status = lth_cli_fail(cli, 1, "trường này chưa nộp tệp nào",
                              "this school has not handed in a file", cli->argv[0]);
    return status;
}

/* ---- list ---- */

static void print_hosted(const lth_cli *cli, const json_t *row)
{
    const json_t *u = json_object_get(row, "upload");
    lth_cli_pad(lth_cli_str(row, "org"), 16);
    putchar(' ');
    lth_cli_pad(lth_cli_str(row, "name"), 40);
    printf(" %s\n", json_is_object(u) ? lth_cli_upload_state(cli, lth_cli_str(u, "state"))
                                      : lth_cli_say(cli, "chưa nộp", "nothing yet"));
}

int lth_cli_upload_list(const lth_cli *cli)
{
    json_t *rows, *row;
    size_t i;
    const char *limit = lth_cli_option(cli, "--limit", 0);
    bool counted = limit == NULL || (limit[strspn(limit, "0123456789")] == '\0' &&
                                     strlen(limit) < 10 && strtol(limit, NULL, 10) > 0);
    if (cli->argc > 1 || !counted)
        return lth_cli_usage(cli);
    bool all = cli->argc == 0;
    json_t *request =
        all ? json_pack("{s:s}", "verb", "hosted_list") : about(cli, "upload_list", NULL);
    if (limit != NULL)
        json_object_set_new(request, "limit", json_integer(strtoll(limit, NULL, 10)));
    int status = lth_cli_collect(cli, request, &rows);
    if (status == 0 && cli->json) {
        lth_cli_print_json(json_pack("{s:O}", all ? "schools" : "uploads", rows));
    } else if (status == 0) {
        json_array_foreach(rows, i, row)
        {
            if (all)
                print_hosted(cli, row);
            else
                print_upload(cli, json_object_get(row, "upload"), false);
        }
    }
    json_decref(rows);
    return status;
}

/* ---- show ---- */

/* Plain lines, ready to paste: what the school has to do and nothing else. */
static void print_chat(const lth_cli *cli, const json_t *rows)
{
    size_t i, n = 0;
    const json_t *row;
    const json_t *u = json_object_get(json_array_get(rows, 0), "upload");
    printf("%s %s: %s\n", lth_cli_say(cli, "Tệp", "File"), lth_cli_str(u, "id"),
           lth_cli_upload_state(cli, lth_cli_str(u, "state")));
    if (json_is_object(json_object_get(u, "fault")))
        printf("%s: %s\n", both(cli, json_object_get(u, "fault")),
               both(cli, json_object_get(u, "detail")));
    json_array_foreach(rows, i, row)
    {
        const json_t *f = json_object_get(row, "finding");
        if (f == NULL || json_is_true(json_object_get(f, "accepted")))
            continue;
        print_place(cli, lth_cli_say(cli, "Hàng", "Row"), f);
        printf(": %s\n", both(cli, json_object_get(f, "text")));
        n++;
    }
    if (n == 0 && !json_is_object(json_object_get(u, "fault")))
        puts(lth_cli_say(cli, "Không có hàng nào phải sửa.", "No row needs a correction."));
}

static json_t *show_json(const json_t *rows)
{
    json_t *findings = json_array(), *f;
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row)
    {
        if ((f = json_object_get(row, "finding")) != NULL)
            json_array_append(findings, f);
    }
    return json_pack("{s:O,s:o}", "upload", json_object_get(json_array_get(rows, 0), "upload"),
                     "findings", findings);
}

int lth_cli_upload_show(const lth_cli *cli)
{
    char id[128];
    json_t *rows, *row;
    size_t i;
    if (cli->argc < 1 || cli->argc > 2)
        return lth_cli_usage(cli);
    int status = find_id(cli, id);
    if (status != 0)
        return status;
    status = lth_cli_collect(cli, about(cli, "upload_show", id), &rows);
    if (status == 0 && cli->json) {
        lth_cli_print_json(show_json(rows));
    } else if (status == 0 && lth_cli_option(cli, "--chat", 0) != NULL) {
        print_chat(cli, rows);
    } else if (status == 0) {
        print_upload(cli, json_object_get(json_array_get(rows, 0), "upload"), true);
        json_array_foreach(rows, i, row)
        {
            if (json_object_get(row, "finding") != NULL)
                print_finding(cli, json_object_get(row, "finding"));
        }
    }
    json_decref(rows);
    return status;
}

/* ---- receipt, answers ---- */

static void print_receipt(const lth_cli *cli, const json_t *r)
{
    size_t i;
    const json_t *one;
    printf("%s %s  %s\n  SHA-256 %s\n  %s (%s %s)\n", lth_cli_str(r, "org"), lth_cli_str(r, "id"),
           lth_cli_str(r, "received"), lth_cli_str(r, "sha256"),
           both(cli, json_object_get(r, "signed")), lth_cli_say(cli, "khoá", "key"),
           lth_cli_str(r, "key_id"));
    json_array_foreach(json_object_get(r, "batches"), i, one)
        printf("  %s %lld/%lld %s\n", lth_cli_say(cli, "gói", "batch"),
               (long long)lth_cli_int(one, "epoch"), (long long)lth_cli_int(one, "seq"),
               lth_cli_str(one, "header_hash"));
    print_tiers(cli, json_object_get(r, "tiers"));
    json_array_foreach(json_object_get(r, "receipts"), i, one)
        printf(lth_cli_say(cli, "  biên nhận của %s: sổ %lld mục, gốc %s\n",
                           "  receipt of %s: log of %lld, root %s\n"),
               lth_cli_str(one, "org"), (long long)lth_cli_int(one, "log_size"),
               lth_cli_str(one, "log_root"));
}

/* Ask about one upload for something that comes with the end of the answer. */
static int ask_end(const lth_cli *cli, const char *verb, json_t **end)
{
    char id[128];
    *end = NULL;
    if (cli->argc < 1 || cli->argc > 2)
        return lth_cli_usage(cli);
    int status = find_id(cli, id);
    return status == 0 ? lth_cli_ask(cli, about(cli, verb, id), NULL, NULL, end) : status;
}

int lth_cli_upload_receipt(const lth_cli *cli)
{
    json_t *end;
    int status = ask_end(cli, "upload_receipt", &end);
    json_t *receipt = json_object_get(end, "receipt");
    if (status == 0 && cli->json)
        lth_cli_print_json(json_incref(receipt));
    else if (status == 0)
        print_receipt(cli, receipt);
    json_decref(end);
    return status;
}

int lth_cli_upload_answers(const lth_cli *cli)
{
    json_t *end;
    int status = ask_end(cli, "upload_answers", &end);
    if (status == 0 && cli->json) {
        json_object_del(end, "exit");
        lth_cli_print_json(json_incref(end));
    } else if (status == 0) {
        printf("%s\n", lth_cli_str(end, "path"));
        if (lth_cli_int(end, "left") > 0)
            printf(lth_cli_say(cli, "%lld chỗ ở trang tính khác: xem lienthong upload show\n",
                               "%lld findings on other sheets: see lienthong upload show\n"),
                   (long long)lth_cli_int(end, "left"));
    }
    json_decref(end);
    return status;
}

/* ---- a person's word ---- */

static const char *author(const lth_cli *cli)
{
    static const char *const places[] = {"SUDO_USER", "LOGNAME", "USER"};
    const char *name = lth_cli_option(cli, "--by", 0);
    for (size_t i = 0; name == NULL && i < sizeof places / sizeof places[0]; i++)
        name = getenv(places[i]);
    if (name == NULL)
        name = getlogin();
    return name != NULL ? name : "root";
}

/* @p dataset may be NULL; options of these names go along. */
static int say_act(const lth_cli *cli, const char *act, const char *id, const char *dataset)
{
    static const char *const options[] = {"dataset", "hash", "record", "rule"};
    const char *reason = lth_cli_option(cli, "--reason", 0);
    char name[32];
    if (reason == NULL)
        return lth_cli_usage(cli);
    json_t *request = about(cli, "upload_act", id);
    json_object_set_new(request, "act", json_string(act));
    json_object_set_new(request, "by", json_string(author(cli)));
    json_object_set_new(request, "reason", json_string(reason));
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        snprintf(name, sizeof name, "--%s", options[i]);
        const char *value = lth_cli_option(cli, name, 0);
        if (value != NULL)
            json_object_set_new(request, options[i], json_string(value));
    }
    if (dataset != NULL)
        json_object_set_new(request, "dataset", json_string(dataset));
    int status = lth_cli_ask(cli, request, NULL, NULL, NULL);
    if (status == 0 && cli->json)
        lth_cli_print_json(json_pack("{s:s,s:b}", "act", act, "done", 1));
    else if (status == 0)
        puts(lth_cli_say(cli, "đã ghi, đang đọc lại", "noted, reading again"));
    return status;
}

static int upload_act(const lth_cli *cli, const char *act)
{
    return cli->argc != 2 ? lth_cli_usage(cli) : say_act(cli, act, cli->argv[1], NULL);
}

int lth_cli_upload_confirm(const lth_cli *cli)
{
    return upload_act(cli, "confirm");
}

int lth_cli_upload_withdraw(const lth_cli *cli)
{
    return upload_act(cli, "withdraw");
}

int lth_cli_upload_answer(const lth_cli *cli)
{
    return upload_act(cli, "answer");
}

int lth_cli_upload_accept(const lth_cli *cli)
{
    return upload_act(cli, "accept");
}

int lth_cli_source_confirm(const lth_cli *cli)
{
    return cli->argc != 2 ? lth_cli_usage(cli) : say_act(cli, "confirm", NULL, cli->argv[1]);
}

int lth_cli_source_withdraw(const lth_cli *cli)
{
    return cli->argc != 2 ? lth_cli_usage(cli) : say_act(cli, "withdraw", NULL, cli->argv[1]);
}

int lth_cli_source_resync(const lth_cli *cli)
{
    return cli->argc != 2 ? lth_cli_usage(cli) : say_act(cli, "resync", NULL, cli->argv[1]);
}
