/**
 * @file tests/sim/sim.h
 * The simulator: a whole country of schools' sources, agents and brokers on a virtual clock,
 * network and disk, all drawn from one seed; style.md section 3.
 *
 * The nodes are the real cores over lib/store's memory back end; frames go through the real codec.
 * ZeroMQ is simulated by its promises: whole messages, order within a connection, silent loss on
 * reconnect. A run has two phases: faults, then everything heals and must converge (liveness)
 * before the final checks (correctness). The same seed gives the same trace hash in every process.
 */
#pragma once

#include <stdio.h>

#include "agents/core/agent.h"
#include "broker/core/broker.h"
#include "lib/store/store_mem.h"
#include "test_hasher.h"

/** Exit codes. */
enum { SIM_OK = 0, SIM_USAGE = 2, SIM_CRASH = 127, SIM_LIVENESS = 128, SIM_CORRECTNESS = 129 };

#define SIM_TIERS_MAX   6u
#define SIM_AGENTS_MAX  8u
#define SIM_NODES_MAX   (SIM_TIERS_MAX + SIM_AGENTS_MAX)
#define SIM_SCHOOLS_MAX 15u
#define SIM_SOURCED_MAX 10u /**< Of them with a database: their index is one digit. */
#define SIM_DATASETS    5u
#define SIM_SOURCES     3u /**< The first ones are read from databases, the others from files. */
#define SIM_GROUPS      4u /**< Groups 1..4; group 9 is the ministry's. */
#define SIM_ROWS_MAX    64u
#define SIM_INBOX_MAX   4096u
#define SIM_NOBODY      UINT32_MAX
#define SIM_MS          UINT64_C(1000000)
#define SIM_S           UINT64_C(1000000000)
#define SIM_NEVER       UINT64_MAX
#define SIM_WALL_START  UINT64_C(1767225600000) /**< 2026-01-01 UTC */

/* ---- chance ---- */
typedef struct sim_rng {
    uint64_t state;
} sim_rng;
uint64_t sim_draw(sim_rng *rng);
/** 0..n-1; n > 0. */
uint32_t sim_below(sim_rng *rng, uint32_t n);
/** lo..hi, both included. */
uint64_t sim_range(sim_rng *rng, uint64_t lo, uint64_t hi);
/** True @p n times in 100,000. */
bool sim_chance(sim_rng *rng, uint32_t n);

#include "files.h"

/* ---- sources: the tables of a school, as its own program keeps them ---- */
typedef struct sim_row {
    uint32_t uid;     /**< Never used again within its table. */
    uint32_t version; /**< Of its values. */
    char key[16];     /**< Local key; "" = NULL. */
    bool moved;       /**< Had another key, or shared one. */
    uint32_t nat;     /**< Number of its natural key; 0 = missing. */
    uint32_t born;    /**< YYYYMMDD; 0 = NULL; 1 = a date that cannot be. */
    int32_t score;    /**< 0..100; others are not valid. */
} sim_row;

typedef struct sim_table {
    sim_row rows[SIM_ROWS_MAX];
    uint32_t n;
    uint32_t last_uid, last_key;
    uint32_t last_nat;
    uint32_t left[512]; /**< Natural keys that a row ever gave up. */
    uint32_t n_left;
} sim_table;

/** What a reader of a school's database sees: a copy, handed over row by row. */
typedef struct sim_scan {
    bool running;
    uint64_t tables; /**< Still to be read; bit per table. */
    uint32_t table, at, n;
    uint64_t started;
    sim_row rows[SIM_ROWS_MAX];
    lth_scan_fault fails; /**< Where it breaks off. */
    uint32_t fails_at;
    bool dies; /**< Ends the round without a word. */
    uint64_t next;
} sim_scan;

typedef struct sim_school {
    uint32_t index;
    lth_id org;
    uint32_t key; /**< Fake key that signs for it. */
    uint32_t node;
    uint32_t entry; /**< Broker its agent talks to. */
    char code[16];
    sim_clerk *clerk; /**< NULL: it has a database. */
    sim_table tables[SIM_SOURCES];
    uint64_t mutate_at;
    uint32_t copies_restored;
    bool cloned;     /**< A second agent with its identity ran, or its key signed two chains. */
    bool forked;     /**< Two headers of one position were handed to its entry broker. */
    bool fork_taken; /**< That step was committed. */
    uint32_t safe_epoch;
    uint64_t safe_seq; /**< Highest position that a whole receipt at level safe named. */
    uint64_t clean_since[SIM_SOURCES]; /**< Start of the last scan handed over completely. */
} sim_school;

