#include "internal.h"

void lth_batch_builder_init(lth_batch_builder *b)
{
    lth_buf_init(&b->body, LTH_BATCH_BODY_MAX);
    lth_batch_builder_reset(b, 1);
}

void lth_batch_builder_fini(lth_batch_builder *b)
{
    lth_buf_fini(&b->body);
}

void lth_batch_builder_reset(lth_batch_builder *b, uint64_t first_rec_seq)
{
    lth_buf_clear(&b->body);
    b->n_records = 0;
    b->widest = 0;
    b->first_rec_seq = first_rec_seq;
}

/* Bytes in form 1, and the most that any redaction can have. */
typedef struct record_size {
    size_t full, widest;
} record_size;

static record_size size_of(const lth_record_new *record)
{
    record_size size = {.full = FORM_1_FIXED, .widest = FORM_2_FIXED};
    for (uint32_t i = 0; i < record->n_groups; i++) {
        size_t value_size = record->groups[i].value.n;
        if (value_size > LTH_RECORD_MAX) {
            return (record_size){.full = SIZE_MAX, .widest = SIZE_MAX};
        }
        size.full += GROUP_FULL + value_size;
        size.widest += lth_record__group_widest(value_size);
    }
    return size;
}

static void write_record(uint8_t *out, size_t size, const lth_record_new *record, uint64_t rec_seq)
{
    lth_record_header header = {.op = (uint8_t)record->op,
                                .n_groups = (uint8_t)record->n_groups,
                                .dataset = record->dataset,
                                .flags = record->flags,
                                .rec_seq = rec_seq,
                                .record_id = record->record_id,
                                .src_version = record->src_version,
                                .src_commit_time_ms = record->src_commit_time_ms};
    uint8_t header_bytes[LTH_RECORD_HEADER_SIZE];
    lth_record__header_encode(header_bytes, &header);
    lth_wr wr = lth_wr_of(out, size);
    lth_wr8(&wr, LTH_FORM_FULL);
    lth_wr_bytes(&wr, header_bytes, sizeof header_bytes);
    lth_wr_bytes(&wr, record->seed, SEED_SIZE);
    for (uint32_t i = 0; i < record->n_groups; i++) {
        lth_wr16(&wr, record->groups[i].number);
        lth_wr32(&wr, (uint32_t)record->groups[i].value.n);
        lth_wr_bytes(&wr, record->groups[i].value.p, record->groups[i].value.n);
    }
    LTH_ASSERT(!wr.bad && wr.p == wr.end);
}

lth_err lth_batch_builder_add(lth_batch_builder *b, const lth_hasher *h,
                              const lth_record_new *record)
{
    LTH_ASSERT(record->n_groups >= 1 && record->n_groups <= LTH_GROUPS_MAX);
    record_size size = size_of(record);
    if (b->n_records == LTH_BATCH_RECORDS_MAX || size.widest > LTH_RECORD_MAX ||
        size.widest > LTH_BATCH_BODY_MAX - b->widest) {
        return LTH_E_LIMIT;
    }
    uint8_t *out = lth_buf_more(&b->body, size.full);
    if (out == NULL) {
        return lth_record__buf_error(&b->body, size.full);
    }
    write_record(out, size.full, record, b->first_rec_seq + b->n_records);

    /* Hashed as a receiver will read it; a record that we ourselves would refuse is our bug. */
    lth_record_view view;
    lth_rd in = lth_rd_of(lth_slice_of(out, size.full));
    LTH_ASSERT(lth_record_parse(&view, &in) == LTH_REFUSE_none && lth_rd_done(&in));
    lth_record_leaf(h, &view, b->leaves[b->n_records]);
    b->n_records++;
    b->widest += size.widest;
    return LTH_OK;
}

lth_err lth_batch_builder_seal(lth_batch_builder *b, const lth_hasher *h, const lth_signer *signer,
                               lth_batch_header *header, uint8_t out[LTH_BATCH_SIGNED_SIZE])
{
    header->sig_alg = LTH_SIG_P256;
    header->hash_alg = LTH_HASH_SHA256;
    header->rec_count = b->n_records;
    header->first_rec_seq = b->first_rec_seq;
    memcpy(header->key_id, signer->key_id, LTH_HASH_SIZE);
    lth_merkle_root(h, b->leaves, b->n_records, header->root);
    lth_batch_header_encode(out, header);
    return signer->sign(signer->ctx, lth_slice_of(out, LTH_BATCH_HEADER_SIZE),
                        out + LTH_BATCH_HEADER_SIZE);
}
