#include "biff.h"

#define VERSION_8 0x600u
#define VERSION_5 0x500u

lth_err lth_sheet__record_next(lth_sheet__xls *x, const lth_sheet__report *to)
{
    uint8_t head[4];
    lth_err err = lth_sheet__stream_read(&x->in, head, sizeof head, to);
    if (err != LTH_OK) {
        return err;
    }
    x->record.type = lth_sheet__le16(head);
    x->record.n = lth_sheet__le16(head + 2);
    err = lth_sheet__stream_read(&x->in, x->record.p, x->record.n, to);
    return err == LTH_E_NOT_FOUND
               ? lth_sheet__fault(to, LTH_SHEET_FAULT_truncated, "the workbook ends in a record")
               : err;
}

/* Half of a pair of UTF-16 joins with the other half; alone it is no character. */
static uint32_t unit_at(const lth_sheet__record *r, size_t at, size_t end, size_t *size)
{
    uint32_t unit = lth_sheet__le16(r->p + at);
    *size = 2;
    if (unit < 0xd800 || unit >= 0xdc00 || at + 4 > end) {
        return unit;
    }
    uint32_t low = lth_sheet__le16(r->p + at + 2);
    if (low < 0xdc00 || low >= 0xe000) {
        return unit;
    }
    *size = 4;
    return 0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00));
}

lth_err lth_sheet__record_text(lth_buf *out, const lth_sheet__record *r, size_t at, uint32_t n,
                               bool wide)
{
    size_t end = at + (size_t)n * (wide ? 2 : 1), size = 1;
    end = end < r->n ? end : r->n;
    for (; at + (wide ? 2 : 1) <= end; at += size) {
        uint32_t character = wide ? unit_at(r, at, end, &size) : r->p[at];
        uint8_t utf8[4];
        lth_err err =
            character == 0 ? LTH_OK : lth_buf_add(out, utf8, lth_sheet__put_utf8(utf8, character));
        if (err != LTH_OK) {
            return err;
        }
    }
    return LTH_OK;
}

lth_err lth_sheet__record_string(lth_sheet__xls *x, lth_buf *out, size_t at, uint32_t length_size)
{
    const lth_sheet__record *r = &x->record;
    size_t text = at + length_size + x->is_wide;
    if (text > r->n) {
        return LTH_OK;
    }
    uint32_t n = length_size == 1 ? r->p[at] : lth_sheet__le16(r->p + at);
    bool wide = x->is_wide && (r->p[text - 1] & 1) != 0;
    return lth_sheet__record_text(out, r, text, n, wide);
}

/* ---- shared strings, cut anywhere into records ---- */

typedef struct sst {
    lth_sheet__xls *x;
    size_t at;
    const lth_sheet__report *to;
} sst;

/* Something is left of the record, or its continuation begins. */
static lth_err sst_more(sst *s)
{
    while (s->at >= s->x->record.n) {
        lth_err err = lth_sheet__record_next(s->x, s->to);
        if (err == LTH_E_NOT_FOUND ||
            (err == LTH_OK && s->x->record.type != LTH_SHEET__R_CONTINUE)) {
            return lth_sheet__fault(s->to, LTH_SHEET_FAULT_truncated, "shared strings end early");
        }
        if (err != LTH_OK) {
            return err;
        }
        s->at = 0;
    }
    return LTH_OK;
}

/* @p n bytes, little end first; more than 4: skipped. */
static lth_err sst_number(sst *s, uint64_t n, uint32_t *out)
{
    *out = 0;
    for (uint64_t i = 0; i < n;) {
        lth_err err = sst_more(s);
        if (err != LTH_OK) {
            return err;
        }
        if (n <= 4) {
            *out |= (uint32_t)s->x->record.p[s->at++] << (8 * i++);
        } else {
            uint64_t part = s->x->record.n - s->at;
            part = part < n - i ? part : n - i;
            s->at += (size_t)part;
            i += part;
        }
    }
    return LTH_OK;
}

/* A cut inside the characters is followed by a new byte that says how wide they are. */
static lth_err sst_characters(sst *s, uint32_t left, bool wide)
{
    lth_err err = LTH_OK;
    while (left > 0 && err == LTH_OK) {
        if (s->at >= s->x->record.n) {
            uint32_t flags;
            err = sst_number(s, 1, &flags);
            wide = (flags & 1) != 0;
            continue;
        }
        uint32_t width = wide ? 2 : 1, there = (uint32_t)(s->x->record.n - s->at) / width;
        uint32_t part = there < left ? there : left;
        if (part == 0) {
            return lth_sheet__fault(s->to, LTH_SHEET_FAULT_truncated, "half a character");
        }
        err = lth_sheet__record_text(&s->x->strings.text, &s->x->record, s->at, part, wide);
        s->at += (size_t)part * width;
        left -= part;
    }
    return err;
}

