/* status [--check], counts. Worst first; one line each. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

#define SILENT_MS 90000

/* ---- how bad a row is: 0 = fine ---- */

static int badness_node(const json_t *row)
{
    const json_t *parent = json_object_get(row, "parent");
    bool cut = parent != NULL && !json_is_true(json_object_get(parent, "up"));
    const json_t *link = json_object_get(row, "link_up");
    if (link != NULL && !json_is_true(link))
        cut = true;
    double used = (double)lth_cli_int(row, "store_used"),
           max = (double)lth_cli_int(row, "store_max");
    bool full = json_is_true(json_object_get(row, "full"));
    return (cut || full ? 5 : 0) + (max > 0 && used > 0.8 * max ? 2 : 0);
}

static int badness_peer(const json_t *row)
{
    return lth_cli_int(row, "silent_ms") > SILENT_MS ? 1 : 0;
}

static int badness_origin(const json_t *row)
{
    return (strcmp(lth_cli_str(row, "state"), "ok") != 0 ? 4 : 0) +
           (lth_cli_int(row, "held") > 0 ? 1 : 0);
}

/* A guard waits for a person: nobody else can help. */
static int badness_upload(const json_t *row)
{
    return json_is_true(json_object_get(row, "waiting"))       ? 4
           : strcmp(lth_cli_str(row, "state"), "refused") == 0 ? 3
                                                               : 1;
}

/* Files cannot come in, or not be put away: nothing goes on by itself. */
static int badness_inbox(const json_t *row)
{
    const json_t *inbox = json_object_get(row, "inbox");
    return json_is_true(json_object_get(inbox, "missing")) ||
                   json_is_true(json_object_get(inbox, "unkept"))
               ? 3
               : 0;
}

static int badness_school(const json_t *row)
{
    return badness_origin(row) + badness_inbox(row);
}

static int badness_view(const json_t *row)
{
    const char *code = lth_cli_str(json_object_get(row, "fault"), "code");
    return strcmp(code, "none") != 0 ? 3 : lth_cli_int(row, "not_served_rows") > 0 ? 1 : 0;
}

static int badness_table(const json_t *row)
{
    const json_t *fault = json_object_get(row, "fault");
    const char *code = lth_cli_str(fault, "code");
    bool bad = fault != NULL && strcmp(code, "none") != 0;
    static const char *const GUARDS[] = {"mass_deletion", "emptied", "restored", "may_be_elsewhere",
                                         "mass_addition"};
    bool guard = false;
    for (size_t i = 0; i < sizeof GUARDS / sizeof GUARDS[0]; i++)
        guard = guard || strcmp(code, GUARDS[i]) == 0;
    return (guard ? 4 : bad ? 3 : 0) + (lth_cli_int(row, "invalid") > 0 ? 1 : 0);
}

static int badness_dictionary(const json_t *row)
{
    return (strcmp(lth_cli_str(row, "state"), "ok") != 0 ? 4 : 0) +
           (json_object_get(row, "fault") != NULL ? 3 : 0);
}

/* ---- one line per kind ---- */

static void ago(const lth_cli *cli, char *out, size_t size, json_int_t ms)
{
    json_int_t seconds = ms > 0 ? (json_int_t)time(NULL) - ms / 1000 : -1;
    if (seconds < 0)
        snprintf(out, size, "-");
    else if (seconds < 120)
        snprintf(out, size, lth_cli_say(cli, "%lld giây trước", "%lld s ago"), (long long)seconds);
    else if (seconds < 7200)
        snprintf(out, size, lth_cli_say(cli, "%lld phút trước", "%lld min ago"),
                 (long long)(seconds / 60));
    else
        snprintf(out, size, lth_cli_say(cli, "%lld giờ trước", "%lld h ago"),
                 (long long)(seconds / 3600));
}

