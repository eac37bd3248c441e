#include "lth/frame.h"

#include <stdlib.h>

#include "link.pb-c.h"
#include "proto/scan.h"

typedef Lienthong__Link__Frame pb_frame;
typedef Lienthong__Link__Position pb_position;

/* ---- to protobuf-c: bytes are borrowed from the frame ---- */

/* The message of one frame and everything it points to. */
typedef struct packing {
    pb_frame frame;
    pb_position head;
    union {
        Lienthong__Link__LinkHello link_hello;
        Lienthong__Link__LinkResume link_resume;
        Lienthong__Link__Certs certs;
        Lienthong__Link__Hello hello;
        Lienthong__Link__Resume resume;
        Lienthong__Link__Batch batch;
        Lienthong__Link__LinkAck link_ack;
        Lienthong__Link__Receipt receipt;
        Lienthong__Link__Reject reject;
        Lienthong__Link__Credit credit;
        Lienthong__Link__Heartbeat heartbeat;
        Lienthong__Link__EpochRequest epoch_request;
        Lienthong__Link__EpochGrant epoch_grant;
        Lienthong__Link__HeadQuery head_query;
        Lienthong__Link__HeadAnswer head_answer;
        Lienthong__Link__Held held;
        Lienthong__Link__Bye bye;
        Lienthong__Link__Release release;
        Lienthong__Link__Released released;
        Lienthong__Link__Accepted accepted;
    };
    Lienthong__Link__CertPair pairs[LTH_CERTS_MAX];
    Lienthong__Link__CertPair *pair_list[LTH_CERTS_MAX];
} packing;

/* protobuf-c takes no const pointer, and packing only reads. */
static ProtobufCBinaryData bytes_of(const void *p, size_t n)
{
    return (ProtobufCBinaryData){.len = n, .data = (uint8_t *)(uintptr_t)p};
}

static ProtobufCBinaryData bytes_of_slice(lth_slice in)
{
    return bytes_of(in.p, in.n);
}

static ProtobufCBinaryData bytes_of_id(const lth_id *id)
{
    return bytes_of(id->b, sizeof id->b);
}

static pb_position *put_head(packing *to, const lth_position *from)
{
    lienthong__link__position__init(&to->head);
    to->head.epoch = from->epoch;
    to->head.seq = from->seq;
    to->head.hash = bytes_of(from->hash, sizeof from->hash);
    return &to->head;
}

static void put_link_hello(packing *to, const lth_frame *frame)
{
    const lth_frame_link_hello *from = &frame->link_hello;
    lienthong__link__link_hello__init(&to->link_hello);
    to->link_hello.version = from->version;
    to->link_hello.node_org = bytes_of_id(&from->node_org);
    to->link_hello.incarnation = from->incarnation;
    to->link_hello.role = (Lienthong__Link__Role)from->role;
    to->link_hello.clock_ms = from->clock_ms;
    to->link_hello.dict_ver = from->dict_ver;
    to->frame.link_hello = &to->link_hello;
}

static void put_link_resume(packing *to, const lth_frame *frame)
{
    const lth_frame_link_resume *from = &frame->link_resume;
    lienthong__link__link_resume__init(&to->link_resume);
    to->link_resume.version = from->version;
    to->link_resume.node_org = bytes_of_id(&from->node_org);
    to->link_resume.incarnation = from->incarnation;
    to->link_resume.registry_version = from->registry_version;
    to->link_resume.policy_version = from->policy_version;
    to->link_resume.credit = from->credit;
    to->link_resume.clock_ms = from->clock_ms;
    to->link_resume.acked_live = from->acked[LTH_LANE_LIVE];
    to->link_resume.acked_repair = from->acked[LTH_LANE_REPAIR];
    to->link_resume.acked_snapshot = from->acked[LTH_LANE_SNAPSHOT];
    to->frame.link_resume = &to->link_resume;
}

