/* Read one file to its end, several times: milliseconds (median and worst), rows, cells, and the
 * largest memory the process ever had. bench/sheet_book.py makes a workbook to read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "lth/sheet.h"

#define RUNS_MAX 1000

static double now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void read_once(const char *path, uint64_t *rows, uint64_t *cells)
{
    lth_sheet *sheet;
    lth_sheet_fault fault;
    lth_sheet_row row;
    lth_diag diag = {0};
    *rows = 0;
    *cells = 0;
    lth_err err = lth_sheet_open(&sheet, path, &fault, &diag);
    while (err == LTH_OK && (err = lth_sheet_next(sheet, &row, &fault, &diag)) == LTH_OK) {
        ++*rows;
        for (uint32_t i = 0; i < row.n_cells; i++) {
            *cells += row.cells[i].kind != LTH_CELL_EMPTY;
        }
    }
    lth_sheet_close(&sheet);
    if (err != LTH_E_NOT_FOUND) {
        (void)fprintf(stderr, "%s: %s: %s\n", path, lth_sheet_fault_name(fault), diag.text);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    static double times[RUNS_MAX];
    uint64_t rows = 0, cells = 0;
    int runs = argc == 3 ? atoi(argv[2]) : 5;
    if (argc < 2 || argc > 3 || runs < 1 || runs > RUNS_MAX) {
        (void)fputs("usage: bench_sheet FILE [RUNS]\n", stderr);
        return 2;
    }
    for (int i = 0; i < runs; i++) {
        double start = now_ms();
        read_once(argv[1], &rows, &cells);
        times[i] = now_ms() - start;
    }
    qsort(times, (size_t)runs, sizeof times[0], by_size);
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("%llu rows, %llu cells: median %.0f ms, worst %.0f ms of %d, peak %ld KiB\n",
                 (unsigned long long)rows, (unsigned long long)cells, times[runs / 2],
                 times[runs - 1], runs, usage.ru_maxrss);
    return 0;
}
