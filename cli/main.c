/* lienthong: the administrators' command. A table of verbs; each verb in a file of its own. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "lth/crypto.h"
#include "lth/program.h"

#define OPTIONS_MAX 256

static const char *const no_options[] = {NULL};
static const char *const init_root_options[] = {"--org=", "--orgs=", NULL};
static const char *const init_ca_options[] = {"--root=", "--org=", "--orgs=", NULL};
static const char *const init_node_options[] = {
    "--ca=",       "--org=",    "--orgs=",   "--parent=", "--listen=",
    "--endpoint=", "--config=", "--school=", NULL};
static const char *const init_host_options[] = {
    "--ca=",     "--org=",     "--orgs=",    "--parent=", "--endpoint=",
    "--config=", "--schools=", "--profile=", NULL};
static const char *const upload_list_options[] = {"--limit=", NULL};
static const char *const upload_show_options[] = {"--chat", NULL};
static const char *const act_options[] = {"--reason=", "--by=", "--dataset=", NULL};
static const char *const source_act_options[] = {"--reason=", "--by=", NULL};
static const char *const answer_options[] = {
    "--reason=", "--by=", "--dataset=", "--hash=", "--record=", NULL};
static const char *const accept_options[] = {
    "--reason=", "--by=", "--dataset=", "--record=", "--rule=", NULL};
static const char *const status_options[] = {"--check", "--all", NULL};
static const char *const list_options[] = {"--org=", NULL};
static const char *const held_list_options[] = {"--org=", "--code=", NULL};
static const char *const held_retry_options[] = {
    "--all", "--org=", "--code=", "--reason=", "--by=", NULL};
static const char *const held_reject_options[] = {"--reason=", "--by=", NULL};
static const char *const warning_list_options[] = {"--org=", "--dataset=", "--blocks", "--counts",
                                                   NULL};
static const char *const show_options[] = {"--proof=", "--force", NULL};
static const char *const publish_options[] = {"--by=", "--reason=", "--dry-run", NULL};
static const char *const verify_options[] = {"--root=", NULL};

static const lth_cli_verb verbs[] = {
    {"init root", "DIR --org CODE --orgs FILE", "tạo gốc tin cậy của Bộ",
     "make the ministry's root of trust", init_root_options, lth_cli_init_root},
    {"init ca", "DIR --root DIR --org CODE [--orgs FILE]",
     "tạo nơi cấp chứng thư của một Sở (hoặc của Bộ)",
     "make the certificate authority of a province (or the ministry)", init_ca_options,
     lth_cli_init_ca},
    {"init broker",
     "DIR --ca DIR --org CODE [--parent DIR] [--listen ENDPOINT] [--orgs FILE] [--config DIR]",
     "tạo thư mục của một nút trung chuyển", "make a broker's directory", init_node_options,
     lth_cli_init_broker},
    {"init agent",
     "DIR --ca DIR --org CODE --parent DIR [--school CODE]... [--endpoint ENDPOINT] [--orgs FILE] "
     "[--config DIR]",
     "tạo thư mục của một nút tại trường (hoặc chạy thay nhiều trường)",
     "make an agent's directory", init_node_options, lth_cli_init_agent},
    {"init host",
     "DIR --ca DIR --org CODE --parent DIR --schools schools.csv [--profile NAME|\"[NAME, ...]\"] "
     "[--endpoint ENDPOINT] [--orgs FILE] [--config DIR]",
     "tạo nút chạy thay nhiều trường nộp tệp: khoá, hộp nhận, mã một lần; chạy lại chỉ thêm phần "
     "thiếu",
     "make an agent for schools that hand in files: keys, inboxes, one-time codes; run again to "
     "add what is missing",
     init_host_options, lth_cli_init_host},
    {"conf check", "[DIR]", "kiểm tra cấu hình của broker, agent hay trang nộp, chưa áp dụng",
     "check the configuration of a broker, agent or upload page without applying it", no_options,
     lth_cli_conf_check},
    {"conf docs", "", "in tài liệu của mọi khoá cấu hình",
     "print the documentation of every configuration key", no_options, lth_cli_conf_docs},
    {"dataset list", "[DIR]", "các tập dữ liệu", "list datasets", no_options, lth_cli_dataset_list},
    {"dataset proto", "NAME [DIR]", "in định nghĩa protobuf của tập dữ liệu",
     "print a dataset's protobuf definition", no_options, lth_cli_dataset_proto},
    {"dataset compare", "OLD.yaml NEW.yaml",
     "định nghĩa mới còn đọc được bản ghi của định nghĩa cũ không",
     "does the newer definition still read records of the older one", no_options,
     lth_cli_dataset_compare},
    {"dictionary publish", "DIR --by NAME --reason TEXT [--dry-run]",
     "công bố datasets/ và codelists/ của thư mục; chỉ ở broker của Bộ",
     "publish the directory's datasets/ and codelists/; at the ministry's broker only",
     publish_options, lth_cli_dictionary_publish},
    {"dictionary status", "", "phiên bản từ điển ở nút này và các nút cấp dưới",
     "version of the dictionary at this node and at those below", no_options,
     lth_cli_dictionary_status},
    {"dictionary", "[DIR]", "in từ điển dữ liệu: tập dữ liệu, quy tắc, danh mục (Markdown)",
     "print the data dictionary: datasets, rules, code lists (Markdown)", no_options,
     lth_cli_dictionary},
    {"status", "[--check] [--all]",
     "nút này, các kết nối, độ trễ, biên nhận, bản ghi bị giữ; xấu nhất đứng đầu; --all: cả những "
     "trường không có gì phải xem",
     "this node, its peers, lag, receipts, holds; worst first; --all: schools that need no look "
     "too",
     status_options, lth_cli_status},
    {"counts", "", "số bản ghi theo đơn vị và tập dữ liệu", "records by organisation and dataset",
     no_options, lth_cli_counts},
    {"source check", "ORG [DATASET]", "thử đọc nguồn của trường, hiện vài dòng đã ánh xạ",
     "try a school's source and show a few mapped rows", no_options, lth_cli_source_check},
    {"source scan", "ORG|VIEW", "đọc nguồn của trường, hoặc khung nhìn, ngay bây giờ",
     "read a school's source, or a view, now", no_options, lth_cli_scan},
    {"source confirm", "ORG DATASET --reason TEXT [--by NAME]",
     "xác nhận điều mà bộ canh đang giữ của một nguồn (mất nhiều, trống, trở về cũ)",
     "confirm what a guard holds of a source (much gone, emptied, went back)", source_act_options,
     lth_cli_source_confirm},
    {"source withdraw", "ORG DATASET --reason TEXT [--by NAME]",
     "không xác nhận: các bản ghi ở lại", "do not confirm: the records stay", source_act_options,
     lth_cli_source_withdraw},
    {"source resync", "ORG DATASET --reason TEXT [--by NAME]",
     "nguồn là tất cả: gửi lại toàn bộ, bản ghi nào nguồn không có thì kết thúc",
     "the source is all there is: send everything again and end what it does not have",
     source_act_options, lth_cli_source_resync},
    {"upload list", "[ORG] [--limit N]", "các lần nộp tệp của trường; không ghi ORG: mọi trường",
     "uploads of a school; without ORG: every hosted school", upload_list_options,
     lth_cli_upload_list},
    {"upload show", "ORG [ID] [--chat]",
     "một lần nộp và từng hàng phải xem; --chat: văn bản để dán vào tin nhắn",
     "one upload and every row to look at; --chat: text to paste into a chat", upload_show_options,
     lth_cli_upload_show},
    {"upload receipt", "ORG [ID]", "biên nhận của một lần nộp: SHA-256, các gói, các cấp đã nhận",
     "receipt of an upload: SHA-256, batches, tiers that hold it", no_options,
     lth_cli_upload_receipt},
    {"upload answers", "ORG [ID]", "tệp Excel chỉ gồm các hàng phải sửa, cột đầu là lỗi",
     "a workbook of only the rows to correct, reasons in its first column", no_options,
     lth_cli_upload_answers},
    {"upload confirm", "ORG ID --reason TEXT [--dataset NAME] [--by NAME]",
     "xác nhận lần nộp mà bộ canh đang giữ", "confirm an upload that a guard holds", act_options,
     lth_cli_upload_confirm},
    {"upload withdraw", "ORG ID --reason TEXT [--dataset NAME] [--by NAME]",
     "rút lần nộp đang chờ: các bản ghi ở lại", "withdraw a waiting upload: the records stay",
     act_options, lth_cli_upload_withdraw},
    {"upload answer", "ORG ID --dataset NAME --hash HEX --record HEX|new --reason TEXT [--by NAME]",
     "trả lời: hàng này là bản ghi nào, hay là bản ghi mới",
     "say which record a row is, or that it is a new one", answer_options, lth_cli_upload_answer},
    {"upload accept", "ORG ID --dataset NAME --record HEX --rule ID --reason TEXT [--by NAME]",
     "chấp nhận một cảnh báo: giá trị đúng là như vậy",
     "accept a warning: the value is right as it is", accept_options, lth_cli_upload_accept},
    {"held list", "[--org ORG] [--code CODE]", "bản ghi đang bị giữ và lý do",
     "held records and why", held_list_options, lth_cli_held_list},
    {"held show", "KEY", "một bản ghi bị giữ và tổng số thay đổi ra sao nếu nhận",
     "one held record, and what it does to totals", no_options, lth_cli_held_show},
    {"held retry", "KEY...|--all [--org ORG] [--code CODE] [--reason TEXT] [--by NAME]",
     "xét lại bản ghi bị giữ; việc xoá hàng loạt thì được xác nhận",
     "judge held records again; a mass deletion is confirmed", held_retry_options,
     lth_cli_held_retry},
    {"held reject", "KEY... --reason TEXT [--by NAME]",
     "từ chối bản ghi bị giữ, kèm lý do; trường được báo lại",
     "reject held records with a reason; the school is told", held_reject_options,
     lth_cli_held_reject},
    {"warning list", "[--org ORG] [--dataset NAME] [--blocks] [--counts]",
     "bản ghi đã nhận nhưng chưa đạt quy tắc cảnh báo", "merged records that only warn",
     warning_list_options, lth_cli_warning_list},
    {"warning accept", "DATASET RECORD_ID RULE --reason TEXT [--by NAME]",
     "chấp nhận một cảnh báo, kèm lý do; bản ghi đổi thì hết hiệu lực",
     "accept a warning with a reason; forgotten when the record changes", held_reject_options,
     lth_cli_warning_accept},
    {"record list", "DATASET [--org ORG]", "các bản ghi của một tập dữ liệu",
     "records of a dataset", list_options, lth_cli_record_list},
    {"record show", "DATASET ORG KEY [--proof FILE [--force]]",
     "một bản ghi: nhóm nào hiện, giá trị từ đâu; KEY = khoá tự nhiên nối bằng / hoặc id:HEX",
     "one record: groups, where each value came from; KEY = natural key joined by / or id:HEX",
     show_options, lth_cli_record_show},
    {"verify", "FILE [--root root.crt]", "kiểm tra một bằng chứng, không cần mạng",
     "check a proof offline", verify_options, lth_cli_verify},
    {"errors", "", "mọi mã từ chối và ý nghĩa", "every stable code and what it means", no_options,
     lth_cli_errors},
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const lth_cli_verb *current;

static bool is_word(const char *name, const char *word, size_t length)
{
    return strncmp(name, word, length) == 0 && (name[length] == ' ' || name[length] == '\0');
}

/* @p word: only verbs that begin with it; NULL or one that no verb has: all of them. */
static void print_usage(FILE *out, bool english, const char *word)
{
    size_t length = word != NULL ? strlen(word) : 0, asked = 0;
    for (size_t i = 0; i < N_VERBS; i++)
        asked += length > 0 && is_word(verbs[i].name, word, length);
    fputs(english
              ? "usage: lienthong [--node DIR|SOCKET] [--json] [--lang vi|en] VERB ...\n\n"
              : "cách dùng: lienthong [--node THƯ_MỤC|SOCKET] [--json] [--lang vi|en] LỆNH ...\n\n",
          out);
    for (size_t i = 0; i < N_VERBS; i++)
        if (asked == 0 || is_word(verbs[i].name, word, length))
            fprintf(out, "  %s %s\n      %s\n", verbs[i].name, verbs[i].args,
                    english ? verbs[i].en : verbs[i].vi);
    fputs(english ? "\nExit status: 0 yes/done, 1 answered no, 2 usage or configuration, 3 node "
                    "not reachable, 4 refused.\n"
                  : "\nMã kết thúc: 0 đúng/xong, 1 trả lời là không, 2 sai cách dùng hoặc cấu "
                    "hình, 3 không liên lạc được "
                    "với nút, 4 bị từ chối.\n",
          out);
}

