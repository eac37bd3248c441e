#include "internal.h"

void lth_findings_add(lth_findings *self, const lth_finding *finding)
{
    self->errors += finding->severity == LTH_SEVERITY_ERROR ? 1 : 0;
    if (self->n == LTH_FINDINGS_MAX) {
        self->more++;
        return;
    }
    self->items[self->n++] = *finding;
}
