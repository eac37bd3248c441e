#include "internal.h"

/* Uploads, their findings and people's acts as they are stored. */

#define UPLOAD_FORM 2u   /**< 1: without the new rows that wait. */
#define NAME_MAX    500u /**< Bytes of a column's header. */

static lth_err add8(lth_buf *out, uint8_t v)
{
    return lth_buf_add(out, &v, 1);
}

static lth_err add16(lth_buf *out, uint16_t v)
{
    uint8_t bytes[2];
    lth_put16(bytes, v);
    return lth_buf_add(out, bytes, sizeof bytes);
}

static lth_err add32(lth_buf *out, uint32_t v)
{
    uint8_t bytes[4];
    lth_put32(bytes, v);
    return lth_buf_add(out, bytes, sizeof bytes);
}

static lth_err add64(lth_buf *out, uint64_t v)
{
    uint8_t bytes[8];
    lth_put64(bytes, v);
    return lth_buf_add(out, bytes, sizeof bytes);
}

static lth_err add_slice(lth_buf *out, lth_slice s)
{
    LTH_ASSERT(s.n <= UINT16_MAX);
    lth_err err = add16(out, (uint16_t)s.n);
    return err == LTH_OK && s.n > 0 ? lth_buf_add(out, s.p, s.n) : err;
}

static lth_err add_string(lth_buf *out, const char *s)
{
    return add_slice(out, lth_slice_of(s, strlen(s)));
}

static lth_slice read_slice(lth_rd *rd)
{
    size_t n = lth_rd16(rd);
    const uint8_t *p = lth_rd_bytes(rd, n);
    return p != NULL ? lth_slice_of(p, n) : (lth_slice){0};
}

static void read_string(lth_rd *rd, char *out, size_t size)
{
    lth_slice s = read_slice(rd);
    memset(out, 0, size);
    rd->bad = rd->bad || s.n >= size;
    if (!rd->bad && s.n > 0) {
        memcpy(out, s.p, s.n);
    }
}

#define TRY(call)                                                                                  \
    do {                                                                                           \
        lth_err try_err = (call);                                                                  \
        if (try_err != LTH_OK) {                                                                   \
            return try_err;                                                                        \
        }                                                                                          \
    } while (0)

/* ---- uploads ---- */

const char *lth_upload_state_name(lth_upload_state state)
{
    static const char *const NAMES[] = {
        [LTH_UPLOAD_RECEIVED] = "received", [LTH_UPLOAD_READING] = "reading",
        [LTH_UPLOAD_DONE] = "done",         [LTH_UPLOAD_REFUSED] = "refused",
        [LTH_UPLOAD_WAITING] = "waiting",   [LTH_UPLOAD_WITHDRAWN] = "withdrawn"};
    size_t n = sizeof NAMES / sizeof *NAMES;
    return (size_t)state < n && NAMES[state] != NULL ? NAMES[state] : "unknown";
}

static lth_err encode_tables(lth_buf *out, const lth_upload *upload)
{
    TRY(add8(out, (uint8_t)upload->n_tables));
    for (uint32_t i = 0; i < upload->n_tables; i++) {
        TRY(add16(out, upload->tables[i].dataset));
        TRY(add8(out, (uint8_t)upload->tables[i].fault));
        const uint32_t counts[] = {
            upload->tables[i].rows,  upload->tables[i].fresh,  upload->tables[i].changed,
            upload->tables[i].same,  upload->tables[i].ended,  upload->tables[i].held,
            upload->tables[i].asked, upload->tables[i].warned, upload->tables[i].gone,
            upload->tables[i].old,   upload->tables[i].known,  upload->tables[i].waiting};
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            TRY(add32(out, counts[k]));
        }
    }
    return LTH_OK;
}

