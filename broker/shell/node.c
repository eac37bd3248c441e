#include "broker/shell/node.h"

#include "broker/shell/dictionary.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lth_err identity_path(char *out, size_t size, const lth_broker_conf *conf, const char *name,
                             lth_diag *diag)
{
    int n = snprintf(out, size, "%s/%s", conf->node.identity, name);
    if (n < 0 || (size_t)n >= size)
        return lth_fail(diag, LTH_E_CONFIG, "%s: path too long", conf->node.identity);
    return LTH_OK;
}

static lth_err own_identity(lth_node *node, lth_diag *diag)
{
    const lth_broker_conf *conf = node->conf.broker;
    char path[4200];
    lth_err err = identity_path(path, sizeof(path), conf, "root.crt", diag);
    if (err == LTH_OK)
        err = lth_crypto_trust_open(&node->trust, path, diag);
    if (err == LTH_OK)
        err = identity_path(path, sizeof(path), conf, "sign.key", diag);
    if (err == LTH_OK)
        err = lth_crypto_signer_open(&node->signer, path, diag);
    if (err == LTH_OK)
        err = identity_path(path, sizeof(path), conf, "curve.key", diag);
    if (err == LTH_OK)
        err = lth_crypto_secret_open(node->curve_secret, path, diag);
    if (err == LTH_OK)
        err = identity_path(path, sizeof(path), conf, "sign.crt", diag);
    if (err == LTH_OK)
        err = lth_crypto_trust_learn_file(&node->trust, path, &node->self, diag);
    if (err == LTH_OK)
        err = lth_crypto_trust_der(&node->trust, node->self.key_id, &node->leaf_der, &node->ca_der);
    if (err != LTH_OK)
        return err;
    if (memcmp(node->self.key_id, node->signer.key_id, LTH_HASH_SIZE) != 0)
        return lth_fail(diag, LTH_E_CONFIG, "%s: sign.crt is not the certificate of sign.key",
                        conf->node.identity);
    if (node->self.role != LTH_ROLE_BROKER || !lth_id_equal(&node->self.org, &node->org))
        return lth_fail(diag, LTH_E_CONFIG, "%s: sign.crt does not name this broker (org %s)",
                        conf->node.identity, conf->node.org);
    return LTH_OK;
}

static lth_err parent_identity(lth_node *node, lth_diag *diag)
{
    const lth_broker_conf *conf = node->conf.broker;
    if (conf->parent_endpoint == NULL)
        return LTH_OK;
    const lth_org *parent = lth_registry_find_code(&conf->registry, conf->parent_org);
    if (parent == NULL)
        return lth_fail(diag, LTH_E_CONFIG, "parent org %s is not in orgs.yaml", conf->parent_org);
    char path[4200];
    lth_key_info info;
    lth_err err = identity_path(path, sizeof(path), conf, "parent.crt", diag);
    if (err == LTH_OK)
        err = lth_crypto_trust_learn_file(&node->trust, path, &info, diag);
    if (err != LTH_OK)
        return err;
    if (info.role != LTH_ROLE_BROKER || !lth_id_equal(&info.org, &parent->id))
        return lth_fail(diag, LTH_E_CONFIG, "%s: not the certificate of parent %s", path,
                        conf->parent_org);
    node->has_parent = true;
    node->parent_org = parent->id;
    memcpy(node->parent_curve, info.curve_key, 32);
    return LTH_OK;
}

/* Who this node and its parent are is settled when it starts. */
static lth_err same_place(const lth_node *node, const lth_broker_conf *conf, lth_diag *diag)
{
    const lth_org *org = lth_registry_find_code(&conf->registry, conf->node.org);
    const lth_org *parent = conf->parent_endpoint == NULL
                                ? NULL
                                : lth_registry_find_code(&conf->registry, conf->parent_org);
    bool same =
        lth_id_equal(&org->id, &node->org) && node->has_parent == (conf->parent_endpoint != NULL) &&
        (!node->has_parent || (parent != NULL && lth_id_equal(&parent->id, &node->parent_org)));
    return same ? LTH_OK
                : lth_fail(diag, LTH_E_CONFIG,
                           "the node's own organisation or its parent changed: restart it");
}

lth_err lth_node_conf_load(const lth_node *node, lth_node_conf *out,
                           const lth_public_set *published, lth_conf_errors *errors, lth_diag *diag)
{
    memset(out, 0, sizeof(*out));
    lth_err err =
        lth_conf_load_broker_with(&out->owner, &out->broker, node->path, published, errors);
    if (err != LTH_OK)
        return lth_fail(diag, err, "%s: %s", node->path, lth_err_text(err));
    if (lth_registry_find_code(&out->broker->registry, out->broker->node.org) == NULL) {
        err =
            lth_fail(diag, LTH_E_CONFIG, "node org %s is not in orgs.yaml", out->broker->node.org);
    } else if (!lth_id_is_zero(&node->org)) {
        err = same_place(node, out->broker, diag);
    }
    if (err != LTH_OK)
        lth_node_conf_free(out);
    return err;
}

void lth_node_conf_free(lth_node_conf *conf)
{
    lth_conf_free(&conf->owner);
    conf->broker = NULL;
}

lth_err lth_node_open(lth_node *node, const char *path, lth_conf_errors *errors, lth_diag *diag)
{
    if (strlen(path) >= sizeof(node->path))
        return lth_fail(diag, LTH_E_CONFIG, "node directory path is too long");
    memcpy(node->path, path, strlen(path) + 1);
    pthread_rwlock_init(&node->peers_lock, NULL);
    lth_public_set published;
    lth_err err = lth_dictionary_peek(&published, path, errors, diag);
    if (err == LTH_OK)
        err = lth_node_conf_load(node, &node->conf, &published, errors, diag);
    lth_public_set_fini(&published);
    if (err != LTH_OK)
        return err;
    const lth_broker_conf *conf = node->conf.broker;
    node->org = lth_registry_find_code(&conf->registry, conf->node.org)->id;
    err = own_identity(node, diag);
    if (err == LTH_OK)
        err = parent_identity(node, diag);
    if (err == LTH_OK)
        err = lth_node_peers_load(node, conf, diag);
    return err;
}

