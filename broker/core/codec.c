#include "internal.h"

#define HEAD_BYTES  136u
#define HELD_BYTES  113u
#define HELD_BEFORE 105u /* Without the act. */
#define HELD_SHORT  84u  /* Without rule and wait. */

static void put_id(lth_wr *wr, const lth_id *id)
{
    lth_wr_bytes(wr, id->b, sizeof id->b);
}

static lth_id get_id(lth_rd *rd)
{
    lth_id id;
    lth_rd_copy(rd, id.b, sizeof id.b);
    return id;
}

size_t lth_head_encode(uint8_t out[160], const lth_head *head)
{
    lth_wr wr = lth_wr_of(out, 160);
    lth_wr32(&wr, head->at.epoch);
    lth_wr64(&wr, head->at.seq);
    lth_wr_bytes(&wr, head->at.hash, LTH_HASH_SIZE);
    lth_wr64(&wr, head->next_rec_seq);
    lth_wr64(&wr, head->last_ms);
    put_id(&wr, &head->via_org);
    put_id(&wr, &head->entry_org);
    lth_wr8(&wr, (uint8_t)head->state);
    lth_wr16(&wr, (uint16_t)head->code);
    lth_wr64(&wr, head->held);
    lth_wr64(&wr, head->records_total);
    lth_wr8(&wr, head->out_lane);
    lth_wr64(&wr, head->out_no);
    lth_wr64(&wr, head->requeued_at);
    lth_wr32(&wr, head->grant_day);
    lth_wr32(&wr, head->grants_today);
    LTH_ASSERT(!wr.bad && lth_wr_size(&wr) == HEAD_BYTES);
    return HEAD_BYTES;
}

bool lth_head_decode(lth_head *out, lth_slice in)
{
    lth_rd rd = lth_rd_of(in);
    *out = (lth_head){.at.epoch = lth_rd32(&rd)};
    out->at.seq = lth_rd64(&rd);
    lth_rd_copy(&rd, out->at.hash, LTH_HASH_SIZE);
    out->next_rec_seq = lth_rd64(&rd);
    out->last_ms = lth_rd64(&rd);
    out->via_org = get_id(&rd);
    out->entry_org = get_id(&rd);
    uint8_t state = lth_rd8(&rd);
    out->state = (lth_origin_state)state;
    out->code = (lth_refusal)lth_rd16(&rd);
    out->held = lth_rd64(&rd);
    out->records_total = lth_rd64(&rd);
    out->out_lane = lth_rd8(&rd);
    out->out_no = lth_rd64(&rd);
    out->requeued_at = lth_rd64(&rd);
    out->grant_day = lth_rd32(&rd);
    out->grants_today = lth_rd32(&rd);
    return lth_rd_done(&rd) && state <= LTH_ORIGIN_FROZEN && out->out_lane < LTH_LANES;
}

size_t lth_record_row_encode(uint8_t out[LTH_RECORD_ROW_FIXED], const lth_record_row *row)
{
    lth_wr wr = lth_wr_of(out, LTH_RECORD_ROW_FIXED);
    lth_wr8(&wr, (uint8_t)row->state);
    put_id(&wr, &row->author);
    lth_wr32(&wr, row->term);
    lth_wr32(&wr, row->epoch);
    lth_wr64(&wr, row->rec_seq);
    lth_wr64(&wr, row->accept_no);
    lth_wr32(&wr, row->index);
    lth_wr64(&wr, row->leaf8);
    LTH_ASSERT(!wr.bad && lth_wr_size(&wr) == LTH_RECORD_ROW_FIXED);
    return LTH_RECORD_ROW_FIXED;
}

bool lth_record_row_decode(lth_record_row *out, lth_slice in)
{
    lth_rd rd = lth_rd_of(in);
    uint8_t state = lth_rd8(&rd);
    *out = (lth_record_row){.state = (lth_row_state)state};
    out->author = get_id(&rd);
    out->term = lth_rd32(&rd);
    out->epoch = lth_rd32(&rd);
    out->rec_seq = lth_rd64(&rd);
    out->accept_no = lth_rd64(&rd);
    out->index = lth_rd32(&rd);
    out->leaf8 = lth_rd64(&rd);
    out->wire = lth_slice_of(rd.p, lth_rd_left(&rd));
    return !rd.bad && state >= LTH_ROW_LIVE && state <= LTH_ROW_ERASED;
}

