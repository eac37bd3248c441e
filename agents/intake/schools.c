/* The schools that the agent serves: asked for now and then, kept for when it does not answer. */
#include <pthread.h>
#include <stdlib.h>

#include "agents/intake/state.h"
#include "lth/control.h"

#define SCHOOLS_MAX 20000u
#define LIST_MAX    (32u * 1024u * 1024u)
#define PATIENCE_S  20u
#define FILE_NAME   "schools.json"

typedef struct list {
    lth_school *items;
    size_t n, cap;
    bool bad;
} list;

struct lth_schools {
    pthread_rwlock_t lock;
    const char *agent;
    char path[LTH_PATH_SIZE];
    list list;
};

static int by_code(const void *a, const void *b)
{
    return strcmp(((const lth_school *)a)->code, ((const lth_school *)b)->code);
}

static bool copy(char *out, size_t size, const json_t *from, const char *key)
{
    const char *text = json_string_value(json_object_get(from, key));
    if (text == NULL || strlen(text) >= size)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static void add(void *ctx, const json_t *row)
{
    list *to = ctx;
    lth_school school;
    if (to->n == to->cap) {
        size_t cap = to->cap > 0 ? 2 * to->cap : 64;
        lth_school *more = cap <= SCHOOLS_MAX ? realloc(to->items, cap * sizeof *more) : NULL;
        to->bad |= more == NULL;
        to->items = more != NULL ? more : to->items;
        to->cap = more != NULL ? cap : to->cap;
    }
    if (!copy(school.name, sizeof school.name, row, "name"))
        school.name[0] = '\0';
    if (to->n < to->cap && copy(school.code, sizeof school.code, row, "org") &&
        copy(school.inbox, sizeof school.inbox, row, "inbox") && school.inbox[0] == '/')
        to->items[to->n++] = school;
}

static json_t *encode(const list *from)
{
    json_t *out = json_array();
    for (size_t i = 0; i < from->n; i++)
        json_array_append_new(out, json_pack("{s:s,s:s,s:s}", "org", from->items[i].code, "name",
                                             from->items[i].name, "inbox", from->items[i].inbox));
    return out;
}

static void load(lth_schools *self)
{
    lth_buf text;
    lth_buf_init(&text, LIST_MAX);
    json_t *json = lth_file_read(&text, self->path) == LTH_OK
                       ? json_loadb((const char *)text.p, text.n, 0, NULL)
                       : NULL;
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(json, i, row)
    {
        add(&self->list, row);
    }
    json_decref(json);
    lth_buf_fini(&text);
    if (self->list.n > 0)
        qsort(self->list.items, self->list.n, sizeof self->list.items[0], by_code);
}

lth_schools *lth_schools_new(const char *agent, const char *state)
{
    lth_schools *self = calloc(1, sizeof *self);
    if (self != NULL) {
        (void)pthread_rwlock_init(&self->lock, NULL);
        self->agent = agent;
        (void)lth_format(self->path, sizeof self->path, "%s/%s", state, FILE_NAME);
        load(self);
    }
    return self;
}

void lth_schools_free(lth_schools **self)
{
    if (*self != NULL) {
        (void)pthread_rwlock_destroy(&(*self)->lock);
        free((*self)->list.items);
        free(*self);
        *self = NULL;
    }
}

static bool same(const list *a, const list *b)
{
    bool equal = a->n == b->n;
    for (size_t i = 0; equal && i < a->n; i++)
        equal = strcmp(a->items[i].code, b->items[i].code) == 0 &&
                strcmp(a->items[i].name, b->items[i].name) == 0 &&
                strcmp(a->items[i].inbox, b->items[i].inbox) == 0;
    return equal;
}

static lth_err save(const char *path, const list *from, lth_diag *diag)
{
    json_t *json = encode(from);
    char *text = json_dumps(json, JSON_COMPACT);
    lth_err err = text != NULL ? lth_file_write(path, 0600, lth_slice_of(text, strlen(text)), diag)
                               : lth_fail(diag, LTH_E_NOMEM, "out of memory");
    free(text);
    json_decref(json);
    return err;
}

lth_err lth_schools_refresh(lth_schools *self, lth_diag *diag)
{
    list fresh = {NULL, 0, 0, false};
    json_t *end = NULL;
    json_t *request = json_pack("{s:s}", "verb", "hosted_list");
    int status = lth_control_ask_within(self->agent, PATIENCE_S, request, add, &fresh, &end, diag);
    json_decref(request);
    json_decref(end);
    lth_err err = LTH_OK;
    if (status != 0 || fresh.bad) {
        free(fresh.items);
        return status == 3 ? LTH_E_UNREACHABLE
                           : lth_fail(diag, LTH_E_UNREACHABLE, "hosted_list: %d", status);
    }
    if (fresh.n > 0)
        qsort(fresh.items, fresh.n, sizeof fresh.items[0], by_code);
    (void)pthread_rwlock_wrlock(&self->lock);
    bool changed = !same(&fresh, &self->list);
    list old = self->list;
    self->list = fresh;
    (void)pthread_rwlock_unlock(&self->lock);
    free(old.items);
    if (changed) /* only this thread replaces the list */
        err = save(self->path, &fresh, diag);
    return err;
}

bool lth_schools_none(lth_schools *self)
{
    (void)pthread_rwlock_rdlock(&self->lock);
    bool none = self->list.n == 0;
    (void)pthread_rwlock_unlock(&self->lock);
    return none;
}

bool lth_schools_find(lth_schools *self, const char *code, lth_school *out)
{
    lth_school key;
    (void)lth_format(key.code, sizeof key.code, "%s", code);
    (void)pthread_rwlock_rdlock(&self->lock);
    const lth_school *found =
        self->list.n > 0 ? bsearch(&key, self->list.items, self->list.n, sizeof key, by_code)
                         : NULL;
    if (found != NULL)
        *out = *found;
    (void)pthread_rwlock_unlock(&self->lock);
    return found != NULL;
}