static void put_certs(packing *to, const lth_frame *frame)
{
    const lth_frame_certs *from = &frame->certs;
    lienthong__link__certs__init(&to->certs);
    for (uint32_t i = 0; i < from->n; i++) {
        lienthong__link__cert_pair__init(&to->pairs[i]);
        to->pairs[i].leaf = bytes_of_slice(from->pairs[i].leaf);
        to->pairs[i].ca = bytes_of_slice(from->pairs[i].ca);
        to->pair_list[i] = &to->pairs[i];
    }
    to->certs.n_pairs = from->n;
    to->certs.pairs = to->pair_list;
    to->frame.certs = &to->certs;
}

static void put_hello(packing *to, const lth_frame *frame)
{
    const lth_frame_hello *from = &frame->hello;
    lienthong__link__hello__init(&to->hello);
    to->hello.origin = bytes_of_id(&from->origin);
    to->hello.stream = from->stream;
    to->hello.head = put_head(to, &from->head);
    to->hello.session = from->session;
    to->frame.hello = &to->hello;
}

static void put_resume(packing *to, const lth_frame *frame)
{
    const lth_frame_resume *from = &frame->resume;
    lienthong__link__resume__init(&to->resume);
    to->resume.origin = bytes_of_id(&from->origin);
    to->resume.stream = from->stream;
    to->resume.head = put_head(to, &from->head);
    to->resume.state = (Lienthong__Link__ResumeState)from->state;
    to->resume.code = (uint32_t)from->code;
    to->resume.wait_ms = from->wait_ms;
    to->frame.resume = &to->resume;
}

static void put_batch(packing *to, const lth_frame *frame)
{
    const lth_frame_batch *from = &frame->batch;
    lienthong__link__batch__init(&to->batch);
    to->batch.signed_header = bytes_of_slice(from->signed_header);
    to->batch.lane = (uint32_t)from->lane;
    to->batch.out_no = from->out_no;
    to->batch.attest = bytes_of_slice(from->attest);
    to->batch.grant = bytes_of_slice(from->grant);
    to->batch.body = bytes_of_slice(from->body);
    to->frame.batch = &to->batch;
}

static void put_link_ack(packing *to, const lth_frame *frame)
{
    lienthong__link__link_ack__init(&to->link_ack);
    to->link_ack.lane = (uint32_t)frame->link_ack.lane;
    to->link_ack.out_no = frame->link_ack.out_no;
    to->frame.link_ack = &to->link_ack;
}

static void put_receipt(packing *to, const lth_frame *frame)
{
    lienthong__link__receipt__init(&to->receipt);
    to->receipt.signed_receipt = bytes_of_slice(frame->receipt.bytes);
    to->frame.receipt = &to->receipt;
}

static void put_reject(packing *to, const lth_frame *frame)
{
    const lth_frame_reject *from = &frame->reject;
    lienthong__link__reject__init(&to->reject);
    to->reject.origin = bytes_of_id(&from->origin);
    to->reject.stream = from->stream;
    to->reject.epoch = from->epoch;
    to->reject.seq = from->seq;
    to->reject.code = (uint32_t)from->code;
    to->reject.refusal_class = (uint32_t)from->class_;
    to->reject.resend_from = from->resend_from;
    to->reject.wait_ms = from->wait_ms;
    to->reject.lane = (uint32_t)from->lane;
    to->reject.out_no = from->out_no;
    to->reject.tier_org = bytes_of_id(&from->tier_org);
    to->reject.detail = bytes_of_slice(from->detail);
    to->frame.reject = &to->reject;
}

static void put_credit(packing *to, const lth_frame *frame)
{
    lienthong__link__credit__init(&to->credit);
    to->credit.total = frame->credit.total;
    to->frame.credit = &to->credit;
}

static void put_heartbeat(packing *to, const lth_frame *frame)
{
    lienthong__link__heartbeat__init(&to->heartbeat);
    to->heartbeat.clock_ms = frame->heartbeat.clock_ms;
    to->frame.heartbeat = &to->heartbeat;
}

static void put_epoch_request(packing *to, const lth_frame *frame)
{
    lienthong__link__epoch_request__init(&to->epoch_request);
    to->epoch_request.origin = bytes_of_id(&frame->epoch_request.origin);
    to->epoch_request.stream = frame->epoch_request.stream;
    to->epoch_request.head = put_head(to, &frame->epoch_request.head);
    to->frame.epoch_request = &to->epoch_request;
}

