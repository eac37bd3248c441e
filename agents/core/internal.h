/**
 * @file agents/core/internal.h
 * What the files of agents/core share.
 *
 * A row goes through rows.c (new, changed, unchanged; match.c finds its record where the source has
 * no key), with defer.c for what can only be decided when the whole table was seen, then as a
 * pending change to seal.c or, in a resync, to the spool of snapshot.c. What a complete scan did
 * not see is found by sweep.c. Sessions with the broker are link.c and resume.c; what it answers is
 * answers.c; the outbox is outbox.c. Files: upload.c, tiers.c, finding.c; state.c keeps their rows;
 * moved.c lets rows follow records that got another key.
 *
 * Handles. Every record of a table has a handle of 16 bytes, the key of its row in `map`: the hash
 * of its local key. Where rows are found by `match` the local key is the first complete match key
 * under which the record was first seen, and the handle stays when the keys change; the table
 * `match` leads from the present keys to it.
 *
 * Guards (guard.c). At the end of a clean scan, before anything is ended or turned back, two sets
 * are weighed: the records that the scan lacks, and the rows that went back to exactly what they
 * were before their last change. A row that went back is put off when it comes (defer.c, bounded;
 * more of them than fit are a restored source whatever their share). A set that is too large is
 * remembered by its number and the sum of its handles, the scan gets the fault of the guard, and
 * neither set is touched. A person's CONFIRM lets a later scan do it if the set is still the same
 * or smaller; after WITHDRAW such a set is passed over without a fault. A guard is forgotten when a
 * clean scan shows nothing of its kind. Every file has guards of its own: a withdrawn file stays
 * withdrawn, and one that is read again after newer ones is asked about as it was, though they
 * brought what it lacks. A file that lacks some
 * of the table's records by its own words (complete_for) may hold one class of many: who is missing
 * may stand in another file, so that any number of them waits, unless no record can move.
 *
 * New rows wait with them. What is missing, emptied or old may be another school's file or
 * database, and its pupils are nobody's here. So where records are known new rows are put off until
 * the guards were weighed; more than fit are a guard's matter by themselves. They stay put off when
 * a guard asks, but for records that may stand in another file. A guard of one table of a file
 * holds the new rows of all its tables, and a withdrawn file adds nothing. Of a database that a
 * person withdrew only the set is passed over: what is new there comes in. Changed rows are those
 * of records that are known here, and go their way.
 */
#pragma once

#include "agent.h"
#include "mutant.h"

#define PRINT_SIZE         16u /**< Bytes kept of a hash of a key, a row, a natural key. */
#define KEY_SIZE           (8u + 2u + PRINT_SIZE)
#define TABLE_KEY_SIZE     (8u + 2u)
#define STATE_FIXED        (8u + 4u)         /**< Upload and row, before what a row of spool has. */
#define ANSWER_DONE        (PRINT_SIZE + 1u) /**< Of a row that became a new record as a person said. */
#define STREAM_KEY_SIZE    (16u + 8u)
#define ENTRY_KEY_SIZE     (STREAM_KEY_SIZE + 4u + 8u)

#define STEP_RECORDS_MAX   500u
#define STEP_BYTES_MAX     (LTH_BATCH_BODY_MAX / 2u)
#define BACKLOG_BATCHES    16u /**< More batches unacknowledged: new ones take the slow lane. */
#define CUT_AHEAD          8u  /**< Snapshot chunks are cut while fewer batches wait. */
#define DEFERRED_BYTES_MAX (8u * 1024u * 1024u)
#define ARENA_BYTES_MAX    (64u * 1024u * 1024u)

#define STATE_BYTES_MAX    (8u * 1024u * 1024u) /**< Put into `state` in one step. */
#define STATE_UNREADABLE   0x80000000u /**< Flag of a row of `state`: agent_row.unreadable. */

#define TIMEOUT_ANSWER     LTH_MONO_S(30)
#define TIMEOUT_STALL      LTH_MONO_S(60)
#define HEARTBEAT_EVERY    LTH_MONO_S(15)
#define WAIT_LEAST_MS      1000u
#define WAIT_MOST_MS       (15u * 60u * 1000u)

/** Flags of a row of table `map`. */
enum {
    MAP_INVALID = 1,     /**< Last sent with LTH_RECORD_INVALID. */
    MAP_CLASH = 2,       /**< Another row has its natural key: looked at again in every scan. */
    MAP_HAS_NATURAL = 4, /**< `natmap` names this row for its natural bytes. */
    MAP_WARNED = 8,      /**< Has a warning that nobody accepted. */
    MAP_JUDGE = 16,      /**< A person's word about it: judged anew in the next scan. */
    MAP_BEFORE = 32,     /**< `before` is stored. */
    MAP_MATCH = 64,      /**< `prints` is stored. */
};

