/* The answering side: one listener, a few calls at a time, never blocking. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lth/bytes.h"
#include "lth/control.h"

#define CALLS_MAX   16u
#define OUT_HIGH    (256u * 1024u)       /* above this no further step is taken */
#define OUT_MAX     (8u * 1024u * 1024u) /* one answer's unsent bytes */
#define READ_SIZE   4096u
#define REQUEST_MAX 65536u

struct lth_control_call {
    lth_control_server *server;
    int fd; /* -1: free slot */
    lth_buf in, out;
    size_t sent;
    bool answering, finished, broken, paused;
    void (*step)(void *ctx, lth_control_call *call, void *state);
    void (*fini)(void *state);
    void *state;
};

struct lth_control_server {
    int fd;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    const lth_control_verb *verbs;
    size_t n_verbs;
    void *ctx;
    struct lth_control_call calls[CALLS_MAX];
};

static lth_err bind_socket(int fd, const struct sockaddr_un *addr, lth_diag *diag)
{
    if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0)
        return LTH_OK;
    if (errno != EADDRINUSE)
        return lth_fail(diag, LTH_E_IO, "%s: %s", addr->sun_path, strerror(errno));
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return lth_fail(diag, LTH_E_IO, "socket: %s", strerror(errno));
    bool alive = connect(probe, (const struct sockaddr *)addr, sizeof(*addr)) == 0;
    close(probe);
    if (alive)
        return lth_fail(diag, LTH_E_STORE_BUSY,
                        "%s: another process answers on this control socket", addr->sun_path);
    if (unlink(addr->sun_path) != 0 || bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0)
        return lth_fail(diag, LTH_E_IO, "%s: %s", addr->sun_path, strerror(errno));
    return LTH_OK;
}

lth_err lth_control_open(lth_control_server **out, const char *path, const lth_control_verb *verbs,
                         size_t n_verbs, void *ctx, lth_diag *diag)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(addr.sun_path))
        return lth_fail(diag, LTH_E_CONFIG, "%s: a control socket path has at most %zu bytes", path,
                        sizeof(addr.sun_path) - 1);
    memcpy(addr.sun_path, path, strlen(path) + 1);
    lth_control_server *self = calloc(1, sizeof(*self));
    if (self == NULL)
        return lth_fail(diag, LTH_E_NOMEM, "control socket: out of memory");
    memcpy(self->path, addr.sun_path, sizeof(self->path));
    self->verbs = verbs;
    self->n_verbs = n_verbs;
    self->ctx = ctx;
    for (size_t i = 0; i < CALLS_MAX; i++)
        self->calls[i].fd = -1;
    lth_err err = LTH_OK;
    self->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->fd < 0) {
        err = lth_fail(diag, LTH_E_IO, "socket: %s", strerror(errno));
        goto done;
    }
    mode_t old = umask(0177);
    err = bind_socket(self->fd, &addr, diag);
    umask(old);
    if (err == LTH_OK && listen(self->fd, 8) != 0)
        err = lth_fail(diag, LTH_E_IO, "%s: listen: %s", path, strerror(errno));
done:
    if (err != LTH_OK) {
        if (self->fd >= 0)
            close(self->fd);
        free(self);
        return err;
    }
    *out = self;
    return LTH_OK;
}

static void call_close(lth_control_call *call)
{
    if (call->fini != NULL)
        call->fini(call->state);
    close(call->fd);
    lth_buf_fini(&call->in);
    lth_buf_fini(&call->out);
    memset(call, 0, sizeof(*call));
    call->fd = -1;
}

void lth_control_close(lth_control_server **self)
{
    if (*self == NULL)
        return;
    for (size_t i = 0; i < CALLS_MAX; i++)
        if ((*self)->calls[i].fd >= 0)
            call_close(&(*self)->calls[i]);
    unlink((*self)->path);
    close((*self)->fd);
    free(*self);
    *self = NULL;
}

size_t lth_control_poll(const lth_control_server *self, struct pollfd *fds, size_t max)
{
    size_t n = 0;
    if (n < max)
        fds[n++] = (struct pollfd){.fd = self->fd, .events = POLLIN};
    for (size_t i = 0; i < CALLS_MAX && n < max; i++) {
        const lth_control_call *call = &self->calls[i];
        if (call->fd < 0)
            continue;
        short events = POLLIN;
        if (call->out.n > call->sent || (call->step != NULL && !call->paused))
            events |= POLLOUT;
        fds[n++] = (struct pollfd){.fd = call->fd, .events = events};
    }
    return n;
}

static void add_line(lth_control_call *call, const char *key, json_t *value)
{
    json_t *line = json_pack("{s:o}", key, value);
    char *text = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;
    if (text == NULL || lth_buf_add(&call->out, text, strlen(text)) != LTH_OK ||
        lth_buf_add(&call->out, "\n", 1) != LTH_OK)
        call->broken = true;
    free(text);
    json_decref(line);
}

