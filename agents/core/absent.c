#include "internal.h"

/* A file that lacks an optional column says nothing about it: what the record had there stays. */

void lth_agent__absent_note(agent_ctx *c, const lth_cell *cells)
{
    agent_scan *scan = c->scan;
    for (uint32_t i = 0; i < c->table->mapping->n_columns; i++) {
        if (cells[i].n == LTH_CELL_ABSENT) {
            scan->lacking[i / 64] |= UINT64_C(1) << (i % 64);
            scan->lacks = true;
        }
    }
}

static bool is_absent(const agent_scan *scan, int32_t column)
{
    return column >= 0 && (scan->lacking[column / 64] >> (column % 64) & 1) != 0;
}

/* No column of the field is there; a list's items count together. */
static bool field_absent(const agent_scan *scan, const lth_map_field *field)
{
    bool any = false;
    for (uint32_t i = 0; i < field->n_items; i++) {
        for (uint32_t f = 0; f < field->items[i].n_fields; f++) {
            int32_t column = field->items[i].fields[f].column;
            if (column >= 0 && !is_absent(scan, column)) {
                return false;
            }
            any = any || column >= 0;
        }
    }
    return any || is_absent(scan, field->column);
}

/* One group again, with values of the record where the file has none; into the row's arena. */
static lth_err encode(agent_ctx *c, const lth_group *group, const lth_value *values, lth_slice *out)
{
    const lth_dataset *ds = c->table->mapping->dataset;
    lth_value *own = lth_arena_alloc(c->self->rows, (group->n_fields + 1u) * sizeof *own);
    lth_buf bytes;
    if (own == NULL) {
        return LTH_E_NOMEM;
    }
    for (uint32_t i = 0; i < group->n_fields; i++) {
        own[i] = values[lth_dataset_field_name(ds, group->fields[i]->name) - ds->fields];
    }
    lth_buf_init(&bytes, LTH_RECORD_MAX);
    lth_err err = lth_group_encode(&bytes, group, own);
    const uint8_t *copy = err == LTH_OK ? lth_arena_copy(c->self->rows, bytes.p, bytes.n) : NULL;
    *out = lth_slice_of(copy, bytes.n);
    lth_buf_fini(&bytes);
    return err != LTH_OK || copy != NULL ? err : LTH_E_NOMEM;
}

static lth_err fill(agent_ctx *c, const lth_value *before)
{
    const lth_mapping *mapping = c->table->mapping;
    const lth_dataset *ds = mapping->dataset;
    lth_record_new *record = &c->self->record;
    lth_value values[LTH_FIELDS_MAX];
    memcpy(values, c->self->row.mapped.values, ds->n_fields * sizeof *values);
    for (uint32_t i = 0; i < mapping->n_fields; i++) {
        if (field_absent(c->scan, &mapping->fields[i])) {
            size_t index = (size_t)(mapping->fields[i].field - ds->fields);
            values[index] = before[index];
        }
    }
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < record->n_groups && err == LTH_OK; i++) {
        const lth_group *group = lth_dataset_group(ds, record->groups[i].number);
        LTH_ASSERT(group != NULL);
        err = encode(c, group, values, &record->groups[i].value);
    }
    return err;
}

lth_err lth_agent__keep_absent(agent_ctx *c)
{
    const agent_row *row = &c->self->row;
    const lth_dataset *ds = c->table->mapping->dataset;
    agent_kept before;
    lth_value values[LTH_FIELDS_MAX];
    uint64_t shown[(LTH_FIELDS_MAX + 63) / 64];
    uint8_t key[KEY_SIZE];
    lth_slice state;
    if (!c->scan->lacks || !row->known || !c->table->kept) {
        return LTH_OK;
    }
    lth_err err = lth_get(
        c->txn, LTH_A_state,
        lth_agent__key(key, &c->school->conf->org, ds->number, row->old.record_id.b), &state);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    if (!lth_agent__kept_decode(&before, state, true)) {
        return LTH_E_STORE_CORRUPT;
    }
    lth_row_values_read(ds, &before.view, values, shown);
    return fill(c, values);
}
