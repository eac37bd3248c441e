/**
 * @file lib/schema/expr_parse.h
 * Shared by the parts of the compiler of expressions: tokens and operations, names and calls,
 * grammar.
 */
#pragma once

#include "expr.h"

#define OPS_MAX      LTH_EXPR_COST_MAX
#define PATTERNS_MAX 32u
#define WORDS_MAX    (LTH_FIELDS_MAX / 64u)

typedef enum expr_type { TYPE_NUMBER, TYPE_TEXT, TYPE_DATE, TYPE_TRUTH, TYPE_OTHER } expr_type;

typedef enum token_kind {
    TOKEN_END,
    TOKEN_NUMBER,
    TOKEN_TEXT,
    TOKEN_NAME,
    TOKEN_SYMBOL
} token_kind;

typedef struct lexeme {
    token_kind kind;
    const char *start;
    size_t n;
    cell value; /* number, text. */
} lexeme;

typedef struct compiler {
    const lth_dataset *ds;
    lth_arena *arena;
    lth_expr_fault *fault;
    lth_err err;
    const char *text, *p;
    lexeme token;
    const lth_field *list; /* Inside all, any, count. */
    uint32_t depth, stack, cost;
    uint32_t n_code, n_constants, n_patterns;
    bool over_items;
    instruction code[OPS_MAX];
    cell constants[OPS_MAX];
    pattern patterns[PATTERNS_MAX];
    uint64_t reads[WORDS_MAX];
} compiler;

/* ---- expr_lex.c: faults, tokens, operations ---- */

/** Keep the first fault, at a place in the text; both texts take the same arguments. */
void lth_expr__fail(compiler *c, const char *at, const char *vi, const char *en, ...)
    __attribute__((format(printf, 3, 5), format(printf, 4, 5)));
/** The same for a limit, at the token at hand. */
void lth_expr__limit(compiler *c, const char *vi, const char *en, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));
void lth_expr__no_memory(compiler *c);

/** To the next token; to the end after a fault. */
void lth_expr__advance(compiler *c);
bool lth_expr__at(const compiler *c, token_kind kind, const char *text);
bool lth_expr__accept_symbol(compiler *c, const char *text);
bool lth_expr__accept_word(compiler *c, const char *text);
void lth_expr__expect(compiler *c, token_kind kind, const char *text);
void lth_expr__expect_symbol(compiler *c, const char *text);
/** Is it this name? */
bool lth_expr__named(const lexeme *word, const char *name);

/** @p delta: operands more on the stack behind it. Returns its place. */
uint32_t lth_expr__emit(compiler *c, expr_op op, uint32_t arg, uint32_t index, int delta);
void lth_expr__patch(compiler *c, uint32_t at, uint32_t skip);
uint32_t lth_expr__add_constant(compiler *c, const cell *value);
void lth_expr__emit_constant(compiler *c, const cell *value);
/** One level deeper; the caller takes it back from `depth`. */
bool lth_expr__enter(compiler *c);
/** A type is wanted: a fault at @p where when another was found. */
void lth_expr__want(compiler *c, const char *where, expr_type found, expr_type wanted);

/* ---- expr_call.c: names and calls ---- */

expr_type lth_expr__parse_field(compiler *c);
/** Behind "NAME(". */
expr_type lth_expr__parse_call(compiler *c, const lexeme *name);

/* ---- expr_compile.c: the grammar ---- */

/** The whole of `or`. */
expr_type lth_expr__parse(compiler *c);
