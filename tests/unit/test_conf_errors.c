#include <stdlib.h>
#include <string.h>

#include "test_conf_kit.h"

#define UNIQUE(number, fields, vi)                                                                 \
    "unique:\n  - { number: " number ", id: a, severity: error, fields: " fields                   \
    ", text: { vi: " vi ", en: e } }\nfields:\n"

/* One spoiled place in an otherwise correct configuration, and the first error it gives. */
typedef struct spoil {
    const char *file, *from, *to;
    const char *line;    /* Vietnamese, whole. */
    uint32_t more_after; /* Further errors that follow from it. */
} spoil;

static const spoil SPOILS[] = {
    {"broker.yaml", "peers: 10", "peeers: 10",
     "broker.yaml:6:11: khoá \"peeers\" không có trong phần \"limits\"; ý bạn là \"peers\"?", 0},
    {"broker.yaml", "peers: 10", "peers: 0", "broker.yaml:6:18: peers phải từ 1 đến 60000", 0},
    {"broker.yaml", "peers: 10", "peers: many",
     "broker.yaml:6:18: peers phải là số nguyên không âm", 0},
    {"broker.yaml", "peers: 10", "peers: [10]", "broker.yaml:6:18: chỗ này phải là một giá trị", 0},
    {"broker.yaml", "keep_days: 40", "keep_days: 34",
     "broker.yaml:6:33: keep_days phải từ 35 đến 3650", 0},
    {"broker.yaml", "limits: {", "limits: [",
     "broker.yaml:6:36: sai cú pháp YAML (did not find expected ',' or ']'): xem lại thụt dòng, "
     "dấu ngoặc và bảng mã UTF-8",
     0},
    {"broker.yaml", "org: P", "org: Q",
     "broker.yaml:1:14: mã đơn vị \"Q\" không có trong danh bạ; dùng được: M, P, S1", 0},
    {"broker.yaml", "org: P, ", "", "broker.yaml:1:7: thiếu khoá \"org\" trong phần \"node\"", 0},
    {"broker.yaml", "org: P", "org: \"a b\"",
     "broker.yaml:1:14: org phải là mã đơn vị (chữ, số, '.', '_', '-'; nhiều nhất 35)", 0},
    {"broker.yaml", "listen:\n", "lisen:\n",
     "broker.yaml:2:1: khoá \"lisen\" không có trong phần \"broker.yaml\"; ý bạn là \"listen\"?",
     1},
    {"broker.yaml", "tcp://127.0.0.1:7601", "127.0.0.1:7601",
     "broker.yaml:3:11: agents phải có dạng tcp://MÁY:CỔNG, ví dụ tcp://so79.example:7601", 0},
    {"broker.yaml", "tcp://127.0.0.1:7601", "tcp://127.0.0.1:0",
     "broker.yaml:3:11: agents phải có dạng tcp://MÁY:CỔNG, ví dụ tcp://so79.example:7601", 0},
    {"broker.yaml", "run/broker.sock",
     "/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxxxxxxxxxx",
     "broker.yaml:4:12: đường dẫn socket dài 108 byte, nhiều nhất 107: đặt ở thư mục ngắn hơn, ví "
     "dụ /run/lienthong",
     0},
    {"broker.yaml", "org: M }", "org: N }",
     "broker.yaml:5:51: mã đơn vị \"N\" không có trong danh bạ; dùng được: M, P, S1", 0},
    {"broker.yaml", "datasets: datasets/ }", "codelists: x }",
     "x: không mở được thư mục (No such file or directory)", 0},
    {"broker.yaml", "datasets: datasets/", "routes: no.yaml",
     "no.yaml: không mở được tệp (No such file or directory): kiểm tra đường dẫn và quyền đọc", 0},
    {"broker.yaml", "store: store, ", "store: , ", "broker.yaml:1:36: store chưa có giá trị", 0},
    {"broker.yaml", "store: store", "store: &a store",
     "broker.yaml:1:36: không dùng neo (&) hay bí danh (*): viết đủ ở từng chỗ", 0},
    {"broker.yaml", "store: store", "store: *a",
     "broker.yaml:1:36: không dùng neo (&) hay bí danh (*): viết đủ ở từng chỗ", 0},
    {"broker.yaml", "store: store", "store: !x store",
     "broker.yaml:1:36: không dùng thẻ YAML (!): bỏ nó đi", 0},
    {"broker.yaml", "files: {", "limits: {",
     "broker.yaml:7:1: khoá \"limits\" viết hai lần: giữ một", 0},
    {"broker.yaml", "files: {", "---\nfiles: {",
     "broker.yaml:7:1: mỗi tệp chỉ có một tài liệu YAML: bỏ phần từ đây", 0},
    {"broker.yaml", "  agents: tcp", "   agents: tcp",
     "broker.yaml:4:3: sai cú pháp YAML (did not find expected key): xem lại thụt dòng, dấu ngoặc "
     "và bảng mã UTF-8",
     0},
    {"routes.yaml", "[key, main]", "[key, contct]",
     "routes.yaml:9:29: nhóm \"contct\" không có trong tập dữ liệu \"thing\"; ý bạn là "
     "\"contact\"?",
     0},
    {"routes.yaml", "[key, main]", "some",
     "routes.yaml:9:23: share phải là all hoặc danh sách nhóm: [nhóm, ...]", 0},
    {"routes.yaml", "thing: {", "thigh: {",
     "routes.yaml:9:7: tập dữ liệu \"thigh\" không có trong thư mục datasets; ý bạn là \"thing\"?",
     0},
    {"routes.yaml", "share: [key, main]", "send: cells",
     "routes.yaml:9:22: \"send: cells\" chưa được phiên bản này hỗ trợ: bỏ nó đi", 0},
    {"routes.yaml", "share: [key, main]", "send: everything",
     "routes.yaml:9:22: giá trị \"everything\" không có trong các giá trị của \"send\"; dùng được: "
     "headers, cells",
     0},
    {"routes.yaml", "share: [key, main]", "share: all, send: headers",
     "routes.yaml:9:14: \"thing\" cần đúng một trong share, send", 0},
    {"routes.yaml", "share: [key, main]", "share: all, where: x",
     "routes.yaml:9:28: \"where\" chưa được phiên bản này hỗ trợ: bỏ nó đi", 0},
    {"routes.yaml", "under: P", "under: P, kind: school",
     "routes.yaml:6:11: from cần đúng một trong under, kind, list", 0},
    {"routes.yaml", "under: P", "under: S2",
     "routes.yaml:6:20: mã đơn vị \"S2\" không có trong danh bạ; ý bạn là \"S1\"?", 0},
    {"routes.yaml", "under: P", "kind: schol",
     "routes.yaml:6:19: loại đơn vị \"schol\" không có trong danh bạ; ý bạn là \"school\"?", 0},
    {"routes.yaml", "under: P", "list: [S1, S3]",
     "routes.yaml:6:24: mã đơn vị \"S3\" không có trong danh bạ; ý bạn là \"S1\"?", 0},
    {"routes.yaml", "under: P", "under: P, where: x",
     "routes.yaml:6:23: \"where\" chưa được phiên bản này hỗ trợ: bỏ nó đi", 0},
    {"routes.yaml", "to: parent", "to: gateway",
     "routes.yaml:7:9: to phải là parent hoặc { org: MÃ }", 0},
    {"routes.yaml", "to: parent", "to: { org: S4 }",
     "routes.yaml:7:16: mã đơn vị \"S4\" không có trong danh bạ; ý bạn là \"S1\"?", 0},
    {"routes.yaml", "to: parent", "to: { org_in: x }",
     "routes.yaml:7:11: \"org_in\" chưa được phiên bản này hỗ trợ: bỏ nó đi", 1},
    {"routes.yaml", "    purpose: Test\n", "",
     "routes.yaml:3:5: thiếu khoá \"purpose\" trong phần \"routes\"", 0},
    {"routes.yaml", "legal_basis: Law", "legal_basis: \"\"",
     "routes.yaml:5:18: legal_basis chưa có giá trị", 0},
    {"routes.yaml", "version: 3", "version: 3\nversion: 4",
     "routes.yaml:2:1: khoá \"version\" viết hai lần: giữ một", 0},
    {"orgs.yaml", "from: 2005-09-05", "from: 2005-02-29",
     "orgs.yaml:13:11: from phải là ngày có thật, dạng 2025-07-01", 0},
    {"orgs.yaml", "code: S1", "code: P",
     "orgs.yaml:9:5: đơn vị \"P\": mã trùng với đơn vị ở dòng 4", 0},
    {"orgs.yaml", "id: 03000000000000000000000000000000\n    code",
     "id: 02000000000000000000000000000001\n    code",
     "orgs.yaml:9:5: đơn vị \"S1\": org_id trùng (8 byte đầu) với đơn vị ở dòng 4", 0},
    {"orgs.yaml", "id: 03000000000000000000000000000000\n    code", "id: 03\n    code",
     "orgs.yaml:9:9: id phải gồm 32 chữ số hệ 16", 0},
    {"orgs.yaml", "    parents: [ { id: 02000000000000000000000000000000, type: professional } ]",
     "    parents: [ { id: 09000000000000000000000000000000, type: professional } ]",
     "orgs.yaml:9:5: đơn vị \"S1\": không có đơn vị cấp trên nào mang org_id "
     "09000000000000000000000000000000",
     0},
    {"orgs.yaml", "kind: ministry }",
     "kind: ministry, parents: [ { id: 03000000000000000000000000000000, type: administrative } ] "
     "}",
     "orgs.yaml:4:5: đơn vị \"P\": cấp trên đi thành vòng qua org_id "
     "01000000000000000000000000000000",
     0},
    {"orgs.yaml", "type: professional } ]\n  - id: 03", "type: profesional } ]\n  - id: 03",
     "orgs.yaml:8:62: giá trị \"profesional\" không có trong các giá trị của \"type\"; ý bạn là "
     "\"professional\"?",
     0},
    {"orgs.yaml", "kind: school", "kind: School",
     "orgs.yaml:12:11: kind chỉ gồm chữ thường a-z, chữ số và '_', bắt đầu bằng chữ", 0},
    {"datasets/thing.yaml", "number: 7", "number: 70000",
     "datasets/thing.yaml:2:9: number phải từ 1 đến 65535", 0},
    {"datasets/thing.yaml", "natural_key: [code]", "natural_key: [cod]",
     "datasets/thing.yaml:4:15: trường \"cod\" không có trong tập dữ liệu \"thing\"; ý bạn là "
     "\"code\"?",
     0},
    {"datasets/thing.yaml", "natural_key: [code]", "natural_key: [code, name]",
     "datasets/thing.yaml:4:21: các trường của natural_key phải ở chung một nhóm: xem \"name\"", 1},
    {"datasets/thing.yaml", "natural_key: [code]", "natural_key: [name]",
     "datasets/thing.yaml:4:14: nhóm khoá \"main\" chỉ được chứa các trường của natural_key: "
     "chuyển trường khác sang nhóm khác",
     0},
    {"datasets/thing.yaml", "natural_key: [code]", "natural_key: [born]",
     "datasets/thing.yaml:4:15: trường khoá \"born\" phải required: true và là một giá trị đơn", 1},
    {"datasets/thing.yaml", "natural_key: [code]", "natural_key: []",
     "datasets/thing.yaml:4:14: natural_key trống", 0},
    {"datasets/thing.yaml", "main: { number: 1 }", "main: { number: 2 }",
     "datasets/thing.yaml:7:3: nhóm \"main\" trùng số hiệu 2 với nhóm \"key\"", 0},
    {"datasets/thing.yaml", "group: contact", "group: contct",
     "datasets/thing.yaml:16:30: nhóm \"contct\" không có trong tập dữ liệu \"thing\"; ý bạn là "
     "\"contact\"?",
     0},
    {"datasets/thing.yaml", "phone: { number: 6", "phone: { number: 5",
     "datasets/thing.yaml:16:3: trường \"phone\" trùng số hiệu 5 với trường \"mark\"", 0},
    {"datasets/thing.yaml", "list: sex", "lst: sex",
     "datasets/thing.yaml:14:46: khoá \"lst\" không có trong phần \"sex\"; ý bạn là \"list\"?", 0},
    {"datasets/thing.yaml", "type: code, list: sex", "type: cod, list: sex",
     "datasets/thing.yaml:14:40: giá trị \"cod\" không có trong các giá trị của \"type\"; ý bạn là "
     "\"code\"?",
     0},
    {"datasets/thing.yaml", "list: sex", "list: sex, digits: 2",
     "datasets/thing.yaml:14:65: \"digits\" không dùng cho kiểu code: bỏ nó đi", 0},
    {"datasets/thing.yaml", "precision: [day, year]", "precision: [day, yaer]",
     "datasets/thing.yaml:13:64: giá trị \"yaer\" không có trong các giá trị của \"precision\"; ý "
     "bạn là \"year\"?",
     0},
    {"datasets/thing.yaml", "digits: 3, scale: 1, min", "digits: 3, scale: 4, min",
     "datasets/thing.yaml:15:3: trường \"mark\" kiểu decimal cần digits, và scale không lớn hơn",
     0},
    {"datasets/thing.yaml", "max: 10 }", "max: 10.55 }",
     "datasets/thing.yaml:15:84: giới hạn \"10.55\" không phải giá trị của kiểu decimal", 0},
    {"datasets/thing.yaml", "key: part\n", "key: pat\n",
     "datasets/thing.yaml:23:10: trường \"pat\" không có trong các mục của \"parts\"; ý bạn là "
     "\"part\"?",
     0},
    {"datasets/thing.yaml", "phone: {", "Phone: {",
     "datasets/thing.yaml:16:3: tên trường \"Phone\" chỉ gồm chữ thường a-z, chữ số và '_'", 0},
    {"datasets/thing.yaml", "kind: ministry, parent", "kindd: ministry, parent",
     "datasets/thing.yaml:9:35: khoá \"kindd\" không có trong phần \"owner\"; ý bạn là \"kind\"?",
     1},
    {"datasets/thing.yaml", "{ kind: ministry, parent: professional }", "somebody",
     "datasets/thing.yaml:9:33: owner phải là record hoặc { kind: LOẠI }", 0},
    {"datasets/thing.yaml", "fields:\n", "valid: x\nfields:\n",
     "datasets/thing.yaml:10:1: \"valid\" chưa được phiên bản này hỗ trợ: bỏ nó đi", 0},
    {"datasets/thing.yaml", "fields:\n", "dated_by: born\nfields:\n",
     "datasets/thing.yaml:10:11: dated_by: trường \"born\" phải kiểu date, precision: [day]", 0},
    {"datasets/thing.yaml", "fields:\n",
     "rules:\n  - { number: 1, id: a, severity: error, check: \"mark <= limit\",\n"
     "      text: { vi: v, en: e } }\nfields:\n",
     "datasets/thing.yaml:11:58: trường \"limit\" không có trong tập dữ liệu; chữ đặt trong dấu "
     "'...'",
     0},
    {"datasets/thing.yaml", "fields:\n",
     "rules:\n  - number: 1\n    id: a\n    severity: error\n    check: mark < name\n"
     "    text: { vi: v, en: e }\nfields:\n",
     "datasets/thing.yaml:14:19: ở đây cần số, không phải chữ", 0},
    {"datasets/thing.yaml", "fields:\n",
     "rules:\n  - number: 1\n    id: a\n    severity: error\n    check: |\n      mark < name\n"
     "    text: { vi: v, en: e }\nfields:\n",
     "datasets/thing.yaml:14:12: ký tự thứ 8 của biểu thức: ở đây cần số, không phải chữ", 0},
    {"datasets/thing.yaml", "fields:\n",
     "rules:\n  - { number: 1, id: a, severity: errr, field: nam, check: \"true\",\n"
     "      text: { vi: \"{mark} {nam.title}\", en: \"{mark\" } }\nfields:\n",
     "datasets/thing.yaml:11:35: giá trị \"errr\" không có trong các giá trị của \"severity\"; ý "
     "bạn là \"error\"?",
     3},
    {"datasets/thing.yaml", "fields:\n",
     "rules:\n  - { number: 1, id: a, severity: error, check: \"true\", text: { vi: v, en: e } }\n"
     "  - { number: 1, id: b, severity: error, check: \"true\", text: { vi: v, en: e } }\n"
     "fields:\n",
     "datasets/thing.yaml:12:15: số hiệu 1 đã dùng cho \"a\"", 0},
    {"datasets/thing.yaml", "fields:\n",
     "references:\n  - { number: 1, id: a, severity: error, dataset: thing, fields: [name, phone],"
     " text: { vi: v, en: e } }\nfields:\n",
     "datasets/thing.yaml:11:66: natural_key của \"thing\" có 1 trường, ở đây có 2", 0},
    {"datasets/thing.yaml", "fields:\n",
     "references:\n  - { number: 1, id: a, severity: error, dataset: thing, fields: [born],"
     " text: { vi: v, en: e } }\nfields:\n",
     "datasets/thing.yaml:11:67: trường \"born\" kiểu date, khoá \"code\" của \"thing\" kiểu text",
     0},
    {"datasets/thing.yaml", "fields:\n",
     "references:\n  - { number: 1, id: a, severity: blocks, dataset: elsewhere, fields: [born],"
     " text: { vi: v, en: e } }\nfields:\n",
     "datasets/thing.yaml:11:35: giá trị \"blocks\" không có trong các giá trị của \"severity\"; "
     "dùng được: error, warning",
     0},
    {"datasets/thing.yaml", "fields:\n", UNIQUE("1", "[nam]", "v"),
     "datasets/thing.yaml:11:51: trường \"nam\" không có trong tập dữ liệu \"thing\"; ý bạn là "
     "\"name\"?",
     0},
    {"datasets/thing.yaml", "fields:\n", UNIQUE("1", "[]", "v"),
     "datasets/thing.yaml:11:50: cần từ 1 đến 16 trường", 0},
    {"datasets/thing.yaml", "fields:\n", UNIQUE("1", "[name, name]", "v"),
     "datasets/thing.yaml:11:57: trường \"name\" viết hai lần", 0},
    {"datasets/thing.yaml", "fields:\n", UNIQUE("1", "[name, code]", "v"),
     "datasets/thing.yaml:11:50: có đủ các trường của natural_key nên không bao giờ trùng: bỏ bớt "
     "trường",
     0},
    {"datasets/thing.yaml", "fields:\n", UNIQUE("1", "[note]", "v"),
     "datasets/thing.yaml:11:51: trường \"note\" do đơn vị khác viết (nhóm \"official\"): chỉ xét "
     "được trường mà đơn vị giữ bản ghi viết",
     0},
    {"datasets/thing.yaml", "fields:\n", UNIQUE("1", "[name]", "\"{other.name}\""),
     "datasets/thing.yaml:11:70: trong câu, {other.name} không phải trường của tập dữ liệu: viết "
     "{trường}, {trường.title}, {today} hoặc {other.trường} với trường của natural_key",
     0},
    {"datasets/thing.yaml", "fields:\n",
     "rules:\n  - { number: 1, id: b, severity: error, check: \"true\",\n"
     "      text: { vi: \"{other.code}\", en: e } }\n" UNIQUE("1", "[name]", "v"),
     "datasets/thing.yaml:12:19: trong câu, {other.code} không phải trường của tập dữ liệu: viết "
     "{trường}, {trường.title} hoặc {today}",
     1},
    {"datasets/thing.yaml", "  note: { number: 7, group: official, type: text }\n", "",
     "datasets/thing.yaml:9:3: nhóm \"official\" không có trường nào", 0},
    {"agent.yaml", "every: 500s", "every: 500",
     "agent.yaml:9:16: every phải là số kèm đơn vị: 500ms, 30s, 5m, 1h", 0},
    {"agent.yaml", "every: 500s", "every: 500ms", "agent.yaml:9:16: every phải từ 1s đến 24h", 0},
    {"agent.yaml", "every: 500s", "mode: trigger",
     "agent.yaml:9:15: \"mode: trigger\" chưa được phiên bản này hỗ trợ: bỏ nó đi", 0},
    {"agent.yaml", "dataset: thing", "dataset: things",
     "agent.yaml:8:18: tập dữ liệu \"things\" không có trong thư mục datasets; ý bạn là \"thing\"?",
     0},
    {"agent.yaml", "code: ma", "coed: ma",
     "agent.yaml:13:11: trường \"coed\" không có trong tập dữ liệu \"thing\"; ý bạn là \"code\"?",
     1},
    {"agent.yaml", "          code: ma\n", "",
     "agent.yaml:13:11: thiếu trường bắt buộc \"code\" của tập dữ liệu \"thing\"", 0},
    {"agent.yaml", "code: ma", "code: ma\n          note: x",
     "agent.yaml:14:11: trường \"note\" do đơn vị khác viết, trường học không gửi được", 0},
    {"agent.yaml", "as: date_vn", "as: date_vm",
     "agent.yaml:15:35: cách đọc \"date_vm\" không có trong danh sách của as; ý bạn là "
     "\"date_vn\"?",
     0},
    {"agent.yaml", "name: { from: ten }", "name: { from: ten, as: bool_vn }",
     "agent.yaml:14:34: as: bool_vn không đọc được trường \"name\" (kiểu text)", 0},
    {"agent.yaml", "name: { from: ten }", "name: { from: ten, const: x }",
     "agent.yaml:14:17: trường \"name\" cần đúng một trong from, const", 0},
    {"agent.yaml", "name: { from: ten }",
     "name:", "agent.yaml:14:16: trường \"name\" chưa có tên cột", 0},
    {"agent.yaml", "Nam: \"1\"", "Nam: \"111111111111111111111111111111111111\"",
     "agent.yaml:16:40: \"111111111111111111111111111111111111\" không phải giá trị hợp lệ của "
     "trường \"sex\" (kiểu code)",
     0},
    {"agent.yaml", "{ const: A }", "{ const: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA }",
     "agent.yaml:17:46: \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\" không phải giá trị hợp lệ của "
     "trường \"part\" (kiểu code)",
     0},
    {"agent.yaml", "part: { const: A }, ", "",
     "agent.yaml:17:29: mục của \"parts\" thiếu trường khoá của nó", 0},
    {"agent.yaml", "score: a", "scor: a",
     "agent.yaml:17:51: trường \"scor\" không có trong mục của trường \"parts\"; ý bạn là "
     "\"score\"?",
     0},
    {"agent.yaml", "{ items: [", "{ item: [",
     "agent.yaml:17:18: trường \"parts\" là danh sách: viết { items: [ {...}, ... ] }", 0},
    {"agent.yaml", "  - org: S1", "  - org: S9",
     "agent.yaml:5:10: mã đơn vị \"S9\" không có trong danh bạ; ý bạn là \"S1\"?", 0},
    {"agent.yaml", "schools:\n", "hosted: x\nschools:\n",
     "agent.yaml:4:9: chỗ này phải gồm \"khoá: giá trị\"", 0},
    {"agent.yaml", "driver: SQLite3, database: s.db", "file: x.csv",
     "agent.yaml:6:15: khoá \"file\" không có trong phần \"source\"; dùng được: driver, database, "
     "dsn, secret_file, scan_seconds",
     2},
    {"agent.yaml", "id, control", "id, contrl",
     "agent.yaml:2:42: khoá \"contrl\" không có trong phần \"node\"; ý bạn là \"control\"?", 1},
};

