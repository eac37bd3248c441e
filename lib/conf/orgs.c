#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define PARENTS_MAX 64u
#define CARRIES_MAX 4096u
#define ORGS_MAX    1000000u

typedef struct parent_texts {
    conf_text id, type;
    conf_number from, to;
} parent_texts;

#define PARENT_TYPES "administrative|professional"

static const conf_item PARENT_ITEMS[] = {
    {"id", CONF_ID, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, offsetof(parent_texts, id),
     "org_id của đơn vị cấp trên", "org_id of the parent"},
    {"type", CONF_ENUM, CONF_REQUIRED, NULL, 0, 0, PARENT_TYPES, NULL, offsetof(parent_texts, type),
     "Cấp trên hành chính hay chuyên môn", "Administrative or professional parent"},
    {"from", CONF_DATE, 0, NULL, 0, 0, NULL, NULL, offsetof(parent_texts, from), "Từ ngày",
     "First day"},
    {"to", CONF_DATE, 0, NULL, 0, 0, NULL, NULL, offsetof(parent_texts, to), "Đến hết ngày",
     "Last day"},
    {.key = NULL},
};

typedef struct org_texts {
    conf_text id, code, name, kind;
    conf_number from, to;
    const conf_node *parents, *carries;
} org_texts;

#define AT(member) offsetof(org_texts, member)

static const conf_item ORG_ITEMS[] = {
    {"id", CONF_ID, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(id),
     "org_id: 32 chữ số hệ 16, không bao giờ đổi", "org_id: 32 hex digits, never changed"},
    {"code", CONF_CODE, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(code), "Mã đơn vị",
     "Code of the organisation"},
    {"name", CONF_TEXT, CONF_REQUIRED, NULL, 1, 200, NULL, NULL, AT(name), "Tên đơn vị", "Name"},
    {"kind", CONF_NAME, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(kind),
     "Loại đơn vị, đặt tuỳ ý: school, commune, province, ministry, ...",
     "Kind, chosen freely: school, commune, province, ministry, ..."},
    {"from", CONF_DATE, 0, NULL, 0, 0, NULL, NULL, AT(from), "Có từ ngày", "First day"},
    {"to", CONF_DATE, 0, NULL, 0, 0, NULL, NULL, AT(to), "Có đến hết ngày", "Last day"},
    {"parents", CONF_ITEMS, 0, NULL, 0, PARENTS_MAX, NULL, PARENT_ITEMS, AT(parents),
     "Các đơn vị cấp trên, theo ngày. CSV: \"ID LOẠI [TỪ [ĐẾN]]; ...\"",
     "Parents, dated. CSV: \"ID TYPE [FROM [TO]]; ...\""},
    {"carries", CONF_ANY, 0, NULL, 0, CARRIES_MAX, NULL, NULL, AT(carries),
     "[org_id, ...]: đơn vị khác mà nút này được gửi thay. CSV: \"ID; ...\"",
     "[org_id, ...]: others that this node may carry for. CSV: \"ID; ...\""},
    {.key = NULL},
};

typedef struct orgs_texts {
    conf_number version;
    const conf_node *orgs;
    conf_text csv;
} orgs_texts;

const conf_item conf_orgs_items[] = {
    {"version", CONF_COUNT, CONF_REQUIRED, NULL, 1, UINT32_MAX, NULL, NULL,
     offsetof(orgs_texts, version), "Phiên bản danh bạ, tăng mỗi lần sửa",
     "Version of the registry, raised by every change"},
    {"orgs", CONF_ITEMS, 0, NULL, 0, 0, NULL, ORG_ITEMS, offsetof(orgs_texts, orgs), "Các đơn vị",
     "The organisations"},
    {"csv", CONF_PATH, 0, NULL, 0, 0, NULL, NULL, offsetof(orgs_texts, csv),
     "Danh sách dài: tệp CSV có các cột id, code, name, kind, from, to, parents, carries",
     "A long list: a CSV file with the columns id, code, name, kind, from, to, parents, carries"},
    {.key = NULL},
};

