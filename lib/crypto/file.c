/* Key, secret and certificate files: owner-checked reading, all-or-none writing. */

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <unistd.h>

#include "lib/crypto/internal.h"

#define SECRET_SIZE     32
#define SECRET_LINE     (2 * SECRET_SIZE + 1)
#define TEMPORARY_BYTES 8

static lth_err io_failed(lth_diag *diag, const char *path, const char *what)
{
    return lth_fail(diag, LTH_E_IO, "%s: %s: %s", path, what, strerrordesc_np(errno));
}

lth_err lth_crypto__path(char out[LTH_CRYPTO__PATH_MAX], const char *dir, const char *name,
                         lth_diag *diag)
{
    if (strlen(dir) + strlen(name) + 2 > LTH_CRYPTO__PATH_MAX)
        return lth_fail(diag, LTH_E_LIMIT, "đường dẫn quá dài / path too long: .../%s", name);
    lth_format(out, LTH_CRYPTO__PATH_MAX, "%s/%s", dir, name);
    return LTH_OK;
}

static lth_err check_access(const struct stat *st, const char *path, lth_diag *diag)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return lth_fail(diag, LTH_E_IO,
                        "%s: tệp khoá thuộc tài khoản khác, gõ / key file belongs to another user, "
                        "type: chown %u %s",
                        path, (unsigned)geteuid(), path);
    if (st->st_mode & 077)
        return lth_fail(diag, LTH_E_IO,
                        "%s: tài khoản khác đọc được tệp khoá, gõ / key file is open to others, "
                        "type: chmod 0400 %s",
                        path, path);
    return LTH_OK;
}

static lth_err read_whole(int fd, const char *path, uint8_t *out, size_t *out_size, lth_diag *diag)
{
    size_t n = 0;
    ssize_t got;
    do {
        got = read(fd, out + n, LTH_CRYPTO__FILE_MAX - n);
        if (got < 0 && errno != EINTR)
            return io_failed(diag, path, "không đọc được / cannot be read");
        n += got > 0 ? (size_t)got : 0;
    } while (got != 0 && n < LTH_CRYPTO__FILE_MAX);
    if (got != 0)
        return lth_fail(diag, LTH_E_FORMAT, "%s: lớn hơn %d byte / larger than %d bytes", path,
                        LTH_CRYPTO__FILE_MAX - 1, LTH_CRYPTO__FILE_MAX - 1);
    *out_size = n;
    return LTH_OK;
}

lth_err lth_crypto__read(const char *path, lth_crypto__secrecy secrecy, uint8_t *out,
                         size_t *out_size, lth_diag *diag)
{
    lth_err err = LTH_OK;
    struct stat st;
    /* Non-blocking: a FIFO in the place of a key must not stop the start. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        err = io_failed(diag, path, "không mở được / cannot be opened");
        goto done;
    }
    if (!S_ISREG(st.st_mode)) {
        err = lth_fail(diag, LTH_E_IO, "%s: không phải tệp thường / not a regular file", path);
        goto done;
    }
    if (secrecy == LTH_CRYPTO__SECRET)
        err = check_access(&st, path, diag);
    if (!err)
        err = read_whole(fd, path, out, out_size, diag);
done:
    if (fd >= 0)
        close(fd);
    return err;
}

/* A new synced file of exactly this mode, whatever the umask. */
static bool write_new(int dir_fd, const char *name, mode_t mode, lth_slice content)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return false;
    bool good = fchmod(fd, mode) == 0;
    for (size_t n = 0; good && n < content.n;) {
        ssize_t put = write(fd, content.p + n, content.n - n);
        good = put > 0 || (put < 0 && errno == EINTR);
        n += put > 0 ? (size_t)put : 0;
    }
    good = good && fsync(fd) == 0;
    int saved = errno;
    good = close(fd) == 0 && good;
    errno = saved;
    return good;
}

static int open_dir(const char *dir, lth_diag *diag)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        io_failed(diag, dir, "không tạo được thư mục / directory cannot be made");
        return -1;
    }
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        io_failed(diag, dir, "không mở được thư mục / directory cannot be opened");
    return fd;
}

