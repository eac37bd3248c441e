/* held retry, held reject, warning list, warning accept: what people decide at this broker. */
#include <stdlib.h>
#include <string.h>

#include "broker/shell/control.h"

typedef struct decide_job {
    lth_job job; /* First. */
    lth_decision *decision;
} decide_job;

static lth_err run(lth_job *job, lth_broker *core, lth_txn *txn)
{
    const decide_job *self = (const decide_job *)job;
    lth_event event = {.kind = LTH_EVENT_DECIDE, .decision = self->decision};
    return lth_broker_handle(core, txn, lth_clock_now(), &event, &job->diag);
}

bool lth_engine_decide(lth_engine *engine, lth_control_call *call, lth_decision *decision)
{
    decide_job job = {.job = {.run = run}, .decision = decision};
    lth_err err = lth_engine_do(engine, &job.job);
    if (err != LTH_OK)
        lth_control_error(call, 4, lth_err_name(err), "không ghi được quyết định vào kho",
                          lth_err_text(err));
    return err == LTH_OK;
}

static bool read_text(const json_t *request, const char *name, size_t max, bool needed,
                      lth_slice *out)
{
    const char *text = json_string_value(json_object_get(request, name));
    size_t n = text != NULL ? strlen(text) : 0;
    *out = lth_slice_of(text, n);
    return n <= max && (n > 0 || !needed);
}

bool lth_asked_person(lth_control_call *call, const json_t *request, bool reason,
                      lth_decision *decision)
{
    bool fine = read_text(request, "by", LTH_BY_MAX, true, &decision->by) &&
                read_text(request, "reason", LTH_WHY_MAX, reason, &decision->why);
    if (!fine)
        lth_control_error(call, 2, "bad_request", "cần tên người quyết định và lý do (ngắn gọn)",
                          "who decides and why are needed, not too long");
    return fine;
}

/* ---- held retry, held reject ---- */

static bool read_places(const json_t *request, lth_decision *decision)
{
    size_t i;
    const json_t *place, *list = json_object_get(request, "places");
    if (!json_is_array(list) || json_array_size(list) == 0 ||
        json_array_size(list) > LTH_DECIDE_MAX)
        return false;
    json_array_foreach(list, i, place)
    {
        json_int_t accept_no, index;
        if (json_unpack((json_t *)(uintptr_t)place, "[I,I]", &accept_no, &index) != 0 ||
            accept_no < 0 || index < 0 || index >= (json_int_t)LTH_BATCH_RECORDS_MAX)
            return false;
        decision->holds[i].accept_no = (uint64_t)accept_no;
        decision->holds[i].index = (uint32_t)index;
    }
    decision->n = (uint32_t)json_array_size(list);
    return true;
}

static void answer_holds(lth_engine *engine, lth_control_call *call, const lth_decision *decision)
{
    static const char *const results[] = {"?", "done", "held", "not_found", "not_here"};
    uint32_t done = 0;
    for (uint32_t i = 0; i < decision->n; i++) {
        json_t *row = json_pack("{s:s,s:I,s:i,s:s,s:o}", "kind", "decided", "accept_no",
                                (json_int_t)decision->holds[i].accept_no, "index",
                                (int)decision->holds[i].index, "result",
                                results[decision->holds[i].result % 5], "reason",
                                lth_json_refusal(decision->holds[i].code));
        if (decision->holds[i].result == LTH_DECIDED_NOT_HERE)
            json_object_set_new(row, "tier", lth_json_org(engine, &decision->holds[i].tier_org));
        done += decision->holds[i].result == LTH_DECIDED_DONE ? 1 : 0;
        lth_control_row(call, row);
    }
    lth_control_end(call, done == decision->n ? 0 : 1,
                    json_pack("{s:i,s:i}", "done", (int)done, "of", (int)decision->n));
}

static void decide_holds(lth_engine *engine, lth_control_call *call, const json_t *request,
                         lth_decide what)
{
    lth_decision *decision = calloc(1, sizeof(*decision));
    if (decision == NULL) {
        lth_control_error(call, 4, "nomem", "hết bộ nhớ", "out of memory");
        return;
    }
    decision->what = what;
    if (!read_places(request, decision))
        lth_control_error(call, 2, "bad_key", "khoá của bản ghi bị giữ không đúng",
                          "keys of held records are not well formed");
    else if (lth_asked_person(call, request, what == LTH_DECIDE_REJECT, decision) &&
             lth_engine_decide(engine, call, decision))
        answer_holds(engine, call, decision);
    free(decision);
}

void lth_verb_held_retry(void *ctx, lth_control_call *call, const json_t *request)
{
    decide_holds(ctx, call, request, LTH_DECIDE_RETRY);
}

void lth_verb_held_reject(void *ctx, lth_control_call *call, const json_t *request)
{
    decide_holds(ctx, call, request, LTH_DECIDE_REJECT);
}

/* ---- warnings ---- */

