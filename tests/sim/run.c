/* One seed: the world's clock, both phases, the verdict. */
#include <stdarg.h>
#include <stdlib.h>

#include "sim.h"

#define CONVERGE_WITHIN (60 * 60 * SIM_S)
#define SETTLE          (40 * SIM_S) /* after convergence: what is told by the way arrives */
#define POLL            SIM_S
#define FRAMES_MAX      60000u /* a world at peace sends a tenth of it */

/* ---- chance: splitmix64 ---- */

uint64_t sim_draw(sim_rng *rng)
{
    uint64_t z = rng->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t sim_below(sim_rng *rng, uint32_t n)
{
    return (uint32_t)(sim_draw(rng) % n);
}

uint64_t sim_range(sim_rng *rng, uint64_t lo, uint64_t hi)
{
    return lo + sim_draw(rng) % (hi - lo + 1);
}

bool sim_chance(sim_rng *rng, uint32_t n)
{
    return sim_below(rng, 100000) < n;
}

/* ---- trace and verdict ---- */

static void mix(uint64_t *hash, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++) {
        *hash = (*hash ^ p[i]) * 0x100000001b3u;
    }
}

void sim_trace(sim *s, const char *what, const void *bytes, size_t n)
{
    mix(&s->trace, &s->now, sizeof s->now);
    mix(&s->trace, what, strlen(what));
    mix(&s->trace, bytes, n);
    s->events++;
}

LTH_PRINTF(2, 0) static void say(const sim *s, const char *fmt, va_list args)
{
    (void)fprintf(stderr, "%9.3f ", (double)(s->now / SIM_MS) / 1000.0);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
}

void sim_say(const sim *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (s->verbose) {
        say(s, fmt, args);
    }
    va_end(args);
}

void sim_fail(sim *s, int code, const char *invariant, const char *fmt, ...)
{
    va_list args;
    if (s->failed != 0) {
        return;
    }
    s->failed = code;
    (void)fprintf(stderr, "seed %llu: %s: %s\n  replay: sim --seed %llu --verbose\n  ",
                  (unsigned long long)s->seed, code == SIM_LIVENESS ? "LIVENESS" : "CORRECTNESS",
                  invariant, (unsigned long long)s->seed);
    va_start(args, fmt);
    say(s, fmt, args);
    va_end(args);
}

/* ---- the clock ---- */

static uint64_t next_instant(const sim *s)
{
    uint64_t at = sim_network_next(s);
    uint64_t fault = sim_faults_next(s);
    at = fault < at ? fault : at;
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        uint64_t next = sim_node_next(&s->nodes[i]);
        at = next < at ? next : at;
    }
    for (uint32_t i = 0; i < s->n_schools; i++) {
        const sim_school *school = &s->schools[i];
        uint64_t acts = school->clerk != NULL ? school->clerk->acts_at : school->mutate_at;
        at = acts < at ? acts : at;
    }
    return at;
}

static void advance(sim *s, uint64_t until)
{
    while (s->failed == 0) {
        uint64_t at = next_instant(s);
        if (at > until) {
            s->now = until;
            return;
        }
        s->now = at > s->now ? at : s->now;
        if (s->frames > FRAMES_MAX) {
            sim_fail(s, SIM_LIVENESS, "no node goes round in circles", "%llu frames",
                     (unsigned long long)s->frames);
        }
        sim_faults_run(s);
        sim_network_run(s);
        for (uint32_t i = 0; i < s->n_schools; i++) {
            sim_school *school = &s->schools[i];
            if (school->clerk != NULL && school->clerk->acts_at <= s->now) {
                sim_clerk_act(s, school);
            } else if (school->clerk == NULL && school->mutate_at <= s->now) {
                sim_source_mutate(s, school);
            }
        }
        for (uint32_t i = 0; i < s->n_nodes && s->failed == 0; i++) {
            if (sim_node_next(&s->nodes[i]) <= s->now) {
                sim_node_step(s, &s->nodes[i]);
            }
        }
    }
}

/* ---- phases ---- */

static void check_stores(sim *s)
{
    for (uint32_t i = 0; i < s->n_nodes && s->failed == 0; i++) {
        sim_node *node = &s->nodes[i];
        if (node->is_broker) {
            sim_check_broker(s, node);
        } else if (!node->clone) {
            sim_check_agent(s, node);
        }
    }
}

static void converge(sim *s)
{
    uint64_t since = SIM_NEVER;
    s->end_at = s->now + CONVERGE_WITHIN;
    while (s->failed == 0 && (since == SIM_NEVER || s->now < since + SETTLE)) {
        advance(s, s->now + POLL);
        if (s->failed != 0) {
            return;
        }
        bool done = sim_converged(s);
        since = done ? (since == SIM_NEVER ? s->now : since) : SIM_NEVER;
        if (s->now >= s->end_at) {
            sim_fail(s, SIM_LIVENESS, "everything converges after healing", "still waiting for %s",
                     s->waiting);
        }
    }
}

static void run(sim *s)
{
    sim_faults_draw(s);
    sim_country_draw(s);
    sim_public_draw(s);
    for (uint32_t i = 0; i < s->n_links; i++) {
        s->links[i].blocked_until = s->links[i].broken_at = SIM_NEVER;
        s->links[i].connect_at = sim_range(&s->rng, 1, 3000) * SIM_MS;
    }
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        s->nodes[i].start_at = sim_range(&s->rng, 0, 20000) * SIM_MS;
    }
    s->heal_at = sim_range(&s->rng, 180, 600) * SIM_S;
    advance(s, s->heal_at);
    if (s->failed == 0) {
        sim_faults_heal(s);
        converge(s);
    }
    if (s->failed == 0) {
        check_stores(s);
        sim_public_check(s);
        sim_match_all(s);
    }
}

int sim_run(uint64_t seed, bool verbose, uint64_t *trace)
{
    sim *s = calloc(1, sizeof *s);
    if (s == NULL || (s->checked = calloc(1, sizeof *s->checked)) == NULL) {
        abort();
    }
    s->seed = seed;
    s->rng.state = seed * 0x2545f4914f6cdd1du + 1;
    s->trace = 0xcbf29ce484222325u;
    s->verbose = verbose;
    s->hasher = test_hasher();
    run(s);
    int failed = s->failed;
    *trace = s->trace;
    if (verbose) {
        (void)fprintf(stderr, "%llu frames, %llu batches, %llu steps, %llu crashes, %llu events\n",
                      (unsigned long long)s->frames, (unsigned long long)s->batches,
                      (unsigned long long)s->steps, (unsigned long long)s->crashes,
                      (unsigned long long)s->events);
    }
    sim_network_free(s);
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        sim_node_free(&s->nodes[i]);
    }
    for (uint32_t i = 0; i < s->n_schools; i++) {
        free(s->schools[i].clerk);
    }
    free(s->checked);
    free(s);
    return failed;
}
