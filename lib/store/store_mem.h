/**
 * @file lib/store/store_mem.h
 * Faults, copies and canonical hashes of a store in memory, for the simulator.
 *
 * A store of lth_store_open_mem() is single-threaded, as are its copies among each other (they
 * share nodes). With AddressSanitizer every borrowed slice is a separate, misaligned copy that is
 * freed by the next write of its transaction: code that keeps one too long is found at once.
 */
#pragma once

#include "lth/hash.h"
#include "lth/store.h"

/**
 * The @p calls-th following call (1 = the next) fails with @p err; then the fault is spent.
 * Calls are get, put, del, cursor moves and commit of a write; if @p err is LTH_E_STORE_FULL, only
 * put and commit. A failed commit has stored nothing. 0 takes a planned fault away.
 */
void lth_store_mem_fail_after(lth_store *self, uint64_t calls, lth_err err);

/** The @p commits-th following commit of a write is stored, yet answers LTH_E_STORE_IO: the other
 * half of "outcome unknown". */
void lth_store_mem_fail_stored(lth_store *self, uint64_t commits);

/** A store of its own holding the last committed state: a backup. NULL when out of memory. */
lth_store *lth_store_mem_clone(const lth_store *self);

/** The process died: open transactions and their cursors are gone (their pointers must not be used
 * any more), planned faults too; the store is as a restarted process finds it. */
void lth_store_mem_crash(lth_store *self);

/** Hash of all entries of a table in order, equal for equal contents in any store. */
LTH_MUST_USE lth_err lth_store_table_hash(lth_txn *txn, uint32_t table, const lth_hasher *hasher,
                                          uint8_t out[LTH_HASH_SIZE]);
