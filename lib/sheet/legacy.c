/* Vietnamese before Unicode: windows-1258 (letters, then tones as characters of their own), TCVN3
 * (fonts .VnTime: one byte each; the capital fonts show the small letters' bytes as capitals) and
 * VNI (fonts VNI-Times: a letter, then a byte that gives both its shape and its tone). */
#include <stdlib.h>

#include "legacy.h"

/* windows-1258 from 0x80; 0: no character. */
static const uint16_t CP1258[128] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0,      0x2039,
    0x0152, 0,      0,      0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
    0x02dc, 0x2122, 0,      0x203a, 0x0153, 0,      0,      0x0178, 0x00a0, 0x00a1, 0x00a2, 0x00a3,
    0x00a4, 0x00a5, 0x00a6, 0x00a7, 0x00a8, 0x00a9, 0x00aa, 0x00ab, 0x00ac, 0x00ad, 0x00ae, 0x00af,
    0x00b0, 0x00b1, 0x00b2, 0x00b3, 0x00b4, 0x00b5, 0x00b6, 0x00b7, 0x00b8, 0x00b9, 0x00ba, 0x00bb,
    0x00bc, 0x00bd, 0x00be, 0x00bf, 0x00c0, 0x00c1, 0x00c2, 0x0102, 0x00c4, 0x00c5, 0x00c6, 0x00c7,
    0x00c8, 0x00c9, 0x00ca, 0x00cb, 0x0300, 0x00cd, 0x00ce, 0x00cf, 0x0110, 0x00d1, 0x0309, 0x00d3,
    0x00d4, 0x01a0, 0x00d6, 0x00d7, 0x00d8, 0x00d9, 0x00da, 0x00db, 0x00dc, 0x01af, 0x0303, 0x00df,
    0x00e0, 0x00e1, 0x00e2, 0x0103, 0x00e4, 0x00e5, 0x00e6, 0x00e7, 0x00e8, 0x00e9, 0x00ea, 0x00eb,
    0x0301, 0x00ed, 0x00ee, 0x00ef, 0x0111, 0x00f1, 0x0323, 0x00f3, 0x00f4, 0x01a1, 0x00f6, 0x00f7,
    0x00f8, 0x00f9, 0x00fa, 0x00fb, 0x00fc, 0x01b0, 0x20ab, 0x00ff};

/* TCVN3 (TCVN 5712:1993, VN3) from 0xa0; 0: no character. */
static const uint16_t TCVN3[96] = {
    0x00a0, 0x0102, 0x00c2, 0x00ca, 0x00d4, 0x01a0, 0x01af, 0x0110, 0x0103, 0x00e2, 0x00ea, 0x00f4,
    0x01a1, 0x01b0, 0x0111, 0,      0,      0,      0,      0,      0,      0x00e0, 0x1ea3, 0x00e3,
    0x00e1, 0x1ea1, 0,      0x1eb1, 0x1eb3, 0x1eb5, 0x1eaf, 0,      0,      0,      0,      0,
    0,      0,      0x1eb7, 0x1ea7, 0x1ea9, 0x1eab, 0x1ea5, 0x1ead, 0x00e8, 0,      0x1ebb, 0x1ebd,
    0x00e9, 0x1eb9, 0x1ec1, 0x1ec3, 0x1ec5, 0x1ebf, 0x1ec7, 0x00ec, 0x1ec9, 0,      0,      0,
    0x0129, 0x00ed, 0x1ecb, 0x00f2, 0,      0x1ecf, 0x00f5, 0x00f3, 0x1ecd, 0x1ed3, 0x1ed5, 0x1ed7,
    0x1ed1, 0x1ed9, 0x1edd, 0x1edf, 0x1ee1, 0x1edb, 0x1ee3, 0x00f9, 0,      0x1ee7, 0x0169, 0x00fa,
    0x1ee5, 0x1eeb, 0x1eed, 0x1eef, 0x1ee9, 0x1ef1, 0x1ef3, 0x1ef7, 0x1ef9, 0x00fd, 0x1ef5, 0};

/* Letters by shape and tone: none, huyền, hỏi, ngã, sắc, nặng; small, then capital. The shapes are
 * named a 1ă 2â e 3ê i o 4ô 5ơ u 6ư y. */
