#include <stddef.h>
#include <string.h>

#include "internal.h"

typedef struct owner_texts {
    conf_text kind, parent;
} owner_texts;

static const conf_item OWNER_ITEMS[] = {
    {"kind", CONF_NAME, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, offsetof(owner_texts, kind),
     "Loại đơn vị viết nhóm này", "Kind of the organisation that writes this group"},
    {"parent", CONF_ENUM, 0, NULL, 0, 0, "administrative|professional", NULL,
     offsetof(owner_texts, parent),
     "Đơn vị đó là cấp trên theo đường nào; mặc định: đường nào cũng được",
     "By which line it stands above the record's owner; default: either"},
    {.key = NULL},
};

typedef struct group_texts {
    conf_number number, personal, sensitive;
    const conf_node *owner;
    conf_title_text title;
} group_texts;

static const conf_item GROUP_ITEMS[] = {
    {"number", CONF_COUNT, CONF_REQUIRED, NULL, 1, 65535, NULL, NULL, offsetof(group_texts, number),
     "Số hiệu nhóm, không bao giờ đổi hay dùng lại", "Group number, never changed or used again"},
    {"owner", CONF_ANY, 0, NULL, 0, 0, NULL, OWNER_ITEMS, offsetof(group_texts, owner),
     "Ai viết nhóm này: record (đơn vị giữ bản ghi, mặc định) hoặc { kind: LOẠI }",
     "Who writes this group: record (the record's owner, default) or { kind: KIND }"},
    {"personal", CONF_BOOL, 0, "false", 0, 0, NULL, NULL, offsetof(group_texts, personal),
     "Dữ liệu cá nhân", "Personal data"},
    {"sensitive", CONF_BOOL, 0, "false", 0, 0, NULL, NULL, offsetof(group_texts, sensitive),
     "Nhạy cảm: chỉ rời nút khi tuyến gọi tên nhóm này",
     "Sensitive: leaves a node only when a route names this group"},
    {"title", CONF_TABLE, 0, NULL, 0, 0, NULL, lth_conf__title_items, offsetof(group_texts, title),
     "Tên nhóm", "Title of the group"},
    {.key = NULL},
};

typedef struct dataset_texts {
    conf_text dataset;
    conf_number number, version;
    conf_title_text title;
    conf_text dated_by;
    const conf_node *natural_key, *groups, *fields, *rules, *references, *uniques;
} dataset_texts;

#define AT(member) offsetof(dataset_texts, member)

const conf_item lth_conf__dataset_items[] = {
    {"dataset", CONF_NAME, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(dataset), "Tên tập dữ liệu",
     "Name of the dataset"},
    {"number", CONF_COUNT, CONF_REQUIRED, NULL, 1, 65535, NULL, NULL, AT(number),
     "Số hiệu tập dữ liệu, không bao giờ đổi", "Number of the dataset, never changed"},
    {"version", CONF_COUNT, CONF_REQUIRED, NULL, 1, 1000000, NULL, NULL, AT(version),
     "Phiên bản của định nghĩa này", "Version of this definition"},
    {"title", CONF_TABLE, 0, NULL, 0, 0, NULL, lth_conf__title_items, AT(title), "Tên tập dữ liệu",
     "Title of the dataset"},
    {"natural_key", CONF_ANY, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(natural_key),
     "[trường, ...]: khoá tự nhiên; các trường này ở chung một nhóm riêng",
     "[field, ...]: the natural key; these fields share a group that holds nothing else"},
    {"groups", CONF_NAMED, CONF_REQUIRED, NULL, 1, LTH_GROUPS_MAX, NULL, GROUP_ITEMS, AT(groups),
     "Nhóm trường: đơn vị của quyền riêng tư, quyền viết và chữ ký",
     "Field groups: the unit of privacy, ownership and signature"},
    {"fields", CONF_NAMED, CONF_REQUIRED, NULL, 1, LTH_FIELDS_MAX, NULL, lth_conf__field_items,
     AT(fields), "Các trường", "The fields"},
    {"dated_by", CONF_NAME, 0, NULL, 0, 0, NULL, NULL, AT(dated_by),
     "Trường ngày mà mã được xét theo; mặc định: ngày bản ghi đổi tại nguồn",
     "Date field by whose day codes are judged; default: the day the record changed at its source"},
    {"rules", CONF_ITEMS, 0, NULL, 0, LTH_RULES_MAX, NULL, lth_conf__rule_items, AT(rules),
     "Quy tắc kiểm tra", "Validation rules"},
    {"references", CONF_ITEMS, 0, NULL, 0, LTH_RULES_MAX, NULL, lth_conf__reference_items,
     AT(references), "Bản ghi khác phải có; tập dữ liệu không có ở đây thì bỏ qua",
     "Other records that must exist; a dataset that is not known here is passed over"},
    {"unique", CONF_ITEMS, 0, NULL, 0, LTH_UNIQUES_MAX, NULL, lth_conf__unique_items, AT(uniques),
     "Điều hai bản ghi của một trường không được có chung; broker nhận đầu tiên xét",
     "What no two records of one school may share; the broker that takes them in judges it"},
    {"valid", CONF_ANY, CONF_LATER, NULL, 0, 0, NULL, NULL, 0,
     "Trường bắt đầu và kết thúc hiệu lực", "Fields that hold the start and end of validity"},
    {.key = NULL},
};

