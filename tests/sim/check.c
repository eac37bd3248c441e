/* Invariants of one store by itself. */
#include <stdlib.h>

#include "sim.h"

#define LOG_FIXED 265u /* signed header 256 | receive_ms 8 | flags 1 */

/* ---- reading stores ---- */

lth_txn *sim_read(sim_node *node)
{
    lth_txn *txn;
    lth_store_mem_fail_after(node->store, 0, LTH_E_STORE_IO);
    if (lth_store_begin(node->store, false, &txn) != LTH_OK) {
        abort();
    }
    return txn;
}

bool sim_get(lth_txn *txn, uint32_t table, lth_slice key, lth_slice *value)
{
    return lth_get(txn, table, key, value) == LTH_OK;
}

void sim_each(lth_txn *txn, uint32_t table, sim_visit visit, void *ctx)
{
    lth_cursor *cursor;
    lth_slice key, value;
    if (lth_cursor_open(txn, table, &cursor) != LTH_OK) {
        abort();
    }
    while (lth_cursor_next(cursor, &key, &value) == LTH_OK) {
        visit(ctx, key, value);
    }
    lth_cursor_close(&cursor);
}

bool sim_head(lth_txn *txn, const lth_id *origin, lth_head *out)
{
    uint8_t key[24] = {0};
    lth_slice value;
    memcpy(key, origin->b, 16);
    return sim_get(txn, LTH_T_head, lth_slice_of(key, sizeof key), &value) &&
           lth_head_decode(out, value);
}

/* ---- promises ---- */

void sim_check_promises(sim *s, sim_node *node)
{
    if (!node->is_broker) {
        return;
    }
    lth_txn *txn = sim_read(node);
    for (uint32_t i = 0; i < s->n_schools; i++) {
        const lth_position *at = &node->promised[i].at;
        uint8_t key[36] = {0};
        lth_slice value;
        memcpy(key, s->schools[i].org.b, 16);
        lth_put32(key + 24, at->epoch);
        lth_put64(key + 28, at->seq);
        bool kept =
            at->epoch == 0 || (sim_get(txn, LTH_T_chain, lth_slice_of(key, sizeof key), &value) &&
                               memcmp(value.p + 8, at->hash, LTH_HASH_SIZE) == 0);
        if (!kept) {
            sim_fail(s, SIM_CORRECTNESS, "what has a receipt is there after a crash",
                     "broker %u school %u epoch %u seq %llu", node->index, i, at->epoch,
                     (unsigned long long)at->seq);
        }
    }
    lth_store_abort(&txn);
}

/* ---- chains ---- */

typedef struct walk {
    sim *s;
    sim_node *node;
    lth_txn *txn;
    uint8_t prefix[24];
    bool any;
    uint32_t epoch;
    uint64_t seq, next_rec;
    uint8_t hash[LTH_HASH_SIZE];
    uint64_t links, logs, n_leaves;
    uint8_t (*leaves)[LTH_HASH_SIZE];
} walk;

static void broken(walk *w, const char *what)
{
    sim_fail(w->s, SIM_CORRECTNESS, "the chain of every origin is whole",
             "broker %u after epoch %u seq %llu: %s", w->node->index, w->epoch,
             (unsigned long long)w->seq, what);
}

static void new_epoch(walk *w, const lth_batch_header *h)
{
    uint8_t key[28];
    lth_slice value;
    lth_grant grant;
    memcpy(key, w->prefix, 24);
    lth_put32(key + 24, h->epoch);
    if (!sim_get(w->txn, LTH_T_grants, lth_slice_of(key, sizeof key), &value) ||
        !lth_grant_decode(&grant, value)) {
        broken(w, "an epoch that nobody granted");
        return;
    }
    bool after = grant.closes.epoch > w->epoch ||
                 (grant.closes.epoch == w->epoch && grant.closes.seq >= w->seq);
    bool here = grant.closes.epoch == w->epoch && grant.closes.seq == w->seq;
    if (h->batch_seq != 1 || h->first_rec_seq != 1 || !after ||
        memcmp(h->prev, grant.closes.hash, LTH_HASH_SIZE) != 0 ||
        (here && w->any && memcmp(h->prev, w->hash, LTH_HASH_SIZE) != 0)) {
        broken(w, "an epoch that does not begin where its grant says");
    }
}

