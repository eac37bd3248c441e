/* Profiles of files, and hosted schools from a CSV list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lth/sheet.h"
#include "test_conf_kit.h"

#define AGENT                                                                                      \
    "node: { org: P, store: s, identity: i, control: c, broker: \"tcp://a:1\" }\n"                 \
    "hosted: { schools: hosted.csv, profile: things }\n"

static const char PROFILE[] =
    "profile: things\n"
    "file: { kinds: [xlsx, csv], sheet: 1, header_rows: 2 }\n"
    "org_from: [\"Mã trường\"]\n"
    "tables:\n"
    "  - dataset: thing\n"
    "    columns:\n"
    "      code: [\"Mã\", \"Mã số\"]\n"
    "      name: { from: [\"Tên\", \"Họ tên\"] }\n"
    "      born: { from: Ngày, as: date_vn }\n"
    "      parts: { items: [ { part: { const: A }, score: [\"Điểm A\"] } ] }\n"
    "    also: { room: [\"Lớp\", \"Phòng\"], year: { const: \"2026\" }, again: [\"mã\"] }\n"
    "    optional: [born, parts, room]\n"
    "    match: [[code], [name, born, room]]\n"
    "    complete_for: [year, room]\n";

static const char LIST[] = "name,org,note\nTrường,S1,x\n";

static void write(const char *file, const char *text)
{
    conf_kit_write(file, text, strlen(text));
}

static void put(void)
{
    write("agent.yaml", AGENT);
    write("profiles/things.yaml", PROFILE);
    write("hosted.csv", LIST);
}

static const lth_agent_conf *load(lth_conf **owner, lth_conf_errors *errors)
{
    const lth_agent_conf *agent = NULL;
    lth_err err = lth_conf_load_agent(owner, &agent, conf_kit_path(""), errors);
    assert_true((err == LTH_OK) == (errors->n == 0));
    return agent;
}

static void test_hosted(void **state)
{
    (void)state;
    lth_conf *owner = NULL;
    lth_conf_errors errors;
    put();
    const lth_agent_conf *agent = load(&owner, &errors);
    assert_string_equal(conf_kit_first(&errors, false), "");
    assert_int_equal(agent->n_schools, 1);
    assert_int_equal(agent->gone_percent, 20);
    assert_int_equal(agent->upload_mib, 20);
    const lth_source_conf *school = &agent->schools[0];
    assert_string_equal(school->org, "S1");
    assert_string_equal(school->inbox, conf_kit_path("inbox/S1"));
    assert_string_equal(agent->hosted_dir, conf_kit_path("hosted"));
    const lth_profile *profile = school->profile;
    assert_int_equal(profile->kinds, 1u << LTH_SHEET_XLSX | 1u << LTH_SHEET_CSV);
    assert_string_equal(profile->org_from->names[0], "Mã trường");
    const lth_source_table *table = &school->tables[0];
    assert_int_equal(table->place.sheet, 1);
    assert_int_equal(table->place.header_rows, 2);
    assert_int_equal(table->every_ms, 0);
    const lth_mapping *m = &table->mapping;
    assert_int_equal(m->key_column, LTH_MAP_NO_KEY);
    /* Mã, Tên, Ngày, Điểm A, and Lớp, which is no field; "mã" is the first once more. */
    assert_int_equal(m->n_columns, 5);
    assert_string_equal(m->columns[1], "Tên");
    assert_string_equal(m->columns[4], "Lớp");
    assert_string_equal(table->headers[1].names[1], "Họ tên");
    assert_string_equal(table->headers[4].names[1], "Phòng");
    const bool optional[] = {false, false, true, true, true};
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(table->headers[i].optional, optional[i]);
    }
    assert_int_equal(m->n_match, 2);
    assert_int_equal(m->match[1].n_terms, 3);
    assert_int_equal(m->match[1].terms[2].field, -1);
    assert_int_equal(m->match[1].terms[2].column, 4);
    assert_int_equal(m->n_complete_for, 2);
    assert_string_equal(m->complete_for[0].constant, "2026");
    lth_conf_errors_fini(&errors);
    lth_conf_free(&owner);
}

typedef struct spoil {
    const char *file, *from, *to, *line;
} spoil;

