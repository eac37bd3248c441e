/* Any bytes as a field group: checked, walked, and, when canonical, encoded again to the same. */
#include <stdlib.h>
#include <string.h>

#include "lth/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const lth_field ITEMS[] = {
    {.name = "a", .number = 1, .type = LTH_TYPE_CODE, .max = 10, .required = true},
    {.name = "b", .number = 2, .type = LTH_TYPE_DECIMAL, .digits = 4, .scale = 2},
};
static const lth_field FIELDS[] = {
    {.name = "a", .number = 1, .group = 1, .type = LTH_TYPE_TEXT, .max = 50},
    {.name = "b", .number = 2, .group = 1, .type = LTH_TYPE_INTEGER},
    {.name = "c", .number = 3, .group = 1, .type = LTH_TYPE_DECIMAL, .digits = 18, .scale = 3},
    {.name = "d", .number = 4, .group = 1, .type = LTH_TYPE_BOOL},
    {.name = "e", .number = 5, .group = 1, .type = LTH_TYPE_DATE, .precision = 7},
    {.name = "f",
     .number = 6,
     .group = 1,
     .type = LTH_TYPE_LIST,
     .max = 5,
     .items = ITEMS,
     .n_items = 2,
     .key_item = 1},
    {.name = "g", .number = 2047, .group = 1, .type = LTH_TYPE_DOCUMENT},
};
#define N_FIELDS 7u
static const lth_field *const POINTERS[N_FIELDS] = {&FIELDS[0], &FIELDS[1], &FIELDS[2], &FIELDS[3],
                                                    &FIELDS[4], &FIELDS[5], &FIELDS[6]};
static const lth_group GROUP = {.name = "g", .number = 1, .fields = POINTERS, .n_fields = N_FIELDS};
static const lth_dataset DATASET = {.name = "d",
                                    .number = 1,
                                    .version = 1,
                                    .groups = &GROUP,
                                    .n_groups = 1,
                                    .fields = FIELDS,
                                    .n_fields = N_FIELDS,
                                    .natural_group = 1};

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

/* Walk all fields; a run of list items becomes the value of its list, as it stands. */
static uint32_t walk(lth_slice in, lth_value values[N_FIELDS])
{
    lth_buf text;
    lth_buf_init(&text, 4 * 1024 * 1024);
    const lth_field *field = NULL;
    lth_value value;
    uint32_t n = 0;
    size_t start = 0;
    for (size_t at = 0; lth_group_next(&GROUP, in, &at, &field, &value); start = at, n++) {
        must(at > start && at <= in.n);
        lth_value *slot = &values[field - FIELDS];
        if (field->type == LTH_TYPE_LIST) {
            lth_slice run = lth_slice_of(in.p + start, at - start);
            if (slot->kind != LTH_VALUE_NULL) {
                run = lth_slice_of(slot->text.p, slot->text.n + run.n);
            }
            (void)!lth_value_text(&text, field, &value);
            value.text = run;
        } else {
            (void)!lth_value_text(&text, field, &value);
        }
        *slot = value;
    }
    lth_buf_fini(&text);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lth_slice in = lth_slice_of(data, size);
    uint16_t field = 0;
    lth_refusal code = lth_group_check(&GROUP, in, &field);
    lth_value values[N_FIELDS] = {{.kind = LTH_VALUE_NULL}};
    (void)walk(in, values);
    lth_buf out;
    lth_buf_init(&out, LTH_RECORD_MAX * 8);
    if (code == LTH_REFUSE_none) {
        must(lth_group_encode(&out, &GROUP, values) == LTH_OK);
        must(lth_slice_equal(lth_buf_slice(&out), in));
    } else {
        must(code == LTH_REFUSE_bad_group || code == LTH_REFUSE_bad_value ||
             code == LTH_REFUSE_missing_required);
    }
    lth_buf_clear(&out);
    (void)!lth_natural_text(&out, &DATASET, in);
    lth_buf_clear(&out);
    (void)!lth_natural_parse(&out, &DATASET, in, NULL);
    lth_buf_fini(&out);
    return 0;
}
