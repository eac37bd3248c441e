/**
 * @file broker/shell/engine.h
 * The running broker: one I/O thread (sockets, control), workers that check, one writer that owns
 * the core and the store's write transaction. They share this structure; what is guarded by what
 * stands beside each field.
 */
#pragma once

#include <stdatomic.h>

#include "broker/shell/node.h"
#include "broker/shell/ring.h"
#include "lth/control.h"
#include "lth/store.h"

#define LTH_WORKERS_MAX 16u

/** A message on its way from the writer to the I/O thread. */
typedef struct lth_outgoing {
    struct lth_outgoing *next;
    lth_peer peer;
    bool drop; /**< Cut this peer instead of sending. */
    lth_buf bytes;
} lth_outgoing;

/** Hand-over to the I/O thread: list under a lock, wake-up by eventfd. */
typedef struct lth_outq {
    pthread_mutex_t lock;
    lth_outgoing *first, **last;
    int fd;
    atomic_size_t parent_bytes; /**< Waiting for the link upward, here and at the I/O thread. */
} lth_outq;

LTH_MUST_USE lth_err lth_outq_init(lth_outq *q, lth_diag *diag);
void lth_outq_fini(lth_outq *q);
/** Encode and queue. LTH_OK, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_outq_send(lth_outq *q, lth_peer peer, const lth_frame *frame);
LTH_MUST_USE lth_err lth_outq_drop(lth_outq *q, lth_peer peer);
/** Take the whole list, in order. */
lth_outgoing *lth_outq_take(lth_outq *q);
void lth_outgoing_free(lth_outq *q, lth_outgoing *message);

/** What `status` may show of the core, copied by the writer after a step. */
typedef struct lth_engine_status {
    lth_broker_info info;
    lth_broker_peer_info *peers;
    uint32_t n_peers;
    lth_mono at;
    uint64_t store_full; /**< Steps refused for lack of room. */
    uint64_t commit_ns_max, commit_ns_total, commits;
    lth_broker_public_info dictionary;
    lth_broker_reader_info *readers; /**< As many as peers at most. */
    uint32_t n_readers;
    uint64_t dictionary_failed; /**< Version that could not be put in force; 0 = none. */
    char dictionary_fault[LTH_DIAG_TEXT_SIZE];
} lth_engine_status;

/** One step of its own that the I/O thread wants of the writer. */
typedef struct lth_job {
    /** Inside a write transaction of the writer; an error gives it up. */
    lth_err (*run)(struct lth_job *job, lth_broker *core, lth_txn *txn);
    lth_err err;
    lth_diag diag;
    int done_fd; /**< eventfd, of lth_engine_do(). */
} lth_job;

typedef struct lth_engine {
    lth_node *node;
    lth_store *store;
    lth_ring ring;
    lth_outq outq;
    lth_broker *core; /**< Writer thread only. */
    lth_broker_env env;
    lth_hasher writer_hasher;
    bool parent_up;    /**< Writer thread only: by the last event of the link upward. */
    bool greet_parent; /**< Writer thread only: the core was opened anew, that link stands. */
    pthread_t writer, workers[LTH_WORKERS_MAX];
    uint32_t n_workers;
    pthread_mutex_t status_lock;
    lth_engine_status status; /**< status_lock */
    lth_node_conf next_conf; /**< Handed over by a RELOAD slot while the ring is otherwise empty. */
    _Atomic(const lth_broker_conf *) conf; /**< In force. */
    atomic_uint_fast64_t public_held;      /**< Last whole publication that the store holds. */
    lth_job *_Atomic job;                  /**< For the writer to take. */
    atomic_bool failed; /**< The writer met an error the process must not survive. */
    int done_fd;        /**< eventfd: a reload or the stop was carried out. */
} lth_engine;

/** Open the store, build the core, start workers and writer. */
LTH_MUST_USE lth_err lth_engine_start(lth_engine *engine, lth_node *node, lth_diag *diag);
/** After LTH_SLOT_STOP was published: join all threads, close the store. */
void lth_engine_stop(lth_engine *engine);

/** I/O thread: have the writer run a job and wait until it is committed or failed. */
LTH_MUST_USE lth_err lth_engine_do(lth_engine *engine, lth_job *job);

lth_now lth_clock_now(void);

/** The event loop of the I/O thread; returns the process's exit status. */
int lth_io_run(lth_engine *engine);

/** Control verbs (broker/shell/control.c). */
extern const lth_control_verb lth_broker_verbs[];
extern const size_t lth_broker_verbs_n;
