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

static const cell NONE = {.kind = CELL_NULL};

static cell truth(bool value)
{
    return (cell){.kind = CELL_TRUTH, .number = value};
}

static cell whole(int64_t value)
{
    return (cell){.kind = CELL_NUMBER, .number = value};
}

static cell *top(machine *m)
{
    return &m->stack[m->n - 1];
}

static void push(machine *m, cell value)
{
    LTH_ASSERT(m->n < EXPR_STACK_MAX);
    m->stack[m->n++] = value;
}

/* The second operand; the first one is then on top. */
static cell pop(machine *m)
{
    return m->stack[--m->n];
}

static bool is(const cell *c, bool value)
{
    return c->kind == CELL_TRUTH && c->number == value;
}

/* ---- values ---- */

static cell cell_of(const lth_field *field, const lth_value *value)
{
    if (value->kind == LTH_VALUE_NULL) {
        return NONE;
    }
    switch (field->type) {
    case LTH_TYPE_INTEGER:
        return whole(value->number);
    case LTH_TYPE_DECIMAL:
        return (cell){.kind = CELL_NUMBER, .scale = field->scale, .number = value->number};
    case LTH_TYPE_BOOL:
        return truth(value->number != 0);
    case LTH_TYPE_DATE:
        return (cell){.kind = CELL_DATE, .number = value->number};
    default:
        return (cell){.kind = CELL_TEXT, .text = value->text};
    }
}

static void on_field(machine *m, const instruction *in)
{
    push(m, cell_of(&m->expr->fields[in->index], &m->row->values[in->index]));
}

static void on_item(machine *m, const instruction *in)
{
    push(m, cell_of(&m->each->list->items[in->index], &m->each->values[in->index]));
}

static void on_const(machine *m, const instruction *in)
{
    push(m, m->expr->constants[in->index]);
}

