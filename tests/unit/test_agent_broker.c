/* The broker of these tests: verifies each batch by the record library, demands an unbroken chain,
 * and merges records by their (epoch, rec_seq). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_agent_world.h"

#define RECORDS_MAX 4096u
#define REPLY_SIZE  512u

void broker_free(broker *b)
{
    for (uint32_t i = 0; i < WORLD_SCHOOLS; i++) {
        for (uint32_t j = 0; j < b->origins[i].n_batches; j++) {
            free((void *)(uintptr_t)b->origins[i].batches[j].body.p);
        }
        free(b->origins[i].records);
    }
}

static uint32_t school_of(const world *w, const lth_id *org)
{
    for (uint32_t i = 0; i < w->env.n_schools; i++) {
        if (lth_id_equal(&w->schools[i].org, org)) {
            return i;
        }
    }
    fail_msg("an origin that is not of this node");
    return 0;
}

void broker_reply(world *w, const lth_frame *frame)
{
    assert_true(w->reply_n < FRAMES_MAX);
    w->replies[w->reply_n++] = *frame;
}

static uint8_t *reply_room(world *w)
{
    assert_true(w->reply_n < FRAMES_MAX);
    return w->reply_bytes + (size_t)w->reply_n * REPLY_SIZE;
}

void broker_receipt(world *w, uint32_t school, const lth_position *at, uint32_t key, uint8_t form,
                    uint8_t level)
{
    lth_signer signer = test_signer(key);
    lth_receipt receipt = {.origin = w->schools[school].org,
                           .at = *at,
                           .tier_org = test_org(key),
                           .incarnation = 5,
                           .form = form,
                           .level = level};
    uint8_t *to = reply_room(w);
    size_t n = lth_receipt_sign(to, &receipt, &signer);
    assert_int_equal(n, LTH_RECEIPT_BYTES);
    broker_reply(w, &(lth_frame){.kind = LTH_FRAME_RECEIPT, .receipt.bytes = lth_slice_of(to, n)});
}

void broker_grant(world *w, uint32_t school, uint32_t epoch, uint32_t key)
{
    broker_origin *o = &w->b.origins[school];
    lth_signer signer = test_signer(key);
    lth_grant grant = {.origin = w->schools[school].org,
                       .epoch = epoch,
                       .closes = o->head,
                       .grantor_org = test_org(key),
                       .grant_ms = w->now.wall_ms};
    uint8_t *to = reply_room(w);
    size_t n = lth_grant_sign(to, &grant, &signer);
    assert_int_equal(n, LTH_GRANT_BYTES);
    broker_reply(
        w, &(lth_frame){.kind = LTH_FRAME_EPOCH_GRANT, .epoch_grant.bytes = lth_slice_of(to, n)});
    o->head.epoch = epoch;
    o->head.seq = 0;
    o->next_rec_seq = 1;
    o->grants++;
}

/* ---- merging ---- */

static merged *record_of(broker_origin *o, uint16_t dataset, const lth_id *id)
{
    if (o->records == NULL) {
        o->records = calloc(RECORDS_MAX, sizeof *o->records);
        assert_non_null(o->records);
    }
    for (uint32_t i = 0; i < o->n_records; i++) {
        if (o->records[i].dataset == dataset && lth_id_equal(&o->records[i].id, id)) {
            return &o->records[i];
        }
    }
    assert_true(o->n_records < RECORDS_MAX);
    merged *fresh = &o->records[o->n_records++];
    fresh->dataset = dataset;
    fresh->id = *id;
    return fresh;
}

static void copy_group(const lth_record_view *view, uint16_t number, uint8_t *to, size_t size,
                       size_t *n)
{
    const lth_group_view *group = lth_record_group(view, number);
    *n = 0;
    if (group != NULL) {
        *n = group->value.n < size ? group->value.n : size;
        memcpy(to, group->value.p, *n);
    }
}

static void apply_range(broker_origin *o, const lth_batch_header *h, const lth_record_view *view)
{
    lth_id lo, hi;
    bool last;
    assert_true(lth_record_range(view, &lo, &hi, &last));
    assert_true(lth_id_compare(&lo, &hi) < 0);
    o->ranges_last += last ? 1 : 0;
    for (uint32_t i = 0; i < o->n_records; i++) {
        merged *r = &o->records[i];
        bool older =
            r->epoch < h->epoch || (r->epoch == h->epoch && r->rec_seq < view->header.rec_seq);
        if (r->dataset == view->header.dataset && lth_id_compare(&r->id, &lo) > 0 &&
            lth_id_compare(&r->id, &hi) <= 0 && older) {
            r->live = r->held = false;
        }
    }
}

