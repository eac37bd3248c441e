#include <stdlib.h>

#include "internal.h"

#define UPLOADS_KEPT  200u
#define FINDINGS_KEPT 20u /**< Uploads whose findings are kept. */
#define KEY_BYTES     (16u + 8u)

static lth_slice upload_key(const agent_ctx *c, uint8_t out[KEY_BYTES], uint64_t number)
{
    memcpy(out, c->school->conf->org.b, 16);
    lth_put64(out + 16, number);
    return lth_slice_of(out, KEY_BYTES);
}

static bool of_school(const agent_ctx *c, lth_slice key)
{
    return key.n >= KEY_BYTES && memcmp(key.p, c->school->conf->org.b, 16) == 0;
}

lth_err lth_agent__upload_get(agent_ctx *c, uint64_t number, lth_upload *out)
{
    uint8_t key[KEY_BYTES];
    lth_slice value;
    lth_err err = lth_get(c->txn, LTH_A_upload, upload_key(c, key, number), &value);
    return err != LTH_OK || lth_upload_decode(out, value) ? err : LTH_E_STORE_CORRUPT;
}

lth_err lth_agent__upload_put(agent_ctx *c, uint64_t number, const lth_upload *upload)
{
    uint8_t key[KEY_BYTES];
    lth_buf *coded = &c->self->coded;
    lth_buf_clear(coded);
    lth_err err = lth_upload_encode(coded, upload);
    return err == LTH_OK ? lth_put_kv(c->txn, LTH_A_upload, upload_key(c, key, number),
                                      lth_buf_slice(coded), LTH_PUT)
                         : err;
}

