#include "broker/shell/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

lth_err lth_outq_init(lth_outq *q, lth_diag *diag)
{
    q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (q->fd < 0)
        return lth_fail(diag, LTH_E_IO, "eventfd: %s", strerror(errno));
    pthread_mutex_init(&q->lock, NULL);
    q->first = NULL;
    q->last = &q->first;
    atomic_init(&q->parent_bytes, 0);
    return LTH_OK;
}

void lth_outq_fini(lth_outq *q)
{
    for (lth_outgoing *m = lth_outq_take(q); m != NULL;) {
        lth_outgoing *next = m->next;
        lth_outgoing_free(q, m);
        m = next;
    }
    close(q->fd);
    pthread_mutex_destroy(&q->lock);
}

static void put(lth_outq *q, lth_outgoing *message)
{
    if (message->peer == LTH_PEER_PARENT)
        atomic_fetch_add(&q->parent_bytes, message->bytes.n);
    pthread_mutex_lock(&q->lock);
    bool wake = q->first == NULL;
    *q->last = message;
    q->last = &message->next;
    pthread_mutex_unlock(&q->lock);
    uint64_t one = 1;
    if (wake)
        (void)!write(q->fd, &one, sizeof(one));
}

lth_err lth_outq_send(lth_outq *q, lth_peer peer, const lth_frame *frame)
{
    lth_outgoing *message = calloc(1, sizeof(*message));
    if (message == NULL)
        return LTH_E_NOMEM;
    message->peer = peer;
    lth_buf_init(&message->bytes, LTH_FRAME_MAX);
    lth_err err = lth_frame_encode(&message->bytes, frame);
    if (err != LTH_OK) {
        lth_buf_fini(&message->bytes);
        free(message);
        return err;
    }
    put(q, message);
    return LTH_OK;
}

lth_err lth_outq_drop(lth_outq *q, lth_peer peer)
{
    lth_outgoing *message = calloc(1, sizeof(*message));
    if (message == NULL)
        return LTH_E_NOMEM;
    message->peer = peer;
    message->drop = true;
    lth_buf_init(&message->bytes, 0);
    put(q, message);
    return LTH_OK;
}

lth_outgoing *lth_outq_take(lth_outq *q)
{
    pthread_mutex_lock(&q->lock);
    lth_outgoing *list = q->first;
    q->first = NULL;
    q->last = &q->first;
    pthread_mutex_unlock(&q->lock);
    return list;
}

void lth_outgoing_free(lth_outq *q, lth_outgoing *message)
{
    if (message->peer == LTH_PEER_PARENT)
        atomic_fetch_sub(&q->parent_bytes, message->bytes.n);
    lth_buf_fini(&message->bytes);
    free(message);
}
