/* One broker: how many signed records a second does it check, merge and sync? The generator is this
 * process, on the same processors as the broker; all batches are signed before the clock starts. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/link.h"
#include "lth/control.h"
#include "lth/crypto.h"

#define RUNS_MAX  100u
#define ASK_TRIES 100u

typedef struct options {
    bench_country_options country;
    const char *broker; /* program */
    uint32_t records, batch, runs;
    bool updates;
} options;

typedef struct measure {
    double rates[RUNS_MAX];
    uint32_t n;
} measure;

/* ---- what the broker says of itself ---- */

typedef struct broker_counts {
    json_int_t live, batches, steps, refused, commit_us, store_used;
} broker_counts;

static json_int_t get(const json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

static void on_row(void *ctx, const json_t *row)
{
    broker_counts *out = ctx;
    const char *kind = json_string_value(json_object_get(row, "kind"));
    if (kind != NULL && strcmp(kind, "count") == 0)
        out->live += get(row, "live");
    if (kind == NULL || strcmp(kind, "node") != 0)
        return;
    out->batches = get(row, "batches");
    out->steps = get(row, "steps");
    out->refused = get(row, "held") + get(row, "rejected") + get(row, "duplicates");
    out->commit_us = get(row, "commit_us_mean");
    out->store_used = get(row, "store_used");
}

static void ask(const bench_country *country, const char *verb, broker_counts *out)
{
    json_t *end = NULL, *request = json_pack("{s:s}", "verb", verb);
    lth_diag diag = {0};
    if (lth_control_ask(country->control, request, on_row, out, &end, &diag) != 0)
        bench_die("%s: %s", verb, diag.text);
    json_decref(request);
    json_decref(end);
}

/* The status is copied by the writer between its steps: ask until it has seen the last of them. */
static broker_counts counts_after(const bench_country *country, uint64_t batches)
{
    broker_counts out = {0};
    for (uint32_t i = 0; i < ASK_TRIES && (uint64_t)out.batches < batches; i++) {
        out = (broker_counts){0};
        ask(country, "status", &out);
        struct timespec pause = {.tv_nsec = 50000000};
        nanosleep(&pause, NULL);
    }
    ask(country, "counts", &out);
    return out;
}

/* ---- runs ---- */

static void run_round(bench_link *link, const bench_round *round, uint32_t number, pid_t broker,
                      measure *out)
{
    const bench_load *load = link->load;
    uint64_t records = (uint64_t)round->n * load->batch_records;
    bench_usage before = bench_usage_of(broker), own_before = bench_usage_of(getpid());
    bench_sent sent = bench_link_round(link, round);
    bench_usage after = bench_usage_of(broker), own_after = bench_usage_of(getpid());
    broker_counts counts = counts_after(load->country, (uint64_t)round->n * (number + 1));
    if ((uint64_t)counts.live != records || counts.refused != 0 ||
        (uint64_t)counts.batches != (uint64_t)round->n * (number + 1))
        bench_die("the broker holds %lld records of %llu, refused %lld", (long long)counts.live,
                  (unsigned long long)records, (long long)counts.refused);
    double rate = (double)records / sent.seconds;
    out->rates[out->n++] = rate;
    printf("%-8s %9.0f records/s  %6.1f MB/s  %6.2f s  broker cpu %5.2f user %5.2f sys  generator "
           "cpu %5.2f  steps %lld  commit %.1f ms mean  rss %llu MiB (anon %llu)  store %lld MiB\n",
           number == 0 ? "first" : "update", rate, (double)sent.bytes / sent.seconds / 1e6,
           sent.seconds, after.user_s - before.user_s, after.sys_s - before.sys_s,
           own_after.user_s + own_after.sys_s - own_before.user_s - own_before.sys_s,
           (long long)counts.steps, (double)counts.commit_us / 1000.0,
           (unsigned long long)(after.rss_max >> 20), (unsigned long long)(after.rss_anon >> 20),
           (long long)counts.store_used >> 20);
    fflush(stdout);
}

static void run_once(const options *o, bench_load *load, const bench_round *rounds,
                     uint32_t n_rounds, measure *measures)
{
    const bench_country *country = load->country;
    char log[BENCH_PATH];
    const char *argv[] = {o->broker, "--node", country->broker, "--log-level", "warn", NULL};
    bench_link link;
    bench_rmtree(country->options.store);
    bench_path(log, "%s/broker.log", country->options.dir);
    pid_t broker = bench_spawn(argv, log);
    bench_link_open(&link, load);
    for (uint32_t i = 0; i < n_rounds; i++)
        run_round(&link, &rounds[i], i, broker, &measures[i]);
    bench_link_close(&link);
    bench_stop(broker, "lienthong-broker");
}

static void run_all(const options *o)
{
    bench_country country;
    bench_load load;
    bench_round rounds[2] = {0};
    measure measures[2] = {0};
    uint32_t n_rounds = o->updates ? 2 : 1;
    uint64_t start = bench_ns();
    bench_country_make(&country, &o->country);
    bench_load_open(&load, &country, o->batch);
    for (uint32_t i = 0; i < n_rounds; i++)
        bench_load_round(&load, &rounds[i], i);
    printf("made %u schools, %llu signed records, %llu bytes each on the wire, in %.1f s\n",
           load.n_schools, (unsigned long long)rounds[0].n * o->batch,
           (unsigned long long)(rounds[0].record_bytes / rounds[0].n / o->batch),
           (double)(bench_ns() - start) / 1e9);
    for (uint32_t i = 0; i < o->runs; i++)
        run_once(o, &load, rounds, n_rounds, measures);
    for (uint32_t i = 0; i < n_rounds; i++)
        printf("median of %u, %s: %.0f records/s\n", measures[i].n,
               i == 0 ? "first insertions" : "updates",
               bench_quantile(measures[i].rates, measures[i].n, 0.5));
    for (uint32_t i = 0; i < n_rounds; i++)
        bench_round_free(&rounds[i]);
    bench_load_close(&load);
    bench_country_fini(&country);
    bench_rmtree(o->country.store);
    bench_rmtree(o->country.dir);
}

static void usage(void)
{
    fputs(
        "usage: bench_ingest --broker PROGRAM --datasets DIR [--records N] [--batch N] [--runs N] "
        "[--updates]\n"
        "                    [--dir DIR] [--store DIR] [--port N] [--workers N]\n"
        "DIR of --dir (keys, configuration) and of --store is removed and made anew.\n",
        stderr);
    exit(2);
}

static options parse(int argc, char **argv)
{
    enum { BROKER, DATASETS, DIR, STORE, RECORDS, BATCH, RUNS, PORT, WORKERS, UPDATES };
    static const struct option longs[] = {{"broker", 1, NULL, BROKER},
                                          {"datasets", 1, NULL, DATASETS},
                                          {"dir", 1, NULL, DIR},
                                          {"store", 1, NULL, STORE},
                                          {"records", 1, NULL, RECORDS},
                                          {"batch", 1, NULL, BATCH},
                                          {"runs", 1, NULL, RUNS},
                                          {"port", 1, NULL, PORT},
                                          {"workers", 1, NULL, WORKERS},
                                          {"updates", 0, NULL, UPDATES},
                                          {NULL, 0, NULL, 0}};
    options o = {.country = {.dir = "/dev/shm/lienthong-bench",
                             .store = "/var/tmp/lienthong-bench-store",
                             .port = 27601,
                             .workers = 2,
                             .seed = 20260901},
                 .records = 2000000,
                 .batch = 500,
                 .runs = 5};
    const char **texts[] = {&o.broker, &o.country.datasets, &o.country.dir, &o.country.store};
    uint32_t *numbers[] = {&o.records, &o.batch, &o.runs, &o.country.port, &o.country.workers};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c == UPDATES)
            o.updates = true;
        else if (c >= BROKER && c <= STORE)
            *texts[c - BROKER] = optarg;
        else if (c >= RECORDS && c <= WORKERS)
            *numbers[c - RECORDS] = (uint32_t)strtoul(optarg, NULL, 10);
        else
            usage();
    }
    if (o.broker == NULL || o.country.datasets == NULL || optind != argc || o.batch == 0 ||
        o.batch > LTH_BATCH_RECORDS_MAX || o.records < o.batch || o.runs == 0 || o.runs > RUNS_MAX)
        usage();
    o.country.n_schools = o.records / o.batch;
    return o;
}

int main(int argc, char **argv)
{
    options o = parse(argc, argv);
    lth_diag diag = {0};
    bench_must(lth_crypto_init(&diag), &diag, "crypto");
    run_all(&o);
    return 0;
}
