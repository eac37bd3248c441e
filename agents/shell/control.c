/* What the agent answers on its control socket: status, held records, read now, source check,
 * uploads. */

#include <stdlib.h>

#include "agents/shell/dictionary.h"
#include "agents/shell/rejected.h"

#define ROWS_A_STEP 100u

json_t *lth_engine_json_org(const lth_engine *self, const lth_id *org)
{
    char hex[33];
    const lth_org *found = lth_registry_find(&self->node.conf->registry, org);
    lth_hex(hex, org->b, sizeof org->b);
    return json_string(found != NULL ? found->code : hex);
}

json_t *lth_engine_json_fault(lth_scan_fault fault)
{
    return json_pack("{s:s,s:i,s:s,s:s}", "code", lth_scan_fault_name(fault), "number", (int)fault,
                     "vi", lth_scan_fault_text(fault, false), "en",
                     lth_scan_fault_text(fault, true));
}

static json_t *json_refusal(lth_refusal code)
{
    return json_pack("{s:s,s:i,s:s,s:s}", "code", lth_refusal_name(code), "number", (int)code, "vi",
                     lth_refusal_text(code, false), "en", lth_refusal_text(code, true));
}

static json_t *json_ms(lth_mono ns)
{
    return json_real((double)ns / 1e6);
}

/* A walk over schools, or over one table of the store; no transaction lives over a pause. */
typedef struct walk {
    uint32_t school;
    uint8_t next[LTH_STORE_KEY_MAX];
    size_t next_n;
    uint64_t rows;
    int64_t seq, index; /* held_show: only this one; -1 = all. */
} walk;

static walk *walk_new(lth_control_call *call)
{
    walk *self = calloc(1, sizeof *self);
    if (self == NULL) {
        lth_control_error(call, 4, "nomem", "hết bộ nhớ", "out of memory");
        return NULL;
    }
    self->next_n = 1;
    self->seq = self->index = -1;
    return self;
}

void lth_engine_store_error(lth_control_call *call, lth_err err)
{
    lth_control_error(call, 4, lth_err_name(err), "không đọc được kho", lth_err_text(err));
}

bool lth_engine_school_named(const lth_engine *self, lth_control_call *call, const json_t *request,
                             uint32_t *school)
{
    const char *org = json_string_value(json_object_get(request, "org"));
    *school = org != NULL ? lth_agent_node_school(&self->node, lth_slice_of(org, strlen(org)))
                          : self->node.n_schools;
    if (*school < self->node.n_schools)
        return true;
    lth_control_error(call, 4, "unknown_school", "agent này không phục vụ trường đó",
                      "this agent does not serve that school");
    return false;
}

/* ---- status ---- */

static json_t *node_row(const lth_engine *self)
{
    lth_agent_info info;
    lth_store_stat stat = {0};
    char session[17];
    uint8_t bytes[8];
    lth_agent_info_of(self->core, &info);
    (void)!lth_store_stat_of(self->store, &stat);
    lth_put64(bytes, info.session);
    lth_hex(session, bytes, sizeof bytes);
    const char *link = self->link.up ? "up" : self->link.refused ? "refused" : "down";
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:b,s:b,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
                     "kind", "node", "org", self->node.conf->node.org, "name",
                     self->node.conf->node.name != NULL ? self->node.conf->node.name : "",
                     "version", LTH_VERSION, "broker", self->node.conf->broker, "broker_org",
                     lth_engine_json_org(self, &self->node.broker_org), "link", link, "link_up",
                     (int)(self->link.up && info.link_up), "full", (int)lth_engine_full(self),
                     "session", session, "sent_batches", (json_int_t)info.sent_batches,
                     "sent_records", (json_int_t)info.sent_records, "receipts",
                     (json_int_t)info.receipts, "rejects", (json_int_t)info.rejects, "store_used",
                     (json_int_t)stat.bytes_used, "store_max", (json_int_t)stat.bytes_max,
                     "uptime_ms",
                     (json_int_t)((lth_platform_now().mono - self->started) / 1000000u));
}

static const char *state_of(const lth_agent_school_info *info)
{
    return info->head.stopped != LTH_REFUSE_none ? "stopped"
           : info->head.at.epoch == 0            ? "no_epoch"
           : info->head.resync                   ? "resync"
           : info->resumed                       ? "ok"
                                                 : "waiting";
}

