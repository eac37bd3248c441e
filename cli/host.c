/* init host: an agent that carries for the schools of a list: keys under role host, inboxes, and
 * the one-time codes with which the schools sign in to the upload page. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/init.h"

#define CODES_MAX     (64u * 1024u * 1024u)
#define SYMBOLS       28u /* random ones of a code; four more of their hash follow */
#define CODE_SIZE     40u /* "XXXX-" seven times, "XXXX", NUL */
#define PROGRESS_STEP 20u

typedef struct host {
    lth_init in;
    lth_conf *owner;
    const lth_agent_conf *conf;
    lth_hasher hasher;
    char (*codes)[CODE_SIZE]; /* Parallel to the schools; "" = has one already. */
    uint32_t made, coded;
} host;

/* ---- one-time codes ---- */

static void sha256_hex(const host *self, const char *text, size_t n, char out[65])
{
    uint8_t hash[LTH_HASH_SIZE];
    lth_sha256(&self->hasher, text, n, hash);
    lth_hex(out, hash, sizeof(hash));
}

/* Symbols of Crockford's base32, and four of the hash of those: the page notices a slip of the pen.
 */
static void make_code(const host *self, char out[CODE_SIZE])
{
    static const char symbols[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint8_t bytes[SYMBOLS], check[LTH_HASH_SIZE];
    char text[SYMBOLS + 4];
    lth_random random = lth_crypto_random();
    random.fill(random.ctx, bytes, sizeof(bytes));
    for (size_t i = 0; i < SYMBOLS; i++)
        text[i] = symbols[bytes[i] & 31];
    lth_sha256(&self->hasher, text, SYMBOLS, check);
    for (size_t i = 0; i < 4; i++)
        text[SYMBOLS + i] = symbols[check[i] & 31];
    for (size_t i = 0, at = 0; i < sizeof(text); i++) {
        if (i > 0 && i % 4 == 0)
            out[at++] = '-';
        out[at++] = text[i];
    }
    out[CODE_SIZE - 1] = '\0';
    lth_crypto_cleanse(bytes, sizeof(bytes));
    lth_crypto_cleanse(text, sizeof(text));
}

static int once_path(const host *self, uint32_t school, char out[LTH_INIT_PATH])
{
    int n = snprintf(out, LTH_INIT_PATH, "%s/%s/once", self->conf->hosted_dir,
                     self->conf->schools[school].org);
    return n > 0 && n < LTH_INIT_PATH ? 0
                                      : lth_cli_fail(self->in.cli, 2, "đường dẫn quá dài",
                                                     "path too long", self->conf->hosted_dir);
}

static int write_private(const lth_cli *cli, const char *path, const void *p, size_t n)
{
    mode_t before = umask(077);
    int status = lth_cli_write_file(cli, path, p, n, true);
    (void)umask(before);
    return status;
}

static lth_err add_quoted(lth_buf *out, const char *text)
{
    lth_err err = lth_buf_add(out, "\"", 1);
    for (; !err && *text != '\0'; text++)
        err = lth_buf_add(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    return err ? err : lth_buf_add(out, "\"", 1);
}

/* Index of a school that has a new code and whose row this line is. */
static bool is_replaced(const host *self, const char *line, size_t n)
{
    const char *comma = memchr(line, ',', n);
    for (uint32_t i = 0; comma != NULL && i < self->conf->n_schools; i++) {
        const char *org = self->conf->schools[i].org;
        if (self->codes[i][0] != '\0' && strlen(org) == (size_t)(comma - line) &&
            memcmp(org, line, strlen(org)) == 0)
            return true;
    }
    return false;
}

/* What an earlier run printed stays. */
static int keep_old(const host *self, const char *path, lth_buf *out)
{
    size_t size;
    lth_err err = LTH_OK;
    if (!lth_init_exists(path))
        return lth_buf_format(out, "code,name,one_time_code\n") == LTH_OK ? 0 : 2;
    uint8_t *old = lth_cli_read_file(self->in.cli, path, CODES_MAX, &size);
    if (old == NULL)
        return 2;
    for (size_t at = 0; !err && at < size;) {
        const char *line = (const char *)old + at;
        const char *end = memchr(line, '\n', size - at);
        size_t n = end != NULL ? (size_t)(end - line) + 1 : size - at;
        if (!is_replaced(self, line, n))
            err = lth_buf_add(out, line, n);
        at += n;
    }
    free(old);
    return err ? 2 : 0;
}

static lth_err add_new(const host *self, lth_buf *out)
{
    lth_err err = LTH_OK;
    for (uint32_t i = 0; !err && i < self->conf->n_schools; i++) {
        const lth_source_conf *school = &self->conf->schools[i];
        const lth_org *org = lth_registry_find(&self->conf->registry, &school->org_id);
        if (self->codes[i][0] == '\0')
            continue;
        err = lth_buf_format(out, "%s,", school->org);
        if (!err)
            err = add_quoted(out, org != NULL ? org->name : "");
        if (!err)
            err = lth_buf_format(out, ",%s\n", self->codes[i]);
    }
    return err;
}

/* The list first, then what it opens: a code that works is always on the list. */
static int write_codes(host *self)
{
    char path[LTH_INIT_PATH], hex[66];
    lth_buf text;
    if (self->coded == 0)
        return 0;
    lth_buf_init(&text, CODES_MAX);
    snprintf(path, sizeof(path), "%s/codes.csv", self->in.dir);
    int status = keep_old(self, path, &text);
    if (status == 0 && add_new(self, &text) != LTH_OK)
        status = lth_cli_fail(self->in.cli, 2, "hết bộ nhớ", "out of memory", "");
    if (status == 0)
        status = write_private(self->in.cli, path, text.p, text.n);
    if (text.p != NULL)
        lth_crypto_cleanse(text.p, text.n);
    lth_buf_fini(&text);
    for (uint32_t i = 0; status == 0 && i < self->conf->n_schools; i++) {
        if (self->codes[i][0] == '\0')
            continue;
        sha256_hex(self, self->codes[i], strlen(self->codes[i]), hex);
        hex[64] = '\n';
        status = once_path(self, i, path);
        if (status == 0)
            status = write_private(self->in.cli, path, hex, 65);
    }
    return status;
}

/* ---- schools ---- */

static int make_keys(host *self, uint32_t school)
{
    char path[LTH_INIT_PATH];
    const lth_cli *cli = self->in.cli;
    const lth_source_conf *conf = &self->conf->schools[school];
    int status = lth_init_dir(cli, self->conf->hosted_dir, conf->org, 0700);
    if (status == 0)
        status = once_path(self, school, path);
    if (status != 0)
        return status;
    if (!lth_init_exists(path)) {
        make_code(self, self->codes[school]);
        self->coded++;
    }
    path[strlen(path) - strlen("/once")] = '\0';
    char sign[LTH_INIT_PATH + 16];
    snprintf(sign, sizeof(sign), "%s/sign.crt", path);
    if (lth_init_exists(sign))
        return 0;
    self->made++;
    return lth_init_hosted_keys(&self->in, path, &conf->org_id);
}

static int make_dirs(const lth_cli *cli, const char *path)
{
    char part[LTH_INIT_PATH];
    snprintf(part, sizeof(part), "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int status = lth_init_dir(cli, part, "", 0755);
        if (status != 0)
            return status;
        *slash = '/';
    }
    return lth_init_dir(cli, part, "", 0750);
}

/* .in is where the upload page writes, on the same file system. */
static int make_inbox(const host *self, const char *inbox)
{
    int status = make_dirs(self->in.cli, inbox);
    return status == 0 ? lth_init_dir(self->in.cli, inbox, ".in", 0750) : status;
}

static void progress(const host *self, uint32_t done)
{
    bool last = done == self->conf->n_schools;
    if (isatty(STDERR_FILENO) && (done % PROGRESS_STEP == 0 || last))
        fprintf(stderr, "\r%u/%u %s", done, self->conf->n_schools, last ? "\n" : "");
}

static int make_schools(host *self)
{
    int status = 0;
    self->codes = calloc((size_t)self->conf->n_schools + 1, sizeof(*self->codes));
    if (self->codes == NULL)
        return lth_cli_fail(self->in.cli, 2, "hết bộ nhớ", "out of memory", "");
    for (uint32_t i = 0; status == 0 && i < self->conf->n_schools; i++) {
        if (self->conf->schools[i].profile != NULL) {
            status = make_keys(self, i);
            if (status == 0)
                status = make_inbox(self, self->conf->schools[i].inbox);
        }
        progress(self, i + 1);
    }
    if (status == 0 && self->conf->carrier_inbox != NULL)
        status = make_inbox(self, self->conf->carrier_inbox);
    return status;
}

/* ---- the node ---- */

/* Room for the outbox and the rows of every school, and to spare. */
static uint32_t store_mib(size_t csv_bytes)
{
    size_t mib = 1024 + csv_bytes / 16;
    return mib > 65536 ? 65536 : (uint32_t)mib;
}

static int host_yaml(const lth_init *in, size_t csv_bytes)
{
    char endpoint[512], org[128], text[4096], own[300] = "";
    const char *profile = lth_cli_option(in->cli, "--profile", 0);
    int status = lth_init_endpoint(in, endpoint, sizeof(endpoint), org, sizeof(org));
    if (status != 0)
        return status;
    if (profile != NULL)
        snprintf(own, sizeof(own), "  profile: %.200s\n", profile);
    snprintf(
        text, sizeof(text),
        "# Nút của %s chạy thay các trường trong schools.csv: trường nộp tệp, nút đọc, ký thay và "
        "gửi.\n"
        "# The agent that carries for the schools of schools.csv: they hand in files; it reads, "
        "signs for them and sends.\n"
        "node: { org: \"%s\", store: store, identity: identity, control: run/control.sock, broker: "
        "\"%s\" }\n"
        "limits: { store_mib: %u, live: 60s, upload_mib: 20, keep_uploads: 400 }\n"
        "# Quá 20 %% bản ghi biến mất trong một lần nộp thì chờ người xác nhận: lienthong upload "
        "confirm\n"
        "# More than 20 %% of the records gone in one upload waits for a person\n"
        "guard: { gone_percent: 20, gone_least: 5 }\n"
        "files: { orgs: orgs.yaml, datasets: datasets/, profiles: profiles/ }\n"
        "hosted:\n"
        "  schools: schools.csv           # cột org, nếu muốn profile / columns org, if wanted "
        "profile\n"
        "  inbox: \"inbox/{org}\"\n"
        "  keys: hosted\n"
        "%s"
        "# Tệp chứa nhiều trường, tách theo cột org_from của bộ ánh xạ / files of many schools:\n"
        "#  carrier: { inbox: inbox-chung, profile: %s }\n"
        "# Khung nhìn (view) chứa nhiều trường: mỗi trường được một tệp CSV vào hộp nhận của mình "
        "/ a "
        "view of many schools:\n"
        "#  views:\n"
        "#    - name: hoc-sinh\n"
        "#      source: { driver: PostgreSQL Unicode, database: csdl, dsn: "
        "\"Server=10.0.0.5;UID=doc\", "
        "secret_file: csdl.secret }\n"
        "#      query: \"SELECT * FROM v_hoc_sinh ORDER BY ma_truong, ma_hs\"\n"
        "#      org_from: ma_truong        # cột mang mã trường / the column with the school's "
        "code\n"
        "#      every: 15m\n",
        in->org->name, in->org_code, endpoint, store_mib(csv_bytes), own,
        profile != NULL ? profile : "TEN");
    return lth_init_text(in, "agent.yaml", text);
}

/* The list may have grown since the last run. */
static int copy_list(const lth_init *in, size_t *size)
{
    char to[LTH_INIT_PATH];
    uint8_t *bytes =
        lth_cli_read_file(in->cli, lth_cli_option(in->cli, "--schools", 0), CODES_MAX, size);
    if (bytes == NULL)
        return 2;
    snprintf(to, sizeof(to), "%s/schools.csv", in->dir);
    int status = lth_cli_write_file(in->cli, to, bytes, *size, true);
    free(bytes);
    return status;
}

static int make_node(const lth_init *in)
{
    char path[LTH_INIT_PATH];
    size_t size = 0;
    snprintf(path, sizeof(path), "%s/identity/curve.key", in->dir);
    int status = lth_init_exists(path) ? 0 : lth_init_identity(in, LTH_ROLE_HOST);
    if (status == 0)
        status = lth_init_dir(in->cli, in->dir, "run", 0700);
    if (status == 0)
        status = lth_init_dir(in->cli, in->dir, "hosted", 0700);
    if (status == 0)
        status = lth_init_orgs(in);
    if (status == 0)
        status = lth_init_dictionary(in);
    if (status == 0)
        status = lth_init_share(in, "profiles", ".yaml", false);
    if (status == 0)
        status = copy_list(in, &size);
    return status == 0 ? host_yaml(in, size) : status;
}

static int finish(host *self, int status)
{
    if (status == 0 && self->in.cli->json) {
        lth_cli_print_json(json_pack("{s:s,s:s,s:s,s:i,s:i,s:i}", "made", "host", "dir",
                                     self->in.dir, "org", self->in.org_code, "schools",
                                     (int)self->conf->n_schools, "keys", (int)self->made, "codes",
                                     (int)self->coded));
        lth_conf_free(&self->in.owner);
    } else {
        if (status == 0)
            printf(lth_cli_say(self->in.cli,
                               "%u trường, thêm khoá cho %u, mã một lần cho %u (%s/codes.csv)\n",
                               "%u schools, %u keys made, %u one-time codes (%s/codes.csv)\n"),
                   self->conf->n_schools, self->made, self->coded, self->in.dir);
        status = lth_init_done(&self->in, status, "host");
    }
    if (self->codes != NULL)
        lth_crypto_cleanse(self->codes, self->conf->n_schools * sizeof(*self->codes));
    free(self->codes);
    if (self->hasher.ctx != NULL)
        lth_crypto_hasher_free(&self->hasher);
    lth_conf_free(&self->owner);
    return status;
}

int lth_cli_init_host(const lth_cli *cli)
{
    static host self;
    lth_conf_errors errors = {0};
    lth_diag diag = {0};
    if (lth_cli_option(cli, "--ca", 0) == NULL || lth_cli_option(cli, "--parent", 0) == NULL ||
        lth_cli_option(cli, "--schools", 0) == NULL)
        return lth_cli_usage(cli);
    int status = lth_init_begin(&self.in, cli);
    if (status == 0)
        status = make_node(&self.in);
    const lth_public_set none = {.version = 0};
    if (status == 0 &&
        lth_conf_load_agent_with(&self.owner, &self.conf, self.in.dir, &none, &errors) != LTH_OK)
        status = lth_cli_conf_errors(cli, &errors);
    else
        lth_conf_errors_fini(&errors);
    if (status == 0)
        status = lth_init_crypto(&self.in, lth_crypto_hasher_new(&self.hasher, &diag), &diag);
    if (status == 0)
        status = make_schools(&self);
    if (status == 0)
        status = write_codes(&self);
    return finish(&self, status);
}
