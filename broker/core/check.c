#include "settle.h"

/* What the visitor of a batch's records needs. */
typedef struct visit {
    lth_checked *out;
    const lth_check_env *env;
    const uint8_t *body;
    const lth_org *author; /* NULL: not in the registry, the batch is refused later. */
    const uint8_t *pick;   /* NULL: all records are judged. */
    const lth_dataset *ds; /* Of the last record. */
    bool warns;            /* It has rules that only warn. */
} visit;

static bool owns(const lth_record_view *record, const lth_id *origin)
{
    return memcmp(record->header.record_id.b, origin->b, 8) == 0;
}

static void add_warning(lth_checked *out, uint32_t index, const lth_finding *finding)
{
    if (out->n_warnings < LTH_CHECKED_WARNINGS_MAX && finding->rule != 0) {
        out->warnings[out->n_warnings++] =
            (lth_checked_warning){.index = (uint16_t)index,
                                  .rule = finding->rule,
                                  .severity = (uint8_t)finding->severity};
    }
}

/* What a newer definition may allow. */
static bool by_definition(lth_refusal code)
{
    return code == LTH_REFUSE_bad_group || code == LTH_REFUSE_bad_value ||
           code == LTH_REFUSE_missing_required || code == LTH_REFUSE_unknown_code ||
           code == LTH_REFUSE_broken_rule;
}

/* The error that it is held for, or what it is warned about. A school that is ahead of this broker
 * is not in the wrong: what its dictionary may allow waits for it. */
static lth_refusal judge(const visit *v, uint32_t index, const lth_record_view *record,
                         const char *author_kind, lth_checked_record *out)
{
    lth_findings found;
    lth_refusal code = lth_record_judge(v->env->schema, record, author_kind, &found);
    if (by_definition(code) && v->out->batch.header.dict_ver > v->env->schema->dict_ver) {
        return LTH_REFUSE_await_definition;
    }
    for (uint32_t i = 0; i < found.n; i++) {
        const lth_finding *finding = &found.items[i];
        if (code == LTH_REFUSE_none) {
            add_warning(v->out, index, finding);
        } else if (finding->severity == LTH_SEVERITY_ERROR && finding->code == code) {
            out->group = finding->group;
            out->field = finding->field;
            out->rule = finding->rule;
            break;
        }
    }
    return code;
}

static bool only_warns(const lth_dataset *ds)
{
    bool warns = false;
    for (uint32_t i = 0; i < ds->n_rules && !warns; i++) {
        warns = ds->rules[i].severity != LTH_SEVERITY_ERROR;
    }
    for (uint32_t i = 0; i < ds->n_references && !warns; i++) {
        warns = ds->references[i].severity != LTH_SEVERITY_ERROR;
    }
    for (uint32_t i = 0; i < ds->n_uniques && !warns; i++) {
        warns = ds->uniques[i].severity != LTH_SEVERITY_ERROR;
    }
    return warns;
}

/* Records of one dataset stand together. */
static const lth_dataset *dataset_of(visit *v, uint16_t number)
{
    if (v->ds == NULL || v->ds->number != number) {
        v->ds = lth_schema_find(v->env->schema, number);
        v->warns = v->ds != NULL && only_warns(v->ds);
    }
    return v->ds;
}

/* Of a record that belongs to another org: may this author write its groups at all? Where the
 * author stands is judged with the day, at the merge. */
static lth_refusal judge_foreign(const visit *v, uint32_t index, const lth_record_view *record,
                                 lth_checked_record *out)
{
    const lth_org *owner = lth_registry_find_prefix(v->env->registry, record->header.record_id.b);
    if (owner == NULL || v->author == NULL || record->header.op == LTH_OP_RANGE) {
        return LTH_REFUSE_scope;
    }
    lth_refusal code = judge(v, index, record, v->author->kind, out);
    out->slot = record->groups[0].number;
    return code == LTH_REFUSE_bad_author ? LTH_REFUSE_scope : code;
}

