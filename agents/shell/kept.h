/**
 * @file agents/shell/kept.h
 * In what order the files of an inbox were dealt with: .kept/.order. A store that is lost or older
 * than it is made good from the kept files (replay.c); the store itself cannot say what it has
 * forgotten, and times of files do not survive a copy of the directory.
 *
 * One line a file, oldest first, at most LTH_KEPT_MAX:
 *   received ms, done ms, upload number, '-' or 'w' (withdrawn), code of a school, SHA-256, id
 * The line is durable before the file moves to .kept, and after the upload's round was committed:
 * every kept file has its line, and of every line the store that wrote it has the upload.
 */
#pragma once

#include "agents/core/agent.h"

#define LTH_KEPT_MAX      200u /**< As many uploads of a school as the store keeps. */
#define LTH_KEPT_TEXT_MAX (LTH_KEPT_MAX * 256u)
#define LTH_KEPT_ORG_MAX  32u

typedef struct lth_kept {
    char id[LTH_UPLOAD_ID_MAX + 1];
    char org[LTH_KEPT_ORG_MAX + 1]; /**< A school that has this upload; of a file of many schools
                                       the one whose round ended last, "" = no school has. */
    uint64_t number;                /**< Of the upload at that school. */
    uint64_t received_ms, done_ms;
    uint8_t sha256[LTH_HASH_SIZE];
    bool withdrawn; /**< A person said no to what its guard held. */
} lth_kept;

typedef struct lth_kept_list {
    lth_kept *files;
    uint32_t n;
} lth_kept_list;

/* ---- kept.c: no operating system ---- */

/** Lines that are none are passed over, and all but the newest LTH_KEPT_MAX. LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_kept_parse(lth_kept_list *out, lth_slice text);
LTH_MUST_USE lth_err lth_kept_write(lth_buf *out, const lth_kept_list *list);
/** The same id with the same bytes keeps its place and times; another file is the newest one.
 * False: nothing is to be written. @p only_known: a file without a line gets none. LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_kept_add(lth_kept_list *list, const lth_kept *file, bool only_known,
                                  bool *changed);
/** Without the first @p n, in no more memory than the rest needs. */
void lth_kept_drop(lth_kept_list *list, uint32_t n);
void lth_kept_fini(lth_kept_list *list);
/** Has the store of that school forgotten this one only because so many came after it? @p newest:
 * its newest upload. */
bool lth_kept_outlived(const lth_kept *file, uint64_t newest);
/** Index of the first file that was dealt with after the last one that is known. */
uint32_t lth_kept_newer(const lth_kept_list *list, bool (*known)(void *ctx, const lth_kept *file),
                        void *ctx);

/* ---- kept_posix.c ---- */

/** Without any: no files. LTH_E_IO, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_kept_read(lth_kept_list *out, const char *inbox, lth_diag *diag);
/** Drop those that are not kept any more. */
void lth_kept_there(lth_kept_list *list, const char *inbox);
/** As lth_kept_add(), durably. LTH_E_IO, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_kept_note(const char *inbox, const lth_kept *file, bool only_known,
                                   lth_diag *diag);