void lth_node_close(lth_node *node)
{
    if (node->signer.ctx != NULL)
        lth_crypto_signer_close(&node->signer);
    if (node->trust.ctx != NULL)
        lth_crypto_trust_close(&node->trust);
    lth_crypto_cleanse(node->curve_secret, sizeof(node->curve_secret));
    free(node->peers);
    free(node->by_org);
    lth_node_conf_free(&node->conf);
    pthread_rwlock_destroy(&node->peers_lock);
}

static int peer_compare(const void *a, const void *b)
{
    return memcmp(((const lth_node_peer *)a)->curve_key, ((const lth_node_peer *)b)->curve_key, 32);
}

static int org_compare(const void *a, const void *b)
{
    return lth_id_compare(&((const lth_node_peer *)a)->org, &((const lth_node_peer *)b)->org);
}

static bool learn_peer(lth_node *node, const lth_broker_conf *conf, const char *path,
                       lth_node_peer *out)
{
    lth_diag diag;
    lth_key_info info;
    if (lth_crypto_trust_learn_file(&node->trust, path, &info, &diag) != LTH_OK) {
        lth_log_event(&node->log, LTH_LEVEL_WARN, "peer_certificate_refused",
                      "file=%s reason=\"%s\"", path, diag.text);
        return false;
    }
    if (lth_registry_find(&conf->registry, &info.org) == NULL) {
        lth_log_event(&node->log, LTH_LEVEL_WARN, "peer_certificate_refused",
                      "file=%s reason=\"its organisation is not in orgs.yaml\"", path);
        return false;
    }
    memcpy(out->curve_key, info.curve_key, 32);
    out->org = info.org;
    out->role = info.role;
    return true;
}

/* Takes @p peers over unless it fails. */
static lth_err peers_replace(lth_node *node, lth_node_peer *peers, size_t n, lth_diag *diag)
{
    lth_node_peer *by_org = malloc((n + 1) * sizeof(*by_org));
    if (by_org == NULL)
        return lth_fail(diag, LTH_E_NOMEM, "peers: out of memory");
    if (n > 0) {
        memcpy(by_org, peers, n * sizeof(*peers));
        qsort(peers, n, sizeof(*peers), peer_compare);
        qsort(by_org, n, sizeof(*by_org), org_compare);
    }
    pthread_rwlock_wrlock(&node->peers_lock);
    lth_node_peer *old = node->peers, *old_by_org = node->by_org;
    node->peers = peers;
    node->by_org = by_org;
    node->n_peers = n;
    pthread_rwlock_unlock(&node->peers_lock);
    free(old);
    free(old_by_org);
    return LTH_OK;
}

lth_err lth_node_peers_load(lth_node *node, const lth_broker_conf *conf, lth_diag *diag)
{
    DIR *dir = opendir(conf->peers_dir);
    if (dir == NULL && errno != ENOENT)
        return lth_fail(diag, LTH_E_IO, "%s: %s", conf->peers_dir, strerror(errno));
    lth_node_peer *peers = NULL;
    size_t n = 0, cap = 0;
    lth_err err = LTH_OK;
    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        size_t length = strlen(e->d_name);
        if (e->d_name[0] == '.' || length < 5 || strcmp(e->d_name + length - 4, ".crt") != 0)
            continue;
        if (n == cap) {
            size_t more = cap == 0 ? 64 : cap * 2;
            lth_node_peer *grown = realloc(peers, more * sizeof(*peers));
            if (grown == NULL) {
                err = lth_fail(diag, LTH_E_NOMEM, "peers: out of memory");
                goto done;
            }
            peers = grown;
            cap = more;
        }
        char path[4400];
        int size = snprintf(path, sizeof(path), "%s/%s", conf->peers_dir, e->d_name);
        if (size > 0 && (size_t)size < sizeof(path) && learn_peer(node, conf, path, &peers[n]))
            n++;
    }
done:
    if (dir != NULL)
        closedir(dir);
    if (err == LTH_OK)
        err = peers_replace(node, peers, n, diag);
    if (err != LTH_OK)
        free(peers);
    return err;
}

bool lth_node_allow(void *ctx, const uint8_t curve_key[32], lth_id *user)
{
    lth_node *node = ctx;
    lth_node_peer key;
    memcpy(key.curve_key, curve_key, 32);
    pthread_rwlock_rdlock(&node->peers_lock);
    const lth_node_peer *found = node->n_peers == 0 ? NULL
                                                    : bsearch(&key, node->peers, node->n_peers,
                                                              sizeof(*node->peers), peer_compare);
    if (found != NULL)
        *user = found->org;
    pthread_rwlock_unlock(&node->peers_lock);
    return found != NULL;
}

lth_role lth_node_role(lth_node *node, const lth_id *org)
{
    lth_node_peer key = {.org = *org};
    pthread_rwlock_rdlock(&node->peers_lock);
    const lth_node_peer *found = node->n_peers == 0 ? NULL
                                                    : bsearch(&key, node->by_org, node->n_peers,
                                                              sizeof(*node->by_org), org_compare);
    lth_role role = found != NULL ? found->role : (lth_role)0;
    pthread_rwlock_unlock(&node->peers_lock);
    return role;
}
