#include "internal.h"

/* Findings as sentences. Each is written once in either language; the error is sticky. */

#define GIVEN_CHARS 40u /* Of a cell's text: enough to find it. */
#define CHOICES_MAX 6u  /* A code list of so many codes is told instead of named. */

typedef struct writer {
    lth_buf *out;
    lth_err err;
    bool english;
    uint32_t day; /* Codes are named as of it. */
    const lth_row_values *row;
} writer;

static void put(writer *w, const char *fmt, ...) LTH_PRINTF(2, 3);
static void put(writer *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    w->err = w->err != LTH_OK ? w->err : lth_buf_format_v(w->out, fmt, args);
    va_end(args);
}

static void put_bytes(writer *w, lth_slice text)
{
    w->err = w->err != LTH_OK ? w->err : lth_buf_add(w->out, text.p, text.n);
}

static const char *pick(const writer *w, const char *vi, const char *en)
{
    return (w->english && en != NULL) || vi == NULL ? en : vi;
}

/* The same in either language; both texts take the same arguments. */
static void say(writer *w, const char *vi, const char *en, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));
static void say(writer *w, const char *vi, const char *en, ...)
{
    va_list args;
    va_start(args, en);
    w->err = w->err != LTH_OK ? w->err : lth_buf_format_v(w->out, w->english ? en : vi, args);
    va_end(args);
}

static const char *title_of(const writer *w, const lth_titles *title, const char *name)
{
    const char *text = pick(w, title->vi, title->en);
    return text != NULL ? text : name;
}

/* ---- values ---- */

lth_err lth_schema__add_date(lth_buf *out, int64_t date)
{
    unsigned day = (unsigned)(date % 100), month = (unsigned)(date / 100 % 100);
    unsigned year = (unsigned)(date / 10000);
    return day != 0     ? lth_buf_format(out, "%u/%u/%u", day, month, year)
           : month != 0 ? lth_buf_format(out, "%u/%u", month, year)
                        : lth_buf_format(out, "%u", year);
}

static void put_date(writer *w, int64_t date)
{
    w->err = w->err != LTH_OK ? w->err : lth_schema__add_date(w->out, date);
}

/* The canonical text; decimals with a comma in Vietnamese. */
static void put_plain(writer *w, const lth_field *field, const lth_value *value)
{
    size_t before = w->out->n;
    w->err = w->err != LTH_OK ? w->err : lth_value_text(w->out, field, value);
    for (size_t i = before; field->type == LTH_TYPE_DECIMAL && !w->english && i < w->out->n; i++) {
        w->out->p[i] = w->out->p[i] == '.' ? ',' : w->out->p[i];
    }
}

static void put_code(writer *w, const lth_field *field, lth_slice text)
{
    const lth_code *code = NULL;
    const char *title = NULL;
    if (field->codes != NULL &&
        lth_codelist_find(field->codes, text, w->day, &code) == LTH_CODE_IN_FORCE) {
        title = pick(w, code->title.vi, code->title.en);
    }
    put_bytes(w, title != NULL ? lth_slice_of(title, strlen(title)) : text);
}

static void put_value(writer *w, const lth_field *field, const lth_value *value)
{
    if (value->kind == LTH_VALUE_NULL) {
        say(w, "(trống)", "(empty)");
        return;
    }
    switch (field->type) {
    case LTH_TYPE_DATE:
        put_date(w, value->number);
        break;
    case LTH_TYPE_BOOL:
        put(w, "%s", value->number != 0 ? pick(w, "có", "yes") : pick(w, "không", "no"));
        break;
    case LTH_TYPE_CODE:
        put_code(w, field, value->text);
        break;
    case LTH_TYPE_LIST: {
        lth_slice item;
        unsigned n = 0;
        for (size_t at = 0; lth_schema__run_item(value->text, &at, &item);) {
            n++;
        }
        say(w, "%u mục", "%u items", n);
        break;
    }
    default:
        put_plain(w, field, value);
    }
}

/* ---- templates of rules and references ---- */

static const lth_field *field_named(const lth_dataset *ds, const char *name, size_t n)
{
    for (uint32_t i = 0; i < ds->n_fields; i++) {
        if (strlen(ds->fields[i].name) == n && memcmp(ds->fields[i].name, name, n) == 0) {
            return &ds->fields[i];
        }
    }
    return NULL;
}

/* The field and part that a placeholder of @p n bytes names. */
typedef struct placeholder {
    const lth_field *field; /* NULL: today, or unknown. */
    bool title, today, other;
} placeholder;

