/* The shell's own structures: the ring keeps the order of arrival whatever the workers do; the
 * table of connections agrees with a naive list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/shell/peers.h"
#include "broker/shell/ring.h"

#define MESSAGES 20000u
#define WORKERS  3

/* The ring frees messages through the transport; here there are none. */
void lth_net_message_fini(lth_net_message *message)
{
    (void)message;
    abort();
}

static lth_mono mono(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (lth_mono)t.tv_sec * 1000000000u + (lth_mono)t.tv_nsec;
}

static void *worker(void *arg)
{
    lth_ring *ring = arg;
    unsigned spin = (unsigned)(uintptr_t)&spin;
    for (lth_slot *slot; (slot = lth_ring_claim(ring)) != NULL;) {
        for (volatile unsigned i = spin++ % 500; i > 0; i--)
            continue; /* uneven work: slots are checked out of order */
        slot->event.user.b[0] = (uint8_t)slot->event.peer;
        lth_ring_checked(ring, slot);
    }
    return NULL;
}

static void *writer(void *arg)
{
    lth_ring *ring = arg;
    lth_peer expected = 1;
    size_t held = 0;
    while (expected <= MESSAGES) {
        lth_slot *slot = lth_ring_take(ring, held > 0 ? 0 : mono() + LTH_MONO_S(20));
        if (slot != NULL) {
            assert_int_equal(slot->event.peer, expected);
            if (slot->kind == LTH_SLOT_MESSAGE)
                assert_int_equal(slot->event.user.b[0], (uint8_t)expected);
            expected++;
            held++;
        }
        if (slot == NULL || held == 16 || expected > MESSAGES) {
            assert_true(held > 0); /* twenty seconds without a slot: something is stuck */
            lth_ring_release(ring, held);
            held = 0;
        }
    }
    return NULL;
}

static void ring_keeps_the_order_of_arrival(void **state)
{
    (void)state;
    static lth_ring ring;
    pthread_t threads[WORKERS + 1];
    assert_int_equal(lth_ring_init(&ring, NULL), LTH_OK);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, worker, &ring), 0);
    assert_int_equal(pthread_create(&threads[WORKERS], NULL, writer, &ring), 0);
    for (lth_peer n = 1; n <= MESSAGES;) {
        lth_slot *slot = lth_ring_begin(&ring);
        if (slot == NULL) {
            struct pollfd fd = {.fd = ring.space_fd, .events = POLLIN};
            assert_true(poll(&fd, 1, 20000) == 1);
            uint64_t ticks;
            assert_true(read(ring.space_fd, &ticks, sizeof(ticks)) == sizeof(ticks));
            continue;
        }
        slot->kind = n % 7 == 0 ? LTH_SLOT_EVENT : LTH_SLOT_MESSAGE;
        slot->event.peer = n++;
        lth_ring_publish(&ring);
    }
    pthread_join(threads[WORKERS], NULL);
    assert_true(lth_ring_empty(&ring));
    lth_ring_stop(&ring);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    lth_ring_fini(&ring);
}

static void ring_is_bounded(void **state)
{
    (void)state;
    static lth_ring ring;
    assert_int_equal(lth_ring_init(&ring, NULL), LTH_OK);
    for (uint32_t i = 0; i < LTH_RING_SLOTS; i++) {
        lth_slot *slot = lth_ring_begin(&ring);
        assert_non_null(slot);
        slot->kind = LTH_SLOT_EVENT;
        lth_ring_publish(&ring);
    }
    assert_null(lth_ring_begin(&ring));
    assert_non_null(lth_ring_take(&ring, 0));
    assert_null(lth_ring_begin(&ring)); /* taken is not yet given back */
    lth_ring_release(&ring, 1);
    assert_non_null(lth_ring_begin(&ring));
    lth_ring_fini(&ring);
}

static void a_nudge_wakes_the_writer(void **state)
{
    (void)state;
    static lth_ring ring;
    assert_int_equal(lth_ring_init(&ring, NULL), LTH_OK);
    lth_ring_nudge(&ring); /* before the wait: must not be lost */
    assert_null(lth_ring_take(&ring, LTH_MONO_NEVER));
    assert_null(lth_ring_take(&ring, 1)); /* a deadline that has passed */
    lth_ring_fini(&ring);
}

/* ---- connections ---- */

static uint64_t random_state = 20261122;
static uint32_t draw(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

static lth_net_peer id_of(uint32_t n)
{
    lth_net_peer id = {.size = 5};
    lth_put32(id.id + 1, n);
    return id;
}

static void connections_agree_with_a_list(void **state)
{
    (void)state;
    enum { IDS = 100 };
    static lth_peer handles[IDS]; /* 0: not connected */
    lth_conns conns;
    lth_id user = {{1}};
    lth_peer evicted, greatest = 0;
    assert_int_equal(lth_conns_init(&conns, 100), LTH_OK); /* room for all: nothing is evicted */
    for (lth_mono now = 1; now < 50000; now++) {
        uint32_t n = draw(IDS);
        lth_net_peer id = id_of(n);
        lth_conn *conn = lth_conns_get(&conns, &id, &user, now, &evicted);
        assert_int_equal(evicted, 0);
        if (handles[n] == 0) {
            assert_true(conn->handle > greatest); /* never used twice */
            greatest = handles[n] = conn->handle;
        }
        assert_int_equal(conn->handle, handles[n]);
        uint32_t other = draw(IDS);
        if (handles[other] != 0) {
            lth_conn *found = lth_conns_by_handle(&conns, handles[other]);
            assert_non_null(found);
            lth_net_peer wanted = id_of(other);
            assert_memory_equal(found->id.id, wanted.id, 5);
            if (draw(3) == 0) {
                lth_conns_remove(&conns, found);
                assert_null(lth_conns_by_handle(&conns, handles[other]));
                handles[other] = 0;
            }
        }
    }
    lth_conns_fini(&conns);
}

static void the_longest_silent_gives_way(void **state)
{
    (void)state;
    lth_conns conns;
    lth_id user = {{1}};
    lth_peer evicted = 0, first = 0;
    assert_int_equal(lth_conns_init(&conns, 1), LTH_OK);
    for (uint32_t n = 0; evicted == 0; n++) {
        assert_true(n < 1000);
        lth_net_peer id = id_of(n);
        lth_conn *conn = lth_conns_get(&conns, &id, &user, n + 1, &evicted);
        first = n == 0 ? conn->handle : first;
    }
    assert_int_equal(evicted, first);
    assert_null(lth_conns_by_handle(&conns, first));
    lth_conns_fini(&conns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_keeps_the_order_of_arrival),
        cmocka_unit_test(ring_is_bounded),
        cmocka_unit_test(a_nudge_wakes_the_writer),
        cmocka_unit_test(connections_agree_with_a_list),
        cmocka_unit_test(the_longest_silent_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
