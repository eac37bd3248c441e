/**
 * @file lth/net.h
 * ZeroMQ with CURVE, closed by default. The only folder that includes zmq.h is lib/net.
 * Every option of reliability.md section 4 is set before bind or connect. Sockets belong to one
 * thread.
 */
#pragma once

#include "lth/bytes.h"
#include "lth/diag.h"
#include "lth/hash.h"

typedef struct lth_net lth_net;               /**< One ZeroMQ context. */
typedef struct lth_net_server lth_net_server; /**< ROUTER. */
typedef struct lth_net_client lth_net_client; /**< DEALER. */

LTH_MUST_USE lth_err lth_net_open(lth_net **out, uint32_t io_threads, lth_diag *diag);
void lth_net_close(lth_net **self);

/** CURVE keys: 32 raw bytes. */
void lth_net_curve_make(uint8_t public_key[32], uint8_t secret_key[32]);
void lth_net_curve_public(uint8_t public_key[32], const uint8_t secret_key[32]);

/** May this CURVE key connect? Called on the ZAP thread; must be thread-safe and quick.
 * Return false to refuse (400). @p user receives the org. */
typedef bool (*lth_net_allow)(void *ctx, const uint8_t curve_key[32], lth_id *user);

typedef struct lth_net_server_options {
    const char *endpoint; /**< "tcp://127.0.0.1:7601" or the same with an asterisk as host. */
    const uint8_t *secret_key;
    lth_net_allow allow;
    void *allow_ctx;
    uint32_t peers_max;
} lth_net_server_options;

/** Starts the ZAP handler (once per context, before any server socket), binds, and proves that an
 * unknown key is refused: connects once with a random key and requires the 400 itself.
 * LTH_E_NET with the reason otherwise: the caller must not go on. */
LTH_MUST_USE lth_err lth_net_server_open(lth_net_server **out, lth_net *net,
                                         const lth_net_server_options *options, lth_diag *diag);
void lth_net_server_close(lth_net_server **self);
/** For poll(); after readiness drain until AGAIN. Sending never hides an arrival. */
int lth_net_server_fd(const lth_net_server *self);

/** Routing id as ZeroMQ gives it. */
typedef struct lth_net_peer {
    uint8_t size;
    uint8_t id[15]; /**< Longer routing ids (a peer that sets its own) are dropped as hostile. */
} lth_net_peer;

typedef struct lth_net_message {
    lth_net_peer peer;
    lth_id user; /**< From the payload frame's User-Id; a message without one never gets here. */
    int srcfd;   /**< For lth_net_server_drop(); valid only until the next receive. */
    lth_slice bytes; /**< Payload; release with lth_net_message_fini(). */
    void *impl;
} lth_net_message;
/** LTH_OK, LTH_E_AGAIN (nothing there), LTH_E_NET. Messages not of exactly two parts are dropped
 * and counted. */
LTH_MUST_USE lth_err lth_net_server_recv(lth_net_server *self, lth_net_message *out);
/** The payload may outlive the call and be released on another thread. */
void lth_net_message_fini(lth_net_message *message);
/** LTH_OK; LTH_E_UNREACHABLE (peer gone); LTH_E_AGAIN (its queue is full: peer is stuck). */
LTH_MUST_USE lth_err lth_net_server_send(lth_net_server *self, const lth_net_peer *peer,
                                         lth_slice bytes);
/** Cut the TCP connection that delivered the message just received. */
void lth_net_server_drop(lth_net_server *self, const lth_net_message *message);

typedef struct lth_net_client_options {
    const char *endpoint;
    const uint8_t *server_key; /**< CURVE public key, from the server's certificate. */
    const uint8_t *secret_key;
    uint64_t seed; /**< For reconnect jitter. */
    uint32_t reconnect_ms_min,
        reconnect_ms_max; /**< Base interval is drawn between them; 0 = 2,000..10,000. */
} lth_net_client_options;
LTH_MUST_USE lth_err lth_net_client_open(lth_net_client **out, lth_net *net,
                                         const lth_net_client_options *options, lth_diag *diag);
void lth_net_client_close(lth_net_client **self);
/** Two descriptors to poll: messages, and the socket's monitor. */
void lth_net_client_fds(const lth_net_client *self, int fds[2]);

typedef enum lth_net_state { LTH_NET_DOWN, LTH_NET_UP, LTH_NET_REFUSED } lth_net_state;
/** Drain the monitor: state after all events so far. Call it when the monitor's descriptor is ready
 * and at least every few seconds while DOWN. REFUSED: the server answered 400, or libzmq gave up
 * for another reason; the socket will not try again: close it and open another after a back-off
 * (1 s doubling to 15 minutes). */
lth_net_state lth_net_client_state(lth_net_client *self);
/** One payload part. LTH_OK, LTH_E_AGAIN. */
LTH_MUST_USE lth_err lth_net_client_recv(lth_net_client *self, lth_net_message *out);
LTH_MUST_USE lth_err lth_net_client_send(lth_net_client *self, lth_slice bytes);

/** Options in force, for a test and `status`: number of mechanism checks passed at start. */
typedef struct lth_net_counters {
    uint64_t accepted, refused, dropped_malformed;
} lth_net_counters;
lth_net_counters lth_net_server_counters(const lth_net_server *self);
