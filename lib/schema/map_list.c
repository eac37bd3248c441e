#include "map.h"

typedef struct keyed {
    lth_value key, item;
    uint32_t number; /* Of the mapping's items, from 1. */
    const lth_map_field *from;
} keyed;

static const lth_map_field *find_source(const lth_map_item *item, uint16_t number)
{
    for (uint32_t i = 0; i < item->n_fields; i++) {
        if (item->fields[i].field->number == number) {
            return &item->fields[i];
        }
    }
    return NULL;
}

/* Reads the fields of one item. @p says receives whether it has anything to say. */
static lth_err read_item(lth_value *values, map_run *run, const lth_field *list,
                         const lth_map_item *item, uint32_t number, bool *says)
{
    *says = item->n_fields == 1;
    for (uint32_t i = 0; i < item->n_fields; i++) {
        const lth_map_field *map = &item->fields[i];
        lth_value *value = &values[map->field - list->items];
        lth_refusal code;
        if (lth_schema__map_value(value, run, map, &code) != LTH_OK) {
            return LTH_E_NOMEM;
        }
        if (code != LTH_REFUSE_none) {
            lth_schema__map_fault(run, code, list, number, map);
        }
        bool key = map->field->number == list->key_item;
        *says = *says || (!key && (value->kind != LTH_VALUE_NULL || code != LTH_REFUSE_none));
    }
    return LTH_OK;
}

static void check_required(map_run *run, const lth_field *list, const lth_map_item *item,
                           uint32_t number, const lth_value *values)
{
    for (uint32_t i = 0; i < list->n_items; i++) {
        const lth_field *field = &list->items[i];
        bool needed = field->required || field->number == list->key_item;
        if (needed && values[i].kind == LTH_VALUE_NULL) {
            const lth_map_field none = {.field = field, .column = -1};
            const lth_map_field *from = find_source(item, field->number);
            lth_schema__map_fault(run, LTH_REFUSE_missing_required, list, number,
                                  from != NULL ? from : &none);
        }
    }
}

/* One item as its bytes; NULL value when there is nothing to say or it is faulty. */
static lth_err map_item(keyed *out, map_run *run, const lth_field *list, const lth_map_item *item)
{
    shape s = shape_of_item(list);
    lth_value *values = lth_arena_alloc(run->arena, list->n_items * sizeof *values);
    if (values == NULL) {
        return LTH_E_NOMEM;
    }
    memset(values, 0, list->n_items * sizeof *values);
    uint32_t before = run->out->findings.errors;
    bool says;
    if (read_item(values, run, list, item, out->number, &says) != LTH_OK) {
        return LTH_E_NOMEM;
    }
    if (says && run->out->findings.errors == before) {
        check_required(run, list, item, out->number, values);
    }
    if (!says || run->out->findings.errors != before) {
        return LTH_OK;
    }
    for (uint32_t i = 0; i < list->n_items; i++) {
        if (list->items[i].number == list->key_item) {
            out->key = values[i];
        }
    }
    size_t n = lth_schema__run_size(&s, values);
    uint8_t *p = lth_arena_alloc(run->arena, n);
    if (p == NULL) {
        return LTH_E_NOMEM;
    }
    lth_schema__run_put(p, &s, values);
    out->item = (lth_value){.kind = LTH_VALUE_BYTES, .text = lth_slice_of(p, n)};
    return LTH_OK;
}

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
static lth_err join_items(lth_value *out, map_run *run, const lth_field *list, const keyed *items,
                          uint32_t n)
{
    uint64_t tag = (uint64_t)list->number << 3 | WIRE_BYTES;
    size_t size = 0;
    for (uint32_t i = 0; i < n; i++) {
        size_t item = items[i].item.text.n;
        size += lth_schema__varint_size(tag) + lth_schema__varint_size(item) + item;
    }
    uint8_t *start = lth_arena_alloc(run->arena, size);
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

lth_err lth_schema__map_list(lth_value *out, map_run *run, const lth_map_field *map)
{
    const lth_field *list = map->field;
    *out = (lth_value){.kind = LTH_VALUE_NULL};
    keyed *items = lth_arena_alloc(run->arena, map->n_items * sizeof *items);
    if (items == NULL) {
        return LTH_E_NOMEM;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < map->n_items; i++) {
        keyed one = {.number = i + 1};
        if (map_item(&one, run, list, &map->items[i]) != LTH_OK) {
            return LTH_E_NOMEM;
        }
        if (one.item.kind == LTH_VALUE_NULL) {
            continue;
        }
        if (n < list->max && insert(items, n, &one)) {
            n++;
        } else {
            const lth_map_field none = {.column = -1};
            const lth_map_field *key = find_source(&map->items[i], list->key_item);
            lth_schema__map_fault(run, LTH_REFUSE_bad_value, list, i + 1,
                                  key != NULL ? key : &none);
        }
    }
    return n == 0 ? LTH_OK : join_items(out, run, list, items, n);
}
