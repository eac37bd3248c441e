/* Peers that keep no rule: the test plays them with libzmq itself or with bare TCP. */
#include "net_fixture.h"

#include <pthread.h>
#include <zmq.h>

/* A DEALER of its own context, and its monitor. */
typedef struct raw_peer {
    void *context, *socket, *monitor;
} raw_peer;

typedef enum raw_mechanism { RAW_NULL, RAW_PLAIN, RAW_CURVE } raw_mechanism;

static raw_peer raw_open(const world *w, raw_mechanism mechanism, const char *routing_id)
{
    raw_peer raw = {.context = zmq_ctx_new()};
    int linger = 0;
    raw.socket = zmq_socket(raw.context, ZMQ_DEALER);
    zmq_setsockopt(raw.socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(raw.socket, ZMQ_ROUTING_ID, routing_id, strlen(routing_id));
    if (mechanism == RAW_PLAIN) {
        zmq_setsockopt(raw.socket, ZMQ_PLAIN_USERNAME, "admin", 5);
        zmq_setsockopt(raw.socket, ZMQ_PLAIN_PASSWORD, "admin", 5);
    } else if (mechanism == RAW_CURVE) {
        zmq_setsockopt(raw.socket, ZMQ_CURVE_SERVERKEY, w->server_keys.public_key, 32);
        zmq_setsockopt(raw.socket, ZMQ_CURVE_PUBLICKEY, w->known.public_key, 32);
        zmq_setsockopt(raw.socket, ZMQ_CURVE_SECRETKEY, w->known.secret_key, 32);
    }
    assert_int_equal(zmq_socket_monitor(raw.socket, "inproc://raw", ZMQ_EVENT_ALL), 0);
    raw.monitor = zmq_socket(raw.context, ZMQ_PAIR);
    assert_int_equal(zmq_connect(raw.monitor, "inproc://raw"), 0);
    assert_int_equal(zmq_connect(raw.socket, w->endpoint), 0);
    return raw;
}

static void raw_close(raw_peer *raw)
{
    zmq_socket_monitor(raw->socket, NULL, 0);
    zmq_close(raw->monitor);
    zmq_close(raw->socket);
    zmq_ctx_term(raw->context);
}

/* The first event of @p wanted; any of @p forbidden before it fails the test. */
static void raw_wait(const raw_peer *raw, int wanted, int forbidden)
{
    int timeout = DEADLINE_MS;
    zmq_setsockopt(raw->monitor, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    for (;;) {
        uint8_t event[6];
        uint8_t address[256];
        uint16_t kind = 0;
        assert_int_equal(zmq_recv(raw->monitor, event, sizeof event, 0), sizeof event);
        assert_true(zmq_recv(raw->monitor, address, sizeof address, 0) >= 0);
        memcpy(&kind, event, sizeof kind);
        assert_int_equal(kind & forbidden, 0);
        if ((kind & wanted) != 0) {
            return;
        }
    }
}

static void assert_nothing_arrives(world *w)
{
    lth_net_message message;
    assert_int_equal(lth_net_server_recv(w->server, &message), LTH_E_AGAIN);
}

static void refused_mechanism(world *w, raw_mechanism mechanism)
{
    raw_peer raw = raw_open(w, mechanism, "");
    assert_int_equal(zmq_send(raw.socket, "x", 1, ZMQ_DONTWAIT), 1);
    raw_wait(&raw,
             ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                 ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED,
             ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    raw_close(&raw);
    assert_nothing_arrives(w);
    assert_int_equal(lth_net_server_counters(w->server).accepted, 0);
    assert_still_serves(w);
}

static void test_without_encryption_is_refused(void **state)
{
    refused_mechanism(*state, RAW_NULL);
}

static void test_password_mechanism_is_refused(void **state)
{
    refused_mechanism(*state, RAW_PLAIN);
}

static void raw_send_parts(const raw_peer *raw, unsigned n)
{
    for (unsigned i = 1; i <= n; i++) {
        assert_int_equal(zmq_send(raw->socket, "part", 4, i < n ? ZMQ_SNDMORE : 0), 4);
    }
}

static void test_messages_of_other_than_one_part_are_dropped(void **state)
{
    world *w = *state;
    raw_peer raw = raw_open(w, RAW_CURVE, "");
    raw_send_parts(&raw, 2);
    raw_send_parts(&raw, 3);
    raw_send_parts(&raw, 50);
    assert_int_equal(zmq_send(raw.socket, "good", 4, 0), 4);
    lth_net_message message = server_next(w->server);
    assert_true(lth_slice_equal(message.bytes, text_slice("good")));
    assert_true(lth_id_equal(&message.user, &w->org));
    lth_net_message_fini(&message);
    assert_int_equal(lth_net_server_counters(w->server).dropped_malformed, 3);
    raw_close(&raw);
    assert_still_serves(w);
}

static void test_client_drops_messages_of_several_parts(void **state)
{
    world *w = *state;
    uint16_t port = free_port();
    char endpoint[64];
    lth_format(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", port);
    void *context = zmq_ctx_new();
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    int on = 1;
    int linger = 0;
    zmq_setsockopt(dealer, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(dealer, ZMQ_CURVE_SERVER, &on, sizeof on);
    zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, w->server_keys.secret_key, 32);
    assert_int_equal(zmq_bind(dealer, endpoint), 0);
    lth_net_client *client = client_to(w, endpoint, &w->known);
    assert_int_equal(zmq_send(dealer, "a", 1, ZMQ_SNDMORE), 1);
    assert_int_equal(zmq_send(dealer, "b", 1, 0), 1);
    assert_int_equal(zmq_send(dealer, "good", 4, 0), 4);
    lth_net_message message = client_next(client);
    assert_true(lth_slice_equal(message.bytes, text_slice("good")));
    lth_net_message_fini(&message);
    client_end(w, client);
    zmq_close(dealer);
    zmq_ctx_term(context);
}

static void test_long_routing_id_is_dropped(void **state)
{
    world *w = *state;
    raw_peer longer = raw_open(w, RAW_CURVE, "sixteen-bytes-id");
    assert_int_equal(zmq_send(longer.socket, "bad", 3, 0), 3);
    raw_wait(&longer, ZMQ_EVENT_HANDSHAKE_SUCCEEDED, 0);
    struct pollfd ready = {.fd = lth_net_server_fd(w->server), .events = POLLIN};
    lth_net_message message;
    WAIT_FOR(lth_net_server_recv(w->server, &message) == LTH_E_AGAIN &&
                 lth_net_server_counters(w->server).dropped_malformed == 1,
             &ready, 1);
    raw_peer chosen = raw_open(w, RAW_CURVE, "fifteen-bytes-i");
    assert_int_equal(zmq_send(chosen.socket, "good", 4, 0), 4);
    message = server_next(w->server);
    assert_int_equal(message.peer.size, 15);
    assert_memory_equal(message.peer.id, "fifteen-bytes-i", 15);
    lth_net_message_fini(&message);
    raw_close(&longer);
    raw_close(&chosen);
    assert_still_serves(w);
}

static void test_oversized_message_cuts_its_sender(void **state)
{
    world *w = *state;
    raw_peer raw = raw_open(w, RAW_CURVE, "");
    raw_wait(&raw, ZMQ_EVENT_HANDSHAKE_SUCCEEDED, 0);
    size_t size = 1024 * 1024;
    uint8_t *big = calloc(1, 2 * size);
    assert_non_null(big);
    /* The largest that passes: the limit holds for the encrypted form, a few bytes longer. */
    assert_int_equal(zmq_send(raw.socket, big, size - 64, 0), (int)(size - 64));
    lth_net_message message = server_next(w->server);
    assert_int_equal(message.bytes.n, size - 64);
    lth_net_message_fini(&message);
    assert_int_equal(zmq_send(raw.socket, big, size + 1, 0), (int)(size + 1));
    raw_wait(&raw, ZMQ_EVENT_DISCONNECTED, 0);
    free(big);
    raw_close(&raw);
    assert_nothing_arrives(w);
    assert_still_serves(w);
}

static int tcp_connect(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void tcp_send(int fd, const void *p, size_t n)
{
    ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
    (void)sent; /* the server may have cut us already */
}

/* Greeting of a ZMTP 3 peer that says CURVE, then what follows it. */
static void tcp_greeting(int fd)
{
    uint8_t greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'C', 'U', 'R', 'V', 'E'};
    tcp_send(fd, greeting, sizeof greeting);
}

static void test_garbage_does_no_harm(void **state)
{
    world *w = *state;
    int fds[64];
    uint32_t x = 12345;
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        uint8_t noise[2048];
        for (size_t n = 0; n < sizeof noise; n++) {
            x = x * 1664525 + 1013904223;
            noise[n] = (uint8_t)(x >> 24);
        }
        fds[i] = tcp_connect(w->port);
        if (i % 4 == 1) {
            tcp_send(fds[i], "GET / HTTP/1.1\r\n\r\n", 18);
        } else if (i % 4 == 2) {
            tcp_greeting(fds[i]);
        } else if (i % 4 == 3) {
            /* an early form (CVE-2019-13132): greeting, then a command longer than announced */
            tcp_greeting(fds[i]);
            tcp_send(fds[i], "\x06\x00\x00\x00\x00\x00\x00\x07\xff\x05HELLO", 15);
        }
        tcp_send(fds[i], noise, sizeof noise);
    }
    assert_still_serves(w);
    assert_nothing_arrives(w);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        close(fds[i]);
    }
    assert_still_serves(w);
    assert_int_equal(lth_net_server_counters(w->server).accepted, 2);
}

/* CVE-2020-15166 was of this kind: silent connections in front of an authenticating server. */
static void test_idle_connections_do_no_harm(void **state)
{
    world *w = *state;
    int fds[200];
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        fds[i] = tcp_connect(w->port);
        if (i % 2 == 1) {
            tcp_greeting(fds[i]);
        }
    }
    for (unsigned i = 0; i < 10; i++) {
        assert_still_serves(w);
    }
    /* Nobody may stay in its handshake: libzmq cuts them after HANDSHAKE_IVL. */
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        struct pollfd cut = {.fd = fds[i], .events = POLLIN};
        uint8_t greeting[256];
        ssize_t n = 1;
        int64_t end = fixture_ms() + DEADLINE_MS;
        while (n > 0) {
            assert_true(fixture_ms() < end);
            assert_true(poll(&cut, 1, DEADLINE_MS) == 1);
            n = recv(fds[i], greeting, sizeof greeting, 0);
        }
        close(fds[i]);
    }
    assert_still_serves(w);
}

