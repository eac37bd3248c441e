#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *lth_cli_say(const lth_cli *cli, const char *vi, const char *en)
{
    return cli->english ? en : vi;
}

const char *lth_cli_option(const lth_cli *cli, const char *name, int nth)
{
    size_t length = strlen(name);
    for (const char *const *o = cli->options; o != NULL && *o != NULL; o += 2)
        if (strncmp(o[0], name, length) == 0 && (o[0][length] == '\0' || o[0][length] == '=') &&
            nth-- == 0)
            return o[1];
    return NULL;
}

int lth_cli_fail(const lth_cli *cli, int status, const char *vi, const char *en, const char *detail)
{
    fprintf(stderr, "lienthong: %s%s%s\n", lth_cli_say(cli, vi, en), detail[0] != '\0' ? ": " : "",
            detail);
    return status;
}

static void print_line(void *ctx, const char *line)
{
    fprintf(ctx, "%s\n", line);
}

int lth_cli_conf_errors(const lth_cli *cli, lth_conf_errors *errors)
{
    lth_conf_errors_each(errors, cli->english, print_line, stderr);
    lth_conf_errors_fini(errors);
    return 2;
}

bool lth_cli_is_agent(const char *dir)
{
    char path[4200];
    struct stat st;
    size_t n = strlen(dir);
    snprintf(path, sizeof(path), "%s/agent.yaml", dir);
    return stat(path, &st) == 0 || (n > 10 && strcmp(dir + n - 10, "agent.yaml") == 0);
}

/* Control socket named by the YAML of a node's directory. */
static int socket_of_directory(const lth_cli *cli, const char *dir, char *out, size_t size)
{
    lth_conf_errors errors = {0};
    bool agent = lth_cli_is_agent(dir);
    lth_err err = lth_conf_path_of(out, size, dir, agent ? "agent.yaml" : "broker.yaml",
                                   agent ? "node" : "listen", "control", &errors);
    if (err != LTH_OK)
        return lth_cli_conf_errors(cli, &errors);
    lth_conf_errors_fini(&errors);
    return out[0] != '\0' ? 0
                          : lth_cli_fail(cli, 2, "cấu hình không nói socket điều khiển",
                                         "the configuration names no control socket", dir);
}

