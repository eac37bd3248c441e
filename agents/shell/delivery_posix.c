#include "agents/shell/delivery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/shell/dir.h"

#include "lth/conf.h"

#define KEPT       ".kept"
#define RUN        ".run"
#define STATE      ".state"
#define NAME_SIZE  (LTH_VIEW_NAME_MAX + 16u)
#define KEPT_MOST  4096u
#define DEPTH_MOST 16u

static lth_err say(lth_diag *diag, const char *path, const char *name)
{
    return lth_fail(diag, LTH_E_IO, "%s/%s: %s", path, name, strerrordesc_np(errno));
}

/* ---- the directory of a reading ---- */

/* All in it, and then itself. It has no directories, unless the process that wrote it made some. */
static void remove_tree(int dir, const char *name, uint32_t depth)
{
    int fd = openat(dir, name, LTH_DIR_FLAGS);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (list == NULL) {
        lth_dir_close(fd);
        return;
    }
    for (const struct dirent *e; (e = readdir(list)) != NULL;) {
        bool dots = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
        if (!dots && unlinkat(fd, e->d_name, 0) != 0 && errno == EISDIR && depth < DEPTH_MOST)
            remove_tree(fd, e->d_name, depth + 1);
    }
    (void)closedir(list);
    (void)unlinkat(dir, name, AT_REMOVEDIR);
}

static void remove_run(int dir, const char *name)
{
    remove_tree(dir, name, 0);
}

static void remove_all(int dir)
{
    int fd = openat(dir, ".", LTH_DIR_FLAGS);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (list == NULL) {
        lth_dir_close(fd);
        return;
    }
    for (const struct dirent *e; (e = readdir(list)) != NULL;) {
        size_t n = strlen(e->d_name);
        if (n > sizeof RUN - 1 && strcmp(e->d_name + n - (sizeof RUN - 1), RUN) == 0)
            remove_run(dir, e->d_name);
    }
    (void)closedir(list);
}

void lth_delivery_clear(const char *dir, const char *view)
{
    char name[NAME_SIZE];
    int fd = open(dir, LTH_DIR_FLAGS);
    if (fd < 0)
        return;
    (void)snprintf(name, sizeof name, "%s" RUN, view != NULL ? view : "");
    if (view != NULL)
        remove_run(fd, name);
    else
        remove_all(fd);
    lth_dir_close(fd);
}

lth_err lth_delivery_begin(const char *dir, const char *view, char *out, size_t size,
                           lth_diag *diag)
{
    char name[NAME_SIZE];
    lth_err err = LTH_OK;
    (void)snprintf(name, sizeof name, "%s" RUN, view);
    if (lth_format(out, size, "%s/%s", dir, name) + 1 >= size)
        return lth_fail(diag, LTH_E_IO, "%s: đường dẫn quá dài / path too long", dir);
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return say(diag, dir, "");
    int fd = open(dir, LTH_DIR_FLAGS);
    if (fd >= 0)
        remove_run(fd, name);
    if (fd < 0 || mkdirat(fd, name, 0700) != 0)
        err = say(diag, dir, name);
    lth_dir_close(fd);
    return err;
}

/* ---- files ---- */

lth_err lth_delivery_take(const char *run, uint32_t number, uint64_t most, lth_inbox_taken *out,
                          lth_diag *diag)
{
    struct stat st;
    char name[NAME_SIZE];
    lth_err err = LTH_OK;
    (void)snprintf(name, sizeof name, "%u", number);
    int dir = open(run, LTH_DIR_FLAGS);
    int fd = dir >= 0 ? openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &st) != 0)
        err = say(diag, run, name);
    else if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || (uint64_t)st.st_size > most)
        err = lth_fail(diag, LTH_E_NOT_FOUND, "%s/%s", run, name);
    else
        *out = (lth_inbox_taken){.fd = fd, .bytes = (uint64_t)st.st_size};
    if (err)
        lth_dir_close(fd);
    lth_dir_close(dir);
    return err;
}

