/* Ledger and true roll against what agents and entry brokers hold. */
#include <stdlib.h>

#include "sim.h"

/* ---- what the page says ---- */

typedef struct reader {
    sim_report *out;
    const sim_school *school;
    uint64_t number;
} reader;

static void see_finding(void *ctx, lth_slice key, lth_slice value)
{
    reader *r = ctx;
    lth_upload_finding f;
    if (memcmp(key.p, r->school->org.b, 16) != 0 || lth_get64(key.p + 16) != r->number ||
        !lth_upload_finding_decode(&f, value) || f.code != LTH_REFUSE_none) {
        return;
    }
    uint32_t t = sim_dataset_index(f.dataset) - SIM_SOURCES;
    sim_report *out = r->out;
    if (out->n_asked[t] == SIM_ASKED_MAX) {
        abort();
    }
    f.column = f.vi = f.en = (lth_slice){0};
    out->questions[t][out->n_asked[t]] = f;
    out->asked[t][out->n_asked[t]++] = f.row != 0 ? f.row : lth_get32(key.p + 24);
    for (uint32_t i = 0; i < f.n_candidates && i < 4; i++) {
        out->spared[t][out->n_spared[t]++] = f.candidates[i];
    }
}

void sim_report_read(sim_report *out, const sim_school *school, uint64_t number, lth_txn *txn)
{
    reader r = {.out = out, .school = school, .number = number};
    uint8_t key[24];
    lth_slice value;
    memset(out, 0, sizeof *out);
    memcpy(key, school->org.b, 16);
    lth_put64(key + 16, number);
    if (sim_get(txn, LTH_A_upload, lth_slice_of(key, sizeof key), &value) &&
        lth_upload_decode(&out->upload, value)) {
        sim_each(txn, LTH_A_finding, see_finding, &r);
    }
}

/* ---- the agent's rows against the ledger ---- */

typedef struct walk {
    sim *s;
    sim_school *school;
    uint32_t sheet;
    bool met[SIM_ENTRIES_MAX];
    uint32_t holds[SIM_ENTRIES_MAX], lives[SIM_ENTRIES_MAX];
    lth_txn *txn;
} walk;

static void differ(const walk *w, const char *invariant, uint32_t uid, const char *what)
{
    sim_fail(w->s, SIM_CORRECTNESS, invariant, "school %u sheet %u pupil %u: %s", w->school->index,
             w->sheet, uid, what);
}

static bool says(const lth_value *value, const char *text, bool there)
{
    return (value->kind != LTH_VALUE_NULL) == there &&
           (!there || lth_slice_equal(value->text, lth_slice_of(text, strlen(text))));
}

/* Do these values, as the agent keeps them, come from that line? */
static bool of_line(const walk *w, const lth_value *v, const sim_line *line)
{
    char text[6][64];
    lth_cell cells[6];
    sim_line_cells(w->school, w->sheet, line, cells, text);
    if (w->sheet == SIM_CLASSES) {
        return says(&v[0], text[0], line->code != 0) && says(&v[1], text[1], true);
    }
    bool born = (v[3].kind != LTH_VALUE_NULL) == (line->born > 1) &&
                (line->born <= 1 || v[3].number == (int64_t)line->born);
    return says(&v[0], text[0], line->code != 0) && says(&v[1], text[1], line->nid != 0) &&
           says(&v[2], text[2], line->name != 0) && born &&
           says(&v[4], text[4], line->class_ != 0) && says(&v[5], text[5], true);
}

