/**
 * @file agents/intake/page.h
 * Pages as text: HTML where everything inserted is escaped, Vietnamese or English.
 *
 * Pure but for jansson: what the agent said goes in, bytes come out.
 */
#pragma once

#include <jansson.h>

#include "agents/intake/state.h"

#define LTH_PAGE_MAX (256u * 1024u)

typedef struct lth_page {
    lth_buf out;
    bool english;
    bool bad; /**< Out of memory, or too large: nothing of it may be sent. */
} lth_page;

/** The text in the page's language. */
#define T(page, vi, en) ((page)->english ? (en) : (vi))

void lth_page_init(lth_page *page, bool english);
void lth_page_fini(lth_page *page);
/** As it stands. */
void lth_raw(lth_page *page, const char *text);
/** Formatted; what %s inserts is escaped for HTML text and attributes. Knows %s %d %u %zu %%. */
void lth_html(lth_page *page, const char *fmt, ...) LTH_PRINTF(2, 3);
/** Formatted without escaping, for plain text. */
void lth_plain(lth_page *page, const char *fmt, ...) LTH_PRINTF(2, 3);
/** {"vi": ..., "en": ...} in the page's language, a text as it is, else "". */
const char *lth_said(const lth_page *page, const json_t *text);

/** Member @p key of @p from: its text or "", its number within 0..4,000,000,000 or 0. */
const char *lth_text_at(const json_t *from, const char *key);
unsigned lth_count_at(const json_t *from, const char *key);

/** What every page shows around its own content. */
typedef struct lth_frame_of {
    const lth_intake_conf *conf;
    const char *title;
    const char *school, *code; /**< NULL: nobody is signed in. */
    const char *path;          /**< For the switch of language. */
    const char *csrf;
    unsigned refresh_s; /**< 0: the page stays as it is. */
} lth_frame_of;
void lth_page_begin(lth_page *page, const lth_frame_of *frame);
void lth_page_end(lth_page *page, const lth_frame_of *frame);
/** A box: "good", "bad" or "warn". */
void lth_page_box(lth_page *page, const char *kind, const char *text);
void lth_page_csrf(lth_page *page, const char *csrf);

void lth_page_sign_in(lth_page *page, const lth_frame_of *frame, const char *code,
                      const char *message);
/** @p once: as it was typed, so that it need not be typed again. */
void lth_page_first(lth_page *page, const lth_frame_of *frame, const char *code, const char *once,
                    const char *message);

/** The main page. */
typedef struct lth_main_view {
    const json_t *uploads;   /**< [U], newest first; NULL: the agent does not answer. */
    const char (*fresh)[81]; /**< Ids that the agent has not listed yet. */
    size_t n_fresh;
    const lth_names *names;
    const char *good, *bad; /**< Message, or NULL. */
    bool all;
} lth_main_view;
void lth_page_main(lth_page *page, const lth_frame_of *frame, const lth_main_view *view);
/** Seconds after which a page that shows this upload should look again; 0: nothing will change by
 * itself. */
unsigned lth_upload_refresh(const json_t *upload, int64_t now_s);

/** Did records of it go on? A guard holds what is missing or old, not what is new. */
bool lth_upload_sent(const json_t *upload);

/** Parts that both pages show. */
void lth_upload_state_html(lth_page *page, const json_t *upload);
void lth_upload_steps(lth_page *page, const json_t *upload);

/** One upload. */
typedef struct lth_detail_view {
    const json_t *upload, *findings; /**< U, [F] */
    const char *name;
    const lth_names *names; /**< Of files that candidates came from. */
    const char *good, *bad;
    size_t first; /**< Index of the first finding shown. */
} lth_detail_view;
#define LTH_FINDINGS_SHOWN 50u
void lth_page_detail(lth_page *page, const lth_frame_of *frame, const lth_detail_view *view);
/** Is there something on its page that a person fills in? */
bool lth_detail_asks(const lth_detail_view *view);
/** The same as text for a chat. */
void lth_text_detail(lth_page *page, const lth_frame_of *frame, const lth_detail_view *view);
/** What an upload came to, in one line. */
void lth_text_outcome(lth_page *page, const json_t *upload);

void lth_page_receipt(lth_page *page, const lth_frame_of *frame, const json_t *upload,
                      const json_t *receipt, const char *name);

typedef struct lth_account_view {
    const lth_account *account;
    const char *token; /**< Just made: shown this once. */
    const char *good, *bad;
} lth_account_view;
void lth_page_account(lth_page *page, const lth_frame_of *frame, const lth_account_view *view);

/** A page that only says something. */
void lth_page_say(lth_page *page, const lth_frame_of *frame, const char *kind, const char *text);

extern const char lth_style[];
