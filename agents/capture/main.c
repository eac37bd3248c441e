/**
 * @file agents/capture/main.c
 * lienthong-capture: reads the tables or the file that one request names and writes their rows to
 * its standard output (agents/capture/pipe.h). Started by lienthong-agent for one round of one
 * school; a driver or a file that crashes it, hangs or leaks takes only this process with it.
 */

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "agents/capture/file.h"
#include "agents/capture/source.h"
#include "agents/capture/sqlite_file.h"
#include "lth/diag.h"

#define ARENA_MAX        (2 * (size_t)LTH_CAPTURE_REQUEST_MAX)
#define MEMORY_MAX       ((rlim_t)2 * 1024 * 1024 * 1024)
#define PATIENCE_MS      2000
#define LOOK_AGAIN_MS    10
#define EXIT_USAGE       2

#define FILE_SECONDS_MAX 120 /* Of processor time for one file. */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

/* The connection of a round, and for a SQLite file the look that it rests on. */
typedef struct session {
    const lth_capture_request *request;
    source db;
    bool file, without_locks;
    sqlite_file_look look;
    int64_t give_up_ms;
} session;

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait until the file may be read without disturbing its writer. */
static lth_scan_fault await_quiet(session *self, char detail[LTH_DETAIL_MAX])
{
    for (;;) {
        sqlite_file_state state = sqlite_file_look_at(&self->look, self->request->database);
        if (state == SQLITE_FILE_BAD) {
            lth_format(detail, LTH_DETAIL_MAX, "%s", self->request->database);
            return LTH_SCAN_unreachable;
        }
        self->without_locks = state == SQLITE_FILE_QUIET;
        if (state != SQLITE_FILE_BUSY)
            return LTH_SCAN_none;
        if (now_ms() >= self->give_up_ms)
            return LTH_SCAN_locked;
        (void)poll(NULL, 0, LOOK_AGAIN_MS);
    }
}

static lth_scan_fault session_open(session *self, char detail[LTH_DETAIL_MAX])
{
    char uri[3 * SQLITE_FILE_PATH_MAX];
    const char *database = self->request->database;
    if (self->db.connected)
        return LTH_SCAN_none;
    if (self->file) {
        lth_scan_fault fault = await_quiet(self, detail);
        if (fault != LTH_SCAN_none)
            return fault;
        if (!sqlite_file_uri(uri, sizeof uri, database, self->without_locks))
            return LTH_SCAN_unreachable;
        database = uri;
    }
    return source_open(&self->db, self->request, database, detail);
}

static bool read_in_peace(const session *self)
{
    return !self->without_locks || sqlite_file_unchanged(&self->look, self->request->database);
}

/* What was read while somebody wrote is thrown away, faults included, and read again. */
static lth_scan_fault read_table(session *self, const lth_capture_table *table, rows *out,
                                 char detail[LTH_DETAIL_MAX])
{
    const lth_capture_request *request = self->request;
    for (;;) {
        detail[0] = '\0';
        lth_scan_fault fault = session_open(self, detail);
        if (fault != LTH_SCAN_none)
            return fault;
        fault = source_read(&self->db, table, request->rows_max, request->seconds_max, out, detail);
        if (read_in_peace(self))
            return fault;
        source_close(&self->db);
        rows_clear(out);
        if (now_ms() >= self->give_up_ms) {
            detail[0] = '\0';
            return LTH_SCAN_locked;
        }
    }
}

static lth_err run(const lth_capture_request *request)
{
    uint8_t end[LTH_CAPTURE_END_BYTES_MAX];
    char detail[LTH_DETAIL_MAX];
    session self = {.request = request,
                    .file = source_family_of(request->driver)->file,
                    .give_up_ms = now_ms() + PATIENCE_MS};
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < request->n_tables && !err; i++) {
        const lth_capture_table *table = &request->tables[i];
        rows found = {0};
        lth_scan_fault fault = read_table(&self, table, &found, detail);
        err = rows_write(&found, STDOUT_FILENO);
        rows_clear(&found);
        size_t n = lth_capture_table_end_encode(
            end,
            &(lth_capture_table_end){.table = table->number, .fault = fault, .detail = detail});
        if (!err)
            err = write_all(STDOUT_FILENO, end, n);
    }
    source_close(&self.db);
    if (!err)
        err = write_all(STDOUT_FILENO, end, lth_capture_end_encode(end));
    return err;
}