static void put_epoch_grant(packing *to, const lth_frame *frame)
{
    lienthong__link__epoch_grant__init(&to->epoch_grant);
    to->epoch_grant.signed_grant = bytes_of_slice(frame->epoch_grant.bytes);
    to->frame.epoch_grant = &to->epoch_grant;
}

static void put_head_query(packing *to, const lth_frame *frame)
{
    lienthong__link__head_query__init(&to->head_query);
    to->head_query.origin = bytes_of_id(&frame->head_query.origin);
    to->head_query.stream = frame->head_query.stream;
    to->frame.head_query = &to->head_query;
}

static void put_head_answer(packing *to, const lth_frame *frame)
{
    lienthong__link__head_answer__init(&to->head_answer);
    to->head_answer.origin = bytes_of_id(&frame->head_answer.origin);
    to->head_answer.stream = frame->head_answer.stream;
    to->head_answer.head = put_head(to, &frame->head_answer.head);
    to->frame.head_answer = &to->head_answer;
}

static void put_held(packing *to, const lth_frame *frame)
{
    const lth_frame_held *from = &frame->held;
    lienthong__link__held__init(&to->held);
    to->held.origin = bytes_of_id(&from->origin);
    to->held.stream = from->stream;
    to->held.epoch = from->epoch;
    to->held.seq = from->seq;
    to->held.record_index = from->index;
    to->held.dataset = from->dataset;
    to->held.record_id = bytes_of_id(&from->record_id);
    to->held.code = (uint32_t)from->code;
    to->held.group = from->group;
    to->held.field = from->field;
    to->held.tier_org = bytes_of_id(&from->tier_org);
    to->held.rule = from->rule;
    to->held.by = bytes_of_slice(from->by);
    to->held.why = bytes_of_slice(from->why);
    to->held.decided_ms = from->decided_ms;
    to->held.other = bytes_of_slice(from->other);
    to->frame.held = &to->held;
}

static void put_bye(packing *to, const lth_frame *frame)
{
    (void)frame;
    lienthong__link__bye__init(&to->bye);
    to->frame.bye = &to->bye;
}

static void put_release(packing *to, const lth_frame *frame)
{
    lienthong__link__release__init(&to->release);
    to->release.signed_release = bytes_of_slice(frame->release.bytes);
    to->release.lane = (uint32_t)frame->release.lane;
    to->release.out_no = frame->release.out_no;
    to->frame.release = &to->release;
}

static void put_released(packing *to, const lth_frame *frame)
{
    lienthong__link__released__init(&to->released);
    to->released.hash = bytes_of(frame->released.hash, LTH_HASH_SIZE);
    to->frame.released = &to->released;
}

static void put_accepted(packing *to, const lth_frame *frame)
{
    const lth_frame_accepted *from = &frame->accepted;
    lienthong__link__accepted__init(&to->accepted);
    to->accepted.origin = bytes_of_id(&from->origin);
    to->accepted.dataset = from->dataset;
    to->accepted.record_id = bytes_of_id(&from->record_id);
    to->accepted.rule = from->rule;
    to->accepted.by = bytes_of_slice(from->by);
    to->accepted.why = bytes_of_slice(from->why);
    to->accepted.accepted_ms = from->accepted_ms;
    to->frame.accepted = &to->accepted;
}

/* ---- from protobuf-c: sizes and ranges were checked by the scan ---- */

static void get_id(lth_id *to, ProtobufCBinaryData from)
{
    memcpy(to->b, from.data, sizeof to->b);
}

static void get_head(lth_position *to, const pb_position *from)
{
    to->epoch = from->epoch;
    to->seq = from->seq;
    memcpy(to->hash, from->hash.data, sizeof to->hash);
}

static void get_link_hello(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)scan;
    lth_frame_link_hello *to = &frame->link_hello;
    to->version = pb->link_hello->version;
    get_id(&to->node_org, pb->link_hello->node_org);
    to->incarnation = pb->link_hello->incarnation;
    to->role = (lth_role)pb->link_hello->role;
    to->clock_ms = pb->link_hello->clock_ms;
    to->dict_ver = pb->link_hello->dict_ver;
}

