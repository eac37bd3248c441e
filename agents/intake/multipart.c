#include "agents/intake/multipart.h"

#include <strings.h>

#include "lth/diag.h"

/* Value of `; key=value` or `; key="value"`; where it begins, its size, or NULL. */
static const char *parameter(const char *text, const char *key, size_t *size)
{
    size_t key_size = strlen(key);
    for (const char *at = strchr(text, ';'); at != NULL;) {
        at += 1 + strspn(at + 1, " \t");
        bool found = strncasecmp(at, key, key_size) == 0 && at[key_size] == '=';
        at += strcspn(at, "=;\"");
        at += *at == '=';
        const char *value = at;
        if (*at == '"') {
            value = ++at;
            while (*at != '\0' && *at != '"')
                at += at[0] == '\\' && at[1] == '"' ? 2 : 1;
            *size = (size_t)(at - value);
            if (*at == '\0')
                return NULL;
            at++;
        } else {
            *size = strcspn(at, "; \t");
            at += *size;
        }
        if (found)
            return value;
        at = strchr(at, ';');
    }
    return NULL;
}

bool lth_multipart_init(lth_multipart *self, const char *content_type,
                        const lth_multipart_sink *sink)
{
    static const char type[] = "multipart/form-data";
    size_t n = 0;
    *self = (lth_multipart){.sink = *sink, .state = LTH_MULTIPART_BAD};
    if (content_type == NULL || strncasecmp(content_type, type, sizeof type - 1) != 0 ||
        strchr("; \t", content_type[sizeof type - 1]) == NULL)
        return false;
    const char *boundary = parameter(content_type, "boundary", &n);
    if (boundary == NULL || n == 0 || n > LTH_BOUNDARY_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (boundary[i] <= ' ' || boundary[i] > '~')
            return false;
    self->delimiter_size =
        lth_format(self->delimiter, sizeof self->delimiter, "\r\n--%.*s", (int)n, boundary);
    self->matched = 2; /* the first boundary may stand at the very beginning */
    self->state = LTH_MULTIPART_PREAMBLE;
    return true;
}

/* One header line of a part. */
static void read_line(lth_multipart_part *part, const char *line)
{
    static const char name[] = "content-disposition:";
    if (strncasecmp(line, name, sizeof name - 1) != 0)
        return;
    line += sizeof name - 1;
    line += strspn(line, " \t");
    size_t size = 0;
    const char *value = parameter(line, "name", &size);
    if (strncasecmp(line, "form-data", 9) != 0 || value == NULL || size > LTH_MULTIPART_NAME_MAX)
        return;
    memcpy(part->name, value, size);
    part->name[size] = '\0';
    value = parameter(line, "filename", &size);
    part->is_file = value != NULL;
    if (value != NULL) {
        size_t skip = size > LTH_MULTIPART_FILE_MAX ? size - LTH_MULTIPART_FILE_MAX : 0;
        memcpy(part->file_name, value + skip, size - skip);
        part->file_name[size - skip] = '\0';
    }
}

static bool read_head(lth_multipart *self)
{
    lth_multipart_part part = {.is_file = false};
    self->head[self->head_size] = '\0';
    if (strlen(self->head) != self->head_size || ++self->parts > LTH_MULTIPART_PARTS_MAX)
        return false;
    for (char *line = self->head; *line != '\0';) {
        size_t n = strcspn(line, "\r\n");
        char *next = line + n + strspn(line + n, "\r\n");
        line[n] = '\0';
        read_line(&part, line);
        line = next;
    }
    return part.name[0] != '\0' && self->sink.begin(self->sink.ctx, &part);
}

/* A byte of a part's headers; they end with an empty line. */
static bool head_byte(lth_multipart *self, char c)
{
    if (self->head_size + 1 >= sizeof self->head)
        return false;
    self->head[self->head_size++] = c;
    const char *end = self->head + self->head_size;
    bool empty = self->head_size == 2 && memcmp(end - 2, "\r\n", 2) == 0;
    if (!empty && (self->head_size < 4 || memcmp(end - 4, "\r\n\r\n", 4) != 0))
        return true;
    self->state = LTH_MULTIPART_BODY;
    self->matched = 0;
    return read_head(self);
}

static bool tail_byte(lth_multipart *self, char c)
{
    if (self->tail == '\0' && (c == ' ' || c == '\t'))
        return true;
    if (self->tail == '\0' && (c == '-' || c == '\r')) {
        self->tail = c;
        return true;
    }
    if (self->tail == '-' && c == '-') {
        self->state = LTH_MULTIPART_DONE;
        return true;
    }
    self->state = LTH_MULTIPART_HEAD;
    self->head_size = 0;
    return self->tail == '\r' && c == '\n';
}

/* Content of a part, or of the preamble (told to nobody). CR is only the delimiter's first byte:
 * after a mismatch nothing but this byte can begin it anew. */
static bool body_bytes(lth_multipart *self, const uint8_t **p, const uint8_t *end)
{
    bool told = self->state == LTH_MULTIPART_BODY;
    const lth_multipart_sink *sink = &self->sink;
    if (self->matched == 0) {
        const uint8_t *cr = memchr(*p, '\r', (size_t)(end - *p));
        size_t n = (size_t)((cr != NULL ? cr : end) - *p);
        if (told && n > 0 && !sink->data(sink->ctx, *p, n))
            return false;
        *p += n;
        self->matched = cr != NULL;
        *p += cr != NULL;
        return true;
    }
    if (**p != (uint8_t)self->delimiter[self->matched]) {
        size_t n = self->matched;
        self->matched = 0;
        return !told || sink->data(sink->ctx, (const uint8_t *)self->delimiter, n);
    }
    (*p)++;
    if (++self->matched < self->delimiter_size)
        return true;
    self->state = LTH_MULTIPART_TAIL;
    self->tail = '\0';
    return !told || sink->end(sink->ctx);
}

bool lth_multipart_feed(lth_multipart *self, const uint8_t *p, size_t n)
{
    const uint8_t *end = p + n;
    bool ok = self->state != LTH_MULTIPART_BAD;
    while (ok && p < end && self->state != LTH_MULTIPART_DONE) {
        if (self->state == LTH_MULTIPART_HEAD)
            ok = head_byte(self, (char)*p++);
        else if (self->state == LTH_MULTIPART_TAIL)
            ok = tail_byte(self, (char)*p++);
        else
            ok = body_bytes(self, &p, end);
    }
    if (!ok)
        self->state = LTH_MULTIPART_BAD;
    return ok;
}

bool lth_multipart_done(const lth_multipart *self)
{
    return self->state == LTH_MULTIPART_DONE;
}
