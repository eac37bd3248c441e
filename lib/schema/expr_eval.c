#include "expr.h"

/* What is kept while the items of a list pass by. */
typedef struct each {
    const lth_field *list;
    lth_slice run;
    size_t at;
    cell result;
    lth_value values[EXPR_ITEM_MAX];
} each;

typedef struct machine {
    const lth_expr *expr;
    const lth_row_values *row;
    each *each; /* Only for expressions that look at items. */
    uint32_t pc;
    uint32_t n;
    cell stack[EXPR_STACK_MAX];
} machine;

/* Results are written in place and only as far as their kind needs: this is where time goes. */

static void set_null(cell *c)
{
    c->kind = CELL_NULL;
}

static void set_truth(cell *c, bool value)
{
    c->kind = CELL_TRUTH;
    c->number = value;
}

static void set_number(cell *c, int64_t value, uint8_t scale)
{
    c->kind = CELL_NUMBER;
    c->scale = scale;
    c->number = value;
}

static void set_date(cell *c, int64_t value)
{
    c->kind = CELL_DATE;
    c->number = value;
}

static void set_text(cell *c, lth_slice text)
{
    c->kind = CELL_TEXT;
    c->text = text;
}

static cell *top(machine *m)
{
    return &m->stack[m->n - 1];
}

/* Room for one more. */
static cell *push(machine *m)
{
    LTH_ASSERT(m->n < EXPR_STACK_MAX);
    return &m->stack[m->n++];
}

/* The last operand; the one before it is then on top. It stays readable until the next push. */
static const cell *pop(machine *m)
{
    return &m->stack[--m->n];
}

static bool is(const cell *c, bool value)
{
    return c->kind == CELL_TRUTH && c->number == value;
}

/* ---- values ---- */

static void set_value(cell *out, const lth_field *field, const lth_value *value)
{
    if (value->kind == LTH_VALUE_NULL) {
        set_null(out);
        return;
    }
    switch (field->type) {
    case LTH_TYPE_INTEGER:
        set_number(out, value->number, 0);
        break;
    case LTH_TYPE_DECIMAL:
        set_number(out, value->number, field->scale);
        break;
    case LTH_TYPE_BOOL:
        set_truth(out, value->number != 0);
        break;
    case LTH_TYPE_DATE:
        set_date(out, value->number);
        break;
    default:
        set_text(out, value->text);
    }
}

static void on_field(machine *m, const instruction *in)
{
    set_value(push(m), &m->expr->fields[in->index], &m->row->values[in->index]);
}

static void on_item(machine *m, const instruction *in)
{
    set_value(push(m), &m->each->list->items[in->index], &m->each->values[in->index]);
}

static void on_const(machine *m, const instruction *in)
{
    *push(m) = m->expr->constants[in->index];
}

static void on_today(machine *m, const instruction *in)
{
    (void)in;
    cell *out = push(m);
    if (m->row->today != 0) {
        set_date(out, m->row->today);
    } else {
        set_null(out);
    }
}

/* ---- truth ---- */

static void on_and_test(machine *m, const instruction *in)
{
    m->pc = is(top(m), false) ? in->skip : m->pc;
}

static void on_or_test(machine *m, const instruction *in)
{
    m->pc = is(top(m), true) ? in->skip : m->pc;
}

/* @p decides: the value that settles it whatever the other side is. */
static void join(machine *m, bool decides)
{
    const cell *right = pop(m);
    cell *left = top(m);
    if (is(left, decides) || is(right, decides)) {
        set_truth(left, decides);
    } else if (right->kind == CELL_NULL) {
        set_null(left);
    }
}

static void on_and(machine *m, const instruction *in)
{
    (void)in;
    join(m, false);
}

static void on_or(machine *m, const instruction *in)
{
    (void)in;
    join(m, true);
}

static void on_not(machine *m, const instruction *in)
{
    (void)in;
    if (top(m)->kind == CELL_TRUTH) {
        set_truth(top(m), top(m)->number == 0);
    }
}

/* ---- numbers ---- */

static bool raise(int64_t *v, unsigned digits)
{
    for (; digits > 0; digits--) {
        if (__builtin_mul_overflow(*v, 10, v)) {
            return false;
        }
    }
    return true;
}

/* Both with the same number of digits behind the point; false when one does not fit. */
static bool align(cell *a, cell *b)
{
    cell *low = a->scale < b->scale ? a : b;
    uint8_t scale = a->scale < b->scale ? b->scale : a->scale;
    bool fits = raise(&low->number, (unsigned)scale - low->scale);
    low->scale = scale;
    return fits;
}