/* An org and where it stands. */
typedef struct org_row {
    lth_org org;
    uint32_t line, column;
    bool csv;
} org_row;

typedef struct org_list {
    conf_load *load;
    org_row *rows;
    uint32_t n, cap;
    conf_file yaml, csv;
    const char *kinds[16]; /* Kinds seen, so that a long list keeps each once. */
    uint32_t n_kinds;
    int32_t columns[8]; /* CSV: cell of each key of ORG_ITEMS, -1 when absent. */
    bool header;
    uint32_t n_columns;
} org_list;

static bool add_row(org_list *list, const org_row *row)
{
    if (list->n == list->cap) {
        uint32_t cap = list->cap == 0 ? 256 : list->cap * 2;
        org_row *rows = cap > ORGS_MAX ? NULL : realloc(list->rows, cap * sizeof *rows);
        if (rows == NULL) {
            list->load->nomem = true;
            return false;
        }
        list->rows = rows;
        list->cap = cap;
    }
    list->rows[list->n++] = *row;
    return true;
}

static const char *keep_kind(org_list *list, const char *kind)
{
    for (uint32_t i = 0; i < list->n_kinds; i++) {
        if (strcmp(list->kinds[i], kind) == 0) {
            return list->kinds[i];
        }
    }
    const char *kept = conf_keep_text(list->load, kind);
    if (list->n_kinds < sizeof list->kinds / sizeof list->kinds[0] && kept != NULL) {
        list->kinds[list->n_kinds++] = kept;
    }
    return kept;
}

static lth_parent_type parent_type(const char *name)
{
    return strcmp(name, "professional") == 0 ? LTH_PARENT_PROFESSIONAL : LTH_PARENT_ADMINISTRATIVE;
}

/* ---- YAML ---- */

static void read_parents(const conf_file *file, const conf_node *list, lth_org *out)
{
    if (list == NULL || list->n == 0) {
        return;
    }
    lth_org_parent *parents = conf_keep(file->load, list->n * sizeof *parents);
    uint32_t n = 0;
    for (const conf_node *one = list->first; one != NULL && parents != NULL; one = one->next) {
        parent_texts t = {0};
        conf_read(file, one, "parents", PARENT_ITEMS, &t);
        if (t.id.s != NULL && t.type.s != NULL) {
            (void)lth_unhex(parents[n].id.b, 16, t.id.s, 32);
            parents[n].type = parent_type(t.type.s);
            parents[n].from_day = (uint32_t)t.from.v;
            parents[n++].to_day = (uint32_t)t.to.v;
        }
    }
    out->parents = parents;
    out->n_parents = n;
}

static void read_carries(const conf_file *file, const conf_node *list, lth_org *out)
{
    if (list == NULL || !conf_is(file, list, CONF_LIST) || list->n == 0) {
        return;
    }
    lth_id *ids = conf_keep(file->load, list->n * sizeof *ids);
    uint32_t n = 0;
    for (const conf_node *one = list->first; one != NULL && ids != NULL; one = one->next) {
        if (!conf_is(file, one, CONF_SCALAR)) {
            continue;
        }
        if (!lth_unhex(ids[n++].b, 16, one->text, strlen(one->text))) {
            conf_error(file, one, "carries phải gồm các org_id 32 chữ số hệ 16",
                       "carries must hold org_ids of 32 hexadecimal digits");
        }
    }
    out->carries = ids;
    out->n_carries = n;
}

static void read_yaml_org(org_list *list, const conf_node *node)
{
    org_texts t = {0};
    const conf_file *file = &list->yaml;
    conf_read(file, node, "orgs", ORG_ITEMS, &t);
    if (t.id.s == NULL || t.code.s == NULL || t.name.s == NULL || t.kind.s == NULL) {
        return;
    }
    org_row row = {.org = {.code = t.code.s,
                           .name = t.name.s,
                           .kind = keep_kind(list, t.kind.s),
                           .from_day = (uint32_t)t.from.v,
                           .to_day = (uint32_t)t.to.v},
                   .line = node->line,
                   .column = node->column};
    (void)lth_unhex(row.org.id.b, 16, t.id.s, 32);
    read_parents(file, t.parents, &row.org);
    read_carries(file, t.carries, &row.org);
    (void)add_row(list, &row);
}

