#include "expr_parse.h"

static const lth_titles TYPE_NAMES[] = {
    [TYPE_NUMBER] = {"số", "a number"},
    [TYPE_TEXT] = {"chữ", "text"},
    [TYPE_DATE] = {"ngày", "a date"},
    [TYPE_TRUTH] = {"đúng/sai", "a condition"},
    [TYPE_OTHER] = {"danh sách hoặc tài liệu", "a list or document"},
};

/* ---- faults ---- */

static void refuse(compiler *c, lth_err err, const char *at, const char *vi, const char *en,
                   va_list args)
{
    if (c->err != LTH_OK) {
        return;
    }
    c->err = err;
    c->fault->column = 1;
    for (const char *p = c->text; p < at; p++) {
        c->fault->column += ((unsigned char)*p & 0xc0) != 0x80 ? 1 : 0;
    }
    va_list again;
    va_copy(again, args);
    (void)lth_format_v(c->fault->vi, sizeof c->fault->vi, vi, args);
    (void)lth_format_v(c->fault->en, sizeof c->fault->en, en, again);
    va_end(again);
}

void lth_expr__fail(compiler *c, const char *at, const char *vi, const char *en, ...)
{
    va_list args;
    va_start(args, en);
    refuse(c, LTH_E_FORMAT, at, vi, en, args);
    va_end(args);
}

void lth_expr__limit(compiler *c, const char *vi, const char *en, ...)
{
    va_list args;
    va_start(args, en);
    refuse(c, LTH_E_LIMIT, c->token.start, vi, en, args);
    va_end(args);
}

void lth_expr__no_memory(compiler *c)
{
    c->err = c->err == LTH_OK ? LTH_E_NOMEM : c->err;
}

/* ---- tokens ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool starts_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void read_number(compiler *c)
{
    const char *p = c->p;
    size_t n = 0;
    while (is_digit(p[n])) {
        n++;
    }
    if (p[n] == '.' && is_digit(p[n + 1])) {
        for (n++; is_digit(p[n]);) {
            n++;
        }
    }
    cell value = {.kind = CELL_NUMBER};
    if (!lth_schema__number_read(&value.number, &value.scale, lth_slice_of(p, n))) {
        lth_expr__fail(c, p, "số dài quá 18 chữ số; viết ngắn hơn",
                       "a number of more than 18 digits");
    }
    c->token = (lexeme){.kind = TOKEN_NUMBER, .start = p, .n = n, .value = value};
}

/* '' stands for one quote. */
static void read_text(compiler *c)
{
    const char *start = c->p;
    size_t size = strlen(start);
    char *out = lth_arena_alloc(c->arena, size);
    size_t n = 0;
    const char *p = start + 1;
    if (out == NULL) {
        lth_expr__no_memory(c);
        return;
    }
    for (; *p != '\0' && (*p != '\'' || p[1] == '\''); p++) {
        p += *p == '\'' ? 1 : 0;
        out[n++] = *p;
    }
    if (*p == '\0') {
        lth_expr__fail(c, start, "thiếu dấu ' đóng chuỗi; viết 'chữ'",
                       "the closing ' is missing; write 'text'");
        return;
    }
    cell value = {.kind = CELL_TEXT, .text = lth_slice_of(out, n)};
    c->token =
        (lexeme){.kind = TOKEN_TEXT, .start = start, .n = (size_t)(p + 1 - start), .value = value};
}

static void read_symbol(compiler *c)
{
    static const char *const symbols[] = {"==", "!=", "<=", ">=", "<", ">", "(",
                                          ")",  "[",  "]",  ",",  "+", "-", "*"};
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        size_t n = strlen(symbols[i]);
        if (strncmp(c->p, symbols[i], n) == 0) {
            c->token = (lexeme){.kind = TOKEN_SYMBOL, .start = c->p, .n = n};
            return;
        }
    }
    const uint8_t *next = (const uint8_t *)c->p;
    (void)lth_schema__text_decode(&next, next + strlen(c->p));
    if (*c->p == '=') {
        lth_expr__fail(c, c->p, "dấu = không có trong biểu thức; viết == để so sánh",
                       "= is no part of an expression; write == to compare");
    } else {
        lth_expr__fail(c, c->p, "ký tự \"%.*s\" không có trong biểu thức; chữ đặt trong dấu '...'",
                       "\"%.*s\" is no part of an expression; text stands in '...'",
                       (int)((const char *)next - c->p), c->p);
    }
}

