#include "internal.h"

/* A varint in its shortest form that fits 64 bits. */
static bool get_varint(uint64_t *out, const uint8_t **at, const uint8_t *end)
{
    const uint8_t *p = *at;
    uint64_t v = 0;
    for (unsigned shift = 0; p < end && shift < 64; shift += 7) {
        uint8_t byte = *p++;
        if (shift == 63 && byte > 1) {
            return false;
        }
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = v;
            *at = p;
            return byte != 0 || shift == 0;
        }
    }
    return false;
}

/* Most varints are one byte. */
static inline bool next_varint(uint64_t *out, const uint8_t **at, const uint8_t *end)
{
    if (*at < end && **at < 0x80) {
        *out = *(*at)++;
        return true;
    }
    return get_varint(out, at, end);
}

bool lth_schema__token(token *out, const uint8_t **at, const uint8_t *end)
{
    uint64_t tag = 0;
    if (!next_varint(&tag, at, end) || tag > UINT32_MAX) {
        return false;
    }
    *out = (token){.number = (uint32_t)(tag >> 3), .wire = (uint32_t)(tag & 7)};
    if (!next_varint(&out->varint, at, end)) {
        return false;
    }
    if (out->wire == WIRE_BYTES) {
        if (out->varint > (uint64_t)(end - *at)) {
            return false;
        }
        out->bytes = lth_slice_of(*at, (size_t)out->varint);
        *at += out->bytes.n;
        return true;
    }
    return out->wire == WIRE_VARINT;
}

const lth_field *lth_schema__shape_find(const shape *s, uint32_t number)
{
    for (uint32_t i = 0; i < s->n && shape_at(s, i)->number <= number; i++) {
        if (shape_at(s, i)->number == number) {
            return shape_at(s, i);
        }
    }
    return NULL;
}

uint32_t lth_schema__wire_of(lth_type type)
{
    switch (type) {
    case LTH_TYPE_INTEGER:
    case LTH_TYPE_DECIMAL:
    case LTH_TYPE_BOOL:
    case LTH_TYPE_DATE:
        return WIRE_VARINT;
    default:
        return WIRE_BYTES;
    }
}

lth_value lth_schema__value_of(const lth_field *field, const token *t)
{
    switch (field->type) {
    case LTH_TYPE_INTEGER:
    case LTH_TYPE_DECIMAL:
        return (lth_value){.kind = LTH_VALUE_INT,
                           .number = (int64_t)(t->varint >> 1 ^ (0 - (t->varint & 1)))};
    case LTH_TYPE_BOOL:
    case LTH_TYPE_DATE:
        return (lth_value){.kind = LTH_VALUE_INT,
                           .number = t->varint > INT64_MAX ? INT64_MAX : (int64_t)t->varint};
    case LTH_TYPE_TEXT:
    case LTH_TYPE_CODE:
        return (lth_value){.kind = LTH_VALUE_TEXT, .text = t->bytes};
    default:
        return (lth_value){.kind = LTH_VALUE_BYTES, .text = t->bytes};
    }
}

int lth_schema__value_compare(const lth_value *a, const lth_value *b)
{
    if (a->kind == LTH_VALUE_INT) {
        return (a->number > b->number) - (a->number < b->number);
    }
    return lth_slice_compare(a->text, b->text);
}

static bool run_next(const shape *s, lth_slice bytes, size_t *at, const lth_field **field,
                     lth_value *value)
{
    if (*at >= bytes.n) {
        return false;
    }
    const uint8_t *p = bytes.p + *at;
    token t;
    if (!lth_schema__token(&t, &p, bytes.p + bytes.n)) {
        return false;
    }
    *field = lth_schema__shape_find(s, t.number);
    if (*field == NULL || lth_schema__wire_of((*field)->type) != t.wire) {
        return false;
    }
    *value = lth_schema__value_of(*field, &t);
    *at = (size_t)(p - bytes.p);
    return true;
}

bool lth_group_next(const lth_group *group, lth_slice bytes, size_t *at, const lth_field **field,
                    lth_value *value)
{
    shape s = shape_of_group(group);
    return run_next(&s, bytes, at, field, value);
}

bool lth_item_next(const lth_field *list, lth_slice item, size_t *at, const lth_field **field,
                   lth_value *value)
{
    shape s = shape_of_item(list);
    return run_next(&s, item, at, field, value);
}

bool lth_schema__run_item(lth_slice run, size_t *at, lth_slice *item)
{
    if (*at >= run.n) {
        return false;
    }
    const uint8_t *p = run.p + *at;
    token t;
    if (!lth_schema__token(&t, &p, run.p + run.n) || t.wire != WIRE_BYTES) {
        return false;
    }
    *item = t.bytes;
    *at = (size_t)(p - run.p);
    return true;
}

void lth_schema__item_values(const lth_field *list, lth_slice item, lth_value *values)
{
    const uint8_t *p = item.p;
    const uint8_t *end = p + item.n;
    uint32_t next = 0;
    token t;
    while (p < end && lth_schema__token(&t, &p, end)) {
        for (; next < list->n_items && list->items[next].number < t.number; next++) {
            values[next].kind = LTH_VALUE_NULL;
        }
        if (next == list->n_items) {
            return;
        }
        values[next] = lth_schema__value_of(&list->items[next], &t);
        next++;
    }
    for (; next < list->n_items; next++) {
        values[next].kind = LTH_VALUE_NULL;
    }
}
