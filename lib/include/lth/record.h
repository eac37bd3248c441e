/**
 * @file lth/record.h
 * The signed batch (wire.md section 1): headers, records, commitments, Merkle roots, redaction,
 * and the other signed statements nodes exchange (attestation, receipt, epoch grant, proof).
 *
 * Pure: hashing comes in as lth_hasher. Nothing decoded is ever encoded again to be hashed: views
 * point into the received bytes.
 */
#pragma once

#include "lth/bytes.h"
#include "lth/diag.h"
#include "lth/hash.h"

#define LTH_BATCH_HEADER_SIZE  192u
#define LTH_BATCH_SIGNED_SIZE  256u /**< Header and signature. */
#define LTH_RECORD_HEADER_SIZE 48u
#define LTH_BATCH_RECORDS_MAX  1000u
#define LTH_BATCH_BODY_MAX     (768u * 1024u)
#define LTH_RECORD_MAX         (256u * 1024u)
#define LTH_GROUPS_MAX         64u

#define LTH_SIG_P256           1u
#define LTH_SIG_ED25519        2u /**< Reserved: refused as bad_algorithm until built. */
#define LTH_HASH_SHA256        1u

/** Streams (protocol.md section 1). */
#define LTH_STREAM_OWN    0u
#define LTH_STREAM_PUBLIC UINT64_MAX

typedef enum lth_batch_kind {
    LTH_KIND_DELTA = 1,
    LTH_KIND_SNAPSHOT = 2,
    LTH_KIND_KEY_ROLL = 3,
    LTH_KIND_STATISTIC = 4,
    LTH_KIND_HEARTBEAT = 5
} lth_batch_kind;
typedef enum lth_op {
    LTH_OP_STATE = 1,
    LTH_OP_DELETE = 2,
    LTH_OP_ERASE = 3,
    LTH_OP_REKEY = 4,
    LTH_OP_RANGE = 5
} lth_op;

/** RecordHeader.flags. */
#define LTH_RECORD_INVALID                                                                         \
    1u                     /**< The row failed validation at the agent: held by the entry broker. */
#define LTH_RECORD_LAST 2u /**< RANGE: last chunk of its dataset in this snapshot. */

/** Record wire forms. */
enum { LTH_FORM_LEAF = 0, LTH_FORM_FULL = 1, LTH_FORM_REDACTED = 2 };

/** Position of a batch. */
typedef struct lth_position {
    uint32_t epoch; /**< 0 = nothing yet. */
    uint64_t seq;
    uint8_t hash[LTH_HASH_SIZE]; /**< Of the header at this position; zeros for nothing. */
} lth_position;

typedef struct lth_batch_header {
    uint8_t sig_alg, hash_alg, kind, flags;
    uint32_t rec_count;
    lth_id origin;
    uint32_t epoch;
    uint32_t dict_ver;
    uint64_t batch_seq;
    uint64_t first_rec_seq;
    uint64_t source_time_ms;
    uint64_t source_position;
    uint64_t stream;
    uint8_t key_id[LTH_HASH_SIZE];
    uint8_t prev[LTH_HASH_SIZE];
    uint8_t root[LTH_HASH_SIZE];
} lth_batch_header;

/** Refuses: bad_context, bad_algorithm, bad_reserved, bad_header (kind, zero
 * epoch/seq/first_rec_seq, rec_count > 1000, flags != 0, heartbeat with records), in that order. */
LTH_MUST_USE lth_refusal lth_batch_header_decode(lth_batch_header *out,
                                                 const uint8_t bytes[LTH_BATCH_HEADER_SIZE]);
void lth_batch_header_encode(uint8_t out[LTH_BATCH_HEADER_SIZE], const lth_batch_header *header);
void lth_batch_header_hash(const lth_hasher *h, const uint8_t bytes[LTH_BATCH_HEADER_SIZE],
                           uint8_t out[LTH_HASH_SIZE]);

typedef struct lth_record_header {
    uint8_t op, n_groups;
    uint16_t dataset;
    uint32_t flags;
    uint64_t rec_seq;
    lth_id record_id; /**< RANGE: the upper end, inclusive. */
    uint64_t src_version;
    uint64_t src_commit_time_ms;
} lth_record_header;

