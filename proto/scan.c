#include "proto/scan.h"

typedef enum field_type { NUMBER, FIXED64, BYTES, MESSAGE } field_type;

/* min..max: of the value, of the size, or of how many messages. Absent is 0, so min > 0 makes a
 * field required unless it is optional. */
typedef struct field {
    const char *name;
    field_type type;
    bool optional;
    uint64_t min, max;
    const struct message *message;
} field;

/* Fields are indexed by number - 1: numbers have no holes in version 1. */
typedef struct message {
    const char *name;
    uint32_t n;
    field fields[LTH_PROTO_NUMBERS_MAX];
} message;

#define U32(name)                                                                                  \
    {                                                                                              \
        name, NUMBER, false, 0, UINT32_MAX, NULL                                                   \
    }
#define U64(name)                                                                                  \
    {                                                                                              \
        name, NUMBER, false, 0, UINT64_MAX, NULL                                                   \
    }
#define RANGE(name, a, b)                                                                          \
    {                                                                                              \
        name, NUMBER, false, a, b, NULL                                                            \
    }
#define FIX(name)                                                                                  \
    {                                                                                              \
        name, FIXED64, false, 0, UINT64_MAX, NULL                                                  \
    }
#define EXACT(name, size)                                                                          \
    {                                                                                              \
        name, BYTES, false, size, size, NULL                                                       \
    }
#define ID(name) EXACT(name, sizeof(lth_id))
#define SIZES(name, a, b)                                                                          \
    {                                                                                              \
        name, BYTES, false, a, b, NULL                                                             \
    }
#define MAYBE(name, size)                                                                          \
    {                                                                                              \
        name, BYTES, true, size, size, NULL                                                        \
    }
#define HEAD                                                                                       \
    {                                                                                              \
        "head", MESSAGE, false, 1, 1, &POSITION                                                    \
    }
#define LANE RANGE("lane", 0, LTH_LANES - 1)

static const message POSITION = {
    "position", 3, {U32("epoch"), U64("seq"), EXACT("hash", LTH_HASH_SIZE)}};

static const message CERT_PAIR = {
    "cert pair", 2, {SIZES("leaf", 1, LTH_PROTO_CERT_MAX), SIZES("ca", 1, LTH_PROTO_CERT_MAX)}};

static const message BODIES[LTH_FRAME_KIND_LAST + 1] = {
    [LTH_FRAME_LINK_HELLO] = {"link_hello",
                              6,
                              {RANGE("version", 1, UINT32_MAX), ID("node_org"), FIX("incarnation"),
                               RANGE("role", LTH_ROLE_AGENT, LTH_ROLE_BROKER), U64("clock_ms"),
                               U32("dict_ver")}},
    [LTH_FRAME_LINK_RESUME] = {"link_resume",
                               10,
                               {RANGE("version", 1, UINT32_MAX), ID("node_org"), FIX("incarnation"),
                                U32("registry_version"), U32("policy_version"), U64("credit"),
                                U64("clock_ms"), U64("acked_live"), U64("acked_repair"),
                                U64("acked_snapshot")}},
    [LTH_FRAME_CERTS] = {"certs", 1, {{"pairs", MESSAGE, false, 0, LTH_CERTS_MAX, &CERT_PAIR}}},
    [LTH_FRAME_HELLO] = {"hello", 4, {ID("origin"), FIX("stream"), HEAD, FIX("session")}},
    [LTH_FRAME_RESUME] = {"resume",
                          6,
                          {ID("origin"), FIX("stream"), HEAD,
                           RANGE("state", LTH_RESUME_GO, LTH_RESUME_WAIT),
                           RANGE("code", 0, LTH_PROTO_CODE_MAX), U32("wait_ms")}},
    [LTH_FRAME_BATCH] = {"batch",
                         6,
                         {EXACT("signed_header", LTH_BATCH_SIGNED_SIZE), LANE, U64("out_no"),
                          SIZES("attest", 0, LTH_ATTEST_BYTES_MAX), MAYBE("grant", LTH_GRANT_BYTES),
                          SIZES("body", 0, LTH_BATCH_BODY_MAX)}},
    [LTH_FRAME_LINK_ACK] = {"link_ack", 2, {LANE, U64("out_no")}},
    [LTH_FRAME_RECEIPT] = {"receipt", 1, {EXACT("signed_receipt", LTH_RECEIPT_BYTES)}},
    [LTH_FRAME_REJECT] = {"reject",
                          12,
                          {ID("origin"), FIX("stream"), U32("epoch"), U64("seq"),
                           RANGE("code", 1, LTH_PROTO_CODE_MAX),
                           RANGE("refusal_class", 0, LTH_REFUSAL_HOLD), U64("resend_from"),
                           U32("wait_ms"), LANE, U64("out_no"), ID("tier_org"),
                           SIZES("detail", 0, LTH_DETAIL_MAX)}},
    [LTH_FRAME_CREDIT] = {"credit", 1, {U64("total")}},
    [LTH_FRAME_HEARTBEAT] = {"heartbeat", 1, {U64("clock_ms")}},
    [LTH_FRAME_EPOCH_REQUEST] = {"epoch_request", 3, {ID("origin"), FIX("stream"), HEAD}},
    [LTH_FRAME_EPOCH_GRANT] = {"epoch_grant", 1, {EXACT("signed_grant", LTH_GRANT_BYTES)}},
    [LTH_FRAME_HEAD_QUERY] = {"head_query", 2, {ID("origin"), FIX("stream")}},
    [LTH_FRAME_HEAD_ANSWER] = {"head_answer", 3, {ID("origin"), FIX("stream"), HEAD}},
    [LTH_FRAME_HELD] = {"held",
                        16,
                        {ID("origin"), FIX("stream"), U32("epoch"), U64("seq"), U32("record_index"),
                         RANGE("dataset", 0, UINT16_MAX), ID("record_id"),
                         RANGE("code", 0, LTH_PROTO_CODE_MAX), RANGE("group", 0, UINT16_MAX),
                         RANGE("field", 0, UINT16_MAX), ID("tier_org"),
                         RANGE("rule", 0, UINT16_MAX), SIZES("by", 0, LTH_BY_MAX),
                         SIZES("why", 0, LTH_WHY_MAX), U64("decided_ms"),
                         MAYBE("other", sizeof(lth_id))}},
    [LTH_FRAME_BYE] = {"bye", 0, {{0}}},
    [LTH_FRAME_RELEASE] = {"release",
                           3,
                           {SIZES("signed_release", LTH_RELEASE_BYTES_MIN, LTH_RELEASE_BYTES_MAX),
                            LANE, U64("out_no")}},
    [LTH_FRAME_RELEASED] = {"released", 1, {EXACT("hash", LTH_HASH_SIZE)}},
    [LTH_FRAME_ACCEPTED] = {"accepted",
                            7,
                            {ID("origin"), RANGE("dataset", 0, UINT16_MAX), ID("record_id"),
                             RANGE("rule", 1, UINT16_MAX), SIZES("by", 1, LTH_BY_MAX),
                             SIZES("why", 1, LTH_WHY_MAX), U64("accepted_ms")}},
};

