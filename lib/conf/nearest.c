#include <string.h>

#include "internal.h"

#define COMPARED_MAX 48u
#define LISTED_MAX   12u

/* Edit distance with neighbours swapped counting once; names longer than COMPARED_MAX bytes are
 * compared by their beginnings. */
static uint32_t distance(const char *a, const char *b)
{
    uint32_t row[3][COMPARED_MAX + 1];
    uint32_t na = (uint32_t)strnlen(a, COMPARED_MAX);
    uint32_t nb = (uint32_t)strnlen(b, COMPARED_MAX);
    for (uint32_t j = 0; j <= nb; j++) {
        row[0][j] = j;
    }
    for (uint32_t i = 1; i <= na; i++) {
        uint32_t *now = row[i % 3];
        const uint32_t *before = row[(i + 2) % 3];
        const uint32_t *earlier = row[(i + 1) % 3];
        now[0] = i;
        for (uint32_t j = 1; j <= nb; j++) {
            uint32_t best = before[j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0);
            best = before[j] + 1 < best ? before[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && earlier[j - 2] + 1 < best) {
                best = earlier[j - 2] + 1;
            }
            now[j] = best;
        }
    }
    return row[na % 3][nb];
}

const char *lth_conf__nearest(const char *name, const conf_names *names)
{
    const char *nearest = NULL;
    uint32_t best = (uint32_t)strlen(name) / 3 + 2;
    for (uint32_t i = 0; i < names->n; i++) {
        size_t n = strlen(names->names[i]);
        uint32_t d = distance(name, names->names[i]);
        if (d < best && d < n) {
            best = d;
            nearest = names->names[i];
        }
    }
    return nearest;
}

/* "a, b, c, ..." */
static void list_names(char *out, size_t size, const conf_names *names)
{
    size_t n = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < names->n && i < LISTED_MAX; i++) {
        n += lth_format(out + n, size - n, i == 0 ? "%s" : ", %s", names->names[i]);
    }
    if (names->n > LISTED_MAX) {
        (void)lth_format(out + n, size - n, ", ...");
    }
}

static void in_what(char *out, size_t size, const char *kind, const char *name)
{
    if (name != NULL) {
        (void)lth_format(out, size, "%s \"%s\"", kind, name);
    } else {
        (void)lth_format(out, size, "%s", kind);
    }
}

void lth_conf__unknown(const conf_file *file, const conf_node *at, const char *name,
                       const conf_what *what, const conf_names *names)
{
    char in[160];
    char vi[600];
    char en[600];
    char hint[300];
    const char *nearest = lth_conf__nearest(name, names);
    list_names(hint, sizeof hint, names);
    const char *known = nearest != NULL ? nearest : hint;
    in_what(in, sizeof in, what->in_vi, what->in);
    (void)lth_format(vi, sizeof vi,
                     nearest != NULL ? "%s \"%s\" không có trong %s; ý bạn là \"%s\"?"
                                     : "%s \"%s\" không có trong %s; dùng được: %s",
                     what->vi, name, in, known);
    in_what(in, sizeof in, what->in_en, what->in);
    (void)lth_format(en, sizeof en,
                     nearest != NULL ? "%s \"%s\" is not in %s; did you mean \"%s\"?"
                                     : "%s \"%s\" is not in %s; allowed: %s",
                     what->en, name, in, known);
    lth_conf__error_text(file, at != NULL ? at->line : 0, at != NULL ? at->column : 0, vi, en);
}
