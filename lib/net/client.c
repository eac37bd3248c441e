#include <stdlib.h>

#include "lib/net/internal.h"

#define RECONNECT_MIN_MS     2000u
#define RECONNECT_MAX_MS     10000u
#define RECONNECT_CEILING_MS 300000

struct lth_net_client {
    lth_net__socket socket;
    void *monitor; /* PAIR. */
    int monitor_fd;
    lth_net_state state;
    int refusal;
    int64_t lost_ms; /* When the connection ended; 0 once libzmq says that it will try again. */
};

static const lth_net__option DEALER[] = {
    {ZMQ_IMMEDIATE, "IMMEDIATE", 1}, /* Nothing is queued for a server that is not there. */
    {ZMQ_SNDHWM, "SNDHWM", 8},
    {ZMQ_RCVHWM, "RCVHWM", 64},
    {ZMQ_RECONNECT_IVL_MAX, "RECONNECT_IVL_MAX", RECONNECT_CEILING_MS},
    {0},
};

/* How long libzmq may take to say that it will try again. After an error of form (a byte changed on
 * the way is enough) it says nothing, and never tries. */
#define RETRY_ANNOUNCED_MS 2000

#define EVENTS                                                                                     \
    (ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |          \
     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)

static int reconnect_ms(const lth_net_client_options *options)
{
    uint32_t min = options->reconnect_ms_min != 0 ? options->reconnect_ms_min : RECONNECT_MIN_MS;
    uint32_t max = options->reconnect_ms_max != 0 ? options->reconnect_ms_max : RECONNECT_MAX_MS;
    uint64_t x = options->seed + 0x9e3779b97f4a7c15u; /* splitmix64 */
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    return (int)(min + (max > min ? x % (max - min + 1) : 0));
}

static lth_err set_keys(lth_net_client *self, const lth_net_client_options *options, lth_diag *diag)
{
    uint8_t public_key[32];
    lth_net_curve_public(public_key, options->secret_key);
    const struct {
        int option;
        const char *name;
        const uint8_t *key;
    } keys[] = {{ZMQ_CURVE_SERVERKEY, "CURVE_SERVERKEY", options->server_key},
                {ZMQ_CURVE_PUBLICKEY, "CURVE_PUBLICKEY", public_key},
                {ZMQ_CURVE_SECRETKEY, "CURVE_SECRETKEY", options->secret_key}};
    lth_err err = LTH_OK;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && err == LTH_OK; i++) {
        err = lth_net__set(self->socket.zmq, keys[i].option, keys[i].name, keys[i].key, 32, diag);
    }
    return err;
}

static lth_err monitor_open(lth_net_client *self, lth_net *net, lth_diag *diag)
{
    /* Without limit: libzmq's own thread would wait for us on a full queue. Events come at most as
     * often as connections are tried. */
    static const int no_limit = 0;
    char name[48];
    size_t size = sizeof self->monitor_fd;
    lth_format(name, sizeof name, "inproc://lth-monitor-%llu",
               (unsigned long long)lth_net__number(net));
    if (zmq_socket_monitor(self->socket.zmq, name, EVENTS) != 0) {
        return lth_net__fail(diag, "monitor");
    }
    self->monitor = zmq_socket(net->zmq, ZMQ_PAIR);
    if (self->monitor == NULL ||
        zmq_setsockopt(self->monitor, ZMQ_RCVHWM, &no_limit, sizeof no_limit) != 0 ||
        zmq_connect(self->monitor, name) != 0 ||
        zmq_getsockopt(self->monitor, ZMQ_FD, &self->monitor_fd, &size) != 0) {
        return lth_net__fail(diag, "monitor");
    }
    return LTH_OK;
}

