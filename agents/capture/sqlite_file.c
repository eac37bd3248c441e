#include "agents/capture/sqlite_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* SQLite's file format and its lock bytes (sqlite.org/fileformat.html, os.h). */
#define MAGIC         "SQLite format 3"
#define HEADER_SIZE   100
#define READ_VERSION  19
#define VERSION_WAL   2
#define LOCK_FIRST    0x40000000
#define LOCK_COUNT    512
#define WAL_HEADER    32
#define TIME_GRAIN_NS 20000000
#define NS_PER_S      1000000000
static const uint8_t JOURNAL_MAGIC[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};

/* Asks without taking: a writer holds RESERVED, PENDING or EXCLUSIVE, all in this range. */
static bool somebody_writes(int fd)
{
    struct flock lock = {
        .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = LOCK_FIRST, .l_len = LOCK_COUNT};
    return fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

static int open_beside(const char *path, const char *suffix)
{
    char name[SQLITE_FILE_PATH_MAX];
    int n = snprintf(name, sizeof name, "%s%s", path, suffix);
    return n > 0 && (size_t)n < sizeof name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
}

/* A journal whose header was zeroed or cut is a finished one. */
static bool journal_is_live(const char *path)
{
    uint8_t head[sizeof JOURNAL_MAGIC];
    int fd = open_beside(path, "-journal");
    if (fd < 0)
        return false;
    bool live = pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
                memcmp(head, JOURNAL_MAGIC, sizeof head) == 0;
    (void)close(fd);
    return live;
}

static bool wal_has_frames(const char *path)
{
    struct stat st;
    int fd = open_beside(path, "-wal");
    if (fd < 0)
        return false;
    bool has = fstat(fd, &st) == 0 && st.st_size > WAL_HEADER;
    (void)close(fd);
    return has;
}

static bool read_look(sqlite_file_look *out, int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    ssize_t n = pread(fd, out->header, HEADER_SIZE, 0);
    if (n != 0 && (n != HEADER_SIZE || memcmp(out->header, MAGIC, sizeof MAGIC) != 0))
        return false;
    out->device = st.st_dev;
    out->inode = st.st_ino;
    out->size = (uint64_t)st.st_size;
    out->changed_s = st.st_mtim.tv_sec;
    out->changed_ns = st.st_mtim.tv_nsec;
    return true;
}

/* A write in the same tick of the file system's clock as the last one leaves no trace in it. */
static bool is_fresh(const sqlite_file_look *look)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t age_s = now.tv_sec - look->changed_s;
    if (age_s < 0 || age_s > 1)
        return false;
    return age_s * NS_PER_S + now.tv_nsec - look->changed_ns < TIME_GRAIN_NS;
}

sqlite_file_state sqlite_file_look_at(sqlite_file_look *out, const char *path)
{
    *out = (sqlite_file_look){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return SQLITE_FILE_BAD;
    sqlite_file_state state = SQLITE_FILE_BUSY;
    /* The counter first, the locks second: who writes after the look must raise the counter. */
    if (!read_look(out, fd))
        state = SQLITE_FILE_BAD;
    else if (out->header[READ_VERSION] == VERSION_WAL && wal_has_frames(path))
        state = SQLITE_FILE_WAL;
    else if (!somebody_writes(fd) && !journal_is_live(path) && !is_fresh(out))
        state = SQLITE_FILE_QUIET;
    (void)close(fd);
    return state;
}

bool sqlite_file_unchanged(const sqlite_file_look *before, const char *path)
{
    sqlite_file_look now;
    if (sqlite_file_look_at(&now, path) != SQLITE_FILE_QUIET)
        return false;
    return before->device == now.device && before->inode == now.inode && before->size == now.size &&
           before->changed_s == now.changed_s && before->changed_ns == now.changed_ns &&
           memcmp(before->header, now.header, sizeof now.header) == 0;
}

bool sqlite_file_uri(char *out, unsigned size, const char *path, bool immutable)
{
    static const char PLAIN[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "/._-~";
    size_t n = (size_t)snprintf(out, size, "file:");
    for (const char *p = path; *p != '\0' && n + 4 < size; p++) {
        if (strchr(PLAIN, *p) != NULL)
            out[n++] = *p;
        else
            n += (size_t)snprintf(out + n, 4, "%%%02X", (unsigned)(unsigned char)*p);
        if (p[1] == '\0') {
            int tail = snprintf(out + n, size - n, "?mode=ro%s", immutable ? "&immutable=1" : "");
            return tail > 0 && (size_t)tail < size - n;
        }
    }
    return false;
}
