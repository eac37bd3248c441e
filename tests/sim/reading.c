/* Files into an agent, row by row; a reader that dies begins again, under the same id. Between two
 * of them the clerk looks at the page and says what a guard or a question waits for. */
#include "sim.h"

static sim_school *school_at(sim *s, const sim_node *node, uint32_t slot)
{
    return &s->schools[node->school_index[slot]];
}

/* A step of an agent. */
typedef struct step_at {
    lth_txn *txn;
    lth_now now;
} step_at;

static lth_err handle(sim_node *node, step_at at, const lth_agent_event *event)
{
    lth_diag diag = {0};
    return lth_agent_handle(node->agent, at.txn, at.now, event, &diag);
}

static lth_slice upload_key(const sim_school *school, uint64_t number, uint8_t key[24])
{
    memcpy(key, school->org.b, 16);
    lth_put64(key + 16, number);
    return lth_slice_of(key, 24);
}

static bool upload_of(lth_txn *txn, const sim_school *school, uint64_t number, lth_upload *out)
{
    uint8_t key[24];
    lth_slice value;
    return sim_get(txn, LTH_A_upload, upload_key(school, number, key), &value) &&
           lth_upload_decode(out, value);
}

/* ---- rows ---- */

/* A school that has nothing yet takes whatever comes. */
static void admit_first(sim_clerk *c, const sim_file *file)
{
    const sim_sheet *sheet = &file->sheets[SIM_PUPILS];
    for (uint32_t t = 0; t < SIM_SHEETS; t++) {
        for (uint32_t i = 0; i < c->ledger.n[t]; i++) {
            if (c->ledger.entries[t][i].live) {
                return;
            }
        }
    }
    for (uint32_t i = 0; i < sheet->n; i++) {
        c->admitted[sheet->lines[i].uid / 1000] = true;
    }
}

static lth_err begin(sim *s, sim_node *node, uint32_t slot, step_at at)
{
    sim_reading *r = &node->readings[slot];
    sim_clerk *c = school_at(s, node, slot)->clerk;
    const sim_file *file = &c->kept[c->queue[0]];
    lth_upload upload = {.bytes = 1000, .received_ms = at.now.wall_ms};
    (void)snprintf(upload.id, sizeof upload.id, "f%u.xlsx", file->id);
    lth_put32(upload.sha256, file->bytes);
    *r = (sim_reading){.running = true, .breaks_at = UINT32_MAX};
    if (sim_fault(s, s->faults.scan_fault)) {
        r->breaks_at = sim_below(&s->rng, SIM_LINES_MAX);
    }
    admit_first(c, file);
    sim_say(s, "school %u reads file %u (%u) of %u and %u lines%s", node->school_index[slot],
            file->id, file->bytes, file->sheets[0].n, file->sheets[1].n,
            file->correction ? ", an answer" : "");
    return handle(node, at,
                  &(lth_agent_event){.kind = LTH_AEVENT_UPLOAD,
                                     .school = slot,
                                     .upload = &upload,
                                     .tables = (1u << SIM_SHEETS) - 1});
}

static lth_err end_sheet(sim_node *node, uint32_t slot, step_at at, const sim_file *file)
{
    sim_reading *r = &node->readings[slot];
    lth_agent_event event = {.kind = LTH_AEVENT_TABLE_END,
                             .school = slot,
                             .table = r->sheet,
                             .fault = file->other_kind               ? LTH_SCAN_wrong_file
                                      : file->sheets[r->sheet].there ? LTH_SCAN_none
                                                                     : LTH_SCAN_missing_table,
                             .correction = file->correction,
                             .detail = "simulated"};
    r->sheet++;
    r->at = 0;
    return handle(node, at, &event);
}

