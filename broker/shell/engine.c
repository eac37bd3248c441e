/* Workers and the writer: every change of the store happens in writer_step(). */
#include "broker/shell/engine.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define PARENT_QUEUE_HIGH (8u * 1024u * 1024u)
#define STATUS_EVERY      LTH_MONO_MS(200)
#define STATUS_PEERS_MAX  20000u
/* How long the commit of answers from above may wait for other work to share it. */
#define PATIENCE           LTH_MONO_MS(3)
#define STORE_FULL_WAIT_MS 30000u

lth_now lth_clock_now(void)
{
    struct timespec mono, wall;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    return (lth_now){.mono = (uint64_t)mono.tv_sec * 1000000000u + (uint64_t)mono.tv_nsec,
                     .wall_ms = (uint64_t)wall.tv_sec * 1000u + (uint64_t)wall.tv_nsec / 1000000u};
}

/* ---- workers ---- */

static void check_batch(lth_engine *engine, const lth_hasher *hasher, lth_slot *slot)
{
    const lth_broker_conf *conf = atomic_load(&engine->conf);
    lth_check_env env = {.hasher = *hasher,
                         .trust = &engine->node->trust,
                         .registry = &conf->registry,
                         .schema = &conf->schema};
    lth_broker_check(slot->checked, &env, &slot->frame.batch);
}

static void check_slot(lth_engine *engine, const lth_hasher *hasher, lth_slot *slot)
{
    slot->readable = lth_frame_decode(&slot->frame, slot->message.bytes, NULL) == LTH_OK;
    slot->event.frame = slot->readable ? &slot->frame : NULL;
    slot->event.checked = NULL;
    if (!slot->readable || slot->frame.kind != LTH_FRAME_BATCH)
        return;
    if (slot->checked == NULL)
        slot->checked = malloc(sizeof(*slot->checked));
    if (slot->checked == NULL) {
        slot->event.frame =
            NULL; /* out of memory: refused like an unreadable frame, nothing is lost */
        return;
    }
    check_batch(engine, hasher, slot);
    slot->event.checked = slot->checked;
}

static void *worker_main(void *arg)
{
    lth_engine *engine = arg;
    lth_hasher hasher;
    lth_diag diag;
    if (lth_crypto_hasher_new(&hasher, &diag) != LTH_OK)
        abort();
    for (lth_slot *slot; (slot = lth_ring_claim(&engine->ring)) != NULL;) {
        check_slot(engine, &hasher, slot);
        lth_ring_checked(&engine->ring, slot);
    }
    lth_crypto_hasher_free(&hasher);
    return NULL;
}

/* ---- writer ---- */

static lth_err core_open(lth_engine *engine, lth_diag *diag)
{
    lth_txn *txn = NULL;
    lth_err err = lth_store_begin(engine->store, true, &txn);
    if (err != LTH_OK)
        return lth_fail(diag, err, "store: %s", lth_err_text(err));
    err = lth_broker_open(&engine->core, &engine->env, txn, lth_clock_now(), diag);
    if (err != LTH_OK) {
        lth_store_abort(&txn);
        return err;
    }
    err = lth_store_commit(&txn);
    if (err != LTH_OK) {
        lth_broker_free(&engine->core);
        return lth_fail(diag, err, "store: %s", lth_err_text(err));
    }
    return LTH_OK;
}

static void publish_status(lth_engine *engine, lth_mono now, bool force)
{
    if (!force && now - engine->status.at < STATUS_EVERY)
        return;
    pthread_mutex_lock(&engine->status_lock);
    lth_engine_status *s = &engine->status;
    lth_broker_info_of(engine->core, &s->info);
    s->n_peers = s->peers == NULL ? 0 : lth_broker_peers(engine->core, s->peers, STATUS_PEERS_MAX);
    lth_broker_public_of(engine->core, &s->dictionary);
    s->n_readers = s->readers == NULL
                       ? 0
                       : lth_broker_public_readers(engine->core, s->readers, STATUS_PEERS_MAX);
    s->at = now;
    pthread_mutex_unlock(&engine->status_lock);
}

