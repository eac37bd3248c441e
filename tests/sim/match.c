/* After healing: does every tier hold what the schools' sources say? */
#include <stdlib.h>

#include "sim.h"

#define ITEMS_MAX 512u

/* A record of one school and dataset as a broker holds it, or an open hold of it. */
typedef struct item {
    lth_id id;
    bool is_hold;
    lth_record_row row;
    lth_refusal code;
    lth_record_view view;
    bool named; /**< uid and version are known. */
    uint32_t uid, version;
    bool current; /**< Equals its source row. */
} item;

typedef struct shelf {
    sim *s;
    sim_node *node;
    lth_txn *txn;
    const sim_school *school;
    uint32_t table;
    item *items;
    uint32_t n;
} shelf;

/* ---- what a tier holds ---- */

static void name_item(item *it)
{
    const lth_group_view *group = lth_record_group(&it->view, 2);
    it->named =
        group != NULL && group->shown && sim_read_name(group->value, &it->uid, &it->version);
}

static bool of_shelf(const shelf *h, lth_slice key)
{
    return lth_get16(key.p) == sim_datasets[h->table] &&
           memcmp(key.p + 2, h->school->org.b, 8) == 0;
}

static item *add_item(shelf *h, lth_slice key, lth_slice wire)
{
    lth_rd rd = lth_rd_of(wire);
    if (h->n == ITEMS_MAX) {
        sim_fail(h->s, SIM_CORRECTNESS, "no record is invented", "broker %u holds too many",
                 h->node->index);
        return NULL;
    }
    item *it = &h->items[h->n++];
    *it = (item){0};
    memcpy(it->id.b, key.p + 2, 16);
    if (lth_record_parse(&it->view, &rd) == LTH_REFUSE_none) {
        name_item(it);
    }
    return it;
}

static void see_record(void *ctx, lth_slice key, lth_slice value)
{
    shelf *h = ctx;
    lth_record_row row;
    if (!of_shelf(h, key) || !lth_record_row_decode(&row, value)) {
        return;
    }
    item *it = add_item(h, key, row.wire);
    if (it != NULL) {
        it->row = row;
    }
}

static lth_slice record_at(lth_slice body, uint32_t index)
{
    lth_record_view view = {0};
    lth_rd rd = lth_rd_of(body);
    for (uint32_t i = 0; i <= index; i++) {
        if (lth_record_parse(&view, &rd) != LTH_REFUSE_none) {
            return (lth_slice){0};
        }
    }
    return view.wire;
}

static void see_hold(void *ctx, lth_slice key, lth_slice place)
{
    shelf *h = ctx;
    lth_slice body, value;
    lth_held_row held;
    if (!of_shelf(h, key) || !sim_get(h->txn, LTH_T_held, place, &value) ||
        !lth_held_row_decode(&held, value)) {
        return;
    }
    bool stored = sim_get(h->txn, LTH_T_body, lth_slice_of(place.p, 8), &body);
    item *it = add_item(h, key, stored ? record_at(body, lth_get32(place.p + 8)) : (lth_slice){0});
    if (it != NULL) {
        it->is_hold = true;
        it->code = held.code;
    }
}

static void shelf_open(shelf *h, sim *s, sim_node *node, const sim_school *school, uint32_t table)
{
    *h = (shelf){.s = s, .node = node, .school = school, .table = table};
    h->items = calloc(ITEMS_MAX, sizeof *h->items);
    h->txn = sim_read(node);
    sim_each(h->txn, LTH_T_record, see_record, h);
    sim_each(h->txn, LTH_T_heldby, see_hold, h);
}

static void shelf_close(shelf *h)
{
    lth_store_abort(&h->txn);
    free(h->items);
}

static const item *find(const shelf *h, const lth_id *id, bool is_hold)
{
    for (uint32_t i = 0; i < h->n; i++) {
        if (h->items[i].is_hold == is_hold && lth_id_equal(&h->items[i].id, id)) {
            return &h->items[i];
        }
    }
    return NULL;
}

static bool is_live(const item *it)
{
    return !it->is_hold && it->row.state == LTH_ROW_LIVE;
}

static void differ(const shelf *h, const char *invariant, uint32_t uid, const char *what)
{
    sim_fail(h->s, SIM_CORRECTNESS, invariant, "broker %u school %u dataset %u row %u: %s",
             h->node->index, h->school->index, sim_datasets[h->table], uid, what);
}

/* ---- the entry broker against the source ---- */

