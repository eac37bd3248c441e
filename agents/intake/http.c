/* The daemon: connections, their requests, and the watch that ends slow ones. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agents/intake/web.h"

#define CONNECTION_MEMORY (32u * 1024u)
#define FORM_MS           60000
#define ANSWER_MS         300000
#define GRACE_MS          30000 /* before the least speed counts */

static const struct {
    size_t threads, max;
} POOLS[LTH_POOL_COUNT] = {
    [LTH_POOL_DISK] = {4, 4096}, [LTH_POOL_ASK] = {4, 256}, [LTH_POOL_SIGN] = {1, 64}};

/* ---- the watch ---- */

static void watch_begin(lth_intake *self, lth_watch *watch, int64_t limit_ms)
{
    (void)pthread_mutex_lock(&self->lock);
    watch->since_ms = self->clock->mono_ms(self->clock->ctx);
    watch->limit_ms = limit_ms;
    atomic_store(&watch->bytes, 0);
    (void)pthread_mutex_unlock(&self->lock);
}

static bool too_slow(const lth_intake *self, lth_watch *watch, int64_t now_ms)
{
    int64_t age_ms = now_ms - watch->since_ms;
    if (age_ms > watch->limit_ms)
        return true;
    return atomic_load(&watch->upload) && age_ms > GRACE_MS &&
           (int64_t)atomic_load(&watch->bytes) <
               (age_ms - GRACE_MS) / 1000 * (int64_t)self->conf->bytes_per_second;
}

void lth_http_watch(lth_intake *self)
{
    int64_t now_ms = self->clock->mono_ms(self->clock->ctx);
    unsigned ended = 0;
    (void)pthread_mutex_lock(&self->lock);
    for (lth_watch *watch = self->watches; watch != NULL; watch = watch->next)
        if (!watch->ended && too_slow(self, watch, now_ms)) {
            watch->ended = true;
            ended++;
            /* The descriptor is ours until the connection's end is told, under this lock. */
            (void)shutdown(watch->fd, SHUT_RDWR);
        }
    (void)pthread_mutex_unlock(&self->lock);
    if (ended > 0)
        lth_log_event(&self->log, LTH_LEVEL_INFO, "too_slow", "connections=%u", ended);
}

static void on_connection(void *ctx, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode code)
{
    lth_intake *self = ctx;
    lth_watch *watch = *slot;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        watch = calloc(1, sizeof *watch);
        *slot = watch;
        if (watch == NULL)
            return; /* its requests will be refused */
        watch->fd = info->connect_fd;
        watch_begin(self, watch, self->conf->header_ms);
        (void)pthread_mutex_lock(&self->lock);
        watch->next = self->watches;
        if (watch->next != NULL)
            watch->next->previous = watch;
        self->watches = watch;
        (void)pthread_mutex_unlock(&self->lock);
    } else if (watch != NULL) {
        (void)pthread_mutex_lock(&self->lock);
        if (watch->previous != NULL)
            watch->previous->next = watch->next;
        else
            self->watches = watch->next;
        if (watch->next != NULL)
            watch->next->previous = watch->previous;
        (void)pthread_mutex_unlock(&self->lock);
        free(watch);
        *slot = NULL;
    }
}

/* ---- requests ---- */

static lth_request *request_new(lth_intake *self, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    lth_request *r = info != NULL && info->socket_context != NULL ? calloc(1, sizeof *r) : NULL;
    if (r == NULL)
        return NULL;
    r->intake = self;
    r->connection = connection;
    r->watch = info->socket_context;
    r->file.inbox = r->file.aside = r->file.fd = -1;
    lth_buf_init(&r->body, LTH_FORM_BODY_MAX + 1);
    lth_reply_init(r);
    (void)pthread_mutex_lock(&self->lock);
    r->next = self->requests;
    if (r->next != NULL)
        r->next->previous = r;
    self->requests = r;
    (void)pthread_mutex_unlock(&self->lock);
    return r;
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode code)
{
    lth_intake *self = ctx;
    lth_request *r = *slot;
    (void)connection;
    (void)code;
    if (r == NULL)
        return;
    atomic_store(&r->watch->upload, false);
    watch_begin(self, r->watch, self->conf->header_ms);
    (void)pthread_mutex_lock(&self->lock);
    if (r->previous != NULL)
        r->previous->next = r->next;
    else
        self->requests = r->next;
    if (r->next != NULL)
        r->next->previous = r->previous;
    (void)pthread_mutex_unlock(&self->lock);
    lth_receive_close(&r->file);
    if (r->body.p != NULL)
        lth_crypto_cleanse(r->body.p, r->body.n);
    lth_buf_fini(&r->body);
    lth_reply_fini(r);
    lth_crypto_cleanse(r, sizeof *r);
    free(r);
    *slot = NULL;
}

static enum MHD_Result send_now(lth_request *r)
{
    watch_begin(r->intake, r->watch, ANSWER_MS);
    return lth_reply_send(r);
}

