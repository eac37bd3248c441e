/* upload_act: what a person decided about an upload, or about what a guard holds of a database. */

#include <stdlib.h>

#include "agents/shell/engine.h"

#define BY_MAX     100u
#define REASON_MAX 500u

static const struct {
    const char *name;
    lth_agent_act_kind kind;
} KINDS[] = {{"confirm", LTH_ACT_CONFIRM},
             {"withdraw", LTH_ACT_WITHDRAW},
             {"answer", LTH_ACT_ANSWER},
             {"accept", LTH_ACT_ACCEPT},
             {"resync", LTH_ACT_RESYNC}};

/* The request, read; what is wrong is told once. */
typedef struct wish {
    lth_engine *engine;
    lth_control_call *call;
    const json_t *request;
    uint32_t school;
    uint64_t upload; /* 0: of a database. */
    lth_upload *about;
    lth_agent_act act;
    bool bad;
} wish;

static const char *word(const wish *w, const char *name)
{
    const char *text = json_string_value(json_object_get(w->request, name));
    return text != NULL ? text : "";
}

static void refuse(wish *w, const char *code, const char *vi, const char *en)
{
    if (!w->bad)
        lth_control_error(w->call, 4, code, vi, en);
    w->bad = true;
}

static lth_slice words(wish *w, const char *name, size_t max)
{
    lth_slice text = lth_slice_of(word(w, name), strlen(word(w, name)));
    if (text.n == 0 || text.n > max)
        refuse(w, "bad_request", "thiếu người quyết định hoặc lý do, hoặc quá dài",
               "who decided and why is missing, or too long");
    return text;
}

static const lth_dataset *read_dataset(wish *w)
{
    const lth_agent_school *school = &w->engine->node.schools[w->school];
    const char *name = word(w, "dataset");
    for (uint32_t i = 0; i < school->n_tables; i++) {
        const lth_dataset *dataset = school->tables[i].mapping->dataset;
        if (strcmp(dataset->name, name) == 0) {
            w->act.dataset = dataset->number;
            return dataset;
        }
    }
    if (name[0] != '\0')
        refuse(w, "unknown_dataset", "trường này không có tập dữ liệu đó",
               "this school has no such dataset");
    return NULL;
}

static uint16_t rule_number(const lth_dataset *dataset, const char *id)
{
    for (uint32_t i = 0; i < dataset->n_rules; i++) {
        if (strcmp(dataset->rules[i].id, id) == 0)
            return dataset->rules[i].number;
    }
    for (uint32_t i = 0; i < dataset->n_references; i++) {
        if (strcmp(dataset->references[i].id, id) == 0)
            return dataset->references[i].number;
    }
    return 0;
}

static void read_record(wish *w, bool may_be_new)
{
    const char *text = word(w, "record");
    if (may_be_new && strcmp(text, "new") == 0)
        return;
    if (!lth_unhex(w->act.record_id.b, 16, text, strlen(text)))
        refuse(w, "bad_request", "thiếu mã bản ghi (32 chữ số hệ 16)",
               "the record is missing (32 hex digits)");
}

static void read_particulars(wish *w)
{
    const lth_dataset *dataset = read_dataset(w);
    bool particular = w->act.kind == LTH_ACT_ANSWER || w->act.kind == LTH_ACT_ACCEPT;
    if (dataset == NULL && (particular || w->upload == 0))
        refuse(w, "bad_request", "thiếu tập dữ liệu", "the dataset is missing");
    if (w->bad || !particular)
        return;
    read_record(w, w->act.kind == LTH_ACT_ANSWER);
    const char *hash = word(w, "hash");
    if (w->act.kind == LTH_ACT_ANSWER &&
        !lth_unhex(w->act.row_hash, sizeof w->act.row_hash, hash, strlen(hash)))
        refuse(w, "bad_request", "thiếu hash của hàng", "the row's hash is missing");
    if (w->act.kind == LTH_ACT_ACCEPT && (w->act.rule = rule_number(dataset, word(w, "rule"))) == 0)
        refuse(w, "unknown_rule", "tập dữ liệu không có quy tắc đó",
               "the dataset has no such rule");
}

static void read_upload(wish *w)
{
    lth_txn *txn = NULL;
    const char *id = word(w, "id");
    if (id[0] == '\0')
        return;
    lth_err err = w->about == NULL ? LTH_E_NOMEM : lth_store_begin(w->engine->store, false, &txn);
    if (err) {
        lth_engine_store_error(w->call, err);
        w->bad = true;
        return;
    }
    w->upload = lth_upload_find(w->engine, txn, w->school, id, w->about);
    lth_store_abort(&txn);
    w->act.upload = w->upload;
    if (w->upload == 0)
        refuse(w, "unknown_upload", "trường này không có lần nộp đó",
               "this school has no such upload");
}

