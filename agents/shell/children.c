#include "agents/shell/children.h"

#include <stdlib.h>

#define LEAVE_TIME LTH_MONO_S(5) /* to exit after its last word */
#define SECRET_MAX 129           /* unixODBC copies longer ones out of bounds */

struct lth_child {
    lth_child *next;
    lth_child_plan plan;
    lth_platform_child process;
    lth_mono deadline;
    lth_buf request;
    size_t request_at;
    lth_capture_reader reader;
    uint64_t pending; /* tables without end */
    uint64_t headed;  /* tables that told their headers or a row */
    bool rows, over;  /* over: nothing more is told */
    bool rows_wanted;
    bool exited;
    char how[32];
};

/* ---- starting ---- */

static lth_err query_request(lth_child *child, const char *password)
{
    const lth_source_conf *source = child->plan.source;
    lth_capture_table tables[LTH_CAPTURE_TABLES_MAX];
    lth_capture_request request = {
        .driver = source->driver,
        .database = source->database != NULL ? source->database : "",
        .dsn = source->dsn != NULL ? source->dsn : "",
        .password = password,
        .seconds_max = source->scan_seconds_max,
        .rows_max = child->plan.rows_max,
        .tables = tables,
    };
    LTH_ASSERT(source->n_tables <= LTH_CAPTURE_TABLES_MAX);
    for (uint32_t i = 0; i < source->n_tables; i++) {
        const lth_source_table *table = &source->tables[i];
        if ((child->plan.tables >> i & 1) != 0)
            tables[request.n_tables++] = (lth_capture_table){
                i, table->query, table->mapping.columns, table->mapping.n_columns};
    }
    return lth_capture_request_encode(&child->request, &request);
}

static lth_err view_request(lth_child *child, const char *password)
{
    const lth_source_conf *source = child->plan.source;
    const lth_child_view *view = child->plan.view;
    const lth_capture_table table = {0, view->query, &view->org_from, 1};
    const lth_capture_view_request request = {
        .source = {.driver = source->driver,
                   .database = source->database,
                   .dsn = source->dsn != NULL ? source->dsn : "",
                   .password = password,
                   .seconds_max = source->scan_seconds_max,
                   .tables = &table,
                   .n_tables = 1},
        .dir = view->dir,
        .file_max = view->file_max,
        .orgs = view->orgs,
        .n_orgs = view->n_orgs,
    };
    return lth_capture_view_encode(&child->request, &request);
}

static lth_capture_column column_of(const lth_profile_column *column)
{
    return (lth_capture_column){column->names, column->n_names, column->optional};
}

/* Columns of all tables lie in one block: *columns is moved past those of this one. */
static lth_capture_file_table file_table(const lth_profile *profile, uint32_t number,
                                         const lth_capture_column *org,
                                         lth_capture_column **columns)
{
    const lth_source_table *table = &profile->tables[number];
    lth_capture_column *own = *columns;
    for (uint32_t i = 0; i < table->mapping.n_columns; i++)
        *(*columns)++ = column_of(&table->headers[i]);
    return (lth_capture_file_table){
        .number = number,
        .part = table->place.part,
        .optional = table->place.optional,
        .sheet = table->place.sheet,
        .sheet_name = table->place.sheet_name != NULL ? table->place.sheet_name : "",
        .header_rows = table->place.header_rows,
        .org = org,
        .columns = own,
        .n_columns = table->mapping.n_columns,
    };
}

static lth_err file_request(lth_child *child)
{
    const lth_child_plan *plan = &child->plan;
    const lth_profile *profile = plan->profile;
    lth_capture_file_table tables[LTH_CAPTURE_TABLES_MAX];
    lth_capture_column org = {0};
    size_t n_columns = 1;
    LTH_ASSERT(profile->n_tables <= LTH_CAPTURE_TABLES_MAX);
    for (uint32_t i = 0; i < profile->n_tables; i++)
        n_columns += profile->tables[i].mapping.n_columns;
    lth_capture_column *columns = calloc(n_columns, sizeof *columns), *at = columns;
    if (columns == NULL)
        return LTH_E_NOMEM;
    if (profile->org_from != NULL)
        org = column_of(profile->org_from);
    org.optional = !plan->org_needed;
    lth_capture_file_request request = {.path = plan->path,
                                        .kinds = profile->kinds,
                                        .org = plan->only != NULL ? plan->only : "",
                                        .tables = tables};
    for (uint32_t i = 0; i < profile->n_tables; i++) {
        if ((plan->tables >> i & 1) != 0)
            tables[request.n_tables++] =
                file_table(profile, i, profile->org_from != NULL ? &org : NULL, &at);
    }
    lth_err err;
    if (plan->answer != NULL) {
        lth_capture_answer_request answer = {.path = plan->path,
                                             .out_path = plan->answer->out_path,
                                             .table = tables,
                                             .n_rows = plan->answer->n_rows,
                                             .rows = plan->answer->rows};
        err = lth_capture_answer_encode(&child->request, &answer);
    } else {
        err = lth_capture_file_encode(&child->request, &request);
    }
    free(columns);
    return err;
}

