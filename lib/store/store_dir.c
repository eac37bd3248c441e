#include "lib/store/store_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define OWNER_FILE "owner"

/** Linux names no constant for these in <linux/magic.h>. */
#define GFS2_MAGIC   0x01161970
#define LUSTRE_MAGIC 0x0BD00BD0

static const char *const store_files[] = {"data.mdb", "lock.mdb", OWNER_FILE};
#define N_STORE_FILES (sizeof store_files / sizeof store_files[0])

bool lth_store_dir_is_local(uint64_t type)
{
    static const uint32_t refused[] = {
        NFS_SUPER_MAGIC,       SMB_SUPER_MAGIC,  CIFS_SUPER_MAGIC,
        SMB2_SUPER_MAGIC,      V9FS_MAGIC,       FUSE_SUPER_MAGIC,
        AFS_SUPER_MAGIC,       AFS_FS_MAGIC,     CODA_SUPER_MAGIC,
        OVERLAYFS_SUPER_MAGIC, CEPH_SUPER_MAGIC, OCFS2_SUPER_MAGIC,
        NCP_SUPER_MAGIC,       GFS2_MAGIC,       LUSTRE_MAGIC,
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if ((uint32_t)type == refused[i])
            return false;
    return true;
}

static lth_err fail_errno(lth_diag *diag, const char *what, const char *path)
{
    return lth_fail(diag, LTH_E_IO, "%s: %s: %s", path, what, strerror(errno));
}

static lth_err join(char out[LTH_STORE_PATH_MAX], const char *dir, const char *rest, lth_diag *diag)
{
    if (strlen(dir) + strlen(rest) >= LTH_STORE_PATH_MAX)
        return lth_fail(diag, LTH_E_IO, "store directory: path longer than %d bytes",
                        LTH_STORE_PATH_MAX - 1);
    lth_format(out, LTH_STORE_PATH_MAX, "%s%s", dir, rest);
    return LTH_OK;
}

/** The path without trailing slashes, so that `dir/` and `dir` have the same siblings. */
static lth_err trim(char out[LTH_STORE_PATH_MAX], const char *dir, lth_diag *diag)
{
    lth_err err = join(out, dir, "", diag);
    for (size_t n = err == LTH_OK ? strlen(out) : 0; n > 1 && out[n - 1] == '/'; n--)
        out[n - 1] = '\0';
    return err;
}

static lth_err check_local(int fd, const char *path, lth_diag *diag)
{
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0)
        return fail_errno(diag, "file system not known", path);
    if (!lth_store_dir_is_local((uint64_t)fs.f_type))
        return lth_fail(diag, LTH_E_IO,
                        "%s: network, FUSE or overlay file system (type %x); a store needs a "
                        "local disk, name a directory on one",
                        path, (unsigned)fs.f_type);
    return LTH_OK;
}

/** Open OWNER_FILE below @p dir_fd and lock it. */
static lth_err lock_owner(int dir_fd, const char *dir, int *lock_fd, lth_diag *diag)
{
    int fd = openat(dir_fd, OWNER_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail_errno(diag, "lock file", dir);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        lth_err err = errno == EWOULDBLOCK
                          ? lth_fail(diag, LTH_E_STORE_BUSY,
                                     "%s: store is in use by another process; stop it first", dir)
                          : fail_errno(diag, "lock", dir);
        close(fd);
        return err;
    }
    *lock_fd = fd;
    return LTH_OK;
}

lth_err lth_store_dir_take(const char *dir, int *lock_fd, lth_diag *diag)
{
    struct stat st;
    lth_err err;
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return errno == ENOENT ? lth_fail(diag, LTH_E_NOT_FOUND, "%s: no store here", dir)
                               : fail_errno(diag, "open", dir);

    if (fstatat(dir_fd, "data.mdb", &st, 0) != 0) {
        err = errno == ENOENT ? lth_fail(diag, LTH_E_NOT_FOUND, "%s: no store here", dir)
                              : fail_errno(diag, "data.mdb", dir);
        goto done;
    }
    err = check_local(dir_fd, dir, diag);
    if (err == LTH_OK)
        err = lock_owner(dir_fd, dir, lock_fd, diag);
done:
    close(dir_fd);
    return err;
}

