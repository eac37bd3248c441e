/* The public stream in the simulated country: the top broker publishes now and then while faults
 * happen; in the end every node holds exactly what its store says, and nobody ever more. */
#include <stdlib.h>

#include "sim.h"

#define CODES 40u

static bool is_top(const sim_node *node)
{
    return node->is_broker && node->parent == SIM_NOBODY;
}

void sim_public_draw(sim *s)
{
    s->public_rng.state = s->seed * 0x9e3779b97f4a7c15u + 77;
    s->public_at = sim_range(&s->public_rng, 5, 60) * SIM_S;
}

static lth_err read_set(const sim *s, const sim_node *node, lth_txn *txn, lth_public_set *out)
{
    return node->is_broker ? lth_broker_public_read(out, &s->hasher, txn)
                           : lth_agent_public_read(out, &s->hasher, txn);
}

/* ---- publishing ---- */

static lth_slice text(const char *s)
{
    return lth_slice_of(s, strlen(s));
}

static void must(lth_err err)
{
    if (err != LTH_OK) {
        abort();
    }
}

/* Some definitions, one now and then nearly as large as it may be, and some codes. */
static lth_public_set make_set(sim *s)
{
    static char filling[LTH_PUBLIC_TEXT_MAX];
    sim_rng *rng = &s->public_rng;
    lth_public_set set = {0};
    memset(filling, '#', sizeof filling);
    for (uint32_t i = 0; i < 6; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "d%u", i);
        bool large = sim_below(rng, 6) == 0;
        lth_public_definition one = {
            .kind = LTH_PUBLIC_DATASET,
            .name = text(name),
            .version = 1 + sim_below(rng, 1000),
            .text = lth_slice_of(filling, large ? sizeof filling : 1 + sim_below(rng, 50))};
        if (sim_below(rng, 4) != 0) {
            must(lth_public_set_definition(&set, &one));
        }
    }
    for (uint32_t i = 0; i < CODES; i++) {
        char code[16], title[24];
        (void)snprintf(code, sizeof code, "%u", i);
        (void)snprintf(title, sizeof title, "t%u", sim_below(rng, 3));
        lth_public_code one = {.list = text("list"), .code = text(code), .vi = text(title)};
        if (sim_below(rng, 5) != 0) {
            must(lth_public_set_code(&set, &one));
        }
    }
    must(lth_public_set_sort(&set));
    return set;
}

lth_err sim_public_publish(sim *s, sim_node *node, lth_txn *txn, lth_now now)
{
    lth_public_set old, new_;
    lth_public_change *changes;
    uint32_t n;
    lth_diag diag = {0};
    if (!is_top(node) || s->healing || s->now < s->public_at) {
        return LTH_OK;
    }
    s->public_at = s->now + sim_range(&s->public_rng, 10, 120) * SIM_S;
    lth_err err = read_set(s, node, txn, &old);
    if (err != LTH_OK) {
        return err;
    }
    new_ = make_set(s);
    must(lth_public_diff(&changes, &n, &old, &new_));
    err = lth_broker_publish(node->broker, txn, now, changes, n, &diag);
    sim_say(s, "node %u publishes %u changes: %s", node->index, n, lth_err_name(err));
    free(changes);
    lth_public_set_fini(&old);
    lth_public_set_fini(&new_);
    return err;
}

/* ---- what nodes hold ---- */

static lth_position position_of(const sim_node *node, bool *whole)
{
    lth_position at = {.epoch = 0};
    *whole = false;
    if (node->is_broker && node->broker != NULL) {
        lth_broker_public_info info;
        lth_broker_public_of(node->broker, &info);
        at = info.at;
        *whole = info.whole && info.state == LTH_ORIGIN_OK;
    } else if (!node->is_broker && node->agent != NULL) {
        lth_agent_public_info info;
        lth_agent_public_of(node->agent, &info);
        at = info.at;
        *whole = info.whole && !info.frozen;
    }
    return at;
}

static bool has_public(const sim_node *node)
{
    return node->up && !node->gone && !node->clone;
}

bool sim_public_converged(sim *s, uint32_t *who)
{
    bool whole;
    const lth_position top = position_of(&s->nodes[0], &whole);
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        const sim_node *node = &s->nodes[i];
        if (!has_public(node)) {
            continue;
        }
        lth_position at = position_of(node, &whole);
        *who = i;
        if (!whole || at.seq != top.seq || memcmp(at.hash, top.hash, LTH_HASH_SIZE) != 0) {
            return false;
        }
    }
    return true;
}

static void check_node(sim *s, sim_node *node, const lth_public_set *expected)
{
    lth_public_set held;
    lth_public_change *changes;
    uint32_t n;
    lth_txn *txn = sim_read(node);
    must(read_set(s, node, txn, &held));
    lth_store_abort(&txn);
    must(lth_public_diff(&changes, &n, &held, expected));
    if (n != 0 || held.version != expected->version ||
        held.n_definitions != expected->n_definitions || held.n_codes != expected->n_codes) {
        sim_fail(s, SIM_CORRECTNESS, "every node holds what is published",
                 "node %u: version %u of %u, %u differences", node->index, held.version,
                 expected->version, n);
    }
    free(changes);
    lth_public_set_fini(&held);
}

void sim_public_check(sim *s)
{
    lth_public_set expected;
    lth_txn *txn = sim_read(&s->nodes[0]);
    must(read_set(s, &s->nodes[0], txn, &expected));
    lth_store_abort(&txn);
    for (uint32_t i = 0; i < s->n_nodes && s->failed == 0; i++) {
        if (has_public(&s->nodes[i])) {
            check_node(s, &s->nodes[i], &expected);
        }
    }
    lth_public_set_fini(&expected);
}
