#include "settle.h"

#define HELLO_AGAIN_NS LTH_MONO_S(10)

static lth_err beat(lth_broker *self, lth_peer to, lth_now now)
{
    lth_frame frame = {.kind = LTH_FRAME_HEARTBEAT, .heartbeat.clock_ms = now.wall_ms};
    return lth_broker__send(self, to, &frame);
}

/* What is cumulative is said again with a heartbeat: a message down may have been lost. */
static lth_err say_again(lth_broker *self, broker_peer *peer)
{
    lth_frame credit = {.kind = LTH_FRAME_CREDIT, .credit.total = peer->granted};
    for (uint32_t lane = 0; lane < LTH_LANES && peer->role == LTH_ROLE_BROKER; lane++) {
        lth_frame ack = {.kind = LTH_FRAME_LINK_ACK,
                         .link_ack = {.lane = (lth_lane)lane, .out_no = peer->acked[lane]}};
        if (peer->acked[lane] > 0 && !peer->ack_due[lane]) {
            TRY(lth_broker__send(self, peer->handle, &ack));
        }
    }
    return lth_broker__send(self, peer->handle, &credit);
}

static lth_err look_at_peers(lth_broker *self, lth_now now)
{
    for (uint32_t i = self->n_peers; i-- > 0;) {
        broker_peer *peer = self->peers[i];
        if (now.mono - peer->last_seen >= SILENT_NS) {
            lth_broker__peer_forget(self, peer->handle);
        } else if (peer->hello && now.mono - peer->last_sent >= HEARTBEAT_NS) {
            TRY(beat(self, peer->handle, now));
            TRY(say_again(self, peer));
        }
    }
    return LTH_OK;
}

static lth_err look_at_parent(lth_broker *self, lth_now now)
{
    broker_link *link = &self->link;
    link->moved_at = lth_broker__outstanding(self) ? link->moved_at : now.mono;
    if (link->ready && now.mono - link->moved_at >= STALLED_NS) {
        link->moved_at = now.mono;
        return lth_broker__parent_greet_again(self, now);
    }
    if (link->up && !link->ready && now.mono - link->hello_at >= HELLO_AGAIN_NS) {
        return lth_broker__parent_greet_again(self, now);
    }
    return link->ready && now.mono - link->last_sent >= HEARTBEAT_NS
               ? beat(self, LTH_PEER_PARENT, now)
               : LTH_OK;
}

lth_err lth_broker__tick(lth_broker *self, lth_txn *txn, lth_now now)
{
    if (now.mono < self->next_tick) {
        return LTH_OK;
    }
    self->next_tick = now.mono + TICK_NS;
    TRY(look_at_peers(self, now));
    TRY(look_at_parent(self, now));
    TRY(lth_broker__public_tick(self));
    TRY(lth_broker__holds_tell(self, txn));
    TRY(lth_broker__owed_sweep(self, txn));
    return lth_broker__sweep(self, txn);
}

lth_mono lth_broker_deadline(const lth_broker *self)
{
    bool due = self->indexes_due || self->indexing;
    if (lth_broker__out_untrimmed(self) || self->releasing || self->waking || self->rejudging ||
        due) {
        return self->now;
    }
    lth_mono tick = self->n_peers > 0 || self->link.up ? self->next_tick : LTH_MONO_NEVER;
    return self->requeue_due < tick ? self->requeue_due : tick;
}
