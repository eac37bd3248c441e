#include "internal.h"

#define BACKOFF_MOST LTH_MONO_S(15 * 60)

/* 0..1000: how much of a tenth is added to the intervals of a round, so that schools do not march
 * in step; one draw for all tables, so that these stay together. */
static uint32_t draw_jitter(lth_agent *self)
{
    uint8_t bytes[4];
    self->env.random.fill(self->env.random.ctx, bytes, sizeof bytes);
    return lth_get32(bytes) % 1001;
}

/* Doubles with every fault of the source. A table that is only locked, has bad keys or waits for a
 * person's word is read as often as ever: a bad row harms only itself. */
lth_mono lth_agent__backoff(const agent_table *table)
{
    lth_mono every = LTH_MONO_MS(table->every_ms);
    if (table->fault == LTH_SCAN_none || table->fault == LTH_SCAN_locked ||
        table->fault == LTH_SCAN_null_key || table->fault == LTH_SCAN_duplicate_key ||
        lth_scan_fault_waits(table->fault)) {
        return 0;
    }
    lth_mono wait = every;
    for (uint32_t i = 1; i < table->faults_in_a_row && wait < BACKOFF_MOST; i++) {
        wait *= 2;
    }
    wait = wait > BACKOFF_MOST ? BACKOFF_MOST : wait;
    return wait > every ? wait : every;
}

/* Earliest instant at which a table may be read; NEVER while its snapshot is being cut, or when
 * only files bring its rows. */
static lth_mono due(const agent_school *school, uint32_t table)
{
    const agent_table *t = &school->tables[table];
    if (t->resync == RESYNC_CUTTING || t->every_ms == 0) {
        return LTH_MONO_NEVER;
    }
    if (school->scan_now) {
        return 0;
    }
    return t->due > school->not_before ? t->due : school->not_before;
}

static bool may_begin(const lth_agent *self, const agent_school *school)
{
    return school->round == NULL && school->head.at.epoch > 0 && self->scans < self->env.scans_max;
}

static uint64_t due_tables(const agent_school *school, lth_mono now)
{
    uint64_t tables = 0;
    for (uint32_t i = 0; i < school->conf->n_tables; i++) {
        tables |= due(school, i) <= now ? UINT64_C(1) << i : 0;
    }
    return tables;
}

static lth_err begin(lth_agent *self, uint32_t index, uint64_t tables)
{
    agent_school *school = &self->schools[index];
    school->scan_now = false;
    uint32_t jitter = draw_jitter(self);
    for (uint32_t i = 0; i < school->conf->n_tables; i++) {
        if ((tables >> i & 1) != 0) {
            lth_mono every = LTH_MONO_MS(school->tables[i].every_ms);
            school->tables[i].due = self->now.mono + every + every / 10000 * jitter;
        }
    }
    return lth_agent__round_begin(self, index, tables, NULL);
}

/* Longest overdue first: with few places for many schools nobody starves. */
static uint32_t most_overdue(const lth_agent *self)
{
    uint32_t best = self->env.n_schools;
    lth_mono least = LTH_MONO_NEVER;
    for (uint32_t i = 0; i < self->env.n_schools; i++) {
        const agent_school *school = &self->schools[i];
        for (uint32_t t = 0; may_begin(self, school) && t < school->conf->n_tables; t++) {
            lth_mono at = due(school, t);
            if (at <= self->now.mono && at < least) {
                least = at;
                best = i;
            }
        }
    }
    return best;
}

lth_err lth_agent__schedule(lth_agent *self)
{
    lth_err err = LTH_OK;
    while (err == LTH_OK && self->scans < self->env.scans_max) {
        uint32_t best = most_overdue(self);
        if (best == self->env.n_schools) {
            break;
        }
        err = begin(self, best, due_tables(&self->schools[best], self->now.mono));
    }
    return err;
}

lth_mono lth_agent__schedule_deadline(const lth_agent *self)
{
    lth_mono least = LTH_MONO_NEVER;
    for (uint32_t i = 0; i < self->env.n_schools; i++) {
        const agent_school *school = &self->schools[i];
        for (uint32_t t = 0; may_begin(self, school) && t < school->conf->n_tables; t++) {
            lth_mono at = due(school, t);
            least = at < least ? at : least;
        }
    }
    return least;
}
