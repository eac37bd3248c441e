/**
 * @file cli/init.h
 * What the verbs `init ...` share: making a node's directory step by step. Every step leaves alone
 * what is there already and returns 0 or an exit status after having said why.
 */
#pragma once

#include <sys/types.h>

#include "cli/cli.h"
#include "lth/crypto.h"

#define LTH_INIT_PATH      4400
#define LTH_INIT_LEAF_DAYS 400u

typedef struct lth_init {
    const lth_cli *cli;
    const char *dir, *org_code, *orgs_path;
    char orgs_found[LTH_INIT_PATH];
    lth_conf *owner;
    const lth_registry *registry;
    const lth_org *org;
} lth_init;

/** DIR, --org and the registry. Release with lth_init_done(). */
int lth_init_begin(lth_init *in, const lth_cli *cli);
/** Says what was made, unless @p status is not 0; returns @p status. */
int lth_init_done(lth_init *in, int status, const char *what);

uint64_t lth_init_now_ms(void);
bool lth_init_exists(const char *path);
int lth_init_dir(const lth_cli *cli, const char *dir, const char *name, mode_t mode);
int lth_init_copy(const lth_cli *cli, const char *from, const char *to);
int lth_init_text(const lth_init *in, const char *name, const char *text);
int lth_init_crypto(const lth_init *in, lth_err err, const lth_diag *diag);
/** orgs.yaml and its CSV. */
int lth_init_orgs(const lth_init *in);
/** Files of SHARE/WHAT with this ending, to DIR/WHAT; not @p needed: SHARE may lack them. */
int lth_init_share(const lth_init *in, const char *what, const char *ending, bool needed);
/** Datasets and code lists. */
int lth_init_dictionary(const lth_init *in);
/** Keys of the node itself: signing leaf, CURVE key, parent's certificate, and our certificate in
 * the parent's peers/. */
int lth_init_identity(const lth_init *in, lth_role role);
/** Endpoint and org of the parent: --endpoint, or what the parent's broker.yaml listens on. */
int lth_init_endpoint(const lth_init *in, char *out, size_t size, char *org, size_t org_size);
/** Keys in DIR of a school that this process signs for: a leaf of its own under role host. */
int lth_init_hosted_keys(const lth_init *in, const char *dir, const lth_id *school);
