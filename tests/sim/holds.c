/* Held records in the simulated country: brokers have rules and references that agents do not know,
 * rules change, people retry and reject, and a person confirms what the guard of snapshots holds.
 */
#include <stdlib.h>

#include "sim.h"

#define LEAST   4u
#define PERCENT 30u

/* ---- schemas of brokers ---- */

static lth_schema schemas[2]; /* strict, lax */
static lth_dataset datasets[2][SIM_DATASETS + 2];
static lth_rule rules[2];
static const uint16_t named[] = {1};
static const lth_reference needs = {.number = 3,
                                    .id = "needs_alpha",
                                    .severity = LTH_SEVERITY_ERROR,
                                    .dataset = 11,
                                    .fields = named,
                                    .n_fields = 1};

/* Of gamma always; of alpha a part, and that comes and goes with the rules. */
static lth_unique uniques[2];
static const uint16_t scored[] = {6};

static const lth_expr *compile(const lth_dataset *ds, const char *text)
{
    static lth_arena *arena;
    const lth_expr *out = NULL;
    lth_diag diag;
    arena = arena != NULL ? arena : lth_arena_new((size_t)1 << 20);
    if (lth_expr_compile(&out, ds, text, arena, &diag) != LTH_OK) {
        abort();
    }
    return out;
}

static void add_rules(lth_schema *schema, lth_dataset *list, uint32_t n_rules)
{
    const lth_schema *plain = sim_schema();
    memcpy(list, plain->datasets, plain->n_datasets * sizeof *list);
    *schema = *plain;
    schema->datasets = list;
    for (uint32_t i = 0; i < plain->n_datasets; i++) {
        uint32_t table = sim_dataset_index(list[i].number);
        if (table == 0) {
            list[i].rules = rules + (2 - n_rules);
            list[i].n_rules = n_rules;
        } else if (table == 1) {
            list[i].references = &needs;
            list[i].n_references = 1;
        } else if (table == 2) {
            list[i].uniques = &uniques[0];
            list[i].n_uniques = 1;
        }
        if (table == 0 && n_rules == 2) {
            list[i].uniques = &uniques[1];
            list[i].n_uniques = 1;
        }
    }
}

const lth_schema *sim_broker_schema(const sim_node *node)
{
    if (schemas[0].n_datasets == 0) {
        const lth_dataset *alpha = lth_schema_find(sim_schema(), sim_datasets[0]);
        rules[0] = (lth_rule){.number = 1,
                              .id = "not_fifty",
                              .severity = LTH_SEVERITY_ERROR,
                              .check = compile(alpha, "score < 40 or score > 60"),
                              .field = 6};
        rules[1] = (lth_rule){.number = 2,
                              .id = "high",
                              .severity = LTH_SEVERITY_WARNING,
                              .check = compile(alpha, "score <= 90"),
                              .field = 6};
        uniques[0] = (lth_unique){.number = 4,
                                  .id = "score_once",
                                  .severity = LTH_SEVERITY_ERROR,
                                  .fields = scored,
                                  .n_fields = 1};
        uniques[1] = uniques[0];
        uniques[1].when_text = "score > 60";
        uniques[1].when = compile(alpha, uniques[1].when_text);
        add_rules(&schemas[0], datasets[0], 2);
        add_rules(&schemas[1], datasets[1], 1);
    }
    return &schemas[node->lax ? 1 : 0];
}

bool sim_rule_breaks(const sim_row *row)
{
    return row->score >= 40 && row->score <= 60;
}

static void set_rules(sim *s, sim_node *node, bool lax)
{
    if (node->lax == lax) {
        return;
    }
    node->lax = lax;
    node->broker_env.schema = sim_broker_schema(node);
    for (uint32_t i = 0; i < node->in_n; i++) { /* No check is under way at a reload. */
        sim_in *in = &node->inbox[(node->in_first + i) % SIM_INBOX_MAX];
        free(in->checked);
        in->checked = NULL;
    }
    if (node->broker != NULL) {
        lth_broker_reload(node->broker, &s->registry, node->broker_env.schema,
                          node->broker_env.policy);
    }
    sim_trace(s, "rules", &node->index, sizeof node->index);
}

void sim_rules_change(sim *s)
{
    sim_node *node = &s->nodes[sim_below(&s->rng, s->n_brokers)];
    if (sim_below(&s->rng, 3) == 0) {
        set_rules(s, node, !node->lax);
    }
}

void sim_rules_heal(sim *s)
{
    s->lax = sim_below(&s->rng, 2) == 0;
    for (uint32_t i = 0; i < s->n_brokers; i++) {
        set_rules(s, &s->nodes[i], s->lax);
    }
}

/* ---- people ---- */

typedef struct pick {
    const sim_node *node;
    bool confirm; /**< Only what the guard holds; all of it. */
    lth_decision *out;
} pick;

