#include "mutants.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

#ifdef LTH_MUTANTS

#define SEEDS_MAX 300u

int lth_mutant;

/* Not 3 (the merge takes the later arrival): a chain delivers versions in their order, so that
 * until openings exist the later arrival is the greatest version; nothing can show the
 * difference. */
static const int mutants[] = {1,  2,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,
                              15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
                              28, 29, 30, 31, 32, 33, 34, 35, 36, 41, 42, 43};

void sim_mutant_set(int n)
{
    lth_mutant = n;
}

/* In a process of its own: a planted bug may well end in an assertion. */
static int run_apart(int mutant, uint64_t seed)
{
    int status = 0;
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        uint64_t trace;
        lth_mutant = mutant;
        if (freopen("/dev/null", "w", stderr) == NULL) {
            _exit(SIM_USAGE);
        }
        _exit(sim_run(seed, false, &trace));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        (void)fprintf(stderr, "sim: no process\n");
        exit(SIM_USAGE);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : SIM_CRASH;
}

/* Seed that finds it, or 0. */
static uint64_t hunt(int mutant, int *code)
{
    for (uint64_t seed = 1; seed <= SEEDS_MAX; seed++) {
        *code = run_apart(mutant, seed);
        if (*code != SIM_OK) {
            return seed;
        }
    }
    return 0;
}

int sim_mutants(void)
{
    int missed = 0;
    for (size_t i = 0; i < sizeof mutants / sizeof *mutants; i++) {
        int code = 0;
        uint64_t seed = hunt(mutants[i], &code);
        bool clean = seed == 0 || run_apart(0, seed) == SIM_OK;
        (void)printf("mutant %2d: %s by seed %llu (exit %d)%s\n", mutants[i],
                     seed != 0 ? "found" : "NOT FOUND", (unsigned long long)seed, code,
                     clean ? "" : ", but so is the unharmed core");
        (void)fflush(stdout);
        missed += seed == 0 || !clean;
    }
    return missed == 0 ? 0 : 1;
}

#else

void sim_mutant_set(int n)
{
    (void)n;
}

int sim_mutants(void)
{
    (void)fprintf(stderr, "sim: built without planted bugs; see sim_mutants\n");
    return SIM_USAGE;
}

#endif
