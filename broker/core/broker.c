#include <stdlib.h>

#include "settle.h"

#define ARENA_MAX          (64u * 1024u * 1024u)
#define BAD_FRAMES_MAX     3u
#define BAD_FRAMES_SECONDS 60u

lth_err lth_broker_open(lth_broker **out, const lth_broker_env *env, lth_txn *txn, lth_now now,
                        lth_diag *diag)
{
    *out = NULL;
    lth_broker *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return LTH_E_NOMEM;
    }
    bool fresh;
    self->env = *env;
    self->hasher = &self->env.hasher;
    self->now = now.mono;
    self->next_tick = now.mono;
    self->today = lth_day_of(now.wall_ms);
    self->requeue_due = LTH_MONO_NEVER;
    self->self_org = lth_registry_find(env->registry, &env->org);
    lth_buf_init(&self->body, LTH_BATCH_BODY_MAX);
    lth_buf_init(&self->row, LTH_RECORD_ROW_FIXED + LTH_RECORD_MAX);
    lth_buf_init(&self->unique_value, LTH_RECORD_MAX + 1024u);
    self->indexes_due = true;
    self->arena = lth_arena_new(ARENA_MAX);
    lth_err err = self->arena == NULL ? LTH_E_NOMEM : LTH_OK;
    err = err == LTH_OK ? lth_broker__meta_load(self, txn, &fresh, diag) : err;
    err = err == LTH_OK ? lth_broker__certs_load(self, txn) : err;
    err = err == LTH_OK ? lth_broker__wanted_load(self, txn) : err;
    err = err == LTH_OK ? lth_broker__warnings_load(self, txn) : err;
    err = err == LTH_OK ? lth_broker__public_load(self, txn) : err;
    lth_broker__await_look(self);
    lth_broker__rejudge_look(self);
    if (err != LTH_OK) {
        lth_broker_free(&self);
        return err;
    }
    *out = self;
    return LTH_OK;
}

void lth_broker_free(lth_broker **self)
{
    lth_broker *b = *self;
    if (b == NULL) {
        return;
    }
    lth_broker__free_maps(b);
    lth_broker__certs_free(b);
    lth_buf_fini(&b->body);
    lth_buf_fini(&b->row);
    lth_buf_fini(&b->unique_value);
    lth_arena_free(&b->arena);
    free(b->link.told);
    free(b->again);
    free(b->values);
    free(b->indexes);
    free(b->claims);
    free(b->actions);
    free(b);
    *self = NULL;
}

void lth_broker_reload(lth_broker *self, const lth_registry *registry, const lth_schema *schema,
                       const lth_policy *policy)
{
    self->env.registry = registry;
    self->env.schema = schema;
    self->env.policy = policy;
    self->self_org = lth_registry_find(registry, &self->env.org);
    lth_broker__public_forget(self);
    lth_broker__await_look(self);
    lth_broker__rejudge_look(self);
    self->indexes_due = true;
}

/* Bytes of actions may go once all actions were taken. */
static void start_call(lth_broker *self, lth_now now)
{
    LTH_ASSERT(now.mono >= self->now);
    self->now = now.mono;
    self->today = lth_day_of(now.wall_ms);
    if (self->next_action == self->n_actions) {
        self->next_action = self->n_actions = 0;
        lth_arena_reset(self->arena);
    }
}

lth_err lth_broker__begin(lth_broker *self, lth_txn *txn, lth_now now)
{
    start_call(self, now);
    TRY(lth_broker__indexes_sync(self, txn));
    return lth_broker__public_load(self, txn);
}

static lth_err bad_frame(lth_broker *self, broker_peer *peer)
{
    lth_frame_reject reject = {.code = LTH_REFUSE_bad_frame, .class_ = LTH_REFUSAL_STOPPED};
    lth_peer handle = peer->handle;
    if (peer->bad_frames == 0 || self->now - peer->bad_since > LTH_MONO_S(BAD_FRAMES_SECONDS)) {
        peer->bad_frames = 0;
        peer->bad_since = self->now;
    }
    peer->bad_frames++;
    bool drop = peer->bad_frames >= BAD_FRAMES_MAX;
    TRY(lth_broker__reject(self, handle, &reject));
    return drop ? lth_broker__drop(self, handle) : LTH_OK;
}