static const spoil SPOILS[] = {
    {"profiles/things.yaml", "[code], [name", "[cod], [name",
     "profiles/things.yaml:13:14: cột \"cod\" không có trong columns và also của bảng này; ý bạn "
     "là "
     "\"code\"?"},
    {"profiles/things.yaml", "kinds: [xlsx", "kinds: [xlsm",
     "profiles/things.yaml:2:17: loại tệp \"xlsm\" không có trong kinds; ý bạn là \"xlsx\"?"},
    {"profiles/things.yaml", "optional: [born", "optional: [name",
     "profiles/things.yaml:12:16: trường \"name\" bắt buộc: cột của nó phải có trong tệp"},
    {"profiles/things.yaml", "also: { room:", "also: { sex:",
     "profiles/things.yaml:11:13: \"sex\" là trường của tập dữ liệu: đặt trong columns"},
    {"profiles/things.yaml", "match: [[code], [name, born, room]]", "match: []",
     "profiles/things.yaml:13:12: cần từ 1 đến 8 khoá"},
    {"profiles/things.yaml", "code: [\"Mã\", \"Mã số\"]", "code: []",
     "profiles/things.yaml:7:13: cần tiêu đề cột: \"Họ và tên\" hoặc [\"Họ và tên\", ...]"},
    {"hosted.csv", "S1", "S9",
     "hosted.csv:2:8: mã đơn vị \"S9\" không có trong danh bạ; ý bạn là \"S1\"?"},
    {"hosted.csv", "S1,x", "S1,x\nA,S1,y", "hosted.csv:3:3: trường \"S1\" đã có ở trên"},
    {"hosted.csv", "name,org", "name,orgg", "hosted.csv:1:1: thiếu cột \"org\" ở dòng tiêu đề"},
    {"agent.yaml", "profile: things }", "profile: Things }",
     "agent.yaml:2:41: \"Things\" không phải tên bộ ánh xạ: chữ thường, chữ số, - và _"},
    {"agent.yaml", "profile: things }", "profile: [things, things] }",
     "agent.yaml:2:41: tập dữ liệu \"thing\" có trong hai bảng: mỗi trường chỉ một"},
    {"agent.yaml", "hosted: {", "hosted: { inbox: in,",
     "agent.yaml:2:18: inbox thiếu {org}: mỗi trường một thư mục"},
};

static void spoil_file(const spoil *s)
{
    const char *text = strcmp(s->file, "agent.yaml") == 0   ? AGENT
                       : strcmp(s->file, "hosted.csv") == 0 ? LIST
                                                            : PROFILE;
    const char *at = strstr(text, s->from);
    assert_non_null(at);
    char spoiled[4096];
    (void)snprintf(spoiled, sizeof spoiled, "%.*s%s%s", (int)(at - text), text, s->to,
                   at + strlen(s->from));
    write(s->file, spoiled);
}

static void test_spoiled(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof SPOILS / sizeof SPOILS[0]; i++) {
        lth_conf *owner = NULL;
        lth_conf_errors errors;
        put();
        spoil_file(&SPOILS[i]);
        assert_null(load(&owner, &errors));
        assert_string_equal(conf_kit_first(&errors, false), SPOILS[i].line);
        lth_conf_errors_fini(&errors);
        lth_conf_free(&owner);
    }
}

static void test_carrier(void **state)
{
    (void)state;
    lth_conf *owner = NULL;
    lth_conf_errors errors;
    put();
    write("agent.yaml",
          "node: { org: P, store: s, identity: i, control: c, broker: \"tcp://a:1\" }\n"
          "hosted:\n"
          "  schools: hosted.csv\n"
          "  profile: things\n"
          "  carrier: { inbox: many, profile: things }\n"
          "guard: { gone_percent: 35 }\n");
    const lth_agent_conf *agent = load(&owner, &errors);
    assert_string_equal(conf_kit_first(&errors, false), "");
    assert_ptr_equal(agent->carrier_profile, agent->schools[0].profile);
    assert_string_equal(agent->carrier_inbox, conf_kit_path("many"));
    assert_int_equal(agent->gone_percent, 35);
    lth_conf_errors_fini(&errors);
    lth_conf_free(&owner);
}

/* ---- views ---- */

static const char VIEWS[] =
    "node: { org: P, store: s, identity: i, control: c, broker: \"tcp://a:1\" }\n"
    "hosted:\n"
    "  schools: hosted.csv\n"
    "  profile: things\n"
    "  inbox: box/in/{org}/up\n"
    "  views:\n"
    "    - name: things-2\n"
    "      source: { driver: SQLite3, database: all.db, secret_file: pw, scan_seconds: 60 }\n"
    "      query: SELECT * FROM v ORDER BY org\n"
    "      org_from: org\n"
    "    - name: others\n"
    "      source: { driver: PostgreSQL, database: all, dsn: \"Server=a\" }\n"
    "      query: SELECT 1\n"
    "      org_from: ma\n"
    "      every: 1m\n";

