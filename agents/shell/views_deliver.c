/* Files of a view that was read: compared with what each school has, and delivered. */

#include <stdlib.h>
#include <time.h>

#include "agents/shell/delivery.h"
#include "agents/shell/engine.h"

#define VIETNAM_S (7 * 3600)
#define TRIES     1000u
#define NAME_SIZE (LTH_UPLOAD_ID_MAX + 1u)

static void fail(lth_view *self, lth_scan_fault fault, const char *detail)
{
    if (self->fault == LTH_SCAN_none) {
        self->fault = fault;
        (void)lth_format(self->detail, sizeof self->detail, "%s", detail);
    }
    self->failures++;
}

/* ---- comparing ---- */

static const char *inbox_of(const lth_view *self, uint32_t i)
{
    return self->engine->node.conf->schools[self->school_of[i]].inbox;
}

/* Has it something else than what it got the last time? */
static lth_err compare(lth_view *self, uint32_t i, lth_diag *diag)
{
    lth_inbox_taken file;
    lth_view_fresh *fresh = &self->fresh[i];
    const lth_view_school *school = &self->schools[i];
    if (!fresh->told || (fresh->rows == 0 && school->rows == 0))
        return LTH_OK;
    lth_err err = lth_delivery_take(self->run, i, self->ask.file_max, &file, diag);
    if (err)
        return err;
    err = lth_inbox_hash(&file, &self->engine->node.hasher, fresh->sha256, diag);
    lth_platform_close(&file.fd);
    fresh->changed = !school->known || memcmp(fresh->sha256, school->sha256, LTH_HASH_SIZE) != 0;
    return err;
}

static void compare_next(lth_view *self)
{
    lth_diag diag = {0};
    uint32_t i = self->at++;
    if (compare(self, i, &diag) != LTH_OK) {
        fail(self, LTH_SCAN_not_written, diag.text);
        self->at = self->n_orgs;
    }
}

/* Nothing is delivered before it is written down that it may have been. */
static bool compared(lth_view *self)
{
    lth_diag diag = {0};
    bool any = false;
    for (uint32_t i = 0; i < self->n_orgs; i++)
        any = any || self->fresh[i].changed;
    if (self->fault == LTH_SCAN_none && any && lth_view_remember(self, true, &diag) != LTH_OK)
        fail(self, LTH_SCAN_not_written, diag.text);
    self->at = any && self->fault == LTH_SCAN_none ? 0 : self->n_orgs;
    self->phase = LTH_VIEW_DELIVERS;
    return self->fault == LTH_SCAN_none;
}

/* ---- names ---- */

static void file_name(const lth_view *self, const char *stamp, char out[NAME_SIZE])
{
    (void)lth_format(out, NAME_SIZE, "%s-%s.csv", self->conf->name, stamp);
}

static void stamp_of(uint64_t wall_ms, char out[LTH_VIEW_STAMP + 1])
{
    struct tm tm = {0};
    time_t at = (time_t)(wall_ms / 1000u) + VIETNAM_S;
    (void)gmtime_r(&at, &tm);
    (void)strftime(out, LTH_VIEW_STAMP + 1, "%Y%m%d-%H%M%S", &tm);
}

/* Over the file that nobody has read yet, or beside all that ever were there. */
static void choose_name(const lth_view *self, uint32_t i, char stamp[LTH_VIEW_STAMP + 1],
                        char name[NAME_SIZE])
{
    const char *inbox = inbox_of(self, i), *before = self->schools[i].stamp;
    file_name(self, before, name);
    memcpy(stamp, before, LTH_VIEW_STAMP + 1);
    if (before[0] != '\0' && lth_delivery_lies(inbox, name))
        return;
    for (uint32_t n = 0; n < TRIES; n++) {
        stamp_of(self->began_ms + n * 1000u, stamp);
        file_name(self, stamp, name);
        if (!lth_delivery_lies(inbox, name) && !lth_delivery_was(inbox, name))
            return;
    }
}

