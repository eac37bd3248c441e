/* held list, held show, and what `status` says of holds. Reasons are given by the rule's own text:
 * no values of the record, at any tier; what a person said, in that person's words. */
#include <stdlib.h>
#include <string.h>

#include "broker/shell/control.h"

#define CODES_MAX  64u
#define STATUS_MAX 200000u /* Holds counted for one status; beyond it says so. */

void lth_json_rule(json_t *row, const lth_dataset *ds, uint16_t number)
{
    lth_rule_about about;
    if (ds == NULL || number == 0 || !lth_rule_about_number(&about, ds, number)) {
        if (number != 0)
            json_object_set_new(row, "rule", json_pack("{s:i}", "number", (int)number));
        return;
    }
    json_object_set_new(row, "rule",
                        json_pack("{s:i,s:s,s:s,s:s?,s:s?}", "number", (int)number, "id", about.id,
                                  "severity", lth_severity_name(about.severity), "vi",
                                  about.text->vi, "en", about.text->en));
}

static void add_place(json_t *row, const lth_dataset *ds, const lth_held_row *held)
{
    const lth_group *group = ds != NULL ? lth_dataset_group(ds, held->group) : NULL;
    if (group != NULL)
        json_object_set_new(row, "group", json_string(group->name));
    for (uint32_t i = 0; ds != NULL && held->field != 0 && i < ds->n_fields; i++)
        if (ds->fields[i].number == held->field)
            json_object_set_new(row, "field", json_string(ds->fields[i].name));
    lth_json_rule(row, ds, held->rule);
}

/* Who rejected it here, why and when. */
static void add_rejected(lth_engine *engine, lth_txn *txn, json_t *row, const lth_held_row *held)
{
    lth_decided_by said;
    const lth_org *org = lth_registry_find(&lth_engine_conf(engine)->registry, &held->tier_org);
    if (held->decided_no == 0 || lth_decided_read(&said, txn, held->decided_no) != LTH_OK)
        return;
    json_object_set_new(
        row, "rejected",
        json_pack("{s:o,s:s,s:o,s:o,s:I}", "org", lth_json_org(engine, &held->tier_org), "name",
                  org != NULL ? org->name : "?", "by", lth_control_words(said.by), "why",
                  lth_control_words(said.why), "ms", (json_int_t)said.when_ms));
}

static json_t *held_row(lth_engine *engine, lth_txn *txn, const lth_walk *walk, lth_slice key,
                        lth_slice value)
{
    lth_held_row held;
    char place[40];
    if (key.n != 12 || !lth_held_row_decode(&held, value))
        return NULL;
    if ((!lth_id_is_zero(&walk->org) && !lth_id_equal(&walk->org, &held.origin)) ||
        (walk->code != LTH_REFUSE_none && walk->code != held.code))
        return NULL;
    const lth_broker_conf *conf = lth_engine_conf(engine);
    const lth_dataset *ds = lth_schema_find(&conf->schema, held.dataset);
    (void)lth_format(place, sizeof(place), "%llu/%u", (unsigned long long)lth_get64(key.p),
                     (unsigned)lth_get32(key.p + 8));
    json_t *row = json_pack(
        "{s:s,s:s,s:I,s:i,s:o,s:i,s:I,s:s,s:o,s:o,s:i,s:i,s:I,s:o,s:b}", "kind", "held", "key",
        place, "accept_no", (json_int_t)lth_get64(key.p), "index", (int)lth_get32(key.p + 8), "org",
        lth_json_org(engine, &held.origin), "epoch", (int)held.epoch, "batch_seq",
        (json_int_t)held.seq, "dataset", ds != NULL ? ds->name : "?", "record_id",
        lth_json_hex(held.record_id.b, 16), "reason", lth_json_refusal(held.code), "group_number",
        (int)held.group, "field_number", (int)held.field, "received_ms",
        (json_int_t)held.receive_ms, "tier", lth_json_org(engine, &held.tier_org), "here",
        lth_id_equal(&held.tier_org, &engine->node->org));
    if (row != NULL) {
        add_place(row, ds, &held);
        add_rejected(engine, txn, row, &held);
    }
    return row;
}

/* Number of a code by its name; false: no such code of one record. */
static bool read_code(const json_t *request, lth_refusal *code)
{
    const char *name = json_string_value(json_object_get(request, "code"));
    *code = LTH_REFUSE_none;
    for (int n = 100; name != NULL && n < 200; n++)
        if (strcmp(lth_refusal_name((lth_refusal)n), name) == 0) {
            *code = (lth_refusal)n;
            return true;
        }
    return name == NULL;
}

void lth_verb_held_list(void *ctx, lth_control_call *call, const json_t *request)
{
    lth_walk walk = {.table = LTH_T_held, .row = held_row};
    if (json_object_get(request, "org") != NULL) {
        const lth_org *org = lth_asked_org(ctx, call, request);
        if (org == NULL)
            return;
        walk.org = org->id;
    }
    if (!read_code(request, &walk.code)) {
        lth_control_error(call, 2, "unknown_code", "không có mã lý do đó (xem: lienthong errors)",
                          "no such reason code (see: lienthong errors)");
        return;
    }
    lth_walk_start(call, &walk);
}

/* ---- one hold, and what it does to totals ---- */

