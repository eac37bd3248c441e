/* Judging one record of 30 fields by its code lists and 40 rules: processor time in nanoseconds a
 * record, with and without reading its bytes, and of the same record where there are neither rules
 * nor lists. All rules pass, so that none is cheap because it stopped early at a fault. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench.h"
#include "lth/conf.h"

#define N_FIELDS 30u
#define RUNS     31u
#define RECORDS  20000u

static const char HEAD[] =
    "dataset: pupil\nnumber: 5\nversion: 1\nnatural_key: [code]\n"
    "groups: { key: { number: 1 }, main: { number: 2 } }\n"
    "fields:\n"
    "  code: { number: 1, group: key, type: text, max: 20, required: true }\n"
    "  name: { number: 2, group: main, type: text, required: true }\n"
    "  born: { number: 3, group: main, type: date, precision: [day, month, year] }\n"
    "  sex: { number: 4, group: main, type: code, list: sex }\n"
    "  ethnic: { number: 5, group: main, type: code, list: ethnic }\n"
    "  commune: { number: 6, group: main, type: code, list: commune }\n"
    "  province: { number: 7, group: main, type: code, list: province }\n"
    "  national_id: { number: 8, group: main, type: text, max: 12 }\n"
    "  grade: { number: 9, group: main, type: integer }\n"
    "  status: { number: 10, group: main, type: code, list: sex }\n"
    "  reason: { number: 11, group: main, type: text }\n"
    "  height: { number: 12, group: main, type: decimal, digits: 4, scale: 1 }\n"
    "  weight: { number: 13, group: main, type: decimal, digits: 4, scale: 1 }\n"
    "  promoted: { number: 14, group: main, type: bool }\n"
    "  started: { number: 15, group: main, type: date }\n"
    "  marks:\n"
    "    number: 16\n    group: main\n    type: list\n    key: subject\n"
    "    items:\n"
    "      subject: { number: 1, type: code, list: subject }\n"
    "      score: { number: 2, type: decimal, digits: 4, scale: 2 }\n";

/* Rules like those of the dictionary; with the field names used below each stands four times. */
static const char *const RULES[] = {
    "matches(national_id, '\\\\d{12}')",
    "number(part(national_id, 5, 2)) == year(born) - 2000",
    "code(commune, 'parent') == province",
    "age_on(born, date(2026, 9, 1)) between grade + 5 and grade + 9",
    "status != '2' or reason is not null",
    "all(marks, score between 0 and 10)",
    "not promoted or height > 0 and weight > 0",
    "length(name) >= 2 and part(name, 1, 1) != ' '",
    "started >= born and started <= today",
    "sex in ['0', '1', '2'] and weight * 10 < height * 100",
};
#define N_RULES (sizeof RULES / sizeof RULES[0])

static void put(lth_buf *out, const char *fmt, ...) LTH_PRINTF(2, 3);
static void put(lth_buf *out, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    bench_must(lth_buf_format_v(out, fmt, args), NULL, "text");
    va_end(args);
}

static void put_dataset(lth_buf *out, bool rules)
{
    put(out, "%s", HEAD);
    for (unsigned i = 17; i <= N_FIELDS; i++)
        put(out, "  f%u: { number: %u, group: main, type: integer, min: 0 }\n", i, i);
    put(out, "%s", rules ? "rules:\n" : "");
    for (unsigned i = 0; rules && i < 40; i++) {
        put(out, "  - { number: %u, id: r%u, severity: error, check: \"%s and f%u >= 0\",\n", i + 1,
            i + 1, RULES[i % N_RULES], 17 + i % 14);
        put(out, "      text: { vi: a, en: b } }\n");
    }
}

static int digit(unsigned v, unsigned unit)
{
    return (int)('0' + v / unit % 10);
}

static void put_communes(lth_buf *out)
{
    put(out, "code,vi,parent\n");
    for (unsigned i = 0; i < 3321; i++)
        put(out, "%c%c%c%c%c,Commune %u,%c%c\n", digit(i, 10000), digit(i, 1000), digit(i, 100),
            digit(i, 10), digit(i, 1), i, digit(i % 34, 10), digit(i % 34, 1));
}

static const lth_schema *build(lth_conf **owner, bool judged)
{
    static const char sexes[] = "code,vi\n0,A\n1,B\n2,C\n";
    static const char lists[] = "lists: { sex: {}, ethnic: {}, province: {}, subject: {},\n"
                                "  commune: { parent: province } }\n";
    lth_buf dataset, codes, communes;
    lth_buf_init(&dataset, 1u << 20);
    lth_buf_init(&codes, 1u << 20);
    lth_buf_init(&communes, 1u << 20);
    put_dataset(&dataset, judged);
    put_communes(&communes);
    put(&codes, "code,vi\n");
    for (unsigned i = 0; i < 60; i++)
        put(&codes, "%c%c,T%u\n", digit(i, 10), digit(i, 1), i);
    lth_schema_source parts[] = {
        {LTH_PART_DATASET, "pupil.yaml", lth_buf_slice(&dataset)},
        {LTH_PART_LISTS, "lists.yaml", lth_slice_of(lists, strlen(lists))},
        {LTH_PART_CODES, "sex", lth_slice_of(sexes, strlen(sexes))},
        {LTH_PART_CODES, "ethnic", lth_buf_slice(&codes)},
        {LTH_PART_CODES, "province", lth_buf_slice(&codes)},
        {LTH_PART_CODES, "subject", lth_buf_slice(&codes)},
        {LTH_PART_CODES, "commune", lth_buf_slice(&communes)},
    };
    const lth_schema *schema = NULL;
    static lth_conf_errors errors;
    lth_err err = lth_conf_build_schema(owner, &schema, parts, judged ? 7 : 1, &errors);
    if (err != LTH_OK)
        bench_die("%s", errors.n > 0 ? errors.items[0].en : lth_err_text(err));
    lth_conf_errors_fini(&errors);
    lth_buf_fini(&dataset);
    lth_buf_fini(&codes);
    lth_buf_fini(&communes);
    return schema;
}

