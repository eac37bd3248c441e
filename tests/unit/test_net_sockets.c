/* Transport between honest nodes, refusals, and the proof made at start. */
#include "net_fixture.h"

#include <netdb.h>
#include <pthread.h>

static void test_known_key_gets_through_under_its_org(void **state)
{
    world *w = *state;
    assert_still_serves(w);
    lth_net_counters counters = lth_net_server_counters(w->server);
    assert_int_equal(counters.accepted, 1);
    assert_int_equal(counters.refused, 0);
    assert_int_equal(counters.dropped_malformed, 0);
}

static void test_unknown_key_is_refused(void **state)
{
    world *w = *state;
    lth_net_client *client = client_to(w, w->endpoint, &w->unknown);
    client_wait(client, LTH_NET_REFUSED);
    assert_int_equal(lth_net_client_send(client, text_slice("x")), LTH_E_AGAIN);
    assert_int_equal(lth_net_client_state(client), LTH_NET_REFUSED);
    client_end(w, client);
    assert_int_equal(lth_net_server_counters(w->server).refused, 1);
    assert_still_serves(w);
}

static void test_wrong_server_key_never_comes_up(void **state)
{
    world *w = *state;
    keys real = w->server_keys;
    w->server_keys = keys_new(); /* what the client believes */
    lth_net_client *client = client_to(w, w->endpoint, &w->known);
    w->server_keys = real;
    assert_still_serves(w);
    assert_int_not_equal(lth_net_client_state(client), LTH_NET_UP);
    assert_int_equal(lth_net_client_send(client, text_slice("x")), LTH_E_AGAIN);
    client_end(w, client);
}

static void test_self_test_fails_when_everybody_is_let_in(void **state)
{
    world *w = *state;
    lth_diag diag = {0};
    lth_net_server_close(&w->server);
    atomic_store(&w->allow_all, true);
    assert_int_equal(world_serve_again(w, &diag), LTH_E_NET);
    assert_null(w->server);
    assert_non_null(strstr(diag.text, "unknown key was let in"));
    atomic_store(&w->allow_all, false);
    assert_int_equal(world_serve_again(w, &diag), LTH_OK);
    assert_still_serves(w);
}

static void test_wildcard_host_and_name(void **state)
{
    world *w = *state;
    lth_diag diag = {0};
    lth_net_server_close(&w->server);
    uint16_t port = free_port();
    lth_format(w->endpoint, sizeof w->endpoint, "tcp://*:%u", port);
    if (world_serve(w, &diag) != LTH_OK) {
        fail_msg("%s", diag.text);
    }
    struct addrinfo *known = NULL; /* a minimal system has no /etc/hosts */
    if (getaddrinfo("localhost", NULL, NULL, &known) == 0) {
        freeaddrinfo(known);
        lth_format(w->endpoint, sizeof w->endpoint, "tcp://localhost:%u", port);
        assert_still_serves(w);
    }
    lth_format(w->endpoint, sizeof w->endpoint, "tcp://[::ffff:127.0.0.1]:%u", port);
    assert_still_serves(w);
}

static void test_port_in_use_is_an_error(void **state)
{
    world *w = *state;
    lth_net_server *first = w->server;
    lth_diag diag = {0};
    assert_int_equal(world_serve(w, &diag), LTH_E_NET);
    assert_null(w->server);
    assert_non_null(strstr(diag.text, w->endpoint));
    w->server = first;
    assert_still_serves(w);
}

static void test_two_servers_of_one_context_keep_their_own_rules(void **state)
{
    world *w = *state;
    world other = {.net = w->net, .server_keys = keys_new(), .known = keys_new()};
    memset(other.org.b, 0x11, sizeof other.org.b);
    lth_format(other.endpoint, sizeof other.endpoint, "tcp://127.0.0.1:%u", free_port());
    assert_int_equal(world_serve(&other, NULL), LTH_OK);
    assert_still_serves(&other);
    assert_still_serves(w);
    lth_net_client *stranger = client_to(&other, other.endpoint, &w->known);
    client_wait(stranger, LTH_NET_REFUSED);
    client_end(&other, stranger);
    lth_net_server_close(&other.server);
}

static void test_drop_cuts_the_connection(void **state)
{
    world *w = *state;
    lth_net_client *client = client_up(w);
    assert_int_equal(lth_net_client_send(client, text_slice("too much")), LTH_OK);
    lth_net_message message = server_next(w->server);
    lth_net_server_drop(w->server, &message);
    client_wait(client, LTH_NET_DOWN);
    lth_net_peer gone = message.peer;
    lth_net_message_fini(&message);
    client_wait(client, LTH_NET_UP); /* by itself; a key to keep out is refused by allow() */
    struct pollfd ready = {.fd = lth_net_server_fd(w->server), .events = POLLIN};
    WAIT_FOR(lth_net_server_send(w->server, &gone, text_slice("?")) == LTH_E_UNREACHABLE, &ready,
             1);
    client_end(w, client);
    assert_still_serves(w);
}

static void test_peer_gone_is_unreachable(void **state)
{
    world *w = *state;
    lth_net_client *client = client_up(w);
    assert_int_equal(lth_net_client_send(client, text_slice("hello")), LTH_OK);
    lth_net_message message = server_next(w->server);
    client_end(w, client);
    struct pollfd ready = {.fd = lth_net_server_fd(w->server), .events = POLLIN};
    WAIT_FOR(lth_net_server_send(w->server, &message.peer, text_slice("?")) == LTH_E_UNREACHABLE,
             &ready, 1);
    lth_net_message_fini(&message);
    lth_net_peer never = {.size = 5, .id = {9, 9, 9, 9, 9}};
    assert_int_equal(lth_net_server_send(w->server, &never, text_slice("?")), LTH_E_UNREACHABLE);
}

