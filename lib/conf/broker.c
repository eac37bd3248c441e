#include <stddef.h>
#include <string.h>

#include "internal.h"

typedef struct broker_texts {
    struct {
        conf_text org, name, store, identity;
    } node;
    struct {
        conf_text agents, control;
    } listen;
    struct {
        conf_text endpoint, org;
    } parent;
    struct {
        conf_number peers, store_gib, keep_days, workers, gone_percent;
    } limits;
    struct {
        conf_text orgs, routes, datasets, peers, codelists;
    } files;
} broker_texts;

#define AT(section, member)                                                                        \
    (offsetof(broker_texts, section.member) - offsetof(broker_texts, section))

static const conf_item NODE_ITEMS[] = {
    {"org", CONF_CODE, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(node, org),
     "Mã đơn vị của nút này, có trong danh bạ",
     "Code of this node's organisation, in the registry"},
    {"name", CONF_TEXT, 0, NULL, 1, 200, NULL, NULL, AT(node, name), "Tên, cho người đọc",
     "Name, for people"},
    {"store", CONF_PATH, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(node, store),
     "Thư mục kho dữ liệu (đĩa cục bộ)", "Directory of the store (a local disk)"},
    {"identity", CONF_PATH, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(node, identity),
     "Thư mục khoá và chứng thư", "Directory of keys and certificates"},
    {.key = NULL},
};

static const conf_item LISTEN_ITEMS[] = {
    {"agents", CONF_ENDPOINT, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(listen, agents),
     "Địa chỉ nhận agent và broker cấp dưới", "Where agents and brokers below connect"},
    {"control", CONF_PATH, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(listen, control),
     "Ổ cắm (socket) cho lệnh lienthong; đường dẫn nhiều nhất 107 byte",
     "Socket for the lienthong command; a path of at most 107 bytes"},
    {.key = NULL},
};

static const conf_item PARENT_ITEMS[] = {
    {"endpoint", CONF_ENDPOINT, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(parent, endpoint),
     "Địa chỉ broker cấp trên", "Where the parent broker listens"},
    {"org", CONF_CODE, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, AT(parent, org), "Mã đơn vị cấp trên",
     "Code of the parent organisation"},
    {.key = NULL},
};

static const conf_item LIMIT_ITEMS[] = {
    {"peers", CONF_COUNT, 0, "6000", 1, 60000, NULL, NULL, AT(limits, peers),
     "Số agent và broker kết nối cùng lúc", "Agents and brokers connected at the same time"},
    {"store_gib", CONF_COUNT, 0, "64", 1, 1024, NULL, NULL, AT(limits, store_gib),
     "Dung lượng kho lớn nhất, GiB", "Largest size of the store, GiB"},
    {"keep_days", CONF_COUNT, 0, "35", 35, 3650, NULL, NULL, AT(limits, keep_days),
     "Giữ gói đã chuyển ít nhất bao nhiêu ngày", "Days that forwarded batches are kept at least"},
    {"workers", CONF_COUNT, 0, "2", 1, 16, NULL, NULL, AT(limits, workers),
     "Số luồng kiểm tra chữ ký", "Threads that check signatures"},
    {"gone_percent", CONF_COUNT, 0, "20", 1, 100, NULL, NULL, AT(limits, gone_percent),
     "Một lần gửi lại toàn bộ làm mất quá số phần trăm này (và từ 50 bản ghi) của một tập dữ liệu "
     "thì chờ người xác nhận",
     "A snapshot that ends more than this share of an owner's records of a dataset, and 50, waits "
     "for a person"},
    {.key = NULL},
};

static const conf_item FILE_ITEMS[] = {
    {"orgs", CONF_PATH, 0, "orgs.yaml", 0, 0, NULL, NULL, AT(files, orgs), "Danh bạ đơn vị",
     "Registry of organisations"},
    {"routes", CONF_PATH, 0, "routes.yaml", 0, 0, NULL, NULL, AT(files, routes), "Các tuyến",
     "Routes"},
    {"datasets", CONF_PATH, 0, "datasets", 0, 0, NULL, NULL, AT(files, datasets),
     "Thư mục định nghĩa tập dữ liệu", "Directory of dataset definitions"},
    {"peers", CONF_PATH, 0, NULL, 0, 0, NULL, NULL, AT(files, peers),
     "Thư mục chứng thư được phép kết nối; mặc định: peers cạnh thư mục identity",
     "Directory of certificates that may connect; default: peers beside identity"},
    {"codelists", CONF_PATH, 0, NULL, 0, 0, NULL, NULL, AT(files, codelists),
     "Thư mục danh mục; mặc định: codelists cạnh thư mục datasets, nếu có",
     "Directory of code lists; default: codelists beside datasets, if there is one"},
    {"indicators", CONF_PATH, CONF_LATER, NULL, 0, 0, NULL, NULL, 0, "Thư mục chỉ tiêu",
     "Directory of indicators"},
    {.key = NULL},
};

