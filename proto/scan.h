/**
 * @file proto/scan.h
 * The strict gate before protobuf-c: everything a frame may be, as one table of messages.
 *
 * Private to proto/. Bounded: one pass, no allocation, no recursion.
 */
#pragma once

#include "lth/frame.h"

#define LTH_PROTO_CERT_MAX    4096u                /**< Bytes of one certificate. */
#define LTH_PROTO_CODE_MAX    299u                 /**< Highest number a refusal may ever get. */
#define LTH_PROTO_NUMBERS_MAX 16u                  /**< Highest field number inside a body. */
#define LTH_PROTO_NESTED_MAX  (2u * LTH_CERTS_MAX) /**< bytes fields below a body. */

/** Value of one field; absent is zero or empty. */
typedef struct lth_proto_value {
    uint64_t number;
    lth_slice bytes; /**< Points into the frame. */
} lth_proto_value;

typedef struct lth_proto_scan {
    lth_frame_kind kind;
    lth_proto_value top[LTH_PROTO_NUMBERS_MAX + 1]; /**< Fields of the body by their number. */
    lth_slice nested[LTH_PROTO_NESTED_MAX];         /**< bytes fields of its messages, in order. */
    uint32_t n_nested;
} lth_proto_scan;

/** LTH_OK; LTH_E_LIMIT (a size or count over its maximum); LTH_E_FORMAT. */
LTH_MUST_USE lth_err lth_proto__scan(lth_proto_scan *out, lth_slice in, lth_diag *diag);
