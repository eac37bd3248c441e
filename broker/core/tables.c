#include "internal.h"

const char *const lth_broker_table_names[LTH_T_COUNT] = {
#define X(name) #name,
    LTH_BROKER_TABLES(X)
#undef X
};

void lth_broker__key_origin(uint8_t out[24], const lth_id *origin, uint64_t stream)
{
    memcpy(out, origin->b, 16);
    lth_put64(out + 16, stream);
}

void lth_broker__key_position(uint8_t out[36], const lth_id *origin, uint64_t stream,
                              uint32_t epoch, uint64_t seq)
{
    lth_broker__key_origin(out, origin, stream);
    lth_put32(out + 24, epoch);
    lth_put64(out + 28, seq);
}

void lth_broker__key_record(uint8_t out[20], uint16_t dataset, const lth_id *id, uint16_t slot)
{
    lth_put16(out, dataset);
    memcpy(out + 2, id->b, 16);
    lth_put16(out + 18, slot);
}

void lth_broker__key_out(uint8_t out[25], const lth_id *to, lth_lane lane, uint64_t out_no)
{
    memcpy(out, to->b, 16);
    out[16] = (uint8_t)lane;
    lth_put64(out + 17, out_no);
}

/* LTH_OK and *found for a get that may miss. */
static lth_err maybe(lth_err err, bool *found)
{
    *found = err == LTH_OK;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_broker__head_get(lth_txn *txn, const lth_id *origin, uint64_t stream, lth_head *out,
                             bool *found)
{
    uint8_t key[24];
    lth_slice value;
    *out = (lth_head){.next_rec_seq = 1};
    lth_broker__key_origin(key, origin, stream);
    TRY(maybe(lth_get(txn, LTH_T_head, lth_slice_of(key, sizeof key), &value), found));
    return *found && !lth_head_decode(out, value) ? LTH_E_STORE_CORRUPT : LTH_OK;
}

lth_err lth_broker__head_put(lth_txn *txn, const lth_id *origin, uint64_t stream,
                             const lth_head *head)
{
    uint8_t key[24], value[160];
    lth_broker__key_origin(key, origin, stream);
    size_t size = lth_head_encode(value, head);
    return lth_put_kv(txn, LTH_T_head, lth_slice_of(key, sizeof key), lth_slice_of(value, size),
                      LTH_PUT);
}

lth_err lth_broker__chain_get(lth_txn *txn, const lth_id *origin, uint64_t stream, uint32_t epoch,
                              uint64_t seq, uint64_t *accept_no, uint8_t hash[LTH_HASH_SIZE],
                              bool *found)
{
    uint8_t key[36];
    lth_slice value;
    lth_broker__key_position(key, origin, stream, epoch, seq);
    TRY(maybe(lth_get(txn, LTH_T_chain, lth_slice_of(key, sizeof key), &value), found));
    if (!*found) {
        return LTH_OK;
    }
    if (value.n != 8 + LTH_HASH_SIZE) {
        return LTH_E_STORE_CORRUPT;
    }
    *accept_no = lth_get64(value.p);
    memcpy(hash, value.p + 8, LTH_HASH_SIZE);
    return LTH_OK;
}

lth_err lth_broker__log_get(lth_txn *txn, uint64_t accept_no, lth_slice *out)
{
    uint8_t key[8];
    lth_put64(key, accept_no);
    lth_err err = lth_get(txn, LTH_T_log, lth_slice_of(key, sizeof key), out);
    bool missing = err == LTH_E_NOT_FOUND || (err == LTH_OK && out->n < LOG_FIXED);
    return missing ? LTH_E_STORE_CORRUPT : err;
}

/* Newest entry of `grants` of one origin. */
static lth_err newest_grant(lth_txn *txn, const lth_id *origin, uint64_t stream, lth_slice *value,
                            bool *found)
{
    uint8_t key[29] = {0};
    lth_slice at = {NULL, 0};
    lth_cursor *cursor;
    lth_broker__key_origin(key, origin, stream);
    memset(key + 24, 0xff, 5); /* Behind every epoch of this origin. */
    TRY(lth_cursor_open(txn, LTH_T_grants, &cursor));
    lth_err err = lth_cursor_before(cursor, lth_slice_of(key, sizeof key), &at, value);
    err = maybe(err, found);
    *found = *found && at.n == 28 && memcmp(at.p, key, 24) == 0;
    lth_cursor_close(&cursor);
    return err;
}

lth_err lth_broker__grant_get(lth_txn *txn, const lth_id *origin, uint64_t stream, uint32_t epoch,
                              uint8_t bytes[LTH_GRANT_BYTES], lth_grant *out, bool *found)
{
    lth_slice value = {NULL, 0};
    if (epoch == UINT32_MAX) {
        TRY(newest_grant(txn, origin, stream, &value, found));
    } else {
        uint8_t key[28];
        lth_broker__key_origin(key, origin, stream);
        lth_put32(key + 24, epoch);
        TRY(maybe(lth_get(txn, LTH_T_grants, lth_slice_of(key, sizeof key), &value), found));
    }
    if (!*found) {
        return LTH_OK;
    }
    if (value.n != LTH_GRANT_BYTES || !lth_grant_decode(out, value)) {
        return LTH_E_STORE_CORRUPT;
    }
    memcpy(bytes, value.p, LTH_GRANT_BYTES);
    return LTH_OK;
}
