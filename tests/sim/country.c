/* Who there is: brokers in a tree, agents below them, schools, the registry and the routes. */
#include <stdlib.h>

#include "sim.h"

#define KEY_BROKERS 128u
#define KEY_HOSTS   192u
#define ISSUER      1000u

/* ---- tree ---- */

static sim_node *add_node(sim *s, bool broker, uint32_t key, uint32_t parent)
{
    sim_node *node = &s->nodes[s->n_nodes];
    node->sim = s;
    node->index = s->n_nodes++;
    node->is_broker = broker;
    node->key = key;
    node->org = test_org(key);
    node->role = key >= KEY_HOSTS     ? LTH_ROLE_HOST
                 : key >= KEY_BROKERS ? LTH_ROLE_BROKER
                                      : LTH_ROLE_AGENT;
    node->parent = parent;
    node->depth = parent == SIM_NOBODY ? 0 : s->nodes[parent].depth + 1;
    node->signer = test_signer(key);
    node->random.state = s->seed * 1000003u + node->index;
    if (parent != SIM_NOBODY) {
        s->links[s->n_links++] = (sim_link){.client = node->index, .server = parent};
    }
    return node;
}

static void add_school(sim *s, sim_node *node, uint32_t key)
{
    sim_school *school = &s->schools[s->n_schools];
    school->index = s->n_schools++;
    school->key = key;
    school->org = test_org(key);
    school->node = node->index;
    school->entry = node->parent;
    (void)snprintf(school->code, sizeof school->code, "school%u", school->index);
    node->school_index[node->n_schools++] = school->index;
}

/* Schools with a clerk and a spreadsheet, and now and then one with a database among them. */
static void add_clerks(sim *s, uint32_t parent, uint32_t *hosts)
{
    sim_node *node = add_node(s, false, KEY_HOSTS + (*hosts)++, parent);
    node->takes_files = true;
    uint32_t sourced = sim_below(&s->rng, 2);
    uint32_t n = sourced + 2 + sim_below(&s->rng, 3);
    for (uint32_t i = 0; i < n && s->n_schools < SIM_SCHOOLS_MAX; i++) {
        add_school(s, node, KEY_HOSTS + 16 + s->n_schools);
        if (i >= sourced) {
            sim_clerk_begin(s, &s->schools[s->n_schools - 1]);
        }
    }
}

/* One process with one school, or a host with several; every school has keys of its own. */
static void add_agent(sim *s, uint32_t parent, uint32_t *agents, uint32_t *hosts)
{
    bool host = sim_below(&s->rng, 3) == 0;
    uint32_t key = host ? KEY_HOSTS + (*hosts)++ : (*agents)++;
    sim_node *node = add_node(s, false, key, parent);
    if (!host) {
        add_school(s, node, key);
        return;
    }
    uint32_t n = 2 + sim_below(&s->rng, 2);
    for (uint32_t i = 0; i < n && s->n_schools < SIM_SOURCED_MAX - 1; i++) {
        add_school(s, node, KEY_HOSTS + 16 + s->n_schools);
    }
}

static void draw_tree(sim *s)
{
    uint32_t tiers = 1 + sim_below(&s->rng, 3);
    uint32_t agents = 0, hosts = 0;
    (void)add_node(s, true, KEY_BROKERS, SIM_NOBODY);
    for (uint32_t depth = 1; depth < tiers; depth++) {
        uint32_t wanted = 1 + sim_below(&s->rng, 2);
        for (uint32_t i = 0; i < wanted; i++) {
            uint32_t parent;
            do { /* somewhere in the tier above */
                parent = sim_below(&s->rng, s->n_nodes);
            } while (s->nodes[parent].depth != depth - 1);
            (void)add_node(s, true, KEY_BROKERS + s->n_nodes, parent);
        }
    }
    s->n_brokers = s->n_nodes;
    uint32_t n = 2 + sim_below(&s->rng, 3);
    for (uint32_t i = 0; i < n && s->n_schools < SIM_SOURCED_MAX - 1; i++) {
        /* The first one at the deepest broker, the others anywhere: also directly below a tier
         * that has brokers. */
        uint32_t parent = i == 0 ? s->n_brokers - 1 : sim_below(&s->rng, s->n_brokers);
        add_agent(s, parent, &agents, &hosts);
    }
    if (sim_below(&s->rng, 4) != 0) {
        add_clerks(s, sim_below(&s->rng, s->n_brokers), &hosts);
    }
}

/* ---- registry ---- */