void lth_control_row(lth_control_call *call, json_t *row)
{
    add_line(call, "row", row);
}

static void finish(lth_control_call *call)
{
    call->finished = true;
    call->step = NULL;
}

void lth_control_end(lth_control_call *call, int exit_status, json_t *summary)
{
    json_t *end = summary != NULL ? summary : json_object();
    json_object_set_new(end, "exit", json_integer(exit_status));
    add_line(call, "end", end);
    finish(call);
}

void lth_control_error(lth_control_call *call, int exit_status, const char *code, const char *vi,
                       const char *en)
{
    add_line(call, "error",
             json_pack("{s:i,s:s,s:s,s:s}", "exit", exit_status, "code", code, "vi", vi, "en", en));
    finish(call);
}

void lth_control_continue(lth_control_call *call,
                          void (*step)(void *ctx, lth_control_call *call, void *state), void *state,
                          void (*fini)(void *state))
{
    call->step = step;
    call->state = state;
    call->fini = fini;
}

void lth_control_pause(lth_control_call *call, bool paused)
{
    call->paused = paused;
}

void *lth_control_state(lth_control_call *call)
{
    return call->state;
}

static void answer(lth_control_call *call, size_t line_size)
{
    call->answering = true;
    lth_control_server *server = call->server;
    json_error_t error;
    json_t *request =
        json_loadb((const char *)call->in.p, line_size, JSON_REJECT_DUPLICATES, &error);
    const char *verb = request != NULL ? json_string_value(json_object_get(request, "verb")) : NULL;
    if (verb == NULL) {
        lth_control_error(call, 2, "bad_request", "yêu cầu không đọc được",
                          "request is not readable");
        json_decref(request);
        return;
    }
    for (size_t i = 0; i < server->n_verbs; i++)
        if (strcmp(server->verbs[i].name, verb) == 0) {
            server->verbs[i].start(server->ctx, call, request);
            json_decref(request);
            return;
        }
    lth_control_error(call, 2, "unknown_verb", "chương trình này không có lệnh đó",
                      "this program does not answer that verb");
    json_decref(request);
}

static void call_read(lth_control_call *call)
{
    uint8_t chunk[READ_SIZE];
    for (;;) {
        ssize_t got = recv(call->fd, chunk, sizeof(chunk), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            call->broken = true;
            return;
        }
        if (call->answering)
            continue; /* one request a connection: what follows is ignored */
        if (lth_buf_add(&call->in, chunk, (size_t)got) != LTH_OK) {
            lth_control_error(call, 2, "too_large", "yêu cầu quá dài", "request is too long");
            call->answering = true;
            return;
        }
        const uint8_t *eol = memchr(call->in.p, '\n', call->in.n);
        if (eol != NULL)
            answer(call, (size_t)(eol - call->in.p));
    }
}

/* At most one step: a reader as fast as we are must not keep the thread from its other work. */
static void call_write(lth_control_call *call)
{
    if (!call->broken && call->step != NULL && !call->paused && call->out.n - call->sent < OUT_HIGH)
        call->step(call->server->ctx, call, call->state);
    while (!call->broken && call->sent < call->out.n) {
        ssize_t put =
            send(call->fd, call->out.p + call->sent, call->out.n - call->sent, MSG_NOSIGNAL);
        if (put < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (put < 0) {
            call->broken = true;
            return;
        }
        call->sent += (size_t)put;
    }
    if (call->sent == call->out.n) {
        lth_buf_clear(&call->out);
        call->sent = 0;
    }
}

static void call_accept(lth_control_server *self)
{
    int fd = accept4(self->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);
    bool ours = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
                (peer.uid == geteuid() || peer.uid == 0);
    for (size_t i = 0; ours && i < CALLS_MAX; i++) {
        lth_control_call *call = &self->calls[i];
        if (call->fd >= 0)
            continue;
        call->fd = fd;
        call->server = self;
        lth_buf_init(&call->in, REQUEST_MAX);
        lth_buf_init(&call->out, OUT_MAX);
        return;
    }
    close(fd); /* not the owner, or too many at once: the client sees a closed connection */
}

static lth_control_call *find_call(lth_control_server *self, int fd)
{
    for (size_t i = 0; i < CALLS_MAX; i++)
        if (self->calls[i].fd == fd)
            return &self->calls[i];
    return NULL;
}

void lth_control_handle(lth_control_server *self, const struct pollfd *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (fds[i].revents == 0)
            continue;
        if (fds[i].fd == self->fd) {
            call_accept(self);
            continue;
        }
        lth_control_call *call = find_call(self, fds[i].fd);
        if (call == NULL)
            continue;
        if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
            call_read(call);
        call_write(call);
        bool drained = call->finished && call->out.n == call->sent;
        if (call->broken || drained)
            call_close(call);
    }
}