static void see_state(void *ctx, lth_slice key, lth_slice value)
{
    walk *w = ctx;
    lth_value values[LTH_FIELDS_MAX];
    uint64_t upload;
    uint32_t row;
    uint16_t dataset = sim_datasets[SIM_SOURCES + w->sheet];
    if (memcmp(key.p, w->school->org.b, 8) != 0 || lth_get16(key.p + 8) != dataset) {
        return;
    }
    const lth_dataset *ds = lth_schema_find(sim_schema(), dataset);
    if (!lth_agent_state_values(value, ds, &upload, &row, values)) {
        differ(w, "an agent's rows can be read", 0, "corrupt");
        return;
    }
    lth_id id;
    memcpy(id.b, key.p + 10, sizeof id.b);
    sim_ledger *ledger = &w->school->clerk->ledger;
    for (uint32_t i = 0; i < ledger->n[w->sheet]; i++) {
        sim_entry *e = &ledger->entries[w->sheet][i];
        if (e->live && !w->met[i] && of_line(w, values, &e->line)) {
            bool same = lth_id_is_zero(&e->id) || lth_id_equal(&e->id, &id);
            if (!same) {
                differ(w, "a record keeps its id", e->line.uid, "another one");
            }
            w->met[i] = true;
            e->id = id;
            return;
        }
    }
    uint32_t uid = 0, note = 0;
    (void)sim_note_read(values[w->sheet == SIM_PUPILS ? 5 : 1].text, &uid, &note);
    sim_say(w->s, "unexpected: pupil %u note %u of upload %llu row %u", uid, note,
            (unsigned long long)upload, row);
    differ(w, "the agent holds what the rules say", uid, "not in the ledger");
}

void sim_rolls_check_agent(sim *s, sim_school *school)
{
    lth_txn *txn = sim_read(&s->nodes[school->node]);
    for (uint32_t t = 0; t < SIM_SHEETS; t++) {
        walk w = {.s = s, .school = school, .sheet = t};
        const sim_ledger *ledger = &school->clerk->ledger;
        sim_each(txn, LTH_A_state, see_state, &w);
        for (uint32_t i = 0; i < ledger->n[t]; i++) {
            const sim_entry *e = &ledger->entries[t][i];
            if (e->live && !w.met[i]) {
                sim_say(s, "missing: pupil %u note %u code %u nid %u name %u class %u", e->line.uid,
                        e->line.note, e->line.code, e->line.nid, e->line.name, e->line.class_);
                differ(&w, "the agent holds what the rules say", e->line.uid, "not at the agent");
            }
        }
    }
    lth_store_abort(&txn);
}

/* ---- the entry broker against the ledger ---- */

static uint32_t find_id(const walk *w, lth_slice key)
{
    const sim_ledger *ledger = &w->school->clerk->ledger;
    for (uint32_t i = 0; i < ledger->n[w->sheet]; i++) {
        const sim_entry *e = &ledger->entries[w->sheet][i];
        if (e->live && memcmp(e->id.b, key.p + 2, sizeof e->id.b) == 0) {
            return i;
        }
    }
    return SIM_ENTRIES_MAX;
}

static bool equals(const walk *w, const lth_record_view *view, const sim_line *line)
{
    uint8_t bytes[512];
    for (uint32_t g = 1; g <= SIM_GROUPS; g++) {
        const lth_group_view *group = lth_record_group(view, (uint16_t)g);
        if (!sim_has_group(SIM_SOURCES + w->sheet, g)) {
            continue;
        }
        size_t n = sim_line_group(w->school, w->sheet, line, g, bytes);
        if (group == NULL || !group->shown ||
            !lth_slice_equal(group->value, lth_slice_of(bytes, n))) {
            return false;
        }
    }
    return true;
}

static bool mine(const walk *w, lth_slice key)
{
    return lth_get16(key.p) == sim_datasets[SIM_SOURCES + w->sheet] &&
           memcmp(key.p + 2, w->school->org.b, 8) == 0;
}