lth_err lth_upload_encode(lth_buf *out, const lth_upload *upload)
{
    LTH_ASSERT(upload->n_tiers <= LTH_UPLOAD_TIERS_MAX &&
               upload->n_tables <= LTH_UPLOAD_TABLES_MAX);
    TRY(add8(out, UPLOAD_FORM));
    TRY(add_string(out, upload->id));
    TRY(lth_buf_add(out, upload->sha256, sizeof upload->sha256));
    TRY(add64(out, upload->bytes));
    TRY(add64(out, upload->received_ms));
    TRY(add64(out, upload->done_ms));
    TRY(add8(out, (uint8_t)upload->state));
    TRY(add8(out, (uint8_t)upload->fault));
    TRY(add_string(out, upload->detail));
    TRY(add_string(out, upload->detail_en));
    TRY(add32(out, upload->head.epoch));
    TRY(add64(out, upload->head.seq));
    TRY(lth_buf_add(out, upload->head.hash, sizeof upload->head.hash));
    TRY(add64(out, upload->first_seq));
    TRY(add32(out, upload->n_findings));
    TRY(add8(out, (uint8_t)upload->n_tiers));
    for (uint32_t i = 0; i < upload->n_tiers; i++) {
        TRY(lth_buf_add(out, upload->tiers[i].org.b, sizeof upload->tiers[i].org.b));
        TRY(add64(out, upload->tiers[i].ms));
    }
    return encode_tables(out, upload);
}

static void read_tables(lth_rd *rd, uint8_t form, lth_upload *out)
{
    out->n_tables = lth_rd8(rd);
    rd->bad = rd->bad || out->n_tables > LTH_UPLOAD_TABLES_MAX;
    for (uint32_t i = 0; i < out->n_tables && !rd->bad; i++) {
        out->tables[i].dataset = lth_rd16(rd);
        out->tables[i].fault = (lth_scan_fault)lth_rd8(rd);
        uint32_t *const counts[] = {
            &out->tables[i].rows,  &out->tables[i].fresh,  &out->tables[i].changed,
            &out->tables[i].same,  &out->tables[i].ended,  &out->tables[i].held,
            &out->tables[i].asked, &out->tables[i].warned, &out->tables[i].gone,
            &out->tables[i].old,   &out->tables[i].known,  &out->tables[i].waiting};
        size_t n = sizeof counts / sizeof *counts - (form < UPLOAD_FORM ? 1 : 0);
        for (size_t k = 0; k < n; k++) {
            *counts[k] = lth_rd32(rd);
        }
    }
}

bool lth_upload_decode(lth_upload *out, lth_slice in)
{
    lth_rd rd = lth_rd_of(in);
    *out = (lth_upload){.n_tiers = 0};
    uint8_t form = lth_rd8(&rd);
    read_string(&rd, out->id, sizeof out->id);
    lth_rd_copy(&rd, out->sha256, sizeof out->sha256);
    out->bytes = lth_rd64(&rd);
    out->received_ms = lth_rd64(&rd);
    out->done_ms = lth_rd64(&rd);
    out->state = (lth_upload_state)lth_rd8(&rd);
    out->fault = (lth_scan_fault)lth_rd8(&rd);
    read_string(&rd, out->detail, sizeof out->detail);
    read_string(&rd, out->detail_en, sizeof out->detail_en);
    out->head.epoch = lth_rd32(&rd);
    out->head.seq = lth_rd64(&rd);
    lth_rd_copy(&rd, out->head.hash, sizeof out->head.hash);
    out->first_seq = lth_rd64(&rd);
    out->n_findings = lth_rd32(&rd);
    out->n_tiers = lth_rd8(&rd);
    rd.bad = rd.bad || out->n_tiers > LTH_UPLOAD_TIERS_MAX;
    for (uint32_t i = 0; i < out->n_tiers && !rd.bad; i++) {
        lth_rd_copy(&rd, out->tiers[i].org.b, sizeof out->tiers[i].org.b);
        out->tiers[i].ms = lth_rd64(&rd);
    }
    read_tables(&rd, form, out);
    return form >= 1 && form <= UPLOAD_FORM && lth_rd_done(&rd) &&
           out->state >= LTH_UPLOAD_RECEIVED && out->state <= LTH_UPLOAD_WITHDRAWN;
}

