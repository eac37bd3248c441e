#include "settle.h"

static lth_err hello(lth_broker *self, lth_now now)
{
    lth_frame frame = {.kind = LTH_FRAME_LINK_HELLO,
                       .link_hello = {.version = LTH_PROTOCOL_VERSION,
                                      .node_org = self->env.org,
                                      .incarnation = self->incarnation,
                                      .role = LTH_ROLE_BROKER,
                                      .clock_ms = now.wall_ms,
                                      .dict_ver = self->env.schema->dict_ver}};
    self->link.ready = false;
    self->link.hello_at = self->now;
    return lth_broker__send(self, LTH_PEER_PARENT, &frame);
}

lth_err lth_broker__parent_up(lth_broker *self, lth_now now)
{
    self->link.up = true;
    self->link.last_seen = now.mono;
    return hello(self, now);
}

lth_err lth_broker__parent_greet_again(lth_broker *self, lth_now now)
{
    return hello(self, now);
}

void lth_broker__parent_down(lth_broker *self)
{
    self->link.up = self->link.ready = false;
    for (uint32_t i = 0; i < self->n_origins; i++) {
        self->origins[i].asked_at = 0;
    }
}

static void note_acked(lth_broker *self, lth_lane lane, uint64_t out_no)
{
    if (out_no > self->out_no[lane]) {
        lth_log_event(&self->env.log, LTH_LEVEL_ERROR, "link_ahead", "lane=%d out_no=%llu",
                      (int)lane, (unsigned long long)out_no);
        self->out_no[lane] = out_no; /* Our store is an old copy: never use these numbers again. */
        self->meta_dirty = true;
    }
    if (out_no > self->out_acked[lane]) {
        self->out_acked[lane] = out_no;
        self->meta_dirty = true;
        self->link.moved_at = self->now;
    }
    lth_broker__out_passed(self, lane);
}

static void forget_told(broker_link *link)
{
    link->told_n = 0;
    if (link->told != NULL) {
        memset(link->told, 0, link->told_cap * sizeof *link->told);
    }
}

void lth_broker__told_forget(lth_broker *self)
{
    forget_told(&self->link);
}

static lth_err link_resume(lth_broker *self, const lth_frame_link_resume *in)
{
    broker_link *link = &self->link;
    if (in->version != LTH_PROTOCOL_VERSION ||
        !lth_id_equal(&in->node_org, &self->env.parent_org)) {
        lth_log_event(&self->env.log, LTH_LEVEL_ERROR, "wrong_parent", "version=%u",
                      (unsigned)in->version);
        return LTH_OK;
    }
    link->ready = false; /* Numbers of the last session say nothing any more. */
    link->credit = in->credit;
    link->sent = 0;
    forget_told(link);
    for (uint32_t lane = 0; lane < LTH_LANES; lane++) {
        note_acked(self, (lth_lane)lane, in->acked[lane]);
        link->next[lane] = self->out_acked[lane] + 1;
        link->last_sent_no[lane] = self->out_acked[lane];
    }
    link->ready = true;
    TRY(lth_broker__certs_greet(self, LTH_PEER_PARENT));
    return lth_broker__public_ask(self);
}

/* A refusal of an entry that was queued before the last re-queue says nothing new. */
static bool is_stale(const lth_head *head, const lth_frame_reject *in)
{
    if (in->out_no != 0 && head->requeued_at >> LANE_SHIFT == (uint64_t)in->lane) {
        return in->out_no < (head->requeued_at & (((uint64_t)1 << LANE_SHIFT) - 1));
    }
    return false;
}

static lth_err stopped(lth_broker *self, lth_txn *txn, broker_origin *origin, lth_head *head,
                       const lth_frame_reject *in)
{
    char hex[33];
    if (head->at.epoch == 0 || in->epoch < head->at.epoch || head->state == LTH_ORIGIN_FROZEN) {
        return LTH_OK;
    }
    head->state = LTH_ORIGIN_STOPPED;
    head->code = in->code;
    lth_hex(hex, in->origin.b, sizeof in->origin.b);
    lth_log_event(&self->env.log, LTH_LEVEL_WARN, "origin_stopped", "origin=%s epoch=%u code=%s",
                  hex, (unsigned)in->epoch, lth_refusal_name(in->code));
    TRY(lth_broker__head_put(txn, &origin->id, origin->stream, head));
    if (origin->peer == 0) {
        return LTH_OK;
    }
    lth_frame_reject down = *in;
    down.out_no = 0;
    TRY(lth_broker__keep(self, &down.detail));
    return lth_broker__reject(self, origin->peer, &down);
}

