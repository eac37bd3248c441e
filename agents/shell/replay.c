/* Kept files that the store does not know: it was lost, or restored from a copy, after they had
 * been dealt with. They are read again in their old order, before anything newer. */

#include <stdlib.h>

#include "agents/shell/engine.h"

/* ---- what the store knows ---- */

typedef struct knowing {
    lth_engine *engine;
    lth_txn *txn;
    lth_upload *upload;
    uint32_t school; /**< That the following is of. */
    uint64_t before, newest;
    uint32_t n;
    struct {
        char id[LTH_UPLOAD_ID_MAX + 1];
        uint8_t sha256[LTH_HASH_SIZE];
        bool ended; /**< A round of it did, once: what crashed before is read again. */
    } rows[LTH_KEPT_MAX];
} knowing;

static uint32_t school_of(const knowing *k, const lth_kept *file)
{
    return lth_agent_node_school(&k->engine->node, lth_slice_of(file->org, strlen(file->org)));
}

/* One more of the school's uploads, from the newest on. */
static bool more(knowing *k)
{
    const lth_upload *upload = k->upload;
    if (k->n == LTH_KEPT_MAX || k->before == 0)
        return false;
    k->before = lth_upload_before(k->engine, k->txn, k->school, k->before, k->upload);
    if (k->before == 0)
        return false;
    k->newest = k->n == 0 ? k->before : k->newest;
    memcpy(k->rows[k->n].id, upload->id, sizeof upload->id);
    memcpy(k->rows[k->n].sha256, upload->sha256, LTH_HASH_SIZE);
    k->rows[k->n].ended = upload->state != LTH_UPLOAD_READING || upload->head.epoch != 0;
    k->n++;
    return true;
}

static bool known(void *ctx, const lth_kept *file)
{
    knowing *k = ctx;
    uint32_t school = school_of(k, file);
    if (k->school != school) {
        k->school = school;
        k->before = UINT64_MAX;
        k->newest = k->n = 0;
    }
    for (uint32_t i = 0; i < k->n || more(k); i++) {
        if (lth_kept_outlived(file, k->newest))
            return true;
        if (strcmp(k->rows[i].id, file->id) == 0 &&
            memcmp(k->rows[i].sha256, file->sha256, LTH_HASH_SIZE) == 0)
            return k->rows[i].ended;
    }
    return false;
}

/* A file that no school had rows in says nothing about the store, and is of no use to it. */
static void drop_idle(const knowing *k, lth_kept_list *list)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        if (list->files[i].number != 0 && school_of(k, &list->files[i]) < k->engine->node.n_schools)
            list->files[n++] = list->files[i];
    }
    list->n = n;
}

/* Where nothing is known yet no guard would hold such a file as it was held. */
static uint32_t withdrawn_first(const knowing *k, const lth_kept_list *list)
{
    uint32_t n = 0;
    while (k->newest == 0 && n < list->n && list->files[n].withdrawn)
        n++;
    return n;
}

/* ---- start and stop ---- */

