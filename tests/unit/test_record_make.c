#include "test_record_make.h"

#include <stdlib.h>

#include "test_hasher.h"

uint32_t test_below(test_random *random, uint32_t below)
{
    random->state = random->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random->state >> 33) % below);
}

static void fill(test_random *random, void *out, size_t n)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)test_below(random, 256);
    }
}

lth_batch_header test_header(void)
{
    return (lth_batch_header){.kind = LTH_KIND_DELTA,
                              .origin = test_org(0),
                              .epoch = 1,
                              .dict_ver = 3,
                              .batch_seq = 5,
                              .source_time_ms = 1788220800000,
                              .source_position = 77,
                              .prev = {1, 2, 3}};
}

#define VALUE_MAX 120u

static void make_record(lth_record_new *out, test_random *random, uint32_t groups_max,
                        uint8_t values[LTH_GROUPS_MAX][VALUE_MAX])
{
    *out = (lth_record_new){.op = LTH_OP_STATE + test_below(random, 4),
                            .dataset = (uint16_t)test_below(random, 65536),
                            .flags = test_below(random, 4),
                            .src_version = test_below(random, 1000),
                            .src_commit_time_ms = test_below(random, 1000),
                            .n_groups = 1 + test_below(random, groups_max)};
    fill(random, out->record_id.b, sizeof out->record_id.b);
    fill(random, out->seed, sizeof out->seed);
    uint16_t number = 0;
    for (uint32_t i = 0; i < out->n_groups; i++) {
        number = (uint16_t)(number + 1 + test_below(random, 3));
        uint32_t size = test_below(random, VALUE_MAX + 1);
        fill(random, values[i], size);
        out->groups[i].number = number;
        out->groups[i].value = lth_slice_of(values[i], size);
    }
}

void test_batch_make(test_batch *out, test_random *random, uint32_t n_records, uint32_t groups_max)
{
    static lth_batch_builder builder;
    static uint8_t values[LTH_GROUPS_MAX][VALUE_MAX];
    lth_hasher h = test_hasher();
    lth_signer signer = test_signer(0);
    lth_batch_builder_init(&builder);
    lth_batch_builder_reset(&builder, 100);
    for (uint32_t i = 0; i < n_records; i++) {
        lth_record_new record;
        make_record(&record, random, groups_max, values);
        if (lth_batch_builder_add(&builder, &h, &record) != LTH_OK) {
            abort();
        }
    }
    lth_batch_header header = test_header();
    if (lth_batch_builder_seal(&builder, &h, &signer, &header, out->head) != LTH_OK) {
        abort();
    }
    out->body = builder.body;
    builder.body = (lth_buf){0};
}

void test_batch_free(test_batch *batch)
{
    lth_buf_fini(&batch->body);
}

lth_refusal test_verify(lth_batch_check *check, lth_slice head, lth_slice body)
{
    static uint8_t leaves[LTH_BATCH_RECORDS_MAX][LTH_HASH_SIZE];
    lth_hasher h = test_hasher();
    lth_trust trust = test_trust();
    return lth_batch_verify(check, &h, &trust, head, body, leaves, NULL);
}
