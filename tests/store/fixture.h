/**
 * @file tests/store/fixture.h
 * A store of either back end in a directory of its own, and short forms of its calls.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lth/hash.h"
#include "lth/store.h"

#define FIXTURE_TABLES 3u

typedef struct fixture {
    bool lmdb;
    char parent[64]; /**< Temporary directory; the store is below it. */
    char dir[80];
    uint64_t map_size;
    lth_store *store;
} fixture;

/** A new directory, no store yet. */
void fixture_init(fixture *self, bool lmdb, uint64_t map_size);
void fixture_init_in(fixture *self, const char *root, bool lmdb, uint64_t map_size);
/** Open (for LMDB: open again) the store. */
void fixture_open(fixture *self);
lth_err fixture_try_open(const fixture *self, lth_store **out, lth_diag *diag);
/** Close the store and remove the directory. */
void fixture_fini(fixture *self);

lth_txn *begin(lth_store *store, bool write);
void commit(lth_txn **txn);
lth_slice text(const char *s);

/** Value bytes that depend on the tag, for put and check. */
void fill(uint8_t *out, size_t n, uint32_t tag);
lth_err put_tagged(lth_txn *txn, uint32_t table, lth_slice key, size_t n, uint32_t tag,
                   lth_put how);
void assert_tagged(lth_slice value, size_t n, uint32_t tag);

void put_text(lth_txn *txn, uint32_t table, const char *key, const char *value);
/** The value of a key equals @p value; NULL = the key is not there. */
void assert_text(lth_txn *txn, uint32_t table, const char *key, const char *value);
void assert_slice(lth_slice got, const char *want);

/** First call in a forked child: it dies as a program would, silently, and without a core file. */
void child_init(void);
/** @p body run in a child must end in LTH_ASSERT. */
void assert_dies(void (*body)(fixture *), fixture *self);

/** SplitMix64. */
uint64_t next_random(uint64_t *state);

/** Stands in for SHA-256 where only equality matters: FNV-1a spread over the output. */
extern const lth_hasher toy_hasher;