static lth_err load(const char *file, lth_conf_errors *errors)
{
    lth_conf *owner = NULL;
    const lth_broker_conf *broker = NULL;
    const lth_agent_conf *agent = NULL;
    lth_err err = strcmp(file, "agent.yaml") == 0
                      ? lth_conf_load_agent(&owner, &agent, conf_kit_path(""), errors)
                      : lth_conf_load_broker(&owner, &broker, conf_kit_path(""), errors);
    if (err != LTH_OK) {
        assert_null(owner);
        assert_null(broker);
        assert_null(agent);
    }
    lth_conf_free(&owner);
    return err;
}

static void write_spoiled(const spoil *s)
{
    static char text[8192];
    const char *base = conf_kit_text(s->file);
    const char *at = strstr(base, s->from);
    assert_non_null(at);
    size_t before = (size_t)(at - base);
    memcpy(text, base, before);
    (void)strcpy(text + before, s->to);
    (void)strcat(text, at + strlen(s->from));
    conf_kit_write(s->file, text, strlen(text));
}

static void test_positions(void **state)
{
    (void)state;
    uint32_t wrong = 0;
    for (size_t i = 0; i < sizeof SPOILS / sizeof SPOILS[0]; i++) {
        const spoil *s = &SPOILS[i];
        lth_conf_errors errors = {.n = 0};
        write_spoiled(s);
        lth_err err = load(s->file, &errors);
        const char *first = conf_kit_first(&errors, false);
        if (err != LTH_E_CONFIG || strcmp(first, s->line) != 0 || errors.n != 1 + s->more_after) {
            print_error("row %zu (%s), %u errors\n got: %s\nwant: %s\n", i, s->to,
                        (unsigned)errors.n, first, s->line);
            wrong++;
        }
        if (errors.n > 0) {
            assert_true(strlen(errors.items[0].en) > 0);
            assert_string_not_equal(errors.items[0].en, errors.items[0].vi);
        }
        lth_conf_errors_fini(&errors);
        conf_kit_write(s->file, conf_kit_text(s->file), strlen(conf_kit_text(s->file)));
    }
    assert_int_equal(wrong, 0);
}

