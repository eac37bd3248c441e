/* Failed sign-ins of accounts and addresses, known or not: a wait that grows. Kept under a keyed
 * hash, so that the file tells nobody's address. */
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

#include "agents/intake/state.h"

#define FAILURES_MAX  4096u
#define FREE_TRIES    5u
#define FIRST_WAIT_S  30
#define FILE_MAX      (1024u * 1024u)
#define FORGET_S      (24 * 3600)
#define KEY_BYTES     16u
#define KEY_TEXT_SIZE (2u * KEY_BYTES + 1u)

static const int64_t longest_s[] = {
    [LTH_WHOM_ACCOUNT] = 15 * 60,
    [LTH_WHOM_ADDRESS] = 60 * 60,
};

typedef struct entry {
    char key[KEY_TEXT_SIZE]; /* "": free */
    uint32_t count;
    int64_t last_s, until_s;
} entry;

struct lth_failures {
    pthread_mutex_t lock;
    const lth_clock *clock;
    char path[LTH_PATH_SIZE];
    uint8_t secret[LTH_HASH_SIZE];
    bool changed;
    entry entries[FAILURES_MAX];
};

static void load(lth_failures *self)
{
    lth_buf text;
    lth_buf_init(&text, FILE_MAX);
    json_t *json = lth_file_read(&text, self->path) == LTH_OK
                       ? json_loadb((const char *)text.p, text.n, 0, NULL)
                       : NULL;
    size_t i = 0;
    json_t *from = NULL;
    json_array_foreach(json, i, from)
    {
        const char *key = json_string_value(json_object_get(from, "key"));
        if (i < FAILURES_MAX && key != NULL && strlen(key) == KEY_TEXT_SIZE - 1) {
            entry *e = &self->entries[i];
            memcpy(e->key, key, KEY_TEXT_SIZE);
            e->count = (uint32_t)json_integer_value(json_object_get(from, "count"));
            e->last_s = json_integer_value(json_object_get(from, "last"));
            e->until_s = json_integer_value(json_object_get(from, "until"));
        }
    }
    json_decref(json);
    lth_buf_fini(&text);
}

lth_failures *lth_failures_new(const lth_clock *clock, const char *path,
                               const uint8_t secret[LTH_HASH_SIZE])
{
    lth_failures *self = calloc(1, sizeof *self);
    if (self != NULL) {
        (void)pthread_mutex_init(&self->lock, NULL);
        self->clock = clock;
        memcpy(self->secret, secret, sizeof self->secret);
        (void)lth_format(self->path, sizeof self->path, "%s", path);
        load(self);
    }
    return self;
}

void lth_failures_free(lth_failures **self)
{
    if (*self != NULL) {
        (void)pthread_mutex_destroy(&(*self)->lock);
        free(*self);
        *self = NULL;
    }
}

static void key_of(const lth_failures *self, lth_whom whom, const char *name,
                   char out[KEY_TEXT_SIZE])
{
    char text[200];
    uint8_t digest[LTH_HASH_SIZE];
    lth_hasher hasher;
    size_t n = lth_format(text, sizeof text, "%c%s", whom == LTH_WHOM_ACCOUNT ? 's' : 'a', name);
    LTH_ASSERT(lth_crypto_hasher_new(&hasher, NULL) == LTH_OK);
    hasher.hmac(hasher.ctx, lth_slice_of(self->secret, sizeof self->secret), lth_slice_of(text, n),
                digest);
    lth_crypto_hasher_free(&hasher);
    lth_hex(out, digest, KEY_BYTES);
}

static entry *find(lth_failures *self, const char *key)
{
    for (size_t i = 0; i < FAILURES_MAX; i++)
        if (strcmp(self->entries[i].key, key) == 0)
            return &self->entries[i];
    return NULL;
}

/* A free place, else the one whose failures are fewest and oldest. */
static entry *place_for(lth_failures *self, int64_t now_s)
{
    entry *least = &self->entries[0];
    for (size_t i = 0; i < FAILURES_MAX; i++) {
        entry *e = &self->entries[i];
        if (e->key[0] == '\0' || now_s - e->last_s > FORGET_S)
            return e;
        if (e->count < least->count || (e->count == least->count && e->last_s < least->last_s))
            least = e;
    }
    return least;
}

int64_t lth_failures_wait(lth_failures *self, lth_whom whom, const char *name)
{
    char key[KEY_TEXT_SIZE];
    int64_t now_s = self->clock->wall_s(self->clock->ctx), wait_s = 0;
    key_of(self, whom, name, key);
    (void)pthread_mutex_lock(&self->lock);
    const entry *e = find(self, key);
    if (e != NULL && e->until_s > now_s) /* a clock set back does not lock anybody out for long */
        wait_s = e->until_s - now_s < longest_s[whom] ? e->until_s - now_s : longest_s[whom];
    (void)pthread_mutex_unlock(&self->lock);
    return wait_s;
}

void lth_failures_add(lth_failures *self, lth_whom whom, const char *name)
{
    char key[KEY_TEXT_SIZE];
    int64_t now_s = self->clock->wall_s(self->clock->ctx);
    key_of(self, whom, name, key);
    (void)pthread_mutex_lock(&self->lock);
    entry *e = find(self, key);
    if (e == NULL) {
        e = place_for(self, now_s);
        *e = (entry){.last_s = now_s};
        memcpy(e->key, key, sizeof key);
    }
    if (now_s - e->last_s > FORGET_S)
        e->count = 0;
    e->last_s = now_s;
    if (++e->count >= FREE_TRIES) {
        uint32_t doublings = e->count - FREE_TRIES;
        int64_t wait_s = doublings < 10 ? (int64_t)FIRST_WAIT_S << doublings : longest_s[whom];
        e->until_s = now_s + (wait_s < longest_s[whom] ? wait_s : longest_s[whom]);
    }
    self->changed = true;
    (void)pthread_mutex_unlock(&self->lock);
}

void lth_failures_success(lth_failures *self, lth_whom whom, const char *name)
{
    char key[KEY_TEXT_SIZE];
    key_of(self, whom, name, key);
    (void)pthread_mutex_lock(&self->lock);
    entry *e = find(self, key);
    if (e != NULL) {
        e->count = whom == LTH_WHOM_ADDRESS ? e->count / 2 : 0;
        e->until_s = 0;
        if (e->count == 0)
            *e = (entry){.count = 0};
        self->changed = true;
    }
    (void)pthread_mutex_unlock(&self->lock);
}

lth_err lth_failures_save(lth_failures *self, lth_diag *diag)
{
    json_t *list = json_array();
    (void)pthread_mutex_lock(&self->lock);
    bool changed = self->changed;
    for (size_t i = 0; changed && i < FAILURES_MAX; i++) {
        const entry *e = &self->entries[i];
        if (e->key[0] != '\0')
            json_array_append_new(
                list, json_pack("{s:s,s:I,s:I,s:I}", "key", e->key, "count", (json_int_t)e->count,
                                "last", (json_int_t)e->last_s, "until", (json_int_t)e->until_s));
    }
    self->changed = false;
    (void)pthread_mutex_unlock(&self->lock);
    char *text = changed ? json_dumps(list, JSON_COMPACT) : NULL;
    lth_err err = LTH_OK;
    if (text != NULL)
        err = lth_file_write(self->path, 0600, lth_slice_of(text, strlen(text)), diag);
    free(text);
    json_decref(list);
    return err;
}