/** One group inside a parsed record. */
typedef struct lth_group_view {
    uint16_t number;
    bool shown;
    const uint8_t *salt;       /**< 16 bytes in form 2 when shown, else NULL. */
    const uint8_t *commitment; /**< 32 bytes when not shown, else NULL. */
    lth_slice value;           /**< When shown. */
} lth_group_view;

/** A parsed record; pointers into the parsed bytes. */
typedef struct lth_record_view {
    uint8_t form;
    lth_slice wire;           /**< The whole record, form byte included. */
    const uint8_t *leaf;      /**< Form 0: 32 bytes. */
    lth_record_header header; /**< Forms 1 and 2. */
    const uint8_t *header_bytes;
    const uint8_t *seed; /**< Form 1: 16 bytes. */
    uint32_t n_groups;
    lth_group_view groups[LTH_GROUPS_MAX];
} lth_record_view;

/**
 * Parse the next record of a body and advance @p in.
 *
 * @return LTH_REFUSE_none; bad_body for anything not of the three forms: truncated, group numbers
 * not strictly ascending from 1, n_groups of the header != groups present or outside 1..64, op
 * outside 1..5, unknown flags, over LTH_RECORD_MAX.
 */
LTH_MUST_USE lth_refusal lth_record_parse(lth_record_view *out, lth_rd *in);

/** Group of @p number, or NULL. */
const lth_group_view *lth_record_group(const lth_record_view *record, uint16_t number);

void lth_group_salt(const lth_hasher *h, const uint8_t seed[16], uint16_t group, uint8_t out[16]);
void lth_group_commit(const lth_hasher *h, const uint8_t salt[16], uint16_t group, lth_slice value,
                      uint8_t out[LTH_HASH_SIZE]);
/** Leaf of a record in any form (form 0 gives the carried leaf). */
void lth_record_leaf(const lth_hasher *h, const lth_record_view *record,
                     uint8_t out[LTH_HASH_SIZE]);

/** RANGE: group 1 carries `lo` (16 bytes, exclusive). Builds header+groups as any record; this
 * reads it. False if the record is not a well-formed RANGE. */
bool lth_record_range(const lth_record_view *record, lth_id *lo, lth_id *hi, bool *last);

/** Root of a Merkle tree in RFC 6962 shape over ready leaves; n = 0 gives H(empty). Iterative;
 * @p leaves is used as scratch and destroyed. */
void lth_merkle_root(const lth_hasher *h, uint8_t (*leaves)[LTH_HASH_SIZE], size_t n,
                     uint8_t out[LTH_HASH_SIZE]);
/** Audit path of leaf @p index; at most 10 hashes for 1,000 leaves. Returns their number. @p leaves
 * destroyed. */
size_t lth_merkle_path(const lth_hasher *h, uint8_t (*leaves)[LTH_HASH_SIZE], size_t n,
                       size_t index, uint8_t path[64][LTH_HASH_SIZE]);
bool lth_merkle_verify(const lth_hasher *h, const uint8_t leaf[LTH_HASH_SIZE], size_t n,
                       size_t index, const uint8_t (*path)[LTH_HASH_SIZE], size_t path_n,
                       const uint8_t root[LTH_HASH_SIZE]);

/** The growing tree of a broker's log: O(log n) state, add a leaf, read the root. */
typedef struct lth_frontier {
    uint64_t size;
    uint8_t nodes[64][LTH_HASH_SIZE]; /**< One per set bit of size, lowest bit first. */
} lth_frontier;
#define LTH_FRONTIER_BYTES_MAX (8u + 64u * 32u)
void lth_frontier_add(const lth_hasher *h, lth_frontier *f, const uint8_t leaf[LTH_HASH_SIZE]);
void lth_frontier_root(const lth_hasher *h, const lth_frontier *f, uint8_t out[LTH_HASH_SIZE]);
/** size u64, then popcount(size) nodes. */
size_t lth_frontier_encode(uint8_t out[LTH_FRONTIER_BYTES_MAX], const lth_frontier *f);
bool lth_frontier_decode(lth_frontier *f, lth_slice in);

