/**
 * @file lth/rule.h
 * Code lists with dates, validation rules with their small expression language, and what checking a
 * record finds. Pure (lib/schema). Rules and lists are data; no name of the sector stands in C.
 *
 * Expressions are total: no loops, no calls out, no recursion at run time. One operand stack whose
 * depth and cost are known when the text is compiled; more than LTH_EXPR_COST_MAX is refused then.
 *
 *   or    := and { "or" and }            and := not { "and" not }        not := ["not"] cmp
 *   cmp   := sum [ (== != < <= > >=) sum | ["not"] "in" list | ["not"] "between" sum "and" sum
 *                | "is" ["not"] "null" ]
 *   list  := "[" constant { "," constant } "]"
 *   sum   := product { (+ -) product }   product := unary { "*" unary }  unary := ["-"] primary
 *   primary := number | 'text' | "true" | "false" | "today" | field | call | "(" or ")"
 *   call  := age_on(date, date) whole years | date(y, m, d) | year(d) | month(d)
 *          | length(text) characters | matches(text, 'pattern') | number(text) | part(text, from,
 * n) | code(field, 'column') the parent, vi or en of a code in its list, at the record's date |
 * all(list, or) | any(list, or) | count(list [, or]) over the items of a list field
 *
 * Types: number (integers and decimals as exact scaled integers), text, date, truth. Null: a
 * comparison or function with a null operand is null; and/or follow three-valued logic; a rule
 * fails only when its check is FALSE: null passes (that a field is present is `required`'s
 * business, or `is not null`). Dates of reduced precision: compared by the parts both have; when
 * those are equal and one lacks a part, the result is null. Patterns: literal characters, . [a-z]
 * [^..] \d \s, ? * + {m,n} on one character class, anchored at both ends, matched in linear time
 * without backtracking over more than one state set.
 * A list without items is the absent list: all() of it is true, any() false, count() 0. Numbers
 * beyond 64 bits, also while they are brought to one scale, are null; so is code() of a code that
 * is not in force. An item's fields stand before the record's of the same name.
 * `today` is the day (Vietnam, UTC+7: lth_day_of()) of the record's source commit time, never a
 * wall clock: every tier and every replay gets the same answer.
 */
#pragma once

#include "lth/bytes.h"
#include "lth/diag.h"
#include "lth/err.h"
#include "lth/time.h"

#define LTH_EXPR_TEXT_MAX        2000u
#define LTH_EXPR_COST_MAX        512u /**< Operations outside lists; an item of a list costs the same. */
#define LTH_RULES_MAX            100u /**< Of one dataset. */
#define LTH_RULE_ID_MAX          64u
#define LTH_FINDINGS_MAX         24u
#define LTH_REFERENCE_FIELDS_MAX 16u
#define LTH_UNIQUE_FIELDS_MAX    16u
#define LTH_UNIQUES_MAX          16u /**< Of one dataset. */

struct lth_dataset;
struct lth_schema;
struct lth_value;
struct lth_record_view;

typedef struct lth_titles {
    const char *vi, *en; /**< Either may be NULL. */
} lth_titles;

/* ---- code lists ---- */

struct lth_code_title;

/** One code in force from a day on. A code may come again later with another meaning. */
typedef struct lth_code {
    const char *code;
    uint32_t from, to; /**< YYYYMMDD, both inclusive; from 0 = always, to 0 = no end. */
    lth_titles title;
    const char *parent;      /**< Code in the parent list, or NULL. */
    const char *replaced_by; /**< Codes joined by ' ', or NULL. */
} lth_code;

typedef struct lth_codelist {
    const char *name;
    const char *parent_list; /**< NULL: codes have no parent. */
    lth_titles title;
    const lth_code *codes; /**< Ascending code, then from; spans of one code do not overlap. */
    uint32_t n_codes;
    const struct lth_code_title *index; /**< Titles as people write them, to codes:
                                           lth_codelist_index(). */
    uint32_t n_index;
} lth_codelist;

typedef enum lth_code_state {
    LTH_CODE_IN_FORCE,
    LTH_CODE_UNKNOWN,
    LTH_CODE_NOT_IN_FORCE /**< In the list, on other days. */
} lth_code_state;
/** @param on   YYYYMMDD. @param out  The span in force, or the nearest one; NULL if unknown.
 * Optional. */
lth_code_state lth_codelist_find(const lth_codelist *list, lth_slice code, uint32_t on,
                                 const lth_code **out);
