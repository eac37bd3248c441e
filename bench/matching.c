/* Files of one school through the agent's core, over a real store and without broker and network:
 * the processor time that the last file of a scenario takes, and how much memory the process had at
 * most of its own. Signatures are made by nobody. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agents/core/agent.h"
#include "bench/bench.h"
#include "lth/crypto.h"
#include "lth/store.h"

#define FIELDS  71u
#define COLUMNS (FIELDS + 1u) /* The last one, the school year, is no field. */
#define YEAR    ((int32_t)FIELDS)
#define CELL    24u

enum { CODE, NATIONAL, NAME, BORN, CLASS, OTHERS };

/* ---- a dataset as wide as the sector's own layout of pupils ---- */

static char names[FIELDS][8];
static lth_field fields[FIELDS];
static const lth_field *in_key[1], *in_rest[FIELDS - 1];
static lth_map_field mapped[FIELDS];
static const char *columns[COLUMNS];
static lth_group groups[] = {
    {.name = "key", .number = 1, .fields = in_key, .n_fields = 1},
    {.name = "rest", .number = 2, .fields = in_rest, .n_fields = FIELDS - 1}};
static lth_dataset dataset = {.name = "rows",
                              .number = 40000,
                              .version = 1,
                              .groups = groups,
                              .n_groups = 2,
                              .fields = fields,
                              .n_fields = FIELDS,
                              .natural_group = 1};
static const lth_schema schema = {.dict_ver = 1, .datasets = &dataset, .n_datasets = 1};

/* Each key once by fields alone, and once with the school year, which only stands in the file. */
static const lth_map_term by_code[] = {{CODE, -1, NULL}, {-1, YEAR, NULL}};
static const lth_map_term by_national[] = {{NATIONAL, -1, NULL}, {-1, YEAR, NULL}};
static const lth_map_term by_name[] = {
    {NAME, -1, NULL}, {BORN, -1, NULL}, {CLASS, -1, NULL}, {-1, YEAR, NULL}};
static const lth_map_term complete_for[] = {{CLASS, -1, NULL}, {-1, YEAR, NULL}};
static const lth_map_key keys[2][3] = {{{by_code, 1}, {by_national, 1}, {by_name, 3}},
                                       {{by_code, 2}, {by_national, 2}, {by_name, 4}}};
static lth_mapping mapping = {.dataset = &dataset,
                              .columns = columns,
                              .n_columns = COLUMNS,
                              .key_column = LTH_MAP_NO_KEY,
                              .n_match = 3,
                              .complete_for = complete_for,
                              .n_complete_for = 2,
                              .fields = mapped,
                              .n_fields = FIELDS};

static void build(bool outside)
{
    for (uint32_t i = 0; i < FIELDS; i++) {
        (void)lth_format(names[i], sizeof names[i], "f%u", i + 1);
        fields[i] = (lth_field){.name = names[i],
                                .number = (uint16_t)(i + 1),
                                .group = (uint16_t)(i == CODE ? 1 : 2),
                                .type = i == BORN ? LTH_TYPE_DATE : LTH_TYPE_TEXT,
                                .max = 100,
                                .precision = LTH_DATE_DAY,
                                .required = i == NAME};
        mapped[i] = (lth_map_field){
            .field = &fields[i], .column = (int32_t)i, .as = i == BORN ? "date_vn" : NULL};
        columns[i] = names[i];
        if (i == CODE)
            in_key[0] = &fields[i];
        else
            in_rest[i - 1] = &fields[i];
    }
    columns[YEAR] = "year";
    mapping.match = keys[outside ? 1 : 0];
}

/* ---- an agent without broker ---- */

typedef struct world {
    lth_store *store;
    lth_agent *agent;
    lth_hasher hasher;
    lth_now now;
    lth_txn *txn;
    uint64_t peak; /* Anonymous memory after any step, bytes. */
} world;

static lth_err sign(void *ctx, lth_slice message, uint8_t out[LTH_SIG_SIZE])
{
    (void)ctx;
    (void)message;
    memset(out, 0, LTH_SIG_SIZE);
    return LTH_OK;
}

static void keep_quiet(void *ctx, lth_level level, const char *event, const char *detail)
{
    (void)ctx;
    (void)level;
    (void)event;
    (void)detail;
}

static const lth_signer signer = {.sign = sign};
static const lth_agent_table tables[] = {{.mapping = &mapping}};
static const lth_agent_school schools[] = {
    {.org = {{1}}, .id_key = {2}, .signer = &signer, .tables = tables, .n_tables = 1}};