const conf_item lth_conf__broker_items[] = {
    {"node", CONF_TABLE, CONF_REQUIRED, NULL, 0, 0, NULL, NODE_ITEMS, offsetof(broker_texts, node),
     "Nút này", "This node"},
    {"listen", CONF_TABLE, CONF_REQUIRED, NULL, 0, 0, NULL, LISTEN_ITEMS,
     offsetof(broker_texts, listen), "Nơi nhận kết nối", "Where it listens"},
    {"parent", CONF_TABLE, 0, NULL, 0, 0, NULL, PARENT_ITEMS, offsetof(broker_texts, parent),
     "Broker cấp trên; nút trên cùng không có", "The parent broker; none at the top"},
    {"limits", CONF_TABLE, 0, NULL, 0, 0, NULL, LIMIT_ITEMS, offsetof(broker_texts, limits),
     "Giới hạn", "Limits"},
    {"files", CONF_TABLE, 0, NULL, 0, 0, NULL, FILE_ITEMS, offsetof(broker_texts, files),
     "Các tệp khác, tính từ thư mục của tệp này", "The other files, from this file's directory"},
    {.key = NULL},
};

void lth_conf__check_node(const conf_file *file, const conf_text *org, const conf_text *control,
                          const lth_registry *registry)
{
    if (org->s != NULL) {
        (void)lth_conf__org(file, org->at, org->s, registry);
    }
    if (control->s != NULL && strlen(control->s) > CONF_SOCKET_MAX) {
        lth_conf__error(
            file, control->at,
            "đường dẫn socket dài %zu byte, nhiều nhất %u: đặt ở thư mục ngắn hơn, ví dụ "
            "/run/lienthong",
            "the socket's path has %zu bytes, at most %u: use a shorter directory, for "
            "example /run/lienthong",
            strlen(control->s), CONF_SOCKET_MAX);
    }
}

/* IDENTITY/../peers */
static const char *default_peers(conf_load *load, const char *identity)
{
    size_t n = strlen(identity);
    char *out = lth_conf__keep(load, n + sizeof "/../peers");
    if (out != NULL) {
        memcpy(out, identity, n);
        memcpy(out + n, "/../peers", sizeof "/../peers");
    }
    return out;
}

static void fill(conf_load *load, const broker_texts *t, lth_broker_conf *out)
{
    out->node = (lth_conf_node){t->node.org.s, t->node.name.s, t->node.store.s, t->node.identity.s};
    out->listen_agents = t->listen.agents.s;
    out->listen_control = t->listen.control.s;
    out->parent_endpoint = t->parent.endpoint.s;
    out->parent_org = t->parent.org.s;
    out->peers_max = (uint32_t)t->limits.peers.v;
    out->store_gib = (uint32_t)t->limits.store_gib.v;
    out->keep_days = (uint32_t)t->limits.keep_days.v;
    out->workers = (uint32_t)t->limits.workers.v;
    out->gone_percent = (uint32_t)t->limits.gone_percent.v;
    out->peers_dir = t->files.peers.s;
    if (out->peers_dir == NULL && out->node.identity != NULL) {
        out->peers_dir = default_peers(load, out->node.identity);
    }
}

void lth_conf__broker(conf_load *load, const char *path, lth_broker_conf *out)
{
    conf_file file;
    broker_texts t = {0};
    if (!lth_conf__file_open(&file, load, path)) {
        return;
    }
    lth_conf__read(&file, file.root, "broker.yaml", lth_conf__broker_items, &t);
    fill(load, &t, out);
    if (t.files.orgs.s == NULL || t.files.routes.s == NULL || t.files.datasets.s == NULL) {
        return;
    }
    lth_conf__orgs(load, t.files.orgs.s, &out->registry);
    lth_conf__check_node(&file, &t.node.org, &t.listen.control, &out->registry);
    if (t.parent.org.s != NULL) {
        (void)lth_conf__org(&file, t.parent.org.at, t.parent.org.s, &out->registry);
    }
    uint32_t before = conf_faults(load);
    lth_conf__schema_here(load, &t.files.datasets, &t.files.codelists, &out->schema);
    if (conf_faults(load) == before && out->registry.n_orgs > 0) {
        lth_conf__routes(load, t.files.routes.s, &out->schema, &out->registry, out->parent_org,
                         &out->policy);
    }
}
