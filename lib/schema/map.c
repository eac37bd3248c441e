#include "map.h"

/* Header, seed and form of a record, and number and length of each group. */
#define RECORD_FIXED (1u + LTH_RECORD_HEADER_SIZE + 16u)
#define GROUP_FIXED  6u

void lth_schema__map_fault(map_run *run, lth_refusal code, const lth_field *field, uint32_t item,
                           const lth_map_field *from)
{
    lth_finding finding = {.code = code,
                           .severity = LTH_SEVERITY_ERROR,
                           .group = field->group,
                           .field = field->number,
                           .item = (uint16_t)item,
                           .item_field = item != 0 && from->field != NULL ? from->field->number : 0,
                           .column = from->column};
    lth_findings_add(&run->out->findings, &finding);
}

static const lth_map_pair *find_pair(const lth_map_field *map, lth_slice text)
{
    for (uint32_t i = 0; i < map->n_pairs; i++) {
        const char *from = map->pairs[i].from;
        if (lth_slice_equal(text, lth_slice_of(from, strlen(from)))) {
            return &map->pairs[i];
        }
    }
    return NULL;
}

static lth_slice text_of(const lth_cell *cells, int32_t column, const char *constant)
{
    if (column < 0) {
        return lth_slice_of(constant, strlen(constant));
    }
    const lth_cell *cell = &cells[column];
    return cell->n > 0 ? lth_slice_of(cell->p, (size_t)cell->n) : (lth_slice){0};
}

/* The code that a person wrote by its title. False: it is neither. */
static bool find_code(const map_run *run, const lth_field *field, lth_slice *text)
{
    if (!run->judged || field->codes == NULL ||
        lth_codelist_find(field->codes, *text, run->day, NULL) != LTH_CODE_UNKNOWN) {
        return true;
    }
    const lth_code *code = lth_codelist_by_title(field->codes, *text, run->day);
    if (code != NULL) {
        *text = lth_slice_of(code->code, strlen(code->code));
    }
    return code != NULL;
}

lth_err lth_schema__map_value(lth_value *out, map_run *run, const lth_map_field *map,
                              lth_refusal *code)
{
    *out = (lth_value){.kind = LTH_VALUE_NULL};
    *code = LTH_REFUSE_none;
    lth_slice text;
    lth_err err =
        lth_schema__text_clean(&text, text_of(run->cells, map->column, map->constant), run->arena);
    if (err != LTH_OK) {
        *code = LTH_REFUSE_bad_value;
        return err == LTH_E_NOMEM ? err : LTH_OK;
    }
    if (text.n == 0) {
        return LTH_OK;
    }
    if (map->n_pairs > 0) {
        const lth_map_pair *pair = find_pair(map, text);
        if (pair == NULL) {
            *code = LTH_REFUSE_bad_value;
            return LTH_OK;
        }
        text = lth_slice_of(pair->to, strlen(pair->to));
    }
    if (lth_schema__value_shape(&text, map->field, map->as, run->arena) != LTH_OK) {
        return LTH_E_NOMEM;
    }
    *code = find_code(run, map->field, &text)
                ? lth_schema__value_read(out, map->field, text, map->as)
                : LTH_REFUSE_unknown_code;
    return LTH_OK;
}

static const lth_map_field *find_map(const lth_mapping *mapping, uint16_t number)
{
    for (uint32_t i = 0; i < mapping->n_fields; i++) {
        if (mapping->fields[i].field->number == number) {
            return &mapping->fields[i];
        }
    }
    return NULL;
}

/* The day of the record comes from a field of this row, or is today. */
static lth_err find_day(map_run *run, const lth_mapping *mapping, uint32_t today)
{
    uint16_t number = mapping->dataset->dated_by;
    const lth_map_field *map = number != 0 ? find_map(mapping, number) : NULL;
    lth_value value = {.kind = LTH_VALUE_NULL};
    lth_refusal code;
    lth_err err = map != NULL ? lth_schema__map_value(&value, run, map, &code) : LTH_OK;
    run->day = value.kind == LTH_VALUE_INT ? (uint32_t)value.number : today;
    return err;
}

static void set_bit(uint64_t *bits, size_t i, bool on)
{
    uint64_t bit = UINT64_C(1) << i % 64;
    bits[i / 64] = on ? bits[i / 64] | bit : bits[i / 64] & ~bit;
}

