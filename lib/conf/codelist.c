#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define LIST_NAMES_MAX  1000u
#define LIST_CODES_MAX  100000u
#define CODE_CHARS_MAX  35u
#define TITLE_CHARS_MAX 300u

/* ---- lists.yaml ---- */

typedef struct list_texts {
    conf_title_text title;
    conf_text parent;
} list_texts;

static const conf_item LIST_ITEMS[] = {
    {"title", CONF_TABLE, 0, NULL, 0, 0, NULL, lth_conf__title_items, offsetof(list_texts, title),
     "Tên danh mục", "Title of the list"},
    {"parent", CONF_NAME, 0, NULL, 0, 0, NULL, NULL, offsetof(list_texts, parent),
     "Danh mục chứa mã cha", "The list that parent codes belong to"},
    {.key = NULL},
};

typedef struct file_texts {
    const conf_node *lists;
} file_texts;

const conf_item lth_conf__lists_items[] = {
    {"lists", CONF_NAMED, CONF_REQUIRED, NULL, 0, 0, NULL, LIST_ITEMS, offsetof(file_texts, lists),
     "Các danh mục", "The code lists"},
    {.key = NULL},
};

/* One code list while it is read. */
typedef struct draft {
    conf_file file; /* Where it is named. */
    const conf_node *at, *parent;
    lth_codelist list;
    conf_file csv; /* Where its codes stand; no path before that. */
    lth_code *codes;
    uint32_t *lines; /* Parallel to codes until they are sorted. */
    uint32_t n, room;
} draft;

typedef struct reader {
    conf_load *load;
    draft *drafts;
    uint32_t n;
} reader;

static draft *find_draft(const reader *r, const char *name)
{
    for (uint32_t i = 0; i < r->n; i++) {
        if (strcmp(r->drafts[i].list.name, name) == 0) {
            return &r->drafts[i];
        }
    }
    return NULL;
}

/* Lists in ascending order of name. */
static void read_list(reader *r, const conf_file *file, const conf_node *key)
{
    list_texts t = {0};
    if (!lth_conf__name_ok(key->text)) {
        lth_conf__error(file, key, "tên danh mục \"%s\" chỉ gồm chữ thường a-z, chữ số và '_'",
                        "list name \"%s\" must be lower-case letters, digits and '_'", key->text);
        return;
    }
    if (find_draft(r, key->text) != NULL || r->n == LIST_NAMES_MAX) {
        lth_conf__error(file, key, "danh mục \"%s\" có hai lần, hoặc có quá %u danh mục",
                        "code list \"%s\" stands twice, or there are more than %u", key->text,
                        LIST_NAMES_MAX);
        return;
    }
    lth_conf__read(file, key->value, key->text, LIST_ITEMS, &t);
    draft one = {.file = *file, .at = key, .parent = t.parent.at};
    one.list = (lth_codelist){.name = lth_conf__keep_text(r->load, key->text),
                              .parent_list = t.parent.s,
                              .title = {t.title.vi.s, t.title.en.s}};
    if (one.list.name == NULL) {
        return;
    }
    uint32_t at = r->n++;
    for (; at > 0 && strcmp(r->drafts[at - 1].list.name, one.list.name) > 0; at--) {
        r->drafts[at] = r->drafts[at - 1];
    }
    r->drafts[at] = one;
}

static void read_lists(reader *r, conf_part *part)
{
    file_texts t = {0};
    if (!lth_conf__part_open(part)) {
        return;
    }
    lth_conf__read(&part->file, part->file.root, "lists.yaml", lth_conf__lists_items, &t);
    const conf_node *key = t.lists != NULL ? t.lists->first : NULL;
    for (; key != NULL && !r->load->nomem; key = key->next) {
        read_list(r, &part->file, key);
    }
}

/* ---- LIST.csv ---- */

typedef enum column { CODE, VI, EN, FROM, TO, PARENT, REPLACED_BY, N_COLUMNS } column;

static const char *const COLUMN_NAMES[N_COLUMNS] = {[CODE] = "code",
                                                    [VI] = "vi",
                                                    [EN] = "en",
                                                    [FROM] = "valid_from",
                                                    [TO] = "valid_to",
                                                    [PARENT] = "parent",
                                                    [REPLACED_BY] = "replaced_by"};

typedef struct csv_reader {
    conf_load *load;
    draft *list;
    bool header;
    uint32_t n_columns;
    int32_t columns[N_COLUMNS];
} csv_reader;

