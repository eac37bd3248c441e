/* Who is signed in: hashes of the cookies' random text, in memory. */
#include <pthread.h>
#include <stdlib.h>

#include "agents/intake/state.h"

#define SESSIONS_MAX 4096u

typedef struct entry {
    char hash[LTH_KEY_TEXT];
    lth_session session;
    int64_t began_ms, seen_ms;
    bool used;
} entry;

struct lth_sessions {
    pthread_mutex_t lock;
    const lth_clock *clock;
    int64_t idle_ms, longest_ms;
    entry entries[SESSIONS_MAX];
};

lth_sessions *lth_sessions_new(const lth_clock *clock, uint32_t idle_ms, uint32_t longest_ms)
{
    lth_sessions *self = calloc(1, sizeof *self);
    if (self != NULL) {
        (void)pthread_mutex_init(&self->lock, NULL);
        self->clock = clock;
        self->idle_ms = idle_ms;
        self->longest_ms = longest_ms;
    }
    return self;
}

void lth_sessions_free(lth_sessions **self)
{
    if (*self != NULL) {
        (void)pthread_mutex_destroy(&(*self)->lock);
        lth_crypto_cleanse((*self)->entries, sizeof(*self)->entries);
        free(*self);
        *self = NULL;
    }
}

static bool is_over(const lth_sessions *self, const entry *e, int64_t now_ms)
{
    return now_ms - e->seen_ms > self->idle_ms || now_ms - e->began_ms > self->longest_ms;
}

void lth_session_begin(lth_sessions *self, const char *cookie, const lth_session *session)
{
    int64_t now_ms = self->clock->mono_ms(self->clock->ctx);
    (void)pthread_mutex_lock(&self->lock);
    entry *place = &self->entries[0]; /* a free one, else the one unseen for longest */
    for (size_t i = 0; i < SESSIONS_MAX && place->used; i++) {
        entry *e = &self->entries[i];
        if (!e->used || is_over(self, e, now_ms) || e->seen_ms < place->seen_ms)
            place = e;
        if (!e->used || is_over(self, e, now_ms))
            break;
    }
    *place = (entry){.session = *session, .began_ms = now_ms, .seen_ms = now_ms, .used = true};
    lth_sha256_text(place->hash, cookie, strlen(cookie));
    (void)pthread_mutex_unlock(&self->lock);
}

static entry *find(lth_sessions *self, const char *cookie)
{
    char hash[LTH_KEY_TEXT];
    int64_t now_ms = self->clock->mono_ms(self->clock->ctx);
    lth_sha256_text(hash, cookie, strlen(cookie));
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        entry *e = &self->entries[i];
        if (!e->used || memcmp(e->hash, hash, sizeof hash) != 0)
            continue;
        if (!is_over(self, e, now_ms))
            return e;
        *e = (entry){.used = false};
        return NULL;
    }
    return NULL;
}

bool lth_session_find(lth_sessions *self, const char *cookie, lth_session *out)
{
    (void)pthread_mutex_lock(&self->lock);
    entry *e = find(self, cookie);
    if (e != NULL) {
        e->seen_ms = self->clock->mono_ms(self->clock->ctx);
        *out = e->session;
    }
    (void)pthread_mutex_unlock(&self->lock);
    return e != NULL;
}

void lth_session_end(lth_sessions *self, const char *cookie)
{
    (void)pthread_mutex_lock(&self->lock);
    entry *e = find(self, cookie);
    if (e != NULL)
        *e = (entry){.used = false};
    (void)pthread_mutex_unlock(&self->lock);
}
