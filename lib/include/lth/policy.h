/**
 * @file lth/policy.h
 * Routes: what leaves this node, to whom, for what purpose. Pure; part of lth_schema.
 * Nothing leaves that no route names; groups marked sensitive are withheld unless a route names
 * them
 * (`share: all` leaves sensitive groups out; naming one lets it through).
 */
#pragma once

#include "lth/registry.h"
#include "lth/schema.h"

typedef enum lth_send { LTH_SEND_NOTHING = 0, LTH_SEND_HEADERS = 1, LTH_SEND_GROUPS = 2 } lth_send;

typedef struct lth_route_dataset {
    uint16_t dataset;
    lth_send send;
    const uint16_t *share; /**< Group numbers, ascending; for LTH_SEND_GROUPS. */
    uint32_t n_share;
} lth_route_dataset;

typedef struct lth_route {
    const char *name, *purpose, *legal_basis;
    enum { LTH_FROM_UNDER, LTH_FROM_KIND, LTH_FROM_LIST } from;
    const char *from_kind;
    const lth_id *from_orgs; /**< UNDER: one; LIST: many, sorted. */
    uint32_t n_from_orgs;
    bool to_parent;
    lth_id to_org;                     /**< When not the parent. */
    const lth_route_dataset *datasets; /**< Ascending. */
    uint32_t n_datasets;
} lth_route;

typedef struct lth_policy {
    uint32_t version;
    const lth_route *routes;
    uint32_t n_routes;
} lth_policy;

/** What may be shown of one dataset of one origin to a destination: the union over its routes. */
typedef struct lth_grantset {
    lth_send send;
    bool whole; /**< Every group of the dataset is shared. */
    uint32_t n_share;
    uint16_t share[LTH_GROUPS_MAX]; /**< Ascending. */
} lth_grantset;

/** @param to  NULL = the path parent. */
void lth_policy_find(lth_grantset *out, const lth_policy *policy, const lth_registry *registry,
                     const lth_schema *schema, const lth_org *origin, uint16_t dataset,
                     const lth_id *to, uint32_t day);
/** Does any route to @p to name this origin at all? If not, not even headers leave. */
bool lth_policy_names(const lth_policy *policy, const lth_registry *registry, const lth_org *origin,
                      const lth_id *to, uint32_t day);
/** Which route gives this group (for `route explain` and `record show`), or NULL. */
const lth_route *lth_policy_why(const lth_policy *policy, const lth_registry *registry,
                                const lth_org *origin, uint16_t dataset, uint16_t group,
                                const lth_id *to, uint32_t day);
