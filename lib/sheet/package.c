#include <stdlib.h>
#include <unistd.h>

#include "xlsx.h"

#define PARTS_MAX    4096
#define RATIO_EXEMPT (1024u * 1024u) /* bytes up to which the ratio does not matter */

static lth_err zip_fault(const lth_sheet__report *to, int code)
{
    if (code == ZIP_ER_MEMORY) {
        return lth_sheet__nomem(to);
    }
    if (code == ZIP_ER_READ || code == ZIP_ER_SEEK || code == ZIP_ER_OPEN) {
        return lth_fail(to->diag, LTH_E_IO, "the file cannot be read");
    }
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    (void)lth_sheet__fault(to, LTH_SHEET_FAULT_truncated, "ZIP: %s", zip_error_strerror(&error));
    zip_error_fini(&error);
    return LTH_E_FORMAT;
}

/* Sizes as the file states them; reading holds each part to its own. */
static lth_err check_sizes(zip_t *zip, const lth_sheet__report *to)
{
    uint64_t total = 0;
    zip_int64_t n = zip_get_num_entries(zip, 0);
    if (n > PARTS_MAX) {
        return lth_sheet__fault(to, LTH_SHEET_FAULT_unpacks_too_large, "%lld parts, at most %d",
                                (long long)n, PARTS_MAX);
    }
    for (zip_int64_t i = 0; i < n; i++) {
        zip_stat_t stat;
        if (zip_stat_index(zip, (zip_uint64_t)i, 0, &stat) != 0) {
            return zip_fault(to, ZIP_ER_INCONS);
        }
        if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 &&
            stat.encryption_method != ZIP_EM_NONE) {
            return lth_sheet__fault(to, LTH_SHEET_FAULT_encrypted, "an encrypted part");
        }
        bool bomb = stat.size > RATIO_EXEMPT && stat.size / LTH_SHEET_RATIO_MAX > stat.comp_size;
        total += stat.size > LTH_SHEET_UNZIP_MAX ? LTH_SHEET_UNZIP_MAX + 1ull : stat.size;
        if (bomb || total > LTH_SHEET_UNZIP_MAX) {
            return lth_sheet__fault(
                to, LTH_SHEET_FAULT_unpacks_too_large, "a part of %llu bytes unpacks to %llu",
                (unsigned long long)stat.comp_size, (unsigned long long)stat.size);
        }
    }
    return LTH_OK;
}

lth_err lth_sheet__zip_open(zip_t **out, int fd, const lth_sheet__report *to)
{
    *out = NULL;
    int own = dup(fd);
    if (own < 0) {
        return lth_fail(to->diag, LTH_E_IO, "no descriptor is left");
    }
    int code = 0;
    zip_t *zip = zip_fdopen(own, 0, &code);
    if (zip == NULL) {
        (void)close(own);
        return zip_fault(to, code);
    }
    lth_err err = check_sizes(zip, to);
    if (err == LTH_OK) {
        *out = zip;
    } else {
        zip_discard(zip);
    }
    return err;
}

static bool same_name(const char *a, const char *b)
{
    for (;; a++, b++) {
        char x = *a == '\\' ? '/' : *a, y = *b == '\\' ? '/' : *b;
        x = (char)(x >= 'A' && x <= 'Z' ? x | 0x20 : x);
        y = (char)(y >= 'A' && y <= 'Z' ? y | 0x20 : y);
        if (x != y || x == '\0') {
            return x == y;
        }
    }
}

bool lth_sheet__zip_find(zip_t *zip, const char *path, uint64_t *index)
{
    zip_int64_t n = zip_get_num_entries(zip, 0);
    for (zip_int64_t i = 0; i < n; i++) {
        const char *name = zip_get_name(zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
        if (name != NULL && same_name(name, path)) {
            *index = (uint64_t)i;
            return true;
        }
    }
    return false;
}

lth_err lth_sheet__part_open(lth_sheet__part *self, zip_t *zip, uint64_t index,
                             const lth_sheet__report *to)
{
    zip_stat_t stat;
    *self = (lth_sheet__part){0};
    if (zip_stat_index(zip, index, 0, &stat) != 0) {
        return zip_fault(to, ZIP_ER_INCONS);
    }
    self->file = zip_fopen_index(zip, index, 0);
    self->size = stat.size;
    return self->file != NULL ? LTH_OK : zip_fault(to, zip_error_code_zip(zip_get_error(zip)));
}

int lth_sheet__part_read(lth_sheet__part *self, void *out, int n, const lth_sheet__report *to)
{
    zip_int64_t got = zip_fread(self->file, out, (zip_uint64_t)n);
    if (got < 0) {
        return (int)zip_fault(to, zip_error_code_zip(zip_file_get_error(self->file)));
    }
    self->n += (uint64_t)got;
    if (self->n > self->size) {
        return (int)lth_sheet__fault(to, LTH_SHEET_FAULT_unpacks_too_large,
                                     "a part unpacks to more than the %llu bytes it states",
                                     (unsigned long long)self->size);
    }
    if (got == 0 && self->n < self->size) {
        return (int)lth_sheet__fault(to, LTH_SHEET_FAULT_truncated, "a part ends early");
    }
    return (int)got;
}

void lth_sheet__part_close(lth_sheet__part *self)
{
    if (self->file != NULL) {
        (void)zip_fclose(self->file);
        self->file = NULL;
    }
}