int lth_cli_socket(const lth_cli *cli, char *out, size_t size)
{
    if (cli->node == NULL)
        return lth_cli_fail(cli, 2, "chưa nói nút nào: --node THƯ_MỤC hoặc biến LIENTHONG_NODE",
                            "which node? use --node DIR or LIENTHONG_NODE", "");
    struct stat st;
    if (stat(cli->node, &st) != 0 && errno == EACCES)
        return lth_cli_fail(cli, 4, "không có quyền: chạy bằng tài khoản của dịch vụ hoặc root",
                            "not permitted: run as the service's account or as root", cli->node);
    if (stat(cli->node, &st) != 0 && errno == ENOENT)
        return lth_cli_fail(cli, 3, "không có nút ở đây: xem lại --node",
                            "there is no node here: look at --node", cli->node);
    if (stat(cli->node, &st) != 0)
        return lth_cli_fail(cli, 2, cli->node, cli->node, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return socket_of_directory(cli, cli->node, out, size);
    if (strlen(cli->node) >= size)
        return lth_cli_fail(cli, 2, "đường dẫn quá dài", "path too long", cli->node);
    memcpy(out, cli->node, strlen(cli->node) + 1);
    return 0;
}

static const char *whom_to_ask(const lth_cli *cli, const json_t *answer)
{
    return strcmp(lth_cli_str(answer, "code"), "unknown_verb") != 0
               ? ""
               : lth_cli_say(cli, "source, upload thì hỏi agent; counts, record thì hỏi broker",
                             "source and upload are asked of an agent; counts and record of a "
                             "broker");
}

int lth_cli_ask(const lth_cli *cli, json_t *request, void (*row)(void *ctx, const json_t *row),
                void *ctx, json_t **end)
{
    char path[4096];
    json_t *answer = NULL;
    lth_diag diag = {0};
    int status = lth_cli_socket(cli, path, sizeof(path));
    if (status == 0) {
        status = lth_control_ask(path, request, row, ctx, &answer, &diag);
        if (answer == NULL)
            (void)lth_cli_fail(
                cli, status, "không liên lạc được với nút; có lẽ nó chưa chạy (xem nhật ký)",
                "node not reachable; perhaps it is not running (see its log)", diag.text);
        else if (json_object_get(answer, "code") != NULL)
            (void)lth_cli_fail(cli, status, lth_cli_str(answer, "vi"), lth_cli_str(answer, "en"),
                               whom_to_ask(cli, answer));
    }
    json_decref(request);
    if (end != NULL)
        *end = answer;
    else
        json_decref(answer);
    return status;
}

static void collect_row(void *ctx, const json_t *row)
{
    json_array_append_new(ctx, json_deep_copy(row));
}

int lth_cli_collect(const lth_cli *cli, json_t *request, json_t **rows)
{
    *rows = json_array();
    return lth_cli_ask(cli, request, collect_row, *rows, NULL);
}

void lth_cli_print_json(json_t *doc)
{
    json_dumpf(doc, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(doc);
}

const char *lth_cli_str(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

json_int_t lth_cli_int(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

void lth_cli_pad(const char *text, int width)
{
    fputs(text, stdout);
    for (; *text != '\0'; text++)
        width -= ((unsigned char)*text & 0xC0) != 0x80 ? 1 : 0;
    printf("%*s", width > 0 ? width : 0, "");
}

void lth_cli_print_fields(const lth_cli *cli, const json_t *fields)
{
    size_t i;
    const json_t *field;
    json_array_foreach(fields, i, field)
    {
        const char *value = lth_cli_str(field, "value");
        fputs("    ", stdout);
        lth_cli_pad(lth_cli_str(field, cli->english ? "name" : "title"), 24);
        printf(" %s\n", value[0] != '\0' ? value : "-");
    }
}

uint8_t *lth_cli_read_file(const lth_cli *cli, const char *path, size_t max, size_t *size)
{
    FILE *in = fopen(path, "rb");
    uint8_t *bytes = in != NULL ? malloc(max + 1) : NULL;
    if (bytes == NULL) {
        (void)lth_cli_fail(cli, 2, path, path, strerror(errno));
        if (in != NULL)
            (void)fclose(in);
        return NULL;
    }
    *size = fread(bytes, 1, max + 1, in);
    bool bad = ferror(in) != 0 || *size > max;
    (void)fclose(in);
    if (!bad)
        return bytes;
    (void)lth_cli_fail(cli, 2, "không đọc được, hoặc quá lớn", "not readable, or too large", path);
    free(bytes);
    return NULL;
}

static int sync_parent(const char *path)
{
    char copy[4200];
    snprintf(copy, sizeof(copy), "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 ? fsync(fd) : -1;
    if (fd >= 0)
        close(fd);
    return rc;
}

int lth_cli_write_file(const lth_cli *cli, const char *path, const void *p, size_t n, bool replace)
{
    char tmp[4200];
    snprintf(tmp, sizeof(tmp), "%s.%ld.tmp", path, (long)getpid());
    if (!replace && access(path, F_OK) == 0)
        return lth_cli_fail(cli, 2, "đã có tệp này, không ghi đè",
                            "already exists, not overwritten", path);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return lth_cli_fail(cli, 2, path, path, strerror(errno));
    size_t written = 0;
    ssize_t put = 0;
    while (written < n && (put = write(fd, (const char *)p + written, n - written)) > 0)
        written += (size_t)put;
    bool ok = written == n && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    if (ok && rename(tmp, path) == 0 && sync_parent(path) == 0)
        return 0;
    int saved = errno;
    unlink(tmp);
    return lth_cli_fail(cli, 2, path, path, strerror(saved));
}