/* ---- nodes ---- */
typedef enum sim_in_kind {
    SIM_IN_FRAME,
    SIM_IN_PEER_DOWN,
    SIM_IN_LINK_UP,
    SIM_IN_LINK_DOWN
} sim_in_kind;
typedef struct sim_in {
    sim_in_kind kind;
    uint64_t handle; /**< Connection. */
    bool from_above;
    bool replayed;
    uint32_t from; /**< Node at the other end. */
    uint8_t *bytes;
    size_t n;
    lth_checked *checked; /**< Judged already when it came in, as worker threads do. */
} sim_in;

typedef struct sim_clock {
    uint64_t boot; /**< True time of the process start. */
    uint64_t base; /**< Its monotonic clock then. */
    int32_t drift_ppm;
    int64_t wall_ms; /**< Offset of its wall clock. */
} sim_clock;

typedef struct sim_promise {
    lth_position at; /**< Newest position that this broker gave a receipt for. */
} sim_promise;

typedef struct sim_node {
    struct sim *sim;
    uint32_t index;
    bool is_broker;
    bool clone;
    bool takes_files; /**< Of schools that hand in files. */
    bool gone;        /**< Switched off for good. */
    lth_id org;
    uint32_t key;
    lth_role role;
    uint32_t parent; /**< Node, or SIM_NOBODY. */
    uint32_t depth;  /**< Brokers: 0 = top. */
    lth_store *store;
    lth_store *backup; /**< Copy of an agent's store taken earlier. */
    uint64_t backup_at;
    lth_broker *broker;
    lth_agent *agent;
    bool up;
    uint64_t start_at;
    sim_clock clock;
    sim_rng random;
    bool known[TEST_KEYS];
    sim_in inbox[SIM_INBOX_MAX];
    uint32_t in_first, in_n;
    uint64_t busy_until; /**< A step takes time. */
    uint64_t timer_at;
    bool more;
    uint64_t full_until; /**< Its disk is full. */
    /* broker */
    lth_broker_env broker_env;
    lth_signer signer;
    lth_trust trust;
    lth_err planted; /**< Fault planned for this step. */
    lth_policy policies[2];
    lth_route routes[2];
    lth_route_dataset route_datasets[2][SIM_DATASETS];
    uint16_t shares[2][SIM_DATASETS][SIM_GROUPS + 1];
    lth_id route_orgs[SIM_SCHOOLS_MAX];
    bool narrowed;
    bool lax; /**< Its rules, for now. */
    uint64_t narrow_at;
    sim_promise promised[SIM_SCHOOLS_MAX];
    /* agent */
    lth_agent_env agent_env;
    lth_agent_school schools[SIM_SCHOOLS_MAX];
    lth_signer school_signers[SIM_SCHOOLS_MAX];
    uint32_t school_index[SIM_SCHOOLS_MAX];
    uint32_t n_schools;
    lth_agent_table tables[SIM_DATASETS]; /**< Those of databases first. */
    sim_scan scans[SIM_SCHOOLS_MAX];
    sim_reading readings[SIM_SCHOOLS_MAX];
    bool confirmed[SIM_SCHOOLS_MAX][SIM_SOURCES]; /**< A person let a guard's work be done. */
} sim_node;

/* ---- network: one link per node that dials out ---- */
typedef struct sim_message {
    uint64_t due;
    bool replayed;
    uint8_t *bytes;
    size_t n;
} sim_message;

enum { SIM_UP = 0, SIM_DOWN = 1 };
#define SIM_QUEUE_MAX 1024u

