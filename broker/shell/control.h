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
    lth_id org; /**< Only this org, unless zeros; for the row function. */
    lth_refusal code;
    bool blocks;
    /** Turn one entry into a row (stolen), NULL to pass it over. */
    json_t *(*row)(lth_engine *engine, lth_txn *txn, const struct lth_walk *walk, lth_slice key,
                   lth_slice value);
} lth_walk;

/** Answer @p call with the walk; ends with {"rows": n}. */
void lth_walk_start(lth_control_call *call, const lth_walk *walk);

/** JSON of ids: code when the registry knows it, else hex. */
json_t *lth_json_org(const lth_engine *engine, const lth_id *org);
json_t *lth_json_hex(const void *p, size_t n);
json_t *lth_json_refusal(lth_refusal code);
const lth_broker_conf *lth_engine_conf(const lth_engine *engine);

/** Org named by "org" of a request; NULL and answered when it is unknown. */
const lth_org *lth_asked_org(lth_engine *engine, lth_control_call *call, const json_t *request);
const lth_dataset *lth_asked_dataset(lth_engine *engine, lth_control_call *call,
                                     const json_t *request);
/** What is held, for `status`: by code, and the oldest. NULL: nothing, or not readable. */
json_t *lth_holds_row(lth_engine *engine);
/** "rule" (number, id, severity, vi, en) of a dataset into @p row, when it has that number. Only
 * the text as the rule states it: no values. */
void lth_json_rule(json_t *row, const lth_dataset *ds, uint16_t number);
/** "by" and "why" of a request that decides; false and answered when they are missing or long. */
bool lth_asked_person(lth_control_call *call, const json_t *request, bool reason,
                      lth_decision *decision);
/** Have the writer carry a decision out; false and answered when that failed. */
bool lth_engine_decide(lth_engine *engine, lth_control_call *call, lth_decision *decision);

void lth_verb_held_list(void *ctx, lth_control_call *call, const json_t *request);
void lth_verb_held_show(void *ctx, lth_control_call *call, const json_t *request);
void lth_verb_held_retry(void *ctx, lth_control_call *call, const json_t *request);
void lth_verb_held_reject(void *ctx, lth_control_call *call, const json_t *request);
void lth_verb_warning_list(void *ctx, lth_control_call *call, const json_t *request);
void lth_verb_warning_accept(void *ctx, lth_control_call *call, const json_t *request);
void lth_verb_record_list(void *ctx, lth_control_call *call, const json_t *request);
void lth_verb_record_show(void *ctx, lth_control_call *call, const json_t *request);