static lth_err feed(sim *s, sim_node *node, uint32_t slot, step_at at)
{
    sim_reading *r = &node->readings[slot];
    sim_school *school = school_at(s, node, slot);
    const sim_file *file = &school->clerk->kept[school->clerk->queue[0]];
    char text[6][64];
    lth_cell cells[6];
    lth_err err = LTH_OK;
    for (uint32_t n = 1 + sim_below(&s->rng, 30);
         n > 0 && err == LTH_OK && !r->ended && !lth_agent_step_full(node->agent); n--) {
        if (r->sheet == SIM_SHEETS || r->at + r->sheet * 2 >= r->breaks_at) {
            r->ended = true;
            err =
                handle(node, at, &(lth_agent_event){.kind = LTH_AEVENT_ROUND_END, .school = slot});
        } else if (r->at == file->sheets[r->sheet].n) {
            err = end_sheet(node, slot, at, file);
        } else {
            sim_line_cells(school, r->sheet, &file->sheets[r->sheet].lines[r->at], cells, text);
            err = handle(node, at,
                         &(lth_agent_event){.kind = LTH_AEVENT_ROW,
                                            .school = slot,
                                            .table = r->sheet,
                                            .cells = cells,
                                            .row = 2 + r->at++});
        }
    }
    return err;
}

/* ---- words ---- */

static bool queued(const sim_clerk *c, uint32_t kept)
{
    bool yes = false;
    for (uint32_t i = 0; i < c->n_queue; i++) {
        yes = yes || c->queue[i] == kept;
    }
    return yes;
}

/* After everything healed a true roll is the last word. */
static bool spoken_about(const sim *s, const sim_clerk *c, uint32_t kept)
{
    return !queued(c, kept) && (!s->healing || c->last == NULL || c->last == &c->kept[kept]);
}

static bool is_foreign(const sim_school *school, const sim_file *file)
{
    const sim_sheet *sheet = &file->sheets[SIM_PUPILS];
    return sheet->n > 0 && sheet->lines[0].uid / 1000 != school->index;
}

static lth_err decide(sim *s, sim_node *node, uint32_t slot, step_at at)
{
    sim_reading *r = &node->readings[slot];
    sim_school *school = school_at(s, node, slot);
    sim_clerk *c = school->clerk;
    const sim_file *file = &c->kept[r->spoken];
    lth_upload upload;
    lth_err err = LTH_OK;
    bool wanted = c->last == file || sim_below(&c->rng, is_foreign(school, file) ? 8 : 2) == 0;
    r->said = wanted ? SIM_CONFIRMED : SIM_WITHDRAWN;
    if (!upload_of(at.txn, school, file->number, &upload)) {
        return LTH_OK;
    }
    sim_say(s, "school %u %s file %u", school->index, wanted ? "confirms" : "withdraws", file->id);
    for (uint32_t i = 0; i < upload.n_tables && err == LTH_OK; i++) {
        const lth_agent_act act = {.kind = wanted ? LTH_ACT_CONFIRM : LTH_ACT_WITHDRAW,
                                   .dataset = upload.tables[i].dataset,
                                   .upload = file->number,
                                   .by = lth_slice_of("clerk", 5),
                                   .reason = lth_slice_of("known", 5)};
        r->waited[i] = lth_scan_fault_waits(upload.tables[i].fault);
        if (r->waited[i]) {
            err = handle(node, at,
                         &(lth_agent_event){.kind = LTH_AEVENT_ACT, .school = slot, .act = &act});
        }
    }
    return err;
}

/* Who of the records is it? Clerks know their pupils. False: another file has answered it. */
static bool true_one(const sim_clerk *c, const lth_upload_finding *finding, uint32_t sheet,
                     const sim_line *line, lth_id *out)
{
    bool known = false;
    *out = (lth_id){{0}};
    for (uint32_t i = 0; i < finding->n_candidates && i < 4; i++) {
        for (uint32_t k = 0; k < c->ledger.n[sheet]; k++) {
            const sim_entry *e = &c->ledger.entries[sheet][k];
            if (e->live && e->line.uid == line->uid &&
                lth_id_equal(&e->id, &finding->candidates[i])) {
                *out = e->id;
                return true;
            }
            known = known || (e->live && e->line.uid == line->uid);
        }
    }
    return !known;
}

