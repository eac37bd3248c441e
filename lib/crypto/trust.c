/*
 * Keys chained to one root, in memory. Leaves and authorities are never changed or freed once they
 * are in an index, so a reader needs the lock only to look one up.
 */

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>

#include "lib/crypto/internal.h"

#define AUTHORITIES_MAX 1024
#define LEAVES_MAX      262144
#define SLOTS_MIN       64
#define KEY_SIZE        32 /* of both indexes */

typedef struct authority {
    struct authority *next;
    lth_crypto__cert cert;
    lth_slice der;
} authority;

typedef struct leaf {
    struct leaf *next;
    lth_key_info info;
    EVP_PKEY_CTX *verifier;
    const authority *ca;
    size_t der_size;
    uint8_t der[];
} leaf;

/* Open addressing; a power of two of slots, at most three quarters taken. */
typedef struct leaf_index {
    size_t key_at; /* where in lth_key_info the 32-byte key stands */
    uint64_t salt;
    size_t n_slots;
    size_t n_taken;
    leaf **slots;
} leaf_index;

typedef struct trust {
    pthread_rwlock_t lock;
    lth_crypto__cert root;
    uint8_t root_hash[LTH_HASH_SIZE];
    authority *authorities;
    size_t n_authorities;
    leaf *leaves;
    size_t n_leaves;
    leaf_index by_id;
    leaf_index by_curve;
} trust;

/* --- index --- */

static const uint8_t *key_of(const leaf_index *index, const leaf *entry)
{
    return (const uint8_t *)&entry->info + index->key_at;
}

/* The slot that holds @p key, or the free one where it belongs. */
static leaf **slot_of(const leaf_index *index, const uint8_t key[KEY_SIZE])
{
    uint64_t h = (lth_get64(key) ^ index->salt) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(h >> 32) & (index->n_slots - 1);
    while (index->slots[at] && memcmp(key_of(index, index->slots[at]), key, KEY_SIZE) != 0)
        at = (at + 1) & (index->n_slots - 1);
    return &index->slots[at];
}

static bool index_init(leaf_index *index, size_t key_at)
{
    *index = (leaf_index){.key_at = key_at, .n_slots = SLOTS_MIN};
    lth_random random = lth_crypto_random();
    random.fill(random.ctx, &index->salt, sizeof index->salt);
    index->slots = calloc(SLOTS_MIN, sizeof *index->slots);
    return index->slots != NULL;
}

/* Room for one more, so that index_put() cannot fail. */
static bool index_reserve(leaf_index *index)
{
    if ((index->n_taken + 1) * 4 <= index->n_slots * 3)
        return true;
    leaf_index grown = *index;
    grown.n_slots *= 2;
    grown.slots = calloc(grown.n_slots, sizeof *grown.slots);
    if (!grown.slots)
        return false;
    for (size_t i = 0; i < index->n_slots; i++)
        if (index->slots[i])
            *slot_of(&grown, key_of(index, index->slots[i])) = index->slots[i];
    free(index->slots);
    *index = grown;
    return true;
}

static void index_put(leaf_index *index, leaf *entry)
{
    leaf **slot = slot_of(index, key_of(index, entry));
    index->n_taken += *slot == NULL;
    *slot = entry;
}

static leaf *index_find(const leaf_index *index, const uint8_t key[KEY_SIZE])
{
    return *slot_of(index, key);
}

/* --- learning --- */

static void leaf_free(leaf *entry)
{
    if (entry)
        EVP_PKEY_CTX_free(entry->verifier);
    free(entry);
}

static leaf *leaf_new(const lth_crypto__cert *cert, lth_slice der, const authority *ca)
{
    leaf *entry = calloc(1, sizeof *entry + der.n);
    if (!entry)
        return NULL;
    entry->info = cert->info;
    entry->info.issuer_org = ca->cert.info.org;
    entry->ca = ca;
    entry->der_size = der.n;
    memcpy(entry->der, der.p, der.n);
    entry->verifier = lth_crypto__verifier_new(cert->key);
    if (entry->verifier)
        return entry;
    leaf_free(entry);
    return NULL;
}

