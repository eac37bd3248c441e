#include "lib/store/store_ops.h"

void lth_store__init(lth_store *self, const struct lth_store_ops *ops, uint32_t n_tables)
{
    self->ops = ops;
    self->n_tables = n_tables;
    atomic_init(&self->open_txns, 0);
    atomic_init(&self->writing, false);
    atomic_init(&self->failed, false);
}

void lth_store_close(lth_store **self)
{
    if (*self == NULL)
        return;
    LTH_ASSERT(atomic_load(&(*self)->open_txns) == 0);
    (*self)->ops->close(*self);
    *self = NULL;
}

static void txn_ended(lth_store *store, bool write)
{
    if (write)
        atomic_store(&store->writing, false);
    atomic_fetch_sub(&store->open_txns, 1);
}

lth_err lth_store_begin(lth_store *self, bool write, lth_txn **out)
{
    *out = NULL;
    if (atomic_load(&self->failed))
        return LTH_E_STORE_IO;
    if (write)
        LTH_ASSERT(!atomic_exchange(&self->writing, true));
    atomic_fetch_add(&self->open_txns, 1);

    lth_txn *txn = NULL;
    lth_err err = self->ops->begin(self, write, &txn);
    if (err != LTH_OK) {
        txn_ended(self, write);
        return err;
    }
    txn->store = self;
    txn->write = write;
    txn->failed = LTH_OK;
    txn->writes = 0;
    txn->cursors = NULL;
    *out = txn;
    return LTH_OK;
}

lth_err lth_store_commit(lth_txn **txn)
{
    lth_txn *ending = *txn;
    lth_store *store = ending->store;
    bool write = ending->write;
    lth_err err = ending->failed;

    LTH_ASSERT(ending->cursors == NULL);
    *txn = NULL;
    if (err != LTH_OK)
        store->ops->abort(ending);
    else
        err = store->ops->commit(ending);
    if (err == LTH_E_STORE_IO)
        atomic_store(&store->failed, true);
    txn_ended(store, write);
    return err;
}

void lth_store_abort(lth_txn **txn)
{
    lth_txn *ending = *txn;
    if (ending == NULL)
        return;
    lth_store *store = ending->store;
    bool write = ending->write;

    LTH_ASSERT(ending->cursors == NULL);
    *txn = NULL;
    store->ops->abort(ending);
    txn_ended(store, write);
}

/** Remember a failure that makes the transaction useless; every operation returns through here. */
static lth_err noted(lth_txn *txn, lth_err err)
{
    if (err == LTH_OK || err == LTH_E_NOT_FOUND || err == LTH_E_EXISTS)
        return err;
    txn->failed = err;
    if (err == LTH_E_STORE_IO)
        atomic_store(&txn->store->failed, true);
    return err;
}

static void check_key(const lth_txn *txn, uint32_t table, lth_slice key)
{
    LTH_ASSERT(table < txn->store->n_tables);
    LTH_ASSERT(key.n >= 1 && key.n <= LTH_STORE_KEY_MAX);
}

lth_err lth_get(lth_txn *txn, uint32_t table, lth_slice key, lth_slice *value)
{
    check_key(txn, table, key);
    *value = (lth_slice){NULL, 0};
    if (txn->failed != LTH_OK)
        return txn->failed;
    return noted(txn, txn->store->ops->get(txn, table, key, value));
}

lth_err lth_put_reserve(lth_txn *txn, uint32_t table, lth_slice key, size_t size, lth_put how,
                        uint8_t **value)
{
    check_key(txn, table, key);
    LTH_ASSERT(txn->write && size <= LTH_STORE_VALUE_MAX);
    *value = NULL;
    if (txn->failed != LTH_OK)
        return txn->failed;

    /* The key may be borrowed from a page that this very write moves. */
    uint8_t copy[LTH_STORE_KEY_MAX];
    memcpy(copy, key.p, key.n);
    txn->writes++;
    return noted(txn,
                 txn->store->ops->reserve(txn, table, lth_slice_of(copy, key.n), size, how, value));
}

lth_err lth_put_kv(lth_txn *txn, uint32_t table, lth_slice key, lth_slice value, lth_put how)
{
    uint8_t *room;
    lth_err err = lth_put_reserve(txn, table, key, value.n, how, &room);
    if (err == LTH_OK && value.n > 0)
        memcpy(room, value.p, value.n);
    return err;
}