static void get_link_resume(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)scan;
    lth_frame_link_resume *to = &frame->link_resume;
    to->version = pb->link_resume->version;
    get_id(&to->node_org, pb->link_resume->node_org);
    to->incarnation = pb->link_resume->incarnation;
    to->registry_version = pb->link_resume->registry_version;
    to->policy_version = pb->link_resume->policy_version;
    to->credit = pb->link_resume->credit;
    to->clock_ms = pb->link_resume->clock_ms;
    to->acked[LTH_LANE_LIVE] = pb->link_resume->acked_live;
    to->acked[LTH_LANE_REPAIR] = pb->link_resume->acked_repair;
    to->acked[LTH_LANE_SNAPSHOT] = pb->link_resume->acked_snapshot;
}

static void get_certs(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    frame->certs.n = (uint32_t)pb->certs->n_pairs;
    LTH_ASSERT(scan->n_nested == 2 * frame->certs.n);
    for (uint32_t i = 0; i < frame->certs.n; i++) {
        frame->certs.pairs[i].leaf = scan->nested[2 * i];
        frame->certs.pairs[i].ca = scan->nested[2 * i + 1];
    }
}

static void get_hello(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)scan;
    get_id(&frame->hello.origin, pb->hello->origin);
    frame->hello.stream = pb->hello->stream;
    get_head(&frame->hello.head, pb->hello->head);
    frame->hello.session = pb->hello->session;
}

static void get_resume(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)scan;
    get_id(&frame->resume.origin, pb->resume->origin);
    frame->resume.stream = pb->resume->stream;
    get_head(&frame->resume.head, pb->resume->head);
    frame->resume.state = (lth_resume_state)pb->resume->state;
    frame->resume.code = (lth_refusal)pb->resume->code;
    frame->resume.wait_ms = pb->resume->wait_ms;
}

/* The hot path: from the scan alone, because protobuf-c would copy the body. */
static void get_batch(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)pb;
    enum { SIGNED_HEADER = 1, LANE, OUT_NO, ATTEST, GRANT, BODY };
    frame->batch.signed_header = scan->top[SIGNED_HEADER].bytes;
    frame->batch.lane = (lth_lane)scan->top[LANE].number;
    frame->batch.out_no = scan->top[OUT_NO].number;
    frame->batch.attest = scan->top[ATTEST].bytes;
    frame->batch.grant = scan->top[GRANT].bytes;
    frame->batch.body = scan->top[BODY].bytes;
}

static void get_link_ack(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)scan;
    frame->link_ack.lane = (lth_lane)pb->link_ack->lane;
    frame->link_ack.out_no = pb->link_ack->out_no;
}

static void get_receipt(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)pb;
    frame->receipt.bytes = scan->top[1].bytes;
}

static void get_reject(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    enum { DETAIL = 12 };
    lth_frame_reject *to = &frame->reject;
    get_id(&to->origin, pb->reject->origin);
    to->stream = pb->reject->stream;
    to->epoch = pb->reject->epoch;
    to->seq = pb->reject->seq;
    to->code = (lth_refusal)pb->reject->code;
    to->class_ = (lth_refusal_class)pb->reject->refusal_class;
    to->resend_from = pb->reject->resend_from;
    to->wait_ms = pb->reject->wait_ms;
    to->lane = (lth_lane)pb->reject->lane;
    to->out_no = pb->reject->out_no;
    get_id(&to->tier_org, pb->reject->tier_org);
    to->detail = scan->top[DETAIL].bytes;
}

static void get_credit(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)scan;
    frame->credit.total = pb->credit->total;
}

static void get_heartbeat(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)scan;
    frame->heartbeat.clock_ms = pb->heartbeat->clock_ms;
}

static void get_epoch_request(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)scan;
    get_id(&frame->epoch_request.origin, pb->epoch_request->origin);
    frame->epoch_request.stream = pb->epoch_request->stream;
    get_head(&frame->epoch_request.head, pb->epoch_request->head);
}

