#include "internal.h"

typedef struct share_list {
    const uint16_t *numbers;
    uint32_t n;
} share_list;

static bool is_shared(const share_list *share, const lth_group_view *group)
{
    for (uint32_t i = 0; group->shown && i < share->n && share->numbers[i] <= group->number; i++) {
        if (share->numbers[i] == group->number) {
            return true;
        }
    }
    return false;
}

static size_t redacted_size(const lth_record_view *record, const share_list *share)
{
    size_t size = FORM_2_FIXED;
    for (uint32_t i = 0; i < record->n_groups; i++) {
        const lth_group_view *group = &record->groups[i];
        size += is_shared(share, group) ? GROUP_SHOWN + group->value.n : GROUP_HIDDEN;
    }
    return size;
}

static void write_shown(lth_wr *wr, const lth_hasher *h, const lth_record_view *record,
                        const lth_group_view *group)
{
    uint8_t salt[SALT_SIZE];
    if (group->salt != NULL) {
        memcpy(salt, group->salt, SALT_SIZE);
    } else {
        lth_group_salt(h, record->seed, group->number, salt);
    }
    lth_wr16(wr, group->number);
    lth_wr8(wr, 1);
    lth_wr_bytes(wr, salt, SALT_SIZE);
    lth_wr32(wr, (uint32_t)group->value.n);
    lth_wr_bytes(wr, group->value.p, group->value.n);
}

static void write_hidden(lth_wr *wr, const lth_hasher *h, const lth_record_view *record,
                         const lth_group_view *group)
{
    uint8_t commitment[LTH_HASH_SIZE];
    lth_record__commitment(h, record, group, commitment);
    lth_wr16(wr, group->number);
    lth_wr8(wr, 0);
    lth_wr_bytes(wr, commitment, LTH_HASH_SIZE);
}

static lth_err write_redacted(lth_buf *out, const lth_hasher *h, const lth_record_view *record,
                              const share_list *share)
{
    size_t size = redacted_size(record, share);
    uint8_t *p = lth_buf_more(out, size);
    if (p == NULL) {
        return lth_record__buf_error(out, size);
    }
    lth_wr wr = lth_wr_of(p, size);
    lth_wr8(&wr, LTH_FORM_REDACTED);
    lth_wr_bytes(&wr, record->header_bytes, LTH_RECORD_HEADER_SIZE);
    for (uint32_t i = 0; i < record->n_groups; i++) {
        const lth_group_view *group = &record->groups[i];
        if (is_shared(share, group)) {
            write_shown(&wr, h, record, group);
        } else {
            write_hidden(&wr, h, record, group);
        }
    }
    LTH_ASSERT(!wr.bad && wr.p == wr.end);
    return LTH_OK;
}

static bool shows_all(const lth_record_view *record, const share_list *share)
{
    for (uint32_t i = 0; i < record->n_groups; i++) {
        if (!is_shared(share, &record->groups[i])) {
            return false;
        }
    }
    return true;
}

lth_err lth_record_redact(lth_buf *out, const lth_hasher *h, const lth_record_view *record,
                          const uint16_t *share, uint32_t n_share, bool whole)
{
    share_list list = {.numbers = share, .n = n_share};
    lth_id lo, hi;
    bool last, leaf = record->form == LTH_FORM_LEAF;
    bool says_range = !leaf && record->header.op == LTH_OP_RANGE;
    if (whole || leaf || (says_range && lth_record_range(record, &lo, &hi, &last))) {
        return lth_buf_add(out, record->wire.p, record->wire.n);
    }
    if (n_share == 0 || says_range) {
        return lth_record_to_leaf(out, h, record);
    }
    if (shows_all(record, &list)) {
        return lth_buf_add(out, record->wire.p, record->wire.n);
    }
    return write_redacted(out, h, record, &list);
}

lth_err lth_record_to_leaf(lth_buf *out, const lth_hasher *h, const lth_record_view *record)
{
    uint8_t wire[1 + LTH_HASH_SIZE] = {LTH_FORM_LEAF};
    lth_record_leaf(h, record, wire + 1);
    return lth_buf_add(out, wire, sizeof wire);
}
