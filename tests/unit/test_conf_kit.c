#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test_conf_kit.h"

static char directory[64];
static char path[256];

static const struct {
    const char *name, *text;
} FILES[] = {
    {"broker.yaml", "node: { org: P, name: Test, store: store, identity: id }\n"
                    "listen:\n"
                    "  agents: tcp://127.0.0.1:7601\n"
                    "  control: run/broker.sock\n"
                    "parent: { endpoint: \"tcp://up.example:7601\", org: M }\n"
                    "limits: { peers: 10, keep_days: 40 }\n"
                    "files: { datasets: datasets/ }\n"},
    {"agent.yaml", "node:\n"
                   "  { org: S1, store: store, identity: id, control: run/a.sock,\n"
                   "    broker: \"tcp://127.0.0.1:7601\" }\n"
                   "schools:\n"
                   "  - org: S1\n"
                   "    source: { driver: SQLite3, database: s.db }\n"
                   "    tables:\n"
                   "      - dataset: thing\n"
                   "        every: 500s\n"
                   "        query: SELECT * FROM t\n"
                   "        key: id\n"
                   "        fields:\n"
                   "          code: ma\n"
                   "          name: { from: ten }\n"
                   "          born: { from: ngay, as: date_vn }\n"
                   "          sex: { from: gt, map: { Nam: \"1\" } }\n"
                   "          parts: { items: [ { part: { const: A }, score: a } ] }\n"},
    {"orgs.yaml",
     "version: 2\n"
     "orgs:\n"
     "  - { id: 01000000000000000000000000000000, code: M, name: Ministry, kind: ministry }\n"
     "  - id: 02000000000000000000000000000000\n"
     "    code: P\n"
     "    name: Province\n"
     "    kind: province\n"
     "    parents: [ { id: 01000000000000000000000000000000, type: professional } ]\n"
     "  - id: 03000000000000000000000000000000\n"
     "    code: S1\n"
     "    name: School\n"
     "    kind: school\n"
     "    from: 2005-09-05\n"
     "    parents: [ { id: 02000000000000000000000000000000, type: professional } ]\n"},
    {"routes.yaml", "version: 3\n"
                    "routes:\n"
                    "  - name: up\n"
                    "    purpose: Test\n"
                    "    legal_basis: Law\n"
                    "    from: { under: P }\n"
                    "    to: parent\n"
                    "    datasets:\n"
                    "      thing: { share: [key, main] }\n"},
    {"datasets/thing.yaml",
     "dataset: thing\n"
     "number: 7\n"
     "version: 1\n"
     "natural_key: [code]\n"
     "groups:\n"
     "  key: { number: 2 }\n"
     "  main: { number: 1 }\n"
     "  contact: { number: 3, sensitive: true }\n"
     "  official: { number: 4, owner: { kind: ministry, parent: professional } }\n"
     "fields:\n"
     "  code: { number: 1, group: key, type: text, max: 20, required: true }\n"
     "  name: { number: 2, group: main, type: text, required: true }\n"
     "  born: { number: 3, group: main, type: date, precision: [day, year] }\n"
     "  sex: { number: 4, group: main, type: code, list: sex }\n"
     "  mark: { number: 5, group: main, type: decimal, digits: 3, scale: 1, min: 0, max: 10 }\n"
     "  phone: { number: 6, group: contact, type: text }\n"
     "  note: { number: 7, group: official, type: text }\n"
     "  parts:\n"
     "    number: 8\n"
     "    group: main\n"
     "    type: list\n"
     "    max: 3\n"
     "    key: part\n"
     "    items:\n"
     "      part: { number: 1, type: code }\n"
     "      score: { number: 2, type: decimal, digits: 3, scale: 1 }\n"},
};
#define N_FILES (sizeof FILES / sizeof FILES[0])

const char *conf_kit_path(const char *file)
{
    (void)snprintf(path, sizeof path, "%s%s%s", directory, file[0] != '\0' ? "/" : "", file);
    return path;
}

const char *conf_kit_text(const char *file)
{
    for (size_t i = 0; i < N_FILES; i++) {
        if (strcmp(FILES[i].name, file) == 0) {
            return FILES[i].text;
        }
    }
    fail_msg("no file %s", file);
    return NULL;
}

void conf_kit_write(const char *file, const void *bytes, size_t n)
{
    FILE *out = fopen(conf_kit_path(file), "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
}

void conf_kit_restore(void)
{
    for (size_t i = 0; i < N_FILES; i++) {
        conf_kit_write(FILES[i].name, FILES[i].text, strlen(FILES[i].text));
    }
}

void conf_kit_open(void)
{
    (void)snprintf(directory, sizeof directory, "/tmp/lth-conf-XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(mkdir(conf_kit_path("datasets"), 0700), 0);
    assert_int_equal(mkdir(conf_kit_path("profiles"), 0700), 0);
    conf_kit_restore();
}

void conf_kit_close(void)
{
    for (size_t i = 0; i < N_FILES; i++) {
        (void)unlink(conf_kit_path(FILES[i].name));
    }
    static const char *const OTHERS[] = {"list.csv", "hosted.csv", "profiles/things.yaml"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        (void)unlink(conf_kit_path(OTHERS[i]));
    }
    (void)rmdir(conf_kit_path("datasets"));
    (void)rmdir(conf_kit_path("profiles"));
    (void)rmdir(conf_kit_path(""));
}

static char first[2048];

static void keep_first(void *ctx, const char *line)
{
    (void)ctx;
    if (first[0] == '\0') {
        (void)snprintf(first, sizeof first, "%s", line);
    }
}

const char *conf_kit_first(const lth_conf_errors *errors, bool english)
{
    first[0] = '\0';
    lth_conf_errors_each(errors, english, keep_first, NULL);
    return first;
}
