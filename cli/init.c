/* init root, init ca, init broker, init agent: directories with keys, certificates and commented
 * configuration. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/init.h"
#include "lth/crypto.h"
#include "lth/net.h"

#define CA_DAYS    3650u
#define ROOT_DAYS  7300u
#define COPY_MAX   (64u * 1024u * 1024u)
#define AGENT_LIST "tcp://*:7601"

uint64_t lth_init_now_ms(void)
{
    return (uint64_t)time(NULL) * 1000u;
}

int lth_init_dir(const lth_cli *cli, const char *fmt_dir, const char *name, mode_t mode)
{
    char path[LTH_INIT_PATH + 64];
    snprintf(path, sizeof(path), "%s%s%s", fmt_dir, name[0] != '\0' ? "/" : "", name);
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return 0;
    return lth_cli_fail(cli, 2, path, path, strerror(errno));
}

int lth_init_copy(const lth_cli *cli, const char *from, const char *to)
{
    size_t size;
    uint8_t *bytes = lth_cli_read_file(cli, from, COPY_MAX, &size);
    if (bytes == NULL)
        return 2;
    int status = lth_cli_write_file(cli, to, bytes, size, false);
    free(bytes);
    return status;
}

bool lth_init_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* orgs.yaml: --orgs, or that of the parent's or the authority's directory. */
static const char *find_orgs(lth_init *in)
{
    static const char *const beside[] = {"--parent", "--ca", "--root"};
    const char *given = lth_cli_option(in->cli, "--orgs", 0);
    for (size_t i = 0; given == NULL && i < sizeof(beside) / sizeof(beside[0]); i++) {
        const char *dir = lth_cli_option(in->cli, beside[i], 0);
        if (dir == NULL)
            continue;
        snprintf(in->orgs_found, sizeof(in->orgs_found), "%s/orgs.yaml", dir);
        if (lth_init_exists(in->orgs_found))
            given = in->orgs_found;
    }
    return given;
}

static int find_org(const lth_init *in, const char *code, const lth_org **out)
{
    *out = lth_registry_find_code(in->registry, code);
    return *out != NULL ? 0
                        : lth_cli_fail(in->cli, 2, "đơn vị này không có trong orgs.yaml",
                                       "this organisation is not in orgs.yaml", code);
}

int lth_init_begin(lth_init *in, const lth_cli *cli)
{
    *in = (lth_init){.cli = cli};
    in->org_code = lth_cli_option(cli, "--org", 0);
    if (cli->argc != 1 || in->org_code == NULL)
        return lth_cli_usage(cli);
    in->dir = cli->argv[0];
    in->orgs_path = find_orgs(in);
    if (in->orgs_path == NULL)
        return lth_cli_fail(cli, 2, "cần danh bạ đơn vị: --orgs orgs.yaml",
                            "the list of organisations is needed: --orgs orgs.yaml", "");
    lth_conf_errors errors = {0};
    if (lth_conf_load_orgs(&in->owner, &in->registry, in->orgs_path, &errors) != LTH_OK)
        return lth_cli_conf_errors(cli, &errors);
    lth_conf_errors_fini(&errors);
    return find_org(in, in->org_code, &in->org);
}

/* orgs.yaml, and the CSV beside it that it may name. */
int lth_init_orgs(const lth_init *in)
{
    char to[LTH_INIT_PATH], dir[LTH_INIT_PATH];
    const char *list = in->registry->list_file;
    snprintf(to, sizeof(to), "%s/orgs.yaml", in->dir);
    int status = lth_init_exists(to) ? 0 : lth_init_copy(in->cli, in->orgs_path, to);
    const char *slash = list != NULL ? strrchr(list, '/') : NULL;
    if (status != 0 || list == NULL)
        return status;
    const char *name = slash != NULL ? slash + 1 : list;
    snprintf(dir, sizeof(dir), "%s", in->orgs_path);
    char *end = strrchr(dir, '/');
    snprintf(end != NULL ? end + 1 : dir, 256, "%s", name);
    snprintf(to, sizeof(to), "%s/%s", in->dir, name);
    return lth_init_exists(dir) && !lth_init_exists(to) ? lth_init_copy(in->cli, dir, to) : 0;
}

