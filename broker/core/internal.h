/**
 * @file broker/core/internal.h
 * What the files of the broker's core share. Nothing here is seen outside broker/core and its
 * tests.
 *
 * Decisions that need no store are made in check.c on worker threads; everything else runs inside
 * one lth_broker_handle() on the writer's transaction. Memory holds only what a restart may forget:
 * peers, who serves which origin now, the link upward, and work in slices.
 */
#pragma once

#include "broker/core/broker.h"
#include "broker/core/mutant.h"
#include "broker/core/public.h"

/** Return on any error of a call that yields lth_err. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        lth_err try_err = (call);                                                                  \
        if (try_err != LTH_OK) {                                                                   \
            return try_err;                                                                        \
        }                                                                                          \
    } while (0)

#define STEP_RECORDS_MAX 8000u
#define STEP_BYTES_MAX   (16u * 1024u * 1024u)
#define PUMP_BYTES_MAX   (4u * 1024u * 1024u)
#define SLICE_MAX        256u /**< Entries of one slice of work that must not hold up a step. */
#define TIERS_MAX        32u  /**< Certificates of tiers above that are passed down. */
#define NONE             UINT32_MAX
#define FIELDS_MAX       2048u /**< Numbers of fields end before. */

#define HEARTBEAT_NS     LTH_MONO_S(15)
#define SILENT_NS        LTH_MONO_S(90)
#define TICK_NS          LTH_MONO_S(1)
#define STALLED_NS       LTH_MONO_S(60)
#define SWEEP_NS         LTH_MONO_S(60)

/** Value of `log`. */
#define LOG_FIXED    265u
#define LOG_HEADERS  1u /**< No body came along. */
#define LOG_REDACTED 2u
#define LOG_ENTRY    4u /**< This broker was the entry: the attestation is its own. */
/** Kinds of entries in `out`. */
#define OUT_BATCH   1u
#define OUT_RELEASE 2u /**< accept_no is that of an act. */
/** lth_head.requeued_at: lane in the bits above, out_no below. */
#define LANE_SHIFT 62

typedef struct broker_peer {
    lth_peer handle;
    lth_id org;
    lth_role role;
    bool hello;
    uint32_t version; /**< Spoken on this link. */
    uint64_t incarnation;
    lth_mono last_seen, last_sent;
    uint64_t window;
    uint64_t used; /**< Bytes of BATCH received since LINK_RESUME. */
    uint64_t done; /**< Of those, committed or refused. */
    uint64_t granted;
    uint64_t acked[LTH_LANES]; /**< Child broker: last out_no held. */
    bool ack_due[LTH_LANES];
    bool touched;
    uint32_t bad_frames;
    lth_mono bad_since;
    bool resync; /**< Receipts of the origins it delivered are being repeated. */
    uint8_t resync_key[24];
    size_t resync_n;
    uint64_t batches, records, rejected;
    int64_t skew_ms;
    broker_reader reader;
} broker_peer;

/** An origin that some peer has spoken for since the start. */
typedef struct broker_origin {
    lth_id id;
    uint64_t stream;
    lth_peer peer; /**< Who serves it now; 0 = nobody. */
    uint64_t session;
    uint32_t granted; /**< Newest epoch in `grants`. */
    uint32_t used;    /**< Epoch of its sender's store, as it said when it asked for another. */
    bool receipt_due;
    uint8_t form; /**< Of the batch at `at`. */
    lth_position at;
    uint64_t held;
    bool wants_grant;   /**< Its peer waits for an EPOCH_GRANT while the parent is asked. */
    lth_peer asker;     /**< Child broker that waits for a HEAD_ANSWER; 0 = none. */
    lth_mono asked_at;  /**< 0 = no HEAD_QUERY under way. */
    bool requeue;       /**< Batches from `from` on go to `out` again. */
    bool requeue_fresh; /**< None of them is written yet. */
    lth_mono requeue_at;
    lth_position from; /**< Hash unused. */
    uint8_t lane;
    bool telling;          /**< Its peer is being told the open holds. */
    uint8_t tell_from[20]; /**< Next key of `heldby` to look at. */
} broker_origin;

