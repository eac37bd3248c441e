/**
 * @file bench/link.h
 * The lower end of a link to a broker, as a hosted agent holds it: greeting, certificates, epochs,
 * then batches within the credit, until every batch has its receipt.
 */
#pragma once

#include "bench/load.h"
#include "lth/net.h"

typedef struct bench_link {
    bench_load *load;
    lth_net *net;
    lth_net_client *client;
    uint64_t credit, used;
    bool resumed;
    uint32_t heads, grants;                 /**< RESUME and EPOCH_GRANT received. */
    uint8_t (*receipts)[LTH_RECEIPT_BYTES]; /**< Newest of each school. */
    lth_position *wanted;                   /**< Position of each school's batch of this round. */
    uint32_t n_receipts;                    /**< Schools whose wanted position is acknowledged. */
} bench_link;

/** Connect and bring every school to where it may send its first batch. */
void bench_link_open(bench_link *out, bench_load *load);
void bench_link_close(bench_link *link);

typedef struct bench_sent {
    double seconds; /**< From the first batch sent to the last receipt received. */
    uint64_t bytes; /**< Signed headers and bodies. */
} bench_sent;
/** Send a round. Afterwards, outside the clock, every receipt is checked: its signature, and that
 * it names that very batch. */
bench_sent bench_link_round(bench_link *link, const bench_round *round);
