/* What the documented rules make of a file, from the knowledge of whose line each truly is. Which
 * rows are asked about is the agent's to say; that no other pupil got them is what counts. */
#include <stdlib.h>

#include "sim.h"

#define GONE_PERCENT 20u
#define GONE_LEAST   4u
#define OLD_LEAST    5u
#define NEW_LEAST    20u
#define NONE         UINT32_MAX

typedef enum fate { SKIPPED, ASKED, OLDER, SAME, BACK, CHANGED, FRESH } fate;

/* One sheet of the file, weighed before anything is done. */
typedef struct weighing {
    fate fates[SIM_LINES_MAX];
    uint32_t entries[SIM_LINES_MAX]; /**< Place in the ledger, or NONE. */
    bool seen[SIM_ENTRIES_MAX], gone[SIM_ENTRIES_MAX];
    uint32_t n_gone, n_old, n_fresh, n_changed;
    bool elsewhere, asks, passes, held_gone, held_old;
    uint32_t before; /**< Records that the sheet could end. */
    uint32_t known, n_seen;
    uint32_t told_gone; /**< As a person is asked about it. */
    lth_scan_fault kind;
} weighing;

typedef struct taking {
    sim *s;
    sim_school *school;
    sim_clerk *c;
    sim_ledger *ledger;
    const sim_file *file;
    uint32_t kept;
    const sim_report *report;
    uint64_t number;
    bool repeats, held_new;
    weighing of[SIM_SHEETS];
} taking;

static void wrong(taking *t, uint32_t sheet, const char *invariant, uint32_t is, uint32_t should)
{
    sim_fail(t->s, SIM_CORRECTNESS, invariant, "school %u file %u upload %llu sheet %u: %u not %u",
             t->school->index, t->file->id, (unsigned long long)t->number, sheet, is, should);
}

/* ---- whose line ---- */

/* A better key outweighs the others. */
static uint32_t trust(const sim_line *a, const sim_line *b)
{
    return a->code != 0 && a->code == b->code ? 3 : a->nid != 0 && a->nid == b->nid ? 2 : 1;
}

static bool was_told(const sim_clerk *c, const sim_line *line)
{
    bool yes = false;
    for (uint32_t i = 0; i < c->n_told; i++) {
        yes = yes || sim_line_same(&c->told[i], line);
    }
    return yes;
}

static uint32_t find_entry(const taking *t, uint32_t sheet, const sim_line *line)
{
    uint32_t best = NONE, most = 0;
    for (uint32_t i = 0; i < t->ledger->n[sheet]; i++) {
        const sim_entry *e = &t->ledger->entries[sheet][i];
        bool leads = sim_line_leads(sheet, &e->keys, line) || was_told(t->c, line);
        if (e->live && e->line.uid == line->uid && leads && trust(&e->keys, line) > most) {
            best = i;
            most = trust(&e->keys, line);
        }
    }
    return best;
}

static bool newer(const taking *t, const sim_entry *e)
{
    return t->number < t->ledger->newest && e->upload > t->number;
}

static bool same_first_key(const sim_line *a, const sim_line *b)
{
    return a->code != 0 || b->code != 0 ? a->code == b->code : a->nid == b->nid;
}

/* Who left since is known by the key that he was first seen under, and those that he had last. */
static bool ended_since(const taking *t, uint32_t sheet, const sim_line *line)
{
    bool yes = false;
    for (uint32_t i = 0; i < t->ledger->n[sheet]; i++) {
        const sim_entry *e = &t->ledger->entries[sheet][i];
        bool known = same_first_key(&e->first, line) || sim_line_best(&e->keys, line);
        yes = yes || (!e->live && e->line.uid == line->uid && known && newer(t, e));
    }
    return yes;
}

static bool is_asked(const taking *t, uint32_t sheet, uint32_t line)
{
    for (uint32_t i = 0; i < t->report->n_asked[sheet]; i++) {
        if (t->report->asked[sheet][i] == line + 2) {
            return true;
        }
    }
    return false;
}