/* Open holds of one dataset and owner, by table `heldby`. */
static uint64_t count_holds(lth_txn *txn, uint16_t dataset, const lth_id *org)
{
    uint8_t prefix[10];
    uint64_t n = 0;
    lth_cursor *cursor = NULL;
    lth_slice key, value;
    lth_put16(prefix, dataset);
    memcpy(prefix + 2, org->b, 8);
    if (lth_cursor_open(txn, LTH_T_heldby, &cursor) != LTH_OK)
        return 0;
    lth_err err = lth_cursor_seek(cursor, lth_slice_of(prefix, sizeof(prefix)), &key, &value);
    for (; err == LTH_OK && memcmp(key.p, prefix, sizeof(prefix)) == 0; n++)
        err = lth_cursor_next(cursor, &key, &value);
    lth_cursor_close(&cursor);
    return n;
}

/* Is a version of this record in force already? */
static bool is_live(lth_txn *txn, const lth_held_row *held)
{
    uint8_t key[20] = {0};
    lth_slice value;
    lth_record_row row;
    lth_put16(key, held->dataset);
    memcpy(key + 2, held->record_id.b, 16);
    return lth_get(txn, LTH_T_record, lth_slice_of(key, sizeof(key)), &value) == LTH_OK &&
           lth_record_row_decode(&row, value) && row.state == LTH_ROW_LIVE;
}

static json_t *totals(lth_txn *txn, const lth_held_row *held)
{
    uint8_t key[10];
    lth_slice value;
    uint64_t live = 0;
    memcpy(key, held->origin.b, 8);
    lth_put16(key + 8, held->dataset);
    if (lth_get(txn, LTH_T_count, lth_slice_of(key, sizeof(key)), &value) == LTH_OK &&
        value.n == 16)
        live = lth_get64(value.p);
    bool range = held->code == LTH_REFUSE_mass_deletion;
    json_t *out = json_pack("{s:I,s:I}", "merged", (json_int_t)live, "held",
                            (json_int_t)count_holds(txn, held->dataset, &held->origin));
    if (out != NULL && !range) /* what a range would end is found when it is let through */
        json_object_set_new(out, "merged_with_it",
                            json_integer((json_int_t)(live + (is_live(txn, held) ? 0 : 1))));
    return out;
}

static json_t *shown_row(lth_engine *engine, lth_txn *txn, const lth_walk *walk, lth_slice key,
                         lth_slice value)
{
    lth_held_row held;
    lth_id other;
    json_t *row = held_row(engine, txn, walk, key, value);
    if (row == NULL || !lth_held_row_decode(&held, value))
        return row;
    json_object_set_new(row, "totals", totals(txn, &held));
    if (lth_held_other(txn, &held, &other) == LTH_OK && !lth_id_is_zero(&other))
        json_object_set_new(row, "other", lth_json_hex(other.b, sizeof(other.b)));
    return row;
}

void lth_verb_held_show(void *ctx, lth_control_call *call, const json_t *request)
{
    (void)ctx;
    json_int_t accept_no = json_integer_value(json_object_get(request, "accept_no"));
    json_int_t index = json_integer_value(json_object_get(request, "index"));
    lth_walk walk = {.table = LTH_T_held, .prefix_size = 12, .row = shown_row};
    lth_put64(walk.prefix, (uint64_t)accept_no);
    lth_put32(walk.prefix + 8, (uint32_t)index);
    lth_walk_start(call, &walk);
}

/* ---- status ---- */

typedef struct tally {
    uint64_t by_code[CODES_MAX];
    uint64_t n, oldest_ms;
    bool more;
} tally;

static void count_all(lth_txn *txn, tally *t)
{
    lth_cursor *cursor = NULL;
    lth_slice key, value;
    if (lth_cursor_open(txn, LTH_T_held, &cursor) != LTH_OK)
        return;
    lth_err err = LTH_OK;
    while ((err = lth_cursor_next(cursor, &key, &value)) == LTH_OK && t->n < STATUS_MAX) {
        lth_held_row held;
        if (!lth_held_row_decode(&held, value))
            continue;
        uint32_t code = (uint32_t)held.code - 100;
        t->by_code[code < CODES_MAX ? code : CODES_MAX - 1]++;
        t->oldest_ms = t->n == 0 || held.receive_ms < t->oldest_ms ? held.receive_ms : t->oldest_ms;
        t->n++;
    }
    t->more = err == LTH_OK;
    lth_cursor_close(&cursor);
}

json_t *lth_holds_row(lth_engine *engine)
{
    lth_txn *txn = NULL;
    tally t = {0};
    if (lth_store_begin(engine->store, false, &txn) != LTH_OK)
        return NULL;
    count_all(txn, &t);
    lth_store_abort(&txn);
    if (t.n == 0)
        return NULL;
    json_t *codes = json_object();
    for (uint32_t i = 0; i < CODES_MAX; i++)
        if (t.by_code[i] > 0)
            json_object_set_new(codes, lth_refusal_name((lth_refusal)(100 + i)),
                                json_integer((json_int_t)t.by_code[i]));
    return json_pack("{s:s,s:I,s:I,s:b,s:o}", "kind", "holds", "held", (json_int_t)t.n, "oldest_ms",
                     (json_int_t)t.oldest_ms, "more", t.more, "by_code", codes);
}
