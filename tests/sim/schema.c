/* Three small datasets of databases: groups 1 (natural key), 2 (person), 3 (sensitive), 4 (a
 * number), and 9, which a ministry would write. */
#include "sim.h"

static const lth_field fields[] = {
    {.name = "number", .number = 1, .group = 1, .type = LTH_TYPE_TEXT, .required = true, .max = 60},
    {.name = "uid", .number = 2, .group = 2, .type = LTH_TYPE_TEXT, .required = true, .max = 60},
    {.name = "name", .number = 3, .group = 2, .type = LTH_TYPE_TEXT, .max = 80},
    {.name = "born",
     .number = 4,
     .group = 2,
     .type = LTH_TYPE_DATE,
     .precision = LTH_DATE_DAY | LTH_DATE_MONTH | LTH_DATE_YEAR},
    {.name = "secret", .number = 5, .group = 3, .type = LTH_TYPE_TEXT, .max = 2000},
    {.name = "score",
     .number = 6,
     .group = 4,
     .type = LTH_TYPE_INTEGER,
     .has_min = true,
     .has_max_value = true,
     .min = 0,
     .max_value = 100},
    {.name = "official", .number = 7, .group = 9, .type = LTH_TYPE_TEXT, .max = 20},
};
static const lth_field *const natural_fields[] = {&fields[0]};
static const lth_field *const person_fields[] = {&fields[1], &fields[2], &fields[3]};
static const lth_field *const secret_fields[] = {&fields[4]};
static const lth_field *const score_fields[] = {&fields[5]};
static const lth_field *const official_fields[] = {&fields[6]};

#define NATURAL                                                                                    \
    {                                                                                              \
        .name = "key", .number = 1, .fields = natural_fields, .n_fields = 1                        \
    }
#define PERSON                                                                                     \
    {                                                                                              \
        .name = "person", .number = 2, .personal = true, .fields = person_fields, .n_fields = 3    \
    }
#define SECRET                                                                                     \
    {                                                                                              \
        .name = "secret", .number = 3, .personal = true, .sensitive = true,                        \
        .fields = secret_fields, .n_fields = 1                                                     \
    }
#define SCORE                                                                                      \
    {                                                                                              \
        .name = "score", .number = 4, .fields = score_fields, .n_fields = 1                        \
    }
#define OFFICIAL                                                                                   \
    {                                                                                              \
        .name = "official", .number = 9, .owner_kind = "ministry", .fields = official_fields,      \
        .n_fields = 1                                                                              \
    }

static const lth_group groups_a[] = {NATURAL, PERSON, SECRET, SCORE, OFFICIAL};
static const lth_group groups_b[] = {NATURAL, PERSON};
static const lth_group groups_c[] = {NATURAL, PERSON, SECRET, SCORE};

/* Pupils and classes of files (files.h). */
static const lth_field pupil_fields[] = {
    {.name = "number", .number = 1, .group = 1, .type = LTH_TYPE_TEXT, .required = true, .max = 60},
    {.name = "nid", .number = 2, .group = 2, .type = LTH_TYPE_TEXT, .max = 60},
    {.name = "name", .number = 3, .group = 2, .type = LTH_TYPE_TEXT, .max = 60},
    {.name = "born", .number = 4, .group = 2, .type = LTH_TYPE_DATE, .precision = LTH_DATE_DAY},
    {.name = "class", .number = 5, .group = 2, .type = LTH_TYPE_TEXT, .max = 60},
    {.name = "note", .number = 6, .group = 3, .type = LTH_TYPE_TEXT, .max = 60},
};
static const lth_field class_fields[] = {
    {.name = "number", .number = 1, .group = 1, .type = LTH_TYPE_TEXT, .required = true, .max = 60},
    {.name = "title", .number = 2, .group = 2, .type = LTH_TYPE_TEXT, .max = 60},
};
static const lth_field *const pupil_key[] = {&pupil_fields[0]};
static const lth_field *const pupil_person[] = {&pupil_fields[1], &pupil_fields[2],
                                                &pupil_fields[3], &pupil_fields[4]};
static const lth_field *const pupil_secret[] = {&pupil_fields[5]};
static const lth_field *const class_key[] = {&class_fields[0]};
static const lth_field *const class_about[] = {&class_fields[1]};
static const lth_group groups_pupil[] = {
    {.name = "key", .number = 1, .fields = pupil_key, .n_fields = 1},
    {.name = "person", .number = 2, .personal = true, .fields = pupil_person, .n_fields = 4},
    {.name = "secret",
     .number = 3,
     .personal = true,
     .sensitive = true,
     .fields = pupil_secret,
     .n_fields = 1},
};
static const lth_group groups_class[] = {
    {.name = "key", .number = 1, .fields = class_key, .n_fields = 1},
    {.name = "about", .number = 2, .fields = class_about, .n_fields = 1},
};

