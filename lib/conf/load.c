#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "internal.h"

#define KEEP_MAX    ((size_t)512 * 1024 * 1024)
#define SCRATCH_MAX ((size_t)512 * 1024 * 1024)

struct lth_conf {
    lth_arena *keep;
    lth_broker_conf broker;
    lth_agent_conf agent;
    lth_intake_conf intake;
    lth_schema schema;
    lth_registry registry;
};

void lth_conf_free(lth_conf **self)
{
    if (*self != NULL) {
        lth_arena_free(&(*self)->keep);
        free(*self);
        *self = NULL;
    }
}

static bool begin(conf_load *load, lth_conf_errors *errors)
{
    errors->n = 0;
    errors->more = 0;
    *load = (conf_load){.errors = errors};
    load->conf = calloc(1, sizeof *load->conf);
    load->scratch = lth_arena_new(SCRATCH_MAX);
    if (load->conf != NULL) {
        load->conf->keep = lth_arena_new(KEEP_MAX);
        load->keep = load->conf->keep;
    }
    return load->keep != NULL && load->scratch != NULL;
}

/* DIR or DIR/FILE to the file; sets the directory that names are shown from. */
static char *find_file(conf_load *load, const char *path, const char *name)
{
    struct stat st;
    bool directory = name != NULL && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    char *file = lth_conf__keep(load, n + 2 + (directory ? strlen(name) : 0));
    if (file == NULL) {
        return NULL;
    }
    memcpy(file, path, n);
    if (directory) {
        file[n] = '/';
        memcpy(file + n + 1, name, strlen(name) + 1);
    }
    load->root = lth_conf__keep_text(load, file);
    char *slash = load->root != NULL ? strrchr(load->root, '/') : NULL;
    if (slash != NULL) {
        *slash = '\0';
    } else if (load->root != NULL) {
        load->root = lth_conf__keep_text(load, ".");
    }
    return load->root != NULL ? file : NULL;
}

static lth_err finish(conf_load *load, lth_conf **owner)
{
    lth_arena_free(&load->scratch);
    lth_err err = load->nomem ? LTH_E_NOMEM : conf_faults(load) > 0 ? LTH_E_CONFIG : LTH_OK;
    if (err == LTH_OK) {
        *owner = load->conf;
    } else {
        lth_conf_free(&load->conf);
    }
    return err;
}

lth_err lth_conf_load_broker(lth_conf **owner, const lth_broker_conf **out, const char *path,
                             lth_conf_errors *errors)
{
    return lth_conf_load_broker_with(owner, out, path, NULL, errors);
}

lth_err lth_conf_load_broker_with(lth_conf **owner, const lth_broker_conf **out, const char *path,
                                  const lth_public_set *published, lth_conf_errors *errors)
{
    conf_load load;
    *owner = NULL;
    *out = NULL;
    char *file = begin(&load, errors) ? find_file(&load, path, "broker.yaml") : NULL;
    load.published = published;
    if (file != NULL) {
        lth_conf__broker(&load, file, &load.conf->broker);
    } else {
        load.nomem = true;
    }
    lth_err err = finish(&load, owner);
    *out = err == LTH_OK ? &(*owner)->broker : NULL;
    return err;
}

lth_err lth_conf_load_agent(lth_conf **owner, const lth_agent_conf **out, const char *path,
                            lth_conf_errors *errors)
{
    return lth_conf_load_agent_with(owner, out, path, NULL, errors);
}

lth_err lth_conf_load_agent_with(lth_conf **owner, const lth_agent_conf **out, const char *path,
                                 const lth_public_set *published, lth_conf_errors *errors)
{
    conf_load load;
    *owner = NULL;
    *out = NULL;
    char *file = begin(&load, errors) ? find_file(&load, path, "agent.yaml") : NULL;
    load.published = published;
    if (file != NULL) {
        lth_conf__agent(&load, file, &load.conf->agent);
    } else {
        load.nomem = true;
    }
    lth_err err = finish(&load, owner);
    *out = err == LTH_OK ? &(*owner)->agent : NULL;
    return err;
}

lth_err lth_conf_load_intake(lth_conf **owner, const lth_intake_conf **out, const char *path,
                             lth_conf_errors *errors)
{
    conf_load load;
    *owner = NULL;
    *out = NULL;
    char *file = begin(&load, errors) ? find_file(&load, path, "intake.yaml") : NULL;
    if (file != NULL) {
        lth_conf__intake(&load, file, &load.conf->intake);
    } else {
        load.nomem = true;
    }
    lth_err err = finish(&load, owner);
    *out = err == LTH_OK ? &(*owner)->intake : NULL;
    return err;
}

lth_err lth_conf_load_datasets(lth_conf **owner, const lth_schema **out, const char *dir,
                               lth_conf_errors *errors)
{
    conf_load load;
    *owner = NULL;
    *out = NULL;
    char *path = begin(&load, errors) ? find_file(&load, dir, NULL) : NULL;
    if (path != NULL) {
        load.root = path;
        lth_conf__schema_dirs(&load, path, NULL, &load.conf->schema);
    } else {
        load.nomem = true;
    }
    lth_err err = finish(&load, owner);
    *out = err == LTH_OK ? &(*owner)->schema : NULL;
    return err;
}

