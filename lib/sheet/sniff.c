#include "internal.h"

#define HEAD_MAX 4096u

/* A start that says what a file is, or that it is none of ours. */
static const struct {
    const char *bytes;
    size_t n;
    lth_sheet_kind kind; /* 0: no table */
} STARTS[] = {
    {"PK\x03\x04", 4, LTH_SHEET_XLSX},
    {"PK\x05\x06", 4, 0}, /* a ZIP file without parts */
    {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8, LTH_SHEET_XLS},
    {"\x09\x00\x04\x00", 4, LTH_SHEET_XLS}, /* BIFF 2, 3 and 4: no container around */
    {"\x09\x02\x06\x00", 4, LTH_SHEET_XLS},
    {"\x09\x04\x06\x00", 4, LTH_SHEET_XLS},
    {"%PDF-", 5, 0},
    {"{\\rtf", 5, 0},
};

/* Beginnings of tags, in small letters. */
static const char *const HTML_TAGS[] = {
    "<html", "<table", "<!doctype html", "<head", "<meta", "<body", "<style", "<tr", "<div"};
static const char XML_SHEET[] = "urn:schemas-microsoft-com:office:spreadsheet";

/* The first characters in small letters, terminated; white space before them skipped. */
static void read_head(char out[HEAD_MAX + 1], lth_sheet *self)
{
    lth_sheet__text_begin(&self->in, self->fd, &self->survey);
    size_t n = 0;
    int c;
    while (n < HEAD_MAX && (c = lth_sheet__text_get(&self->in)) >= 0) {
        bool space = c == ' ' || (c >= '\t' && c <= '\r');
        if (n > 0 || !space) {
            out[n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
        }
    }
    out[n] = '\0';
}

static lth_sheet_kind sniff_markup(const char *head)
{
    /* a <Table> is in both, and Excel's own HTML may name that namespace too */
    if (strstr(head, XML_SHEET) != NULL && strstr(head, "<html") == NULL) {
        return LTH_SHEET_XML;
    }
    for (size_t i = 0; i < sizeof HTML_TAGS / sizeof HTML_TAGS[0]; i++) {
        if (strstr(head, HTML_TAGS[i]) != NULL) {
            return LTH_SHEET_HTML;
        }
    }
    return 0;
}

lth_sheet_kind lth_sheet__sniff(lth_sheet *self, const lth_sheet__report *to)
{
    const lth_sheet__survey *survey = &self->survey;
    const char *why = "no table in it: neither a workbook nor text";
    if (survey->size == 0 || survey->blank) {
        (void)lth_sheet__fault(to, LTH_SHEET_FAULT_empty, "nothing in the file");
        return 0;
    }
    for (size_t i = 0; i < sizeof STARTS / sizeof STARTS[0]; i++) {
        if (survey->size >= STARTS[i].n &&
            memcmp(survey->head, STARTS[i].bytes, STARTS[i].n) == 0) {
            if (STARTS[i].kind != 0) {
                return STARTS[i].kind;
            }
            (void)lth_sheet__fault(to, LTH_SHEET_FAULT_not_a_table, "%s", why);
            return 0;
        }
    }
    lth_sheet_kind kind = 0;
    if (!survey->binary) {
        char head[HEAD_MAX + 1];
        read_head(head, self);
        kind = head[0] == '<' ? sniff_markup(head) : LTH_SHEET_CSV;
    }
    if (kind == 0) {
        (void)lth_sheet__fault(to, LTH_SHEET_FAULT_not_a_table, "%s", why);
    }
    return kind;
}