/** Build the index of titles of a list whose codes are complete; memory from @p arena.
 * LTH_OK, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_codelist_index(lth_codelist *list, lth_arena *arena);
/** The code in force on @p on whose title (either language) this text is, without regard to case,
 * blanks, hyphens, apostrophes, place of the tone mark and H before M; NULL when there is none or
 * more than one. */
const lth_code *lth_codelist_by_title(const lth_codelist *list, lth_slice text, uint32_t on);
/** The code in force on @p on whose code or title is nearest to the text; of a number the code that
 * differs by zeros in front only. NULL when none is near. */
const lth_code *lth_codelist_nearest(const lth_codelist *list, lth_slice text, uint32_t on);
/** Letters to change, insert, drop or swap to make one text the other; a mark on a letter counts as
 * one, case as none. Compares 64 characters; UINT32_MAX when a text is not UTF-8 or longer. */
uint32_t lth_text_distance(lth_slice a, lth_slice b);

/* ---- expressions ---- */

typedef struct lth_expr lth_expr;
/** Compile against a dataset whose fields are complete. All memory from @p arena.
 * LTH_OK; LTH_E_FORMAT with @p diag: "column N: what; what to write instead" (unknown names with
 * the nearest known one); LTH_E_LIMIT (cost, depth); LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_expr_compile(const lth_expr **out, const struct lth_dataset *ds,
                                      const char *text, lth_arena *arena, lth_diag *diag);
/** What is wrong with an expression, and where. */
typedef struct lth_expr_fault {
    uint32_t column;                                     /**< Characters, from 1. */
    char vi[LTH_DIAG_TEXT_SIZE], en[LTH_DIAG_TEXT_SIZE]; /**< Without position. */
} lth_expr_fault;
/** The same with the fault for people. */
LTH_MUST_USE lth_err lth_expr_read(const lth_expr **out, const struct lth_dataset *ds,
                                   const char *text, lth_arena *arena, lth_expr_fault *fault);
uint32_t lth_expr_cost(const lth_expr *expr);
/** Dataset fields it reads, by index: bit i of word i/64. */
const uint64_t *lth_expr_fields(const lth_expr *expr);

typedef enum lth_truth { LTH_FALSE = 0, LTH_TRUE = 1, LTH_NULL = 2 } lth_truth;

/** A record's values as rules see them. */
typedef struct lth_row_values {
    const struct lth_dataset *ds;
    const struct lth_value *values; /**< By field index of the dataset; lists: run of items. */
    const uint64_t *shown; /**< Bit per field index: its group is here. NULL: all are. A rule that
                              reads a withheld field is not judged. */
    uint32_t today;        /**< YYYYMMDD */
    const struct lth_value *other; /**< By field index, of its natural key alone: the record that
                                      has what this one may not have too. NULL: not known. */
} lth_row_values;
lth_truth lth_expr_truth(const lth_expr *expr, const lth_row_values *row);

/* ---- rules ---- */

typedef enum lth_severity {
    LTH_SEVERITY_ERROR = 1,   /**< The record is held. */
    LTH_SEVERITY_WARNING = 2, /**< Accepted and listed; a person may accept it with a reason. */
    LTH_SEVERITY_BLOCKS = 3   /**< Accepted and listed; stands in the way of closing a period. */
} lth_severity;
const char *lth_severity_name(lth_severity severity); /**< "error", "warning", "blocks" */

typedef struct lth_rule {
    uint16_t number; /**< 1..999, unique in the dataset, never re-used: travels with holds. */
    const char *id;
    lth_severity severity;
    const lth_expr *when; /**< NULL = always. Judged only when this is true. */
    const lth_expr *check;
    uint16_t field;  /**< Number of the field to blame, 0 = the record. */
    lth_titles text; /**< {field} stands for a value, {field.title} for a title, {today}. */
} lth_rule;

/** Another record that must exist: `fields` of this dataset hold the whole natural key of a record
 * of `dataset` of the same organisation. */
typedef struct lth_reference {
    uint16_t number; /**< Shares the number space of rules. */
    const char *id;
    lth_severity severity;  /**< error or warning. */
    uint16_t dataset;       /**< Number of the target. */
    const uint16_t *fields; /**< Numbers, in the order of the target's natural-key fields. */
    uint32_t n_fields;      /**< 1..LTH_REFERENCE_FIELDS_MAX */
    lth_titles text;
} lth_reference;

/** What no two living records of one organisation may have alike: all of `fields` together.
 * Judged at the entry broker alone, against the records that live there: of two, the later one is
 * held or warned about. Records of other organisations are never looked at: the same child at two
 * schools is a transfer. A record takes no part while one of the fields is null or `when` is not
 * true. */