/* A message being read. Frame > body > message: two of them below the frame. */
#define LEVELS 2
typedef struct level {
    const message *is;
    const uint8_t *end;
    uint32_t last;      /* Highest field number seen. */
    uint32_t seen;      /* Bit per field number. */
    uint64_t n_of_last; /* Messages of that number seen so far. */
} level;

typedef struct scanner {
    const uint8_t *p;
    level levels[LEVELS];
    uint32_t depth;
    lth_proto_scan *out;
    lth_diag *diag;
} scanner;

static bool fixed64(const uint8_t **p, const uint8_t *end, uint64_t *value)
{
    if ((size_t)(end - *p) < 8) {
        return false;
    }
    *value = 0;
    for (unsigned i = 0; i < 8; i++) {
        *value |= (uint64_t)(*p)[i] << (8 * i);
    }
    *p += 8;
    return true;
}

/* Minimal form only: the last byte is not zero, unless it is the only one. */
static bool varint(const uint8_t **p, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && *p < end; shift += 7) {
        uint8_t byte = *(*p)++;
        if (shift == 63 && byte > 1) {
            return false;
        }
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            return byte != 0 || shift == 0;
        }
    }
    return false;
}

/* The tag of the only body and its bytes. */
static const char *frame_head(lth_slice in, lth_frame_kind *kind, const uint8_t **p)
{
    if (in.n == 0) {
        return "no body";
    }
    const uint8_t *end = in.p + in.n;
    uint64_t tag = 0;
    uint64_t size = 0;
    *p = in.p;
    if (!varint(p, end, &tag) || (tag & 7) != 2 || tag >> 3 > LTH_FRAME_KIND_LAST ||
        BODIES[tag >> 3].name == NULL) {
        return "unknown body";
    }
    if (!varint(p, end, &size) || size > (size_t)(end - *p)) {
        return "cut short";
    }
    if (size < (size_t)(end - *p)) {
        return "more than one body, or bytes behind it";
    }
    *kind = (lth_frame_kind)(tag >> 3);
    return NULL;
}

static lth_err fault(const scanner *s, lth_err err, uint64_t number, const char *what)
{
    const message *is = s->levels[s->depth].is;
    const char *name = number >= 1 && number <= is->n ? is->fields[number - 1].name : "unknown";
    return lth_fail(s->diag, err, "frame %s: field %llu of %s (%s): %s", BODIES[s->out->kind].name,
                    (unsigned long long)number, is->name, name, what);
}

/* Absent fields that should be there, when a message ends. */
static lth_err leave(scanner *s)
{
    const level *at = &s->levels[s->depth];
    for (uint32_t i = 0; i < at->is->n; i++) {
        const field *f = &at->is->fields[i];
        if ((at->seen >> (i + 1) & 1) == 0 && f->min > 0 && !f->optional) {
            return fault(s, LTH_E_FORMAT, i + 1, "missing");
        }
    }
    return LTH_OK;
}

