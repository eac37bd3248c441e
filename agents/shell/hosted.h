/**
 * @file agents/shell/hosted.h
 * Files of hosted schools: which are waiting, which are being read, and how their rows come to the
 * state machine. The rules are those of uploads.h.
 *
 * A post is a place where files come to: the inbox of one school, or the carrier's, whose files
 * hold many schools. A post has at most one file under way, all posts together at most
 * LTH_READINGS_MAX. A file leaves its inbox only after the step that ended its round was committed:
 * after a crash it is there and is read again under the same id, which changes nothing twice.
 *
 * Kept files that the store does not know were dealt with by a store that is lost, or newer than
 * the copy that was put back. They are read again at start (a replay), with their old ids and times
 * of arrival, in the order in which they had been dealt with, and before anything newer.
 */
#pragma once

#include "agents/shell/children.h"
#include "agents/shell/inbox.h"
#include "agents/shell/kept.h"
#include "lth/control.h"

#define LTH_READINGS_MAX  4u
#define LTH_POST_CARRIER  UINT32_MAX
#define LTH_STRANGERS_MAX 1000u /**< Codes not served here that are told by name. */

struct lth_engine;

/** An upload to be read once more, because of what a person said. */
typedef struct lth_again {
    struct lth_again *next;
    char id[LTH_UPLOAD_ID_MAX + 1];
} lth_again;

/** Which rows of a carrier's file went where. */
typedef enum lth_deal_state {
    LTH_DEAL_ABSENT,
    LTH_DEAL_OPEN,
    LTH_DEAL_MISSED, /**< Its round could not begin: the file is read again for it. */
    LTH_DEAL_DONE    /**< Ended in an earlier reading of this file. */
} lth_deal_state;
typedef struct lth_deal_school {
    uint32_t rows;
    lth_deal_state state;
} lth_deal_school;
typedef struct lth_deal_stranger {
    char org[33];
    uint32_t rows;
} lth_deal_stranger;
typedef struct lth_deal {
    lth_deal_school *schools; /**< Parallel to the node's; NULL: not a carrier's file. */
    lth_deal_stranger *strangers;
    uint32_t n_strangers, more_rows;
    uint64_t rows;
    uint32_t last; /**< Where the row before went. */
} lth_deal;

typedef struct lth_post {
    lth_inbox inbox;
    uint32_t school;
    const lth_profile *profile;
    lth_again *again;
    lth_kept_list replay; /**< Kept files that the store does not know. */
    uint32_t replay_at;   /**< The next of them. */
    lth_mono not_before, delay;
    bool reading;
    bool unkept;                       /**< What was read could not be put away. */
    uint32_t failures;                 /**< In a row, of the process that reads. */
    uint32_t epoch;                    /**< Of the school, when it was looked at last; 0: never. */
    char dealt[LTH_UPLOAD_ID_MAX + 1]; /**< Carrier: the file that `deal` is about. */
    uint8_t dealt_sha256[LTH_HASH_SIZE];
    lth_deal deal;
} lth_post;

/** A file under way; the context of its child. */
typedef struct lth_reading {
    struct lth_engine *engine;
    lth_post *post; /**< NULL: free. */
    lth_inbox_taken file;
    uint32_t only; /**< A carrier's file read again for one school; else LTH_POST_CARRIER. */
    bool kept;     /**< Read again: it stays where it is. */
    bool replay;   /**< It is lth_replay_next() of its post. */
    bool failed;   /**< The process that reads ended by itself: no word about the file. */
    lth_header *headers[LTH_UPLOAD_TABLES_MAX]; /**< As told; NULL: not, or not yet. */
    uint64_t ended;                             /**< Tables that have ended. */
    struct {
        lth_scan_fault fault;
        bool correction;
        char detail[LTH_DETAIL_MAX], detail_en[LTH_DETAIL_MAX];
    } ends[LTH_UPLOAD_TABLES_MAX];
    lth_upload upload;
} lth_reading;

typedef struct lth_hosted {
    lth_post *posts;
    uint32_t n_posts;
    lth_reading readings[LTH_READINGS_MAX];
    uint32_t turn, prune_turn;
    uint32_t replays, replayed; /**< Left, and done, in all inboxes. */
    lth_mono look_due, prune_due;
    lth_inbox_clock clock; /**< By which what is kept grows old. */
    bool waiting;          /**< Some post has something to read. */
} lth_hosted;

