#include "agents/shell/dictionary.h"

#include <errno.h>
#include <stdlib.h>

#define STEP_MOST       LTH_MONO_MS(250)
#define TIDY_EVERY      LTH_MONO_S(60)
#define FRAMES_A_TURN   64
#define CONTROL_FDS_MAX 32u
#define FDS_MAX         128u

/* ---- start and stop ---- */

static lth_err schools_new(lth_engine *self, lth_diag *diag)
{
    free(self->schools);
    self->schools = calloc(self->node.n_schools + 1, sizeof *self->schools);
    if (self->schools == NULL)
        return lth_fail(diag, LTH_E_NOMEM, "%s", lth_err_text(LTH_E_NOMEM));
    for (uint32_t i = 0; i < self->node.n_schools; i++) {
        self->schools[i].engine = self;
        self->schools[i].index = i;
    }
    return LTH_OK;
}

static lth_err open_store(lth_engine *self, lth_diag *diag)
{
    lth_store_options options = {.tables = lth_agent_table_names,
                                 .n_tables = LTH_A_COUNT,
                                 .map_size = (uint64_t)self->node.conf->store_mib << 20,
                                 .create = true};
    lth_err err = lth_store_open_lmdb(&self->store, self->node.conf->node.store, &options, diag);
    if (!err)
        lth_store_tidy(self->store);
    return err;
}

lth_err lth_engine_start(lth_engine *self, const char *path, lth_log log, lth_conf_errors *errors,
                         lth_diag *diag)
{
    lth_now now = lth_platform_now();
    lth_public_set published = {0};
    *self = (lth_engine){.log = log, .signals = lth_platform_signals(), .started = now.mono};
    self->watchdog = lth_platform_watchdog();
    self->tidy_due = now.mono + TIDY_EVERY;
    if (self->signals < 0)
        return lth_fail(diag, LTH_E_IO, "signals: %s", strerrordesc_np(errno));
    lth_err err =
        lth_platform_capture_path(self->children.program, sizeof self->children.program, diag);
    if (!err)
        err = lth_dictionary_peek(&published, path, errors, diag);
    if (!err)
        err = lth_agent_node_open(&self->node, path, &published, errors, diag);
    lth_public_set_fini(&published);
    if (!err)
        err = schools_new(self, diag);
    if (!err)
        err = open_store(self, diag);
    if (!err)
        err = lth_link_init(&self->link, log, diag);
    if (!err)
        err = lth_control_open(&self->control, self->node.conf->control, lth_engine_verbs,
                               lth_engine_verbs_n, self, diag);
    if (!err)
        err = lth_hosted_start(self, diag);
    if (!err)
        err = lth_views_start(self, diag);
    if (err)
        return err;
    lth_engine_rebuild(self);
    return self->fatal == LTH_OK ? LTH_OK
                                 : lth_fail(diag, self->fatal, "%s: %s",
                                            self->node.conf->node.store, lth_err_text(self->fatal));
}

static void say_goodbye(lth_engine *self)
{
    if (self->link.up)
        (void)!lth_link_send(&self->link, &(lth_frame){.kind = LTH_FRAME_BYE});
}

void lth_engine_stop(lth_engine *self)
{
    if (self->txn != NULL)
        lth_store_abort(&self->txn);
    lth_children_drop(&self->children, &lth_engine_round_listener, NULL);
    lth_control_close(&self->control); /* ends the checks and answers under way */
    lth_views_stop(self);
    lth_hosted_stop(self);
    lth_children_fini(&self->children);
    say_goodbye(self);
    if (self->link.net != NULL)
        lth_link_fini(&self->link);
    lth_agent_free(&self->core);
    if (self->store != NULL)
        lth_store_close(&self->store);
    lth_agent_node_close(&self->node);
    free(self->schools);
    lth_platform_close(&self->signals);
}

/* ---- reload ---- */

static void log_error(void *ctx, const char *line)
{
    const lth_engine *self = ctx;
    lth_log_text(&self->log, LTH_LEVEL_ERROR, "configuration_refused", "reason", line);
}

