#include "agents/shell/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void lth_dir_close(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

int lth_dir_ours(int dir, const char *name, bool make)
{
    struct stat st;
    int fd = openat(dir, name, LTH_DIR_FLAGS);
    if (fd < 0 && errno == ENOENT && make && mkdirat(dir, name, 0750) == 0)
        fd = openat(dir, name, LTH_DIR_FLAGS);
    if (fd < 0 || (fstat(fd, &st) == 0 && st.st_uid == geteuid()))
        return fd;
    lth_dir_close(fd);
    errno = EPERM;
    return -1;
}

static bool write_synced(int fd, lth_slice text)
{
    for (size_t at = 0; at < text.n;) {
        ssize_t put = write(fd, text.p + at, text.n - at);
        if (put < 0 && errno != EINTR)
            return false;
        at += put > 0 ? (size_t)put : 0;
    }
    return fsync(fd) == 0;
}

bool lth_dir_replace(int dir, const char *made, const char *name, unsigned mode, lth_slice text)
{
    (void)unlinkat(dir, made, 0);
    int fd = openat(dir, made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode);
    bool fine =
        fd >= 0 && write_synced(fd, text) && renameat(dir, made, dir, name) == 0 && fsync(dir) == 0;
    int why = errno;
    lth_dir_close(fd);
    errno = why;
    return fine;
}