/* One that does not fit once aligned is beyond every number that does. */
static int compare_numbers(const cell *a, const cell *b)
{
    int64_t x = a->number;
    int64_t y = b->number;
    if (a->scale < b->scale && !raise(&x, (unsigned)b->scale - a->scale)) {
        return a->number > 0 ? 1 : -1;
    }
    if (b->scale < a->scale && !raise(&y, (unsigned)a->scale - b->scale)) {
        return b->number > 0 ? -1 : 1;
    }
    return (x > y) - (x < y);
}

static void on_negate(machine *m, const instruction *in)
{
    (void)in;
    cell *c = top(m);
    if (c->kind != CELL_NULL && __builtin_sub_overflow(0, c->number, &c->number)) {
        set_null(c);
    }
}

static void on_arithmetic(machine *m, const instruction *in)
{
    cell right = *pop(m);
    cell *left = top(m);
    if (left->kind == CELL_NULL || right.kind == CELL_NULL) {
        set_null(left);
        return;
    }
    bool fits;
    if (in->op == OP_MULTIPLY) {
        unsigned scale = (unsigned)left->scale + right.scale;
        fits = scale <= EXPR_DIGITS_MAX &&
               !__builtin_mul_overflow(left->number, right.number, &left->number);
        left->scale = (uint8_t)scale;
    } else {
        fits = align(left, &right);
        fits = fits && !(in->op == OP_ADD
                             ? __builtin_add_overflow(left->number, right.number, &left->number)
                             : __builtin_sub_overflow(left->number, right.number, &left->number));
    }
    if (!fits) {
        set_null(left);
    }
}

/* ---- comparisons ---- */

/* By the parts that both have; false when those do not tell. */
static bool compare_dates(int64_t a, int64_t b, int *order)
{
    static const int64_t units[] = {10000, 100, 1};
    for (int i = 0; i < 3; i++) {
        int64_t x = a / units[i] % (i == 0 ? 10000 : 100);
        int64_t y = b / units[i] % (i == 0 ? 10000 : 100);
        if (x == 0 || y == 0) {
            return false;
        }
        if (x != y) {
            *order = x < y ? -1 : 1;
            return true;
        }
    }
    *order = 0;
    return true;
}

static bool compare(const cell *a, const cell *b, int *order)
{
    if (a->kind == CELL_NULL || b->kind == CELL_NULL) {
        return false;
    }
    switch (a->kind) {
    case CELL_NUMBER:
        *order = compare_numbers(a, b);
        return true;
    case CELL_DATE:
        return compare_dates(a->number, b->number, order);
    case CELL_TRUTH:
        *order = (int)(a->number - b->number);
        return true;
    default:
        *order = lth_slice_compare(a->text, b->text);
        return true;
    }
}

/* Whether the first stands so to the second, as LTH_TRUE, LTH_FALSE, LTH_NULL. */
static lth_truth holds(const cell *a, const cell *b, relation rel)
{
    /* What each relation takes: below, equal, above. */
    static const uint8_t takes[] = {
        [REL_EQ] = 2, [REL_NE] = 5, [REL_LT] = 1, [REL_LE] = 3, [REL_GT] = 4, [REL_GE] = 6};
    int order = 0;
    if (!compare(a, b, &order)) {
        return LTH_NULL;
    }
    unsigned way = order < 0 ? 1 : order == 0 ? 2 : 4;
    return (takes[rel] & way) != 0 ? LTH_TRUE : LTH_FALSE;
}

static void set_answer(cell *c, lth_truth answer)
{
    c->kind = answer == LTH_NULL ? CELL_NULL : CELL_TRUTH;
    c->number = answer == LTH_TRUE;
}

static void on_compare(machine *m, const instruction *in)
{
    const cell *right = pop(m);
    set_answer(top(m), holds(top(m), right, (relation)in->arg));
}

static void on_between(machine *m, const instruction *in)
{
    (void)in;
    const cell *high = pop(m);
    const cell *low = pop(m);
    lth_truth above = holds(top(m), low, REL_GE);
    lth_truth below = holds(top(m), high, REL_LE);
    bool no = above == LTH_FALSE || below == LTH_FALSE;
    bool unknown = above == LTH_NULL || below == LTH_NULL;
    set_answer(top(m), no ? LTH_FALSE : unknown ? LTH_NULL : LTH_TRUE);
}

