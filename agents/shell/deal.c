/* A file that holds many schools: each row goes to the school that its column names. */

#include <stdlib.h>

#include "agents/shell/engine.h"

#define NOTE_MAX (4u * 1024u * 1024u)

void lth_deal_fini(lth_deal *self)
{
    free(self->schools);
    free(self->strangers);
    *self = (lth_deal){0};
}

/* A file that was read in part is gone on with; another one under the same name begins anew. */
static bool same(const lth_reading *self)
{
    const lth_post *post = self->post;
    return post->deal.schools != NULL && strcmp(post->dealt, self->upload.id) == 0 &&
           memcmp(post->dealt_sha256, self->upload.sha256, LTH_HASH_SIZE) == 0;
}

lth_err lth_deal_begin(lth_reading *self)
{
    lth_post *post = self->post;
    lth_deal *deal = &post->deal;
    uint32_t n = self->engine->node.n_schools;
    if (!same(self)) {
        lth_deal_fini(deal);
        deal->schools = calloc((size_t)n + 1, sizeof *deal->schools);
        deal->strangers = calloc(LTH_STRANGERS_MAX, sizeof *deal->strangers);
        if (deal->schools == NULL || deal->strangers == NULL)
            return LTH_E_NOMEM;
        (void)lth_format(post->dealt, sizeof post->dealt, "%s", self->upload.id);
        memcpy(post->dealt_sha256, self->upload.sha256, LTH_HASH_SIZE);
    }
    deal->n_strangers = deal->more_rows = 0;
    deal->rows = 0;
    deal->last = n;
    for (uint32_t i = 0; i < n; i++) {
        deal->schools[i].rows = 0;
        if (deal->schools[i].state != LTH_DEAL_DONE)
            deal->schools[i].state = LTH_DEAL_ABSENT;
    }
    return LTH_OK;
}

/* ---- rows ---- */

static void count_stranger(lth_deal *deal, lth_slice org)
{
    char code[sizeof deal->strangers[0].org];
    size_t n = org.n < sizeof code - 1 ? org.n : sizeof code - 1;
    while (n > 0 && n < org.n && (org.p[n] & 0xC0) == 0x80)
        n--; /* whole characters */
    (void)lth_format(code, sizeof code, "%.*s", (int)n, n > 0 ? (const char *)org.p : "");
    uint32_t i = 0;
    while (i < deal->n_strangers && strcmp(deal->strangers[i].org, code) != 0)
        i++;
    if (i == LTH_STRANGERS_MAX) {
        deal->more_rows++;
        return;
    }
    if (i == deal->n_strangers) {
        deal->n_strangers++;
        memcpy(deal->strangers[i].org, code, sizeof code);
        deal->strangers[i].rows = 0;
    }
    deal->strangers[i].rows++;
}

/* Rows of a school mostly lie together. */
static uint32_t school_of(const lth_reading *self, lth_slice org)
{
    const lth_agent_node *node = &self->engine->node;
    uint32_t last = self->post->deal.last;
    if (last < node->n_schools) {
        const char *code = node->conf->schools[last].org;
        if (lth_slice_equal(org, lth_slice_of(code, strlen(code))))
            return last;
    }
    uint32_t school = lth_agent_node_school(node, org);
    bool served = school < node->n_schools && node->conf->schools[school].profile != NULL;
    return served ? school : node->n_schools;
}

static bool open_school(lth_reading *self, uint32_t school)
{
    lth_deal_school *one = &self->post->deal.schools[school];
    if (!lth_agent_may_upload(self->engine->core, school)) {
        one->state = LTH_DEAL_MISSED;
        return true;
    }
    one->state = LTH_DEAL_OPEN;
    return lth_reading_open(self, school);
}

bool lth_deal_row(lth_reading *self, const lth_child_row *row)
{
    lth_engine *engine = self->engine;
    lth_deal *deal = &self->post->deal;
    uint32_t school = school_of(self, row->org);
    deal->rows++;
    if (school == engine->node.n_schools) {
        count_stranger(deal, row->org);
        return true;
    }
    lth_deal_school *one = &deal->schools[school];
    deal->last = school;
    one->rows++;
    if (one->state == LTH_DEAL_ABSENT && !open_school(self, school))
        return false;
    if (one->state != LTH_DEAL_OPEN)
        return true;
    return lth_reading_feed(self, &(lth_agent_event){.kind = LTH_AEVENT_ROW,
                                                     .school = school,
                                                     .table = row->table,
                                                     .cells = row->cells,
                                                     .row = row->row});
}

bool lth_deal_headers(lth_reading *self, uint32_t table)
{
    const lth_deal *deal = &self->post->deal;
    uint32_t n = self->engine->node.n_schools;
    bool going = true;
    for (uint32_t i = 0; going && i < n; i++) {
        if (deal->schools[i].state == LTH_DEAL_OPEN)
            going = lth_reading_feed_headers(self, i, table);
    }
    return going;
}

