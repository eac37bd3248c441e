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
#include "lth/public.h"
#include "lth/registry.h"
#include "lth/schema.h"
#include "lth/store.h"
#include "lth/time.h"

#define LTH_AGENT_TABLES(X)                                                                        \
    X(ameta)  /* name -> value */                                                                  \
    X(ahead)  /* origin 16 | stream 8 -> struct lth_agent_head encoded */                          \
    X(map)    /* org prefix 8 | dataset 2 | key hash 16 -> record_id 16 | row hash 16 | flags 1 |  \
                 as flags say: hash before the last change 16, match prints | natural bytes */     \
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
    X(scan)     /* org prefix 8 | dataset 2 -> last scan: times, rows, fault, counts */            \
    X(public)   /* "head" -> where the stream stands; dataset 2 | record_id 16 -> its record */    \
    X(match)  /* org prefix 8 | dataset 2 | match key 1 | values hash 16 | key hash 16 -> nothing; \
                 match key | 0x80, key hash 0: who had it ended -> upload 8 */                     \
    X(state)  /* org prefix 8 | dataset 2 | record_id 16 -> upload 8 | row 4 | a mapped row as in  \
                 spool: of tables read from files, which cannot be read again at will */           \
    X(upload) /* org 16 | number 8 -> lth_upload_encode() */                                       \
    X(header) /* org 16 | dataset 2 | upload 8 -> where columns of its file were and what they     \
                 were called: of this upload and of those after it up to the next row */           \
    X(finding)  /* org 16 | upload 8 | row 4 | n 2 -> lth_upload_finding_encode() */               \
    X(answer)   /* org prefix 8 | dataset 2 | row hash 16 -> key hash 16: a person's decision; 1   \
                   behind it: the row became this new record */                                    \
    X(accepted) /* dataset 2 | record_id 16 | rule 2 -> row hash 16 | when 8 | by_n 1 | by | why_n \
                   2 | why: warnings accepted; stores of before have neither by nor why */         \
    X(act)      /* org 16 | when 8 | n 2 -> lth_agent_act_encode(): who did what and why */

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
    X(bad_driver, 12, "không có trình điều khiển ODBC", "the ODBC driver is not installed")        \
    X(bad_file, 13, "không đọc được tệp", "the file cannot be read")                               \
    X(wrong_file, 14, "tệp không đúng mẫu hoặc của đơn vị khác",                                   \
      "the file is of another layout or of another organisation")                                  \
    X(mass_deletion, 15, "quá nhiều bản ghi biến mất, chờ người xác nhận",                         \
      "too many records are gone, waiting for a person")                                           \
    X(emptied, 16, "nguồn trống, chờ người xác nhận", "the source is empty, waiting for a person") \
    X(restored, 17, "nguồn trở về trạng thái cũ, chờ người xác nhận",                              \
      "the source went back to an old state, waiting for a person")                                \
    X(may_be_elsewhere, 18, "có bản ghi vắng mặt, có thể nằm ở tệp khác, chờ người xác nhận",      \
      "records are missing that another file may hold, waiting for a person")                      \
    X(mass_addition, 19, "quá nhiều bản ghi mới cùng lúc, chờ người xác nhận",                     \
      "too many new records at once, waiting for a person")                                        \
    X(no_org, 20, "có dòng thiếu mã trường", "rows without the code of a school")                  \
    X(not_written, 21, "không ghi được tệp của các trường", "the schools' files are not written")  \
    X(bad_text, 22, "có chữ không phải UTF-8", "text that is not UTF-8")
typedef enum lth_scan_fault {
#define X(name, number, vi, en) LTH_SCAN_##name = (number),
    LTH_SCAN_FAULT_MAP(X)
#undef X
} lth_scan_fault;
const char *lth_scan_fault_name(lth_scan_fault fault);
const char *lth_scan_fault_text(lth_scan_fault fault, bool english);
/** A guard's: a person's word is awaited, and nothing ended or went back. */
bool lth_scan_fault_waits(lth_scan_fault fault);

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

