#include <stdlib.h>

#include "internal.h"

#define LOCKED_REPORTED 3u /* a school program may hold its lock for a while */

static uint64_t bit(uint32_t table)
{
    return UINT64_C(1) << table;
}

/* ---- stored result of a table's last scan ---- */

static lth_slice info_key(uint8_t out[TABLE_KEY_SIZE], const agent_ctx *c)
{
    return lth_agent__table_key(out, &c->school->conf->org, c->table->mapping->dataset->number);
}

lth_err lth_agent__info_save(agent_ctx *c, const lth_scan_info *info)
{
    uint8_t key[TABLE_KEY_SIZE], value[LTH_SCAN_INFO_BYTES_MAX];
    size_t n = lth_scan_info_encode(value, info);
    return lth_put_kv(c->txn, LTH_A_scan, info_key(key, c), lth_slice_of(value, n), LTH_PUT);
}

lth_err lth_agent__info_load(agent_ctx *c, lth_scan_info *out)
{
    uint8_t key[TABLE_KEY_SIZE];
    lth_slice value;
    lth_err err = lth_get(c->txn, LTH_A_scan, info_key(key, c), &value);
    return err != LTH_OK || lth_scan_info_decode(out, value) ? err : LTH_E_STORE_CORRUPT;
}

/* ---- one table ---- */

static void scan_free(agent_scan **scan)
{
    if (*scan != NULL) {
        agent_scan *s = *scan;
        agent_seen *sets[] = {&s->seen,  &s->scopes,  &s->blind,    &s->spared,
                              &s->names, &s->claimed, &s->contested};
        for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
            lth_agent__seen_fini(sets[i]);
        }
        lth_arena_free(&(*scan)->deferred_arena);
        free(*scan);
        *scan = NULL;
    }
}

static lth_err scan_begin(agent_ctx *c)
{
    agent_round *round = c->school->round;
    agent_scan *scan = calloc(1, sizeof *scan);
    if (scan == NULL) {
        return LTH_E_NOMEM;
    }
    round->scans[c->index] = c->scan = scan;
    scan->info.started_ms = round->started_ms;
    scan->info.last_good_ms = c->table->last_good_ms;
    scan->first = !c->table->read_before;
    scan->spooling = c->table->resync == RESYNC_DUE && !c->table->kept;
    scan->judging = c->table->rejudge || round->upload != NULL;
    scan->seen.tracked = c->table->matched || round->upload != NULL;
    scan->names.tracked = true;
    scan->never_ends =
        c->table->matched ? c->table->mapping->n_complete_for == 0 : round->upload != NULL;
    lth_err err =
        lth_agent__guard_load(c, round->upload != NULL ? round->upload->number : 0, scan->guards);
    if (err == LTH_OK && round->upload == NULL) {
        err = lth_agent__map_any(c, &scan->weighs);
    } else if (err == LTH_OK) {
        scan->weighs = round->upload->weighs;
    }
    return err == LTH_OK && scan->spooling ? lth_agent__spool_clear(c) : err;
}

static bool worth_a_warning(const agent_table *table, const lth_scan_info *info)
{
    if (info->fault == LTH_SCAN_locked) {
        return info->faults_in_a_row == LOCKED_REPORTED;
    }
    return info->fault != LTH_SCAN_none && info->fault != table->fault;
}

static void report(const agent_ctx *c)
{
    const lth_scan_info *info = &c->scan->info;
    const lth_log *log = &c->self->env.log;
    const char *org = lth_agent__code_of(c->self, c->school);
    const char *dataset = c->table->mapping->dataset->name;
    bool file = c->school->round->upload != NULL; /* whose detail may repeat a person's words */
    if (worth_a_warning(c->table, info)) {
        lth_log_event(log, LTH_LEVEL_WARN, "scan_fault", "org=%s dataset=%s fault=%s detail=\"%s\"",
                      org, dataset, lth_scan_fault_name(info->fault), file ? "" : info->detail);
    } else if (info->fault == LTH_SCAN_none && c->table->fault != LTH_SCAN_none) {
        lth_log_event(log, LTH_LEVEL_NOTICE, "scan_recovered", "org=%s dataset=%s", org, dataset);
    }
}

static lth_err scan_end(agent_ctx *c, lth_scan_fault fault, const char *detail)
{
    agent_scan *scan = c->scan;
    if (scan->state != SCAN_READING) {
        return LTH_OK;
    }
    if (fault != LTH_SCAN_none) {
        scan->info.fault = LTH_SCAN_none;
        lth_agent__fault(c, fault, detail != NULL ? detail : "");
    }
    scan->clean = scan->info.fault == LTH_SCAN_none || LTH_MUTANT(21);
    scan->state = SCAN_MATCHING;
    scan->unmatched = scan->deferred;
    return LTH_OK;
}

