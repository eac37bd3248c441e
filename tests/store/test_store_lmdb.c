/* What only the store on disk has: its directory, its owner, kills, full disks, versions. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/store/store_dir.h"
#include "tests/store/fixture.h"

#define MAP_SIZE (16u << 20)

static int setup(void **state)
{
    static fixture self;
    fixture_init(&self, true, MAP_SIZE);
    *state = &self;
    return 0;
}

static int teardown(void **state)
{
    fixture_fini(*state);
    return 0;
}

static void put_number(lth_store *store, uint32_t number)
{
    uint8_t key[4];
    lth_txn *txn = begin(store, true);
    lth_put32(key, number);
    assert_int_equal(put_tagged(txn, 0, lth_slice_of(key, 4), 5000, number, LTH_PUT_APPEND),
                     LTH_OK);
    commit(&txn);
}

/** The numbers in the store are 0..n-1; returns n. */
static uint32_t count_numbers(lth_store *store)
{
    lth_cursor *cursor;
    lth_slice key;
    lth_slice value;
    uint32_t n = 0;
    lth_txn *txn = begin(store, false);
    assert_int_equal(lth_cursor_open(txn, 0, &cursor), LTH_OK);
    while (lth_cursor_next(cursor, &key, &value) == LTH_OK) {
        assert_int_equal(lth_get32(key.p), n);
        assert_tagged(value, 5000, n);
        n++;
    }
    lth_cursor_close(&cursor);
    lth_store_abort(&txn);
    return n;
}

static void assert_open_fails(fixture *self, lth_err want)
{
    lth_store *store;
    lth_diag diag = {0};
    assert_int_equal(fixture_try_open(self, &store, &diag), want);
    assert_null(store);
    assert_int_equal(diag.err, want);
    assert_non_null(strstr(diag.text, self->parent));
}