/* The store and the socket stay open over a reload. */
static bool fits(const lth_engine *self, const lth_agent_node *next)
{
    const lth_agent_conf *a = self->node.conf, *b = next->conf;
    if (strcmp(a->node.store, b->node.store) == 0 && strcmp(a->control, b->control) == 0 &&
        a->store_mib == b->store_mib && lth_id_equal(&self->node.org, &next->org))
        return true;
    log_error((void *)(uintptr_t)self, "node.org, node.store, node.control, limits.store_mib: "
                                       "khởi động lại để đổi / restart to change");
    return false;
}

static void replace(lth_engine *self, lth_agent_node *next)
{
    lth_diag diag = {0};
    lth_engine_end_step(self);
    say_goodbye(self);
    lth_children_drop(&self->children, &lth_engine_round_listener, NULL);
    lth_engine_checks_cancel(self);
    lth_engine_answers_cancel(self);
    lth_views_stop(self);
    lth_hosted_stop(self);
    lth_agent_free(&self->core);
    lth_agent_node_close(&self->node);
    self->node = *next;
    if (schools_new(self, &diag) != LTH_OK) {
        self->fatal = LTH_E_NOMEM;
        return;
    }
    if (lth_hosted_start(self, &diag) != LTH_OK || lth_views_start(self, &diag) != LTH_OK) {
        self->fatal = LTH_E_NOMEM;
        return;
    }
    lth_engine_rebuild(self);
    lth_link_reopen(&self->link, 0);
    lth_log_event(&self->log, LTH_LEVEL_NOTICE, "configuration_loaded", "schools=%u",
                  self->node.n_schools);
}

void lth_engine_reload(lth_engine *self)
{
    static lth_agent_node next; /* 4 KiB path */
    lth_public_set published;
    lth_conf_errors errors = {0};
    lth_diag diag = {0};
    lth_platform_notify("RELOADING=1");
    next = (lth_agent_node){0};
    lth_err err = lth_dictionary_read(&published, self, &diag);
    if (!err)
        err = lth_agent_node_open(&next, self->node.path, &published, &errors, &diag);
    lth_public_set_fini(&published);
    lth_dictionary_tried(self, err, &errors, &diag);
    if (!err && fits(self, &next)) {
        replace(self, &next);
    } else {
        if (errors.n > 0)
            lth_conf_errors_each(&errors, false, log_error, self);
        else if (err)
            log_error(self, diag.text);
        lth_agent_node_close(&next);
    }
    lth_conf_errors_fini(&errors);
    lth_platform_notify("READY=1");
}

/* ---- turns ---- */

static void take_signals(lth_engine *self)
{
    for (;;) {
        switch (lth_platform_next_signal(self->signals)) {
        case LTH_SIGNAL_NONE:
            return;
        case LTH_SIGNAL_STOP:
            self->stop = true;
            break;
        case LTH_SIGNAL_RELOAD:
            lth_engine_reload(self);
            break;
        case LTH_SIGNAL_CHILD:
            break; /* lth_children_work() looks at every child in every turn */
        }
    }
}

static void take_link(lth_engine *self)
{
    lth_net_message message;
    lth_mono now = lth_platform_now().mono;
    lth_link_change change = lth_link_tick(&self->link, &self->node, now);
    if (change != LTH_LINK_SAME)
        lth_engine_feed(self, &(lth_agent_event){.kind = change == LTH_LINK_CAME_UP
                                                             ? LTH_AEVENT_LINK_UP
                                                             : LTH_AEVENT_LINK_DOWN});
    self->frames_wait = false;
    for (int i = 0; lth_link_recv(&self->link, &message, now) == LTH_OK; i++) {
        lth_engine_frame(self, message.bytes);
        lth_net_message_fini(&message);
        if (i == FRAMES_A_TURN) {
            self->frames_wait = true; /* ZeroMQ will not tell of them again */
            break;
        }
    }
}

static void take_children(lth_engine *self)
{
    lth_children_work(&self->children, lth_platform_now().mono);
}

static void take_time(lth_engine *self)
{
    lth_mono now = lth_platform_now().mono;
    if (lth_agent_deadline(self->core) <= now) {
        lth_engine_feed(self, &(lth_agent_event){.kind = LTH_AEVENT_TIMER});
        lth_engine_end_step(self);
    }
    if (now >= self->tidy_due) {
        lth_store_tidy(self->store);
        self->tidy_due = now + TIDY_EVERY;
    }
    if (now >= self->watchdog_due && self->watchdog != LTH_MONO_NEVER) {
        lth_platform_notify("WATCHDOG=1");
        self->watchdog_due = now + self->watchdog / 3;
    }
}

