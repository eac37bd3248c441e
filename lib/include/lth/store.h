/**
 * @file lth/store.h
 * Ordered key-value tables with transactions: what the cores know of a disk.
 *
 * Two back ends: store_mem (tests, simulator; faults can be planted) and store_lmdb (the only file
 * that includes lmdb.h), both under one conformance suite (tests/store). Keys 1..511 bytes in
 * memcmp order, values 0..2 MiB. One write transaction at a time; read transactions see the state
 * of their begin.
 *
 * Bytes returned by get and cursors are borrowed: valid until the transaction ends, or the next
 * write in it, whichever is first; they are unaligned. A borrowed key may be handed back to a put,
 * del or cursor; a borrowed value must not be put.
 *
 * After an operation failed with anything but NOT_FOUND and EXISTS, the transaction only answers
 * that error; a commit then aborts and returns it. After LTH_E_STORE_IO the store begins no
 * transaction any more. Cursors are closed before their transaction ends (asserted).
 */
#pragma once

#include "lth/bytes.h"
#include "lth/diag.h"

#define LTH_STORE_KEY_MAX    511u
#define LTH_STORE_TABLES_MAX 40u

typedef struct lth_store lth_store;
typedef struct lth_txn lth_txn;
typedef struct lth_cursor lth_cursor;

/** Puts. */
typedef enum lth_put {
    LTH_PUT = 0,
    LTH_PUT_NEW = 1,    /**< LTH_E_EXISTS if the key is there; nothing changes. */
    LTH_PUT_APPEND = 2, /**< Key must be greater than every key in the table (asserted): fast. */
} lth_put;

typedef struct lth_store_stat {
    uint64_t bytes_used; /**< Pages in use by live data. */
    uint64_t
        bytes_max;    /**< Map size; use / max is what `status` shows. Free pages count as room. */
    uint64_t entries; /**< All tables. */
    uint64_t oldest_reader_lag; /**< Transactions. */
} lth_store_stat;

/** Tables are small integers 0..n-1; names given at open. */
typedef struct lth_store_options {
    const char *const *tables; /**< n_tables names; order = table number. */
    uint32_t n_tables;
    uint64_t map_size; /**< Bytes, fixed until the next open. Memory: 0 = no limit. */
    bool create;
} lth_store_options;

/** LMDB: @p dir is created (0700) in a temporary sibling, synced and renamed when absent.
 * Refuses network file systems, and a second opener (lock file held by flock): LTH_E_STORE_BUSY.
 * Tables that a store does not have yet are added. The process must ignore SIGXFSZ.
 * LTH_E_NOT_FOUND, LTH_E_IO, LTH_E_NOMEM, LTH_E_STORE_VERSION, LTH_E_STORE_CORRUPT,
 * LTH_E_STORE_FULL. */
LTH_MUST_USE lth_err lth_store_open_lmdb(lth_store **out, const char *dir,
                                         const lth_store_options *options, lth_diag *diag);
LTH_MUST_USE lth_err lth_store_open_mem(lth_store **out, const lth_store_options *options);
void lth_store_close(lth_store **self);

/** LTH_OK, LTH_E_NOMEM, LTH_E_STORE_IO; LTH_E_AGAIN when too many read transactions are open. A
 * second write transaction is asserted against. */
LTH_MUST_USE lth_err lth_store_begin(lth_store *self, bool write, lth_txn **out);
/** Commit and sync; frees the transaction whatever is returned. LTH_E_STORE_FULL: nothing was
 * stored, the store is usable. LTH_E_STORE_IO: outcome unknown, the process must end. */
LTH_MUST_USE lth_err lth_store_commit(lth_txn **txn);
void lth_store_abort(lth_txn **txn);

/** LTH_OK, LTH_E_NOT_FOUND, LTH_E_STORE_IO. */
LTH_MUST_USE lth_err lth_get(lth_txn *txn, uint32_t table, lth_slice key, lth_slice *value);
/** LTH_OK, LTH_E_EXISTS (LTH_PUT_NEW), LTH_E_STORE_FULL, LTH_E_STORE_IO. */
LTH_MUST_USE lth_err lth_put_kv(lth_txn *txn, uint32_t table, lth_slice key, lth_slice value,
                                lth_put how);
/** Like put, but returns where @p size value bytes are to be written before any other call. */
LTH_MUST_USE lth_err lth_put_reserve(lth_txn *txn, uint32_t table, lth_slice key, size_t size,
                                     lth_put how, uint8_t **value);
/** LTH_OK, LTH_E_NOT_FOUND. */
LTH_MUST_USE lth_err lth_del(lth_txn *txn, uint32_t table, lth_slice key);

LTH_MUST_USE lth_err lth_cursor_open(lth_txn *txn, uint32_t table, lth_cursor **out);
void lth_cursor_close(lth_cursor **self);
/** First entry with key >= @p key (empty: the first). LTH_E_NOT_FOUND past the end. */
LTH_MUST_USE lth_err lth_cursor_seek(lth_cursor *self, lth_slice key, lth_slice *found_key,
                                     lth_slice *value);
/** Last entry with key < @p key ({NULL,0} = last of the table). */
LTH_MUST_USE lth_err lth_cursor_before(lth_cursor *self, lth_slice key, lth_slice *found_key,
                                       lth_slice *value);
/** The entry after the one the cursor stands on, whatever was written in between; the first for a
 * new cursor. After LTH_E_NOT_FOUND of any move it stays at the end until the next seek. */
LTH_MUST_USE lth_err lth_cursor_next(lth_cursor *self, lth_slice *key, lth_slice *value);
/** Delete the entry the cursor stands on; next() then yields the one after it. */
LTH_MUST_USE lth_err lth_cursor_del(lth_cursor *self);

LTH_MUST_USE lth_err lth_store_stat_of(lth_store *self, lth_store_stat *out);
/** Clears dead readers; call at start and every 60 s. */
void lth_store_tidy(lth_store *self);

/** Implementation table of a back end; for store_lmdb.c, store_mem.c and the simulator's faults. */
struct lth_store_ops;
