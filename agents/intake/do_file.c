/* Uploaded files for people: the main page, one upload, what a person decides, receipts. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/intake/web.h"

#define LISTED     10
#define LISTED_ALL 100
#define FRESH_MAX  50u

bool lth_waits_in_inbox(const lth_request *r, const char *id)
{
    char path[LTH_PATH_SIZE];
    struct stat st;
    (void)lth_format(path, sizeof path, "%s/%s", r->school.inbox, id);
    return lth_upload_id_ok(id) && lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_listed(const json_t *uploads, const char *id)
{
    size_t i = 0;
    const json_t *upload = NULL;
    json_array_foreach(uploads, i, upload)
    {
        if (strcmp(lth_text_at(upload, "id"), id) == 0)
            return true;
    }
    return false;
}

/* Ids that lie in the inbox and are not in the agent's list. */
static size_t find_fresh(const lth_request *r, const json_t *uploads, char (*ids)[81])
{
    size_t n = lth_names_newest(&r->intake->names, r->school.code, ids, FRESH_MAX), kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!is_listed(uploads, ids[i]) && lth_waits_in_inbox(r, ids[i]))
            memmove(ids[kept++], ids[i], sizeof ids[0]);
    return kept;
}

static unsigned refresh_of(const lth_request *r, const json_t *uploads, size_t n_fresh)
{
    size_t i = 0;
    const json_t *upload = NULL;
    unsigned soonest_s = n_fresh > 0 ? 5 : 0;
    int64_t now_s = r->intake->clock->wall_s(r->intake->clock->ctx);
    json_array_foreach(uploads, i, upload)
    {
        unsigned wait_s = lth_upload_refresh(upload, now_s);
        if (wait_s > 0 && (soonest_s == 0 || wait_s < soonest_s))
            soonest_s = wait_s;
    }
    return uploads == NULL ? 60 : soonest_s;
}

void lth_do_main(lth_request *r)
{
    lth_answer answer;
    lth_frame_of frame;
    size_t i = 0;
    const json_t *row = NULL;
    char fresh[FRESH_MAX][81];
    const char *done = lth_query(r, "m");
    lth_page *page = &r->reply.page;
    lth_main_view view = {.names = &r->intake->names, .all = lth_query(r, "tat-ca") != NULL};
    lth_ask(r, "upload_list", json_pack("{s:i}", "limit", view.all ? LISTED_ALL : LISTED), &answer);
    json_t *uploads = answer.status == 0 ? json_array() : NULL;
    json_array_foreach(answer.rows, i, row)
    {
        (void)json_array_append(uploads, json_object_get(row, "upload"));
    }
    view.uploads = uploads;
    view.n_fresh = find_fresh(r, uploads, fresh);
    view.fresh = (const char(*)[81])fresh;
    if (done != NULL && strcmp(done, "nop") == 0)
        view.good = T(page, "Đã nhận tệp trọn vẹn. Trang này tự cập nhật kết quả.",
                      "The file was received whole. This page follows what becomes of it.");
    lth_frame_fill(r, &frame, T(page, "Nộp tệp", "Upload"));
    frame.refresh_s = refresh_of(r, uploads, view.n_fresh);
    lth_page_main(page, &frame, &view);
    json_decref(uploads);
    lth_answer_fini(&answer);
}

/* ---- one upload ---- */

/* Asks for the upload in the path; false with the reply made. */
static bool ask_upload(lth_request *r, const char *verb, lth_answer *answer,
                       char name[LTH_NAME_MAX + 1])
{
    const char *id = r->parts[1];
    lth_frame_of frame;
    lth_page *page = &r->reply.page;
    *answer = (lth_answer){.status = 3};
    if (!lth_upload_id_ok(id)) {
        lth_refuse(r, MHD_HTTP_NOT_FOUND, "Không có tệp này.", "There is no such file.");
        return false;
    }
    lth_names_find(&r->intake->names, r->school.code, id, name);
    if (name[0] == '\0')
        (void)lth_format(name, LTH_NAME_MAX + 1, "%s", id);
    lth_ask(r, verb, json_pack("{s:s}", "id", id), answer);
    if (answer->status == 0)
        return true;
    if (lth_waits_in_inbox(r, id)) {
        lth_frame_fill(r, &frame, name);
        frame.refresh_s = 5;
        lth_page_say(
            page, &frame, "warn",
            T(page, "Đã nhận tệp trọn vẹn, đang chờ đọc.", "Received whole, waiting to be read."));
    } else {
        lth_answer_refuse(r, answer);
    }
    return false;
}

