/**
 * @file broker/core/broker.h
 * Broker state machine: accepts verified batches from below, merges them, decides what to
 * acknowledge, hold and forward. The same program at every tier.
 *
 * Pure: no sockets, clock, threads, files; hashing, signing, store and log come in as tables. The
 * shell (broker/shell) and the simulator (tests/sim) are its only drivers.
 *
 * One step = one store transaction:
 *   begin(write) -> lth_broker_handle()* -> commit -> lth_broker_committed() -> begin(read) ->
 *   lth_broker_pump() -> drain lth_broker_next() and act -> end the read transaction.
 * After any error of handle or commit: abort, lth_broker_free(), lth_broker_open() again from the
 * store.
 */
#pragma once

#include "lth/frame.h"
#include "lth/log.h"
#include "lth/policy.h"
#include "lth/public.h"
#include "lth/rule.h"
#include "lth/store.h"
#include "lth/time.h"

/* name; all integers big-endian; positions: epoch 4 | seq 8 | hash 32 */
#define LTH_BROKER_TABLES(X)                                                                       \
    X(meta)    /* name -> value: format, incarnation, counters, frontier, acked lanes */           \
    X(log)     /* accept_no 8 -> signed header 256 | receive_ms 8 | flags 1 | attestation */       \
    X(body)    /* accept_no 8 -> body as received */                                               \
    X(chain)   /* origin 16 | stream 8 | epoch 4 | seq 8 -> accept_no 8 | header hash 32 */        \
    X(head)    /* origin 16 | stream 8 -> struct lth_head encoded */                               \
    X(grants)  /* origin 16 | stream 8 | epoch 4 -> grant bytes */                                 \
    X(record)  /* dataset 2 | record_id 16 | slot 2 -> struct lth_record_row encoded | wire bytes  \
                */                                                                                 \
    X(natural) /* lth_natural_key() -> record_id 16 */                                             \
    X(count)   /* org prefix 8 | dataset 2 -> live 8 | absent 8 */                                 \
    X(held)    /* accept_no 8 | index 4 -> struct lth_held_row encoded */                          \
    X(heldby)  /* dataset 2 | record_id 16 | slot 2 -> accept_no 8 | index 4 of the open hold */   \
    X(await)   /* dataset 2 | accept_no 8 -> nothing: has records of a dataset not defined here */ \
    X(out)     /* destination 16 | lane 1 | out_no 8 -> kind 1 | accept_no 8 | mask */             \
    X(link)    /* child org 16 | incarnation 8 -> acked lane 0..2, 8 each */                       \
    X(feed)    /* feed_no 8 -> dataset 2 | record_id 16 | slot 2 */                                \
    X(receipt) /* origin 16 | stream 8 | tier 16 -> receipt bytes */                               \
    X(cert)    /* key_id 32 -> n 4 | leaf DER | CA DER */                                          \
    X(fork)    /* origin 16 | stream 8 | epoch 4 | seq 8 -> both signed headers, 512 */            \
    X(act)     /* accept_no 8 -> kind 1 | when_ms 8 | what: in the log, and no batch */            \
    X(release) /* origin 16 | stream 8 | epoch 4 | seq 8 | when_ms 8 | hash 8 -> accept_no 8 */    \
    X(owed) /* hash 32 of a release -> accept_no 8 | lane 1 | out_no 8: parent has not said yes */ \
    X(wanted) /* dataset 2 | wait 1 | natural key's hash 16 | accept_no 8 | index 4 -> nothing */  \
    X(wake) /* dataset 2 | wait 1 | hash 16 -> accept_no 8 | index 4: go on with `wanted` there */ \
    X(unique) /* org prefix 8 | dataset 2 | rule 2 | hash 16 of a value | record_id 16 -> nothing: \
                 that living record has it */                                                      \
    X(indexed) /* dataset 2 | rule 2 -> definition's hash 32 | state 1 | how far 16, of `unique`   \
                */                                                                                 \
    X(guard)   /* org prefix 8 | dataset 2 -> epoch 4 | live before 8 | ended 8, of a snapshot */  \
    X(warning) /* dataset 2 | record_id 16 | rule 2 -> struct lth_warning_row encoded */           \
    X(warned)  /* org prefix 8 | dataset 2 | rule 2 -> open 8 | accepted 8 */

