/**
 * @file agents/capture/main.c
 * lienthong-capture: reads the tables, the view or the file that one request names and writes their
 * rows to its standard output (agents/capture/pipe.h). Started by lienthong-agent for one round of
 * one school; a driver or a file that crashes it, hangs or leaks takes only this process with it.
 */

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agents/capture/file.h"
#include "agents/capture/session.h"
#include "agents/capture/view.h"
#include "lth/diag.h"

#define ARENA_MAX        (2 * (size_t)LTH_CAPTURE_REQUEST_MAX)
#define MEMORY_MAX       ((rlim_t)2 * 1024 * 1024 * 1024)
#define EXIT_USAGE       2

#define FILE_SECONDS_MAX 120 /* Of processor time for one file. */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

/* One table of the request, and what was read of it. */
typedef struct table_task {
    const lth_capture_request *request;
    const lth_capture_table *table;
    rows found;
} table_task;

static lth_scan_fault take_row(void *ctx, const lth_cell *cells, uint32_t n,
                               char detail[LTH_DETAIL_MAX])
{
    table_task *self = ctx;
    const lth_capture_row_head head = {.table = self->table->number};
    (void)detail;
    return rows_add(&self->found, &head, cells, n) == LTH_OK ? LTH_SCAN_none
                                                             : LTH_SCAN_too_many_rows;
}

static lth_scan_fault read_table(void *ctx, source *db, char detail[LTH_DETAIL_MAX])
{
    table_task *self = ctx;
    const source_query query = {.text = self->table->query,
                                .columns = self->table->columns,
                                .n_columns = self->table->n_columns,
                                .rows_max = self->request->rows_max,
                                .rows_limit = LTH_SCAN_ROWS_MAX,
                                .seconds_max = self->request->seconds_max};
    return source_read(db, &query, &(source_sink){.ctx = self, .row = take_row}, detail);
}

static void forget_table(void *ctx)
{
    rows_clear(&((table_task *)ctx)->found);
}

static lth_err run(const lth_capture_request *request)
{
    uint8_t end[LTH_CAPTURE_END_BYTES_MAX];
    char detail[LTH_DETAIL_MAX];
    session self = session_of(request);
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < request->n_tables && !err; i++) {
        table_task one = {.request = request, .table = &request->tables[i]};
        lth_scan_fault fault =
            session_read(&self, &(session_task){&one, read_table, forget_table}, detail);
        err = rows_write(&one.found, STDOUT_FILENO);
        rows_clear(&one.found);
        size_t n = lth_capture_table_end_encode(
            end,
            &(lth_capture_table_end){.table = one.table->number, .fault = fault, .detail = detail});
        if (!err)
            err = write_all(STDOUT_FILENO, end, n);
    }
    session_close(&self);
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

static lth_err run_view(lth_slice body, lth_arena *arena)
{
    lth_capture_view_request request;
    lth_err err = lth_capture_view_decode(&request, body, arena);
    explicit_bzero((uint8_t *)(uintptr_t)body.p, body.n); /* The password. */
    if (err)
        return err;
    if (request.source.seconds_max > 0)
        limit(RLIMIT_CPU, request.source.seconds_max);
    return view_read(&request, STDOUT_FILENO);
}

/* LTH_E_FORMAT: nothing that an agent asks. */
static lth_err serve(lth_arena *arena)
{
    static lth_err (*const tasks[])(lth_slice, lth_arena *) = {
        [LTH_CAPTURE_TASK_QUERY] = run_query,
        [LTH_CAPTURE_TASK_FILE] = run_file,
        [LTH_CAPTURE_TASK_ANSWER] = run_answer,
        [LTH_CAPTURE_TASK_VIEW] = run_view,
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
