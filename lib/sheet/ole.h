/* The container of old Office files (MS-CFB), and the workbook in it. */
#pragma once

#include "internal.h"

#define LTH_SHEET__SECTOR_MAX 4096u

typedef struct lth_sheet__ole {
    int fd;
    uint64_t size;
    uint32_t sector;                 /* Bytes of one. */
    uint32_t n_fat;                  /* Entries. */
    uint8_t *fat;                    /* 4 bytes each, as they stand. */
    uint32_t small_first, small_max; /* The table of small sectors; sizes below are in them. */
    bool has_workbook;               /* "Workbook" (BIFF8) or "Book" (BIFF5). */
    bool has_encrypted;              /* An XLSX with a password. */
    uint32_t first, root_first;      /* Sectors of the workbook and of the small streams. */
    uint64_t stream_size;
} lth_sheet__ole;

/* A stream being read, sector by sector. */
typedef struct lth_sheet__stream {
    const lth_sheet__ole *file;
    uint32_t sector, hops;
    uint32_t at, n;
    uint64_t left;
    uint8_t bytes[LTH_SHEET__SECTOR_MAX];
} lth_sheet__stream;

/* @return LTH_OK; LTH_E_FORMAT (cut off or damaged); LTH_E_NOMEM, LTH_E_IO. */
LTH_MUST_USE lth_err lth_sheet__ole_open(lth_sheet__ole *self, int fd, uint64_t size,
                                         const lth_sheet__report *to);
void lth_sheet__ole_close(lth_sheet__ole *self);

/* The workbook from its byte @p offset. */
LTH_MUST_USE lth_err lth_sheet__stream_begin(lth_sheet__stream *self, const lth_sheet__ole *file,
                                             uint64_t offset, const lth_sheet__report *to);
/* The next @p n bytes; out NULL: skipped. LTH_E_NOT_FOUND when it ends before. */
LTH_MUST_USE lth_err lth_sheet__stream_read(lth_sheet__stream *self, void *out, size_t n,
                                            const lth_sheet__report *to);

static inline uint32_t lth_sheet__le16(const uint8_t *p)
{
    return (uint32_t)p[1] << 8 | p[0];
}
static inline uint32_t lth_sheet__le32(const uint8_t *p)
{
    return lth_sheet__le16(p + 2) << 16 | lth_sheet__le16(p);
}
