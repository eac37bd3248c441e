/* One step of a broker: events in one transaction, commit, then receipts and forwards. */
#include <stdlib.h>

#include "sim.h"

typedef struct step {
    sim *s;
    sim_node *node;
    lth_txn *txn;
    lth_now now;
    lth_err err;
    sim_school *forked[8]; /**< Schools whose second header of a position came in this step. */
    uint32_t n_forked;
} step;

static void handle(step *st, const lth_event *event)
{
    lth_diag diag = {0};
    st->err = lth_broker_handle(st->node->broker, st->txn, st->now, event, &diag);
    if (st->err != LTH_OK) {
        sim_say(st->s, "node %u handle: %s", st->node->index, diag.text);
    }
}

/* Is this another header for a position that this entry broker holds already? */
static void note_fork(step *st, const sim_in *in, const lth_checked *checked)
{
    sim *s = st->s;
    const lth_batch_header *h = &checked->batch.header;
    sim_school *school = sim_school_of(s, &h->origin);
    uint8_t key[36];
    lth_slice value;
    lth_head head;
    if (checked->code != LTH_REFUSE_none || s->nodes[in->from].is_broker || school == NULL ||
        st->n_forked == 8) {
        return;
    }
    memcpy(key, h->origin.b, 16);
    lth_put64(key + 16, h->stream);
    lth_put32(key + 24, h->epoch);
    lth_put64(key + 28, h->batch_seq);
    bool other = sim_get(st->txn, LTH_T_chain, lth_slice_of(key, sizeof key), &value) &&
                 memcmp(value.p + 8, checked->batch.header_hash, LTH_HASH_SIZE) != 0;
    if (!other) {
        return;
    }
    if (!school->cloned) {
        sim_fail(s, SIM_CORRECTNESS, "an agent never sends two headers for one position",
                 "school %u epoch %u seq %llu", school->index, h->epoch,
                 (unsigned long long)h->batch_seq);
    }
    if (sim_greeted(s, in->handle) && sim_head(st->txn, &h->origin, &head) &&
        head.state == LTH_ORIGIN_OK) {
        st->forked[st->n_forked++] = school;
    }
}

static void take_frame(step *st, const sim_in *in)
{
    sim *s = st->s;
    sim_node *node = st->node;
    lth_frame frame;
    bool fine = lth_frame_decode(&frame, lth_slice_of(in->bytes, in->n), NULL) == LTH_OK;
    lth_event event = {.kind = LTH_EVENT_FRAME,
                       .peer = in->from_above ? LTH_PEER_PARENT : in->handle,
                       .user = s->nodes[in->from].org,
                       .role = s->nodes[in->from].role,
                       .frame = fine ? &frame : NULL};
    if (in->from_above && !fine) {
        sim_fail(s, SIM_CORRECTNESS, "what a broker sends can be read", "node %u", node->index);
        return;
    }
    if (fine && frame.kind == LTH_FRAME_BATCH) {
        event.checked = in->checked;
        if (in->checked == NULL) {
            lth_check_env env;
            sim_check_env(node, &env);
            lth_broker_check(s->checked, &env, &frame.batch);
            event.checked = s->checked;
        }
        note_fork(st, in, event.checked);
        s->batches++;
    }
    if (fine) {
        sim_watch_delivery(s, node, in, &frame);
    }
    sim_guard guard = {0};
    if (event.checked != NULL && !s->nodes[in->from].is_broker) {
        sim_guard_before(st->txn, event.checked, &guard);
    }
    handle(st, &event);
    if (st->err == LTH_OK) {
        sim_guard_after(s, node, st->txn, &guard);
    }
}

static void people(step *st)
{
    static lth_decision decision;
    if (st->err != LTH_OK || !sim_people_decide(st->s, st->node, st->txn, &decision)) {
        return;
    }
    handle(st, &(lth_event){.kind = LTH_EVENT_DECIDE, .decision = &decision});
    if (st->err == LTH_OK) {
        sim_people_check(st->s, st->node, st->txn, &decision);
    }
}

static void take_one(step *st)
{
    static const lth_event_kind kinds[] = {LTH_EVENT_FRAME, LTH_EVENT_PEER_DOWN,
                                           LTH_EVENT_PARENT_UP, LTH_EVENT_PARENT_DOWN};
    sim_node *node = st->node;
    sim_in in = node->inbox[node->in_first];
    node->in_first = (node->in_first + 1) % SIM_INBOX_MAX;
    node->in_n--;
    if (in.kind == SIM_IN_FRAME) {
        take_frame(st, &in);
    } else {
        lth_event event = {.kind = kinds[in.kind],
                           .peer = in.kind == SIM_IN_PEER_DOWN ? in.handle : LTH_PEER_PARENT};
        handle(st, &event);
    }
    free(in.bytes);
    free(in.checked);
}

