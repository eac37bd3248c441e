/* Invariants of what is sent and received, looked at frame by frame. */
#include <stdlib.h>

#include "sim.h"

/* ---- marks ---- */

/* Values carry "K1~table~school~", "N2~..." or "S3~...": whoever has the bytes has the group. */
void sim_watch_bytes(sim *s, const char *where, const sim_node *broker, lth_slice bytes)
{
    const uint8_t *end = bytes.p + bytes.n;
    const uint8_t *p = bytes.p;
    while (p != NULL && p < end && (p = memchr(p, '~', (size_t)(end - p))) != NULL) {
        const uint8_t *mark = p - 2;
        p++;
        bool fits = mark >= bytes.p && mark + 6 < end && mark[4] == '~' && mark[6] == '~';
        uint32_t group = fits ? (uint32_t)(mark[1] - '0') : 0;
        if (!fits || mark[0] != "?KNS"[group & 3] || group < 1 || group > 3) {
            continue;
        }
        uint32_t table = (uint32_t)(mark[3] - '0');
        uint32_t school = (uint32_t)(mark[5] - '0');
        if (table >= SIM_DATASETS || school >= s->n_schools) {
            continue;
        }
        uint32_t seen = sim_visible(s, broker->index, &s->schools[school], table, false);
        if ((seen >> (group - 1) & 1) == 0) {
            sim_fail(s, SIM_CORRECTNESS, "a withheld group never reaches a tier",
                     "%s of broker %u: group %u of dataset %u, school %u", where, broker->index,
                     group, sim_datasets[table], school);
        }
    }
}

/* ---- agents ---- */

static bool chain_hash(lth_txn *txn, const lth_batch_header *h, uint64_t seq,
                       uint8_t hash[LTH_HASH_SIZE])
{
    uint8_t key[36];
    lth_slice value;
    memcpy(key, h->origin.b, 16);
    lth_put64(key + 16, h->stream);
    lth_put32(key + 24, h->epoch);
    lth_put64(key + 28, seq);
    if (!sim_get(txn, LTH_T_chain, lth_slice_of(key, sizeof key), &value)) {
        return false;
    }
    memcpy(hash, value.p + 8, LTH_HASH_SIZE);
    return true;
}

/* What an agent sends goes on from what its broker holds: an old store is noticed before. */
void sim_watch_agent_frame(sim *s, const sim_node *node, const lth_frame *frame)
{
    lth_batch_header h;
    uint8_t hash[LTH_HASH_SIZE], own[LTH_HASH_SIZE];
    if (frame->kind != LTH_FRAME_BATCH) {
        return;
    }
    if (lth_batch_header_decode(&h, frame->batch.signed_header.p) != LTH_REFUSE_none) {
        sim_fail(s, SIM_CORRECTNESS, "an agent's headers are well formed", "node %u", node->index);
        return;
    }
    const sim_school *school = sim_school_of(s, &h.origin);
    if (school == NULL || school->cloned) {
        return;
    }
    lth_batch_header_hash(&s->hasher, frame->batch.signed_header.p, own);
    lth_txn *txn = sim_read(&s->nodes[school->entry]);
    bool other = chain_hash(txn, &h, h.batch_seq, hash) && memcmp(hash, own, sizeof own) != 0;
    bool astray = h.batch_seq > 1 && chain_hash(txn, &h, h.batch_seq - 1, hash) &&
                  memcmp(hash, h.prev, sizeof hash) != 0;
    lth_store_abort(&txn);
    if (other || astray) {
        sim_fail(s, SIM_CORRECTNESS, "a restored store is noticed before anything is sent",
                 "school %u epoch %u seq %llu", school->index, h.epoch,
                 (unsigned long long)h.batch_seq);
    }
}

/* ---- brokers, upward ---- */

static void watch_record(sim *s, const sim_node *node, const sim_school *school,
                         const lth_record_view *view)
{
    uint32_t table = sim_dataset_index(view->header.dataset);
    if (view->form == LTH_FORM_LEAF || view->header.op == LTH_OP_RANGE || table == SIM_DATASETS) {
        return;
    }
    uint32_t allowed = sim_shared(node, school, table, node->narrowed);
    for (uint32_t i = 0; i < view->n_groups; i++) {
        uint16_t number = view->groups[i].number;
        if (view->groups[i].shown && (number > SIM_GROUPS || (allowed >> (number - 1) & 1) == 0)) {
            sim_fail(s, SIM_CORRECTNESS, "the policy in force when sending withholds",
                     "broker %u group %u of dataset %u, school %u", node->index, number,
                     view->header.dataset, school->index);
        }
    }
    if (view->form == LTH_FORM_FULL) {
        for (uint32_t g = 1; g <= SIM_GROUPS; g++) {
            bool there = lth_record_group(view, (uint16_t)g) != NULL;
            if (there && (allowed >> (g - 1) & 1) == 0) {
                sim_fail(s, SIM_CORRECTNESS, "a seed never goes with withheld groups",
                         "broker %u school %u", node->index, school->index);
            }
        }
    }
}