/* ---- what is kept ---- */

typedef struct keeping {
    const lth_view *view;
    lth_txn *txn;
    lth_upload *upload;
    uint32_t school;
} keeping;

static bool is_mine(void *ctx, const char *name)
{
    const lth_view *view = ((const keeping *)ctx)->view;
    size_t n = strlen(view->conf->name);
    if (strncmp(name, view->conf->name, n) != 0 || name[n] != '-')
        return false;
    const char *stamp = name + n + 1;
    return strspn(stamp, "0123456789") == 8 && stamp[8] == '-' &&
           strspn(stamp + 9, "0123456789") == 6 && strcmp(stamp + LTH_VIEW_STAMP, ".csv") == 0;
}

static bool is_asked_for(const lth_post *post, const char *id)
{
    const lth_again *one = post != NULL ? post->again : NULL;
    while (one != NULL && strcmp(one->id, id) != 0)
        one = one->next;
    return one != NULL;
}

/* A person has not spoken yet, or what was said is still to be done. */
static bool is_spared(void *ctx, const char *name)
{
    const keeping *self = ctx;
    const lth_engine *engine = self->view->engine;
    if (is_asked_for(lth_hosted_post(engine, self->school), name))
        return true;
    return lth_upload_find(engine, self->txn, self->school, name, self->upload) != 0 &&
           (self->upload->state == LTH_UPLOAD_WAITING || self->upload->state == LTH_UPLOAD_READING);
}

static void prune(const lth_view *self, uint32_t i)
{
    keeping k = {.view = self, .school = self->school_of[i]};
    if (self->engine->hosted.replays > 0)
        return; /* they are still to be read again */
    k.upload = malloc(sizeof *k.upload);
    if (k.upload != NULL && lth_store_begin(self->engine->store, false, &k.txn) == LTH_OK) {
        lth_delivery_prune(inbox_of(self, i),
                           &(lth_delivery_rule){&k, is_mine, is_spared, LTH_VIEW_KEPT});
        lth_store_abort(&k.txn);
    }
    free(k.upload);
}

/* ---- delivering ---- */

static void deliver_next(lth_view *self)
{
    char stamp[LTH_VIEW_STAMP + 1], name[NAME_SIZE];
    lth_diag diag = {0};
    uint32_t i = self->at++;
    lth_view_school *school = &self->schools[i];
    lth_view_fresh *fresh = &self->fresh[i];
    if (!fresh->changed)
        return;
    choose_name(self, i, stamp, name);
    if (lth_delivery_put(self->run, i, inbox_of(self, i), name, &diag) != LTH_OK) {
        /* Perhaps it is there, perhaps not: the next reading delivers it once more. */
        school->known = false;
        fail(self, LTH_SCAN_not_written, diag.text);
        return;
    }
    memcpy(school->sha256, fresh->sha256, LTH_HASH_SIZE);
    memcpy(school->stamp, stamp, sizeof stamp);
    school->known = true;
    school->rows = fresh->rows;
    fresh->changed = false;
    self->now.delivered++;
    prune(self, i);
}

static void delivered(lth_view *self)
{
    lth_diag diag = {0};
    for (uint32_t i = 0; i < self->n_orgs; i++) {
        bool failed = self->fresh[i].changed && self->fresh[i].rows > self->schools[i].rows;
        if (failed)
            self->schools[i].rows = self->fresh[i].rows;
    }
    if (lth_view_remember(self, false, &diag) != LTH_OK)
        fail(self, LTH_SCAN_not_written, diag.text);
}

bool lth_view_work(lth_view *self, lth_mono until)
{
    bool comparing = self->phase == LTH_VIEW_COMPARES;
    while (self->at < self->n_orgs && lth_platform_now().mono < until) {
        if (comparing)
            compare_next(self);
        else
            deliver_next(self);
    }
    if (self->at < self->n_orgs)
        return true;
    if (comparing)
        return compared(self);
    delivered(self);
    return false;
}
