#include "ole.h"

#include <stdlib.h>
#include <unistd.h>

#define HEADER_SIZE  512u
#define HEADER_FATS  109u
#define ENTRY_SIZE   128u
#define ENTRIES_MAX  4096u
#define LAST_SECTOR  0xfffffffau /* sectors end here; above stand marks */
#define FREE_SECTOR  0xffffffffu
#define SMALL_SECTOR 64u
#define ROOT_ENTRY   5u

static lth_err damaged(const lth_sheet__report *to, const char *what)
{
    return lth_sheet__fault(to, LTH_SHEET_FAULT_truncated, "%s", what);
}

static lth_err read_sector(const lth_sheet__ole *o, uint32_t sector, void *out,
                           const lth_sheet__report *to)
{
    uint64_t offset = ((uint64_t)sector + 1) * o->sector;
    if (sector >= LAST_SECTOR || offset >= o->size) {
        return damaged(to, "a sector behind the end of the file");
    }
    /* some programs do not fill the last sector of a file */
    memset(out, 0, o->sector);
    return pread(o->fd, out, o->sector, (off_t)offset) > 0 ? LTH_OK : lth_sheet__io(to, "the file");
}

/* ---- the allocation table ---- */

static lth_err add_fat(lth_sheet__ole *o, uint32_t sector, const lth_sheet__report *to)
{
    uint32_t entries = o->sector / 4;
    if ((uint64_t)o->n_fat * o->sector > o->size) {
        return damaged(to, "a table larger than its file");
    }
    uint8_t *fat = realloc(o->fat, ((size_t)o->n_fat + entries) * 4);
    if (fat == NULL) {
        return lth_sheet__nomem(to);
    }
    o->fat = fat;
    lth_err err = read_sector(o, sector, fat + (size_t)o->n_fat * 4, to);
    o->n_fat += err == LTH_OK ? entries : 0;
    return err;
}

static lth_err read_fat(lth_sheet__ole *o, const uint8_t header[HEADER_SIZE],
                        const lth_sheet__report *to)
{
    uint8_t list[LTH_SHEET__SECTOR_MAX];
    uint32_t left = lth_sheet__le32(header + 44), next = lth_sheet__le32(header + 68);
    uint32_t n = HEADER_FATS;
    const uint8_t *p = header + 76;
    for (uint32_t lists = 0;; lists++) {
        for (uint32_t i = 0; i < n && left > 0; i++, left--) {
            lth_err err = add_fat(o, lth_sheet__le32(p + (size_t)i * 4), to);
            if (err != LTH_OK) {
                return err;
            }
        }
        if (left == 0) {
            return LTH_OK;
        }
        lth_err err =
            lists < 1024 ? read_sector(o, next, list, to) : damaged(to, "sectors in a circle");
        if (err != LTH_OK) {
            return err;
        }
        p = list;
        n = o->sector / 4 - 1;
        next = lth_sheet__le32(list + (size_t)n * 4);
    }
}

/* Every sector in use must begin inside the file, also those of parts that are not read here: a
 * file that was cut is not taken for whole. */
static lth_err check_size(const lth_sheet__ole *o, const lth_sheet__report *to)
{
    uint32_t n = o->n_fat;
    while (n > 0 && lth_sheet__le32(o->fat + (size_t)(n - 1) * 4) == FREE_SECTOR) {
        n--;
    }
    return (uint64_t)n * o->sector < o->size ? LTH_OK : damaged(to, "the file is cut off");
}

/* ---- streams ---- */

static void begin(lth_sheet__stream *s, const lth_sheet__ole *o, uint32_t first, uint64_t size)
{
    s->file = o;
    s->sector = first;
    s->hops = 0;
    s->at = 0;
    s->n = 0;
    s->left = size;
}

static lth_err next_sector(lth_sheet__stream *s, const lth_sheet__report *to)
{
    const lth_sheet__ole *o = s->file;
    if (s->left == 0 || s->sector >= LAST_SECTOR) {
        return LTH_E_NOT_FOUND;
    }
    lth_err err = s->hops++ < o->n_fat ? read_sector(o, s->sector, s->bytes, to)
                                       : damaged(to, "sectors in a circle");
    if (err != LTH_OK) {
        return err;
    }
    s->n = s->left < o->sector ? (uint32_t)s->left : o->sector;
    s->left -= s->n;
    s->at = 0;
    s->sector =
        s->sector < o->n_fat ? lth_sheet__le32(o->fat + (size_t)s->sector * 4) : LAST_SECTOR;
    return LTH_OK;
}

lth_err lth_sheet__stream_read(lth_sheet__stream *s, void *out, size_t n,
                               const lth_sheet__report *to)
{
    uint8_t *place = out;
    while (n > 0) {
        lth_err err = s->at == s->n ? next_sector(s, to) : LTH_OK;
        if (err != LTH_OK) {
            return err;
        }
        size_t part = n < s->n - s->at ? n : s->n - s->at;
        if (place != NULL) {
            memcpy(place, s->bytes + s->at, part);
            place += part;
        }
        s->at += (uint32_t)part;
        n -= part;
    }
    return LTH_OK;
}

