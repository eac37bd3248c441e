#include "expr_parse.h"

/* ---- names ---- */

static const lth_field *find_in(const lth_field *fields, uint32_t n, const lexeme *word)
{
    for (uint32_t i = 0; i < n; i++) {
        if (lth_expr__named(word, fields[i].name)) {
            return &fields[i];
        }
    }
    return NULL;
}

static void nearest_in(const lth_field *fields, uint32_t n, const lexeme *word, uint32_t *best,
                       const char **name)
{
    for (uint32_t i = 0; i < n; i++) {
        lth_slice other = lth_slice_of(fields[i].name, strlen(fields[i].name));
        uint32_t d = lth_text_distance(lth_slice_of(word->start, word->n), other);
        if (d < *best && d < other.n) {
            *best = d;
            *name = fields[i].name;
        }
    }
}

static void unknown_field(compiler *c, const lexeme *word)
{
    const char *name = NULL;
    uint32_t best = (uint32_t)word->n / 3 + 2;
    if (c->list != NULL) {
        nearest_in(c->list->items, c->list->n_items, word, &best, &name);
    }
    nearest_in(c->ds->fields, c->ds->n_fields, word, &best, &name);
    if (name != NULL) {
        lth_expr__fail(c, word->start,
                       "trường \"%.*s\" không có trong tập dữ liệu; ý bạn là \"%s\"?",
                       "field \"%.*s\" is not in the dataset; did you mean \"%s\"?", (int)word->n,
                       word->start, name);
    } else {
        lth_expr__fail(c, word->start,
                       "trường \"%.*s\" không có trong tập dữ liệu; chữ đặt trong dấu '...'",
                       "field \"%.*s\" is not in the dataset; text stands in '...'", (int)word->n,
                       word->start);
    }
}

static void reads(compiler *c, size_t index)
{
    c->reads[index / 64] |= UINT64_C(1) << index % 64;
}

/* A field by the name at hand. @p item: it is one of the list's items. */
static const lth_field *take_field(compiler *c, bool *item)
{
    lexeme word = c->token;
    *item = false;
    if (word.kind != TOKEN_NAME) {
        lth_expr__fail(c, word.start, "ở đây cần tên một trường",
                       "the name of a field is expected here");
        return NULL;
    }
    const lth_field *field =
        c->list != NULL ? find_in(c->list->items, c->list->n_items, &word) : NULL;
    *item = field != NULL;
    if (field == NULL) {
        field = find_in(c->ds->fields, c->ds->n_fields, &word);
    }
    if (field == NULL) {
        unknown_field(c, &word);
    } else if (!*item) {
        reads(c, (size_t)(field - c->ds->fields));
    }
    lth_expr__advance(c);
    return field;
}

static uint32_t index_of(const compiler *c, const lth_field *field, bool item)
{
    return (uint32_t)(field - (item ? c->list->items : c->ds->fields));
}

static expr_type type_of(const lth_field *field)
{
    switch (field->type) {
    case LTH_TYPE_INTEGER:
    case LTH_TYPE_DECIMAL:
        return TYPE_NUMBER;
    case LTH_TYPE_BOOL:
        return TYPE_TRUTH;
    case LTH_TYPE_DATE:
        return TYPE_DATE;
    case LTH_TYPE_TEXT:
    case LTH_TYPE_CODE:
        return TYPE_TEXT;
    default:
        return TYPE_OTHER;
    }
}

expr_type lth_expr__parse_field(compiler *c)
{
    bool item;
    const lth_field *field = take_field(c, &item);
    if (field == NULL) {
        return TYPE_OTHER;
    }
    (void)lth_expr__emit(c, item ? OP_ITEM : OP_FIELD, 0, index_of(c, field, item), 1);
    return type_of(field);
}

/* ---- calls ---- */

static void parse_matches(compiler *c)
{
    const char *start = c->token.start;
    lth_expr__want(c, start, lth_expr__parse(c), TYPE_TEXT);
    lth_expr__expect_symbol(c, ",");
    lexeme word = c->token;
    if (word.kind != TOKEN_TEXT) {
        lth_expr__fail(c, word.start, "mẫu phải viết sẵn trong dấu '...'",
                       "the pattern must be written out in '...'");
        return;
    }
    if (c->n_patterns == PATTERNS_MAX) {
        lth_expr__limit(c, "quá %u mẫu", "more than %u patterns", PATTERNS_MAX);
        return;
    }
    expr_error error = {0};
    pattern *out = &c->patterns[c->n_patterns];
    lth_err err = lth_schema__pattern_compile(out, word.value.text, c->arena, &error);
    if (err == LTH_E_FORMAT) {
        lth_expr__fail(c, word.start, "%s", "%s", error.vi);
        c->fault->column += 1 + error.at;
        (void)lth_format(c->fault->en, sizeof c->fault->en, "%s", error.en);
    } else if (err != LTH_OK) {
        lth_expr__no_memory(c);
    }
    c->cost += c->err == LTH_OK ? out->n : 0;
    (void)lth_expr__emit(c, OP_MATCHES, 0, c->n_patterns++, 0);
    lth_expr__advance(c);
}

