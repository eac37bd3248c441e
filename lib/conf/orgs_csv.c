#include <string.h>

#include "orgs.h"

static void read_header(org_list *list, const conf_file *file, const conf_cell *cells, uint32_t n)
{
    const char *names[ORG_KEYS];
    for (int i = 0; i < ORG_KEYS; i++) {
        names[i] = lth_conf__org_items[i].key;
        list->columns[i] = -1;
    }
    for (uint32_t c = 0; c < n; c++) {
        int found = -1;
        for (int i = 0; i < ORG_KEYS; i++) {
            found = strcmp(cells[c].text, names[i]) == 0 ? i : found;
        }
        conf_node at = {.line = cells[c].line, .column = cells[c].column};
        if (found < 0) {
            static const conf_what what = {"cột", "column", "danh sách đơn vị",
                                           "a list of organisations", NULL};
            lth_conf__unknown(file, &at, cells[c].text, &what, &(conf_names){names, ORG_KEYS});
        } else if (list->columns[found] >= 0) {
            lth_conf__error(file, &at, "cột \"%s\" viết hai lần", "column \"%s\" stands twice",
                            names[found]);
        } else {
            list->columns[found] = (int32_t)c;
        }
    }
    for (int i = 0; i < ORG_KEYS; i++) {
        if (list->columns[i] < 0 && (lth_conf__org_items[i].flags & CONF_REQUIRED) != 0) {
            lth_conf__error_at(file, cells[0].line, 1, "thiếu cột \"%s\" ở dòng tiêu đề",
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
        lth_conf__error(file, at, "\"%.*s\" không phải org_id (32 chữ số hệ 16)",
                        "\"%.*s\" is not an org_id (32 hexadecimal digits)", (int)(n > 60 ? 60 : n),
                        text);
        return false;
    }
    return true;
}

static uint32_t cell_date(const conf_file *file, const conf_node *at, const char *text)
{
    int64_t day = 0;
    if (text[0] != '\0' && !lth_conf__date(&day, text)) {
        lth_conf__error(file, at, "\"%s\" không phải ngày có thật, dạng 2025-07-01",
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
        lth_conf__error(file, at,
                        "cấp trên phải viết \"ID LOẠI [TỪ [ĐẾN]]\", LOẠI là administrative hoặc "
                        "professional, ngày mở viết \"-\"",
                        "a parent is written \"ID TYPE [FROM [TO]]\", TYPE is administrative or "
                        "professional, an open day is \"-\"");
        return false;
    }
    for (size_t i = 2; i < 4; i++) {
        words[i][0] = strcmp(words[i], "-") == 0 ? '\0' : words[i][0];
    }
    out->type = lth_conf__orgs_parent_type(words[1]);
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
    conf_node parents = cell_node(list, cells, ORG_PARENTS);
    conf_node carries = cell_node(list, cells, ORG_CARRIES);
    const char *part = NULL;
    size_t n = 0;
    if (parents.text[0] != '\0') {
        lth_org_parent *all = lth_conf__keep(list->load, count_parts(parents.text) * sizeof *all);
        for (const char *p = parents.text; all != NULL && next_part(&p, &part, &n);) {
            out->n_parents += cell_parent(&all[out->n_parents], file, &parents, part, n) ? 1 : 0;
        }
        out->parents = all;
    }
    if (carries.text[0] != '\0') {
        lth_id *all = lth_conf__keep(list->load, count_parts(carries.text) * sizeof *all);
        for (const char *p = carries.text; all != NULL && next_part(&p, &part, &n);) {
            out->n_carries += cell_id(&all[out->n_carries], file, &carries, part, n) ? 1 : 0;
        }
        out->carries = all;
    }
}

static bool cell_texts_ok(org_list *list, const conf_file *file, const conf_cell *cells)
{
    conf_node code = cell_node(list, cells, ORG_CODE);
    conf_node name = cell_node(list, cells, ORG_NAME);
    conf_node kind = cell_node(list, cells, ORG_KIND);
    if (!lth_conf__code_ok(code.text)) {
        lth_conf__error(file, &code, "mã đơn vị \"%s\" sai (chữ, số, '.', '_', '-'; nhiều nhất 35)",
                        "code \"%s\" is wrong (letters, digits, '.', '_', '-'; at most 35)",
                        code.text);
    } else if (name.text[0] == '\0' || lth_conf__chars(name.text) > 200) {
        lth_conf__error(file, &name, "tên đơn vị phải có từ 1 đến 200 ký tự",
                        "the name must have 1 to 200 characters");
    } else if (!lth_conf__name_ok(kind.text)) {
        lth_conf__error(file, &kind, "kind chỉ gồm chữ thường a-z, chữ số và '_'",
                        "kind must be lower-case letters, digits and '_'");
    } else {
        return true;
    }
    return false;
}

bool lth_conf__orgs_csv_row(void *ctx, const conf_file *file, const conf_cell *cells, uint32_t n)
{
    org_list *list = ctx;
    if (!list->header) {
        uint32_t before = conf_faults(list->load);
        read_header(list, file, cells, n);
        return conf_faults(list->load) == before;
    }
    if (n != list->n_columns) {
        lth_conf__error_at(file, cells[0].line, 1, "dòng có %u ô, dòng tiêu đề có %u",
                           "the row has %u cells, the header row %u", (unsigned)n,
                           (unsigned)list->n_columns);
        return true;
    }
    conf_node id = cell_node(list, cells, ORG_ID);
    conf_node from = cell_node(list, cells, ORG_FROM);
    conf_node to = cell_node(list, cells, ORG_TO);
    org_row row = {.line = cells[0].line, .column = 1, .csv = true};
    bool good = cell_id(&row.org.id, file, &id, id.text, strlen(id.text));
    if (!cell_texts_ok(list, file, cells) || !good) {
        return true;
    }
    row.org.from_day = cell_date(file, &from, from.text);
    row.org.to_day = cell_date(file, &to, to.text);
    row.org.code = lth_conf__keep_text(list->load, cell_node(list, cells, ORG_CODE).text);
    row.org.name = lth_conf__keep_text(list->load, cell_node(list, cells, ORG_NAME).text);
    row.org.kind = lth_conf__orgs_kind(list, cell_node(list, cells, ORG_KIND).text);
    read_cell_lists(list, file, cells, &row.org);
    return !list->load->nomem && lth_conf__orgs_add(list, &row);
}