/* Who each row is, is known. */
static lth_err scan_weigh(agent_ctx *c)
{
    agent_scan *scan = c->scan;
    scan->state = SCAN_SETTLING;
    lth_err err = lth_agent__defer_aliases(c);
    err = err == LTH_OK ? lth_agent__guard(c) : err;
    if (err == LTH_OK && !scan->hold_old) {
        err = lth_agent__defer_backs(c);
    }
    if (scan->clean && scan->gone.n > 0 && !scan->hold_gone) {
        scan->state = SCAN_SWEEPING;
    }
    return err;
}

/* As if it had never been begun. */
static void scan_refuse(agent_ctx *c, lth_scan_fault fault, const char *detail)
{
    agent_scan *scan = c->scan;
    scan->info.fault = LTH_SCAN_none;
    lth_agent__fault(c, fault, detail);
    scan->deferred = NULL;
    scan->clean = false;
    scan->state = SCAN_SETTLING;
}

/* A clean scan settles what earlier ones left open. */
static lth_err scan_good(agent_ctx *c)
{
    agent_table *table = c->table;
    lth_err err = LTH_OK;
    c->scan->info.last_good_ms = c->now.wall_ms;
    if (c->scan->spooling && table->resync == RESYNC_DUE) {
        memset(table->cut_to.b, 0, sizeof table->cut_to.b);
        err = lth_agent__resync_mark(c, RESYNC_CUTTING);
    }
    if (err == LTH_OK && table->kept && table->resync == RESYNC_DUE) {
        err = lth_agent__state_resync(c);
    }
    if (err == LTH_OK && (table->rejudge || table->remapped) && !table->kept) {
        err = lth_agent__judged_save(c);
    }
    return err == LTH_OK ? lth_agent__guard_done(c) : err;
}

/* The whole table is dealt with: remember how it went. */
static lth_err scan_close(agent_ctx *c)
{
    agent_table *table = c->table;
    lth_scan_info *info = &c->scan->info;
    bool to_the_end = info->fault == LTH_SCAN_none || info->fault == LTH_SCAN_null_key ||
                      info->fault == LTH_SCAN_duplicate_key || lth_scan_fault_waits(info->fault);
    info->ended_ms = c->now.wall_ms;
    info->faults_in_a_row = info->fault == LTH_SCAN_none ? 0 : table->faults_in_a_row + 1;
    lth_err err = info->fault == LTH_SCAN_none && !c->scan->absent ? scan_good(c) : LTH_OK;
    err = err == LTH_OK && !c->scan->absent ? lth_agent__info_save(c, info) : err;
    if (c->school->round->upload != NULL) {
        lth_agent__upload_count(c);
    }
    if (!c->scan->absent) {
        report(c);
        table->fault = info->fault;
        table->faults_in_a_row = info->faults_in_a_row;
        table->last_good_ms = info->last_good_ms;
        table->unsendable = c->scan->unsendable;
        table->read_before = table->read_before || to_the_end;
    }
    lth_mono retry = c->now.mono + lth_agent__backoff(table);
    table->due = info->fault != LTH_SCAN_none && retry > table->due ? retry : table->due;
    scan_free(&c->school->round->scans[c->index]);
    c->scan = NULL;
    c->school->round->ended |= bit(c->index);
    return err;
}

/* Are all tables of the file beyond this state? Those of a database go each their own way. */
static bool all_beyond(const agent_ctx *c, int state)
{
    const agent_round *round = c->school->round;
    bool all = true;
    for (uint32_t i = 0; round->upload != NULL && i < c->school->conf->n_tables; i++) {
        all = all && (round->scans[i] == NULL || (int)round->scans[i]->state > state);
    }
    return all;
}

static lth_err scan_match(agent_ctx *c)
{
    bool done;
    lth_err err = lth_agent__defer_match(c, &done);
    if (err == LTH_OK && done) {
        c->scan->state = SCAN_FOLLOWING;
        c->scan->unmatched = c->scan->deferred;
    }
    return err;
}

/* Who has got another natural key is known when all tables were matched. */
static lth_err scan_follow(agent_ctx *c)
{
    bool done;
    lth_err err = lth_agent__defer_follow(c, &done);
    return err == LTH_OK && done ? scan_weigh(c) : err;
}

