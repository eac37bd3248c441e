#include "test_schema_kit.h"

#include "lth/conf.h"

#include <stdio.h>
#include <stdlib.h>

/* test_schema_compat DATASETS GOLDEN: which changes of a definition are compatible; and that every
 * definition in DATASETS still reads what the first definitions (GOLDEN/v1) made. */
static const char *datasets_dir, *golden_dir;

enum { FIELDS_MAX = 12, GROUPS_MAX = 5, ITEMS_MAX = 4 };

/* The kit's dataset, to be changed. */
typedef struct draft {
    lth_dataset ds;
    lth_group groups[GROUPS_MAX];
    lth_field fields[FIELDS_MAX], items[ITEMS_MAX];
    const lth_field *of_group[GROUPS_MAX][FIELDS_MAX];
} draft;

static lth_field *field(draft *d, uint16_t number)
{
    for (uint32_t i = 0; i < d->ds.n_fields; i++) {
        if (d->fields[i].number == number) {
            return &d->fields[i];
        }
    }
    fail_msg("no field %u", (unsigned)number);
    return NULL;
}

static lth_group *group(draft *d, uint16_t number)
{
    for (uint32_t i = 0; i < d->ds.n_groups; i++) {
        if (d->groups[i].number == number) {
            return &d->groups[i];
        }
    }
    fail_msg("no group %u", (unsigned)number);
    return NULL;
}

static void begin(draft *d)
{
    *d = (draft){.ds = *kit_dataset()};
    memcpy(d->groups, d->ds.groups, d->ds.n_groups * sizeof d->groups[0]);
    memcpy(d->fields, d->ds.fields, d->ds.n_fields * sizeof d->fields[0]);
    memcpy(d->items, kit_field("parts")->items, 3 * sizeof d->items[0]);
    field(d, 6)->items = d->items;
}

/* What the loader does: the fields of each group. */
static void finish(draft *d)
{
    d->ds.groups = d->groups;
    d->ds.fields = d->fields;
    for (uint32_t g = 0; g < d->ds.n_groups; g++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < d->ds.n_fields; i++) {
            if (d->fields[i].group == d->groups[g].number) {
                d->of_group[g][n++] = &d->fields[i];
            }
        }
        d->groups[g].fields = d->of_group[g];
        d->groups[g].n_fields = n;
    }
}

static void drop_field(draft *d, uint16_t number)
{
    lth_field *at = field(d, number);
    d->ds.n_fields--;
    memmove(at, at + 1, (size_t)(&d->fields[d->ds.n_fields] - at) * sizeof *at);
}

static void add_field(draft *d, uint16_t in_group, bool required)
{
    d->fields[d->ds.n_fields++] = (lth_field){.name = "fresh",
                                              .number = 40,
                                              .group = in_group,
                                              .type = LTH_TYPE_TEXT,
                                              .max = 5,
                                              .required = required};
}

static void add_group(draft *d, bool required)
{
    d->groups[d->ds.n_groups++] = (lth_group){.name = "fresh_group", .number = 30};
    add_field(d, 30, required);
}

#define CHANGE(name) static void name(draft *d)

