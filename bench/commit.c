/* One synced LMDB commit of one small value, on an idle store: the unit in which latencies are
 * counted. Prints p50 and p99 in microseconds. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "lth/store.h"

#define COMMITS_MAX 100000u

static double commit_once(lth_store *store, uint64_t number)
{
    uint8_t key[8], value[634] = {0};
    lth_txn *txn = NULL;
    uint64_t start = bench_ns();
    lth_put64(key, number);
    bench_must(lth_store_begin(store, true, &txn), NULL, "begin");
    bench_must(lth_put_kv(txn, 0, lth_slice_of(key, sizeof key), lth_slice_of(value, sizeof value),
                          LTH_PUT),
               NULL, "put");
    bench_must(lth_store_commit(&txn), NULL, "commit");
    return (double)(bench_ns() - start) / 1e3;
}

int main(int argc, char **argv)
{
    static const char *const tables[] = {"t"};
    if (argc != 3) {
        fputs("usage: bench_commit DIR COMMITS\nDIR is removed and made anew.\n", stderr);
        return 2;
    }
    signal(SIGXFSZ, SIG_IGN);
    size_t n = strtoul(argv[2], NULL, 10);
    if (n == 0 || n > COMMITS_MAX)
        bench_die("between 1 and %u commits", COMMITS_MAX);
    double *times = bench_alloc(n, sizeof *times);
    lth_store_options options = {
        .tables = tables, .n_tables = 1, .map_size = 1u << 30, .create = true};
    lth_store *store;
    lth_diag diag = {0};
    bench_rmtree(argv[1]);
    bench_must(lth_store_open_lmdb(&store, argv[1], &options, &diag), &diag, argv[1]);
    for (size_t i = 0; i < n; i++)
        times[i] = commit_once(store, i);
    lth_store_close(&store);
    bench_rmtree(argv[1]);
    printf("commits %zu p50_us %.0f p99_us %.0f\n", n, bench_quantile(times, n, 0.5),
           bench_quantile(times, n, 0.99));
    free(times);
    return 0;
}
