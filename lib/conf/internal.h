/**
 * @file lib/conf/internal.h
 * Shared inside lth_conf: files, nodes, the tables that describe every key, and their reader.
 */
#pragma once

#include "lth/conf.h"

#define CONF_FILE_MAX    (1024u * 1024u)
#define CONF_CSV_MAX     (64u * 1024u * 1024u)
#define CONF_DEPTH_MAX   10u
#define CONF_ENTRIES_MAX 2000u /**< Entries of one map or list. */
#define CONF_NAME_MAX    64u
#define CONF_SOCKET_MAX  107u /**< Bytes of a UNIX socket's path. */

/** One load: where results are kept, where work is done, where errors go. */
typedef struct conf_load {
    lth_conf *conf;
    lth_arena *keep;
    lth_arena *scratch;
    lth_conf_errors *errors;
    char *root;                      /**< Names of files are shown relative to this directory. */
    const lth_schema *lists;         /**< Code lists for the fields of datasets; NULL: none. */
    const lth_public_set *published; /**< NULL: the node's own files alone. */
    bool bare; /**< No definition is here yet: what names datasets is passed over. */
    bool nomem;
} conf_load;

typedef enum conf_kind { CONF_SCALAR, CONF_MAP, CONF_LIST } conf_kind;

/** What stands in a YAML file. */
typedef struct conf_node {
    conf_kind kind;
    uint32_t line, column; /**< From 1. */
    uint32_t n;            /**< Entries of a map or list. */
    const char *text;      /**< Scalar; never holds a NUL. */
    bool quoted;
    bool one_line;
    struct conf_node *first; /**< Items of a list; keys of a map. */
    struct conf_node *next;
    struct conf_node *value; /**< Of a key. */
} conf_node;

typedef struct conf_file {
    conf_load *load;
    const char *path;  /**< To open it. */
    const char *shown; /**< In messages. */
    const char *dir;   /**< Relative paths inside it start here. */
    const conf_node *root;
} conf_file;

/* ---- errors.c ---- */

/** Report at a node (NULL: the file as a whole); both texts take the same arguments. */
void lth_conf__error(const conf_file *file, const conf_node *at, const char *vi, const char *en,
                     ...) __attribute__((format(printf, 3, 5), format(printf, 4, 5)));
void lth_conf__error_at(const conf_file *file, uint32_t line, uint32_t column, const char *vi,
                        const char *en, ...)
    __attribute__((format(printf, 4, 6), format(printf, 5, 6)));
/** The same with ready texts. */
void lth_conf__error_text(const conf_file *file, uint32_t line, uint32_t column, const char *vi,
                          const char *en);
/** Nothing went wrong so far. */
bool lth_conf__ok(const conf_load *load);
/** How many errors there are, kept or not: compare before and after. */
static inline uint32_t conf_faults(const conf_load *load)
{
    return load->errors->n + load->errors->more;
}

/** Memory that lives as long as the configuration, or as long as the load. Sets nomem. */
void *lth_conf__keep(conf_load *load, size_t n);
char *lth_conf__keep_text(conf_load *load, const char *text);
void *lth_conf__scratch(conf_load *load, size_t n);

/* ---- yaml.c ---- */

/** Open @p path; false with an error reported. */
bool lth_conf__file_open(conf_file *out, conf_load *load, const char *path);
/** The same for a text at hand; @p file describes it. The text is not kept. */
bool lth_conf__file_parse(conf_file *file, lth_slice text);
/** Describe a file without parsing it (CSV lists). */
bool lth_conf__file_name(conf_file *out, conf_load *load, const char *path);
/** @p path as seen from the file's directory; kept. */
char *lth_conf__path(const conf_file *file, const char *path);
/** Such a path from where this process stands: absolute, NULL stays NULL. */
const char *lth_conf__from_here(conf_load *load, const char *path);
/** Both: @p path of the file, absolute. */
const char *lth_conf__absolute(const conf_file *file, const char *path);

const conf_node *lth_conf__node_find(const conf_node *map, const char *key);

/* ---- read.c: tables ---- */

