#include "internal.h"

#define MEDIA_TYPE_MAX    100u
#define DOCUMENT_DATA_MAX (200u * 1024u)

/* Walk over field occurrences that must come in ascending order, singular ones once. */
typedef struct walk {
    const shape *shape;
    const uint8_t *p, *end;
    uint32_t next;  /* First field not yet passed. */
    bool in_list;   /* The field at `next` is a list that has begun. */
    bool malformed; /* Not canonical: `number` says where. */
    uint32_t number;
    uint16_t missing; /* First required field without a value. */
} walk;

static walk walk_of(const shape *s, lth_slice bytes)
{
    return (walk){.shape = s, .p = bytes.p, .end = bytes.p + bytes.n};
}

/* Leave fields below @p number behind. */
static void walk_pass(walk *w, uint32_t number)
{
    for (; w->next < w->shape->n && shape_at(w->shape, w->next)->number < number; w->next++) {
        const lth_field *field = shape_at(w->shape, w->next);
        if (field->required && !w->in_list && w->missing == 0) {
            w->missing = field->number;
        }
        w->in_list = false;
    }
}

static bool walk_next(walk *w, const lth_field **field, lth_value *value)
{
    if (w->p == w->end) {
        walk_pass(w, UINT32_MAX);
        return false;
    }
    token t;
    w->malformed = true;
    if (!lth_schema__token(&t, &w->p, w->end)) {
        return false;
    }
    w->number = t.number;
    walk_pass(w, t.number);
    if (w->next == w->shape->n) {
        return false;
    }
    *field = shape_at(w->shape, w->next);
    if ((*field)->number != t.number || lth_schema__wire_of((*field)->type) != t.wire) {
        return false;
    }
    w->in_list = (*field)->type == LTH_TYPE_LIST;
    w->next += w->in_list ? 0 : 1;
    w->malformed = false;
    *value = lth_schema__value_of(*field, &t);
    return true;
}

static lth_refusal check_text(const lth_field *field, lth_slice text)
{
    uint32_t chars = 0;
    if (text.n == 0) {
        return LTH_REFUSE_bad_group;
    }
    lth_refusal code = lth_schema__text_check(text, &chars);
    return code == LTH_REFUSE_none && chars > field->max ? LTH_REFUSE_bad_value : code;
}

static lth_refusal check_number(const lth_field *field, int64_t number)
{
    bool low = field->has_min && number < field->min;
    bool high = field->has_max_value && number > field->max_value;
    if (field->type == LTH_TYPE_DECIMAL) {
        int64_t limit = 1;
        for (uint8_t i = 0; i < field->digits; i++) {
            limit *= 10;
        }
        high = high || number >= limit;
        low = low || number <= -limit;
    }
    return low || high ? LTH_REFUSE_bad_value : LTH_REFUSE_none;
}

/* {1: media type, 2: SHA-256, 3: bytes, optional} */
static lth_refusal check_document(lth_slice bytes)
{
    const uint8_t *p = bytes.p;
    const uint8_t *end = p + bytes.n;
    token t[3];
    uint32_t n = 0;
    for (; n < 3 && p < end; n++) {
        if (!lth_schema__token(&t[n], &p, end) || t[n].number != n + 1 || t[n].wire != WIRE_BYTES) {
            return LTH_REFUSE_bad_group;
        }
    }
    if (p < end || n < 2 || t[1].bytes.n != LTH_HASH_SIZE) {
        return LTH_REFUSE_bad_group;
    }
    static const lth_field media_type = {.type = LTH_TYPE_TEXT, .max = MEDIA_TYPE_MAX};
    bool long_data = n == 3 && t[2].bytes.n > DOCUMENT_DATA_MAX;
    return long_data ? LTH_REFUSE_bad_value : check_text(&media_type, t[0].bytes);
}

lth_refusal lth_schema__value_check(const lth_field *field, const lth_value *value)
{
    switch (field->type) {
    case LTH_TYPE_TEXT:
    case LTH_TYPE_CODE:
        return check_text(field, value->text);
    case LTH_TYPE_INTEGER:
    case LTH_TYPE_DECIMAL:
        return check_number(field, value->number);
    case LTH_TYPE_BOOL:
        return value->number > 1 ? LTH_REFUSE_bad_group : LTH_REFUSE_none;
    case LTH_TYPE_DATE:
        return lth_schema__date_ok(field, value->number) ? LTH_REFUSE_none : LTH_REFUSE_bad_value;
    case LTH_TYPE_DOCUMENT:
        return check_document(value->text);
    default:
        return LTH_REFUSE_bad_group;
    }
}

/* The first bad value or missing field counts, but a malformed run above all. */
static lth_refusal worse(lth_refusal found, lth_refusal next)
{
    return found == LTH_REFUSE_none || next == LTH_REFUSE_bad_group ? next : found;
}

/* One item of a list; @p key receives its key (NULL when it has none). */
static lth_refusal check_item(const lth_field *list, lth_slice bytes, lth_value *key)
{
    shape s = shape_of_item(list);
    walk w = walk_of(&s, bytes);
    lth_refusal found = LTH_REFUSE_none;
    const lth_field *field = NULL;
    lth_value value;
    *key = (lth_value){.kind = LTH_VALUE_NULL};
    while (walk_next(&w, &field, &value)) {
        found = worse(found, lth_schema__value_check(field, &value));
        if (field->number == list->key_item) {
            *key = value;
        }
    }
    if (w.malformed) {
        return LTH_REFUSE_bad_group;
    }
    bool missing = w.missing != 0 || key->kind == LTH_VALUE_NULL;
    return found == LTH_REFUSE_none && missing ? LTH_REFUSE_missing_required : found;
}

/* Where a list stands while its items come by. */
typedef struct list_state {
    uint16_t number;
    uint32_t n;
    lth_value key;
} list_state;

static lth_refusal check_list(list_state *state, const lth_field *list, lth_slice item)
{
    lth_value key;
    lth_refusal code = check_item(list, item, &key);
    bool same = state->number == list->number;
    if (code == LTH_REFUSE_none && same && state->key.kind != LTH_VALUE_NULL &&
        lth_schema__value_compare(&state->key, &key) >= 0) {
        return LTH_REFUSE_bad_group;
    }
    *state = (list_state){.number = list->number, .n = same ? state->n + 1 : 1, .key = key};
    return code == LTH_REFUSE_none && state->n > list->max ? LTH_REFUSE_bad_value : code;
}

lth_refusal lth_group_check(const lth_group *group, lth_slice bytes, uint16_t *at)
{
    shape s = shape_of_group(group);
    walk w = walk_of(&s, bytes);
    list_state list = {.number = 0};
    lth_refusal found = LTH_REFUSE_none;
    uint16_t found_at = 0;
    const lth_field *field = NULL;
    lth_value value;
    while (walk_next(&w, &field, &value)) {
        lth_refusal code = field->type == LTH_TYPE_LIST ? check_list(&list, field, value.text)
                                                        : lth_schema__value_check(field, &value);
        if (found != worse(found, code)) {
            found = code;
            found_at = field->number;
        }
    }
    if (w.malformed) {
        found = LTH_REFUSE_bad_group;
        found_at = w.number <= UINT16_MAX ? (uint16_t)w.number : 0;
    } else if (found == LTH_REFUSE_none && w.missing != 0) {
        found = LTH_REFUSE_missing_required;
        found_at = w.missing;
    }
    if (at != NULL) {
        *at = found_at;
    }
    return found;
}
