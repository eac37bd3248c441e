#include "html.h"

/* U+00A0 to U+00FF in their order. */
static const char *const LATIN[] = {
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",
    "copy",   "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn",
    "sup2",   "sup3",   "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",
    "raquo",  "frac14", "frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde",
    "Auml",   "Aring",  "AElig",  "Ccedil", "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave",
    "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde",
    "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",
    "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil",
    "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",   "eth",
    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
    "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml",
};
#define N_LATIN (sizeof LATIN / sizeof LATIN[0])

static const struct {
    const char *name;
    uint32_t character;
} OTHERS[] = {
    {"quot", 0x22},     {"amp", 0x26},      {"lt", 0x3c},       {"gt", 0x3e},
    {"apos", 0x27},     {"Abreve", 0x102},  {"abreve", 0x103},  {"Dstrok", 0x110},
    {"dstrok", 0x111},  {"Itilde", 0x128},  {"itilde", 0x129},  {"Utilde", 0x168},
    {"utilde", 0x169},  {"ensp", 0x2002},   {"emsp", 0x2003},   {"thinsp", 0x2009},
    {"ndash", 0x2013},  {"mdash", 0x2014},  {"lsquo", 0x2018},  {"rsquo", 0x2019},
    {"sbquo", 0x201a},  {"ldquo", 0x201c},  {"rdquo", 0x201d},  {"bdquo", 0x201e},
    {"bull", 0x2022},   {"hellip", 0x2026}, {"euro", 0x20ac},   {"trade", 0x2122},
    {"minus", 0x2212},  {"le", 0x2264},     {"ge", 0x2265},     {"ne", 0x2260},
    {"OElig", 0x152},   {"oelig", 0x153},   {"Scaron", 0x160},  {"scaron", 0x161},
    {"Yuml", 0x178},    {"fnof", 0x192},    {"circ", 0x2c6},    {"tilde", 0x2dc},
    {"zwnj", 0x200c},   {"zwj", 0x200d},    {"dagger", 0x2020}, {"Dagger", 0x2021},
    {"permil", 0x2030}, {"lsaquo", 0x2039}, {"rsaquo", 0x203a},
};

/* &#128; to &#159; mean windows-1252, as browsers take them. */
static const uint16_t WINDOWS[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

bool lth_sheet__entity_character(int c, size_t at)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c == '#' && at == 0);
}

static uint32_t digit_of(char c)
{
    uint32_t small = (uint32_t)c | 0x20;
    return c >= '0' && c <= '9' ? (uint32_t)(c - '0') : small - 'a' + 10;
}

/* Behind '#'. */
static uint32_t numeric(const char *text)
{
    bool hex = text[0] == 'x' || text[0] == 'X';
    uint32_t base = hex ? 16 : 10, value = 0;
    text += hex;
    if (*text == '\0') {
        return 0;
    }
    for (; *text != '\0'; text++) {
        uint32_t digit = digit_of(*text);
        if (digit >= base) {
            return 0;
        }
        value = value < 0x110000 ? value * base + digit : value;
    }
    if (value >= 0x80 && value < 0xa0 && WINDOWS[value - 0x80] != 0) {
        return WINDOWS[value - 0x80];
    }
    bool none = value > 0x10ffff || (value >= 0xd800 && value < 0xe000) ||
                (value < 0x20 && (value < '\t' || value > '\r'));
    return none ? 0xfffd : value;
}

uint32_t lth_sheet__entity(const char *name)
{
    if (name[0] == '#') {
        return numeric(name + 1);
    }
    for (uint32_t i = 0; i < N_LATIN; i++) {
        if (strcmp(name, LATIN[i]) == 0) {
            return 0xa0 + i;
        }
    }
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        if (strcmp(name, OTHERS[i].name) == 0) {
            return OTHERS[i].character;
        }
    }
    return 0;
}
