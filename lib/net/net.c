#include "lib/net/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX (1024 * 1024)
#define MS_PER_S    1000

/* Set on every socket before bind or connect (docs: reliability, ZeroMQ). */
static const lth_net__option COMMON[] = {
    {ZMQ_LINGER, "LINGER", 1 * MS_PER_S},
    {ZMQ_HANDSHAKE_IVL, "HANDSHAKE_IVL", 10 * MS_PER_S},
    {ZMQ_HEARTBEAT_IVL, "HEARTBEAT_IVL", 15 * MS_PER_S},
    {ZMQ_HEARTBEAT_TIMEOUT, "HEARTBEAT_TIMEOUT", 30 * MS_PER_S},
    {ZMQ_HEARTBEAT_TTL, "HEARTBEAT_TTL", 45 * MS_PER_S},
    {ZMQ_CONNECT_TIMEOUT, "CONNECT_TIMEOUT", 10 * MS_PER_S},
    {ZMQ_TCP_KEEPALIVE, "TCP_KEEPALIVE", 1},
    {ZMQ_TCP_KEEPALIVE_IDLE, "TCP_KEEPALIVE_IDLE", 60},
    {ZMQ_TCP_KEEPALIVE_INTVL, "TCP_KEEPALIVE_INTVL", 15},
    {ZMQ_TCP_KEEPALIVE_CNT, "TCP_KEEPALIVE_CNT", 4},
    {ZMQ_TCP_MAXRT, "TCP_MAXRT", 60 * MS_PER_S},
    {ZMQ_IPV6, "IPV6", 1},
    {0},
};

lth_err lth_net__fail(lth_diag *diag, const char *what)
{
    return lth_fail(diag, LTH_E_NET, "ZeroMQ %s: %s", what, zmq_strerror(zmq_errno()));
}

int64_t lth_net__ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t lth_net__number(lth_net *net)
{
    pthread_mutex_lock(&net->mutex);
    uint64_t number = ++net->last_number;
    pthread_mutex_unlock(&net->mutex);
    return number;
}

lth_err lth_net_open(lth_net **out, uint32_t io_threads, lth_diag *diag)
{
    *out = NULL;
    lth_net *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return LTH_E_NOMEM;
    }
    pthread_mutex_init(&self->mutex, NULL);
    self->zap_stop = -1;
    self->zmq = zmq_ctx_new();
    if (self->zmq == NULL || zmq_ctx_set(self->zmq, ZMQ_IO_THREADS, (int)io_threads) != 0 ||
        zmq_ctx_set(self->zmq, ZMQ_BLOCKY, 0) != 0) {
        lth_err err = lth_net__fail(diag, "context");
        lth_net_close(&self);
        return err;
    }
    *out = self;
    return LTH_OK;
}

void lth_net_close(lth_net **self)
{
    lth_net *net = *self;
    if (net == NULL) {
        return;
    }
    LTH_ASSERT(net->doors == NULL);
    lth_net__zap_stop(net);
    while (net->zmq != NULL && zmq_ctx_term(net->zmq) != 0) {
        LTH_ASSERT(zmq_errno() == EINTR);
    }
    pthread_mutex_destroy(&net->mutex);
    free(net);
    *self = NULL;
}

/* ---- keys ---- */

#define Z85_SIZE 41

void lth_net_curve_make(uint8_t public_key[32], uint8_t secret_key[32])
{
    char public_text[Z85_SIZE];
    char secret_text[Z85_SIZE];
    LTH_ASSERT(zmq_curve_keypair(public_text, secret_text) == 0);
    LTH_ASSERT(zmq_z85_decode(public_key, public_text) != NULL);
    LTH_ASSERT(zmq_z85_decode(secret_key, secret_text) != NULL);
    explicit_bzero(secret_text, sizeof secret_text);
}

void lth_net_curve_public(uint8_t public_key[32], const uint8_t secret_key[32])
{
    char public_text[Z85_SIZE];
    char secret_text[Z85_SIZE];
    LTH_ASSERT(zmq_z85_encode(secret_text, secret_key, 32) != NULL);
    LTH_ASSERT(zmq_curve_public(public_text, secret_text) == 0);
    LTH_ASSERT(zmq_z85_decode(public_key, public_text) != NULL);
    explicit_bzero(secret_text, sizeof secret_text);
}

/* ---- sockets ---- */

lth_err lth_net__set(void *zmq, int option, const char *name, const void *value, size_t size,
                     lth_diag *diag)
{
    return zmq_setsockopt(zmq, option, value, size) == 0 ? LTH_OK : lth_net__fail(diag, name);
}

static lth_err set_all(void *zmq, const lth_net__option *options, lth_diag *diag)
{
    lth_err err = LTH_OK;
    for (const lth_net__option *o = options; o->name != NULL && err == LTH_OK; o++) {
        err = lth_net__set(zmq, o->option, o->name, &o->value, sizeof o->value, diag);
    }
    return err;
}

