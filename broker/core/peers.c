#include <stdlib.h>

#include "internal.h"

#define PEERS_DEFAULT 4096u
#define WINDOW_MIN    (64u * 1024u)
#define WINDOW_MAX    (16u * 1024u * 1024u)
#define POOL_DEFAULT  (256u * 1024u * 1024u)

/* Place of a handle, or where it belongs. */
static uint32_t place(const lth_broker *self, lth_peer handle)
{
    uint32_t lo = 0, hi = self->n_peers;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (self->peers[mid]->handle < handle) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

broker_peer *lth_broker__peer(lth_broker *self, lth_peer handle)
{
    uint32_t at = place(self, handle);
    return at < self->n_peers && self->peers[at]->handle == handle ? self->peers[at] : NULL;
}

static uint32_t peers_max(const lth_broker *self)
{
    return self->env.peers_max != 0 ? self->env.peers_max : PEERS_DEFAULT;
}

static uint64_t window_of(const lth_broker *self, lth_role role)
{
    uint64_t pool = self->env.credit_pool != 0 ? self->env.credit_pool : POOL_DEFAULT;
    uint64_t window = role == LTH_ROLE_BROKER ? WINDOW_MAX : pool / peers_max(self);
    window = window < WINDOW_MIN ? WINDOW_MIN : window;
    return window > WINDOW_MAX ? WINDOW_MAX : window;
}

static lth_err grow_peers(lth_broker *self)
{
    if (self->n_peers < self->cap_peers) {
        return LTH_OK;
    }
    uint32_t cap = self->cap_peers == 0 ? 64 : self->cap_peers * 2;
    broker_peer **grown = realloc(self->peers, cap * sizeof *grown);
    if (grown == NULL) {
        return LTH_E_NOMEM;
    }
    self->peers = grown;
    self->cap_peers = cap;
    return LTH_OK;
}

/* A place for one more: after an outage everybody is back on a new connection before the old one
 * counts as silent. A peer that lives has said something within two heartbeats. */
static bool make_room(lth_broker *self)
{
    const broker_peer *oldest = NULL;
    for (uint32_t i = 0; i < self->n_peers; i++) {
        const broker_peer *peer = self->peers[i];
        oldest = oldest == NULL || peer->last_seen < oldest->last_seen ? peer : oldest;
    }
    if (oldest == NULL || self->now - oldest->last_seen < 2 * HEARTBEAT_NS) {
        return false;
    }
    lth_broker__peer_forget(self, oldest->handle);
    return true;
}

lth_err lth_broker__peer_add(lth_broker *self, const lth_event *event, broker_peer **out)
{
    *out = NULL;
    if (self->n_peers >= peers_max(self) && !make_room(self)) {
        return LTH_OK;
    }
    TRY(grow_peers(self));
    broker_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) {
        return LTH_E_NOMEM;
    }
    peer->handle = event->peer;
    peer->org = event->user;
    peer->role = event->role;
    peer->last_seen = self->now;
    peer->last_sent = self->now;
    peer->window = window_of(self, event->role);
    uint32_t at = place(self, event->peer);
    memmove(self->peers + at + 1, self->peers + at, (self->n_peers - at) * sizeof *self->peers);
    self->peers[at] = peer;
    self->n_peers++;
    *out = peer;
    return LTH_OK;
}

void lth_broker__peer_forget(lth_broker *self, lth_peer handle)
{
    uint32_t at = place(self, handle);
    if (at == self->n_peers || self->peers[at]->handle != handle) {
        return;
    }
    lth_broker__public_gone(self, self->peers[at]);
    free(self->peers[at]);
    self->n_peers--;
    memmove(self->peers + at, self->peers + at + 1, (self->n_peers - at) * sizeof *self->peers);
    for (uint32_t i = 0; i < self->n_origins; i++) {
        broker_origin *origin = &self->origins[i];
        origin->peer = origin->peer == handle ? 0 : origin->peer;
        origin->asker = origin->asker == handle ? 0 : origin->asker;
    }
}

static uint32_t bucket(const lth_broker *self, const lth_id *id, uint64_t stream)
{
    uint64_t mixed = (lth_get64(id->b) ^ stream) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(mixed >> 32) & (self->cap_index - 1);
}

