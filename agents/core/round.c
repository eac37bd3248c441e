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

static lth_err store_info(agent_ctx *c)
{
    uint8_t key[TABLE_KEY_SIZE], value[64 + LTH_DETAIL_MAX];
    size_t n = lth_scan_info_encode(value, &c->scan->info);
    return lth_put_kv(c->txn, LTH_A_scan, info_key(key, c), lth_slice_of(value, n), LTH_PUT);
}

/* ---- one table ---- */

static void scan_free(agent_scan **scan)
{
    if (*scan != NULL) {
        lth_agent__seen_fini(&(*scan)->seen);
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
    scan->spooling = c->table->resync == RESYNC_DUE;
    return scan->spooling ? lth_agent__spool_clear(c) : LTH_OK;
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
    if (worth_a_warning(c->table, info)) {
        lth_log_event(log, LTH_LEVEL_WARN, "scan_fault", "org=%s dataset=%s fault=%s detail=\"%s\"",
                      org, dataset, lth_scan_fault_name(info->fault), info->detail);
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
    scan->state = scan->clean ? SCAN_SWEEPING : SCAN_SETTLING;
    return lth_agent__defer_aliases(c);
}

/* The whole table is dealt with: remember how it went. */
static lth_err scan_close(agent_ctx *c)
{
    agent_table *table = c->table;
    lth_scan_info *info = &c->scan->info;
    lth_err err = LTH_OK;
    bool to_the_end = info->fault == LTH_SCAN_none || info->fault == LTH_SCAN_null_key ||
                      info->fault == LTH_SCAN_duplicate_key;
    info->ended_ms = c->now.wall_ms;
    info->faults_in_a_row = info->fault == LTH_SCAN_none ? 0 : table->faults_in_a_row + 1;
    if (info->fault == LTH_SCAN_none) {
        info->last_good_ms = c->now.wall_ms;
        if (c->scan->spooling && table->resync == RESYNC_DUE) {
            memset(table->cut_to.b, 0, sizeof table->cut_to.b);
            err = lth_agent__resync_mark(c, RESYNC_CUTTING);
        }
    }
    err = err == LTH_OK ? store_info(c) : err;
    report(c);
    table->fault = info->fault;
    table->faults_in_a_row = info->faults_in_a_row;
    table->last_good_ms = info->last_good_ms;
    table->unsendable = c->scan->unsendable;
    table->read_before = table->read_before || to_the_end;
    lth_mono retry = c->now.mono + lth_agent__backoff(table);
    table->due = info->fault != LTH_SCAN_none && retry > table->due ? retry : table->due;
    scan_free(&c->school->round->scans[c->index]);
    c->scan = NULL;
    c->school->round->ended |= bit(c->index);
    return err;
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
        err = lth_agent__defer_settle(c);
        err = err == LTH_OK ? scan_close(c) : err;
    }
    return err;
}

/* ---- the round ---- */

static lth_err arenas_ready(lth_agent *self)
{
    if (self->rows == NULL) {
        self->rows = lth_arena_new(ARENA_BYTES_MAX);
    }
    if (self->changes == NULL) {
        self->changes = lth_arena_new(ARENA_BYTES_MAX);
    }
    return self->rows != NULL && self->changes != NULL ? LTH_OK : LTH_E_NOMEM;
}

/* Tables that were asked for and said nothing at the round's end were not read. */
static lth_err round_over(agent_ctx *c)
{
    agent_round *round = c->school->round;
    lth_err err = LTH_OK;
    round->over = true;
    for (uint32_t i = 0; i < c->school->conf->n_tables && err == LTH_OK; i++) {
        if ((round->tables & ~round->ended & bit(i)) == 0) {
            continue;
        }
        c->index = i;
        c->table = &c->school->tables[i];
        c->scan = round->scans[i];
        err = c->scan == NULL ? scan_begin(c) : LTH_OK;
        err = err == LTH_OK ? scan_end(c, LTH_SCAN_incomplete, "the round ended early") : err;
    }
    return err;
}

lth_err lth_agent__on_round_event(agent_ctx *c, const lth_agent_event *event)
{
    agent_round *round = c->school->round;
    if (round == NULL || round->over) {
        return LTH_OK; /* of a round that an earlier instance began */
    }
    lth_err err = arenas_ready(c->self);
    if (err != LTH_OK) {
        return err;
    }
    if (event->kind == LTH_AEVENT_ROUND_END) {
        return round_over(c);
    }
    LTH_ASSERT(event->table < c->school->conf->n_tables);
    if ((round->tables & ~round->ended & bit(event->table)) == 0) {
        return LTH_OK;
    }
    c->index = event->table;
    c->table = &c->school->tables[event->table];
    c->scan = round->scans[event->table];
    err = c->scan == NULL ? scan_begin(c) : LTH_OK;
    if (err != LTH_OK) {
        return err;
    }
    return event->kind == LTH_AEVENT_ROW ? lth_agent__on_row(c, event->cells)
                                         : scan_end(c, event->fault, event->detail);
}

lth_err lth_agent__round_work(agent_ctx *c)
{
    agent_round *round = c->school->round;
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < c->school->conf->n_tables && err == LTH_OK; i++) {
        c->index = i;
        c->table = &c->school->tables[i];
        c->scan = round->scans[i];
        if (c->scan != NULL && c->scan->state != SCAN_READING) {
            err = scan_work(c);
        }
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

void lth_agent__round_finish(agent_ctx *c)
{
    agent_round *round = c->school->round;
    if (!round->over || (round->tables & ~round->ended) != 0) {
        return;
    }
    if (round->sealed_live) {
        c->school->not_before = c->now.mono + LTH_MONO_MS(c->self->env.live_ms);
    }
    lth_agent__round_free(c->self, c->school);
}

void lth_agent__round_free(lth_agent *self, agent_school *school)
{
    if (school->round == NULL) {
        return;
    }
    for (uint32_t i = 0; i < school->conf->n_tables; i++) {
        scan_free(&school->round->scans[i]);
    }
    free(school->round);
    school->round = NULL;
    self->rounds--;
}