/** What becomes of one record of a batch. */
typedef enum broker_fate {
    FATE_LEAF,       /**< Withheld, or not asked for: nothing to merge. */
    FATE_CANDIDATE,  /**< Good; not yet compared. */
    FATE_SUPERSEDED, /**< A greater version is there. */
    FATE_MERGED,
    FATE_RANGE,
    FATE_HELD,
    FATE_HELD_CLOSED, /**< Held, and a later one of the same batch took its place. */
} broker_fate;

typedef struct broker_outcome {
    uint8_t fate;      /**< broker_fate */
    uint8_t old_state; /**< lth_row_state, 0 = no row. */
    bool had_natural;  /**< The old row's natural key was taken away. */
    bool same_natural; /**< Old and new natural key are equal: the entry stands. */
    bool took_natural; /**< The new natural key was taken. */
    lth_wait gave_up;  /**< The old one, if anybody may wait for it. */
    uint16_t code, group, field, rule;
    lth_wait wait;
} broker_outcome;

typedef struct broker_count {
    uint8_t key[10];
    int64_t live, absent;
} broker_count;

/** Scratch of one merge. */
typedef struct broker_merge {
    uint16_t order[LTH_BATCH_RECORDS_MAX];
    uint16_t spare[LTH_BATCH_RECORDS_MAX];
    uint16_t attested[LTH_BATCH_RECORDS_MAX];
    uint8_t stated[LTH_BATCH_RECORDS_MAX]; /**< lth_release_action of the entry broker, or 0. */
    uint8_t pick[LTH_BATCH_RECORDS_MAX];   /**< Of a stored batch: this record is asked for. */
    broker_outcome out[LTH_BATCH_RECORDS_MAX];
    broker_count counts[16];
    uint32_t n_counts;
    lth_checked_warning warnings[LTH_CHECKED_WARNINGS_MAX]; /**< References; ascending rounds. */
    uint32_t n_warnings;
} broker_merge;

typedef enum broker_index_state {
    INDEX_READY = 1,    /**< Whole: it counts. */
    INDEX_BUILDING = 2, /**< Records up to `at` are in, and all merged since. */
    INDEX_DROPPING = 3  /**< Entries of another definition are deleted, from owner `at` on. */
} broker_index_state;

/** A `unique` of the schema, and its entries in table `unique`. */
typedef struct broker_index {
    uint16_t dataset, rule;
    broker_index_state state;
    uint8_t print[LTH_HASH_SIZE]; /**< Of the definition; zeros: none. */
    uint8_t at[16];
    const lth_unique *unique; /**< NULL: not defined any more. */
} broker_index;

/** A value that a record of the batch has, or would have once it is merged. */
typedef struct broker_claim {
    uint8_t key[28]; /**< UNIQUE_SHARED of it. */
    uint16_t record; /**< Index in the batch. */
    uint16_t index;  /**< In self->indexes. */
    bool old;        /**< The version before has it, else the new one. */
    bool returned;   /**< Old: its record is not merged after all. */
    bool dirty;      /**< First of one value: to be looked at. */
} broker_claim;

/** Why records of a stored batch are judged again. */
typedef enum broker_again {
    AGAIN_NOT = 0, /**< A new batch. */
    AGAIN_DEFINED, /**< Their dataset is defined by now. */
    AGAIN_HEALED,  /**< What they waited for may have come; or rules changed. */
    AGAIN_RETRIED, /**< A person asks. */
    AGAIN_STATED   /**< Their entry broker says so. */
} broker_again;

typedef struct broker_tier {
    uint8_t key_id[LTH_HASH_SIZE];
    lth_id org;
    uint8_t *leaf, *ca; /**< ca lies behind leaf in one block. */
    size_t leaf_n, ca_n;
} broker_tier;