size_t lth_held_row_encode(uint8_t out[LTH_HELD_ROW_MAX], const lth_held_row *row)
{
    lth_wr wr = lth_wr_of(out, LTH_HELD_ROW_MAX);
    put_id(&wr, &row->origin);
    lth_wr64(&wr, row->stream);
    lth_wr32(&wr, row->epoch);
    lth_wr64(&wr, row->seq);
    lth_wr16(&wr, row->dataset);
    put_id(&wr, &row->record_id);
    lth_wr16(&wr, (uint16_t)row->code);
    lth_wr16(&wr, row->group);
    lth_wr16(&wr, row->field);
    lth_wr64(&wr, row->receive_ms);
    put_id(&wr, &row->tier_org);
    lth_wr16(&wr, row->rule);
    lth_wr8(&wr, (uint8_t)row->wait.kind);
    lth_wr16(&wr, row->wait.dataset);
    lth_wr_bytes(&wr, row->wait.hash, sizeof row->wait.hash);
    lth_wr64(&wr, row->decided_no);
    LTH_ASSERT(!wr.bad && lth_wr_size(&wr) == HELD_BYTES);
    return HELD_BYTES;
}

bool lth_held_row_decode(lth_held_row *out, lth_slice in)
{
    lth_rd rd = lth_rd_of(in);
    *out = (lth_held_row){.origin = get_id(&rd)};
    out->stream = lth_rd64(&rd);
    out->epoch = lth_rd32(&rd);
    out->seq = lth_rd64(&rd);
    out->dataset = lth_rd16(&rd);
    out->record_id = get_id(&rd);
    out->code = (lth_refusal)lth_rd16(&rd);
    out->group = lth_rd16(&rd);
    out->field = lth_rd16(&rd);
    out->receive_ms = lth_rd64(&rd);
    out->tier_org = get_id(&rd);
    if (in.n == HELD_SHORT) {
        return lth_rd_done(&rd);
    }
    out->rule = lth_rd16(&rd);
    uint8_t wait = lth_rd8(&rd);
    out->wait.kind = (lth_wait_kind)wait;
    out->wait.dataset = lth_rd16(&rd);
    lth_rd_copy(&rd, out->wait.hash, sizeof out->wait.hash);
    out->decided_no = in.n == HELD_BEFORE ? 0 : lth_rd64(&rd);
    return lth_rd_done(&rd) && wait <= LTH_WAIT_UNIQUE;
}

static void put_person(lth_wr *wr, uint64_t ms, lth_slice by, lth_slice why)
{
    LTH_ASSERT(by.n <= LTH_BY_MAX && why.n <= LTH_WHY_MAX);
    lth_wr64(wr, ms);
    lth_wr8(wr, (uint8_t)by.n);
    lth_wr_bytes(wr, by.p, by.n);
    lth_wr16(wr, (uint16_t)why.n);
    lth_wr_bytes(wr, why.p, why.n);
}

static uint64_t get_person(lth_rd *rd, lth_slice *by, lth_slice *why)
{
    uint64_t ms = lth_rd64(rd);
    by->n = lth_rd8(rd);
    by->p = lth_rd_bytes(rd, by->n);
    why->n = lth_rd16(rd);
    why->p = lth_rd_bytes(rd, why->n);
    return ms;
}

size_t lth_warning_row_encode(uint8_t out[LTH_WARNING_ROW_MAX], const lth_warning_row *row)
{
    lth_wr wr = lth_wr_of(out, LTH_WARNING_ROW_MAX);
    lth_wr64(&wr, row->since_ms);
    lth_wr8(&wr, (uint8_t)row->severity);
    lth_wr64(&wr, row->accept_no);
    lth_wr32(&wr, row->index);
    put_person(&wr, row->accepted_ms, row->by, row->why);
    if (row->said_ms != 0) {
        put_person(&wr, row->said_ms, row->said_by, row->said_why);
    }
    LTH_ASSERT(!wr.bad);
    return lth_wr_size(&wr);
}

bool lth_warning_row_decode(lth_warning_row *out, lth_slice in)
{
    lth_rd rd = lth_rd_of(in);
    *out = (lth_warning_row){.since_ms = lth_rd64(&rd)};
    uint8_t severity = lth_rd8(&rd);
    out->severity = (lth_severity)severity;
    out->accept_no = lth_rd64(&rd);
    out->index = lth_rd32(&rd);
    out->accepted_ms = get_person(&rd, &out->by, &out->why);
    if (!rd.bad && lth_rd_left(&rd) > 0) {
        out->said_ms = get_person(&rd, &out->said_by, &out->said_why);
    }
    return lth_rd_done(&rd) && severity >= LTH_SEVERITY_ERROR && severity <= LTH_SEVERITY_BLOCKS;
}
