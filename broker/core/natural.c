#include "internal.h"

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

/* A record of the batch that is not merged after all takes its old natural key back. Another one of
 * the batch may have taken that key meanwhile: then it is not merged either, and so on; every round
 * holds one more record. @p index becomes that record, or NONE. */
static lth_err give_back(lth_broker *self, broker_batch *b, uint32_t *index)
{
    const lth_checked_record *r = &b->c->records[*index];
    broker_outcome *o = &self->merge.out[*index];
    o->fate = FATE_HELD;
    o->code = LTH_REFUSE_natural_key_taken;
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
    return put(b->txn, key, size, &r->record_id, LTH_PUT);
}

lth_err lth_broker__natural_take(lth_broker *self, broker_batch *b, uint32_t index)
{
    const lth_checked_record *r = &b->c->records[index];
    if (r->slot != 0 || r->op == LTH_OP_DELETE || r->natural_size == UINT32_MAX ||
        self->merge.out[index].same_natural) {
        return LTH_OK;
    }
    uint8_t key[512];
    lth_slice value, natural = {b->frame->body.p + r->natural_offset, r->natural_size};
    size_t size = lth_natural_key(key, self->hasher, r->dataset, r->record_id.b, natural);
    lth_err err = put(b->txn, key, size, &r->record_id, b->entry ? LTH_PUT_NEW : LTH_PUT);
    if (err != LTH_E_EXISTS) {
        return err;
    }
    TRY(lth_get(b->txn, LTH_T_natural, lth_slice_of(key, size), &value));
    if (value.n == 16 && memcmp(value.p, r->record_id.b, 16) == 0) {
        return LTH_OK;
    }
    while (index != NONE) {
        TRY(give_back(self, b, &index));
    }
    return LTH_OK;
}
