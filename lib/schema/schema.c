#include "internal.h"

const char *lth_type_name(lth_type type)
{
    static const char *const names[] = {
        [LTH_TYPE_TEXT] = "text",       [LTH_TYPE_CODE] = "code",
        [LTH_TYPE_INTEGER] = "integer", [LTH_TYPE_DECIMAL] = "decimal",
        [LTH_TYPE_BOOL] = "bool",       [LTH_TYPE_DATE] = "date",
        [LTH_TYPE_LIST] = "list",       [LTH_TYPE_DOCUMENT] = "document",
    };
    size_t i = (size_t)type;
    return i < sizeof names / sizeof names[0] && names[i] != NULL ? names[i] : "unknown";
}

const lth_dataset *lth_schema_find(const lth_schema *schema, uint16_t number)
{
    uint32_t low = 0;
    uint32_t high = schema->n_datasets;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (schema->datasets[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < schema->n_datasets && schema->datasets[low].number == number;
    return found ? &schema->datasets[low] : NULL;
}

const lth_dataset *lth_schema_find_name(const lth_schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->n_datasets; i++) {
        if (strcmp(schema->datasets[i].name, name) == 0) {
            return &schema->datasets[i];
        }
    }
    return NULL;
}

const lth_group *lth_dataset_group(const lth_dataset *ds, uint16_t number)
{
    for (uint32_t i = 0; i < ds->n_groups && ds->groups[i].number <= number; i++) {
        if (ds->groups[i].number == number) {
            return &ds->groups[i];
        }
    }
    return NULL;
}

const lth_group *lth_dataset_group_name(const lth_dataset *ds, const char *name)
{
    for (uint32_t i = 0; i < ds->n_groups; i++) {
        if (strcmp(ds->groups[i].name, name) == 0) {
            return &ds->groups[i];
        }
    }
    return NULL;
}

const lth_field *lth_dataset_field_name(const lth_dataset *ds, const char *name)
{
    for (uint32_t i = 0; i < ds->n_fields; i++) {
        if (strcmp(ds->fields[i].name, name) == 0) {
            return &ds->fields[i];
        }
    }
    return NULL;
}

const lth_field *lth_schema__field_number(const lth_dataset *ds, uint16_t number)
{
    for (uint32_t i = 0; i < ds->n_fields && ds->fields[i].number <= number; i++) {
        if (ds->fields[i].number == number) {
            return &ds->fields[i];
        }
    }
    return NULL;
}

const lth_codelist *lth_schema_list(const lth_schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->n_lists; i++) {
        if (strcmp(schema->lists[i].name, name) == 0) {
            return &schema->lists[i];
        }
    }
    return NULL;
}