/* Ten items of the list, as its run. */
static lth_slice make_marks(lth_buf *out)
{
    for (unsigned i = 10; i < 20; i++) {
        uint8_t item[] = {
            0x82, 0x01, 7,   0x0a, 2, (uint8_t)('0' + i / 10), (uint8_t)('0' + i % 10),
            0x10, 0xa4, 0x0d}; /* score 8.50 */
        bench_must(lth_buf_add(out, item, sizeof item), NULL, "item");
    }
    return lth_buf_slice(out);
}

static void make_values(lth_value values[N_FIELDS], lth_slice marks)
{
    static const struct {
        uint32_t field;
        const char *text;
    } texts[] = {{0, "7900000001"}, {1, "Nguyễn Thị Hoà"}, {3, "2"}, {4, "01"},   {5, "00001"},
                 {6, "01"},         {7, "079314000001"},   {9, "1"}, {10, "none"}};
    for (uint32_t i = 0; i < N_FIELDS; i++)
        values[i] = (lth_value){.kind = LTH_VALUE_INT, .number = 7};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        values[texts[i].field] = (lth_value){
            .kind = LTH_VALUE_TEXT, .text = lth_slice_of(texts[i].text, strlen(texts[i].text))};
    values[2].number = 20140503;
    values[8].number = 6;
    values[11].number = 1505;
    values[12].number = 420;
    values[13].number = 1;
    values[14].number = 20250905;
    values[15] = (lth_value){.kind = LTH_VALUE_BYTES, .text = marks};
}

typedef struct record {
    lth_record_view view;
    lth_buf groups[2];
} record;

static void make_record(record *out, const lth_dataset *ds, const lth_value *values)
{
    static const uint8_t salt[16];
    out->view = (lth_record_view){
        .form = LTH_FORM_FULL,
        .header = {.op = LTH_OP_STATE, .dataset = 5, .src_commit_time_ms = 1788220800000u},
        .n_groups = 2};
    for (uint32_t g = 0; g < 2; g++) {
        lth_value of_group[N_FIELDS];
        for (uint32_t i = 0; i < ds->groups[g].n_fields; i++)
            of_group[i] = values[ds->groups[g].fields[i] - ds->fields];
        lth_buf_init(&out->groups[g], 1u << 16);
        bench_must(lth_group_encode(&out->groups[g], &ds->groups[g], of_group), NULL, "encode");
        out->view.groups[g] = (lth_group_view){.number = ds->groups[g].number,
                                               .shown = true,
                                               .salt = salt,
                                               .value = lth_buf_slice(&out->groups[g])};
    }
}

/* Of this thread: the machine is shared. */
static uint64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void report(const char *what, double *ns)
{
    double median = bench_quantile(ns, RUNS, 0.5);
    printf("%-28s %8.0f ns median %8.0f ns least\n", what, median, ns[0]);
}

static void time_values(const lth_schema *schema, const lth_row_values *row)
{
    double ns[RUNS];
    lth_findings found = {.n = 0};
    for (uint32_t run = 0; run < RUNS; run++) {
        uint64_t start = cpu_ns();
        for (uint32_t i = 0; i < RECORDS; i++)
            lth_rules_judge(schema, row, &found);
        ns[run] = (double)(cpu_ns() - start) / RECORDS;
    }
    if (found.n != 0)
        bench_die("rule %u of the benchmark is broken", (unsigned)found.items[0].rule);
    report("values by 40 rules", ns);
}

static void time_record(const char *what, const lth_schema *schema, const lth_record_view *view)
{
    double ns[RUNS];
    for (uint32_t run = 0; run < RUNS; run++) {
        lth_findings found;
        uint64_t start = cpu_ns();
        for (uint32_t i = 0; i < RECORDS; i++) {
            if (lth_record_judge(schema, view, NULL, &found) != LTH_REFUSE_none)
                bench_die("the record is refused");
        }
        ns[run] = (double)(cpu_ns() - start) / RECORDS;
    }
    report(what, ns);
}

int main(void)
{
    lth_conf *owners[2] = {NULL};
    lth_buf run;
    lth_value values[N_FIELDS];
    record r;
    const lth_schema *judged = build(&owners[0], true);
    const lth_schema *plain = build(&owners[1], false);
    const lth_dataset *ds = &judged->datasets[0];
    lth_buf_init(&run, 4096);
    make_values(values, make_marks(&run));
    make_record(&r, ds, values);
    lth_row_values row = {.ds = ds, .values = values, .today = 20260901};
    printf("%u fields, %u rules, bytes %zu\n", (unsigned)ds->n_fields, (unsigned)ds->n_rules,
           r.groups[0].n + r.groups[1].n);
    time_values(judged, &row);
    time_record("record by 40 rules", judged, &r.view);
    time_record("record without rules", plain, &r.view);
    lth_buf_fini(&r.groups[0]);
    lth_buf_fini(&r.groups[1]);
    lth_buf_fini(&run);
    lth_conf_free(&owners[0]);
    lth_conf_free(&owners[1]);
    return 0;
}
