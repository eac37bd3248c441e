#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "lib/net/internal.h"

#define PROBE_MS      5000
#define SPARE_FILES   256u /* Beside the peers' connections: store, sockets, control. */
#define ENDPOINT_SIZE 256

struct lth_net_server {
    lth_net *net;
    lth_net__socket socket;
    lth_net__door door;
    atomic_ullong dropped;
};

static const lth_net__option ROUTER[] = {
    {ZMQ_ROUTER_MANDATORY, "ROUTER_MANDATORY", 1},
    {ZMQ_SNDHWM, "SNDHWM", 10000}, /* Bursts of receipts to one peer. */
    {ZMQ_RCVHWM, "RCVHWM", 2},     /* Messages a peer may make us hold beside its credit. */
    {ZMQ_BACKLOG, "BACKLOG", 4096},
    {ZMQ_CURVE_SERVER, "CURVE_SERVER", 1},
    {ZMQ_ZAP_ENFORCE_DOMAIN, "ZAP_ENFORCE_DOMAIN", 1},
    {0},
};

/* libzmq can abort when descriptors run out, so there must be one for every peer. */
static lth_err reserve_files(uint32_t peers_max, lth_diag *diag)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)peers_max + SPARE_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return LTH_OK;
    }
    limit.rlim_cur = wanted;
    if (wanted > limit.rlim_max || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return lth_fail(diag, LTH_E_NET,
                        "%u peers need %llu open files, %llu are allowed: raise LimitNOFILE",
                        peers_max, (unsigned long long)wanted, (unsigned long long)limit.rlim_max);
    }
    return LTH_OK;
}

static lth_err listen_on(lth_net_server *self, const lth_net_server_options *options,
                         lth_diag *diag)
{
    void *zmq = self->socket.zmq;
    lth_err err =
        lth_net__set(zmq, ZMQ_CURVE_SECRETKEY, "CURVE_SECRETKEY", options->secret_key, 32, diag);
    if (err == LTH_OK) {
        err = lth_net__set(zmq, ZMQ_ZAP_DOMAIN, "ZAP_DOMAIN", self->door.domain,
                           strlen(self->door.domain), diag);
    }
    if (err == LTH_OK && zmq_bind(zmq, options->endpoint) != 0) {
        err = lth_fail(diag, LTH_E_NET, "listen on %s: %s", options->endpoint,
                       zmq_strerror(zmq_errno()));
    }
    return err;
}

/* Where this machine reaches its own server: the bound address, loopback for a wildcard. */
static bool own_endpoint(const lth_net_server *self, char out[ENDPOINT_SIZE])
{
    static const char *const wildcards[] = {"tcp://0.0.0.0:", "tcp://[::]:"};
    char bound[ENDPOINT_SIZE];
    size_t size = sizeof bound;
    if (zmq_getsockopt(self->socket.zmq, ZMQ_LAST_ENDPOINT, bound, &size) != 0) {
        return false;
    }
    lth_format(out, ENDPOINT_SIZE, "%s", bound);
    for (size_t i = 0; i < sizeof wildcards / sizeof wildcards[0]; i++) {
        size_t n = strlen(wildcards[i]);
        if (strncmp(bound, wildcards[i], n) == 0) {
            lth_format(out, ENDPOINT_SIZE, "tcp://127.0.0.1:%s", bound + n);
        }
    }
    return true;
}

static lth_net_state probe_wait(lth_net_client *probe)
{
    int fds[2];
    lth_net_client_fds(probe, fds);
    int64_t end = lth_net__ms() + PROBE_MS;
    lth_net_state state = lth_net_client_state(probe);
    for (int64_t left = PROBE_MS; state == LTH_NET_DOWN && left > 0; left = end - lth_net__ms()) {
        struct pollfd monitor = {.fd = fds[1], .events = POLLIN};
        (void)poll(&monitor, 1, (int)left);
        state = lth_net_client_state(probe);
    }
    return state;
}

/* A key nobody knows must be answered with 400. Silence proves nothing. */
static lth_err probe(lth_net_server *self, const uint8_t *server_secret, const uint8_t *secret,
                     lth_diag *diag)
{
    char endpoint[ENDPOINT_SIZE];
    uint8_t server_key[32];
    if (!own_endpoint(self, endpoint)) {
        return lth_net__fail(diag, "LAST_ENDPOINT");
    }
    lth_net_curve_public(server_key, server_secret);
    lth_net_client_options options = {
        .endpoint = endpoint, .server_key = server_key, .secret_key = secret};
    lth_net_client *client = NULL;
    lth_err err = lth_net_client_open(&client, self->net, &options, diag);
    if (err != LTH_OK) {
        return err;
    }
    lth_net_state state = probe_wait(client);
    int status = lth_net__client_refusal(client);
    lth_net_client_close(&client);
    if (state == LTH_NET_UP) {
        return lth_fail(diag, LTH_E_NET, "self-test of %s: an unknown key was let in", endpoint);
    }
    if (state != LTH_NET_REFUSED || status != 400) {
        return lth_fail(diag, LTH_E_NET,
                        "self-test of %s: an unknown key was not refused with 400 (answer %d)",
                        endpoint, status);
    }
    return LTH_OK;
}