/* One key speaks for one org in one role under one issuer: only its dates and its CURVE key can be
 * renewed. */
static bool same_holder(const lth_key_info *a, const lth_key_info *b)
{
    return lth_id_equal(&a->org, &b->org) && a->role == b->role &&
           lth_id_equal(&a->issuer_org, &b->issuer_org);
}

static bool is_newer(const leaf *entry, const leaf *known)
{
    return !known || entry->info.not_after_ms > known->info.not_after_ms;
}

/* A process with one CURVE key holds the keys of all schools that it hosts: its own leaf speaks for
 * the connection. Otherwise the org that was learned first keeps the CURVE key. */
static bool owns_curve(const leaf *entry, const leaf *known)
{
    if (!known)
        return true;
    bool hosted = entry->info.role == LTH_ROLE_HOST;
    if (hosted != (known->info.role == LTH_ROLE_HOST))
        return !hosted;
    return lth_id_equal(&entry->info.org, &known->info.org) && is_newer(entry, known);
}

/* Under the write lock. Takes over the entry, or frees it when it says nothing new. */
static lth_refusal keep_leaf(trust *self, leaf *entry, const char **why)
{
    leaf *known = index_find(&self->by_id, entry->info.key_id);
    if (known && !same_holder(&known->info, &entry->info)) {
        leaf_free(entry);
        *why = "key is known already for another organisation, role or issuer";
        return LTH_REFUSE_wrong_key;
    }
    bool for_id = is_newer(entry, known);
    bool for_curve = owns_curve(entry, index_find(&self->by_curve, entry->info.curve_key));
    if (!for_id && !for_curve) {
        leaf_free(entry);
        return LTH_REFUSE_none;
    }
    if (self->n_leaves >= LEAVES_MAX || !index_reserve(&self->by_id) ||
        !index_reserve(&self->by_curve)) {
        leaf_free(entry);
        *why = "no room for more certificates";
        return LTH_REFUSE_store_full;
    }
    if (for_id)
        index_put(&self->by_id, entry);
    if (for_curve)
        index_put(&self->by_curve, entry);
    entry->next = self->leaves;
    self->leaves = entry;
    self->n_leaves++;
    return LTH_REFUSE_none;
}

static const authority *find_authority(const trust *self, lth_slice der)
{
    const authority *ca = self->authorities;
    while (ca && !lth_slice_equal(ca->der, der))
        ca = ca->next;
    return ca;
}

static void authority_free(authority *ca)
{
    if (ca) {
        lth_crypto__cert_release(&ca->cert);
        free((void *)ca->der.p);
    }
    free(ca);
}

static lth_refusal authority_check(const trust *self, authority **out, lth_slice der,
                                   const char **why)
{
    authority *ca = calloc(1, sizeof *ca);
    uint8_t *copy = ca && der.n <= LTH_CRYPTO__CERT_MAX ? malloc(der.n + 1) : NULL;
    *why = ca ? lth_crypto__cert_parse(&ca->cert, der, LTH_CRYPTO__CA) : NULL;
    if (ca && !*why)
        *why = lth_crypto__cert_follows(&ca->cert, &self->root);
    if (*why || !copy) {
        free(copy);
        authority_free(ca);
        return *why ? LTH_REFUSE_wrong_key : LTH_REFUSE_store_full;
    }
    memcpy(copy, der.p, der.n);
    ca->der = lth_slice_of(copy, der.n);
    *out = ca;
    return LTH_REFUSE_none;
}

/* The authority of these bytes: the known one, or @p fresh put among the known. Write lock. */
static const authority *keep_authority(trust *self, authority *fresh)
{
    const authority *known = find_authority(self, fresh->der);
    if (known || self->n_authorities >= AUTHORITIES_MAX) {
        authority_free(fresh);
        return known;
    }
    fresh->next = self->authorities;
    self->authorities = fresh;
    self->n_authorities++;
    return fresh;
}

