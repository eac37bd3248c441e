/**
 * @file agents/core/agent.h
 * Agent state machine: rows in, signed batches out. For one or many schools over one link.
 *
 * Pure: no sockets, clock, threads, files. The shell (agents/shell) and the simulator are its only
 * drivers.
 *
 * One step = one store transaction:
 *   begin(write) -> lth_agent_handle()* -> lth_agent_seal() -> commit -> lth_agent_committed() ->
 *   begin(read) -> lth_agent_pump() -> drain lth_agent_next() -> end the read transaction.
 * What rows changed since the last step is sealed by lth_agent_seal() into batches in the same
 * transaction as the hash map that says so: a crash loses or doubles nothing. The driver ends a
 * step when lth_agent_step_full(), at the end of a scan, or after 250 ms.
 */
#pragma once

#include "lth/frame.h"
#include "lth/log.h"
#include "lth/registry.h"
#include "lth/schema.h"
#include "lth/store.h"
#include "lth/time.h"

#define LTH_AGENT_TABLES(X)                                                                        \
    X(ameta)  /* name -> value */                                                                  \
    X(ahead)  /* origin 16 | stream 8 -> struct lth_agent_head encoded */                          \
    X(map)    /* org prefix 8 | dataset 2 | key hash 16 -> record_id 16 | row hash 16 | flags 1 |  \
                 natural bytes */                                                                  \
    X(natmap) /* org prefix 8 | dataset 2 | natural hash 16 -> key hash 16 */                      \
    X(ids)    /* dataset 2 | record_id 16 -> key hash 16 */                                        \
    X(outbox) /* origin 16 | stream 8 | epoch 4 | seq 8 -> signed header 256 | lane 1 | sealed_ms  \
                 8 | body */                                                                       \
    X(agrant) /* origin 16 | stream 8 | epoch 4 -> grant bytes */                                  \
    X(spool)  /* org prefix 8 | dataset 2 | record_id 16 -> a mapped row waiting for its snapshot  \
                 chunk */                                                                          \
    X(areceipt) /* origin 16 | stream 8 | tier 16 -> receipt bytes */                              \
    X(aheld)    /* origin 16 | stream 8 | epoch 4 | seq 8 | index 4 -> lth_agent_held_encode()     \
                 */                                                                                \
    X(scan)     /* org prefix 8 | dataset 2 -> last scan: times, rows, fault, counts */

enum lth_agent_store_table {
#define X(name) LTH_A_##name,
    LTH_AGENT_TABLES(X)
#undef X
        LTH_A_COUNT
};
extern const char *const lth_agent_table_names[LTH_A_COUNT];

#define LTH_SCAN_ROWS_MAX 200000u

/** Why a scan of a table cannot be trusted; nothing is deleted after any of them. */
#define LTH_SCAN_FAULT_MAP(X)                                                                      \
    X(none, 0, "", "")                                                                             \
    X(unreachable, 1, "không mở được cơ sở dữ liệu", "the database cannot be opened")              \
    X(missing_table, 2, "không có bảng", "a table is missing")                                     \
    X(missing_column, 3, "không có cột", "a column is missing")                                    \
    X(locked, 4, "cơ sở dữ liệu đang bị khoá", "the database is locked")                           \
    X(null_key, 5, "có dòng thiếu khoá", "rows without a key")                                     \
    X(duplicate_key, 6, "có dòng trùng khoá", "rows with the same key")                            \
    X(incomplete, 7, "đọc dở dang", "the scan ended early")                                        \
    X(truncated, 8, "giá trị bị cắt", "a value was cut")                                           \
    X(too_many_rows, 9, "quá nhiều dòng", "too many rows")                                         \
    X(timeout, 10, "quá thời gian đọc", "the scan took too long")                                  \
    X(child_failed, 11, "tiến trình đọc dừng bất thường", "the capture process died")              \
    X(bad_driver, 12, "không có trình điều khiển ODBC", "the ODBC driver is not installed")
typedef enum lth_scan_fault {
#define X(name, number, vi, en) LTH_SCAN_##name = (number),
    LTH_SCAN_FAULT_MAP(X)
#undef X
} lth_scan_fault;
const char *lth_scan_fault_name(lth_scan_fault fault);
const char *lth_scan_fault_text(lth_scan_fault fault, bool english);

typedef struct lth_agent_head {
    lth_position at; /**< Last sealed. epoch 0: no epoch granted yet. */
    uint64_t next_rec_seq;
    lth_position
        acked;   /**< Highest position the entry broker gave a receipt for (or RESUME named). */
    bool resync; /**< A snapshot of every table is due (after a grant of an epoch > 1). */
    lth_refusal stopped; /**< none, or why this origin waits for a person. */
} lth_agent_head;
size_t lth_agent_head_encode(uint8_t out[128], const lth_agent_head *head);
bool lth_agent_head_decode(lth_agent_head *out, lth_slice in);

/** A row of table `aheld`. */
#define LTH_AGENT_HELD_BYTES 40u
size_t lth_agent_held_encode(uint8_t out[LTH_AGENT_HELD_BYTES], const lth_frame_held *held);
bool lth_agent_held_decode(lth_frame_held *out, lth_slice key, lth_slice value);