/* ---- findings ---- */

lth_err lth_upload_finding_encode(lth_buf *out, const lth_upload_finding *finding)
{
    lth_slice column = finding->column;
    column.n = column.n > NAME_MAX ? NAME_MAX : column.n;
    LTH_ASSERT(finding->n_candidates <= 4);
    TRY(add32(out, finding->row));
    TRY(add16(out, finding->dataset));
    TRY(add16(out, (uint16_t)finding->code));
    TRY(add8(out, (uint8_t)finding->severity));
    TRY(add16(out, finding->field));
    TRY(add16(out, finding->rule));
    TRY(add8(out, finding->accepted ? 1 : 0));
    TRY(lth_buf_add(out, finding->record_id.b, sizeof finding->record_id.b));
    TRY(lth_buf_add(out, finding->row_hash, sizeof finding->row_hash));
    TRY(add8(out, (uint8_t)finding->n_candidates));
    for (uint32_t i = 0; i < finding->n_candidates; i++) {
        TRY(lth_buf_add(out, finding->candidates[i].b, sizeof finding->candidates[i].b));
    }
    TRY(add_slice(out, column));
    TRY(add_slice(out, finding->vi));
    TRY(add_slice(out, finding->en));
    return add16(out, finding->at);
}

bool lth_upload_finding_decode(lth_upload_finding *out, lth_slice value)
{
    lth_rd rd = lth_rd_of(value);
    *out = (lth_upload_finding){.row = lth_rd32(&rd)};
    out->dataset = lth_rd16(&rd);
    out->code = (lth_refusal)lth_rd16(&rd);
    out->severity = (lth_severity)lth_rd8(&rd);
    out->field = lth_rd16(&rd);
    out->rule = lth_rd16(&rd);
    out->accepted = lth_rd8(&rd) != 0;
    lth_rd_copy(&rd, out->record_id.b, sizeof out->record_id.b);
    lth_rd_copy(&rd, out->row_hash, sizeof out->row_hash);
    out->n_candidates = lth_rd8(&rd);
    rd.bad = rd.bad || out->n_candidates > sizeof out->candidates / sizeof *out->candidates;
    for (uint32_t i = 0; i < out->n_candidates && !rd.bad; i++) {
        lth_rd_copy(&rd, out->candidates[i].b, sizeof out->candidates[i].b);
    }
    out->column = read_slice(&rd);
    out->vi = read_slice(&rd);
    out->en = read_slice(&rd);
    out->at = lth_rd_left(&rd) > 0 ? lth_rd16(&rd) : 0; /* was not kept before */
    return lth_rd_done(&rd);
}

/* ---- acts ---- */

lth_err lth_agent_act_encode(lth_buf *out, const lth_agent_act *act)
{
    TRY(add8(out, (uint8_t)act->kind));
    TRY(add16(out, act->dataset));
    TRY(add64(out, act->upload));
    TRY(lth_buf_add(out, act->row_hash, sizeof act->row_hash));
    TRY(lth_buf_add(out, act->record_id.b, sizeof act->record_id.b));
    TRY(add16(out, act->rule));
    TRY(add_slice(out, act->by));
    return add_slice(out, act->reason);
}

bool lth_agent_act_decode(lth_agent_act *out, lth_slice value)
{
    lth_rd rd = lth_rd_of(value);
    *out = (lth_agent_act){.kind = (lth_agent_act_kind)lth_rd8(&rd)};
    out->dataset = lth_rd16(&rd);
    out->upload = lth_rd64(&rd);
    lth_rd_copy(&rd, out->row_hash, sizeof out->row_hash);
    lth_rd_copy(&rd, out->record_id.b, sizeof out->record_id.b);
    out->rule = lth_rd16(&rd);
    out->by = read_slice(&rd);
    out->reason = read_slice(&rd);
    return lth_rd_done(&rd) && out->kind >= LTH_ACT_CONFIRM && out->kind <= LTH_ACT_RESYNC;
}
