#include "agents/shell/node.h"

#include <stdlib.h>

#include "agents/capture/pipe.h"
#include "lth/net.h"

#define PATH_SIZE 4400

static lth_err identity_path(char out[PATH_SIZE], const lth_agent_node *self, const char *dir,
                             const char *name, lth_diag *diag)
{
    size_t n = strlen(self->conf->node.identity) + strlen(dir) + strlen(name) + 3;
    if (n > PATH_SIZE)
        return lth_fail(diag, LTH_E_CONFIG, "%s: đường dẫn quá dài / path too long",
                        self->conf->node.identity);
    lth_format(out, PATH_SIZE, "%s/%s%s%s", self->conf->node.identity, dir,
               dir[0] != '\0' ? "/" : "", name);
    return LTH_OK;
}

static const char *code_of(const lth_agent_node *self, const lth_id *org)
{
    const lth_org *found = lth_registry_find(&self->conf->registry, org);
    return found != NULL ? found->code : "?";
}

/* ---- this process: who it is, whom it calls ---- */

static lth_err check_self(const lth_agent_node *self, const char *path, lth_diag *diag)
{
    uint8_t public_key[32];
    lth_net_curve_public(public_key, self->curve_secret);
    if (self->self.role != LTH_ROLE_AGENT && self->self.role != LTH_ROLE_HOST)
        return lth_fail(diag, LTH_E_CONFIG,
                        "%s: chứng thư này không phải của agent (vai trò %s) / not the certificate "
                        "of an agent (role %s)",
                        path, lth_role_name(self->self.role), lth_role_name(self->self.role));
    if (!lth_id_equal(&self->self.org, &self->org))
        return lth_fail(diag, LTH_E_CONFIG,
                        "%s: chứng thư của đơn vị %s, nhưng agent.yaml ghi %s / certificate of %s, "
                        "but agent.yaml says %s",
                        path, code_of(self, &self->self.org), self->conf->node.org,
                        code_of(self, &self->self.org), self->conf->node.org);
    if (memcmp(public_key, self->self.curve_key, sizeof public_key) != 0)
        return lth_fail(diag, LTH_E_CONFIG,
                        "%s: không khớp với curve.key / does not belong to curve.key", path);
    return LTH_OK;
}

static lth_err open_self(lth_agent_node *self, lth_diag *diag)
{
    char path[PATH_SIZE];
    lth_err err = identity_path(path, self, "", "root.crt", diag);
    if (!err)
        err = lth_crypto_trust_open(&self->trust, path, diag);
    if (!err)
        err = identity_path(path, self, "", "curve.key", diag);
    if (!err)
        err = lth_crypto_secret_open(self->curve_secret, path, diag);
    if (!err)
        err = identity_path(path, self, "", "sign.crt", diag);
    if (!err)
        err = lth_crypto_trust_learn_file(&self->trust, path, &self->self, diag);
    return err ? err : check_self(self, path, diag);
}

static lth_err open_broker(lth_agent_node *self, lth_diag *diag)
{
    char path[PATH_SIZE];
    lth_key_info info;
    lth_err err = identity_path(path, self, "", "parent.crt", diag);
    if (!err)
        err = lth_crypto_trust_learn_file(&self->trust, path, &info, diag);
    if (err)
        return err;
    if (info.role != LTH_ROLE_BROKER)
        return lth_fail(diag, LTH_E_CONFIG,
                        "%s: phải là chứng thư của broker / must be a broker's certificate", path);
    self->broker_org = info.org;
    memcpy(self->broker_curve, info.curve_key, sizeof self->broker_curve);
    return LTH_OK;
}

/* ---- schools ---- */

static lth_err check_school(const lth_source_conf *conf, const lth_key_info *info,
                            const lth_signer *signer, const char *path, lth_diag *diag)
{
    if (!lth_id_equal(&info->org, &conf->org_id) ||
        (info->role != LTH_ROLE_AGENT && info->role != LTH_ROLE_HOST))
        return lth_fail(diag, LTH_E_CONFIG,
                        "%s: không phải chứng thư ký của trường %s / not a signing certificate of "
                        "school %s",
                        path, conf->org, conf->org);
    if (memcmp(info->key_id, signer->key_id, LTH_HASH_SIZE) != 0)
        return lth_fail(diag, LTH_E_CONFIG,
                        "%s: không khớp với sign.key bên cạnh / does not belong to the sign.key "
                        "beside it",
                        path);
    return LTH_OK;
}

