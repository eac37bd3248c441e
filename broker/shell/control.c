/* status, counts; and the walk that every listing uses. */
#include "broker/shell/control.h"

#include "broker/shell/dictionary.h"

#include <stdlib.h>
#include <string.h>

#define WALK_SLICE 300u

const lth_broker_conf *lth_engine_conf(const lth_engine *engine)
{
    return atomic_load(&engine->conf);
}

json_t *lth_json_hex(const void *p, size_t n)
{
    char text[2 * 64 + 1];
    LTH_ASSERT(n <= 64);
    lth_hex(text, p, n);
    return json_string(text);
}

json_t *lth_json_org(const lth_engine *engine, const lth_id *org)
{
    const lth_org *found = lth_registry_find(&lth_engine_conf(engine)->registry, org);
    return found != NULL ? json_string(found->code) : lth_json_hex(org->b, 16);
}

json_t *lth_json_refusal(lth_refusal code)
{
    return json_pack("{s:s,s:i,s:s,s:s}", "code", lth_refusal_name(code), "number", (int)code, "vi",
                     lth_refusal_text(code, false), "en", lth_refusal_text(code, true));
}

/* ---- walking a table ---- */

static void walk_step(void *ctx, lth_control_call *call, void *state)
{
    lth_engine *engine = ctx;
    lth_walk *walk = state;
    lth_txn *txn = NULL;
    lth_cursor *cursor = NULL;
    lth_slice key, value;
    lth_err err = lth_store_begin(engine->store, false, &txn);
    if (err == LTH_OK)
        err = lth_cursor_open(txn, walk->table, &cursor);
    if (err == LTH_OK)
        err = lth_cursor_seek(cursor, lth_slice_of(walk->next, walk->next_size), &key, &value);
    for (uint32_t i = 0; err == LTH_OK; i++) {
        if (key.n < walk->prefix_size || memcmp(key.p, walk->prefix, walk->prefix_size) != 0) {
            err = LTH_E_NOT_FOUND;
            break;
        }
        if (i == WALK_SLICE) {
            memcpy(walk->next, key.p, key.n);
            walk->next_size = key.n;
            break;
        }
        json_t *row = walk->row(engine, txn, walk, key, value);
        if (row != NULL) {
            walk->rows++;
            lth_control_row(call, row);
        }
        err = lth_cursor_next(cursor, &key, &value);
    }
    lth_cursor_close(&cursor);
    if (txn != NULL)
        lth_store_abort(&txn);
    if (err == LTH_E_NOT_FOUND)
        lth_control_end(call, 0, json_pack("{s:I}", "rows", (json_int_t)walk->rows));
    else if (err != LTH_OK)
        lth_control_error(call, 4, lth_err_name(err), "không đọc được kho", lth_err_text(err));
}

void lth_walk_start(lth_control_call *call, const lth_walk *walk)
{
    lth_walk *state = malloc(sizeof(*state));
    if (state == NULL) {
        lth_control_error(call, 4, "nomem", "hết bộ nhớ", "out of memory");
        return;
    }
    *state = *walk;
    memcpy(state->next, walk->prefix, walk->prefix_size);
    state->next_size = walk->prefix_size;
    if (state->next_size == 0) {
        state->next[0] = 0;
        state->next_size = 1;
    }
    lth_control_continue(call, walk_step, state, free);
}

/* ---- status ---- */

static json_t *origin_row(lth_engine *engine, lth_txn *txn, const lth_walk *walk, lth_slice key,
                          lth_slice value)
{
    (void)txn;
    (void)walk;
    lth_head head;
    if (key.n != 24 || !lth_head_decode(&head, value))
        return NULL;
    lth_id origin;
    memcpy(origin.b, key.p, 16);
    static const char *const states[] = {"ok", "stopped", "frozen"};
    json_t *row = json_pack(
        "{s:s,s:o,s:o,s:s,s:i,s:I,s:I,s:I,s:I,s:o,s:o}", "kind", "origin", "org",
        lth_json_org(engine, &origin), "stream", lth_json_hex(key.p + 16, 8), "state",
        states[head.state % 3], "epoch", (int)head.at.epoch, "batch_seq", (json_int_t)head.at.seq,
        "last_ms", (json_int_t)head.last_ms, "held", (json_int_t)head.held, "records",
        (json_int_t)head.records_total, "via", lth_json_org(engine, &head.via_org), "entry",
        lth_json_org(engine, &head.entry_org));
    if (row != NULL && head.code != LTH_REFUSE_none)
        json_object_set_new(row, "refusal", lth_json_refusal(head.code));
    return row;
}