static void read_header(csv_reader *r, const conf_file *file, const conf_cell *cells, uint32_t n)
{
    for (int i = 0; i < N_COLUMNS; i++) {
        r->columns[i] = -1;
    }
    for (uint32_t c = 0; c < n; c++) {
        int found = 0;
        while (found < N_COLUMNS && strcmp(cells[c].text, COLUMN_NAMES[found]) != 0) {
            found++;
        }
        conf_node at = {.line = cells[c].line, .column = cells[c].column};
        if (found == N_COLUMNS) {
            static const conf_what what = {"cột", "column", "tệp danh mục", "a code list", NULL};
            lth_conf__unknown(file, &at, cells[c].text, &what,
                              &(conf_names){COLUMN_NAMES, N_COLUMNS});
        } else if (r->columns[found] >= 0) {
            lth_conf__error(file, &at, "cột \"%s\" viết hai lần", "column \"%s\" stands twice",
                            COLUMN_NAMES[found]);
        } else {
            r->columns[found] = (int32_t)c;
        }
    }
    for (int i = CODE; i <= VI; i++) {
        if (r->columns[i] < 0) {
            lth_conf__error_at(file, cells[0].line, 1, "thiếu cột \"%s\" ở dòng tiêu đề",
                               "column \"%s\" is missing in the header row", COLUMN_NAMES[i]);
        }
    }
    r->header = true;
    r->n_columns = n;
}

/* The cell of a column; one with empty text when the row or the file lacks it. */
static conf_cell cell_of(const csv_reader *r, const conf_cell *cells, uint32_t n, column which)
{
    int32_t at = r->columns[which];
    bool there = at >= 0 && (uint32_t)at < n;
    return there ? cells[at] : (conf_cell){.text = "", .line = cells[0].line, .column = 1};
}

/* Trimmed, NFC, kept; NULL when empty or in error. */
static const char *cell_text(const csv_reader *r, const conf_file *file, const conf_cell *cell,
                             const char *name, uint32_t chars)
{
    const lth_field form = {.type = LTH_TYPE_TEXT, .max = chars};
    lth_value value;
    lth_slice text = lth_slice_of(cell->text, strlen(cell->text));
    if (lth_value_parse(&value, &form, text, NULL, r->load->scratch) != LTH_REFUSE_none) {
        lth_conf__error_at(file, cell->line, cell->column,
                           "%s dài quá %u ký tự hoặc có ký tự không dùng được",
                           "%s is longer than %u characters or holds characters not allowed", name,
                           (unsigned)chars);
        return NULL;
    }
    char *out = value.kind == LTH_VALUE_NULL ? NULL : lth_conf__keep(r->load, value.text.n + 1);
    if (out != NULL) {
        memcpy(out, value.text.p, value.text.n);
    }
    return out;
}

static uint32_t cell_date(const conf_file *file, const conf_cell *cell, const char *name)
{
    int64_t date = 0;
    if (cell->text[0] != '\0' && !lth_conf__date(&date, cell->text)) {
        lth_conf__error_at(file, cell->line, cell->column,
                           "%s phải trống hoặc là ngày có thật, dạng 2025-07-01",
                           "%s must be empty or a day that exists, as 2025-07-01", name);
    }
    return (uint32_t)date;
}

static bool make_room(draft *list, conf_load *load)
{
    if (list->n < list->room) {
        return true;
    }
    uint32_t room = list->room == 0 ? 64 : list->room * 2;
    lth_code *codes = realloc(list->codes, room * sizeof *codes);
    list->codes = codes != NULL ? codes : list->codes;
    uint32_t *lines = codes == NULL ? NULL : realloc(list->lines, room * sizeof *lines);
    list->lines = lines != NULL ? lines : list->lines;
    list->room = lines != NULL ? room : list->room;
    load->nomem = load->nomem || lines == NULL;
    return lines != NULL;
}

