/* record list, record show [--proof]: answered from the store, verified again at every showing. */
#include <stdlib.h>
#include <string.h>

#include "broker/shell/control.h"

static const char *const row_states[] = {"?", "live", "deleted", "absent", "erased"};

static const char *state_name(lth_row_state state)
{
    return state >= LTH_ROW_LIVE && state <= LTH_ROW_ERASED ? row_states[state] : row_states[0];
}

static json_t *buf_json(lth_buf *buf)
{
    json_t *text = json_stringn((const char *)buf->p, buf->n);
    return text != NULL ? text : json_null();
}

/* ---- list ---- */

static json_t *list_row(lth_engine *engine, lth_txn *txn, const lth_walk *walk, lth_slice key,
                        lth_slice value)
{
    (void)txn;
    (void)walk;
    lth_record_row row;
    if (key.n != 20 || !lth_record_row_decode(&row, value))
        return NULL;
    const lth_broker_conf *conf = lth_engine_conf(engine);
    const lth_dataset *ds = lth_schema_find(&conf->schema, lth_get16(key.p));
    const lth_org *org = lth_registry_find_prefix(&conf->registry, key.p + 2);
    lth_rd rd = lth_rd_of(row.wire);
    lth_record_view *view = malloc(sizeof(*view));
    lth_buf text;
    lth_buf_init(&text, 4096);
    json_t *natural = NULL;
    if (view != NULL && ds != NULL && lth_record_parse(view, &rd) == LTH_REFUSE_none) {
        const lth_group_view *group = lth_record_group(view, ds->natural_group);
        if (group != NULL && group->shown && lth_natural_text(&text, ds, group->value) == LTH_OK)
            natural = buf_json(&text);
    }
    json_t *out = json_pack(
        "{s:s,s:s,s:o,s:i,s:o,s:s,s:o,s:i,s:I,s:I}", "kind", "record", "dataset",
        ds != NULL ? ds->name : "?", "org",
        org != NULL ? json_string(org->code) : lth_json_hex(key.p + 2, 8), "slot",
        (int)lth_get16(key.p + 18), "id", lth_json_hex(key.p + 2, 16), "state",
        state_name(row.state), "key", natural != NULL ? natural : json_null(), "epoch",
        (int)row.epoch, "rec_seq", (json_int_t)row.rec_seq, "accept_no", (json_int_t)row.accept_no);
    lth_buf_fini(&text);
    free(view);
    return out;
}

const lth_dataset *lth_asked_dataset(lth_engine *engine, lth_control_call *call,
                                     const json_t *request)
{
    const char *name = json_string_value(json_object_get(request, "dataset"));
    const lth_dataset *ds =
        name != NULL ? lth_schema_find_name(&lth_engine_conf(engine)->schema, name) : NULL;
    if (ds == NULL)
        lth_control_error(call, 2, "unknown_dataset", "không có tập dữ liệu đó", "no such dataset");
    return ds;
}

/* Org by code; NULL and answered when named but unknown. */
const lth_org *lth_asked_org(lth_engine *engine, lth_control_call *call, const json_t *request)
{
    const char *code = json_string_value(json_object_get(request, "org"));
    const lth_org *org =
        code != NULL ? lth_registry_find_code(&lth_engine_conf(engine)->registry, code) : NULL;
    if (org == NULL)
        lth_control_error(call, 2, "unknown_org", "không có đơn vị đó trong danh bạ",
                          "no such organisation in the registry");
    return org;
}

void lth_verb_record_list(void *ctx, lth_control_call *call, const json_t *request)
{
    lth_engine *engine = ctx;
    const lth_dataset *ds = lth_asked_dataset(engine, call, request);
    if (ds == NULL)
        return;
    lth_walk walk = {.table = LTH_T_record, .prefix_size = 2, .row = list_row};
    lth_put16(walk.prefix, ds->number);
    if (json_object_get(request, "org") != NULL) {
        const lth_org *org = lth_asked_org(engine, call, request);
        if (org == NULL)
            return;
        memcpy(walk.prefix + 2, org->id.b, 8);
        walk.prefix_size = 10;
    }
    lth_walk_start(call, &walk);
}