static bool watch(int epoll, int fd)
{
    struct epoll_event interest = {.events = EPOLLIN};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest) == 0;
}

lth_err lth_net__socket_open(lth_net__socket *out, lth_net *net, int type,
                             const lth_net__option *extra, lth_diag *diag)
{
    static const int64_t message_max = MESSAGE_MAX;
    int zmq_fd = -1;
    size_t fd_size = sizeof zmq_fd;
    *out = (lth_net__socket){.fd = -1, .event = -1};
    out->zmq = zmq_socket(net->zmq, type);
    if (out->zmq == NULL) {
        return lth_net__fail(diag, "socket");
    }
    lth_err err = lth_net__set(out->zmq, ZMQ_MAXMSGSIZE, "MAXMSGSIZE", &message_max,
                               sizeof message_max, diag);
    if (err == LTH_OK) {
        err = set_all(out->zmq, COMMON, diag);
    }
    if (err == LTH_OK) {
        err = set_all(out->zmq, extra, diag);
    }
    if (err != LTH_OK) {
        goto done;
    }
    out->fd = epoll_create1(EPOLL_CLOEXEC);
    out->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (zmq_getsockopt(out->zmq, ZMQ_FD, &zmq_fd, &fd_size) != 0 || out->fd < 0 || out->event < 0 ||
        !watch(out->fd, zmq_fd) || !watch(out->fd, out->event)) {
        err = lth_net__fail(diag, "descriptors");
    }
done:
    if (err != LTH_OK) {
        lth_net__socket_close(out);
    }
    return err;
}

void lth_net__socket_close(lth_net__socket *self)
{
    if (self->fd >= 0) {
        close(self->fd);
    }
    if (self->event >= 0) {
        close(self->event);
    }
    if (self->zmq != NULL) {
        zmq_close(self->zmq);
    }
    *self = (lth_net__socket){.fd = -1, .event = -1};
}

static void wake(lth_net__socket *self)
{
    int events = 0;
    size_t size = sizeof events;
    if (self->woken || zmq_getsockopt(self->zmq, ZMQ_EVENTS, &events, &size) != 0 ||
        (events & ZMQ_POLLIN) == 0) {
        return;
    }
    self->woken = eventfd_write(self->event, 1) == 0;
}

static void slept(lth_net__socket *self)
{
    eventfd_t value = 0;
    if (self->woken) {
        (void)eventfd_read(self->event, &value);
        self->woken = false;
    }
}

lth_err lth_net__recv(lth_net__socket *self, zmq_msg_t *part)
{
    int n = 0;
    do {
        n = zmq_msg_recv(part, self->zmq, ZMQ_DONTWAIT);
    } while (n < 0 && zmq_errno() == EINTR);
    if (n >= 0) {
        return LTH_OK;
    }
    if (zmq_errno() != EAGAIN) {
        return LTH_E_NET;
    }
    slept(self);
    return LTH_E_AGAIN;
}

void lth_net__skip(lth_net__socket *self, const zmq_msg_t *part)
{
    bool more = zmq_msg_more(part) != 0;
    while (more) {
        zmq_msg_t rest;
        zmq_msg_init(&rest);
        more = lth_net__recv(self, &rest) == LTH_OK && zmq_msg_more(&rest) != 0;
        zmq_msg_close(&rest);
    }
}

lth_err lth_net__send(lth_net__socket *self, lth_slice bytes, int flags)
{
    zmq_msg_t part;
    if (zmq_msg_init_size(&part, bytes.n) != 0) {
        return LTH_E_NOMEM;
    }
    if (bytes.n > 0) {
        memcpy(zmq_msg_data(&part), bytes.p, bytes.n);
    }
    int n = 0;
    do {
        n = zmq_msg_send(&part, self->zmq, flags | ZMQ_DONTWAIT);
    } while (n < 0 && zmq_errno() == EINTR);
    int error = n < 0 ? zmq_errno() : 0;
    if (error != 0) {
        zmq_msg_close(&part);
    }
    wake(self);
    return error == 0              ? LTH_OK
           : error == EAGAIN       ? LTH_E_AGAIN
           : error == EHOSTUNREACH ? LTH_E_UNREACHABLE
                                   : LTH_E_NET;
}

lth_err lth_net__message_take(lth_net_message *out, zmq_msg_t *part)
{
    zmq_msg_t *kept = malloc(sizeof *kept);
    if (kept == NULL) {
        zmq_msg_close(part);
        return LTH_E_NOMEM;
    }
    zmq_msg_init(kept);
    LTH_ASSERT(zmq_msg_move(kept, part) == 0);
    zmq_msg_close(part);
    out->impl = kept;
    out->bytes = lth_slice_of(zmq_msg_data(kept), zmq_msg_size(kept));
    return LTH_OK;
}

void lth_net_message_fini(lth_net_message *message)
{
    if (message->impl != NULL) {
        zmq_msg_close(message->impl);
        free(message->impl);
    }
    message->impl = NULL;
    message->bytes = (lth_slice){0};
}
