/* agents/shell/inbox.h: which files are whole, in what order, and where they go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agents/shell/inbox.h"
#include "lth/crypto.h"

static char root[64], box[96];

static const char *in_box(const char *name)
{
    static char path[2][400];
    static int turn;
    turn = 1 - turn;
    (void)snprintf(path[turn], sizeof path[turn], "%s/%s", box, name);
    return path[turn];
}

static void put(const char *name, const char *text)
{
    FILE *out = fopen(in_box(name), "wb");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static uint64_t now_ms(void)
{
    return (uint64_t)time(NULL) * 1000u;
}

static int set_up(void **state)
{
    static lth_inbox inbox;
    (void)snprintf(root, sizeof root, "/tmp/test-inbox-XXXXXX");
    (void)signal(SIGIO, SIG_IGN);
    if (mkdtemp(root) == NULL)
        return -1;
    (void)snprintf(box, sizeof box, "%s/box", root);
    lth_inbox_init(&inbox, box);
    *state = &inbox;
    return mkdir(box, 0750);
}

static int tear_down(void **state)
{
    char command[100];
    lth_inbox_fini(*state);
    (void)snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static void test_names(void **state)
{
    char longest[LTH_UPLOAD_ID_MAX + 2];
    (void)state;
    memset(longest, 'a', sizeof longest);
    longest[LTH_UPLOAD_ID_MAX] = '\0';
    assert_true(lth_inbox_name_ok(longest));
    longest[LTH_UPLOAD_ID_MAX] = 'a';
    longest[LTH_UPLOAD_ID_MAX + 1] = '\0';
    static const char *const good[] = {"a", "0", "lop3.xlsx", "A-b_c.D", "a..b", "x.partial"};
    const char *const bad[] = {"",           longest, ".a",  "-a",      "_a",       "a/b",
                               "../a",       "a b",   "a\n", "é.xlsx",  "a.part",   "a.TMP",
                               "a.FilePart", "a\\b",  "a:b", "a\x01.x", "a\x7f.csv"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(lth_inbox_name_ok(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(lth_inbox_name_ok(bad[i]));
}

static void test_a_missing_directory_is_told_until_it_is_there(void **state)
{
    lth_inbox *inbox = *state;
    assert_int_equal(rmdir(box), 0);
    assert_true(lth_inbox_look(inbox, now_ms()));
    assert_true(inbox->missing);
    assert_true(lth_inbox_look(inbox, now_ms()));
    assert_int_equal(mkdir(box, 0750), 0);
    put("a.csv", "x");
    assert_true(lth_inbox_look(inbox, now_ms()));
    assert_false(inbox->missing);
    assert_int_equal(inbox->n_files, 1);
}

static void test_order_is_that_of_arrival(void **state)
{
    static const char *const names[] = {"z.csv", "a.csv", "m.csv"};
    lth_inbox *inbox = *state;
    struct stat st;
    int64_t last = 0;
    for (size_t i = 0; i < 3; i++) {
        do { /* until the file system's clock has gone on */
            put(names[i], "x");
            assert_int_equal(stat(in_box(names[i]), &st), 0);
        } while ((int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec == last);
        last = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
    }
    assert_true(lth_inbox_look(inbox, now_ms()));
    assert_int_equal(inbox->n_files, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(inbox->files[i].name, names[i]);
}

static void test_a_quiet_directory_is_not_listed_again(void **state)
{
    lth_inbox *inbox = *state;
    put("a.csv", "x");
    assert_true(lth_inbox_look(inbox, now_ms()));
    assert_true(lth_inbox_look(inbox, now_ms()));         /* a change may hide behind a young one */
    assert_true(lth_inbox_look(inbox, now_ms() + 60000)); /* looked at once more when it is old */
    assert_false(lth_inbox_look(inbox, now_ms() + 60000));
    put("b.csv", "x");
    assert_true(lth_inbox_look(inbox, now_ms() + 60000));
    assert_int_equal(inbox->n_files, 2);
}