static void see_record(void *ctx, lth_slice key, lth_slice value)
{
    walk *w = ctx;
    lth_record_row row;
    lth_record_view view;
    if (!mine(w, key) || !lth_record_row_decode(&row, value) || row.state != LTH_ROW_LIVE) {
        return;
    }
    uint32_t at = find_id(w, key);
    lth_rd rd = lth_rd_of(row.wire);
    if (at == SIM_ENTRIES_MAX) {
        uint32_t uid = 0, note = 0;
        (void)sim_note_read(row.wire, &uid, &note);
        differ(w, "no record is invented", uid, "lives, but the ledger does not say so");
        return;
    }
    const sim_entry *e = &w->school->clerk->ledger.entries[w->sheet][at];
    w->lives[at]++;
    if (!e->has_good || lth_record_parse(&view, &rd) != LTH_REFUSE_none ||
        !equals(w, &view, &e->good)) {
        uint32_t uid = 0, note = 0;
        (void)sim_note_read(row.wire, &uid, &note);
        sim_say(w->s, "epoch %u: lives as %u.%u, should as %u.%u, newest %u.%u%s", row.epoch, uid,
                note, e->good.uid, e->good.note, e->line.uid, e->line.note,
                e->held ? ", held" : "");
        differ(w, "a child has the marks of its own", e->line.uid, "lives with other values");
    }
}

static void see_hold(void *ctx, lth_slice key, lth_slice place)
{
    walk *w = ctx;
    (void)place;
    if (mine(w, key)) {
        uint32_t at = find_id(w, key);
        w->holds[at % SIM_ENTRIES_MAX]++;
        if (at == SIM_ENTRIES_MAX || !w->school->clerk->ledger.entries[w->sheet][at].held) {
            differ(w, "a hold is closed when its cause is gone", 0, "a hold of nothing");
        }
    }
}

static void match_sheet(walk *w)
{
    const sim_ledger *ledger = &w->school->clerk->ledger;
    sim_each(w->txn, LTH_T_record, see_record, w);
    sim_each(w->txn, LTH_T_heldby, see_hold, w);
    for (uint32_t i = 0; i < ledger->n[w->sheet]; i++) {
        const sim_entry *e = &ledger->entries[w->sheet][i];
        if (e->live && w->lives[i] != (e->has_good ? 1 : 0)) {
            differ(w, "no record is lost", e->line.uid, "not merged");
        } else if (e->live && w->holds[i] != (e->held ? 1 : 0)) {
            differ(w, "what is not merged is held with a reason", e->line.uid, "no hold");
        }
    }
}

static bool has_class(const sim_clerk *c, uint32_t sheet, uint32_t class_)
{
    bool yes = false;
    for (uint32_t i = 0; i < c->n[sheet]; i++) {
        yes = yes || c->roll[sheet][i].class_ == class_;
    }
    return yes;
}

/* Whom the true roll lists lives once, and nobody else does in its classes. */
static void match_roll(const walk *w)
{
    const sim_clerk *c = w->school->clerk;
    uint32_t live = 0;
    for (uint32_t i = 0; i < c->ledger.n[w->sheet]; i++) {
        const sim_entry *e = &c->ledger.entries[w->sheet][i];
        live += e->live && has_class(c, w->sheet, e->line.class_);
    }
    for (uint32_t i = 0; i < c->n[w->sheet]; i++) {
        uint32_t n = 0;
        for (uint32_t k = 0; k < c->ledger.n[w->sheet]; k++) {
            const sim_entry *e = &c->ledger.entries[w->sheet][k];
            n += e->live && sim_line_same(&e->line, &c->roll[w->sheet][i]);
        }
        if (n != 1) {
            differ(w, "after the true roll every pupil is there once", c->roll[w->sheet][i].uid,
                   n == 0 ? "missing" : "doubled");
        }
    }
    if (live != c->n[w->sheet]) {
        differ(w, "after the true roll nobody else is there", live, "living");
    }
}

void sim_rolls_match_entry(sim *s, sim_school *school)
{
    walk w = {.s = s, .school = school, .txn = sim_read(&s->nodes[school->entry])};
    sim_rolls_check_agent(s, school);
    for (uint32_t t = 0; t < SIM_SHEETS && s->failed == 0; t++) {
        w.sheet = t;
        memset(w.lives, 0, sizeof w.lives);
        memset(w.holds, 0, sizeof w.holds);
        match_sheet(&w);
        if (school->clerk->last != NULL) {
            match_roll(&w);
        }
    }
    lth_store_abort(&w.txn);
}