static lth_err scan_work(agent_ctx *c)
{
    lth_err err = LTH_OK;
    if (c->scan->state == SCAN_SWEEPING) {
        bool done;
        err = lth_agent__sweep(c, &done);
        c->scan->state = done ? SCAN_SETTLING : SCAN_SWEEPING;
    }
    if (err == LTH_OK && c->scan->state == SCAN_SETTLING) {
        bool done;
        c->scan->weighs = false;
        err = lth_agent__defer_settle(c, &done);
        err = err == LTH_OK && done ? scan_close(c) : err;
    }
    return err;
}

/* ---- the round ---- */

lth_err lth_agent__arenas(lth_agent *self)
{
    if (self->rows == NULL) {
        self->rows = lth_arena_new(ARENA_BYTES_MAX);
    }
    if (self->changes == NULL) {
        self->changes = lth_arena_new(ARENA_BYTES_MAX);
    }
    return self->rows != NULL && self->changes != NULL ? LTH_OK : LTH_E_NOMEM;
}

static lth_err enter_table(agent_ctx *c, uint32_t index)
{
    c->index = index;
    c->table = &c->school->tables[index];
    c->scan = c->school->round->scans[index];
    return c->scan == NULL ? scan_begin(c) : LTH_OK;
}

/* Tables that were asked for and said nothing at the round's end were not read. */
static lth_err round_over(agent_ctx *c)
{
    agent_round *round = c->school->round;
    lth_err err = LTH_OK;
    round->over = true;
    for (uint32_t i = 0; i < c->school->conf->n_tables && err == LTH_OK; i++) {
        if ((round->tables & ~round->ended & bit(i)) != 0) {
            err = enter_table(c, i);
            err = err == LTH_OK ? scan_end(c, LTH_SCAN_incomplete, "the round ended early") : err;
        }
    }
    return err;
}

/* ---- the round of a file: taken or refused as a whole ---- */

static lth_err file_table_end(agent_ctx *c, const lth_agent_event *event)
{
    agent_scan *scan = c->scan;
    lth_scan_fault fault = event->fault;
    const char *detail = event->detail != NULL ? event->detail : "";
    scan->read = true;
    scan->absent = fault == LTH_SCAN_missing_table;
    scan->never_ends = scan->never_ends || (event->correction && !LTH_MUTANT(32));
    if (fault != LTH_SCAN_none) {
        scan->info.fault = LTH_SCAN_none;
        lth_agent__fault(c, fault, detail);
        (void)lth_format(scan->detail_en, sizeof scan->detail_en, "%s",
                         event->detail_en != NULL ? event->detail_en : detail);
    }
    return LTH_OK;
}

static void refuse(agent_upload *upload, const agent_scan *scan, lth_scan_fault fault)
{
    upload->row.fault = fault;
    (void)lth_format(upload->row.detail, sizeof upload->row.detail, "%s", scan->info.detail);
    (void)lth_format(upload->row.detail_en, sizeof upload->row.detail_en, "%s", scan->detail_en);
}

/* Why the file cannot be taken: a table at fault, or none of them in it. */
static lth_err file_verdict(agent_ctx *c)
{
    agent_round *round = c->school->round;
    const agent_scan *absent = NULL;
    bool held = false;
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < c->school->conf->n_tables && err == LTH_OK; i++) {
        if ((round->tables & bit(i)) == 0) {
            continue;
        }
        err = enter_table(c, i);
        if (err == LTH_OK && !c->scan->read) {
            c->scan->info.fault = LTH_SCAN_none;
            lth_agent__fault(c, LTH_SCAN_incomplete, "tệp chưa được đọc hết");
            (void)lth_format(c->scan->detail_en, sizeof c->scan->detail_en, "%s",
                             "the file was not read to its end");
        }
        if (err == LTH_OK && c->scan->absent) {
            absent = c->scan;
        } else if (err == LTH_OK && c->scan->info.fault != LTH_SCAN_none &&
                   round->upload->row.fault == LTH_SCAN_none) {
            refuse(round->upload, c->scan, c->scan->info.fault);
        } else {
            held = true;
        }
    }
    if (err == LTH_OK && !held && absent != NULL && round->upload->row.fault == LTH_SCAN_none) {
        refuse(round->upload, absent, LTH_SCAN_wrong_file);
    }
    return err;
}

static lth_err file_over(agent_ctx *c)
{
    agent_round *round = c->school->round;
    lth_err err = file_verdict(c);
    round->over = true;
    for (uint32_t i = 0; i < c->school->conf->n_tables && err == LTH_OK; i++) {
        if ((round->tables & bit(i)) == 0) {
            continue;
        }
        err = enter_table(c, i);
        if (err == LTH_OK && round->upload->row.fault != LTH_SCAN_none) {
            scan_refuse(c, round->upload->row.fault, round->upload->row.detail);
        } else if (err == LTH_OK && c->scan->absent) {
            c->scan->info.fault = LTH_SCAN_none;
            c->scan->state = SCAN_SETTLING;
        } else if (err == LTH_OK) {
            err = scan_end(c, LTH_SCAN_none, NULL);
        }
    }
    return err;
}