int lth_cli_usage(const lth_cli *cli)
{
    fprintf(stderr, "%s lienthong %s %s\n", lth_cli_say(cli, "cách dùng:", "usage:"), current->name,
            current->args);
    return 2;
}

/* How many words of argv the verb's name takes; 0 if it is not this verb. */
static int verb_words(const char *name, int argc, char **argv)
{
    const char *space = strchr(name, ' ');
    if (space == NULL)
        return argc >= 1 && strcmp(argv[0], name) == 0 ? 1 : 0;
    size_t first = (size_t)(space - name);
    return argc >= 2 && strlen(argv[0]) == first && memcmp(argv[0], name, first) == 0 &&
                   strcmp(argv[1], space + 1) == 0
               ? 2
               : 0;
}

/* Is @p arg the option @p known ("--x" or "--x=")? *inline_value: behind its '='. */
static bool option_is(const char *known, const char *arg, bool *takes_value,
                      const char **inline_value)
{
    size_t length = strcspn(known, "=");
    *takes_value = known[length] == '=';
    *inline_value = NULL;
    if (strncmp(known, arg, length) != 0)
        return false;
    if (arg[length] == '\0')
        return true;
    *inline_value = arg + length + 1;
    return arg[length] == '=' && *takes_value;
}

typedef struct parsed {
    const char *options[2 * OPTIONS_MAX + 1];
    size_t n_options;
    char **args;
    int n_args;
    const char *lang;
} parsed;