lth_err lth_del(lth_txn *txn, uint32_t table, lth_slice key)
{
    check_key(txn, table, key);
    LTH_ASSERT(txn->write);
    if (txn->failed != LTH_OK)
        return txn->failed;

    uint8_t copy[LTH_STORE_KEY_MAX];
    memcpy(copy, key.p, key.n);
    txn->writes++;
    return noted(txn, txn->store->ops->del(txn, table, lth_slice_of(copy, key.n)));
}

lth_err lth_cursor_open(lth_txn *txn, uint32_t table, lth_cursor **out)
{
    LTH_ASSERT(table < txn->store->n_tables);
    *out = NULL;
    if (txn->failed != LTH_OK)
        return txn->failed;

    lth_cursor *self = NULL;
    lth_err err = txn->store->ops->cursor_open(txn, table, &self);
    if (err != LTH_OK)
        return noted(txn, err);
    self->txn = txn;
    self->table = table;
    self->state = LTH_CURSOR_FRESH;
    self->key_n = 0;
    self->next = txn->cursors;
    txn->cursors = self;
    *out = self;
    return LTH_OK;
}

void lth_cursor_close(lth_cursor **self)
{
    lth_cursor *closing = *self;
    if (closing == NULL)
        return;
    lth_cursor **link = &closing->txn->cursors;
    while (*link != closing)
        link = &(*link)->next;
    *link = closing->next;
    *self = NULL;
    closing->txn->store->ops->cursor_close(closing);
}

/** Keep the place a move led to, and hand the entry out. */
static lth_err moved(lth_cursor *self, lth_err err, const lth_entry *entry, lth_slice *key,
                     lth_slice *value)
{
    if (err != LTH_OK) {
        self->state = LTH_CURSOR_END;
        *key = *value = (lth_slice){NULL, 0};
        return noted(self->txn, err);
    }
    LTH_ASSERT(entry->key.n >= 1 && entry->key.n <= LTH_STORE_KEY_MAX);
    memcpy(self->key, entry->key.p, entry->key.n);
    self->key_n = entry->key.n;
    self->state = LTH_CURSOR_AT;
    self->writes = self->txn->writes;
    *key = entry->key;
    *value = entry->value;
    return LTH_OK;
}

static lth_err find(lth_cursor *self, lth_find how, lth_slice key, lth_slice *found_key,
                    lth_slice *value)
{
    lth_entry entry = {{NULL, 0}, {NULL, 0}};
    lth_err err = self->txn->failed;

    LTH_ASSERT(key.n <= LTH_STORE_KEY_MAX);
    if (err == LTH_OK)
        err = self->txn->store->ops->find(self, how, key, &entry);
    return moved(self, err, &entry, found_key, value);
}

lth_err lth_cursor_seek(lth_cursor *self, lth_slice key, lth_slice *found_key, lth_slice *value)
{
    return find(self, LTH_FIND_FROM, key, found_key, value);
}

lth_err lth_cursor_before(lth_cursor *self, lth_slice key, lth_slice *found_key, lth_slice *value)
{
    return find(self, LTH_FIND_BEFORE, key, found_key, value);
}

lth_err lth_cursor_next(lth_cursor *self, lth_slice *key, lth_slice *value)
{
    lth_entry entry = {{NULL, 0}, {NULL, 0}};

    if (self->state == LTH_CURSOR_END)
        return moved(self, LTH_E_NOT_FOUND, &entry, key, value);
    if (self->state == LTH_CURSOR_FRESH)
        return find(self, LTH_FIND_FROM, entry.key, key, value);
    if (self->writes != self->txn->writes || self->txn->failed != LTH_OK)
        return find(self, LTH_FIND_AFTER, lth_slice_of(self->key, self->key_n), key, value);
    return moved(self, self->txn->store->ops->step(self, &entry), &entry, key, value);
}

lth_err lth_cursor_del(lth_cursor *self)
{
    LTH_ASSERT(self->state == LTH_CURSOR_AT);
    lth_err err = lth_del(self->txn, self->table, lth_slice_of(self->key, self->key_n));
    if (err == LTH_OK)
        self->state = LTH_CURSOR_DELETED;
    return err;
}

lth_err lth_store_stat_of(lth_store *self, lth_store_stat *out)
{
    *out = (lth_store_stat){0};
    if (atomic_load(&self->failed))
        return LTH_E_STORE_IO;
    return self->ops->stat(self, out);
}

void lth_store_tidy(lth_store *self)
{
    self->ops->tidy(self);
}
