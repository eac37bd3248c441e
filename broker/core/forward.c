#include "internal.h"

/* One entry of `out` on its way. */
typedef struct passage {
    lth_lane lane;
    uint64_t out_no;
    bool release;          /* A statement: `attest`. */
    lth_slice log, attest; /* Both statements name their key at 32. */
    lth_batch_header header;
    const lth_org *org;
    lth_frame frame;
    uint8_t grant[LTH_GRANT_BYTES];
} passage;

bool lth_broker__outstanding(const lth_broker *self)
{
    for (uint32_t i = 0; i < LTH_LANES; i++) {
        if (self->link.last_sent_no[i] > self->out_acked[i]) {
            return true;
        }
    }
    return false;
}

/* Entries that are passed over count as acknowledged once everything sent before them is. */
void lth_broker__out_passed(lth_broker *self, lth_lane lane)
{
    broker_link *link = &self->link;
    uint64_t passed = link->next[lane] - 1;
    if (link->ready && link->last_sent_no[lane] <= self->out_acked[lane] &&
        passed > self->out_acked[lane]) {
        self->out_acked[lane] = passed;
        self->meta_dirty = true;
    }
}

/* Of a release only the origin and the stream of its header are known, and needed. */
static lth_err read_release(lth_txn *read, lth_slice value, passage *p)
{
    lth_slice act;
    lth_err err = lth_get(read, LTH_T_act, lth_slice_of(value.p + 1, 8), &act);
    if (err != LTH_OK || act.n < 9 + LTH_RELEASE_BYTES_MIN || act.p[0] != LTH_ACT_RELEASE) {
        return err == LTH_OK || err == LTH_E_NOT_FOUND ? LTH_E_STORE_CORRUPT : err;
    }
    p->attest = lth_slice_of(act.p + 9, act.n - 9);
    memcpy(p->header.origin.b, p->attest.p + 64, sizeof p->header.origin.b);
    p->header.stream = lth_get64(p->attest.p + 80);
    return LTH_OK;
}

static lth_err read_entry(lth_txn *read, lth_slice value, passage *p)
{
    p->release = value.n == 9 && value.p[0] == OUT_RELEASE;
    if (p->release) {
        return read_release(read, value, p);
    }
    if (value.n < 10 || value.p[0] != OUT_BATCH) {
        return LTH_E_STORE_CORRUPT;
    }
    TRY(lth_broker__log_get(read, lth_get64(value.p + 1), &p->log));
    p->attest = lth_slice_of(p->log.p + LOG_FIXED, p->log.n - LOG_FIXED);
    bool fine = lth_batch_header_decode(&p->header, p->log.p) == LTH_REFUSE_none;
    return fine ? LTH_OK : LTH_E_STORE_CORRUPT;
}

/* Does this batch leave at all, by the origin's state and the policy in force? */
static lth_err leaves(lth_broker *self, lth_txn *read, passage *p, bool *yes)
{
    lth_head head;
    bool found;
    p->org = lth_registry_find(self->env.registry, &p->header.origin);
    TRY(lth_broker__head_get(read, &p->header.origin, p->header.stream, &head, &found));
    *yes = p->org != NULL && head.state == LTH_ORIGIN_OK &&
           lth_policy_names(self->env.policy, self->env.registry, p->org, NULL, self->today);
    return LTH_OK;
}

static lth_err build_release(lth_broker *self, passage *p)
{
    p->frame = (lth_frame){.kind = LTH_FRAME_RELEASE,
                           .release = {.bytes = p->attest, .lane = p->lane, .out_no = p->out_no}};
    return lth_broker__keep(self, &p->frame.release.bytes);
}