static bool take_option(parsed *p, const char *const *known, int *i, int argc, char **argv)
{
    for (; *known != NULL; known++) {
        bool takes_value;
        const char *value;
        if (!option_is(*known, argv[*i], &takes_value, &value))
            continue;
        if (takes_value && value == NULL) {
            if (*i + 1 >= argc)
                return false;
            value = argv[++*i];
        }
        if (p->n_options == 2 * OPTIONS_MAX)
            return false;
        p->options[p->n_options++] = *known;
        p->options[p->n_options++] = takes_value ? value : "";
        return true;
    }
    return false;
}

/* Splits argv into global options, options of the verb and arguments. False: something unknown at
 * *i. */
static bool parse(parsed *p, const char *const *known, lth_cli *cli, int argc, char **argv, int *i)
{
    static const char *const global[] = {"--node=", "--lang=",   "--json",
                                         "--help",  "--version", NULL};
    bool plain = false;
    for (*i = 0; *i < argc; ++*i) {
        size_t before = p->n_options;
        if (plain || argv[*i][0] != '-' || argv[*i][1] == '\0') {
            p->args[p->n_args++] = argv[*i];
        } else if (strcmp(argv[*i], "--") == 0) {
            plain = true;
        } else if (!take_option(p, global, i, argc, argv) &&
                   !take_option(p, known, i, argc, argv)) {
            return false;
        }
        if (p->n_options > before) {
            const char *name = p->options[before], *value = p->options[before + 1];
            if (strcmp(name, "--node=") == 0)
                cli->node = value;
            else if (strcmp(name, "--lang=") == 0)
                p->lang = value;
            else if (strcmp(name, "--json") == 0)
                cli->json = true;
        }
    }
    return true;
}

