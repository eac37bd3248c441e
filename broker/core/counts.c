#include "internal.h"

lth_err lth_broker__feed(lth_broker *self, lth_txn *txn, const uint8_t key[20])
{
    uint8_t no[8];
    lth_put64(no, ++self->feed_no);
    self->meta_dirty = true;
    return lth_put_kv(txn, LTH_T_feed, lth_slice_of(no, sizeof no), lth_slice_of(key, 20),
                      LTH_PUT_APPEND);
}

lth_err lth_broker__count(lth_broker *self, lth_txn *txn, uint16_t dataset, const lth_id *id,
                          int64_t live, int64_t absent)
{
    broker_merge *m = &self->merge;
    uint8_t key[10];
    memcpy(key, id->b, 8);
    lth_put16(key + 8, dataset);
    if (live == 0 && absent == 0) {
        return LTH_OK;
    }
    uint32_t at = 0;
    while (at < m->n_counts && memcmp(m->counts[at].key, key, sizeof key) != 0) {
        at++;
    }
    if (at == sizeof m->counts / sizeof *m->counts) {
        TRY(lth_broker__count_flush(self, txn));
        at = 0;
    }
    if (at == m->n_counts) {
        m->counts[m->n_counts] = (broker_count){0};
        memcpy(m->counts[m->n_counts++].key, key, sizeof key);
    }
    m->counts[at].live += live;
    m->counts[at].absent += absent;
    return LTH_OK;
}

static lth_err add(lth_txn *txn, const broker_count *count)
{
    uint8_t bytes[16] = {0};
    lth_slice value, key = {count->key, sizeof count->key};
    lth_err err = lth_get(txn, LTH_T_count, key, &value);
    if (err == LTH_OK && value.n == sizeof bytes) {
        memcpy(bytes, value.p, sizeof bytes);
    } else if (err != LTH_E_NOT_FOUND) {
        return err == LTH_OK ? LTH_E_STORE_CORRUPT : err;
    }
    lth_put64(bytes, lth_get64(bytes) + (uint64_t)count->live);
    lth_put64(bytes + 8, lth_get64(bytes + 8) + (uint64_t)count->absent);
    return lth_put_kv(txn, LTH_T_count, key, lth_slice_of(bytes, sizeof bytes), LTH_PUT);
}

lth_err lth_broker__count_flush(lth_broker *self, lth_txn *txn)
{
    broker_merge *m = &self->merge;
    for (uint32_t i = 0; i < m->n_counts; i++) {
        TRY(add(txn, &m->counts[i]));
    }
    m->n_counts = 0;
    return LTH_OK;
}
