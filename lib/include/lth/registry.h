/**
 * @file lth/registry.h
 * Organisations as dated data: who exists, under whom, who may carry for whom. Pure; part of
 * lth_schema.
 *
 * Two kinds of parent: "administrative" and "professional"; the path (where records travel) is the
 * professional parent when there is one, else the administrative. Any depth, no tier names.
 */
#pragma once

#include "lth/bytes.h"
#include "lth/diag.h"

typedef enum lth_parent_type {
    LTH_PARENT_PROFESSIONAL = 1,
    LTH_PARENT_ADMINISTRATIVE = 2
} lth_parent_type;

typedef struct lth_org_parent {
    lth_id id;
    lth_parent_type type;
    uint32_t from_day, to_day; /**< YYYYMMDD inclusive; 0 = open. */
} lth_org_parent;

typedef struct lth_org {
    lth_id id;
    const char *code;
    const char *name;
    const char *kind; /**< ministry, province, district, commune, school, ...: data, never compared
                         in code with a constant. */
    uint32_t from_day, to_day;
    const lth_org_parent *parents;
    uint32_t n_parents;
    const lth_id *carries; /**< Orgs this node may speak for besides itself and its subtree. */
    uint32_t n_carries;
} lth_org;

typedef struct lth_registry {
    uint32_t version;
    const lth_org *orgs; /**< Sorted by id; unique; first 8 bytes of ids unique as well. */
    uint32_t n_orgs;
    const uint32_t *by_code; /**< Indexes into orgs, sorted by code. */
    const char *list_file;   /**< CSV that the registry's file names, NULL when none. */
} lth_registry;

const lth_org *lth_registry_find(const lth_registry *r, const lth_id *id);
const lth_org *lth_registry_find_code(const lth_registry *r, const char *code);
/** The org whose id starts with these 8 bytes (owner of a record), or NULL. */
const lth_org *lth_registry_find_prefix(const lth_registry *r, const uint8_t prefix[8]);
/** Path parent on a day, or NULL (root or unknown). */
const lth_org *lth_registry_path_parent(const lth_registry *r, const lth_org *org, uint32_t day);
/** Is @p org == @p ancestor or below it along path parents on @p day? Bounded to 32 steps. */
bool lth_registry_under(const lth_registry *r, const lth_org *org, const lth_org *ancestor,
                        uint32_t day);
/** Below it along any parent, of either type. */
bool lth_registry_under_any(const lth_registry *r, const lth_org *org, const lth_org *ancestor,
                            uint32_t day);
/** May node @p carrier deliver batches of @p origin: itself, an org below it on the path, or named
 * in carries. */
bool lth_registry_carries(const lth_registry *r, const lth_org *carrier, const lth_org *origin,
                          uint32_t day);
typedef enum lth_registry_fault_kind {
    LTH_REGISTRY_SAME_ID, /**< Ids equal in their first 8 bytes (or all). */
    LTH_REGISTRY_SAME_CODE,
    LTH_REGISTRY_UNKNOWN_PARENT,
    LTH_REGISTRY_UNKNOWN_CARRIED,
    LTH_REGISTRY_LOOP,
    LTH_REGISTRY_TOO_DEEP
} lth_registry_fault_kind;
/** What is wrong with a registry, for messages that name a line of its file. */
typedef struct lth_registry_fault {
    lth_registry_fault_kind kind;
    uint32_t org;   /**< Index of the org at fault. */
    uint32_t other; /**< SAME_*: the other org; UNKNOWN_*: index of the parent or carried id. */
} lth_registry_fault;
/** First fault, or false. LTH_E_NOMEM in @p err when it could not be told (then false). */
bool lth_registry_find_fault(const lth_registry *r, lth_registry_fault *out, lth_err *err);
/** Duplicate ids, codes or prefixes, unknown parents, loops. LTH_OK or LTH_E_CONFIG with what and
 * where, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_registry_check(const lth_registry *r, lth_diag *diag);
