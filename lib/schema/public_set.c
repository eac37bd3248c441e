#include <stdlib.h>

#include "lth/public.h"

#define ARENA_MAX ((size_t)256 * 1024 * 1024)

void lth_public_set_fini(lth_public_set *self)
{
    lth_arena_free(&self->arena);
    free(self->definitions);
    free(self->codes);
    *self = (lth_public_set){.version = 0};
}

/* ---- filling ---- */

static bool keep(lth_public_set *self, lth_slice *bytes)
{
    if (self->arena == NULL) {
        self->arena = lth_arena_new(ARENA_MAX);
    }
    if (bytes->n > 0) {
        bytes->p = self->arena != NULL ? lth_arena_copy(self->arena, bytes->p, bytes->n) : NULL;
    }
    return self->arena != NULL && (bytes->n == 0 || bytes->p != NULL);
}

static bool grow(void **items, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap) {
        return true;
    }
    uint32_t more = *cap == 0 ? 64 : *cap * 2;
    void *grown = realloc(*items, more * size);
    if (grown != NULL) {
        *items = grown;
        *cap = more;
    }
    return grown != NULL;
}

lth_err lth_public_set_definition(lth_public_set *self, const lth_public_definition *in)
{
    lth_public_definition one = *in;
    void *items = self->definitions;
    bool fine = keep(self, &one.name) && keep(self, &one.text) &&
                grow(&items, self->n_definitions, &self->cap_definitions, sizeof one);
    self->definitions = items;
    if (!fine) {
        return LTH_E_NOMEM;
    }
    self->definitions[self->n_definitions++] = one;
    return LTH_OK;
}

lth_err lth_public_set_code(lth_public_set *self, const lth_public_code *in)
{
    lth_public_code one = *in;
    void *items = self->codes;
    bool fine = keep(self, &one.list) && keep(self, &one.code) && keep(self, &one.vi) &&
                keep(self, &one.en) && keep(self, &one.parent) && keep(self, &one.replaced_by) &&
                grow(&items, self->n_codes, &self->cap_codes, sizeof one);
    self->codes = items;
    if (!fine) {
        return LTH_E_NOMEM;
    }
    self->codes[self->n_codes++] = one;
    return LTH_OK;
}

lth_err lth_public_set_record(lth_public_set *self, const lth_hasher *h, lth_slice wire)
{
    lth_record_view view;
    lth_rd rd = lth_rd_of(wire);
    lth_public_definition definition;
    lth_public_code code;
    if (lth_record_parse(&view, &rd) != LTH_REFUSE_none) {
        return LTH_E_FORMAT;
    }
    if (lth_public_definition_read(&definition, h, &view)) {
        return lth_public_set_definition(self, &definition);
    }
    return lth_public_code_read(&code, &view) ? lth_public_set_code(self, &code) : LTH_OK;
}

/* ---- order ---- */

static int by_definition(const void *a, const void *b)
{
    const lth_public_definition *x = a, *y = b;
    return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : lth_slice_compare(x->name, y->name);
}

static int by_code(const void *a, const void *b)
{
    const lth_public_code *x = a, *y = b;
    int order = lth_slice_compare(x->list, y->list);
    order = order != 0 ? order : lth_slice_compare(x->code, y->code);
    return order != 0 ? order : (x->from > y->from) - (x->from < y->from);
}

/* A stable merge sort over pieces of one size. */
static bool sort(void *items, uint32_t n, size_t size, int (*compare)(const void *, const void *))
{
    uint8_t *in = items, *spare = n > 1 ? malloc(n * size) : NULL, *out = spare;
    for (uint32_t width = 1; width < n && spare != NULL; width *= 2) {
        for (uint32_t lo = 0; lo < n; lo += 2 * width) {
            uint32_t mid = lo + width < n ? lo + width : n;
            uint32_t hi = lo + 2 * width < n ? lo + 2 * width : n;
            uint32_t a = lo, b = mid;
            for (uint32_t k = lo; k < hi; k++) {
                bool left = a < mid && (b == hi || compare(in + a * size, in + b * size) <= 0);
                memcpy(out + k * size, in + (left ? a++ : b++) * size, size);
            }
        }
        uint8_t *swap = in;
        in = out;
        out = swap;
    }
    if (spare != NULL && in != (uint8_t *)items) {
        memcpy(items, in, n * size);
    }
    free(spare);
    return n < 2 || spare != NULL;
}