static bool equals_source(const shelf *h, const item *it, const sim_row *row)
{
    static uint8_t bytes[8192];
    for (uint32_t g = 1; g <= SIM_GROUPS; g++) {
        if (!sim_has_group(h->table, g)) {
            continue;
        }
        size_t n = sim_row_group(h->s, h->school, h->table, row, g, bytes);
        const lth_group_view *view = lth_record_group(&it->view, (uint16_t)g);
        if (view == NULL || !view->shown || !lth_slice_equal(view->value, lth_slice_of(bytes, n))) {
            return false;
        }
    }
    return true;
}

static void name_current(shelf *h)
{
    const sim_table *table = &h->school->tables[h->table];
    for (uint32_t i = 0; i < h->n; i++) {
        item *it = &h->items[i];
        const sim_row *row = it->named ? sim_row_find(table, it->uid) : NULL;
        if (row != NULL) {
            it->current = it->is_hold ? it->version == row->version : equals_source(h, it, row);
        }
    }
}

static bool clashes(const sim_table *table, const sim_row *row)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < table->n; i++) {
        n += row->nat != 0 && table->rows[i].nat == row->nat;
    }
    return n > 1;
}

/* Beta has no score, so a bad one does not matter there. */
static bool valid(const shelf *h, const sim_row *row)
{
    sim_row seen = *row;
    seen.score = sim_has_group(h->table, 4) ? row->score : 0;
    return sim_row_valid(&seen);
}

/* May a valid row wait? Yes, when it asked for a natural key that a record had which was held
 * itself, and so lived on in its older version. The hold is closed when one of both changes again.
 */
static bool may_wait(const shelf *h, const sim_row *row)
{
    bool taken = false, occupied = false, rejected = false;
    for (uint32_t i = 0; i < h->n; i++) {
        const item *it = &h->items[i];
        taken = taken || (it->is_hold && it->named && it->uid == row->uid && it->current &&
                          it->code == LTH_REFUSE_natural_key_taken);
        rejected = rejected || (it->is_hold && it->named && it->uid == row->uid && it->current &&
                                it->code == LTH_REFUSE_rejected);
        occupied = occupied || (it->is_hold && it->uid != row->uid);
    }
    /* A restored agent may believe that a key is taken which is free by now. */
    return taken || rejected || occupied || h->school->copies_restored > 0;
}

static void show_row(const shelf *h, const sim_row *row)
{
    sim_say(h->s, "source row %u.%u key %s nat %u born %u score %d", row->uid, row->version,
            row->key, row->nat, row->born, row->score);
    for (uint32_t i = 0; i < h->n; i++) {
        const item *it = &h->items[i];
        char hex[33];
        lth_hex(hex, it->id.b, sizeof it->id.b);
        if (it->named && it->uid == row->uid) {
            sim_say(h->s, "  %s %s %u.%u state %d %s%s", it->is_hold ? "hold" : "record", hex,
                    it->uid, it->version, (int)it->row.state, lth_refusal_name(it->code),
                    it->current ? " current" : "");
        }
    }
}

/* Does a record live that has the score of this row? */
static bool is_shared(const shelf *h, const sim_row *row)
{
    static uint8_t bytes[8192];
    lth_slice score = {bytes, sim_row_group(h->s, h->school, h->table, row, 4, bytes)};
    for (uint32_t i = 0; i < h->n; i++) {
        const item *it = &h->items[i];
        const lth_group_view *group = lth_record_group(&it->view, 4);
        if (is_live(it) && !(it->named && it->uid == row->uid) && group != NULL && group->shown &&
            lth_slice_equal(group->value, score)) {
            return true;
        }
    }
    return false;
}

/* Rules and references of its brokers, which change and come and go: may it be held for them? */
static bool may_break(const shelf *h, const sim_row *row)
{
    static uint8_t bytes[8192];
    if (sim_score_once(h->s, h->table, row) && is_shared(h, row)) {
        return true;
    }
    if (h->table == 0) {
        return !h->s->lax && sim_rule_breaks(row);
    }
    if (h->table != 1) {
        return false;
    }
    size_t n = sim_row_group(h->s, h->school, 1, row, 1, bytes);
    return !sim_reference_there(h->s, h->txn, &h->school->org, lth_slice_of(bytes, n));
}