typedef struct sim_link {
    uint32_t client, server;
    bool connected;
    bool told_up; /**< What the client's process believes. */
    bool greeted; /**< The server's present core has answered its LINK_HELLO. */
    uint64_t handle;
    uint64_t connect_at;
    sim_message queue[2][SIM_QUEUE_MAX];
    uint32_t first[2], n[2];
    uint64_t last_due[2];
    bool blocked[2];
    uint64_t blocked_until;
    uint64_t broken_at;        /**< A blocked connection dies when its heartbeats fail. */
    uint64_t acked[LTH_LANES]; /**< Highest out_no that the client was told. */
    uint64_t seen[LTH_LANES];  /**< Highest out_no that reached the server. */
    uint8_t *old;              /**< A message the client sent before, for a replay. */
    size_t old_n;
} sim_link;

/* ---- faults: chances in 100,000, drawn by the seed, many of them 0 ---- */
#define SIM_FAULTS(X)                                                                              \
    X(crash_before)    /* a step: the process dies before begin */                                 \
    X(crash_handled)   /* between handle and commit */                                             \
    X(crash_committed) /* after the commit, before committed() */                                  \
    X(crash_unsent)    /* before all actions were taken */                                         \
    X(store_io)        /* a call of the store fails for good */                                    \
    X(store_full)      /* a call of the store finds no room */                                     \
    X(store_stored)    /* a commit is stored and yet fails */                                      \
    X(lose)            /* a message is not queued: high-water mark */                              \
    X(replay)          /* an old message of the sender comes once more */                          \
    X(early_check)     /* a batch is judged before what came before it was handled */              \
    X(garbage)         /* bytes that are no frame */                                               \
    X(scan_fault)      /* a scan breaks off */

typedef struct sim_faults {
#define X(name) uint32_t name;
    SIM_FAULTS(X)
#undef X
    /* seconds between two of them on the average; 0 = never */
    uint32_t cut_s, block_s, jump_s, restore_s, stop_s, disk_full_s;
    uint32_t slow_ms; /**< Longest delay of a message. */
    bool quiet_cut;   /**< A client may not notice that it was connected anew. */
    bool clone, fork, ungranted, narrow, drift, withhold;
    uint32_t pad;      /**< Longest filling of a value. */
    uint32_t bad_keys; /**< Chance of a NULL or double key per mutation. */
    uint32_t bad_rows;
    uint32_t queue_max;
} sim_faults;

typedef struct sim {
    uint64_t seed;
    bool verbose;
    bool healing;
    uint64_t now, heal_at, end_at;
    uint64_t trace;
    sim_rng rng;
    sim_faults faults;
    sim_rng public_rng;
    uint64_t public_at; /**< Next publication. */
    bool lax;           /**< Rules of all brokers in the end. */
    int failed;         /**< Exit code of the first violation; 0 = none. */
    lth_hasher hasher;
    lth_id orgs_list[SIM_NODES_MAX * 2 + SIM_SCHOOLS_MAX];
    lth_org orgs[SIM_NODES_MAX * 2 + SIM_SCHOOLS_MAX];
    lth_org_parent parents[SIM_NODES_MAX * 2 + SIM_SCHOOLS_MAX];
    uint32_t by_code[SIM_NODES_MAX * 2 + SIM_SCHOOLS_MAX];
    char codes[SIM_NODES_MAX * 2 + SIM_SCHOOLS_MAX][16];
    lth_id carried[SIM_AGENTS_MAX][SIM_SCHOOLS_MAX];
    lth_registry registry;
    sim_node nodes[SIM_NODES_MAX];
    uint32_t n_nodes, n_brokers;
    sim_link links[SIM_NODES_MAX];
    uint32_t n_links;
    sim_school schools[SIM_SCHOOLS_MAX];
    uint32_t n_schools;
    uint64_t last_handle;
    lth_checked *checked;
    uint64_t fault_at[8];
    uint64_t events, frames, steps, crashes, batches;
    char waiting[200]; /**< What convergence waits for. */
} sim;

/* ---- main parts ---- */
/** Run one seed; returns an exit code. */
int sim_run(uint64_t seed, bool verbose, uint64_t *trace);
void sim_trace(sim *s, const char *what, const void *bytes, size_t n);
void sim_say(const sim *s, const char *fmt, ...) LTH_PRINTF(2, 3);
/** A violated invariant: remembers the first one and prints it. */
void sim_fail(sim *s, int code, const char *invariant, const char *fmt, ...) LTH_PRINTF(4, 5);

