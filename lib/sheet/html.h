/* Entities of HTML. */
#pragma once

#include "internal.h"

#define LTH_SHEET__ENTITY_MAX 10u

/* Could @p c stand at place @p at behind the '&'? */
bool lth_sheet__entity_character(int c, size_t at);
/* "nbsp", "#7871", "#x1EBF"; 0: none. */
uint32_t lth_sheet__entity(const char *name);