static lth_err drain_actions(lth_engine *engine)
{
    lth_action action;
    lth_err err = LTH_OK;
    while (err == LTH_OK && lth_broker_next(engine->core, &action))
        err = action.kind == LTH_ACTION_SEND
                  ? lth_outq_send(&engine->outq, action.peer, &action.frame)
                  : lth_outq_drop(&engine->outq, action.peer);
    return err;
}

/* Answers the batches of a step that found the store full; their senders keep them and come again.
 */
static void refuse_step(lth_engine *engine, lth_slot *const *slots, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const lth_slot *slot = slots[i];
        if (slot->event.checked == NULL || slot->event.peer == LTH_PEER_PARENT)
            continue;
        const lth_batch_header *h = &slot->event.checked->batch.header;
        lth_frame frame = {.kind = LTH_FRAME_REJECT,
                           .reject = {.origin = h->origin,
                                      .stream = h->stream,
                                      .epoch = h->epoch,
                                      .seq = h->batch_seq,
                                      .code = LTH_REFUSE_store_full,
                                      .class_ = LTH_REFUSAL_RETRY_LATER,
                                      .wait_ms = STORE_FULL_WAIT_MS,
                                      .lane = slot->frame.batch.lane,
                                      .tier_org = engine->node->org}};
        (void)!lth_outq_send(&engine->outq, slot->event.peer, &frame);
    }
}

static lth_err after_store_full(lth_engine *engine, lth_slot *const *slots, size_t n,
                                lth_diag *diag)
{
    lth_log_event(&engine->node->log, LTH_LEVEL_ERROR, "store_full", "advice=\"limits.store_gib\"");
    refuse_step(engine, slots, n);
    pthread_mutex_lock(&engine->status_lock);
    engine->status.store_full++;
    pthread_mutex_unlock(&engine->status_lock);
    lth_broker_free(&engine->core);
    engine->greet_parent = engine->parent_up;
    return core_open(engine, diag);
}

static void note_link(lth_engine *engine, const lth_slot *slot)
{
    if (slot->event.kind == LTH_EVENT_PARENT_UP || slot->event.kind == LTH_EVENT_PARENT_DOWN)
        engine->parent_up = slot->event.kind == LTH_EVENT_PARENT_UP;
    engine->greet_parent = engine->greet_parent && engine->parent_up;
}

/* What is handled when nothing came. A core opened while the link upward stands has to hear of it.
 */
static lth_event own_event(lth_engine *engine)
{
    lth_event event = {.kind = LTH_EVENT_TIMER};
    if (engine->greet_parent)
        event = (lth_event){.kind = LTH_EVENT_PARENT_UP, .user = engine->node->parent_org};
    engine->greet_parent = false;
    return event;
}

/* The I/O thread puts a publication in force once all of it is stored. */
static void note_public(lth_engine *engine)
{
    lth_broker_public_info info;
    lth_broker_public_of(engine->core, &info);
    if (!info.whole || info.at.seq == atomic_load(&engine->public_held))
        return;
    uint64_t one = 1;
    atomic_store(&engine->public_held, info.at.seq);
    (void)!write(engine->outq.fd, &one, sizeof(one));
}

static lth_err commit_step(lth_engine *engine, lth_txn **txn)
{
    lth_mono start = lth_clock_now().mono;
    lth_err err = lth_store_commit(txn);
    lth_mono took = lth_clock_now().mono - start;
    pthread_mutex_lock(&engine->status_lock);
    engine->status.commits++;
    engine->status.commit_ns_total += took;
    if (took > engine->status.commit_ns_max)
        engine->status.commit_ns_max = took;
    pthread_mutex_unlock(&engine->status_lock);
    if (err == LTH_OK)
        note_public(engine);
    if (err == LTH_OK)
        err = lth_broker_committed(engine->core, lth_clock_now());
    return err == LTH_OK ? drain_actions(engine) : err;
}

/* A worker may have looked at a batch before the certificates sent ahead of it were learned here.
 */
