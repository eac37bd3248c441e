/**
 * @file agents/shell/views.h
 * Views that hold many schools (hosted.views): when they are read, what came of it, and how each
 * school gets its file. A capture process splits the view into a file a school
 * (agents/capture/split.h) in a private directory (delivery.h); once it ended cleanly, every file
 * whose content is not what this view delivered to the school the last time goes into the school's
 * own inbox, as NAME-YYYYMMDD-HHMMSS.csv (time in Vietnam). From there on it is an upload like any
 * other: profile by headers, match, guards, findings, receipts.
 *
 * - A fault delivers nothing of that reading; the view is read again as sources are after faults.
 *   An inbox that cannot be written to is a fault, too, but harms only its school.
 * - A school that had rows and has none gets the headers alone: the guard for emptied sheets asks.
 * - A file that lies unread in the inbox is replaced under its name, not joined by a second one.
 * - Of the files that the agent keeps after reading (.kept), those of one view and school are
 *   reduced to the newest LTH_VIEW_KEPT and those that wait for a person.
 * - What was delivered stands in NAME.state: a line a school, with SHA-256, rows, time in the name.
 *   Before files are delivered it says of their schools that it is not known what they have, after
 *   it says what: a crash in between delivers once more, and what is the same makes no version.
 *   Without the file every school is delivered once more; only of schools that have lost all of
 *   their rows meanwhile it is not known any more that they had some.
 * - Codes of the view that are not served here are counted, by code in `status`, in the log as
 *   numbers.
 *
 * Limits: LTH_VIEWS_MAX views, LTH_VIEWS_RUNNING_MAX read at once; of a view what split.h says; of
 * a school's file limits.upload_mib, as of every upload.
 */
#pragma once

#include "agents/shell/children.h"
#include "lth/control.h"

#define LTH_VIEWS_RUNNING_MAX 2u
#define LTH_VIEW_KEPT         5u
#define LTH_VIEW_CODES_MAX    1000u /**< Codes not served here that are told by name. */
#define LTH_VIEW_STAMP        15u   /**< "20261122-213000" */

struct lth_engine;

/** What a school has from this view, as far as is known. */
typedef struct lth_view_school {
    uint8_t sha256[LTH_HASH_SIZE];
    bool known; /**< `sha256` is what was delivered last. */
    uint32_t rows;
    char stamp[LTH_VIEW_STAMP + 1]; /**< In the name of the last file; "" = none. */
} lth_view_school;

/** What the reading under way said of a school. */
typedef struct lth_view_fresh {
    uint8_t sha256[LTH_HASH_SIZE];
    uint32_t rows;
    bool told, changed;
} lth_view_fresh;

typedef struct lth_view_stranger {
    char org[36];
    uint32_t rows;
} lth_view_stranger;

typedef struct lth_view_counts {
    uint64_t rows; /**< Of schools served here. */
    uint32_t schools, delivered;
    lth_view_stranger *strangers; /**< LTH_VIEW_CODES_MAX of them. */
    uint32_t n_strangers;
    uint64_t strange_rows, nameless_rows; /**< nameless: of what is no code, or one too many. */
} lth_view_counts;

typedef enum lth_view_phase {
    LTH_VIEW_RESTS,
    LTH_VIEW_READS,    /**< Its child is at work. */
    LTH_VIEW_COMPARES, /**< Files are compared with what was delivered. */
    LTH_VIEW_DELIVERS
} lth_view_phase;

typedef struct lth_view {
    struct lth_engine *engine;
    const lth_view_conf *conf;
    lth_view_phase phase;
    lth_mono due;
    bool again; /**< Asked for while it was being read. */

    /* The schools served here, ascending codes: what the child knows by index. */
    struct lth_capture_view_org *orgs;
    uint32_t *school_of; /**< Index into the node's schools. */
    uint32_t n_orgs;
    lth_view_school *schools; /**< Parallel to orgs, as are the next. */
    lth_view_fresh *fresh;
    lth_child_view ask;
    char run[4400];
    uint32_t at; /**< Next of orgs to be compared or delivered. */
    uint32_t failures;
    lth_scan_fault fault; /**< Of the reading under way. */
    char detail[LTH_DETAIL_MAX];
    uint64_t began_ms;
    lth_view_counts now;

    /* As status shows it. */
    struct {
        uint64_t started_ms, ended_ms, last_good_ms;
        lth_scan_fault fault;
        uint32_t faults_in_a_row;
        char detail[LTH_DETAIL_MAX];
        lth_view_counts counts; /**< Of the last good reading. */
    } last;
} lth_view;

typedef struct lth_views {
    lth_view *items;
    uint32_t n;
} lth_views;

/** After the node was opened. What a reading left behind is removed. LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_views_start(struct lth_engine *self, lth_diag *diag);
void lth_views_stop(struct lth_engine *self);
/** Begin what is due, compare and deliver for a while. Call in every turn. */
void lth_views_turn(struct lth_engine *self, lth_mono now);
lth_mono lth_views_deadline(const struct lth_engine *self);
/** Read that view now; false: there is none of this name. */
bool lth_views_scan(struct lth_engine *self, const char *name);
/** Rows of `status`, one a view. */
void lth_views_status(const struct lth_engine *self, lth_control_call *call);

/* ---- views_state.c ---- */

/** Take what NAME.state says, as far as it can be read. */
void lth_view_recall(lth_view *self);
/** Write it; @p before: of schools whose files are about to be delivered nothing is known. */
LTH_MUST_USE lth_err lth_view_remember(lth_view *self, bool before, lth_diag *diag);

/* ---- views_deliver.c ---- */

/** Compare, or deliver, until @p until. False: all is done; self->fault says how it went. */
bool lth_view_work(lth_view *self, lth_mono until);
