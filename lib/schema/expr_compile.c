#include "expr_parse.h"

/* Recursive descent over the grammar of lth/rule.h; emits operations for a stack. The first fault
 * is kept, and nothing more is read. */

static expr_type parse_constant(compiler *c, bool *found)
{
    lexeme word = c->token;
    *found = true;
    if (word.kind == TOKEN_NUMBER || word.kind == TOKEN_TEXT) {
        lth_expr__advance(c);
        lth_expr__emit_constant(c, &word.value);
        return word.kind == TOKEN_NUMBER ? TYPE_NUMBER : TYPE_TEXT;
    }
    bool yes = lth_expr__at(c, TOKEN_NAME, "true");
    if (yes || lth_expr__at(c, TOKEN_NAME, "false")) {
        lth_expr__advance(c);
        lth_expr__emit_constant(c, &(cell){.kind = CELL_TRUTH, .number = yes});
        return TYPE_TRUTH;
    }
    *found = false;
    return TYPE_OTHER;
}

static bool is_reserved(const lexeme *word)
{
    static const char *const words[] = {"and", "or", "not", "in", "between", "is", "null"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (lth_expr__named(word, words[i])) {
            return true;
        }
    }
    return false;
}

static expr_type parse_parentheses(compiler *c)
{
    expr_type type = lth_expr__enter(c) ? lth_expr__parse(c) : TYPE_OTHER;
    lth_expr__expect_symbol(c, ")");
    c->depth--;
    return type;
}

static expr_type parse_primary(compiler *c)
{
    bool found;
    expr_type type = parse_constant(c, &found);
    if (found) {
        return type;
    }
    if (lth_expr__accept_word(c, "today")) {
        (void)lth_expr__emit(c, OP_TODAY, 0, 0, 1);
        return TYPE_DATE;
    }
    if (lth_expr__accept_symbol(c, "(")) {
        return parse_parentheses(c);
    }
    lexeme name = c->token;
    if (name.kind != TOKEN_NAME || is_reserved(&name)) {
        lth_expr__fail(c, name.start, "ở đây cần một trường, số, 'chữ' hoặc hàm",
                       "a field, number, 'text' or function is expected here");
        return TYPE_OTHER;
    }
    const char *p = name.start + name.n;
    while (*p == ' ') {
        p++;
    }
    if (*p != '(') {
        return lth_expr__parse_field(c);
    }
    lth_expr__advance(c);
    lth_expr__expect_symbol(c, "(");
    type = lth_expr__enter(c) ? lth_expr__parse_call(c, &name) : TYPE_OTHER;
    lth_expr__expect_symbol(c, ")");
    c->depth--;
    return type;
}

static expr_type parse_unary(compiler *c)
{
    const char *start = c->token.start;
    if (!lth_expr__accept_symbol(c, "-")) {
        return parse_primary(c);
    }
    start = c->token.start;
    lth_expr__want(c, start, parse_primary(c), TYPE_NUMBER);
    (void)lth_expr__emit(c, OP_NEGATE, 0, 0, 0);
    return TYPE_NUMBER;
}

typedef struct operation {
    const char *symbol;
    expr_op op;
} operation;

/* Left-associative operations on numbers. */
static expr_type parse_chain(compiler *c, expr_type (*part)(compiler *c), const operation *ops,
                             size_t n)
{
    const char *start = c->token.start;
    expr_type type = part(c);
    for (size_t i = 0; i < n && c->err == LTH_OK;) {
        if (!lth_expr__accept_symbol(c, ops[i].symbol)) {
            i++;
            continue;
        }
        lth_expr__want(c, start, type, TYPE_NUMBER);
        const char *right = c->token.start;
        lth_expr__want(c, right, part(c), TYPE_NUMBER);
        (void)lth_expr__emit(c, ops[i].op, 0, 0, -1);
        i = 0;
    }
    return type;
}

static expr_type parse_product(compiler *c)
{
    static const operation ops[] = {{"*", OP_MULTIPLY}};
    return parse_chain(c, parse_unary, ops, 1);
}

static expr_type parse_sum(compiler *c)
{
    static const operation ops[] = {{"+", OP_ADD}, {"-", OP_SUBTRACT}};
    return parse_chain(c, parse_product, ops, 2);
}

