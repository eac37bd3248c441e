/**
 * @file lib/schema/expr.h
 * Shared by the compiler, the evaluator and the patterns of rules' expressions.
 */
#pragma once

#include "internal.h"

#define EXPR_STACK_MAX   16u  /**< Operands at once. */
#define EXPR_DEPTH_MAX   24u  /**< Parentheses, calls, `not` and '-' inside one another. */
#define EXPR_DIGITS_MAX  18u  /**< Of a number as text. */
#define EXPR_ITEM_MAX    64u  /**< Fields of a list's item. */
#define EXPR_PATTERN_MAX 255u /**< Characters a pattern may ask for. */

/* ---- pattern.c ---- */

typedef struct pattern_range {
    int32_t low, high;
} pattern_range;

typedef enum pattern_times { TIMES_ONE, TIMES_OPTIONAL, TIMES_ANY } pattern_times;

/** One class of characters and how often it may stand. */
typedef struct pattern_atom {
    uint64_t ascii[2]; /**< The class among the first 128 characters. */
    const pattern_range *ranges;
    uint16_t n_ranges;
    bool negated;
    pattern_times times;
} pattern_atom;

typedef struct pattern {
    const pattern_atom *atoms;
    uint32_t n;
} pattern;

/** What is wrong with an expression or a pattern, and where: characters from 0. */
typedef struct expr_error {
    uint32_t at;
    const char *vi, *en;
} expr_error;

/** @return LTH_OK, LTH_E_FORMAT with @p error, LTH_E_LIMIT, LTH_E_NOMEM. */
lth_err lth_schema__pattern_compile(pattern *out, lth_slice text, lth_arena *arena,
                                    expr_error *error);
bool lth_schema__pattern_match(const pattern *self, lth_slice text);

/* ---- the program of an expression ---- */

typedef enum cell_kind { CELL_NULL, CELL_NUMBER, CELL_TEXT, CELL_DATE, CELL_TRUTH } cell_kind;

/** One operand. */
typedef struct cell {
    cell_kind kind;
    uint8_t scale;  /**< number: digits behind the point. */
    int64_t number; /**< number, date, truth. */
    lth_slice text;
} cell;

typedef enum relation { REL_EQ, REL_NE, REL_LT, REL_LE, REL_GT, REL_GE } relation;
typedef enum each_mode { EACH_ALL, EACH_ANY, EACH_COUNT } each_mode;
typedef enum code_column { COLUMN_PARENT, COLUMN_VI, COLUMN_EN } code_column;

typedef enum expr_op {
    OP_FIELD, /**< index: of the dataset's fields. */
    OP_ITEM,  /**< index: of the item's fields. */
    OP_CONST, /**< index: of the constants. */
    OP_TODAY,
    OP_AND_TEST, /**< skip: behind OP_AND, when the left side decides. */
    OP_OR_TEST,
    OP_AND,
    OP_OR,
    OP_NOT,
    OP_NEGATE,
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_COMPARE, /**< arg: relation. */
    OP_BETWEEN,
    OP_IN, /**< index: first constant; skip: how many. */
    OP_IS_NULL,
    OP_AGE_ON,
    OP_DATE,
    OP_YEAR,
    OP_MONTH,
    OP_LENGTH,
    OP_MATCHES, /**< index: of the patterns. */
    OP_NUMBER,
    OP_PART,
    OP_CODE,      /**< arg: column; index: of the dataset's fields. Replaces the code. */
    OP_ITEM_CODE, /**< index: of the item's fields. */
    OP_EACH,      /**< index: the list; skip: behind OP_EACH_END, when there is no item. */
    OP_EACH_END,  /**< skip: back to the first operation of the body. */
} expr_op;

typedef struct instruction {
    uint8_t op, arg;
    uint16_t index;
    uint32_t skip;
} instruction;

struct lth_expr {
    const lth_field *fields; /**< Of the dataset. */
    const instruction *code;
    uint32_t n_code;
    uint32_t cost;
    const cell *constants;
    const pattern *patterns;
    const uint64_t *reads;
    bool over_items; /**< Has OP_EACH. */
};
