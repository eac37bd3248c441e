#include "internal.h"

#define MAPPING_BYTES_MAX (1024u * 1024u)
#define NULL_CELL         UINT32_MAX

/* A mapping written out, so that any change of it changes the hash of every row. */
typedef struct text {
    lth_buf buf;
    lth_err err;
} text;

static void add_u32(text *t, uint32_t v)
{
    uint8_t bytes[4];
    lth_put32(bytes, v);
    t->err = t->err != LTH_OK ? t->err : lth_buf_add(&t->buf, bytes, sizeof bytes);
}

static void add_string(text *t, const char *s)
{
    size_t n = s != NULL ? strlen(s) : 0;
    add_u32(t, s != NULL ? (uint32_t)n : NULL_CELL);
    t->err = t->err != LTH_OK ? t->err : lth_buf_add(&t->buf, s, n);
}

static void add_scalar(text *t, const lth_map_field *map)
{
    add_u32(t, map->field->number);
    add_u32(t, (uint32_t)map->column);
    add_string(t, map->constant);
    add_string(t, map->as);
    add_u32(t, map->n_pairs);
    for (uint32_t i = 0; i < map->n_pairs; i++) {
        add_string(t, map->pairs[i].from);
        add_string(t, map->pairs[i].to);
    }
}

static void add_field(text *t, const lth_map_field *map)
{
    add_scalar(t, map);
    add_u32(t, map->n_items);
    for (uint32_t i = 0; i < map->n_items; i++) {
        add_u32(t, map->items[i].n_fields);
        for (uint32_t j = 0; j < map->items[i].n_fields; j++) {
            add_scalar(t, &map->items[i].fields[j]);
        }
    }
}

lth_err lth_agent__mapping_print(const lth_hasher *h, const lth_mapping *mapping,
                                 uint8_t out[PRINT_SIZE])
{
    text t = {.err = LTH_OK};
    lth_buf_init(&t.buf, MAPPING_BYTES_MAX);
    add_u32(&t, mapping->dataset->number);
    add_u32(&t, mapping->dataset->version);
    add_u32(&t, mapping->key_column);
    add_u32(&t, mapping->n_columns);
    for (uint32_t i = 0; i < mapping->n_columns; i++) {
        add_string(&t, mapping->columns[i]);
    }
    add_u32(&t, mapping->n_fields);
    for (uint32_t i = 0; i < mapping->n_fields; i++) {
        add_field(&t, &mapping->fields[i]);
    }
    if (t.err == LTH_OK) {
        lth_agent__print(h, lth_buf_slice(&t.buf), out);
    }
    lth_buf_fini(&t.buf);
    return t.err;
}

void lth_agent__print(const lth_hasher *h, lth_slice in, uint8_t out[PRINT_SIZE])
{
    uint8_t hash[LTH_HASH_SIZE];
    h->sha256(h->ctx, &in, 1, hash);
    memcpy(out, hash, PRINT_SIZE);
}

void lth_agent__row_print(lth_agent *self, const agent_table *table, const lth_cell *cells,
                          uint8_t out[PRINT_SIZE])
{
    const lth_hasher *h = &self->env.hasher;
    uint8_t hash[LTH_HASH_SIZE];
    size_t n = 0;
    self->parts[n++] = lth_slice_of(table->print, PRINT_SIZE);
    for (uint32_t i = 0; i < table->mapping->n_columns; i++) {
        bool null = cells[i].n < 0;
        lth_put32(self->sizes[i], null ? NULL_CELL : (uint32_t)cells[i].n);
        self->parts[n++] = lth_slice_of(self->sizes[i], sizeof self->sizes[i]);
        self->parts[n++] = lth_slice_of(cells[i].p, null ? 0 : (size_t)cells[i].n);
    }
    h->sha256(h->ctx, self->parts, n, hash);
    memcpy(out, hash, PRINT_SIZE);
}

static bool blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

lth_slice lth_agent__local_key(const lth_mapping *mapping, const lth_cell *cells)
{
    const lth_cell *cell = &cells[mapping->key_column];
    lth_slice key = lth_slice_of(cell->p, cell->n > 0 ? (size_t)cell->n : 0);
    while (key.n > 0 && blank(key.p[0])) {
        key = lth_slice_of(key.p + 1, key.n - 1);
    }
    while (key.n > 0 && blank(key.p[key.n - 1])) {
        key.n--;
    }
    return key;
}
