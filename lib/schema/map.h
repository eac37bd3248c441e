/**
 * @file lib/schema/map.h
 * Shared by the two files that map a source's row: single values and rows, items of lists.
 */
#pragma once

#include "internal.h"

typedef struct map_run {
    lth_mapped_row *out;
    const lth_cell *cells;
    lth_arena *arena;
    bool judged;  /**< Code lists are looked at. */
    uint32_t day; /**< The day codes are judged at. */
} map_run;

/** An error of a field, or of one field of an item (numbered from 1; 0 = none). */
void lth_schema__map_fault(map_run *run, lth_refusal code, const lth_field *field, uint32_t item,
                           const lth_map_field *from);
/** One scalar. @p code receives none or what is wrong with it. LTH_OK, LTH_E_NOMEM. */
lth_err lth_schema__map_value(lth_value *out, map_run *run, const lth_map_field *map,
                              lth_refusal *code);
/** A list from its items, sorted by key. LTH_OK, LTH_E_NOMEM. */
lth_err lth_schema__map_list(lth_value *out, map_run *run, const lth_map_field *map);
