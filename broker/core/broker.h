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
    X(fork)    /* origin 16 | stream 8 | epoch 4 | seq 8 -> both signed headers, 512 */

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
} lth_held_row;

/** Encoders and decoders of table values, used by the core, views and checkers. Decode: false =
 * corrupt. */
size_t lth_head_encode(uint8_t out[160], const lth_head *head);
bool lth_head_decode(lth_head *out, lth_slice in);
#define LTH_RECORD_ROW_FIXED 53u
size_t lth_record_row_encode(uint8_t out[LTH_RECORD_ROW_FIXED],
                             const lth_record_row *row); /**< without wire */
bool lth_record_row_decode(lth_record_row *out, lth_slice in);
size_t lth_held_row_encode(uint8_t out[96], const lth_held_row *row);
bool lth_held_row_decode(lth_held_row *out, lth_slice in);

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
    uint16_t group, field;
    uint8_t op, form;
    uint32_t natural_offset, natural_size; /**< Natural group bytes in the body when shown; size
                                              UINT32_MAX: not shown. */
    uint64_t leaf8;
} lth_checked_record;

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
    uint8_t leaves[LTH_BATCH_RECORDS_MAX][LTH_HASH_SIZE]; /**< Scratch. */
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
    lth_id public_org; /**< Author of the public stream; zeros: the top of this org's path. */
    uint32_t peers_max; /**< Credit window of an agent = pool / peers_max, 64 KiB..16 MiB; a broker
                           gets 16 MiB. */
    uint64_t credit_pool; /**< Bytes; 0 = 256 MiB. */
} lth_broker_env;

typedef enum lth_event_kind {
    LTH_EVENT_FRAME,     /**< From a peer below or, with LTH_PEER_PARENT, from above. */
    LTH_EVENT_PEER_DOWN, /**< A peer below went away (send failed, or silent). */
    LTH_EVENT_PARENT_UP,
    LTH_EVENT_PARENT_DOWN,
    LTH_EVENT_TIMER,
} lth_event_kind;

typedef struct lth_event {
    lth_event_kind kind;
    lth_peer peer;
    lth_id user;   /**< Org of the peer's connection (certificate); for the parent its org. */
    lth_role role; /**< Of that certificate. */
    const lth_frame
        *frame; /**< Borrowed for the call. NULL: the bytes were not readable (bad_frame). */
    const lth_checked *checked; /**< For BATCH frames. */
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
 * them. */
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
} lth_broker_reader_info;
uint32_t lth_broker_public_readers(const lth_broker *self, lth_broker_reader_info *out,
                                   uint32_t max);