/* "a/commune.csv" is about the list "commune". */
static const char *list_of(conf_load *load, const char *name)
{
    const char *slash = strrchr(name, '/');
    char *list = lth_conf__keep_text(load, slash != NULL ? slash + 1 : name);
    size_t n = list != NULL ? strlen(list) : 0;
    if (n > 4 && strcmp(list + n - 4, ".csv") == 0) {
        list[n - 4] = '\0';
    }
    return list;
}

lth_err lth_conf_build_schema(lth_conf **owner, const lth_schema **out,
                              const lth_schema_source *parts, size_t n, lth_conf_errors *errors)
{
    conf_load load;
    *owner = NULL;
    *out = NULL;
    conf_part *all = begin(&load, errors) ? lth_conf__scratch(&load, (n + 1) * sizeof *all) : NULL;
    load.root = load.keep != NULL ? lth_conf__keep_text(&load, ".") : NULL;
    if (all != NULL && load.root != NULL) {
        for (size_t i = 0; i < n; i++) {
            const char *name = lth_conf__keep_text(&load, parts[i].name);
            all[i] = (conf_part){.kind = parts[i].kind, .at_hand = true, .text = parts[i].text};
            all[i].file = (conf_file){.load = &load, .path = name, .shown = name, .dir = "."};
            all[i].list = name != NULL ? list_of(&load, name) : NULL;
        }
    }
    if (all != NULL && !load.nomem) {
        lth_conf__schema(&load, all, (uint32_t)n, &load.conf->schema);
    } else {
        load.nomem = true;
    }
    lth_err err = finish(&load, owner);
    *out = err == LTH_OK ? &(*owner)->schema : NULL;
    return err;
}

lth_err lth_conf_publication(lth_conf **owner, const lth_schema **out, lth_public_set *set,
                             const char *dir, lth_conf_errors *errors)
{
    conf_load load;
    *owner = NULL;
    *out = NULL;
    *set = (lth_public_set){.version = 0};
    char *path = begin(&load, errors) ? find_file(&load, dir, NULL) : NULL;
    if (path != NULL) {
        load.root = path;
        lth_conf__publication(&load, path, set, &load.conf->schema);
    } else {
        load.nomem = true;
    }
    lth_err err = finish(&load, owner);
    *out = err == LTH_OK ? &(*owner)->schema : NULL;
    return err;
}

lth_err lth_conf_build_published(lth_conf **owner, const lth_schema **out,
                                 const lth_public_set *set, lth_conf_errors *errors)
{
    conf_load load;
    *owner = NULL;
    *out = NULL;
    load.nomem = !begin(&load, errors);
    load.root = load.keep != NULL ? lth_conf__keep_text(&load, ".") : NULL;
    if (!load.nomem && load.root != NULL) {
        lth_conf__schema_published(&load, set, NULL, &load.conf->schema);
        load.conf->schema.dict_ver = set->version;
    }
    lth_err err = finish(&load, owner);
    *out = err == LTH_OK ? &(*owner)->schema : NULL;
    return err;
}

lth_err lth_conf_path_of(char *out, size_t size, const char *path, const char *name,
                         const char *section, const char *key, lth_conf_errors *errors)
{
    conf_load load;
    conf_file file;
    lth_conf *owner = NULL;
    out[0] = '\0';
    char *found = begin(&load, errors) ? find_file(&load, path, name) : NULL;
    load.nomem = load.nomem || found == NULL;
    if (found != NULL && lth_conf__file_open(&file, &load, found) && file.root->kind == CONF_MAP) {
        const conf_node *node = lth_conf__node_find(file.root, section);
        bool map = node != NULL && node->value != NULL && node->value->kind == CONF_MAP;
        const conf_node *store = map ? lth_conf__node_find(node->value, key) : NULL;
        bool text = store != NULL && store->value != NULL && store->value->kind == CONF_SCALAR;
        const char *full = text ? lth_conf__path(&file, store->value->text) : NULL;
        if (full != NULL && lth_format(out, size, "%s", full) != strlen(full)) {
            out[0] = '\0';
        }
    }
    lth_err err = finish(&load, &owner);
    lth_conf_free(&owner);
    return err;
}

lth_err lth_conf_load_orgs(lth_conf **owner, const lth_registry **out, const char *path,
                           lth_conf_errors *errors)
{
    conf_load load;
    *owner = NULL;
    *out = NULL;
    char *file = begin(&load, errors) ? find_file(&load, path, NULL) : NULL;
    if (file != NULL) {
        lth_conf__orgs(&load, file, &load.conf->registry);
    } else {
        load.nomem = true;
    }
    lth_err err = finish(&load, owner);
    *out = err == LTH_OK ? &(*owner)->registry : NULL;
    return err;
}
