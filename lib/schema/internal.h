/**
 * @file lib/schema/internal.h
 * Shared inside lth_schema: text checks, wire tokens, values.
 */
#pragma once

#include "lth/schema.h"

/* ---- text.c ---- */

/** Strict UTF-8, NFC and control characters. No allocation.
 * @param chars  Receives the number of code points.
 * @return none; bad_group (not UTF-8, not NFC); bad_value (control characters). */
lth_refusal lth_schema__text_check(lth_slice text, uint32_t *chars);
/** Next character of text that has been checked; advances *at, which is before @p end. */
int32_t lth_schema__text_decode(const uint8_t **at, const uint8_t *end);
/** Characters of text that has been checked. */
size_t lth_schema__text_chars(lth_slice text);
/** HTML entities, trim, CR LF to LF, NFC. @p out points into @p in or @p scratch.
 * @return LTH_OK, LTH_E_FORMAT (not UTF-8, too long), LTH_E_NOMEM. */
lth_err lth_schema__text_clean(lth_slice *out, lth_slice in, lth_arena *scratch);
/** Are two short texts equal without regard to case? */
bool lth_schema__text_same(lth_slice text, const char *word);

/* ---- codelist.c ---- */

bool lth_schema__in_force(const lth_code *code, uint32_t on);

/* ---- fold.c ---- */

#define TITLE_FOLD_MAX 512u
/** A title without what people write differently; its size, 0 when there is nothing. Text over 256
 * characters is nothing. */
size_t lth_schema__title_fold(uint8_t out[TITLE_FOLD_MAX], lth_slice text);

/* ---- entity.c ---- */

/** HTML entities as their characters; what is none stays. LTH_OK, LTH_E_NOMEM. */
lth_err lth_schema__entities(lth_slice *text, lth_arena *scratch);

/* ---- wire.c ---- */

/** Fields that a run of bytes may carry: those of a group, or of one list item. */
typedef struct shape {
    const lth_field *const *pointers; /**< Group, else NULL. */
    const lth_field *items;
    uint32_t n;
} shape;

static inline shape shape_of_group(const lth_group *group)
{
    return (shape){.pointers = group->fields, .n = group->n_fields};
}
static inline shape shape_of_item(const lth_field *list)
{
    return (shape){.items = list->items, .n = list->n_items};
}
static inline const lth_field *shape_at(const shape *s, uint32_t i)
{
    return s->pointers != NULL ? s->pointers[i] : &s->items[i];
}
/** Field of that number, or NULL. */
const lth_field *lth_schema__shape_find(const shape *s, uint32_t number);

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

/** One protobuf field occurrence. */
typedef struct token {
    uint32_t number, wire;
    uint64_t varint;
    lth_slice bytes;
} token;

/** Next occurrence; advances *p. False if truncated, not minimal or of another wire type. */
bool lth_schema__token(token *out, const uint8_t **p, const uint8_t *end);
uint32_t lth_schema__wire_of(lth_type type);
lth_value lth_schema__value_of(const lth_field *field, const token *t);
/** Next item of a list's run; @p at starts at 0. */
bool lth_schema__run_item(lth_slice run, size_t *at, lth_slice *item);
/** All fields of an item; @p values has list->n_items entries. */
void lth_schema__item_values(const lth_field *list, lth_slice item, lth_value *values);
/** <0, 0, >0 by the value; both of one field, neither NULL. */
int lth_schema__value_compare(const lth_value *a, const lth_value *b);

/* ---- schema.c ---- */

/** Field of that number in the dataset, or NULL (0 is none). */
const lth_field *lth_schema__field_number(const lth_dataset *ds, uint16_t number);

/* ---- rules.c ---- */

/** Is there anything to judge beyond the form: rules, or fields with known code lists? */
bool lth_schema__has_rules(const lth_dataset *ds);
/** The day that codes are judged at; 0 when the field that dates the record is withheld. */
uint32_t lth_schema__code_day(const lth_row_values *row);

/* ---- encode.c ---- */

size_t lth_schema__value_size(const lth_field *field, const lth_value *value);
/** Returns behind the last byte written. */
uint8_t *lth_schema__value_put(uint8_t *p, const lth_field *field, const lth_value *value);
uint8_t *lth_schema__varint_put(uint8_t *p, uint64_t v);
size_t lth_schema__varint_size(uint64_t v);
size_t lth_schema__run_size(const shape *s, const lth_value *values);
void lth_schema__run_put(uint8_t *p, const shape *s, const lth_value *values);

/* ---- check.c, date.c, value.c ---- */

/** Range of one value of a scalar field (text already split off the wire). none, bad_group (not
 * canonical), bad_value. */
lth_refusal lth_schema__value_check(const lth_field *field, const lth_value *value);
/** Is it a day, month or year that exists and that the field allows? */
bool lth_schema__date_ok(const lth_field *field, int64_t date);
bool lth_schema__date_parse(int64_t *out, lth_slice text, const char *as);
/** Is it written as a day, whether there is such a day or not? */
bool lth_schema__date_like(lth_slice text);
/** d/m/yyyy, m/yyyy, yyyy: as people write what a value says. */
lth_err lth_schema__add_date(lth_buf *out, int64_t date);
/** Digits with a sign and a point or comma; at most 18 digits. */
bool lth_schema__number_read(int64_t *out, uint8_t *scale, lth_slice text);
/** Text as `as` wants it before it is read; may point into @p scratch. LTH_OK, LTH_E_NOMEM. */
lth_err lth_schema__value_shape(lth_slice *text, const lth_field *field, const char *as,
                                lth_arena *scratch);
/** lth_value_parse of text that is already clean, shaped and not empty. */
lth_refusal lth_schema__value_read(lth_value *out, const lth_field *field, lth_slice text,
                                   const char *as);