/* ---- CSV ---- */

enum { COL_ID, COL_CODE, COL_NAME, COL_KIND, COL_FROM, COL_TO, COL_PARENTS, COL_CARRIES, N_COLS };

static void read_header(org_list *list, const conf_file *file, const conf_cell *cells, uint32_t n)
{
    const char *names[N_COLS];
    for (int i = 0; i < N_COLS; i++) {
        names[i] = ORG_ITEMS[i].key;
        list->columns[i] = -1;
    }
    for (uint32_t c = 0; c < n; c++) {
        int found = -1;
        for (int i = 0; i < N_COLS; i++) {
            found = strcmp(cells[c].text, names[i]) == 0 ? i : found;
        }
        conf_node at = {.line = cells[c].line, .column = cells[c].column};
        if (found < 0) {
            static const conf_what what = {"cột", "column", "danh sách đơn vị",
                                           "a list of organisations", NULL};
            conf_unknown(file, &at, cells[c].text, &what, &(conf_names){names, N_COLS});
        } else if (list->columns[found] >= 0) {
            conf_error(file, &at, "cột \"%s\" viết hai lần", "column \"%s\" stands twice",
                       names[found]);
        } else {
            list->columns[found] = (int32_t)c;
        }
    }
    for (int i = 0; i < N_COLS; i++) {
        if (list->columns[i] < 0 && (ORG_ITEMS[i].flags & CONF_REQUIRED) != 0) {
            conf_error_at(file, cells[0].line, 1, "thiếu cột \"%s\" ở dòng tiêu đề",
                          "column \"%s\" is missing in the header row", names[i]);
        }
    }
    list->header = true;
    list->n_columns = n;
}

/* The cell of a column as a node, so that it is checked and reported as in YAML. */
static conf_node cell_node(const org_list *list, const conf_cell *cells, int column)
{
    int32_t at = list->columns[column];
    if (at < 0) {
        return (conf_node){.text = ""};
    }
    return (conf_node){.text = cells[at].text, .line = cells[at].line, .column = cells[at].column};
}

static bool cell_id(lth_id *out, const conf_file *file, const conf_node *at, const char *text,
                    size_t n)
{
    if (!lth_unhex(out->b, 16, text, n)) {
        conf_error(file, at, "\"%.*s\" không phải org_id (32 chữ số hệ 16)",
                   "\"%.*s\" is not an org_id (32 hexadecimal digits)", (int)(n > 60 ? 60 : n),
                   text);
        return false;
    }
    return true;
}

static uint32_t cell_date(const conf_file *file, const conf_node *at, const char *text)
{
    int64_t day = 0;
    if (text[0] != '\0' && !conf_date(&day, text)) {
        conf_error(file, at, "\"%s\" không phải ngày có thật, dạng 2025-07-01",
                   "\"%s\" is not a day that exists, as 2025-07-01", text);
    }
    return (uint32_t)day;
}