static lth_err heartbeat(lth_broker *self, broker_peer *peer, lth_now now, uint64_t clock_ms)
{
    (void)self;
    peer->skew_ms = (int64_t)(clock_ms - now.wall_ms);
    return LTH_OK;
}

static lth_err no_hello(lth_broker *self, broker_peer *peer)
{
    lth_frame_reject reject = {.code = LTH_REFUSE_no_hello, .class_ = LTH_REFUSAL_STOPPED};
    return lth_broker__reject(self, peer->handle, &reject);
}

static lth_err frame_from_peer(lth_broker *self, lth_txn *txn, lth_now now, broker_peer *peer,
                               const lth_event *event)
{
    const lth_frame *frame = event->frame;
    bool broker = peer->role == LTH_ROLE_BROKER;
    if (frame == NULL) {
        return bad_frame(self, peer);
    }
    if (!peer->hello && frame->kind != LTH_FRAME_LINK_HELLO && frame->kind != LTH_FRAME_BYE) {
        return no_hello(self, peer);
    }
    switch (frame->kind) {
    case LTH_FRAME_LINK_HELLO:
        return lth_broker__link_hello(self, txn, now, peer, event);
    case LTH_FRAME_CERTS:
        return lth_broker__certs(self, txn, peer->handle, &frame->certs);
    case LTH_FRAME_HELLO:
        return broker && frame->hello.stream != LTH_STREAM_PUBLIC
                   ? bad_frame(self, peer)
                   : lth_broker__hello(self, txn, peer, &frame->hello);
    case LTH_FRAME_BATCH:
        return frame->batch.lane >= LTH_LANES || event->checked == NULL ||
                       broker != (frame->batch.out_no > 0)
                   ? bad_frame(self, peer)
                   : lth_broker__batch(self, txn, now, peer, event);
    case LTH_FRAME_EPOCH_REQUEST:
        return broker ? bad_frame(self, peer)
                      : lth_broker__epoch_request(self, txn, now, peer, &frame->epoch_request);
    case LTH_FRAME_RELEASE:
        return broker && frame->release.lane < LTH_LANES && frame->release.out_no > 0
                   ? lth_broker__release(self, txn, now, peer, &frame->release)
                   : bad_frame(self, peer);
    case LTH_FRAME_ACCEPTED:
        return broker ? bad_frame(self, peer)
                      : lth_broker__accepted(self, txn, peer, &frame->accepted);
    case LTH_FRAME_HEAD_QUERY:
        return broker ? lth_broker__head_query(self, txn, peer, &frame->head_query)
                      : bad_frame(self, peer);
    case LTH_FRAME_HEARTBEAT:
        return heartbeat(self, peer, now, frame->heartbeat.clock_ms);
    case LTH_FRAME_BYE:
        lth_broker__peer_forget(self, peer->handle);
        return LTH_OK;
    default:
        return bad_frame(self, peer);
    }
}

static lth_err from_peer(lth_broker *self, lth_txn *txn, lth_now now, const lth_event *event)
{
    broker_peer *peer = lth_broker__peer(self, event->peer);
    if (peer == NULL) {
        TRY(lth_broker__peer_add(self, event, &peer));
    }
    if (peer == NULL) {
        lth_log_event(&self->env.log, LTH_LEVEL_WARN, "too_many_peers", "peers=%u",
                      (unsigned)self->n_peers);
        return LTH_OK; /* It greets again; a cut would shut its organisation out for long. */
    }
    peer->last_seen = now.mono;
    return frame_from_peer(self, txn, now, peer, event);
}

