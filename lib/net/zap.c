#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/net/internal.h"

/* The authentication protocol of ZeroMQ (RFC 27): seven parts in, six out. */
enum { VERSION, REQUEST_ID, DOMAIN, ADDRESS, ROUTING_ID, MECHANISM, CREDENTIALS, PARTS };
#define PART_MAX     255
#define CURVE_KEY    32
#define USER_ID_SIZE (2 * sizeof(lth_id) + 1)

typedef struct request {
    struct {
        uint8_t p[PART_MAX];
        size_t n;
    } parts[PARTS];
    bool malformed; /* Too many or too few parts, or one too long. */
} request;

/* CLOSING: the peer is cut without an answer and tries again by itself; after 400 or 500 it does
 * not. */
typedef enum verdict { ALLOWED, CLOSING, DENIED, FAILED } verdict;
static const struct {
    const char *code, *text;
} VERDICTS[] = {[ALLOWED] = {"200", "OK"},
                [CLOSING] = {"300", "server is closing"},
                [DENIED] = {"400", "not allowed"},
                [FAILED] = {"500", "handler"}};

/* 0 and the request; -1 when there is none to read. */
static int request_read(void *socket, request *in)
{
    memset(in, 0, sizeof *in);
    int more = 1;
    for (size_t i = 0; more != 0; i++) {
        uint8_t rest[1];
        bool known = i < PARTS;
        int n = zmq_recv(socket, known ? in->parts[i].p : rest, known ? PART_MAX : sizeof rest,
                         ZMQ_DONTWAIT);
        if (n < 0) {
            return -1;
        }
        size_t size = sizeof more;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) != 0) {
            return -1;
        }
        if (known) {
            in->parts[i].n = n <= PART_MAX ? (size_t)n : PART_MAX;
        }
        in->malformed |= !known || n > PART_MAX || (more == 0 && i + 1 < PARTS);
    }
    return 0;
}

static bool part_is(const request *in, int part, const char *text)
{
    return in->parts[part].n == strlen(text) && memcmp(in->parts[part].p, text, strlen(text)) == 0;
}

static lth_net__door *door_find(lth_net *net, const request *in)
{
    lth_net__door *door = net->doors;
    while (door != NULL && !part_is(in, DOMAIN, door->domain)) {
        door = door->next;
    }
    return door;
}

static verdict judge(lth_net *net, const request *in, char user[USER_ID_SIZE])
{
    if (in->malformed) {
        return FAILED;
    }
    pthread_mutex_lock(&net->mutex);
    verdict found = CLOSING;
    lth_id org = {{0}};
    lth_net__door *door = door_find(net, in);
    if (door != NULL) {
        const uint8_t *key = in->parts[CREDENTIALS].p;
        bool curve = part_is(in, VERSION, "1.0") && part_is(in, MECHANISM, "CURVE") &&
                     in->parts[CREDENTIALS].n == CURVE_KEY;
        found = curve && door->allow(door->allow_ctx, key, &org) ? ALLOWED : DENIED;
        if (memcmp(key, door->probe_key, CURVE_KEY) != 0) {
            atomic_fetch_add(found == ALLOWED ? &door->accepted : &door->refused, 1);
        }
    }
    pthread_mutex_unlock(&net->mutex);
    if (found == ALLOWED) {
        lth_hex(user, org.b, sizeof org.b);
    }
    return found;
}

static void answer(lth_net *net, void *socket)
{
    request in;
    if (request_read(socket, &in) != 0) {
        return;
    }
    char user[USER_ID_SIZE] = "";
    verdict said = judge(net, &in, user);
    const lth_slice reply[] = {
        lth_slice_of("1.0", 3),
        lth_slice_of(in.parts[REQUEST_ID].p, in.parts[REQUEST_ID].n),
        lth_slice_of(VERDICTS[said].code, strlen(VERDICTS[said].code)),
        lth_slice_of(VERDICTS[said].text, strlen(VERDICTS[said].text)),
        lth_slice_of(user, strlen(user)),
        lth_slice_of("", 0),
    };
    size_t n = sizeof reply / sizeof reply[0];
    for (size_t i = 0; i < n; i++) {
        if (zmq_send(socket, reply[i].p, reply[i].n, i + 1 < n ? ZMQ_SNDMORE : 0) < 0) {
            return;
        }
    }
}

/* Ends on the stop signal only. Should it ever end otherwise, libzmq refuses everybody, because
 * every server enforces its domain. */
static void *zap_run(void *ctx)
{
    lth_net *net = ctx;
    zmq_pollitem_t items[] = {{.socket = net->zap_socket, .events = ZMQ_POLLIN},
                              {.fd = net->zap_stop, .events = ZMQ_POLLIN}};
    for (;;) {
        if (zmq_poll(items, 2, -1) < 0 && zmq_errno() != EINTR) {
            break;
        }
        if (items[1].revents != 0) {
            break;
        }
        if (items[0].revents != 0) {
            answer(net, net->zap_socket);
        }
    }
    zmq_close(net->zap_socket);
    return NULL;
}

static lth_err start(lth_net *net, lth_diag *diag)
{
    static const int linger = 0;
    net->zap_stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    net->zap_socket = net->zap_stop < 0 ? NULL : zmq_socket(net->zmq, ZMQ_REP);
    if (net->zap_socket == NULL ||
        zmq_setsockopt(net->zap_socket, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_bind(net->zap_socket, "inproc://zeromq.zap.01") != 0) {
        return lth_net__fail(diag, "ZAP handler");
    }
    if (pthread_create(&net->zap_thread, NULL, zap_run, net) != 0) {
        return lth_fail(diag, LTH_E_NET, "ZAP handler: no thread");
    }
    net->zap_running = true;
    return LTH_OK;
}

lth_err lth_net__zap_start(lth_net *net, lth_diag *diag)
{
    pthread_mutex_lock(&net->mutex);
    lth_err err = net->zap_running ? LTH_OK : start(net, diag);
    if (err != LTH_OK && net->zap_socket != NULL) {
        zmq_close(net->zap_socket);
        net->zap_socket = NULL;
    }
    if (err != LTH_OK && net->zap_stop >= 0) {
        close(net->zap_stop);
        net->zap_stop = -1;
    }
    pthread_mutex_unlock(&net->mutex);
    return err;
}

void lth_net__zap_stop(lth_net *net)
{
    if (net->zap_running) {
        LTH_ASSERT(eventfd_write(net->zap_stop, 1) == 0);
        pthread_join(net->zap_thread, NULL);
        close(net->zap_stop);
        net->zap_running = false;
    }
}

void lth_net__door_add(lth_net *net, lth_net__door *door)
{
    pthread_mutex_lock(&net->mutex);
    door->next = net->doors;
    net->doors = door;
    pthread_mutex_unlock(&net->mutex);
}

void lth_net__door_remove(lth_net *net, lth_net__door *door)
{
    pthread_mutex_lock(&net->mutex);
    for (lth_net__door **at = &net->doors; *at != NULL; at = &(*at)->next) {
        if (*at == door) {
            *at = door->next;
            break;
        }
    }
    pthread_mutex_unlock(&net->mutex);
}
