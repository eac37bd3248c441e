/**
 * @file bench/country.h
 * A ministry with its broker, a province that hosts all its schools, and the schools: directories,
 * keys, certificates and configuration as the real programs read them.
 */
#pragma once

#include "bench/bench.h"
#include "lth/conf.h"

typedef struct bench_country_options {
    const char *dir;      /**< Made anew. */
    const char *store;    /**< The broker's store. */
    const char *datasets; /**< Directory of the dataset to be measured with. */
    uint32_t n_schools;
    uint32_t port, workers;
    uint64_t seed;
} bench_country_options;

typedef struct bench_country {
    bench_country_options options;
    char broker[BENCH_PATH], host[BENCH_PATH], control[BENCH_PATH], endpoint[64];
    lth_id ministry, province;
    lth_id *schools; /**< In no order: as first halves of ids are in a real registry. */
    lth_conf *owner;
    const lth_schema *schema;
} bench_country;

void bench_country_make(bench_country *out, const bench_country_options *options);
/** Directory of a school's keys at its host. */
void bench_country_school(const bench_country *country, uint32_t school, char out[BENCH_PATH]);
void bench_country_fini(bench_country *country);