static void get_epoch_grant(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)pb;
    frame->epoch_grant.bytes = scan->top[1].bytes;
}

static void get_head_query(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)scan;
    get_id(&frame->head_query.origin, pb->head_query->origin);
    frame->head_query.stream = pb->head_query->stream;
}

static void get_head_answer(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)scan;
    get_id(&frame->head_answer.origin, pb->head_answer->origin);
    frame->head_answer.stream = pb->head_answer->stream;
    get_head(&frame->head_answer.head, pb->head_answer->head);
}

static void get_held(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    enum { BY = 13, WHY, OTHER = 16 };
    lth_frame_held *to = &frame->held;
    get_id(&to->origin, pb->held->origin);
    to->stream = pb->held->stream;
    to->epoch = pb->held->epoch;
    to->seq = pb->held->seq;
    to->index = pb->held->record_index;
    to->dataset = (uint16_t)pb->held->dataset;
    get_id(&to->record_id, pb->held->record_id);
    to->code = (lth_refusal)pb->held->code;
    to->group = (uint16_t)pb->held->group;
    to->field = (uint16_t)pb->held->field;
    get_id(&to->tier_org, pb->held->tier_org);
    to->rule = (uint16_t)pb->held->rule;
    to->by = scan->top[BY].bytes;
    to->why = scan->top[WHY].bytes;
    to->decided_ms = pb->held->decided_ms;
    to->other = scan->top[OTHER].bytes;
}

static void get_bye(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)frame;
    (void)pb;
    (void)scan;
}

static void get_release(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    frame->release.bytes = scan->top[1].bytes;
    frame->release.lane = (lth_lane)pb->release->lane;
    frame->release.out_no = pb->release->out_no;
}

static void get_released(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    (void)pb;
    memcpy(frame->released.hash, scan->top[1].bytes.p, LTH_HASH_SIZE);
}

static void get_accepted(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan)
{
    enum { BY = 5, WHY };
    lth_frame_accepted *to = &frame->accepted;
    get_id(&to->origin, pb->accepted->origin);
    to->dataset = (uint16_t)pb->accepted->dataset;
    get_id(&to->record_id, pb->accepted->record_id);
    to->rule = (uint16_t)pb->accepted->rule;
    to->by = scan->top[BY].bytes;
    to->why = scan->top[WHY].bytes;
    to->accepted_ms = pb->accepted->accepted_ms;
}

static const struct {
    void (*put)(packing *to, const lth_frame *frame);
    void (*get)(lth_frame *frame, const pb_frame *pb, const lth_proto_scan *scan);
} CODECS[LTH_FRAME_KIND_LAST + 1] = {
    [LTH_FRAME_LINK_HELLO] = {put_link_hello, get_link_hello},
    [LTH_FRAME_LINK_RESUME] = {put_link_resume, get_link_resume},
    [LTH_FRAME_CERTS] = {put_certs, get_certs},
    [LTH_FRAME_HELLO] = {put_hello, get_hello},
    [LTH_FRAME_RESUME] = {put_resume, get_resume},
    [LTH_FRAME_BATCH] = {put_batch, get_batch},
    [LTH_FRAME_LINK_ACK] = {put_link_ack, get_link_ack},
    [LTH_FRAME_RECEIPT] = {put_receipt, get_receipt},
    [LTH_FRAME_REJECT] = {put_reject, get_reject},
    [LTH_FRAME_CREDIT] = {put_credit, get_credit},
    [LTH_FRAME_HEARTBEAT] = {put_heartbeat, get_heartbeat},
    [LTH_FRAME_EPOCH_REQUEST] = {put_epoch_request, get_epoch_request},
    [LTH_FRAME_EPOCH_GRANT] = {put_epoch_grant, get_epoch_grant},
    [LTH_FRAME_HEAD_QUERY] = {put_head_query, get_head_query},
    [LTH_FRAME_HEAD_ANSWER] = {put_head_answer, get_head_answer},
    [LTH_FRAME_HELD] = {put_held, get_held},
    [LTH_FRAME_BYE] = {put_bye, get_bye},
    [LTH_FRAME_RELEASE] = {put_release, get_release},
    [LTH_FRAME_RELEASED] = {put_released, get_released},
    [LTH_FRAME_ACCEPTED] = {put_accepted, get_accepted},
};

