#include "internal.h"

const char *const lth_agent_table_names[LTH_A_COUNT] = {
#define X(name) #name,
    LTH_AGENT_TABLES(X)
#undef X
};

typedef struct fault_text {
    const char *name, *vi, *en;
} fault_text;

static const fault_text FAULTS[] = {
#define X(name, number, vi, en) [number] = {#name, vi, en},
    LTH_SCAN_FAULT_MAP(X)
#undef X
};
#define FAULTS_N (sizeof FAULTS / sizeof FAULTS[0])

const char *lth_scan_fault_name(lth_scan_fault fault)
{
    return (size_t)fault < FAULTS_N ? FAULTS[fault].name : "unknown";
}

const char *lth_scan_fault_text(lth_scan_fault fault, bool english)
{
    if ((size_t)fault >= FAULTS_N) {
        return "";
    }
    return english ? FAULTS[fault].en : FAULTS[fault].vi;
}

bool lth_scan_fault_waits(lth_scan_fault fault)
{
    return fault == LTH_SCAN_mass_deletion || fault == LTH_SCAN_emptied ||
           fault == LTH_SCAN_restored || fault == LTH_SCAN_may_be_elsewhere ||
           fault == LTH_SCAN_mass_addition;
}

static void write_position(lth_wr *wr, const lth_position *at)
{
    lth_wr32(wr, at->epoch);
    lth_wr64(wr, at->seq);
    lth_wr_bytes(wr, at->hash, LTH_HASH_SIZE);
}

static void read_position(lth_rd *rd, lth_position *at)
{
    at->epoch = lth_rd32(rd);
    at->seq = lth_rd64(rd);
    lth_rd_copy(rd, at->hash, LTH_HASH_SIZE);
}

size_t lth_agent_head_encode(uint8_t out[128], const lth_agent_head *head)
{
    lth_wr wr = lth_wr_of(out, 128);
    write_position(&wr, &head->at);
    lth_wr64(&wr, head->next_rec_seq);
    write_position(&wr, &head->acked);
    lth_wr8(&wr, head->resync ? 1 : 0);
    lth_wr16(&wr, (uint16_t)head->stopped);
    LTH_ASSERT(!wr.bad);
    return lth_wr_size(&wr);
}

bool lth_agent_head_decode(lth_agent_head *out, lth_slice in)
{
    lth_rd rd = lth_rd_of(in);
    read_position(&rd, &out->at);
    out->next_rec_seq = lth_rd64(&rd);
    read_position(&rd, &out->acked);
    uint8_t resync = lth_rd8(&rd);
    out->resync = resync == 1;
    out->stopped = (lth_refusal)lth_rd16(&rd);
    return lth_rd_done(&rd) && resync <= 1 && out->next_rec_seq >= 1;
}

/* Beside the fault: the numbers of guards and judgements follow, then that of new rows that wait.
 * Older stores have rows without them. */
#define INFO_WIDE    0x80u
#define INFO_WAITING 0x40u

size_t lth_scan_info_encode(uint8_t out[LTH_SCAN_INFO_BYTES_MAX], const lth_scan_info *info)
{
    size_t detail = strlen(info->detail);
    LTH_ASSERT(detail < LTH_DETAIL_MAX);
    lth_wr wr = lth_wr_of(out, LTH_SCAN_INFO_BYTES_MAX);
    lth_wr64(&wr, info->started_ms);
    lth_wr64(&wr, info->ended_ms);
    lth_wr64(&wr, info->last_good_ms);
    lth_wr8(&wr, (uint8_t)(info->fault | INFO_WIDE | INFO_WAITING));
    lth_wr32(&wr, info->faults_in_a_row);
    lth_wr64(&wr, info->rows);
    lth_wr64(&wr, info->changed);
    lth_wr64(&wr, info->deleted);
    lth_wr64(&wr, info->invalid);
    lth_wr64(&wr, info->fresh);
    lth_wr64(&wr, info->warned);
    lth_wr64(&wr, info->asked);
    lth_wr64(&wr, info->gone);
    lth_wr64(&wr, info->old);
    lth_wr64(&wr, info->known);
    lth_wr64(&wr, info->waiting);
    lth_wr_bytes(&wr, info->detail, detail);
    LTH_ASSERT(!wr.bad);
    return lth_wr_size(&wr);
}

