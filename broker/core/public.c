/* The ministry's public stream on its way down: kept like any origin's chain, signed by the top
 * organisation's broker alone. */
#include "internal.h"

/* ---- what is held ---- */

/* The publication's last batch stands in the header of every batch of it. */
static lth_err load_through(lth_broker *self, lth_txn *txn)
{
    broker_public *p = &self->public_;
    uint64_t accept_no;
    uint8_t hash[LTH_HASH_SIZE];
    bool found;
    lth_slice log;
    lth_batch_header header;
    p->through = 0;
    TRY(lth_broker__chain_get(txn, &p->author->id, LTH_STREAM_PUBLIC, p->at.epoch, p->at.seq,
                              &accept_no, hash, &found));
    if (!found) {
        return LTH_OK;
    }
    TRY(lth_broker__log_get(txn, accept_no, &log));
    if (lth_batch_header_decode(&header, log.p) != LTH_REFUSE_none) {
        return LTH_E_STORE_CORRUPT;
    }
    p->through = header.source_position;
    return LTH_OK;
}

static const lth_org *find_author(const lth_broker *self)
{
    const lth_registry *registry = self->env.registry;
    if (!lth_id_is_zero(&self->env.public_org)) {
        return lth_registry_find(registry, &self->env.public_org);
    }
    return self->self_org != NULL ? lth_public_author(registry, self->self_org, self->today) : NULL;
}

lth_err lth_broker__public_load(lth_broker *self, lth_txn *txn)
{
    broker_public *p = &self->public_;
    lth_head head = {.at.epoch = 0};
    bool found = false;
    if (p->loaded) {
        return LTH_OK;
    }
    p->author = find_author(self);
    if (p->author != NULL) {
        TRY(lth_broker__head_get(txn, &p->author->id, LTH_STREAM_PUBLIC, &head, &found));
    }
    p->at = head.at;
    p->state = head.state;
    p->taken_ms = head.last_ms;
    p->loaded = true;
    return found ? load_through(self, txn) : LTH_OK;
}

void lth_broker__public_forget(lth_broker *self)
{
    self->public_.loaded = false;
    self->public_.author = NULL;
}

/* What was accepted in this step: children that have everything before it get it unasked. */
void lth_broker__public_took(lth_broker *self, const broker_batch *b)
{
    broker_public *p = &self->public_;
    p->at = b->head.at;
    p->taken_ms = b->now.wall_ms;
    p->through = b->c->batch.header.source_position;
    p->moved = true;
    for (uint32_t i = 0; i < self->n_peers; i++) {
        broker_reader *reader = &self->peers[i]->reader;
        reader->due = reader->due || (reader->asked && reader->bytes == 0);
    }
}

/* ---- from above ---- */

lth_err lth_broker__public_ask(lth_broker *self)
{
    broker_public *p = &self->public_;
    if (!self->link.ready || p->author == NULL || p->author == self->self_org) {
        return LTH_OK;
    }
    lth_frame frame = {.kind = LTH_FRAME_HELLO,
                       .hello = {.origin = p->author->id,
                                 .stream = LTH_STREAM_PUBLIC,
                                 .head = p->at,
                                 .session = self->incarnation}};
    p->asked_at = self->now;
    p->ask_at = self->now + PUBLIC_AGAIN_NS;
    return lth_broker__send(self, LTH_PEER_PARENT, &frame);
}

static void ask_soon(broker_public *p)
{
    lth_mono soon = p->asked_at + PUBLIC_SOON_NS;
    p->ask_at = soon < p->ask_at ? soon : p->ask_at;
}

static bool is_behind(const lth_position *a, const lth_position *b)
{
    return a->epoch != b->epoch ? a->epoch < b->epoch : a->seq < b->seq;
}

void lth_broker__public_resume(lth_broker *self, const lth_frame_resume *resume)
{
    broker_public *p = &self->public_;
    if (resume->stream != LTH_STREAM_PUBLIC || p->author == NULL ||
        !lth_id_equal(&resume->origin, &p->author->id)) {
        return;
    }
    p->above = resume->head;
    if (is_behind(&p->at, &p->above)) {
        ask_soon(p);
    }
}