/* An agent's link; refused is not down: waiting does not help. */
static void print_link(const lth_cli *cli, const json_t *row)
{
    const char *broker = lth_cli_str(row, "broker");
    bool refused = strcmp(lth_cli_str(row, "link"), "refused") == 0;
    if (json_is_true(json_object_get(row, "link_up")))
        printf(lth_cli_say(cli, "; kết nối tới %s thông", "; link to %s up"), broker);
    else
        printf(refused ? lth_cli_say(cli,
                                     "; %s TỪ CHỐI kết nối: xem chứng thư của nút này trong peers/ "
                                     "của broker, và parent.crt",
                                     "; %s REFUSES the link: look at this node's certificate in "
                                     "the broker's peers/, and at parent.crt")
                       : lth_cli_say(cli, "; kết nối tới %s ĐỨT", "; link to %s DOWN"),
               broker);
}

static const char *state_text(const lth_cli *cli, const json_t *row)
{
    static const char *const texts[][3] = {
        {"waiting", "chờ kết nối", "waiting for the link"},
        {"no_epoch", "chưa được cấp kỳ", "no epoch granted yet"},
        {"resync", "đang gửi lại toàn bộ", "sending everything again"},
        {"stopped", "BỊ DỪNG", "STOPPED"},
    };
    const char *state = lth_cli_str(row, "state");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(texts[i][0], state) == 0)
            return lth_cli_say(cli, texts[i][1], texts[i][2]);
    return state;
}

static void print_node(const lth_cli *cli, const json_t *row)
{
    printf("%s %s", lth_cli_say(cli, "nút", "node"), lth_cli_str(row, "org"));
    if (lth_cli_str(row, "name")[0] != '\0')
        printf(" %s", lth_cli_str(row, "name"));
    const json_t *parent = json_object_get(row, "parent");
    if (json_object_get(row, "records") != NULL)
        printf(lth_cli_say(
                   cli, ": %lld gói, %lld bản ghi, %lld bị giữ, %lld bị từ chối; kho %lld/%lld MiB",
                   ": %lld batches, %lld records, %lld held, %lld refused; store %lld/%lld MiB"),
               (long long)lth_cli_int(row, "batches"), (long long)lth_cli_int(row, "records"),
               (long long)lth_cli_int(row, "held"), (long long)lth_cli_int(row, "rejected"),
               (long long)(lth_cli_int(row, "store_used") >> 20),
               (long long)(lth_cli_int(row, "store_max") >> 20));
    if (parent != NULL) {
        json_int_t waiting = 0;
        for (size_t i = 0; i < 3; i++)
            waiting += json_integer_value(json_array_get(json_object_get(parent, "waiting"), i));
        printf(lth_cli_say(cli, "; tuyến trên %s %s, chờ gửi %lld", "; parent %s %s, %lld waiting"),
               lth_cli_str(parent, "org"),
               json_is_true(json_object_get(parent, "up")) ? lth_cli_say(cli, "thông", "up")
                                                           : lth_cli_say(cli, "ĐỨT", "DOWN"),
               (long long)waiting);
    }
    if (json_is_true(json_object_get(row, "full")))
        printf("; %s", lth_cli_say(cli, "KHO ĐẦY: tăng limits.store_mib rồi khởi động lại",
                                   "THE STORE IS FULL: raise limits.store_mib and restart"));
    if (json_object_get(row, "link_up") != NULL)
        print_link(cli, row);
    putchar('\n');
}

static void print_peer(const lth_cli *cli, const json_t *row)
{
    printf(
        lth_cli_say(
            cli, "  kết nối %s (%s): im %lld giây, %lld gói, %lld bị từ chối, lệch giờ %lld ms\n",
            "  peer %s (%s): silent %lld s, %lld batches, %lld refused, clock off by %lld ms\n"),
        lth_cli_str(row, "org"), lth_cli_str(row, "role"),
        (long long)(lth_cli_int(row, "silent_ms") / 1000), (long long)lth_cli_int(row, "batches"),
        (long long)lth_cli_int(row, "rejected"), (long long)lth_cli_int(row, "clock_skew_ms"));
}