static placeholder read_placeholder(const lth_dataset *ds, const char *name, size_t n)
{
    static const char prefix[] = "other.", suffix[] = ".title";
    const size_t start = sizeof prefix - 1, size = sizeof suffix - 1;
    placeholder out = {.today = n == 5 && memcmp(name, "today", 5) == 0};
    out.other = n > start && memcmp(name, prefix, start) == 0;
    if (out.other) {
        out.field = field_named(ds, name + start, n - start);
        return out;
    }
    out.title = n > size && memcmp(name + n - size, suffix, size) == 0;
    out.field = field_named(ds, name, n - (out.title ? size : 0));
    return out;
}

const char *lth_rule_text_fault(const lth_dataset *ds, const char *text, bool other, size_t *n)
{
    for (const char *open = strchr(text, '{'); open != NULL; open = strchr(open + 1, '{')) {
        size_t size = strcspn(open + 1, "}");
        placeholder found = read_placeholder(ds, open + 1, size);
        bool good = found.other
                        ? other && found.field != NULL && found.field->group == ds->natural_group
                        : found.field != NULL || found.today;
        if (open[1 + size] == '\0' || !good) {
            *n = size;
            return open + 1;
        }
    }
    return NULL;
}

/* Of another record nothing is said but its natural key. */
static void put_other(writer *w, const lth_field *field)
{
    const lth_row_values *row = w->row;
    if (row->other == NULL || field == NULL || field->group != row->ds->natural_group) {
        say(w, "(không rõ)", "(not known)");
        return;
    }
    put_value(w, field, &row->other[field - row->ds->fields]);
}

static void put_template(writer *w, const char *text)
{
    while (*text != '\0' && w->err == LTH_OK) {
        size_t plain = strcspn(text, "{");
        put_bytes(w, lth_slice_of(text, plain));
        text += plain;
        if (*text == '\0') {
            return;
        }
        size_t n = strcspn(text + 1, "}");
        placeholder what = read_placeholder(w->row->ds, text + 1, n);
        if (what.today) {
            put_date(w, w->row->today);
        } else if (what.other) {
            put_other(w, what.field);
        } else if (what.field != NULL && what.title) {
            put(w, "%s", title_of(w, &what.field->title, what.field->name));
        } else if (what.field != NULL) {
            put_value(w, what.field, &w->row->values[what.field - w->row->ds->fields]);
        }
        text += 1 + n + (text[1 + n] == '}' ? 1 : 0);
    }
}

/* ---- the sentences of each code ---- */

/* What a finding is about. */
typedef struct subject {
    const lth_finding *finding;
    const lth_field *field; /* In the item, if it is one's; NULL: the record as a whole. */
    const lth_field *list;  /* NULL unless it is an item's. */
    lth_value value;
    lth_slice given;
} subject;

static void put_number_form(writer *w, const lth_field *field)
{
    static const lth_field whole = {.type = LTH_TYPE_INTEGER};
    bool decimal = field->type == LTH_TYPE_DECIMAL;
    put(w, "%s",
        decimal ? pick(w, "phải là số", "must be a number")
                : pick(w, "phải là số nguyên", "must be a whole number"));
    const lth_field *form = decimal ? field : &whole;
    if (field->has_min) {
        say(w, " từ ", " from ");
        put_plain(w, form, &(lth_value){.kind = LTH_VALUE_INT, .number = field->min});
    }
    if (field->has_max_value) {
        say(w, " đến ", " up to ");
        put_plain(w, form, &(lth_value){.kind = LTH_VALUE_INT, .number = field->max_value});
    }
    if (decimal) {
        say(w, ", nhiều nhất %u chữ số sau dấu phẩy", ", at most %u digits after the point",
            (unsigned)field->scale);
    }
}

static void put_text_form(writer *w, const lth_field *field, lth_slice given)
{
    size_t chars = lth_schema__text_chars(given);
    if (chars > field->max) {
        say(w, "dài %zu ký tự, nhiều nhất %u", "%zu characters long, at most %u", chars,
            (unsigned)field->max);
    } else {
        say(w, "không hợp lệ: có ký tự lạ, hoặc không có trong bảng giá trị của cột",
            "is not valid: strange characters, or not among the column's values");
    }
}

/* What a value of the field must look like. */
static void put_form(writer *w, const lth_field *field, lth_slice given)
{
    switch (field->type) {
    case LTH_TYPE_DATE:
        put(w, "%s",
            lth_schema__date_like(given) ? pick(w, "không có ngày này", "there is no such day")
                                         : pick(w, "không đọc được", "cannot be read"));
        say(w, "; nhập dạng ngày/tháng/năm", "; write day/month/year");
        break;
    case LTH_TYPE_INTEGER:
    case LTH_TYPE_DECIMAL:
        put_number_form(w, field);
        break;
    case LTH_TYPE_BOOL:
        say(w, "phải là Có hoặc Không", "must be yes or no");
        break;
    case LTH_TYPE_LIST:
        say(w, "không hợp lệ: mục lặp lại, hoặc quá %u mục",
            "is not valid: an item stands twice, or there are more than %u", (unsigned)field->max);
        break;
    default:
        put_text_form(w, field, given);
    }
}

