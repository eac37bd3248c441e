#include "settle.h"

/* Order in which records are read and written: that of table `record`, within one key that of the
 * batch. */
static int compare(const lth_checked_record *r, uint16_t a, uint16_t b)
{
    const lth_checked_record *x = &r[a], *y = &r[b];
    if (x->dataset != y->dataset) {
        return x->dataset < y->dataset ? -1 : 1;
    }
    int order = lth_id_compare(&x->record_id, &y->record_id);
    if (order != 0) {
        return order;
    }
    if (x->slot != y->slot) {
        return x->slot < y->slot ? -1 : 1;
    }
    return a < b ? -1 : a > b;
}

static bool same_key(const lth_checked_record *a, const lth_checked_record *b)
{
    return a->dataset == b->dataset && a->slot == b->slot &&
           lth_id_equal(&a->record_id, &b->record_id);
}

static void merge_runs(const lth_checked_record *r, const uint16_t *in, uint16_t *out, uint32_t lo,
                       uint32_t mid, uint32_t hi)
{
    uint32_t a = lo, b = mid;
    for (uint32_t k = lo; k < hi; k++) {
        bool left = a < mid && (b == hi || compare(r, in[a], in[b]) <= 0);
        out[k] = left ? in[a++] : in[b++];
    }
}

static void sort(lth_broker *self, const lth_checked *c)
{
    broker_merge *m = &self->merge;
    uint16_t *in = m->order, *out = m->spare;
    uint32_t n = c->n_records;
    bool sorted = true;
    for (uint32_t i = 0; i < n; i++) {
        in[i] = (uint16_t)i;
        sorted = sorted && (i == 0 || compare(c->records, (uint16_t)(i - 1), (uint16_t)i) < 0);
    }
    for (uint32_t width = 1; width < n && !sorted; width *= 2) {
        for (uint32_t lo = 0; lo < n; lo += 2 * width) {
            uint32_t mid = lo + width < n ? lo + width : n;
            uint32_t hi = lo + 2 * width < n ? lo + 2 * width : n;
            merge_runs(c->records, in, out, lo, mid, hi);
        }
        uint16_t *swap = in;
        in = out;
        out = swap;
    }
    if (in != m->order) {
        memcpy(m->order, in, n * sizeof *in);
    }
}

