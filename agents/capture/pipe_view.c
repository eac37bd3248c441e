/* Asking for a view: its query request, wrapped. */

#include "agents/capture/pipe_text.h"

#define MAGIC "LCV1"

static size_t head_size(const lth_capture_view_request *r)
{
    size_t n = 4 + pipe_text_size(r->dir) + 4 + 4;
    for (uint32_t i = 0; i < r->n_orgs; i++)
        n += 1 + pipe_text_size(r->orgs[i].code);
    return n;
}

lth_err lth_capture_view_encode(lth_buf *out, const lth_capture_view_request *r)
{
    LTH_ASSERT(r->source.n_tables == 1 && r->source.tables[0].n_columns == 1);
    size_t head = head_size(r), start = out->n;
    if (head > LTH_CAPTURE_REQUEST_MAX || r->n_orgs > LTH_CAPTURE_ORGS_MAX)
        return LTH_E_LIMIT;
    uint8_t *p = lth_buf_more(out, PIPE_PREFIX + head);
    if (p == NULL)
        return LTH_E_NOMEM;
    lth_wr wr = lth_wr_of(p, PIPE_PREFIX + head);
    lth_wr32(&wr, 0);
    lth_wr_bytes(&wr, MAGIC, 4);
    pipe_put_text(&wr, r->dir);
    lth_wr32(&wr, r->file_max);
    lth_wr32(&wr, r->n_orgs);
    for (uint32_t i = 0; i < r->n_orgs; i++) {
        lth_wr8(&wr, r->orgs[i].had ? 1 : 0);
        pipe_put_text(&wr, r->orgs[i].code);
    }
    LTH_ASSERT(!wr.bad && wr.p == wr.end);
    lth_err err = lth_capture_request_encode(out, &r->source);
    size_t size = out->n - start - PIPE_PREFIX;
    if (!err && size > LTH_CAPTURE_REQUEST_MAX)
        err = LTH_E_LIMIT;
    if (!err)
        lth_put32(out->p + start, (uint32_t)size);
    return err;
}

static lth_err get_orgs(lth_capture_view_request *out, lth_rd *rd, lth_arena *arena)
{
    struct lth_capture_view_org *orgs = lth_arena_alloc(arena, (out->n_orgs + 1u) * sizeof *orgs);
    if (orgs == NULL)
        return LTH_E_NOMEM;
    for (uint32_t i = 0; i < out->n_orgs; i++) {
        uint8_t had = lth_rd8(rd);
        orgs[i] = (struct lth_capture_view_org){pipe_get_text(rd, arena), had == 1};
        if (orgs[i].code == NULL)
            return rd->bad ? LTH_E_FORMAT : LTH_E_NOMEM;
        if (had > 1 || (i > 0 && strcmp(orgs[i - 1].code, orgs[i].code) >= 0))
            return LTH_E_FORMAT;
    }
    out->orgs = orgs;
    return LTH_OK;
}

lth_err lth_capture_view_decode(lth_capture_view_request *out, lth_slice in, lth_arena *arena)
{
    *out = (lth_capture_view_request){0};
    lth_rd rd = lth_rd_of(in);
    const uint8_t *magic = lth_rd_bytes(&rd, 4);
    if (magic == NULL || memcmp(magic, MAGIC, 4) != 0)
        return LTH_E_FORMAT;
    out->dir = pipe_get_text(&rd, arena);
    out->file_max = lth_rd32(&rd);
    out->n_orgs = lth_rd32(&rd);
    if (out->dir == NULL)
        return rd.bad ? LTH_E_FORMAT : LTH_E_NOMEM;
    if (rd.bad || out->n_orgs > LTH_CAPTURE_ORGS_MAX)
        return LTH_E_FORMAT;
    lth_err err = get_orgs(out, &rd, arena);
    uint32_t n = lth_rd32(&rd);
    const uint8_t *query = lth_rd_bytes(&rd, n);
    if (!err && (query == NULL || !lth_rd_done(&rd)))
        err = LTH_E_FORMAT;
    if (!err)
        err = lth_capture_request_decode(&out->source, lth_slice_of(query, n), arena);
    bool one = !err && out->source.n_tables == 1 && out->source.tables[0].n_columns == 1 &&
               out->source.tables[0].number == 0;
    return err != LTH_OK || one ? err : LTH_E_FORMAT;
}
