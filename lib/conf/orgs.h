/**
 * @file lib/conf/orgs.h
 * The registry while it is read: orgs.c (YAML and the whole) and orgs_csv.c (long lists).
 */
#pragma once

#include "internal.h"

/** Keys of an org in YAML, names of its columns in CSV, in this order. */
enum { ORG_ID, ORG_CODE, ORG_NAME, ORG_KIND, ORG_FROM, ORG_TO, ORG_PARENTS, ORG_CARRIES, ORG_KEYS };
extern const conf_item lth_conf__org_items[];

/** An org and where it stands. */
typedef struct org_row {
    lth_org org;
    uint32_t line, column;
    bool csv;
} org_row;

typedef struct org_list {
    conf_load *load;
    org_row *rows;
    uint32_t n, cap;
    conf_file yaml, csv;
    const char *kinds[16]; /**< Kinds seen, so that a long list keeps each once. */
    uint32_t n_kinds;
    int32_t columns[ORG_KEYS]; /**< CSV: cell of each key, -1 when absent. */
    bool header;
    uint32_t n_columns;
} org_list;

bool lth_conf__orgs_add(org_list *list, const org_row *row);
/** Kept; the same pointer for the same kind. */
const char *lth_conf__orgs_kind(org_list *list, const char *kind);
lth_parent_type lth_conf__orgs_parent_type(const char *name);
/** conf_csv_row of an org_list. */
bool lth_conf__orgs_csv_row(void *list, const conf_file *file, const conf_cell *cells, uint32_t n);
