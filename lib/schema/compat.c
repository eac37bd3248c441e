#include "internal.h"

/* A thing that may not change, with why, for people. */
typedef struct change {
    const char *vi, *en;
} change;

static lth_err refuse(lth_diag *diag, const char *vi, const char *en, const char *name,
                      const change *why)
{
    return lth_fail(diag, LTH_E_CONFIG, "%s \"%s\" %s / %s \"%s\" %s", vi, name, why->vi, en, name,
                    why->en);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_number(const lth_field *field)
{
    return field->type == LTH_TYPE_INTEGER || field->type == LTH_TYPE_DECIMAL;
}

static bool has_size(const lth_field *field)
{
    return field->type == LTH_TYPE_TEXT || field->type == LTH_TYPE_CODE ||
           field->type == LTH_TYPE_LIST;
}

static bool narrower(const lth_field *older, const lth_field *newer)
{
    bool size = has_size(newer) && newer->max < older->max;
    bool digits = newer->digits < older->digits;
    bool low = newer->has_min && (!older->has_min || newer->min > older->min);
    bool high =
        newer->has_max_value && (!older->has_max_value || newer->max_value < older->max_value);
    bool precision = (older->precision & ~newer->precision) != 0;
    return size || precision || (is_number(newer) && (digits || low || high));
}

/* Why a value that was good under @p older may not be one under @p newer; NULL: it is, and says
 * the same. */
static const change *field_change(const lth_field *older, const lth_field *newer)
{
    static const change group = {"đã chuyển sang nhóm khác", "moved to another group"};
    static const change type = {"đã đổi kiểu", "has another type"};
    static const change scale = {"đã đổi số chữ số sau dấu phẩy",
                                 "has another number of digits behind the point"};
    static const change list = {"đã đổi danh mục", "has another code list"};
    static const change key = {"đã đổi trường khoá của mục", "has another key of its items"};
    static const change required = {"trước không bắt buộc, nay bắt buộc",
                                    "was optional and is required now"};
    static const change narrow = {"nhận ít giá trị hơn trước", "takes fewer values than before"};
    const struct {
        bool changed;
        const change *why;
    } checks[] = {
        {older->group != newer->group, &group},
        {older->type != newer->type, &type},
        {older->scale != newer->scale, &scale},
        {!same_text(older->list, newer->list), &list},
        {older->key_item != newer->key_item, &key},
        {newer->required && !older->required, &required},
        {narrower(older, newer), &narrow},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (checks[i].changed) {
            return checks[i].why;
        }
    }
    return NULL;
}

typedef struct fields {
    const lth_field *p;
    uint32_t n;
} fields;

static const lth_field *find(const fields *in, uint16_t number)
{
    for (uint32_t i = 0; i < in->n; i++) {
        if (in->p[i].number == number) {
            return &in->p[i];
        }
    }
    return NULL;
}

static lth_err compare_fields(const fields *older, const fields *newer, lth_diag *diag)
{
    static const change gone = {"đã mất: số hiệu của nó không được bỏ",
                                "is gone: its number stays"};
    static const change must = {"mới và bắt buộc: bản ghi cũ không có",
                                "is new and required: older records lack it"};
    for (uint32_t i = 0; i < older->n; i++) {
        const lth_field *before = &older->p[i];
        const lth_field *after = find(newer, before->number);
        const change *why = after == NULL ? &gone : field_change(before, after);
        if (why != NULL) {
            return refuse(diag, "trường", "field", before->name, why);
        }
        fields old_items = {before->items, before->n_items};
        fields new_items = {after->items, after->n_items};
        lth_err err = compare_fields(&old_items, &new_items, diag);
        if (err != LTH_OK) {
            return err;
        }
    }
    for (uint32_t i = 0; i < newer->n; i++) {
        if (newer->p[i].required && find(older, newer->p[i].number) == NULL) {
            return refuse(diag, "trường", "field", newer->p[i].name, &must);
        }
    }
    return LTH_OK;
}

static const change *group_change(const lth_group *older, const lth_group *newer)
{
    static const change owner = {"đã đổi người viết", "is written by somebody else"};
    static const change open = {"đã bớt bảo vệ: không còn là dữ liệu cá nhân hoặc nhạy cảm",
                                "is less protected: no longer personal or sensitive"};
    if (!same_text(older->owner_kind, newer->owner_kind) ||
        older->owner_parent != newer->owner_parent) {
        return &owner;
    }
    bool less = (older->personal && !newer->personal) || (older->sensitive && !newer->sensitive);
    return less ? &open : NULL;
}

static lth_err compare_groups(const lth_dataset *older, const lth_dataset *newer, lth_diag *diag)
{
    static const change gone = {"đã mất: số hiệu của nó không được bỏ",
                                "is gone: its number stays"};
    for (uint32_t i = 0; i < older->n_groups; i++) {
        const lth_group *before = &older->groups[i];
        const lth_group *after = lth_dataset_group(newer, before->number);
        const change *why = after == NULL ? &gone : group_change(before, after);
        if (why != NULL) {
            return refuse(diag, "nhóm", "group", before->name, why);
        }
    }
    return LTH_OK;
}

/* The natural group holds exactly the natural-key fields: the same fields, none more. */
static bool same_natural(const lth_dataset *older, const lth_dataset *newer)
{
    const lth_group *before = lth_dataset_group(older, older->natural_group);
    const lth_group *after = lth_dataset_group(newer, newer->natural_group);
    if (before == NULL || after == NULL) {
        return before == after;
    }
    bool same = older->natural_group == newer->natural_group && before->n_fields == after->n_fields;
    for (uint32_t i = 0; i < before->n_fields && same; i++) {
        same = before->fields[i]->number == after->fields[i]->number;
    }
    return same;
}

lth_err lth_dataset_compatible(const lth_dataset *older, const lth_dataset *newer, lth_diag *diag)
{
    static const change number = {"đã đổi số hiệu", "has another number"};
    static const change name = {"đã đổi tên", "has another name"};
    static const change version = {"có version thấp hơn bản cũ",
                                   "has a version below the older one"};
    static const change key = {"đã đổi khoá tự nhiên", "has another natural key"};
    const struct {
        bool changed;
        const change *why;
    } checks[] = {
        {older->number != newer->number, &number},
        {!same_text(older->name, newer->name), &name},
        {newer->version < older->version, &version},
        {!same_natural(older, newer), &key},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (checks[i].changed) {
            return refuse(diag, "tập dữ liệu", "dataset", older->name, checks[i].why);
        }
    }
    fields before = {older->fields, older->n_fields};
    fields after = {newer->fields, newer->n_fields};
    lth_err err = compare_groups(older, newer, diag);
    return err != LTH_OK ? err : compare_fields(&before, &after, diag);
}
