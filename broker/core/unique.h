/**
 * @file broker/core/unique.h
 * What no two living records of a school may have alike: its index (indexed.c) and its judgement
 * (unique.c). Internal to broker/core.
 */
#pragma once

#include "lth/schema.h"
#include "settle.h"

/** Key of `unique`: org prefix 8 | dataset 2 | rule 2 | hash 16 | record_id 16. */
#define UNIQUE_HEAD   12u
#define UNIQUE_SHARED 28u /**< The same for all that have one value. */
#define UNIQUE_KEY    44u

/** A record's values while keys are made of them. */
typedef struct broker_values {
    bool known;
    lth_id id;
    lth_row_values row;
    uint64_t shown[FIELDS_MAX / 64];
} broker_values;

/** Those of one dataset stand together: from *first on, so many. */
uint32_t lth_broker__indexes_of(const lth_broker *self, uint16_t dataset, uint32_t *first);
/** Values stand in self->values until the next read. */
lth_err lth_broker__unique_read(lth_broker *self, lth_slice wire, broker_values *out);
/** @p taking  It must take part, too. @p has  False: no key. */
lth_err lth_broker__unique_key(lth_broker *self, const broker_index *index, const broker_values *of,
                               bool taking, uint8_t key[UNIQUE_KEY], bool *has);
void lth_broker__unique_wait(lth_wait *out, const uint8_t key[UNIQUE_SHARED]);
/** A record gave that value up: who waits for it is looked at soon. */
lth_err lth_broker__unique_wake(lth_broker *self, lth_txn *txn, const uint8_t key[UNIQUE_SHARED]);
