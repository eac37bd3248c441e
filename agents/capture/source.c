#include "agents/capture/source.h"

#include "lth/diag.h"

#define CONNECTION_MAX   8192
#define LOGIN_SECONDS    15
#define SQLITE_BUSY      5
#define SQLITE_LOCKED    6
#define SQLITE_READONLY  8 /* A hot journal under mode=ro. */
#define SQLITE_INTERRUPT 9
#define SQLITE_CANTOPEN  14
#define SQLITE_NOTADB    26

/* Everything read-only and in UTF-8, as far as each driver can be told. */
static const source_family FAMILIES[] = {
    {"sqlite", "StepAPI=Yes;Timeout=1000;Pooling=No", NULL, true},
    {"postgres", "UseDeclareFetch=1;Fetch=2000;BoolsAsChar=1;MaxLongVarcharSize=262144;Pooling=No",
     "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", false},
    {"maria", "CHARSET=utf8mb4;Pooling=No", "SET SESSION TRANSACTION READ ONLY", false},
    {"mysql", "CHARSET=utf8mb4;Pooling=No", "SET SESSION TRANSACTION READ ONLY", false},
    {"freetds", "ClientCharset=UTF-8;Pooling=No", NULL, false},
    {"", "Pooling=No", NULL, false},
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

const source_family *source_family_of(const char *driver)
{
    const source_family *family = FAMILIES;
    for (;; family++) {
        size_t i = 0;
        while (family->name[i] != '\0' && lower(driver[i]) == family->name[i])
            i++;
        if (family->name[i] == '\0')
            return family;
    }
}

/* ---- faults ---- */

typedef struct state_fault {
    const char *state; /* Beginning of the SQLSTATE. */
    lth_scan_fault fault;
} state_fault;

static const state_fault BY_STATE[] = {
    {"IM", LTH_SCAN_bad_driver},        {"08", LTH_SCAN_unreachable},
    {"28", LTH_SCAN_unreachable},       {"3D", LTH_SCAN_unreachable},
    {"HYT", LTH_SCAN_timeout},          {"57014", LTH_SCAN_timeout},
    {"42S02", LTH_SCAN_missing_table},  {"42P01", LTH_SCAN_missing_table},
    {"S0002", LTH_SCAN_missing_table},  {"42S22", LTH_SCAN_missing_column},
    {"42703", LTH_SCAN_missing_column}, {"S0022", LTH_SCAN_missing_column},
    {"40001", LTH_SCAN_locked},         {"55P03", LTH_SCAN_locked},
};

/* libsqliteodbc gives HY000 and SQLite's own code and text. */
static const struct {
    int code;
    lth_scan_fault fault;
} BY_SQLITE_CODE[] = {
    {SQLITE_BUSY, LTH_SCAN_locked},          {SQLITE_LOCKED, LTH_SCAN_locked},
    {SQLITE_READONLY, LTH_SCAN_locked},      {SQLITE_INTERRUPT, LTH_SCAN_timeout},
    {SQLITE_CANTOPEN, LTH_SCAN_unreachable}, {SQLITE_NOTADB, LTH_SCAN_unreachable},
};

/* Texts that name what is missing: what stands between the two parts is the name. */
static const struct {
    const char *before, *after;
    lth_scan_fault fault;
} BY_TEXT[] = {
    {"no such table: ", " (", LTH_SCAN_missing_table},
    {"no such column: ", " (", LTH_SCAN_missing_column},
    {"relation \"", "\" does not exist", LTH_SCAN_missing_table},
    {"column \"", "\" does not exist", LTH_SCAN_missing_column},
    {"Can't open lib '", "' :", LTH_SCAN_bad_driver},
};

static bool fault_by_text(const char *text, lth_scan_fault *fault, char detail[LTH_DETAIL_MAX])
{
    for (size_t i = 0; i < sizeof BY_TEXT / sizeof BY_TEXT[0]; i++) {
        const char *name = strstr(text, BY_TEXT[i].before);
        if (name == NULL)
            continue;
        name += strlen(BY_TEXT[i].before);
        const char *end = strstr(name, BY_TEXT[i].after);
        size_t n = end != NULL ? (size_t)(end - name) : strlen(name);
        lth_format(detail, LTH_DETAIL_MAX, "%.*s", (int)n, name);
        *fault = BY_TEXT[i].fault;
        return true;
    }
    return false;
}

static lth_scan_fault fault_by_code(const char *state, SQLINTEGER native, lth_scan_fault otherwise)
{
    for (size_t i = 0; i < sizeof BY_STATE / sizeof BY_STATE[0]; i++) {
        if (strncmp(state, BY_STATE[i].state, strlen(BY_STATE[i].state)) == 0)
            return BY_STATE[i].fault;
    }
    for (size_t i = 0; i < sizeof BY_SQLITE_CODE / sizeof BY_SQLITE_CODE[0]; i++) {
        if (strcmp(state, "HY000") == 0 && (native & 0xff) == BY_SQLITE_CODE[i].code)
            return BY_SQLITE_CODE[i].fault;
    }
    return otherwise;
}

lth_scan_fault source_fault(SQLSMALLINT type, SQLHANDLE handle, lth_scan_fault otherwise,
                            char detail[LTH_DETAIL_MAX])
{
    SQLCHAR state[6] = "", text[1024] = "";
    SQLINTEGER native = 0;
    SQLSMALLINT text_n = 0;
    lth_scan_fault fault = otherwise;
    SQLRETURN rc =
        SQLGetDiagRec(type, handle, 1, state, &native, text, (SQLSMALLINT)sizeof text, &text_n);
    if (!SQL_SUCCEEDED(rc) || fault_by_text((const char *)text, &fault, detail))
        return fault;
    lth_format(detail, LTH_DETAIL_MAX, "SQLSTATE %s (%d)", (const char *)state, (int)native);
    return fault_by_code((const char *)state, native, otherwise);
}

/* ---- connection ---- */

/* In braces a closing one is doubled. */
static bool add_braced(lth_wr *wr, const char *key, const char *value)
{
    lth_wr_bytes(wr, key, strlen(key));
    lth_wr8(wr, '{');
    for (; *value != '\0'; value++) {
        if (*value == '}')
            lth_wr8(wr, '}');
        lth_wr8(wr, (uint8_t)*value);
    }
    lth_wr_bytes(wr, "};", 2);
    return !wr->bad;
}

static void add_part(lth_wr *wr, const char *key, const char *value)
{
    lth_wr_bytes(wr, key, strlen(key));
    lth_wr_bytes(wr, value, strlen(value));
    lth_wr8(wr, ';');
}

/* The project's own options first: of a repeated keyword the first counts. */
static bool connection_string(lth_wr *wr, const lth_capture_request *r, const char *database)
{
    if (strpbrk(r->driver, ";{}") != NULL || strchr(database, ';') != NULL)
        return false;
    add_part(wr, "Driver=", r->driver);
    add_part(wr, "Database=", database);
    add_part(wr, "", source_family_of(r->driver)->options);
    if (r->dsn[0] != '\0')
        add_part(wr, "", r->dsn);
    if (r->password[0] != '\0')
        (void)add_braced(wr, "PWD=", r->password);
    lth_wr8(wr, 0);
    return !wr->bad;
}

static void set_time_limits(SQLHDBC dbc)
{
    /* A driver that knows neither goes on without: the agent has a limit of its own. */
    (void)SQLSetConnectAttr(dbc, SQL_ATTR_LOGIN_TIMEOUT, (SQLPOINTER)LOGIN_SECONDS, 0);
    (void)SQLSetConnectAttr(dbc, SQL_ATTR_CONNECTION_TIMEOUT, (SQLPOINTER)LOGIN_SECONDS, 0);
}

static lth_scan_fault run_first(source *self, const char *statement, char detail[LTH_DETAIL_MAX])
{
    SQLHSTMT stmt = NULL;
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, self->dbc, &stmt)))
        return source_fault(SQL_HANDLE_DBC, self->dbc, LTH_SCAN_unreachable, detail);
    SQLRETURN rc = SQLExecDirect(stmt, (SQLCHAR *)(uintptr_t)statement, SQL_NTS);
    lth_scan_fault fault = LTH_SCAN_none;
    if (!SQL_SUCCEEDED(rc) && rc != SQL_NO_DATA)
        fault = source_fault(SQL_HANDLE_STMT, stmt, LTH_SCAN_unreachable, detail);
    (void)SQLFreeHandle(SQL_HANDLE_STMT, stmt);
    return fault;
}

