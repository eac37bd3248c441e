/**
 * @file lth/public.h
 * The ministry's public stream: what travels down as signed records. Pure (lib/schema).
 *
 * Two datasets whose numbers are part of the protocol. A `definition` is the text of one YAML file
 * (a dataset with its rules, a code list without its codes) or the account of one publication; a
 * `code` is one span of one code. Their author is the top organisation of the tree, their signer
 * its broker. config/public describes both for people; the structures here are what programs use,
 * so that a node can start without any file.
 *
 * All batches of one publication name the last of them in `source_position`: whoever holds a prefix
 * of them waits with applying. Their order is such that a prefix does no harm either: codes first,
 * then definitions, then what ends.
 */
#pragma once

#include "lth/registry.h"
#include "lth/schema.h"

#define LTH_PUBLIC_DEFINITION 1u     /**< Dataset number. */
#define LTH_PUBLIC_CODE       7u     /**< Dataset number. */
#define LTH_PUBLIC_NATURAL    1u     /**< Group number, in both. */
#define LTH_PUBLIC_CONTENT    2u     /**< Group number, in both. */
#define LTH_PUBLIC_LOCAL_MIN  32768u /**< Datasets that a node's own files may add. */
#define LTH_PUBLIC_TEXT_MAX   (200u * 1024u)

/** What a definition defines: its field `kind`. */
typedef enum lth_public_kind {
    LTH_PUBLIC_DATASET = 1,
    LTH_PUBLIC_LIST = 2,
    LTH_PUBLIC_ACT = 3 /**< Who published, and why; its name counts publications. */
} lth_public_kind;
/** "dataset", "codelist", "publication" */
const char *lth_public_kind_name(lth_public_kind kind);

typedef struct lth_public_definition {
    lth_public_kind kind;
    lth_slice name; /**< 1..64 characters. */
    uint32_t version;
    lth_slice text; /**< <= LTH_PUBLIC_TEXT_MAX */
} lth_public_definition;

/** One span of one code (lth_code). Empty slices: not stated. */
typedef struct lth_public_code {
    lth_slice list, code;
    uint32_t from, to; /**< YYYYMMDD; 0 = always, no end. */
    lth_slice vi, en, parent, replaced_by;
} lth_public_code;

bool lth_public_is(uint16_t dataset);
/** Both datasets in a schema of their own. */
const lth_schema *lth_public_schema(void);
/** @p in with both datasets added; it must have neither their numbers nor their names (then
 * LTH_E_CONFIG). Arrays come from @p arena, or LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_public_extend(lth_schema *out, const lth_schema *in, lth_arena *arena,
                                       lth_diag *diag);
/** Top of @p org's path on that day: the author of the public stream as this org sees it. */
const lth_org *lth_public_author(const lth_registry *registry, const lth_org *org, uint32_t day);

/** Replaces what @p natural and @p content hold. LTH_OK, LTH_E_LIMIT, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_public_definition_encode(lth_buf *natural, lth_buf *content,
                                                  const lth_hasher *h,
                                                  const lth_public_definition *in);
LTH_MUST_USE lth_err lth_public_code_encode(lth_buf *natural, lth_buf *content,
                                            const lth_public_code *in);
/** Of a record whose groups are shown and are what their dataset says; slices point into it. False:
 * it is not one, its kind is unknown, or its text is not the one it names. */
bool lth_public_definition_read(lth_public_definition *out, const lth_hasher *h,
                                const lth_record_view *record);
bool lth_public_code_read(lth_public_code *out, const lth_record_view *record);
/** The same record has the same id in every publication: nothing about it is secret. */
void lth_public_record_id(lth_id *out, const lth_hasher *h, const lth_id *author, uint16_t dataset,
                          lth_slice natural);

/* ---- everything that is published ---- */

/** Definitions ascending by kind and name, codes by list, code and from. */
typedef struct lth_public_set {
    lth_arena *arena; /**< NULL: empty. */
    uint32_t version; /**< batch_seq of the public stream that it shows; 0 = nothing came yet. */
    lth_public_definition *definitions;
    uint32_t n_definitions, cap_definitions;
    lth_public_code *codes;
    uint32_t n_codes, cap_codes;
} lth_public_set;

void lth_public_set_fini(lth_public_set *self);
/** Copy in, in any order; call sort() after the last. LTH_OK, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_public_set_definition(lth_public_set *self,
                                               const lth_public_definition *in);
LTH_MUST_USE lth_err lth_public_set_code(lth_public_set *self, const lth_public_code *in);
/** A stored record, in wire form: kept when it is a state of one of the two datasets. LTH_OK,
 * LTH_E_NOMEM, LTH_E_FORMAT. */
LTH_MUST_USE lth_err lth_public_set_record(lth_public_set *self, const lth_hasher *h,
                                           lth_slice wire);
LTH_MUST_USE lth_err lth_public_set_sort(lth_public_set *self);
const lth_public_definition *lth_public_set_find(const lth_public_set *self, lth_public_kind kind,
                                                 lth_slice name);

/** One record that a publication writes. */
typedef struct lth_public_change {
    uint16_t dataset;
    bool ends;                               /**< A deletion. */
    bool fresh;                              /**< Was not there before. */
    const lth_public_definition *definition; /**< Of dataset LTH_PUBLIC_DEFINITION. */
    const lth_public_code *code;             /**< Of dataset LTH_PUBLIC_CODE. */
} lth_public_change;

/** What leads from @p old to @p new_, in the order of publication; both sorted. Acts are left out.
 * The array is from malloc. LTH_OK, LTH_E_NOMEM. */
LTH_MUST_USE lth_err lth_public_diff(lth_public_change **out, uint32_t *n,
                                     const lth_public_set *old, const lth_public_set *new_);