static bool read_all(int fd, uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t got = read(fd, p, n);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        p += got > 0 ? got : 0;
        n -= got > 0 ? (size_t)got : 0;
    }
    return true;
}

static void limit(int what, rlim_t most)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)what, &now) == 0) {
        if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most)
            most = now.rlim_max;
        (void)setrlimit((__rlimit_resource_t)what, &(struct rlimit){most, most});
    }
}

static lth_err run_query(lth_slice body, lth_arena *arena)
{
    lth_capture_request request;
    lth_err err = lth_capture_request_decode(&request, body, arena);
    explicit_bzero((uint8_t *)(uintptr_t)body.p, body.n); /* The password. */
    if (err)
        return err;
    if (request.seconds_max > 0)
        limit(RLIMIT_CPU, request.seconds_max);
    return run(&request) == LTH_OK ? LTH_OK : LTH_E_IO;
}

static lth_err run_file(lth_slice body, lth_arena *arena)
{
    lth_capture_file_request request;
    lth_err err = lth_capture_file_decode(&request, body, arena);
    limit(RLIMIT_CPU, FILE_SECONDS_MAX);
    return err ? err : file_read(&request, STDOUT_FILENO);
}

static lth_err run_answer(lth_slice body, lth_arena *arena)
{
    lth_capture_answer_request request;
    lth_err err = lth_capture_answer_decode(&request, body, arena);
    limit(RLIMIT_CPU, FILE_SECONDS_MAX);
    return err ? err : file_answer(&request, STDOUT_FILENO);
}

/* LTH_E_FORMAT: nothing that an agent asks. */
static lth_err serve(lth_arena *arena)
{
    static lth_err (*const tasks[])(lth_slice, lth_arena *) = {
        [LTH_CAPTURE_TASK_QUERY] = run_query,
        [LTH_CAPTURE_TASK_FILE] = run_file,
        [LTH_CAPTURE_TASK_ANSWER] = run_answer,
    };
    uint8_t head[4];
    if (!read_all(STDIN_FILENO, head, sizeof head))
        return LTH_E_FORMAT;
    size_t n = lth_get32(head);
    uint8_t *body = n <= LTH_CAPTURE_REQUEST_MAX ? lth_arena_alloc(arena, n) : NULL;
    if (body == NULL || !read_all(STDIN_FILENO, body, n))
        return LTH_E_FORMAT;
    lth_capture_task task = lth_capture_task_of(lth_slice_of(body, n));
    return task != 0 ? tasks[task](lth_slice_of(body, n), arena) : LTH_E_FORMAT;
}

/* Die with the agent, inherit nothing from it, stay small, leave no core with pupils in it. */
static void confine(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)close_range(STDERR_FILENO + 1, ~0U, 0);
    limit(RLIMIT_CORE, 0);
#ifndef SANITIZED
    limit(RLIMIT_AS, MEMORY_MAX);
#endif
    /* UTF-8 for drivers that convert; numbers keep their decimal point. */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
}

int main(void)
{
    confine();
    lth_arena *arena = lth_arena_new(ARENA_MAX);
    lth_err err = arena != NULL ? serve(arena) : LTH_E_NOMEM;
    lth_arena_free(&arena);
    if (err == LTH_E_FORMAT) {
        (void)fputs("lienthong-capture: chỉ lienthong-agent khởi chạy được / "
                    "started by lienthong-agent only\n",
                    stderr);
        return EXIT_USAGE;
    }
    return err ? 1 : 0;
}
