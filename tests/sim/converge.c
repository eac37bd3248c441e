/* Has the world come to rest: scans done, outboxes acknowledged, heads equal, `out` empty? */
#include "sim.h"

static bool wait_for(sim *s, const char *what, uint32_t who)
{
    (void)snprintf(s->waiting, sizeof s->waiting, "%s %u", what, who);
    return false;
}

static bool same(const lth_position *a, const lth_position *b)
{
    return a->epoch == b->epoch && a->seq == b->seq && memcmp(a->hash, b->hash, LTH_HASH_SIZE) == 0;
}

static bool head_equals(sim *s, uint32_t node, const lth_id *org, const lth_position *at)
{
    lth_head head = {0};
    lth_txn *txn = sim_read(&s->nodes[node]);
    (void)sim_head(txn, org, &head);
    lth_store_abort(&txn);
    /* Of an epoch without a batch the broker knows the grant only. */
    bool fresh = at->seq == 0 && head.at.epoch < at->epoch;
    return head.state == LTH_ORIGIN_OK && (fresh || same(&head.at, at));
}

static bool guards_wait(sim *s, const sim_school *school)
{
    lth_txn *txn = sim_read(&s->nodes[school->node]);
    bool yes = false;
    for (uint32_t t = 0; t < SIM_SOURCES && school->clerk == NULL; t++) {
        yes = yes || sim_table_waits(txn, school, sim_datasets[t]);
    }
    lth_store_abort(&txn);
    return yes;
}

static bool school_done(sim *s, const sim_school *school)
{
    const sim_node *node = &s->nodes[school->node];
    lth_agent_school_info info = {0};
    for (uint32_t i = 0; i < node->n_schools; i++) {
        if (node->school_index[i] == school->index) {
            lth_agent_school_info_of(node->agent, i, &info);
        }
    }
    for (uint32_t t = 0; t < SIM_SOURCES && school->clerk == NULL; t++) {
        if (school->clean_since[t] < s->heal_at) {
            return wait_for(s, "a clean scan of school", school->index);
        }
    }
    if (guards_wait(s, school)) {
        return wait_for(s, "a person's word at school", school->index);
    }
    if (school->clerk != NULL && !sim_clerk_done(school->clerk)) {
        return wait_for(s, "the clerk of school", school->index);
    }
    if (info.outbox > 0 || info.head.resync || !info.resumed) {
        return wait_for(s, info.outbox > 0 ? "the outbox of school" : "the agent of school",
                        school->index);
    }
    for (uint32_t at = school->entry; at != SIM_NOBODY; at = s->nodes[at].parent) {
        if ((sim_visible(s, at, school, 0, true) & SIM_NAMED) != 0 &&
            !head_equals(s, at, &school->org, &info.head.at)) {
            (void)snprintf(s->waiting, sizeof s->waiting, "the head of school %u at broker %u",
                           school->index, at);
            return false;
        }
    }
    return true;
}

static void count_one(void *ctx, lth_slice key, lth_slice value)
{
    (void)key;
    (void)value;
    ++*(uint32_t *)ctx;
}

typedef struct owed {
    sim *s;
    lth_txn *txn;
    uint32_t n;
} owed;

/* Statements that the parent did not confirm; a cloned school's may wait for a person for ever. */
static void count_owed(void *ctx, lth_slice key, lth_slice value)
{
    owed *o = ctx;
    lth_slice act;
    lth_id origin;
    (void)key;
    if (sim_get(o->txn, LTH_T_act, lth_slice_of(value.p, 8), &act)) {
        memcpy(origin.b, act.p + 9 + 64, sizeof origin.b);
        const sim_school *school = sim_school_of(o->s, &origin);
        o->n += school != NULL && !school->cloned ? 1 : 0;
    }
}

bool sim_converged(sim *s)
{
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        sim_node *node = &s->nodes[i];
        if (!node->up && !node->gone) {
            return wait_for(s, "the start of node", i);
        }
        uint32_t waiting = 0;
        if (node->is_broker) {
            lth_txn *txn = sim_read(node);
            sim_each(txn, LTH_T_out, count_one, &waiting);
            sim_each(txn, LTH_T_wake, count_one, &waiting);
            owed o = {.s = s, .txn = txn};
            sim_each(txn, LTH_T_owed, count_owed, &o);
            waiting += o.n + (sim_people_wait(s, node, txn) ? 1 : 0);
            lth_store_abort(&txn);
        }
        if (waiting > 0) {
            return wait_for(s, "`out` of broker", i);
        }
    }
    uint32_t who;
    if (!sim_public_converged(s, &who)) {
        return wait_for(s, "the public stream at node", who);
    }
    for (uint32_t i = 0; i < s->n_schools; i++) {
        if (!s->schools[i].cloned && !school_done(s, &s->schools[i])) {
            return false;
        }
    }
    return true;
}
