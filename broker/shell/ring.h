/**
 * @file broker/shell/ring.h
 * From the socket to the writer, in order of arrival, with the checking done in parallel between.
 *
 * The I/O thread fills slots; workers decode and check them in any order; the writer takes them
 * strictly in order. When the ring is full the I/O thread stops reading: back-pressure, never
 * growth.
 */
#pragma once

#include <pthread.h>

#include "broker/core/broker.h"
#include "lth/net.h"

#define LTH_RING_SLOTS 64u

typedef enum lth_slot_kind {
    LTH_SLOT_MESSAGE,
    LTH_SLOT_EVENT,
    LTH_SLOT_RELOAD,
    LTH_SLOT_STOP
} lth_slot_kind;

typedef struct lth_slot {
    lth_slot_kind kind;
    bool done; /**< The writer may take it. */
    lth_event event;
    lth_net_message message; /**< Owned by the slot until the writer has handled it. */
    bool has_message;
    bool readable; /**< frame is set. */
    lth_frame frame;
    lth_checked *checked; /**< Allocated on first use, kept with the slot. */
} lth_slot;

typedef struct lth_ring {
    pthread_mutex_t lock;
    pthread_cond_t work, ready;
    lth_slot slots[LTH_RING_SLOTS];
    uint64_t head;    /**< Next to fill. */
    uint64_t claimed; /**< Next for a worker. */
    uint64_t taken;   /**< Next for the writer. */
    uint64_t tail;    /**< Oldest not yet released. */
    bool stop, nudged;
    int space_fd; /**< eventfd: the writer freed slots. */
} lth_ring;

LTH_MUST_USE lth_err lth_ring_init(lth_ring *ring, lth_diag *diag);
void lth_ring_fini(lth_ring *ring);

/** I/O thread: a free slot to fill, or NULL (full). Publish it with lth_ring_publish(). */
lth_slot *lth_ring_begin(lth_ring *ring);
void lth_ring_publish(lth_ring *ring);
bool lth_ring_empty(lth_ring *ring);

/** Worker: the next slot to check; NULL when stopping. */
lth_slot *lth_ring_claim(lth_ring *ring);
void lth_ring_checked(lth_ring *ring, lth_slot *slot);

/** Writer: the next slot in order if it is done; waits until @p deadline (CLOCK_MONOTONIC ns; 0 =
 * do not wait). */
lth_slot *lth_ring_take(lth_ring *ring, lth_mono deadline);
/** Give the oldest @p n taken slots back. */
void lth_ring_release(lth_ring *ring, size_t n);
/** Wake the writer without a slot. */
void lth_ring_nudge(lth_ring *ring);
void lth_ring_stop(lth_ring *ring);
