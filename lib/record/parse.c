#include "internal.h"

void lth_record__header_encode(uint8_t out[LTH_RECORD_HEADER_SIZE], const lth_record_header *h)
{
    lth_wr wr = lth_wr_of(out, LTH_RECORD_HEADER_SIZE);
    lth_wr8(&wr, h->op);
    lth_wr8(&wr, h->n_groups);
    lth_wr16(&wr, h->dataset);
    lth_wr32(&wr, h->flags);
    lth_wr64(&wr, h->rec_seq);
    lth_wr_bytes(&wr, h->record_id.b, sizeof h->record_id.b);
    lth_wr64(&wr, h->src_version);
    lth_wr64(&wr, h->src_commit_time_ms);
    LTH_ASSERT(!wr.bad && wr.p == wr.end);
}

/* False if truncated or a field is outside its range. */
static bool read_header(lth_record_view *out, lth_rd *in)
{
    const uint8_t *bytes = lth_rd_bytes(in, LTH_RECORD_HEADER_SIZE);
    if (bytes == NULL) {
        return false;
    }
    lth_rd rd = lth_rd_of(lth_slice_of(bytes, LTH_RECORD_HEADER_SIZE));
    lth_record_header *h = &out->header;
    out->header_bytes = bytes;
    h->op = lth_rd8(&rd);
    h->n_groups = lth_rd8(&rd);
    h->dataset = lth_rd16(&rd);
    h->flags = lth_rd32(&rd);
    h->rec_seq = lth_rd64(&rd);
    lth_rd_copy(&rd, h->record_id.b, sizeof h->record_id.b);
    h->src_version = lth_rd64(&rd);
    h->src_commit_time_ms = lth_rd64(&rd);
    LTH_ASSERT(lth_rd_done(&rd));
    out->n_groups = h->n_groups;
    return h->op >= LTH_OP_STATE && h->op <= LTH_OP_RANGE && h->n_groups >= 1 &&
           h->n_groups <= LTH_GROUPS_MAX &&
           (h->flags & ~(LTH_RECORD_INVALID | LTH_RECORD_LAST)) == 0;
}

/* A truncated group leaves @p in bad; false for a byte that is neither 0 nor 1. */
static bool read_group(lth_group_view *group, lth_rd *in, bool redacted)
{
    *group = (lth_group_view){.number = lth_rd16(in), .shown = true};
    if (redacted) {
        uint8_t shown = lth_rd8(in);
        if (shown > 1) {
            return false;
        }
        group->shown = shown == 1;
        if (!group->shown) {
            group->commitment = lth_rd_bytes(in, LTH_HASH_SIZE);
            return true;
        }
        group->salt = lth_rd_bytes(in, SALT_SIZE);
    }
    group->value.n = lth_rd32(in);
    group->value.p = lth_rd_bytes(in, group->value.n);
    return true;
}

static bool read_groups(lth_record_view *out, lth_rd *in, bool redacted)
{
    uint16_t last = 0;
    for (uint32_t i = 0; i < out->n_groups; i++) {
        lth_group_view *group = &out->groups[i];
        if (!read_group(group, in, redacted) || in->bad || group->number <= last) {
            return false;
        }
        last = group->number;
    }
    return true;
}

size_t lth_record__widest(const lth_record_view *record)
{
    if (record->form == LTH_FORM_LEAF) {
        return record->wire.n;
    }
    size_t size = FORM_2_FIXED;
    for (uint32_t i = 0; i < record->n_groups; i++) {
        size += lth_record__group_widest(record->groups[i].value.n);
    }
    return size;
}

lth_refusal lth_record_parse(lth_record_view *out, lth_rd *in)
{
    const uint8_t *start = in->p;
    out->form = lth_rd8(in);
    out->leaf = NULL;
    out->header_bytes = NULL;
    out->seed = NULL;
    out->n_groups = 0;
    bool fine = !in->bad;
    if (fine && out->form == LTH_FORM_LEAF) {
        out->header = (lth_record_header){0};
        out->leaf = lth_rd_bytes(in, LTH_HASH_SIZE);
    } else if (fine && out->form == LTH_FORM_FULL) {
        fine = read_header(out, in);
        out->seed = lth_rd_bytes(in, SEED_SIZE);
        fine = fine && read_groups(out, in, false);
    } else {
        fine = fine && out->form == LTH_FORM_REDACTED && read_header(out, in) &&
               read_groups(out, in, true);
    }
    if (!fine || in->bad) {
        return LTH_REFUSE_bad_body;
    }
    out->wire = lth_slice_of(start, (size_t)(in->p - start));
    return lth_record__widest(out) <= LTH_RECORD_MAX ? LTH_REFUSE_none : LTH_REFUSE_bad_body;
}

const lth_group_view *lth_record_group(const lth_record_view *record, uint16_t number)
{
    for (uint32_t i = 0; i < record->n_groups && record->groups[i].number <= number; i++) {
        if (record->groups[i].number == number) {
            return &record->groups[i];
        }
    }
    return NULL;
}

bool lth_record_range(const lth_record_view *record, lth_id *lo, lth_id *hi, bool *last)
{
    const lth_group_view *group = lth_record_group(record, 1);
    if (record->form == LTH_FORM_LEAF || record->header.op != LTH_OP_RANGE ||
        record->n_groups != 1 || group == NULL || !group->shown || group->value.n != sizeof lo->b) {
        return false;
    }
    memcpy(lo->b, group->value.p, sizeof lo->b);
    *hi = record->header.record_id;
    *last = (record->header.flags & LTH_RECORD_LAST) != 0;
    return true;
}