static void check_late_key(lth_engine *engine, lth_slot *slot)
{
    if (slot->event.checked != NULL && slot->event.checked->code == LTH_REFUSE_unknown_key)
        check_batch(engine, &engine->writer_hasher, slot);
}

/* An answer of the tiers above promises nothing of this store: receipts were signed there. It may
 * be passed on before it is stored here, and its commit may wait a moment for company. */
static bool is_answer_from_above(const lth_slot *slot)
{
    const lth_event *event = &slot->event;
    if (event->kind != LTH_EVENT_FRAME || event->peer != LTH_PEER_PARENT || event->frame == NULL)
        return false;
    lth_frame_kind kind = event->frame->kind;
    return kind == LTH_FRAME_RECEIPT || kind == LTH_FRAME_LINK_ACK || kind == LTH_FRAME_CREDIT ||
           kind == LTH_FRAME_HEARTBEAT;
}

/* What else goes into the step under way: all that is ready, and after answers from above alone
 * also what comes until @p patience. NULL ends the step. */
static lth_err next_of_step(lth_engine *engine, size_t n, lth_mono patience, lth_slot **out)
{
    *out = NULL;
    if (n == LTH_RING_SLOTS || lth_broker_step_full(engine->core))
        return LTH_OK;
    lth_err err = patience != 0 ? drain_actions(engine) : LTH_OK;
    if (err == LTH_OK)
        *out = lth_ring_take(&engine->ring, patience);
    /* reload and stop are published into an empty ring only */
    LTH_ASSERT(*out == NULL || (*out)->kind == LTH_SLOT_MESSAGE || (*out)->kind == LTH_SLOT_EVENT);
    return err;
}

/* One transaction: the first slot (NULL: the timer) and what belongs to its step. */
static lth_err writer_step(lth_engine *engine, lth_slot *first, lth_diag *diag)
{
    lth_slot *slots[LTH_RING_SLOTS];
    size_t n = 0;
    lth_txn *txn = NULL;
    lth_mono patience = lth_clock_now().mono + PATIENCE;
    lth_err err = lth_store_begin(engine->store, true, &txn);
    if (err != LTH_OK)
        return lth_fail(diag, err, "store: begin: %s", lth_err_text(err));
    if (first == NULL) {
        lth_event event = own_event(engine);
        err = lth_broker_handle(engine->core, txn, lth_clock_now(), &event, diag);
    }
    for (lth_slot *slot = first; slot != NULL && err == LTH_OK;) {
        slots[n++] = slot;
        note_link(engine, slot);
        check_late_key(engine, slot);
        patience = is_answer_from_above(slot) ? patience : 0;
        err = lth_broker_handle(engine->core, txn, lth_clock_now(), &slot->event, diag);
        slot = NULL;
        if (err == LTH_OK)
            err = next_of_step(engine, n, patience, &slot);
    }
    if (err == LTH_OK)
        err = commit_step(engine, &txn);
    else
        lth_store_abort(&txn);
    if (err == LTH_E_STORE_FULL)
        err = after_store_full(engine, slots, n, diag);
    lth_ring_release(&engine->ring, n);
    return err;
}

static lth_err writer_pump(lth_engine *engine, bool *more, lth_diag *diag)
{
    *more = false;
    lth_txn *txn = NULL;
    lth_err err = lth_store_begin(engine->store, false, &txn);
    if (err != LTH_OK)
        return lth_fail(diag, err, "store: begin: %s", lth_err_text(err));
    bool room = atomic_load(&engine->outq.parent_bytes) < PARENT_QUEUE_HIGH;
    if (room)
        err = lth_broker_pump(engine->core, txn, lth_clock_now(), more, diag);
    if (err == LTH_OK)
        err = drain_actions(engine);
    lth_store_abort(&txn);
    return err;
}