/* schema.c */
const lth_schema *sim_schema(void);
const lth_mapping *sim_mapping(uint32_t table);
extern const uint16_t sim_datasets[SIM_DATASETS];
/** Index of a dataset, or SIM_DATASETS. */
uint32_t sim_dataset_index(uint16_t number);
/** Does this dataset have group 1..4? */
bool sim_has_group(uint32_t table, uint32_t group);

/* country.c */
void sim_country_draw(sim *s);
sim_school *sim_school_of(sim *s, const lth_id *org);
/** School that owns records with this prefix. */
sim_school *sim_school_of_prefix(sim *s, const uint8_t prefix[8]);
bool sim_below_broker(const sim *s, uint32_t broker, const sim_school *school);
/** Groups (bit g-1) that may be shown by @p node to its parent; bit 31: the origin is named. */
uint32_t sim_shared(const sim_node *node, const sim_school *school, uint32_t table, bool narrow);
/** Groups that may be (widest) or must be (narrowest) at broker @p at. */
uint32_t sim_visible(const sim *s, uint32_t at, const sim_school *school, uint32_t table,
                     bool narrow);
#define SIM_NAMED 0x80000000u

/* source.c */
void sim_source_fill(sim *s, sim_school *school);
void sim_source_mutate(sim *s, sim_school *school);
/** Rows that stop a clean scan are mended. */
void sim_source_mend(sim *s, sim_school *school);
bool sim_row_valid(const sim_row *row);
/** The bytes of a group that this row must give; an encoder of its own. */
size_t sim_row_group(const sim *s, const sim_school *school, uint32_t table, const sim_row *row,
                     uint32_t group, uint8_t out[8192]);
/** Fields of the wire, appended; their size. */
size_t sim_put_text(uint8_t *out, uint32_t field, const char *text);
size_t sim_put_number(uint8_t *out, uint32_t field, uint32_t number);
/** Cells of a row in the order of sim_mapping()'s columns. */
void sim_row_cells(const sim *s, const sim_school *school, uint32_t table, const sim_row *row,
                   lth_cell cells[7], char text[7][2048]);
/** Row of a table by uid, or NULL. */
const sim_row *sim_row_find(const sim_table *table, uint32_t uid);
/** uid and version in the bytes of a group 2, or false. */
bool sim_read_name(lth_slice group, uint32_t *uid, uint32_t *version);
bool sim_natural_left(const sim_table *table, lth_slice natural);
void sim_scan_begin(sim *s, sim_node *node, uint32_t slot, uint64_t tables);
/** The next table of the round; false when there is none. */
bool sim_scan_advance(sim *s, sim_node *node, uint32_t slot);

/* network.c */
uint64_t sim_network_next(const sim *s);
void sim_network_run(sim *s);
sim_link *sim_link_of(sim *s, uint32_t client);
void sim_link_cut(sim *s, sim_link *link, bool noticed);
void sim_client_send(sim *s, sim_node *node, lth_slice bytes, bool replayed);
/** False: that peer is gone. */
bool sim_server_send(sim *s, sim_node *node, uint64_t handle, lth_slice bytes);
void sim_drop_peer(sim *s, uint64_t handle);
void sim_inbox_put(sim *s, sim_node *node, const sim_in *in);
void sim_inbox_clear(sim_node *node);
void sim_network_free(sim *s);

/* node.c */
void sim_node_open(sim *s, sim_node *node);
/** The process dies. */
void sim_node_crash(sim *s, sim_node *node, uint64_t down_for);
void sim_node_free(sim_node *node);
void sim_node_step(sim *s, sim_node *node);
uint64_t sim_node_next(const sim_node *node);
lth_now sim_node_now(const sim *s, const sim_node *node);
/** Rebuild the core over the same store; connections stay. */
void sim_node_reopen(sim *s, sim_node *node);
/** Answered LINK_HELLO of the connection @p handle? */
bool sim_greeted(const sim *s, uint64_t handle);
/** The living connection of that number, or NULL. */
sim_link *sim_link_by_handle(sim *s, uint64_t handle);
void sim_check_env(const sim_node *node, lth_check_env *out);
/** After an error of the core or its store: start again from what is stored. */
void sim_node_failed(sim *s, sim_node *node, lth_err err);