/** After the node was opened. What a person asked for before a crash is found again. */
LTH_MUST_USE lth_err lth_hosted_start(struct lth_engine *self, lth_diag *diag);
void lth_hosted_stop(struct lth_engine *self);
/** The machine was rebuilt: what was under way begins anew. */
void lth_hosted_reset(struct lth_engine *self);
/** Look at inboxes and begin what may begin. Call in every turn. */
void lth_hosted_turn(struct lth_engine *self, lth_mono now);
lth_mono lth_hosted_deadline(const struct lth_engine *self);
/** Post of a school; NULL for one with a database. */
lth_post *lth_hosted_post(const struct lth_engine *self, uint32_t school);
/** Read that upload again. LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_hosted_again(struct lth_engine *self, uint32_t school, const char *id);
/** The file of an upload as it was kept, in the school's inbox or the carrier's. *profile: by which
 * it is read. */
lth_inbox_answer lth_hosted_file(struct lth_engine *self, uint32_t school, const lth_upload *upload,
                                 lth_inbox_taken *out, const lth_profile **profile, lth_diag *diag);
/** A path by which a child opens exactly this file. */
void lth_hosted_path(const lth_inbox_taken *file, char out[64]);

/* ---- reading.c: one file ---- */

typedef enum lth_reading_start {
    LTH_READING_STARTED,
    LTH_READING_NOTHING, /**< It is not there any more, or still being written. */
    LTH_READING_LATER,   /**< Not now: try again after a while. */
} lth_reading_start;
typedef enum lth_reading_of {
    LTH_READING_OF_INBOX,
    LTH_READING_OF_UPLOAD, /**< Kept, and known to the store. */
    LTH_READING_OF_REPLAY  /**< lth_replay_next(). */
} lth_reading_of;
LTH_MUST_USE lth_reading_start lth_reading_begin(struct lth_engine *self, lth_post *post,
                                                 const char *id, lth_reading_of of);
/** Forget it, wherever it is. */
void lth_reading_drop(lth_reading *self);
/** Feed one event; false: the machine was rebuilt and nothing of @p self may be touched any more.
 */
bool lth_reading_feed(lth_reading *self, const lth_agent_event *event);
/** The headers of a table for the round of one school. As lth_reading_feed(). */
bool lth_reading_feed_headers(lth_reading *self, uint32_t school, uint32_t table);
/** Begin the round of a school for it, with the headers and ends of tables that it missed. */
bool lth_reading_open(lth_reading *self, uint32_t school);
extern const lth_child_listener lth_reading_listener;

/* ---- deal.c: a file of many schools ---- */

/** Before a file is read (again): counts from zero, schools that are done stay done. LTH_E_NOMEM.
 */
LTH_MUST_USE lth_err lth_deal_begin(lth_reading *self);
/** As lth_reading_feed(). */
bool lth_deal_row(lth_reading *self, const lth_child_row *row);
bool lth_deal_headers(lth_reading *self, uint32_t table);
bool lth_deal_table_end(lth_reading *self, uint32_t table);
/** Rounds end, in one step; *whole: no school was missed. */
bool lth_deal_end(lth_reading *self, bool *whole);
/** Keep the result beside the file, and say it in the log, as counts. */
void lth_deal_tell(const lth_reading *self);
void lth_deal_fini(lth_deal *self);

/* ---- replay.c: kept files that the store does not know ---- */

/** Find them. After the posts were made. LTH_E_NOMEM, LTH_E_STORE_*. */
LTH_MUST_USE lth_err lth_replay_start(struct lth_engine *self);
uint32_t lth_replay_left(const lth_post *post);
/** NULL: none. */
const lth_kept *lth_replay_next(const lth_post *post);
/** The next one is dealt with, or is not there any more. */
void lth_replay_done(struct lth_engine *self, lth_post *post);
/** Nothing of this post may be read yet: what was dealt with before is not at its turn, or the
 * broker has not said where our chain stands. */
bool lth_replay_waits(const struct lth_engine *self, const lth_post *post);
/** Its rounds have ended: say of a file that was withdrawn that it is. As lth_reading_feed(). */
bool lth_replay_word(lth_reading *self);
/** Of a file of many schools only such were missed that wait for a person themselves. */
bool lth_replay_whole(const lth_reading *self);
/** Write down that this file was dealt with, before it moves to .kept. LTH_E_IO, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_replay_note(const lth_reading *self, lth_diag *diag);
/** Row of `status`; NULL: none is left. */
json_t *lth_replay_row(const struct lth_engine *self);
