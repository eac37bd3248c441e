/**
 * @file tests/unit/test_broker_fixture.h
 * A small country for the tests of the broker's core: brokers over stores in memory, schools that
 * sign batches with fake keys, and frames carried by hand.
 *
 * Orgs: ROOT (issuer of all keys) > MINISTRY (broker) > PROVINCE (broker) > SCHOOL_A, SCHOOL_B;
 * STRANGER is in the registry beside them, NOBODY is not. Dataset 1 has the owner's groups 1
 * (natural key: field 1), 2 (field 2) and 4 (field 4, sensitive) and group 3 (field 3) owned by
 * the kind of the ministry.
 */
#pragma once

#include "broker/core/broker.h"
#include "test_hasher.h"

enum {
    ORG_A = 1,
    ORG_B = 2,
    ORG_STRANGER = 3,
    ORG_NOBODY = 4,
    ORG_PROVINCE = 129,
    ORG_MINISTRY = 130,
    ORG_ROOT = 1000
};
#define DATASET    1u
#define PEER_OF(n) ((lth_peer)(n) + 100u)

/** One broker with its store and everything it sent, in order. */
typedef struct node {
    uint32_t n;
    lth_store *store;
    lth_broker *broker;
    lth_broker_env env;
    lth_signer signer;
    lth_trust trust;
    lth_policy policy;
    lth_now now;
    struct {
        lth_action action;
        bool taken;
    } sent[4096];
    uint32_t n_sent;
    uint32_t errors_logged;
} node;

void country_init(void);
void country_fini(void);
const lth_registry *country_registry(void);
const lth_schema *country_schema(void);

void node_init(node *self, uint32_t n, bool has_parent);
void node_fini(node *self);
/** The process dies after its last commit and starts again from the store. */
void node_restart(node *self);
/** What the province sends upward of dataset 1: @p n_share groups, or headers only. */
void node_route(node *self, lth_send send, const uint16_t *share, uint32_t n_share);
/** The same of datasets 1 and 2. */
void node_route_both(node *self, const uint16_t *share, uint32_t n_share);
void node_event(node *self, const lth_event *event);
void node_frame(node *self, uint32_t org, const lth_frame *frame);
void node_timer(node *self, uint64_t ms);
/** LINK_HELLO of a peer; takes the answer. */
void node_greet(node *self, uint32_t org);
/** The same by a peer that speaks another version. */
void node_greet_as(node *self, uint32_t org, uint32_t version);
/** First frame of that kind sent to a peer and not taken yet, or NULL. Takes it. */
const lth_frame *node_take(node *self, lth_peer to, lth_frame_kind kind);
uint32_t node_count(const node *self, lth_peer to, lth_frame_kind kind);
void node_clear(node *self);
/** LINK_HELLO from child to parent, then carry frames both ways until both are quiet. */
void link_up(node *child, node *parent);
void carry(node *child, node *parent);

/** Reads of committed state. */
bool node_head(node *self, uint32_t org, lth_head *out);
bool node_row(node *self, lth_id id, uint16_t slot, lth_record_row *out);
void node_counts(node *self, uint32_t org, uint64_t *live, uint64_t *absent);
uint64_t node_entries(node *self, uint32_t table);
void node_table_hash(node *self, uint32_t table, uint8_t out[LTH_HASH_SIZE]);

/** A school's own side: builds its chain. */
typedef struct school {
    uint32_t n;
    lth_position at;
    uint64_t next_rec_seq;
} school;

typedef struct record {
    uint32_t owner; /**< Org number; 0 = the school. */
    uint32_t id;
    lth_op op;                                       /**< 0 = state. */
    const char *natural, *study, *secret, *official; /**< NULL = empty; official: group 3 alone. */
    uint32_t flags;
    uint16_t dataset; /**< 0 = DATASET. */
    uint32_t lo, hi;  /**< RANGE; one with a study group beside them is malformed. */
} record;

typedef struct batch {
    uint8_t header[LTH_BATCH_SIGNED_SIZE];
    uint8_t hash[LTH_HASH_SIZE];
    lth_slice body;
    lth_frame frame;
} batch;

lth_id record_id(uint32_t org, uint32_t id);
/** The next batch of the school's chain; the school moves on. */
batch school_batch(school *self, const record *records, uint32_t n);
/** The same with fields of the header changed before it is signed. */
typedef void (*header_edit)(lth_batch_header *header);
batch school_batch_edited(school *self, const record *records, uint32_t n, header_edit edit);
/** HELLO, EPOCH_REQUEST and the grant: the school is at the start of a granted epoch. */
void school_begin(school *self, uint32_t n, node *broker);
/** Send and return the REJECT it brought, or NULL. */
const lth_frame_reject *send_batch(node *broker, const school *from, const batch *b);
/** Send a batch that must be accepted. */
void send_good(node *broker, school *from, const record *records, uint32_t n);
