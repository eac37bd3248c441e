/* One file: taken, checked, read, its rows fed, kept. */

#include <stdlib.h>

#include "agents/shell/engine.h"
#include "lth/sheet.h"

#define SECONDS_MAX 300u
#define AGAIN_IN    LTH_MONO_S(5)
#define CODE_MAX    32u
#define TRIES       3u /* of a file under whose reading the process ends */

static const struct {
    const char *vi, *en;
} TOO_LARGE = {"tệp quá lớn: bỏ hình ảnh và các trang không cần rồi nộp lại",
               "the file is too large: remove pictures and sheets that are not needed"},
  UNREADABLE = {"máy chủ không mở được tệp: người quản trị xem quyền đọc của thư mục nhận",
                "the server cannot open the file: look at the permissions of the inbox"},
  FAILED =
      {"máy chủ gặp sự cố khi đọc tệp, sẽ tự đọc lại; nếu vẫn lỗi: lưu lại tệp bằng Excel rồi "
       "nộp lại",
       "the server failed while reading and will try again; if it stays so, save the file anew "
       "with Excel and upload it again"},
  LOST = {"tệp đã mất khỏi máy chủ trước khi đọc xong: nộp lại tệp",
          "the file was lost from the server before it was read to its end: upload it again"};

bool lth_reading_feed(lth_reading *self, const lth_agent_event *event)
{
    lth_engine *engine = self->engine;
    uint32_t generation = engine->generation;
    lth_engine_feed(engine, event);
    return engine->fatal == LTH_OK && engine->generation == generation;
}

void lth_reading_drop(lth_reading *self)
{
    if (self->post == NULL)
        return;
    lth_children_drop(&self->engine->children, &lth_reading_listener, self);
    lth_platform_close(&self->file.fd);
    for (uint32_t i = 0; i < LTH_UPLOAD_TABLES_MAX; i++) {
        free(self->headers[i]);
        self->headers[i] = NULL;
    }
    self->post->reading = false;
    self->post = NULL;
}

static const lth_profile *profile_of(const lth_reading *self)
{
    return self->only != LTH_POST_CARRIER ? self->engine->node.conf->carrier_profile
                                          : self->post->profile;
}

static uint64_t tables_of(const lth_profile *profile)
{
    return (UINT64_C(1) << profile->n_tables) - 1;
}

/* ---- the round of one school ---- */

static bool feed_end(lth_reading *self, uint32_t school, uint32_t table)
{
    return lth_reading_feed(self, &(lth_agent_event){.kind = LTH_AEVENT_TABLE_END,
                                                     .school = school,
                                                     .table = table,
                                                     .fault = self->ends[table].fault,
                                                     .correction = self->ends[table].correction,
                                                     .detail = self->ends[table].detail,
                                                     .detail_en = self->ends[table].detail_en});
}

bool lth_reading_feed_headers(lth_reading *self, uint32_t school, uint32_t table)
{
    return lth_reading_feed(self, &(lth_agent_event){.kind = LTH_AEVENT_HEADERS,
                                                     .school = school,
                                                     .table = table,
                                                     .headers = self->headers[table]});
}

bool lth_reading_open(lth_reading *self, uint32_t school)
{
    lth_engine *engine = self->engine;
    const lth_profile *profile = profile_of(self);
    engine->schools[school].watched = true;
    engine->schools[school].exchange.round_began = lth_platform_now().mono;
    bool going = lth_reading_feed(self, &(lth_agent_event){.kind = LTH_AEVENT_UPLOAD,
                                                           .school = school,
                                                           .upload = &self->upload,
                                                           .tables = tables_of(profile)});
    for (uint32_t i = 0; going && i < profile->n_tables; i++) {
        if (self->headers[i] != NULL)
            going = lth_reading_feed_headers(self, school, i);
        if (going && (self->ended >> i & 1) != 0)
            going = feed_end(self, school, i);
    }
    return going;
}

static uint32_t school_of(const lth_reading *self)
{
    return self->only != LTH_POST_CARRIER ? self->only : self->post->school;
}

/* Only counted and kept: what a file of many schools became is told school by school. */
static bool deals(const lth_reading *self)
{
    return self->post->school == LTH_POST_CARRIER;
}

/* ---- the end ---- */