/** A row of table `aheld`. Decoded, its slices point into @p value. */
#define LTH_AGENT_HELD_BYTES     42u /**< Without what a person said, and another record. */
#define LTH_AGENT_HELD_BYTES_MAX (LTH_AGENT_HELD_BYTES + 11u + LTH_BY_MAX + LTH_WHY_MAX + 16u)
size_t lth_agent_held_encode(uint8_t out[LTH_AGENT_HELD_BYTES_MAX], const lth_frame_held *held);
bool lth_agent_held_decode(lth_frame_held *out, lth_slice key, lth_slice value);

/** Last scan of one table, as `status` shows it. */
typedef struct lth_scan_info {
    uint64_t started_ms, ended_ms, last_good_ms;
    lth_scan_fault fault;
    uint32_t faults_in_a_row;
    uint64_t rows, changed, deleted, invalid;
    uint64_t fresh;   /**< Of `changed`, records never seen before. */
    uint64_t warned;  /**< Rows with a warning that nobody accepted. */
    uint64_t asked;   /**< Rows held here because they could be two records: a person decides. */
    uint64_t gone;    /**< Records that would end, or ended. */
    uint64_t old;     /**< With restored: rows that went back to what they were before. */
    uint64_t known;   /**< Records known before the scan. */
    uint64_t waiting; /**< New rows that wait with a guard: nothing of them was sent. */
    char detail[LTH_DETAIL_MAX]; /**< Column or table name, ODBC state; no row values. */
} lth_scan_info;
#define LTH_SCAN_INFO_BYTES_MAX (128u + LTH_DETAIL_MAX)
size_t lth_scan_info_encode(uint8_t out[LTH_SCAN_INFO_BYTES_MAX], const lth_scan_info *info);
bool lth_scan_info_decode(lth_scan_info *out, lth_slice in);

/* ---- uploads: whole files that a person or a program hands in ---- */

typedef enum lth_upload_state {
    LTH_UPLOAD_RECEIVED = 1, /**< Lies whole in the inbox. */
    LTH_UPLOAD_READING = 2,
    LTH_UPLOAD_DONE = 3,      /**< Read to its end; what it changed is sealed. */
    LTH_UPLOAD_REFUSED = 4,   /**< As a whole: fault and detail say why; nothing ended. What single
                                 rows said before the fault was found stays said. */
    LTH_UPLOAD_WAITING = 5,   /**< A guard holds what it would end or turn back. */
    LTH_UPLOAD_WITHDRAWN = 6, /**< A person said no to what the guard held. */
} lth_upload_state;
const char *lth_upload_state_name(lth_upload_state state);

#define LTH_UPLOAD_ID_MAX       80u
#define LTH_UPLOAD_TIERS_MAX    8u
#define LTH_UPLOAD_TABLES_MAX   16u
#define LTH_UPLOAD_FINDINGS_MAX 10000u /**< Kept of one upload. */
#define LTH_UPLOADS_OPEN_MAX    32u    /**< Newest ones that may have to be read again. */

typedef struct lth_upload {
    char id[LTH_UPLOAD_ID_MAX + 1]; /**< The file's name in the inbox: [A-Za-z0-9._-]. */
    uint8_t sha256[LTH_HASH_SIZE];
    uint64_t bytes, received_ms, done_ms;
    lth_upload_state state;
    lth_scan_fault fault;
    char detail[LTH_DETAIL_MAX]; /**< Vietnamese, no row values. */
    char detail_en[LTH_DETAIL_MAX];
    lth_position head;  /**< Of this school when it was dealt with: who holds this position holds
                           all of the upload. */
    uint64_t first_seq; /**< First batch that it was sealed into; 0 = nothing was new. */
    uint32_t n_tiers;
    struct {
        lth_id org;
        uint64_t ms; /**< When the receipt of that tier for `head` or later came here. */
    } tiers[LTH_UPLOAD_TIERS_MAX];
    uint32_t n_findings;
    uint32_t n_tables;
    struct {
        uint16_t dataset;
        lth_scan_fault fault; /**< none or what a guard holds. */
        uint32_t rows, fresh, changed, same, ended, held, asked, warned;
        uint32_t gone, old, known, waiting; /**< As in lth_scan_info. */
    } tables[LTH_UPLOAD_TABLES_MAX];
} lth_upload;
LTH_MUST_USE lth_err lth_upload_encode(lth_buf *out, const lth_upload *upload);
bool lth_upload_decode(lth_upload *out, lth_slice in);

