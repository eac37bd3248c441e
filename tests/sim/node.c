/* Life of a node: its clocks, its tables of functions, start, crash, start again. */
#include <stdlib.h>

#include "sim.h"

/* ---- clocks ---- */

lth_now sim_node_now(const sim *s, const sim_node *node)
{
    const sim_clock *c = &node->clock;
    uint64_t since = s->now - c->boot;
    int64_t drift = (int64_t)(since / 1000000u) * c->drift_ppm;
    int64_t wall = (int64_t)(SIM_WALL_START + s->now / SIM_MS) + c->wall_ms + drift / 1000000;
    return (lth_now){.mono = c->base + (uint64_t)((int64_t)since + drift),
                     .wall_ms = (uint64_t)wall};
}

/* True time at which the node's clock shows @p mono, or a little later. */
static uint64_t true_time(const sim *s, const sim_node *node, lth_mono mono)
{
    const sim_clock *c = &node->clock;
    lth_mono now = sim_node_now(s, node).mono;
    if (mono == LTH_MONO_NEVER) {
        return SIM_NEVER;
    }
    return mono <= now ? s->now
                       : s->now + (mono - now) + (mono - now) / 1000 +
                             (uint64_t)(c->drift_ppm != 0 ? SIM_MS : 0);
}

/* ---- tables of functions ---- */

static uint32_t key_number(const uint8_t key_id[LTH_HASH_SIZE])
{
    static uint8_t ids[TEST_KEYS][LTH_HASH_SIZE];
    static bool made;
    for (uint32_t n = 0; n < TEST_KEYS && !made; n++) {
        lth_signer signer = test_signer(n);
        memcpy(ids[n], signer.key_id, LTH_HASH_SIZE);
    }
    made = true;
    uint32_t n = 0;
    while (n < TEST_KEYS && memcmp(ids[n], key_id, LTH_HASH_SIZE) != 0) {
        n++;
    }
    return n;
}

static bool knows(const sim_node *node, const uint8_t key_id[LTH_HASH_SIZE])
{
    uint32_t n = key_number(key_id);
    return n < TEST_KEYS && node->known[n];
}

static lth_refusal find(void *ctx, const uint8_t key_id[LTH_HASH_SIZE], lth_key_info *out)
{
    lth_trust all = test_trust();
    return knows(ctx, key_id) ? all.find(all.ctx, key_id, out) : LTH_REFUSE_unknown_key;
}

static lth_refusal verify(void *ctx, const uint8_t key_id[LTH_HASH_SIZE], lth_slice message,
                          const uint8_t sig[LTH_SIG_SIZE])
{
    lth_trust all = test_trust();
    return knows(ctx, key_id) ? all.verify(all.ctx, key_id, message, sig) : LTH_REFUSE_unknown_key;
}

static lth_refusal learn(void *ctx, lth_slice leaf_der, lth_slice ca_der, lth_key_info *out)
{
    sim_node *node = ctx;
    lth_key_info info;
    lth_trust all = test_trust();
    lth_refusal code = all.learn(all.ctx, leaf_der, ca_der, &info);
    if (code == LTH_REFUSE_none) {
        node->known[key_number(info.key_id)] = true;
        if (out != NULL) {
            *out = info;
        }
    }
    return code;
}

static void fill_random(void *ctx, void *out, size_t n)
{
    sim_node *node = ctx;
    uint8_t *p = out;
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)sim_draw(&node->random);
    }
}

static void write_log(void *ctx, lth_level level, const char *event, const char *detail)
{
    const sim_node *node = ctx;
    sim_trace(node->sim, event, detail, strlen(detail));
    sim_say(node->sim, "node %u <%d> %s %s", node->index, (int)level, event, detail);
}

/* ---- opening ---- */

static void prepare_broker(sim *s, sim_node *node)
{
    node->broker_env = (lth_broker_env){.org = node->org,
                                        .has_parent = node->parent != SIM_NOBODY,
                                        .hasher = s->hasher,
                                        .signer = &node->signer,
                                        .trust = &node->trust,
                                        .random = {.ctx = node, .fill = fill_random},
                                        .log = {.ctx = node, .write = write_log},
                                        .registry = &s->registry,
                                        .schema = sim_broker_schema(node),
                                        .policy = &node->policies[node->narrowed ? 1 : 0],
                                        .own_leaf_der = test_certificate(node->key),
                                        .own_ca_der = lth_slice_of("CA", 2),
                                        .public_org = s->nodes[0].org,
                                        .peers_max = 64,
                                        .credit_pool = 4u << 20};
    sim_guard_limits(&node->broker_env);
    if (node->parent != SIM_NOBODY) {
        node->broker_env.parent_org = s->nodes[node->parent].org;
    }
}

