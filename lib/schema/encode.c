#include "internal.h"

size_t lth_schema__varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7) {
        n++;
    }
    return n;
}

uint8_t *lth_schema__varint_put(uint8_t *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) {
        *p++ = (uint8_t)(v | 0x80);
    }
    *p++ = (uint8_t)v;
    return p;
}

static uint64_t tag_of(const lth_field *field)
{
    return (uint64_t)field->number << 3 | lth_schema__wire_of(field->type);
}

static uint64_t varint_of(const lth_field *field, int64_t number)
{
    uint64_t v = (uint64_t)number;
    bool zigzag = field->type == LTH_TYPE_INTEGER || field->type == LTH_TYPE_DECIMAL;
    return zigzag ? v << 1 ^ (0 - (v >> 63)) : v;
}

size_t lth_schema__value_size(const lth_field *field, const lth_value *value)
{
    if (value->kind == LTH_VALUE_NULL) {
        return 0;
    }
    if (field->type == LTH_TYPE_LIST) {
        return value->text.n;
    }
    size_t tag = lth_schema__varint_size(tag_of(field));
    if (value->kind == LTH_VALUE_INT) {
        return tag + lth_schema__varint_size(varint_of(field, value->number));
    }
    return tag + lth_schema__varint_size(value->text.n) + value->text.n;
}

uint8_t *lth_schema__value_put(uint8_t *p, const lth_field *field, const lth_value *value)
{
    if (value->kind == LTH_VALUE_NULL) {
        return p;
    }
    if (field->type != LTH_TYPE_LIST) {
        p = lth_schema__varint_put(p, tag_of(field));
        if (value->kind == LTH_VALUE_INT) {
            return lth_schema__varint_put(p, varint_of(field, value->number));
        }
        p = lth_schema__varint_put(p, value->text.n);
    }
    if (value->text.n > 0) {
        memcpy(p, value->text.p, value->text.n);
    }
    return p + value->text.n;
}

size_t lth_schema__run_size(const shape *s, const lth_value *values)
{
    size_t n = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        n += lth_schema__value_size(shape_at(s, i), &values[i]);
    }
    return n;
}

void lth_schema__run_put(uint8_t *p, const shape *s, const lth_value *values)
{
    for (uint32_t i = 0; i < s->n; i++) {
        p = lth_schema__value_put(p, shape_at(s, i), &values[i]);
    }
}

lth_err lth_group_encode(lth_buf *out, const lth_group *group, const lth_value *values)
{
    shape s = shape_of_group(group);
    size_t n = lth_schema__run_size(&s, values);
    if (n > out->max - out->n) {
        return LTH_E_LIMIT;
    }
    uint8_t *p = lth_buf_more(out, n);
    if (p == NULL) {
        return LTH_E_NOMEM;
    }
    lth_schema__run_put(p, &s, values);
    return LTH_OK;
}
