/**
 * Frames the tests of the codec share.
 */
#pragma once

/* cmocka wants these first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "lth/frame.h"

/** One entry of tests/golden/frames/manifest.json, written down a second time in C. */
typedef struct sample {
    const char *name;
    lth_frame frame;
} sample;
/** All of them; the slices point into static memory. */
const sample *samples(size_t *n);

/* The file NAME.bin of the golden directory; the caller frees it. */
static inline lth_slice golden_read(const char *dir, const char *name)
{
    char path[512];
    lth_format(path, sizeof path, "%s/%s.bin", dir, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t *p = malloc(LTH_FRAME_MAX);
    assert_non_null(p);
    size_t n = fread(p, 1, LTH_FRAME_MAX, file);
    fclose(file);
    /* exactly as long as the bytes, so that the sanitizer sees reading behind them */
    uint8_t *exact = malloc(n > 0 ? n : 1);
    assert_non_null(exact);
    memcpy(exact, p, n);
    free(p);
    return lth_slice_of(exact, n);
}

static inline void golden_free(lth_slice bytes)
{
    free((void *)(uintptr_t)bytes.p);
}
