#include "lth/policy.h"

static bool from_matches(const lth_route *route, const lth_registry *registry,
                         const lth_org *origin, uint32_t day)
{
    switch (route->from) {
    case LTH_FROM_UNDER: {
        const lth_org *top = lth_registry_find(registry, &route->from_orgs[0]);
        return top != NULL && lth_registry_under_any(registry, origin, top, day);
    }
    case LTH_FROM_KIND:
        return strcmp(route->from_kind, origin->kind) == 0;
    case LTH_FROM_LIST:
        for (uint32_t i = 0; i < route->n_from_orgs; i++) {
            if (lth_id_equal(&route->from_orgs[i], &origin->id)) {
                return true;
            }
        }
        return false;
    }
    return false;
}

static bool to_matches(const lth_route *route, const lth_id *to)
{
    return to == NULL ? route->to_parent : !route->to_parent && lth_id_equal(&route->to_org, to);
}

static const lth_route_dataset *dataset_of(const lth_route *route, uint16_t dataset)
{
    for (uint32_t i = 0; i < route->n_datasets; i++) {
        if (route->datasets[i].dataset == dataset) {
            return &route->datasets[i];
        }
    }
    return NULL;
}

static bool has_group(const uint16_t *share, uint32_t n, uint16_t group)
{
    for (uint32_t i = 0; i < n; i++) {
        if (share[i] == group) {
            return true;
        }
    }
    return false;
}

/* Keeps the order; a dataset has at most LTH_GROUPS_MAX groups, so more cannot be granted. */
static void add_group(lth_grantset *out, uint16_t group)
{
    if (has_group(out->share, out->n_share, group) || out->n_share == LTH_GROUPS_MAX) {
        return;
    }
    uint32_t at = out->n_share++;
    for (; at > 0 && out->share[at - 1] > group; at--) {
        out->share[at] = out->share[at - 1];
    }
    out->share[at] = group;
}

void lth_policy_find(lth_grantset *out, const lth_policy *policy, const lth_registry *registry,
                     const lth_schema *schema, const lth_org *origin, uint16_t dataset,
                     const lth_id *to, uint32_t day)
{
    *out = (lth_grantset){.send = LTH_SEND_NOTHING};
    for (uint32_t i = 0; i < policy->n_routes; i++) {
        const lth_route *route = &policy->routes[i];
        const lth_route_dataset *one = dataset_of(route, dataset);
        if (one == NULL || !to_matches(route, to) || !from_matches(route, registry, origin, day)) {
            continue;
        }
        out->send = one->send > out->send ? one->send : out->send;
        for (uint32_t k = 0; k < one->n_share && one->send == LTH_SEND_GROUPS; k++) {
            add_group(out, one->share[k]);
        }
    }
    const lth_dataset *ds = lth_schema_find(schema, dataset);
    out->whole = ds != NULL && out->n_share > 0;
    for (uint32_t i = 0; out->whole && i < ds->n_groups; i++) {
        out->whole = has_group(out->share, out->n_share, ds->groups[i].number);
    }
}

bool lth_policy_names(const lth_policy *policy, const lth_registry *registry, const lth_org *origin,
                      const lth_id *to, uint32_t day)
{
    for (uint32_t i = 0; i < policy->n_routes; i++) {
        if (to_matches(&policy->routes[i], to) &&
            from_matches(&policy->routes[i], registry, origin, day)) {
            return true;
        }
    }
    return false;
}

const lth_route *lth_policy_why(const lth_policy *policy, const lth_registry *registry,
                                const lth_org *origin, uint16_t dataset, uint16_t group,
                                const lth_id *to, uint32_t day)
{
    for (uint32_t i = 0; i < policy->n_routes; i++) {
        const lth_route *route = &policy->routes[i];
        const lth_route_dataset *one = dataset_of(route, dataset);
        if (one != NULL && one->send == LTH_SEND_GROUPS &&
            has_group(one->share, one->n_share, group) && to_matches(route, to) &&
            from_matches(route, registry, origin, day)) {
            return route;
        }
    }
    return NULL;
}