/* ---- show ---- */

typedef struct show {
    lth_engine *engine;
    lth_txn *txn;
    lth_hasher hasher;
    const lth_dataset *ds;
    const lth_org *org;
    lth_id record_id;
    lth_record_view view;
    uint8_t leaves[LTH_BATCH_RECORDS_MAX][LTH_HASH_SIZE];
} show;

static bool find_record(show *s, lth_control_call *call, const json_t *request)
{
    const char *key = json_string_value(json_object_get(request, "key"));
    if (key == NULL)
        key = "";
    if (strncmp(key, "id:", 3) == 0) {
        if (lth_unhex(s->record_id.b, 16, key + 3, strlen(key + 3)))
            return true;
        lth_control_error(call, 2, "bad_key", "id: cần 32 chữ số hex", "id: takes 32 hex digits");
        return false;
    }
    lth_diag diag = {0};
    lth_buf natural;
    lth_buf_init(&natural, 65536);
    uint8_t table_key[512];
    lth_slice found = {0};
    lth_err err = lth_natural_parse(&natural, s->ds, lth_slice_of(key, strlen(key)), &diag);
    if (err != LTH_OK) {
        lth_control_error(call, 2, "bad_key", "khoá không đúng dạng của tập dữ liệu", diag.text);
        lth_buf_fini(&natural);
        return false;
    }
    size_t size = lth_natural_key(table_key, &s->hasher, s->ds->number, s->org->id.b,
                                  lth_buf_slice(&natural));
    lth_buf_fini(&natural);
    err = lth_get(s->txn, LTH_T_natural, lth_slice_of(table_key, size), &found);
    if (err == LTH_OK && found.n == 16) {
        memcpy(s->record_id.b, found.p, 16);
        return true;
    }
    lth_control_error(
        call, 1, "not_found", "không có bản ghi với khoá đó ở nút này",
        "no record with that key at this node (or its key group is withheld: use id:HEX)");
    return false;
}

static json_t *fields_json(const lth_group *group, lth_slice value)
{
    json_t *fields = json_array();
    size_t at = 0;
    const lth_field *field;
    lth_value v;
    lth_buf text;
    lth_buf_init(&text, LTH_RECORD_MAX * 2);
    while (lth_group_next(group, value, &at, &field, &v)) {
        lth_buf_clear(&text);
        bool ok = lth_value_text(&text, field, &v) == LTH_OK;
        json_array_append_new(fields,
                              json_pack("{s:s,s:o,s:s}", "name", field->name, "value",
                                        ok ? buf_json(&text) : json_null(), "title",
                                        field->title.vi != NULL ? field->title.vi : field->name));
    }
    lth_buf_fini(&text);
    return fields;
}

static json_t *groups_json(const show *s)
{
    json_t *groups = json_array();
    for (uint32_t i = 0; i < s->view.n_groups; i++) {
        const lth_group_view *g = &s->view.groups[i];
        const lth_group *group = lth_dataset_group(s->ds, g->number);
        json_t *out = json_pack("{s:i,s:s,s:b}", "number", (int)g->number, "name",
                                group != NULL ? group->name : "?", "shown", g->shown);
        if (!g->shown)
            json_object_set_new(out, "commitment", lth_json_hex(g->commitment, LTH_HASH_SIZE));
        else if (group != NULL)
            json_object_set_new(out, "fields", fields_json(group, g->value));
        json_array_append_new(groups, out);
    }
    return groups;
}

