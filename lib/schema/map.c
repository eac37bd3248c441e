#include "internal.h"

/* Header, seed and form of a record, and number and length of each group. */
#define RECORD_FIXED (1u + LTH_RECORD_HEADER_SIZE + 16u)
#define GROUP_FIXED  6u

typedef struct row {
    lth_mapped_row *out;
    const lth_cell *cells;
    lth_arena *arena;
} row;

static void fault(row *r, lth_refusal code, const lth_field *field)
{
    lth_finding finding = {.code = code,
                           .severity = LTH_SEVERITY_ERROR,
                           .group = field->group,
                           .field = field->number,
                           .column = -1};
    lth_findings_add(&r->out->findings, &finding);
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

/* One scalar. @p code receives none or bad_value. LTH_OK, LTH_E_NOMEM. */
static lth_err map_value(lth_value *out, row *r, const lth_map_field *map, lth_refusal *code)
{
    *out = (lth_value){.kind = LTH_VALUE_NULL};
    *code = LTH_REFUSE_none;
    lth_slice in = {0};
    if (map->column < 0) {
        in = lth_slice_of(map->constant, strlen(map->constant));
    } else if (r->cells[map->column].n > 0) {
        in = lth_slice_of(r->cells[map->column].p, (size_t)r->cells[map->column].n);
    }
    lth_slice text;
    lth_err err = lth_schema__text_clean(&text, in, r->arena);
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
    *code = lth_schema__value_read(out, map->field, text, map->as);
    return LTH_OK;
}

/* One item of a list as its bytes; NULL value when there is nothing to say or it is faulty. */
static lth_err map_item(lth_value *out, lth_value *key, row *r, const lth_field *list,
                        const lth_map_item *item)
{
    *out = (lth_value){.kind = LTH_VALUE_NULL};
    shape s = shape_of_item(list);
    lth_value *values = lth_arena_alloc(r->arena, list->n_items * sizeof *values);
    if (values == NULL) {
        return LTH_E_NOMEM;
    }
    memset(values, 0, list->n_items * sizeof *values);
    lth_refusal worst = LTH_REFUSE_none;
    bool says = item->n_fields == 1;
    *key = (lth_value){.kind = LTH_VALUE_NULL};
    for (uint32_t i = 0; i < item->n_fields; i++) {
        const lth_map_field *map = &item->fields[i];
        lth_value *value = &values[map->field - list->items];
        lth_refusal code;
        if (map_value(value, r, map, &code) != LTH_OK) {
            return LTH_E_NOMEM;
        }
        worst = worst == LTH_REFUSE_none ? code : worst;
        if (map->field->number == list->key_item) {
            *key = *value;
        } else {
            says = says || value->kind != LTH_VALUE_NULL || code != LTH_REFUSE_none;
        }
    }
    for (uint32_t i = 0; i < list->n_items && says && worst == LTH_REFUSE_none; i++) {
        bool needed = list->items[i].required || list->items[i].number == list->key_item;
        worst = needed && values[i].kind == LTH_VALUE_NULL ? LTH_REFUSE_missing_required : worst;
    }
    if (worst != LTH_REFUSE_none) {
        fault(r, worst, list);
    }
    if (!says || worst != LTH_REFUSE_none) {
        return LTH_OK;
    }
    size_t n = lth_schema__run_size(&s, values);
    uint8_t *p = lth_arena_alloc(r->arena, n);
    if (p == NULL) {
        return LTH_E_NOMEM;
    }
    lth_schema__run_put(p, &s, values);
    *out = (lth_value){.kind = LTH_VALUE_BYTES, .text = lth_slice_of(p, n)};
    return LTH_OK;
}

typedef struct keyed {
    lth_value key, item;
} keyed;

/* Insert in the order of keys; false if the key is there already. */
static bool insert(keyed *items, uint32_t n, const keyed *one)
{
    uint32_t at = n;
    for (; at > 0; at--) {
        int order = lth_schema__value_compare(&items[at - 1].key, &one->key);
        if (order == 0) {
            return false;
        }
        if (order < 0) {
            break;
        }
    }
    memmove(&items[at + 1], &items[at], (n - at) * sizeof *items);
    items[at] = *one;
    return true;
}

/* The run of encoded items, each with tag and length. */
static lth_err join_items(lth_value *out, row *r, const lth_field *list, const keyed *items,
                          uint32_t n)
{
    uint64_t tag = (uint64_t)list->number << 3 | WIRE_BYTES;
    size_t size = 0;
    for (uint32_t i = 0; i < n; i++) {
        size_t item = items[i].item.text.n;
        size += lth_schema__varint_size(tag) + lth_schema__varint_size(item) + item;
    }
    uint8_t *start = lth_arena_alloc(r->arena, size);
    if (start == NULL) {
        return LTH_E_NOMEM;
    }
    uint8_t *p = start;
    for (uint32_t i = 0; i < n; i++) {
        lth_slice item = items[i].item.text;
        p = lth_schema__varint_put(p, tag);
        p = lth_schema__varint_put(p, item.n);
        if (item.n > 0) {
            memcpy(p, item.p, item.n);
        }
        p += item.n;
    }
    *out = (lth_value){.kind = LTH_VALUE_BYTES, .text = lth_slice_of(start, size)};
    return LTH_OK;
}

static lth_err map_list(lth_value *out, row *r, const lth_map_field *map)
{
    const lth_field *list = map->field;
    *out = (lth_value){.kind = LTH_VALUE_NULL};
    keyed *items = lth_arena_alloc(r->arena, map->n_items * sizeof *items);
    if (items == NULL) {
        return LTH_E_NOMEM;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < map->n_items; i++) {
        keyed one;
        if (map_item(&one.item, &one.key, r, list, &map->items[i]) != LTH_OK) {
            return LTH_E_NOMEM;
        }
        if (one.item.kind == LTH_VALUE_NULL) {
            continue;
        }
        if (n < list->max && insert(items, n, &one)) {
            n++;
        } else {
            fault(r, LTH_REFUSE_bad_value, list);
        }
    }
    return n == 0 ? LTH_OK : join_items(out, r, list, items, n);
}

/* Values of all fields by their place in the dataset; @p faulty marks those left out. */
static lth_err map_fields(lth_value *values, bool *faulty, row *r, const lth_mapping *mapping)
{
    for (uint32_t i = 0; i < mapping->n_fields; i++) {
        const lth_map_field *map = &mapping->fields[i];
        size_t at = (size_t)(map->field - mapping->dataset->fields);
        uint32_t before = r->out->findings.errors;
        lth_refusal code = LTH_REFUSE_none;
        lth_err err = map->field->type == LTH_TYPE_LIST ? map_list(&values[at], r, map)
                                                        : map_value(&values[at], r, map, &code);
        if (err != LTH_OK) {
            return err;
        }
        if (code != LTH_REFUSE_none) {
            fault(r, code, map->field);
        }
        faulty[at] = r->out->findings.errors != before;
    }
    const lth_dataset *ds = mapping->dataset;
    for (uint32_t i = 0; i < ds->n_fields; i++) {
        const lth_group *group = lth_dataset_group(ds, ds->fields[i].group);
        bool ours = group != NULL && group->owner_kind == NULL;
        if (ours && ds->fields[i].required && values[i].kind == LTH_VALUE_NULL && !faulty[i]) {
            fault(r, LTH_REFUSE_missing_required, &ds->fields[i]);
        }
    }
    return LTH_OK;
}

static lth_err encode_group(row *r, const lth_dataset *ds, const lth_group *group,
                            const lth_value *values)
{
    size_t n = 0;
    for (uint32_t i = 0; i < group->n_fields; i++) {
        const lth_field *field = group->fields[i];
        n += lth_schema__value_size(field, &values[field - ds->fields]);
    }
    uint8_t *start = lth_arena_alloc(r->arena, n);
    if (start == NULL) {
        return LTH_E_NOMEM;
    }
    uint8_t *p = start;
    for (uint32_t i = 0; i < group->n_fields; i++) {
        const lth_field *field = group->fields[i];
        p = lth_schema__value_put(p, field, &values[field - ds->fields]);
    }
    uint32_t at = r->out->n_groups++;
    r->out->groups[at].number = group->number;
    r->out->groups[at].value = lth_slice_of(start, n);
    return LTH_OK;
}

lth_err lth_map_row(lth_mapped_row *out, const lth_mapping *mapping, const lth_schema *schema,
                    const lth_cell *cells, uint32_t today, lth_arena *arena)
{
    (void)schema;
    (void)today;
    row r = {.out = out, .cells = cells, .arena = arena};
    const lth_dataset *ds = mapping->dataset;
    out->n_groups = 0;
    out->findings.n = out->findings.more = out->findings.errors = 0;
    lth_value *values = lth_arena_alloc(arena, ds->n_fields * sizeof *values);
    bool *faulty = lth_arena_alloc(arena, ds->n_fields * sizeof *faulty);
    if (values == NULL || faulty == NULL) {
        return LTH_E_NOMEM;
    }
    memset(values, 0, ds->n_fields * sizeof *values);
    out->values = values;
    memset(faulty, 0, ds->n_fields * sizeof *faulty);
    lth_err err = map_fields(values, faulty, &r, mapping);
    size_t size = RECORD_FIXED;
    for (uint32_t i = 0; i < ds->n_groups && err == LTH_OK; i++) {
        if (ds->groups[i].owner_kind == NULL) {
            err = encode_group(&r, ds, &ds->groups[i], values);
            size += GROUP_FIXED + (err == LTH_OK ? out->groups[out->n_groups - 1].value.n : 0);
        }
    }
    return err == LTH_OK && size > LTH_RECORD_MAX ? LTH_E_LIMIT : err;
}