int lth_init_crypto(const lth_init *in, lth_err err, const lth_diag *diag)
{
    return err == LTH_OK
               ? 0
               : lth_cli_fail(in->cli, 2, "không tạo được khoá", "keys not made", diag->text);
}

int lth_init_done(lth_init *in, int status, const char *what)
{
    if (status == 0 && in->cli->json)
        lth_cli_print_json(
            json_pack("{s:s,s:s,s:s}", "made", what, "dir", in->dir, "org", in->org_code));
    else if (status == 0)
        printf(lth_cli_say(in->cli, "đã tạo %s: %s\n", "made %s: %s\n"), what, in->dir);
    lth_conf_free(&in->owner);
    return status;
}

int lth_cli_init_root(const lth_cli *cli)
{
    lth_init in;
    lth_diag diag = {0};
    int status = lth_init_begin(&in, cli);
    if (status == 0)
        status = lth_init_dir(cli, in.dir, "", 0700);
    if (status == 0) {
        lth_cert_request req = {.org = in.org->id,
                                .role = LTH_ROLE_CA,
                                .number = 1,
                                .now_ms = lth_init_now_ms(),
                                .days = ROOT_DAYS};
        status = lth_init_crypto(&in, lth_crypto_make_root(in.dir, &req, &diag), &diag);
    }
    if (status == 0)
        status = lth_init_orgs(&in);
    return lth_init_done(&in, status, "root");
}

int lth_cli_init_ca(const lth_cli *cli)
{
    lth_init in;
    lth_diag diag = {0};
    const char *root = lth_cli_option(cli, "--root", 0);
    if (root == NULL)
        return lth_cli_usage(cli);
    int status = lth_init_begin(&in, cli);
    if (status == 0)
        status = lth_init_dir(cli, in.dir, "", 0700);
    if (status == 0) {
        lth_cert_request req = {.org = in.org->id,
                                .role = LTH_ROLE_CA,
                                .number = 1,
                                .now_ms = lth_init_now_ms(),
                                .days = CA_DAYS};
        status = lth_init_crypto(&in, lth_crypto_make_ca(in.dir, root, &req, &diag), &diag);
    }
    if (status == 0)
        status = lth_init_orgs(&in);
    return lth_init_done(&in, status, "ca");
}

/* Keys of the node itself: signing leaf, CURVE key, parent's certificate, and our name in the
 * parent's peers/. */
int lth_init_identity(const lth_init *in, lth_role role)
{
    const lth_cli *cli = in->cli;
    const char *ca = lth_cli_option(cli, "--ca", 0), *parent = lth_cli_option(cli, "--parent", 0);
    char identity[LTH_INIT_PATH], path[LTH_INIT_PATH + 64], from[LTH_INIT_PATH + 64];
    lth_diag diag = {0};
    snprintf(identity, sizeof(identity), "%s/identity", in->dir);
    int status = lth_init_dir(cli, in->dir, "", 0755);
    if (status == 0)
        status = lth_init_dir(cli, identity, "", 0700);
    if (status != 0)
        return status;
    uint8_t curve_public[32], curve_secret[32];
    lth_net_curve_make(curve_public, curve_secret);
    lth_cert_request req = {.org = in->org->id,
                            .role = role,
                            .number = 1,
                            .now_ms = lth_init_now_ms(),
                            .days = LTH_INIT_LEAF_DAYS,
                            .curve_key = curve_public};
    status = lth_init_crypto(in, lth_crypto_make_leaf(identity, ca, &req, &diag), &diag);
    snprintf(path, sizeof(path), "%s/curve.key", identity);
    if (status == 0)
        status = lth_init_crypto(in, lth_crypto_secret_write(path, curve_secret, &diag), &diag);
    lth_crypto_cleanse(curve_secret, sizeof(curve_secret));
    if (status != 0 || parent == NULL)
        return status;
    snprintf(from, sizeof(from), "%s/identity/sign.crt", parent);
    snprintf(path, sizeof(path), "%s/parent.crt", identity);
    status = lth_init_copy(cli, from, path);
    if (status == 0)
        status = lth_init_dir(cli, parent, "peers", 0755);
    snprintf(from, sizeof(from), "%s/sign.crt", identity);
    snprintf(path, sizeof(path), "%s/peers/%s-%s.crt", parent, in->org_code, lth_role_name(role));
    return status == 0 ? lth_init_copy(cli, from, path) : status;
}

