#include "internal.h"

const char *lth_severity_name(lth_severity severity)
{
    static const char *const names[] = {
        [LTH_SEVERITY_ERROR] = "error",
        [LTH_SEVERITY_WARNING] = "warning",
        [LTH_SEVERITY_BLOCKS] = "blocks",
    };
    bool known = severity >= LTH_SEVERITY_ERROR && severity <= LTH_SEVERITY_BLOCKS;
    return known ? names[severity] : "unknown";
}

/* What is wrong counts more than what is odd: an error takes the place of the last other one. */
static bool make_room(lth_findings *self)
{
    for (uint32_t i = self->n; i > 0; i--) {
        if (self->items[i - 1].severity != LTH_SEVERITY_ERROR) {
            self->n--;
            memmove(&self->items[i - 1], &self->items[i],
                    (self->n - (i - 1)) * sizeof *self->items);
            return true;
        }
    }
    return false;
}

void lth_findings_add(lth_findings *self, const lth_finding *finding)
{
    bool error = finding->severity == LTH_SEVERITY_ERROR;
    self->errors += error ? 1 : 0;
    if (self->n == LTH_FINDINGS_MAX) {
        self->more++;
        if (!error || !make_room(self)) {
            return;
        }
    }
    self->items[self->n++] = *finding;
}
