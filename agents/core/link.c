#include <stdlib.h>

#include "internal.h"

#define HELLOS_AT_ONCE 64u

/* ---- the queue of actions ---- */

lth_err lth_agent__push(lth_agent *self, const agent_item *item)
{
    if (self->item_at == self->item_n) {
        self->item_at = self->item_n = 0;
    }
    if (self->item_n == self->item_cap) {
        uint32_t cap = self->item_cap == 0 ? 16 : self->item_cap * 2;
        agent_item *items = realloc(self->items, cap * sizeof *items);
        if (items == NULL) {
            return LTH_E_NOMEM;
        }
        self->items = items;
        self->item_cap = cap;
    }
    self->items[self->item_n++] = *item;
    return LTH_OK;
}

void lth_agent__drop_sends(lth_agent *self, bool batches_only)
{
    uint32_t kept = 0;
    for (uint32_t i = self->item_at; i < self->item_n; i++) {
        agent_item_kind kind = self->items[i].kind;
        bool reads = kind == ITEM_BATCH || kind == ITEM_ACCEPTED;
        bool drop = batches_only ? reads : kind != ITEM_SCAN;
        if (drop && kind == ITEM_ACCEPTED) {
            lth_agent__accepted_again(&self->schools[self->items[i].school]);
        }
        if (!drop) {
            self->items[kept++] = self->items[i];
        }
    }
    self->item_at = 0;
    self->item_n = kept;
}

static lth_err push_kind(lth_agent *self, agent_item_kind kind, uint32_t school)
{
    agent_item item = {.kind = kind, .school = school};
    return lth_agent__push(self, &item);
}

/* ---- schools ---- */

