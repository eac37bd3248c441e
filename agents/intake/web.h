/**
 * @file agents/intake/web.h
 * HTTP: one event thread (libmicrohttpd), which never waits; workers that do.
 *
 * A request is routed and judged at its first headers, its body goes to memory (forms) or to disk
 * (files) as it arrives, then the connection is suspended and a worker answers it. Three pools, so
 * that a slow disk, a silent agent and people signing in do not wait for each other.
 * A watch on every connection ends those that are too slow, whatever state they are in.
 */
#pragma once

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "agents/intake/multipart.h"
#include "agents/intake/page.h"

typedef struct lth_intake lth_intake;
typedef struct lth_request lth_request;

/** A file on its way to an inbox (receive.c). */
typedef struct lth_receive {
    int inbox;     /**< Directory; -1: nothing is open. */
    int aside;     /**< INBOX/.in */
    int fd;        /**< Of the temporary file. */
    char part[48]; /**< Its name in INBOX/.in; "": it is there no more. */
    uint64_t bytes, max;
    uint8_t first[8]; /**< First bytes: they tell the kind. */
    int fault;        /**< errno of a write that went wrong. */
    char id[81];      /**< Once it is kept. */
} lth_receive;
typedef struct lth_inbox {
    const char *path;
    uint64_t max;     /**< Bytes of a file. */
    int64_t since_ns; /**< When this process began: temporary files from before are removed. */
} lth_inbox;
/** Make the temporary file. LTH_E_IO, LTH_E_STORE_FULL (less than @p expected bytes and a reserve
 * left). */
LTH_MUST_USE lth_err lth_receive_open(lth_receive *self, const lth_inbox *to, uint64_t expected,
                                      lth_diag *diag);
/** False: it is larger than allowed, or the disk failed; what follows may be fed and is dropped. */
bool lth_receive_feed(lth_receive *self, const uint8_t *p, size_t n);
/** Synced, named, directory synced: from here on the file stays. LTH_E_IO, LTH_E_STORE_FULL. */
LTH_MUST_USE lth_err lth_receive_keep(lth_receive *self, const lth_clock *clock, lth_diag *diag);
/** Closes; removes what was not kept. */
void lth_receive_close(lth_receive *self);

typedef struct lth_reply {
    unsigned status;
    const char *type; /**< Content-Type; NULL: HTML. */
    lth_page page;
    int fd;              /**< A file instead of the page; -1. */
    char location[300];  /**< Of a redirect. */
    char cookie[200];    /**< Set-Cookie; "" none. */
    char language[8];    /**< "vi", "en": the choice is kept; "" none. */
    char file_name[120]; /**< Offered for saving. */
    unsigned retry_s;    /**< Retry-After; 0 none. */
} lth_reply;

typedef enum lth_body { LTH_BODY_NONE, LTH_BODY_FORM, LTH_BODY_UPLOAD, LTH_BODY_FILE } lth_body;
typedef enum lth_auth { LTH_AUTH_NONE, LTH_AUTH_SESSION, LTH_AUTH_TOKEN } lth_auth;
typedef enum lth_pool_name {
    LTH_POOL_DISK,
    LTH_POOL_ASK,
    LTH_POOL_SIGN,
    LTH_POOL_COUNT
} lth_pool_name;

typedef struct lth_page_route {
    const char *methods; /**< "GET", "POST", "PUT POST"; GET also serves HEAD. */
    const char *path;    /**< A component "*" is a parameter. */
    lth_body body;
    lth_auth auth;
    lth_pool_name pool;
    void (*answer)(lth_request *r); /**< On a worker; fills r->reply. */
} lth_page_route;
extern const lth_page_route lth_page_routes[];
extern const size_t lth_n_page_routes;

/** One connection under watch. */
typedef struct lth_watch {
    struct lth_watch *previous, *next;
    int fd;
    int64_t since_ms;    /**< Of the present phase. */
    int64_t limit_ms;    /**< How long it may take. */
    atomic_bool upload;  /**< Also held to the least speed. */
    atomic_ullong bytes; /**< Of the body, so far. */
    bool ended;
} lth_watch;

struct lth_request {
    lth_intake *intake;
    struct MHD_Connection *connection;
    lth_watch *watch;
    lth_request *previous, *next, *queued; /**< Active ones; the queue of a pool. */
    const lth_page_route *route;
    char path[200], *parts[4];
    char buffer[200]; /**< Where parts stand. */
    char address[LTH_ADDRESS_SIZE], group[LTH_ADDRESS_SIZE];
    bool english, plain, known, counted;
    char cookie[LTH_KEY_TEXT], csrf[LTH_KEY_TEXT];
    lth_school school; /**< known: of the session or the token. */
    char generation[33];
    lth_buf body;
    lth_form form;
    lth_multipart multipart;
    enum { LTH_PART_OTHER, LTH_PART_CSRF, LTH_PART_FILE } part;
    char sent_csrf[LTH_KEY_TEXT + 1];
    size_t sent_csrf_n;
    uint32_t files;
    char file_name[LTH_NAME_MAX + 1];
    lth_receive file;
    uint64_t dropped; /**< Bytes of the body that nobody wants any more. */
    unsigned refused; /**< Status decided while the body arrives; 0 none. */
    const char *refused_vi, *refused_en;
    bool queued_once, answered;
    lth_reply reply;
};