bool lth_deal_table_end(lth_reading *self, uint32_t table)
{
    const lth_agent_node *node = &self->engine->node;
    const lth_deal *deal = &self->post->deal;
    bool going = true;
    for (uint32_t i = 0; going && i < node->n_schools; i++) {
        if (deal->schools[i].state != LTH_DEAL_OPEN)
            continue;
        going =
            lth_reading_feed(self, &(lth_agent_event){.kind = LTH_AEVENT_TABLE_END,
                                                      .school = i,
                                                      .table = table,
                                                      .fault = self->ends[table].fault,
                                                      .correction = self->ends[table].correction,
                                                      .detail = self->ends[table].detail,
                                                      .detail_en = self->ends[table].detail_en});
    }
    return going;
}

/* The rounds of a thousand schools end in few steps, not in a thousand. */
bool lth_deal_end(lth_reading *self, bool *whole)
{
    lth_engine *engine = self->engine;
    lth_deal *deal = &self->post->deal;
    uint32_t generation = engine->generation, n = engine->node.n_schools;
    bool going = true;
    engine->rounds_end_together = true;
    for (uint32_t i = 0; going && i < n; i++) {
        if (deal->schools[i].state == LTH_DEAL_OPEN)
            going = lth_reading_feed(self,
                                     &(lth_agent_event){.kind = LTH_AEVENT_ROUND_END, .school = i});
    }
    engine->rounds_end_together = false;
    if (going)
        lth_engine_end_step(engine);
    if (!going || engine->fatal != LTH_OK || engine->generation != generation)
        return false;
    *whole = true;
    for (uint32_t i = 0; i < n; i++) {
        *whole = *whole && deal->schools[i].state != LTH_DEAL_MISSED;
        if (deal->schools[i].state == LTH_DEAL_OPEN)
            deal->schools[i].state = LTH_DEAL_DONE;
    }
    return true;
}

/* ---- the result ---- */

static json_t *schools_json(const lth_reading *self)
{
    const lth_agent_node *node = &self->engine->node;
    json_t *list = json_array();
    for (uint32_t i = 0; i < node->n_schools; i++) {
        if (self->post->deal.schools[i].rows > 0)
            json_array_append_new(list,
                                  json_pack("{s:s,s:I}", "org", node->conf->schools[i].org, "rows",
                                            (json_int_t)self->post->deal.schools[i].rows));
    }
    return list;
}

static json_t *strangers_json(const lth_deal *deal)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < deal->n_strangers; i++)
        json_array_append_new(list, json_pack("{s:s%,s:I}", "org", deal->strangers[i].org,
                                              strlen(deal->strangers[i].org), "rows",
                                              (json_int_t)deal->strangers[i].rows));
    return list;
}

static json_t *faults_json(const lth_reading *self)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < self->post->profile->n_tables; i++) {
        if (self->ends[i].fault == LTH_SCAN_none)
            continue;
        json_array_append_new(list,
                              json_pack("{s:s,s:s,s:s,s:s}", "dataset",
                                        self->post->profile->tables[i].mapping.dataset->name,
                                        "code", lth_scan_fault_name(self->ends[i].fault), "vi",
                                        self->ends[i].detail, "en", self->ends[i].detail_en));
    }
    return list;
}

void lth_deal_tell(const lth_reading *self)
{
    const lth_deal *deal = &self->post->deal;
    lth_diag diag = {0};
    char hex[2 * LTH_HASH_SIZE + 1];
    uint64_t not_served = deal->more_rows;
    lth_hex(hex, self->upload.sha256, LTH_HASH_SIZE);
    for (uint32_t i = 0; i < deal->n_strangers; i++)
        not_served += deal->strangers[i].rows;
    json_t *schools = schools_json(self);
    lth_log_event(&self->engine->log, LTH_LEVEL_NOTICE, "carrier_file",
                  "rows=%llu schools=%zu not_served_rows=%llu not_served=%u",
                  (unsigned long long)deal->rows, json_array_size(schools),
                  (unsigned long long)not_served, deal->n_strangers);
    json_t *note = json_pack(
        "{s:s,s:s,s:I,s:I,s:I,s:o,s:o,s:I,s:o}", "id", self->upload.id, "sha256", hex, "bytes",
        (json_int_t)self->upload.bytes, "received_ms", (json_int_t)self->upload.received_ms, "rows",
        (json_int_t)deal->rows, "schools", schools, "not_served", strangers_json(deal),
        "not_served_rows", (json_int_t)not_served, "faults", faults_json(self));
    char *text = note != NULL ? json_dumps(note, JSON_INDENT(1)) : NULL;
    if (text == NULL ||
        lth_inbox_note(&self->post->inbox, self->upload.id, text, strlen(text), &diag) != LTH_OK)
        lth_log_text(&self->engine->log, LTH_LEVEL_WARN, "carrier_note_not_written", "reason",
                     diag.text);
    free(text);
    json_decref(note);
}
