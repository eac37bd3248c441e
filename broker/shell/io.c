/* The I/O thread: sockets, control socket, signals. It never touches the store's write side nor the
 * core. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "broker/shell/dictionary.h"
#include "broker/shell/peers.h"
#include "lth/control.h"
#include "lth/program.h"

#define FDS_MAX          40u
#define LINK_SILENCE     LTH_MONO_S(45)
#define BACKOFF_FIRST    LTH_MONO_S(1)
#define BACKOFF_LAST     LTH_MONO_S(900)
#define PENALTY          LTH_MONO_S(900)
#define PENALTIES_MAX    256u
#define TICK_MS          1000
#define RECEIVE_ROUND    64u
#define PARENT_QUEUE_LOW (4u * 1024u * 1024u)

typedef struct parent_link {
    lth_net_client *client;
    bool up;
    lth_mono last_seen, retry_at, backoff;
    lth_outgoing *waiting; /* encoded, the socket would not take it yet; in order */
    lth_outgoing **waiting_last;
} parent_link;

/* Orgs whose connection broke a limit: refused until the time stated. */
typedef struct penalty {
    lth_id org;
    lth_mono until;
} penalty;

typedef struct io {
    lth_engine *engine;
    lth_net *net;
    lth_net_server *server;
    lth_control_server *control;
    lth_conns conns;
    parent_link parent;
    penalty penalties[PENALTIES_MAX];
    uint32_t n_penalties;
    int signal_fd;
    bool reloading, stopping, stopped;
    uint64_t public_tried; /* Version that could not be put in force. */
} io;

static lth_mono clock_mono(void)
{
    return lth_clock_now().mono;
}

/* ---- events into the ring ---- */

/* Control events must not be lost when the ring is full: they are few and the ring drains by
 * itself. */
static void publish_event(io *self, lth_event event)
{
    lth_slot *slot;
    while ((slot = lth_ring_begin(&self->engine->ring)) == NULL &&
           !atomic_load(&self->engine->failed)) {
        struct pollfd fd = {.fd = self->engine->ring.space_fd, .events = POLLIN};
        (void)poll(&fd, 1, 100);
        uint64_t ticks;
        (void)!read(self->engine->ring.space_fd, &ticks, sizeof(ticks));
    }
    if (slot == NULL)
        return;
    slot->kind = LTH_SLOT_EVENT;
    slot->event = event;
    lth_ring_publish(&self->engine->ring);
}

static bool penalised(io *self, const lth_id *org, lth_mono now)
{
    for (uint32_t i = 0; i < self->n_penalties; i++)
        if (lth_id_equal(&self->penalties[i].org, org))
            return self->penalties[i].until > now;
    return false;
}

static void penalise(io *self, const lth_id *org, lth_mono now)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < self->n_penalties; i++) {
        if (lth_id_equal(&self->penalties[i].org, org) || self->penalties[i].until <= now) {
            at = i;
            goto found;
        }
        if (self->penalties[i].until < self->penalties[at].until)
            at = i;
    }
    if (self->n_penalties < PENALTIES_MAX)
        at = self->n_penalties++;
found:
    self->penalties[at] = (penalty){.org = *org, .until = now + PENALTY};
}

