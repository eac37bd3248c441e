/**
 * @file lth/frame.h
 * Messages between nodes. On the wire: one protobuf message `lienthong.link.Frame`
 * (proto/link.proto) per ZeroMQ payload part; what is signed travels inside as opaque bytes, never
 * re-encoded.
 *
 * The cores speak in struct lth_frame and never see protobuf; the shells (and the simulator, so
 * that the codec is exercised there too) encode and decode.
 *
 * A link, from below (agent or child broker) to above:
 *   -> LINK_HELLO   <- CERTS (the upper node's own), LINK_RESUME (credit; per lane the last out_no
 * held)
 *   -> CERTS (of every origin, before its first BATCH on this link)
 * An agent, for every origin and stream it carries:
 *   -> HELLO        <- RESUME (what the broker holds; what to do)
 *   -> EPOCH_REQUEST <- EPOCH_GRANT   (when RESUME says so; the broker may first HEAD_QUERY upward)
 *   -> BATCH...     <- RECEIPT (after the sync), CREDIT, REJECT, HELD
 *   -> ACCEPTED
 * A child broker:
 *   -> BATCH with (lane, out_no), attestation, grant when batch_seq is 1
 *                   <- LINK_ACK per lane (after the sync), RECEIPT, CREDIT, REJECT, HELD
 *   -> RELEASE with (lane, out_no), never before its batch
 *                   <- LINK_ACK, RELEASED (each after the sync)
 * Both, for the public stream (lth/public.h), which alone goes down:
 *   -> HELLO (what it holds; again after every commit of more)
 *                   <- RESUME (what is held above), BATCH with attestation, grant when batch_seq is
 * 1 Both ways: HEARTBEAT when nothing else was sent for a while; BYE before closing.
 */
#pragma once

#include "lth/record.h"

#define LTH_PROTOCOL_VERSION 3u /**< Ours; a broker also speaks the one before to nodes below. */
#define LTH_FRAME_MAX        (1024u * 1024u) /**< = ZMQ_MAXMSGSIZE */
#define LTH_LANES            3u
#define LTH_CERTS_MAX        16u  /**< Pairs in one CERTS frame. */
#define LTH_DETAIL_MAX       200u /**< Bytes of free text. */
#define LTH_BY_MAX           100u /**< Bytes of the name of a person who decided. */
#define LTH_WHY_MAX          500u /**< Bytes of the reason. */

/** Lanes of data in order of preference; control messages go before all of them. */
typedef enum lth_lane { LTH_LANE_LIVE = 0, LTH_LANE_REPAIR = 1, LTH_LANE_SNAPSHOT = 2 } lth_lane;

typedef enum lth_frame_kind {
    LTH_FRAME_LINK_HELLO = 2, /* = field numbers of the oneof in link.proto */
    LTH_FRAME_LINK_RESUME = 3,
    LTH_FRAME_CERTS = 4,
    LTH_FRAME_HELLO = 5,
    LTH_FRAME_RESUME = 6,
    LTH_FRAME_BATCH = 7,
    LTH_FRAME_LINK_ACK = 8,
    LTH_FRAME_RECEIPT = 9,
    LTH_FRAME_REJECT = 10,
    LTH_FRAME_CREDIT = 11,
    LTH_FRAME_HEARTBEAT = 12,
    LTH_FRAME_EPOCH_REQUEST = 13,
    LTH_FRAME_EPOCH_GRANT = 14,
    LTH_FRAME_HEAD_QUERY = 15,
    LTH_FRAME_HEAD_ANSWER = 16,
    LTH_FRAME_HELD = 17,
    LTH_FRAME_BYE = 18,
    LTH_FRAME_RELEASE = 19,
    LTH_FRAME_RELEASED = 20,
    LTH_FRAME_ACCEPTED = 21,
} lth_frame_kind;
#define LTH_FRAME_KIND_LAST LTH_FRAME_ACCEPTED

/** What an agent must do about an origin. */
typedef enum lth_resume_state {
    LTH_RESUME_GO = 1,      /**< Send from seq + 1 in this epoch. */
    LTH_RESUME_GRANT = 2,   /**< Your store is old or new: ask for an epoch. */
    LTH_RESUME_STOPPED = 3, /**< `code` says why; a person must act. */
    LTH_RESUME_WAIT = 4,    /**< Ask again after wait_ms. */
} lth_resume_state;