static lth_err dispatch(lth_broker *self, lth_txn *txn, lth_now now, const lth_event *event)
{
    switch (event->kind) {
    case LTH_EVENT_FRAME:
        return event->peer == LTH_PEER_PARENT ? lth_broker__from_parent(self, txn, now, event)
                                              : from_peer(self, txn, now, event);
    case LTH_EVENT_PEER_DOWN:
        lth_broker__peer_forget(self, event->peer);
        return LTH_OK;
    case LTH_EVENT_PARENT_UP:
        return lth_broker__parent_up(self, now);
    case LTH_EVENT_PARENT_DOWN:
        lth_broker__parent_down(self);
        return LTH_OK;
    case LTH_EVENT_TIMER:
        return lth_broker__tick(self, txn, now);
    case LTH_EVENT_DECIDE:
        return lth_broker__decide(self, txn, now, event->decision);
    }
    return LTH_OK;
}

lth_err lth_broker_handle(lth_broker *self, lth_txn *txn, lth_now now, const lth_event *event,
                          lth_diag *diag)
{
    lth_err err = lth_broker__begin(self, txn, now);
    err = err == LTH_OK ? dispatch(self, txn, now, event) : err;
    err = err == LTH_OK ? lth_broker__index_run(self, txn) : err;
    err = err == LTH_OK ? lth_broker__wake_run(self, txn, now) : err;
    err = err == LTH_OK ? lth_broker__await_run(self, txn, now) : err;
    err = err == LTH_OK ? lth_broker__rejudge_run(self, txn, now) : err;
    err = err == LTH_OK ? lth_broker__requeue_run(self, txn, now) : err;
    err = err == LTH_OK ? lth_broker__out_trim(self, txn) : err;
    err = err == LTH_OK ? lth_broker__meta_save(self, txn) : err;
    return err == LTH_OK ? LTH_OK
                         : lth_fail(diag, err, "the step was given up: %s", lth_err_text(err));
}

bool lth_broker_step_full(const lth_broker *self)
{
    return self->step_records >= STEP_RECORDS_MAX || self->step_bytes >= STEP_BYTES_MAX;
}

lth_err lth_broker_committed(lth_broker *self, lth_now now)
{
    LTH_ASSERT(now.mono >= self->now);
    self->now = now.mono;
    self->step_records = 0;
    self->step_bytes = 0;
    self->steps++;
    for (uint32_t i = 0; i < self->n_touched; i++) {
        broker_origin *origin = &self->origins[self->touched[i]];
        origin->receipt_due = false;
        if (origin->peer != 0) {
            TRY(lth_broker__receipt_send(self, origin->peer, origin));
        }
    }
    self->n_touched = 0;
    TRY(lth_broker__public_committed(self));
    for (uint32_t i = 0; i < self->n_peers; i++) {
        if (self->peers[i]->touched) {
            TRY(lth_broker__peer_credit(self, self->peers[i]));
        }
    }
    return LTH_OK;
}

lth_err lth_broker_pump(lth_broker *self, lth_txn *read, lth_now now, bool *more, lth_diag *diag)
{
    start_call(self, now);
    *more = false;
    lth_err err = lth_broker__receipts_repeat(self, read, more);
    err = err == LTH_OK ? lth_broker__public_serve(self, read, more) : err;
    err = err == LTH_OK ? lth_broker__forward(self, read, more) : err;
    return err == LTH_OK ? LTH_OK : lth_fail(diag, err, "sending stopped: %s", lth_err_text(err));
}

void lth_broker_info_of(const lth_broker *self, lth_broker_info *out)
{
    *out = (lth_broker_info){.incarnation = self->incarnation,
                             .accept_no = self->accept_no,
                             .feed_no = self->feed_no,
                             .tree_size = self->frontier.size,
                             .parent_up = self->link.ready,
                             .parent_last_seen = self->link.last_seen,
                             .batches = self->batches,
                             .records = self->records,
                             .held = self->held,
                             .rejected = self->rejected,
                             .duplicates = self->duplicates,
                             .steps = self->steps,
                             .n_peers = self->n_peers};
    for (uint32_t i = 0; i < self->n_indexes; i++) {
        const broker_index *index = &self->indexes[i];
        out->indexing += index->unique != NULL && index->state != INDEX_READY ? 1 : 0;
    }
    memcpy(out->out_waiting, self->out_count, sizeof out->out_waiting);
    lth_frontier_root(self->hasher, &self->frontier, out->root);
}
