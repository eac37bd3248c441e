/* ZeroMQ's promises: whole messages, order within a connection, silent loss when it breaks or its
 * queue is full; a peer that comes back is a new one. */
#include <stdlib.h>

#include "sim.h"

#define HEARTBEAT_LOST (30 * SIM_S)

/* ---- queues ---- */

static void forget(sim_link *link, int dir)
{
    while (link->n[dir] > 0) {
        free(link->queue[dir][link->first[dir]].bytes);
        link->first[dir] = (link->first[dir] + 1) % SIM_QUEUE_MAX;
        link->n[dir]--;
    }
}

static uint8_t *copy(lth_slice bytes)
{
    uint8_t *p = malloc(bytes.n > 0 ? bytes.n : 1);
    if (p == NULL) {
        abort();
    }
    if (bytes.n > 0) {
        memcpy(p, bytes.p, bytes.n);
    }
    return p;
}

static void push(sim *s, sim_link *link, int dir, lth_slice bytes, bool replayed)
{
    uint64_t due = s->now + sim_range(&s->rng, 1, s->faults.slow_ms) * SIM_MS;
    due = due > link->last_due[dir] ? due : link->last_due[dir];
    link->last_due[dir] = due;
    uint32_t at = (link->first[dir] + link->n[dir]++) % SIM_QUEUE_MAX;
    link->queue[dir][at] =
        (sim_message){.due = due, .replayed = replayed, .bytes = copy(bytes), .n = bytes.n};
}

sim_link *sim_link_of(sim *s, uint32_t client)
{
    for (uint32_t i = 0; i < s->n_links; i++) {
        if (s->links[i].client == client) {
            return &s->links[i];
        }
    }
    return NULL;
}

sim_link *sim_link_by_handle(sim *s, uint64_t handle)
{
    for (uint32_t i = 0; i < s->n_links; i++) {
        if (s->links[i].connected && s->links[i].handle == handle) {
            return &s->links[i];
        }
    }
    return NULL;
}

bool sim_greeted(const sim *s, uint64_t handle)
{
    for (uint32_t i = 0; i < s->n_links; i++) {
        if (s->links[i].connected && s->links[i].handle == handle) {
            return s->links[i].greeted;
        }
    }
    return false;
}

/* ---- inboxes ---- */

void sim_inbox_put(sim *s, sim_node *node, const sim_in *in)
{
    (void)s;
    if (node->in_n == SIM_INBOX_MAX) {
        free(in->bytes);
        free(in->checked);
        return;
    }
    node->inbox[(node->in_first + node->in_n++) % SIM_INBOX_MAX] = *in;
}

void sim_inbox_clear(sim_node *node)
{
    while (node->in_n > 0) {
        free(node->inbox[node->in_first].bytes);
        free(node->inbox[node->in_first].checked);
        node->in_first = (node->in_first + 1) % SIM_INBOX_MAX;
        node->in_n--;
    }
}

static void tell_client(sim *s, sim_link *link, sim_in_kind kind)
{
    link->told_up = kind == SIM_IN_LINK_UP;
    sim_node *client = &s->nodes[link->client];
    if (client->up) {
        sim_inbox_put(s, client, &(sim_in){.kind = kind, .handle = link->handle});
    }
}

/* ---- connections ---- */

void sim_link_cut(sim *s, sim_link *link, bool noticed)
{
    bool was = link->connected;
    forget(link, SIM_UP);
    forget(link, SIM_DOWN);
    link->connected = false;
    link->connect_at = s->now + (noticed ? sim_range(&s->rng, 2000, 10000) : 200) * SIM_MS;
    if (was && noticed) {
        tell_client(s, link, SIM_IN_LINK_DOWN);
    }
    link->broken_at = SIM_NEVER;
    if (was && !noticed) {
        link->handle = 0; /* comes back without a word */
    }
    sim_trace(s, noticed ? "cut" : "quiet_cut", &link->client, sizeof link->client);
}

static void connect_link(sim *s, sim_link *link)
{
    const sim_node *client = &s->nodes[link->client];
    const sim_node *server = &s->nodes[link->server];
    if (!client->up || !server->up || link->blocked[SIM_UP] || link->blocked[SIM_DOWN]) {
        bool gone = client->gone;
        link->connect_at = gone ? SIM_NEVER : s->now + sim_range(&s->rng, 2000, 10000) * SIM_MS;
        return;
    }
    bool quiet = link->handle == 0 && link->last_due[SIM_UP] > 0;
    link->connected = true;
    link->connect_at = SIM_NEVER;
    link->handle = ++s->last_handle;
    link->greeted = false;
    sim_trace(s, "connect", &link->handle, sizeof link->handle);
    sim_say(s, "node %u connected as %llu%s", link->client, (unsigned long long)link->handle,
            quiet ? " quietly" : "");
    if (!quiet) {
        tell_client(s, link, SIM_IN_LINK_UP);
    }
}

void sim_drop_peer(sim *s, uint64_t handle)
{
    sim_link *link = sim_link_by_handle(s, handle);
    if (link != NULL) {
        sim_link_cut(s, link, true);
    }
}

/* ---- sending ---- */

static void remember(sim *s, sim_link *link, lth_slice bytes)
{
    if (lth_frame_peek(bytes) == LTH_FRAME_BATCH &&
        (link->old == NULL || sim_below(&s->rng, 3) == 0)) {
        free(link->old);
        link->old = copy(bytes);
        link->old_n = bytes.n;
    }
}

static bool lost(sim *s, const sim_link *link, int dir)
{
    return link->n[dir] >= s->faults.queue_max || sim_fault(s, s->faults.lose);
}