/* Newest receipts as stored; when they came, and how long they took, as far as this process saw. */
static json_t *receipts_of(const lth_engine *self, lth_txn *txn, uint32_t school)
{
    json_t *list = json_array();
    lth_cursor *cursor = NULL;
    lth_slice key, value;
    const lth_exchange *exchange = &self->schools[school].exchange;
    lth_slice prefix = lth_slice_of(self->node.schools[school].org.b, 16);
    lth_err err = lth_cursor_open(txn, LTH_A_areceipt, &cursor);
    if (!err)
        err = lth_cursor_seek(cursor, prefix, &key, &value);
    for (; !err && key.n == 40 && memcmp(key.p, prefix.p, prefix.n) == 0;
         err = lth_cursor_next(cursor, &key, &value)) {
        lth_receipt receipt;
        if (!lth_receipt_decode(&receipt, value))
            continue;
        json_t *row = json_pack(
            "{s:o,s:i,s:I,s:s,s:s,s:I}", "tier", lth_engine_json_org(self, &receipt.tier_org),
            "epoch", (int)receipt.at.epoch, "batch_seq", (json_int_t)receipt.at.seq, "form",
            receipt.form == LTH_RECEIPT_WHOLE      ? "whole"
            : receipt.form == LTH_RECEIPT_REDACTED ? "redacted"
                                                   : "headers",
            "level", receipt.level == LTH_RECEIPT_SAFE ? "safe" : "durable", "held",
            (json_int_t)receipt.held_count);
        for (uint32_t i = 0; i < exchange->n_tiers; i++) {
            const lth_exchange_tier *tier = &exchange->tiers[i];
            if (!lth_id_equal(&tier->org, &receipt.tier_org))
                continue;
            json_object_set_new(row, "seen_ms", json_integer((json_int_t)tier->seen_ms));
            if (tier->took != 0)
                json_object_set_new(row, "exchange_ms", json_ms(tier->took));
        }
        json_array_append_new(list, row);
    }
    lth_cursor_close(&cursor);
    return list;
}

static json_t *inbox_json(const lth_post *post)
{
    return json_pack("{s:s,s:b,s:b,s:b,s:i,s:i,s:i}", "path", post->inbox.path, "missing",
                     (int)post->inbox.missing, "reading", (int)post->reading, "unkept",
                     (int)post->unkept, "waiting", (int)post->inbox.n_files, "writing",
                     (int)post->inbox.writing, "strange", (int)post->inbox.strange);
}

/* The newest upload of a school when a person should look at it. */
static json_t *upload_row(const lth_engine *self, lth_txn *txn, uint32_t school)
{
    json_t *upload =
        lth_hosted_post(self, school) != NULL ? lth_upload_newest(self, txn, school) : NULL;
    const char *state = json_string_value(json_object_get(upload, "state"));
    bool look = state != NULL && (strcmp(state, lth_upload_state_name(LTH_UPLOAD_WAITING)) == 0 ||
                                  strcmp(state, lth_upload_state_name(LTH_UPLOAD_REFUSED)) == 0 ||
                                  json_integer_value(json_object_get(upload, "findings")) > 0);
    if (!look) {
        json_decref(upload);
        return NULL;
    }
    json_object_set_new(upload, "kind", json_string("upload"));
    json_object_set_new(upload, "org", json_string(self->node.conf->schools[school].org));
    return upload;
}

static json_t *school_row(const lth_engine *self, lth_txn *txn, uint32_t school)
{
    lth_agent_school_info info;
    lth_agent_school_info_of(self->core, school, &info);
    json_t *row =
        json_pack("{s:s,s:s,s:s,s:i,s:I,s:I,s:I,s:b,s:o}", "kind", "school", "org",
                  self->node.conf->schools[school].org, "state", state_of(&info), "epoch",
                  (int)info.head.at.epoch, "batch_seq", (json_int_t)info.head.at.seq, "acked_seq",
                  (json_int_t)info.head.acked.seq, "outbox", (json_int_t)info.outbox, "scanning",
                  (int)info.scanning, "receipts", receipts_of(self, txn, school));
    const lth_exchange *exchange = &self->schools[school].exchange;
    if (exchange->seq != 0) {
        json_object_set_new(row, "capture_ms", json_ms(exchange->capture_took));
        json_object_set_new(row, "live_seq", json_integer((json_int_t)exchange->seq));
    }
    if (info.head.stopped != LTH_REFUSE_none)
        json_object_set_new(row, "refusal", json_refusal(info.head.stopped));
    json_object_set_new(row, "signed", lth_engine_json_signed(self, school));
    json_object_set_new(row, "hosted", json_boolean(lth_agent_node_hosts(&self->node, school)));
    const lth_post *post = lth_hosted_post(self, school);
    if (post != NULL)
        json_object_set_new(row, "inbox", inbox_json(post));
    return row;
}