CHANGE(nothing)
{
    (void)d;
}
CHANGE(new_title)
{
    d->ds.title.vi = field(d, 1)->title.vi = "khác";
}
CHANGE(new_version)
{
    d->ds.version = 2;
}
CHANGE(new_name_of_field)
{
    field(d, 2)->name = "amount";
}
CHANGE(new_name_of_group)
{
    group(d, KIT_SECRET)->name = "hidden";
}
CHANGE(new_field)
{
    add_field(d, KIT_MAIN, false);
}
CHANGE(new_group)
{
    add_group(d, false);
}
CHANGE(new_item)
{
    d->items[3] = (lth_field){.name = "note", .number = 9, .type = LTH_TYPE_TEXT, .max = 5};
    field(d, 6)->n_items = 4;
}
CHANGE(longer_text)
{
    field(d, 1)->max = 11;
}
CHANGE(longer_list)
{
    field(d, 6)->max = 4;
}
CHANGE(higher_max)
{
    field(d, 2)->max_value = 200;
}
CHANGE(lower_min)
{
    field(d, 2)->min = -5;
}
CHANGE(no_limits)
{
    field(d, 2)->has_min = field(d, 2)->has_max_value = false;
}
CHANGE(more_digits)
{
    field(d, 3)->digits = 6;
}
CHANGE(more_precision)
{
    field(d, 8)->precision |= LTH_DATE_YEAR;
}
CHANGE(not_required)
{
    field(d, 1)->required = false;
}
CHANGE(more_protected)
{
    group(d, KIT_MAIN)->personal = group(d, KIT_MAIN)->sensitive = true;
}
CHANGE(rules_and_references)
{
    static const lth_rule rule = {.number = 1, .id = "r", .severity = LTH_SEVERITY_ERROR};
    static const lth_reference reference = {.number = 2, .id = "q", .dataset = 7};
    d->ds.rules = &rule;
    d->ds.references = &reference;
    static const lth_unique unique = {.number = 3, .id = "u", .severity = LTH_SEVERITY_ERROR};
    d->ds.uniques = &unique;
    d->ds.n_rules = d->ds.n_references = d->ds.n_uniques = 1;
    d->ds.dated_by = 8;
}

CHANGE(other_number)
{
    d->ds.number = 8;
}
CHANGE(other_name)
{
    d->ds.name = "thingy";
}
CHANGE(lower_version)
{
    d->ds.version = 0;
}
CHANGE(key_moved)
{
    d->ds.natural_group = KIT_MAIN;
}
CHANGE(key_grew)
{
    add_field(d, KIT_KEY, false);
}
CHANGE(field_gone)
{
    drop_field(d, 4);
}
CHANGE(group_gone)
{
    drop_field(d, 20);
    d->ds.n_groups--;
}
CHANGE(field_moved)
{
    field(d, 2)->group = KIT_SECRET;
}
CHANGE(other_type)
{
    field(d, 4)->type = LTH_TYPE_INTEGER;
}
CHANGE(code_to_text)
{
    field(d, 7)->type = LTH_TYPE_TEXT;
}
CHANGE(other_scale)
{
    field(d, 3)->scale = 1;
}
CHANGE(other_list)
{
    field(d, 7)->list = "colours";
}
CHANGE(other_item_key)
{
    field(d, 6)->key_item = 2;
}
CHANGE(now_required)
{
    field(d, 2)->required = true;
}
CHANGE(new_required_field)
{
    add_field(d, KIT_MAIN, true);
}
CHANGE(new_required_group)
{
    add_group(d, true);
}
CHANGE(new_required_item)
{
    new_item(d);
    d->items[3].required = true;
}
CHANGE(item_required)
{
    d->items[1].required = true;
}
CHANGE(item_gone)
{
    field(d, 6)->n_items = 2;
}
CHANGE(item_shorter)
{
    d->items[2].max = 1;
}
CHANGE(shorter_text)
{
    field(d, 1)->max = 9;
}
CHANGE(shorter_list)
{
    field(d, 6)->max = 2;
}
CHANGE(lower_max)
{
    field(d, 2)->max_value = 99;
}
CHANGE(higher_min)
{
    field(d, 2)->min = 1;
}
CHANGE(new_limit)
{
    field(d, 3)->has_min = true;
    field(d, 3)->min = -999999;
}
CHANGE(fewer_digits)
{
    field(d, 3)->digits = 3;
}
CHANGE(less_precision)
{
    field(d, 5)->precision = LTH_DATE_DAY;
}
CHANGE(other_owner)
{
    group(d, KIT_OFFICIAL)->owner_kind = NULL;
}
CHANGE(other_place_of_owner)
{
    group(d, KIT_OFFICIAL)->owner_parent = 1;
}
CHANGE(less_protected)
{
    group(d, KIT_SECRET)->sensitive = false;
}

