#include "internal.h"

size_t lth_sheet__put_utf8(uint8_t out[4], uint32_t character)
{
    if (character > 0x10ffff || (character >= 0xd800 && character < 0xe000)) {
        character = 0xfffd;
    }
    if (character < 0x80) {
        out[0] = (uint8_t)character;
        return 1;
    }
    size_t n = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    static const uint8_t LEADS[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (uint8_t)(LEADS[n] | character);
    return n;
}

uint32_t lth_sheet__get_utf8(lth_slice text, size_t *size)
{
    static const uint32_t SMALLEST[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = text.p[0];
    *size = 1;
    if (lead < 0x80) {
        return lead;
    }
    size_t n = lead >= 0xf8 || lead < 0xc0 ? 0 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (n == 0 || n > text.n) {
        return UINT32_MAX;
    }
    uint32_t character = lead & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((text.p[i] & 0xc0) != 0x80) {
            return UINT32_MAX;
        }
        character = character << 6 | (text.p[i] & 0x3fu);
    }
    if (character < SMALLEST[n] || character > 0x10ffff ||
        (character >= 0xd800 && character < 0xe000)) {
        return UINT32_MAX;
    }
    *size = n;
    return character;
}

bool lth_sheet__has_high(lth_slice text)
{
    size_t i = 0;
    for (; i + 8 <= text.n; i += 8) {
        uint64_t eight;
        memcpy(&eight, text.p + i, 8);
        if ((eight & 0x8080808080808080u) != 0) {
            return true;
        }
    }
    for (; i < text.n; i++) {
        if (text.p[i] >= 0x80) {
            return true;
        }
    }
    return false;
}
