#include <stdlib.h>
#include <string.h>

#include "test_conf_kit.h"

/* test_conf_load CONFIG_DIR: the examples of config/, then what a small configuration gives. */
static const char *examples;

static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    print_error("%s\n", line);
}

static void expect_ok(lth_err err, const lth_conf_errors *errors)
{
    lth_conf_errors_each(errors, true, print_line, NULL);
    assert_int_equal(err, LTH_OK);
    assert_int_equal(errors->n, 0);
}

static const lth_broker_conf *load_broker(lth_conf **owner, const char *path)
{
    lth_conf_errors errors = {.n = 0};
    const lth_broker_conf *out = NULL;
    expect_ok(lth_conf_load_broker(owner, &out, path, &errors), &errors);
    return out;
}

static const lth_agent_conf *load_agent(lth_conf **owner, const char *path)
{
    lth_conf_errors errors = {.n = 0};
    const lth_agent_conf *out = NULL;
    expect_ok(lth_conf_load_agent(owner, &out, path, &errors), &errors);
    return out;
}

static void test_examples(void **state)
{
    (void)state;
    lth_conf *owner = NULL;
    const lth_broker_conf *broker = load_broker(&owner, examples);
    assert_string_equal(broker->node.store, "/var/lib/lienthong/broker");
    assert_string_equal(broker->listen_control, "/run/lienthong/broker.sock");
    assert_string_equal(broker->parent_org, "bo");
    assert_int_equal(broker->peers_max, 6000);
    assert_int_equal(broker->workers, 2);
    static const uint16_t numbers[] = {2, 3, 4, 5, 6, 8, 9, 10, 20, 21};
    assert_int_equal(broker->schema.n_datasets, 10);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(broker->schema.datasets[i].number, numbers[i]);
        assert_non_null(broker->schema.datasets[i].title.vi);
        assert_non_null(broker->schema.datasets[i].title.en);
    }
    lth_conf_free(&owner);
    assert_null(owner);
    const lth_agent_conf *agent = load_agent(&owner, examples);
    assert_int_equal(agent->n_schools, 1);
    assert_int_equal(agent->schools[0].n_tables, 3);
    assert_int_equal(agent->live_ms, 60000);
    lth_conf_free(&owner);
}

/* The reform of 1 July 2025 in the example's registry. */
static void test_example_registry(void **state)
{
    (void)state;
    lth_conf *owner = NULL;
    const lth_broker_conf *broker = load_broker(&owner, examples);
    const lth_registry *r = &broker->registry;
    const lth_org *school = lth_registry_find_code(r, "79000123");
    const lth_org *commune = lth_registry_find_code(r, "79-26740");
    assert_string_equal(lth_registry_path_parent(r, school, 20250630)->code, "79-760");
    assert_string_equal(lth_registry_path_parent(r, school, 20250701)->code, "79");
    assert_false(lth_registry_under_any(r, school, commune, 20250630));
    assert_true(lth_registry_under_any(r, school, commune, 20250701));
    assert_string_equal(lth_registry_find_code(r, "79000124")->name,
                        "Trường Tiểu học Mẫu, cơ sở chính");
    assert_int_equal(lth_registry_find_code(r, "79000124")->from_day, 20050905);
    lth_conf_free(&owner);
}

static bool shares(const lth_broker_conf *broker, const char *dataset, const char *group)
{
    const lth_dataset *ds = lth_schema_find_name(&broker->schema, dataset);
    const lth_org *school = lth_registry_find_code(&broker->registry, "79000123");
    lth_grantset g;
    lth_policy_find(&g, &broker->policy, &broker->registry, &broker->schema, school, ds->number,
                    NULL, 20260901);
    uint16_t number = lth_dataset_group_name(ds, group)->number;
    for (uint32_t i = 0; i < g.n_share; i++) {
        if (g.share[i] == number) {
            return true;
        }
    }
    return false;
}