static lth_refusal judge_own(const visit *v, uint32_t index, const lth_record_view *record,
                             lth_checked_record *out)
{
    lth_id lo, hi;
    bool last;
    bool top = v->author != NULL && v->author->n_parents == 0;
    if (top && lth_public_is(record->header.dataset) &&
        v->out->batch.header.stream != LTH_STREAM_PUBLIC) {
        return LTH_REFUSE_scope; /* What is published is not written beside the public stream. */
    }
    if (record->header.op == LTH_OP_RANGE &&
        (index != 0 || v->out->batch.header.kind != LTH_KIND_SNAPSHOT ||
         !lth_record_range(record, &lo, &hi, &last))) {
        return LTH_REFUSE_bad_op;
    }
    return judge(v, index, record, NULL, out);
}

static void find_natural(visit *v, const lth_record_view *record, lth_checked_record *out)
{
    const lth_dataset *ds = dataset_of(v, record->header.dataset);
    out->refers = ds != NULL && ds->n_references > 0;
    out->warns = v->warns;
    const lth_group_view *group = ds == NULL || out->slot != 0 || record->header.op == LTH_OP_RANGE
                                      ? NULL
                                      : lth_record_group(record, ds->natural_group);
    if (group != NULL && group->shown) {
        out->natural_offset = (uint32_t)(group->value.p - v->body);
        out->natural_size = (uint32_t)group->value.n;
    }
}

static void see_record(void *ctx, uint32_t index, const lth_record_view *record,
                       const uint8_t leaf[LTH_HASH_SIZE])
{
    visit *v = ctx;
    lth_checked_record *out = &v->out->records[index];
    *out = (lth_checked_record){.offset = (uint32_t)(record->wire.p - v->body),
                                .size = (uint32_t)record->wire.n,
                                .form = record->form,
                                .natural_size = UINT32_MAX,
                                .leaf8 = lth_get64(leaf)};
    v->out->n_records = index + 1;
    if (record->form == LTH_FORM_LEAF) {
        return;
    }
    out->record_id = record->header.record_id;
    out->dataset = record->header.dataset;
    out->op = record->header.op;
    bool own = owns(record, &v->out->batch.header.origin);
    if (v->pick != NULL && v->pick[index] == 0) {
        return;
    }
    out->code =
        (uint16_t)(own ? judge_own(v, index, record, out) : judge_foreign(v, index, record, out));
    find_natural(v, record, out);
}

bool lth_broker__judge_again(lth_checked *out, const lth_check_env *env,
                             const lth_frame_batch *batch, const uint8_t *pick)
{
    lth_batch_header *header = &out->batch.header;
    lth_record_view record;
    lth_rd rd = lth_rd_of(batch->body);
    visit v = {.out = out, .env = env, .body = batch->body.p, .pick = pick};
    out->has_attest = out->has_grant = false;
    out->n_records = out->n_warnings = 0;
    if (lth_batch_header_decode(header, batch->signed_header.p) != LTH_REFUSE_none) {
        return false;
    }
    v.author = lth_registry_find(env->registry, &header->origin);
    while (lth_rd_left(&rd) > 0) {
        uint32_t index = out->n_records;
        if (index == LTH_BATCH_RECORDS_MAX || lth_record_parse(&record, &rd) != LTH_REFUSE_none) {
            return false;
        }
        if (pick == NULL || pick[index] != 0) {
            lth_record_leaf(&env->hasher, &record, out->leaves[index]);
        }
        see_record(&v, index, &record, out->leaves[index]);
    }
    return out->n_records == header->rec_count && lth_attest_decode(&out->attest, batch->attest);
}

lth_refusal lth_broker__statement_key(const lth_check_env *env, lth_slice bytes,
                                      const uint8_t key_id[LTH_HASH_SIZE], const lth_id *org)
{
    lth_key_info key;
    lth_refusal code = lth_statement_verify(bytes, key_id, env->trust);
    if (code != LTH_REFUSE_none) {
        return code;
    }
    code = env->trust->find(env->trust->ctx, key_id, &key);
    bool right =
        code == LTH_REFUSE_none && key.role == LTH_ROLE_BROKER && lth_id_equal(&key.org, org);
    return right ? LTH_REFUSE_none : LTH_REFUSE_wrong_key;
}

