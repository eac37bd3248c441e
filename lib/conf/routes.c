#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

typedef struct from_texts {
    conf_text under, kind;
    const conf_node *list;
} from_texts;

static const conf_item FROM_ITEMS[] = {
    {"under", CONF_CODE, 0, NULL, 0, 0, NULL, NULL, offsetof(from_texts, under),
     "Đơn vị mang mã này và mọi đơn vị dưới nó, theo cây của ngày gửi",
     "The organisation of this code and all below it, by the tree of the day"},
    {"kind", CONF_NAME, 0, NULL, 0, 0, NULL, NULL, offsetof(from_texts, kind),
     "Mọi đơn vị loại này", "All organisations of this kind"},
    {"list", CONF_ANY, 0, NULL, 0, 0, NULL, NULL, offsetof(from_texts, list),
     "[MÃ, ...]: đúng những đơn vị này", "[CODE, ...]: exactly these organisations"},
    {"where", CONF_ANY, CONF_LATER, NULL, 0, 0, NULL, NULL, 0, "Điều kiện", "Condition"},
    {.key = NULL},
};

typedef struct to_texts {
    conf_text org;
} to_texts;

static const conf_item TO_ITEMS[] = {
    {"org", CONF_CODE, CONF_REQUIRED, NULL, 0, 0, NULL, NULL, offsetof(to_texts, org),
     "Mã đơn vị nhận", "Code of the organisation that receives"},
    {"org_in", CONF_ANY, CONF_LATER, NULL, 0, 0, NULL, NULL, 0, "Đơn vị nhận theo trường dữ liệu",
     "Receiver named by a field"},
    {.key = NULL},
};

typedef struct sent_texts {
    const conf_node *share;
    conf_text send;
} sent_texts;

static const conf_item SENT_ITEMS[] = {
    {"share", CONF_ANY, 0, NULL, 0, 0, NULL, NULL, offsetof(sent_texts, share),
     "all (mọi nhóm trừ nhóm nhạy cảm) hoặc [nhóm, ...]: nhóm khác được giữ lại, chữ ký vẫn kiểm "
     "được",
     "all (every group but sensitive ones) or [group, ...]: others are withheld, the signature "
     "still checks"},
    {"send", CONF_ENUM, 0, NULL, 0, 0, "headers|cells", NULL, offsetof(sent_texts, send),
     "headers: chỉ biết có thay đổi, không gửi nội dung (cells: chưa hỗ trợ)",
     "headers: only that something changed (cells: not supported yet)"},
    {"where", CONF_ANY, CONF_LATER, NULL, 0, 0, NULL, NULL, 0, "Điều kiện", "Condition"},
    {.key = NULL},
};

typedef struct route_texts {
    conf_text name, purpose, legal_basis;
    const conf_node *from, *to, *datasets;
} route_texts;

#define AT(member) offsetof(route_texts, member)

static const conf_item ROUTE_ITEMS[] = {
    {"name", CONF_TEXT, CONF_REQUIRED, NULL, 1, 64, NULL, NULL, AT(name), "Tên tuyến",
     "Name of the route"},
    {"purpose", CONF_TEXT, CONF_REQUIRED, NULL, 1, 300, NULL, NULL, AT(purpose), "Mục đích",
     "Purpose"},
    {"legal_basis", CONF_TEXT, CONF_REQUIRED, NULL, 1, 300, NULL, NULL, AT(legal_basis),
     "Căn cứ pháp lý", "Legal basis"},
    {"from", CONF_ANY, CONF_REQUIRED, NULL, 0, 0, NULL, FROM_ITEMS, AT(from),
     "Dữ liệu của đơn vị nào: đúng một trong under, kind, list",
     "Whose data: exactly one of under, kind, list"},
    {"to", CONF_ANY, CONF_REQUIRED, NULL, 0, 0, NULL, TO_ITEMS, AT(to),
     "Đi đâu: parent (cấp trên của nút này) hoặc { org: MÃ }",
     "Where to: parent (of this node) or { org: CODE }"},
    {"datasets", CONF_NAMED, CONF_REQUIRED, NULL, 0, 0, NULL, SENT_ITEMS, AT(datasets),
     "Tập dữ liệu nào, nhóm nào: đúng một trong share, send",
     "Which datasets and groups: exactly one of share, send"},
    {"where", CONF_ANY, CONF_LATER, NULL, 0, 0, NULL, NULL, 0, "Điều kiện", "Condition"},
    {.key = NULL},
};

typedef struct routes_texts {
    conf_number version;
    const conf_node *routes;
} routes_texts;

const conf_item lth_conf__routes_items[] = {
    {"version", CONF_COUNT, CONF_REQUIRED, NULL, 1, UINT32_MAX, NULL, NULL,
     offsetof(routes_texts, version), "Phiên bản, tăng mỗi lần sửa",
     "Version, raised by every change"},
    {"routes", CONF_ITEMS, CONF_REQUIRED, NULL, 0, 0, NULL, ROUTE_ITEMS,
     offsetof(routes_texts, routes), "Các tuyến. Không tuyến nào gọi tên thì không gì rời khỏi nút",
     "The routes. Nothing leaves that no route names"},
    {.key = NULL},
};

