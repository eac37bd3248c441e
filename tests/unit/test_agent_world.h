/**
 * @file tests/unit/test_agent_world.h
 * An agent of a few schools over a store in memory, and a broker that verifies and merges what it
 * sends. Time stands still unless a test moves it.
 *
 * Every school has two tables, of the datasets DS_A and DS_B, both with the columns key, code,
 * name, count. Group 1 is the natural key (code), group 2 name and count, group 5 never mapped,
 * group 3 not the school's.
 */
#pragma once

#include "agents/core/agent.h"
#include "test_hasher.h"

#define WORLD_SCHOOLS 3u
#define WORLD_TABLES  2u
#define DS_A          7u
#define DS_B          9u
#define BROKER_KEY    130u
#define OTHER_BROKER  131u
#define SCHOOL_KEY(n) (10u + (n))
#define WALL_START    UINT64_C(1767225600000)
#define FRAMES_MAX    4096u
#define BATCHES_MAX   512u

typedef struct row {
    const char *key, *code, *name, *count;
} row;

/** A record as the broker has it. */
typedef struct merged {
    uint16_t dataset;
    lth_id id;
    bool live, held;
    lth_op op;
    uint32_t epoch;
    uint64_t rec_seq;
    uint32_t n_groups;
    uint8_t code[64], about[512];
    size_t code_n, about_n;
    uint32_t versions; /**< Times it came. */
} merged;

typedef struct stored_batch {
    uint8_t header[LTH_BATCH_SIGNED_SIZE];
    uint8_t hash[LTH_HASH_SIZE];
    lth_slice body;
    lth_lane lane;
} stored_batch;

typedef struct broker_origin {
    lth_position head;
    uint64_t next_rec_seq;
    merged *records;
    uint32_t n_records;
    stored_batch batches[BATCHES_MAX];
    uint32_t n_batches;
    uint32_t duplicates, gaps, grants;
    uint32_t ranges_last; /**< RANGE records with LAST, of any dataset. */
} broker_origin;

typedef struct broker {
    broker_origin origins[WORLD_SCHOOLS];
    uint64_t credit, received;
    bool deaf;        /**< Batches are lost. */
    bool no_receipts; /**< Accepted, but no receipt and no credit. */
    bool strict;      /**< Anything but a good batch or a duplicate fails the test. */
    uint8_t form, level;
} broker;

typedef struct world {
    lth_store *store;
    lth_agent *agent;
    lth_agent_env env;
    lth_hasher hasher;
    lth_trust trust;
    lth_agent_school schools[WORLD_SCHOOLS];
    lth_agent_table tables[WORLD_SCHOOLS][WORLD_TABLES];
    lth_signer signers[WORLD_SCHOOLS];
    lth_signer broker_signer;
    lth_now now;
    uint64_t random;
    uint64_t asked[WORLD_SCHOOLS];           /**< Tables of the last SCAN action. */
    uint32_t rounds[WORLD_SCHOOLS];          /**< SCAN actions. */
    uint32_t sent[LTH_FRAME_KIND_LAST + 1u]; /**< Frames of each kind. */
    lth_frame last[LTH_FRAME_KIND_LAST + 1u];
    uint8_t by[LTH_BY_MAX], why[LTH_WHY_MAX]; /**< Of the last ACCEPTED. */
    uint64_t order[FRAMES_MAX]; /**< School and lane of batches, in order of sending. */
    uint32_t n_order;
    lth_frame *replies; /**< Queue of frames from the broker. */
    uint32_t reply_at, reply_n;
    uint8_t *reply_bytes;     /**< Statements they point to. */
    char events[8192];        /**< Names of log events, each followed by a blank. */
    char details[8192];       /**< What they said, likewise. */
    uint32_t steps, crash_at; /**< The step of this number is lost before its commit; 0 = none. */
    uint32_t crashes;
    bool crash_late;  /**< The commit happened, nothing after it. */
    bool may_be_full; /**< LTH_E_STORE_FULL is played by the store: as a crash. */
    broker b;
} world;

world *world_new(uint32_t n_schools);
void world_free(world **w);
/** One step with this event; a crash is played when its number is crash_at. */
void world_step(world *w, const lth_agent_event *event);
void world_timer(world *w);
void world_frame(world *w, const lth_frame *frame);
/** Deliver replies and timers until nothing is left to do now. */
void world_run(world *w);
/** LINK_UP and run: epochs are granted, first rounds asked for. */
void world_connect(world *w);
void world_advance(world *w, lth_mono by);
/** A fresh instance over the same store. */
void world_reopen(world *w);
bool world_logged(const world *w, const char *event);

/** Feed a round: table's rows, its end with @p fault, the other table is said to be empty when it
 * was asked for, the round's end. The round must have been asked for; if not, it is. */
void world_scan(world *w, uint32_t school, uint32_t table, const row *rows, uint32_t n,
                lth_scan_fault fault);
void world_row(world *w, uint32_t school, uint32_t table, const row *r);
void world_table_end(world *w, uint32_t school, uint32_t table, lth_scan_fault fault);
void world_round_end(world *w, uint32_t school);
/** Make sure that a round of this school is under way. */
void world_begin_round(world *w, uint32_t school);
/** A person confirms or withdraws what a guard holds. */
void world_act(world *w, uint32_t school, lth_agent_act_kind kind, uint16_t dataset);
lth_scan_info world_info(world *w, uint32_t school, uint32_t table);
uint64_t world_count(world *w, uint32_t table);

/** The broker's live and not held records of a dataset are exactly these rows. */
void expect_records(world *w, uint32_t school, uint16_t dataset, const row *rows, uint32_t n);
const merged *find_record(world *w, uint32_t school, uint16_t dataset, const char *code);
uint32_t count_held(world *w, uint32_t school, uint16_t dataset);
lth_batch_header last_header(world *w, uint32_t school);

/* test_agent_broker.c */
void broker_take(world *w, const lth_frame *frame);
void broker_reply(world *w, const lth_frame *frame);
void broker_receipt(world *w, uint32_t school, const lth_position *at, uint32_t key, uint8_t form,
                    uint8_t level);
void broker_grant(world *w, uint32_t school, uint32_t epoch, uint32_t key);
void broker_free(broker *b);