enum lth_broker_store_table {
#define X(name) LTH_T_##name,
    LTH_BROKER_TABLES(X)
#undef X
        LTH_T_COUNT
};
extern const char *const lth_broker_table_names[LTH_T_COUNT];

/** Origin's state at this broker. */
typedef enum lth_origin_state {
    LTH_ORIGIN_OK = 0,
    LTH_ORIGIN_STOPPED = 1,
    LTH_ORIGIN_FROZEN = 2
} lth_origin_state;

typedef struct lth_head {
    lth_position at;
    uint64_t next_rec_seq;
    uint64_t last_ms; /**< When the last batch was accepted here. */
    lth_id via_org;   /**< Node that delivered it. */
    lth_id entry_org;
    lth_origin_state state;
    lth_refusal code;       /**< Why, when not OK. */
    uint64_t held;          /**< Open holds. */
    uint64_t records_total; /**< Records received in all batches. */
    uint8_t out_lane; /**< Lane and number of the origin's last entry in `out` to the parent. */
    uint64_t out_no;
    uint64_t
        requeued_at; /**< First out_no written by the last re-queue: older gap answers are stale. */
    uint32_t grant_day; /**< Day and count of automatic epoch grants (at most 3 a day). */
    uint32_t grants_today;
} lth_head;

typedef enum lth_row_state {
    LTH_ROW_LIVE = 1,
    LTH_ROW_DELETED = 2,
    LTH_ROW_ABSENT = 3 /**< by a RANGE */,
    LTH_ROW_ERASED = 4
} lth_row_state;

/** One record (one author's part). The version in force is the greatest (term, epoch, rec_seq). */
typedef struct lth_record_row {
    lth_row_state state;
    lth_id author;
    uint32_t term, epoch;
    uint64_t rec_seq;
    uint64_t accept_no; /**< Batch and index that carried it: for proofs. */
    uint32_t index;
    uint64_t leaf8; /**< First 8 bytes of its leaf: checked on reading. */
    lth_slice wire; /**< Form 1 or 2, as received. */
} lth_record_row;

/** What a held record waits for in table `natural`; found there again by table `wanted`. */
typedef enum lth_wait_kind {
    LTH_WAIT_NOTHING = 0,
    LTH_WAIT_PRESENT = 1, /**< A record with this key. */
    LTH_WAIT_FREE = 2,    /**< That this key belongs to nobody. */
    LTH_WAIT_UNIQUE = 3   /**< That another record gives up a value, in table `unique`. */
} lth_wait_kind;
typedef struct lth_wait {
    lth_wait_kind kind;
    uint16_t dataset;
    uint8_t hash[16]; /**< Of lth_natural_key(); UNIQUE: of the value, as in its key there. */
} lth_wait;

typedef struct lth_held_row {
    lth_id origin;
    uint64_t stream;
    uint32_t epoch;
    uint64_t seq;
    uint16_t dataset;
    lth_id record_id;
    lth_refusal code;
    uint16_t group, field;
    uint64_t receive_ms;
    lth_id tier_org; /**< Who held it. */
    uint16_t rule;   /**< Rule, reference or unique, or 0. */
    lth_wait wait;
    uint64_t decided_no; /**< Act of the person who rejected it here, or 0: lth_decided_read(). */
} lth_held_row;

/** A rule that a merged record does not meet, or a record it names that is not there. Kept at the
 * entry broker only: it sees the whole record, and its people talk with the school. */
typedef struct lth_warning_row {
    uint64_t since_ms;
    lth_severity severity;
    uint64_t accept_no; /**< Version that is warned about. */
    uint32_t index;
    uint64_t accepted_ms; /**< 0: nobody accepted it. Forgotten with the next version. */
    lth_slice by, why;    /**< Of the acceptance. */
    /* Of a person at the school who accepted it there, as its agent says; 0 and empty: nobody did.
     * Shown, and nothing else: the warning stays open here. */
    uint64_t said_ms;
    lth_slice said_by, said_why;
} lth_warning_row;

/** Encoders and decoders of table values, used by the core, views and checkers. Decode: false =
 * corrupt. */
size_t lth_head_encode(uint8_t out[160], const lth_head *head);
bool lth_head_decode(lth_head *out, lth_slice in);
#define LTH_RECORD_ROW_FIXED 53u
size_t lth_record_row_encode(uint8_t out[LTH_RECORD_ROW_FIXED],
                             const lth_record_row *row); /**< without wire */