lth_scan_fault source_open(source *out, const lth_capture_request *request, const char *database,
                           char detail[LTH_DETAIL_MAX])
{
    *out = (source){0};
    lth_scan_fault fault = LTH_SCAN_bad_driver;
    char text[CONNECTION_MAX];
    lth_wr wr = lth_wr_of(text, sizeof text);
    if (!connection_string(&wr, request, database)) {
        lth_format(detail, LTH_DETAIL_MAX, "driver, database");
        goto done;
    }
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &out->env)) ||
        !SQL_SUCCEEDED(
            SQLSetEnvAttr(out->env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0)) ||
        !SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_DBC, out->env, &out->dbc)))
        goto done;
    set_time_limits(out->dbc);
    SQLRETURN rc = SQLDriverConnect(out->dbc, NULL, (SQLCHAR *)text, SQL_NTS, NULL, 0, NULL,
                                    SQL_DRIVER_NOPROMPT);
    out->connected = SQL_SUCCEEDED(rc);
    fault = out->connected ? LTH_SCAN_none
                           : source_fault(SQL_HANDLE_DBC, out->dbc, LTH_SCAN_unreachable, detail);
    const char *first = source_family_of(request->driver)->first;
    if (fault == LTH_SCAN_none && first != NULL)
        fault = run_first(out, first, detail);
    /* Last: a driver may refuse even that statement from then on. */
    if (fault == LTH_SCAN_none)
        (void)SQLSetConnectAttr(out->dbc, SQL_ATTR_ACCESS_MODE, (SQLPOINTER)SQL_MODE_READ_ONLY, 0);
done:
    explicit_bzero(text, sizeof text);
    if (fault != LTH_SCAN_none)
        source_close(out);
    return fault;
}

void source_close(source *self)
{
    if (self->connected)
        (void)SQLDisconnect(self->dbc);
    if (self->dbc != NULL)
        (void)SQLFreeHandle(SQL_HANDLE_DBC, self->dbc);
    if (self->env != NULL)
        (void)SQLFreeHandle(SQL_HANDLE_ENV, self->env);
    *self = (source){0};
}