lth_err lth_public_set_sort(lth_public_set *self)
{
    bool fine =
        sort(self->definitions, self->n_definitions, sizeof *self->definitions, by_definition) &&
        sort(self->codes, self->n_codes, sizeof *self->codes, by_code);
    return fine ? LTH_OK : LTH_E_NOMEM;
}

const lth_public_definition *lth_public_set_find(const lth_public_set *self, lth_public_kind kind,
                                                 lth_slice name)
{
    const lth_public_definition wanted = {.kind = kind, .name = name};
    uint32_t lo = 0, hi = self->n_definitions;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int order = by_definition(&self->definitions[mid], &wanted);
        if (order == 0) {
            return &self->definitions[mid];
        }
        lo = order < 0 ? mid + 1 : lo;
        hi = order < 0 ? hi : mid;
    }
    return NULL;
}

/* ---- difference ---- */

static bool same_definition(const void *a, const void *b)
{
    const lth_public_definition *x = a, *y = b;
    return x->version == y->version && lth_slice_equal(x->text, y->text);
}

static bool same_code(const void *a, const void *b)
{
    const lth_public_code *x = a, *y = b;
    return x->to == y->to && lth_slice_equal(x->vi, y->vi) && lth_slice_equal(x->en, y->en) &&
           lth_slice_equal(x->parent, y->parent) && lth_slice_equal(x->replaced_by, y->replaced_by);
}

/* One side of a comparison. */
typedef struct row_set {
    const uint8_t *items;
    uint32_t n;
} row_set;

typedef struct differ {
    uint16_t dataset;
    size_t size;
    int (*compare)(const void *, const void *);
    bool (*same)(const void *, const void *);
    lth_public_change *out;
    uint32_t n;
} differ;

static void add(differ *d, const void *item, bool ends, bool fresh)
{
    bool definition = d->dataset == LTH_PUBLIC_DEFINITION;
    if (definition && ((const lth_public_definition *)item)->kind == LTH_PUBLIC_ACT) {
        return;
    }
    d->out[d->n++] = (lth_public_change){.dataset = d->dataset,
                                         .ends = ends,
                                         .fresh = fresh,
                                         .definition = definition ? item : NULL,
                                         .code = definition ? NULL : item};
}

/* What @p ends asks for: new and changed items, or those that are gone. */
static void walk(differ *d, row_set old, row_set new_, bool ends)
{
    uint32_t a = 0, b = 0;
    while (a < old.n || b < new_.n) {
        const uint8_t *x = old.items + a * d->size, *y = new_.items + b * d->size;
        int order = a == old.n ? 1 : b == new_.n ? -1 : d->compare(x, y);
        if (order < 0 && ends) {
            add(d, x, true, false);
        } else if (!ends && (order > 0 || (order == 0 && !d->same(x, y)))) {
            add(d, y, false, order > 0);
        }
        a += order <= 0;
        b += order >= 0;
    }
}

lth_err lth_public_diff(lth_public_change **out, uint32_t *n, const lth_public_set *old,
                        const lth_public_set *new_)
{
    size_t most = (size_t)old->n_definitions + old->n_codes + new_->n_definitions + new_->n_codes;
    static const uint8_t none[1];
    lth_public_change *changes = malloc((most + 1) * sizeof *changes);
    if (changes == NULL) {
        return LTH_E_NOMEM;
    }
#define ROWS(set, what)                                                                            \
    (row_set){(set)->n_##what > 0 ? (const uint8_t *)(set)->what : none, (set)->n_##what}
    differ codes = {.dataset = LTH_PUBLIC_CODE,
                    .size = sizeof *old->codes,
                    .compare = by_code,
                    .same = same_code,
                    .out = changes};
    walk(&codes, ROWS(old, codes), ROWS(new_, codes), false);
    differ definitions = {.dataset = LTH_PUBLIC_DEFINITION,
                          .size = sizeof *old->definitions,
                          .compare = by_definition,
                          .same = same_definition,
                          .out = changes,
                          .n = codes.n};
    walk(&definitions, ROWS(old, definitions), ROWS(new_, definitions), false);
    walk(&definitions, ROWS(old, definitions), ROWS(new_, definitions), true);
    codes.n = definitions.n;
    walk(&codes, ROWS(old, codes), ROWS(new_, codes), true);
#undef ROWS
    *out = changes;
    *n = codes.n;
    return LTH_OK;
}