/** Hashes of the match keys of a row. Place LTH_MAP_KEYS_MAX + i: the first term of key i alone. */
#define PRINTS_MAX (2u * LTH_MAP_KEYS_MAX)
typedef struct agent_prints {
    uint16_t has; /**< Bit per place. */
    bool scoped;  /**< All of complete_for is there. */
    uint8_t scope[PRINT_SIZE];
    uint8_t of[PRINTS_MAX][PRINT_SIZE];
} agent_prints;

typedef struct agent_map_row {
    lth_id record_id;
    uint8_t hash[PRINT_SIZE];
    uint8_t flags;
    uint8_t before[PRINT_SIZE]; /**< Hash before the last change. */
    agent_prints prints;
    lth_slice natural; /**< Last sound one; else as the row has it. In the row arena. */
} agent_map_row;

/** One row under way. */
typedef struct agent_row {
    const lth_cell *cells;
    uint32_t number; /**< As Excel shows it; 0 of a database. */
    lth_slice local_key;
    agent_prints prints;
    bool warned;
    bool unreadable;   /**< A cell could not be read: no rule or list will heal it. */
    uint64_t stood_in; /**< Number of the upload, when it is judged from `state`. */
    uint8_t key[PRINT_SIZE];
    uint8_t hash[PRINT_SIZE];
    bool known; /**< `old` is its row of the map. */
    agent_map_row old;
    lth_mapped_row mapped;
    lth_slice natural;
    bool natural_sound;
    uint8_t natural_print[PRINT_SIZE];
} agent_row;

/** A mapped row as `spool` and `state` keep it; of its header's fields the flags and time are set.
 */
typedef struct agent_kept {
    uint64_t upload; /**< Of `state`: that brought it; else 0. */
    uint32_t number; /**< Likewise: its row there. */
    lth_record_view view;
} agent_kept;

/** Where in a file a record was seen. */
typedef struct agent_where {
    uint32_t row;
    uint8_t hash[PRINT_SIZE];
} agent_where;

/** Key hashes seen in one scan; open addressing. */
typedef struct agent_seen {
    uint8_t (*slots)[PRINT_SIZE];
    agent_where *where; /**< Parallel to slots, when `tracked`. */
    uint32_t n, cap;    /**< cap is 0 or a power of two. */
    bool tracked;
    bool zero; /**< The hash of zeros, which marks an empty slot. */
    agent_where zero_where;
} agent_seen;

/** Why a row is decided at the end of its table. */
typedef enum agent_defer {
    DEFER_NATURAL, /**< Another handle has its natural key. */
    DEFER_MATCH,   /**< Its record depends on what else the file holds. */
    DEFER_BACK,    /**< It is again what it was before its last change. */
    DEFER_NEW,     /**< A record that nobody knows yet. */
} agent_defer;

typedef struct agent_deferred {
    struct agent_deferred *next;
    agent_defer why;
    uint32_t number;
    uint8_t key[PRINT_SIZE]; /**< Its handle, but of DEFER_MATCH. */
    uint8_t natural_print[PRINT_SIZE];
    bool done;
    uint32_t size;
    uint8_t cells[]; /**< One after the other: length + 1 as a varint (0: NULL), bytes. */
} agent_deferred;

/** A set of handles: how many, and their sum. */
typedef struct agent_set {
    uint32_t n;
    uint8_t sum[PRINT_SIZE];
} agent_set;

typedef enum agent_guard_kind { GUARD_GONE, GUARD_OLD, GUARD_NEW, GUARDS } agent_guard_kind;
typedef struct agent_guard {
    enum { GUARD_NONE, GUARD_HELD, GUARD_CONFIRMED, GUARD_WITHDRAWN } state;
    agent_set set;
    lth_scan_fault fault; /**< What it was held for. */
} agent_guard;

