/* The only file that includes lmdb.h. Flags: MDB_NOTLS and nothing else, so that every commit is
 * synced; no duplicate keys, no MDB_CURRENT. */
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/store/store_dir.h"
#include "lib/store/store_ops.h"

#define FORMAT_TABLE   "format"
#define FORMAT_KEY     "version"
#define FORMAT_VERSION 1u
#define READERS_MAX    126u
#define PROBE_SIZE     (1 << 20)

/* LMDB's own two tables: pages to re-use, and the names of the others. */
#define FREE_DBI 0u
#define MAIN_DBI 1u

typedef struct lmdb_store {
    lth_store base;
    MDB_env *env;
    int lock_fd;
    MDB_dbi format;
    MDB_dbi tables[LTH_STORE_TABLES_MAX];
} lmdb_store;

/* A write transaction keeps one cursor a table and does everything through it: keys written in
 * order are found from the place before, where mdb_put() would come down from the root every time.
 * LMDB frees these cursors with the transaction. */
typedef struct lmdb_txn {
    lth_txn base;
    MDB_txn *mdb;
    MDB_cursor *places[LTH_STORE_TABLES_MAX];
} lmdb_txn;

typedef struct lmdb_cursor {
    lth_cursor base;
    MDB_cursor *mdb;
} lmdb_cursor;

static lmdb_store *store_of(const lth_txn *txn)
{
    return (lmdb_store *)txn->store;
}