/** Result of checking a batch: what the merge needs, computed once on a worker thread. */
typedef struct lth_batch_check {
    lth_batch_header header;
    uint8_t header_hash[LTH_HASH_SIZE];
    uint32_t n_records;
    bool headers_only; /**< No body came along. */
    bool redacted;     /**< At least one group or record was withheld. */
} lth_batch_check;

/**
 * Everything about a batch that needs no store: header form, signature (through @p trust), body
 * parse, rec_seq of every record = first_rec_seq + index, root recomputed from what was sent.
 * An empty body with rec_count > 0 is headers_only (root not checkable).
 *
 * @param leaves  Scratch of at least LTH_BATCH_RECORDS_MAX entries.
 * @param diag    Optional.
 * @return LTH_REFUSE_none or the first refusal, in the order of wire.md section 1.
 */
LTH_MUST_USE lth_refusal lth_batch_verify(lth_batch_check *out, const lth_hasher *h,
                                          const lth_trust *trust, lth_slice signed_header,
                                          lth_slice body, uint8_t (*leaves)[LTH_HASH_SIZE],
                                          lth_diag *diag);

/** Sees every record of a batch once, in order, before the root is known to be right. */
typedef struct lth_record_visitor {
    void *ctx;
    void (*visit)(void *ctx, uint32_t index, const lth_record_view *record,
                  const uint8_t leaf[LTH_HASH_SIZE]);
} lth_record_visitor;
/** lth_batch_verify() that also shows each parsed record with its leaf, so that nobody has to parse
 * or hash twice. @p each may be NULL. */
LTH_MUST_USE lth_refusal lth_batch_verify_each(lth_batch_check *out, const lth_hasher *h,
                                               const lth_trust *trust, lth_slice signed_header,
                                               lth_slice body, uint8_t (*leaves)[LTH_HASH_SIZE],
                                               const lth_record_visitor *each, lth_diag *diag);

/** One record to be written, as its author has it. */
typedef struct lth_record_new {
    lth_op op;
    uint16_t dataset;
    uint32_t flags;
    lth_id record_id;
    uint64_t src_version;
    uint64_t src_commit_time_ms;
    uint8_t seed[16];
    uint32_t n_groups;
    struct {
        uint16_t number;
        lth_slice value;
    } groups[LTH_GROUPS_MAX]; /**< Ascending numbers. */
} lth_record_new;

/** Collects records into one body. */
typedef struct lth_batch_builder {
    lth_buf body;
    uint32_t n_records;
    uint64_t first_rec_seq;
    size_t widest; /**< Most bytes that the body can have after any redaction. */
    uint8_t leaves[LTH_BATCH_RECORDS_MAX][LTH_HASH_SIZE];
} lth_batch_builder;

/** Body grows up to LTH_BATCH_BODY_MAX. */
void lth_batch_builder_init(lth_batch_builder *b);
void lth_batch_builder_fini(lth_batch_builder *b);
void lth_batch_builder_reset(lth_batch_builder *b, uint64_t first_rec_seq);
/** Add in form 1. LTH_E_LIMIT: batch full (count, or bytes after the widest redaction, so that
 * every carrier can withhold any group of it), nothing added; if the batch is empty the record
 * itself is too large. LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_batch_builder_add(lth_batch_builder *b, const lth_hasher *h,
                                           const lth_record_new *record);
/** Fill algorithms, rec_count, first_rec_seq, key_id and root of @p header, encode, sign. Leaves
 * are destroyed: seal once.
 * @return LTH_OK, LTH_E_CRYPTO. */
LTH_MUST_USE lth_err lth_batch_builder_seal(lth_batch_builder *b, const lth_hasher *h,
                                            const lth_signer *signer, lth_batch_header *header,
                                            uint8_t out[LTH_BATCH_SIGNED_SIZE]);

/**
 * Append @p record with only the groups in @p share shown (form 2, or 1 if all are shown and it
 * came as form 1, or 0 if @p n_share is 0 and @p whole is false). A group already withheld stays
 * withheld.
 * @param share  Group numbers, ascending.
 * @param whole  Everything may be shown: the bytes are copied as received.
 * Form 0 records and well-formed RANGEs are always copied as received; of a malformed RANGE only
 * the leaf.
 * @return LTH_OK, LTH_E_LIMIT, LTH_E_NOMEM.
 */