bool lth_scan_info_decode(lth_scan_info *out, lth_slice in)
{
    lth_rd rd = lth_rd_of(in);
    *out = (lth_scan_info){.started_ms = lth_rd64(&rd)};
    out->ended_ms = lth_rd64(&rd);
    out->last_good_ms = lth_rd64(&rd);
    uint8_t fault = lth_rd8(&rd);
    out->fault = (lth_scan_fault)(fault & ~(INFO_WIDE | INFO_WAITING));
    out->faults_in_a_row = lth_rd32(&rd);
    out->rows = lth_rd64(&rd);
    out->changed = lth_rd64(&rd);
    out->deleted = lth_rd64(&rd);
    out->invalid = lth_rd64(&rd);
    if ((fault & INFO_WIDE) != 0) {
        out->fresh = lth_rd64(&rd);
        out->warned = lth_rd64(&rd);
        out->asked = lth_rd64(&rd);
        out->gone = lth_rd64(&rd);
        out->old = lth_rd64(&rd);
        out->known = lth_rd64(&rd);
    }
    if ((fault & INFO_WAITING) != 0) {
        out->waiting = lth_rd64(&rd);
    }
    size_t detail = lth_rd_left(&rd);
    if (rd.bad || detail >= LTH_DETAIL_MAX || (size_t)out->fault >= FAULTS_N) {
        return false;
    }
    lth_rd_copy(&rd, out->detail, detail);
    return lth_rd_done(&rd);
}

/* A broker of version 2 says nothing of who and why, nor of another record; stores of before have
 * no such rows. */
static bool has_details(const lth_frame_held *held)
{
    return held->by.n > 0 || held->why.n > 0 || held->decided_ms != 0 || held->other.n > 0;
}

static void write_details(lth_wr *wr, const lth_frame_held *held)
{
    LTH_ASSERT(held->by.n <= LTH_BY_MAX && held->why.n <= LTH_WHY_MAX);
    lth_wr64(wr, held->decided_ms);
    lth_wr8(wr, (uint8_t)held->by.n);
    lth_wr_bytes(wr, held->by.p, held->by.n);
    lth_wr16(wr, (uint16_t)held->why.n);
    lth_wr_bytes(wr, held->why.p, held->why.n);
    lth_wr_bytes(wr, held->other.p, held->other.n);
}

static void read_details(lth_rd *rd, lth_frame_held *held)
{
    held->decided_ms = lth_rd64(rd);
    held->by.n = lth_rd8(rd);
    held->by.p = lth_rd_bytes(rd, held->by.n);
    held->why.n = lth_rd16(rd);
    held->why.p = lth_rd_bytes(rd, held->why.n);
    held->other.n = lth_rd_left(rd) > 0 ? sizeof(lth_id) : 0;
    held->other.p = lth_rd_bytes(rd, held->other.n);
}

size_t lth_agent_held_encode(uint8_t out[LTH_AGENT_HELD_BYTES_MAX], const lth_frame_held *held)
{
    lth_wr wr = lth_wr_of(out, LTH_AGENT_HELD_BYTES_MAX);
    lth_wr16(&wr, held->dataset);
    lth_wr_bytes(&wr, held->record_id.b, sizeof held->record_id.b);
    lth_wr16(&wr, (uint16_t)held->code);
    lth_wr16(&wr, held->group);
    lth_wr16(&wr, held->field);
    lth_wr_bytes(&wr, held->tier_org.b, sizeof held->tier_org.b);
    lth_wr16(&wr, held->rule);
    if (has_details(held)) {
        write_details(&wr, held);
    }
    LTH_ASSERT(!wr.bad);
    return lth_wr_size(&wr);
}

bool lth_agent_held_decode(lth_frame_held *out, lth_slice key, lth_slice value)
{
    *out = (lth_frame_held){0};
    lth_rd rd = lth_rd_of(key);
    lth_rd_copy(&rd, out->origin.b, sizeof out->origin.b);
    out->stream = lth_rd64(&rd);
    out->epoch = lth_rd32(&rd);
    out->seq = lth_rd64(&rd);
    out->index = lth_rd32(&rd);
    bool fine = lth_rd_done(&rd);
    rd = lth_rd_of(value);
    out->dataset = lth_rd16(&rd);
    lth_rd_copy(&rd, out->record_id.b, sizeof out->record_id.b);
    out->code = (lth_refusal)lth_rd16(&rd);
    out->group = lth_rd16(&rd);
    out->field = lth_rd16(&rd);
    lth_rd_copy(&rd, out->tier_org.b, sizeof out->tier_org.b);
    out->rule = lth_rd_left(&rd) > 0 ? lth_rd16(&rd) : 0; /* stores of before have none */
    if (!rd.bad && lth_rd_left(&rd) > 0) {
        read_details(&rd, out);
    }
    return fine && lth_rd_done(&rd);
}