static json_t *node_row(lth_engine *engine)
{
    const lth_engine_status *s = &engine->status;
    const lth_broker_info *i = &s->info;
    lth_store_stat stat = {0};
    (void)!lth_store_stat_of(engine->store, &stat);
    const lth_broker_conf *conf = lth_engine_conf(engine);
    json_t *row = json_pack("{s:s,s:o,s:s,s:s,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "kind", "node",
                            "org", lth_json_org(engine, &engine->node->org), "name",
                            conf->node.name != NULL ? conf->node.name : "", "version", LTH_VERSION,
                            "log_root", lth_json_hex(i->root, 32), "log_size",
                            (json_int_t)i->tree_size, "batches", (json_int_t)i->batches, "records",
                            (json_int_t)i->records, "held", (json_int_t)i->held, "rejected",
                            (json_int_t)i->rejected, "duplicates", (json_int_t)i->duplicates,
                            "steps", (json_int_t)i->steps, "store_full", (json_int_t)s->store_full);
    json_object_set_new(row, "store_used", json_integer((json_int_t)stat.bytes_used));
    json_object_set_new(row, "store_max", json_integer((json_int_t)stat.bytes_max));
    json_object_set_new(
        row, "commit_us_mean",
        json_integer(s->commits == 0 ? 0 : (json_int_t)(s->commit_ns_total / s->commits / 1000)));
    json_object_set_new(row, "commit_us_max", json_integer((json_int_t)(s->commit_ns_max / 1000)));
    if (i->indexing > 0)
        json_object_set_new(row, "indexing", json_integer((json_int_t)i->indexing));
    uint8_t incarnation[8];
    lth_put64(incarnation, i->incarnation);
    json_object_set_new(row, "incarnation", lth_json_hex(incarnation, 8));
    json_object_set_new(row, "policy_version", json_integer((json_int_t)conf->policy.version));
    json_object_set_new(row, "registry_version", json_integer((json_int_t)conf->registry.version));
    if (engine->node->has_parent)
        json_object_set_new(
            row, "parent",
            json_pack("{s:o,s:b,s:[I,I,I]}", "org", lth_json_org(engine, &engine->node->parent_org),
                      "up", i->parent_up, "waiting", (json_int_t)i->out_waiting[0],
                      (json_int_t)i->out_waiting[1], (json_int_t)i->out_waiting[2]));
    return row;
}

static json_t *peer_row(lth_engine *engine, const lth_broker_peer_info *p, lth_mono now)
{
    return json_pack("{s:s,s:o,s:s,s:I,s:I,s:I,s:I,s:I}", "kind", "peer", "org",
                     lth_json_org(engine, &p->org), "role", lth_role_name(p->role), "silent_ms",
                     (json_int_t)(now > p->last_seen ? (now - p->last_seen) / 1000000u : 0),
                     "batches", (json_int_t)p->batches, "records", (json_int_t)p->records,
                     "rejected", (json_int_t)p->rejected, "clock_skew_ms",
                     (json_int_t)p->clock_skew_ms);
}

static void verb_status(void *ctx, lth_control_call *call, const json_t *request)
{
    lth_engine *engine = ctx;
    (void)request;
    lth_mono now = lth_clock_now().mono;
    pthread_mutex_lock(&engine->status_lock);
    lth_control_row(call, node_row(engine));
    lth_control_row(call, lth_dictionary_row(engine));
    json_t *holds = lth_holds_row(engine);
    if (holds != NULL)
        lth_control_row(call, holds);
    for (uint32_t i = 0; i < engine->status.n_peers; i++)
        lth_control_row(call, peer_row(engine, &engine->status.peers[i], now));
    pthread_mutex_unlock(&engine->status_lock);
    lth_walk_start(call, &(lth_walk){.table = LTH_T_head, .row = origin_row});
}

/* ---- counts ---- */

static json_t *count_row(lth_engine *engine, lth_txn *txn, const lth_walk *walk, lth_slice key,
                         lth_slice value)
{
    (void)txn;
    (void)walk;
    if (key.n != 10 || value.n != 16)
        return NULL;
    const lth_broker_conf *conf = lth_engine_conf(engine);
    const lth_org *org = lth_registry_find_prefix(&conf->registry, key.p);
    uint16_t number = lth_get16(key.p + 8);
    const lth_dataset *ds = lth_schema_find(&conf->schema, number);
    return json_pack("{s:s,s:o,s:s,s:i,s:I,s:I}", "kind", "count", "org",
                     org != NULL ? json_string(org->code) : lth_json_hex(key.p, 8), "dataset",
                     ds != NULL ? ds->name : "?", "dataset_number", (int)number, "live",
                     (json_int_t)lth_get64(value.p), "absent", (json_int_t)lth_get64(value.p + 8));
}

static void verb_counts(void *ctx, lth_control_call *call, const json_t *request)
{
    (void)ctx;
    (void)request;
    lth_walk_start(call, &(lth_walk){.table = LTH_T_count, .row = count_row});
}

const lth_control_verb lth_broker_verbs[] = {
    {"status", verb_status},
    {"dictionary_status", lth_verb_dictionary_status},
    {"dictionary_publish", lth_verb_dictionary_publish},
    {"counts", verb_counts},
    {"held_list", lth_verb_held_list},
    {"held_show", lth_verb_held_show},
    {"held_retry", lth_verb_held_retry},
    {"held_reject", lth_verb_held_reject},
    {"warning_list", lth_verb_warning_list},
    {"warning_accept", lth_verb_warning_accept},
    {"record_list", lth_verb_record_list},
    {"record_show", lth_verb_record_show},
};
const size_t lth_broker_verbs_n = sizeof(lth_broker_verbs) / sizeof(lth_broker_verbs[0]);
