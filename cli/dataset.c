/* dataset list, dataset proto NAME. */
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

#ifndef LTH_SHARE_DIR
#error "LTH_SHARE_DIR: where the example configuration is installed"
#endif

static int with_schema(const lth_cli *cli, const char *dir,
                       int (*run)(const lth_cli *cli, const lth_schema *schema))
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
    int status = run(cli, schema);
    lth_conf_errors_fini(&errors);
    lth_conf_free(&owner);
    return status;
}

static int list(const lth_cli *cli, const lth_schema *schema)
{
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

static int proto(const lth_cli *cli, const lth_schema *schema)
{
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
    return with_schema(cli, cli->argc == 1 ? cli->argv[0] : NULL, list);
}

int lth_cli_dataset_proto(const lth_cli *cli)
{
    if (cli->argc < 1 || cli->argc > 2)
        return lth_cli_usage(cli);
    return with_schema(cli, cli->argc == 2 ? cli->argv[1] : NULL, proto);
}
