#include "internal.h"

#define DATASETS_MAX 64u

/* What may be shown of one dataset: the mask of the merge AND the policy in force. */
typedef struct shown {
    uint16_t dataset;
    uint32_t n_share; /**< 0: only its leaf. */
    uint16_t share[LTH_GROUPS_MAX];
} shown;

static bool allows(const lth_grantset *grant, uint16_t group)
{
    for (uint32_t i = 0; i < grant->n_share; i++) {
        if (grant->share[i] == group) {
            return true;
        }
    }
    return LTH_MUTANT(7) != 0;
}

static bool read_shown(const lth_broker *self, const lth_org *org, lth_rd *rd, shown *out)
{
    lth_grantset now;
    *out = (shown){.dataset = lth_rd16(rd)};
    uint8_t send = lth_rd8(rd);
    (void)lth_rd8(rd); /* Whole: the list says the same. */
    uint8_t n = lth_rd8(rd);
    lth_policy_find(&now, self->env.policy, self->env.registry, self->env.schema, org, out->dataset,
                    NULL, self->today);
    for (uint32_t i = 0; i < n && i < LTH_GROUPS_MAX && !rd->bad; i++) {
        uint16_t group = lth_rd16(rd);
        if (send == LTH_SEND_GROUPS && allows(&now, group)) {
            out->share[out->n_share++] = group;
        }
    }
    return !rd->bad;
}

static const shown *find(const shown *list, uint32_t n, uint16_t dataset)
{
    for (uint32_t i = 0; i < n; i++) {
        if (list[i].dataset == dataset) {
            return &list[i];
        }
    }
    return NULL;
}

static lth_err shape_record(lth_broker *self, const shown *list, uint32_t n,
                            const lth_record_view *view)
{
    const shown *one = view->form == LTH_FORM_LEAF ? NULL : find(list, n, view->header.dataset);
    if (one == NULL || one->n_share == 0) {
        return lth_record_to_leaf(&self->body, self->hasher, view);
    }
    /* Never "whole": a group that the schema here does not know yet is in no list. */
    return lth_record_redact(&self->body, self->hasher, view, one->share, one->n_share, false);
}

static lth_err shape_all(lth_broker *self, const shown *list, uint32_t n, lth_slice body)
{
    lth_record_view view;
    lth_rd rd = lth_rd_of(body);
    lth_buf_clear(&self->body);
    while (lth_rd_left(&rd) > 0) {
        if (lth_record_parse(&view, &rd) != LTH_REFUSE_none) {
            return LTH_E_STORE_CORRUPT;
        }
        TRY(shape_record(self, list, n, &view));
    }
    return LTH_OK;
}

lth_err lth_broker__shape(lth_broker *self, const lth_org *org, lth_slice mask, lth_slice body,
                          lth_slice *out)
{
    shown list[DATASETS_MAX];
    lth_rd rd = lth_rd_of(mask);
    bool any = false;
    uint32_t n = lth_rd8(&rd);
    *out = (lth_slice){NULL, 0};
    if (n > DATASETS_MAX) {
        return LTH_E_STORE_CORRUPT;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!read_shown(self, org, &rd, &list[i])) {
            return LTH_E_STORE_CORRUPT;
        }
        any = any || list[i].n_share > 0;
    }
    if (!any || body.n == 0) {
        return LTH_OK; /* The signed header alone. */
    }
    TRY(shape_all(self, list, n, body));
    if (lth_slice_equal(body, lth_buf_slice(&self->body))) {
        *out = body;
        return LTH_OK;
    }
    *out = lth_buf_slice(&self->body);
    return lth_broker__keep(self, out);
}
