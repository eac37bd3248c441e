#include <stdlib.h>

#include "internal.h"

#define TOLD_MAX (1u << 17)

/* An org is known, and its certificate comes from itself or from an org above it. */
static bool issuer_fits(const lth_broker *self, const lth_key_info *key)
{
    const lth_registry *registry = self->env.registry;
    const lth_org *org = lth_registry_find(registry, &key->org);
    const lth_org *issuer = lth_registry_find(registry, &key->issuer_org);
    return org != NULL && issuer != NULL &&
           lth_registry_under_any(registry, org, issuer, self->today);
}

/* Keys of the tiers above are passed down: receipts of those tiers travel down. */
static lth_err keep_tier(lth_broker *self, const lth_key_info *key, lth_slice leaf, lth_slice ca,
                         broker_tier **added)
{
    const lth_org *org = lth_registry_find(self->env.registry, &key->org);
    *added = NULL;
    if (key->role != LTH_ROLE_BROKER || org == NULL || self->self_org == NULL ||
        org == self->self_org ||
        !lth_registry_under_any(self->env.registry, self->self_org, org, self->today)) {
        return LTH_OK;
    }
    for (uint32_t i = 0; i < self->n_tiers; i++) {
        if (memcmp(self->tiers[i].key_id, key->key_id, LTH_HASH_SIZE) == 0) {
            return LTH_OK;
        }
    }
    if (self->n_tiers == TIERS_MAX) {
        return LTH_OK;
    }
    uint8_t *bytes = malloc(leaf.n + ca.n + 1);
    if (bytes == NULL) {
        return LTH_E_NOMEM;
    }
    memcpy(bytes, leaf.p, leaf.n);
    memcpy(bytes + leaf.n, ca.p, ca.n);
    broker_tier *tier = &self->tiers[self->n_tiers++];
    *tier = (broker_tier){
        .org = key->org, .leaf = bytes, .leaf_n = leaf.n, .ca = bytes + leaf.n, .ca_n = ca.n};
    memcpy(tier->key_id, key->key_id, LTH_HASH_SIZE);
    *added = tier;
    return LTH_OK;
}

static lth_err send_pair(lth_broker *self, lth_peer to, lth_slice leaf, lth_slice ca)
{
    lth_frame frame = {.kind = LTH_FRAME_CERTS, .certs.n = 1};
    frame.certs.pairs[0].leaf = leaf;
    frame.certs.pairs[0].ca = ca;
    return lth_broker__send(self, to, &frame);
}

static lth_err send_tier(lth_broker *self, lth_peer to, const broker_tier *tier)
{
    return send_pair(self, to, lth_slice_of(tier->leaf, tier->leaf_n),
                     lth_slice_of(tier->ca, tier->ca_n));
}

lth_err lth_broker__certs_greet(lth_broker *self, lth_peer to)
{
    TRY(send_pair(self, to, self->env.own_leaf_der, self->env.own_ca_der));
    for (uint32_t i = 0; i < self->n_tiers && to != LTH_PEER_PARENT; i++) {
        TRY(send_tier(self, to, &self->tiers[i]));
    }
    return LTH_OK;
}

static lth_err store(lth_txn *txn, const uint8_t *key_id, lth_slice leaf, lth_slice ca)
{
    uint8_t *value;
    lth_err err = lth_put_reserve(txn, LTH_T_cert, lth_slice_of(key_id, LTH_HASH_SIZE),
                                  4 + leaf.n + ca.n, LTH_PUT_NEW, &value);
    if (err != LTH_OK) {
        return err == LTH_E_EXISTS ? LTH_OK : err;
    }
    lth_put32(value, (uint32_t)leaf.n);
    memcpy(value + 4, leaf.p, leaf.n);
    memcpy(value + 4 + leaf.n, ca.p, ca.n);
    return LTH_OK;
}

static lth_err learn(lth_broker *self, lth_txn *txn, lth_peer from, lth_slice leaf, lth_slice ca)
{
    lth_key_info key;
    lth_refusal code = self->env.trust->learn(self->env.trust->ctx, leaf, ca, &key);
    if (code == LTH_REFUSE_none && !issuer_fits(self, &key)) {
        code = LTH_REFUSE_wrong_key;
    }
    if (code != LTH_REFUSE_none) {
        lth_frame_reject reject = {.code = code, .class_ = lth_refusal_class_of(code)};
        lth_log_event(&self->env.log, LTH_LEVEL_WARN, "certificate_refused", "code=%s",
                      lth_refusal_name(code));
        return from == LTH_PEER_PARENT ? LTH_OK : lth_broker__reject(self, from, &reject);
    }
    TRY(store(txn, key.key_id, leaf, ca));
    broker_tier *tier;
    TRY(keep_tier(self, &key, leaf, ca, &tier));
    for (uint32_t i = 0; tier != NULL && i < self->n_peers; i++) {
        if (self->peers[i]->hello) {
            TRY(send_tier(self, self->peers[i]->handle, tier));
        }
    }
    return LTH_OK;
}