static void see_link(void *ctx, lth_slice key, lth_slice value)
{
    walk *w = ctx;
    lth_slice log;
    lth_batch_header h;
    uint8_t hash[LTH_HASH_SIZE];
    w->links++;
    if (memcmp(key.p, w->prefix, 24) != 0) {
        memcpy(w->prefix, key.p, 24);
        w->any = false;
        w->epoch = 0;
        w->seq = 0;
    }
    if (!sim_get(w->txn, LTH_T_log, lth_slice_of(value.p, 8), &log) ||
        lth_batch_header_decode(&h, log.p) != LTH_REFUSE_none) {
        broken(w, "a header is missing");
        return;
    }
    lth_batch_header_hash(&w->s->hasher, log.p, hash);
    bool own = memcmp(h.origin.b, key.p, 16) == 0 && h.epoch == lth_get32(key.p + 24) &&
               h.batch_seq == lth_get64(key.p + 28) &&
               memcmp(hash, value.p + 8, LTH_HASH_SIZE) == 0;
    if (!own) {
        broken(w, "a position names another header");
    }
    if (h.epoch != w->epoch) {
        new_epoch(w, &h);
    } else if (h.batch_seq != w->seq + 1 || h.first_rec_seq != w->next_rec ||
               memcmp(h.prev, w->hash, LTH_HASH_SIZE) != 0) {
        broken(w, "the next header does not go on from the one before");
    }
    w->any = true;
    w->epoch = h.epoch;
    w->seq = h.batch_seq;
    w->next_rec = h.first_rec_seq + h.rec_count;
    memcpy(w->hash, hash, sizeof hash);
}

/* ---- the log: signatures, roots, and its tree ---- */

static void add_leaf(walk *w, const lth_slice *parts, uint32_t n)
{
    w->leaves = realloc(w->leaves, (w->n_leaves + 1) * sizeof *w->leaves);
    w->s->hasher.sha256(w->s->hasher.ctx, parts, n, w->leaves[w->n_leaves++]);
}

/* Acts stand between the batches; together they have no gap. */
static void see_acts(walk *w, uint64_t before)
{
    static const uint8_t tag = 0;
    uint8_t key[8], hash[LTH_HASH_SIZE];
    lth_slice value;
    for (;;) {
        lth_put64(key, w->n_leaves + 1);
        if (w->n_leaves + 1 >= before ||
            !sim_get(w->txn, LTH_T_act, lth_slice_of(key, sizeof key), &value)) {
            return;
        }
        lth_sha256(&w->s->hasher, value.p, value.n, hash);
        lth_slice parts[] = {{&tag, 1}, {hash, sizeof hash}};
        add_leaf(w, parts, 2);
    }
}

static void see_log(void *ctx, lth_slice key, lth_slice value)
{
    walk *w = ctx;
    lth_slice body = {0};
    lth_batch_check check;
    lth_trust trust = test_trust();
    static uint8_t scratch[LTH_BATCH_RECORDS_MAX][LTH_HASH_SIZE];
    lth_diag diag = {0};
    static const uint8_t tag = 0;
    uint8_t disposition[LTH_HASH_SIZE];
    (void)sim_get(w->txn, LTH_T_body, key, &body);
    lth_slice header = lth_slice_of(value.p, LTH_BATCH_SIGNED_SIZE);
    lth_refusal code =
        lth_batch_verify(&check, &w->s->hasher, &trust, header, body, scratch, &diag);
    see_acts(w, lth_get64(key.p));
    if (code != LTH_REFUSE_none || lth_get64(key.p) != w->n_leaves + 1) {
        sim_fail(w->s, SIM_CORRECTNESS, "stored bytes verify", "broker %u accept_no %llu: %s %s",
                 w->node->index, (unsigned long long)lth_get64(key.p), lth_refusal_name(code),
                 diag.text);
        return;
    }
    w->logs++;
    lth_sha256(&w->s->hasher, value.p + LOG_FIXED, value.n - LOG_FIXED, disposition);
    lth_slice parts[] = {{&tag, 1},
                         {check.header_hash, LTH_HASH_SIZE},
                         {value.p + LTH_BATCH_SIGNED_SIZE, 8},
                         {disposition, sizeof disposition}};
    add_leaf(w, parts, 4);
}