/* A line that was there before in this file: of two that are the same pupil's the first counts. */
static bool repeated(const taking *t, uint32_t sheet, uint32_t line)
{
    const sim_sheet *in = &t->file->sheets[sheet];
    for (uint32_t i = 0; i < line; i++) {
        if (t->of[sheet].fates[i] > ASKED && in->lines[i].uid == in->lines[line].uid &&
            t->of[sheet].entries[i] == t->of[sheet].entries[line] &&
            sim_line_leads(sheet, &in->lines[i], &in->lines[line])) {
            return true;
        }
    }
    return false;
}

static fate judge(taking *t, uint32_t sheet, uint32_t i)
{
    const sim_line *line = &t->file->sheets[sheet].lines[i];
    uint32_t at = t->of[sheet].entries[i] = find_entry(t, sheet, line);
    const sim_entry *e = at != NONE ? &t->ledger->entries[sheet][at] : NULL;
    if (!sim_line_found(sheet, line)) {
        return SKIPPED;
    }
    if (is_asked(t, sheet, i)) {
        return ASKED;
    }
    if (e != NULL) {
        t->of[sheet].seen[at] = true;
    }
    if (repeated(t, sheet, i)) {
        return SKIPPED;
    }
    if (e != NULL ? newer(t, e) : ended_since(t, sheet, line)) {
        return OLDER;
    }
    if (e != NULL && sim_line_same(&e->line, line)) {
        return SAME;
    }
    bool back = e != NULL && e->has_before && sim_line_same(&e->before, line);
    return back || t->repeats ? BACK : e != NULL ? CHANGED : FRESH;
}

/* ---- what is missing ---- */

static bool names_class(const taking *t, uint32_t sheet, uint32_t class_, bool found)
{
    const sim_sheet *in = &t->file->sheets[sheet];
    for (uint32_t i = 0; i < in->n; i++) {
        if (in->lines[i].class_ == class_ && sim_line_found(sheet, &in->lines[i]) == found) {
            return true;
        }
    }
    return false;
}

static bool is_spared(const taking *t, uint32_t sheet, const sim_entry *e)
{
    for (uint32_t i = 0; i < t->report->n_spared[sheet]; i++) {
        if (lth_id_equal(&t->report->spared[sheet][i], &e->id)) {
            return true;
        }
    }
    return false;
}

/* The class that the record has when the file's changes are done. */
static uint32_t class_of(const taking *t, uint32_t sheet, uint32_t at)
{
    const weighing *w = &t->of[sheet];
    const sim_sheet *in = &t->file->sheets[sheet];
    for (uint32_t i = 0; i < in->n; i++) {
        if (w->entries[i] == at && w->fates[i] == CHANGED) {
            return in->lines[i].class_;
        }
    }
    return t->ledger->entries[sheet][at].line.class_;
}

static void weigh_missing(taking *t, uint32_t sheet)
{
    weighing *w = &t->of[sheet];
    const sim_sheet *in = &t->file->sheets[sheet];
    for (uint32_t i = 0; i < t->ledger->n[sheet]; i++) {
        const sim_entry *e = &t->ledger->entries[sheet][i];
        uint32_t class_ = class_of(t, sheet, i);
        bool spoken = names_class(t, sheet, class_, true);
        bool ends = (in->n == 0 || (spoken && !names_class(t, sheet, class_, false))) &&
                    !newer(t, e) && !is_spared(t, sheet, e);
        if (!e->live) {
            continue;
        }
        w->known++;
        w->n_seen += w->seen[i];
        if (t->file->correction) {
            continue;
        }
        w->before += ends;
        w->gone[i] = ends && !w->seen[i];
        w->n_gone += w->gone[i];
        w->elsewhere = w->elsewhere || (sheet == SIM_PUPILS && !spoken && !w->seen[i]);
    }
}

/* ---- guards ---- */

static uint64_t member(const sim_line *line)
{
    sim_rng mix = {.state = line->uid * 7919u};
    return sim_draw(&mix);
}

