/* A file into an inbox: written aside, synced, then named. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "agents/intake/web.h"

#define RESERVE_BYTES (64u * 1024u * 1024u) /* kept free for everything else */

static bool make_dir(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static lth_err out_of_space(uint64_t wanted, int inbox, lth_diag *diag)
{
    struct statvfs fs;
    if (fstatvfs(inbox, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < wanted + RESERVE_BYTES)
        return lth_fail(diag, LTH_E_STORE_FULL, "inbox: disk is full");
    return LTH_OK;
}

/* Whoever else may write into an inbox, a vendor by SFTP, may put a link there. */
static int open_aside(int inbox)
{
    return openat(inbox, ".in", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* Names of this process's own parts begin so: a clock that was set back makes them no older. */
static size_t own_prefix(char *out, size_t size, int64_t since_ns)
{
    return lth_format(out, size, "%llu-", (unsigned long long)since_ns);
}

/* What an earlier process began and never ended. */
static void sweep(int inbox, int64_t since_ns)
{
    struct stat st;
    char own[24];
    size_t n = own_prefix(own, sizeof own, since_ns);
    int fd = open_aside(inbox);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    for (const struct dirent *e = NULL; dir != NULL && (e = readdir(dir)) != NULL;)
        if (strncmp(e->d_name, own, n) != 0 &&
            fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec < since_ns)
            (void)unlinkat(fd, e->d_name, 0);
    if (dir != NULL)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
}

lth_err lth_receive_open(lth_receive *self, const lth_inbox *to, uint64_t expected, lth_diag *diag)
{
    const char *inbox = to->path;
    char random[17], own[24], path[LTH_PATH_SIZE];
    *self = (lth_receive){.inbox = -1, .aside = -1, .fd = -1, .max = to->max};
    (void)lth_format(path, sizeof path, "%s/.in", inbox);
    if (!make_dir(inbox) || !make_dir(path))
        return lth_fail(diag, LTH_E_IO, "%s: %s", path, strerror(errno));
    self->inbox = open(inbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->inbox < 0)
        return lth_fail(diag, LTH_E_IO, "%s: %s", inbox, strerror(errno));
    sweep(self->inbox, to->since_ns);
    lth_err err = out_of_space(expected, self->inbox, diag);
    lth_random_text(random, 8);
    (void)own_prefix(own, sizeof own, to->since_ns);
    (void)lth_format(self->part, sizeof self->part, "%s%s.part", own, random);
    self->aside = open_aside(self->inbox);
    if (err == LTH_OK && self->aside >= 0)
        self->fd = openat(self->aside, self->part,
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (err == LTH_OK && self->fd < 0)
        err = lth_fail(diag, LTH_E_IO, "%s/%s: %s", path, self->part, strerror(errno));
    if (err != LTH_OK)
        lth_receive_close(self);
    return err;
}

bool lth_receive_feed(lth_receive *self, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n && self->bytes + i < sizeof self->first; i++)
        self->first[self->bytes + i] = p[i];
    self->bytes += n;
    while (n > 0 && self->fault == 0 && self->bytes <= self->max) {
        ssize_t put = write(self->fd, p, n);
        if (put < 0 && errno != EINTR)
            self->fault = errno;
        p += put > 0 ? put : 0;
        n -= put > 0 ? (size_t)put : 0;
    }
    return self->fault == 0 && self->bytes <= self->max;
}

/* By the first bytes: only so that people and tools see what lies there; the reader looks anew. */
static const char *ending(const lth_receive *self)
{
    static const struct {
        uint8_t first[8];
        size_t n;
        const char *name;
    } kinds[] = {
        {{'P', 'K', 3, 4}, 4, "xlsx"},
        {{0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1}, 8, "xls"},
        {{0xff, 0xfe}, 2, "csv"},
        {{0xfe, 0xff}, 2, "csv"},
        {{0xef, 0xbb, 0xbf}, 3, "csv"},
    };
    size_t n = self->bytes < sizeof self->first ? (size_t)self->bytes : sizeof self->first;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (n >= kinds[i].n && memcmp(self->first, kinds[i].first, kinds[i].n) == 0)
            return kinds[i].name;
    for (size_t i = 0; i < n; i++)
        if (self->first[i] < 0x20 && strchr("\t\r\n", self->first[i]) == NULL)
            return "bin";
    return "csv";
}

static void make_id(lth_receive *self, const lth_clock *clock)
{
    char when[24], random[17];
    time_t now = (time_t)clock->wall_s(clock->ctx);
    struct tm tm;
    LTH_ASSERT(gmtime_r(&now, &tm) != NULL);
    LTH_ASSERT(strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm) > 0);
    lth_random_text(random, 8);
    (void)lth_format(self->id, sizeof self->id, "%s-%s.%s", when, random, ending(self));
}

lth_err lth_receive_keep(lth_receive *self, const lth_clock *clock, lth_diag *diag)
{
    make_id(self, clock);
    bool good = fsync(self->fd) == 0;
    good = close(self->fd) == 0 && good; /* nobody has it open for writing when it appears */
    self->fd = -1;
    good = good && renameat2(self->aside, self->part, self->inbox, self->id, RENAME_NOREPLACE) == 0;
    if (good)
        self->part[0] = '\0';
    good = good && fsync(self->inbox) == 0;
    if (good)
        return LTH_OK;
    return lth_fail(diag, errno == ENOSPC || errno == EDQUOT ? LTH_E_STORE_FULL : LTH_E_IO,
                    "inbox: %s", strerror(errno));
}

void lth_receive_close(lth_receive *self)
{
    if (self->fd >= 0)
        close(self->fd);
    if (self->aside >= 0 && self->part[0] != '\0')
        (void)unlinkat(self->aside, self->part, 0);
    if (self->aside >= 0)
        close(self->aside);
    if (self->inbox >= 0)
        close(self->inbox);
    self->fd = -1;
    self->aside = -1;
    self->inbox = -1;
}
