/* What the tests of lib/sheet share. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lth/sheet.h"

/* The whole file in the form of tests/fixtures/sheets/kit.py; free() it. */
char *dump_file(const char *path);
uint8_t *read_bytes(const char *path, size_t *size);
/* Under a new name; the caller unlinks it. */
void write_bytes(char path[64], const void *bytes, size_t n);
/* Read these bytes as a file: every row of every sheet. LTH_SHEET_FAULT_none: whole. */
lth_sheet_fault read_through(const void *bytes, size_t n);
