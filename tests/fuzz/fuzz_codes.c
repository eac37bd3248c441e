/* Any bytes as lists.yaml and as the codes of a list, beside a dataset that uses it: errors or a
 * schema, never both; codes come sorted, every one is found on its days and by its title.
 * Input: first byte < 64 -> lists.yaml, else the CSV. */
#include <stdlib.h>
#include <string.h>

#include "lth/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char LISTS[] = "lists: { up: {}, list: { parent: up } }\n";
static const char UP[] = "code,vi\np,Pe\nq,Qu\n";
static const char LIST[] =
    "code,vi,en,valid_from,valid_to,parent,replaced_by\na,A,,,2020-01-01,p,b\nb,B\n";
static const char DATASET[] =
    "dataset: d\nnumber: 1\nversion: 1\nnatural_key: [k]\n"
    "groups: { key: { number: 1 }, main: { number: 2 } }\n"
    "fields:\n"
    "  k: { number: 1, group: key, type: text, required: true }\n"
    "  c: { number: 2, group: main, type: code, list: list }\n"
    "rules:\n"
    "  - { number: 1, id: a, severity: error, check: \"code(c, 'parent') == 'p'\",\n"
    "      text: { vi: \"{c}\", en: \"{c.title}\" } }\n";

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

static lth_slice slice(const char *text)
{
    return lth_slice_of(text, strlen(text));
}

static bool in_force(const lth_code *code, uint32_t day)
{
    return code->from <= day && (code->to == 0 || day <= code->to);
}

static void check_list(const lth_codelist *list)
{
    for (uint32_t i = 0; i < list->n_codes; i++) {
        const lth_code *code = &list->codes[i];
        const lth_code *found = NULL;
        uint32_t day = code->from != 0 ? code->from : code->to != 0 ? code->to : 20260101;
        must(i == 0 || lth_slice_compare(slice(list->codes[i - 1].code), slice(code->code)) <= 0);
        must(lth_codelist_find(list, slice(code->code), day, &found) == LTH_CODE_IN_FORCE);
        must(found == code);
        found = lth_codelist_by_title(list, slice(code->title.vi), day);
        must(found == NULL || in_force(found, day));
    }
}

static void ignore(void *ctx, const char *line)
{
    (void)ctx;
    must(line[0] != '\0');
}

static void judge(const lth_schema *schema, lth_slice text)
{
    const lth_dataset *ds = lth_schema_find(schema, 1);
    lth_value values[2] = {{.kind = LTH_VALUE_NULL}, {.kind = LTH_VALUE_TEXT, .text = text}};
    lth_row_values row = {.ds = ds, .values = values, .today = 20260901};
    lth_findings out = {.n = 0};
    lth_rules_judge(schema, &row, &out);
    for (uint32_t i = 0; i < out.n; i++) {
        lth_buf sentence;
        lth_buf_init(&sentence, 65536);
        must(lth_finding_text(&sentence, schema, &out.items[i], &row, (lth_slice){0}, i == 0) ==
             LTH_OK);
        must(sentence.n > 0);
        lth_buf_fini(&sentence);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    bool yaml = data[0] < 64;
    lth_slice given = lth_slice_of(data + 1, size - 1);
    lth_schema_source parts[] = {
        {LTH_PART_LISTS, "lists.yaml", yaml ? given : slice(LISTS)},
        {LTH_PART_CODES, "list.csv", yaml ? slice(LIST) : given},
        {LTH_PART_CODES, "up.csv", slice(UP)},
        {LTH_PART_DATASET, "d.yaml", slice(DATASET)},
    };
    lth_conf *owner = NULL;
    const lth_schema *schema = NULL;
    lth_conf_errors errors;
    lth_err err = lth_conf_build_schema(&owner, &schema, parts, 4, &errors);
    must((err == LTH_OK) == (owner != NULL) && (err == LTH_E_CONFIG) == (errors.n > 0));
    lth_conf_errors_each(&errors, size % 2 == 0, ignore, NULL);
    lth_conf_errors_fini(&errors);
    for (uint32_t i = 0; schema != NULL && i < schema->n_lists; i++) {
        check_list(&schema->lists[i]);
    }
    if (schema != NULL) {
        const lth_codelist *list = lth_schema_list(schema, "list");
        judge(schema, slice("b"));
        judge(schema, slice(list != NULL && list->n_codes > 0 ? list->codes[0].title.vi : "zz"));
    }
    lth_conf_free(&owner);
    return 0;
}