static void log_end(const lth_reading *self)
{
    const lth_engine *engine = self->engine;
    lth_upload *found = malloc(sizeof *found);
    lth_txn *txn = NULL;
    uint64_t number = lth_agent_upload_number(engine->core, school_of(self));
    if (found != NULL && lth_store_begin(engine->store, false, &txn) == LTH_OK) {
        if (lth_upload_of(engine, txn, school_of(self), number, found))
            lth_log_event(&engine->log, LTH_LEVEL_NOTICE, "upload",
                          "org=%s number=%llu bytes=%llu state=%s fault=%s findings=%u",
                          engine->node.conf->schools[school_of(self)].org,
                          (unsigned long long)number, (unsigned long long)found->bytes,
                          lth_upload_state_name(found->state), lth_scan_fault_name(found->fault),
                          found->n_findings);
        lth_store_abort(&txn);
    }
    free(found);
}

/* The step is committed: the file may leave the inbox. One that was written over meanwhile stays,
 * and is read again. */
static void keep(lth_reading *self)
{
    lth_diag diag = {0};
    lth_post *post = self->post;
    lth_err err = LTH_OK;
    bool stays = !self->kept && self->file.fd >= 0 && !lth_inbox_unchanged(&self->file);
    if (!stays)
        err = lth_replay_note(self, &diag);
    if (!err && !stays && !self->kept)
        err = lth_inbox_keep(&post->inbox, self->upload.id, &self->file, &diag);
    if (self->replay)
        lth_replay_done(self->engine, post);
    post->inbox.look_again = true;
    post->delay = 0;
    post->not_before = 0;
    post->unkept = err && err != LTH_E_NOT_FOUND;
    if (post->unkept) {
        lth_log_text(&self->engine->log, LTH_LEVEL_ERROR, "upload_not_kept", "reason", diag.text);
        post->not_before = lth_platform_now().mono + LTH_MONO_S(60);
    }
    if (!self->kept)
        lth_inbox_drop(&post->inbox, self->upload.id);
    self->engine->hosted.waiting = true;
    if (post->inbox.n_files == 0)
        self->engine->hosted.look_due = 0;
}

/* Once more in a while: the fault may have been the machine's. False: it had its tries. */
static bool try_again(lth_reading *self)
{
    lth_post *post = self->post;
    post->failures = self->failed ? post->failures + 1 : 0;
    if (post->failures == 0 || post->failures >= TRIES) {
        post->failures = 0;
        return false;
    }
    if (self->kept && !self->replay &&
        lth_hosted_again(self->engine, school_of(self), self->upload.id) != LTH_OK)
        return false;
    post->inbox.look_again = true;
    post->not_before = lth_platform_now().mono + AGAIN_IN;
    return true;
}

static void finish_one(lth_reading *self)
{
    if (!lth_reading_feed(
            self, &(lth_agent_event){.kind = LTH_AEVENT_ROUND_END, .school = school_of(self)}))
        return;
    log_end(self);
    if (self->replay && !lth_replay_word(self))
        return;
    if (!try_again(self))
        keep(self);
    lth_reading_drop(self);
}

static void finish_many(lth_reading *self)
{
    bool whole;
    lth_post *post = self->post;
    if (!lth_deal_end(self, &whole))
        return;
    if (whole || (self->replay && lth_replay_whole(self))) {
        lth_deal_tell(self);
        keep(self);
        lth_deal_fini(&post->deal);
    } else {
        post->delay = post->delay == 0 ? LTH_MONO_S(2) : post->delay * 2;
        post->delay = post->delay > LTH_MONO_S(300) ? LTH_MONO_S(300) : post->delay;
        post->not_before = lth_platform_now().mono + post->delay;
        post->inbox.look_again = true;
    }
    lth_reading_drop(self);
}

static void finish(lth_reading *self)
{
    self->engine->trim = true;
    if (deals(self))
        finish_many(self);
    else
        finish_one(self);
}

/* All of the tables end with this fault. */
static bool end_all(lth_reading *self, lth_scan_fault fault, const char *vi, const char *en)
{
    const lth_profile *profile = profile_of(self);
    bool going = true;
    for (uint32_t i = 0; going && i < profile->n_tables; i++) {
        if ((self->ended >> i & 1) != 0)
            continue;
        self->ends[i].fault = fault;
        (void)lth_format(self->ends[i].detail, sizeof self->ends[i].detail, "%s", vi);
        (void)lth_format(self->ends[i].detail_en, sizeof self->ends[i].detail_en, "%s", en);
        self->ended |= UINT64_C(1) << i;
        going = deals(self) ? lth_deal_table_end(self, i) : feed_end(self, school_of(self), i);
    }
    return going;
}