static const struct {
    const char *name;
    void (*change)(draft *d);
    const char *says; /* NULL: compatible. */
} CHANGES[] = {
#define GOOD(name)                                                                                 \
    {                                                                                              \
#name, name, NULL                                                                          \
    }
#define BAD(name, says)                                                                            \
    {                                                                                              \
#name, name, says                                                                          \
    }
    GOOD(nothing),
    GOOD(new_title),
    GOOD(new_version),
    GOOD(new_name_of_field),
    GOOD(new_name_of_group),
    GOOD(new_field),
    GOOD(new_group),
    GOOD(new_item),
    GOOD(longer_text),
    GOOD(longer_list),
    GOOD(higher_max),
    GOOD(lower_min),
    GOOD(no_limits),
    GOOD(more_digits),
    GOOD(more_precision),
    GOOD(not_required),
    GOOD(more_protected),
    GOOD(rules_and_references),
    BAD(other_number, "dataset \"thing\" has another number"),
    BAD(other_name, "dataset \"thing\" has another name"),
    BAD(lower_version, "dataset \"thing\" has a version below"),
    BAD(key_moved, "dataset \"thing\" has another natural key"),
    BAD(key_grew, "dataset \"thing\" has another natural key"),
    BAD(field_gone, "field \"yes\" is gone"),
    BAD(group_gone, "group \"secret\" is gone"),
    BAD(field_moved, "field \"count\" moved to another group"),
    BAD(other_type, "field \"yes\" has another type"),
    BAD(code_to_text, "field \"code\" has another type"),
    BAD(other_scale, "field \"mark\" has another number of digits"),
    BAD(other_list, "field \"code\" has another code list"),
    BAD(other_item_key, "field \"parts\" has another key of its items"),
    BAD(now_required, "field \"count\" was optional"),
    BAD(new_required_field, "field \"fresh\" is new and required"),
    BAD(new_required_group, "field \"fresh\" is new and required"),
    BAD(new_required_item, "field \"note\" is new and required"),
    BAD(item_required, "field \"score\" was optional"),
    BAD(item_gone, "field \"level\" is gone"),
    BAD(item_shorter, "field \"level\" takes fewer values"),
    BAD(shorter_text, "field \"name\" takes fewer values"),
    BAD(shorter_list, "field \"parts\" takes fewer values"),
    BAD(lower_max, "field \"count\" takes fewer values"),
    BAD(higher_min, "field \"count\" takes fewer values"),
    BAD(new_limit, "field \"mark\" takes fewer values"),
    BAD(fewer_digits, "field \"mark\" takes fewer values"),
    BAD(less_precision, "field \"born\" takes fewer values"),
    BAD(other_owner, "group \"official\" is written by somebody else"),
    BAD(other_place_of_owner, "group \"official\" is written by somebody else"),
    BAD(less_protected, "group \"secret\" is less protected"),
};

static void test_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CHANGES / sizeof CHANGES[0]; i++) {
        draft d;
        lth_diag diag = {.text = ""};
        begin(&d);
        CHANGES[i].change(&d);
        finish(&d);
        lth_err err = lth_dataset_compatible(kit_dataset(), &d.ds, &diag);
        if (err != (CHANGES[i].says == NULL ? LTH_OK : LTH_E_CONFIG)) {
            fail_msg("%s: %s", CHANGES[i].name, diag.text);
        }
        if (CHANGES[i].says != NULL && strstr(diag.text, CHANGES[i].says) == NULL) {
            fail_msg("%s says %s", CHANGES[i].name, diag.text);
        }
    }
}

/* A newer author's record at an older node is held, never merged without what it says: a dataset
 * that is unknown waits for its definition, an unknown field or group is a fault of the group; once
 * the newer definition is here the same bytes are good. */
