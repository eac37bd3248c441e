/* The verbs that tell of uploads (uploads.h). */

#include <stdlib.h>
#include <time.h>

#include "agents/shell/engine.h"

#define LIST_MAX       1000
#define LIST_USUAL     50
#define WAITING_LISTED 50u
#define ROWS_A_STEP    200u

/* ---- finding one ---- */

static size_t upload_key(uint8_t key[24], const lth_engine *self, uint32_t school, uint64_t number)
{
    memcpy(key, self->node.schools[school].org.b, 16);
    lth_put64(key + 16, number);
    return 24;
}

bool lth_upload_of(const lth_engine *self, lth_txn *txn, uint32_t school, uint64_t number,
                   lth_upload *out)
{
    uint8_t key[24];
    lth_slice value;
    size_t n = upload_key(key, self, school, number);
    return lth_get(txn, LTH_A_upload, lth_slice_of(key, n), &value) == LTH_OK &&
           lth_upload_decode(out, value);
}

uint64_t lth_upload_before(const lth_engine *self, lth_txn *txn, uint32_t school, uint64_t number,
                           lth_upload *out)
{
    uint8_t key[24];
    lth_cursor *cursor = NULL;
    lth_slice found, value;
    uint64_t before = 0;
    size_t n = upload_key(key, self, school, number);
    lth_err err = lth_cursor_open(txn, LTH_A_upload, &cursor);
    if (!err)
        err = lth_cursor_before(cursor, lth_slice_of(key, n), &found, &value);
    if (!err && found.n == n && memcmp(found.p, key, 16) == 0 && lth_upload_decode(out, value))
        before = lth_get64(found.p + 16);
    lth_cursor_close(&cursor);
    return before;
}

uint64_t lth_upload_find(const lth_engine *self, lth_txn *txn, uint32_t school, const char *id,
                         lth_upload *out)
{
    uint64_t number = UINT64_MAX;
    while ((number = lth_upload_before(self, txn, school, number, out)) != 0) {
        if (strcmp(out->id, id) == 0)
            return number;
    }
    return 0;
}

/* ---- U ---- */

static json_t *iso(uint64_t ms)
{
    char text[40];
    struct tm tm;
    time_t seconds = (time_t)(ms / 1000);
    if (ms == 0 || gmtime_r(&seconds, &tm) == NULL)
        return json_null();
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_string(text);
}

static json_t *fault_json(lth_scan_fault fault)
{
    return fault == LTH_SCAN_none ? json_null()
                                  : json_pack("{s:s,s:s,s:s}", "code", lth_scan_fault_name(fault),
                                              "vi", lth_scan_fault_text(fault, false), "en",
                                              lth_scan_fault_text(fault, true));
}

static json_t *tables_json(const lth_engine *self, const lth_upload *upload)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < upload->n_tables; i++) {
        const lth_dataset *ds =
            lth_schema_find(&self->node.conf->schema, upload->tables[i].dataset);
        const char *name = ds != NULL ? ds->name : "?";
        json_array_append_new(
            list,
            json_pack(
                "{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:I,s:I}", "dataset", name,
                "title", ds != NULL && ds->title.vi != NULL ? ds->title.vi : name, "rows",
                (json_int_t)upload->tables[i].rows, "fresh", (json_int_t)upload->tables[i].fresh,
                "changed", (json_int_t)upload->tables[i].changed, "same",
                (json_int_t)upload->tables[i].same, "ended", (json_int_t)upload->tables[i].ended,
                "held", (json_int_t)upload->tables[i].held, "asked",
                (json_int_t)upload->tables[i].asked, "warned", (json_int_t)upload->tables[i].warned,
                "fault", fault_json(upload->tables[i].fault), "gone",
                (json_int_t)upload->tables[i].gone, "old", (json_int_t)upload->tables[i].old,
                "known", (json_int_t)upload->tables[i].known, "waiting",
                (json_int_t)upload->tables[i].waiting));
    }
    return list;
}

