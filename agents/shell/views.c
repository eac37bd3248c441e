/* Views: when they are read, and what their children say. */

#include "agents/shell/views.h"

#include <stdlib.h>

#include "agents/shell/delivery.h"
#include "agents/shell/engine.h"

#define SLICE        LTH_MONO_MS(20) /* of comparing and delivering in one turn */
#define BACKOFF_MOST LTH_MONO_S(15 * 60)

static const lth_child_listener listener;

/* ---- start and stop ---- */

static lth_err counts_new(lth_view_counts *self)
{
    self->strangers = calloc(LTH_VIEW_CODES_MAX, sizeof *self->strangers);
    return self->strangers != NULL ? LTH_OK : LTH_E_NOMEM;
}

static void counts_clear(lth_view_counts *self)
{
    *self = (lth_view_counts){.strangers = self->strangers};
}

static lth_err schools_new(lth_view *self)
{
    const lth_agent_node *node = &self->engine->node;
    size_t n = (size_t)node->n_schools + 1;
    self->orgs = calloc(n, sizeof *self->orgs);
    self->school_of = calloc(n, sizeof *self->school_of);
    self->schools = calloc(n, sizeof *self->schools);
    self->fresh = calloc(n, sizeof *self->fresh);
    if (self->orgs == NULL || self->school_of == NULL || self->schools == NULL ||
        self->fresh == NULL)
        return LTH_E_NOMEM;
    for (uint32_t i = 0; i < node->n_schools; i++) {
        uint32_t school = node->by_code[i];
        const lth_source_conf *conf = &node->conf->schools[school];
        if (conf->profile == NULL || conf->inbox == NULL || self->n_orgs == LTH_CAPTURE_ORGS_MAX)
            continue;
        self->orgs[self->n_orgs].code = conf->org;
        self->school_of[self->n_orgs++] = school;
    }
    return LTH_OK;
}

static lth_err view_new(lth_view *self, lth_engine *engine, const lth_view_conf *conf)
{
    *self = (lth_view){.engine = engine, .conf = conf, .due = lth_platform_now().mono};
    lth_err err = schools_new(self);
    if (!err)
        err = counts_new(&self->now);
    if (!err)
        err = counts_new(&self->last.counts);
    if (!err)
        lth_view_recall(self);
    return err;
}

lth_err lth_views_start(lth_engine *self, lth_diag *diag)
{
    const lth_agent_conf *conf = self->node.conf;
    lth_views *views = &self->views;
    lth_err err = LTH_OK;
    *views = (lth_views){0};
    if (conf->n_views == 0)
        return LTH_OK;
    lth_delivery_clear(conf->views_dir, NULL);
    views->items = calloc(conf->n_views, sizeof *views->items);
    if (views->items == NULL)
        err = LTH_E_NOMEM;
    for (; !err && views->n < conf->n_views; views->n++)
        err = view_new(&views->items[views->n], self, &conf->views[views->n]);
    return err ? lth_fail(diag, err, "%s", lth_err_text(err)) : LTH_OK;
}

void lth_views_stop(lth_engine *self)
{
    for (uint32_t i = 0; i < self->views.n; i++) {
        lth_view *view = &self->views.items[i];
        lth_children_drop(&self->children, &listener, view);
        if (view->phase != LTH_VIEW_RESTS)
            lth_delivery_clear(self->node.conf->views_dir, view->conf->name);
        free(view->orgs);
        free(view->school_of);
        free(view->schools);
        free(view->fresh);
        free(view->now.strangers);
        free(view->last.counts.strangers);
    }
    free(self->views.items);
    self->views = (lth_views){0};
}

/* ---- the end of a reading ---- */

/* As sources are read again after faults (agents/core/schedule.c). */
static lth_mono wait_of(const lth_view *self)
{
    lth_mono every = LTH_MONO_MS(self->conf->every_ms), wait = every;
    lth_scan_fault fault = self->last.fault;
    if (fault == LTH_SCAN_none || fault == LTH_SCAN_locked || fault == LTH_SCAN_no_org)
        return every;
    for (uint32_t i = 1; i < self->last.faults_in_a_row && wait < BACKOFF_MOST; i++)
        wait *= 2;
    wait = wait > BACKOFF_MOST ? BACKOFF_MOST : wait;
    return wait > every ? wait : every;
}

