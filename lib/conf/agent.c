#include <stddef.h>
#include <string.h>

#include "profile.h"

typedef struct agent_texts {
    struct {
        conf_text org, name, store, identity, control, broker;
    } node;
    struct {
        conf_number store_mib, live, upload_mib, keep_uploads;
    } limits;
    struct {
        conf_number gone_percent, gone_least;
    } guard;
    struct {
        conf_text orgs, datasets, profiles, codelists;
    } files;
    const conf_node *schools;
    conf_hosted hosted;
} agent_texts;

#define AT(section, member) (offsetof(agent_texts, section.member) - offsetof(agent_texts, section))

static const conf_item NODE_ITEMS[] = {
    {"org", CONF_CODE, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(node, org),
     "Mã đơn vị chạy agent này (trường, hoặc đơn vị chạy hộ)",
     "Code of the organisation that runs this agent (a school, or its host)"},
    {"name", CONF_TEXT, 0, NULL, 1, 200, NULL, NULL, AT(node, name), "Tên, cho người đọc",
     "Name, for people"},
    {"store", CONF_PATH, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(node, store),
     "Thư mục hàng đợi gửi (đĩa cục bộ)", "Directory of the outbox (a local disk)"},
    {"identity", CONF_PATH, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(node, identity),
     "Thư mục khoá và chứng thư", "Directory of keys and certificates"},
    {"control", CONF_PATH, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(node, control),
     "Ổ cắm (socket) cho lệnh lienthong; đường dẫn nhiều nhất 107 byte",
     "Socket for the lienthong command; a path of at most 107 bytes"},
    {"broker", CONF_ENDPOINT, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(node, broker),
     "Địa chỉ broker", "Where the broker listens"},
    {.key = NULL},
};

static const conf_item LIMIT_ITEMS[] = {
    {"store_mib", CONF_COUNT, 0, "256", 16, 65536, NULL, NULL, AT(limits, store_mib),
     "Dung lượng hàng đợi lớn nhất, MiB", "Largest size of the outbox, MiB"},
    {"live", CONF_DURATION, 0, "60s", 1000, 3600000, NULL, NULL, AT(limits, live),
     "Sau gói gửi ngay đầu tiên, mỗi đơn vị nhiều nhất một gói trong thời gian này",
     "After a first batch sent at once, at most one per organisation in this time"},
    {"upload_mib", CONF_COUNT, 0, "20", 1, 64, NULL, NULL, AT(limits, upload_mib),
     "Tệp nộp lớn nhất, MiB", "Largest uploaded file, MiB"},
    {"keep_uploads", CONF_COUNT, 0, "400", 1, 36500, NULL, NULL, AT(limits, keep_uploads),
     "Giữ tệp đã đọc bao nhiêu ngày", "For how many days files are kept after they were read"},
    {.key = NULL},
};

static const conf_item GUARD_ITEMS[] = {
    {"gone_percent", CONF_COUNT, 0, "20", 1, 100, NULL, NULL, AT(guard, gone_percent),
     "Quá bấy nhiêu phần trăm bản ghi của một tập dữ liệu biến mất trong một lần đọc thì chờ người "
     "xác nhận",
     "When more than this percentage of a dataset's records is gone in one reading, a person is "
     "asked"},
    {"gone_least", CONF_COUNT, 0, "5", 1, 1000000, NULL, NULL, AT(guard, gone_least),
     "Ít hơn bấy nhiêu bản ghi thì không hỏi (trừ khi mất hết)",
     "Fewer records than this are not asked about (unless all are gone)"},
    {.key = NULL},
};

static const conf_item FILE_ITEMS[] = {
    {"orgs", CONF_PATH, 0, "orgs.yaml", 0, 0, NULL, NULL, AT(files, orgs), "Danh bạ đơn vị",
     "Registry of organisations"},
    {"datasets", CONF_PATH, 0, "datasets", 0, 0, NULL, NULL, AT(files, datasets),
     "Thư mục định nghĩa tập dữ liệu", "Directory of dataset definitions"},
    {"codelists", CONF_PATH, 0, NULL, 0, 0, NULL, NULL, AT(files, codelists),
     "Thư mục danh mục; mặc định: codelists cạnh thư mục datasets, nếu có",
     "Directory of code lists; default: codelists beside datasets, if there is one"},
    {"profiles", CONF_PATH, 0, "profiles", 0, 0, NULL, NULL, AT(files, profiles),
     "Thư mục bộ ánh xạ tệp", "Directory of profiles for files"},
    {.key = NULL},
};

typedef struct table_texts {
    conf_text dataset, mode, query, key;
    conf_number every;
    const conf_node *fields;
} table_texts;