/** What was found in one row of an upload. */
typedef struct lth_upload_finding {
    uint32_t row; /**< As Excel shows it. */
    uint16_t dataset;
    lth_refusal code; /**< none: a question (the row could be several records). */
    lth_severity severity;
    uint16_t field, rule;
    bool accepted;        /**< A warning that a person accepted. */
    lth_id record_id;     /**< zeros: not decided. */
    uint8_t row_hash[16]; /**< Names the row in ANSWER. */
    uint32_t n_candidates;
    lth_id candidates[4]; /**< Of a question. */
    lth_slice column;     /**< Header of the column, may be empty. */
    uint16_t at;          /**< Of the column in the file, from 1; 0: not known. */
    lth_slice vi, en;     /**< The sentence, with values: for the school only. */
} lth_upload_finding;
LTH_MUST_USE lth_err lth_upload_finding_encode(lth_buf *out, const lth_upload_finding *finding);
bool lth_upload_finding_decode(lth_upload_finding *out, lth_slice value);

/** A column of an upload's file: where it is, and its header as the school's people read it. */
#define LTH_HEADER_MAX 200u
typedef struct lth_header {
    uint16_t at;    /**< From 1; 0: the file has no such column. */
    lth_slice text; /**< One line, at most LTH_HEADER_MAX bytes. A person's words: never logged. */
} lth_header;
/** What a field was read from. False: not known, or the file had no column for it. Text valid until
 * the next write. */
bool lth_agent_header_of(lth_txn *txn, const lth_id *org, uint16_t dataset, uint64_t upload,
                         uint16_t field, lth_header *out);

/** A row of table `state`: its upload and row number, and the values of its groups.
 * @param values  By field index of @p ds; cleared first; slices into @p row. False: corrupt. */
bool lth_agent_state_values(lth_slice row, const lth_dataset *ds, uint64_t *upload,
                            uint32_t *number, lth_value *values);

/** What a person did, with author and reason (table `act`). */
typedef enum lth_agent_act_kind {
    LTH_ACT_CONFIRM = 1,  /**< Let the guard's work be done. */
    LTH_ACT_WITHDRAW = 2, /**< Not: the records stay. */
    LTH_ACT_ANSWER = 3,   /**< This row is that record (or a new one). */
    LTH_ACT_ACCEPT = 4,   /**< A warning is right as it is. */
    LTH_ACT_RESYNC =
        5, /**< What the source has now, of files what was kept of them, is all there
              is: a snapshot ends everything else. Not of files that brought nothing. */
} lth_agent_act_kind;
typedef struct lth_agent_act {
    lth_agent_act_kind kind;
    uint16_t dataset;
    uint64_t upload;      /**< 0: not of an upload. */
    uint8_t row_hash[16]; /**< ANSWER */
    lth_id record_id;     /**< ANSWER: zeros = a new record. ACCEPT. */
    uint16_t rule;        /**< ACCEPT */
    lth_slice by, reason; /**< 1..100, 1..500 bytes UTF-8. */
} lth_agent_act;
LTH_MUST_USE lth_err lth_agent_act_encode(lth_buf *out, const lth_agent_act *act);
bool lth_agent_act_decode(lth_agent_act *out, lth_slice value);

typedef struct lth_agent_table {
    const lth_mapping *mapping;
    uint32_t every_ms; /**< 0: read only when an upload comes. */
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
    lth_id public_org; /**< Author of the public stream; zeros: the top of node_org's path. */
    lth_hasher hasher;
    lth_random random;
    const lth_trust *trust;
    lth_log log;
    const lth_registry *registry;
    const lth_agent_school *schools;
    uint32_t n_schools;
    uint32_t live_ms; /**< After a round of a school that sealed live batches, its next round waits
                         this long. */
    uint32_t scans_max;       /**< Rounds of databases under way at once; 1..8. */
    uint32_t keep_days;       /**< >= 35 */
    const lth_schema *schema; /**< Its dict_ver goes into batch headers and LINK_HELLO. */
    uint32_t gone_percent;    /**< Guard: more of a table's records gone in one scan, and at least
                                 gone_least, wait for a person; 1..100, 100 = never but emptied. */
    uint32_t gone_least;
} lth_agent_env;

