/* The golden frames as C structures, by hand from the manifest. */
#include "test_proto.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static uint8_t patterns[64][70000];
static size_t n_patterns;

/* As in the manifest: byte i is start + 7 i. */
static lth_slice pattern(size_t size, unsigned start)
{
    assert_true(n_patterns < N(patterns) && size <= sizeof patterns[0]);
    uint8_t *p = patterns[n_patterns++];
    for (size_t i = 0; i < size; i++) {
        p[i] = (uint8_t)(start + 7 * i);
    }
    return lth_slice_of(p, size);
}

static lth_id id(unsigned start)
{
    lth_id made;
    memcpy(made.b, pattern(16, start).p, 16);
    return made;
}

static lth_position head(uint32_t epoch, uint64_t seq)
{
    lth_position made = {.epoch = epoch, .seq = seq};
    memcpy(made.hash, pattern(32, 40).p, 32);
    return made;
}

#define MAX32 UINT32_MAX
#define MAX64 UINT64_MAX
#define CODE  ((lth_refusal)299)

const sample *samples(size_t *n)
{
    n_patterns = 0;
    lth_id org = id(1);
    lth_id org2 = id(90);
    lth_position low = head(0, 0);
    lth_position high = head(MAX32, MAX64);
    const sample list[] = {
        {"link_hello_low", {LTH_FRAME_LINK_HELLO, .link_hello = {1, org, 0, LTH_ROLE_AGENT, 0, 0}}},
        {"link_hello_high",
         {LTH_FRAME_LINK_HELLO, .link_hello = {MAX32, org, MAX64, LTH_ROLE_BROKER, MAX64, MAX32}}},
        {"link_resume_low", {LTH_FRAME_LINK_RESUME, .link_resume = {1, org, 0, 0, 0, 0, 0, {0}}}},
        {"link_resume_high",
         {LTH_FRAME_LINK_RESUME,
          .link_resume = {MAX32, org, MAX64, MAX32, MAX32, MAX64, MAX64, {MAX64, 1, MAX64}}}},
        {"certs_low", {LTH_FRAME_CERTS, .certs = {0}}},
        {"certs_high", {LTH_FRAME_CERTS, .certs = {.n = LTH_CERTS_MAX}}},
        {"hello_low", {LTH_FRAME_HELLO, .hello = {org, 0, low, 0}}},
        {"hello_high", {LTH_FRAME_HELLO, .hello = {org, MAX64, high, MAX64}}},
        {"resume_low",
         {LTH_FRAME_RESUME, .resume = {org, 0, low, LTH_RESUME_GO, LTH_REFUSE_none, 0}}},
        {"resume_high",
         {LTH_FRAME_RESUME, .resume = {org, MAX64, high, LTH_RESUME_WAIT, CODE, MAX32}}},
        {"batch_low", {LTH_FRAME_BATCH, .batch = {.signed_header = pattern(256, 3)}}},
        {"batch_high",
         {LTH_FRAME_BATCH,
          .batch = {pattern(256, 3), pattern(70000, 7), pattern(LTH_ATTEST_BYTES_MAX, 5),
                    pattern(LTH_GRANT_BYTES, 6), LTH_LANE_SNAPSHOT, MAX64}}},
        {"link_ack_low", {LTH_FRAME_LINK_ACK, .link_ack = {LTH_LANE_LIVE, 0}}},
        {"link_ack_high", {LTH_FRAME_LINK_ACK, .link_ack = {LTH_LANE_SNAPSHOT, MAX64}}},
        {"receipt", {LTH_FRAME_RECEIPT, .receipt = {pattern(LTH_RECEIPT_BYTES, 8)}}},
        {"reject_low",
         {LTH_FRAME_REJECT,
          .reject = {.origin = org, .code = LTH_REFUSE_too_large, .tier_org = org2}}},
        {"reject_high",
         {LTH_FRAME_REJECT,
          .reject = {org, MAX64, MAX32, MAX64, CODE, LTH_REFUSAL_HOLD, MAX64, MAX32,
                     LTH_LANE_SNAPSHOT, MAX64, org2, pattern(LTH_DETAIL_MAX, 9)}}},
        {"credit_low", {LTH_FRAME_CREDIT, .credit = {0}}},
        {"credit_high", {LTH_FRAME_CREDIT, .credit = {MAX64}}},
        {"heartbeat_low", {LTH_FRAME_HEARTBEAT, .heartbeat = {0}}},
        {"heartbeat_high", {LTH_FRAME_HEARTBEAT, .heartbeat = {MAX64}}},
        {"epoch_request_low", {LTH_FRAME_EPOCH_REQUEST, .epoch_request = {org, 0, low}}},
        {"epoch_request_high", {LTH_FRAME_EPOCH_REQUEST, .epoch_request = {org, MAX64, high}}},
        {"epoch_grant", {LTH_FRAME_EPOCH_GRANT, .epoch_grant = {pattern(LTH_GRANT_BYTES, 10)}}},
        {"head_query_low", {LTH_FRAME_HEAD_QUERY, .head_query = {org, 0}}},
        {"head_query_high", {LTH_FRAME_HEAD_QUERY, .head_query = {org, MAX64}}},
        {"head_answer_low", {LTH_FRAME_HEAD_ANSWER, .head_answer = {org, 0, low}}},
        {"head_answer_high", {LTH_FRAME_HEAD_ANSWER, .head_answer = {org, MAX64, high}}},
        {"held_low", {LTH_FRAME_HELD, .held = {.origin = org, .record_id = org2, .tier_org = org}}},
        {"held_high",
         {LTH_FRAME_HELD, .held = {org,
                                   MAX64,
                                   MAX32,
                                   MAX64,
                                   MAX32,
                                   UINT16_MAX,
                                   org2,
                                   CODE,
                                   UINT16_MAX,
                                   UINT16_MAX,
                                   org,
                                   0,
                                   {0},
                                   {0},
                                   0,
                                   {0}}}},
        {"bye", {LTH_FRAME_BYE, .certs = {0}}},
        {"held_v2_high",
         {LTH_FRAME_HELD, .held = {org,
                                   MAX64,
                                   MAX32,
                                   MAX64,
                                   MAX32,
                                   UINT16_MAX,
                                   org2,
                                   CODE,
                                   UINT16_MAX,
                                   UINT16_MAX,
                                   org,
                                   UINT16_MAX,
                                   {0},
                                   {0},
                                   0,
                                   {0}}}},
        {"release_low",
         {LTH_FRAME_RELEASE, .release = {pattern(LTH_RELEASE_BYTES_MIN, 11), LTH_LANE_LIVE, 0}}},
        {"release_high",
         {LTH_FRAME_RELEASE,
          .release = {pattern(LTH_RELEASE_BYTES_MAX, 11), LTH_LANE_SNAPSHOT, MAX64}}},
        {"released", {LTH_FRAME_RELEASED, .released = {{0}}}},
        {"held_v3_high",
         {LTH_FRAME_HELD, .held = {org,
                                   MAX64,
                                   MAX32,
                                   MAX64,
                                   MAX32,
                                   UINT16_MAX,
                                   org2,
                                   CODE,
                                   UINT16_MAX,
                                   UINT16_MAX,
                                   org,
                                   UINT16_MAX,
                                   pattern(LTH_BY_MAX, 13),
                                   pattern(LTH_WHY_MAX, 14),
                                   MAX64,
                                   {0}}}},
        {"held_v3_other",
         {LTH_FRAME_HELD, .held = {.origin = org,
                                   .record_id = org2,
                                   .code = LTH_REFUSE_not_unique,
                                   .tier_org = org,
                                   .rule = 201,
                                   .other = pattern(sizeof(lth_id), 15)}}},
        {"accepted_low",
         {LTH_FRAME_ACCEPTED, .accepted = {org, 0, org2, 1, pattern(1, 15), pattern(1, 16), 0}}},
        {"accepted_high",
         {LTH_FRAME_ACCEPTED,
          .accepted = {org, UINT16_MAX, org2, UINT16_MAX, pattern(LTH_BY_MAX, 15),
                       pattern(LTH_WHY_MAX, 16), MAX64}}},
    };
    static sample kept[N(list)];
    memcpy(kept, list, sizeof list);
    for (uint32_t i = 0; i < LTH_CERTS_MAX; i++) {
        kept[5].frame.certs.pairs[i].leaf = pattern(4096, i);
        kept[5].frame.certs.pairs[i].ca = pattern(1, i);
    }
    for (uint32_t i = 0; i < N(list); i++) {
        if (kept[i].frame.kind == LTH_FRAME_RELEASED) {
            memcpy(kept[i].frame.released.hash, pattern(32, 12).p, 32);
        }
    }
    *n = N(list);
    return kept;
}