static const conf_item TABLE_ITEMS[] = {
    {"dataset", CONF_NAME, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, offsetof(table_texts, dataset),
     "Tập dữ liệu", "Dataset"},
    {"mode", CONF_ENUM, 0, "diff", 0, 0, "diff|watermark|trigger|file", NULL,
     offsetof(table_texts, mode), "Cách tìm thay đổi: diff so cả bảng (cách khác chưa hỗ trợ)",
     "How changes are found: diff compares the whole table (others not supported yet)"},
    {"every", CONF_DURATION, 0, "30s", 1000, 86400000, NULL, NULL, offsetof(table_texts, every),
     "Quét lại sau", "Scanned again after"},
    {"query", CONF_TEXT, CONF_REQUIRED, NULL, 1, 16384, NULL, NULL, offsetof(table_texts, query),
     "Câu SELECT đọc bảng", "The SELECT that reads the table"},
    {"key", CONF_TEXT, CONF_REQUIRED, NULL, 1, 128, NULL, NULL, offsetof(table_texts, key),
     "Cột khoá của nguồn: không trống, không trùng",
     "The source's key column: not NULL, no duplicates"},
    {"fields", CONF_NAMED, CONF_REQUIRED, NULL, 0, 0, NULL, lth_conf__source_items,
     offsetof(table_texts, fields),
     "{ trường: cột } hoặc { trường: { from, as, map } }, { trường: { const } }, "
     "{ trường: { items } }",
     "{ field: column } or { field: { from, as, map } }, { field: { const } }, "
     "{ field: { items } }"},
    {.key = NULL},
};

typedef struct school_texts {
    conf_text org;
    conf_database source;
    const conf_node *tables;
} school_texts;

static const conf_item SCHOOL_ITEMS[] = {
    {"org", CONF_CODE, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, offsetof(school_texts, org),
     "Mã trường, có trong danh bạ", "Code of the school, in the registry"},
    {"source", CONF_TABLE, CONF_REQUIRED, NULL, 0, 0, NULL, lth_conf__database_items,
     offsetof(school_texts, source), "Cơ sở dữ liệu của trường, chỉ đọc",
     "The school's database, only ever read"},
    {"tables", CONF_ITEMS, CONF_REQUIRED, NULL, 0, 0, NULL, TABLE_ITEMS,
     offsetof(school_texts, tables), "Bảng nguồn, mỗi tập dữ liệu một mục",
     "Source tables, one entry a dataset"},
    {.key = NULL},
};

const conf_item lth_conf__agent_items[] = {
    {"node", CONF_TABLE, CONF_REQUIRED, NULL, 0, 0, NULL, NODE_ITEMS, offsetof(agent_texts, node),
     "Nút này", "This node"},
    {"limits", CONF_TABLE, 0, NULL, 0, 0, NULL, LIMIT_ITEMS, offsetof(agent_texts, limits),
     "Giới hạn", "Limits"},
    {"guard", CONF_TABLE, 0, NULL, 0, 0, NULL, GUARD_ITEMS, offsetof(agent_texts, guard),
     "Chống xoá nhầm hàng loạt", "Against mass deletion by mistake"},
    {"files", CONF_TABLE, 0, NULL, 0, 0, NULL, FILE_ITEMS, offsetof(agent_texts, files),
     "Các tệp khác, tính từ thư mục của tệp này", "The other files, from this file's directory"},
    {"schools", CONF_ITEMS, 0, NULL, 0, 0, NULL, SCHOOL_ITEMS, offsetof(agent_texts, schools),
     "Các trường có cơ sở dữ liệu mà agent này phục vụ",
     "The schools with a database that this agent serves"},
    {"hosted", CONF_TABLE, 0, NULL, 0, 0, NULL, lth_conf__hosted_items,
     offsetof(agent_texts, hosted), "Nhiều trường nộp tệp, từ một danh sách",
     "Many schools that hand in files, from one list"},
    {.key = NULL},
};

typedef struct reader {
    conf_file file;
    lth_agent_conf *out;
} reader;