static void prepare_agent(sim *s, sim_node *node)
{
    for (uint32_t t = 0; t < SIM_DATASETS; t++) {
        bool sourced = t < SIM_SOURCES;
        node->tables[t] = (lth_agent_table){
            .mapping = sim_mapping(t),
            .every_ms = sourced ? 15000 + 7000 * t + 3000 * (node->index % 5) : 0};
    }
    for (uint32_t i = 0; i < node->n_schools; i++) {
        const sim_school *school = &s->schools[node->school_index[i]];
        node->school_signers[i] = test_signer(school->key);
        node->schools[i] = (lth_agent_school){.org = school->org,
                                              .signer = &node->school_signers[i],
                                              .leaf_der = test_certificate(school->key),
                                              .ca_der = lth_slice_of("CA", 2),
                                              .tables = node->tables,
                                              .n_tables = SIM_SOURCES};
        if (school->clerk != NULL) {
            node->schools[i].tables = node->tables + SIM_SOURCES;
            node->schools[i].n_tables = SIM_SHEETS;
        }
        memset(node->schools[i].id_key, (int)(school->key & 255), sizeof node->schools[i].id_key);
        node->known[school->key] = true;
    }
    node->agent_env = (lth_agent_env){.node_org = node->org,
                                      .role = node->role,
                                      .broker_org = s->nodes[node->parent].org,
                                      .public_org = s->nodes[0].org,
                                      .hasher = s->hasher,
                                      .random = {.ctx = node, .fill = fill_random},
                                      .trust = &node->trust,
                                      .log = {.ctx = node, .write = write_log},
                                      .registry = &s->registry,
                                      .schools = node->schools,
                                      .n_schools = node->n_schools,
                                      .live_ms = 4000,
                                      .scans_max = 1 + node->index % 2,
                                      .keep_days = 35,
                                      .schema = sim_schema(),
                                      .gone_percent = node->takes_files ? 20 : 60,
                                      .gone_least = 4};
}

static lth_err open_store(sim_node *node)
{
    const lth_store_options broker = {
        .tables = lth_broker_table_names, .n_tables = LTH_T_COUNT, .create = true};
    const lth_store_options agent = {
        .tables = lth_agent_table_names, .n_tables = LTH_A_COUNT, .create = true};
    return node->store != NULL
               ? LTH_OK
               : lth_store_open_mem(&node->store, node->is_broker ? &broker : &agent);
}

static lth_err open_core(sim *s, sim_node *node)
{
    lth_txn *txn;
    lth_diag diag = {0};
    lth_now now = sim_node_now(s, node);
    lth_err err = lth_store_begin(node->store, true, &txn);
    if (err != LTH_OK) {
        return err;
    }
    err = node->is_broker ? lth_broker_open(&node->broker, &node->broker_env, txn, now, &diag)
                          : lth_agent_open(&node->agent, &node->agent_env, txn, now, &diag);
    if (err != LTH_OK) {
        sim_say(s, "node %u open: %s %s", node->index, lth_err_name(err), diag.text);
        lth_store_abort(&txn);
        return err;
    }
    return lth_store_commit(&txn);
}

static void free_core(sim_node *node)
{
    for (uint32_t i = 0; i < node->sim->n_links; i++) {
        sim_link *link = &node->sim->links[i];
        link->greeted = link->greeted && link->server != node->index;
    }
    lth_broker_free(&node->broker);
    lth_agent_free(&node->agent);
    memset(node->scans, 0, sizeof node->scans);
    memset(node->readings, 0, sizeof node->readings);
    node->timer_at = 0;
    node->more = false;
}

void sim_node_open(sim *s, sim_node *node)
{
    memset(node->known, 0, sizeof node->known);
    node->known[node->key] = true;
    node->trust = (lth_trust){.ctx = node, .find = find, .verify = verify, .learn = learn};
    node->clock.boot = s->now;
    node->clock.base = sim_range(&s->rng, 0, 1000000) * SIM_S;
    node->clock.drift_ppm = s->faults.drift ? (int32_t)sim_below(&s->rng, 40000) - 20000 : 0;
    if (node->is_broker) {
        prepare_broker(s, node);
    } else {
        prepare_agent(s, node);
    }
    lth_err err = open_store(node);
    if (err == LTH_OK && sim_fault(s, s->faults.store_io)) {
        node->planted = LTH_E_STORE_IO;
        lth_store_mem_fail_after(node->store, 1 + sim_below(&s->rng, 6), LTH_E_STORE_IO);
    }
    err = err == LTH_OK ? open_core(s, node) : err;
    sim_trace(s, "open", &node->index, sizeof node->index);
    sim_say(s, "node %u opens: %s", node->index, lth_err_name(err));
    node->up = true;
    if (err != LTH_OK) {
        sim_node_failed(s, node, err);
        return;
    }
    lth_store_mem_fail_after(node->store, 0, LTH_E_STORE_IO);
    sim_check_promises(s, node);
}

static void cut_links(sim *s, const sim_node *node)
{
    for (uint32_t i = 0; i < s->n_links; i++) {
        sim_link *link = &s->links[i];
        if (link->client == node->index || link->server == node->index) {
            sim_link_cut(s, link,
                         link->client == node->index || !s->faults.quiet_cut ||
                             sim_below(&s->rng, 2) == 0);
        }
        if (link->client == node->index) {
            link->told_up = false;
            link->last_due[SIM_UP] = 0; /* a new process hears of its first connection */
        }
    }
}

