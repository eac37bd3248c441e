/* Where rows come from: the database of a school, or of a view of many schools. */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "profile.h"

#define AT(member) offsetof(conf_database, member)

const conf_item lth_conf__database_items[] = {
    {"driver", CONF_TEXT, CONF_REQUIRED, NULL, 1, 100, NULL, NULL, AT(driver),
     "Trình điều khiển ODBC, ví dụ SQLite3", "ODBC driver, for example SQLite3"},
    {"database", CONF_TEXT, CONF_REQUIRED, NULL, 1, 1000, NULL, NULL, AT(database),
     "Tệp hoặc tên cơ sở dữ liệu; tệp SQLite tính từ thư mục của tệp này",
     "File or name of the database; a SQLite file is looked up from this file's directory"},
    {"dsn", CONF_TEXT, 0, NULL, 1, 1000, NULL, NULL, AT(dsn),
     "Thêm vào chuỗi kết nối ODBC (không đặt mật khẩu ở đây)",
     "Added to the ODBC connection string (no password here)"},
    {"secret_file", CONF_PATH, 0, NULL, 0, 0, NULL, NULL, AT(secret_file), "Tệp chứa mật khẩu",
     "File that holds the password"},
    {"scan_seconds", CONF_COUNT, 0, "300", 1, 86400, NULL, NULL, AT(scan_seconds),
     "Thời gian quét tối đa, giây", "Time limit of a scan, seconds"},
    {.key = NULL},
};

/* A SQLite database is a file: found from the configuration, named absolutely for the scan. */
static const char *database_path(const conf_file *file, const conf_database *t)
{
    if (t->driver.s == NULL || t->database.s == NULL ||
        strncasecmp(t->driver.s, "SQLite", 6) != 0) {
        return t->database.s;
    }
    return lth_conf__absolute(file, t->database.s);
}

void lth_conf__database(const conf_file *file, const conf_database *t, lth_source_conf *out)
{
    out->driver = t->driver.s;
    out->database = database_path(file, t);
    out->dsn = t->dsn.s;
    out->secret_file = t->secret_file.s;
    out->scan_seconds_max = (uint32_t)t->scan_seconds.v;
}
