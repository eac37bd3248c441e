/* Posts, their queues, and what may be read now. */

#include "agents/shell/hosted.h"

#include <stdlib.h>
#include <unistd.h>

#include "agents/shell/engine.h"

#define LOOK_EVERY  LTH_MONO_S(1)
#define PRUNE_EVERY LTH_MONO_S(30)
#define DELAY_FIRST LTH_MONO_S(2)
#define DELAY_MOST  LTH_MONO_S(300)
#define DAY_MS      UINT64_C(86400000)

/* ---- start and stop ---- */

static bool several(const lth_agent_conf *conf)
{
    return conf->carrier_profile != NULL && conf->carrier_inbox != NULL;
}

static void posts_new(lth_engine *self)
{
    const lth_agent_conf *conf = self->node.conf;
    for (uint32_t i = 0; i < conf->n_schools; i++) {
        const lth_source_conf *school = &conf->schools[i];
        if (school->profile == NULL || school->inbox == NULL)
            continue;
        lth_post *post = &self->hosted.posts[self->hosted.n_posts++];
        post->school = i;
        post->profile = school->profile;
        lth_inbox_init(&post->inbox, school->inbox);
    }
    if (several(conf)) {
        lth_post *post = &self->hosted.posts[self->hosted.n_posts++];
        post->school = LTH_POST_CARRIER;
        post->profile = conf->carrier_profile;
        lth_inbox_init(&post->inbox, conf->carrier_inbox);
    }
}

lth_post *lth_hosted_post(const lth_engine *self, uint32_t school)
{
    uint32_t low = 0, high = self->hosted.n_posts; /* ascending schools, the carrier last */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (self->hosted.posts[middle].school < school)
            low = middle + 1;
        else
            high = middle;
    }
    return low < self->hosted.n_posts && self->hosted.posts[low].school == school
               ? &self->hosted.posts[low]
               : NULL;
}

/* A person spoke after this upload was dealt with: then it was to be read again. */
static bool spoken_since(lth_txn *txn, const lth_id *org, uint64_t number, uint64_t done_ms)
{
    uint8_t key[26];
    lth_cursor *cursor = NULL;
    lth_slice found, value;
    lth_agent_act act;
    bool spoken = false;
    memcpy(key, org->b, 16);
    lth_put64(key + 16, done_ms);
    lth_put16(key + 24, 0);
    lth_err err = lth_cursor_open(txn, LTH_A_act, &cursor);
    if (!err)
        err = lth_cursor_seek(cursor, lth_slice_of(key, sizeof key), &found, &value);
    for (; !err && !spoken && found.n >= 16 && memcmp(found.p, org->b, 16) == 0;
         err = lth_cursor_next(cursor, &found, &value))
        spoken = lth_agent_act_decode(&act, value) && act.upload == number;
    lth_cursor_close(&cursor);
    return spoken;
}

