#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define DATASETS_MAX 256u
#define LISTS_MAX    1000u

/* Names of a directory's files that end so, sorted. */
typedef struct names {
    char **names;
    uint32_t n;
} names;

static bool ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name);
    size_t k = strlen(suffix);
    return n > k && strcmp(name + n - k, suffix) == 0 && name[0] != '.';
}

/* @return false: there is no such directory. */
static bool list_directory(conf_load *load, const char *dir, const char *suffix, names *out)
{
    struct dirent **entries = NULL;
    int found = scandir(dir, &entries, NULL, alphasort);
    *out = (names){.n = 0};
    if (found < 0) {
        return false;
    }
    out->names = lth_conf__scratch(load, ((size_t)found + 1) * sizeof *out->names);
    for (int i = 0; i < found; i++) {
        if (out->names != NULL && ends_with(entries[i]->d_name, suffix)) {
            out->names[out->n++] = lth_conf__keep_text(load, entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    return true;
}

static void no_directory(conf_load *load, const char *dir)
{
    conf_file file;
    const char *why = strerror(errno);
    if (lth_conf__file_name(&file, load, dir)) {
        lth_conf__error(&file, NULL, "không mở được thư mục (%s)", "cannot open the directory (%s)",
                        why);
    }
}

typedef struct part_list {
    conf_load *load;
    conf_part *parts;
    uint32_t n;
} part_list;

/* DIR/NAME as a part. */
static void add_part(part_list *self, lth_schema_part kind, const char *dir, const char *name)
{
    conf_file where = {.load = self->load, .dir = dir};
    conf_part *part = &self->parts[self->n];
    const char *path = lth_conf__path(&where, name);
    if (path == NULL || !lth_conf__file_name(&part->file, self->load, path)) {
        return;
    }
    part->kind = kind;
    if (kind == LTH_PART_CODES) {
        char *list = lth_conf__keep_text(self->load, name);
        if (list != NULL) {
            list[strlen(list) - strlen(".csv")] = '\0';
        }
        part->list = list;
    }
    self->n++;
}

/* PARENT/codelists of PARENT/datasets. */
static const char *beside(conf_load *load, const char *datasets)
{
    static const char name[] = "codelists";
    const char *slash = strrchr(datasets, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash + 1 - datasets);
    char *out = lth_conf__keep(load, n + sizeof name);
    if (out != NULL) {
        memcpy(out, datasets, n);
        memcpy(out + n, name, sizeof name);
    }
    return out;
}

static void too_many(conf_load *load, const char *dir, uint32_t max)
{
    conf_file where;
    if (lth_conf__file_name(&where, load, dir)) {
        lth_conf__error(&where, NULL, "thư mục có quá %u tệp",
                        "more than %u files in the directory", max);
    }
}

static bool count_ok(conf_load *load, const char *dir, uint32_t n, uint32_t max)
{
    conf_file where;
    bool good = n > 0 && n <= max;
    if (!good && lth_conf__file_name(&where, load, dir)) {
        lth_conf__error(&where, NULL, "thư mục cần từ 1 đến %u tệp .yaml, mỗi tập dữ liệu một tệp",
                        "the directory needs 1 to %u .yaml files, one a dataset", max);
    }
    return good;
}

void lth_conf__schema_dirs(conf_load *load, const char *datasets, const char *codelists,
                           lth_schema *out)
{
    names yaml;
    names csv = {.n = 0};
    const char *lists = codelists != NULL ? codelists : beside(load, datasets);
    if (!list_directory(load, datasets, ".yaml", &yaml)) {
        no_directory(load, datasets);
        return;
    }
    if (lists == NULL || !count_ok(load, datasets, yaml.n, DATASETS_MAX)) {
        return;
    }
    bool have_lists = list_directory(load, lists, ".csv", &csv);
    if (!have_lists && (codelists != NULL || errno != ENOENT)) {
        no_directory(load, lists);
        return;
    }
    if (csv.n > LISTS_MAX) {
        too_many(load, lists, LISTS_MAX);
        return;
    }
    part_list all = {.load = load};
    all.parts = lth_conf__scratch(load, ((size_t)yaml.n + csv.n + 1) * sizeof *all.parts);
    if (load->nomem) {
        return;
    }
    for (uint32_t i = 0; i < yaml.n; i++) {
        add_part(&all, LTH_PART_DATASET, datasets, yaml.names[i]);
    }
    if (have_lists) {
        add_part(&all, LTH_PART_LISTS, lists, "lists.yaml");
    }
    for (uint32_t i = 0; i < csv.n; i++) {
        add_part(&all, LTH_PART_CODES, lists, csv.names[i]);
    }
    lth_conf__schema(load, all.parts, all.n, out);
}

uint32_t lth_conf__dataset_parts(conf_load *load, const char *dir, conf_part **out)
{
    names yaml;
    part_list all = {.load = load};
    if (!list_directory(load, dir, ".yaml", &yaml) || yaml.n > DATASETS_MAX) {
        no_directory(load, dir);
        return 0;
    }
    all.parts = lth_conf__scratch(load, ((size_t)yaml.n + 1) * sizeof *all.parts);
    for (uint32_t i = 0; i < yaml.n && all.parts != NULL; i++) {
        add_part(&all, LTH_PART_DATASET, dir, yaml.names[i]);
    }
    *out = all.parts;
    return all.n;
}

bool lth_conf__part_open(conf_part *part)
{
    if (part->at_hand) {
        return lth_conf__file_parse(&part->file, part->text);
    }
    conf_load *load = part->file.load;
    return lth_conf__file_open(&part->file, load, part->file.path);
}
