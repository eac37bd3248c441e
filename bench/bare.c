/* The bare work of ingest, without broker, network or protocol: one thread checks signatures,
 * commitments and roots, another writes three synced LMDB tables. What the broker reaches is
 * compared with this, made in the same minutes. */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/load.h"
#include "lth/crypto.h"
#include "lth/store.h"

#define QUEUE        32u
#define STEP_RECORDS 8000u

enum { T_BODY, T_RECORD, T_FEED, T_COUNT };

/* One record as the writer wants it. */
typedef struct item {
    uint8_t key[16];
    lth_slice wire;
} item;

typedef struct checked {
    lth_frame frame;
    uint32_t n;
    item items[LTH_BATCH_RECORDS_MAX];
} checked;

typedef struct bare {
    const bench_load *load;
    const bench_round *round;
    lth_store *store;
    checked *queue;
    uint32_t head, tail; /* made, written; under lock */
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t accept_no, feed_no;
} bare;

static void see(void *ctx, uint32_t index, const lth_record_view *record,
                const uint8_t leaf[LTH_HASH_SIZE])
{
    checked *out = ctx;
    (void)leaf;
    memcpy(out->items[index].key, record->header.record_id.b, 16);
    out->items[index].wire = record->wire;
    out->n = index + 1;
}

static int compare_items(const void *a, const void *b)
{
    return memcmp(((const item *)a)->key, ((const item *)b)->key, 16);
}

static void check(const bare *self, const lth_hasher *hasher, const bench_batch *batch,
                  checked *out)
{
    static uint8_t leaves[LTH_BATCH_RECORDS_MAX][LTH_HASH_SIZE];
    lth_batch_check result;
    lth_record_visitor each = {.ctx = out, .visit = see};
    bench_must(lth_frame_decode(&out->frame, lth_buf_slice(&batch->frame), NULL), NULL, "frame");
    lth_refusal code =
        lth_batch_verify_each(&result, hasher, &self->load->trust, out->frame.batch.signed_header,
                              out->frame.batch.body, leaves, &each, NULL);
    if (code != LTH_REFUSE_none)
        bench_die("a batch does not verify: %s", lth_refusal_name(code));
    qsort(out->items, out->n, sizeof *out->items, compare_items);
}

static void *checker_main(void *arg)
{
    bare *self = arg;
    lth_hasher hasher;
    lth_diag diag = {0};
    bench_must(lth_crypto_hasher_new(&hasher, &diag), &diag, "hasher");
    for (uint32_t i = 0; i < self->round->n; i++) {
        pthread_mutex_lock(&self->lock);
        while (self->head - self->tail == QUEUE)
            pthread_cond_wait(&self->moved, &self->lock);
        pthread_mutex_unlock(&self->lock);
        check(self, &hasher, &self->round->batches[i], &self->queue[i % QUEUE]);
        pthread_mutex_lock(&self->lock);
        self->head++;
        pthread_cond_signal(&self->moved);
        pthread_mutex_unlock(&self->lock);
    }
    lth_crypto_hasher_free(&hasher);
    return NULL;
}

static void write_batch(bare *self, lth_txn *txn, const checked *in)
{
    uint8_t no[8];
    lth_put64(no, ++self->accept_no);
    bench_must(
        lth_put_kv(txn, T_BODY, lth_slice_of(no, sizeof no), in->frame.batch.body, LTH_PUT_APPEND),
        NULL, "body");
    for (uint32_t i = 0; i < in->n; i++) {
        lth_slice key = lth_slice_of(in->items[i].key, sizeof in->items[i].key);
        bench_must(lth_put_kv(txn, T_RECORD, key, in->items[i].wire, LTH_PUT), NULL, "record");
        lth_put64(no, ++self->feed_no);
        bench_must(lth_put_kv(txn, T_FEED, lth_slice_of(no, sizeof no), key, LTH_PUT_APPEND), NULL,
                   "feed");
    }
}

/* The next checked batch; NULL when none is ready and @p wait is false. */
static checked *next(bare *self, bool wait)
{
    pthread_mutex_lock(&self->lock);
    while (wait && self->head == self->tail)
        pthread_cond_wait(&self->moved, &self->lock);
    bool there = self->head != self->tail;
    pthread_mutex_unlock(&self->lock);
    return there ? &self->queue[self->tail % QUEUE] : NULL;
}