/* One dataset while it is read. */
typedef struct draft {
    const conf_file *file;
    lth_dataset *ds;
    lth_group *groups;
    lth_field *fields;
    const conf_node **group_keys, **field_keys;
} draft;

static void read_owner(const conf_file *file, const conf_node *owner, lth_group *out)
{
    if (owner == NULL || (owner->kind == CONF_SCALAR && strcmp(owner->text, "record") == 0)) {
        return;
    }
    if (owner->kind != CONF_MAP) {
        lth_conf__error(file, owner, "owner phải là record hoặc { kind: LOẠI }",
                        "owner must be record or { kind: KIND }");
        return;
    }
    owner_texts t = {0};
    lth_conf__read(file, owner, "owner", OWNER_ITEMS, &t);
    out->owner_kind = t.kind.s;
    if (t.parent.s != NULL) {
        bool professional = strcmp(t.parent.s, "professional") == 0;
        out->owner_parent = professional ? LTH_PARENT_PROFESSIONAL : LTH_PARENT_ADMINISTRATIVE;
    }
}

static void read_group(const conf_file *file, const conf_node *key, lth_group *out)
{
    group_texts t = {0};
    if (!lth_conf__name_ok(key->text)) {
        lth_conf__error(file, key, "tên nhóm \"%s\" chỉ gồm chữ thường a-z, chữ số và '_'",
                        "group name \"%s\" must be lower-case letters, digits and '_'", key->text);
    }
    lth_conf__read(file, key->value, key->text, GROUP_ITEMS, &t);
    *out = (lth_group){.name = lth_conf__keep_text(file->load, key->text),
                       .number = (uint16_t)t.number.v,
                       .personal = t.personal.v != 0,
                       .sensitive = t.sensitive.v != 0,
                       .title = {t.title.vi.s, t.title.en.s}};
    read_owner(file, t.owner, out);
}

/* Groups in ascending order of number. */
static void read_groups(draft *d, const conf_node *groups)
{
    uint32_t n = 0;
    for (const conf_node *key = groups->first; key != NULL; key = key->next) {
        lth_group group;
        read_group(d->file, key, &group);
        uint32_t at = n++;
        for (; at > 0 && d->groups[at - 1].number > group.number; at--) {
            d->groups[at] = d->groups[at - 1];
            d->group_keys[at] = d->group_keys[at - 1];
        }
        d->groups[at] = group;
        d->group_keys[at] = key;
        if (at > 0 && d->groups[at - 1].number == group.number && group.number != 0) {
            lth_conf__error(d->file, key, "nhóm \"%s\" trùng số hiệu %u với nhóm \"%s\"",
                            "group \"%s\" has the same number %u as group \"%s\"", group.name,
                            (unsigned)group.number, d->groups[at - 1].name);
        }
    }
    d->ds->groups = d->groups;
    d->ds->n_groups = n;
}

static const lth_group *find_group(const draft *d, const conf_text *name)
{
    const lth_group *group = lth_dataset_group_name(d->ds, name->s);
    if (group == NULL) {
        const char *names[LTH_GROUPS_MAX];
        for (uint32_t i = 0; i < d->ds->n_groups; i++) {
            names[i] = d->groups[i].name;
        }
        conf_what what = {"nhóm", "group", "tập dữ liệu", "dataset", d->ds->name};
        lth_conf__unknown(d->file, name->at, name->s, &what, &(conf_names){names, d->ds->n_groups});
    }
    return group;
}

