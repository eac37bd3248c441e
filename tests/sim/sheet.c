/* Lines of the clerks' sheets: their cells, and the bytes that they must become. */
#include "sim.h"

bool sim_line_good(const sim_line *line)
{
    return line->code != 0 && line->born != 1;
}

bool sim_line_same(const sim_line *a, const sim_line *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static bool named(const sim_line *line)
{
    return line->name != 0 && line->born > 1 && line->class_ != 0;
}

bool sim_line_found(uint32_t sheet, const sim_line *line)
{
    return line->code != 0 || (sheet == SIM_PUPILS && (line->nid != 0 || named(line)));
}

bool sim_line_leads(uint32_t sheet, const sim_line *a, const sim_line *b)
{
    if (a->code != 0 && a->code == b->code) {
        return true;
    }
    if (sheet != SIM_PUPILS) {
        return false;
    }
    bool name = a->name != 0 && a->name == b->name;
    bool bare = (a->code == 0 && a->nid == 0) || (b->code == 0 && b->nid == 0);
    return (a->nid != 0 && a->nid == b->nid) || (name && bare) ||
           (name && named(a) && named(b) && a->born == b->born && a->class_ == b->class_);
}

sim_line sim_line_keys(const sim_line *before, const sim_line *line)
{
    sim_line out = *before;
    out.code = line->code != 0 ? line->code : before->code;
    out.nid = line->nid != 0 ? line->nid : before->nid;
    if (named(line)) {
        out.name = line->name;
        out.born = line->born;
        out.class_ = line->class_;
    }
    return out;
}

bool sim_line_best(const sim_line *keys, const sim_line *line)
{
    return line->code != 0 ? keys->code == line->code : line->nid != 0 && keys->nid == line->nid;
}

/* ---- cells ---- */

/* Marks as in source.c; whose line it is stands behind the school that hands it in. */
static void texts(const sim_school *school, uint32_t sheet, const sim_line *line, char text[6][64])
{
    uint32_t t = SIM_SOURCES + sheet;
    char by = (char)('0' + school->index);
    (void)snprintf(text[0], 64, "K1~%u~%c~%s%u", t, by, line->temporary != 0 ? "TAM-" : "P",
                   line->code);
    if (sheet == SIM_CLASSES) {
        (void)snprintf(text[1], 64, "N2~%u~%c~%u~%u~", t, by, line->uid, line->note);
        return;
    }
    (void)snprintf(text[1], 64, "N2~%u~%c~i%u", t, by, line->nid);
    (void)snprintf(text[2], 64, "N2~%u~%c~n%u", t, by, line->name);
    (void)snprintf(text[3], 64, "%02u/%02u/%u", line->born % 100, line->born / 100 % 100,
                   line->born / 10000);
    if (line->born == 1) {
        (void)snprintf(text[3], 64, "31/02/2015");
    }
    (void)snprintf(text[4], 64, "6A%u", line->class_);
    (void)snprintf(text[5], 64, "S3~%u~%c~%u~%u~", t, by, line->uid, line->note);
}

void sim_line_cells(const sim_school *school, uint32_t sheet, const sim_line *line,
                    lth_cell cells[6], char text[6][64])
{
    const uint32_t blank[6] = {line->code, line->nid, line->name, line->born, line->class_, 1};
    texts(school, sheet, line, text);
    for (uint32_t i = 0; i < (sheet == SIM_PUPILS ? 6 : 2); i++) {
        bool there = sheet == SIM_PUPILS ? blank[i] != 0 : i > 0 || line->code != 0;
        cells[i] =
            (lth_cell){.p = (const uint8_t *)text[i], .n = there ? (int64_t)strlen(text[i]) : -1};
    }
}

/* ---- the bytes it must become ---- */

size_t sim_line_group(const sim_school *school, uint32_t sheet, const sim_line *line,
                      uint32_t group, uint8_t out[512])
{
    char text[6][64];
    size_t n = 0;
    texts(school, sheet, line, text);
    if (group == 1) {
        return line->code == 0 ? 0 : sim_put_text(out, 1, text[0]);
    }
    if (sheet == SIM_CLASSES) {
        return sim_put_text(out, 2, text[1]);
    }
    if (group == 3) {
        return sim_put_text(out, 6, text[5]);
    }
    n += line->nid != 0 ? sim_put_text(out + n, 2, text[1]) : 0;
    n += line->name != 0 ? sim_put_text(out + n, 3, text[2]) : 0;
    n += line->born > 1 ? sim_put_number(out + n, 4, line->born) : 0;
    n += line->class_ != 0 ? sim_put_text(out + n, 5, text[4]) : 0;
    return n;
}

static uint32_t number(const uint8_t **p, const uint8_t *end)
{
    uint32_t v = 0;
    for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
        v = v * 10 + (uint32_t)(**p - '0');
    }
    *p += *p < end ? 1 : 0;
    return v;
}

bool sim_note_read(lth_slice bytes, uint32_t *uid, uint32_t *note)
{
    const uint8_t *end = bytes.p + bytes.n;
    for (size_t i = 0; i + 9 < bytes.n; i++) {
        const uint8_t *p = bytes.p + i;
        bool pupil = memcmp(p, "S3~", 3) == 0 && p[3] == '0' + SIM_SOURCES + SIM_PUPILS;
        bool class_ = memcmp(p, "N2~", 3) == 0 && p[3] == '0' + SIM_SOURCES + SIM_CLASSES;
        if (pupil || class_) {
            p += 7;
            *uid = number(&p, end);
            *note = number(&p, end);
            return true;
        }
    }
    return false;
}
