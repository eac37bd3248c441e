/**
 * @file tests/unit/test_schema_kit.h
 * A small dataset and shorthands for tests of lib/schema.
 *
 * Dataset 7 "thing": group 1 "main" (name text required, count integer 0..100, mark decimal(4,2),
 * yes bool, born date of any precision, parts list), group 2 "key" (code, day), group 3 "official"
 * (written by a ministry: note text), group 4 "secret" (sensitive: phone text).
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "lth/schema.h"

enum { KIT_MAIN = 1, KIT_KEY = 2, KIT_OFFICIAL = 3, KIT_SECRET = 4 };

extern const lth_schema kit_schema;
const lth_dataset *kit_dataset(void);
const lth_group *kit_group(uint16_t number);
const lth_field *kit_field(const char *name);

/** Bytes of a string literal, NULs included. */
#define KIT_BYTES(literal) lth_slice_of(literal, sizeof(literal) - 1)
#define KIT_TEXT(text)     lth_slice_of(text, strlen(text))
