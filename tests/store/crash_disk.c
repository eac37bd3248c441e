#include "tests/store/crash_disk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/store/fixture.h"

typedef struct event {
    enum { EVENT_WRITE, EVENT_SYNC, EVENT_ACK } kind;
    bool durable; /**< Written through a descriptor with O_DSYNC. */
    uint32_t number;
    size_t offset;
    size_t n;
    uint8_t *bytes;
} event;

static struct {
    bool on;
    dev_t dev;
    ino_t ino;
    uint8_t *base;
    size_t base_n;
    event *events;
    size_t n;
    size_t cap;
} disk;

ssize_t __real_pwrite(int fd, const void *buf, size_t n, off_t offset);
ssize_t __real_pwritev(int fd, const struct iovec *iov, int n, off_t offset);
ssize_t __real_write(int fd, const void *buf, size_t n);
ssize_t __real_writev(int fd, const struct iovec *iov, int n);
int __real_fsync(int fd);
int __real_fdatasync(int fd);

ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t offset);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int n, off_t offset);
ssize_t __wrap_write(int fd, const void *buf, size_t n);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int n);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);

static bool watched(int fd)
{
    struct stat st;
    return disk.on && fstat(fd, &st) == 0 && st.st_dev == disk.dev && st.st_ino == disk.ino;
}

static event *add(event e)
{
    if (disk.n == disk.cap) {
        disk.cap = disk.cap == 0 ? 1024 : 2 * disk.cap;
        disk.events = realloc(disk.events, disk.cap * sizeof *disk.events);
        assert_non_null(disk.events);
    }
    disk.events[disk.n] = e;
    return &disk.events[disk.n++];
}

static void add_write(int fd, const struct iovec *iov, int n, off_t offset)
{
    if (!watched(fd))
        return;
    event *e = add((event){.kind = EVENT_WRITE, .offset = (size_t)offset});
    e->durable = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
    for (int i = 0; i < n; i++)
        e->n += iov[i].iov_len;
    e->bytes = malloc(e->n + 1);
    assert_non_null(e->bytes);
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        memcpy(e->bytes + at, iov[i].iov_base, iov[i].iov_len);
        at += iov[i].iov_len;
    }
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t offset)
{
    struct iovec one = {(void *)(uintptr_t)buf, n};
    add_write(fd, &one, 1, offset);
    return __real_pwrite(fd, buf, n, offset);
}

ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
    add_write(fd, iov, n, offset);
    return __real_pwritev(fd, iov, n, offset);
}

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
    struct iovec one = {(void *)(uintptr_t)buf, n};
    add_write(fd, &one, 1, watched(fd) ? lseek(fd, 0, SEEK_CUR) : 0);
    return __real_write(fd, buf, n);
}

ssize_t __wrap_writev(int fd, const struct iovec *iov, int n)
{
    add_write(fd, iov, n, watched(fd) ? lseek(fd, 0, SEEK_CUR) : 0);
    return __real_writev(fd, iov, n);
}

int __wrap_fsync(int fd)
{
    int rc = __real_fsync(fd);
    if (watched(fd))
        add((event){.kind = EVENT_SYNC});
    return rc;
}

int __wrap_fdatasync(int fd)
{
    int rc = __real_fdatasync(fd);
    if (watched(fd))
        add((event){.kind = EVENT_SYNC});
    return rc;
}

void crash_disk_start(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    disk.dev = st.st_dev;
    disk.ino = st.st_ino;
    disk.base_n = (size_t)st.st_size;
    disk.base = malloc(disk.base_n);
    assert_non_null(disk.base);
    assert_int_equal(read(fd, disk.base, disk.base_n), disk.base_n);
    close(fd);
    disk.on = true;
}

void crash_disk_ack(uint32_t number)
{
    add((event){.kind = EVENT_ACK, .number = number});
}

void crash_disk_stop(void)
{
    disk.on = false;
}

void crash_disk_free(void)
{
    for (size_t i = 0; i < disk.n; i++)
        free(disk.events[i].bytes);
    free(disk.events);
    free(disk.base);
    memset(&disk, 0, sizeof disk);
}

size_t crash_disk_events(void)
{
    return disk.n;
}

uint32_t crash_disk_acked(size_t at)
{
    uint32_t acked = 0;
    for (size_t i = 0; i < at; i++)
        if (disk.events[i].kind == EVENT_ACK)
            acked = disk.events[i].number;
    return acked;
}

/** Whether event @p i is a write that a power cut after @p at events may undo. */
static bool pending(size_t i, size_t at, crash_disk_kind kind, size_t synced)
{
    const event *e = &disk.events[i];
    bool kept = i < synced || (e->durable && i < at && kind != CRASH_NO_METASYNC);
    return e->kind == EVENT_WRITE && !kept;
}

static bool coin(uint64_t *random)
{
    return (next_random(random) & 1) != 0;
}

/** Write @p e into the image: whole, or each of its sectors by a coin. */
static void apply(uint8_t *image, const event *e, bool tear, uint64_t *random)
{
    for (size_t at = 0; at < e->n;) {
        size_t n = CRASH_SECTOR - (e->offset + at) % CRASH_SECTOR;
        if (n > e->n - at)
            n = e->n - at;
        if (!tear || coin(random))
            memcpy(image + e->offset + at, e->bytes + at, n);
        at += n;
    }
}

static bool chosen(crash_subset subset, size_t nth, size_t one, uint64_t *random)
{
    switch (subset) {
    case CRASH_NONE:
        return false;
    case CRASH_HALF_WRITES:
        return coin(random);
    case CRASH_ONLY_ONE:
        return nth == one;
    case CRASH_ALL_BUT_ONE:
        return nth != one;
    default:
        return true;
    }
}

void crash_disk_image(size_t at, crash_disk_kind kind, crash_subset subset, uint64_t *random,
                      uint8_t **out, size_t *size)
{
    size_t end = at < disk.n ? at + 1 : at;
    size_t synced = 0;
    size_t n_pending = 0;
    *size = disk.base_n;
    for (size_t i = 0; i < end; i++) {
        const event *e = &disk.events[i];
        if (e->kind == EVENT_SYNC && i < at && kind != CRASH_NO_SYNC)
            synced = i;
        if (e->kind == EVENT_WRITE && e->offset + e->n > *size)
            *size = e->offset + e->n;
    }
    for (size_t i = 0; i < end; i++)
        n_pending += pending(i, at, kind, synced);

    uint8_t *image = calloc(1, *size);
    assert_non_null(image);
    memcpy(image, disk.base, disk.base_n);
    size_t one = n_pending == 0 ? 0 : next_random(random) % n_pending;
    size_t nth = 0;
    for (size_t i = 0; i < end; i++) {
        const event *e = &disk.events[i];
        if (e->kind != EVENT_WRITE)
            continue;
        if (!pending(i, at, kind, synced))
            apply(image, e, false, random);
        else if (chosen(subset, nth++, one, random))
            apply(image, e, subset == CRASH_HALF, random);
    }
    *out = image;
}