/** The link upward. */
typedef struct broker_link {
    bool up;    /**< Connection is there. */
    bool ready; /**< LINK_RESUME received. */
    lth_mono last_seen, last_sent;
    uint64_t credit, sent;
    uint64_t next[LTH_LANES]; /**< Next out_no to look at. */
    uint64_t last_sent_no[LTH_LANES];
    uint64_t *told; /**< Key ids (first 8 bytes) whose certificates were sent in this session. */
    uint32_t told_cap, told_n;
    lth_mono hello_at;
    lth_mono moved_at; /**< Last time that an entry was acknowledged, or none was outstanding. */
    bool believed;     /**< A receipt of the parent was believed: its key is known. */
} broker_link;

struct lth_broker {
    lth_broker_env env;
    lth_hasher *hasher; /**< &env.hasher */
    const lth_org *self_org;

    /* kept in table meta */
    uint64_t incarnation, accept_no, feed_no;
    uint64_t out_no[LTH_LANES], out_acked[LTH_LANES], out_count[LTH_LANES];
    lth_frontier frontier;
    bool meta_dirty;

    broker_peer **peers; /**< Ascending handles. */
    uint32_t n_peers, cap_peers;

    broker_origin *origins; /**< In order of first appearance. */
    uint32_t n_origins, cap_origins;
    uint32_t *origin_index;
    uint32_t cap_index;
    uint32_t *touched; /**< Origins with a receipt due. */
    uint32_t n_touched, cap_touched;
    uint32_t n_requeues;
    uint32_t n_telling; /**< Origins with `telling`. */
    lth_mono requeue_due;

    broker_link link;
    broker_public public_;
    uint64_t trimmed[LTH_LANES]; /**< Entries of `out` up to here are deleted. */
    broker_tier tiers[TIERS_MAX];
    uint32_t n_tiers;
    uint8_t sweep_key[24];
    size_t sweep_n;
    lth_mono sweep_at;

    lth_action *actions;
    uint32_t n_actions, cap_actions, next_action;
    lth_arena *arena; /**< Bytes of actions. */
    lth_buf body;     /**< A shaped body. */
    lth_buf row;      /**< A copied row. */
    broker_merge merge;
    lth_attest attest;
    uint8_t attest_bytes[LTH_ATTEST_BYTES_MAX];

    lth_mono now, next_tick;
    uint32_t today;
    uint32_t step_records;
    uint64_t step_bytes;
    uint64_t held; /**< Open holds. */

    broker_index *indexes; /**< Ascending dataset, rule. */
    uint32_t n_indexes;
    bool judges;      /**< This node is the entry of some school: it keeps indexes. */
    bool indexes_due; /**< The schema may be another than they were made by. */
    bool indexing;    /**< One of them is not whole. */
    lth_buf unique_value;
    broker_claim *claims; /**< Of one merge; in order of key once all are there. */
    uint32_t n_claims, cap_claims;

    uint8_t awaited[4][8192]; /**< Per lth_wait_kind: bit of a dataset that `wanted` may have. */
    uint8_t warned[8192];     /**< Bit of a dataset that `warning` may have. */
    bool waking;              /**< Table `wake` has entries. */
    bool rejudging;           /**< Table `held` is being walked: rules may have changed. */
    uint8_t rejudge_from[12]; /**< Next key to look at. */
    uint8_t owed_from[LTH_HASH_SIZE];
    lth_mono owed_at; /**< When to look for releases that the parent did not confirm. */
    lth_release statement;
    struct lth_value *values; /**< Of one record. NULL until first needed. */
    uint8_t statement_bytes[LTH_RELEASE_BYTES_MAX];

    bool releasing; /**< Table `await` is being walked, for datasets that are defined by now. */
    uint8_t release_from[10]; /**< Next key to look at. */
    lth_checked *again;       /**< A stored batch, judged again. NULL until first needed. */
    uint64_t batches, records, rejected, duplicates, steps;
};

/** Why a whole batch is not taken. code none: it is. */
typedef struct broker_verdict {
    lth_refusal code;
    bool duplicate;
    bool fork;
    uint32_t epoch; /**< Where to send again from. */
    uint64_t resend_from;
    uint32_t wait_ms;
    const char *detail;
} broker_verdict;