static void test_views(void **state)
{
    (void)state;
    lth_conf *owner = NULL;
    lth_conf_errors errors;
    put();
    write("agent.yaml", VIEWS);
    const lth_agent_conf *agent = load(&owner, &errors);
    assert_string_equal(conf_kit_first(&errors, false), "");
    assert_int_equal(agent->n_views, 2);
    assert_string_equal(agent->views_dir, conf_kit_path("box/in/.views"));
    const lth_view_conf *view = &agent->views[0];
    assert_string_equal(view->name, "things-2");
    assert_string_equal(view->query, "SELECT * FROM v ORDER BY org");
    assert_string_equal(view->org_from, "org");
    assert_int_equal(view->every_ms, 15 * 60 * 1000);
    assert_string_equal(view->source.database, conf_kit_path("all.db"));
    assert_string_equal(view->source.org, "things-2");
    assert_non_null(strstr(view->source.secret_file, "/pw"));
    assert_int_equal(view->source.scan_seconds_max, 60);
    assert_string_equal(agent->views[1].source.database, "all");
    assert_string_equal(agent->views[1].source.dsn, "Server=a");
    assert_int_equal(agent->views[1].source.scan_seconds_max, 300);
    assert_int_equal(agent->views[1].every_ms, 60000);
    lth_conf_errors_fini(&errors);
    lth_conf_free(&owner);
}

/* Where the directory of their files is, for other forms of inboxes. */
static void test_views_dir(void **state)
{
    (void)state;
    static const char *const forms[][2] = {
        {"inbox: \"{org}\"", "/.views"}, {"inbox: a/b-{org}", "/a/.views"}, {"", "/inbox/.views"}};
    const char *mark = strstr(VIEWS, "  inbox: box/in/{org}/up\n");
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char text[2048], expected[300];
        lth_conf *owner = NULL;
        lth_conf_errors errors;
        put();
        (void)snprintf(text, sizeof text, "%.*s  %s\n%s", (int)(mark - VIEWS), VIEWS, forms[i][0],
                       strchr(mark, '\n') + 1);
        write("agent.yaml", text);
        (void)snprintf(expected, sizeof expected, "%s%s", conf_kit_path(""), forms[i][1]);
        const lth_agent_conf *agent = load(&owner, &errors);
        assert_string_equal(conf_kit_first(&errors, false), "");
        assert_string_equal(agent->views_dir, expected);
        lth_conf_errors_fini(&errors);
        lth_conf_free(&owner);
    }
}

static const struct {
    const char *from, *to, *line;
} BAD_VIEWS[] = {
    {"name: things-2", "name: Things",
     "agent.yaml:7:13: \"Things\" không phải tên khung nhìn: chữ thường, chữ số và - ở giữa, đầu "
     "là "
     "chữ"},
    {"name: things-2", "name: things-",
     "agent.yaml:7:13: \"things-\" không phải tên khung nhìn: chữ thường, chữ số và - ở giữa, đầu "
     "là chữ"},
    {"name: things-2", "name: 2-things",
     "agent.yaml:7:13: \"2-things\" không phải tên khung nhìn: chữ thường, chữ số và - ở giữa, đầu "
     "là chữ"},
    {"name: others", "name: things-2", "agent.yaml:11:13: khung nhìn \"things-2\" đã có ở trên"},
    {"every: 1m", "every: 59s", "agent.yaml:15:14: every phải từ 1m đến 24h"},
    {"      org_from: ma\n", "", "agent.yaml:11:7: thiếu khoá \"org_from\" trong phần \"views\""},
    {"driver: PostgreSQL, ", "", "agent.yaml:12:15: thiếu khoá \"driver\" trong phần \"source\""},
    {"scan_seconds", "scan_secondz",
     "agent.yaml:8:69: khoá \"scan_secondz\" không có trong phần \"source\"; ý bạn là "
     "\"scan_seconds\"?"},
};

static void test_bad_views(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof BAD_VIEWS / sizeof BAD_VIEWS[0]; i++) {
        char text[2048];
        lth_conf *owner = NULL;
        lth_conf_errors errors;
        const char *at = strstr(VIEWS, BAD_VIEWS[i].from);
        assert_non_null(at);
        put();
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - VIEWS), VIEWS, BAD_VIEWS[i].to,
                       at + strlen(BAD_VIEWS[i].from));
        write("agent.yaml", text);
        assert_null(load(&owner, &errors));
        assert_string_equal(conf_kit_first(&errors, false), BAD_VIEWS[i].line);
        lth_conf_errors_fini(&errors);
        lth_conf_free(&owner);
    }
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
        cmocka_unit_test(test_hosted),    cmocka_unit_test(test_spoiled),
        cmocka_unit_test(test_carrier),   cmocka_unit_test(test_views),
        cmocka_unit_test(test_views_dir), cmocka_unit_test(test_bad_views),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