/* ---- events ---- */

lth_err lth_agent__on_round_event(agent_ctx *c, const lth_agent_event *event)
{
    agent_round *round = c->school->round;
    if (round == NULL || round->over) {
        return LTH_OK; /* of a round that an earlier instance began */
    }
    lth_err err = lth_agent__arenas(c->self);
    if (err != LTH_OK) {
        return err;
    }
    if (event->kind == LTH_AEVENT_ROUND_END) {
        return round->upload != NULL ? file_over(c) : round_over(c);
    }
    LTH_ASSERT(event->table < c->school->conf->n_tables);
    if ((round->tables & ~round->ended & bit(event->table)) == 0) {
        return LTH_OK;
    }
    err = enter_table(c, event->table);
    if (err != LTH_OK) {
        return err;
    }
    if (event->kind == LTH_AEVENT_ROW) {
        return lth_agent__on_row(c, event->cells, event->row);
    }
    return round->upload != NULL ? file_table_end(c, event)
                                 : scan_end(c, event->fault, event->detail);
}

/* One step of a table that was read. The guards of all tables of a file are weighed before anything
 * of it ends or is added. */
static lth_err scan_step(agent_ctx *c)
{
    switch (c->scan->state) {
    case SCAN_READING:
        break;
    case SCAN_MATCHING:
        return scan_match(c);
    case SCAN_FOLLOWING:
        return all_beyond(c, SCAN_MATCHING) ? scan_follow(c) : LTH_OK;
    case SCAN_SWEEPING:
    case SCAN_SETTLING:
        return all_beyond(c, SCAN_FOLLOWING) ? scan_work(c) : LTH_OK;
    }
    return LTH_OK;
}

lth_err lth_agent__round_work(agent_ctx *c)
{
    agent_round *round = c->school->round;
    uint32_t n = c->school->conf->n_tables;
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < n * SCAN_SETTLING && err == LTH_OK; i++) { /* once for each state */
        c->index = i % n;
        c->table = &c->school->tables[c->index];
        c->scan = round->scans[c->index];
        err = c->scan != NULL ? scan_step(c) : LTH_OK;
    }
    return err;
}

bool lth_agent__round_busy(const agent_school *school)
{
    for (uint32_t i = 0; school->round != NULL && i < school->conf->n_tables; i++) {
        const agent_scan *scan = school->round->scans[i];
        if (scan != NULL && scan->state != SCAN_READING) {
            return true;
        }
    }
    return false;
}

lth_err lth_agent__round_finish(agent_ctx *c)
{
    agent_round *round = c->school->round;
    if (!round->over || (round->tables & ~round->ended) != 0) {
        return LTH_OK;
    }
    lth_err err = round->upload != NULL ? lth_agent__upload_end(c) : LTH_OK;
    if (round->sealed_live) {
        c->school->not_before = c->now.mono + LTH_MONO_MS(c->self->env.live_ms);
    }
    lth_agent__round_free(c->self, c->school);
    return err;
}

lth_err lth_agent__round_begin(lth_agent *self, uint32_t school, uint64_t tables,
                               agent_upload *upload)
{
    agent_school *of = &self->schools[school];
    agent_round *round = calloc(1, sizeof *round + of->conf->n_tables * sizeof *round->scans);
    if (round == NULL) {
        return LTH_E_NOMEM;
    }
    round->tables = tables;
    round->upload = upload;
    round->started_ms = self->now.wall_ms;
    of->round = round;
    self->rounds++;
    if (upload != NULL) {
        return LTH_OK;
    }
    self->scans++;
    agent_item item = {.kind = ITEM_SCAN, .school = school, .tables = tables};
    return lth_agent__push(self, &item);
}

void lth_agent__round_free(lth_agent *self, agent_school *school)
{
    if (school->round == NULL) {
        return;
    }
    for (uint32_t i = 0; i < school->conf->n_tables; i++) {
        scan_free(&school->round->scans[i]);
    }
    self->scans -= school->round->upload == NULL ? 1 : 0;
    if (school->round->upload != NULL) {
        lth_arena_free(&school->round->upload->moved_arena);
    }
    free(school->round->upload);
    free(school->round);
    school->round = NULL;
    self->rounds--;
}
