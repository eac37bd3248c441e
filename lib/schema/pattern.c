#include "expr.h"

/* A pattern is a row of classes, so one bit a class says how far a match may have come: all
 * possible ways go forward together, one character at a time. */

#define RANGES_MAX 64u
#define WORDS      ((EXPR_PATTERN_MAX + 1u + 63u) / 64u)

typedef struct parser {
    const uint8_t *p, *end;
    uint32_t at; /* Characters read. */
    expr_error *error;
    lth_arena *arena;
    pattern_atom *atoms;
    uint32_t n;
} parser;

static lth_err wrong(parser *self, uint32_t at, const char *vi, const char *en)
{
    *self->error = (expr_error){.at = at, .vi = vi, .en = en};
    return LTH_E_FORMAT;
}

/* The text is valid UTF-8: it has been checked. */
static int32_t peek(const parser *self)
{
    const uint8_t *p = self->p;
    return p == self->end ? -1 : lth_schema__text_decode(&p, self->end);
}

static int32_t take(parser *self)
{
    self->at++;
    return lth_schema__text_decode(&self->p, self->end);
}

typedef struct class_draft {
    pattern_range ranges[RANGES_MAX];
    uint32_t n;
    bool negated;
} class_draft;

static bool class_add(class_draft *self, int32_t low, int32_t high)
{
    if (self->n == RANGES_MAX) {
        return false;
    }
    self->ranges[self->n++] = (pattern_range){low, high};
    return true;
}