lth_err lth_agent__upload_load(agent_ctx *c)
{
    uint8_t end[KEY_BYTES];
    lth_cursor *cursor;
    lth_slice key, value;
    lth_err err = lth_cursor_open(c->txn, LTH_A_upload, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    err = lth_cursor_before(cursor, upload_key(c, end, UINT64_MAX), &key, &value);
    if (err == LTH_OK && of_school(c, key)) {
        c->school->uploads = lth_get64(key.p + 16);
        c->school->upload = c->school->uploads;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_agent__older(agent_ctx *c, const lth_id *id, bool *yes)
{
    const agent_upload *upload = lth_agent__upload(c);
    uint64_t newest = 0;
    *yes = false;
    if (upload == NULL || upload->number == c->school->uploads || !c->table->kept) {
        return LTH_OK;
    }
    uint8_t key[KEY_SIZE];
    lth_slice value;
    uint16_t dataset = c->table->mapping->dataset->number;
    lth_err err = lth_get(c->txn, LTH_A_state,
                          lth_agent__key(key, &c->school->conf->org, dataset, id->b), &value);
    if (err == LTH_OK) {
        newest = value.n >= STATE_FIXED ? lth_get64(value.p) : 0;
    } else if (err == LTH_E_NOT_FOUND) {
        err = lth_agent__id_ended_in(c, id, &newest);
    }
    *yes = newest > upload->number && !LTH_MUTANT(29);
    return err;
}

/* ---- the beginning ---- */

bool lth_agent_may_upload(const lth_agent *self, uint32_t school)
{
    LTH_ASSERT(school < self->env.n_schools);
    const agent_school *of = &self->schools[school];
    bool cutting = false;
    for (uint32_t i = 0; i < of->conf->n_tables; i++) {
        cutting = cutting || of->tables[i].resync == RESYNC_CUTTING;
    }
    return of->round == NULL && of->head.at.epoch > 0 && !cutting && !lth_agent__rejudge_due(of);
}

uint64_t lth_agent_upload_number(const lth_agent *self, uint32_t school)
{
    LTH_ASSERT(school < self->env.n_schools);
    return self->schools[school].upload;
}

/* The same id is the same upload. */
static lth_err find_number(agent_ctx *c, const char *id, uint64_t *number, lth_upload *before)
{
    lth_err err = LTH_OK;
    uint64_t newest = c->school->uploads;
    for (*number = newest; *number > 0 && newest - *number < UPLOADS_KEPT; (*number)--) {
        err = lth_agent__upload_get(c, *number, before);
        if (err == LTH_OK && strcmp(before->id, id) == 0 && !LTH_MUTANT(30)) {
            return LTH_OK;
        }
        if (err != LTH_OK && err != LTH_E_NOT_FOUND) {
            return err;
        }
    }
    *before = (lth_upload){.n_tables = 0};
    *number = newest + 1;
    c->school->uploads = *number;
    return LTH_OK;
}

static bool was_taken(const lth_upload *upload)
{
    return upload->state == LTH_UPLOAD_DONE || upload->state == LTH_UPLOAD_WAITING;
}

/* The same bytes were here before, and then others: what they say is of an older day. */
static lth_err find_repeat(agent_ctx *c, agent_upload *upload, lth_upload *before)
{
    bool others = false;
    uint64_t number = upload->number;
    for (uint64_t n = number - 1; n > 0 && number - n < UPLOADS_KEPT; n--) {
        lth_err err = lth_agent__upload_get(c, n, before);
        if (err == LTH_E_NOT_FOUND) {
            continue;
        }
        if (err != LTH_OK) {
            return err;
        }
        if (memcmp(before->sha256, upload->row.sha256, sizeof before->sha256) != 0) {
            others = true;
        } else if (was_taken(before)) {
            upload->repeats = others && !LTH_MUTANT(35);
            return LTH_OK;
        }
    }
    return LTH_OK;
}

static lth_err findings_del(agent_ctx *c, uint64_t from, uint64_t to)
{
    uint8_t start[KEY_BYTES];
    lth_cursor *cursor;
    lth_slice key, value;
    lth_err err = lth_cursor_open(c->txn, LTH_A_finding, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    err = lth_cursor_seek(cursor, upload_key(c, start, from), &key, &value);
    while (err == LTH_OK && of_school(c, key) && lth_get64(key.p + 16) <= to) {
        err = lth_cursor_del(cursor);
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static void list_tables(agent_upload *upload, const agent_school *school, uint64_t tables,
                        const lth_upload *before)
{
    for (uint32_t i = 0; i < school->conf->n_tables; i++) {
        uint32_t n = upload->row.n_tables;
        if ((tables >> i & 1) == 0 || n == LTH_UPLOAD_TABLES_MAX) {
            continue;
        }
        upload->tables[n].index = i;
        upload->row.tables[n].dataset = school->tables[i].mapping->dataset->number;
        upload->row.n_tables++;
        for (uint32_t k = 0; k < before->n_tables; k++) {
            if (before->tables[k].dataset == upload->row.tables[n].dataset) {
                upload->tables[n].fresh = before->tables[k].fresh;
                upload->tables[n].changed = before->tables[k].changed;
                upload->tables[n].ended = before->tables[k].ended;
            }
        }
    }
}

/* Without any known record no guard has anything to find, and new rows go as they come. */
static lth_err find_known(agent_ctx *c, agent_upload *upload)
{
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < upload->row.n_tables && !upload->weighs && err == LTH_OK; i++) {
        c->table = &c->school->tables[upload->tables[i].index];
        err = lth_agent__map_any(c, &upload->weighs);
    }
    return err;
}

static void describe(agent_upload *upload, const lth_upload *event, const lth_upload *before)
{
    lth_upload *row = &upload->row;
    (void)lth_format(row->id, sizeof row->id, "%s", event->id);
    memcpy(row->sha256, event->sha256, sizeof row->sha256);
    row->bytes = event->bytes;
    row->received_ms = event->received_ms;
    row->state = LTH_UPLOAD_READING;
    row->head = before->head;
    row->first_seq = before->first_seq;
}

lth_err lth_agent__upload_begin(agent_ctx *c, const lth_agent_event *event)
{
    uint32_t index = (uint32_t)(c->school - c->self->schools);
    LTH_ASSERT(lth_agent_may_upload(c->self, index));
    agent_upload *upload = calloc(1, sizeof *upload);
    lth_upload *before = malloc(sizeof *before);
    lth_err err = upload != NULL && before != NULL ? lth_agent__arenas(c->self) : LTH_E_NOMEM;
    err = err == LTH_OK ? find_number(c, event->upload->id, &upload->number, before) : err;
    if (err != LTH_OK) {
        goto done;
    }
    describe(upload, event->upload, before);
    list_tables(upload, c->school, event->tables, before);
    err = find_known(c, upload);
    err = err == LTH_OK ? find_repeat(c, upload, before) : err;
    err = err == LTH_OK ? findings_del(c, upload->number, upload->number) : err;
    err = err == LTH_OK ? lth_agent__upload_put(c, upload->number, &upload->row) : err;
    if (err == LTH_OK) {
        c->school->upload = upload->number;
        err = lth_agent__round_begin(c->self, index, event->tables, upload);
        upload = err == LTH_OK ? NULL : upload;
    }
done:
    free(before);
    free(upload);
    return err;
}

/* ---- the counts ---- */

void lth_agent__upload_count(agent_ctx *c)
{
    agent_upload *upload = c->school->round->upload;
    const agent_scan *scan = c->scan;
    uint32_t n = 0;
    while (n < upload->row.n_tables && upload->tables[n].index != c->index) {
        n++;
    }
    if (n == upload->row.n_tables) {
        return;
    }
    uint64_t rows = scan->info.rows;
    uint64_t others = (uint64_t)upload->tables[n].fresh + scan->fresh + upload->tables[n].changed +
                      scan->changed + scan->held + scan->info.asked +
                      (scan->hold_old ? scan->old.n : 0) + scan->info.waiting;
    bool guarded = lth_scan_fault_waits(scan->info.fault);
    upload->row.tables[n].fault = guarded ? scan->info.fault : LTH_SCAN_none;
    upload->row.tables[n].rows = (uint32_t)rows;
    upload->row.tables[n].fresh = upload->tables[n].fresh + scan->fresh;
    upload->row.tables[n].changed = upload->tables[n].changed + scan->changed;
    upload->row.tables[n].same = (uint32_t)(rows > others ? rows - others : 0);
    upload->row.tables[n].ended = upload->tables[n].ended + (uint32_t)scan->info.deleted;
    upload->row.tables[n].held = scan->held;
    upload->row.tables[n].asked = (uint32_t)scan->info.asked;
    upload->row.tables[n].warned = (uint32_t)scan->info.warned;
    upload->row.tables[n].gone = (uint32_t)scan->info.gone;
    upload->row.tables[n].old = (uint32_t)scan->info.old;
    upload->row.tables[n].known = (uint32_t)scan->info.known;
    upload->row.tables[n].waiting = (uint32_t)scan->info.waiting;
    if (scan->withdrawn && upload->row.state == LTH_UPLOAD_READING) {
        upload->row.state = LTH_UPLOAD_WITHDRAWN;
    }
    if (guarded) {
        upload->row.state = LTH_UPLOAD_WAITING;
    }
}

/* What was sealed of it is said in the same transaction: a crash loses no count. */
lth_err lth_agent__upload_save(agent_ctx *c)
{
    agent_round *round = c->school->round;
    for (uint32_t i = 0; i < c->school->conf->n_tables; i++) {
        if (round->scans[i] != NULL) {
            c->index = i;
            c->scan = round->scans[i];
            lth_agent__upload_count(c);
        }
    }
    c->scan = NULL;
    return lth_agent__upload_put(c, round->upload->number, &round->upload->row);
}

/* ---- the end ---- */

static lth_err prune(agent_ctx *c)
{
    uint64_t newest = c->school->uploads;
    lth_err err = newest > FINDINGS_KEPT ? findings_del(c, 0, newest - FINDINGS_KEPT) : LTH_OK;
    if (err == LTH_OK && newest > UPLOADS_KEPT) {
        uint8_t key[KEY_BYTES];
        err = lth_del(c->txn, LTH_A_upload, upload_key(c, key, newest - UPLOADS_KEPT));
        err = err == LTH_E_NOT_FOUND ? LTH_OK : err;
        for (uint32_t i = 0; i < c->school->conf->n_tables && err == LTH_OK; i++) {
            c->table = &c->school->tables[i];
            err = lth_agent__guard_forget(c, newest - UPLOADS_KEPT);
        }
    }
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_agent__upload_end(agent_ctx *c)
{
    agent_upload *upload = c->school->round->upload;
    lth_upload *row = &upload->row;
    row->done_ms = c->now.wall_ms;
    row->head = c->school->head.at;
    if (row->fault != LTH_SCAN_none) {
        row->state = LTH_UPLOAD_REFUSED;
    } else if (row->state == LTH_UPLOAD_READING) {
        row->state = LTH_UPLOAD_DONE;
    }
    lth_err err = lth_agent__tiers_fill(c, row);
    err = err == LTH_OK ? lth_agent__upload_put(c, upload->number, row) : err;
    return err == LTH_OK ? prune(c) : err;
}

lth_err lth_agent__uploads_void(agent_ctx *c)
{
    const lth_agent_head *head = &c->school->head;
    uint64_t newest = c->school->uploads;
    lth_upload *upload = newest > 0 ? malloc(sizeof *upload) : NULL;
    lth_err err = newest > 0 && upload == NULL ? LTH_E_NOMEM : LTH_OK;
    for (uint64_t n = newest; n > 0 && newest - n < LTH_UPLOADS_OPEN_MAX && err == LTH_OK; n--) {
        err = lth_agent__upload_get(c, n, upload);
        bool dealt = err == LTH_OK &&
                     (upload->state == LTH_UPLOAD_DONE || upload->state == LTH_UPLOAD_WAITING);
        if (dealt && upload->head.epoch == head->at.epoch && upload->head.seq > head->acked.seq) {
            upload->state = LTH_UPLOAD_READING;
            upload->n_tiers = 0;
            err = lth_agent__upload_put(c, n, upload);
        }
        err = err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    free(upload);
    return err;
}