/* The batch that carried the record, checked anew: signature, root, and its place in the log. */
static json_t *provenance_json(show *s, const lth_record_row *row, lth_slice signed_header,
                               lth_slice body, lth_slice log_value)
{
    lth_batch_check check;
    lth_diag diag = {0};
    lth_refusal code = lth_batch_verify(&check, &s->hasher, &s->engine->node->trust, signed_header,
                                        body, s->leaves, &diag);
    lth_key_info key = {0};
    const lth_trust *trust = &s->engine->node->trust;
    bool known = code == LTH_REFUSE_none &&
                 trust->find(trust->ctx, check.header.key_id, &key) == LTH_REFUSE_none;
    lth_attest attest = {0};
    bool attested = log_value.n > 265 &&
                    lth_attest_decode(&attest, lth_slice_of(log_value.p + 265, log_value.n - 265));
    json_t *out =
        json_pack("{s:b,s:s,s:i,s:I,s:I,s:I,s:i,s:I}", "verified", code == LTH_REFUSE_none,
                  "result", lth_refusal_name(code), "epoch", (int)row->epoch, "batch_seq",
                  (json_int_t)check.header.batch_seq, "rec_seq", (json_int_t)row->rec_seq,
                  "accept_no", (json_int_t)row->accept_no, "index", (int)row->index, "received_ms",
                  (json_int_t)lth_get64(log_value.p + LTH_BATCH_SIGNED_SIZE));
    if (known) {
        json_object_set_new(out, "key_id", lth_json_hex(check.header.key_id, LTH_HASH_SIZE));
        json_object_set_new(out, "signed_by",
                            json_string(key.role == LTH_ROLE_HOST ? "host" : "school"));
        json_object_set_new(out, "issuer", lth_json_org(s->engine, &key.issuer_org));
    }
    if (attested)
        json_object_set_new(out, "entry", lth_json_org(s->engine, &attest.entry_org));
    return out;
}

/* Leaves of all records of the batch; fills s->view with record @p index. */
static bool collect_leaves(show *s, lth_slice body, uint32_t index, uint32_t *n, lth_slice *record)
{
    lth_rd rd = lth_rd_of(body);
    uint32_t count = 0;
    while (lth_rd_left(&rd) > 0) {
        if (count == LTH_BATCH_RECORDS_MAX || lth_record_parse(&s->view, &rd) != LTH_REFUSE_none)
            return false;
        lth_record_leaf(&s->hasher, &s->view, s->leaves[count]);
        if (count == index)
            *record = s->view.wire;
        count++;
    }
    *n = count;
    return index < count;
}

static json_t *proof_json(show *s, const lth_record_row *row, lth_slice signed_header,
                          lth_slice body)
{
    lth_proof proof = {.signed_header = signed_header, .index = row->index};
    uint8_t path[64][LTH_HASH_SIZE];
    uint32_t n = 0;
    const uint8_t *key_id = signed_header.p + 96; /* BatchHeader.key_id */
    if (!collect_leaves(s, body, row->index, &n, &proof.record) ||
        lth_crypto_trust_der(&s->engine->node->trust, key_id, &proof.leaf_der, &proof.ca_der) !=
            LTH_OK)
        return NULL;
    proof.path_n = (uint32_t)lth_merkle_path(&s->hasher, s->leaves, n, row->index, path);
    proof.path = (const uint8_t(*)[LTH_HASH_SIZE])path;
    lth_buf out;
    lth_buf_init(&out, LTH_RECORD_MAX + 16384u);
    json_t *hex = NULL;
    char *text = NULL;
    if (lth_proof_encode(&out, &s->hasher, &proof) == LTH_OK &&
        (text = malloc(out.n * 2 + 1)) != NULL) {
        lth_hex(text, out.p, out.n);
        hex = json_string(text);
    }
    free(text);
    lth_buf_fini(&out);
    return hex;
}

