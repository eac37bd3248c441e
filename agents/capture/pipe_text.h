/**
 * @file agents/capture/pipe_text.h
 * Strings in requests: length 4, then bytes without NUL.
 */
#pragma once

#include "agents/capture/pipe.h"

#define PIPE_PREFIX 4u

static inline void pipe_put_text(lth_wr *wr, const char *text)
{
    size_t n = strlen(text);
    lth_wr32(wr, (uint32_t)n);
    lth_wr_bytes(wr, text, n);
}

static inline size_t pipe_text_size(const char *text)
{
    return PIPE_PREFIX + strlen(text);
}

/** A copy with NUL; NULL with rd->bad when it is not text, with it unset when memory is out. */
const char *pipe_get_text(lth_rd *rd, lth_arena *arena);
