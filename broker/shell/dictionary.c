#include "broker/shell/dictionary.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEEK_MAP ((uint64_t)1 << 30)

/* ---- reading ---- */

static lth_err read_store(lth_public_set *out, lth_store *store, lth_diag *diag)
{
    lth_hasher hasher;
    lth_txn *txn = NULL;
    lth_err err = lth_crypto_hasher_new(&hasher, diag);
    if (err != LTH_OK)
        return err;
    err = lth_store_begin(store, false, &txn);
    if (err == LTH_OK) {
        err = lth_broker_public_read(out, &hasher, txn);
        lth_store_abort(&txn);
    }
    lth_crypto_hasher_free(&hasher);
    return err == LTH_OK ? LTH_OK : lth_fail(diag, err, "store: %s", lth_err_text(err));
}

lth_err lth_dictionary_peek(lth_public_set *out, const char *path, lth_conf_errors *errors,
                            lth_diag *diag)
{
    char dir[4200];
    lth_store *store = NULL;
    const lth_store_options options = {
        .tables = lth_broker_table_names, .n_tables = LTH_T_COUNT, .map_size = PEEK_MAP};
    *out = (lth_public_set){.version = 0};
    lth_err err = lth_conf_path_of(dir, sizeof dir, path, "broker.yaml", "node", "store", errors);
    if (err != LTH_OK)
        return lth_fail(diag, err, "%s: %s", path, lth_err_text(err));
    if (dir[0] == '\0' || access(dir, F_OK) != 0)
        return LTH_OK;
    err = lth_store_open_lmdb(&store, dir, &options, diag);
    if (err != LTH_OK)
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    err = read_store(out, store, diag);
    lth_store_close(&store);
    return err;
}

lth_err lth_dictionary_read(lth_public_set *out, lth_engine *engine, lth_diag *diag)
{
    *out = (lth_public_set){.version = 0};
    return read_store(out, engine->store, diag);
}

/* ---- putting in force ---- */

lth_err lth_dictionary_load(lth_engine *engine, lth_conf_errors *errors, lth_diag *diag)
{
    lth_public_set published;
    lth_err err = lth_dictionary_read(&published, engine, diag);
    if (err == LTH_OK)
        err = lth_node_conf_load(engine->node, &engine->next_conf, &published, errors, diag);
    lth_public_set_fini(&published);
    return err;
}

static void first_line(void *ctx, const char *line)
{
    char *out = ctx;
    if (out[0] == '\0')
        lth_format(out, LTH_DIAG_TEXT_SIZE, "%s", line);
}

void lth_dictionary_fault(lth_engine *engine, uint64_t version, const lth_conf_errors *errors,
                          const lth_diag *diag)
{
    char text[LTH_DIAG_TEXT_SIZE] = "";
    if (errors != NULL)
        lth_conf_errors_each(errors, false, first_line, text);
    if (text[0] == '\0' && diag != NULL)
        lth_format(text, sizeof text, "%s", diag->text);
    pthread_mutex_lock(&engine->status_lock);
    engine->status.dictionary_failed = text[0] != '\0' ? version : 0;
    memcpy(engine->status.dictionary_fault, text, sizeof text);
    pthread_mutex_unlock(&engine->status_lock);
}

/* ---- status ---- */

static const char *const states[] = {"ok", "stopped", "frozen"};

/* With the status lock held. */
static json_t *make_row(lth_engine *engine)
{
    const lth_engine_status *s = &engine->status;
    const lth_broker_public_info *p = &s->dictionary;
    json_t *row =
        json_pack("{s:s,s:o,s:o,s:b,s:I,s:I,s:I,s:b,s:s,s:I}", "kind", "dictionary", "org",
                  lth_json_org(engine, &engine->node->org), "author",
                  lth_json_org(engine, &p->author), "author_here", p->author_here, "applied",
                  (json_int_t)lth_engine_conf(engine)->schema.dict_ver, "held",
                  (json_int_t)p->at.seq, "above", (json_int_t)p->above.seq, "whole", p->whole,
                  "state", states[p->state % 3], "taken_ms", (json_int_t)p->taken_ms);
    if (row != NULL && s->dictionary_failed != 0) {
        json_object_set_new(row, "failed", json_integer((json_int_t)s->dictionary_failed));
        json_object_set_new(row, "fault", json_string(s->dictionary_fault));
    }
    return row;
}

json_t *lth_dictionary_row(lth_engine *engine)
{
    return make_row(engine);
}