/* Every tier from our broker up, whether its receipt came or not. */
static json_t *tiers_json(const lth_engine *self, const lth_upload *upload)
{
    const lth_registry *registry = &self->node.conf->registry;
    uint32_t day = lth_day_of(lth_platform_now().wall_ms);
    const lth_org *org = lth_registry_find(registry, &self->node.broker_org);
    json_t *list = json_array();
    for (uint32_t i = 0; org != NULL && i < LTH_UPLOAD_TIERS_MAX; i++) {
        uint64_t ms = 0;
        for (uint32_t t = 0; t < upload->n_tiers; t++)
            ms = lth_id_equal(&upload->tiers[t].org, &org->id) ? upload->tiers[t].ms : ms;
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:o}", "org", org->code, "name",
                                              org->name, "kind", org->kind, "received", iso(ms)));
        org = lth_registry_path_parent(registry, org, day);
    }
    return list;
}

json_t *lth_engine_json_signed(const lth_engine *self, uint32_t school)
{
    char vi[400], en[400];
    const lth_org *host = lth_registry_find(&self->node.conf->registry, &self->node.org);
    const char *name = host != NULL ? host->name : self->node.conf->node.org;
    if (!lth_agent_node_hosts(&self->node, school))
        return json_pack("{s:s,s:s}", "vi", "ký tại trường", "en", "signed at the school");
    (void)lth_format(vi, sizeof vi, "%s ký thay trường", name);
    (void)lth_format(en, sizeof en, "signed by %s on the school's behalf", name);
    return json_pack("{s:s,s:s}", "vi", vi, "en", en);
}

/* Why nothing happens to it, while that lies here. */
static json_t *detail_json(const lth_engine *self, const lth_upload *upload)
{
    bool waits = upload->state == LTH_UPLOAD_RECEIVED || upload->state == LTH_UPLOAD_READING;
    if (waits && lth_engine_full(self))
        return json_pack(
            "{s:s,s:s}", "vi",
            "máy chủ đang hết chỗ: tệp nằm an toàn ở đây và sẽ tự được đọc khi có chỗ, "
            "không cần nộp lại",
            "en",
            "the server has no room: the file lies here safely and will be read by "
            "itself when there is room, no need to upload it again");
    return json_pack("{s:s,s:s}", "vi", upload->detail, "en",
                     upload->detail_en[0] != '\0' ? upload->detail_en : upload->detail);
}

json_t *lth_upload_json(const lth_engine *self, uint32_t school, uint64_t number,
                        const lth_upload *upload)
{
    static const uint8_t none[LTH_HASH_SIZE];
    char hex[2 * LTH_HASH_SIZE + 1];
    bool hashed = memcmp(upload->sha256, none, sizeof none) != 0;
    lth_hex(hex, upload->sha256, LTH_HASH_SIZE);
    return json_pack(
        "{s:s,s:I,s:s,s:o,s:o,s:I,s:o,s:o,s:o,s:I,s:b,s:o,s:o,s:o}", "id", upload->id, "number",
        (json_int_t)number, "state", lth_upload_state_name(upload->state), "received",
        iso(upload->received_ms), "done", iso(upload->done_ms), "bytes", (json_int_t)upload->bytes,
        "sha256", hashed ? json_string(hex) : json_null(), "fault", fault_json(upload->fault),
        "detail", detail_json(self, upload), "findings", (json_int_t)upload->n_findings, "waiting",
        (int)(upload->state == LTH_UPLOAD_WAITING), "signed", lth_engine_json_signed(self, school),
        "tables", tables_json(self, upload), "tiers", tiers_json(self, upload));
}

json_t *lth_upload_newest(const lth_engine *self, lth_txn *txn, uint32_t school)
{
    lth_upload *upload = malloc(sizeof *upload);
    uint64_t number = upload != NULL ? lth_upload_before(self, txn, school, UINT64_MAX, upload) : 0;
    json_t *json = number != 0 ? lth_upload_json(self, school, number, upload) : NULL;
    free(upload);
    return json;
}

/* ---- upload_list ---- */

static void row_of(lth_control_call *call, json_t *upload)
{
    lth_control_row(call, json_pack("{s:o}", "upload", upload));
}

