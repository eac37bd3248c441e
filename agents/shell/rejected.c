/* "Sở ... từ chối: ...": a person's word, as it came from the tier that holds the record. */

#include <stdio.h>

#include "agents/shell/rejected.h"

json_t *lth_rejected_json(const lth_engine *self, const lth_frame_held *held)
{
    const lth_org *org = lth_registry_find(&self->node.conf->registry, &held->tier_org);
    if (held->code != LTH_REFUSE_rejected || held->why.n == 0)
        return json_null();
    return json_pack(
        "{s:o,s:o,s:o,s:o,s:I}", "org", lth_engine_json_org(self, &held->tier_org), "name",
        org != NULL ? json_string(org->name) : lth_engine_json_org(self, &held->tier_org), "by",
        lth_control_words(held->by), "why", lth_control_words(held->why), "ms",
        (json_int_t)held->decided_ms);
}

json_t *lth_rejected_text(const lth_engine *self, const lth_frame_held *held)
{
    json_t *said = lth_rejected_json(self, held), *text = NULL;
    const char *name = json_string_value(json_object_get(said, "name"));
    const char *by = json_string_value(json_object_get(said, "by"));
    const char *why = json_string_value(json_object_get(said, "why"));
    unsigned day = (unsigned)lth_day_of(held->decided_ms);
    char when[32];
    (void)snprintf(when, sizeof when, "%02u/%02u/%u", day % 100, day / 100 % 100, day / 10000);
    if (why != NULL && why[0] != '\0')
        text = json_pack("{s:o,s:o}", "vi",
                         json_sprintf("%s từ chối: %s (%s, %s)", name, why, by, when), "en",
                         json_sprintf("%s rejected it: %s (%s, %s)", name, why, by, when));
    json_decref(said);
    return text;
}
