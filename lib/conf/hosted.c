/* Hosted schools: a CSV list, one inbox each, the profiles they use. */
#include <stddef.h>
#include <string.h>

#include "profile.h"

#define PROFILES_MAX 16u /* Different combinations of one agent. */
#define PARTS_MAX    8u
#define NAMES_BYTES  256u

static const conf_item CARRIER_ITEMS[] = {
    {"inbox", CONF_PATH, CONF_REQUIRED, NULL, 0, 0, NULL, NULL,
     offsetof(conf_hosted, carrier_inbox), "Thư mục nhận tệp chứa nhiều trường",
     "Directory for files that hold many schools"},
    {"profile", CONF_ANY, CONF_REQUIRED, NULL, 0, 0, NULL, NULL,
     offsetof(conf_hosted, carrier_profile), "Bộ ánh xạ có org_from",
     "A profile that has org_from"},
    {.key = NULL},
};

const conf_item lth_conf__hosted_items[] = {
    {"schools", CONF_PATH, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, offsetof(conf_hosted, schools),
     "Danh sách trường, CSV có dòng tiêu đề: org, và nếu muốn profile; cột khác bỏ qua",
     "The schools, a CSV with a header row: org, and if wanted profile; other columns are ignored"},
    {"profile", CONF_ANY, 0, NULL, 0, 0, NULL, NULL, offsetof(conf_hosted, profile),
     "Bộ ánh xạ dùng chung: tên, hoặc [tên, ...] khi một trường nộp nhiều loại tệp",
     "Shared mapping: a name, or [name, ...] when a school hands in several kinds of file"},
    {"inbox", CONF_TEXT, 0, "inbox/{org}", 1, 1000, NULL, NULL, offsetof(conf_hosted, inbox),
     "Thư mục nhận tệp của mỗi trường; {org} là mã trường",
     "Directory for the files of each school; {org} is its code"},
    {"keys", CONF_PATH, 0, "hosted", 0, 0, NULL, NULL, offsetof(conf_hosted, keys),
     "Thư mục khoá ký thay các trường (vai trò host)",
     "Directory of the keys that sign for the schools (role host)"},
    {"carrier", CONF_TABLE, 0, NULL, 0, 0, NULL, CARRIER_ITEMS, 0,
     "Tệp chứa nhiều trường, tách theo cột org_from",
     "Files that hold many schools, split by the column org_from"},
    {"views", CONF_ITEMS, 0, NULL, 0, 0, NULL, lth_conf__view_items, offsetof(conf_hosted, views),
     "Khung nhìn (view) chứa nhiều trường: đọc theo giờ, mỗi trường được một tệp CSV vào hộp nhận "
     "của mình",
     "Views that hold many schools: read by the clock, every school gets a CSV file into its own "
     "inbox"},
    {.key = NULL},
};

typedef struct hosts {
    const conf_file *file;
    const conf_hosted *t;
    const char *profiles;
    lth_agent_conf *out;
    lth_source_conf *schools;
    uint32_t n, cap;
    int32_t org, profile; /* Columns of the CSV. */
    bool header;
    struct {
        char names[NAMES_BYTES];
        const lth_profile *profile;
    } known[PROFILES_MAX];
    uint32_t n_known;
} hosts;

/* ---- profiles by name ---- */

static const lth_profile *load_parts(hosts *h, const conf_node *at, const char *names)
{
    lth_profile parts[PARTS_MAX];
    uint32_t n = 0;
    for (const char *p = names; *p != '\0'; n++) {
        char path[NAMES_BYTES + 8];
        size_t size = strcspn(p, "+");
        if (n == PARTS_MAX) {
            lth_conf__error(h->file, at, "quá %u bộ ánh xạ", "more than %u profiles", PARTS_MAX);
            return NULL;
        }
        (void)lth_format(path, sizeof path, "%.*s.yaml", (int)size, p);
        conf_file dir = *h->file;
        dir.dir = h->profiles;
        const char *full = lth_conf__path(&dir, path);
        if (full == NULL || !lth_conf__profile(h->file->load, full, &h->out->schema, &parts[n])) {
            return NULL;
        }
        p += size + (p[size] == '+' ? 1 : 0);
    }
    lth_profile *whole = lth_conf__keep(h->file->load, sizeof *whole);
    return whole != NULL && n > 0 && lth_conf__profiles_join(h->file, at, parts, n, whole) ? whole
                                                                                           : NULL;
}

