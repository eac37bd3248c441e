/* dataset list, dataset proto NAME, dataset compare OLD NEW. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

#define DATASET_FILE_MAX (1024u * 1024u)

#ifndef LTH_SHARE_DIR
#error "LTH_SHARE_DIR: where the example configuration is installed"
#endif

int lth_cli_with_schema(const lth_cli *cli, const char *dir,
                        int (*run)(const lth_cli *cli, const lth_schema *schema, const char *dir))
{
    lth_conf *owner = NULL;
    const lth_schema *schema = NULL;
    lth_conf_errors errors = {0};
    char path[4200];
    struct stat st;
    const char *node = dir != NULL ? dir : cli->node;
    if (node != NULL) { /* a node's directory holds them in datasets/ */
        snprintf(path, sizeof(path), "%s/datasets", node);
        dir = stat(path, &st) == 0 ? path : dir;
    }
    if (dir == NULL)
        dir = LTH_SHARE_DIR "/datasets";
    if (lth_conf_load_datasets(&owner, &schema, dir, &errors) != LTH_OK)
        return lth_cli_conf_errors(cli, &errors);
    int status = run(cli, schema, dir);
    lth_conf_errors_fini(&errors);
    lth_conf_free(&owner);
    return status;
}

static int list(const lth_cli *cli, const lth_schema *schema, const char *dir)
{
    (void)dir;
    json_t *rows = json_array();
    for (uint32_t i = 0; i < schema->n_datasets; i++) {
        const lth_dataset *ds = &schema->datasets[i];
        const char *title = cli->english ? ds->title.en : ds->title.vi;
        if (!cli->json)
            printf("%-16s %5u  v%-3u %s\n", ds->name, ds->number, ds->version,
                   title != NULL ? title : "");
        json_array_append_new(rows,
                              json_pack("{s:s,s:i,s:i,s:s,s:i,s:i}", "name", ds->name, "number",
                                        (int)ds->number, "version", (int)ds->version, "title",
                                        title != NULL ? title : ds->name, "groups",
                                        (int)ds->n_groups, "fields", (int)ds->n_fields));
    }
    if (cli->json)
        lth_cli_print_json(json_pack("{s:o}", "datasets", rows));
    else
        json_decref(rows);
    return 0;
}

static int proto(const lth_cli *cli, const lth_schema *schema, const char *dir)
{
    (void)dir;
    const lth_dataset *ds = lth_schema_find_name(schema, cli->argv[0]);
    if (ds == NULL)
        return lth_cli_fail(cli, 2, "không có tập dữ liệu đó", "no such dataset", cli->argv[0]);
    lth_buf out;
    lth_buf_init(&out, 4u * 1024u * 1024u);
    lth_err err = lth_dataset_proto(&out, ds);
    if (err == LTH_OK)
        fwrite(out.p, 1, out.n, stdout);
    lth_buf_fini(&out);
    return err == LTH_OK ? 0 : 4;
}

int lth_cli_dataset_list(const lth_cli *cli)
{
    if (cli->argc > 1)
        return lth_cli_usage(cli);
    return lth_cli_with_schema(cli, cli->argc == 1 ? cli->argv[0] : NULL, list);
}

int lth_cli_dataset_proto(const lth_cli *cli)
{
    if (cli->argc < 1 || cli->argc > 2)
        return lth_cli_usage(cli);
    return lth_cli_with_schema(cli, cli->argc == 2 ? cli->argv[1] : NULL, proto);
}

/* One definition by itself: its references and code lists are not looked up. */
static int load_one(const lth_cli *cli, const char *path, lth_conf **owner, const lth_dataset **out)
{
    size_t size;
    uint8_t *text = lth_cli_read_file(cli, path, DATASET_FILE_MAX, &size);
    if (text == NULL)
        return 2;
    lth_schema_source source = {LTH_PART_DATASET, path, lth_slice_of(text, size)};
    const lth_schema *schema = NULL;
    lth_conf_errors errors = {0};
    lth_err err = lth_conf_build_schema(owner, &schema, &source, 1, &errors);
    free(text);
    if (err != LTH_OK)
        return lth_cli_conf_errors(cli, &errors);
    lth_conf_errors_fini(&errors);
    *out = &schema->datasets[0];
    return 0;
}

static int compare(const lth_cli *cli, const lth_dataset *older, const lth_dataset *newer)
{
    lth_diag diag = {.text = ""};
    bool good = lth_dataset_compatible(older, newer, &diag) == LTH_OK;
    if (cli->json)
        lth_cli_print_json(json_pack("{s:s,s:b,s:s}", "dataset", newer->name, "compatible", good,
                                     "why", diag.text));
    else
        printf("%s: %s\n", cli->argv[1],
               good ? lth_cli_say(cli, "đọc được mọi bản ghi của định nghĩa cũ",
                                  "reads every record of the older definition")
                    : diag.text);
    return good ? 0 : 1;
}

int lth_cli_dataset_compare(const lth_cli *cli)
{
    lth_conf *owners[2] = {NULL, NULL};
    const lth_dataset *datasets[2] = {NULL, NULL};
    if (cli->argc != 2)
        return lth_cli_usage(cli);
    int status = 0;
    for (int i = 0; i < 2 && status == 0; i++)
        status = load_one(cli, cli->argv[i], &owners[i], &datasets[i]);
    if (status == 0)
        status = compare(cli, datasets[0], datasets[1]);
    lth_conf_free(&owners[0]);
    lth_conf_free(&owners[1]);
    return status;
}