static void log_end(const lth_view *self)
{
    const lth_view_counts *now = &self->now;
    bool good = self->fault == LTH_SCAN_none;
    lth_log_event(&self->engine->log, good ? LTH_LEVEL_NOTICE : LTH_LEVEL_WARN, "view",
                  "view=%s rows=%llu schools=%u delivered=%u failed=%u not_served=%u "
                  "not_served_rows=%llu fault=%s detail=\"%s\"",
                  self->conf->name, (unsigned long long)now->rows, now->schools, now->delivered,
                  self->failures, now->n_strangers,
                  (unsigned long long)(now->strange_rows + now->nameless_rows),
                  lth_scan_fault_name(self->fault), self->detail);
}

static void finish(lth_view *self)
{
    lth_now now = lth_platform_now();
    log_end(self);
    lth_delivery_clear(self->engine->node.conf->views_dir, self->conf->name);
    self->phase = LTH_VIEW_RESTS;
    self->last.started_ms = self->began_ms;
    self->last.ended_ms = now.wall_ms;
    self->last.fault = self->fault;
    memcpy(self->last.detail, self->detail, sizeof self->detail);
    if (self->fault == LTH_SCAN_none) {
        lth_view_counts before = self->last.counts;
        self->last.last_good_ms = self->began_ms;
        self->last.faults_in_a_row = 0;
        self->last.counts = self->now;
        self->now = before;
    } else {
        self->last.faults_in_a_row++;
    }
    self->due = self->again ? now.mono : now.mono + wait_of(self);
    self->again = false;
    self->engine->trim = true;
}

static void fail(lth_view *self, lth_scan_fault fault, const char *detail)
{
    if (self->fault != LTH_SCAN_none)
        return;
    self->fault = fault;
    (void)lth_format(self->detail, sizeof self->detail, "%s", detail);
}

/* ---- the child's words ---- */

static bool take_served(lth_view *self, const lth_child_row *row)
{
    uint32_t low = 0, high = self->n_orgs;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const char *code = self->orgs[middle].code;
        int order = lth_slice_compare(lth_slice_of(code, strlen(code)), row->org);
        if (order == 0) {
            low = middle;
            break;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low >= high || self->fresh[low].told)
        return false;
    self->fresh[low].told = true;
    self->fresh[low].rows = row->row;
    self->now.rows += row->row;
    self->now.schools += row->row > 0 ? 1 : 0;
    return true;
}

static bool take_stranger(lth_view *self, const lth_child_row *row)
{
    lth_view_counts *now = &self->now;
    if (row->org.n == 0) {
        now->nameless_rows += row->row;
        return true;
    }
    if (now->n_strangers == LTH_VIEW_CODES_MAX || row->org.n >= sizeof now->strangers->org)
        return false;
    lth_view_stranger *one = &now->strangers[now->n_strangers++];
    (void)lth_format(one->org, sizeof one->org, "%.*s", (int)row->org.n, (const char *)row->org.p);
    one->rows = row->row;
    now->strange_rows += row->row;
    return true;
}

static void on_row(void *ctx, const lth_child_row *row)
{
    lth_view *self = ctx;
    bool good = row->cells[0].n == 0 ? take_served(self, row) : take_stranger(self, row);
    if (!good)
        fail(self, LTH_SCAN_child_failed, "pipe");
}

static void on_table_end(void *ctx, const lth_child_end *end)
{
    if (end->fault != LTH_SCAN_none)
        fail(ctx, end->fault, end->detail);
}

static void on_end(void *ctx)
{
    lth_view *self = ctx;
    self->at = 0;
    self->phase = LTH_VIEW_COMPARES;
    if (self->fault != LTH_SCAN_none)
        finish(self);
}