static void watch_up(sim *s, const sim_node *node, const lth_frame_batch *batch)
{
    lth_batch_header h;
    lth_record_view view;
    if (lth_batch_header_decode(&h, batch->signed_header.p) != LTH_REFUSE_none) {
        sim_fail(s, SIM_CORRECTNESS, "headers are forwarded as received", "node %u", node->index);
        return;
    }
    const sim_school *school = sim_school_of(s, &h.origin);
    if (school == NULL || (sim_shared(node, school, 0, node->narrowed) & SIM_NAMED) == 0) {
        sim_fail(s, SIM_CORRECTNESS, "what no route names does not leave", "node %u", node->index);
        return;
    }
    lth_rd rd = lth_rd_of(batch->body);
    while (lth_rd_left(&rd) > 0 && lth_record_parse(&view, &rd) == LTH_REFUSE_none) {
        watch_record(s, node, school, &view);
    }
}

/* ---- brokers, downward ---- */

/* Did every group of every record come along? */
static bool is_whole(lth_slice body, uint32_t rec_count)
{
    lth_record_view view;
    lth_rd rd = lth_rd_of(body);
    uint32_t n = 0;
    bool whole = true;
    while (lth_rd_left(&rd) > 0 && lth_record_parse(&view, &rd) == LTH_REFUSE_none) {
        whole = whole && view.form != LTH_FORM_LEAF;
        for (uint32_t i = 0; i < view.n_groups && view.form != LTH_FORM_LEAF; i++) {
            whole = whole && view.groups[i].shown;
        }
        n++;
    }
    return whole && n == rec_count;
}

static uint8_t true_form(lth_txn *read, lth_slice accept_no)
{
    lth_slice log, body = {0};
    lth_batch_header h;
    if (!sim_get(read, LTH_T_log, accept_no, &log) ||
        lth_batch_header_decode(&h, log.p) != LTH_REFUSE_none) {
        return 0;
    }
    bool stored = sim_get(read, LTH_T_body, accept_no, &body);
    if (!stored && h.rec_count > 0) {
        return LTH_RECEIPT_HEADERS;
    }
    return is_whole(body, h.rec_count) ? LTH_RECEIPT_WHOLE : LTH_RECEIPT_REDACTED;
}

/* Acknowledge only what is durable, and as what it is. */
static void watch_receipt(sim *s, sim_node *node, lth_txn *read, lth_slice bytes)
{
    lth_receipt r;
    lth_slice value;
    uint8_t key[36];
    if (!lth_receipt_decode(&r, bytes)) {
        sim_fail(s, SIM_CORRECTNESS, "receipts are well formed", "node %u", node->index);
        return;
    }
    sim_school *school = sim_school_of(s, &r.origin);
    if (school == NULL) {
        return;
    }
    if (r.level == LTH_RECEIPT_SAFE && r.form == LTH_RECEIPT_WHOLE) {
        bool newer = r.at.epoch > school->safe_epoch ||
                     (r.at.epoch == school->safe_epoch && r.at.seq > school->safe_seq);
        school->safe_epoch = newer ? r.at.epoch : school->safe_epoch;
        school->safe_seq = newer ? r.at.seq : school->safe_seq;
    }
    if (!lth_id_equal(&r.tier_org, &node->org)) {
        return;
    }
    memcpy(key, r.origin.b, 16);
    lth_put64(key + 16, r.stream);
    lth_put32(key + 24, r.at.epoch);
    lth_put64(key + 28, r.at.seq);
    bool there = sim_get(read, LTH_T_chain, lth_slice_of(key, sizeof key), &value) &&
                 memcmp(value.p + 8, r.at.hash, LTH_HASH_SIZE) == 0;
    if (!there || r.form != true_form(read, lth_slice_of(value.p, 8))) {
        sim_fail(s, SIM_CORRECTNESS,
                 there ? "a receipt says in what form the batch came"
                       : "a receipt names only what is durable",
                 "broker %u school %u epoch %u seq %llu form %u", node->index, school->index,
                 r.at.epoch, (unsigned long long)r.at.seq, r.form);
        return;
    }
    lth_position *promised = &node->promised[school->index].at;
    if (r.at.epoch > promised->epoch ||
        (r.at.epoch == promised->epoch && r.at.seq > promised->seq)) {
        *promised = r.at;
    }
}

