#include "internal.h"

#define NATURAL_MAX 400u

static lth_err add_escaped(lth_buf *out, lth_slice text)
{
    lth_err err = LTH_OK;
    for (size_t i = 0; i < text.n && err == LTH_OK; i++) {
        if (text.p[i] == '/' || text.p[i] == '\\') {
            err = lth_buf_add(out, "\\", 1);
        }
        err = err != LTH_OK ? err : lth_buf_add(out, &text.p[i], 1);
    }
    return err;
}

lth_err lth_natural_text(lth_buf *out, const lth_dataset *ds, lth_slice natural)
{
    const lth_group *group = lth_dataset_group(ds, ds->natural_group);
    LTH_ASSERT(group != NULL);
    lth_buf part;
    lth_buf_init(&part, LTH_RECORD_MAX);
    const lth_field *field = NULL;
    lth_value value;
    size_t at = 0;
    bool more = lth_group_next(group, natural, &at, &field, &value);
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < group->n_fields && err == LTH_OK; i++) {
        err = lth_buf_add(out, "/", i > 0 ? 1 : 0);
        if (more && field == group->fields[i] && err == LTH_OK) {
            lth_buf_clear(&part);
            err = lth_value_text(&part, field, &value);
            err = err != LTH_OK ? err : add_escaped(out, lth_buf_slice(&part));
            more = lth_group_next(group, natural, &at, &field, &value);
        }
    }
    lth_buf_fini(&part);
    return err;
}

/* The next part of @p text, up to a '/' that is not escaped; @p more tells whether one followed. */
static lth_slice next_part(lth_slice *text, lth_buf *part, bool *more, lth_err *err)
{
    size_t i = 0;
    *more = false;
    lth_buf_clear(part);
    for (; i < text->n && *err == LTH_OK; i++) {
        if (text->p[i] == '/') {
            *more = true;
            break;
        }
        i += text->p[i] == '\\' && i + 1 < text->n ? 1 : 0;
        *err = lth_buf_add(part, &text->p[i], 1);
    }
    i += *more ? 1 : 0;
    *text = lth_slice_of(text->p + i, text->n - i);
    return lth_buf_slice(part);
}

static lth_err parse_parts(lth_value *values, const lth_group *group, lth_slice text,
                           lth_arena *scratch, lth_diag *diag)
{
    lth_buf part;
    lth_buf_init(&part, LTH_RECORD_MAX);
    lth_err err = LTH_OK;
    bool more = true;
    for (uint32_t i = 0; i < group->n_fields && err == LTH_OK; i++) {
        const lth_field *field = group->fields[i];
        if (!more) {
            err = lth_fail(diag, LTH_E_USAGE, "the key has %u parts joined by '/', not %u",
                           (unsigned)group->n_fields, (unsigned)i);
            break;
        }
        lth_slice in = next_part(&text, &part, &more, &err);
        const void *copy = err == LTH_OK ? lth_arena_copy(scratch, in.p, in.n) : NULL;
        if (copy == NULL) {
            err = err == LTH_OK ? LTH_E_NOMEM : err;
        } else if (lth_value_parse(&values[i], field, lth_slice_of(copy, in.n), NULL, scratch) !=
                   LTH_REFUSE_none) {
            err = lth_fail(diag, LTH_E_USAGE, "part %u of the key is not a valid %s", i + 1,
                           field->name);
        }
    }
    if (err == LTH_OK && more) {
        err = lth_fail(diag, LTH_E_USAGE, "the key has only %u parts joined by '/'",
                       (unsigned)group->n_fields);
    }
    lth_buf_fini(&part);
    return err;
}

lth_err lth_natural_parse(lth_buf *out, const lth_dataset *ds, lth_slice text, lth_diag *diag)
{
    const lth_group *group = lth_dataset_group(ds, ds->natural_group);
    LTH_ASSERT(group != NULL);
    lth_arena *scratch = lth_arena_new((size_t)16 * LTH_RECORD_MAX);
    lth_value *values =
        scratch == NULL ? NULL : lth_arena_alloc(scratch, group->n_fields * sizeof *values);
    lth_err err = values == NULL ? lth_fail(diag, LTH_E_NOMEM, "out of memory")
                                 : parse_parts(values, group, text, scratch, diag);
    if (err == LTH_OK) {
        err = lth_group_encode(out, group, values);
    }
    lth_arena_free(&scratch);
    return err;
}

size_t lth_natural_key(uint8_t out[512], const lth_hasher *h, uint16_t dataset,
                       const uint8_t org_prefix[8], lth_slice natural)
{
    lth_wr wr = lth_wr_of(out, 512);
    lth_wr16(&wr, dataset);
    lth_wr_bytes(&wr, org_prefix, 8);
    if (natural.n > NATURAL_MAX) {
        uint8_t hash[LTH_HASH_SIZE];
        lth_sha256(h, natural.p, natural.n, hash);
        lth_wr8(&wr, 0xff);
        lth_wr_bytes(&wr, hash, sizeof hash);
    } else {
        lth_wr_bytes(&wr, natural.p, natural.n);
    }
    return lth_wr_size(&wr);
}

/* HMAC written out over the parts, so that a local key of any length needs no copy. */
void lth_record_id_make(lth_id *out, const lth_hasher *h, const lth_id *org,
                        const uint8_t id_key[32], uint16_t dataset, lth_slice local_key)
{
    uint8_t inner[64];
    uint8_t outer[64];
    for (size_t i = 0; i < 64; i++) {
        uint8_t k = i < 32 ? id_key[i] : 0;
        inner[i] = k ^ 0x36;
        outer[i] = k ^ 0x5c;
    }
    uint8_t number[2];
    uint8_t hash[LTH_HASH_SIZE];
    lth_put16(number, dataset);
    lth_slice first[] = {{inner, 64}, {number, 2}, local_key};
    h->sha256(h->ctx, first, 3, hash);
    lth_slice second[] = {{outer, 64}, {hash, sizeof hash}};
    h->sha256(h->ctx, second, 2, hash);
    memcpy(out->b, org->b, 8);
    memcpy(out->b + 8, hash, 8);
}