/* `share: all` leaves sensitive groups out; a name lets one through. */
static void test_example_routes(void **state)
{
    (void)state;
    lth_conf *owner = NULL;
    const lth_broker_conf *broker = load_broker(&owner, examples);
    assert_true(shares(broker, "pupil", "identity"));
    assert_true(shares(broker, "pupil", "official"));
    assert_false(shares(broker, "pupil", "contact"));
    assert_false(shares(broker, "pupil", "health"));
    assert_false(shares(broker, "term_result", "remark"));
    assert_true(shares(broker, "enrolment", "key"));
    assert_false(shares(broker, "class", "key"));
    lth_conf_free(&owner);

    conf_kit_restore();
    static const struct {
        const char *share;
        uint32_t n;
    } rows[] = {{"all", 3}, {"[contact]", 1}, {"[main, contact, main]", 2}};
    for (size_t i = 0; i < 3; i++) {
        char text[400];
        size_t n = lth_format(text, sizeof text,
                              "version: 1\nroutes:\n  - { name: a, purpose: p, legal_basis: l, "
                              "from: { under: P }, to: { org: M }, "
                              "datasets: { thing: { share: %s } } }\n",
                              rows[i].share);
        conf_kit_write("routes.yaml", text, n);
        broker = load_broker(&owner, conf_kit_path(""));
        const lth_route *route = &broker->policy.routes[0];
        assert_int_equal(route->datasets[0].n_share, rows[i].n);
        assert_int_equal(route->datasets[0].share[rows[i].n - 1], i == 0 ? 4 : 3);
        assert_true(route->to_parent); /* M is this node's parent. */
        lth_conf_free(&owner);
    }
    conf_kit_restore();
}

static void test_broker(void **state)
{
    (void)state;
    char path[300];
    lth_conf *owner = NULL;
    /* The file itself works as well as its directory. */
    const lth_broker_conf *broker = load_broker(&owner, conf_kit_path("broker.yaml"));
    (void)lth_format(path, sizeof path, "%s", conf_kit_path("store"));
    assert_string_equal(broker->node.store, path);
    (void)lth_format(path, sizeof path, "%s", conf_kit_path("id/../peers"));
    assert_string_equal(broker->peers_dir, path);
    assert_int_equal(broker->peers_max, 10);
    assert_int_equal(broker->keep_days, 40);
    assert_int_equal(broker->store_gib, 64);
    assert_int_equal(broker->registry.version, 2);
    assert_int_equal(broker->policy.version, 3);
    const lth_dataset *ds = &broker->schema.datasets[0];
    assert_int_equal(ds->natural_group, 2);
    const lth_field *born = lth_dataset_field_name(ds, "born");
    assert_int_equal(born->precision, LTH_DATE_DAY | LTH_DATE_YEAR);
    const lth_field *mark = lth_dataset_field_name(ds, "mark");
    assert_true(mark->has_min && mark->has_max_value);
    assert_int_equal(mark->max_value, 100); /* 10.0, scaled */
    const lth_field *parts = lth_dataset_field_name(ds, "parts");
    assert_int_equal(parts->max, 3);
    assert_int_equal(parts->key_item, 1);
    assert_true(parts->items[0].required);
    const lth_group *official = lth_dataset_group_name(ds, "official");
    assert_string_equal(official->owner_kind, "ministry");
    assert_int_equal(official->owner_parent, LTH_PARENT_PROFESSIONAL);
    lth_conf_free(&owner);
}

static void test_top(void **state)
{
    (void)state;
    /* A node without parent: no route may go there. */
    static const char top[] = "node: { org: M, store: s, identity: i }\n"
                              "listen: { agents: \"tcp://*:7601\", control: c.sock }\n";
    static const char routes[] = "version: 1\nroutes: []\n";
    lth_conf *owner = NULL;
    conf_kit_write("broker.yaml", top, sizeof top - 1);
    lth_conf_errors errors = {.n = 0};
    const lth_broker_conf *broker = NULL;
    assert_int_equal(lth_conf_load_broker(&owner, &broker, conf_kit_path(""), &errors),
                     LTH_E_CONFIG);
    assert_int_equal(errors.items[0].line, 7);
    lth_conf_errors_fini(&errors);
    conf_kit_write("routes.yaml", routes, sizeof routes - 1);
    broker = load_broker(&owner, conf_kit_path(""));
    assert_null(broker->parent_endpoint);
    assert_null(broker->parent_org);
    assert_int_equal(broker->policy.n_routes, 0);
    lth_conf_free(&owner);
    conf_kit_restore();
}