/* Files that lie whole in the inbox and were not begun yet are uploads already. */
static uint32_t waiting_rows(const lth_engine *self, lth_control_call *call, lth_txn *txn,
                             uint32_t school, lth_upload *upload)
{
    const lth_post *post = lth_hosted_post(self, school);
    uint32_t n = post != NULL && !post->inbox.missing ? post->inbox.n_files : 0, told = 0;
    for (uint32_t i = n; i-- > 0 && told < WAITING_LISTED;) {
        const lth_inbox_file *file = &post->inbox.files[i];
        if (file->busy || lth_upload_find(self, txn, school, file->name, upload) != 0)
            continue;
        *upload =
            (lth_upload){.state = LTH_UPLOAD_RECEIVED, .received_ms = file->arrived_ns / 1000000u};
        (void)lth_format(upload->id, sizeof upload->id, "%s", file->name);
        row_of(call, lth_upload_json(self, school, 0, upload));
        told++;
    }
    return told;
}

typedef struct asked {
    uint32_t school;
    lth_txn *txn;
    lth_upload *upload;
} asked;

static void asked_fini(asked *self)
{
    if (self->txn != NULL)
        lth_store_abort(&self->txn);
    free(self->upload);
}

/* School, read transaction and room for an upload; false: told why not. */
static bool asked_begin(asked *out, const lth_engine *self, lth_control_call *call,
                        const json_t *request)
{
    *out = (asked){0};
    if (!lth_engine_school_named(self, call, request, &out->school))
        return false;
    out->upload = malloc(sizeof *out->upload);
    lth_err err =
        out->upload == NULL ? LTH_E_NOMEM : lth_store_begin(self->store, false, &out->txn);
    if (!err)
        return true;
    lth_engine_store_error(call, err);
    asked_fini(out);
    return false;
}

/* Also the upload that the request names; 0: told why not, and all is released. */
static uint64_t asked_upload(asked *out, const lth_engine *self, lth_control_call *call,
                             const json_t *request)
{
    const char *id = json_string_value(json_object_get(request, "id"));
    if (!asked_begin(out, self, call, request))
        return 0;
    uint64_t number =
        id != NULL ? lth_upload_find(self, out->txn, out->school, id, out->upload) : 0;
    if (number != 0)
        return number;
    lth_control_error(call, 4, "unknown_upload", "trường này không có lần nộp đó",
                      "this school has no such upload");
    asked_fini(out);
    return 0;
}

void lth_engine_upload_list(void *ctx, lth_control_call *call, const json_t *request)
{
    lth_engine *self = ctx;
    asked a;
    json_int_t limit = json_integer_value(json_object_get(request, "limit"));
    limit = limit <= 0 ? LIST_USUAL : limit > LIST_MAX ? LIST_MAX : limit;
    if (!asked_begin(&a, self, call, request))
        return;
    lth_held_above above = {0};
    json_int_t rows = waiting_rows(self, call, a.txn, a.school, a.upload);
    uint64_t number = UINT64_MAX;
    lth_err err = lth_held_above_count(self, a.txn, a.school, &above);
    while (!err && rows < limit &&
           (number = lth_upload_before(self, a.txn, a.school, number, a.upload)) != 0) {
        json_t *upload = lth_upload_json(self, a.school, number, a.upload);
        lth_held_above_tell(&above, number, upload);
        row_of(call, upload);
        rows++;
    }
    free(above.items);
    asked_fini(&a);
    if (err)
        lth_engine_store_error(call, err);
    else
        lth_control_end(call, 0, json_pack("{s:I}", "rows", rows));
}

/* ---- upload_show ---- */

/* A slice of rows a step; no transaction lives over a pause. */
typedef struct show {
    const lth_engine *engine;
    lth_control_call *call;
    uint32_t school;
    uint64_t number;
    uint32_t told, at, slice;
} show;

static bool show_finding(void *ctx, const lth_finding_row *row)
{
    show *self = ctx;
    if (self->at++ < self->told)
        return true;
    lth_control_row(self->call, json_pack("{s:o}", "finding",
                                          lth_finding_json(self->engine, self->school, row)));
    self->told++;
    self->slice++;
    return self->slice < ROWS_A_STEP;
}

