#include "lib/store/tree.h"

#include <stdlib.h>

void lth_tree_pool_fini(lth_tree_pool *pool)
{
    while (pool->spare != NULL) {
        lth_tree_node *node = pool->spare;
        pool->spare = node->kid[0];
        free(node);
    }
    pool->n_spare = 0;
}

lth_err lth_tree_prepare(lth_tree_pool *pool, const lth_tree_node *root)
{
    /* On each level: the node itself, and two more if it is rotated. */
    size_t wanted = 3 * (size_t)(root == NULL ? 1 : root->height + 1);
    while (pool->n_spare < wanted) {
        lth_tree_node *node = malloc(sizeof *node);
        if (node == NULL)
            return LTH_E_NOMEM;
        node->kid[0] = pool->spare;
        pool->spare = node;
        pool->n_spare++;
    }
    return LTH_OK;
}

static lth_tree_node *node_new(lth_tree_pool *pool)
{
    lth_tree_node *node = pool->spare;
    LTH_ASSERT(node != NULL);
    pool->spare = node->kid[0];
    pool->n_spare--;
    node->refs = 1;
    return node;
}

lth_tree_item *lth_tree_item_new(lth_slice key, size_t value_n)
{
    lth_tree_item *item = malloc(sizeof *item + key.n + value_n);
    if (item == NULL)
        return NULL;
    item->refs = 1;
    item->key_n = (uint32_t)key.n;
    item->value_n = value_n;
    memcpy(item->bytes, key.p, key.n);
    return item;
}

static void item_release(lth_tree_item *item)
{
    if (--item->refs == 0)
        free(item);
}

lth_tree_node *lth_tree_retain(lth_tree_node *root)
{
    if (root != NULL)
        root->refs++;
    return root;
}

void lth_tree_release(lth_tree_pool *pool, lth_tree_node *root)
{
    if (root == NULL || --root->refs > 0)
        return;
    lth_tree_release(pool, root->kid[0]);
    lth_tree_release(pool, root->kid[1]);
    item_release(root->item);
    root->kid[0] = pool->spare;
    pool->spare = root;
    pool->n_spare++;
}

/** The node itself if nobody else holds it, else a copy in its place. */
static lth_tree_node *own(lth_tree_pool *pool, lth_tree_node *node)
{
    if (node->refs == 1)
        return node;
    lth_tree_node *copy = node_new(pool);
    copy->height = node->height;
    copy->kid[0] = lth_tree_retain(node->kid[0]);
    copy->kid[1] = lth_tree_retain(node->kid[1]);
    copy->item = node->item;
    copy->item->refs++;
    node->refs--;
    return copy;
}

static int height_of(const lth_tree_node *node)
{
    return node == NULL ? 0 : node->height;
}

static void measure(lth_tree_node *node)
{
    int left = height_of(node->kid[0]);
    int right = height_of(node->kid[1]);
    node->height = 1 + (left > right ? left : right);
}

/** @p node sinks to the side @p down of its other kid, which takes its place. */
static lth_tree_node *rotate(lth_tree_pool *pool, lth_tree_node *node, unsigned down)
{
    lth_tree_node *up = own(pool, node->kid[!down]);
    node->kid[!down] = up->kid[down];
    up->kid[down] = node;
    measure(node);
    measure(up);
    return up;
}

static lth_tree_node *balance(lth_tree_pool *pool, lth_tree_node *node)
{
    int lean = height_of(node->kid[1]) - height_of(node->kid[0]);
    if (lean >= -1 && lean <= 1) {
        measure(node);
        return node;
    }
    unsigned heavy = lean > 0;
    lth_tree_node *kid = own(pool, node->kid[heavy]);
    if (height_of(kid->kid[!heavy]) > height_of(kid->kid[heavy]))
        kid = rotate(pool, kid, heavy);
    node->kid[heavy] = kid;
    return rotate(pool, node, !heavy);
}

static int order(lth_slice key, const lth_tree_node *node)
{
    return lth_slice_compare(key, lth_tree_key(node->item));
}

lth_tree_node *lth_tree_set(lth_tree_pool *pool, lth_tree_node *root, lth_tree_item *item)
{
    if (root == NULL) {
        root = node_new(pool);
        root->height = 1;
        root->kid[0] = root->kid[1] = NULL;
        root->item = item;
        return root;
    }
    root = own(pool, root);
    int side = order(lth_tree_key(item), root);
    if (side == 0) {
        item_release(root->item);
        root->item = item;
        return root;
    }
    root->kid[side > 0] = lth_tree_set(pool, root->kid[side > 0], item);
    return balance(pool, root);
}

/** Replace a node that has at most one kid by that kid. */
static lth_tree_node *unlink_node(lth_tree_pool *pool, lth_tree_node *node)
{
    lth_tree_node *kid = lth_tree_retain(node->kid[node->kid[0] == NULL]);
    lth_tree_release(pool, node);
    return kid;
}

static lth_tree_node *take_first(lth_tree_pool *pool, lth_tree_node *root, lth_tree_item **item)
{
    root = own(pool, root);
    if (root->kid[0] == NULL) {
        *item = root->item;
        (*item)->refs++;
        return unlink_node(pool, root);
    }
    root->kid[0] = take_first(pool, root->kid[0], item);
    return balance(pool, root);
}

lth_tree_node *lth_tree_del(lth_tree_pool *pool, lth_tree_node *root, lth_slice key)
{
    LTH_ASSERT(root != NULL);
    root = own(pool, root);
    int side = order(key, root);
    if (side != 0) {
        root->kid[side > 0] = lth_tree_del(pool, root->kid[side > 0], key);
        return balance(pool, root);
    }
    if (root->kid[0] == NULL || root->kid[1] == NULL)
        return unlink_node(pool, root);
    item_release(root->item);
    root->kid[1] = take_first(pool, root->kid[1], &root->item);
    return balance(pool, root);
}

const lth_tree_item *lth_tree_get(const lth_tree_node *root, lth_slice key)
{
    while (root != NULL) {
        int side = order(key, root);
        if (side == 0)
            return root->item;
        root = root->kid[side > 0];
    }
    return NULL;
}

const lth_tree_item *lth_tree_before(const lth_tree_node *root, lth_slice key)
{
    const lth_tree_item *best = NULL;
    while (root != NULL) {
        bool smaller = key.n == 0 || order(key, root) > 0;
        if (smaller)
            best = root->item;
        root = root->kid[smaller];
    }
    return best;
}

static const lth_tree_item *top(const lth_tree_walk *walk)
{
    return walk->depth == 0 ? NULL : walk->path[walk->depth - 1]->item;
}

static void push(lth_tree_walk *walk, const lth_tree_node *node)
{
    LTH_ASSERT(walk->depth < LTH_TREE_HEIGHT_MAX);
    walk->path[walk->depth++] = node;
}

const lth_tree_item *lth_tree_walk_from(lth_tree_walk *walk, const lth_tree_node *root,
                                        lth_slice key, bool after)
{
    walk->depth = 0;
    while (root != NULL) {
        int side = order(key, root);
        bool skip = side > 0 || (side == 0 && after);
        if (!skip)
            push(walk, root);
        root = root->kid[skip];
    }
    return top(walk);
}

const lth_tree_item *lth_tree_walk_next(lth_tree_walk *walk)
{
    if (walk->depth == 0)
        return NULL;
    const lth_tree_node *node = walk->path[--walk->depth]->kid[1];
    for (; node != NULL; node = node->kid[0])
        push(walk, node);
    return top(walk);
}