LTH_MUST_USE lth_err lth_record_redact(lth_buf *out, const lth_hasher *h,
                                       const lth_record_view *record, const uint16_t *share,
                                       uint32_t n_share, bool whole);
/** Form 0 of any record: its leaf alone. */
LTH_MUST_USE lth_err lth_record_to_leaf(lth_buf *out, const lth_hasher *h,
                                        const lth_record_view *record);

/* ---- signed statements; each: 16-byte domain, fixed big-endian fields, 64-byte signature last
 * ---- */

/** Entry attestation: what the first broker decided about one batch (protocol.md section 3).
 * "LTH-ATTEST-v1\0\0\0" | entry_org 16 | key_id 32 | origin 16 | stream 8 | epoch 4 | seq 8 |
 * header_hash 32 | receive_ms 8 | registry_version 4 | n_held 4 | n_held x (index 4, code 2) | sig
 * 64 */
typedef struct lth_held_mark {
    uint32_t index;
    uint16_t code;
} lth_held_mark;
typedef struct lth_attest {
    lth_id entry_org;
    uint8_t key_id[LTH_HASH_SIZE];
    lth_id origin;
    uint64_t stream;
    lth_position at;
    uint64_t receive_ms;
    uint32_t registry_version;
    uint32_t n_held;
    lth_held_mark held[LTH_BATCH_RECORDS_MAX]; /**< Indexes ascending. */
} lth_attest;
#define LTH_ATTEST_BYTES_MAX                                                                       \
    (16u + 16u + 32u + 16u + 8u + 4u + 8u + 32u + 8u + 4u + 4u + 6u * LTH_BATCH_RECORDS_MAX + 64u)

/** A receipt (protocol.md section 5).
 * "LTH-RECEIPT-v1\0\0" | origin 16 | stream 8 | epoch 4 | seq 8 | header_hash 32 | tier_org 16 |
 * key_id 32 | incarnation 8 | form 1 | level 1 | zero 2 | held_count 8 | tree_size 8 | root 32 |
 * sig 64 */
typedef enum lth_receipt_form {
    LTH_RECEIPT_WHOLE = 1,
    LTH_RECEIPT_REDACTED = 2,
    LTH_RECEIPT_HEADERS = 3
} lth_receipt_form;
typedef enum lth_receipt_level { LTH_RECEIPT_DURABLE = 1, LTH_RECEIPT_SAFE = 2 } lth_receipt_level;
typedef struct lth_receipt {
    lth_id origin;
    uint64_t stream;
    lth_position at;
    lth_id tier_org;
    uint8_t key_id[LTH_HASH_SIZE];
    uint64_t incarnation;
    uint8_t form, level;
    uint64_t held_count;
    uint64_t tree_size;
    uint8_t root[LTH_HASH_SIZE];
} lth_receipt;
#define LTH_RECEIPT_BYTES                                                                          \
    (16u + 16u + 8u + 4u + 8u + 32u + 16u + 32u + 8u + 4u + 8u + 8u + 32u + 64u)

/** "LTH-EPOCH-v1\0\0\0\0" | origin 16 | stream 8 | epoch 4 (new) | closes_epoch 4 | closes_seq 8 |
 * closes_hash 32 | grantor_org 16 | key_id 32 | grant_ms 8 | sig 64 */
typedef struct lth_grant {
    lth_id origin;
    uint64_t stream;
    uint32_t epoch;
    lth_position closes; /**< zeros for an origin never seen. */
    lth_id grantor_org;
    uint8_t key_id[LTH_HASH_SIZE];
    uint64_t grant_ms;
} lth_grant;
#define LTH_GRANT_BYTES (16u + 16u + 8u + 4u + 4u + 8u + 32u + 16u + 32u + 8u + 64u)

/** What the entry broker decided later about records it had held (protocol.md sections 3, 4).
 * "LTH-RELEASE-v1\0\0" | entry_org 16 | key_id 32 | origin 16 | stream 8 | epoch 4 | seq 8 |
 * header_hash 32 | when_ms 8 | action 1 | zero 1 | code 2 | n 4 | n x index 4 | sig 64 */