static void see_hold(void *ctx, lth_slice key, lth_slice value)
{
    pick *p = ctx;
    lth_held_row row;
    if (p->out->n == LTH_DECIDE_MAX || !lth_held_row_decode(&row, value)) {
        return;
    }
    bool guarded = row.code == LTH_REFUSE_mass_deletion;
    if (p->confirm ? !guarded || !lth_id_equal(&row.tier_org, &p->node->org)
                   : guarded || p->out->n == 4) {
        return;
    }
    p->out->holds[p->out->n].accept_no = lth_get64(key.p);
    p->out->holds[p->out->n++].index = lth_get32(key.p + 8);
}

bool sim_people_wait(const sim *s, const sim_node *node, lth_txn *txn)
{
    static lth_decision found;
    pick p = {.node = node, .confirm = true, .out = &found};
    (void)s;
    found.n = 0;
    sim_each(txn, LTH_T_held, see_hold, &p);
    return found.n > 0;
}

/* Now and then somebody looks at what is held; in the end a person confirms what waits for one. */
bool sim_people_decide(sim *s, sim_node *node, lth_txn *txn, lth_decision *out)
{
    pick p = {.node = node, .confirm = s->healing, .out = out};
    if (!s->healing && sim_below(&s->rng, 30) != 0) {
        return false;
    }
    bool reject = !s->healing && sim_below(&s->rng, 4) == 0;
    *out = (lth_decision){.what = reject ? LTH_DECIDE_REJECT : LTH_DECIDE_RETRY,
                          .by = lth_slice_of("person", 6),
                          .why = lth_slice_of("seen", 4)};
    sim_each(txn, LTH_T_held, see_hold, &p);
    return out->n > 0;
}

/* Only the node that holds a record by its own judgement decides. */
void sim_people_check(sim *s, const sim_node *node, lth_txn *txn, const lth_decision *d)
{
    for (uint32_t i = 0; i < d->n; i++) {
        uint8_t key[12];
        lth_slice value;
        lth_held_row row;
        lth_put64(key, d->holds[i].accept_no);
        lth_put32(key + 8, d->holds[i].index);
        lth_err err = lth_get(txn, LTH_T_held, lth_slice_of(key, sizeof key), &value);
        if (err != LTH_OK && err != LTH_E_NOT_FOUND) {
            return; /* The store fails in this step: it is given up. */
        }
        bool open = err == LTH_OK && lth_held_row_decode(&row, value);
        bool other = open && !lth_id_equal(&row.tier_org, &node->org);
        bool said = d->holds[i].result == LTH_DECIDED_NOT_HERE;
        bool closed = d->what == LTH_DECIDE_RETRY && d->holds[i].result == LTH_DECIDED_DONE;
        if (other != said || (closed && open)) {
            sim_fail(s, SIM_CORRECTNESS, "who holds a record decides about it",
                     "broker %u result %d", node->index, (int)d->holds[i].result);
        }
    }
}

/* ---- the guard ---- */

static void counts(lth_txn *txn, const uint8_t key[10], uint64_t *live, uint64_t *absent)
{
    lth_slice value;
    *live = *absent = 0;
    if (sim_get(txn, LTH_T_count, lth_slice_of(key, 10), &value)) {
        *live = lth_get64(value.p);
        *absent = lth_get64(value.p + 8);
    }
}

void sim_guard_before(lth_txn *txn, const lth_checked *checked, sim_guard *g)
{
    g->on = checked->n_records > 0 && checked->records[0].op == LTH_OP_RANGE;
    memcpy(g->key, checked->records[0].record_id.b, 8);
    lth_put16(g->key + 8, checked->records[0].dataset);
    if (g->on) {
        counts(txn, g->key, &g->live, &g->absent);
    }
}

void sim_guard_after(sim *s, const sim_node *node, lth_txn *txn, const sim_guard *g)
{
    uint64_t live, absent;
    if (!g->on) {
        return;
    }
    counts(txn, g->key, &live, &absent);
    uint64_t gone = absent > g->absent ? absent - g->absent : 0;
    if (gone >= LEAST && gone * 100 > g->live * PERCENT) {
        sim_fail(s, SIM_CORRECTNESS, "no snapshot ends a great part unseen",
                 "broker %u: %llu of %llu", node->index, (unsigned long long)gone,
                 (unsigned long long)g->live);
    }
}

void sim_guard_limits(lth_broker_env *env)
{
    env->gone_percent = PERCENT;
    env->gone_least = LEAST;
}

/* ---- references ---- */

typedef struct search {
    lth_slice natural;
    uint16_t dataset;
    bool found;
} search;