agent_school *lth_agent__school_of(lth_agent *self, const lth_id *org)
{
    uint32_t low = 0;
    uint32_t high = self->env.n_schools;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        agent_school *school = &self->schools[self->by_org[middle]];
        int order = lth_id_compare(&school->conf->org, org);
        if (order == 0) {
            return school;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

const char *lth_agent__code_of(const lth_agent *self, const agent_school *school)
{
    const lth_org *org = self->env.registry != NULL
                             ? lth_registry_find(self->env.registry, &school->conf->org)
                             : NULL;
    return org != NULL ? org->code : "unknown";
}

void lth_agent__session(lth_agent *self, agent_school *school, agent_session session, lth_mono wait)
{
    school->session = session;
    school->until = wait == LTH_MONO_NEVER ? LTH_MONO_NEVER : self->now.mono + wait;
    school->next_lane = -1;
}

static void sessions_reset(lth_agent *self)
{
    for (uint32_t i = 0; i < self->env.n_schools; i++) {
        lth_agent__session(self, &self->schools[i], SESSION_IDLE, 0);
        self->schools[i].next_send = 1;
        self->schools[i].confirmed = 0;
    }
}

/* ---- the link ---- */

lth_err lth_agent__link_up(lth_agent *self)
{
    lth_agent__link_down(self);
    self->link = LINK_ASKED;
    self->link_until = self->now.mono + TIMEOUT_ANSWER;
    return push_kind(self, ITEM_LINK_HELLO, 0);
}

void lth_agent__link_down(lth_agent *self)
{
    self->link = LINK_DOWN;
    self->info.link_up = false;
    self->credit = 0;
    self->sent_bytes = 0;
    lth_agent__drop_sends(self, false);
    sessions_reset(self);
}

static lth_err on_link_resume(lth_agent *self, const lth_frame_link_resume *resume)
{
    if (self->link == LINK_DOWN) {
        return LTH_OK;
    }
    if (resume->version != LTH_PROTOCOL_VERSION ||
        !lth_id_equal(&resume->node_org, &self->env.broker_org)) {
        lth_log_event(&self->env.log, LTH_LEVEL_WARN, "wrong_broker", "version=%u",
                      (unsigned)resume->version);
        return LTH_OK;
    }
    lth_err err = LTH_OK;
    self->link = LINK_READY;
    self->info.link_up = true;
    self->credit = resume->credit;
    self->sent_bytes = 0;
    sessions_reset(self);
    for (uint32_t i = 0; i < self->env.n_schools && err == LTH_OK; i += LTH_CERTS_MAX) {
        err = push_kind(self, ITEM_CERTS, i);
    }
    return err == LTH_OK ? lth_agent__public_ask(self) : err;
}

static void on_certs(lth_agent *self, const lth_frame_certs *certs)
{
    const lth_trust *trust = self->env.trust;
    for (uint32_t i = 0; i < certs->n && trust->learn != NULL; i++) {
        lth_refusal code = trust->learn(trust->ctx, certs->pairs[i].leaf, certs->pairs[i].ca, NULL);
        if (code != LTH_REFUSE_none) {
            lth_log_event(&self->env.log, LTH_LEVEL_WARN, "bad_certificate", "code=%s",
                          lth_refusal_name(code));
        }
    }
}

lth_err lth_agent__on_frame(agent_ctx *c, const lth_frame *frame)
{
    lth_agent *self = c->self;
    if (frame->kind == LTH_FRAME_LINK_RESUME) {
        return on_link_resume(self, &frame->link_resume);
    }
    if (frame->kind == LTH_FRAME_CERTS) {
        on_certs(self, &frame->certs); /* the broker's own come before LINK_RESUME */
        return LTH_OK;
    }
    if (self->link != LINK_READY) {
        return LTH_OK;
    }
    switch (frame->kind) {
    case LTH_FRAME_RESUME:
        return lth_agent__on_resume(c, &frame->resume);
    case LTH_FRAME_BATCH:
        return lth_agent__public_batch(c, &frame->batch);
    case LTH_FRAME_EPOCH_GRANT:
        return lth_agent__on_grant(c, frame->epoch_grant.bytes);
    case LTH_FRAME_RECEIPT:
        return lth_agent__on_receipt(c, frame->receipt.bytes);
    case LTH_FRAME_REJECT:
        return lth_agent__on_reject(c, &frame->reject);
    case LTH_FRAME_HELD:
        return lth_agent__on_held(c, &frame->held);
    case LTH_FRAME_CREDIT:
        self->credit = frame->credit.total;
        return LTH_OK;
    case LTH_FRAME_BYE:
        lth_agent__link_down(self);
        self->link = LINK_ASKED; /* said again if the shell keeps the link */
        self->link_until = self->now.mono + TIMEOUT_ANSWER;
        return LTH_OK;
    default:
        return LTH_OK; /* heartbeats, and what is said between brokers only */
    }
}

/* ---- time ---- */

static bool waits_for_time(const agent_school *school)
{
    return school->session == SESSION_HELLO || school->session == SESSION_EPOCH ||
           school->session == SESSION_WAIT ||
           (school->session == SESSION_GO && lth_agent__in_flight(school) > 0);
}

static lth_err sessions_tick(lth_agent *self)
{
    uint32_t asked = 0;
    for (uint32_t i = 0; i < self->env.n_schools; i++) {
        agent_school *school = &self->schools[i];
        if (waits_for_time(school) && school->until <= self->now.mono) {
            lth_agent__session(self, school, SESSION_IDLE, 0);
        }
        asked += school->session == SESSION_HELLO ? 1 : 0;
    }
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < self->env.n_schools && asked < HELLOS_AT_ONCE && err == LTH_OK; i++) {
        if (self->schools[i].session == SESSION_IDLE) {
            lth_agent__session(self, &self->schools[i], SESSION_HELLO, TIMEOUT_ANSWER);
            err = push_kind(self, ITEM_HELLO, i);
            asked++;
        }
    }
    return err;
}

lth_err lth_agent__link_tick(lth_agent *self)
{
    lth_mono now = self->now.mono;
    if (self->link == LINK_ASKED && self->link_until <= now) {
        return lth_agent__link_up(self);
    }
    if (self->link != LINK_READY) {
        return LTH_OK;
    }
    lth_err err = sessions_tick(self);
    err = err == LTH_OK ? lth_agent__public_tick(self) : err;
    if (err == LTH_OK && self->item_at == self->item_n &&
        now - self->last_sent >= HEARTBEAT_EVERY) {
        err = push_kind(self, ITEM_HEARTBEAT, 0);
    }
    return err;
}

lth_mono lth_agent__link_deadline(const lth_agent *self)
{
    if (self->link != LINK_READY) {
        return self->link == LINK_ASKED ? self->link_until : LTH_MONO_NEVER;
    }
    lth_mono least = self->last_sent + HEARTBEAT_EVERY;
    lth_mono public_ = lth_agent__public_deadline(self);
    least = public_ < least ? public_ : least;
    for (uint32_t i = 0; i < self->env.n_schools; i++) {
        const agent_school *school = &self->schools[i];
        if (waits_for_time(school) && school->until < least) {
            least = school->until;
        }
    }
    return least;
}
