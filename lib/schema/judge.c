#include "internal.h"

static bool may_write(const lth_group *group, const char *author_kind)
{
    if (author_kind == NULL || group->owner_kind == NULL) {
        return author_kind == NULL && group->owner_kind == NULL;
    }
    return strcmp(author_kind, group->owner_kind) == 0;
}

static const lth_group_view *find_view(const lth_record_view *record, uint16_t number)
{
    for (uint32_t i = 0; i < record->n_groups; i++) {
        if (record->groups[i].number == number) {
            return &record->groups[i];
        }
    }
    return NULL;
}

/* A re-key is a new state of the same record under another local key. */
static bool is_state(uint8_t op)
{
    return op == LTH_OP_STATE || op == LTH_OP_REKEY;
}

/* A group whose fields are all optional may be left out: an author who does not know it yet writes
 * nothing of it. */
static bool may_lack(const lth_group *group)
{
    for (uint32_t i = 0; i < group->n_fields; i++) {
        if (group->fields[i]->required) {
            return false;
        }
    }
    return true;
}

/* Are the shown groups known and the author's own; and, unless some are withheld, all that have
 * required fields there? */
static lth_refusal judge_set(const lth_dataset *ds, const lth_record_view *record,
                             const char *author_kind, uint16_t *group)
{
    bool withheld = false;
    for (uint32_t i = 0; i < record->n_groups; i++) {
        const lth_group_view *view = &record->groups[i];
        withheld = withheld || !view->shown;
        const lth_group *known = lth_dataset_group(ds, view->number);
        if (view->shown && (known == NULL || !may_write(known, author_kind))) {
            *group = view->number;
            return known == NULL ? LTH_REFUSE_bad_group : LTH_REFUSE_bad_author;
        }
    }
    for (uint32_t i = 0; i < ds->n_groups && !withheld && is_state(record->header.op); i++) {
        const lth_group *own = &ds->groups[i];
        if (may_write(own, author_kind) && !may_lack(own) &&
            find_view(record, own->number) == NULL) {
            *group = own->number;
            return LTH_REFUSE_bad_group;
        }
    }
    return LTH_REFUSE_none;
}

/* A record exists as its owner says, so only the owner ends it, and names what ends. */
static lth_refusal judge_deletion(const lth_dataset *ds, const lth_record_view *record,
                                  const char *author_kind, uint16_t *group)
{
    if (author_kind != NULL) {
        return LTH_REFUSE_bad_author;
    }
    if (find_view(record, ds->natural_group) == NULL) {
        *group = ds->natural_group;
        return LTH_REFUSE_bad_group;
    }
    return LTH_REFUSE_none;
}

static void add(lth_findings *out, lth_refusal code, uint16_t group, uint16_t field)
{
    lth_finding finding = {
        .code = code, .severity = LTH_SEVERITY_ERROR, .group = group, .field = field, .column = -1};
    lth_findings_add(out, &finding);
}

/* The first fault of every shown group. */
static void judge_bytes(const lth_dataset *ds, const lth_record_view *record, lth_findings *out)
{
    for (uint32_t i = 0; i < record->n_groups; i++) {
        const lth_group_view *view = &record->groups[i];
        uint16_t field = 0;
        lth_refusal code =
            view->shown ? lth_group_check(lth_dataset_group(ds, view->number), view->value, &field)
                        : LTH_REFUSE_none;
        /* The row that ends may never have had a sound natural key. */
        bool ends = code == LTH_REFUSE_missing_required && record->header.op == LTH_OP_DELETE;
        if (code != LTH_REFUSE_none && !ends) {
            add(out, code, view->number, field);
        }
    }
}

static void judge_values(const lth_schema *schema, const lth_dataset *ds,
                         const lth_record_view *record, lth_findings *out)
{
    lth_value values[LTH_FIELDS_MAX];
    uint64_t shown[LTH_FIELDS_MAX / 64];
    lth_row_values row = {.ds = ds,
                          .values = values,
                          .shown = shown,
                          .today = record->header.src_commit_time_ms != 0
                                       ? lth_day_of(record->header.src_commit_time_ms)
                                       : 0};
    lth_row_values_read(ds, record, values, shown);
    lth_rules_judge(schema, &row, out);
}

/* What stops a record before its values are looked at. */
static lth_refusal judge_form(const lth_dataset *ds, const lth_record_view *record,
                              const char *author_kind, uint16_t *group)
{
    uint8_t op = record->header.op;
    if (op == LTH_OP_RANGE) {
        return author_kind == NULL ? LTH_REFUSE_none : LTH_REFUSE_bad_author;
    }
    bool foreign_rekey = op == LTH_OP_REKEY && author_kind != NULL;
    if ((!is_state(op) && op != LTH_OP_DELETE) || foreign_rekey) {
        return LTH_REFUSE_bad_op;
    }
    lth_refusal code =
        op == LTH_OP_DELETE ? judge_deletion(ds, record, author_kind, group) : LTH_REFUSE_none;
    return code != LTH_REFUSE_none ? code : judge_set(ds, record, author_kind, group);
}

static lth_refusal first_error(const lth_findings *found)
{
    for (uint32_t i = 0; i < found->n; i++) {
        if (found->items[i].severity == LTH_SEVERITY_ERROR) {
            return found->items[i].code;
        }
    }
    return LTH_REFUSE_none;
}

lth_refusal lth_record_judge(const lth_schema *schema, const lth_record_view *record,
                             const char *author_kind, lth_findings *out)
{
    out->n = out->more = out->errors = 0;
    if (record->form == LTH_FORM_LEAF) {
        return LTH_REFUSE_none;
    }
    const lth_dataset *ds = lth_schema_find(schema, record->header.dataset);
    uint16_t group = 0;
    lth_refusal code =
        ds == NULL ? LTH_REFUSE_await_definition : judge_form(ds, record, author_kind, &group);
    if (code != LTH_REFUSE_none || record->header.op == LTH_OP_RANGE) {
        if (code != LTH_REFUSE_none) {
            add(out, code, group, 0);
        }
        return code;
    }
    judge_bytes(ds, record, out);
    if (out->errors == 0 && is_state(record->header.op) && lth_schema__has_rules(ds)) {
        judge_values(schema, ds, record, out);
    }
    code = first_error(out);
    bool invalid = (record->header.flags & LTH_RECORD_INVALID) != 0;
    if (!invalid || code == LTH_REFUSE_bad_group) {
        return code;
    }
    if (code == LTH_REFUSE_none) {
        add(out, LTH_REFUSE_invalid_at_source, 0, 0);
    }
    return LTH_REFUSE_invalid_at_source;
}
