#include "test_schema_kit.h"

static const lth_field ITEMS[] = {
    {.name = "part", .number = 1, .type = LTH_TYPE_CODE, .max = 10, .required = true},
    {.name = "score", .number = 2, .type = LTH_TYPE_DECIMAL, .digits = 4, .scale = 2},
    {.name = "level", .number = 3, .type = LTH_TYPE_CODE, .max = 2},
};

static const lth_field FIELDS[] = {
    {.name = "name",
     .number = 1,
     .group = KIT_MAIN,
     .type = LTH_TYPE_TEXT,
     .max = 10,
     .required = true},
    {.name = "count",
     .number = 2,
     .group = KIT_MAIN,
     .type = LTH_TYPE_INTEGER,
     .has_min = true,
     .min = 0,
     .has_max_value = true,
     .max_value = 100},
    {.name = "mark",
     .number = 3,
     .group = KIT_MAIN,
     .type = LTH_TYPE_DECIMAL,
     .digits = 4,
     .scale = 2},
    {.name = "yes", .number = 4, .group = KIT_MAIN, .type = LTH_TYPE_BOOL},
    {.name = "born",
     .number = 5,
     .group = KIT_MAIN,
     .type = LTH_TYPE_DATE,
     .precision = LTH_DATE_DAY | LTH_DATE_MONTH | LTH_DATE_YEAR},
    {.name = "parts",
     .number = 6,
     .group = KIT_MAIN,
     .type = LTH_TYPE_LIST,
     .max = 3,
     .items = ITEMS,
     .n_items = 3,
     .key_item = 1},
    {.name = "code",
     .number = 7,
     .group = KIT_KEY,
     .type = LTH_TYPE_CODE,
     .max = 600,
     .required = true},
    {.name = "day",
     .number = 8,
     .group = KIT_KEY,
     .type = LTH_TYPE_DATE,
     .precision = LTH_DATE_DAY,
     .required = true},
    {.name = "note", .number = 9, .group = KIT_OFFICIAL, .type = LTH_TYPE_TEXT, .max = 20},
    {.name = "phone", .number = 20, .group = KIT_SECRET, .type = LTH_TYPE_TEXT, .max = 20},
};

static const lth_field *const MAIN[] = {&FIELDS[0], &FIELDS[1], &FIELDS[2],
                                        &FIELDS[3], &FIELDS[4], &FIELDS[5]};
static const lth_field *const KEY[] = {&FIELDS[6], &FIELDS[7]};
static const lth_field *const OFFICIAL[] = {&FIELDS[8]};
static const lth_field *const SECRET[] = {&FIELDS[9]};

static const lth_group GROUPS[] = {
    {.name = "main", .number = KIT_MAIN, .fields = MAIN, .n_fields = 6},
    {.name = "key", .number = KIT_KEY, .fields = KEY, .n_fields = 2},
    {.name = "official",
     .number = KIT_OFFICIAL,
     .owner_kind = "ministry",
     .fields = OFFICIAL,
     .n_fields = 1},
    {.name = "secret", .number = KIT_SECRET, .sensitive = true, .fields = SECRET, .n_fields = 1},
};

static const lth_dataset DATASETS[] = {
    {.name = "thing",
     .number = 7,
     .version = 1,
     .groups = GROUPS,
     .n_groups = 4,
     .fields = FIELDS,
     .n_fields = 10,
     .natural_group = KIT_KEY},
};

const lth_schema kit_schema = {.datasets = DATASETS, .n_datasets = 1};

const lth_dataset *kit_dataset(void)
{
    return &DATASETS[0];
}

const lth_group *kit_group(uint16_t number)
{
    return lth_dataset_group(&DATASETS[0], number);
}

const lth_field *kit_field(const char *name)
{
    return lth_dataset_field_name(&DATASETS[0], name);
}