static void add_org(sim *s, const lth_id *id, const lth_id *parent, const char *kind,
                    const char *code)
{
    uint32_t at = s->registry.n_orgs++;
    while (at > 0 && lth_id_compare(&s->orgs[at - 1].id, id) > 0) {
        s->orgs[at] = s->orgs[at - 1];
        at--;
    }
    lth_org_parent *up = &s->parents[s->registry.n_orgs - 1];
    char *own = s->codes[s->registry.n_orgs - 1];
    (void)snprintf(own, sizeof s->codes[0], "%s", code);
    s->orgs[at] = (lth_org){.id = *id, .code = own, .name = own, .kind = kind};
    if (parent != NULL) {
        *up = (lth_org_parent){.id = *parent, .type = LTH_PARENT_ADMINISTRATIVE};
        s->orgs[at].parents = up;
        s->orgs[at].n_parents = 1;
    }
}

static void sort_codes(sim *s)
{
    for (uint32_t i = 0; i < s->registry.n_orgs; i++) {
        uint32_t at = i;
        while (at > 0 && strcmp(s->orgs[s->by_code[at - 1]].code, s->orgs[i].code) > 0) {
            s->by_code[at] = s->by_code[at - 1];
            at--;
        }
        s->by_code[at] = i;
    }
}

static void set_carries(sim *s, sim_node *node, uint32_t slot)
{
    if (node->role != LTH_ROLE_HOST) {
        return;
    }
    for (uint32_t i = 0; i < node->n_schools; i++) {
        s->carried[slot][i] = s->schools[node->school_index[i]].org;
    }
    for (uint32_t i = 0; i < s->registry.n_orgs; i++) {
        if (lth_id_equal(&s->orgs[i].id, &node->org)) {
            s->orgs[i].carries = s->carried[slot];
            s->orgs[i].n_carries = node->n_schools;
        }
    }
}

static void make_registry(sim *s)
{
    lth_id issuer = test_org(ISSUER);
    lth_diag diag = {0};
    s->registry = (lth_registry){.version = 1, .orgs = s->orgs, .by_code = s->by_code};
    add_org(s, &issuer, NULL, "issuer", "root");
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        const sim_node *node = &s->nodes[i];
        char code[16];
        (void)snprintf(code, sizeof code, "%s%u", node->is_broker ? "tier" : "agent", i);
        if (node->is_broker || node->role == LTH_ROLE_HOST) {
            const lth_id *up = node->parent == SIM_NOBODY ? &issuer : &s->nodes[node->parent].org;
            add_org(s, &node->org, up, node->is_broker ? "office" : "host", code);
        }
    }
    for (uint32_t i = 0; i < s->n_schools; i++) {
        const sim_school *school = &s->schools[i];
        add_org(s, &school->org, &s->nodes[school->entry].org, "school", school->code);
    }
    sort_codes(s);
    for (uint32_t i = s->n_brokers; i < s->n_nodes; i++) {
        set_carries(s, &s->nodes[i], i - s->n_brokers);
    }
    if (lth_registry_check(&s->registry, &diag) != LTH_OK) {
        sim_fail(s, SIM_CORRECTNESS, "registry of the simulator", "%s", diag.text);
    }
}

sim_school *sim_school_of(sim *s, const lth_id *org)
{
    for (uint32_t i = 0; i < s->n_schools; i++) {
        if (lth_id_equal(&s->schools[i].org, org)) {
            return &s->schools[i];
        }
    }
    return NULL;
}

sim_school *sim_school_of_prefix(sim *s, const uint8_t prefix[8])
{
    for (uint32_t i = 0; i < s->n_schools; i++) {
        if (memcmp(s->schools[i].org.b, prefix, 8) == 0) {
            return &s->schools[i];
        }
    }
    return NULL;
}

bool sim_below_broker(const sim *s, uint32_t broker, const sim_school *school)
{
    uint32_t at = school->entry;
    while (at != broker && at != SIM_NOBODY) {
        at = s->nodes[at].parent;
    }
    return at == broker;
}

/* ---- routes ---- */

static void set_share(sim_node *node, uint32_t version, uint32_t table, uint32_t groups)
{
    lth_route_dataset *out = &node->route_datasets[version][table];
    uint16_t *share = node->shares[version][table];
    *out = (lth_route_dataset){.dataset = sim_datasets[table], .share = share};
    for (uint32_t g = 1; g <= SIM_GROUPS; g++) {
        if ((groups >> (g - 1) & 1) != 0 && sim_has_group(table, g)) {
            share[out->n_share++] = (uint16_t)g;
        }
    }
    if (groups == 15 && sim_has_group(table, 9)) {
        share[out->n_share++] = 9; /* now the dataset goes whole */
    }
    out->send = out->n_share > 0 ? LTH_SEND_GROUPS : LTH_SEND_HEADERS;
}

