/* What holds for every row that lib/sheet gives, whatever the bytes were. */
#pragma once

#include "lth/sheet.h"

/* Aborts on a row that breaks the contract; @p last: number of the row before. */
void check_row(const lth_sheet_row *row, uint32_t last);
