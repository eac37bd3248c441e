#include "agents/capture/view.h"

#include <errno.h>

#include "agents/capture/session.h"
#include "agents/capture/split.h"
#include "lth/diag.h"

static lth_scan_fault take_columns(void *ctx, const char *const *names, uint32_t n,
                                   char detail[LTH_DETAIL_MAX])
{
    return split_columns(ctx, names, n, detail);
}

static lth_scan_fault take_row(void *ctx, const lth_cell *cells, uint32_t n,
                               char detail[LTH_DETAIL_MAX])
{
    return split_row(ctx, cells, n, detail);
}

/* The files are whole before the source is looked at again: names and rows end with the query. */
static lth_scan_fault read_all(void *ctx, source *db, char detail[LTH_DETAIL_MAX])
{
    split *self = ctx;
    const lth_capture_request *request = &self->request->source;
    const source_query query = {.text = request->tables[0].query,
                                .rows_limit = SPLIT_ROWS_MAX,
                                .seconds_max = request->seconds_max};
    const source_sink sink = {self, take_columns, take_row};
    lth_scan_fault fault = source_read(db, &query, &sink, detail);
    return fault == LTH_SCAN_none ? split_end(self, detail) : fault;
}

static void forget(void *ctx)
{
    split_undo(ctx);
}

static lth_err tell(const split *self, lth_scan_fault fault, const char *detail, int out)
{
    uint8_t end[LTH_CAPTURE_END_BYTES_MAX];
    rows told = {0};
    lth_err err = fault == LTH_SCAN_none ? split_tell(self, &told) : LTH_OK;
    if (!err)
        err = rows_write(&told, out);
    rows_clear(&told);
    size_t n = lth_capture_table_end_encode(
        end, &(lth_capture_table_end){.fault = fault, .detail = detail});
    if (!err)
        err = write_all(out, end, n);
    if (!err)
        err = write_all(out, end, lth_capture_end_encode(end));
    return err;
}

lth_err view_read(const lth_capture_view_request *request, int out)
{
    split self;
    char detail[LTH_DETAIL_MAX] = "";
    lth_scan_fault fault = LTH_SCAN_none;
    lth_err err = split_init(&self, request);
    if (err == LTH_E_IO) {
        fault = LTH_SCAN_not_written;
        (void)lth_format(detail, sizeof detail, "%s", strerrordesc_np(errno));
    } else if (!err) {
        session in = session_of(&request->source);
        fault = session_read(&in, &(session_task){&self, read_all, forget}, detail);
        session_close(&in);
    }
    if (err != LTH_E_NOMEM)
        err = tell(&self, fault, detail, out);
    split_fini(&self);
    return err;
}