int lth_init_text(const lth_init *in, const char *name, const char *text)
{
    char path[LTH_INIT_PATH];
    snprintf(path, sizeof(path), "%s/%s", in->dir, name);
    return lth_init_exists(path) ? 0 : lth_cli_write_file(in->cli, path, text, strlen(text), false);
}

static bool ends_in(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);
    return name[0] != '.' && n > m && strcmp(name + n - m, ending) == 0;
}

int lth_init_share(const lth_init *in, const char *what, const char *ending, bool needed)
{
    const char *share = lth_cli_option(in->cli, "--config", 0);
    char from_dir[LTH_INIT_PATH], to_dir[LTH_INIT_PATH];
    snprintf(from_dir, sizeof(from_dir), "%s/%s", share != NULL ? share : LTH_SHARE_DIR, what);
    snprintf(to_dir, sizeof(to_dir), "%s/%s", in->dir, what);
    if (!needed && !lth_init_exists(from_dir))
        return 0;
    int status = lth_init_dir(in->cli, to_dir, "", 0755);
    DIR *dir = status == 0 ? opendir(from_dir) : NULL;
    if (dir == NULL)
        return status != 0 ? status
                           : lth_cli_fail(in->cli, 2,
                                          "không có tệp mẫu để chép (chưa cài?); chỉ thư mục khác "
                                          "bằng --config THƯ_MỤC",
                                          "no files to copy from (not installed?); name another "
                                          "place with --config DIR",
                                          from_dir);
    for (const struct dirent *e; status == 0 && (e = readdir(dir)) != NULL;) {
        if (!ends_in(e->d_name, ending))
            continue;
        char from[2 * LTH_INIT_PATH], to[2 * LTH_INIT_PATH];
        snprintf(from, sizeof(from), "%s/%s", from_dir, e->d_name);
        snprintf(to, sizeof(to), "%s/%s", to_dir, e->d_name);
        status = lth_init_exists(to) ? 0 : lth_init_copy(in->cli, from, to);
    }
    closedir(dir);
    return status;
}

/* Datasets, and the code lists that they name. */
int lth_init_dictionary(const lth_init *in)
{
    int status = lth_init_share(in, "datasets", ".yaml", true);
    if (status == 0)
        status = lth_init_share(in, "codelists", ".yaml", false);
    return status == 0 ? lth_init_share(in, "codelists", ".csv", false) : status;
}

/* Endpoint to dial: --endpoint, or what the parent's broker.yaml listens on. */
int lth_init_endpoint(const lth_init *in, char *out, size_t size, char *org, size_t org_size)
{
    const char *parent = lth_cli_option(in->cli, "--parent", 0);
    lth_conf *owner = NULL;
    const lth_broker_conf *conf = NULL;
    lth_conf_errors errors = {0};
    const lth_public_set none = {.version = 0};
    if (lth_conf_load_broker_with(&owner, &conf, parent, &none, &errors) != LTH_OK)
        return lth_cli_conf_errors(in->cli, &errors);
    const char *endpoint = lth_cli_option(in->cli, "--endpoint", 0);
    snprintf(out, size, "%s", endpoint != NULL ? endpoint : conf->listen_agents);
    snprintf(org, org_size, "%s", conf->node.org);
    bool wildcard = strchr(out, '*') != NULL;
    lth_conf_errors_fini(&errors);
    lth_conf_free(&owner);
    return wildcard ? lth_cli_fail(in->cli, 2,
                                   "nút trên nghe ở mọi địa chỉ: nói rõ --endpoint tcp://máy:cổng",
                                   "the parent listens on every address: name one with --endpoint "
                                   "tcp://host:port",
                                   out)
                    : 0;
}