static enum MHD_Result first_call(lth_intake *self, struct MHD_Connection *connection,
                                  const char *url, const char *method, void **slot)
{
    lth_request *r = request_new(self, connection);
    if (r == NULL)
        return MHD_NO;
    *slot = r;
    bool body = lth_admit(r, url, method);
    if (!body || !lth_body_begin(r))
        return send_now(r);
    bool file = r->route->body == LTH_BODY_UPLOAD || r->route->body == LTH_BODY_FILE;
    watch_begin(self, r->watch, file ? self->conf->upload_ms : FORM_MS);
    return MHD_YES;
}

/* All of the request is here: to a worker, unless the answer is known. */
static enum MHD_Result last_call(lth_request *r)
{
    r->queued_once = true;
    lth_body_end(r);
    if (r->refused != 0)
        return send_now(r);
    watch_begin(r->intake, r->watch, ANSWER_MS);
    MHD_suspend_connection(r->connection);
    if (!lth_pool_add(&r->intake->pools[r->route->pool], r)) {
        r->reply.retry_s = 15;
        lth_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "Máy chủ đang bận. Đợi 15 giây rồi thử lại.",
                   "The server is busy. Try again in 15 seconds.");
        r->answered = true;
        MHD_resume_connection(r->connection);
    }
    return MHD_YES;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **slot)
{
    lth_intake *self = ctx;
    lth_request *r = *slot;
    (void)version;
    if (r == NULL)
        return first_call(self, connection, url, method, slot);
    if (*size > 0) {
        lth_body_feed(r, data, *size);
        *size = 0;
        /* One that goes on long after it was refused is cut off. */
        return r->dropped > ((uint64_t)self->conf->upload_mib << 20) ? MHD_NO : MHD_YES;
    }
    if (!r->queued_once)
        return last_call(r);
    return r->answered ? send_now(r) : MHD_YES;
}

/* ---- start and stop ---- */

static bool parse_listen(struct sockaddr_storage *out, const char *text)
{
    char address[LTH_ADDRESS_SIZE + 2];
    const char *colon = strrchr(text, ':');
    size_t n = colon != NULL ? (size_t)(colon - text) : 0;
    bool six = text[0] == '[';
    if (n < 2 || n >= sizeof address)
        return false;
    memcpy(address, text + six, n - (six ? 2 : 0));
    address[n - (six ? 2 : 0)] = '\0';
    in_port_t port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    memset(out, 0, sizeof *out);
    if (six) {
        struct sockaddr_in6 *in = (struct sockaddr_in6 *)(void *)out;
        *in = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
        return inet_pton(AF_INET6, address, &in->sin6_addr) == 1;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;
    *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
    return inet_pton(AF_INET, address, &in->sin_addr) == 1;
}

static void mhd_log(void *ctx, const char *fmt, va_list args) LTH_PRINTF(2, 0);
static void mhd_log(void *ctx, const char *fmt, va_list args)
{
    char text[300];
    lth_intake *self = ctx;
    (void)vsnprintf(text, sizeof text, fmt, args);
    text[strcspn(text, "\n")] = '\0';
    lth_log_text(&self->log, LTH_LEVEL_DEBUG, "http", "text", text);
}

lth_err lth_http_start(lth_intake *self, lth_diag *diag)
{
    struct sockaddr_storage at;
    for (size_t i = 0; i < LTH_POOL_COUNT; i++)
        if (lth_pool_start(&self->pools[i], POOLS[i].threads, POOLS[i].max) != LTH_OK)
            return lth_fail(diag, LTH_E_NOMEM, "threads cannot be started");
    if (!parse_listen(&at, self->conf->listen))
        return lth_fail(diag, LTH_E_CONFIG, "%s: address", self->conf->listen);
    unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
    flags |= at.ss_family == AF_INET6 ? (unsigned)MHD_USE_IPv6 : 0;
    self->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, self, MHD_OPTION_EXTERNAL_LOGGER, mhd_log, self,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        self, MHD_OPTION_NOTIFY_CONNECTION, on_connection, self, MHD_OPTION_CONNECTION_LIMIT,
        self->conf->connections, MHD_OPTION_CONNECTION_TIMEOUT, 120u,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024u, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (self->daemon == NULL)
        return lth_fail(diag, LTH_E_IO,
                        "%s: không mở được cổng này / this address cannot be listened on",
                        self->conf->listen);
    return LTH_OK;
}

void lth_http_stop(lth_intake *self)
{
    atomic_store(&self->stopping, true);
    MHD_socket listener =
        self->daemon != NULL ? MHD_quiesce_daemon(self->daemon) : MHD_INVALID_SOCKET;
    for (size_t i = 0; i < LTH_POOL_COUNT; i++)
        lth_pool_stop(&self->pools[i]);
    if (self->daemon != NULL)
        MHD_stop_daemon(self->daemon);
    if (listener != MHD_INVALID_SOCKET)
        close(listener);
    self->daemon = NULL;
}