/** What is held of the public stream (lth/public.h). */
typedef struct lth_agent_public_info {
    lth_id author;
    lth_position at;
    bool whole;         /**< `at` ends a publication: what is held may be applied. */
    bool frozen;        /**< Two batches of one position came: a person must act. */
    lth_position above; /**< What the broker said it holds. */
    uint64_t taken_ms;  /**< When `at` came here; wall time. */
} lth_agent_public_info;

typedef struct lth_agent lth_agent;

typedef enum lth_agent_event_kind {
    LTH_AEVENT_LINK_UP,
    LTH_AEVENT_LINK_DOWN,
    LTH_AEVENT_FRAME,
    LTH_AEVENT_ROW,       /**< One row of a table of a round under way. */
    LTH_AEVENT_TABLE_END, /**< The table is read; fault none = completely. In an upload every table
                             of its mask gets one: missing_table = the file does not hold it (no
                             fault unless it holds none), any other fault refuses the file. */
    LTH_AEVENT_ROUND_END, /**< After the last TABLE_END; the child is gone. Tables without TABLE_END
                             count as `incomplete`. */
    LTH_AEVENT_TIMER,
    LTH_AEVENT_SCAN_NOW, /**< An administrator wants this school read now. */
    LTH_AEVENT_UPLOAD,   /**< A file of this school is about to be read: its round begins now. Only
                            when lth_agent_may_upload(). ROW, TABLE_END, ROUND_END follow. */
    LTH_AEVENT_HEADERS,  /**< Where a table's columns are in the file of an upload under way: before
                            its rows, if it is told at all. */
    LTH_AEVENT_ACT,      /**< A person's word. What it concerns is read again by the driver: the
                            same upload with a further UPLOAD event, a database by SCAN. */
} lth_agent_event_kind;

typedef struct lth_agent_event {
    lth_agent_event_kind kind;
    const lth_frame *frame;
    uint32_t school, table;    /**< Indexes. */
    const lth_cell *cells;     /**< mapping->n_columns of them. */
    uint32_t row;              /**< ROW of a file: its number as Excel shows it. */
    const lth_upload *upload;  /**< UPLOAD: id, sha256, bytes, received_ms are set. */
    const lth_header *headers; /**< HEADERS: mapping->n_columns of them. */
    uint64_t tables;           /**< UPLOAD: bit per table that the file may hold. */
    const lth_agent_act *act;
    lth_scan_fault fault;
    const char *detail;    /**< TABLE_END with a fault: Vietnamese where a clerk will read it. */
    const char *detail_en; /**< May be NULL: the same. */
    bool correction; /**< TABLE_END: the file holds single corrected rows (an answer workbook): it
                        never ends a record. */
} lth_agent_event;

typedef enum lth_agent_action_kind { LTH_AACTION_SEND, LTH_AACTION_SCAN } lth_agent_action_kind;
typedef struct lth_agent_action {
    lth_agent_action_kind kind;
    lth_frame frame; /**< SEND: slices valid until the next call of handle, seal or pump, and while
                        pump's read transaction is open (a batch is lent by the store). */
    uint32_t school; /**< SCAN: start a round of this school. */
    uint64_t tables; /**< Bit per table. */
} lth_agent_action;

/** May a round of this school begin for an upload (none under way, an epoch granted, nothing in the
 * way)? */
bool lth_agent_may_upload(const lth_agent *self, uint32_t school);
/** Upload under way or last ended of this school: its number in table `upload`; 0 = none. The same
 * id comes with the same number: read again, it replaces its findings and counts; what it made
 * fresh, changed and ended adds up over its readings. */
uint64_t lth_agent_upload_number(const lth_agent *self, uint32_t school);

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
void lth_agent_public_of(const lth_agent *self, lth_agent_public_info *out);
/** Everything published that the store holds; also without a machine. LTH_OK, LTH_E_NOMEM,
 * LTH_E_STORE_*; free it with lth_public_set_fini(). */
LTH_MUST_USE lth_err lth_agent_public_read(lth_public_set *out, const lth_hasher *h, lth_txn *txn);
void lth_agent_school_info_of(const lth_agent *self, uint32_t school, lth_agent_school_info *out);