static void match_row(const shelf *h, const sim_row *row)
{
    if (h->s->verbose) {
        show_row(h, row);
    }
    const sim_table *table = &h->school->tables[h->table];
    uint32_t live = 0, holds = 0;
    for (uint32_t i = 0; i < h->n; i++) {
        const item *it = &h->items[i];
        if (it->named && it->uid == row->uid && it->current) {
            live += is_live(it);
            holds += it->is_hold;
        }
    }
    if (live > 1) {
        differ(h, "no record is doubled", row->uid, "lives twice");
    } else if (clashes(table, row)) {
        if (live + holds == 0) {
            differ(h, "no record is lost", row->uid, "neither merged nor held");
        }
    } else if (valid(h, row) && may_break(h, row)) {
        if (live + holds == 0) { /* Both, when it came again and is not good any more. */
            differ(h, "no record is lost", row->uid, "neither merged nor held");
        }
    } else if (valid(h, row) && !(holds == 1 && may_wait(h, row))) {
        if (live != 1 || holds != 0) {
            differ(h, "no record is lost", row->uid,
                   live != 1 ? "a valid row is not merged" : "a valid row is held");
        }
    } else if (holds != 1 && !valid(h, row)) {
        differ(h, "what is not merged is held with a reason", row->uid, "an invalid row");
    }
}

static void match_entry(shelf *h)
{
    const sim_table *table = &h->school->tables[h->table];
    name_current(h);
    for (uint32_t i = 0; i < table->n; i++) {
        match_row(h, &table->rows[i]);
    }
    for (uint32_t i = 0; i < h->n; i++) {
        const item *it = &h->items[i];
        if (it->is_hold && !it->current) {
            differ(h, "a hold is closed when its cause is gone", it->uid,
                   lth_refusal_name(it->code));
        }
        const lth_group_view *natural = lth_record_group(&it->view, 1);
        if (is_live(it) && h->table == 1 && natural != NULL &&
            !sim_reference_ever(h->txn, natural->value)) {
            differ(h, "what a record names was there", it->uid, "it never was");
        }
        if (is_live(it) && !it->current && find(h, &it->id, true) == NULL) {
            differ(h, "no record is invented", it->uid, "lives, but the source does not say so");
        }
    }
}

/* A cloned origin may have stopped anywhere; but nothing lives twice or was made up. */
static void match_cloned(shelf *h)
{
    const sim_table *table = &h->school->tables[h->table];
    for (uint32_t i = 0; i < h->n; i++) {
        const item *a = &h->items[i];
        if (is_live(a) && (!a->named || a->uid > table->last_uid)) {
            differ(h, "no record is invented", a->uid, "of a cloned school");
        }
    }
}

/* ---- a tier against the entry broker ---- */

static void match_views(const shelf *h, const item *mine, const item *entry, uint32_t must,
                        uint32_t may)
{
    for (uint32_t i = 0; i < entry->view.n_groups; i++) {
        const lth_group_view *a = &entry->view.groups[i];
        const lth_group_view *b = lth_record_group(&mine->view, a->number);
        uint32_t bit = 1u << (a->number - 1);
        if (b == NULL || (b->shown && !lth_slice_equal(a->value, b->value))) {
            differ(h, "values are those of the school", entry->uid, "another value");
        } else if (b->shown && (may & bit) == 0) {
            differ(h, "a withheld group never reaches a tier", entry->uid, "shown");
        } else if (!b->shown && (must & bit) != 0) {
            differ(h, "what the routes let through arrives", entry->uid, "a group is missing");
        }
    }
}

/* The first epoch of the school that this tier has. */
static uint32_t first_epoch(const shelf *h)
{
    uint8_t from[24] = {0};
    lth_slice key, value;
    lth_cursor *cursor;
    uint32_t epoch = UINT32_MAX;
    memcpy(from, h->school->org.b, 16);
    if (lth_cursor_open(h->txn, LTH_T_chain, &cursor) != LTH_OK) {
        abort();
    }
    if (lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value) == LTH_OK &&
        memcmp(key.p, from, sizeof from) == 0) {
        epoch = lth_get32(key.p + 24);
    }
    lth_cursor_close(&cursor);
    return epoch;
}

/* A tier that first hears of an origin in a later epoch never had what ended before, nor the
 * version that lives on at the entry because the newer one is held. */
static bool never_came(const shelf *h, const shelf *entry, const item *e)
{
    bool kept = !e->is_hold && is_live(e) && find(entry, &e->id, true) != NULL;
    return (!e->is_hold && !is_live(e)) || (kept && e->row.epoch < first_epoch(h));
}

static void match_tier(const shelf *h, const shelf *entry, uint32_t must, uint32_t may)
{
    for (uint32_t i = 0; i < entry->n; i++) {
        const item *e = &entry->items[i];
        const item *mine = find(h, &e->id, e->is_hold);
        if (mine == NULL && !never_came(h, entry, e)) {
            sim_say(h->s, "state %d at the entry, version %u %llu", (int)e->row.state, e->row.epoch,
                    (unsigned long long)e->row.rec_seq);
            differ(h, "no record is lost", e->uid, e->is_hold ? "hold missing" : "missing");
            continue;
        }
        if (mine == NULL) {
            continue;
        }
        if (!e->is_hold && (mine->row.state != e->row.state || mine->row.epoch != e->row.epoch ||
                            mine->row.rec_seq != e->row.rec_seq)) {
            differ(h, "all tiers hold the same version", e->uid, "another version");
            continue;
        }
        if (!e->is_hold) {
            match_views(h, mine, e, must, may);
        }
    }
    for (uint32_t i = 0; i < h->n; i++) {
        if (find(entry, &h->items[i].id, h->items[i].is_hold) == NULL) {
            differ(h, "no record is invented", h->items[i].uid,
                   h->items[i].is_hold ? "a hold of its own" : "unknown at the entry");
        }
    }
}