void lth_verb_dictionary_status(void *ctx, lth_control_call *call, const json_t *request)
{
    lth_engine *engine = ctx;
    (void)request;
    pthread_mutex_lock(&engine->status_lock);
    const lth_engine_status *s = &engine->status;
    lth_control_row(call, make_row(engine));
    for (uint32_t i = 0; i < s->n_readers; i++) {
        const lth_broker_reader_info *r = &s->readers[i];
        lth_control_row(call,
                        json_pack("{s:s,s:o,s:s,s:I,s:I}", "kind", "reader", "org",
                                  lth_json_org(engine, &r->org), "role", lth_role_name(r->role),
                                  "held", (json_int_t)r->at.seq, "silent_ms",
                                  (json_int_t)((lth_clock_now().mono - r->heard) / 1000000)));
    }
    pthread_mutex_unlock(&engine->status_lock);
    lth_control_end(call, 0, json_object());
}

/* ---- publishing ---- */

/* One request while it is answered. */
typedef struct request {
    lth_engine *engine;
    lth_control_call *call;
    lth_conf *owner, *old_owner;
    const lth_schema *schema, *old_schema;
    lth_public_set set, old;
    lth_public_change *changes;
    uint32_t n;
    lth_diag diag;
} request;

static void release(request *r)
{
    free(r->changes);
    lth_public_set_fini(&r->set);
    lth_public_set_fini(&r->old);
    lth_conf_free(&r->owner);
    lth_conf_free(&r->old_owner);
}

static void error_row(void *ctx, const char *line)
{
    lth_control_row(ctx, json_pack("{s:s,s:s}", "kind", "error", "text", line));
}

static lth_err refuse(request *r, int status, const char *code, const char *vi, const char *en)
{
    lth_control_error(r->call, status, code, vi, en);
    return LTH_E_CONFIG;
}

/* The directory as a whole, and what is published already. */
static lth_err load(request *r, const char *dir)
{
    lth_conf_errors errors = {0};
    lth_err err = lth_conf_publication(&r->owner, &r->schema, &r->set, dir, &errors);
    lth_conf_errors_each(&errors, false, error_row, r->call);
    lth_conf_errors_fini(&errors);
    if (err != LTH_OK)
        return refuse(r, 2, "configuration", "thư mục có lỗi, chưa công bố gì",
                      "the directory has errors, nothing was published");
    err = lth_dictionary_read(&r->old, r->engine, &r->diag);
    if (err == LTH_OK && r->old.version > 0) {
        lth_conf_errors old = {0};
        err = lth_conf_build_published(&r->old_owner, &r->old_schema, &r->old, &old);
        lth_conf_errors_fini(&old);
    }
    if (err == LTH_OK)
        err = lth_public_diff(&r->changes, &r->n, &r->old, &r->set);
    return err == LTH_OK ? LTH_OK
                         : refuse(r, 4, lth_err_name(err), "không đọc được cái đã công bố",
                                  "what is published cannot be read");
}

/* Records of the old definitions are in stores and on their way. */
static lth_err check_compatible(request *r)
{
    bool good = true;
    for (uint32_t i = 0; r->old_schema != NULL && i < r->old_schema->n_datasets; i++) {
        const lth_dataset *old = &r->old_schema->datasets[i];
        const lth_dataset *new_ = lth_schema_find(r->schema, old->number);
        lth_diag diag = {0};
        lth_err err = LTH_OK;
        if (new_ == NULL || strcmp(new_->name, old->name) != 0)
            err = lth_fail(&diag, LTH_E_CONFIG,
                           "tập dữ liệu đã công bố không được bỏ hay đổi tên / a published dataset "
                           "is neither taken away nor renamed");
        else
            err = lth_dataset_compatible(old, new_, &diag);
        if (err != LTH_OK)
            lth_control_row(r->call, json_pack("{s:s,s:s,s:s}", "kind", "error", "name", old->name,
                                               "text", diag.text));
        good = good && err == LTH_OK;
    }
    return good ? LTH_OK
                : refuse(r, 4, "incompatible",
                         "có thay đổi không tương thích: đặt một tập dữ liệu mới",
                         "a change is not compatible: make a new dataset of it");
}

static const char *change_name(const lth_public_change *change)
{
    return change->ends ? "removed" : change->fresh ? "added" : "changed";
}

static void definition_row(request *r, const lth_public_change *change)
{
    const lth_public_definition *d = change->definition;
    lth_control_row(r->call, json_pack("{s:s,s:s,s:s%,s:s,s:I}", "kind", "definition", "what",
                                       lth_public_kind_name(d->kind), "name",
                                       (const char *)d->name.p, (size_t)d->name.n, "change",
                                       change_name(change), "version", (json_int_t)d->version));
}

/* Codes of one list, counted. */
static uint32_t codes_row(request *r, lth_slice list)
{
    json_int_t counts[3] = {0};
    for (uint32_t i = 0; i < r->n; i++) {
        const lth_public_change *change = &r->changes[i];
        if (change->code != NULL && lth_slice_equal(change->code->list, list))
            counts[change->ends ? 2 : change->fresh ? 0 : 1]++;
    }
    lth_control_row(r->call, json_pack("{s:s,s:s%,s:I,s:I,s:I}", "kind", "codes", "list",
                                       (const char *)list.p, (size_t)list.n, "added", counts[0],
                                       "changed", counts[1], "removed", counts[2]));
    return (uint32_t)(counts[0] + counts[1] + counts[2]);
}

