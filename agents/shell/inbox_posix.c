#include "agents/shell/inbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agents/shell/dir.h"

#define KEPT           ".kept"
#define ANSWER         ".answer"
#define DIR_FLAGS      (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define FILE_FLAGS     (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define YOUNG_NS       UINT64_C(2000000000)  /* a change may hide behind one that is younger */
#define SETTLED_NS     UINT64_C(10000000000) /* where no lease can be had: untouched for so long */
#define TRIES          1000u
#define CLOCK_SLACK_MS UINT64_C(60000)
#define OURS           "%Y%m%dT%H%M%S." /* then nanoseconds, "Z-" and a number */

static uint64_t ns_of(struct timespec t)
{
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return ns_of(t);
}

static lth_err say(lth_diag *diag, const char *path, const char *name)
{
    return lth_fail(diag, LTH_E_IO, "%s/%s: %s", path, name, strerrordesc_np(errno));
}

void lth_inbox_init(lth_inbox *self, const char *path)
{
    *self = (lth_inbox){.path = path, .look_again = true};
}

void lth_inbox_fini(lth_inbox *self)
{
    free(self->files);
    *self = (lth_inbox){0};
}

/* ---- names ---- */

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool ends_in(const char *name, size_t n, const char *ending)
{
    size_t m = strlen(ending);
    return n >= m && strcasecmp(name + n - m, ending) == 0;
}

static bool still_named_so(const char *name)
{
    size_t n = strlen(name);
    return ends_in(name, n, ".part") || ends_in(name, n, ".tmp") || ends_in(name, n, ".filepart");
}

bool lth_inbox_name_ok(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > LTH_UPLOAD_ID_MAX || !is_letter_or_digit(name[0]) || still_named_so(name))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!is_letter_or_digit(name[i]) && strchr("._-", name[i]) == NULL)
            return false;
    }
    return true;
}

/* The ending of a name, if it is a short plain one: ".xlsx"; else "". */
static const char *ending_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (dot == NULL || dot == name || dot[1] == '\0' || strlen(dot) > 9)
        return "";
    for (const char *c = dot + 1; *c != '\0'; c++) {
        if (!is_letter_or_digit(*c))
            return "";
    }
    return dot;
}

/* ---- is it being written? ---- */

typedef enum writing { NOBODY, SOMEBODY, CANNOT_TELL } writing;

/* A read lease can be had only while nobody has the file open for writing; of files that are
 * another account's only with CAP_LEASE. */
static writing who_writes(int fd)
{
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
        (void)fcntl(fd, F_SETLEASE, F_UNLCK);
        return NOBODY;
    }
    return errno == EAGAIN ? SOMEBODY : CANNOT_TELL;
}

static bool plain(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_nlink == 1;
}

static bool busy(int fd, const struct stat *st)
{
    switch (who_writes(fd)) {
    case NOBODY:
        return false;
    case SOMEBODY:
        return true;
    case CANNOT_TELL:
        break;
    }
    uint64_t now = now_ns(), touched = ns_of(st->st_mtim);
    touched = ns_of(st->st_ctim) > touched ? ns_of(st->st_ctim) : touched;
    return touched + SETTLED_NS > now && touched < now + SETTLED_NS;
}

/* ---- listing ---- */

/* The time of arrival that a name of ours carries: a new name is a new time for the file system. */
static bool time_in(const char *name, uint64_t *ns)
{
    struct tm tm = {0};
    const char *at = strptime(name, OURS, &tm);
    uint64_t fraction = 0;
    int digits = 0;
    for (; at != NULL && digits < 9 && at[digits] >= '0' && at[digits] <= '9'; digits++)
        fraction = fraction * 10 + (uint64_t)(at[digits] - '0');
    time_t seconds = digits == 9 && at[9] == 'Z' && at[10] == '-' ? timegm(&tm) : -1;
    if (seconds < 0)
        return false;
    *ns = (uint64_t)seconds * 1000000000u + fraction;
    return true;
}