/* agent_step.c, broker_step.c */
void sim_agent_step(sim *s, sim_node *node);
/** Does a guard of this table wait for a person? */
bool sim_table_waits(lth_txn *txn, const sim_school *school, uint16_t dataset);
void sim_broker_step(sim *s, sim_node *node);

/* holds.c: rules, references, people's decisions, the guard of snapshots */
const lth_schema *sim_broker_schema(const sim_node *node);
/** Does the strict rule forbid it? */
bool sim_rule_breaks(const sim_row *row);
/** May the row not have the score of another record that lives? */
bool sim_score_once(const sim *s, uint32_t table, const sim_row *row);
void sim_check_uniques(sim *s, const sim_node *node, lth_txn *txn);
void sim_rules_change(sim *s);
void sim_rules_heal(sim *s);
/** Does a person decide now at this broker? */
bool sim_people_decide(sim *s, sim_node *node, lth_txn *txn, lth_decision *out);
void sim_people_check(sim *s, const sim_node *node, lth_txn *txn, const lth_decision *d);
/** Does something wait for a person's word here? */
bool sim_people_wait(const sim *s, const sim_node *node, lth_txn *txn);
typedef struct sim_guard {
    bool on;
    uint8_t key[10];
    uint64_t live, absent;
} sim_guard;
void sim_guard_limits(lth_broker_env *env);
void sim_guard_before(lth_txn *txn, const lth_checked *checked, sim_guard *g);
void sim_guard_after(sim *s, const sim_node *node, lth_txn *txn, const sim_guard *g);
/** Was there ever a record with this natural group for a beta to name; is there one now? */
bool sim_reference_ever(lth_txn *txn, lth_slice natural);
bool sim_reference_there(const sim *s, lth_txn *txn, const lth_id *owner, lth_slice natural);

/* public.c */
void sim_public_draw(sim *s);
/** Publish in this step, when this is the top broker and it is time. */
lth_err sim_public_publish(sim *s, sim_node *node, lth_txn *txn, lth_now now);
/** Does every node hold the whole of what the top holds? @p who: one that does not. */
bool sim_public_converged(sim *s, uint32_t *who);
void sim_public_check(sim *s);

/* faults.c */
void sim_faults_draw(sim *s);
uint64_t sim_faults_next(const sim *s);
void sim_faults_run(sim *s);
void sim_faults_heal(sim *s);
/** Does a fault with this chance happen now? Never once everything heals. */
bool sim_fault(sim *s, uint32_t chance);

/* forge.c: what a cloned or cheating agent would send */
void sim_forge(sim *s, sim_node *node, lth_slice frame);

/* watch.c: invariants of what is sent */
void sim_watch_agent_frame(sim *s, const sim_node *node, const lth_frame *frame);
void sim_watch_broker_frame(sim *s, sim_node *node, lth_txn *read, lth_peer peer,
                            const lth_frame *frame);
/** After a step of a broker: nothing left `out` that the parent does not hold. */
void sim_watch_out(sim *s, sim_node *node);
void sim_watch_delivery(sim *s, sim_node *node, const sim_in *in, const lth_frame *frame);
/** Every marked value in these bytes must be allowed at this broker. */
void sim_watch_bytes(sim *s, const char *where, const sim_node *broker, lth_slice bytes);

/* check.c, model.c, match.c: invariants of the stores */
/** After a crash: what was promised is there. */
void sim_check_promises(sim *s, sim_node *node);
void sim_check_broker(sim *s, sim_node *node);
void sim_check_agent(sim *s, sim_node *node);
void sim_check_model(sim *s, sim_node *node, lth_txn *txn);
/* converge.c */
bool sim_converged(sim *s);
void sim_match_all(sim *s);

/** A read transaction; dies on failure: no faults are planted while checking. */
lth_txn *sim_read(sim_node *node);
bool sim_get(lth_txn *txn, uint32_t table, lth_slice key, lth_slice *value);
typedef void (*sim_visit)(void *ctx, lth_slice key, lth_slice value);
void sim_each(lth_txn *txn, uint32_t table, sim_visit visit, void *ctx);
bool sim_head(lth_txn *txn, const lth_id *origin, lth_head *out);