/** Open the directory that holds @p path. */
static int open_parent(const char *path)
{
    char parent[LTH_STORE_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    memcpy(parent, n == 0 ? "." : path, n == 0 ? 1 : n);
    parent[n == 0 ? 1 : n] = '\0';
    return open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/** Whether @p path still names the directory open as @p fd. */
static bool same_dir(int fd, const char *path)
{
    struct stat here;
    struct stat there;
    return fstat(fd, &here) == 0 && stat(path, &there) == 0 && here.st_dev == there.st_dev &&
           here.st_ino == there.st_ino;
}

/** Remove what an interrupted creation left. */
static lth_err empty_fresh(int fresh_fd, const char *fresh, lth_diag *diag)
{
    static const char *const left[] = {"data.mdb", "lock.mdb"};

    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
        if (unlinkat(fresh_fd, left[i], 0) != 0 && errno != ENOENT)
            return fail_errno(diag, "left by an interrupted creation", fresh);
    return LTH_OK;
}

lth_err lth_store_dir_start(const char *dir, char fresh[LTH_STORE_PATH_MAX], int *lock_fd,
                            lth_diag *diag)
{
    char trimmed[LTH_STORE_PATH_MAX];
    lth_err err = trim(trimmed, dir, diag);
    if (err == LTH_OK)
        err = join(fresh, trimmed, ".new", diag);
    if (err != LTH_OK)
        return err;
    if (mkdir(fresh, 0700) != 0 && errno != EEXIST)
        return fail_errno(diag, "create", fresh);

    int fresh_fd = open(fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fresh_fd < 0)
        return fail_errno(diag, "open", fresh);
    err = check_local(fresh_fd, fresh, diag);
    if (err == LTH_OK)
        err = lock_owner(fresh_fd, fresh, lock_fd, diag);
    if (err != LTH_OK)
        goto done;
    /* Only the holder of the lock renames it: if the name is another one now, we came too late,
     * and what we hold open is somebody's store. */
    if (same_dir(fresh_fd, fresh))
        err = empty_fresh(fresh_fd, fresh, diag);
    else
        err = lth_fail(diag, LTH_E_STORE_BUSY, "%s: just created by another process", dir);
    if (err != LTH_OK)
        close(*lock_fd);
done:
    close(fresh_fd);
    return err;
}

static lth_err sync_at(int dir_fd, const char *name, const char *dir, lth_diag *diag)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail_errno(diag, "open", dir);
    lth_err err = fsync(fd) == 0 ? LTH_OK : fail_errno(diag, "sync", dir);
    close(fd);
    return err;
}

static lth_err rename_fresh(const char *dir, const char *fresh, lth_diag *diag)
{
    char data[LTH_STORE_PATH_MAX];
    if (rename(fresh, dir) == 0)
        return LTH_OK;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return fail_errno(diag, "rename", fresh);

    lth_err err = join(data, dir, "/data.mdb", diag);
    if (err != LTH_OK)
        return err;
    if (access(data, F_OK) == 0)
        return lth_fail(diag, LTH_E_STORE_BUSY, "%s: just created by another process", dir);
    return lth_fail(diag, LTH_E_IO,
                    "%s: holds files but no store; name an empty or absent directory", dir);
}

lth_err lth_store_dir_finish(const char *dir, const char *fresh, lth_diag *diag)
{
    char trimmed[LTH_STORE_PATH_MAX];
    int parent_fd = -1;
    int fresh_fd = -1;
    lth_err err = trim(trimmed, dir, diag);
    if (err != LTH_OK)
        return err;

    parent_fd = open_parent(trimmed);
    fresh_fd = open(fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (parent_fd < 0 || fresh_fd < 0) {
        err = fail_errno(diag, "open", fresh);
        goto done;
    }
    for (size_t i = 0; i < N_STORE_FILES && err == LTH_OK; i++)
        err = sync_at(fresh_fd, store_files[i], fresh, diag);
    if (err == LTH_OK && fsync(fresh_fd) != 0)
        err = fail_errno(diag, "sync", fresh);
    if (err == LTH_OK)
        err = rename_fresh(trimmed, fresh, diag);
    if (err == LTH_OK && fsync(parent_fd) != 0)
        err = fail_errno(diag, "sync of the directory above", dir);
done:
    if (fresh_fd >= 0)
        close(fresh_fd);
    if (parent_fd >= 0)
        close(parent_fd);
    return err;
}