static const lth_cli_verb *find_verb(int argc, char **argv, int *words)
{
    for (size_t i = 0; i < N_VERBS; i++)
        if ((*words = verb_words(verbs[i].name, argc, argv)) > 0)
            return &verbs[i];
    return NULL;
}

/* The verb stands before its own options: find it with only global options known, those of every
 * verb passed over. */
static const lth_cli_verb *look_ahead(int argc, char **argv)
{
    char *words[2];
    int n = 0, used;
    for (int i = 0; i < argc && n < 2; i++) {
        if (strcmp(argv[i], "--node") == 0 || strcmp(argv[i], "--lang") == 0)
            i++;
        else if (argv[i][0] != '-')
            words[n++] = argv[i];
    }
    return find_verb(n, words, &used);
}

int main(int argc, char **argv)
{
    lth_cli cli = {.node = getenv("LIENTHONG_NODE")};
    current = look_ahead(argc - 1, argv + 1);
    parsed p = {.args = calloc((size_t)argc + 1, sizeof(char *))};
    int at, words = 0, status = 2;
    bool ok = p.args != NULL && parse(&p, current != NULL ? current->options : no_options, &cli,
                                      argc - 1, argv + 1, &at);
    cli.english = lth_english_wanted(p.lang);
    cli.options = p.options;
    lth_diag diag;
    if (lth_cli_option(&cli, "--version", 0) != NULL) {
        puts("lienthong " LTH_VERSION);
        status = 0;
    } else if (lth_cli_option(&cli, "--help", 0) != NULL) {
        print_usage(stdout, cli.english, p.n_args > 0 ? p.args[0] : NULL);
        status = 0;
    } else if (!ok && current != NULL) {
        fprintf(stderr, "lienthong: %s: %s\n", argv[at + 1],
                lth_cli_say(&cli, "tuỳ chọn không có hoặc thiếu giá trị",
                            "unknown option or value missing"));
        status = lth_cli_usage(&cli);
    } else if (!ok || (current = find_verb(p.n_args, p.args, &words)) == NULL) {
        print_usage(stderr, cli.english, p.n_args > 0 ? p.args[0] : NULL);
    } else if (lth_crypto_init(&diag) != LTH_OK) {
        status = lth_cli_fail(&cli, 4, "lỗi thư viện mật mã", "cryptographic library", diag.text);
    } else {
        cli.argc = p.n_args - words;
        cli.argv = p.args + words;
        status = current->run(&cli);
    }
    free(p.args);
    return status;
}