typedef struct lth_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    lth_request *first, *last;
    size_t n, max;
    bool stop;
    pthread_t threads[8];
    size_t n_threads;
} lth_pool;

struct lth_intake {
    const lth_intake_conf *conf;
    lth_log log;
    const lth_clock *clock;
    lth_accounts accounts;
    lth_names names;
    lth_sessions *sessions;
    lth_failures *failures;
    lth_schools *schools;
    uint8_t secret[LTH_HASH_SIZE];
    int lock_fd;
    int64_t started_ns; /**< By the clock of file times. */
    struct MHD_Daemon *daemon;
    lth_pool pools[LTH_POOL_COUNT];
    pthread_mutex_t lock; /**< Guards what follows. */
    lth_watch *watches;
    lth_request *requests;
    struct lth_hour *hours; /**< Files of each school within the hour. */
    size_t n_hours;
    atomic_bool stopping;
};

/* ---- http.c ---- */
LTH_MUST_USE lth_err lth_http_start(lth_intake *self, lth_diag *diag);
void lth_http_stop(lth_intake *self);
/** End connections that take too long. */
void lth_http_watch(lth_intake *self);

/* ---- admit.c: judged before the body comes ---- */
/** Fills route, address, language, session; false: r->reply says no. */
bool lth_admit(lth_request *r, const char *url, const char *method);
/** Is this token the one the form was given? */
bool lth_csrf_right(const lth_request *r, const char *sent);
/** Signed in anew under this cookie. */
void lth_csrf_of(lth_request *r, const char *cookie);
/** A fresh cookie, told with the reply. */
void lth_cookie_new(lth_request *r);

/* ---- body.c ---- */
bool lth_body_begin(lth_request *r);
void lth_body_feed(lth_request *r, const char *p, size_t n);
/** All of it has come: what is missing? */
void lth_body_end(lth_request *r);

/* ---- reply.c ---- */
void lth_refuse(lth_request *r, unsigned status, const char *vi, const char *en);
void lth_redirect(lth_request *r, const char *to);
void lth_frame_fill(const lth_request *r, lth_frame_of *frame, const char *title);
enum MHD_Result lth_reply_send(lth_request *r);
void lth_reply_init(lth_request *r);
void lth_reply_fini(lth_request *r);

/* ---- ask.c: the agent ---- */
typedef struct lth_answer {
    int status;   /**< As lth_control_ask(): 0 done, 3 not reachable, ... */
    json_t *rows; /**< Array. */
    json_t *end;
} lth_answer;
/** @p request is stolen; gets the verb and this school's code. */
void lth_ask(lth_request *r, const char *verb, json_t *request, lth_answer *out);
void lth_answer_fini(lth_answer *answer);
/** Say what the agent said (or that it says nothing) as the reply. */
void lth_answer_refuse(lth_request *r, const lth_answer *answer);
/** The upload among the rows of upload_show, and its findings as a new array. */
const json_t *lth_answer_upload(const lth_answer *answer);
json_t *lth_answer_findings(const lth_answer *answer);

/* ---- do_*.c: what the routes do ---- */
void lth_do_sign_in_page(lth_request *r);
void lth_do_sign_in(lth_request *r);
void lth_do_first_page(lth_request *r);
void lth_do_first(lth_request *r);
void lth_do_sign_out(lth_request *r);
void lth_do_account(lth_request *r);
void lth_do_token(lth_request *r);
void lth_do_revoke(lth_request *r);
void lth_do_passphrase(lth_request *r);
void lth_do_style(lth_request *r);
void lth_do_icon(lth_request *r);
void lth_do_health(lth_request *r);
void lth_do_main(lth_request *r);
void lth_do_upload(lth_request *r);
void lth_do_put(lth_request *r);
void lth_do_list_json(lth_request *r);
void lth_do_status_json(lth_request *r);
void lth_do_detail(lth_request *r);
void lth_do_act(lth_request *r);
void lth_do_answers(lth_request *r);
void lth_do_chat(lth_request *r);
void lth_do_receipt(lth_request *r);
void lth_do_receipt_json(lth_request *r);
/** Does this file still lie in the inbox, unread? */
bool lth_waits_in_inbox(const lth_request *r, const char *id);
/** Parameter of the query, NULL. */
const char *lth_query(const lth_request *r, const char *name);

/* ---- pool.c ---- */
LTH_MUST_USE lth_err lth_pool_start(lth_pool *pool, size_t threads, size_t max);
/** False: too many are waiting. */
bool lth_pool_add(lth_pool *pool, lth_request *r);
/** Finishes what is queued. */
void lth_pool_stop(lth_pool *pool);
