#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "orgs.h"

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

const conf_item lth_conf__org_items[] = {
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

const conf_item lth_conf__orgs_items[] = {
    {"version", CONF_COUNT, CONF_REQUIRED, NULL, 1, UINT32_MAX, NULL, NULL,
     offsetof(orgs_texts, version), "Phiên bản danh bạ, tăng mỗi lần sửa",
     "Version of the registry, raised by every change"},
    {"orgs", CONF_ITEMS, 0, NULL, 0, 0, NULL, lth_conf__org_items, offsetof(orgs_texts, orgs),
     "Các đơn vị", "The organisations"},
    {"csv", CONF_PATH, 0, NULL, 0, 0, NULL, NULL, offsetof(orgs_texts, csv),
     "Danh sách dài: tệp CSV có các cột id, code, name, kind, from, to, parents, carries",
     "A long list: a CSV file with the columns id, code, name, kind, from, to, parents, carries"},
    {.key = NULL},
};

bool lth_conf__orgs_add(org_list *list, const org_row *row)
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

const char *lth_conf__orgs_kind(org_list *list, const char *kind)
{
    for (uint32_t i = 0; i < list->n_kinds; i++) {
        if (strcmp(list->kinds[i], kind) == 0) {
            return list->kinds[i];
        }
    }
    const char *kept = lth_conf__keep_text(list->load, kind);
    if (list->n_kinds < sizeof list->kinds / sizeof list->kinds[0] && kept != NULL) {
        list->kinds[list->n_kinds++] = kept;
    }
    return kept;
}

lth_parent_type lth_conf__orgs_parent_type(const char *name)
{
    return strcmp(name, "professional") == 0 ? LTH_PARENT_PROFESSIONAL : LTH_PARENT_ADMINISTRATIVE;
}

static void read_parents(const conf_file *file, const conf_node *list, lth_org *out)
{
    if (list == NULL || list->n == 0) {
        return;
    }
    lth_org_parent *parents = lth_conf__keep(file->load, list->n * sizeof *parents);
    uint32_t n = 0;
    for (const conf_node *one = list->first; one != NULL && parents != NULL; one = one->next) {
        parent_texts t = {0};
        lth_conf__read(file, one, "parents", PARENT_ITEMS, &t);
        if (t.id.s != NULL && t.type.s != NULL) {
            (void)lth_unhex(parents[n].id.b, 16, t.id.s, 32);
            parents[n].type = lth_conf__orgs_parent_type(t.type.s);
            parents[n].from_day = (uint32_t)t.from.v;
            parents[n++].to_day = (uint32_t)t.to.v;
        }
    }
    out->parents = parents;
    out->n_parents = n;
}

static void read_carries(const conf_file *file, const conf_node *list, lth_org *out)
{
    if (list == NULL || !lth_conf__is(file, list, CONF_LIST) || list->n == 0) {
        return;
    }
    lth_id *ids = lth_conf__keep(file->load, list->n * sizeof *ids);
    uint32_t n = 0;
    for (const conf_node *one = list->first; one != NULL && ids != NULL; one = one->next) {
        if (!lth_conf__is(file, one, CONF_SCALAR)) {
            continue;
        }
        if (!lth_unhex(ids[n++].b, 16, one->text, strlen(one->text))) {
            lth_conf__error(file, one, "carries phải gồm các org_id 32 chữ số hệ 16",
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
    lth_conf__read(file, node, "orgs", lth_conf__org_items, &t);
    if (t.id.s == NULL || t.code.s == NULL || t.name.s == NULL || t.kind.s == NULL) {
        return;
    }
    org_row row = {.org = {.code = t.code.s,
                           .name = t.name.s,
                           .kind = lth_conf__orgs_kind(list, t.kind.s),
                           .from_day = (uint32_t)t.from.v,
                           .to_day = (uint32_t)t.to.v},
                   .line = node->line,
                   .column = node->column};
    (void)lth_unhex(row.org.id.b, 16, t.id.s, 32);
    read_parents(file, t.parents, &row.org);
    read_carries(file, t.carries, &row.org);
    (void)lth_conf__orgs_add(list, &row);
}

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
    lth_org *orgs = lth_conf__keep(list->load, (list->n + 1u) * sizeof *orgs);
    uint32_t *by_code = lth_conf__keep(list->load, (list->n + 1u) * sizeof *by_code);
    coded *codes = lth_conf__scratch(list->load, (list->n + 1u) * sizeof *codes);
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
    lth_conf__error_text(file, row->line, row->column, vi, en);
}

void lth_conf__orgs(conf_load *load, const char *path, lth_registry *out)
{
    org_list list = {.load = load};
    orgs_texts t = {0};
    *out = (lth_registry){0};
    if (!lth_conf__file_open(&list.yaml, load, path)) {
        return;
    }
    uint32_t before = conf_faults(load);
    lth_conf__read(&list.yaml, list.yaml.root, "orgs.yaml", lth_conf__orgs_items, &t);
    for (const conf_node *one = t.orgs != NULL ? t.orgs->first : NULL; one != NULL;
         one = one->next) {
        read_yaml_org(&list, one);
    }
    if (t.csv.s != NULL && lth_conf__file_name(&list.csv, load, t.csv.s)) {
        lth_conf__csv(&list.csv, lth_conf__orgs_csv_row, &list);
    }
    out->version = (uint32_t)t.version.v;
    out->list_file = t.csv.s;
    if (conf_faults(load) == before && list.n == 0) {
        lth_conf__error(&list.yaml, NULL, "danh bạ không có đơn vị nào: viết orgs hoặc csv",
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

const lth_org *lth_conf__org(const conf_file *file, const conf_node *at, const char *code,
                             const lth_registry *registry)
{
    const lth_org *org = lth_registry_find_code(registry, code);
    if (org != NULL || registry->n_orgs == 0) {
        return org;
    }
    const char **names = lth_conf__scratch(file->load, registry->n_orgs * sizeof *names);
    for (uint32_t i = 0; names != NULL && i < registry->n_orgs; i++) {
        names[i] = registry->orgs[i].code;
    }
    static const conf_what what = {"mã đơn vị", "organisation code", "danh bạ", "the registry",
                                   NULL};
    lth_conf__unknown(file, at, code, &what,
                      &(conf_names){names, names != NULL ? registry->n_orgs : 0});
    return NULL;
}