static lth_err recover_school(lth_engine *self, lth_txn *txn, uint32_t school)
{
    const lth_id *org = &self->node.schools[school].org;
    uint8_t key[24];
    lth_cursor *cursor = NULL;
    lth_slice found, value;
    static lth_upload upload; /* 2 KiB */
    memcpy(key, org->b, 16);
    memset(key + 16, 0xFF, 8);
    lth_err err = lth_cursor_open(txn, LTH_A_upload, &cursor);
    for (uint32_t i = 0; !err && i < LTH_UPLOADS_OPEN_MAX; i++) {
        err = lth_cursor_before(cursor, lth_slice_of(key, sizeof key), &found, &value);
        if (err || found.n != sizeof key || memcmp(found.p, org->b, 16) != 0)
            break;
        memcpy(key, found.p, sizeof key);
        if (!lth_upload_decode(&upload, value))
            continue;
        if (upload.state == LTH_UPLOAD_READING ||
            spoken_since(txn, org, lth_get64(key + 16), upload.done_ms))
            err = lth_hosted_again(self, school, upload.id);
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static lth_err recover(lth_engine *self)
{
    lth_txn *txn = NULL;
    lth_err err = lth_store_begin(self->store, false, &txn);
    for (uint32_t i = 0; !err && i < self->hosted.n_posts; i++) {
        if (self->hosted.posts[i].school != LTH_POST_CARRIER)
            err = recover_school(self, txn, self->hosted.posts[i].school);
    }
    if (txn != NULL)
        lth_store_abort(&txn);
    return err;
}

lth_err lth_hosted_start(lth_engine *self, lth_diag *diag)
{
    self->hosted = (lth_hosted){0};
    self->hosted.posts = calloc((size_t)self->node.n_schools + 2, sizeof *self->hosted.posts);
    if (self->hosted.posts == NULL)
        return lth_fail(diag, LTH_E_NOMEM, "%s", lth_err_text(LTH_E_NOMEM));
    posts_new(self);
    lth_err err = recover(self);
    if (!err)
        err = lth_replay_start(self);
    return err ? lth_fail(diag, err, "%s", lth_err_text(err)) : LTH_OK;
}

static void again_drop_first(lth_post *post)
{
    lth_again *first = post->again;
    post->again = first->next;
    free(first);
}

void lth_hosted_stop(lth_engine *self)
{
    for (uint32_t i = 0; i < LTH_READINGS_MAX; i++)
        lth_reading_drop(&self->hosted.readings[i]);
    for (uint32_t i = 0; i < self->hosted.n_posts; i++) {
        lth_post *post = &self->hosted.posts[i];
        while (post->again != NULL)
            again_drop_first(post);
        lth_deal_fini(&post->deal);
        lth_kept_fini(&post->replay);
        lth_inbox_fini(&post->inbox);
    }
    free(self->hosted.posts);
    self->hosted = (lth_hosted){0};
}

static void put_off(lth_post *post, lth_mono now)
{
    post->delay = post->delay == 0 ? DELAY_FIRST : post->delay * 2;
    post->delay = post->delay > DELAY_MOST ? DELAY_MOST : post->delay;
    post->not_before = now + post->delay;
}

void lth_hosted_reset(lth_engine *self)
{
    lth_mono now = lth_platform_now().mono;
    for (uint32_t i = 0; i < LTH_READINGS_MAX; i++) {
        lth_reading *reading = &self->hosted.readings[i];
        lth_post *post = reading->post;
        if (post == NULL)
            continue;
        if (reading->kept && !reading->replay &&
            lth_hosted_again(self, reading->only != LTH_POST_CARRIER ? reading->only : post->school,
                             reading->upload.id) != LTH_OK)
            self->fatal = LTH_E_NOMEM;
        put_off(post, now);
        post->inbox.look_again = true;
        lth_reading_drop(reading);
    }
}

/* ---- what waits ---- */

lth_err lth_hosted_again(lth_engine *self, uint32_t school, const char *id)
{
    lth_post *post = lth_hosted_post(self, school);
    if (post == NULL)
        return LTH_OK;
    lth_again **at = &post->again;
    for (; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->id, id) == 0)
            return LTH_OK;
    }
    lth_again *one = calloc(1, sizeof *one);
    if (one == NULL)
        return LTH_E_NOMEM;
    (void)lth_format(one->id, sizeof one->id, "%s", id);
    *at = one;
    post->not_before = 0;
    self->hosted.waiting = true;
    return LTH_OK;
}

static bool has_work(const lth_post *post)
{
    bool work = post->again != NULL || lth_replay_left(post) > 0;
    for (uint32_t i = 0; !work && i < post->inbox.n_files; i++)
        work = !post->inbox.files[i].busy;
    return work;
}

/* With a new epoch what was not acknowledged may be void: its files are read again. At the start
 * that was looked at already (recover). */
static void look_at_epoch(lth_engine *self, lth_post *post)
{
    lth_txn *txn = NULL;
    lth_agent_school_info info;
    if (post->school == LTH_POST_CARRIER)
        return;
    lth_agent_school_info_of(self->core, post->school, &info);
    lth_err err = LTH_OK;
    if (post->epoch != 0 && post->epoch != info.head.at.epoch) {
        err = lth_store_begin(self->store, false, &txn);
        err = err ? err : recover_school(self, txn, post->school);
        if (txn != NULL)
            lth_store_abort(&txn);
    }
    post->epoch = err ? post->epoch : info.head.at.epoch;
}

static void look(lth_engine *self)
{
    uint64_t now_ms = lth_platform_now().wall_ms;
    lth_hosted *hosted = &self->hosted;
    hosted->waiting = false;
    for (uint32_t i = 0; i < hosted->n_posts; i++) {
        lth_post *post = &hosted->posts[i];
        bool missing = post->inbox.missing;
        look_at_epoch(self, post);
        if (!post->reading && lth_inbox_look(&post->inbox, now_ms) && post->inbox.missing &&
            !missing)
            lth_log_text(&self->log, LTH_LEVEL_WARN, "inbox_missing", "path", post->inbox.path);
        hosted->waiting = hosted->waiting || has_work(post);
    }
}

/* ---- beginning ---- */

static bool may_begin(const lth_engine *self, const lth_post *post, lth_mono now)
{
    if (post->reading || now < post->not_before || !has_work(post) || lth_replay_waits(self, post))
        return false;
    if (post->school != LTH_POST_CARRIER)
        return lth_agent_may_upload(self->core, post->school);
    for (uint32_t i = 0; i < self->node.n_schools; i++) {
        if (self->node.conf->schools[i].profile != NULL && lth_agent_may_upload(self->core, i))
            return true;
    }
    return false;
}

