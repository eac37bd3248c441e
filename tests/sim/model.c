/* A naive merge: of all that the log holds of a record, the greatest (epoch, rec_seq) stands; it is
 * absent if a later RANGE covers it and the chunk does not name it. */
#include <stdlib.h>

#include "sim.h"

#define LOG_FIXED 265u

typedef struct version {
    uint16_t dataset;
    lth_id id;
    uint32_t epoch;
    uint64_t rec_seq;
    uint64_t accept_no;
    uint32_t index;
    bool deleted, absent;
    bool late; /**< Merged by a release. */
    bool met;
    lth_slice wire;
} version;

typedef struct model {
    sim *s;
    sim_node *node;
    lth_txn *txn;
    version *v;
    uint32_t n, cap;
    bool ranges; /**< Second pass. */
} model;

static version *find(model *m, uint16_t dataset, const lth_id *id)
{
    for (uint32_t i = 0; i < m->n; i++) {
        if (m->v[i].dataset == dataset && lth_id_equal(&m->v[i].id, id)) {
            return &m->v[i];
        }
    }
    return NULL;
}

static bool later(uint32_t epoch, uint64_t rec_seq, const version *than)
{
    return epoch != than->epoch ? epoch > than->epoch : rec_seq > than->rec_seq;
}

static void take(model *m, const lth_batch_header *h, const lth_record_view *view,
                 uint64_t accept_no, uint32_t index, bool late)
{
    version *v = find(m, view->header.dataset, &view->header.record_id);
    if (v == NULL) {
        if (m->n == m->cap) {
            m->cap = m->cap == 0 ? 256 : m->cap * 2;
            m->v = realloc(m->v, m->cap * sizeof *m->v);
        }
        v = &m->v[m->n++];
        *v = (version){.dataset = view->header.dataset, .id = view->header.record_id};
    } else if (!later(h->epoch, view->header.rec_seq, v)) {
        return;
    }
    v->epoch = h->epoch;
    v->rec_seq = view->header.rec_seq;
    v->accept_no = accept_no;
    v->index = index;
    v->late = late;
    v->deleted = view->header.op == LTH_OP_DELETE;
    v->wire = view->wire;
}

static bool names(lth_slice body, const version *v)
{
    lth_record_view view;
    lth_rd rd = lth_rd_of(body);
    while (lth_rd_left(&rd) > 0 && lth_record_parse(&view, &rd) == LTH_REFUSE_none) {
        if (view.form != LTH_FORM_LEAF && view.header.op != LTH_OP_RANGE &&
            view.header.dataset == v->dataset && lth_id_equal(&view.header.record_id, &v->id)) {
            return true;
        }
    }
    return false;
}

/* Among withheld records nobody can tell which ones a RANGE still has. */
static bool has_leaves(lth_slice body)
{
    lth_record_view view;
    lth_rd rd = lth_rd_of(body);
    while (lth_rd_left(&rd) > 0 && lth_record_parse(&view, &rd) == LTH_REFUSE_none) {
        if (view.form == LTH_FORM_LEAF) {
            return true;
        }
    }
    return false;
}

static void end_range(model *m, const lth_batch_header *h, const lth_record_view *view,
                      lth_slice body)
{
    lth_id lo, hi;
    bool last;
    if (!lth_record_range(view, &lo, &hi, &last) || has_leaves(body)) {
        return;
    }
    for (uint32_t i = 0; i < m->n; i++) {
        version *v = &m->v[i];
        bool inside = v->dataset == view->header.dataset && memcmp(v->id.b, h->origin.b, 8) == 0 &&
                      lth_id_compare(&v->id, &lo) > 0 && lth_id_compare(&v->id, &hi) <= 0;
        if (inside && later(h->epoch, view->header.rec_seq, v) && !v->deleted && !names(body, v)) {
            v->absent = true;
        }
    }
}

static bool held(const lth_attest *attest, uint32_t index)
{
    for (uint32_t i = 0; i < attest->n_held; i++) {
        if (attest->held[i].index == index) {
            return true;
        }
    }
    return false;
}