/* Values of all fields by their place in the dataset; @p sound marks the owner's without fault. */
static lth_err map_fields(lth_value *values, uint64_t *sound, map_run *run,
                          const lth_mapping *mapping)
{
    const lth_dataset *ds = mapping->dataset;
    for (uint32_t i = 0; i < ds->n_fields; i++) {
        const lth_group *group = lth_dataset_group(ds, ds->fields[i].group);
        set_bit(sound, i, group != NULL && group->owner_kind == NULL);
    }
    for (uint32_t i = 0; i < mapping->n_fields; i++) {
        const lth_map_field *map = &mapping->fields[i];
        size_t at = (size_t)(map->field - ds->fields);
        uint32_t before = run->out->findings.errors;
        lth_refusal code = LTH_REFUSE_none;
        lth_err err = map->field->type == LTH_TYPE_LIST
                          ? lth_schema__map_list(&values[at], run, map)
                          : lth_schema__map_value(&values[at], run, map, &code);
        if (err != LTH_OK) {
            return err;
        }
        if (code != LTH_REFUSE_none) {
            lth_schema__map_fault(run, code, map->field, 0, map);
        }
        if (run->out->findings.errors != before) {
            set_bit(sound, at, false);
        }
    }
    for (uint32_t i = 0; i < ds->n_fields; i++) {
        const lth_field *field = &ds->fields[i];
        if (field->required && values[i].kind == LTH_VALUE_NULL && (sound[i / 64] >> i % 64 & 1)) {
            const lth_map_field none = {.column = -1};
            const lth_map_field *map = find_map(mapping, field->number);
            lth_schema__map_fault(run, LTH_REFUSE_missing_required, field, 0,
                                  map != NULL ? map : &none);
            set_bit(sound, i, false);
        }
    }
    return LTH_OK;
}

/* Codes and rules, blamed on the columns their fields came from. */
static void judge(map_run *run, const lth_mapping *mapping, const lth_schema *schema,
                  const lth_row_values *row)
{
    lth_findings *out = &run->out->findings;
    if (!run->judged) {
        return;
    }
    lth_rules_judge(schema, row, out);
    for (uint32_t i = 0; i < out->n; i++) {
        lth_finding *one = &out->items[i];
        const lth_map_field *map =
            one->column < 0 && one->field != 0 ? find_map(mapping, one->field) : NULL;
        one->column = map != NULL ? map->column : one->column;
    }
}

static lth_err encode_group(map_run *run, const lth_dataset *ds, const lth_group *group,
                            const lth_value *values)
{
    size_t n = 0;
    for (uint32_t i = 0; i < group->n_fields; i++) {
        const lth_field *field = group->fields[i];
        n += lth_schema__value_size(field, &values[field - ds->fields]);
    }
    uint8_t *start = lth_arena_alloc(run->arena, n);
    if (start == NULL) {
        return LTH_E_NOMEM;
    }
    uint8_t *p = start;
    for (uint32_t i = 0; i < group->n_fields; i++) {
        const lth_field *field = group->fields[i];
        p = lth_schema__value_put(p, field, &values[field - ds->fields]);
    }
    uint32_t at = run->out->n_groups++;
    run->out->groups[at].number = group->number;
    run->out->groups[at].value = lth_slice_of(start, n);
    return LTH_OK;
}

static lth_err encode(map_run *run, const lth_dataset *ds, const lth_value *values)
{
    size_t size = RECORD_FIXED;
    run->out->n_groups = 0;
    for (uint32_t i = 0; i < ds->n_groups; i++) {
        if (ds->groups[i].owner_kind != NULL) {
            continue;
        }
        lth_err err = encode_group(run, ds, &ds->groups[i], values);
        if (err != LTH_OK) {
            return err;
        }
        size += GROUP_FIXED + run->out->groups[run->out->n_groups - 1].value.n;
    }
    return size > LTH_RECORD_MAX ? LTH_E_LIMIT : LTH_OK;
}

lth_err lth_map_row(lth_mapped_row *out, const lth_mapping *mapping, const lth_schema *schema,
                    const lth_cell *cells, uint32_t today, lth_arena *arena)
{
    const lth_dataset *ds = mapping->dataset;
    map_run run = {.out = out, .cells = cells, .arena = arena, .judged = schema != NULL};
    uint64_t sound[LTH_FIELDS_MAX / 64];
    out->findings.n = out->findings.more = out->findings.errors = 0;
    lth_value *values = lth_arena_alloc(arena, ds->n_fields * sizeof *values);
    if (values == NULL) {
        return LTH_E_NOMEM;
    }
    LTH_ASSERT(ds->n_fields <= LTH_FIELDS_MAX);
    memset(values, 0, ds->n_fields * sizeof *values);
    out->values = values;
    out->arena = arena;
    lth_err err = find_day(&run, mapping, today);
    err = err != LTH_OK ? err : map_fields(values, sound, &run, mapping);
    if (err != LTH_OK) {
        return err;
    }
    lth_row_values row = {.ds = ds, .values = values, .shown = sound, .today = today};
    judge(&run, mapping, schema, &row);
    return encode(&run, ds, values);
}

lth_err lth_map_term_text(lth_buf *out, const lth_mapping *mapping, const lth_map_term *term,
                          const lth_cell *cells, const lth_mapped_row *row, bool *present)
{
    if (term->field >= 0) {
        const lth_field *field = mapping->fields[term->field].field;
        const lth_value *value = &row->values[field - mapping->dataset->fields];
        *present = value->kind != LTH_VALUE_NULL;
        return *present ? lth_value_text(out, field, value) : LTH_OK;
    }
    lth_slice text = {0};
    lth_err err =
        lth_schema__text_clean(&text, text_of(cells, term->column, term->constant), row->arena);
    *present = err == LTH_OK && text.n > 0;
    if (*present) {
        err = lth_buf_add(out, text.p, text.n);
    }
    return err == LTH_E_FORMAT ? LTH_OK : err;
}