static lth_err answer_one(sim *s, sim_node *node, uint32_t slot, step_at at,
                          const lth_upload_finding *finding)
{
    sim_reading *r = &node->readings[slot];
    sim_school *school = school_at(s, node, slot);
    const sim_file *file = &school->clerk->kept[r->spoken];
    uint32_t sheet = sim_dataset_index(finding->dataset) - SIM_SOURCES;
    const sim_line *line = &file->sheets[sheet].lines[finding->row - 2];
    lth_agent_act act = {.kind = LTH_ACT_ANSWER,
                         .dataset = finding->dataset,
                         .upload = file->number,
                         .by = lth_slice_of("clerk", 5),
                         .reason = lth_slice_of("known", 5)};
    if (!true_one(school->clerk, finding, sheet, line, &act.record_id)) {
        return LTH_OK;
    }
    memcpy(act.row_hash, finding->row_hash, sizeof act.row_hash);
    sim_say(s, "school %u answers row %u of file %u: %s", school->index, finding->row, file->id,
            lth_id_is_zero(&act.record_id) ? "new" : "the same");
    r->said = SIM_ASKED;
    if (!lth_id_is_zero(&act.record_id) && school->clerk->n_told < SIM_ASKED_MAX) {
        school->clerk->told[school->clerk->n_told++] = *line;
    }
    return handle(node, at,
                  &(lth_agent_event){.kind = LTH_AEVENT_ACT, .school = slot, .act = &act});
}

static lth_err answer(sim *s, sim_node *node, uint32_t slot, step_at at)
{
    sim_reading *r = &node->readings[slot];
    sim_school *school = school_at(s, node, slot);
    static sim_report report;
    lth_err err = LTH_OK;
    sim_report_read(&report, school, school->clerk->kept[r->spoken].number, at.txn);
    for (uint32_t t = 0; t < SIM_SHEETS; t++) {
        for (uint32_t i = 0; i < report.n_asked[t] && r->said == SIM_SILENT; i++) {
            err = answer_one(s, node, slot, at, &report.questions[t][i]);
        }
    }
    if (r->said == SIM_SILENT) {
        school->clerk->n_questions[r->spoken] = 0;
    }
    return err;
}

static lth_err speak(sim *s, sim_node *node, uint32_t slot, step_at at)
{
    sim_reading *r = &node->readings[slot];
    sim_clerk *c = school_at(s, node, slot)->clerk;
    r->said = SIM_SILENT;
    for (uint32_t i = 0; i < c->n_kept; i++) {
        bool sure = c->last == &c->kept[i];
        if (!spoken_about(s, c, i) || (!sure && sim_below(&c->rng, c->patience) != 0)) {
            continue;
        }
        r->spoken = i;
        if (c->n_questions[i] > 0 && (c->states[i] != LTH_UPLOAD_WAITING || i % 2 == 0)) {
            return answer(s, node, slot, at);
        }
        if (c->states[i] == LTH_UPLOAD_WAITING) {
            return decide(s, node, slot, at);
        }
    }
    return LTH_OK;
}

lth_err sim_reading_step(sim *s, sim_node *node, uint32_t slot, lth_txn *txn)
{
    sim_reading *r = &node->readings[slot];
    const sim_clerk *c = school_at(s, node, slot)->clerk;
    step_at at = {.txn = txn, .now = sim_node_now(s, node)};
    lth_err err = LTH_OK;
    if (c == NULL || r->next > s->now) {
        return LTH_OK;
    }
    r->said = SIM_SILENT;
    if (r->running && !r->ended) {
        err = feed(s, node, slot, at);
        r->next = s->now + sim_range(&s->rng, 1, 400) * SIM_MS;
        return err;
    }
    if (!r->running && c->n_queue > 0 && lth_agent_may_upload(node->agent, slot)) {
        return begin(s, node, slot, at);
    }
    if (!r->running && c->patience > 0) {
        err = speak(s, node, slot, at);
    }
    r->next = s->now + sim_range(&s->rng, 1000, 9000) * SIM_MS;
    return err;
}

