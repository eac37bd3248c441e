/**
 * @file agents/shell/engine.h
 * The running agent: one thread that feeds the state machine inside store transactions and does
 * what it asks for. A step ends when it is full, when a round ends, after 250 ms while rows flow,
 * and at once otherwise.
 */
#pragma once

#include "agents/shell/children.h"
#include "agents/shell/exchange.h"
#include "agents/shell/link.h"
#include "lth/control.h"

#define LTH_ENGINE_ROUNDS_MAX 4u
#define LTH_ENGINE_CHECKS_MAX 4u

typedef struct lth_engine lth_engine;

/** A round of one school; the context of its child. */
typedef struct lth_engine_school {
    lth_engine *engine;
    uint32_t index;
    uint64_t wanted;   /**< Tables of a round that waits to be started. */
    bool watched;      /**< Had a round since its last batch was looked at. */
    uint64_t seen_seq; /**< Head when it was looked at last. */
    lth_exchange exchange;
} lth_engine_school;

struct lth_engine {
    lth_log log;
    lth_agent_node node;
    lth_store *store;
    lth_agent *core;
    lth_link link;
    lth_children children;
    lth_control_server *control;
    lth_engine_school *schools; /**< Parallel to node.schools. */
    int signals;

    lth_txn *txn; /**< Of the step under way, or NULL. */
    lth_mono step_began;
    size_t step_bytes; /**< Of rows fed in it. */
    lth_err fatal;     /**< The process must end with status 1. */
    bool stop;
    bool rounds_wanted;        /**< A school's `wanted` is set. */
    bool frames_wait;          /**< More frames lie in ZeroMQ than one turn took. */
    bool unpumped;             /**< The outbox was not looked at, or not to its end. */
    lth_mono hold_until, hold; /**< No new rounds before, after the store was full. */
    lth_mono watchdog, watchdog_due, tidy_due, started;
    bool bulk;                /**< Steps were large since the store was opened. */
    bool trim;                /**< Memory of a round can go back. */
    struct lth_check *checks; /**< `source check` under way. */
};

/** Everything up to the first turn. On failure @p errors or @p diag say why (as in
 * lth_agent_node_open()); stop it whatever is returned. */
LTH_MUST_USE lth_err lth_engine_start(lth_engine *self, const char *path, lth_log log,
                                      lth_conf_errors *errors, lth_diag *diag);
/** Until a signal or a fault ends it. Returns the exit status. */
int lth_engine_run(lth_engine *self);
void lth_engine_stop(lth_engine *self);

/** Read configuration and identity again; what is refused changes nothing and is logged. */
void lth_engine_reload(lth_engine *self);

/* steps.c: the step under way */
void lth_engine_feed(lth_engine *self, const lth_agent_event *event);
void lth_engine_frame(lth_engine *self, lth_slice bytes);
/** Commit the step under way, if any, and do what the machine asks for. */
void lth_engine_end_step(lth_engine *self);
/** Begin the rounds that wait, if they may. */
void lth_engine_begin_rounds(lth_engine *self);
/** Rebuild the machine from the store. */
void lth_engine_rebuild(lth_engine *self);
extern const lth_child_listener lth_engine_round_listener;

/* control.c, check.c: the control socket */
extern const lth_control_verb lth_engine_verbs[];
extern const size_t lth_engine_verbs_n;
json_t *lth_engine_json_org(const lth_engine *self, const lth_id *org);
json_t *lth_engine_json_fault(lth_scan_fault fault);
void lth_engine_source_check(void *ctx, lth_control_call *call, const json_t *request);
/** End them with an error: what they read from is replaced. */
void lth_engine_checks_cancel(lth_engine *self);
