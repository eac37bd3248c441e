#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "internal.h"

/* Builds the nodes of one document from libyaml's events. */
typedef struct builder {
    const conf_file *file;
    conf_node *stack[CONF_DEPTH_MAX];
    conf_node *last[CONF_DEPTH_MAX]; /* Last key or item of each. */
    bool want_value[CONF_DEPTH_MAX]; /* A key has come, its value has not. */
    uint32_t depth;
    uint32_t documents;
    conf_node *root;
} builder;

typedef struct message {
    const char *vi, *en;
} message;

static const message ANCHOR = {"không dùng neo (&) hay bí danh (*): viết đủ ở từng chỗ",
                               "anchors (&) and aliases (*) are not used: write it out"};
static const message TAG = {"không dùng thẻ YAML (!): bỏ nó đi",
                            "YAML tags (!) are not used: remove it"};
static const message DOCUMENTS = {"mỗi tệp chỉ có một tài liệu YAML: bỏ phần từ đây",
                                  "one YAML document a file: remove what follows"};
static const message DEEP = {"lồng quá sâu (nhiều nhất 10 tầng)",
                             "nested too deep (at most 10 levels)"};
static const message KEY = {"khoá phải là một từ", "a key must be a word"};
static const message MANY = {"quá nhiều mục (nhiều nhất 2000): dùng tệp CSV",
                             "too many entries (at most 2000): use a CSV file"};
static const message NUL = {"chuỗi có ký tự NUL", "text holds a NUL character"};

static bool refuse(const builder *b, yaml_mark_t mark, const message *text)
{
    lth_conf__error_text(b->file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1, text->vi,
                         text->en);
    return false;
}

const conf_node *lth_conf__node_find(const conf_node *map, const char *key)
{
    for (const conf_node *k = map->kind == CONF_MAP ? map->first : NULL; k != NULL; k = k->next) {
        if (strcmp(k->text, key) == 0) {
            return k;
        }
    }
    return NULL;
}

static bool append(builder *b, conf_node *parent, conf_node *node, yaml_mark_t mark)
{
    uint32_t level = b->depth - 1;
    if (parent->n == CONF_ENTRIES_MAX) {
        return refuse(b, mark, &MANY);
    }
    if (b->last[level] == NULL) {
        parent->first = node;
    } else {
        b->last[level]->next = node;
    }
    b->last[level] = node;
    parent->n++;
    return true;
}

/* Hang a node where it belongs: as root, item, key or value. */
static bool place(builder *b, conf_node *node, yaml_mark_t mark)
{
    if (b->depth == 0) {
        b->root = node;
        return true;
    }
    uint32_t level = b->depth - 1;
    conf_node *parent = b->stack[level];
    if (parent->kind == CONF_LIST) {
        return append(b, parent, node, mark);
    }
    if (b->want_value[level]) {
        b->last[level]->value = node;
        b->want_value[level] = false;
        return true;
    }
    if (node->kind != CONF_SCALAR || node->text[0] == '\0') {
        return refuse(b, mark, &KEY);
    }
    if (lth_conf__node_find(parent, node->text) != NULL) {
        lth_conf__error(b->file, node, "khoá \"%s\" viết hai lần: giữ một",
                        "key \"%s\" stands twice: "
                        "keep one",
                        node->text);
        return false;
    }
    b->want_value[level] = true;
    return append(b, parent, node, mark);
}

static conf_node *new_node(builder *b, conf_kind kind, yaml_mark_t mark)
{
    conf_node *node = lth_conf__scratch(b->file->load, sizeof *node);
    if (node != NULL) {
        node->kind = kind;
        node->line = (uint32_t)mark.line + 1;
        node->column = (uint32_t)mark.column + 1;
    }
    return node;
}

static bool on_scalar(builder *b, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t n = event->data.scalar.length;
    if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL) {
        return refuse(b, event->start_mark, event->data.scalar.tag != NULL ? &TAG : &ANCHOR);
    }
    if (memchr(text, '\0', n) != NULL) {
        return refuse(b, event->start_mark, &NUL);
    }
    conf_node *node = new_node(b, CONF_SCALAR, event->start_mark);
    char *copy = lth_conf__scratch(b->file->load, n + 1);
    if (node == NULL || copy == NULL) {
        return false;
    }
    memcpy(copy, text, n);
    node->text = copy;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->one_line = event->start_mark.line == event->end_mark.line;
    return place(b, node, event->start_mark);
}

static bool on_start(builder *b, const yaml_event_t *event, conf_kind kind)
{
    bool map = kind == CONF_MAP;
    bool anchor =
        map ? event->data.mapping_start.anchor != NULL : event->data.sequence_start.anchor != NULL;
    bool tag = map ? event->data.mapping_start.tag != NULL : event->data.sequence_start.tag != NULL;
    if (anchor || tag) {
        return refuse(b, event->start_mark, tag ? &TAG : &ANCHOR);
    }
    if (b->depth == CONF_DEPTH_MAX) {
        return refuse(b, event->start_mark, &DEEP);
    }
    conf_node *node = new_node(b, kind, event->start_mark);
    if (node == NULL || !place(b, node, event->start_mark)) {
        return false;
    }
    b->stack[b->depth] = node;
    b->last[b->depth] = NULL;
    b->want_value[b->depth] = false;
    b->depth++;
    return true;
}

