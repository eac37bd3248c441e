/**
 * @file broker/shell/node.h
 * What a broker is made of before it runs: configuration, identity, who may connect. Replaced whole
 * on reload.
 */
#pragma once

#include <pthread.h>

#include "lth/conf.h"
#include "lth/crypto.h"
#include "lth/log.h"

/** One certificate of peers/: the only keys that may connect. */
typedef struct lth_node_peer {
    uint8_t curve_key[32];
    lth_id org;
    lth_role role;
} lth_node_peer;

/** One loaded configuration. */
typedef struct lth_node_conf {
    lth_conf *owner;
    const lth_broker_conf *broker;
} lth_node_conf;

typedef struct lth_node {
    char path[4096]; /**< Configuration file or directory as given. */
    lth_node_conf conf;
    lth_trust trust;
    lth_signer signer;
    lth_key_info self;
    lth_id org;
    lth_slice leaf_der, ca_der;
    uint8_t curve_secret[32];
    bool has_parent;
    lth_id parent_org;
    uint8_t parent_curve[32];
    pthread_rwlock_t peers_lock;
    lth_node_peer *peers;  /**< Sorted by curve_key. */
    lth_node_peer *by_org; /**< The same, sorted by org. */
    size_t n_peers;
    lth_log log;
} lth_node;

/** Load configuration and identity; errors are printed one a line through @p errors and diag.
 * LTH_E_CONFIG (see errors), LTH_E_IO, LTH_E_CRYPTO, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_node_open(lth_node *node, const char *path, lth_conf_errors *errors,
                                   lth_diag *diag);
void lth_node_close(lth_node *node);

/** Load a new configuration beside the one in force. */
LTH_MUST_USE lth_err lth_node_conf_load(const lth_node *node, lth_node_conf *out,
                                        const lth_public_set *published, lth_conf_errors *errors,
                                        lth_diag *diag);
void lth_node_conf_free(lth_node_conf *conf);

/** Read peers/ again: certificates that do not chain, or whose org is unknown, are left out with a
 * warning. */
LTH_MUST_USE lth_err lth_node_peers_load(lth_node *node, const lth_broker_conf *conf,
                                         lth_diag *diag);

/** The ZAP question (lth_net_allow); thread-safe. */
bool lth_node_allow(void *node, const uint8_t curve_key[32], lth_id *user);
/** Role of a connected org by peers/; 0 when it is no longer allowed. */
lth_role lth_node_role(lth_node *node, const lth_id *org);
