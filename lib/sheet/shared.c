#include "internal.h"

void lth_sheet__merges_add(lth_sheet__merges *self, lth_sheet__merge area)
{
    if (self->n < LTH_SHEET__MERGES && area.row_first <= LTH_SHEET__MERGE_ROW &&
        area.column_last > area.column_first) {
        self->areas[self->n++] = area;
    }
}

void lth_sheet__merges_apply(const lth_sheet__merges *self, lth_sheet__row *row)
{
    for (uint32_t i = 0; i < self->n && row->number <= LTH_SHEET__MERGE_ROW; i++) {
        const lth_sheet__merge *m = &self->areas[i];
        bool here = row->number >= m->row_first && row->number <= m->row_last;
        uint32_t end =
            m->column_last < LTH_SHEET_COLUMNS_MAX ? m->column_last + 1 : LTH_SHEET_COLUMNS_MAX;
        for (uint32_t c = m->column_first + 1; here && c < end; c++) {
            lth_sheet__row_merge(row, c);
        }
    }
}

void lth_sheet__strings_init(lth_sheet__strings *self)
{
    lth_buf_init(&self->text, LTH_SHEET_STRINGS_MAX);
    lth_buf_init(&self->ends, LTH_SHEET_STRINGS_MAX);
}

void lth_sheet__strings_fini(lth_sheet__strings *self)
{
    lth_buf_fini(&self->text);
    lth_buf_fini(&self->ends);
}

lth_err lth_sheet__strings_end(lth_sheet__strings *self)
{
    uint32_t end = (uint32_t)self->text.n;
    return self->text.n + self->ends.n + sizeof end > LTH_SHEET_STRINGS_MAX
               ? LTH_E_LIMIT
               : lth_buf_add(&self->ends, &end, sizeof end);
}

lth_slice lth_sheet__string(const lth_sheet__strings *self, uint32_t index, bool *found)
{
    uint32_t bounds[2] = {0, 0};
    *found = index < self->ends.n / sizeof bounds[0];
    if (!*found) {
        return lth_slice_of(NULL, 0);
    }
    const uint8_t *ends = self->ends.p + index * sizeof bounds[0];
    if (index > 0) {
        memcpy(&bounds[0], ends - sizeof bounds[0], sizeof bounds[0]);
    }
    memcpy(&bounds[1], ends, sizeof bounds[1]);
    return lth_slice_of(bounds[1] > 0 ? self->text.p + bounds[0] : NULL, bounds[1] - bounds[0]);
}
