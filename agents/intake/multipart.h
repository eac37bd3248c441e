/**
 * @file agents/intake/multipart.h
 * multipart/form-data (RFC 7578) as it arrives, piece by piece, in fixed memory.
 *
 * Strict where it matters: a part without a name, headers over 4 KiB, more than 64 parts or a
 * boundary that is not one end the reading. What stands before the first boundary and behind the
 * last is passed over.
 */
#pragma once

#include "lth/bytes.h"

#define LTH_MULTIPART_HEAD_MAX  4096u
#define LTH_MULTIPART_PARTS_MAX 64u
#define LTH_MULTIPART_NAME_MAX  63u
#define LTH_MULTIPART_FILE_MAX  511u
#define LTH_BOUNDARY_MAX        70u

typedef struct lth_multipart_part {
    char name[LTH_MULTIPART_NAME_MAX + 1];
    bool is_file;                               /**< A file name was given, be it empty. */
    char file_name[LTH_MULTIPART_FILE_MAX + 1]; /**< As sent, cut at its size; never a path. */
} lth_multipart_part;

/** Told as it comes; false stops the reading. */
typedef struct lth_multipart_sink {
    void *ctx;
    bool (*begin)(void *ctx, const lth_multipart_part *part);
    bool (*data)(void *ctx, const uint8_t *p, size_t n);
    bool (*end)(void *ctx);
} lth_multipart_sink;

typedef struct lth_multipart {
    lth_multipart_sink sink;
    char delimiter[LTH_BOUNDARY_MAX + 5]; /**< CR LF - - boundary */
    size_t delimiter_size;
    enum {
        LTH_MULTIPART_PREAMBLE,
        LTH_MULTIPART_TAIL, /**< Behind a delimiter: "--", or the end of the line. */
        LTH_MULTIPART_HEAD,
        LTH_MULTIPART_BODY,
        LTH_MULTIPART_DONE,
        LTH_MULTIPART_BAD
    } state;
    size_t matched; /**< Bytes of the delimiter seen. */
    char tail;      /**< '-' or CR seen behind a delimiter. */
    uint32_t parts;
    char head[LTH_MULTIPART_HEAD_MAX];
    size_t head_size;
} lth_multipart;

/** @p content_type: the header's value. False: not multipart/form-data with a usable boundary. */
bool lth_multipart_init(lth_multipart *self, const char *content_type,
                        const lth_multipart_sink *sink);
/** False: malformed, or stopped by the sink; the same for every later call. */
bool lth_multipart_feed(lth_multipart *self, const uint8_t *p, size_t n);
/** Was the last boundary seen? */
bool lth_multipart_done(const lth_multipart *self);
