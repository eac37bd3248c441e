#include "expr.h"

static bool is_shown(const lth_row_values *row, size_t index)
{
    return row->shown == NULL || (row->shown[index / 64] >> index % 64 & 1) != 0;
}

static bool all_shown(const lth_row_values *row, const uint64_t *fields)
{
    size_t words = (row->ds->n_fields + 63u) / 64u;
    for (size_t i = 0; row->shown != NULL && i < words; i++) {
        if ((fields[i] & ~row->shown[i]) != 0) {
            return false;
        }
    }
    return true;
}

uint32_t lth_schema__code_day(const lth_row_values *row)
{
    const lth_field *dated = lth_schema__field_number(row->ds, row->ds->dated_by);
    if (dated == NULL) {
        return row->today;
    }
    size_t index = (size_t)(dated - row->ds->fields);
    if (!is_shown(row, index)) {
        return 0;
    }
    const lth_value *value = &row->values[index];
    return value->kind == LTH_VALUE_INT ? (uint32_t)value->number : row->today;
}

/* ---- codes ---- */

/* A code whose day is not known here can still be unknown. */
static void judge_code(const lth_field *field, const lth_value *value, uint32_t day, lth_finding at,
                       lth_findings *out)
{
    if (field->codes == NULL || value->kind != LTH_VALUE_TEXT) {
        return;
    }
    lth_code_state state = lth_codelist_find(field->codes, value->text, day, NULL);
    if (state == LTH_CODE_IN_FORCE || (state == LTH_CODE_NOT_IN_FORCE && day == 0)) {
        return;
    }
    bool unknown = state == LTH_CODE_UNKNOWN;
    at.code = unknown ? LTH_REFUSE_unknown_code : LTH_REFUSE_code_not_in_force;
    at.severity = unknown ? LTH_SEVERITY_ERROR : LTH_SEVERITY_WARNING;
    lth_findings_add(out, &at);
}

static void judge_items(const lth_field *list, const lth_value *value, uint32_t day, lth_finding at,
                        lth_findings *out)
{
    bool coded = false;
    for (uint32_t i = 0; i < list->n_items; i++) {
        coded = coded || list->items[i].codes != NULL;
    }
    lth_slice item;
    size_t from = 0;
    if (!coded || value->kind == LTH_VALUE_NULL) {
        return;
    }
    while (lth_schema__run_item(value->text, &from, &item)) {
        const lth_field *field = NULL;
        lth_value part;
        at.item++;
        for (size_t k = 0; lth_item_next(list, item, &k, &field, &part);) {
            at.item_field = field->number;
            judge_code(field, &part, day, at, out);
        }
    }
}

static void judge_codes(const lth_row_values *row, lth_findings *out)
{
    const lth_dataset *ds = row->ds;
    uint32_t day = lth_schema__code_day(row);
    for (uint32_t i = 0; i < ds->n_fields; i++) {
        const lth_field *field = &ds->fields[i];
        bool list = field->type == LTH_TYPE_LIST;
        if ((!list && field->codes == NULL) || !is_shown(row, i)) {
            continue;
        }
        lth_finding at = {.group = field->group, .field = field->number, .column = -1};
        if (list) {
            judge_items(field, &row->values[i], day, at, out);
        } else {
            judge_code(field, &row->values[i], day, at, out);
        }
    }
}

/* ---- rules ---- */

static bool is_broken(const lth_rule *rule, const lth_row_values *row)
{
    if (!all_shown(row, rule->check->reads) ||
        (rule->when != NULL && !all_shown(row, rule->when->reads))) {
        return false;
    }
    return (rule->when == NULL || lth_expr_truth(rule->when, row) == LTH_TRUE) &&
           lth_expr_truth(rule->check, row) == LTH_FALSE;
}

void lth_rules_judge(const lth_schema *schema, const lth_row_values *row, lth_findings *out)
{
    (void)schema;
    judge_codes(row, out);
    for (uint32_t i = 0; i < row->ds->n_rules; i++) {
        const lth_rule *rule = &row->ds->rules[i];
        if (is_broken(rule, row)) {
            const lth_field *field = lth_schema__field_number(row->ds, rule->field);
            lth_finding finding = {.code = LTH_REFUSE_broken_rule,
                                   .severity = rule->severity,
                                   .group = field != NULL ? field->group : 0,
                                   .field = rule->field,
                                   .rule = rule->number,
                                   .column = -1};
            lth_findings_add(out, &finding);
        }
    }
}

bool lth_schema__has_rules(const lth_dataset *ds)
{
    for (uint32_t i = 0; i < ds->n_fields; i++) {
        const lth_field *field = &ds->fields[i];
        for (uint32_t k = 0; k < field->n_items; k++) {
            if (field->items[k].codes != NULL) {
                return true;
            }
        }
        if (field->codes != NULL) {
            return true;
        }
    }
    return ds->n_rules > 0;
}

const lth_rule *lth_rule_find(const lth_dataset *ds, uint16_t number)
{
    for (uint32_t i = 0; i < ds->n_rules; i++) {
        if (ds->rules[i].number == number) {
            return &ds->rules[i];
        }
    }
    return NULL;
}

const lth_reference *lth_reference_find(const lth_dataset *ds, uint16_t number)
{
    for (uint32_t i = 0; i < ds->n_references; i++) {
        if (ds->references[i].number == number) {
            return &ds->references[i];
        }
    }
    return NULL;
}

const lth_unique *lth_unique_find(const lth_dataset *ds, uint16_t number)
{
    for (uint32_t i = 0; i < ds->n_uniques; i++) {
        if (ds->uniques[i].number == number) {
            return &ds->uniques[i];
        }
    }
    return NULL;
}

