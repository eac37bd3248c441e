#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lth/log.h"

#define EVENTS_MAX 64
#define NAME_SIZE  48
#define WINDOW_S   60
#define LINES_MAX  20u
#define LINE_SIZE  1200

/* How often one event was seen in its running minute. */
typedef struct event_rate {
    char name[NAME_SIZE];
    time_t since_s;
    unsigned seen;
} event_rate;

typedef struct sink {
    pthread_mutex_t lock;
    lth_level max_level;
    event_rate rates[EVENTS_MAX];
} sink;

static sink the_sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .max_level = LTH_LEVEL_INFO};

/* The event's row; an unknown event takes the row that was idle longest. */
static event_rate *rate_of(sink *self, const char *event, time_t now_s)
{
    event_rate *oldest = &self->rates[0];
    for (size_t i = 0; i < EVENTS_MAX; i++) {
        event_rate *rate = &self->rates[i];
        if (strncmp(rate->name, event, NAME_SIZE - 1) == 0) {
            return rate;
        }
        if (rate->since_s < oldest->since_s) {
            oldest = rate;
        }
    }
    *oldest = (event_rate){.since_s = now_s};
    (void)snprintf(oldest->name, sizeof oldest->name, "%s", event);
    return oldest;
}

/* One line, one write; what would forge another line or colour a terminal becomes a space. */
static void write_line(lth_level level, const char *event, const char *detail)
{
    char line[LINE_SIZE];
    int n = snprintf(line, sizeof line - 1, "<%d>event=%s%s%s", (int)level, event,
                     detail[0] != '\0' ? " " : "", detail);
    size_t size = n < 0 ? 0 : (size_t)n < sizeof line - 2 ? (size_t)n : sizeof line - 2;
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) {
            line[i] = ' ';
        }
    }
    line[size] = '\n';
    (void)fwrite(line, 1, size + 1, stderr);
    (void)fflush(stderr);
}

static void sink_write(void *ctx, lth_level level, const char *event, const char *detail)
{
    sink *self = ctx;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)pthread_mutex_lock(&self->lock);
    if (level <= self->max_level) {
        event_rate *rate = rate_of(self, event, now.tv_sec);
        if (now.tv_sec - rate->since_s >= WINDOW_S) {
            if (rate->seen > LINES_MAX) {
                char more[64];
                (void)snprintf(more, sizeof more, "not_written=%u", rate->seen - LINES_MAX);
                write_line(level, event, more);
            }
            rate->since_s = now.tv_sec;
            rate->seen = 0;
        }
        if (rate->seen++ < LINES_MAX) {
            write_line(level, event, detail);
        }
    }
    (void)pthread_mutex_unlock(&self->lock);
}

lth_log lth_log_stderr(lth_level max_level)
{
    (void)pthread_mutex_lock(&the_sink.lock);
    the_sink.max_level = max_level;
    (void)pthread_mutex_unlock(&the_sink.lock);
    return (lth_log){.ctx = &the_sink, .write = sink_write};
}
