#include "bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static volatile sig_atomic_t running; /* the child, while it must not end */

void bench_die(const char *fmt, ...)
{
    va_list args;
    pid_t child = running;
    running = 0;
    if (child != 0)
        kill(child, SIGTERM);
    va_start(args, fmt);
    fputs("bench: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void bench_must(lth_err err, const lth_diag *diag, const char *what)
{
    if (err != LTH_OK)
        bench_die("%s: %s", what,
                  diag != NULL && diag->text[0] != '\0' ? diag->text : lth_err_text(err));
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t bench_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t bench_wall_ms(void)
{
    return clock_ns(CLOCK_REALTIME) / 1000000u;
}

uint64_t bench_random(bench_rng *rng)
{
    uint64_t x = rng->state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_quantile(double *values, size_t n, double q)
{
    LTH_ASSERT(n > 0);
    qsort(values, n, sizeof *values, compare_doubles);
    return values[(size_t)(q * (double)(n - 1) + 0.5)];
}

void bench_path(char out[BENCH_PATH], const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(out, BENCH_PATH, fmt, args);
    va_end(args);
    if (n < 0 || n >= BENCH_PATH)
        bench_die("path too long: %s", fmt);
}

void bench_mkdir(const char *path, mode_t mode)
{
    char part[BENCH_PATH];
    bench_path(part, "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            bench_die("%s: %s", part, strerror(errno));
        *slash = '/';
    }
    if (mkdir(path, mode) != 0 && errno != EEXIST)
        bench_die("%s: %s", path, strerror(errno));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void bench_rmtree(const char *path)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        bench_die("%s: %s", path, strerror(errno));
}

void bench_write(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        bench_die("%s: %s", path, strerror(errno));
}

void bench_copy(const char *from, const char *to)
{
    static char bytes[1 << 20];
    FILE *file = fopen(from, "rb");
    if (file == NULL)
        bench_die("%s: %s", from, strerror(errno));
    size_t n = fread(bytes, 1, sizeof bytes, file);
    if (ferror(file) || n == sizeof bytes)
        bench_die("%s: not readable, or too large to copy", from);
    fclose(file);
    bench_write(to, bytes, n);
}

void *bench_alloc(size_t n, size_t size)
{
    void *p = calloc(n, size);
    if (p == NULL)
        bench_die("out of memory: %zu x %zu bytes", n, size);
    return p;
}

static void child_ended(int signal)
{
    static const char text[] = "bench: the program under test ended by itself: see its log\n";
    (void)signal;
    if (running == 0)
        return;
    (void)!write(2, text, sizeof text - 1);
    _exit(1);
}

pid_t bench_spawn(const char *const *argv, const char *log)
{
    pid_t pid;
    signal(SIGCHLD, child_ended);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    int rc = posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        bench_die("%s: %s", argv[0], strerror(rc));
    running = pid;
    return pid;
}

void bench_stop(pid_t pid, const char *name)
{
    int status;
    running = 0;
    if (kill(pid, SIGTERM) != 0 || waitpid(pid, &status, 0) != pid)
        bench_die("%s: %s", name, strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        bench_die("%s ended with status 0x%x", name, (unsigned)status);
}

/* A whole file of /proc into @p out, terminated. */
static void read_proc(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);
    if (n < 0)
        bench_die("%s: %s", path, strerror(errno));
    close(fd);
    out[n] = '\0';
}

static uint64_t status_kib(const char *status, const char *key)
{
    const char *at = strstr(status, key);
    return at == NULL ? 0 : strtoull(at + strlen(key), NULL, 10);
}

bench_usage bench_usage_of(pid_t pid)
{
    char text[8192];
    read_proc(pid, "stat", text, sizeof text);
    const char *at = strrchr(text, ')'); /* the name may hold spaces; utime is the 12th after it */
    for (int field = 0; at != NULL && field < 12; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        bench_die("/proc/%d/stat cannot be read", (int)pid);
    char *end;
    double ticks = (double)sysconf(_SC_CLK_TCK);
    bench_usage out = {.user_s = (double)strtoull(at, &end, 10) / ticks};
    out.sys_s = (double)strtoull(end, NULL, 10) / ticks;
    read_proc(pid, "status", text, sizeof text);
    out.rss_max = status_kib(text, "VmHWM:") * 1024;
    out.rss_anon = status_kib(text, "RssAnon:") * 1024;
    return out;
}
