#include "legacy.h"

/* Spelling of Vietnamese: a beginning, a vowel, an end; letters as lth_sheet__letter names them. */
static const char *const BEGINNINGS[] = {
    "",  "b",  "c",   "ch", "d", "7",  "g",  "gh", "gi", "h", "k",  "kh", "l", "m",
    "n", "ng", "ngh", "nh", "p", "ph", "qu", "r",  "s",  "t", "th", "tr", "v", "x",
};

enum { NONE = 1, C = 2, CH = 4, M = 8, N = 16, NG = 32, NH = 64, P = 128, T = 256 };
static const struct {
    const char *text;
    unsigned end;
} ENDS[] = {{"", NONE}, {"c", C},   {"ch", CH}, {"m", M}, {"n", N},
            {"ng", NG}, {"nh", NH}, {"p", P},   {"t", T}};

static const struct {
    const char *vowel;
    unsigned ends;
} VOWELS[] = {
    {"a", NONE | C | CH | M | N | NG | NH | P | T},
    {"1", C | M | N | NG | P | T},
    {"2", C | M | N | NG | P | T},
    {"e", NONE | C | M | N | NG | P | T},
    {"3", NONE | CH | M | N | NH | P | T},
    {"i", NONE | CH | M | N | NH | P | T},
    {"o", NONE | C | M | N | NG | P | T},
    {"4", NONE | C | M | N | NG | P | T},
    {"5", NONE | M | N | P | T},
    {"u", NONE | C | M | N | NG | P | T},
    {"6", NONE | C | M | N | NG | T},
    {"y", NONE | CH | N | NH | P | T},
    {"ai", NONE},
    {"ao", NONE},
    {"au", NONE},
    {"ay", NONE},
    {"2u", NONE},
    {"2y", NONE},
    {"eo", NONE},
    {"3u", NONE},
    {"ia", NONE},
    {"iu", NONE},
    {"oi", NONE},
    {"4i", NONE},
    {"5i", NONE},
    {"ua", NONE},
    {"ui", NONE},
    {"6a", NONE},
    {"6i", NONE},
    {"6u", NONE},
    {"i3", C | M | N | NG | P | T},
    {"i3u", NONE},
    {"oa", NONE | C | CH | M | N | NG | NH | P | T},
    {"o1", C | M | N | NG | T},
    {"oai", NONE},
    {"oao", NONE},
    {"oay", NONE},
    {"oeo", NONE},
    {"oe", NONE | M | N | T},
    {"oo", C | NG},
    {"u2", N | NG | T},
    {"u2y", NONE},
    {"u3", NONE | CH | NH},
    {"u4", C | M | N | NG | P | T},
    {"u4i", NONE},
    {"u5", NONE},
    {"uya", NONE},
    {"uyu", NONE},
    {"uy", NONE | CH | N | NH | P | T},
    {"uy3", N | T},
    {"65", C | M | N | NG | P | T},
    {"65i", NONE},
    {"65u", NONE},
    {"y3", C | M | N | NG | P | T},
    {"y3u", NONE},
};

static bool is_rhyme(const char *text, uint8_t tone)
{
    for (size_t i = 0; i < sizeof VOWELS / sizeof VOWELS[0]; i++) {
        size_t n = strlen(VOWELS[i].vowel);
        if (strncmp(text, VOWELS[i].vowel, n) != 0) {
            continue;
        }
        for (size_t j = 0; j < sizeof ENDS / sizeof ENDS[0]; j++) {
            /* what ends in a stop is said with sắc or nặng only */
            bool stopped = (ENDS[j].end & (C | CH | P | T)) != 0;
            if ((VOWELS[i].ends & ENDS[j].end) != 0 && strcmp(text + n, ENDS[j].text) == 0 &&
                (!stopped || tone >= 4)) {
                return true;
            }
        }
    }
    return false;
}

bool lth_sheet__is_syllable(const char *shapes, uint8_t tone)
{
    for (size_t i = 0; i < sizeof BEGINNINGS / sizeof BEGINNINGS[0]; i++) {
        size_t n = strlen(BEGINNINGS[i]);
        if (strncmp(shapes, BEGINNINGS[i], n) == 0 && is_rhyme(shapes + n, tone)) {
            return true;
        }
    }
    return false;
}
