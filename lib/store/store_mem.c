#include "lib/store/store_mem.h"

#include <stdlib.h>

#include "lib/store/store_ops.h"
#include "lib/store/tree.h"

#if defined(__SANITIZE_ADDRESS__)
#define LEND_COPIES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEND_COPIES 1
#endif
#endif
#ifndef LEND_COPIES
#define LEND_COPIES 0
#endif

/** What an entry costs beside its bytes; about what a page of LMDB spends on it. */
#define ENTRY_COST 16u

typedef struct mem_state {
    lth_tree_node *roots[LTH_STORE_TABLES_MAX];
    uint64_t entries;
    uint64_t bytes;
    uint64_t commits; /**< Number of the commit that made it. */
} mem_state;

typedef struct mem_loan {
    struct mem_loan *next;
    uint8_t bytes[];
} mem_loan;

typedef struct mem_txn {
    lth_txn base;
    struct mem_txn *next;
    mem_state state;
    mem_loan *loans;
} mem_txn;

typedef struct mem_store {
    lth_store base;
    lth_tree_pool pool;
    mem_state committed;
    mem_txn *txns;
    uint64_t bytes_max;
    uint64_t fault_in; /**< Calls until fault_err is returned; 0 = none planned. */
    lth_err fault_err;
    uint64_t stored_fault_in; /**< Commits until one lies about its failure. */
} mem_store;

typedef struct mem_cursor {
    lth_cursor base;
    lth_tree_walk walk;
} mem_cursor;

typedef enum call_kind { CALL_READ, CALL_WRITE } call_kind;

static mem_store *store_of(const lth_txn *txn)
{
    return (mem_store *)txn->store;
}

static lth_err fault(mem_store *self, call_kind kind)
{
    if (self->fault_in == 0 || (self->fault_err == LTH_E_STORE_FULL && kind == CALL_READ))
        return LTH_OK;
    return --self->fault_in == 0 ? self->fault_err : LTH_OK;
}

static void state_retain(mem_state *out, const mem_state *from)
{
    *out = *from;
    for (size_t i = 0; i < LTH_STORE_TABLES_MAX; i++)
        lth_tree_retain(out->roots[i]);
}

static void state_release(lth_tree_pool *pool, mem_state *state)
{
    for (size_t i = 0; i < LTH_STORE_TABLES_MAX; i++)
        lth_tree_release(pool, state->roots[i]);
}

static void return_loans(mem_txn *txn)
{
    while (txn->loans != NULL) {
        mem_loan *loan = txn->loans;
        txn->loans = loan->next;
        free(loan);
    }
}

static lth_slice lend(mem_txn *txn, lth_slice bytes)
{
    if (!LEND_COPIES)
        return bytes;
    mem_loan *loan = malloc(sizeof *loan + 1 + bytes.n);
    LTH_ASSERT(loan != NULL);
    loan->next = txn->loans;
    txn->loans = loan;
    memcpy(loan->bytes + 1, bytes.p, bytes.n);
    return lth_slice_of(loan->bytes + 1, bytes.n);
}

static void txn_free(mem_txn *txn)
{
    mem_store *self = store_of(&txn->base);
    mem_txn **link = &self->txns;
    while (*link != txn)
        link = &(*link)->next;
    *link = txn->next;
    return_loans(txn);
    state_release(&self->pool, &txn->state);
    free(txn);
}

static lth_err mem_begin(lth_store *base, bool write, lth_txn **out)
{
    mem_store *self = (mem_store *)base;
    mem_txn *txn = malloc(sizeof *txn);
    if (txn == NULL)
        return LTH_E_NOMEM;
    (void)write;
    state_retain(&txn->state, &self->committed);
    txn->loans = NULL;
    txn->next = self->txns;
    self->txns = txn;
    *out = &txn->base;
    return LTH_OK;
}

static void mem_abort(lth_txn *base)
{
    txn_free((mem_txn *)base);
}

static lth_err mem_commit(lth_txn *base)
{
    mem_txn *txn = (mem_txn *)base;
    mem_store *self = store_of(base);
    lth_err err = base->write ? fault(self, CALL_WRITE) : LTH_OK;

    if (base->write && err == LTH_OK) {
        txn->state.commits++;
        mem_state old = self->committed;
        self->committed = txn->state;
        txn->state = old;
        if (self->stored_fault_in > 0 && --self->stored_fault_in == 0)
            err = LTH_E_STORE_IO;
    }
    txn_free(txn);
    return err;
}

