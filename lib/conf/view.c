/* Views that hold many schools (hosted.views), split by a column. */
#include <stddef.h>
#include <string.h>

#include "profile.h"

typedef struct view_texts {
    conf_text name, query, org_from;
    conf_database source;
    conf_number every;
} view_texts;

const conf_item lth_conf__view_items[] = {
    {"name", CONF_TEXT, CONF_REQUIRED, NULL, 1, LTH_VIEW_NAME_MAX, NULL, NULL,
     offsetof(view_texts, name), "Tên: chữ thường, chữ số, -; tệp của mỗi trường mang tên này",
     "Name: lower-case letters, digits, -; the schools' files bear it"},
    {"source", CONF_TABLE, CONF_REQUIRED, NULL, 0, 0, NULL, lth_conf__database_items,
     offsetof(view_texts, source), "Cơ sở dữ liệu có khung nhìn, chỉ đọc",
     "The database that has the view, only ever read"},
    {"query", CONF_TEXT, CONF_REQUIRED, NULL, 1, 16384, NULL, NULL, offsetof(view_texts, query),
     "Câu SELECT đọc khung nhìn; tên cột là tiêu đề mà bộ ánh xạ tìm. Nên có ORDER BY: thứ tự khác "
     "cũng là tệp khác",
     "The SELECT that reads the view; its column names are the headers that profiles look for. "
     "Should have an ORDER BY: another order is another file"},
    {"org_from", CONF_TEXT, CONF_REQUIRED, NULL, 1, 128, NULL, NULL, offsetof(view_texts, org_from),
     "Cột mang mã trường, không được trống", "Column with the code of the school, never empty"},
    {"every", CONF_DURATION, 0, "15m", 60000, 86400000, NULL, NULL, offsetof(view_texts, every),
     "Đọc lại sau", "Read again after"},
    {.key = NULL},
};

static bool name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return name[0] >= 'a' && name[0] <= 'z' && name[n] == '\0' && name[n - 1] != '-';
}

static void check_name(const conf_file *file, const conf_text *name, const lth_agent_conf *out,
                       uint32_t n)
{
    if (!name_ok(name->s)) {
        lth_conf__error(file, name->at,
                        "\"%s\" không phải tên khung nhìn: chữ thường, chữ số và - ở giữa, đầu là "
                        "chữ",
                        "\"%s\" is no name of a view: lower-case letters, digits and - between, a "
                        "letter first",
                        name->s);
    } else if (lth_registry_find_code(&out->registry, name->s) != NULL) {
        lth_conf__error(file, name->at, "\"%s\" là mã của một đơn vị: đặt tên khác",
                        "\"%s\" is the code of an organisation: use another name", name->s);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (out->views[i].name != NULL && strcmp(out->views[i].name, name->s) == 0) {
            lth_conf__error(file, name->at, "khung nhìn \"%s\" đã có ở trên",
                            "view \"%s\" stands above", name->s);
        }
    }
}

static void read_view(const conf_file *file, const conf_node *node, const lth_agent_conf *out,
                      lth_view_conf *views, uint32_t n)
{
    view_texts t = {0};
    lth_conf__read(file, node, "views", lth_conf__view_items, &t);
    if (t.name.s != NULL) {
        check_name(file, &t.name, out, n);
    }
    views[n] = (lth_view_conf){.name = t.name.s,
                               .source = {.org = t.name.s},
                               .query = t.query.s,
                               .org_from = t.org_from.s,
                               .every_ms = (uint32_t)t.every.v};
    lth_conf__database(file, &t.source, &views[n].source);
}

/* ".views" beside the inboxes: what is made there is renamed into them. */
static const char *views_dir(const conf_file *file, const char *inbox)
{
    char text[1200];
    const char *mark = strstr(inbox, "{org}");
    size_t n = mark != NULL ? (size_t)(mark - inbox) : 0;
    while (n > 0 && inbox[n - 1] != '/') {
        n--;
    }
    (void)lth_format(text, sizeof text, "%.*s.views", (int)n, inbox);
    return lth_conf__absolute(file, text);
}

void lth_conf__views(const conf_file *file, const conf_node *list, const char *inbox,
                     lth_agent_conf *out)
{
    if (list == NULL || list->n == 0) {
        return;
    }
    if (list->n > LTH_VIEWS_MAX) {
        lth_conf__error(file, list, "quá %u khung nhìn", "more than %u views", LTH_VIEWS_MAX);
        return;
    }
    lth_view_conf *views = lth_conf__keep(file->load, list->n * sizeof *views);
    uint32_t n = 0;
    out->views = views;
    for (const conf_node *one = list->first; one != NULL && views != NULL; one = one->next) {
        read_view(file, one, out, views, n++);
    }
    out->n_views = n;
    out->views_dir = views_dir(file, inbox);
}
