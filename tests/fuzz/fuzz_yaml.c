/* Any bytes as each kind of configuration file, beside correct others. The first byte chooses the
 * file; a load gives errors or a configuration, never both. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lth/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[64];

static const struct {
    const char *name, *text;
} FILES[] = {
    {"broker.yaml", "node: { org: P, store: s, identity: i }\n"
                    "listen: { agents: \"tcp://a:1\", control: c }\n"
                    "parent: { endpoint: \"tcp://b:1\", org: M }\n"},
    {"agent.yaml", "node: { org: P, store: s, identity: i, control: c, broker: \"tcp://a:1\" }\n"
                   "schools: []\n"},
    {"orgs.yaml", "version: 1\ncsv: list.csv\n"},
    {"routes.yaml", "version: 1\nroutes: []\n"},
    {"datasets/d.yaml", "dataset: d\nnumber: 1\nversion: 1\nnatural_key: [k]\n"
                        "groups: { key: { number: 1 }, main: { number: 2 } }\n"
                        "fields:\n  k: { number: 1, group: key, type: text, required: true }\n"
                        "  b: { number: 2, group: main, type: date }\n"
                        "  c: { number: 3, group: main, type: list, key: p,\n"
                        "       items: { p: { number: 1, type: code } } }\n"},
    {"list.csv", "id,code,name,kind,parents\n"
                 "01000000000000000000000000000000,M,Ministry,ministry,\n"
                 "02000000000000000000000000000000,P,Province,province,"
                 "01000000000000000000000000000000 professional\n"},
};
#define N_FILES (sizeof FILES / sizeof FILES[0])

static void path_of(char out[128], const char *name)
{
    (void)snprintf(out, 128, "%s/%s", directory, name);
}

static void write_file(const char *name, const void *bytes, size_t n)
{
    char path[128];
    path_of(path, name);
    FILE *out = fopen(path, "wb");
    if (out == NULL || fwrite(bytes, 1, n, out) != n || fclose(out) != 0) {
        abort();
    }
}

static void clean(void)
{
    char path[128];
    for (size_t i = 0; i < N_FILES; i++) {
        path_of(path, FILES[i].name);
        (void)unlink(path);
    }
    path_of(path, "datasets");
    (void)rmdir(path);
    (void)rmdir(directory);
}

static void set_up(void)
{
    char path[128];
    (void)strcpy(directory, "/tmp/lth-fuzz-yaml-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        abort();
    }
    (void)atexit(clean);
    path_of(path, "datasets");
    (void)mkdir(path, 0700);
    for (size_t i = 0; i < N_FILES; i++) {
        write_file(FILES[i].name, FILES[i].text, strlen(FILES[i].text));
    }
}

static void ignore(void *ctx, const char *line)
{
    (void)ctx;
    if (line[0] == '\0') {
        abort();
    }
}

static void check(lth_err err, lth_conf **owner, lth_conf_errors *errors)
{
    if ((err == LTH_OK) != (*owner != NULL) || (err == LTH_E_CONFIG) != (errors->n > 0)) {
        abort();
    }
    lth_conf_errors_each(errors, false, ignore, NULL);
    lth_conf_errors_each(errors, true, ignore, NULL);
    lth_conf_errors_fini(errors);
    lth_conf_free(owner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lth_conf *owner = NULL;
    lth_conf_errors errors;
    const lth_broker_conf *broker = NULL;
    const lth_agent_conf *agent = NULL;
    if (directory[0] == '\0') {
        set_up();
    }
    if (size == 0) {
        return 0;
    }
    size_t file = data[0] % N_FILES;
    write_file(FILES[file].name, data + 1, size - 1);
    if (file == 1) {
        check(lth_conf_load_agent(&owner, &agent, directory, &errors), &owner, &errors);
    } else {
        check(lth_conf_load_broker(&owner, &broker, directory, &errors), &owner, &errors);
    }
    write_file(FILES[file].name, FILES[file].text, strlen(FILES[file].text));
    return 0;
}