static lth_err read_at(const lth_sheet__ole *o, uint32_t first, uint64_t offset, void *out,
                       size_t n, const lth_sheet__report *to)
{
    lth_sheet__stream s;
    begin(&s, o, first, o->size);
    lth_err err = lth_sheet__stream_read(&s, NULL, offset, to);
    err = err == LTH_OK ? lth_sheet__stream_read(&s, out, n, to) : err;
    return err == LTH_E_NOT_FOUND ? damaged(to, "a small sector behind the end") : err;
}

/* A small workbook lies in small sectors, which together are a stream of their own. */
static lth_err load_small(lth_sheet__stream *s, const lth_sheet__ole *o,
                          const lth_sheet__report *to)
{
    uint32_t sector = o->first;
    uint8_t next[4];
    begin(s, o, LAST_SECTOR, 0);
    while (s->n < o->stream_size) {
        uint64_t left = o->stream_size - s->n;
        uint32_t part = left < SMALL_SECTOR ? (uint32_t)left : SMALL_SECTOR;
        lth_err err =
            read_at(o, o->root_first, (uint64_t)sector * SMALL_SECTOR, s->bytes + s->n, part, to);
        if (err == LTH_OK) {
            err = read_at(o, o->small_first, (uint64_t)sector * 4, next, sizeof next, to);
        }
        if (err != LTH_OK) {
            return err;
        }
        s->n += part;
        sector = lth_sheet__le32(next);
    }
    return LTH_OK;
}

lth_err lth_sheet__stream_begin(lth_sheet__stream *s, const lth_sheet__ole *o, uint64_t offset,
                                const lth_sheet__report *to)
{
    lth_err err = LTH_OK;
    if (o->stream_size < o->small_max && o->stream_size <= sizeof s->bytes) {
        err = load_small(s, o, to);
    } else {
        begin(s, o, o->first, o->stream_size);
    }
    return err == LTH_OK ? lth_sheet__stream_read(s, NULL, offset, to) : err;
}

/* ---- the directory ---- */

static bool has_name(const uint8_t entry[ENTRY_SIZE], const char *name)
{
    size_t n = strlen(name);
    if (lth_sheet__le16(entry + 64) != (n + 1) * 2) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (entry[2 * i] != (uint8_t)name[i] || entry[2 * i + 1] != 0) {
            return false;
        }
    }
    return true;
}

static lth_err read_directory(lth_sheet__ole *o, uint32_t first, const lth_sheet__report *to)
{
    lth_sheet__stream s;
    uint8_t entry[ENTRY_SIZE];
    begin(&s, o, first, o->size);
    for (uint32_t i = 0; i < ENTRIES_MAX; i++) {
        lth_err err = lth_sheet__stream_read(&s, entry, sizeof entry, to);
        if (err != LTH_OK) {
            return err == LTH_E_NOT_FOUND ? LTH_OK : err;
        }
        if (entry[66] == ROOT_ENTRY) {
            o->root_first = lth_sheet__le32(entry + 116);
        }
        o->has_encrypted = o->has_encrypted || has_name(entry, "EncryptedPackage");
        if (!o->has_workbook && (has_name(entry, "Workbook") || has_name(entry, "Book"))) {
            o->has_workbook = true;
            o->first = lth_sheet__le32(entry + 116);
            o->stream_size = lth_sheet__le32(entry + 120);
        }
    }
    return LTH_OK;
}

lth_err lth_sheet__ole_open(lth_sheet__ole *self, int fd, uint64_t size,
                            const lth_sheet__report *to)
{
    uint8_t header[HEADER_SIZE];
    *self = (lth_sheet__ole){.fd = fd, .size = size};
    if (size < HEADER_SIZE) {
        return damaged(to, "the file ends inside its header");
    }
    if (pread(fd, header, sizeof header, 0) != (ssize_t)sizeof header) {
        return lth_sheet__io(to, "the file");
    }
    uint32_t shift = lth_sheet__le16(header + 30);
    if (shift != 9 && shift != 12) {
        return damaged(to, "sectors of an unknown size");
    }
    self->sector = 1u << shift;
    self->small_first = lth_sheet__le32(header + 60);
    self->small_max = lth_sheet__le32(header + 56);
    lth_err err = read_fat(self, header, to);
    err = err == LTH_OK ? check_size(self, to) : err;
    return err == LTH_OK ? read_directory(self, lth_sheet__le32(header + 48), to) : err;
}

void lth_sheet__ole_close(lth_sheet__ole *self)
{
    free(self->fat);
    self->fat = NULL;
}