/** One table of a round under way. */
typedef struct agent_scan {
    enum {
        SCAN_READING,
        SCAN_MATCHING,  /**< Rows that wait for the rest of the table. */
        SCAN_FOLLOWING, /**< Rows that name records by what they are called since this file. */
        SCAN_SWEEPING,
        SCAN_SETTLING
    } state;
    bool read;   /**< TABLE_END came; of a file, the rest is done at the round's end. */
    bool absent; /**< The file does not hold this table. */
    bool never_ends;
    bool judging; /**< Rows that did not change are judged too. */
    lth_scan_fault told;
    bool spooling; /**< Every row goes to the spool: a snapshot is due. */
    bool first;    /**< The table was never read to its end before. */
    bool stopped;  /**< No further rows are looked at. */
    bool clean;
    bool unsendable;           /**< A row cannot be sent at all; in the log already. */
    uint8_t swept[PRINT_SIZE]; /**< Last key the sweep looked at. */
    lth_scan_info info;
    char detail_en[LTH_DETAIL_MAX];
    uint32_t fresh, changed, held; /**< Sound new rows; sound changed ones; faulty ones. */
    agent_seen seen;
    agent_seen scopes; /**< complete_for of the rows seen. */
    agent_seen blind;  /**< complete_for of rows that may be anybody's: nothing of these ends. */
    agent_seen spared; /**< What a question is about does not end. */
    agent_seen names;  /**< Values looked at for questions; where: whose holders are left. */
    agent_seen claimed, contested; /**< Wanted as another row's old self; by more than one. */
    lth_arena *deferred_arena;
    agent_deferred *deferred, **deferred_end;
    agent_deferred *unmatched; /**< MATCHING, FOLLOWING: of them, the first not looked at again. */
    agent_set gone, old;
    agent_set newcomers; /**< Hashes of the rows: they have no handle yet. */
    agent_guard guards[GUARDS];
    bool weighs;                        /**< New rows are put off until the guards are weighed. */
    bool old_spilled;                   /**< More rows went back than could be put off. */
    uint32_t new_spilled;               /**< New rows that could not be put off. */
    bool hold_gone, hold_old, hold_new; /**< By a guard. */
    bool withdrawn;                     /**< Held as a person said. */
    bool lacks;                         /**< The file has not all columns: */
    uint64_t lacking[8];                /**< bit per column that it lacks. */
} agent_scan;

/** A record that has another natural key than before this file. */
typedef struct agent_moved {
    struct agent_moved *next;
    uint16_t dataset;
    uint8_t print[PRINT_SIZE]; /**< Of the natural key that it has now. */
    uint32_t n;
    uint8_t old[]; /**< The natural key that it had. */
} agent_moved;

/** A file under way. Counts of what it changed add up over its readings. */
typedef struct agent_upload {
    uint64_t number;
    bool dirty;
    bool repeats;  /**< An earlier file byte for byte, and others came in between. */
    bool weighs;   /**< Records of one of its tables are known: a guard may find something. */
    bool hold_new; /**< A guard of one of its tables holds the new rows of all. */
    lth_arena *moved_arena;
    agent_moved *moved;
    lth_upload row;
    struct {
        uint32_t index;                 /**< Of the table. */
        uint32_t fresh, changed, ended; /**< Of earlier readings. */
    } tables[LTH_UPLOAD_TABLES_MAX];
} agent_upload;

typedef struct agent_round {
    uint64_t tables, ended; /**< Bit per table. */
    bool over;
    bool sealed_live;
    uint64_t started_ms;
    agent_upload *upload; /**< NULL: of a database. */
    agent_scan *scans[];  /**< By table; NULL before its first row and after its end. */
} agent_round;

typedef enum agent_resync {
    RESYNC_NONE = 0,
    RESYNC_DUE = 1,    /**< The next complete scan goes to the spool. */
    RESYNC_CUTTING = 2 /**< The spool is complete; chunks are cut from it. */
} agent_resync;

typedef struct agent_table {
    const lth_mapping *mapping;
    uint32_t every_ms;
    bool matched;               /**< Rows are found by `match`. */
    bool kept;                  /**< Its rows stay in `state`: they cannot be read again at will. */
    uint8_t print[PRINT_SIZE];  /**< Of dataset and mapping. */
    uint8_t judged[PRINT_SIZE]; /**< Of rules and code lists. */
    bool rejudge;               /**< Rows were judged by others. */
    bool remapped; /**< Rows were hashed under another mapping: none can be told to be back. */
    lth_id judged_to;
    bool movable; /**< A record may go from one complete_for to another. */
    lth_mono due;
    lth_scan_fault fault;
    uint32_t faults_in_a_row;
    uint64_t last_good_ms;
    bool read_before;
    bool unsendable; /**< In the last scan. */
    agent_resync resync;
    lth_id cut_to; /**< Upper end of the last chunk. */
} agent_table;