static void test_agent(void **state)
{
    (void)state;
    lth_conf *owner = NULL;
    char path[300];
    const lth_agent_conf *agent = load_agent(&owner, conf_kit_path(""));
    const lth_source_conf *school = &agent->schools[0];
    (void)lth_format(path, sizeof path, "%s", conf_kit_path("s.db"));
    assert_string_equal(school->database, path);
    assert_int_equal(school->org_id.b[0], 3);
    assert_int_equal(school->scan_seconds_max, 300);
    const lth_source_table *table = &school->tables[0];
    assert_int_equal(table->every_ms, 500000);
    assert_string_equal(table->mode, "diff");
    const lth_mapping *m = &table->mapping;
    static const char *const columns[] = {"id", "ma", "ten", "ngay", "gt", "a"};
    assert_int_equal(m->n_columns, 6);
    for (uint32_t i = 0; i < 6; i++) {
        assert_string_equal(m->columns[i], columns[i]);
    }
    assert_int_equal(m->key_column, 0);
    assert_int_equal(m->n_fields, 5);
    assert_string_equal(m->fields[2].as, "date_vn");
    assert_string_equal(m->fields[3].pairs[0].from, "Nam");
    assert_int_equal(m->fields[4].n_items, 1);

    lth_cell cells[6];
    static const char *const row[] = {"1", "X1", "Lan", "3/5/2014", "Nam", "8,5"};
    for (uint32_t i = 0; i < 6; i++) {
        cells[i] = (lth_cell){(const uint8_t *)row[i], (int64_t)strlen(row[i])};
    }
    lth_arena *arena = lth_arena_new(1024 * 1024);
    lth_mapped_row out;
    assert_int_equal(lth_map_row(&out, m, &agent->schema, cells, 20140901, arena), LTH_OK);
    assert_int_equal(out.findings.n, 0);
    assert_int_equal(out.n_groups, 3);
    lth_arena_free(&arena);
    lth_conf_free(&owner);
}

static void test_defaults(void **state)
{
    (void)state;
    /* The shortest table of an agent; a key column named in another case is one column. */
    static const char text[] =
        "node: { org: S1, store: s, identity: i, control: c, broker: \"tcp://a:1\" }\n"
        "schools:\n"
        "  - org: S1\n"
        "    source: { driver: PostgreSQL, database: qlth, secret_file: pw }\n"
        "    tables: [ { dataset: thing, query: q, key: ID, fields: { code: id, name: id } } ]\n";
    lth_conf *owner = NULL;
    conf_kit_write("agent.yaml", text, sizeof text - 1);
    const lth_agent_conf *agent = load_agent(&owner, conf_kit_path(""));
    const lth_source_conf *school = &agent->schools[0];
    assert_int_equal(school->tables[0].every_ms, 30000);
    assert_string_equal(school->tables[0].mode, "diff");
    assert_int_equal(school->tables[0].mapping.n_columns, 1);
    assert_string_equal(school->database, "qlth");
    assert_string_equal(school->secret_file, conf_kit_path("pw"));
    assert_int_equal(agent->store_mib, 256);
    assert_int_equal(agent->live_ms, 60000);
    lth_conf_free(&owner);
    conf_kit_restore();
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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_example_registry),
        cmocka_unit_test(test_example_routes),
        cmocka_unit_test(test_broker),
        cmocka_unit_test(test_top),
        cmocka_unit_test(test_agent),
        cmocka_unit_test(test_defaults),
    };
    examples = argc > 1 ? argv[1] : "config";
    return cmocka_run_group_tests(tests, setup, teardown);
}
