#include "agents/intake/web.h"

static lth_request *take(lth_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    while (pool->first == NULL && !pool->stop)
        (void)pthread_cond_wait(&pool->wake, &pool->lock);
    lth_request *r = pool->first;
    if (r != NULL) {
        pool->first = r->queued;
        pool->last = pool->first != NULL ? pool->last : NULL;
        pool->n--;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return r;
}

static void *work(void *arg)
{
    for (lth_request *r = NULL; (r = take(arg)) != NULL;) {
        r->route->answer(r);
        r->answered = true;
        MHD_resume_connection(r->connection); /* from here on the event thread owns it again */
    }
    return NULL;
}

lth_err lth_pool_start(lth_pool *pool, size_t threads, size_t max)
{
    LTH_ASSERT(threads <= sizeof pool->threads / sizeof pool->threads[0]);
    *pool = (lth_pool){.max = max};
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->wake, NULL);
    for (; pool->n_threads < threads; pool->n_threads++)
        if (pthread_create(&pool->threads[pool->n_threads], NULL, work, pool) != 0)
            return LTH_E_NOMEM;
    return LTH_OK;
}

bool lth_pool_add(lth_pool *pool, lth_request *r)
{
    (void)pthread_mutex_lock(&pool->lock);
    bool room = pool->n < pool->max && !pool->stop;
    if (room) {
        r->queued = NULL;
        if (pool->last != NULL)
            pool->last->queued = r;
        else
            pool->first = r;
        pool->last = r;
        pool->n++;
        (void)pthread_cond_signal(&pool->wake);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return room;
}

void lth_pool_stop(lth_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    (void)pthread_cond_broadcast(&pool->wake);
    (void)pthread_mutex_unlock(&pool->lock);
    for (; pool->n_threads > 0; pool->n_threads--)
        (void)pthread_join(pool->threads[pool->n_threads - 1], NULL);
}