static lth_err write_request(lth_child *child, lth_diag *diag)
{
    char password[SECRET_MAX] = "";
    lth_err err = LTH_OK;
    if (child->plan.profile != NULL)
        return file_request(child);
    if (child->plan.source->secret_file != NULL)
        err = lth_platform_secret(password, sizeof password, child->plan.source->secret_file, diag);
    if (!err && child->plan.view != NULL)
        err = view_request(child, password);
    else if (!err)
        err = query_request(child, password);
    lth_crypto_cleanse(password, sizeof password);
    return err;
}

static uint32_t columns_of(const lth_child_plan *plan, uint32_t table)
{
    if (plan->view != NULL)
        return 1;
    const lth_source_table *tables =
        plan->profile != NULL ? plan->profile->tables : plan->source->tables;
    return tables[table].mapping.n_columns;
}

static void request_free(lth_child *child)
{
    if (child->request.p != NULL)
        lth_crypto_cleanse(child->request.p, child->request.n);
    lth_buf_fini(&child->request);
}

static void child_free(lth_child *child)
{
    request_free(child);
    lth_capture_reader_fini(&child->reader);
    lth_platform_close(&child->process.to);
    lth_platform_close(&child->process.from);
    free(child);
}

/* What is only needed for the request is not looked at again. */
static void plan_keep(lth_child *child)
{
    child->pending = child->plan.tables;
    child->rows_wanted = child->plan.answer == NULL;
    child->plan.path = NULL;
    child->plan.answer = NULL;
}

lth_err lth_children_start(lth_children *self, const lth_child_plan *plan, lth_mono now,
                           lth_diag *diag)
{
    lth_child *child = calloc(1, sizeof *child);
    if (child == NULL)
        return lth_fail(diag, LTH_E_NOMEM, "%s", lth_err_text(LTH_E_NOMEM));
    child->plan = *plan;
    if (plan->answer != NULL)
        child->plan.tables = UINT64_C(1) << plan->answer->table;
    child->process = (lth_platform_child){-1, -1, -1};
    child->deadline = now + LTH_MONO_S(plan->profile != NULL ? plan->seconds_max
                                                             : plan->source->scan_seconds_max);
    lth_buf_init(&child->request, LTH_CAPTURE_REQUEST_MAX + 4);
    lth_capture_reader_init(&child->reader);
    lth_diag why = {0};
    lth_err err = write_request(child, &why);
    if (err)
        (void)lth_fail(diag, err, "%s: %s", plan->name,
                       why.text[0] != '\0' ? why.text : lth_err_text(err));
    else
        err = lth_platform_spawn(&child->process, self->program, diag);
    if (err) {
        child_free(child);
        return err;
    }
    plan_keep(child);
    child->next = self->first;
    self->first = child;
    return LTH_OK;
}

/* ---- the end of one ---- */

static void silence(lth_child *child, lth_mono deadline)
{
    child->over = true;
    child->deadline = deadline;
    request_free(child);
    lth_capture_reader_fini(&child->reader);
    lth_platform_close(&child->process.to);
    lth_platform_close(&child->process.from);
}

/* What it still owes ends with this fault. */
static void finish(lth_child *child, lth_mono deadline, lth_scan_fault fault, const char *detail)
{
    const lth_child_listener *listener = child->plan.listener;
    for (uint32_t i = 0; i < 64 && !child->over; i++) {
        if ((child->pending >> i & 1) != 0) {
            child->pending &= ~(UINT64_C(1) << i);
            listener->table_end(child->plan.ctx, &(lth_child_end){i, fault, false, detail, ""});
        }
    }
    if (child->over)
        return;
    silence(child, deadline);
    listener->end(child->plan.ctx);
}

/* One that has exited is waited for already: its number may be another process's by now. */
static void kill_child(const lth_child *child)
{
    if (!child->exited)
        lth_platform_kill(child->process.pid);
}

static void fail(lth_child *child, lth_scan_fault fault, const char *detail)
{
    kill_child(child);
    finish(child, LTH_MONO_NEVER, fault, detail);
}

void lth_children_drop(lth_children *self, const lth_child_listener *listener, const void *ctx)
{
    for (lth_child *child = self->first; child != NULL; child = child->next) {
        if (child->over || child->plan.listener != listener ||
            (ctx != NULL && child->plan.ctx != ctx))
            continue;
        kill_child(child);
        silence(child, LTH_MONO_NEVER);
    }
}

void lth_children_fini(lth_children *self)
{
    while (self->first != NULL) {
        lth_child *child = self->first;
        self->first = child->next;
        kill_child(child);
        child_free(child);
    }
}

/* ---- its words ---- */

static void tell_headers(lth_child *child, const lth_capture_message *message)
{
    const lth_child_listener *listener = child->plan.listener;
    if (listener->headers != NULL)
        listener->headers(child->plan.ctx, message->table, message->headers, message->n_headers);
}