static bool seen_before(const request *r, uint32_t at)
{
    for (uint32_t i = at; i-- > 0;)
        if (r->changes[i].code != NULL &&
            lth_slice_equal(r->changes[i].code->list, r->changes[at].code->list))
            return true;
    return false;
}

static void show(request *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->changes[i].definition != NULL)
            definition_row(r, &r->changes[i]);
    for (uint32_t i = 0; i < r->n; i++)
        if (r->changes[i].code != NULL && !seen_before(r, i))
            (void)codes_row(r, r->changes[i].code->list);
}

static lth_err publish_run(lth_job *job, lth_broker *core, lth_txn *txn)
{
    const lth_publish_job *self = (const lth_publish_job *)job;
    return lth_broker_publish(core, txn, lth_clock_now(), self->changes, self->n, &job->diag);
}

/* Who published, and why, is a record like the others. */
static lth_err publish(request *r, const char *by, const char *reason)
{
    char name[24];
    uint32_t acts = 1;
    for (uint32_t i = 0; i < r->old.n_definitions; i++)
        acts += r->old.definitions[i].kind == LTH_PUBLIC_ACT ? 1 : 0;
    json_t *act = json_pack("{s:s,s:s,s:I}", "by", by, "reason", reason, "when_ms",
                            (json_int_t)lth_clock_now().wall_ms);
    char *text = act != NULL ? json_dumps(act, JSON_COMPACT) : NULL;
    json_decref(act);
    size_t n = lth_format(name, sizeof name, "%u", acts);
    lth_public_definition account = {.kind = LTH_PUBLIC_ACT,
                                     .name = lth_slice_of(name, n),
                                     .version = acts,
                                     .text = lth_slice_of(text, text != NULL ? strlen(text) : 0)};
    lth_public_change *all = malloc((r->n + 1) * sizeof *all);
    lth_publish_job job = {
        .job = {.run = publish_run, .err = LTH_E_NOMEM}, .changes = all, .n = r->n + 1};
    if (text != NULL && all != NULL) {
        memcpy(all, r->changes, r->n * sizeof *all);
        all[r->n] = (lth_public_change){
            .dataset = LTH_PUBLIC_DEFINITION, .fresh = true, .definition = &account};
        (void)!lth_engine_do(r->engine, &job.job);
    }
    r->diag = job.job.diag;
    free(text);
    free(all);
    return job.job.err;
}

static void answer(request *r, bool published)
{
    uint64_t held = atomic_load(&r->engine->public_held);
    lth_control_end(r->call, 0,
                    json_pack("{s:I,s:b,s:I}", "changes", (json_int_t)r->n, "published", published,
                              "version", (json_int_t)held));
}

static bool text_ok(const char *text, size_t max)
{
    return text != NULL && text[0] != '\0' && strlen(text) <= max;
}

void lth_verb_dictionary_publish(void *ctx, lth_control_call *call, const json_t *asked)
{
    request r = {.engine = ctx, .call = call};
    const char *dir = json_string_value(json_object_get(asked, "dir"));
    const char *by = json_string_value(json_object_get(asked, "by"));
    const char *reason = json_string_value(json_object_get(asked, "reason"));
    bool dry_run = json_is_true(json_object_get(asked, "dry_run"));
    pthread_mutex_lock(&r.engine->status_lock);
    bool here = r.engine->status.dictionary.author_here;
    pthread_mutex_unlock(&r.engine->status_lock);
    lth_err err = LTH_OK;
    if (!here)
        err = refuse(&r, 4, "not_author", "chỉ broker của đơn vị trên cùng được công bố",
                     "only the broker of the top organisation publishes");
    else if (dir == NULL || dir[0] != '/' || !text_ok(by, 100) || !text_ok(reason, 500))
        err = refuse(&r, 2, "usage", "cần DIR, --by (1 đến 100 byte) và --reason (1 đến 500 byte)",
                     "DIR, --by (1 to 100 bytes) and --reason (1 to 500 bytes) are needed");
    if (err == LTH_OK)
        err = load(&r, dir);
    if (err == LTH_OK)
        err = check_compatible(&r);
    if (err == LTH_OK)
        show(&r);
    if (err == LTH_OK && (dry_run || r.n == 0)) {
        answer(&r, false);
    } else if (err == LTH_OK) {
        err = publish(&r, by, reason);
        if (err == LTH_OK)
            answer(&r, true);
        else
            lth_control_error(call, 4, lth_err_name(err), r.diag.text, r.diag.text);
    }
    release(&r);
}