static void show(lth_request *r, const lth_answer *answer, const char *name,
                 void (*page_of)(lth_page *, const lth_frame_of *, const lth_detail_view *))
{
    lth_frame_of frame;
    lth_page *page = &r->reply.page;
    const char *from = lth_query(r, "tu"), *done = lth_query(r, "m");
    json_t *findings = lth_answer_findings(answer);
    lth_detail_view view = {.upload = lth_answer_upload(answer),
                            .findings = findings,
                            .name = name,
                            .names = &r->intake->names,
                            .first = from != NULL ? strtoul(from, NULL, 10) : 0};
    if (done != NULL && strcmp(done, "gui") == 0)
        view.good = T(page, "Đã ghi quyết định. Hệ thống đang đọc lại tệp.",
                      "Your decision is noted. The file is being read again.");
    lth_frame_fill(r, &frame, name);
    frame.refresh_s =
        lth_upload_refresh(view.upload, r->intake->clock->wall_s(r->intake->clock->ctx));
    bool form = lth_detail_asks(&view) || view.first > 0;
    frame.refresh_s = form ? 0 : frame.refresh_s; /* nothing half typed is lost */
    page_of(page, &frame, &view);
    json_decref(findings);
}

void lth_do_detail(lth_request *r)
{
    lth_answer answer;
    char name[LTH_NAME_MAX + 1];
    if (ask_upload(r, "upload_show", &answer, name))
        show(r, &answer, name, lth_page_detail);
    lth_answer_fini(&answer);
}

void lth_do_chat(lth_request *r)
{
    lth_answer answer;
    char name[LTH_NAME_MAX + 1];
    if (ask_upload(r, "upload_show", &answer, name)) {
        r->reply.type = "text/plain; charset=utf-8";
        show(r, &answer, name, lth_text_detail);
    }
    lth_answer_fini(&answer);
}

/* Where the agent put the answer workbook, if it is where such files are. */
static int open_answers(const lth_request *r, const char *path)
{
    char beginning[LTH_PATH_SIZE];
    size_t n = lth_format(beginning, sizeof beginning, "%s/.answer/", r->school.inbox);
    if (strncmp(path, beginning, n) != 0 || !lth_upload_id_ok(path + n))
        return -1;
    return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

void lth_do_answers(lth_request *r)
{
    lth_answer answer;
    char name[LTH_NAME_MAX + 1];
    if (ask_upload(r, "upload_answers", &answer, name)) {
        r->reply.fd = open_answers(r, lth_text_at(answer.end, "path"));
        r->reply.type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
        (void)lth_format(r->reply.file_name, sizeof r->reply.file_name, "cac-dong-sai-%s.xlsx",
                         r->parts[1]);
        if (r->reply.fd < 0) {
            r->reply.file_name[0] = '\0';
            lth_refuse(r, MHD_HTTP_NOT_FOUND, "Tệp này không có dòng sai.",
                       "This file has no wrong rows.");
        }
    }
    lth_answer_fini(&answer);
}

void lth_do_receipt_json(lth_request *r)
{
    lth_answer answer;
    char name[LTH_NAME_MAX + 1];
    if (ask_upload(r, "upload_receipt", &answer, name)) {
        char *text = json_dumps(json_object_get(answer.end, "receipt"), JSON_INDENT(1));
        r->reply.type = "application/json";
        (void)lth_format(r->reply.file_name, sizeof r->reply.file_name, "bien-nhan-%s.json",
                         r->parts[1]);
        if (text == NULL)
            r->reply.page.bad = true;
        else
            lth_plain(&r->reply.page, "%s\n", text);
        free(text);
    }
    lth_answer_fini(&answer);
}

void lth_do_receipt(lth_request *r)
{
    lth_answer receipt, upload = {.status = 3};
    char name[LTH_NAME_MAX + 1];
    lth_frame_of frame;
    lth_page *page = &r->reply.page;
    if (ask_upload(r, "upload_receipt", &receipt, name) &&
        ask_upload(r, "upload_show", &upload, name)) {
        lth_frame_fill(r, &frame, T(page, "Biên nhận", "Receipt"));
        lth_page_receipt(page, &frame, lth_answer_upload(&upload),
                         json_object_get(receipt.end, "receipt"), name);
    }
    lth_answer_fini(&upload);
    lth_answer_fini(&receipt);
}

/* ---- a person's word ---- */

typedef struct decision {
    char by[100], reason[481];
} decision;

static bool word_of(char *out, size_t size, const char *from, size_t n, const char *allowed)
{
    if (n == 0 || n >= size || strspn(from, allowed) < n)
        return false;
    memcpy(out, from, n);
    out[n] = '\0';
    return true;
}

/* DATASET.HASH (of a question) or DATASET.RECORD.RULE (of a warning) into the request. */
static bool add_target(json_t *request, const char *text, const char *second, const char *third)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    char dataset[65], hex[65], rule[65];
    size_t n = strcspn(text, ".");
    if (!word_of(dataset, sizeof dataset, text, n, name) || text[n] != '.')
        return false;
    text += n + 1;
    n = strcspn(text, ".");
    if (!word_of(hex, sizeof hex, text, n, "0123456789abcdef"))
        return false;
    text += n;
    (void)json_object_set_new(request, "dataset", json_string(dataset));
    (void)json_object_set_new(request, second, json_string(hex));
    if (third == NULL)
        return *text == '\0';
    if (*text != '.' || !word_of(rule, sizeof rule, text + 1, strlen(text + 1), name))
        return false;
    (void)json_object_set_new(request, third, json_string(rule));
    return true;
}