static void read_fields(draft *d, const conf_node *fields)
{
    uint32_t n = 0;
    for (const conf_node *key = fields->first; key != NULL; key = key->next) {
        conf_text group = {0};
        bool good = lth_conf__field(d->file, key, &d->fields[n], &group);
        const lth_group *found = group.s != NULL ? find_group(d, &group) : NULL;
        if (good && found != NULL) {
            d->fields[n].group = found->number;
        }
        d->field_keys[n++] = key;
    }
    (void)lth_conf__field_numbers(d->file, d->fields, n, d->field_keys);
    d->ds->fields = d->fields;
    d->ds->n_fields = n;
}

static void link_groups(draft *d)
{
    for (uint32_t i = 0; i < d->ds->n_groups; i++) {
        lth_group *group = &d->groups[i];
        uint32_t n = 0;
        const lth_field **own = lth_conf__keep(d->file->load, d->ds->n_fields * sizeof *own);
        for (uint32_t k = 0; k < d->ds->n_fields && own != NULL; k++) {
            if (d->fields[k].group == group->number) {
                own[n++] = &d->fields[k];
            }
        }
        group->fields = own;
        group->n_fields = n;
        if (n == 0) {
            lth_conf__error(d->file, d->group_keys[i], "nhóm \"%s\" không có trường nào",
                            "group \"%s\" has no field", group->name);
        }
    }
}

const lth_field *lth_conf__dataset_field(const conf_file *file, const conf_node *at,
                                         const char *name, const lth_dataset *ds)
{
    const lth_field *field = lth_dataset_field_name(ds, name);
    const char **names =
        field == NULL ? lth_conf__scratch(file->load, ds->n_fields * sizeof *names) : NULL;
    if (names != NULL) {
        for (uint32_t i = 0; i < ds->n_fields; i++) {
            names[i] = ds->fields[i].name;
        }
        conf_what what = {"trường", "field", "tập dữ liệu", "dataset", ds->name};
        lth_conf__unknown(file, at, name, &what, &(conf_names){names, ds->n_fields});
    }
    return field;
}

/* One field of the natural key: required, plain, in the group of the others. */
static void check_key_field(draft *d, const conf_node *at, const lth_field *field)
{
    if (!field->required || field->type == LTH_TYPE_LIST || field->type == LTH_TYPE_DOCUMENT) {
        lth_conf__error(d->file, at, "trường khoá \"%s\" phải required: true và là một giá trị đơn",
                        "key field \"%s\" must have required: true and be one value", at->text);
    }
    if (d->ds->natural_group != 0 && d->ds->natural_group != field->group) {
        lth_conf__error(d->file, at, "các trường của natural_key phải ở chung một nhóm: xem \"%s\"",
                        "the fields of natural_key must be in one group: see \"%s\"", at->text);
    }
    d->ds->natural_group = field->group;
}

static void read_natural_key(draft *d, const conf_node *list)
{
    if (list == NULL || !lth_conf__is(d->file, list, CONF_LIST)) {
        return;
    }
    uint32_t n = 0;
    for (const conf_node *one = list->first; one != NULL; one = one->next, n++) {
        const lth_field *field = lth_conf__is(d->file, one, CONF_SCALAR)
                                     ? lth_conf__dataset_field(d->file, one, one->text, d->ds)
                                     : NULL;
        if (field == NULL) {
            return;
        }
        for (const conf_node *other = list->first; other != one; other = other->next) {
            if (strcmp(other->text, one->text) == 0) {
                lth_conf__error(d->file, one, "trường \"%s\" viết hai lần",
                                "field \"%s\" stands twice", one->text);
                return;
            }
        }
        check_key_field(d, one, field);
    }
    const lth_group *group = lth_dataset_group(d->ds, d->ds->natural_group);
    if (n == 0) {
        lth_conf__error(d->file, list, "natural_key trống", "natural_key is empty");
    } else if (group != NULL && group->n_fields != n) {
        lth_conf__error(
            d->file, list,
            "nhóm khoá \"%s\" chỉ được chứa các trường của natural_key: chuyển trường khác "
            "sang nhóm khác",
            "key group \"%s\" may hold the fields of natural_key only: move the others to "
            "another group",
            group->name);
    } else if (group != NULL && group->owner_kind != NULL) {
        lth_conf__error(
            d->file, list, "nhóm khoá \"%s\" phải do đơn vị giữ bản ghi viết (owner: record)",
            "key group \"%s\" must be written by the record's owner (owner: record)", group->name);
    }
}

static bool sizes_ok(const conf_file *file, const dataset_texts *t)
{
    if (t->groups == NULL || t->fields == NULL) {
        return false;
    }
    if (t->groups->n == 0 || t->groups->n > LTH_GROUPS_MAX) {
        lth_conf__error(file, t->groups, "cần từ 1 đến %u nhóm", "1 to %u groups are needed",
                        LTH_GROUPS_MAX);
        return false;
    }
    if (t->fields->n == 0 || t->fields->n > LTH_FIELDS_MAX) {
        lth_conf__error(file, t->fields, "cần từ 1 đến %u trường", "1 to %u fields are needed",
                        LTH_FIELDS_MAX);
        return false;
    }
    return true;
}