static void test_all_at_once(void **state)
{
    (void)state;
    /* Errors are collected over all files, and the fifty-first is only counted. */
    char routes[8192] = "version: 1\nroutes:\n";
    for (int i = 0; i < 60; i++) {
        (void)strcat(routes, "  - { nam: x, purpose: p, legal_basis: l, from: {kind: school}, "
                             "to: parent, datasets: {thing: {share: all}} }\n");
    }
    conf_kit_write("routes.yaml", routes, strlen(routes));
    lth_conf_errors errors = {.n = 0};
    assert_int_equal(load("routes.yaml", &errors), LTH_E_CONFIG);
    assert_int_equal(errors.n, LTH_CONF_ERRORS_MAX);
    assert_int_equal(errors.more, 120 - LTH_CONF_ERRORS_MAX);
    lth_conf_errors_fini(&errors);
    conf_kit_restore();
}

static void test_english(void **state)
{
    (void)state;
    const spoil s = {"routes.yaml", "[key, main]", "[key, contct]", NULL, 0};
    lth_conf_errors errors = {.n = 0};
    write_spoiled(&s);
    assert_int_equal(load(s.file, &errors), LTH_E_CONFIG);
    assert_string_equal(conf_kit_first(&errors, true),
                        "routes.yaml:9:29: group \"contct\" is not in dataset \"thing\"; did you "
                        "mean \"contact\"?");
    lth_conf_errors_fini(&errors);
    conf_kit_restore();
}

static void test_missing_files(void **state)
{
    (void)state;
    lth_conf *owner = NULL;
    const lth_broker_conf *broker = NULL;
    const lth_registry *registry = NULL;
    const lth_schema *schema = NULL;
    lth_conf_errors errors = {.n = 0};
    assert_int_equal(lth_conf_load_broker(&owner, &broker, "/nonexistent", &errors), LTH_E_CONFIG);
    assert_int_equal(errors.n, 1);
    assert_int_equal(errors.items[0].line, 0);
    lth_conf_errors_fini(&errors);
    assert_int_equal(lth_conf_load_orgs(&owner, &registry, "/nonexistent", &errors), LTH_E_CONFIG);
    assert_int_equal(errors.n, 1);
    lth_conf_errors_fini(&errors);
    assert_int_equal(lth_conf_load_datasets(&owner, &schema, "/nonexistent", &errors),
                     LTH_E_CONFIG);
    assert_int_equal(errors.n, 1);
    lth_conf_errors_fini(&errors);
}

static int setup(void **state)
{
    (void)state;
    conf_kit_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    conf_kit_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_english),
        cmocka_unit_test(test_missing_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
