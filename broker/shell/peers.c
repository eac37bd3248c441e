#include "broker/shell/peers.h"

#include <stdlib.h>
#include <string.h>

/* A hash map keyed twice: by routing id (linear probing with back-shift on removal) and, through a
 * second array of places, by handle. Twice the configured peers, so that reconnects find room
 * before old ids are evicted. */

static size_t hash_id(const lth_conns *conns, const lth_net_peer *id)
{
    uint64_t h = 1469598103934665603u;
    for (uint8_t i = 0; i < id->size; i++)
        h = (h ^ id->id[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 29) & (conns->size - 1);
}

lth_err lth_conns_init(lth_conns *conns, uint32_t peers_max)
{
    size_t size = 64;
    while (size < (size_t)peers_max * 4)
        size *= 2;
    *conns = (lth_conns){.size = size, .next_handle = 1};
    conns->table = calloc(size, sizeof(*conns->table));
    conns->by_handle = calloc(size, sizeof(*conns->by_handle));
    if (conns->table != NULL && conns->by_handle != NULL)
        return LTH_OK;
    lth_conns_fini(conns);
    return LTH_E_NOMEM;
}

void lth_conns_fini(lth_conns *conns)
{
    free(conns->table);
    free(conns->by_handle);
    *conns = (lth_conns){0};
}

static void place_set(lth_conns *conns, size_t place)
{
    conns->by_handle[conns->table[place].handle & (conns->size - 1)] = place + 1;
}

void lth_conns_remove(lth_conns *conns, lth_conn *conn)
{
    size_t hole = (size_t)(conn - conns->table), mask = conns->size - 1;
    conns->used--;
    for (size_t at = (hole + 1) & mask; conns->table[at].handle != 0; at = (at + 1) & mask) {
        size_t home = hash_id(conns, &conns->table[at].id);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue; /* it stands at or behind its home after the hole: may not move before it */
        conns->table[hole] = conns->table[at];
        place_set(conns, hole);
        hole = at;
    }
    conns->table[hole].handle = 0;
}

static lth_conn *oldest(lth_conns *conns)
{
    lth_conn *found = NULL;
    for (size_t i = 0; i < conns->size; i++) {
        lth_conn *conn = &conns->table[i];
        if (conn->handle != 0 && (found == NULL || conn->last_seen < found->last_seen))
            found = conn;
    }
    return found;
}

/* Handles grow by one, so two live ones share a by_handle place only when they lie a whole table
 * apart: the old one is then the longest known, and its lookup falls back to a walk. */
lth_conn *lth_conns_by_handle(lth_conns *conns, lth_peer handle)
{
    uint64_t place = conns->by_handle[handle & (conns->size - 1)];
    if (place != 0 && conns->table[place - 1].handle == handle)
        return &conns->table[place - 1];
    for (size_t i = 0; i < conns->size; i++)
        if (conns->table[i].handle == handle)
            return &conns->table[i];
    return NULL;
}

lth_conn *lth_conns_get(lth_conns *conns, const lth_net_peer *id, const lth_id *user, lth_mono now,
                        lth_peer *evicted)
{
    *evicted = 0;
    size_t mask = conns->size - 1, at = hash_id(conns, id);
    for (; conns->table[at].handle != 0; at = (at + 1) & mask) {
        lth_conn *conn = &conns->table[at];
        if (conn->id.size == id->size && memcmp(conn->id.id, id->id, id->size) == 0) {
            conn->last_seen = now;
            return conn;
        }
    }
    if (conns->used >= conns->size / 2) {
        lth_conn *old = oldest(conns);
        *evicted = old->handle;
        lth_conns_remove(conns, old);
        for (at = hash_id(conns, id); conns->table[at].handle != 0;)
            at = (at + 1) & mask;
    }
    lth_conn *conn = &conns->table[at];
    *conn = (lth_conn){.id = *id, .handle = conns->next_handle++, .user = *user, .last_seen = now};
    place_set(conns, at);
    conns->used++;
    return conn;
}
