/**
 * @file agents/shell/engine.h
 * The running agent: one thread that feeds the state machine inside store transactions and does
 * what it asks for. A step ends when it is full, when a round ends, after 250 ms while rows flow,
 * and at once otherwise.
 */
#pragma once

#include "agents/shell/children.h"
#include "agents/shell/exchange.h"
#include "agents/shell/hosted.h"
#include "agents/shell/link.h"
#include "agents/shell/views.h"
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
    lth_hosted hosted;
    lth_views views;
    int signals;

    lth_txn *txn; /**< Of the step under way, or NULL. */
    lth_mono step_began;
    size_t step_bytes;   /**< Of rows fed in it. */
    uint32_t generation; /**< Goes up when the machine is rebuilt: what was fed before is lost. */
    bool rounds_end_together; /**< A ROUND_END does not end the step. */
    lth_err fatal;            /**< The process must end with status 1. */
    bool stop;
    bool rounds_wanted;        /**< A school's `wanted` is set. */
    bool frames_wait;          /**< More frames lie in ZeroMQ than one turn took. */
    bool unpumped;             /**< The outbox was not looked at, or not to its end. */
    lth_mono hold_until, hold; /**< No new rounds before, after the store was full. */
    lth_mono full_at;          /**< When it was full last; 0: never. */
    lth_mono watchdog, watchdog_due, tidy_due, started;
    bool bulk;                 /**< Steps were large since the store was opened. */
    bool trim;                 /**< Memory of a round can go back. */
    uint64_t dictionary_tried; /**< Version of the public stream that was tried last. */
    char dictionary_fault[LTH_DIAG_TEXT_SIZE]; /**< Why it is not in force; "" = it is. */
    struct lth_check *checks;                  /**< `source check` under way. */
    struct lth_answer *answers;                /**< Answer workbooks under way. */
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
/** Is there no room in the store, as far as the last minutes tell? */
bool lth_engine_full(const lth_engine *self);
void lth_engine_store_error(lth_control_call *call, lth_err err);
/** Index of the school that the request names; false: it was told that there is none. */
bool lth_engine_school_named(const lth_engine *self, lth_control_call *call, const json_t *request,
                             uint32_t *school);
/** {"vi", "en"}: who keeps the key that signs for this school. */
json_t *lth_engine_json_signed(const lth_engine *self, uint32_t school);

/* uploads.c: uploads.h */
/** Decode upload @p number of a school; false: there is none. */
bool lth_upload_of(const lth_engine *self, lth_txn *txn, uint32_t school, uint64_t number,
                   lth_upload *out);
/** Number of the upload with this id, 0: none. */
uint64_t lth_upload_find(const lth_engine *self, lth_txn *txn, uint32_t school, const char *id,
                         lth_upload *out);
/** U of uploads.h. */
json_t *lth_upload_json(const lth_engine *self, uint32_t school, uint64_t number,
                        const lth_upload *upload);
/** The upload of a school before @p number (UINT64_MAX: the newest); its number, 0: none. */
uint64_t lth_upload_before(const lth_engine *self, lth_txn *txn, uint32_t school, uint64_t number,
                           lth_upload *out);
/** Newest upload of a school as U; NULL: none. */
json_t *lth_upload_newest(const lth_engine *self, lth_txn *txn, uint32_t school);
void lth_engine_upload_list(void *ctx, lth_control_call *call, const json_t *request);
void lth_engine_upload_show(void *ctx, lth_control_call *call, const json_t *request);
void lth_engine_upload_receipt(void *ctx, lth_control_call *call, const json_t *request);
void lth_engine_hosted_list(void *ctx, lth_control_call *call, const json_t *request);

/* acts.c */
void lth_engine_upload_act(void *ctx, lth_control_call *call, const json_t *request);

/* answers.c */
void lth_engine_upload_answers(void *ctx, lth_control_call *call, const json_t *request);
void lth_engine_answers_cancel(lth_engine *self);

/* findings.c */
typedef struct lth_finding_row {
    uint32_t row;
    uint16_t n; /**< Of the row; 0xFFFF: held above. */
    const lth_upload_finding *finding;
    const lth_frame_held *held; /**< Instead of a finding. */
    lth_txn *txn;
} lth_finding_row;
/** Everything found in an upload and everything of it that is held above. @p each returns false to
 * end. */
LTH_MUST_USE lth_err lth_findings_each(const lth_engine *self, lth_txn *txn, uint32_t school,
                                       uint64_t number,
                                       bool (*each)(void *ctx, const lth_finding_row *row),
                                       void *ctx);
/** Records that are held above, by the upload that they came from. */
typedef struct lth_held_above {
    struct lth_held_upload {
        uint64_t number;
        uint32_t n;
    } * items;
    uint32_t n, room;
} lth_held_above;
/** @p out: zero; free its items whatever is returned. */
LTH_MUST_USE lth_err lth_held_above_count(const lth_engine *self, lth_txn *txn, uint32_t school,
                                          lth_held_above *out);
/** "held_above" of U. */
void lth_held_above_tell(const lth_held_above *self, uint64_t number, json_t *upload);
/** F of uploads.h. */
json_t *lth_finding_json(const lth_engine *self, uint32_t school, const lth_finding_row *row);