static uint32_t draw_groups(sim *s)
{
    uint32_t dice = sim_below(&s->rng, 10);
    if (!s->faults.withhold || dice < 3) {
        return 15;
    }
    if (dice < 6) {
        return 15 & ~4u; /* all but the sensitive group */
    }
    return dice == 9 && sim_below(&s->rng, 2) == 0 ? 0 : 1 + sim_below(&s->rng, 15);
}

static void insert_sorted(lth_id *list, uint32_t n, const lth_id *id)
{
    while (n > 0 && lth_id_compare(&list[n - 1], id) > 0) {
        list[n] = list[n - 1];
        n--;
    }
    list[n] = *id;
}

static void draw_policy(sim *s, sim_node *node)
{
    bool list = s->faults.withhold && sim_below(&s->rng, 6) == 0;
    uint32_t n = 0, wide[SIM_DATASETS], narrow[SIM_DATASETS];
    for (uint32_t i = 0; list && i < s->n_schools; i++) {
        if (sim_below(&s->rng, 4) != 0) {
            insert_sorted(node->route_orgs, n++, &s->schools[i].org);
        }
    }
    list = n > 0;
    if (!list) {
        node->route_orgs[n++] = node->org;
    }
    for (uint32_t v = 0; v < 2; v++) {
        node->routes[v] = (lth_route){.name = "up",
                                      .purpose = "simulation",
                                      .legal_basis = "none",
                                      .from = list ? LTH_FROM_LIST : LTH_FROM_UNDER,
                                      .from_orgs = node->route_orgs,
                                      .n_from_orgs = n,
                                      .to_parent = true,
                                      .datasets = node->route_datasets[v],
                                      .n_datasets = SIM_DATASETS};
        node->policies[v] =
            (lth_policy){.version = v + 1, .routes = &node->routes[v], .n_routes = 1};
    }
    for (uint32_t t = 0; t < SIM_DATASETS; t++) {
        wide[t] = draw_groups(s);
        narrow[t] = wide[t] & (uint32_t)sim_range(&s->rng, 1, 15) & ~4u;
    }
    /* A beta names its alpha by the same natural key: where one is seen, so is the other. */
    wide[1] = (wide[1] & ~1u) | (wide[0] & 1u);
    narrow[1] = (narrow[1] & ~1u) | (narrow[0] & 1u);
    for (uint32_t t = 0; t < SIM_DATASETS; t++) {
        set_share(node, 0, t, wide[t]);
        set_share(node, 1, t, narrow[t]);
    }
}

uint32_t sim_shared(const sim_node *node, const sim_school *school, uint32_t table, bool narrow)
{
    const lth_route *route = &node->routes[narrow ? 1 : 0];
    bool named = route->from == LTH_FROM_UNDER;
    for (uint32_t i = 0; i < route->n_from_orgs && !named; i++) {
        named = lth_id_equal(&route->from_orgs[i], &school->org);
    }
    uint32_t groups = named ? SIM_NAMED : 0;
    const lth_route_dataset *one = &route->datasets[table];
    for (uint32_t i = 0; named && i < one->n_share; i++) {
        groups |= one->share[i] <= SIM_GROUPS ? 1u << (one->share[i] - 1) : 0;
    }
    return groups;
}

uint32_t sim_visible(const sim *s, uint32_t at, const sim_school *school, uint32_t table,
                     bool narrow)
{
    uint32_t groups = SIM_NAMED;
    for (uint32_t g = 1; g <= SIM_GROUPS; g++) {
        groups |= sim_has_group(table, g) ? 1u << (g - 1) : 0;
    }
    uint32_t below = school->entry;
    while (below != at) {
        if (s->nodes[below].parent == SIM_NOBODY) {
            return 0;
        }
        groups &= sim_shared(&s->nodes[below], school, table, narrow && s->nodes[below].narrowed);
        below = s->nodes[below].parent;
    }
    return groups;
}

void sim_country_draw(sim *s)
{
    draw_tree(s);
    make_registry(s);
    for (uint32_t i = 0; i < s->n_brokers; i++) {
        draw_policy(s, &s->nodes[i]);
    }
    for (uint32_t i = 0; i < s->n_schools; i++) {
        if (s->schools[i].clerk == NULL) {
            sim_source_fill(s, &s->schools[i]);
        }
    }
}