static void passes(taking *t, weighing *w, uint32_t kind)
{
    w->passes = true;
    w->held_gone = w->held_gone || kind == SIM_GONE;
    w->held_old = w->held_old || kind == SIM_OLD;
    t->held_new = true;
}

static void asks(taking *t, weighing *w, const sim_word *word)
{
    w->kind = w->asks ? w->kind : word->kind;
    w->asks = true;
    t->held_new = t->held_new || word->kind != LTH_SCAN_may_be_elsewhere;
}

/* A person's word holds for this set or a smaller one; a withdrawn file stays withdrawn; a file
 * that waits goes on waiting when newer ones brought what it lacks. */
static void consult(taking *t, uint32_t sheet, uint32_t kind, lth_scan_fault risk, uint32_t n,
                    uint64_t set)
{
    weighing *w = &t->of[sheet];
    sim_word *word = &t->c->words[t->kept][sheet][kind];
    bool covered = n < word->n || (n == word->n && set == word->set);
    if (word->said == SIM_WITHDRAWN) {
        passes(t, w, kind);
    } else if (risk == LTH_SCAN_none && word->said == SIM_ASKED && t->number < t->ledger->newest) {
        asks(t, w, word);
    } else if (risk == LTH_SCAN_none) {
        word->said = SIM_SILENT;
    } else if (word->said != SIM_CONFIRMED || !covered) {
        *word = (sim_word){.said = SIM_ASKED, .kind = risk, .n = n, .set = set};
        asks(t, w, word);
    }
    bool stands = word->said == SIM_ASKED || word->said == SIM_WITHDRAWN;
    w->told_gone = kind != SIM_GONE ? w->told_gone : stands ? word->n : n;
}

static void guard_old(taking *t, uint32_t sheet)
{
    weighing *w = &t->of[sheet];
    const sim_word *word = &t->c->words[t->kept][sheet][SIM_OLD];
    const lth_upload *said = &t->report->upload;
    uint64_t set = 0;
    for (uint32_t i = 0; i < t->file->sheets[sheet].n; i++) {
        set += w->fates[i] == BACK ? member(&t->file->sheets[sheet].lines[i]) : 0;
    }
    bool most = w->n_old * 2 >= w->n_changed + w->n_fresh + w->n_old;
    bool risky =
        w->n_old > 0 && (word->said != SIM_SILENT || t->repeats || (w->n_old >= OLD_LEAST && most));
    /* Changes of a reading that broke off do not count any more. */
    if (w->n_old >= OLD_LEAST && !risky) {
        risky = said->tables[sheet].fault == LTH_SCAN_restored;
    }
    consult(t, sheet, SIM_OLD, risky ? LTH_SCAN_restored : LTH_SCAN_none, w->n_old, set);
}

static void guard_gone(taking *t, uint32_t sheet)
{
    weighing *w = &t->of[sheet];
    uint64_t set = 0;
    for (uint32_t i = 0; i < t->ledger->n[sheet]; i++) {
        set += w->gone[i] ? member(&t->ledger->entries[sheet][i].line) + i : 0;
    }
    bool emptied = t->file->sheets[sheet].n == 0 && w->n_gone > 0;
    bool mass = w->n_gone >= GONE_LEAST && w->n_gone * 100 > w->before * GONE_PERCENT;
    bool moved = w->n_gone > 0 && w->elsewhere;
    lth_scan_fault risk = emptied ? LTH_SCAN_emptied
                          : mass  ? LTH_SCAN_mass_deletion
                          : moved ? LTH_SCAN_may_be_elsewhere
                                  : LTH_SCAN_none;
    consult(t, sheet, SIM_GONE, risk, w->n_gone, set);
}

/* Many, and nobody whom the school has. */
static void guard_new(taking *t, uint32_t sheet)
{
    weighing *w = &t->of[sheet];
    uint64_t set = 0;
    for (uint32_t i = 0; i < t->file->sheets[sheet].n; i++) {
        set += w->fates[i] == FRESH ? member(&t->file->sheets[sheet].lines[i]) : 0;
    }
    bool risky =
        w->n_fresh >= NEW_LEAST && w->known > 0 && w->n_seen == 0 && 2 * w->n_fresh >= w->known;
    consult(t, sheet, SIM_NEW, risky ? LTH_SCAN_mass_addition : LTH_SCAN_none, w->n_fresh, set);
}

