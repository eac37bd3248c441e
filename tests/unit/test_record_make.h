/**
 * @file tests/unit/test_record_make.h
 * Random batches of synthetic records, repeatable from a seed.
 */
#pragma once

#include "lth/record.h"

typedef struct test_random {
    uint64_t state;
} test_random;
/** 0 .. below-1. */
uint32_t test_below(test_random *random, uint32_t below);

/** A signed batch and its body in form 1. */
typedef struct test_batch {
    uint8_t head[LTH_BATCH_SIGNED_SIZE];
    lth_buf body;
} test_batch;

/** Header of test_org(0), stream 0, epoch 1, batch 5; records from number 100. */
lth_batch_header test_header(void);

/** @p n_records records of 1..@p groups_max groups, signed by test_signer(0). */
void test_batch_make(test_batch *out, test_random *random, uint32_t n_records, uint32_t groups_max);
void test_batch_free(test_batch *batch);

/** lth_batch_verify() with the fake trust. */
lth_refusal test_verify(lth_batch_check *check, lth_slice head, lth_slice body);