void sim_node_crash(sim *s, sim_node *node, uint64_t down_for)
{
    s->crashes++;
    sim_trace(s, "crash", &node->index, sizeof node->index);
    sim_say(s, "node %u crashes", node->index);
    free_core(node);
    node->up = false;
    node->start_at = s->now + down_for;
    sim_inbox_clear(node);
    cut_links(s, node);
    lth_store_mem_crash(node->store);
    node->planted = LTH_OK;
}

/* The process lives, and so do its connections; the core starts from the store. */
void sim_node_reopen(sim *s, sim_node *node)
{
    const sim_link *link = sim_link_of(s, node->index);
    free_core(node);
    node->planted = LTH_OK;
    lth_store_mem_fail_after(node->store, 0, LTH_E_STORE_IO);
    lth_err err = open_core(s, node);
    sim_trace(s, "reopen", &node->index, sizeof node->index);
    sim_say(s, "node %u opens its core anew: %s", node->index, lth_err_name(err));
    if (err != LTH_OK) {
        sim_fail(s, SIM_CORRECTNESS, "a core opens from its own store", "node %u: %s", node->index,
                 lth_err_name(err));
        return;
    }
    if (link != NULL && link->told_up) {
        sim_inbox_put(s, node, &(sim_in){.kind = SIM_IN_LINK_UP, .handle = link->handle});
    }
}

void sim_node_failed(sim *s, sim_node *node, lth_err err)
{
    bool full = err == LTH_E_STORE_FULL;
    if (err != node->planted) {
        sim_fail(s, SIM_CORRECTNESS, "a core fails only when its store does", "node %u: %s",
                 node->index, lth_err_name(err));
    }
    sim_say(s, "node %u: %s", node->index, lth_err_name(err));
    if (full && node->up && (node->broker != NULL || node->agent != NULL)) {
        sim_node_reopen(s, node);
        node->busy_until = s->now + sim_range(&s->rng, 100, 5000) * SIM_MS;
        return;
    }
    sim_node_crash(s, node, sim_range(&s->rng, 1000, 10000) * SIM_MS);
}

void sim_node_free(sim_node *node)
{
    free_core(node);
    sim_inbox_clear(node);
    lth_store_close(&node->store);
    lth_store_close(&node->backup);
}

/* ---- steps ---- */

void sim_check_env(const sim_node *node, lth_check_env *out)
{
    *out = (lth_check_env){.hasher = node->sim->hasher,
                           .trust = &node->trust,
                           .registry = &node->sim->registry,
                           .schema = sim_broker_schema(node)};
}

uint64_t sim_node_next(const sim_node *node)
{
    if (!node->up) {
        return node->gone ? SIM_NEVER : node->start_at;
    }
    uint64_t at = node->in_n > 0 || node->more ? 0 : node->timer_at;
    for (uint32_t i = 0; i < node->n_schools; i++) {
        if (node->scans[i].running && node->scans[i].next < at) {
            at = node->scans[i].next;
        }
        uint64_t reading = sim_reading_next(node, i);
        at = reading < at ? reading : at;
    }
    return at > node->busy_until ? at : node->busy_until;
}

static void forget_faults(sim_node *node)
{
    node->planted = LTH_OK;
    lth_store_mem_fail_after(node->store, 0, LTH_E_STORE_IO);
    lth_store_mem_fail_stored(node->store, 0);
}

static void plan_faults(sim *s, sim_node *node)
{
    node->planted = LTH_OK;
    if (node->full_until > s->now || sim_fault(s, s->faults.store_full)) {
        node->planted = LTH_E_STORE_FULL;
        lth_store_mem_fail_after(node->store, 1 + sim_below(&s->rng, 12), LTH_E_STORE_FULL);
    } else if (sim_fault(s, s->faults.store_io)) {
        node->planted = LTH_E_STORE_IO;
        lth_store_mem_fail_after(node->store, 1 + sim_below(&s->rng, 40), LTH_E_STORE_IO);
    } else if (sim_fault(s, s->faults.store_stored)) {
        node->planted = LTH_E_STORE_IO;
        lth_store_mem_fail_stored(node->store, 1);
    }
}

void sim_node_step(sim *s, sim_node *node)
{
    if (!node->up) {
        sim_node_open(s, node);
        return;
    }
    s->steps++;
    node->busy_until = s->now + sim_range(&s->rng, 1, 4) * SIM_MS;
    if (sim_fault(s, s->faults.crash_before)) {
        sim_node_crash(s, node, sim_range(&s->rng, 1000, 20000) * SIM_MS);
        return;
    }
    plan_faults(s, node);
    if (node->is_broker) {
        sim_broker_step(s, node);
    } else {
        sim_agent_step(s, node);
    }
    if (node->up) {
        forget_faults(node);
        lth_mono deadline =
            node->is_broker ? lth_broker_deadline(node->broker) : lth_agent_deadline(node->agent);
        node->timer_at = true_time(s, node, deadline);
    }
}
