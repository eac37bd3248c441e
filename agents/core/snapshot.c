#include <stdlib.h>

#include "internal.h"

#define MARK_NAME     "resync "
#define MARK_SIZE     (sizeof MARK_NAME - 1 + TABLE_KEY_SIZE)
#define MARK_OF_STATE 0x10u /* beside RESYNC_*: the rows are those of `state` */
#define SPOOL_FIXED   (4u + 8u + 1u)
#define GROUP_FIXED   (2u + 4u)
#define CHUNK_MOST    (STEP_RECORDS_MAX - 1u)
#define RANGE_WIDEST  (1u + LTH_RECORD_HEADER_SIZE + 2u + 1u + 16u + 4u + 16u)

/* ---- which tables owe a snapshot: one row of `ameta` each ---- */

static lth_slice mark_key(uint8_t out[MARK_SIZE], const agent_ctx *c)
{
    memcpy(out, MARK_NAME, sizeof MARK_NAME - 1);
    (void)lth_agent__table_key(out + sizeof MARK_NAME - 1, &c->school->conf->org,
                               c->table->mapping->dataset->number);
    return lth_slice_of(out, MARK_SIZE);
}

lth_err lth_agent__resync_load(agent_ctx *c)
{
    uint8_t key[MARK_SIZE];
    lth_slice value;
    c->table->resync = RESYNC_NONE;
    lth_err err = lth_get(c->txn, LTH_A_ameta, mark_key(key, c), &value);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    lth_rd rd = lth_rd_of(value);
    uint8_t stored = lth_rd8(&rd);
    c->table->resync = (agent_resync)(stored & ~MARK_OF_STATE);
    lth_rd_copy(&rd, c->table->cut_to.b, sizeof c->table->cut_to.b);
    bool of_state = (stored & MARK_OF_STATE) != 0;
    if (c->table->resync == RESYNC_CUTTING && of_state != c->table->kept) {
        c->table->resync = RESYNC_DUE; /* configured otherwise in between */
    }
    bool known = c->table->resync == RESYNC_DUE || c->table->resync == RESYNC_CUTTING;
    return lth_rd_done(&rd) && known ? LTH_OK : LTH_E_STORE_CORRUPT;
}

