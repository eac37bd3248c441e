/* upload_answers: a workbook of only the rows that somebody must look at, with the reasons in its
 * first column, made by a child from the file as it was kept. */

#include <stdlib.h>

#include "agents/shell/engine.h"

#define SECONDS_MAX 120u
#define ANSWERS_MAX 4u
#define TEXT_MAX    (4u * 1024u * 1024u)
#define PATH_SIZE   4200

/* Text of one row in the making. */
typedef struct line {
    uint32_t row;
    uint32_t table;
    size_t at, n; /* In `text`. */
} line;

typedef struct lth_answer {
    struct lth_answer *next;
    lth_engine *engine;
    lth_control_call *call;
    uint32_t school;
    lth_inbox_taken file;
    const lth_profile *profile;
    lth_upload upload;
    lth_buf text; /* Findings one after another, each with NUL. */
    line *lines;
    uint32_t n_lines, room;
    uint32_t n_rows, n_left; /* In the workbook; on other sheets. */
    lth_err err;
    lth_scan_fault fault;
    char detail[LTH_DETAIL_MAX], detail_en[LTH_DETAIL_MAX];
    int answers;                      /* Directory. */
    char name[LTH_UPLOAD_ID_MAX + 8]; /* In it; what is made of it. */
    char made[LTH_UPLOAD_ID_MAX + 32];
} lth_answer;

/* ---- texts ---- */

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static uint32_t table_of(const lth_profile *profile, uint16_t dataset)
{
    uint32_t i = 0;
    while (i < profile->n_tables && profile->tables[i].mapping.dataset->number != dataset)
        i++;
    return i;
}

/* Rows and columns are told as they stand in the file that was handed in. */
static bool add_line(lth_answer *self, uint32_t row, uint32_t table, const json_t *finding)
{
    const char *column = text_at(finding, "column"), *letter = text_at(finding, "letter");
    const char *text = text_at(json_object_get(finding, "text"), "vi");
    if (self->n_lines == self->room) {
        uint32_t room = self->room * 2 + 64;
        line *lines = realloc(self->lines, room * sizeof *lines);
        if (lines == NULL) {
            self->err = LTH_E_NOMEM;
            return false;
        }
        self->lines = lines;
        self->room = room;
    }
    size_t at = self->text.n;
    lth_err err = letter[0] != '\0'
                      ? lth_buf_format(&self->text, "Hàng %u · %s (cột %s của tệp đã nộp): %s", row,
                                       column, letter, text)
                      : lth_buf_format(&self->text, "Hàng %u%s%s: %s", row,
                                       column[0] != '\0' ? " · " : "", column, text);
    if (err == LTH_E_NOMEM)
        self->err = err;
    if (!err)
        self->lines[self->n_lines++] = (line){row, table, at, self->text.n - at};
    return !err;
}

/* Warnings can stand as they are; everything else is to be corrected or answered. */
static bool take_finding(void *ctx, const lth_finding_row *row)
{
    lth_answer *self = ctx;
    uint16_t dataset = row->finding != NULL ? row->finding->dataset : row->held->dataset;
    uint32_t table = table_of(self->profile, dataset);
    if (row->row == 0 || table == self->profile->n_tables ||
        (row->finding != NULL && row->finding->code != LTH_REFUSE_none &&
         row->finding->severity == LTH_SEVERITY_WARNING))
        return true;
    json_t *f = lth_finding_json(self->engine, self->school, row);
    bool going = add_line(self, row->row, table, f);
    json_decref(f);
    return going;
}

static int compare(const void *a, const void *b)
{
    const line *x = a, *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at ? 1 : 0;
}

static bool same_place(const lth_profile *profile, uint32_t a, uint32_t b)
{
    const lth_profile_place *x = &profile->tables[a].place, *y = &profile->tables[b].place;
    return x->part == y->part && x->sheet == y->sheet && x->header_rows == y->header_rows &&
           (x->sheet_name == y->sheet_name || (x->sheet_name != NULL && y->sheet_name != NULL &&
                                               strcmp(x->sheet_name, y->sheet_name) == 0));
}

/* The sheet with the most to say gets the workbook. */
static uint32_t busiest(const lth_answer *self)
{
    uint32_t best = 0, most = 0;
    for (uint32_t t = 0; t < self->profile->n_tables; t++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < self->n_lines; i++)
            n += same_place(self->profile, t, self->lines[i].table) ? 1 : 0;
        best = n > most ? t : best;
        most = n > most ? n : most;
    }
    return best;
}