static void begin_new(lth_engine *self, lth_post *post, lth_mono now)
{
    for (uint32_t i = 0; i < post->inbox.n_files; i++) {
        lth_inbox_file *file = &post->inbox.files[i];
        if (file->busy)
            continue;
        switch (lth_reading_begin(self, post, file->name, LTH_READING_OF_INBOX)) {
        case LTH_READING_NOTHING:
            file->busy = true; /* until it is listed again */
            post->inbox.look_again = true;
            break;
        case LTH_READING_LATER:
            put_off(post, now);
            return;
        case LTH_READING_STARTED:
            return;
        }
    }
}

static void begin_replay(lth_engine *self, lth_post *post, lth_mono now)
{
    const char *id = lth_replay_next(post)->id;
    switch (lth_reading_begin(self, post, id, LTH_READING_OF_REPLAY)) {
    case LTH_READING_LATER:
        put_off(post, now);
        break;
    case LTH_READING_NOTHING:
        lth_replay_done(self, post);
        break;
    case LTH_READING_STARTED:
        break;
    }
}

static void begin_again(lth_engine *self, lth_post *post, lth_mono now)
{
    lth_again one = *post->again;
    switch (lth_reading_begin(self, post, one.id, LTH_READING_OF_UPLOAD)) {
    case LTH_READING_LATER:
        put_off(post, now);
        break;
    case LTH_READING_NOTHING:
        lth_log_event(&self->log, LTH_LEVEL_WARN, "upload_gone", "org=%s",
                      self->node.conf->schools[post->school].org);
        again_drop_first(post);
        break;
    case LTH_READING_STARTED:
        if (post->again != NULL && strcmp(post->again->id, one.id) == 0)
            again_drop_first(post);
        break;
    }
}

static void begin(lth_engine *self, lth_post *post, lth_mono now)
{
    if (post->again != NULL)
        begin_again(self, post, now);
    else if (lth_replay_left(post) > 0)
        begin_replay(self, post, now);
    else
        begin_new(self, post, now);
}

static uint32_t free_readings(const lth_engine *self)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < LTH_READINGS_MAX; i++)
        n += self->hosted.readings[i].post == NULL ? 1 : 0;
    return n;
}

void lth_hosted_turn(lth_engine *self, lth_mono now)
{
    lth_hosted *hosted = &self->hosted;
    if (hosted->n_posts == 0)
        return;
    if (now >= hosted->look_due) {
        look(self);
        hosted->look_due = now + LOOK_EVERY;
    }
    if (now >= hosted->prune_due) {
        uint64_t kept_ms = self->node.conf->keep_uploads_days * DAY_MS;
        uint64_t now_ms = lth_platform_now().wall_ms;
        bool believed = lth_inbox_clock_believed(&hosted->clock, now_ms, now);
        hosted->prune_due = now + PRUNE_EVERY;
        hosted->prune_turn = (hosted->prune_turn + 1) % hosted->n_posts;
        if (believed && now_ms > kept_ms)
            lth_inbox_prune(&hosted->posts[hosted->prune_turn].inbox, now_ms - kept_ms);
    }
    if (!hosted->waiting || now < self->hold_until)
        return;
    for (uint32_t i = 0; i < hosted->n_posts && free_readings(self) > 0; i++) {
        hosted->turn = (hosted->turn + 1) % hosted->n_posts;
        lth_post *post = &hosted->posts[hosted->turn];
        if (self->fatal == LTH_OK && may_begin(self, post, now))
            begin(self, post, now);
    }
}

lth_mono lth_hosted_deadline(const lth_engine *self)
{
    return self->hosted.n_posts > 0 ? self->hosted.look_due : LTH_MONO_NEVER;
}

/* ---- a kept file ---- */

void lth_hosted_path(const lth_inbox_taken *file, char out[64])
{
    (void)lth_format(out, 64, "/proc/%llu/fd/%d", (unsigned long long)getpid(), file->fd);
}

static bool same_file(lth_engine *self, const lth_inbox_taken *file, const lth_upload *upload)
{
    uint8_t hash[LTH_HASH_SIZE];
    return file->bytes == upload->bytes &&
           lth_inbox_hash(file, &self->node.hasher, hash, NULL) == LTH_OK &&
           memcmp(hash, upload->sha256, sizeof hash) == 0;
}

lth_inbox_answer lth_hosted_file(lth_engine *self, uint32_t school, const lth_upload *upload,
                                 lth_inbox_taken *out, const lth_profile **profile, lth_diag *diag)
{
    lth_post *posts[] = {lth_hosted_post(self, school), lth_hosted_post(self, LTH_POST_CARRIER)};
    for (size_t i = 0; i < sizeof posts / sizeof posts[0]; i++) {
        if (posts[i] == NULL ||
            lth_inbox_take_kept(&posts[i]->inbox, upload->id, out, diag) != LTH_INBOX_TAKEN)
            continue;
        *profile = posts[i]->profile;
        if (same_file(self, out, upload))
            return LTH_INBOX_TAKEN;
        lth_platform_close(&out->fd);
    }
    return LTH_INBOX_GONE;
}
