/* Records that must name another: judged where they enter, because only the store knows. */
#include <stdlib.h>

#include "lth/schema.h"
#include "settle.h"

#define NATURAL_MAX (LTH_RECORD_MAX + 1024u) /* Its fields are those of one record. */
#define ROUNDS_MAX  4u /* A record of the batch that is held may be named by another, and so on. */

typedef struct look {
    lth_broker *self;
    broker_batch *b;
    lth_buf natural;
    lth_row_values row;
    uint64_t shown[FIELDS_MAX / 64];
    bool first; /**< Round: what only warns is looked at once. */
    bool held;  /**< One more. */
} look;

static bool is_there(lth_txn *txn, const uint8_t *key, size_t size, lth_err *err)
{
    lth_slice value;
    *err = lth_get(txn, LTH_T_natural, lth_slice_of(key, size), &value);
    bool there = *err == LTH_OK;
    *err = *err == LTH_E_NOT_FOUND ? LTH_OK : *err;
    return there;
}

uint16_t lth_broker__group_of(const lth_dataset *ds, uint16_t field)
{
    for (uint32_t i = 0; ds != NULL && i < ds->n_fields; i++) {
        if (ds->fields[i].number == field) {
            return ds->fields[i].group;
        }
    }
    return 0;
}

static void warn(look *l, uint32_t index, const lth_reference *reference)
{
    broker_merge *m = &l->self->merge;
    if (l->first && m->n_warnings < LTH_CHECKED_WARNINGS_MAX) {
        m->warnings[m->n_warnings++] =
            (lth_checked_warning){.index = (uint16_t)index,
                                  .rule = reference->number,
                                  .severity = (uint8_t)reference->severity};
    }
}

static lth_err missing(look *l, uint32_t index, const lth_reference *reference, const uint8_t *key,
                       size_t size)
{
    broker_outcome *o = &l->self->merge.out[index];
    if (reference->severity != LTH_SEVERITY_ERROR) {
        warn(l, index, reference);
        return LTH_OK;
    }
    l->held = true;
    o->fate = FATE_HELD;
    o->code = LTH_REFUSE_missing_reference;
    o->rule = reference->number;
    o->field = reference->n_fields > 0 ? reference->fields[0] : 0;
    o->group = lth_broker__group_of(l->row.ds, o->field);
    lth_broker__wait_for(l->self, &o->wait, LTH_WAIT_PRESENT, key, size);
    return lth_broker__natural_return(l->self, l->b, index);
}

static lth_err look_at_one(look *l, uint32_t index, const lth_reference *reference)
{
    const lth_checked_record *r = &l->b->c->records[index];
    uint8_t key[512];
    lth_err err = lth_reference_natural(&l->natural, l->self->env.schema, reference, &l->row);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    size_t size = lth_natural_key(key, l->self->hasher, reference->dataset, r->record_id.b,
                                  lth_buf_slice(&l->natural));
    bool there = is_there(l->b->txn, key, size, &err);
    if (err != LTH_OK || there || LTH_MUTANT(16)) {
        return err;
    }
    return missing(l, index, reference, key, size);
}

static lth_err look_at(look *l, uint32_t index)
{
    const lth_checked_record *r = &l->b->c->records[index];
    const lth_dataset *ds = lth_schema_find(l->self->env.schema, r->dataset);
    lth_rd rd = lth_rd_of(lth_slice_of(l->b->frame->body.p + r->offset, r->size));
    lth_record_view view;
    if (ds == NULL || ds->n_fields > FIELDS_MAX ||
        lth_record_parse(&view, &rd) != LTH_REFUSE_none) {
        return LTH_OK;
    }
    l->row = (lth_row_values){.ds = ds,
                              .values = l->self->values,
                              .shown = l->shown,
                              .today = lth_day_of(view.header.src_commit_time_ms)};
    lth_row_values_read(ds, &view, l->self->values, l->shown);
    for (uint32_t i = 0; i < ds->n_references; i++) {
        if (l->self->merge.out[index].fate == FATE_MERGED) {
            TRY(look_at_one(l, index, &ds->references[i]));
        }
    }
    return LTH_OK;
}

static bool refers(const lth_broker *self, const broker_batch *b, uint32_t index)
{
    const lth_checked_record *r = &b->c->records[index];
    return self->merge.out[index].fate == FATE_MERGED && r->refers && r->slot == 0 &&
           r->op != LTH_OP_DELETE;
}

static lth_err run(look *l)
{
    lth_broker *self = l->self;
    bool more = true;
    for (uint32_t round = 0; round < ROUNDS_MAX && more; round++) {
        l->first = round == 0;
        l->held = false;
        for (uint32_t k = 0; k < l->b->c->n_records; k++) {
            uint32_t index = self->merge.order[k];
            if (refers(self, l->b, index)) {
                TRY(look_at(l, index));
            }
        }
        more = l->held;
    }
    return LTH_OK;
}

lth_err lth_broker__references(lth_broker *self, broker_batch *b)
{
    bool any = false;
    self->merge.n_warnings = 0;
    for (uint32_t i = 0; i < b->c->n_records && !any && b->entry; i++) {
        any = refers(self, b, i);
    }
    if (!any) {
        return LTH_OK;
    }
    if (self->values == NULL) {
        self->values = calloc(FIELDS_MAX, sizeof *self->values);
    }
    if (self->values == NULL) {
        return LTH_E_NOMEM;
    }
    look l = {.self = self, .b = b};
    lth_buf_init(&l.natural, NATURAL_MAX);
    lth_err err = run(&l);
    lth_buf_fini(&l.natural);
    return err;
}
