#include "lth/registry.h"

#define STEPS_MAX 32u
#define VISIT_MAX 256u

/* First org whose id is not below @p id in its first @p n bytes. */
static uint32_t lower_bound(const lth_registry *r, const uint8_t *id, size_t n)
{
    uint32_t low = 0;
    uint32_t high = r->n_orgs;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(r->orgs[middle].id.b, id, n) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static const lth_org *find_bytes(const lth_registry *r, const uint8_t *id, size_t n)
{
    uint32_t at = lower_bound(r, id, n);
    bool found = at < r->n_orgs && memcmp(r->orgs[at].id.b, id, n) == 0;
    return found ? &r->orgs[at] : NULL;
}

const lth_org *lth_registry_find(const lth_registry *r, const lth_id *id)
{
    return find_bytes(r, id->b, sizeof id->b);
}

const lth_org *lth_registry_find_prefix(const lth_registry *r, const uint8_t prefix[8])
{
    return find_bytes(r, prefix, 8);
}

const lth_org *lth_registry_find_code(const lth_registry *r, const char *code)
{
    uint32_t low = 0;
    uint32_t high = r->n_orgs;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(r->orgs[r->by_code[middle]].code, code);
        if (order == 0) {
            return &r->orgs[r->by_code[middle]];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool holds_on(const lth_org_parent *parent, uint32_t day)
{
    return parent->from_day <= day && (parent->to_day == 0 || day <= parent->to_day);
}

const lth_org *lth_registry_path_parent(const lth_registry *r, const lth_org *org, uint32_t day)
{
    const lth_org_parent *chosen = NULL;
    for (uint32_t i = 0; i < org->n_parents; i++) {
        const lth_org_parent *parent = &org->parents[i];
        bool better = chosen == NULL || (parent->type == LTH_PARENT_PROFESSIONAL &&
                                         chosen->type != LTH_PARENT_PROFESSIONAL);
        if (holds_on(parent, day) && better) {
            chosen = parent;
        }
    }
    return chosen == NULL ? NULL : lth_registry_find(r, &chosen->id);
}

bool lth_registry_under(const lth_registry *r, const lth_org *org, const lth_org *ancestor,
                        uint32_t day)
{
    for (uint32_t step = 0; org != NULL && step <= STEPS_MAX; step++) {
        if (lth_id_equal(&org->id, &ancestor->id)) {
            return true;
        }
        org = lth_registry_path_parent(r, org, day);
    }
    return false;
}

bool lth_registry_under_any(const lth_registry *r, const lth_org *org, const lth_org *ancestor,
                            uint32_t day)
{
    const lth_org *seen[VISIT_MAX] = {org};
    uint32_t n = 1;
    for (uint32_t at = 0; at < n; at++) {
        if (lth_id_equal(&seen[at]->id, &ancestor->id)) {
            return true;
        }
        for (uint32_t i = 0; i < seen[at]->n_parents; i++) {
            const lth_org_parent *parent = &seen[at]->parents[i];
            const lth_org *up = holds_on(parent, day) ? lth_registry_find(r, &parent->id) : NULL;
            bool known = up == NULL;
            for (uint32_t k = 0; k < n && !known; k++) {
                known = lth_id_equal(&seen[k]->id, &up->id);
            }
            if (!known && n < VISIT_MAX) {
                seen[n++] = up;
            }
        }
    }
    return false;
}

bool lth_registry_carries(const lth_registry *r, const lth_org *carrier, const lth_org *origin,
                          uint32_t day)
{
    for (uint32_t i = 0; i < carrier->n_carries; i++) {
        if (lth_id_equal(&carrier->carries[i], &origin->id)) {
            return true;
        }
    }
    return lth_registry_under(r, origin, carrier, day);
}