static void see_body(void *ctx, lth_slice key, lth_slice value)
{
    search *f = ctx;
    lth_record_view view;
    lth_rd rd = lth_rd_of(value);
    (void)key;
    while (!f->found && lth_rd_left(&rd) > 0 && lth_record_parse(&view, &rd) == LTH_REFUSE_none) {
        const lth_group_view *group =
            view.form == LTH_FORM_LEAF || view.header.dataset != f->dataset
                ? NULL
                : lth_record_group(&view, 1);
        f->found = group != NULL && group->shown && lth_slice_equal(group->value, f->natural);
    }
}

bool sim_reference_ever(lth_txn *txn, lth_slice natural)
{
    search f = {.natural = natural, .dataset = sim_datasets[0]};
    sim_each(txn, LTH_T_body, see_body, &f);
    return f.found;
}

bool sim_reference_there(const sim *s, lth_txn *txn, const lth_id *owner, lth_slice natural)
{
    uint8_t key[512];
    lth_slice value;
    size_t n = lth_natural_key(key, &s->hasher, sim_datasets[0], owner->b, natural);
    return sim_get(txn, LTH_T_natural, lth_slice_of(key, n), &value);
}

/* ---- what no two records of a school may have alike ---- */

bool sim_score_once(const sim *s, uint32_t table, const sim_row *row)
{
    return table == 2 || (table == 0 && !s->lax && row->score > 60);
}

typedef struct scores {
    sim *s;
    const sim_node *node;
    lth_txn *txn;
    lth_id owner; /**< Of the records before. */
    struct {
        uint8_t bytes[16];
        size_t n;
    } seen[4 * SIM_ROWS_MAX];
    uint32_t n_seen;
    uint64_t entries, living;
} scores;

/* The rule of gamma was there before any record, so no two of a school ever have one score. */
static void see_gamma(void *ctx, lth_slice key, lth_slice value)
{
    scores *c = ctx;
    lth_record_row row;
    lth_record_view view;
    if (lth_get16(key.p) != sim_datasets[2] || lth_get16(key.p + 18) != 0 ||
        !lth_record_row_decode(&row, value) || row.state != LTH_ROW_LIVE) {
        return;
    }
    lth_rd rd = lth_rd_of(row.wire);
    bool whole = lth_record_parse(&view, &rd) == LTH_REFUSE_none && view.form != LTH_FORM_LEAF;
    const lth_group_view *group = whole ? lth_record_group(&view, 4) : NULL;
    if (group == NULL || !group->shown || group->value.n == 0 || group->value.n > 16) {
        return;
    }
    c->living++;
    const sim_school *school = sim_school_of(c->s, &row.author);
    if (school == NULL || school->entry != c->node->index) {
        return;
    }
    c->n_seen = lth_id_equal(&c->owner, &row.author) ? c->n_seen : 0;
    c->owner = row.author;
    for (uint32_t i = 0; i < c->n_seen; i++) {
        if (lth_slice_equal(group->value, lth_slice_of(c->seen[i].bytes, c->seen[i].n))) {
            sim_fail(c->s, SIM_CORRECTNESS, "what must be unique is not shared",
                     "broker %u school %u", c->node->index, school->index);
        }
    }
    if (c->n_seen < sizeof c->seen / sizeof *c->seen) {
        memcpy(c->seen[c->n_seen].bytes, group->value.p, group->value.n);
        c->seen[c->n_seen++].n = group->value.n;
    }
}

static void see_entry(void *ctx, lth_slice key, lth_slice value)
{
    scores *c = ctx;
    uint8_t at[20] = {0};
    lth_slice found;
    lth_record_row row = {0};
    (void)value;
    memcpy(at, key.p + 8, 2);
    memcpy(at + 2, key.p + 28, 16);
    c->entries += lth_get16(key.p + 8) == sim_datasets[2];
    if (!sim_get(c->txn, LTH_T_record, lth_slice_of(at, sizeof at), &found) ||
        !lth_record_row_decode(&row, found) || row.state != LTH_ROW_LIVE) {
        sim_fail(c->s, SIM_CORRECTNESS, "what is unique is that of a living record",
                 "broker %u dataset %u", c->node->index, lth_get16(key.p + 8));
    }
}

void sim_check_uniques(sim *s, const sim_node *node, lth_txn *txn)
{
    uint8_t key[4];
    lth_slice value;
    static scores c;
    c = (scores){.s = s, .node = node, .txn = txn};
    sim_each(txn, LTH_T_record, see_gamma, &c);
    sim_each(txn, LTH_T_unique, see_entry, &c);
    lth_put16(key, sim_datasets[2]);
    lth_put16(key + 2, uniques[0].number);
    bool whole = sim_get(txn, LTH_T_indexed, lth_slice_of(key, sizeof key), &value) &&
                 value.p[LTH_HASH_SIZE] == 1;
    if (whole && c.entries != c.living) {
        sim_fail(s, SIM_CORRECTNESS, "the index has every living record", "broker %u: %llu of %llu",
                 node->index, (unsigned long long)c.entries, (unsigned long long)c.living);
    }
}