/* A name that was not used here: time of arrival, a number, the ending. */
static bool rename_to_ours(int dir, int kept, const char *name, const struct stat *st,
                           char out[LTH_UPLOAD_ID_MAX + 1])
{
    struct tm tm;
    char when[32];
    time_t arrived = st->st_ctim.tv_sec;
    if (gmtime_r(&arrived, &tm) == NULL || strftime(when, sizeof when, OURS, &tm) == 0)
        return false;
    for (unsigned i = 1; i <= TRIES; i++) {
        (void)snprintf(out, LTH_UPLOAD_ID_MAX + 1, "%s%09ldZ-%u%s", when, st->st_ctim.tv_nsec, i,
                       ending_of(name));
        if (kept >= 0 && faccessat(kept, out, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        if (renameat2(dir, name, dir, out, RENAME_NOREPLACE) == 0)
            return true;
        if (errno != EEXIST)
            return false;
    }
    return false;
}

static bool used_before(int kept, const char *name)
{
    return kept >= 0 && faccessat(kept, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int compare(const void *a, const void *b)
{
    const lth_inbox_file *x = a, *y = b;
    if (x->order_ns != y->order_ns)
        return x->order_ns < y->order_ns ? -1 : 1;
    return strverscmp(x->name, y->name);
}

/* In order; of more than are listed at once the oldest stay. */
static void sort_files(lth_inbox *self)
{
    if (self->n_files > 1)
        qsort(self->files, self->n_files, sizeof *self->files, compare);
    if (self->n_files > LTH_INBOX_FILES_MAX) {
        self->n_files = LTH_INBOX_FILES_MAX;
        self->look_again = true;
    }
}

static bool add_file(lth_inbox *self, const char *name, const struct stat *st, bool is_busy)
{
    if (self->n_files == 2 * LTH_INBOX_FILES_MAX)
        sort_files(self);
    if ((self->n_files & (self->n_files - 1)) == 0) { /* room for 1, 2, 4, ... */
        size_t room = self->n_files == 0 ? 1 : 2 * (size_t)self->n_files;
        lth_inbox_file *files = realloc(self->files, room * sizeof *files);
        if (files == NULL)
            return false;
        self->files = files;
    }
    lth_inbox_file *file = &self->files[self->n_files++];
    *file = (lth_inbox_file){.arrived_ns = ns_of(st->st_ctim), .busy = is_busy};
    memcpy(file->name, name, strnlen(name, sizeof file->name - 1)); /* As name_ok() has it. */
    if (!time_in(name, &file->order_ns))
        file->order_ns = file->arrived_ns;
    return true;
}

/* Directories that the page and this agent keep beside the files. */
static bool is_ours(const char *name)
{
    static const char *const ours[] = {".", "..", ".in", KEPT, ANSWER};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (strcmp(ours[i], name) == 0)
            return true;
    }
    return false;
}

static void look_at(lth_inbox *self, int dir, int kept, const char *name)
{
    char ours[LTH_UPLOAD_ID_MAX + 1];
    struct stat st;
    if (name[0] == '.') {
        self->strange += is_ours(name) ? 0 : 1;
        return;
    }
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    if (!plain(&st)) {
        self->strange++;
        return;
    }
    if (still_named_so(name)) {
        self->writing++;
        return;
    }
    int fd = openat(dir, name, FILE_FLAGS);
    bool is_busy = fd >= 0 && busy(fd, &st);
    lth_dir_close(fd);
    self->writing += is_busy ? 1 : 0;
    self->look_again = self->look_again || is_busy;
    if (!lth_inbox_name_ok(name) || used_before(kept, name)) {
        if (is_busy)
            return;
        if (!rename_to_ours(dir, kept, name, &st, ours)) {
            self->strange++;
            return;
        }
        name = ours;
    }
    if (!add_file(self, name, &st, is_busy))
        self->look_again = true;
}

static void list(lth_inbox *self, int fd)
{
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        lth_dir_close(fd);
        self->look_again = true;
        return;
    }
    int kept = openat(fd, KEPT, DIR_FLAGS | O_NOFOLLOW);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        look_at(self, fd, kept, e->d_name);
    lth_dir_close(kept);
    (void)closedir(dir);
    sort_files(self);
}

bool lth_inbox_look(lth_inbox *self, uint64_t now_ms)
{
    struct stat st;
    if (!self->look_again && stat(self->path, &st) == 0 && ns_of(st.st_mtim) == self->changed_ns)
        return false;
    int fd = open(self->path, DIR_FLAGS);
    self->missing = fd < 0 || fstat(fd, &st) != 0;
    self->n_files = self->writing = self->strange = 0;
    self->look_again = self->missing;
    if (self->missing) {
        lth_dir_close(fd);
        return true;
    }
    self->changed_ns = ns_of(st.st_mtim);
    if (self->changed_ns + YOUNG_NS > now_ms * 1000000u)
        self->look_again = true;
    list(self, fd);
    return true;
}

/* ---- one file ---- */

static lth_inbox_taken taken_of(int fd, const struct stat *st)
{
    return (lth_inbox_taken){.fd = fd,
                             .bytes = (uint64_t)st->st_size,
                             .arrived_ns = ns_of(st->st_ctim),
                             .inode = st->st_ino,
                             .changed_ns = ns_of(st->st_ctim)};
}

/* A file that is there but cannot be opened is known well enough to be put away. */
static lth_inbox_answer cannot_open(int dir, const char *name, lth_inbox_taken *out)
{
    struct stat st;
    int why = errno;
    bool there = why != ENOENT && why != ELOOP && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    errno = why;
    if (!there || !plain(&st))
        return LTH_INBOX_GONE;
    *out = taken_of(-1, &st);
    return LTH_INBOX_FAILED;
}

static lth_inbox_answer take_from(int dir, const char *name, bool leased, lth_inbox_taken *out)
{
    struct stat st;
    int fd = openat(dir, name, FILE_FLAGS);
    if (fd < 0)
        return cannot_open(dir, name, out);
    lth_inbox_answer answer = LTH_INBOX_TAKEN;
    if (fstat(fd, &st) != 0 || !plain(&st))
        answer = LTH_INBOX_GONE;
    else if (leased && busy(fd, &st))
        answer = LTH_INBOX_BUSY;
    else
        *out = taken_of(fd, &st);
    if (answer != LTH_INBOX_TAKEN)
        lth_dir_close(fd);
    return answer;
}

lth_inbox_answer lth_inbox_take(lth_inbox *self, const char *name, lth_inbox_taken *out,
                                lth_diag *diag)
{
    int dir = open(self->path, DIR_FLAGS);
    lth_inbox_answer answer = dir < 0 ? LTH_INBOX_GONE : take_from(dir, name, true, out);
    if (answer == LTH_INBOX_FAILED)
        (void)say(diag, self->path, name);
    lth_dir_close(dir);
    return answer;
}

lth_inbox_answer lth_inbox_take_kept(lth_inbox *self, const char *name, lth_inbox_taken *out,
                                     lth_diag *diag)
{
    int dir = lth_inbox_name_ok(name) ? open(self->path, DIR_FLAGS) : -1;
    int kept = dir >= 0 ? openat(dir, KEPT, DIR_FLAGS | O_NOFOLLOW) : -1;
    lth_inbox_answer answer = kept < 0 ? LTH_INBOX_GONE : take_from(kept, name, false, out);
    if (answer == LTH_INBOX_FAILED)
        (void)say(diag, self->path, name);
    lth_dir_close(kept);
    lth_dir_close(dir);
    return answer;
}

bool lth_inbox_unchanged(const lth_inbox_taken *taken)
{
    struct stat st;
    return fstat(taken->fd, &st) == 0 && (uint64_t)st.st_size == taken->bytes &&
           ns_of(st.st_ctim) == taken->changed_ns;
}

lth_err lth_inbox_hash(const lth_inbox_taken *taken, const lth_hasher *hasher,
                       uint8_t out[LTH_HASH_SIZE], lth_diag *diag)
{
    uint8_t *bytes = malloc((size_t)taken->bytes + 1);
    size_t n = 0;
    if (bytes == NULL)
        return lth_fail(diag, LTH_E_NOMEM, "%s", lth_err_text(LTH_E_NOMEM));
    while (n < taken->bytes) {
        ssize_t got = pread(taken->fd, bytes + n, (size_t)taken->bytes - n, (off_t)n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    lth_err err = LTH_OK;
    if (n == taken->bytes)
        lth_sha256(hasher, bytes, n, out);
    else
        err = lth_fail(diag, LTH_E_IO, "%s", strerrordesc_np(errno));
    free(bytes);
    return err;
}

lth_err lth_inbox_keep(lth_inbox *self, const char *name, const lth_inbox_taken *taken,
                       lth_diag *diag)
{
    struct stat st;
    lth_err err = LTH_OK;
    int dir = open(self->path, DIR_FLAGS), kept = dir >= 0 ? lth_dir_ours(dir, KEPT, true) : -1;
    self->look_again = true;
    if (kept < 0)
        err = say(diag, self->path, KEPT);
    else if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_ino != taken->inode ||
             ns_of(st.st_ctim) != taken->changed_ns)
        err = LTH_E_NOT_FOUND;
    else if (renameat(dir, name, kept, name) != 0 || fsync(kept) != 0 || fsync(dir) != 0)
        err = say(diag, self->path, name);
    lth_dir_close(kept);
    lth_dir_close(dir);
    return err;
}

void lth_inbox_rename(lth_inbox *self, const char *name)
{
    char ours[LTH_UPLOAD_ID_MAX + 1];
    struct stat st;
    int dir = open(self->path, DIR_FLAGS);
    int kept = dir >= 0 ? openat(dir, KEPT, DIR_FLAGS | O_NOFOLLOW) : -1;
    if (dir >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && plain(&st))
        (void)rename_to_ours(dir, kept, name, &st, ours);
    self->look_again = true;
    lth_dir_close(kept);
    lth_dir_close(dir);
}

void lth_inbox_drop(lth_inbox *self, const char *name)
{
    uint32_t i = 0;
    while (i < self->n_files && strcmp(self->files[i].name, name) != 0)
        i++;
    if (i == self->n_files)
        return;
    self->n_files--;
    memmove(&self->files[i], &self->files[i + 1], (self->n_files - i) * sizeof *self->files);
}

static bool write_whole(int fd, const void *text, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t put = write(fd, (const char *)text + at, n - at);
        if (put < 0 && errno != EINTR)
            return false;
        at += put > 0 ? (size_t)put : 0;
    }
    return fsync(fd) == 0;
}

lth_err lth_inbox_note(lth_inbox *self, const char *name, const void *text, size_t n,
                       lth_diag *diag)
{
    char tmp[LTH_UPLOAD_ID_MAX + 16], to[LTH_UPLOAD_ID_MAX + 16];
    (void)snprintf(tmp, sizeof tmp, ".%s.tmp", name);
    (void)snprintf(to, sizeof to, "%s.json", name);
    int dir = open(self->path, DIR_FLAGS), kept = dir >= 0 ? lth_dir_ours(dir, KEPT, true) : -1,
        fd = -1;
    bool ok = kept >= 0;
    if (ok) {
        (void)unlinkat(kept, tmp, 0);
        fd = openat(kept, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        ok = fd >= 0 && write_whole(fd, text, n) && renameat(kept, tmp, kept, to) == 0 &&
             fsync(kept) == 0;
    }
    lth_err err = ok ? LTH_OK : say(diag, self->path, to);
    lth_dir_close(fd);
    lth_dir_close(kept);
    lth_dir_close(dir);
    return err;
}

/* ---- answers ---- */

int lth_inbox_answers(const lth_inbox *self, lth_diag *diag)
{
    int dir = open(self->path, DIR_FLAGS), ours = dir >= 0 ? lth_dir_ours(dir, ANSWER, true) : -1;
    if (ours < 0)
        (void)say(diag, self->path, ANSWER);
    lth_dir_close(dir);
    return ours;
}

lth_err lth_inbox_answer_done(int answers, const char *made, const char *name, lth_diag *diag)
{
    return renameat(answers, made, answers, name) == 0 ? LTH_OK : say(diag, ANSWER, name);
}

void lth_inbox_answer_drop(int answers, const char *made)
{
    (void)unlinkat(answers, made, 0);
}

static void prune_in(int dir, const char *name, uint64_t before_ms)
{
    struct stat st;
    int fd = openat(dir, name, DIR_FLAGS | O_NOFOLLOW);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (list == NULL) {
        lth_dir_close(fd);
        return;
    }
    for (const struct dirent *e; (e = readdir(list)) != NULL;) {
        if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            ns_of(st.st_ctim) / 1000000u < before_ms)
            (void)unlinkat(fd, e->d_name, 0);
    }
    (void)closedir(list);
}

void lth_inbox_prune(lth_inbox *self, uint64_t before_ms)
{
    int dir = open(self->path, DIR_FLAGS);
    if (dir < 0)
        return;
    prune_in(dir, KEPT, before_ms);
    prune_in(dir, ANSWER, before_ms);
    lth_dir_close(dir);
}

bool lth_inbox_clock_believed(lth_inbox_clock *self, uint64_t wall_ms, lth_mono mono)
{
    lth_mono gone = mono - self->mono;
    uint64_t expected_ms = self->wall_ms + gone / 1000000u;
    uint64_t off_ms = wall_ms > expected_ms ? wall_ms - expected_ms : expected_ms - wall_ms;
    if (self->wall_ms == 0 || off_ms > CLOCK_SLACK_MS) {
        *self = (lth_inbox_clock){wall_ms, mono};
        return false;
    }
    return gone >= LTH_INBOX_CLOCK_AFTER;
}
