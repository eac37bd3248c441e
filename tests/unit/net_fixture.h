/**
 * A server, its keys and waiting for conditions; shared by the tests of the transport.
 */
#pragma once

/* cmocka wants these first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* */
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lth/net.h"

#define DEADLINE_MS 60000

static inline int64_t fixture_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Try again whenever a descriptor is ready (or after a little while) until @p done. */
#define WAIT_FOR(done, fds, n)                                                                     \
    do {                                                                                           \
        int64_t wait_end_ = fixture_ms() + DEADLINE_MS;                                            \
        while (!(done)) {                                                                          \
            assert_true(fixture_ms() < wait_end_);                                                 \
            (void)poll(fds, n, 50);                                                                \
        }                                                                                          \
    } while (0)

/* A free port below the ephemeral range. */
static inline uint16_t free_port(void)
{
    static uint16_t next;
    next = next != 0 ? next : (uint16_t)(10000 + (unsigned)getpid() * 7 % 20000);
    for (unsigned tries = 0; tries < 2000; tries++) {
        next = next < 31990 ? (uint16_t)(next + 1) : 10000;
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(next)};
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool unused = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
        close(fd);
        if (unused) {
            return next;
        }
    }
    fail_msg("no free port");
    return 0;
}

typedef struct keys {
    uint8_t public_key[32], secret_key[32];
} keys;

static inline keys keys_new(void)
{
    keys made;
    lth_net_curve_make(made.public_key, made.secret_key);
    return made;
}

typedef struct world {
    lth_net *net;
    lth_net_server *server;
    uint16_t port;
    char endpoint[64];
    keys server_keys, known, unknown;
    lth_id org;
    atomic_bool allow_all;
    lth_net_client *clients[16]; /* Also closed after a failed test: the context waits for them. */
} world;

static inline bool world_allow(void *ctx, const uint8_t curve_key[32], lth_id *user)
{
    const world *w = ctx;
    *user = w->org;
    return atomic_load(&w->allow_all) || memcmp(curve_key, w->known.public_key, 32) == 0;
}

static inline lth_err world_serve(world *w, lth_diag *diag)
{
    lth_net_server_options options = {.endpoint = w->endpoint,
                                      .secret_key = w->server_keys.secret_key,
                                      .allow = world_allow,
                                      .allow_ctx = w,
                                      .peers_max = 300};
    return lth_net_server_open(&w->server, w->net, &options, diag);
}

/* The same port again: libzmq frees it some time after the close. */
static inline lth_err world_serve_again(world *w, lth_diag *diag)
{
    lth_diag own = {0};
    lth_err err = LTH_OK;
    struct pollfd none = {.fd = -1};
    WAIT_FOR((err = world_serve(w, &own)) == LTH_OK ||
                 strstr(own.text, "Address already in use") == NULL,
             &none, 1);
    if (diag != NULL) {
        *diag = own;
    }
    return err;
}

static inline int world_setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    lth_diag diag = {0};
    assert_non_null(w);
    assert_int_equal(lth_net_open(&w->net, 1, &diag), LTH_OK);
    w->server_keys = keys_new();
    w->known = keys_new();
    w->unknown = keys_new();
    for (size_t i = 0; i < sizeof w->org.b; i++) {
        w->org.b[i] = (uint8_t)(0xf0 - 7 * i);
    }
    w->port = free_port();
    lth_format(w->endpoint, sizeof w->endpoint, "tcp://127.0.0.1:%u", w->port);
    if (world_serve(w, &diag) != LTH_OK) {
        fail_msg("%s", diag.text);
    }
    *state = w;
    return 0;
}

static inline int world_teardown(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < sizeof w->clients / sizeof w->clients[0]; i++) {
        lth_net_client_close(&w->clients[i]);
    }
    lth_net_server_close(&w->server);
    lth_net_close(&w->net);
    free(w);
    return 0;
}

static inline lth_net_client *client_to(world *w, const char *endpoint, const keys *own)
{
    lth_net_client *client = NULL;
    lth_net_client_options options = {.endpoint = endpoint,
                                      .server_key = w->server_keys.public_key,
                                      .secret_key = own->secret_key,
                                      .seed = 7,
                                      .reconnect_ms_min = 20,
                                      .reconnect_ms_max = 40};
    assert_int_equal(lth_net_client_open(&client, w->net, &options, NULL), LTH_OK);
    size_t i = 0;
    while (w->clients[i] != NULL) {
        i++;
        assert_true(i < sizeof w->clients / sizeof w->clients[0]);
    }
    w->clients[i] = client;
    return client;
}

static inline void client_end(world *w, lth_net_client *client)
{
    for (size_t i = 0; i < sizeof w->clients / sizeof w->clients[0]; i++) {
        if (w->clients[i] == client) {
            lth_net_client_close(&w->clients[i]);
            return;
        }
    }
    fail_msg("not a client of this test");
}

static inline void client_wait(lth_net_client *client, lth_net_state wanted)
{
    int fds[2];
    lth_net_client_fds(client, fds);
    struct pollfd monitor = {.fd = fds[1], .events = POLLIN};
    WAIT_FOR(lth_net_client_state(client) == wanted, &monitor, 1);
}

static inline lth_net_client *client_up(world *w)
{
    lth_net_client *client = client_to(w, w->endpoint, &w->known);
    client_wait(client, LTH_NET_UP);
    return client;
}

static inline lth_net_message server_next(lth_net_server *server)
{
    lth_net_message message;
    struct pollfd ready = {.fd = lth_net_server_fd(server), .events = POLLIN};
    lth_err err = LTH_E_AGAIN;
    WAIT_FOR((err = lth_net_server_recv(server, &message)) != LTH_E_AGAIN, &ready, 1);
    assert_int_equal(err, LTH_OK);
    return message;
}

static inline lth_net_message client_next(lth_net_client *client)
{
    lth_net_message message;
    int fds[2];
    lth_net_client_fds(client, fds);
    struct pollfd ready = {.fd = fds[0], .events = POLLIN};
    lth_err err = LTH_E_AGAIN;
    WAIT_FOR((err = lth_net_client_recv(client, &message)) != LTH_E_AGAIN, &ready, 1);
    assert_int_equal(err, LTH_OK);
    return message;
}

static inline lth_slice text_slice(const char *text)
{
    return lth_slice_of(text, strlen(text));
}

/* The known client gets "ping" through and "pong" back: nothing before has harmed the server. */
static inline void assert_still_serves(world *w)
{
    lth_net_client *client = client_up(w);
    assert_int_equal(lth_net_client_send(client, text_slice("ping")), LTH_OK);
    lth_net_message got = server_next(w->server);
    assert_true(lth_slice_equal(got.bytes, text_slice("ping")));
    assert_true(lth_id_equal(&got.user, &w->org));
    assert_int_equal(lth_net_server_send(w->server, &got.peer, text_slice("pong")), LTH_OK);
    lth_net_message_fini(&got);
    got = client_next(client);
    assert_true(lth_slice_equal(got.bytes, text_slice("pong")));
    lth_net_message_fini(&got);
    client_end(w, client);
}
