/**
 * @file lth/control.h
 * The local control socket of a program: JSON lines over a UNIX stream socket (lib/control,
 * jansson).
 *
 * Request: one line {"verb": "...", ...arguments}. Answer: any number of {"row": {...}} lines, then
 * one
 * {"end": {"exit": 0|1, ...}} or {"error": {"exit": 2|4, "code": "...", "vi": "...", "en": "..."}}.
 * Only the socket's owner and root are served (SO_PEERCRED); the socket is mode 0600 and its path
 * <= 107 bytes.
 */
#pragma once

#include <jansson.h>

#include "lth/bytes.h"
#include "lth/diag.h"

#define LTH_CONTROL_LINE_MAX (1024u * 1024u)

typedef struct lth_control_server lth_control_server;
typedef struct lth_control_call lth_control_call; /**< One request being answered. */

typedef struct lth_control_verb {
    const char *name;
    /** Start answering. Long answers: set a step function with lth_control_continue(); it is called
     * again whenever the peer can take more, so that no transaction is held across a write. */
    void (*start)(void *ctx, lth_control_call *call, const json_t *request);
} lth_control_verb;

/** Binds PATH (a stale socket of a dead process is replaced). LTH_E_CONFIG (path too long),
 * LTH_E_IO. */
LTH_MUST_USE lth_err lth_control_open(lth_control_server **out, const char *path,
                                      const lth_control_verb *verbs, size_t n_verbs, void *ctx,
                                      lth_diag *diag);
void lth_control_close(lth_control_server **self);

struct pollfd;
/** Descriptors to poll (listener and calls); returns how many were written to @p fds (<= max). */
size_t lth_control_poll(const lth_control_server *self, struct pollfd *fds, size_t max);
/** Handle what poll() said; @p fds as filled by lth_control_poll(). */
void lth_control_handle(lth_control_server *self, const struct pollfd *fds, size_t n);

/** Answer pieces; @p row is stolen. After end or error the call is finished. */
void lth_control_row(lth_control_call *call, json_t *row);
void lth_control_end(lth_control_call *call, int exit_status, json_t *summary);
void lth_control_error(lth_control_call *call, int exit_status, const char *code, const char *vi,
                       const char *en);
/** @p step adds rows (a few hundred at most) and either ends the call or returns to be called
 * again; @p fini frees
 * @p state when the call ends in any way. */
void lth_control_continue(lth_control_call *call,
                          void (*step)(void *ctx, lth_control_call *call, void *state), void *state,
                          void (*fini)(void *state));
/** While paused the step is not called: rows come from elsewhere (another process, say). */
void lth_control_pause(lth_control_call *call, bool paused);
/** The state given to lth_control_continue(). */
void *lth_control_state(lth_control_call *call);

/* ---- client ---- */
/** Connect, send @p request, call @p row for every row (borrowed); fills *end with the end or error
 * object (owned by the caller). Returns the exit status of commands.md: 0, 1, 2, 4, or 3 when the
 * node is not reachable. */
int lth_control_ask(const char *path, const json_t *request,
                    void (*row)(void *ctx, const json_t *row), void *ctx, json_t **end,
                    lth_diag *diag);
/** The same, but a node silent for @p seconds counts as not reachable; 0 = waits for ever. */
int lth_control_ask_within(const char *path, unsigned seconds, const json_t *request,
                           void (*row)(void *ctx, const json_t *row), void *ctx, json_t **end,
                           lth_diag *diag);

/** What a person elsewhere wrote, as a string on one line without controls of terminals; empty when
 * it is no UTF-8, NULL only without memory. */
json_t *lth_control_words(lth_slice text);