static void parse_code(compiler *c)
{
    static const char *const columns[] = {
        [COLUMN_PARENT] = "parent", [COLUMN_VI] = "vi", [COLUMN_EN] = "en"};
    const char *start = c->token.start;
    bool item;
    const lth_field *field = take_field(c, &item);
    lth_expr__expect_symbol(c, ",");
    lexeme word = c->token;
    uint32_t column = 0;
    while (column < 3 &&
           (word.kind != TOKEN_TEXT ||
            !lth_slice_equal(word.value.text,
                             lth_slice_of(columns[column], strlen(columns[column]))))) {
        column++;
    }
    if (column == 3) {
        lth_expr__fail(c, word.start, "ở đây cần 'parent', 'vi' hoặc 'en'",
                       "'parent', 'vi' or 'en' is expected here");
    }
    if (c->err != LTH_OK) {
        return;
    }
    if (field->type != LTH_TYPE_CODE) {
        lth_expr__fail(c, start, "trường \"%s\" không phải kiểu code",
                       "field \"%s\" is not of type code", field->name);
    } else if (column == COLUMN_PARENT && field->codes != NULL &&
               field->codes->parent_list == NULL) {
        lth_expr__fail(c, word.start, "danh mục \"%s\" không có danh mục cha",
                       "code list \"%s\" has no parent list", field->codes->name);
    }
    const lth_field *dated = lth_schema__field_number(c->ds, c->ds->dated_by);
    if (dated != NULL) {
        reads(c, (size_t)(dated - c->ds->fields));
    }
    (void)lth_expr__emit(c, item ? OP_ITEM_CODE : OP_CODE, column, index_of(c, field, item), 1);
    lth_expr__advance(c);
}

static void parse_each(compiler *c, each_mode mode)
{
    const char *start = c->token.start;
    bool item;
    const lth_field *list = c->list == NULL ? take_field(c, &item) : NULL;
    if (c->list != NULL) {
        lth_expr__fail(c, start, "all, any, count không lồng nhau",
                       "all, any and count do not nest");
    } else if (list != NULL && list->type != LTH_TYPE_LIST) {
        lth_expr__fail(c, start, "trường \"%s\" không phải danh sách", "field \"%s\" is not a list",
                       list->name);
    }
    if (c->err != LTH_OK) {
        return;
    }
    c->over_items = true;
    uint32_t begin = lth_expr__emit(c, OP_EACH, mode, index_of(c, list, false), 0);
    uint32_t body = c->n_code;
    if (mode == EACH_COUNT && lth_expr__at(c, TOKEN_SYMBOL, ")")) {
        lth_expr__emit_constant(c, &(cell){.kind = CELL_TRUTH, .number = 1});
    } else {
        lth_expr__expect_symbol(c, ",");
        c->list = list;
        const char *where = c->token.start;
        lth_expr__want(c, where, lth_expr__parse(c), TYPE_TRUTH);
        c->list = NULL;
    }
    uint32_t end = lth_expr__emit(c, OP_EACH_END, mode, 0, 0);
    lth_expr__patch(c, end, body);
    lth_expr__patch(c, begin, c->n_code);
}

/* Functions whose arguments are plain values. */
static const struct {
    const char *name;
    uint8_t op, n;
    uint8_t args[3];
    uint8_t result;
} FUNCTIONS[] = {
    {"age_on", OP_AGE_ON, 2, {TYPE_DATE, TYPE_DATE}, TYPE_NUMBER},
    {"date", OP_DATE, 3, {TYPE_NUMBER, TYPE_NUMBER, TYPE_NUMBER}, TYPE_DATE},
    {"year", OP_YEAR, 1, {TYPE_DATE}, TYPE_NUMBER},
    {"month", OP_MONTH, 1, {TYPE_DATE}, TYPE_NUMBER},
    {"length", OP_LENGTH, 1, {TYPE_TEXT}, TYPE_NUMBER},
    {"number", OP_NUMBER, 1, {TYPE_TEXT}, TYPE_NUMBER},
    {"part", OP_PART, 3, {TYPE_TEXT, TYPE_NUMBER, TYPE_NUMBER}, TYPE_TEXT},
};
#define N_FUNCTIONS (sizeof FUNCTIONS / sizeof FUNCTIONS[0])

static expr_type parse_function(compiler *c, size_t which)
{
    for (uint8_t i = 0; i < FUNCTIONS[which].n; i++) {
        if (i > 0) {
            lth_expr__expect_symbol(c, ",");
        }
        const char *start = c->token.start;
        lth_expr__want(c, start, lth_expr__parse(c), (expr_type)FUNCTIONS[which].args[i]);
    }
    (void)lth_expr__emit(c, (expr_op)FUNCTIONS[which].op, 0, 0, 1 - FUNCTIONS[which].n);
    return (expr_type)FUNCTIONS[which].result;
}

expr_type lth_expr__parse_call(compiler *c, const lexeme *name)
{
    for (size_t i = 0; i < N_FUNCTIONS; i++) {
        if (lth_expr__named(name, FUNCTIONS[i].name)) {
            return parse_function(c, i);
        }
    }
    if (lth_expr__named(name, "matches")) {
        parse_matches(c);
        return TYPE_TRUTH;
    }
    if (lth_expr__named(name, "code")) {
        parse_code(c);
        return TYPE_TEXT;
    }
    static const char *const modes[] = {
        [EACH_ALL] = "all", [EACH_ANY] = "any", [EACH_COUNT] = "count"};
    for (each_mode mode = EACH_ALL; mode <= EACH_COUNT; mode++) {
        if (lth_expr__named(name, modes[mode])) {
            parse_each(c, mode);
            return mode == EACH_COUNT ? TYPE_NUMBER : TYPE_TRUTH;
        }
    }
    lth_expr__fail(
        c, name->start,
        "không có hàm \"%.*s\"; dùng được: age_on, date, year, month, length, matches, number, "
        "part, code, all, any, count",
        "there is no function \"%.*s\"; allowed: age_on, date, year, month, length, matches, "
        "number, part, code, all, any, count",
        (int)name->n, name->start);
    return TYPE_OTHER;
}