/* It was under way: as a replay it comes at its turn. */
static void drop_again(lth_post *post, const char *id)
{
    lth_again **at = &post->again;
    while (*at != NULL && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    lth_again *found = *at;
    if (found != NULL)
        *at = found->next;
    free(found);
}

static lth_err find(knowing *k, lth_post *post)
{
    lth_diag diag = {0};
    lth_kept_list list;
    lth_err err = lth_kept_read(&list, post->inbox.path, &diag);
    if (err == LTH_E_IO) {
        lth_log_text(&k->engine->log, LTH_LEVEL_WARN, "kept_order_not_read", "reason", diag.text);
        return LTH_OK;
    }
    if (err)
        return err;
    drop_idle(k, &list);
    lth_kept_drop(&list, lth_kept_newer(&list, known, k));
    lth_kept_there(&list, post->inbox.path);
    lth_kept_drop(&list, withdrawn_first(k, &list));
    post->replay = list;
    for (uint32_t i = 0; i < list.n; i++)
        drop_again(post, list.files[i].id);
    return LTH_OK;
}

lth_err lth_replay_start(lth_engine *self)
{
    lth_hosted *hosted = &self->hosted;
    knowing *k = calloc(1, sizeof *k); /* 23 KiB */
    lth_upload *upload = malloc(sizeof *upload);
    lth_txn *txn = NULL;
    lth_err err =
        k != NULL && upload != NULL ? lth_store_begin(self->store, false, &txn) : LTH_E_NOMEM;
    if (!err) {
        k->engine = self;
        k->upload = upload;
        k->txn = txn;
        k->school = UINT32_MAX;
    }
    uint32_t inboxes = 0;
    for (uint32_t i = 0; i < hosted->n_posts && !err; i++) {
        lth_post *post = &hosted->posts[i];
        err = find(k, post);
        hosted->replays += lth_replay_left(post);
        inboxes += lth_replay_left(post) > 0 ? 1 : 0;
    }
    if (txn != NULL)
        lth_store_abort(&txn);
    free(upload);
    free(k);
    if (!err && hosted->replays > 0)
        lth_log_event(&self->log, LTH_LEVEL_WARN, "kept_files_again", "files=%u inboxes=%u",
                      hosted->replays, inboxes);
    return err;
}

uint32_t lth_replay_left(const lth_post *post)
{
    return post->replay.n - post->replay_at;
}

const lth_kept *lth_replay_next(const lth_post *post)
{
    return lth_replay_left(post) > 0 ? &post->replay.files[post->replay_at] : NULL;
}

void lth_replay_done(lth_engine *self, lth_post *post)
{
    post->replay_at++;
    if (lth_replay_left(post) == 0) {
        lth_kept_fini(&post->replay);
        post->replay_at = 0;
    }
    self->hosted.replayed++;
    if (--self->hosted.replays == 0)
        lth_log_event(&self->log, LTH_LEVEL_NOTICE, "kept_files_done", "files=%u",
                      self->hosted.replayed);
}

json_t *lth_replay_row(const lth_engine *self)
{
    const lth_hosted *hosted = &self->hosted;
    uint32_t inboxes = 0;
    for (uint32_t i = 0; i < hosted->n_posts; i++)
        inboxes += lth_replay_left(&hosted->posts[i]) > 0 ? 1 : 0;
    return hosted->replays == 0
               ? NULL
               : json_pack("{s:s,s:s,s:I,s:I}", "kind", "replay", "org", self->node.conf->node.org,
                           "files", (json_int_t)hosted->replays, "inboxes", (json_int_t)inboxes);
}

/* ---- in what order ---- */

/* Before the broker has said where our chain stands, nothing may be sealed by a store that may be
 * older. A school that is stopped waits for a person; others do not wait for it. */
typedef enum standing { GOES, STOPS, NOT_YET } standing;

static standing stands(const lth_engine *self, uint32_t school)
{
    lth_agent_school_info info;
    lth_agent_school_info_of(self->core, school, &info);
    return info.resumed ? GOES : info.head.stopped != LTH_REFUSE_none ? STOPS : NOT_YET;
}

/* What was dealt with first comes first; what never was comes last. */
static uint64_t turn_of(const lth_post *post)
{
    const lth_kept *next = lth_replay_next(post);
    return next != NULL ? next->done_ms : UINT64_MAX;
}

/* Its file of many schools was read for this one. */
static bool is_past(const lth_post *carrier, uint32_t school)
{
    const lth_deal *deal = &carrier->deal;
    return !carrier->reading && deal->schools != NULL &&
           strcmp(carrier->dealt, lth_replay_next(carrier)->id) == 0 &&
           deal->schools[school].state == LTH_DEAL_DONE;
}

static bool school_waits(const lth_engine *self, const lth_post *post)
{
    const lth_post *carrier = lth_hosted_post(self, LTH_POST_CARRIER);
    if (carrier != NULL && lth_replay_left(carrier) > 0 && turn_of(carrier) < turn_of(post) &&
        !is_past(carrier, post->school))
        return true;
    return lth_replay_left(post) > 0 && stands(self, post->school) != GOES;
}

static bool carrier_waits(const lth_engine *self, const lth_post *carrier)
{
    const lth_hosted *hosted = &self->hosted;
    for (uint32_t i = 0; i < hosted->n_posts; i++) {
        const lth_post *post = &hosted->posts[i];
        if (post != carrier && lth_replay_left(post) > 0 && turn_of(post) <= turn_of(carrier) &&
            stands(self, post->school) != STOPS)
            return true;
    }
    for (uint32_t i = 0; i < self->node.n_schools && lth_replay_left(carrier) > 0; i++) {
        if (self->node.conf->schools[i].profile != NULL && stands(self, i) == NOT_YET)
            return true;
    }
    return false;
}

bool lth_replay_waits(const lth_engine *self, const lth_post *post)
{
    if (self->hosted.replays == 0)
        return false;
    return post->school == LTH_POST_CARRIER ? carrier_waits(self, post) : school_waits(self, post);
}

bool lth_replay_whole(const lth_reading *reading)
{
    const lth_engine *engine = reading->engine;
    bool whole = true;
    for (uint32_t i = 0; whole && i < engine->node.n_schools; i++)
        whole =
            reading->post->deal.schools[i].state != LTH_DEAL_MISSED || stands(engine, i) == STOPS;
    return whole;
}

/* ---- a person's no is not asked for twice ---- */

static bool withdraw(lth_reading *reading, uint64_t number, const lth_upload *upload)
{
    static const char BY[] = "lienthong",
                      REASON[] =
                          "đã rút trước khi kho bị mất / withdrawn before the store was lost";
    lth_engine *engine = reading->engine;
    uint32_t generation = engine->generation;
    bool going = true;
    lth_agent_act act = {.kind = LTH_ACT_WITHDRAW,
                         .upload = number,
                         .by = lth_slice_of(BY, sizeof BY - 1),
                         .reason = lth_slice_of(REASON, sizeof REASON - 1)};
    for (uint32_t i = 0; going && i < upload->n_tables; i++) {
        act.dataset = upload->tables[i].dataset;
        if (lth_scan_fault_waits(upload->tables[i].fault))
            going = lth_reading_feed(reading, &(lth_agent_event){.kind = LTH_AEVENT_ACT,
                                                                 .school = reading->post->school,
                                                                 .act = &act});
    }
    if (going)
        lth_engine_end_step(engine);
    if (!going || engine->fatal != LTH_OK || engine->generation != generation)
        return false;
    if (lth_hosted_again(engine, reading->post->school, upload->id) != LTH_OK)
        engine->fatal = LTH_E_NOMEM;
    return engine->fatal == LTH_OK;
}

bool lth_replay_word(lth_reading *reading)
{
    lth_engine *engine = reading->engine;
    lth_txn *txn = NULL;
    uint64_t number = 0;
    bool going = true;
    if (!lth_replay_next(reading->post)->withdrawn)
        return true;
    lth_upload *upload = malloc(sizeof *upload);
    if (upload != NULL && lth_store_begin(engine->store, false, &txn) == LTH_OK) {
        number = lth_upload_find(engine, txn, reading->post->school, reading->upload.id, upload);
        lth_store_abort(&txn);
    }
    if (number != 0 && upload->state == LTH_UPLOAD_WAITING)
        going = withdraw(reading, number, upload);
    free(upload);
    return going;
}

/* ---- the line of a file that was read ---- */

/* The school whose round ended last. */
static uint32_t witness(const lth_reading *reading)
{
    const lth_agent_node *node = &reading->engine->node;
    const lth_deal *deal = &reading->post->deal;
    uint32_t i = node->n_schools;
    while (i > 0 && deal->schools[i - 1].state != LTH_DEAL_DONE)
        i--;
    return i > 0 ? i - 1 : node->n_schools;
}

static bool describe(const lth_reading *reading, lth_kept *out, lth_upload *upload)
{
    lth_engine *engine = reading->engine;
    lth_txn *txn = NULL;
    bool of_many = reading->post->school == LTH_POST_CARRIER;
    uint32_t school = of_many ? witness(reading) : reading->post->school;
    *out = (lth_kept){.received_ms = reading->upload.received_ms,
                      .done_ms = lth_platform_now().wall_ms};
    (void)lth_format(out->id, sizeof out->id, "%s", reading->upload.id);
    memcpy(out->sha256, reading->upload.sha256, sizeof out->sha256);
    if (school == engine->node.n_schools)
        return true;
    (void)lth_format(out->org, sizeof out->org, "%s", engine->node.conf->schools[school].org);
    if (lth_store_begin(engine->store, false, &txn) != LTH_OK)
        return false;
    out->number = lth_upload_find(engine, txn, school, out->id, upload);
    out->withdrawn = !of_many && out->number != 0 && upload->state == LTH_UPLOAD_WITHDRAWN;
    lth_store_abort(&txn);
    return out->number != 0;
}

lth_err lth_replay_note(const lth_reading *reading, lth_diag *diag)
{
    lth_kept file;
    lth_err err = LTH_E_IO;
    if (reading->only != LTH_POST_CARRIER)
        return LTH_OK;
    lth_upload *upload = malloc(sizeof *upload);
    if (upload != NULL && describe(reading, &file, upload))
        err = lth_kept_note(reading->post->inbox.path, &file, reading->kept, diag);
    free(upload);
    return err;
}