static lth_err rejected(lth_broker *self, lth_txn *txn, lth_now now, const lth_frame_reject *in)
{
    broker_origin *origin;
    lth_head head;
    bool found;
    if (lth_id_is_zero(&in->origin)) {
        lth_log_event(&self->env.log, LTH_LEVEL_WARN, "refused_by_parent", "code=%s",
                      lth_refusal_name(in->code));
        bool forgot = in->code == LTH_REFUSE_no_hello && self->link.ready;
        return forgot ? hello(self, now) : LTH_OK; /* Else it is greeted already. */
    }
    TRY(lth_broker__head_get(txn, &in->origin, in->stream, &head, &found));
    if (!found || is_stale(&head, in) || in->stream != LTH_STREAM_OWN) {
        return LTH_OK;
    }
    TRY(lth_broker__origin_add(self, txn, &in->origin, in->stream, &origin));
    switch (in->class_) {
    case LTH_REFUSAL_RESEND_FROM:
        lth_broker__requeue_want(self, origin, in->epoch, in->resend_from, in->lane, now.mono);
        return LTH_OK;
    case LTH_REFUSAL_RETRY_LATER:
        if (in->code == LTH_REFUSE_unknown_key && self->link.told_n > 0) {
            forget_told(&self->link); /* Certificates that were sent may not have come. */
            TRY(lth_broker__certs_greet(self, LTH_PEER_PARENT));
        }
        lth_broker__requeue_want(self, origin, in->epoch, in->seq, in->lane,
                                 now.mono + LTH_MONO_MS(in->wait_ms));
        return LTH_OK;
    case LTH_REFUSAL_STOPPED:
        return stopped(self, txn, origin, &head, in);
    default:
        return LTH_OK;
    }
}

static lth_err pass_held(lth_broker *self, const lth_frame *frame)
{
    const broker_origin *origin = lth_broker__origin(self, &frame->held.origin, frame->held.stream);
    const broker_peer *peer = origin == NULL ? NULL : lth_broker__peer(self, origin->peer);
    if (peer == NULL) {
        return LTH_OK;
    }
    lth_frame down = *frame;
    if (peer->version < 3) {
        down.held.by = down.held.why = down.held.other = (lth_slice){0};
        down.held.decided_ms = 0;
    }
    TRY(lth_broker__keep(self, &down.held.by));
    TRY(lth_broker__keep(self, &down.held.other));
    TRY(lth_broker__keep(self, &down.held.why));
    return lth_broker__send(self, peer->handle, &down);
}

lth_err lth_broker__from_parent(lth_broker *self, lth_txn *txn, lth_now now, const lth_event *event)
{
    const lth_frame *frame = event->frame;
    if (frame == NULL || !lth_id_equal(&event->user, &self->env.parent_org)) {
        lth_log_event(&self->env.log, LTH_LEVEL_WARN, "bad_frame_from_parent", "%s",
                      frame == NULL ? "unreadable" : "wrong org");
        return LTH_OK;
    }
    self->link.last_seen = now.mono;
    switch (frame->kind) {
    case LTH_FRAME_LINK_RESUME:
        return link_resume(self, &frame->link_resume);
    case LTH_FRAME_CERTS:
        return lth_broker__certs(self, txn, LTH_PEER_PARENT, &frame->certs);
    case LTH_FRAME_LINK_ACK:
        if (frame->link_ack.lane < LTH_LANES && self->link.ready) {
            note_acked(self, frame->link_ack.lane, frame->link_ack.out_no);
        }
        return LTH_OK;
    case LTH_FRAME_RESUME:
        lth_broker__public_resume(self, &frame->resume);
        return LTH_OK;
    case LTH_FRAME_BATCH:
        return lth_broker__public_batch(self, txn, now, event);
    case LTH_FRAME_RECEIPT:
        return lth_broker__receipt_from_parent(self, txn, &frame->receipt);
    case LTH_FRAME_REJECT:
        return rejected(self, txn, now, &frame->reject);
    case LTH_FRAME_CREDIT:
        self->link.credit = frame->credit.total;
        return LTH_OK;
    case LTH_FRAME_HEAD_ANSWER:
        return lth_broker__head_answer(self, txn, now, &frame->head_answer);
    case LTH_FRAME_HELD:
        return pass_held(self, frame);
    case LTH_FRAME_RELEASED:
        return lth_broker__released(self, txn, &frame->released);
    case LTH_FRAME_BYE:
        lth_broker__parent_down(self);
        return LTH_OK;
    default:
        return LTH_OK;
    }
}