static lth_err sst_string(sst *s)
{
    uint32_t n, flags = 0, runs = 0, extra = 0, skipped;
    lth_sheet__strings *strings = &s->x->strings;
    size_t start = strings->text.n;
    lth_err err = sst_number(s, 2, &n);
    err = err == LTH_OK ? sst_number(s, 1, &flags) : err;
    err = err == LTH_OK && (flags & 8) != 0 ? sst_number(s, 2, &runs) : err;
    err = err == LTH_OK && (flags & 4) != 0 ? sst_number(s, 4, &extra) : err;
    err = err == LTH_OK ? sst_characters(s, n, (flags & 1) != 0) : err;
    if (err == LTH_OK) {
        uint64_t rest = (uint64_t)runs * 4 + extra;
        for (; rest > 0 && rest <= 4 && err == LTH_OK; rest--) {
            err = sst_number(s, 1, &skipped);
        }
        err = err == LTH_OK && rest > 0 ? sst_number(s, rest, &skipped) : err;
    }
    if (err == LTH_OK) {
        if (strings->text.n > start) {
            strings->text.n =
                start + lth_sheet__clean(strings->text.p + start, strings->text.n - start);
        }
        err = lth_sheet__strings_end(strings);
    }
    return err;
}

static lth_err read_strings(lth_sheet__xls *x, const lth_sheet__report *to)
{
    sst s = {.x = x, .to = to};
    uint32_t total, n;
    lth_err err = sst_number(&s, 4, &total);
    err = err == LTH_OK ? sst_number(&s, 4, &n) : err;
    for (uint32_t i = 0; err == LTH_OK && i < n; i++) {
        err = sst_string(&s);
    }
    if (err == LTH_E_LIMIT) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_too_large, "more than %u bytes of text",
                                LTH_SHEET_STRINGS_MAX);
    }
    return err == LTH_E_NOMEM ? lth_sheet__nomem(to) : err;
}

/* ---- the rest ---- */

static lth_err on_sheet(lth_sheet *self, const lth_sheet__report *to)
{
    lth_sheet__xls *x = self->state;
    const lth_sheet__record *r = &x->record;
    bool visible = r->n >= 8 && (r->p[4] & 3) == 0 && r->p[5] == 0; /* and one of cells */
    if (!visible) {
        return LTH_OK;
    }
    lth_buf_clear(&x->cell);
    if (lth_sheet__record_string(x, &x->cell, 6, 1) != LTH_OK) {
        return lth_sheet__nomem(to);
    }
    lth_err err = lth_sheet__add_name(self, lth_buf_slice(&x->cell), to);
    if (err == LTH_OK) {
        x->offsets[self->n_sheets - 1] = lth_sheet__le32(r->p);
    }
    return err;
}

static lth_err on_format(lth_sheet__xls *x, const lth_sheet__report *to)
{
    if (x->record.n < 4 || x->n_formats == LTH_SHEET__FORMATS_MAX) {
        return LTH_OK;
    }
    lth_buf_clear(&x->cell);
    if (lth_sheet__record_string(x, &x->cell, 2, x->is_wide ? 2 : 1) != LTH_OK) {
        return lth_sheet__nomem(to);
    }
    x->formats[x->n_formats++] =
        (lth_sheet__format){.id = lth_sheet__le16(x->record.p),
                            .is_date = lth_sheet__is_date_format(lth_buf_slice(&x->cell))};
    return LTH_OK;
}

static void on_style(lth_sheet__xls *x)
{
    if (x->record.n < 4 || x->n_styles == LTH_SHEET__STYLES_MAX) {
        return;
    }
    uint32_t id = lth_sheet__le16(x->record.p + 2);
    bool is_date = lth_sheet__is_date_format_id(id);
    for (uint32_t i = 0; i < x->n_formats; i++) {
        if (x->formats[i].id == id) {
            is_date = x->formats[i].is_date;
        }
    }
    x->date_styles[x->n_styles++] = is_date;
}

static lth_err on_record(lth_sheet *self, const lth_sheet__report *to)
{
    lth_sheet__xls *x = self->state;
    switch (x->record.type) {
    case LTH_SHEET__R_FILEPASS:
        return lth_sheet__fault(to, LTH_SHEET_FAULT_encrypted, "the workbook has a password");
    case LTH_SHEET__R_DATEMODE:
        x->is_1904 = x->record.n >= 2 && x->record.p[0] == 1;
        return LTH_OK;
    case LTH_SHEET__R_FORMAT:
        return on_format(x, to);
    case LTH_SHEET__R_XF:
        on_style(x);
        return LTH_OK;
    case LTH_SHEET__R_BOUNDSHEET:
        return on_sheet(self, to);
    case LTH_SHEET__R_SST:
        return read_strings(x, to);
    default:
        return LTH_OK;
    }
}

lth_err lth_sheet__xls_globals(lth_sheet *self, const lth_sheet__report *to)
{
    lth_sheet__xls *x = self->state;
    lth_err err = lth_sheet__stream_begin(&x->in, &x->ole, 0, to);
    err = err == LTH_OK ? lth_sheet__record_next(x, to) : err;
    uint32_t version = err == LTH_OK && x->record.n >= 2 ? lth_sheet__le16(x->record.p) : 0;
    if (err == LTH_OK &&
        (x->record.type != LTH_SHEET__R_BOF || (version != VERSION_8 && version != VERSION_5))) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_unreadable, "a workbook older than Excel 95");
    }
    x->is_wide = version == VERSION_8;
    while (err == LTH_OK) {
        err = lth_sheet__record_next(x, to);
        if (err == LTH_OK && x->record.type == LTH_SHEET__R_EOF) {
            return LTH_OK;
        }
        err = err == LTH_OK ? on_record(self, to) : err;
    }
    return err == LTH_E_NOT_FOUND
               ? lth_sheet__fault(to, LTH_SHEET_FAULT_truncated, "the workbook ends early")
               : err;
}
