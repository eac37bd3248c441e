#include "bench/country.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lth/crypto.h"
#include "lth/net.h"

#define DAYS_LEAF 400u
#define DAYS_CA   3650u

static lth_id random_id(bench_rng *rng)
{
    lth_id id;
    lth_put64(id.b, bench_random(rng));
    lth_put64(id.b + 8, bench_random(rng));
    return id;
}

static void put_org(FILE *out, const lth_id *id, const char *code, const char *kind,
                    const lth_id *parent)
{
    char hex[33], above[64] = "";
    lth_hex(hex, id->b, 16);
    if (parent != NULL) {
        lth_hex(above, parent->b, 16);
        memcpy(above + 32, " administrative", sizeof " administrative");
    }
    fprintf(out, "%s,%s,%s,%s,%s\n", hex, code, code, kind, above);
}

static void write_orgs(const bench_country *c)
{
    char path[BENCH_PATH], code[32];
    static const char yaml[] = "version: 1\ncsv: orgs.csv\n";
    bench_path(path, "%s/orgs.yaml", c->options.dir);
    bench_write(path, yaml, sizeof yaml - 1);
    bench_path(path, "%s/orgs.csv", c->options.dir);
    FILE *out = fopen(path, "w");
    if (out == NULL)
        bench_die("%s: not writable", path);
    fputs("id,code,name,kind,parents\n", out);
    put_org(out, &c->ministry, "bo", "ministry", NULL);
    put_org(out, &c->province, "so", "province", &c->ministry);
    for (uint32_t i = 0; i < c->options.n_schools; i++) {
        snprintf(code, sizeof code, "999%05u", i);
        put_org(out, &c->schools[i], code, "school", &c->province);
    }
    if (fclose(out) != 0)
        bench_die("%s: not written", path);
}

/* As the broker must see it, whose relative paths start at its own configuration. */
static void absolute(char out[BENCH_PATH], const char *path)
{
    char here[BENCH_PATH] = "";
    if (path[0] != '/' && getcwd(here, sizeof here) == NULL)
        bench_die("%s: the current directory has no name", path);
    bench_path(out, "%s%s%s", here, here[0] != '\0' ? "/" : "", path);
}

static void write_broker(const bench_country *c)
{
    char path[BENCH_PATH], text[3 * BENCH_PATH], store[BENCH_PATH], datasets[BENCH_PATH];
    absolute(store, c->options.store);
    absolute(datasets, c->options.datasets);
    static const char routes[] = "version: 1\nroutes: []\n";
    int n = snprintf(text, sizeof text,
                     "node: { org: \"bo\", name: \"bench\", store: \"%s\", identity: identity }\n"
                     "listen: { agents: \"%s\", control: run/control.sock }\n"
                     "limits: { peers: 16, store_gib: 32, workers: %u }\n"
                     "files: { orgs: ../orgs.yaml, routes: routes.yaml, datasets: \"%s\" }\n",
                     store, c->endpoint, c->options.workers, datasets);
    bench_path(path, "%s/broker.yaml", c->broker);
    bench_write(path, text, (size_t)n);
    bench_path(path, "%s/routes.yaml", c->broker);
    bench_write(path, routes, sizeof routes - 1);
    bench_path(path, "%s/run", c->broker);
    bench_mkdir(path, 0700);
    bench_path(path, "%s/peers", c->broker);
    bench_mkdir(path, 0755);
}

static void make_leaf(const bench_country *c, const char *dir, const lth_id *org, lth_role role)
{
    uint8_t curve_public[32], curve_secret[32];
    char ca[BENCH_PATH], path[BENCH_PATH];
    lth_diag diag = {0};
    bench_path(ca, "%s/ca", c->options.dir);
    bench_mkdir(dir, 0700);
    lth_net_curve_make(curve_public, curve_secret);
    lth_cert_request req = {.org = *org,
                            .role = role,
                            .number = 1,
                            .now_ms = bench_wall_ms(),
                            .days = DAYS_LEAF,
                            .curve_key = curve_public};
    bench_must(lth_crypto_make_leaf(dir, ca, &req, &diag), &diag, dir);
    bench_path(path, "%s/curve.key", dir);
    bench_must(lth_crypto_secret_write(path, curve_secret, &diag), &diag, path);
}

static void make_keys(const bench_country *c)
{
    char root[BENCH_PATH], ca[BENCH_PATH], path[BENCH_PATH], to[BENCH_PATH];
    lth_diag diag = {0};
    lth_cert_request req = {.org = c->ministry,
                            .role = LTH_ROLE_CA,
                            .number = 1,
                            .now_ms = bench_wall_ms(),
                            .days = DAYS_CA};
    bench_path(root, "%s/root", c->options.dir);
    bench_path(ca, "%s/ca", c->options.dir);
    bench_must(lth_crypto_make_root(root, &req, &diag), &diag, root);
    bench_must(lth_crypto_make_ca(ca, root, &req, &diag), &diag, ca);
    bench_path(path, "%s/identity", c->broker);
    make_leaf(c, path, &c->ministry, LTH_ROLE_BROKER);
    bench_path(path, "%s/identity", c->host);
    make_leaf(c, path, &c->province, LTH_ROLE_HOST);
    bench_path(path, "%s/identity/sign.crt", c->host);
    bench_path(to, "%s/peers/so-host.crt", c->broker);
    bench_copy(path, to);
    for (uint32_t i = 0; i < c->options.n_schools; i++) {
        bench_country_school(c, i, path);
        make_leaf(c, path, &c->schools[i], LTH_ROLE_HOST);
    }
}

void bench_country_school(const bench_country *country, uint32_t school, char out[BENCH_PATH])
{
    char hex[33];
    lth_hex(hex, country->schools[school].b, 16);
    bench_path(out, "%s/identity/schools/%s", country->host, hex);
}

void bench_country_make(bench_country *out, const bench_country_options *options)
{
    *out = (bench_country){.options = *options};
    bench_rng rng = {options->seed};
    bench_path(out->broker, "%s/broker", options->dir);
    bench_path(out->host, "%s/host", options->dir);
    bench_path(out->control, "%s/run/control.sock", out->broker);
    snprintf(out->endpoint, sizeof out->endpoint, "tcp://127.0.0.1:%u", options->port);
    bench_rmtree(options->dir);
    bench_mkdir(options->dir, 0700);
    bench_mkdir(out->broker, 0700);
    bench_mkdir(out->host, 0700);
    out->ministry = random_id(&rng);
    out->province = random_id(&rng);
    out->schools = bench_alloc(options->n_schools, sizeof *out->schools);
    for (uint32_t i = 0; i < options->n_schools; i++)
        out->schools[i] = random_id(&rng);
    write_orgs(out);
    write_broker(out);
    make_keys(out);
    lth_conf_errors errors = {0};
    if (lth_conf_load_datasets(&out->owner, &out->schema, options->datasets, &errors) != LTH_OK ||
        out->schema->n_datasets == 0)
        bench_die("%s: %s", options->datasets, errors.n > 0 ? errors.items[0].en : "no dataset");
}

void bench_country_fini(bench_country *country)
{
    free(country->schools);
    lth_conf_free(&country->owner);
}
