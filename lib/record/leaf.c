#include "internal.h"

void lth_group_salt(const lth_hasher *h, const uint8_t seed[16], uint16_t group, uint8_t out[16])
{
    uint8_t in[1 + SEED_SIZE + 2];
    in[0] = TAG_SALT;
    memcpy(in + 1, seed, SEED_SIZE);
    lth_put16(in + 1 + SEED_SIZE, group);
    uint8_t hash[LTH_HASH_SIZE];
    lth_sha256(h, in, sizeof in, hash);
    memcpy(out, hash, SALT_SIZE);
}

void lth_group_commit(const lth_hasher *h, const uint8_t salt[16], uint16_t group, lth_slice value,
                      uint8_t out[LTH_HASH_SIZE])
{
    LTH_ASSERT(value.n <= UINT32_MAX);
    uint8_t prefix[1 + SALT_SIZE + 2 + 4];
    prefix[0] = TAG_COMMITMENT;
    memcpy(prefix + 1, salt, SALT_SIZE);
    lth_put16(prefix + 1 + SALT_SIZE, group);
    lth_put32(prefix + 1 + SALT_SIZE + 2, (uint32_t)value.n);
    const lth_slice parts[] = {lth_slice_of(prefix, sizeof prefix), value};
    h->sha256(h->ctx, parts, 2, out);
}

void lth_record__commitment(const lth_hasher *h, const lth_record_view *record,
                            const lth_group_view *group, uint8_t out[LTH_HASH_SIZE])
{
    if (!group->shown) {
        memcpy(out, group->commitment, LTH_HASH_SIZE);
        return;
    }
    uint8_t made[SALT_SIZE];
    const uint8_t *salt = group->salt;
    if (salt == NULL) {
        lth_group_salt(h, record->seed, group->number, made);
        salt = made;
    }
    lth_group_commit(h, salt, group->number, group->value, out);
}

void lth_record_leaf(const lth_hasher *h, const lth_record_view *record, uint8_t out[LTH_HASH_SIZE])
{
    if (record->form == LTH_FORM_LEAF) {
        memcpy(out, record->leaf, LTH_HASH_SIZE);
        return;
    }
    uint8_t groups[2 + LTH_GROUPS_MAX * (2 + LTH_HASH_SIZE)];
    uint8_t *p = groups;
    *p++ = TAG_GROUPS;
    *p++ = (uint8_t)record->n_groups;
    for (uint32_t i = 0; i < record->n_groups; i++) {
        lth_put16(p, record->groups[i].number);
        lth_record__commitment(h, record, &record->groups[i], p + 2);
        p += 2 + LTH_HASH_SIZE;
    }
    uint8_t in[1 + LTH_RECORD_HEADER_SIZE + LTH_HASH_SIZE];
    in[0] = TAG_LEAF;
    memcpy(in + 1, record->header_bytes, LTH_RECORD_HEADER_SIZE);
    lth_sha256(h, groups, (size_t)(p - groups), in + 1 + LTH_RECORD_HEADER_SIZE);
    lth_sha256(h, in, sizeof in, out);
}