/* One text a row; lines of a row one under another. */
static struct lth_capture_answer_row *rows_of(lth_answer *self, uint32_t table, lth_buf *out)
{
    struct lth_capture_answer_row *rows = calloc((size_t)self->n_lines + 1, sizeof *rows);
    size_t *at = calloc((size_t)self->n_lines + 1, sizeof *at);
    lth_err err = rows == NULL || at == NULL ? LTH_E_NOMEM : LTH_OK;
    for (uint32_t i = 0; !err && i < self->n_lines; i++) {
        const line *one = &self->lines[i];
        bool more = self->n_rows > 0 && rows[self->n_rows - 1].row == one->row;
        if (!same_place(self->profile, table, one->table)) {
            self->n_left++;
            continue;
        }
        if (more) {
            out->p[out->n - 1] = '\n'; /* in place of the NUL */
        } else {
            rows[self->n_rows].row = one->row;
            at[self->n_rows++] = out->n;
        }
        err = lth_buf_add(out, self->text.p + one->at, one->n);
        if (!err)
            err = lth_buf_add(out, "", 1);
    }
    for (uint32_t i = 0; !err && i < self->n_rows; i++)
        rows[i].text = (const char *)out->p + at[i];
    free(at);
    if (err) {
        free(rows);
        rows = NULL;
    }
    return rows;
}

/* ---- the child ---- */

static void on_row(void *ctx, const lth_child_row *row)
{
    (void)ctx;
    (void)row;
}

static void on_table_end(void *ctx, const lth_child_end *end)
{
    lth_answer *self = ctx;
    self->fault = end->fault;
    (void)lth_format(self->detail, sizeof self->detail, "%s", end->detail);
    (void)lth_format(self->detail_en, sizeof self->detail_en, "%s",
                     end->detail_en[0] != '\0' ? end->detail_en : end->detail);
}

static void tell(const lth_answer *self)
{
    char path[PATH_SIZE];
    const lth_post *post = lth_hosted_post(self->engine, self->school);
    (void)lth_format(path, sizeof path, "%s/.answer/%s", post->inbox.path, self->name);
    lth_control_end(self->call, 0,
                    json_pack("{s:s,s:I,s:I}", "path", path, "rows", (json_int_t)self->n_rows,
                              "left", (json_int_t)self->n_left));
}

static void on_end(void *ctx)
{
    lth_answer *self = ctx;
    lth_diag diag = {0};
    if (self->fault == LTH_SCAN_none &&
        lth_inbox_answer_done(self->answers, self->made, self->name, &diag) == LTH_OK)
        tell(self);
    else if (self->fault == LTH_SCAN_none)
        lth_control_error(self->call, 4, "io", "không ghi được tệp trả lời", diag.text);
    else
        lth_control_error(
            self->call, 4, lth_scan_fault_name(self->fault),
            self->detail[0] != '\0' ? self->detail : lth_scan_fault_text(self->fault, false),
            self->detail_en[0] != '\0' ? self->detail_en : lth_scan_fault_text(self->fault, true));
}

static const lth_child_listener listener = {
    .row = on_row, .table_end = on_table_end, .end = on_end};

static void answer_free(void *state)
{
    lth_answer *self = state;
    lth_children_drop(&self->engine->children, &listener, self);
    lth_answer **at = &self->engine->answers;
    while (*at != NULL && *at != self)
        at = &(*at)->next;
    if (*at != NULL)
        *at = self->next;
    lth_platform_close(&self->file.fd);
    if (self->answers >= 0)
        lth_inbox_answer_drop(self->answers, self->made);
    lth_platform_close(&self->answers);
    lth_buf_fini(&self->text);
    free(self->lines);
    free(self);
}

static void idle(void *ctx, lth_control_call *call, void *state)
{
    (void)ctx;
    (void)call;
    (void)state;
}

void lth_engine_answers_cancel(lth_engine *self)
{
    while (self->answers != NULL) {
        lth_answer *one = self->answers;
        self->answers = one->next;
        lth_children_drop(&self->children, &listener, one);
        lth_control_error(one->call, 4, "reloaded", "cấu hình vừa được nạp lại, hãy thử lại",
                          "the configuration was loaded again, try once more");
    }
}

/* ---- the call ---- */

static lth_err collect(lth_answer *self, uint64_t number)
{
    lth_txn *txn = NULL;
    lth_err err = lth_store_begin(self->engine->store, false, &txn);
    if (!err)
        err = lth_findings_each(self->engine, txn, self->school, number, take_finding, self);
    if (txn != NULL)
        lth_store_abort(&txn);
    if (self->n_lines > 1)
        qsort(self->lines, self->n_lines, sizeof *self->lines, compare);
    return err ? err : self->err;
}

/* Where the child writes: by our descriptor, so that no link can lead it elsewhere, and under a
 * name of its own, so that two people may ask at once. */
