#include <stdlib.h>

#include "xlsx.h"

#define RELATIONS_MAX 1024u
#define FORMATS_MAX   2048u
#define ENTRIES_MAX   1024u /* sheets of any kind */
#define STYLES_MAX    65536u
#define ID_MAX        64u

typedef enum relation_kind { OTHER, BOOK, SHEET, STRINGS, STYLES } relation_kind;

/* Types of relation end alike in the transitional and the strict form of the standard. */
static const struct {
    const char *end;
    relation_kind kind;
} TYPES[] = {{"/officeDocument", BOOK},
             {"/worksheet", SHEET},
             {"/sharedStrings", STRINGS},
             {"/styles", STYLES}};

typedef struct relation {
    relation_kind kind;
    char id[ID_MAX];
    char target[LTH_SHEET__PATH_MAX];
} relation;

typedef struct custom_format {
    uint32_t id;
    bool is_date;
} custom_format;

struct lth_sheet__book {
    lth_sheet *sheet;
    lth_sheet__xlsx *x;
    lth_sheet__xml xml;
    lth_sheet__read_fn read;
    void *source;
    char folder[LTH_SHEET__PATH_MAX]; /* Of the workbook's part, with its slash. */
    uint32_t n_relations;
    relation relations[RELATIONS_MAX];
    uint32_t n_entries;
    uint32_t n_formats;
    custom_format formats[FORMATS_MAX];
    bool in_formats, in_cells, in_string, in_text, in_phonetic;
    size_t string_start;
};

static bool is(const char *name, const char *what)
{
    return strcmp(name, what) == 0;
}

static void skip_end(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
}

static void skip_text(void *ctx, const char *text, int n)
{
    (void)ctx;
    (void)text;
    (void)n;
}

/* Drop the last segment of a path that ends in a slash. */
static size_t parent(const char *path, size_t n)
{
    for (n = n > 0 ? n - 1 : 0; n > 0 && path[n - 1] != '/'; n--) {
    }
    return n;
}

/* @p target, from the folder of the workbook, without "." and "..". */
static bool resolve(char out[LTH_SHEET__PATH_MAX], const char *folder, const char *target)
{
    size_t n = target[0] == '/' ? 0 : strlen(folder);
    memcpy(out, folder, n);
    while (*target != '\0') {
        size_t size = strcspn(target, "/\\");
        bool last = target[size] == '\0';
        if (size == 2 && memcmp(target, "..", 2) == 0) {
            n = parent(out, n);
        } else if (size > 0 && !(size == 1 && target[0] == '.')) {
            if (n + size + 2 > LTH_SHEET__PATH_MAX) {
                return false;
            }
            memcpy(out + n, target, size);
            n += size;
            if (!last) {
                out[n++] = '/';
            }
        }
        target += size + (last ? 0 : 1);
    }
    out[n] = '\0';
    return n > 0;
}

static void relations_start(void *ctx, const char *name, const char **attributes)
{
    lth_sheet__book *b = ctx;
    const char *id = lth_sheet__xml_attribute(attributes, "Id");
    const char *type = lth_sheet__xml_attribute(attributes, "Type");
    const char *target = lth_sheet__xml_attribute(attributes, "Target");
    if (!is(name, "Relationship") || id == NULL || type == NULL || target == NULL ||
        strlen(id) >= ID_MAX || b->n_relations == RELATIONS_MAX) {
        return;
    }
    relation *r = &b->relations[b->n_relations];
    r->kind = OTHER;
    size_t n = strlen(type);
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        size_t end = strlen(TYPES[i].end);
        if (n >= end && is(type + n - end, TYPES[i].end)) {
            r->kind = TYPES[i].kind;
        }
    }
    if (r->kind != OTHER && resolve(r->target, b->folder, target)) {
        memcpy(r->id, id, strlen(id) + 1);
        b->n_relations++;
    }
}

