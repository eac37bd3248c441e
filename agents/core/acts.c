#include "internal.h"

/* A person's word: what it changes, and who said it and why (table `act`). */

#define KEY_BYTES (16u + 8u + 2u)

static lth_err keep_act(agent_ctx *c, const lth_agent_act *act)
{
    uint8_t key[KEY_BYTES];
    lth_slice value;
    lth_err err = LTH_OK;
    memcpy(key, c->school->conf->org.b, 16);
    lth_put64(key + 16, c->now.wall_ms);
    for (uint16_t n = 0; err == LTH_OK && n < UINT16_MAX; n++) {
        lth_put16(key + 24, n);
        err = lth_get(c->txn, LTH_A_act, lth_slice_of(key, sizeof key), &value);
    }
    if (err != LTH_E_NOT_FOUND) {
        return err;
    }
    lth_buf_clear(&c->self->coded);
    err = lth_agent_act_encode(&c->self->coded, act);
    return err == LTH_OK ? lth_put_kv(c->txn, LTH_A_act, lth_slice_of(key, sizeof key),
                                      lth_buf_slice(&c->self->coded), LTH_PUT)
                         : err;
}

static bool enter_table(agent_ctx *c, uint16_t dataset)
{
    for (uint32_t i = 0; i < c->school->conf->n_tables; i++) {
        if (c->school->tables[i].mapping->dataset->number == dataset) {
            c->index = i;
            c->table = &c->school->tables[i];
            return true;
        }
    }
    return false;
}

/* ---- guards ---- */

/* No longer a fault: the records stay, and the next scans pass over it. */
static lth_err clear_fault(agent_ctx *c)
{
    lth_scan_info info;
    if (!lth_scan_fault_waits(c->table->fault)) {
        return LTH_OK;
    }
    lth_err err = lth_agent__info_load(c, &info);
    if (err != LTH_OK) {
        return err;
    }
    info.fault = LTH_SCAN_none;
    info.faults_in_a_row = 0;
    info.detail[0] = '\0';
    c->table->fault = LTH_SCAN_none;
    c->table->faults_in_a_row = 0;
    return lth_agent__info_save(c, &info);
}

static lth_err decide_table(agent_ctx *c, uint64_t upload, bool confirm)
{
    agent_guard guards[GUARDS];
    bool any = false;
    lth_err err = lth_agent__guard_load(c, upload, guards);
    for (uint32_t i = 0; i < GUARDS; i++) {
        if (guards[i].state != GUARD_NONE) {
            guards[i].state = confirm ? GUARD_CONFIRMED : GUARD_WITHDRAWN;
            any = true;
        }
    }
    if (err != LTH_OK || !any) {
        return err;
    }
    if (confirm) {
        c->table->due = c->now.mono;
    }
    err = confirm && LTH_MUTANT(27) ? LTH_OK : lth_agent__guard_save(c, upload, guards);
    return err == LTH_OK && !confirm ? clear_fault(c) : err;
}

static lth_err decide_upload(agent_ctx *c, uint64_t number)
{
    lth_upload upload;
    lth_err err = lth_agent__upload_get(c, number, &upload);
    if (err != LTH_OK || upload.state != LTH_UPLOAD_WAITING) {
        return err == LTH_E_NOT_FOUND ? LTH_OK : err;
    }
    upload.state = LTH_UPLOAD_WITHDRAWN;
    return lth_agent__upload_put(c, number, &upload);
}

static lth_err decide(agent_ctx *c, const lth_agent_act *act)
{
    bool confirm = act->kind == LTH_ACT_CONFIRM;
    uint64_t upload = act->upload != 0 ? act->upload : c->school->upload;
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < c->school->conf->n_tables && err == LTH_OK; i++) {
        c->index = i;
        c->table = &c->school->tables[i];
        if (act->dataset == 0 || act->dataset == c->table->mapping->dataset->number) {
            err = decide_table(c, c->table->kept ? upload : 0, confirm);
        }
    }
    return err == LTH_OK && !confirm && act->upload != 0 ? decide_upload(c, act->upload) : err;
}

/* ---- a snapshot ---- */