/* An epoch as if it had been granted. */
static void grant(world *w)
{
    uint8_t key[24], value[128];
    const lth_agent_head head = {.at = {.epoch = 1}, .next_rec_seq = 1};
    memcpy(key, schools[0].org.b, 16);
    lth_put64(key + 16, LTH_STREAM_OWN);
    size_t n = lth_agent_head_encode(value, &head);
    bench_must(lth_store_begin(w->store, true, &w->txn), NULL, "begin");
    bench_must(lth_put_kv(w->txn, LTH_A_ahead, lth_slice_of(key, sizeof key),
                          lth_slice_of(value, n), LTH_PUT),
               NULL, "put");
    bench_must(lth_store_commit(&w->txn), NULL, "commit");
}

static void open_world(world *w, const char *dir)
{
    lth_diag diag = {0};
    const lth_store_options options = {.tables = lth_agent_table_names,
                                       .n_tables = LTH_A_COUNT,
                                       .map_size = UINT64_C(4) << 30,
                                       .create = true};
    *w = (world){.now = {.wall_ms = bench_wall_ms(), .mono = bench_ns()}};
    bench_must(lth_crypto_hasher_new(&w->hasher, &diag), &diag, "hasher");
    bench_must(lth_store_open_lmdb(&w->store, dir, &options, &diag), &diag, dir);
    grant(w);
    const lth_agent_env env = {.node_org = {{1}},
                               .role = LTH_ROLE_HOST,
                               .broker_org = {{3}},
                               .hasher = w->hasher,
                               .random = lth_crypto_random(),
                               .log = {.write = keep_quiet},
                               .schools = schools,
                               .n_schools = 1,
                               .scans_max = 1,
                               .keep_days = 35,
                               .schema = &schema,
                               .gone_percent = 100};
    bench_must(lth_store_begin(w->store, true, &w->txn), NULL, "begin");
    bench_must(lth_agent_open(&w->agent, &env, w->txn, w->now, &diag), &diag, "agent");
    bench_must(lth_store_commit(&w->txn), NULL, "commit");
}

static void close_world(world *w)
{
    lth_agent_free(&w->agent);
    lth_store_close(&w->store);
    lth_crypto_hasher_free(&w->hasher);
}

static void end_step(world *w)
{
    lth_diag diag = {0};
    bench_must(lth_agent_seal(w->agent, w->txn, w->now, &diag), &diag, "seal");
    uint64_t anon = bench_usage_of(getpid()).rss_anon;
    w->peak = anon > w->peak ? anon : w->peak;
    bench_must(lth_store_commit(&w->txn), NULL, "commit");
    bench_must(lth_agent_committed(w->agent, w->now), NULL, "committed");
}

static void feed(world *w, const lth_agent_event *event)
{
    lth_diag diag = {0};
    if (w->txn == NULL)
        bench_must(lth_store_begin(w->store, true, &w->txn), NULL, "begin");
    bench_must(lth_agent_handle(w->agent, w->txn, w->now, event, &diag), &diag, "event");
    if (lth_agent_step_full(w->agent))
        end_step(w);
}

static void rest(world *w)
{
    if (w->txn != NULL)
        end_step(w);
    while (!lth_agent_may_upload(w->agent, 0)) {
        feed(w, &(lth_agent_event){.kind = LTH_AEVENT_TIMER});
        if (w->txn != NULL)
            end_step(w);
    }
}

/* ---- files ---- */

/* What a file says of pupil i. */
typedef struct kind {
    bool coded;      /* Code and national id stand there. */
    uint32_t offset; /* Codes begin here. */
    bool namesakes;  /* All have one name. */
    uint32_t born;   /* Added to the number of days. */
} kind;

static lth_cell cell(char text[CELL], const char *fmt, ...) LTH_PRINTF(2, 3);
static lth_cell cell(char text[CELL], const char *fmt, ...)
{
    lth_buf out;
    va_list args;
    lth_buf_init(&out, CELL);
    va_start(args, fmt);
    bench_must(lth_buf_format_v(&out, fmt, args), NULL, "cell");
    va_end(args);
    memcpy(text, out.p, out.n);
    size_t n = out.n;
    lth_buf_fini(&out);
    return (lth_cell){(const uint8_t *)text, (int64_t)n};
}