static json_t *table_row(const lth_engine *self, lth_txn *txn, uint32_t school, uint32_t table)
{
    const lth_dataset *dataset = self->node.schools[school].tables[table].mapping->dataset;
    uint8_t key[10];
    lth_slice value;
    lth_scan_info info = {0};
    memcpy(key, self->node.schools[school].org.b, 8);
    lth_put16(key + 8, dataset->number);
    if (lth_get(txn, LTH_A_scan, lth_slice_of(key, sizeof key), &value) == LTH_OK)
        (void)lth_scan_info_decode(&info, value);
    return json_pack(
        "{s:s,s:s,s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:o,s:s,s:I,s:I,s:I,s:I,s:I,s:I}", "kind",
        "table", "org", self->node.conf->schools[school].org, "dataset", dataset->name, "files",
        self->node.conf->schools[school].profile != NULL, "rows", (json_int_t)info.rows, "changed",
        (json_int_t)info.changed, "deleted", (json_int_t)info.deleted, "invalid",
        (json_int_t)info.invalid, "started_ms", (json_int_t)info.started_ms, "ended_ms",
        (json_int_t)info.ended_ms, "last_good_ms", (json_int_t)info.last_good_ms, "faults_in_a_row",
        (int)info.faults_in_a_row, "fault", lth_engine_json_fault(info.fault), "detail",
        info.detail, "gone", (json_int_t)info.gone, "old", (json_int_t)info.old, "known",
        (json_int_t)info.known, "asked", (json_int_t)info.asked, "warned", (json_int_t)info.warned,
        "waiting", (json_int_t)info.waiting);
}

static void status_step(void *ctx, lth_control_call *call, void *state)
{
    lth_engine *self = ctx;
    walk *at = state;
    lth_txn *txn = NULL;
    lth_err err = lth_store_begin(self->store, false, &txn);
    if (err) {
        lth_engine_store_error(call, err);
        return;
    }
    uint32_t rows = 0;
    for (; rows < ROWS_A_STEP && at->school < self->node.n_schools; at->school++) {
        lth_control_row(call, school_row(self, txn, at->school));
        for (uint32_t t = 0; t < self->node.schools[at->school].n_tables; t++, rows++)
            lth_control_row(call, table_row(self, txn, at->school, t));
        json_t *upload = upload_row(self, txn, at->school);
        if (upload != NULL)
            lth_control_row(call, upload);
        rows++;
    }
    lth_store_abort(&txn);
    if (at->school >= self->node.n_schools)
        lth_control_end(call, 0, NULL);
}

static void verb_status(void *ctx, lth_control_call *call, const json_t *request)
{
    (void)request;
    walk *state = walk_new(call);
    if (state == NULL)
        return;
    lth_control_row(call, node_row(ctx));
    lth_control_row(call, lth_dictionary_row(ctx));
    const lth_post *carrier = lth_hosted_post(ctx, LTH_POST_CARRIER);
    if (carrier != NULL)
        lth_control_row(call, json_pack("{s:s,s:s,s:o}", "kind", "carrier", "org",
                                        ((const lth_engine *)ctx)->node.conf->node.org, "inbox",
                                        inbox_json(carrier)));
    json_t *replay = lth_replay_row(ctx);
    if (replay != NULL)
        lth_control_row(call, replay);
    lth_views_status(ctx, call);
    lth_control_continue(call, status_step, state, free);
}

/* ---- held records ---- */