/* The beginning of a cell's text, on one line. */
static void put_cell(writer *w, lth_slice text)
{
    size_t chars = 0;
    for (size_t i = 0; i < text.n; i++) {
        bool control = text.p[i] < ' ' || text.p[i] == 0x7F;
        chars += (text.p[i] & 0xC0) != 0x80 ? 1 : 0;
        if (chars > GIVEN_CHARS) {
            put(w, "…");
            return;
        }
        put_bytes(w, control ? lth_slice_of("?", 1) : lth_slice_of(text.p + i, 1));
    }
}

static void put_given(writer *w, const subject *s)
{
    if (s->given.n > 0) {
        put_cell(w, s->given);
    } else if (s->field != NULL) {
        put_value(w, s->field, &s->value);
    }
}

static void put_title(writer *w, const subject *s)
{
    if (s->list != NULL) {
        say(w, "%s, mục %u", "%s, item %u", title_of(w, &s->list->title, s->list->name),
            (unsigned)s->finding->item);
        put(w, "%s", s->field != NULL ? ": " : "");
    }
    if (s->field != NULL) {
        put(w, "%s", title_of(w, &s->field->title, s->field->name));
    }
}

static void say_bad_value(writer *w, const subject *s)
{
    put_title(w, s);
    if (s->given.n > 0 || s->value.kind != LTH_VALUE_NULL) {
        put(w, " ");
        put_given(w, s);
    }
    if (s->field != NULL) {
        put(w, ": ");
        put_form(w, s->field, s->given);
    }
}

static void say_missing(writer *w, const subject *s)
{
    say(w, "Thiếu ", "Missing: ");
    put_title(w, s);
}

static lth_slice written(const subject *s)
{
    return s->given.n > 0 ? s->given : s->value.text;
}

/* Titles of the codes in force; false when they are too many to choose from. */
static bool put_choices(writer *w, const lth_codelist *list)
{
    const lth_code *choices[CHOICES_MAX + 1];
    uint32_t n = 0;
    for (uint32_t i = 0; i < list->n_codes && n <= CHOICES_MAX; i++) {
        if (lth_schema__in_force(&list->codes[i], w->day)) {
            choices[n++] = &list->codes[i];
        }
    }
    for (uint32_t i = 0; i < n && n <= CHOICES_MAX; i++) {
        put(w, "%s%s", i > 0 ? ", " : pick(w, "; chọn một trong: ", "; choose one of: "),
            title_of(w, &choices[i]->title, choices[i]->code));
    }
    return n > 0 && n <= CHOICES_MAX;
}

/* A code of digits was met by its number, all others by how they are written. */
static void put_nearest(writer *w, const lth_code *near, lth_slice text)
{
    const char *title = title_of(w, &near->title, near->code);
    if (text.p[0] >= '0' && text.p[0] <= '9') {
        say(w, "; ý bạn là \"%s\" (%s)? Excel hay bỏ số 0 ở đầu",
            "; did you mean \"%s\" (%s)? Excel drops zeros in front", near->code, title);
    } else {
        say(w, "; ý bạn là \"%s\"?", "; did you mean \"%s\"?", title);
    }
}

static void say_unknown_code(writer *w, const subject *s)
{
    const lth_codelist *list = s->field != NULL ? s->field->codes : NULL;
    if (list == NULL) {
        say_bad_value(w, s);
        return;
    }
    lth_slice text = written(s);
    const lth_code *near = lth_codelist_nearest(list, text, w->day);
    say(w, "Giá trị \"", "Value \"");
    put_cell(w, text);
    say(w, "\" không có trong danh mục %s", "\" is not in the code list %s",
        title_of(w, &list->title, list->name));
    if (near != NULL) {
        put_nearest(w, near, text);
    } else if (!put_choices(w, list)) {
        say(w, "; chọn một giá trị trong danh mục", "; choose a value of the list");
    }
}

/* The codes that took its place, each with its title. */
static void put_replacements(writer *w, const lth_codelist *list, const char *codes)
{
    bool first = true;
    for (size_t n = strcspn(codes, " "); n > 0; n = strcspn(codes, " ")) {
        const lth_code *code = NULL;
        put(w, "%s", first ? pick(w, "; thay bằng ", "; replaced by ") : ", ");
        put_bytes(w, lth_slice_of(codes, n));
        if (lth_codelist_find(list, lth_slice_of(codes, n), w->day, &code) == LTH_CODE_IN_FORCE) {
            put(w, " (%s)", title_of(w, &code->title, code->code));
        }
        codes += n + (codes[n] == ' ' ? 1 : 0);
        first = false;
    }
}