static bool open_answers(lth_answer *self, const lth_inbox *inbox, char out_path[PATH_SIZE],
                         lth_diag *diag)
{
    static uint32_t turn;
    char dir[64];
    self->answers = lth_inbox_answers(inbox, diag);
    if (self->answers < 0)
        return false;
    (void)lth_format(self->name, sizeof self->name, "%s.xlsx", self->upload.id);
    (void)lth_format(self->made, sizeof self->made, "%s.%u.new", self->name, turn++);
    lth_hosted_path(&(lth_inbox_taken){.fd = self->answers}, dir);
    (void)lth_format(out_path, PATH_SIZE, "%s/%s", dir, self->made);
    return true;
}

static lth_err start_child(lth_answer *self, lth_diag *diag)
{
    char out_path[PATH_SIZE], path[64];
    lth_buf texts;
    lth_buf_init(&texts, TEXT_MAX);
    uint32_t table = busiest(self);
    struct lth_capture_answer_row *rows = rows_of(self, table, &texts);
    const lth_post *post = lth_hosted_post(self->engine, self->school);
    lth_err err =
        rows == NULL ? lth_fail(diag, LTH_E_NOMEM, "%s", lth_err_text(LTH_E_NOMEM)) : LTH_OK;
    if (!err && !open_answers(self, &post->inbox, out_path, diag))
        err = LTH_E_IO;
    lth_hosted_path(&self->file, path);
    const lth_child_answer answer = {out_path, table, rows, self->n_rows};
    const lth_child_plan plan = {.profile = self->profile,
                                 .path = path,
                                 .answer = &answer,
                                 .name = self->engine->node.conf->schools[self->school].org,
                                 .seconds_max = SECONDS_MAX,
                                 .listener = &listener,
                                 .ctx = self};
    if (!err)
        err = lth_children_start(&self->engine->children, &plan, lth_platform_now().mono, diag);
    free(rows);
    lth_buf_fini(&texts);
    return err;
}

static uint32_t under_way(const lth_engine *self)
{
    uint32_t n = 0;
    for (const lth_answer *one = self->answers; one != NULL; one = one->next)
        n++;
    return n;
}

/* The upload and its kept file; false: told why not. */
static bool find(lth_answer *self, const char *id, uint64_t *number)
{
    lth_txn *txn = NULL;
    lth_diag diag = {0};
    lth_err err = lth_store_begin(self->engine->store, false, &txn);
    *number = 0;
    if (!err) {
        *number = lth_upload_find(self->engine, txn, self->school, id, &self->upload);
        lth_store_abort(&txn);
    }
    if (*number == 0) {
        lth_control_error(self->call, 4, "unknown_upload", "trường này không có lần nộp đó",
                          "this school has no such upload");
        return false;
    }
    if (lth_hosted_file(self->engine, self->school, &self->upload, &self->file, &self->profile,
                        &diag) == LTH_INBOX_TAKEN)
        return true;
    lth_control_error(self->call, 4, "no_file", "tệp đã nộp không còn giữ ở đây",
                      "the uploaded file is not kept here any more");
    return false;
}

static void answer(lth_answer *self, const char *id)
{
    uint64_t number;
    lth_diag diag = {0};
    if (!find(self, id, &number))
        return;
    lth_err err = collect(self, number);
    if (err)
        lth_engine_store_error(self->call, err);
    else if (self->n_lines == 0)
        lth_control_error(self->call, 4, "nothing_wrong", "không có hàng nào phải sửa",
                          "no row needs a correction");
    else if (start_child(self, &diag) != LTH_OK)
        lth_control_error(self->call, 4, "capture_not_started", diag.text, diag.text);
}

void lth_engine_upload_answers(void *ctx, lth_control_call *call, const json_t *request)
{
    lth_engine *self = ctx;
    uint32_t school;
    const char *id = json_string_value(json_object_get(request, "id"));
    if (!lth_engine_school_named(self, call, request, &school))
        return;
    if (under_way(self) == ANSWERS_MAX) {
        lth_control_error(call, 4, "busy", "đang làm các tệp trả lời khác, hãy thử lại",
                          "other answers are being made, try again");
        return;
    }
    lth_answer *one = calloc(1, sizeof *one);
    if (one == NULL) {
        lth_engine_store_error(call, LTH_E_NOMEM);
        return;
    }
    one->engine = self;
    one->call = call;
    one->school = school;
    one->file.fd = one->answers = -1;
    one->next = self->answers;
    self->answers = one;
    lth_buf_init(&one->text, TEXT_MAX);
    lth_control_continue(call, idle, one, answer_free);
    lth_control_pause(call, true);
    answer(one, id != NULL ? id : "");
}