static const char SHAPES[] = "a12e3io45u6y";
static const uint16_t LETTERS[12][2][6] = {
    {{0x61, 0xe0, 0x1ea3, 0xe3, 0xe1, 0x1ea1}, {0x41, 0xc0, 0x1ea2, 0xc3, 0xc1, 0x1ea0}},
    {{0x103, 0x1eb1, 0x1eb3, 0x1eb5, 0x1eaf, 0x1eb7},
     {0x102, 0x1eb0, 0x1eb2, 0x1eb4, 0x1eae, 0x1eb6}},
    {{0xe2, 0x1ea7, 0x1ea9, 0x1eab, 0x1ea5, 0x1ead},
     {0xc2, 0x1ea6, 0x1ea8, 0x1eaa, 0x1ea4, 0x1eac}},
    {{0x65, 0xe8, 0x1ebb, 0x1ebd, 0xe9, 0x1eb9}, {0x45, 0xc8, 0x1eba, 0x1ebc, 0xc9, 0x1eb8}},
    {{0xea, 0x1ec1, 0x1ec3, 0x1ec5, 0x1ebf, 0x1ec7},
     {0xca, 0x1ec0, 0x1ec2, 0x1ec4, 0x1ebe, 0x1ec6}},
    {{0x69, 0xec, 0x1ec9, 0x129, 0xed, 0x1ecb}, {0x49, 0xcc, 0x1ec8, 0x128, 0xcd, 0x1eca}},
    {{0x6f, 0xf2, 0x1ecf, 0xf5, 0xf3, 0x1ecd}, {0x4f, 0xd2, 0x1ece, 0xd5, 0xd3, 0x1ecc}},
    {{0xf4, 0x1ed3, 0x1ed5, 0x1ed7, 0x1ed1, 0x1ed9},
     {0xd4, 0x1ed2, 0x1ed4, 0x1ed6, 0x1ed0, 0x1ed8}},
    {{0x1a1, 0x1edd, 0x1edf, 0x1ee1, 0x1edb, 0x1ee3},
     {0x1a0, 0x1edc, 0x1ede, 0x1ee0, 0x1eda, 0x1ee2}},
    {{0x75, 0xf9, 0x1ee7, 0x169, 0xfa, 0x1ee5}, {0x55, 0xd9, 0x1ee6, 0x168, 0xda, 0x1ee4}},
    {{0x1b0, 0x1eeb, 0x1eed, 0x1eef, 0x1ee9, 0x1ef1},
     {0x1af, 0x1eea, 0x1eec, 0x1eee, 0x1ee8, 0x1ef0}},
    {{0x79, 0x1ef3, 0x1ef7, 0x1ef9, 0xfd, 0x1ef5}, {0x59, 0x1ef2, 0x1ef6, 0x1ef8, 0xdd, 0x1ef4}},
};
static const uint16_t TONES[6] = {0, 0x300, 0x309, 0x303, 0x301, 0x323};

/* The byte behind a letter of VNI, as small letter's byte: how it changes the shape (of "aeo" or
 * of the letters that take only a tone) and the tone. */
static const struct {
    uint8_t byte;
    char shape; /* ' ' as it is, '^' circumflex, 'u' breve */
    uint8_t tone;
} VNI_MARKS[] = {
    {0xf9, ' ', 4}, {0xf8, ' ', 1}, {0xfb, ' ', 2}, {0xf5, ' ', 3}, {0xef, ' ', 5}, {0xe2, '^', 0},
    {0xe1, '^', 4}, {0xe0, '^', 1}, {0xe5, '^', 2}, {0xe3, '^', 3}, {0xe4, '^', 5}, {0xea, 'u', 0},
    {0xe9, 'u', 4}, {0xe8, 'u', 1}, {0xfa, 'u', 2}, {0xfc, 'u', 3}, {0xeb, 'u', 5},
};
/* Bytes of VNI that are a letter by themselves. */
static const struct {
    uint8_t byte;
    char shape;
    uint8_t tone;
} VNI_LETTERS[] = {
    {0xed, 'i', 4}, {0xec, 'i', 1}, {0xe6, 'i', 2}, {0xf3, 'i', 3},
    {0xf2, 'i', 5}, {0xee, 'y', 5}, {0xf4, '5', 0}, {0xf6, '6', 0},
};
#define N_MARKS       (sizeof VNI_MARKS / sizeof VNI_MARKS[0])
#define N_VNI_LETTERS (sizeof VNI_LETTERS / sizeof VNI_LETTERS[0])

const char *lth_sheet__legacy_name(lth_sheet__legacy legacy)
{
    static const char *const NAMES[] = {"utf-8", "windows-1258", "tcvn3", "vni"};
    return NAMES[legacy];
}

bool lth_sheet__letter_of(uint32_t character, lth_sheet__letter *out)
{
    *out = (lth_sheet__letter){0};
    if (character == 0x111 || character == 0x110) {
        out->shape = '7';
        out->capital = character == 0x110;
        return true;
    }
    if (character < 0x80) {
        out->capital = character >= 'A' && character <= 'Z';
        out->shape = (char)(character | 0x20);
        return out->shape >= 'a' && out->shape <= 'z';
    }
    for (size_t i = 0; i < 12 * 12; i++) {
        if (LETTERS[i / 12][i / 6 % 2][i % 6] == character) {
            out->shape = SHAPES[i / 12];
            out->capital = i / 6 % 2 == 1;
            out->tone = (uint8_t)(i % 6);
            return true;
        }
    }
    for (uint8_t tone = 1; tone < 6; tone++) {
        if (TONES[tone] == character) {
            out->tone = tone;
            return true;
        }
    }
    return false;
}

