#include "internal.h"

lth_err lth_sheet__open_xml(lth_sheet *self, const lth_sheet__report *to)
{
    (void)self;
    return lth_sheet__fault(to, LTH_SHEET_FAULT_unreadable, "cannot be read");
}