static void on_in(machine *m, const instruction *in)
{
    cell *value = top(m);
    if (value->kind == CELL_NULL) {
        return;
    }
    bool found = false;
    for (uint32_t i = 0; i < in->skip && !found; i++) {
        found = holds(value, &m->expr->constants[in->index + i], REL_EQ) == LTH_TRUE;
    }
    set_truth(value, found);
}

static void on_is_null(machine *m, const instruction *in)
{
    (void)in;
    set_truth(top(m), top(m)->kind == CELL_NULL);
}

/* ---- functions ---- */

static void on_age_on(machine *m, const instruction *in)
{
    (void)in;
    static const int64_t year = 10000;
    const cell *on = pop(m);
    cell *born = top(m);
    int order = 0; /* Of the days within a year. */
    bool known =
        born->kind != CELL_NULL && on->kind != CELL_NULL &&
        compare_dates(born->number % year + 2000 * year, on->number % year + 2000 * year, &order);
    if (known) {
        set_number(born, on->number / year - born->number / year - (order > 0 ? 1 : 0), 0);
    } else {
        set_null(born);
    }
}

/* A whole number of moderate size. */
static bool small(const cell *c, int64_t *out)
{
    int64_t v = c->number;
    if (c->kind == CELL_NULL) {
        return false;
    }
    for (uint8_t i = 0; i < c->scale; i++) {
        if (v % 10 != 0) {
            return false;
        }
        v /= 10;
    }
    *out = v;
    return v >= 0 && v <= INT32_MAX;
}

static void on_date(machine *m, const instruction *in)
{
    (void)in;
    static const lth_field day_field = {.type = LTH_TYPE_DATE, .precision = LTH_DATE_DAY};
    const cell *third = pop(m);
    const cell *second = pop(m);
    int64_t year, month, day;
    bool good = small(top(m), &year) && small(second, &month) && small(third, &day) &&
                year <= 9999 && month <= 12 && day <= 31;
    int64_t date = good ? year * 10000 + month * 100 + day : 0;
    good = good && lth_schema__date_ok(&day_field, date);
    if (good) {
        set_date(top(m), date);
    } else {
        set_null(top(m));
    }
}

static void on_year(machine *m, const instruction *in)
{
    (void)in;
    if (top(m)->kind != CELL_NULL) {
        set_number(top(m), top(m)->number / 10000, 0);
    }
}

static void on_month(machine *m, const instruction *in)
{
    (void)in;
    int64_t month = top(m)->kind != CELL_NULL ? top(m)->number / 100 % 100 : 0;
    if (month != 0) {
        set_number(top(m), month, 0);
    } else {
        set_null(top(m));
    }
}

static void on_length(machine *m, const instruction *in)
{
    (void)in;
    if (top(m)->kind != CELL_NULL) {
        set_number(top(m), (int64_t)lth_schema__text_chars(top(m)->text), 0);
    }
}

static void on_matches(machine *m, const instruction *in)
{
    if (top(m)->kind != CELL_NULL) {
        set_truth(top(m), lth_schema__pattern_match(&m->expr->patterns[in->index], top(m)->text));
    }
}

static void on_number(machine *m, const instruction *in)
{
    (void)in;
    int64_t number = 0;
    uint8_t scale = 0;
    if (top(m)->kind != CELL_NULL && lth_schema__number_read(&number, &scale, top(m)->text)) {
        set_number(top(m), number, scale);
    } else {
        set_null(top(m));
    }
}

/* @p skip characters, then at most @p n. */
static lth_slice part_of(lth_slice text, int64_t skip, int64_t n)
{
    const uint8_t *p = text.p;
    const uint8_t *end = p + text.n;
    for (; skip > 0 && p < end; skip--) {
        (void)lth_schema__text_decode(&p, end);
    }
    const uint8_t *start = p;
    for (; n > 0 && p < end; n--) {
        (void)lth_schema__text_decode(&p, end);
    }
    return lth_slice_of(start, (size_t)(p - start));
}

static void on_part(machine *m, const instruction *in)
{
    (void)in;
    const cell *count = pop(m);
    const cell *from = pop(m);
    int64_t first, n;
    bool good = top(m)->kind != CELL_NULL && small(from, &first) && small(count, &n) && first > 0;
    lth_slice found = good ? part_of(top(m)->text, first - 1, n) : (lth_slice){0};
    if (found.n > 0) {
        set_text(top(m), found);
    } else {
        set_null(top(m));
    }
}

