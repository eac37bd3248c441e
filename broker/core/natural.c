#include "settle.h"

size_t lth_broker__natural_of(const lth_broker *self, lth_slice wire, uint8_t key[512])
{
    lth_record_view view;
    lth_rd rd = lth_rd_of(wire);
    if (lth_record_parse(&view, &rd) != LTH_REFUSE_none || view.form == LTH_FORM_LEAF) {
        return 0;
    }
    const lth_dataset *ds = lth_schema_find(self->env.schema, view.header.dataset);
    const lth_group_view *group = ds == NULL ? NULL : lth_record_group(&view, ds->natural_group);
    if (group == NULL || !group->shown) {
        return 0;
    }
    return lth_natural_key(key, self->hasher, view.header.dataset, view.header.record_id.b,
                           group->value);
}

lth_err lth_broker__natural_drop(lth_txn *txn, const uint8_t *key, size_t size, const lth_id *id)
{
    lth_slice value;
    lth_err err = lth_get(txn, LTH_T_natural, lth_slice_of(key, size), &value);
    bool own = err == LTH_OK && value.n == sizeof id->b && memcmp(value.p, id->b, value.n) == 0;
    if (own) {
        return lth_del(txn, LTH_T_natural, lth_slice_of(key, size));
    }
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static lth_err put(lth_txn *txn, const uint8_t *key, size_t size, const lth_id *id, lth_put how)
{
    return lth_put_kv(txn, LTH_T_natural, lth_slice_of(key, size),
                      lth_slice_of(id->b, sizeof id->b), how);
}

static void hold_taken(lth_broker *self, uint32_t index, const uint8_t *key, size_t size)
{
    broker_outcome *o = &self->merge.out[index];
    o->fate = FATE_HELD;
    o->code = LTH_REFUSE_natural_key_taken;
    o->group = o->field = o->rule = 0;
    lth_broker__wait_for(self, &o->wait, LTH_WAIT_FREE, key, size);
}

/* A record of the batch that is not merged after all takes its old natural key back. Another one of
 * the batch may have taken that key meanwhile: then it is not merged either, and so on; every round
 * holds one more record. @p index becomes that record, or NONE. */
static lth_err give_back(lth_broker *self, broker_batch *b, uint32_t *index)
{
    const lth_checked_record *r = &b->c->records[*index];
    broker_outcome *o = &self->merge.out[*index];
    *index = NONE;
    if (!o->had_natural) {
        return LTH_OK;
    }
    uint8_t row_key[20], key[512];
    lth_slice value;
    lth_record_row row;
    lth_broker__key_record(row_key, r->dataset, &r->record_id, r->slot);
    TRY(lth_get(b->txn, LTH_T_record, lth_slice_of(row_key, sizeof row_key), &value));
    if (!lth_record_row_decode(&row, value)) {
        return LTH_E_STORE_CORRUPT;
    }
    size_t size = lth_broker__natural_of(self, row.wire, key);
    lth_err err = lth_get(b->txn, LTH_T_natural, lth_slice_of(key, size), &value);
    if (err == LTH_OK && value.n == 16) {
        lth_id other;
        memcpy(other.b, value.p, sizeof other.b);
        *index = lth_broker__find_in_batch(self, b->c, r->dataset, &other, true);
    } else if (err != LTH_E_NOT_FOUND) {
        return err == LTH_OK ? LTH_E_STORE_CORRUPT : err;
    }
    if (*index != NONE) {
        hold_taken(self, *index, key, size);
    }
    return put(b->txn, key, size, &r->record_id, LTH_PUT);
}

static size_t key_of(lth_broker *self, const broker_batch *b, uint32_t index, uint8_t key[512])
{
    const lth_checked_record *r = &b->c->records[index];
    lth_slice natural = {b->frame->body.p + r->natural_offset, r->natural_size};
    return lth_natural_key(key, self->hasher, r->dataset, r->record_id.b, natural);
}

lth_err lth_broker__natural_take(lth_broker *self, broker_batch *b, uint32_t index)
{
    const lth_checked_record *r = &b->c->records[index];
    broker_outcome *o = &self->merge.out[index];
    if (r->slot != 0 || r->op == LTH_OP_DELETE || r->natural_size == UINT32_MAX ||
        o->same_natural) {
        return LTH_OK;
    }
    uint8_t key[512];
    lth_slice value;
    size_t size = key_of(self, b, index, key);
    lth_err err = put(b->txn, key, size, &r->record_id, b->entry ? LTH_PUT_NEW : LTH_PUT);
    if (err != LTH_E_EXISTS) {
        o->took_natural = err == LTH_OK;
        return err;
    }
    TRY(lth_get(b->txn, LTH_T_natural, lth_slice_of(key, size), &value));
    if (value.n == 16 && memcmp(value.p, r->record_id.b, 16) == 0) {
        return LTH_OK;
    }
    hold_taken(self, index, key, size);
    while (index != NONE) {
        TRY(give_back(self, b, &index));
    }
    return LTH_OK;
}

lth_err lth_broker__natural_return(lth_broker *self, broker_batch *b, uint32_t index)
{
    const lth_checked_record *r = &b->c->records[index];
    if (self->merge.out[index].took_natural) {
        uint8_t key[512];
        size_t size = key_of(self, b, index, key);
        TRY(lth_broker__natural_drop(b->txn, key, size, &r->record_id));
    }
    while (index != NONE) {
        TRY(give_back(self, b, &index));
    }
    return LTH_OK;
}

lth_err lth_broker__natural_tell(lth_broker *self, broker_batch *b, uint32_t index)
{
    const broker_outcome *o = &self->merge.out[index];
    uint16_t dataset = b->c->records[index].dataset;
    if (o->gave_up.kind != LTH_WAIT_NOTHING) {
        TRY(lth_broker__wake_wait(self, b->txn, &o->gave_up));
    }
    if (!o->took_natural || !lth_broker__waited_for(self, LTH_WAIT_PRESENT, dataset)) {
        return LTH_OK;
    }
    uint8_t key[512];
    size_t size = key_of(self, b, index, key);
    return lth_broker__wake(self, b->txn, LTH_WAIT_PRESENT, key, size);
}
