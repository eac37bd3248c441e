/* A schema from what the ministry published, with what a node's own files may add. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

static char *keep_slice(conf_load *load, lth_slice text, const char *suffix)
{
    size_t n = strlen(suffix);
    char *out = lth_conf__keep(load, text.n + n + 1);
    if (out != NULL) {
        memcpy(out, text.p, text.n);
        memcpy(out + text.n, suffix, n + 1);
    }
    return out;
}

static void add_part(conf_load *load, conf_part *part, lth_schema_part kind, const char *shown,
                     lth_slice text)
{
    *part = (conf_part){.kind = kind,
                        .file = {.load = load, .path = shown, .shown = shown, .dir = "."},
                        .at_hand = true,
                        .text = text};
    load->nomem = load->nomem || shown == NULL;
}

/* ---- codes as the CSV they came from ---- */

static lth_err add_cell(lth_buf *out, lth_slice text, const char *end)
{
    lth_err err = lth_buf_add(out, "\"", 1);
    for (size_t i = 0; i < text.n && err == LTH_OK; i++) {
        err = text.p[i] == '"' ? lth_buf_add(out, "\"", 1) : LTH_OK;
        err = err == LTH_OK ? lth_buf_add(out, &text.p[i], 1) : err;
    }
    err = err == LTH_OK ? lth_buf_add(out, "\"", 1) : err;
    return err == LTH_OK ? lth_buf_add(out, end, 1) : err;
}

/* YYYY-MM-DD */
static lth_err add_day(lth_buf *out, uint32_t day)
{
    char text[] = "0000-00-00,";
    static const uint8_t places[] = {9, 8, 6, 5, 3, 2, 1, 0};
    for (size_t i = 0; i < sizeof places; i++, day /= 10) {
        text[places[i]] = (char)('0' + day % 10);
    }
    return lth_buf_add(out, text, 11);
}

static lth_err add_date(lth_buf *out, uint32_t day)
{
    return day == 0 ? lth_buf_add(out, ",", 1) : add_day(out, day);
}

static lth_err add_row(lth_buf *out, const lth_public_code *code)
{
    lth_err err = add_cell(out, code->code, ",");
    err = err == LTH_OK ? add_cell(out, code->vi, ",") : err;
    err = err == LTH_OK ? add_cell(out, code->en, ",") : err;
    err = err == LTH_OK ? add_date(out, code->from) : err;
    err = err == LTH_OK ? add_date(out, code->to) : err;
    err = err == LTH_OK ? add_cell(out, code->parent, ",") : err;
    return err == LTH_OK ? add_cell(out, code->replaced_by, "\n") : err;
}

/* The part of the list that begins at @p *at; moves behind it. */
static void add_list(conf_load *load, conf_part *part, const lth_public_set *set, uint32_t *at)
{
    static const char header[] = "code,vi,en,valid_from,valid_to,parent,replaced_by\n";
    lth_slice list = set->codes[*at].list;
    lth_buf csv;
    lth_buf_init(&csv, CONF_CSV_MAX);
    lth_err err = lth_buf_add(&csv, header, sizeof header - 1);
    for (; *at < set->n_codes && lth_slice_equal(set->codes[*at].list, list); (*at)++) {
        err = err == LTH_OK ? add_row(&csv, &set->codes[*at]) : err;
    }
    uint8_t *text = err == LTH_OK ? lth_conf__scratch(load, csv.n) : NULL;
    if (text != NULL) {
        memcpy(text, csv.p, csv.n);
        add_part(load, part, LTH_PART_CODES, keep_slice(load, list, ".csv"),
                 lth_slice_of(text, csv.n));
        part->list = keep_slice(load, list, "");
    }
    load->nomem = load->nomem || text == NULL;
    lth_buf_fini(&csv);
}

/* ---- the whole ---- */

/* @return parts for all of @p set, with room for @p more. */
static conf_part *parts_of(conf_load *load, const lth_public_set *set, uint32_t more, uint32_t *n)
{
    size_t most = (size_t)set->n_definitions + set->n_codes + more + 1;
    conf_part *parts = lth_conf__scratch(load, most * sizeof *parts);
    *n = 0;
    for (uint32_t i = 0; i < set->n_definitions && parts != NULL; i++) {
        const lth_public_definition *d = &set->definitions[i];
        if (d->kind != LTH_PUBLIC_ACT) {
            bool dataset = d->kind == LTH_PUBLIC_DATASET;
            add_part(load, &parts[(*n)++], dataset ? LTH_PART_DATASET : LTH_PART_LISTS,
                     keep_slice(load, d->name, ".yaml"), d->text);
        }
    }
    for (uint32_t at = 0; parts != NULL && !load->nomem && at < set->n_codes;) {
        add_list(load, &parts[(*n)++], set, &at);
    }
    return parts;
}

void lth_conf__schema_published(conf_load *load, const lth_public_set *set, const char *datasets,
                                lth_schema *out)
{
    conf_part *own = NULL;
    uint32_t n_own = 0, n;
    if (datasets != NULL && access(datasets, F_OK) == 0) {
        n_own = lth_conf__dataset_parts(load, datasets, &own);
    }
    conf_part *all = parts_of(load, set, n_own, &n);
    for (uint32_t i = 0; i < n_own && all != NULL && !load->nomem; i++) {
        all[n] = own[i];
        all[n++].local = true;
    }
    if (all != NULL && !load->nomem) {
        lth_conf__schema(load, all, n, out);
    }
}

static void add_public(conf_load *load, lth_schema *schema, const char *datasets)
{
    lth_diag diag = {0};
    conf_file where;
    lth_err err = lth_public_extend(schema, schema, load->keep, &diag);
    if (err == LTH_E_CONFIG && lth_conf__file_name(&where, load, datasets)) {
        lth_conf__error_text(&where, 0, 0, diag.text, diag.text);
    }
    load->nomem = load->nomem || err == LTH_E_NOMEM;
}

void lth_conf__schema_here(conf_load *load, const conf_text *datasets, const conf_text *codelists,
                           lth_schema *out)
{
    const lth_public_set *published = load->published;
    uint32_t before = conf_faults(load);
    if (published == NULL) {
        lth_conf__schema_dirs(load, datasets->s, codelists->s, out);
        return;
    }
    *out = (lth_schema){0};
    if (published->version > 0) {
        lth_conf__schema_published(load, published, datasets->s, out);
    } else if (datasets->at == NULL && access(datasets->s, F_OK) != 0 && errno == ENOENT) {
        load->bare = true;
    } else {
        lth_conf__schema_dirs(load, datasets->s, codelists->s, out);
    }
    out->dict_ver = published->version;
    if (conf_faults(load) == before && !load->nomem) {
        add_public(load, out, datasets->s);
    }
}
