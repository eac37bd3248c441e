/* Power cuts at every write of LMDB: each image that a disk may then hold must open, hold every
 * acknowledged commit, and be exactly the state after some commit. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/store/store_mem.h"
#include "tests/store/crash_disk.h"
#include "tests/store/fixture.h"

#define COMMITS  24u
#define MAP_SIZE (16u << 20)
#define COUNTER  "\xff\xff count"

enum verdict { GOOD, LOST, BROKEN };

typedef struct contents {
    uint8_t hash[FIXTURE_TABLES][LTH_HASH_SIZE];
} contents;

/** Contents after each number of commits, from the store in memory. */
static contents expected[COMMITS + 1];

static lth_err delete_run(lth_txn *txn, uint32_t table, lth_slice from, uint32_t n)
{
    lth_cursor *cursor;
    lth_slice key;
    lth_slice value;
    lth_err err = lth_cursor_open(txn, table, &cursor);
    if (err != LTH_OK)
        return err;
    err = lth_cursor_seek(cursor, from, &key, &value);
    for (; n > 0 && err == LTH_OK; n--) {
        if (key.n == 8)
            err = lth_cursor_del(cursor);
        if (err == LTH_OK)
            err = lth_cursor_next(cursor, &key, &value);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/** The @p number-th transaction: puts of all sizes, and runs of deletions. */
static lth_err change(lth_txn *txn, uint32_t number)
{
    uint64_t random = number;
    uint8_t key[8];
    uint32_t puts = (uint32_t)(next_random(&random) % 30);
    for (uint32_t i = 0; i <= puts; i++) {
        uint64_t r = next_random(&random);
        size_t n = r % 16 == 0 ? 20000 : r % 900;
        lth_put64(key, next_random(&random) % 200);
        lth_err err = put_tagged(txn, i % 2, lth_slice_of(key, 8), n, i, LTH_PUT);
        if (err != LTH_OK)
            return err;
    }
    if (number % 3 == 0) {
        lth_put64(key, next_random(&random) % 200);
        lth_err err = delete_run(txn, number % 2, lth_slice_of(key, 8), number);
        if (err != LTH_OK)
            return err;
    }
    lth_put32(key, number);
    return lth_put_kv(txn, 2, text(COUNTER), lth_slice_of(key, 4), LTH_PUT);
}

static lth_err read_contents(lth_store *store, contents *out, uint32_t *count)
{
    lth_txn *txn;
    lth_slice value;
    lth_err err = lth_store_begin(store, false, &txn);
    if (err != LTH_OK)
        return err;
    for (uint32_t i = 0; i < FIXTURE_TABLES && err == LTH_OK; i++)
        err = lth_store_table_hash(txn, i, &toy_hasher, out->hash[i]);
    *count = 0;
    if (err == LTH_OK && lth_get(txn, 2, text(COUNTER), &value) == LTH_OK && value.n == 4)
        *count = lth_get32(value.p);
    lth_store_abort(&txn);
    return err;
}

static void run_history(lth_store *store, bool record)
{
    for (uint32_t number = 1; number <= COMMITS; number++) {
        lth_txn *txn = begin(store, true);
        assert_int_equal(change(txn, number), LTH_OK);
        commit(&txn);
        if (record) {
            crash_disk_ack(number);
        } else {
            uint32_t count;
            assert_int_equal(read_contents(store, &expected[number], &count), LTH_OK);
            assert_int_equal(count, number);
        }
    }
}

static void write_image(const fixture *at, const uint8_t *image, size_t size)
{
    char path[100];
    lth_format(path, sizeof path, "%s/lock.mdb", at->dir);
    unlink(path);
    lth_format(path, sizeof path, "%s/data.mdb", at->dir);
    assert_true(mkdir(at->dir, 0700) == 0 || access(at->dir, W_OK) == 0);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, image, size), size);
    close(fd);
}

