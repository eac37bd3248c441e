/**
 * @file lib/store/store_ops.h
 * What a back end of lth/store.h implements. store.c in front of it checks arguments, keeps the
 * rules about transactions and cursors, and gives both back ends the same behaviour:
 *  - keys and sizes are within limits, no write in a read transaction, one writer at a time;
 *  - after an operation failed, the transaction is never used again but to abort it;
 *  - after LTH_E_STORE_IO, the store begins no transaction any more;
 *  - a cursor's place is a copy of its key, so a write in between never disturbs it.
 *
 * A back end's store, transaction and cursor embed these structs as their first member. LMDB read
 * transactions may run on other threads, hence the atomics.
 */
#pragma once

#include <stdatomic.h>

#include "lth/store.h"

#define LTH_STORE_VALUE_MAX (2u << 20)

typedef struct lth_entry {
    lth_slice key;
    lth_slice value;
} lth_entry;

typedef enum lth_find {
    LTH_FIND_FROM,   /**< First entry with key >= the given one; an empty key means the first. */
    LTH_FIND_AFTER,  /**< First entry with key > the given one. */
    LTH_FIND_BEFORE, /**< Last entry with key < the given one; an empty key means the last. */
} lth_find;

struct lth_store {
    const struct lth_store_ops *ops;
    uint32_t n_tables;
    atomic_uint open_txns;
    atomic_bool writing;
    atomic_bool failed; /**< A commit's outcome is unknown. */
};

struct lth_txn {
    lth_store *store;
    bool write;
    lth_err failed;  /**< First error other than NOT_FOUND and EXISTS. */
    uint64_t writes; /**< Counts writes: a cursor placed before the last one is placed again. */
    lth_cursor *cursors;
};

struct lth_cursor {
    lth_txn *txn;
    lth_cursor *next;
    uint32_t table;
    enum { LTH_CURSOR_FRESH, LTH_CURSOR_AT, LTH_CURSOR_DELETED, LTH_CURSOR_END } state;
    uint64_t writes; /**< txn->writes when it was placed. */
    size_t key_n;
    uint8_t key[LTH_STORE_KEY_MAX];
};

/** begin and cursor_open set only their own fields; store.c sets those of the embedded struct. */
struct lth_store_ops {
    void (*close)(lth_store *self);
    lth_err (*begin)(lth_store *self, bool write, lth_txn **out);
    lth_err (*commit)(lth_txn *txn); /**< Frees the transaction whatever is returned. */
    void (*abort)(lth_txn *txn);

    lth_err (*get)(lth_txn *txn, uint32_t table, lth_slice key, lth_slice *value);
    lth_err (*reserve)(lth_txn *txn, uint32_t table, lth_slice key, size_t size, lth_put how,
                       uint8_t **value);
    lth_err (*del)(lth_txn *txn, uint32_t table, lth_slice key);

    lth_err (*cursor_open)(lth_txn *txn, uint32_t table, lth_cursor **out);
    void (*cursor_close)(lth_cursor *self);
    lth_err (*find)(lth_cursor *self, lth_find how, lth_slice key, lth_entry *out);
    /** The entry after the one last found; called only if nothing was written since. */
    lth_err (*step)(lth_cursor *self, lth_entry *out);

    lth_err (*stat)(lth_store *self, lth_store_stat *out);
    void (*tidy)(lth_store *self);
};

/** Fill the embedded struct of a store just made. */
void lth_store__init(lth_store *self, const struct lth_store_ops *ops, uint32_t n_tables);