/* ---- after the commit ---- */

static void was_said(sim *s, sim_school *school, const sim_reading *r)
{
    sim_clerk *c = school->clerk;
    (void)s;
    for (uint32_t t = 0; t < SIM_SHEETS && r->said != SIM_ASKED; t++) {
        for (uint32_t k = 0; k < SIM_WORDS && r->waited[t]; k++) {
            sim_word *word = &c->words[r->spoken][t][k];
            word->said = word->said != SIM_SILENT ? r->said : SIM_SILENT;
        }
    }
    if (r->said == SIM_WITHDRAWN) {
        c->states[r->spoken] = LTH_UPLOAD_WITHDRAWN;
    }
    c->n_questions[r->spoken] = 0; /* until it is read again */
    sim_clerk_again(c, r->spoken);
}

void sim_reading_committed(sim *s, sim_node *node, uint32_t slot)
{
    static sim_report report;
    sim_reading *r = &node->readings[slot];
    sim_school *school = school_at(s, node, slot);
    sim_clerk *c = school->clerk;
    if (c == NULL || node->clone) {
        return;
    }
    if (r->said != SIM_SILENT) {
        was_said(s, school, r);
        r->said = SIM_SILENT;
    }
    if (!r->ended) {
        return;
    }
    uint64_t number = lth_agent_upload_number(node->agent, slot);
    lth_txn *txn = sim_read(node);
    sim_report_read(&report, school, number, txn);
    lth_store_abort(&txn);
    uint32_t kept = c->queue[0];
    c->kept[kept].half_done |= report.upload.state == LTH_UPLOAD_READING;
    if (report.upload.state == LTH_UPLOAD_READING) {
        return;
    }
    sim_say(s, "school %u file %u: %s, %s %s, gone %u %u, old %u, waiting %s", school->index,
            c->kept[kept].id, lth_upload_state_name(report.upload.state),
            lth_scan_fault_name(report.upload.tables[0].fault),
            lth_scan_fault_name(report.upload.tables[1].fault), report.upload.tables[0].gone,
            report.upload.tables[1].gone, report.upload.tables[0].old, "");
    for (uint32_t i = 0; i < 2; i++) {
        sim_say(
            s,
            "  sheet %u: rows %u fresh %u changed %u same %u ended %u held %u asked %u waiting %u",
            i, report.upload.tables[i].rows, report.upload.tables[i].fresh,
            report.upload.tables[i].changed, report.upload.tables[i].same,
            report.upload.tables[i].ended, report.upload.tables[i].held,
            report.upload.tables[i].asked, report.upload.tables[i].waiting);
    }
    sim_ledger_take(s, school, kept, number, &report);
    bool broke = report.upload.state == LTH_UPLOAD_REFUSED && !c->kept[kept].other_kind;
    if (!broke) {
        c->kept[kept].half_done = false;
        c->n_questions[kept] = report.n_asked[0] + report.n_asked[1];
        memmove(c->queue, c->queue + 1, --c->n_queue * sizeof *c->queue);
        sim_rolls_check_agent(s, school);
    }
    *r = (sim_reading){.next = s->now + sim_range(&s->rng, 1, 3000) * SIM_MS};
}

void sim_reading_unsure(sim *s, sim_node *node, uint32_t slot)
{
    sim_clerk *c = school_at(s, node, slot)->clerk;
    if (c != NULL && node->readings[slot].ended) {
        c->kept[c->queue[0]].half_done = true;
    }
}

uint64_t sim_reading_next(const sim_node *node, uint32_t slot)
{
    const sim_school *school = &node->sim->schools[node->school_index[slot]];
    return school->clerk != NULL ? node->readings[slot].next : SIM_NEVER;
}