static uint32_t character_of(const lth_sheet__letter *letter)
{
    const char *shape = letter->shape != '\0' ? strchr(SHAPES, letter->shape) : NULL;
    if (letter->shape == '7') {
        return letter->capital ? 0x110 : 0x111;
    }
    LTH_ASSERT(shape != NULL);
    return LETTERS[shape - SHAPES][letter->capital][letter->tone];
}

static bool vni_letter(uint8_t byte, lth_sheet__letter *out)
{
    *out = (lth_sheet__letter){.capital = byte >= 0xc0 && byte < 0xe0};
    uint8_t small = out->capital ? byte | 0x20 : byte;
    if (small == 0xf1) {
        out->shape = '7';
        return true;
    }
    for (size_t i = 0; i < N_VNI_LETTERS; i++) {
        if (VNI_LETTERS[i].byte == small) {
            out->shape = VNI_LETTERS[i].shape;
            out->tone = VNI_LETTERS[i].tone;
            return true;
        }
    }
    return byte < 0x80 && lth_sheet__letter_of(byte, out);
}

static bool vni_mark(lth_sheet__letter *letter, uint8_t byte)
{
    static const char PLAIN[] = "aeouy56", ROUND[] = "aeo", ROUNDED[] = "234";
    uint8_t small = byte >= 0xc0 && byte < 0xe0 ? byte | 0x20 : byte;
    for (size_t i = 0; i < N_MARKS; i++) {
        if (VNI_MARKS[i].byte != small) {
            continue;
        }
        const char *at = strchr(VNI_MARKS[i].shape == ' ' ? PLAIN : ROUND, letter->shape);
        if (letter->tone != 0 || at == NULL || (VNI_MARKS[i].shape == 'u' && *at != 'a')) {
            return false;
        }
        if (VNI_MARKS[i].shape != ' ') {
            letter->shape = VNI_MARKS[i].shape == 'u' ? '1' : ROUNDED[at - ROUND];
        }
        letter->tone = VNI_MARKS[i].tone;
        return true;
    }
    return false;
}

uint32_t lth_sheet__decode(const uint8_t *p, size_t n, lth_sheet__legacy legacy, size_t *used)
{
    *used = 1;
    if (legacy == LTH_SHEET__VNI) {
        lth_sheet__letter letter;
        if (!vni_letter(p[0], &letter)) {
            return p[0] < 0x80 ? p[0] : 0;
        }
        bool marked = n > 1 && p[1] >= 0xc0 && vni_mark(&letter, p[1]);
        *used = marked ? 2 : 1;
        return p[0] < 0x80 && !marked ? p[0] : character_of(&letter);
    }
    if (p[0] < 0x80) {
        return p[0];
    }
    if (legacy == LTH_SHEET__CP1258) {
        return CP1258[p[0] - 0x80];
    }
    return p[0] >= 0xa0 ? TCVN3[p[0] - 0xa0] : 0;
}

/* ---- converting ---- */

static uint32_t capital_of(uint32_t character)
{
    lth_sheet__letter letter;
    if (character < 0x80 || !lth_sheet__letter_of(character, &letter) || letter.shape == '\0') {
        return character;
    }
    letter.capital = true;
    return character_of(&letter);
}

/* Capital fonts of TCVN3 show the bytes of small letters with a tone as capitals: a text whose
 * ASCII letters are all capitals, two of them in one word, is written in one. */
static bool in_capitals(lth_slice text)
{
    bool found = false;
    uint32_t in_word = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c >= 'a' && c <= 'z') {
            return false;
        }
        bool capital = c >= 'A' && c <= 'Z';
        in_word = capital ? in_word + 1 : c >= 0x80 ? in_word : 0;
        found = found || in_word == 2;
    }
    return found;
}

lth_err lth_sheet__convert(lth_buf *out, lth_slice text, lth_sheet__legacy legacy)
{
    bool capitals = legacy == LTH_SHEET__TCVN3 && in_capitals(text);
    size_t at = 0;
    while (at < text.n) {
        uint8_t pair[2] = {0};
        size_t size[2] = {0}, n = 0;
        uint32_t character = 0;
        for (size_t next = at; n < 2 && next < text.n; next += size[n++]) {
            character = lth_sheet__get_utf8(lth_slice_of(text.p + next, text.n - next), &size[n]);
            if (character > 0xff) {
                break;
            }
            pair[n] = (uint8_t)character;
        }
        size_t used = 1;
        if (n == 0) { /* beyond any old encoding: stays as it is */
            used = 0;
        } else {
            uint32_t decoded = lth_sheet__decode(pair, n, legacy, &used);
            character = decoded != 0 || pair[0] == 0 ? decoded : pair[0];
        }
        uint8_t utf8[4];
        size_t utf8_n = lth_sheet__put_utf8(utf8, capitals ? capital_of(character) : character);
        lth_err err = lth_buf_add(out, utf8, utf8_n);
        if (err != LTH_OK) {
            return err;
        }
        at += used == 0 ? size[0] : used == 2 ? size[0] + size[1] : size[0];
    }
    return LTH_OK;
}