static void test_server_restart_client_comes_back(void **state)
{
    world *w = *state;
    lth_net_client *client = client_up(w);
    lth_net_server_close(&w->server);
    client_wait(client, LTH_NET_DOWN);
    int fds[2];
    lth_net_client_fds(client, fds);
    struct pollfd ready = {.fd = fds[0], .events = POLLIN};
    WAIT_FOR(lth_net_client_send(client, text_slice("x")) == LTH_E_AGAIN, &ready, 1);
    assert_int_equal(world_serve_again(w, NULL), LTH_OK);
    client_wait(client, LTH_NET_UP);
    assert_int_equal(lth_net_client_send(client, text_slice("again")), LTH_OK);
    lth_net_message message = server_next(w->server);
    assert_true(lth_slice_equal(message.bytes, text_slice("again")));
    lth_net_message_fini(&message);
    client_end(w, client);
}

/* A peer that reads nothing fills its queue: the sender is told, and nobody else is harmed. */
static void test_stuck_peer_is_told_apart(void **state)
{
    world *w = *state;
    lth_net_client *client = client_up(w);
    assert_int_equal(lth_net_client_send(client, text_slice("hello")), LTH_OK);
    lth_net_message message = server_next(w->server);
    static uint8_t receipt[2000];
    uint32_t sent = 0;
    lth_err err = LTH_OK;
    while (sent < 1000000 && err == LTH_OK) {
        err = lth_net_server_send(w->server, &message.peer, lth_slice_of(receipt, sizeof receipt));
        sent += err == LTH_OK;
    }
    assert_int_equal(err, LTH_E_AGAIN);
    assert_true(sent >= 10000);
    lth_net_message_fini(&message);
    assert_still_serves(w);
    for (uint32_t i = 0; i < sent; i++) {
        message = client_next(client);
        assert_int_equal(message.bytes.n, sizeof receipt);
        lth_net_message_fini(&message);
    }
    client_end(w, client);
}

/* Sending processes what arrives meanwhile; the descriptor must say so all the same. */
static void test_no_wakeup_is_lost_by_sending(void **state)
{
    world *w = *state;
    lth_net_client *client = client_up(w);
    assert_int_equal(lth_net_client_send(client, text_slice("hello")), LTH_OK);
    lth_net_message first = server_next(w->server);
    struct pollfd ready = {.fd = lth_net_server_fd(w->server), .events = POLLIN};
    int fds[2];
    lth_net_client_fds(client, fds);
    struct pollfd back = {.fd = fds[0], .events = POLLIN};
    for (unsigned i = 0; i < 500; i++) {
        lth_net_message message;
        assert_int_equal(lth_net_server_recv(w->server, &message), LTH_E_AGAIN);
        assert_int_equal(lth_net_client_send(client, text_slice("up")), LTH_OK);
        assert_int_equal(lth_net_server_send(w->server, &first.peer, text_slice("down")), LTH_OK);
        assert_int_equal(lth_net_server_send(w->server, &first.peer, text_slice("down")), LTH_OK);
        do { /* poll alone may tell: no attempt to read unless it does */
            assert_int_equal(poll(&ready, 1, DEADLINE_MS), 1);
        } while (lth_net_server_recv(w->server, &message) == LTH_E_AGAIN);
        lth_net_message_fini(&message);
        for (unsigned n = 0; n < 2; n++) {
            while (lth_net_client_recv(client, &message) == LTH_E_AGAIN) {
                assert_int_equal(poll(&back, 1, DEADLINE_MS), 1);
            }
            lth_net_message_fini(&message);
        }
    }
    lth_net_message_fini(&first);
    client_end(w, client);
}

static void *release(void *message)
{
    lth_net_message_fini(message);
    return NULL;
}

static void test_payload_is_released_on_another_thread(void **state)
{
    world *w = *state;
    lth_net_client *client = client_up(w);
    lth_buf big;
    lth_buf_init(&big, 1 << 20);
    uint8_t *p = lth_buf_more(&big, 300000);
    assert_non_null(p);
    for (unsigned round = 0; round < 20; round++) {
        memset(p, (int)round, big.n);
        struct pollfd ready = {.fd = lth_net_server_fd(w->server), .events = POLLIN};
        WAIT_FOR(lth_net_client_send(client, lth_buf_slice(&big)) == LTH_OK, &ready, 1);
        lth_net_message message = server_next(w->server);
        assert_true(lth_slice_equal(message.bytes, lth_buf_slice(&big)));
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, release, &message), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_null(message.impl);
    }
    lth_buf_fini(&big);
    client_end(w, client);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_known_key_gets_through_under_its_org),
        TEST(test_unknown_key_is_refused),
        TEST(test_wrong_server_key_never_comes_up),
        TEST(test_self_test_fails_when_everybody_is_let_in),
        TEST(test_wildcard_host_and_name),
        TEST(test_port_in_use_is_an_error),
        TEST(test_two_servers_of_one_context_keep_their_own_rules),
        TEST(test_drop_cuts_the_connection),
        TEST(test_peer_gone_is_unreachable),
        TEST(test_server_restart_client_comes_back),
        TEST(test_stuck_peer_is_told_apart),
        TEST(test_no_wakeup_is_lost_by_sending),
        TEST(test_payload_is_released_on_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
