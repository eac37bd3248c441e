/* What the ministry is about to publish: a directory of datasets and code lists, judged as one. */
#include <stdio.h>
#include <string.h>

#include "internal.h"

static lth_slice text_of(const char *s)
{
    return s != NULL ? lth_slice_of(s, strlen(s)) : (lth_slice){0};
}

/* A whole file; empty with an error reported. */
static lth_slice read_text(conf_load *load, const conf_file *file)
{
    size_t n = 0;
    uint8_t *bytes = lth_conf__scratch(load, LTH_PUBLIC_TEXT_MAX + 1);
    FILE *in = bytes != NULL ? fopen(file->path, "rb") : NULL;
    if (in != NULL) {
        n = fread(bytes, 1, LTH_PUBLIC_TEXT_MAX + 1, in);
        (void)fclose(in);
    }
    if (n == 0 || n > LTH_PUBLIC_TEXT_MAX) {
        lth_conf__error(file, NULL, "tệp trống hoặc lớn hơn %u KiB: chia nhỏ hơn",
                        "the file is empty or larger than %u KiB: make it smaller",
                        LTH_PUBLIC_TEXT_MAX / 1024);
        n = 0;
    }
    return lth_slice_of(bytes, n);
}

/* NAME of DIR/NAME.yaml. */
static lth_slice name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    return lth_slice_of(name, strlen(name) - strlen(".yaml"));
}

static void add(conf_load *load, lth_public_set *set, const conf_file *file, lth_public_kind kind,
                uint32_t version)
{
    lth_public_definition one = {.kind = kind,
                                 .name = name_of(file->path),
                                 .version = version,
                                 .text = read_text(load, file)};
    if (one.text.n > 0 && lth_public_set_definition(set, &one) != LTH_OK) {
        load->nomem = true;
    }
}

/* A file is called as its dataset, so that nobody looks in the wrong one. */
static void add_dataset(conf_load *load, lth_public_set *set, const conf_file *file,
                        const lth_schema *schema)
{
    lth_slice name = name_of(file->path);
    const lth_dataset *found = NULL;
    for (uint32_t i = 0; i < schema->n_datasets; i++) {
        const lth_dataset *ds = &schema->datasets[i];
        found = lth_slice_equal(name, text_of(ds->name)) ? ds : found;
    }
    if (found == NULL) {
        lth_conf__error(file, NULL, "tệp phải mang tên của tập dữ liệu trong nó: TÊN.yaml",
                        "the file must have the name of the dataset in it: NAME.yaml");
    } else if (found->number >= LTH_PUBLIC_LOCAL_MIN || lth_public_is(found->number)) {
        lth_conf__error(
            file, NULL, "số hiệu %u không dùng để công bố: chọn số dưới %u, khác %u và %u",
            "number %u cannot be published: choose one below %u other than %u and %u",
            (unsigned)found->number, LTH_PUBLIC_LOCAL_MIN, LTH_PUBLIC_DEFINITION, LTH_PUBLIC_CODE);
    } else {
        add(load, set, file, LTH_PUBLIC_DATASET, found->version);
    }
}

static void add_codes(conf_load *load, lth_public_set *set, const lth_codelist *list)
{
    for (uint32_t i = 0; i < list->n_codes && !load->nomem; i++) {
        const lth_code *code = &list->codes[i];
        lth_public_code one = {.list = text_of(list->name),
                               .code = text_of(code->code),
                               .from = code->from,
                               .to = code->to,
                               .vi = text_of(code->title.vi),
                               .en = text_of(code->title.en),
                               .parent = text_of(code->parent),
                               .replaced_by = text_of(code->replaced_by)};
        load->nomem = lth_public_set_code(set, &one) != LTH_OK;
    }
}

void lth_conf__publication(conf_load *load, const char *dir, lth_public_set *set,
                           lth_schema *schema)
{
    conf_file where = {.load = load, .dir = dir}, lists;
    const char *datasets = lth_conf__path(&where, "datasets");
    const char *index = lth_conf__path(&where, "codelists/lists.yaml");
    conf_part *parts = NULL;
    uint32_t before = conf_faults(load);
    if (datasets == NULL || index == NULL) {
        return;
    }
    lth_conf__schema_dirs(load, datasets, NULL, schema);
    if (conf_faults(load) != before || load->nomem) {
        return;
    }
    uint32_t n = lth_conf__dataset_parts(load, datasets, &parts);
    for (uint32_t i = 0; i < n && !load->nomem; i++) {
        add_dataset(load, set, &parts[i].file, schema);
    }
    if (schema->n_lists > 0 && lth_conf__file_name(&lists, load, index)) {
        add(load, set, &lists, LTH_PUBLIC_LIST, 1);
    }
    for (uint32_t i = 0; i < schema->n_lists; i++) {
        add_codes(load, set, &schema->lists[i]);
    }
    load->nomem = load->nomem || lth_public_set_sort(set) != LTH_OK;
}