/** One BATCH under decision. */
typedef struct broker_batch {
    lth_txn *txn;
    lth_now now;
    broker_peer *peer; /**< Who hears of its holds; NULL: nobody. */
    lth_id via;        /**< Node that delivered it. */
    broker_origin *origin;
    const lth_frame_batch *frame;
    const lth_checked *c;
    const lth_org *org;
    bool entry;          /**< We are the first broker on its way. */
    uint64_t receive_ms; /**< At the entry broker. */
    bool has_head;
    bool new_epoch;
    lth_head head;
    uint64_t accept_no;
    lth_slice attest;
    broker_again again; /**< Not new: merge.pick says which records. */
    bool stated;        /**< Table `release` knows of it. */
} broker_batch;

/* ---- tables.c: keys and rows ---- */
void lth_broker__key_origin(uint8_t out[24], const lth_id *origin, uint64_t stream);
void lth_broker__key_position(uint8_t out[36], const lth_id *origin, uint64_t stream,
                              uint32_t epoch, uint64_t seq);
void lth_broker__key_record(uint8_t out[20], uint16_t dataset, const lth_id *id, uint16_t slot);
void lth_broker__key_out(uint8_t out[25], const lth_id *to, lth_lane lane, uint64_t out_no);
/** LTH_OK with *found false when there is none. */
lth_err lth_broker__head_get(lth_txn *txn, const lth_id *origin, uint64_t stream, lth_head *out,
                             bool *found);
lth_err lth_broker__head_put(lth_txn *txn, const lth_id *origin, uint64_t stream,
                             const lth_head *head);
lth_err lth_broker__chain_get(lth_txn *txn, const lth_id *origin, uint64_t stream, uint32_t epoch,
                              uint64_t seq, uint64_t *accept_no, uint8_t hash[LTH_HASH_SIZE],
                              bool *found);
/** Value of `log`; borrowed. LTH_E_STORE_CORRUPT when it is missing or short. */
lth_err lth_broker__log_get(lth_txn *txn, uint64_t accept_no, lth_slice *out);
/** Grant of exactly that epoch, or with epoch UINT32_MAX the newest. */
lth_err lth_broker__grant_get(lth_txn *txn, const lth_id *origin, uint64_t stream, uint32_t epoch,
                              uint8_t bytes[LTH_GRANT_BYTES], lth_grant *out, bool *found);

/* ---- meta.c ---- */
lth_err lth_broker__meta_load(lth_broker *self, lth_txn *txn, bool *fresh, lth_diag *diag);
lth_err lth_broker__meta_save(lth_broker *self, lth_txn *txn);

/* ---- actions.c ---- */
lth_err lth_broker__send(lth_broker *self, lth_peer to, const lth_frame *frame);
/** So much waits to be sent that a notice nobody depends on is left out? */
bool lth_broker__crowded(const lth_broker *self);
lth_err lth_broker__drop(lth_broker *self, lth_peer peer);
/** Copy into the arena of actions. LTH_E_NOMEM. */
lth_err lth_broker__keep(lth_broker *self, lth_slice *bytes);

/* ---- peers.c ---- */
broker_peer *lth_broker__peer(lth_broker *self, lth_peer handle);
lth_err lth_broker__peer_add(lth_broker *self, const lth_event *event, broker_peer **out);
void lth_broker__peer_forget(lth_broker *self, lth_peer handle);
broker_origin *lth_broker__origin(lth_broker *self, const lth_id *id, uint64_t stream);
/** Find or add; reads its newest grant. The pointer is valid until the next add. */
lth_err lth_broker__origin_add(lth_broker *self, lth_txn *txn, const lth_id *id, uint64_t stream,
                               broker_origin **out);
lth_err lth_broker__touch(lth_broker *self, broker_origin *origin);
void lth_broker__free_maps(lth_broker *self);

