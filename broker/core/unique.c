/* What no two living records of a school may have alike: judged where they enter, as references
 * are.
 *
 * A merge collects claims: the values that its records have before (`old`, as table `unique` says)
 * and those that they would have after. Among all that want one value, a record that has it already
 * goes before those of the batch that newly want it, and these go in the order of the batch. A
 * record that is held keeps what it had: whoever of the batch wanted that is held as well, and so
 * on, so that two records may swap their values and yet no two end up with one. */
#include <stdlib.h>

#include "unique.h"

#define ROUNDS_MAX 4u /* References are judged again because of what is held here. */

static bool is_merged(const lth_broker *self, uint32_t record)
{
    return self->merge.out[record].fate == FATE_MERGED;
}

static const lth_unique *unique_of(const lth_broker *self, const broker_claim *claim)
{
    return self->indexes[claim->index].unique;
}

static lth_err add(lth_broker *self, const uint8_t key[UNIQUE_KEY], uint32_t record, uint32_t index,
                   bool old)
{
    if (self->n_claims == self->cap_claims) {
        uint32_t cap = self->cap_claims * 2 + 256;
        broker_claim *grown = realloc(self->claims, cap * sizeof *grown);
        if (grown == NULL) {
            return LTH_E_NOMEM;
        }
        self->claims = grown;
        self->cap_claims = cap;
    }
    broker_claim *claim = &self->claims[self->n_claims++];
    *claim = (broker_claim){.record = (uint16_t)record, .index = (uint16_t)index, .old = old};
    memcpy(claim->key, key, sizeof claim->key);
    return LTH_OK;
}

lth_err lth_broker__unique_before(lth_broker *self, broker_batch *b, uint32_t index,
                                  const lth_record_row *row)
{
    const lth_checked_record *r = &b->c->records[index];
    uint32_t first, n = lth_broker__indexes_of(self, r->dataset, &first);
    broker_values of;
    if (n == 0 || r->slot != 0 || row->state != LTH_ROW_LIVE) {
        return LTH_OK;
    }
    TRY(lth_broker__unique_read(self, row->wire, &of));
    for (uint32_t i = first; i < first + n; i++) {
        uint8_t key[UNIQUE_KEY];
        lth_slice value;
        bool has;
        TRY(lth_broker__unique_key(self, &self->indexes[i], &of, false, key, &has));
        lth_err err = has ? lth_get(b->txn, LTH_T_unique, lth_slice_of(key, sizeof key), &value)
                          : LTH_E_NOT_FOUND;
        if (err != LTH_E_NOT_FOUND) {
            TRY(err);
            TRY(add(self, key, index, i, true));
        }
    }
    return LTH_OK;
}

static lth_err claim_new(lth_broker *self, broker_batch *b, uint32_t index)
{
    const lth_checked_record *r = &b->c->records[index];
    uint32_t first, n = lth_broker__indexes_of(self, r->dataset, &first);
    broker_values of;
    if (n == 0 || r->slot != 0 || r->op == LTH_OP_DELETE) {
        return LTH_OK;
    }
    TRY(lth_broker__unique_read(self, lth_slice_of(b->frame->body.p + r->offset, r->size), &of));
    for (uint32_t i = first; i < first + n; i++) {
        uint8_t key[UNIQUE_KEY];
        bool has;
        TRY(lth_broker__unique_key(self, &self->indexes[i], &of, true, key, &has));
        TRY(has ? add(self, key, index, i, false) : LTH_OK);
    }
    return LTH_OK;
}

/* ---- claims in order of key: one run for each value ---- */

static int compare(const void *a, const void *b)
{
    const broker_claim *x = a, *y = b;
    int order = memcmp(x->key, y->key, sizeof x->key);
    if (order != 0) {
        return order;
    }
    return x->record != y->record ? (x->record < y->record ? -1 : 1) : (int)y->old - (int)x->old;
}

/* Heap sort: in place, and never slow. */
static void sift(broker_claim *list, uint32_t at, uint32_t n)
{
    for (uint32_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        child += child + 1 < n && compare(&list[child], &list[child + 1]) < 0 ? 1 : 0;
        if (compare(&list[at], &list[child]) >= 0) {
            return;
        }
        broker_claim swap = list[at];
        list[at] = list[child];
        list[child] = swap;
        at = child;
    }
}

static void sort(broker_claim *list, uint32_t n)
{
    for (uint32_t i = n / 2; i-- > 0;) {
        sift(list, i, n);
    }
    for (uint32_t end = n; end-- > 1;) {
        broker_claim swap = list[0];
        list[0] = list[end];
        list[end] = swap;
        sift(list, 0, end);
    }
}