/* Slot of the index that holds the origin, or the free one where it belongs. */
static uint32_t *slot_of(const lth_broker *self, const lth_id *id, uint64_t stream)
{
    uint32_t at = bucket(self, id, stream);
    while (self->origin_index[at] != NONE) {
        const broker_origin *origin = &self->origins[self->origin_index[at]];
        if (origin->stream == stream && lth_id_equal(&origin->id, id)) {
            break;
        }
        at = (at + 1) & (self->cap_index - 1);
    }
    return &self->origin_index[at];
}

broker_origin *lth_broker__origin(lth_broker *self, const lth_id *id, uint64_t stream)
{
    if (self->n_origins == 0) {
        return NULL;
    }
    uint32_t at = *slot_of(self, id, stream);
    return at == NONE ? NULL : &self->origins[at];
}

/* Twice as many origins, in an index at most half full. */
static lth_err grow_origins(lth_broker *self)
{
    if (self->n_origins < self->cap_origins) {
        return LTH_OK;
    }
    uint32_t cap = self->cap_origins == 0 ? 64 : self->cap_origins * 2;
    broker_origin *origins = realloc(self->origins, cap * sizeof *origins);
    if (origins == NULL) {
        return LTH_E_NOMEM;
    }
    self->origins = origins;
    uint32_t *index = realloc(self->origin_index, (size_t)cap * 2 * sizeof *index);
    if (index == NULL) {
        return LTH_E_NOMEM;
    }
    self->origin_index = index;
    self->cap_origins = cap;
    self->cap_index = cap * 2;
    memset(index, 0xff, (size_t)cap * 2 * sizeof *index);
    for (uint32_t i = 0; i < self->n_origins; i++) {
        *slot_of(self, &origins[i].id, origins[i].stream) = i;
    }
    return LTH_OK;
}

lth_err lth_broker__origin_add(lth_broker *self, lth_txn *txn, const lth_id *id, uint64_t stream,
                               broker_origin **out)
{
    *out = lth_broker__origin(self, id, stream);
    if (*out != NULL) {
        return LTH_OK;
    }
    TRY(grow_origins(self));
    uint8_t bytes[LTH_GRANT_BYTES];
    lth_grant grant;
    bool found;
    TRY(lth_broker__grant_get(txn, id, stream, UINT32_MAX, bytes, &grant, &found));
    *slot_of(self, id, stream) = self->n_origins;
    *out = &self->origins[self->n_origins++];
    **out = (broker_origin){.id = *id, .stream = stream, .granted = found ? grant.epoch : 0};
    return LTH_OK;
}

lth_err lth_broker__touch(lth_broker *self, broker_origin *origin)
{
    if (origin->receipt_due) {
        return LTH_OK;
    }
    if (self->n_touched == self->cap_touched) {
        uint32_t cap = self->cap_touched == 0 ? 64 : self->cap_touched * 2;
        uint32_t *grown = realloc(self->touched, cap * sizeof *grown);
        if (grown == NULL) {
            return LTH_E_NOMEM;
        }
        self->touched = grown;
        self->cap_touched = cap;
    }
    origin->receipt_due = true;
    self->touched[self->n_touched++] = (uint32_t)(origin - self->origins);
    return LTH_OK;
}

void lth_broker__free_maps(lth_broker *self)
{
    for (uint32_t i = 0; i < self->n_peers; i++) {
        free(self->peers[i]);
    }
    free(self->peers);
    free(self->origins);
    free(self->origin_index);
    free(self->touched);
}

uint32_t lth_broker_peers(const lth_broker *self, lth_broker_peer_info *out, uint32_t max)
{
    uint32_t n = self->n_peers < max ? self->n_peers : max;
    for (uint32_t i = 0; i < n; i++) {
        const broker_peer *peer = self->peers[i];
        out[i] = (lth_broker_peer_info){.peer = peer->handle,
                                        .org = peer->org,
                                        .role = peer->role,
                                        .last_seen = peer->last_seen,
                                        .batches = peer->batches,
                                        .records = peer->records,
                                        .rejected = peer->rejected,
                                        .credit_left = peer->granted - peer->used,
                                        .clock_skew_ms = peer->skew_ms};
        if (peer->used > peer->granted) {
            out[i].credit_left = 0;
        }
    }
    return n;
}