/* Did the entry broker let it through later? */
static bool let_through(model *m, const lth_batch_header *h, uint32_t index)
{
    static lth_release r;
    uint8_t key[36];
    lth_slice at, value, act;
    lth_cursor *cursor;
    bool yes = false;
    memcpy(key, h->origin.b, 16);
    lth_put64(key + 16, h->stream);
    lth_put32(key + 24, h->epoch);
    lth_put64(key + 28, h->batch_seq);
    if (lth_cursor_open(m->txn, LTH_T_release, &cursor) != LTH_OK) {
        abort();
    }
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(key, sizeof key), &at, &value);
    while (err == LTH_OK && memcmp(at.p, key, sizeof key) == 0) {
        if (!sim_get(m->txn, LTH_T_act, value, &act) ||
            !lth_release_decode(&r, lth_slice_of(act.p + 9, act.n - 9))) {
            sim_fail(m->s, SIM_CORRECTNESS, "a release is an act of the log", "broker %u",
                     m->node->index);
            break;
        }
        for (uint32_t i = 0; i < r.n && r.action == LTH_RELEASE_MERGE; i++) {
            yes = yes || r.index[i] == index;
        }
        err = lth_cursor_next(cursor, &at, &value);
    }
    lth_cursor_close(&cursor);
    return yes;
}

static void see_log(void *ctx, lth_slice key, lth_slice value)
{
    model *m = ctx;
    static lth_attest attest;
    lth_batch_header h;
    lth_slice body = {0};
    lth_record_view view;
    if (!sim_get(m->txn, LTH_T_body, key, &body) ||
        lth_batch_header_decode(&h, value.p) != LTH_REFUSE_none) {
        return;
    }
    if (!lth_attest_decode(&attest, lth_slice_of(value.p + LOG_FIXED, value.n - LOG_FIXED))) {
        sim_fail(m->s, SIM_CORRECTNESS, "every batch has its attestation", "broker %u",
                 m->node->index);
        return;
    }
    lth_rd rd = lth_rd_of(body);
    for (uint32_t i = 0; lth_rd_left(&rd) > 0 && lth_record_parse(&view, &rd) == LTH_REFUSE_none;
         i++) {
        bool late = view.form != LTH_FORM_LEAF && held(&attest, i);
        if (view.form == LTH_FORM_LEAF || (late && !let_through(m, &h, i))) {
            continue;
        }
        if (view.header.op == LTH_OP_RANGE && m->ranges) {
            end_range(m, &h, &view, body);
        } else if (view.header.op != LTH_OP_RANGE && !m->ranges) {
            take(m, &h, &view, lth_get64(key.p), i, late);
        }
    }
}

static void see_row(void *ctx, lth_slice key, lth_slice value)
{
    model *m = ctx;
    lth_record_row row;
    lth_id id;
    memcpy(id.b, key.p + 2, 16);
    version *v = find(m, lth_get16(key.p), &id);
    if (v == NULL || !lth_record_row_decode(&row, value)) {
        sim_fail(m->s, SIM_CORRECTNESS, "no record is invented", "broker %u", m->node->index);
        return;
    }
    v->met = true;
    lth_row_state state = v->deleted ? LTH_ROW_DELETED : v->absent ? LTH_ROW_ABSENT : LTH_ROW_LIVE;
    bool same = row.state == state && row.accept_no == v->accept_no && row.index == v->index &&
                lth_slice_equal(row.wire, v->wire) &&
                (v->absent || (row.epoch == v->epoch && row.rec_seq == v->rec_seq));
    if (!same) {
        sim_fail(m->s, SIM_CORRECTNESS, "the merge takes the greatest version",
                 "broker %u dataset %u: state %d accept_no %llu index %u, should be %d %llu %u",
                 m->node->index, v->dataset, (int)row.state, (unsigned long long)row.accept_no,
                 row.index, (int)state, (unsigned long long)v->accept_no, v->index);
    }
}

/* Wires point into this transaction's values: nothing is copied. With the sanitizer the store
 * lends copies that live as long as the transaction reads only. */
void sim_check_model(sim *s, sim_node *node, lth_txn *txn)
{
    model m = {.s = s, .node = node, .txn = txn};
    sim_each(txn, LTH_T_log, see_log, &m);
    m.ranges = true;
    sim_each(txn, LTH_T_log, see_log, &m);
    sim_each(txn, LTH_T_record, see_row, &m);
    for (uint32_t i = 0; i < m.n; i++) {
        /* What a RANGE ended before a late release came was never merged there. */
        if (!m.v[i].met && !(m.v[i].late && m.v[i].absent)) {
            sim_fail(s, SIM_CORRECTNESS, "no record is lost", "broker %u dataset %u accept_no %llu",
                     node->index, m.v[i].dataset, (unsigned long long)m.v[i].accept_no);
        }
    }
    free(m.v);
}
