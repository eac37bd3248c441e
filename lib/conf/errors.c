#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define TEXT_MAX 600

static char *copy_text(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = malloc(n);
    if (copy != NULL) {
        memcpy(copy, text, n);
    }
    return copy;
}

static void error_fini(lth_conf_error *error)
{
    free(error->file);
    free(error->vi);
    free(error->en);
    *error = (lth_conf_error){0};
}

void lth_conf__error_text(const conf_file *file, uint32_t line, uint32_t column, const char *vi,
                          const char *en)
{
    lth_conf_errors *errors = file->load->errors;
    if (errors->n == LTH_CONF_ERRORS_MAX) {
        errors->more++;
        return;
    }
    lth_conf_error *error = &errors->items[errors->n];
    *error = (lth_conf_error){.file = copy_text(file->shown),
                              .line = line,
                              .column = column,
                              .vi = copy_text(vi),
                              .en = copy_text(en)};
    if (error->file == NULL || error->vi == NULL || error->en == NULL) {
        error_fini(error);
        file->load->nomem = true;
        return;
    }
    errors->n++;
}

static void add_formatted(const conf_file *file, uint32_t line, uint32_t column, const char *vi,
                          const char *en, va_list args)
{
    char texts[2][TEXT_MAX];
    va_list again;
    va_copy(again, args);
    (void)lth_format_v(texts[0], TEXT_MAX, vi, args);
    (void)lth_format_v(texts[1], TEXT_MAX, en, again);
    va_end(again);
    lth_conf__error_text(file, line, column, texts[0], texts[1]);
}

void lth_conf__error(const conf_file *file, const conf_node *at, const char *vi, const char *en,
                     ...)
{
    va_list args;
    va_start(args, en);
    add_formatted(file, at != NULL ? at->line : 0, at != NULL ? at->column : 0, vi, en, args);
    va_end(args);
}

void lth_conf__error_at(const conf_file *file, uint32_t line, uint32_t column, const char *vi,
                        const char *en, ...)
{
    va_list args;
    va_start(args, en);
    add_formatted(file, line, column, vi, en, args);
    va_end(args);
}

bool lth_conf__ok(const conf_load *load)
{
    return load->errors->n == 0 && !load->nomem;
}

void lth_conf_errors_fini(lth_conf_errors *errors)
{
    for (uint32_t i = 0; i < errors->n; i++) {
        error_fini(&errors->items[i]);
    }
    errors->n = 0;
    errors->more = 0;
}

void lth_conf_errors_each(const lth_conf_errors *errors, bool english,
                          void (*write)(void *ctx, const char *line), void *ctx)
{
    char line[TEXT_MAX + 1100];
    for (uint32_t i = 0; i < errors->n; i++) {
        const lth_conf_error *error = &errors->items[i];
        const char *text = english ? error->en : error->vi;
        if (error->line == 0) {
            (void)lth_format(line, sizeof line, "%s: %s", error->file, text);
        } else {
            (void)lth_format(line, sizeof line, "%s:%u:%u: %s", error->file, (unsigned)error->line,
                             (unsigned)error->column, text);
        }
        write(ctx, line);
    }
    if (errors->more > 0) {
        (void)lth_format(line, sizeof line, english ? "and %u more errors" : "và %u lỗi khác nữa",
                         (unsigned)errors->more);
        write(ctx, line);
    }
}

static void *from_arena(conf_load *load, lth_arena *arena, size_t n)
{
    void *p = lth_arena_alloc(arena, n);
    if (p == NULL) {
        load->nomem = true;
    } else {
        memset(p, 0, n);
    }
    return p;
}

void *lth_conf__keep(conf_load *load, size_t n)
{
    return from_arena(load, load->keep, n);
}

void *lth_conf__scratch(conf_load *load, size_t n)
{
    return from_arena(load, load->scratch, n);
}

char *lth_conf__keep_text(conf_load *load, const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = lth_conf__keep(load, n);
    if (copy != NULL) {
        memcpy(copy, text, n);
    }
    return copy;
}
