/* The author's side of the public stream: a publication is sealed and accepted like batches from
 * outside, all of it in one step. */
#include <stdlib.h>

#include "internal.h"

/* One publication under way. */
typedef struct publication {
    lth_broker *self;
    lth_txn *txn;
    lth_now now;
    lth_diag *diag;
    const lth_public_change *changes;
    uint32_t n;
    uint64_t first_rec_seq; /* Of the whole publication. */
    uint64_t through;
    lth_batch_builder *builder;
    lth_checked *checked;
    lth_buf natural, content;
    lth_record_new *record;
} publication;

static lth_err make_record(publication *p, const lth_public_change *change)
{
    const lth_hasher *h = p->self->hasher;
    lth_record_new *r = p->record;
    TRY(change->definition != NULL
            ? lth_public_definition_encode(&p->natural, &p->content, h, change->definition)
            : lth_public_code_encode(&p->natural, &p->content, change->code));
    *r = (lth_record_new){.op = change->ends ? LTH_OP_DELETE : LTH_OP_STATE,
                          .dataset = change->dataset,
                          .src_commit_time_ms = p->now.wall_ms,
                          .n_groups = change->ends ? 1 : 2};
    r->groups[0].number = LTH_PUBLIC_NATURAL;
    r->groups[0].value = lth_buf_slice(&p->natural);
    r->groups[1].number = LTH_PUBLIC_CONTENT;
    r->groups[1].value = lth_buf_slice(&p->content);
    p->self->env.random.fill(p->self->env.random.ctx, r->seed, sizeof r->seed);
    lth_public_record_id(&r->record_id, h, &p->self->env.org, change->dataset, r->groups[0].value);
    return LTH_OK;
}

/* Fill the builder from change @p *at on; moves it. */
static lth_err fill(publication *p, uint32_t *at, uint64_t first_rec_seq)
{
    lth_batch_builder_reset(p->builder, first_rec_seq);
    while (*at < p->n) {
        TRY(make_record(p, &p->changes[*at]));
        lth_err err = lth_batch_builder_add(p->builder, p->self->hasher, p->record);
        if (err == LTH_E_LIMIT && p->builder->n_records > 0) {
            return LTH_OK;
        }
        TRY(err);
        (*at)++;
    }
    return LTH_OK;
}

/* How many batches it takes: every one of them names the last. */
static lth_err count_batches(publication *p, uint64_t *n)
{
    *n = 0;
    for (uint32_t at = 0; at < p->n; (*n)++) {
        TRY(fill(p, &at, 1));
    }
    return LTH_OK;
}

/* The first epoch of the stream is granted by its author. */
static lth_err grant_first(publication *p, uint8_t out[LTH_GRANT_BYTES], lth_slice *bytes)
{
    lth_broker *self = p->self;
    lth_grant grant = {.origin = self->env.org,
                       .stream = LTH_STREAM_PUBLIC,
                       .epoch = 1,
                       .grantor_org = self->env.org,
                       .grant_ms = p->now.wall_ms};
    *bytes = lth_slice_of(out, lth_grant_sign(out, &grant, self->env.signer));
    return bytes->n > 0 ? LTH_OK : LTH_E_CRYPTO;
}

static lth_err seal(publication *p, const lth_head *head, uint8_t out[LTH_BATCH_SIGNED_SIZE])
{
    lth_broker *self = p->self;
    lth_batch_header header = {.kind = LTH_KIND_DELTA,
                               .origin = self->env.org,
                               .epoch = head->at.epoch == 0 ? 1 : head->at.epoch,
                               .dict_ver = self->env.schema->dict_ver,
                               .batch_seq = head->at.seq + 1,
                               .source_time_ms = p->now.wall_ms,
                               .source_position = p->through,
                               .stream = LTH_STREAM_PUBLIC};
    memcpy(header.prev, head->at.hash, LTH_HASH_SIZE);
    return lth_batch_builder_seal(p->builder, self->hasher, self->env.signer, &header, out);
}

