/**
 * @file agents/intake/text.h
 * What strangers send, read into fixed places: forms, cookies, header fields, names, codes.
 *
 * Pure: no files, sockets, clock. Every function takes any bytes; lengths are bounded by the
 * caller's buffers and anything longer is refused, never cut into something else (display names
 * alone are cut).
 */
#pragma once

#include "lth/bytes.h"
#include "lth/diag.h"

#define LTH_FORM_FIELDS_MAX 256u
#define LTH_FORM_BODY_MAX   (64u * 1024u)
#define LTH_CODE_MAX        35u /**< Code of an organisation, as lib/conf has it. */
#define LTH_NAME_MAX        120u
#define LTH_ONCE_SIZE       40u /**< "XXXX-" seven times, "XXXX", NUL. */
#define LTH_ADDRESS_SIZE    46u

bool lth_utf8_ok(lth_slice text);

typedef struct lth_form_field {
    const char *name, *value; /**< Terminated, inside the body given; no NUL within. */
} lth_form_field;

typedef struct lth_form {
    lth_form_field fields[LTH_FORM_FIELDS_MAX];
    uint32_t n;
} lth_form;

/** application/x-www-form-urlencoded; decodes @p body in place (one byte behind @p n is written).
 * False: too many fields, a bad %XX, a NUL, or text that is not UTF-8. */
bool lth_form_parse(lth_form *out, char *body, size_t n);
/** First field of that name; NULL when there is none. */
const char *lth_form_get(const lth_form *form, const char *name);

/** Value of a cookie in a Cookie header (may be NULL) into @p out; false when absent or too long.
 */
bool lth_cookie_get(char *out, size_t size, const char *header, const char *name);

/** The token of "Bearer TOKEN" (any case of the word), 1..@p size - 1 of [A-Za-z0-9._~+/=-]. */
bool lth_bearer_get(char *out, size_t size, const char *header);

/** The last address of X-Forwarded-For: the one that our own proxy wrote. Only if it is a literal
 * IPv4 or IPv6 address; written in canonical form. */
bool lth_forwarded_get(char out[LTH_ADDRESS_SIZE], const char *header);
/** Is @p address one of the blank-separated @p list? */
bool lth_address_in(const char *address, const char *list);
/** Whom failures are counted for: an IPv4 address, or the /64 of an IPv6 one. */
void lth_address_group(char out[LTH_ADDRESS_SIZE], const char *address);

/** Code of an organisation: 1..35 of [A-Za-z0-9._-], not beginning with a dot. Blanks around it are
 * dropped. */
bool lth_code_clean(char out[LTH_CODE_MAX + 1], const char *text);

/** An upload's id: what the hosted agent takes as a file's name. */
bool lth_upload_id_ok(const char *text);

/** The name somebody gave a file, for people to see and for nothing else: its last component, no
 * control or direction characters, valid UTF-8, at most LTH_NAME_MAX bytes; "?" when nothing is
 * left. */
void lth_name_clean(char out[LTH_NAME_MAX + 1], const char *text, size_t n);

/** Text a person typed: trimmed; false unless 1..@p max bytes of UTF-8 without control characters
 * (new lines and tabs become blanks). */
bool lth_line_clean(char *out, size_t max, const char *text);

/** A one-time code as typed to its one written form: upper case, O and I and L as the digits they
 * look like, blanks and hyphens dropped and put back. False unless it has 32 symbols of Crockford's
 * base32. */
bool lth_once_clean(char out[LTH_ONCE_SIZE], const char *text);
/** Why a passphrase is not taken. */
typedef enum lth_passphrase {
    LTH_PASSPHRASE_OK,
    LTH_PASSPHRASE_SHORT,  /**< Fewer than 10 characters. */
    LTH_PASSPHRASE_LONG,   /**< More than 200 bytes, or not text. */
    LTH_PASSPHRASE_COMMON, /**< Among the first that anybody tries, or of few different letters. */
    LTH_PASSPHRASE_CODE,   /**< The school's own code. */
} lth_passphrase;
lth_passphrase lth_passphrase_judge(const char *text, const char *code);

/** "2026-09-05T03:20:00Z" (seconds and their fraction optional) to Vietnam time, "10:20
 * 05/09/2026". False, and "", when it is no such time. */
bool lth_vietnam_time(char out[24], const char *iso);
/** Unix seconds of such a text; 0 when it is none. */
int64_t lth_iso_seconds(const char *iso);