static lth_err mem_get(lth_txn *base, uint32_t table, lth_slice key, lth_slice *value)
{
    mem_txn *txn = (mem_txn *)base;
    lth_err err = fault(store_of(base), CALL_READ);
    if (err != LTH_OK)
        return err;
    const lth_tree_item *item = lth_tree_get(txn->state.roots[table], key);
    if (item == NULL)
        return LTH_E_NOT_FOUND;
    *value = lend(txn, lth_tree_value(item));
    return LTH_OK;
}

static uint64_t cost(const lth_tree_item *item)
{
    return item == NULL ? 0 : ENTRY_COST + item->key_n + item->value_n;
}

static void check_append(const lth_tree_node *root, lth_slice key)
{
    const lth_tree_item *last = lth_tree_before(root, lth_slice_of(NULL, 0));
    LTH_ASSERT(last == NULL || lth_slice_compare(lth_tree_key(last), key) < 0);
}

static lth_err mem_reserve(lth_txn *base, uint32_t table, lth_slice key, size_t size, lth_put how,
                           uint8_t **value)
{
    mem_txn *txn = (mem_txn *)base;
    mem_store *self = store_of(base);
    lth_tree_node **root = &txn->state.roots[table];
    lth_err err = fault(self, CALL_WRITE);
    if (err != LTH_OK)
        return err;

    return_loans(txn);
    if (how == LTH_PUT_APPEND)
        check_append(*root, key);
    const lth_tree_item *old = lth_tree_get(*root, key);
    if (old != NULL && how == LTH_PUT_NEW)
        return LTH_E_EXISTS;
    uint64_t bytes = txn->state.bytes - cost(old) + ENTRY_COST + key.n + size;
    if (self->bytes_max != 0 && bytes > self->bytes_max)
        return LTH_E_STORE_FULL;

    err = lth_tree_prepare(&self->pool, *root);
    lth_tree_item *item = err == LTH_OK ? lth_tree_item_new(key, size) : NULL;
    if (item == NULL)
        return LTH_E_NOMEM;
    txn->state.bytes = bytes;
    txn->state.entries += old == NULL;
    *root = lth_tree_set(&self->pool, *root, item);
    *value = item->bytes + key.n;
    return LTH_OK;
}

static lth_err mem_del(lth_txn *base, uint32_t table, lth_slice key)
{
    mem_txn *txn = (mem_txn *)base;
    mem_store *self = store_of(base);
    lth_tree_node **root = &txn->state.roots[table];
    lth_err err = fault(self, CALL_READ);
    if (err != LTH_OK)
        return err;

    return_loans(txn);
    const lth_tree_item *old = lth_tree_get(*root, key);
    if (old == NULL)
        return LTH_E_NOT_FOUND;
    err = lth_tree_prepare(&self->pool, *root);
    if (err != LTH_OK)
        return err;
    txn->state.bytes -= cost(old);
    txn->state.entries--;
    *root = lth_tree_del(&self->pool, *root, key);
    return LTH_OK;
}

static lth_err mem_cursor_open(lth_txn *txn, uint32_t table, lth_cursor **out)
{
    mem_cursor *self = malloc(sizeof *self);
    if (self == NULL)
        return LTH_E_NOMEM;
    (void)txn;
    (void)table;
    self->walk.depth = 0;
    *out = &self->base;
    return LTH_OK;
}

static void mem_cursor_close(lth_cursor *self)
{
    free(self);
}

static lth_err found(lth_cursor *self, const lth_tree_item *item, lth_entry *out)
{
    mem_txn *txn = (mem_txn *)self->txn;
    if (item == NULL)
        return LTH_E_NOT_FOUND;
    out->key = lend(txn, lth_tree_key(item));
    out->value = lend(txn, lth_tree_value(item));
    return LTH_OK;
}