static const relation *find(const lth_sheet__book *b, relation_kind kind, const char *id)
{
    for (uint32_t i = 0; i < b->n_relations; i++) {
        const relation *r = &b->relations[i];
        if (r->kind == kind && (id == NULL || is(r->id, id))) {
            return r;
        }
    }
    return NULL;
}

static void workbook_start(void *ctx, const char *name, const char **attributes)
{
    lth_sheet__book *b = ctx;
    if (is(name, "workbookPr")) {
        b->x->is_1904 = lth_sheet__xml_true(lth_sheet__xml_attribute(attributes, "date1904"));
    }
    if (!is(name, "sheet")) {
        return;
    }
    if (++b->n_entries > ENTRIES_MAX) {
        lth_sheet__xml_stop(&b->xml, lth_sheet__fault(b->xml.to, LTH_SHEET_FAULT_too_large,
                                                      "more than %u sheets", ENTRIES_MAX));
        return;
    }
    const char *title = lth_sheet__xml_attribute(attributes, "name");
    const char *state = lth_sheet__xml_attribute(attributes, "state");
    const char *id = lth_sheet__xml_attribute(attributes, "id");
    bool hidden = state != NULL && !is(state, "visible");
    if (title == NULL || id == NULL || hidden) {
        return;
    }
    const relation *r = find(b, SHEET, id);
    uint64_t place = 0;
    if (r == NULL || (b->x->zip != NULL && !lth_sheet__zip_find(b->x->zip, r->target, &place))) {
        return; /* a sheet of charts or macros */
    }
    lth_err err = lth_sheet__add_name(b->sheet, lth_slice_of(title, strlen(title)), b->xml.to);
    if (err != LTH_OK) {
        lth_sheet__xml_stop(&b->xml, err);
        return;
    }
    b->x->sheets[b->sheet->n_sheets - 1] = place;
}

static bool shows_date(const lth_sheet__book *b, uint32_t id)
{
    for (uint32_t i = 0; i < b->n_formats; i++) {
        if (b->formats[i].id == id) {
            return b->formats[i].is_date;
        }
    }
    return lth_sheet__is_date_format_id(id);
}

static void styles_start(void *ctx, const char *name, const char **attributes)
{
    lth_sheet__book *b = ctx;
    uint32_t id = 0;
    bool has_id =
        lth_sheet__xml_number(lth_sheet__xml_attribute(attributes, "numFmtId"), 1u << 30, &id);
    if (is(name, "numFmts")) {
        b->in_formats = true;
    } else if (is(name, "cellXfs")) {
        b->in_cells = true;
    } else if (b->in_formats && is(name, "numFmt") && has_id && b->n_formats < FORMATS_MAX) {
        const char *code = lth_sheet__xml_attribute(attributes, "formatCode");
        lth_slice format = lth_slice_of(code, code != NULL ? strlen(code) : 0);
        b->formats[b->n_formats++] =
            (custom_format){.id = id, .is_date = lth_sheet__is_date_format(format)};
    } else if (b->in_cells && is(name, "xf") && b->x->date_styles.n < STYLES_MAX) {
        uint8_t date = has_id && shows_date(b, id);
        if (lth_buf_add(&b->x->date_styles, &date, 1) != LTH_OK) {
            lth_sheet__xml_stop(&b->xml, lth_sheet__nomem(b->xml.to));
        }
    }
}

static void styles_end(void *ctx, const char *name)
{
    lth_sheet__book *b = ctx;
    b->in_formats = b->in_formats && !is(name, "numFmts");
    b->in_cells = b->in_cells && !is(name, "cellXfs");
}

/* ---- shared strings ---- */

static bool read_hex(const uint8_t *p, uint32_t *out)
{
    uint8_t bytes[2];
    bool good =
        p[0] == '_' && p[1] == 'x' && p[6] == '_' && lth_unhex(bytes, 2, (const char *)p + 2, 4);
    *out = good ? lth_get16(bytes) : 0;
    return good;
}

