/* init root, init ca, init broker, init agent: directories with keys, certificates and commented
 * configuration. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/cli.h"
#include "lth/crypto.h"
#include "lth/net.h"

#define PATH_SIZE  4400
#define LEAF_DAYS  400u
#define CA_DAYS    3650u
#define ROOT_DAYS  7300u
#define COPY_MAX   (64u * 1024u * 1024u)
#define AGENT_LIST "tcp://*:7601"

typedef struct init {
    const lth_cli *cli;
    const char *dir, *org_code, *orgs_path;
    char orgs_found[PATH_SIZE];
    lth_conf *owner;
    const lth_registry *registry;
    const lth_org *org;
} init;

static uint64_t now_ms(void)
{
    return (uint64_t)time(NULL) * 1000u;
}

static int make_dir(const lth_cli *cli, const char *fmt_dir, const char *name, mode_t mode)
{
    char path[PATH_SIZE + 64];
    snprintf(path, sizeof(path), "%s%s%s", fmt_dir, name[0] != '\0' ? "/" : "", name);
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return 0;
    return lth_cli_fail(cli, 2, path, path, strerror(errno));
}

static int copy_file(const lth_cli *cli, const char *from, const char *to)
{
    size_t size;
    uint8_t *bytes = lth_cli_read_file(cli, from, COPY_MAX, &size);
    if (bytes == NULL)
        return 2;
    int status = lth_cli_write_file(cli, to, bytes, size, false);
    free(bytes);
    return status;
}

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* orgs.yaml: --orgs, or that of the parent's or the authority's directory. */
static const char *find_orgs(init *in)
{
    static const char *const beside[] = {"--parent", "--ca", "--root"};
    const char *given = lth_cli_option(in->cli, "--orgs", 0);
    for (size_t i = 0; given == NULL && i < sizeof(beside) / sizeof(beside[0]); i++) {
        const char *dir = lth_cli_option(in->cli, beside[i], 0);
        if (dir == NULL)
            continue;
        snprintf(in->orgs_found, sizeof(in->orgs_found), "%s/orgs.yaml", dir);
        if (exists(in->orgs_found))
            given = in->orgs_found;
    }
    return given;
}

static int find_org(const init *in, const char *code, const lth_org **out)
{
    *out = lth_registry_find_code(in->registry, code);
    return *out != NULL ? 0
                        : lth_cli_fail(in->cli, 2, "đơn vị này không có trong orgs.yaml",
                                       "this organisation is not in orgs.yaml", code);
}

static int init_begin(init *in, const lth_cli *cli)
{
    *in = (init){.cli = cli};
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
static int copy_orgs(const init *in)
{
    char to[PATH_SIZE], dir[PATH_SIZE];
    const char *list = in->registry->list_file;
    snprintf(to, sizeof(to), "%s/orgs.yaml", in->dir);
    int status = exists(to) ? 0 : copy_file(in->cli, in->orgs_path, to);
    const char *slash = list != NULL ? strrchr(list, '/') : NULL;
    if (status != 0 || list == NULL)
        return status;
    const char *name = slash != NULL ? slash + 1 : list;
    snprintf(dir, sizeof(dir), "%s", in->orgs_path);
    char *end = strrchr(dir, '/');
    snprintf(end != NULL ? end + 1 : dir, 256, "%s", name);
    snprintf(to, sizeof(to), "%s/%s", in->dir, name);
    return exists(dir) && !exists(to) ? copy_file(in->cli, dir, to) : 0;
}

static int crypto_status(const init *in, lth_err err, const lth_diag *diag)
{
    return err == LTH_OK
               ? 0
               : lth_cli_fail(in->cli, 2, "không tạo được khoá", "keys not made", diag->text);
}

static int done(init *in, int status, const char *what)
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
    init in;
    lth_diag diag = {0};
    int status = init_begin(&in, cli);
    if (status == 0)
        status = make_dir(cli, in.dir, "", 0700);
    if (status == 0) {
        lth_cert_request req = {.org = in.org->id,
                                .role = LTH_ROLE_CA,
                                .number = 1,
                                .now_ms = now_ms(),
                                .days = ROOT_DAYS};
        status = crypto_status(&in, lth_crypto_make_root(in.dir, &req, &diag), &diag);
    }
    if (status == 0)
        status = copy_orgs(&in);
    return done(&in, status, "root");
}