bool lth_record_row_decode(lth_record_row *out, lth_slice in);
#define LTH_HELD_ROW_MAX 128u
size_t lth_held_row_encode(uint8_t out[LTH_HELD_ROW_MAX], const lth_held_row *row);
/** Also rows of 84 bytes, written before there were rules, and of 105, before acts were named. */
bool lth_held_row_decode(lth_held_row *out, lth_slice in);
#define LTH_WARNING_ROW_MAX (43u + 2u * (LTH_BY_MAX + LTH_WHY_MAX))
size_t lth_warning_row_encode(uint8_t out[LTH_WARNING_ROW_MAX], const lth_warning_row *row);
/** Also rows without what the school said, as they were before. */
bool lth_warning_row_decode(lth_warning_row *out, lth_slice in);

/** Kinds of entries in `act`. */
typedef enum lth_act_kind {
    LTH_ACT_DECISION = 1, /**< what 1 | n 4 | n x (accept_no 8 | index 4) | by_n 1 | by | why_n 2 |
                             why; for an accepted warning: dataset 2 | record_id 16 | rule 2 in
                             place of the list, n = 0. */
    LTH_ACT_RELEASE = 2   /**< A release statement, as signed. */
} lth_act_kind;

/** Who decided about records, why and when: of an act of kind DECISION, slices into the store. */
typedef struct lth_decided_by {
    lth_slice by, why;
    uint64_t when_ms;
} lth_decided_by;
/** LTH_OK, all empty when @p decided_no is 0; LTH_E_STORE_*. */
LTH_MUST_USE lth_err lth_decided_read(lth_decided_by *out, lth_txn *txn, uint64_t decided_no);
/** The record of the same school that has the value which this held one may not have (not_unique);
 * zeros when there is none. LTH_OK, LTH_E_STORE_*. */
LTH_MUST_USE lth_err lth_held_other(lth_txn *txn, const lth_held_row *row, lth_id *out);

/* ---- checking, on worker threads ---- */

typedef struct lth_check_env {
    lth_hasher hasher; /**< The worker's own. */
    const lth_trust *trust;
    const lth_registry *registry;
    const lth_schema *schema;
} lth_check_env;

typedef struct lth_checked_record {
    uint32_t offset, size; /**< In the body. */
    lth_id record_id;
    uint16_t dataset;
    uint16_t slot; /**< 0 = owner's part, else the least group number its author owns there. */
    uint16_t code; /**< Own judgement: lth_refusal of one record, or none. */
    uint16_t group, field, rule; /**< Of the first error. */
    uint8_t op, form;
    bool refers, warns; /**< Its dataset has references; has rules that only warn. */
    uint32_t natural_offset, natural_size; /**< Natural group bytes in the body when shown; size
                                              UINT32_MAX: not shown. */
    uint64_t leaf8;
} lth_checked_record;

/** A rule that a record does not meet and is merged all the same. */
typedef struct lth_checked_warning {
    uint16_t index, rule;
    uint8_t severity;
} lth_checked_warning;
#define LTH_CHECKED_WARNINGS_MAX 2000u /**< Of one batch; what is beyond is not listed. */

/** Everything about a batch that needs no store. Make with lth_checked_new() once per worker slot,
 * re-use. */
typedef struct lth_checked {
    lth_refusal code; /**< Whole batch; the rest is only set as far as it got. */
    char detail[LTH_DETAIL_MAX];
    lth_batch_check batch;
    bool has_attest;
    lth_attest attest; /**< Decoded, signature good. */
    bool has_grant;
    lth_grant grant;
    uint32_t n_records;
    lth_checked_record records[LTH_BATCH_RECORDS_MAX];
    uint32_t n_warnings;
    lth_checked_warning warnings[LTH_CHECKED_WARNINGS_MAX]; /**< Ascending indexes. */
    uint8_t leaves[LTH_BATCH_RECORDS_MAX][LTH_HASH_SIZE];   /**< Scratch. */
} lth_checked;

/** Pure and thread-safe: signature, root, statements, judgement of every record. */
void lth_broker_check(lth_checked *out, const lth_check_env *env, const lth_frame_batch *batch);

/* ---- the machine ---- */

typedef struct lth_broker lth_broker;

typedef uint64_t lth_peer;
#define LTH_PEER_PARENT                                                                            \
    0u /**< The link upward; peers below have handles > 0 given by the driver, never re-used. */

