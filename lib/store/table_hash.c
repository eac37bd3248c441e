#include "lib/store/store_mem.h"

lth_err lth_store_table_hash(lth_txn *txn, uint32_t table, const lth_hasher *hasher,
                             uint8_t out[LTH_HASH_SIZE])
{
    lth_cursor *cursor;
    lth_slice key;
    lth_slice value;
    lth_err err = lth_cursor_open(txn, table, &cursor);
    if (err != LTH_OK)
        return err;

    memset(out, 0, LTH_HASH_SIZE);
    while ((err = lth_cursor_next(cursor, &key, &value)) == LTH_OK) {
        uint8_t sizes[8];
        lth_put32(sizes, (uint32_t)key.n);
        lth_put32(sizes + 4, (uint32_t)value.n);
        lth_slice parts[] = {lth_slice_of(out, LTH_HASH_SIZE), lth_slice_of(sizes, sizeof sizes),
                             key, value};
        uint8_t next[LTH_HASH_SIZE];
        hasher->sha256(hasher->ctx, parts, sizeof parts / sizeof parts[0], next);
        memcpy(out, next, LTH_HASH_SIZE);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}
