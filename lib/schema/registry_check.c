#include <stdlib.h>

#include "lth/registry.h"

#define DEPTH_MAX   32u
#define UNSEEN      0u
#define IN_PROGRESS 255u

/* Every day on which edges may begin is looked at only when the undated graph has a loop. */
#define ANY_DAY UINT32_MAX

static bool fault(lth_registry_fault *out, lth_registry_fault_kind kind, uint32_t org,
                  uint32_t other)
{
    *out = (lth_registry_fault){.kind = kind, .org = org, .other = other};
    return true;
}

static bool find_twins(const lth_registry *r, lth_registry_fault *out)
{
    for (uint32_t i = 1; i < r->n_orgs; i++) {
        if (memcmp(r->orgs[i - 1].id.b, r->orgs[i].id.b, 8) == 0) {
            return fault(out, LTH_REGISTRY_SAME_ID, i, i - 1);
        }
    }
    for (uint32_t i = 1; i < r->n_orgs; i++) {
        if (strcmp(r->orgs[r->by_code[i - 1]].code, r->orgs[r->by_code[i]].code) == 0) {
            return fault(out, LTH_REGISTRY_SAME_CODE, r->by_code[i], r->by_code[i - 1]);
        }
    }
    return false;
}

static bool find_unknown(const lth_registry *r, lth_registry_fault *out)
{
    for (uint32_t i = 0; i < r->n_orgs; i++) {
        const lth_org *org = &r->orgs[i];
        for (uint32_t k = 0; k < org->n_parents; k++) {
            if (lth_registry_find(r, &org->parents[k].id) == NULL) {
                return fault(out, LTH_REGISTRY_UNKNOWN_PARENT, i, k);
            }
        }
        for (uint32_t k = 0; k < org->n_carries; k++) {
            if (lth_registry_find(r, &org->carries[k]) == NULL) {
                return fault(out, LTH_REGISTRY_UNKNOWN_CARRIED, i, k);
            }
        }
    }
    return false;
}

/* One org on the way up, and which of its parents comes next. */
typedef struct step {
    uint32_t org, next;
} step;

typedef struct climb {
    const lth_registry *r;
    uint8_t *height; /* Per org: UNSEEN, IN_PROGRESS, or 1 + levels above it. */
    step stack[DEPTH_MAX + 2];
    uint32_t day;
} climb;

static bool edge_counts(const climb *c, const lth_org_parent *parent)
{
    return c->day == ANY_DAY ||
           (parent->from_day <= c->day && (parent->to_day == 0 || c->day <= parent->to_day));
}

/* Climb from @p start by all parents; false when all is well. */
static bool climb_from(climb *c, uint32_t start, lth_registry_fault *out)
{
    uint32_t n = 1;
    c->stack[0] = (step){.org = start};
    c->height[start] = IN_PROGRESS;
    while (n > 0) {
        step *top = &c->stack[n - 1];
        const lth_org *org = &c->r->orgs[top->org];
        if (top->next == org->n_parents) {
            uint8_t above = 0;
            for (uint32_t i = 0; i < org->n_parents; i++) {
                const lth_org *up = lth_registry_find(c->r, &org->parents[i].id);
                uint8_t height = c->height[up - c->r->orgs];
                above = edge_counts(c, &org->parents[i]) && height > above ? height : above;
            }
            c->height[top->org] = (uint8_t)(above + 1);
            if (above > DEPTH_MAX) {
                return fault(out, LTH_REGISTRY_TOO_DEEP, top->org, 0);
            }
            n--;
            continue;
        }
        const lth_org_parent *parent = &org->parents[top->next++];
        if (!edge_counts(c, parent)) {
            continue;
        }
        uint32_t up = (uint32_t)(lth_registry_find(c->r, &parent->id) - c->r->orgs);
        if (c->height[up] == IN_PROGRESS) {
            return fault(out, LTH_REGISTRY_LOOP, top->org, top->next - 1);
        }
        if (c->height[up] == UNSEEN) {
            if (n > DEPTH_MAX) {
                return fault(out, LTH_REGISTRY_TOO_DEEP, start, 0);
            }
            c->height[up] = IN_PROGRESS;
            c->stack[n++] = (step){.org = up};
        }
    }
    return false;
}

static bool find_loop_on(climb *c, uint32_t day, lth_registry_fault *out)
{
    c->day = day;
    memset(c->height, UNSEEN, c->r->n_orgs);
    for (uint32_t i = 0; i < c->r->n_orgs; i++) {
        if (c->height[i] == UNSEEN && climb_from(c, i, out)) {
            return true;
        }
    }
    return false;
}

/* The smallest day above @p day on which some parent begins; 0 when there is none. */
static uint32_t next_day(const lth_registry *r, uint32_t day)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < r->n_orgs; i++) {
        for (uint32_t k = 0; k < r->orgs[i].n_parents; k++) {
            uint32_t from = r->orgs[i].parents[k].from_day;
            next = from > day && (next == 0 || from < next) ? from : next;
        }
    }
    return next;
}

/* A loop of edges that hold on one day begins on the day the last of them begins. */
static bool find_loop(climb *c, lth_registry_fault *out)
{
    if (!find_loop_on(c, ANY_DAY, out)) {
        return false;
    }
    if (find_loop_on(c, 1, out)) {
        return true;
    }
    for (uint32_t day = next_day(c->r, 1); day != 0; day = next_day(c->r, day)) {
        if (find_loop_on(c, day, out)) {
            return true;
        }
    }
    return false;
}

bool lth_registry_find_fault(const lth_registry *r, lth_registry_fault *out, lth_err *err)
{
    *err = LTH_OK;
    if (find_twins(r, out) || find_unknown(r, out)) {
        return true;
    }
    climb *c = calloc(1, sizeof *c);
    uint8_t *height = malloc(r->n_orgs + 1u);
    bool found = false;
    if (c == NULL || height == NULL) {
        *err = LTH_E_NOMEM;
    } else {
        c->r = r;
        c->height = height;
        found = find_loop(c, out);
    }
    free(height);
    free(c);
    return found;
}

lth_err lth_registry_check(const lth_registry *r, lth_diag *diag)
{
    static const char *const texts[] = {
        [LTH_REGISTRY_SAME_ID] = "another organisation has the same first 8 bytes of id",
        [LTH_REGISTRY_SAME_CODE] = "another organisation has the same code",
        [LTH_REGISTRY_UNKNOWN_PARENT] = "its parent is not in the list",
        [LTH_REGISTRY_UNKNOWN_CARRIED] = "an organisation that it carries is not in the list",
        [LTH_REGISTRY_LOOP] = "its parents lead back to itself",
        [LTH_REGISTRY_TOO_DEEP] = "more than 32 levels stand above it",
    };
    lth_registry_fault found;
    lth_err err;
    if (lth_registry_find_fault(r, &found, &err)) {
        return lth_fail(diag, LTH_E_CONFIG, "organisation %s: %s", r->orgs[found.org].code,
                        texts[found.kind]);
    }
    return err == LTH_OK ? LTH_OK : lth_fail(diag, err, "out of memory");
}
