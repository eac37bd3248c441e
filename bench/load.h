/**
 * @file bench/load.h
 * The load of a measurement: every school's batches, built and signed before any clock runs, each
 * as the frame that goes on the wire.
 */
#pragma once

#include "bench/country.h"
#include "lth/frame.h"

typedef struct bench_school {
    lth_id org;
    lth_signer signer;
    lth_slice leaf_der, ca_der;
    uint64_t next_rec_seq;
    lth_position at; /**< Of the newest batch made. */
    uint8_t id_key[32];
} bench_school;

/** One signed batch. */
typedef struct bench_batch {
    uint32_t school; /**< Index. */
    lth_position at;
    uint32_t bytes; /**< Signed header and body: what counts against the credit. */
    lth_buf frame;
} bench_batch;

typedef struct bench_round {
    bench_batch *batches;
    uint32_t n;
    uint64_t record_bytes; /**< Wire bytes of all its records. */
} bench_round;

typedef struct bench_load {
    const bench_country *country;
    const lth_dataset *dataset;
    lth_trust trust;
    bench_school *schools; /**< Sorted by org. */
    uint32_t n_schools;
    uint32_t batch_records; /**< Records of a school = of a batch. */
} bench_load;

/** Open the schools' keys. */
void bench_load_open(bench_load *out, const bench_country *country, uint32_t batch_records);
void bench_load_close(bench_load *load);
/** The next batch of every school, in a shuffled order of schools: round 0 holds every record for
 * the first time, each later one a new version of all of them. The same seed gives the same
 * records. */
void bench_load_round(bench_load *load, bench_round *out, uint32_t round);
void bench_round_free(bench_round *round);
/** Index of a school, or n_schools. */
uint32_t bench_load_find(const bench_load *load, const lth_id *org);
