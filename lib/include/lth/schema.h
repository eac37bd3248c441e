/**
 * @file lth/schema.h
 * Datasets as data: groups, fields, types, owners, natural key; the canonical bytes of a field
 * group; mapping of source columns to fields. Pure. No dataset, group or field name is known to any
 * C file.
 *
 * Canonical group bytes (wire.md section 1): protobuf wire format, fields ascending, each singular
 * field once, minimal varints, absent = NULL, nothing unknown. text, code: string UTF-8 NFC (1..max
 * characters, no control characters but \n and \t); integer: sint64 zigzag; decimal(p,s): sint64
 * zigzag scaled by 10^s; bool: 0/1; date: uint32 YYYYMMDD with 00 for an unknown month or day;
 * list: repeated sub-message in strictly ascending order of its key item; document: message {1:
 * media type, 2: SHA-256 (32 bytes), 3: bytes optional <= 200 KiB}. An empty group is zero bytes.
 */
#pragma once

#include "lth/bytes.h"
#include "lth/diag.h"
#include "lth/hash.h"
#include "lth/record.h"
#include "lth/rule.h"

typedef lth_titles lth_title;

typedef enum lth_type {
    LTH_TYPE_TEXT = 1,
    LTH_TYPE_CODE,
    LTH_TYPE_INTEGER,
    LTH_TYPE_DECIMAL,
    LTH_TYPE_BOOL,
    LTH_TYPE_DATE,
    LTH_TYPE_LIST,
    LTH_TYPE_DOCUMENT
} lth_type;
const char *lth_type_name(lth_type type);

#define LTH_FIELDS_MAX 512u /**< Of one dataset. */

/** Allowed reductions of a date. */
enum { LTH_DATE_DAY = 1, LTH_DATE_MONTH = 2, LTH_DATE_YEAR = 4 };

typedef struct lth_field {
    const char *name;
    uint16_t number; /**< Protobuf field number, 1..536870911 limited here to 1..2047; unique in the
                        dataset. */
    uint16_t group;  /**< Group number; 0 for an item of a list. */
    lth_type type;
    bool required;
    uint32_t max;          /**< text, code: characters; list: items. */
    uint8_t digits, scale; /**< decimal(p,s). */
    uint8_t precision;     /**< date: LTH_DATE_* allowed. */
    bool has_min, has_max_value;
    int64_t min, max_value;        /**< integer; decimal scaled. */
    const char *list;              /**< code: name of its code list. */
    const lth_codelist *codes;     /**< That list, when it is known here; NULL: not checked. */
    const struct lth_field *items; /**< list: fields of one item, ascending numbers. */
    uint32_t n_items;
    uint16_t key_item; /**< list: number of the item field that is its key. */
    lth_title title;
} lth_field;

typedef struct lth_group {
    const char *name;
    uint16_t number;        /**< 1..65535 */
    const char *owner_kind; /**< NULL: the record's owner; else an org kind ("ministry"). */
    uint8_t owner_parent; /**< lth_parent_type by which that org stands above the owner; 0 = any. */
    bool personal, sensitive;
    lth_title title;
    const lth_field *const *fields; /**< Of this group, ascending numbers. */
    uint32_t n_fields;
} lth_group;

typedef struct lth_dataset {
    const char *name;
    uint16_t number; /**< 1..65535 */
    uint32_t version;
    lth_title title;
    const lth_group *groups; /**< Ascending numbers; 1..64. */
    uint32_t n_groups;
    const lth_field *fields; /**< Ascending numbers. */
    uint32_t n_fields;
    uint16_t natural_group; /**< The group that holds exactly the natural-key fields. */
    uint16_t dated_by;      /**< Number of the date field whose day codes are judged at; 0: the day
                               of the record's source commit time. */
    const lth_rule *rules;  /**< Ascending numbers. */
    uint32_t n_rules;
    const lth_reference *references; /**< Ascending numbers. */
    uint32_t n_references;
    const lth_unique *uniques; /**< Ascending numbers. */
    uint32_t n_uniques;
} lth_dataset;

typedef struct lth_schema {
    uint32_t dict_ver;
    const lth_dataset *datasets; /**< Ascending numbers. */
    uint32_t n_datasets;
    const lth_codelist *lists; /**< Ascending names. */
    uint32_t n_lists;
} lth_schema;
const lth_codelist *lth_schema_list(const lth_schema *schema, const char *name);

const lth_dataset *lth_schema_find(const lth_schema *schema, uint16_t number);
const lth_dataset *lth_schema_find_name(const lth_schema *schema, const char *name);
const lth_group *lth_dataset_group(const lth_dataset *ds, uint16_t number);
const lth_group *lth_dataset_group_name(const lth_dataset *ds, const char *name);
const lth_field *lth_dataset_field_name(const lth_dataset *ds, const char *name);