static lth_refusal check_attest(lth_checked *out, const lth_check_env *env, lth_slice bytes)
{
    const lth_batch_header *h = &out->batch.header;
    lth_attest *a = &out->attest;
    if (!lth_attest_decode(a, bytes)) {
        return LTH_REFUSE_bad_attestation;
    }
    bool same = lth_id_equal(&a->origin, &h->origin) && a->stream == h->stream &&
                a->at.epoch == h->epoch && a->at.seq == h->batch_seq &&
                memcmp(a->at.hash, out->batch.header_hash, LTH_HASH_SIZE) == 0 &&
                (a->n_held == 0 || a->held[a->n_held - 1].index < h->rec_count);
    if (!same) {
        return LTH_REFUSE_bad_attestation;
    }
    lth_refusal code = lth_broker__statement_key(env, bytes, a->key_id, &a->entry_org);
    out->has_attest = code == LTH_REFUSE_none;
    return out->has_attest || code == LTH_REFUSE_unknown_key ? code : LTH_REFUSE_bad_attestation;
}

static lth_refusal check_grant(lth_checked *out, const lth_check_env *env, lth_slice bytes)
{
    const lth_batch_header *h = &out->batch.header;
    lth_grant *g = &out->grant;
    if (!lth_grant_decode(g, bytes) || !lth_id_equal(&g->origin, &h->origin) ||
        g->stream != h->stream || g->epoch != h->epoch || g->closes.epoch >= g->epoch) {
        return LTH_REFUSE_epoch_not_granted;
    }
    lth_refusal code = lth_broker__statement_key(env, bytes, g->key_id, &g->grantor_org);
    out->has_grant = code == LTH_REFUSE_none;
    return out->has_grant || code == LTH_REFUSE_unknown_key ? code : LTH_REFUSE_epoch_not_granted;
}

/* The key that signed belongs to the origin itself, at the school or kept by its host. */
static lth_refusal check_key(const lth_checked *out, const lth_check_env *env)
{
    lth_key_info key;
    lth_refusal code = env->trust->find(env->trust->ctx, out->batch.header.key_id, &key);
    if (code != LTH_REFUSE_none) {
        return code;
    }
    bool role = out->batch.header.stream == LTH_STREAM_PUBLIC
                    ? key.role == LTH_ROLE_BROKER
                    : key.role == LTH_ROLE_AGENT || key.role == LTH_ROLE_HOST;
    bool right = lth_id_equal(&key.org, &out->batch.header.origin) && role;
    return right ? LTH_REFUSE_none : LTH_REFUSE_wrong_key;
}

void lth_broker_check(lth_checked *out, const lth_check_env *env, const lth_frame_batch *batch)
{
    lth_diag diag = {0};
    lth_batch_header header;
    visit v = {.out = out, .env = env, .body = batch->body.p};
    lth_record_visitor each = {.ctx = &v, .visit = see_record};
    out->has_attest = out->has_grant = false;
    out->n_records = out->n_warnings = 0;
    out->detail[0] = '\0';
    /* Scope is judged while the records pass by, so the author is looked up first. */
    if (batch->signed_header.n == LTH_BATCH_SIGNED_SIZE &&
        lth_batch_header_decode(&header, batch->signed_header.p) == LTH_REFUSE_none) {
        v.author = lth_registry_find(env->registry, &header.origin);
    }
    out->code = lth_batch_verify_each(&out->batch, &env->hasher, env->trust, batch->signed_header,
                                      batch->body, out->leaves, &each, &diag);
    if (out->code == LTH_REFUSE_none) {
        out->code = check_key(out, env);
    }
    if (out->code == LTH_REFUSE_none && batch->attest.n > 0) {
        out->code = check_attest(out, env, batch->attest);
    }
    if (out->code == LTH_REFUSE_none && batch->grant.n > 0) {
        out->code = check_grant(out, env, batch->grant);
    }
    if (out->code != LTH_REFUSE_none) {
        (void)lth_format(out->detail, sizeof out->detail, "%s",
                         diag.text[0] != '\0' ? diag.text : lth_refusal_text(out->code, true));
    }
}
