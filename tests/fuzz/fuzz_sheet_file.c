/* Any bytes as a file of unknown kind: CSV in all its encodings, HTML, XML of Excel 2003, the
 * records of old Excel files, and what ZIP makes of them. Every sheet is read to its end. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sheet_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_sheet(lth_sheet *sheet, uint32_t index)
{
    lth_sheet_fault fault;
    lth_diag diag;
    lth_sheet_row row;
    uint32_t last = 0;
    lth_err err = lth_sheet_select(sheet, index, &fault, &diag);
    while (err == LTH_OK && (err = lth_sheet_next(sheet, &row, &fault, &diag)) == LTH_OK) {
        check_row(&row, last);
        last = row.number;
    }
    LTH_ASSERT(err == LTH_E_NOT_FOUND || err == LTH_E_FORMAT);
    LTH_ASSERT((err == LTH_E_FORMAT) == (fault != LTH_SHEET_FAULT_none));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    lth_sheet *sheet;
    lth_sheet_fault fault;
    lth_diag diag;
    int fd = memfd_create("sheet", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    lth_err err = lth_sheet_open(&sheet, path, &fault, &diag);
    LTH_ASSERT((err == LTH_OK) == (sheet != NULL));
    LTH_ASSERT(err == LTH_OK || (err == LTH_E_FORMAT && fault != LTH_SHEET_FAULT_none));
    for (uint32_t i = 0; err == LTH_OK && i < lth_sheet_count(sheet); i++) {
        read_sheet(sheet, i);
    }
    lth_sheet_close(&sheet);
    (void)close(fd);
    return 0;
}