static lth_refusal find_or_check_authority(trust *self, const authority **out, lth_slice der,
                                           const char **why)
{
    pthread_rwlock_rdlock(&self->lock);
    *out = find_authority(self, der);
    pthread_rwlock_unlock(&self->lock);
    if (*out)
        return LTH_REFUSE_none;

    authority *fresh;
    lth_refusal refusal = authority_check(self, &fresh, der, why);
    if (refusal)
        return refusal;
    pthread_rwlock_wrlock(&self->lock);
    *out = keep_authority(self, fresh);
    pthread_rwlock_unlock(&self->lock);
    return *out ? LTH_REFUSE_none : LTH_REFUSE_store_full;
}

static lth_refusal learn_why(trust *self, lth_slice leaf_der, lth_slice ca_der, lth_key_info *out,
                             const char **why)
{
    lth_crypto__cert cert;
    const authority *ca;
    lth_refusal refusal = LTH_REFUSE_wrong_key;

    *why = lth_crypto__cert_parse(&cert, leaf_der, LTH_CRYPTO__LEAF);
    if (*why)
        goto done;
    refusal = find_or_check_authority(self, &ca, ca_der, why);
    if (refusal)
        goto done;
    *why = lth_crypto__cert_follows(&cert, &ca->cert);
    if (*why) {
        refusal = LTH_REFUSE_wrong_key;
        goto done;
    }
    cert.info.issuer_org = ca->cert.info.org;
    leaf *entry = leaf_new(&cert, leaf_der, ca);
    refusal = LTH_REFUSE_store_full;
    if (!entry)
        goto done;
    pthread_rwlock_wrlock(&self->lock);
    refusal = keep_leaf(self, entry, why);
    pthread_rwlock_unlock(&self->lock);
    if (!refusal && out)
        *out = cert.info;
done:
    lth_crypto__cert_release(&cert);
    return refusal;
}

/* --- the table of lth_trust --- */

static lth_refusal trust_learn(void *ctx, lth_slice leaf_der, lth_slice ca_der, lth_key_info *out)
{
    const char *why;
    return learn_why(ctx, leaf_der, ca_der, out, &why);
}

static const leaf *find_leaf(trust *self, const leaf_index *index, const uint8_t key[KEY_SIZE])
{
    pthread_rwlock_rdlock(&self->lock);
    const leaf *entry = index_find(index, key);
    pthread_rwlock_unlock(&self->lock);
    return entry;
}

static lth_refusal trust_find(void *ctx, const uint8_t key_id[LTH_HASH_SIZE], lth_key_info *out)
{
    trust *self = ctx;
    const leaf *entry = find_leaf(self, &self->by_id, key_id);
    if (!entry)
        return LTH_REFUSE_unknown_key;
    if (out)
        *out = entry->info;
    return LTH_REFUSE_none;
}

static lth_refusal trust_verify(void *ctx, const uint8_t key_id[LTH_HASH_SIZE], lth_slice message,
                                const uint8_t sig[LTH_SIG_SIZE])
{
    trust *self = ctx;
    const leaf *entry = find_leaf(self, &self->by_id, key_id);
    return entry ? lth_crypto__verify(entry->verifier, message, sig) : LTH_REFUSE_unknown_key;
}

lth_err lth_crypto_trust_by_curve(const lth_trust *trust_table, const uint8_t curve_key[32],
                                  lth_key_info *out)
{
    trust *self = trust_table->ctx;
    const leaf *entry = find_leaf(self, &self->by_curve, curve_key);
    if (!entry)
        return LTH_E_NOT_FOUND;
    *out = entry->info;
    return LTH_OK;
}

