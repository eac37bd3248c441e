#undef NDEBUG /* for the declaration of __assert_fail: our assertions stay on in release builds */
#include <assert.h>
#include <stdlib.h>

#include "lth/err.h"

typedef struct err_row {
    lth_err_class class;
    const char *text;
} err_row;

static const err_row ERR_ROWS[] = {
#define X(name, number, class, text) [-(number)] = {LTH_CLASS_##class, text},
    LTH_ERR_MAP(X)
#undef X
};
#define N_ERR ((int)(sizeof ERR_ROWS / sizeof ERR_ROWS[0]))

static const char *const ERR_NAMES[] = {
    [-LTH_E_OK] = "ok",
    [-LTH_E_AGAIN] = "again",
    [-LTH_E_NOMEM] = "nomem",
    [-LTH_E_NOT_FOUND] = "not_found",
    [-LTH_E_EXISTS] = "exists",
    [-LTH_E_LIMIT] = "limit",
    [-LTH_E_FORMAT] = "format",
    [-LTH_E_SIGNATURE] = "signature",
    [-LTH_E_REFUSED] = "refused",
    [-LTH_E_USAGE] = "usage",
    [-LTH_E_CONFIG] = "config",
    [-LTH_E_CRYPTO] = "crypto",
    [-LTH_E_NET] = "net",
    [-LTH_E_UNREACHABLE] = "unreachable",
    [-LTH_E_IO] = "io",
    [-LTH_E_SOURCE] = "source",
    [-LTH_E_STORE_FULL] = "store_full",
    [-LTH_E_STORE_IO] = "store_io",
    [-LTH_E_STORE_CORRUPT] = "store_corrupt",
    [-LTH_E_STORE_BUSY] = "store_busy",
    [-LTH_E_STORE_VERSION] = "store_version",
};
_Static_assert(sizeof ERR_NAMES / sizeof ERR_NAMES[0] == sizeof ERR_ROWS / sizeof ERR_ROWS[0],
               "every lth_err has its name");

static int err_index(lth_err err)
{
    int number = (int)err;
    return number <= 0 && number > -N_ERR ? -number : -1;
}

const char *lth_err_name(lth_err err)
{
    int i = err_index(err);
    return i < 0 ? "unknown" : ERR_NAMES[i];
}

const char *lth_err_text(lth_err err)
{
    int i = err_index(err);
    return i < 0 ? "unknown error" : ERR_ROWS[i].text;
}

lth_err_class lth_err_class_of(lth_err err)
{
    int i = err_index(err);
    return i < 0 ? LTH_CLASS_FATAL : ERR_ROWS[i].class;
}

typedef struct refusal_row {
    lth_refusal code;
    lth_refusal_class class;
    const char *name, *vi, *en;
} refusal_row;

static const refusal_row REFUSALS[] = {
#define X(name, number, class, vi, en) {LTH_REFUSE_##name, LTH_REFUSAL_##class, #name, vi, en},
    LTH_REFUSAL_MAP(X)
#undef X
};

/* A number of a newer version: without knowing what it means, only stopping is safe. */
static const refusal_row REFUSAL_UNKNOWN = {LTH_REFUSE_none, LTH_REFUSAL_STOPPED, "unknown",
                                            "mã từ chối của phiên bản mới hơn",
                                            "refusal code of a newer version"};

static const refusal_row *refusal_find(lth_refusal code)
{
    for (size_t i = 0; i < sizeof REFUSALS / sizeof REFUSALS[0]; i++) {
        if (REFUSALS[i].code == code) {
            return &REFUSALS[i];
        }
    }
    return &REFUSAL_UNKNOWN;
}

const char *lth_refusal_name(lth_refusal code)
{
    return refusal_find(code)->name;
}

const char *lth_refusal_text(lth_refusal code, bool english)
{
    const refusal_row *row = refusal_find(code);
    return english ? row->en : row->vi;
}

lth_refusal_class lth_refusal_class_of(lth_refusal code)
{
    return refusal_find(code)->class;
}

_Noreturn void lth_assert_failed(const char *file, int line, const char *cond)
{
    __assert_fail(cond, file, (unsigned)line, NULL);
}