static void read_kind(wish *w)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (strcmp(KINDS[i].name, word(w, "act")) == 0)
            w->act.kind = KINDS[i].kind;
    }
    if (w->act.kind == 0)
        refuse(w, "bad_request", "act phải là confirm, withdraw, answer, accept hoặc resync",
               "act must be confirm, withdraw, answer, accept or resync");
}

/* ---- doing ---- */

static bool feed(wish *w)
{
    uint32_t generation = w->engine->generation;
    lth_engine_feed(
        w->engine, &(lth_agent_event){.kind = LTH_AEVENT_ACT, .school = w->school, .act = &w->act});
    return w->engine->fatal == LTH_OK && w->engine->generation == generation;
}

/* A word about an upload as a whole is said of each of its tables that waits. */
static bool feed_all(wish *w)
{
    bool whole = w->upload != 0 && w->act.dataset == 0;
    bool going = true;
    for (uint32_t i = 0; whole && going && i < w->about->n_tables; i++) {
        if (!lth_scan_fault_waits(w->about->tables[i].fault))
            continue;
        w->act.dataset = w->about->tables[i].dataset;
        going = feed(w);
    }
    return whole ? going : feed(w);
}

static void check_waiting(wish *w)
{
    bool guard = w->act.kind == LTH_ACT_CONFIRM || w->act.kind == LTH_ACT_WITHDRAW;
    if (guard && w->upload != 0 && w->about->state != LTH_UPLOAD_WAITING)
        refuse(w, "not_waiting", "lần nộp này không chờ ai xác nhận",
               "this upload does not wait for anybody");
}

/* What was said changes something once the file is read again: it must be there. To withdraw needs
 * no file. */
static void check_file(wish *w)
{
    lth_diag diag = {0};
    const lth_profile *profile;
    lth_inbox_taken file = {.fd = -1};
    lth_post *post = lth_hosted_post(w->engine, w->school);
    if (w->upload == 0 || w->act.kind == LTH_ACT_WITHDRAW)
        return;
    lth_inbox_answer answer =
        lth_hosted_file(w->engine, w->school, w->about, &file, &profile, &diag);
    if (answer == LTH_INBOX_GONE && post != NULL)
        answer = lth_inbox_take(&post->inbox, w->about->id, &file, &diag);
    if (answer == LTH_INBOX_GONE)
        refuse(w, "no_file", "tệp đã nộp không còn giữ ở đây: nộp lại tệp rồi trả lời",
               "the uploaded file is not kept here any more: upload it again, then answer");
    else if (answer == LTH_INBOX_TAKEN)
        lth_platform_close(&file.fd);
}

/* Durable before it is answered; then what it concerns is read again. */
static void act(wish *w)
{
    lth_engine *self = w->engine;
    uint32_t generation = self->generation;
    lth_err err = LTH_OK;
    bool going = feed_all(w);
    if (going)
        lth_engine_end_step(self);
    if (!going || self->fatal != LTH_OK || self->generation != generation) {
        lth_engine_store_error(w->call, LTH_E_STORE_FULL);
        return;
    }
    if (w->upload != 0)
        err = lth_hosted_again(self, w->school, w->about->id);
    else
        lth_engine_feed(self, &(lth_agent_event){.kind = LTH_AEVENT_SCAN_NOW, .school = w->school});
    lth_log_event(&self->log, LTH_LEVEL_NOTICE, "act", "org=%s act=%s upload=%llu dataset=%u",
                  self->node.conf->schools[w->school].org, word(w, "act"),
                  (unsigned long long)w->upload, w->act.dataset);
    if (err)
        lth_engine_store_error(w->call, err);
    else
        lth_control_end(w->call, 0, NULL);
}

void lth_engine_upload_act(void *ctx, lth_control_call *call, const json_t *request)
{
    wish w = {.engine = ctx, .call = call, .request = request};
    if (!lth_engine_school_named(ctx, call, request, &w.school))
        return;
    w.about = malloc(sizeof *w.about);
    read_kind(&w);
    w.act.by = words(&w, "by", BY_MAX);
    w.act.reason = words(&w, "reason", REASON_MAX);
    if (!w.bad)
        read_upload(&w);
    if (!w.bad)
        read_particulars(&w);
    if (!w.bad)
        check_waiting(&w);
    if (!w.bad)
        check_file(&w);
    if (!w.bad)
        act(&w);
    free(w.about);
}