static bool on_document(builder *b, const yaml_event_t *event)
{
    if (event->data.document_start.version_directive != NULL ||
        event->data.document_start.tag_directives.start !=
            event->data.document_start.tag_directives.end) {
        return refuse(b, event->start_mark, &TAG);
    }
    return ++b->documents == 1 || refuse(b, event->start_mark, &DOCUMENTS);
}

static bool on_event(builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return on_document(b, event);
    case YAML_ALIAS_EVENT:
        return refuse(b, event->start_mark, &ANCHOR);
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_MAPPING_START_EVENT:
        return on_start(b, event, CONF_MAP);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(b, event, CONF_LIST);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        b->depth--;
        return true;
    default:
        return true;
    }
}

static void report_syntax(const conf_file *file, const yaml_parser_t *parser)
{
    const char *problem = parser->problem != NULL ? parser->problem : "out of memory";
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR) {
        mark = parser->mark;
    }
    file->load->nomem = file->load->nomem || parser->error == YAML_MEMORY_ERROR;
    lth_conf__error_at(file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1,
                       "sai cú pháp YAML (%s): xem lại thụt dòng, dấu ngoặc và bảng mã UTF-8",
                       "not valid YAML (%s): check indentation, brackets and the UTF-8 encoding",
                       problem);
}

bool lth_conf__file_parse(conf_file *file, lth_slice text)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        file->load->nomem = true;
        return false;
    }
    yaml_parser_set_input_string(&parser, text.p, text.n);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    builder b = {.file = file};
    bool good = true;
    for (bool end = false; good && !end;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            report_syntax(file, &parser);
            good = false;
            break;
        }
        end = event.type == YAML_STREAM_END_EVENT;
        good = on_event(&b, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (good && (b.root == NULL || b.root->kind != CONF_MAP)) {
        lth_conf__error(file, b.root, "tệp phải gồm các dòng \"khoá: giá trị\"",
                        "the file must hold \"key: value\" lines");
        good = false;
    }
    file->root = b.root;
    return good;
}

/* The file's bytes, to be freed, or NULL with an error reported. */
static uint8_t *read_file(const conf_file *file, size_t *n)
{
    FILE *in = fopen(file->path, "rbe");
    if (in == NULL) {
        const char *why = strerror(errno);
        lth_conf__error(file, NULL, "không mở được tệp (%s): kiểm tra đường dẫn và quyền đọc",
                        "cannot open the file (%s): check the path and the right to read it", why);
        return NULL;
    }
    uint8_t *bytes = malloc(CONF_FILE_MAX + 1);
    bool bad = bytes == NULL;
    if (bad) {
        file->load->nomem = true;
    } else {
        *n = fread(bytes, 1, CONF_FILE_MAX + 1, in);
        bad = ferror(in) != 0;
        if (bad) {
            lth_conf__error(file, NULL, "không đọc được tệp", "cannot read the file");
        } else if (*n > CONF_FILE_MAX) {
            lth_conf__error(file, NULL, "tệp lớn hơn 1 MiB: đưa danh sách dài vào tệp CSV",
                            "the file is larger than 1 MiB: put long lists into CSV files");
            bad = true;
        }
    }
    (void)fclose(in);
    if (bad) {
        free(bytes);
        bytes = NULL;
    }
    return bytes;
}

char *lth_conf__path(const conf_file *file, const char *path)
{
    size_t dir = path[0] == '/' ? 0 : strlen(file->dir);
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    char *out = lth_conf__keep(file->load, dir + n + 2);
    if (out != NULL) {
        memcpy(out, file->dir, dir);
        out[dir] = '/';
        memcpy(out + dir + (dir > 0 ? 1 : 0), path, n);
    }
    return out;
}

const char *lth_conf__from_here(conf_load *load, const char *path)
{
    if (path == NULL || path[0] == '/') {
        return path;
    }
    char *here = realpath(".", NULL);
    const conf_file root = {.load = load, .dir = here != NULL ? here : "."};
    path = lth_conf__path(&root, path);
    free(here);
    return path;
}

const char *lth_conf__absolute(const conf_file *file, const char *path)
{
    return lth_conf__from_here(file->load, lth_conf__path(file, path));
}

bool lth_conf__file_name(conf_file *out, conf_load *load, const char *path)
{
    *out = (conf_file){.load = load, .path = path, .shown = path};
    size_t root = strlen(load->root);
    if (strncmp(path, load->root, root) == 0 && path[root] == '/') {
        out->shown = path + root + 1;
    }
    char *dir = lth_conf__keep_text(load, path);
    if (dir == NULL) {
        return false;
    }
    char *slash = strrchr(dir, '/');
    if (slash == NULL) {
        memcpy(dir, ".", 2);
    } else {
        slash[slash == dir ? 1 : 0] = '\0';
    }
    out->dir = dir;
    return true;
}

bool lth_conf__file_open(conf_file *out, conf_load *load, const char *path)
{
    size_t n = 0;
    if (!lth_conf__file_name(out, load, path)) {
        return false;
    }
    uint8_t *bytes = read_file(out, &n);
    bool good = bytes != NULL && lth_conf__file_parse(out, lth_slice_of(bytes, n));
    free(bytes);
    return good;
}