/* "ID TYPE [FROM [TO]]", words apart by blanks; a '-' stands for an open day. */
static bool cell_parent(lth_org_parent *out, const conf_file *file, const conf_node *at,
                        const char *text, size_t n)
{
    char words[4][40] = {{0}};
    size_t count = 0;
    for (size_t i = 0; i < n;) {
        size_t blank = strspn(text + i, " \t");
        size_t size = strcspn(text + i + blank, " \t;");
        i += blank + size;
        if (size > 0 && (count == 4 || size >= sizeof words[0])) {
            count = 5;
            break;
        }
        if (size > 0) {
            memcpy(words[count++], text + i - size, size);
        }
    }
    bool professional = strcmp(words[1], "professional") == 0;
    if (count < 2 || count > 4 || (!professional && strcmp(words[1], "administrative") != 0)) {
        conf_error(file, at,
                   "cấp trên phải viết \"ID LOẠI [TỪ [ĐẾN]]\", LOẠI là administrative hoặc "
                   "professional, ngày mở viết \"-\"",
                   "a parent is written \"ID TYPE [FROM [TO]]\", TYPE is administrative or "
                   "professional, an open day is \"-\"");
        return false;
    }
    for (size_t i = 2; i < 4; i++) {
        words[i][0] = strcmp(words[i], "-") == 0 ? '\0' : words[i][0];
    }
    out->type = parent_type(words[1]);
    out->from_day = cell_date(file, at, words[2]);
    out->to_day = cell_date(file, at, words[3]);
    return cell_id(&out->id, file, at, words[0], strlen(words[0]));
}

static uint32_t count_parts(const char *text)
{
    uint32_t n = 1;
    for (; *text != '\0'; text++) {
        n += *text == ';' ? 1 : 0;
    }
    return n;
}

/* The next part of "a; b; c" without blanks around it; false at the end. Empty parts are skipped.
 */
static bool next_part(const char **text, const char **part, size_t *n)
{
    while (**text != '\0') {
        const char *p = *text + strspn(*text, " \t;");
        size_t size = strcspn(p, ";");
        *text = p + size;
        while (size > 0 && (p[size - 1] == ' ' || p[size - 1] == '\t')) {
            size--;
        }
        if (size > 0) {
            *part = p;
            *n = size;
            return true;
        }
    }
    return false;
}

static void read_cell_lists(org_list *list, const conf_file *file, const conf_cell *cells,
                            lth_org *out)
{
    conf_node parents = cell_node(list, cells, COL_PARENTS);
    conf_node carries = cell_node(list, cells, COL_CARRIES);
    const char *part = NULL;
    size_t n = 0;
    if (parents.text[0] != '\0') {
        lth_org_parent *all = conf_keep(list->load, count_parts(parents.text) * sizeof *all);
        for (const char *p = parents.text; all != NULL && next_part(&p, &part, &n);) {
            out->n_parents += cell_parent(&all[out->n_parents], file, &parents, part, n) ? 1 : 0;
        }
        out->parents = all;
    }
    if (carries.text[0] != '\0') {
        lth_id *all = conf_keep(list->load, count_parts(carries.text) * sizeof *all);
        for (const char *p = carries.text; all != NULL && next_part(&p, &part, &n);) {
            out->n_carries += cell_id(&all[out->n_carries], file, &carries, part, n) ? 1 : 0;
        }
        out->carries = all;
    }
}

static bool cell_texts_ok(org_list *list, const conf_file *file, const conf_cell *cells)
{
    conf_node code = cell_node(list, cells, COL_CODE);
    conf_node name = cell_node(list, cells, COL_NAME);
    conf_node kind = cell_node(list, cells, COL_KIND);
    if (!conf_code_ok(code.text)) {
        conf_error(file, &code, "mã đơn vị \"%s\" sai (chữ, số, '.', '_', '-'; nhiều nhất 35)",
                   "code \"%s\" is wrong (letters, digits, '.', '_', '-'; at most 35)", code.text);
    } else if (name.text[0] == '\0' || conf_chars(name.text) > 200) {
        conf_error(file, &name, "tên đơn vị phải có từ 1 đến 200 ký tự",
                   "the name must have 1 to 200 characters");
    } else if (!conf_name_ok(kind.text)) {
        conf_error(file, &kind, "kind chỉ gồm chữ thường a-z, chữ số và '_'",
                   "kind must be lower-case letters, digits and '_'");
    } else {
        return true;
    }
    return false;
}

