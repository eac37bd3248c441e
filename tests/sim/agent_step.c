/* One step of an agent: what came in, rows of scans, seal, commit, then act. */
#include <stdlib.h>

#include "sim.h"

typedef struct step {
    sim *s;
    sim_node *node;
    lth_txn *txn;
    lth_now now;
    lth_err err;
    bool taken[SIM_SCHOOLS_MAX];                  /**< A scan went on in this step. */
    uint64_t clean[SIM_SCHOOLS_MAX];              /**< Bit per table handed over completely. */
    uint32_t known[SIM_SCHOOLS_MAX][SIM_SOURCES]; /**< Rows that must outlive an empty scan. */
} step;

static void handle(step *st, const lth_agent_event *event)
{
    lth_diag diag = {0};
    if (st->err == LTH_OK) {
        st->err = lth_agent_handle(st->node->agent, st->txn, st->now, event, &diag);
    }
    if (st->err != LTH_OK) {
        sim_say(st->s, "node %u handle: %s", st->node->index, diag.text);
    }
}

static void take_one(step *st)
{
    sim_node *node = st->node;
    sim_in in = node->inbox[node->in_first];
    lth_frame frame;
    lth_agent_event event = {.kind = LTH_AEVENT_FRAME, .frame = &frame};
    node->in_first = (node->in_first + 1) % SIM_INBOX_MAX;
    node->in_n--;
    if (in.kind == SIM_IN_LINK_UP || in.kind == SIM_IN_LINK_DOWN) {
        event = (lth_agent_event){.kind = in.kind == SIM_IN_LINK_UP ? LTH_AEVENT_LINK_UP
                                                                    : LTH_AEVENT_LINK_DOWN};
        handle(st, &event);
    } else if (lth_frame_decode(&frame, lth_slice_of(in.bytes, in.n), NULL) == LTH_OK) {
        sim_watch_delivery(st->s, node, &in, &frame);
        handle(st, &event);
    } else {
        sim_fail(st->s, SIM_CORRECTNESS, "what a broker sends can be read", "node %u", node->index);
    }
    free(in.bytes);
    free(in.checked);
}

/* ---- guards ---- */

static uint32_t rows_known(step *st, uint32_t slot, uint32_t table)
{
    uint8_t prefix[10];
    lth_cursor *cursor;
    lth_slice key, value;
    uint32_t n = 0;
    memcpy(prefix, st->node->schools[slot].org.b, 8);
    lth_put16(prefix + 8, sim_datasets[table]);
    if (lth_cursor_open(st->txn, LTH_A_map, &cursor) != LTH_OK) {
        return 0;
    }
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(prefix, sizeof prefix), &key, &value);
    while (err == LTH_OK && memcmp(key.p, prefix, sizeof prefix) == 0) {
        n++;
        err = lth_cursor_next(cursor, &key, &value);
    }
    lth_cursor_close(&cursor);
    return n;
}

/* A table that was read empty ends nothing before a person says so; after the first word it may,
 * because a store that went back may hold that word again. */
static void watch_empty(step *st, uint32_t slot, const sim_scan *scan)
{
    bool empty = scan->fails == LTH_SCAN_none && scan->n == 0;
    bool allowed = st->node->confirmed[slot][scan->table];
    st->known[slot][scan->table] = empty && !allowed ? rows_known(st, slot, scan->table) : 0;
}

static void check_empty(step *st)
{
    for (uint32_t i = 0; i < st->node->n_schools; i++) {
        for (uint32_t t = 0; t < SIM_SOURCES; t++) {
            if (st->known[i][t] > 0 && rows_known(st, i, t) < st->known[i][t]) {
                sim_fail(st->s, SIM_CORRECTNESS, "an emptied table waits for a person",
                         "node %u school %u dataset %u", st->node->index, i, sim_datasets[t]);
            }
        }
    }
}

