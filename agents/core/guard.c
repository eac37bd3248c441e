#include "internal.h"

/* What a scan would end or turn back, weighed before it is done (internal.h, guards). */

#define OLD_LEAST  5u
#define NEW_LEAST  20u /* a class */
#define GUARD_NAME "guard "
#define GUARD_SIZE (sizeof GUARD_NAME - 1 + TABLE_KEY_SIZE + 8u)
#define ONE_SIZE   (1u + 4u + PRINT_SIZE + 1u)
#define TWO_GUARDS (2u * (ONE_SIZE - 1u)) /* of a store from before new rows had one */

void lth_agent__set_add(agent_set *set, const uint8_t key[PRINT_SIZE])
{
    set->n++;
    for (size_t i = 0; i < PRINT_SIZE; i++) {
        set->sum[i] ^= key[i];
    }
}

/* ---- stored: one row of `ameta` a table and file while a guard has something to remember ---- */

static lth_slice guard_key(const agent_ctx *c, uint64_t upload, uint8_t out[GUARD_SIZE])
{
    memcpy(out, GUARD_NAME, sizeof GUARD_NAME - 1);
    (void)lth_agent__table_key(out + sizeof GUARD_NAME - 1, &c->school->conf->org,
                               c->table->mapping->dataset->number);
    lth_put64(out + GUARD_SIZE - 8, upload);
    return lth_slice_of(out, GUARD_SIZE);
}

lth_err lth_agent__guard_load(agent_ctx *c, uint64_t upload, agent_guard guards[GUARDS])
{
    uint8_t key[GUARD_SIZE];
    lth_slice value;
    memset(guards, 0, GUARDS * sizeof *guards);
    lth_err err = lth_get(c->txn, LTH_A_ameta, guard_key(c, upload, key), &value);
    if (err != LTH_OK) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    lth_rd rd = lth_rd_of(value);
    bool two = value.n == TWO_GUARDS;
    for (uint32_t i = 0; i < (two ? 2u : GUARDS); i++) {
        uint8_t state = lth_rd8(&rd);
        rd.bad = rd.bad || state > GUARD_WITHDRAWN;
        guards[i].state = state;
        guards[i].set.n = lth_rd32(&rd);
        lth_rd_copy(&rd, guards[i].set.sum, PRINT_SIZE);
        guards[i].fault = two && i == GUARD_OLD ? LTH_SCAN_restored
                          : two                 ? LTH_SCAN_mass_deletion
                                                : (lth_scan_fault)lth_rd8(&rd);
    }
    return lth_rd_done(&rd) ? LTH_OK : LTH_E_STORE_CORRUPT;
}

lth_err lth_agent__guard_save(agent_ctx *c, uint64_t upload, const agent_guard guards[GUARDS])
{
    uint8_t key[GUARD_SIZE], value[GUARDS * ONE_SIZE];
    bool any = false;
    for (uint32_t i = 0; i < GUARDS; i++) {
        any = any || guards[i].state != GUARD_NONE;
    }
    if (!any) {
        return lth_agent__guard_forget(c, upload);
    }
    lth_wr wr = lth_wr_of(value, sizeof value);
    for (uint32_t i = 0; i < GUARDS; i++) {
        lth_wr8(&wr, (uint8_t)guards[i].state);
        lth_wr32(&wr, guards[i].set.n);
        lth_wr_bytes(&wr, guards[i].set.sum, PRINT_SIZE);
        lth_wr8(&wr, (uint8_t)guards[i].fault);
    }
    LTH_ASSERT(!wr.bad && wr.p == wr.end);
    return lth_put_kv(c->txn, LTH_A_ameta, guard_key(c, upload, key),
                      lth_slice_of(value, sizeof value), LTH_PUT);
}