static bool name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_+");
    return n > 0 && name[n] == '\0' && n < NAMES_BYTES;
}

static const lth_profile *profile_of(hosts *h, const conf_node *at, const char *names)
{
    for (uint32_t i = 0; i < h->n_known; i++) {
        if (strcmp(h->known[i].names, names) == 0) {
            return h->known[i].profile;
        }
    }
    if (!name_ok(names)) {
        lth_conf__error(h->file, at, "\"%s\" không phải tên bộ ánh xạ: chữ thường, chữ số, - và _",
                        "\"%s\" is no name of a profile: lower-case letters, digits, - and _",
                        names);
        return NULL;
    }
    if (h->n_known == PROFILES_MAX) {
        lth_conf__error(h->file, at, "quá %u cách phối hợp bộ ánh xạ",
                        "more than %u combinations of profiles", PROFILES_MAX);
        return NULL;
    }
    const lth_profile *profile = load_parts(h, at, names);
    (void)lth_format(h->known[h->n_known].names, NAMES_BYTES, "%s", names);
    h->known[h->n_known++].profile = profile;
    return profile;
}

/* A name or a list of names, as "a+b". */
static bool join_names(hosts *h, const conf_node *node, char out[NAMES_BYTES])
{
    size_t n = 0;
    out[0] = '\0';
    const conf_node *one = node->kind == CONF_LIST ? node->first : node;
    for (; one != NULL; one = node->kind == CONF_LIST ? one->next : NULL) {
        if (!lth_conf__is(h->file, one, CONF_SCALAR)) {
            return false;
        }
        n += lth_format(out + n, NAMES_BYTES - n, "%s%s", n > 0 ? "+" : "", one->text);
    }
    return true;
}

static const lth_profile *profile_at(hosts *h, const conf_node *node)
{
    char names[NAMES_BYTES];
    return join_names(h, node, names) ? profile_of(h, node, names) : NULL;
}

/* ---- schools ---- */

static const char *inbox_of(const hosts *h, const char *org)
{
    char text[1200];
    const char *form = h->t->inbox.s;
    const char *mark = strstr(form, "{org}");
    (void)lth_format(text, sizeof text, "%.*s%s%s", (int)(mark - form), form, org,
                     mark + strlen("{org}"));
    return lth_conf__absolute(h->file, text);
}

static void read_header(hosts *h, const conf_file *file, const conf_cell *cells, uint32_t n)
{
    h->header = true;
    h->org = h->profile = -1;
    for (uint32_t i = 0; i < n; i++) {
        h->org = strcmp(cells[i].text, "org") == 0 ? (int32_t)i : h->org;
        h->profile = strcmp(cells[i].text, "profile") == 0 ? (int32_t)i : h->profile;
    }
    if (h->org < 0) {
        lth_conf__error_at(file, 1, 1, "thiếu cột \"%s\" ở dòng tiêu đề",
                           "column \"%s\" is missing in the header row", "org");
    }
}

static bool grow(hosts *h)
{
    if (h->n < h->cap) {
        return true;
    }
    uint32_t cap = h->cap * 2 + 64;
    lth_source_conf *schools = lth_conf__keep(h->file->load, cap * sizeof *schools);
    if (schools == NULL) {
        return false;
    }
    if (h->n > 0) {
        memcpy(schools, h->schools, h->n * sizeof *schools);
    }
    h->schools = schools;
    h->cap = cap;
    return true;
}

static bool is_known(const hosts *h, const lth_org *org)
{
    for (uint32_t i = 0; i < h->n; i++) {
        if (lth_id_equal(&h->schools[i].org_id, &org->id)) {
            return true;
        }
    }
    return false;
}