static bool on_csv_row(void *ctx, const conf_file *file, const conf_cell *cells, uint32_t n)
{
    org_list *list = ctx;
    if (!list->header) {
        uint32_t before = conf_faults(list->load);
        read_header(list, file, cells, n);
        return conf_faults(list->load) == before;
    }
    if (n != list->n_columns) {
        conf_error_at(file, cells[0].line, 1, "dòng có %u ô, dòng tiêu đề có %u",
                      "the row has %u cells, the header row %u", (unsigned)n,
                      (unsigned)list->n_columns);
        return true;
    }
    conf_node id = cell_node(list, cells, COL_ID);
    conf_node from = cell_node(list, cells, COL_FROM);
    conf_node to = cell_node(list, cells, COL_TO);
    org_row row = {.line = cells[0].line, .column = 1, .csv = true};
    bool good = cell_id(&row.org.id, file, &id, id.text, strlen(id.text));
    if (!cell_texts_ok(list, file, cells) || !good) {
        return true;
    }
    row.org.from_day = cell_date(file, &from, from.text);
    row.org.to_day = cell_date(file, &to, to.text);
    row.org.code = conf_keep_text(list->load, cell_node(list, cells, COL_CODE).text);
    row.org.name = conf_keep_text(list->load, cell_node(list, cells, COL_NAME).text);
    row.org.kind = keep_kind(list, cell_node(list, cells, COL_KIND).text);
    read_cell_lists(list, file, cells, &row.org);
    return !list->load->nomem && add_row(list, &row);
}

/* ---- the whole ---- */

static int compare_rows(const void *a, const void *b)
{
    const org_row *x = a;
    const org_row *y = b;
    int order = lth_id_compare(&x->org.id, &y->org.id);
    if (order != 0 || x->csv != y->csv) {
        return order != 0 ? order : (int)x->csv - (int)y->csv;
    }
    return (x->line > y->line) - (x->line < y->line);
}

typedef struct coded {
    const char *code;
    uint32_t at;
} coded;

