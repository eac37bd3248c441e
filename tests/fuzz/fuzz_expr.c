/* Any text as an expression: it is refused with a place in it, or it gives one of three answers
 * whatever the values are, the same one twice, and a withheld value is never asked for.
 * Input: 16 bytes that make the values, then the text. */
#include <stdlib.h>
#include <string.h>

#include "lth/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_FIELDS 8u
#define SEED     16u

static const lth_code CODES[] = {
    {.code = "a", .to = 20200101, .title = {"Một", "One"}, .parent = "p"},
    {.code = "a", .from = 20200102, .title = {"Hai", NULL}},
    {.code = "b", .title = {"Ba", "Three"}, .parent = "q"},
};
static const lth_codelist LIST = {
    .name = "list", .parent_list = "up", .codes = CODES, .n_codes = 3};
static const lth_field ITEMS[] = {
    {.name = "k", .number = 1, .type = LTH_TYPE_CODE, .max = 10, .required = true, .codes = &LIST},
    {.name = "v", .number = 2, .type = LTH_TYPE_DECIMAL, .digits = 18, .scale = 9},
};
static const lth_field FIELDS[N_FIELDS] = {
    {.name = "n", .number = 1, .group = 1, .type = LTH_TYPE_INTEGER},
    {.name = "d", .number = 2, .group = 1, .type = LTH_TYPE_DECIMAL, .digits = 18, .scale = 18},
    {.name = "s", .number = 3, .group = 1, .type = LTH_TYPE_TEXT, .max = 50},
    {.name = "c", .number = 4, .group = 1, .type = LTH_TYPE_CODE, .max = 5, .codes = &LIST},
    {.name = "b", .number = 5, .group = 1, .type = LTH_TYPE_BOOL},
    {.name = "t", .number = 6, .group = 1, .type = LTH_TYPE_DATE, .precision = 7},
    {.name = "u", .number = 7, .group = 1, .type = LTH_TYPE_DATE, .precision = LTH_DATE_DAY},
    {.name = "l",
     .number = 8,
     .group = 1,
     .type = LTH_TYPE_LIST,
     .max = 5,
     .items = ITEMS,
     .n_items = 2,
     .key_item = 1},
};
static const lth_dataset DATASET = {
    .name = "d", .number = 1, .version = 1, .fields = FIELDS, .n_fields = N_FIELDS, .dated_by = 7};

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

static lth_slice pick_text(uint8_t seed)
{
    static const char *const texts[] = {"a",   "b",        "Đỗ Thị Hoà", "079123456789",
                                        "8,5", "\xc3\xa0", "x-1",        "-9223372036854775808"};
    const char *text = texts[seed % 8];
    return lth_slice_of(text, strlen(text));
}

static int64_t pick_date(uint8_t seed)
{
    static const int64_t dates[] = {20120000, 20120500, 20120229, 20200101, 20200102, 99991231};
    return dates[seed % 6];
}

/* Half of the seeds give NULL. */
static void make_values(lth_value values[N_FIELDS], const uint8_t seed[SEED])
{
    /* {k: "a", v: 5 * 10^-9} and {k: "b"} */
    static const char run[] = "\x42\x05\x0a\x01"
                              "a"
                              "\x10\x0a\x42\x03\x0a\x01"
                              "b";
    memset(values, 0, N_FIELDS * sizeof *values);
    for (uint32_t i = 0; i < N_FIELDS; i++) {
        lth_value *value = &values[i];
        if ((seed[i] & 1) == 0) {
            continue;
        }
        *value = (lth_value){.kind = LTH_VALUE_INT};
        switch (FIELDS[i].type) {
        case LTH_TYPE_TEXT:
        case LTH_TYPE_CODE:
            *value = (lth_value){.kind = LTH_VALUE_TEXT, .text = pick_text(seed[i] >> 1)};
            break;
        case LTH_TYPE_LIST:
            *value =
                (lth_value){.kind = LTH_VALUE_BYTES, .text = lth_slice_of(run, sizeof run - 1)};
            break;
        case LTH_TYPE_DATE:
            value->number = i == 6 ? 20200101 : pick_date(seed[i] >> 1);
            break;
        case LTH_TYPE_BOOL:
            value->number = seed[i] >> 1 & 1;
            break;
        default:
            memcpy(&value->number, seed + 8, sizeof value->number);
        }
    }
}

/* What an expression does not say it reads must not matter. */
static void hide_unread(const lth_expr *expr, lth_value values[N_FIELDS])
{
    for (uint32_t i = 0; i < N_FIELDS; i++) {
        if ((*lth_expr_fields(expr) >> i & 1) == 0) {
            values[i] = (lth_value){.kind = LTH_VALUE_NULL};
        }
    }
}

static void refused(const lth_expr_fault *fault, const char *text)
{
    size_t chars = 0;
    for (const char *p = text; *p != '\0'; p++) {
        chars += ((unsigned char)*p & 0xc0) != 0x80 ? 1 : 0;
    }
    must(fault->column >= 1 && fault->column <= chars + 1);
    must(fault->vi[0] != '\0' && fault->en[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < SEED) {
        return 0;
    }
    lth_arena *arena = lth_arena_new((size_t)16 * 1024 * 1024);
    must(arena != NULL);
    char *text = calloc(1, size - SEED + 1);
    must(text != NULL);
    memcpy(text, data + SEED, size - SEED);
    const lth_expr *expr = NULL;
    lth_expr_fault fault;
    lth_err err = lth_expr_read(&expr, &DATASET, text, arena, &fault);
    must((err == LTH_OK) == (expr != NULL));
    if (err == LTH_OK) {
        must(lth_expr_cost(expr) >= 1 && lth_expr_cost(expr) <= LTH_EXPR_COST_MAX);
        lth_value values[N_FIELDS];
        make_values(values, data);
        lth_row_values row = {.ds = &DATASET, .values = values, .today = 20260901};
        lth_truth truth = lth_expr_truth(expr, &row);
        must(truth == LTH_TRUE || truth == LTH_FALSE || truth == LTH_NULL);
        hide_unread(expr, values);
        must(lth_expr_truth(expr, &row) == truth);
    } else {
        must(err == LTH_E_FORMAT || err == LTH_E_LIMIT);
        refused(&fault, text);
    }
    free(text);
    lth_arena_free(&arena);
    return 0;
}
