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
