/* Clock, randomness and whole files. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agents/intake/state.h"

static int64_t real_wall_s(void *ctx)
{
    (void)ctx;
    return (int64_t)time(NULL);
}

static int64_t real_mono_ms(void *ctx)
{
    (void)ctx;
    struct timespec now;
    LTH_ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const lth_clock lth_clock_real = {real_wall_s, real_mono_ms, NULL};

void lth_sha256_text(char out[LTH_KEY_TEXT], const void *p, size_t n)
{
    uint8_t digest[LTH_HASH_SIZE];
    lth_hasher hasher;
    LTH_ASSERT(lth_crypto_hasher_new(&hasher, NULL) == LTH_OK);
    lth_sha256(&hasher, p, n, digest);
    lth_crypto_hasher_free(&hasher);
    lth_hex(out, digest, sizeof digest);
}

void lth_random_text(char *out, size_t n)
{
    uint8_t bytes[64];
    LTH_ASSERT(n <= sizeof bytes);
    lth_random random = lth_crypto_random();
    random.fill(random.ctx, bytes, n);
    lth_hex(out, bytes, n);
    lth_crypto_cleanse(bytes, sizeof bytes);
}

void lth_stamp(char out[LTH_STAMP_SIZE], const lth_clock *clock)
{
    time_t now = (time_t)clock->wall_s(clock->ctx);
    struct tm tm;
    LTH_ASSERT(gmtime_r(&now, &tm) != NULL);
    LTH_ASSERT(strftime(out, LTH_STAMP_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
}

lth_err lth_file_read(lth_buf *out, const char *path)
{
    uint8_t piece[4096];
    lth_err err = LTH_OK;
    ssize_t got = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? LTH_E_NOT_FOUND : LTH_E_IO;
    lth_buf_clear(out);
    while (err == LTH_OK && (got = read(fd, piece, sizeof piece)) != 0) {
        if (got > 0)
            err = lth_buf_add(out, piece, (size_t)got);
        else if (errno != EINTR)
            err = LTH_E_IO;
    }
    close(fd);
    return err;
}

static bool write_all(int fd, lth_slice content)
{
    while (content.n > 0) {
        ssize_t put = write(fd, content.p, content.n);
        if (put < 0 && errno != EINTR)
            return false;
        content.p += put > 0 ? put : 0;
        content.n -= put > 0 ? (size_t)put : 0;
    }
    return true;
}

lth_err lth_file_write(const char *path, unsigned mode, lth_slice content, lth_diag *diag)
{
    char random[17], beside[LTH_PATH_SIZE + 32], above[LTH_PATH_SIZE];
    lth_random_text(random, 8);
    (void)lth_format(above, sizeof above, "%s", path);
    if (snprintf(beside, sizeof beside, "%s.%s.tmp", path, random) >= (int)LTH_PATH_SIZE)
        return lth_fail(diag, LTH_E_IO, "path too long");
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    bool made = fd >= 0;
    bool good = made && fchmod(fd, mode) == 0 && write_all(fd, content) && fsync(fd) == 0;
    if (made)
        good = close(fd) == 0 && good;
    good = good && rename(beside, path) == 0;
    int dir = good ? open(dirname(above), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    good = good && dir >= 0 && fsync(dir) == 0;
    int saved = errno;
    if (dir >= 0)
        close(dir);
    if (!good && made)
        (void)unlink(beside);
    return good ? LTH_OK
                : lth_fail(diag, LTH_E_IO, "%s: cannot be written: %s", path, strerror(saved));
}
