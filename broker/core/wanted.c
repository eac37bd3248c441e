/* What held records wait for: that a record with some natural key comes, that a key gets free, or
 * that another record gives up what must be unique.
 *
 * Table `wanted` finds them by that key, table `wake` says of which keys it is time to look. A held
 * record is judged again as a whole; it may then wait for something else. Of one key they go in the
 * order in which they came, a slice at a time. */
#include "settle.h"

#define WANTED_KEY 31u
#define WAKE_KEY   19u

static void make_key(uint8_t key[WANTED_KEY], const lth_wait *wait, const uint8_t place[12])
{
    lth_put16(key, wait->dataset);
    key[2] = (uint8_t)wait->kind;
    memcpy(key + 3, wait->hash, sizeof wait->hash);
    memcpy(key + WAKE_KEY, place, 12);
}

static bool marked(const lth_broker *self, lth_wait_kind kind, uint16_t dataset)
{
    return (self->awaited[kind][dataset / 8] >> (dataset % 8) & 1) != 0;
}

static void mark(lth_broker *self, lth_wait_kind kind, uint16_t dataset)
{
    self->awaited[kind][dataset / 8] |= (uint8_t)(1u << (dataset % 8));
}

/* One entry for each dataset and kind is enough. */
lth_err lth_broker__wanted_load(lth_broker *self, lth_txn *txn)
{
    uint8_t from[4] = {0};
    lth_slice key, value;
    lth_cursor *cursor;
    TRY(lth_cursor_open(txn, LTH_T_wanted, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, 3), &key, &value);
    while (err == LTH_OK) {
        if (key.n != WANTED_KEY || key.p[2] > LTH_WAIT_UNIQUE) {
            err = LTH_E_STORE_CORRUPT;
            break;
        }
        mark(self, (lth_wait_kind)key.p[2], lth_get16(key.p));
        uint32_t next = ((uint32_t)lth_get16(key.p) << 8 | key.p[2]) + 1;
        lth_put32(from, next << 8);
        err = next >> 24 != 0 ? LTH_E_NOT_FOUND
                              : lth_cursor_seek(cursor, lth_slice_of(from, 3), &key, &value);
    }
    lth_cursor_close(&cursor);
    self->waking = true;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

bool lth_broker__waited_for(const lth_broker *self, lth_wait_kind kind, uint16_t dataset)
{
    return marked(self, kind, dataset);
}

void lth_broker__wait_for(const lth_broker *self, lth_wait *out, lth_wait_kind kind,
                          const uint8_t *key, size_t size)
{
    uint8_t hash[LTH_HASH_SIZE];
    lth_sha256(self->hasher, key, size, hash);
    *out = (lth_wait){.kind = kind, .dataset = lth_get16(key)};
    memcpy(out->hash, hash, sizeof out->hash);
}

lth_err lth_broker__wanted_put(lth_broker *self, lth_txn *txn, const lth_wait *wait,
                               const uint8_t place[12])
{
    uint8_t key[WANTED_KEY];
    if (wait->kind == LTH_WAIT_NOTHING) {
        return LTH_OK;
    }
    mark(self, wait->kind, wait->dataset);
    make_key(key, wait, place);
    return lth_put_kv(txn, LTH_T_wanted, lth_slice_of(key, sizeof key), (lth_slice){0}, LTH_PUT);
}

lth_err lth_broker__wanted_del(lth_txn *txn, const lth_wait *wait, const uint8_t place[12])
{
    uint8_t key[WANTED_KEY];
    if (wait->kind == LTH_WAIT_NOTHING) {
        return LTH_OK;
    }
    make_key(key, wait, place);
    lth_err err = lth_del(txn, LTH_T_wanted, lth_slice_of(key, sizeof key));
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* First waiting place of @p key at or behind the one in it. */
static lth_err seek(lth_txn *txn, uint8_t key[WANTED_KEY], bool *found)
{
    lth_slice at, value;
    lth_cursor *cursor;
    TRY(lth_cursor_open(txn, LTH_T_wanted, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(key, WANTED_KEY), &at, &value);
    *found = err == LTH_OK && at.n == WANTED_KEY && memcmp(at.p, key, WAKE_KEY) == 0;
    if (*found) {
        memcpy(key, at.p, WANTED_KEY);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_broker__wake_wait(lth_broker *self, lth_txn *txn, const lth_wait *wait)
{
    static const uint8_t start[12];
    uint8_t at[WANTED_KEY];
    bool found;
    if (!marked(self, wait->kind, wait->dataset) || LTH_MUTANT(14)) {
        return LTH_OK;
    }
    make_key(at, wait, start);
    TRY(seek(txn, at, &found));
    if (!found) {
        return LTH_OK;
    }
    self->waking = true;
    return lth_put_kv(txn, LTH_T_wake, lth_slice_of(at, WAKE_KEY),
                      lth_slice_of(start, sizeof start), LTH_PUT);
}

lth_err lth_broker__wake(lth_broker *self, lth_txn *txn, lth_wait_kind kind, const uint8_t *key,
                         size_t size)
{
    lth_wait wait;
    if (!marked(self, kind, lth_get16(key))) {
        return LTH_OK;
    }
    lth_broker__wait_for(self, &wait, kind, key, size);
    return lth_broker__wake_wait(self, txn, &wait);
}

/* The next key to look at, with its place behind it. */
static lth_err next_key(lth_txn *txn, uint8_t key[WANTED_KEY], bool *found)
{
    lth_slice at, value;
    lth_cursor *cursor;
    TRY(lth_cursor_open(txn, LTH_T_wake, &cursor));
    lth_err err = lth_cursor_next(cursor, &at, &value);
    *found = err == LTH_OK;
    if (*found && (at.n != WAKE_KEY || value.n != 12)) {
        err = LTH_E_STORE_CORRUPT;
    } else if (*found) {
        memcpy(key, at.p, WAKE_KEY);
        memcpy(key + WAKE_KEY, value.p, 12);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* All waiting places of one batch behind the one in @p key; @p key moves on behind the last. */
static lth_err pick_batch(lth_broker *self, lth_txn *txn, uint8_t key[WANTED_KEY],
                          uint64_t *accept_no, uint32_t *n)
{
    bool found;
    *n = 0;
    TRY(seek(txn, key, &found));
    *accept_no = lth_get64(key + WAKE_KEY);
    memset(self->merge.pick, 0, sizeof self->merge.pick);
    while (found && lth_get64(key + WAKE_KEY) == *accept_no) {
        uint32_t index = lth_get32(key + WAKE_KEY + 8);
        if (index >= LTH_BATCH_RECORDS_MAX) {
            return LTH_E_STORE_CORRUPT;
        }
        self->merge.pick[index] = 1;
        (*n)++;
        lth_put32(key + WAKE_KEY + 8, index + 1);
        TRY(seek(txn, key, &found));
    }
    return LTH_OK;
}

/* The place is moved on before the records are judged: one that has to wait for the same key again
 * is not met a second time. */
static lth_err take(lth_broker *self, lth_txn *txn, lth_now now, uint8_t key[WANTED_KEY],
                    uint32_t *room)
{
    uint64_t accept_no;
    uint32_t n;
    TRY(pick_batch(self, txn, key, &accept_no, &n));
    if (n == 0) {
        (*room)--;
        return lth_del(txn, LTH_T_wake, lth_slice_of(key, WAKE_KEY));
    }
    TRY(lth_put_kv(txn, LTH_T_wake, lth_slice_of(key, WAKE_KEY), lth_slice_of(key + WAKE_KEY, 12),
                   LTH_PUT));
    TRY(lth_broker__again(self, txn, now, accept_no, AGAIN_HEALED));
    n += 16; /* The batch itself. */
    *room -= n < *room ? n : *room;
    return LTH_OK;
}

lth_err lth_broker__wake_run(lth_broker *self, lth_txn *txn, lth_now now)
{
    uint32_t room = self->indexing ? 0 : SLICE_MAX; /* A hold must not slip through meanwhile. */
    while (self->waking && room > 0) {
        uint8_t key[WANTED_KEY];
        TRY(next_key(txn, key, &self->waking));
        TRY(self->waking ? take(self, txn, now, key, &room) : LTH_OK);
    }
    return LTH_OK;
}
