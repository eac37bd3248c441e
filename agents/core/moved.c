#include "internal.h"

/* A pupil who got another code has other rows that name him by it: his enrolments. They are the
 * records that named him by the code he had. */

#define MOVED_BYTES_MAX (4u * 1024u * 1024u) /* further ones are not followed: a guard asks */

lth_err lth_agent__moved_note(agent_ctx *c)
{
    agent_upload *upload = lth_agent__upload(c);
    const agent_row *row = &c->self->row;
    if (upload == NULL || row->old.natural.n == 0 || !row->natural_sound) {
        return LTH_OK;
    }
    if (upload->moved_arena == NULL) {
        upload->moved_arena = lth_arena_new(MOVED_BYTES_MAX);
    }
    if (upload->moved_arena == NULL) {
        return LTH_E_NOMEM;
    }
    agent_moved *one = lth_arena_alloc(upload->moved_arena, sizeof *one + row->old.natural.n);
    if (one != NULL) {
        *one = (agent_moved){.next = upload->moved,
                             .dataset = c->table->mapping->dataset->number,
                             .n = (uint32_t)row->old.natural.n};
        memcpy(one->print, row->natural_print, PRINT_SIZE);
        memcpy(one->old, row->old.natural.p, one->n);
        upload->moved = one;
    }
    return LTH_OK;
}

/* What the record that the row names by @p reference was called; NULL: as it is. */
static lth_err moved_of(agent_ctx *c, const lth_reference *reference, const agent_moved **out)
{
    const agent_row *row = &c->self->row;
    const lth_dataset *ds = c->table->mapping->dataset;
    uint64_t shown[(LTH_FIELDS_MAX + 63) / 64];
    uint8_t print[PRINT_SIZE];
    memset(shown, 0xFF, sizeof shown);
    *out = NULL;
    const lth_row_values values = {.ds = ds,
                                   .values = row->mapped.values,
                                   .shown = shown,
                                   .today = lth_day_of(c->now.wall_ms)};
    lth_err err = lth_reference_natural(&c->self->terms, c->self->env.schema, reference, &values);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    lth_agent__print(&c->self->env.hasher, lth_buf_slice(&c->self->terms), print);
    const agent_moved *one = lth_agent__upload(c)->moved;
    while (one != NULL &&
           (one->dataset != reference->dataset || memcmp(one->print, print, PRINT_SIZE) != 0)) {
        one = one->next;
    }
    *out = one;
    return LTH_OK;
}

/* The values as they were before that record moved. */
static void name_as_before(agent_ctx *c, const lth_reference *reference, const agent_moved *moved,
                           lth_value *values)
{
    const lth_dataset *ds = c->table->mapping->dataset;
    const lth_dataset *target = lth_schema_find(c->self->env.schema, reference->dataset);
    const lth_group *group =
        target != NULL ? lth_dataset_group(target, target->natural_group) : NULL;
    const lth_slice old = lth_slice_of(moved->old, moved->n);
    const lth_field *field;
    lth_value value;
    size_t at = 0;
    bool more = group != NULL;
    for (uint32_t i = 0; more && i < reference->n_fields; i++) {
        more = lth_group_next(group, old, &at, &field, &value);
        for (uint32_t k = 0; more && k < ds->n_fields; k++) {
            values[k] = ds->fields[k].number == reference->fields[i] ? value : values[k];
        }
    }
}

lth_err lth_agent__moved_before(agent_ctx *c, bool *yes)
{
    agent_row *row = &c->self->row;
    const lth_dataset *ds = c->table->mapping->dataset;
    lth_value *values = lth_arena_alloc(c->self->rows, ds->n_fields * sizeof *values);
    lth_err err = values != NULL ? LTH_OK : LTH_E_NOMEM;
    *yes = false;
    if (err == LTH_OK) {
        memcpy(values, row->mapped.values, ds->n_fields * sizeof *values);
    }
    for (uint32_t i = 0; i < ds->n_references && err == LTH_OK; i++) {
        const agent_moved *moved = NULL;
        err = moved_of(c, &ds->references[i], &moved);
        if (err == LTH_OK && moved != NULL) {
            name_as_before(c, &ds->references[i], moved, values);
            *yes = true;
        }
    }
    row->mapped.values = *yes ? values : row->mapped.values;
    return err;
}