static void apply(world *w, broker_origin *o, const lth_batch_header *h,
                  const lth_record_view *view)
{
    const lth_record_header *rh = &view->header;
    (void)w;
    if (rh->op == LTH_OP_RANGE) {
        apply_range(o, h, view);
        return;
    }
    merged *r = record_of(o, rh->dataset, &rh->record_id);
    assert_memory_equal(rh->record_id.b, h->origin.b, 8);
    r->epoch = h->epoch;
    r->rec_seq = rh->rec_seq;
    r->op = (lth_op)rh->op;
    r->n_groups = view->n_groups;
    r->versions++;
    r->held = (rh->flags & LTH_RECORD_INVALID) != 0;
    r->live = rh->op != LTH_OP_DELETE;
    copy_group(view, 1, r->code, sizeof r->code, &r->code_n);
    copy_group(view, 2, r->about, sizeof r->about, &r->about_n);
}

static void answer(world *w, uint32_t school, const lth_frame_batch *batch)
{
    w->b.received += batch->signed_header.n + batch->body.n;
    if (w->b.no_receipts) {
        return;
    }
    broker_receipt(w, school, &w->b.origins[school].head, BROKER_KEY, w->b.form, w->b.level);
    broker_reply(
        w, &(lth_frame){.kind = LTH_FRAME_CREDIT, .credit.total = w->b.received + w->b.credit});
}

static void refuse_gap(world *w, uint32_t school, const lth_batch_header *h)
{
    broker_origin *o = &w->b.origins[school];
    o->gaps++;
    assert_false(w->b.strict);
    broker_reply(w, &(lth_frame){.kind = LTH_FRAME_REJECT,
                                 .reject = {.origin = h->origin,
                                            .epoch = h->epoch,
                                            .seq = h->batch_seq,
                                            .code = LTH_REFUSE_gap,
                                            .class_ = LTH_REFUSAL_RESEND_FROM,
                                            .resend_from = o->head.seq + 1}});
}

static void take_batch(world *w, const lth_frame_batch *batch)
{
    static uint8_t leaves[LTH_BATCH_RECORDS_MAX][LTH_HASH_SIZE];
    lth_batch_check check;
    assert_int_equal(lth_batch_verify(&check, &w->hasher, &w->trust, batch->signed_header,
                                      batch->body, leaves, NULL),
                     LTH_REFUSE_none);
    uint32_t school = school_of(w, &check.header.origin);
    broker_origin *o = &w->b.origins[school];
    assert_true(w->n_order < FRAMES_MAX);
    w->order[w->n_order++] = (uint64_t)school << 8 | batch->lane;
    assert_int_equal(check.header.epoch, o->head.epoch);
    assert_memory_equal(check.header.key_id, w->signers[school].key_id, LTH_HASH_SIZE);
    if (check.header.batch_seq <= o->head.seq) {
        o->duplicates++;
        answer(w, school, batch);
        return;
    }
    if (check.header.batch_seq > o->head.seq + 1) {
        refuse_gap(w, school, &check.header);
        return;
    }
    assert_memory_equal(check.header.prev, o->head.hash, LTH_HASH_SIZE);
    assert_int_equal(check.header.first_rec_seq, o->next_rec_seq);
    o->head.seq++;
    memcpy(o->head.hash, check.header_hash, LTH_HASH_SIZE);
    o->next_rec_seq += check.n_records;
    assert_true(o->n_batches < BATCHES_MAX);
    stored_batch *stored = &o->batches[o->n_batches++];
    memcpy(stored->header, batch->signed_header.p, sizeof stored->header);
    stored->lane = batch->lane;
    uint8_t *copy = malloc(batch->body.n);
    assert_non_null(copy);
    memcpy(copy, batch->body.p, batch->body.n);
    stored->body = lth_slice_of(copy, batch->body.n);
    lth_rd in = lth_rd_of(batch->body);
    for (uint32_t i = 0; i < check.n_records; i++) {
        lth_record_view view;
        assert_int_equal(lth_record_parse(&view, &in), LTH_REFUSE_none);
        apply(w, o, &check.header, &view);
    }
    answer(w, school, batch);
}

/* ---- frames ---- */

