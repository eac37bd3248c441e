/**
 * @file broker/shell/peers.h
 * Connections by ZeroMQ routing id, as handles that are never used twice. I/O thread only.
 */
#pragma once

#include "broker/core/broker.h"
#include "lth/net.h"

typedef struct lth_conn {
    lth_net_peer id;
    lth_peer handle; /**< 0: free place. */
    lth_id user;
    lth_mono last_seen;
    bool doomed; /**< Cut at its next message, and its key refused until `until`. */
} lth_conn;

typedef struct lth_conns {
    lth_conn *table; /**< Open addressing over routing ids. */
    size_t size, used;
    lth_peer next_handle;
    uint64_t *by_handle; /**< Handle modulo size of table -> place + 1; verified on use. */
} lth_conns;

LTH_MUST_USE lth_err lth_conns_init(lth_conns *conns, uint32_t peers_max);
void lth_conns_fini(lth_conns *conns);
/** Find or add. When full, the longest silent connection gives way and *evicted is its handle (else
 * 0). */
lth_conn *lth_conns_get(lth_conns *conns, const lth_net_peer *id, const lth_id *user, lth_mono now,
                        lth_peer *evicted);
lth_conn *lth_conns_by_handle(lth_conns *conns, lth_peer handle);
void lth_conns_remove(lth_conns *conns, lth_conn *conn);
