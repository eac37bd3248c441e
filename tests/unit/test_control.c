/* The control socket: whole answers of any length, refusals, a stale socket replaced, a live one
 * respected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lth/control.h"

#define MANY 5000

typedef struct fixture {
    char dir[64], path[96];
    lth_control_server *server;
    pthread_t thread;
    atomic_bool stop;
} fixture;

static void many_step(void *ctx, lth_control_call *call, void *state)
{
    (void)ctx;
    int *next = state;
    for (int i = 0; i < 100 && *next < MANY; i++)
        lth_control_row(call,
                        json_pack("{s:i,s:s}", "n", (*next)++, "text", "một dòng tiếng Việt"));
    if (*next == MANY)
        lth_control_end(call, 0, json_pack("{s:i}", "rows", MANY));
}

static void verb_many(void *ctx, lth_control_call *call, const json_t *request)
{
    (void)ctx;
    (void)request;
    lth_control_continue(call, many_step, calloc(1, sizeof(int)), free);
}

static void verb_echo(void *ctx, lth_control_call *call, const json_t *request)
{
    (void)ctx;
    lth_control_row(call, json_deep_copy(request));
    lth_control_end(call, 1, NULL);
}

static const lth_control_verb verbs[] = {{"many", verb_many}, {"echo", verb_echo}};

static void *serve(void *arg)
{
    fixture *f = arg;
    while (!atomic_load(&f->stop)) {
        struct pollfd fds[20];
        size_t n = lth_control_poll(f->server, fds, 20);
        if (poll(fds, (nfds_t)n, 20) > 0)
            lth_control_handle(f->server, fds, n);
    }
    return NULL;
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    strcpy(f->dir, "/tmp/lth-control-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/c.sock", f->dir);
    lth_diag diag;
    assert_int_equal(lth_control_open(&f->server, f->path, verbs, 2, f, &diag), LTH_OK);
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    atomic_store(&f->stop, true);
    pthread_join(f->thread, NULL);
    lth_control_close(&f->server);
    assert_null(f->server);
    assert_int_not_equal(access(f->path, F_OK), 0);
    rmdir(f->dir);
    free(f);
    return 0;
}

static void count_row(void *ctx, const json_t *row)
{
    int *next = ctx;
    assert_int_equal(json_integer_value(json_object_get(row, "n")), *next);
    (*next)++;
}

static int ask(const fixture *f, const char *verb, void (*row)(void *, const json_t *), void *ctx,
               json_t **end)
{
    json_t *request = json_pack("{s:s}", "verb", verb);
    lth_diag diag;
    int status = lth_control_ask(f->path, request, row, ctx, end, &diag);
    json_decref(request);
    return status;
}

static void test_long_answer(void **state)
{
    int next = 0;
    json_t *end = NULL;
    assert_int_equal(ask(*state, "many", count_row, &next, &end), 0);
    assert_int_equal(next, MANY);
    assert_int_equal(json_integer_value(json_object_get(end, "rows")), MANY);
    json_decref(end);
}

static void test_exit_status_travels(void **state)
{
    json_t *end = NULL;
    assert_int_equal(ask(*state, "echo", NULL, NULL, &end), 1);
    json_decref(end);
}

static void test_unknown_verb(void **state)
{
    json_t *end = NULL;
    assert_int_equal(ask(*state, "nonsense", NULL, NULL, &end), 2);
    assert_string_equal(json_string_value(json_object_get(end, "code")), "unknown_verb");
    json_decref(end);
}

static int raw_connect(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    strcpy(addr.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

/* A client that reads as fast as rows are made gets its turn, no more. */
static void test_one_step_a_turn(void **state)
{
    fixture *f = *state;
    atomic_store(&f->stop, true);
    pthread_join(f->thread, NULL);
    int fd = raw_connect(f->path);
    static const char request[] = "{\"verb\":\"many\"}\n";
    assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
    for (int turn = 0; turn < 2; turn++) {
        struct pollfd fds[20];
        size_t n = lth_control_poll(f->server, fds, 20);
        assert_true(poll(fds, (nfds_t)n, 1000) > 0);
        lth_control_handle(f->server, fds, n); /* accepted; then read and the first step */
    }
    static char answer[1 << 20];
    ssize_t got = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
    int rows = 0;
    for (ssize_t i = 0; i < got; i++)
        rows += answer[i] == '\n';
    assert_int_equal(rows, 100);
    close(fd);
    atomic_store(&f->stop, false);
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void test_not_json(void **state)
{
    const fixture *f = *state;
    int fd = raw_connect(f->path);
    assert_int_equal(send(fd, "{\"verb\":\n", 9, 0), 9);
    char answer[512] = {0};
    assert_true(recv(fd, answer, sizeof(answer) - 1, 0) > 0);
    assert_non_null(strstr(answer, "bad_request"));
    close(fd);
}

static void test_endless_request_is_refused(void **state)
{
    const fixture *f = *state;
    int fd = raw_connect(f->path);
    char block[4096];
    memset(block, 'x', sizeof(block));
    for (int i = 0; i < 64 && send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0; i++)
        continue;
    char answer[512] = {0};
    ssize_t n = recv(fd, answer, sizeof(answer) - 1, 0);
    assert_true(n <= 0 || strstr(answer, "too_large") != NULL); /* the answer, or already cut */
    close(fd);
    json_t *end = NULL;
    assert_int_equal(ask(f, "echo", NULL, NULL, &end), 1); /* others are served on */
    json_decref(end);
}

static void test_socket_is_private(void **state)
{
    const fixture *f = *state;
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_live_socket_is_not_taken(void **state)
{
    const fixture *f = *state;
    lth_control_server *second = NULL;
    lth_diag diag;
    assert_int_equal(lth_control_open(&second, f->path, verbs, 2, NULL, &diag), LTH_E_STORE_BUSY);
}

static void test_stale_socket_is_replaced(void **state)
{
    (void)state;
    char path[] = "/tmp/lth-stale-XXXXXX";
    assert_non_null(mkdtemp(path));
    char sock[64];
    snprintf(sock, sizeof(sock), "%s/s", path);
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    strcpy(addr.sun_path, sock);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    close(fd); /* the file stays, nobody listens: as after a kill */
    lth_control_server *server = NULL;
    lth_diag diag;
    assert_int_equal(lth_control_open(&server, sock, verbs, 2, NULL, &diag), LTH_OK);
    lth_control_close(&server);
    rmdir(path);
}

static void test_long_path(void **state)
{
    (void)state;
    char path[200];
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    lth_control_server *server = NULL;
    lth_diag diag;
    assert_int_equal(lth_control_open(&server, path, verbs, 2, NULL, &diag), LTH_E_CONFIG);
}

static void test_nobody_there(void **state)
{
    (void)state;
    fixture f = {.path = "/tmp/lth-no-such-socket"};
    json_t *end = NULL;
    assert_int_equal(ask(&f, "echo", NULL, NULL, &end), 3);
    assert_null(end);
}

/* Somebody listens and never answers: the question ends all the same. */
static void test_silent_node(void **state)
{
    (void)state;
    char dir[] = "/tmp/lth-control-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(fd, 1), 0);
    json_t *request = json_pack("{s:s}", "verb", "echo");
    json_t *end = NULL;
    lth_diag diag;
    assert_int_equal(lth_control_ask_within(addr.sun_path, 1, request, NULL, NULL, &end, &diag), 3);
    assert_null(end);
    json_decref(request);
    close(fd);
    unlink(addr.sun_path);
    rmdir(dir);
}

static void expect_words(const char *text, const char *wanted)
{
    json_t *json = lth_control_words(lth_slice_of(text, strlen(text)));
    assert_string_equal(json_string_value(json), wanted);
    json_decref(json);
}

static void test_words_of_people_stay_on_their_line(void **state)
{
    (void)state;
    expect_words("thiếu giấy khai sinh", "thiếu giấy khai sinh");
    expect_words("a\nb\tc\x7f"
                 "d\x1b[2Je",
                 "a b c d [2Je");
    expect_words("a\xc2\x9b"
                 "2Jb\xc2\xa0"
                 "c",
                 "a  2Jb\xc2\xa0"
                 "c");
    expect_words("", "");
    expect_words("kh\xf4ng ph\xe3i UTF-8", "");
    json_t *json = lth_control_words(lth_slice_of("a\0b", 3));
    assert_string_equal(json_string_value(json), "a b");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_long_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_step_a_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exit_status_travels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_verb, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_endless_request_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_socket_is_private, setup, teardown),
        cmocka_unit_test_setup_teardown(test_live_socket_is_not_taken, setup, teardown),
        cmocka_unit_test(test_stale_socket_is_replaced),
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_silent_node),
        cmocka_unit_test(test_words_of_people_stay_on_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