static uint32_t run_end(const lth_broker *self, uint32_t at)
{
    uint32_t end = at + 1;
    while (end < self->n_claims &&
           memcmp(self->claims[at].key, self->claims[end].key, UNIQUE_SHARED) == 0) {
        end++;
    }
    return end;
}

/* The old and the new claim of one record stand together. */
static bool has_both(const lth_broker *self, uint32_t at)
{
    const broker_claim *list = self->claims;
    uint32_t mate = list[at].old ? at + 1 : at - 1;
    return (list[at].old || at > 0) && mate < self->n_claims &&
           list[mate].record == list[at].record && list[mate].old != list[at].old &&
           memcmp(list[mate].key, list[at].key, UNIQUE_SHARED) == 0;
}

/* ---- judging ---- */

/* Has a record the value that is not merged in this batch? */
static lth_err had_by_another(lth_broker *self, broker_batch *b, const broker_claim *claim,
                              bool *yes)
{
    lth_slice key, value;
    lth_cursor *cursor;
    uint16_t dataset = lth_get16(claim->key + 8);
    *yes = false;
    TRY(lth_cursor_open(b->txn, LTH_T_unique, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(claim->key, UNIQUE_SHARED), &key, &value);
    for (; err == LTH_OK && !*yes && key.n == UNIQUE_KEY &&
           memcmp(key.p, claim->key, UNIQUE_SHARED) == 0;
         err = *yes ? err : lth_cursor_next(cursor, &key, &value)) {
        lth_id id;
        memcpy(id.b, key.p + UNIQUE_SHARED, sizeof id.b);
        *yes = lth_broker__find_in_batch(self, b->c, dataset, &id, true) == NONE;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static lth_err hold(lth_broker *self, broker_batch *b, const broker_claim *claim)
{
    const lth_unique *unique = unique_of(self, claim);
    broker_outcome *o = &self->merge.out[claim->record];
    o->fate = FATE_HELD;
    o->code = LTH_REFUSE_not_unique;
    o->rule = unique->number;
    o->field = unique->fields[0];
    o->group = lth_broker__group_of(lth_schema_find(self->env.schema, lth_get16(claim->key + 8)),
                                    o->field);
    lth_broker__unique_wait(&o->wait, claim->key);
    return lth_broker__natural_return(self, b, claim->record);
}

static void warn(lth_broker *self, const broker_claim *claim)
{
    broker_merge *m = &self->merge;
    const lth_unique *unique = unique_of(self, claim);
    if (m->n_warnings < LTH_CHECKED_WARNINGS_MAX) {
        m->warnings[m->n_warnings++] = (lth_checked_warning){
            .index = claim->record, .rule = unique->number, .severity = (uint8_t)unique->severity};
    }
}

/* All that want one value: who may not have it is held, or warned about. */
static lth_err judge_run(lth_broker *self, broker_batch *b, uint32_t at, uint32_t end, bool *held)
{
    bool error = unique_of(self, &self->claims[at])->severity == LTH_SEVERITY_ERROR;
    uint32_t keepers = 0, wanting = 0;
    bool taken;
    for (uint32_t i = at; i < end; i++) {
        const broker_claim *claim = &self->claims[i];
        bool counts = is_merged(self, claim->record) && !claim->old;
        keepers += counts && has_both(self, i) ? 1 : 0;
        wanting += counts ? 1 : 0;
    }
    if (wanting == 0) {
        return LTH_OK;
    }
    TRY(had_by_another(self, b, &self->claims[at], &taken));
    for (uint32_t i = at; i < end; i++) {
        const broker_claim *claim = &self->claims[i];
        if (claim->old || !is_merged(self, claim->record)) {
            continue;
        }
        bool keeps = has_both(self, i);
        if (!taken && keepers <= (keeps ? 1u : 0u)) {
            taken = !keeps;
        } else if (error) {
            *held = true;
            TRY(hold(self, b, claim));
        } else {
            warn(self, claim);
        }
    }
    return LTH_OK;
}

static bool is_judged(const lth_broker *self, const broker_claim *claim, bool error)
{
    const broker_index *index = &self->indexes[claim->index];
    return index->state != INDEX_DROPPING &&
           (index->unique->severity == LTH_SEVERITY_ERROR) == error;
}

/* What held records keep after all is wanted again. */
static void look_at_returned(lth_broker *self)
{
    for (uint32_t at = 0, end; at < self->n_claims; at = end) {
        end = run_end(self, at);
        for (uint32_t i = at; i < end; i++) {
            broker_claim *claim = &self->claims[i];
            if (claim->old && !claim->returned && !is_merged(self, claim->record)) {
                claim->returned = true;
                self->claims[at].dirty = true;
            }
        }
    }
}

/* Until no two have one value. Every round holds one more. */
static lth_err judge_errors(lth_broker *self, broker_batch *b, bool *held)
{
    bool more = true;
    *held = false;
    while (more) {
        more = false;
        look_at_returned(self);
        for (uint32_t at = 0, end; at < self->n_claims; at = end) {
            end = run_end(self, at);
            bool dirty = self->claims[at].dirty && is_judged(self, &self->claims[at], true);
            self->claims[at].dirty = false;
            TRY(dirty ? judge_run(self, b, at, end, &more) : LTH_OK);
        }
        *held = *held || more;
    }
    return LTH_OK;
}

static lth_err judge_warnings(lth_broker *self, broker_batch *b)
{
    bool held;
    for (uint32_t at = 0, end; at < self->n_claims; at = end) {
        end = run_end(self, at);
        bool judged = is_judged(self, &self->claims[at], false);
        TRY(judged ? judge_run(self, b, at, end, &held) : LTH_OK);
    }
    return LTH_OK;
}

/* ---- what became of it ---- */

/* Held for the sake of one that is held, too: nobody will give the value up. */
static lth_err wake_if_free(lth_broker *self, broker_batch *b, const broker_claim *claim)
{
    const broker_outcome *o = &self->merge.out[claim->record];
    bool waits = o->fate == FATE_HELD && o->wait.kind == LTH_WAIT_UNIQUE &&
                 memcmp(o->wait.hash, claim->key + UNIQUE_HEAD, sizeof o->wait.hash) == 0;
    lth_slice key, value;
    lth_cursor *cursor;
    if (!waits) {
        return LTH_OK;
    }
    TRY(lth_cursor_open(b->txn, LTH_T_unique, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(claim->key, UNIQUE_SHARED), &key, &value);
    bool free =
        err == LTH_E_NOT_FOUND || (err == LTH_OK && memcmp(key.p, claim->key, UNIQUE_SHARED) != 0);
    lth_cursor_close(&cursor);
    TRY(err == LTH_E_NOT_FOUND ? LTH_OK : err);
    return free ? lth_broker__unique_wake(self, b->txn, claim->key) : LTH_OK;
}

static lth_err write(lth_broker *self, broker_batch *b, uint32_t at)
{
    const broker_claim *claim = &self->claims[at];
    uint8_t key[UNIQUE_KEY];
    if (!is_merged(self, claim->record) || has_both(self, at)) {
        return LTH_OK;
    }
    memcpy(key, claim->key, UNIQUE_SHARED);
    memcpy(key + UNIQUE_SHARED, b->c->records[claim->record].record_id.b, 16);
    lth_slice whole = lth_slice_of(key, sizeof key);
    if (!claim->old) {
        return lth_put_kv(b->txn, LTH_T_unique, whole, (lth_slice){0}, LTH_PUT);
    }
    TRY(lth_del(b->txn, LTH_T_unique, whole));
    return lth_broker__unique_wake(self, b->txn, key);
}

lth_err lth_broker__uniques(lth_broker *self, broker_batch *b)
{
    bool held = self->n_indexes > 0 && b->entry && !LTH_MUTANT(43);
    for (uint32_t i = 0; i < b->c->n_records && self->n_indexes > 0; i++) {
        TRY(is_merged(self, i) ? claim_new(self, b, i) : LTH_OK);
    }
    sort(self->claims, self->n_claims);
    for (uint32_t i = 0; i < self->n_claims; i++) {
        self->claims[i].dirty = true;
    }
    for (uint32_t round = 0; held; round++) {
        TRY(judge_errors(self, b, &held));
        held = held && round < ROUNDS_MAX;
        TRY(held ? lth_broker__references(self, b) : LTH_OK);
    }
    TRY(b->entry ? judge_warnings(self, b) : LTH_OK);
    for (uint32_t i = 0; i < self->n_claims; i++) {
        TRY(write(self, b, i));
    }
    return LTH_OK;
}

lth_err lth_broker__uniques_wake(lth_broker *self, broker_batch *b)
{
    for (uint32_t i = 0; i < self->n_claims; i++) {
        TRY(self->claims[i].old ? LTH_OK : wake_if_free(self, b, &self->claims[i]));
    }
    return LTH_OK;
}