/* One step of its own. When it fails nothing is written and the core starts from the store. */
static lth_err writer_job(lth_engine *engine, lth_job *job, lth_diag *diag)
{
    lth_txn *txn = NULL;
    uint64_t one = 1;
    job->err = lth_store_begin(engine->store, true, &txn);
    if (job->err == LTH_OK)
        job->err = job->run(job, engine->core, txn);
    if (job->err == LTH_OK)
        job->err = commit_step(engine, &txn);
    else if (txn != NULL)
        lth_store_abort(&txn);
    lth_err err = LTH_OK;
    if (job->err != LTH_OK && lth_err_class_of(job->err) == LTH_CLASS_FATAL) {
        err = lth_fail(diag, job->err, "job: %s", lth_err_text(job->err));
    } else if (job->err != LTH_OK) {
        lth_broker_free(&engine->core);
        engine->greet_parent = engine->parent_up;
        err = core_open(engine, diag);
    }
    (void)!write(job->done_fd, &one, sizeof(one));
    return err;
}

static void writer_reload(lth_engine *engine)
{
    lth_node_conf old = engine->node->conf;
    engine->node->conf = engine->next_conf;
    const lth_broker_conf *conf = engine->node->conf.broker;
    atomic_store(&engine->conf, conf);
    engine->env.registry = &conf->registry;
    engine->env.schema = &conf->schema;
    engine->env.policy = &conf->policy;
    lth_broker_reload(engine->core, &conf->registry, &conf->schema, &conf->policy);
    lth_node_conf_free(&old);
}

static void writer_failed(lth_engine *engine, lth_err err, const lth_diag *diag)
{
    lth_log_event(&engine->node->log, LTH_LEVEL_ERROR, "writer_failed", "error=%s detail=\"%s\"",
                  lth_err_name(err), diag->text);
    if (lth_err_class_of(err) == LTH_CLASS_FATAL)
        _exit(1); /* outcome unknown: the supervisor starts us again from the store */
    atomic_store(&engine->failed, true);
}

static void signal_done(lth_engine *engine)
{
    uint64_t one = 1;
    (void)!write(engine->done_fd, &one, sizeof(one));
}

/* When a step is wanted although nothing came. */
static lth_mono wake_at(const lth_engine *engine)
{
    return engine->greet_parent ? 1 : lth_broker_deadline(engine->core);
}

static void *writer_main(void *arg)
{
    lth_engine *engine = arg;
    lth_diag diag = {0};
    lth_err err = LTH_OK;
    bool more = false;
    while (err == LTH_OK) {
        lth_job *job = atomic_exchange(&engine->job, NULL);
        if (job != NULL && (err = writer_job(engine, job, &diag)) != LTH_OK)
            break;
        bool room = atomic_load(&engine->outq.parent_bytes) < PARENT_QUEUE_HIGH;
        lth_mono deadline = more && room ? 0 : wake_at(engine);
        lth_slot *slot =
            lth_ring_take(&engine->ring, deadline == 0 && !(more && room) ? 1 : deadline);
        if (slot != NULL && (slot->kind == LTH_SLOT_STOP || slot->kind == LTH_SLOT_RELOAD)) {
            bool stop = slot->kind == LTH_SLOT_STOP;
            if (!stop)
                writer_reload(engine);
            lth_ring_release(&engine->ring, 1);
            signal_done(engine);
            if (stop)
                break;
            continue;
        }
        lth_mono now = lth_clock_now().mono;
        if (slot != NULL || wake_at(engine) <= now)
            err = writer_step(engine, slot, &diag);
        if (err == LTH_OK)
            err = writer_pump(engine, &more, &diag);
        if (err == LTH_OK)
            publish_status(engine, now, slot == NULL);
    }
    if (err != LTH_OK)
        writer_failed(engine, err, &diag);
    signal_done(engine);
    return NULL;
}

/* ---- start and stop ---- */

static lth_err store_open(lth_engine *engine, lth_diag *diag)
{
    const lth_broker_conf *conf = engine->node->conf.broker;
    lth_store_options options = {.tables = lth_broker_table_names,
                                 .n_tables = LTH_T_COUNT,
                                 .map_size = (uint64_t)conf->store_gib << 30,
                                 .create = true};
    return lth_store_open_lmdb(&engine->store, conf->node.store, &options, diag);
}