static void print_origin(const lth_cli *cli, const json_t *row)
{
    char when[64];
    ago(cli, when, sizeof(when), lth_cli_int(row, "last_ms"));
    printf(lth_cli_say(cli, "  đơn vị %s: %s, kỳ %lld, gói %lld, %s, giữ %lld",
                       "  origin %s: %s, epoch %lld, batch %lld, %s, held %lld"),
           lth_cli_str(row, "org"), lth_cli_str(row, "state"), (long long)lth_cli_int(row, "epoch"),
           (long long)lth_cli_int(row, "batch_seq"), when, (long long)lth_cli_int(row, "held"));
    const json_t *refusal = json_object_get(row, "refusal");
    if (refusal != NULL)
        printf(": %s (%s)", lth_cli_str(refusal, cli->english ? "en" : "vi"),
               lth_cli_str(refusal, "code"));
    putchar('\n');
}

static void print_inbox(const lth_cli *cli, const json_t *inbox)
{
    if (!json_is_object(inbox))
        return;
    if (json_is_true(json_object_get(inbox, "missing")))
        printf("; %s", lth_cli_say(cli, "KHÔNG CÓ HỘP NHẬN", "THE INBOX IS MISSING"));
    if (json_is_true(json_object_get(inbox, "unkept")))
        printf("; %s", lth_cli_say(cli, "KHÔNG CẤT ĐƯỢC tệp đã đọc vào .kept: xem nhật ký",
                                   "files that were read CANNOT BE PUT into .kept: see the log"));
    if (lth_cli_int(inbox, "waiting") > 0)
        printf(lth_cli_say(cli, "; %lld tệp chờ", "; %lld files waiting"),
               (long long)lth_cli_int(inbox, "waiting"));
    if (lth_cli_int(inbox, "writing") > 0)
        printf(lth_cli_say(cli, "; %lld tệp đang ghi", "; %lld being written"),
               (long long)lth_cli_int(inbox, "writing"));
    if (lth_cli_int(inbox, "strange") > 0)
        printf(lth_cli_say(cli, "; %lld thứ lạ để nguyên", "; %lld strange things left alone"),
               (long long)lth_cli_int(inbox, "strange"));
}

static void print_school(const lth_cli *cli, const json_t *row)
{
    printf(lth_cli_say(cli, "  trường %s: %s, kỳ %lld, gói %lld, chờ gửi %lld",
                       "  school %s: %s, epoch %lld, batch %lld, %lld waiting"),
           lth_cli_str(row, "org"), state_text(cli, row), (long long)lth_cli_int(row, "epoch"),
           (long long)lth_cli_int(row, "batch_seq"), (long long)lth_cli_int(row, "outbox"));
    size_t i;
    const json_t *receipt;
    json_array_foreach(json_object_get(row, "receipts"), i, receipt)
        printf(lth_cli_say(cli, "; %s đã nhận tới gói %lld", "; %s holds up to batch %lld"),
               lth_cli_str(receipt, "tier"), (long long)lth_cli_int(receipt, "batch_seq"));
    printf("; %s", lth_cli_str(json_object_get(row, "signed"), cli->english ? "en" : "vi"));
    print_inbox(cli, json_object_get(row, "inbox"));
    putchar('\n');
}

static void print_upload(const lth_cli *cli, const json_t *row)
{
    const json_t *fault = json_object_get(row, "fault");
    bool waiting = json_is_true(json_object_get(row, "waiting"));
    printf(lth_cli_say(cli, "    %s tệp %s: %s%s, %lld chỗ cần xem",
                       "    %s file %s: %s%s, %lld findings"),
           lth_cli_str(row, "org"), lth_cli_str(row, "id"),
           lth_cli_upload_state(cli, lth_cli_str(row, "state")),
           waiting ? lth_cli_say(cli, " (upload confirm hoặc withdraw)",
                                 " (upload confirm or withdraw)")
                   : "",
           (long long)lth_cli_int(row, "findings"));
    if (json_is_object(fault))
        printf(": %s: %s", lth_cli_str(fault, cli->english ? "en" : "vi"),
               lth_cli_str(json_object_get(row, "detail"), cli->english ? "en" : "vi"));
    putchar('\n');
}

