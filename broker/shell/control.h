/**
 * @file broker/shell/control.h
 * What the control verbs share. All run on the I/O thread over read transactions of their own, a
 * slice at a time.
 */
#pragma once

#include "broker/shell/engine.h"
#include "lth/control.h"

/** A walk over one table, a few hundred entries per slice, continued by key. */
typedef struct lth_walk {
    uint32_t table;
    uint8_t prefix[64]; /**< Only keys with this prefix. */
    size_t prefix_size;
    uint8_t next[LTH_STORE_KEY_MAX + 1];
    size_t next_size;
    uint64_t rows;
    /** Turn one entry into a row (stolen), NULL to pass it over. */
    json_t *(*row)(lth_engine *engine, lth_txn *txn, lth_slice key, lth_slice value);
} lth_walk;

/** Answer @p call with the walk; ends with {"rows": n}. */
void lth_walk_start(lth_control_call *call, const lth_walk *walk);

/** JSON of ids: code when the registry knows it, else hex. */
json_t *lth_json_org(const lth_engine *engine, const lth_id *org);
json_t *lth_json_hex(const void *p, size_t n);
json_t *lth_json_refusal(lth_refusal code);
const lth_broker_conf *lth_engine_conf(const lth_engine *engine);

void lth_verb_record_list(void *ctx, lth_control_call *call, const json_t *request);
void lth_verb_record_show(void *ctx, lth_control_call *call, const json_t *request);