static void read_code(csv_reader *r, const conf_file *file, const conf_cell *cells, uint32_t n)
{
    conf_cell cell[N_COLUMNS];
    for (int i = 0; i < N_COLUMNS; i++) {
        cell[i] = cell_of(r, cells, n, (column)i);
    }
    lth_code code = {
        .code = cell_text(r, file, &cell[CODE], COLUMN_NAMES[CODE], CODE_CHARS_MAX),
        .from = cell_date(file, &cell[FROM], COLUMN_NAMES[FROM]),
        .to = cell_date(file, &cell[TO], COLUMN_NAMES[TO]),
        .title = {cell_text(r, file, &cell[VI], COLUMN_NAMES[VI], TITLE_CHARS_MAX),
                  cell_text(r, file, &cell[EN], COLUMN_NAMES[EN], TITLE_CHARS_MAX)},
        .parent = cell_text(r, file, &cell[PARENT], COLUMN_NAMES[PARENT], CODE_CHARS_MAX),
        .replaced_by = cell_text(r, file, &cell[REPLACED_BY], COLUMN_NAMES[REPLACED_BY], 1000)};
    if (code.code == NULL || code.title.vi == NULL) {
        lth_conf__error_at(file, cells[0].line, 1, "dòng này thiếu code hoặc vi",
                           "this row lacks its code or vi");
    } else if (code.to != 0 && code.from > code.to) {
        lth_conf__error_at(file, cell[TO].line, cell[TO].column,
                           "valid_to của mã \"%s\" đứng trước valid_from",
                           "valid_to of code \"%s\" is before valid_from", code.code);
    } else if (code.parent != NULL && r->list->list.parent_list == NULL) {
        lth_conf__error_at(file, cell[PARENT].line, cell[PARENT].column,
                           "danh mục \"%s\" không có danh mục cha trong lists.yaml",
                           "code list \"%s\" has no parent list in lists.yaml", r->list->list.name);
    } else if (make_room(r->list, r->load)) {
        r->list->lines[r->list->n] = cells[0].line;
        r->list->codes[r->list->n++] = code;
    }
}

static bool on_row(void *ctx, const conf_file *file, const conf_cell *cells, uint32_t n)
{
    csv_reader *r = ctx;
    if (!r->header) {
        uint32_t before = conf_faults(r->load);
        read_header(r, file, cells, n);
        return conf_faults(r->load) == before;
    }
    if (n > r->n_columns) {
        lth_conf__error_at(file, cells[0].line, 1, "dòng có %u ô, tiêu đề có %u",
                           "the row has %u cells, the header %u", (unsigned)n,
                           (unsigned)r->n_columns);
    } else if (r->list->n == LIST_CODES_MAX) {
        lth_conf__error_at(file, cells[0].line, 1, "quá %u mã", "more than %u codes",
                           LIST_CODES_MAX);
        return false;
    } else {
        read_code(r, file, cells, n);
    }
    return !r->load->nomem;
}

static void read_codes(reader *r, conf_part *part)
{
    draft *list = find_draft(r, part->list);
    if (list == NULL) {
        lth_conf__error(&part->file, NULL, "danh mục \"%s\" không có trong lists.yaml: thêm vào đó",
                        "code list \"%s\" is not in lists.yaml: add it there", part->list);
        return;
    }
    if (list->csv.path != NULL) {
        lth_conf__error(&part->file, NULL, "danh mục \"%s\" đã có một tệp khác",
                        "code list \"%s\" has another file already", part->list);
        return;
    }
    csv_reader csv = {.load = r->load, .list = list};
    list->csv = part->file;
    if (part->at_hand) {
        lth_conf__csv_text(&part->file, part->text, on_row, &csv);
    } else {
        lth_conf__csv(&part->file, on_row, &csv);
    }
    if (!csv.header) {
        lth_conf__error(&part->file, NULL, "tệp trống: cần dòng tiêu đề code,vi,...",
                        "the file is empty: it needs the header row code,vi,...");
    }
}

/* ---- the list as a whole ---- */

typedef struct placed {
    lth_code code;
    uint32_t line;
} placed;

static int compare_codes(const void *a, const void *b)
{
    const lth_code *x = &((const placed *)a)->code;
    const lth_code *y = &((const placed *)b)->code;
    int order = strcmp(x->code, y->code);
    return order != 0 ? order : (x->from > y->from) - (x->from < y->from);
}