static void look_up(machine *m, const lth_field *field, const lth_value *value, uint8_t what)
{
    const lth_code *code = NULL;
    uint32_t day = lth_schema__code_day(m->row);
    bool known = field->codes != NULL && value->kind == LTH_VALUE_TEXT && day != 0 &&
                 lth_codelist_find(field->codes, value->text, day, &code) == LTH_CODE_IN_FORCE;
    const char *text = !known                  ? NULL
                       : what == COLUMN_PARENT ? code->parent
                       : what == COLUMN_VI     ? code->title.vi
                                               : code->title.en;
    if (text != NULL) {
        set_text(push(m), lth_slice_of(text, strlen(text)));
    } else {
        set_null(push(m));
    }
}

static void on_code(machine *m, const instruction *in)
{
    look_up(m, &m->expr->fields[in->index], &m->row->values[in->index], in->arg);
}

static void on_item_code(machine *m, const instruction *in)
{
    look_up(m, &m->each->list->items[in->index], &m->each->values[in->index], in->arg);
}

/* ---- items of a list ---- */

static bool next_item(each *e)
{
    lth_slice item;
    if (!lth_schema__run_item(e->run, &e->at, &item)) {
        return false;
    }
    lth_schema__item_values(e->list, item, e->values);
    return true;
}

static void on_each(machine *m, const instruction *in)
{
    each *e = m->each;
    const lth_value *value = &m->row->values[in->index];
    e->list = &m->expr->fields[in->index];
    e->run = value->kind == LTH_VALUE_NULL ? (lth_slice){0} : value->text;
    e->at = 0;
    if (in->arg == EACH_COUNT) {
        set_number(&e->result, 0, 0);
    } else {
        set_truth(&e->result, in->arg == EACH_ALL);
    }
    if (!next_item(e)) {
        *push(m) = e->result;
        m->pc = in->skip;
    }
}

static void on_each_end(machine *m, const instruction *in)
{
    each *e = m->each;
    const cell *one = pop(m);
    bool decides = in->arg == EACH_ANY;
    bool decided = false;
    if (in->arg == EACH_COUNT) {
        e->result.number += is(one, true) ? 1 : 0;
    } else if (is(one, decides)) {
        set_truth(&e->result, decides);
        decided = true;
    } else if (one->kind == CELL_NULL) {
        set_null(&e->result);
    }
    if (!decided && next_item(e)) {
        m->pc = in->skip;
    } else {
        *push(m) = e->result;
    }
}

typedef void (*handler)(machine *m, const instruction *in);

static const handler HANDLERS[] = {
    [OP_FIELD] = on_field,
    [OP_ITEM] = on_item,
    [OP_CONST] = on_const,
    [OP_TODAY] = on_today,
    [OP_AND_TEST] = on_and_test,
    [OP_OR_TEST] = on_or_test,
    [OP_AND] = on_and,
    [OP_OR] = on_or,
    [OP_NOT] = on_not,
    [OP_NEGATE] = on_negate,
    [OP_ADD] = on_arithmetic,
    [OP_SUBTRACT] = on_arithmetic,
    [OP_MULTIPLY] = on_arithmetic,
    [OP_COMPARE] = on_compare,
    [OP_BETWEEN] = on_between,
    [OP_IN] = on_in,
    [OP_IS_NULL] = on_is_null,
    [OP_AGE_ON] = on_age_on,
    [OP_DATE] = on_date,
    [OP_YEAR] = on_year,
    [OP_MONTH] = on_month,
    [OP_LENGTH] = on_length,
    [OP_MATCHES] = on_matches,
    [OP_NUMBER] = on_number,
    [OP_PART] = on_part,
    [OP_CODE] = on_code,
    [OP_ITEM_CODE] = on_item_code,
    [OP_EACH] = on_each,
    [OP_EACH_END] = on_each_end,
};

static lth_truth run(machine *m)
{
    while (m->pc < m->expr->n_code) {
        const instruction *in = &m->expr->code[m->pc++];
        HANDLERS[in->op](m, in);
    }
    LTH_ASSERT(m->n == 1);
    const cell *result = &m->stack[0];
    return result->kind == CELL_NULL ? LTH_NULL : result->number != 0 ? LTH_TRUE : LTH_FALSE;
}

static lth_truth run_over_items(machine *m)
{
    each e;
    m->each = &e;
    return run(m);
}

lth_truth lth_expr_truth(const lth_expr *expr, const lth_row_values *row)
{
    machine m;
    m.expr = expr;
    m.row = row;
    m.each = NULL;
    m.pc = 0;
    m.n = 0;
    return expr->over_items ? run_over_items(&m) : run(&m);
}

uint32_t lth_expr_cost(const lth_expr *expr)
{
    return expr->cost;
}

const uint64_t *lth_expr_fields(const lth_expr *expr)
{
    return expr->reads;
}
