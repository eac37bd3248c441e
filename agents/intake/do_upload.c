/* Files in, and what became of them for programs; the table of routes. */
#include <stdlib.h>

#include "agents/intake/web.h"

static const char text_type[] = "text/plain; charset=utf-8";

const lth_page_route lth_page_routes[] = {
    {"GET", "/", LTH_BODY_NONE, LTH_AUTH_SESSION, LTH_POOL_ASK, lth_do_main},
    {"GET", "/dang-nhap", LTH_BODY_NONE, LTH_AUTH_NONE, LTH_POOL_DISK, lth_do_sign_in_page},
    {"POST", "/dang-nhap", LTH_BODY_FORM, LTH_AUTH_NONE, LTH_POOL_SIGN, lth_do_sign_in},
    {"GET", "/lan-dau", LTH_BODY_NONE, LTH_AUTH_NONE, LTH_POOL_DISK, lth_do_first_page},
    {"POST", "/lan-dau", LTH_BODY_FORM, LTH_AUTH_NONE, LTH_POOL_SIGN, lth_do_first},
    {"POST", "/dang-xuat", LTH_BODY_FORM, LTH_AUTH_SESSION, LTH_POOL_DISK, lth_do_sign_out},
    {"GET", "/tai-khoan", LTH_BODY_NONE, LTH_AUTH_SESSION, LTH_POOL_DISK, lth_do_account},
    {"POST", "/tai-khoan/token", LTH_BODY_FORM, LTH_AUTH_SESSION, LTH_POOL_DISK, lth_do_token},
    {"POST", "/tai-khoan/thu-hoi", LTH_BODY_FORM, LTH_AUTH_SESSION, LTH_POOL_DISK, lth_do_revoke},
    {"POST", "/tai-khoan/mat-khau", LTH_BODY_FORM, LTH_AUTH_SESSION, LTH_POOL_SIGN,
     lth_do_passphrase},
    {"POST", "/nop", LTH_BODY_UPLOAD, LTH_AUTH_SESSION, LTH_POOL_DISK, lth_do_upload},
    {"PUT POST", "/nop/*", LTH_BODY_FILE, LTH_AUTH_TOKEN, LTH_POOL_DISK, lth_do_put},
    {"PUT POST", "/nop/*/*", LTH_BODY_FILE, LTH_AUTH_TOKEN, LTH_POOL_DISK, lth_do_put},
    {"GET", "/nop/*", LTH_BODY_NONE, LTH_AUTH_TOKEN, LTH_POOL_ASK, lth_do_list_json},
    {"GET", "/nop/*/*", LTH_BODY_NONE, LTH_AUTH_TOKEN, LTH_POOL_ASK, lth_do_status_json},
    {"GET", "/tep/*", LTH_BODY_NONE, LTH_AUTH_SESSION, LTH_POOL_ASK, lth_do_detail},
    {"POST", "/tep/*", LTH_BODY_FORM, LTH_AUTH_SESSION, LTH_POOL_ASK, lth_do_act},
    {"GET", "/tep/*/loi.xlsx", LTH_BODY_NONE, LTH_AUTH_SESSION, LTH_POOL_ASK, lth_do_answers},
    {"GET", "/tep/*/zalo", LTH_BODY_NONE, LTH_AUTH_SESSION, LTH_POOL_ASK, lth_do_chat},
    {"GET", "/tep/*/bien-nhan", LTH_BODY_NONE, LTH_AUTH_SESSION, LTH_POOL_ASK, lth_do_receipt},
    {"GET", "/tep/*/bien-nhan.json", LTH_BODY_NONE, LTH_AUTH_SESSION, LTH_POOL_ASK,
     lth_do_receipt_json},
    {"GET", "/style.css", LTH_BODY_NONE, LTH_AUTH_NONE, LTH_POOL_DISK, lth_do_style},
    {"GET", "/favicon.ico", LTH_BODY_NONE, LTH_AUTH_NONE, LTH_POOL_DISK, lth_do_icon},
    {"GET", "/suc-khoe", LTH_BODY_NONE, LTH_AUTH_NONE, LTH_POOL_DISK, lth_do_health},
};
const size_t lth_n_page_routes = sizeof lth_page_routes / sizeof lth_page_routes[0];