typedef struct lth_frame_link_hello {
    uint32_t version;
    lth_id node_org;
    uint64_t incarnation; /**< Agent: fresh per process start. Broker: of its store. */
    lth_role role;        /**< agent, host or broker; must equal the certificate's. */
    uint64_t clock_ms;
    uint32_t dict_ver;
} lth_frame_link_hello;

typedef struct lth_frame_link_resume {
    uint32_t version;
    lth_id node_org;
    uint64_t incarnation;
    uint32_t registry_version;
    uint32_t policy_version;
    uint64_t credit; /**< Bytes of BATCH (signed header + body) that may be sent, counted from
                        LINK_RESUME. */
    uint64_t clock_ms;
    uint64_t acked[LTH_LANES]; /**< Last out_no held of that sender incarnation; 0 = none. */
} lth_frame_link_resume;

typedef struct lth_frame_certs {
    uint32_t n;
    struct {
        lth_slice leaf, ca;
    } pairs[LTH_CERTS_MAX];
} lth_frame_certs;

typedef struct lth_frame_hello {
    lth_id origin;
    uint64_t stream;
    lth_position head; /**< Last sealed; epoch 0 = has none. */
    uint64_t session;  /**< Agent's incarnation: the newer session of an origin fences the older. */
} lth_frame_hello;

typedef struct lth_frame_resume {
    lth_id origin;
    uint64_t stream;
    lth_position head; /**< What the broker holds. */
    lth_resume_state state;
    lth_refusal code;
    uint32_t wait_ms;
} lth_frame_resume;

typedef struct lth_frame_batch {
    lth_slice signed_header; /**< 256 bytes. */
    lth_slice body;          /**< Empty: headers only (or no records). */
    lth_slice attest;        /**< From a broker. */
    lth_slice grant;         /**< With the first batch of an epoch, from a broker. */
    lth_lane lane;
    uint64_t out_no; /**< From a broker, >= 1; 0 from an agent. */
} lth_frame_batch;

typedef struct lth_frame_link_ack {
    lth_lane lane;
    uint64_t out_no; /**< Everything up to here is durable (or was refused, see REJECT). */
} lth_frame_link_ack;

typedef struct lth_frame_receipt {
    lth_slice bytes; /**< LTH_RECEIPT_BYTES. */
} lth_frame_receipt;

typedef struct lth_frame_reject {
    lth_id origin; /**< zeros when the frame itself was not readable. */
    uint64_t stream;
    uint32_t epoch;
    uint64_t seq;
    lth_refusal code;
    lth_refusal_class class_;
    uint64_t resend_from; /**< seq, for LTH_REFUSAL_RESEND_FROM. */
    uint32_t wait_ms;     /**< for LTH_REFUSAL_RETRY_LATER. */
    lth_lane lane;
    uint64_t out_no;
    lth_id tier_org;  /**< Who refused. */
    lth_slice detail; /**< Text, may be empty; no personal data. */
} lth_frame_reject;

typedef struct lth_frame_credit {
    uint64_t total; /**< Replaces: cumulative bytes allowed since LINK_RESUME. */
} lth_frame_credit;

typedef struct lth_frame_heartbeat {
    uint64_t clock_ms;
} lth_frame_heartbeat;

typedef struct lth_frame_epoch_request {
    lth_id origin;
    uint64_t stream;
    lth_position head; /**< What the agent's store has. */
} lth_frame_epoch_request;

typedef struct lth_frame_epoch_grant {
    lth_slice bytes; /**< LTH_GRANT_BYTES. */
} lth_frame_epoch_grant;

typedef struct lth_frame_head_query {
    lth_id origin;
    uint64_t stream;
} lth_frame_head_query;

typedef struct lth_frame_head_answer {
    lth_id origin;
    uint64_t stream;
    lth_position head; /**< Highest known on the path above; epoch 0 = never seen. */
} lth_frame_head_answer;