static void on_today(machine *m, const instruction *in)
{
    (void)in;
    bool known = m->row->today != 0;
    push(m, known ? (cell){.kind = CELL_DATE, .number = m->row->today} : NONE);
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
    cell right = pop(m);
    cell *left = top(m);
    if (is(left, decides) || is(&right, decides)) {
        *left = truth(decides);
    } else if (left->kind == CELL_NULL || right.kind == CELL_NULL) {
        *left = NONE;
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
        *top(m) = truth(top(m)->number == 0);
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
static int compare_numbers(cell a, cell b)
{
    int64_t before[2] = {a.number, b.number};
    bool a_is_low = a.scale < b.scale;
    if (!align(&a, &b)) {
        bool positive = before[a_is_low ? 0 : 1] > 0;
        return positive == a_is_low ? 1 : -1;
    }
    return (a.number > b.number) - (a.number < b.number);
}

static void on_negate(machine *m, const instruction *in)
{
    (void)in;
    cell *c = top(m);
    if (c->kind != CELL_NULL && __builtin_sub_overflow(0, c->number, &c->number)) {
        *c = NONE;
    }
}

static void on_arithmetic(machine *m, const instruction *in)
{
    cell right = pop(m);
    cell *left = top(m);
    if (left->kind == CELL_NULL || right.kind == CELL_NULL) {
        *left = NONE;
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
        *left = NONE;
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
        *order = compare_numbers(*a, *b);
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

static cell holds(const cell *a, const cell *b, relation rel)
{
    int order = 0;
    if (!compare(a, b, &order)) {
        return NONE;
    }
    switch (rel) {
    case REL_EQ:
        return truth(order == 0);
    case REL_NE:
        return truth(order != 0);
    case REL_LT:
        return truth(order < 0);
    case REL_LE:
        return truth(order <= 0);
    case REL_GT:
        return truth(order > 0);
    default:
        return truth(order >= 0);
    }
}

static void on_compare(machine *m, const instruction *in)
{
    cell right = pop(m);
    *top(m) = holds(top(m), &right, (relation)in->arg);
}

static void on_between(machine *m, const instruction *in)
{
    (void)in;
    cell high = pop(m);
    cell low = pop(m);
    cell value = *top(m);
    *top(m) = holds(&value, &low, REL_GE);
    push(m, holds(&value, &high, REL_LE));
    join(m, false);
}

static void on_in(machine *m, const instruction *in)
{
    cell value = *top(m);
    if (value.kind == CELL_NULL) {
        return;
    }
    bool found = false;
    for (uint32_t i = 0; i < in->skip && !found; i++) {
        cell same = holds(&value, &m->expr->constants[in->index + i], REL_EQ);
        found = is(&same, true);
    }
    *top(m) = truth(found);
}

static void on_is_null(machine *m, const instruction *in)
{
    (void)in;
    *top(m) = truth(top(m)->kind == CELL_NULL);
}

/* ---- functions ---- */

static void on_age_on(machine *m, const instruction *in)
{
    (void)in;
    cell on = pop(m);
    cell born = *top(m);
    *top(m) = NONE;
    if (born.kind == CELL_NULL || on.kind == CELL_NULL) {
        return;
    }
    int order = 0; /* Of the days within a year. */
    int64_t year = 10000;
    bool known =
        compare_dates(born.number % year + 2000 * year, on.number % year + 2000 * year, &order);
    if (known) {
        *top(m) = whole(on.number / year - born.number / year - (order > 0 ? 1 : 0));
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
    cell d = pop(m);
    cell mo = pop(m);
    int64_t year, month, day;
    bool good = small(top(m), &year) && small(&mo, &month) && small(&d, &day) && year <= 9999 &&
                month <= 12 && day <= 31;
    int64_t date = good ? year * 10000 + month * 100 + day : 0;
    good = good && lth_schema__date_ok(&day_field, date);
    *top(m) = good ? (cell){.kind = CELL_DATE, .number = date} : NONE;
}

static void on_year(machine *m, const instruction *in)
{
    (void)in;
    if (top(m)->kind != CELL_NULL) {
        *top(m) = whole(top(m)->number / 10000);
    }
}

static void on_month(machine *m, const instruction *in)
{
    (void)in;
    if (top(m)->kind != CELL_NULL) {
        int64_t month = top(m)->number / 100 % 100;
        *top(m) = month != 0 ? whole(month) : NONE;
    }
}

static void on_length(machine *m, const instruction *in)
{
    (void)in;
    if (top(m)->kind != CELL_NULL) {
        *top(m) = whole((int64_t)lth_schema__text_chars(top(m)->text));
    }
}

static void on_matches(machine *m, const instruction *in)
{
    if (top(m)->kind != CELL_NULL) {
        *top(m) = truth(lth_schema__pattern_match(&m->expr->patterns[in->index], top(m)->text));
    }
}

static void on_number(machine *m, const instruction *in)
{
    (void)in;
    cell out = {.kind = CELL_NUMBER};
    if (top(m)->kind != CELL_NULL) {
        bool read = lth_schema__number_read(&out.number, &out.scale, top(m)->text);
        *top(m) = read ? out : NONE;
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
    cell count = pop(m);
    cell from = pop(m);
    int64_t first, n;
    bool good = top(m)->kind != CELL_NULL && small(&from, &first) && small(&count, &n) && first > 0;
    lth_slice found = good ? part_of(top(m)->text, first - 1, n) : (lth_slice){0};
    *top(m) = found.n > 0 ? (cell){.kind = CELL_TEXT, .text = found} : NONE;
}

static cell look_up(const machine *m, const lth_field *field, const lth_value *value, uint8_t what)
{
    const lth_code *code = NULL;
    uint32_t day = lth_schema__code_day(m->row);
    bool known = field->codes != NULL && value->kind == LTH_VALUE_TEXT && day != 0 &&
                 lth_codelist_find(field->codes, value->text, day, &code) == LTH_CODE_IN_FORCE;
    if (!known) {
        return NONE;
    }
    const char *text = what == COLUMN_PARENT ? code->parent
                       : what == COLUMN_VI   ? code->title.vi
                                             : code->title.en;
    return text == NULL ? NONE
                        : (cell){.kind = CELL_TEXT, .text = lth_slice_of(text, strlen(text))};
}

static void on_code(machine *m, const instruction *in)
{
    const lth_field *field = &m->expr->fields[in->index];
    push(m, look_up(m, field, &m->row->values[in->index], in->arg));
}

static void on_item_code(machine *m, const instruction *in)
{
    const lth_field *field = &m->each->list->items[in->index];
    push(m, look_up(m, field, &m->each->values[in->index], in->arg));
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
    e->result = in->arg == EACH_COUNT ? whole(0) : truth(in->arg == EACH_ALL);
    if (!next_item(e)) {
        push(m, e->result);
        m->pc = in->skip;
    }
}

static void on_each_end(machine *m, const instruction *in)
{
    each *e = m->each;
    cell one = pop(m);
    bool decides = in->arg == EACH_ANY;
    bool decided = false;
    if (in->arg == EACH_COUNT) {
        e->result.number += is(&one, true) ? 1 : 0;
    } else if (is(&one, decides)) {
        e->result = one;
        decided = true;
    } else if (one.kind == CELL_NULL) {
        e->result = NONE;
    }
    if (!decided && next_item(e)) {
        m->pc = in->skip;
    } else {
        push(m, e->result);
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