static void test_newer_author(void **state)
{
    (void)state;
    static const uint8_t salt[16];
    static const char key[] = "\x3a\x01x\x40\xd7\xa3\xcd\x09", fresh[] = "\xc2\x02\x01n";
    draft d;
    begin(&d);
    add_group(&d, false);
    finish(&d);
    const lth_schema newer = {.datasets = &d.ds, .n_datasets = 1};
    lth_findings found;
    lth_record_view r = {
        .form = LTH_FORM_FULL, .header = {.op = LTH_OP_STATE, .dataset = 7}, .n_groups = 4};
    r.groups[0] = (lth_group_view){KIT_MAIN, true, salt, NULL, KIT_BYTES("\x0a\x03Lan")};
    r.groups[1] = (lth_group_view){KIT_KEY, true, salt, NULL, KIT_BYTES(key)};
    r.groups[2] = (lth_group_view){KIT_SECRET, true, salt, NULL, KIT_BYTES("")};
    r.groups[3] = (lth_group_view){30, true, salt, NULL, KIT_BYTES(fresh)};
    assert_int_equal(lth_record_judge(&newer, &r, NULL, &found), LTH_REFUSE_none);
    assert_int_equal(lth_record_judge(&kit_schema, &r, NULL, &found), LTH_REFUSE_bad_group);
    assert_int_equal(found.items[0].group, 30);

    begin(&d);
    add_field(&d, KIT_SECRET, false);
    finish(&d);
    r.n_groups = 3;
    r.groups[2].value = KIT_BYTES(fresh);
    assert_int_equal(lth_record_judge(&newer, &r, NULL, &found), LTH_REFUSE_none);
    assert_int_equal(lth_record_judge(&kit_schema, &r, NULL, &found), LTH_REFUSE_bad_group);
    assert_int_equal(found.items[0].group, KIT_SECRET);
    assert_int_equal(found.items[0].field, 40);
    r.header.dataset = 8;
    assert_int_equal(lth_record_judge(&kit_schema, &r, NULL, &found), LTH_REFUSE_await_definition);
}

/* ---- the dictionary that is shipped, against its first definitions ---- */

typedef struct loaded {
    lth_conf *owner;
    const lth_schema *schema;
} loaded;

static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    print_error("%s\n", line);
}

static loaded load(const char *dir)
{
    loaded out = {.owner = NULL};
    lth_conf_errors errors = {.n = 0};
    lth_err err = lth_conf_load_datasets(&out.owner, &out.schema, dir, &errors);
    lth_conf_errors_each(&errors, true, print_line, NULL);
    lth_conf_errors_fini(&errors);
    assert_int_equal(err, LTH_OK);
    return out;
}

static void golden_path(char out[1000], const char *name)
{
    (void)lth_format(out, 1000, "%s/%s", golden_dir, name);
}

static void test_shipped(void **state)
{
    (void)state;
    char path[1000];
    golden_path(path, "v1");
    loaded first = load(path);
    loaded now = load(datasets_dir);
    assert_int_equal(first.schema->n_datasets, 5);
    for (uint32_t i = 0; i < first.schema->n_datasets; i++) {
        const lth_dataset *older = &first.schema->datasets[i];
        const lth_dataset *newer = lth_schema_find(now.schema, older->number);
        lth_diag diag = {.text = ""};
        assert_non_null(newer);
        if (lth_dataset_compatible(older, newer, &diag) != LTH_OK) {
            fail_msg("%s: %s", older->name, diag.text);
        }
    }
    lth_conf_free(&first.owner);
    lth_conf_free(&now.owner);
}

enum { LINE_SIZE = 8192 };

/* One record of groups.txt while its lines come by. */
typedef struct golden_record {
    char name[64];
    int number;
    const lth_dataset *ds;
    lth_record_view view;
    uint8_t bytes[LTH_GROUPS_MAX][LINE_SIZE];
} golden_record;

