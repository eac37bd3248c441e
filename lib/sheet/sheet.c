#include "lth/sheet.h"

lth_err lth_sheet_open(lth_sheet **out, const char *path, lth_sheet_fault *fault, lth_diag *diag)
{
    *out = NULL;
    *fault = LTH_SHEET_FAULT_not_a_table;
    return lth_fail(diag, LTH_E_FORMAT, "%s: not a table", path);
}
void lth_sheet_close(lth_sheet **self)
{
    *self = NULL;
}
lth_sheet_kind lth_sheet_kind_of(const lth_sheet *self)
{
    (void)self;
    return LTH_SHEET_CSV;
}
const char *lth_sheet_encoding(const lth_sheet *self)
{
    (void)self;
    return "utf-8";
}
uint32_t lth_sheet_count(const lth_sheet *self)
{
    (void)self;
    return 0;
}
const char *lth_sheet_name(const lth_sheet *self, uint32_t index)
{
    (void)self;
    (void)index;
    return "";
}
lth_err lth_sheet_select(lth_sheet *self, uint32_t index, lth_sheet_fault *fault, lth_diag *diag)
{
    (void)self;
    (void)index;
    *fault = LTH_SHEET_FAULT_no_sheet;
    return lth_fail(diag, LTH_E_FORMAT, "no sheet");
}
lth_err lth_sheet_next(lth_sheet *self, lth_sheet_row *out, lth_sheet_fault *fault, lth_diag *diag)
{
    (void)self;
    (void)out;
    (void)fault;
    (void)diag;
    return LTH_E_NOT_FOUND;
}
