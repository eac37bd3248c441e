#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "lth/conf.h"

/* test_dictionary_rules DATASETS CASES: what the shipped rules find in rows whose faults are known
 * (dictionary_cases.txt says how). Every rule must be broken by some case. */
static const char *datasets_dir, *cases_path;

enum { LINE_SIZE = 4096, FIELDS_MAX = 64, ITEMS_MAX = 16, ITEM_FIELDS_MAX = 4, BASES_MAX = 32 };

/* A row as a mapping of constants. */
typedef struct row {
    const lth_dataset *ds;
    lth_map_field fields[FIELDS_MAX];
    lth_map_item items[FIELDS_MAX][ITEMS_MAX];
    lth_map_field item_fields[FIELDS_MAX][ITEMS_MAX][ITEM_FIELDS_MAX];
    uint32_t n;
} row;

typedef struct suite {
    lth_conf *owner;
    const lth_schema *schema;
    lth_arena *arena;
    char *bases[BASES_MAX];
    uint32_t n_bases;
    bool broken[64][1000]; /* By index of the dataset and number of the rule. */
    uint32_t line, cases;
    row *row;
} suite;

static lth_map_field *field_of(row *r, const lth_field *field)
{
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->fields[i].field == field) {
            return &r->fields[i];
        }
    }
    assert_true(r->n < FIELDS_MAX);
    r->fields[r->n] = (lth_map_field){.field = field, .column = -1, .constant = ""};
    return &r->fields[r->n++];
}

static const lth_field *item_field(const suite *s, const lth_field *list, const char *name)
{
    for (uint32_t i = 0; i < list->n_items; i++) {
        const lth_field *field = &list->items[i];
        if (name == NULL ? field->number == list->key_item : strcmp(field->name, name) == 0) {
            return field;
        }
    }
    fail_msg("line %u: %s has no item field %s", (unsigned)s->line, list->name, name);
    return NULL;
}

static void set_item(const suite *s, row *r, const lth_field *list, const char *key,
                     const char *name, const char *value)
{
    lth_map_field *map = field_of(r, list);
    size_t at = (size_t)(map - r->fields);
    lth_map_item *items = r->items[at];
    uint32_t i = 0;
    while (i < map->n_items && strcmp(items[i].fields[0].constant, key) != 0) {
        i++;
    }
    assert_true(i < ITEMS_MAX);
    lth_map_field *fields = r->item_fields[at][i];
    if (i == map->n_items) {
        fields[0] =
            (lth_map_field){.field = item_field(s, list, NULL), .column = -1, .constant = key};
        items[i] = (lth_map_item){.fields = fields, .n_fields = 1};
        map->items = items;
        map->n_items++;
    }
    const lth_field *field = name[0] != '\0' ? item_field(s, list, name) : NULL;
    if (field != NULL && field != fields[0].field) {
        assert_true(items[i].n_fields < ITEM_FIELDS_MAX);
        fields[items[i].n_fields++] =
            (lth_map_field){.field = field, .column = -1, .constant = value};
    }
}

/* "name=value", or "list.key.field=value", or "list.key." for a bare item. */
static void set(const suite *s, row *r, char *text)
{
    char *value = strchr(text, '=');
    if (value != NULL) {
        *value++ = '\0';
    }
    char *key = strchr(text, '.');
    if (key != NULL) {
        *key++ = '\0';
    }
    const lth_field *field = lth_dataset_field_name(r->ds, text);
    if (field == NULL) {
        fail_msg("line %u: no field %s", (unsigned)s->line, text);
        return;
    }
    if (key == NULL) {
        field_of(r, field)->constant = value != NULL ? value : "";
        return;
    }
    char *name = strchr(key, '.');
    assert_non_null(name);
    *name++ = '\0';
    set_item(s, r, field, key, name, value != NULL ? value : "");
}

static void set_all(const suite *s, row *r, char *text)
{
    char *rest = NULL;
    for (char *one = strtok_r(text, "\t", &rest); one != NULL; one = strtok_r(NULL, "\t", &rest)) {
        set(s, r, one);
    }
}

static uint32_t day_of(const char *text)
{
    unsigned year = 0, month = 0, day = 0;
    assert_int_equal(sscanf(text, "%4u-%2u-%2u", &year, &month, &day), 3);
    return year * 10000 + month * 100 + day;
}

static const char *name_of(const lth_dataset *ds, uint16_t number)
{
    for (uint32_t i = 0; i < ds->n_fields; i++) {
        if (ds->fields[i].number == number) {
            return ds->fields[i].name;
        }
    }
    return "";
}

/* One finding as the cases write it. */
static void finding_text(char out[100], const lth_dataset *ds, const lth_finding *f)
{
    const char *kind = f->code == LTH_REFUSE_unknown_code        ? "code"
                       : f->code == LTH_REFUSE_code_not_in_force ? "old"
                       : f->code == LTH_REFUSE_bad_value         ? "bad"
                       : f->code == LTH_REFUSE_missing_required  ? "missing"
                                                                 : lth_refusal_name(f->code);
    if (f->code == LTH_REFUSE_broken_rule) {
        (void)lth_format(out, 100, "%u", (unsigned)f->rule);
    } else {
        (void)lth_format(out, 100, "%s:%s", kind, name_of(ds, f->field));
    }
}

static bool takes(const char *list, const char *one)
{
    size_t n = strlen(one);
    for (const char *at = list; *at != '\0'; at += strcspn(at, ",") + (strchr(at, ',') != NULL)) {
        if (strcspn(at, ",") == n && memcmp(at, one, n) == 0) {
            return true;
        }
    }
    return false;
}