static const lth_child_listener listener = {
    .row = on_row, .table_end = on_table_end, .end = on_end};

/* ---- beginning ---- */

static void clear(lth_view *self)
{
    memset(self->fresh, 0, self->n_orgs * sizeof *self->fresh);
    counts_clear(&self->now);
    self->fault = LTH_SCAN_none;
    self->detail[0] = '\0';
    self->failures = 0;
    self->began_ms = lth_platform_now().wall_ms;
}

static void begin(lth_view *self, lth_mono now)
{
    lth_diag diag = {0};
    lth_engine *engine = self->engine;
    const lth_agent_conf *conf = engine->node.conf;
    clear(self);
    for (uint32_t i = 0; i < self->n_orgs; i++)
        self->orgs[i].had = self->schools[i].rows > 0;
    self->ask = (lth_child_view){.query = self->conf->query,
                                 .org_from = self->conf->org_from,
                                 .dir = self->run,
                                 .file_max = conf->upload_mib << 20,
                                 .orgs = self->orgs,
                                 .n_orgs = self->n_orgs};
    lth_child_plan plan = {.source = &self->conf->source,
                           .view = &self->ask,
                           .name = self->conf->name,
                           .tables = 1,
                           .listener = &listener,
                           .ctx = self};
    self->phase = LTH_VIEW_READS;
    if (lth_delivery_begin(conf->views_dir, self->conf->name, self->run, sizeof self->run, &diag) !=
        LTH_OK)
        fail(self, LTH_SCAN_not_written, diag.text);
    else if (lth_children_start(&engine->children, &plan, now, &diag) != LTH_OK)
        fail(self, LTH_SCAN_child_failed, diag.text);
    if (self->fault != LTH_SCAN_none)
        finish(self);
}

static uint32_t running(const lth_views *self)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < self->n; i++)
        n += self->items[i].phase == LTH_VIEW_READS ? 1 : 0;
    return n;
}

void lth_views_turn(lth_engine *self, lth_mono now)
{
    for (uint32_t i = 0; i < self->views.n && self->fatal == LTH_OK; i++) {
        lth_view *view = &self->views.items[i];
        if (view->phase == LTH_VIEW_RESTS) {
            if (view->due <= now && running(&self->views) < LTH_VIEWS_RUNNING_MAX)
                begin(view, now);
        } else if (view->phase != LTH_VIEW_READS && !lth_view_work(view, now + SLICE)) {
            finish(view);
        }
    }
}

lth_mono lth_views_deadline(const lth_engine *self)
{
    lth_mono least = LTH_MONO_NEVER;
    bool full = running(&self->views) == LTH_VIEWS_RUNNING_MAX;
    for (uint32_t i = 0; i < self->views.n; i++) {
        const lth_view *view = &self->views.items[i];
        lth_mono at = view->phase == LTH_VIEW_READS   ? LTH_MONO_NEVER
                      : view->phase != LTH_VIEW_RESTS ? 0
                      : full                          ? LTH_MONO_NEVER
                                                      : view->due;
        least = at < least ? at : least;
    }
    return least;
}

bool lth_views_scan(lth_engine *self, const char *name)
{
    for (uint32_t i = 0; i < self->views.n; i++) {
        lth_view *view = &self->views.items[i];
        if (strcmp(view->conf->name, name) != 0)
            continue;
        view->due = 0;
        view->again = view->phase != LTH_VIEW_RESTS;
        return true;
    }
    return false;
}

/* ---- status ---- */