int lth_cli_init_ca(const lth_cli *cli)
{
    init in;
    lth_diag diag = {0};
    const char *root = lth_cli_option(cli, "--root", 0);
    if (root == NULL)
        return lth_cli_usage(cli);
    int status = init_begin(&in, cli);
    if (status == 0)
        status = make_dir(cli, in.dir, "", 0700);
    if (status == 0) {
        lth_cert_request req = {.org = in.org->id,
                                .role = LTH_ROLE_CA,
                                .number = 1,
                                .now_ms = now_ms(),
                                .days = CA_DAYS};
        status = crypto_status(&in, lth_crypto_make_ca(in.dir, root, &req, &diag), &diag);
    }
    if (status == 0)
        status = copy_orgs(&in);
    return done(&in, status, "ca");
}

/* Keys of the node itself: signing leaf, CURVE key, parent's certificate, and our name in the
 * parent's peers/. */
static int node_identity(const init *in, lth_role role)
{
    const lth_cli *cli = in->cli;
    const char *ca = lth_cli_option(cli, "--ca", 0), *parent = lth_cli_option(cli, "--parent", 0);
    char identity[PATH_SIZE], path[PATH_SIZE + 64], from[PATH_SIZE + 64];
    lth_diag diag = {0};
    snprintf(identity, sizeof(identity), "%s/identity", in->dir);
    int status = make_dir(cli, in->dir, "", 0755);
    if (status == 0)
        status = make_dir(cli, identity, "", 0700);
    if (status != 0)
        return status;
    uint8_t curve_public[32], curve_secret[32];
    lth_net_curve_make(curve_public, curve_secret);
    lth_cert_request req = {.org = in->org->id,
                            .role = role,
                            .number = 1,
                            .now_ms = now_ms(),
                            .days = LEAF_DAYS,
                            .curve_key = curve_public};
    status = crypto_status(in, lth_crypto_make_leaf(identity, ca, &req, &diag), &diag);
    snprintf(path, sizeof(path), "%s/curve.key", identity);
    if (status == 0)
        status = crypto_status(in, lth_crypto_secret_write(path, curve_secret, &diag), &diag);
    lth_crypto_cleanse(curve_secret, sizeof(curve_secret));
    if (status != 0 || parent == NULL)
        return status;
    snprintf(from, sizeof(from), "%s/identity/sign.crt", parent);
    snprintf(path, sizeof(path), "%s/parent.crt", identity);
    status = copy_file(cli, from, path);
    if (status == 0)
        status = make_dir(cli, parent, "peers", 0755);
    snprintf(from, sizeof(from), "%s/sign.crt", identity);
    snprintf(path, sizeof(path), "%s/peers/%s-%s.crt", parent, in->org_code, lth_role_name(role));
    return status == 0 ? copy_file(cli, from, path) : status;
}

static int write_text(const init *in, const char *name, const char *text)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", in->dir, name);
    return exists(path) ? 0 : lth_cli_write_file(in->cli, path, text, strlen(text), false);
}

/* Every *.yaml of SHARE/datasets, unless the node has its own already. */
static int copy_datasets(const init *in)
{
    const char *share = lth_cli_option(in->cli, "--config", 0);
    char from_dir[PATH_SIZE], to_dir[PATH_SIZE];
    snprintf(from_dir, sizeof(from_dir), "%s/datasets", share != NULL ? share : LTH_SHARE_DIR);
    snprintf(to_dir, sizeof(to_dir), "%s/datasets", in->dir);
    int status = make_dir(in->cli, to_dir, "", 0755);
    DIR *dir = status == 0 ? opendir(from_dir) : NULL;
    if (dir == NULL)
        return status != 0 ? status : lth_cli_fail(in->cli, 2, from_dir, from_dir, strerror(errno));
    for (const struct dirent *e; status == 0 && (e = readdir(dir)) != NULL;) {
        size_t n = strlen(e->d_name);
        if (e->d_name[0] == '.' || n < 6 || strcmp(e->d_name + n - 5, ".yaml") != 0)
            continue;
        char from[2 * PATH_SIZE], to[2 * PATH_SIZE];
        snprintf(from, sizeof(from), "%s/%s", from_dir, e->d_name);
        snprintf(to, sizeof(to), "%s/%s", to_dir, e->d_name);
        status = exists(to) ? 0 : copy_file(in->cli, from, to);
    }
    closedir(dir);
    return status;
}