static void test_what_is_written_waits(void **state)
{
    lth_inbox *inbox = *state;
    lth_inbox_taken taken;
    int fd = open(in_box("slow.csv"), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    put("half.csv.part", "x");
    assert_true(lth_inbox_look(inbox, now_ms()));
    assert_int_equal(inbox->n_files, 1);
    assert_true(inbox->files[0].busy);
    assert_int_equal(inbox->writing, 2);
    assert_int_equal(lth_inbox_take(inbox, "slow.csv", &taken, NULL), LTH_INBOX_BUSY);
    assert_int_equal(close(fd), 0);
    assert_true(
        lth_inbox_look(inbox, now_ms() + 60000)); /* although the directory did not change */
    assert_false(inbox->files[0].busy);
    assert_int_equal(lth_inbox_take(inbox, "slow.csv", &taken, NULL), LTH_INBOX_TAKEN);
    close(taken.fd);
}

static void test_links_lead_nowhere(void **state)
{
    lth_inbox *inbox = *state;
    lth_inbox_taken taken;
    char outside[100];
    (void)snprintf(outside, sizeof outside, "%s/secret", root);
    FILE *out = fopen(outside, "wb");
    assert_non_null(out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(symlink(outside, in_box("soft.csv")), 0);
    assert_int_equal(link(outside, in_box("hard.csv")), 0);
    assert_int_equal(mkfifo(in_box("pipe.csv"), 0600), 0);
    assert_true(lth_inbox_look(inbox, now_ms()));
    assert_int_equal(inbox->n_files, 0);
    assert_int_equal(inbox->strange, 3);
    static const char *const names[] = {"soft.csv", "hard.csv", "pipe.csv", "../secret", "none"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], "../secret") != 0)
            assert_int_equal(lth_inbox_take(inbox, names[i], &taken, NULL), LTH_INBOX_GONE);
        assert_int_equal(lth_inbox_take_kept(inbox, names[i], &taken, NULL), LTH_INBOX_GONE);
    }
    /* A link in the place of our own directory keeps nothing. */
    put("a.csv", "x");
    assert_int_equal(symlink(root, in_box(".kept")), 0);
    assert_int_equal(lth_inbox_take(inbox, "a.csv", &taken, NULL), LTH_INBOX_TAKEN);
    assert_int_equal(lth_inbox_keep(inbox, "a.csv", &taken, NULL), LTH_E_IO);
    assert_int_equal(access(in_box("a.csv"), F_OK), 0);
    close(taken.fd);
}

