/* Clerks: the true rolls of their schools, and the files that they hand in, rightly and wrongly. */
#include <stdlib.h>

#include "sim.h"

/* ---- the roll ---- */

static uint32_t below(sim_clerk *c, uint32_t n)
{
    return sim_below(&c->rng, n);
}

static sim_line *any(sim_clerk *c)
{
    return &c->roll[SIM_PUPILS][below(c, c->n[SIM_PUPILS])];
}

static uint32_t any_class(sim_clerk *c)
{
    return 1 + below(c, c->n[SIM_CLASSES]);
}

/* Some have no number yet, some a temporary code; some are another's namesake. */
static void join(sim_clerk *c, uint32_t school)
{
    if (c->n[SIM_PUPILS] >= SIM_LINES_MAX - 8) {
        return;
    }
    sim_line fresh = {.uid = school * 1000 + ++c->last_uid,
                      .note = 1,
                      .code = school * 1000 + ++c->last_code,
                      .temporary = below(c, 4) == 0,
                      .nid = below(c, 3) != 0 ? school * 1000 + c->last_uid : 0,
                      .name = school * 1000 + c->last_uid,
                      .born = 20120100 + 1 + below(c, 28),
                      .class_ = any_class(c)};
    if (c->n[SIM_PUPILS] > 0 && below(c, 6) == 0) {
        const sim_line *other = any(c);
        bool known = c->careful || other->nid != 0;
        fresh.nid = known && !c->careful ? fresh.uid : fresh.nid;
        fresh.name = known ? other->name : fresh.name;
        fresh.born = known ? other->born : fresh.born;
        fresh.class_ = known ? other->class_ : fresh.class_;
    }
    c->roll[SIM_PUPILS][c->n[SIM_PUPILS]++] = fresh;
}

/* Only the name, birthday and class tell one who left from another of that name who came: no rule
 * can. Both stay while one of them has no national id. */
static bool has_twin(const sim_clerk *c, const sim_line *line, bool numbered)
{
    for (uint32_t i = 0; i < c->n[SIM_PUPILS]; i++) {
        const sim_line *other = &c->roll[SIM_PUPILS][i];
        if (other->uid != line->uid && other->name == line->name &&
            (numbered || other->nid == 0 || line->nid == 0)) {
            return true;
        }
    }
    return false;
}

static void leave(sim_clerk *c, sim_line *one)
{
    if (c->n[SIM_PUPILS] > 1) {
        *one = c->roll[SIM_PUPILS][c->n[SIM_PUPILS] - 1];
        c->n[SIM_PUPILS]--;
    }
}

static void change(sim_clerk *c, uint32_t school)
{
    sim_line *one = any(c);
    bool twin = has_twin(c, one, false);
    switch (below(c, 8)) {
    case 0:
        join(c, school);
        break;
    case 1:
        if (!twin) {
            leave(c, one);
        }
        break;
    case 2:
        one->class_ = twin ? one->class_ : any_class(c);
        break;
    case 3: /* the ministry gave a code */
        if (one->temporary != 0) {
            one->code = school * 1000 + ++c->last_code;
            one->temporary = 0;
        }
        break;
    case 4:
        one->nid = one->nid == 0 && !twin ? one->uid : one->nid;
        break;
    case 5:
        c->roll[SIM_CLASSES][below(c, c->n[SIM_CLASSES])].note++;
        break;
    default:
        one->note++;
        break;
    }
}

void sim_clerk_begin(sim *s, sim_school *school)
{
    sim_clerk *c = calloc(1, sizeof *c);
    if (c == NULL) {
        abort();
    }
    school->clerk = c;
    c->rng.state = s->seed * 0x9e3779b97f4a7c15u + 1000 + school->index;
    c->n[SIM_CLASSES] = 2 + below(c, 5);
    for (uint32_t i = 0; i < c->n[SIM_CLASSES]; i++) {
        c->roll[SIM_CLASSES][i] = (sim_line){.uid = 1 + i, .note = 1, .code = 1 + i};
    }
    c->careful = below(c, 3) == 0;
    c->patience = 1 + below(c, 6);
    for (uint32_t n = 4 + below(c, 28); n > 0; n--) {
        join(c, school->index);
    }
    c->acts_at = sim_range(&c->rng, 1, 20) * SIM_S;
}