/* ---- a man in the middle ---- */

/* Where in what the server sends a bit is changed. */
typedef enum spoil_at { SPOIL_NOTHING, SPOIL_LAST, SPOIL_FLAGS } spoil_at;

/* Passes bytes between client and server; changes one of the server's once told to. */
typedef struct middle {
    int listener, stop[2];
    uint16_t server_port;
    atomic_int spoil; /* spoil_at */
    pthread_t thread;
} middle;

static bool pass(int from, int to, atomic_int *spoil)
{
    uint8_t bytes[65536];
    ssize_t n = recv(from, bytes, sizeof bytes, 0);
    if (n <= 0) {
        return false;
    }
    int at = spoil != NULL ? atomic_exchange(spoil, SPOIL_NOTHING) : SPOIL_NOTHING;
    if (at == SPOIL_LAST) {
        bytes[n - 1] ^= 1;
    } else if (at == SPOIL_FLAGS) {
        bytes[0] ^= 2; /* the length now takes 8 bytes: far over the limit */
    }
    return send(to, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

static void *middle_run(void *ctx)
{
    middle *m = ctx;
    struct pollfd fds[4] = {{.fd = m->listener, .events = POLLIN},
                            {.fd = m->stop[0], .events = POLLIN},
                            {.fd = -1, .events = POLLIN},
                            {.fd = -1, .events = POLLIN}};
    while (poll(fds, 4, -1) >= 0 && fds[1].revents == 0) {
        if (fds[2].fd >= 0) {
            bool open = true;
            open = fds[2].revents == 0 || pass(fds[2].fd, fds[3].fd, NULL);
            open = open && (fds[3].revents == 0 || pass(fds[3].fd, fds[2].fd, &m->spoil));
            if (!open) {
                close(fds[2].fd);
                close(fds[3].fd);
                fds[2].fd = fds[3].fd = -1;
            }
        } else if (fds[0].revents != 0) {
            fds[2].fd = accept(m->listener, NULL, NULL);
            fds[3].fd = tcp_connect(m->server_port);
        }
    }
    close(fds[2].fd);
    close(fds[3].fd);
    return NULL;
}

static void middle_open(middle *m, uint16_t server_port, uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *m = (middle){.server_port = server_port};
    m->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(m->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(m->listener, 16), 0);
    assert_int_equal(pipe(m->stop), 0);
    assert_int_equal(pthread_create(&m->thread, NULL, middle_run, m), 0);
}

static void middle_close(middle *m)
{
    close(m->stop[1]);
    pthread_join(m->thread, NULL);
    close(m->stop[0]);
    close(m->listener);
}

/* A byte changed on the way is noticed, and must not silence the client for ever: it comes back by
 * itself, or says that it will not. */
static void changed_on_the_way(world *w, spoil_at at)
{
    middle m;
    uint16_t port = free_port();
    char endpoint[64];
    lth_format(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", port);
    middle_open(&m, w->port, port);
    lth_net_client *client = client_to(w, endpoint, &w->known);
    client_wait(client, LTH_NET_UP);
    assert_int_equal(lth_net_client_send(client, text_slice("hello")), LTH_OK);
    lth_net_message message = server_next(w->server);
    atomic_store(&m.spoil, at);
    assert_int_equal(lth_net_server_send(w->server, &message.peer, text_slice("receipt")), LTH_OK);
    lth_net_message_fini(&message);
    int fds[2];
    lth_net_client_fds(client, fds);
    struct pollfd monitor = {.fd = fds[1], .events = POLLIN};
    WAIT_FOR(lth_net_client_state(client) != LTH_NET_UP, &monitor, 1);
    WAIT_FOR(lth_net_client_state(client) != LTH_NET_DOWN, &monitor, 1);
    assert_int_equal(lth_net_client_recv(client, &message), LTH_E_AGAIN);
    client_end(w, client);
    middle_close(&m);
    assert_still_serves(w);
}

static void test_content_changed_on_the_way(void **state)
{
    changed_on_the_way(*state, SPOIL_LAST);
}

static void test_length_changed_on_the_way(void **state)
{
    changed_on_the_way(*state, SPOIL_FLAGS);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_without_encryption_is_refused),
        TEST(test_password_mechanism_is_refused),
        TEST(test_messages_of_other_than_one_part_are_dropped),
        TEST(test_client_drops_messages_of_several_parts),
        TEST(test_long_routing_id_is_dropped),
        TEST(test_oversized_message_cuts_its_sender),
        TEST(test_garbage_does_no_harm),
        TEST(test_idle_connections_do_no_harm),
        TEST(test_content_changed_on_the_way),
        TEST(test_length_changed_on_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