/** Last scan of one table, as `status` shows it. */
typedef struct lth_scan_info {
    uint64_t started_ms, ended_ms, last_good_ms;
    lth_scan_fault fault;
    uint32_t faults_in_a_row;
    uint64_t rows, changed, deleted, invalid;
    char detail[LTH_DETAIL_MAX]; /**< Column or table name, ODBC state; no row values. */
} lth_scan_info;
size_t lth_scan_info_encode(uint8_t out[64 + LTH_DETAIL_MAX], const lth_scan_info *info);
bool lth_scan_info_decode(lth_scan_info *out, lth_slice in);

typedef struct lth_agent_table {
    const lth_mapping *mapping;
    uint32_t every_ms;
} lth_agent_table;

typedef struct lth_agent_school {
    lth_id org;
    uint8_t id_key[32];
    const lth_signer *signer;
    lth_slice leaf_der, ca_der;
    const lth_agent_table *tables;
    uint32_t n_tables; /**< <= 64 */
} lth_agent_school;

typedef struct lth_agent_env {
    lth_id node_org;
    lth_role role; /**< agent or host */
    lth_id broker_org;
    lth_hasher hasher;
    lth_random random;
    const lth_trust *trust;
    lth_log log;
    const lth_registry *registry;
    const lth_agent_school *schools;
    uint32_t n_schools;
    uint32_t live_ms; /**< After a round of a school that sealed live batches, its next round waits
                         this long. */
    uint32_t scans_max; /**< Rounds under way at once; 1..8. */
    uint32_t keep_days; /**< >= 35 */
    uint32_t dict_ver;  /**< lth_schema.dict_ver; into batch headers and LINK_HELLO. */
} lth_agent_env;

typedef struct lth_agent lth_agent;

typedef enum lth_agent_event_kind {
    LTH_AEVENT_LINK_UP,
    LTH_AEVENT_LINK_DOWN,
    LTH_AEVENT_FRAME,
    LTH_AEVENT_ROW,       /**< One row of a table of a round under way. */
    LTH_AEVENT_TABLE_END, /**< The table is read; fault none = completely. */
    LTH_AEVENT_ROUND_END, /**< After the last TABLE_END; the child is gone. Tables without TABLE_END
                             count as `incomplete`. */
    LTH_AEVENT_TIMER,
    LTH_AEVENT_SCAN_NOW, /**< An administrator wants this school read now. */
} lth_agent_event_kind;

typedef struct lth_agent_event {
    lth_agent_event_kind kind;
    const lth_frame *frame;
    uint32_t school, table; /**< Indexes. */
    const lth_cell *cells;  /**< mapping->n_columns of them. */
    lth_scan_fault fault;
    const char *detail;
} lth_agent_event;

typedef enum lth_agent_action_kind { LTH_AACTION_SEND, LTH_AACTION_SCAN } lth_agent_action_kind;
typedef struct lth_agent_action {
    lth_agent_action_kind kind;
    lth_frame frame; /**< SEND: slices valid until the next call of handle, seal or pump, and while
                        pump's read transaction is open (a batch is lent by the store). */
    uint32_t school; /**< SCAN: start a round of this school. */
    uint64_t tables; /**< Bit per table. */
} lth_agent_action;

/** Rebuild from the store (empty: fresh). Session number from env.random. Rounds that an earlier
 * instance asked for are over: the driver ends their children and feeds none of their rows here. */
LTH_MUST_USE lth_err lth_agent_open(lth_agent **out, const lth_agent_env *env, lth_txn *txn,
                                    lth_now now, lth_diag *diag);
void lth_agent_free(lth_agent **self);

/** LTH_OK; LTH_E_STORE_FULL: abort; the round counts as failed, sending goes on (discard and reopen
 * this instance); LTH_E_NOMEM, LTH_E_STORE_*: abort, discard, reopen. */
LTH_MUST_USE lth_err lth_agent_handle(lth_agent *self, lth_txn *txn, lth_now now,
                                      const lth_agent_event *event, lth_diag *diag);
/** Changed records are waiting to the size of a batch (500 records or half the body limit): end the
 * step now. */
bool lth_agent_step_full(const lth_agent *self);
LTH_MUST_USE lth_err lth_agent_seal(lth_agent *self, lth_txn *txn, lth_now now, lth_diag *diag);
LTH_MUST_USE lth_err lth_agent_committed(lth_agent *self, lth_now now);
/** Outbox to SEND actions within the link's credit, at most 4 MiB a call. */
LTH_MUST_USE lth_err lth_agent_pump(lth_agent *self, lth_txn *read, lth_now now, bool *more,
                                    lth_diag *diag);
bool lth_agent_next(lth_agent *self, lth_agent_action *out);
lth_mono lth_agent_deadline(const lth_agent *self);

typedef struct lth_agent_school_info {
    lth_agent_head head;
    uint64_t outbox; /**< Batches not yet acknowledged. */
    bool resumed;    /**< The broker said GO in this session. */
    bool scanning;
} lth_agent_school_info;
typedef struct lth_agent_info {
    uint64_t session;
    bool link_up; /**< LINK_RESUME received. */
    uint64_t sent_batches, sent_records, receipts, rejects;
} lth_agent_info;
void lth_agent_info_of(const lth_agent *self, lth_agent_info *out);
void lth_agent_school_info_of(const lth_agent *self, uint32_t school, lth_agent_school_info *out);
