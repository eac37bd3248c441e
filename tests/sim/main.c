/* sim --seed N [--verbose] [--print-hash] | --seeds A-B [--print-hash] | --mutants */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mutants.h"
#include "sim.h"

static unsigned long long current;

/* An assertion of a core, or worse. */
static void crashed(int number)
{
    char line[160];
    int n = snprintf(line, sizeof line,
                     "seed %llu: CRASH by signal %d\n  replay: sim --seed %llu --verbose\n",
                     current, number, current);
    if (n > 0) {
        (void)!write(STDERR_FILENO, line, (size_t)n);
    }
    _exit(SIM_CRASH);
}

static int run_one(uint64_t seed, bool verbose, bool print_hash)
{
    uint64_t trace;
    current = seed;
    int code = sim_run(seed, verbose, &trace);
    if (print_hash) {
        (void)printf("%llu %016llx\n", (unsigned long long)seed, (unsigned long long)trace);
    }
    return code;
}

/* Seeds A..B in this process; the first failure is the exit code, the others run all the same. */
static int run_many(uint64_t from, uint64_t to, bool print_hash)
{
    int first = 0;
    uint64_t failures = 0;
    for (uint64_t seed = from; seed <= to; seed++) {
        int code = run_one(seed, false, print_hash);
        first = first == 0 ? code : first;
        failures += code != 0;
    }
    (void)fprintf(stderr, "%llu seeds, %llu failed\n", (unsigned long long)(to - from + 1),
                  (unsigned long long)failures);
    return first;
}

static int usage(void)
{
    (void)fprintf(stderr,
                  "sim --seed N [--verbose] [--print-hash]\nsim --seeds A-B [--print-hash]\n");
    return SIM_USAGE;
}

int main(int argc, char **argv)
{
    bool verbose = false, print_hash = false, mutants = false;
    unsigned long long from = 0, to = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0) {
            verbose = true;
        } else if (strcmp(argv[i], "--print-hash") == 0) {
            print_hash = true;
        } else if (strcmp(argv[i], "--mutants") == 0) {
            mutants = true;
        } else if (strcmp(argv[i], "--mutant") == 0 && i + 1 < argc) {
            sim_mutant_set(atoi(argv[++i]));
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            from = to = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc &&
                   sscanf(argv[i + 1], "%llu-%llu", &from, &to) == 2) {
            i++;
        } else {
            return usage();
        }
    }
    (void)signal(SIGABRT, crashed);
    if (mutants) {
        return sim_mutants();
    }
    return from == to ? run_one(from, verbose, print_hash) : run_many(from, to, print_hash);
}