static json_t *act_request(const lth_request *r, const char *act, const decision *d)
{
    return json_pack("{s:s,s:s,s:s,s:s}", "id", r->parts[1], "act", act, "by", d->by, "reason",
                     d->reason);
}

/* One act; false with the reply made. */
static bool send_act(lth_request *r, json_t *request)
{
    lth_answer answer;
    lth_ask(r, "upload_act", request, &answer);
    bool done = answer.status == 0;
    if (!done)
        lth_answer_refuse(r, &answer);
    lth_answer_fini(&answer);
    return done;
}

/* All answers or acceptances of a form; how many, -1 when one was refused (reply made). */
static int send_each(lth_request *r, const char *act, const decision *d)
{
    static const char hex[] = "0123456789abcdef";
    bool answers = strcmp(act, "answer") == 0;
    int sent = 0;
    for (uint32_t i = 0; i < r->form.n; i++) {
        const char *name = r->form.fields[i].name, *value = r->form.fields[i].value;
        bool wanted = answers ? strncmp(name, "q.", 2) == 0 : strcmp(name, "w") == 0;
        if (!wanted)
            continue;
        json_t *request = act_request(r, act, d);
        bool good = answers ? add_target(request, name + 2, "hash", NULL)
                            : add_target(request, value, "record", "rule");
        if (answers) {
            good = good &&
                   (strcmp(value, "new") == 0 || (strlen(value) == 32 && strspn(value, hex) == 32));
            (void)json_object_set_new(request, "record", json_string(value));
        }
        if (!good) {
            json_decref(request);
            lth_refuse(r, MHD_HTTP_BAD_REQUEST, "Biểu mẫu không đọc được.",
                       "The form cannot be read.");
            return -1;
        }
        if (!send_act(r, request))
            return -1;
        sent++;
    }
    return sent;
}

/* Who decides, and why; false with the reply made. */
static bool read_decision(lth_request *r, const char *act, decision *d)
{
    char by[LTH_NAME_MAX + 1], shown[61];
    const char *typed = lth_form_get(&r->form, "by"), *why = lth_form_get(&r->form, "reason");
    bool reasoned = strcmp(act, "answer") == 0;
    if (reasoned)
        why = "Trả lời trên trang nộp dữ liệu";
    if (typed == NULL || why == NULL || !lth_line_clean(by, LTH_NAME_MAX, typed) ||
        !lth_line_clean(d->reason, sizeof d->reason - 1, why)) {
        lth_refuse(r, MHD_HTTP_BAD_REQUEST, "Cần ghi họ tên và lý do.",
                   "A name and a reason are needed.");
        return false;
    }
    (void)lth_format(shown, sizeof shown, "%s", by);
    (void)lth_format(d->by, sizeof d->by, "%s (%s)", shown, r->school.code);
    return true;
}

void lth_do_act(lth_request *r)
{
    static const char *const acts[] = {"confirm", "withdraw", "answer", "accept"};
    const char *sent = lth_form_get(&r->form, "act"), *act = NULL;
    char to[120];
    decision d;
    for (size_t i = 0; sent != NULL && i < sizeof acts / sizeof acts[0]; i++)
        act = strcmp(acts[i], sent) == 0 ? acts[i] : act;
    if (act == NULL || !lth_upload_id_ok(r->parts[1])) {
        lth_refuse(r, MHD_HTTP_BAD_REQUEST, "Biểu mẫu không đọc được.", "The form cannot be read.");
        return;
    }
    if (!read_decision(r, act, &d))
        return;
    bool each = act == acts[2] || act == acts[3];
    int n = each ? send_each(r, act, &d) : send_act(r, act_request(r, act, &d)) ? 1 : -1;
    if (n < 0)
        return;
    if (n == 0) {
        lth_refuse(r, MHD_HTTP_BAD_REQUEST, "Chưa chọn mục nào.", "Nothing was chosen.");
        return;
    }
    lth_log_event(&r->intake->log, LTH_LEVEL_NOTICE, "upload_act", "org=%s id=%s act=%s n=%d",
                  r->school.code, r->parts[1], act, n);
    (void)lth_format(to, sizeof to, "/tep/%s?m=gui", r->parts[1]);
    lth_redirect(r, to);
}