static int broker_yaml(const lth_init *in)
{
    const char *listen = lth_cli_option(in->cli, "--listen", 0);
    char parent[1024] = "", endpoint[512], org[128], text[4096];
    if (lth_cli_option(in->cli, "--parent", 0) != NULL) {
        int status = lth_init_endpoint(in, endpoint, sizeof(endpoint), org, sizeof(org));
        if (status != 0)
            return status;
        snprintf(parent, sizeof(parent), "parent: { endpoint: \"%s\", org: \"%s\" }\n", endpoint,
                 org);
    }
    snprintf(
        text, sizeof(text),
        "# Nút trung chuyển của %s. Mọi khoá: docs/config.md; kiểm tra: lienthong conf check "
        "THƯ_MỤC\n"
        "# The broker of this organisation. Every key: docs/config.md; check with: lienthong conf "
        "check DIR\n"
        "node: { org: \"%s\", name: \"%s\", store: store, identity: identity }\n"
        "listen: { agents: \"%s\", control: run/control.sock }\n"
        "%s"
        "limits: { peers: 6000, store_gib: 64, keep_days: 35 }\n"
        "files: { orgs: orgs.yaml, routes: routes.yaml, datasets: datasets/, peers: peers/ }\n",
        in->org_code, in->org_code, in->org->name, listen != NULL ? listen : AGENT_LIST, parent);
    return lth_init_text(in, "broker.yaml", text);
}

static const char routes_example[] =
    "# Những gì được rời khỏi nút này. Không có tuyến nào nêu tên thì không có gì đi.\n"
    "# What leaves this node. Nothing leaves that no route names; sensitive groups only when "
    "named.\n"
    "version: 1\n"
    "routes: []\n"
    "#  - name: len-bo\n"
    "#    purpose: \"Cơ sở dữ liệu ngành\"\n"
    "#    legal_basis: \"TT 42/2021/TT-BGDĐT\"\n"
    "#    from: { under: \"79\" }\n"
    "#    to: parent\n"
    "#    datasets:\n"
    "#      pupil: { share: [key, identity, statistic] }\n"
    "#      school: { share: all }\n"
    "#      class: { send: headers }\n";

int lth_cli_init_broker(const lth_cli *cli)
{
    lth_init in;
    if (lth_cli_option(cli, "--ca", 0) == NULL)
        return lth_cli_usage(cli);
    int status = lth_init_begin(&in, cli);
    if (status == 0)
        status = lth_init_identity(&in, LTH_ROLE_BROKER);
    if (status == 0)
        status = lth_init_dir(cli, in.dir, "peers", 0755);
    if (status == 0)
        status = lth_init_dir(cli, in.dir, "run", 0700);
    if (status == 0)
        status = lth_init_orgs(&in);
    if (status == 0)
        status = lth_init_dictionary(&in);
    if (status == 0)
        status = lth_init_text(&in, "routes.yaml", routes_example);
    if (status == 0)
        status = broker_yaml(&in);
    return lth_init_done(&in, status, "broker");
}

