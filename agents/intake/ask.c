/* Questions to the agent over its control socket. */
#include "agents/intake/web.h"
#include "lth/control.h"

#define ROWS_MAX 10100u

static void keep_row(void *ctx, const json_t *row)
{
    json_t *rows = ctx;
    if (json_array_size(rows) < ROWS_MAX)
        (void)json_array_append(rows, (json_t *)(uintptr_t)row);
}

void lth_ask(lth_request *r, const char *verb, json_t *request, lth_answer *out)
{
    lth_diag diag = {0};
    *out = (lth_answer){.rows = json_array()};
    (void)json_object_set_new(request, "verb", json_string(verb));
    (void)json_object_set_new(request, "org", json_string(r->school.code));
    out->status = lth_control_ask_within(r->intake->conf->agent, r->intake->conf->agent_ms / 1000,
                                         request, keep_row, out->rows, &out->end, &diag);
    if (out->status == 3)
        lth_log_text(&r->intake->log, LTH_LEVEL_WARN, "agent_silent", "reason", diag.text);
    json_decref(request);
}

void lth_answer_fini(lth_answer *answer)
{
    json_decref(answer->rows);
    json_decref(answer->end);
}

void lth_answer_refuse(lth_request *r, const lth_answer *answer)
{
    const char *vi = json_string_value(json_object_get(answer->end, "vi"));
    const char *en = json_string_value(json_object_get(answer->end, "en"));
    const char *code = lth_text_at(answer->end, "code");
    if (answer->status == 3 || vi == NULL) {
        r->reply.retry_s = 60;
        lth_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE,
                   "Hệ thống kiểm tra đang tạm nghỉ. Tệp đã nộp vẫn được giữ an toàn; thử lại sau.",
                   "Checking is paused. Uploaded files are kept safe; try again later.");
        return;
    }
    lth_refuse(r, strcmp(code, "unknown_upload") == 0 ? MHD_HTTP_NOT_FOUND : MHD_HTTP_CONFLICT, vi,
               en != NULL ? en : vi);
}

const json_t *lth_answer_upload(const lth_answer *answer)
{
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(answer->rows, i, row)
    {
        const json_t *upload = json_object_get(row, "upload");
        if (json_is_object(upload))
            return upload;
    }
    return NULL;
}

json_t *lth_answer_findings(const lth_answer *answer)
{
    size_t i = 0;
    const json_t *row = NULL;
    json_t *out = json_array();
    json_array_foreach(answer->rows, i, row)
    {
        json_t *finding = json_object_get(row, "finding");
        if (json_is_object(finding))
            (void)json_array_append(out, finding);
    }
    return out;
}