/* One author's part. False: nothing more to answer (an error was sent). */
static bool show_part(show *s, lth_control_call *call, const lth_record_row *row, uint16_t slot,
                      bool proof)
{
    uint8_t accept_no[8];
    lth_put64(accept_no, row->accept_no);
    lth_slice log_value, body = {0};
    if (lth_get(s->txn, LTH_T_log, lth_slice_of(accept_no, 8), &log_value) != LTH_OK ||
        log_value.n < LTH_BATCH_SIGNED_SIZE + 9) {
        lth_control_error(call, 4, "store_corrupt", "nhật ký thiếu gói của bản ghi này",
                          "the log lacks its batch");
        return false;
    }
    (void)!lth_get(s->txn, LTH_T_body, lth_slice_of(accept_no, 8), &body);
    lth_slice signed_header = lth_slice_of(log_value.p, LTH_BATCH_SIGNED_SIZE);
    json_t *out =
        json_pack("{s:s,s:s,s:s,s:o,s:i,s:s,s:o}", "kind", "record", "dataset", s->ds->name, "org",
                  s->org->code, "id", lth_json_hex(s->record_id.b, 16), "slot", (int)slot, "state",
                  state_name(row->state), "author", lth_json_org(s->engine, &row->author));
    json_object_set_new(out, "provenance", provenance_json(s, row, signed_header, body, log_value));
    if (proof) {
        json_t *hex = proof_json(s, row, signed_header, body);
        if (hex != NULL)
            json_object_set_new(out, "proof", hex);
    }
    lth_rd rd = lth_rd_of(row->wire);
    if (lth_record_parse(&s->view, &rd) == LTH_REFUSE_none)
        json_object_set_new(out, "groups", groups_json(s));
    lth_control_row(call, out);
    return true;
}

static void show_record(show *s, lth_control_call *call, bool proof)
{
    uint8_t prefix[18];
    lth_put16(prefix, s->ds->number);
    memcpy(prefix + 2, s->record_id.b, 16);
    lth_cursor *cursor = NULL;
    lth_slice key, value;
    int rows = 0;
    lth_err err = lth_cursor_open(s->txn, LTH_T_record, &cursor);
    if (err == LTH_OK)
        err = lth_cursor_seek(cursor, lth_slice_of(prefix, sizeof(prefix)), &key, &value);
    for (; err == LTH_OK && key.n == 20 && memcmp(key.p, prefix, sizeof(prefix)) == 0;
         err = lth_cursor_next(cursor, &key, &value)) {
        lth_record_row row;
        if (!lth_record_row_decode(&row, value)) {
            lth_control_error(call, 4, "store_corrupt", "bản ghi hỏng trong kho",
                              "record row does not decode");
            goto done;
        }
        if (!show_part(s, call, &row, lth_get16(key.p + 18), proof))
            goto done;
        rows++;
    }
    if (rows == 0)
        lth_control_error(call, 1, "not_found", "không có bản ghi đó ở nút này",
                          "no such record at this node");
    else
        lth_control_end(call, 0, json_pack("{s:i}", "rows", rows));
done:
    lth_cursor_close(&cursor);
}

void lth_verb_record_show(void *ctx, lth_control_call *call, const json_t *request)
{
    lth_engine *engine = ctx;
    show *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        lth_control_error(call, 4, "nomem", "hết bộ nhớ", "out of memory");
        return;
    }
    s->engine = engine;
    lth_diag diag;
    if (lth_crypto_hasher_new(&s->hasher, &diag) != LTH_OK) {
        free(s);
        lth_control_error(call, 4, "crypto", "lỗi thư viện mật mã", diag.text);
        return;
    }
    s->ds = lth_asked_dataset(engine, call, request);
    s->org = s->ds != NULL ? lth_asked_org(engine, call, request) : NULL;
    if (s->org != NULL) {
        if (lth_store_begin(engine->store, false, &s->txn) != LTH_OK)
            lth_control_error(call, 4, "store", "không đọc được kho", "the store cannot be read");
        else if (find_record(s, call, request))
            show_record(s, call, json_is_true(json_object_get(request, "proof")));
    }
    if (s->txn != NULL)
        lth_store_abort(&s->txn);
    lth_crypto_hasher_free(&s->hasher);
    free(s);
}
