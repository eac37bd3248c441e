/**
 * @file lth/text.h
 * Text as people compare it: headers of columns, titles of codes. Pure (lib/schema).
 */
#pragma once

#include "lth/bytes.h"
#include "lth/err.h"

/** Longest text that is folded, in bytes; more is cut. */
#define LTH_TEXT_FOLD_MAX 2048u

/**
 * Without what people do not mind: NFC, lower case, blanks of any kind collapsed to one space and
 * trimmed, a closing mark of "required" ("*", "(*)", "(bắt buộc)" is kept) and a final colon
 * dropped. "Họ  và tên (*)" and "HỌ VÀ TÊN:" give the same. Appended to @p out.
 * LTH_OK, LTH_E_FORMAT (not UTF-8), LTH_E_NOMEM, LTH_E_LIMIT (of @p out).
 */
LTH_MUST_USE lth_err lth_text_fold(lth_buf *out, lth_slice text);