lth_err lth_agent__guard_forget(agent_ctx *c, uint64_t upload)
{
    uint8_t key[GUARD_SIZE];
    lth_err err = lth_del(c->txn, LTH_A_ameta, guard_key(c, upload, key));
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static lth_err save(agent_ctx *c)
{
    const agent_upload *upload = lth_agent__upload(c);
    return lth_agent__guard_save(c, upload != NULL ? upload->number : 0, c->scan->guards);
}

/* ---- weighing ---- */

/* Known records of the table, those with a row in the scan, those that may end when it lacks them,
 * and those of which the file says nothing at all. */
typedef struct tally {
    agent_set known;
    uint32_t seen, in_scope, elsewhere;
} tally;

static lth_err tally_one(agent_ctx *c, lth_slice key, lth_slice value, tally *t)
{
    const agent_scan *scan = c->scan;
    const uint8_t *handle = key.p + TABLE_KEY_SIZE;
    lth_agent__set_add(&t->known, handle);
    bool in_scope = true, elsewhere = false;
    bool seen = lth_agent__seen_has(&scan->seen, handle);
    t->seen += seen ? 1 : 0;
    if (!scan->never_ends && (c->table->matched || !seen)) {
        lth_err err = lth_agent__may_end(c, handle, value, &in_scope, &elsewhere);
        if (err != LTH_OK) {
            return err;
        }
        if (in_scope && !seen) {
            lth_agent__set_add(&c->scan->gone, handle);
        }
    }
    t->in_scope += in_scope ? 1 : 0;
    t->elsewhere += elsewhere && !seen ? 1 : 0;
    return LTH_OK;
}

static lth_err count(agent_ctx *c, tally *t)
{
    uint8_t prefix[TABLE_KEY_SIZE];
    lth_slice from =
        lth_agent__table_key(prefix, &c->school->conf->org, c->table->mapping->dataset->number);
    lth_cursor *cursor;
    lth_slice key, value;
    lth_err err = lth_cursor_open(c->txn, LTH_A_map, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    err = lth_cursor_seek(cursor, from, &key, &value);
    while (err == LTH_OK && key.n == KEY_SIZE && memcmp(key.p, prefix, TABLE_KEY_SIZE) == 0) {
        err = tally_one(c, key, value, t);
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
    }
    lth_cursor_close(&cursor);
    uint64_t fresh = c->scan->info.fresh;
    c->scan->info.known = t->known.n > fresh ? t->known.n - fresh : t->known.n;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static bool same_or_smaller(const agent_set *set, const agent_set *than)
{
    return set->n < than->n || (set->n == than->n && memcmp(set->sum, than->sum, PRINT_SIZE) == 0);
}

typedef enum outcome { GO, PASS_OVER, ASK } outcome;

/* Nothing of this kind was found now. A scan that broke off does not know, and of a file what it
 * lacked when it was the newest is what a person is asked about. */
static lth_err forget(agent_ctx *c, agent_guard *guard, outcome *out)
{
    const agent_upload *upload = lth_agent__upload(c);
    bool knows = c->scan->clean && (upload == NULL || upload->number == c->school->uploads);
    if (guard->state == GUARD_NONE) {
        return LTH_OK;
    }
    if (guard->state == GUARD_HELD && !knows) {
        *out = ASK;
        return LTH_OK;
    }
    if (!c->scan->clean) {
        *out = guard->state == GUARD_WITHDRAWN ? PASS_OVER : GO;
        return LTH_OK;
    }
    *guard = (agent_guard){.state = GUARD_NONE};
    return save(c);
}

/* What a person said of this set, or, with @p risk, that one has to be asked. A snapshot cannot
 * pass over records: what is not in it ends. */
static lth_err consult(agent_ctx *c, agent_guard_kind kind, lth_scan_fault risk,
                       const agent_set *set, outcome *out)
{
    agent_guard *guard = &c->scan->guards[kind];
    bool covered = same_or_smaller(set, &guard->set);
    bool file = lth_agent__upload(c) != NULL;
    bool told = risk != LTH_SCAN_none && covered && !c->scan->spooling;
    *out = GO;
    if (guard->state == GUARD_WITHDRAWN && (file || told)) {
        *out = LTH_MUTANT(31) ? GO : PASS_OVER;
        return LTH_OK;
    }
    if (risk == LTH_SCAN_none) {
        return forget(c, guard, out);
    }
    if (guard->state == GUARD_CONFIRMED && covered) {
        return LTH_OK;
    }
    *out = ASK;
    bool held = guard->state == GUARD_HELD && guard->set.n == set->n && covered;
    *guard = (agent_guard){.state = GUARD_HELD, .set = *set, .fault = risk};
    return held ? LTH_OK : save(c);
}

/* Nothing that came counts as a change: all of it stands as before. */
static lth_err weigh_old(agent_ctx *c, outcome *out)
{
    const agent_scan *scan = c->scan;
    const agent_upload *upload = lth_agent__upload(c);
    uint64_t changed = scan->info.changed + scan->newcomers.n + scan->old.n;
    bool still = scan->old.n > 0 && scan->guards[GUARD_OLD].state != GUARD_NONE;
    bool repeats = scan->old.n > 0 && upload != NULL && upload->repeats;
    bool risky = still || repeats || scan->old_spilled ||
                 (scan->old.n >= OLD_LEAST && (uint64_t)scan->old.n * 2 >= changed);
    return consult(c, GUARD_OLD, risky ? LTH_SCAN_restored : LTH_SCAN_none, &scan->old, out);
}

static lth_err weigh_gone(agent_ctx *c, const tally *t, outcome *out)
{
    const lth_agent_env *env = &c->self->env;
    agent_scan *scan = c->scan;
    uint64_t gone = scan->gone.n, fresh = scan->info.fresh; /* in the map by now, in scope all */
    uint64_t before = t->in_scope > fresh ? t->in_scope - fresh : gone;
    bool emptied = scan->info.rows == 0 && gone > 0;
    bool mass = gone > 0 && gone >= env->gone_least && gone * 100 > before * env->gone_percent;
    bool moved = gone > 0 && c->table->movable && t->elsewhere > 0;
    lth_scan_fault risk = emptied ? LTH_SCAN_emptied
                          : mass  ? LTH_SCAN_mass_deletion
                          : moved ? LTH_SCAN_may_be_elsewhere
                                  : LTH_SCAN_none;
    lth_err err = consult(c, GUARD_GONE, risk, &scan->gone, out);
    scan->info.gone = *out == GO ? gone : scan->guards[GUARD_GONE].set.n;
    return err;
}

/* Many new rows and nobody whom the school has: perhaps another school's. What refers to other
 * records, as results do to pupils, is new every term, and is nothing without them. */
static lth_err weigh_new(agent_ctx *c, const tally *t, outcome *out)
{
    const agent_scan *scan = c->scan;
    uint32_t n = scan->newcomers.n;
    bool strangers = c->table->mapping->dataset->n_references == 0 && n >= NEW_LEAST &&
                     t->known.n > 0 && t->seen == 0 && 2 * (uint64_t)n >= t->known.n;
    bool many = strangers || scan->new_spilled > 0;
    return consult(c, GUARD_NEW, many ? LTH_SCAN_mass_addition : LTH_SCAN_none, &scan->newcomers,
                   out);
}

lth_err lth_agent__guard_done(agent_ctx *c)
{
    agent_scan *scan = c->scan;
    bool used = false;
    const bool held_back[GUARDS] = {
        [GUARD_GONE] = scan->hold_gone || !scan->clean || scan->never_ends,
        [GUARD_OLD] = scan->hold_old,
        [GUARD_NEW] = lth_agent__new_waits(c),
    };
    for (uint32_t i = 0; i < GUARDS; i++) {
        agent_guard *guard = &scan->guards[i];
        bool held = held_back[i];
        if (guard->state == GUARD_CONFIRMED && !held) {
            *guard = (agent_guard){.state = GUARD_NONE};
            used = true;
        }
    }
    return used ? save(c) : LTH_OK;
}

bool lth_agent__new_waits(const agent_ctx *c)
{
    const agent_upload *upload = lth_agent__upload(c);
    bool holds = c->scan->hold_new || (upload != NULL && upload->hold_new);
    return holds && !LTH_MUTANT(26);
}

/* What the outcomes of the three let be done, and what they keep. */
static void decide(agent_ctx *c, const outcome of[GUARDS])
{
    agent_scan *scan = c->scan;
    agent_upload *upload = lth_agent__upload(c);
    lth_scan_fault asked = LTH_SCAN_none;
    for (uint32_t i = 0; i < GUARDS; i++) {
        lth_scan_fault fault = scan->guards[i].fault;
        bool moved = fault == LTH_SCAN_may_be_elsewhere;
        asked = of[i] == ASK && asked == LTH_SCAN_none ? fault : asked;
        scan->withdrawn = scan->withdrawn || of[i] == PASS_OVER;
        scan->hold_new = scan->hold_new || (of[i] == ASK && !moved) ||
                         (of[i] == PASS_OVER && (upload != NULL || i == GUARD_NEW));
    }
    scan->hold_gone = of[GUARD_GONE] != GO || asked != LTH_SCAN_none;
    scan->hold_old = of[GUARD_OLD] != GO || asked != LTH_SCAN_none;
    if (upload != NULL) {
        upload->hold_new = upload->hold_new || scan->hold_new;
    }
    if (asked != LTH_SCAN_none) {
        lth_agent__fault(c, asked, c->table->mapping->dataset->name);
    }
}

lth_err lth_agent__guard(agent_ctx *c)
{
    agent_scan *scan = c->scan;
    outcome of[GUARDS] = {GO, GO, GO};
    tally t = {.seen = 0};
    scan->info.old = scan->old.n;
    lth_err err = weigh_old(c, &of[GUARD_OLD]);
    err = err == LTH_OK ? count(c, &t) : err;
    if (err == LTH_OK && scan->clean && !scan->never_ends) {
        err = weigh_gone(c, &t, &of[GUARD_GONE]);
    } else if (err == LTH_OK && !scan->clean) {
        err = forget(c, &scan->guards[GUARD_GONE], &of[GUARD_GONE]);
    }
    if (err == LTH_OK) {
        err = weigh_new(c, &t, &of[GUARD_NEW]);
    }
    if (err == LTH_OK && !LTH_MUTANT(25)) {
        decide(c, of);
    }
    return err;
}