static lth_err build(lth_broker *self, lth_txn *read, lth_slice value, passage *p)
{
    if (p->release) {
        return build_release(self, p);
    }
    lth_slice body;
    lth_frame_batch *out = &p->frame.batch;
    p->frame = (lth_frame){.kind = LTH_FRAME_BATCH};
    *out = (lth_frame_batch){.signed_header = {p->log.p, LTH_BATCH_SIGNED_SIZE},
                             .attest = p->attest,
                             .lane = p->lane,
                             .out_no = p->out_no};
    lth_err err = lth_get(read, LTH_T_body, lth_slice_of(value.p + 1, 8), &body);
    if (err != LTH_OK && err != LTH_E_NOT_FOUND) {
        return err;
    }
    return lth_broker__shape(self, p->org, lth_slice_of(value.p + 9, value.n - 9), body,
                             &out->body);
}

/* The keys that the receiver needs before the batch: who signed it, its attestation, its grant. */
static lth_err tell_keys(lth_broker *self, lth_txn *read, passage *p)
{
    lth_grant grant;
    bool found;
    TRY(p->release ? LTH_OK : lth_broker__certs_tell(self, read, p->header.key_id));
    TRY(lth_broker__certs_tell(self, read, p->attest.p + 32));
    if (p->release || p->header.batch_seq != 1) {
        return LTH_OK;
    }
    TRY(lth_broker__grant_get(read, &p->header.origin, p->header.stream, p->header.epoch, p->grant,
                              &grant, &found));
    if (!found) {
        return LTH_OK;
    }
    p->frame.batch.grant = lth_slice_of(p->grant, sizeof p->grant);
    TRY(lth_broker__keep(self, &p->frame.batch.grant));
    return lth_broker__certs_tell(self, read, grant.key_id);
}

/* @p sent false: it must wait for credit. */
static lth_err pass(lth_broker *self, lth_txn *read, lth_slice value, passage *p, bool *sent,
                    size_t *size)
{
    broker_link *link = &self->link;
    bool yes;
    *sent = true;
    *size = 0;
    TRY(read_entry(read, value, p));
    TRY(leaves(self, read, p, &yes));
    if (!yes) {
        link->next[p->lane] = p->out_no + 1;
        lth_broker__out_passed(self, p->lane);
        return LTH_OK;
    }
    TRY(build(self, read, value, p));
    *size =
        p->release ? 0 : LTH_BATCH_SIGNED_SIZE + p->frame.batch.body.n; /* What credit is for. */
    if (link->sent + *size > link->credit && lth_broker__outstanding(self)) {
        *sent = false;
        return LTH_OK;
    }
    TRY(tell_keys(self, read, p));
    link->sent += *size;
    link->next[p->lane] = p->out_no + 1;
    link->last_sent_no[p->lane] = p->out_no;
    self->out_acked[p->lane] = LTH_MUTANT(2) ? p->out_no : self->out_acked[p->lane];
    return lth_broker__send(self, LTH_PEER_PARENT, &p->frame);
}

/* @p room: bytes of this call; 0 afterwards stops. @p blocked: no credit for the next one. */
static lth_err forward_lane(lth_broker *self, lth_txn *read, lth_lane lane, size_t *room,
                            bool *blocked)
{
    uint8_t from[25];
    lth_slice key, value;
    lth_cursor *cursor;
    uint32_t looked = 0;
    lth_broker__key_out(from, &self->env.parent_org, lane, self->link.next[lane]);
    TRY(lth_cursor_open(read, LTH_T_out, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    while (err == LTH_OK && *room > 0 && !*blocked && memcmp(key.p, from, 17) == 0) {
        passage p = {.lane = lane, .out_no = lth_get64(key.p + 17)};
        size_t size;
        bool sent;
        err = pass(self, read, value, &p, &sent, &size);
        *blocked = !sent;
        size = ++looked == 4 * SLICE_MAX ? *room : size;
        *room -= size < *room ? size : *room;
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_broker__forward(lth_broker *self, lth_txn *read, bool *more)
{
    size_t room = PUMP_BYTES_MAX;
    bool blocked = false;
    for (uint32_t lane = 0; lane < LTH_LANES && self->link.ready && room > 0 && !blocked; lane++) {
        TRY(forward_lane(self, read, (lth_lane)lane, &room, &blocked));
    }
    *more = *more || room == 0;
    return LTH_OK;
}