size_t lth_sheet__unescape(uint8_t *text, size_t n)
{
    enum { SIZE = 7 }; /* "_x000D_" */
    size_t to = 0;
    for (size_t at = 0; at < n;) {
        uint32_t character, low;
        if (text[at] != '_' || n - at < SIZE || !read_hex(text + at, &character)) {
            text[to++] = text[at++];
            continue;
        }
        at += SIZE;
        if (character >= 0xd800 && character < 0xdc00 && n - at >= SIZE &&
            read_hex(text + at, &low) && low >= 0xdc00 && low < 0xe000) {
            character = 0x10000 + ((character - 0xd800) << 10 | (low - 0xdc00));
            at += SIZE;
        }
        if (character != 0) {
            to += lth_sheet__put_utf8(text + to, character);
        }
    }
    return to;
}

static void strings_start(void *ctx, const char *name, const char **attributes)
{
    lth_sheet__book *b = ctx;
    (void)attributes;
    if (is(name, "si")) {
        b->in_string = true;
        b->string_start = b->x->strings.text.n;
    }
    b->in_phonetic = b->in_phonetic || is(name, "rPh");
    b->in_text = b->in_string && !b->in_phonetic && is(name, "t");
}

static void stop_strings(lth_sheet__book *b, lth_err err)
{
    lth_sheet__xml_stop(&b->xml,
                        err == LTH_E_LIMIT
                            ? lth_sheet__fault(b->xml.to, LTH_SHEET_FAULT_too_large,
                                               "more than %u bytes of text", LTH_SHEET_STRINGS_MAX)
                            : lth_sheet__nomem(b->xml.to));
}

static void strings_end(void *ctx, const char *name)
{
    lth_sheet__book *b = ctx;
    lth_sheet__strings *s = &b->x->strings;
    b->in_phonetic = b->in_phonetic && !is(name, "rPh");
    b->in_text = b->in_text && !is(name, "t");
    if (!b->in_string || !is(name, "si")) {
        return;
    }
    b->in_string = false;
    if (s->text.n > b->string_start) {
        uint8_t *text = s->text.p + b->string_start;
        size_t n = lth_sheet__unescape(text, s->text.n - b->string_start);
        s->text.n = b->string_start + lth_sheet__clean(text, n);
    }
    lth_err err = lth_sheet__strings_end(s);
    if (err != LTH_OK) {
        stop_strings(b, err);
    }
}

static void strings_text(void *ctx, const char *text, int n)
{
    lth_sheet__book *b = ctx;
    if (b->in_text) {
        lth_err err = lth_buf_add(&b->x->strings.text, text, (size_t)n);
        if (err != LTH_OK) {
            stop_strings(b, err);
        }
    }
}

/* ---- the documents ---- */

static const struct {
    void (*start)(void *ctx, const char *name, const char **attributes);
    void (*end)(void *ctx, const char *name);
    void (*text)(void *ctx, const char *text, int n);
} DOCUMENTS[LTH_SHEET__N_DOCUMENTS] = {
    [LTH_SHEET__RELATIONS] = {relations_start, skip_end, skip_text},
    [LTH_SHEET__WORKBOOK] = {workbook_start, skip_end, skip_text},
    [LTH_SHEET__STYLES] = {styles_start, styles_end, skip_text},
    [LTH_SHEET__STRINGS] = {strings_start, strings_end, strings_text},
};

static int book_read(void *ctx, void *out, int n, const lth_sheet__report *to)
{
    lth_sheet__book *b = ctx;
    return b->read(b->source, out, n, to);
}

lth_err lth_sheet__book_new(lth_sheet__book **out, lth_sheet *self)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return LTH_E_NOMEM;
    }
    (*out)->sheet = self;
    (*out)->x = self->state;
    return LTH_OK;
}