static void show_step(void *ctx, lth_control_call *call, void *state)
{
    lth_engine *self = ctx;
    show *s = state;
    lth_txn *txn = NULL;
    s->at = s->slice = 0;
    lth_err err = lth_store_begin(self->store, false, &txn);
    if (!err)
        err = lth_findings_each(self, txn, s->school, s->number, show_finding, s);
    if (txn != NULL)
        lth_store_abort(&txn);
    if (err)
        lth_engine_store_error(call, err);
    else if (s->slice < ROWS_A_STEP)
        lth_control_end(call, 0, json_pack("{s:I}", "findings", (json_int_t)s->told));
}

void lth_engine_upload_show(void *ctx, lth_control_call *call, const json_t *request)
{
    lth_engine *self = ctx;
    asked a;
    uint64_t number = asked_upload(&a, self, call, request);
    if (number == 0)
        return;
    lth_held_above above = {0};
    show *s = malloc(sizeof *s);
    lth_err err = s == NULL ? LTH_E_NOMEM : lth_held_above_count(self, a.txn, a.school, &above);
    if (!err) {
        *s = (show){.engine = self, .call = call, .school = a.school, .number = number};
        json_t *upload = lth_upload_json(self, a.school, number, a.upload);
        lth_held_above_tell(&above, number, upload);
        row_of(call, upload);
        lth_control_continue(call, show_step, s, free);
    } else {
        free(s);
        lth_engine_store_error(call, err);
    }
    free(above.items);
    asked_fini(&a);
}

/* ---- upload_receipt ---- */

static json_t *batches_json(const lth_engine *self, const asked *a)
{
    json_t *list = json_array();
    uint8_t key[36];
    lth_slice entry;
    const lth_upload *upload = a->upload;
    memcpy(key, self->node.schools[a->school].org.b, 16);
    lth_put64(key + 16, LTH_STREAM_OWN);
    lth_put32(key + 24, upload->head.epoch);
    for (uint64_t seq = upload->first_seq; seq != 0 && seq <= upload->head.seq; seq++) {
        uint8_t hash[LTH_HASH_SIZE];
        char hex[2 * LTH_HASH_SIZE + 1];
        lth_put64(key + 28, seq);
        if (lth_get(a->txn, LTH_A_outbox, lth_slice_of(key, sizeof key), &entry) != LTH_OK ||
            entry.n < LTH_BATCH_SIGNED_SIZE)
            continue;
        lth_sha256(&self->node.hasher, entry.p, LTH_BATCH_HEADER_SIZE, hash);
        lth_hex(hex, hash, sizeof hash);
        json_array_append_new(list, json_pack("{s:i,s:I,s:s}", "epoch", (int)upload->head.epoch,
                                              "seq", (json_int_t)seq, "header_hash", hex));
    }
    return list;
}

static json_t *receipt_json(const lth_engine *self, const lth_receipt *receipt, lth_slice bytes)
{
    char hex[2 * LTH_RECEIPT_BYTES + 1], root[2 * LTH_HASH_SIZE + 1];
    lth_hex(hex, bytes.p, bytes.n);
    lth_hex(root, receipt->root, sizeof receipt->root);
    return json_pack("{s:o,s:i,s:I,s:s,s:I,s:s,s:s}", "org",
                     lth_engine_json_org(self, &receipt->tier_org), "epoch", (int)receipt->at.epoch,
                     "seq", (json_int_t)receipt->at.seq, "form",
                     receipt->form == LTH_RECEIPT_WHOLE      ? "whole"
                     : receipt->form == LTH_RECEIPT_REDACTED ? "redacted"
                                                             : "headers",
                     "log_size", (json_int_t)receipt->tree_size, "log_root", root, "signed", hex);
}

/* A later receipt covers what came before. */
static bool covers(const lth_receipt *receipt, const lth_position *head)
{
    return receipt->at.epoch > head->epoch ||
           (receipt->at.epoch == head->epoch && receipt->at.seq >= head->seq);
}

