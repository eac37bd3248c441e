#include "legacy.h"

/* Less than this tells nothing for sure; a file of one class has several hundred such words. */
#define WORDS_MIN    24u /* words with a letter outside ASCII that are good Vietnamese */
#define DISTINCT_MIN LTH_SHEET__DISTINCT_MIN
#define GOOD_PERCENT 90u
/* Another encoding in which this share of the words is good too leaves a doubt. */
#define OTHER_PERCENT 40u
/* Of text that is Unicode already, so many of the words must have a letter that Vietnamese has not:
 * "Hoàng" is no VNI for "Hồng". */
#define STRANGE_PERCENT 25u

/* Is the word at hand good Vietnamese in that encoding? @p hash of its letters. */
static bool is_good(const lth_sheet__detector *self, lth_sheet__legacy legacy, uint32_t *hash)
{
    char shapes[LTH_SHEET__WORD_MAX + 1];
    size_t n = 0;
    uint8_t tone = 0;
    *hash = 2166136261u;
    for (size_t at = 0, used; at < self->word_n; at += used) {
        lth_sheet__letter letter;
        uint32_t character = lth_sheet__decode(self->word + at, self->word_n - at, legacy, &used);
        if (!lth_sheet__letter_of(character, &letter) || (letter.tone != 0 && tone != 0)) {
            return false;
        }
        tone = letter.tone != 0 ? letter.tone : tone;
        if (letter.shape != '\0') {
            shapes[n++] = letter.shape;
        } else if (n == 0) {
            return false; /* a tone on nothing */
        }
        *hash = (*hash ^ character) * 16777619u;
    }
    shapes[n] = '\0';
    return lth_sheet__is_syllable(shapes, tone);
}

static void remember(lth_sheet__detector *self, lth_sheet__legacy legacy, uint32_t hash)
{
    uint32_t n = self->n_distinct[legacy];
    for (uint32_t i = 0; i < n; i++) {
        if (self->distinct[legacy][i] == hash) {
            return;
        }
    }
    if (n < DISTINCT_MIN) {
        self->distinct[legacy][n] = hash;
        self->n_distinct[legacy]++;
    }
}

/* Letters of Latin-1 that Vietnamese has too: À Á Â Ã È É Ê Ì Í Ò Ó Ô Õ Ù Ú Ý and the small ones.
 */
static bool is_strange(uint8_t c)
{
    static const uint32_t VIETNAMESE = 0x263c370fu; /* a bit for each letter from U+00C0 */
    return c >= 0x80 && (c < 0xc0 || (VIETNAMESE >> (c & 0x1f) & 1) == 0);
}

static void end_word(lth_sheet__detector *self)
{
    bool counts = self->word_high && self->n_unicode == 0, strange = false;
    for (uint32_t i = 0; i < self->word_n; i++) {
        strange = strange || is_strange(self->word[i]);
    }
    self->n_strange += counts && strange;
    for (int i = LTH_SHEET__CP1258; counts && i < LTH_SHEET__N_LEGACY; i++) {
        uint32_t hash = 0;
        lth_sheet__legacy legacy = (lth_sheet__legacy)i;
        bool good = !self->word_bad && is_good(self, legacy, &hash);
        self->good[i] += good;
        self->bad[i] += !good;
        if (good) {
            remember(self, legacy, hash);
        }
    }
    self->word_n = 0;
    self->word_high = false;
    self->word_bad = false;
}

/* Characters of Vietnamese in Unicode beyond U+00FF, tones of their own among them. */
static bool is_unicode_letter(uint32_t c)
{
    return c == 0x102 || c == 0x103 || c == 0x110 || c == 0x111 || c == 0x128 || c == 0x129 ||
           c == 0x168 || c == 0x169 || c == 0x1a0 || c == 0x1a1 || c == 0x1af || c == 0x1b0 ||
           (c >= 0x1ea0 && c <= 0x1ef9) || c == 0x300 || c == 0x301 || c == 0x303 || c == 0x309 ||
           c == 0x323;
}

void lth_sheet__detect_char(lth_sheet__detector *self, uint32_t c)
{
    bool high = c >= 0x80 && c <= 0xff && c != 0xa0;
    bool letter = high || (c < 0x80 && (c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    self->n_high += high;
    self->n_unicode += c > 0xff && is_unicode_letter(c);
    if (letter) {
        self->word_high = self->word_high || high;
        if (self->word_n < LTH_SHEET__WORD_MAX) {
            self->word[self->word_n++] = (uint8_t)c;
        } else {
            self->word_bad = true;
        }
    } else if (c == '?' && self->word_n > 0) {
        self->word_bad = true; /* a letter lost when the text was saved */
    } else if (self->word_n > 0) {
        end_word(self);
    }
}

void lth_sheet__detect_text(lth_sheet__detector *self, lth_slice text)
{
    if (!lth_sheet__has_high(text)) {
        return;
    }
    size_t size;
    for (size_t at = 0; at < text.n; at += size) {
        lth_sheet__detect_char(self,
                               lth_sheet__get_utf8(lth_slice_of(text.p + at, text.n - at), &size));
    }
    lth_sheet__detect_char(self, ' ');
}

static bool is_sure(const lth_sheet__detector *self, int legacy)
{
    uint64_t good = self->good[legacy], all = good + self->bad[legacy];
    return good >= WORDS_MIN && self->n_distinct[legacy] >= DISTINCT_MIN &&
           good * 100 >= all * GOOD_PERCENT;
}

lth_sheet__legacy lth_sheet__detected(lth_sheet__detector *self, bool bytes)
{
    lth_sheet__detect_char(self, ' ');
    uint64_t n_words = (uint64_t)self->good[LTH_SHEET__VNI] + self->bad[LTH_SHEET__VNI];
    if (self->n_unicode > 0 || (!bytes && self->n_strange * 100 < n_words * STRANGE_PERCENT)) {
        return LTH_SHEET__UNICODE;
    }
    int first = bytes ? LTH_SHEET__CP1258 : LTH_SHEET__TCVN3;
    for (int i = first; i < LTH_SHEET__N_LEGACY; i++) {
        bool alone = is_sure(self, i);
        for (int other = first; alone && other < LTH_SHEET__N_LEGACY; other++) {
            uint64_t all = (uint64_t)self->good[other] + self->bad[other];
            alone = other == i || (uint64_t)self->good[other] * 100 < all * OTHER_PERCENT;
        }
        if (alone) {
            return (lth_sheet__legacy)i;
        }
    }
    return LTH_SHEET__UNICODE;
}
