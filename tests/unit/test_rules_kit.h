/**
 * @file tests/unit/test_rules_kit.h
 * A dataset with every type a rule can read, and code lists with dates.
 *
 * Dataset 3 "thing", fields by number: 1 n integer, 2 d decimal scale 2, 3 s text, 4 c code (list
 * "kinds"), 5 b bool, 6 t date of any precision, 7 u date, 8 l list of {k text, v decimal scale 1,
 * w code (list "kinds")}, all of group 1; 9 key text of group 2; 10 q code (list "peoples") of
 * group 1.
 *
 * "kinds": a1, b2, c3 always; a1 has parent P1, b2 P2. "peoples": ethnic groups, some of them with
 * days.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "lth/schema.h"

enum { RULES_KIT_FIELDS = 10 };

/** Call once before the others. */
void rules_kit_open(void);
void rules_kit_close(void);
extern lth_schema rules_kit_schema;
/** May be given rules and dated_by by a test. */
lth_dataset *rules_kit_dataset(void);
const lth_codelist *rules_kit_list(const char *name);
/** Memory that lives until rules_kit_close(). */
lth_arena *rules_kit_arena(void);

/** Values from "name=value" pairs apart by US (0x1f), as in expr_vectors.txt; memory as above. */
void rules_kit_values(lth_value values[RULES_KIT_FIELDS], const char *text);
lth_slice rules_kit_text(const char *text);
