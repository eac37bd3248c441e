#include "agents/shell/platform.h"
#include "lth/program.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIPE_BYTES (1024 * 1024)

lth_now lth_platform_now(void)
{
    struct timespec mono, wall;
    (void)clock_gettime(CLOCK_MONOTONIC, &mono);
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    return (lth_now){
        .mono = LTH_MONO_S(mono.tv_sec) + (lth_mono)mono.tv_nsec,
        .wall_ms = (uint64_t)wall.tv_sec * 1000u + (uint64_t)wall.tv_nsec / 1000000u,
    };
}

/* ---- signals ---- */

static const struct {
    int number;
    lth_platform_signal meaning;
} SIGNALS[] = {{SIGTERM, LTH_SIGNAL_STOP},
               {SIGINT, LTH_SIGNAL_STOP},
               {SIGHUP, LTH_SIGNAL_RELOAD},
               {SIGCHLD, LTH_SIGNAL_CHILD}};

int lth_platform_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++)
        (void)sigaddset(&set, SIGNALS[i].number);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)signal(SIGIO, SIG_IGN); /* a lease of an inbox's file is wanted back */
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

lth_platform_signal lth_platform_next_signal(int fd)
{
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != (ssize_t)sizeof info)
        return LTH_SIGNAL_NONE;
    for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++) {
        if ((int)info.ssi_signo == SIGNALS[i].number)
            return SIGNALS[i].meaning;
    }
    return LTH_SIGNAL_NONE;
}

/* ---- children ---- */

static int spawn_with(const char *program, int in, int out, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    char *argv[] = {(char *)(uintptr_t)program, NULL};
    (void)sigemptyset(&none);
    (void)sigemptyset(&usual);
    (void)sigaddset(&usual, SIGPIPE);
    (void)sigaddset(&usual, SIGXFSZ);
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc != 0)
        goto done;
    if ((rc = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO)) == 0 &&
        (rc = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO)) == 0 &&
        (rc = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
        (rc = posix_spawnattr_setsigdefault(&attributes, &usual)) == 0 &&
        (rc = posix_spawnattr_setflags(&attributes,
                                       POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)) == 0)
        rc = posix_spawn(pid, program, &actions, &attributes, argv, environ);
    (void)posix_spawnattr_destroy(&attributes);
done:
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

lth_err lth_platform_spawn(lth_platform_child *out, const char *program, lth_diag *diag)
{
    int in[2] = {-1, -1}, from[2] = {-1, -1};
    int rc = 0;
    *out = (lth_platform_child){-1, -1, -1};
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0 ||
        fcntl(in[1], F_SETFL, O_NONBLOCK) != 0 || fcntl(from[0], F_SETFL, O_NONBLOCK) != 0)
        rc = errno;
    else
        rc = spawn_with(program, in[0], from[1], &out->pid);
    lth_platform_close(&in[0]);
    lth_platform_close(&from[1]);
    if (rc != 0) {
        lth_platform_close(&in[1]);
        lth_platform_close(&from[0]);
        return lth_fail(diag, LTH_E_IO, "%s: %s", program, strerrordesc_np(rc));
    }
    /* Rows come in bursts; an unprivileged user may be allowed less. */
    (void)fcntl(from[0], F_SETPIPE_SZ, PIPE_BYTES);
    out->to = in[1];
    out->from = from[0];
    return LTH_OK;
}

void lth_platform_kill(pid_t pid)
{
    (void)kill(pid, SIGKILL);
}

bool lth_platform_ended(pid_t pid, char *how, size_t how_size)
{
    int status = 0;
    pid_t rc = waitpid(pid, &status, WNOHANG);
    if (rc == 0 || (rc < 0 && errno == EINTR))
        return false;
    if (rc > 0 && WIFSIGNALED(status))
        (void)snprintf(how, how_size, "signal %d", WTERMSIG(status));
    else
        (void)snprintf(how, how_size, "exit %d", rc > 0 ? WEXITSTATUS(status) : -1);
    return true;
}

void lth_platform_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

ssize_t lth_platform_read(int fd, void *out, size_t n)
{
    ssize_t got = read(fd, out, n);
    if (got >= 0)
        return got;
    return errno == EAGAIN || errno == EINTR ? -1 : -2;
}

ssize_t lth_platform_write(int fd, const void *p, size_t n)
{
    ssize_t put = write(fd, p, n);
    if (put >= 0)
        return put;
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

/* ---- files ---- */

lth_err lth_platform_secret(char *out, size_t size, const char *path, lth_diag *diag)
{
    struct stat st;
    lth_err err = LTH_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        err = lth_fail(diag, LTH_E_IO, "%s: không mở được / cannot be opened: %s", path,
                       strerrordesc_np(errno));
        goto done;
    }
    if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()) ||
        (st.st_mode & 077) != 0) {
        err = lth_fail(diag, LTH_E_CONFIG,
                       "%s: tệp mật khẩu phải là của tài khoản này và chỉ mình nó đọc được, gõ / "
                       "the password file must be ours and closed to others, type: chmod 0400 %s",
                       path, path);
        goto done;
    }
    ssize_t n = read(fd, out, size);
    char *end = n > 0 ? memchr(out, '\n', (size_t)n) : NULL;
    if (n < 0 || (end == NULL && (size_t)n == size))
        err = lth_fail(diag, LTH_E_CONFIG,
                       "%s: mật khẩu dài quá %zu byte / the password is longer than %zu bytes",
                       path, size - 1, size - 1);
    else if (end != NULL)
        *end = '\0';
    else
        out[n] = '\0';
done:
    lth_platform_close(&fd);
    return err;
}

lth_err lth_platform_capture_path(char *out, size_t size, lth_diag *diag)
{
    static const char *const places[] = {"../libexec/lienthong/lienthong-capture",
                                         "../capture/lienthong-capture"};
    char self[2048];
    const char *named = getenv("LIENTHONG_CAPTURE");
    if (named != NULL && lth_format(out, size, "%s", named) == strlen(named) &&
        access(out, X_OK) == 0)
        return LTH_OK;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash = n > 0 ? memrchr(self, '/', (size_t)n) : NULL;
    for (size_t i = 0; named == NULL && slash != NULL && i < sizeof places / sizeof places[0];
         i++) {
        int length = snprintf(out, size, "%.*s/%s", (int)(slash - self), self, places[i]);
        if (length > 0 && (size_t)length < size && access(out, X_OK) == 0)
            return LTH_OK;
    }
    return lth_fail(diag, LTH_E_CONFIG,
                    "không tìm thấy lienthong-capture: cài lại gói / lienthong-capture is missing: "
                    "install the package again");
}

/* ---- service manager ---- */

void lth_platform_notify(const char *state)
{
    lth_service_notify(state);
}

lth_mono lth_platform_watchdog(void)
{
    const char *text = getenv("WATCHDOG_USEC");
    unsigned long long us = text != NULL ? strtoull(text, NULL, 10) : 0;
    return us > 0 && us < UINT64_MAX / 1000 ? us * 1000 : LTH_MONO_NEVER;
}

/* ---- memory ---- */

void lth_platform_small_heap(void)
{
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 256 * 1024);
}

void lth_platform_trim(void)
{
    (void)malloc_trim(0);
}