/* "[" constant { "," constant } "]" */
static void parse_in(compiler *c, expr_type type)
{
    uint32_t first = c->n_constants;
    lth_expr__expect_symbol(c, "[");
    do {
        const char *start = c->token.start;
        bool negative = lth_expr__accept_symbol(c, "-");
        cell value = c->token.value;
        expr_type found = c->token.kind == TOKEN_NUMBER ? TYPE_NUMBER
                          : c->token.kind == TOKEN_TEXT ? TYPE_TEXT
                                                        : TYPE_OTHER;
        if (lth_expr__at(c, TOKEN_NAME, "true") || lth_expr__at(c, TOKEN_NAME, "false")) {
            value = (cell){.kind = CELL_TRUTH, .number = lth_expr__at(c, TOKEN_NAME, "true")};
            found = TYPE_TRUTH;
        }
        if (found == TYPE_OTHER || (negative && found != TYPE_NUMBER)) {
            lth_expr__fail(c, c->token.start, "trong [...] chỉ viết số hoặc 'chữ'",
                           "only numbers or 'text' stand in [...]");
        }
        lth_expr__want(c, start, found, type);
        value.number = negative ? -value.number : value.number;
        (void)lth_expr__add_constant(c, &value);
        c->cost++;
        lth_expr__advance(c);
    } while (c->err == LTH_OK && lth_expr__accept_symbol(c, ","));
    lth_expr__expect_symbol(c, "]");
    uint32_t n = c->n_constants - first;
    lth_expr__patch(c, lth_expr__emit(c, OP_IN, 0, first, 0), n);
}

static void parse_between(compiler *c, expr_type type)
{
    const char *start = c->token.start;
    lth_expr__want(c, start, parse_sum(c), type);
    lth_expr__expect(c, TOKEN_NAME, "and");
    start = c->token.start;
    lth_expr__want(c, start, parse_sum(c), type);
    (void)lth_expr__emit(c, OP_BETWEEN, 0, 0, -2);
}

/* What follows the left side of a comparison; false when nothing does. */
static bool parse_relation(compiler *c, const char *start, expr_type type)
{
    static const char *const symbols[] = {[REL_EQ] = "==", [REL_NE] = "!=", [REL_LT] = "<",
                                          [REL_LE] = "<=", [REL_GT] = ">",  [REL_GE] = ">="};
    for (relation rel = REL_EQ; rel <= REL_GE; rel++) {
        if (lth_expr__accept_symbol(c, symbols[rel])) {
            bool ordered = rel != REL_EQ && rel != REL_NE;
            if (type == TYPE_OTHER || (ordered && type == TYPE_TRUTH)) {
                lth_expr__fail(c, start, "giá trị này không so sánh được bằng %s",
                               "this value cannot be compared with %s", symbols[rel]);
            }
            const char *right = c->token.start;
            lth_expr__want(c, right, parse_sum(c), type);
            (void)lth_expr__emit(c, OP_COMPARE, rel, 0, -1);
            return true;
        }
    }
    return false;
}

static expr_type parse_cmp(compiler *c)
{
    const char *start = c->token.start;
    expr_type type = parse_sum(c);
    if (c->err != LTH_OK || parse_relation(c, start, type)) {
        return TYPE_TRUTH;
    }
    bool is = lth_expr__accept_word(c, "is");
    bool negated = lth_expr__accept_word(c, "not");
    bool plain = type != TYPE_OTHER;
    if (is) {
        lth_expr__expect(c, TOKEN_NAME, "null");
        (void)lth_expr__emit(c, OP_IS_NULL, 0, 0, 0);
    } else if (plain && lth_expr__accept_word(c, "in")) {
        parse_in(c, type);
    } else if (plain && type != TYPE_TRUTH && lth_expr__accept_word(c, "between")) {
        parse_between(c, type);
    } else if (negated) {
        lth_expr__fail(c, c->token.start, "sau not ở đây chỉ có in [...] hoặc between",
                       "only in [...] or between may follow not here");
    } else {
        return type;
    }
    if (negated) {
        (void)lth_expr__emit(c, OP_NOT, 0, 0, 0);
    }
    return TYPE_TRUTH;
}

static expr_type parse_not(compiler *c)
{
    const char *start = c->token.start;
    if (!lth_expr__accept_word(c, "not")) {
        return parse_cmp(c);
    }
    start = c->token.start;
    lth_expr__want(c, start, parse_cmp(c), TYPE_TRUTH);
    (void)lth_expr__emit(c, OP_NOT, 0, 0, 0);
    return TYPE_TRUTH;
}