static int compare_codes(const void *a, const void *b)
{
    const coded *x = a;
    const coded *y = b;
    int order = strcmp(x->code, y->code);
    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static void build(org_list *list, lth_registry *out)
{
    lth_org *orgs = conf_keep(list->load, (list->n + 1u) * sizeof *orgs);
    uint32_t *by_code = conf_keep(list->load, (list->n + 1u) * sizeof *by_code);
    coded *codes = conf_scratch(list->load, (list->n + 1u) * sizeof *codes);
    if (orgs == NULL || by_code == NULL || codes == NULL || list->n == 0) {
        return;
    }
    qsort(list->rows, list->n, sizeof *list->rows, compare_rows);
    for (uint32_t i = 0; i < list->n; i++) {
        orgs[i] = list->rows[i].org;
        codes[i] = (coded){orgs[i].code, i};
    }
    qsort(codes, list->n, sizeof *codes, compare_codes);
    for (uint32_t i = 0; i < list->n; i++) {
        by_code[i] = codes[i].at;
    }
    out->orgs = orgs;
    out->n_orgs = list->n;
    out->by_code = by_code;
}

static void report_fault(const org_list *list, const lth_registry *r,
                         const lth_registry_fault *fault)
{
    bool same = fault->kind == LTH_REGISTRY_SAME_ID || fault->kind == LTH_REGISTRY_SAME_CODE;
    uint32_t index = fault->org;
    uint32_t other = same ? fault->other : fault->org;
    if (same && list->rows[other].csv == list->rows[index].csv &&
        list->rows[other].line > list->rows[index].line) {
        index = fault->other;
        other = fault->org;
    }
    const org_row *row = &list->rows[index];
    const lth_org *org = &r->orgs[fault->org];
    const conf_file *file = row->csv ? &list->csv : &list->yaml;
    char hex[33] = "";
    if (fault->kind == LTH_REGISTRY_UNKNOWN_PARENT) {
        lth_hex(hex, org->parents[fault->other].id.b, 16);
    } else if (fault->kind == LTH_REGISTRY_UNKNOWN_CARRIED) {
        lth_hex(hex, org->carries[fault->other].b, 16);
    } else if (fault->kind == LTH_REGISTRY_LOOP) {
        lth_hex(hex, org->parents[fault->other].id.b, 16);
    }
    static const struct {
        const char *vi, *en;
    } texts[] = {
        [LTH_REGISTRY_SAME_ID] = {"org_id trùng (8 byte đầu) với đơn vị ở dòng",
                                  "org_id has the same first 8 bytes as the one of line"},
        [LTH_REGISTRY_SAME_CODE] = {"mã trùng với đơn vị ở dòng", "same code as line"},
        [LTH_REGISTRY_UNKNOWN_PARENT] = {"không có đơn vị cấp trên nào mang org_id",
                                         "no organisation has the parent's org_id"},
        [LTH_REGISTRY_UNKNOWN_CARRIED] = {"carries: không có đơn vị nào mang org_id",
                                          "carries: no organisation has the org_id"},
        [LTH_REGISTRY_LOOP] = {"cấp trên đi thành vòng qua org_id",
                               "the parents run in a circle through org_id"},
        [LTH_REGISTRY_TOO_DEEP] = {"có quá 32 cấp ở trên", "more than 32 levels stand above"},
    };
    char vi[300];
    char en[300];
    if (same) {
        (void)lth_format(hex, sizeof hex, "%u", (unsigned)list->rows[other].line);
    }
    (void)lth_format(vi, sizeof vi, "đơn vị \"%s\": %s %s", r->orgs[index].code,
                     texts[fault->kind].vi, hex);
    (void)lth_format(en, sizeof en, "organisation \"%s\": %s %s", r->orgs[index].code,
                     texts[fault->kind].en, hex);
    conf_error_text(file, row->line, row->column, vi, en);
}

void conf_orgs(conf_load *load, const char *path, lth_registry *out)
{
    org_list list = {.load = load};
    orgs_texts t = {0};
    *out = (lth_registry){0};
    if (!conf_file_open(&list.yaml, load, path)) {
        return;
    }
    uint32_t before = conf_faults(load);
    conf_read(&list.yaml, list.yaml.root, "orgs.yaml", conf_orgs_items, &t);
    for (const conf_node *one = t.orgs != NULL ? t.orgs->first : NULL; one != NULL;
         one = one->next) {
        read_yaml_org(&list, one);
    }
    if (t.csv.s != NULL && conf_file_name(&list.csv, load, t.csv.s)) {
        conf_csv(&list.csv, on_csv_row, &list);
    }
    out->version = (uint32_t)t.version.v;
    out->list_file = t.csv.s;
    if (conf_faults(load) == before && list.n == 0) {
        conf_error(&list.yaml, NULL, "danh bạ không có đơn vị nào: viết orgs hoặc csv",
                   "the registry has no organisation: write orgs or csv");
    }
    build(&list, out);
    lth_registry_fault fault;
    lth_err err = LTH_OK;
    if (conf_faults(load) == before && !load->nomem && lth_registry_find_fault(out, &fault, &err)) {
        report_fault(&list, out, &fault);
    }
    load->nomem = load->nomem || err == LTH_E_NOMEM;
    free(list.rows);
}

const lth_org *conf_org(const conf_file *file, const conf_node *at, const char *code,
                        const lth_registry *registry)
{
    const lth_org *org = lth_registry_find_code(registry, code);
    if (org != NULL || registry->n_orgs == 0) {
        return org;
    }
    const char **names = conf_scratch(file->load, registry->n_orgs * sizeof *names);
    for (uint32_t i = 0; names != NULL && i < registry->n_orgs; i++) {
        names[i] = registry->orgs[i].code;
    }
    static const conf_what what = {"mã đơn vị", "organisation code", "danh bạ", "the registry",
                                   NULL};
    conf_unknown(file, at, code, &what, &(conf_names){names, names != NULL ? registry->n_orgs : 0});
    return NULL;
}
