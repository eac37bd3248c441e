/**
 * @file agents/shell/dictionary.h
 * The ministry's definitions in a running agent: read from its store and put in force.
 */
#pragma once

#include "agents/shell/engine.h"

/** What is published, from the store of a node that does not run yet: empty when there is none. */
LTH_MUST_USE lth_err lth_dictionary_peek(lth_public_set *out, const char *path,
                                         lth_conf_errors *errors, lth_diag *diag);
/** The same from the store of a running one. */
LTH_MUST_USE lth_err lth_dictionary_read(lth_public_set *out, lth_engine *engine, lth_diag *diag);
/** Has a whole publication come that is not in force and was not tried? */
bool lth_dictionary_due(const lth_engine *engine);
/** Remember what became of it, for `status`; @p errors, @p diag: why it is not in force. */
void lth_dictionary_tried(lth_engine *engine, lth_err err, const lth_conf_errors *errors,
                          const lth_diag *diag);
json_t *lth_dictionary_row(const lth_engine *engine);
void lth_verb_dictionary_status(void *ctx, lth_control_call *call, const json_t *request);