static lth_err translate(int rc)
{
    static const struct {
        int rc;
        lth_err err;
    } known[] = {
        {MDB_SUCCESS, LTH_OK},
        {MDB_NOTFOUND, LTH_E_NOT_FOUND},
        {MDB_KEYEXIST, LTH_E_EXISTS},
        {MDB_MAP_FULL, LTH_E_STORE_FULL},
        {MDB_TXN_FULL, LTH_E_STORE_FULL},
        {ENOSPC, LTH_E_STORE_FULL},
        {EDQUOT, LTH_E_STORE_FULL},
        {EFBIG, LTH_E_STORE_FULL},
        {MDB_READERS_FULL, LTH_E_AGAIN},
        {ENOMEM, LTH_E_NOMEM},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (rc == known[i].rc)
            return known[i].err;
    return LTH_E_STORE_IO;
}

static MDB_val val_of(lth_slice bytes)
{
    return (MDB_val){bytes.n, (void *)(uintptr_t)bytes.p};
}

static lth_slice slice_of(MDB_val val)
{
    return lth_slice_of(val.mv_data, val.mv_size);
}

static lth_err lmdb_begin(lth_store *base, bool write, lth_txn **out)
{
    lmdb_store *self = (lmdb_store *)base;
    unsigned flags = write ? 0 : MDB_RDONLY;
    lmdb_txn *txn = calloc(1, sizeof *txn);
    if (txn == NULL)
        return LTH_E_NOMEM;

    int rc = mdb_txn_begin(self->env, NULL, flags, &txn->mdb);
    if (rc == MDB_READERS_FULL) {
        lth_store_tidy(base);
        rc = mdb_txn_begin(self->env, NULL, flags, &txn->mdb);
    }
    if (rc != MDB_SUCCESS) {
        free(txn);
        return translate(rc);
    }
    *out = &txn->base;
    return LTH_OK;
}

static void lmdb_abort(lth_txn *base)
{
    lmdb_txn *txn = (lmdb_txn *)base;
    mdb_txn_abort(txn->mdb);
    free(txn);
}

/** LMDB refuses everything once writing a meta page has failed: only then may a commit that
 * answered an error have taken place. */
static bool poisoned(lmdb_store *self)
{
    MDB_txn *probe;
    int rc = mdb_txn_begin(self->env, NULL, MDB_RDONLY, &probe);
    if (rc == MDB_SUCCESS)
        mdb_txn_abort(probe);
    return rc == MDB_PANIC;
}

/** LMDB answers EIO to a write that was cut short by a full disk: see whether it is full. */
static bool disk_full(lmdb_store *self)
{
    int fd;
    struct stat st;
    if (mdb_env_get_fd(self->env, &fd) != MDB_SUCCESS || fstat(fd, &st) != 0)
        return false;
    return fallocate(fd, 0, st.st_size, PROBE_SIZE) != 0 && translate(errno) == LTH_E_STORE_FULL;
}

static lth_err lmdb_commit(lth_txn *base)
{
    lmdb_txn *txn = (lmdb_txn *)base;
    lmdb_store *self = store_of(base);
    int rc = mdb_txn_commit(txn->mdb); /* Ends it whatever it answers. */
    free(txn);
    if (rc == MDB_SUCCESS)
        return LTH_OK;
    bool full = translate(rc) == LTH_E_STORE_FULL || (rc == EIO && disk_full(self));
    return full && !poisoned(self) ? LTH_E_STORE_FULL : LTH_E_STORE_IO;
}

static int place_of(lth_txn *base, uint32_t table, MDB_cursor **out)
{
    lmdb_txn *txn = (lmdb_txn *)base;
    int rc = MDB_SUCCESS;
    if (txn->places[table] == NULL)
        rc = mdb_cursor_open(txn->mdb, store_of(base)->tables[table], &txn->places[table]);
    *out = txn->places[table];
    return rc;
}

static lth_err lmdb_get(lth_txn *txn, uint32_t table, lth_slice key, lth_slice *value)
{
    MDB_val k = val_of(key);
    MDB_val v = {0, NULL};
    MDB_cursor *place;
    int rc;
    if (!txn->write)
        rc = mdb_get(((lmdb_txn *)txn)->mdb, store_of(txn)->tables[table], &k, &v);
    else if ((rc = place_of(txn, table, &place)) == MDB_SUCCESS)
        rc = mdb_cursor_get(place, &k, &v, MDB_SET);
    *value = slice_of(v);
    return translate(rc);
}

static lth_err lmdb_reserve(lth_txn *txn, uint32_t table, lth_slice key, size_t size, lth_put how,
                            uint8_t **value)
{
    static const unsigned flags[] = {
        [LTH_PUT] = MDB_RESERVE,
        [LTH_PUT_NEW] = MDB_RESERVE | MDB_NOOVERWRITE,
        [LTH_PUT_APPEND] = MDB_RESERVE | MDB_APPEND,
    };
    MDB_val k = val_of(key);
    MDB_val v = {size, NULL};
    MDB_cursor *place;
    int rc = place_of(txn, table, &place);
    if (rc == MDB_SUCCESS)
        rc = mdb_cursor_put(place, &k, &v, flags[how]);
    LTH_ASSERT(rc != MDB_KEYEXIST || how == LTH_PUT_NEW); /* Appended out of order. */
    *value = v.mv_data;
    return translate(rc);
}

/* A place does not outlive a deletion in its table: pages may have been joined. */
static lth_err lmdb_del(lth_txn *base, uint32_t table, lth_slice key)
{
    lmdb_txn *txn = (lmdb_txn *)base;
    MDB_val k = val_of(key);
    if (txn->places[table] != NULL)
        mdb_cursor_close(txn->places[table]);
    txn->places[table] = NULL;
    return translate(mdb_del(txn->mdb, store_of(base)->tables[table], &k, NULL));
}

static lth_err lmdb_cursor_open(lth_txn *txn, uint32_t table, lth_cursor **out)
{
    lmdb_cursor *self = malloc(sizeof *self);
    if (self == NULL)
        return LTH_E_NOMEM;
    int rc = mdb_cursor_open(((lmdb_txn *)txn)->mdb, store_of(txn)->tables[table], &self->mdb);
    if (rc != MDB_SUCCESS) {
        free(self);
        return translate(rc);
    }
    *out = &self->base;
    return LTH_OK;
}

static void lmdb_cursor_close(lth_cursor *base)
{
    lmdb_cursor *self = (lmdb_cursor *)base;
    mdb_cursor_close(self->mdb);
    free(self);
}

static lth_err lmdb_find(lth_cursor *base, lth_find how, lth_slice key, lth_entry *out)
{
    MDB_cursor *cursor = ((lmdb_cursor *)base)->mdb;
    MDB_val k = val_of(key);
    MDB_val v = {0, NULL};
    int rc;

    if (key.n == 0) {
        rc = mdb_cursor_get(cursor, &k, &v, how == LTH_FIND_BEFORE ? MDB_LAST : MDB_FIRST);
    } else {
        rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
        if (how == LTH_FIND_BEFORE)
            rc = mdb_cursor_get(cursor, &k, &v, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
        else if (how == LTH_FIND_AFTER && rc == MDB_SUCCESS && lth_slice_equal(slice_of(k), key))
            rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    *out = (lth_entry){slice_of(k), slice_of(v)};
    return translate(rc);
}

static lth_err lmdb_step(lth_cursor *base, lth_entry *out)
{
    MDB_val k = {0, NULL};
    MDB_val v = {0, NULL};
    int rc = mdb_cursor_get(((lmdb_cursor *)base)->mdb, &k, &v, MDB_NEXT);
    *out = (lth_entry){slice_of(k), slice_of(v)};
    return translate(rc);
}

/** Called with each line of LMDB's list of readers: process, thread, transaction or "-". */
static int note_reader(const char *line, void *ctx)
{
    uint64_t *oldest = ctx;
    const char *last = strrchr(line, ' ');
    if (last == NULL)
        return 0;
    char *end;
    uint64_t txn = strtoull(last + 1, &end, 10);
    if (end != last + 1 && txn < *oldest)
        *oldest = txn;
    return 0;
}

/** Pages in use are counted by LMDB in each table's head: no walk over the free pages is needed. */
static lth_err stat_tables(lmdb_store *self, MDB_txn *txn, lth_store_stat *out)
{
    MDB_dbi dbis[LTH_STORE_TABLES_MAX + 3] = {FREE_DBI, MAIN_DBI, self->format};
    size_t n = 3;
    uint64_t pages = 2; /* The two meta pages. */
    MDB_stat st = {0};

    for (size_t i = 0; i < self->base.n_tables; i++)
        dbis[n++] = self->tables[i];
    for (size_t i = 0; i < n; i++) {
        int rc = mdb_stat(txn, dbis[i], &st);
        if (rc != MDB_SUCCESS)
            return translate(rc);
        pages += st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages;
        out->entries += i < 3 ? 0 : st.ms_entries;
    }
    out->bytes_used = pages * st.ms_psize;
    return LTH_OK;
}

static lth_err lmdb_stat(lth_store *base, lth_store_stat *out)
{
    lmdb_store *self = (lmdb_store *)base;
    MDB_envinfo info;
    MDB_txn *txn;
    int rc = mdb_env_info(self->env, &info);
    if (rc != MDB_SUCCESS)
        return translate(rc);
    out->bytes_max = info.me_mapsize;

    uint64_t oldest = info.me_last_txnid;
    mdb_reader_list(self->env, note_reader, &oldest);
    out->oldest_reader_lag = info.me_last_txnid - oldest;

    rc = mdb_txn_begin(self->env, NULL, MDB_RDONLY, &txn);
    if (rc != MDB_SUCCESS)
        return translate(rc);
    lth_err err = stat_tables(self, txn, out);
    mdb_txn_abort(txn);
    return err;
}

static void lmdb_tidy(lth_store *base)
{
    int dead;
    mdb_reader_check(((lmdb_store *)base)->env, &dead);
}

static void lmdb_close(lth_store *base)
{
    lmdb_store *self = (lmdb_store *)base;
    if (self->env != NULL)
        mdb_env_close(self->env);
    if (self->lock_fd >= 0)
        close(self->lock_fd);
    free(self);
}

static const struct lth_store_ops lmdb_ops = {
    .close = lmdb_close,
    .begin = lmdb_begin,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .get = lmdb_get,
    .reserve = lmdb_reserve,
    .del = lmdb_del,
    .cursor_open = lmdb_cursor_open,
    .cursor_close = lmdb_cursor_close,
    .find = lmdb_find,
    .step = lmdb_step,
    .stat = lmdb_stat,
    .tidy = lmdb_tidy,
};

/** What a failed step of opening means to the person who started the program. */
static lth_err open_failed(lth_diag *diag, const char *dir, int rc)
{
    switch (rc) {
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return lth_fail(diag, LTH_E_STORE_FULL, "%s: no room for the store's tables", dir);
    case ENOMEM:
        return lth_fail(diag, LTH_E_NOMEM,
                        "%s: no address space to map the store; look at RLIMIT_AS (ulimit -v)",
                        dir);
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        return lth_fail(diag, LTH_E_STORE_CORRUPT, "%s: data.mdb is damaged: %s", dir,
                        mdb_strerror(rc));
    case MDB_VERSION_MISMATCH:
        return lth_fail(diag, LTH_E_STORE_VERSION, "%s: data.mdb is of another LMDB format", dir);
    default:
        return lth_fail(diag, LTH_E_IO, "%s: store does not open: %s", dir, mdb_strerror(rc));
    }
}

static void assert_failed(MDB_env *env, const char *msg)
{
    (void)env;
    lth_assert_failed("lmdb", 0, msg);
}

static lth_err open_env(MDB_env **out, const char *dir, uint64_t map_size, lth_diag *diag)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t rounded = (map_size + page - 1) / page * page;
    MDB_env *env = NULL;
    int rc = mdb_env_create(&env);
    if (rc == MDB_SUCCESS)
        rc = mdb_env_set_assert(env, assert_failed);
    if (rc == MDB_SUCCESS)
        rc = mdb_env_set_maxdbs(env, LTH_STORE_TABLES_MAX + 1);
    if (rc == MDB_SUCCESS)
        rc = mdb_env_set_maxreaders(env, READERS_MAX);
    if (rc == MDB_SUCCESS)
        rc = mdb_env_set_mapsize(env, rounded);
    if (rc == MDB_SUCCESS)
        rc = mdb_env_open(env, dir, MDB_NOTLS, 0600);
    if (rc == MDB_SUCCESS) {
        *out = env;
        return LTH_OK;
    }
    if (env != NULL)
        mdb_env_close(env);
    return open_failed(diag, dir, rc);
}

static int write_format(MDB_env *env)
{
    uint8_t version[4];
    MDB_val key = {sizeof FORMAT_KEY - 1, (char[]){FORMAT_KEY}};
    MDB_val value = {sizeof version, version};
    MDB_txn *txn;
    MDB_dbi dbi;
    int rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (rc != MDB_SUCCESS)
        return rc;

    lth_put32(version, FORMAT_VERSION);
    rc = mdb_dbi_open(txn, FORMAT_TABLE, MDB_CREATE, &dbi);
    if (rc == MDB_SUCCESS)
        rc = mdb_put(txn, dbi, &key, &value, 0);
    if (rc == MDB_SUCCESS)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

/** Make a store beside @p dir and rename it; on success its lock is held. */
static lth_err create(const char *dir, const lth_store_options *options, int *lock_fd,
                      lth_diag *diag)
{
    char fresh[LTH_STORE_PATH_MAX];
    MDB_env *env;
    lth_err err = lth_store_dir_start(dir, fresh, lock_fd, diag);
    if (err != LTH_OK)
        return err;

    err = open_env(&env, fresh, options->map_size, diag);
    if (err == LTH_OK) {
        int rc = write_format(env);
        mdb_env_close(env);
        err = rc == MDB_SUCCESS ? lth_store_dir_finish(dir, fresh, diag)
                                : open_failed(diag, fresh, rc);
    }
    if (err != LTH_OK) {
        close(*lock_fd);
        *lock_fd = -1;
    }
    return err;
}

static lth_err check_format(lmdb_store *self, MDB_txn *txn, const char *dir, lth_diag *diag)
{
    MDB_val key = {sizeof FORMAT_KEY - 1, (char[]){FORMAT_KEY}};
    MDB_val value = {0, NULL};
    int rc = mdb_dbi_open(txn, FORMAT_TABLE, 0, &self->format);
    if (rc == MDB_SUCCESS)
        rc = mdb_get(txn, self->format, &key, &value);
    if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE || (rc == MDB_SUCCESS && value.mv_size != 4))
        return lth_fail(diag, LTH_E_STORE_CORRUPT, "%s: data.mdb is no store of Lienthong", dir);
    if (rc != MDB_SUCCESS)
        return open_failed(diag, dir, rc);

    uint32_t version = lth_get32(value.mv_data);
    if (version > FORMAT_VERSION)
        return lth_fail(diag, LTH_E_STORE_VERSION,
                        "%s: store format %u, this program reads up to %u; install the newer "
                        "version",
                        dir, (unsigned)version, FORMAT_VERSION);
    return LTH_OK;
}

/** Open all tables, adding those that are missing; the format is checked before. */
static lth_err open_tables(lmdb_store *self, const lth_store_options *options, const char *dir,
                           lth_diag *diag)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(self->env, NULL, 0, &txn);
    if (rc != MDB_SUCCESS)
        return open_failed(diag, dir, rc);

    lth_err err = check_format(self, txn, dir, diag);
    for (uint32_t i = 0; i < options->n_tables && err == LTH_OK; i++) {
        LTH_ASSERT(strcmp(options->tables[i], FORMAT_TABLE) != 0);
        rc = mdb_dbi_open(txn, options->tables[i], MDB_CREATE, &self->tables[i]);
        if (rc != MDB_SUCCESS)
            err = open_failed(diag, dir, rc);
    }
    if (err != LTH_OK) {
        mdb_txn_abort(txn);
        return err;
    }
    rc = mdb_txn_commit(txn);
    return rc == MDB_SUCCESS ? LTH_OK : open_failed(diag, dir, rc);
}

lth_err lth_store_open_lmdb(lth_store **out, const char *dir, const lth_store_options *options,
                            lth_diag *diag)
{
    LTH_ASSERT(options->n_tables >= 1 && options->n_tables <= LTH_STORE_TABLES_MAX);
    LTH_ASSERT(options->map_size > 0);
    *out = NULL;
    lmdb_store *self = calloc(1, sizeof *self);
    if (self == NULL)
        return lth_fail(diag, LTH_E_NOMEM, "%s: out of memory", dir);
    lth_store__init(&self->base, &lmdb_ops, options->n_tables);
    self->lock_fd = -1;

    lth_err err = lth_store_dir_take(dir, &self->lock_fd, diag);
    if (err == LTH_E_NOT_FOUND && options->create)
        err = create(dir, options, &self->lock_fd, diag);
    if (err == LTH_OK)
        err = open_env(&self->env, dir, options->map_size, diag);
    if (err == LTH_OK)
        err = open_tables(self, options, dir, diag);
    if (err != LTH_OK) {
        lmdb_close(&self->base);
        return err;
    }
    lth_store_tidy(&self->base);
    *out = &self->base;
    return LTH_OK;
}