typedef struct reader {
    conf_file file;
    const lth_schema *schema;
    const lth_registry *registry;
    const char *parent_org;
} reader;

static void check_kind(const reader *r, const conf_text *kind)
{
    const char *names[64];
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->registry->n_orgs; i++) {
        const char *one = r->registry->orgs[i].kind;
        if (strcmp(one, kind->s) == 0) {
            return;
        }
        bool known = n == 64;
        for (uint32_t k = 0; k < n && !known; k++) {
            known = strcmp(names[k], one) == 0;
        }
        if (!known) {
            names[n++] = one;
        }
    }
    static const conf_what what = {"loại đơn vị", "kind", "danh bạ", "the registry", NULL};
    lth_conf__unknown(&r->file, kind->at, kind->s, &what, &(conf_names){names, n});
}

static int compare_ids(const void *a, const void *b)
{
    return lth_id_compare(a, b);
}

static void read_org_list(const reader *r, const conf_node *list, lth_route *out)
{
    if (!lth_conf__is(&r->file, list, CONF_LIST)) {
        return;
    }
    lth_id *ids = lth_conf__keep(r->file.load, (list->n + 1u) * sizeof *ids);
    uint32_t n = 0;
    for (const conf_node *one = list->first; one != NULL && ids != NULL; one = one->next) {
        const lth_org *org = lth_conf__is(&r->file, one, CONF_SCALAR)
                                 ? lth_conf__org(&r->file, one, one->text, r->registry)
                                 : NULL;
        if (org != NULL) {
            ids[n++] = org->id;
        }
    }
    if (list->n == 0) {
        lth_conf__error(&r->file, list, "danh sách đơn vị trống",
                        "the list of organisations is empty");
    }
    if (ids != NULL && n > 0) {
        qsort(ids, n, sizeof *ids, compare_ids);
    }
    out->from = LTH_FROM_LIST;
    out->from_orgs = ids;
    out->n_from_orgs = n;
}

static void read_from(const reader *r, const conf_node *node, lth_route *out)
{
    from_texts t = {0};
    uint32_t before = conf_faults(r->file.load);
    lth_conf__read(&r->file, node, "from", FROM_ITEMS, &t);
    if (conf_faults(r->file.load) != before) {
        return;
    }
    if ((t.under.s != NULL) + (t.kind.s != NULL) + (t.list != NULL) != 1) {
        lth_conf__error(&r->file, node, "from cần đúng một trong under, kind, list",
                        "from needs exactly one of under, kind, list");
    } else if (t.under.s != NULL) {
        const lth_org *org = lth_conf__org(&r->file, t.under.at, t.under.s, r->registry);
        lth_id *id = lth_conf__keep(r->file.load, sizeof *id);
        if (org != NULL && id != NULL) {
            *id = org->id;
            out->from = LTH_FROM_UNDER;
            out->from_orgs = id;
            out->n_from_orgs = 1;
        }
    } else if (t.kind.s != NULL) {
        check_kind(r, &t.kind);
        out->from = LTH_FROM_KIND;
        out->from_kind = t.kind.s;
    } else {
        read_org_list(r, t.list, out);
    }
}

static void read_to(const reader *r, const conf_node *node, lth_route *out)
{
    if (node->kind == CONF_SCALAR) {
        out->to_parent = true;
        if (strcmp(node->text, "parent") != 0) {
            lth_conf__error(&r->file, node, "to phải là parent hoặc { org: MÃ }",
                            "to must be parent or { org: CODE }");
        } else if (r->parent_org == NULL) {
            lth_conf__error(&r->file, node,
                            "nút này không có cấp trên (broker.yaml không có parent)",
                            "this node has no parent (broker.yaml has no parent)");
        }
        return;
    }
    to_texts t = {0};
    lth_conf__read(&r->file, node, "to", TO_ITEMS, &t);
    const lth_org *org =
        t.org.s != NULL ? lth_conf__org(&r->file, t.org.at, t.org.s, r->registry) : NULL;
    if (org != NULL) {
        out->to_org = org->id;
        out->to_parent = r->parent_org != NULL && strcmp(r->parent_org, org->code) == 0;
    }
}

static void add_number(uint16_t *share, uint32_t *n, uint16_t number)
{
    uint32_t at = *n;
    for (uint32_t i = 0; i < *n; i++) {
        if (share[i] == number) {
            return;
        }
    }
    for (; at > 0 && share[at - 1] > number; at--) {
        share[at] = share[at - 1];
    }
    share[at] = number;
    (*n)++;
}

static void read_group_name(const reader *r, const conf_node *at, const lth_dataset *ds,
                            uint16_t *share, uint32_t *n)
{
    const lth_group *group = lth_dataset_group_name(ds, at->text);
    if (group != NULL) {
        add_number(share, n, group->number);
        return;
    }
    const char *names[LTH_GROUPS_MAX];
    for (uint32_t i = 0; i < ds->n_groups; i++) {
        names[i] = ds->groups[i].name;
    }
    conf_what what = {"nhóm", "group", "tập dữ liệu", "dataset", ds->name};
    lth_conf__unknown(&r->file, at, at->text, &what, &(conf_names){names, ds->n_groups});
}

