/* The XML of a workbook's parts, without the ZIP file around them. The first byte chooses the part:
 * relations, workbook, styles, shared strings, or a sheet that uses some of each. */
#include <stdlib.h>

#include "lib/sheet/xlsx.h"
#include "sheet_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char STYLES[] = "<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/>"
                             "<xf numFmtId=\"22\"/></cellXfs></styleSheet>";
static const char STRINGS[] = "<sst><si><t>a</t></si><si><t>_x000D_\nb</t></si><si/></sst>";

typedef struct source {
    const uint8_t *p;
    size_t n;
} source;

static int give(source *s, void *out, int n)
{
    size_t part = s->n < (size_t)n ? s->n : (size_t)n;
    if (part > 0) {
        memcpy(out, s->p, part);
    }
    s->p += part;
    s->n -= part;
    return (int)part;
}

static int read_source(void *ctx, void *out, int n, const lth_sheet__report *to)
{
    (void)to;
    return give(ctx, out, n);
}

static source cells;

static int read_cells(void *ctx, void *out, int n, const lth_sheet__report *to)
{
    (void)ctx;
    (void)to;
    return give(&cells, out, n);
}

static void document(lth_sheet__book *book, lth_sheet__document which, const void *p, size_t n)
{
    lth_sheet_fault fault = LTH_SHEET_FAULT_none;
    lth_diag diag;
    lth_sheet__report to = {&fault, &diag};
    source s = {.p = p, .n = n};
    lth_err err = lth_sheet__book_document(book, which, read_source, &s, &to);
    LTH_ASSERT(err == LTH_OK || (err == LTH_E_FORMAT && fault != LTH_SHEET_FAULT_none));
}

static void sheet_of(lth_sheet *self, lth_sheet__xlsx *x, const uint8_t *p, size_t n)
{
    lth_sheet_fault fault = LTH_SHEET_FAULT_none;
    lth_diag diag;
    lth_sheet__report to = {&fault, &diag};
    lth_sheet_row row;
    uint32_t last = 0;
    cells = (source){.p = p, .n = n};
    lth_sheet__look(x, lth_slice_of(p, n));
    x->xml.read = read_cells;
    lth_err err = lth_sheet__cells_begin(x, &to);
    while (err == LTH_OK && (err = lth_sheet__cells_next(x, &to)) == LTH_OK) {
        lth_sheet__row_give(&self->row, &row);
        check_row(&row, last);
        last = row.number;
    }
    LTH_ASSERT(err == LTH_E_NOT_FOUND || (err == LTH_E_FORMAT && fault != LTH_SHEET_FAULT_none));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static lth_sheet self;
    static lth_sheet__xlsx x;
    lth_sheet__book *book;
    if (size == 0) {
        return 0;
    }
    memset(&self, 0, sizeof self);
    memset(&x, 0, sizeof x);
    self.state = &x;
    lth_sheet__row_init(&self.row);
    lth_sheet__xlsx_init(&x, &self);
    LTH_ASSERT(lth_sheet__book_new(&book, &self) == LTH_OK);
    unsigned which = data[0] % (LTH_SHEET__N_DOCUMENTS + 1u);
    if (which < LTH_SHEET__N_DOCUMENTS) {
        document(book, (lth_sheet__document)which, data + 1, size - 1);
    } else {
        document(book, LTH_SHEET__STYLES, STYLES, sizeof STYLES - 1);
        document(book, LTH_SHEET__STRINGS, STRINGS, sizeof STRINGS - 1);
        sheet_of(&self, &x, data + 1, size - 1);
    }
    lth_sheet__book_free(&book);
    lth_sheet__xlsx_fini(&x);
    lth_sheet__row_fini(&self.row);
    for (uint32_t i = 0; i < self.n_sheets; i++) {
        free(self.names[i]);
    }
    return 0;
}