static void feed_row(world *w, const kind *k, uint32_t i)
{
    static char text[COLUMNS][CELL];
    lth_cell row[COLUMNS];
    uint32_t day = i + k->born;
    for (uint32_t c = 0; c < COLUMNS; c++)
        row[c] = cell(text[c], "value %u of %u", c, i % 1000);
    row[CODE] =
        k->coded ? cell(text[CODE], "999%u", 1000000 + k->offset + i) : (lth_cell){NULL, -1};
    row[NATIONAL] = (lth_cell){NULL, -1};
    row[NAME] = k->namesakes ? cell(text[NAME], "Nguyen An") : cell(text[NAME], "Nguyen An %u", i);
    row[BORN] =
        cell(text[BORN], "%u/%u/%u", 1 + day % 28, 1 + day / 28 % 12, 2000 + day / 336 % 20);
    row[CLASS] = cell(text[CLASS], "%uA", 1 + i / 40);
    row[YEAR] = cell(text[YEAR], "2026");
    feed(w, &(lth_agent_event){.kind = LTH_AEVENT_ROW, .cells = row, .row = i + 2});
}

static double processor_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Milliseconds of processor time. */
static double read_file(world *w, const char *id, const kind *k, uint32_t n)
{
    lth_upload upload = {.bytes = n};
    (void)lth_format(upload.id, sizeof upload.id, "%s", id);
    upload.sha256[0] = (uint8_t)id[0];
    rest(w);
    double start = processor_ms();
    w->peak = 0;
    feed(w, &(lth_agent_event){.kind = LTH_AEVENT_UPLOAD, .upload = &upload, .tables = 1});
    for (uint32_t i = 0; i < n; i++)
        feed_row(w, k, i);
    feed(w, &(lth_agent_event){.kind = LTH_AEVENT_TABLE_END});
    feed(w, &(lth_agent_event){.kind = LTH_AEVENT_ROUND_END});
    rest(w);
    return processor_ms() - start;
}

/* ---- scenarios ---- */

typedef struct scenario {
    const char *name, *what;
    bool outside; /* Match keys use a column that is no field. */
    kind files[2];
    uint32_t n_files;
} scenario;

static const scenario SCENARIOS[] = {
    {"first", "a school's first file", false, {{.coded = true}}, 1},
    {"same", "the same file again", false, {{.coded = true}, {.coded = true}}, 2},
    {"outside",
     "the same again, keys with a column outside the mapping",
     true,
     {{.coded = true}, {.coded = true}},
     2},
    {"recoded",
     "all pupils have new codes",
     false,
     {{.coded = true}, {.coded = true, .offset = 500000}},
     2},
    {"namesakes",
     "one name for all, known with codes; others without codes come",
     false,
     {{.coded = true, .namesakes = true}, {.namesakes = true, .born = 3360}},
     2},
};
#define N_SCENARIOS (sizeof SCENARIOS / sizeof SCENARIOS[0])

static void run(const scenario *s, const char *dir, uint32_t rows, uint32_t runs)
{
    double *times = bench_alloc(runs, sizeof *times);
    uint64_t peak = 0;
    build(s->outside);
    for (uint32_t r = 0; r < runs; r++) {
        world w;
        bench_rmtree(dir);
        open_world(&w, dir);
        for (uint32_t f = 0; f < s->n_files; f++)
            times[r] = read_file(&w, f == 0 ? "1" : "2", &s->files[f], rows);
        peak = w.peak > peak ? w.peak : peak;
        close_world(&w);
    }
    (void)printf(
        "%-10s %6u rows: median %8.1f ms, least %8.1f ms of %u; RssAnon at most %.1f MiB  (%s)\n",
        s->name, rows, bench_quantile(times, runs, 0.5), bench_quantile(times, runs, 0), runs,
        (double)peak / 1048576, s->what);
    free(times);
    bench_rmtree(dir);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"rows", required_argument, NULL, 'r'},
                                            {"runs", required_argument, NULL, 'n'},
                                            {"store", required_argument, NULL, 's'},
                                            {"only", required_argument, NULL, 'o'},
                                            {NULL, 0, NULL, 0}};
    const char *dir = "/tmp/lienthong-bench-matching", *only = NULL;
    uint32_t rows = 6000, runs = 5;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'r')
            rows = (uint32_t)strtoul(optarg, NULL, 10);
        else if (o == 'n')
            runs = (uint32_t)strtoul(optarg, NULL, 10);
        else if (o == 's')
            dir = optarg;
        else if (o == 'o')
            only = optarg;
        else
            bench_die(
                "usage: bench_matching [--rows N] [--runs N] [--store DIR] [--only SCENARIO]");
    }
    lth_diag diag = {0};
    bench_must(lth_crypto_init(&diag), &diag, "crypto");
    if (rows < 1 || runs < 1)
        bench_die("rows and runs are at least 1");
    for (size_t i = 0; i < N_SCENARIOS; i++) {
        if (only == NULL || strcmp(only, SCENARIOS[i].name) == 0)
            run(&SCENARIOS[i], dir, rows, runs);
    }
    return 0;
}
