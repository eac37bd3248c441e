/**
 * @file lth/err.h
 * Result codes of this project's own functions, and the refusals that nodes tell each other.
 *
 * Two separate families, each from one table:
 *  - lth_err: what a function of this library returns. Never travels between nodes.
 *  - lth_refusal: why a batch, a record or a peer was refused. Stable for ever: the number goes
 * over the wire and into stores, the name into logs, `--json` and docs/errors.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LTH_MUST_USE          __attribute__((warn_unused_result))
#define LTH_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/** What the caller can do about it. */
typedef enum lth_err_class {
    LTH_CLASS_NONE,     /**< Not an error. */
    LTH_CLASS_RETRY,    /**< The same call may succeed later. */
    LTH_CLASS_PEER,     /**< The other side sent something wrong; go on with everybody else. */
    LTH_CLASS_OPERATOR, /**< A person must change something (configuration, disk, rights). */
    LTH_CLASS_FATAL,    /**< Outcome unknown or store unusable: stop and restart from the store. */
} lth_err_class;

/* name, number, class, English text */
#define LTH_ERR_MAP(X)                                                                             \
    X(OK, 0, NONE, "ok")                                                                           \
    X(AGAIN, -1, RETRY, "nothing was consumed, try again")                                         \
    X(NOMEM, -2, FATAL, "out of memory")                                                           \
    X(NOT_FOUND, -3, NONE, "not found")                                                            \
    X(EXISTS, -4, OPERATOR, "already exists")                                                      \
    X(LIMIT, -5, PEER, "a stated limit is exceeded")                                               \
    X(FORMAT, -6, PEER, "bytes are not of the required form")                                      \
    X(SIGNATURE, -7, PEER, "signature does not verify")                                            \
    X(REFUSED, -8, PEER, "refused")                                                                \
    X(USAGE, -9, OPERATOR, "wrong usage")                                                          \
    X(CONFIG, -10, OPERATOR, "configuration is wrong")                                             \
    X(CRYPTO, -11, OPERATOR, "cryptographic library failed")                                       \
    X(NET, -12, RETRY, "network library failed")                                                   \
    X(UNREACHABLE, -13, RETRY, "node not reachable")                                               \
    X(IO, -14, OPERATOR, "reading or writing a file failed")                                       \
    X(SOURCE, -15, RETRY, "a school's source could not be read")                                   \
    X(STORE_FULL, -16, OPERATOR, "store is full")                                                  \
    X(STORE_IO, -17, FATAL, "store failed, outcome unknown")                                       \
    X(STORE_CORRUPT, -18, FATAL, "store holds bytes that do not verify")                           \
    X(STORE_BUSY, -19, OPERATOR, "store is in use by another process")                             \
    X(STORE_VERSION, -20, OPERATOR, "store was written by a newer version")

typedef enum lth_err {
#define X(name, number, class, text) LTH_E_##name = (number),
    LTH_ERR_MAP(X)
#undef X
        LTH_OK = 0
} lth_err;

/** Stable lower-case name ("store_full"); "unknown" for a number not in the table. */
const char *lth_err_name(lth_err err);
/** One English line without full stop. */
const char *lth_err_text(lth_err err);
lth_err_class lth_err_class_of(lth_err err);

/** What a refused sender does next (protocol.md section 7; rides in REJECT). */
typedef enum lth_refusal_class {
    LTH_REFUSAL_NONE = 0,
    LTH_REFUSAL_RETRY_LATER = 1, /**< Send the same again, not before the stated wait. */
    LTH_REFUSAL_RESEND_FROM = 2, /**< Send again from the position named in REJECT. */
    LTH_REFUSAL_STOPPED = 3, /**< This origin (or peer) stops until an epoch grant or a person. */
    LTH_REFUSAL_HOLD = 4,    /**< Only one record: it is held, its position is consumed. */
} lth_refusal_class;

/* name, number, class, Vietnamese text, English text.  Numbers 1..99 whole batch, 100..199 one
 * record (held), 200..299 peer or session. Never re-used. */