typedef struct lth_broker_env {
    lth_id org;
    bool has_parent;
    lth_id parent_org;
    lth_hasher hasher;
    const lth_signer *signer;
    const lth_trust *trust;
    lth_random random;
    lth_log log;
    const lth_registry *registry;
    const lth_schema *schema;
    const lth_policy *policy;
    lth_slice own_leaf_der, own_ca_der; /**< Sent as CERTS to peers. */
    lth_id public_org;  /**< Author of the public stream; zeros: the top of this org's path. */
    uint32_t peers_max; /**< Credit window of an agent = pool / peers_max, 64 KiB..16 MiB; a broker
                           gets 16 MiB. */
    uint64_t credit_pool;  /**< Bytes; 0 = 256 MiB. */
    uint32_t gone_least;   /**< Fewer than these may always end; 0 = 50. */
    uint32_t gone_percent; /**< A snapshot that ends more than this share of an owner's records of a
                              dataset, and 50, is held for a person; 0 = 20. */
} lth_broker_env;

typedef enum lth_event_kind {
    LTH_EVENT_FRAME,     /**< From a peer below or, with LTH_PEER_PARENT, from above. */
    LTH_EVENT_PEER_DOWN, /**< A peer below went away (send failed, or silent). */
    LTH_EVENT_PARENT_UP,
    LTH_EVENT_PARENT_DOWN,
    LTH_EVENT_TIMER,
    LTH_EVENT_DECIDE, /**< A person decided about holds or a warning. */
} lth_event_kind;

typedef enum lth_decide {
    LTH_DECIDE_RETRY = 1,  /**< Judge again; a held mass deletion goes through. */
    LTH_DECIDE_REJECT = 2, /**< Stays out until its next version. */
    LTH_DECIDE_ACCEPT = 3  /**< A warning is accepted. */
} lth_decide;

typedef enum lth_decided {
    LTH_DECIDED_DONE = 1,      /**< Merged, closed, rejected or accepted. */
    LTH_DECIDED_HELD = 2,      /**< Judged again, and still held: `code`. */
    LTH_DECIDED_NOT_FOUND = 3, /**< No such open hold or warning. */
    LTH_DECIDED_NOT_HERE = 4   /**< Only the broker of `tier_org` may decide. */
} lth_decided;

#define LTH_DECIDE_MAX 256u
/** In: what, who, why and about which; out: the results. */
typedef struct lth_decision {
    lth_decide what;
    lth_slice by, why; /**< At most LTH_BY_MAX and LTH_WHY_MAX bytes. */
    uint32_t n;        /**< Holds; 0 for a warning. */
    struct {
        uint64_t accept_no;
        uint32_t index;
        lth_decided result;
        lth_refusal code;
        lth_id tier_org;
    } holds[LTH_DECIDE_MAX];
    uint16_t dataset, rule; /**< The warning. */
    lth_id record_id;
    lth_decided result;
} lth_decision;

typedef struct lth_event {
    lth_event_kind kind;
    lth_peer peer;
    lth_id user;   /**< Org of the peer's connection (certificate); for the parent its org. */
    lth_role role; /**< Of that certificate. */
    const lth_frame
        *frame; /**< Borrowed for the call. NULL: the bytes were not readable (bad_frame). */
    const lth_checked *checked; /**< For BATCH frames. */
    lth_decision *decision;     /**< For DECIDE; its results are good once the step is committed. */
} lth_event;

typedef enum lth_action_kind { LTH_ACTION_SEND, LTH_ACTION_DROP_PEER } lth_action_kind;

typedef struct lth_action {
    lth_action_kind kind;
    lth_peer peer;
    lth_frame frame; /**< Its slices are valid until the next call of handle or pump. */
} lth_action;

/** Rebuild from the store; on an empty store writes its format and incarnation. Learns all stored
 * certificates into the trust. LTH_OK, LTH_E_NOMEM, LTH_E_STORE_*. */
LTH_MUST_USE lth_err lth_broker_open(lth_broker **out, const lth_broker_env *env, lth_txn *txn,
                                     lth_now now, lth_diag *diag);
void lth_broker_free(lth_broker **self);

/** Registry, schema and policy were replaced (never while a check is under way). What waited for a
 * definition that is there now is released in slices, by events of any kind; deadline() asks for
 * them. So is the index of a new or changed `unique` built, of the records that are there, while
 * intake goes on; it goes on after a restart. That constraint counts against the records that are
 * in the index, and so in full once it is whole (holds are not judged again before): two records
 * that had a value alike before stay, and the next version of either is judged. One that is gone
 * lets its holds merge. */