static lth_err resync(agent_ctx *c, const lth_agent_act *act)
{
    bool any = true;
    if (!enter_table(c, act->dataset)) {
        return LTH_OK;
    }
    lth_err err = c->table->kept ? lth_agent__map_any(c, &any) : LTH_OK;
    return err == LTH_OK && any ? lth_agent__resync_owe(c) : err;
}

/* ---- records ---- */

static void unknown_record(const agent_ctx *c)
{
    lth_log_event(&c->self->env.log, LTH_LEVEL_NOTICE, "act_ignored", "org=%s reason=record",
                  lth_agent__code_of(c->self, c->school));
}

/* Its handle, if it lives. */
static lth_err find_record(agent_ctx *c, const lth_agent_act *act, uint8_t handle[PRINT_SIZE],
                           agent_map_row *row, bool *found)
{
    lth_err err = LTH_E_NOT_FOUND;
    if (enter_table(c, act->dataset) && memcmp(act->record_id.b, c->school->conf->org.b, 8) == 0) {
        err = lth_agent__handle_of(c, &act->record_id, handle);
        err = err == LTH_OK ? lth_agent__map_get(c, handle, row) : err;
    }
    *found = err == LTH_OK && lth_id_equal(&row->record_id, &act->record_id);
    if (!*found && (err == LTH_OK || err == LTH_E_NOT_FOUND)) {
        unknown_record(c);
    }
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* "New" was said of this row before, and the record that it became lives. */
static lth_err is_done(agent_ctx *c, lth_slice key, bool *yes)
{
    agent_map_row row;
    lth_slice value;
    lth_err err = lth_get(c->txn, LTH_A_answer, key, &value);
    *yes = err == LTH_OK && value.n == ANSWER_DONE;
    if (*yes) {
        err = lth_agent__map_get(c, value.p, &row);
        *yes = err == LTH_OK;
    }
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

static lth_err answer(agent_ctx *c, const lth_agent_act *act)
{
    uint8_t handle[PRINT_SIZE] = {0}, bytes[KEY_SIZE];
    lth_slice key = lth_agent__key(bytes, &c->school->conf->org, act->dataset, act->row_hash);
    agent_map_row row;
    bool found = enter_table(c, act->dataset), done = false;
    lth_err err = LTH_OK;
    if (!lth_id_is_zero(&act->record_id) && !LTH_MUTANT(36)) {
        err = find_record(c, act, handle, &row, &found);
    } else if (found) {
        err = is_done(c, key, &done);
    }
    if (err != LTH_OK || !found || done) {
        return err;
    }
    return lth_put_kv(c->txn, LTH_A_answer, key, lth_slice_of(handle, sizeof handle), LTH_PUT);
}

static lth_err accept(agent_ctx *c, const lth_agent_act *act)
{
    uint8_t handle[PRINT_SIZE];
    agent_map_row row;
    bool found;
    lth_err err = find_record(c, act, handle, &row, &found);
    if (err != LTH_OK || !found) {
        return err;
    }
    err = lth_agent__accepted_put(c, act, row.hash);
    row.flags |= MAP_JUDGE;
    return err == LTH_OK ? lth_agent__map_put(c, handle, &row) : err;
}

lth_err lth_agent__on_act(agent_ctx *c, const lth_agent_act *act)
{
    if (act->by.n < 1 || act->by.n > LTH_BY_MAX || act->reason.n < 1 ||
        act->reason.n > LTH_WHY_MAX) {
        lth_log_event(&c->self->env.log, LTH_LEVEL_NOTICE, "act_ignored", "org=%s reason=author",
                      lth_agent__code_of(c->self, c->school));
        return LTH_OK;
    }
    lth_err err = lth_agent__arenas(c->self);
    if (err == LTH_OK) {
        switch (act->kind) {
        case LTH_ACT_CONFIRM:
        case LTH_ACT_WITHDRAW:
            err = decide(c, act);
            break;
        case LTH_ACT_ANSWER:
            err = answer(c, act);
            break;
        case LTH_ACT_RESYNC:
            err = resync(c, act);
            break;
        case LTH_ACT_ACCEPT:
            err = accept(c, act);
            break;
        }
    }
    return err == LTH_OK ? keep_act(c, act) : err;
}
