/**
 * @file lib/store/tree.h
 * An ordered map whose versions share what they have in common: a height-balanced tree with
 * reference counts. Taking a version costs one increment; a change copies only the path to it, and
 * not even that where nobody else holds the nodes. Single-threaded.
 */
#pragma once

#include "lth/bytes.h"

/** Deepest tree: a height-balanced tree of 2^32 entries has 46 levels. */
#define LTH_TREE_HEIGHT_MAX 48

/** One key and value, shared by all versions that hold it. */
typedef struct lth_tree_item {
    uint32_t refs;
    uint32_t key_n;
    size_t value_n;
    uint8_t bytes[]; /**< Key, then value. */
} lth_tree_item;

typedef struct lth_tree_node {
    uint32_t refs;
    int height;
    struct lth_tree_node *kid[2]; /**< Smaller keys, greater keys. */
    lth_tree_item *item;
} lth_tree_node;

/** Nodes not in use; a change takes them here and so cannot fail half-way. */
typedef struct lth_tree_pool {
    lth_tree_node *spare;
    size_t n_spare;
} lth_tree_pool;

static inline lth_slice lth_tree_key(const lth_tree_item *item)
{
    return lth_slice_of(item->bytes, item->key_n);
}
static inline lth_slice lth_tree_value(const lth_tree_item *item)
{
    return lth_slice_of(item->bytes + item->key_n, item->value_n);
}

void lth_tree_pool_fini(lth_tree_pool *pool);
/** Enough spare nodes for one change of @p root. LTH_OK or LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_tree_prepare(lth_tree_pool *pool, const lth_tree_node *root);

/** Another reference to a version; NULL is the empty tree. */
lth_tree_node *lth_tree_retain(lth_tree_node *root);
void lth_tree_release(lth_tree_pool *pool, lth_tree_node *root);

/** New item with one reference, its value not yet written; NULL when out of memory. */
lth_tree_item *lth_tree_item_new(lth_slice key, size_t value_n);

/** NULL when the key is not there. */
const lth_tree_item *lth_tree_get(const lth_tree_node *root, lth_slice key);
/** Last item of the tree with key < @p key (empty: last of all); NULL when there is none. */
const lth_tree_item *lth_tree_before(const lth_tree_node *root, lth_slice key);
/** Add or replace. Consumes the references to @p root and @p item; returns the new version. */
lth_tree_node *lth_tree_set(lth_tree_pool *pool, lth_tree_node *root, lth_tree_item *item);
/** Take out @p key, which must be there. Consumes the reference to @p root. */
lth_tree_node *lth_tree_del(lth_tree_pool *pool, lth_tree_node *root, lth_slice key);

/** Walk in order: the nodes still to be visited above the present one. */
typedef struct lth_tree_walk {
    size_t depth;
    const lth_tree_node *path[LTH_TREE_HEIGHT_MAX];
} lth_tree_walk;

/** First item with key >= @p key, or > @p key if @p after. NULL at the end. */
const lth_tree_item *lth_tree_walk_from(lth_tree_walk *walk, const lth_tree_node *root,
                                        lth_slice key, bool after);
const lth_tree_item *lth_tree_walk_next(lth_tree_walk *walk);