static void match_dataset(sim *s, const sim_school *school, uint32_t table)
{
    shelf entry, above;
    shelf_open(&entry, s, &s->nodes[school->entry], school, table);
    if (school->clerk != NULL) {
        sim_say(s, "school %u hands in files", school->index); /* rolls.c */
    } else if (school->cloned) {
        match_cloned(&entry);
    } else {
        match_entry(&entry);
    }
    uint32_t at = s->nodes[school->entry].parent;
    for (; at != SIM_NOBODY && !school->cloned; at = s->nodes[at].parent) {
        uint32_t must = sim_visible(s, at, school, table, true);
        uint32_t may = sim_visible(s, at, school, table, false);
        shelf_open(&above, s, &s->nodes[at], school, table);
        if ((may & SIM_NAMED) == 0 && above.n > 0) {
            differ(&above, "what no route names does not leave", 0, "records are there");
        } else if ((must & ~SIM_NAMED) != 0) {
            match_tier(&above, &entry, must, may);
        }
        shelf_close(&above);
    }
    shelf_close(&entry);
}

/* ---- what the school sees of its holds ---- */

typedef struct seen {
    sim *s;
    const sim_school *school;
    lth_txn *agent;
    uint32_t broker_n, agent_n, missing;
} seen;

static void see_broker_hold(void *ctx, lth_slice place, lth_slice value)
{
    seen *v = ctx;
    lth_held_row row;
    uint8_t key[40];
    lth_slice found;
    if (!lth_held_row_decode(&row, value) || !lth_id_equal(&row.origin, &v->school->org)) {
        return;
    }
    memcpy(key, row.origin.b, 16);
    lth_put64(key + 16, row.stream);
    lth_put32(key + 24, row.epoch);
    lth_put64(key + 28, row.seq);
    memcpy(key + 36, place.p + 8, 4);
    sim_say(v->s, "open %u/%llu.%u %s", row.epoch, (unsigned long long)row.seq,
            lth_get32(place.p + 8), lth_refusal_name(row.code));
    v->broker_n++;
    v->missing += !sim_get(v->agent, LTH_A_aheld, lth_slice_of(key, sizeof key), &found);
}

static void see_agent_hold(void *ctx, lth_slice key, lth_slice value)
{
    seen *v = ctx;
    lth_frame_held held;
    if (memcmp(key.p, v->school->org.b, 16) != 0) {
        return;
    }
    v->agent_n++;
    if (lth_agent_held_decode(&held, key, value)) {
        sim_say(v->s, "school %u sees %u/%llu.%u %s", v->school->index, held.epoch,
                (unsigned long long)held.seq, held.index, lth_refusal_name(held.code));
    }
}

static void match_holds(sim *s, const sim_school *school)
{
    lth_txn *agent = sim_read(&s->nodes[school->node]);
    lth_txn *broker = sim_read(&s->nodes[school->entry]);
    seen v = {.s = s, .school = school, .agent = agent};
    sim_each(broker, LTH_T_held, see_broker_hold, &v);
    sim_each(agent, LTH_A_aheld, see_agent_hold, &v);
    if (v.missing > 0 || v.agent_n != v.broker_n) {
        sim_fail(s, SIM_CORRECTNESS, "open holds are visible at the school, closed ones are not",
                 "school %u: %u open, %u of them not seen, %u seen", school->index, v.broker_n,
                 v.missing, v.agent_n);
    }
    lth_store_abort(&agent);
    lth_store_abort(&broker);
}

void sim_match_all(sim *s)
{
    for (uint32_t i = 0; i < s->n_schools && s->failed == 0; i++) {
        bool files = s->schools[i].clerk != NULL;
        for (uint32_t t = files ? SIM_SOURCES : 0; t < (files ? SIM_DATASETS : SIM_SOURCES); t++) {
            match_dataset(s, &s->schools[i], t);
        }
        if (files && !s->schools[i].cloned) {
            sim_rolls_match_entry(s, &s->schools[i]);
        }
        if (!s->schools[i].cloned) {
            match_holds(s, &s->schools[i]);
        }
    }
}