static void take_hello(world *w, const lth_frame_hello *hello)
{
    broker_origin *o = &w->b.origins[school_of(w, &hello->origin)];
    lth_frame reply = {.kind = LTH_FRAME_RESUME,
                       .resume = {.origin = hello->origin,
                                  .head = o->head,
                                  .state = o->head.epoch == 0 ? LTH_RESUME_GRANT : LTH_RESUME_GO}};
    broker_reply(w, &reply);
}

void broker_take(world *w, const lth_frame *frame)
{
    uint32_t school;
    switch (frame->kind) {
    case LTH_FRAME_LINK_HELLO:
        w->b.received = 0;
        broker_reply(w, &(lth_frame){.kind = LTH_FRAME_LINK_RESUME,
                                     .link_resume = {.version = LTH_PROTOCOL_VERSION,
                                                     .node_org = test_org(BROKER_KEY),
                                                     .credit = w->b.credit}});
        break;
    case LTH_FRAME_HELLO:
        take_hello(w, &frame->hello);
        break;
    case LTH_FRAME_EPOCH_REQUEST:
        school = school_of(w, &frame->epoch_request.origin);
        broker_grant(w, school,
                     1 + (w->b.origins[school].head.epoch > frame->epoch_request.head.epoch
                              ? w->b.origins[school].head.epoch
                              : frame->epoch_request.head.epoch),
                     BROKER_KEY);
        break;
    case LTH_FRAME_BATCH:
        if (!w->b.deaf) {
            take_batch(w, &frame->batch);
        }
        break;
    default:
        break;
    }
}

/* ---- expectations: group bytes written by hand from wire.md section 1 ---- */

static size_t code_bytes(uint8_t *to, const char *code)
{
    size_t n = strlen(code);
    to[0] = 1 << 3 | 2;
    to[1] = (uint8_t)n;
    memcpy(to + 2, code, n);
    return 2 + n;
}

/* Names below 128 bytes and counts from 0 to 63 only. */
static size_t about_bytes(uint8_t *to, const row *r)
{
    size_t at = 0;
    if (r->name != NULL && r->name[0] != '\0') {
        size_t n = strlen(r->name);
        to[at++] = 2 << 3 | 2;
        to[at++] = (uint8_t)n;
        memcpy(to + at, r->name, n);
        at += n;
    }
    if (r->count != NULL) {
        to[at++] = 3 << 3 | 0;
        to[at++] = (uint8_t)(2 * atoi(r->count));
    }
    return at;
}

const merged *find_record(world *w, uint32_t school, uint16_t dataset, const char *code)
{
    uint8_t bytes[64];
    size_t n = code_bytes(bytes, code);
    broker_origin *o = &w->b.origins[school];
    for (uint32_t i = 0; i < o->n_records; i++) {
        merged *r = &o->records[i];
        if (r->dataset == dataset && r->live && !r->held && r->code_n == n &&
            memcmp(r->code, bytes, n) == 0) {
            return r;
        }
    }
    return NULL;
}

void expect_records(world *w, uint32_t school, uint16_t dataset, const row *rows, uint32_t n)
{
    broker_origin *o = &w->b.origins[school];
    uint32_t live = 0;
    for (uint32_t i = 0; i < o->n_records; i++) {
        live += o->records[i].dataset == dataset && o->records[i].live && !o->records[i].held;
    }
    assert_int_equal(live, n);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t about[512];
        size_t about_n = about_bytes(about, &rows[i]);
        const merged *r = find_record(w, school, dataset, rows[i].code);
        assert_non_null(r);
        assert_int_equal(r->n_groups, 3);
        assert_int_equal(r->about_n, about_n);
        assert_memory_equal(r->about, about, about_n);
    }
}

uint32_t count_held(world *w, uint32_t school, uint16_t dataset)
{
    broker_origin *o = &w->b.origins[school];
    uint32_t n = 0;
    for (uint32_t i = 0; i < o->n_records; i++) {
        n += o->records[i].dataset == dataset && o->records[i].held && o->records[i].live;
    }
    return n;
}

lth_batch_header last_header(world *w, uint32_t school)
{
    broker_origin *o = &w->b.origins[school];
    lth_batch_header header;
    assert_true(o->n_batches > 0);
    assert_int_equal(lth_batch_header_decode(&header, o->batches[o->n_batches - 1].header),
                     LTH_REFUSE_none);
    return header;
}
