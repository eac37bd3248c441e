/**
 * @file agents/shell/node.h
 * What an agent is made of before it runs: configuration, identity, schools with their keys.
 * Replaced whole on reload.
 */
#pragma once

#include "agents/core/agent.h"
#include "lth/conf.h"
#include "lth/crypto.h"

typedef struct lth_agent_node {
    char path[4096]; /**< Directory or agent.yaml, as given. */
    lth_conf *owner;
    const lth_agent_conf *conf;
    lth_hasher hasher;
    lth_trust trust;
    lth_key_info self;
    lth_id org, broker_org;
    uint8_t curve_secret[32], broker_curve[32];
    lth_agent_school *schools; /**< Parallel to conf->schools. */
    lth_signer *signers;
    lth_key_info *keys; /**< Of the schools. */
    uint32_t n_schools;
    uint32_t *by_code; /**< Indexes of schools, ascending codes. */
} lth_agent_node;

/** Load all of it and check that it fits together. LTH_E_CONFIG with @p errors filled, or with
 * @p diag (then errors->n is 0) as any other error. Close it whatever is returned. */
LTH_MUST_USE lth_err lth_agent_node_open(lth_agent_node *out, const char *path,
                                         const lth_public_set *published, lth_conf_errors *errors,
                                         lth_diag *diag);
void lth_agent_node_close(lth_agent_node *self);
/** Index of the school with this code; n_schools if it is not served here. */
uint32_t lth_agent_node_school(const lth_agent_node *self, lth_slice code);
/** Does this process hold the school's key in its name ("ký thay trường")? */
bool lth_agent_node_hosts(const lth_agent_node *self, uint32_t school);