/* What to do about a fault. */
static const struct {
    lth_scan_fault fault;
    const char *vi, *en;
} TODO[] = {
    {LTH_SCAN_unreachable, "xem máy chủ cơ sở dữ liệu, và driver, database, dsn, secret_file",
     "look at the database server, and at driver, database, dsn, secret_file"},
    {LTH_SCAN_bad_driver, "cài trình điều khiển ODBC ấy, hoặc sửa driver",
     "install that ODBC driver, or correct driver"},
    {LTH_SCAN_missing_table, "khung nhìn ấy chưa có, hoặc tài khoản không được đọc: sửa query",
     "the view is not there, or the account may not read it: correct query"},
    {LTH_SCAN_missing_column, "khung nhìn thiếu cột ấy: sửa query hoặc org_from",
     "the view lacks that column: correct query or org_from"},
    {LTH_SCAN_no_org, "mọi dòng của khung nhìn phải có mã trường ở cột ấy",
     "every row of the view must have a school's code in that column"},
    {LTH_SCAN_locked, "chương trình khác đang ghi; tự đọc lại",
     "another program is writing; it is read again by itself"},
    {LTH_SCAN_timeout, "tăng scan_seconds, hoặc làm khung nhìn chạy nhanh hơn",
     "raise scan_seconds, or make the view faster"},
    {LTH_SCAN_too_many_rows, "chia khung nhìn, hoặc tăng limits.upload_mib",
     "divide the view, or raise limits.upload_mib"},
    {LTH_SCAN_truncated, "một giá trị của cột ấy dài hơn một ô của Excel: rút ngắn trong query",
     "a value of that column is longer than a cell of Excel: shorten it in query"},
    {LTH_SCAN_bad_text, "khai bảng mã UTF-8 cho kết nối trong dsn, hoặc sửa giá trị ấy",
     "set the connection's character set to UTF-8 in dsn, or correct that value"},
    {LTH_SCAN_not_written, "xem chỗ trống của đĩa, quyền ghi hộp nhận và thư mục .views cạnh nó",
     "look at the disk's space, and at who may write the inboxes and .views beside them"},
    {LTH_SCAN_incomplete, "chạy thử câu query bằng công cụ của cơ sở dữ liệu",
     "try the query with the database's own tools"},
    {LTH_SCAN_child_failed, "tự đọc lại; nếu cứ thế: xem nhật ký, trình điều khiển ODBC",
     "it is read again by itself; if it stays so look at the log and the ODBC driver"},
};

static json_t *todo_json(lth_scan_fault fault)
{
    for (size_t i = 0; i < sizeof TODO / sizeof TODO[0]; i++) {
        if (TODO[i].fault == fault)
            return json_pack("{s:s,s:s}", "vi", TODO[i].vi, "en", TODO[i].en);
    }
    return json_null();
}

static json_t *strangers_json(const lth_view_counts *counts)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < counts->n_strangers; i++)
        json_array_append_new(list, json_pack("{s:s,s:I}", "org", counts->strangers[i].org, "rows",
                                              (json_int_t)counts->strangers[i].rows));
    return list;
}

static json_t *view_row(const lth_view *self)
{
    static const char *const phases[] = {"resting", "reading", "delivering", "delivering"};
    const lth_view_counts *counts = &self->last.counts;
    return json_pack(
        "{s:s,s:s,s:s,s:s,s:i,s:I,s:I,s:I,s:I,s:i,s:i,s:o,s:I,s:i,s:o,s:s,s:o}", "kind", "view",
        "org", self->engine->node.conf->node.org, "view", self->conf->name, "state",
        phases[self->phase], "every_s", (int)(self->conf->every_ms / 1000u), "started_ms",
        (json_int_t)self->last.started_ms, "ended_ms", (json_int_t)self->last.ended_ms,
        "last_good_ms", (json_int_t)self->last.last_good_ms, "rows", (json_int_t)counts->rows,
        "schools", (int)counts->schools, "delivered", (int)counts->delivered, "not_served",
        strangers_json(counts), "not_served_rows",
        (json_int_t)(counts->strange_rows + counts->nameless_rows), "faults_in_a_row",
        (int)self->last.faults_in_a_row, "fault", lth_engine_json_fault(self->last.fault), "detail",
        self->last.detail, "todo", todo_json(self->last.fault));
}

void lth_views_status(const lth_engine *self, lth_control_call *call)
{
    for (uint32_t i = 0; i < self->views.n; i++)
        lth_control_row(call, view_row(&self->views.items[i]));
}