/* One message into the ring. False: nothing there, or the ring is full. */
static bool receive_one(io *self)
{
    lth_slot *slot = lth_ring_begin(&self->engine->ring);
    if (slot == NULL)
        return false;
    if (lth_net_server_recv(self->server, &slot->message) != LTH_OK)
        return false;
    lth_mono now = clock_mono();
    lth_role role = lth_node_role(self->engine->node, &slot->message.user);
    lth_peer evicted;
    lth_conn *conn =
        lth_conns_get(&self->conns, &slot->message.peer, &slot->message.user, now, &evicted);
    if (role == 0 || conn->doomed || penalised(self, &slot->message.user, now) ||
        !lth_id_equal(&conn->user, &slot->message.user)) {
        /* taken from peers/ since it connected, or serving a penalty: not a word more from this
         * connection */
        lth_net_server_drop(self->server, &slot->message);
        lth_net_message_fini(&slot->message);
        lth_peer handle = conn->handle;
        lth_conns_remove(&self->conns, conn);
        publish_event(self, (lth_event){.kind = LTH_EVENT_PEER_DOWN, .peer = handle});
        return true;
    }
    slot->kind = LTH_SLOT_MESSAGE;
    slot->has_message = true;
    slot->event = (lth_event){
        .kind = LTH_EVENT_FRAME, .peer = conn->handle, .user = conn->user, .role = role};
    lth_ring_publish(&self->engine->ring);
    if (evicted != 0)
        publish_event(self, (lth_event){.kind = LTH_EVENT_PEER_DOWN, .peer = evicted});
    return true;
}

/* ---- the link upward ---- */

static lth_err parent_open(io *self, lth_diag *diag)
{
    const lth_broker_conf *conf = atomic_load(&self->engine->conf);
    lth_node *node = self->engine->node;
    bool local = strstr(conf->parent_endpoint, "127.0.0.1") != NULL;
    uint64_t seed;
    lth_random random = lth_crypto_random();
    random.fill(random.ctx, &seed, sizeof(seed));
    lth_net_client_options options = {.endpoint = conf->parent_endpoint,
                                      .server_key = node->parent_curve,
                                      .secret_key = node->curve_secret,
                                      .seed = seed,
                                      .reconnect_ms_min = local ? 100 : 0,
                                      .reconnect_ms_max = local ? 300 : 0};
    self->parent.last_seen = clock_mono();
    return lth_net_client_open(&self->parent.client, self->net, &options, diag);
}

static void parent_set(io *self, bool up)
{
    if (self->parent.up == up)
        return;
    self->parent.up = up;
    self->parent.last_seen = clock_mono();
    lth_log_event(&self->engine->node->log, LTH_LEVEL_NOTICE, up ? "parent_up" : "parent_down",
                  "%s", "");
    publish_event(self, (lth_event){.kind = up ? LTH_EVENT_PARENT_UP : LTH_EVENT_PARENT_DOWN,
                                    .user = self->engine->node->parent_org});
    while (!up && self->parent.waiting != NULL) {
        lth_outgoing *next = self->parent.waiting->next;
        lth_outgoing_free(&self->engine->outq, self->parent.waiting);
        self->parent.waiting = next;
    }
    if (!up)
        self->parent.waiting_last = &self->parent.waiting;
}

static void parent_close(io *self, lth_mono wait)
{
    parent_set(self, false);
    lth_net_client_close(&self->parent.client);
    self->parent.retry_at = clock_mono() + wait;
}

static void parent_watch(io *self)
{
    lth_mono now = clock_mono();
    if (self->parent.client == NULL) {
        lth_diag diag;
        if (now >= self->parent.retry_at && parent_open(self, &diag) != LTH_OK) {
            lth_log_event(&self->engine->node->log, LTH_LEVEL_ERROR, "parent_link", "detail=\"%s\"",
                          diag.text);
            self->parent.retry_at = now + BACKOFF_LAST;
        }
        return;
    }
    switch (lth_net_client_state(self->parent.client)) {
    case LTH_NET_UP:
        self->parent.backoff = 0;
        parent_set(self, true);
        if (now > self->parent.last_seen + LINK_SILENCE)
            parent_close(self, BACKOFF_FIRST);
        break;
    case LTH_NET_DOWN:
        parent_set(self, false);
        break;
    case LTH_NET_REFUSED:
        self->parent.backoff = self->parent.backoff == 0 ? BACKOFF_FIRST : self->parent.backoff * 2;
        if (self->parent.backoff > BACKOFF_LAST)
            self->parent.backoff = BACKOFF_LAST;
        lth_log_event(&self->engine->node->log, LTH_LEVEL_WARN, "parent_refused",
                      "advice=\"our certificate must be in the parent's peers/\" retry_s=%llu",
                      (unsigned long long)(self->parent.backoff / 1000000000u));
        parent_close(self, self->parent.backoff);
        break;
    }
}