static void weigh(taking *t, uint32_t sheet)
{
    weighing *w = &t->of[sheet];
    for (uint32_t i = 0; i < t->file->sheets[sheet].n; i++) {
        w->fates[i] = judge(t, sheet, i);
        w->n_old += w->fates[i] == BACK;
        w->n_fresh += w->fates[i] == FRESH;
        w->n_changed += w->fates[i] == CHANGED;
    }
    weigh_missing(t, sheet);
    if (!t->file->correction) {
        guard_gone(t, sheet);
    }
    guard_old(t, sheet);
    guard_new(t, sheet);
    w->held_gone = w->held_gone || w->asks;
    w->held_old = w->held_old || w->asks;
}

/* ---- doing it ---- */

static void take_line(taking *t, uint32_t sheet, uint32_t at, const sim_line *line)
{
    sim_entry *e = &t->ledger->entries[sheet][at];
    e->first = e->live ? e->first : *line;
    e->keys = e->live ? sim_line_keys(&e->keys, line) : *line;
    e->has_before = e->live;
    e->before = e->line;
    e->line = *line;
    e->live = true;
    e->held = !sim_line_good(line) && sheet == SIM_PUPILS;
    e->has_good = e->has_good || !e->held;
    e->good = e->held ? e->good : *line;
    e->upload = t->number;
    t->c->admitted[sheet == SIM_PUPILS ? line->uid / 1000 : t->school->index] = true;
}

/* A place for a new record: of one that ended before, as it may be the same again. */
static uint32_t place(taking *t, uint32_t sheet, const sim_line *line)
{
    for (uint32_t i = 0; i < t->ledger->n[sheet]; i++) {
        sim_entry *e = &t->ledger->entries[sheet][i];
        if (!e->live && e->line.uid == line->uid && same_first_key(&e->first, line)) {
            *e = (sim_entry){.upload = 0};
            return i;
        }
    }
    if (t->ledger->n[sheet] == SIM_ENTRIES_MAX) {
        abort();
    }
    return t->ledger->n[sheet]++;
}

static void apply(taking *t, uint32_t sheet)
{
    weighing *w = &t->of[sheet];
    uint32_t known = t->ledger->n[sheet];
    for (uint32_t i = 0; i < known; i++) {
        if (w->gone[i] && !w->held_gone) {
            t->ledger->entries[sheet][i].live = false;
            t->ledger->entries[sheet][i].upload = t->number;
        }
    }
    for (uint32_t i = 0; i < t->file->sheets[sheet].n; i++) {
        const sim_line *line = &t->file->sheets[sheet].lines[i];
        uint32_t at = w->entries[i];
        bool taken =
            w->fates[i] == CHANGED || w->fates[i] == FRESH || (w->fates[i] == BACK && !w->held_old);
        if (w->fates[i] == SAME) {
            t->ledger->entries[sheet][at].upload = t->number;
        } else if (taken && (at != NONE || !t->held_new)) {
            take_line(t, sheet, at != NONE ? at : place(t, sheet, line), line);
        }
    }
}

/* A word that was used is used up. */
static void use_words(taking *t, uint32_t sheet)
{
    sim_word *words = t->c->words[t->kept][sheet];
    const weighing *w = &t->of[sheet];
    if (w->kind == LTH_SCAN_none) {
        bool kept[SIM_WORDS] = {[SIM_GONE] = w->held_gone || t->file->correction,
                                [SIM_OLD] = w->held_old,
                                [SIM_NEW] = t->held_new};
        for (uint32_t i = 0; i < SIM_WORDS; i++) {
            words[i].said = words[i].said == SIM_CONFIRMED && !kept[i] ? SIM_SILENT : words[i].said;
        }
    }
}

/* ---- against what the page says ---- */

