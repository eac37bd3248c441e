#include <unistd.h>

#include "internal.h"

#define PIECE        (16u * 1024u)
#define PARITY_BYTES 4096u

/* What is known while the bytes of a file go by. */
typedef struct counts {
    uint64_t size;
    uint64_t n_zero[2]; /* NUL bytes at even and odd places of the first PARITY_BYTES. */
    uint64_t n_control; /* Control characters that no text has. */
    uint64_t n_solid;   /* Bytes that are neither spaces, line ends nor NUL. */
    bool zero, utf8, ascii;
    uint8_t tail[4]; /* Bytes of a UTF-8 character of which not all have come. */
    size_t tail_n;
} counts;

static bool is_control(uint8_t c)
{
    return c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\v' && c != 0x1a;
}

static void check_utf8(counts *c, const uint8_t *p, size_t n)
{
    size_t i = 0;
    while (c->utf8 && i < n) {
        if (c->tail_n == 0 && p[i] < 0x80) {
            i++;
            continue;
        }
        c->tail[c->tail_n++] = p[i++];
        size_t size = 0;
        uint32_t character = lth_sheet__get_utf8(lth_slice_of(c->tail, c->tail_n), &size);
        if (character != UINT32_MAX) {
            c->tail_n = 0;
        } else if (c->tail_n == 4 || c->tail[0] < 0xc2 ||
                   (c->tail_n > 1 && (c->tail[c->tail_n - 1] & 0xc0) != 0x80)) {
            c->utf8 = false;
        }
    }
}

static void count(counts *c, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = p[i];
        if (byte == 0) {
            c->zero = true;
            if (c->size + i < PARITY_BYTES) {
                c->n_zero[(c->size + i) % 2]++;
            }
        } else if (byte < ' ') {
            c->n_control += is_control(byte);
        } else if (byte != ' ') {
            c->n_solid++;
            c->ascii = c->ascii && byte < 0x80;
        }
    }
    check_utf8(c, p, n);
    c->size += n;
}

/* UTF-16 without a mark: of ASCII characters one byte in two is NUL, always the same one. */
static lth_sheet__coding guess_utf16(const counts *c)
{
    uint64_t half = (c->size < PARITY_BYTES ? c->size : PARITY_BYTES) / 2;
    for (int odd = 0; odd < 2; odd++) {
        if (c->n_zero[odd] * 10 > half * 4 && c->n_zero[1 - odd] * 100 < half) {
            return odd == 1 ? LTH_SHEET__UTF16LE : LTH_SHEET__UTF16BE;
        }
    }
    return 0;
}

static void conclude(lth_sheet__survey *out, const counts *c)
{
    static const struct {
        uint8_t mark[3];
        uint32_t n;
        lth_sheet__coding coding;
    } MARKS[] = {{{0xef, 0xbb, 0xbf}, 3, LTH_SHEET__UTF8},
                 {{0xff, 0xfe}, 2, LTH_SHEET__UTF16LE},
                 {{0xfe, 0xff}, 2, LTH_SHEET__UTF16BE}};
    out->size = c->size;
    for (size_t i = 0; i < sizeof MARKS / sizeof MARKS[0] && out->mark == 0; i++) {
        if (c->size >= MARKS[i].n && memcmp(out->head, MARKS[i].mark, MARKS[i].n) == 0) {
            out->mark = MARKS[i].n;
            out->coding = MARKS[i].coding;
        }
    }
    out->blank = c->n_solid == out->mark;
    if (out->coding == 0 && c->zero) {
        out->coding = guess_utf16(c);
    }
    if (out->coding == LTH_SHEET__UTF16LE || out->coding == LTH_SHEET__UTF16BE) {
        return;
    }
    out->binary = c->zero || c->n_control > 0;
    out->coding = c->utf8 && c->tail_n == 0 ? LTH_SHEET__UTF8 : LTH_SHEET__BYTES;
}

lth_err lth_sheet__survey_file(lth_sheet__survey *out, int fd)
{
    uint8_t piece[PIECE];
    counts c = {.utf8 = true, .ascii = true};
    *out = (lth_sheet__survey){0};
    for (;;) {
        ssize_t n = pread(fd, piece, sizeof piece, (off_t)c.size);
        if (n < 0) {
            return LTH_E_IO;
        }
        if (n == 0) {
            break;
        }
        if (c.size == 0) {
            memcpy(out->head, piece, (size_t)n < sizeof out->head ? (size_t)n : sizeof out->head);
        }
        count(&c, piece, (size_t)n);
    }
    conclude(out, &c);
    return LTH_OK;
}

void lth_sheet__text_begin(lth_sheet__text *self, int fd, const lth_sheet__survey *survey)
{
    self->fd = fd;
    self->coding = survey->coding;
    self->offset = survey->mark;
    self->failed = false;
    self->broken = false;
    self->at = 0;
    self->n = 0;
    self->raw_n = 0;
}

static uint32_t unit_at(const lth_sheet__text *self, size_t at)
{
    unsigned first = self->raw[at], second = self->raw[at + 1];
    return self->coding == LTH_SHEET__UTF16LE ? second << 8 | first : first << 8 | second;
}

/* Returns the bytes used; a character cut at the end of the piece stays for the next. */
static size_t decode_utf16(lth_sheet__text *self)
{
    size_t at = 0;
    while (self->raw_n - at >= 2) {
        uint32_t unit = unit_at(self, at);
        size_t size = 2;
        if (unit >= 0xd800 && unit < 0xdc00) {
            if (self->raw_n - at < 4) {
                break;
            }
            uint32_t low = unit_at(self, at + 2);
            bool pair = low >= 0xdc00 && low < 0xe000;
            self->broken = self->broken || !pair;
            unit = pair ? 0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00)) : 0xfffd;
            size = pair ? 4 : 2;
        }
        self->broken = self->broken || unit == 0 || (unit >= 0xdc00 && unit < 0xe000);
        self->n += lth_sheet__put_utf8(self->out + self->n, unit);
        at += size;
    }
    return at;
}

static size_t decode_bytes(lth_sheet__text *self)
{
    for (size_t i = 0; i < self->raw_n; i++) {
        self->n += lth_sheet__put_utf8(self->out + self->n, self->raw[i]);
    }
    return self->raw_n;
}

bool lth_sheet__text_more(lth_sheet__text *self)
{
    self->at = 0;
    self->n = 0;
    while (self->n == 0) {
        ssize_t got = pread(self->fd, self->raw + self->raw_n, sizeof self->raw - self->raw_n,
                            (off_t)self->offset);
        if (got <= 0) {
            self->failed = self->failed || got < 0;
            self->broken = self->broken || self->raw_n > 0;
            return false;
        }
        self->offset += (uint64_t)got;
        self->raw_n += (size_t)got;
        size_t used = self->raw_n;
        if (self->coding == LTH_SHEET__UTF8) {
            memcpy(self->out, self->raw, used);
            self->n = used;
        } else if (self->coding == LTH_SHEET__BYTES) {
            used = decode_bytes(self);
        } else {
            used = decode_utf16(self);
        }
        self->raw_n -= used;
        memmove(self->raw, self->raw + used, self->raw_n);
    }
    return true;
}