lth_err lth_crypto_trust_der(const lth_trust *trust_table, const uint8_t key_id[LTH_HASH_SIZE],
                             lth_slice *leaf_der, lth_slice *ca_der)
{
    trust *self = trust_table->ctx;
    const leaf *entry = find_leaf(self, &self->by_id, key_id);
    if (!entry)
        return LTH_E_NOT_FOUND;
    *leaf_der = lth_slice_of(entry->der, entry->der_size);
    *ca_der = entry->ca->der;
    return LTH_OK;
}

void lth_crypto_trust_root_hash(const lth_trust *trust_table, uint8_t out[LTH_HASH_SIZE])
{
    const trust *self = trust_table->ctx;
    memcpy(out, self->root_hash, LTH_HASH_SIZE);
}

/* --- opening and closing --- */

static const char *root_check(trust *self, lth_slice der)
{
    const char *why = lth_crypto__cert_parse(&self->root, der, LTH_CRYPTO__ROOT);
    if (!why)
        why = lth_crypto__cert_follows(&self->root, &self->root);
    if (!why && EVP_Digest(der.p, der.n, self->root_hash, NULL, lth_crypto__sha256(), NULL) != 1)
        why = "no memory";
    return why;
}

lth_err lth_crypto_trust_of_der(lth_trust *out, lth_slice root_der, lth_diag *diag)
{
    *out = (lth_trust){0};
    trust *self = calloc(1, sizeof *self);
    if (!self)
        return lth_fail(diag, LTH_E_NOMEM, "hết bộ nhớ / out of memory");
    LTH_ASSERT(pthread_rwlock_init(&self->lock, NULL) == 0);
    *out = (lth_trust){self, trust_find, trust_verify, trust_learn};

    lth_err err = LTH_OK;
    const char *why = root_check(self, root_der);
    if (why)
        err = lth_fail(diag, LTH_E_FORMAT,
                       "chứng thư gốc bị từ chối / root certificate refused: %s", why);
    else if (!index_init(&self->by_id, offsetof(lth_key_info, key_id)) ||
             !index_init(&self->by_curve, offsetof(lth_key_info, curve_key)))
        err = lth_fail(diag, LTH_E_NOMEM, "hết bộ nhớ / out of memory");
    if (err)
        lth_crypto_trust_close(out);
    return err;
}

lth_err lth_crypto_trust_open(lth_trust *out, const char *root_path, lth_diag *diag)
{
    *out = (lth_trust){0};
    lth_slice der;
    lth_diag inner;
    lth_err err = lth_crypto__certs_read(root_path, &der, 1, diag);
    if (err)
        return err;
    err = lth_crypto_trust_of_der(out, der, &inner);
    if (err)
        lth_fail(diag, err, "%s: %s", root_path, inner.text);
    OPENSSL_free((void *)der.p);
    return err;
}

lth_err lth_crypto_trust_learn_file(lth_trust *trust_table, const char *path, lth_key_info *info,
                                    lth_diag *diag)
{
    lth_slice ders[2];
    const char *why = NULL;
    lth_err err = lth_crypto__certs_read(path, ders, 2, diag);
    if (err)
        return err;
    if (learn_why(trust_table->ctx, ders[0], ders[1], info, &why))
        err = lth_fail(diag, LTH_E_REFUSED, "%s: chứng thư bị từ chối / certificate refused: %s",
                       path, why ? why : "no memory");
    OPENSSL_free((void *)ders[0].p);
    OPENSSL_free((void *)ders[1].p);
    return err;
}

void lth_crypto_trust_close(lth_trust *trust_table)
{
    trust *self = trust_table->ctx;
    *trust_table = (lth_trust){0};
    if (!self)
        return;
    for (leaf *entry = self->leaves, *next; entry; entry = next) {
        next = entry->next;
        leaf_free(entry);
    }
    for (authority *ca = self->authorities, *next; ca; ca = next) {
        next = ca->next;
        authority_free(ca);
    }
    free(self->by_id.slots);
    free(self->by_curve.slots);
    lth_crypto__cert_release(&self->root);
    pthread_rwlock_destroy(&self->lock);
    free(self);
}
