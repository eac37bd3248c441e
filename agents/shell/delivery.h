/**
 * @file agents/shell/delivery.h
 * The private directory where files of views are made, and how they come from there into the
 * schools' inboxes. Beside inbox.h and platform.h the only place that asks the operating system for
 * something; like there no name leads out of its directory.
 *
 *   DIR/NAME.run/N  files of the view NAME being made, one a school; gone after the reading, and
 *                   cleared at start
 *   DIR/NAME.state  what was delivered
 */
#pragma once

#include "agents/shell/inbox.h"

/** The empty directory of a new reading; what was left there is removed. LTH_E_IO. */
LTH_MUST_USE lth_err lth_delivery_begin(const char *dir, const char *view, char *out, size_t size,
                                        lth_diag *diag);
/** Remove what readings left behind: of one view, or of all (NULL). */
void lth_delivery_clear(const char *dir, const char *view);

/** One made file. LTH_E_NOT_FOUND: no plain file of at most @p most bytes. Close out->fd. */
LTH_MUST_USE lth_err lth_delivery_take(const char *run, uint32_t number, uint64_t most,
                                       lth_inbox_taken *out, lth_diag *diag);
/** Does that name lie in the inbox, unread or being read? */
bool lth_delivery_lies(const char *inbox, const char *name);
/** Was it there before, and kept? */
bool lth_delivery_was(const char *inbox, const char *name);
/** Sync the file and rename it into the inbox, over what has this name there. LTH_E_IO. */
LTH_MUST_USE lth_err lth_delivery_put(const char *run, uint32_t number, const char *inbox,
                                      const char *name, lth_diag *diag);
/** Of the kept files that are @p mine remove all but the greatest @p newest names and those
 * @p spared. */
typedef struct lth_delivery_rule {
    void *ctx;
    bool (*mine)(void *ctx, const char *name);
    bool (*spared)(void *ctx, const char *name);
    uint32_t newest;
} lth_delivery_rule;
void lth_delivery_prune(const char *inbox, const lth_delivery_rule *rule);

/** Write DIR/NAME.state durably, or leave what was. LTH_E_IO. */
LTH_MUST_USE lth_err lth_delivery_note(const char *dir, const char *view, lth_slice text,
                                       lth_diag *diag);
/** Read it with a NUL behind. LTH_E_NOT_FOUND, LTH_E_IO, LTH_E_LIMIT, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_delivery_noted(const char *dir, const char *view, lth_buf *out);
