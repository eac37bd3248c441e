#include "lth/sheet.h"

static const struct {
    const char *name, *vi, *en;
} FAULTS[] = {
#define X(name, number, vi, en) [LTH_SHEET_FAULT_##name] = {#name, vi, en},
    LTH_SHEET_FAULT_MAP(X)
#undef X
};
#define N_FAULTS (sizeof FAULTS / sizeof FAULTS[0])

static const char *const KINDS[] = {
    [LTH_SHEET_CSV] = "csv",   [LTH_SHEET_XLSX] = "xlsx", [LTH_SHEET_XLS] = "xls",
    [LTH_SHEET_HTML] = "html", [LTH_SHEET_XML] = "xml",
};

const char *lth_sheet_kind_name(lth_sheet_kind kind)
{
    size_t i = (size_t)kind;
    return i >= 1 && i < sizeof KINDS / sizeof KINDS[0] ? KINDS[i] : "unknown";
}

const char *lth_sheet_fault_name(lth_sheet_fault fault)
{
    size_t i = (size_t)fault;
    return i < N_FAULTS ? FAULTS[i].name : "unknown";
}

const char *lth_sheet_fault_text(lth_sheet_fault fault, bool english)
{
    size_t i = (size_t)fault;
    if (i >= N_FAULTS) {
        return "";
    }
    return english ? FAULTS[i].en : FAULTS[i].vi;
}