void sim_client_send(sim *s, sim_node *node, lth_slice bytes, bool replayed)
{
    sim_link *link = sim_link_of(s, node->index);
    s->frames++;
    sim_trace(s, "send_up", bytes.p, bytes.n);
    sim_say(s, "node %u ^ %s %zu%s", node->index, lth_frame_name(lth_frame_peek(bytes)), bytes.n,
            link != NULL && link->connected ? "" : " unconnected");
    if (link == NULL || !link->connected || lost(s, link, SIM_UP)) {
        return;
    }
    push(s, link, SIM_UP, bytes, replayed);
    if (replayed) {
        return;
    }
    remember(s, link, bytes);
    if (link->old != NULL && sim_fault(s, s->faults.replay)) {
        push(s, link, SIM_UP, lth_slice_of(link->old, link->old_n), true);
    }
    if (sim_fault(s, s->faults.garbage)) {
        uint8_t junk[64];
        for (size_t i = 0; i < sizeof junk; i++) {
            junk[i] = (uint8_t)sim_draw(&s->rng);
        }
        push(s, link, SIM_UP, lth_slice_of(junk, sizeof junk), true);
    }
}

bool sim_server_send(sim *s, sim_node *node, uint64_t handle, lth_slice bytes)
{
    sim_link *link = sim_link_by_handle(s, handle);
    s->frames++;
    sim_trace(s, "send_down", bytes.p, bytes.n);
    sim_say(s, "node %u v %s %zu to %llu%s", node->index, lth_frame_name(lth_frame_peek(bytes)),
            bytes.n, (unsigned long long)handle, link != NULL ? "" : " unroutable");
    if (link == NULL || link->server != node->index) {
        return false;
    }
    link->greeted = link->greeted || lth_frame_peek(bytes) == LTH_FRAME_LINK_RESUME;
    if (lost(s, link, SIM_DOWN)) {
        sim_link_cut(s, link, true); /* a peer that does not read is dropped */
        return false;
    }
    push(s, link, SIM_DOWN, bytes, false);
    return true;
}

/* ---- delivery ---- */

static void judge_early(sim *s, sim_node *node, sim_in *in)
{
    lth_frame frame;
    lth_check_env env;
    if (!node->is_broker || in->from_above || !sim_fault(s, s->faults.early_check) ||
        lth_frame_decode(&frame, lth_slice_of(in->bytes, in->n), NULL) != LTH_OK ||
        frame.kind != LTH_FRAME_BATCH) {
        return;
    }
    in->checked = calloc(1, sizeof *in->checked);
    if (in->checked == NULL) {
        abort();
    }
    sim_check_env(node, &env);
    lth_broker_check(in->checked, &env, &frame.batch);
}

static void deliver(sim *s, sim_link *link, int dir)
{
    sim_node *to = &s->nodes[dir == SIM_UP ? link->server : link->client];
    sim_message *m = &link->queue[dir][link->first[dir]];
    sim_in in = {.kind = SIM_IN_FRAME,
                 .handle = link->handle,
                 .from_above = dir == SIM_DOWN,
                 .replayed = m->replayed,
                 .from = dir == SIM_UP ? link->client : link->server,
                 .bytes = m->bytes,
                 .n = m->n};
    link->first[dir] = (link->first[dir] + 1) % SIM_QUEUE_MAX;
    link->n[dir]--;
    judge_early(s, to, &in);
    sim_inbox_put(s, to, &in);
}

static bool deliverable(const sim *s, const sim_link *link, int dir)
{
    const sim_node *to = &s->nodes[dir == SIM_UP ? link->server : link->client];
    return link->n[dir] > 0 && !link->blocked[dir] && to->in_n < SIM_INBOX_MAX - 16;
}

static void unblock(sim_link *link)
{
    link->blocked[SIM_UP] = link->blocked[SIM_DOWN] = false;
    link->blocked_until = SIM_NEVER;
    link->broken_at = SIM_NEVER;
}

static void run_link(sim *s, sim_link *link)
{
    if (link->blocked_until <= s->now) {
        unblock(link);
    }
    if (link->broken_at <= s->now) {
        sim_link_cut(s, link, true);
    }
    if (!link->connected && link->connect_at <= s->now) {
        connect_link(s, link);
    }
    for (int dir = 0; dir < 2; dir++) {
        while (deliverable(s, link, dir) && link->queue[dir][link->first[dir]].due <= s->now) {
            deliver(s, link, dir);
        }
    }
}

void sim_network_run(sim *s)
{
    for (uint32_t i = 0; i < s->n_links; i++) {
        run_link(s, &s->links[i]);
    }
}

uint64_t sim_network_next(const sim *s)
{
    uint64_t least = SIM_NEVER;
    for (uint32_t i = 0; i < s->n_links; i++) {
        const sim_link *link = &s->links[i];
        uint64_t at = link->connected ? SIM_NEVER : link->connect_at;
        at = link->blocked_until < at ? link->blocked_until : at;
        at = link->broken_at < at ? link->broken_at : at;
        for (int dir = 0; dir < 2; dir++) {
            if (deliverable(s, link, dir)) {
                uint64_t due = link->queue[dir][link->first[dir]].due;
                at = due < at ? due : at;
            }
        }
        least = at < least ? at : least;
    }
    return least;
}

void sim_network_free(sim *s)
{
    for (uint32_t i = 0; i < s->n_links; i++) {
        forget(&s->links[i], SIM_UP);
        forget(&s->links[i], SIM_DOWN);
        free(s->links[i].old);
    }
}