static void read_table(reader *r, const conf_node *node, lth_source_table *tables, uint32_t n)
{
    table_texts t = {0};
    lth_source_table *out = &tables[n];
    lth_conf__read(&r->file, node, "tables", TABLE_ITEMS, &t);
    out->mode = t.mode.s;
    out->every_ms = (uint32_t)t.every.v;
    out->query = t.query.s;
    out->key = t.key.s;
    if (t.mode.s != NULL && strcmp(t.mode.s, "diff") != 0) {
        char what[64];
        (void)lth_format(what, sizeof what, "mode: %s", t.mode.s);
        lth_conf__later(&r->file, t.mode.at, what);
    }
    const lth_dataset *ds = t.dataset.s != NULL ? lth_conf__dataset(&r->file, t.dataset.at,
                                                                    t.dataset.s, &r->out->schema)
                                                : NULL;
    if (ds == NULL || t.fields == NULL || t.key.s == NULL) {
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (tables[i].mapping.dataset == ds) {
            lth_conf__error(&r->file, t.dataset.at,
                            "tập dữ liệu \"%s\" đã có bảng ở trên: gộp vào một câu SELECT",
                            "dataset \"%s\" has a table above: join them in one SELECT", ds->name);
        }
    }
    (void)lth_conf__mapping(&r->file, t.fields, &t.key, ds, &out->mapping);
}

static void read_school(reader *r, const conf_node *node, lth_source_conf *schools, uint32_t n)
{
    school_texts t = {0};
    lth_source_conf *out = &schools[n];
    lth_conf__read(&r->file, node, "schools", SCHOOL_ITEMS, &t);
    const lth_org *org =
        t.org.s != NULL ? lth_conf__org(&r->file, t.org.at, t.org.s, &r->out->registry) : NULL;
    *out = (lth_source_conf){.org = t.org.s, .org_id = org != NULL ? org->id : (lth_id){{0}}};
    lth_conf__database(&r->file, &t.source, out);
    for (uint32_t i = 0; i < n && org != NULL; i++) {
        if (lth_id_equal(&schools[i].org_id, &org->id)) {
            lth_conf__error(&r->file, t.org.at, "trường \"%s\" đã có ở trên: gộp hai mục",
                            "school \"%s\" stands above: join the two entries", t.org.s);
        }
    }
    if (t.tables == NULL) {
        return;
    }
    if (t.tables->n == 0) {
        lth_conf__error(&r->file, t.tables, "trường chưa có bảng nào", "the school has no table");
    }
    lth_source_table *tables = lth_conf__keep(r->file.load, (t.tables->n + 1u) * sizeof *tables);
    uint32_t count = 0;
    for (const conf_node *one = t.tables->first; one != NULL && tables != NULL; one = one->next) {
        read_table(r, one, tables, count++);
    }
    out->tables = tables;
    out->n_tables = r->file.load->bare ? 0 : count;
}

static void read_schools(reader *r, const conf_node *list)
{
    uint32_t n = 0, entries = list != NULL ? list->n : 0;
    lth_source_conf *schools = lth_conf__keep(r->file.load, (entries + 1u) * sizeof *schools);
    for (const conf_node *one = list != NULL ? list->first : NULL; one != NULL && schools != NULL;
         one = one->next) {
        read_school(r, one, schools, n++);
    }
    r->out->schools = schools;
    r->out->n_schools = n;
}

void lth_conf__agent(conf_load *load, const char *path, lth_agent_conf *out)
{
    reader r = {.out = out};
    agent_texts t = {0};
    if (!lth_conf__file_open(&r.file, load, path)) {
        return;
    }
    lth_conf__read(&r.file, r.file.root, "agent.yaml", lth_conf__agent_items, &t);
    out->node = (lth_conf_node){t.node.org.s, t.node.name.s, t.node.store.s, t.node.identity.s};
    out->control = t.node.control.s;
    out->broker = t.node.broker.s;
    out->store_mib = (uint32_t)t.limits.store_mib.v;
    out->live_ms = (uint32_t)t.limits.live.v;
    if (t.files.orgs.s == NULL || t.files.datasets.s == NULL) {
        return;
    }
    lth_conf__orgs(load, t.files.orgs.s, &out->registry);
    lth_conf__check_node(&r.file, &t.node.org, &t.node.control, &out->registry);
    uint32_t before = conf_faults(load);
    lth_conf__schema_here(load, &t.files.datasets, &t.files.codelists, &out->schema);
    out->upload_mib = (uint32_t)t.limits.upload_mib.v;
    out->keep_uploads_days = (uint32_t)t.limits.keep_uploads.v;
    out->gone_percent = (uint32_t)t.guard.gone_percent.v;
    out->gone_least = (uint32_t)t.guard.gone_least.v;
    if (conf_faults(load) != before) {
        return;
    }
    read_schools(&r, t.schools);
    if (t.hosted.schools.s != NULL) {
        lth_conf__hosted(&r.file, &t.hosted, t.files.profiles.s, out->schools, out->n_schools, out);
    }
    if (out->n_schools == 0 && conf_faults(load) == before) {
        lth_conf__error(&r.file, t.schools, "chưa có trường nào: viết schools hoặc hosted",
                        "there is no school: write schools or hosted");
    }
}