static bool parent_receive(io *self)
{
    if (self->parent.client == NULL)
        return false;
    lth_slot *slot = lth_ring_begin(&self->engine->ring);
    if (slot == NULL || lth_net_client_recv(self->parent.client, &slot->message) != LTH_OK)
        return false;
    parent_watch(
        self); /* the monitor may lag behind the first message: UP goes into the ring before it */
    lth_net_message message = slot->message;
    slot = lth_ring_begin(&self->engine->ring);
    if (slot == NULL || self->parent.client == NULL) {
        lth_net_message_fini(&message); /* the link's protocol recovers: positions are resumed */
        return false;
    }
    self->parent.last_seen = clock_mono();
    slot->kind = LTH_SLOT_MESSAGE;
    slot->message = message;
    slot->has_message = true;
    slot->event = (lth_event){.kind = LTH_EVENT_FRAME,
                              .peer = LTH_PEER_PARENT,
                              .user = self->engine->node->parent_org,
                              .role = LTH_ROLE_BROKER};
    lth_ring_publish(&self->engine->ring);
    return true;
}

static void parent_flush(io *self)
{
    size_t before = atomic_load(&self->engine->outq.parent_bytes);
    while (self->parent.waiting != NULL && self->parent.client != NULL) {
        lth_outgoing *message = self->parent.waiting;
        if (lth_net_client_send(self->parent.client, lth_buf_slice(&message->bytes)) == LTH_E_AGAIN)
            break;
        self->parent.waiting = message->next;
        if (self->parent.waiting == NULL)
            self->parent.waiting_last = &self->parent.waiting;
        lth_outgoing_free(&self->engine->outq, message);
    }
    if (before > 0 && atomic_load(&self->engine->outq.parent_bytes) < PARENT_QUEUE_LOW)
        lth_ring_nudge(&self->engine->ring);
}

/* ---- what the writer hands over ---- */

static void peer_send(io *self, const lth_outgoing *message)
{
    lth_conn *conn = lth_conns_by_handle(&self->conns, message->peer);
    if (conn == NULL)
        return;
    if (message->drop) {
        conn->doomed = true;
        penalise(self, &conn->user, clock_mono());
        return;
    }
    if (lth_net_server_send(self->server, &conn->id, lth_buf_slice(&message->bytes)) == LTH_OK)
        return;
    lth_peer handle = conn->handle;
    lth_conns_remove(&self->conns, conn);
    publish_event(self, (lth_event){.kind = LTH_EVENT_PEER_DOWN, .peer = handle});
}

static void outgoing(io *self)
{
    uint64_t ticks;
    (void)!read(self->engine->outq.fd, &ticks, sizeof(ticks));
    for (lth_outgoing *m = lth_outq_take(&self->engine->outq); m != NULL;) {
        lth_outgoing *next = m->next;
        m->next = NULL;
        if (m->peer != LTH_PEER_PARENT) {
            peer_send(self, m);
            lth_outgoing_free(&self->engine->outq, m);
        } else if (self->parent.up) {
            *self->parent.waiting_last = m;
            self->parent.waiting_last = &m->next;
        } else {
            lth_outgoing_free(&self->engine->outq, m);
        }
        m = next;
    }
    parent_flush(self);
}

/* ---- signals, reload, stop ---- */

static void ring_command(io *self, lth_slot_kind kind)
{
    lth_slot *slot = lth_ring_begin(&self->engine->ring);
    LTH_ASSERT(slot != NULL); /* only asked for when the ring is empty */
    slot->kind = kind;
    lth_ring_publish(&self->engine->ring);
}

static void log_conf_error(void *ctx, const char *line)
{
    lth_log_text(ctx, LTH_LEVEL_ERROR, "configuration_fault", "reason", line);
}