typedef enum conf_type {
    CONF_TEXT,     /**< conf_text; min..max characters. */
    CONF_NAME,     /**< conf_text; lower-case letters, digits and '_'. */
    CONF_CODE,     /**< conf_text; code of an organisation. */
    CONF_PATH,     /**< conf_text; made relative to the file. */
    CONF_ENDPOINT, /**< conf_text; tcp://HOST:PORT. */
    CONF_ENUM,     /**< conf_text; one of `choices`. */
    CONF_ID,       /**< conf_text; 32 hex digits. */
    CONF_COUNT,    /**< conf_number; min..max. */
    CONF_DURATION, /**< conf_number in ms; min..max. */
    CONF_BOOL,     /**< conf_number; 0 or 1. */
    CONF_DATE,     /**< conf_number YYYYMMDD. */
    CONF_TABLE,    /**< A map with the keys of `items`, read into the struct at `at`. */
    CONF_NAMED,    /**< const conf_node *: a map from names to maps with the keys of `items`. */
    CONF_ITEMS,    /**< const conf_node *: a list of maps with the keys of `items`. */
    CONF_ANY,      /**< const conf_node *: several forms, see the help; `items` of its map form. */
} conf_type;

enum { CONF_REQUIRED = 1, CONF_LATER = 2 };

/** One key: drives reading, checks and docs/config.md. A table ends with a NULL key. */
typedef struct conf_item {
    const char *key;
    conf_type type;
    unsigned flags;
    const char *def;
    int64_t min, max;
    const char *choices; /**< "a|b|c" */
    const struct conf_item *items;
    size_t at;
    const char *vi, *en;
} conf_item;

typedef struct conf_text {
    const char *s; /**< Kept; NULL when absent. */
    const conf_node *at;
} conf_text;

typedef struct conf_number {
    int64_t v;
    const conf_node *at; /**< NULL: the default, or absent. */
} conf_number;

/** Read a map into the struct @p out by its table. Errors are reported; fields in error stay zero.
 */
void lth_conf__read(const conf_file *file, const conf_node *map, const char *name,
                    const conf_item *items, void *out);
/** Is it of that kind? Reports when not. */
bool lth_conf__is(const conf_file *file, const conf_node *node, conf_kind kind);
/** Report "not supported by this version". */
void lth_conf__later(const conf_file *file, const conf_node *at, const char *what);
bool lth_conf__name_ok(const char *text);
/** Code points. */
size_t lth_conf__chars(const char *text);
bool lth_conf__date(int64_t *out, const char *text);
bool lth_conf__code_ok(const char *text);
/** "30s" */
void lth_conf__duration_text(char out[32], int64_t ms);

/* ---- nearest.c ---- */

/** Names to suggest from. */
typedef struct conf_names {
    const char *const *names;
    uint32_t n;
} conf_names;

/** What kind of thing is unknown, and in what, in two languages. */
typedef struct conf_what {
    const char *vi, *en;       /**< "nhóm", "group" */
    const char *in_vi, *in_en; /**< "tập dữ liệu", "dataset" */
    const char *in;            /**< Its name; NULL when `in_vi` says it all. */
} conf_what;

/** The name nearest to @p name, or NULL when none is near. */
const char *lth_conf__nearest(const char *name, const conf_names *names);
/** Report that @p name is unknown, with the nearest known one or the list of those allowed. */
void lth_conf__unknown(const conf_file *file, const conf_node *at, const char *name,
                       const conf_what *what, const conf_names *names);

/* ---- csv.c ---- */

typedef struct conf_cell {
    const char *text; /**< Borrowed until the row's callback returns. */
    uint32_t line, column;
} conf_cell;

/** Called for every row, the header row first. False stops. */
typedef bool (*conf_csv_row)(void *ctx, const conf_file *file, const conf_cell *cells, uint32_t n);
/** Read a CSV (RFC 4180, UTF-8, optional BOM) in pieces. Errors are reported. */
void lth_conf__csv(const conf_file *file, conf_csv_row row, void *ctx);
/** The same of a text at hand. */
void lth_conf__csv_text(const conf_file *file, lth_slice text, conf_csv_row row, void *ctx);

/* ---- the kinds of file ---- */

extern const conf_item lth_conf__broker_items[], lth_conf__agent_items[], lth_conf__dataset_items[],
    lth_conf__orgs_items[], lth_conf__routes_items[], lth_conf__lists_items[],
    lth_conf__intake_items[];
