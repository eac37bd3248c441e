/**
 * @file agents/intake/state.h
 * What the upload page knows: accounts and tokens (files), sessions (memory), failed sign-ins
 * (both), the schools that the agent serves, the names people gave their files.
 *
 * Directory `state` (0700): accounts/CODE.json, names/CODE, failures.json, schools.json, secret,
 * lock. Every file is written under another name, synced and renamed; names/CODE is only for show
 * and not synced. All functions may be called from any thread.
 */
#pragma once

#include "agents/intake/text.h"
#include "lth/conf.h"
#include "lth/crypto.h"
#include "lth/log.h"

#define LTH_KEY_TEXT    (2u * 32u + 1u) /**< 32 bytes in hex. */
#define LTH_TOKENS_MAX  8u
#define LTH_STAMP_SIZE  24u
#define LTH_PATH_SIZE   4096u
#define LTH_ACCOUNT_MAX 65536u

typedef struct lth_clock {
    int64_t (*wall_s)(void *ctx); /**< Unix seconds. */
    int64_t (*mono_ms)(void *ctx);
    void *ctx;
} lth_clock;
extern const lth_clock lth_clock_real;

/** Hash of @p n bytes, in hex. */
void lth_sha256_text(char out[LTH_KEY_TEXT], const void *p, size_t n);
/** @p n random bytes in hex. */
void lth_random_text(char *out, size_t n);
/** Now as "2026-09-05T03:20:00Z". */
void lth_stamp(char out[LTH_STAMP_SIZE], const lth_clock *clock);

/** A whole file of at most @p max bytes. LTH_E_NOT_FOUND, LTH_E_IO, LTH_E_LIMIT. */
LTH_MUST_USE lth_err lth_file_read(lth_buf *out, const char *path);
/** Whole or not at all: written beside it with @p mode, synced, renamed, directory synced. */
LTH_MUST_USE lth_err lth_file_write(const char *path, unsigned mode, lth_slice content,
                                    lth_diag *diag);

/* ---- accounts ---- */

typedef struct lth_token {
    char id[9], hash[LTH_KEY_TEXT], made[LTH_STAMP_SIZE], name[LTH_NAME_MAX + 1];
} lth_token;

typedef struct lth_account {
    char generation[33]; /**< New with every passphrase: what began before is over. */
    char salt[33], key[LTH_KEY_TEXT];
    char once[LTH_KEY_TEXT]; /**< Hash of the one-time code it was made with. */
    char made[LTH_STAMP_SIZE];
    lth_token tokens[LTH_TOKENS_MAX];
    uint32_t n_tokens;
} lth_account;

typedef struct lth_accounts {
    const char *state, *hosted;
    const lth_clock *clock;
} lth_accounts;

/** LTH_OK, LTH_E_NOT_FOUND, LTH_E_IO, LTH_E_FORMAT. */
LTH_MUST_USE lth_err lth_account_load(lth_account *out, const lth_accounts *self, const char *code);

/** Takes a tenth of a second whether the account exists or not. True: right, and *out filled. */
bool lth_account_sign_in(lth_account *out, const lth_accounts *self, const char *code,
                         const char *passphrase);
/** Set the passphrase with the one-time code; LTH_E_REFUSED when the code is not right (or used).
 */
LTH_MUST_USE lth_err lth_account_open(lth_account *out, const lth_accounts *self, const char *code,
                                      const char *once, const char *passphrase, lth_diag *diag);
/** Do the last four symbols of a cleaned one-time code fit the others? Mistyped otherwise. */
bool lth_once_checked(const char once[LTH_ONCE_SIZE]);
/** Set another passphrase; tokens stay. LTH_E_NOT_FOUND without an account. */
LTH_MUST_USE lth_err lth_account_change(lth_account *out, const lth_accounts *self,
                                        const char *code, const char *passphrase, lth_diag *diag);
/** Make a token; its text is given once and kept as a hash. LTH_E_LIMIT: LTH_TOKENS_MAX are there.
 */
LTH_MUST_USE lth_err lth_token_make(char out[LTH_KEY_TEXT], const lth_accounts *self,
                                    const char *code, const char *name, lth_diag *diag);
/** LTH_E_NOT_FOUND. */
LTH_MUST_USE lth_err lth_token_revoke(const lth_accounts *self, const char *code, const char *id,
                                      lth_diag *diag);
bool lth_token_right(const lth_accounts *self, const char *code, const char *token);
/** For the administrator: forget passphrase and tokens, write a new one-time code to hosted/CODE.
 */
LTH_MUST_USE lth_err lth_account_reset(char once[LTH_ONCE_SIZE], const lth_accounts *self,
                                       const char *code, lth_diag *diag);

/* ---- sessions ---- */

typedef struct lth_sessions lth_sessions;
typedef struct lth_session {
    char code[LTH_CODE_MAX + 1];
    char generation[33];
} lth_session;
lth_sessions *lth_sessions_new(const lth_clock *clock, uint32_t idle_ms, uint32_t longest_ms);
void lth_sessions_free(lth_sessions **self);
/** @p cookie: the random text the browser was given. */
void lth_session_begin(lth_sessions *self, const char *cookie, const lth_session *session);
bool lth_session_find(lth_sessions *self, const char *cookie, lth_session *out);
void lth_session_end(lth_sessions *self, const char *cookie);

/* ---- failed sign-ins ---- */

typedef struct lth_failures lth_failures;
/** Reads what an earlier run left at @p path. */
lth_failures *lth_failures_new(const lth_clock *clock, const char *path,
                               const uint8_t secret[LTH_HASH_SIZE]);
void lth_failures_free(lth_failures **self);
typedef enum lth_whom { LTH_WHOM_ACCOUNT, LTH_WHOM_ADDRESS } lth_whom;
/** Seconds until the next try is allowed; 0 = now. */
int64_t lth_failures_wait(lth_failures *self, lth_whom whom, const char *name);
/** After the fifth in a row the wait doubles with every further one, from 30 s to 15 minutes (an
 * account) or an hour (an address). */
void lth_failures_add(lth_failures *self, lth_whom whom, const char *name);
/** A success: an account's failures are forgotten, half of an address's. */
void lth_failures_success(lth_failures *self, lth_whom whom, const char *name);
/** Write what changed since the last time. */
LTH_MUST_USE lth_err lth_failures_save(lth_failures *self, lth_diag *diag);

/* ---- schools ---- */

typedef struct lth_school {
    char code[LTH_CODE_MAX + 1];
    char name[201];
    char inbox[512];
} lth_school;
typedef struct lth_schools lth_schools;
/** Reads the list of an earlier run; @p agent: control socket. */
lth_schools *lth_schools_new(const char *agent, const char *state);
void lth_schools_free(lth_schools **self);
/** Ask the agent for its schools and keep the answer. LTH_E_UNREACHABLE, LTH_E_IO. */
LTH_MUST_USE lth_err lth_schools_refresh(lth_schools *self, lth_diag *diag);
/** Has no agent ever named one? */
bool lth_schools_none(lth_schools *self);
bool lth_schools_find(lth_schools *self, const char *code, lth_school *out);

/* ---- names of files ---- */

typedef struct lth_names {
    const char *state;
} lth_names;
void lth_names_add(const lth_names *self, const char *code, const char *id, const char *name);
/** "" when not known. */
void lth_names_find(const lth_names *self, const char *code, const char *id,
                    char out[LTH_NAME_MAX + 1]);
/** Ids of the newest @p max files, newest first; what the agent has not yet seen is among them. */
size_t lth_names_newest(const lth_names *self, const char *code, char (*ids)[81], size_t max);
