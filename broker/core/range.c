#include "settle.h"

#define FOUND_MAX 64u

/* The part of a range that is still to be looked through. */
typedef struct span {
    uint16_t dataset;
    lth_id lo, hi; /**< Exclusive, inclusive. */
    lth_id found[FOUND_MAX];
    uint32_t n;
    bool end;
} span;

static bool older(const broker_batch *b, uint32_t index, const lth_record_row *row)
{
    const lth_batch_header *h = &b->c->batch.header;
    return row->epoch != h->epoch ? row->epoch < h->epoch : row->rec_seq < h->first_rec_seq + index;
}

static bool ends(const lth_broker *self, const broker_batch *b, uint32_t index, span *s,
                 const lth_record_row *row, const lth_id *id)
{
    bool in_batch = lth_broker__find_in_batch(self, b->c, s->dataset, id, false) != NONE;
    return row->state == LTH_ROW_LIVE && older(b, index, row) && (!in_batch || LTH_MUTANT(11));
}

/* Collect the next records of the span that end. Nothing is written while the cursor stands. */
static lth_err collect(const lth_broker *self, broker_batch *b, uint32_t index, span *s)
{
    uint8_t from[20];
    lth_slice key, value;
    lth_record_row row;
    lth_cursor *cursor;
    lth_broker__key_record(from, s->dataset, &s->lo, UINT16_MAX);
    s->n = 0;
    TRY(lth_cursor_open(b->txn, LTH_T_record, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    while (err == LTH_OK && s->n < FOUND_MAX) {
        lth_id id;
        memcpy(id.b, key.p + 2, sizeof id.b);
        if (lth_get16(key.p) != s->dataset || lth_id_compare(&id, &s->hi) > 0) {
            err = LTH_E_NOT_FOUND;
            break;
        }
        if (!lth_record_row_decode(&row, value)) {
            err = LTH_E_STORE_CORRUPT;
            break;
        }
        s->lo = id;
        if (lth_get16(key.p + 18) == 0 && ends(self, b, index, s, &row, &id)) {
            s->found[s->n++] = id;
        }
        err = lth_cursor_next(cursor, &key, &value);
    }
    lth_cursor_close(&cursor);
    s->end = err == LTH_E_NOT_FOUND;
    return s->end ? LTH_OK : err;
}

/* The row keeps its bytes, so that it stays provable, and takes the version of the RANGE. */
static lth_err end_record(lth_broker *self, broker_batch *b, uint32_t index, const span *s,
                          const lth_id *id)
{
    const lth_batch_header *h = &b->c->batch.header;
    uint8_t key[20], natural[512];
    lth_slice value;
    lth_record_row row;
    lth_broker__key_record(key, s->dataset, id, 0);
    TRY(lth_get(b->txn, LTH_T_record, lth_slice_of(key, sizeof key), &value));
    lth_buf_clear(&self->row);
    TRY(lth_buf_add(&self->row, value.p, value.n));
    if (!lth_record_row_decode(&row, lth_buf_slice(&self->row))) {
        return LTH_E_STORE_CORRUPT;
    }
    row.state = LTH_ROW_ABSENT;
    row.epoch = h->epoch;
    row.rec_seq = h->first_rec_seq + index;
    lth_record_row_encode(self->row.p, &row);
    size_t size = lth_broker__natural_of(self, row.wire, natural);
    if (size > 0) {
        TRY(lth_broker__natural_drop(b->txn, natural, size, id));
        TRY(lth_broker__wake(self, b->txn, LTH_WAIT_FREE, natural, size));
    }
    TRY(lth_broker__unique_end(self, b->txn, s->dataset, row.wire));
    TRY(lth_put_kv(b->txn, LTH_T_record, lth_slice_of(key, sizeof key), lth_buf_slice(&self->row),
                   LTH_PUT));
    TRY(lth_broker__feed(self, b->txn, key));
    TRY(lth_broker__warnings_drop(self, b->txn, s->dataset, id));
    return lth_broker__count(self, b->txn, s->dataset, id, -1, 1);
}

void lth_broker__range_span(const broker_batch *b, uint32_t index, lth_id *lo, lth_id *hi)
{
    const lth_checked_record *r = &b->c->records[index];
    lth_rd rd = lth_rd_of(lth_slice_of(b->frame->body.p + r->offset, r->size));
    lth_record_view view;
    bool last;
    bool fine =
        lth_record_parse(&view, &rd) == LTH_REFUSE_none && lth_record_range(&view, lo, hi, &last);
    LTH_ASSERT(fine); /* Held in check.c otherwise. */
    if (memcmp(lo->b, hi->b, 8) < 0) {
        memcpy(lo->b, hi->b, 8); /* Never into the records of another owner. */
        memset(lo->b + 8, 0, 8);
    }
}

lth_err lth_broker__range_count(lth_broker *self, broker_batch *b, uint32_t index, uint64_t most,
                                uint64_t *n)
{
    span s = {.dataset = b->c->records[index].dataset};
    lth_broker__range_span(b, index, &s.lo, &s.hi);
    *n = 0;
    while (!s.end && *n < most && lth_id_compare(&s.lo, &s.hi) < 0) {
        TRY(collect(self, b, index, &s));
        *n += s.n;
    }
    return LTH_OK;
}

lth_err lth_broker__range(lth_broker *self, broker_batch *b, uint32_t index)
{
    span s = {.dataset = b->c->records[index].dataset};
    lth_broker__range_span(b, index, &s.lo, &s.hi);
    TRY(lth_broker__unhold_range(self, b, index, &s.lo, &s.hi));
    while (!s.end && lth_id_compare(&s.lo, &s.hi) < 0) {
        TRY(collect(self, b, index, &s));
        for (uint32_t i = 0; i < s.n; i++) {
            TRY(end_record(self, b, index, &s, &s.found[i]));
        }
    }
    return LTH_OK;
}
