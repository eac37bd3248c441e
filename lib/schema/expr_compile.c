#include "expr.h"

/* Recursive descent over the grammar of lth/rule.h; emits operations for a stack. The first fault
 * is kept, and nothing more is read. */

#define OPS_MAX      LTH_EXPR_COST_MAX
#define PATTERNS_MAX 32u
#define WORDS_MAX    (LTH_FIELDS_MAX / 64u)

typedef enum expr_type { TYPE_NUMBER, TYPE_TEXT, TYPE_DATE, TYPE_TRUTH, TYPE_OTHER } expr_type;

static const lth_titles TYPE_NAMES[] = {
    [TYPE_NUMBER] = {"số", "a number"},
    [TYPE_TEXT] = {"chữ", "text"},
    [TYPE_DATE] = {"ngày", "a date"},
    [TYPE_TRUTH] = {"đúng/sai", "a condition"},
    [TYPE_OTHER] = {"danh sách hoặc tài liệu", "a list or document"},
};

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

static expr_type parse_or(compiler *c);

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

/* Both texts take the same arguments. */
static void fail(compiler *c, const char *at, const char *vi, const char *en, ...)
    __attribute__((format(printf, 3, 5), format(printf, 4, 5)));
static void fail(compiler *c, const char *at, const char *vi, const char *en, ...)
{
    va_list args;
    va_start(args, en);
    refuse(c, LTH_E_FORMAT, at, vi, en, args);
    va_end(args);
}

static void limit(compiler *c, const char *vi, const char *en, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));
static void limit(compiler *c, const char *vi, const char *en, ...)
{
    va_list args;
    va_start(args, en);
    refuse(c, LTH_E_LIMIT, c->token.start, vi, en, args);
    va_end(args);
}

static void no_memory(compiler *c)
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
        fail(c, p, "số dài quá 18 chữ số; viết ngắn hơn", "a number of more than 18 digits");
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
        no_memory(c);
        return;
    }
    for (; *p != '\0' && (*p != '\'' || p[1] == '\''); p++) {
        p += *p == '\'' ? 1 : 0;
        out[n++] = *p;
    }
    if (*p == '\0') {
        fail(c, start, "thiếu dấu ' đóng chuỗi; viết 'chữ'",
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
        fail(c, c->p, "dấu = không có trong biểu thức; viết == để so sánh",
             "= is no part of an expression; write == to compare");
    } else {
        fail(c, c->p, "ký tự \"%.*s\" không có trong biểu thức; chữ đặt trong dấu '...'",
             "\"%.*s\" is no part of an expression; text stands in '...'",
             (int)((const char *)next - c->p), c->p);
    }
}

static void advance(compiler *c)
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

static bool at(const compiler *c, token_kind kind, const char *text)
{
    return c->token.kind == kind && strlen(text) == c->token.n &&
           memcmp(c->token.start, text, c->token.n) == 0;
}

static bool accept(compiler *c, token_kind kind, const char *text)
{
    bool found = at(c, kind, text);
    if (found) {
        advance(c);
    }
    return found;
}

static void expect(compiler *c, token_kind kind, const char *text)
{
    if (!accept(c, kind, text)) {
        fail(c, c->token.start, "ở đây cần \"%s\"", "\"%s\" is expected here", text);
    }
}

static bool accept_symbol(compiler *c, const char *text)
{
    return accept(c, TOKEN_SYMBOL, text);
}

static bool accept_word(compiler *c, const char *text)
{
    return accept(c, TOKEN_NAME, text);
}

static void expect_symbol(compiler *c, const char *text)
{
    expect(c, TOKEN_SYMBOL, text);
}

/* ---- operations ---- */

/* @p delta: operands more on the stack behind it. Returns its place. */
static uint32_t emit(compiler *c, expr_op op, uint32_t arg, uint32_t index, int delta)
{
    if (c->cost >= LTH_EXPR_COST_MAX || c->n_code == OPS_MAX) {
        limit(c, "biểu thức quá dài (hơn %u phép tính); chia thành vài quy tắc",
              "the expression is too long (more than %u operations); make several rules",
              LTH_EXPR_COST_MAX);
        return 0;
    }
    c->code[c->n_code] =
        (instruction){.op = (uint8_t)op, .arg = (uint8_t)arg, .index = (uint16_t)index};
    c->cost++;
    c->stack = (uint32_t)((int)c->stack + delta);
    if (c->stack > EXPR_STACK_MAX) {
        limit(c, "biểu thức lồng quá sâu (%u giá trị cùng lúc); chia thành vài quy tắc",
              "the expression is nested too deep (%u values at once); make several rules",
              EXPR_STACK_MAX);
    }
    return c->n_code++;
}