lth_err lth_net_client_open(lth_net_client **out, lth_net *net,
                            const lth_net_client_options *options, lth_diag *diag)
{
    *out = NULL;
    lth_net_client *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return LTH_E_NOMEM;
    }
    int interval = reconnect_ms(options);
    lth_err err = lth_net__socket_open(&self->socket, net, ZMQ_DEALER, DEALER, diag);
    if (err == LTH_OK) {
        err = lth_net__set(self->socket.zmq, ZMQ_RECONNECT_IVL, "RECONNECT_IVL", &interval,
                           sizeof interval, diag);
    }
    if (err == LTH_OK) {
        err = set_keys(self, options, diag);
    }
    if (err == LTH_OK) {
        err = monitor_open(self, net, diag);
    }
    if (err == LTH_OK && zmq_connect(self->socket.zmq, options->endpoint) != 0) {
        err = lth_fail(diag, LTH_E_NET, "connect to %s: %s", options->endpoint,
                       zmq_strerror(zmq_errno()));
    }
    if (err != LTH_OK) {
        lth_net_client_close(&self);
        return err;
    }
    *out = self;
    return LTH_OK;
}

void lth_net_client_close(lth_net_client **self)
{
    lth_net_client *client = *self;
    if (client == NULL) {
        return;
    }
    if (client->socket.zmq != NULL) {
        (void)zmq_socket_monitor(client->socket.zmq, NULL, 0);
    }
    if (client->monitor != NULL) {
        zmq_close(client->monitor);
    }
    lth_net__socket_close(&client->socket);
    free(client);
    *self = NULL;
}

void lth_net_client_fds(const lth_net_client *self, int fds[2])
{
    fds[0] = self->socket.fd;
    fds[1] = self->monitor_fd;
}

static void apply(lth_net_client *self, uint16_t event, uint32_t value)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        self->state = LTH_NET_UP;
        self->lost_ms = 0;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        self->refusal = (int)value;
        self->state = LTH_NET_REFUSED;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: /* libzmq does not try again after this one either. */
        self->state = LTH_NET_REFUSED;
        break;
    case ZMQ_EVENT_DISCONNECTED:
        self->state = self->state == LTH_NET_UP ? LTH_NET_DOWN : self->state;
        self->lost_ms = lth_net__ms();
        break;
    case ZMQ_EVENT_CONNECT_RETRIED:
        self->lost_ms = 0;
        break;
    default:
        break;
    }
}

lth_net_state lth_net_client_state(lth_net_client *self)
{
    uint8_t part[512]; /* Event u16 and value u32 of this machine's byte order; then an address. */
    int n = 0;
    while ((n = zmq_recv(self->monitor, part, sizeof part, ZMQ_DONTWAIT)) >= 0) {
        uint16_t event = 0;
        uint32_t value = 0;
        if (n == (int)(sizeof event + sizeof value)) {
            memcpy(&event, part, sizeof event);
            memcpy(&value, part + sizeof event, sizeof value);
        }
        (void)zmq_recv(self->monitor, part, sizeof part, ZMQ_DONTWAIT);
        apply(self, event, value);
    }
    if (self->lost_ms != 0 && lth_net__ms() - self->lost_ms > RETRY_ANNOUNCED_MS) {
        self->state = LTH_NET_REFUSED;
    }
    return self->state;
}

int lth_net__client_refusal(const lth_net_client *self)
{
    return self->refusal;
}

lth_err lth_net_client_recv(lth_net_client *self, lth_net_message *out)
{
    for (;;) {
        zmq_msg_t part;
        *out = (lth_net_message){.srcfd = -1};
        zmq_msg_init(&part);
        lth_err err = lth_net__recv(&self->socket, &part);
        if (err != LTH_OK) {
            zmq_msg_close(&part);
            return err;
        }
        if (zmq_msg_more(&part) == 0) {
            return lth_net__message_take(out, &part);
        }
        lth_net__skip(&self->socket, &part);
        zmq_msg_close(&part);
    }
}

lth_err lth_net_client_send(lth_net_client *self, lth_slice bytes)
{
    return lth_net__send(&self->socket, bytes, 0);
}