/* The whole file is refused before anything of it was fed. */
static void refuse(lth_reading *self, lth_scan_fault fault, const char *vi, const char *en)
{
    if ((deals(self) || lth_reading_open(self, school_of(self))) && end_all(self, fault, vi, en))
        finish(self);
}

/* ---- the child's words ---- */

/* A file that says whose rows it holds: all of them must be of the school whose inbox it was in. */
static bool may_be_foreign(const lth_reading *self)
{
    return !deals(self) && self->only == LTH_POST_CARRIER && self->post->profile->org_from != NULL;
}

static lth_err start_child(lth_reading *self, lth_diag *diag)
{
    char path[64];
    const lth_engine *engine = self->engine;
    lth_hosted_path(&self->file, path);
    lth_child_plan plan = {
        .profile = profile_of(self),
        .path = path,
        .name = deals(self) ? engine->node.conf->node.org
                            : engine->node.conf->schools[school_of(self)].org,
        .only = may_be_foreign(self) ? engine->node.conf->schools[school_of(self)].org : NULL,
        .org_needed = self->post->school == LTH_POST_CARRIER || self->only != LTH_POST_CARRIER,
        .tables = tables_of(profile_of(self)),
        .seconds_max = SECONDS_MAX,
        .listener = &lth_reading_listener,
        .ctx = self,
    };
    return lth_children_start(&self->engine->children, &plan, lth_platform_now().mono, diag);
}

static bool is_ours(const lth_reading *self, const lth_child_row *row)
{
    const char *code = self->engine->node.conf->schools[school_of(self)].org;
    return row->org.n == 0 || lth_slice_equal(row->org, lth_slice_of(code, strlen(code)));
}

/* What stands in a column may be anything: only the code of an organisation is repeated. */
static const char *known_code(const lth_reading *self, lth_slice code)
{
    char text[CODE_MAX + 1];
    if (code.n > CODE_MAX)
        return NULL;
    (void)lth_format(text, sizeof text, "%.*s", (int)code.n, (const char *)code.p);
    const lth_org *org = lth_registry_find_code(&self->engine->node.conf->registry, text);
    return org != NULL ? org->code : NULL;
}

/* A row of another school comes before all others. */
static void refuse_foreign(lth_reading *self, const lth_child_row *row)
{
    char vi[LTH_DETAIL_MAX], en[LTH_DETAIL_MAX];
    const char *code = known_code(self, row->org);
    (void)lth_format(vi, sizeof vi, "tệp của đơn vị khác: hàng %u ghi mã %s", row->row,
                     code != NULL ? code : "không có trong danh bạ");
    (void)lth_format(en, sizeof en, "a file of another organisation: row %u says %s", row->row,
                     code != NULL ? code : "a code that is not in the registry");
    lth_children_drop(&self->engine->children, &lth_reading_listener, self);
    if (end_all(self, LTH_SCAN_wrong_file, vi, en))
        finish(self);
}

static void on_row(void *ctx, const lth_child_row *row)
{
    lth_reading *self = ctx;
    if (deals(self)) {
        (void)lth_deal_row(self, row);
    } else if (is_ours(self, row)) {
        (void)lth_reading_feed(self, &(lth_agent_event){.kind = LTH_AEVENT_ROW,
                                                        .school = school_of(self),
                                                        .table = row->table,
                                                        .cells = row->cells,
                                                        .row = row->row});
    } else if (may_be_foreign(self)) {
        refuse_foreign(self, row);
    }
}

/* One block: the headers, then their texts. */
static lth_header *copy_of(const lth_header *headers, uint32_t n)
{
    size_t size = n * sizeof *headers;
    for (uint32_t i = 0; i < n; i++)
        size += headers[i].text.n;
    lth_header *copy = malloc(size);
    uint8_t *to = copy != NULL ? (uint8_t *)(copy + n) : NULL;
    for (uint32_t i = 0; copy != NULL && i < n; i++) {
        copy[i] = (lth_header){headers[i].at, lth_slice_of(to, headers[i].text.n)};
        if (headers[i].text.n > 0)
            memcpy(to, headers[i].text.p, headers[i].text.n);
        to += headers[i].text.n;
    }
    return copy;
}

