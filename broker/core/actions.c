#include <stdlib.h>

#include "internal.h"

#define ACTIONS_MAX (1u << 17)

static lth_err push(lth_broker *self, const lth_action *action)
{
    if (self->n_actions == self->cap_actions) {
        uint32_t cap = self->cap_actions == 0 ? 256 : self->cap_actions * 2;
        lth_action *grown =
            cap > ACTIONS_MAX ? NULL : realloc(self->actions, cap * sizeof *self->actions);
        if (grown == NULL) {
            return LTH_E_NOMEM;
        }
        self->actions = grown;
        self->cap_actions = cap;
    }
    self->actions[self->n_actions++] = *action;
    return LTH_OK;
}

lth_err lth_broker__send(lth_broker *self, lth_peer to, const lth_frame *frame)
{
    lth_action action = {.kind = LTH_ACTION_SEND, .peer = to, .frame = *frame};
    if (to == LTH_PEER_PARENT) {
        self->link.last_sent = self->now;
        return push(self, &action);
    }
    broker_peer *peer = lth_broker__peer(self, to);
    if (peer == NULL) {
        return LTH_OK;
    }
    peer->last_sent = self->now;
    return push(self, &action);
}

bool lth_broker__crowded(const lth_broker *self)
{
    return self->n_actions >= ACTIONS_MAX / 2;
}

lth_err lth_broker__drop(lth_broker *self, lth_peer peer)
{
    lth_action action = {.kind = LTH_ACTION_DROP_PEER, .peer = peer};
    lth_broker__peer_forget(self, peer);
    return push(self, &action);
}

lth_err lth_broker__keep(lth_broker *self, lth_slice *bytes)
{
    if (bytes->n == 0) {
        return LTH_OK;
    }
    bytes->p = lth_arena_copy(self->arena, bytes->p, bytes->n);
    return bytes->p != NULL ? LTH_OK : LTH_E_NOMEM;
}

bool lth_broker_next(lth_broker *self, lth_action *out)
{
    if (self->next_action == self->n_actions) {
        self->next_action = self->n_actions = 0;
        return false;
    }
    *out = self->actions[self->next_action++];
    return true;
}