bool lth_agent_node_hosts(const lth_agent_node *self, uint32_t school)
{
    return self->keys[school].role == LTH_ROLE_HOST;
}

static lth_err check_query(const lth_source_conf *conf, const lth_source_table *table,
                           lth_diag *diag)
{
    const char *why;
    if (conf->profile != NULL || lth_capture_query_ok(table->query, &why))
        return LTH_OK;
    return lth_fail(diag, LTH_E_CONFIG,
                    "trường %s, %s: câu truy vấn phải là đúng một câu SELECT, chỉ đọc: xem lại "
                    "\"%s\" / school %s: the query must be exactly one SELECT that only "
                    "reads: look at \"%s\"",
                    conf->org, table->mapping.dataset->name, why, conf->org, why);
}

static lth_err check_view(const lth_view_conf *view, lth_diag *diag)
{
    const char *why;
    if (lth_capture_query_ok(view->query, &why))
        return LTH_OK;
    return lth_fail(diag, LTH_E_CONFIG,
                    "khung nhìn %s: câu truy vấn phải là đúng một câu SELECT, chỉ đọc: xem lại "
                    "\"%s\" / view %s: the query must be exactly one SELECT that only reads: look "
                    "at \"%s\"",
                    view->name, why, view->name, why);
}

static lth_err open_tables(const lth_agent_node *self, uint32_t i, lth_diag *diag)
{
    const lth_source_conf *conf = &self->conf->schools[i];
    lth_agent_school *out = &self->schools[i];
    lth_agent_table *tables = calloc(conf->n_tables + 1, sizeof *tables);
    if (tables == NULL)
        return lth_fail(diag, LTH_E_NOMEM, "%s", lth_err_text(LTH_E_NOMEM));
    out->tables = tables;
    out->n_tables = conf->n_tables;
    for (uint32_t t = 0; t < conf->n_tables; t++) {
        const lth_source_table *table = &conf->tables[t];
        tables[t] = (lth_agent_table){&table->mapping, conf->profile != NULL ? 0 : table->every_ms};
        lth_err err = check_query(conf, table, diag);
        if (err)
            return err;
    }
    return LTH_OK;
}

/* Where a school's keys lie: the node's own in its identity, of hosted ones by their codes, of
 * others by their ids. */
static lth_err keys_dir(const lth_agent_node *self, const lth_source_conf *conf,
                        char out[PATH_SIZE], lth_diag *diag)
{
    char hex[33];
    if (conf->profile != NULL) {
        if (lth_format(out, PATH_SIZE, "%s/%s", self->conf->hosted_dir, conf->org) + 32 < PATH_SIZE)
            return LTH_OK;
        return lth_fail(diag, LTH_E_CONFIG, "%s: đường dẫn quá dài / path too long",
                        self->conf->hosted_dir);
    }
    if (lth_id_equal(&conf->org_id, &self->org))
        return identity_path(out, self, "", ".", diag);
    lth_hex(hex, conf->org_id.b, sizeof conf->org_id.b);
    return identity_path(out, self, "schools", hex, diag);
}

static lth_err open_school(lth_agent_node *self, uint32_t i, lth_diag *diag)
{
    const lth_source_conf *conf = &self->conf->schools[i];
    lth_agent_school *out = &self->schools[i];
    lth_key_info *info = &self->keys[i];
    char dir[PATH_SIZE], path[PATH_SIZE + 32];
    out->org = conf->org_id;
    lth_err err = keys_dir(self, conf, dir, diag);
    lth_format(path, sizeof path, "%s/sign.key", dir);
    if (!err)
        err = lth_crypto_signer_open(&self->signers[i], path, diag);
    lth_format(path, sizeof path, "%s/id.key", dir);
    if (!err)
        err = lth_crypto_secret_open(out->id_key, path, diag);
    lth_format(path, sizeof path, "%s/sign.crt", dir);
    if (!err)
        err = lth_crypto_trust_learn_file(&self->trust, path, info, diag);
    if (!err)
        err = check_school(conf, info, &self->signers[i], path, diag);
    if (!err)
        err = lth_crypto_trust_der(&self->trust, info->key_id, &out->leaf_der, &out->ca_der);
    out->signer = &self->signers[i];
    return err ? err : open_tables(self, i, diag);
}

