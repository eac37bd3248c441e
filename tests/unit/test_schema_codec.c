/* Speaks for the C side in test_schema_proto.py.
 *   codec DIR proto DATASET       prints the .proto
 *   codec DIR serve               one answer a line for each line of standard input:
 *     E DATASET GROUP NAME=TEXT<TAB>...   hex of the encoded group, or the refusal's name
 *     D DATASET GROUP HEX                 the check's name, then NAME=TEXT<TAB>... and whether
 *                                         encoding the values again gives the same bytes */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lth/conf.h"

#define LINE_MAX_SIZE (1024 * 1024)

static char line[LINE_MAX_SIZE];
static char hex[LINE_MAX_SIZE];
static uint8_t bytes[LINE_MAX_SIZE];

static void print_line(void *ctx, const char *text)
{
    (void)ctx;
    (void)fprintf(stderr, "%s\n", text);
}

static void encode(const lth_group *group, char *values, lth_arena *arena)
{
    lth_value *parsed = lth_arena_alloc(arena, group->n_fields * sizeof *parsed);
    memset(parsed, 0, group->n_fields * sizeof *parsed);
    for (char *pair = strtok(values, "\t"); pair != NULL; pair = strtok(NULL, "\t")) {
        char *text = strchr(pair, '=');
        *text++ = '\0';
        for (uint32_t i = 0; i < group->n_fields; i++) {
            if (strcmp(group->fields[i]->name, pair) != 0) {
                continue;
            }
            lth_refusal code = lth_value_parse(&parsed[i], group->fields[i],
                                               lth_slice_of(text, strlen(text)), NULL, arena);
            if (code != LTH_REFUSE_none) {
                printf("%s\n", lth_refusal_name(code));
                return;
            }
        }
    }
    lth_buf out;
    lth_buf_init(&out, LTH_RECORD_MAX);
    if (lth_group_encode(&out, group, parsed) != LTH_OK) {
        abort();
    }
    lth_hex(hex, out.p, out.n);
    printf("%s\n", hex);
    lth_buf_fini(&out);
}

/* Values as lth_group_encode takes them: the items of a list joined again. */
static void collect(lth_value *values, const lth_group *group, lth_slice in, lth_arena *arena)
{
    const lth_field *field = NULL;
    lth_value value;
    size_t start = 0;
    for (size_t at = 0; lth_group_next(group, in, &at, &field, &value); start = at) {
        uint32_t i = 0;
        while (group->fields[i] != field) {
            i++;
        }
        if (field->type == LTH_TYPE_LIST) {
            lth_slice before = values[i].text;
            uint8_t *run = lth_arena_alloc(arena, before.n + at - start);
            if (before.n > 0) {
                memcpy(run, before.p, before.n);
            }
            memcpy(run + before.n, in.p + start, at - start);
            value.text = lth_slice_of(run, before.n + at - start);
        }
        values[i] = value;
    }
}

static void decode(const lth_group *group, const char *text, lth_arena *arena)
{
    size_t n = strlen(text) / 2;
    if (!lth_unhex(bytes, n, text, strlen(text))) {
        abort();
    }
    lth_slice in = lth_slice_of(bytes, n);
    uint16_t at_field = 0;
    lth_refusal code = lth_group_check(group, in, &at_field);
    printf("%s %u", lth_refusal_name(code), (unsigned)at_field);
    if (code == LTH_REFUSE_none) {
        lth_buf out;
        lth_buf_init(&out, LTH_RECORD_MAX);
        const lth_field *field = NULL;
        lth_value value;
        for (size_t at = 0; lth_group_next(group, in, &at, &field, &value);) {
            lth_buf_clear(&out);
            if (lth_value_text(&out, field, &value) != LTH_OK) {
                abort();
            }
            printf("\t%s=%.*s", field->name, (int)out.n, (const char *)out.p);
        }
        lth_value *values = lth_arena_alloc(arena, group->n_fields * sizeof *values);
        memset(values, 0, group->n_fields * sizeof *values);
        collect(values, group, in, arena);
        lth_buf_clear(&out);
        bool same = lth_group_encode(&out, group, values) == LTH_OK &&
                    lth_slice_equal(lth_buf_slice(&out), in);
        printf("\t%s", same ? "same" : "DIFFERENT");
        lth_buf_fini(&out);
    }
    printf("\n");
}

static int serve(const lth_schema *schema)
{
    lth_arena *arena = lth_arena_new((size_t)64 * 1024 * 1024);
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *dataset = strchr(line, ' ') + 1;
        char *group_name = strchr(dataset, ' ') + 1;
        char *rest = strchr(group_name, ' ') + 1;
        dataset[strcspn(dataset, " ")] = '\0';
        group_name[strcspn(group_name, " ")] = '\0';
        const lth_dataset *ds = lth_schema_find_name(schema, dataset);
        const lth_group *group = ds != NULL ? lth_dataset_group_name(ds, group_name) : NULL;
        if (group == NULL) {
            return 1;
        }
        if (line[0] == 'E') {
            encode(group, rest, arena);
        } else {
            decode(group, rest, arena);
        }
        (void)fflush(stdout);
        lth_arena_reset(arena);
    }
    lth_arena_free(&arena);
    return 0;
}

int main(int argc, char **argv)
{
    lth_conf *owner = NULL;
    const lth_schema *schema = NULL;
    lth_conf_errors errors = {.n = 0};
    if (argc < 3 || lth_conf_load_datasets(&owner, &schema, argv[1], &errors) != LTH_OK) {
        lth_conf_errors_each(&errors, true, print_line, NULL);
        lth_conf_errors_fini(&errors);
        return 1;
    }
    int status = 1;
    if (strcmp(argv[2], "serve") == 0) {
        status = serve(schema);
    } else if (argc == 4 && lth_schema_find_name(schema, argv[3]) != NULL) {
        lth_buf out;
        lth_buf_init(&out, LINE_MAX_SIZE);
        if (lth_dataset_proto(&out, lth_schema_find_name(schema, argv[3])) == LTH_OK) {
            status = fwrite(out.p, 1, out.n, stdout) == out.n ? 0 : 1;
        }
        lth_buf_fini(&out);
    }
    lth_conf_free(&owner);
    return status;
}
