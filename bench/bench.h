/**
 * @file bench/bench.h
 * What every benchmark needs: a clock, a seeded source of numbers, files, child processes, and what
 * /proc says of them. A benchmark that cannot go on says why and ends with status 1.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "lth/bytes.h"
#include "lth/diag.h"

#define BENCH_PATH 4096

/** Print and exit(1). */
_Noreturn void bench_die(const char *fmt, ...) LTH_PRINTF(1, 2);
/** Die with the diag's text unless @p err is LTH_OK. */
void bench_must(lth_err err, const lth_diag *diag, const char *what);

/** CLOCK_MONOTONIC in nanoseconds, and Unix time in milliseconds. */
uint64_t bench_ns(void);
uint64_t bench_wall_ms(void);

/** splitmix64: the same numbers for the same seed everywhere. */
typedef struct bench_rng {
    uint64_t state;
} bench_rng;
uint64_t bench_random(bench_rng *rng);

/** Middle, and any other quantile, of @p n values, which are sorted in place. */
double bench_quantile(double *values, size_t n, double q);

void bench_path(char out[BENCH_PATH], const char *fmt, ...) LTH_PRINTF(2, 3);
/** Make the directory and those above it. */
void bench_mkdir(const char *path, mode_t mode);
/** Remove a directory with everything in it. */
void bench_rmtree(const char *path);
void bench_write(const char *path, const void *bytes, size_t size);
void bench_copy(const char *from, const char *to);
void *bench_alloc(size_t n, size_t size);

/** Start a program with its standard error in @p log; one at a time. Its end before bench_stop()
 * ends this process too. */
pid_t bench_spawn(const char *const *argv, const char *log);
/** SIGTERM, and wait for its end; a status other than 0 is fatal. */
void bench_stop(pid_t pid, const char *name);

typedef struct bench_usage {
    double user_s, sys_s; /**< All threads since the start. */
    uint64_t rss_max;     /**< VmHWM, bytes. */
    uint64_t rss_anon;    /**< RssAnon now. */
} bench_usage;
/** Of a running process. */
bench_usage bench_usage_of(pid_t pid);