static void log_refused(const lth_broker *self, const broker_batch *b, const broker_verdict *v)
{
    const lth_batch_header *h = &b->c->batch.header;
    lth_log_event(&self->env.log,
                  lth_refusal_class_of(v->code) == LTH_REFUSAL_STOPPED ? LTH_LEVEL_ERROR
                                                                       : LTH_LEVEL_INFO,
                  "public_refused", "epoch=%u seq=%llu code=%s", (unsigned)h->epoch,
                  (unsigned long long)h->batch_seq, lth_refusal_name(v->code));
}

lth_err lth_broker__public_batch(lth_broker *self, lth_txn *txn, lth_now now,
                                 const lth_event *event)
{
    broker_public *p = &self->public_;
    broker_verdict v = {0};
    broker_batch b = {.txn = txn,
                      .now = now,
                      .frame = &event->frame->batch,
                      .c = event->checked,
                      .via = self->env.parent_org};
    if (event->checked == NULL) {
        return LTH_OK;
    }
    b.org = lth_registry_find(self->env.registry, &b.c->batch.header.origin);
    TRY(lth_broker__judge_public(self, &b, &v));
    if (v.fork) {
        p->state = LTH_ORIGIN_FROZEN;
        TRY(lth_broker__fork(self, &b));
    }
    if (v.code != LTH_REFUSE_none) {
        log_refused(self, &b, &v);
        if (lth_refusal_class_of(v.code) != LTH_REFUSAL_STOPPED) {
            ask_soon(p);
        }
        return LTH_OK;
    }
    if (v.duplicate) {
        self->duplicates++;
        return LTH_OK;
    }
    TRY(lth_broker__accept(self, &b));
    lth_broker__public_took(self, &b);
    return LTH_OK;
}

/* ---- to those below ---- */

static void stop_answer(lth_broker *self, broker_reader *reader)
{
    self->public_.flight -= reader->bytes;
    reader->bytes = 0;
}

void lth_broker__public_gone(lth_broker *self, broker_peer *peer)
{
    stop_answer(self, &peer->reader);
}

/* A position that is not ours, or not with this hash: then our batch there is sent, so that the
 * other side sees the fork. */
static lth_err answer_from(lth_broker *self, lth_txn *txn, broker_reader *reader)
{
    const lth_position *at = &reader->at;
    uint64_t accept_no;
    uint8_t hash[LTH_HASH_SIZE];
    bool found = true, same = true;
    reader->sent_epoch = at->epoch;
    reader->sent_seq = at->seq;
    if (at->epoch > 0) {
        TRY(lth_broker__chain_get(txn, &self->public_.author->id, LTH_STREAM_PUBLIC, at->epoch,
                                  at->seq, &accept_no, hash, &found));
        same = !found || memcmp(hash, at->hash, LTH_HASH_SIZE) == 0;
    }
    reader->sent_seq -= same ? 0 : 1;
    reader->due = !same || is_behind(at, &self->public_.at);
    return LTH_OK;
}

lth_err lth_broker__public_hello(lth_broker *self, lth_txn *txn, broker_peer *peer,
                                 const lth_frame_hello *hello)
{
    broker_public *p = &self->public_;
    broker_reader *reader = &peer->reader;
    lth_frame_reject reject = {.origin = hello->origin,
                               .stream = hello->stream,
                               .code = LTH_REFUSE_unknown_origin,
                               .class_ = lth_refusal_class_of(LTH_REFUSE_unknown_origin),
                               .wait_ms = 60000};
    if (p->author == NULL || !lth_id_equal(&hello->origin, &p->author->id)) {
        return lth_broker__reject(self, peer->handle, &reject);
    }
    const lth_position sent = {.epoch = reader->sent_epoch, .seq = reader->sent_seq};
    bool halfway =
        reader->bytes > 0 && is_behind(&reader->at, &hello->head) && is_behind(&hello->head, &sent);
    reader->asked = true;
    reader->at = hello->head;
    if (halfway) {
        return LTH_OK;
    }
    stop_answer(self, reader);
    TRY(answer_from(self, txn, reader));
    lth_frame frame = {.kind = LTH_FRAME_RESUME,
                       .resume = {.origin = p->author->id,
                                  .stream = LTH_STREAM_PUBLIC,
                                  .head = p->at,
                                  .state = LTH_RESUME_GO}};
    return lth_broker__send(self, peer->handle, &frame);
}