static int compare_codes(const void *a, const void *b, void *ctx)
{
    const lth_agent_conf *conf = ctx;
    return strcmp(conf->schools[*(const uint32_t *)a].org, conf->schools[*(const uint32_t *)b].org);
}

static lth_err schools_new(lth_agent_node *self, lth_diag *diag)
{
    uint32_t n = self->conf->n_schools;
    self->schools = calloc(n + 1, sizeof *self->schools);
    self->signers = calloc(n + 1, sizeof *self->signers);
    self->keys = calloc(n + 1, sizeof *self->keys);
    self->by_code = calloc(n + 1, sizeof *self->by_code);
    if (self->schools == NULL || self->signers == NULL || self->keys == NULL ||
        self->by_code == NULL)
        return lth_fail(diag, LTH_E_NOMEM, "%s", lth_err_text(LTH_E_NOMEM));
    self->n_schools = n;
    for (uint32_t i = 0; i < n; i++)
        self->by_code[i] = i;
    qsort_r(self->by_code, n, sizeof *self->by_code, compare_codes, (void *)(uintptr_t)self->conf);
    return LTH_OK;
}

/* ---- the whole ---- */

static lth_err open_all(lth_agent_node *self, const lth_public_set *published,
                        lth_conf_errors *errors, lth_diag *diag)
{
    lth_err loaded =
        lth_conf_load_agent_with(&self->owner, &self->conf, self->path, published, errors);
    if (loaded)
        return lth_fail(diag, loaded, "%s: %s", self->path, lth_err_text(loaded));
    const lth_org *org = lth_registry_find_code(&self->conf->registry, self->conf->node.org);
    if (org == NULL)
        return lth_fail(diag, LTH_E_CONFIG,
                        "đơn vị %s không có trong orgs.yaml / %s is not in orgs.yaml",
                        self->conf->node.org, self->conf->node.org);
    self->org = org->id;
    lth_err err = schools_new(self, diag);
    if (!err)
        err = lth_crypto_hasher_new(&self->hasher, diag);
    if (!err)
        err = open_self(self, diag);
    if (!err)
        err = open_broker(self, diag);
    for (uint32_t i = 0; i < self->n_schools && !err; i++)
        err = open_school(self, i, diag);
    for (uint32_t i = 0; i < self->conf->n_views && !err; i++)
        err = check_view(&self->conf->views[i], diag);
    return err;
}

lth_err lth_agent_node_open(lth_agent_node *out, const char *path, const lth_public_set *published,
                            lth_conf_errors *errors, lth_diag *diag)
{
    *out = (lth_agent_node){0};
    if (lth_format(out->path, sizeof out->path, "%s", path) != strlen(path))
        return lth_fail(diag, LTH_E_CONFIG, "--node: đường dẫn quá dài / path too long");
    return open_all(out, published, errors, diag);
}

void lth_agent_node_close(lth_agent_node *self)
{
    for (uint32_t i = 0; i < self->n_schools; i++) {
        if (self->signers[i].ctx != NULL)
            lth_crypto_signer_close(&self->signers[i]);
        lth_crypto_cleanse(self->schools[i].id_key, sizeof self->schools[i].id_key);
        free((void *)(uintptr_t)self->schools[i].tables);
    }
    free(self->schools);
    free(self->signers);
    free(self->keys);
    free(self->by_code);
    if (self->trust.ctx != NULL)
        lth_crypto_trust_close(&self->trust);
    if (self->hasher.ctx != NULL)
        lth_crypto_hasher_free(&self->hasher);
    lth_crypto_cleanse(self->curve_secret, sizeof self->curve_secret);
    lth_conf_free(&self->owner);
    *self = (lth_agent_node){0};
}

uint32_t lth_agent_node_school(const lth_agent_node *self, lth_slice code)
{
    uint32_t low = 0, high = self->n_schools;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2, school = self->by_code[middle];
        const char *text = self->conf->schools[school].org;
        int order = lth_slice_compare(lth_slice_of(text, strlen(text)), code);
        if (order == 0)
            return school;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return self->n_schools;
}