/* ---- files ---- */

static void enqueue(sim_clerk *c, uint32_t kept)
{
    if (c->n_queue < SIM_QUEUE_FILES) {
        c->queue[c->n_queue++] = kept;
    }
}

void sim_clerk_again(sim_clerk *c, uint32_t kept)
{
    enqueue(c, kept);
}

/* NULL: no place for another one. */
static sim_file *new_file(sim_clerk *c, const sim_file *like)
{
    if (c->n_kept == SIM_KEPT_MAX || c->n_queue == SIM_QUEUE_FILES) {
        return NULL;
    }
    enqueue(c, c->n_kept);
    sim_file *file = &c->kept[c->n_kept++];
    *file = (sim_file){.bytes = 0};
    if (like != NULL) {
        memcpy(file, like, sizeof *file);
        file->number = 0;
    }
    file->id = ++c->last_id;
    file->bytes = like != NULL ? like->bytes : ++c->last_bytes;
    return file;
}

static void shuffle(sim_clerk *c, sim_sheet *sheet)
{
    for (uint32_t i = sheet->n; i > 1; i--) {
        uint32_t k = below(c, i);
        sim_line line = sheet->lines[k];
        sheet->lines[k] = sheet->lines[i - 1];
        sheet->lines[i - 1] = line;
    }
}

/* @p classes: bit per class that is in it. */
static void copy_roll(sim_clerk *c, const sim_clerk *from, sim_file *file, uint32_t classes,
                      bool lists)
{
    sim_sheet *pupils = &file->sheets[SIM_PUPILS], *list = &file->sheets[SIM_CLASSES];
    pupils->there = true;
    for (uint32_t i = 0; i < from->n[SIM_PUPILS]; i++) {
        const sim_line *line = &from->roll[SIM_PUPILS][i];
        if ((classes >> line->class_ & 1) != 0) {
            pupils->lines[pupils->n++] = *line;
        }
    }
    shuffle(c, pupils);
    list->there = lists;
    list->n = lists ? from->n[SIM_CLASSES] : 0;
    memcpy(list->lines, from->roll[SIM_CLASSES], list->n * sizeof *list->lines);
}

static sim_file *full(sim_clerk *c)
{
    sim_file *file = new_file(c, NULL);
    if (file != NULL) {
        copy_roll(c, c, file, UINT32_MAX, below(c, 3) != 0);
    }
    return file;
}

static void some_classes(sim_clerk *c)
{
    sim_file *file = new_file(c, NULL);
    if (file != NULL) {
        copy_roll(c, c, file, 1u << any_class(c) | 1u << any_class(c), false);
    }
}

/* As it was saved, or saved anew: other bytes of the same lines. */
static void older(sim_clerk *c, bool newest)
{
    if (c->n_kept == 0) {
        return;
    }
    sim_file *file = new_file(c, &c->kept[newest ? c->n_kept - 1 : below(c, c->n_kept)]);
    if (file != NULL && below(c, 3) == 0) {
        file->bytes = ++c->last_bytes;
    }
}

static void foreign(sim *s, sim_clerk *c, const sim_school *school)
{
    const sim_school *other = &s->schools[below(c, s->n_schools)];
    if (other->clerk != NULL && other != school) {
        sim_file *file = new_file(c, NULL);
        if (file != NULL) {
            copy_roll(c, other->clerk, file, UINT32_MAX, below(c, 2) == 0);
        }
    }
}

static void emptied(sim_clerk *c)
{
    sim_file *file = full(c);
    if (file != NULL) {
        uint32_t sheet = below(c, SIM_SHEETS);
        file->sheets[sheet] = (sim_sheet){.there = true};
    }
}