/* One answer while it is made. */
typedef struct answer {
    lth_txn *read;
    broker_peer *peer;
    uint8_t told[LTH_HASH_SIZE]; /* Key whose certificate went ahead. */
    bool gone;                   /* A body is no longer there. */
} answer;

static lth_err send_batch(lth_broker *self, answer *a, uint64_t accept_no)
{
    broker_reader *reader = &a->peer->reader;
    uint8_t key[8], grant[LTH_GRANT_BYTES];
    lth_batch_header header;
    lth_slice log, body = {0};
    lth_grant decoded;
    bool found = false;
    lth_put64(key, accept_no);
    TRY(lth_broker__log_get(a->read, accept_no, &log));
    if (lth_batch_header_decode(&header, log.p) != LTH_REFUSE_none) {
        return LTH_E_STORE_CORRUPT;
    }
    lth_err err = lth_get(a->read, LTH_T_body, lth_slice_of(key, sizeof key), &body);
    a->gone = err == LTH_E_NOT_FOUND && header.rec_count > 0;
    if (a->gone || (err != LTH_OK && err != LTH_E_NOT_FOUND)) {
        return a->gone ? LTH_OK : err;
    }
    lth_frame frame = {.kind = LTH_FRAME_BATCH,
                       .batch = {.signed_header = {log.p, LTH_BATCH_SIGNED_SIZE},
                                 .body = body,
                                 .attest = lth_slice_of(log.p + LOG_FIXED, log.n - LOG_FIXED)}};
    if (header.batch_seq == 1) {
        TRY(lth_broker__grant_get(a->read, &header.origin, header.stream, header.epoch, grant,
                                  &decoded, &found));
        frame.batch.grant = lth_slice_of(grant, found ? sizeof grant : 0);
        TRY(lth_broker__keep(self, &frame.batch.grant));
    }
    if (memcmp(a->told, header.key_id, LTH_HASH_SIZE) != 0) {
        memcpy(a->told, header.key_id, LTH_HASH_SIZE);
        TRY(lth_broker__certs_show(self, a->read, a->peer->handle, header.key_id));
    }
    reader->sent_epoch = header.epoch;
    reader->sent_seq = header.batch_seq;
    reader->bytes += LTH_BATCH_SIGNED_SIZE + body.n;
    return lth_broker__send(self, a->peer->handle, &frame);
}

