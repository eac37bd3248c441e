/* What people called their files: for show only, so a lost line costs a name and nothing else. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "agents/intake/state.h"

#define KEPT      400u
#define FILE_MAX  (256u * 1024u)
#define LINE_SIZE (81u + LTH_NAME_MAX + 2u)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void path_of(char out[LTH_PATH_SIZE], const lth_names *self, const char *code)
{
    (void)lth_format(out, LTH_PATH_SIZE, "%s/names/%s", self->state, code);
}

/* The last KEPT lines alone, once there are twice as many. */
static void shorten(const char *path)
{
    lth_buf text;
    lth_buf_init(&text, FILE_MAX);
    bool read = lth_file_read(&text, path) == LTH_OK;
    size_t lines = 0;
    for (size_t i = 0; read && i < text.n; i++)
        lines += text.p[i] == '\n';
    size_t start = 0;
    for (size_t drop = lines > 2 * KEPT ? lines - KEPT : 0; drop > 0; start++)
        drop -= text.p[start] == '\n';
    if (start > 0)
        (void)!lth_file_write(path, 0600, lth_slice_of(text.p + start, text.n - start), NULL);
    lth_buf_fini(&text);
}

void lth_names_add(const lth_names *self, const char *code, const char *id, const char *name)
{
    char path[LTH_PATH_SIZE], line[LINE_SIZE + 1];
    path_of(path, self, code);
    size_t n = lth_format(line, sizeof line, "%s\t%s\n", id, name);
    (void)pthread_mutex_lock(&lock);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        off_t size = lseek(fd, 0, SEEK_END);
        (void)!write(fd, line, n);
        close(fd);
        if (size > (off_t)(2 * KEPT * 30))
            shorten(path);
    }
    (void)pthread_mutex_unlock(&lock);
}

/* Calls @p each with every line, newest first, until it says no. */
static void lines(const lth_names *self, const char *code,
                  bool (*each)(void *ctx, char *id, char *name), void *ctx)
{
    char path[LTH_PATH_SIZE];
    lth_buf text;
    lth_buf_init(&text, FILE_MAX);
    path_of(path, self, code);
    (void)pthread_mutex_lock(&lock);
    bool read = lth_file_read(&text, path) == LTH_OK;
    (void)pthread_mutex_unlock(&lock);
    bool more = read && text.n > 0 && text.p[text.n - 1] == '\n';
    while (more && text.n > 0) {
        text.p[--text.n] = '\0'; /* the new line */
        size_t start = text.n;
        while (start > 0 && text.p[start - 1] != '\n')
            start--;
        char *id = (char *)text.p + start;
        char *tab = strchr(id, '\t');
        if (tab != NULL) {
            *tab = '\0';
            more = each(ctx, id, tab + 1);
        }
        text.n = start;
    }
    lth_buf_fini(&text);
}

typedef struct wanted {
    const char *id;
    char *name;
} wanted;

static bool is_wanted(void *ctx, char *id, char *name)
{
    wanted *w = ctx;
    if (strcmp(id, w->id) != 0)
        return true;
    (void)lth_format(w->name, LTH_NAME_MAX + 1, "%s", name);
    return false;
}

void lth_names_find(const lth_names *self, const char *code, const char *id,
                    char out[LTH_NAME_MAX + 1])
{
    wanted w = {id, out};
    out[0] = '\0';
    lines(self, code, is_wanted, &w);
}

typedef struct newest {
    char (*ids)[81];
    size_t n, max;
} newest;

static bool take(void *ctx, char *id, char *name)
{
    newest *to = ctx;
    (void)name;
    if (to->n < to->max && lth_upload_id_ok(id))
        (void)lth_format(to->ids[to->n++], 81, "%s", id);
    return to->n < to->max;
}

size_t lth_names_newest(const lth_names *self, const char *code, char (*ids)[81], size_t max)
{
    newest to = {ids, 0, max};
    lines(self, code, take, &to);
    return to.n;
}