static void end_of_table(step *st, uint32_t slot)
{
    sim_scan *scan = &st->node->scans[slot];
    lth_agent_event event = {.kind = LTH_AEVENT_TABLE_END,
                             .school = slot,
                             .table = scan->table,
                             .fault = scan->fails,
                             .detail = "simulated"};
    bool dies = scan->fails != LTH_SCAN_none && scan->dies;
    if (!dies) {
        watch_empty(st, slot, scan);
        handle(st, &event);
        st->clean[slot] |= scan->fails == LTH_SCAN_none ? UINT64_C(1) << scan->table : 0;
    }
    if (dies || !sim_scan_advance(st->s, st->node, slot)) {
        event = (lth_agent_event){.kind = LTH_AEVENT_ROUND_END, .school = slot};
        handle(st, &event);
        scan->running = false;
    }
}

static void feed_scan(step *st, uint32_t slot)
{
    sim *s = st->s;
    sim_scan *scan = &st->node->scans[slot];
    const sim_school *school = &s->schools[st->node->school_index[slot]];
    uint32_t rows = 1 + sim_below(&s->rng, 24);
    static char text[7][2048];
    lth_cell cells[7];
    st->taken[slot] = true;
    while (rows-- > 0 && st->err == LTH_OK && !lth_agent_step_full(st->node->agent)) {
        bool broken = scan->fails != LTH_SCAN_none && scan->at >= scan->fails_at;
        if (broken || scan->at == scan->n) {
            end_of_table(st, slot);
            break;
        }
        sim_row_cells(s, school, scan->table, &scan->rows[scan->at], cells, text);
        lth_agent_event event = {
            .kind = LTH_AEVENT_ROW, .school = slot, .table = scan->table, .cells = cells};
        scan->at++;
        handle(st, &event);
    }
    scan->next = s->now + sim_range(&s->rng, 1, 400) * SIM_MS;
}

/* A person looks at what a guard holds, now and then, and lets it be done. */
bool sim_table_waits(lth_txn *txn, const sim_school *school, uint16_t dataset)
{
    uint8_t key[10];
    lth_slice value;
    lth_scan_info info;
    memcpy(key, school->org.b, 8);
    lth_put16(key + 8, dataset);
    return lth_get(txn, LTH_A_scan, lth_slice_of(key, sizeof key), &value) == LTH_OK &&
           lth_scan_info_decode(&info, value) && lth_scan_fault_waits(info.fault);
}

static void confirm_guards(step *st, uint32_t slot)
{
    const sim_school *school = &st->s->schools[st->node->school_index[slot]];
    for (uint32_t t = 0; t < SIM_SOURCES && school->clerk == NULL && st->err == LTH_OK; t++) {
        if (!sim_table_waits(st->txn, school, sim_datasets[t])) {
            continue;
        }
        const lth_agent_act act = {.kind = LTH_ACT_CONFIRM,
                                   .dataset = sim_datasets[t],
                                   .by = lth_slice_of("person", 6),
                                   .reason = lth_slice_of("seen", 4)};
        handle(st, &(lth_agent_event){.kind = LTH_AEVENT_ACT, .school = slot, .act = &act});
        st->node->confirmed[slot][t] = true;
    }
}

static void take_events(step *st)
{
    sim_node *node = st->node;
    uint32_t n = 1 + sim_below(&st->s->rng, 8);
    while (n-- > 0 && node->in_n > 0 && st->err == LTH_OK) {
        take_one(st);
    }
    for (uint32_t i = 0; i < node->n_schools && st->err == LTH_OK; i++) {
        if (node->scans[i].running && node->scans[i].next <= st->s->now) {
            feed_scan(st, i);
        }
    }
    for (uint32_t i = 0; i < node->n_schools && node->takes_files && st->err == LTH_OK; i++) {
        st->err = sim_reading_step(st->s, node, i, st->txn);
    }
    if (node->n_schools > 0 && st->err == LTH_OK && sim_below(&st->s->rng, 8) == 0) {
        confirm_guards(st, sim_below(&st->s->rng, node->n_schools));
    }
    if (lth_agent_deadline(node->agent) <= st->now.mono) {
        handle(st, &(lth_agent_event){.kind = LTH_AEVENT_TIMER});
    }
}

/* ---- after the commit ---- */

