/* Any cells of a row: what mapping makes of them is canonical, whatever the source holds.
 * Input: cells apart by 0xFE; 0xFF as a cell is NULL. */
#include <stdlib.h>
#include <string.h>

#include "lth/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const lth_code CODES[] = {
    {.code = "1", .title = {"Nam", NULL}},
    {.code = "2", .to = 20251231, .title = {"Nữ", "Woman"}},
    {.code = "B", .title = {"H'Mông", NULL}},
};
static lth_codelist list = {.name = "l", .codes = CODES, .n_codes = 3};
static const lth_schema SCHEMA = {.lists = &list, .n_lists = 1};

static const lth_field ITEMS[] = {
    {.name = "a", .number = 1, .type = LTH_TYPE_CODE, .max = 10, .required = true, .codes = &list},
    {.name = "b", .number = 2, .type = LTH_TYPE_DECIMAL, .digits = 4, .scale = 2},
};
static const lth_field FIELDS[] = {
    {.name = "key", .number = 1, .group = 2, .type = LTH_TYPE_TEXT, .max = 20, .required = true},
    {.name = "a", .number = 2, .group = 1, .type = LTH_TYPE_TEXT, .max = 50, .required = true},
    {.name = "b", .number = 3, .group = 1, .type = LTH_TYPE_INTEGER},
    {.name = "c", .number = 4, .group = 1, .type = LTH_TYPE_DECIMAL, .digits = 6, .scale = 2},
    {.name = "d", .number = 5, .group = 1, .type = LTH_TYPE_BOOL},
    {.name = "e", .number = 6, .group = 1, .type = LTH_TYPE_DATE, .precision = 7},
    {.name = "f",
     .number = 7,
     .group = 1,
     .type = LTH_TYPE_LIST,
     .max = 2,
     .items = ITEMS,
     .n_items = 2,
     .key_item = 1},
    {.name = "g", .number = 8, .group = 1, .type = LTH_TYPE_CODE, .max = 1, .codes = &list},
};
#define N_FIELDS 8u
static const lth_field *const MAIN[] = {&FIELDS[1], &FIELDS[2], &FIELDS[3], &FIELDS[4],
                                        &FIELDS[5], &FIELDS[6], &FIELDS[7]};
static const lth_field *const KEY[] = {&FIELDS[0]};
static const lth_group GROUPS[] = {
    {.name = "main", .number = 1, .fields = MAIN, .n_fields = 7},
    {.name = "key", .number = 2, .fields = KEY, .n_fields = 1},
};
static const lth_dataset DATASET = {.name = "d",
                                    .number = 1,
                                    .version = 1,
                                    .groups = GROUPS,
                                    .n_groups = 2,
                                    .fields = FIELDS,
                                    .n_fields = N_FIELDS,
                                    .natural_group = 2};

#define N_COLUMNS 10u
static const lth_map_field ITEM_FIELDS[3][2] = {
    {{.field = &ITEMS[0], .column = -1, .constant = "B"}, {.field = &ITEMS[1], .column = 7}},
    {{.field = &ITEMS[0], .column = -1, .constant = "A"}, {.field = &ITEMS[1], .column = 8}},
    {{.field = &ITEMS[0], .column = 9}, {.field = &ITEMS[1], .column = 8}},
};
static const lth_map_item MAP_ITEMS[] = {
    {ITEM_FIELDS[0], 2}, {ITEM_FIELDS[1], 2}, {ITEM_FIELDS[2], 2}};
static const lth_map_pair PAIRS[] = {{"Nam", "1"}, {"Nữ", "2"}};
static const lth_map_field MAP[] = {
    {.field = &FIELDS[0], .column = 0},
    {.field = &FIELDS[1], .column = 1, .as = "digits"},
    {.field = &FIELDS[2], .column = 2},
    {.field = &FIELDS[3], .column = 3, .pairs = PAIRS, .n_pairs = 2},
    {.field = &FIELDS[4], .column = 4, .as = "bool_vn"},
    {.field = &FIELDS[5], .column = 5, .as = "date_vn"},
    {.field = &FIELDS[6], .column = -1, .constant = "", .items = MAP_ITEMS, .n_items = 3},
    {.field = &FIELDS[7], .column = 6},
};
static const lth_mapping MAPPING = {
    .dataset = &DATASET, .n_columns = N_COLUMNS, .fields = MAP, .n_fields = N_FIELDS};

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

static void split(lth_cell cells[N_COLUMNS], const uint8_t *data, size_t size)
{
    size_t at = 0;
    for (uint32_t i = 0; i < N_COLUMNS; i++) {
        size_t end = at;
        while (end < size && data[end] != 0xfe) {
            end++;
        }
        bool null = at > size || (end - at == 1 && data[at] == 0xff);
        cells[i] = (lth_cell){data + (at < size ? at : 0), null ? -1 : (int64_t)(end - at)};
        at = end < size ? end + 1 : size;
    }
}

/* Every other reading of every type, too. */
static void read_all_ways(const lth_cell *cell, lth_arena *arena)
{
    if (cell->n < 0) {
        return;
    }
    lth_slice text = lth_slice_of(cell->p, (size_t)cell->n);
    lth_type type = LTH_TYPE_TEXT;
    const char *as = NULL;
    uint32_t way = 0;
    do {
        for (uint32_t i = 0; i < N_FIELDS; i++) {
            lth_value value;
            lth_refusal code = lth_value_parse(&value, &FIELDS[i], text, as, arena);
            must(code == LTH_REFUSE_none || value.kind == LTH_VALUE_NULL);
        }
        as = lth_as_name(way++, &type);
    } while (as != NULL);
}

/* Every finding blames something that is there, and is a sentence in both languages. */
static void say(const lth_mapped_row *row)
{
    lth_row_values values = {.ds = &DATASET, .values = row->values, .today = 20260901};
    uint32_t errors = 0;
    for (uint32_t i = 0; i < row->findings.n; i++) {
        const lth_finding *one = &row->findings.items[i];
        lth_buf out;
        lth_buf_init(&out, (size_t)1 << 20);
        must(one->column < (int32_t)N_COLUMNS && one->field >= 1 && one->field <= N_FIELDS);
        must(lth_finding_text(&out, &SCHEMA, one, &values, (lth_slice){0}, i % 2 == 1) == LTH_OK);
        must(out.n > 0);
        lth_buf_fini(&out);
        errors += one->severity == LTH_SEVERITY_ERROR ? 1 : 0;
    }
    must(errors == row->findings.errors || row->findings.more > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static lth_arena *kept;
    if (kept == NULL) {
        kept = lth_arena_new((size_t)1 << 20);
        must(kept != NULL && lth_codelist_index(&list, kept) == LTH_OK);
    }
    lth_cell cells[N_COLUMNS];
    lth_arena *arena = lth_arena_new((size_t)64 * 1024 * 1024);
    lth_mapped_row row;
    split(cells, data, size);
    must(arena != NULL);
    must(lth_map_row(&row, &MAPPING, &SCHEMA, cells, 20260901, arena) == LTH_OK);
    must(row.n_groups == 2);
    for (uint32_t i = 0; i < row.n_groups; i++) {
        const lth_group *group = lth_dataset_group(&DATASET, row.groups[i].number);
        lth_refusal code = lth_group_check(group, row.groups[i].value, NULL);
        must(code == LTH_REFUSE_none ||
             (code == LTH_REFUSE_missing_required && row.findings.errors > 0));
    }
    say(&row);
    read_all_ways(&cells[1], arena);
    lth_arena_free(&arena);
    return 0;
}