/* Give back what a round took. LMDB keeps the pages of its largest transaction until it is closed.
 */
static void rest(lth_engine *self)
{
    lth_diag diag = {0};
    self->trim = false;
    if (self->bulk) {
        self->bulk = false;
        lth_store_close(&self->store);
        self->fatal = open_store(self, &diag);
        if (self->fatal != LTH_OK)
            lth_log_event(&self->log, LTH_LEVEL_ERROR, "stopped", "during=reopen reason=\"%s\"",
                          diag.text);
    }
    lth_platform_trim();
}

static void end_turn(lth_engine *self)
{
    lth_mono now = lth_platform_now().mono;
    bool wait = lth_children_flowing(&self->children) && now - self->step_began < STEP_MOST;
    bool sendable = self->unpumped && lth_link_clear(&self->link);
    if (self->txn != NULL ? !wait : sendable)
        lth_engine_end_step(self);
    if (self->fatal == LTH_OK) {
        lth_engine_begin_rounds(self);
        lth_hosted_turn(self, now);
        lth_views_turn(self, now);
    }
    if (self->fatal == LTH_OK && self->txn == NULL && lth_dictionary_due(self))
        lth_engine_reload(self);
    if (self->trim && self->txn == NULL && lth_children_busy(&self->children) == 0 &&
        lth_agent_deadline(self->core) > now)
        rest(self);
}

/* ---- waiting ---- */

static lth_mono earliest(const lth_engine *self, lth_mono now)
{
    lth_mono marks[] = {lth_agent_deadline(self->core),
                        lth_link_deadline(&self->link, now),
                        lth_children_deadline(&self->children),
                        self->tidy_due,
                        lth_hosted_deadline(self),
                        lth_views_deadline(self),
                        self->watchdog != LTH_MONO_NEVER ? self->watchdog_due : LTH_MONO_NEVER,
                        self->txn != NULL ? self->step_began + STEP_MOST : LTH_MONO_NEVER,
                        self->rounds_wanted ? self->hold_until : LTH_MONO_NEVER};
    lth_mono least = LTH_MONO_NEVER;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        least = marks[i] < least ? marks[i] : least;
    return least;
}

static void wait_and_answer(lth_engine *self)
{
    struct pollfd fds[FDS_MAX] = {{.fd = self->signals, .events = POLLIN}};
    int link_fds[2];
    size_t control = 1;
    for (size_t i = 0, n = lth_link_fds(&self->link, link_fds); i < n; i++)
        fds[control++] = (struct pollfd){.fd = link_fds[i], .events = POLLIN};
    size_t n_control = lth_control_poll(self->control, fds + control, CONTROL_FDS_MAX);
    size_t n = control + n_control;
    n += lth_children_poll(&self->children, fds + n, FDS_MAX - n);
    lth_mono now = lth_platform_now().mono, until = earliest(self, now);
    lth_mono left = until > now && !self->frames_wait ? until - now : 0;
    /* Rounded up: waking a moment early would only wake again. */
    int ms = left > LTH_MONO_S(600) ? 600000 : (int)((left + LTH_MONO_MS(1) - 1) / LTH_MONO_MS(1));
    if (poll(fds, n, ms) > 0)
        lth_control_handle(self->control, fds + control, n_control);
}

int lth_engine_run(lth_engine *self)
{
    static void (*const phases[])(lth_engine *) = {take_link, take_children,   take_time,
                                                   end_turn,  wait_and_answer, take_signals};
    lth_platform_notify("READY=1");
    lth_log_event(&self->log, LTH_LEVEL_NOTICE, "started", "org=%s schools=%u version=%s",
                  self->node.conf->node.org, self->node.n_schools, LTH_VERSION);
    for (size_t i = 0; !self->stop && self->fatal == LTH_OK; i++)
        phases[i % (sizeof phases / sizeof phases[0])](self);
    lth_platform_notify("STOPPING=1");
    lth_log_event(&self->log, LTH_LEVEL_NOTICE, "stopping", "cause=%s",
                  self->fatal == LTH_OK ? "signal" : lth_err_name(self->fatal));
    return self->fatal == LTH_OK ? 0 : 1;
}