/* Conditions joined by one word; the right side is left out when the left one decides. */
static expr_type parse_joined(compiler *c, expr_type (*part)(compiler *c), const char *joint,
                              expr_op test, expr_op join)
{
    const char *start = c->token.start;
    expr_type type = part(c);
    while (c->err == LTH_OK && lth_expr__accept_word(c, joint)) {
        lth_expr__want(c, start, type, TYPE_TRUTH);
        uint32_t jump = lth_expr__emit(c, test, 0, 0, 0);
        const char *right = c->token.start;
        lth_expr__want(c, right, part(c), TYPE_TRUTH);
        (void)lth_expr__emit(c, join, 0, 0, -1);
        lth_expr__patch(c, jump, c->n_code);
    }
    return type;
}

static expr_type parse_and(compiler *c)
{
    return parse_joined(c, parse_not, "and", OP_AND_TEST, OP_AND);
}

expr_type lth_expr__parse(compiler *c)
{
    return parse_joined(c, parse_and, "or", OP_OR_TEST, OP_OR);
}

/* ---- the whole ---- */

static void check_text(compiler *c)
{
    size_t n = strnlen(c->text, LTH_EXPR_TEXT_MAX + 1);
    uint32_t chars;
    c->token.start = c->text;
    if (n > LTH_EXPR_TEXT_MAX) {
        lth_expr__limit(c, "biểu thức dài quá %u byte; chia thành vài quy tắc",
                        "the expression is longer than %u bytes; make several rules",
                        LTH_EXPR_TEXT_MAX);
    } else if (lth_schema__text_check(lth_slice_of(c->text, n), &chars) != LTH_REFUSE_none) {
        lth_expr__fail(c, c->text, "biểu thức phải là chữ Unicode dựng sẵn (UTF-8, NFC)",
                       "the expression must be precomposed Unicode text (UTF-8, NFC)");
    }
}

static void parse(compiler *c)
{
    lth_expr__advance(c);
    const char *start = c->token.start;
    lth_expr__want(c, start, lth_expr__parse(c), TYPE_TRUTH);
    if (c->token.kind != TOKEN_END) {
        lth_expr__fail(c, c->token.start, "thừa \"%.*s\"; nối hai điều kiện bằng and hoặc or",
                       "\"%.*s\" is too much; join two conditions with and or or", (int)c->token.n,
                       c->token.start);
    }
}

static lth_expr *keep(const compiler *c)
{
    lth_expr *out = lth_arena_alloc(c->arena, sizeof *out);
    size_t words = (c->ds->n_fields + 63u) / 64u;
    if (out == NULL) {
        return NULL;
    }
    *out = (lth_expr){
        .fields = c->ds->fields,
        .code = lth_arena_copy(c->arena, c->code, c->n_code * sizeof *c->code),
        .n_code = c->n_code,
        .cost = c->cost,
        .constants = lth_arena_copy(c->arena, c->constants, c->n_constants * sizeof *c->constants),
        .patterns = lth_arena_copy(c->arena, c->patterns, c->n_patterns * sizeof *c->patterns),
        .reads = lth_arena_copy(c->arena, c->reads, words * sizeof *c->reads),
        .over_items = c->over_items};
    bool whole =
        out->code != NULL && out->constants != NULL && out->patterns != NULL && out->reads != NULL;
    return whole ? out : NULL;
}

lth_err lth_expr_read(const lth_expr **out, const lth_dataset *ds, const char *text,
                      lth_arena *arena, lth_expr_fault *fault)
{
    compiler c;
    LTH_ASSERT(ds->n_fields <= LTH_FIELDS_MAX);
    memset(&c, 0, sizeof c);
    memset(fault, 0, sizeof *fault);
    c.ds = ds;
    c.arena = arena;
    c.fault = fault;
    c.text = text;
    *out = NULL;
    check_text(&c);
    if (c.err == LTH_OK) {
        parse(&c);
    }
    if (c.err == LTH_OK) {
        *out = keep(&c);
        c.err = *out == NULL ? LTH_E_NOMEM : LTH_OK;
    }
    return c.err;
}

lth_err lth_expr_compile(const lth_expr **out, const lth_dataset *ds, const char *text,
                         lth_arena *arena, lth_diag *diag)
{
    lth_expr_fault fault;
    lth_err err = lth_expr_read(out, ds, text, arena, &fault);
    if (err == LTH_E_NOMEM) {
        return lth_fail(diag, err, "out of memory");
    }
    return err == LTH_OK ? err
                         : lth_fail(diag, err, "column %u: %s", (unsigned)fault.column, fault.en);
}