lth_err lth_broker__certs(lth_broker *self, lth_txn *txn, lth_peer from,
                          const lth_frame_certs *certs)
{
    for (uint32_t i = 0; i < certs->n && i < LTH_CERTS_MAX; i++) {
        TRY(learn(self, txn, from, certs->pairs[i].leaf, certs->pairs[i].ca));
    }
    return LTH_OK;
}

static bool split(lth_slice value, lth_slice *leaf, lth_slice *ca)
{
    if (value.n < 4 || lth_get32(value.p) > value.n - 4) {
        return false;
    }
    *leaf = lth_slice_of(value.p + 4, lth_get32(value.p));
    *ca = lth_slice_of(leaf->p + leaf->n, value.n - 4 - leaf->n);
    return true;
}

lth_err lth_broker__certs_load(lth_broker *self, lth_txn *txn)
{
    lth_slice key, value, leaf, ca;
    lth_key_info info;
    broker_tier *tier;
    lth_cursor *cursor;
    TRY(lth_cursor_open(txn, LTH_T_cert, &cursor));
    lth_err err = lth_cursor_next(cursor, &key, &value);
    while (err == LTH_OK) {
        err = split(value, &leaf, &ca) ? LTH_OK : LTH_E_STORE_CORRUPT;
        if (err == LTH_OK &&
            self->env.trust->learn(self->env.trust->ctx, leaf, ca, &info) == LTH_REFUSE_none &&
            issuer_fits(self, &info)) {
            err = keep_tier(self, &info, leaf, ca, &tier);
        }
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* Room for one more key id; when the set is as large as it may be it starts anew: certificates are
 * then sent once more. */
static lth_err grow_told(broker_link *link)
{
    if (link->told != NULL && link->told_n * 2 < link->told_cap) {
        return LTH_OK;
    }
    uint32_t cap = link->told_cap == 0 ? 256 : link->told_cap * 2;
    cap = cap > TOLD_MAX ? TOLD_MAX : cap;
    uint64_t *told = calloc(cap, sizeof *told);
    if (told == NULL) {
        return LTH_E_NOMEM;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; cap > link->told_cap && i < link->told_cap; i++) {
        uint64_t id = link->told[i];
        uint32_t at = (uint32_t)id & (cap - 1);
        while (id != 0 && told[at] != 0) {
            at = (at + 1) & (cap - 1);
        }
        told[at] = id != 0 ? id : told[at];
        kept += id != 0;
    }
    free(link->told);
    link->told = told;
    link->told_cap = cap;
    link->told_n = kept;
    return LTH_OK;
}

lth_err lth_broker__certs_tell(lth_broker *self, lth_txn *read, const uint8_t *key_id)
{
    broker_link *link = &self->link;
    uint64_t id = lth_get64(key_id) | 1;
    if (memcmp(key_id, self->env.signer->key_id, LTH_HASH_SIZE) == 0) {
        return LTH_OK; /* Sent with LINK_HELLO. */
    }
    TRY(grow_told(link));
    uint32_t at = (uint32_t)id & (link->told_cap - 1);
    while (link->told[at] != 0 && link->told[at] != id) {
        at = (at + 1) & (link->told_cap - 1);
    }
    if (link->told[at] == id) {
        return LTH_OK;
    }
    link->told[at] = id;
    link->told_n++;
    return lth_broker__certs_show(self, read, LTH_PEER_PARENT, key_id);
}

lth_err lth_broker__certs_show(lth_broker *self, lth_txn *read, lth_peer to, const uint8_t *key_id)
{
    lth_slice value, leaf, ca;
    if (memcmp(key_id, self->env.signer->key_id, LTH_HASH_SIZE) == 0) {
        return LTH_OK; /* Sent with the greeting. */
    }
    lth_err err = lth_get(read, LTH_T_cert, lth_slice_of(key_id, LTH_HASH_SIZE), &value);
    if (err == LTH_E_NOT_FOUND) {
        return LTH_OK; /* Known from the node's own directory: known above as well. */
    }
    TRY(err);
    if (!split(value, &leaf, &ca)) {
        return LTH_E_STORE_CORRUPT;
    }
    TRY(lth_broker__keep(self, &leaf));
    TRY(lth_broker__keep(self, &ca));
    return send_pair(self, to, leaf, ca);
}

lth_err lth_broker__certs_keep_own(lth_broker *self, lth_txn *txn)
{
    return store(txn, self->env.signer->key_id, self->env.own_leaf_der, self->env.own_ca_der);
}

void lth_broker__certs_free(lth_broker *self)
{
    for (uint32_t i = 0; i < self->n_tiers; i++) {
        free(self->tiers[i].leaf);
    }
}