/* SIGHUP: load everything beside what is in force; a fault keeps the old. */
static void reload_begin(io *self)
{
    lth_node *node = self->engine->node;
    lth_conf_errors errors = {0};
    lth_diag diag = {0};
    lth_err err = lth_dictionary_load(self->engine, &errors, &diag);
    if (err == LTH_OK)
        err = lth_node_peers_load(node, self->engine->next_conf.broker, &diag);
    lth_conf_errors_each(&errors, false, log_conf_error, &node->log);
    lth_conf_errors_fini(&errors);
    if (err != LTH_OK) {
        lth_log_text(&node->log, LTH_LEVEL_ERROR, "configuration_refused", "reason", diag.text);
        lth_node_conf_free(&self->engine->next_conf);
        return;
    }
    lth_dictionary_fault(self->engine, 0, NULL, NULL);
    self->parent.backoff = 0;
    self->parent.retry_at = 0;
    /* Nothing new enters the ring until it is empty and the writer has switched. */
    self->reloading = true;
}

/* A whole publication is in the store: the schema, and what refers to it, is built anew. */
static void apply_published(io *self)
{
    lth_engine *engine = self->engine;
    uint64_t held = atomic_load(&engine->public_held);
    if (held == 0 || held == lth_engine_conf(engine)->schema.dict_ver || held == self->public_tried)
        return;
    lth_conf_errors errors = {0};
    lth_diag diag = {0};
    lth_err err = lth_dictionary_load(engine, &errors, &diag);
    lth_dictionary_fault(engine, held, &errors, err == LTH_OK ? NULL : &diag);
    lth_conf_errors_each(&errors, false, log_conf_error, &engine->node->log);
    lth_conf_errors_fini(&errors);
    self->public_tried = held;
    self->reloading = err == LTH_OK;
    lth_log_event(&engine->node->log, err == LTH_OK ? LTH_LEVEL_NOTICE : LTH_LEVEL_ERROR,
                  err == LTH_OK ? "dictionary_loaded" : "dictionary_refused", "version=%llu",
                  (unsigned long long)held);
}

static void quiesce(io *self)
{
    if (self->stopped || !lth_ring_empty(&self->engine->ring))
        return;
    ring_command(self, self->stopping ? LTH_SLOT_STOP : LTH_SLOT_RELOAD);
    struct pollfd fd = {.fd = self->engine->done_fd, .events = POLLIN};
    while (poll(&fd, 1, -1) < 0 && errno == EINTR)
        continue;
    uint64_t ticks;
    (void)!read(self->engine->done_fd, &ticks, sizeof(ticks));
    if (self->reloading)
        lth_log_event(&self->engine->node->log, LTH_LEVEL_NOTICE, "configuration_loaded", "%s", "");
    self->reloading = false;
    self->stopped = self->stopping;
}

static void signals(io *self)
{
    struct signalfd_siginfo info;
    while (read(self->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP && !self->reloading && !self->stopping)
            reload_begin(self);
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            self->stopping = true;
    }
}

/* ---- the loop ---- */

static size_t fds_fill(io *self, struct pollfd *fds, size_t *control_from)
{
    size_t n = 0;
    fds[n++] = (struct pollfd){.fd = self->signal_fd, .events = POLLIN};
    fds[n++] = (struct pollfd){.fd = self->engine->outq.fd, .events = POLLIN};
    fds[n++] = (struct pollfd){.fd = self->engine->ring.space_fd, .events = POLLIN};
    fds[n++] = (struct pollfd){.fd = lth_net_server_fd(self->server), .events = POLLIN};
    if (self->parent.client != NULL) {
        int client[2];
        lth_net_client_fds(self->parent.client, client);
        fds[n++] = (struct pollfd){.fd = client[0], .events = POLLIN};
        fds[n++] = (struct pollfd){.fd = client[1], .events = POLLIN};
    }
    *control_from = n;
    return n + lth_control_poll(self->control, fds + n, FDS_MAX - n);
}