/* A code is left out only where another number leads to the pupil. */
static void spoil(sim_clerk *c, sim_line *line)
{
    switch (has_twin(c, line, true) ? 0 : below(c, 3)) {
    case 0:
        line->born = 1;
        break;
    case 1:
        line->code = line->nid != 0 ? 0 : line->code;
        line->temporary = line->code != 0 ? line->temporary : 0;
        break;
    default:
        line->uid = line->code = line->nid = line->name = line->temporary = 0;
        break;
    }
}

/* Rows that cannot be right, and one that stands twice; soon the answer comes. */
static void broken(sim_clerk *c)
{
    sim_file *file = full(c);
    if (file == NULL) {
        return;
    }
    sim_sheet *sheet = &file->sheets[SIM_PUPILS];
    sim_sheet right = {.there = true};
    for (uint32_t i = 1 + below(c, 3); i > 0; i--) {
        sim_line *line = &sheet->lines[below(c, sheet->n)];
        if (sim_line_good(line)) {
            right.lines[right.n++] = *line;
            spoil(c, line);
        }
    }
    const sim_line *twice = &sheet->lines[below(c, sheet->n)];
    if (below(c, 2) == 0 && sim_line_good(twice) && !has_twin(c, twice, true)) {
        sheet->lines[sheet->n] = *twice;
        sheet->lines[sheet->n++].note += below(c, 2);
    }
    sim_file *answer = below(c, 3) != 0 ? new_file(c, NULL) : NULL;
    if (answer != NULL) {
        answer->correction = true;
        answer->sheets[SIM_PUPILS] = right;
    }
}

static void unreadable(sim_clerk *c)
{
    sim_file *file = new_file(c, NULL);
    if (file != NULL) {
        file->other_kind = true;
    }
}

static void hand_in(sim *s, sim_school *school)
{
    sim_clerk *c = school->clerk;
    switch (c->careful ? 5 + below(c, 11) : below(c, 16)) {
    case 0:
    case 1:
        older(c, true);
        break;
    case 2:
        older(c, false);
        break;
    case 3:
        foreign(s, c, school);
        break;
    case 4:
        emptied(c);
        break;
    case 5:
    case 6:
        broken(c);
        break;
    case 7:
    case 8:
    case 9:
        some_classes(c);
        break;
    case 10:
        (void)full(c);
        change(c, school->index);
        (void)full(c);
        break;
    case 11:
        unreadable(c);
        break;
    default:
        (void)full(c);
        break;
    }
}

void sim_clerk_act(sim *s, sim_school *school)
{
    sim_clerk *c = school->clerk;
    for (uint32_t n = 1 + below(c, 4); n > 0; n--) {
        change(c, school->index);
    }
    hand_in(s, school);
    c->acts_at = s->now + sim_range(&c->rng, 4, 40) * SIM_S;
}

bool sim_clerk_done(const sim_clerk *c)
{
    bool done = c->n_queue == 0;
    for (uint32_t i = 0; i < c->n_kept && c->patience > 0; i++) {
        bool mine = c->last == NULL || c->last == &c->kept[i];
        done = done && !(mine && (c->states[i] == LTH_UPLOAD_WAITING || c->n_questions[i] > 0));
    }
    return done;
}

/* Nothing new any more; of some schools the true roll comes in the end, and a person sees to it
 * that it is taken. Of others what waits goes on waiting. */
void sim_clerk_heal(sim *s, sim_school *school)
{
    sim_clerk *c = school->clerk;
    (void)s;
    c->acts_at = SIM_NEVER;
    if (below(c, 3) != 0 && c->n_kept < SIM_KEPT_MAX && c->n_queue < SIM_QUEUE_FILES) {
        c->last = new_file(c, NULL);
        copy_roll(c, c, c->last, UINT32_MAX, true);
    } else if (below(c, 2) == 0) {
        c->patience = 0;
    }
}