static void patch(compiler *c, uint32_t at, uint32_t skip)
{
    c->code[at].skip = c->err == LTH_OK ? skip : 0;
}

static uint32_t add_constant(compiler *c, const cell *value)
{
    if (c->n_constants == OPS_MAX) {
        limit(c, "quá %u hằng", "more than %u constants", OPS_MAX);
        return 0;
    }
    c->constants[c->n_constants] = *value;
    return c->n_constants++;
}

static void emit_constant(compiler *c, const cell *value)
{
    uint32_t index = add_constant(c, value);
    (void)emit(c, OP_CONST, 0, index, 1);
}

static bool enter(compiler *c)
{
    if (c->depth == EXPR_DEPTH_MAX) {
        limit(c, "biểu thức lồng quá %u tầng; chia thành vài quy tắc",
              "nested deeper than %u levels; make several rules", EXPR_DEPTH_MAX);
        return false;
    }
    c->depth++;
    return c->err == LTH_OK;
}

static void want(compiler *c, const char *where, expr_type found, expr_type wanted)
{
    if (c->err == LTH_OK && found != wanted) {
        char text[2][64];
        (void)lth_format(text[0], sizeof text[0], "%s", TYPE_NAMES[found].vi);
        (void)lth_format(text[1], sizeof text[1], "%s", TYPE_NAMES[wanted].vi);
        fail(c, where, "ở đây cần giá trị khác kiểu", "another type is expected here");
        (void)lth_format(c->fault->vi, sizeof c->fault->vi, "ở đây cần %s, không phải %s", text[1],
                         text[0]);
        (void)lth_format(c->fault->en, sizeof c->fault->en, "%s is expected here, not %s",
                         TYPE_NAMES[wanted].en, TYPE_NAMES[found].en);
    }
}

/* ---- names ---- */

static bool named(const lexeme *word, const char *name)
{
    return strlen(name) == word->n && memcmp(name, word->start, word->n) == 0;
}