static void print_carrier(const lth_cli *cli, const json_t *row)
{
    printf("  %s %s", lth_cli_say(cli, "hộp nhận tệp chung", "inbox for files of many schools"),
           lth_cli_str(json_object_get(row, "inbox"), "path"));
    print_inbox(cli, json_object_get(row, "inbox"));
    putchar('\n');
}

#define CODES_SHOWN 20u

/* Codes whose schools are not served here, with their rows. */
static void print_strangers(const lth_cli *cli, const json_t *row)
{
    const json_t *list = json_object_get(row, "not_served");
    size_t n = json_array_size(list);
    printf(lth_cli_say(cli, "; %lld dòng của đơn vị không chạy thay ở đây:",
                       "; %lld rows of organisations not served here:"),
           (long long)lth_cli_int(row, "not_served_rows"));
    for (size_t i = 0; i < n && i < CODES_SHOWN; i++)
        printf(" %s (%lld)", lth_cli_str(json_array_get(list, i), "org"),
               (long long)lth_cli_int(json_array_get(list, i), "rows"));
    if (n > CODES_SHOWN)
        printf(lth_cli_say(cli, " và %zu mã khác", " and %zu other codes"), n - CODES_SHOWN);
}

static void print_view(const lth_cli *cli, const json_t *row)
{
    char when[64];
    const char *language = cli->english ? "en" : "vi";
    const json_t *fault = json_object_get(row, "fault");
    ago(cli, when, sizeof(when), lth_cli_int(row, "last_good_ms"));
    printf(lth_cli_say(cli, "  khung nhìn %s: đọc tốt %s, %lld dòng, %lld trường, giao %lld tệp",
                       "  view %s: good reading %s, %lld rows, %lld schools, %lld files delivered"),
           lth_cli_str(row, "view"), when, (long long)lth_cli_int(row, "rows"),
           (long long)lth_cli_int(row, "schools"), (long long)lth_cli_int(row, "delivered"));
    if (lth_cli_int(row, "not_served_rows") > 0)
        print_strangers(cli, row);
    if (badness_view(row) >= 3)
        printf(": %s (%s) %s: %s", lth_cli_str(fault, language), lth_cli_str(fault, "code"),
               lth_cli_str(row, "detail"), lth_cli_str(json_object_get(row, "todo"), language));
    putchar('\n');
}

static void print_table(const lth_cli *cli, const json_t *row)
{
    char when[64];
    const json_t *fault = json_object_get(row, "fault");
    ago(cli, when, sizeof(when), lth_cli_int(row, "ended_ms"));
    printf(lth_cli_say(cli, "    %s %s: đọc %s, %lld dòng, %lld chưa hợp lệ",
                       "    %s %s: read %s, %lld rows, %lld not valid"),
           lth_cli_str(row, "org"), lth_cli_str(row, "dataset"), when,
           (long long)lth_cli_int(row, "rows"), (long long)lth_cli_int(row, "invalid"));
    if (badness_table(row) >= 3)
        printf(": %s (%s) %s", lth_cli_str(fault, cli->english ? "en" : "vi"),
               lth_cli_str(fault, "code"), lth_cli_str(row, "detail"));
    if (badness_table(row) >= 4)
        printf(lth_cli_say(cli, " [%lld trong %lld bản ghi%s]", " [%lld of %lld records%s]"),
               (long long)(lth_cli_int(row, "gone") + lth_cli_int(row, "old")),
               (long long)lth_cli_int(row, "known"),
               json_is_true(json_object_get(row, "files"))
                   ? "" /* its upload says what to do */
                   : lth_cli_say(cli, "; source confirm hoặc withdraw",
                                 "; source confirm or withdraw"));
    if (lth_cli_int(row, "waiting") > 0)
        printf(lth_cli_say(cli, ", %lld dòng mới chờ", ", %lld new rows wait"),
               (long long)lth_cli_int(row, "waiting"));
    putchar('\n');
}

