#include "broker/shell/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

lth_err lth_ring_init(lth_ring *ring, lth_diag *diag)
{
    memset(ring, 0, sizeof(*ring));
    ring->space_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ring->space_fd < 0)
        return lth_fail(diag, LTH_E_IO, "eventfd: %s", strerror(errno));
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&ring->lock, NULL);
    pthread_cond_init(&ring->work, NULL);
    pthread_cond_init(&ring->ready, &attr);
    pthread_condattr_destroy(&attr);
    return LTH_OK;
}

void lth_ring_fini(lth_ring *ring)
{
    for (uint64_t i = ring->tail; i < ring->head; i++) {
        lth_slot *slot = &ring->slots[i % LTH_RING_SLOTS];
        if (slot->has_message)
            lth_net_message_fini(&slot->message);
    }
    for (size_t i = 0; i < LTH_RING_SLOTS; i++)
        free(ring->slots[i].checked);
    close(ring->space_fd);
    pthread_cond_destroy(&ring->work);
    pthread_cond_destroy(&ring->ready);
    pthread_mutex_destroy(&ring->lock);
}

lth_slot *lth_ring_begin(lth_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    bool room = ring->head - ring->tail < LTH_RING_SLOTS;
    pthread_mutex_unlock(&ring->lock);
    if (!room)
        return NULL;
    lth_slot *slot = &ring->slots[ring->head % LTH_RING_SLOTS];
    lth_checked *keep = slot->checked;
    memset(slot, 0, sizeof(*slot));
    slot->checked = keep;
    return slot;
}

void lth_ring_publish(lth_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    lth_slot *slot = &ring->slots[ring->head % LTH_RING_SLOTS];
    slot->done = slot->kind != LTH_SLOT_MESSAGE;
    ring->head++;
    if (slot->done)
        pthread_cond_signal(&ring->ready);
    else
        pthread_cond_signal(&ring->work);
    pthread_mutex_unlock(&ring->lock);
}

bool lth_ring_empty(lth_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    bool empty = ring->head == ring->tail;
    pthread_mutex_unlock(&ring->lock);
    return empty;
}

lth_slot *lth_ring_claim(lth_ring *ring)
{
    lth_slot *found = NULL;
    pthread_mutex_lock(&ring->lock);
    while (found == NULL && !ring->stop) {
        while (found == NULL && ring->claimed < ring->head) {
            lth_slot *slot = &ring->slots[ring->claimed++ % LTH_RING_SLOTS];
            if (slot->kind == LTH_SLOT_MESSAGE)
                found = slot;
        }
        if (found == NULL)
            pthread_cond_wait(&ring->work, &ring->lock);
    }
    pthread_mutex_unlock(&ring->lock);
    return found;
}

void lth_ring_checked(lth_ring *ring, lth_slot *slot)
{
    pthread_mutex_lock(&ring->lock);
    slot->done = true;
    pthread_cond_signal(&ring->ready);
    pthread_mutex_unlock(&ring->lock);
}

lth_slot *lth_ring_take(lth_ring *ring, lth_mono deadline)
{
    struct timespec until = {.tv_sec = (time_t)(deadline / 1000000000u),
                             .tv_nsec = (long)(deadline % 1000000000u)};
    lth_slot *slot = NULL;
    int rc = 0;
    pthread_mutex_lock(&ring->lock);
    for (;;) {
        slot = &ring->slots[ring->taken % LTH_RING_SLOTS];
        bool there = ring->taken < ring->head && slot->done;
        if (there || deadline == 0 || ring->nudged || rc == ETIMEDOUT) {
            if (there)
                ring->taken++;
            else
                slot = NULL;
            break;
        }
        rc = deadline == LTH_MONO_NEVER ? pthread_cond_wait(&ring->ready, &ring->lock)
                                        : pthread_cond_timedwait(&ring->ready, &ring->lock, &until);
    }
    if (deadline != 0)
        ring->nudged = false;
    pthread_mutex_unlock(&ring->lock);
    return slot;
}

void lth_ring_release(lth_ring *ring, size_t n)
{
    pthread_mutex_lock(&ring->lock);
    LTH_ASSERT(n <= ring->taken - ring->tail);
    for (size_t i = 0; i < n; i++) {
        lth_slot *slot = &ring->slots[(ring->tail + i) % LTH_RING_SLOTS];
        if (slot->has_message) {
            lth_net_message_fini(&slot->message);
            slot->has_message = false;
        }
    }
    ring->tail += n;
    pthread_mutex_unlock(&ring->lock);
    uint64_t one = 1;
    (void)!write(ring->space_fd, &one, sizeof(one));
}

void lth_ring_nudge(lth_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->nudged = true;
    pthread_cond_signal(&ring->ready);
    pthread_mutex_unlock(&ring->lock);
}

void lth_ring_stop(lth_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->stop = true;
    pthread_cond_broadcast(&ring->work);
    pthread_cond_broadcast(&ring->ready);
    pthread_mutex_unlock(&ring->lock);
}
