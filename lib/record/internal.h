/**
 * @file lib/record/internal.h
 * What the files of lib/record share: domain strings, hash tags, sizes on the wire.
 */
#pragma once

#include "lth/record.h"

#define DOMAIN_SIZE 16u
#define SEED_SIZE   16u
#define SALT_SIZE   16u

/** First byte of everything hashed in a tree, so that no value can stand for another kind. */
enum { TAG_LEAF = 0, TAG_NODE = 1, TAG_GROUPS = 2, TAG_COMMITMENT = 3, TAG_SALT = 4 };

#define FORM_1_FIXED (1u + LTH_RECORD_HEADER_SIZE + SEED_SIZE)
#define FORM_2_FIXED (1u + LTH_RECORD_HEADER_SIZE)
#define GROUP_FULL   (2u + 4u)                  /**< Form 1, without the value. */
#define GROUP_SHOWN  (2u + 1u + SALT_SIZE + 4u) /**< Form 2, without the value. */
#define GROUP_HIDDEN (2u + 1u + LTH_HASH_SIZE)

/** Most bytes that one group can have in form 2, whether a carrier shows or withholds it. */
static inline size_t lth_record__group_widest(size_t value_size)
{
    size_t shown = GROUP_SHOWN + value_size;
    return shown > GROUP_HIDDEN ? shown : GROUP_HIDDEN;
}

/**
 * Most bytes that any redaction of @p record can have; never less than its size now. Limits are
 * judged by it: a batch that could not be passed on with some group withheld must not come in.
 */
size_t lth_record__widest(const lth_record_view *record);

void lth_record__header_encode(uint8_t out[LTH_RECORD_HEADER_SIZE], const lth_record_header *h);

/** c_g of a group, given or computed. */
void lth_record__commitment(const lth_hasher *h, const lth_record_view *record,
                            const lth_group_view *group, uint8_t out[LTH_HASH_SIZE]);

/** H(1 | left | right); @p out may be either of them. */
void lth_record__node(const lth_hasher *h, const uint8_t left[LTH_HASH_SIZE],
                      const uint8_t right[LTH_HASH_SIZE], uint8_t out[LTH_HASH_SIZE]);

/** What lth_buf_more() of @p n failed for. */
static inline lth_err lth_record__buf_error(const lth_buf *buf, size_t n)
{
    return n > buf->max - buf->n ? LTH_E_LIMIT : LTH_E_NOMEM;
}