static void check_chains(sim *s, sim_node *node, lth_txn *txn)
{
    walk w = {.s = s, .node = node, .txn = txn};
    lth_broker_info info;
    uint8_t root[LTH_HASH_SIZE];
    sim_each(txn, LTH_T_chain, see_link, &w);
    sim_each(txn, LTH_T_log, see_log, &w);
    see_acts(&w, UINT64_MAX);
    if (w.links != w.logs) {
        broken(&w, "a batch was accepted twice");
    }
    lth_broker_info_of(node->broker, &info);
    if (w.n_leaves > 0) {
        lth_merkle_root(&s->hasher, w.leaves, w.n_leaves, root);
    }
    if (info.tree_size != w.n_leaves ||
        (w.n_leaves > 0 && memcmp(root, info.root, sizeof root) != 0)) {
        sim_fail(s, SIM_CORRECTNESS, "the log's root is that of its leaves", "broker %u",
                 node->index);
    }
    free(w.leaves);
}

/* ---- counters ---- */

typedef struct tally {
    sim *s;
    sim_node *node;
    lth_txn *txn;
    int64_t live[SIM_SCHOOLS_MAX][SIM_DATASETS];
    int64_t absent[SIM_SCHOOLS_MAX][SIM_DATASETS];
    uint64_t held[SIM_SCHOOLS_MAX], heldby;
} tally;

static void see_record(void *ctx, lth_slice key, lth_slice value)
{
    tally *t = ctx;
    lth_record_row row;
    uint32_t table = sim_dataset_index(lth_get16(key.p));
    const sim_school *school = sim_school_of_prefix(t->s, key.p + 2);
    if (lth_public_is(lth_get16(key.p))) {
        return; /* public.c */
    }
    if (!lth_record_row_decode(&row, value) || school == NULL || table == SIM_DATASETS) {
        sim_fail(t->s, SIM_CORRECTNESS, "every record is somebody's", "broker %u", t->node->index);
        return;
    }
    t->live[school->index][table] += row.state == LTH_ROW_LIVE;
    t->absent[school->index][table] += row.state == LTH_ROW_ABSENT;
}

static void see_count(void *ctx, lth_slice key, lth_slice value)
{
    tally *t = ctx;
    const sim_school *school = sim_school_of_prefix(t->s, key.p);
    uint32_t table = sim_dataset_index(lth_get16(key.p + 8));
    if (school == NULL || table == SIM_DATASETS) {
        return;
    }
    t->live[school->index][table] -= (int64_t)lth_get64(value.p);
    t->absent[school->index][table] -= (int64_t)lth_get64(value.p + 8);
}

static void see_held(void *ctx, lth_slice key, lth_slice value)
{
    tally *t = ctx;
    lth_held_row row;
    (void)key;
    if (lth_held_row_decode(&row, value)) {
        const sim_school *school = sim_school_of(t->s, &row.origin);
        t->held[school != NULL ? school->index : 0]++;
    }
}

static void see_heldby(void *ctx, lth_slice key, lth_slice value)
{
    tally *t = ctx;
    lth_slice held;
    (void)key;
    t->heldby++;
    if (!sim_get(t->txn, LTH_T_held, value, &held)) {
        sim_fail(t->s, SIM_CORRECTNESS, "an open hold is there", "broker %u", t->node->index);
    }
}

