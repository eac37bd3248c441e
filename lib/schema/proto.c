#include "internal.h"

/* Writes text with a sticky error. */
typedef struct writer {
    lth_buf *out;
    lth_err err;
} writer;

static void put(writer *w, const char *fmt, ...) LTH_PRINTF(2, 3);
static void put(writer *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    w->err = w->err != LTH_OK ? w->err : lth_buf_format_v(w->out, fmt, args);
    va_end(args);
}

/* A title as a comment: one line, whatever stands in it. */
static void put_title(writer *w, const char *indent, const lth_title *title)
{
    const char *texts[] = {title->vi, title->en};
    for (size_t i = 0; i < 2; i++) {
        if (texts[i] != NULL) {
            size_t n = strcspn(texts[i], "\r\n");
            put(w, "%s// %.*s\n", indent, (int)(n > 300 ? 300 : n), texts[i]);
        }
    }
}

/* Message names are the group's or field's name with a capital first letter: unique as those are.
 */
static char capital(const char *name)
{
    return name[0] >= 'a' && name[0] <= 'z' ? (char)(name[0] - 'a' + 'A') : name[0];
}

static const char *scalar_name(lth_type type)
{
    switch (type) {
    case LTH_TYPE_INTEGER:
    case LTH_TYPE_DECIMAL:
        return "sint64";
    case LTH_TYPE_BOOL:
        return "bool";
    case LTH_TYPE_DATE:
        return "uint32";
    default:
        return "string";
    }
}

static void put_field(writer *w, const char *indent, const lth_field *field)
{
    put_title(w, indent, &field->title);
    switch (field->type) {
    case LTH_TYPE_LIST:
        put(w, "%srepeated %c%sItem %s = %u;", indent, capital(field->name), field->name + 1,
            field->name, (unsigned)field->number);
        break;
    case LTH_TYPE_DOCUMENT:
        put(w, "%soptional LthDocument %s = %u;", indent, field->name, (unsigned)field->number);
        break;
    default:
        put(w, "%soptional %s %s = %u;", indent, scalar_name(field->type), field->name,
            (unsigned)field->number);
    }
    if (field->type == LTH_TYPE_DECIMAL) {
        put(w, "  // times 10^%u", (unsigned)field->scale);
    } else if (field->type == LTH_TYPE_DATE) {
        put(w, "  // YYYYMMDD, 00 = unknown month or day");
    } else if (field->type == LTH_TYPE_CODE && field->list != NULL) {
        put(w, "  // code list %s", field->list);
    }
    put(w, "\n");
}

static void put_item(writer *w, const lth_field *list)
{
    put(w, "  message %c%sItem {\n", capital(list->name), list->name + 1);
    for (uint32_t i = 0; i < list->n_items; i++) {
        put_field(w, "    ", &list->items[i]);
    }
    put(w, "  }\n");
}

static void put_group(writer *w, const lth_group *group)
{
    put(w, "\n// Group %u%s%s%s\n", (unsigned)group->number, group->personal ? ", personal" : "",
        group->sensitive ? ", sensitive" : "",
        group->owner_kind != NULL ? ", written by another organisation" : "");
    put_title(w, "", &group->title);
    put(w, "message %c%s {\n", capital(group->name), group->name + 1);
    for (uint32_t i = 0; i < group->n_fields; i++) {
        if (group->fields[i]->type == LTH_TYPE_LIST) {
            put_item(w, group->fields[i]);
        }
    }
    for (uint32_t i = 0; i < group->n_fields; i++) {
        put_field(w, "  ", group->fields[i]);
    }
    put(w, "}\n");
}

lth_err lth_dataset_proto(lth_buf *out, const lth_dataset *ds)
{
    writer w = {.out = out};
    put(&w, "// Dataset %s (number %u, version %u): the bytes of each field group.\n", ds->name,
        (unsigned)ds->number, (unsigned)ds->version);
    put_title(&w, "", &ds->title);
    put(&w, "syntax = \"proto3\";\npackage lienthong.%s;\n", ds->name);
    bool documents = false;
    for (uint32_t i = 0; i < ds->n_fields; i++) {
        documents = documents || ds->fields[i].type == LTH_TYPE_DOCUMENT;
    }
    if (documents) {
        put(&w, "\nmessage LthDocument {\n  optional string media_type = 1;\n"
                "  optional bytes sha256 = 2;\n  optional bytes data = 3;\n}\n");
    }
    for (uint32_t i = 0; i < ds->n_groups; i++) {
        put_group(&w, &ds->groups[i]);
    }
    return w.err;
}
