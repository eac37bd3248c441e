/* The asking side: connect, one request, lines until the end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "lth/control.h"

enum { EXIT_UNREACHABLE = 3, EXIT_REFUSED = 4 };

static int connect_to(const char *path, unsigned seconds, lth_diag *diag)
{
    struct timeval patience = {.tv_sec = (time_t)seconds};
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(addr.sun_path)) {
        (void)lth_fail(diag, LTH_E_UNREACHABLE, "%s: path is longer than a socket may have", path);
        return -1;
    }
    memcpy(addr.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && seconds > 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    }
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
        return fd;
    (void)lth_fail(diag, LTH_E_UNREACHABLE, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool send_line(int fd, const json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    if (text == NULL)
        return false;
    size_t size = strlen(text), sent = 0;
    text[size++] = '\n'; /* the terminator's place: the line is sent without it */
    while (sent < size) {
        ssize_t put = send(fd, text + sent, size - sent, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            break;
        sent += (size_t)put;
    }
    free(text);
    return sent == size;
}

int lth_control_ask(const char *path, const json_t *request,
                    void (*row)(void *ctx, const json_t *row), void *ctx, json_t **end,
                    lth_diag *diag)
{
    return lth_control_ask_within(path, 0, request, row, ctx, end, diag);
}

int lth_control_ask_within(const char *path, unsigned seconds, const json_t *request,
                           void (*row)(void *ctx, const json_t *row), void *ctx, json_t **end,
                           lth_diag *diag)
{
    *end = NULL;
    int fd = connect_to(path, seconds, diag);
    if (fd < 0)
        return EXIT_UNREACHABLE;
    FILE *in = NULL;
    char *line = NULL;
    size_t cap = 0;
    int status = -1;
    if (send_line(fd, request))
        in = fdopen(fd, "r");
    if (in == NULL) {
        close(fd);
        (void)lth_fail(diag, LTH_E_UNREACHABLE, "%s: connection lost", path);
        return EXIT_UNREACHABLE;
    }
    ssize_t n;
    while (status < 0 && (n = getline(&line, &cap, in)) > 0) {
        json_t *message = json_loadb(line, (size_t)n, 0, NULL);
        json_t *part = json_object_get(message, "row");
        if (part != NULL && row != NULL)
            row(ctx, part);
        if (part == NULL) {
            part = json_object_get(message, "end");
            if (part == NULL)
                part = json_object_get(message, "error");
            if (part == NULL) {
                json_decref(message);
                break;
            }
            *end = json_incref(part);
            status = (int)json_integer_value(json_object_get(part, "exit"));
        }
        json_decref(message);
    }
    free(line);
    (void)fclose(in);
    if (status < 0) {
        (void)lth_fail(
            diag, LTH_E_UNREACHABLE,
            "%s: closed without an answer (only the owner of the node and root are served)", path);
        return EXIT_UNREACHABLE;
    }
    return status;
}