/* An acknowledgement names what arrived, and no more. */
static void watch_ack(sim *s, const sim_node *node, lth_peer peer, const lth_frame_link_ack *ack)
{
    const sim_link *link = sim_link_by_handle(s, peer);
    if (link != NULL && ack->out_no > link->seen[ack->lane]) {
        sim_fail(s, SIM_CORRECTNESS, "an acknowledgement names only what was received",
                 "broker %u to %u: lane %d out_no %llu of %llu", node->index, link->client,
                 (int)ack->lane, (unsigned long long)ack->out_no,
                 (unsigned long long)link->seen[ack->lane]);
    }
}

void sim_watch_broker_frame(sim *s, sim_node *node, lth_txn *read, lth_peer peer,
                            const lth_frame *frame)
{
    bool up = peer == LTH_PEER_PARENT;
    if (up && frame->kind == LTH_FRAME_BATCH) {
        watch_up(s, node, &frame->batch);
    }
    if (!up && frame->kind == LTH_FRAME_RECEIPT) {
        watch_receipt(s, node, read, frame->receipt.bytes);
    }
    if (!up && frame->kind == LTH_FRAME_LINK_ACK) {
        watch_ack(s, node, peer, &frame->link_ack);
    }
}

/* The newest entry of an origin stays in `out` until the parent acknowledged it. */
void sim_watch_out(sim *s, sim_node *node)
{
    const sim_link *link = sim_link_of(s, node->index);
    if (link == NULL) {
        return;
    }
    lth_txn *txn = sim_read(node);
    for (uint32_t i = 0; i < s->n_schools; i++) {
        uint8_t key[25];
        lth_slice value;
        lth_head head = {0};
        bool named = (sim_shared(node, &s->schools[i], 0, node->narrowed) & SIM_NAMED) != 0;
        if (!named || !sim_head(txn, &s->schools[i].org, &head) || head.state != LTH_ORIGIN_OK ||
            head.out_no <= link->acked[head.out_lane]) {
            continue;
        }
        memcpy(key, s->nodes[node->parent].org.b, 16);
        key[16] = head.out_lane;
        lth_put64(key + 17, head.out_no);
        if (!sim_get(txn, LTH_T_out, lth_slice_of(key, sizeof key), &value)) {
            sim_fail(s, SIM_CORRECTNESS, "`out` keeps what the parent did not acknowledge",
                     "broker %u school %u lane %u out_no %llu", node->index, i, head.out_lane,
                     (unsigned long long)head.out_no);
        }
    }
    lth_store_abort(&txn);
}

/* ---- arrivals ---- */

static bool is_live(sim_node *node, const lth_record_header *header)
{
    uint8_t key[20] = {0};
    lth_slice value;
    lth_record_row row = {0};
    lth_txn *txn = sim_read(node);
    lth_put16(key, header->dataset);
    memcpy(key + 2, header->record_id.b, 16);
    bool live = sim_get(txn, LTH_T_record, lth_slice_of(key, sizeof key), &value) &&
                lth_record_row_decode(&row, value) && row.state == LTH_ROW_LIVE;
    lth_store_abort(&txn);
    return live;
}

/* Does another record of the same batch go on with that natural key? */
static bool passed_on(lth_slice body, uint16_t dataset, lth_slice natural)
{
    lth_record_view view;
    lth_rd rd = lth_rd_of(body);
    while (lth_rd_left(&rd) > 0 && lth_record_parse(&view, &rd) == LTH_REFUSE_none) {
        const lth_group_view *group =
            view.form != LTH_FORM_LEAF ? lth_record_group(&view, 1) : NULL;
        if (group != NULL && view.header.op != LTH_OP_DELETE && view.header.dataset == dataset &&
            lth_slice_equal(group->value, natural)) {
            return true;
        }
    }
    return false;
}

/* A living record is deleted only when what it names left the source. */
static void watch_deletion(sim *s, sim_node *node, const sim_school *school, lth_slice body,
                           const lth_record_view *view)
{
    uint32_t table = sim_dataset_index(view->header.dataset);
    const lth_group_view *natural = view->form == LTH_FORM_LEAF ? NULL : lth_record_group(view, 1);
    if (view->form == LTH_FORM_LEAF || view->header.op != LTH_OP_DELETE || table >= SIM_SOURCES ||
        natural == NULL || !natural->shown) {
        return;
    }
    if (!sim_natural_left(&school->tables[table], natural->value) && is_live(node, &view->header) &&
        !passed_on(body, view->header.dataset, natural->value)) {
        sim_say(s, "deleted: %.*s", (int)natural->value.n, (const char *)natural->value.p);
        for (uint32_t i = 0; i < school->tables[table].n && s->verbose; i++) {
            const sim_row *row = &school->tables[table].rows[i];
            sim_say(s, "  row %u.%u key %s nat %u", row->uid, row->version, row->key, row->nat);
        }
        sim_fail(s, SIM_CORRECTNESS, "nothing is deleted that did not leave its source",
                 "school %u dataset %u", school->index, sim_datasets[table]);
    }
}