void lth_sheet__book_free(lth_sheet__book **self)
{
    if (*self != NULL) {
        lth_sheet__xml_fini(&(*self)->xml);
        free(*self);
        *self = NULL;
    }
}

lth_err lth_sheet__book_document(lth_sheet__book *self, lth_sheet__document which,
                                 lth_sheet__read_fn read, void *source, const lth_sheet__report *to)
{
    self->read = read;
    self->source = source;
    self->xml.read = book_read;
    self->xml.ctx = self;
    self->xml.start = DOCUMENTS[which].start;
    self->xml.end = DOCUMENTS[which].end;
    self->xml.text = DOCUMENTS[which].text;
    return lth_sheet__xml_all(&self->xml, to);
}

static int part_read(void *source, void *out, int n, const lth_sheet__report *to)
{
    return lth_sheet__part_read(source, out, n, to);
}

/* A part that is not there is an empty one. */
static lth_err read_part(lth_sheet__book *b, const char *path, lth_sheet__document which,
                         const lth_sheet__report *to)
{
    uint64_t index;
    lth_sheet__part part;
    if (!lth_sheet__zip_find(b->x->zip, path, &index)) {
        return LTH_OK;
    }
    lth_err err = lth_sheet__part_open(&part, b->x->zip, index, to);
    if (err == LTH_OK) {
        err = lth_sheet__book_document(b, which, part_read, &part, to);
        lth_sheet__part_close(&part);
    }
    return err;
}

/* "xl/workbook.xml" or wherever the package says it is; "" if there is none. */
static lth_err find_workbook(lth_sheet__book *b, char out[LTH_SHEET__PATH_MAX],
                             const lth_sheet__report *to)
{
    static const char USUAL[] = "xl/workbook.xml";
    uint64_t index;
    lth_err err = read_part(b, "_rels/.rels", LTH_SHEET__RELATIONS, to);
    const relation *book = find(b, BOOK, NULL);
    memcpy(out, USUAL, sizeof USUAL);
    if (book != NULL) {
        memcpy(out, book->target, LTH_SHEET__PATH_MAX);
    }
    b->n_relations = 0;
    size_t n = strlen(out);
    bool found = lth_sheet__zip_find(b->x->zip, out, &index) && n > 4 && is(out + n - 4, ".xml");
    if (err == LTH_OK && !found) {
        err = lth_sheet__fault(to, LTH_SHEET_FAULT_not_a_table, "a ZIP file without a workbook");
    }
    return err;
}

static lth_err read_all(lth_sheet__book *b, const lth_sheet__report *to)
{
    char path[LTH_SHEET__PATH_MAX], relations[LTH_SHEET__PATH_MAX + 16];
    lth_err err = find_workbook(b, path, to);
    if (err != LTH_OK) {
        return err;
    }
    size_t n = parent(path, strlen(path));
    memcpy(b->folder, path, n);
    (void)lth_format(relations, sizeof relations, "%.*s_rels/%s.rels", (int)n, path, path + n);
    err = read_part(b, relations, LTH_SHEET__RELATIONS, to);
    if (err == LTH_OK) {
        err = read_part(b, path, LTH_SHEET__WORKBOOK, to);
    }
    const relation *styles = find(b, STYLES, NULL), *strings = find(b, STRINGS, NULL);
    if (err == LTH_OK && styles != NULL) {
        err = read_part(b, styles->target, LTH_SHEET__STYLES, to);
    }
    if (err == LTH_OK && strings != NULL) {
        err = read_part(b, strings->target, LTH_SHEET__STRINGS, to);
    }
    return err;
}

lth_err lth_sheet__book_read(lth_sheet *self, const lth_sheet__report *to)
{
    lth_sheet__book *b;
    if (lth_sheet__book_new(&b, self) != LTH_OK) {
        return lth_sheet__nomem(to);
    }
    lth_err err = read_all(b, to);
    lth_sheet__book_free(&b);
    return err;
}