/* The values of a group, lists left out, as groups.txt writes them. */
static void values_text(lth_buf *out, const lth_group *of, lth_slice bytes)
{
    const lth_field *at = NULL;
    lth_value value;
    lth_buf_clear(out);
    for (size_t pos = 0; lth_group_next(of, bytes, &pos, &at, &value);) {
        if (at->type != LTH_TYPE_LIST) {
            assert_int_equal(lth_buf_format(out, "\t%u=", (unsigned)at->number), LTH_OK);
            assert_int_equal(lth_value_text(out, at, &value), LTH_OK);
        }
    }
    assert_int_equal(lth_buf_add(out, "", 1), LTH_OK);
}

static void judge(const loaded *now, golden_record *r)
{
    lth_findings found;
    if (r->ds == NULL) {
        return;
    }
    lth_refusal code = lth_record_judge(now->schema, &r->view, NULL, &found);
    if (code != LTH_REFUSE_none) {
        fail_msg("%s %d: %s in group %u, field %u", r->name, r->number, lth_refusal_name(code),
                 (unsigned)found.items[0].group, (unsigned)found.items[0].field);
    }
    r->ds = NULL;
}

static void take_line(const loaded *now, golden_record *r, char *line, lth_buf *text)
{
    static const uint8_t salt[16];
    char *rest = NULL;
    const char *name = strtok_r(line, "\t", &rest);
    int number = atoi(strtok_r(NULL, "\t", &rest));
    long in_group = strtol(strtok_r(NULL, "\t", &rest), NULL, 10);
    const char *hex = strtok_r(NULL, "\t", &rest);
    if (r->ds == NULL || strcmp(name, r->name) != 0 || number != r->number) {
        judge(now, r);
        *r = (golden_record){.ds = lth_schema_find_name(now->schema, name), .number = number};
        (void)lth_format(r->name, sizeof r->name, "%s", name);
        assert_non_null(r->ds);
        /* 2026-11-22 */
        r->view.form = LTH_FORM_FULL;
        r->view.header = (lth_record_header){
            .op = LTH_OP_STATE, .dataset = r->ds->number, .src_commit_time_ms = 1795305600000};
    }
    size_t n = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
    uint8_t *bytes = r->bytes[r->view.n_groups];
    assert_true(n == 0 || lth_unhex(bytes, n, hex, 2 * n));
    const lth_group *of = lth_dataset_group(r->ds, (uint16_t)in_group);
    lth_slice slice = lth_slice_of(bytes, n);
    uint16_t at = 0;
    assert_non_null(of);
    assert_int_equal(lth_group_check(of, slice, &at), LTH_REFUSE_none);
    values_text(text, of, slice);
    assert_string_equal(text->n > 1 ? (const char *)text->p + 1 : "", rest != NULL ? rest : "");
    r->view.groups[r->view.n_groups++] =
        (lth_group_view){.number = (uint16_t)in_group, .shown = true, .salt = salt, .value = slice};
}

/* Records that a node with the first definitions sends are good here. */
static void test_golden(void **state)
{
    (void)state;
    char path[1000];
    golden_path(path, "v1/groups.txt");
    loaded now = load(datasets_dir);
    FILE *in = fopen(path, "rb");
    char *line = malloc(LINE_SIZE);
    golden_record *r = calloc(1, sizeof *r);
    lth_buf text;
    lth_buf_init(&text, LINE_SIZE);
    assert_non_null(in);
    assert_non_null(line);
    assert_non_null(r);
    uint32_t n = 0;
    while (fgets(line, LINE_SIZE, in) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        take_line(&now, r, line, &text);
        n++;
    }
    judge(&now, r);
    assert_int_equal(n, 38);
    (void)fclose(in);
    free(line);
    free(r);
    lth_buf_fini(&text);
    lth_conf_free(&now.owner);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_newer_author),
        cmocka_unit_test(test_shipped),
        cmocka_unit_test(test_golden),
    };
    if (argc != 3) {
        return 2;
    }
    datasets_dir = argv[1];
    golden_dir = argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
