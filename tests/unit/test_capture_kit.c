#include "test_capture_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <spawn.h>
#include <sql.h>
#include <sqlext.h>
#include <sys/wait.h>

const char *kit_program;

struct kit_db {
    SQLHENV env;
    SQLHDBC dbc;
    SQLHSTMT paused;
};

kit_db *kit_open(const char *path)
{
    char text[1024];
    kit_db *self = calloc(1, sizeof *self);
    assert_non_null(self);
    snprintf(text, sizeof text, "Driver=SQLite3;Database=%s;StepAPI=Yes", path);
    assert_true(SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &self->env)));
    assert_true(SQL_SUCCEEDED(
        SQLSetEnvAttr(self->env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0)));
    assert_true(SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_DBC, self->env, &self->dbc)));
    assert_true(SQL_SUCCEEDED(SQLDriverConnect(self->dbc, NULL, (SQLCHAR *)text, SQL_NTS, NULL, 0,
                                               NULL, SQL_DRIVER_NOPROMPT)));
    return self;
}

void kit_close(kit_db **self)
{
    if ((*self)->paused != NULL)
        SQLFreeHandle(SQL_HANDLE_STMT, (*self)->paused);
    SQLDisconnect((*self)->dbc);
    SQLFreeHandle(SQL_HANDLE_DBC, (*self)->dbc);
    SQLFreeHandle(SQL_HANDLE_ENV, (*self)->env);
    free(*self);
    *self = NULL;
}

static SQLHSTMT execute(kit_db *self, const char *sql, SQLRETURN *rc)
{
    SQLHSTMT stmt = NULL;
    assert_true(SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, self->dbc, &stmt)));
    *rc = SQLExecDirect(stmt, (SQLCHAR *)(uintptr_t)sql, SQL_NTS);
    return stmt;
}

bool kit_try(kit_db *self, const char *sql)
{
    SQLRETURN rc;
    SQLHSTMT stmt = execute(self, sql, &rc);
    bool good = SQL_SUCCEEDED(rc) || rc == SQL_NO_DATA;
    while (good && rc != SQL_NO_DATA) {
        SQLSMALLINT columns = 0;
        SQLNumResultCols(stmt, &columns);
        rc = columns > 0 ? SQLFetch(stmt) : SQL_NO_DATA;
        good = SQL_SUCCEEDED(rc) || rc == SQL_NO_DATA;
    }
    SQLFreeHandle(SQL_HANDLE_STMT, stmt);
    return good;
}

void kit_pause_in(kit_db *self, const char *select)
{
    SQLRETURN rc;
    self->paused = execute(self, select, &rc);
    assert_true(SQL_SUCCEEDED(rc));
    assert_true(SQL_SUCCEEDED(SQLFetch(self->paused)));
}

void kit_must(kit_db *self, const char *sql)
{
    if (!kit_try(self, sql))
        fail_msg("refused: %s", sql);
}

void kit_make(const char *path, const char *const *statements)
{
    kit_db *db = kit_open(path);
    for (; *statements != NULL; statements++)
        kit_must(db, *statements);
    kit_close(&db);
}

pid_t kit_spawn(const char *program, const char *const *argv, int *to, int *from)
{
    int in[2], out[2];
    pid_t pid;
    extern char **environ;
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    assert_int_equal(
        posix_spawn(&pid, program, &actions, NULL, (char *const *)(uintptr_t)argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    *to = in[1];
    *from = out[0];
    return pid;
}

pid_t kit_start(const lth_capture_request *request, int *out)
{
    int to;
    pid_t pid = kit_spawn(kit_program, (const char *const[]){kit_program, NULL}, &to, out);
    lth_buf bytes;
    lth_buf_init(&bytes, LTH_CAPTURE_REQUEST_MAX + 4);
    assert_int_equal(lth_capture_request_encode(&bytes, request), LTH_OK);
    assert_int_equal(write(to, bytes.p, bytes.n), (ssize_t)bytes.n);
    lth_buf_fini(&bytes);
    close(to);
    return pid;
}

static void keep(kit_result *result, const lth_capture_message *message)
{
    assert_false(result->ended);
    if (message->kind == LTH_CAPTURE_END) {
        result->ended = true;
    } else if (message->kind == LTH_CAPTURE_TABLE_END) {
        kit_end *end = &result->ends[result->n_ends++];
        end->table = message->table;
        end->fault = message->fault;
        memcpy(end->detail, message->detail, sizeof end->detail);
    } else if (result->n_rows++ < KIT_ROWS_MAX) {
        kit_row *row = &result->rows[result->n_rows - 1];
        row->table = message->table;
        row->n_cells = message->n_cells;
        for (uint32_t i = 0; i < message->n_cells && i < KIT_CELLS_MAX; i++) {
            const lth_cell *cell = &message->cells[i];
            row->text[i] = cell->n < 0 ? NULL : strndup((const char *)cell->p, (size_t)cell->n);
        }
    }
}

void kit_finish(pid_t pid, int out, kit_result *result)
{
    static lth_capture_message message;
    *result = (kit_result){0};
    lth_capture_reader reader;
    lth_capture_reader_init(&reader);
    ssize_t got;
    do {
        size_t room;
        uint8_t *p = lth_capture_reader_room(&reader, &room);
        assert_non_null(p);
        got = read(out, p, room);
        assert_true(got >= 0);
        lth_capture_reader_put(&reader, (size_t)got);
        lth_err err;
        while ((err = lth_capture_reader_next(&reader, &message)) == LTH_OK)
            keep(result, &message);
        assert_int_equal(err, LTH_E_AGAIN);
    } while (got > 0);
    lth_capture_reader_fini(&reader);
    close(out);
    assert_int_equal(waitpid(pid, &result->status, 0), pid);
}

void kit_scan(const lth_capture_request *request, kit_result *result)
{
    int out;
    pid_t pid = kit_start(request, &out);
    kit_finish(pid, out, result);
}

void kit_result_free(kit_result *result)
{
    for (uint32_t r = 0; r < result->n_rows && r < KIT_ROWS_MAX; r++) {
        for (uint32_t i = 0; i < KIT_CELLS_MAX; i++)
            free(result->rows[r].text[i]);
    }
}