static lth_err take_number(scanner *s, const field *f, uint32_t number)
{
    level *at = &s->levels[s->depth];
    uint64_t value = 0;
    bool good =
        f->type == FIXED64 ? fixed64(&s->p, at->end, &value) : varint(&s->p, at->end, &value);
    if (!good) {
        return fault(s, LTH_E_FORMAT, number, "cut short or not minimal");
    }
    if (value == 0) {
        return fault(s, LTH_E_FORMAT, number, "zero must be left out");
    }
    if (value < f->min || value > f->max) {
        return fault(s, LTH_E_FORMAT, number, "out of range");
    }
    if (s->depth == 0) {
        s->out->top[number].number = value;
    }
    return LTH_OK;
}

static lth_err take_bytes(scanner *s, const field *f, uint32_t number, size_t size)
{
    if (size > f->max && f->min != f->max) {
        return fault(s, LTH_E_LIMIT, number, "too long");
    }
    if (size == 0 || size < f->min || size > f->max) {
        return fault(s, LTH_E_FORMAT, number, "wrong size");
    }
    lth_slice bytes = lth_slice_of(s->p, size);
    s->p += size;
    if (s->depth == 0) {
        s->out->top[number].bytes = bytes;
    } else {
        LTH_ASSERT(s->out->n_nested < LTH_PROTO_NESTED_MAX);
        s->out->nested[s->out->n_nested++] = bytes;
    }
    return LTH_OK;
}

static lth_err enter(scanner *s, const field *f, uint32_t number, size_t size)
{
    if (s->levels[s->depth].n_of_last > f->max) {
        return fault(s, LTH_E_LIMIT, number, "too many");
    }
    LTH_ASSERT(s->depth + 1 < LEVELS);
    s->levels[++s->depth] = (level){.is = f->message, .end = s->p + size};
    return LTH_OK;
}

static lth_err take_field(scanner *s)
{
    static const uint8_t wire_types[] = {[NUMBER] = 0, [FIXED64] = 1, [BYTES] = 2, [MESSAGE] = 2};
    level *at = &s->levels[s->depth];
    uint64_t tag = 0;
    if (!varint(&s->p, at->end, &tag)) {
        return fault(s, LTH_E_FORMAT, 0, "tag cut short or not minimal");
    }
    if (tag >> 3 == 0 || tag >> 3 > at->is->n) {
        return fault(s, LTH_E_FORMAT, tag >> 3, "not known in this version");
    }
    uint32_t number = (uint32_t)(tag >> 3);
    const field *f = &at->is->fields[number - 1];
    if ((tag & 7) != wire_types[f->type]) {
        return fault(s, LTH_E_FORMAT, number, "wrong wire type");
    }
    bool again = number == at->last && f->type == MESSAGE && f->max > 1;
    if (number <= at->last && !again) {
        return fault(s, LTH_E_FORMAT, number, "repeated or not in ascending order");
    }
    at->n_of_last = again ? at->n_of_last + 1 : 1;
    at->last = number;
    at->seen |= 1u << number;
    if (f->type == NUMBER || f->type == FIXED64) {
        return take_number(s, f, number);
    }
    uint64_t size = 0;
    if (!varint(&s->p, at->end, &size) || size > (size_t)(at->end - s->p)) {
        return fault(s, LTH_E_FORMAT, number, "length cut short, not minimal or past the end");
    }
    return f->type == BYTES ? take_bytes(s, f, number, (size_t)size)
                            : enter(s, f, number, (size_t)size);
}

lth_err lth_proto__scan(lth_proto_scan *out, lth_slice in, lth_diag *diag)
{
    *out = (lth_proto_scan){0};
    if (in.n > LTH_FRAME_MAX) {
        return lth_fail(diag, LTH_E_LIMIT, "frame of %zu bytes, at most %u", in.n, LTH_FRAME_MAX);
    }
    scanner s = {.out = out, .diag = diag};
    const char *wrong = frame_head(in, &out->kind, &s.p);
    if (wrong != NULL) {
        return lth_fail(diag, LTH_E_FORMAT, "frame: %s", wrong);
    }
    s.levels[0] = (level){.is = &BODIES[out->kind], .end = in.p + in.n};
    for (;;) {
        bool ended = s.p == s.levels[s.depth].end;
        lth_err err = ended ? leave(&s) : take_field(&s);
        if (err != LTH_OK) {
            return err;
        }
        if (ended && s.depth == 0) {
            return LTH_OK;
        }
        s.depth -= ended ? 1 : 0;
    }
}

lth_frame_kind lth_frame_peek(lth_slice in)
{
    lth_frame_kind kind = (lth_frame_kind)0;
    const uint8_t *body = NULL;
    return frame_head(in, &kind, &body) == NULL ? kind : (lth_frame_kind)0;
}

const char *lth_frame_name(lth_frame_kind kind)
{
    return (unsigned)kind <= LTH_FRAME_KIND_LAST && BODIES[kind].name != NULL ? BODIES[kind].name
                                                                              : "unknown";
}
