/**
 * @file agents/shell/link.h
 * The one connection to the broker: a ZeroMQ client that is closed and opened again when it is
 * refused or silent, and the frames that wait for it.
 */
#pragma once

#include "agents/shell/node.h"
#include "lth/net.h"

typedef enum lth_link_change {
    LTH_LINK_SAME,
    LTH_LINK_CAME_UP,
    LTH_LINK_WENT_DOWN
} lth_link_change;

typedef struct lth_link_frame lth_link_frame;
typedef struct lth_link {
    lth_net *net;
    lth_net_client *client; /**< NULL while waiting for retry_at. */
    bool up, refused;
    lth_mono retry_at, heard, wait;
    lth_link_frame *first, **last; /**< Encoded, not yet taken by ZeroMQ. */
    lth_log log;
} lth_link;

LTH_MUST_USE lth_err lth_link_init(lth_link *self, lth_log log, lth_diag *diag);
void lth_link_fini(lth_link *self);
/** Close what there is; open again at @p at (0: in the next tick, and the back-off starts anew). */
void lth_link_reopen(lth_link *self, lth_mono at);
/** Look at the connection, open it when it is time, send what waits. */
lth_link_change lth_link_tick(lth_link *self, const lth_agent_node *node, lth_mono now);
/** Send, or keep for later. LTH_OK; LTH_E_LIMIT or LTH_E_NOMEM: not taken. */
LTH_MUST_USE lth_err lth_link_send(lth_link *self, const lth_frame *frame);
/** Nothing waits to be sent. */
bool lth_link_clear(const lth_link *self);
/** LTH_OK with a message to be released, or LTH_E_AGAIN. */
LTH_MUST_USE lth_err lth_link_recv(lth_link *self, lth_net_message *out, lth_mono now);
/** Two descriptors, or none: returns how many. */
size_t lth_link_fds(const lth_link *self, int fds[2]);
lth_mono lth_link_deadline(const lth_link *self, lth_mono now);