/* Without memory columns are told by the names that the profile has for them. */
static void on_headers(void *ctx, uint32_t table, const lth_header *headers, uint32_t n)
{
    lth_reading *self = ctx;
    free(self->headers[table]);
    self->headers[table] = copy_of(headers, n);
    if (self->headers[table] == NULL)
        return;
    (void)(deals(self) ? lth_deal_headers(self, table)
                       : lth_reading_feed_headers(self, school_of(self), table));
}

static void on_table_end(void *ctx, const lth_child_end *end)
{
    lth_reading *self = ctx;
    const char *vi = end->detail;
    const char *en = end->detail_en[0] != '\0' ? end->detail_en : end->detail;
    if (end->fault == LTH_SCAN_child_failed && !self->failed) {
        self->failed = true;
        lth_log_text(&self->engine->log, LTH_LEVEL_WARN, "capture_failed", "reason", end->detail);
    }
    if (end->fault == LTH_SCAN_child_failed) {
        vi = FAILED.vi;
        en = FAILED.en;
    }
    self->ended |= UINT64_C(1) << end->table;
    self->ends[end->table].fault = end->fault;
    self->ends[end->table].correction = end->correction;
    (void)lth_format(self->ends[end->table].detail, sizeof self->ends[end->table].detail, "%s", vi);
    (void)lth_format(self->ends[end->table].detail_en, sizeof self->ends[end->table].detail_en,
                     "%s", en);
    (void)(deals(self) ? lth_deal_table_end(self, end->table)
                       : feed_end(self, school_of(self), end->table));
}

/* Not for long: what stands in the way is this machine's, not the file's. */
static void put_off(lth_reading *self, const lth_diag *diag)
{
    lth_log_text(&self->engine->log, LTH_LEVEL_WARN, "capture_not_started", "reason", diag->text);
    self->post->not_before = lth_platform_now().mono + AGAIN_IN;
    self->post->inbox.look_again = true;
    lth_reading_drop(self);
}

static bool start(lth_reading *self)
{
    lth_diag diag = {0};
    if (start_child(self, &diag) != LTH_OK) {
        put_off(self, &diag);
        return false;
    }
    if (!deals(self))
        (void)lth_reading_open(self, school_of(self));
    return true;
}

static void on_end(void *ctx)
{
    finish(ctx);
}

const lth_child_listener lth_reading_listener = {on_row, on_table_end, on_end, on_headers};

/* ---- beginning ---- */

static lth_reading *free_one(lth_engine *engine)
{
    for (uint32_t i = 0; i < LTH_READINGS_MAX; i++) {
        if (engine->hosted.readings[i].post == NULL)
            return &engine->hosted.readings[i];
    }
    return NULL;
}

/* When it first came, if the machine knows it. */
static bool known(const lth_engine *engine, uint32_t school, const char *id, lth_upload *out)
{
    lth_txn *txn = NULL;
    if (lth_store_begin(engine->store, false, &txn) != LTH_OK)
        return false;
    uint64_t number = lth_upload_find(engine, txn, school, id, out);
    lth_store_abort(&txn);
    return number != 0;
}

/* The file of a known upload is not kept any more, and another one has its name. */
static bool is_another(const lth_reading *self, const lth_post *post, const char *id)
{
    const lth_agent_node *node = &self->engine->node;
    bool many = post->school == LTH_POST_CARRIER, yes = false;
    uint32_t end = many ? node->n_schools : post->school + 1;
    lth_upload *before = malloc(sizeof *before);
    for (uint32_t i = many ? 0 : post->school; before != NULL && !yes && i < end; i++)
        yes = node->conf->schools[i].profile != NULL && known(self->engine, i, id, before) &&
              before->received_ms != self->upload.received_ms;
    free(before);
    return yes;
}

static lth_inbox_answer take_new(lth_reading *self, lth_post *post, const char *id, lth_diag *diag)
{
    lth_inbox_answer answer = lth_inbox_take(&post->inbox, id, &self->file, diag);
    self->upload.received_ms = self->file.arrived_ns / 1000000u;
    bool there = answer == LTH_INBOX_TAKEN || answer == LTH_INBOX_FAILED;
    if (!there || !is_another(self, post, id))
        return answer;
    lth_platform_close(&self->file.fd);
    lth_inbox_rename(&post->inbox, id);
    return LTH_INBOX_GONE;
}