static void env_fill(lth_engine *engine)
{
    lth_node *node = engine->node;
    const lth_broker_conf *conf = node->conf.broker;
    engine->env = (lth_broker_env){.org = node->org,
                                   .has_parent = node->has_parent,
                                   .parent_org = node->parent_org,
                                   .hasher = engine->writer_hasher,
                                   .signer = &node->signer,
                                   .trust = &node->trust,
                                   .random = lth_crypto_random(),
                                   .log = node->log,
                                   .registry = &conf->registry,
                                   .schema = &conf->schema,
                                   .policy = &conf->policy,
                                   .own_leaf_der = node->leaf_der,
                                   .own_ca_der = node->ca_der,
                                   .peers_max = conf->peers_max,
                                   .gone_percent = conf->gone_percent};
    atomic_store(&engine->conf, conf);
}

static lth_err threads_start(lth_engine *engine, lth_diag *diag)
{
    uint32_t wanted = engine->node->conf.broker->workers;
    int rc = pthread_create(&engine->writer, NULL, writer_main, engine);
    if (rc == 0)
        (void)pthread_setname_np(engine->writer, "writer");
    while (rc == 0 && engine->n_workers < wanted) {
        pthread_t *worker = &engine->workers[engine->n_workers];
        rc = pthread_create(worker, NULL, worker_main, engine);
        if (rc == 0)
            (void)pthread_setname_np(*worker, "check");
        engine->n_workers += rc == 0 ? 1 : 0;
    }
    return rc == 0 ? LTH_OK : lth_fail(diag, LTH_E_NOMEM, "thread: %s", strerror(rc));
}

lth_err lth_engine_start(lth_engine *engine, lth_node *node, lth_diag *diag)
{
    memset(engine, 0, sizeof(*engine));
    engine->node = node;
    pthread_mutex_init(&engine->status_lock, NULL);
    engine->status.peers = calloc(STATUS_PEERS_MAX, sizeof(*engine->status.peers));
    engine->status.readers = calloc(STATUS_PEERS_MAX, sizeof(*engine->status.readers));
    engine->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    lth_err err = lth_ring_init(&engine->ring, diag);
    if (err == LTH_OK)
        err = lth_outq_init(&engine->outq, diag);
    if (err == LTH_OK)
        err = lth_crypto_hasher_new(&engine->writer_hasher, diag);
    if (err == LTH_OK)
        err = store_open(engine, diag);
    if (err != LTH_OK)
        return err;
    env_fill(engine);
    err = core_open(engine, diag);
    if (err != LTH_OK)
        return err;
    note_public(engine);
    publish_status(engine, lth_clock_now().mono, true);
    return threads_start(engine, diag);
}

/* The writer does it; the I/O thread has nothing better to do than to wait. */
lth_err lth_engine_do(lth_engine *engine, lth_job *job)
{
    job->err = LTH_E_IO;
    job->done_fd = eventfd(0, EFD_CLOEXEC);
    if (job->done_fd < 0)
        return job->err;
    struct pollfd fd = {.fd = job->done_fd, .events = POLLIN};
    atomic_store(&engine->job, job);
    lth_ring_nudge(&engine->ring);
    while (poll(&fd, 1, -1) < 0 && errno == EINTR)
        continue;
    close(job->done_fd);
    return job->err;
}

void lth_engine_stop(lth_engine *engine)
{
    pthread_join(engine->writer, NULL);
    lth_ring_stop(&engine->ring);
    for (uint32_t i = 0; i < engine->n_workers; i++)
        pthread_join(engine->workers[i], NULL);
    lth_broker_free(&engine->core);
    lth_store_close(&engine->store);
    lth_ring_fini(&engine->ring);
    lth_outq_fini(&engine->outq);
    lth_crypto_hasher_free(&engine->writer_hasher);
    free(engine->status.peers);
    free(engine->status.readers);
    close(engine->done_fd);
    pthread_mutex_destroy(&engine->status_lock);
}