/* ---- session.c, certs.c ---- */
lth_err lth_broker__link_hello(lth_broker *self, lth_txn *txn, lth_now now, broker_peer *peer,
                               const lth_event *event);
lth_err lth_broker__hello(lth_broker *self, lth_txn *txn, broker_peer *peer,
                          const lth_frame_hello *hello);
lth_err lth_broker__resume(lth_broker *self, const broker_origin *origin, const lth_head *head,
                           lth_resume_state state, lth_refusal code, uint32_t wait_ms);
bool lth_broker__may_carry(const lth_broker *self, const lth_id *carrier, const lth_id *origin);
lth_err lth_broker__certs(lth_broker *self, lth_txn *txn, lth_peer from,
                          const lth_frame_certs *certs);
lth_err lth_broker__certs_load(lth_broker *self, lth_txn *txn);
lth_err lth_broker__certs_greet(lth_broker *self, lth_peer to);
/** Send upward the certificates of a key, once a link session. */
lth_err lth_broker__certs_tell(lth_broker *self, lth_txn *read, const uint8_t *key_id);
void lth_broker__certs_free(lth_broker *self);
lth_err lth_broker__reject(lth_broker *self, lth_peer to, const lth_frame_reject *reject);

/* ---- ingest.c, continuity.c, accept.c ---- */
lth_err lth_broker__batch(lth_broker *self, lth_txn *txn, lth_now now, broker_peer *peer,
                          const lth_event *event);
lth_err lth_broker__continuity(lth_broker *self, broker_batch *b, broker_verdict *v);
lth_err lth_broker__accept(lth_broker *self, broker_batch *b);
lth_err lth_broker__fork(lth_broker *self, broker_batch *b);

/* ---- check.c, await.c ---- */
/** Fill in @p out from a batch of the store as lth_broker_check() does, without what was verified
 * when it came. Only the picked records are judged. @p pick NULL: all. False: it is not whole. */
bool lth_broker__judge_again(lth_checked *out, const lth_check_env *env,
                             const lth_frame_batch *batch, const uint8_t *pick);
/** Is @p key_id a broker's key of @p org? */
lth_refusal lth_broker__statement_key(const lth_check_env *env, lth_slice bytes,
                                      const uint8_t key_id[LTH_HASH_SIZE], const lth_id *org);
/** Remember a batch just merged that has records of a dataset not defined here. */
lth_err lth_broker__await_put(lth_broker *self, const broker_batch *b);
/** Do earlier records of this dataset, defined by now, still wait for their release? */
lth_err lth_broker__await_pending(lth_broker *self, lth_txn *txn, uint16_t dataset, bool *yes);
/** Definitions may have come: look through table `await` from its start. */
void lth_broker__await_look(lth_broker *self);
/** Release a slice. */
lth_err lth_broker__await_run(lth_broker *self, lth_txn *txn, lth_now now);

/* ---- merge.c, natural.c, range.c, holds.c ---- */
lth_err lth_broker__merge(lth_broker *self, broker_batch *b);
/** Index of the owner's part of a record in the batch (@p merged: the version that was merged), or
 * NONE. A RANGE is no record. */
uint32_t lth_broker__find_in_batch(const lth_broker *self, const lth_checked *c, uint16_t dataset,
                                   const lth_id *id, bool merged);
/** Key of `natural` for a row's wire bytes; size 0 when its natural group is not shown. */
size_t lth_broker__natural_of(const lth_broker *self, lth_slice wire, uint8_t key[512]);
lth_err lth_broker__natural_drop(lth_txn *txn, const uint8_t *key, size_t size, const lth_id *id);
lth_err lth_broker__natural_take(lth_broker *self, broker_batch *b, uint32_t index);
/** A record that took its natural key is held after all: everything as it was before. */
lth_err lth_broker__natural_return(lth_broker *self, broker_batch *b, uint32_t index);
/** A merged record: who waits for the key it gave up, or for the one it has now? */
lth_err lth_broker__natural_tell(lth_broker *self, broker_batch *b, uint32_t index);
lth_err lth_broker__count(lth_broker *self, lth_txn *txn, uint16_t dataset, const lth_id *id,
                          int64_t live, int64_t absent);
