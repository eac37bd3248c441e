#include "internal.h"

#define HOLDER_ENDED (PRINT_SIZE + 8u)
#define MAP_FIXED    (16u + PRINT_SIZE + 1u)
#define MAP_TAIL_MAX (PRINT_SIZE + 3u + (1u + PRINTS_MAX) * PRINT_SIZE)

lth_slice lth_agent__key(uint8_t out[KEY_SIZE], const lth_id *org, uint16_t dataset,
                         const uint8_t tail[PRINT_SIZE])
{
    memcpy(out, org->b, 8);
    lth_put16(out + 8, dataset);
    memcpy(out + TABLE_KEY_SIZE, tail, PRINT_SIZE);
    return lth_slice_of(out, KEY_SIZE);
}

lth_slice lth_agent__table_key(uint8_t out[TABLE_KEY_SIZE], const lth_id *org, uint16_t dataset)
{
    memcpy(out, org->b, 8);
    lth_put16(out + 8, dataset);
    return lth_slice_of(out, TABLE_KEY_SIZE);
}

lth_slice lth_agent__stream_key(uint8_t out[STREAM_KEY_SIZE], const lth_id *origin)
{
    memcpy(out, origin->b, sizeof origin->b);
    lth_put64(out + sizeof origin->b, LTH_STREAM_OWN);
    return lth_slice_of(out, STREAM_KEY_SIZE);
}

lth_slice lth_agent__entry_key(uint8_t out[ENTRY_KEY_SIZE], const lth_id *origin, uint32_t epoch,
                               uint64_t seq)
{
    (void)lth_agent__stream_key(out, origin);
    lth_put32(out + STREAM_KEY_SIZE, epoch);
    lth_put64(out + STREAM_KEY_SIZE + 4, seq);
    return lth_slice_of(out, ENTRY_KEY_SIZE);
}

static lth_slice key_of(const agent_ctx *c, uint8_t out[KEY_SIZE], const uint8_t tail[PRINT_SIZE])
{
    return lth_agent__key(out, &c->school->conf->org, c->table->mapping->dataset->number, tail);
}

static void read_prints(lth_rd *rd, agent_prints *prints)
{
    prints->has = lth_rd16(rd);
    prints->scoped = lth_rd8(rd) != 0;
    if (prints->scoped) {
        lth_rd_copy(rd, prints->scope, PRINT_SIZE);
    }
    for (uint32_t i = 0; i < PRINTS_MAX; i++) {
        if ((prints->has >> i & 1) != 0) {
            lth_rd_copy(rd, prints->of[i], PRINT_SIZE);
        }
    }
}

static void write_prints(lth_wr *wr, const agent_prints *prints)
{
    lth_wr16(wr, prints->has);
    lth_wr8(wr, prints->scoped ? 1 : 0);
    lth_wr_bytes(wr, prints->scope, prints->scoped ? PRINT_SIZE : 0);
    for (uint32_t i = 0; i < PRINTS_MAX; i++) {
        lth_wr_bytes(wr, prints->of[i], (prints->has >> i & 1) != 0 ? PRINT_SIZE : 0);
    }
}

lth_err lth_agent__map_decode(agent_ctx *c, lth_slice value, agent_map_row *out)
{
    lth_rd rd = lth_rd_of(value);
    lth_rd_copy(&rd, out->record_id.b, sizeof out->record_id.b);
    lth_rd_copy(&rd, out->hash, PRINT_SIZE);
    out->flags = lth_rd8(&rd);
    out->prints.has = 0;
    out->prints.scoped = false;
    if ((out->flags & MAP_BEFORE) != 0) {
        lth_rd_copy(&rd, out->before, PRINT_SIZE);
    }
    if ((out->flags & MAP_MATCH) != 0) {
        read_prints(&rd, &out->prints);
    }
    size_t n = lth_rd_left(&rd);
    const uint8_t *natural = lth_rd_bytes(&rd, n);
    if (natural == NULL) {
        return LTH_E_STORE_CORRUPT;
    }
    out->natural = lth_slice_of(lth_arena_copy(c->self->rows, natural, n), n);
    return out->natural.p != NULL ? LTH_OK : LTH_E_NOMEM;
}

