/**
 * @file lib/net/internal.h
 * Shared by the files of lib/net.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <zmq.h>

#include "lth/net.h"

/* Behind a draft guard in the stock header, but built into libzmq 4.3.4. */
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

/** One server as the ZAP handler sees it; found by its domain. */
typedef struct lth_net__door {
    char domain[32];
    lth_net_allow allow;
    void *allow_ctx;
    uint8_t probe_key[32]; /**< Of the self-test: judged like any other, but not counted. */
    atomic_ullong accepted, refused;
    struct lth_net__door *next;
} lth_net__door;

struct lth_net {
    void *zmq;
    pthread_mutex_t mutex; /**< Guards all below; held while a door's allow() runs. */
    lth_net__door *doors;
    uint64_t last_number; /**< For names of domains and monitors. */
    bool zap_running;
    pthread_t zap_thread;
    void *zap_socket; /**< The thread's, once it runs. */
    int zap_stop;     /**< eventfd. */
};

uint64_t lth_net__number(lth_net *net);
lth_err lth_net__fail(lth_diag *diag, const char *what);
/** Monotonic milliseconds. */
int64_t lth_net__ms(void);

/** Start the handler unless it runs. */
LTH_MUST_USE lth_err lth_net__zap_start(lth_net *net, lth_diag *diag);
void lth_net__zap_stop(lth_net *net);
void lth_net__door_add(lth_net *net, lth_net__door *door);
/** When it returns, allow() is not running and will not be called again. */
void lth_net__door_remove(lth_net *net, lth_net__door *door);

typedef struct lth_net__option {
    int option;
    const char *name;
    int value;
} lth_net__option;

/**
 * A socket and a descriptor that says when to read. ZeroMQ's own descriptor alone loses wake-ups:
 * sending takes the signal of what arrives meanwhile. `event` gives it again.
 */
typedef struct lth_net__socket {
    void *zmq;
    int fd;    /**< epoll over ZeroMQ's descriptor and `event`. */
    int event; /**< eventfd. */
    bool woken;
} lth_net__socket;

/** With the options every socket has, then @p extra (ends with option 0). */
LTH_MUST_USE lth_err lth_net__socket_open(lth_net__socket *out, lth_net *net, int type,
                                          const lth_net__option *extra, lth_diag *diag);
void lth_net__socket_close(lth_net__socket *self);
LTH_MUST_USE lth_err lth_net__set(void *zmq, int option, const char *name, const void *value,
                                  size_t size, lth_diag *diag);
/** One part. LTH_OK, LTH_E_AGAIN, LTH_E_NET. */
LTH_MUST_USE lth_err lth_net__recv(lth_net__socket *self, zmq_msg_t *part);
/** The rest of a message of too many parts. */
void lth_net__skip(lth_net__socket *self, const zmq_msg_t *part);
/** One part, copied. LTH_OK, LTH_E_AGAIN, LTH_E_UNREACHABLE, LTH_E_NOMEM, LTH_E_NET. */
LTH_MUST_USE lth_err lth_net__send(lth_net__socket *self, lth_slice bytes, int flags);
/** Hand the part over to @p out: its bytes are not copied. LTH_E_NOMEM: the part is closed. */
LTH_MUST_USE lth_err lth_net__message_take(lth_net_message *out, zmq_msg_t *part);

/** What the last refused handshake was answered with; 0 if none was. */
int lth_net__client_refusal(const lth_net_client *self);
