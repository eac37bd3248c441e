/* .kept/.order on a disk: always written whole, synced, renamed. */

#include "agents/shell/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/shell/dir.h"

#define KEPT  ".kept"
#define ORDER ".order"
#define MADE  ".order.tmp"

static lth_err say(lth_diag *diag, const char *inbox)
{
    return lth_fail(diag, LTH_E_IO, "%s/%s/%s: %s", inbox, KEPT, ORDER, strerrordesc_np(errno));
}

static int open_kept(const char *inbox, bool make)
{
    int dir = open(inbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int kept = dir >= 0 ? lth_dir_ours(dir, KEPT, make) : -1;
    int why = errno;
    lth_dir_close(dir);
    errno = why;
    return kept;
}

/* *n: at most @p size. */
static bool read_all(int fd, uint8_t *text, size_t size, size_t *n)
{
    *n = 0;
    while (*n < size) {
        ssize_t got = read(fd, text + *n, size - *n);
        if (got == 0)
            return true;
        if (got < 0 && errno != EINTR)
            return false;
        *n += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static lth_err read_from(lth_kept_list *out, int kept, const char *inbox, lth_diag *diag)
{
    struct stat st;
    size_t n;
    uint8_t *text = NULL;
    lth_err err = LTH_OK;
    *out = (lth_kept_list){0};
    int fd = openat(kept, ORDER, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? LTH_OK : say(diag, inbox);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        errno = EINVAL;
        err = say(diag, inbox);
    } else if ((text = malloc(LTH_KEPT_TEXT_MAX)) == NULL) {
        err = lth_fail(diag, LTH_E_NOMEM, "%s", lth_err_text(LTH_E_NOMEM));
    } else {
        err = read_all(fd, text, LTH_KEPT_TEXT_MAX, &n) ? lth_kept_parse(out, lth_slice_of(text, n))
                                                        : say(diag, inbox);
    }
    free(text);
    lth_dir_close(fd);
    return err;
}

lth_err lth_kept_read(lth_kept_list *out, const char *inbox, lth_diag *diag)
{
    *out = (lth_kept_list){0};
    int kept = open_kept(inbox, false);
    if (kept < 0)
        return errno == ENOENT ? LTH_OK : say(diag, inbox);
    lth_err err = read_from(out, kept, inbox, diag);
    lth_dir_close(kept);
    return err;
}

void lth_kept_there(lth_kept_list *list, const char *inbox)
{
    struct stat st;
    uint32_t n = 0;
    int kept = list->n > 0 ? open_kept(inbox, false) : -1;
    for (uint32_t i = 0; kept >= 0 && i < list->n; i++) {
        if (fstatat(kept, list->files[i].id, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            list->files[n++] = list->files[i];
    }
    lth_dir_close(kept);
    list->n = n;
    if (n == 0)
        lth_kept_fini(list);
}

static lth_err write_to(const lth_kept_list *list, int kept, const char *inbox, lth_diag *diag)
{
    lth_buf text;
    lth_buf_init(&text, LTH_KEPT_TEXT_MAX);
    lth_err err = lth_kept_write(&text, list);
    if (err)
        err = lth_fail(diag, err, "%s", lth_err_text(err));
    else if (!lth_dir_replace(kept, MADE, ORDER, 0640, lth_buf_slice(&text)))
        err = say(diag, inbox);
    lth_buf_fini(&text);
    return err;
}

lth_err lth_kept_note(const char *inbox, const lth_kept *file, bool only_known, lth_diag *diag)
{
    lth_kept_list list = {0};
    bool changed = false;
    int kept = open_kept(inbox, true);
    if (kept < 0)
        return say(diag, inbox);
    lth_err err = read_from(&list, kept, inbox, diag);
    if (!err)
        err = lth_kept_add(&list, file, only_known, &changed);
    if (!err && changed)
        err = write_to(&list, kept, inbox, diag);
    lth_kept_fini(&list);
    lth_dir_close(kept);
    return err;
}