/** What a restarted process makes of the image. */
static enum verdict judge(const fixture *at, uint32_t acked)
{
    lth_store *store;
    lth_txn *txn;
    contents found;
    uint32_t count;
    if (fixture_try_open(at, &store, NULL) != LTH_OK ||
        read_contents(store, &found, &count) != LTH_OK)
        return BROKEN;
    if (count > acked + 1 || count > COMMITS || memcmp(&found, &expected[count], sizeof found) != 0)
        return BROKEN;
    if (lth_store_begin(store, true, &txn) != LTH_OK || change(txn, 1000) != LTH_OK ||
        lth_store_commit(&txn) != LTH_OK)
        return BROKEN;
    lth_store_close(&store);
    return count < acked ? LOST : GOOD;
}

/** In a child: a damaged image may kill the process that maps it. */
static enum verdict judge_apart(const fixture *at, uint32_t acked)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        child_init();
        _exit((int)judge(at, acked));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? (enum verdict)WEXITSTATUS(status) : BROKEN;
}

/** Every @p stride-th event, every subset. */
static void count_verdicts(crash_disk_kind kind, size_t stride, uint32_t tally[BROKEN + 1])
{
    uint64_t random = 999;
    fixture at;
    fixture_init_in(&at, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", true, MAP_SIZE);
    for (size_t event = 0; event <= crash_disk_events(); event += stride) {
        for (int subset = 0; subset < CRASH_SUBSETS; subset++) {
            uint8_t *image;
            size_t size;
            crash_disk_image(event, kind, (crash_subset)subset, &random, &image, &size);
            write_image(&at, image, size);
            free(image);
            tally[judge_apart(&at, crash_disk_acked(event))]++;
        }
    }
    fixture_fini(&at);
    print_message("%u good, %u lost an acknowledged commit, %u broken\n", tally[GOOD], tally[LOST],
                  tally[BROKEN]);
}

static int record_history(void **state)
{
    fixture mem;
    fixture disk;
    char path[100];
    uint32_t count;
    (void)state;
    fixture_init(&mem, false, 0);
    fixture_open(&mem);
    assert_int_equal(read_contents(mem.store, &expected[0], &count), LTH_OK);
    run_history(mem.store, false);
    fixture_fini(&mem);

    fixture_init(&disk, true, MAP_SIZE);
    fixture_open(&disk);
    lth_format(path, sizeof path, "%s/data.mdb", disk.dir);
    crash_disk_start(path);
    run_history(disk.store, true);
    crash_disk_stop();

    /* Nothing went past the record: replayed in full it is the file, byte for byte. */
    uint8_t *image;
    size_t size;
    uint64_t random = 0;
    crash_disk_image(crash_disk_events(), CRASH_HONEST, CRASH_ALL, &random, &image, &size);
    uint8_t *file = malloc(size + 1);
    assert_non_null(file);
    int fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, file, size + 1), size);
    assert_memory_equal(file, image, size);
    close(fd);
    free(file);
    free(image);
    fixture_fini(&disk);
    return 0;
}

static int forget_history(void **state)
{
    (void)state;
    crash_disk_free();
    return 0;
}

static void test_synced_commits_survive(void **state)
{
    uint32_t tally[BROKEN + 1] = {0};
    (void)state;
    count_verdicts(CRASH_HONEST, 1, tally);
    assert_in_range(tally[GOOD], 1000, 1000000);
    assert_int_equal(tally[LOST], 0);
    assert_int_equal(tally[BROKEN], 0);
}

/* The harness must see what the forbidden flags would do. */

static void test_missing_sync_is_caught(void **state)
{
    uint32_t tally[BROKEN + 1] = {0};
    (void)state;
    count_verdicts(CRASH_NO_SYNC, 9, tally);
    assert_true(tally[BROKEN] > tally[GOOD] / 4);
}

static void test_missing_metasync_is_caught(void **state)
{
    uint32_t tally[BROKEN + 1] = {0};
    (void)state;
    count_verdicts(CRASH_NO_METASYNC, 9, tally);
    assert_true(tally[LOST] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_synced_commits_survive),
        cmocka_unit_test(test_missing_sync_is_caught),
        cmocka_unit_test(test_missing_metasync_is_caught),
    };
    return cmocka_run_group_tests_name("power cuts", tests, record_history, forget_history);
}