int lth_init_hosted_keys(const lth_init *in, const char *dir, const lth_id *school)
{
    uint8_t curve_public[32], curve_secret[32];
    lth_net_curve_make(curve_public,
                       curve_secret); /* required in a leaf; the process connects with its own */
    lth_crypto_cleanse(curve_secret, sizeof(curve_secret));
    lth_cert_request req = {.org = *school,
                            .role = LTH_ROLE_HOST,
                            .number = 1,
                            .now_ms = lth_init_now_ms(),
                            .days = LTH_INIT_LEAF_DAYS,
                            .curve_key = curve_public};
    lth_diag diag = {0};
    return lth_init_crypto(
        in, lth_crypto_make_leaf(dir, lth_cli_option(in->cli, "--ca", 0), &req, &diag), &diag);
}

/* A school with a database that this process reads and signs for. */
static int hosted_school(const lth_init *in, const char *code)
{
    const lth_org *school;
    int status = find_org(in, code, &school);
    if (status != 0)
        return status;
    char hex[33], dir[LTH_INIT_PATH];
    lth_hex(hex, school->id.b, 16);
    snprintf(dir, sizeof(dir), "%s/identity/schools", in->dir);
    status = lth_init_dir(in->cli, dir, "", 0700);
    if (status == 0)
        status = lth_init_dir(in->cli, dir, hex, 0700);
    if (status != 0)
        return status;
    snprintf(dir, sizeof(dir), "%s/identity/schools/%s", in->dir, hex);
    return lth_init_hosted_keys(in, dir, &school->id);
}

static int agent_yaml(const lth_init *in)
{
    char endpoint[512], org[128], text[4096];
    int status = lth_init_endpoint(in, endpoint, sizeof(endpoint), org, sizeof(org));
    if (status != 0)
        return status;
    snprintf(
        text, sizeof(text),
        "# Nút tại trường. Mọi khoá: docs/config.md; thử nguồn: lienthong source check %s\n"
        "# The agent. Every key: docs/config.md; try the source with: lienthong source check %s\n"
        "node: { org: \"%s\", store: store, identity: identity, control: run/control.sock, broker: "
        "\"%s\" }\n"
        "files: { orgs: orgs.yaml, datasets: datasets/ }\n"
        "schools: []\n"
        "#  - org: \"%s\"\n"
        "#    source: { driver: SQLite3, database: /srv/school/qlth.db }\n"
        "#    tables:\n"
        "#      - dataset: pupil\n"
        "#        mode: diff\n"
        "#        every: 30s\n"
        "#        query: \"SELECT id, ma_hs, ho_ten, ngay_sinh, gioi_tinh FROM hoc_sinh\"\n"
        "#        key: id\n"
        "#        fields: { pupil_code: ma_hs, full_name: ho_ten, birth_date: {from: ngay_sinh, "
        "as: date_vn},\n"
        "#                  sex: {from: gioi_tinh, map: {Nam: \"1\", \"Nữ\": \"2\"}} }\n",
        in->org_code, in->org_code, in->org_code, endpoint, in->org_code);
    return lth_init_text(in, "agent.yaml", text);
}

int lth_cli_init_agent(const lth_cli *cli)
{
    lth_init in;
    if (lth_cli_option(cli, "--ca", 0) == NULL || lth_cli_option(cli, "--parent", 0) == NULL)
        return lth_cli_usage(cli);
    int status = lth_init_begin(&in, cli);
    bool hosts = lth_cli_option(cli, "--school", 0) != NULL;
    if (status == 0)
        status = lth_init_identity(&in, hosts ? LTH_ROLE_HOST : LTH_ROLE_AGENT);
    const char *school;
    for (int i = 0; status == 0 && (school = lth_cli_option(cli, "--school", i)) != NULL; i++)
        status = hosted_school(&in, school);
    if (status == 0)
        status = lth_init_dir(cli, in.dir, "run", 0700);
    if (status == 0)
        status = lth_init_orgs(&in);
    if (status == 0)
        status = lth_init_dictionary(&in);
    if (status == 0)
        status = agent_yaml(&in);
    return lth_init_done(&in, status, "agent");
}
