#include "lth/log.h"

#include "lth/diag.h"

#define DETAIL_SIZE 1000

void lth_log_event(const lth_log *log, lth_level level, const char *event, const char *fmt, ...)
{
    if (log == NULL || log->write == NULL) {
        return;
    }
    char detail[DETAIL_SIZE];
    va_list args;
    va_start(args, fmt);
    (void)lth_format_v(detail, sizeof detail, fmt, args);
    va_end(args);
    log->write(log->ctx, level, event, detail);
}

void lth_log_text(const lth_log *log, lth_level level, const char *event, const char *key,
                  const char *text)
{
    char escaped[DETAIL_SIZE / 2];
    size_t n = 0;
    for (; *text != '\0' && n + 3 < sizeof escaped; text++) {
        if (*text == '"' || *text == '\\') {
            escaped[n++] = '\\';
        }
        escaped[n++] = *text;
    }
    escaped[n] = '\0';
    lth_log_event(log, level, event, "%s=\"%s\"", key, escaped);
}