static lth_err name_failed(lth_diag *diag, const char *dir, const char *name)
{
    if (errno == EEXIST)
        return lth_fail(diag, LTH_E_EXISTS,
                        "%s/%s: đã có, không ghi đè / exists already, not replaced", dir, name);
    return lth_fail(diag, LTH_E_IO, "%s/%s: không ghi được / cannot be written: %s", dir, name,
                    strerrordesc_np(errno));
}

lth_err lth_crypto__write_all(const char *dir, const lth_crypto__file *files, size_t n_files,
                              lth_diag *diag)
{
    char temporary[LTH_CRYPTO__FILES_MAX][64];
    uint8_t unique[TEMPORARY_BYTES];
    char suffix[2 * TEMPORARY_BYTES + 1];
    size_t written = 0, named = 0;
    lth_err err = LTH_OK;

    LTH_ASSERT(n_files <= LTH_CRYPTO__FILES_MAX);
    int dir_fd = open_dir(dir, diag);
    if (dir_fd < 0)
        return LTH_E_IO;
    lth_random random = lth_crypto_random();
    random.fill(random.ctx, unique, sizeof unique);
    lth_hex(suffix, unique, sizeof unique);
    for (; written < n_files && !err; written++) {
        const lth_crypto__file *file = &files[written];
        lth_format(temporary[written], sizeof temporary[written], ".%s.%s", file->name, suffix);
        if (!write_new(dir_fd, temporary[written], file->mode, file->content))
            err = name_failed(diag, dir, file->name);
    }
    /* link() and not rename(): it refuses to replace. */
    for (; named < n_files && !err; named++)
        if (linkat(dir_fd, temporary[named], dir_fd, files[named].name, 0) != 0) {
            err = name_failed(diag, dir, files[named].name);
            break;
        }
    for (size_t i = 0; i < written; i++)
        unlinkat(dir_fd, temporary[i], 0);
    for (size_t i = 0; err && i < named; i++)
        unlinkat(dir_fd, files[i].name, 0);
    if (fsync(dir_fd) != 0 && !err)
        err = io_failed(diag, dir, "không ghi được thư mục / directory cannot be synced");
    close(dir_fd);
    return err;
}

lth_err lth_crypto_secret_open(uint8_t out[SECRET_SIZE], const char *path, lth_diag *diag)
{
    uint8_t line[LTH_CRYPTO__FILE_MAX];
    size_t n = 0;
    lth_err err = lth_crypto__read(path, LTH_CRYPTO__SECRET, line, &n, diag);
    if (!err) {
        if (n == SECRET_LINE && line[n - 1] == '\n')
            n--;
        if (!lth_unhex(out, SECRET_SIZE, (const char *)line, n))
            err =
                lth_fail(diag, LTH_E_FORMAT,
                         "%s: cần một dòng 64 chữ số hex / one line of 64 hex digits wanted", path);
    }
    if (err)
        OPENSSL_cleanse(out, SECRET_SIZE);
    OPENSSL_cleanse(line, sizeof line);
    return err;
}

lth_err lth_crypto_secret_write(const char *path, const uint8_t secret[SECRET_SIZE], lth_diag *diag)
{
    char dir[LTH_CRYPTO__PATH_MAX];
    char line[SECRET_LINE + 1];
    const char *slash = strrchr(path, '/');
    size_t dir_size = slash ? (size_t)(slash - path) : 0;
    if (dir_size >= sizeof dir)
        return lth_fail(diag, LTH_E_LIMIT, "đường dẫn quá dài / path too long");
    lth_format(dir, sizeof dir, "%.*s", (int)dir_size, path);
    if (!dir_size)
        lth_format(dir, sizeof dir, "%s", slash ? "/" : ".");
    lth_hex(line, secret, SECRET_SIZE);
    line[SECRET_LINE - 1] = '\n';
    lth_crypto__file file = {slash ? slash + 1 : path, 0400, lth_slice_of(line, SECRET_LINE)};
    lth_err err = lth_crypto__write_all(dir, &file, 1, diag);
    OPENSSL_cleanse(line, sizeof line);
    return err;
}