lth_err lth_net_server_open(lth_net_server **out, lth_net *net,
                            const lth_net_server_options *options, lth_diag *diag)
{
    *out = NULL;
    uint8_t probe_secret[32];
    lth_err err = reserve_files(options->peers_max, diag);
    if (err != LTH_OK) {
        return err;
    }
    lth_net_server *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return LTH_E_NOMEM;
    }
    self->net = net;
    self->socket = (lth_net__socket){.fd = -1, .event = -1};
    self->door.allow = options->allow;
    self->door.allow_ctx = options->allow_ctx;
    lth_net_curve_make(self->door.probe_key, probe_secret);
    lth_format(self->door.domain, sizeof self->door.domain, "lienthong-%llu",
               (unsigned long long)lth_net__number(net));
    lth_net__door_add(net, &self->door);
    err = lth_net__zap_start(net, diag);
    if (err == LTH_OK) {
        err = lth_net__socket_open(&self->socket, net, ZMQ_ROUTER, ROUTER, diag);
    }
    if (err == LTH_OK) {
        err = listen_on(self, options, diag);
    }
    if (err == LTH_OK) {
        err = probe(self, options->secret_key, probe_secret, diag);
    }
    explicit_bzero(probe_secret, sizeof probe_secret);
    if (err != LTH_OK) {
        lth_net_server_close(&self);
        return err;
    }
    *out = self;
    return LTH_OK;
}

void lth_net_server_close(lth_net_server **self)
{
    if (*self == NULL) {
        return;
    }
    lth_net__socket_close(&(*self)->socket);
    lth_net__door_remove((*self)->net, &(*self)->door);
    free(*self);
    *self = NULL;
}

int lth_net_server_fd(const lth_net_server *self)
{
    return self->socket.fd;
}

/* The second part as a message, with its sender. False: not of the form every peer must keep. */
static bool payload_of(lth_net_message *out, const zmq_msg_t *id, zmq_msg_t *payload)
{
    size_t id_size = zmq_msg_size(id);
    /* Never from the routing id part, where libzmq 4.3.4 can lose it. */
    const char *user = zmq_msg_gets(payload, "User-Id");
    if (id_size > sizeof out->peer.id || zmq_msg_more(payload) != 0 || user == NULL ||
        !lth_unhex(out->user.b, sizeof out->user.b, user, strlen(user))) {
        return false;
    }
    out->peer.size = (uint8_t)id_size;
    memcpy(out->peer.id, zmq_msg_data((zmq_msg_t *)(uintptr_t)id), id_size);
    out->srcfd = zmq_msg_get(payload, ZMQ_SRCFD);
    return true;
}

/* One whole message. LTH_E_FORMAT: it was dropped. */
static lth_err recv_one(lth_net_server *self, lth_net_message *out)
{
    zmq_msg_t id;
    zmq_msg_t payload;
    *out = (lth_net_message){.srcfd = -1};
    zmq_msg_init(&id);
    zmq_msg_init(&payload);
    lth_err err = lth_net__recv(&self->socket, &id);
    if (err != LTH_OK) {
        goto done;
    }
    if (zmq_msg_more(&id) == 0) {
        err = LTH_E_FORMAT;
        goto done;
    }
    err = lth_net__recv(&self->socket, &payload);
    if (err != LTH_OK) {
        goto done;
    }
    if (!payload_of(out, &id, &payload)) {
        lth_net__skip(&self->socket, &payload);
        err = LTH_E_FORMAT;
        goto done;
    }
    err = lth_net__message_take(out, &payload);
done:
    zmq_msg_close(&id);
    zmq_msg_close(&payload);
    return err;
}

lth_err lth_net_server_recv(lth_net_server *self, lth_net_message *out)
{
    lth_err err = LTH_OK;
    while ((err = recv_one(self, out)) == LTH_E_FORMAT) {
        atomic_fetch_add(&self->dropped, 1);
    }
    return err;
}

lth_err lth_net_server_send(lth_net_server *self, const lth_net_peer *peer, lth_slice bytes)
{
    lth_err err = lth_net__send(&self->socket, lth_slice_of(peer->id, peer->size), ZMQ_SNDMORE);
    return err == LTH_OK ? lth_net__send(&self->socket, bytes, 0) : err;
}

void lth_net_server_drop(lth_net_server *self, const lth_net_message *message)
{
    (void)self;
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    /* Only a connection has a peer: a descriptor closed and used again for a file, a listener or a
     * control socket is left alone. */
    if (message->srcfd >= 0 && getpeername(message->srcfd, (struct sockaddr *)&peer, &size) == 0 &&
        (peer.ss_family == AF_INET || peer.ss_family == AF_INET6)) {
        (void)shutdown(message->srcfd, SHUT_RDWR);
    }
}

lth_net_counters lth_net_server_counters(const lth_net_server *self)
{
    return (lth_net_counters){.accepted = atomic_load(&self->door.accepted),
                              .refused = atomic_load(&self->door.refused),
                              .dropped_malformed = atomic_load(&self->dropped)};
}