/** A record was held, or a hold was closed. Travels down to the school.
 *
 * Not signed, as nothing of a link is but receipts, grants and statements: the school may believe
 * that the broker of its link says so (CURVE proves which one that is), and that this broker was
 * told so by those above it. It may do what the notice asks, and show it to its own people; it is
 * no evidence against `tier_org` or `by`. That is their act in the log of `tier_org`. */
typedef struct lth_frame_held {
    lth_id origin;
    uint64_t stream;
    uint32_t epoch;
    uint64_t seq;
    uint32_t index;
    uint16_t dataset;
    lth_id record_id;
    lth_refusal code; /**< LTH_REFUSE_none: the hold was closed. */
    uint16_t group;   /**< Where, when known; else 0. */
    uint16_t field;
    lth_id tier_org;
    uint16_t rule; /**< Of a rule, reference or unique of the dataset, or 0. Since version 2. */
    /* Since version 3: a person of tier_org decided so; else empty, and 0. Text of a person about a
     * record: UTF-8 as far as nobody lies, for its school alone, and never into a log. */
    lth_slice by, why; /**< At most LTH_BY_MAX and LTH_WHY_MAX bytes. */
    uint64_t decided_ms;
    lth_slice other; /**< Since version 3: id of the school's record that has what this one may not
                        have too (not_unique), 16 bytes; else empty. */
} lth_frame_held;

/** Upward, since version 2. */
typedef struct lth_frame_release {
    lth_slice bytes; /**< A release statement, up to LTH_RELEASE_BYTES_MAX. */
    lth_lane lane;
    uint64_t out_no;
} lth_frame_release;

/** Downward, since version 2: that statement is durable here. */
typedef struct lth_frame_released {
    uint8_t hash[LTH_HASH_SIZE]; /**< Of the whole statement. */
} lth_frame_released;

/** Upward from an agent, since version 3: a person at the school accepted a warning of the record's
 * present version. Repeated in every session once all batches are confirmed. Not signed: the entry
 * broker shows it beside its own warning and does nothing else with it. `by` and `why` are treated
 * as those of lth_frame_held. */
typedef struct lth_frame_accepted {
    lth_id origin;
    uint16_t dataset;
    lth_id record_id;
    uint16_t rule;
    lth_slice by, why; /**< 1 to LTH_BY_MAX, 1 to LTH_WHY_MAX bytes. */
    uint64_t accepted_ms;
} lth_frame_accepted;

typedef struct lth_frame {
    lth_frame_kind kind;
    union {
        lth_frame_link_hello link_hello;
        lth_frame_link_resume link_resume;
        lth_frame_certs certs;
        lth_frame_hello hello;
        lth_frame_resume resume;
        lth_frame_batch batch;
        lth_frame_link_ack link_ack;
        lth_frame_receipt receipt;
        lth_frame_reject reject;
        lth_frame_credit credit;
        lth_frame_heartbeat heartbeat;
        lth_frame_epoch_request epoch_request;
        lth_frame_epoch_grant epoch_grant;
        lth_frame_head_query head_query;
        lth_frame_head_answer head_answer;
        lth_frame_held held;
        lth_frame_release release;
        lth_frame_released released;
        lth_frame_accepted accepted;
    };
} lth_frame;

/** Encode into @p out (cleared first). LTH_OK, LTH_E_LIMIT, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_frame_encode(lth_buf *out, const lth_frame *frame);

/**
 * Strict pre-scan, then decode. Slices of @p out point into @p in. Refuses: unknown or repeated
 * fields, non-minimal varints, wrong sizes of ids/hashes, more than one body, values out of range,
 * trailing bytes; protobuf-c runs only over what the pre-scan passed, in a bounded allocator.
 * @return LTH_OK, LTH_E_FORMAT (diag says which field), LTH_E_LIMIT, LTH_E_NOMEM.
 */
LTH_MUST_USE lth_err lth_frame_decode(lth_frame *out, lth_slice in, lth_diag *diag);
/** Kind without decoding (the tag of the only body); 0 if it cannot be told. */
lth_frame_kind lth_frame_peek(lth_slice in);
const char *lth_frame_name(lth_frame_kind kind);