static const lth_field *find_in(const lth_field *fields, uint32_t n, const lexeme *word)
{
    for (uint32_t i = 0; i < n; i++) {
        if (named(word, fields[i].name)) {
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
        fail(c, word->start, "trường \"%.*s\" không có trong tập dữ liệu; ý bạn là \"%s\"?",
             "field \"%.*s\" is not in the dataset; did you mean \"%s\"?", (int)word->n,
             word->start, name);
    } else {
        fail(c, word->start, "trường \"%.*s\" không có trong tập dữ liệu; chữ đặt trong dấu '...'",
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
        fail(c, word.start, "ở đây cần tên một trường", "the name of a field is expected here");
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
    advance(c);
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

static expr_type parse_field(compiler *c)
{
    bool item;
    const lth_field *field = take_field(c, &item);
    if (field == NULL) {
        return TYPE_OTHER;
    }
    (void)emit(c, item ? OP_ITEM : OP_FIELD, 0, index_of(c, field, item), 1);
    return type_of(field);
}

/* ---- calls ---- */

static void parse_matches(compiler *c)
{
    const char *start = c->token.start;
    want(c, start, parse_or(c), TYPE_TEXT);
    expect_symbol(c, ",");
    lexeme word = c->token;
    if (word.kind != TOKEN_TEXT) {
        fail(c, word.start, "mẫu phải viết sẵn trong dấu '...'",
             "the pattern must be written out in '...'");
        return;
    }
    if (c->n_patterns == PATTERNS_MAX) {
        limit(c, "quá %u mẫu", "more than %u patterns", PATTERNS_MAX);
        return;
    }
    expr_error error = {0};
    pattern *out = &c->patterns[c->n_patterns];
    lth_err err = lth_schema__pattern_compile(out, word.value.text, c->arena, &error);
    if (err == LTH_E_FORMAT) {
        fail(c, word.start, "%s", "%s", error.vi);
        c->fault->column += 1 + error.at;
        (void)lth_format(c->fault->en, sizeof c->fault->en, "%s", error.en);
    } else if (err != LTH_OK) {
        no_memory(c);
    }
    c->cost += c->err == LTH_OK ? out->n : 0;
    (void)emit(c, OP_MATCHES, 0, c->n_patterns++, 0);
    advance(c);
}

static void parse_code(compiler *c)
{
    static const char *const columns[] = {
        [COLUMN_PARENT] = "parent", [COLUMN_VI] = "vi", [COLUMN_EN] = "en"};
    const char *start = c->token.start;
    bool item;
    const lth_field *field = take_field(c, &item);
    expect_symbol(c, ",");
    lexeme word = c->token;
    uint32_t column = 0;
    while (column < 3 &&
           (word.kind != TOKEN_TEXT ||
            !lth_slice_equal(word.value.text,
                             lth_slice_of(columns[column], strlen(columns[column]))))) {
        column++;
    }
    if (column == 3) {
        fail(c, word.start, "ở đây cần 'parent', 'vi' hoặc 'en'",
             "'parent', 'vi' or 'en' is expected here");
    }
    if (c->err != LTH_OK) {
        return;
    }
    if (field->type != LTH_TYPE_CODE) {
        fail(c, start, "trường \"%s\" không phải kiểu code", "field \"%s\" is not of type code",
             field->name);
    } else if (column == COLUMN_PARENT && field->codes != NULL &&
               field->codes->parent_list == NULL) {
        fail(c, word.start, "danh mục \"%s\" không có danh mục cha",
             "code list \"%s\" has no parent list", field->codes->name);
    }
    const lth_field *dated = lth_schema__field_number(c->ds, c->ds->dated_by);
    if (dated != NULL) {
        reads(c, (size_t)(dated - c->ds->fields));
    }
    (void)emit(c, item ? OP_ITEM_CODE : OP_CODE, column, index_of(c, field, item), 1);
    advance(c);
}

static void parse_each(compiler *c, each_mode mode)
{
    const char *start = c->token.start;
    bool item;
    const lth_field *list = c->list == NULL ? take_field(c, &item) : NULL;
    if (c->list != NULL) {
        fail(c, start, "all, any, count không lồng nhau", "all, any and count do not nest");
    } else if (list != NULL && list->type != LTH_TYPE_LIST) {
        fail(c, start, "trường \"%s\" không phải danh sách", "field \"%s\" is not a list",
             list->name);
    }
    if (c->err != LTH_OK) {
        return;
    }
    c->over_items = true;
    uint32_t begin = emit(c, OP_EACH, mode, index_of(c, list, false), 0);
    uint32_t body = c->n_code;
    if (mode == EACH_COUNT && at(c, TOKEN_SYMBOL, ")")) {
        emit_constant(c, &(cell){.kind = CELL_TRUTH, .number = 1});
    } else {
        expect_symbol(c, ",");
        c->list = list;
        const char *where = c->token.start;
        want(c, where, parse_or(c), TYPE_TRUTH);
        c->list = NULL;
    }
    uint32_t end = emit(c, OP_EACH_END, mode, 0, 0);
    patch(c, end, body);
    patch(c, begin, c->n_code);
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
            expect_symbol(c, ",");
        }
        const char *start = c->token.start;
        want(c, start, parse_or(c), (expr_type)FUNCTIONS[which].args[i]);
    }
    (void)emit(c, (expr_op)FUNCTIONS[which].op, 0, 0, 1 - FUNCTIONS[which].n);
    return (expr_type)FUNCTIONS[which].result;
}

static expr_type parse_call_of(compiler *c, const lexeme *name)
{
    for (size_t i = 0; i < N_FUNCTIONS; i++) {
        if (named(name, FUNCTIONS[i].name)) {
            return parse_function(c, i);
        }
    }
    if (named(name, "matches")) {
        parse_matches(c);
        return TYPE_TRUTH;
    }
    if (named(name, "code")) {
        parse_code(c);
        return TYPE_TEXT;
    }
    static const char *const modes[] = {
        [EACH_ALL] = "all", [EACH_ANY] = "any", [EACH_COUNT] = "count"};
    for (each_mode mode = EACH_ALL; mode <= EACH_COUNT; mode++) {
        if (named(name, modes[mode])) {
            parse_each(c, mode);
            return mode == EACH_COUNT ? TYPE_NUMBER : TYPE_TRUTH;
        }
    }
    fail(c, name->start,
         "không có hàm \"%.*s\"; dùng được: age_on, date, year, month, length, matches, number, "
         "part, code, all, any, count",
         "there is no function \"%.*s\"; allowed: age_on, date, year, month, length, matches, "
         "number, part, code, all, any, count",
         (int)name->n, name->start);
    return TYPE_OTHER;
}

/* ---- the grammar ---- */

static expr_type parse_constant(compiler *c, bool *found)
{
    lexeme word = c->token;
    *found = true;
    if (word.kind == TOKEN_NUMBER || word.kind == TOKEN_TEXT) {
        advance(c);
        emit_constant(c, &word.value);
        return word.kind == TOKEN_NUMBER ? TYPE_NUMBER : TYPE_TEXT;
    }
    bool yes = at(c, TOKEN_NAME, "true");
    if (yes || at(c, TOKEN_NAME, "false")) {
        advance(c);
        emit_constant(c, &(cell){.kind = CELL_TRUTH, .number = yes});
        return TYPE_TRUTH;
    }
    *found = false;
    return TYPE_OTHER;
}

static bool is_reserved(const lexeme *word)
{
    static const char *const words[] = {"and", "or", "not", "in", "between", "is", "null"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (named(word, words[i])) {
            return true;
        }
    }
    return false;
}

static expr_type parse_parentheses(compiler *c)
{
    expr_type type = enter(c) ? parse_or(c) : TYPE_OTHER;
    expect_symbol(c, ")");
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
    if (accept_word(c, "today")) {
        (void)emit(c, OP_TODAY, 0, 0, 1);
        return TYPE_DATE;
    }
    if (accept_symbol(c, "(")) {
        return parse_parentheses(c);
    }
    lexeme name = c->token;
    if (name.kind != TOKEN_NAME || is_reserved(&name)) {
        fail(c, name.start, "ở đây cần một trường, số, 'chữ' hoặc hàm",
             "a field, number, 'text' or function is expected here");
        return TYPE_OTHER;
    }
    const char *p = name.start + name.n;
    while (*p == ' ') {
        p++;
    }
    if (*p != '(') {
        return parse_field(c);
    }
    advance(c);
    expect_symbol(c, "(");
    type = enter(c) ? parse_call_of(c, &name) : TYPE_OTHER;
    expect_symbol(c, ")");
    c->depth--;
    return type;
}

static expr_type parse_unary(compiler *c)
{
    const char *start = c->token.start;
    if (!accept_symbol(c, "-")) {
        return parse_primary(c);
    }
    start = c->token.start;
    want(c, start, parse_primary(c), TYPE_NUMBER);
    (void)emit(c, OP_NEGATE, 0, 0, 0);
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
        if (!accept_symbol(c, ops[i].symbol)) {
            i++;
            continue;
        }
        want(c, start, type, TYPE_NUMBER);
        const char *right = c->token.start;
        want(c, right, part(c), TYPE_NUMBER);
        (void)emit(c, ops[i].op, 0, 0, -1);
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
    expect_symbol(c, "[");
    do {
        const char *start = c->token.start;
        bool negative = accept_symbol(c, "-");
        cell value = c->token.value;
        expr_type found = c->token.kind == TOKEN_NUMBER ? TYPE_NUMBER
                          : c->token.kind == TOKEN_TEXT ? TYPE_TEXT
                                                        : TYPE_OTHER;
        if (at(c, TOKEN_NAME, "true") || at(c, TOKEN_NAME, "false")) {
            value = (cell){.kind = CELL_TRUTH, .number = at(c, TOKEN_NAME, "true")};
            found = TYPE_TRUTH;
        }
        if (found == TYPE_OTHER || (negative && found != TYPE_NUMBER)) {
            fail(c, c->token.start, "trong [...] chỉ viết số hoặc 'chữ'",
                 "only numbers or 'text' stand in [...]");
        }
        want(c, start, found, type);
        value.number = negative ? -value.number : value.number;
        (void)add_constant(c, &value);
        c->cost++;
        advance(c);
    } while (c->err == LTH_OK && accept_symbol(c, ","));
    expect_symbol(c, "]");
    uint32_t n = c->n_constants - first;
    patch(c, emit(c, OP_IN, 0, first, 0), n);
}

static void parse_between(compiler *c, expr_type type)
{
    const char *start = c->token.start;
    want(c, start, parse_sum(c), type);
    expect(c, TOKEN_NAME, "and");
    start = c->token.start;
    want(c, start, parse_sum(c), type);
    (void)emit(c, OP_BETWEEN, 0, 0, -2);
}

/* What follows the left side of a comparison; false when nothing does. */
static bool parse_relation(compiler *c, const char *start, expr_type type)
{
    static const char *const symbols[] = {[REL_EQ] = "==", [REL_NE] = "!=", [REL_LT] = "<",
                                          [REL_LE] = "<=", [REL_GT] = ">",  [REL_GE] = ">="};
    for (relation rel = REL_EQ; rel <= REL_GE; rel++) {
        if (accept_symbol(c, symbols[rel])) {
            bool ordered = rel != REL_EQ && rel != REL_NE;
            if (type == TYPE_OTHER || (ordered && type == TYPE_TRUTH)) {
                fail(c, start, "giá trị này không so sánh được bằng %s",
                     "this value cannot be compared with %s", symbols[rel]);
            }
            const char *right = c->token.start;
            want(c, right, parse_sum(c), type);
            (void)emit(c, OP_COMPARE, rel, 0, -1);
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
    bool is = accept_word(c, "is");
    bool negated = accept_word(c, "not");
    bool plain = type != TYPE_OTHER;
    if (is) {
        expect(c, TOKEN_NAME, "null");
        (void)emit(c, OP_IS_NULL, 0, 0, 0);
    } else if (plain && accept_word(c, "in")) {
        parse_in(c, type);
    } else if (plain && type != TYPE_TRUTH && accept_word(c, "between")) {
        parse_between(c, type);
    } else if (negated) {
        fail(c, c->token.start, "sau not ở đây chỉ có in [...] hoặc between",
             "only in [...] or between may follow not here");
    } else {
        return type;
    }
    if (negated) {
        (void)emit(c, OP_NOT, 0, 0, 0);
    }
    return TYPE_TRUTH;
}

static expr_type parse_not(compiler *c)
{
    const char *start = c->token.start;
    if (!accept_word(c, "not")) {
        return parse_cmp(c);
    }
    start = c->token.start;
    want(c, start, parse_cmp(c), TYPE_TRUTH);
    (void)emit(c, OP_NOT, 0, 0, 0);
    return TYPE_TRUTH;
}

/* Conditions joined by one word; the right side is left out when the left one decides. */
static expr_type parse_joined(compiler *c, expr_type (*part)(compiler *c), const char *joint,
                              expr_op test, expr_op join)
{
    const char *start = c->token.start;
    expr_type type = part(c);
    while (c->err == LTH_OK && accept_word(c, joint)) {
        want(c, start, type, TYPE_TRUTH);
        uint32_t jump = emit(c, test, 0, 0, 0);
        const char *right = c->token.start;
        want(c, right, part(c), TYPE_TRUTH);
        (void)emit(c, join, 0, 0, -1);
        patch(c, jump, c->n_code);
    }
    return type;
}

static expr_type parse_and(compiler *c)
{
    return parse_joined(c, parse_not, "and", OP_AND_TEST, OP_AND);
}

static expr_type parse_or(compiler *c)
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
        limit(c, "biểu thức dài quá %u byte; chia thành vài quy tắc",
              "the expression is longer than %u bytes; make several rules", LTH_EXPR_TEXT_MAX);
    } else if (lth_schema__text_check(lth_slice_of(c->text, n), &chars) != LTH_REFUSE_none) {
        fail(c, c->text, "biểu thức phải là chữ Unicode dựng sẵn (UTF-8, NFC)",
             "the expression must be precomposed Unicode text (UTF-8, NFC)");
    }
}

static void parse(compiler *c)
{
    advance(c);
    const char *start = c->token.start;
    want(c, start, parse_or(c), TYPE_TRUTH);
    if (c->token.kind != TOKEN_END) {
        fail(c, c->token.start, "thừa \"%.*s\"; nối hai điều kiện bằng and hoặc or",
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
