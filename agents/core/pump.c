#include "internal.h"

#define PUMP_BYTES (4u * 1024u * 1024u)

static bool sendable(const agent_school *school)
{
    return school->session == SESSION_GO && school->next_send <= school->head.at.seq;
}

static bool nothing_outstanding(const lth_agent *self)
{
    for (uint32_t i = 0; i < self->env.n_schools; i++) {
        if (self->schools[i].session == SESSION_GO && lth_agent__in_flight(&self->schools[i]) > 0) {
            return false;
        }
    }
    return true;
}

/* The entry that a school sends next. *found false: a hole, so the store is not what it was; only a
 * new epoch closes it. */
static lth_err next_entry(lth_agent *self, lth_txn *read, agent_school *school, agent_item *item,
                          bool *found)
{
    lth_slice value;
    uint64_t sealed_ms;
    lth_err err = lth_agent__entry_get(read, &school->conf->org, school->head.at.epoch,
                                       school->next_send, &value);
    *found = err == LTH_OK;
    if (err == LTH_E_NOT_FOUND) {
        lth_log_event(&self->env.log, LTH_LEVEL_ERROR, "outbox_hole", "org=%s seq=%llu",
                      lth_agent__code_of(self, school), (unsigned long long)school->next_send);
        return lth_agent__ask_epoch(self, school);
    }
    if (err != LTH_OK) {
        return err;
    }
    item->kind = ITEM_BATCH;
    item->school = (uint32_t)(school - self->schools);
    bool fine =
        lth_agent__entry_decode(value, &item->signed_header, &item->lane, &sealed_ms, &item->body);
    school->next_lane = fine ? (int)item->lane : -1;
    return fine ? LTH_OK : LTH_E_STORE_CORRUPT;
}

static lth_err send_one(lth_agent *self, agent_school *school, const agent_item *item)
{
    if (lth_agent__in_flight(school) == 0) {
        school->until = self->now.mono + TIMEOUT_STALL;
    }
    school->next_send++;
    school->next_lane = -1;
    self->sent_bytes += item->signed_header.n + item->body.n;
    self->info.sent_batches++;
    lth_batch_header header;
    if (lth_batch_header_decode(&header, item->signed_header.p) == LTH_REFUSE_none) {
        self->info.sent_records += header.rec_count;
    }
    return lth_agent__push(self, item);
}

typedef enum turn { TURN_NONE, TURN_SENT, TURN_STOP } turn;

/* The next school of this lane that has something, one batch. */
static lth_err take_turn(lth_agent *self, lth_txn *read, lth_lane lane, size_t *room, turn *out)
{
    uint32_t n = self->env.n_schools;
    *out = TURN_NONE;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t index = (self->turn + i) % n;
        agent_school *school = &self->schools[index];
        agent_item item = {0};
        if (!sendable(school) || (school->next_lane >= 0 && school->next_lane != (int)lane)) {
            continue;
        }
        bool found;
        lth_err err = next_entry(self, read, school, &item, &found);
        if (err != LTH_OK) {
            return err;
        }
        if (!found || item.lane != lane) {
            continue;
        }
        size_t size = item.signed_header.n + item.body.n;
        bool allowed = self->sent_bytes + size <= self->credit || nothing_outstanding(self);
        if (!allowed || size > *room) {
            *out = TURN_STOP;
            *room = allowed ? 0 : *room;
            return LTH_OK;
        }
        *room -= size;
        self->turn = (index + 1) % n;
        *out = TURN_SENT;
        return send_one(self, school, &item);
    }
    return LTH_OK;
}

lth_err lth_agent_pump(lth_agent *self, lth_txn *read, lth_now now, bool *more, lth_diag *diag)
{
    size_t room = PUMP_BYTES;
    turn last = TURN_NONE;
    lth_err err = LTH_OK;
    self->now = now;
    *more = false;
    lth_agent__drop_sends(self, true);
    for (unsigned lane = 0; lane < LTH_LANES && self->link == LINK_READY; lane++) {
        do {
            err = take_turn(self, read, (lth_lane)lane, &room, &last);
        } while (err == LTH_OK && last == TURN_SENT);
        if (err != LTH_OK || last == TURN_STOP) {
            break;
        }
    }
    *more = err == LTH_OK && last == TURN_STOP && room == 0;
    if (err == LTH_OK && self->link == LINK_READY) {
        err = lth_agent__accepted_tell(self, read, more);
    }
    return err == LTH_OK ? LTH_OK
                         : lth_fail(diag, err, "reading the outbox: %s", lth_err_text(err));
}