typedef struct lth_unique {
    uint16_t number; /**< Shares the number space of rules. */
    const char *id;
    lth_severity severity;
    const uint16_t *fields; /**< Numbers; written by the record's owner, one value each. */
    uint32_t n_fields;      /**< 1..LTH_UNIQUE_FIELDS_MAX */
    const lth_expr *when;   /**< NULL = always. */
    const char *when_text;  /**< As it was compiled from: another one is another constraint. */
    lth_titles text; /**< As of a rule, and {other.field}: a natural-key field of the record that
                        has the value. */
} lth_unique;

/* ---- findings ---- */

/** One thing found in a record. */
typedef struct lth_finding {
    lth_refusal code; /**< bad_value, missing_required, unknown_code, code_not_in_force,
                         broken_rule, missing_reference, not_unique, ... */
    lth_severity severity;
    uint16_t group, field; /**< Numbers; 0 = none to blame. */
    uint16_t item;         /**< 1 + index of a list's item, or 0. */
    uint16_t item_field;   /**< Number of the field in the item, or 0. */
    uint16_t rule;         /**< Number of a rule, reference or unique, or 0. */
    int32_t column;        /**< Source column, when a source row was read; else -1. */
} lth_finding;

typedef struct lth_findings {
    uint32_t n;
    uint32_t more;   /**< Not kept. */
    uint32_t errors; /**< Of all, also those not kept. */
    lth_finding items[LTH_FINDINGS_MAX];
} lth_findings;
void lth_findings_add(lth_findings *self, const lth_finding *finding);

/** Codes (at the record's date) and rules, not presence or form: those are lth_group_check()'s and
 * lth_map_row()'s. References are not judged here: they need a store. Adds to @p out. */
void lth_rules_judge(const struct lth_schema *schema, const lth_row_values *row, lth_findings *out);
/** Natural-group bytes of the record that a reference asks for, appended to @p out (cleared
 * first). LTH_OK; LTH_E_NOT_FOUND when one of the fields is null or withheld (nothing is asked). */
LTH_MUST_USE lth_err lth_reference_natural(lth_buf *out, const struct lth_schema *schema,
                                           const lth_reference *reference,
                                           const lth_row_values *row);
/** What must be unique, appended to @p out (cleared first): the fields' canonical bytes in the
 * order of @p unique. LTH_OK; LTH_E_NOT_FOUND when one is null or withheld. `when` is not asked. */
LTH_MUST_USE lth_err lth_unique_value(lth_buf *out, const lth_unique *unique,
                                      const lth_row_values *row);
/** Is its `when` true, or has it none? */
bool lth_unique_takes_part(const lth_unique *unique, const lth_row_values *row);

const lth_rule *lth_rule_find(const struct lth_dataset *ds, uint16_t number);
const lth_reference *lth_reference_find(const struct lth_dataset *ds, uint16_t number);
const lth_unique *lth_unique_find(const struct lth_dataset *ds, uint16_t number);

/** What rules, references and uniques have in common. */
typedef struct lth_rule_about {
    uint16_t number;
    const char *id;
    lth_severity severity;
    const lth_titles *text;
} lth_rule_about;
/** Of any kind, by number or by id. False: the dataset has none. */
bool lth_rule_about_number(lth_rule_about *out, const struct lth_dataset *ds, uint16_t number);
bool lth_rule_about_id(lth_rule_about *out, const struct lth_dataset *ds, const char *id);

/** The first placeholder of a rule's text that names no field of the dataset (or is not closed),
 * and its size; NULL when all do. @p other: {other.field} is a field of the natural key. */
const char *lth_rule_text_fault(const struct lth_dataset *ds, const char *text, bool other,
                                size_t *n);
/** Values of a record's shown groups (already checked bytes), for lth_row_values. @p values has
 * ds->n_fields entries, @p shown (ds->n_fields + 63) / 64 words. */
void lth_row_values_read(const struct lth_dataset *ds, const struct lth_record_view *record,
                         struct lth_value *values, uint64_t *shown);
/** One finding as a sentence with its values, for the school itself, never for a log:
 * "Ngày sinh 31/02/2012: không có ngày này; nhập dạng ngày/tháng/năm". Dates as d/m/yyyy.
 * @param given  The text as it stood in the source, when it could not be read; may be empty. */
LTH_MUST_USE lth_err lth_finding_text(lth_buf *out, const struct lth_schema *schema,
                                      const lth_finding *finding, const lth_row_values *row,
                                      lth_slice given, bool english);