static json_t *held_row(const lth_engine *self, const lth_frame_held *held)
{
    char id[33];
    lth_hex(id, held->record_id.b, sizeof held->record_id.b);
    const lth_dataset *dataset = lth_schema_find(&self->node.conf->schema, held->dataset);
    const lth_group *group = dataset != NULL ? lth_dataset_group(dataset, held->group) : NULL;
    json_t *row = json_pack(
        "{s:s,s:I,s:i,s:o,s:i,s:I,s:s,s:s,s:o,s:i,s:i,s:o}", "kind", "held", "accept_no",
        (json_int_t)held->seq, "index", (int)held->index, "org",
        lth_engine_json_org(self, &held->origin), "epoch", (int)held->epoch, "batch_seq",
        (json_int_t)held->seq, "dataset", dataset != NULL ? dataset->name : "?", "record_id", id,
        "reason", json_refusal(held->code), "group_number", (int)held->group, "field_number",
        (int)held->field, "tier", lth_engine_json_org(self, &held->tier_org));
    if (group != NULL)
        json_object_set_new(row, "group", json_string(group->name));
    for (uint32_t i = 0; dataset != NULL && i < dataset->n_fields; i++) {
        if (dataset->fields[i].number == held->field)
            json_object_set_new(row, "field", json_string(dataset->fields[i].name));
    }
    json_object_set_new(row, "rejected", lth_rejected_json(self, held));
    return row;
}

static void held_add(const lth_engine *self, lth_control_call *call, walk *at, lth_slice key,
                     lth_slice value)
{
    lth_frame_held held;
    if (!lth_agent_held_decode(&held, key, value))
        return;
    if ((at->seq >= 0 && (uint64_t)at->seq != held.seq) ||
        (at->index >= 0 && (uint64_t)at->index != held.index))
        return;
    at->rows++;
    lth_control_row(call, held_row(self, &held));
}

static void held_step(void *ctx, lth_control_call *call, void *state)
{
    lth_engine *self = ctx;
    walk *at = state;
    lth_txn *txn = NULL;
    lth_cursor *cursor = NULL;
    lth_slice key, value;
    lth_err err = lth_store_begin(self->store, false, &txn);
    if (!err)
        err = lth_cursor_open(txn, LTH_A_aheld, &cursor);
    if (!err)
        err = lth_cursor_seek(cursor, lth_slice_of(at->next, at->next_n), &key, &value);
    for (uint32_t i = 0; !err && i < ROWS_A_STEP; i++) {
        held_add(self, call, at, key, value);
        err = lth_cursor_next(cursor, &key, &value);
    }
    if (!err) {
        memcpy(at->next, key.p, key.n);
        at->next_n = key.n;
    }
    lth_cursor_close(&cursor);
    if (txn != NULL)
        lth_store_abort(&txn);
    if (err == LTH_E_NOT_FOUND)
        lth_control_end(call, 0, json_pack("{s:I}", "rows", (json_int_t)at->rows));
    else if (err)
        lth_engine_store_error(call, err);
}

static void verb_held_list(void *ctx, lth_control_call *call, const json_t *request)
{
    (void)ctx;
    (void)request;
    walk *state = walk_new(call);
    if (state != NULL)
        lth_control_continue(call, held_step, state, free);
}

/* At the school a batch is known by its own number, which stands in the place of accept_no. */
static void verb_held_show(void *ctx, lth_control_call *call, const json_t *request)
{
    (void)ctx;
    walk *state = walk_new(call);
    if (state == NULL)
        return;
    state->seq = json_integer_value(json_object_get(request, "accept_no"));
    state->index = json_integer_value(json_object_get(request, "index"));
    lth_control_continue(call, held_step, state, free);
}

/* ---- read now ---- */

static void verb_scan(void *ctx, lth_control_call *call, const json_t *request)
{
    lth_engine *self = ctx;
    uint32_t school;
    const char *name = json_string_value(json_object_get(request, "org"));
    if (name != NULL && lth_views_scan(self, name)) {
        lth_control_end(call, 0, NULL);
        return;
    }
    if (!lth_engine_school_named(self, call, request, &school))
        return;
    lth_engine_feed(self, &(lth_agent_event){.kind = LTH_AEVENT_SCAN_NOW, .school = school});
    lth_control_end(call, 0, NULL);
}

const lth_control_verb lth_engine_verbs[] = {
    {"status", verb_status},
    {"dictionary_status", lth_verb_dictionary_status},
    {"held_list", verb_held_list},
    {"held_show", verb_held_show},
    {"scan", verb_scan},
    {"source_check", lth_engine_source_check},
    {"hosted_list", lth_engine_hosted_list},
    {"upload_list", lth_engine_upload_list},
    {"upload_show", lth_engine_upload_show},
    {"upload_answers", lth_engine_upload_answers},
    {"upload_receipt", lth_engine_upload_receipt},
    {"upload_act", lth_engine_upload_act},
};
const size_t lth_engine_verbs_n = sizeof lth_engine_verbs / sizeof lth_engine_verbs[0];