/** Do records made under @p older stay readable and good under @p newer, and mean the same?
 * Allowed: new optional fields, items and groups, with numbers never used before (older records do
 * not have them: null); names and titles (numbers are what counts); wider limits of texts, lists
 * and numbers, more digits, more kinds of dates; a field no longer required; a group more
 * protected; rules, references, uniques and the date of codes (judged anew, by holds). Everything
 * else would refuse or re-read what is in stores and on the way.
 * @return LTH_OK; LTH_E_CONFIG with the first change that is none of these, in Vietnamese and
 * English. */
LTH_MUST_USE lth_err lth_dataset_compatible(const lth_dataset *older, const lth_dataset *newer,
                                            lth_diag *diag);

/** Are these the canonical bytes of that group, with required fields present and values in range?
 * @param field  Receives the number of the offending field, 0 if none is to blame. Optional.
 * @return none, bad_group (not canonical), bad_value, missing_required. */
LTH_MUST_USE lth_refusal lth_group_check(const lth_group *group, lth_slice bytes, uint16_t *field);

/** The whole record: dataset known, op, groups all known and all those its author owns that have a
 * required field (when any is withheld only the shown ones are checked; an author with an older
 * definition lacks the newer groups), natural-key group present on deletion; group bytes; then
 * codes and rules.
 * @param author_kind  NULL when the author is the record's owner, else the author's org kind.
 * @param out  Cleared first; receives the errors and warnings.
 * @return none or the first error (await_definition, bad_op, bad_author, bad_group, bad_value,
 * missing_required, unknown_code, broken_rule, invalid_at_source when flag INVALID). */
LTH_MUST_USE lth_refusal lth_record_judge(const lth_schema *schema, const lth_record_view *record,
                                          const char *author_kind, lth_findings *out);

/** A value in memory. */
typedef struct lth_value {
    enum { LTH_VALUE_NULL, LTH_VALUE_TEXT, LTH_VALUE_INT, LTH_VALUE_BYTES } kind;
    lth_slice text; /**< text, code; list and document: their encoded bytes. */
    int64_t number; /**< integer, decimal (scaled), bool, date. */
} lth_value;

/** Text of a source to a canonical value.
 * @param as  How to read it: NULL = the type's own form (ISO date YYYY-MM-DD / YYYY-MM / YYYY,
 * decimal point or comma, 1/0/true/false/x), or "date_vn" (d/m/yyyy with / - or ., m/yyyy, yyyy,
 * ISO with or without time, Excel's day number 20000..60000), "date_compact" (yyyymmdd), "bool_vn"
 * (Có/Không, or the mark x), "digits" (text: a number that lost its leading zeros is filled up to
 * the field's `max`), "grade" (integer: the first whole number in it, as in "Lớp 6A1"). Text is
 * trimmed, NFC-normalised, HTML entities decoded; empty = NULL.
 * @param scratch  Where normalised text is put.
 * @return none, bad_value. */
LTH_MUST_USE lth_refusal lth_value_parse(lth_value *out, const lth_field *field, lth_slice text,
                                         const char *as, lth_arena *scratch);
/** The ways of reading that @p as may name: the i-th one and the type it reads; NULL after the
 * last.
 */
const char *lth_as_name(uint32_t i, lth_type *type);
/** May a reading of type @p way read a field of @p type? A text's reads codes, too. */
bool lth_as_fits(lth_type way, lth_type type);
/** Text form for people and JSON (dates ISO, decimals with point); appended to @p out. */
LTH_MUST_USE lth_err lth_value_text(lth_buf *out, const lth_field *field, const lth_value *value);

/** Encode a group from values parallel to group->fields; the value of a list is the run of its
 * encoded items, each with its tag and length. LTH_OK, LTH_E_LIMIT, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_group_encode(lth_buf *out, const lth_group *group,
                                      const lth_value *values);
/** Iterate a group's fields (bytes already checked): position *at starts at 0. False at the end. A
 * list yields its field once per item, value.text = item bytes. */
bool lth_group_next(const lth_group *group, lth_slice bytes, size_t *at, const lth_field **field,
                    lth_value *value);
/** The same over the fields of one list item. */
bool lth_item_next(const lth_field *list, lth_slice item, size_t *at, const lth_field **field,
                   lth_value *value);

/** Natural key of a record = canonical bytes of its natural group. Text form joins values with '/'
 * (in ascending field order; '/' and '\' inside a value escaped with '\'). */
LTH_MUST_USE lth_err lth_natural_text(lth_buf *out, const lth_dataset *ds, lth_slice natural);
LTH_MUST_USE lth_err lth_natural_parse(lth_buf *out, const lth_dataset *ds, lth_slice text,
                                       lth_diag *diag);
/** Key of table `natural`: dataset 2 | org prefix 8 | natural bytes, or 0xFF + SHA-256 of them when
 * longer than 400. Returns its size (<= 411). */
size_t lth_natural_key(uint8_t out[512], const lth_hasher *h, uint16_t dataset,
                       const uint8_t org_prefix[8], lth_slice natural);

/** record_id = first 8 of owner's org id, then first 8 of HMAC-SHA256(id_key, dataset u16 BE |
 * local key). */