static void show(const taking *t, uint32_t sheet)
{
    static const char *const names[] = {"skipped", "asked",   "older", "same",
                                        "back",    "changed", "fresh"};
    for (uint32_t i = 0; i < t->file->sheets[sheet].n && t->s->verbose; i++) {
        const sim_line *l = &t->file->sheets[sheet].lines[i];
        sim_say(t->s, "  row %u %s: %u.%u code %u nid %u name %u class %u", i + 2,
                names[t->of[sheet].fates[i]], l->uid, l->note, l->code, l->nid, l->name, l->class_);
    }
}

static void compare(taking *t, uint32_t sheet)
{
    const weighing *w = &t->of[sheet];
    const lth_upload *said = &t->report->upload;
    if (said->tables[sheet].fault != w->kind) {
        wrong(t, sheet, "guards ask when they should", said->tables[sheet].fault, w->kind);
    } else if (said->tables[sheet].gone != w->told_gone && !t->file->half_done) {
        wrong(t, sheet, "what is missing is counted", said->tables[sheet].gone, w->told_gone);
    } else if (said->tables[sheet].old != w->n_old && !t->file->half_done) {
        wrong(t, sheet, "what went back is counted", said->tables[sheet].old, w->n_old);
    } else if (said->tables[sheet].rows != t->file->sheets[sheet].n) {
        wrong(t, sheet, "rows are counted", said->tables[sheet].rows, t->file->sheets[sheet].n);
    }
}

static lth_upload_state state_of(const taking *t)
{
    bool asks = t->of[0].asks || t->of[1].asks, passes = t->of[0].passes || t->of[1].passes;
    return asks ? LTH_UPLOAD_WAITING : passes ? LTH_UPLOAD_WITHDRAWN : LTH_UPLOAD_DONE;
}

static bool taken_before(const sim_clerk *c, uint32_t kept)
{
    return c->states[kept] == LTH_UPLOAD_DONE || c->states[kept] == LTH_UPLOAD_WAITING;
}

/* The same bytes were here before, and others in between. */
static bool repeats(const taking *t)
{
    uint64_t same = 0, other = 0;
    for (uint32_t i = 0; i < t->c->n_kept; i++) {
        const sim_file *file = &t->c->kept[i];
        if (file->number == 0 || file->number >= t->number) {
            continue;
        }
        if (file->bytes != t->file->bytes) {
            other = file->number > other ? file->number : other;
        } else if (taken_before(t->c, i)) {
            same = file->number > same ? file->number : same;
        }
    }
    return same > 0 && other > same;
}

static void number(taking *t, sim_file *file, uint64_t given)
{
    uint64_t should = file->number != 0 ? file->number : t->ledger->newest + 1;
    if (given != should) {
        wrong(t, 0, "the same file is the same upload", (uint32_t)given, (uint32_t)should);
    }
    file->number = t->number = should;
    t->ledger->newest = should > t->ledger->newest ? should : t->ledger->newest;
}

void sim_ledger_take(sim *s, sim_school *school, uint32_t kept, uint64_t given,
                     const sim_report *report)
{
    static taking t;
    sim_file *file = &school->clerk->kept[kept];
    t = (taking){.s = s,
                 .school = school,
                 .c = school->clerk,
                 .ledger = &school->clerk->ledger,
                 .file = file,
                 .kept = kept,
                 .report = report};
    number(&t, file, given);
    t.c->states[kept] = report->upload.state;
    if (report->upload.state == LTH_UPLOAD_REFUSED) {
        return;
    }
    t.repeats = repeats(&t);
    for (uint32_t i = 0; i < SIM_SHEETS; i++) {
        if (file->sheets[i].there) {
            weigh(&t, i);
            show(&t, i);
            compare(&t, i);
        }
    }
    if (report->upload.state != state_of(&t)) {
        wrong(&t, 0, "a file waits, is done or withdrawn", report->upload.state, state_of(&t));
    }
    for (uint32_t i = 0; i < SIM_SHEETS; i++) {
        if (file->sheets[i].there) {
            apply(&t, i);
            use_words(&t, i);
        }
    }
}
