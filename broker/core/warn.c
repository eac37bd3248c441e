/* Warnings: rules that a merged record does not meet. Only at its entry broker; made with a version
 * and gone with the next. */
#include "settle.h"

#define WARNING_KEY 20u

static void make_key(uint8_t key[WARNING_KEY], uint16_t dataset, const lth_id *id, uint16_t rule)
{
    lth_put16(key, dataset);
    memcpy(key + 2, id->b, sizeof id->b);
    lth_put16(key + 18, rule);
}

static bool marked(const lth_broker *self, uint16_t dataset)
{
    return (self->warned[dataset / 8] >> (dataset % 8) & 1) != 0;
}

static void mark(lth_broker *self, uint16_t dataset)
{
    self->warned[dataset / 8] |= (uint8_t)(1u << (dataset % 8));
}

lth_err lth_broker__warnings_load(lth_broker *self, lth_txn *txn)
{
    uint8_t from[2] = {0};
    lth_slice key, value;
    lth_cursor *cursor;
    TRY(lth_cursor_open(txn, LTH_T_warning, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    while (err == LTH_OK) {
        uint16_t dataset = lth_get16(key.p);
        mark(self, dataset);
        lth_put16(from, (uint16_t)(dataset + 1));
        err = dataset == UINT16_MAX
                  ? LTH_E_NOT_FOUND
                  : lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* How many of an owner's records are warned about by one rule. */
static lth_err count(lth_txn *txn, const uint8_t warning[WARNING_KEY], int64_t open,
                     int64_t accepted)
{
    uint8_t key[12], bytes[16] = {0};
    lth_slice value;
    memcpy(key, warning + 2, 8);
    memcpy(key + 8, warning, 2);
    memcpy(key + 10, warning + 18, 2);
    lth_err err = lth_get(txn, LTH_T_warned, lth_slice_of(key, sizeof key), &value);
    if (err == LTH_OK && value.n == sizeof bytes) {
        memcpy(bytes, value.p, sizeof bytes);
    } else if (err != LTH_E_NOT_FOUND) {
        return err == LTH_OK ? LTH_E_STORE_CORRUPT : err;
    }
    lth_put64(bytes, lth_get64(bytes) + (uint64_t)open);
    lth_put64(bytes + 8, lth_get64(bytes + 8) + (uint64_t)accepted);
    if (lth_get64(bytes) == 0 && lth_get64(bytes + 8) == 0) {
        return err == LTH_E_NOT_FOUND ? LTH_OK
                                      : lth_del(txn, LTH_T_warned, lth_slice_of(key, sizeof key));
    }
    return lth_put_kv(txn, LTH_T_warned, lth_slice_of(key, sizeof key),
                      lth_slice_of(bytes, sizeof bytes), LTH_PUT);
}

/* The first warning about this record, if any. */
static lth_err first(lth_txn *txn, uint8_t key[WARNING_KEY], lth_warning_row *row, bool *found)
{
    lth_slice at, value;
    lth_cursor *cursor;
    TRY(lth_cursor_open(txn, LTH_T_warning, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(key, WARNING_KEY), &at, &value);
    *found = err == LTH_OK && at.n == WARNING_KEY && memcmp(at.p, key, 18) == 0;
    if (*found) {
        memcpy(key, at.p, WARNING_KEY);
        err = lth_warning_row_decode(row, value) ? LTH_OK : LTH_E_STORE_CORRUPT;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_broker__warnings_drop(lth_broker *self, lth_txn *txn, uint16_t dataset,
                                  const lth_id *id)
{
    bool found = marked(self, dataset);
    while (found) {
        uint8_t key[WARNING_KEY];
        lth_warning_row row;
        make_key(key, dataset, id, 0);
        TRY(first(txn, key, &row, &found));
        if (found) {
            bool accepted = row.accepted_ms != 0;
            TRY(lth_del(txn, LTH_T_warning, lth_slice_of(key, sizeof key)));
            TRY(count(txn, key, accepted ? 0 : -1, accepted ? -1 : 0));
        }
    }
    return LTH_OK;
}

static lth_err put_all(lth_broker *self, broker_batch *b, uint32_t index,
                       const lth_checked_warning *list, uint32_t n)
{
    const lth_checked_record *r = &b->c->records[index];
    for (uint32_t i = 0; i < n; i++) {
        uint8_t key[WARNING_KEY], value[LTH_WARNING_ROW_MAX];
        lth_warning_row row = {.since_ms = b->receive_ms,
                               .severity = (lth_severity)list[i].severity,
                               .accept_no = b->accept_no,
                               .index = index};
        if (list[i].index != index) {
            continue;
        }
        mark(self, r->dataset);
        make_key(key, r->dataset, &r->record_id, list[i].rule);
        size_t size = lth_warning_row_encode(value, &row);
        lth_err err = lth_put_kv(b->txn, LTH_T_warning, lth_slice_of(key, sizeof key),
                                 lth_slice_of(value, size), LTH_PUT_NEW);
        if (err != LTH_E_EXISTS) {
            TRY(err);
            TRY(count(b->txn, key, 1, 0));
        }
    }
    return LTH_OK;
}

lth_err lth_broker__warnings(lth_broker *self, broker_batch *b, uint32_t index)
{
    const lth_checked_record *r = &b->c->records[index];
    const broker_merge *m = &self->merge;
    if (r->slot != 0 || !b->entry) {
        return LTH_OK;
    }
    bool new = m->out[index].old_state == 0;
    TRY(new ? LTH_OK : lth_broker__warnings_drop(self, b->txn, r->dataset, &r->record_id));
    if (r->op == LTH_OP_DELETE || !r->warns) {
        return LTH_OK;
    }
    TRY(put_all(self, b, index, b->c->warnings, b->c->n_warnings));
    return put_all(self, b, index, m->warnings, m->n_warnings);
}

/* dataset 2 | record_id 16 | rule 2 in place of places: n is 0. */
static lth_err write_act(lth_broker *self, lth_txn *txn, lth_now now, const lth_decision *decision,
                         const uint8_t key[WARNING_KEY])
{
    uint8_t head[5] = {LTH_DECIDE_ACCEPT}, by_n = (uint8_t)decision->by.n, why_n[2];
    lth_put16(why_n, (uint16_t)decision->why.n);
    lth_slice parts[] = {{head, sizeof head}, {key, WARNING_KEY}, {&by_n, 1},
                         decision->by,        {why_n, 2},         decision->why};
    return lth_broker__act(self, txn, now, LTH_ACT_DECISION, parts, 6);
}

lth_err lth_broker__warning_accept(lth_broker *self, lth_txn *txn, lth_now now,
                                   lth_decision *decision)
{
    uint8_t key[WARNING_KEY], bytes[LTH_WARNING_ROW_MAX];
    lth_slice value;
    lth_warning_row row;
    make_key(key, decision->dataset, &decision->record_id, decision->rule);
    lth_err err = lth_get(txn, LTH_T_warning, lth_slice_of(key, sizeof key), &value);
    decision->result = err == LTH_OK ? LTH_DECIDED_DONE : LTH_DECIDED_NOT_FOUND;
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    if (!lth_warning_row_decode(&row, value)) {
        return LTH_E_STORE_CORRUPT;
    }
    bool before = row.accepted_ms != 0;
    row.accepted_ms = now.wall_ms;
    row.by = decision->by;
    row.why = decision->why;
    size_t size = lth_warning_row_encode(bytes, &row);
    TRY(lth_put_kv(txn, LTH_T_warning, lth_slice_of(key, sizeof key), lth_slice_of(bytes, size),
                   LTH_PUT));
    TRY(before ? LTH_OK : count(txn, key, -1, 1));
    return write_act(self, txn, now, decision, key);
}

/* Of a version that is gone, or of what this node does not warn about: nothing to show it beside.
 */
lth_err lth_broker__accepted(lth_broker *self, lth_txn *txn, const broker_peer *peer,
                             const lth_frame_accepted *frame)
{
    const broker_origin *origin = lth_broker__origin(self, &frame->origin, LTH_STREAM_OWN);
    uint8_t key[WARNING_KEY], bytes[LTH_WARNING_ROW_MAX];
    lth_slice value;
    lth_warning_row row;
    bool may = origin != NULL && origin->peer == peer->handle &&
               memcmp(frame->record_id.b, frame->origin.b, 8) == 0;
    make_key(key, frame->dataset, &frame->record_id, frame->rule);
    lth_err err =
        may ? lth_get(txn, LTH_T_warning, lth_slice_of(key, sizeof key), &value) : LTH_E_NOT_FOUND;
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    if (!lth_warning_row_decode(&row, value)) {
        return LTH_E_STORE_CORRUPT;
    }
    uint64_t ms = frame->accepted_ms == 0 ? 1 : frame->accepted_ms;
    if (row.said_ms == ms && lth_slice_equal(row.said_by, frame->by) &&
        lth_slice_equal(row.said_why, frame->why)) {
        return LTH_OK;
    }
    row.said_ms = ms;
    row.said_by = frame->by;
    row.said_why = frame->why;
    size_t size = lth_warning_row_encode(bytes, &row);
    return lth_put_kv(txn, LTH_T_warning, lth_slice_of(key, sizeof key), lth_slice_of(bytes, size),
                      LTH_PUT);
}