static void add_school(hosts *h, const conf_file *file, const conf_cell *cells, uint32_t n)
{
    conf_node at = {.line = cells[h->org].line, .column = cells[h->org].column};
    const lth_org *org = lth_conf__org(file, &at, cells[h->org].text, &h->out->registry);
    if (org == NULL) {
        return;
    }
    if (is_known(h, org)) {
        lth_conf__error(file, &at, "trường \"%s\" đã có ở trên", "school \"%s\" stands above",
                        org->code);
        return;
    }
    bool own = h->profile >= 0 && (uint32_t)h->profile < n && cells[h->profile].text[0] != '\0';
    if (!own && h->t->profile == NULL) {
        lth_conf__error(file, &at, "trường \"%s\" chưa có bộ ánh xạ",
                        "school \"%s\" has no profile", org->code);
        return;
    }
    const lth_profile *profile =
        own ? profile_of(h, &at, cells[h->profile].text) : profile_at(h, h->t->profile);
    if (profile == NULL || !grow(h)) {
        return;
    }
    h->schools[h->n++] = (lth_source_conf){.org = org->code,
                                           .org_id = org->id,
                                           .tables = profile->tables,
                                           .n_tables = profile->n_tables,
                                           .profile = profile,
                                           .inbox = inbox_of(h, org->code)};
}

static bool take_row(void *ctx, const conf_file *file, const conf_cell *cells, uint32_t n)
{
    hosts *h = ctx;
    if (!h->header) {
        read_header(h, file, cells, n);
        return h->org >= 0;
    }
    if ((uint32_t)h->org >= n) {
        lth_conf__error_at(file, cells[0].line, 1, "dòng thiếu cột \"%s\"",
                           "the row has no column \"%s\"", "org");
        return true;
    }
    add_school(h, file, cells, n);
    return true;
}

static void read_carrier(hosts *h)
{
    const conf_hosted *t = h->t;
    if (t->carrier_profile == NULL || t->carrier_inbox.s == NULL) {
        return;
    }
    h->out->carrier_profile = profile_at(h, t->carrier_profile);
    h->out->carrier_inbox = lth_conf__from_here(h->file->load, t->carrier_inbox.s);
    if (h->out->carrier_profile != NULL && h->out->carrier_profile->org_from == NULL) {
        lth_conf__error(h->file, t->carrier_profile,
                        "bộ ánh xạ \"%s\" không có org_from: không tách được theo trường",
                        "profile \"%s\" has no org_from: it cannot be split by school",
                        h->out->carrier_profile->name);
    }
}

/* What belongs to a file of many schools must be read as each school reads its own. */
static void check_carrier(const hosts *h)
{
    const lth_profile *carrier = h->out->carrier_profile;
    for (uint32_t i = 0; carrier != NULL && i < h->n; i++) {
        const lth_source_conf *school = &h->schools[i];
        if (school->profile == NULL || school->profile == carrier) {
            continue;
        }
        lth_conf__error(h->file, h->t->carrier_profile,
                        "trường \"%s\" dùng bộ ánh xạ \"%s\", tệp chung dùng \"%s\": phải như nhau",
                        "school \"%s\" uses profile \"%s\", the common file \"%s\": they must be "
                        "the same",
                        school->org, school->profile->name, carrier->name);
        return;
    }
}

void lth_conf__hosted(const conf_file *file, const conf_hosted *t, const char *profiles,
                      const lth_source_conf *written, uint32_t n_written, lth_agent_conf *out)
{
    conf_file list;
    if (t->schools.s == NULL || t->inbox.s == NULL || t->keys.s == NULL) {
        return;
    }
    if (strstr(t->inbox.s, "{org}") == NULL) {
        lth_conf__error(file, t->inbox.at, "inbox thiếu {org}: mỗi trường một thư mục",
                        "inbox lacks {org}: one directory a school");
        return;
    }
    hosts *h = lth_conf__scratch(file->load, sizeof *h);
    if (h == NULL) {
        return;
    }
    *h = (hosts){.file = file, .t = t, .profiles = profiles, .out = out};
    for (uint32_t i = 0; i < n_written && grow(h); i++) {
        h->schools[h->n++] = written[i];
    }
    if (lth_conf__file_name(&list, file->load, t->schools.s)) {
        lth_conf__csv(&list, take_row, h);
    }
    read_carrier(h);
    check_carrier(h);
    lth_conf__views(file, t->views, t->inbox.s, out);
    out->hosted_dir = lth_conf__from_here(file->load, t->keys.s);
    out->schools = h->schools;
    out->n_schools = h->n;
}