/* Judged as any node will judge it. */
static lth_err check(publication *p, const lth_frame_batch *frame)
{
    const lth_broker_env *env = &p->self->env;
    const lth_check_env check_env = {.hasher = env->hasher,
                                     .trust = env->trust,
                                     .registry = env->registry,
                                     .schema = lth_public_schema()};
    lth_checked *c = p->checked;
    lth_broker_check(c, &check_env, frame);
    lth_refusal code = c->code;
    for (uint32_t i = 0; i < c->n_records && code == LTH_REFUSE_none; i++) {
        code = (lth_refusal)c->records[i].code;
    }
    return code == LTH_REFUSE_none ? LTH_OK
                                   : lth_fail(p->diag, LTH_E_CONFIG, "%s: %s",
                                              lth_refusal_name(code), lth_refusal_text(code, true));
}

static lth_err take_batch(publication *p)
{
    lth_broker *self = p->self;
    uint8_t header[LTH_BATCH_SIGNED_SIZE], grant[LTH_GRANT_BYTES];
    lth_frame_batch frame = {.signed_header = {header, sizeof header}};
    broker_verdict v = {0};
    broker_batch b = {.txn = p->txn,
                      .now = p->now,
                      .frame = &frame,
                      .c = p->checked,
                      .org = self->self_org,
                      .via = self->env.org,
                      .entry = true,
                      .receive_ms = p->now.wall_ms};
    TRY(lth_broker__head_get(p->txn, &self->env.org, LTH_STREAM_PUBLIC, &b.head, &b.has_head));
    if (b.head.at.epoch == 0) {
        TRY(grant_first(p, grant, &frame.grant));
    }
    TRY(seal(p, &b.head, header));
    frame.body = lth_buf_slice(&p->builder->body);
    TRY(check(p, &frame));
    TRY(lth_broker__judge_public(self, &b, &v));
    if (v.code != LTH_REFUSE_none || v.duplicate) {
        return lth_fail(p->diag, LTH_E_CONFIG, "%s: %s", lth_refusal_name(v.code),
                        lth_refusal_text(v.code, true));
    }
    TRY(lth_broker__accept(self, &b));
    lth_broker__public_took(self, &b);
    return LTH_OK;
}

static lth_err publish(publication *p)
{
    uint64_t batches;
    lth_head head;
    bool found;
    TRY(count_batches(p, &batches));
    TRY(lth_broker__head_get(p->txn, &p->self->env.org, LTH_STREAM_PUBLIC, &head, &found));
    p->through = head.at.seq + batches;
    p->first_rec_seq = found ? head.next_rec_seq : 1;
    for (uint32_t at = 0; at < p->n;) {
        TRY(fill(p, &at, p->first_rec_seq));
        TRY(take_batch(p));
        p->first_rec_seq += p->builder->n_records;
    }
    TRY(lth_broker__certs_keep_own(p->self, p->txn));
    return lth_broker__meta_save(p->self, p->txn);
}

lth_err lth_broker_publish(lth_broker *self, lth_txn *txn, lth_now now,
                           const lth_public_change *changes, uint32_t n, lth_diag *diag)
{
    publication p = {
        .self = self, .txn = txn, .now = now, .diag = diag, .changes = changes, .n = n};
    TRY(lth_broker__begin(self, txn, now));
    if (self->public_.author == NULL || self->public_.author != self->self_org) {
        return lth_fail(diag, LTH_E_CONFIG,
                        "chỉ broker của đơn vị trên cùng được công bố / only the broker of the top "
                        "organisation publishes");
    }
    p.builder = malloc(sizeof *p.builder);
    p.checked = malloc(sizeof *p.checked);
    p.record = malloc(sizeof *p.record);
    lth_buf_init(&p.natural, LTH_RECORD_MAX);
    lth_buf_init(&p.content, LTH_RECORD_MAX);
    lth_err err = p.builder == NULL || p.checked == NULL || p.record == NULL ? LTH_E_NOMEM : LTH_OK;
    if (err == LTH_OK) {
        lth_batch_builder_init(p.builder);
        err = publish(&p);
        lth_batch_builder_fini(p.builder);
    }
    lth_buf_fini(&p.natural);
    lth_buf_fini(&p.content);
    free(p.builder);
    free(p.checked);
    free(p.record);
    return err;
}