static void read_share(const reader *r, const conf_node *node, const lth_dataset *ds,
                       lth_route_dataset *out)
{
    uint16_t *share = lth_conf__keep(r->file.load, LTH_GROUPS_MAX * sizeof *share);
    uint32_t n = 0;
    if (share == NULL) {
        return;
    }
    if (node->kind == CONF_SCALAR && strcmp(node->text, "all") == 0) {
        for (uint32_t i = 0; i < ds->n_groups; i++) {
            if (!ds->groups[i].sensitive) {
                share[n++] = ds->groups[i].number;
            }
        }
    } else if (node->kind == CONF_LIST && node->n > 0) {
        for (const conf_node *one = node->first; one != NULL; one = one->next) {
            if (lth_conf__is(&r->file, one, CONF_SCALAR)) {
                read_group_name(r, one, ds, share, &n);
            }
        }
    } else {
        lth_conf__error(&r->file, node, "share phải là all hoặc danh sách nhóm: [nhóm, ...]",
                        "share must be all or a list of groups: [group, ...]");
    }
    out->send = LTH_SEND_GROUPS;
    out->share = share;
    out->n_share = n;
}

static bool read_sent(const reader *r, const conf_node *key, lth_route_dataset *out)
{
    const lth_dataset *ds = lth_conf__dataset(&r->file, key, key->text, r->schema);
    uint32_t before = conf_faults(r->file.load);
    sent_texts t = {0};
    lth_conf__read(&r->file, key->value, key->text, SENT_ITEMS, &t);
    if (ds == NULL || conf_faults(r->file.load) != before) {
        return false;
    }
    *out = (lth_route_dataset){.dataset = ds->number};
    if ((t.share != NULL) == (t.send.s != NULL)) {
        lth_conf__error(&r->file, key->value, "\"%s\" cần đúng một trong share, send",
                        "\"%s\" needs exactly one of share, send", key->text);
        return false;
    }
    if (t.share != NULL) {
        read_share(r, t.share, ds, out);
    } else if (strcmp(t.send.s, "headers") == 0) {
        out->send = LTH_SEND_HEADERS;
    } else {
        lth_conf__later(&r->file, t.send.at, "send: cells");
    }
    return true;
}

static void read_datasets(const reader *r, const conf_node *map, lth_route *out)
{
    lth_route_dataset *all = lth_conf__keep(r->file.load, (map->n + 1u) * sizeof *all);
    uint32_t n = 0;
    for (const conf_node *key = map->first; key != NULL && all != NULL; key = key->next) {
        lth_route_dataset one;
        if (!read_sent(r, key, &one)) {
            continue;
        }
        uint32_t at = n++;
        for (; at > 0 && all[at - 1].dataset > one.dataset; at--) {
            all[at] = all[at - 1];
        }
        all[at] = one;
    }
    if (map->n == 0) {
        lth_conf__error(&r->file, map, "tuyến không gọi tên tập dữ liệu nào",
                        "the route names no dataset");
    }
    out->datasets = all;
    out->n_datasets = n;
}

static void read_route(const reader *r, const conf_node *node, lth_route *routes, uint32_t n)
{
    route_texts t = {0};
    lth_route *out = &routes[n];
    lth_conf__read(&r->file, node, "routes", ROUTE_ITEMS, &t);
    out->name = t.name.s != NULL ? t.name.s : "";
    out->purpose = t.purpose.s;
    out->legal_basis = t.legal_basis.s;
    for (uint32_t i = 0; i < n && t.name.s != NULL; i++) {
        if (strcmp(routes[i].name, t.name.s) == 0) {
            lth_conf__error(&r->file, t.name.at, "tên tuyến \"%s\" đã dùng: đặt tên khác",
                            "route name \"%s\" is taken: choose another", t.name.s);
        }
    }
    if (t.from != NULL) {
        read_from(r, t.from, out);
    }
    if (t.to != NULL) {
        read_to(r, t.to, out);
    }
    if (t.datasets != NULL) {
        read_datasets(r, t.datasets, out);
    }
}

void lth_conf__routes(conf_load *load, const char *path, const lth_schema *schema,
                      const lth_registry *registry, const char *parent_org, lth_policy *out)
{
    reader r = {.schema = schema, .registry = registry, .parent_org = parent_org};
    routes_texts t = {0};
    *out = (lth_policy){0};
    if (!lth_conf__file_open(&r.file, load, path)) {
        return;
    }
    lth_conf__read(&r.file, r.file.root, "routes.yaml", lth_conf__routes_items, &t);
    out->version = (uint32_t)t.version.v;
    if (t.routes == NULL) {
        return;
    }
    lth_route *routes = lth_conf__keep(load, (t.routes->n + 1u) * sizeof *routes);
    uint32_t n = 0;
    for (const conf_node *one = t.routes->first; one != NULL && routes != NULL; one = one->next) {
        read_route(&r, one, routes, n++);
    }
    out->routes = routes;
    out->n_routes = n;
}