const char *lth_query(const lth_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

void lth_do_style(lth_request *r)
{
    r->reply.type = "text/css; charset=utf-8";
    r->reply.cookie[0] = '\0';
    lth_raw(&r->reply.page, lth_style);
}

void lth_do_icon(lth_request *r)
{
    r->reply.status = MHD_HTTP_NO_CONTENT;
    r->reply.type = NULL;
    r->reply.cookie[0] = '\0';
}

void lth_do_health(lth_request *r)
{
    r->reply.type = text_type;
    r->reply.cookie[0] = '\0';
    lth_raw(&r->reply.page, "ok\n");
}

/* Keeps what was received; false with the reply made. */
static bool keep(lth_request *r, const char *via)
{
    lth_diag diag = {0};
    lth_intake *self = r->intake;
    lth_err err = lth_receive_keep(&r->file, self->clock, &diag);
    if (err != LTH_OK) {
        lth_log_text(&self->log, LTH_LEVEL_ERROR, "inbox_failed", "reason", diag.text);
        lth_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE,
                   "Máy chủ chưa giữ được tệp (đĩa đầy hoặc hỏng). Thử lại sau.",
                   "The server could not keep the file (disk full or broken). Try again later.");
        return false;
    }
    lth_names_add(&self->names, r->school.code, r->file.id,
                  r->file_name[0] != '\0' ? r->file_name : r->file.id);
    lth_log_event(&self->log, LTH_LEVEL_INFO, "upload_received", "org=%s id=%s bytes=%llu via=%s",
                  r->school.code, r->file.id, (unsigned long long)r->file.bytes, via);
    return true;
}

void lth_do_upload(lth_request *r)
{
    if (keep(r, "page"))
        lth_redirect(r, "/?m=nop");
}

void lth_do_put(lth_request *r)
{
    lth_page *page = &r->reply.page;
    const char *url = r->intake->conf->url;
    if (!keep(r, "token"))
        return;
    r->reply.status = MHD_HTTP_CREATED;
    r->reply.type = text_type;
    (void)lth_format(r->reply.location, sizeof r->reply.location, "/nop/%s/%s", r->school.code,
                     r->file.id);
    lth_plain(page, "%s: %s\n", T(page, "Đã nhận tệp, mã", "Received, id"), r->file.id);
    lth_plain(page, "%s: %s/nop/%s/%s\n", T(page, "Xem kết quả", "See what becomes of it"),
              url != NULL ? url : "", r->school.code, r->file.id);
}

static void send_json(lth_request *r, json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(1));
    r->reply.type = "application/json";
    if (text == NULL || strlen(text) > LTH_PAGE_MAX)
        r->reply.page.bad = true;
    else
        lth_raw(&r->reply.page, text);
    lth_raw(&r->reply.page, "\n");
    free(text);
}

void lth_do_list_json(lth_request *r)
{
    lth_answer answer;
    size_t i = 0;
    const json_t *row = NULL;
    lth_ask(r, "upload_list", json_pack("{s:i}", "limit", 50), &answer);
    if (answer.status == 0) {
        json_t *list = json_array();
        json_array_foreach(answer.rows, i, row)
        {
            (void)json_array_append(list, json_object_get(row, "upload"));
        }
        json_t *out = json_pack("{s:o}", "uploads", list);
        send_json(r, out);
        json_decref(out);
    } else {
        lth_answer_refuse(r, &answer);
    }
    lth_answer_fini(&answer);
}

void lth_do_status_json(lth_request *r)
{
    enum { FINDINGS = 300 };
    lth_answer answer;
    const char *id = r->parts[2];
    if (!lth_upload_id_ok(id)) {
        lth_refuse(r, MHD_HTTP_NOT_FOUND, "Không có tệp này.", "There is no such file.");
        return;
    }
    lth_ask(r, "upload_show", json_pack("{s:s}", "id", id), &answer);
    const json_t *upload = lth_answer_upload(&answer);
    if (answer.status == 0 && upload != NULL) {
        json_t *findings = lth_answer_findings(&answer);
        size_t all = json_array_size(findings);
        while (json_array_size(findings) > FINDINGS)
            (void)json_array_remove(findings, json_array_size(findings) - 1);
        json_t *out = json_pack("{s:O,s:o,s:I}", "upload", upload, "findings", findings,
                                "findings_all", (json_int_t)all);
        send_json(r, out);
        json_decref(out);
    } else if (lth_waits_in_inbox(r, id)) {
        json_t *out =
            json_pack("{s:{s:s,s:s},s:[]}", "upload", "id", id, "state", "received", "findings");
        send_json(r, out);
        json_decref(out);
    } else {
        lth_answer_refuse(r, &answer);
    }
    lth_answer_fini(&answer);
}