static json_t *receipts_json(const lth_engine *self, const asked *a)
{
    json_t *list = json_array();
    lth_cursor *cursor = NULL;
    lth_slice key, value, prefix = lth_slice_of(self->node.schools[a->school].org.b, 16);
    lth_err err = lth_cursor_open(a->txn, LTH_A_areceipt, &cursor);
    if (!err)
        err = lth_cursor_seek(cursor, prefix, &key, &value);
    for (; !err && key.n == 40 && memcmp(key.p, prefix.p, prefix.n) == 0;
         err = lth_cursor_next(cursor, &key, &value)) {
        lth_receipt receipt;
        if (value.n == LTH_RECEIPT_BYTES && lth_receipt_decode(&receipt, value) &&
            covers(&receipt, &a->upload->head))
            json_array_append_new(list, receipt_json(self, &receipt, value));
    }
    lth_cursor_close(&cursor);
    return list;
}

void lth_engine_upload_receipt(void *ctx, lth_control_call *call, const json_t *request)
{
    lth_engine *self = ctx;
    asked a;
    uint64_t number = asked_upload(&a, self, call, request);
    if (number == 0)
        return;
    const lth_key_info *key = &self->node.keys[a.school];
    char key_id[2 * LTH_HASH_SIZE + 1], sha256[2 * LTH_HASH_SIZE + 1];
    lth_hex(key_id, key->key_id, LTH_HASH_SIZE);
    lth_hex(sha256, a.upload->sha256, LTH_HASH_SIZE);
    json_t *receipt = json_pack(
        "{s:s,s:s,s:I,s:s,s:I,s:o,s:o,s:s,s:s,s:o,s:o,s:o}", "org",
        self->node.conf->schools[a.school].org, "id", a.upload->id, "number", (json_int_t)number,
        "sha256", sha256, "bytes", (json_int_t)a.upload->bytes, "received",
        iso(a.upload->received_ms), "done", iso(a.upload->done_ms), "key_id", key_id, "role",
        lth_role_name(key->role), "signed", lth_engine_json_signed(self, a.school), "batches",
        batches_json(self, &a), "receipts", receipts_json(self, &a));
    json_object_set_new(receipt, "tiers", tiers_json(self, a.upload));
    asked_fini(&a);
    lth_control_end(call, 0, json_pack("{s:o}", "receipt", receipt));
}

/* ---- hosted_list ---- */

static void hosted_row(const lth_engine *self, lth_control_call *call, lth_txn *txn,
                       uint32_t school)
{
    const lth_source_conf *conf = &self->node.conf->schools[school];
    const lth_org *org = lth_registry_find(&self->node.conf->registry, &conf->org_id);
    json_t *newest = lth_upload_newest(self, txn, school);
    lth_control_row(call,
                    json_pack("{s:s,s:s,s:s,s:s,s:o,s:o}", "org", conf->org, "name",
                              org != NULL ? org->name : "", "profile", conf->profile->name, "inbox",
                              conf->inbox, "signed", lth_engine_json_signed(self, school), "upload",
                              newest != NULL ? newest : json_null()));
}

static void hosted_step(void *ctx, lth_control_call *call, void *state)
{
    lth_engine *self = ctx;
    uint32_t *school = state, rows = 0;
    lth_txn *txn = NULL;
    lth_err err = lth_store_begin(self->store, false, &txn);
    if (err) {
        lth_engine_store_error(call, err);
        return;
    }
    for (; rows < ROWS_A_STEP && *school < self->node.n_schools; (*school)++) {
        if (self->node.conf->schools[*school].profile == NULL)
            continue;
        hosted_row(self, call, txn, *school);
        rows++;
    }
    lth_store_abort(&txn);
    if (*school >= self->node.n_schools)
        lth_control_end(call, 0, NULL);
}

void lth_engine_hosted_list(void *ctx, lth_control_call *call, const json_t *request)
{
    uint32_t *school = calloc(1, sizeof *school);
    (void)ctx;
    (void)request;
    if (school != NULL)
        lth_control_continue(call, hosted_step, school, free);
    else
        lth_engine_store_error(call, LTH_E_NOMEM);
}
