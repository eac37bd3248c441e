#include "agents/shell/link.h"

#include <stdlib.h>

#define SILENCE     LTH_MONO_S(45)
#define WAIT_FIRST  LTH_MONO_S(1)
#define WAIT_MOST   LTH_MONO_S(15 * 60)
#define LOOK_DOWN   LTH_MONO_S(2)   /* lib/net wants to be asked while the link is down */
#define LOOK_UNSENT LTH_MONO_MS(50) /* ZeroMQ tells of room once */
#define LOCAL       "tcp://127.0.0.1:"

struct lth_link_frame {
    lth_link_frame *next;
    lth_buf bytes;
};

lth_err lth_link_init(lth_link *self, lth_log log, lth_diag *diag)
{
    *self = (lth_link){.wait = WAIT_FIRST, .log = log, .last = &self->first};
    return lth_net_open(&self->net, 1, diag);
}

static void frame_free(lth_link_frame **frame)
{
    lth_buf_fini(&(*frame)->bytes);
    free(*frame);
    *frame = NULL;
}

static void drop_frames(lth_link *self)
{
    while (self->first != NULL) {
        lth_link_frame *frame = self->first;
        self->first = frame->next;
        frame_free(&frame);
    }
    self->last = &self->first;
}

void lth_link_fini(lth_link *self)
{
    drop_frames(self);
    lth_net_client_close(&self->client);
    lth_net_close(&self->net);
}

void lth_link_reopen(lth_link *self, lth_mono at)
{
    drop_frames(self);
    lth_net_client_close(&self->client);
    self->up = false;
    self->retry_at = at;
    self->wait = at == 0 ? WAIT_FIRST : self->wait;
}

/* ---- opening and watching ---- */

static void back_off(lth_link *self, lth_mono now)
{
    lth_link_reopen(self, now + self->wait);
    self->wait = self->wait * 2 < WAIT_MOST ? self->wait * 2 : WAIT_MOST;
}

static void open_client(lth_link *self, const lth_agent_node *node, lth_mono now)
{
    lth_diag diag = {0};
    lth_random random = lth_crypto_random();
    lth_net_client_options options = {.endpoint = node->conf->broker,
                                      .server_key = node->broker_curve,
                                      .secret_key = node->curve_secret};
    random.fill(random.ctx, &options.seed, sizeof options.seed);
    if (strncmp(options.endpoint, LOCAL, sizeof LOCAL - 1) == 0) {
        options.reconnect_ms_min = 100;
        options.reconnect_ms_max = 300;
    }
    if (lth_net_client_open(&self->client, self->net, &options, &diag) != LTH_OK) {
        lth_log_event(&self->log, LTH_LEVEL_WARN, "link_not_opened", "reason=\"%s\"", diag.text);
        back_off(self, now);
    }
}

static lth_link_change came_up(lth_link *self, const lth_agent_node *node, lth_mono now)
{
    self->up = true;
    self->refused = false;
    self->heard = now;
    self->wait = WAIT_FIRST;
    lth_log_event(&self->log, LTH_LEVEL_NOTICE, "link_up", "broker=%s", node->conf->broker);
    return LTH_LINK_CAME_UP;
}

static lth_link_change went_down(lth_link *self, const char *reason)
{
    bool was_up = self->up;
    self->up = false;
    drop_frames(self);
    if (was_up)
        lth_log_event(&self->log, LTH_LEVEL_NOTICE, "link_down", "reason=%s", reason);
    return was_up ? LTH_LINK_WENT_DOWN : LTH_LINK_SAME;
}

static void send_waiting(lth_link *self)
{
    while (self->first != NULL) {
        lth_link_frame *frame = self->first;
        if (lth_net_client_send(self->client, lth_buf_slice(&frame->bytes)) != LTH_OK)
            return;
        self->first = frame->next;
        if (self->first == NULL)
            self->last = &self->first;
        frame_free(&frame);
    }
}

lth_link_change lth_link_tick(lth_link *self, const lth_agent_node *node, lth_mono now)
{
    if (self->client == NULL && now >= self->retry_at)
        open_client(self, node, now);
    if (self->client == NULL)
        return LTH_LINK_SAME;
    lth_link_change change = LTH_LINK_SAME;
    switch (lth_net_client_state(self->client)) {
    case LTH_NET_UP:
        if (!self->up)
            return came_up(self, node, now);
        break;
    case LTH_NET_DOWN:
        return went_down(self, "lost");
    case LTH_NET_REFUSED:
        change = went_down(self, "refused");
        self->refused = true;
        lth_log_event(&self->log, LTH_LEVEL_WARN, "link_refused", "again_in_s=%llu",
                      (unsigned long long)(self->wait / LTH_MONO_S(1)));
        back_off(self, now);
        return change;
    }
    if (now - self->heard > SILENCE) {
        change = went_down(self, "silence");
        lth_link_reopen(self, now);
        return change;
    }
    send_waiting(self);
    return LTH_LINK_SAME;
}

/* ---- frames ---- */

lth_err lth_link_send(lth_link *self, const lth_frame *frame)
{
    if (!self->up)
        return LTH_OK; /* the machine learns that the link is down, and says it again later */
    lth_link_frame *waiting = calloc(1, sizeof *waiting);
    if (waiting == NULL)
        return LTH_E_NOMEM;
    lth_buf_init(&waiting->bytes, LTH_FRAME_MAX);
    lth_err err = lth_frame_encode(&waiting->bytes, frame);
    if (err) {
        frame_free(&waiting);
        return err;
    }
    *self->last = waiting;
    self->last = &waiting->next;
    send_waiting(self);
    return LTH_OK;
}

bool lth_link_clear(const lth_link *self)
{
    return self->first == NULL;
}

/* Asked also while the link is down, else its descriptor stays ready; what comes then is late. */
lth_err lth_link_recv(lth_link *self, lth_net_message *out, lth_mono now)
{
    while (self->client != NULL && lth_net_client_recv(self->client, out) == LTH_OK) {
        self->heard = now;
        if (self->up)
            return LTH_OK;
        lth_net_message_fini(out);
    }
    return LTH_E_AGAIN;
}

size_t lth_link_fds(const lth_link *self, int fds[2])
{
    if (self->client == NULL)
        return 0;
    lth_net_client_fds(self->client, fds);
    return 2;
}

lth_mono lth_link_deadline(const lth_link *self, lth_mono now)
{
    if (self->client == NULL)
        return self->retry_at;
    if (!self->up)
        return now + LOOK_DOWN;
    return self->first != NULL ? now + LOOK_UNSENT : self->heard + SILENCE + 1;
}
