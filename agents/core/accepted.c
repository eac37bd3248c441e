#include "internal.h"

/* Warnings that people accepted: kept with the row they were said of, and told to the entry broker
 * in every session, once it holds all that was sealed: then its warning is of the same version. */

#define FIXED        (PRINT_SIZE + 8u) /* All that stores of before have. */
#define AT_ONCE      256u
#define ACCEPTED_MAX (FIXED + 3u + LTH_BY_MAX + LTH_WHY_MAX)

static void make_key(uint8_t key[ACCEPTED_KEY], uint16_t dataset, const lth_id *id, uint16_t rule)
{
    lth_put16(key, dataset);
    memcpy(key + 2, id->b, sizeof id->b);
    lth_put16(key + 18, rule);
}

lth_err lth_agent__accepted_put(agent_ctx *c, const lth_agent_act *act,
                                const uint8_t row_hash[PRINT_SIZE])
{
    uint8_t key[ACCEPTED_KEY], value[ACCEPTED_MAX];
    lth_wr wr = lth_wr_of(value, sizeof value);
    make_key(key, act->dataset, &act->record_id, act->rule);
    lth_wr_bytes(&wr, row_hash, PRINT_SIZE);
    lth_wr64(&wr, c->now.wall_ms);
    lth_wr8(&wr, (uint8_t)act->by.n);
    lth_wr_bytes(&wr, act->by.p, act->by.n);
    lth_wr16(&wr, (uint16_t)act->reason.n);
    lth_wr_bytes(&wr, act->reason.p, act->reason.n);
    LTH_ASSERT(!wr.bad);
    lth_agent__accepted_again(c->school);
    return lth_put_kv(c->txn, LTH_A_accepted, lth_slice_of(key, sizeof key),
                      lth_slice_of(value, lth_wr_size(&wr)), LTH_PUT);
}

lth_err lth_agent__accepted_find(agent_ctx *c, const lth_id *id, uint16_t rule,
                                 const uint8_t row_hash[PRINT_SIZE], bool *yes)
{
    uint8_t key[ACCEPTED_KEY];
    lth_slice value;
    make_key(key, c->table->mapping->dataset->number, id, rule);
    lth_err err = lth_get(c->txn, LTH_A_accepted, lth_slice_of(key, sizeof key), &value);
    *yes = err == LTH_OK && value.n >= FIXED && memcmp(value.p, row_hash, PRINT_SIZE) == 0;
    if (*yes) {
        lth_agent__accepted_again(c->school); /* A new version is warned about anew up there. */
    }
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* ---- telling ---- */

void lth_agent__accepted_again(agent_school *school)
{
    school->telling = true;
    school->told_tables = 0;
    memset(school->told_from, 0, sizeof school->told_from);
}

static bool all_is_there(const agent_school *school)
{
    return school->session == SESSION_GO && school->first == NULL &&
           school->confirmed == school->head.at.seq;
}

/* Is it of the row as it is now, with a name and a reason? */
static lth_err is_present(agent_ctx *c, lth_slice key, lth_slice value, bool *yes)
{
    uint8_t handle[PRINT_SIZE], map_key[KEY_SIZE];
    lth_slice row;
    lth_id id;
    *yes = false;
    if (key.n != ACCEPTED_KEY || value.n <= FIXED + 3) {
        return LTH_OK;
    }
    memcpy(id.b, key.p + 2, sizeof id.b);
    lth_err err = lth_agent__handle_of(c, &id, handle);
    if (err == LTH_OK) {
        err =
            lth_get(c->txn, LTH_A_map,
                    lth_agent__key(map_key, &c->school->conf->org, lth_get16(key.p), handle), &row);
    }
    *yes = err == LTH_OK && row.n >= sizeof id.b + PRINT_SIZE &&
           memcmp(row.p + sizeof id.b, value.p, PRINT_SIZE) == 0;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

/* Of the table that is next; @p room: how many more may be looked at. */
static lth_err tell_table(agent_ctx *c, uint32_t *room)
{
    agent_school *school = c->school;
    uint8_t *from = school->told_from;
    uint16_t dataset = c->table->mapping->dataset->number;
    lth_cursor *cursor;
    lth_slice key, value;
    if (lth_get16(from) != dataset || memcmp(from + 2, school->conf->org.b, 8) != 0) {
        memset(from, 0, sizeof school->told_from);
        lth_put16(from, dataset);
        memcpy(from + 2, school->conf->org.b, 8);
    }
    lth_err err = lth_cursor_open(c->txn, LTH_A_accepted, &cursor);
    if (err != LTH_OK) {
        return err;
    }
    err = lth_cursor_seek(cursor, lth_slice_of(from, sizeof school->told_from), &key, &value);
    bool more = err == LTH_OK && key.n == ACCEPTED_KEY && memcmp(key.p, from, 10) == 0;
    for (; more && *room > 0; (*room)--) {
        bool yes;
        agent_item item = {.kind = ITEM_ACCEPTED,
                           .school = (uint32_t)(school - c->self->schools),
                           .signed_header = key,
                           .body = value};
        err = is_present(c, key, value, &yes);
        err = err == LTH_OK && yes ? lth_agent__push(c->self, &item) : err;
        err = err == LTH_OK ? lth_cursor_next(cursor, &key, &value) : err;
        more = err == LTH_OK && key.n == ACCEPTED_KEY && memcmp(key.p, from, 10) == 0;
    }
    if (more) {
        memcpy(from, key.p, ACCEPTED_KEY);
    }
    lth_cursor_close(&cursor);
    school->told_tables += more ? 0 : 1;
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}

lth_err lth_agent__accepted_tell(lth_agent *self, lth_txn *read, bool *more)
{
    uint32_t room = AT_ONCE;
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < self->env.n_schools && room > 0 && err == LTH_OK; i++) {
        agent_school *school = &self->schools[i];
        agent_ctx c = {.self = self, .txn = read, .now = self->now, .school = school};
        while (err == LTH_OK && room > 0 && school->telling && all_is_there(school)) {
            school->telling = school->told_tables < school->conf->n_tables;
            if (school->telling) {
                c.index = school->told_tables;
                c.table = &school->tables[c.index];
                err = tell_table(&c, &room);
            }
        }
    }
    *more = *more || room == 0;
    return err;
}

/* Key and value as stored, checked by is_present(). */
void lth_agent__accepted_frame(const agent_item *item, const lth_id *org, lth_frame_accepted *frame)
{
    lth_rd rd = lth_rd_of(item->body);
    *frame = (lth_frame_accepted){.origin = *org, .dataset = lth_get16(item->signed_header.p)};
    memcpy(frame->record_id.b, item->signed_header.p + 2, sizeof frame->record_id.b);
    frame->rule = lth_get16(item->signed_header.p + 18);
    (void)lth_rd_bytes(&rd, PRINT_SIZE);
    frame->accepted_ms = lth_rd64(&rd);
    frame->by.n = lth_rd8(&rd);
    frame->by.p = lth_rd_bytes(&rd, frame->by.n);
    frame->why.n = lth_rd16(&rd);
    frame->why.p = lth_rd_bytes(&rd, frame->why.n);
    LTH_ASSERT(lth_rd_done(&rd));
}
