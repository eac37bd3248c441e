#include "xml.h"

#include "legacy.h"

#define PIECE     (16 * 1024)
#define TOKEN_MAX (1024 * 1024) /* bytes of one tag or comment: expat keeps it whole in memory */

const char *lth_sheet__xml_local(const char *name)
{
    const char *colon = strchr(name, ':');
    return colon != NULL ? colon + 1 : name;
}

const char *lth_sheet__xml_attribute(const char **attributes, const char *name)
{
    for (; attributes[0] != NULL; attributes += 2) {
        if (strcmp(lth_sheet__xml_local(attributes[0]), name) == 0) {
            return attributes[1];
        }
    }
    return NULL;
}

bool lth_sheet__xml_number(const char *text, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;
    *out = 0;
    if (text == NULL || *text == '\0') {
        return false;
    }
    for (; *text >= '0' && *text <= '9' && value <= max; text++) {
        value = value * 10 + (uint64_t)(*text - '0');
    }
    if (*text != '\0' || value > max) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

bool lth_sheet__xml_true(const char *text)
{
    return text != NULL && (strcmp(text, "1") == 0 || strcmp(text, "true") == 0);
}

void lth_sheet__xml_stop(lth_sheet__xml *self, lth_err err)
{
    if (self->err == LTH_OK) {
        self->err = err;
    }
    if (!self->stopped) {
        self->stopped = true;
        (void)XML_StopParser(self->parser, err == LTH_OK ? XML_TRUE : XML_FALSE);
    }
}

static void XMLCALL on_start(void *ctx, const char *name, const char **attributes)
{
    lth_sheet__xml *self = ctx;
    if (++self->depth > LTH_SHEET__DEPTH_MAX) {
        lth_sheet__xml_stop(self,
                            lth_sheet__fault(self->to, LTH_SHEET_FAULT_unreadable,
                                             "XML nested deeper than %u", LTH_SHEET__DEPTH_MAX));
    } else {
        self->start(self->ctx, lth_sheet__xml_local(name), attributes);
    }
}

static void XMLCALL on_end(void *ctx, const char *name)
{
    lth_sheet__xml *self = ctx;
    self->depth--;
    self->end(self->ctx, lth_sheet__xml_local(name));
}

static void XMLCALL on_text(void *ctx, const char *text, int n)
{
    lth_sheet__xml *self = ctx;
    self->text(self->ctx, text, n);
}

/* No workbook needs one; entities that grow do. */
static void XMLCALL on_doctype(void *ctx, const char *name, const char *system, const char *public,
                               int has_subset)
{
    lth_sheet__xml *self = ctx;
    (void)name;
    (void)system;
    (void)public;
    (void)has_subset;
    lth_sheet__xml_stop(self, lth_sheet__fault(self->to, LTH_SHEET_FAULT_unreadable,
                                               "XML with a document type declaration"));
}

/* Encodings of one byte that old programs write beside those expat knows. */
static int XMLCALL on_encoding(void *ctx, const char *name, XML_Encoding *info)
{
    (void)ctx;
    bool vietnamese = strcasecmp(name, "windows-1258") == 0;
    if (!vietnamese && strcasecmp(name, "windows-1252") != 0) {
        return XML_STATUS_ERROR;
    }
    for (int i = 0; i < 256; i++) {
        uint8_t byte = (uint8_t)i;
        size_t used;
        uint32_t character = (uint32_t)i;
        if (i >= 0x80 && (vietnamese || i < 0xa0)) {
            character = lth_sheet__decode(&byte, 1, LTH_SHEET__CP1258, &used);
        }
        info->map[i] = character != 0 || i == 0 ? (int)character : -1;
    }
    info->data = NULL;
    info->convert = NULL;
    info->release = NULL;
    return XML_STATUS_OK;
}

lth_err lth_sheet__xml_begin(lth_sheet__xml *self, const lth_sheet__report *to)
{
    lth_sheet__xml_fini(self);
    self->parser = XML_ParserCreate(NULL);
    if (self->parser == NULL) {
        return lth_sheet__nomem(to);
    }
    self->err = LTH_OK;
    self->depth = 0;
    self->n_fed = 0;
    self->stopped = false;
    self->ended = false;
    XML_SetUserData(self->parser, self);
    XML_SetElementHandler(self->parser, on_start, on_end);
    XML_SetCharacterDataHandler(self->parser, on_text);
    XML_SetStartDoctypeDeclHandler(self->parser, on_doctype);
    XML_SetUnknownEncodingHandler(self->parser, on_encoding, NULL);
    return LTH_OK;
}

void lth_sheet__xml_fini(lth_sheet__xml *self)
{
    if (self->parser != NULL) {
        XML_ParserFree(self->parser);
        self->parser = NULL;
    }
}

/* Feed the next piece. */
static lth_err feed(lth_sheet__xml *self, enum XML_Status *status, const lth_sheet__report *to)
{
    void *piece = XML_GetBuffer(self->parser, PIECE);
    if (piece == NULL) {
        return lth_sheet__nomem(to);
    }
    int n = self->read(self->ctx, piece, PIECE, to);
    if (n < 0) {
        return (lth_err)n;
    }
    self->ended = n == 0;
    self->n_fed += n;
    *status = XML_ParseBuffer(self->parser, n, n == 0);
    XML_Index at = XML_GetCurrentByteIndex(self->parser);
    return *status == XML_STATUS_OK && at >= 0 && self->n_fed - at > TOKEN_MAX
               ? lth_sheet__fault(to, LTH_SHEET_FAULT_unreadable, "a tag of more than %d bytes",
                                  TOKEN_MAX)
               : LTH_OK;
}

static lth_err parse_error(lth_sheet__xml *self, const lth_sheet__report *to)
{
    enum XML_Error code = XML_GetErrorCode(self->parser);
    if (code == XML_ERROR_NO_MEMORY) {
        return lth_sheet__nomem(to);
    }
    return lth_sheet__fault(to, LTH_SHEET_FAULT_truncated, "XML line %lu: %s",
                            (unsigned long)XML_GetCurrentLineNumber(self->parser),
                            XML_ErrorString(code));
}

lth_err lth_sheet__xml_run(lth_sheet__xml *self, const lth_sheet__report *to)
{
    lth_err err = LTH_OK;
    enum XML_Status status = XML_STATUS_OK;
    if (self->err != LTH_OK) {
        return self->err;
    }
    self->to = to;
    bool resumed = self->stopped;
    self->stopped = false;
    if (resumed) {
        status = XML_ResumeParser(self->parser);
    }
    while (err == LTH_OK && status == XML_STATUS_OK) {
        err = self->ended ? LTH_E_NOT_FOUND : feed(self, &status, to);
    }
    if (err == LTH_OK) {
        err = self->err == LTH_OK && status == XML_STATUS_ERROR ? parse_error(self, to) : self->err;
    }
    self->to = NULL;
    self->err = err;
    return err;
}

lth_err lth_sheet__xml_all(lth_sheet__xml *self, const lth_sheet__report *to)
{
    lth_err err = lth_sheet__xml_begin(self, to);
    if (err == LTH_OK) {
        err = lth_sheet__xml_run(self, to);
    }
    lth_sheet__xml_fini(self);
    return err == LTH_E_NOT_FOUND ? LTH_OK : err;
}