static void test_names_become_ours(void **state)
{
    lth_inbox *inbox = *state;
    lth_inbox_taken taken;
    put("Học sinh (1).XLSX", "x");
    put("không đuôi", "x");
    put("x.csv", "x");
    assert_true(lth_inbox_look(inbox, now_ms()));
    assert_int_equal(inbox->n_files, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(lth_inbox_name_ok(inbox->files[i].name));
    assert_int_equal(lth_inbox_take(inbox, "x.csv", &taken, NULL), LTH_INBOX_TAKEN);
    assert_int_equal(lth_inbox_keep(inbox, "x.csv", &taken, NULL), LTH_OK);
    close(taken.fd);
    assert_int_equal(access(in_box(".kept/x.csv"), F_OK), 0);
    put("x.csv", "y"); /* a used name */
    assert_true(lth_inbox_look(inbox, now_ms()));
    assert_int_equal(inbox->n_files, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_string_not_equal(inbox->files[i].name, "x.csv");
}

static void test_a_file_written_over_stays(void **state)
{
    lth_inbox *inbox = *state;
    lth_inbox_taken taken;
    put("a.csv", "old");
    assert_int_equal(lth_inbox_take(inbox, "a.csv", &taken, NULL), LTH_INBOX_TAKEN);
    assert_true(lth_inbox_unchanged(&taken));
    assert_int_equal(rename(in_box("a.csv"), in_box("b.csv")), 0);
    put("a.csv", "new");
    assert_int_equal(lth_inbox_keep(inbox, "a.csv", &taken, NULL), LTH_E_NOT_FOUND);
    assert_int_equal(access(in_box("a.csv"), F_OK), 0);
    close(taken.fd);
    assert_int_equal(lth_inbox_take(inbox, "a.csv", &taken, NULL), LTH_INBOX_TAKEN);
    put("a.csv", "longer");
    assert_false(lth_inbox_unchanged(&taken));
    close(taken.fd);
}

static void test_hash_and_prune(void **state)
{
    /* sha256sum of "abc", FIPS 180-2 appendix B.1 */
    static const uint8_t abc[LTH_HASH_SIZE] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                               0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                               0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                               0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    lth_inbox *inbox = *state;
    lth_inbox_taken taken;
    lth_hasher hasher;
    uint8_t hash[LTH_HASH_SIZE];
    assert_int_equal(lth_crypto_init(NULL), LTH_OK);
    assert_int_equal(lth_crypto_hasher_new(&hasher, NULL), LTH_OK);
    put("a.csv", "abc");
    assert_int_equal(lth_inbox_take(inbox, "a.csv", &taken, NULL), LTH_INBOX_TAKEN);
    assert_int_equal(taken.bytes, 3);
    assert_int_equal(lth_inbox_hash(&taken, &hasher, hash, NULL), LTH_OK);
    assert_memory_equal(hash, abc, sizeof hash);
    assert_int_equal(lth_inbox_keep(inbox, "a.csv", &taken, NULL), LTH_OK);
    assert_int_equal(lth_inbox_note(inbox, "a.csv", "{}", 2, NULL), LTH_OK);
    close(taken.fd);
    lth_inbox_prune(inbox, now_ms() - 60000);
    assert_int_equal(lth_inbox_take_kept(inbox, "a.csv", &taken, NULL), LTH_INBOX_TAKEN);
    close(taken.fd);
    lth_inbox_prune(inbox, now_ms() + 60000);
    assert_int_equal(lth_inbox_take_kept(inbox, "a.csv", &taken, NULL), LTH_INBOX_GONE);
    assert_int_not_equal(access(in_box(".kept/a.csv.json"), F_OK), 0);
    lth_crypto_hasher_free(&hasher);
}

/* A name of ours carries when its file came: renaming does not change its turn. */
static void test_a_new_name_keeps_the_turn(void **state)
{
    lth_inbox *inbox = *state;
    static const char *const came[] = {"một.csv", "two.csv", "b b.csv", "four.csv"};
    struct stat st;
    int64_t last = 0;
    for (size_t i = 0; i < sizeof came / sizeof came[0]; i++) {
        do { /* until the file system's clock has gone on */
            put(came[i], "x");
            assert_int_equal(stat(in_box(came[i]), &st), 0);
        } while ((int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec == last);
        last = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
    }
    for (int look = 0; look < 2; look++) {
        inbox->look_again = true;
        assert_true(lth_inbox_look(inbox, now_ms()));
        assert_int_equal(inbox->n_files, 4);
        assert_string_equal(inbox->files[1].name, "two.csv");
        assert_string_equal(inbox->files[3].name, "four.csv");
        assert_true(lth_inbox_name_ok(inbox->files[0].name));
        assert_true(lth_inbox_name_ok(inbox->files[2].name));
    }
    lth_inbox_drop(inbox, "two.csv");
    assert_int_equal(inbox->n_files, 3);
    assert_string_equal(inbox->files[2].name, "four.csv");
    lth_inbox_rename(inbox, "four.csv");
    assert_true(lth_inbox_look(inbox, now_ms()));
    assert_int_equal(inbox->n_files, 4);
    assert_string_not_equal(inbox->files[3].name, "four.csv");
}

/* Of more files than are listed at once, the oldest come first. */
static void test_the_oldest_of_many_are_listed(void **state)
{
    lth_inbox *inbox = *state;
    char name[64];
    for (uint32_t i = 0; i < 2 * LTH_INBOX_FILES_MAX + 50; i++) {
        (void)snprintf(name, sizeof name, "20260905T%06u.000000000Z-1.csv", i % 60 + i / 60 * 100);
        put(name, "x");
    }
    assert_true(lth_inbox_look(inbox, now_ms()));
    assert_int_equal(inbox->n_files, LTH_INBOX_FILES_MAX);
    assert_true(inbox->look_again);
    for (uint32_t i = 0; i < LTH_INBOX_FILES_MAX; i++) {
        (void)snprintf(name, sizeof name, "20260905T%06u.000000000Z-1.csv", i % 60 + i / 60 * 100);
        assert_string_equal(inbox->files[i].name, name);
    }
}

static void test_a_clock_that_jumped_is_not_believed(void **state)
{
    (void)state;
    const uint64_t year = UINT64_C(365) * 86400000, hour = 3600000, start = 50 * year;
    lth_inbox_clock clock = {0};
    assert_false(lth_inbox_clock_believed(&clock, start, LTH_MONO_S(1)));
    assert_false(lth_inbox_clock_believed(&clock, start + 5 * hour, LTH_MONO_S(5 * 3600 + 1)));
    assert_true(lth_inbox_clock_believed(&clock, start + 6 * hour, LTH_MONO_S(6 * 3600 + 1)));
    assert_false(lth_inbox_clock_believed(&clock, start + 2 * year, LTH_MONO_S(6 * 3600 + 31)));
    assert_false(lth_inbox_clock_believed(&clock, start + 7 * hour, LTH_MONO_S(7 * 3600 + 1)));
    assert_false(lth_inbox_clock_believed(&clock, start + 12 * hour, LTH_MONO_S(12 * 3600 + 1)));
    assert_true(lth_inbox_clock_believed(&clock, start + 13 * hour, LTH_MONO_S(13 * 3600 + 1)));
}

#define WITH_BOX(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        WITH_BOX(test_a_missing_directory_is_told_until_it_is_there),
        WITH_BOX(test_order_is_that_of_arrival),
        WITH_BOX(test_a_quiet_directory_is_not_listed_again),
        WITH_BOX(test_what_is_written_waits),
        WITH_BOX(test_links_lead_nowhere),
        WITH_BOX(test_names_become_ours),
        WITH_BOX(test_a_file_written_over_stays),
        WITH_BOX(test_hash_and_prune),
        WITH_BOX(test_a_new_name_keeps_the_turn),
        WITH_BOX(test_the_oldest_of_many_are_listed),
        cmocka_unit_test(test_a_clock_that_jumped_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
