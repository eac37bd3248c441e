/* Which values of living records must be unique, and who has them.
 *
 * Table `indexed` says for each `unique` of the schema by which definition its entries in `unique`
 * were made, and how far. A new or changed one is built from the records that are there, in slices
 * beside everything else; what is merged meanwhile is entered as well, and judged by what is in. No
 * hold is judged again before the last of them is in. The entries belong to a node that is the
 * first for some school; once it is, it keeps those of all records it sees, so that a school may
 * come and go. */
#include <stdlib.h>

#include "lth/schema.h"
#include "unique.h"

#define INDEXED_KEY   4u
#define INDEXED_VALUE (LTH_HASH_SIZE + 1u + 16u)
#define FOUND_MAX     64u /* Entries looked up before any is written. */

static void index_key(uint8_t key[INDEXED_KEY], const broker_index *index)
{
    lth_put16(key, index->dataset);
    lth_put16(key + 2, index->rule);
}

static lth_err put_index(lth_txn *txn, const broker_index *index)
{
    uint8_t key[INDEXED_KEY], value[INDEXED_VALUE];
    index_key(key, index);
    memcpy(value, index->print, LTH_HASH_SIZE);
    value[LTH_HASH_SIZE] = (uint8_t)index->state;
    memcpy(value + LTH_HASH_SIZE + 1, index->at, sizeof index->at);
    return lth_put_kv(txn, LTH_T_indexed, lth_slice_of(key, sizeof key),
                      lth_slice_of(value, sizeof value), LTH_PUT);
}

static bool read_index(broker_index *out, lth_slice key, lth_slice value)
{
    if (key.n != INDEXED_KEY || value.n != INDEXED_VALUE) {
        return false;
    }
    uint8_t state = value.p[LTH_HASH_SIZE];
    *out = (broker_index){.dataset = lth_get16(key.p),
                          .rule = lth_get16(key.p + 2),
                          .state = (broker_index_state)state};
    memcpy(out->print, value.p, LTH_HASH_SIZE);
    memcpy(out->at, value.p + LTH_HASH_SIZE + 1, sizeof out->at);
    return state >= INDEX_READY && state <= INDEX_DROPPING;
}

/* ---- the schema against what is indexed ---- */

/* What makes entries: another text or severity makes the same ones. */
static void print_of(const lth_hasher *h, const lth_unique *unique, uint8_t out[LTH_HASH_SIZE])
{
    uint8_t fields[2 * LTH_UNIQUE_FIELDS_MAX];
    const char *when = unique->when_text != NULL ? unique->when_text : "";
    for (uint32_t i = 0; i < unique->n_fields; i++) {
        lth_put16(fields + (size_t)2 * i, unique->fields[i]);
    }
    lth_slice parts[] = {{fields, (size_t)2 * unique->n_fields}, lth_slice_of(when, strlen(when))};
    h->sha256(h->ctx, parts, 2, out);
}

static broker_index *find(lth_broker *self, uint16_t dataset, uint16_t rule)
{
    for (uint32_t i = 0; i < self->n_indexes; i++) {
        if (self->indexes[i].dataset == dataset && self->indexes[i].rule == rule) {
            return &self->indexes[i];
        }
    }
    return NULL;
}

/* A place for one more, in order of dataset and rule. */
static broker_index *insert(lth_broker *self, uint16_t dataset, uint16_t rule)
{
    broker_index *grown = realloc(self->indexes, (self->n_indexes + 1u) * sizeof *self->indexes);
    if (grown == NULL) {
        return NULL;
    }
    self->indexes = grown;
    uint32_t at = self->n_indexes++;
    for (; at > 0 && (grown[at - 1].dataset > dataset ||
                      (grown[at - 1].dataset == dataset && grown[at - 1].rule > rule));
         at--) {
        grown[at] = grown[at - 1];
    }
    grown[at] = (broker_index){.dataset = dataset, .rule = rule};
    return &grown[at];
}