/* A core keeps to its credit; only what the simulator itself adds may go beyond. */
static void watch_credit(sim *s, const sim_node *node, const lth_frame *frame)
{
    const sim_faults *f = &s->faults;
    bool added = f->replay > 0 || f->fork || f->ungranted || f->garbage > 0;
    if (frame->kind == LTH_FRAME_REJECT && frame->reject.code == LTH_REFUSE_over_credit && !added) {
        sim_fail(s, SIM_CORRECTNESS, "credit is never exceeded", "node %u", node->index);
    }
}

/* A pupil of another school goes up only when a file with it was taken. */
static void watch_owner(sim *s, const sim_school *school, const lth_record_view *view)
{
    const lth_group_view *note = view->form != LTH_FORM_LEAF ? lth_record_group(view, 3) : NULL;
    uint32_t uid, version;
    if (school->clerk != NULL && note != NULL && note->shown && view->header.op != LTH_OP_DELETE &&
        sim_note_read(note->value, &uid, &version) && uid / 1000 != school->index &&
        !school->clerk->admitted[uid / 1000]) {
        sim_fail(s, SIM_CORRECTNESS, "no other school's pupil goes up while a guard waits",
                 "school %u pupil %u", school->index, uid);
    }
}

static void show_record(const sim *s, const lth_batch_header *h, const lth_record_view *view)
{
    const lth_group_view *name = lth_record_group(view, 2), *natural = lth_record_group(view, 1);
    uint32_t uid = 0, version = 0;
    char hex[17];
    if (name != NULL && name->shown) {
        (void)sim_read_name(name->value, &uid, &version);
    }
    lth_hex(hex, view->header.record_id.b + 8, 8);
    sim_say(s, "  %u/%llu op %u dataset %u %s row %u.%u flags %u %.*s", h->epoch,
            (unsigned long long)h->batch_seq, view->header.op, view->header.dataset, hex, uid,
            version, view->header.flags, natural != NULL ? (int)natural->value.n : 0,
            natural != NULL ? (const char *)natural->value.p : "");
}

static void raise_to(uint64_t *most, uint64_t n)
{
    *most = n > *most ? n : *most;
}

/* Places on a link between brokers, as both ends come to know them. */
static void note_places(sim *s, const sim_node *node, const sim_in *in, const lth_frame *frame)
{
    sim_link *link = sim_link_of(s, in->from_above ? node->index : in->from);
    if (in->from_above && frame->kind == LTH_FRAME_LINK_ACK) {
        raise_to(&link->acked[frame->link_ack.lane], frame->link_ack.out_no);
    } else if (in->from_above && frame->kind == LTH_FRAME_LINK_RESUME) {
        for (uint32_t lane = 0; lane < LTH_LANES; lane++) {
            raise_to(&link->acked[lane], frame->link_resume.acked[lane]);
        }
    } else if (!in->from_above && frame->kind == LTH_FRAME_BATCH) {
        raise_to(&link->seen[frame->batch.lane], frame->batch.out_no);
    } else if (!in->from_above && frame->kind == LTH_FRAME_RELEASE) {
        raise_to(&link->seen[frame->release.lane], frame->release.out_no);
    }
}

void sim_watch_delivery(sim *s, sim_node *node, const sim_in *in, const lth_frame *frame)
{
    lth_batch_header h;
    lth_record_view view;
    watch_credit(s, node, frame);
    note_places(s, node, in, frame);
    if (!node->is_broker || frame->kind != LTH_FRAME_BATCH) {
        return;
    }
    sim_watch_bytes(s, "a message to", node, lth_slice_of(in->bytes, in->n));
    if (s->nodes[in->from].is_broker || in->replayed ||
        lth_batch_header_decode(&h, frame->batch.signed_header.p) != LTH_REFUSE_none) {
        return;
    }
    const sim_school *school = sim_school_of(s, &h.origin);
    lth_rd rd = lth_rd_of(frame->batch.body);
    while (school != NULL && lth_rd_left(&rd) > 0 &&
           lth_record_parse(&view, &rd) == LTH_REFUSE_none) {
        watch_deletion(s, node, school, frame->batch.body, &view);
        watch_owner(s, school, &view);
        show_record(s, &h, &view);
    }
}
