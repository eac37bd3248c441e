/**
 * @file agents/shell/platform.h
 * Everything the agent asks of the operating system beside its libraries: clock, signals, child
 * processes, the service manager, secret files. One implementation a system.
 */
#pragma once

#include <sys/types.h>

#include "lth/diag.h"
#include "lth/time.h"

lth_now lth_platform_now(void);

/** What the process was told from outside. */
typedef enum lth_platform_signal {
    LTH_SIGNAL_NONE,
    LTH_SIGNAL_STOP,
    LTH_SIGNAL_RELOAD,
    LTH_SIGNAL_CHILD
} lth_platform_signal;
/** Call once, first: from then on signals only come out of the descriptor; broken pipes and full
 * quotas become errors of the calls they concern. Returns the descriptor to poll, -1 on failure. */
int lth_platform_signals(void);
lth_platform_signal lth_platform_next_signal(int fd);

/** A child with pipes to its stdin and from its stdout, both non-blocking at our end. */
typedef struct lth_platform_child {
    pid_t pid;
    int to, from;
} lth_platform_child;
LTH_MUST_USE lth_err lth_platform_spawn(lth_platform_child *out, const char *program,
                                        lth_diag *diag);
void lth_platform_kill(pid_t pid);
/** Has it ended? Then @p how says how ("exit 1", "signal 11") and the process is forgotten. */
bool lth_platform_ended(pid_t pid, char *how, size_t how_size);
void lth_platform_close(int *fd);
/** Bytes read; 0 at the end of the stream; -1: none now; -2: broken. */
ssize_t lth_platform_read(int fd, void *out, size_t n);
/** Bytes taken (0: none now), -1: broken. */
ssize_t lth_platform_write(int fd, const void *p, size_t n);

/** First line of a file that only its owner (us, or root) can read. LTH_E_CONFIG, LTH_E_IO. */
LTH_MUST_USE lth_err lth_platform_secret(char *out, size_t size, const char *path, lth_diag *diag);

/** Path of lienthong-capture: LIENTHONG_CAPTURE, or where it lies beside this program, installed or
 * built. LTH_E_CONFIG if it cannot be run. */
LTH_MUST_USE lth_err lth_platform_capture_path(char *out, size_t size, lth_diag *diag);

/** sd_notify(3): one datagram to the service manager, if there is one. */
void lth_platform_notify(const char *state);
/** How often the service manager wants WATCHDOG=1, in ns; LTH_MONO_NEVER if it does not. */
lth_mono lth_platform_watchdog(void);
/** Give memory back to the system. */
void lth_platform_trim(void);
/** Keep the heap small: one arena, large blocks returned when freed. Call once, first. */
void lth_platform_small_heap(void);