static void write_step(bare *self)
{
    lth_txn *txn = NULL;
    uint32_t records = 0;
    bench_must(lth_store_begin(self->store, true, &txn), NULL, "begin");
    for (checked *in = next(self, true); in != NULL;) {
        write_batch(self, txn, in);
        records += in->n;
        pthread_mutex_lock(&self->lock);
        self->tail++;
        pthread_cond_signal(&self->moved);
        pthread_mutex_unlock(&self->lock);
        in = records < STEP_RECORDS ? next(self, false) : NULL;
    }
    bench_must(lth_store_commit(&txn), NULL, "commit");
}

static double run(bare *self)
{
    pthread_t checker;
    uint64_t start = bench_ns();
    if (pthread_create(&checker, NULL, checker_main, self) != 0)
        bench_die("no thread");
    while (self->tail < self->round->n)
        write_step(self);
    pthread_join(checker, NULL);
    return (double)(bench_ns() - start) / 1e9;
}

static void measure(const bench_load *load, const bench_round *round, const char *dir)
{
    static const char *const tables[T_COUNT] = {"body", "record", "feed"};
    lth_store_options options = {
        .tables = tables, .n_tables = T_COUNT, .map_size = UINT64_C(32) << 30, .create = true};
    bare self = {.load = load, .round = round};
    lth_diag diag = {0};
    lth_store_stat stat;
    pthread_mutex_init(&self.lock, NULL);
    pthread_cond_init(&self.moved, NULL);
    self.queue = bench_alloc(QUEUE, sizeof *self.queue);
    bench_rmtree(dir);
    bench_must(lth_store_open_lmdb(&self.store, dir, &options, &diag), &diag, dir);
    double seconds = run(&self);
    uint64_t records = (uint64_t)round->n * load->batch_records;
    bench_must(lth_store_stat_of(self.store, &stat), NULL, "stat");
    if (stat.entries != round->n + 2 * records)
        bench_die("the store holds %llu entries", (unsigned long long)stat.entries);
    printf("bare     %9.0f records/s  %6.2f s\n", (double)records / seconds, seconds);
    fflush(stdout);
    lth_store_close(&self.store);
    bench_rmtree(dir);
    free(self.queue);
    pthread_cond_destroy(&self.moved);
    pthread_mutex_destroy(&self.lock);
}

static void usage(void)
{
    fputs("usage: bench_bare --datasets DIR [--records N] [--runs N] [--dir DIR] [--store DIR]\n",
          stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"datasets", 1, NULL, 'd'}, {"records", 1, NULL, 'n'},
                                          {"runs", 1, NULL, 'r'},     {"dir", 1, NULL, 'k'},
                                          {"store", 1, NULL, 's'},    {NULL, 0, NULL, 0}};
    bench_country_options o = {.dir = "/dev/shm/lienthong-bench-bare",
                               .store = "/var/tmp/lienthong-bench-bare-store",
                               .port = 27602,
                               .workers = 1,
                               .seed = 20260901};
    uint32_t records = 2000000, batch = 500, runs = 1;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c == 'd')
            o.datasets = optarg;
        else if (c == 'k')
            o.dir = optarg;
        else if (c == 's')
            o.store = optarg;
        else if (c == 'n')
            records = (uint32_t)strtoul(optarg, NULL, 10);
        else if (c == 'r')
            runs = (uint32_t)strtoul(optarg, NULL, 10);
        else
            usage();
    }
    if (o.datasets == NULL || optind != argc || records < batch)
        usage();
    lth_diag diag = {0};
    bench_country country;
    bench_load load;
    bench_round round;
    signal(SIGXFSZ, SIG_IGN);
    bench_must(lth_crypto_init(&diag), &diag, "crypto");
    o.n_schools = records / batch;
    bench_country_make(&country, &o);
    bench_load_open(&load, &country, batch);
    bench_load_round(&load, &round, 0);
    for (uint32_t i = 0; i < runs; i++)
        measure(&load, &round, o.store);
    bench_round_free(&round);
    bench_load_close(&load);
    bench_country_fini(&country);
    bench_rmtree(o.dir);
    return 0;
}