/* Sorted, kept and with its index of titles. */
static void finish_list(reader *r, draft *d)
{
    placed *all = lth_conf__scratch(r->load, (d->n + 1u) * sizeof *all);
    lth_code *codes = lth_conf__keep(r->load, (d->n + 1u) * sizeof *codes);
    if (all == NULL || codes == NULL) {
        return;
    }
    for (uint32_t i = 0; i < d->n; i++) {
        all[i] = (placed){d->codes[i], d->lines[i]};
    }
    qsort(all, d->n, sizeof *all, compare_codes);
    for (uint32_t i = 0; i < d->n; i++) {
        const lth_code *last = i > 0 ? &all[i - 1].code : NULL;
        codes[i] = all[i].code;
        d->lines[i] = all[i].line;
        if (last != NULL && strcmp(last->code, codes[i].code) == 0 &&
            (last->to == 0 || last->to >= codes[i].from)) {
            lth_conf__error_at(&d->csv, all[i].line, 1,
                               "mã \"%s\" đã có hiệu lực vào ngày đó ở dòng %u",
                               "code \"%s\" is in force on that day already in row %u",
                               codes[i].code, (unsigned)all[i - 1].line);
        }
    }
    d->list.codes = codes;
    d->list.n_codes = d->n;
    if (lth_codelist_index(&d->list, r->load->keep) != LTH_OK) {
        r->load->nomem = true;
    }
}

static bool has_code(const lth_codelist *list, const char *code, size_t n)
{
    return lth_codelist_find(list, lth_slice_of(code, n), 0, NULL) != LTH_CODE_UNKNOWN;
}

static void check_links(const draft *d, const lth_codelist *parent)
{
    for (uint32_t i = 0; i < d->n; i++) {
        const lth_code *code = &d->list.codes[i];
        if (parent != NULL && code->parent != NULL &&
            !has_code(parent, code->parent, strlen(code->parent))) {
            lth_conf__error_at(
                &d->csv, d->lines[i], 1, "mã cha \"%s\" không có trong danh mục \"%s\"",
                "parent code \"%s\" is not in the code list \"%s\"", code->parent, parent->name);
        }
        for (const char *p = code->replaced_by; p != NULL && *p != '\0';) {
            size_t n = strcspn(p, " ");
            if (!has_code(&d->list, p, n)) {
                lth_conf__error_at(&d->csv, d->lines[i], 1,
                                   "mã thay thế \"%.*s\" không có trong danh mục này",
                                   "the replacing code \"%.*s\" is not in this list", (int)n, p);
            }
            p += n + strspn(p + n, " ");
        }
    }
}

static void finish(reader *r, lth_schema *out)
{
    lth_codelist *lists = lth_conf__keep(r->load, (r->n + 1u) * sizeof *lists);
    uint32_t before = conf_faults(r->load);
    for (uint32_t i = 0; i < r->n && lists != NULL; i++) {
        draft *d = &r->drafts[i];
        if (d->csv.path == NULL) {
            lth_conf__error(&d->file, d->at, "danh mục \"%s\" chưa có tệp %s.csv",
                            "code list \"%s\" has no file %s.csv", d->list.name, d->list.name);
        }
        if (d->list.parent_list != NULL && find_draft(r, d->list.parent_list) == NULL) {
            lth_conf__error(&d->file, d->parent, "danh mục cha \"%s\" không có trong lists.yaml",
                            "the parent list \"%s\" is not in lists.yaml", d->list.parent_list);
        }
        finish_list(r, d);
    }
    for (uint32_t i = 0; i < r->n && lists != NULL && conf_faults(r->load) == before; i++) {
        const draft *d = &r->drafts[i];
        const draft *parent =
            d->list.parent_list != NULL ? find_draft(r, d->list.parent_list) : NULL;
        check_links(d, parent != NULL ? &parent->list : NULL);
        lists[i] = d->list;
    }
    bool good = lists != NULL && conf_faults(r->load) == before;
    *out = (lth_schema){.lists = lists, .n_lists = good ? r->n : 0};
}

void lth_conf__codelists(conf_load *load, conf_part *parts, uint32_t n, lth_schema *out)
{
    reader r = {.load = load};
    uint32_t before = conf_faults(load);
    *out = (lth_schema){0};
    r.drafts = lth_conf__scratch(load, LIST_NAMES_MAX * sizeof *r.drafts);
    for (uint32_t i = 0; i < n && r.drafts != NULL; i++) {
        if (parts[i].kind == LTH_PART_LISTS) {
            read_lists(&r, &parts[i]);
        }
    }
    for (uint32_t i = 0; i < n && r.drafts != NULL; i++) {
        if (parts[i].kind == LTH_PART_CODES) {
            read_codes(&r, &parts[i]);
        }
    }
    if (r.n > 0 && conf_faults(load) == before && !load->nomem) {
        finish(&r, out);
    }
    for (uint32_t i = 0; i < r.n; i++) {
        free(r.drafts[i].codes);
        free(r.drafts[i].lines);
    }
}