static bool intake_open(const io *self)
{
    return !self->reloading && !self->stopping;
}

/* Everything that is ready; true when another round is due at once. */
static bool io_round(io *self)
{
    signals(self);
    uint64_t ticks;
    (void)!read(self->engine->ring.space_fd, &ticks, sizeof(ticks));
    outgoing(self);
    if (self->engine->node->has_parent)
        parent_watch(self);
    if (intake_open(self))
        apply_published(self);
    if (!intake_open(self)) {
        quiesce(self);
        return false;
    }
    bool any = false;
    for (uint32_t i = 0; i < RECEIVE_ROUND && receive_one(self); i++)
        any = true;
    for (uint32_t i = 0; i < RECEIVE_ROUND && parent_receive(self); i++)
        any = true;
    return any;
}

static int io_loop(io *self)
{
    lth_mono fed = 0;
    while (!atomic_load(&self->engine->failed)) {
        bool again = io_round(self);
        if (self->stopped)
            return 0;
        lth_mono now = clock_mono();
        if (now - fed >= LTH_MONO_S(1)) {
            lth_service_notify("WATCHDOG=1");
            fed = now;
        }
        struct pollfd fds[FDS_MAX];
        size_t control_from, n = fds_fill(self, fds, &control_from);
        if (poll(fds, (nfds_t)n, again ? 0 : TICK_MS) > 0)
            lth_control_handle(self->control, fds + control_from, n - control_from);
    }
    return 1;
}

static int signals_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static lth_err io_open(io *self, lth_diag *diag)
{
    lth_node *node = self->engine->node;
    const lth_broker_conf *conf = node->conf.broker;
    self->parent.waiting_last = &self->parent.waiting;
    self->signal_fd = signals_open();
    if (self->signal_fd < 0)
        return lth_fail(diag, LTH_E_IO, "signalfd: %s", strerror(errno));
    lth_err err = lth_conns_init(&self->conns, conf->peers_max);
    if (err == LTH_OK)
        err = lth_control_open(&self->control, conf->listen_control, lth_broker_verbs,
                               lth_broker_verbs_n, self->engine, diag);
    if (err == LTH_OK)
        err = lth_net_open(&self->net, 1, diag);
    lth_net_server_options options = {.endpoint = conf->listen_agents,
                                      .secret_key = node->curve_secret,
                                      .allow = lth_node_allow,
                                      .allow_ctx = node,
                                      .peers_max = conf->peers_max};
    if (err == LTH_OK)
        err = lth_net_server_open(&self->server, self->net, &options, diag);
    return err;
}

static void io_close(io *self)
{
    lth_control_close(&self->control);
    while (self->parent.waiting != NULL) {
        lth_outgoing *next = self->parent.waiting->next;
        lth_outgoing_free(&self->engine->outq, self->parent.waiting);
        self->parent.waiting = next;
    }
    lth_net_client_close(&self->parent.client);
    lth_net_server_close(&self->server);
    lth_net_close(&self->net);
    lth_conns_fini(&self->conns);
    close(self->signal_fd);
}

int lth_io_run(lth_engine *engine)
{
    io *self = calloc(1, sizeof(*self));
    if (self == NULL)
        return 1;
    self->engine = engine;
    lth_diag diag = {0};
    int status = 2;
    if (io_open(self, &diag) == LTH_OK) {
        lth_log_event(&engine->node->log, LTH_LEVEL_NOTICE, "started", "listen=%s",
                      engine->node->conf.broker->listen_agents);
        lth_service_notify("READY=1");
        status = io_loop(self);
        lth_service_notify("STOPPING=1");
    } else {
        lth_log_event(&engine->node->log, LTH_LEVEL_ERROR, "start_refused", "detail=\"%s\"",
                      diag.text);
        ring_command(self, LTH_SLOT_STOP);
    }
    io_close(self);
    free(self);
    return status;
}