/* The @p at-th of all rules, references and uniques. */
static bool about(lth_rule_about *out, const lth_dataset *ds, uint32_t at)
{
    if (at < ds->n_rules) {
        const lth_rule *rule = &ds->rules[at];
        *out = (lth_rule_about){rule->number, rule->id, rule->severity, &rule->text};
        return true;
    }
    at -= ds->n_rules;
    if (at < ds->n_references) {
        const lth_reference *one = &ds->references[at];
        *out = (lth_rule_about){one->number, one->id, one->severity, &one->text};
        return true;
    }
    at -= ds->n_references;
    if (at < ds->n_uniques) {
        const lth_unique *one = &ds->uniques[at];
        *out = (lth_rule_about){one->number, one->id, one->severity, &one->text};
        return true;
    }
    return false;
}

bool lth_rule_about_number(lth_rule_about *out, const lth_dataset *ds, uint16_t number)
{
    for (uint32_t i = 0; about(out, ds, i); i++) {
        if (out->number == number) {
            return true;
        }
    }
    return false;
}

bool lth_rule_about_id(lth_rule_about *out, const lth_dataset *ds, const char *id)
{
    for (uint32_t i = 0; about(out, ds, i); i++) {
        if (out->id != NULL && strcmp(out->id, id) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- values ---- */

bool lth_unique_takes_part(const lth_unique *unique, const lth_row_values *row)
{
    return unique->when == NULL ||
           (all_shown(row, unique->when->reads) && lth_expr_truth(unique->when, row) == LTH_TRUE);
}

lth_err lth_unique_value(lth_buf *out, const lth_unique *unique, const lth_row_values *row)
{
    lth_buf_clear(out);
    for (uint32_t i = 0; i < unique->n_fields; i++) {
        const lth_field *field = lth_schema__field_number(row->ds, unique->fields[i]);
        LTH_ASSERT(field != NULL);
        size_t index = (size_t)(field - row->ds->fields);
        const lth_value *value = &row->values[index];
        if (!is_shown(row, index) || value->kind == LTH_VALUE_NULL) {
            return LTH_E_NOT_FOUND;
        }
        size_t n = lth_schema__value_size(field, value);
        if (n > out->max - out->n) {
            return LTH_E_LIMIT;
        }
        uint8_t *p = lth_buf_more(out, n);
        if (p == NULL) {
            return LTH_E_NOMEM;
        }
        (void)lth_schema__value_put(p, field, value);
    }
    return LTH_OK;
}

lth_err lth_reference_natural(lth_buf *out, const lth_schema *schema,
                              const lth_reference *reference, const lth_row_values *row)
{
    const lth_dataset *target = lth_schema_find(schema, reference->dataset);
    const lth_group *natural =
        target != NULL ? lth_dataset_group(target, target->natural_group) : NULL;
    lth_value values[LTH_REFERENCE_FIELDS_MAX];
    lth_buf_clear(out);
    if (natural == NULL || natural->n_fields != reference->n_fields) {
        return LTH_E_NOT_FOUND;
    }
    LTH_ASSERT(reference->n_fields <= LTH_REFERENCE_FIELDS_MAX);
    for (uint32_t i = 0; i < reference->n_fields; i++) {
        const lth_field *field = lth_schema__field_number(row->ds, reference->fields[i]);
        LTH_ASSERT(field != NULL);
        size_t index = (size_t)(field - row->ds->fields);
        if (!is_shown(row, index) || row->values[index].kind == LTH_VALUE_NULL) {
            return LTH_E_NOT_FOUND;
        }
        values[i] = row->values[index];
    }
    return lth_group_encode(out, natural, values);
}

/* The values of one group, whose fields come in ascending order. */
static void read_group(const lth_dataset *ds, const lth_group *group, lth_slice bytes,
                       lth_value *values)
{
    const uint8_t *p = bytes.p;
    const uint8_t *end = p + bytes.n;
    uint32_t next = 0;
    token t;
    for (const uint8_t *start = p; p < end && lth_schema__token(&t, &p, end); start = p) {
        while (next < group->n_fields && group->fields[next]->number < t.number) {
            next++;
        }
        if (next == group->n_fields) {
            return;
        }
        const lth_field *field = group->fields[next];
        lth_value *value = &values[field - ds->fields];
        if (field->type != LTH_TYPE_LIST) {
            *value = lth_schema__value_of(field, &t);
        } else if (value->kind == LTH_VALUE_NULL) {
            *value = (lth_value){.kind = LTH_VALUE_BYTES,
                                 .text = lth_slice_of(start, (size_t)(p - start))};
        } else {
            value->text.n += (size_t)(p - start);
        }
    }
}

void lth_row_values_read(const lth_dataset *ds, const lth_record_view *record, lth_value *values,
                         uint64_t *shown)
{
    memset(values, 0, ds->n_fields * sizeof *values);
    memset(shown, 0, (ds->n_fields + 63u) / 64u * sizeof *shown);
    for (uint32_t i = 0; i < record->n_groups; i++) {
        const lth_group_view *view = &record->groups[i];
        const lth_group *group = view->shown ? lth_dataset_group(ds, view->number) : NULL;
        for (uint32_t k = 0; group != NULL && k < group->n_fields; k++) {
            size_t index = (size_t)(group->fields[k] - ds->fields);
            shown[index / 64] |= UINT64_C(1) << index % 64;
        }
        if (group != NULL) {
            read_group(ds, group, view->value, values);
        }
    }
}