static json_t *warning_row(lth_engine *engine, lth_txn *txn, const lth_walk *walk, lth_slice key,
                           lth_slice value)
{
    (void)txn;
    lth_warning_row row;
    if (key.n != 20 || !lth_warning_row_decode(&row, value) ||
        (!lth_id_is_zero(&walk->org) && memcmp(walk->org.b, key.p + 2, 8) != 0) ||
        (walk->blocks && row.severity != LTH_SEVERITY_BLOCKS))
        return NULL;
    const lth_broker_conf *conf = lth_engine_conf(engine);
    const lth_dataset *ds = lth_schema_find(&conf->schema, lth_get16(key.p));
    const lth_org *org = lth_registry_find_prefix(&conf->registry, key.p + 2);
    json_t *out = json_pack("{s:s,s:o,s:s,s:o,s:i,s:s,s:I,s:b}", "kind", "warning", "org",
                            org != NULL ? json_string(org->code) : lth_json_hex(key.p + 2, 8),
                            "dataset", ds != NULL ? ds->name : "?", "record_id",
                            lth_json_hex(key.p + 2, 16), "rule_number", (int)lth_get16(key.p + 18),
                            "severity", lth_severity_name(row.severity), "since_ms",
                            (json_int_t)row.since_ms, "accepted", row.accepted_ms != 0);
    if (out == NULL)
        return NULL;
    lth_json_rule(out, ds, lth_get16(key.p + 18));
    if (row.accepted_ms != 0) {
        json_object_set_new(out, "accepted_ms", json_integer((json_int_t)row.accepted_ms));
        json_object_set_new(out, "by", json_stringn((const char *)row.by.p, row.by.n));
        json_object_set_new(out, "why", json_stringn((const char *)row.why.p, row.why.n));
    }
    if (row.said_ms != 0)
        json_object_set_new(out, "school",
                            json_pack("{s:o,s:o,s:I}", "by", lth_control_words(row.said_by), "why",
                                      lth_control_words(row.said_why), "ms",
                                      (json_int_t)row.said_ms));
    return out;
}

static json_t *warned_row(lth_engine *engine, lth_txn *txn, const lth_walk *walk, lth_slice key,
                          lth_slice value)
{
    (void)txn;
    if (key.n != 12 || value.n != 16 ||
        (!lth_id_is_zero(&walk->org) && memcmp(walk->org.b, key.p, 8) != 0))
        return NULL;
    const lth_broker_conf *conf = lth_engine_conf(engine);
    const lth_dataset *ds = lth_schema_find(&conf->schema, lth_get16(key.p + 8));
    const lth_org *org = lth_registry_find_prefix(&conf->registry, key.p);
    json_t *out =
        json_pack("{s:s,s:o,s:s,s:i,s:I,s:I}", "kind", "warned", "org",
                  org != NULL ? json_string(org->code) : lth_json_hex(key.p, 8), "dataset",
                  ds != NULL ? ds->name : "?", "rule_number", (int)lth_get16(key.p + 10), "open",
                  (json_int_t)lth_get64(value.p), "accepted", (json_int_t)lth_get64(value.p + 8));
    if (out != NULL)
        lth_json_rule(out, ds, lth_get16(key.p + 10));
    return out;
}

void lth_verb_warning_list(void *ctx, lth_control_call *call, const json_t *request)
{
    bool counts = json_is_true(json_object_get(request, "counts"));
    lth_walk walk = {.table = counts ? LTH_T_warned : LTH_T_warning,
                     .blocks = json_is_true(json_object_get(request, "blocks")),
                     .row = counts ? warned_row : warning_row};
    if (json_object_get(request, "org") != NULL) {
        const lth_org *org = lth_asked_org(ctx, call, request);
        if (org == NULL)
            return;
        walk.org = org->id;
    }
    if (!counts && json_object_get(request, "dataset") != NULL) {
        const lth_dataset *ds = lth_asked_dataset(ctx, call, request);
        if (ds == NULL)
            return;
        lth_put16(walk.prefix, ds->number);
        walk.prefix_size = 2;
    }
    lth_walk_start(call, &walk);
}

/* By number or by its id. */
static uint16_t read_rule(const lth_dataset *ds, const char *text)
{
    char *end = NULL;
    long number = strtol(text, &end, 10);
    if (end != text && *end == '\0')
        return number > 0 && number <= UINT16_MAX ? (uint16_t)number : 0;
    lth_rule_about about;
    return lth_rule_about_id(&about, ds, text) ? about.number : 0;
}

void lth_verb_warning_accept(void *ctx, lth_control_call *call, const json_t *request)
{
    const lth_dataset *ds = lth_asked_dataset(ctx, call, request);
    if (ds == NULL)
        return;
    const char *id = json_string_value(json_object_get(request, "record_id"));
    const char *rule = json_string_value(json_object_get(request, "rule"));
    lth_decision *decision = calloc(1, sizeof(*decision));
    if (decision == NULL) {
        lth_control_error(call, 4, "nomem", "hết bộ nhớ", "out of memory");
        return;
    }
    decision->what = LTH_DECIDE_ACCEPT;
    decision->dataset = ds->number;
    decision->rule = rule != NULL ? read_rule(ds, rule) : 0;
    if (id == NULL || !lth_unhex(decision->record_id.b, 16, id, strlen(id)) || decision->rule == 0)
        lth_control_error(call, 2, "bad_key", "mã bản ghi hoặc quy tắc không đúng",
                          "record id or rule is not well formed");
    else if (lth_asked_person(call, request, true, decision) &&
             lth_engine_decide(ctx, call, decision))
        lth_control_end(call, decision->result == LTH_DECIDED_DONE ? 0 : 1,
                        json_pack("{s:b}", "accepted", decision->result == LTH_DECIDED_DONE));
    free(decision);
}