/* protobuf-c appends here, so that nothing is moved once written (its plain pack moves every
 * sub-message to make room for a longer length). */
typedef struct room {
    ProtobufCBuffer base;
    lth_wr wr;
} room;

static void append(ProtobufCBuffer *base, size_t n, const uint8_t *p)
{
    if (n > 0) {
        lth_wr_bytes(&((room *)base)->wr, p, n);
    }
}

lth_err lth_frame_encode(lth_buf *out, const lth_frame *frame)
{
    LTH_ASSERT((unsigned)frame->kind <= LTH_FRAME_KIND_LAST && CODECS[frame->kind].put != NULL);
    lth_buf_clear(out);
    if (frame->kind == LTH_FRAME_CERTS && frame->certs.n > LTH_CERTS_MAX) {
        return LTH_E_LIMIT;
    }
    packing message;
    lienthong__link__frame__init(&message.frame);
    message.frame.body_case = (Lienthong__Link__Frame__BodyCase)frame->kind;
    CODECS[frame->kind].put(&message, frame);
    size_t size = lienthong__link__frame__get_packed_size(&message.frame);
    if (size > LTH_FRAME_MAX || size > out->max) {
        return LTH_E_LIMIT;
    }
    uint8_t *p = lth_buf_more(out, size);
    if (p == NULL) {
        return LTH_E_NOMEM;
    }
    room into = {.base = {append}, .wr = lth_wr_of(p, size)};
    size_t packed = lienthong__link__frame__pack_to_buffer(&message.frame, &into.base);
    LTH_ASSERT(packed == size && !into.wr.bad && lth_wr_size(&into.wr) == size);

    /* What we send passes the receiver's gate: the wrong form is our bug, the wrong size is not. */
    lth_proto_scan scan;
    lth_err err = lth_proto__scan(&scan, lth_buf_slice(out), NULL);
    LTH_ASSERT(err == LTH_OK || err == LTH_E_LIMIT);
    if (err != LTH_OK) {
        lth_buf_clear(out);
    }
    return err;
}

/* Memory protobuf-c may still take for this frame. */
typedef struct budget {
    size_t left;
    bool refused;
} budget;

static void *budget_alloc(void *ctx, size_t n)
{
    budget *b = ctx;
    void *p = n <= b->left ? malloc(n) : NULL;
    b->left -= p != NULL ? n : 0;
    b->refused |= p == NULL;
    return p;
}

static void budget_free(void *ctx, void *p)
{
    (void)ctx;
    free(p);
}

/* Structures of a body and its messages, beside the copies of its bytes. */
#define BUDGET_BASE 1024u
#define BUDGET_RATE 8u

lth_err lth_frame_decode(lth_frame *out, lth_slice in, lth_diag *diag)
{
    lth_proto_scan scan;
    lth_err err = lth_proto__scan(&scan, in, diag);
    if (err != LTH_OK) {
        return err;
    }
    *out = (lth_frame){.kind = scan.kind};
    if (scan.kind == LTH_FRAME_BATCH) {
        get_batch(out, NULL, &scan);
        return LTH_OK;
    }
    budget memory = {.left = BUDGET_BASE + BUDGET_RATE * in.n};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &memory};
    pb_frame *pb = lienthong__link__frame__unpack(&allocator, in.n, in.p);
    if (pb == NULL) {
        return memory.refused ? lth_fail(diag, LTH_E_NOMEM, "frame %s: no memory to decode it",
                                         lth_frame_name(scan.kind))
                              : lth_fail(diag, LTH_E_FORMAT, "frame %s: not protobuf",
                                         lth_frame_name(scan.kind));
    }
    CODECS[scan.kind].get(out, pb, &scan);
    lienthong__link__frame__free_unpacked(pb, &allocator);
    return LTH_OK;
}
