/* Any boundary, any body, cut anywhere: parts come in order, and where the stream is cut changes
 * nothing. The first byte tells where to cut, the second how long the boundary is. */
#include <stdlib.h>
#include <string.h>

#include "agents/intake/multipart.h"
#include "lth/diag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct seen {
    uint64_t hash;
    uint64_t bytes, begun, ended;
    bool open;
} seen;

static void mix(seen *to, const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to->hash = (to->hash ^ ((const uint8_t *)p)[i]) * 1099511628211u;
}

static bool begin(void *ctx, const lth_multipart_part *part)
{
    seen *to = ctx;
    if (to->open || part->name[0] == '\0')
        abort();
    to->open = true;
    to->begun++;
    mix(to, part->name, strlen(part->name));
    mix(to, part->file_name, strlen(part->file_name));
    return true;
}

static bool got(void *ctx, const uint8_t *p, size_t n)
{
    seen *to = ctx;
    if (!to->open || n == 0)
        abort();
    mix(to, p, n);
    to->bytes += n;
    return true;
}

static bool end(void *ctx)
{
    seen *to = ctx;
    if (!to->open)
        abort();
    to->open = false;
    to->ended++;
    mix(to, "\n", 1);
    return true;
}

static bool feed(seen *to, const char *type, const uint8_t *p, size_t n, size_t cut, bool *done)
{
    lth_multipart m;
    const lth_multipart_sink sink = {to, begin, got, end};
    bool ok = lth_multipart_init(&m, type, &sink);
    ok = ok && lth_multipart_feed(&m, p, cut) && lth_multipart_feed(&m, p + cut, n - cut);
    *done = lth_multipart_done(&m);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char type[160];
    if (size < 2)
        return 0;
    size_t cut = data[0], boundary = data[1] % 80;
    data += 2;
    size -= 2;
    boundary = boundary < size ? boundary : size;
    (void)lth_format(type, sizeof type, "multipart/form-data; boundary=%.*s", (int)boundary,
                     (const char *)data);
    data += boundary;
    size -= boundary;
    cut = cut < size ? cut : size;
    seen once = {.hash = 1}, twice = {.hash = 1};
    bool done[2];
    bool ok = feed(&once, type, data, size, size, &done[0]);
    if (feed(&twice, type, data, size, cut, &done[1]) != ok || done[0] != done[1])
        abort();
    if (once.hash != twice.hash || once.bytes != twice.bytes || once.bytes > size ||
        once.begun < once.ended || once.begun - once.ended > 1 || (done[0] && once.open))
        abort();
    return 0;
}