typedef enum lth_release_action {
    LTH_RELEASE_MERGE = 1, /**< These records are good now: merge them. code 0. */
    LTH_RELEASE_KEEP = 2 /**< They stay held, for the reason `code` (rejected by a person, say). */
} lth_release_action;
typedef struct lth_release {
    lth_id entry_org;
    uint8_t key_id[LTH_HASH_SIZE];
    lth_id origin;
    uint64_t stream;
    lth_position at;
    uint64_t when_ms;
    lth_release_action action;
    uint16_t code;
    uint32_t n;                            /**< 1..LTH_BATCH_RECORDS_MAX */
    uint32_t index[LTH_BATCH_RECORDS_MAX]; /**< Ascending. */
} lth_release;
#define LTH_RELEASE_FIXED                                                                          \
    (16u + 16u + 32u + 16u + 8u + 4u + 8u + 32u + 8u + 1u + 1u + 2u + 4u + 64u)
#define LTH_RELEASE_BYTES_MIN (LTH_RELEASE_FIXED + 4u)
#define LTH_RELEASE_BYTES_MAX (LTH_RELEASE_FIXED + 4u * LTH_BATCH_RECORDS_MAX)

/** Encode and sign; key_id is taken from the signer. @return bytes written, 0 if signing failed. */
size_t lth_attest_sign(uint8_t out[LTH_ATTEST_BYTES_MAX], const lth_attest *a,
                       const lth_signer *signer);
size_t lth_receipt_sign(uint8_t out[LTH_RECEIPT_BYTES], const lth_receipt *r,
                        const lth_signer *signer);
size_t lth_grant_sign(uint8_t out[LTH_GRANT_BYTES], const lth_grant *g, const lth_signer *signer);
size_t lth_release_sign(uint8_t out[LTH_RELEASE_BYTES_MAX], const lth_release *r,
                        const lth_signer *signer);
/** Decode: false unless exactly of that form. The signature is checked by lth_statement_verify().
 */
bool lth_attest_decode(lth_attest *out, lth_slice in);
bool lth_receipt_decode(lth_receipt *out, lth_slice in);
bool lth_grant_decode(lth_grant *out, lth_slice in);
bool lth_release_decode(lth_release *out, lth_slice in);
/** Signature (last 64 bytes over all before) of any statement, by @p key_id. none, unknown_key,
 * bad_signature. */
LTH_MUST_USE lth_refusal lth_statement_verify(lth_slice statement,
                                              const uint8_t key_id[LTH_HASH_SIZE],
                                              const lth_trust *trust);

/* ---- a proof anyone can check offline (`lienthong record show --proof`, `lienthong verify`) ----
 * "LTH-PROOF-v1\0\0\0\0" | signed header 256 | index 4 | path_n 1 | path_n x 32 |
 * record_n 4 | record (any form but 0) | leaf cert: n 4, DER | ca cert: n 4, DER | SHA-256 of all
 * before 32 */
typedef struct lth_proof {
    lth_slice signed_header; /**< 256 bytes. */
    uint32_t index;
    uint32_t path_n;
    const uint8_t (*path)[LTH_HASH_SIZE];
    lth_slice record;
    lth_slice leaf_der;
    lth_slice ca_der;
} lth_proof;
LTH_MUST_USE lth_err lth_proof_encode(lth_buf *out, const lth_hasher *h, const lth_proof *proof);
/** Steps of a check, in order; the first that fails is named to the user. */
typedef enum lth_proof_step {
    LTH_PROOF_OK,
    LTH_PROOF_CHECKSUM,
    LTH_PROOF_FORMAT,
    LTH_PROOF_CERTIFICATE,
    LTH_PROOF_HEADER,
    LTH_PROOF_SIGNATURE,
    LTH_PROOF_ORIGIN,
    LTH_PROOF_RECORD,
    LTH_PROOF_PATH
} lth_proof_step;
const char *lth_proof_step_name(lth_proof_step step);
/** Checksum, form, certificates (learned into @p trust: chain to its root), header, signature,
 * certificate's org = origin (or role host), record leaf and rec_seq, path to root.
 * @p record (optional) receives the parsed record, pointing into @p in. */
lth_proof_step lth_proof_check(const lth_hasher *h, const lth_trust *trust, lth_slice in,
                               lth_proof *out, lth_batch_header *header, lth_record_view *record);
