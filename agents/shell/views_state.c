/* NAME.state: what a view delivered, a line a school. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agents/shell/delivery.h"
#include "agents/shell/engine.h"

#define STATE_MAX (16u * 1024u * 1024u)
#define HEAD      "lienthong-view 1"
#define UNKNOWN   "-"

static uint32_t index_of(const lth_view *self, const char *code)
{
    uint32_t low = 0, high = self->n_orgs;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(self->orgs[middle].code, code);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return self->n_orgs;
}

/* A school that is not served any more is passed over. */
static bool take_line(lth_view *self, const char *line)
{
    char code[36], hash[2 * LTH_HASH_SIZE + 1], stamp[LTH_VIEW_STAMP + 1];
    uint32_t rows;
    if (sscanf(line, "%35s %64s %" SCNu32 " %15s", code, hash, &rows, stamp) != 4)
        return false;
    lth_view_school school = {.rows = rows, .known = strcmp(hash, UNKNOWN) != 0};
    if (school.known && !lth_unhex(school.sha256, LTH_HASH_SIZE, hash, strlen(hash)))
        return false;
    if (strcmp(stamp, UNKNOWN) != 0)
        memcpy(school.stamp, stamp, sizeof stamp);
    uint32_t i = index_of(self, code);
    if (i < self->n_orgs)
        self->schools[i] = school;
    return true;
}

static bool take_head(lth_view *self, const char *text)
{
    return sscanf(text, HEAD " %" SCNu64 " %" SCNu64 " %" SCNu32 "\n", &self->last.last_good_ms,
                  &self->last.counts.rows, &self->last.counts.schools) == 3;
}

void lth_view_recall(lth_view *self)
{
    lth_buf text;
    const lth_engine *engine = self->engine;
    lth_buf_init(&text, STATE_MAX);
    lth_err err = lth_delivery_noted(engine->node.conf->views_dir, self->conf->name, &text);
    bool good = !err && take_head(self, (const char *)text.p);
    const char *line = good ? strchr((const char *)text.p, '\n') : NULL;
    for (; good && line != NULL && line[1] != '\0'; line = strchr(line + 1, '\n'))
        good = take_line(self, line + 1);
    if (err != LTH_E_NOT_FOUND && !good)
        lth_log_event(&engine->log, LTH_LEVEL_WARN, "view_state_lost", "view=%s error=%s",
                      self->conf->name, err ? lth_err_name(err) : "FORMAT");
    lth_buf_fini(&text);
}

static lth_err add_school(const lth_view *self, uint32_t i, bool before, lth_buf *text)
{
    char hex[2 * LTH_HASH_SIZE + 1] = UNKNOWN;
    const lth_view_school *school = &self->schools[i];
    const lth_view_fresh *fresh = &self->fresh[i];
    bool pending = before && fresh->changed;
    uint32_t rows = pending && fresh->rows > school->rows ? fresh->rows : school->rows;
    if (!school->known && school->rows == 0 && !pending)
        return LTH_OK; /* It never had anything. */
    if (school->known && !pending)
        lth_hex(hex, school->sha256, LTH_HASH_SIZE);
    return lth_buf_format(text, "%s %s %" PRIu32 " %s\n", self->orgs[i].code, hex, rows,
                          school->stamp[0] != '\0' ? school->stamp : UNKNOWN);
}

lth_err lth_view_remember(lth_view *self, bool before, lth_diag *diag)
{
    lth_buf text;
    lth_buf_init(&text, STATE_MAX);
    bool good = !before && self->fault == LTH_SCAN_none;
    const lth_view_counts *counts = good ? &self->now : &self->last.counts;
    lth_err err = lth_buf_format(&text, HEAD " %" PRIu64 " %" PRIu64 " %" PRIu32 "\n",
                                 good ? self->began_ms : self->last.last_good_ms, counts->rows,
                                 counts->schools);
    for (uint32_t i = 0; !err && i < self->n_orgs; i++)
        err = add_school(self, i, before, &text);
    if (err)
        (void)lth_fail(diag, err, "%s", lth_err_text(err));
    else
        err = lth_delivery_note(self->engine->node.conf->views_dir, self->conf->name,
                                lth_buf_slice(&text), diag);
    lth_buf_fini(&text);
    return err;
}