void lth_broker_reload(lth_broker *self, const lth_registry *registry, const lth_schema *schema,
                       const lth_policy *policy);

/**
 * Feed one event. Peers' faults are not errors of this function: they become REJECT, HELD or
 * DROP_PEER. now.mono never decreases (asserted).
 * @return LTH_OK; LTH_E_NOMEM, LTH_E_STORE_*: abort the transaction and discard this instance.
 */
LTH_MUST_USE lth_err lth_broker_handle(lth_broker *self, lth_txn *txn, lth_now now,
                                       const lth_event *event, lth_diag *diag);
/** Room for another batch in this step (records and bytes, reliability.md: 8,000 records, 16 MiB)?
 */
bool lth_broker_step_full(const lth_broker *self);
/** The step's transaction is durable: its receipts, acks, holds and credits become actions. */
LTH_MUST_USE lth_err lth_broker_committed(lth_broker *self, lth_now now);
/** Read `out` and make SEND actions to the parent within its credit (at most 4 MiB a call), and
 * other work that only reads. Sets *more when there is more to send at once. */
LTH_MUST_USE lth_err lth_broker_pump(lth_broker *self, lth_txn *read, lth_now now, bool *more,
                                     lth_diag *diag);
bool lth_broker_next(lth_broker *self, lth_action *out);
/** When LTH_EVENT_TIMER is wanted. */
lth_mono lth_broker_deadline(const lth_broker *self);

/* ---- what `status` shows ---- */
typedef struct lth_broker_peer_info {
    lth_peer peer;
    lth_id org;
    lth_role role;
    lth_mono last_seen;
    uint64_t batches, records, rejected;
    uint64_t credit_left;
    int64_t clock_skew_ms;
} lth_broker_peer_info;
typedef struct lth_broker_info {
    uint64_t incarnation, accept_no, feed_no, tree_size;
    uint8_t root[LTH_HASH_SIZE];
    uint64_t out_waiting[LTH_LANES]; /**< Entries of `out` to the parent. */
    bool parent_up;                  /**< LINK_RESUME received. */
    lth_mono parent_last_seen;
    uint64_t held;                                          /**< Open holds. */
    uint64_t batches, records, rejected, duplicates, steps; /**< Since this start. */
    uint32_t n_peers;
    uint32_t indexing; /**< Uniques that do not count yet: their index is being built. */
} lth_broker_info;
void lth_broker_info_of(const lth_broker *self, lth_broker_info *out);
/** Up to @p max peers; returns how many. */
uint32_t lth_broker_peers(const lth_broker *self, lth_broker_peer_info *out, uint32_t max);

/* ---- the public stream (lth/public.h) ---- */

/** Seal and accept a publication in this step; at the top organisation's broker only. Children get
 * it by pump() after the commit. LTH_OK; LTH_E_CONFIG (not the author, or a change that no node
 * would take) and any other error: abort the transaction and discard this instance. */
LTH_MUST_USE lth_err lth_broker_publish(lth_broker *self, lth_txn *txn, lth_now now,
                                        const lth_public_change *changes, uint32_t n,
                                        lth_diag *diag);

typedef struct lth_broker_public_info {
    lth_id author;
    bool author_here;
    lth_position at; /**< Held here; committed once the step is. */
    bool whole;      /**< `at` ends a publication: what is held may be applied. */
    lth_origin_state state;
    lth_position above; /**< What the parent said it holds. */
    uint64_t taken_ms;  /**< When `at` came here; wall time. */
} lth_broker_public_info;
void lth_broker_public_of(const lth_broker *self, lth_broker_public_info *out);

/** Everything published that the store holds; also without a machine. LTH_OK, LTH_E_NOMEM,
 * LTH_E_STORE_*; free it with lth_public_set_fini(). */
LTH_MUST_USE lth_err lth_broker_public_read(lth_public_set *out, const lth_hasher *h, lth_txn *txn);

/** A peer below that reads the stream, and what it said it holds. */
typedef struct lth_broker_reader_info {
    lth_id org;
    lth_role role;
    lth_position at;
    lth_mono heard; /**< Its last word of any kind. */
} lth_broker_reader_info;
uint32_t lth_broker_public_readers(const lth_broker *self, lth_broker_reader_info *out,
                                   uint32_t max);