lth_err lth_agent__map_get(agent_ctx *c, const uint8_t key[PRINT_SIZE], agent_map_row *out)
{
    uint8_t bytes[KEY_SIZE];
    lth_slice value;
    lth_err err = lth_get(c->txn, LTH_A_map, key_of(c, bytes, key), &value);
    return err == LTH_OK ? lth_agent__map_decode(c, value, out) : err;
}

lth_err lth_agent__map_any(agent_ctx *c, bool *any)
{
    uint8_t prefix[TABLE_KEY_SIZE];
    lth_cursor *cursor;
    lth_slice key, value;
    *any = false;
    lth_err err = lth_cursor_open(c->txn, LTH_A_map, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    err = lth_cursor_seek(
        cursor,
        lth_agent__table_key(prefix, &c->school->conf->org, c->table->mapping->dataset->number),
        &key, &value);
    *any = err == LTH_OK && key.n == KEY_SIZE && memcmp(key.p, prefix, TABLE_KEY_SIZE) == 0;
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_agent__map_put(agent_ctx *c, const uint8_t key[PRINT_SIZE], const agent_map_row *row)
{
    uint8_t bytes[KEY_SIZE], tail[MAP_TAIL_MAX];
    uint8_t *to;
    lth_wr wr = lth_wr_of(tail, sizeof tail);
    lth_wr_bytes(&wr, row->before, (row->flags & MAP_BEFORE) != 0 ? PRINT_SIZE : 0);
    if ((row->flags & MAP_MATCH) != 0) {
        write_prints(&wr, &row->prints);
    }
    size_t tail_size = lth_wr_size(&wr);
    size_t size = MAP_FIXED + tail_size + row->natural.n;
    lth_err err = lth_put_reserve(c->txn, LTH_A_map, key_of(c, bytes, key), size, LTH_PUT, &to);
    if (err == LTH_OK) {
        wr = lth_wr_of(to, size);
        lth_wr_bytes(&wr, row->record_id.b, sizeof row->record_id.b);
        lth_wr_bytes(&wr, row->hash, PRINT_SIZE);
        lth_wr8(&wr, row->flags);
        lth_wr_bytes(&wr, tail, tail_size);
        lth_wr_bytes(&wr, row->natural.p, row->natural.n);
        LTH_ASSERT(!wr.bad && wr.p == wr.end);
    }
    return err;
}

lth_err lth_agent__map_del(agent_ctx *c, const uint8_t key[PRINT_SIZE])
{
    uint8_t bytes[KEY_SIZE];
    return lth_del(c->txn, LTH_A_map, key_of(c, bytes, key));
}

/* LTH_E_STORE_CORRUPT unless it is a key's hash. */
static lth_err read_print(lth_err err, lth_slice value, uint8_t out[PRINT_SIZE])
{
    if (err == LTH_OK && value.n != PRINT_SIZE) {
        return LTH_E_STORE_CORRUPT;
    }
    if (err == LTH_OK) {
        memcpy(out, value.p, PRINT_SIZE);
    }
    return err;
}

static lth_err natmap_get(agent_ctx *c, const uint8_t print[PRINT_SIZE], uint8_t key[PRINT_SIZE])
{
    uint8_t bytes[KEY_SIZE];
    lth_slice value = {0};
    lth_err err = lth_get(c->txn, LTH_A_natmap, key_of(c, bytes, print), &value);
    return read_print(err, value, key);
}

lth_err lth_agent__natural_owner(agent_ctx *c, const uint8_t print[PRINT_SIZE],
                                 uint8_t key[PRINT_SIZE])
{
    uint8_t bytes[KEY_SIZE];
    lth_slice value;
    lth_err err = natmap_get(c, print, key);
    return err == LTH_OK ? lth_get(c->txn, LTH_A_map, key_of(c, bytes, key), &value) : err;
}

lth_err lth_agent__natural_claim(agent_ctx *c, const uint8_t print[PRINT_SIZE],
                                 const uint8_t key[PRINT_SIZE])
{
    uint8_t bytes[KEY_SIZE];
    return lth_put_kv(c->txn, LTH_A_natmap, key_of(c, bytes, print), lth_slice_of(key, PRINT_SIZE),
                      LTH_PUT);
}

lth_err lth_agent__natural_release(agent_ctx *c, const agent_map_row *old,
                                   const uint8_t key[PRINT_SIZE])
{
    if ((old->flags & MAP_HAS_NATURAL) == 0) {
        return LTH_OK;
    }
    uint8_t print[PRINT_SIZE], owner[PRINT_SIZE], bytes[KEY_SIZE];
    lth_agent__print(&c->self->env.hasher, old->natural, print);
    lth_err err = natmap_get(c, print, owner);
    if (err == LTH_OK && memcmp(owner, key, PRINT_SIZE) == 0) {
        err = lth_del(c->txn, LTH_A_natmap, key_of(c, bytes, print));
    }
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static lth_slice id_key(const agent_ctx *c, uint8_t out[18], const lth_id *id)
{
    lth_put16(out, c->table->mapping->dataset->number);
    memcpy(out + 2, id->b, sizeof id->b);
    return lth_slice_of(out, 18);
}

/* A row of `ids`: the handle, and the upload that ended the record, if one did. */
static lth_err read_holder(lth_err err, lth_slice value, uint8_t out[PRINT_SIZE], uint64_t *ended)
{
    *ended = 0;
    if (err == LTH_OK && value.n == HOLDER_ENDED) {
        *ended = lth_get64(value.p + PRINT_SIZE);
        value.n = PRINT_SIZE;
    }
    return read_print(err, value, out);
}

lth_err lth_agent__id_ended(agent_ctx *c, const lth_id *id, const uint8_t key[PRINT_SIZE])
{
    uint8_t bytes[18], value[HOLDER_ENDED];
    memcpy(value, key, PRINT_SIZE);
    lth_put64(value + PRINT_SIZE, lth_agent__upload(c)->number);
    return lth_put_kv(c->txn, LTH_A_ids, id_key(c, bytes, id), lth_slice_of(value, sizeof value),
                      LTH_PUT);
}

lth_err lth_agent__id_ended_in(agent_ctx *c, const lth_id *id, uint64_t *upload)
{
    uint8_t bytes[18], holder[PRINT_SIZE];
    lth_slice value = {0};
    lth_err err = lth_get(c->txn, LTH_A_ids, id_key(c, bytes, id), &value);
    err = read_holder(err, value, holder, upload);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_agent__id_move(agent_ctx *c, const lth_id *id, const uint8_t key[PRINT_SIZE])
{
    uint8_t bytes[18];
    return lth_put_kv(c->txn, LTH_A_ids, id_key(c, bytes, id), lth_slice_of(key, PRINT_SIZE),
                      LTH_PUT);
}

lth_err lth_agent__handle_of(agent_ctx *c, const lth_id *id, uint8_t key[PRINT_SIZE])
{
    uint8_t bytes[18];
    lth_slice value = {0};
    uint64_t ended;
    lth_err err = lth_get(c->txn, LTH_A_ids, id_key(c, bytes, id), &value);
    return read_holder(err, value, key, &ended);
}

lth_err lth_agent__id_new(agent_ctx *c, const agent_row *row, lth_id *out)
{
    const lth_agent_school *conf = c->school->conf;
    uint8_t bytes[18], holder[PRINT_SIZE];
    lth_slice value = {0};
    lth_record_id_make(out, &c->self->env.hasher, &conf->org, conf->id_key,
                       c->table->mapping->dataset->number, row->local_key);
    lth_err err = lth_put_kv(c->txn, LTH_A_ids, id_key(c, bytes, out),
                             lth_slice_of(row->key, PRINT_SIZE), LTH_PUT_NEW);
    if (err != LTH_E_EXISTS) {
        return err;
    }
    uint64_t ended;
    err = lth_get(c->txn, LTH_A_ids, id_key(c, bytes, out), &value);
    err = read_holder(err, value, holder, &ended);
    if (err != LTH_OK || memcmp(holder, row->key, PRINT_SIZE) == 0) {
        return err;
    }
    /* Taken over by an alias that is gone itself: the identity is free again. */
    agent_map_row living;
    err = lth_agent__map_get(c, holder, &living);
    if (err == LTH_OK && lth_id_equal(&living.record_id, out)) {
        return LTH_E_EXISTS;
    }
    return err == LTH_OK || err == LTH_E_NOT_FOUND ? lth_agent__id_move(c, out, row->key) : err;
}
