/* The lines of .kept/.order. */

#include "agents/shell/kept.h"

#include <stdlib.h>

#define NO_ORG "-"
#define WORDS  7u

void lth_kept_fini(lth_kept_list *list)
{
    free(list->files);
    *list = (lth_kept_list){0};
}

/* ---- reading ---- */

static bool number_of(uint64_t *out, lth_slice word)
{
    *out = 0;
    for (size_t i = 0; i < word.n; i++) {
        if (word.p[i] < '0' || word.p[i] > '9' || *out > (UINT64_MAX - 9) / 10)
            return false;
        *out = *out * 10 + (uint64_t)(word.p[i] - '0');
    }
    return word.n > 0;
}

static bool text_of(char *out, size_t max, lth_slice word)
{
    if (word.n == 0 || word.n > max || memchr(word.p, '\0', word.n) != NULL ||
        memchr(word.p, '/', word.n) != NULL)
        return false;
    memcpy(out, word.p, word.n);
    out[word.n] = '\0';
    return true;
}

static bool is(lth_slice word, const char *text)
{
    return lth_slice_equal(word, lth_slice_of(text, strlen(text)));
}

/* Words apart by one blank, exactly so many. */
static bool split(lth_slice line, lth_slice words[WORDS])
{
    for (size_t i = 0; i < WORDS; i++) {
        const uint8_t *end = i + 1 < WORDS ? memchr(line.p, ' ', line.n) : line.p + line.n;
        if (end == NULL)
            return false;
        words[i] = lth_slice_of(line.p, (size_t)(end - line.p));
        size_t used = words[i].n + (i + 1 < WORDS ? 1 : 0);
        line = lth_slice_of(line.p + used, line.n - used);
        if (i + 1 < WORDS && line.n == 0)
            return false;
    }
    return memchr(words[WORDS - 1].p, ' ', words[WORDS - 1].n) == NULL;
}

static bool file_of(lth_kept *out, lth_slice line)
{
    lth_slice words[WORDS];
    *out = (lth_kept){0};
    if (line.n == 0 || !split(line, words) || !number_of(&out->received_ms, words[0]) ||
        !number_of(&out->done_ms, words[1]) || !number_of(&out->number, words[2]) ||
        !text_of(out->org, LTH_KEPT_ORG_MAX, words[4]) || words[5].n != sizeof out->sha256 * 2 ||
        !lth_unhex(out->sha256, sizeof out->sha256, (const char *)words[5].p, words[5].n) ||
        !text_of(out->id, LTH_UPLOAD_ID_MAX, words[6]))
        return false;
    out->withdrawn = is(words[3], "w");
    if (strcmp(out->org, NO_ORG) == 0)
        out->org[0] = '\0';
    return out->withdrawn || is(words[3], "-");
}

/* Room for one more than may be. */
static lth_err room(lth_kept_list *list)
{
    if (list->files == NULL)
        list->files = calloc(LTH_KEPT_MAX + 1, sizeof *list->files);
    return list->files != NULL ? LTH_OK : LTH_E_NOMEM;
}

static void take_out(lth_kept_list *list, uint32_t i)
{
    list->n--;
    memmove(&list->files[i], &list->files[i + 1], (list->n - i) * sizeof *list->files);
}

static void append(lth_kept_list *list, const lth_kept *file)
{
    list->files[list->n++] = *file;
    if (list->n > LTH_KEPT_MAX)
        take_out(list, 0);
}

lth_err lth_kept_parse(lth_kept_list *out, lth_slice text)
{
    lth_kept file;
    *out = (lth_kept_list){0};
    while (text.n > 0) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        if (end == NULL)
            break; /* torn */
        size_t n = (size_t)(end - text.p);
        if (file_of(&file, lth_slice_of(text.p, n))) {
            if (room(out) != LTH_OK)
                return LTH_E_NOMEM;
            append(out, &file);
        }
        text = lth_slice_of(end + 1, text.n - n - 1);
    }
    return LTH_OK;
}

/* ---- writing ---- */

lth_err lth_kept_write(lth_buf *out, const lth_kept_list *list)
{
    lth_err err = LTH_OK;
    for (uint32_t i = 0; i < list->n && !err; i++) {
        const lth_kept *file = &list->files[i];
        char hex[2 * LTH_HASH_SIZE + 1];
        lth_hex(hex, file->sha256, sizeof file->sha256);
        err = lth_buf_format(
            out, "%llu %llu %llu %s %s %s %s\n", (unsigned long long)file->received_ms,
            (unsigned long long)file->done_ms, (unsigned long long)file->number,
            file->withdrawn ? "w" : "-", file->org[0] != '\0' ? file->org : NO_ORG, hex, file->id);
    }
    return err;
}

lth_err lth_kept_add(lth_kept_list *list, const lth_kept *file, bool only_known, bool *changed)
{
    *changed = false;
    for (uint32_t i = 0; i < list->n; i++) {
        lth_kept *old = &list->files[i];
        if (strcmp(old->id, file->id) != 0)
            continue;
        if (memcmp(old->sha256, file->sha256, sizeof old->sha256) != 0) {
            take_out(list, i);
            break;
        }
        *changed = old->number != file->number || old->withdrawn != file->withdrawn ||
                   strcmp(old->org, file->org) != 0;
        old->number = file->number;
        old->withdrawn = file->withdrawn;
        memcpy(old->org, file->org, sizeof old->org);
        return LTH_OK;
    }
    if (only_known)
        return LTH_OK;
    *changed = true;
    lth_err err = room(list);
    if (!err)
        append(list, file);
    return err;
}

void lth_kept_drop(lth_kept_list *list, uint32_t n)
{
    LTH_ASSERT(n <= list->n);
    if (n == list->n) {
        lth_kept_fini(list);
        return;
    }
    list->n -= n;
    memmove(list->files, list->files + n, list->n * sizeof *list->files);
    lth_kept *less = realloc(list->files, (list->n + 1) * sizeof *list->files);
    list->files = less != NULL ? less : list->files;
}

/* ---- what a store does not know ---- */

bool lth_kept_outlived(const lth_kept *file, uint64_t newest)
{
    return newest >= LTH_KEPT_MAX && file->number <= newest - LTH_KEPT_MAX;
}

uint32_t lth_kept_newer(const lth_kept_list *list, bool (*known)(void *ctx, const lth_kept *file),
                        void *ctx)
{
    uint32_t i = list->n;
    while (i > 0 && !known(ctx, &list->files[i - 1]))
        i--;
    return i;
}