extern const conf_item lth_conf__rule_items[], lth_conf__reference_items[],
    lth_conf__unique_items[];
extern const conf_item lth_conf__field_items[], lth_conf__title_items[], lth_conf__source_items[];

typedef struct conf_title_text {
    conf_text vi, en;
} conf_title_text;

/** One field of a dataset, or of an item of a list field. @p group: NULL for an item. */
bool lth_conf__field(const conf_file *file, const conf_node *key, lth_field *out, conf_text *group);
bool lth_conf__field_numbers(const conf_file *file, lth_field *fields, uint32_t n,
                             const conf_node **keys);

/** One text that a schema is built from: at hand, or in a file. */
typedef struct conf_part {
    lth_schema_part kind;
    conf_file file;
    const char *list; /**< codes: name of their list. */
    bool at_hand;
    bool local; /**< Beside what is published: counts from LTH_PUBLIC_LOCAL_MIN on. */
    lth_slice text;
} conf_part;
/** Code lists, then datasets with their rules, from all of @p parts. */
void lth_conf__schema(conf_load *load, conf_part *parts, uint32_t n, lth_schema *out);
/** The parts that stand in two directories. @p codelists: NULL = beside datasets, if it is there.
 */
void lth_conf__schema_dirs(conf_load *load, const char *datasets, const char *codelists,
                           lth_schema *out);
/** The datasets of one directory; returns how many. */
uint32_t lth_conf__dataset_parts(conf_load *load, const char *dir, conf_part **out);
/** What load->published says, else the directories; published.c. */
void lth_conf__schema_here(conf_load *load, const conf_text *datasets, const conf_text *codelists,
                           lth_schema *out);
/** @p datasets: a directory that may add to it; NULL: none. */
void lth_conf__schema_published(conf_load *load, const lth_public_set *set, const char *datasets,
                                lth_schema *out);
/** DIR/datasets and DIR/codelists as one schema and as records; publication.c. */
void lth_conf__publication(conf_load *load, const char *dir, lth_public_set *set,
                           lth_schema *schema);
bool lth_conf__part_open(conf_part *part);
void lth_conf__codelists(conf_load *load, conf_part *parts, uint32_t n, lth_schema *out);

/** A dataset whose rules wait for the others. */
typedef struct conf_dataset {
    conf_file file;
    lth_dataset *ds;
    const conf_node *natural_key, *rules, *references, *uniques;
    conf_text dated_by;
} conf_dataset;
void lth_conf__rules(const conf_dataset *one, const conf_dataset *all, uint32_t n_all);
/** Dataset by name; reports an unknown one, unless no definition is here yet. */
const lth_dataset *lth_conf__dataset(const conf_file *file, const conf_node *at, const char *name,
                                     const lth_schema *schema);
/** Field by name; reports an unknown one. */
const lth_field *lth_conf__dataset_field(const conf_file *file, const conf_node *at,
                                         const char *name, const lth_dataset *ds);
void lth_conf__orgs(conf_load *load, const char *path, lth_registry *out);
/** @p parent_org: destinations equal to it mean the path parent; NULL at the top. */
void lth_conf__routes(conf_load *load, const char *path, const lth_schema *schema,
                      const lth_registry *registry, const char *parent_org, lth_policy *out);
/** Code to org; reports an unknown one. */
const lth_org *lth_conf__org(const conf_file *file, const conf_node *at, const char *code,
                             const lth_registry *registry);
/** The record of a source: its fields from columns. @p key->s NULL: rows are found by `match`. */
bool lth_conf__mapping(const conf_file *file, const conf_node *fields, const conf_text *key,
                       const lth_dataset *dataset, lth_mapping *out);

void lth_conf__broker(conf_load *load, const char *path, lth_broker_conf *out);
void lth_conf__agent(conf_load *load, const char *path, lth_agent_conf *out);
void lth_conf__intake(conf_load *load, const char *path, lth_intake_conf *out);

/** node.org exists; the control socket's path fits. */
void lth_conf__check_node(const conf_file *file, const conf_text *org, const conf_text *control,
                          const lth_registry *registry);