static bool is_there(const char *dir, const char *below, const char *name)
{
    int fd = open(dir, LTH_DIR_FLAGS), in = fd >= 0 ? openat(fd, below, LTH_DIR_FLAGS) : -1;
    bool there = in >= 0 && faccessat(in, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    lth_dir_close(in);
    lth_dir_close(fd);
    return there;
}

bool lth_delivery_lies(const char *inbox, const char *name)
{
    return is_there(inbox, ".", name);
}

bool lth_delivery_was(const char *inbox, const char *name)
{
    return is_there(inbox, KEPT, name);
}

lth_err lth_delivery_put(const char *run, uint32_t number, const char *inbox, const char *name,
                         lth_diag *diag)
{
    char made[NAME_SIZE];
    (void)snprintf(made, sizeof made, "%u", number);
    int from = open(run, LTH_DIR_FLAGS), to = open(inbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = from >= 0 ? openat(from, made, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
    bool ok = fd >= 0 && to >= 0 && fsync(fd) == 0 && renameat(from, made, to, name) == 0 &&
              fsync(to) == 0;
    lth_err err = ok ? LTH_OK : say(diag, inbox, name);
    lth_dir_close(fd);
    lth_dir_close(to);
    lth_dir_close(from);
    return err;
}

/* ---- what is kept ---- */

static int descending(const void *a, const void *b)
{
    return strcmp(*(char *const *)b, *(char *const *)a);
}

static uint32_t list_mine(DIR *list, const lth_delivery_rule *rule, char **names)
{
    uint32_t n = 0;
    for (const struct dirent *e; n < KEPT_MOST && (e = readdir(list)) != NULL;) {
        if (rule->mine(rule->ctx, e->d_name) && (names[n] = strdup(e->d_name)) != NULL)
            n++;
    }
    return n;
}

void lth_delivery_prune(const char *inbox, const lth_delivery_rule *rule)
{
    int dir = open(inbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int kept = dir >= 0 ? openat(dir, KEPT, LTH_DIR_FLAGS) : -1;
    DIR *list = kept >= 0 ? fdopendir(kept) : NULL;
    char **names = list != NULL ? calloc(KEPT_MOST, sizeof *names) : NULL;
    uint32_t n = names != NULL ? list_mine(list, rule, names) : 0;
    if (n > 1)
        qsort(names, n, sizeof *names, descending);
    for (uint32_t i = 0; i < n; i++) {
        if (i >= rule->newest && !rule->spared(rule->ctx, names[i]))
            (void)unlinkat(kept, names[i], 0);
        free(names[i]);
    }
    free(names);
    if (list != NULL)
        (void)closedir(list);
    else
        lth_dir_close(kept);
    lth_dir_close(dir);
}

/* ---- the note ---- */

lth_err lth_delivery_note(const char *dir, const char *view, lth_slice text, lth_diag *diag)
{
    char tmp[NAME_SIZE], to[NAME_SIZE];
    (void)snprintf(tmp, sizeof tmp, "%s" STATE ".tmp", view);
    (void)snprintf(to, sizeof to, "%s" STATE, view);
    int in = open(dir, LTH_DIR_FLAGS);
    bool ok = in >= 0 && lth_dir_replace(in, tmp, to, 0600, text);
    lth_err err = ok ? LTH_OK : say(diag, dir, to);
    lth_dir_close(in);
    return err;
}

lth_err lth_delivery_noted(const char *dir, const char *view, lth_buf *out)
{
    struct stat st;
    char name[NAME_SIZE];
    lth_err err = LTH_OK;
    (void)snprintf(name, sizeof name, "%s" STATE, view);
    int in = open(dir, LTH_DIR_FLAGS);
    int fd = in >= 0 ? openat(in, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    if (fd < 0)
        err = errno == ENOENT ? LTH_E_NOT_FOUND : LTH_E_IO;
    else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        err = LTH_E_IO;
    else if ((uint64_t)st.st_size >= out->max)
        err = LTH_E_LIMIT;
    if (!err) {
        size_t n = (size_t)st.st_size;
        uint8_t *p = lth_buf_more(out, n + 1);
        if (p == NULL)
            err = LTH_E_NOMEM;
        else if (read(fd, p, n) != (ssize_t)n)
            err = LTH_E_IO;
        else
            p[n] = '\0';
    }
    lth_dir_close(fd);
    lth_dir_close(in);
    return err;
}
