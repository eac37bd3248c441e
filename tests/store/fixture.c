#include "tests/store/fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const table_names[FIXTURE_TABLES] = {"first", "second", "third"};

void fixture_init(fixture *self, bool lmdb, uint64_t map_size)
{
    fixture_init_in(self, "/tmp", lmdb, map_size);
}

void fixture_init_in(fixture *self, const char *root, bool lmdb, uint64_t map_size)
{
    *self = (fixture){.lmdb = lmdb, .map_size = map_size};
    lth_format(self->parent, sizeof self->parent, "%s/lth-store-XXXXXX", root);
    assert_non_null(mkdtemp(self->parent));
    lth_format(self->dir, sizeof self->dir, "%s/store", self->parent);
}

lth_err fixture_try_open(const fixture *self, lth_store **out, lth_diag *diag)
{
    lth_store_options options = {table_names, FIXTURE_TABLES, self->map_size, true};
    return self->lmdb ? lth_store_open_lmdb(out, self->dir, &options, diag)
                      : lth_store_open_mem(out, &options);
}

void fixture_open(fixture *self)
{
    lth_diag diag = {0};
    lth_err err = fixture_try_open(self, &self->store, &diag);
    if (err != LTH_OK)
        fail_msg("%s: %s", lth_err_name(err), diag.text);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void fixture_fini(fixture *self)
{
    lth_store_close(&self->store);
    nftw(self->parent, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

lth_txn *begin(lth_store *store, bool write)
{
    lth_txn *txn;
    assert_int_equal(lth_store_begin(store, write, &txn), LTH_OK);
    return txn;
}

void commit(lth_txn **txn)
{
    assert_int_equal(lth_store_commit(txn), LTH_OK);
    assert_null(*txn);
}

lth_slice text(const char *s)
{
    return lth_slice_of(s, strlen(s));
}

void fill(uint8_t *out, size_t n, uint32_t tag)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)((i + tag) * 2654435761u >> 13);
}

lth_err put_tagged(lth_txn *txn, uint32_t table, lth_slice key, size_t n, uint32_t tag, lth_put how)
{
    uint8_t *room;
    lth_err err = lth_put_reserve(txn, table, key, n, how, &room);
    if (err == LTH_OK)
        fill(room, n, tag);
    return err;
}

void assert_tagged(lth_slice value, size_t n, uint32_t tag)
{
    assert_int_equal(value.n, n);
    uint8_t *want = malloc(n + 1);
    assert_non_null(want);
    fill(want, n, tag);
    int differs = n == 0 ? 0 : memcmp(value.p, want, n);
    free(want);
    assert_int_equal(differs, 0);
}

void put_text(lth_txn *txn, uint32_t table, const char *key, const char *value)
{
    assert_int_equal(lth_put_kv(txn, table, text(key), text(value), LTH_PUT), LTH_OK);
}

void assert_slice(lth_slice got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

void assert_text(lth_txn *txn, uint32_t table, const char *key, const char *value)
{
    lth_slice got;
    lth_err err = lth_get(txn, table, text(key), &got);
    assert_int_equal(err, value == NULL ? LTH_E_NOT_FOUND : LTH_OK);
    if (value != NULL)
        assert_slice(got, value);
}

void child_init(void)
{
    static const int signals[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_DFL);
    int null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
}

void assert_dies(void (*body)(fixture *), fixture *self)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        child_init();
        body(self);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void toy_hash(void *ctx, const lth_slice *parts, size_t n_parts, uint8_t out[LTH_HASH_SIZE])
{
    uint64_t h = 14695981039346656037u;
    (void)ctx;
    for (size_t i = 0; i < n_parts; i++)
        for (size_t j = 0; j < parts[i].n; j++)
            h = (h ^ parts[i].p[j]) * 1099511628211u;
    for (size_t i = 0; i < LTH_HASH_SIZE; i += 8)
        lth_put64(out + i, h + i);
}

const lth_hasher toy_hasher = {NULL, toy_hash, NULL};