/* A natural key belongs to a record that lives. */
static void see_natural(void *ctx, lth_slice key, lth_slice value)
{
    tally *t = ctx;
    uint8_t at[20] = {0};
    lth_slice found;
    lth_record_row row = {0};
    memcpy(at, key.p, 2);
    memcpy(at + 2, value.p, 16);
    if (!sim_get(t->txn, LTH_T_record, lth_slice_of(at, sizeof at), &found) ||
        !lth_record_row_decode(&row, found) || row.state != LTH_ROW_LIVE) {
        sim_fail(t->s, SIM_CORRECTNESS, "a natural key is that of a living record",
                 "broker %u dataset %u state %d", t->node->index, lth_get16(key.p), (int)row.state);
    }
}

static void check_counts(sim *s, sim_node *node, lth_txn *txn)
{
    tally t = {.s = s, .node = node, .txn = txn};
    sim_each(txn, LTH_T_record, see_record, &t);
    sim_each(txn, LTH_T_count, see_count, &t);
    sim_each(txn, LTH_T_held, see_held, &t);
    sim_each(txn, LTH_T_heldby, see_heldby, &t);
    sim_each(txn, LTH_T_natural, see_natural, &t);
    uint64_t held = 0;
    for (uint32_t i = 0; i < s->n_schools; i++) {
        lth_head head = {0};
        (void)sim_head(txn, &s->schools[i].org, &head);
        held += t.held[i];
        if (head.held != t.held[i]) {
            sim_fail(s, SIM_CORRECTNESS, "open holds are counted",
                     "broker %u school %u: %llu, %llu", node->index, i,
                     (unsigned long long)head.held, (unsigned long long)t.held[i]);
        }
        for (uint32_t d = 0; d < SIM_DATASETS; d++) {
            if (t.live[i][d] != 0 || t.absent[i][d] != 0) {
                sim_fail(s, SIM_CORRECTNESS, "counts equal a recount",
                         "broker %u school %u dataset %u off by %lld live, %lld absent",
                         node->index, i, sim_datasets[d], (long long)t.live[i][d],
                         (long long)t.absent[i][d]);
            }
        }
    }
    if (held != t.heldby) {
        sim_fail(s, SIM_CORRECTNESS, "every open hold can be found by its record", "broker %u",
                 node->index);
    }
}

/* ---- privacy at rest ---- */

static void see_value(void *ctx, lth_slice key, lth_slice value)
{
    const tally *t = ctx;
    sim_watch_bytes(t->s, "a key in the store", t->node, key);
    sim_watch_bytes(t->s, "the store", t->node, value);
}

void sim_check_broker(sim *s, sim_node *node)
{
    lth_txn *txn = sim_read(node);
    tally t = {.s = s, .node = node, .txn = txn};
    check_chains(s, node, txn);
    check_counts(s, node, txn);
    sim_check_uniques(s, node, txn);
    for (uint32_t table = 0; table < LTH_T_COUNT; table++) {
        sim_each(txn, table, see_value, &t);
    }
    sim_check_model(s, node, txn);
    lth_store_abort(&txn);
    sim_check_promises(s, node);
}

/* ---- agents ---- */

/* Nothing leaves an outbox that no second node holds whole and safely. */
void sim_check_agent(sim *s, sim_node *node)
{
    lth_txn *txn = sim_read(node);
    for (uint32_t i = 0; i < node->n_schools; i++) {
        const sim_school *school = &s->schools[node->school_index[i]];
        uint8_t key[36] = {0};
        lth_slice value;
        lth_agent_head head;
        memcpy(key, school->org.b, 16);
        if (!sim_get(txn, LTH_A_ahead, lth_slice_of(key, 24), &value) ||
            !lth_agent_head_decode(&head, value)) {
            continue;
        }
        lth_put32(key + 24, head.at.epoch);
        for (uint64_t seq = head.at.seq; seq > 0; seq--) {
            lth_put64(key + 28, seq);
            bool safe = school->safe_epoch == head.at.epoch && seq <= school->safe_seq;
            if (!safe && !sim_get(txn, LTH_A_outbox, lth_slice_of(key, sizeof key), &value)) {
                sim_fail(s, SIM_CORRECTNESS, "nothing is pruned without a safe receipt",
                         "school %u epoch %u seq %llu", school->index, head.at.epoch,
                         (unsigned long long)seq);
                break;
            }
        }
    }
    lth_store_abort(&txn);
}
