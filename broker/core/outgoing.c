#include "internal.h"

#define MASK_DATASETS_MAX 64u
#define MASK_FIXED        10u
#define MASK_DATASET_MAX  (5u + 2u * LTH_GROUPS_MAX)

static void write_dataset(lth_wr *wr, uint16_t dataset, const lth_grantset *grant)
{
    lth_wr16(wr, dataset);
    lth_wr8(wr, (uint8_t)grant->send);
    lth_wr8(wr, grant->whole ? 1 : 0);
    lth_wr8(wr, (uint8_t)grant->n_share);
    for (uint32_t i = 0; i < grant->n_share; i++) {
        lth_wr16(wr, grant->share[i]);
    }
}

/* kind 1 | accept_no 8 | n 1 | what may be shown of each dataset. A dataset that no route sends is
 * left out: it is withheld. */
static size_t write_mask(const lth_broker *self, const lth_org *org, uint64_t accept_no,
                         const uint16_t *datasets, uint32_t n, uint8_t *out, size_t size)
{
    uint8_t kept = 0;
    lth_wr wr = lth_wr_of(out, size);
    lth_wr8(&wr, OUT_BATCH);
    lth_wr64(&wr, accept_no);
    lth_wr8(&wr, 0);
    for (uint32_t i = 0; i < n && kept < MASK_DATASETS_MAX; i++) {
        lth_grantset grant;
        lth_policy_find(&grant, self->env.policy, self->env.registry, self->env.schema, org,
                        datasets[i], NULL, self->today);
        if (grant.send != LTH_SEND_NOTHING) {
            write_dataset(&wr, datasets[i], &grant);
            kept++;
        }
    }
    LTH_ASSERT(!wr.bad);
    out[9] = kept;
    return lth_wr_size(&wr);
}

static lth_err put(lth_broker *self, lth_txn *txn, lth_slice value, lth_lane lane, lth_head *head)
{
    uint8_t key[25];
    lth_broker__key_out(key, &self->env.parent_org, lane, ++self->out_no[lane]);
    self->out_count[lane]++;
    self->meta_dirty = true;
    head->out_lane = (uint8_t)lane;
    head->out_no = self->out_no[lane];
    return lth_put_kv(txn, LTH_T_out, lth_slice_of(key, sizeof key), value, LTH_PUT);
}

static bool leaves(const lth_broker *self, const lth_org *org)
{
    return self->env.has_parent && org != NULL &&
           lth_policy_names(self->env.policy, self->env.registry, org, NULL, self->today);
}

lth_err lth_broker__out_put(lth_broker *self, lth_txn *txn, const lth_org *org, uint64_t accept_no,
                            const uint16_t *datasets, uint32_t n, lth_lane lane, lth_head *head,
                            bool *written)
{
    uint8_t value[MASK_FIXED + MASK_DATASETS_MAX * MASK_DATASET_MAX];
    *written = leaves(self, org);
    if (!*written) {
        return LTH_OK;
    }
    size_t size = write_mask(self, org, accept_no, datasets, n, value, sizeof value);
    return put(self, txn, lth_slice_of(value, size), lane, head);
}

lth_err lth_broker__out_release(lth_broker *self, lth_txn *txn, const lth_org *org,
                                uint64_t accept_no, lth_lane lane, lth_head *head, bool *written)
{
    uint8_t value[9] = {OUT_RELEASE};
    *written = leaves(self, org);
    lth_put64(value + 1, accept_no);
    return *written ? put(self, txn, lth_slice_of(value, sizeof value), lane, head) : LTH_OK;
}

static void add_dataset(uint16_t *list, uint32_t *n, uint16_t dataset)
{
    for (uint32_t i = 0; i < *n; i++) {
        if (list[i] == dataset) {
            return;
        }
    }
    if (*n < LTH_BATCH_RECORDS_MAX) {
        list[(*n)++] = dataset;
    }
}

/* An origin stays in its lane until its last entry there is acknowledged: its order is the chain's.
 */
lth_lane lth_broker__lane_of(const lth_broker *self, const lth_head *head, lth_lane wanted)
{
    bool waiting = head->out_no > self->out_acked[head->out_lane];
    return waiting ? (lth_lane)head->out_lane : wanted;
}

lth_err lth_broker__out_batch(lth_broker *self, broker_batch *b)
{
    uint16_t *list = self->merge.spare;
    uint32_t n = 0;
    bool written;
    if (b->origin->requeue) {
        return LTH_OK; /* The re-queue under way comes to it. */
    }
    for (uint32_t i = 0; i < b->c->n_records; i++) {
        if (b->c->records[i].form != LTH_FORM_LEAF) {
            add_dataset(list, &n, b->c->records[i].dataset);
        }
    }
    lth_lane lane = lth_broker__lane_of(self, &b->head, b->frame->lane);
    return lth_broker__out_put(self, b->txn, b->org, b->accept_no, list, n, lane, &b->head,
                               &written);
}

uint32_t lth_broker__datasets_of(lth_slice body, uint16_t list[LTH_BATCH_RECORDS_MAX])
{
    lth_record_view view;
    lth_rd rd = lth_rd_of(body);
    uint32_t n = 0;
    while (lth_rd_left(&rd) > 0 && lth_record_parse(&view, &rd) == LTH_REFUSE_none) {
        if (view.form != LTH_FORM_LEAF) {
            add_dataset(list, &n, view.header.dataset);
        }
    }
    return n;
}

bool lth_broker__out_untrimmed(const lth_broker *self)
{
    return memcmp(self->trimmed, self->out_acked, sizeof self->trimmed) != 0;
}

static lth_err trim_lane(lth_broker *self, lth_txn *txn, lth_lane lane, uint32_t *room)
{
    uint8_t from[25];
    lth_slice key, value;
    lth_cursor *cursor;
    lth_broker__key_out(from, &self->env.parent_org, lane, 0);
    TRY(lth_cursor_open(txn, LTH_T_out, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    while (err == LTH_OK && *room > 0 && memcmp(key.p, from, 17) == 0 &&
           lth_get64(key.p + 17) <= self->out_acked[lane]) {
        err = lth_cursor_del(cursor);
        self->out_count[lane]--;
        self->meta_dirty = true;
        (*room)--;
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    if (*room > 0) {
        self->trimmed[lane] = self->out_acked[lane];
    }
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_broker__out_trim(lth_broker *self, lth_txn *txn)
{
    uint32_t room = SLICE_MAX;
    for (uint32_t lane = 0; lane < LTH_LANES; lane++) {
        if (self->trimmed[lane] != self->out_acked[lane] && room > 0) {
            TRY(trim_lane(self, txn, (lth_lane)lane, &room));
        }
    }
    return LTH_OK;
}