lth_err lth_agent__resync_mark(agent_ctx *c, agent_resync state)
{
    uint8_t key[MARK_SIZE], value[1 + sizeof c->table->cut_to.b];
    lth_err err;
    c->table->resync = state;
    if (state == RESYNC_NONE) {
        err = lth_del(c->txn, LTH_A_ameta, mark_key(key, c));
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    value[0] = (uint8_t)(state | (c->table->kept ? MARK_OF_STATE : 0));
    memcpy(value + 1, c->table->cut_to.b, sizeof c->table->cut_to.b);
    return lth_put_kv(c->txn, LTH_A_ameta, mark_key(key, c), lth_slice_of(value, sizeof value),
                      LTH_PUT);
}

lth_err lth_agent__resync_owe(agent_ctx *c)
{
    c->school->head.resync = true;
    c->school->head_dirty = true;
    c->table->due = c->now.mono;
    lth_err err = lth_agent__resync_mark(c, RESYNC_DUE);
    return err == LTH_OK && c->table->kept ? lth_agent__state_resync(c) : err;
}

/* ---- the spool; of files `state`, which has the same rows behind where each of them stood ---- */

static bool in_spool_of(const agent_ctx *c, lth_slice key)
{
    uint8_t prefix[TABLE_KEY_SIZE];
    (void)lth_agent__table_key(prefix, &c->school->conf->org, c->table->mapping->dataset->number);
    return key.n == KEY_SIZE && memcmp(key.p, prefix, TABLE_KEY_SIZE) == 0;
}

lth_err lth_agent__spool_after(agent_ctx *c, lth_cursor *cursor, const lth_id *after,
                               lth_slice *key, lth_slice *value)
{
    uint8_t bytes[KEY_SIZE];
    lth_slice from =
        lth_agent__key(bytes, &c->school->conf->org, c->table->mapping->dataset->number, after->b);
    lth_err err = lth_cursor_seek(cursor, from, key, value);
    if (err == LTH_OK && lth_slice_equal(*key, from)) {
        err = lth_cursor_next(cursor, key, value);
    }
    return err == LTH_OK && !in_spool_of(c, *key) ? LTH_E_NOT_FOUND : err;
}

lth_err lth_agent__spool_next(agent_ctx *c, lth_cursor *cursor, lth_slice *key, lth_slice *value)
{
    lth_err err = lth_cursor_next(cursor, key, value);
    return err == LTH_OK && !in_spool_of(c, *key) ? LTH_E_NOT_FOUND : err;
}

lth_err lth_agent__spool_clear(agent_ctx *c)
{
    lth_cursor *cursor;
    lth_slice key, value;
    lth_err err = lth_cursor_open(c->txn, LTH_A_spool, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    static const lth_id FIRST;
    err = lth_agent__spool_after(c, cursor, &FIRST, &key, &value);
    while (err == LTH_OK) {
        err = lth_cursor_del(cursor);
        err = err == LTH_OK ? lth_agent__spool_next(c, cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_agent__spool_put(agent_ctx *c, uint32_t table)
{
    const agent_row *row = &c->self->row;
    const agent_upload *upload = lth_agent__upload(c);
    const lth_record_new *record = &c->self->record;
    bool state = table == LTH_A_state;
    uint8_t bytes[KEY_SIZE], *to;
    size_t size = (state ? STATE_FIXED : 0) + SPOOL_FIXED;
    for (uint32_t i = 0; i < record->n_groups; i++) {
        size += GROUP_FIXED + record->groups[i].value.n;
    }
    lth_slice key =
        lth_agent__key(bytes, &c->school->conf->org, record->dataset, record->record_id.b);
    lth_err err = lth_put_reserve(c->txn, table, key, size, LTH_PUT, &to);
    if (err != LTH_OK) {
        return err;
    }
    lth_wr wr = lth_wr_of(to, size);
    if (state) {
        lth_wr64(&wr, upload != NULL ? upload->number : row->stood_in);
        lth_wr32(&wr, row->number);
        c->self->state_size += size;
    }
    lth_wr32(&wr, record->flags | (state && row->unreadable ? STATE_UNREADABLE : 0));
    lth_wr64(&wr, record->src_commit_time_ms);
    lth_wr8(&wr, (uint8_t)record->n_groups);
    for (uint32_t i = 0; i < record->n_groups; i++) {
        lth_wr16(&wr, record->groups[i].number);
        lth_wr32(&wr, (uint32_t)record->groups[i].value.n);
        lth_wr_bytes(&wr, record->groups[i].value.p, record->groups[i].value.n);
    }
    LTH_ASSERT(!wr.bad && wr.p == wr.end);
    return LTH_OK;
}

bool lth_agent__kept_decode(agent_kept *out, lth_slice value, bool state)
{
    lth_rd rd = lth_rd_of(value);
    lth_record_view *view = &out->view;
    *out = (agent_kept){.view.form = LTH_FORM_FULL};
    if (state) {
        out->upload = lth_rd64(&rd);
        out->number = lth_rd32(&rd);
    }
    view->header.op = LTH_OP_STATE;
    view->header.flags = lth_rd32(&rd);
    view->header.src_commit_time_ms = lth_rd64(&rd);
    view->header.n_groups = lth_rd8(&rd);
    view->n_groups = view->header.n_groups;
    if (view->n_groups < 1 || view->n_groups > LTH_GROUPS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < view->n_groups; i++) {
        view->groups[i].number = lth_rd16(&rd);
        view->groups[i].shown = true;
        size_t n = lth_rd32(&rd);
        view->groups[i].value = lth_slice_of(lth_rd_bytes(&rd, n), n);
    }
    return lth_rd_done(&rd);
}

bool lth_agent__spool_decode(const agent_ctx *c, lth_slice key, lth_slice value,
                             lth_record_new *out)
{
    agent_kept row;
    bool fine = lth_agent__kept_decode(&row, value, c->table->kept);
    out->op = LTH_OP_STATE;
    out->dataset = c->table->mapping->dataset->number;
    memcpy(out->record_id.b, key.p + TABLE_KEY_SIZE, sizeof out->record_id.b);
    out->src_version = 0;
    out->flags = row.view.header.flags;
    out->src_commit_time_ms = row.view.header.src_commit_time_ms;
    out->n_groups = fine ? row.view.n_groups : 0;
    for (uint32_t i = 0; i < out->n_groups; i++) {
        out->groups[i].number = row.view.groups[i].number;
        out->groups[i].value = row.view.groups[i].value;
    }
    return fine;
}

/* One row of a chunk. */
static bool chunk_row(const agent_ctx *c, lth_slice key, lth_slice value, lth_record_new *out)
{
    bool fine = lth_agent__spool_decode(c, key, value, out);
    out->flags &= ~STATE_UNREADABLE;
    return fine;
}

/* ---- chunks ---- */

static agent_table *cutting(const agent_school *school)
{
    for (uint32_t i = 0; i < school->conf->n_tables; i++) {
        if (school->tables[i].resync == RESYNC_CUTTING) {
            return &school->tables[i];
        }
    }
    return NULL;
}

bool lth_agent__cut_due(const lth_agent *self, const agent_school *school)
{
    (void)self;
    return school->head.at.epoch > 0 && cutting(school) != NULL &&
           lth_agent__unacked(school) < CUT_AHEAD;
}

/* How many rows the next chunk takes, and its upper end. */
typedef struct chunk {
    uint32_t n;
    bool last;
    lth_id to;
} chunk;

static lth_err measure(agent_ctx *c, lth_cursor *cursor, chunk *out)
{
    lth_record_new *record = &c->self->record;
    lth_slice key, value;
    size_t size = RANGE_WIDEST;
    *out = (chunk){.last = false};
    lth_err err = lth_agent__spool_after(c, cursor, &c->table->cut_to, &key, &value);
    while (err == LTH_OK) {
        if (!chunk_row(c, key, value, record)) {
            return LTH_E_STORE_CORRUPT;
        }
        size += lth_agent__widest(record);
        if (out->n == CHUNK_MOST || (out->n > 0 && size > STEP_BYTES_MAX)) {
            return LTH_OK;
        }
        out->n++;
        out->to = record->record_id;
        err = lth_agent__spool_next(c, cursor, &key, &value);
    }
    if (err != LTH_E_NOT_FOUND) {
        return err;
    }
    out->last = true;
    memcpy(out->to.b, c->school->conf->org.b, 8);
    memset(out->to.b + 8, 0xFF, 8);
    return LTH_OK;
}

static lth_err add(agent_ctx *c, lth_batch_builder *b)
{
    lth_record_new *record = &c->self->record;
    c->self->env.random.fill(c->self->env.random.ctx, record->seed, sizeof record->seed);
    lth_err err = lth_batch_builder_add(b, &c->self->env.hasher, record);
    LTH_ASSERT(err != LTH_E_LIMIT);
    return err;
}

static lth_err add_range(agent_ctx *c, lth_batch_builder *b, const chunk *next)
{
    lth_record_new *record = &c->self->record;
    record->op = LTH_OP_RANGE;
    record->dataset = c->table->mapping->dataset->number;
    record->flags = next->last ? LTH_RECORD_LAST : 0;
    record->record_id = next->to;
    record->src_version = 0;
    record->src_commit_time_ms = c->now.wall_ms;
    record->n_groups = 1;
    record->groups[0].number = 1;
    record->groups[0].value = lth_slice_of(c->table->cut_to.b, sizeof c->table->cut_to.b);
    return add(c, b);
}

/* The rows leave the spool in the transaction that numbers their chunk. */
static lth_err add_rows(agent_ctx *c, lth_cursor *cursor, lth_batch_builder *b, uint32_t n)
{
    lth_slice key, value;
    lth_err err =
        n > 0 ? lth_agent__spool_after(c, cursor, &c->table->cut_to, &key, &value) : LTH_OK;
    for (uint32_t i = 0; i < n && err == LTH_OK; i++) {
        bool fine = chunk_row(c, key, value, &c->self->record);
        err = fine ? add(c, b) : LTH_E_STORE_CORRUPT;
        if (err == LTH_OK && !c->table->kept) {
            err = lth_cursor_del(cursor);
        }
        if (err == LTH_OK && i + 1 < n) {
            err = lth_agent__spool_next(c, cursor, &key, &value);
        }
    }
    return err;
}

static lth_err after_chunk(agent_ctx *c, const chunk *done)
{
    c->table->cut_to = done->to;
    lth_err err = lth_agent__resync_mark(c, done->last ? RESYNC_NONE : RESYNC_CUTTING);
    bool owed = false;
    for (uint32_t i = 0; i < c->school->conf->n_tables; i++) {
        owed = owed || c->school->tables[i].resync != RESYNC_NONE;
    }
    if (c->school->head.resync && !owed) {
        c->school->head.resync = false;
        c->school->head_dirty = true;
        err = err == LTH_OK ? lth_agent__tiers_move(c) : err;
    }
    return err;
}

lth_err lth_agent__cut(agent_ctx *c)
{
    lth_cursor *cursor = NULL;
    lth_batch_builder *b = malloc(sizeof *b);
    if (b == NULL) {
        return LTH_E_NOMEM;
    }
    lth_batch_builder_init(b);
    lth_batch_builder_reset(b, c->school->head.next_rec_seq);
    c->table = cutting(c->school);
    chunk next;
    lth_err err = lth_cursor_open(c->txn, c->table->kept ? LTH_A_state : LTH_A_spool, &cursor);
    if (err != LTH_OK || (err = measure(c, cursor, &next)) != LTH_OK ||
        (err = add_range(c, b, &next)) != LTH_OK ||
        (err = add_rows(c, cursor, b, next.n)) != LTH_OK) {
        goto done;
    }
    err = lth_agent__seal_batch(c, b, LTH_KIND_SNAPSHOT, LTH_LANE_SNAPSHOT);
    err = err == LTH_OK ? after_chunk(c, &next) : err;
done:
    lth_cursor_close(&cursor);
    lth_batch_builder_fini(b);
    free(b);
    return err;
}