static int badness_holds(const json_t *row)
{
    bool waits = json_object_get(json_object_get(row, "by_code"), "mass_deletion") != NULL;
    return waits ? 4 : 1; /* Nobody but a person lets that through. */
}

static void print_holds(const lth_cli *cli, const json_t *row)
{
    char when[64];
    const char *code;
    const json_t *n;
    ago(cli, when, sizeof(when), lth_cli_int(row, "oldest_ms"));
    printf(lth_cli_say(cli, "  bị giữ %lld%s, cũ nhất %s:", "  held %lld%s, oldest %s:"),
           (long long)lth_cli_int(row, "held"),
           json_is_true(json_object_get(row, "more")) ? "+" : "", when);
    json_object_foreach(json_object_get(row, "by_code"), code, n)
        printf(" %s %lld", code, (long long)json_integer_value(n));
    putchar('\n');
}

static int badness_replay(const json_t *row)
{
    (void)row;
    return 1; /* The store was lost or is older: it heals by itself, but somebody should know. */
}

static void print_replay(const lth_cli *cli, const json_t *row)
{
    printf(lth_cli_say(cli,
                       "  kho cũ hơn các tệp đã nhận: còn %lld tệp của %lld hộp nhận đang được đọc "
                       "lại\n",
                       "  the store is older than the files received: %lld files of %lld inboxes "
                       "are still to be read again\n"),
           (long long)lth_cli_int(row, "files"), (long long)lth_cli_int(row, "inboxes"));
}

static const struct kind {
    const char *name;
    int (*badness)(const json_t *row);
    void (*print)(const lth_cli *cli, const json_t *row);
} kinds[] = {
    {"dictionary", badness_dictionary, lth_cli_print_dictionary},
    {"node", badness_node, print_node},
    {"holds", badness_holds, print_holds},
    {"peer", badness_peer, print_peer},
    {"origin", badness_origin, print_origin},
    {"school", badness_school, print_school},
    {"table", badness_table, print_table},
    {"upload", badness_upload, print_upload},
    {"carrier", badness_inbox, print_carrier},
    {"replay", badness_replay, print_replay},
    {"view", badness_view, print_view},
};

static const struct kind *kind_of(const json_t *row)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, lth_cli_str(row, "kind")) == 0)
            return &kinds[i];
    return NULL;
}

typedef struct ranked {
    const json_t *row;
    int badness;
    size_t order;
} ranked;

static int ranked_compare(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->badness != y->badness)
        return x->badness > y->badness ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order ? 1 : 0;
}

static ranked *rank_rows(const json_t *rows, size_t *n, int *worst)
{
    size_t count = json_array_size(rows);
    ranked *list = calloc(count + 1, sizeof(*list));
    for (size_t i = 0; list != NULL && i < count; i++) {
        const json_t *row = json_array_get(rows, i);
        const struct kind *kind = kind_of(row);
        list[i] =
            (ranked){.row = row, .order = i, .badness = kind != NULL ? kind->badness(row) : 0};
        if (list[i].badness > *worst)
            *worst = list[i].badness;
    }
    if (list != NULL)
        qsort(list, count, sizeof(*list), ranked_compare);
    *n = list != NULL ? count : 0;
    return list;
}

/* For a monitoring system: one line, exit 1 when somebody should look. */
static int check_line(const lth_cli *cli, const ranked *list, size_t n, int worst)
{
    size_t bad = 0;
    for (size_t i = 0; i < n; i++)
        bad += list[i].badness > 0 ? 1 : 0;
    if (cli->json)
        lth_cli_print_json(
            json_pack("{s:b,s:I,s:i}", "ok", worst == 0, "bad", (json_int_t)bad, "worst", worst));
    else if (worst == 0)
        printf("OK lienthong: %zu %s\n", n, lth_cli_say(cli, "mục, đều tốt", "items, all good"));
    else
        printf("WARNING lienthong: %zu/%zu %s, %s %s\n", bad, n,
               lth_cli_say(cli, "mục cần xem", "items need a look"),
               lth_cli_str(list[0].row, "kind"), lth_cli_str(list[0].row, "org"));
    return worst == 0 ? 0 : 1;
}