static void take_events(step *st)
{
    sim_node *node = st->node;
    uint32_t n = 1 + sim_below(&st->s->rng, 8);
    st->err = sim_public_publish(st->s, node, st->txn, st->now);
    while (n-- > 0 && node->in_n > 0 && st->err == LTH_OK && !lth_broker_step_full(node->broker)) {
        take_one(st);
    }
    people(st);
    if (st->err == LTH_OK && lth_broker_deadline(node->broker) <= st->now.mono) {
        handle(st, &(lth_event){.kind = LTH_EVENT_TIMER});
    }
}

/* ---- after the commit ---- */

static void check_forks(step *st)
{
    for (uint32_t i = 0; i < st->n_forked; i++) {
        sim_school *school = st->forked[i];
        lth_head head = {0};
        lth_txn *txn = sim_read(st->node);
        bool found = sim_head(txn, &school->org, &head);
        lth_store_abort(&txn);
        if (!found || head.state != LTH_ORIGIN_FROZEN) {
            sim_fail(st->s, SIM_CORRECTNESS, "two headers of one position freeze the origin",
                     "broker %u school %u", st->node->index, school->index);
        }
    }
}

static void send_action(step *st, lth_txn *read, const lth_action *action)
{
    sim *s = st->s;
    sim_node *node = st->node;
    bool up = action->peer == LTH_PEER_PARENT;
    lth_buf buf;
    lth_buf_init(&buf, LTH_FRAME_MAX);
    if (lth_frame_encode(&buf, &action->frame) != LTH_OK) {
        sim_fail(s, SIM_CORRECTNESS, "a core's frames can be encoded", "node %u kind %s",
                 node->index, lth_frame_name(action->frame.kind));
    } else {
        sim_watch_broker_frame(s, node, read, action->peer, &action->frame);
        if (up) {
            sim_client_send(s, node, lth_buf_slice(&buf), false);
        } else if (!sim_server_send(s, node, action->peer, lth_buf_slice(&buf))) {
            sim_inbox_put(s, node, &(sim_in){.kind = SIM_IN_PEER_DOWN, .handle = action->peer});
        }
    }
    lth_buf_fini(&buf);
}

/* True when the process died between two actions. */
static bool act(step *st, lth_txn *read)
{
    lth_action action;
    while (lth_broker_next(st->node->broker, &action)) {
        if (sim_fault(st->s, st->s->faults.crash_unsent)) {
            return true;
        }
        if (action.kind == LTH_ACTION_DROP_PEER) {
            sim_drop_peer(st->s, action.peer);
        } else {
            send_action(st, read, &action);
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
    err = lth_broker_pump(node->broker, read, st->now, &node->more, &diag);
    if (err != LTH_OK) {
        sim_say(s, "node %u pump: %s", node->index, diag.text);
        lth_store_abort(&read);
        sim_node_failed(s, node, err);
        return;
    }
    lth_store_mem_fail_after(node->store, 0,
                             LTH_E_STORE_IO); /* the checkers read this store, too */
    node->planted = LTH_OK;
    bool died = act(st, read);
    lth_store_abort(&read);
    if (died) {
        sim_node_crash(s, node, sim_range(&s->rng, 500, 20000) * SIM_MS);
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
        sim_node_failed(s, node, err);
        return;
    }
    check_forks(st);
    sim_watch_out(s, node);
    if (sim_fault(s, s->faults.crash_committed)) {
        sim_node_crash(s, node, sim_range(&s->rng, 500, 20000) * SIM_MS);
        return;
    }
    err = lth_broker_committed(node->broker, st->now);
    if (err != LTH_OK) {
        sim_node_failed(s, node, err);
        return;
    }
    pump(st);
}

void sim_broker_step(sim *s, sim_node *node)
{
    step st = {.s = s, .node = node, .now = sim_node_now(s, node)};
    st.err = lth_store_begin(node->store, true, &st.txn);
    if (st.err != LTH_OK) {
        sim_node_failed(s, node, st.err);
        return;
    }
    take_events(&st);
    if (st.err != LTH_OK) {
        lth_store_abort(&st.txn);
        sim_node_failed(s, node, st.err);
        return;
    }
    finish(&st);
}