uint32_t lth_broker__find_in_batch(const lth_broker *self, const lth_checked *c, uint16_t dataset,
                                   const lth_id *id, bool merged)
{
    const broker_merge *m = &self->merge;
    lth_checked_record wanted = {.dataset = dataset, .record_id = *id};
    uint32_t lo = 0, hi = c->n_records;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        const lth_checked_record *at = &c->records[m->order[mid]];
        int order = at->dataset != dataset ? (at->dataset < dataset ? -1 : 1)
                                           : lth_id_compare(&at->record_id, id);
        if (order < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    for (; lo < c->n_records && same_key(&c->records[m->order[lo]], &wanted); lo++) {
        uint32_t index = m->order[lo];
        if (c->records[index].op != LTH_OP_RANGE &&
            (!merged || m->out[index].fate == FATE_MERGED)) {
            return index;
        }
    }
    return NONE;
}

/* Does the author stand where the owner of these groups must stand? */
static bool author_in_place(lth_broker *self, const broker_batch *b, const lth_checked_record *r)
{
    const lth_registry *registry = self->env.registry;
    const lth_org *owner = lth_registry_find_prefix(registry, r->record_id.b);
    return owner != NULL &&
           lth_registry_under_any(registry, owner, b->org, lth_day_of(b->receive_ms));
}

/* The entry broker decides; behind it only what this node alone can see is added: scope, so that no
 * statement of another broker opens one school's records to another, an operation that no schema
 * allows, and what this node cannot judge yet. The entry broker may have known as little: then what
 * the school says of its own record counts, and here, once this node waited for the definition, its
 * own judgement. What the entry broker stated later stands for what it attested. */
static uint16_t disposition(lth_broker *self, const broker_batch *b, uint32_t index)
{
    const lth_checked_record *r = &b->c->records[index];
    uint16_t attested = self->merge.attested[index];
    uint8_t stated = self->merge.stated[index];
    if (r->slot != 0 && r->code == LTH_REFUSE_none && !author_in_place(self, b, r)) {
        return LTH_REFUSE_scope;
    }
    if (b->entry) {
        bool rejected = stated == LTH_RELEASE_KEEP && attested == LTH_REFUSE_rejected;
        return rejected ? attested : r->code;
    }
    bool blind = r->code == LTH_REFUSE_await_definition;
    if (r->code == LTH_REFUSE_scope || r->code == LTH_REFUSE_bad_op ||
        attested == LTH_REFUSE_await_definition) {
        return r->code;
    }
    if (stated == LTH_RELEASE_MERGE) {
        return blind ? r->code : LTH_REFUSE_none;
    }
    bool own = b->again != AGAIN_NOT || blind || r->code == LTH_REFUSE_invalid_at_source;
    return own && attested == LTH_REFUSE_none ? r->code : attested;
}

static lth_err dispose_one(lth_broker *self, const broker_batch *b, uint32_t index)
{
    const lth_checked_record *r = &b->c->records[index];
    broker_outcome *o = &self->merge.out[index];
    bool waits = false;
    o->code = disposition(self, b, index);
    if (o->code == LTH_REFUSE_none && b->again == AGAIN_NOT) {
        TRY(lth_broker__await_pending(self, b->txn, r->dataset, &waits));
        o->code = waits ? LTH_REFUSE_await_definition : LTH_REFUSE_none;
    }
    if (o->code != LTH_REFUSE_none) {
        o->fate = LTH_MUTANT(9) ? FATE_CANDIDATE : FATE_HELD;
        o->group = o->code == r->code ? r->group : 0;
        o->field = o->code == r->code ? r->field : 0;
        o->rule = o->code == r->code ? r->rule : 0;
    } else if (r->op == LTH_OP_RANGE) {
        o->fate = FATE_RANGE;
    }
    return LTH_OK;
}

/* What the entry broker attested and stated, where it was another node; what people rejected here.
 */
static lth_err read_attested(lth_broker *self, broker_batch *b)
{
    broker_merge *m = &self->merge;
    memset(m->attested, 0, sizeof m->attested);
    memset(m->stated, 0, sizeof m->stated);
    for (uint32_t i = 0; !b->entry && i < b->c->attest.n_held; i++) {
        const lth_held_mark *mark = &b->c->attest.held[i];
        m->attested[mark->index] = mark->code;
    }
    bool asks = !b->entry || b->again == AGAIN_DEFINED;
    return asks ? lth_broker__stated(self, b, &b->stated) : LTH_OK;
}

static lth_err dispose(lth_broker *self, broker_batch *b)
{
    broker_merge *m = &self->merge;
    bool leaves = false;
    TRY(read_attested(self, b));
    for (uint32_t i = 0; i < b->c->n_records; i++) {
        const lth_checked_record *r = &b->c->records[i];
        broker_outcome *o = &m->out[i];
        *o = (broker_outcome){.fate = FATE_CANDIDATE};
        leaves = leaves || r->form == LTH_FORM_LEAF;
        if (r->form == LTH_FORM_LEAF || (b->again != AGAIN_NOT && m->pick[i] == 0)) {
            o->fate = FATE_LEAF;
            continue;
        }
        TRY(dispose_one(self, b, i));
    }
    /* Among withheld records nobody can tell which ones the range still has. */
    if (leaves && b->c->n_records > 0 && m->out[0].fate == FATE_RANGE) {
        m->out[0].fate = FATE_LEAF;
    }
    return LTH_OK;
}

/* <0, 0, >0 as the record of this batch is older than, equal to or newer than the row. */
static int against(const broker_batch *b, uint32_t index, const lth_record_row *row)
{
    const lth_batch_header *h = &b->c->batch.header;
    const uint64_t mine[] = {0, h->epoch, h->first_rec_seq + index};
    const uint64_t old[] = {row->term, row->epoch, row->rec_seq};
    for (size_t i = 0; i < 3; i++) {
        if (mine[i] != old[i]) {
            return mine[i] < old[i] ? -1 : 1;
        }
    }
    return 0;
}

/* The old row's natural key goes before any new one of the batch comes, so that two records may
 * swap theirs. */
static lth_err release_natural(lth_broker *self, broker_batch *b, uint32_t index,
                               const lth_record_row *old)
{
    const lth_checked_record *r = &b->c->records[index];
    broker_outcome *o = &self->merge.out[index];
    if (r->slot != 0 || old->state != LTH_ROW_LIVE) {
        return LTH_OK;
    }
    uint8_t before[512], after[512];
    size_t n = lth_broker__natural_of(self, old->wire, before);
    if (n == 0) {
        return LTH_OK;
    }
    if (r->op != LTH_OP_DELETE && r->natural_size != UINT32_MAX) {
        lth_slice natural = {b->frame->body.p + r->natural_offset, r->natural_size};
        size_t m = lth_natural_key(after, self->hasher, r->dataset, r->record_id.b, natural);
        o->same_natural = m == n && memcmp(before, after, n) == 0;
    }
    if (o->same_natural || (r->op == LTH_OP_DELETE && LTH_MUTANT(12))) {
        return LTH_OK;
    }
    o->had_natural = true;
    if (lth_broker__waited_for(self, LTH_WAIT_FREE, r->dataset)) {
        lth_broker__wait_for(self, &o->gave_up, LTH_WAIT_FREE, before, n);
    }
    return lth_broker__natural_drop(b->txn, before, n, &r->record_id);
}

/* The last good version of one key in this batch against the row that is there. */
static lth_err compare_with_row(lth_broker *self, broker_batch *b, uint32_t index)
{
    const lth_checked_record *r = &b->c->records[index];
    broker_outcome *o = &self->merge.out[index];
    uint8_t key[20];
    lth_slice value;
    lth_record_row row;
    lth_broker__key_record(key, r->dataset, &r->record_id, r->slot);
    lth_err err = lth_get(b->txn, LTH_T_record, lth_slice_of(key, sizeof key), &value);
    o->fate = FATE_MERGED;
    if (err == LTH_E_NOT_FOUND) {
        return LTH_OK;
    }
    TRY(err);
    if (!lth_record_row_decode(&row, value)) {
        return LTH_E_STORE_CORRUPT;
    }
    if (against(b, index, &row) <= 0 && !LTH_MUTANT(3)) {
        o->fate = FATE_SUPERSEDED;
        return LTH_OK;
    }
    o->old_state = (uint8_t)row.state;
    TRY(self->n_indexes > 0 ? lth_broker__unique_before(self, b, index, &row) : LTH_OK);
    return release_natural(self, b, index, &row);
}

/* Within one batch a later version of a record takes the place of an earlier one. */
static lth_err settle_key(lth_broker *self, broker_batch *b, uint32_t start, uint32_t end)
{
    broker_merge *m = &self->merge;
    bool newer_good = false, newer_held = false;
    for (uint32_t k = end; k-- > start;) {
        broker_outcome *o = &m->out[m->order[k]];
        if (o->fate == FATE_HELD) {
            o->fate = newer_good || newer_held ? FATE_HELD_CLOSED : FATE_HELD;
            newer_held = true;
        } else if (o->fate == FATE_CANDIDATE && newer_good) {
            o->fate = FATE_SUPERSEDED;
        } else if (o->fate == FATE_CANDIDATE) {
            newer_good = true;
            TRY(compare_with_row(self, b, m->order[k]));
        }
    }
    return LTH_OK;
}

static lth_err settle(lth_broker *self, broker_batch *b)
{
    const lth_checked_record *r = b->c->records;
    const uint16_t *order = self->merge.order;
    for (uint32_t start = 0, end; start < b->c->n_records; start = end) {
        end = start + 1;
        while (end < b->c->n_records && r[order[start]].form != LTH_FORM_LEAF &&
               same_key(&r[order[start]], &r[order[end]])) {
            end++;
        }
        TRY(settle_key(self, b, start, end));
    }
    return LTH_OK;
}

static lth_err put_row(lth_broker *self, broker_batch *b, uint32_t index)
{
    const lth_checked_record *r = &b->c->records[index];
    const broker_outcome *o = &self->merge.out[index];
    const lth_batch_header *h = &b->c->batch.header;
    lth_record_row row = {.state = r->op == LTH_OP_DELETE ? LTH_ROW_DELETED : LTH_ROW_LIVE,
                          .author = h->origin,
                          .epoch = h->epoch,
                          .rec_seq = h->first_rec_seq + index,
                          .accept_no = b->accept_no,
                          .index = index,
                          .leaf8 = r->leaf8};
    uint8_t key[20], *value;
    lth_broker__key_record(key, r->dataset, &r->record_id, r->slot);
    TRY(lth_put_reserve(b->txn, LTH_T_record, lth_slice_of(key, sizeof key),
                        LTH_RECORD_ROW_FIXED + r->size, LTH_PUT, &value));
    memcpy(value + lth_record_row_encode(value, &row), b->frame->body.p + r->offset, r->size);
    TRY(lth_broker__feed(self, b->txn, key));
    if (r->slot != 0) {
        return LTH_OK;
    }
    int64_t live = (row.state == LTH_ROW_LIVE) - (o->old_state == LTH_ROW_LIVE);
    int64_t absent = -(int64_t)(o->old_state == LTH_ROW_ABSENT);
    return lth_broker__count(self, b->txn, r->dataset, &r->record_id, live, absent);
}

/* Of a stored batch a record may be held under another key than the one it has by its reason now.
 */
static lth_err write_one(lth_broker *self, broker_batch *b, uint32_t index)
{
    const broker_merge *m = &self->merge;
    bool own = b->again != AGAIN_NOT && m->pick[index] != 0;
    switch (m->out[index].fate) {
    case FATE_MERGED:
        TRY(put_row(self, b, index));
        TRY(lth_broker__warnings(self, b, index));
        TRY(lth_broker__natural_tell(self, b, index));
        TRY(b->head.held > 0 ? lth_broker__unhold(self, b, index) : LTH_OK);
        break;
    case FATE_HELD:
        return lth_broker__hold(self, b, index);
    default:
        break;
    }
    return own ? lth_broker__unhold_own(self, b, index) : LTH_OK;
}

static lth_err write_all(lth_broker *self, broker_batch *b)
{
    for (uint32_t k = 0; k < b->c->n_records; k++) {
        TRY(write_one(self, b, self->merge.order[k]));
    }
    TRY(lth_broker__uniques_wake(self, b));
    return lth_broker__count_flush(self, b->txn);
}

/* The RANGE of a snapshot chunk: what it would end may be too much. */
static lth_err end_range(lth_broker *self, broker_batch *b)
{
    broker_outcome *o = &self->merge.out[0];
    bool holds = false;
    if (b->c->n_records == 0 || o->fate != FATE_RANGE) {
        return LTH_OK;
    }
    if (b->entry && b->again != AGAIN_RETRIED) {
        TRY(lth_broker__guard(self, b, 0, &holds));
    }
    if (!holds) {
        return lth_broker__range(self, b, 0);
    }
    lth_id lo, hi;
    o->fate = FATE_HELD;
    o->code = LTH_REFUSE_mass_deletion;
    lth_broker__range_span(b, 0, &lo, &hi);
    return lth_broker__unhold_range(self, b, 0, &lo, &hi);
}

lth_err lth_broker__merge(lth_broker *self, broker_batch *b)
{
    const broker_merge *m = &self->merge;
    bool first = b->entry && !self->judges && b->c->batch.header.stream == LTH_STREAM_OWN;
    TRY(first ? lth_broker__indexes_enter(self, b->txn) : LTH_OK);
    self->n_claims = 0;
    sort(self, b->c);
    TRY(dispose(self, b));
    TRY(settle(self, b));
    TRY(end_range(self, b));
    for (uint32_t k = 0; k < b->c->n_records; k++) {
        uint32_t index = m->order[k];
        if (m->out[index].fate == FATE_MERGED) {
            TRY(lth_broker__natural_take(self, b, index));
        }
    }
    TRY(lth_broker__references(self, b));
    TRY(lth_broker__uniques(self, b));
    return write_all(self, b);
}
