/**
 * @file tests/unit/test_conf_kit.h
 * A temporary directory with a small, correct configuration that a test can spoil.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "lth/conf.h"

/** Fresh directory with broker.yaml, agent.yaml, orgs.yaml, routes.yaml, datasets/thing.yaml. */
void conf_kit_open(void);
void conf_kit_close(void);
/** Its path, or of a file in it; valid until the next call. */
const char *conf_kit_path(const char *file);
/** The correct text of a file. */
const char *conf_kit_text(const char *file);
void conf_kit_write(const char *file, const void *bytes, size_t n);
/** Put the correct text of all files back. */
void conf_kit_restore(void);
/** First error as one line ("" when there is none). */
const char *conf_kit_first(const lth_conf_errors *errors, bool english);