lth_err lth_broker__count_flush(lth_broker *self, lth_txn *txn);
lth_err lth_broker__feed(lth_broker *self, lth_txn *txn, const uint8_t key[20]);
lth_err lth_broker__range(lth_broker *self, broker_batch *b, uint32_t index);
/** How many records it would end, counted up to @p most. */
lth_err lth_broker__range_count(lth_broker *self, broker_batch *b, uint32_t index, uint64_t most,
                                uint64_t *n);
/** The part of its owner's ids that a well-formed RANGE covers: behind lo, up to hi. */
void lth_broker__range_span(const broker_batch *b, uint32_t index, lth_id *lo, lth_id *hi);
lth_err lth_broker__hold(lth_broker *self, broker_batch *b, uint32_t index);
lth_err lth_broker__unhold(lth_broker *self, broker_batch *b, uint32_t index);
/** The open hold of exactly this record of a batch. */
lth_err lth_broker__held_at(lth_txn *txn, uint64_t accept_no, uint32_t index, lth_held_row *out,
                            bool *found);
/** An open hold stays, for another reason; by that act, when a person said so. */
lth_err lth_broker__hold_because(lth_broker *self, broker_batch *b, uint32_t index,
                                 lth_refusal code, uint64_t decided_no);
/** Close the hold of exactly this record, if it is open. */
lth_err lth_broker__unhold_own(lth_broker *self, broker_batch *b, uint32_t index);
/** A RANGE closes the holds of the records in (lo, hi] that its batch does not name, and of other
 * RANGEs that end there; one that is held itself only those. */
lth_err lth_broker__unhold_range(lth_broker *self, broker_batch *b, uint32_t index,
                                 const lth_id *lo, const lth_id *hi);
/** Tell the peer of an origin, which greets, every open hold of it: a slice now, the others by
 * lth_broker__holds_tell() with the ticks. */
lth_err lth_broker__holds_repeat(lth_broker *self, lth_txn *txn, broker_origin *origin);
lth_err lth_broker__holds_tell(lth_broker *self, lth_txn *txn);

/* ---- epochs.c ---- */
lth_err lth_broker__epoch_request(lth_broker *self, lth_txn *txn, lth_now now, broker_peer *peer,
                                  const lth_frame_epoch_request *request);
lth_err lth_broker__head_query(lth_broker *self, lth_txn *txn, broker_peer *peer,
                               const lth_frame_head_query *query);
lth_err lth_broker__head_answer(lth_broker *self, lth_txn *txn, lth_now now,
                                const lth_frame_head_answer *answer);
/** Must a person act before this origin goes on, or does a new epoch help? */
bool lth_broker__needs_person(lth_refusal code);

/* ---- outgoing.c, shape.c, forward.c, upward.c, requeue.c ---- */
/** Put one accepted batch in `out` to the parent, if any route names its origin. */
lth_err lth_broker__out_put(lth_broker *self, lth_txn *txn, const lth_org *org, uint64_t accept_no,
                            const uint16_t *datasets, uint32_t n, lth_lane lane, lth_head *head,
                            bool *written);
/** The same of a release, by the number of its act. */
lth_err lth_broker__out_release(lth_broker *self, lth_txn *txn, const lth_org *org,
                                uint64_t accept_no, lth_lane lane, lth_head *head, bool *written);
/** What was told in this link session may not have come. */
void lth_broker__told_forget(lth_broker *self);
/** The place on a broker link is kept with what came there. */
lth_err lth_broker__keep_place(lth_txn *txn, broker_peer *peer, lth_lane lane, uint64_t out_no);
/** Was something sent in this session that the parent has not acknowledged? */
bool lth_broker__outstanding(const lth_broker *self);
lth_lane lth_broker__lane_of(const lth_broker *self, const lth_head *head, lth_lane wanted);
/** Distinct datasets of the records shown in a body; returns how many. */
uint32_t lth_broker__datasets_of(lth_slice body, uint16_t list[LTH_BATCH_RECORDS_MAX]);
void lth_broker__out_passed(lth_broker *self, lth_lane lane);
lth_err lth_broker__out_batch(lth_broker *self, broker_batch *b);
lth_err lth_broker__out_trim(lth_broker *self, lth_txn *txn);
bool lth_broker__out_untrimmed(const lth_broker *self);
/** Body of a batch as the destination may see it: in place, shaped in self->body, or empty for the
 * signed header alone. */
