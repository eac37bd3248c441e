/* Letters of Vietnamese, shared by the conversion and by the detector. */
#pragma once

#include "internal.h"

typedef struct lth_sheet__letter {
    char shape;   /* a-z, 1ă 2â 3ê 4ô 5ơ 6ư 7đ; NUL: a tone of its own (windows-1258). */
    uint8_t tone; /* 0 none, 1 huyền, 2 hỏi, 3 ngã, 4 sắc, 5 nặng. */
    bool capital;
} lth_sheet__letter;

/* False: no letter of Vietnamese (or of ASCII) and no tone. */
bool lth_sheet__letter_of(uint32_t character, lth_sheet__letter *out);
/* The character at @p p (n > 0) and the bytes it takes; 0: not of this encoding. */
uint32_t lth_sheet__decode(const uint8_t *p, size_t n, lth_sheet__legacy legacy, size_t *used);
/* Could be a syllable of Vietnamese: @p shapes in small letters as lth_sheet__letter has them. */
bool lth_sheet__is_syllable(const char *shapes, uint8_t tone);