const uint16_t sim_datasets[SIM_DATASETS] = {11, 12, 13, 14, 15};
static const lth_dataset datasets[SIM_DATASETS] = {
    {.name = "alpha",
     .number = 11,
     .version = 1,
     .groups = groups_a,
     .n_groups = 5,
     .fields = fields,
     .n_fields = 7,
     .natural_group = 1},
    {.name = "beta",
     .number = 12,
     .version = 1,
     .groups = groups_b,
     .n_groups = 2,
     .fields = fields,
     .n_fields = 4,
     .natural_group = 1},
    {.name = "gamma",
     .number = 13,
     .version = 1,
     .groups = groups_c,
     .n_groups = 4,
     .fields = fields,
     .n_fields = 6,
     .natural_group = 1},
    {.name = "pupil",
     .number = 14,
     .version = 1,
     .groups = groups_pupil,
     .n_groups = 3,
     .fields = pupil_fields,
     .n_fields = 6,
     .natural_group = 1},
    {.name = "class",
     .number = 15,
     .version = 1,
     .groups = groups_class,
     .n_groups = 2,
     .fields = class_fields,
     .n_fields = 2,
     .natural_group = 1},
};
static const lth_schema schema = {.dict_ver = 1, .datasets = datasets, .n_datasets = SIM_DATASETS};

static const char *const columns[] = {"id", "ma", "uid", "ten", "ngay_sinh", "bi_mat", "diem"};
static const lth_map_field map_fields[] = {
    {.field = &fields[0], .column = 1}, {.field = &fields[1], .column = 2},
    {.field = &fields[2], .column = 3}, {.field = &fields[3], .column = 4, .as = "date_vn"},
    {.field = &fields[4], .column = 5}, {.field = &fields[5], .column = 6},
};

static const char *const pupil_columns[] = {"ma", "cccd", "ten", "ngay_sinh", "lop", "ghi_chu"};
static const char *const class_columns[] = {"lop", "ten"};
static const lth_map_field pupil_map[] = {
    {.field = &pupil_fields[0], .column = 0},
    {.field = &pupil_fields[1], .column = 1},
    {.field = &pupil_fields[2], .column = 2},
    {.field = &pupil_fields[3], .column = 3, .as = "date_vn"},
    {.field = &pupil_fields[4], .column = 4},
    {.field = &pupil_fields[5], .column = 5},
};
static const lth_map_field class_map[] = {
    {.field = &class_fields[0], .column = 0},
    {.field = &class_fields[1], .column = 1},
};
static const lth_map_term by_code[] = {{.field = 0, .column = -1}};
static const lth_map_term by_nid[] = {{.field = 1, .column = -1}};
static const lth_map_term by_name[] = {
    {.field = 2, .column = -1}, {.field = 3, .column = -1}, {.field = 4, .column = -1}};
static const lth_map_term of_class[] = {{.field = 4, .column = -1}};
static const lth_map_term of_year[] = {{.field = -1, .column = -1, .constant = "2026"}};
static const lth_map_key pupil_keys[] = {{by_code, 1}, {by_nid, 1}, {by_name, 3}};
static const lth_map_key class_keys[] = {{by_code, 1}};

static const lth_mapping mappings[SIM_DATASETS] = {
    {.dataset = &datasets[0],
     .columns = columns,
     .n_columns = 7,
     .fields = map_fields,
     .n_fields = 6},
    {.dataset = &datasets[1],
     .columns = columns,
     .n_columns = 5,
     .fields = map_fields,
     .n_fields = 4},
    {.dataset = &datasets[2],
     .columns = columns,
     .n_columns = 7,
     .fields = map_fields,
     .n_fields = 6},
    {.dataset = &datasets[3],
     .columns = pupil_columns,
     .n_columns = 6,
     .key_column = LTH_MAP_NO_KEY,
     .match = pupil_keys,
     .n_match = 3,
     .complete_for = of_class,
     .n_complete_for = 1,
     .fields = pupil_map,
     .n_fields = 6},
    {.dataset = &datasets[4],
     .columns = class_columns,
     .n_columns = 2,
     .key_column = LTH_MAP_NO_KEY,
     .match = class_keys,
     .n_match = 1,
     .complete_for = of_year,
     .n_complete_for = 1,
     .fields = class_map,
     .n_fields = 2},
};

/* With the datasets of the public stream, whose numbers are lower. */
const lth_schema *sim_schema(void)
{
    static lth_dataset all[SIM_DATASETS + 2];
    static lth_schema whole;
    const lth_schema *system = lth_public_schema();
    if (whole.n_datasets == 0) {
        memcpy(all, system->datasets, 2 * sizeof *all);
        memcpy(all + 2, datasets, sizeof datasets);
        whole = schema;
        whole.datasets = all;
        whole.n_datasets = SIM_DATASETS + 2;
    }
    return &whole;
}

const lth_mapping *sim_mapping(uint32_t table)
{
    return &mappings[table];
}

uint32_t sim_dataset_index(uint16_t number)
{
    uint32_t i = 0;
    while (i < SIM_DATASETS && sim_datasets[i] != number) {
        i++;
    }
    return i;
}

bool sim_has_group(uint32_t table, uint32_t group)
{
    return lth_dataset_group(&datasets[table], (uint16_t)group) != NULL;
}
