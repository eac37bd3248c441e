/* What goes wrong, how often and when: every seed draws its own kinds, many of them off. */
#include <stdlib.h>

#include "sim.h"

bool sim_fault(sim *s, uint32_t chance)
{
    return chance > 0 && !s->healing && sim_chance(&s->rng, chance);
}

static uint32_t draw(sim *s, uint32_t most)
{
    return sim_below(&s->rng, 2) == 0 ? 0 : 1 + sim_below(&s->rng, most);
}

void sim_faults_draw(sim *s)
{
    sim_faults *f = &s->faults;
    bool calm = sim_below(&s->rng, 10) == 0; /* some countries have no faults at all */
    f->slow_ms = 1 + sim_below(&s->rng, sim_below(&s->rng, 3) == 0 ? 5000 : 100);
    f->queue_max = sim_below(&s->rng, 3) == 0 ? 8 + sim_below(&s->rng, 24) : 1000;
    f->pad = sim_below(&s->rng, 3) == 0 ? 1500 : 40;
    f->bad_keys = draw(s, 8000);
    f->bad_rows = draw(s, 20000);
    f->withhold = sim_below(&s->rng, 4) != 0;
    if (calm) {
        return;
    }
    f->crash_before = draw(s, 300);
    f->crash_handled = draw(s, 300);
    f->crash_committed = draw(s, 300);
    f->crash_unsent = draw(s, 300);
    f->store_io = draw(s, 200);
    f->store_full = draw(s, 400);
    f->store_stored = draw(s, 200);
    f->lose = draw(s, 2000);
    f->replay = draw(s, 4000);
    f->early_check = draw(s, 30000);
    f->garbage = draw(s, 100);
    f->scan_fault = draw(s, 20000);
    f->cut_s = draw(s, 120);
    f->block_s = draw(s, 200);
    f->jump_s = draw(s, 300);
    f->restore_s = draw(s, 400);
    f->stop_s = draw(s, 300);
    f->disk_full_s = draw(s, 400);
    f->quiet_cut = sim_below(&s->rng, 2) == 0;
    f->clone = sim_below(&s->rng, 8) == 0;
    f->fork = sim_below(&s->rng, 6) == 0;
    f->ungranted = sim_below(&s->rng, 4) == 0;
    f->narrow = sim_below(&s->rng, 3) == 0;
    f->drift = sim_below(&s->rng, 2) == 0;
}

/* ---- events of the director ---- */

static sim_node *pick(sim *s, uint32_t from, uint32_t to)
{
    return &s->nodes[from + sim_below(&s->rng, to - from)];
}

static sim_node *pick_agent(sim *s)
{
    return pick(s, s->n_brokers, s->n_nodes);
}

static void cut(sim *s)
{
    sim_link *link = &s->links[sim_below(&s->rng, s->n_links)];
    if (link->connected) {
        sim_link_cut(s, link, !s->faults.quiet_cut || sim_below(&s->rng, 2) == 0);
    }
}

/* A partition of one link, both ways or one, short or long, again and again. */
static void block(sim *s)
{
    sim_link *link = &s->links[sim_below(&s->rng, s->n_links)];
    uint32_t way = 1 + sim_below(&s->rng, 3);
    link->blocked[SIM_UP] = (way & 1) != 0;
    link->blocked[SIM_DOWN] = (way & 2) != 0;
    link->blocked_until = s->now + sim_range(&s->rng, 1, 90) * SIM_S;
    link->broken_at = link->connected ? s->now + 30 * SIM_S : SIM_NEVER;
    sim_trace(s, "block", &way, sizeof way);
}

static void jump(sim *s)
{
    sim_node *node = pick(s, 0, s->n_nodes);
    const int64_t ten_years_ms = INT64_C(315360000000);
    node->clock.wall_ms =
        (int64_t)sim_range(&s->rng, 0, (uint64_t)(2 * ten_years_ms)) - ten_years_ms;
    sim_trace(s, "jump", &node->clock.wall_ms, sizeof node->clock.wall_ms);
}

static void forget_old_message(sim *s, const sim_node *node)
{
    sim_link *link = sim_link_of(s, node->index);
    free(link->old);
    link->old = NULL;
}

/* An agent's store is replaced by an older copy of itself, or by nothing. Three granted epochs a
 * day need no person, so a school gets no more of this. */
static void restore(sim *s)
{
    sim_node *node = pick_agent(s);
    if (node->clone || node->gone || node->store == NULL || node->takes_files) {
        return;
    }
    for (uint32_t i = 0; i < node->n_schools; i++) {
        sim_school *school = &s->schools[node->school_index[i]];
        if (school->copies_restored >= 2) {
            return;
        }
        school->copies_restored++;
    }
    sim_node_crash(s, node, sim_range(&s->rng, 5, 60) * SIM_S);
    forget_old_message(s, node);
    lth_store_close(&node->store);
    if (node->backup != NULL && sim_below(&s->rng, 4) != 0) {
        node->store = lth_store_mem_clone(node->backup);
    }
    sim_say(s, "node %u restored from a copy", node->index);
}

static void copy_stores(sim *s)
{
    sim_node *node = pick_agent(s);
    if (node->store != NULL && node->up) {
        lth_store_close(&node->backup);
        node->backup = lth_store_mem_clone(node->store);
    }
}

static void stop(sim *s)
{
    sim_node *node = pick(s, 0, s->n_nodes);
    if (node->up) {
        sim_node_crash(s, node, sim_range(&s->rng, 10, 180) * SIM_S);
    }
}