#define LTH_REFUSAL_MAP(X)                                                                         \
    X(none, 0, NONE, "không", "none")                                                              \
    X(too_large, 1, STOPPED, "gói lớn hơn giới hạn", "larger than the limit")                      \
    X(bad_context, 2, STOPPED, "không phải gói Liên thông v1", "not a Lienthong v1 batch")         \
    X(bad_algorithm, 3, STOPPED, "thuật toán không được dùng", "algorithm not allowed")            \
    X(bad_reserved, 4, STOPPED, "byte dành riêng khác 0", "reserved bytes are not zero")           \
    X(bad_header, 5, STOPPED, "phần đầu gói sai", "batch header field out of range")               \
    X(unknown_key, 6, RETRY_LATER, "chưa biết khoá ký này", "signing key not known here")          \
    X(wrong_key, 7, STOPPED, "khoá ký không thuộc đơn vị gửi",                                     \
      "signing key belongs to another organisation")                                               \
    X(key_expired, 8, STOPPED, "chứng thư hết hạn khi nhận",                                       \
      "certificate not valid when received")                                                       \
    X(key_revoked, 9, STOPPED, "khoá đã bị thu hồi", "key revoked")                                \
    X(bad_signature, 10, STOPPED, "chữ ký không đúng", "signature does not verify")                \
    X(bad_root, 11, STOPPED, "nội dung không khớp với phần đã ký",                                 \
      "content does not match the signed root")                                                    \
    X(bad_body, 12, STOPPED, "nội dung gói sai định dạng", "batch body is malformed")              \
    X(bad_count, 13, STOPPED, "số bản ghi không khớp", "record count does not match")              \
    X(bad_seq, 14, STOPPED, "số thứ tự bản ghi sai", "record sequence number is wrong")            \
    X(gap, 15, RESEND_FROM, "thiếu gói phía trước", "an earlier batch is missing")                 \
    X(chain, 16, STOPPED, "không nối tiếp gói trước", "previous header hash does not match")       \
    X(fork, 17, STOPPED, "hai gói khác nhau cùng vị trí: có bản sao khoá?",                        \
      "two different batches for one position: cloned agent?")                                     \
    X(frozen, 18, STOPPED, "đơn vị đang bị tạm dừng do phát hiện bản sao",                         \
      "origin frozen after a fork")                                                                \
    X(epoch_closed, 19, STOPPED, "kỳ (epoch) này đã đóng", "epoch is closed")                      \
    X(epoch_not_granted, 20, STOPPED, "kỳ (epoch) chưa được cấp", "epoch was not granted")         \
    X(bad_attestation, 21, RETRY_LATER, "xác nhận của nơi nhận đầu tiên không đúng",               \
      "entry attestation does not verify")                                                         \
    X(not_carrier, 22, STOPPED, "kết nối này không được gửi thay đơn vị đó",                       \
      "this connection may not carry for that organisation")                                       \
    X(unknown_origin, 23, RETRY_LATER, "đơn vị chưa có trong danh bạ",                             \
      "organisation is not in the registry")                                                       \
    X(store_full, 24, RETRY_LATER, "nơi nhận hết chỗ lưu", "the receiver's store is full")         \
    X(busy, 25, RETRY_LATER, "nơi nhận đang bận", "receiver is busy")                              \
    X(stopped, 26, STOPPED, "tuyến trên đã từ chối, chờ xử lý",                                    \
      "refused further up, waiting for a person")                                                  \
    X(scope, 100, HOLD, "bản ghi thuộc đơn vị khác", "record belongs to another organisation")     \
    X(await_definition, 101, HOLD, "chưa có định nghĩa tập dữ liệu này",                           \
      "dataset is not defined here yet")                                                           \
    X(bad_group, 102, HOLD, "nhóm trường sai định dạng", "field group is malformed")               \
    X(bad_value, 103, HOLD, "giá trị không hợp lệ", "value is not valid")                          \
    X(missing_required, 104, HOLD, "thiếu trường bắt buộc", "a required field is missing")         \
    X(natural_key_taken, 105, HOLD, "khoá tự nhiên đã thuộc bản ghi khác",                         \
      "natural key belongs to another record")                                                     \
    X(invalid_at_source, 106, HOLD, "dữ liệu tại trường chưa hợp lệ",                              \
      "row is not valid at its source")                                                            \
    X(bad_op, 107, HOLD, "loại thay đổi không được phép", "operation not allowed here")            \
    X(bad_author, 108, HOLD, "đơn vị không được viết nhóm này",                                    \
      "this organisation may not write that group")                                                \
    X(id_collision, 109, HOLD, "trùng mã bản ghi", "record id collision")                          \
    X(unknown_code, 110, HOLD, "mã không có trong danh mục", "code is not in its list")            \
    X(code_not_in_force, 111, HOLD, "mã không áp dụng vào ngày của bản ghi",                       \
      "code is not in force on the record's date")                                                 \
    X(broken_rule, 112, HOLD, "không đạt quy tắc kiểm tra", "a validation rule is not met")        \
    X(missing_reference, 113, HOLD, "bản ghi được nhắc tới chưa có",                               \
      "the record it refers to does not exist")                                                    \
    X(mass_deletion, 114, HOLD, "xoá quá nhiều bản ghi cùng lúc, chờ người xác nhận",              \
      "too many records would end at once, waiting for a person")                                  \
    X(rejected, 115, HOLD, "đã bị từ chối", "rejected by a person")                                \
    X(not_unique, 116, HOLD, "giá trị đã thuộc bản ghi khác của trường",                           \
      "another record of the school has the same value")                                           \
    X(bad_frame, 200, STOPPED, "thông điệp sai định dạng", "malformed message")                    \
    X(bad_version, 201, STOPPED, "phiên bản giao thức không hỗ trợ",                               \
      "protocol version not supported")                                                            \
    X(no_hello, 202, STOPPED, "chưa chào (HELLO)", "no HELLO before this message")                 \
    X(over_credit, 203, STOPPED, "gửi quá hạn mức", "sent more than the credit given")             \
    X(fenced, 204, STOPPED, "một phiên mới hơn đã thay phiên này",                                 \
      "a newer session of the same node took over")                                                \
    X(not_allowed, 205, STOPPED, "không được phép kết nối", "peer is not allowed here")

typedef enum lth_refusal {
#define X(name, number, class, vi, en) LTH_REFUSE_##name = (number),
    LTH_REFUSAL_MAP(X)
#undef X
} lth_refusal;

/** Stable name ("bad_signature"); "unknown" for a number of a newer version. */
const char *lth_refusal_name(lth_refusal code);
/** Text for people; Vietnamese unless @p english. */
const char *lth_refusal_text(lth_refusal code, bool english);
lth_refusal_class lth_refusal_class_of(lth_refusal code);

/**
 * Our own bugs stop the program, in release builds too: going on could lose or invent a pupil.
 * Never used on anything that comes from outside.
 */
#define LTH_ASSERT(cond) ((cond) ? (void)0 : lth_assert_failed(__FILE__, __LINE__, #cond))
_Noreturn void lth_assert_failed(const char *file, int line, const char *cond);