void lth_expr__advance(compiler *c)
{
    c->p = c->token.start + c->token.n;
    while (*c->p == ' ' || *c->p == '\t' || *c->p == '\n') {
        c->p++;
    }
    if (c->err != LTH_OK || *c->p == '\0') {
        c->token = (lexeme){.kind = TOKEN_END, .start = c->p};
    } else if (is_digit(*c->p)) {
        read_number(c);
    } else if (*c->p == '\'') {
        read_text(c);
    } else if (starts_name(*c->p)) {
        size_t n = 1;
        while (starts_name(c->p[n]) || is_digit(c->p[n])) {
            n++;
        }
        c->token = (lexeme){.kind = TOKEN_NAME, .start = c->p, .n = n};
    } else {
        read_symbol(c);
    }
    if (c->err != LTH_OK) {
        c->token = (lexeme){.kind = TOKEN_END, .start = c->p};
    }
}

bool lth_expr__at(const compiler *c, token_kind kind, const char *text)
{
    return c->token.kind == kind && strlen(text) == c->token.n &&
           memcmp(c->token.start, text, c->token.n) == 0;
}

static bool accept(compiler *c, token_kind kind, const char *text)
{
    bool found = lth_expr__at(c, kind, text);
    if (found) {
        lth_expr__advance(c);
    }
    return found;
}

void lth_expr__expect(compiler *c, token_kind kind, const char *text)
{
    if (!accept(c, kind, text)) {
        lth_expr__fail(c, c->token.start, "ở đây cần \"%s\"", "\"%s\" is expected here", text);
    }
}

bool lth_expr__accept_symbol(compiler *c, const char *text)
{
    return accept(c, TOKEN_SYMBOL, text);
}

bool lth_expr__accept_word(compiler *c, const char *text)
{
    return accept(c, TOKEN_NAME, text);
}

void lth_expr__expect_symbol(compiler *c, const char *text)
{
    lth_expr__expect(c, TOKEN_SYMBOL, text);
}

/* ---- operations ---- */

uint32_t lth_expr__emit(compiler *c, expr_op op, uint32_t arg, uint32_t index, int delta)
{
    if (c->cost >= LTH_EXPR_COST_MAX || c->n_code == OPS_MAX) {
        lth_expr__limit(c, "biểu thức quá dài (hơn %u phép tính); chia thành vài quy tắc",
                        "the expression is too long (more than %u operations); make several rules",
                        LTH_EXPR_COST_MAX);
        return 0;
    }
    c->code[c->n_code] =
        (instruction){.op = (uint8_t)op, .arg = (uint8_t)arg, .index = (uint16_t)index};
    c->cost++;
    c->stack = (uint32_t)((int)c->stack + delta);
    if (c->stack > EXPR_STACK_MAX) {
        lth_expr__limit(c, "biểu thức lồng quá sâu (%u giá trị cùng lúc); chia thành vài quy tắc",
                        "the expression is nested too deep (%u values at once); make several rules",
                        EXPR_STACK_MAX);
    }
    return c->n_code++;
}

void lth_expr__patch(compiler *c, uint32_t at, uint32_t skip)
{
    c->code[at].skip = c->err == LTH_OK ? skip : 0;
}

uint32_t lth_expr__add_constant(compiler *c, const cell *value)
{
    if (c->n_constants == OPS_MAX) {
        lth_expr__limit(c, "quá %u hằng", "more than %u constants", OPS_MAX);
        return 0;
    }
    c->constants[c->n_constants] = *value;
    return c->n_constants++;
}

void lth_expr__emit_constant(compiler *c, const cell *value)
{
    uint32_t index = lth_expr__add_constant(c, value);
    (void)lth_expr__emit(c, OP_CONST, 0, index, 1);
}

bool lth_expr__enter(compiler *c)
{
    if (c->depth == EXPR_DEPTH_MAX) {
        lth_expr__limit(c, "biểu thức lồng quá %u tầng; chia thành vài quy tắc",
                        "nested deeper than %u levels; make several rules", EXPR_DEPTH_MAX);
        return false;
    }
    c->depth++;
    return c->err == LTH_OK;
}

void lth_expr__want(compiler *c, const char *where, expr_type found, expr_type wanted)
{
    if (c->err == LTH_OK && found != wanted) {
        char text[2][64];
        (void)lth_format(text[0], sizeof text[0], "%s", TYPE_NAMES[found].vi);
        (void)lth_format(text[1], sizeof text[1], "%s", TYPE_NAMES[wanted].vi);
        lth_expr__fail(c, where, "ở đây cần giá trị khác kiểu", "another type is expected here");
        (void)lth_format(c->fault->vi, sizeof c->fault->vi, "ở đây cần %s, không phải %s", text[1],
                         text[0]);
        (void)lth_format(c->fault->en, sizeof c->fault->en, "%s is expected here, not %s",
                         TYPE_NAMES[wanted].en, TYPE_NAMES[found].en);
    }
}

bool lth_expr__named(const lexeme *word, const char *name)
{
    return strlen(name) == word->n && memcmp(name, word->start, word->n) == 0;
}
