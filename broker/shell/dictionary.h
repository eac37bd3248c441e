/**
 * @file broker/shell/dictionary.h
 * The ministry's definitions in a running broker: read from its store, put in force, published.
 */
#pragma once

#include "broker/shell/control.h"

/** A publication on its way from the I/O thread, which waits for it, to the writer. */
typedef struct lth_publish_job {
    lth_job job; /**< First. */
    const lth_public_change *changes;
    uint32_t n;
} lth_publish_job;

/** What is published, from the store of a node that does not run yet: empty when there is none. */
LTH_MUST_USE lth_err lth_dictionary_peek(lth_public_set *out, const char *path,
                                         lth_conf_errors *errors, lth_diag *diag);
/** The same from the store of a running one. */
LTH_MUST_USE lth_err lth_dictionary_read(lth_public_set *out, lth_engine *engine, lth_diag *diag);
/** Load the configuration again with what is published now, as next_conf; on a fault what is in
 * force stays, and `status` says so. */
LTH_MUST_USE lth_err lth_dictionary_load(lth_engine *engine, lth_conf_errors *errors,
                                         lth_diag *diag);
/** Remember why a version cannot be put in force (NULL: it could), for `status`. */
void lth_dictionary_fault(lth_engine *engine, uint64_t version, const lth_conf_errors *errors,
                          const lth_diag *diag);

/** A row for `status`, or NULL. */
json_t *lth_dictionary_row(lth_engine *engine);
void lth_verb_dictionary_publish(void *ctx, lth_control_call *call, const json_t *request);
void lth_verb_dictionary_status(void *ctx, lth_control_call *call, const json_t *request);