static void say_not_in_force(writer *w, const subject *s)
{
    const lth_codelist *list = s->field != NULL ? s->field->codes : NULL;
    const lth_code *code = NULL;
    if (list == NULL || lth_codelist_find(list, s->value.text, w->day, &code) == LTH_CODE_UNKNOWN) {
        say_bad_value(w, s);
        return;
    }
    say(w, "Mã ", "Code ");
    put_bytes(w, s->value.text);
    put(w, " (%s)", title_of(w, &code->title, code->code));
    say(w, " của danh mục %s không áp dụng vào ngày ", " of the code list %s is not in force on ",
        title_of(w, &list->title, list->name));
    put_date(w, w->day);
    if (code->replaced_by != NULL) {
        put_replacements(w, list, code->replaced_by);
    }
}

static void say_rule(writer *w, const subject *s)
{
    lth_rule_about about;
    bool known = lth_rule_about_number(&about, w->row->ds, s->finding->rule);
    const char *template = known ? pick(w, about.text->vi, about.text->en) : NULL;
    put_template(w, template != NULL ? template : lth_refusal_text(s->finding->code, w->english));
}

static void say_refusal(writer *w, const subject *s)
{
    put_title(w, s);
    put(w, "%s%s", s->field != NULL || s->list != NULL ? ": " : "",
        lth_refusal_text(s->finding->code, w->english));
}

/* The workbook's cell holds no value at all. */
static void say_no_value(writer *w, const subject *s)
{
    lth_slice shown = lth_slice_of(s->given.p + 1, s->given.n - 1);
    put_title(w, s);
    if (lth_slice_equal(shown, lth_slice_of("=", 1))) {
        say(w,
            ": công thức trong ô chưa được tính; mở tệp bằng Excel, lưu lại rồi nộp, hoặc gõ "
            "thẳng giá trị",
            ": the formula was never calculated; open and save the file in Excel, or type the "
            "value");
        return;
    }
    say(w, ": ô báo lỗi ", ": the cell shows the error ");
    put_cell(w, shown);
    say(w, "; sửa công thức hoặc gõ thẳng giá trị", "; mend the formula or type the value");
}

static const struct {
    lth_refusal code;
    void (*write)(writer *w, const subject *s);
} SENTENCES[] = {
    {LTH_REFUSE_bad_value, say_bad_value},       {LTH_REFUSE_missing_required, say_missing},
    {LTH_REFUSE_unknown_code, say_unknown_code}, {LTH_REFUSE_code_not_in_force, say_not_in_force},
    {LTH_REFUSE_broken_rule, say_rule},          {LTH_REFUSE_missing_reference, say_rule},
    {LTH_REFUSE_not_unique, say_rule},
};

/* ---- */

/* The item of that number, when the record still has it. */
static void find_item(subject *s, const lth_value *run)
{
    lth_slice item;
    size_t at = 0;
    uint16_t n = 0;
    s->field = NULL;
    for (uint32_t i = 0; i < s->list->n_items; i++) {
        if (s->list->items[i].number == s->finding->item_field) {
            s->field = &s->list->items[i];
        }
    }
    while (s->field != NULL && run->kind != LTH_VALUE_NULL &&
           lth_schema__run_item(run->text, &at, &item)) {
        const lth_field *field = NULL;
        lth_value value;
        n++;
        for (size_t k = 0;
             n == s->finding->item && lth_item_next(s->list, item, &k, &field, &value);) {
            s->value = field == s->field ? value : s->value;
        }
    }
}

lth_err lth_finding_text(lth_buf *out, const lth_schema *schema, const lth_finding *finding,
                         const lth_row_values *row, lth_slice given, bool english)
{
    (void)schema;
    uint32_t day = lth_schema__code_day(row);
    writer w = {.out = out, .english = english, .row = row, .day = day != 0 ? day : row->today};
    subject s = {.finding = finding, .given = given};
    s.field = lth_schema__field_number(row->ds, finding->field);
    if (s.field != NULL) {
        s.value = row->values[s.field - row->ds->fields];
    }
    if (s.field != NULL && finding->item != 0) {
        const lth_value run = s.value;
        s.list = s.field;
        s.value = (lth_value){.kind = LTH_VALUE_NULL};
        find_item(&s, &run);
    }
    if (given.n > 0 && given.p[0] == LTH_CELL_NO_VALUE) {
        say_no_value(&w, &s);
        return w.err;
    }
    for (size_t i = 0; i < sizeof SENTENCES / sizeof SENTENCES[0]; i++) {
        if (SENTENCES[i].code == finding->code) {
            SENTENCES[i].write(&w, &s);
            return w.err;
        }
    }
    say_refusal(&w, &s);
    return w.err;
}