static void fill_disk(sim *s)
{
    sim_node *node = pick(s, 0, s->n_nodes);
    node->full_until = s->now + sim_range(&s->rng, 5, 60) * SIM_S;
}

/* A second process with the identity and a copy of the store of the first. */
static void clone_agent(sim *s)
{
    sim_node *from = pick_agent(s);
    if (s->n_nodes == SIM_NODES_MAX || !from->up || from->clone || from->takes_files) {
        return;
    }
    sim_node *node = &s->nodes[s->n_nodes];
    *node = (sim_node){.sim = s,
                       .index = s->n_nodes++,
                       .clone = true,
                       .org = from->org,
                       .key = from->key,
                       .role = from->role,
                       .parent = from->parent,
                       .signer = from->signer,
                       .n_schools = from->n_schools};
    node->random.state = s->seed * 77777u + node->index;
    memcpy(node->school_index, from->school_index, sizeof node->school_index);
    for (uint32_t i = 0; i < node->n_schools; i++) {
        s->schools[node->school_index[i]].cloned = true;
    }
    node->store = lth_store_mem_clone(from->store);
    s->links[s->n_links++] = (sim_link){.client = node->index,
                                        .server = from->parent,
                                        .blocked_until = SIM_NEVER,
                                        .broken_at = SIM_NEVER};
    s->faults.clone = false;
    sim_say(s, "node %u is a clone of %u", node->index, from->index);
}

static void narrow(sim *s)
{
    sim_node *node = pick(s, 0, s->n_brokers);
    if (node->parent == SIM_NOBODY || node->narrowed) {
        return;
    }
    node->narrowed = true;
    node->broker_env.policy = &node->policies[1];
    if (node->broker != NULL) {
        lth_broker_reload(node->broker, &s->registry, sim_broker_schema(node), &node->policies[1]);
    }
    sim_trace(s, "narrow", &node->index, sizeof node->index);
    sim_say(s, "node %u narrows its route", node->index);
}

static void forge(sim *s)
{
    sim_node *node = pick_agent(s);
    sim_link *link = sim_link_of(s, node->index);
    if (link != NULL && link->connected && link->old != NULL) {
        sim_forge(s, node, lth_slice_of(link->old, link->old_n));
    }
}

/* What happens by itself now and then, and how often in seconds. */
enum { CUT, BLOCK, JUMP, RESTORE, STOP, DISK, COPY, RARE, N_EVENTS };

static uint32_t period(const sim *s, uint32_t event)
{
    const sim_faults *f = &s->faults;
    const uint32_t periods[N_EVENTS] = {f->cut_s,
                                        f->block_s,
                                        f->jump_s,
                                        f->restore_s,
                                        f->stop_s,
                                        f->disk_full_s,
                                        f->restore_s > 0 ? 60 : 0,
                                        45};
    return periods[event];
}

static void rare(sim *s)
{
    const sim_faults *f = &s->faults;
    if (f->clone && sim_below(&s->rng, 3) == 0) {
        clone_agent(s);
    }
    if (f->narrow && sim_below(&s->rng, 3) == 0) {
        narrow(s);
    }
    if (f->fork || f->ungranted) {
        forge(s);
    }
    sim_rules_change(s);
}

static void schedule(sim *s, uint32_t event)
{
    uint32_t seconds = period(s, event);
    s->fault_at[event] =
        seconds == 0 || s->healing
            ? SIM_NEVER
            : s->now + sim_range(&s->rng, 1, 2 * (uint64_t)seconds * 1000) * SIM_MS;
}

uint64_t sim_faults_next(const sim *s)
{
    uint64_t least = SIM_NEVER;
    for (uint32_t i = 0; i < N_EVENTS; i++) {
        least = s->fault_at[i] < least ? s->fault_at[i] : least;
    }
    return least;
}

void sim_faults_run(sim *s)
{
    static void (*const events[N_EVENTS])(sim *) = {cut,  block,     jump,        restore,
                                                    stop, fill_disk, copy_stores, rare};
    for (uint32_t i = 0; i < N_EVENTS; i++) {
        if (s->fault_at[i] <= s->now) {
            if (s->fault_at[i] > 0) {
                events[i](s);
            }
            schedule(s, i);
        }
    }
}

/* From now on nothing goes wrong any more, and nobody changes anything. */
void sim_faults_heal(sim *s)
{
    s->healing = true;
    s->faults.queue_max = SIM_QUEUE_MAX - 8;
    s->faults.slow_ms = s->faults.slow_ms < 100 ? s->faults.slow_ms : 100;
    for (uint32_t i = 0; i < s->n_links; i++) {
        s->links[i].blocked[SIM_UP] = s->links[i].blocked[SIM_DOWN] = false;
        s->links[i].blocked_until = s->links[i].broken_at = SIM_NEVER;
    }
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        sim_node *node = &s->nodes[i];
        node->full_until = 0;
        if (node->clone) {
            if (node->up) {
                sim_node_crash(s, node, 0);
            }
            node->gone = true;
        }
    }
    for (uint32_t i = 0; i < s->n_schools; i++) {
        sim_source_mend(s, &s->schools[i]);
        s->schools[i].mutate_at = SIM_NEVER;
        if (s->schools[i].clerk != NULL) {
            sim_clerk_heal(s, &s->schools[i]);
        }
    }
    for (uint32_t i = 0; i < N_EVENTS; i++) {
        s->fault_at[i] = SIM_NEVER;
    }
    sim_rules_heal(s);
    sim_say(s, "everything heals");
}