static lth_err make_answer(lth_broker *self, lth_txn *read, broker_peer *peer)
{
    broker_reader *reader = &peer->reader;
    answer a = {.read = read, .peer = peer};
    uint8_t from[36];
    lth_slice key, value;
    lth_cursor *cursor;
    reader->due = false;
    reader->since = self->now;
    lth_broker__key_position(from, &self->public_.author->id, LTH_STREAM_PUBLIC, reader->sent_epoch,
                             reader->sent_seq + (LTH_MUTANT(41) ? 2 : 1));
    TRY(lth_cursor_open(read, LTH_T_chain, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    while (err == LTH_OK && memcmp(key.p, from, 24) == 0 && reader->bytes < PUBLIC_ANSWER &&
           !a.gone) {
        err = value.n >= 8 ? send_batch(self, &a, lth_get64(value.p)) : LTH_E_STORE_CORRUPT;
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    self->public_.flight += reader->bytes;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_broker__public_serve(lth_broker *self, lth_txn *read, bool *more)
{
    broker_public *p = &self->public_;
    uint64_t room = PUMP_BYTES_MAX;
    uint32_t n = p->author != NULL ? self->n_peers : 0, start = p->turn;
    for (uint32_t i = 0; i < n && room > 0 && p->flight < PUBLIC_FLIGHT; i++) {
        uint32_t at = (start + i) % n;
        broker_peer *peer = self->peers[at];
        if (peer->reader.due) {
            TRY(make_answer(self, read, peer));
            room -= peer->reader.bytes < room ? peer->reader.bytes : room;
            p->turn = (at + 1) % n;
        }
    }
    *more = *more || room == 0;
    return LTH_OK;
}

/* ---- time ---- */

lth_err lth_broker__public_committed(lth_broker *self)
{
    bool moved = self->public_.moved;
    self->public_.moved = false;
    return moved ? lth_broker__public_ask(self) : LTH_OK;
}

/* An answer that nobody acknowledged gives its room back; its child asks again when it can. */
lth_err lth_broker__public_tick(lth_broker *self)
{
    for (uint32_t i = 0; i < self->n_peers; i++) {
        broker_reader *reader = &self->peers[i]->reader;
        if (reader->bytes > 0 && self->now - reader->since >= PUBLIC_AGAIN_NS) {
            stop_answer(self, reader);
        }
    }
    return self->now >= self->public_.ask_at ? lth_broker__public_ask(self) : LTH_OK;
}

/* ---- what `status` shows ---- */

void lth_broker_public_of(const lth_broker *self, lth_broker_public_info *out)
{
    const broker_public *p = &self->public_;
    *out =
        (lth_broker_public_info){.at = p->at,
                                 .above = p->above,
                                 .whole = p->at.seq == p->through,
                                 .state = p->state,
                                 .taken_ms = p->taken_ms,
                                 .author_here = p->author != NULL && p->author == self->self_org};
    if (p->author != NULL) {
        out->author = p->author->id;
    }
}

uint32_t lth_broker_public_readers(const lth_broker *self, lth_broker_reader_info *out,
                                   uint32_t max)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < self->n_peers && n < max; i++) {
        const broker_peer *peer = self->peers[i];
        if (peer->reader.asked) {
            out[n++] = (lth_broker_reader_info){.org = peer->org,
                                                .role = peer->role,
                                                .at = peer->reader.at,
                                                .heard = peer->last_seen};
        }
    }
    return n;
}

/* The one origin that has a public stream here. */
static lth_err find_stream(lth_txn *txn, lth_id *author, lth_head *head, bool *found)
{
    lth_cursor *cursor;
    lth_slice key, value;
    *found = false;
    TRY(lth_cursor_open(txn, LTH_T_head, &cursor));
    lth_err err = lth_cursor_next(cursor, &key, &value);
    while (err == LTH_OK && !*found) {
        if (key.n == 24 && lth_get64(key.p + 16) == LTH_STREAM_PUBLIC) {
            memcpy(author->b, key.p, sizeof author->b);
            *found = lth_head_decode(head, value);
            err = *found ? LTH_OK : LTH_E_STORE_CORRUPT;
        }
        err = err == LTH_OK && !*found ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static lth_err read_dataset(lth_public_set *out, const lth_hasher *h, lth_txn *txn,
                            const lth_id *author, uint16_t dataset)
{
    lth_cursor *cursor;
    lth_slice key, value;
    lth_record_row row;
    uint8_t from[20];
    lth_id first = {{0}};
    memcpy(first.b, author->b, 8);
    lth_broker__key_record(from, dataset, &first, 0);
    TRY(lth_cursor_open(txn, LTH_T_record, &cursor));
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof from), &key, &value);
    while (err == LTH_OK && memcmp(key.p, from, 10) == 0) {
        err = lth_record_row_decode(&row, value) ? LTH_OK : LTH_E_STORE_CORRUPT;
        if (err == LTH_OK && row.state == LTH_ROW_LIVE && lth_id_equal(&row.author, author)) {
            err = lth_public_set_record(out, h, row.wire);
        }
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_broker_public_read(lth_public_set *out, const lth_hasher *h, lth_txn *txn)
{
    lth_id author;
    lth_head head;
    bool found;
    *out = (lth_public_set){.version = 0};
    lth_err err = find_stream(txn, &author, &head, &found);
    if (err == LTH_OK && found) {
        out->version = (uint32_t)head.at.seq;
        err = read_dataset(out, h, txn, &author, LTH_PUBLIC_DEFINITION);
        err = err == LTH_OK ? read_dataset(out, h, txn, &author, LTH_PUBLIC_CODE) : err;
        err = err == LTH_OK ? lth_public_set_sort(out) : err;
    }
    if (err != LTH_OK) {
        lth_public_set_fini(out);
    }
    return err == LTH_E_FORMAT ? LTH_E_STORE_CORRUPT : err;
}