#define MANY 20u /* organisations; of more only those that need a look are shown */

static bool is_one_of(const json_t *row, const char *const *kinds_of)
{
    for (; *kinds_of != NULL; kinds_of++)
        if (strcmp(*kinds_of, lth_cli_str(row, "kind")) == 0)
            return true;
    return false;
}

/* The row that there is one of for every organisation. */
static bool is_head(const json_t *row)
{
    static const char *const heads[] = {"school", "origin", NULL};
    return is_one_of(row, heads);
}

/* Nothing of it waits, on this side or on the way. */
static bool is_quiet(const ranked *one)
{
    static const char *const parts[] = {"table", "upload", NULL};
    const json_t *inbox = json_object_get(one->row, "inbox");
    return one->badness == 0 && (is_head(one->row) || is_one_of(one->row, parts)) &&
           lth_cli_int(one->row, "outbox") == 0 && lth_cli_int(inbox, "waiting") == 0 &&
           lth_cli_int(inbox, "strange") == 0;
}

/* Does something worse, so further up, speak of the same organisation? */
static bool is_named_above(const ranked *list, size_t i)
{
    for (size_t k = 0; k < i && list[k].badness > 0; k++)
        if (strcmp(lth_cli_str(list[k].row, "org"), lth_cli_str(list[i].row, "org")) == 0)
            return true;
    return false;
}

static void print_rows(const lth_cli *cli, const ranked *list, size_t n)
{
    size_t heads = 0, quiet = 0;
    for (size_t i = 0; i < n; i++)
        heads += is_head(list[i].row);
    bool all = heads <= MANY || lth_cli_option(cli, "--all", 0) != NULL;
    for (size_t i = 0; i < n; i++) {
        if (all || !is_quiet(&list[i])) {
            if (kind_of(list[i].row) != NULL)
                kind_of(list[i].row)->print(cli, list[i].row);
        } else if (is_head(list[i].row) && !is_named_above(list, i)) {
            quiet++;
        }
    }
    if (!all)
        printf(lth_cli_say(cli, "  %zu/%zu đơn vị không có gì phải xem (status --all để xem hết)\n",
                           "  %zu/%zu organisations need no look (status --all shows all)\n"),
               quiet, heads);
}

int lth_cli_status(const lth_cli *cli)
{
    if (cli->argc != 0)
        return lth_cli_usage(cli);
    json_t *rows;
    int status = lth_cli_collect(cli, json_pack("{s:s}", "verb", "status"), &rows);
    int worst = 0;
    size_t n = 0;
    ranked *list = status == 0 ? rank_rows(rows, &n, &worst) : NULL;
    if (status == 0 && lth_cli_option(cli, "--check", 0) != NULL) {
        status = check_line(cli, list, n, worst);
    } else if (status == 0 && cli->json) {
        json_t *sorted = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append(sorted, (json_t *)(uintptr_t)list[i].row);
        lth_cli_print_json(json_pack("{s:i,s:o}", "worst", worst, "rows", sorted));
    } else if (status == 0) {
        print_rows(cli, list, n);
    }
    free(list);
    json_decref(rows);
    return status;
}

int lth_cli_counts(const lth_cli *cli)
{
    if (cli->argc != 0)
        return lth_cli_usage(cli);
    json_t *rows;
    int status = lth_cli_collect(cli, json_pack("{s:s}", "verb", "counts"), &rows);
    if (status == 0 && cli->json) {
        lth_cli_print_json(json_pack("{s:O}", "counts", rows));
    } else if (status == 0) {
        size_t i;
        const json_t *row;
        json_array_foreach(rows, i, row)
            printf("%-16s %-20s %10lld\n", lth_cli_str(row, "org"), lth_cli_str(row, "dataset"),
                   (long long)lth_cli_int(row, "live"));
    }
    json_decref(rows);
    return status;
}