static void read_dataset(conf_load *load, conf_part *part, lth_dataset *out, conf_dataset *later)
{
    if (!lth_conf__part_open(part)) {
        return;
    }
    const conf_file *file = &part->file;
    dataset_texts t = {0};
    lth_conf__read(file, file->root, "dataset", lth_conf__dataset_items, &t);
    *out = (lth_dataset){.name = t.dataset.s,
                         .number = (uint16_t)t.number.v,
                         .version = (uint32_t)t.version.v,
                         .title = {t.title.vi.s, t.title.en.s}};
    *later = (conf_dataset){.file = *file,
                            .natural_key = t.natural_key,
                            .rules = t.rules,
                            .references = t.references,
                            .uniques = t.uniques,
                            .dated_by = t.dated_by};
    if (!sizes_ok(file, &t) || out->name == NULL) {
        return;
    }
    draft d = {.file = file, .ds = out};
    d.groups = lth_conf__keep(load, t.groups->n * sizeof *d.groups);
    d.fields = lth_conf__keep(load, t.fields->n * sizeof *d.fields);
    d.group_keys = lth_conf__scratch(load, t.groups->n * sizeof *d.group_keys);
    d.field_keys = lth_conf__scratch(load, t.fields->n * sizeof *d.field_keys);
    if (load->nomem) {
        return;
    }
    uint32_t before = conf_faults(load);
    read_groups(&d, t.groups);
    read_fields(&d, t.fields);
    if (conf_faults(load) == before) {
        link_groups(&d);
        read_natural_key(&d, t.natural_key);
    }
}

/* Insert by number; numbers and names are unique. */
static void add_dataset(lth_schema *schema, lth_dataset *datasets, conf_dataset *later,
                        const conf_dataset *last, const lth_dataset *one)
{
    const conf_file *file = &last->file;
    for (uint32_t i = 0; i < schema->n_datasets; i++) {
        bool number = datasets[i].number == one->number;
        if (number || strcmp(datasets[i].name, one->name) == 0) {
            const conf_node *key = lth_conf__node_find(file->root, number ? "number" : "dataset");
            lth_conf__error(file, key != NULL ? key->value : NULL,
                            "tập dữ liệu \"%s\" trùng tên hoặc số hiệu %u với tập dữ liệu \"%s\"",
                            "dataset \"%s\" has the name or number %u of dataset \"%s\"", one->name,
                            (unsigned)one->number, datasets[i].name);
            return;
        }
    }
    uint32_t at = schema->n_datasets++;
    for (; at > 0 && datasets[at - 1].number > one->number; at--) {
        datasets[at] = datasets[at - 1];
        later[at] = later[at - 1];
    }
    datasets[at] = *one;
    later[at] = *last;
}

/* Rules need every dataset in its place: they point at fields and name other datasets. */
static void read_rules(conf_load *load, lth_dataset *datasets, conf_dataset *later, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        later[i].ds = &datasets[i];
    }
    for (uint32_t i = 0; i < n && !load->nomem; i++) {
        lth_conf__rules(&later[i], later, n);
    }
}

void lth_conf__schema(conf_load *load, conf_part *parts, uint32_t n, lth_schema *out)
{
    uint32_t before = conf_faults(load);
    lth_dataset *datasets = lth_conf__keep(load, (n + 1u) * sizeof *datasets);
    conf_dataset *later = lth_conf__scratch(load, (n + 1u) * sizeof *later);
    lth_conf__codelists(load, parts, n, out);
    out->datasets = datasets;
    load->lists = out;
    for (uint32_t i = 0; i < n && !load->nomem; i++) {
        lth_dataset one = {0};
        conf_dataset last = {0};
        uint32_t so_far = conf_faults(load);
        if (parts[i].kind != LTH_PART_DATASET) {
            continue;
        }
        read_dataset(load, &parts[i], &one, &last);
        bool counts = !parts[i].local || one.number >= LTH_PUBLIC_LOCAL_MIN;
        if (conf_faults(load) == so_far && !load->nomem && counts) {
            add_dataset(out, datasets, later, &last, &one);
        }
    }
    load->lists = NULL;
    if (conf_faults(load) == before) {
        read_rules(load, datasets, later, out->n_datasets);
    }
}