/* Endpoint to dial: --endpoint, or what the parent's broker.yaml listens on. */
static int parent_endpoint(const init *in, char *out, size_t size, char *org, size_t org_size)
{
    const char *parent = lth_cli_option(in->cli, "--parent", 0);
    lth_conf *owner = NULL;
    const lth_broker_conf *conf = NULL;
    lth_conf_errors errors = {0};
    if (lth_conf_load_broker(&owner, &conf, parent, &errors) != LTH_OK)
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

static int broker_yaml(const init *in)
{
    const char *listen = lth_cli_option(in->cli, "--listen", 0);
    char parent[1024] = "", endpoint[512], org[128], text[4096];
    if (lth_cli_option(in->cli, "--parent", 0) != NULL) {
        int status = parent_endpoint(in, endpoint, sizeof(endpoint), org, sizeof(org));
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
    return write_text(in, "broker.yaml", text);
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
    init in;
    if (lth_cli_option(cli, "--ca", 0) == NULL)
        return lth_cli_usage(cli);
    int status = init_begin(&in, cli);
    if (status == 0)
        status = node_identity(&in, LTH_ROLE_BROKER);
    if (status == 0)
        status = make_dir(cli, in.dir, "peers", 0755);
    if (status == 0)
        status = make_dir(cli, in.dir, "run", 0700);
    if (status == 0)
        status = copy_orgs(&in);
    if (status == 0)
        status = copy_datasets(&in);
    if (status == 0)
        status = write_text(&in, "routes.yaml", routes_example);
    if (status == 0)
        status = broker_yaml(&in);
    return done(&in, status, "broker");
}

/* Keys of one school that this process signs for: its own leaf under role host. */
static int hosted_school(const init *in, const char *code)
{
    const lth_org *school;
    int status = find_org(in, code, &school);
    if (status != 0)
        return status;
    char hex[33], dir[PATH_SIZE];
    lth_hex(hex, school->id.b, 16);
    snprintf(dir, sizeof(dir), "%s/identity/schools", in->dir);
    status = make_dir(in->cli, dir, "", 0700);
    if (status == 0)
        status = make_dir(in->cli, dir, hex, 0700);
    if (status != 0)
        return status;
    snprintf(dir, sizeof(dir), "%s/identity/schools/%s", in->dir, hex);
    uint8_t curve_public[32], curve_secret[32];
    lth_net_curve_make(curve_public,
                       curve_secret); /* required in a leaf; the process connects with its own */
    lth_crypto_cleanse(curve_secret, sizeof(curve_secret));
    lth_cert_request req = {.org = school->id,
                            .role = LTH_ROLE_HOST,
                            .number = 1,
                            .now_ms = now_ms(),
                            .days = LEAF_DAYS,
                            .curve_key = curve_public};
    lth_diag diag = {0};
    return crypto_status(
        in, lth_crypto_make_leaf(dir, lth_cli_option(in->cli, "--ca", 0), &req, &diag), &diag);
}

static int agent_yaml(const init *in)
{
    char endpoint[512], org[128], text[4096];
    int status = parent_endpoint(in, endpoint, sizeof(endpoint), org, sizeof(org));
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
    return write_text(in, "agent.yaml", text);
}

int lth_cli_init_agent(const lth_cli *cli)
{
    init in;
    if (lth_cli_option(cli, "--ca", 0) == NULL || lth_cli_option(cli, "--parent", 0) == NULL)
        return lth_cli_usage(cli);
    int status = init_begin(&in, cli);
    bool hosts = lth_cli_option(cli, "--school", 0) != NULL;
    if (status == 0)
        status = node_identity(&in, hosts ? LTH_ROLE_HOST : LTH_ROLE_AGENT);
    const char *school;
    for (int i = 0; status == 0 && (school = lth_cli_option(cli, "--school", i)) != NULL; i++)
        status = hosted_school(&in, school);
    if (status == 0)
        status = make_dir(cli, in.dir, "run", 0700);
    if (status == 0)
        status = copy_orgs(&in);
    if (status == 0)
        status = copy_datasets(&in);
    if (status == 0)
        status = agent_yaml(&in);
    return done(&in, status, "agent");
}