/** A change waiting for the end of the step. */
typedef struct agent_change {
    struct agent_change *next;
    lth_lane lane;
    size_t widest; /**< Bytes after the widest redaction. */
    lth_op op;
    uint16_t dataset;
    uint32_t flags;
    lth_id record_id;
    uint64_t commit_ms;
    uint8_t seed[16];
    uint32_t n_groups;
    struct {
        uint16_t number;
        lth_slice value;
    } groups[];
} agent_change;

typedef enum agent_session {
    SESSION_IDLE,  /**< A HELLO is due. */
    SESSION_HELLO, /**< Sent; RESUME awaited. */
    SESSION_EPOCH, /**< EPOCH_REQUEST sent. */
    SESSION_GO,
    SESSION_WAIT, /**< HELLO again at `until`. */
    SESSION_STOPPED,
} agent_session;

#define ACCEPTED_KEY (2u + 16u + 2u) /**< Of table `accepted`. */

typedef struct agent_school {
    const lth_agent_school *conf;
    lth_agent_head head;
    bool head_dirty;
    agent_table *tables;
    agent_round *round;
    uint64_t upload, uploads; /**< Number under way or last ended; highest given. */
    lth_mono not_before;      /**< No round before this, unless asked for. */
    bool scan_now;
    agent_change *first, *last;
    agent_session session;
    lth_mono until;
    uint64_t next_send, confirmed;   /**< Numbers in this session; in flight = between them. */
    int next_lane;                   /**< Lane of next_send's batch; -1 unknown. */
    bool telling;                    /**< Acceptances are to be told (accepted.c): */
    uint32_t told_tables;            /**< of these many tables they are, */
    uint8_t told_from[ACCEPTED_KEY]; /**< and of the next one from here on. */
} agent_school;

typedef enum agent_item_kind {
    ITEM_LINK_HELLO,
    ITEM_CERTS,
    ITEM_HELLO,
    ITEM_PUBLIC_HELLO,
    ITEM_EPOCH_REQUEST,
    ITEM_HEARTBEAT,
    ITEM_BATCH,
    ITEM_ACCEPTED, /**< signed_header, body: key and value of `accepted`. */
    ITEM_SCAN
} agent_item_kind;

/** An action in waiting; made into a frame when taken. */
typedef struct agent_item {
    agent_item_kind kind;
    uint32_t school;
    lth_lane lane;
    uint64_t tables;
    lth_slice signed_header, body;
} agent_item;

/** The public stream (public.c). */
typedef struct agent_public {
    const lth_org *author; /**< NULL: none is known. */
    lth_position at, above;
    uint64_t next_rec_seq;
    uint64_t through; /**< Last batch of the publication that `at` belongs to. */
    uint64_t taken_ms;
    bool frozen, moved;
    lth_mono ask_at, asked_at;
} agent_public;

struct lth_agent {
    lth_agent_env env;
    agent_public public_;
    lth_agent_info info;
    lth_now now;
    bool format_stored;
    agent_school *schools;
    uint32_t *by_org; /**< Indexes of schools, sorted by org. */
    uint32_t rounds;  /**< Under way. */
    uint32_t scans;   /**< Of them, those of databases. */

    enum { LINK_DOWN, LINK_ASKED, LINK_READY } link;
    lth_mono link_until, last_sent;
    uint64_t credit, sent_bytes;
    uint32_t turn; /**< School that sends next. */
    agent_item *items;
    uint32_t item_at, item_n, item_cap;

    lth_arena *rows;    /**< One row; made for a round, freed after the last. */
    lth_arena *changes; /**< One step's changes; likewise. */
    uint32_t n_changes;
    size_t changes_size;
    bool seal_waited; /**< Mutant 20. */
    lth_slice *parts; /**< Scratch of row hashes: 1 + 2 per column. */
    uint8_t (*sizes)[4];
    lth_cell *cells; /**< Scratch: of a row that was put off. */
    agent_row row;
    lth_record_new record;
    lth_buf terms, vi, en, coded; /**< Scratch; memory appears with the first file. */
    size_t state_size;            /**< Bytes put into `state` in this step. */

    lth_mono prune_at;
    uint32_t prune_school;
};

/** A call's surroundings. */
typedef struct agent_ctx {
    lth_agent *self;
    lth_txn *txn;
    lth_now now;
    agent_school *school;
    uint32_t index; /**< Of the table. */
    agent_table *table;
    agent_scan *scan;
} agent_ctx;

#include "calls.h"