static bool is_letter(int32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static const char TOO_MANY_VI[] = "quá nhiều ký tự trong một lớp [...]; chia thành vài quy tắc";
static const char TOO_MANY_EN[] = "too many characters in one class [...]; make several rules";

/* Behind a backslash. @p single receives the character, or -1 when it is a class of its own. */
static lth_err read_escape(parser *self, class_draft *out, int32_t *single)
{
    uint32_t at = self->at - 1;
    int32_t c = self->p == self->end ? -1 : take(self);
    *single = -1;
    if (c == 'd') {
        return class_add(out, '0', '9') ? LTH_OK : wrong(self, at, TOO_MANY_VI, TOO_MANY_EN);
    }
    if (c == 's') {
        bool fits =
            class_add(out, '\t', '\r') && class_add(out, ' ', ' ') && class_add(out, 0xa0, 0xa0);
        return fits ? LTH_OK : wrong(self, at, TOO_MANY_VI, TOO_MANY_EN);
    }
    if (c < 0 || is_letter(c)) {
        return wrong(self, at, "sau '\\' chỉ viết d, s hoặc một dấu; ví dụ \\d, \\.",
                     "only d, s or a punctuation mark may follow '\\'; for example \\d, \\.");
    }
    *single = c;
    return LTH_OK;
}

/* One end of a range in a class, or a whole escape class. */
static lth_err read_member(parser *self, class_draft *out, int32_t *single)
{
    int32_t c = take(self);
    if (c == '\\') {
        return read_escape(self, out, single);
    }
    *single = c;
    return LTH_OK;
}

/* Behind '['. */
static lth_err read_class(parser *self, class_draft *out)
{
    uint32_t start = self->at - 1;
    out->negated = peek(self) == '^';
    if (out->negated) {
        (void)take(self);
    }
    for (bool first = true; peek(self) != ']' || first; first = false) {
        int32_t low, high;
        uint32_t at = self->at;
        if (self->p == self->end) {
            return wrong(self, start, "thiếu ']' đóng lớp ký tự; viết ví dụ [a-z0-9]",
                         "the class lacks its ']'; write for example [a-z0-9]");
        }
        lth_err err = read_member(self, out, &low);
        if (err != LTH_OK) {
            return err;
        }
        high = low;
        bool range = low >= 0 && peek(self) == '-' && self->end - self->p > 1 && self->p[1] != ']';
        if (range) {
            (void)take(self);
            err = read_member(self, out, &high);
        }
        if (err != LTH_OK) {
            return err;
        }
        if (high < low) {
            return wrong(self, at, "khoảng ký tự ngược; viết từ nhỏ đến lớn, ví dụ a-z",
                         "the range is backwards; write it upwards, for example a-z");
        }
        if (low >= 0 && !class_add(out, low, high)) {
            return wrong(self, at, TOO_MANY_VI, TOO_MANY_EN);
        }
    }
    (void)take(self);
    return LTH_OK;
}

static lth_err read_one(parser *self, class_draft *out)
{
    uint32_t at = self->at;
    int32_t c = take(self);
    int32_t single = c;
    lth_err err = LTH_OK;
    if (c == '[') {
        return read_class(self, out);
    }
    if (c == '.') {
        (void)class_add(out, 0, 0x10ffff);
        return LTH_OK;
    }
    if (c == '\\') {
        err = read_escape(self, out, &single);
    } else if (c < 0x80 && strchr("()|^$?*+{}]", c) != NULL) {
        return wrong(self, at,
                     "mẫu không có ( ) | ^ $ và dấu lặp phải theo sau một ký tự; viết "
                     "\\ trước nó nếu là ký tự thường",
                     "patterns have no ( ) | ^ $ and a count must follow a character; write \\ "
                     "before it when it stands for itself");
    }
    if (err == LTH_OK && single >= 0) {
        (void)class_add(out, single, single);
    }
    return err;
}

static lth_err finish_class(parser *self, const class_draft *draft, pattern_atom *out)
{
    *out = (pattern_atom){.n_ranges = (uint16_t)draft->n, .negated = draft->negated};
    out->ranges = lth_arena_copy(self->arena, draft->ranges, draft->n * sizeof *draft->ranges);
    if (out->ranges == NULL) {
        return LTH_E_NOMEM;
    }
    for (int32_t c = 0; c < 128; c++) {
        bool in = draft->negated;
        for (uint32_t i = 0; i < draft->n && in == draft->negated; i++) {
            in ^= c >= draft->ranges[i].low && c <= draft->ranges[i].high;
        }
        out->ascii[c / 64] |= (uint64_t)in << c % 64;
    }
    return LTH_OK;
}

/* Up to three digits; -1 when there is none. */
static int32_t read_count(parser *self)
{
    int32_t v = -1;
    for (int i = 0; i < 3 && peek(self) >= '0' && peek(self) <= '9'; i++) {
        v = (v < 0 ? 0 : v * 10) + take(self) - '0';
    }
    return v;
}

/* How often the class before it stands: @p most < 0 is without end. */
static lth_err read_times(parser *self, int32_t *least, int32_t *most)
{
    uint32_t at = self->at;
    int32_t c = peek(self);
    *least = c == '?' || c == '*' ? 0 : 1;
    *most = c == '*' || c == '+' ? -1 : 1;
    if (c == '?' || c == '*' || c == '+') {
        (void)take(self);
        return LTH_OK;
    }
    if (c != '{') {
        return LTH_OK;
    }
    (void)take(self);
    *least = read_count(self);
    *most = *least;
    if (peek(self) == ',') {
        (void)take(self);
        *most = read_count(self);
    }
    bool closed = peek(self) == '}';
    if (closed) {
        (void)take(self);
    }
    if (!closed || *least < 0 || (*most >= 0 && *most < *least) || *most == 0) {
        return wrong(self, at, "số lần lặp sai; viết {3}, {1,5} hoặc {2,}",
                     "the count is wrong; write {3}, {1,5} or {2,}");
    }
    return LTH_OK;
}

static bool add_atom(parser *self, const pattern_atom *atom, pattern_times times)
{
    if (self->n == EXPR_PATTERN_MAX) {
        return false;
    }
    self->atoms[self->n] = *atom;
    self->atoms[self->n++].times = times;
    return true;
}

static lth_err read_atom(parser *self)
{
    class_draft draft = {.n = 0};
    pattern_atom atom;
    int32_t least, most;
    lth_err err = read_one(self, &draft);
    err = err != LTH_OK ? err : finish_class(self, &draft, &atom);
    err = err != LTH_OK ? err : read_times(self, &least, &most);
    if (err != LTH_OK) {
        return err;
    }
    bool fits = true;
    for (int32_t i = 0; i < least; i++) {
        fits = fits && add_atom(self, &atom, TIMES_ONE);
    }
    for (int32_t i = least; i < most; i++) {
        fits = fits && add_atom(self, &atom, TIMES_OPTIONAL);
    }
    fits = fits && (most >= 0 || add_atom(self, &atom, TIMES_ANY));
    return fits ? LTH_OK
                : wrong(self, self->at, "mẫu dài quá 255 ký tự; rút gọn nó",
                        "the pattern asks for more than 255 characters; shorten it");
}

lth_err lth_schema__pattern_compile(pattern *out, lth_slice text, lth_arena *arena,
                                    expr_error *error)
{
    pattern_atom atoms[EXPR_PATTERN_MAX];
    parser self = {
        .p = text.p, .end = text.p + text.n, .error = error, .arena = arena, .atoms = atoms};
    while (self.p < self.end) {
        lth_err err = read_atom(&self);
        if (err != LTH_OK) {
            return err;
        }
    }
    out->n = self.n;
    out->atoms = lth_arena_copy(arena, atoms, self.n * sizeof *atoms);
    return out->atoms == NULL ? LTH_E_NOMEM : LTH_OK;
}

static bool atom_takes(const pattern_atom *atom, int32_t c)
{
    if (c < 128) {
        return (atom->ascii[c / 64] >> c % 64 & 1) != 0;
    }
    for (uint32_t i = 0; i < atom->n_ranges; i++) {
        if (c >= atom->ranges[i].low && c <= atom->ranges[i].high) {
            return !atom->negated;
        }
    }
    return atom->negated;
}

/* Reach a place, and those behind it that ask for nothing. */
static void reach(const pattern *self, uint64_t set[WORDS], uint32_t at)
{
    for (;; at++) {
        uint64_t bit = UINT64_C(1) << at % 64;
        bool known = (set[at / 64] & bit) != 0;
        set[at / 64] |= bit;
        if (known || at == self->n || self->atoms[at].times == TIMES_ONE) {
            return;
        }
    }
}

static void step(const pattern *self, const uint64_t now[WORDS], uint64_t next[WORDS], int32_t c)
{
    memset(next, 0, WORDS * sizeof *next);
    for (uint32_t word = 0; word < WORDS; word++) {
        for (uint64_t left = now[word]; left != 0; left &= left - 1) {
            uint32_t at = word * 64 + (uint32_t)__builtin_ctzll(left);
            if (at < self->n && atom_takes(&self->atoms[at], c)) {
                reach(self, next, self->atoms[at].times == TIMES_ANY ? at : at + 1);
            }
        }
    }
}

bool lth_schema__pattern_match(const pattern *self, lth_slice text)
{
    uint64_t sets[2][WORDS] = {{0}};
    const uint8_t *p = text.p;
    const uint8_t *end = p + text.n;
    uint32_t now = 0;
    reach(self, sets[0], 0);
    while (p < end) {
        step(self, sets[now], sets[now ^ 1], lth_schema__text_decode(&p, end));
        now ^= 1;
        uint64_t alive = 0;
        for (uint32_t i = 0; i < WORDS; i++) {
            alive |= sets[now][i];
        }
        if (alive == 0) {
            return false;
        }
    }
    return (sets[now][self->n / 64] >> self->n % 64 & 1) != 0;
}