static lth_err mem_find(lth_cursor *base, lth_find how, lth_slice key, lth_entry *out)
{
    mem_cursor *self = (mem_cursor *)base;
    const lth_tree_node *root = ((mem_txn *)base->txn)->state.roots[base->table];
    lth_err err = fault(store_of(base->txn), CALL_READ);
    if (err != LTH_OK)
        return err;

    if (how == LTH_FIND_BEFORE) {
        const lth_tree_item *item = lth_tree_before(root, key);
        if (item == NULL)
            return LTH_E_NOT_FOUND;
        key = lth_tree_key(item);
    }
    return found(base, lth_tree_walk_from(&self->walk, root, key, how == LTH_FIND_AFTER), out);
}

static lth_err mem_step(lth_cursor *base, lth_entry *out)
{
    lth_err err = fault(store_of(base->txn), CALL_READ);
    if (err != LTH_OK)
        return err;
    return found(base, lth_tree_walk_next(&((mem_cursor *)base)->walk), out);
}

static lth_err mem_stat(lth_store *base, lth_store_stat *out)
{
    const mem_store *self = (const mem_store *)base;
    out->bytes_used = self->committed.bytes;
    out->bytes_max = self->bytes_max != 0 ? self->bytes_max : UINT64_MAX;
    out->entries = self->committed.entries;
    for (const mem_txn *txn = self->txns; txn != NULL; txn = txn->next) {
        uint64_t lag = self->committed.commits - txn->state.commits;
        if (!txn->base.write && lag > out->oldest_reader_lag)
            out->oldest_reader_lag = lag;
    }
    return LTH_OK;
}

static void mem_tidy(lth_store *self)
{
    (void)self; /* Its readers cannot die without it. */
}

static void mem_close(lth_store *base)
{
    mem_store *self = (mem_store *)base;
    state_release(&self->pool, &self->committed);
    lth_tree_pool_fini(&self->pool);
    free(self);
}

static const struct lth_store_ops mem_ops = {
    .close = mem_close,
    .begin = mem_begin,
    .commit = mem_commit,
    .abort = mem_abort,
    .get = mem_get,
    .reserve = mem_reserve,
    .del = mem_del,
    .cursor_open = mem_cursor_open,
    .cursor_close = mem_cursor_close,
    .find = mem_find,
    .step = mem_step,
    .stat = mem_stat,
    .tidy = mem_tidy,
};

lth_err lth_store_open_mem(lth_store **out, const lth_store_options *options)
{
    LTH_ASSERT(options->n_tables >= 1 && options->n_tables <= LTH_STORE_TABLES_MAX);
    *out = NULL;
    mem_store *self = calloc(1, sizeof *self);
    if (self == NULL)
        return LTH_E_NOMEM;
    lth_store__init(&self->base, &mem_ops, options->n_tables);
    self->bytes_max = options->map_size;
    *out = &self->base;
    return LTH_OK;
}

static mem_store *mem_of(lth_store *self)
{
    LTH_ASSERT(self->ops == &mem_ops);
    return (mem_store *)self;
}

void lth_store_mem_fail_after(lth_store *self, uint64_t calls, lth_err err)
{
    mem_store *mem = mem_of(self);
    LTH_ASSERT(err != LTH_OK);
    mem->fault_in = calls;
    mem->fault_err = err;
}

void lth_store_mem_fail_stored(lth_store *self, uint64_t commits)
{
    mem_of(self)->stored_fault_in = commits;
}

lth_store *lth_store_mem_clone(const lth_store *self)
{
    LTH_ASSERT(self->ops == &mem_ops);
    const mem_store *from = (const mem_store *)self;
    mem_store *copy = calloc(1, sizeof *copy);
    if (copy == NULL)
        return NULL;
    lth_store__init(&copy->base, &mem_ops, self->n_tables);
    copy->bytes_max = from->bytes_max;
    state_retain(&copy->committed, &from->committed);
    return &copy->base;
}

void lth_store_mem_crash(lth_store *self)
{
    mem_store *mem = mem_of(self);
    while (mem->txns != NULL) {
        lth_txn *txn = &mem->txns->base;
        while (txn->cursors != NULL) {
            lth_cursor *cursor = txn->cursors;
            lth_cursor_close(&cursor);
        }
        lth_store_abort(&txn);
    }
    mem->fault_in = 0;
    mem->stored_fault_in = 0;
    atomic_store(&self->failed, false);
}