static lth_err load(lth_broker *self, lth_txn *txn)
{
    lth_slice key, value;
    lth_cursor *cursor;
    self->n_indexes = 0;
    TRY(lth_cursor_open(txn, LTH_T_indexed, &cursor));
    lth_err err = lth_cursor_next(cursor, &key, &value);
    for (; err == LTH_OK; err = lth_cursor_next(cursor, &key, &value)) {
        broker_index one, *place;
        if (!read_index(&one, key, value)) {
            err = LTH_E_STORE_CORRUPT;
            break;
        }
        place = insert(self, one.dataset, one.rule);
        if (place == NULL) {
            err = LTH_E_NOMEM;
            break;
        }
        *place = one;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static lth_err has_records(lth_txn *txn, uint16_t dataset, bool *yes)
{
    uint8_t from[2];
    lth_slice key, value;
    lth_cursor *cursor;
    lth_put16(from, dataset);
    TRY(lth_cursor_open(txn, LTH_T_record, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    *yes = err == LTH_OK && lth_get16(key.p) == dataset;
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static lth_err define(lth_broker *self, lth_txn *txn, uint16_t dataset, const lth_unique *unique)
{
    uint8_t print[LTH_HASH_SIZE];
    bool any = true;
    print_of(self->hasher, unique, print);
    broker_index *index = find(self, dataset, unique->number);
    bool known = index != NULL;
    if (known && memcmp(index->print, print, sizeof print) == 0) {
        index->unique = unique;
        return LTH_OK;
    }
    TRY(known ? LTH_OK : has_records(txn, dataset, &any));
    index = known ? index : insert(self, dataset, unique->number);
    if (index == NULL) {
        return LTH_E_NOMEM;
    }
    index->unique = unique;
    index->state = known ? INDEX_DROPPING : any ? INDEX_BUILDING : INDEX_READY;
    memcpy(index->print, print, sizeof print);
    memset(index->at, 0, sizeof index->at);
    return put_index(txn, index);
}

/* Entries of what no definition names any more go. */
static lth_err undefine(lth_txn *txn, broker_index *index)
{
    static const uint8_t none[LTH_HASH_SIZE];
    if (index->unique != NULL || memcmp(index->print, none, sizeof none) == 0) {
        return LTH_OK;
    }
    memset(index->print, 0, sizeof index->print);
    memset(index->at, 0, sizeof index->at);
    index->state = INDEX_DROPPING;
    return put_index(txn, index);
}

/* Is this node the first broker of some school? */
static lth_err enters_here(lth_broker *self, lth_txn *txn, bool *yes)
{
    lth_slice key, value;
    lth_head head;
    lth_cursor *cursor;
    *yes = false;
    TRY(lth_cursor_open(txn, LTH_T_head, &cursor));
    lth_err err = lth_cursor_next(cursor, &key, &value);
    for (; err == LTH_OK && !*yes; err = *yes ? err : lth_cursor_next(cursor, &key, &value)) {
        if (key.n != 24 || !lth_head_decode(&head, value)) {
            err = LTH_E_STORE_CORRUPT;
            break;
        }
        *yes = lth_get64(key.p + 16) == LTH_STREAM_OWN && head.at.epoch > 0 &&
               lth_id_equal(&head.entry_org, &self->env.org);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static void look_for_work(lth_broker *self)
{
    self->indexing = false;
    for (uint32_t i = 0; i < self->n_indexes; i++) {
        self->indexing = self->indexing || self->indexes[i].state != INDEX_READY;
    }
}

lth_err lth_broker__indexes_sync(lth_broker *self, lth_txn *txn)
{
    const lth_schema *schema = self->env.schema;
    if (!self->indexes_due) {
        return LTH_OK;
    }
    TRY(load(self, txn));
    self->indexes_due = false;
    self->judges = self->judges || self->n_indexes > 0;
    TRY(self->judges ? LTH_OK : enters_here(self, txn, &self->judges));
    for (uint32_t i = 0; i < schema->n_datasets && self->judges; i++) {
        const lth_dataset *ds = &schema->datasets[i];
        for (uint32_t k = 0; k < ds->n_uniques; k++) {
            TRY(define(self, txn, ds->number, &ds->uniques[k]));
        }
    }
    for (uint32_t i = 0; i < self->n_indexes; i++) {
        TRY(undefine(txn, &self->indexes[i]));
    }
    look_for_work(self);
    return LTH_OK;
}

lth_err lth_broker__indexes_enter(lth_broker *self, lth_txn *txn)
{
    self->judges = true;
    self->indexes_due = true;
    return lth_broker__indexes_sync(self, txn);
}

/* ---- the entries of one record ---- */

uint32_t lth_broker__indexes_of(const lth_broker *self, uint16_t dataset, uint32_t *first)
{
    uint32_t at = 0, n = 0;
    while (at < self->n_indexes && self->indexes[at].dataset < dataset) {
        at++;
    }
    while (at + n < self->n_indexes && self->indexes[at + n].dataset == dataset) {
        n++;
    }
    *first = at;
    return n;
}

static void make_key(const lth_broker *self, const broker_index *index, const lth_id *id,
                     uint8_t key[UNIQUE_KEY])
{
    uint8_t hash[LTH_HASH_SIZE];
    memcpy(key, id->b, 8);
    lth_put16(key + 8, index->dataset);
    lth_put16(key + 10, index->rule);
    lth_slice parts[] = {{key, UNIQUE_HEAD}, lth_buf_slice(&self->unique_value)};
    self->hasher->sha256(self->hasher->ctx, parts, 2, hash);
    memcpy(key + UNIQUE_HEAD, hash, UNIQUE_SHARED - UNIQUE_HEAD);
    memcpy(key + UNIQUE_SHARED, id->b, sizeof id->b);
}

lth_err lth_broker__unique_read(lth_broker *self, lth_slice wire, broker_values *out)
{
    lth_rd rd = lth_rd_of(wire);
    lth_record_view view;
    out->known = false;
    if (self->values == NULL) {
        self->values = calloc(FIELDS_MAX, sizeof *self->values);
    }
    if (self->values == NULL) {
        return LTH_E_NOMEM;
    }
    if (lth_record_parse(&view, &rd) != LTH_REFUSE_none || view.form == LTH_FORM_LEAF) {
        return LTH_OK;
    }
    const lth_dataset *ds = lth_schema_find(self->env.schema, view.header.dataset);
    if (ds == NULL || ds->n_fields > FIELDS_MAX) {
        return LTH_OK;
    }
    out->id = view.header.record_id;
    out->row = (lth_row_values){.ds = ds,
                                .values = self->values,
                                .shown = out->shown,
                                .today = lth_day_of(view.header.src_commit_time_ms)};
    lth_row_values_read(ds, &view, self->values, out->shown);
    out->known = true;
    return LTH_OK;
}

lth_err lth_broker__unique_key(lth_broker *self, const broker_index *index, const broker_values *of,
                               bool taking, uint8_t key[UNIQUE_KEY], bool *has)
{
    *has = of->known && index->unique != NULL && index->state != INDEX_DROPPING &&
           (!taking || lth_unique_takes_part(index->unique, &of->row));
    if (!*has) {
        return LTH_OK;
    }
    lth_err err = lth_unique_value(&self->unique_value, index->unique, &of->row);
    *has = err == LTH_OK;
    if (*has) {
        make_key(self, index, &of->id, key);
    }
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_broker__unique_end(lth_broker *self, lth_txn *txn, uint16_t dataset, lth_slice wire)
{
    uint32_t first, n = lth_broker__indexes_of(self, dataset, &first);
    broker_values of;
    TRY(n > 0 ? lth_broker__unique_read(self, wire, &of) : LTH_OK);
    for (uint32_t i = first; i < first + n; i++) {
        uint8_t key[UNIQUE_KEY];
        bool has;
        TRY(lth_broker__unique_key(self, &self->indexes[i], &of, false, key, &has));
        lth_err err =
            has ? lth_del(txn, LTH_T_unique, lth_slice_of(key, sizeof key)) : LTH_E_NOT_FOUND;
        if (err != LTH_E_NOT_FOUND) {
            TRY(err);
            TRY(lth_broker__unique_wake(self, txn, key));
        }
    }
    return LTH_OK;
}

void lth_broker__unique_wait(lth_wait *out, const uint8_t key[UNIQUE_SHARED])
{
    *out = (lth_wait){.kind = LTH_WAIT_UNIQUE, .dataset = lth_get16(key + 8)};
    memcpy(out->hash, key + UNIQUE_HEAD, sizeof out->hash);
}

lth_err lth_broker__unique_wake(lth_broker *self, lth_txn *txn, const uint8_t key[UNIQUE_SHARED])
{
    lth_wait wait;
    lth_broker__unique_wait(&wait, key);
    return lth_broker__wake_wait(self, txn, &wait);
}

lth_err lth_held_other(lth_txn *txn, const lth_held_row *row, lth_id *out)
{
    uint8_t from[UNIQUE_SHARED];
    lth_slice key, value;
    lth_cursor *cursor;
    *out = (lth_id){{0}};
    if (row->wait.kind != LTH_WAIT_UNIQUE) {
        return LTH_OK;
    }
    memcpy(from, row->record_id.b, 8);
    lth_put16(from + 8, row->wait.dataset);
    lth_put16(from + 10, row->rule);
    memcpy(from + UNIQUE_HEAD, row->wait.hash, sizeof row->wait.hash);
    TRY(lth_cursor_open(txn, LTH_T_unique, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    for (; err == LTH_OK && key.n == UNIQUE_KEY && memcmp(key.p, from, sizeof from) == 0;
         err = lth_cursor_next(cursor, &key, &value)) {
        if (memcmp(key.p + UNIQUE_SHARED, row->record_id.b, 16) != 0) {
            memcpy(out->b, key.p + UNIQUE_SHARED, sizeof out->b);
            break;
        }
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* ---- building and dropping, in slices ---- */

/* Entries that a slice will write or delete; nothing is written while a cursor stands. */
typedef struct found {
    uint8_t keys[FOUND_MAX][UNIQUE_KEY];
    uint32_t n, looked;
    bool end;
} found;

/* Records of the dataset behind index->at. */
static lth_err collect_records(lth_broker *self, lth_txn *txn, broker_index *index, found *f)
{
    uint8_t from[20];
    lth_slice key, value;
    lth_cursor *cursor;
    lth_id at;
    memcpy(at.b, index->at, sizeof at.b);
    lth_broker__key_record(from, index->dataset, &at, lth_id_is_zero(&at) ? 0 : UINT16_MAX);
    TRY(lth_cursor_open(txn, LTH_T_record, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    for (; err == LTH_OK && f->looked < FOUND_MAX; err = lth_cursor_next(cursor, &key, &value)) {
        lth_record_row row;
        broker_values of;
        bool has = false;
        if (lth_get16(key.p) != index->dataset) {
            err = LTH_E_NOT_FOUND;
            break;
        }
        if (!lth_record_row_decode(&row, value)) {
            err = LTH_E_STORE_CORRUPT;
            break;
        }
        f->looked++;
        memcpy(index->at, key.p + 2, sizeof index->at);
        if (lth_get16(key.p + 18) != 0 || row.state != LTH_ROW_LIVE) {
            continue;
        }
        err = lth_broker__unique_read(self, row.wire, &of);
        err = err == LTH_OK ? lth_broker__unique_key(self, index, &of, true, f->keys[f->n], &has)
                            : err;
        if (err != LTH_OK) {
            break;
        }
        f->n += has ? 1 : 0;
    }
    lth_cursor_close(&cursor);
    f->end = err == LTH_E_NOT_FOUND;
    return f->end ? LTH_OK : err;
}

/* Entries of the rule, from the owner in index->at on. Those of one owner lie together. */
static lth_err collect_entries(lth_txn *txn, broker_index *index, found *f)
{
    uint8_t from[UNIQUE_HEAD];
    lth_slice key, value;
    lth_cursor *cursor;
    memcpy(from, index->at, 8);
    index_key(from + 8, index);
    TRY(lth_cursor_open(txn, LTH_T_unique, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    while (err == LTH_OK && f->n < FOUND_MAX && f->looked < SLICE_MAX) {
        if (key.n != UNIQUE_KEY) {
            err = LTH_E_STORE_CORRUPT;
            break;
        }
        int order = memcmp(key.p + 8, from + 8, INDEXED_KEY);
        f->looked++;
        if (order == 0) {
            memcpy(from, key.p, 8);
            memcpy(f->keys[f->n++], key.p, UNIQUE_KEY);
            err = lth_cursor_next(cursor, &key, &value);
            continue;
        }
        uint64_t owner = lth_get64(key.p);
        if (order > 0 && owner == UINT64_MAX) {
            err = LTH_E_NOT_FOUND;
            break;
        }
        lth_put64(from, owner + (order > 0 ? 1 : 0));
        err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    }
    memcpy(index->at, from, 8);
    lth_cursor_close(&cursor);
    f->end = err == LTH_E_NOT_FOUND;
    return f->end ? LTH_OK : err;
}

static lth_err write_found(lth_txn *txn, const found *f, bool put)
{
    for (uint32_t i = 0; i < f->n; i++) {
        lth_slice key = lth_slice_of(f->keys[i], UNIQUE_KEY);
        TRY(put ? lth_put_kv(txn, LTH_T_unique, key, (lth_slice){0}, LTH_PUT)
                : lth_del(txn, LTH_T_unique, key));
    }
    return LTH_OK;
}

/* Dropped: it is built anew by its new definition, or forgotten. */
static lth_err end_phase(lth_broker *self, lth_txn *txn, broker_index *index)
{
    if (index->state == INDEX_DROPPING && index->unique == NULL) {
        uint8_t key[INDEXED_KEY];
        uint32_t at = (uint32_t)(index - self->indexes);
        index_key(key, index);
        self->n_indexes--;
        memmove(index, index + 1, (self->n_indexes - at) * sizeof *index);
        return lth_del(txn, LTH_T_indexed, lth_slice_of(key, sizeof key));
    }
    bool built = index->state == INDEX_BUILDING;
    index->state = built ? INDEX_READY : INDEX_BUILDING;
    memset(index->at, 0, sizeof index->at);
    if (built) {
        lth_log_event(&self->env.log, LTH_LEVEL_NOTICE, "unique_indexed", "dataset=%u rule=%u",
                      (unsigned)index->dataset, (unsigned)index->rule);
    }
    return put_index(txn, index);
}

static lth_err work(lth_broker *self, lth_txn *txn, broker_index *index, uint32_t *room)
{
    found f = {.n = 0};
    bool building = index->state == INDEX_BUILDING;
    TRY(building ? collect_records(self, txn, index, &f) : collect_entries(txn, index, &f));
    TRY(write_found(txn, &f, building));
    uint32_t cost = f.looked + 1;
    *room -= cost < *room ? cost : *room;
    return f.end ? end_phase(self, txn, index) : put_index(txn, index);
}

lth_err lth_broker__index_run(lth_broker *self, lth_txn *txn)
{
    uint32_t room = SLICE_MAX;
    while (self->indexing && room > 0) {
        for (uint32_t i = 0; i < self->n_indexes; i++) {
            if (self->indexes[i].state != INDEX_READY) {
                TRY(work(self, txn, &self->indexes[i], &room));
                break;
            }
        }
        look_for_work(self);
    }
    return LTH_OK;
}