static void send_frame(step *st, const lth_frame *frame)
{
    lth_buf buf;
    lth_buf_init(&buf, LTH_FRAME_MAX);
    if (lth_frame_encode(&buf, frame) != LTH_OK) {
        sim_fail(st->s, SIM_CORRECTNESS, "a core's frames can be encoded", "node %u kind %s",
                 st->node->index, lth_frame_name(frame->kind));
    } else {
        sim_watch_agent_frame(st->s, st->node, frame);
        sim_client_send(st->s, st->node, lth_buf_slice(&buf), false);
    }
    lth_buf_fini(&buf);
}

static void start_scan(step *st, const lth_agent_action *action)
{
    if (st->node->scans[action->school].running) {
        sim_fail(st->s, SIM_CORRECTNESS, "one round of a school at a time", "node %u school %u",
                 st->node->index, action->school);
        return;
    }
    sim_scan_begin(st->s, st->node, action->school, action->tables);
}

/* True when the process died between two actions. */
static bool act(step *st)
{
    lth_agent_action action;
    while (lth_agent_next(st->node->agent, &action)) {
        if (sim_fault(st->s, st->s->faults.crash_unsent)) {
            return true;
        }
        if (action.kind == LTH_AACTION_SCAN) {
            start_scan(st, &action);
        } else {
            send_frame(st, &action.frame);
        }
    }
    return false;
}

static void pump(step *st)
{
    sim *s = st->s;
    sim_node *node = st->node;
    lth_txn *read;
    lth_diag diag = {0};
    lth_err err = lth_store_begin(node->store, false, &read);
    if (err != LTH_OK) {
        sim_node_failed(s, node, err);
        return;
    }
    err = lth_agent_pump(node->agent, read, st->now, &node->more, &diag);
    if (err != LTH_OK) {
        sim_say(s, "node %u pump: %s", node->index, diag.text);
        lth_store_abort(&read);
        sim_node_failed(s, node, err);
        return;
    }
    bool died = act(st);
    lth_store_abort(&read);
    if (died) {
        sim_node_crash(s, node, sim_range(&s->rng, 500, 20000) * SIM_MS);
    }
}

static void note_clean(step *st)
{
    for (uint32_t i = 0; i < st->node->n_schools && !st->node->clone; i++) {
        sim_school *school = &st->s->schools[st->node->school_index[i]];
        for (uint32_t t = 0; t < SIM_SOURCES; t++) {
            if ((st->clean[i] >> t & 1) != 0) {
                school->clean_since[t] = st->node->scans[i].started;
            }
        }
    }
}

static void finish(step *st)
{
    sim *s = st->s;
    sim_node *node = st->node;
    if (sim_fault(s, s->faults.crash_handled)) {
        sim_node_crash(s, node, sim_range(&s->rng, 500, 20000) * SIM_MS);
        return;
    }
    lth_err err = lth_store_commit(&st->txn);
    if (err != LTH_OK) {
        for (uint32_t i = 0; i < node->n_schools && node->takes_files; i++) {
            sim_reading_unsure(s, node, i);
        }
        sim_node_failed(s, node, err);
        return;
    }
    note_clean(st);
    for (uint32_t i = 0; i < node->n_schools && node->takes_files; i++) {
        sim_reading_committed(s, node, i);
    }
    if (sim_fault(s, s->faults.crash_committed)) {
        sim_node_crash(s, node, sim_range(&s->rng, 500, 20000) * SIM_MS);
        return;
    }
    err = lth_agent_committed(node->agent, st->now);
    if (err != LTH_OK) {
        sim_node_failed(s, node, err);
        return;
    }
    pump(st);
}

void sim_agent_step(sim *s, sim_node *node)
{
    step st = {.s = s, .node = node, .now = sim_node_now(s, node)};
    lth_diag diag = {0};
    st.err = lth_store_begin(node->store, true, &st.txn);
    if (st.err != LTH_OK) {
        sim_node_failed(s, node, st.err);
        return;
    }
    take_events(&st);
    if (st.err == LTH_OK) {
        st.err = lth_agent_seal(node->agent, st.txn, st.now, &diag);
    }
    if (st.err != LTH_OK) {
        lth_store_abort(&st.txn);
        sim_node_failed(s, node, st.err);
        return;
    }
    check_empty(&st);
    finish(&st);
}