/* Each finding must have a sentence in both languages, with nothing left to fill in. */
static void check_sentence(const suite *s, const lth_finding *f, const lth_row_values *values)
{
    for (int english = 0; english < 2; english++) {
        lth_buf text;
        lth_buf_init(&text, 4096);
        lth_err err =
            lth_finding_text(&text, s->schema, f, values, lth_slice_of("", 0), english != 0);
        bool whole = err == LTH_OK && text.n > 0 && memchr(text.p, '{', text.n) == NULL;
        if (!whole) {
            fail_msg("line %u: no sentence", (unsigned)s->line);
        }
        lth_buf_fini(&text);
    }
}

static void judge(suite *s, row *r, const char *day, const char *wanted)
{
    lth_mapping mapping = {
        .dataset = r->ds, .key_column = LTH_MAP_NO_KEY, .fields = r->fields, .n_fields = r->n};
    lth_mapped_row mapped;
    uint32_t today = day_of(day);
    lth_cell none = {.n = -1};
    assert_int_equal(lth_map_row(&mapped, &mapping, s->schema, &none, today, s->arena), LTH_OK);
    lth_row_values values = {.ds = r->ds, .values = mapped.values, .today = today};
    uint32_t n_wanted = strcmp(wanted, "-") == 0 ? 0 : 1;
    for (const char *p = wanted; *p != '\0'; p++) {
        n_wanted += *p == ',';
    }
    for (uint32_t i = 0; i < mapped.findings.n; i++) {
        char text[100];
        const lth_finding *f = &mapped.findings.items[i];
        finding_text(text, r->ds, f);
        if (!takes(wanted, text)) {
            fail_msg("line %u finds %s", (unsigned)s->line, text);
        }
        check_sentence(s, f, &values);
        if (f->code == LTH_REFUSE_broken_rule) {
            s->broken[r->ds - s->schema->datasets][f->rule] = true;
        }
    }
    if (mapped.findings.n != n_wanted) {
        fail_msg("line %u finds %u of %s", (unsigned)s->line, (unsigned)mapped.findings.n, wanted);
    }
    s->cases++;
}

static const char *base_of(const suite *s, const char *dataset)
{
    size_t n = strlen(dataset);
    for (uint32_t i = 0; i < s->n_bases; i++) {
        if (strncmp(s->bases[i], dataset, n) == 0 && s->bases[i][n] == '\t') {
            return s->bases[i] + n + 1;
        }
    }
    return "";
}

static void take_case(suite *s, char *line)
{
    char *rest = NULL;
    char base[LINE_SIZE];
    const char *name = strtok_r(line, "\t", &rest);
    const char *day = strtok_r(NULL, "\t", &rest);
    const char *wanted = strtok_r(NULL, "\t", &rest);
    memset(s->row, 0, sizeof *s->row);
    s->row->ds = lth_schema_find_name(s->schema, name);
    if (s->row->ds == NULL || wanted == NULL) {
        fail_msg("line %u: dataset, day, findings, values", (unsigned)s->line);
    }
    (void)lth_format(base, sizeof base, "%s", base_of(s, name));
    set_all(s, s->row, base);
    set_all(s, s->row, rest);
    judge(s, s->row, day, wanted);
    lth_arena_reset(s->arena);
}

static void take_line(suite *s, char *line)
{
    static const char word[] = "base\t";
    if (line[0] == '#' || line[0] == '\0') {
        return;
    }
    if (strncmp(line, word, sizeof word - 1) == 0) {
        assert_true(s->n_bases < BASES_MAX);
        s->bases[s->n_bases++] = strdup(line + sizeof word - 1);
        return;
    }
    take_case(s, line);
}

static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    print_error("%s\n", line);
}

static void expect_all_broken(const suite *s)
{
    for (uint32_t i = 0; i < s->schema->n_datasets; i++) {
        const lth_dataset *ds = &s->schema->datasets[i];
        for (uint32_t k = 0; k < ds->n_rules; k++) {
            if (!s->broken[i][ds->rules[k].number]) {
                fail_msg("no case breaks rule %u of %s", (unsigned)ds->rules[k].number, ds->name);
            }
        }
    }
}

static void test_cases(void **state)
{
    (void)state;
    static suite s;
    lth_conf_errors errors = {.n = 0};
    lth_err err = lth_conf_load_datasets(&s.owner, &s.schema, datasets_dir, &errors);
    lth_conf_errors_each(&errors, true, print_line, NULL);
    lth_conf_errors_fini(&errors);
    assert_int_equal(err, LTH_OK);
    assert_true(s.schema->n_datasets <= 64);
    s.arena = lth_arena_new(1024u * 1024u);
    s.row = malloc(sizeof *s.row);
    FILE *in = fopen(cases_path, "rb");
    char *line = malloc(LINE_SIZE);
    assert_non_null(in);
    assert_non_null(line);
    assert_non_null(s.row);
    while (fgets(line, LINE_SIZE, in) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        s.line++;
        take_line(&s, line);
    }
    assert_true(s.cases > 100);
    expect_all_broken(&s);
    for (uint32_t i = 0; i < s.n_bases; i++) {
        free(s.bases[i]);
    }
    free(line);
    free(s.row);
    (void)fclose(in);
    lth_arena_free(&s.arena);
    lth_conf_free(&s.owner);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    if (argc != 3) {
        return 2;
    }
    datasets_dir = argv[1];
    cases_path = argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
