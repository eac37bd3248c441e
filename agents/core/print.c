#include "internal.h"

#define MAPPING_BYTES_MAX (1024u * 1024u)
#define JUDGED_BYTES_MAX  (16u * 1024u * 1024u)
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

static void add_terms(text *t, const lth_map_term *terms, uint32_t n)
{
    add_u32(t, n);
    for (uint32_t i = 0; i < n; i++) {
        add_u32(t, (uint32_t)terms[i].field);
        add_u32(t, (uint32_t)terms[i].column);
        add_string(t, terms[i].constant);
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
    for (uint32_t i = 0; i < mapping->n_match; i++) {
        add_terms(&t, mapping->match[i].terms, mapping->match[i].n_terms);
    }
    if (mapping->n_match > 0) { /* prints of other tables stay what they were */
        add_terms(&t, mapping->complete_for, mapping->n_complete_for);
    }
    if (t.err == LTH_OK) {
        lth_agent__print(h, lth_buf_slice(&t.buf), out);
    }
    lth_buf_fini(&t.buf);
    return t.err;
}

static void add_list(text *t, const lth_codelist *list)
{
    add_string(t, list->name);
    add_u32(t, list->n_codes);
    for (uint32_t i = 0; i < list->n_codes; i++) {
        const lth_code *code = &list->codes[i];
        add_string(t, code->code);
        add_u32(t, code->from);
        add_u32(t, code->to);
        add_string(t, code->parent);
    }
}

static void add_rule(text *t, const lth_rule *rule)
{
    add_u32(t, rule->number);
    add_u32(t, (uint32_t)rule->severity);
    add_u32(t, rule->field);
    add_u32(t, lth_expr_cost(rule->check));
    add_u32(t, rule->when != NULL ? lth_expr_cost(rule->when) : 0);
    add_string(t, rule->text.vi);
}

lth_err lth_agent__judge_print(const lth_hasher *h, const lth_schema *schema, const lth_dataset *ds,
                               uint8_t out[PRINT_SIZE])
{
    text t = {.err = LTH_OK};
    lth_buf_init(&t.buf, JUDGED_BYTES_MAX);
    add_u32(&t, schema != NULL ? schema->dict_ver : 0);
    for (uint32_t i = 0; i < ds->n_rules; i++) {
        add_rule(&t, &ds->rules[i]);
    }
    for (uint32_t i = 0; i < ds->n_fields; i++) {
        if (ds->fields[i].codes != NULL) {
            add_list(&t, ds->fields[i].codes);
        }
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