lth_err lth_broker__shape(lth_broker *self, const lth_org *org, lth_slice mask, lth_slice body,
                          lth_slice *out);
lth_err lth_broker__forward(lth_broker *self, lth_txn *read, bool *more);
lth_err lth_broker__from_parent(lth_broker *self, lth_txn *txn, lth_now now,
                                const lth_event *event);
lth_err lth_broker__parent_up(lth_broker *self, lth_now now);
lth_err lth_broker__parent_greet_again(lth_broker *self, lth_now now);
void lth_broker__parent_down(lth_broker *self);
void lth_broker__requeue_want(lth_broker *self, broker_origin *origin, uint32_t epoch, uint64_t seq,
                              lth_lane lane, lth_mono at);
lth_err lth_broker__requeue_run(lth_broker *self, lth_txn *txn, lth_now now);
lth_err lth_broker__sweep(lth_broker *self, lth_txn *txn);

/* ---- receipts.c ---- */
lth_err lth_broker__receipt_note(lth_txn *txn, broker_origin *origin, const lth_head *head);
/** Sign and send what this broker holds of an origin. */
lth_err lth_broker__receipt_send(lth_broker *self, lth_peer to, const broker_origin *origin);
lth_err lth_broker__receipts_above(lth_broker *self, lth_txn *txn, lth_peer to,
                                   const lth_id *origin, uint64_t stream);
lth_err lth_broker__receipt_from_parent(lth_broker *self, lth_txn *txn,
                                        const lth_frame_receipt *receipt);
lth_err lth_broker__receipts_repeat(lth_broker *self, lth_txn *read, bool *more);
lth_err lth_broker__peer_credit(lth_broker *self, broker_peer *peer);

/* ---- public.c: the public stream; broker/core/public.h ---- */
/** Begin a call that is no event. */
lth_err lth_broker__begin(lth_broker *self, lth_txn *txn, lth_now now);
lth_err lth_broker__public_load(lth_broker *self, lth_txn *txn);
/** The registry was replaced. */
void lth_broker__public_forget(lth_broker *self);
void lth_broker__public_took(lth_broker *self, const broker_batch *b);
lth_err lth_broker__public_ask(lth_broker *self);
void lth_broker__public_resume(lth_broker *self, const lth_frame_resume *resume);
lth_err lth_broker__public_batch(lth_broker *self, lth_txn *txn, lth_now now,
                                 const lth_event *event);
/** ingest.c: in place of what a batch from below is asked. */
lth_err lth_broker__judge_public(lth_broker *self, broker_batch *b, broker_verdict *v);
lth_err lth_broker__public_hello(lth_broker *self, lth_txn *txn, broker_peer *peer,
                                 const lth_frame_hello *hello);
void lth_broker__public_gone(lth_broker *self, broker_peer *peer);
lth_err lth_broker__public_serve(lth_broker *self, lth_txn *read, bool *more);
lth_err lth_broker__public_committed(lth_broker *self);
lth_err lth_broker__public_tick(lth_broker *self);
/** certs.c: show a peer the certificates of a key that is not this node's present one. */
lth_err lth_broker__certs_show(lth_broker *self, lth_txn *read, lth_peer to, const uint8_t *key_id);
/** Keep this node's own certificates: those of a key that was replaced are asked for later. */
lth_err lth_broker__certs_keep_own(lth_broker *self, lth_txn *txn);

/* ---- timer.c ---- */
lth_err lth_broker__tick(lth_broker *self, lth_txn *txn, lth_now now);