/** Write a file below the parent directory. */
static void make_file(const fixture *self, const char *name, const void *bytes, size_t n)
{
    char path[200];
    lth_format(path, sizeof path, "%s/%s", self->parent, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

static void make_dir(const fixture *self, const char *name)
{
    char path[200];
    lth_format(path, sizeof path, "%s/%s", self->parent, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void test_contents_stay_after_close(void **state)
{
    fixture *self = *state;
    fixture_open(self);
    put_number(self->store, 0);
    lth_store_close(&self->store);
    self->map_size *= 2; /* A larger map is one restart. */
    fixture_open(self);
    assert_int_equal(count_numbers(self->store), 1);
}

/** Commit numbers for ever, telling each on @p told. */
static void commit_for_ever(fixture *self, int told)
{
    fixture_open(self);
    for (uint32_t n = count_numbers(self->store);; n++) {
        put_number(self->store, n);
        if (write(told, &n, sizeof n) != sizeof n)
            _exit(1);
    }
}

static void test_kill_loses_no_acknowledged_commit(void **state)
{
    fixture *self = *state;
    uint32_t told = 0;
    for (int round = 0; round < 8; round++) {
        int pipe_fds[2];
        uint32_t stop_at = told + 3 + (uint32_t)round;
        assert_int_equal(pipe(pipe_fds), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            child_init();
            commit_for_ever(self, pipe_fds[1]);
        }
        close(pipe_fds[1]);
        while (told < stop_at)
            assert_int_equal(read(pipe_fds[0], &told, sizeof told), sizeof told);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(pipe_fds[0], &told, sizeof told) == sizeof told) {
        }
        close(pipe_fds[0]);

        fixture_open(self);
        uint32_t found = count_numbers(self->store);
        assert_in_range(found, told + 1, told + 2);
        told = found - 1;
        lth_store_close(&self->store);
    }
}

static void test_second_opener_is_refused(void **state)
{
    fixture *self = *state;
    fixture_open(self);
    assert_open_fails(self, LTH_E_STORE_BUSY);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        lth_store *store;
        child_init();
        _exit(fixture_try_open(self, &store, NULL) == LTH_E_STORE_BUSY ? 7 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    put_number(self->store, 0);
    lth_store_close(&self->store);
    fixture_open(self);
    assert_int_equal(count_numbers(self->store), 1);
}

static void test_directory_is_private(void **state)
{
    fixture *self = *state;
    static const char *const files[] = {"data.mdb", "lock.mdb", "owner"};
    char path[200];
    struct stat st;
    strcat(self->dir, "//");
    fixture_open(self);
    assert_int_equal(stat(self->dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        lth_format(path, sizeof path, "%s/%s", self->dir, files[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
    lth_format(path, sizeof path, "%s/store.new", self->parent);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_absent_store_without_create(void **state)
{
    fixture *self = *state;
    static const char *const names[] = {"first"};
    lth_store_options options = {names, 1, MAP_SIZE, false};
    lth_store *store;
    lth_diag diag;
    assert_int_equal(lth_store_open_lmdb(&store, self->dir, &options, &diag), LTH_E_NOT_FOUND);
    assert_int_equal(access(self->dir, F_OK), -1);
    make_dir(self, "store");
    assert_int_equal(lth_store_open_lmdb(&store, self->dir, &options, &diag), LTH_E_NOT_FOUND);
    fixture_open(self); /* An empty directory may become a store. */
}

static void test_interrupted_creation_is_made_anew(void **state)
{
    fixture *self = *state;
    static const uint8_t torn[10000] = {1, 2, 3};
    make_dir(self, "store.new");
    make_file(self, "store.new/data.mdb", torn, sizeof torn);
    make_file(self, "store.new/lock.mdb", torn, 100);
    fixture_open(self);
    assert_int_equal(count_numbers(self->store), 0);
}

static void test_foreign_directory_is_left_alone(void **state)
{
    fixture *self = *state;
    char path[200];
    make_dir(self, "store");
    make_file(self, "store/letter.txt", "x", 1);
    assert_open_fails(self, LTH_E_IO);
    lth_format(path, sizeof path, "%s/letter.txt", self->dir);
    assert_int_equal(access(path, F_OK), 0);
}

static void test_not_a_store(void **state)
{
    fixture *self = *state;
    static const uint8_t noise[8192] = {0x55, 0xaa, 0x13};
    make_dir(self, "store");
    make_file(self, "store/data.mdb", noise, sizeof noise);
    assert_open_fails(self, LTH_E_STORE_CORRUPT);
    make_file(self, "store/data.mdb", noise, 0);
    assert_open_fails(self, LTH_E_STORE_CORRUPT);
}

static void test_newer_version_is_refused(void **state)
{
    fixture *self = *state;
    static const uint8_t marker[] = {'v', 'e', 'r', 's', 'i', 'o', 'n', 0, 0, 0, 1};
    static uint8_t file[1 << 20];
    char path[200];
    fixture_open(self);
    lth_store_close(&self->store);
    lth_format(path, sizeof path, "%s/data.mdb", self->dir);
    int fd = open(path, O_RDWR);
    ssize_t n = read(fd, file, sizeof file);
    assert_in_range(n, 8192, sizeof file - 1);
    uint8_t *at = memmem(file, (size_t)n, marker, sizeof marker);
    assert_non_null(at);
    at[sizeof marker - 1] = 2;
    assert_int_equal(pwrite(fd, file, (size_t)n, 0), n);
    close(fd);
    assert_open_fails(self, LTH_E_STORE_VERSION);
}

static void test_tables_are_added(void **state)
{
    fixture *self = *state;
    static const char *const names[] = {"second"};
    lth_store_options options = {names, 1, MAP_SIZE, true};
    lth_txn *txn;
    assert_int_equal(lth_store_open_lmdb(&self->store, self->dir, &options, NULL), LTH_OK);
    txn = begin(self->store, true);
    put_text(txn, 0, "k", "kept");
    commit(&txn);
    lth_store_close(&self->store);
    fixture_open(self);
    txn = begin(self->store, false);
    assert_text(txn, 1, "k", "kept");
    assert_text(txn, 0, "k", NULL);
    lth_store_abort(&txn);
}

/**
 * Commit until the disk is full, see that this harms nothing, call @p more_room and go on.
 * Runs in a child; the exit status says which step went wrong, 0 = none.
 */
static int fill_the_disk(fixture *self, void (*more_room)(fixture *))
{
    lth_err err = LTH_OK;
    uint32_t n = 0;
    fixture_open(self);
    for (; err == LTH_OK && n < 10000; n += err == LTH_OK) {
        uint8_t key[4];
        lth_txn *txn = begin(self->store, true);
        lth_put32(key, n);
        if (put_tagged(txn, 0, lth_slice_of(key, 4), 5000, n, LTH_PUT_APPEND) != LTH_OK)
            return 1;
        err = lth_store_commit(&txn);
    }
    if (err != LTH_E_STORE_FULL)
        return 2;
    if (count_numbers(self->store) != n)
        return 3;
    more_room(self);
    put_number(self->store, n);
    lth_store_close(&self->store);
    fixture_open(self);
    return count_numbers(self->store) == n + 1 ? 0 : 4;
}

static void run_in_child(fixture *self, int (*body)(fixture *), int *status)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        child_init();
        _exit(body(self));
    }
    assert_int_equal(waitpid(child, status, 0), child);
    assert_true(WIFEXITED(*status));
    *status = WEXITSTATUS(*status);
}

static void raise_limit(fixture *self)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    (void)self;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static int hit_the_file_limit(fixture *self)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 1000 * 1000; /* In the middle of a page: a write is cut short there. */
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    return fill_the_disk(self, raise_limit);
}

static void test_file_limit_aborts_the_commit(void **state)
{
    int status;
    run_in_child(*state, hit_the_file_limit, &status);
    assert_int_equal(status, 0);
}

#define CANNOT_MOUNT 77

static void grow_disk(fixture *self)
{
    if (mount("none", self->parent, NULL, MS_REMOUNT, "size=8m") != 0)
        _exit(5);
}

static int hit_the_end_of_the_disk(fixture *self)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", self->parent, "tmpfs", 0, "size=1m") != 0)
        return CANNOT_MOUNT;
    return fill_the_disk(self, grow_disk);
}

static void test_full_disk_aborts_the_commit(void **state)
{
    int status;
    run_in_child(*state, hit_the_end_of_the_disk, &status);
    if (status == CANNOT_MOUNT)
        skip();
    assert_int_equal(status, 0);
}

static void test_network_file_systems_are_known(void **state)
{
    (void)state;
    static const uint32_t refused[] = {NFS_SUPER_MAGIC,  CIFS_SUPER_MAGIC, V9FS_MAGIC,
                                       FUSE_SUPER_MAGIC, SMB2_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC};
    static const uint32_t taken[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
                                     TMPFS_MAGIC, F2FS_SUPER_MAGIC};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_false(lth_store_dir_is_local(refused[i]));
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        assert_true(lth_store_dir_is_local(taken[i]));
}

static int open_on_overlay(fixture *self)
{
    char options[400];
    char merged[100];
    lth_store *store;
    lth_diag diag = {0};
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", self->parent, "tmpfs", 0, "size=1m") != 0)
        return CANNOT_MOUNT;
    make_dir(self, "lower");
    make_dir(self, "upper");
    make_dir(self, "work");
    make_dir(self, "merged");
    lth_format(merged, sizeof merged, "%s/merged", self->parent);
    lth_format(options, sizeof options, "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work",
               self->parent, self->parent, self->parent);
    if (mount("overlay", merged, "overlay", 0, options) != 0)
        return CANNOT_MOUNT;
    lth_format(self->dir, sizeof self->dir, "%s/store", merged);
    return fixture_try_open(self, &store, &diag) == LTH_E_IO && strstr(diag.text, "overlay") ? 0
                                                                                             : 1;
}

static void test_overlay_is_refused(void **state)
{
    int status;
    run_in_child(*state, open_on_overlay, &status);
    if (status == CANNOT_MOUNT)
        skip();
    assert_int_equal(status, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_contents_stay_after_close),       TEST(test_kill_loses_no_acknowledged_commit),
        TEST(test_second_opener_is_refused),        TEST(test_directory_is_private),
        TEST(test_absent_store_without_create),     TEST(test_interrupted_creation_is_made_anew),
        TEST(test_foreign_directory_is_left_alone), TEST(test_not_a_store),
        TEST(test_newer_version_is_refused),        TEST(test_tables_are_added),
        TEST(test_file_limit_aborts_the_commit),    TEST(test_full_disk_aborts_the_commit),
        TEST(test_network_file_systems_are_known),  TEST(test_overlay_is_refused),
    };
    return cmocka_run_group_tests_name("store on disk", tests, NULL, NULL);
}
