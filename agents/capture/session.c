#include "agents/capture/session.h"

#include <poll.h>
#include <time.h>

#include "lth/diag.h"

#define PATIENCE_MS   2000
#define LOOK_AGAIN_MS 10

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

session session_of(const lth_capture_request *request)
{
    return (session){.request = request,
                     .file = source_family_of(request->driver)->file,
                     .give_up_ms = now_ms() + PATIENCE_MS};
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

static lth_scan_fault open_now(session *self, char detail[LTH_DETAIL_MAX])
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
lth_scan_fault session_read(session *self, const session_task *task, char detail[LTH_DETAIL_MAX])
{
    for (;;) {
        detail[0] = '\0';
        lth_scan_fault fault = open_now(self, detail);
        if (fault != LTH_SCAN_none)
            return fault;
        fault = task->read(task->ctx, &self->db, detail);
        if (read_in_peace(self))
            return fault;
        source_close(&self->db);
        task->forget(task->ctx);
        if (now_ms() >= self->give_up_ms) {
            detail[0] = '\0';
            return LTH_SCAN_locked;
        }
    }
}

void session_close(session *self)
{
    source_close(&self->db);
}