void lth_record_id_make(lth_id *out, const lth_hasher *h, const lth_id *org,
                        const uint8_t id_key[32], uint16_t dataset, lth_slice local_key);

/* ---- mapping: one source table to one dataset ---- */

typedef struct lth_map_pair {
    const char *from, *to;
} lth_map_pair;

typedef struct lth_map_field {
    const lth_field *field;
    int32_t column; /**< Index into the row's cells; -1: constant. */
    const char *constant;
    const char *as;
    const lth_map_pair
        *pairs; /**< Exact match after trim and NFC; a value not listed is bad_value. */
    uint32_t n_pairs;
    /** list fields: one entry per item this mapping builds. */
    const struct lth_map_item *items;
    uint32_t n_items;
} lth_map_field;

/** One item of a list field: its fields, each from a column or constant. The item is left out when
 * all its non-key fields are NULL. */
typedef struct lth_map_item {
    const lth_map_field *fields;
    uint32_t n_fields;
} lth_map_item;

/** One part of a match key or of complete_for: a mapped field, or a source column that is no field
 * of the dataset, or a constant. */
typedef struct lth_map_term {
    int32_t field;        /**< Index into lth_mapping.fields; -1: none. */
    int32_t column;       /**< Index into columns; -1: none. Its text after trim and NFC. */
    const char *constant; /**< When neither. */
} lth_map_term;

/** A key by which the record of a row is found (profiles: `match`). */
typedef struct lth_map_key {
    const lth_map_term *terms; /**< The first one is the weakest on its own (a name). */
    uint32_t n_terms;
} lth_map_key;

#define LTH_MAP_NO_KEY   UINT32_MAX
#define LTH_MAP_KEYS_MAX 8u

typedef struct lth_mapping {
    const lth_dataset *dataset;
    const char *const *columns; /**< Names of the source's columns that are used, in cell order. */
    uint32_t n_columns;
    uint32_t key_column;      /**< Local key; its text after trim. LTH_MAP_NO_KEY: rows are found by
                                 `match`. */
    const lth_map_key *match; /**< In order of trust. */
    uint32_t n_match;
    const lth_map_term *complete_for; /**< A record that a complete file lacks ends only if the file
                                         has a row with its values of these; none: never. Only
                                         with match. */
    uint32_t n_complete_for;
    const lth_map_field *fields; /**< Every field of the record owner's groups that is mapped. */
    uint32_t n_fields;
} lth_mapping;

/** Begins a cell of a workbook that holds no value: behind it the error that the cell shows, or "="
 * for a formula that was never calculated. No field takes it. */
#define LTH_CELL_NO_VALUE 0x1Au
/** n of a cell whose column the file does not have at all: NULL that says nothing. */
#define LTH_CELL_ABSENT (-2)
/** One row's cells: n < 0 is NULL. */
typedef struct lth_cell {
    const uint8_t *p;
    int64_t n;
} lth_cell;

/** Result of mapping one row: all groups the record's owner writes, ascending, encoded. */
typedef struct lth_mapped_row {
    uint32_t n_groups;
    struct {
        uint16_t number;
        lth_slice value;
    } groups[LTH_GROUPS_MAX];
    lth_arena *arena;        /**< Of the row: lth_map_term_text() may put cleaned text there. */
    const lth_value *values; /**< By field index of the dataset; in the arena. */
    lth_findings findings; /**< Fields at fault are left NULL; with errors > 0 the record goes with
                              flag INVALID. */
} lth_mapped_row;
/** Read, encode, and judge codes and rules as of @p today (YYYYMMDD). References are the caller's.
 * @param schema  For code lists; NULL: codes and rules are not judged.
 * @param arena  Holds the encoded groups until its reset. LTH_OK, LTH_E_NOMEM, LTH_E_LIMIT (row
 * over LTH_RECORD_MAX). */
LTH_MUST_USE lth_err lth_map_row(lth_mapped_row *out, const lth_mapping *mapping,
                                 const lth_schema *schema, const lth_cell *cells, uint32_t today,
                                 lth_arena *arena);
/** Canonical text of a term of this row, appended to @p out; false: null. */
LTH_MUST_USE lth_err lth_map_term_text(lth_buf *out, const lth_mapping *mapping,
                                       const lth_map_term *term, const lth_cell *cells,
                                       const lth_mapped_row *row, bool *present);

/** How people name the row: the values of its match terms, those of the last key (a name, a birth
 * date) first, joined by ", ". For the school itself, never for a log.
 * @param values  By field index of the dataset. LTH_OK, LTH_E_NOMEM, LTH_E_LIMIT. */
LTH_MUST_USE lth_err lth_map_who(lth_buf *out, const lth_mapping *mapping, const lth_value *values);

/** The .proto of a dataset, for any language's stock library (`lienthong dataset proto NAME`). */
LTH_MUST_USE lth_err lth_dataset_proto(lth_buf *out, const lth_dataset *ds);