static lth_inbox_answer take_known(lth_reading *self, lth_post *post, const char *id,
                                   lth_diag *diag)
{
    const lth_profile *profile = NULL;
    lth_upload *before = malloc(sizeof *before);
    lth_inbox_answer answer = LTH_INBOX_GONE;
    if (before == NULL)
        return LTH_INBOX_BUSY;
    if (known(self->engine, post->school, id, before)) {
        answer = lth_hosted_file(self->engine, post->school, before, &self->file, &profile, diag);
        self->upload.received_ms = before->received_ms;
        if (profile != NULL && profile != post->profile)
            self->only = post->school;
    }
    free(before);
    return answer;
}

static lth_inbox_answer take(lth_reading *self, lth_post *post, const char *id, lth_reading_of of,
                             lth_diag *diag)
{
    lth_inbox_answer answer = LTH_INBOX_GONE;
    switch (of) {
    case LTH_READING_OF_INBOX:
        answer = take_new(self, post, id, diag);
        break;
    case LTH_READING_OF_UPLOAD:
        answer = take_known(self, post, id, diag);
        break;
    case LTH_READING_OF_REPLAY:
        answer = lth_inbox_take_kept(&post->inbox, id, &self->file, diag);
        self->upload.received_ms = lth_replay_next(post)->received_ms;
        break;
    }
    return answer;
}

/* What a file is as a whole; false: it is refused, vi and en say why. */
static bool fits(lth_reading *self, const char **vi, const char **en)
{
    lth_diag diag = {0};
    const lth_engine *engine = self->engine;
    uint64_t most = deals(self) || self->only != LTH_POST_CARRIER
                        ? LTH_SHEET_FILE_MAX
                        : (uint64_t)engine->node.conf->upload_mib << 20;
    if (self->file.bytes <= LTH_SHEET_FILE_MAX && self->file.fd >= 0 &&
        lth_inbox_hash(&self->file, &engine->node.hasher, self->upload.sha256, &diag) != LTH_OK)
        lth_platform_close(&self->file.fd);
    *vi = self->file.fd < 0 ? UNREADABLE.vi : TOO_LARGE.vi;
    *en = self->file.fd < 0 ? UNREADABLE.en : TOO_LARGE.en;
    return self->file.fd >= 0 && self->file.bytes <= most;
}

/* Begun once, and nowhere any more: it ends here, or it would be under way for ever. */
static bool end_lost(lth_reading *self, lth_post *post, const char *id)
{
    lth_inbox_taken file = {.fd = -1};
    bool lost = known(self->engine, post->school, id, &self->upload) &&
                self->upload.state == LTH_UPLOAD_READING &&
                lth_inbox_take(&post->inbox, id, &file, NULL) == LTH_INBOX_GONE;
    lth_platform_close(&file.fd);
    if (!lost)
        return false;
    self->post = post;
    post->reading = true;
    refuse(self, LTH_SCAN_bad_file, LOST.vi, LOST.en);
    return true;
}

lth_reading_start lth_reading_begin(lth_engine *engine, lth_post *post, const char *id,
                                    lth_reading_of of)
{
    lth_diag diag = {0};
    const char *vi, *en;
    lth_reading *self = free_one(engine);
    LTH_ASSERT(self != NULL);
    *self = (lth_reading){.engine = engine,
                          .only = LTH_POST_CARRIER,
                          .kept = of != LTH_READING_OF_INBOX,
                          .replay = of == LTH_READING_OF_REPLAY};
    self->file.fd = -1;
    lth_inbox_answer answer = take(self, post, id, of, &diag);
    if (answer == LTH_INBOX_GONE && of == LTH_READING_OF_UPLOAD && end_lost(self, post, id))
        return LTH_READING_STARTED;
    if (answer == LTH_INBOX_GONE || answer == LTH_INBOX_BUSY)
        return answer == LTH_INBOX_BUSY && self->kept ? LTH_READING_LATER : LTH_READING_NOTHING;
    if (answer == LTH_INBOX_FAILED)
        lth_log_text(&engine->log, LTH_LEVEL_WARN, "upload_not_opened", "reason", diag.text);
    self->post = post;
    post->reading = true;
    (void)lth_format(self->upload.id, sizeof self->upload.id, "%s", id);
    self->upload.bytes = self->file.bytes;
    bool good = fits(self, &vi, &en);
    if (deals(self) && lth_deal_begin(self) != LTH_OK) {
        lth_reading_drop(self);
        return LTH_READING_LATER;
    }
    if (!good) {
        refuse(self, LTH_SCAN_bad_file, vi, en);
        return LTH_READING_STARTED;
    }
    return start(self) ? LTH_READING_STARTED : LTH_READING_LATER;
}