/* Is this what a child may say now of a table that it was asked for? */
static bool fits(const lth_child *child, const lth_capture_message *message)
{
    uint32_t n = columns_of(&child->plan, message->table);
    if (message->kind == LTH_CAPTURE_ROW)
        return child->rows_wanted && message->n_cells == n;
    return message->kind != LTH_CAPTURE_HEADERS ||
           (child->rows_wanted && child->plan.profile != NULL && message->n_headers == n &&
            (child->headed >> message->table & 1) == 0);
}

static void tell(lth_child *child, const lth_capture_message *message, lth_mono now)
{
    const lth_child_plan *plan = &child->plan;
    if (message->kind == LTH_CAPTURE_END) {
        finish(child, now + LEAVE_TIME, LTH_SCAN_child_failed, "END");
        return;
    }
    bool asked = message->table < 64 && (child->pending >> message->table & 1) != 0;
    if (!asked || !fits(child, message)) {
        fail(child, LTH_SCAN_child_failed, "pipe");
        return;
    }
    child->headed |= UINT64_C(1) << message->table;
    if (message->kind == LTH_CAPTURE_HEADERS) {
        tell_headers(child, message);
    } else if (message->kind == LTH_CAPTURE_ROW) {
        child->rows = true;
        plan->listener->row(plan->ctx, &(lth_child_row){message->table, message->row, message->org,
                                                        message->cells});
    } else {
        child->pending &= ~(UINT64_C(1) << message->table);
        plan->listener->table_end(plan->ctx, &(lth_child_end){message->table, message->fault,
                                                              message->correction, message->detail,
                                                              message->detail_en});
    }
}

static void tell_all(lth_child *child, lth_mono now)
{
    static lth_capture_message message; /* 20 KiB; callbacks never come back here */
    lth_err err = LTH_OK;
    while (!child->over && (err = lth_capture_reader_next(&child->reader, &message)) == LTH_OK)
        tell(child, &message, now);
    if (!child->over && err == LTH_E_FORMAT)
        fail(child, LTH_SCAN_child_failed, "pipe");
}

/* One read of at most 64 KiB a turn: frames and other children come between. */
static void listen_to(lth_child *child, lth_mono now)
{
    size_t room;
    uint8_t *p = lth_capture_reader_room(&child->reader, &room);
    if (p == NULL) {
        fail(child, LTH_SCAN_child_failed, "memory");
        return;
    }
    ssize_t n = lth_platform_read(child->process.from, p, room);
    if (n > 0) {
        lth_capture_reader_put(&child->reader, (size_t)n);
        tell_all(child, now);
    } else if (n != -1) {
        lth_platform_close(&child->process.from);
    }
}

static void ask(lth_child *child)
{
    ssize_t n = lth_platform_write(child->process.to, child->request.p + child->request_at,
                                   child->request.n - child->request_at);
    child->request_at += n > 0 ? (size_t)n : 0;
    if (n < 0 || child->request_at == child->request.n) {
        lth_platform_close(&child->process.to);
        request_free(child);
    }
}

/* ---- all of them ---- */

static void work(lth_child *child, lth_mono now)
{
    if (child->process.to >= 0)
        ask(child);
    if (child->process.from >= 0)
        listen_to(child, now);
    if (!child->exited)
        child->exited = lth_platform_ended(child->process.pid, child->how, sizeof child->how);
    /* All it wrote was read, and the way it ended is known. */
    if (!child->over && child->exited && child->process.from < 0)
        finish(child, LTH_MONO_NEVER, LTH_SCAN_child_failed, child->how);
    /* Also of one that has exited: a process that a driver left behind may hold the pipe open. */
    if (now >= child->deadline) {
        child->deadline = LTH_MONO_NEVER;
        fail(child, LTH_SCAN_timeout, "");
    }
}

void lth_children_work(lth_children *self, lth_mono now)
{
    for (lth_child *child = self->first; child != NULL; child = child->next)
        work(child, now);
    for (lth_child **at = &self->first; *at != NULL;) {
        lth_child *child = *at;
        if (child->over && child->exited) {
            *at = child->next;
            child_free(child);
        } else {
            at = &child->next;
        }
    }
}

size_t lth_children_poll(const lth_children *self, struct pollfd *fds, size_t max)
{
    size_t n = 0;
    for (const lth_child *child = self->first; child != NULL; child = child->next) {
        if (child->process.to >= 0 && n < max)
            fds[n++] = (struct pollfd){.fd = child->process.to, .events = POLLOUT};
        if (child->process.from >= 0 && n < max)
            fds[n++] = (struct pollfd){.fd = child->process.from, .events = POLLIN};
    }
    return n;
}

uint32_t lth_children_busy(const lth_children *self)
{
    uint32_t n = 0;
    for (const lth_child *child = self->first; child != NULL; child = child->next)
        n += child->over ? 0 : 1;
    return n;
}

bool lth_children_flowing(const lth_children *self)
{
    for (const lth_child *child = self->first; child != NULL; child = child->next) {
        if (!child->over && child->rows)
            return true;
    }
    return false;
}

lth_mono lth_children_deadline(const lth_children *self)
{
    lth_mono least = LTH_MONO_NEVER;
    for (const lth_child *child = self->first; child != NULL; child = child->next)
        least = child->deadline < least ? child->deadline : least;
    return least;
}
